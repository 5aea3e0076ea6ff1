/* test_ha_right.c - each transaction of ha/right.h with every comparison that makes it safe, and
 * ha/keeper.h's second lines of defence, which no single fault can show. */
#include "config.h"

#include "tests/suite.h"

#include <inttypes.h>

#include "ha/keeper.h"

static const struct ha_owner h1 = { 101, HA_ETCD, { 7, 1 } };
static const struct ha_owner h2 = { 102, HA_ETCD, { 8, 3 } };
static const struct ha_mandate leader = { false, 40 };
static const struct ha_mandate stand_in = { true, 50 };

/* ---- transactions as text -------------------------------------------------------------------- */

static void print_key(GString *text, const struct ha_key *key)
{
    static const char *const names[] = { "leader", "recovery", "lease", "fence", "vm" };

    g_string_append(text, names[key->kind]);
    if (key->kind == HA_KEY_VM)
        g_string_append_printf(text, " %" PRId64, key->id);
    if (key->kind == HA_KEY_LEASE)
        g_string_append_printf(text, " %" PRId64, key->id);
    if (key->kind == HA_KEY_FENCE)
        g_string_append_printf(text, " %" PRId64 ".%" PRIu64 ".%u", key->id, key->inc.boot,
                               key->inc.n);
}

static void print_vm(GString *text, const struct ha_vm_right *right)
{
    g_string_append_printf(text, " gen %" PRId64, right->gen);
    for (unsigned i = 0; i < right->n_owners; i++)
        g_string_append_printf(text, " of %" PRId64, right->owners[i].host);
    if (right->claimed)
        g_string_append(text, " claimed");
}

static void print_compare(GString *text, const struct ha_compare *compare)
{
    g_string_append(text, text->len > 0 ? ", " : "");
    print_key(text, &compare->key);
    if (compare->kind == HA_EXISTS)
        g_string_append(text, " exists");
    else if (compare->revision == 0)
        g_string_append(text, " absent");
    else
        g_string_append_printf(text,
                               compare->kind == HA_CREATED_IS ? " made %" PRId64 : " at %" PRId64,
                               compare->revision);
}

static char *print_txn(const struct ha_txn *txn)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < txn->n_compares; i++)
        print_compare(text, &txn->compares[i]);
    for (unsigned i = 0; i < txn->n_puts; i++) {
        g_string_append(text, i == 0 ? " -> " : ", ");
        print_key(text, &txn->puts[i].key);
        if (txn->puts[i].key.kind == HA_KEY_VM)
            print_vm(text, &txn->puts[i].record.vm);
    }
    return g_string_free(text, FALSE);
}

static struct ha_vm_seen seen_of(unsigned n_owners, bool claimed)
{
    struct ha_vm_seen seen = { .vm = 9, .version = 33 };

    seen.right.gen = 4;
    seen.right.n_owners = n_owners;
    seen.right.claimed = claimed;
    seen.right.owners[0] = n_owners > 0 ? h1 : (struct ha_owner){ 0 };
    seen.right.owners[1] = n_owners > 1 ? h2 : (struct ha_owner){ 0 };
    return seen;
}

/* ---- one function a row ---------------------------------------------------------------------- */

static void do_renew(struct ha_txn *txn)
{
    const struct ha_lease_record record = { h1.inc, 5, 12000 };

    right_renew(&h1, 20, h1.inc, &record, txn);
}

static void do_renew_over_former(struct ha_txn *txn)
{
    const struct ha_lease_record record = { h1.inc, 5, 12000 };

    right_renew(&h1, 20, (struct ha_inc){ 6, 2 }, &record, txn);
}

static void do_claim(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(1, false);

    right_claim(&h1, &seen, txn);
}

static void do_release(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(1, true);

    right_release(&h1, &seen, txn);
}

static void do_release_of_two(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(2, true);

    right_release(&h1, &seen, txn);
}

static void do_fence(struct ha_txn *txn)
{
    right_fence(&leader, &h1, 20, HA_PROOF_STILL, txn);
}

static void do_fence_as_stand_in(struct ha_txn *txn)
{
    right_fence(&stand_in, &h1, 20, HA_PROOF_STILL, txn);
}

static void do_fence_of_storage(struct ha_txn *txn)
{
    const struct ha_owner slot = { 101, HA_STORAGE, { 7, 1 } };

    right_fence(&leader, &slot, 20, HA_PROOF_STILL, txn);
}

static void do_assign_claimed(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(1, true);

    right_assign(&leader, &seen, &h2, txn);
}

static void do_assign_of_two(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(2, true);

    right_assign(&leader, &seen, &h2, txn);
}

static void do_assign_unclaimed(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(1, false);

    right_assign(&leader, &seen, &h2, txn);
}

static void do_assign_new(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(0, false);

    right_assign(&leader, &seen, &h2, txn);
}

static void do_share(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(1, true);

    right_share(&leader, &seen, &h2, txn);
}

static void do_settle_on_source(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(2, true);

    right_settle(&leader, &seen, 0, txn);
}

static void do_settle_on_target(struct ha_txn *txn)
{
    const struct ha_vm_seen seen = seen_of(2, true);

    right_settle(&leader, &seen, 1, txn);
}

static const struct {
    void (*fill)(struct ha_txn *txn);
    const char *text;
} txns[] = {
    { do_renew, "lease 101 at 20, fence 101.7.1 absent -> lease 101" },
    { do_renew_over_former, "lease 101 at 20, fence 101.7.1 absent -> lease 101, fence 101.6.2" },
    { do_claim, "vm 9 at 33, fence 101.7.1 absent -> vm 9 gen 4 of 101 claimed" },
    { do_release, "vm 9 at 33 -> vm 9 gen 4" },
    { do_release_of_two, "vm 9 at 33 -> vm 9 gen 4 of 102 claimed" },
    { do_fence, "leader made 40, lease 101 at 20 -> fence 101.7.1" },
    { do_fence_as_stand_in, "recovery made 50, leader absent, lease 101 at 20 -> fence 101.7.1" },
    { do_fence_of_storage, "leader made 40, lease 101 at 20 -> fence 101.7.1" },
    { do_assign_claimed, "leader made 40, vm 9 at 33, fence 101.7.1 exists, fence 102.8.3 absent "
                         "-> vm 9 gen 5 of 102" },
    { do_assign_of_two, "leader made 40, vm 9 at 33, fence 101.7.1 exists, fence 102.8.3 exists, "
                        "fence 102.8.3 absent -> vm 9 gen 5 of 102" },
    { do_assign_unclaimed,
      "leader made 40, vm 9 at 33, fence 102.8.3 absent -> vm 9 gen 5 of 102" },
    { do_assign_new, "leader made 40, vm 9 at 33, fence 102.8.3 absent -> vm 9 gen 5 of 102" },
    { do_share, "leader made 40, vm 9 at 33, fence 101.7.1 absent, fence 102.8.3 absent "
                "-> vm 9 gen 4 of 101 of 102 claimed" },
    { do_settle_on_source, "leader made 40, vm 9 at 33 -> vm 9 gen 4 of 101 claimed" },
    { do_settle_on_target, "leader made 40, vm 9 at 33 -> vm 9 gen 5 of 102 claimed" },
    { right_take_recovery, "leader absent, recovery absent -> recovery" },
};

START_TEST(each_transaction_carries_its_comparisons)
{
    struct ha_txn txn;
    g_autofree char *text = NULL;

    txns[_i].fill(&txn);
    text = print_txn(&txn);
    ck_assert_str_eq(text, txns[_i].text);
}
END_TEST

/* ---- the keeper ------------------------------------------------------------------------------ */

static const struct lease_times times = { .length_ms = 12000, .renew_ms = 1500, .kill_ms = 2000 };

/* Each test runs in its own process. */
static struct keeper keeper;
static struct keeper_actions actions;

static bool takes(enum keeper_act act)
{
    bool found = false;

    for (size_t i = 0; i < actions.len; i++)
        found |= actions.items[i].act == act;
    actions.len = 0;
    return found;
}

static void hold_lease(void)
{
    struct lease_input renewed = { .event = LSE_RENEWED, .now_ms = 10, .version = 20 };

    keeper_init(&keeper, h1.host, 10000);
    keeper_add_lease(&keeper, &times, &h1);
    keeper_tick(&keeper, 0, &actions);
    renewed.request = keeper.leases[0].request;
    keeper_renewed(&keeper, HA_ETCD, &renewed, &actions);
    actions.len = 0;
}

static void ask_and_claim(int64_t answered_ms, bool done)
{
    const struct ha_vm_seen seen = seen_of(1, false);
    struct keeper_answer answer = { .known = true, .done = done, .version = 34 };

    keeper_ask(&keeper, &seen, 100, &actions);
    ck_assert(takes(KEEPER_CLAIM));
    answer.request = keeper.n_requests;
    answer.right = seen_of(1, true).right;
    keeper_answered(&keeper, 9, &answer, answered_ms, &actions);
}

START_TEST(a_claim_that_wins_lets_the_vm_start_and_run)
{
    hold_lease();

    ask_and_claim(120, true);
    ck_assert(takes(KEEPER_ALLOW));
    ck_assert(keeper_see_process(&keeper, 9, true));
    ck_assert(keeper_may_run(&keeper, 9, 200));
    ck_assert(!keeper_may_run(&keeper, 9, 10000)); /* no tick came to end the lease */
}
END_TEST

START_TEST(a_claim_that_wins_after_the_lease_ended_is_refused)
{
    hold_lease();

    ask_and_claim(10000, true);
    ck_assert(takes(KEEPER_REFUSE));
    ck_assert(!keeper_may_run(&keeper, 9, 10000));
}
END_TEST

START_TEST(a_claim_that_loses_is_refused)
{
    hold_lease();

    ask_and_claim(120, false);
    ck_assert(takes(KEEPER_REFUSE));
    ck_assert(!keeper_may_run(&keeper, 9, 130));
}
END_TEST

START_TEST(a_right_of_another_host_or_life_is_refused_at_once)
{
    struct ha_vm_seen seen = seen_of(1, false);

    hold_lease();
    seen.right.owners[0] = h2;
    keeper_ask(&keeper, &seen, 100, &actions);
    ck_assert(takes(KEEPER_REFUSE));
    seen.right.owners[0] = h1;
    seen.right.owners[0].inc.n = 2;
    keeper_ask(&keeper, &seen, 100, &actions);
    ck_assert(takes(KEEPER_REFUSE));
}
END_TEST

START_TEST(a_process_without_a_right_is_to_be_killed)
{
    hold_lease();

    ck_assert(!keeper_see_process(&keeper, 9, true));
    ck_assert(keeper_see_process(&keeper, 9, false));
}
END_TEST

START_TEST(a_running_vm_s_right_is_not_given_back)
{
    hold_lease();

    ask_and_claim(120, true);
    keeper_see_process(&keeper, 9, true);
    actions.len = 0;
    keeper_give_up(&keeper, 9, 200, &actions);
    ck_assert(!takes(KEEPER_RELEASE));
    keeper_see_process(&keeper, 9, false);
    keeper_give_up(&keeper, 9, 300, &actions);
    ck_assert(takes(KEEPER_RELEASE));
}
END_TEST

START_TEST(the_watchdog_is_petted_only_while_the_lease_covers_it)
{
    hold_lease();

    ask_and_claim(120, true);
    keeper_see_process(&keeper, 9, true);
    actions.len = 0;
    keeper_tick(&keeper, 1999, &actions);
    ck_assert(takes(KEEPER_PET));
    keeper_tick(&keeper, 2001, &actions);
    ck_assert(!takes(KEEPER_PET));
    keeper_see_process(&keeper, 9, false); /* nothing left to protect others from */
    keeper_tick(&keeper, 2300, &actions);
    ck_assert(takes(KEEPER_PET));
}
END_TEST

/* What was renewed before may stand for its whole length: only a record that says less cuts it. */
START_TEST(shorter_times_count_from_the_sending_of_the_next_renewal)
{
    const struct lease_times shorter = { .length_ms = 8000, .renew_ms = 1500, .kill_ms = 2000 };
    struct lease_input unknown = { .event = LSE_UNKNOWN, .now_ms = 2900 };

    hold_lease(); /* counted from 0 */
    ask_and_claim(120, true);
    keeper_see_process(&keeper, 9, true);
    keeper_set_times(&keeper, HA_ETCD, &shorter, 6000);
    ck_assert_int_eq(keeper.watchdog_ms, 6000);
    ck_assert_int_eq(keeper.leases[0].until_ms, 10000);
    ck_assert_int_eq(keeper_deadline(&keeper), 12000);
    keeper_tick(&keeper, 2500, &actions); /* a first write, which may be seen or not */
    ck_assert_int_eq(keeper.leases[0].until_ms, 8500);
    ck_assert_int_eq(keeper_deadline(&keeper), 10500);
    unknown.request = keeper.leases[0].request;
    keeper_renewed(&keeper, HA_ETCD, &unknown, &actions);
    keeper_tick(&keeper, 4500, &actions); /* the second does not lengthen what the first said */
    ck_assert_int_eq(keeper_deadline(&keeper), 10500);
    keeper_set_times(&keeper, HA_ETCD, &times, 10000);
    ck_assert_int_eq(keeper_deadline(&keeper), 10500);
    ck_assert_int_eq(keeper.watchdog_ms, 6000);
}
END_TEST

/* The length that the renewal sent at `now` says, answered 100 ms later. */
static int64_t renew_at(int64_t now_ms)
{
    struct lease_input renewed = { .event = LSE_RENEWED, .now_ms = now_ms + 100, .version = 30 };
    struct ha_txn txn;

    keeper_tick(&keeper, now_ms, &actions);
    lease_fsm_request(&keeper.leases[0], &txn);
    renewed.request = keeper.leases[0].request;
    keeper_renewed(&keeper, HA_ETCD, &renewed, &actions);
    ck_assert_int_eq(keeper.leases[0].counted_ms, now_ms);
    return txn.puts[0].record.lease.length_ms;
}

static const struct lease_times longer = { .length_ms = 60000, .renew_ms = 1500, .kill_ms = 2000 };

START_TEST(what_a_renewal_says_is_what_is_kept)
{
    hold_lease();
    ck_assert_int_eq(renew_at(2000), 12000);
    ck_assert_int_eq(lease_fsm_deadline(&keeper.leases[0]), 14000);
    keeper_set_times(&keeper, HA_ETCD, &longer, 10000);
    ck_assert_int_eq(keeper.leases[0].until_ms, 12000);
    ck_assert_int_eq(lease_fsm_deadline(&keeper.leases[0]), 14000);
    ck_assert_int_eq(renew_at(4000), 60000);
    ck_assert_int_eq(keeper.leases[0].until_ms, 62000);
    ck_assert_int_eq(lease_fsm_deadline(&keeper.leases[0]), 64000);
    keeper_set_times(&keeper, HA_ETCD, &times, 10000);
    ck_assert_int_eq(lease_fsm_deadline(&keeper.leases[0]), 64000);
    ck_assert_int_eq(renew_at(6000), 12000);
    ck_assert_int_eq(keeper.leases[0].until_ms, 16000);
    ck_assert_int_eq(lease_fsm_deadline(&keeper.leases[0]), 18000);
}
END_TEST

START_TEST(a_renewal_that_said_less_than_is_set_by_now_keeps_what_it_said)
{
    struct lease_input renewed = { .event = LSE_RENEWED, .now_ms = 2900, .version = 30 };

    hold_lease();
    keeper_tick(&keeper, 2000, &actions);
    renewed.request = keeper.leases[0].request;
    keeper_set_times(&keeper, HA_ETCD, &longer, 10000);
    keeper_renewed(&keeper, HA_ETCD, &renewed, &actions);
    ck_assert_int_eq(keeper.leases[0].counted_ms, 2000);
    ck_assert_int_eq(keeper.leases[0].until_ms, 12000);
    ck_assert_int_eq(lease_fsm_deadline(&keeper.leases[0]), 14000);
}
END_TEST

/* Else an etcd that is slow just then would cost the host, though its lease holds. */
START_TEST(until_longer_times_are_in_force_the_watchdog_is_petted_as_before)
{
    hold_lease(); /* kept until 12000 */
    ask_and_claim(120, true);
    keeper_see_process(&keeper, 9, true);
    keeper_set_times(&keeper, HA_ETCD, &longer, 50000);
    actions.len = 0;
    keeper_tick(&keeper, 1400, &actions);
    ck_assert(takes(KEEPER_PET));
    ck_assert_int_eq(keeper.armed_until_ms, 11400);
    ck_assert_int_eq(renew_at(2000), 60000);
    actions.len = 0;
    keeper_tick(&keeper, 2200, &actions);
    ck_assert(takes(KEEPER_PET));
    ck_assert_int_eq(keeper.armed_until_ms, 52200);
}
END_TEST

/* The shell could not arm it anew: it fires at 52000 if vrm-hald stands still now. */
START_TEST(a_renewal_says_the_watchdog_s_time_while_that_is_longer)
{
    hold_lease();
    keeper.armed_until_ms = 52000;
    ck_assert_int_eq(renew_at(2000), 50000);
    ck_assert_int_eq(lease_fsm_deadline(&keeper.leases[0]), 52000);
}
END_TEST

START_TEST(vms_of_an_earlier_process_count_until_a_sweep_has_looked)
{
    const struct ha_vm_seen seen = seen_of(1, true);

    keeper_init(&keeper, h1.host, 10000);
    keeper_resume_lease(&keeper, &times, &h1, 0); /* over long ago */
    keeper_adopt(&keeper, &seen, HA_ETCD);
    keeper_tick(&keeper, 50000, &actions);
    ck_assert(takes(KEEPER_KILL));
    keeper_tick(&keeper, 50250, &actions);
    ck_assert_int_eq(keeper.leases[0].state, LEASE_LAPSED); /* not buried over a living process */
    actions.len = 0;
    keeper_see_process(&keeper, 9, false);
    keeper_tick(&keeper, 50500, &actions);
    ck_assert_uint_eq(keeper.leases[0].self.inc.n, h1.inc.n + 1);
}
END_TEST

START_TEST(no_vm_runs_under_a_watchdog_that_was_armed_past_its_lease)
{
    hold_lease(); /* counted from 0 */
    keeper_tick(&keeper, 5000, &actions);
    ck_assert(takes(KEEPER_PET)); /* no VM here: until 15000 */
    ask_and_claim(5100, true);
    keeper_see_process(&keeper, 9, true);
    ck_assert(!keeper_may_run(&keeper, 9, 5200));
}
END_TEST

START_TEST(a_local_vm_needs_no_lease)
{
    struct ha_vm_seen seen = seen_of(1, false);

    seen.right.owners[0].authority = HA_LOCAL;
    keeper_init(&keeper, h1.host, 10000);
    keeper_ask(&keeper, &seen, 100, &actions);
    ck_assert(takes(KEEPER_ALLOW));
    ck_assert(keeper_may_run(&keeper, 9, 1000000));
}
END_TEST

SUITE_MAIN("ha_right", SUITE_LOOP(each_transaction_carries_its_comparisons, txns),
           SUITE_TEST(a_claim_that_wins_lets_the_vm_start_and_run),
           SUITE_TEST(a_claim_that_wins_after_the_lease_ended_is_refused),
           SUITE_TEST(a_claim_that_loses_is_refused),
           SUITE_TEST(a_right_of_another_host_or_life_is_refused_at_once),
           SUITE_TEST(a_process_without_a_right_is_to_be_killed),
           SUITE_TEST(a_running_vm_s_right_is_not_given_back),
           SUITE_TEST(the_watchdog_is_petted_only_while_the_lease_covers_it),
           SUITE_TEST(shorter_times_count_from_the_sending_of_the_next_renewal),
           SUITE_TEST(what_a_renewal_says_is_what_is_kept),
           SUITE_TEST(a_renewal_that_said_less_than_is_set_by_now_keeps_what_it_said),
           SUITE_TEST(until_longer_times_are_in_force_the_watchdog_is_petted_as_before),
           SUITE_TEST(a_renewal_says_the_watchdog_s_time_while_that_is_longer),
           SUITE_TEST(vms_of_an_earlier_process_count_until_a_sweep_has_looked),
           SUITE_TEST(no_vm_runs_under_a_watchdog_that_was_armed_past_its_lease),
           SUITE_TEST(a_local_vm_needs_no_lease))
