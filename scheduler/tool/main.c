/* main.c - vrm-plan: the planner over a saved cluster. */
#include "config.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>

#include "base/err.h"
#include "model/snapshot_json.h"
#include "scheduler/tool/command.h"
#include "scheduler/tool/show.h"

int command_failed(GError *error)
{
    int status = EXIT_NO;

    show_progress_end();
    g_printerr("vrm-plan: %s\n", error->message);
    if (err_is(error, VRM_ERR_INVALID) || err_is(error, VRM_ERR_NOT_FOUND))
        status = EXIT_BAD_FILE;
    g_error_free(error);
    return status;
}

bool command_bears(const char *option, int n, const struct input *input)
{
    const unsigned n_hosts = g_hash_table_size(input->host_index);

    if (n <= (int)n_hosts)
        return true;
    g_printerr("vrm-plan: %s '%d': want 0..%u, the cluster has %u host%s\n", option, n, n_hosts,
               n_hosts, n_hosts == 1 ? "" : "s");
    return false;
}

static int command_convert(const struct options *options, struct input *input)
{
    g_autofree char *text = snapshot_json_write(input->snap, input->cluster_id);

    (void)options;
    fputs(text, stdout);
    return EXIT_DONE;
}

static void print_warnings(const struct options *options, const struct input *input)
{
    for (guint i = 0; i < input->warnings->len && options->verbosity > 0; i++)
        g_printerr("vrm-plan: %s\n", (const char *)input->warnings->pdata[i]);
}

static void print_unit(const char *what, const struct ganeti_unit *unit, const char *measure,
                       const char *otherwise)
{
    if (unit->size > 0)
        printf("%s load: 1.0 = %.6g %s (%s)\n", what, unit->size, measure, unit->why);
    else
        printf("%s load: %s (%s)\n", what, otherwise, unit->why);
}

/* What was read, for tables. */
static void print_input(const struct options *options, const struct input *input)
{
    const Cluster *cluster = snapshot_cluster(input->snap, input->cluster_id);

    if (options->json || options->print_moves || options->verbosity < 1 ||
        options->command == COMMAND_CONVERT || options->gives_stdout)
        return;
    printf("Cluster %s: %u hosts, %zu VMs, %zu rules\n", cluster->name,
           g_hash_table_size(input->host_index), input->n_vms, input->n_rules);
    if (!options->data)
        return;
    if (input_vcpu_limit(input) > 0)
        printf("vCPUs: at most %" PRId64 " for each thread of a host\n", input_vcpu_limit(input));
    else
        puts("vCPUs: no limit for the threads of a host");
    print_unit("CPU", &input->units[GANETI_CPU], "threads", "a quarter of the vCPUs");
    print_unit("memory", &input->units[GANETI_MEM], "MiB", "as configured");
}

static int run(const struct options *options)
{
    static const command_fn functions[N_COMMANDS] = {
        [COMMAND_BALANCE] = command_balance,
        [COMMAND_DRAIN] = command_drain,
        [COMMAND_PLACE] = command_place,
        [COMMAND_EXPLAIN] = command_explain,
        [COMMAND_ADMISSION] = command_admission,
        [COMMAND_CAPACITY] = command_capacity,
        [COMMAND_DPM] = command_dpm,
        [COMMAND_WHAT_IF] = command_what_if,
        [COMMAND_REPLAY] = command_replay,
        [COMMAND_CONVERT] = command_convert,
    };
    struct input input;
    GError *error = NULL;
    int status;

    show_progress("reading %s ...", options->data ? options->data : options->snapshot);
    if (!input_read(options, &input, &error)) {
        command_failed(error);
        input_clear(&input);
        return EXIT_BAD_FILE;
    }
    show_progress_end();
    print_warnings(options, &input);
    print_input(options, &input);
    status = functions[options->command](options, &input);
    input_clear(&input);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    int status;

    /* For names in messages; numbers stay as they are. */
    setlocale(LC_CTYPE, ""); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    if (options_parse(argc, argv, &options, &status))
        status = run(&options);
    options_clear(&options);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    g_printerr("vrm-plan: standard output cannot be written\n");
    return EXIT_NOT_SAVED;
}
