/* sched_gen.c - see sched_gen.h. */
#include "config.h"

#include "tests/sched_gen.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define NOW_MONO_MS INT64_C(10000000)
#define NOW_WALL_MS INT64_C(1700000000000)
#define FIRST_HOST  1001
#define FIRST_VM    1
#define FIRST_GROUP 5001

struct gen {
    struct rng rng;
    SnapshotBuilder *builder;
    uint32_t n_hosts, n_vms, n_groups, n_rules;
    bool tight; /* memory is nearly used up */
};

static uint32_t below(struct gen *g, uint32_t bound)
{
    return rng_below(&g->rng, bound);
}

/* True once in n. */
static bool once_in(struct gen *g, uint32_t n)
{
    return below(g, n) == 0;
}

static void set_name(char **name, const char *prefix, int64_t number)
{
    g_free(*name);
    *name = g_strdup_printf("%s%d", prefix, (int)number);
}

static void add_cluster(struct gen *g)
{
    Cluster *cluster = cluster_new();
    uint8_t level = (uint8_t)(1 + below(g, 9));

    cluster->id = GEN_CLUSTER;
    set_name(&cluster->name, "c", GEN_CLUSTER);
    cluster->drs.enabled = true;
    cluster->drs.level = once_in(g, 3) ? DRS_MANUAL : DRS_AUTOMATIC;
    cluster->drs.factor = (enum drs_factor)(1 + below(g, 3));
    cluster->drs.vm_overrides_enabled = once_in(g, 2);
    memset(cluster->drs.limen, level, sizeof(cluster->drs.limen));
    snapshot_builder_put_cluster(g->builder, cluster);
}

static void add_host(struct gen *g, bool trouble)
{
    Host *host = host_new();

    host->id = FIRST_HOST + g->n_hosts++;
    set_name(&host->name, "h", host->id - FIRST_HOST + 1);
    host->cluster_id = GEN_CLUSTER;
    host->cpu_threads = 4 << below(g, 3);
    host->cpu_mhz = 2000 + INT64_C(500) * below(g, 3);
    host->mem_mb = INT64_C(8192) << below(g, 3);
    host->status = HOST_NORMAL;
    host->connected = true;
    host->seen_mono_ms = NOW_MONO_MS - 500;
    if (trouble) {
        host->maintaining = once_in(g, 3);
        host->connected = !once_in(g, 3);
        host->status = once_in(g, 3) ? HOST_FAULT : HOST_NORMAL;
    }
    snapshot_builder_put_host(g->builder, host);
}

/* A random host that has room for size more, after some tries any. */
static int64_t pick_host(struct gen *g, const int64_t *used, int64_t size)
{
    uint32_t h = 0;

    for (int i = 0; i < 10; i++) {
        h = once_in(g, 2) ? 0 : below(g, g->n_hosts); /* badly placed on purpose */
        if (used[h] + size <= snapshot_builder_get_host(g->builder, FIRST_HOST + h)->mem_mb *
                                  (g->tight ? 95 : 60) / 100)
            break;
    }
    return FIRST_HOST + h;
}

static void odd_vm(struct gen *g, Vm *vm)
{
    switch (below(g, 14)) {
    case 0:
        vm->binding_host = true;
        break;
    case 1:
        vm->task_id = 7;
        break;
    case 2:
        vm->moved_ms = NOW_WALL_MS - INT64_C(1000) * below(g, 900);
        break;
    case 3:
        vm->drs_behavior = once_in(g, 2) ? DRS_BEHAVIOR_DISABLED : DRS_BEHAVIOR_MANUAL;
        break;
    case 4:
        vm->status = once_in(g, 2) ? VM_PAUSED : VM_STOPPING;
        break;
    case 5:
        vm->status = VM_STOPPED;
        break;
    case 6:
        vm->target_host_id = FIRST_HOST + below(g, g->n_hosts);
        vm->status = VM_MIGRATING;
        vm->task_id = 8;
        break;
    case 7:
        vm->cpu.reservation_mhz = INT64_C(200) * below(g, 8);
        break;
    case 8:
        vm->cpu.limit_mhz = 500;
        break;
    default:
        break;
    }
}

static void add_vm(struct gen *g, int64_t *used)
{
    Vm *vm = vm_new();

    vm->id = FIRST_VM + g->n_vms++;
    set_name(&vm->name, "v", vm->id);
    vm->cluster_id = GEN_CLUSTER;
    vm->status = VM_RUNNING;
    vm->host_reported = true;
    vm->cpu.quantity = 1 << below(g, 4);
    vm->memory.size_mb = 256 << below(g, g->tight ? 5 : 4);
    vm->load.cpu_mhz = once_in(g, 3) ? below(g, 4000) : below(g, 500);
    vm->load.mem_mb = vm->memory.size_mb * (20 + below(g, 80)) / 100;
    vm->load.n_samples = 60;
    vm->load.sampled_mono_ms = NOW_MONO_MS - below(g, 5000);
    vm->dirty_mbps = below(g, 50);
    vm->host_id = pick_host(g, used, vm->memory.size_mb);
    odd_vm(g, vm);
    used[vm->host_id - FIRST_HOST] += vm->memory.size_mb;
    snapshot_builder_put_vm(g->builder, vm);
}

/* n different ids out of count, ascending. */
static int64_t *pick_ids(struct gen *g, int64_t first, uint32_t count, uint32_t n, size_t *ret_n)
{
    int64_t *ids = g_new0(int64_t, n + 1);
    size_t kept = 0;

    for (uint32_t i = 0; i < n; i++)
        ids[i] = first + below(g, count);
    qsort(ids, n, sizeof(*ids), id_cmp);
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    }
    *ret_n = kept;
    return ids;
}

static int64_t add_group(struct gen *g, enum group_type type)
{
    Group *group = group_new();
    bool hosts = type == GROUP_HOST;
    uint32_t count = hosts ? g->n_hosts : g->n_vms;

    group->id = FIRST_GROUP + g->n_groups++;
    set_name(&group->name, "g", group->id);
    group->cluster_id = GEN_CLUSTER;
    group->type = type;
    group->members = pick_ids(g, hosts ? FIRST_HOST : FIRST_VM, count, 1 + below(g, MIN(count, 6)),
                              &group->n_members);
    snapshot_builder_put_group(g->builder, group);
    return group->id;
}

static void add_rule(struct gen *g)
{
    Rule *rule = rule_new();

    rule->id = ++g->n_rules;
    set_name(&rule->name, "r", rule->id);
    rule->cluster_id = GEN_CLUSTER;
    rule->type = (enum rule_type)below(g, N_RULE_TYPES);
    rule->strength = once_in(g, 2) ? RULE_MUST : RULE_SHOULD;
    if (rule->type == RULE_VM_HOST) {
        rule->strength = (enum rule_strength)below(g, N_RULE_STRENGTHS);
        rule->vm_group_id = add_group(g, GROUP_VM);
        rule->host_group_id = add_group(g, GROUP_HOST);
    } else {
        rule->vms = pick_ids(g, FIRST_VM, g->n_vms, 2 + below(g, 3), &rule->n_vms);
    }
    snapshot_builder_put_rule(g->builder, rule);
}

static void set_params(struct gen *g, uint64_t seed, struct sched_params *params)
{
    sched_params_init(params);
    params->now_mono_ms = NOW_MONO_MS;
    params->now_wall_ms = NOW_WALL_MS;
    params->seed = seed;
    params->link_mbps = once_in(g, 4) ? 1000 : 10000;
    params->cap_host_in = 1 + below(g, 3);
    params->cap_host_out = 1 + below(g, 3);
}

SnapshotBuilder *gen_cluster(uint64_t seed, uint32_t max_hosts, uint32_t max_vms,
                             struct sched_params *ret_params)
{
    struct gen g = { .builder = snapshot_builder_new() };
    g_autofree int64_t *used = g_new0(int64_t, max_hosts + 1);
    uint32_t n_hosts, n_vms, n_rules;

    rng_seed(&g.rng, seed);
    g.tight = once_in(&g, 3);
    n_hosts = 2 + below(&g, max_hosts - 1);
    n_vms = 1 + below(&g, max_vms);
    n_rules = below(&g, 6);
    add_cluster(&g);
    for (uint32_t i = 0; i < n_hosts; i++)
        add_host(&g, once_in(&g, 8));
    for (uint32_t i = 0; i < n_vms; i++)
        add_vm(&g, used);
    for (uint32_t i = 0; i < n_rules; i++)
        add_rule(&g);
    set_params(&g, seed, ret_params);
    return g.builder;
}

/* ---- the park ------------------------------------------------------------------------------- */

static void park_host(struct gen *g)
{
    Host *host;

    add_host(g, false);
    host = host_dup(snapshot_builder_get_host(g->builder, FIRST_HOST + g->n_hosts - 1));
    host->cpu_threads = 64;
    host->cpu_mhz = 2500;
    host->mem_mb = INT64_C(512) * 1024;
    snapshot_builder_put_host(g->builder, host);
}

static void park_vm(struct gen *g)
{
    Vm *vm = vm_new();
    uint32_t a = below(g, g->n_hosts), b = below(g, g->n_hosts);

    vm->id = FIRST_VM + g->n_vms++;
    set_name(&vm->name, "v", vm->id);
    vm->cluster_id = GEN_CLUSTER;
    vm->status = VM_RUNNING;
    vm->cpu.quantity = 1 << below(g, 4);
    vm->memory.size_mb = 1024 << below(g, 4);
    vm->load.cpu_mhz = vm->cpu.quantity * (once_in(g, 4) ? below(g, 2500) : below(g, 500));
    vm->load.mem_mb = vm->memory.size_mb * (40 + below(g, 60)) / 100;
    vm->load.n_samples = 60;
    vm->load.sampled_mono_ms = NOW_MONO_MS - below(g, 5000);
    vm->dirty_mbps = below(g, 50);
    vm->host_id = FIRST_HOST + MIN(a, b); /* the first hosts carry more */
    snapshot_builder_put_vm(g->builder, vm);
}

SnapshotBuilder *gen_park(uint64_t seed, uint32_t n_hosts, uint32_t n_vms,
                          struct sched_params *ret_params)
{
    struct gen g = { .builder = snapshot_builder_new() };
    Cluster *cluster;

    rng_seed(&g.rng, seed);
    add_cluster(&g);
    cluster = cluster_dup(snapshot_builder_get_cluster(g.builder, GEN_CLUSTER));
    cluster->drs.factor = DRS_FACTOR_BOTH;
    memset(cluster->drs.limen, 5, sizeof(cluster->drs.limen));
    snapshot_builder_put_cluster(g.builder, cluster);
    for (uint32_t i = 0; i < n_hosts; i++)
        park_host(&g);
    for (uint32_t i = 0; i < n_vms; i++)
        park_vm(&g);
    for (uint32_t i = 0; i < n_vms / 100; i++)
        add_rule(&g);
    set_params(&g, seed, ret_params);
    ret_params->link_mbps = 10000;
    return g.builder;
}
