/* test_ha_tables.c - the tables of ha/: complete, no dead row, safe by their shape. */
#include "config.h"

#include "tests/suite.h"

#include "ha/host_fsm.h"
#include "ha/lease_fsm.h"
#include "ha/vm_fsm.h"

/* ---- hosts ----------------------------------------------------------------------------------- */

static struct host_facts host_facts_of(unsigned bits)
{
    return (struct host_facts){
        .in_maintenance = (bits & 1U) != 0,
        .reboot_expected = (bits & 2U) != 0,
        .may_shoot = (bits & 4U) != 0,
        .is_untrusted = (bits & 8U) != 0,
    };
}

START_TEST(every_state_and_sign_of_a_host_has_a_verdict_and_every_row_can_fire)
{
    bool fired[128] = { false };

    ck_assert_uint_le(host_n_rules, G_N_ELEMENTS(fired));
    for (unsigned state = 0; state < HOST_N_STATES; state++)
        for (unsigned sign = 0; sign < HOST_N_SIGNS; sign++)
            for (unsigned bits = 0; bits < 16; bits++) {
                const struct host_facts facts = host_facts_of(bits);
                const struct host_rule *rule = host_fsm_find(state, sign, &facts);

                fired[rule - host_rules] = true;
                ck_assert_msg((rule->from >> state & 1U) != 0 && (rule->on >> sign & 1U) != 0 &&
                                  (!rule->when || rule->when(&facts)),
                              "no row for %s in state %s", host_sign_name(sign),
                              host_fsm_state_name(state));
            }
    for (size_t i = 0; i < host_n_rules; i++)
        ck_assert_msg(fired[i], "row %d never fires", host_rules[i].id);
}
END_TEST

START_TEST(power_is_cut_only_under_total_silence_and_with_leave)
{
    const struct host_facts none = { 0 };

    for (size_t i = 0; i < host_n_rules; i++) {
        const struct host_rule *rule = &host_rules[i];

        if (rule->act != HOST_ACT_SHOOT)
            continue;
        ck_assert_uint_eq(rule->on, 1U << SIGN_SILENT);
        ck_assert(rule->when && !rule->when(&none));
        ck_assert(rule->to == HOST_FENCING || rule->to == HOST_STAY);
    }
}
END_TEST

START_TEST(a_host_is_called_dead_only_by_proof)
{
    for (size_t i = 0; i < host_n_rules; i++) {
        const struct host_rule *rule = &host_rules[i];

        if (rule->to == HOST_FENCED && (rule->from & 1U << HOST_QUARANTINE) == 0)
            ck_assert_uint_eq(rule->on, 1U << SIGN_DEAD);
    }
}
END_TEST

/* ---- VMs ------------------------------------------------------------------------------------- */

static struct vm_facts vm_facts_of(unsigned bits)
{
    return (struct vm_facts){
        .armed = (bits & 1U) != 0,
        .may_place = (bits & 2U) != 0,
        .follows_crash = (bits & 4U) != 0,
        .is_due = (bits & 8U) != 0,
        .has_turn = (bits & 16U) != 0,
        .should_leave = (bits & 32U) != 0,
        .awaits_slots = (bits & 64U) != 0,
        .at_limit = (bits & 128U) != 0,
    };
}

START_TEST(every_state_and_sign_of_a_vm_has_a_verdict_and_every_row_can_fire)
{
    bool fired[128] = { false };

    ck_assert_uint_le(vm_n_rules, G_N_ELEMENTS(fired));
    for (unsigned state = 0; state < VM_FSM_N_STATES; state++)
        for (unsigned sign = 0; sign < VM_N_SIGNS; sign++)
            for (unsigned bits = 0; bits < 256; bits++) {
                const struct vm_facts facts = vm_facts_of(bits);
                const struct vm_rule *rule = vm_fsm_find(state, sign, &facts);

                fired[rule - vm_rules] = true;
                ck_assert_msg((rule->from >> state & 1U) != 0 && (rule->on >> sign & 1U) != 0 &&
                                  (!rule->when || rule->when(&facts)),
                              "no row for %s in state %s", vm_sign_name(sign),
                              vm_fsm_state_name(state));
            }
    for (size_t i = 0; i < vm_n_rules; i++)
        ck_assert_msg(fired[i], "row %d never fires", vm_rules[i].id);
}
END_TEST

START_TEST(a_vm_is_placed_only_when_its_right_is_free)
{
    for (size_t i = 0; i < vm_n_rules; i++) {
        if (vm_rules[i].act == VM_ACT_PLACE)
            ck_assert_uint_eq(vm_rules[i].on, 1U << VM_SIGN_FREE);
        if (vm_rules[i].act == VM_ACT_START)
            ck_assert_uint_eq(vm_rules[i].on, 1U << VM_SIGN_DOWN);
    }
}
END_TEST

START_TEST(nothing_is_started_while_ha_is_disarmed)
{
    for (unsigned state = 0; state < VM_FSM_N_STATES; state++)
        for (unsigned sign = 0; sign < VM_N_SIGNS; sign++)
            for (unsigned bits = 0; bits < 256; bits += 2) {
                const struct vm_facts facts = vm_facts_of(bits);
                const enum vm_action act = vm_fsm_find(state, sign, &facts)->act;

                ck_assert(act != VM_ACT_PLACE && act != VM_ACT_START);
            }
}
END_TEST

START_TEST(the_back_off_grows_to_half_an_hour_and_stays_there)
{
    const int64_t expected_s[] = { 0, 0, 10, 30, 60, 300, 1800, 1800 };

    for (unsigned n = 0; n < G_N_ELEMENTS(expected_s); n++)
        ck_assert_int_eq(vm_fsm_backoff_ms(n), expected_s[n] * 1000);
    ck_assert_int_eq(vm_fsm_backoff_ms(1000), 1800000);
}
END_TEST

/* ---- leases ---------------------------------------------------------------------------------- */

static const struct lease_times times = { .length_ms = 12000, .renew_ms = 1500, .kill_ms = 2000 };

static const struct ha_owner self = { 101, HA_ETCD, { 7, 1 } };

START_TEST(every_state_and_event_of_a_lease_has_a_verdict_and_every_row_can_fire)
{
    bool fired[64] = { false };

    ck_assert_uint_le(lease_n_rules, G_N_ELEMENTS(fired));
    for (unsigned state = 0; state < LEASE_N_STATES; state++)
        for (unsigned event = 0; event < LEASE_N_EVENTS; event++)
            for (unsigned bits = 0; bits < 8; bits++) {
                struct lease_fsm fsm;
                const struct lease_rule *rule;

                lease_fsm_init(&fsm, &times, &self);
                fsm.state = state;
                fsm.in_flight = (bits & 1U) != 0;
                fsm.next_ms = (bits & 2U) != 0 ? 1000 : 0;
                fsm.until_ms = (bits & 4U) != 0 ? 400 : 9000;
                rule = lease_fsm_find(&fsm, event, 500);
                fired[rule - lease_rules] = true;
                ck_assert_msg((rule->from >> state & 1U) != 0 && (rule->on >> event & 1U) != 0 &&
                                  (!rule->when || rule->when(&fsm, 500)),
                              "no row for %s in state %s", lease_event_name(event),
                              lease_state_name(state));
            }
    for (size_t i = 0; i < lease_n_rules; i++)
        ck_assert_msg(fired[i], "row %d never fires", lease_rules[i].id);
}
END_TEST

static const struct lease_rule *step_at(struct lease_fsm *fsm, int64_t now_ms,
                                        enum lease_event event, int64_t version)
{
    const struct lease_input input = {
        .event = event, .now_ms = now_ms, .request = fsm->request, .version = version
    };

    return lease_fsm_step(fsm, &input);
}

START_TEST(a_lease_counts_from_the_sending_and_ends_in_a_kill)
{
    struct lease_fsm fsm;

    lease_fsm_init(&fsm, &times, &self);
    ck_assert_int_eq(step_at(&fsm, 1000, LSE_TICK, 0)->act, LSA_RENEW);
    ck_assert_int_eq(step_at(&fsm, 1900, LSE_RENEWED, 5)->act, LSA_HOLD);
    ck_assert(lease_fsm_holds(&fsm, 10999));
    ck_assert(!lease_fsm_holds(&fsm, 11000));
    ck_assert_int_eq(lease_fsm_deadline(&fsm), 13000);
    ck_assert_int_eq(step_at(&fsm, 11000, LSE_TICK, 0)->act, LSA_KILL);
    ck_assert_int_eq(step_at(&fsm, 11250, LSE_TICK, 0)->act, LSA_KILL);
    ck_assert_int_eq(step_at(&fsm, 11400, LSE_EMPTY, 0)->act, LSA_REBORN);
    ck_assert_uint_eq(fsm.self.inc.n, 2);
    ck_assert_int_eq(lease_fsm_deadline(&fsm), INT64_MAX);
}
END_TEST

START_TEST(a_lost_answer_is_followed_by_the_record_s_version_not_by_trust)
{
    struct lease_fsm fsm;

    lease_fsm_init(&fsm, &times, &self);
    step_at(&fsm, 0, LSE_TICK, 0);
    step_at(&fsm, 10, LSE_RENEWED, 5);
    step_at(&fsm, 1500, LSE_TICK, 0);
    step_at(&fsm, 2500, LSE_UNKNOWN, 0);
    ck_assert(lease_fsm_holds(&fsm, 9999));
    ck_assert(!lease_fsm_holds(&fsm, 10000)); /* the lost one prolonged nothing */
    step_at(&fsm, 3000, LSE_TICK, 0);
    ck_assert_int_eq(step_at(&fsm, 3010, LSE_OURS, 6)->act, LSA_RENEW);
    ck_assert_int_eq(fsm.version, 6);
    step_at(&fsm, 3020, LSE_RENEWED, 7);
    ck_assert(lease_fsm_holds(&fsm, 13009));
}
END_TEST

START_TEST(a_buried_incarnation_is_killed_and_never_comes_back)
{
    struct lease_fsm fsm;
    struct ha_txn txn;

    lease_fsm_init(&fsm, &times, &self);
    step_at(&fsm, 0, LSE_TICK, 0);
    step_at(&fsm, 10, LSE_RENEWED, 5);
    step_at(&fsm, 1500, LSE_TICK, 0);
    ck_assert_int_eq(step_at(&fsm, 1510, LSE_FENCED, 0)->act, LSA_KILL);
    ck_assert(!lease_fsm_holds(&fsm, 1511));
    step_at(&fsm, 1600, LSE_EMPTY, 0);
    ck_assert_int_eq(step_at(&fsm, 1700, LSE_TICK, 0)->act, LSA_RENEW);
    lease_fsm_request(&fsm, &txn);
    ck_assert_uint_eq(txn.n_puts, 2); /* the new record, and the former one's tombstone */
    ck_assert_int_eq(txn.puts[1].record.fence.proof, HA_PROOF_LAPSED);
}
END_TEST

START_TEST(an_answer_to_an_older_request_changes_nothing)
{
    struct lease_fsm fsm, before;
    const struct lease_input old = { .event = LSE_RENEWED, .now_ms = 1600, .request = 1 };

    lease_fsm_init(&fsm, &times, &self);
    step_at(&fsm, 0, LSE_TICK, 0);
    step_at(&fsm, 1000, LSE_UNKNOWN, 0);
    step_at(&fsm, 1500, LSE_TICK, 0);
    before = fsm;
    ck_assert_int_eq(lease_fsm_step(&fsm, &old)->id, 1);
    ck_assert_mem_eq(&fsm, &before, sizeof fsm);
}
END_TEST

SUITE_MAIN("ha_tables",
           SUITE_TEST(every_state_and_sign_of_a_host_has_a_verdict_and_every_row_can_fire),
           SUITE_TEST(power_is_cut_only_under_total_silence_and_with_leave),
           SUITE_TEST(a_host_is_called_dead_only_by_proof),
           SUITE_TEST(every_state_and_sign_of_a_vm_has_a_verdict_and_every_row_can_fire),
           SUITE_TEST(a_vm_is_placed_only_when_its_right_is_free),
           SUITE_TEST(nothing_is_started_while_ha_is_disarmed),
           SUITE_TEST(the_back_off_grows_to_half_an_hour_and_stays_there),
           SUITE_TEST(every_state_and_event_of_a_lease_has_a_verdict_and_every_row_can_fire),
           SUITE_TEST(a_lease_counts_from_the_sending_and_ends_in_a_kill),
           SUITE_TEST(a_lost_answer_is_followed_by_the_record_s_version_not_by_trust),
           SUITE_TEST(a_buried_incarnation_is_killed_and_never_comes_back),
           SUITE_TEST(an_answer_to_an_older_request_changes_nothing))
