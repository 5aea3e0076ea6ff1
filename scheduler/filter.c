/* filter.c - see filter.h.  Each filter: a predicate without side effects and the words for a "no";
 * words are only made when a person asks. */
#include "config.h"

#include "scheduler/filter.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/devices.h"
#include "model/reason.h"
#include "scheduler/layout.h"

/* ---- state of the host ---------------------------------------------------------------------- */

static bool state_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)vm;
    return l->problem->host_filter[host] != FILTER_HOST_STATE;
}

static char *state_text(const Layout *l, uint32_t vm, uint32_t host)
{
    const Host *it = l->problem->host[host];

    (void)vm;
    if (!it->connected)
        return g_strdup("its agent is not connected");
    if (it->status != HOST_NORMAL)
        return g_strdup_printf("its status is %s", host_status_name(it->status));
    if (it->ha_closed)
        return g_strdup_printf("HA starts nothing there while it is %s", it->ha_state);
    return g_strdup_printf("its facts are not known yet (%" PRId64 " threads, %" PRId64 " MiB)",
                           it->cpu_threads, it->mem_mb);
}

static bool maintenance_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)vm;
    return l->problem->host_filter[host] != FILTER_HOST_MAINTENANCE;
}

static char *maintenance_text(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)vm;
    return g_strdup(l->problem->host[host]->maintaining ? "in maintenance" : "is being emptied");
}

static bool failover_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)vm;
    return l->problem->host_filter[host] != FILTER_FAILOVER_HOST;
}

static char *failover_text(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)l, (void)vm, (void)host;
    return g_strdup("is kept free for fail-over by the cluster's HA policy");
}

static bool cluster_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    int64_t cluster_id = l->problem->vm[vm]->cluster_id;

    return cluster_id == 0 || cluster_id == l->problem->host[host]->cluster_id;
}

static char *cluster_text(const Layout *l, uint32_t vm, uint32_t host)
{
    const Cluster *its = snapshot_cluster(l->problem->snap, l->problem->vm[vm]->cluster_id);

    (void)host;
    return g_strdup_printf("is in cluster %s, the VM belongs to %s", l->problem->cluster->name,
                           its ? its->name : "another");
}

/* ---- the VM is tied to a host --------------------------------------------------------------- */

static bool is_own_host(const Layout *l, uint32_t vm, uint32_t host)
{
    int64_t own = l->problem->vm[vm]->host_id;

    return own == 0 || own == l->problem->host[host]->id;
}

static const char *own_host_name(const Layout *l, uint32_t vm)
{
    const Host *own = snapshot_host(l->problem->snap, l->problem->vm[vm]->host_id);

    return own ? own->name : "a host that is gone";
}

static bool bound_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return !l->problem->vm[vm]->binding_host || is_own_host(l, vm, host);
}

static char *bound_text(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)host;
    return g_strdup_printf("the VM is bound to %s", own_host_name(l, vm));
}

static bool disk_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return is_own_host(l, vm, host) || !problem_has_local_disk(l->problem, vm);
}

static char *disk_text(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)host;
    return g_strdup_printf("a disk of the VM is on local storage of %s", own_host_name(l, vm));
}

/* Without vrm-hald nobody there can keep a right to run; who has disks nowhere else needs none. */
static bool right_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return !l->problem->host[host]->no_rights ||
           snapshot_is_local(l->problem->snap, l->problem->vm[vm]);
}

static char *right_text(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)l, (void)vm, (void)host;
    return g_strdup(
        "vrm-hald does not answer there, and a VM with shared disks starts only where it can"
        " keep the right to run it");
}

/* The datastore of the VM that the host cannot use now; 0: none. */
static int64_t lost_store(const Layout *l, uint32_t vm, uint32_t host)
{
    const Vm *it = l->problem->vm[vm];

    for (size_t i = 0; i < it->n_disks; i++)
        if (host_lacks_store(l->problem->host[host], it->disks[i].datastore_id))
            return it->disks[i].datastore_id;
    return 0;
}

static bool store_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return lost_store(l, vm, host) == 0;
}

static char *store_text(const Layout *l, uint32_t vm, uint32_t host)
{
    const Datastore *store = snapshot_datastore(l->problem->snap, lost_store(l, vm, host));

    return g_strdup_printf("the host has lost the VM's datastore %s", store ? store->name : "?");
}

/* A passed-through device has state that no migration can read. */
static bool holds_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    (void)host;
    return !devfit_needs(l->problem->devices, vm) || l->at[vm] == NO_INDEX;
}

static char *devices_of(const char *text)
{
    g_autoptr(Devices) devices = devices_parse(text, NULL);

    return devices ? devices_text(devices) : g_strdup(text);
}

static char *holds_text(const Layout *l, uint32_t vm, uint32_t host)
{
    g_autofree char *its = devices_of(l->problem->vm[vm]->devices);

    (void)host;
    return g_strdup_printf("the VM holds %s of %s, which cannot migrate; stop it first", its,
                           l->problem->host[l->at[vm]]->name);
}

/* ---- CPU ------------------------------------------------------------------------------------ */

static int64_t vcpus_of(const Layout *l, uint32_t vm)
{
    return l->problem->vm_part[BOUNDED_VCPUS][vm];
}

static bool threads_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return vcpus_of(l, vm) <= l->problem->host[host]->cpu_threads;
}

static char *threads_text(const Layout *l, uint32_t vm, uint32_t host)
{
    return g_strdup_printf("needs %" PRId64 " vCPUs, has %" PRId64 " threads", vcpus_of(l, vm),
                           l->problem->host[host]->cpu_threads);
}

static bool ratio_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return l->part[BOUNDED_VCPUS][host] + vcpus_of(l, vm) <=
           l->problem->host_bound[BOUNDED_VCPUS][host];
}

static char *ratio_text(const Layout *l, uint32_t vm, uint32_t host)
{
    return g_strdup_printf("would have %" PRId64 " vCPUs on %" PRId64 " threads, at most %" PRId64,
                           l->part[BOUNDED_VCPUS][host] + vcpus_of(l, vm),
                           l->problem->host[host]->cpu_threads,
                           l->problem->host_bound[BOUNDED_VCPUS][host]);
}

static bool reservation_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    int64_t wanted = l->problem->vm_reserved[vm];

    return wanted == 0 || l->reserved[host] + wanted <= l->problem->host_cap[RES_CPU][host];
}

static char *reservation_text(const Layout *l, uint32_t vm, uint32_t host)
{
    int64_t left = l->problem->host_cap[RES_CPU][host] - l->reserved[host];

    return g_strdup_printf("needs %" PRId64 " MHz reserved, %" PRId64 " MHz not yet reserved",
                           l->problem->vm_reserved[vm], MAX(left, 0));
}

/* False for a move that only shifts the overload: the target would be over its capacity and no
 * better off than the source is left. */
static bool load_ok(const Layout *l, enum resource res, uint32_t vm, uint32_t host)
{
    const Problem *p = l->problem;
    int64_t cap = p->host_cap[res][host], use = p->vm_use[res][vm];
    int64_t after = l->used[res][host] + use;
    uint32_t from = l->at[vm];

    if (after <= cap || from == NO_INDEX || !problem_usable(p, from))
        return true;
    return after * LOAD_ONE / cap < (l->used[res][from] - use) * LOAD_ONE / p->host_cap[res][from];
}

static bool overload_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return load_ok(l, RES_CPU, vm, host);
}

static char *overload_text(const Layout *l, uint32_t vm, uint32_t host)
{
    return g_strdup_printf("would have %" PRId64 " MHz of demand for %" PRId64 " MHz",
                           l->used[RES_CPU][host] + l->problem->vm_use[RES_CPU][vm],
                           l->problem->host_cap[RES_CPU][host]);
}

static bool model_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return cpufit_ok(l->problem->cpus, vm, host);
}

static char *model_text(const Layout *l, uint32_t vm, uint32_t host)
{
    const Problem *p = l->problem;

    return cpufit_trouble(p->snap, p->cluster, p->vm[vm], p->host[host]);
}

/* ---- memory --------------------------------------------------------------------------------- */

static bool memory_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return l->committed[host] + l->problem->vm_size[vm] <= l->problem->host_mem_limit[host];
}

static char *memory_text(const Layout *l, uint32_t vm, uint32_t host)
{
    int64_t left = l->problem->host_mem_limit[host] - l->committed[host];

    return g_strdup_printf("needs %" PRId64 " MiB, %" PRId64 " MiB free", l->problem->vm_size[vm],
                           MAX(left, 0));
}

/* Of overcommitted memory the reserved part must be there for real. */
static bool mem_reservation_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    int64_t wanted = l->problem->vm_mem_reserved[vm];

    return wanted == 0 || l->mem_reserved[host] + wanted <= l->problem->host_cap[RES_MEM][host];
}

static char *mem_reservation_text(const Layout *l, uint32_t vm, uint32_t host)
{
    int64_t left = l->problem->host_cap[RES_MEM][host] - l->mem_reserved[host];

    return g_strdup_printf("needs %" PRId64 " MiB reserved, %" PRId64 " MiB not yet reserved",
                           l->problem->vm_mem_reserved[vm], MAX(left, 0));
}

static bool mem_overload_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return !l->problem->cluster->mem_overcommit || load_ok(l, RES_MEM, vm, host);
}

static char *mem_overload_text(const Layout *l, uint32_t vm, uint32_t host)
{
    return g_strdup_printf("its VMs would touch %" PRId64 " MiB of %" PRId64 " MiB",
                           l->used[RES_MEM][host] + l->problem->vm_use[RES_MEM][vm],
                           l->problem->host_cap[RES_MEM][host]);
}

/* ---- network and devices -------------------------------------------------------------------- */

/* As load_ok. */
static bool network_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    const Problem *p = l->problem;
    const int64_t *bound = p->host_bound[BOUNDED_NET], *part = l->part[BOUNDED_NET];
    int64_t use = p->vm_part[BOUNDED_NET][vm], after = part[host] + use;
    uint32_t from = l->at[vm];

    if (after <= bound[host] || use == 0 || from == NO_INDEX || !problem_usable(p, from))
        return true;
    if (bound[from] == NO_BOUND)
        return false;
    return after * LOAD_ONE / bound[host] < (part[from] - use) * LOAD_ONE / bound[from];
}

static char *network_text(const Layout *l, uint32_t vm, uint32_t host)
{
    return g_strdup_printf("would have %" PRId64 " kbit/s of traffic for %" PRId64 " kbit/s",
                           l->part[BOUNDED_NET][host] + l->problem->vm_part[BOUNDED_NET][vm],
                           l->problem->host_bound[BOUNDED_NET][host]);
}

static bool devices_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return !devfit_lack(l->problem->devices, l->devices, vm, host);
}

static char *lack_text(const Layout *l, uint32_t vm, uint32_t host)
{
    const DevFit *fit = l->problem->devices;
    const struct devfit_need *need = devfit_lack(fit, l->devices, vm, host);
    size_t at = (size_t)need->kind * fit->n_hosts + host;

    if (fit->has[at] == 0)
        return g_strdup_printf("needs %" PRId64 " of %s, has none", need->count,
                               fit->names[need->kind]);
    return g_strdup_printf("needs %" PRId64 " of %s, %" PRId64 " of %" PRId64 " free", need->count,
                           fit->names[need->kind], MAX(fit->has[at] - l->devices[at], 0),
                           fit->has[at]);
}

/* ---- rules ---------------------------------------------------------------------------------- */

typedef bool (*rule_ok_fn)(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host);

/* First must-rule of the VM that a host breaks, NO_INDEX if none. */
static uint32_t first_broken(const Layout *l, uint32_t vm, uint32_t host, rule_ok_fn ok)
{
    const Ruleset *set = l->problem->rules;

    for (uint32_t i = set->vm_first[vm]; i < set->vm_first[vm + 1]; i++) {
        uint32_t r = set->vm_rules[i];

        if (set->rules[r].must && !ok(l, r, vm, host))
            return r;
    }
    return NO_INDEX;
}

/* Another member of the rule: on `host` (or in its rack), or on any if host is NO_INDEX. */
static uint32_t other_member(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host)
{
    const Ruleset *set = l->problem->rules;

    for (uint32_t i = 0; i < set->rules[rule].n; i++) {
        uint32_t member = set->members[set->rules[rule].first + i];

        if (member == vm || l->at[member] == NO_INDEX)
            continue;
        if (host == NO_INDEX || problem_domain(l->problem, rule, l->at[member]) ==
                                    problem_domain(l->problem, rule, host))
            return member;
    }
    return NO_INDEX;
}

static const char *rule_name(const Layout *l, uint32_t rule)
{
    return l->problem->rules->rules[rule].rule->name;
}

static bool together_rule_ok(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host)
{
    if (l->problem->rules->rules[rule].rule->type != RULE_TOGETHER)
        return true;
    return layout_others(l, rule, vm, host) > 0 || other_member(l, rule, vm, NO_INDEX) == NO_INDEX;
}

static bool together_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return first_broken(l, vm, host, together_rule_ok) == NO_INDEX;
}

static char *together_text(const Layout *l, uint32_t vm, uint32_t host)
{
    uint32_t rule = first_broken(l, vm, host, together_rule_ok);
    uint32_t other = other_member(l, rule, vm, NO_INDEX);

    return g_strdup_printf("keep-together '%s' wants it with %s on %s", rule_name(l, rule),
                           l->problem->vm[other]->name, l->problem->host[l->at[other]]->name);
}

/* A VM that is leaving is still there until its migration ends. */
static uint32_t leaving_member(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host)
{
    const Problem *p = l->problem;
    const Ruleset *set = p->rules;

    for (size_t g = 0; g < p->ghosts.len; g++) {
        const struct problem_ghost *ghost = &p->ghosts.items[g];

        if (problem_domain(p, rule, ghost->host) != problem_domain(p, rule, host) ||
            ghost->vm == vm)
            continue;
        for (uint32_t i = 0; i < set->rules[rule].n; i++) {
            if (set->members[set->rules[rule].first + i] == ghost->vm)
                return ghost->vm;
        }
    }
    return NO_INDEX;
}

static bool apart_rule_ok(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host)
{
    return l->problem->rules->rules[rule].rule->type != RULE_APART ||
           layout_others(l, rule, vm, host) == 0;
}

static bool apart_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return first_broken(l, vm, host, apart_rule_ok) == NO_INDEX;
}

static bool left_rule_ok(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host)
{
    return l->problem->rules->rules[rule].rule->type != RULE_APART ||
           leaving_member(l, rule, vm, host) == NO_INDEX;
}

static bool left_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return l->problem->ghosts.len == 0 || first_broken(l, vm, host, left_rule_ok) == NO_INDEX;
}

static char *apart_text(const Layout *l, uint32_t vm, uint32_t host)
{
    uint32_t rule = first_broken(l, vm, host, apart_rule_ok);
    const bool is_there = rule != NO_INDEX;
    uint32_t other;

    if (is_there) {
        other = other_member(l, rule, vm, host);
    } else {
        rule = first_broken(l, vm, host, left_rule_ok);
        other = leaving_member(l, rule, vm, host);
    }
    if (l->problem->rules->rules[rule].by_rack && l->problem->host[host]->rack[0] != '\0')
        return g_strdup_printf("keep-apart '%s' over racks: %s %s rack %s", rule_name(l, rule),
                               l->problem->vm[other]->name, is_there ? "is in" : "is still leaving",
                               l->problem->host[host]->rack);
    return g_strdup_printf("keep-apart '%s': %s %s", rule_name(l, rule),
                           l->problem->vm[other]->name,
                           is_there ? "is there" : "is still leaving it");
}

static bool must_host_rule_ok(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host)
{
    const struct ruleset_rule *it = &l->problem->rules->rules[rule];

    (void)vm;
    return it->rule->type != RULE_VM_HOST || it->rule->strength != RULE_MUST ||
           ruleset_host_ok(l->problem->rules, it, host);
}

static bool must_host_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return first_broken(l, vm, host, must_host_rule_ok) == NO_INDEX;
}

static char *must_host_text(const Layout *l, uint32_t vm, uint32_t host)
{
    uint32_t rule = first_broken(l, vm, host, must_host_rule_ok);
    const Ruleset *set = l->problem->rules;
    GString *text = g_string_new(NULL);
    unsigned n = 0;

    g_string_printf(text, "rule '%s' allows only ", rule_name(l, rule));
    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        if (!ruleset_host_ok(set, &set->rules[rule], h))
            continue;
        if (++n > 5)
            break;
        g_string_append_printf(text, "%s%s", n > 1 ? ", " : "", l->problem->host[h]->name);
    }
    g_string_append(text, n == 0 ? "hosts that are not in this cluster" : n > 5 ? " ..." : "");
    return g_string_free(text, FALSE);
}

static bool must_not_rule_ok(const Layout *l, uint32_t rule, uint32_t vm, uint32_t host)
{
    const struct ruleset_rule *it = &l->problem->rules->rules[rule];

    (void)vm;
    return it->rule->type != RULE_VM_HOST || it->rule->strength != RULE_MUST_NOT ||
           ruleset_host_ok(l->problem->rules, it, host);
}

static bool must_not_ok(const Layout *l, uint32_t vm, uint32_t host)
{
    return first_broken(l, vm, host, must_not_rule_ok) == NO_INDEX;
}

static char *must_not_text(const Layout *l, uint32_t vm, uint32_t host)
{
    return g_strdup_printf("rule '%s' forbids this host",
                           rule_name(l, first_broken(l, vm, host, must_not_rule_ok)));
}

/* ---- the table ------------------------------------------------------------------------------ */

struct filter {
    enum filter_id id;
    int uses;
    const char *name;
    bool (*ok)(const Layout *l, uint32_t vm, uint32_t host);
    char *(*text)(const Layout *l, uint32_t vm, uint32_t host);
    int code, reason; /* when this is the answer to a person who named the host */
};

#define START  FILTER_USE_START
#define USER   FILTER_USE_USER
#define DRS    (FILTER_USE_DRS | FILTER_USE_BUNDLE)
#define DRAIN  FILTER_USE_DRAIN
#define STATIC FILTER_USE_STATIC
#define RULES  FILTER_USE_RULES
#define ALL    (START | USER | DRS | DRAIN)

/* In the order in which a person would look: what is broken about the host, then the VM's ties,
 * rules, and at last room. */
// clang-format off
static const struct filter filters[] = {
    { FILTER_HOST_STATE, ALL | STATIC, "host-state", state_ok, state_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_HOST_MAINTENANCE, ALL | STATIC, "host-maintenance", maintenance_ok, maintenance_text,
      VRM_ERR_CONFLICT, REASON_HOST_MAINTAINING },
    { FILTER_FAILOVER_HOST, ALL | STATIC, "failover-host", failover_ok, failover_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_HOST_CLUSTER, ALL | STATIC, "host-cluster", cluster_ok, cluster_text,
      VRM_ERR_CONFLICT, REASON_HOST_NOT_IN_CLUSTER },
    { FILTER_VM_BOUND, START | USER, "vm-bound", bound_ok, bound_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_LOCAL_DISK, START | USER, "local-disk", disk_ok, disk_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_NO_RIGHT, ALL | STATIC, "no-right", right_ok, right_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_DATASTORE, ALL | STATIC, "datastore", store_ok, store_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_VM_DEVICES, USER, "vm-devices", holds_ok, holds_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_CPU_MODEL, ALL | STATIC, "cpu-model", model_ok, model_text,
      VRM_ERR_CONFLICT, REASON_TARGET_UNFIT },
    { FILTER_RULE_MUST_HOST, ALL | STATIC, "rule-must-host", must_host_ok, must_host_text,
      VRM_ERR_CONFLICT, REASON_RULE_FORBIDS_MIGRATION },
    { FILTER_RULE_MUST_NOT_HOST, ALL | STATIC, "rule-must-not-host", must_not_ok, must_not_text,
      VRM_ERR_CONFLICT, REASON_RULE_FORBIDS_MIGRATION },
    { FILTER_RULE_TOGETHER, (ALL & ~FILTER_USE_BUNDLE) | RULES, "rule-together", together_ok, together_text,
      VRM_ERR_CONFLICT, REASON_RULE_FORBIDS_MIGRATION },
    { FILTER_RULE_APART, ALL | RULES, "rule-apart", apart_ok, apart_text,
      VRM_ERR_CONFLICT, REASON_RULE_FORBIDS_MIGRATION },
    { FILTER_RULE_APART, ALL | STATIC, "rule-apart", left_ok, apart_text,
      VRM_ERR_CONFLICT, REASON_RULE_FORBIDS_MIGRATION },
    { FILTER_MEMORY, ALL, "memory", memory_ok, memory_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_CPU_THREADS, ALL | STATIC, "cpu-threads", threads_ok, threads_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_CPU_RATIO, ALL, "cpu-ratio", ratio_ok, ratio_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_CPU_RESERVATION, ALL, "cpu-reservation", reservation_ok, reservation_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_MEM_RESERVATION, ALL, "memory-reservation", mem_reservation_ok, mem_reservation_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_DEVICES, ALL, "devices", devices_ok, lack_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_CPU_OVERLOAD, DRS, "cpu-overload", overload_ok, overload_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_MEM_OVERLOAD, DRS, "memory-overload", mem_overload_ok, mem_overload_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
    { FILTER_NETWORK, DRS, "network", network_ok, network_text,
      VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES },
};
// clang-format on

#undef START
#undef USER
#undef DRS
#undef DRAIN
#undef STATIC
#undef RULES
#undef ALL

static const struct filter *find_filter(enum filter_id id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
        if (filters[i].id == id)
            return &filters[i];
    }
    return NULL;
}

const char *filter_name(enum filter_id id)
{
    const struct filter *filter = find_filter(id);

    return filter ? filter->name : NULL;
}

/* What the VMs of a problem have at all. */
struct habits {
    bool reserves, foreign, no_rights, lost_stores;
    int64_t most_vcpus, least_threads;
};

static struct habits find_habits(const Problem *p)
{
    struct habits habits = { .least_threads = INT64_MAX };

    for (uint32_t v = 0; v < p->n_vms; v++) {
        int64_t cluster_id = p->vm[v]->cluster_id;

        habits.reserves = habits.reserves || p->vm_reserved[v] > 0;
        habits.foreign = habits.foreign || (cluster_id != 0 && cluster_id != p->cluster->id);
        habits.most_vcpus = MAX(habits.most_vcpus, p->vm_part[BOUNDED_VCPUS][v]);
    }
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        habits.least_threads = MIN(habits.least_threads, p->host[h]->cpu_threads);
        habits.no_rights = habits.no_rights || p->host[h]->no_rights;
        habits.lost_stores = habits.lost_stores || *p->host[h]->lost_stores;
    }
    return habits;
}

static bool has_must(const Problem *p, enum rule_type type, enum rule_strength strength)
{
    for (uint32_t r = 0; r < p->rules->n_rules; r++) {
        const struct ruleset_rule *rule = &p->rules->rules[r];

        if (rule->must && rule->rule->type == type && rule->rule->strength == strength)
            return true;
    }
    return false;
}

/* False if it cannot keep anybody from anywhere in this problem. */
static bool matters(const Problem *p, const struct habits *habits, enum filter_id id)
{
    switch (id) {
    case FILTER_HOST_CLUSTER:
        return habits->foreign;
    case FILTER_NO_RIGHT:
        return habits->no_rights;
    case FILTER_DATASTORE:
        return habits->lost_stores;
    case FILTER_VM_DEVICES:
    case FILTER_DEVICES:
        return p->devices != NULL;
    case FILTER_CPU_MODEL:
        return p->cpus != NULL;
    case FILTER_RULE_MUST_HOST:
        return has_must(p, RULE_VM_HOST, RULE_MUST);
    case FILTER_RULE_MUST_NOT_HOST:
        return has_must(p, RULE_VM_HOST, RULE_MUST_NOT);
    case FILTER_RULE_TOGETHER:
        return has_must(p, RULE_TOGETHER, RULE_MUST);
    case FILTER_RULE_APART:
        return has_must(p, RULE_APART, RULE_MUST);
    case FILTER_CPU_THREADS:
        return habits->most_vcpus > habits->least_threads;
    case FILTER_CPU_RATIO:
        return p->has_bound[BOUNDED_VCPUS];
    case FILTER_CPU_RESERVATION:
        return habits->reserves;
    case FILTER_MEM_RESERVATION:
    case FILTER_MEM_OVERLOAD:
        return p->cluster->mem_overcommit;
    case FILTER_NETWORK:
        return p->has_bound[BOUNDED_NET];
    case FILTER_NONE:
    case FILTER_HOST_STATE:
    case FILTER_HOST_MAINTENANCE:
    case FILTER_FAILOVER_HOST:
    case FILTER_VM_BOUND:
    case FILTER_LOCAL_DISK:
    case FILTER_CPU_OVERLOAD:
    case FILTER_MEMORY:
        break;
    }
    return true;
}

static bool is_about_state(enum filter_id id)
{
    return id == FILTER_HOST_STATE || id == FILTER_HOST_MAINTENANCE || id == FILTER_FAILOVER_HOST;
}

G_STATIC_ASSERT(G_N_ELEMENTS(filters) <= MAX_FILTERS);

void filter_prepare(const Problem *problem, struct filter_lists *ret_lists)
{
    struct habits habits = find_habits(problem);

    *ret_lists = (struct filter_lists){ 0 };
    for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
        if (!matters(problem, &habits, filters[i].id))
            continue;
        for (int use = 0; use < N_FILTER_USES; use++) {
            if ((filters[i].uses >> use & 1) == 0)
                continue;
            ret_lists->at[use][ret_lists->n[use]++] = (uint8_t)i;
            if (is_about_state(filters[i].id)) /* they stand first */
                ret_lists->n_state[use]++;
        }
    }
}

enum filter_id filter_first(const Layout *layout, uint32_t vm, uint32_t host, enum filter_use use)
{
    const struct filter_lists *lists = &layout->filters;
    const int bit = __builtin_ctz((unsigned)use);
    const bool usable = problem_usable(layout->problem, host);

    for (unsigned i = usable ? lists->n_state[bit] : 0; i < lists->n[bit]; i++) {
        const struct filter *filter = &filters[lists->at[bit][i]];

        if (!filter->ok(layout, vm, host))
            return filter->id;
    }
    return FILTER_NONE;
}

char *filter_text(const Layout *layout, uint32_t vm, uint32_t host, enum filter_id id)
{
    const struct filter *filter = find_filter(id);
    g_autofree char *why = filter ? filter->text(layout, vm, host) : g_strdup("it fits");

    return g_strdup_printf("%s: %s", layout->problem->host[host]->name, why);
}

void filter_error(enum filter_id id, int *ret_code, int *ret_reason)
{
    const struct filter *filter = find_filter(id);

    *ret_code = filter ? filter->code : VRM_ERR_INTERNAL;
    *ret_reason = filter ? filter->reason : REASON_FAILED;
}
