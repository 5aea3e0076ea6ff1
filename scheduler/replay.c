/* replay.c - see replay.h. */
#include "config.h"

#include "scheduler/replay.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "scheduler/balance.h"
#include "scheduler/dpm.h"
#include "scheduler/evacuate.h"
#include "scheduler/whatif.h"

#define STEP_MS      INT64_C(10000)
#define MS_PER_HOUR  INT64_C(3600000)
#define TELL_EVERY   64 /* steps */
#define MANY_SAMPLES 20
#define MEAN         (-1) /* instead of a percentile */

enum power {
    POWER_ON,
    POWER_BOOTING,
    POWER_OFF,
};

struct host_state {
    const Host *host;
    enum power power;
    int64_t since_ms; /* when that began */
    int64_t cap_mhz, demand_mhz;
    int64_t back_ms; /* last boot; 0: never */
};

struct vm_state {
    const Vm *vm;
    const struct trace_vm *trace; /* NULL: not recorded, what the snapshot has goes on */
    size_t next;                  /* first sample that is still to come */
    uint32_t host, to;            /* to: NO_HOST unless on its way */
    int64_t moved_ms;
};
#define NO_HOST UINT32_MAX

struct run {
    const Snapshot *snap;
    const struct replay_setting *setting;
    struct host_state *hosts;
    struct vm_state *vms;
    uint32_t n_hosts, n_vms;
    GHashTable *host_index; /* id -> place + 1 */
    GHashTable *vm_index;
    int64_t *scratch; /* values of a window */
    size_t scratch_size;
    int64_t now_ms;
    /* what is carried out */
    Plan *plan;
    int64_t plan_ms;      /* its start */
    size_t n_done;        /* moves that have ended */
    uint32_t sleep_after; /* host that is switched off then */
    int64_t next_drs_ms, next_dpm_ms;
    struct replay_result result;
    int64_t stdev_sum, n_steps;
};

/* ---- the state ------------------------------------------------------------------------------ */

static uint32_t find(GHashTable *index, int64_t id)
{
    size_t found = GPOINTER_TO_SIZE(g_hash_table_lookup(index, &id));

    return found > 0 ? (uint32_t)(found - 1) : NO_HOST;
}

static void add_host(struct run *r, const Host *host)
{
    struct host_state *state = &r->hosts[r->n_hosts++];

    *state = (struct host_state){ .host = host,
                                  .power = host->status == HOST_POWEROFF ? POWER_OFF : POWER_ON,
                                  .cap_mhz = MAX(host->cpu_threads * host->cpu_mhz, 1) };
    g_hash_table_insert(r->host_index, (gpointer)(uintptr_t)&host->id,
                        GSIZE_TO_POINTER(r->n_hosts));
}

static void add_vm(struct run *r, const Trace *trace, const Vm *vm)
{
    struct vm_state *state = &r->vms[r->n_vms++];

    *state = (struct vm_state){ .vm = vm,
                                .trace = trace_find(trace, vm->name),
                                .host = find(r->host_index, vm->host_id),
                                .to = NO_HOST };
    g_hash_table_insert(r->vm_index, (gpointer)(uintptr_t)&vm->id, GSIZE_TO_POINTER(r->n_vms));
    if (state->trace)
        r->scratch_size = MAX(r->scratch_size, state->trace->samples.len + 1);
}

static GHashTable *new_index(void)
{
    return g_hash_table_new(g_int64_hash, g_int64_equal);
}

static void run_init(struct run *r, const Snapshot *snap, const Trace *trace,
                     const struct replay_setting *setting)
{
    const int64_t cluster_id = setting->cluster->id;

    *r = (struct run){ .snap = snap,
                       .setting = setting,
                       .now_ms = trace->begin_ms,
                       .sleep_after = NO_HOST,
                       .host_index = new_index(),
                       .vm_index = new_index() };
    r->hosts = g_new0(struct host_state, snap->n_hosts + 1);
    r->vms = g_new0(struct vm_state, snap->n_vms + 1);
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id == cluster_id)
            add_host(r, snap->hosts[i]);
    }
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->cluster_id == cluster_id && vm_is_placed(snap->vms[i]) &&
            find(r->host_index, snap->vms[i]->host_id) != NO_HOST)
            add_vm(r, trace, snap->vms[i]);
    }
    r->scratch = g_new0(int64_t, r->scratch_size + 1);
    r->next_drs_ms = r->now_ms + setting->window_s * 1000;
    r->next_dpm_ms = r->now_ms + setting->sleep_window_s * 1000;
}

static void run_clear(struct run *r)
{
    plan_free(r->plan);
    g_hash_table_unref(r->host_index);
    g_hash_table_unref(r->vm_index);
    g_free(r->hosts);
    g_free(r->vms);
    g_free(r->scratch);
}

/* ---- load ----------------------------------------------------------------------------------- */

/* A figure of a sample. */
enum figure {
    FIGURE_CPU,
    FIGURE_MEM,
    FIGURE_NET,
};

static int64_t figure_of(const struct trace_sample *sample, enum figure figure)
{
    return figure == FIGURE_CPU   ? sample->cpu_mhz
           : figure == FIGURE_MEM ? sample->mem_mb
                                  : sample->net_kbps;
}

/* The sample that holds now; NULL before the first. */
static const struct trace_sample *present(const struct vm_state *vm)
{
    return vm->trace && vm->next > 0 ? &vm->trace->samples.items[vm->next - 1] : NULL;
}

static int64_t demand_of(const struct vm_state *vm)
{
    const struct trace_sample *sample = present(vm);

    return sample ? sample->cpu_mhz : vm->vm->load.cpu_mhz;
}

/* Percentile (nearest rank) or mean of a figure over the window that ends now; the sample that held
 * when it began counts too. */
static int64_t windowed(const struct run *r, const struct vm_state *vm, enum figure figure,
                        int64_t window_s, int64_t percentile)
{
    const struct trace_sample *items = vm->trace->samples.items;
    size_t n = 0;
    int64_t sum = 0;

    for (size_t i = vm->next; i > 0; i--) {
        r->scratch[n] = figure_of(&items[i - 1], figure);
        sum += r->scratch[n++];
        if (items[i - 1].time_ms <= r->now_ms - window_s * 1000)
            break;
    }
    if (percentile == MEAN)
        return sum / (int64_t)n;
    qsort(r->scratch, n, sizeof(*r->scratch), id_cmp);
    return r->scratch[((size_t)percentile * n + 99) / 100 - 1];
}

static Vm *vm_now(const struct run *r, const struct vm_state *state, int64_t window_s,
                  int64_t percentile)
{
    Vm *vm = vm_dup(state->vm);
    const struct trace_sample *sample = present(state);

    vm->host_id = r->hosts[state->host].host->id;
    vm->moved_ms = state->moved_ms;
    if (!sample)
        return vm;
    vm->load.cpu_mhz = windowed(r, state, FIGURE_CPU, window_s, percentile);
    vm->load.mem_mb = windowed(r, state, FIGURE_MEM, window_s, percentile);
    vm->load.net_kbps = windowed(r, state, FIGURE_NET, window_s, percentile);
    vm->load.last_cpu_mhz = sample->cpu_mhz;
    vm->load.last_mem_mb = sample->mem_mb;
    return vm;
}

static Host *host_now(const struct run *r, const struct host_state *state)
{
    static const enum host_status words[] = {
        [POWER_ON] = HOST_NORMAL, [POWER_BOOTING] = HOST_BOOTING, [POWER_OFF] = HOST_POWEROFF
    };
    Host *host = host_dup(state->host);

    if (*host->bmc_ip == '\0') {
        g_free(host->bmc_ip);
        host->bmc_ip = g_strdup("assumed");
    }
    /* The file's are of another time, and a trace may begin at 0, when even "never" is just now. */
    host->wake_proven_ms = state->back_ms > 0 ? state->back_ms : r->now_ms - MS_PER_HOUR;
    host->back_ms = host->wake_proven_ms;
    if (state->power != POWER_ON || host->status == HOST_POWEROFF || host->status == HOST_BOOTING) {
        host->status = words[state->power];
        host->connected = state->power == POWER_ON;
    }
    host->off_since_ms = state->power == POWER_OFF ? state->since_ms : 0;
    return host;
}

/* The cluster as the planner would see it now. */
static Snapshot *picture(const struct run *r, int64_t window_s, int64_t percentile)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(r->snap);
    const uint32_t many = MAX(r->setting->sched.min_samples, MANY_SAMPLES);

    snapshot_builder_put_cluster(builder, cluster_dup(r->setting->cluster));
    for (uint32_t h = 0; h < r->n_hosts; h++)
        snapshot_builder_put_host(builder, host_now(r, &r->hosts[h]));
    for (uint32_t v = 0; v < r->n_vms; v++) {
        Vm *vm = vm_now(r, &r->vms[v], window_s, percentile);

        vm->load.sampled_mono_ms = r->snap->taken_mono_ms;
        vm->load.n_samples = MAX(vm->load.n_samples, many);
        vm->load.window_ms = MAX(vm->load.window_ms, window_s * 1000);
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, r->snap->taken_mono_ms);
}

static struct sched_params params_now(const struct run *r)
{
    struct sched_params params = r->setting->sched;

    params.on_demand = false;
    params.now_mono_ms = r->snap->taken_mono_ms;
    params.now_wall_ms = r->now_ms;
    params.local_hour = (int)(r->now_ms / MS_PER_HOUR % HOURS_PER_DAY);
    return params;
}

/* ---- plans ---------------------------------------------------------------------------------- */

static void begin_plan(struct run *r, Plan *plan, uint32_t sleep_after)
{
    plan_free(r->plan);
    r->plan = plan;
    r->plan_ms = r->now_ms;
    r->n_done = 0;
    r->sleep_after = sleep_after;
}

static bool ask_drs(struct run *r, GError **error)
{
    const struct sched_params params = params_now(r);
    g_autoptr(Snapshot) snap = picture(r, r->setting->window_s, r->setting->percentile);
    Plan *plan;

    if (!balance_plan(snap, r->setting->cluster->id, &params, &plan, error))
        return false;
    r->result.n_cycles++;
    r->result.n_undecided += plan->decided ? 0 : 1;
    begin_plan(r, plan, NO_HOST);
    return true;
}

static void wake(struct run *r, const DpmPlan *plan)
{
    for (size_t i = 0; i < plan->hosts.len; i++) {
        uint32_t h = find(r->host_index, plan->hosts.items[i].host_id);

        if (plan->hosts.items[i].action != DPM_WAKE || h == NO_HOST)
            continue;
        r->hosts[h].power = POWER_BOOTING;
        r->hosts[h].since_ms = r->now_ms;
        r->result.n_wakes++;
    }
}

static bool ask_dpm(struct run *r, GError **error)
{
    g_autoptr(Snapshot) calm = picture(r, r->setting->sleep_window_s, MEAN);
    g_autoptr(Snapshot) now = picture(r, r->setting->wake_window_s, MEAN);
    g_autoptr(DpmPlan) plan = NULL;
    struct dpm_params params;

    dpm_params_init(&params);
    params.sched = params_now(r);
    params.spare_hosts = (uint32_t)r->setting->spare_hosts;
    if (!dpm_plan(calm, now, r->setting->cluster->id, &params, &plan, error))
        return false;
    wake(r, plan);
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct dpm_verdict *verdict = &plan->hosts.items[i];
        Plan *moves;

        if (verdict->action != DPM_SLEEP)
            continue;
        if (!evacuate_plan(now, verdict->host_id, &params.sched, &moves, error))
            return false;
        begin_plan(r, moves, find(r->host_index, verdict->host_id));
    }
    return true;
}

/* ---- carrying out --------------------------------------------------------------------------- */

/* Moves that have begun are under way, those that have ended are done. */
static void advance_moves(struct run *r)
{
    const Plan *plan = r->plan;

    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];
        uint32_t v = find(r->vm_index, move->vm_id), to = find(r->host_index, move->to_id);
        int64_t begin = r->plan_ms + move->start_ms, end = begin + move->cost_ms;
        const int64_t last = r->now_ms - STEP_MS;

        if (v == NO_HOST || to == NO_HOST || begin > r->now_ms || end <= last)
            continue;
        if (end > r->now_ms) {
            r->vms[v].to = to;
            continue;
        }
        r->vms[v].host = to;
        r->vms[v].to = NO_HOST;
        r->vms[v].moved_ms = r->now_ms;
        r->n_done++;
        r->result.n_moves++;
        r->result.moved_mb += move->cost_mb;
    }
}

static void end_plan(struct run *r)
{
    if (r->sleep_after != NO_HOST && r->plan->stays.len == 0) {
        r->hosts[r->sleep_after].power = POWER_OFF;
        r->hosts[r->sleep_after].since_ms = r->now_ms;
        r->result.n_sleeps++;
    }
    g_clear_pointer(&r->plan, plan_free);
    r->sleep_after = NO_HOST;
}

static void advance_hosts(struct run *r)
{
    for (uint32_t h = 0; h < r->n_hosts; h++) {
        struct host_state *host = &r->hosts[h];

        if (host->power != POWER_BOOTING || r->now_ms < host->since_ms + r->setting->boot_s * 1000)
            continue;
        host->power = POWER_ON;
        host->since_ms = host->back_ms = r->now_ms;
    }
}

static void advance_samples(struct run *r)
{
    for (uint32_t v = 0; v < r->n_vms; v++) {
        struct vm_state *vm = &r->vms[v];

        while (vm->trace && vm->next < vm->trace->samples.len &&
               vm->trace->samples.items[vm->next].time_ms <= r->now_ms)
            vm->next++;
    }
}

static bool decide(struct run *r, GError **error)
{
    const struct replay_setting *s = r->setting;

    if (!r->plan && s->cluster->dpm.power_level > 0 && r->now_ms >= r->next_dpm_ms) {
        r->next_dpm_ms = r->now_ms + s->dpm_interval_s * 1000;
        if (!ask_dpm(r, error))
            return false;
    }
    if (r->plan || !s->cluster->drs.enabled || r->now_ms < r->next_drs_ms)
        return true;
    r->next_drs_ms = r->now_ms + s->interval_s * 1000;
    return ask_drs(r, error);
}

/* ---- what it comes to ----------------------------------------------------------------------- */

/* Demand on each host; a move takes its part at both ends. */
static void add_demand(struct run *r)
{
    for (uint32_t h = 0; h < r->n_hosts; h++)
        r->hosts[h].demand_mhz = 0;
    for (uint32_t v = 0; v < r->n_vms; v++) {
        const struct vm_state *vm = &r->vms[v];
        const int64_t part = r->setting->sched.move_load_permille / 2;
        struct host_state *host = &r->hosts[vm->host];

        host->demand_mhz += demand_of(vm);
        if (vm->to == NO_HOST)
            continue;
        host->demand_mhz += host->cap_mhz * part / 1000;
        r->hosts[vm->to].demand_mhz += r->hosts[vm->to].cap_mhz * part / 1000;
    }
}

static void count_host(struct run *r, const struct host_state *host, int64_t length_ms)
{
    int64_t load = host->demand_mhz * 1000 / host->cap_mhz;

    r->result.on_ms += length_ms;
    r->result.max_cpu = MAX(r->result.max_cpu, load);
    if (load > r->setting->hot_percent * 10)
        r->result.hot_ms += length_ms;
    if (host->demand_mhz > host->cap_mhz)
        r->result.unmet_mhz_s += (host->demand_mhz - host->cap_mhz) * length_ms / 1000;
}

static void count_step(struct run *r, int64_t length_ms)
{
    int64_t n = 0, sum = 0, sum_sq = 0;

    add_demand(r);
    for (uint32_t h = 0; h < r->n_hosts; h++) {
        const struct host_state *host = &r->hosts[h];
        int64_t load = MIN(host->demand_mhz * 1000 / host->cap_mhz, 100000);

        if (host->power == POWER_OFF)
            continue;
        count_host(r, host, length_ms);
        if (host->power != POWER_ON)
            continue;
        n++;
        sum += load;
        sum_sq += load * load;
    }
    if (n > 0)
        r->stdev_sum += (int64_t)(sqrt((double)(n * sum_sq - sum * sum)) / (double)n);
    r->n_steps++;
}

static bool step(struct run *r, int64_t end_ms, GError **error)
{
    advance_hosts(r);
    advance_samples(r);
    if (r->plan)
        advance_moves(r);
    if (r->plan && r->n_done >= r->plan->moves.len)
        end_plan(r);
    if (!decide(r, error))
        return false;
    if (r->plan && r->plan_ms == r->now_ms) /* its moves that begin at once */
        advance_moves(r);
    count_step(r, MIN(STEP_MS, end_ms - r->now_ms));
    return true;
}

bool replay_run(const Snapshot *snap, const Trace *trace, const struct replay_setting *setting,
                const struct replay_watch *watch, struct replay_result *ret_result, GError **error)
{
    const int64_t length_ms = trace->end_ms - trace->begin_ms + STEP_MS;
    struct run r;
    bool good = true;

    if (!snapshot_cluster(snap, setting->cluster->id)) {
        err_set(error, VRM_ERR_NOT_FOUND, "there is no cluster %" PRId64, setting->cluster->id);
        return false;
    }
    run_init(&r, snap, trace, setting);
    while (good && r.now_ms < trace->begin_ms + length_ms) {
        if (watch->tell && r.n_steps % TELL_EVERY == 0)
            watch->tell(watch->ctx, (double)(r.now_ms - trace->begin_ms) / (double)length_ms);
        good = step(&r, trace->begin_ms + length_ms, error);
        r.now_ms += STEP_MS;
    }
    if (good) {
        r.result.length_ms = length_ms;
        r.result.mean_stdev = r.stdev_sum / MAX(r.n_steps, 1);
        r.result.kwh = (double)r.result.on_ms / (double)MS_PER_HOUR * (double)setting->watts / 1000;
        *ret_result = r.result;
    }
    run_clear(&r);
    return good;
}
