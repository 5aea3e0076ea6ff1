/* start_pace.h - when a start that was refused is tried again, and when its refusal is told.
 *
 * Something changed: soon; otherwise after 10 s, then twice as long each time up to 5 minutes.  A
 * refusal is told when its reason is another one than was told last; figures that only move within
 * it are none.  Pure: time is an argument. */
#ifndef VRM_CONTROLLER_START_PACE_H
#define VRM_CONTROLLER_START_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct start_pace {
    int64_t refused_ms; /* the last time */
    unsigned n_refused; /* 0: never, it is due at once */
    uint64_t world;     /* what there was when it was tried last; any hash */
    int reason;         /* told last */
    int64_t told_ms;
    char *told;
};

void start_pace_clear(struct start_pace *pace);

/* May it be tried now?  world: what there is now. */
bool start_pace_is_due(const struct start_pace *pace, int64_t now_ms, uint64_t world);
/* It was tried, with world as it was then, and refused.  True: this is to be told. */
bool start_pace_refused(struct start_pace *pace, int64_t now_ms, int reason, const char *text);

#endif /* VRM_CONTROLLER_START_PACE_H */
