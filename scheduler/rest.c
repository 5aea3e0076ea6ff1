/* rest.c - see rest.h. */
#include "config.h"

#include "scheduler/rest.h"

#define MAX_FLAPS   5 /* 32 times the cool-down */
#define PEACE       8 /* rests without a move end the flapping */
#define MAX_COOL_MS INT64_C(1000000000)

int64_t rest_length_ms(const Vm *vm, int64_t cooldown_ms)
{
    return CLAMP(cooldown_ms, 0, MAX_COOL_MS) << CLAMP(vm->flaps, 0, MAX_FLAPS);
}

bool rest_is_over(const Vm *vm, int64_t now_wall_ms, int64_t cooldown_ms)
{
    return vm->moved_ms <= 0 || now_wall_ms - vm->moved_ms >= rest_length_ms(vm, cooldown_ms);
}

void rest_begin(Vm *vm, bool by_drs, int64_t now_wall_ms, int64_t cooldown_ms)
{
    int64_t peace_ms = PEACE * rest_length_ms(vm, cooldown_ms);

    if (vm->moved_ms <= 0 || now_wall_ms - vm->moved_ms >= peace_ms)
        vm->flaps = 0;
    else if (by_drs)
        vm->flaps = MIN(vm->flaps + 1, MAX_FLAPS);
    vm->moved_ms = now_wall_ms;
}
