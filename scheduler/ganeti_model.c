/* ganeti_model.c - see ganeti.h.  From Ganeti's records to our model. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "scheduler/ganeti.h"
#include "scheduler/ganeti_tags.h"

#define KBPS_PER_MBPS  1000
#define MHZ_PER_THREAD 1000

/* Of its vCPUs that an instance without figures is taken to need. */
#define ESTIMATE_PERMILLE 250

#define N_SAMPLES         60
#define WINDOW_MS         INT64_C(300000)

struct model {
    const Ganeti *g;
    const struct ganeti_unit *units;
    SnapshotBuilder *builder;
    int64_t n_groups, n_rules;
};

static int64_t cluster_of(const Ganeti *g, const struct ganeti_instance *instance)
{
    return (int64_t)g->nodes.items[instance->node].group + 1;
}

/* ---- clusters, hosts, VMs ------------------------------------------------------------------- */

static void put_cluster(const struct model *m, size_t i)
{
    Cluster *cluster = cluster_new();

    cluster->id = (int64_t)i + 1;
    text_set(&cluster->name, m->g->groups.items[i].name);
    text_set(&cluster->tag, m->g->groups.items[i].uuid);
    cluster->drs.enabled = true;
    cluster->vcpus_per_thread = MAX((int64_t)m->g->groups.items[i].vcpu_ratio, 1);
    snapshot_builder_put_cluster(m->builder, cluster);
}

/* Memory of mirrored instances, by secondary and primary node. */
struct mirrored_mb {
    uint32_t secondary, primary;
    int64_t mb;
};
VEC_DECLARE(mirrored_mbs, struct mirrored_mb);

static int mirrored_cmp(const void *a, const void *b)
{
    const struct mirrored_mb *x = a, *y = b;
    int diff = (x->secondary > y->secondary) - (x->secondary < y->secondary);

    return diff != 0 ? diff : (x->primary > y->primary) - (x->primary < y->primary);
}

static struct mirrored_mbs list_mirrored(const Ganeti *g)
{
    struct mirrored_mbs list = { 0 };

    for (size_t i = 0; i < g->instances.len; i++) {
        const struct ganeti_instance *it = &g->instances.items[i];

        if (it->secondary != GANETI_NO_NODE && it->auto_balance)
            mirrored_mbs_push(&list, (struct mirrored_mb){ it->secondary, it->node, it->mem_mb });
    }
    if (list.len > 1)
        qsort(list.items, list.len, sizeof(*list.items), mirrored_cmp);
    return list;
}

/* What each node keeps free for the worst death of another. */
static int64_t *reserved_mb(const Ganeti *g)
{
    int64_t *mb = g_new0(int64_t, g->nodes.len + 1), sum = 0;
    struct mirrored_mbs list = list_mirrored(g);

    for (size_t i = 0; i < list.len; i++) {
        bool same = i > 0 && mirrored_cmp(&list.items[i - 1], &list.items[i]) == 0;
        int64_t *most = &mb[list.items[i].secondary];

        sum = (same ? sum : 0) + list.items[i].mb;
        *most = MAX(*most, sum);
    }
    mirrored_mbs_clear(&list);
    return mb;
}

/* What the node can carry, by node: free memory and its running instances, less those that are
 * down but start there again, and less what is reserved and free. */
static int64_t *carried_mb(const Ganeti *g)
{
    int64_t *mb = g_new0(int64_t, g->nodes.len + 1);
    g_autofree int64_t *reserved = reserved_mb(g);

    for (size_t i = 0; i < g->nodes.len; i++) {
        const int64_t free_mb = g->nodes.items[i].free_mem_mb;

        mb[i] = free_mb - CLAMP(free_mb, 0, reserved[i]);
    }
    for (size_t i = 0; i < g->instances.len; i++) {
        const struct ganeti_instance *it = &g->instances.items[i];

        if (it->status == VM_RUNNING)
            mb[it->node] += it->mem_mb;
        else if (it->holds_memory)
            mb[it->node] -= it->mem_mb;
    }
    return mb;
}

static void put_host(const struct model *m, size_t i, int64_t mem_mb)
{
    const struct ganeti_node *node = &m->g->nodes.items[i];
    Host *host = host_new();

    host->id = (int64_t)i + 1;
    text_set(&host->name, node->name);
    g_free(host->rack);
    host->rack = ganeti_tags_location(m->g, node);
    host->cluster_id = (int64_t)node->group + 1;
    host->maintaining = node->offline;
    host->mem_mb = MAX(mem_mb, 0);
    host->mem_is_guests = true; /* the node's own memory is a figure of the file */
    host->cpu_threads = node->threads;
    host->cpu_mhz = (int64_t)(node->speed * MHZ_PER_THREAD + 0.5);
    host->net_mbps = m->g->uplink_mbps;
    host->status = HOST_NORMAL;
    host->connected = true;
    host->seen_mono_ms = GANETI_NOW_MONO_MS;
    snapshot_builder_put_host(m->builder, host);
}

static bool is_measured(const struct model *m, const struct ganeti_instance *it,
                        enum ganeti_load load)
{
    return it->has_load && m->units[load].size > 0;
}

static void set_load(const struct model *m, const struct ganeti_instance *it, struct load *load)
{
    load->cpu_mhz = it->vcpus * MHZ_PER_THREAD * ESTIMATE_PERMILLE / 1000;
    load->mem_mb = it->mem_mb;
    if (is_measured(m, it, GANETI_CPU))
        load->cpu_mhz =
            (int64_t)(MIN(it->load[GANETI_CPU] * m->units[GANETI_CPU].size, 1e6) * MHZ_PER_THREAD +
                      0.5);
    if (is_measured(m, it, GANETI_MEM))
        load->mem_mb = (int64_t)MIN(it->load[GANETI_MEM] * m->units[GANETI_MEM].size + 0.5,
                                    (double)it->mem_mb);
    if (it->has_load) /* 1.0: all that a node's uplinks carry */
        load->net_kbps =
            (int64_t)(MIN(it->net_load, 1e3) * (double)(m->g->uplink_mbps * KBPS_PER_MBPS) + 0.5);
    load->last_cpu_mhz = load->cpu_mhz;
    load->last_mem_mb = load->mem_mb;
    load->sampled_mono_ms = GANETI_NOW_MONO_MS;
    load->window_ms = WINDOW_MS;
    load->n_samples = N_SAMPLES;
}

static void put_vm(const struct model *m, size_t i)
{
    const struct ganeti_instance *it = &m->g->instances.items[i];
    Vm *vm = vm_new();

    vm->id = (int64_t)i + 1;
    text_set(&vm->name, it->name);
    vm->cluster_id = cluster_of(m->g, it);
    vm->host_id = (int64_t)it->node + 1;
    vm->binding_host = it->local_disk;
    vm->cpu.quantity = it->vcpus;
    vm->memory.size_mb = it->mem_mb;
    vm->memory.held_mb = it->status != VM_RUNNING && it->holds_memory ? it->mem_mb : 0;
    vm->status = it->status;
    vm->host_reported = true;
    vm->enable_ha = true;
    if (it->status == VM_RUNNING)
        set_load(m, it, &vm->load);
    snapshot_builder_put_vm(m->builder, vm);
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* A VM under a heading: an exclusion tag, or a pair of nodes. */
struct member {
    int64_t cluster_id;
    const char *tag; /* slice of the instance's tags */
    size_t tag_len;
    uint32_t low, high; /* nodes */
    int64_t vm_id;
};
VEC_DECLARE(members, struct member);

static int int_cmp(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int heading_cmp(const struct member *a, const struct member *b)
{
    int diff = int_cmp(a->cluster_id, b->cluster_id);

    if (diff == 0 && a->tag_len > 0 && b->tag_len > 0)
        diff = memcmp(a->tag, b->tag, MIN(a->tag_len, b->tag_len));
    if (diff == 0)
        diff = int_cmp((int64_t)a->tag_len, (int64_t)b->tag_len);
    if (diff == 0)
        diff = int_cmp(a->low, b->low);
    return diff != 0 ? diff : int_cmp(a->high, b->high);
}

static int member_cmp(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int diff = heading_cmp(x, y);

    return diff != 0 ? diff : int_cmp(x->vm_id, y->vm_id);
}

static Rule *new_rule(struct model *m, const struct member *heading, enum rule_type type)
{
    Rule *rule = rule_new();

    rule->id = ++m->n_rules;
    rule->cluster_id = heading->cluster_id;
    rule->type = type;
    rule->strength = RULE_MUST;
    return rule;
}

/* The different VM ids of a run of members, ascending. */
static int64_t *vm_ids(const struct member *run, size_t n, size_t *ret_n)
{
    int64_t *ids = g_new0(int64_t, n);
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != run[i].vm_id)
            ids[kept++] = run[i].vm_id;
    }
    *ret_n = kept;
    return ids;
}

/* The same over racks, if it can be had. */
static void put_apart_racks(struct model *m, const struct member *run, const Rule *apart)
{
    Rule *rule = new_rule(m, run, RULE_APART);

    rule->strength = RULE_SHOULD;
    rule->domain = FAULT_DOMAIN_RACK;
    g_free(rule->name);
    rule->name = g_strdup_printf("%s over locations", apart->name);
    rule->vms = g_memdup2(apart->vms, apart->n_vms * sizeof(*apart->vms));
    rule->n_vms = apart->n_vms;
    snapshot_builder_put_rule(m->builder, rule);
}

static void put_apart(struct model *m, const struct member *run, size_t n)
{
    size_t n_ids;
    g_autofree int64_t *ids = vm_ids(run, n, &n_ids);
    Rule *rule;

    if (n_ids < 2)
        return;
    rule = new_rule(m, run, RULE_APART);
    g_free(rule->name);
    rule->name = g_strndup(run->tag, run->tag_len);
    rule->vms = g_steal_pointer(&ids);
    rule->n_vms = n_ids;
    if (ganeti_tags_has_locations(m->g))
        put_apart_racks(m, run, rule);
    snapshot_builder_put_rule(m->builder, rule);
}

static int64_t put_group(struct model *m, const Rule *rule, enum group_type type, int64_t *members,
                         size_t n)
{
    Group *group = group_new();

    group->id = ++m->n_groups;
    group->cluster_id = rule->cluster_id;
    group->type = type;
    text_set(&group->name, rule->name);
    group->members = members;
    group->n_members = n;
    snapshot_builder_put_group(m->builder, group);
    return group->id;
}

static void put_pair(struct model *m, const struct member *run, size_t n)
{
    const int64_t hosts[] = { (int64_t)run->low + 1, (int64_t)run->high + 1 };
    size_t n_ids;
    int64_t *ids = vm_ids(run, n, &n_ids);
    Rule *rule = new_rule(m, run, RULE_VM_HOST);

    g_free(rule->name);
    rule->name = g_strdup_printf("drbd %s %s", m->g->nodes.items[run->low].name,
                                 m->g->nodes.items[run->high].name);
    rule->vm_group_id = put_group(m, rule, GROUP_VM, ids, n_ids);
    rule->host_group_id =
        put_group(m, rule, GROUP_HOST, g_memdup2(hosts, sizeof(hosts)), G_N_ELEMENTS(hosts));
    snapshot_builder_put_rule(m->builder, rule);
}

/* One rule for each run of members with the same heading. */
static void put_runs(struct model *m, struct members *all,
                     void (*put)(struct model *m, const struct member *run, size_t n))
{
    if (all->len > 1)
        qsort(all->items, all->len, sizeof(*all->items), member_cmp);
    for (size_t i = 0, end; i < all->len; i = end) {
        for (end = i + 1; end < all->len; end++) {
            if (heading_cmp(&all->items[i], &all->items[end]) != 0)
                break;
        }
        put(m, &all->items[i], end - i);
    }
    members_clear(all);
}

bool ganeti_is_exclusion(const Ganeti *ganeti, const char *tag, size_t len)
{
    for (guint i = 0; i < ganeti->exclusion->len; i++) {
        const char *prefix = ganeti->exclusion->pdata[i];

        if (len >= strlen(prefix) && memcmp(tag, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

static void add_tags(const Ganeti *g, size_t i, struct members *all)
{
    const struct ganeti_instance *it = &g->instances.items[i];

    for (const char *tag = it->tags; tag && *tag != '\0';) {
        size_t len = strcspn(tag, ",");
        struct member member = {
            .cluster_id = cluster_of(g, it), .tag = tag, .tag_len = len, .vm_id = (int64_t)i + 1
        };

        if (len > 0 && ganeti_is_exclusion(g, tag, len))
            members_push(all, member);
        tag += tag[len] == ',' ? len + 1 : len;
    }
}

static void put_rules(struct model *m)
{
    const Ganeti *g = m->g;
    struct members tagged = { 0 }, mirrored = { 0 };

    for (size_t i = 0; i < g->instances.len; i++) {
        const struct ganeti_instance *it = &g->instances.items[i];
        struct member member = { .cluster_id = cluster_of(g, it), .vm_id = (int64_t)i + 1 };

        add_tags(g, i, &tagged);
        if (it->secondary == GANETI_NO_NODE)
            continue;
        member.low = MIN(it->node, it->secondary);
        member.high = MAX(it->node, it->secondary);
        members_push(&mirrored, member);
    }
    put_runs(m, &tagged, put_apart);
    put_runs(m, &mirrored, put_pair);
}

/* ---- entry ---------------------------------------------------------------------------------- */

Snapshot *ganeti_snapshot(const Ganeti *ganeti, const struct ganeti_unit *units)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autofree int64_t *carried = carried_mb(ganeti);
    struct model m = { .g = ganeti, .units = units, .builder = builder };

    for (size_t i = 0; i < ganeti->groups.len; i++)
        put_cluster(&m, i);
    for (size_t i = 0; i < ganeti->nodes.len; i++)
        put_host(&m, i, carried[i]);
    for (size_t i = 0; i < ganeti->instances.len; i++)
        put_vm(&m, i);
    put_rules(&m);
    ganeti_tags_put(&(struct ganeti_tags){ ganeti, builder, m.n_groups, m.n_rules });
    return snapshot_builder_build(builder, GANETI_NOW_MONO_MS);
}
