/* test_sched_random.c - properties of plans over random clusters, judged by a checker that shares
 * no code with the scheduler: it knows only the snapshot's objects and the plan.
 *
 * Each plan is carried out several times with random durations, so that every order of events its
 * dependencies allow may come up; memory and must-rules are looked at after each event.
 *   SCHED_SEEDS=10000 SCHED_FIRST=1 tests/test_sched_random     a longer run
 * A failure prints the seed. */
#include "config.h"

#include <inttypes.h>
#include <math.h>

#include "base/rng.h"
#include "scheduler/balance.h"
#include "scheduler/entitle.h"
#include "scheduler/evacuate.h"
#include "scheduler/place.h"
#include "tests/sched_gen.h"
#include "tests/suite.h"

#define DEFAULT_SEEDS 500
#define RUNS_PER_PLAN 3
#define MAX_HOSTS     8
#define MAX_VMS       60

static uint64_t seed_now; /* of the case at hand, for messages */

#define CHECK(expr, ...)                                                                           \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            g_autofree char *what_ = g_strdup_printf(__VA_ARGS__);                                 \
            ck_abort_msg("seed %" PRIu64 ": %s: %s", seed_now, #expr, what_);                      \
        }                                                                                          \
    } while (0)

/* ---- the world of the checker --------------------------------------------------------------- */

struct world {
    const Snapshot *snap;
    const struct sched_params *params;
    int64_t *at;     /* per VM: host id, 0: not placed */
    int64_t *moving; /* per VM: host it moves to, 0: none */
    int64_t *mhz;    /* per VM: what it is entitled to */
};

static bool usable(const Host *host, int64_t closed_id)
{
    return host->id != closed_id && host->connected && host->status == HOST_NORMAL &&
           !host->maintaining;
}

static int64_t cpu_demand(const Vm *vm)
{
    return vm->cpu.limit_mhz > 0 ? MIN(vm->load.cpu_mhz, vm->cpu.limit_mhz) : vm->load.cpu_mhz;
}

static bool counts(const struct world *w, size_t v)
{
    int64_t place = w->moving[v] != 0 ? w->moving[v] : w->at[v];

    return w->at[v] != 0 && usable(snapshot_host(w->snap, place), 0);
}

/* Demand, or a part of a cluster that is too small (test_entitle.c has its properties). */
static void find_entitlements(struct world *w)
{
    const Snapshot *snap = w->snap;
    g_autofree struct entitle_claim *claims = g_new0(struct entitle_claim, snap->n_vms + 1);
    g_autofree int64_t *grants = g_new0(int64_t, snap->n_vms + 1);
    int64_t capacity = 0;
    size_t n = 0;

    for (size_t h = 0; h < snap->n_hosts; h++)
        capacity +=
            usable(snap->hosts[h], 0) ? snap->hosts[h]->cpu_threads * snap->hosts[h]->cpu_mhz : 0;
    for (size_t v = 0; v < snap->n_vms; v++) {
        const struct vm_cpu *cpu = &snap->vms[v]->cpu;

        w->mhz[v] = cpu_demand(snap->vms[v]);
        if (counts(w, v))
            claims[n++] = (struct entitle_claim){ w->mhz[v], cpu->reservation_mhz, cpu->weight };
    }
    entitle_share(claims, n, capacity, grants);
    n = 0;
    for (size_t v = 0; v < snap->n_vms; v++) {
        if (counts(w, v))
            w->mhz[v] = grants[n++];
    }
}

static void world_init(struct world *w, const Snapshot *snap, const struct sched_params *params)
{
    *w = (struct world){ .snap = snap, .params = params };
    w->at = g_new0(int64_t, snap->n_vms + 1);
    w->moving = g_new0(int64_t, snap->n_vms + 1);
    for (size_t v = 0; v < snap->n_vms; v++) {
        const Vm *vm = snap->vms[v];

        w->at[v] = vm_is_placed(vm) ? vm->host_id : 0;
        w->moving[v] = w->at[v] != 0 ? vm->target_host_id : 0;
    }
    w->mhz = g_new0(int64_t, snap->n_vms + 1);
    find_entitlements(w);
}

static void world_clear(struct world *w)
{
    g_free(w->at);
    g_free(w->moving);
    g_free(w->mhz);
}

static size_t vm_index(const Snapshot *snap, int64_t id)
{
    for (size_t v = 0; v < snap->n_vms; v++) {
        if (snap->vms[v]->id == id)
            return v;
    }
    CHECK(false, "plan names VM %" PRId64 " that does not exist", id);
    return 0;
}

static int64_t memory_limit(const struct world *w, const Host *host)
{
    int64_t reserve =
        MAX(host->mem_mb * w->params->mem_reserve_permille / 1000, w->params->mem_reserve_min_mb);

    return host->mem_mb - reserve;
}

static int64_t memory_held(const struct world *w, int64_t host_id)
{
    int64_t sum = 0;

    for (size_t v = 0; v < w->snap->n_vms; v++) {
        if (w->at[v] == host_id || (w->at[v] != 0 && w->moving[v] == host_id))
            sum += w->snap->vms[v]->memory.size_mb;
    }
    return sum;
}

static bool is_on(const struct world *w, size_t v, int64_t host_id)
{
    return w->at[v] != 0 && (w->at[v] == host_id || w->moving[v] == host_id);
}

static bool has_member(const Snapshot *snap, const Rule *rule, int64_t vm_id)
{
    const Group *group = snapshot_group(snap, rule->vm_group_id);

    for (size_t i = 0; i < rule->n_vms; i++) {
        if (rule->vms[i] == vm_id)
            return true;
    }
    for (size_t i = 0; group && i < group->n_members; i++) {
        if (group->members[i] == vm_id)
            return true;
    }
    return false;
}

static bool allows_host(const Snapshot *snap, const Rule *rule, int64_t host_id)
{
    const Group *group = snapshot_group(snap, rule->host_group_id);
    bool in = false;

    for (size_t i = 0; i < group->n_members; i++)
        in = in || group->members[i] == host_id;
    return in == (rule->strength == RULE_MUST || rule->strength == RULE_SHOULD);
}

static bool is_must(const Rule *rule)
{
    return rule->strength == RULE_MUST || rule->strength == RULE_MUST_NOT;
}

static int64_t future_place(const struct world *w, size_t v)
{
    return w->moving[v] != 0 ? w->moving[v] : w->at[v];
}

/* Members whose future place is this host. */
static int64_t members_on(const struct world *w, const Rule *rule, int64_t host_id)
{
    int64_t n = 0;

    for (size_t v = 0; v < w->snap->n_vms; v++) {
        if (w->at[v] != 0 && future_place(w, v) == host_id &&
            has_member(w->snap, rule, w->snap->vms[v]->id))
            n++;
    }
    return n;
}

/* VMs in wrong places by one rule. */
static int64_t misplaced(const struct world *w, const Rule *rule)
{
    int64_t wrong = 0, total = 0, most = 0;

    for (size_t h = 0; h < w->snap->n_hosts; h++) {
        int64_t id = w->snap->hosts[h]->id, n = members_on(w, rule, id);

        total += n;
        most = MAX(most, n);
        if (rule->type == RULE_APART)
            wrong += MAX(n - 1, 0);
        else if (rule->type == RULE_VM_HOST && !allows_host(w->snap, rule, id))
            wrong += n;
    }
    return rule->type == RULE_TOGETHER ? total - most : wrong;
}

/* ---- the objective, naively ----------------------------------------------------------------- */

struct figures {
    int64_t must, shortage, overload, should;
    double imbalance; /* per mille */
};

static int64_t demand(const struct world *w, size_t v, bool cpu)
{
    const Vm *vm = w->snap->vms[v];

    if (cpu)
        return w->mhz[v];
    return vm->load.mem_mb == 0 ? vm->memory.size_mb : vm->load.mem_mb;
}

static double imbalance_of(const struct world *w, bool cpu, int64_t closed_id, int64_t *overload)
{
    double sum = 0, sum_sq = 0, max = 0;
    int n = 0;

    for (size_t h = 0; h < w->snap->n_hosts; h++) {
        const Host *host = w->snap->hosts[h];
        int64_t cap = cpu ? host->cpu_threads * host->cpu_mhz : memory_limit(w, host);
        int64_t used = 0;
        double load;

        if (!usable(host, closed_id))
            continue;
        for (size_t v = 0; v < w->snap->n_vms; v++) {
            int64_t place = future_place(w, v);

            used += w->at[v] != 0 && place == host->id ? demand(w, v, cpu) : 0;
        }
        *overload += MAX(used - cap, 0);
        load = MIN((double)used / (double)cap, 8);
        sum += load;
        sum_sq += load * load;
        max = MAX(max, load);
        n++;
    }
    if (n < 1)
        return 0;
    return 1000 * (sqrt(MAX(sum_sq / n - sum / n * sum / n, 0)) + (max - sum / n) / MAX(n / 4, 4));
}

static struct figures find_figures(const struct world *w, int64_t closed_id)
{
    const struct drs_policy *drs = &w->snap->clusters[0]->drs;
    struct figures f = { 0 };
    int64_t ignored = 0;
    double cpu = imbalance_of(w, true, closed_id, &f.overload);
    double mem = imbalance_of(w, false, closed_id, &ignored);
    int cpu_weight = w->snap->clusters[0]->mem_overcommit ? 1 : 2;

    f.imbalance = drs->factor == DRS_FACTOR_CPU   ? cpu
                  : drs->factor == DRS_FACTOR_MEM ? mem
                                                  : (cpu_weight * cpu + mem) / (cpu_weight + 1);
    for (size_t h = 0; h < w->snap->n_hosts; h++) {
        const Host *host = w->snap->hosts[h];

        if (usable(host, closed_id))
            f.shortage += MAX(memory_held(w, host->id) - memory_limit(w, host), 0);
    }
    for (size_t r = 0; r < w->snap->n_rules; r++) {
        const Rule *rule = w->snap->rules[r];

        if (is_must(rule))
            f.must += misplaced(w, rule);
        else
            f.should += misplaced(w, rule);
    }
    return f;
}

/* ---- carrying out --------------------------------------------------------------------------- */

/* Two VMs of a must-apart rule on one host, at either end of a migration, count as a pair. */
static bool has_new_pair(const struct world *w, const struct world *first, const Rule *rule)
{
    const Snapshot *snap = w->snap;

    for (size_t a = 0; a < snap->n_vms; a++) {
        for (size_t b = a + 1; b < snap->n_vms; b++) {
            if (!has_member(snap, rule, snap->vms[a]->id) ||
                !has_member(snap, rule, snap->vms[b]->id))
                continue;
            for (size_t h = 0; h < snap->n_hosts; h++) {
                int64_t id = snap->hosts[h]->id;

                if (is_on(w, a, id) && is_on(w, b, id) &&
                    !(is_on(first, a, id) && is_on(first, b, id)))
                    return true;
            }
        }
    }
    return false;
}

static void check_moment(const struct world *w, const struct world *first)
{
    for (size_t h = 0; h < w->snap->n_hosts; h++) {
        const Host *host = w->snap->hosts[h];
        int64_t limit = MAX(memory_limit(w, host), memory_held(first, host->id));

        CHECK(memory_held(w, host->id) <= limit, "%s holds %" PRId64 " MiB, limit %" PRId64,
              host->name, memory_held(w, host->id), limit);
    }
    for (size_t r = 0; r < w->snap->n_rules; r++) {
        const Rule *rule = w->snap->rules[r];

        if (rule->type == RULE_APART && is_must(rule))
            CHECK(!has_new_pair(w, first, rule), "rule %s breaks on the way", rule->name);
    }
}

static void check_move(const struct world *w, const struct plan_move *move, int64_t closed_id)
{
    const Snapshot *snap = w->snap;
    size_t v = vm_index(snap, move->vm_id);
    const Vm *vm = snap->vms[v];

    CHECK(w->at[v] == move->from_id && w->moving[v] == 0, "%s is not free on %s", vm->name,
          move->from_name);
    CHECK(usable(snapshot_host(snap, move->to_id), closed_id), "%s is not usable", move->to_name);
    CHECK(!vm->binding_host && !vm->is_template && vm->task_id == 0, "%s must stay", vm->name);
    CHECK(vm->cpu.quantity <= snapshot_host(snap, move->to_id)->cpu_threads, "%s is too wide",
          vm->name);
    CHECK(move->text[0] != '\0', "no reason");
    for (size_t r = 0; r < snap->n_rules; r++) {
        const Rule *rule = snap->rules[r];

        if (rule->type == RULE_VM_HOST && is_must(rule) && has_member(snap, rule, vm->id))
            CHECK(allows_host(snap, rule, move->to_id), "rule %s forbids %s", rule->name,
                  move->to_name);
    }
}

enum phase {
    WAITING,
    RUNNING,
    ENDED,
};

static bool is_ready(const Plan *plan, const enum phase *phases, size_t i)
{
    const struct plan_move *move = &plan->moves.items[i];

    for (size_t d = 0; d < move->n_depends; d++) {
        CHECK(move->depends[d] < i, "move %zu depends on a later one", i);
        if (phases[move->depends[d]] != ENDED)
            return false;
    }
    return phases[i] == WAITING;
}

/* Starts what may start and ends what runs, in random order, until all is done. */
static void carry_out(struct world *w, const Plan *plan, struct rng *rng, int64_t closed_id)
{
    g_autofree enum phase *phases = g_malloc0((plan->moves.len + 1) * sizeof(*phases));
    size_t n_ended = 0;
    struct world first;

    world_init(&first, w->snap, w->params);
    for (unsigned tries = 0; n_ended < plan->moves.len; tries++) {
        size_t i = rng_below(rng, (uint32_t)plan->moves.len);
        const struct plan_move *move = &plan->moves.items[i];
        size_t v = vm_index(w->snap, move->vm_id);

        CHECK(tries < 1000000, "the plan never ends");
        if (is_ready(plan, phases, i)) {
            check_move(w, move, closed_id);
            w->moving[v] = move->to_id;
            phases[i] = RUNNING;
        } else if (phases[i] == RUNNING) {
            w->at[v] = move->to_id;
            w->moving[v] = 0;
            phases[i] = ENDED;
            n_ended++;
        }
        check_moment(w, &first);
    }
    world_clear(&first);
}

/* ---- properties ----------------------------------------------------------------------------- */

static void check_measure(const struct plan_measure *m, const struct figures *f, const char *when)
{
    CHECK(m->must_broken == f->must, "%s %" PRId64 " %" PRId64, when, m->must_broken, f->must);
    CHECK(m->should_broken == f->should, "%s", when);
    CHECK(m->overload_mhz == f->overload, "%s %" PRId64 " %" PRId64, when, m->overload_mhz,
          f->overload);
    CHECK(m->shortage_mb == f->shortage, "%s %" PRId64 " %" PRId64, when, m->shortage_mb,
          f->shortage);
    CHECK(fabs((double)m->imbalance - f->imbalance) < 1.5, "%s %" PRId64 " %f", when, m->imbalance,
          f->imbalance);
}

static void check_better(const struct figures *before, const struct figures *after)
{
    CHECK(after->must <= before->must, "more must-rules broken");
    if (after->must < before->must)
        return;
    CHECK(after->shortage <= before->shortage, "memory shorter");
    if (after->shortage < before->shortage)
        return;
    CHECK(after->overload <= before->overload, "more overload");
    if (after->overload < before->overload)
        return;
    CHECK(after->should <= before->should, "more should-rules broken");
    if (after->should < before->should)
        return;
    CHECK(after->imbalance < before->imbalance, "imbalance %f -> %f", before->imbalance,
          after->imbalance);
}

static void check_gains(const Plan *plan)
{
    int64_t balance = 0, overload = 0;

    for (size_t i = 0; i < plan->moves.len; i++) {
        balance += plan->moves.items[i].gain_balance;
        overload += plan->moves.items[i].gain_overload_mhz;
    }
    CHECK(balance == plan->before.imbalance - plan->after.imbalance, "gains do not add up");
    CHECK(overload == plan->before.overload_mhz - plan->after.overload_mhz, "gains do not add up");
}

/* The cluster after the plan: moved VMs are where the plan put them; with their rest period, or as
 * if they had not just moved. */
static Snapshot *snapshot_after(SnapshotBuilder *builder, const Plan *plan,
                                const struct sched_params *params, bool rest)
{
    for (size_t i = 0; i < plan->moves.len; i++) {
        Vm *vm = vm_dup(snapshot_builder_get_vm(builder, plan->moves.items[i].vm_id));

        vm->host_id = plan->moves.items[i].to_id;
        if (rest)
            vm->moved_ms = params->now_wall_ms;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, params->now_mono_ms);
}

static Plan *make_plan(const Snapshot *snap, const struct sched_params *params)
{
    g_autoptr(GError) error = NULL;
    Plan *plan = NULL;

    CHECK(balance_plan(snap, GEN_CLUSTER, params, &plan, &error), "%s",
          error ? error->message : "");
    CHECK(plan->verdict[0] != '\0', "no verdict");
    return plan;
}

/* Right after a plan nothing moves, with or without the rest period of moved VMs; only where a plan
 * could not order all its moves do the next ones go on, and they come to an end. */
static void check_settled(SnapshotBuilder *builder, const Plan *first,
                          const struct sched_params *params)
{
    for (int rest = 1; rest >= 0; rest--) {
        g_autoptr(Snapshot) snap = snapshot_after(builder, first, params, rest);
        Plan *plan = make_plan(snap, params);

        CHECK(plan->moves.len == 0 || first->n_unordered > 0, "a second run moves %s",
              plan->moves.items[0].vm_name);
        for (int run = 0; plan->moves.len > 0; run++) {
            g_autoptr(Snapshot) later = snapshot_after(builder, plan, params, rest);

            CHECK(run < 20, "it never settles");
            plan_free(plan);
            plan = make_plan(later, params);
        }
        plan_free(plan);
    }
}

static void check_balance(uint64_t seed)
{
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_cluster(seed, MAX_HOSTS, MAX_VMS, &params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, params.now_mono_ms);
    g_autoptr(Plan) plan = make_plan(snap, &params);
    g_autoptr(Plan) again = make_plan(snap, &params);
    struct rng rng;

    CHECK(plan_hash(plan) == plan_hash(again), "the same snapshot gave another plan");
    rng_seed(&rng, seed);
    for (int run = 0; run < RUNS_PER_PLAN && plan->moves.len > 0; run++) {
        struct world w;
        struct figures before, after;

        world_init(&w, snap, &params);
        before = find_figures(&w, 0);
        carry_out(&w, plan, &rng, 0);
        after = find_figures(&w, 0);
        check_measure(&plan->before, &before, "before");
        check_measure(&plan->after, &after, "after");
        check_better(&before, &after);
        world_clear(&w);
    }
    check_gains(plan);
    check_settled(builder, plan, &params);
}

/* A keep-together set that is on several hosts already: nothing is right for it until all are
 * where the first of them went. */
static bool is_torn(const struct world *first, const Rule *rule)
{
    return rule->type == RULE_TOGETHER && misplaced(first, rule) > 0;
}

static void check_evacuation(uint64_t seed)
{
    g_autoptr(GError) error = NULL;
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_cluster(seed, MAX_HOSTS, MAX_VMS, &params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, params.now_mono_ms);
    const Host *host = snap->hosts[seed % snap->n_hosts];
    g_autoptr(Plan) plan = NULL;
    struct rng rng;
    struct world w;

    CHECK(evacuate_plan(snap, host->id, &params, &plan, &error), "%s", error ? error->message : "");
    rng_seed(&rng, seed);
    world_init(&w, snap, &params);
    carry_out(&w, plan, &rng, host->id);
    for (size_t v = 0; v < snap->n_vms; v++) {
        bool listed = false;

        for (size_t i = 0; i < plan->stays.len; i++)
            listed = listed || plan->stays.items[i].vm_id == snap->vms[v]->id;
        if (w.at[v] == host->id && w.moving[v] == 0)
            CHECK(listed, "%s stays without a reason", snap->vms[v]->name);
    }
    for (size_t r = 0; r < snap->n_rules; r++) {
        struct world first;

        world_init(&first, snap, &params);
        if (is_must(snap->rules[r]) && !is_torn(&first, snap->rules[r]))
            CHECK(misplaced(&w, snap->rules[r]) <= misplaced(&first, snap->rules[r]),
                  "rule %s is broken by the drain", snap->rules[r]->name);
        world_clear(&first);
    }
    world_clear(&w);
}

static void check_placement(uint64_t seed)
{
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_cluster(seed, MAX_HOSTS, MAX_VMS, &params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, params.now_mono_ms);

    for (size_t v = 0; v < snap->n_vms; v++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Placement) placement = NULL;
        const Host *host;
        struct world w;

        if (snap->vms[v]->status != VM_STOPPED)
            continue;
        if (!place_vm(snap, snap->vms[v]->id, &params, &placement, &error)) {
            CHECK(error->message[0] != '\0', "no reason");
            continue;
        }
        host = snapshot_host(snap, placement->host_id);
        world_init(&w, snap, &params);
        w.at[v] = host->id;
        CHECK(usable(host, 0), "%s is not usable", host->name);
        CHECK(memory_held(&w, host->id) <= memory_limit(&w, host), "%s is too full", host->name);
        world_clear(&w);
    }
}

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
    const char *text = g_getenv(name);

    return text ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

static void for_seeds(void (*check)(uint64_t seed))
{
    uint64_t first = number_from_env("SCHED_FIRST", 1);
    uint64_t n = number_from_env("SCHED_SEEDS", DEFAULT_SEEDS);

    for (seed_now = first; seed_now < first + n; seed_now++)
        check(seed_now);
}

START_TEST(a_balance_plan_is_safe_better_repeatable_and_settles)
{
    for_seeds(check_balance);
}
END_TEST

START_TEST(a_drain_is_safe_and_names_every_vm_that_stays)
{
    for_seeds(check_evacuation);
}
END_TEST

START_TEST(a_vm_starts_only_where_it_may)
{
    for_seeds(check_placement);
}
END_TEST

SUITE_MAIN("sched_random", SUITE_TEST(a_balance_plan_is_safe_better_repeatable_and_settles),
           SUITE_TEST(a_drain_is_safe_and_names_every_vm_that_stays),
           SUITE_TEST(a_vm_starts_only_where_it_may))
