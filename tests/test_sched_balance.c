/* test_sched_balance.c - DRS policy, objective and verdicts; plans in full are in the goldens. */
#include "config.h"

#include "scheduler/balance.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define PAIR "policy factor=cpu\nhost h1\nhost h2\n"

// clang-format off
static const struct scn_row rows[] = {
    { "an even cluster is left alone", PAIR "vm a on=h1 cpu=2000\nvm b on=h2 cpu=2100\ndo balance",
      { "balanced: 6 per mille, threshold 80 (level 5)", "!move 1" } },
    { "an empty cluster is left alone", PAIR "do balance", { "balanced: 0 per mille" } },
    { "the sum of two loads moves one of them", PAIR "vm a on=h1 cpu=2000\nvm b on=h1 cpu=2100\n"
      "do balance", { "move 1: ", "evens out CPU", "!move 2" } },
    { "one VM on two hosts has nothing to gain", PAIR "vm a on=h1 cpu=8000\ndo balance",
      { "no move gains enough", "!move 1" } },
    { "memory is evened out when it is the factor",
      "policy factor=mem\nhost h1\nhost h2\nvm a on=h1 size=16384 mem=16000\n"
      "vm b on=h1 size=16384 mem=16000\ndo balance", { "evens out memory", "!move 2" } },
    { "memory is ignored when it is not",
      PAIR "vm a on=h1 size=16384 mem=16000\nvm b on=h1 size=16384 mem=16000\ndo balance",
      { "balanced: 0 per mille" } },
    { "a guest without memory figures counts in full",
      "policy factor=mem\nhost h1\nhost h2\nvm a on=h1 size=16384\nvm b on=h1 size=16384\n"
      "do balance", { "memory of h1 50 -> 25 %" } },
    { "overload is ended at the most conservative level",
      PAIR "policy limen=1\nvm a on=h1 cpu=6000\nvm b on=h1 cpu=6000\ndo balance",
      { "overload 2000 -> 0 MHz", "ends overload: CPU of h1 120 -> 60 %", "rating 4" } },
    { "less overload than a hundredth of a host is not worth a move",
      PAIR "policy limen=1\nvm a on=h1 cpu=5000\nvm b on=h1 cpu=5050\nvm c on=h2 cpu=8000\n"
      "do balance", { "overloaded, but no move helps", "!move 1" } },
    { "a CPU limit bounds the demand", PAIR "vm a on=h1 cpu=6000 limit=1000\n"
      "vm b on=h1 cpu=6000 limit=1000\nvm c on=h2 cpu=1500\ndo balance",
      { "overload 0 MHz", "balanced" } },
    { "an exchange where no single move fits, by way of a third host",
      "policy factor=cpu limen=9\nhost h1 mem=2048\nhost h2 mem=2048\nhost h3 mem=2048\n"
      "vm a on=h1 cpu=5000\nvm b on=h1 cpu=4000\nvm c on=h2 cpu=2000\nvm d on=h2 cpu=1000\n"
      "vm e on=h3 cpu=6000 bound\ndo balance",
      { "3 moves: imbalance 320 -> 0", "detour", "steps aside to h3", "!move 4" } },
    { "a VM that dirties memory fast is dear and stays",
      PAIR "policy limen=3\nparams link_mbps=100\nvm a on=h1 cpu=2000 size=16384 mem=16000 dirty=90\n"
      "vm b on=h1 cpu=2000 size=16384 mem=16000 dirty=90\ndo balance",
      { "no move gains enough to repay its cost within 600 s" } },
    { "a VM that moved lately stays", PAIR "vm a on=h1 cpu=2000 moved_s=599\n"
      "vm b on=h1 cpu=2000 moved_s=10\ndo balance", { "2 moved lately", "!move 1" } },
    { "its rest is over", PAIR "vm a on=h1 cpu=2000 moved_s=601\nvm b on=h1 cpu=2000 moved_s=10\n"
      "do balance", { "move 1: a h1 -> h2" } },
    { "overload does not wait for the rest to end",
      PAIR "vm a on=h1 cpu=6000 moved_s=10\nvm b on=h1 cpu=6000 moved_s=10\ndo balance",
      { "overload 2000 -> 0 MHz" } },
    { "a plan has at most max_moves moves",
      PAIR "params max_moves=1\nvm a on=h1 cpu=2000\nvm b on=h1 cpu=2000\nvm c on=h1 cpu=2000\n"
      "vm d on=h1 cpu=2000\ndo balance", { "1 move: ", "more next time", "!move 2" } },
    { "a keep-together set moves as one",
      PAIR "vm a on=h1 cpu=2000\nvm b on=h1 cpu=2000\nvm c on=h1 cpu=4000 bound\n"
      "rule t together must a b\ndo balance", { "2 moves", "a h1 -> h2", "b h1 -> h2" } },
    { "a scattered keep-together set is gathered where a member must stay",
      PAIR "host h3\nvm a on=h1\nvm b on=h2\nvm c on=h3 bound\nrule t together must a b c\n"
      "do balance", { "a h1 -> h3", "b h2 -> h3", "misplaced by rules 2 -> 0" } },
    { "room is made for a VM that stands wrong",
      PAIR "host h3\nvm a on=h1 size=40000 mem=1000\nvm b on=h2 size=40000 mem=1000\ngroup g vm a\n"
      "group k host h2\nrule t host must g k\ndo balance",
      { "b h2 -> h", "a h1 -> h2", "misplaced by rules 1 -> 0" } },
    { "an impossible rule is said",
      PAIR "vm a on=h1\nvm b on=h2\nvm c on=h2\nrule t apart must a b c\ndo balance",
      { "must-rules are broken, but no move helps",
        "; keep-apart rule 't' (must) is broken: b is on h2, c is on h2; it needs 3 hosts, 2 can be "
        "used" } },
    { "what a plan cannot mend is said with what it can",
      PAIR "host h3\nvm a on=h1\nvm b on=h1\nvm c on=h1\nvm d on=h2\nrule t apart must a b c d\n"
      "do balance", { "1 move", "misplaced by rules 2 -> 1; afterwards keep-apart rule 't' (must)",
                      "it needs 4 hosts, 3 can be used" } },
    { "an impossible wish is said",
      PAIR "vm a on=h1\nvm b on=h2\nvm c on=h2\nrule t apart should a b c\ndo balance",
      { "should-rules are broken, but no move helps", "; keep-apart rule 't' (should) is broken" } },
    { "memory that cannot be had is said",
      PAIR "host h3 mem=1024\nvm a on=h3 size=2048 bound\ndo balance",
      { "memory is short, but no move helps" } },
    { "a maintaining host is left out",
      PAIR "host h3 state=maintaining\nvm a on=h1 cpu=2000\nvm b on=h1 cpu=2000\ndo balance",
      { "left out: h3: in maintenance", "move 1" } },
    { "many hosts left out are counted",
      PAIR "host h3 state=fault\nhost h4 state=fault\nhost h5 state=fault\nhost h6 state=fault\n"
      "do balance", { "and 1 more hosts" } },
    { "templates never move",
      PAIR "vm a on=h1 cpu=2000 template\nvm b on=h1 cpu=2000 template\ndo balance",
      { "2 template", "!move 1" } },
    { "paused VMs are left to rest",
      PAIR "vm a on=h1 cpu=2000 status=pause\nvm b on=h1 cpu=2000 status=pause\ndo balance",
      { "2 paused", "!move 1" } },
    { "one busy resource is enough for drsThreshold",
      "policy factor=both threshold_cpu=90 threshold_mem=10\nhost h1\nhost h2\n"
      "vm a on=h1 size=16384 mem=16000\nvm b on=h1 size=16384 mem=16000\ndo balance", { "move 1" } },
    { "the hour's level counts", PAIR "policy limen=0\nvm a on=h1 cpu=4000\nvm b on=h1 cpu=4000\n"
      "do balance", { "DRS rests in the hour from 12:00: its level is 0" } },
    { "the month's day counts", PAIR "policy monthly=3\nparams mday=4\ndo balance",
      { "not in its monthly cycle" } },
    { "the week's day is right", PAIR "policy weekly=3\nparams wday=3\ndo balance", { "balanced" } },
    { "an automatic VM in a manual cluster",
      PAIR "policy level=manual overrides=yes\nvm a on=h1 cpu=2000 drs=3\n"
      "vm b on=h1 cpu=2000 bound\ndo balance", { "move 1: a h1 -> h2, balance-cpu, rating 3, automatic" } },
    { "overrides that are not enabled",
      PAIR "policy level=automatic\nvm a on=h1 cpu=2000 drs=4\nvm b on=h1 cpu=2000 bound\ndo balance",
      { "move 1: a h1 -> h2, balance-cpu, rating 3, automatic" } },
    { "a measure of old data is refused", PAIR "vm a on=h1 age_s=60\ndo measure",
      { "error unavailable", "newest sample is 60 s old (at most 30 s)" } },
    { "a stopping VM's load need not be young",
      PAIR "vm a on=h1 cpu=100 age_s=600 status=stopping\ndo measure", { "imbalance" } },
};
// clang-format on

START_TEST(drs_says_and_does)
{
    scn_expect(&rows[_i]);
}
END_TEST

START_TEST(levels_grow_from_conservative_to_aggressive)
{
    ck_assert_ptr_null(balance_level(0));
    ck_assert_ptr_null(balance_level(10));
    for (int level = 1; level <= 9; level++) {
        const struct balance_level *now = balance_level(level);

        ck_assert(now->why[0] != '\0');
        if (level == 1)
            continue;
        ck_assert_int_lt(now->threshold, balance_level(level - 1)->threshold);
        ck_assert_int_lt(now->min_gain, balance_level(level - 1)->min_gain);
        ck_assert_int_lt(now->lambda_percent, balance_level(level - 1)->lambda_percent);
    }
}
END_TEST

START_TEST(an_unknown_cluster_is_not_found)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = scn_snapshot(scn);
    Plan *plan = NULL;
    struct plan_measure measure;

    ck_assert(!balance_plan(snap, 99, scn_params(scn), &plan, &error));
    ck_assert_ptr_null(plan);
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no cluster 99");
    ck_assert(!balance_measure(snap, 99, scn_params(scn), &measure, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no cluster 99");
}
END_TEST

SUITE_MAIN("sched_balance", SUITE_LOOP(drs_says_and_does, rows),
           SUITE_TEST(levels_grow_from_conservative_to_aggressive),
           SUITE_TEST(an_unknown_cluster_is_not_found))
