/* dpm.c - see dpm.h.  Every "what if" is a scratch copy of the snapshot, judged anew. */
#include "config.h"

#include "scheduler/dpm.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/dpm_need.h"
#include "scheduler/evacuate.h"
#include "scheduler/place.h"
#include "scheduler/rules.h"
#include "scheduler/whatif.h"

#define N_LEVELS     DPM_LEVELS
#define LEVEL_MEDIUM 5
/* Hosts looked at closely in one plan; the next plan looks at the others. */
#define MAX_TRIES 16
/* Of them, hosts that could leave but whose absence broke a promise: the others would break it too,
 * and finding that out is what takes long. */
#define MAX_DEEP_TRIES 3
#define MS_PER_DAY     INT64_C(86400000)
#define MS_PER_MIN     INT64_C(60000)
#define MS_PER_S       INT64_C(1000)

// clang-format off
static const struct dpm_level levels[N_LEVELS + 1] = {
    [1] = { 400, 650, "conservative: a host sleeps only when little is left to do" },
    [2] = { 450, 690, "between 1 and 3" },
    [3] = { 500, 720, "half of the capacity stays idle" },
    [4] = { 550, 760, "between 3 and 5" },
    [5] = { 600, 800, "medium" },
    [6] = { 630, 820, "between 5 and 7" },
    [7] = { 660, 840, "a third of the capacity stays idle" },
    [8] = { 690, 870, "between 7 and 9" },
    [9] = { 720, 900, "aggressive: as few hosts as the load allows" },
};
// clang-format on

bool dpm_level(const Cluster *cluster, int level, struct dpm_level *ret_level)
{
    struct dpm_threshold own[DPM_LEVELS + 1] = { 0 };

    if (level < 1 || level > N_LEVELS)
        return false;
    *ret_level = levels[level];
    if (dpm_thresholds_parse(cluster->dpm_thresholds, own) && own[level].over) {
        ret_level->sleep_below = INT64_C(10) * own[level].under;
        ret_level->wake_above = INT64_C(10) * own[level].over;
        ret_level->why = "the cluster's own";
    }
    return true;
}

void dpm_params_init(struct dpm_params *params)
{
    *params = (struct dpm_params){ .proof_ms = 3 * MS_PER_DAY, .settle_ms = 10 * MS_PER_MIN };
    sched_params_init(&params->sched);
}

/* ---- the plan ------------------------------------------------------------------------------- */

void dpm_plan_free(DpmPlan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->hosts.len; i++) {
        g_free(plan->hosts.items[i].host_name);
        g_free(plan->hosts.items[i].text);
    }
    dpm_verdict_vec_clear(&plan->hosts);
    g_free(plan->verdict);
    g_free(plan);
}

char *dpm_plan_format(const DpmPlan *plan)
{
    static const char *const words[] = { "stay", "sleep", "wake" };
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%s\nload %" PRId64 " expected %" PRId64 "\n", plan->verdict,
                           plan->load_permille, plan->expected_permille);
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct dpm_verdict *v = &plan->hosts.items[i];

        g_string_append_printf(text, "  %s %s: %s", words[v->action], v->host_name, v->text);
        if (v->n_moves > 0)
            g_string_append_printf(text, " (%zu moves, %" PRId64 " MiB)", v->n_moves, v->move_mb);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static void say_text(struct dpm_verdict *verdict, char *text)
{
    g_free(verdict->text);
    verdict->text = text;
}

static void set_verdict(DpmPlan *plan, char *text)
{
    g_free(plan->verdict);
    plan->verdict = text;
}

/* ---- who may be woken ----------------------------------------------------------------------- */

static const struct dpm_bar *find_bar(const struct dpm_params *params, int64_t host_id)
{
    for (size_t i = 0; i < params->n_bars; i++) {
        if (params->bars[i].host_id == host_id)
            return &params->bars[i];
    }
    return NULL;
}

bool dpm_is_asleep(const Host *host)
{
    return host->off_by_dpm && !host->connected && !host->maintaining &&
           (host->status == HOST_POWEROFF || host->status == HOST_UNKNOWN);
}

/* It is not off yet. */
static bool is_leaving(const Host *host)
{
    return host->draining && host->status == HOST_NORMAL && !host->maintaining;
}

/* Is a the better one to wake?  One that is not even off, else the largest; ties to the one proven
 * last, then the smaller id. */
static bool is_better_sleeper(const Host *a, const Host *b)
{
    if (is_leaving(a) != is_leaving(b))
        return is_leaving(a);
    if (a->mem_mb != b->mem_mb)
        return a->mem_mb > b->mem_mb;
    return a->wake_proven_ms > b->wake_proven_ms;
}

static struct dpm_verdict *best_sleeper(const Snapshot *snap, const struct dpm_params *params,
                                        DpmPlan *plan)
{
    struct dpm_verdict *best = NULL;
    const Host *best_host = NULL;

    for (size_t i = 0; i < plan->hosts.len; i++) {
        struct dpm_verdict *verdict = &plan->hosts.items[i];
        const Host *host = snapshot_host(snap, verdict->host_id);

        if (verdict->action == DPM_WAKE || !(dpm_is_asleep(host) || is_leaving(host)) ||
            find_bar(params, host->id))
            continue;
        if (!best || is_better_sleeper(host, best_host)) {
            best = verdict;
            best_host = host;
        }
    }
    return best;
}

static size_t wake_all(const Snapshot *snap, const struct dpm_params *params, const char *why,
                       DpmPlan *plan)
{
    struct dpm_verdict *verdict;
    size_t n = 0;

    while ((verdict = best_sleeper(snap, params, plan))) {
        verdict->action = DPM_WAKE;
        say_text(verdict, g_strdup(why));
        n++;
    }
    return n;
}

/* Hosts on their way up count as there. */
static void count_booting(SnapshotBuilder *world, const Snapshot *now, const struct dpm_judge *j)
{
    for (size_t i = 0; i < now->n_hosts; i++) {
        const Host *host = now->hosts[i];

        if (host->cluster_id == j->cluster->id && host->status == HOST_BOOTING &&
            !host->maintaining)
            dpm_set_power(world, host->id, true);
    }
}

/* Wakes as many as are needed; true if the cluster is not at rest. */
static bool plan_wakes(const struct dpm_judge *j, const Snapshot *now, DpmPlan *plan)
{
    g_autoptr(SnapshotBuilder) world = whatif_builder(now);
    g_autofree char *first = NULL;
    size_t n = 0;

    count_booting(world, now, j);
    for (;;) {
        g_autoptr(Snapshot) snap = snapshot_builder_build(world, 0);
        char *why = dpm_need(j, snap);
        struct dpm_verdict *verdict = why ? best_sleeper(now, j->params, plan) : NULL;

        if (why && !first)
            first = g_strdup(why);
        if (!verdict) {
            g_free(why);
            break;
        }
        verdict->action = DPM_WAKE;
        say_text(verdict, why);
        dpm_set_power(world, verdict->host_id, true);
        n++;
    }
    if (!first)
        return false;
    if (n > 0)
        set_verdict(plan, g_strdup_printf("%zu host%s must wake: %s", n, n == 1 ? "" : "s", first));
    else
        set_verdict(plan,
                    g_strdup_printf("no host can be spared, and none can be woken: %s", first));
    return true;
}

static bool is_failover_host(const Cluster *cluster, int64_t host_id)
{
    for (size_t i = 0; i < cluster->ha.n_failover_hosts; i++) {
        if (cluster->ha.failover_hosts[i] == host_id)
            return true;
    }
    return false;
}

static bool is_up(const Host *host, int64_t cluster_id)
{
    return host->cluster_id == cluster_id && host->connected && host->status == HOST_NORMAL &&
           !host->maintaining && !host->draining;
}

/* ---- may one sleep? ------------------------------------------------------------------------- */

/* "sleeps; it is not woken now: its last wake-up failed ..." */
static char *with_bar(const char *text, const char *joint, const struct dpm_bar *bar)
{
    return bar ? g_strconcat(text, joint, bar->why, NULL) : g_strdup(text);
}

/* Why a host that is not simply on is as it is; NULL if it is on. */
static char *off_text(const struct dpm_judge *j, const Host *host)
{
    const struct dpm_bar *bar = find_bar(j->params, host->id);

    if (dpm_is_asleep(host))
        return with_bar(host->off_since_ms > 0 ? "sleeps" : "did not come back when woken",
                        "; it is not woken now: ", bar);
    if (is_leaving(host))
        return with_bar("is being emptied", ": ", bar);
    if (host->maintaining)
        return g_strdup("is in maintenance");
    if (host->status == HOST_POWEROFF)
        return g_strdup("was switched off by hand: DPM leaves it off");
    if (host->status == HOST_UNKNOWN || !host->connected)
        return g_strdup("does not answer");
    if (!is_up(host, j->cluster->id))
        return g_strdup_printf("is %s", host_status_name(host->status));
    return bar ? g_strdup(bar->why) : NULL;
}

/* Why its absence cannot even be thought of. */
static char *fixed_text(const struct dpm_judge *j, const Host *host)
{
    char *why = off_text(j, host);

    if (why)
        return why;
    if (!*host->bmc_ip)
        return g_strdup("has no BMC");
    if (is_failover_host(j->cluster, host->id))
        return g_strdup("is a fail-over host of HA");
    return NULL;
}

static char *settling_text(int64_t up_ms, int64_t settle_ms)
{
    bool in_min = settle_ms > 0 && settle_ms % MS_PER_MIN == 0;
    int64_t unit_ms = in_min ? MS_PER_MIN : MS_PER_S;
    int64_t up_unit_ms = up_ms < 2 * MS_PER_MIN ? MS_PER_S : unit_ms;

    return g_strdup_printf("came back %" PRId64 " %s ago, it stays on for %" PRId64 " %s",
                           up_ms / up_unit_ms, up_unit_ms == MS_PER_MIN ? "min" : "s",
                           settle_ms / unit_ms, in_min ? "min" : "s");
}

/* What needs no plan to see; NULL if nothing speaks against it. */
static char *plain_trouble(const struct dpm_judge *j, const Host *host)
{
    const struct dpm_params *params = j->params;
    int64_t now_ms = params->sched.now_wall_ms, age_ms = now_ms - host->wake_proven_ms;
    int64_t up_ms = now_ms - MAX(host->wake_proven_ms, host->back_ms);
    char *why = fixed_text(j, host);

    if (why)
        return why;
    if (host->wake_proven_ms == 0)
        return g_strdup("its wake-up was never proven");
    if (age_ms > params->proof_ms)
        return g_strdup_printf("its wake-up was last proven %" PRId64 " days ago, the limit is "
                               "%" PRId64,
                               age_ms / MS_PER_DAY, params->proof_ms / MS_PER_DAY);
    if (up_ms < params->settle_ms)
        return settling_text(MAX(up_ms, 0), params->settle_ms);
    return NULL;
}

/* The world without the host, its VMs where the plan puts them. */
static Snapshot *without(const Snapshot *snap, const Plan *moves, int64_t host_id)
{
    g_autoptr(Snapshot) moved = whatif_moved(snap, moves);
    g_autoptr(SnapshotBuilder) world = whatif_builder(moved);

    dpm_set_power(world, host_id, false);
    return snapshot_builder_build(world, 0);
}

static bool has_breach(const RuleBreaches *breaches, int64_t rule_id)
{
    for (size_t i = 0; i < breaches->n_items; i++) {
        if (breaches->items[i].rule_id == rule_id)
            return true;
    }
    return false;
}

/* The first rule that is broken in the world after, and was not before. */
static char *broken_text(const struct dpm_judge *j, const Snapshot *before, const Snapshot *after,
                         bool must)
{
    g_autoptr(RuleBreaches) was = rules_breaches(before, j->cluster->id);
    g_autoptr(RuleBreaches) is = rules_breaches(after, j->cluster->id);

    for (size_t i = 0; i < is->n_items; i++) {
        const struct rule_breach *breach = &is->items[i];

        if (breach->must == must && !has_breach(was, breach->rule_id))
            return g_strdup_printf("without it a rule would be broken: %s", breach->text);
    }
    return g_strdup("without it rules would be broken by more VMs");
}

/* What is worse in the world after. */
static char *worse_text(const struct dpm_judge *j, const Snapshot *before, const Snapshot *after)
{
    struct dpm_picture was, is;

    if (!dpm_read_picture(before, j->cluster->id, &j->params->sched, &was, NULL) ||
        !dpm_read_picture(after, j->cluster->id, &j->params->sched, &is, NULL))
        return g_strdup("its absence cannot be judged");
    if (dpm_fullness(&is, NULL) > j->level->sleep_below)
        return g_strdup_printf("without it the load would be %" PRId64 " %%, the limit is "
                               "%" PRId64 " %%",
                               dpm_fullness(&is, NULL) / 10, j->level->sleep_below / 10);
    if (was.overload > 0 && is.overload > 0)
        return g_strdup_printf("a host is overloaded (%" PRId64 " %%): DRS comes first",
                               was.hottest / 10);
    /* one that is hot anyhow is for DRS to cool, if that does not need the room */
    if (is.hottest > j->level->wake_above && (is.hottest > was.hottest || is.overload > 0))
        return g_strdup_printf("without it the hottest host would have %" PRId64 " %%",
                               is.hottest / 10);
    if (is.crowd > was.crowd)
        return g_strdup("without it the network would be overloaded, or hosts have too many vCPUs");
    if (is.must > was.must || (is.should > was.should && !j->asked))
        return broken_text(j, before, after, is.must > was.must);
    return NULL;
}

/* A VM whose move away from the host is not over runs there still; NULL: none. */
static const Vm *find_leaving(const Snapshot *snap, int64_t host_id)
{
    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];

        if (vm->host_id == host_id && vm->target_host_id != 0 && vm_is_placed(vm))
            return vm;
    }
    return NULL;
}

/* Sets *ret_moves that empty the host; or says why that cannot be. */
static char *leave_text(const struct dpm_judge *j, const Snapshot *now, int64_t host_id,
                        Plan **ret_moves)
{
    const Vm *leaving = find_leaving(now, host_id);
    g_autoptr(Plan) plan = NULL;

    if (leaving)
        return g_strdup_printf("VM %s is still on its way from it", leaving->name);
    if (!evacuate_plan(now, host_id, &j->params->sched, &plan, NULL))
        return g_strdup("its absence cannot be judged");
    if (plan->stays.len > 0)
        return g_strdup_printf("VM %s cannot leave: %s", plan->stays.items[0].vm_name,
                               plan->stays.items[0].text);
    if (plan->n_unordered > 0)
        return g_strdup("its VMs have no safe order to leave in");
    *ret_moves = g_steal_pointer(&plan);
    return NULL;
}

/* Both worlds without the host. */
static char *absence_trouble(const struct dpm_judge *j, const Snapshot *calm, const Snapshot *now,
                             const Plan *moves, int64_t host_id)
{
    g_autoptr(Snapshot) now_after = without(now, moves, host_id);
    g_autoptr(Snapshot) calm_after = calm == now ? NULL : without(calm, moves, host_id);
    char *why = worse_text(j, calm, calm_after ? calm_after : now_after);

    if (!why && calm_after)
        why = dpm_need(j, calm_after);
    return why ? why : dpm_need(j, now_after);
}

/* Sets the verdict's moves when it may sleep; else *ret_deep: it could leave, but is needed. */
static char *sleep_trouble(const struct dpm_judge *j, const Snapshot *calm, const Snapshot *now,
                           struct dpm_verdict *verdict, bool *ret_deep)
{
    g_autoptr(Plan) plan = NULL;
    char *why = leave_text(j, now, verdict->host_id, &plan);

    *ret_deep = !why;
    if (!why)
        why = absence_trouble(j, calm, now, plan, verdict->host_id);
    if (why)
        return why;
    g_assert(plan);
    verdict->n_moves = plan->moves.len;
    for (size_t i = 0; i < plan->moves.len; i++)
        verdict->move_mb += plan->moves.items[i].cost_mb;
    return NULL;
}

struct candidate_host {
    struct dpm_verdict *verdict;
    int64_t mem_mb; /* configured, of its VMs */
};

static int candidate_cmp(const void *a, const void *b)
{
    const struct candidate_host *x = a, *y = b;

    if (x->mem_mb != y->mem_mb)
        return x->mem_mb < y->mem_mb ? -1 : 1;
    /* the one added last goes first: the oldest hosts keep the cluster together */
    return x->verdict->host_id > y->verdict->host_id ? -1 : 1;
}

static int64_t configured_on(const Snapshot *snap, int64_t host_id)
{
    int64_t sum = 0;

    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->host_id == host_id && vm_is_placed(snap->vms[i]))
            sum += snap->vms[i]->memory.size_mb;
    }
    return sum;
}

/* Hosts against which nothing plain speaks, best first; the others get their reason. */
static size_t list_candidates(const struct dpm_judge *j, const Snapshot *now, DpmPlan *plan,
                              struct candidate_host *list)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->hosts.len; i++) {
        struct dpm_verdict *verdict = &plan->hosts.items[i];
        char *why = plain_trouble(j, snapshot_host(now, verdict->host_id));

        if (why)
            say_text(verdict, why);
        else
            list[n++] = (struct candidate_host){ verdict, configured_on(now, verdict->host_id) };
    }
    if (n > 1)
        qsort(list, n, sizeof(*list), candidate_cmp);
    return n;
}

static void send_to_sleep(DpmPlan *plan, const struct candidate_host *list, size_t chosen, size_t n)
{
    struct dpm_verdict *verdict = list[chosen].verdict;

    verdict->action = DPM_SLEEP;
    say_text(verdict, g_strdup("the others carry the load, and HA's promise holds"));
    set_verdict(plan, g_strdup_printf("%s can sleep: %s", verdict->host_name, verdict->text));
    for (size_t k = chosen + 1; k < n; k++)
        say_text(list[k].verdict, g_strdup("another host goes first"));
}

static void plan_sleep(const struct dpm_judge *j, const Snapshot *calm, const Snapshot *now,
                       DpmPlan *plan)
{
    g_autofree struct candidate_host *list = g_new0(struct candidate_host, plan->hosts.len + 1);
    size_t n = list_candidates(j, now, plan, list), n_deep = 0;

    set_verdict(plan, g_strdup("no host can be spared"));
    for (size_t i = 0; i < n; i++) {
        bool deep = false;
        char *why = i < MAX_TRIES && n_deep < MAX_DEEP_TRIES
                        ? sleep_trouble(j, calm, now, list[i].verdict, &deep)
                        : g_strdup("not looked at this time: the hosts before it cannot be spared");

        if (!why) {
            send_to_sleep(plan, list, i, n);
            return;
        }
        n_deep += deep ? 1 : 0;
        say_text(list[i].verdict, why);
    }
}

/* ---- entry ---------------------------------------------------------------------------------- */

static bool in_cycle(const struct cycle *cycle, const struct sched_params *params)
{
    int day = cycle->type == CYCLE_WEEKLY    ? params->local_wday
              : cycle->type == CYCLE_MONTHLY ? params->local_mday
                                             : 0;

    return day < 1 || day > 31 || cycle->days == 0 || (cycle->days >> day & 1) != 0;
}

/* False and the reason when DPM rests: then every host should be on. */
static bool level_now(const Cluster *cluster, const struct sched_params *params,
                      struct dpm_level *ret_level, const char **ret_why)
{
    int hour = CLAMP(params->local_hour, 0, HOURS_PER_DAY - 1);
    int level = MIN(cluster->dpm.limen[hour], N_LEVELS);

    if (params->on_demand)
        return dpm_level(cluster, level > 0 ? level : LEVEL_MEDIUM, ret_level);
    if (cluster->dpm.power_level == 0)
        *ret_why = "power management is switched off";
    else if (!in_cycle(&cluster->dpm.cycle, params))
        *ret_why = "power management rests today";
    else if (level == 0)
        *ret_why = "power management rests in this hour: its level is 0";
    return !*ret_why && dpm_level(cluster, level, ret_level);
}

static void list_hosts(const Snapshot *snap, DpmPlan *plan)
{
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        if (host->cluster_id == plan->cluster_id)
            dpm_verdict_vec_push(&plan->hosts,
                                 (struct dpm_verdict){ .host_id = host->id,
                                                       .host_name = g_strdup(host->name),
                                                       .text = g_strdup("") });
    }
}

/* A host that is switched off or on right now: the picture is about to change. */
static const Host *find_restless(const Snapshot *snap, int64_t cluster_id)
{
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        if (host->cluster_id == cluster_id &&
            (host->status == HOST_BOOTING || host->status == HOST_SHUTTING_DOWN || host->draining))
            return host;
    }
    return NULL;
}

static void fill_texts(const struct dpm_judge *j, const Snapshot *now, DpmPlan *plan,
                       const char *why)
{
    for (size_t i = 0; i < plan->hosts.len; i++) {
        struct dpm_verdict *verdict = &plan->hosts.items[i];
        char *text;

        if (verdict->action != DPM_STAY)
            continue;
        text = plain_trouble(j, snapshot_host(now, verdict->host_id));
        say_text(verdict, text ? text : g_strdup(why));
    }
}

/* "VM x: newest sample is 95 s old"; NULL if both pictures are good enough. */
static char *data_trouble(const Snapshot *calm, const Snapshot *now, int64_t cluster_id,
                          const struct sched_params *params, GError **error)
{
    const Snapshot *const both[] = { calm, now };

    for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
        g_autoptr(Problem) problem = problem_new(both[i], cluster_id, params, 0, error);
        char *why = problem ? problem_data_trouble(problem) : g_strdup("");

        if (why)
            return why;
    }
    return NULL;
}

/* Puts the VM where it would start, if it finds a place there and HA could bear it. */
static bool try_start(const struct dpm_judge *j, SnapshotBuilder *world, int64_t vm_id)
{
    g_autoptr(Snapshot) before = snapshot_builder_build(world, 0);
    g_autoptr(Snapshot) after = NULL;
    const Vm *vm = snapshot_vm(before, vm_id);
    g_autoptr(Placement) placement = NULL;
    g_autofree char *why = NULL;
    Vm *started;

    if (!vm || vm_is_placed(vm) || vm->cluster_id != j->cluster->id ||
        !place_vm(before, vm->id, &j->params->sched, &placement, NULL))
        return false;
    started = vm_dup(vm);
    started->host_id = placement->host_id;
    started->status = VM_RUNNING;
    snapshot_builder_put_vm(world, started);
    after = snapshot_builder_build(world, 0);
    why = dpm_failure_trouble(j, after);
    if (!why)
        return true;
    snapshot_builder_put_vm(world, vm_dup(vm));
    return false;
}

/* Those of the waiting VMs for which there would be room with every host awake: for the others
 * waking is in vain. */
static void find_waiting(struct dpm_judge *j, const Snapshot *now)
{
    g_autoptr(SnapshotBuilder) world = NULL;

    j->waiting = g_new0(int64_t, j->params->n_waiting + 1);
    if (j->params->n_waiting == 0)
        return;
    world = whatif_builder(now);
    for (size_t i = 0; i < now->n_hosts; i++) {
        if (now->hosts[i]->cluster_id == j->cluster->id &&
            !find_bar(j->params, now->hosts[i]->id) &&
            (dpm_is_asleep(now->hosts[i]) || is_leaving(now->hosts[i])))
            dpm_set_power(world, now->hosts[i]->id, true);
    }
    count_booting(world, now, j);
    for (size_t i = 0; i < j->params->n_waiting; i++) {
        if (try_start(j, world, j->params->waiting[i]))
            j->waiting[j->n_waiting++] = j->params->waiting[i];
    }
}

static void decide(struct dpm_judge *j, const Snapshot *calm, const Snapshot *now, DpmPlan *plan)
{
    const Host *restless = find_restless(now, plan->cluster_id);
    g_autofree char *busy = NULL;

    if (plan_wakes(j, now, plan)) {
        fill_texts(j, now, plan, "is needed");
        return;
    }
    if (j->params->watched_ms < j->params->watch_ms) {
        set_verdict(plan,
                    g_strdup_printf("no host goes to sleep yet: the load was watched for "
                                    "%" PRId64 " of %" PRId64 " s",
                                    j->params->watched_ms / 1000, j->params->watch_ms / 1000));
        fill_texts(j, now, plan, plan->verdict);
        return;
    }
    if (!restless) {
        plan_sleep(j, calm, now, plan);
        return;
    }
    busy = g_strdup_printf("%s is %s", restless->name,
                           is_leaving(restless) ? "being emptied"
                                                : host_status_name(restless->status));
    set_verdict(plan, g_strdup_printf("no host goes to sleep while %s", busy));
    fill_texts(j, now, plan, plan->verdict);
}

bool dpm_plan(const Snapshot *calm, const Snapshot *now, int64_t cluster_id,
              const struct dpm_params *params, DpmPlan **ret_plan, GError **error)
{
    g_autoptr(DpmPlan) plan = g_new0(DpmPlan, 1);
    struct dpm_judge j = { .params = params, .cluster = snapshot_cluster(now, cluster_id) };
    g_autofree char *trouble = NULL;
    g_autoptr(GError) cause = NULL;
    struct dpm_picture calm_picture, now_picture;
    const char *rest = NULL;
    struct dpm_level level;

    trouble = data_trouble(calm, now, cluster_id, &params->sched, &cause);
    if (cause || !dpm_read_picture(calm, cluster_id, &params->sched, &calm_picture, &cause) ||
        !dpm_read_picture(now, cluster_id, &params->sched, &now_picture, &cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    plan->cluster_id = cluster_id;
    list_hosts(now, plan);
    for (int r = 0; r < N_RESOURCES; r++)
        j.growth[r] = MAX(now_picture.used[r] - calm_picture.used[r], 0);
    plan->load_permille = dpm_fullness(&calm_picture, NULL);
    plan->expected_permille = dpm_fullness(&now_picture, j.growth);
    j.n_fail = dpm_hosts_to_fail(j.cluster, params);
    find_waiting(&j, now);
    if (level_now(j.cluster, &params->sched, &level, &rest))
        j.level = &level;
    plan->decided = !j.level || !trouble;
    if (!j.level) {
        size_t n = wake_all(now, params, rest, plan);

        set_verdict(plan,
                    n > 0 ? g_strdup_printf("%zu host%s must wake: %s", n, n == 1 ? "" : "s", rest)
                          : g_strdup(rest));
        fill_texts(&j, now, plan, rest);
    } else if (trouble) {
        set_verdict(plan, g_strdup_printf("no decision: %s", trouble));
        fill_texts(&j, now, plan, plan->verdict);
    } else {
        decide(&j, calm, now, plan);
    }
    g_free(j.waiting);
    *ret_plan = g_steal_pointer(&plan);
    return true;
}

bool dpm_check_absence(const Snapshot *now, int64_t host_id, const struct dpm_params *params,
                       GError **error)
{
    static const struct dpm_level limits = { .sleep_below = 1000, .wake_above = 900 };
    const Host *host = snapshot_host(now, host_id);
    struct dpm_judge j = { .params = params, .level = &limits, .asked = true };
    g_autoptr(Plan) moves = NULL;
    g_autofree char *why = NULL;

    if (!host) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL,
                       "there is no host %" PRId64, host_id);
        return false;
    }
    j.cluster = snapshot_cluster(now, host->cluster_id);
    if (!j.cluster) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_NO_CLUSTER, NULL,
                       "host %s is in no cluster: its VMs have nowhere to go", host->name);
        return false;
    }
    j.n_fail = dpm_hosts_to_fail(j.cluster, params);
    why = fixed_text(&j, host);
    if (why) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_STATE, NULL,
                       "host %s cannot be spared: it %s", host->name, why);
        return false;
    }
    why = leave_text(&j, now, host_id, &moves);
    if (!why)
        why = absence_trouble(&j, now, now, moves, host_id);
    if (!why)
        return true;
    err_set_reason(error, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES, NULL,
                   "host %s cannot be spared: %s", host->name, why);
    return false;
}
