/* sched_scn_do.c - the lines of a scenario that ask the scheduler something, and its answers as
 * text. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "model/cpu.h"
#include "scheduler/balance.h"
#include "scheduler/evacuate.h"
#include "scheduler/explain.h"
#include "scheduler/explain_vm.h"
#include "scheduler/filter.h"
#include "scheduler/imc.h"
#include "scheduler/place.h"
#include "scheduler/rules.h"
#include "tests/sched_scn_private.h"

static void print_error(GString *out, GError **error)
{
    g_string_append_printf(out, "error %s %d: %s\n", err_code_name((enum vrm_err)(*error)->code),
                           err_reason(*error), (*error)->message);
    g_clear_error(error);
}

static void print_plan(GString *out, Plan *plan)
{
    g_autofree char *text = plan_format(plan);

    g_string_append(out, text);
    plan_free(plan);
}

static void run_balance(Scn *scn, const Snapshot *snap, bool apply, GString *out)
{
    g_autoptr(GError) error = NULL;
    Plan *plan = NULL;

    if (!balance_plan(snap, scn_cluster(scn), &scn->params, &plan, &error)) {
        print_error(out, &error);
        return;
    }
    if (apply)
        scn_apply(scn, plan);
    print_plan(out, plan);
}

static void do_balance(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    (void)words;
    run_balance(scn, snap, false, out);
}

/* And carries it out. */
static void do_rebalance(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    (void)words;
    run_balance(scn, snap, true, out);
}

static void do_evacuate(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *host = words[2];
    g_autoptr(GError) error = NULL;
    Plan *plan = NULL;

    if (evacuate_plan(snap, scn_host(scn, host), &scn->params, &plan, &error))
        print_plan(out, plan);
    else
        print_error(out, &error);
}

static void do_place(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *vm = words[2];
    g_autoptr(GError) error = NULL;
    g_autoptr(Placement) table = NULL;
    g_autoptr(Placement) placement = NULL;

    if (place_explain(snap, scn_vm(scn, vm), &scn->params, &table, NULL)) {
        for (size_t i = 0; i < table->n_verdicts; i++)
            g_string_append_printf(out, "  %s %s\n",
                                   table->verdicts[i].filter_id != 0
                                       ? filter_name((enum filter_id)table->verdicts[i].filter_id)
                                       : "fits",
                                   table->verdicts[i].text);
    }
    if (place_vm(snap, scn_vm(scn, vm), &scn->params, &placement, &error))
        g_string_append_printf(out, "placed: %s\n", placement->text);
    else
        print_error(out, &error);
}

static void do_target(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;

    if (filter_check_target(snap, scn_vm(scn, words[2]), scn_host(scn, words[3]), &scn->params,
                            &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void do_why(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        explain_why_not(snap, scn_vm(scn, words[2]), scn_host(scn, words[3]), &scn->params, &error);

    if (text)
        g_string_append_printf(out, "%s\n", text);
    else
        print_error(out, &error);
}

static void do_explain(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *vm = words[2];
    g_autoptr(GError) error = NULL;
    g_autoptr(VmExplanation) x = NULL;

    if (explain_vm(snap, scn_vm(scn, vm), 0, &scn->params, &x, &error))
        g_string_append_printf(out, "%s\n%s: %s\n", x->here, x->why, x->stays);
    else
        print_error(out, &error);
}

static void do_breaches(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(RuleBreaches) breaches = rules_breaches(snap, scn_cluster(scn));

    (void)words;
    for (size_t i = 0; i < breaches->n_items; i++)
        g_string_append_printf(out, "%s\n", breaches->items[i].text);
    if (breaches->n_items == 0)
        g_string_append(out, "no rule is broken\n");
}

static void do_judge(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RuleVerdicts) verdicts = NULL;

    (void)words;
    if (!rules_judge(snap, scn_cluster(scn), &scn->params, &verdicts, &error)) {
        print_error(out, &error);
        return;
    }
    for (size_t i = 0; i < verdicts->n_items; i++) {
        const struct rule_verdict *it = &verdicts->items[i];
        const Rule *rule = snapshot_rule(snap, it->rule_id);

        g_string_append_printf(out, "%s: %s%s%s\n", rule->name, rule_state_name(it->state),
                               it->text[0] ? ": " : "", it->text);
    }
}

static void do_check(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Rule) rule = scn_make_rule(scn, words + 2);

    if (rules_check(snap, rule, &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void print_imc(GString *out, const char *name, const char *text, const CpuSet *features)
{
    g_autofree char *list = features ? cpu_set_format(features) : NULL;

    g_string_append_printf(out, "  %s: %s%s%s\n", name, text, list ? " | " : "", list ? list : "");
}

/* imc off|MODE: what it would mean; the check of the change that goes with it. */
static void do_imc(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *mode = words[2];
    const Cluster *current = snapshot_cluster(snap, scn_cluster(scn));
    g_autoptr(Cluster) wanted = cluster_dup(current);
    g_autoptr(ImcPlan) plan = NULL;
    g_autoptr(GError) error = NULL;

    scn_set_imc(wanted, mode);
    plan = imc_plan(snap, wanted);
    g_string_append_printf(out, "%s: %s\n", plan->change, plan->text);
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct imc_host *it = &plan->hosts.items[i];

        print_imc(out, it->host->name, it->text, it->missing);
    }
    for (size_t i = 0; i < plan->vms.len; i++) {
        const struct imc_vm *it = &plan->vms.items[i];

        print_imc(out, it->vm->name, it->text, it->features);
    }
    if (imc_check_change(snap, current, wanted, &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void do_join(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const Cluster *cluster = snapshot_cluster(snap, scn_need_name(scn->clusters, words[3], 1));
    g_autoptr(GError) error = NULL;

    if (imc_check_join(snap, cluster, snapshot_host(snap, scn_host(scn, words[2])), &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void do_measure(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    struct plan_measure m;

    (void)words;
    if (!balance_measure(snap, scn_cluster(scn), &scn->params, &m, &error)) {
        print_error(out, &error);
        return;
    }
    g_string_append_printf(out,
                           "imbalance %" PRId64 " overload %" PRId64 " cpu %" PRId64 "/%" PRId64
                           "/%" PRId64 " mem %" PRId64 "/%" PRId64 "/%" PRId64 "\n",
                           m.imbalance, m.overload_mhz, m.cpu_stdev, m.cpu_max, m.cpu_mean,
                           m.mem_stdev, m.mem_max, m.mem_mean);
}

/* The cluster as the short window sees it. */
static Snapshot *grown(const Snapshot *snap, int64_t growth)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();

#define X(Type, field, prefix)                                                                     \
    for (size_t i = 0; i < snap->n_##field; i++)                                                   \
        snapshot_builder_put_##prefix(builder, prefix##_ref(snap->field[i]));
    SNAPSHOT_LISTS(X)
#undef X
    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);

        vm->load.cpu_mhz = vm->load.cpu_mhz * (1000 + growth) / 1000;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, SCN_NOW_MONO_MS);
}

static void do_dpm(Scn *scn, const Snapshot *calm, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) now = grown(calm, scn->growth);
    g_autoptr(DpmPlan) plan = NULL;
    g_autofree char *text = NULL;

    (void)words;
    scn->dpm.sched = scn->params;
    scn->dpm.bars = &scn->bar;
    scn->dpm.n_bars = scn->bar.host_id ? 1 : 0;
    scn->dpm.waiting = scn->waiting;
    if (!dpm_plan(calm, now, scn_cluster(scn), &scn->dpm, &plan, &error)) {
        print_error(out, &error);
        return;
    }
    text = dpm_plan_format(plan);
    g_string_append(out, text);
}

static void do_absence(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *host = words[2];
    g_autoptr(GError) error = NULL;

    scn->dpm.sched = scn->params;
    if (dpm_check_absence(snap, scn_need_name(scn->hosts, host, SCN_FIRST_HOST), &scn->dpm, &error))
        g_string_append(out, "it can be spared\n");
    else
        print_error(out, &error);
}

static const struct {
    const char *name;
    void (*run)(Scn *scn, const Snapshot *snap, char **words, GString *out);
} actions[] = {
    { "balance", do_balance },   { "rebalance", do_rebalance },
    { "evacuate", do_evacuate }, { "place", do_place },
    { "target", do_target },     { "why", do_why },
    { "explain", do_explain },   { "judge", do_judge },
    { "breaches", do_breaches }, { "check", do_check },
    { "imc", do_imc },           { "join", do_join },
    { "dpm", do_dpm },           { "absence", do_absence },
    { "measure", do_measure },
};

void scn_do(Scn *scn, char **words, GString *out)
{
    g_autoptr(Snapshot) snap = scn_snapshot(scn);
    g_autofree char *line = g_strjoinv(" ", words + 1);

    g_string_append_printf(out, "> %s\n", line);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(words[1], actions[i].name) == 0) {
            actions[i].run(scn, snap, words, out);
            return;
        }
    }
    scn_bad_line("unknown action", words[1]);
}
