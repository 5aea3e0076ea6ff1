/* command_dpm.c - vrm-plan dpm: which hosts could sleep, which must wake, and why.
 *
 * dpm.h lets one host sleep at a time, and none while another is overloaded; here such a cluster is
 * balanced first, and the decision is carried out on a copy and asked again, until no host can be
 * spared, so that the answer is how many hosts the load needs. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "scheduler/balance.h"
#include "scheduler/dpm.h"
#include "scheduler/evacuate.h"
#include "scheduler/tool/command.h"
#include "scheduler/tool/outcome.h"
#include "scheduler/tool/show.h"
#include "scheduler/whatif.h"

#define HOURS_PER_YEAR 8760.0

/* One host after the other. */
struct night {
    struct dpm_params params;
    struct outcome outcome;
    GPtrArray *plans; /* DpmPlan *, the last one changes nothing */
    size_t n_sleep, n_wake;
    size_t n_balanced; /* moves that end overload first */
};

static void free_dpm_plan(gpointer plan)
{
    dpm_plan_free(plan);
}

static void set_params(const struct options *options, const struct input *input,
                       struct dpm_params *params)
{
    dpm_params_init(params);
    params->sched = input->params;
    params->sched.now_wall_ms = clock_wall_ms();
    if (options->spare >= 0)
        params->spare_hosts = (uint32_t)options->spare;
    else if (options->data) /* Ganeti's own promise: one node may fail */
        params->spare_hosts = 1;
}

/* Files of Ganeti do not know who can be woken. */
static void prove_all(const struct options *options, struct input *input,
                      const struct dpm_params *params)
{
    g_autoptr(SnapshotBuilder) builder = NULL;
    Snapshot *proven;

    if (!options->assume_proven && !options->data)
        return;
    builder = whatif_builder(input->snap);
    for (size_t i = 0; i < input->snap->n_hosts; i++) {
        Host *host = host_dup(input->snap->hosts[i]);

        if (*host->bmc_ip == '\0') {
            g_free(host->bmc_ip);
            host->bmc_ip = g_strdup("assumed");
        }
        host->wake_proven_ms = params->sched.now_wall_ms - params->settle_ms;
        snapshot_builder_put_host(builder, host);
    }
    proven = snapshot_builder_build(builder, input->snap->taken_mono_ms);
    snapshot_unref(input->snap);
    input->snap = proven;
}

static void set_power(struct outcome *outcome, int64_t host_id, bool on)
{
    Snapshot *changed = whatif_power(outcome->after, host_id, on);

    snapshot_unref(outcome->after);
    outcome->after = changed;
}

static bool send_to_sleep(struct night *night, const struct input *input, int64_t host_id,
                          GError **error)
{
    Plan *plan;

    if (!evacuate_plan(night->outcome.after, host_id, &input->params, &plan, error))
        return false;
    outcome_add(&night->outcome, plan, 0);
    set_power(&night->outcome, host_id, false);
    night->n_sleep++;
    return true;
}

/* Carries out what was decided; *ret_changed: anything? */
static bool carry_out(struct night *night, const struct input *input, const DpmPlan *plan,
                      bool *ret_changed, GError **error)
{
    *ret_changed = false;
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct dpm_verdict *verdict = &plan->hosts.items[i];

        if (verdict->action == DPM_STAY)
            continue;
        *ret_changed = true;
        if (verdict->action == DPM_SLEEP && !send_to_sleep(night, input, verdict->host_id, error))
            return false;
        if (verdict->action == DPM_WAKE) {
            set_power(&night->outcome, verdict->host_id, true);
            night->n_wake++;
        }
    }
    return true;
}

/* What DRS would have done before the night. */
static bool end_overload(struct night *night, const struct input *input, GError **error)
{
    struct plan_measure now;
    Plan *plan;

    if (!balance_measure(night->outcome.after, input->cluster_id, &input->params, &now, NULL) ||
        now.overload_mhz == 0)
        return true; /* what is wrong with the data, dpm_plan says */
    if (!balance_plan(night->outcome.after, input->cluster_id, &input->params, &plan, error))
        return false;
    night->n_balanced = plan->moves.len;
    outcome_add(&night->outcome, plan, 0);
    return true;
}

/* Each round switches hosts one way; after waking nobody sleeps again. */
static bool run_night(struct night *night, const struct input *input, GError **error)
{
    bool changed = true;

    while (changed) {
        double begin = outcome_cpu_seconds();
        DpmPlan *plan;

        show_progress("looking for a host to spare, %zu found ...", night->n_sleep);
        if (!dpm_plan(night->outcome.after, night->outcome.after, input->cluster_id, &night->params,
                      &plan, error))
            return false;
        g_ptr_array_add(night->plans, plan);
        if (!carry_out(night, input, plan, &changed, error))
            return false;
        changed = changed && night->n_wake == 0;
        night->outcome.plan_cpu_s += outcome_cpu_seconds() - begin;
    }
    return true;
}

/* ---- output --------------------------------------------------------------------------------- */

static const char *action_word(enum dpm_action action)
{
    static const char *const words[] = { "stays", "can sleep", "must wake" };

    return words[action];
}

/* What was decided about the host when it was decided about at last. */
static const struct dpm_verdict *final_verdict(const struct night *night, size_t host)
{
    for (guint p = 0; p < night->plans->len; p++) {
        const DpmPlan *plan = night->plans->pdata[p];

        if (plan->hosts.items[host].action != DPM_STAY)
            return &plan->hosts.items[host];
    }
    return &((const DpmPlan *)night->plans->pdata[night->plans->len - 1])->hosts.items[host];
}

static void print_table(const struct night *night, const struct options *options)
{
    const DpmPlan *first = night->plans->pdata[0];
    const DpmPlan *last = night->plans->pdata[night->plans->len - 1];
    struct outcome_sums sums = outcome_sums(&night->outcome);

    for (size_t i = 0; i < first->hosts.len; i++) {
        const struct dpm_verdict *verdict = final_verdict(night, i);

        if (options->verbosity < 1 && verdict->action == DPM_STAY)
            continue;
        printf("%-16s %-10s %s", verdict->host_name, action_word(verdict->action), verdict->text);
        if (verdict->action == DPM_SLEEP)
            printf(" (%zu move%s, %.1f GiB)", verdict->n_moves, verdict->n_moves == 1 ? "" : "s",
                   (double)verdict->move_mb / 1024);
        putchar('\n');
    }
    if (!first->decided) {
        printf("%s\n", first->verdict);
        return;
    }
    if (night->n_balanced > 0)
        printf("hosts are overloaded: %zu moves balance the cluster first\n", night->n_balanced);
    printf("%zu of %zu hosts can sleep, %zu must wake; then: %s\n", night->n_sleep,
           first->hosts.len, night->n_wake, last->verdict);
    printf("load of the hosts that are on: %.1f %% now, %.1f %% then\n",
           (double)first->load_permille / 10, (double)last->load_permille / 10);
    printf("%zu moves, %.1f GiB to copy, about %.0f s\n", sums.n_moves, (double)sums.copy_mb / 1024,
           (double)sums.makespan_ms / 1000);
    printf("saved at %d W a host: %.1f kWh a day, %.0f a year\n", options->watts,
           (double)night->n_sleep * options->watts * 24 / 1000,
           (double)night->n_sleep * options->watts * HOURS_PER_YEAR / 1000);
}

static json_t *verdict_json(const struct dpm_verdict *verdict)
{
    static const char *const words[] = { "stay", "sleep", "wake" };
    json_t *json = json_object();

    json_object_set_new(json, "host", json_string(verdict->host_name));
    json_object_set_new(json, "action", json_string(words[verdict->action]));
    json_object_set_new(json, "why", json_string(verdict->text));
    json_object_set_new(json, "moves", json_integer((json_int_t)verdict->n_moves));
    json_object_set_new(json, "moveMib", json_integer(verdict->move_mb));
    return json;
}

static void print_json(const struct night *night, const struct input *input,
                       const struct options *options)
{
    const DpmPlan *first = night->plans->pdata[0];
    const DpmPlan *last = night->plans->pdata[night->plans->len - 1];
    g_autoptr(json_t) json = json_object();
    json_t *hosts = json_array(), *plans = json_array();
    g_autofree char *text = NULL;

    for (size_t i = 0; i < first->hosts.len; i++)
        json_array_append_new(hosts, verdict_json(final_verdict(night, i)));
    for (guint p = 0; p < night->outcome.plans->len; p++)
        json_array_append_new(plans, show_plan_json(night->outcome.plans->pdata[p]));
    input_add_units(input, json);
    json_object_set_new(json, "decided", json_boolean(first->decided));
    json_object_set_new(json, "verdict", json_string(first->verdict));
    json_object_set_new(json, "then", json_string(last->verdict));
    json_object_set_new(json, "sleep", json_integer((json_int_t)night->n_sleep));
    json_object_set_new(json, "wake", json_integer((json_int_t)night->n_wake));
    json_object_set_new(json, "balancedFirst", json_integer((json_int_t)night->n_balanced));
    json_object_set_new(json, "loadPermille", json_integer(first->load_permille));
    json_object_set_new(json, "loadPermilleThen", json_integer(last->load_permille));
    json_object_set_new(json, "savedKwhPerDay",
                        json_real((double)night->n_sleep * options->watts * 24 / 1000));
    json_object_set_new(json, "hosts", hosts);
    json_object_set_new(json, "plans", plans);
    text = json_format(json);
    puts(text);
}

static int finish(const struct night *night, const struct input *input,
                  const struct options *options)
{
    const DpmPlan *first = night->plans->pdata[0];
    GError *error = NULL;

    show_progress_end();
    if (options->json)
        print_json(night, input, options);
    else if (options->print_moves || options->gives_stdout)
        outcome_print(&night->outcome, input, options);
    else
        print_table(night, options);
    if (!outcome_save(&night->outcome, input, options, &error)) {
        command_failed(error);
        return EXIT_NOT_SAVED;
    }
    return first->decided ? EXIT_DONE : EXIT_NO;
}

int command_dpm(const struct options *options, struct input *input)
{
    struct night night = { .plans = g_ptr_array_new_with_free_func(free_dpm_plan) };
    GError *error = NULL;
    int status;

    if (!command_bears("--spare", options->spare, input)) {
        g_ptr_array_unref(night.plans);
        return EXIT_USAGE;
    }
    set_params(options, input, &night.params);
    prove_all(options, input, &night.params);
    outcome_init(&night.outcome, input->snap);
    status = end_overload(&night, input, &error) && run_night(&night, input, &error)
                 ? finish(&night, input, options)
                 : command_failed(error);
    outcome_clear(&night.outcome);
    g_ptr_array_unref(night.plans);
    return status;
}
