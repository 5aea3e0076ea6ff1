/* change_text.h - what a change is told as: one line of JSON each, with the keys that GET of the
 * object has.  Pure; the caller frees. */
#ifndef VRM_CONTROLLER_CHANGE_TEXT_H
#define VRM_CONTROLLER_CHANGE_TEXT_H

#include "model/alarm.h"
#include "model/snapshot.h"

/* before NULL: created; now NULL: deleted.  snap: the inventory with now, for names. */
#define CHANGE_TEXT(Type, prefix)                                                                  \
    char *change_text_##prefix(const Snapshot *snap, const Type *before, const Type *now);
CHANGE_TEXT(Task, task)
CHANGE_TEXT(Vm, vm)
CHANGE_TEXT(Host, host)
CHANGE_TEXT(Cluster, cluster)
CHANGE_TEXT(Group, group)
CHANGE_TEXT(Rule, rule)
#undef CHANGE_TEXT

/* As it is now. */
char *change_text_recommendation(const Snapshot *snap, const Recommendation *rec, bool is_new);
char *change_text_event(const Snapshot *snap, const struct event *event);
char *change_text_alarm(const Snapshot *snap, const Alarm *alarm);

#endif /* VRM_CONTROLLER_CHANGE_TEXT_H */
