/* trace.c - see trace.h. */
#include "config.h"

#include "scheduler/trace.h"

#include <string.h>

#include "base/err.h"
#include "scheduler/ganeti_row.h"

#define MAX_SECONDS 1e11
#define MAX_FIGURE  INT64_C(1000000000)
#define MAX_VMS     1000000

enum {
    SAMPLE_TIME,
    SAMPLE_VM,
    SAMPLE_CPU,
    SAMPLE_MEM,
    SAMPLE_NET,
    N_SAMPLE_COLUMNS
};
static const char *const sample_columns[N_SAMPLE_COLUMNS] = {
    [SAMPLE_TIME] = "time",          [SAMPLE_VM] = "VM",
    [SAMPLE_CPU] = "CPU MHz",        [SAMPLE_MEM] = "memory MiB",
    [SAMPLE_NET] = "network kbit/s",
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The last word of the line, cut off from it; "" if there is none. */
static char *cut_last(char *line)
{
    size_t len = strlen(line), start;

    while (len > 0 && is_blank(line[len - 1]))
        len--;
    line[len] = '\0';
    for (start = len; start > 0 && !is_blank(line[start - 1]); start--) {
    }
    if (start == 0)
        return line + len; /* the only word stays */
    line[start - 1] = '\0';
    return line + start;
}

/* Time, name, three figures; a line with fewer words leaves fields empty. */
static void split(struct ganeti_row *row, char *line)
{
    char *end;

    for (size_t i = SAMPLE_NET; i >= SAMPLE_CPU; i--)
        row->field[i] = cut_last(line);
    end = line + strcspn(line, " \t");
    row->field[SAMPLE_TIME] = line;
    row->field[SAMPLE_VM] = end;
    if (*end != '\0') {
        *end++ = '\0';
        while (is_blank(*end))
            end++;
        row->field[SAMPLE_VM] = end;
        for (size_t len = strlen(end); len > 0 && is_blank(end[len - 1]); len--)
            end[len - 1] = '\0';
    }
    row->n = N_SAMPLE_COLUMNS;
}

static struct trace_vm *need_vm(Trace *trace, const char *name)
{
    size_t found = GPOINTER_TO_SIZE(g_hash_table_lookup(trace->index, name));
    struct trace_vm vm = { 0 };

    if (found == 0) {
        vm.name = g_strdup(name);
        trace_vms_push(&trace->vms, vm);
        found = trace->vms.len;
        g_hash_table_insert(trace->index, vm.name, GSIZE_TO_POINTER(found));
    }
    return &trace->vms.items[found - 1];
}

static bool read_figures(const struct ganeti_row *row, struct trace_sample *sample, GError **error)
{
    return ganeti_row_int(row, SAMPLE_CPU, 0, MAX_FIGURE, &sample->cpu_mhz, error) &&
           ganeti_row_int(row, SAMPLE_MEM, 0, MAX_FIGURE, &sample->mem_mb, error) &&
           ganeti_row_int(row, SAMPLE_NET, 0, MAX_FIGURE, &sample->net_kbps, error);
}

static bool read_sample(Trace *trace, const struct ganeti_lines *lines, char *line, GError **error)
{
    struct ganeti_row row = { .lines = lines, .kind = "sample", .columns = sample_columns };
    struct trace_sample sample;
    double seconds;

    split(&row, line);
    if (*row.field[SAMPLE_VM] == '\0') {
        err_set(error, VRM_ERR_INVALID,
                "%s:%u: want five fields: seconds, VM, CPU MHz, memory MiB, network kbit/s",
                lines->file, lines->number);
        return false;
    }
    if (!ganeti_row_real(&row, SAMPLE_TIME, 0, MAX_SECONDS, &seconds, error) ||
        !read_figures(&row, &sample, error))
        return false;
    sample.time_ms = (int64_t)(seconds * 1000);
    if (trace->n_samples > 0 && sample.time_ms < trace->end_ms)
        return ganeti_row_refuse(&row, SAMPLE_TIME, "a time not before that of the line above",
                                 error);
    if (trace->vms.len == MAX_VMS && !trace_find(trace, row.field[SAMPLE_VM]))
        return ganeti_row_refuse(&row, SAMPLE_VM, "at most 1000000 VMs", error);
    if (trace->n_samples++ == 0)
        trace->begin_ms = sample.time_ms;
    trace->end_ms = sample.time_ms;
    trace_samples_push(&need_vm(trace, row.field[SAMPLE_VM])->samples, sample);
    return true;
}

Trace *trace_parse(const char *text, size_t len, const char *file, GError **error)
{
    g_autoptr(Trace) trace = g_new0(Trace, 1);
    g_autofree char *copy = NULL;
    struct ganeti_lines lines;
    char *line;

    trace->index = g_hash_table_new(g_str_hash, g_str_equal);
    if (!ganeti_lines_check(file, text, len, error))
        return NULL;
    copy = g_strndup(text, len);
    ganeti_lines_init(&lines, file, copy, len);
    while (ganeti_lines_next(&lines, &line)) {
        while (is_blank(*line))
            line++;
        if (*line == '\0' || *line == '#')
            continue;
        if (!read_sample(trace, &lines, line, error))
            return NULL;
    }
    if (trace->n_samples > 0)
        return g_steal_pointer(&trace);
    err_set(error, VRM_ERR_INVALID, "%s: has no sample: want lines \"SECONDS VM MHZ MIB KBPS\"",
            file);
    return NULL;
}

void trace_free(Trace *trace)
{
    if (!trace)
        return;
    for (size_t i = 0; i < trace->vms.len; i++) {
        g_free(trace->vms.items[i].name);
        trace_samples_clear(&trace->vms.items[i].samples);
    }
    trace_vms_clear(&trace->vms);
    g_clear_pointer(&trace->index, g_hash_table_unref);
    g_free(trace);
}

const struct trace_vm *trace_find(const Trace *trace, const char *name)
{
    size_t found = GPOINTER_TO_SIZE(g_hash_table_lookup(trace->index, name));

    return found > 0 ? &trace->vms.items[found - 1] : NULL;
}
