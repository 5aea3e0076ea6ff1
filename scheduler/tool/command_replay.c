/* command_replay.c - vrm-plan replay: a recorded load under several settings, side by side. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "scheduler/replay.h"
#include "scheduler/tool/command.h"
#include "scheduler/tool/show.h"

#define MAX_COLUMNS 20
#define MAX_NAME    40

/* One column of the answer. */
struct column {
    char *name;
    Cluster *cluster; /* with its policies */
    struct replay_setting setting;
    struct replay_result result;
};

struct table {
    struct column columns[MAX_COLUMNS];
    size_t n;
    size_t running; /* for progress */
};

/* ---- settings ------------------------------------------------------------------------------- */

static bool assign(struct column *column, const char *list, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(list, ",", -1);

    for (char **part = parts; *part; part++) {
        if (**part != '\0' && !replay_set(&column->setting, column->cluster, *part, error))
            return false;
    }
    return true;
}

static bool assign_all(struct column *column, char **lists, GError **error)
{
    for (char **list = lists; list && *list; list++) {
        if (!assign(column, *list, error))
            return false;
    }
    return true;
}

static struct column *add_column(struct table *table, const struct options *options,
                                 const struct input *input, const char *name)
{
    struct column *column = &table->columns[table->n++];

    column->name = g_strdup(name);
    column->cluster = cluster_dup(snapshot_cluster(input->snap, input->cluster_id));
    replay_setting_init(&column->setting);
    column->setting.sched = input->params;
    column->setting.cluster = column->cluster;
    column->setting.watts = options->watts;
    return column;
}

static bool fill_columns(struct table *table, const struct options *options,
                         const struct input *input, GError **error)
{
    struct column *column = add_column(table, options, input, "nothing done");

    if (!assign_all(column, options->set, error))
        return false;
    column->cluster->drs.enabled = false;
    column->cluster->dpm.power_level = 0;
    column = add_column(table, options, input, options->set ? "as set" : "as it is");
    if (!assign_all(column, options->set, error))
        return false;
    for (char **list = options->against; list && *list; list++) {
        if (table->n == MAX_COLUMNS) {
            err_set(error, VRM_ERR_INVALID, "--against: want at most %d times", MAX_COLUMNS - 2);
            return false;
        }
        column = add_column(table, options, input, *list);
        if (!assign_all(column, options->set, error) || !assign(column, *list, error))
            return false;
    }
    return true;
}

static void clear_columns(struct table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        g_free(table->columns[i].name);
        cluster_unref(table->columns[i].cluster);
    }
}

/* ---- output --------------------------------------------------------------------------------- */

static double copied_gib(const struct replay_result *r)
{
    return (double)r->moved_mb / 1024;
}

static double hot_minutes(const struct replay_result *r)
{
    return (double)r->hot_ms / 60000;
}

static double unmet_ghz_minutes(const struct replay_result *r)
{
    return (double)r->unmet_mhz_s / 60000;
}

static double max_cpu(const struct replay_result *r)
{
    return (double)r->max_cpu / 10;
}

static double mean_stdev(const struct replay_result *r)
{
    return (double)r->mean_stdev / 10;
}

static double host_hours(const struct replay_result *r)
{
    return (double)r->on_ms / 3600000;
}

static double kwh(const struct replay_result *r)
{
    return r->kwh;
}

static double n_moves(const struct replay_result *r)
{
    return (double)r->n_moves;
}

static double n_sleeps(const struct replay_result *r)
{
    return (double)r->n_sleeps;
}

static double n_wakes(const struct replay_result *r)
{
    return (double)r->n_wakes;
}

static double n_undecided(const struct replay_result *r)
{
    return (double)r->n_undecided;
}

static const struct {
    const char *name, *key;
    double (*value)(const struct replay_result *result);
    int decimals;
} lines[] = {
    { "moves", "moves", n_moves, 0 },
    { "GiB copied", "copiedGib", copied_gib, 1 },
    { "hot host-minutes", "hotMinutes", hot_minutes, 1 },
    { "unmet, GHz-minutes", "unmetGhzMinutes", unmet_ghz_minutes, 1 },
    { "highest CPU load, %", "maxCpuPercent", max_cpu, 1 },
    { "CPU st. dev., mean %", "cpuStdevPercent", mean_stdev, 1 },
    { "host-hours on", "hostHours", host_hours, 1 },
    { "kWh", "kwh", kwh, 2 },
    { "hosts sent to sleep", "sleeps", n_sleeps, 0 },
    { "hosts woken", "wakes", n_wakes, 0 },
    { "plans without decision", "undecided", n_undecided, 0 },
};

/* Told in minutes. */
#define SHORT_MS INT64_C(7200000)

static int width_of(const struct column *column)
{
    return MAX(12, MIN((int)g_utf8_strlen(column->name, -1), MAX_NAME));
}

static void print_table(const struct table *table)
{
    const struct replay_result *first = &table->columns[0].result;

    bool short_one = first->length_ms < SHORT_MS;

    printf("%.1f %s of load; a host above %" PRId64 " %% is hot, draws %d W\n",
           (double)first->length_ms / (short_one ? 60000 : 3600000),
           short_one ? "minutes" : "hours", table->columns[1].setting.hot_percent,
           (int)table->columns[1].setting.watts);
    for (size_t c = 0; c < table->n; c++) { /* whose names are cut */
        if (g_utf8_strlen(table->columns[c].name, -1) > MAX_NAME)
            printf("column %zu: %s\n", c + 1, table->columns[c].name);
    }
    printf("%-22s", "");
    for (size_t c = 0; c < table->n; c++)
        printf("  %*.*s", width_of(&table->columns[c]), MAX_NAME, table->columns[c].name);
    putchar('\n');
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        printf("%-22s", lines[i].name);
        for (size_t c = 0; c < table->n; c++)
            printf("  %*.*f", width_of(&table->columns[c]), lines[i].decimals,
                   lines[i].value(&table->columns[c].result));
        putchar('\n');
    }
}

static void print_json(const struct table *table, const struct input *input)
{
    g_autoptr(json_t) json = json_object();
    json_t *columns = json_array();
    g_autofree char *text = NULL;

    for (size_t c = 0; c < table->n; c++) {
        json_t *column = json_object();

        json_object_set_new(column, "setting", json_string(table->columns[c].name));
        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
            double value = lines[i].value(&table->columns[c].result);

            json_object_set_new(column, lines[i].key,
                                lines[i].decimals > 0 ? json_real(value)
                                                      : json_integer((json_int_t)value));
        }
        json_array_append_new(columns, column);
    }
    input_add_units(input, json);
    json_object_set_new(json, "lengthMs", json_integer(table->columns[0].result.length_ms));
    json_object_set_new(json, "columns", columns);
    text = json_format(json);
    puts(text);
}

/* ---- entry ---------------------------------------------------------------------------------- */

static void tell(void *ctx, double done)
{
    const struct table *table = ctx;

    show_progress("replay %zu of %zu (%s): %.0f %% ...", table->running + 1, table->n,
                  table->columns[table->running].name, done * 100);
}

/* A name that the cluster lacks may be one that it has, with a figure too many behind it. */
static bool check_names(const struct options *options, const struct input *input,
                        const Trace *trace, GError **error)
{
    size_t known = 0;

    for (size_t i = 0; i < trace->vms.len; i++) {
        const struct trace_vm *vm = &trace->vms.items[i];
        g_autofree char *name = NULL;
        size_t len;

        if (g_hash_table_contains(input->vm_index, vm->name)) {
            known++;
            continue;
        }
        if (!trace_has_figures(vm->name, &len))
            continue;
        name = g_strndup(vm->name, len);
        if (!g_hash_table_contains(input->vm_index, name))
            continue;
        err_set(error, VRM_ERR_INVALID,
                "%s:%u: more than five fields (the cluster has a VM '%s', but no '%s'): want "
                "seconds, VM, CPU MHz, memory MiB, network kbit/s",
                options->trace, vm->line, name, vm->name);
        return false;
    }
    if (known > 0)
        return true;
    err_set(error, VRM_ERR_INVALID,
            "%s:%u: has no sample of a VM of the cluster, the first is of '%s': want names of its "
            "VMs",
            options->trace, trace->vms.items[0].line, trace->vms.items[0].name);
    return false;
}

static void warn_strangers(const struct options *options, const struct input *input,
                           const Trace *trace)
{
    size_t known = 0;

    if (options->verbosity < 1)
        return;
    for (size_t i = 0; i < trace->vms.len; i++)
        known += g_hash_table_contains(input->vm_index, trace->vms.items[i].name) ? 1 : 0;
    if (known < trace->vms.len)
        g_printerr("vrm-plan: %s: skipped %zu VMs that the cluster doesn't have\n", options->trace,
                   trace->vms.len - known);
    if (known < g_hash_table_size(input->vm_index))
        g_printerr("vrm-plan: %s: no sample of %zu VMs of the cluster; their load stays as it is\n",
                   options->trace, g_hash_table_size(input->vm_index) - known);
}

static Trace *read_trace(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    size_t len;

    show_progress("reading %s ...", path);
    return input_read_file(path, &text, &len, error) ? trace_parse(text, len, path, error) : NULL;
}

static bool run_columns(struct table *table, const struct input *input, const Trace *trace,
                        GError **error)
{
    const struct replay_watch watch = { .tell = tell, .ctx = table };

    for (size_t c = 0; c < table->n; c++) {
        table->running = c;
        if (!replay_run(input->snap, trace, &table->columns[c].setting, &watch,
                        &table->columns[c].result, error))
            return false;
    }
    return true;
}

int command_replay(const struct options *options, struct input *input)
{
    struct table table = { 0 };
    g_autoptr(Trace) trace = NULL;
    GError *error = NULL;
    int status = EXIT_DONE;

    if (!fill_columns(&table, options, input, &error)) {
        (void)command_failed(error);
        clear_columns(&table);
        return EXIT_USAGE;
    }
    trace = read_trace(options->trace, &error);
    if (!trace || !check_names(options, input, trace, &error)) {
        (void)command_failed(error);
        clear_columns(&table);
        return EXIT_BAD_FILE;
    }
    warn_strangers(options, input, trace);
    if (!run_columns(&table, input, trace, &error)) {
        status = command_failed(error);
    } else {
        show_progress_end();
        if (options->json)
            print_json(&table, input);
        else
            print_table(&table);
    }
    clear_columns(&table);
    return status;
}
