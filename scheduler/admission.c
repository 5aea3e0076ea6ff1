/* admission.c - see admission.h. */
#include "config.h"

#include "scheduler/admission.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/filter.h"
#include "scheduler/losstext.h"
#include "scheduler/refit.h"
#include "scheduler/whatif.h"

#define MAX_PERCENT 100

static Layout *new_layout(const Problem *problem)
{
    const struct layout_price free_moves = { 0 };

    return layout_new(problem, &free_moves);
}

/* As after a failure: fail-over hosts take VMs. */
static Problem *open_problem(const Snapshot *snap, int64_t cluster_id,
                             const struct sched_params *params, GError **error)
{
    Problem *problem = problem_new(snap, cluster_id, params, 0, error);

    if (problem)
        problem_open_failover(problem);
    return problem;
}

/* ---- if host X died now --------------------------------------------------------------------- */

void host_losses_free(HostLosses *losses)
{
    if (!losses)
        return;
    for (size_t i = 0; i < losses->n_items; i++) {
        struct host_loss *loss = &losses->items[i];

        for (uint32_t v = 0; loss->vms && v < loss->n_vms; v++) {
            g_free(loss->vms[v].vm_name);
            g_free(loss->vms[v].to_name);
            g_free(loss->vms[v].text);
        }
        g_free(loss->vms);
        g_free(loss->host_name);
        g_free(loss->text);
    }
    g_free(losses->items);
    g_free(losses);
}

static void fill_loss(Layout *l, uint32_t host, struct host_loss *loss)
{
    struct refit refit = refit_try(l, &host, 1, NULL);
    struct refit_why why;

    *loss = (struct host_loss){
        .host_id = l->problem->host[host]->id,
        .host_name = g_strdup(l->problem->host[host]->name),
        .n_vms = refit.n_vms,
        .n_unguarded = refit.n_unguarded,
        .n_tied = refit.n_tied,
        .n_lost = refit.n_lost,
        .lost_mb = refit.lost_mb,
        .text = losstext_host(l, host, &refit, &why),
    };
}

bool admission_host_losses(const Snapshot *snap, int64_t cluster_id,
                           const struct sched_params *params, HostLosses **ret_losses,
                           GError **error)
{
    g_autoptr(Problem) problem = open_problem(snap, cluster_id, params, error);
    g_autoptr(Layout) layout = NULL;
    HostLosses *losses;

    if (!problem)
        return false;
    layout = new_layout(problem);
    losses = g_new0(HostLosses, 1);
    losses->items = g_new0(struct host_loss, problem->n_hosts + 1);
    for (uint32_t h = 0; h < problem->n_hosts; h++) {
        if (!problem_usable(problem, h))
            continue;
        fill_loss(layout, h, &losses->items[losses->n_items]);
        losses->n_bad += losses->items[losses->n_items++].n_lost > 0 ? 1 : 0;
    }
    *ret_losses = losses;
    return true;
}

static const char *end_word(enum refit_end end)
{
    switch (end) {
    case REFIT_RESTARTS:
        return "restarts";
    case REFIT_LOST:
        return "lost";
    case REFIT_TIED:
        return "tied";
    case REFIT_UNGUARDED:
        return "withoutHa";
    }
    return "";
}

static void fill_fates(Layout *l, uint32_t host, struct host_loss *loss)
{
    const Problem *p = l->problem;
    struct refit_fates fates = { 0 };

    refit_fates_of(l, host, &fates);
    loss->vms = g_new0(struct vm_fate, fates.len + 1);
    for (size_t i = 0; i < fates.len; i++) {
        const struct refit_fate *fate = &fates.items[i];
        const Host *to = fate->to != NO_INDEX ? p->host[fate->to] : NULL;

        loss->vms[i] = (struct vm_fate){ .vm_id = p->vm[fate->vm]->id,
                                         .mem_mb = p->vm_size[fate->vm],
                                         .vm_name = g_strdup(p->vm[fate->vm]->name),
                                         .end = end_word(fate->end),
                                         .to_id = to ? to->id : 0,
                                         .to_name = g_strdup(to ? to->name : ""),
                                         .text = g_strdup(fate->text ? fate->text : "") };
    }
    refit_fates_free(&fates);
}

/* NO_INDEX and an error unless it is one of the cluster's. */
static uint32_t find_named(const Problem *p, int64_t host_id, GError **error)
{
    uint32_t h = problem_find_host(p, host_id);
    const Host *host = snapshot_host(p->snap, host_id);

    if (h == NO_INDEX && host)
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_NOT_IN_CLUSTER, "host",
                       "host %s is not in cluster %s", host->name, p->cluster->name);
    else if (h == NO_INDEX)
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, "host",
                       "there is no host %" PRId64, host_id);
    return h;
}

bool admission_host_fates(const Snapshot *snap, int64_t cluster_id, int64_t host_id,
                          const struct sched_params *params, HostLosses **ret_losses,
                          GError **error)
{
    g_autoptr(Problem) problem = open_problem(snap, cluster_id, params, error);
    g_autoptr(Layout) layout = NULL;
    uint32_t only = NO_INDEX;
    HostLosses *losses;

    if (!problem)
        return false;
    if (host_id != 0) {
        only = find_named(problem, host_id, error);
        if (only == NO_INDEX)
            return false;
    }
    layout = new_layout(problem);
    losses = g_new0(HostLosses, 1);
    losses->items = g_new0(struct host_loss, problem->n_hosts + 1);
    for (uint32_t h = 0; h < problem->n_hosts; h++) {
        struct host_loss *loss = &losses->items[losses->n_items];

        if (only != NO_INDEX && h != only)
            continue;
        fill_loss(layout, h, loss);
        fill_fates(layout, h, loss);
        losses->n_bad += loss->n_lost > 0 ? 1 : 0;
        losses->n_items++;
    }
    *ret_losses = losses;
    return true;
}

/* ---- n hosts die ---------------------------------------------------------------------------- */

/* The first of all hosts whose death leaves VMs without a place; NO_INDEX: none. */
static uint32_t find_single(Layout *l, struct refit *ret_refit)
{
    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        if (!problem_usable(l->problem, h))
            continue;
        *ret_refit = refit_try(l, &h, 1, NULL);
        if (ret_refit->n_lost > 0)
            return h;
    }
    return NO_INDEX;
}

/* The n hardest hosts at once, by both ways of measuring; if not, also why. */
static bool bears_hardest(Layout *l, uint32_t n, struct refit *ret_refit, struct refit_why *ret_why)
{
    g_autofree uint32_t *hosts = g_new0(uint32_t, n + 1);

    for (int by_size = 0; by_size <= 1; by_size++) {
        uint32_t found = refit_hardest(l, n, by_size == 1, hosts);

        *ret_refit = refit_try(l, hosts, found, NULL);
        if (ret_refit->n_lost == 0)
            continue;
        refit_why(l, hosts, found, NULL, ret_why);
        return false;
    }
    return true;
}

/* What is missing when hosts may not die; the VM is the first that is lost. */
struct lack {
    char *text;
    uint32_t vm;
    bool room, rules; /* as in struct refit_why */
};

static void set_lack(struct lack *lack, const struct refit *refit, const struct refit_why *why)
{
    lack->vm = refit->first_lost;
    lack->room = why->room;
    lack->rules = why->rules;
}

/* May any n hosts die?  For one each host is tried, for more the hardest ones. */
static bool bears(Layout *l, uint32_t n, struct lack *ret_lack)
{
    struct refit refit;
    struct refit_why why;
    uint32_t host;

    if (n == 0)
        return true;
    host = find_single(l, &refit);
    if (host != NO_INDEX) {
        g_autofree char *text = losstext_host(l, host, &refit, &why);

        ret_lack->text = g_strdup_printf("if %s died, %s", l->problem->host[host]->name, text);
        set_lack(ret_lack, &refit, &why);
        return false;
    }
    if (n == 1 || bears_hardest(l, n, &refit, &why))
        return true;
    ret_lack->text = g_strdup_printf(
        "if the %u hosts that are hardest to replace died, %u of their %u VMs "
        "would be lost (%" PRId64 " MiB), %s first%s%s",
        n, refit.n_lost, refit.n_vms, refit.lost_mb, l->problem->vm[refit.first_lost]->name,
        why.room ? "" : ": ", why.room ? "" : why.text);
    set_lack(ret_lack, &refit, &why);
    g_free(why.text);
    return false;
}

/* ---- what would be right -------------------------------------------------------------------- */

static char *failures_remedy(Layout *l, uint32_t n, const struct lack *lack)
{
    const char *name = l->problem->vm[lack->vm]->name;

    for (uint32_t fewer = n; fewer-- > 1;) {
        struct lack ignored = { 0 };
        bool held = bears(l, fewer, &ignored);

        g_free(ignored.text);
        if (held)
            return g_strdup_printf("add a host or stop VMs; hostsFaultQuantity %u would hold",
                                   fewer);
    }
    if (lack->room)
        return g_strdup("add a host, stop VMs, or make room on the other hosts");
    if (lack->rules)
        return g_strdup_printf("change the rule so that another host may take %s, make it a "
                               "should-rule, or switch HA off for %s",
                               name, name);
    return g_strdup_printf("add a host that can take %s, or switch HA off for it", name);
}

/* The most that could be kept: "; memoryReservation 30 would hold". */
static void append_share(GString *text, const char *field, int64_t used, int64_t all)
{
    int64_t share = all > 0 ? MAX_PERCENT - (used * MAX_PERCENT + all - 1) / all : 0;

    if (share > 0)
        g_string_append_printf(text, "; %s %" PRId64 " would hold", field, share);
}

struct percent_sums {
    int64_t mem, mem_used, mem_may, cpu, cpu_used, cpu_may;
};

static char *percent_remedy(const struct percent_sums *sum)
{
    GString *text = g_string_new("add a host");

    if (sum->mem_used > sum->mem_may) {
        g_string_append_printf(text, ", or stop VMs of %" PRId64 " MiB",
                               sum->mem_used - sum->mem_may);
        append_share(text, "memoryReservation", sum->mem_used, sum->mem);
    }
    if (sum->cpu_used > sum->cpu_may) {
        g_string_append_printf(text, ", or reserve %" PRId64 " MHz less",
                               sum->cpu_used - sum->cpu_may);
        append_share(text, "cpuReservation", sum->cpu_used, sum->cpu);
    }
    return g_string_free(text, FALSE);
}

/* ---- policies ------------------------------------------------------------------------------- */

static char *check_failures(Layout *l, uint32_t n, struct admission_verdict *v)
{
    struct lack lack = { 0 };

    v->holds = bears(l, n, &lack);
    v->text = lack.text;
    if (!v->holds)
        return failures_remedy(l, n, &lack);
    v->text = g_strdup_printf("%u host%s may die and every VM with HA has a place elsewhere", n,
                              n == 1 ? "" : "s");
    return NULL;
}

static int64_t kept(int64_t all, int64_t percent)
{
    return all * (MAX_PERCENT - CLAMP(percent, 0, MAX_PERCENT)) / MAX_PERCENT;
}

static char *check_percent(const Layout *l, const struct ha_policy *ha, struct admission_verdict *v)
{
    const Problem *p = l->problem;
    struct percent_sums sum = { 0 };

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (!problem_usable(p, h))
            continue;
        sum.mem += p->host_cap[RES_MEM][h];
        sum.cpu += p->host_cap[RES_CPU][h];
        sum.mem_used += l->committed[h];
        sum.cpu_used += l->reserved[h];
    }
    sum.mem_may = kept(sum.mem, ha->mem_reservation);
    sum.cpu_may = kept(sum.cpu, ha->cpu_reservation);
    v->holds = sum.mem_used <= sum.mem_may && sum.cpu_used <= sum.cpu_may;
    v->text =
        g_strdup_printf("%" PRId64 " %% of memory and %" PRId64
                        " %% of CPU are kept for failures: VMs have %" PRId64 " of the %" PRId64
                        " MiB left for them, and reserve %" PRId64 " of the %" PRId64 " MHz",
                        ha->mem_reservation, ha->cpu_reservation, sum.mem_used, sum.mem_may,
                        sum.cpu_used, sum.cpu_may);
    return v->holds ? NULL : percent_remedy(&sum);
}

static int64_t slots_of_host(const Problem *p, uint32_t h, const struct ha_policy *ha)
{
    return MIN(p->host_cap[RES_CPU][h] / MAX(ha->slot_cpu_mhz, 1),
               p->host_cap[RES_MEM][h] / MAX(ha->slot_mem_mb, 1));
}

/* Slots of a size that the user chose: all but the n hosts with the most must suffice. */
static char *check_slots(const Layout *l, const struct ha_policy *ha, struct admission_verdict *v)
{
    const Problem *p = l->problem;
    const uint32_t n = (uint32_t)CLAMP(ha->hosts_fault_quantity, 0, (int64_t)p->n_hosts);
    g_autofree uint32_t *hosts = g_new0(uint32_t, n + 1);
    uint32_t n_dead = refit_hardest(l, n, true, hosts);
    int64_t have = 0, need = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++)
        have += problem_usable(p, h) ? slots_of_host(p, h, ha) : 0;
    for (uint32_t i = 0; i < n_dead; i++)
        have -= slots_of_host(p, hosts[i], ha);
    for (uint32_t vm = 0; vm < p->n_vms; vm++) {
        int64_t mem = MAX(ha->slot_mem_mb, 1), cpu = MAX(ha->slot_cpu_mhz, 1);

        if (l->at[vm] != NO_INDEX && p->vm[vm]->enable_ha)
            need +=
                MAX(MAX((p->vm_size[vm] + mem - 1) / mem, (p->vm_reserved[vm] + cpu - 1) / cpu), 1);
    }
    v->holds = need <= have;
    v->text = g_strdup_printf("VMs with HA need %" PRId64 " slots of %" PRId64 " MHz and %" PRId64
                              " MiB, %" PRId64 " are left without the %u biggest hosts",
                              need, ha->slot_cpu_mhz, ha->slot_mem_mb, have, n);
    return v->holds ? NULL
                    : g_strdup_printf("%" PRId64 " slots are missing: add a host, stop VMs, or "
                                      "lower hostsFaultQuantity",
                                      need - have);
}

static uint32_t mark_failover(const Problem *p, const struct ha_policy *ha, bool *allowed)
{
    uint32_t n = 0;

    for (size_t i = 0; i < ha->n_failover_hosts; i++) {
        uint32_t h = problem_find_host(p, ha->failover_hosts[i]);

        if (h == NO_INDEX || !problem_usable(p, h) || allowed[h])
            continue;
        allowed[h] = true;
        n++;
    }
    return n;
}

/* Dedicated hosts: each other host's VMs must fit on them alone. */
static char *check_hosts(Layout *l, const struct ha_policy *ha, struct admission_verdict *v)
{
    const Problem *p = l->problem;
    g_autofree bool *allowed = g_new0(bool, p->n_hosts + 1);
    uint32_t n_allowed = mark_failover(p, ha, allowed);

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        struct refit refit;
        struct refit_why why;

        if (allowed[h] || !problem_usable(p, h))
            continue;
        refit = refit_try(l, &h, 1, allowed);
        if (refit.n_lost == 0)
            continue;
        refit_why(l, &h, 1, allowed, &why);
        v->text = g_strdup_printf(
            "if %s died, %u of its %u VMs (%" PRId64
            " MiB) would not fit on the %u usable fail-over hosts, %s first%s%s",
            p->host[h]->name, refit.n_lost, refit.n_vms, refit.lost_mb, n_allowed,
            p->vm[refit.first_lost]->name, why.room ? "" : ": ", why.room ? "" : why.text);
        g_free(why.text);
        return g_strdup_printf("add a fail-over host, or have %" PRId64 " MiB fewer of VMs on %s",
                               refit.lost_mb, p->host[h]->name);
    }
    v->holds = true;
    v->text = g_strdup_printf("the VMs of any host fit on the %u fail-over hosts", n_allowed);
    return NULL;
}

bool admission_is_wanted(const Cluster *cluster)
{
    return cluster->ha.enabled && cluster->ha.control_policy_on;
}

static char *check_policy(Layout *l, const struct ha_policy *ha, struct admission_verdict *v)
{
    switch (ha->control_policy) {
    case HA_POLICY_PERCENT:
        return check_percent(l, ha, v);
    case HA_POLICY_HOSTS:
        return check_hosts(l, ha, v);
    default: /* HA_POLICY_FAILURES; the API lets no other number in */
        if (ha->custom_slot)
            return check_slots(l, ha, v);
        return check_failures(l, (uint32_t)CLAMP(ha->hosts_fault_quantity, 0, PROBLEM_MAX_HOSTS),
                              v);
    }
}

void admission_check_layout(Layout *l, int failures, struct admission_verdict *v, char **ret_remedy)
{
    const Cluster *cluster = l->problem->cluster;
    char *remedy = NULL;

    *v = (struct admission_verdict){ .wanted = failures >= 0 || admission_is_wanted(cluster) };
    if (failures >= 0) {
        remedy = check_failures(l, (uint32_t)failures, v);
    } else if (v->wanted) {
        remedy = check_policy(l, &cluster->ha, v);
    } else {
        v->holds = true;
        v->text = g_strdup(cluster->ha.enabled ? "HA admission control is switched off"
                                               : "HA is switched off");
    }
    *ret_remedy = remedy ? remedy : g_strdup("");
}

bool admission_check(const Snapshot *snap, int64_t cluster_id, int failures,
                     const struct sched_params *params, struct admission_verdict *ret_verdict,
                     GError **error)
{
    g_autoptr(Problem) problem = open_problem(snap, cluster_id, params, error);
    g_autoptr(Layout) layout = NULL;
    g_autofree char *remedy = NULL;

    if (!problem)
        return false;
    layout = new_layout(problem);
    admission_check_layout(layout, failures, ret_verdict, &remedy);
    return true;
}

/* ---- may it grow? --------------------------------------------------------------------------- */

bool admission_check_growth(const Snapshot *snap, const Vm *grown,
                            const struct sched_params *params, GError **error)
{
    const Cluster *cluster = snapshot_cluster(snap, grown->cluster_id);
    g_autoptr(SnapshotBuilder) builder = NULL;
    g_autoptr(Snapshot) after = NULL;
    g_autoptr(Problem) problem = NULL;
    g_autoptr(Layout) layout = NULL;
    struct admission_verdict verdict;
    g_autofree char *remedy = NULL, *text = NULL;

    if (!cluster || !admission_is_wanted(cluster))
        return true;
    builder = whatif_builder(snap);
    snapshot_builder_put_vm(builder, vm_dup(grown));
    after = snapshot_builder_build(builder, snap->taken_mono_ms);
    problem = open_problem(after, cluster->id, params, error);
    if (!problem)
        return false;
    layout = new_layout(problem);
    admission_check_layout(layout, -1, &verdict, &remedy);
    text = verdict.text;
    if (!verdict.holds)
        err_set_reason(error, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES, NULL,
                       "%s cannot be given more: the HA policy of cluster %s would not hold: %s; "
                       "what would be right: %s",
                       grown->name, cluster->name, text, remedy);
    return verdict.holds;
}

/* ---- how many more -------------------------------------------------------------------------- */

struct room {
    Layout *layout;
    const uint32_t *vms; /* the VMs that are added, in this order */
    uint32_t *pos;       /* where each went */
    uint32_t n;
    int64_t *demand_mhz; /* by host; NULL: it does not count */
};

/* At most so many fit on the hosts by memory and vCPUs alone. */
static uint32_t upper_bound(const Layout *l, const struct admission_size *size)
{
    const Problem *p = l->problem;
    int64_t sum = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        int64_t room = p->host_mem_limit[h] - l->committed[h];

        if (problem_usable(p, h) && !problem_kept_free(p, h) && room > 0)
            sum += room / size->mem_mb;
    }
    return (uint32_t)MIN(sum, ADMISSION_MAX_MORE);
}

/* The cluster with n VMs more; they stand on its first host until somebody places them. */
static Snapshot *with_more(const Snapshot *snap, const Problem *p,
                           const struct admission_size *size, uint32_t n)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);
    int64_t last = snap->n_vms > 0 ? snap->vms[snap->n_vms - 1]->id : 0;

    for (uint32_t i = 0; i < n; i++) {
        Vm *vm = vm_new();

        vm->id = last + 1 + i;
        g_free(vm->name);
        vm->name = g_strdup_printf("new%u", i + 1);
        vm->cluster_id = p->cluster->id;
        vm->host_id = p->host[0]->id;
        vm->status = VM_RUNNING;
        vm->enable_ha = true;
        vm->cpu.quantity = size->vcpus;
        vm->cpu.reservation_mhz = size->reserved_mhz;
        vm->memory.size_mb = size->mem_mb;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, snap->taken_mono_ms);
}

/* What VMs want, not what they are entitled to: with so many more that is less for everybody. */
static int64_t *sum_demand(const Layout *l)
{
    const Problem *p = l->problem;
    int64_t *sum = g_new0(int64_t, p->n_hosts + 1);

    for (uint32_t v = 0; v < p->n_vms; v++) {
        if (l->at[v] != NO_INDEX)
            sum[l->at[v]] += p->vm_demand[RES_CPU][v];
    }
    return sum;
}

static bool is_cool(const struct room *r, uint32_t vm, uint32_t host)
{
    const Problem *p = r->layout->problem;

    return r->demand_mhz[host] + p->vm_demand[RES_CPU][vm] <= p->host_cap[RES_CPU][host];
}

/* The emptiest host that takes the VM, or the fullest. */
static uint32_t find_host(const struct room *r, uint32_t vm, bool emptiest)
{
    const Layout *l = r->layout;
    const Problem *p = l->problem;
    uint32_t best = NO_INDEX;
    int64_t best_room = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        int64_t room = p->host_mem_limit[h] - l->committed[h];

        if (best != NO_INDEX && (emptiest ? room <= best_room : room >= best_room))
            continue;
        if (problem_kept_free(p, h)) /* open for the failures only */
            continue;
        if (r->demand_mhz && !is_cool(r, vm, h))
            continue;
        if (filter_first(l, vm, h, FILTER_USE_START) != FILTER_NONE)
            continue;
        best = h;
        best_room = room;
    }
    return best;
}

/* Places the new VMs one by one while there is room. */
static uint32_t place_more(struct room *room, bool emptiest)
{
    for (uint32_t i = 0; i < room->n; i++)
        layout_move(room->layout, room->vms[i], NO_INDEX);
    for (uint32_t i = 0; i < room->n; i++) {
        room->pos[i] = find_host(room, room->vms[i], emptiest);
        if (room->pos[i] == NO_INDEX)
            return i;
        layout_move(room->layout, room->vms[i], room->pos[i]);
        if (room->demand_mhz)
            room->demand_mhz[room->pos[i]] +=
                room->layout->problem->vm_demand[RES_CPU][room->vms[i]];
    }
    return room->n;
}

/* The same as long as no host has more CPU demand than CPU. */
static uint32_t place_cool(const struct room *room, bool emptiest)
{
    g_autofree int64_t *demand = NULL;
    struct room cool = *room;

    for (uint32_t i = 0; i < room->n; i++)
        layout_move(room->layout, room->vms[i], NO_INDEX);
    demand = sum_demand(room->layout);
    cool.demand_mhz = demand;
    return place_more(&cool, emptiest);
}

/* The first k where they were placed, the others nowhere. */
static void set_more(const struct room *room, uint32_t k, uint32_t placed)
{
    for (uint32_t i = 0; i < placed; i++)
        layout_move(room->layout, room->vms[i], i < k ? room->pos[i] : NO_INDEX);
}

/* What the roomiest host has against the VM. */
static char *end_text(const Layout *l, uint32_t vm)
{
    const Problem *p = l->problem;
    g_autofree char *why = NULL;
    uint32_t best = NO_INDEX;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (!problem_usable(p, h) || problem_kept_free(p, h))
            continue;
        if (best == NO_INDEX ||
            p->host_mem_limit[h] - l->committed[h] > p->host_mem_limit[best] - l->committed[best])
            best = h;
    }
    if (best == NO_INDEX)
        return g_strdup("no host takes another one: none can be used");
    why = filter_text(l, vm, best, filter_first(l, vm, best, FILTER_USE_START));
    return g_strdup_printf("no host takes another one: %s", why);
}

/* The greatest number with which the failures are borne, and what stands against one more. */
static uint32_t search_secure(const struct room *room, uint32_t placed, uint32_t failures,
                              char **ret_text)
{
    uint32_t low = 0, high = placed; /* low is borne, or 0 */
    struct lack lack = { 0 };

    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        struct lack ignored = { 0 };

        set_more(room, middle, placed);
        if (bears(room->layout, failures, &ignored))
            low = middle;
        else
            high = middle - 1;
        g_free(ignored.text);
    }
    set_more(room, MIN(low + 1, placed), placed);
    if (low < placed && !bears(room->layout, failures, &lack)) {
        *ret_text = lack.text;
        return low;
    }
    if (placed < room->n)
        *ret_text = end_text(room->layout, room->vms[placed]);
    else if (placed < ADMISSION_MAX_MORE)
        *ret_text = g_strdup_printf("no host takes another one: none has %" PRId64 " MiB left",
                                    room->layout->problem->vm_size[room->vms[0]]);
    else
        *ret_text = g_strdup_printf("counting ends at %d", ADMISSION_MAX_MORE);
    return low;
}

/* Spread, the new VMs leave the others' reserve to few hosts; packed, they may need less of it. */
static void measure_room(const Snapshot *more, const Problem *base, uint32_t n, uint32_t failures,
                         struct admission_room *ret_room)
{
    g_autoptr(Problem) p =
        open_problem(more, base->cluster->id, &base->params, NULL); /* as base could be made */
    g_autoptr(Layout) layout = new_layout(p);
    g_autofree uint32_t *vms = g_new0(uint32_t, n + 1);
    g_autofree uint32_t *pos = g_new0(uint32_t, n + 1);
    struct room room = { .layout = layout, .vms = vms, .pos = pos, .n = n };

    for (uint32_t i = 0; i < n; i++)
        vms[i] = p->n_vms - n + i; /* the highest ids */
    ret_room->new_mhz = p->vm_demand[RES_CPU][vms[0]];
    for (int emptiest = 1; emptiest >= 0; emptiest--) {
        uint32_t placed = place_more(&room, emptiest == 1), secure;
        g_autofree char *text = NULL;

        secure = search_secure(&room, placed, failures, &text);
        ret_room->n_now = MAX(ret_room->n_now, placed);
        ret_room->n_cool = MAX(ret_room->n_cool, place_cool(&room, emptiest == 1));
        if (ret_room->text && secure <= ret_room->n_secure)
            continue;
        ret_room->n_secure = secure;
        g_free(ret_room->text);
        ret_room->text = g_steal_pointer(&text);
    }
}

bool admission_room(const Snapshot *snap, int64_t cluster_id, const struct admission_size *size,
                    const struct sched_params *params, struct admission_room *ret_room,
                    GError **error)
{
    g_autoptr(Problem) base = NULL;
    g_autoptr(Layout) layout = NULL;
    g_autoptr(Snapshot) more = NULL;
    uint32_t n;

    if (size->vcpus < 1 || size->mem_mb < 1 || size->reserved_mhz < 0) {
        err_set(error, VRM_ERR_INVALID,
                "a VM of %" PRId64 " vCPUs, %" PRId64 " MiB and %" PRId64
                " MHz: want at least 1 vCPU, 1 MiB and 0 MHz",
                size->vcpus, size->mem_mb, size->reserved_mhz);
        return false;
    }
    base = open_problem(snap, cluster_id, params, error);
    if (!base)
        return false;
    *ret_room = (struct admission_room){ 0 };
    layout = new_layout(base);
    n = upper_bound(layout, size);
    if (n == 0) {
        ret_room->text = g_strdup("no host has the memory for one");
        return true;
    }
    more = with_more(snap, base, size, n);
    measure_room(more, base, n, size->failures, ret_room);
    return true;
}
