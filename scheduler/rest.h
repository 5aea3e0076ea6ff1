/* rest.h - how long a VM rests after a move.
 *
 * The cool-down of the policy, and twice as long each time it flaps: when DRS moves it again within
 * eight times the rest that the last move gave it.  Urgent moves (rules, overload) do not wait for
 * the end of a rest.  Pure; any thread. */
#ifndef VRM_SCHEDULER_REST_H
#define VRM_SCHEDULER_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "model/types.h"

/* From vm->moved_ms on: the cool-down, at most 32 times. */
int64_t rest_length_ms(const Vm *vm, int64_t cooldown_ms);
bool rest_is_over(const Vm *vm, int64_t now_wall_ms, int64_t cooldown_ms);

/* The VM was moved just now: sets moved_ms and flaps.  by_drs: not a person, not a drain. */
void rest_begin(Vm *vm, bool by_drs, int64_t now_wall_ms, int64_t cooldown_ms);

#endif /* VRM_SCHEDULER_REST_H */
