/* problem.c - see problem.h. */
#include "config.h"

#include "scheduler/problem.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/devices.h"
#include "model/reason.h"
#include "scheduler/entitle.h"
#include "scheduler/rest.h"

/* Bounds for figures from outside, so that sums of squares stay within 64 bits. */
/* Memory is promised within what there is, so an uneven one hurts nobody today; CPU demand that
 * meets a hot host hurts at once.  Where memory is overcommitted both do. */
#define CPU_WEIGHT    2

#define MAX_MHZ       INT64_C(1000000000)
#define MAX_MB        INT64_C(1000000000)
#define MAX_KBPS      INT64_C(10000000000)

#define KBPS_PER_MBPS 1000
#define KIB_PER_MIB   1024

/* Of a host's CPU that is believed to be the hypervisor's own, whatever was measured. */
#define MAX_OWN_PERMILLE 250

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* ---- hosts ---------------------------------------------------------------------------------- */

/* In normal times fail-over hosts stay empty, so they neither take VMs nor count as uneven. */
static bool is_kept_free(const struct ha_policy *ha, int64_t host_id)
{
    if (!ha->enabled || !ha->control_policy_on || ha->control_policy != HA_POLICY_HOSTS)
        return false;
    for (size_t i = 0; i < ha->n_failover_hosts; i++) {
        if (ha->failover_hosts[i] == host_id)
            return true;
    }
    return false;
}

static enum filter_id host_verdict(const Cluster *cluster, const Host *host)
{
    if (host->maintaining || host->draining)
        return FILTER_HOST_MAINTENANCE;
    if (!host->connected || host->status != HOST_NORMAL || host->ha_closed)
        return FILTER_HOST_STATE;
    if (host->cpu_threads <= 0 || host->cpu_mhz <= 0 || (host->mem_mb <= 0 && !host->mem_is_guests))
        return FILTER_HOST_STATE; /* facts not read yet */
    return is_kept_free(&cluster->ha, host->id) ? FILTER_FAILOVER_HOST : FILTER_NONE;
}

static void add_bounds(Problem *p, uint32_t h)
{
    const Host *host = p->host[h];
    int64_t ratio = p->cluster->vcpus_per_thread > 0 ? p->cluster->vcpus_per_thread
                                                     : p->params.vcpus_per_thread;
    int64_t net = clamp(host->net_mbps, 0, MAX_KBPS / KBPS_PER_MBPS) * KBPS_PER_MBPS;
    int64_t vcpus = clamp(ratio, 0, 1000000) * clamp(host->cpu_threads, 0, 65536);

    p->host_bound[BOUNDED_VCPUS][h] = vcpus > 0 ? vcpus : NO_BOUND;
    p->host_bound[BOUNDED_NET][h] = net > 0 ? net : NO_BOUND;
    for (int b = 0; b < N_BOUNDED; b++)
        p->has_bound[b] = p->has_bound[b] || p->host_bound[b][h] != NO_BOUND;
}

static void add_host(Problem *p, const Host *host)
{
    const struct sched_params *params = &p->params;
    uint32_t h = p->n_hosts++;
    int64_t threads = clamp(host->cpu_threads, 0, 65536);
    int64_t cpu = threads * clamp(host->cpu_mhz, 0, 100000);
    int64_t mem = clamp(host->mem_mb, 0, MAX_MB);
    int64_t reserve = host->mem_is_guests ? 0
                                          : MAX(mem * params->mem_reserve_permille / 1000,
                                                params->mem_reserve_min_mb);

    p->host[h] = host;
    p->host_filter[h] = (uint8_t)host_verdict(p->cluster, host);
    p->host_cap[RES_CPU][h] = MAX(cpu - cpu * params->cpu_reserve_permille / 1000, 1);
    p->host_cap[RES_MEM][h] = MAX(mem - reserve, 1);
    p->host_mem_limit[h] = p->host_cap[RES_MEM][h];
    if (p->cluster->mem_overcommit)
        p->host_mem_limit[h] =
            p->host_mem_limit[h] * MAX(params->mem_overcommit_permille, 1000) / 1000;
    add_bounds(p, h);
    if (problem_usable(p, h))
        p->n_usable++;
}

static void add_hosts(Problem *p)
{
    size_t n = p->snap->n_hosts + 1;

    p->host = g_new0(const Host *, n);
    p->host_filter = g_new0(uint8_t, n);
    for (int r = 0; r < N_RESOURCES; r++)
        p->host_cap[r] = g_new0(int64_t, n);
    p->host_mem_limit = g_new0(int64_t, n);
    p->host_base_mem = g_new0(int64_t, n);
    for (int b = 0; b < N_BOUNDED; b++)
        p->host_bound[b] = g_new0(int64_t, n);
    p->host_rack = g_new0(uint32_t, n);
    for (size_t i = 0; i < p->snap->n_hosts; i++) {
        if (p->snap->hosts[i]->cluster_id == p->cluster->id)
            add_host(p, p->snap->hosts[i]);
    }
    ruleset_find_racks(p->host, p->n_hosts, p->host_rack);
}

bool problem_kept_free(const Problem *problem, uint32_t host)
{
    return is_kept_free(&problem->cluster->ha, problem->host[host]->id);
}

void problem_open_failover(Problem *problem)
{
    for (uint32_t h = 0; h < problem->n_hosts; h++) {
        if (problem->host_filter[h] != FILTER_FAILOVER_HOST)
            continue;
        problem->host_filter[h] = FILTER_NONE;
        problem->n_usable++;
    }
}

void problem_close_host(Problem *problem, uint32_t host)
{
    if (!problem_usable(problem, host))
        return;
    problem->host_filter[host] = FILTER_HOST_MAINTENANCE;
    problem->n_usable--;
}

uint32_t problem_find_host(const Problem *problem, int64_t host_id)
{
    uint32_t low = 0, high = problem->n_hosts;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (problem->host[mid]->id < host_id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < problem->n_hosts && problem->host[low]->id == host_id ? low : NO_INDEX;
}

/* ---- VMs ------------------------------------------------------------------------------------ */

uint32_t problem_find_vm(const Problem *problem, int64_t vm_id)
{
    uint32_t low = 0, high = problem->n_vms;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (problem->vm[mid]->id < vm_id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < problem->n_vms && problem->vm[low]->id == vm_id ? low : NO_INDEX;
}

static bool is_local(const Datastore *store)
{
    return g_ascii_strcasecmp(store->storage_type, "LOCAL") == 0;
}

/* Asked for each VM and host of a plan, and most sites have none. */
static bool has_local_storage(const Snapshot *snap)
{
    for (size_t i = 0; i < snap->n_datastores; i++) {
        if (is_local(snap->datastores[i]))
            return true;
    }
    return false;
}

bool problem_has_local_disk(const Problem *problem, uint32_t vm)
{
    const Vm *it = problem->vm[vm];

    for (size_t i = 0; problem->local_disks && i < it->n_disks; i++) {
        const Datastore *store = snapshot_datastore(problem->snap, it->disks[i].datastore_id);

        if (store && is_local(store))
            return true;
    }
    return false;
}

static bool is_cooling(const Problem *p, const Vm *vm)
{
    return !rest_is_over(vm, p->params.now_wall_ms, p->params.cooldown_ms);
}

static enum problem_pin find_pin(const Problem *p, uint32_t v)
{
    const Vm *vm = p->vm[v];

    if (vm->is_template)
        return PIN_TEMPLATE;
    if (vm->binding_host)
        return PIN_BOUND;
    if (problem_has_local_disk(p, v))
        return PIN_LOCAL_DISK;
    if (vm->devices[0] != '\0')
        return PIN_DEVICES;
    if (vm->target_host_id != 0 || vm->status == VM_MIGRATING)
        return PIN_MOVING;
    if (vm->status != VM_RUNNING && vm->status != VM_PAUSED)
        return PIN_STATE;
    if (vm->task_id != 0)
        return PIN_BUSY;
    if (vm->status == VM_PAUSED)
        return PIN_PAUSED;
    if (p->cluster->drs.vm_overrides_enabled && vm->drs_behavior == DRS_BEHAVIOR_DISABLED)
        return PIN_DRS_OFF;
    if (is_cooling(p, vm))
        return PIN_COOLING;
    if (vm->status == VM_RUNNING && vm->load.n_samples < p->params.min_samples)
        return PIN_UNMEASURED;
    return PIN_NONE;
}

/* MHz of one core, for estimates: of its host, else the mean of the cluster. */
static int64_t core_mhz(const Problem *p, uint32_t home)
{
    int64_t sum = 0, n = 0;

    if (home != NO_INDEX && p->host[home]->cpu_mhz > 0)
        return clamp(p->host[home]->cpu_mhz, 1, 100000);
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (p->host[h]->cpu_mhz > 0) {
            sum += clamp(p->host[h]->cpu_mhz, 1, 100000);
            n++;
        }
    }
    return n > 0 ? sum / n : 2000;
}

static void set_use(Problem *p, uint32_t v)
{
    const Vm *vm = p->vm[v];
    int64_t vcpus = clamp(vm->cpu.quantity, 1, 65536);
    int64_t cpu = clamp(vm->load.cpu_mhz, 0, MAX_MHZ);
    int64_t mem = clamp(vm->load.mem_mb, 0, MAX_MB);

    p->vm_size[v] = clamp(vm->memory.size_mb, 0, MAX_MB);
    p->vm_estimated[v] = vm->load.n_samples < p->params.min_samples;
    if (p->vm_estimated[v]) {
        int64_t guess = vcpus * core_mhz(p, p->vm_home[v]) * p->params.start_cpu_permille / 1000;

        cpu = MAX(guess, vm->load.n_samples > 0 ? cpu : 0);
        cpu = MAX(cpu, clamp(vm->cpu.reservation_mhz, 0, MAX_MHZ));
        mem = p->vm_size[v];
    }
    if (vm->cpu.limit_mhz > 0)
        cpu = MIN(cpu, vm->cpu.limit_mhz);
    if (mem == 0) /* this guest tells no memory figures */
        mem = p->vm_size[v];
    if (vm->memory.limit_mb > 0)
        mem = MIN(mem, vm->memory.limit_mb);
    p->vm_demand[RES_CPU][v] = p->vm_use[RES_CPU][v] = cpu;
    p->vm_demand[RES_MEM][v] = p->vm_use[RES_MEM][v] = mem;
    p->vm_part[BOUNDED_VCPUS][v] = vcpus;
    p->vm_part[BOUNDED_NET][v] = clamp(vm->load.net_kbps, 0, MAX_KBPS);
    p->vm_reserved[v] = clamp(vm->cpu.reservation_mhz, 0, MAX_MHZ);
    if (p->cluster->mem_overcommit)
        p->vm_mem_reserved[v] = clamp(vm->memory.reservation_mb, 0, p->vm_size[v]);
}

/* Pre-copy sends the memory once and what is dirtied meanwhile again, until little is left: the
 * geometric series mem / (bandwidth - dirty rate).  A guest that dirties faster than four fifths of
 * the link is throttled by auto-converge. */
static void set_cost(Problem *p, uint32_t v)
{
    int64_t link = clamp(p->params.link_mbps, 1, MAX_KBPS / KBPS_PER_MBPS);
    int64_t bandwidth = link * 15625 / 128; /* KiB/s: 1,000,000 / 8 / 1024 */
    int64_t dirty = clamp(p->vm[v]->dirty_mbps, 0, MAX_KBPS) * KIB_PER_MIB;
    int64_t mem = p->vm_demand[RES_MEM][v];
    int64_t copy_ms;

    dirty = MIN(dirty, bandwidth * 4 / 5);
    copy_ms = mem * KIB_PER_MIB * 1000 / MAX(bandwidth - dirty, 1);
    p->vm_cost_ms[v] = p->params.move_fixed_ms + copy_ms;
    p->vm_cost_mb[v] = MAX(copy_ms * bandwidth / KIB_PER_MIB / 1000, mem);
}

static void add_vm(Problem *p, const Vm *vm, uint32_t home, uint32_t source)
{
    uint32_t v = p->n_vms++;

    p->vm[v] = vm;
    p->vm_home[v] = home;
    set_use(p, v);
    set_cost(p, v);
    p->vm_pin[v] = (uint8_t)find_pin(p, v);
    if (source != NO_INDEX && source != home) {
        struct problem_ghost ghost = { .vm = v, .host = source };

        problem_ghost_vec_push(&p->ghosts, ghost);
        p->host_base_mem[source] += p->vm_size[v];
    }
}

static bool is_start(const struct problem_starts *starts, int64_t vm_id)
{
    size_t low = 0, high = starts->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (starts->ids[mid] < vm_id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < starts->n && starts->ids[low] == vm_id;
}

/* What its host keeps for a VM that is down is there for its start. */
static void release_held(Problem *p, const Vm *vm, uint32_t host)
{
    int64_t held = clamp(vm->memory.held_mb, 0, MAX_MB);

    if (host == NO_INDEX || vm_is_placed(vm))
        return;
    p->host_cap[RES_MEM][host] += held;
    p->host_mem_limit[host] += held;
}

static void consider_vm(Problem *p, const Vm *vm, const struct problem_starts *starts)
{
    uint32_t here = problem_find_host(p, vm->host_id);
    uint32_t there = NO_INDEX;

    if (is_start(starts, vm->id)) {
        release_held(p, vm, here);
        add_vm(p, vm, NO_INDEX, NO_INDEX);
        return;
    }
    if (!vm_is_placed(vm))
        return;
    if (vm->target_host_id != 0)
        there = problem_find_host(p, vm->target_host_id);
    if (vm->target_host_id != 0 && there == NO_INDEX && here != NO_INDEX)
        add_vm(p, vm, NO_INDEX, here); /* leaves the cluster; till then it is in the way */
    else if (there != NO_INDEX)
        add_vm(p, vm, there, here);
    else if (here != NO_INDEX)
        add_vm(p, vm, here, NO_INDEX);
}

static void add_vms(Problem *p, const struct problem_starts *starts)
{
    size_t n = p->snap->n_vms + 1;

    p->vm = g_new0(const Vm *, n);
    p->vm_home = g_new0(uint32_t, n);
    for (int r = 0; r < N_RESOURCES; r++) {
        p->vm_use[r] = g_new0(int64_t, n);
        p->vm_demand[r] = g_new0(int64_t, n);
    }
    for (int b = 0; b < N_BOUNDED; b++)
        p->vm_part[b] = g_new0(int64_t, n);
    p->vm_size = g_new0(int64_t, n);
    p->vm_reserved = g_new0(int64_t, n);
    p->vm_mem_reserved = g_new0(int64_t, n);
    p->vm_estimated = g_new0(bool, n);
    p->vm_pin = g_new0(uint8_t, n);
    p->vm_cost_ms = g_new0(int64_t, n);
    p->vm_cost_mb = g_new0(int64_t, n);
    p->n_vms = 0; /* it is; clang-tidy does not see into g_new0 */
    for (size_t i = 0; i < p->snap->n_vms; i++)
        consider_vm(p, p->snap->vms[i], starts);
}

/* ---- what is left, and who gets it ---------------------------------------------------------- */

static bool is_measured(const Problem *p, const struct load *load)
{
    return load->n_samples >= MAX(p->params.min_samples, 1);
}

/* Just after a move the VM's load is still in its old host's newest sample. */
static bool is_settled(const Problem *p)
{
    for (uint32_t v = 0; v < p->n_vms; v++) {
        const Vm *vm = p->vm[v];

        if (vm->target_host_id != 0 ||
            (vm->moved_ms > 0 && p->params.now_wall_ms - vm->moved_ms < p->params.max_age_ms))
            return false;
    }
    return true;
}

/* Takes what the hypervisor itself was last seen to use off each host's capacity: the newest
 * samples are compared, because those of the past may be of VMs that have moved since. */
static void take_own_use(Problem *p)
{
    g_autofree int64_t *guests = g_new0(int64_t, p->n_hosts + 1);

    for (uint32_t v = 0; v < p->n_vms; v++) {
        const Vm *vm = p->vm[v];
        uint32_t here;

        g_assert(vm);
        here = problem_find_host(p, vm->host_id);
        if (here != NO_INDEX)
            guests[here] += clamp(vm->load.last_cpu_mhz, 0, MAX_MHZ);
    }
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        const Host *host = p->host[h];
        int64_t all = clamp(host->cpu_threads, 0, 65536) * clamp(host->cpu_mhz, 0, 100000);
        int64_t own = clamp(host->load.last_cpu_mhz, 0, MAX_MHZ) - guests[h];

        if (!is_measured(p, &host->load))
            continue;
        own = clamp(own, 0, all * MAX_OWN_PERMILLE / 1000);
        p->host_cap[RES_CPU][h] = MIN(p->host_cap[RES_CPU][h], MAX(all - own, 1));
    }
}

static bool counts(const Problem *p, uint32_t v)
{
    return p->vm_home[v] == NO_INDEX || problem_usable(p, p->vm_home[v]);
}

static struct entitle_claim claim_of(const Problem *p, enum resource res, uint32_t v)
{
    const Vm *vm = p->vm[v];

    g_assert(vm);
    return (struct entitle_claim){
        .demand = MIN(p->vm_demand[res][v], ENTITLE_MAX_DEMAND),
        .reserved = res == RES_CPU ? vm->cpu.reservation_mhz : vm->memory.reservation_mb,
        .shares = res == RES_CPU ? vm->cpu.weight : vm->memory.weight,
    };
}

/* Where the whole cluster is too small for the demand, evening out cannot help everybody: each VM
 * counts with what it is entitled to. */
static void entitle(Problem *p, enum resource res)
{
    g_autofree struct entitle_claim *claims = g_new0(struct entitle_claim, p->n_vms + 1);
    g_autofree int64_t *grants = g_new0(int64_t, p->n_vms + 1);
    int64_t capacity = 0, demand = 0;
    size_t n = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++)
        capacity += problem_usable(p, h) ? p->host_cap[res][h] : 0;
    for (uint32_t v = 0; v < p->n_vms; v++) {
        if (!counts(p, v))
            continue;
        claims[n] = claim_of(p, res, v);
        demand += claims[n++].demand;
    }
    if (demand <= capacity || p->n_usable == 0)
        return;
    p->contended[res] = true;
    entitle_share(claims, n, capacity, grants);
    n = 0;
    for (uint32_t v = 0; v < p->n_vms; v++) {
        if (counts(p, v))
            p->vm_use[res][v] = grants[n++];
    }
}

static size_t count_hosts(const Snapshot *snap, int64_t cluster_id)
{
    size_t n = 0;

    for (size_t i = 0; i < snap->n_hosts; i++)
        n += snap->hosts[i]->cluster_id == cluster_id ? 1 : 0;
    return n;
}

static CpuFit *make_cpus(const Problem *p)
{
    return cpufit_new(&(struct cpufit_input){ .snap = p->snap,
                                              .cluster = p->cluster,
                                              .vms = p->vm,
                                              .hosts = p->host,
                                              .n_vms = p->n_vms,
                                              .n_hosts = p->n_hosts });
}

/* ---- life ----------------------------------------------------------------------------------- */

Problem *problem_new(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                     int64_t extra_vm_id, GError **error)
{
    const struct problem_starts starts = { .ids = &extra_vm_id, .n = extra_vm_id != 0 ? 1 : 0 };

    return problem_new_starts(snap, cluster_id, params, &starts, error);
}

/* False and an error: one of them does not exist. */
static bool check_starts(const Snapshot *snap, const struct problem_starts *starts, GError **error)
{
    for (size_t i = 0; i < starts->n; i++) {
        if (snapshot_vm(snap, starts->ids[i]))
            continue;
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "there is no VM %" PRId64,
                       starts->ids[i]);
        return false;
    }
    return true;
}

Problem *problem_new_starts(const Snapshot *snap, int64_t cluster_id,
                            const struct sched_params *params, const struct problem_starts *starts,
                            GError **error)
{
    const Cluster *cluster = snapshot_cluster(snap, cluster_id);
    Problem *p;

    if (!cluster) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL,
                       "there is no cluster %" PRId64, cluster_id);
        return NULL;
    }
    if (!check_starts(snap, starts, error))
        return NULL;
    if (count_hosts(snap, cluster_id) > PROBLEM_MAX_HOSTS) {
        err_set(error, VRM_ERR_INVALID, "cluster %s has %zu hosts, one cluster may have %d",
                cluster->name, count_hosts(snap, cluster_id), PROBLEM_MAX_HOSTS);
        return NULL;
    }
    p = g_new0(Problem, 1);
    p->snap = snap;
    p->cluster = cluster;
    p->params = *params;
    p->uses[RES_CPU] = cluster->drs.factor != DRS_FACTOR_MEM;
    p->uses[RES_MEM] = cluster->drs.factor != DRS_FACTOR_CPU;
    p->weight[RES_CPU] = cluster->mem_overcommit ? 1 : CPU_WEIGHT;
    p->weight[RES_MEM] = 1;
    p->local_disks = has_local_storage(snap);
    add_hosts(p);
    add_vms(p, starts);
    if (params->cpu_reserve_measured && is_settled(p))
        take_own_use(p);
    entitle(p, RES_CPU);
    if (cluster->mem_overcommit)
        entitle(p, RES_MEM);
    p->cpus = make_cpus(p);
    p->devices = devfit_new(p->vm, p->n_vms, p->host, p->n_hosts);
    p->rules = ruleset_new(snap, cluster_id, p->vm, p->n_vms, p->host, p->n_hosts);
    return p;
}

void problem_free(Problem *problem)
{
    if (!problem)
        return;
    g_free(problem->host);
    g_free(problem->host_filter);
    g_free(problem->host_mem_limit);
    g_free(problem->host_base_mem);
    g_free(problem->vm);
    g_free(problem->vm_home);
    g_free(problem->vm_size);
    g_free(problem->vm_reserved);
    g_free(problem->vm_estimated);
    g_free(problem->vm_pin);
    g_free(problem->vm_cost_ms);
    g_free(problem->vm_cost_mb);
    g_free(problem->host_rack);
    g_free(problem->vm_mem_reserved);
    for (int r = 0; r < N_RESOURCES; r++) {
        g_free(problem->host_cap[r]);
        g_free(problem->vm_use[r]);
        g_free(problem->vm_demand[r]);
    }
    for (int b = 0; b < N_BOUNDED; b++) {
        g_free(problem->host_bound[b]);
        g_free(problem->vm_part[b]);
    }
    devfit_free(problem->devices);
    problem_ghost_vec_clear(&problem->ghosts);
    cpufit_free(problem->cpus);
    ruleset_free(problem->rules);
    g_free(problem);
}

/* ---- age of the data ------------------------------------------------------------------------ */

static char *host_trouble(const Problem *p, const Host *host)
{
    int64_t age_ms = p->params.now_mono_ms - host->seen_mono_ms;

    if (host->seen_mono_ms == 0)
        return g_strdup_printf("host %s: never heard of since this controller leads", host->name);
    if (age_ms > p->params.max_age_ms)
        return g_strdup_printf("host %s: last heard of %" PRId64 " s ago (at most %" PRId64 " s)",
                               host->name, age_ms / 1000, p->params.max_age_ms / 1000);
    return NULL;
}

/* VMs whose load is a running figure; one that is stopping or paused is taken as it is. */
static bool needs_samples(const Vm *vm)
{
    return vm->status == VM_RUNNING || vm->status == VM_STARTING || vm->status == VM_MIGRATING;
}

static bool is_unmeasured(const Problem *p, const Vm *vm)
{
    return vm->load.n_samples < p->params.min_samples;
}

static char *vm_trouble(const Problem *p, const Vm *vm)
{
    int64_t age_ms = p->params.now_mono_ms - vm->load.sampled_mono_ms;

    if (vm->load.n_samples == 0 || age_ms <= p->params.max_age_ms)
        return NULL;
    return g_strdup_printf("VM %s: newest sample is %" PRId64 " s old (at most %" PRId64 " s)",
                           vm->name, age_ms / 1000, p->params.max_age_ms / 1000);
}

/* How much of the running cluster is only estimated. */
struct unmeasured {
    const Vm *first;
    int64_t vms, all_vms, vcpus, all_vcpus, mem, all_mem;
};

static void count_vm(const Problem *p, uint32_t v, struct unmeasured *u)
{
    int64_t vcpus = p->vm_part[BOUNDED_VCPUS][v];

    u->all_vms++;
    u->all_vcpus += vcpus;
    u->all_mem += p->vm_size[v];
    if (!is_unmeasured(p, p->vm[v]))
        return;
    u->first = u->first ? u->first : p->vm[v];
    u->vms++;
    u->vcpus += vcpus;
    u->mem += p->vm_size[v];
}

/* More than a third is too much to be guessed. */
static char *unmeasured_trouble(const Problem *p, const struct unmeasured *u)
{
    if (!u->first ||
        (u->vms * 3 <= u->all_vms && u->vcpus * 3 <= u->all_vcpus && u->mem * 3 <= u->all_mem))
        return NULL;
    return g_strdup_printf("VM %s: has %u of %u samples; %" PRId64 " of %" PRId64
                           " running VMs, with %" PRId64 " of %" PRId64 " vCPUs and %" PRId64
                           " of %" PRId64 " MiB, have too few, at most a third may be estimated",
                           u->first->name, u->first->load.n_samples, p->params.min_samples, u->vms,
                           u->all_vms, u->vcpus, u->all_vcpus, u->mem, u->all_mem);
}

char *problem_data_trouble(const Problem *problem)
{
    struct unmeasured unmeasured = { 0 };
    char *why = NULL;

    for (uint32_t h = 0; h < problem->n_hosts && !why; h++) {
        if (problem_usable(problem, h))
            why = host_trouble(problem, problem->host[h]);
    }
    for (uint32_t v = 0; v < problem->n_vms && !why; v++) {
        uint32_t home = problem->vm_home[v];

        if (home == NO_INDEX || !problem_usable(problem, home) || !needs_samples(problem->vm[v]))
            continue;
        why = vm_trouble(problem, problem->vm[v]);
        count_vm(problem, v, &unmeasured);
    }
    return why ? why : unmeasured_trouble(problem, &unmeasured);
}

/* ---- words ---------------------------------------------------------------------------------- */

const char *problem_pin_word(enum problem_pin pin)
{
    static const char *const words[N_PROBLEM_PINS] = {
        [PIN_NONE] = "free to move",
        [PIN_UNMEASURED] = "not measured for long enough",
        [PIN_COOLING] = "moved lately",
        [PIN_DRS_OFF] = "DRS switched off for it",
        [PIN_PAUSED] = "paused",
        [PIN_BUSY] = "busy with a task",
        [PIN_MOVING] = "migrating",
        [PIN_STATE] = "not running steadily",
        [PIN_TEMPLATE] = "template",
        [PIN_BOUND] = "bound to its host",
        [PIN_LOCAL_DISK] = "disk on local storage",
        [PIN_DEVICES] = "holding a device of its host",
    };

    return words[pin];
}

char *problem_pin_text(const Problem *problem, uint32_t vm)
{
    const Vm *it = problem->vm[vm];
    enum problem_pin pin = (enum problem_pin)problem->vm_pin[vm];

    switch (pin) {
    case PIN_COOLING:
        return g_strdup_printf("moved %" PRId64 " s ago (rests for %" PRId64 " s)",
                               (problem->params.now_wall_ms - it->moved_ms) / 1000,
                               rest_length_ms(it, problem->params.cooldown_ms) / 1000);
    case PIN_UNMEASURED:
        return g_strdup_printf("has %u of %u samples (counted by estimate)", it->load.n_samples,
                               problem->params.min_samples);
    case PIN_BUSY:
        return g_strdup_printf("busy with task %" PRId64, it->task_id);
    case PIN_DEVICES: {
        g_autoptr(Devices) devices = devices_parse(it->devices, NULL);
        g_autofree char *text = devices ? devices_text(devices) : g_strdup(it->devices);

        return g_strdup_printf("holds %s, which cannot be moved while it runs", text);
    }
    case PIN_STATE:
        return g_strdup_printf("its state is %s", vm_status_name(it->status));
    case PIN_NONE:
    case PIN_DRS_OFF:
    case PIN_PAUSED:
    case PIN_MOVING:
    case PIN_TEMPLATE:
    case PIN_BOUND:
    case PIN_LOCAL_DISK:
        break;
    }
    return g_strdup(problem_pin_word(pin));
}
