/* test_isolation.c - a host that is cut off from all others: when it is, and what its keeper does
 * with VMs that live by a slot. */
#include "config.h"

#include "ha/isolation.h"

#include "ha/keeper.h"
#include "tests/suite.h"

enum {
    AFTER_MS = 30000,
    SHUTDOWN_MS = 60000,
    STORE = HA_STORAGE + 3,
};

/* ---- when ------------------------------------------------------------------------------------ */

/* Looked at every half second until `at`. */
static enum isolation_step look_until(struct isolation *isolation, bool has_vms, int64_t from_ms,
                                      int64_t at_ms)
{
    enum isolation_step step = ISOLATION_NOTHING;

    for (int64_t now_ms = from_ms; now_ms <= at_ms; now_ms += 500)
        step = isolation_tick(isolation, has_vms, now_ms);
    return step;
}

static void begin(struct isolation *isolation, enum ha_isolation response)
{
    isolation_init(isolation);
    isolation_set(isolation, &(struct isolation_policy){ response, AFTER_MS, SHUTDOWN_MS });
}

static const struct situation {
    const char *what;
    enum ha_isolation response;
    bool has_vms;
    int64_t heard_ms; /* beside the first look, at 1000 */
    int64_t at_ms;
    enum isolation_step want;
} situations[] = {
    { "left", ISOLATION_LEAVE, true, 0, 900000, ISOLATION_NOTHING },
    { "not for long", ISOLATION_POISON, true, 0, 30500, ISOLATION_NOTHING },
    { "cut off, end", ISOLATION_POISON, true, 0, 31000, ISOLATION_END },
    { "cut off, shut down", ISOLATION_SHUTDOWN, true, 0, 31000, ISOLATION_ASK },
    { "shut down's last moment", ISOLATION_SHUTDOWN, true, 0, 90500, ISOLATION_ASK },
    { "shut down for too long", ISOLATION_SHUTDOWN, true, 0, 91000, ISOLATION_END },
    { "no VMs", ISOLATION_POISON, false, 0, 900000, ISOLATION_NOTHING },
    { "heard since", ISOLATION_POISON, true, 20000, 49500, ISOLATION_NOTHING },
    { "heard, and not again", ISOLATION_POISON, true, 20000, 50000, ISOLATION_END },
};

START_TEST(a_response_comes_when_nobody_was_heard_for_long_enough)
{
    const struct situation *row = &situations[_i];
    struct isolation isolation;

    begin(&isolation, row->response);
    isolation_tick(&isolation, row->has_vms, 1000);
    isolation_hear(&isolation, row->heard_ms);
    ck_assert_msg(look_until(&isolation, row->has_vms, 1500, row->at_ms) == row->want, "%s",
                  row->what);
}
END_TEST

START_TEST(what_was_not_heard_while_we_stood_still_is_nobody_s_silence)
{
    struct isolation isolation;

    begin(&isolation, ISOLATION_POISON);
    look_until(&isolation, true, 1000, 11000);
    ck_assert_int_eq(isolation_tick(&isolation, true, 111000), ISOLATION_NOTHING);
    ck_assert_int_eq(look_until(&isolation, true, 111500, 130500), ISOLATION_NOTHING);
    ck_assert_int_eq(isolation_tick(&isolation, true, 131000), ISOLATION_END);
}
END_TEST

START_TEST(a_response_once_begun_is_carried_out_whoever_is_heard)
{
    struct isolation isolation;

    begin(&isolation, ISOLATION_SHUTDOWN);
    ck_assert_int_eq(look_until(&isolation, true, 1000, 31000), ISOLATION_ASK);
    isolation_hear(&isolation, 31200);
    ck_assert_int_eq(isolation_tick(&isolation, true, 31500), ISOLATION_ASK);
    ck_assert_int_eq(isolation_tick(&isolation, false, 32000), ISOLATION_NOTHING);
    ck_assert_int_eq(isolation_tick(&isolation, true, 32500), ISOLATION_NOTHING);
}
END_TEST

START_TEST(a_policy_that_leaves_vms_running_ends_a_response)
{
    struct isolation isolation;

    begin(&isolation, ISOLATION_SHUTDOWN);
    ck_assert_int_eq(look_until(&isolation, true, 1000, 31000), ISOLATION_ASK);
    isolation_set(&isolation, &(struct isolation_policy){ ISOLATION_LEAVE, AFTER_MS, SHUTDOWN_MS });
    ck_assert_int_eq(isolation_tick(&isolation, true, 31500), ISOLATION_NOTHING);
}
END_TEST

static const struct outlook {
    const char *what;
    enum ha_isolation response;
    int64_t at_ms; /* the last word was at 1000 */
    int64_t heard_ms;
    bool want;
} outlooks[] = {
    { "left", ISOLATION_LEAVE, 900000, 0, false },
    { "in time", ISOLATION_POISON, 25500, 0, false },
    { "soon", ISOLATION_POISON, 26000, 0, true },
    { "soon, but heard", ISOLATION_POISON, 26000, 2000, false },
    { "guests soon", ISOLATION_SHUTDOWN, 26000, 0, true },
    { "begun", ISOLATION_POISON, 31000, 0, true },
    { "begun, whoever is heard", ISOLATION_SHUTDOWN, 40000, 40000, true },
};

START_TEST(a_response_is_foreseen)
{
    const struct outlook *row = &outlooks[_i];
    struct isolation isolation;

    begin(&isolation, row->response);
    ck_assert(!isolation_is_near(&isolation, 900000)); /* it did not look yet */
    look_until(&isolation, true, 1000, row->at_ms);
    isolation_hear(&isolation, row->heard_ms);
    ck_assert_msg(isolation_is_near(&isolation, row->at_ms) == row->want, "%s", row->what);
}
END_TEST

/* ---- the keeper ------------------------------------------------------------------------------ */

static const struct lease_times times = { .length_ms = 12000, .renew_ms = 1500, .kill_ms = 2000 };
static const struct lease_times slot_times = { .length_ms = 20000,
                                               .renew_ms = 1000,
                                               .kill_ms = 2000 };
static const struct ha_owner in_etcd = { 101, HA_ETCD, { 7, 1 } };
static const struct ha_owner in_slot = { 101, STORE, { 7, 1 } };

/* Each test runs in its own process. */
static struct keeper keeper;
static struct keeper_actions actions;

static struct ha_vm_seen seen_of(int64_t vm, const struct ha_owner *owner)
{
    return (struct ha_vm_seen){
        .vm = vm,
        .version = 5,
        .right = { .gen = 1, .claimed = true, .n_owners = 1, .owners = { *owner } },
    };
}

/* The datastore takes every write at once; etcd never answers. */
static void answer_slot(int64_t now_ms)
{
    const struct lease_fsm *lease = keeper_lease(&keeper, STORE);
    const struct lease_input renewed = {
        .event = LSE_RENEWED, .now_ms = now_ms, .request = lease->request, .version = 9
    };

    if (lease->in_flight && lease->state == LEASE_HELD)
        keeper_renewed(&keeper, STORE, &renewed, &actions);
}

static bool kills(int32_t authority)
{
    bool found = false;

    for (size_t i = 0; i < actions.len; i++)
        found |= actions.items[i].act == KEEPER_KILL && actions.items[i].authority == authority;
    actions.len = 0;
    return found;
}

/* True: some tick until then killed the slot's VMs. */
static bool tick_until(int64_t from_ms, int64_t at_ms)
{
    bool killed = false;

    for (int64_t now_ms = from_ms; now_ms <= at_ms; now_ms += 250) {
        keeper_tick(&keeper, now_ms, &actions);
        answer_slot(now_ms);
        killed |= kills(STORE);
    }
    return killed;
}

/* VM 1 lives by the slot, VM 2 has its own disk. */
static void cut_off(enum ha_isolation response)
{
    const struct ha_owner on_disk = { 101, HA_LOCAL, { 7, 1 } };
    const struct ha_vm_seen first = seen_of(1, &in_slot), second = seen_of(2, &on_disk);

    keeper_init(&keeper, 101, 10000);
    keeper_set_isolation(&keeper, &(struct isolation_policy){ response, AFTER_MS, SHUTDOWN_MS });
    keeper_add_lease(&keeper, &times, &in_etcd);
    keeper_resume_lease(&keeper, &slot_times, &in_slot, 18000);
    keeper_adopt(&keeper, &first, STORE);
    keeper_adopt(&keeper, &second, HA_LOCAL);
}

START_TEST(vms_of_a_slot_are_left_running_unless_told_otherwise)
{
    cut_off(ISOLATION_LEAVE);
    ck_assert(!tick_until(0, 600000));
    ck_assert(keeper_may_run(&keeper, 1, 600000));
}
END_TEST

START_TEST(a_poisoned_slot_s_vms_are_killed_and_its_incarnation_ends)
{
    cut_off(ISOLATION_POISON);
    ck_assert(!tick_until(0, 24750));
    ck_assert(!keeper_gives_up(&keeper, 1, 24750));
    ck_assert(!tick_until(25000, 29750));
    ck_assert(keeper_gives_up(&keeper, 1, 29750));
    ck_assert(!keeper_gives_up(&keeper, 2, 29750));
    ck_assert(tick_until(30000, 30000));
    ck_assert(keeper_gives_up(&keeper, 1, 30000));
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->state, LEASE_LAPSED);
    ck_assert(tick_until(30250, 31000)); /* not given up over a living process */
    ck_assert_uint_eq(keeper_lease(&keeper, STORE)->self.inc.n, 1);
    keeper_see_process(&keeper, 1, false);
    tick_until(31250, 31250);
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->state, LEASE_OUT);
    ck_assert_uint_eq(keeper_lease(&keeper, STORE)->self.inc.n, 2);
    ck_assert_ptr_null(keeper_find(&keeper, 1));
    ck_assert(keeper_may_run(&keeper, 2, 31250));
}
END_TEST

START_TEST(a_slot_is_given_up_once_its_guests_have_shut_down)
{
    cut_off(ISOLATION_SHUTDOWN);
    ck_assert(!tick_until(0, 29750));
    ck_assert(!keeper_shuts_down(&keeper, 1));
    ck_assert(!tick_until(30000, 40000));
    ck_assert(keeper_shuts_down(&keeper, 1));
    ck_assert(!keeper_shuts_down(&keeper, 2));
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->state, LEASE_HELD);
    keeper_see_process(&keeper, 1, false);
    tick_until(40250, 40500);
    ck_assert_uint_eq(keeper_lease(&keeper, STORE)->self.inc.n, 2);
}
END_TEST

START_TEST(a_guest_that_stays_up_is_killed_in_the_end)
{
    cut_off(ISOLATION_SHUTDOWN);
    ck_assert(!tick_until(0, 89750));
    ck_assert(tick_until(90000, 90000));
}
END_TEST

START_TEST(no_vm_starts_under_a_slot_that_is_being_given_up)
{
    const struct ha_vm_seen third = seen_of(3, &in_slot);

    cut_off(ISOLATION_SHUTDOWN);
    tick_until(0, 30000);
    keeper_hear(&keeper, 30100);
    keeper_ask(&keeper, &third, 30200, &actions);
    ck_assert_uint_eq(actions.len, 1);
    ck_assert_int_eq(actions.items[0].act, KEEPER_REFUSE);
}
END_TEST

START_TEST(an_answer_of_etcd_even_a_refusal_is_a_word)
{
    struct lease_input answer = { .event = LSE_OTHER, .inc = { 7, 9 }, .version = 3 };

    cut_off(ISOLATION_POISON);
    tick_until(0, 20000);
    answer.now_ms = 20100;
    answer.request = keeper_lease(&keeper, HA_ETCD)->request;
    keeper_renewed(&keeper, HA_ETCD, &answer, &actions);
    ck_assert(!tick_until(20250, 50000));
    answer.event = LSE_UNKNOWN;
    answer.now_ms = 50050;
    keeper_renewed(&keeper, HA_ETCD, &answer, &actions);
    ck_assert(tick_until(50250, 50250));
}
END_TEST

SUITE_MAIN("isolation",
           SUITE_LOOP(a_response_comes_when_nobody_was_heard_for_long_enough, situations),
           SUITE_LOOP(a_response_is_foreseen, outlooks),
           SUITE_TEST(what_was_not_heard_while_we_stood_still_is_nobody_s_silence),
           SUITE_TEST(a_response_once_begun_is_carried_out_whoever_is_heard),
           SUITE_TEST(a_policy_that_leaves_vms_running_ends_a_response),
           SUITE_TEST(vms_of_a_slot_are_left_running_unless_told_otherwise),
           SUITE_TEST(a_poisoned_slot_s_vms_are_killed_and_its_incarnation_ends),
           SUITE_TEST(a_slot_is_given_up_once_its_guests_have_shut_down),
           SUITE_TEST(a_guest_that_stays_up_is_killed_in_the_end),
           SUITE_TEST(no_vm_starts_under_a_slot_that_is_being_given_up),
           SUITE_TEST(an_answer_of_etcd_even_a_refusal_is_a_word))
