/* trace.c - see trace.h. */
#include "config.h"

#include "scheduler/trace.h"

#include <inttypes.h>
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

/* line: where that is. */
static struct trace_vm *need_vm(Trace *trace, const char *name, unsigned line)
{
    size_t found = GPOINTER_TO_SIZE(g_hash_table_lookup(trace->index, name));
    struct trace_vm vm = { 0 };

    if (found == 0) {
        vm.name = g_strdup(name);
        vm.line = line;
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

/* Of a line that lacks some: split() fills them from the end. */
static unsigned count_fields(const struct ganeti_row *row)
{
    unsigned n = 0;

    for (size_t i = 0; i < N_SAMPLE_COLUMNS; i++)
        n += *row->field[i] != '\0' ? 1 : 0;
    return n;
}

/* A stray time would be played through, in steps of seconds. */
static bool check_time(const Trace *trace, const struct ganeti_row *row, int64_t time_ms,
                       GError **error)
{
    g_autofree char *want = NULL;
    const int64_t gap_ms = TRACE_MAX_GAP_S * 1000, length_ms = TRACE_MAX_LENGTH_S * 1000;

    if (trace->n_samples == 0)
        return true;
    if (time_ms < trace->end_ms)
        want = g_strdup_printf("a time not before that of the line above, %.3f",
                               (double)trace->end_ms / 1000);
    else if (time_ms - trace->end_ms > gap_ms)
        want = g_strdup_printf("seconds, at most %" PRId64 " (a day) after the line above, %.3f",
                               TRACE_MAX_GAP_S, (double)trace->end_ms / 1000);
    else if (time_ms - trace->begin_ms > length_ms)
        want = g_strdup_printf("seconds, at most %" PRId64 " (a year) after the first line, %.3f",
                               TRACE_MAX_LENGTH_S, (double)trace->begin_ms / 1000);
    return !want || ganeti_row_refuse(row, SAMPLE_TIME, want, error);
}

static bool read_sample(Trace *trace, const struct ganeti_lines *lines, char *line, GError **error)
{
    struct ganeti_row row = { .lines = lines, .kind = "sample", .columns = sample_columns };
    struct trace_sample sample;
    double seconds;

    split(&row, line);
    if (*row.field[SAMPLE_VM] == '\0') {
        err_set(
            error, VRM_ERR_INVALID,
            "%s:%u: has %u field%s: want five: seconds, VM, CPU MHz, memory MiB, network kbit/s",
            lines->file, lines->number, count_fields(&row), count_fields(&row) == 1 ? "" : "s");
        return false;
    }
    if (!ganeti_row_real(&row, SAMPLE_TIME, 0, MAX_SECONDS, &seconds, error) ||
        !read_figures(&row, &sample, error))
        return false;
    sample.time_ms = (int64_t)(seconds * 1000 + 0.5);
    if (!check_time(trace, &row, sample.time_ms, error))
        return false;
    if (trace->vms.len == MAX_VMS && !trace_find(trace, row.field[SAMPLE_VM]))
        return ganeti_row_refuse(&row, SAMPLE_VM, "at most 1000000 VMs", error);
    if (trace->n_samples++ == 0)
        trace->begin_ms = sample.time_ms;
    trace->end_ms = sample.time_ms;
    trace_samples_push(&need_vm(trace, row.field[SAMPLE_VM], lines->number)->samples, sample);
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

bool trace_has_figures(const char *name, size_t *ret_len)
{
    size_t len = strlen(name), kept = len;

    for (;;) {
        size_t word = kept;

        while (word > 0 && !is_blank(name[word - 1]))
            word--;
        if (word == 0 || strspn(name + word, "0123456789.") < kept - word)
            break;
        for (kept = word; kept > 0 && is_blank(name[kept - 1]); kept--) {
        }
    }
    *ret_len = kept;
    return kept < len;
}
