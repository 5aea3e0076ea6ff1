/* ctl_private.h - what the files of a simulated decider share: ctl_leader.c, ctl_watch.c,
 * ctl_model.c, ctl_standin.c. */
#ifndef VRM_TESTS_SIM_CTL_PRIVATE_H
#define VRM_TESTS_SIM_CTL_PRIVATE_H

#include "tests/sim/world.h"

/* ctl_leader.c */
bool ctl_is_stand_in(const struct controller *self);
/* The key whose holder it is, when it leads. */
const struct ha_key *ctl_key_of(const struct controller *self);
void ctl_feed(struct world *world, int ctl, enum leader_event event, uint64_t request,
              int64_t value);

/* ctl_watch.c */
void ctl_list(struct world *world, int ctl);
event_fn ctl_relist;
void ctl_see_record(struct world *world, struct controller *self, const struct kv *kv,
                    int64_t asked_ms);

/* ctl_model.c */
void ctl_lead(struct world *world, int ctl);

/* ctl_standin.c */
/* The leader is missed, or there is one. */
void ctl_stand_by(struct world *world, int ctl, bool leaderless);
void ctl_stand_in_leads(struct world *world, int ctl);
void ctl_stand_in_tick(struct world *world, int ctl);
void ctl_stand_in_sees(struct world *world, struct controller *self, const struct kv *kv,
                       const struct ha_key *key);

#endif /* VRM_TESTS_SIM_CTL_PRIVATE_H */
