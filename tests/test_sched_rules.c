/* test_sched_rules.c - contradictions between rules when one is written, and broken rules. */
#include "config.h"

#include "model/reason.h"
#include "scheduler/rules.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define BASE                                                                                       \
    "host h1\nhost h2\nhost h3\nvm a on=h1\nvm b on=h1\nvm c on=h2\nvm d on=h3 status=stopped\n"   \
    "group ga vm a\ngroup gb vm b\ngroup gall vm a b c d\ngroup k1 host h1\ngroup k2 host h2\n"    \
    "group k12 host h1 h2\ngroup kall host h1 h2 h3\ngroup knone host\n"

// clang-format off
static const struct scn_row rows[] = {
    { "a rule without VMs is fine", BASE "do check rule r apart must", { "ok" } },
    { "apart and together", BASE "rule t together must a b\ndo check rule r apart must a b",
      { "error conflict 10300246", "keep-apart rule 'r' and keep-together 't'", "a and b" } },
    { "together and apart, the other way round",
      BASE "rule t apart must a b\ndo check rule r together must a b c",
      { "keep-apart rule 't' and keep-together 'r'" } },
    { "a chain of keep-together rules",
      BASE "rule t together must a b\nrule u together must b c\ndo check rule r apart must a c d",
      { "'t', 'u' contradict each other: a and c" } },
    { "preferences contradict nothing",
      BASE "rule t together should a b\ndo check rule r apart must a b", { "ok" } },
    { "a preference is checked against nothing",
      BASE "rule t together must a b\ndo check rule r apart should a b", { "ok" } },
    { "an old contradiction does not forbid an unrelated rule",
      BASE "rule t together must a b\nrule u apart must a b\ndo check rule r apart must c d",
      { "ok" } },
    { "changing a rule is not checked against its old self",
      BASE "rule r together must a b\ndo check rule r apart must a b", { "ok" } },
    { "one VM, two host groups", BASE "rule t host must ga k1\ndo check rule r host must ga k2",
      { "VM-to-host rules 't', 'r' leave no host of the cluster for a" } },
    { "one VM, overlapping host groups",
      BASE "rule t host must ga k12\ndo check rule r host must ga k2", { "ok" } },
    { "all hosts forbidden", BASE "do check rule r host must-not ga kall",
      { "VM-to-host rules 'r' leave no host" } },
    { "an empty host group has no effect", BASE "do check rule r host must ga knone", { "ok" } },
    { "no host group has no effect", BASE "do check rule r host must ga", { "ok" } },
    { "kept together, on different hosts",
      BASE "rule t host must ga k1\nrule u host must gb k2\ndo check rule r together must a b",
      { "with keep-together 'r' leave no host of the cluster for a, b" } },
    { "apart with too few allowed hosts",
      BASE "rule t host must gall k12\ndo check rule r apart must a b c",
      { "vm-to-host 't', keep-apart 'r' contradict", "a, b, c cannot be kept apart", "h1, h2" } },
    { "apart with just enough allowed hosts",
      BASE "rule t host must gall k12\ndo check rule r apart must a b", { "ok" } },
    { "apart on hosts that must be exchanged to fit",
      BASE "rule t host must ga k12\nrule u host must gb k1\ndo check rule r apart must a b",
      { "ok" } },
    { "more VMs apart than hosts is no contradiction: hosts can be added",
      BASE "do check rule r apart must a b c d", { "ok" } },
    { "must-not is not for keep-apart", BASE "do check rule r apart must-not a b",
      { "error invalid 10300125" } },
    { "should-not is not for keep-together", BASE "do check rule r together should-not a b",
      { "error invalid 10300125" } },
    { "a VM of another cluster", BASE "cluster c2\nvm x\ndo check rule r apart must x a",
      { "error invalid 10300129", "VM a (1) is not in this cluster" } },
    { "a group of another cluster", BASE "cluster c2\nvm x\ndo check rule r host must ga k1",
      { "error invalid 10300125", "is not a vm group of this cluster" } },
    { "a host group where VMs belong", BASE "do check rule r host must k1 k2",
      { "is not a vm group" } },
    { "a VM group where hosts belong", BASE "do check rule r host must ga gb",
      { "is not a host group" } },
    { "a chain: together a-b, apart b-c, and only one host for all",
      BASE "group gab vm a c\nrule t together must a b\nrule u host must gab k1\n"
      "do check rule v apart must b c",
      { "keep-apart 'v'", "keep-together 't'", "b, c cannot" } },
    { "pairs that are apart need as many hosts as one rule",
      BASE "group gg vm a b c\ngroup kk host h1 h2\nrule g host must gg kk\n"
      "rule ab apart must a b\nrule bc apart must b c\ndo check rule ac apart must a c",
      { "vm-to-host 'g', keep-apart 'ab', keep-apart 'bc', keep-apart 'ac'", "a, b, c",
        "only be on h1, h2" } },
    { "two of three pairs do not", BASE "group gg vm a b c\ngroup kk host h1 h2\n"
      "rule g host must gg kk\nrule ab apart must a b\ndo check rule bc apart must b c",
      { "ok" } },
    { "more VMs apart than their group has hosts", BASE "group gg vm a b c\ngroup kk host h1 h2\n"
      "rule p apart must a b c\ndo check rule g host must gg kk",
      { "keep-apart 'p', vm-to-host 'g'", "a, b, c cannot be kept apart", "only be on h1, h2" } },
    { "disjoint host groups of VMs kept together", BASE "rule t together must a b\n"
      "rule x host must ga k1\ndo check rule y host must gb k2",
      { "'x', 'y'", "keep-together 't'", "a, b" } },
    { "host groups that share a host", BASE "group kk host h1 h2\nrule t together must a b\n"
      "rule x host must ga k1\ndo check rule y host must gb kk", { "ok" } },
    { "should-rules contradict nothing", BASE "rule t together must a b\n"
      "do check rule u apart should a b", { "ok" } },
    { "an old contradiction does not forbid another rule",
      BASE "rule t together must a b\nrule u apart must a b\ndo check rule v apart must a c",
      { "ok" } },
    { "nothing is broken", BASE "rule t apart must a c\ndo breaches", { "no rule is broken" } },
    { "apart is broken", BASE "rule t apart should a b c\ndo breaches",
      { "keep-apart rule 't' (should) is broken: a is on h1, b is on h1", "!c is on" } },
    { "apart that can never hold", BASE "vm e on=h2\nvm f on=h3\nrule t apart must a b c e f\n"
      "do breaches", { "it needs 5 hosts, 3 can be used" } },
    { "together is broken", BASE "rule t together must a c d\ndo breaches",
      { "keep-together rule 't' (must) is broken: a is on h1, c is on h2", "!d is on" } },
    { "host rules are broken", BASE "rule t host must gb k2\nrule u host should-not ga k1\n"
      "do breaches", { "'t' (must) is broken: b is on h1", "'u' (should-not) is broken: a is on h1" } },
    { "many names are cut", "host h\nvm a on=h\nvm b on=h\nvm c on=h\nvm d on=h\nvm e on=h\n"
      "vm f on=h\nrule t apart must a b c d e f\ndo breaches", { "and 1 more" } },
};
// clang-format on

START_TEST(a_rule_is_checked_when_it_is_written)
{
    scn_expect(&rows[_i]);
}
END_TEST

START_TEST(a_group_change_is_checked_with_the_rules_that_use_it)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(Group) group = NULL;

    scn_run(scn, BASE "rule t host must ga k1\nrule u host must gb k2\nrule v together must b c",
            NULL);
    snap = scn_snapshot(scn);
    group = group_dup(snapshot_group(snap, 202)); /* gb */
    ck_assert(rules_check_group(snap, group, NULL, &error));
    suite_no_error(error);
    group->members[0] = scn_vm(scn, "a"); /* a would have to be on h1 and on h2 */
    ck_assert(!rules_check_group(snap, group, NULL, &error));
    ck_assert_int_eq(err_reason(error), REASON_RULES_CONFLICT);
    suite_take_error(&error, VRM_ERR_CONFLICT, "'t', 'u'");
}
END_TEST

/* Three VMs that must be apart by three rules, and two hosts for them: contradictions of old that
 * are each found by a search. */
static char *many_contradictions(void)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GString) all = g_string_new(NULL);

    for (int i = 1; i <= 60; i++)
        g_string_append_printf(text, "host h%d\n", i);
    for (int i = 0; i < 90; i++) {
        g_string_append_printf(text, "vm a%d on=h1\nvm b%d on=h2\nvm c%d on=h3\n", i, i, i);
        g_string_append_printf(text, "rule x%d apart must a%d b%d\n", i, i, i);
        g_string_append_printf(text, "rule y%d apart must b%d c%d\n", i, i, i);
        g_string_append_printf(text, "rule z%d apart must a%d c%d\n", i, i, i);
        g_string_append_printf(all, " a%d b%d c%d", i, i, i);
    }
    g_string_append_printf(text, "group vms vm%s\ngroup two host h1 h2\n", all->str);
    g_string_append(text, "rule tie host must vms two\n");
    return g_string_free(text, FALSE);
}

START_TEST(what_is_too_much_to_prove_is_said_to_be_unsure)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(Rule) rule = rule_new();
    g_autofree char *text = many_contradictions();
    const struct rules_change change = { .put = (const Rule *const *)(const void *)&rule,
                                         .n_put = 1 };
    bool unsure = false;

    scn_run(scn, text, NULL);
    snap = scn_snapshot(scn);
    rule->cluster_id = scn_cluster(scn);
    rule->type = RULE_APART;
    rule->vms = g_new(int64_t, 2);
    rule->vms[rule->n_vms++] = scn_vm(scn, "a0");
    rule->vms[rule->n_vms++] = scn_vm(scn, "a1");
    ck_assert(rules_check_change(snap, rule->cluster_id, &change, &unsure, &error));
    ck_assert(unsure);
}
END_TEST

START_TEST(an_unknown_cluster_is_not_found)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = scn_snapshot(scn);
    g_autoptr(Rule) rule = rule_new();
    g_autoptr(RuleBreaches) breaches = rules_breaches(snap, 99);

    rule->cluster_id = 99;
    ck_assert(!rules_check(snap, rule, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no cluster 99");
    ck_assert_uint_eq(breaches->n_items, 0);
}
END_TEST

SUITE_MAIN("sched_rules", SUITE_LOOP(a_rule_is_checked_when_it_is_written, rows),
           SUITE_TEST(a_group_change_is_checked_with_the_rules_that_use_it),
           SUITE_TEST(what_is_too_much_to_prove_is_said_to_be_unsure),
           SUITE_TEST(an_unknown_cluster_is_not_found))
