/* test_leader_fsm.c - the table of ha/leader_fsm: complete, no dead row, safe by its shape. */
#include "config.h"

#include "tests/suite.h"

#include "ha/leader_fsm.h"

#define TTL 3000

/* Every combination of facts that a guard can see. */
static const struct facts {
    bool in_flight, nobody_leads, later;
} facts[] = {
    { false, false, false }, { true, false, false }, { false, true, false }, { true, true, false },
    { false, false, true },  { true, false, true },  { false, true, true },  { true, true, true },
};

static struct leader_fsm fsm_in(enum leader_state state, const struct facts *with)
{
    struct leader_fsm fsm;

    leader_fsm_init(&fsm, TTL);
    fsm.state = state;
    fsm.request = 7;
    fsm.in_flight = with->in_flight;
    fsm.nobody_leads = with->nobody_leads;
    fsm.next_ms = with->later ? 1000 : 0;
    fsm.epoch = 42;
    return fsm;
}

static bool is_acting(enum leader_state state)
{
    return state == LEADER_ACTIVE || state == LEADER_UNSURE;
}

START_TEST(every_state_and_event_has_a_verdict_and_every_row_can_fire)
{
    bool fired[64] = { false };

    ck_assert_uint_le(leader_n_rules, G_N_ELEMENTS(fired));
    for (unsigned state = 0; state < LEADER_N_STATES; state++) {
        for (unsigned event = 0; event < LEADER_N_EVENTS; event++) {
            for (size_t i = 0; i < G_N_ELEMENTS(facts); i++) {
                const struct leader_fsm fsm = fsm_in(state, &facts[i]);
                const struct leader_rule *rule = leader_fsm_find(&fsm, event, 500);

                fired[rule - leader_rules] = true;
                ck_assert_msg(rule != &leader_rules[0] || event == LEV_STALE,
                              "no row for %s in state %s", leader_event_name(event),
                              leader_state_name(state));
            }
        }
    }
    for (size_t i = 0; i < leader_n_rules; i++)
        ck_assert_msg(fired[i], "row %d never fires", leader_rules[i].id);
}
END_TEST

START_TEST(row_ids_ascend_and_rows_say_why)
{
    for (size_t i = 0; i < leader_n_rules; i++) {
        ck_assert_uint_gt(strlen(leader_rules[i].why), 5);
        if (i > 0)
            ck_assert_int_gt(leader_rules[i].id, leader_rules[i - 1].id);
    }
}
END_TEST

/* States that can be reached when the rows of which skip says true are taken away. */
static unsigned reachable_without(bool (*skip)(unsigned from, unsigned on, enum leader_state to))
{
    unsigned seen = 1U << LEADER_IDLE;

    for (unsigned round = 0; round < LEADER_N_STATES; round++) {
        for (size_t i = 0; i < leader_n_rules; i++) {
            const struct leader_rule *rule = &leader_rules[i];
            const unsigned from = rule->from & seen;

            if (from != 0 && rule->to != LEADER_STAY && !skip(from, rule->on, rule->to))
                seen |= 1U << rule->to;
        }
    }
    return seen;
}

static bool skip_db_ok(unsigned from, unsigned on, enum leader_state to)
{
    (void)from;
    (void)to;
    return (on & 1U << LEV_DB_OK) != 0;
}

static bool skip_to_elected(unsigned from, unsigned on, enum leader_state to)
{
    (void)from;
    (void)on;
    return to == LEADER_ELECTED;
}

static bool skip_proof(unsigned from, unsigned on, enum leader_state to)
{
    (void)from;
    (void)to;
    return (on & (1U << LEV_CLAIMED | 1U << LEV_READ_OURS)) != 0;
}

START_TEST(active_is_entered_only_through_elected_and_the_database)
{
    const unsigned acting = 1U << LEADER_ACTIVE | 1U << LEADER_UNSURE;
    const unsigned elected = 1U << LEADER_ELECTED | 1U << LEADER_ELECTED_UNSURE;

    ck_assert_uint_eq(reachable_without(skip_db_ok) & acting, 0);
    ck_assert_uint_eq(reachable_without(skip_db_ok) & elected, elected);
    ck_assert_uint_eq(reachable_without(skip_to_elected) & acting, 0);
    ck_assert_uint_eq(reachable_without(skip_proof) & (acting | elected), 0);
}
END_TEST

START_TEST(deposed_and_stopped_never_lead_again)
{
    const unsigned over = 1U << LEADER_DEPOSED | 1U << LEADER_RESIGNING | 1U << LEADER_STOPPED;

    for (size_t i = 0; i < leader_n_rules; i++) {
        const struct leader_rule *rule = &leader_rules[i];

        if ((rule->from & over) != 0 && rule->to != LEADER_STAY)
            ck_assert_uint_ne(over & 1U << rule->to, 0);
    }
}
END_TEST

START_TEST(each_loss_is_told_and_only_in_its_state)
{
    for (size_t i = 0; i < leader_n_rules; i++) {
        const struct leader_rule *rule = &leader_rules[i];

        ck_assert((rule->act == LA_LOSE) == (rule->to == LEADER_DEPOSED));
        ck_assert((rule->act == LA_DONE) == (rule->to == LEADER_STOPPED));
        if (rule->to == LEADER_STANDBY && rule->act != LA_WATCH) /* a claim may be on its way */
            ck_assert_uint_eq(rule->act, LA_STAND_BY);
        if (rule->act == LA_ACT)
            ck_assert_uint_eq(rule->on, 1U << LEV_DB_OK);
        if (rule->act == LA_CLAIM || rule->act == LA_RENEW) /* no write after a lost answer */
            ck_assert_uint_eq(rule->on & 1U << LEV_UNKNOWN, 0);
    }
}
END_TEST

START_TEST(only_active_and_unsure_are_ever_valid_and_never_after_the_deadline)
{
    for (unsigned state = 0; state < LEADER_N_STATES; state++) {
        struct leader_fsm fsm = fsm_in(state, &facts[0]);

        fsm.confirmed_ms = 10000;
        ck_assert_int_eq(leader_fsm_valid_until(&fsm), is_acting(state) ? 12100 : 0);
    }
}
END_TEST

static const struct leader_rule *step_at(struct leader_fsm *fsm, int64_t now_ms,
                                         enum leader_event event, int64_t value)
{
    const struct leader_input input = {
        .event = event, .now_ms = now_ms, .request = fsm->request, .value = value
    };

    return leader_fsm_step(fsm, &input);
}

static struct leader_fsm active_fsm(void)
{
    struct leader_fsm fsm;

    leader_fsm_init(&fsm, TTL);
    step_at(&fsm, 0, LEV_START, 0);
    ck_assert_int_eq(step_at(&fsm, 0, LEV_KEY_ABSENT, 0)->act, LA_GRANT);
    ck_assert_int_eq(step_at(&fsm, 10, LEV_GRANTED, TTL)->act, LA_CLAIM);
    ck_assert_int_eq(step_at(&fsm, 20, LEV_CLAIMED, 42)->act, LA_TAKE_EPOCH);
    ck_assert_int_eq(leader_fsm_valid_until(&fsm), 0);
    ck_assert_int_eq(step_at(&fsm, 30, LEV_DB_OK, 42)->act, LA_ACT);
    return fsm;
}

START_TEST(validity_counts_from_the_sending_of_grant_and_renewal)
{
    struct leader_fsm fsm = active_fsm();

    ck_assert_int_eq(leader_fsm_valid_until(&fsm), 2100); /* the grant's sending, not the claim's */
    ck_assert_int_eq(step_at(&fsm, 1010, LEV_TICK, 0)->act, LA_RENEW);
    ck_assert_int_eq(leader_fsm_valid_until(&fsm), 2100);
    step_at(&fsm, 1900, LEV_RENEWED, 0);
    ck_assert_int_eq(leader_fsm_valid_until(&fsm), 3110);
}
END_TEST

START_TEST(a_shorter_granted_lease_shortens_validity_and_a_longer_one_does_not_prolong_it)
{
    struct leader_fsm fsm;

    leader_fsm_init(&fsm, TTL);
    step_at(&fsm, 0, LEV_START, 0);
    step_at(&fsm, 0, LEV_KEY_ABSENT, 0);
    step_at(&fsm, 1, LEV_GRANTED, 9000);
    ck_assert_int_eq(fsm.ttl_ms, TTL);
    leader_fsm_init(&fsm, TTL);
    step_at(&fsm, 0, LEV_START, 0);
    step_at(&fsm, 0, LEV_KEY_ABSENT, 0);
    step_at(&fsm, 1, LEV_GRANTED, 2000);
    ck_assert_int_eq(fsm.ttl_ms, 2000);
}
END_TEST

START_TEST(an_answer_to_an_older_request_changes_nothing)
{
    struct leader_fsm fsm = active_fsm();
    const struct leader_input late = { LEV_RENEWED, 1500, fsm.request, 0 };
    struct leader_fsm before;

    step_at(&fsm, 1000, LEV_TICK, 0);
    step_at(&fsm, 1001, LEV_KEY_OTHER, 0); /* a read replaces the renewal */
    before = fsm;
    ck_assert_int_eq(leader_fsm_step(&fsm, &late)->id, 1);
    ck_assert_mem_eq(&fsm, &before, sizeof fsm);
}
END_TEST

START_TEST(a_verdict_on_another_epoch_changes_nothing)
{
    struct leader_fsm fsm = active_fsm();

    ck_assert_int_eq(step_at(&fsm, 40, LEV_DB_NO, 41)->act, LA_NOTHING);
    ck_assert_int_eq(fsm.state, LEADER_ACTIVE);
    ck_assert_int_eq(step_at(&fsm, 40, LEV_DB_NO, 42)->act, LA_LOSE);
}
END_TEST

START_TEST(a_key_of_our_lease_but_another_revision_is_not_ours)
{
    struct leader_fsm fsm = active_fsm();

    step_at(&fsm, 1000, LEV_TICK, 0);
    step_at(&fsm, 2000, LEV_UNKNOWN, 0);
    ck_assert_int_eq(fsm.state, LEADER_UNSURE);
    ck_assert_int_eq(step_at(&fsm, 2010, LEV_READ_OURS, 50)->act, LA_LOSE);
}
END_TEST

START_TEST(a_key_that_ends_while_our_claim_is_out_is_claimed_again)
{
    struct leader_fsm fsm;

    leader_fsm_init(&fsm, TTL);
    step_at(&fsm, 0, LEV_START, 0);
    step_at(&fsm, 0, LEV_KEY_ABSENT, 0);
    step_at(&fsm, 10, LEV_GRANTED, TTL);
    step_at(&fsm, 20, LEV_KEY_OTHER, 0);
    step_at(&fsm, 21, LEV_KEY_ABSENT, 0);
    ck_assert_int_eq(step_at(&fsm, 30, LEV_REFUSED, 0)->act, LA_STAND_BY);
    ck_assert_int_eq(step_at(&fsm, 400, LEV_TICK, 0)->act, LA_GRANT);
}
END_TEST

START_TEST(doubt_reads_until_etcd_answers_and_then_renews)
{
    struct leader_fsm fsm = active_fsm();

    step_at(&fsm, 1000, LEV_TICK, 0);
    ck_assert_int_eq(step_at(&fsm, 2000, LEV_UNKNOWN, 0)->act, LA_READ);
    ck_assert_int_eq(step_at(&fsm, 3000, LEV_UNKNOWN, 0)->act, LA_NOTHING);
    ck_assert_int_eq(step_at(&fsm, 3200, LEV_TICK, 0)->act, LA_READ);
    ck_assert_int_eq(step_at(&fsm, 90000, LEV_READ_OURS, 42)->act, LA_RENEW);
    ck_assert_int_eq(leader_fsm_valid_until(&fsm), 2100); /* a read prolongs nothing */
    step_at(&fsm, 90010, LEV_RENEWED, 0);
    ck_assert_int_eq(leader_fsm_valid_until(&fsm), 92100);
}
END_TEST

START_TEST(etcd_down_is_asked_ever_more_rarely_but_at_least_once_a_ttl)
{
    struct leader_fsm fsm;
    int64_t last_ms = 0, gap_ms = 0;
    unsigned n_grants = 0;

    leader_fsm_init(&fsm, TTL);
    step_at(&fsm, 0, LEV_START, 0);
    step_at(&fsm, 0, LEV_KEY_ABSENT, 0);
    step_at(&fsm, 0, LEV_UNKNOWN, 0);
    for (int64_t now_ms = 200; now_ms <= 60000; now_ms += 200) {
        if (step_at(&fsm, now_ms, LEV_TICK, 0)->act != LA_GRANT)
            continue;
        ck_assert_int_ge(now_ms - last_ms, gap_ms);
        gap_ms = now_ms - last_ms;
        last_ms = now_ms;
        n_grants++;
        step_at(&fsm, now_ms, LEV_UNKNOWN, 0);
    }
    ck_assert_int_eq(gap_ms, TTL);
    ck_assert_uint_gt(n_grants, 15);
}
END_TEST

START_TEST(resigning_ends_also_without_an_answer)
{
    struct leader_fsm fsm = active_fsm();

    ck_assert_int_eq(step_at(&fsm, 100, LEV_STOP, 0)->act, LA_REVOKE);
    ck_assert_int_eq(leader_fsm_valid_until(&fsm), 0);
    ck_assert_int_eq(step_at(&fsm, 1000, LEV_TICK, 0)->act, LA_NOTHING);
    ck_assert_int_eq(step_at(&fsm, 1100, LEV_TICK, 0)->act, LA_DONE);
    ck_assert_int_eq(fsm.state, LEADER_STOPPED);
}
END_TEST

static void append_edges(GString *dot, const struct leader_rule *rule)
{
    for (unsigned state = 0; state < LEADER_N_STATES; state++) {
        if ((rule->from & 1U << state) == 0)
            continue;
        for (unsigned event = 0; event < LEADER_N_EVENTS; event++) {
            if ((rule->on & 1U << event) == 0)
                continue;
            g_string_append_printf(
                dot, "    \"%s\" -> \"%s\" [label=\"%d %s%s / %s\"];\n", leader_state_name(state),
                leader_state_name(rule->to == LEADER_STAY ? state : rule->to), rule->id,
                leader_event_name(event), rule->when ? "?" : "", leader_action_name(rule->act));
        }
    }
}

START_TEST(the_picture_equals_the_golden_one)
{
    g_autofree char *path = g_build_filename(g_getenv("srcdir"), "tests/golden/leader.dot", NULL);
    g_autoptr(GString) dot = g_string_new("digraph leader {\n    node [shape=box];\n");
    g_autofree char *golden = NULL;

    for (size_t i = 0; i < leader_n_rules; i++) {
        if (leader_rules[i].act != LA_NOTHING || leader_rules[i].to != LEADER_STAY)
            append_edges(dot, &leader_rules[i]);
    }
    g_string_append(dot, "}\n");
    if (g_getenv("UPDATE_GOLDEN"))
        ck_assert(g_file_set_contents(path, dot->str, -1, NULL));
    ck_assert_msg(g_file_get_contents(path, &golden, NULL, NULL), "cannot read %s", path);
    ck_assert_msg(g_str_equal(golden, dot->str), "the table differs from %s", path);
}
END_TEST

// clang-format off
SUITE_MAIN("leader_fsm",
    SUITE_TEST(every_state_and_event_has_a_verdict_and_every_row_can_fire),
    SUITE_TEST(row_ids_ascend_and_rows_say_why),
    SUITE_TEST(active_is_entered_only_through_elected_and_the_database),
    SUITE_TEST(deposed_and_stopped_never_lead_again),
    SUITE_TEST(each_loss_is_told_and_only_in_its_state),
    SUITE_TEST(only_active_and_unsure_are_ever_valid_and_never_after_the_deadline),
    SUITE_TEST(validity_counts_from_the_sending_of_grant_and_renewal),
    SUITE_TEST(a_shorter_granted_lease_shortens_validity_and_a_longer_one_does_not_prolong_it),
    SUITE_TEST(an_answer_to_an_older_request_changes_nothing),
    SUITE_TEST(a_verdict_on_another_epoch_changes_nothing),
    SUITE_TEST(a_key_of_our_lease_but_another_revision_is_not_ours),
    SUITE_TEST(a_key_that_ends_while_our_claim_is_out_is_claimed_again),
    SUITE_TEST(doubt_reads_until_etcd_answers_and_then_renews),
    SUITE_TEST(etcd_down_is_asked_ever_more_rarely_but_at_least_once_a_ttl),
    SUITE_TEST(resigning_ends_also_without_an_answer),
    SUITE_TEST(the_picture_equals_the_golden_one))
// clang-format on
