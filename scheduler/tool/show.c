/* show.c - see show.h. */
#include "config.h"

#include "scheduler/tool/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define MAX_COLUMN 40

/* ---- measures ------------------------------------------------------------------------------- */

/* What a measure says, in the order of the objective. */
static const struct {
    const char *name, *key;
    size_t offset;
    bool is_permille;
} figures[] = {
    { "must-rules broken", "mustBroken", offsetof(struct plan_measure, must_broken), false },
    { "memory shortage, MiB", "shortageMib", offsetof(struct plan_measure, shortage_mb), false },
    { "CPU overload, MHz", "overloadMhz", offsetof(struct plan_measure, overload_mhz), false },
    { "network over, kbit/s", "netOverKbps", offsetof(struct plan_measure, net_over_kbps), false },
    { "vCPUs over", "vcpusOver", offsetof(struct plan_measure, vcpus_over), false },
    { "should-rules broken", "shouldBroken", offsetof(struct plan_measure, should_broken), false },
    { "imbalance", "imbalancePermille", offsetof(struct plan_measure, imbalance), true },
    { "CPU load, st. dev.", "cpuStdevPermille", offsetof(struct plan_measure, cpu_stdev), true },
    { "CPU load, highest", "cpuMaxPermille", offsetof(struct plan_measure, cpu_max), true },
    { "CPU load, mean", "cpuMeanPermille", offsetof(struct plan_measure, cpu_mean), true },
    { "memory load, st. dev.", "memStdevPermille", offsetof(struct plan_measure, mem_stdev), true },
    { "memory load, highest", "memMaxPermille", offsetof(struct plan_measure, mem_max), true },
    { "memory load, mean", "memMeanPermille", offsetof(struct plan_measure, mem_mean), true },
    { "network load, highest", "netMaxPermille", offsetof(struct plan_measure, net_max), true },
    { "vCPUs of limit, most", "vcpuMaxPermille", offsetof(struct plan_measure, vcpu_max), true },
    { "hosts", "hosts", offsetof(struct plan_measure, n_hosts), false },
};

static int64_t figure(const struct plan_measure *measure, size_t i)
{
    int64_t value;

    memcpy(&value, (const char *)measure + figures[i].offset, sizeof(value));
    return value;
}

static void print_figure(FILE *out, const struct plan_measure *measure, size_t i)
{
    if (figures[i].is_permille)
        fprintf(out, "  %10.3f", (double)figure(measure, i) / 1000);
    else
        fprintf(out, "  %10" PRId64, figure(measure, i));
}

void show_measures(FILE *out, const struct plan_measure *before, const struct plan_measure *after)
{
    fprintf(out, "%-22s  %10s", "(loads: 1 = all of it)", after ? "before" : "now");
    if (after)
        fprintf(out, "  %10s", "after");
    fputc('\n', out);
    for (size_t i = 0; i < G_N_ELEMENTS(figures); i++) {
        fprintf(out, "%-22s", figures[i].name);
        print_figure(out, before, i);
        if (after)
            print_figure(out, after, i);
        fputc('\n', out);
    }
}

json_t *show_measure_json(const struct plan_measure *measure)
{
    json_t *json = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(json, figures[i].key, json_integer(figure(measure, i)));
    return json;
}

/* ---- plans ---------------------------------------------------------------------------------- */

static int widest(int width, const char *text)
{
    return MAX(width, MIN((int)g_utf8_strlen(text, -1), MAX_COLUMN));
}

void show_moves(FILE *out, const Plan *plan, size_t *number, bool more)
{
    int vm = 2, from = 4, to = 2;

    for (size_t i = 0; i < plan->moves.len; i++) {
        vm = widest(vm, plan->moves.items[i].vm_name);
        from = widest(from, plan->moves.items[i].from_name);
        to = widest(to, plan->moves.items[i].to_name);
    }
    if (plan->moves.len > 0 && *number == 0)
        fprintf(out, "%5s  %-*s  %-*s     %-*s  %7s  %8s  %-14s %s\n", "#", vm, "VM", from, "from",
                to, "to", "GiB", "start, s", "reason", "why");
    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];

        fprintf(out, "%5zu  %-*s  %-*s  => %-*s  %7.1f  %8.1f  %-14s %s%s\n", ++*number, vm,
                move->vm_name, from, move->from_name, to, move->to_name,
                (double)move->cost_mb / 1024, (double)move->start_ms / 1000,
                move_reason_name(move->reason), move->detour ? "(detour) " : "", move->text);
        if (more && *move->rejected != '\0')
            fprintf(out, "%7snot %s\n", "", move->rejected);
    }
}

void show_stays(FILE *out, const Plan *plan)
{
    for (size_t i = 0; i < plan->stays.len; i++)
        fprintf(out, "stays: %s%s: %s\n", plan->stays.items[i].vm_name,
                plan->stays.items[i].transient ? " (for now)" : "", plan->stays.items[i].text);
}

static json_t *move_json(const struct plan_move *move)
{
    json_t *json = json_object(), *depends = json_array(), *gain = json_object();

    for (size_t i = 0; i < move->n_depends; i++)
        json_array_append_new(depends, json_integer(move->depends[i]));
    json_object_set_new(gain, "overloadMhz", json_integer(move->gain_overload_mhz));
    json_object_set_new(gain, "balancePermille", json_integer(move->gain_balance));
    json_object_set_new(gain, "rules", json_integer(move->gain_rules));
    json_object_set_new(json, "vm", json_string(move->vm_name));
    json_object_set_new(json, "from", json_string(move->from_name));
    json_object_set_new(json, "to", json_string(move->to_name));
    json_object_set_new(json, "reason", json_string(move_reason_name(move->reason)));
    json_object_set_new(json, "rating", json_integer(move->rating));
    json_object_set_new(json, "detour", json_boolean(move->detour));
    json_object_set_new(json, "gain", gain);
    json_object_set_new(json, "copyMib", json_integer(move->cost_mb));
    json_object_set_new(json, "durationMs", json_integer(move->cost_ms));
    json_object_set_new(json, "startMs", json_integer(move->start_ms));
    json_object_set_new(json, "after", depends);
    json_object_set_new(json, "why", json_string(move->text));
    json_object_set_new(json, "rejected", json_string(move->rejected));
    return json;
}

json_t *show_plan_json(const Plan *plan)
{
    json_t *json = json_object(), *moves = json_array(), *stays = json_array();

    for (size_t i = 0; i < plan->moves.len; i++)
        json_array_append_new(moves, move_json(&plan->moves.items[i]));
    for (size_t i = 0; i < plan->stays.len; i++) {
        const struct plan_stay *stay = &plan->stays.items[i];
        json_t *item = json_object();

        json_object_set_new(item, "vm", json_string(stay->vm_name));
        json_object_set_new(item, "transient", json_boolean(stay->transient));
        json_object_set_new(item, "why", json_string(stay->text));
        json_array_append_new(stays, item);
    }
    json_object_set_new(json, "decided", json_boolean(plan->decided));
    json_object_set_new(json, "verdict", json_string(plan->verdict));
    json_object_set_new(json, "makespanMs", json_integer(plan->makespan_ms));
    json_object_set_new(json, "moves", moves);
    json_object_set_new(json, "stays", stays);
    return json;
}

/* ---- clusters ------------------------------------------------------------------------------- */

struct carried {
    int64_t n_vms, vcpus, mem_mb, cpu_mhz;
};

static struct carried carried_by(const Snapshot *snap, int64_t host_id)
{
    struct carried sum = { 0 };

    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];

        if (vm->host_id != host_id || !vm_is_placed(vm))
            continue;
        sum.n_vms++;
        sum.vcpus += vm->cpu.quantity;
        sum.mem_mb += vm->memory.size_mb;
        sum.cpu_mhz += vm->load.cpu_mhz;
    }
    return sum;
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

void show_hosts(FILE *out, const char *title, const Snapshot *snap, int64_t cluster_id)
{
    fprintf(out, "%s\n%-24s %6s %7s %6s %10s %6s %7s %6s\n", title, "host", "VMs", "threads",
            "vCPUs", "memory MiB", "used %", "CPU MHz", "used %");
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];
        struct carried sum;

        if (host->cluster_id != cluster_id)
            continue;
        sum = carried_by(snap, host->id);
        fprintf(out,
                "%-24s %6" PRId64 " %7" PRId64 " %6" PRId64 " %10" PRId64 " %6.1f %7" PRId64
                " %6.1f%s\n",
                host->name, sum.n_vms, host->cpu_threads, sum.vcpus, host->mem_mb,
                percent(sum.mem_mb, host->mem_mb), host->cpu_threads * host->cpu_mhz,
                percent(sum.cpu_mhz, host->cpu_threads * host->cpu_mhz),
                host->maintaining ? "  in maintenance" : "");
    }
}

void show_vms(FILE *out, const Snapshot *before, const Snapshot *after, int64_t cluster_id)
{
    for (size_t i = 0; i < after->n_vms; i++) {
        const Vm *vm = after->vms[i];
        const Host *was = snapshot_host(before, before->vms[i]->host_id);
        const Host *is = snapshot_host(after, vm->host_id);

        if (vm->cluster_id != cluster_id || !was || !is)
            continue;
        fprintf(out, "%s %s", vm->name, is->name);
        if (was->id != is->id)
            fprintf(out, " (was %s)", was->name);
        fputc('\n', out);
    }
}

/* ---- progress ------------------------------------------------------------------------------- */

static bool always;

void show_progress_always(void)
{
    always = true;
}

void show_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

void show_progress(const char *format, ...)
{
    const bool terminal = isatty(STDERR_FILENO) != 0;
    va_list args;

    if (!terminal && !always)
        return;
    show_progress_end();
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (!terminal)
        fputc('\n', stderr);
    (void)fflush(stderr);
}
