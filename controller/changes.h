/* changes.h - tells those who watch (api/feed.h) what has changed.
 *
 * Of objects it is the difference between one published snapshot and the next: level-triggered, so
 * whatever changes an object, is told, also what a reload of the inventory brings.  Events, alarms
 * and DPM's recommendations are in no snapshot and are told when they have been written.  What was
 * there when this controller became active is no news.  Loop thread only. */
#ifndef VRM_CONTROLLER_CHANGES_H
#define VRM_CONTROLLER_CHANGES_H

#include "api/feed.h"
#include "controller/inventory.h"
#include "model/alarm.h"

typedef struct Changes Changes;

/* Both are borrowed; of inv the snapshots are watched from now on. */
Changes *changes_new(Feed *feed, Inventory *inv);
void changes_free(Changes *changes);

/* The inventory as published now is known, and we lead under this epoch: changes are told from now
 * on. */
void changes_start(Changes *changes, int64_t epoch);
void changes_stop(Changes *changes, const char *why);

/* Each has just been written. */
void changes_tell_event(Changes *changes, const struct event *event);
void changes_tell_alarm(Changes *changes, const Alarm *alarm);
/* A verdict that is in no snapshot; before NULL: none. */
void changes_tell_report(Changes *changes, const DrsReport *before, const DrsReport *now);

#endif /* VRM_CONTROLLER_CHANGES_H */
