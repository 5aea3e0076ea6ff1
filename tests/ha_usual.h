/* ha_usual.h - the decider's options as tests have them; what a test wants otherwise it sets. */
#ifndef VRM_TESTS_HA_USUAL_H
#define VRM_TESTS_HA_USUAL_H

#include "ha/ha.h"

#define USUAL_LEASE_MS 12000
#define USUAL_SLOT_MS  20000

static inline struct ha_options ha_usual(void)
{
    return (struct ha_options){
        .beat_ms = 1000,
        .agent_ms = 3000,
        .move_ms = 4000,
        .ask_ms = 1000,
        .stall_ms = 1000,
        .shoot_pause_ms = 10000,
        .lease_ms = USUAL_LEASE_MS,
        .slot_ms = USUAL_SLOT_MS,
        .brake_percent = 30,
        .max_starts = 16,
        .max_host_starts = 4,
        .max_failures = 3,
        .failure_ms = 3600000,
    };
}

#endif /* VRM_TESTS_HA_USUAL_H */
