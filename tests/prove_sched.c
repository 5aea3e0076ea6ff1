/* prove_sched.c - plans over thousands of random clusters (sched_wild.h), judged by naive.h.
 *
 *   tests/prove_sched                     some hundred seeds, as make check does
 *   tests/prove_sched --seeds 10000       the full proof
 *   tests/prove_sched --first 4711 --seeds 1 --part drain -v
 *   tests/prove_sched --hash              one number for all plans, to compare builds and runs
 *
 * For every seed: DRS, placement of starts, drains, DPM's targets, admission.  A seed that fails is
 * printed with what is wrong and how to run it alone; the exit status is then 1.  The count at the
 * end says how much was looked at, so that a proof of nothing is seen as such. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/admission.h"
#include "scheduler/balance.h"
#include "scheduler/dpm.h"
#include "scheduler/evacuate.h"
#include "scheduler/filter.h"
#include "scheduler/place.h"
#include "scheduler/whatif.h"
#include "tests/naive.h"
#include "tests/sched_wild.h"

#define DEFAULT_SEEDS 300
#define RUNS_PER_PLAN 2
#define MAX_SHOWN     20
#define HOT_PART      100  /* at most each 100th move may make a host too hot for a while */
#define RESTLESS_PART 1000 /* so few clusters have moves left for a second run */
#define KNOWN_SEED    9588 /* its repair ends twice where no single change helps */
#define MAX_PAIRS     16   /* VM and host asked for, per seed */

struct proof {
    uint64_t seed;
    SnapshotBuilder *builder;
    Snapshot *snap;
    struct dpm_params dpm;
    GString *blame;
    struct rng rng;
};

static gboolean verbose;

static struct {
    uint64_t seeds, failed, hosts, vms, plans, moves, undecided, placed, refused, pairs, drains,
        stays, carried, hot, restless, dpm_sleeps, dpm_wakes, losses, admitted;
} count;

static void blame(struct proof *p, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void blame(struct proof *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append(p->blame, "    ");
    g_string_append_vprintf(p->blame, format, args);
    g_string_append_c(p->blame, '\n');
    va_end(args);
}

static Naive *judge(struct proof *p, int64_t closed_id)
{
    return naive_new(p->snap, WILD_CLUSTER, &p->dpm.sched, closed_id);
}

static void take_blame(struct proof *p, const Naive *naive)
{
    g_string_append(p->blame, naive->blame->str);
}

/* ---- DRS ------------------------------------------------------------------------------------ */

static Plan *balance(struct proof *p, const Snapshot *snap)
{
    g_autoptr(GError) error = NULL;
    Plan *plan = NULL;

    if (!balance_plan(snap, WILD_CLUSTER, &p->dpm.sched, &plan, &error)) {
        blame(p, "no plan: %s", error->message);
        return plan_new(WILD_CLUSTER);
    }
    count.plans++;
    count.moves += plan->moves.len;
    count.undecided += plan->decided ? 0 : 1;
    if (!*plan->verdict)
        blame(p, "no verdict");
    if (!plan->decided && plan->moves.len > 0)
        blame(p, "no decision, but moves");
    return plan;
}

static bool is_torn(const Naive *n, size_t r)
{
    return n->snap->rules[r]->type == RULE_TOGETHER && naive_misplaced(n, r) > 0;
}

/* No must-rule is broken more than before; a set that is torn already may be torn otherwise, for
 * nothing is right for it until all are where the first of them went. */
static void check_rules(Naive *n, const Naive *before)
{
    for (size_t r = 0; r < n->snap->n_rules; r++) {
        const Rule *rule = n->snap->rules[r];
        int64_t was = naive_misplaced(before, r), is = naive_misplaced(n, r);

        if (naive_is_must(rule) && is > was && !is_torn(before, r))
            naive_blame(n, "must-rule %s is broken by %" PRId64 " VMs, was by %" PRId64, rule->name,
                        is, was);
    }
}

/* Must-rules first, then memory, then CPU, then should-rules: what is worse was paid for by what
 * matters more. */
static void check_end(Naive *n, const Naive *before, bool drs)
{
    struct naive_figures a = naive_figures(before), b = naive_figures(n);
    const int64_t change[] = { b.must - a.must, b.shortage_mb - a.shortage_mb,
                               b.overload_mhz - a.overload_mhz, b.crowd - a.crowd,
                               b.should - a.should };
    size_t n_known = a.short_of ? 1 : G_N_ELEMENTS(change);

    check_rules(n, before);
    for (size_t i = 0; drs && i < n_known; i++) {
        if (change[i] > 0) {
            naive_blame(n,
                        "must-rules %+" PRId64 ", shortage %+" PRId64 " MiB, overload %+" PRId64
                        " MHz, crowds %+" PRId64 ", should-rules %+" PRId64,
                        change[0], change[1], change[2], change[3], change[4]);
            return;
        }
        if (change[i] < 0)
            return;
    }
}

/* Both ways: as it may come, and as the plan expects it. */
static void run_plan(struct proof *p, const Plan *plan, int64_t closed_id, bool drs)
{
    g_autoptr(Naive) before = judge(p, closed_id);
    g_autofree char *text = verbose ? plan_format(plan) : NULL;

    if (text)
        g_print("%s", text);

    for (int run = 0; run < RUNS_PER_PLAN && plan->moves.len > 0; run++) {
        g_autoptr(Naive) n = judge(p, closed_id);

        n->drs = drs;
        naive_check_times(n, plan);
        if (naive_carry_out(n, plan, &p->rng))
            check_end(n, before, drs);
        if (drs) {
            count.carried += plan->moves.len;
            count.hot += n->n_hot;
        }
        take_blame(p, n);
    }
}

/* The cluster when the plan has been carried out. */
static Snapshot *after_plan(struct proof *p, const Plan *plan)
{
    SnapshotBuilder *builder = p->builder;

    for (size_t i = 0; i < plan->moves.len; i++) {
        Vm *vm = vm_dup(snapshot_builder_get_vm(builder, plan->moves.items[i].vm_id));

        vm->host_id = plan->moves.items[i].to_id;
        vm->moved_ms = p->dpm.sched.now_wall_ms;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, p->dpm.sched.now_mono_ms);
}

static void check_balance(struct proof *p)
{
    g_autoptr(Plan) plan = balance(p, p->snap);
    g_autoptr(Plan) again = balance(p, p->snap);
    g_autoptr(Plan) second = NULL;
    g_autoptr(Snapshot) later = NULL;
    bool full = plan->moves.len >= p->dpm.sched.max_moves;

    if (plan_hash(plan) != plan_hash(again))
        blame(p, "the same snapshot gave another plan");
    run_plan(p, plan, 0, true);
    later = after_plan(p, plan);
    second = balance(p, later);
    if (verbose && second->moves.len > 0) {
        g_autofree char *text = plan_format(second);

        g_print("right after:\n%s", text);
    }
    if (second->moves.len > 0 && plan->n_unordered == 0 && !full && count.restless++ < MAX_SHOWN)
        g_print("seed %" PRIu64 " balance: a second run right after moves %zu more VMs: %s\n",
                p->seed, second->moves.len, second->moves.items[0].text);
}

/* ---- starts and moves that a person asks for ------------------------------------------------ */

static void check_verdicts(struct proof *p, const Naive *n, size_t v, const Placement *placement)
{
    for (size_t i = 0; i < placement->n_verdicts; i++) {
        const struct place_verdict *verdict = &placement->verdicts[i];
        const char *why = naive_why_not(n, v, (size_t)naive_host(p->snap, verdict->host_id));

        count.pairs++;
        if ((why == NULL) != (verdict->filter_id == FILTER_NONE))
            blame(p, "%s on %s: the judge says %s, the scheduler: %s", p->snap->vms[v]->name,
                  verdict->host_name, why ? why : "yes", verdict->text);
        if (verdict->host_id == placement->host_id && verdict->filter_id != FILTER_NONE)
            blame(p, "%s was placed where it may not be", p->snap->vms[v]->name);
    }
}

static void check_starts(struct proof *p)
{
    g_autoptr(Naive) n = judge(p, 0);

    for (size_t v = 0; v < p->snap->n_vms; v++) {
        const Vm *vm = p->snap->vms[v];
        g_autoptr(Placement) shown = NULL, placement = NULL;
        g_autoptr(GError) error = NULL;

        if (vm->status != VM_STOPPED || vm->cluster_id != WILD_CLUSTER)
            continue;
        if (!place_explain(p->snap, vm->id, &p->dpm.sched, &shown, &error)) {
            blame(p, "%s cannot be explained: %s", vm->name, error->message);
            continue;
        }
        check_verdicts(p, n, v, shown);
        if (place_vm(p->snap, vm->id, &p->dpm.sched, &placement, &error)) {
            count.placed++;
            if (placement->host_id != shown->host_id)
                blame(p, "%s is placed otherwise than explained", vm->name);
        } else {
            count.refused++;
            if (shown->host_id != 0)
                blame(p, "%s is refused, but fits: %s", vm->name, error->message);
        }
    }
}

/* A running VM and any host: what the judge forbids is refused, and nothing else. */
static void check_targets(struct proof *p)
{
    g_autoptr(Naive) n = judge(p, 0);

    for (int i = 0; i < MAX_PAIRS; i++) {
        size_t v = rng_below(&p->rng, (uint32_t)p->snap->n_vms);
        size_t h = rng_below(&p->rng, (uint32_t)p->snap->n_hosts);
        g_autoptr(GError) error = NULL;
        const char *why;
        bool may;

        if (n->at[v] < 0 || n->at[v] == (int)h || n->to[v] >= 0 ||
            p->snap->vms[v]->cluster_id != WILD_CLUSTER)
            continue;
        count.pairs++;
        why = naive_why_not(n, v, h);
        may = filter_check_target(p->snap, p->snap->vms[v]->id, p->snap->hosts[h]->id,
                                  &p->dpm.sched, &error);
        if (may != (why == NULL))
            blame(p, "%s to %s: the judge says %s, the scheduler: %s", p->snap->vms[v]->name,
                  p->snap->hosts[h]->name, why ? why : "yes", error ? error->message : "yes");
    }
}

/* ---- drains --------------------------------------------------------------------------------- */

static bool is_listed(const Plan *plan, int64_t vm_id)
{
    for (size_t i = 0; i < plan->stays.len; i++) {
        if (plan->stays.items[i].vm_id == vm_id && *plan->stays.items[i].text)
            return true;
    }
    return false;
}

static bool is_moved(const Plan *plan, int64_t vm_id)
{
    for (size_t i = 0; i < plan->moves.len; i++) {
        if (plan->moves.items[i].vm_id == vm_id)
            return true;
    }
    return false;
}

static void check_drain(struct proof *p)
{
    const Host *host = p->snap->hosts[p->seed % (p->snap->n_hosts - 1)];
    g_autoptr(Plan) plan = NULL, again = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Naive) n = judge(p, host->id);
    int h = naive_host(p->snap, host->id);

    if (!evacuate_plan(p->snap, host->id, &p->dpm.sched, &plan, &error) ||
        !evacuate_plan(p->snap, host->id, &p->dpm.sched, &again, &error)) {
        blame(p, "no drain: %s", error->message);
        return;
    }
    count.drains++;
    count.stays += plan->stays.len;
    count.moves += plan->moves.len;
    if (plan_hash(plan) != plan_hash(again))
        blame(p, "the same snapshot gave another drain");
    run_plan(p, plan, host->id, false);
    for (size_t v = 0; v < p->snap->n_vms; v++) {
        const Vm *vm = p->snap->vms[v];
        bool here = n->at[v] == h && n->to[v] < 0;

        if (here && is_listed(plan, vm->id) == is_moved(plan, vm->id))
            blame(p, "%s is drained and stays, or neither", vm->name);
    }
}

/* ---- DPM ------------------------------------------------------------------------------------ */

/* The policy of HA, and what DPM promises beside, with the host off. */
static void check_promises(struct proof *p, const Snapshot *later, const Host *host)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(later);
    g_autoptr(Snapshot) off = NULL;
    const Cluster *cluster = snapshot_cluster(later, WILD_CLUSTER);
    int n = (int)MAX(p->dpm.spare_hosts, cluster->ha.enabled ? 1 : 0);
    Host *gone = host_dup(host);

    gone->connected = false;
    gone->status = HOST_POWEROFF;
    snapshot_builder_put_host(builder, gone);
    off = snapshot_builder_build(builder, 0);
    for (int asked = -1; asked <= n; asked += n + 1) {
        struct admission_verdict verdict = { 0 };

        if (!admission_check(off, WILD_CLUSTER, asked, &p->dpm.sched, &verdict, NULL) ||
            (verdict.wanted && !verdict.holds))
            blame(p, "with %s asleep a promise is broken: %s", host->name, verdict.text);
        g_free(verdict.text);
    }
}

/* Its VMs leave, all of them, and what is left suffices. */
static void check_absence(struct proof *p, const Host *host, const Plan *plan)
{
    g_autoptr(Snapshot) later = after_plan(p, plan);
    g_autoptr(Naive) n = naive_new(later, WILD_CLUSTER, &p->dpm.sched, host->id);
    g_autoptr(Naive) now = judge(p, 0);
    uint32_t left = 0, wanted = MAX(p->dpm.spare_hosts, n->cluster->ha.enabled ? 1 : 0) + 1;

    for (size_t h = 0; h < later->n_hosts; h++)
        left += naive_usable(n, h) ? 1 : 0;
    for (size_t v = 0; v < later->n_vms; v++) {
        if (n->at[v] >= 0 && later->hosts[n->at[v]]->id == host->id)
            blame(p, "%s would run on a host that sleeps", later->vms[v]->name);
    }
    if (left < wanted)
        blame(p, "only %u hosts are left on, at least %u must be", left, wanted);
    if (naive_figures(n).overload_mhz > naive_figures(now).overload_mhz)
        blame(p, "more overload with %s asleep", host->name);
    check_promises(p, later, host);
}

static void check_sleep(struct proof *p, const struct dpm_verdict *verdict)
{
    const Host *host = snapshot_host(p->snap, verdict->host_id);
    int64_t proven_ms = p->dpm.sched.now_wall_ms - host->wake_proven_ms;
    g_autoptr(Plan) plan = NULL;

    count.dpm_sleeps++;
    if (host->wake_proven_ms == 0 || proven_ms > p->dpm.proof_ms || !*host->bmc_ip)
        blame(p, "%s may sleep, but its wake-up is not proven", host->name);
    if (!evacuate_plan(p->snap, host->id, &p->dpm.sched, &plan, NULL) || plan->stays.len > 0) {
        blame(p, "%s may sleep, but VMs stay on it", host->name);
        return;
    }
    if (plan->moves.len != verdict->n_moves)
        blame(p, "%s: %zu moves told, %zu needed", host->name, verdict->n_moves, plan->moves.len);
    run_plan(p, plan, host->id, false);
    check_absence(p, host, plan);
}

static void check_dpm(struct proof *p)
{
    g_autoptr(DpmPlan) plan = NULL, again = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL, *same = NULL;

    p->dpm.sched.on_demand = true;
    if (!dpm_plan(p->snap, p->snap, WILD_CLUSTER, &p->dpm, &plan, &error) ||
        !dpm_plan(p->snap, p->snap, WILD_CLUSTER, &p->dpm, &again, &error)) {
        blame(p, "no DPM plan: %s", error->message);
        return;
    }
    text = dpm_plan_format(plan);
    same = dpm_plan_format(again);
    if (strcmp(text, same) != 0)
        blame(p, "the same snapshot gave another DPM plan");
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct dpm_verdict *verdict = &plan->hosts.items[i];
        const Host *host = snapshot_host(p->snap, verdict->host_id);

        if (!*verdict->text)
            blame(p, "%s: no reason", verdict->host_name);
        if (verdict->action == DPM_SLEEP)
            check_sleep(p, verdict);
        if (verdict->action != DPM_WAKE)
            continue;
        count.dpm_wakes++;
        if (host->status != HOST_POWEROFF || !host->off_by_dpm || host->maintaining)
            blame(p, "%s is woken, but DPM did not put it to sleep", host->name);
    }
    p->dpm.sched.on_demand = false;
}

/* ---- admission ------------------------------------------------------------------------------ */

static bool is_tied(const struct proof *p, const Vm *vm)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        const Datastore *store = snapshot_datastore(p->snap, vm->disks[i].datastore_id);

        if (store && strcmp(store->storage_type, "LOCAL") == 0)
            return true;
    }
    return vm->binding_host;
}

/* "Fits elsewhere" is never wrong: a VM that alone has no place is lost, and so is memory that
 * there is not. */
static void check_loss(struct proof *p, const struct host_loss *loss)
{
    g_autoptr(Naive) n = judge(p, loss->host_id);
    g_autofree struct naive_sum *sums = g_new0(struct naive_sum, p->snap->n_hosts + 1);
    int dead = naive_host(p->snap, loss->host_id);
    int64_t room_mb = 0, need_mb = 0;

    n->open = true;
    naive_sums(n, sums);
    for (size_t h = 0; h < p->snap->n_hosts; h++)
        room_mb += naive_usable(n, h) ? MAX(naive_mem_limit(n, h) - sums[h].mem_mb, 0) : 0;
    for (size_t v = 0; v < p->snap->n_vms; v++) {
        const Vm *vm = p->snap->vms[v];

        if ((n->to[v] >= 0 ? n->to[v] : n->at[v]) != dead || !vm->enable_ha || is_tied(p, vm))
            continue;
        need_mb += vm->memory.size_mb;
    }
    count.losses++;
    if (need_mb - loss->lost_mb > room_mb)
        blame(p, "if %s died: %" PRId64 " MiB lost of %" PRId64 ", room for %" PRId64,
              loss->host_name, loss->lost_mb, need_mb, room_mb);
    if ((loss->n_lost == 0) != (loss->lost_mb == 0))
        blame(p, "%s: %u VMs of %" PRId64 " MiB lost", loss->host_name, loss->n_lost,
              loss->lost_mb);
}

/* The percentage policy in plain sums. */
static void check_percent(struct proof *p, const struct admission_verdict *verdict)
{
    g_autoptr(Naive) n = judge(p, 0);
    g_autofree struct naive_sum *sums = g_new0(struct naive_sum, p->snap->n_hosts + 1);
    const struct ha_policy *ha = &n->cluster->ha;
    int64_t mem = 0, cpu = 0, mem_used = 0, cpu_used = 0;

    naive_sums(n, sums);
    for (size_t h = 0; h < p->snap->n_hosts; h++) {
        const Host *host = p->snap->hosts[h];

        if (!naive_usable(n, h))
            continue;
        mem += host->mem_mb - MAX(host->mem_mb * p->dpm.sched.mem_reserve_permille / 1000,
                                  p->dpm.sched.mem_reserve_min_mb);
        cpu += naive_cpu_cap(n, h);
        mem_used += sums[h].mem_mb;
        cpu_used += sums[h].reserved_mhz;
    }
    if (verdict->holds != (mem_used <= mem * (100 - ha->mem_reservation) / 100 &&
                           cpu_used <= cpu * (100 - ha->cpu_reservation) / 100))
        blame(p, "percentage policy: %s", verdict->text);
}

/* How many of one size fit, host by host: with no rule about them that is exact. */
static void check_room(struct proof *p)
{
    const struct admission_size size = { .vcpus = 2, .mem_mb = 1024, .failures = 1 };
    g_autoptr(Naive) n = judge(p, 0);
    g_autofree struct naive_sum *sums = g_new0(struct naive_sum, p->snap->n_hosts + 1);
    struct admission_room room = { 0 };
    int64_t fit = 0;

    if (n->cluster->imc_enabled ||
        !admission_room(p->snap, WILD_CLUSTER, &size, &p->dpm.sched, &room, NULL))
        return;
    naive_sums(n, sums);
    for (size_t h = 0; h < p->snap->n_hosts; h++) {
        int64_t mem = (naive_mem_limit(n, h) - sums[h].mem_mb) / size.mem_mb;
        int64_t cpu = (naive_vcpu_limit(n, h) - sums[h].vcpus) / size.vcpus;

        if (naive_usable(n, h) && n->snap->hosts[h]->cpu_threads >= size.vcpus)
            fit += MAX(MIN(mem, cpu), 0);
    }
    count.admitted += room.n_now;
    if (room.n_now != fit || room.n_secure > room.n_now || !room.text)
        blame(p, "%u more VMs fit, %u with a failure; by plain sums %" PRId64, room.n_now,
              room.n_secure, fit);
    g_free(room.text);
}

static void check_admission(struct proof *p)
{
    g_autoptr(HostLosses) losses = NULL;
    struct admission_verdict verdict = { 0 }, one = { 0 };
    const Cluster *cluster = snapshot_cluster(p->snap, WILD_CLUSTER);

    if (!admission_host_losses(p->snap, WILD_CLUSTER, &p->dpm.sched, &losses, NULL) ||
        !admission_check(p->snap, WILD_CLUSTER, -1, &p->dpm.sched, &verdict, NULL) ||
        !admission_check(p->snap, WILD_CLUSTER, 1, &p->dpm.sched, &one, NULL)) {
        blame(p, "admission cannot be judged");
        return;
    }
    for (size_t i = 0; i < losses->n_items; i++)
        check_loss(p, &losses->items[i]);
    if (one.holds != (losses->n_bad == 0))
        blame(p, "one failure is borne: %s; hosts that cannot die: %u", one.text, losses->n_bad);
    if (verdict.wanted && cluster->ha.control_policy == 0)
        check_percent(p, &verdict);
    check_room(p);
    g_free(verdict.text);
    g_free(one.text);
}

/* ---- all ------------------------------------------------------------------------------------ */

static const struct part {
    const char *name;
    void (*check)(struct proof *p);
} parts[] = {
    { "balance", check_balance }, { "start", check_starts }, { "target", check_targets },
    { "drain", check_drain },     { "dpm", check_dpm },      { "admission", check_admission },
};

static void prove(uint64_t seed, const struct part *part)
{
    struct proof p = { .seed = seed, .blame = g_string_new(NULL) };

    p.builder = wild_cluster(seed, &p.dpm);
    p.snap = snapshot_builder_build(p.builder, p.dpm.sched.now_mono_ms);
    rng_seed(&p.rng, seed);
    if (part == parts) {
        count.hosts += p.snap->n_hosts;
        count.vms += p.snap->n_vms;
    }
    part->check(&p);
    if (p.blame->len > 0 && count.failed++ < MAX_SHOWN)
        g_print("seed %" PRIu64 " %s, again with: tests/prove_sched --first %" PRIu64
                " --seeds 1 --part %s\n%s",
                seed, part->name, seed, part->name, p.blame->str);
    g_string_free(p.blame, TRUE);
    snapshot_unref(p.snap);
    snapshot_builder_free(p.builder);
}

/* One number for all that is planned over these seeds: the same on any machine, by any compiler. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t hash_seed(uint64_t seed, uint64_t hash)
{
    struct proof p = { .seed = seed };
    g_autoptr(Plan) plan = NULL, drain = NULL;
    g_autoptr(DpmPlan) dpm = NULL;
    g_autofree char *plan_text = NULL, *drain_text = NULL, *dpm_text = NULL;

    p.builder = wild_cluster(seed, &p.dpm);
    p.snap = snapshot_builder_build(p.builder, p.dpm.sched.now_mono_ms);
    if (!balance_plan(p.snap, WILD_CLUSTER, &p.dpm.sched, &plan, NULL) ||
        !evacuate_plan(p.snap, p.snap->hosts[0]->id, &p.dpm.sched, &drain, NULL) ||
        !dpm_plan(p.snap, p.snap, WILD_CLUSTER, &p.dpm, &dpm, NULL))
        g_error("seed %" PRIu64 " cannot be planned", seed);
    plan_text = plan_format(plan);
    drain_text = plan_format(drain);
    dpm_text = dpm_plan_format(dpm);
    hash = hash_text(hash_text(hash_text(hash, plan_text), drain_text), dpm_text);
    snapshot_unref(p.snap);
    snapshot_builder_free(p.builder);
    return hash;
}

static int say_hash(uint64_t first, uint64_t seeds)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (uint64_t seed = first; seed < first + seeds; seed++)
        hash = hash_seed(seed, hash);
    g_print("plans of seeds %" PRIu64 "..%" PRIu64 ": %016" PRIx64 "\n", first, first + seeds - 1,
            hash);
    return EXIT_SUCCESS;
}

static void say_counts(uint64_t first)
{
    g_print("prove_sched: seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " hosts, %" PRIu64 " VMs\n"
            "  %" PRIu64 " plans (%" PRIu64 " without a decision), %" PRIu64 " moves\n"
            "  %" PRIu64 " moves carried out, by %" PRIu64
            " of them a host was too hot for a while\n"
            "  %" PRIu64 " clusters with moves left for a second run right after\n"
            "  %" PRIu64 " drains, %" PRIu64 " VMs that stay, each with a reason\n"
            "  %" PRIu64 " starts placed, %" PRIu64 " refused; %" PRIu64 " VM-host pairs judged\n"
            "  DPM: %" PRIu64 " hosts to sleep, %" PRIu64 " to wake\n"
            "  admission: %" PRIu64 " hosts dead, room for %" PRIu64 " VMs\n"
            "  %" PRIu64 " violations\n",
            first, first + count.seeds - 1, count.hosts, count.vms, count.plans, count.undecided,
            count.moves, count.carried, count.hot, count.restless, count.drains, count.stays,
            count.placed, count.refused, count.pairs, count.dpm_sleeps, count.dpm_wakes,
            count.losses, count.admitted, count.failed);
}

/* Rare things that are no violations one by one. */
static void judge_rates(void)
{
    if (count.hot * HOT_PART > count.carried && count.seeds >= DEFAULT_SEEDS) {
        g_print("  that is more than every %dth\n", HOT_PART);
        count.failed++;
    }
    if (count.restless * RESTLESS_PART > (count.seeds < RESTLESS_PART ? 0 : count.seeds)) {
        g_print("  that is more than every %dth cluster that a second run still moves\n",
                RESTLESS_PART);
        count.failed++;
    }
}

int main(int argc, char **argv)
{
    gint64 first = 1, seeds = DEFAULT_SEEDS;
    gboolean hash = FALSE;
    g_autofree char *only = NULL;
    const GOptionEntry entries[] = {
        { "first", 0, 0, G_OPTION_ARG_INT64, &first, "first seed", "N" },
        { "seeds", 0, 0, G_OPTION_ARG_INT64, &seeds, "how many", "N" },
        { "part", 0, 0, G_OPTION_ARG_STRING, &only, "balance, start, target ...", "NAME" },
        { "hash", 0, 0, G_OPTION_ARG_NONE, &hash, "only print a number that stands for all plans",
          NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "print the plans", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || first < 0 || seeds < 1) {
        g_printerr("prove_sched: %s\n", error ? error->message : "--seeds must be at least 1");
        return 2;
    }
    g_option_context_free(context);
    if (hash)
        return say_hash((uint64_t)first, (uint64_t)seeds);
    for (count.seeds = 0; count.seeds < (uint64_t)seeds; count.seeds++) {
        for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
            if (!only || strcmp(only, parts[i].name) == 0)
                prove((uint64_t)first + count.seeds, &parts[i]);
        }
    }
    if (seeds == DEFAULT_SEEDS && !only)
        prove(KNOWN_SEED, &parts[0]);
    say_counts((uint64_t)first);
    judge_rates();
    return count.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
