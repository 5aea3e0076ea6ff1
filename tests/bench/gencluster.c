/* gencluster.c - made-up clusters of any size, the same for the same seed on every machine.
 *
 *     gencluster HOSTS VMS SEED PREFIX
 *
 * writes PREFIX.data and PREFIX.load (Ganeti's text forms, for hbal -t, -U) and PREFIX.json (a VRM
 * snapshot with the same placement and load, and with the rules that Ganeti doesn't know).
 *
 * What they are like: three sizes of hosts; one host in ten was just added and is empty, one in ten
 * is hot: filled first, and with busy VMs.  Few sizes of VMs, most of them small; most of them idle
 * most of the time, one in twenty busy.  One VM in fifty must stay apart from one to five others,
 * one in a hundred with others, one in a hundred is tied to some hosts. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "model/snapshot.h"
#include "model/snapshot_json.h"

#define MAX_HOSTS      2048
#define MAX_VMS        200000

#define NOW_MS         INT64_C(1000000)
#define MHZ_PER_THREAD 1000
#define OWN_PERCENT    6  /* of a host's memory for its own system */
#define NORMAL_FILL    88 /* percent of the rest that VMs may have */
#define HOT_FILL       95
#define UNIT_THREADS   64.0 /* what 1.0 is worth in the load file */
#define UNIT_MIB       524288.0
#define UNIT_KBPS      25e6
#define BUSY_ONE_IN    20
#define HOT_ONE_IN     10
#define TRIES          400

enum mood {
    NORMAL,
    EMPTY,
    HOT
};

struct host {
    int64_t threads, mem_mb, own_mb, used_mb;
    enum mood mood;
};

struct vm {
    int64_t vcpus, mem_mb, cpu_mhz, active_mb, net_kbps, dirty_mbps;
    bool busy;
    uint32_t host;
    uint32_t apart; /* rule, 0: none */
};

struct rule {
    enum rule_type type;
    bool must;
    uint32_t first, n; /* slice of order */
};

struct park {
    struct rng rng;
    uint32_t n_hosts, n_vms, n_rules;
    struct host *hosts;
    struct vm *vms;
    uint32_t *order; /* VMs in random order */
    struct rule *rules;
    uint64_t seed;
};

static uint32_t below(struct park *p, uint32_t bound)
{
    return rng_below(&p->rng, bound);
}

/* Uniform in [0, 1). */
static double fraction(struct park *p)
{
    return (double)(rng_next(&p->rng) >> 11) / (double)(UINT64_C(1) << 53);
}

static void shuffle(struct park *p, uint32_t *items, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = below(p, i), kept = items[i - 1];

        items[i - 1] = items[j];
        items[j] = kept;
    }
}

static uint32_t *shuffled(struct park *p, uint32_t n)
{
    uint32_t *items = g_new0(uint32_t, n + 1);

    for (uint32_t i = 0; i < n; i++)
        items[i] = i;
    shuffle(p, items, n);
    return items;
}

/* ---- hosts and VMs -------------------------------------------------------------------------- */

static void make_hosts(struct park *p)
{
    static const uint32_t weights[] = { 45, 40, 15 };
    static const struct {
        int64_t threads, gib;
    } big[] = { { 96, 768 }, { 64, 512 }, { 128, 1024 } },
      small[] = { { 24, 128 }, { 16, 96 }, { 32, 192 } };
    const bool is_big = p->n_vms / p->n_hosts >= 25;
    const uint32_t n_odd = MAX(p->n_hosts / HOT_ONE_IN, 1);
    g_autofree uint32_t *order = shuffled(p, p->n_hosts);

    for (uint32_t i = 0; i < p->n_hosts; i++) {
        uint32_t x = below(p, 100), t = 0;
        struct host *host = &p->hosts[order[i]];

        while (t < 2 && x >= weights[t])
            x -= weights[t++];
        host->threads = is_big ? big[t].threads : small[t].threads;
        host->mem_mb = (is_big ? big[t].gib : small[t].gib) * 1024;
        host->own_mb = host->mem_mb * OWN_PERCENT / 100;
        host->mood = i < n_odd ? EMPTY : i < 2 * n_odd ? HOT : NORMAL;
    }
}

/* Of its vCPUs that a VM uses.  One draw a statement: the order within an expression is the
 * compiler's. */
static double draw_use(struct park *p, bool busy)
{
    double use = fraction(p);

    if (!busy) /* mean about 1/6 */
        return use * use * use * use * 0.85;
    for (int i = 0; i < 2; i++) { /* the highest of three: mean 3/4 */
        double other = fraction(p);

        use = MAX(use, other);
    }
    return use;
}

static void make_vm(struct park *p, struct vm *vm)
{
    static const struct {
        int64_t vcpus, gib;
        uint32_t weight; /* of 1000 */
    } sizes[] = {
        { 1, 1, 145 }, { 1, 2, 165 },  { 2, 2, 85 },  { 2, 4, 205 }, { 2, 8, 85 },
        { 4, 4, 30 },  { 4, 8, 125 },  { 4, 16, 60 }, { 8, 8, 10 },  { 8, 16, 50 },
        { 8, 32, 20 }, { 16, 32, 12 }, { 16, 64, 8 },
    };
    uint32_t x = below(p, 1000), s = 0;

    while (s + 1 < G_N_ELEMENTS(sizes) && x >= sizes[s].weight)
        x -= sizes[s++].weight;
    vm->vcpus = sizes[s].vcpus;
    vm->mem_mb = sizes[s].gib * 1024;
    vm->busy = below(p, BUSY_ONE_IN) == 0;
    vm->cpu_mhz = (int64_t)(draw_use(p, vm->busy) * (double)(vm->vcpus * MHZ_PER_THREAD));
    vm->active_mb = vm->mem_mb * (20 + below(p, 76)) / 100;
    vm->net_kbps = 1000 + below(p, 1000);
    vm->net_kbps <<= below(p, 10);
    vm->dirty_mbps = 1 + below(p, 8);
    vm->dirty_mbps <<= below(p, 7);
}

static bool has_room(const struct host *host, int64_t mem_mb)
{
    const int64_t fill = host->mood == EMPTY ? 0 : host->mood == HOT ? HOT_FILL : NORMAL_FILL;

    return host->used_mb + mem_mb <= (host->mem_mb - host->own_mb) * fill / 100;
}

/* A random host of this mood with room, after some tries any that has it. */
static uint32_t find_host(struct park *p, enum mood mood, int64_t mem_mb)
{
    uint32_t best = 0;

    for (int i = 0; i < TRIES; i++) {
        uint32_t h = below(p, p->n_hosts);

        if ((p->hosts[h].mood == mood || i > TRIES / 2) && has_room(&p->hosts[h], mem_mb))
            return h;
    }
    for (uint32_t h = 1; h < p->n_hosts; h++) {
        const struct host *a = &p->hosts[h], *b = &p->hosts[best];

        if (a->mem_mb - a->own_mb - a->used_mb > b->mem_mb - b->own_mb - b->used_mb)
            best = h;
    }
    return best;
}

static void place(struct park *p, uint32_t v)
{
    struct vm *vm = &p->vms[v];
    const bool hot = (vm->busy && below(p, 100) < 55) || below(p, 100) < 11;

    vm->host = find_host(p, hot ? HOT : NORMAL, vm->mem_mb);
    p->hosts[vm->host].used_mb += vm->mem_mb;
}

/* Busy VMs choose first. */
static void place_all(struct park *p)
{
    for (int busy = 1; busy >= 0; busy--) {
        for (uint32_t i = 0; i < p->n_vms; i++) {
            if (p->vms[p->order[i]].busy == (busy == 1))
                place(p, p->order[i]);
        }
    }
}

static uint32_t make_rules(struct park *p, uint32_t from, enum rule_type type, uint32_t n_vms,
                           uint32_t most)
{
    uint32_t at = from;

    while (at < from + n_vms && at + most < p->n_vms) {
        struct rule rule = { .type = type, .first = at };

        rule.must = type == RULE_APART || below(p, 3) == 0;
        rule.n = 2 + below(p, most - 1);
        for (uint32_t i = 0; i < rule.n && type == RULE_APART; i++)
            p->vms[p->order[at + i]].apart = p->n_rules + 1;
        p->rules[p->n_rules++] = rule;
        at += rule.n;
    }
    return at;
}

static void make_park(struct park *p)
{
    uint32_t at;

    rng_seed(&p->rng, p->seed);
    make_hosts(p);
    for (uint32_t v = 0; v < p->n_vms; v++)
        make_vm(p, &p->vms[v]);
    p->order = shuffled(p, p->n_vms);
    place_all(p);
    shuffle(p, p->order, p->n_vms);
    at = make_rules(p, 0, RULE_APART, p->n_vms / 50, 6);
    at = make_rules(p, at, RULE_TOGETHER, p->n_vms / 100, 4);
    (void)make_rules(p, at, RULE_VM_HOST, p->n_vms / 100, 8);
}

/* ---- Ganeti's forms ------------------------------------------------------------------------- */

static void write_file(const char *prefix, const char *suffix, GString *text)
{
    g_autofree char *path = g_strconcat(prefix, suffix, NULL);
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents(path, text->str, (gssize)text->len, &error)) {
        fprintf(stderr, "gencluster: %s\n", error->message);
        exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    }
    g_string_free(text, TRUE);
}

static void write_data(const struct park *p, const char *prefix)
{
    static const char policy[] =
        "|128,1,1024,1,1,1|128,1,1024,1,1,1;1048576,64,10485760,16,8,64|ext|8.0|64.0\n";
    GString *out = g_string_new("group-01|uuid-01|preferred||\n\n");

    for (uint32_t i = 0; i < p->n_hosts; i++) {
        const struct host *h = &p->hosts[i];

        g_string_append_printf(out,
                               "h%04u|%" PRId64 "|%" PRId64 "|%" PRId64 "|1000000|1000000|%" PRId64
                               "|%c|uuid-01|%" PRId64 "\n",
                               i, h->mem_mb, h->own_mb, h->mem_mb - h->own_mb - h->used_mb,
                               h->threads, i == 0 ? 'M' : 'N', h->threads);
    }
    g_string_append(out, "\n");
    for (uint32_t i = 0; i < p->n_vms; i++) {
        const struct vm *v = &p->vms[i];

        g_string_append_printf(out, "v%05u|%" PRId64 "|10240|%" PRId64 "|running|Y|h%04u||ext|", i,
                               v->mem_mb, v->vcpus, v->host);
        if (v->apart > 0)
            g_string_append_printf(out, "apart:r%u", v->apart);
        g_string_append(out, "|1\n");
    }
    g_string_append_printf(out, "\nhtools:iextags:apart\n\n%sgroup-01%s", policy, policy);
    write_file(prefix, ".data", out);
}

static void write_load(const struct park *p, const char *prefix)
{
    GString *out = g_string_new(NULL);

    for (uint32_t i = 0; i < p->n_vms; i++) {
        const struct vm *v = &p->vms[i];

        g_string_append_printf(out, "v%05u %.7f %.7f %.7f %.7f\n", i,
                               (double)v->cpu_mhz / MHZ_PER_THREAD / UNIT_THREADS,
                               (double)v->active_mb / UNIT_MIB, 0.0,
                               (double)v->net_kbps / UNIT_KBPS);
    }
    write_file(prefix, ".load", out);
}

/* ---- our form ------------------------------------------------------------------------------- */

static void set_name(char **name, char *value)
{
    g_free(*name);
    *name = value;
}

static void put_host(const struct park *p, SnapshotBuilder *builder, uint32_t i)
{
    Host *host = host_new();

    host->id = i + 1;
    set_name(&host->name, g_strdup_printf("h%04u", i));
    host->cluster_id = 1;
    host->mem_mb = p->hosts[i].mem_mb;
    host->cpu_threads = p->hosts[i].threads;
    host->cpu_mhz = MHZ_PER_THREAD;
    host->status = HOST_NORMAL;
    host->connected = true;
    host->seen_mono_ms = NOW_MS;
    snapshot_builder_put_host(builder, host);
}

static void put_vm(const struct park *p, SnapshotBuilder *builder, uint32_t i)
{
    const struct vm *from = &p->vms[i];
    Vm *vm = vm_new();

    vm->id = i + 1;
    set_name(&vm->name, g_strdup_printf("v%05u", i));
    vm->cluster_id = 1;
    vm->host_id = from->host + 1;
    vm->cpu.quantity = from->vcpus;
    vm->memory.size_mb = from->mem_mb;
    vm->status = VM_RUNNING;
    vm->host_reported = true;
    vm->enable_ha = true;
    vm->dirty_mbps = from->dirty_mbps;
    vm->load = (struct load){ .cpu_mhz = from->cpu_mhz,
                              .mem_mb = from->active_mb,
                              .net_kbps = from->net_kbps,
                              .last_cpu_mhz = from->cpu_mhz,
                              .last_mem_mb = from->active_mb,
                              .sampled_mono_ms = NOW_MS,
                              .window_ms = 300000,
                              .n_samples = 60 };
    snapshot_builder_put_vm(builder, vm);
}

static int64_t *members(const struct park *p, const struct rule *rule)
{
    int64_t *ids = g_new0(int64_t, rule->n);

    for (uint32_t i = 0; i < rule->n; i++)
        ids[i] = p->order[rule->first + i] + 1;
    qsort(ids, rule->n, sizeof(*ids), id_cmp);
    return ids;
}

static void put_group(SnapshotBuilder *builder, int64_t id, enum group_type type, int64_t *ids,
                      size_t n)
{
    Group *group = group_new();

    group->id = id;
    group->cluster_id = 1;
    set_name(&group->name, g_strdup_printf("g%u", (uint32_t)id));
    group->type = type;
    group->members = ids;
    group->n_members = n;
    snapshot_builder_put_group(builder, group);
}

static void put_rule(const struct park *p, SnapshotBuilder *builder, uint32_t r)
{
    const struct rule *from = &p->rules[r];
    Rule *rule = rule_new();

    rule->id = r + 1;
    rule->cluster_id = 1;
    set_name(&rule->name, g_strdup_printf("r%u", r + 1));
    rule->type = from->type;
    rule->strength = from->must ? RULE_MUST : RULE_SHOULD;
    if (from->type == RULE_VM_HOST) { /* every eighth host */
        size_t n = 0;
        int64_t *hosts = g_new0(int64_t, p->n_hosts);

        for (uint32_t h = r % 8; h < p->n_hosts; h += 8)
            hosts[n++] = h + 1;
        rule->vm_group_id = 2 * rule->id;
        rule->host_group_id = 2 * rule->id + 1;
        put_group(builder, rule->vm_group_id, GROUP_VM, members(p, from), from->n);
        put_group(builder, rule->host_group_id, GROUP_HOST, hosts, n);
    } else {
        rule->vms = members(p, from);
        rule->n_vms = from->n;
    }
    snapshot_builder_put_rule(builder, rule);
}

static void write_json(const struct park *p, const char *prefix)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) snap = NULL;
    g_autofree char *text = NULL;
    Cluster *cluster = cluster_new();

    cluster->id = 1;
    g_free(cluster->name);
    cluster->name = g_strdup("group-01");
    cluster->drs.enabled = true;
    snapshot_builder_put_cluster(builder, cluster);
    for (uint32_t i = 0; i < p->n_hosts; i++)
        put_host(p, builder, i);
    for (uint32_t i = 0; i < p->n_vms; i++)
        put_vm(p, builder, i);
    for (uint32_t r = 0; r < p->n_rules; r++)
        put_rule(p, builder, r);
    snap = snapshot_builder_build(builder, NOW_MS);
    text = snapshot_json_write(snap, 0);
    write_file(prefix, ".json", g_string_new(text));
}

/* ---- entry ---------------------------------------------------------------------------------- */

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    char *end;

    *ret = g_ascii_strtoull(text, &end, 10);
    return g_ascii_isdigit(*text) && *end == '\0' && *ret >= min && *ret <= max;
}

int main(int argc, char **argv)
{
    struct park p = { 0 };
    uint64_t hosts, vms;

    if (argc != 5 || !number(argv[1], 2, MAX_HOSTS, &hosts) || !number(argv[2], 1, MAX_VMS, &vms) ||
        !number(argv[3], 0, UINT64_MAX, &p.seed)) {
        fprintf(stderr, "usage: gencluster HOSTS VMS SEED PREFIX   (2..%d hosts, 1..%d VMs)\n",
                MAX_HOSTS, MAX_VMS);
        return EXIT_FAILURE;
    }
    p.n_hosts = (uint32_t)hosts;
    p.n_vms = (uint32_t)vms;
    p.hosts = g_new0(struct host, p.n_hosts);
    p.vms = g_new0(struct vm, p.n_vms);
    p.rules = g_new0(struct rule, p.n_vms + 1);
    make_park(&p);
    write_data(&p, argv[4]);
    write_load(&p, argv[4]);
    write_json(&p, argv[4]);
    g_free(p.hosts);
    g_free(p.vms);
    g_free(p.rules);
    g_free(p.order);
    return EXIT_SUCCESS;
}
