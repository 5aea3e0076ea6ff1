/* command_plan.c - vrm-plan balance, drain, what-if: plans and what they lead to. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "scheduler/admission.h"
#include "scheduler/balance.h"
#include "scheduler/evacuate.h"
#include "scheduler/ganeti_improve.h"
#include "scheduler/ganeti_score.h"
#include "scheduler/tool/command.h"
#include "scheduler/tool/outcome.h"
#include "scheduler/tool/show.h"
#include "scheduler/whatif.h"

/* ---- plans ---------------------------------------------------------------------------------- */

/* -l counts all moves, those that empty hosts too. */
static bool cut_drain(const struct outcome *outcome, const struct input *input, Plan *plan,
                      GError **error)
{
    const size_t room = input->params.max_moves - outcome_sums(outcome).n_moves,
                 n = plan->moves.len;
    g_autoptr(Snapshot) after = NULL;

    if (n <= room)
        return true;
    plan_cut(plan, room);
    plan_set_verdict(plan, "the first %zu of the %zu moves that empty the host (-l)",
                     plan->moves.len, n);
    after = whatif_moved(outcome->after, plan);
    return balance_measure(after, input->cluster_id, &input->params, &plan->after, error);
}

static bool add_drain(struct outcome *outcome, const struct input *input, const Host *host,
                      GError **error)
{
    double begin = outcome_cpu_seconds();
    g_autoptr(Plan) plan = NULL;

    show_progress("emptying %s ...", host->name);
    if (!evacuate_plan(outcome->after, host->id, &input->params, &plan, error) ||
        !cut_drain(outcome, input, plan, error))
        return false;
    outcome_add(outcome, g_steal_pointer(&plan), outcome_cpu_seconds() - begin);
    return true;
}

/* Is hbal's score what to lower?  If nobody says so: when there is nothing measured to balance. */
static bool wants_score(const struct input *input, const struct options *options)
{
    if (options->objective)
        return strcmp(options->objective, "hbal") == 0;
    return options->min_score >= 0 || options->min_gain >= 0 ||
           (input->ganeti && !input->ganeti->loaded && !options->factor);
}

static bool add_score_balance(struct outcome *outcome, const struct input *input,
                              const struct options *options, GError **error)
{
    const double one = (double)GANETI_SCORE_ONE;
    const struct ganeti_goal goal = {
        .sched = &input->params,
        .level = options->level,
        .min_gain = options->min_gain > 0 ? (int64_t)ceil(options->min_gain * one) : 0,
        .until_score = options->min_score >= 0 ? (int64_t)(options->min_score * one) : -1,
    };
    double begin = outcome_cpu_seconds();
    Plan *plan;

    show_progress("planning for hbal's score: %zu hosts, %zu VMs ...", outcome->after->n_hosts,
                  outcome->after->n_vms);
    if (!ganeti_improve(input->ganeti, outcome->after, input->cluster_id, &goal, &plan, error))
        return false;
    outcome_add(outcome, plan, outcome_cpu_seconds() - begin);
    return true;
}

static bool add_balance(struct outcome *outcome, const struct input *input, GError **error)
{
    double begin = outcome_cpu_seconds();
    Plan *plan;

    show_progress("planning: %zu hosts, %zu VMs ...", outcome->after->n_hosts,
                  outcome->after->n_vms);
    if (!balance_plan(outcome->after, input->cluster_id, &input->params, &plan, error))
        return false;
    outcome_add(outcome, plan, outcome_cpu_seconds() - begin);
    return true;
}

static bool has_vms(const Snapshot *snap, int64_t host_id)
{
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->host_id == host_id && vm_is_placed(snap->vms[i]))
            return true;
    }
    return false;
}

/* VMs leave hosts in maintenance first, as hbal's do. */
static bool add_closed_hosts(struct outcome *outcome, const struct input *input, GError **error)
{
    for (size_t i = 0; i < input->snap->n_hosts; i++) {
        const Host *host = input->snap->hosts[i];

        if (host->cluster_id == input->cluster_id && host->maintaining &&
            has_vms(outcome->after, host->id) && !add_drain(outcome, input, host, error))
            return false;
    }
    return true;
}

/* 1 when something stays undone that was asked for. */
static int status_of(const struct outcome *outcome)
{
    for (guint p = 0; p < outcome->plans->len; p++) {
        const Plan *plan = outcome->plans->pdata[p];

        if (!plan->decided || plan->stays.len > 0)
            return EXIT_NO;
    }
    return EXIT_DONE;
}

static int finish(const struct outcome *outcome, const struct input *input,
                  const struct options *options)
{
    GError *error = NULL;

    show_progress_end();
    outcome_print(outcome, input, options);
    if (outcome_save(outcome, input, options, &error))
        return status_of(outcome);
    command_failed(error);
    return EXIT_NOT_SAVED;
}

/* What the hosts that had to be emptied have left of -l. */
static void take_moves(const struct outcome *outcome, struct input *input)
{
    input->params.max_moves -= (uint32_t)outcome_sums(outcome).n_moves;
}

int command_balance(const struct options *options, struct input *input)
{
    struct outcome outcome;
    GError *error = NULL;
    bool good;
    int status;

    outcome_init(&outcome, input->snap);
    good = add_closed_hosts(&outcome, input, &error);
    take_moves(&outcome, input);
    if (options->evacuate_only)
        input->params.max_moves = 0; /* nothing beyond that */
    good =
        good && ((options->evacuate_only && outcome.plans->len > 0) ||
                 (wants_score(input, options) ? add_score_balance(&outcome, input, options, &error)
                                              : add_balance(&outcome, input, &error)));
    status = good ? finish(&outcome, input, options) : command_failed(error);
    outcome_clear(&outcome);
    return status;
}

/* All of them, before the first is emptied: no VM goes to a host that is to be emptied as well. */
static bool close_hosts(struct outcome *outcome, const struct input *input, char **names,
                        GError **error)
{
    for (char **name = names; *name; name++) {
        const Host *host = input_host(input, *name, error);
        Snapshot *closed = host ? whatif_close_host(outcome->after, host->id, error) : NULL;

        if (!closed)
            return false;
        snapshot_unref(outcome->after);
        outcome->after = closed;
    }
    return true;
}

int command_drain(const struct options *options, struct input *input)
{
    struct outcome outcome;
    GError *error = NULL;
    bool good;
    int status;

    outcome_init(&outcome, input->snap);
    good = outcome_measure(&outcome, input->snap, input, &error) &&
           close_hosts(&outcome, input, options->names, &error);
    for (char **name = options->names; *name && good; name++)
        good = add_drain(&outcome, input, input_host(input, *name, NULL), &error);
    status = good ? finish(&outcome, input, options) : command_failed(error);
    outcome_clear(&outcome);
    return status;
}

/* ---- what-if -------------------------------------------------------------------------------- */

static void replace(struct input *input, Snapshot *changed)
{
    snapshot_unref(input->snap);
    input->snap = changed;
}

/* The host with the most memory. */
static const Host *biggest_host(const struct input *input)
{
    const Host *best = NULL;

    for (size_t i = 0; i < input->snap->n_hosts; i++) {
        const Host *host = input->snap->hosts[i];

        if (host->cluster_id == input->cluster_id && (!best || host->mem_mb > best->mem_mb))
            best = host;
    }
    return best;
}

static bool add_hosts(const struct options *options, struct input *input, GError **error)
{
    const Host *like = biggest_host(input);
    Snapshot *changed;

    if (options->like) {
        like = input_host(input, options->like, error);
        if (!like)
            return false;
    }
    if (!like) {
        err_set(error, VRM_ERR_INVALID, "--add-hosts %d: the cluster has no host to copy",
                options->add_hosts);
        return false;
    }
    changed = whatif_add_hosts(input->snap, like->id, (uint32_t)options->add_hosts, error);
    if (changed)
        replace(input, changed);
    return changed != NULL;
}

static bool apply_changes(const struct options *options, struct input *input, GError **error)
{
    if (options->add_hosts > 0 && !add_hosts(options, input, error))
        return false;
    for (char **rule = options->rules; rule && *rule; rule++) {
        Snapshot *changed = whatif_add_rule(input->snap, input->cluster_id, *rule, error);

        if (!changed)
            return false;
        replace(input, changed);
    }
    for (char **name = options->without; name && *name; name++) {
        const Host *host = input_host(input, *name, error);
        Snapshot *changed = host ? whatif_close_host(input->snap, host->id, error) : NULL;

        if (!changed)
            return false;
        replace(input, changed);
    }
    return true;
}

struct state {
    struct plan_measure measure;
    uint32_t n_lost; /* hosts whose failure would leave VMs without a place */
};

static bool look(const struct input *input, const Snapshot *snap, struct state *state,
                 GError **error)
{
    g_autoptr(HostLosses) losses = NULL;

    show_progress("what if a host died ...");
    if (!balance_measure(snap, input->cluster_id, &input->params, &state->measure, error) ||
        !admission_host_losses(snap, input->cluster_id, &input->params, &losses, error))
        return false;
    state->n_lost = losses->n_bad;
    return true;
}

static json_t *state_json(const struct state *state)
{
    json_t *json = show_measure_json(&state->measure);

    json_object_set_new(json, "hostsThatMustNotDie", json_integer(state->n_lost));
    return json;
}

static void print_what_if(const struct outcome *outcome, const struct input *input,
                          const struct options *options, const struct state *now,
                          const struct state *then)
{
    g_autoptr(json_t) json = NULL;
    g_autofree char *text = NULL;

    if (!options->json) {
        if (!options->print_moves && !options->gives_stdout) {
            puts("As it is:");
            show_measures(stdout, &now->measure, NULL);
            puts("\nChanged:");
        }
        outcome_print(outcome, input, options);
        if (!options->print_moves && !options->gives_stdout)
            printf("hosts whose death would leave VMs without a place: %u now, %u then\n",
                   now->n_lost, then->n_lost);
        return;
    }
    json = outcome_json(outcome, input);
    json_object_set_new(json, "asItIs", state_json(now));
    json_object_set_new(json, "then", state_json(then));
    text = json_format(json);
    puts(text);
}

static int finish_what_if(struct outcome *outcome, struct input *input,
                          const struct options *options, const struct state *now)
{
    struct state then;
    GError *error = NULL;
    int status = EXIT_DONE;

    if (!add_closed_hosts(outcome, input, &error))
        return command_failed(error);
    take_moves(outcome, input);
    if (!add_balance(outcome, input, &error) || !look(input, outcome->after, &then, &error))
        return command_failed(error);
    show_progress_end();
    print_what_if(outcome, input, options, now, &then);
    if (!outcome_save(outcome, input, options, &error)) {
        command_failed(error);
        status = EXIT_NOT_SAVED;
    }
    return status != EXIT_DONE ? status : status_of(outcome);
}

int command_what_if(const struct options *options, struct input *input)
{
    struct outcome outcome;
    struct state now;
    GError *error = NULL;
    int status;

    if (!look(input, input->snap, &now, &error) || !apply_changes(options, input, &error))
        return command_failed(error);
    outcome_init(&outcome, input->snap);
    status = finish_what_if(&outcome, input, options, &now);
    outcome_clear(&outcome);
    return status;
}
