/* test_ha_grips.c - ha.h: which of a silent host's leases must be proved over before it counts as
 * dead. */
#include "config.h"

#include "ha/ha.h"
#include "tests/ha_usual.h"
#include "tests/suite.h"

#define STORE (HA_STORAGE + 3)

static const struct ha_inc life = { 0xaa, 1 }, former = { 0xaa, 0 };

static const struct {
    const struct ha_inc *named; /* by a VM's record under the datastore; NULL: none is */
    bool seen;                  /* its slot, by another host */
    enum host_fsm_state state;  /* once its lease in etcd is over and buried */
} rows[] = {
    { NULL, false, HOST_FENCED },    /* registered, and never seen: protects nothing */
    { &former, false, HOST_FENCED }, /* nor what an earlier life of it had */
    { &life, false, HOST_FENCING },  /* after a take-over: a VM lives by it, whoever reads it */
    { NULL, true, HOST_FENCING },
};

static void answer_burials(Ha *ha, const struct ha_actions *actions)
{
    for (size_t i = 0; i < actions->len; i++) {
        const struct ha_owner dead = { 101, HA_ETCD, life };

        if (actions->items[i].act != HA_DO_BURY)
            continue;
        ha_see_fence(ha, &dead);
        ha_answered(ha, actions->items[i].request, HA_DONE, 0);
    }
}

static void add_vm(Ha *ha, const struct ha_inc *inc)
{
    const struct ha_vm_spec spec = {
        .id = 1, .authority = STORE, .after = -1, .follows_host = true, .follows_crash = true
    };
    const struct ha_vm_right right = {
        .gen = 1, .n_owners = 1, .owners = { { 101, STORE, *inc } }, .claimed = true
    };
    const int vm = ha_add_vm(ha, &spec);

    ha_see_right(ha, vm, 1, &right);
    ha_set_wanted(ha, vm, true);
}

START_TEST(a_silent_host_is_dead_once_each_lease_that_protects_a_vm_is_over)
{
    const struct ha_options options = ha_usual();
    Ha *ha = ha_new(&options, (struct ha_mandate){ 5, 5 });
    const int host = ha_add_host(ha, 101, false);
    const struct ha_lease_seen lease = { { life, 1, USUAL_LEASE_MS }, 1, 0 };
    const struct ha_slot_seen slot = { life, 1, 0, USUAL_SLOT_MS };
    struct ha_actions actions = { 0 };

    ha_see_lease(ha, host, HA_ETCD, &lease, 0);
    ha_see_lease(ha, host, STORE, &lease, 0);
    if (rows[_i].seen)
        ha_see_slot(ha, host, STORE, &slot, 0);
    if (rows[_i].named)
        add_vm(ha, rows[_i].named);
    for (int64_t now_ms = 0; now_ms <= USUAL_LEASE_MS + 2000; now_ms += 200) {
        ha_see_etcd(ha, now_ms);
        ha_actions_clear(&actions);
        ha_tick(ha, now_ms, &actions);
        answer_burials(ha, &actions);
    }
    ck_assert_str_eq(host_fsm_state_name(ha_host_state(ha, host)),
                     host_fsm_state_name(rows[_i].state));
    ha_actions_clear(&actions);
    ha_free(ha);
}
END_TEST

SUITE_MAIN("ha_grips",
           SUITE_LOOP(a_silent_host_is_dead_once_each_lease_that_protects_a_vm_is_over, rows))
