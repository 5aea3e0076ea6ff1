/* outcome.c - see outcome.h. */
#include "config.h"

#include "scheduler/tool/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/err.h"
#include "model/snapshot_json.h"
#include "scheduler/balance.h"
#include "scheduler/ganeti.h"
#include "scheduler/ganeti_score.h"
#include "scheduler/tool/show.h"
#include "scheduler/whatif.h"

double outcome_cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void free_plan(gpointer plan)
{
    plan_free(plan);
}

void outcome_init(struct outcome *outcome, const Snapshot *before)
{
    *outcome = (struct outcome){ .plans = g_ptr_array_new_with_free_func(free_plan),
                                 .before = snapshot_ref(before),
                                 .after = snapshot_ref(before) };
}

void outcome_clear(struct outcome *outcome)
{
    g_clear_pointer(&outcome->plans, g_ptr_array_unref);
    snapshot_unref(outcome->before);
    snapshot_unref(outcome->after);
}

bool outcome_measure(struct outcome *outcome, const Snapshot *snap, const struct input *input,
                     GError **error)
{
    outcome->has_present =
        balance_measure(snap, input->cluster_id, &input->params, &outcome->present, error);
    return outcome->has_present;
}

static const struct plan_measure *measure_before(const struct outcome *outcome)
{
    const Plan *first = outcome->plans->pdata[0];

    return outcome->has_present ? &outcome->present : &first->before;
}

void outcome_add(struct outcome *outcome, Plan *plan, double cpu_s)
{
    Snapshot *after = whatif_moved(outcome->after, plan);

    snapshot_unref(outcome->after);
    outcome->after = after;
    outcome->plan_cpu_s += cpu_s;
    g_ptr_array_add(outcome->plans, plan);
}

struct outcome_sums outcome_sums(const struct outcome *outcome)
{
    struct outcome_sums sums = { 0 };

    for (guint p = 0; p < outcome->plans->len; p++) {
        const Plan *plan = outcome->plans->pdata[p];

        sums.n_moves += plan->moves.len;
        sums.n_stays += plan->stays.len;
        sums.makespan_ms += plan->makespan_ms;
        for (size_t i = 0; i < plan->moves.len; i++)
            sums.copy_mb += plan->moves.items[i].cost_mb;
    }
    for (size_t i = 0; i < outcome->before->n_vms; i++) {
        const Vm *was = outcome->before->vms[i], *is = outcome->after->vms[i];

        if (was->host_id == is->host_id)
            continue;
        sums.n_vms++;
        sums.vm_mb += was->memory.size_mb;
    }
    return sums;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_moves(const struct outcome *outcome)
{
    for (guint p = 0; p < outcome->plans->len; p++) {
        const Plan *plan = outcome->plans->pdata[p];

        for (size_t i = 0; i < plan->moves.len; i++)
            printf("%s %s %s\n", plan->moves.items[i].vm_name, plan->moves.items[i].from_name,
                   plan->moves.items[i].to_name);
    }
}

/* Ganeti's commands; an instance whose node is off cannot be migrated but fails over. */
static void print_commands(FILE *out, const struct outcome *outcome)
{
    for (guint p = 0; p < outcome->plans->len; p++) {
        const Plan *plan = outcome->plans->pdata[p];

        for (size_t i = 0; i < plan->moves.len; i++) {
            const struct plan_move *move = &plan->moves.items[i];
            const Host *from = snapshot_host(outcome->before, move->from_id);
            const char *verb = from && from->maintaining ? "failover" : "migrate";

            fprintf(out, "gnt-instance %s -f -n %s %s\n", verb, move->to_name, move->vm_name);
        }
    }
}

static void print_sums(const struct outcome *outcome)
{
    struct outcome_sums sums = outcome_sums(outcome);

    printf("%zu move%s, %zu VM%s with %.1f GiB of memory end elsewhere, %.1f GiB to copy, about "
           "%.0f s\n",
           sums.n_moves, sums.n_moves == 1 ? "" : "s", sums.n_vms, sums.n_vms == 1 ? "" : "s",
           (double)sums.vm_mb / 1024, (double)sums.copy_mb / 1024, (double)sums.makespan_ms / 1000);
}

/* hbal's score of the placement before or after; < 0: not a cluster in Ganeti's form. */
static double score_of(const struct input *input, const Snapshot *snap)
{
    if (!input->ganeti || snap->n_hosts != input->ganeti->nodes.len)
        return -1;
    return (double)ganeti_score_of(input->ganeti, input->cluster_id, snap) /
           (double)GANETI_SCORE_ONE;
}

static void print_scores(const struct outcome *outcome, const struct input *input)
{
    const double before = score_of(input, outcome->before), after = score_of(input, outcome->after);
    const bool whole = input->ganeti && ganeti_score_is_whole(input->ganeti, input->cluster_id);

    if (before >= 0)
        printf("%-22s  %10.4f  %10.4f%s\n", "hbal's score", before, after,
               whole ? "" : "  (without N+1, spindles, locations)");
}

static void print_plans(const struct outcome *outcome, const struct input *input,
                        const struct options *options)
{
    const Plan *last = outcome->plans->pdata[outcome->plans->len - 1];
    size_t number = 0;

    for (guint p = 0; p < outcome->plans->len; p++) {
        const Plan *plan = outcome->plans->pdata[p];

        if (options->verbosity > 0)
            show_moves(stdout, plan, &number, options->verbosity > 1);
        show_stays(stdout, plan);
    }
    if (options->verbosity < 0)
        return;
    for (guint p = 0; p < outcome->plans->len; p++)
        printf("%s\n", ((const Plan *)outcome->plans->pdata[p])->verdict);
    show_measures(stdout, measure_before(outcome), &last->after);
    print_scores(outcome, input);
    print_sums(outcome);
    printf("%.3f CPU s to plan, %.3f CPU s in all\n", outcome->plan_cpu_s, outcome_cpu_seconds());
}

void outcome_print(const struct outcome *outcome, const struct input *input,
                   const struct options *options)
{
    g_autoptr(json_t) json = NULL;

    if (options->gives_stdout || (options->print_moves && !options->json)) {
        for (guint p = 0; p < outcome->plans->len; p++)
            show_stays(stderr, outcome->plans->pdata[p]);
    }
    if (options->gives_stdout)
        return;
    if (options->json) {
        g_autofree char *text = NULL;

        json = outcome_json(outcome, input);
        text = json_format(json);
        printf("%s\n", text);
        return;
    }
    if (options->print_moves) {
        print_moves(outcome);
        return;
    }
    if (options->print_nodes)
        show_hosts(stdout, "Hosts before:", outcome->before, input->cluster_id);
    print_plans(outcome, input, options);
    if (options->print_nodes)
        show_hosts(stdout, "Hosts after:", outcome->after, input->cluster_id);
    if (options->print_instances)
        show_vms(stdout, outcome->before, outcome->after, input->cluster_id);
    if (options->print_commands && !options->commands_file) {
        puts("\nCommands:");
        print_commands(stdout, outcome);
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

json_t *outcome_json(const struct outcome *outcome, const struct input *input)
{
    const Plan *last = outcome->plans->pdata[outcome->plans->len - 1];
    struct outcome_sums sums = outcome_sums(outcome);
    json_t *json = json_object(), *plans = json_array(), *cost = json_object();

    for (guint p = 0; p < outcome->plans->len; p++)
        json_array_append_new(plans, show_plan_json(outcome->plans->pdata[p]));
    json_object_set_new(cost, "moves", json_integer((json_int_t)sums.n_moves));
    json_object_set_new(cost, "vms", json_integer((json_int_t)sums.n_vms));
    json_object_set_new(cost, "stays", json_integer((json_int_t)sums.n_stays));
    json_object_set_new(cost, "vmMib", json_integer(sums.vm_mb));
    json_object_set_new(cost, "copyMib", json_integer(sums.copy_mb));
    json_object_set_new(cost, "makespanMs", json_integer(sums.makespan_ms));
    json_object_set_new(cost, "planCpuSeconds", json_real(outcome->plan_cpu_s));
    json_object_set_new(cost, "cpuSeconds", json_real(outcome_cpu_seconds()));
    json_object_set_new(json, "cluster",
                        json_string(snapshot_cluster(input->snap, input->cluster_id)->name));
    json_object_set_new(json, "before", show_measure_json(measure_before(outcome)));
    json_object_set_new(json, "after", show_measure_json(&last->after));
    if (score_of(input, outcome->before) >= 0) {
        json_object_set_new(json, "hbalScoreBefore", json_real(score_of(input, outcome->before)));
        json_object_set_new(json, "hbalScoreAfter", json_real(score_of(input, outcome->after)));
    }
    input_add_units(input, json);
    json_object_set_new(json, "cost", cost);
    json_object_set_new(json, "plans", plans);
    return json;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Devices, pipes: they must stay what they are. */
static bool write_through(const char *path, const char *text, GError **error)
{
    FILE *file = fopen(path, "we");
    bool good = file && fputs(text, file) >= 0;

    good = (!file || fclose(file) == 0) && good;
    if (!good)
        err_set(error, VRM_ERR_UNAVAILABLE, "cannot write '%s': %s", path, g_strerror(errno));
    return good;
}

/* A file whole or not at all: through a temporary file beside it, with the mode that it had. */
static bool write_file(const char *path, const char *text, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *target = realpath(path, NULL); /* behind a symbolic link */
    struct stat status;
    bool is_there = stat(path, &status) == 0;

    if (strcmp(path, "-") == 0) {
        if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
            return true;
        err_set(error, VRM_ERR_UNAVAILABLE, "standard output: %s", g_strerror(errno));
        return false;
    }
    if (is_there && !S_ISREG(status.st_mode))
        return write_through(path, text, error);
    if (g_file_set_contents_full(target ? target : path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT,
                                 is_there ? (int)(status.st_mode & 0777) : 0666, &cause))
        return true;
    err_set(error, VRM_ERR_UNAVAILABLE, "%s", cause->message);
    return false;
}

static bool save_ganeti(const struct outcome *outcome, const struct input *input, const char *path,
                        GError **error)
{
    g_autofree char *text = NULL;

    if (!input->text) {
        err_set(error, VRM_ERR_INVALID,
                "-S %s: only a cluster read with -t can be saved in Ganeti's form; "
                "--save-snapshot writes the other",
                path);
        return false;
    }
    text = ganeti_write(input->text, input->text_len, input->original, outcome->after);
    return write_file(path, text, error);
}

static bool save_commands(const struct outcome *outcome, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);

    g_assert(memory); /* fails only without memory */
    fputs("#!/bin/sh\nset -e\n", memory);
    print_commands(memory, outcome);
    (void)fclose(memory);
    return write_file(path, text, error);
}

bool outcome_save(const struct outcome *outcome, const struct input *input,
                  const struct options *options, GError **error)
{
    if (options->save && !save_ganeti(outcome, input, options->save, error))
        return false;
    if (options->save_json) {
        g_autofree char *text = snapshot_json_write(outcome->after, input->cluster_id);

        if (!write_file(options->save_json, text, error))
            return false;
    }
    return !options->commands_file || save_commands(outcome, options->commands_file, error);
}
