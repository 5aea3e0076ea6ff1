/* sched_wild.c - see sched_wild.h. */
#include "config.h"

#include "tests/sched_wild.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

#define NOW_MONO_MS INT64_C(10000000)
#define NOW_WALL_MS INT64_C(1700000000000)
#define FIRST_HOST  101
#define OTHER_HOST  901
#define FIRST_VM    1
#define FIRST_GROUP 5001
#define LOCAL_STORE 71
#define SHARED      72
#define MS_PER_HOUR INT64_C(3600000)

/* What two makes of hosts can present; the VMs see one or the other. */
#define OLD_FEATURES                                                                               \
    "apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge pni "   \
    "popcnt pse pse36 sep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc vme"
#define NEW_FEATURES OLD_FEATURES " aes arat pclmuldq"

struct wild {
    struct rng rng;
    SnapshotBuilder *builder;
    uint32_t n_hosts, n_vms, n_groups, n_rules;
    bool tight; /* memory is nearly used up */
    bool hot;   /* CPU is */
    bool mixed; /* hosts of two makes */
    bool calm;  /* nothing odd about hosts */
    bool wired; /* traffic and its bounds are known */
    bool racks;
    bool coarse;   /* round figures: what is needed is often exactly what there is */
    bool promised; /* more memory than there is, and it is touched */
    int64_t *used;
};

static uint32_t below(struct wild *w, uint32_t bound)
{
    return rng_below(&w->rng, bound);
}

/* True once in n. */
static bool once_in(struct wild *w, uint32_t n)
{
    return below(w, n) == 0;
}

static void set_name(char **name, const char *prefix, int64_t number)
{
    g_free(*name);
    *name = g_strdup_printf("%s%d", prefix, (int)number);
}

/* ---- cluster -------------------------------------------------------------------------------- */

static void set_ha(struct wild *w, struct ha_policy *ha)
{
    ha->enabled = !once_in(w, 3);
    ha->control_policy_on = once_in(w, 2);
    ha->control_policy = below(w, 3);
    ha->cpu_reservation = INT64_C(5) * below(w, 8);
    ha->mem_reservation = INT64_C(5) * below(w, 8);
    ha->hosts_fault_quantity = 1 + below(w, 3);
    ha->custom_slot = once_in(w, 3);
    ha->slot_cpu_mhz = 500;
    ha->slot_mem_mb = 1024;
    if (ha->control_policy != 2)
        return;
    ha->n_failover_hosts = 1 + below(w, 2);
    ha->failover_hosts = g_new0(int64_t, ha->n_failover_hosts);
    for (size_t i = 0; i < ha->n_failover_hosts; i++)
        ha->failover_hosts[i] = FIRST_HOST + (int64_t)i;
}

static void add_cluster(struct wild *w)
{
    Cluster *cluster = cluster_new(), *other = cluster_new();
    uint8_t level = (uint8_t)(once_in(w, 20) ? 0 : 1 + below(w, 9));

    cluster->id = WILD_CLUSTER;
    text_set(&cluster->name, "wild");
    cluster->drs.enabled = !once_in(w, 20);
    cluster->drs.level = once_in(w, 3) ? DRS_MANUAL : DRS_AUTOMATIC;
    cluster->drs.factor = (enum drs_factor)(1 + below(w, 3));
    cluster->drs.vm_overrides_enabled = once_in(w, 2);
    cluster->drs.threshold_cpu = once_in(w, 8) ? 60 : 0;
    memset(cluster->drs.limen, level, sizeof(cluster->drs.limen));
    cluster->mem_overcommit = w->promised || once_in(w, 6);
    cluster->vcpus_per_thread = once_in(w, 6) ? 3 : 0;
    cluster->imc_enabled = w->mixed && once_in(w, 2);
    text_set(&cluster->imc_setting, cluster->imc_enabled ? "Nehalem" : "");
    text_set(&cluster->res_strategy, once_in(w, 5) ? "random" : "loadBalance");
    cluster->dpm.power_level = below(w, 3);
    memset(cluster->dpm.limen, (int)(1 + below(w, 9)), sizeof(cluster->dpm.limen));
    set_ha(w, &cluster->ha);
    snapshot_builder_put_cluster(w->builder, cluster);
    other->id = WILD_OTHER;
    text_set(&other->name, "other");
    snapshot_builder_put_cluster(w->builder, other);
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static void odd_host(struct wild *w, Host *host)
{
    switch (below(w, 6)) {
    case 0:
        host->maintaining = true;
        break;
    case 1:
        host->connected = false;
        break;
    case 2:
        host->status = once_in(w, 2) ? HOST_FAULT : HOST_BOOTING;
        host->connected = false;
        break;
    case 3:
        host->status = HOST_POWEROFF;
        host->connected = false;
        host->off_since_ms = NOW_WALL_MS - MS_PER_HOUR;
        host->off_by_dpm = !once_in(w, 4);
        break;
    case 4:
        host->cpu_threads = 0; /* facts not read yet */
        break;
    default:
        break;
    }
}

static void set_cpu(struct wild *w, Host *host)
{
    bool is_new = !w->mixed || once_in(w, 2);

    text_set(&host->cpu_features, is_new ? NEW_FEATURES : OLD_FEATURES);
    text_set(&host->cpu_generations, is_new          ? "Penryn Nehalem Westmere"
                                     : once_in(w, 8) ? "Penryn"
                                                     : "Penryn Nehalem");
    if (w->mixed && once_in(w, 10)) {
        text_set(&host->cpu_features, "");
        text_set(&host->cpu_generations, "");
    }
}

static Host *make_host(struct wild *w, int64_t id, int64_t cluster_id)
{
    Host *host = host_new();

    host->id = id;
    set_name(&host->name, "h", id);
    host->cluster_id = cluster_id;
    host->cpu_threads = 4 << below(w, 4);
    host->cpu_mhz = 2000 + INT64_C(500) * below(w, 3);
    host->mem_mb = INT64_C(8192) << below(w, 4);
    host->status = HOST_NORMAL;
    host->connected = true;
    host->seen_mono_ms = NOW_MONO_MS - 500;
    text_set(&host->bmc_ip, once_in(w, 8) ? "" : "10.0.0.1");
    host->wake_proven_ms = once_in(w, 6) ? 0 : NOW_WALL_MS - MS_PER_HOUR * below(w, 96);
    set_cpu(w, host);
    text_set(&host->devices, once_in(w, 3) ? "gpu:3" : once_in(w, 2) ? "gpu:1" : "");
    host->net_mbps = w->wired ? INT64_C(1000) << below(w, 4) : 0;
    if (w->racks) {
        g_free(host->rack);
        host->rack = once_in(w, 6) ? g_strdup("") : g_strdup_printf("rack%u", below(w, 5));
    }
    return host;
}

static void add_hosts(struct wild *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        Host *host = make_host(w, FIRST_HOST + w->n_hosts++, WILD_CLUSTER);

        if (!w->calm && once_in(w, 6))
            odd_host(w, host);
        snapshot_builder_put_host(w->builder, host);
    }
    snapshot_builder_put_host(w->builder, make_host(w, OTHER_HOST, WILD_OTHER));
}

/* ---- VMs ------------------------------------------------------------------------------------ */

/* A random host with room, after some tries any; a host that is off runs nothing. */
static int64_t pick_host(struct wild *w, int64_t size)
{
    uint32_t h = 0;

    for (int i = 0; i < 12; i++) {
        const Host *host;

        h = once_in(w, 3) ? 0 : below(w, w->n_hosts); /* badly placed on purpose */
        host = snapshot_builder_get_host(w->builder, FIRST_HOST + h);
        if (host->status != HOST_POWEROFF && w->used[h] + size <= host->mem_mb *
                                                                      (w->promised ? 130
                                                                       : w->tight  ? 94
                                                                                   : 60) /
                                                                      100)
            break;
    }
    w->used[h] += size;
    return FIRST_HOST + h;
}

static void add_disk(struct wild *w, Vm *vm)
{
    struct vm_disk *disk = vm_add_disk(vm);

    disk->sequence = 1;
    disk->datastore_id = once_in(w, 25) ? LOCAL_STORE : SHARED;
}

static void odd_state(struct wild *w, Vm *vm)
{
    switch (below(w, 6)) {
    case 0:
        vm->task_id = 7;
        break;
    case 1:
        vm->status = once_in(w, 2) ? VM_PAUSED : VM_STOPPING;
        break;
    case 2:
        vm->target_host_id = once_in(w, 8) ? OTHER_HOST : FIRST_HOST + below(w, w->n_hosts);
        vm->status = VM_MIGRATING;
        vm->task_id = 8;
        break;
    case 3:
        vm->is_template = once_in(w, 4);
        break;
    default:
        vm->status = VM_STOPPED;
        break;
    }
}

static void odd_vm(struct wild *w, Vm *vm)
{
    switch (below(w, 16)) {
    case 0:
        vm->binding_host = true;
        break;
    case 1:
    case 2:
        odd_state(w, vm);
        break;
    case 3:
        vm->moved_ms = NOW_WALL_MS - INT64_C(1000) * below(w, 900);
        break;
    case 4:
        vm->drs_behavior = (enum drs_behavior)(once_in(w, 3) ? 1 : once_in(w, 2) ? 3 : 4);
        break;
    case 5:
    case 6:
        vm->cpu.reservation_mhz = INT64_C(400) * below(w, 8);
        break;
    case 7:
        vm->cpu.limit_mhz = 500;
        break;
    case 8:
        vm->memory.reservation_mb = vm->memory.size_mb / (1 + below(w, 2));
        break;
    case 10:
        text_set(&vm->devices, once_in(w, 2) ? "gpu:1" : "gpu:2");
        break;
    case 9:
        vm->memory.limit_mb = vm->memory.size_mb / 2;
        break;
    default:
        break;
    }
}

static void see_cpu(struct wild *w, Vm *vm)
{
    const Host *home = snapshot_builder_get_host(w->builder, vm->host_id);

    if (!home || once_in(w, 4))
        return;
    if (strstr(home->cpu_features, "aes") && once_in(w, 2))
        text_set(&vm->cpu_seen, once_in(w, 2) ? "Westmere +vme +hypervisor" : "Nehalem +aes");
    else
        text_set(&vm->cpu_seen, once_in(w, 2) ? "Nehalem" : "Nehalem +hypervisor -popcnt");
}

static void round_load(Vm *vm)
{
    vm->load.cpu_mhz -= vm->load.cpu_mhz % 500;
    vm->load.net_kbps -= vm->load.net_kbps % 100000;
    vm->load.mem_mb -= vm->load.mem_mb % 128;
}

static void set_load(struct wild *w, Vm *vm)
{
    uint32_t peak = w->hot ? 1200 : 400;

    vm->load.cpu_mhz = vm->cpu.quantity * below(w, once_in(w, 4) ? 4 * peak : peak);
    vm->load.mem_mb = once_in(w, 20) ? 0 : vm->memory.size_mb * (20 + below(w, 80)) / 100;
    vm->load.n_samples = 60;
    vm->load.sampled_mono_ms = NOW_MONO_MS - below(w, 5000);
    vm->load.net_kbps = w->wired ? below(w, once_in(w, 5) ? 900000 : 90000) : 0;
    if (w->promised) {
        vm->load.mem_mb = vm->memory.size_mb * (70 + below(w, 31)) / 100;
        vm->memory.reservation_mb = once_in(w, 2) ? vm->memory.size_mb : 0;
    }
    if (w->coarse)
        round_load(vm);
    vm->dirty_mbps = below(w, 200);
}

static void add_vm(struct wild *w)
{
    Vm *vm = vm_new();

    vm->id = FIRST_VM + w->n_vms++;
    set_name(&vm->name, "v", vm->id);
    vm->cluster_id = WILD_CLUSTER;
    vm->status = VM_RUNNING;
    vm->host_reported = true;
    vm->enable_ha = !once_in(w, 5);
    vm->cpu.quantity = 1 << below(w, 4);
    vm->memory.size_mb = INT64_C(256) << below(w, w->tight ? 6 : 5);
    vm->host_id = pick_host(w, vm->memory.size_mb);
    set_load(w, vm);
    add_disk(w, vm);
    see_cpu(w, vm);
    if (once_in(w, 2))
        odd_vm(w, vm);
    if (once_in(w, 60))
        vm->cluster_id = WILD_OTHER; /* on a host that is no longer its cluster's */
    if (vm->status == VM_STOPPED && once_in(w, 2) && !vm->binding_host)
        vm->host_id = 0;
    snapshot_builder_put_vm(w->builder, vm);
}

static void add_other_vm(struct wild *w)
{
    Vm *vm = vm_new();

    vm->id = FIRST_VM + w->n_vms++;
    set_name(&vm->name, "o", vm->id);
    vm->cluster_id = WILD_OTHER;
    vm->status = VM_RUNNING;
    vm->cpu.quantity = 2;
    vm->memory.size_mb = 512;
    vm->host_id = OTHER_HOST;
    snapshot_builder_put_vm(w->builder, vm);
}

/* One figure that is missing or too old. */
static void spoil_data(struct wild *w)
{
    Vm *vm = vm_dup(snapshot_builder_get_vm(w->builder, FIRST_VM + below(w, w->n_vms)));

    if (once_in(w, 2))
        vm->load.n_samples = below(w, 3);
    else
        vm->load.sampled_mono_ms = NOW_MONO_MS - 100000;
    snapshot_builder_put_vm(w->builder, vm);
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* At most n different ids out of count, ascending. */
static int64_t *pick_ids(struct wild *w, int64_t first, uint32_t count, uint32_t n, size_t *ret_n)
{
    int64_t *ids = g_new0(int64_t, n + 1);
    size_t kept = 0;

    for (uint32_t i = 0; i < n; i++)
        ids[i] = first + below(w, count);
    qsort(ids, n, sizeof(*ids), id_cmp);
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    }
    *ret_n = kept;
    return ids;
}

static int64_t add_group(struct wild *w, enum group_type type)
{
    Group *group = group_new();
    bool hosts = type == GROUP_HOST;
    uint32_t count = hosts ? w->n_hosts : w->n_vms;
    uint32_t n = once_in(w, 12) ? 0 : 1 + below(w, MIN(count, 8));

    group->id = FIRST_GROUP + w->n_groups++;
    set_name(&group->name, "g", group->id);
    group->cluster_id = WILD_CLUSTER;
    group->type = type;
    group->members = pick_ids(w, hosts ? FIRST_HOST : FIRST_VM, count, n, &group->n_members);
    snapshot_builder_put_group(w->builder, group);
    return group->id;
}

static void add_rule(struct wild *w)
{
    Rule *rule = rule_new();

    rule->id = ++w->n_rules;
    set_name(&rule->name, "r", rule->id);
    rule->cluster_id = WILD_CLUSTER;
    rule->type = (enum rule_type)below(w, N_RULE_TYPES);
    rule->strength = once_in(w, 2) ? RULE_MUST : RULE_SHOULD;
    if (rule->type == RULE_VM_HOST) {
        rule->strength = (enum rule_strength)below(w, N_RULE_STRENGTHS);
        rule->host_group_id = add_group(w, GROUP_HOST);
    }
    if (rule->type == RULE_APART && w->racks && once_in(w, 2))
        rule->domain = FAULT_DOMAIN_RACK;
    if (rule->type == RULE_VM_HOST || once_in(w, 3))
        rule->vm_group_id = add_group(w, GROUP_VM);
    if (rule->vm_group_id == 0 || once_in(w, 3))
        rule->vms = pick_ids(w, FIRST_VM, w->n_vms, 2 + below(w, 3), &rule->n_vms);
    snapshot_builder_put_rule(w->builder, rule);
}

static void add_datastores(struct wild *w)
{
    Datastore *local = datastore_new(), *shared = datastore_new();

    local->id = LOCAL_STORE;
    text_set(&local->storage_type, "LOCAL");
    shared->id = SHARED;
    text_set(&shared->storage_type, "NAS");
    snapshot_builder_put_datastore(w->builder, local);
    snapshot_builder_put_datastore(w->builder, shared);
}

/* ---- all ------------------------------------------------------------------------------------ */

static void set_params(struct wild *w, uint64_t seed, struct dpm_params *params)
{
    struct sched_params *sched = &params->sched;

    dpm_params_init(params);
    params->spare_hosts = once_in(w, 4) ? 1 : 0;
    sched->now_mono_ms = NOW_MONO_MS;
    sched->now_wall_ms = NOW_WALL_MS;
    sched->seed = seed;
    sched->link_mbps = once_in(w, 4) ? 1000 : 10000;
    sched->cap_host_in = 1 + below(w, 3);
    sched->cap_host_out = 1 + below(w, 3);
    sched->cap_cluster = 1 + below(w, 10);
    sched->mem_overcommit_permille = w->promised ? 1500 : once_in(w, 2) ? 1250 : 1000;
    if (w->coarse)
        sched->mem_reserve_permille = sched->mem_reserve_min_mb = 0;
    sched->cpu_reserve_permille = once_in(w, 4) ? 100 : 0;
    sched->vcpus_per_thread = once_in(w, 3) ? 2 : 16;
    if (once_in(w, 25))
        sched->max_moves = 3;
}

static uint32_t pick_n_hosts(struct wild *w)
{
    uint32_t kind = below(w, 20);

    return kind < 14 ? 2 + below(w, 5) : kind < 18 ? 7 + below(w, 10) : 17 + below(w, 24);
}

SnapshotBuilder *wild_cluster(uint64_t seed, struct dpm_params *ret_params)
{
    struct wild w = { .builder = snapshot_builder_new() };
    g_autofree int64_t *used = g_new0(int64_t, WILD_MAX_HOSTS + 1);
    uint32_t n_hosts, n_vms, n_rules;

    rng_seed(&w.rng, seed);
    w.used = used;
    w.tight = once_in(&w, 3);
    w.hot = once_in(&w, 3);
    w.mixed = once_in(&w, 3);
    w.calm = once_in(&w, 3);
    w.wired = once_in(&w, 3);
    w.racks = once_in(&w, 3);
    w.coarse = once_in(&w, 3);
    w.promised = once_in(&w, 6);
    n_hosts = pick_n_hosts(&w);
    n_vms = 1 + below(&w, n_hosts * (w.promised ? 24 : w.tight ? 14 : 9));
    n_rules = once_in(&w, 10) ? 20 : below(&w, 7);
    add_datastores(&w);
    add_cluster(&w);
    add_hosts(&w, n_hosts);
    for (uint32_t i = 0; i < n_vms; i++)
        add_vm(&w);
    for (uint32_t i = 0; i < n_rules; i++)
        add_rule(&w);
    if (once_in(&w, 20))
        spoil_data(&w);
    add_other_vm(&w);
    set_params(&w, seed, ret_params);
    return w.builder;
}
