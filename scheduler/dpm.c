/* dpm.c - see dpm.h.  Every "what if" is a scratch copy of the snapshot, judged anew. */
#include "config.h"

#include "scheduler/dpm.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/admission.h"
#include "scheduler/evacuate.h"
#include "scheduler/layout.h"

#define N_LEVELS     9
#define LEVEL_MEDIUM 5
/* Hosts looked at closely in one plan; the next plan looks at the others. */
#define MAX_TRIES  16
#define MS_PER_DAY INT64_C(86400000)
#define MS_PER_MIN INT64_C(60000)

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

const struct dpm_level *dpm_level(int level)
{
    return level >= 1 && level <= N_LEVELS ? &levels[level] : NULL;
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

/* ---- scratch worlds ------------------------------------------------------------------------- */

static SnapshotBuilder *copy_world(const Snapshot *snap)
{
    SnapshotBuilder *world = snapshot_builder_new();

#define X(Type, field, prefix)                                                                     \
    for (size_t i = 0; i < snap->n_##field; i++)                                                   \
        snapshot_builder_put_##prefix(world, prefix##_ref(snap->field[i]));
    SNAPSHOT_LISTS(X)
#undef X
    return world;
}

static void set_power(SnapshotBuilder *world, int64_t host_id, bool on)
{
    Host *host = host_dup(snapshot_builder_get_host(world, host_id));

    host->connected = on;
    host->status = on ? HOST_NORMAL : HOST_POWEROFF;
    snapshot_builder_put_host(world, host);
}

static void apply_moves(SnapshotBuilder *world, const Plan *plan)
{
    for (size_t i = 0; i < plan->moves.len; i++) {
        Vm *vm = vm_dup(snapshot_builder_get_vm(world, plan->moves.items[i].vm_id));

        vm->host_id = plan->moves.items[i].to_id;
        snapshot_builder_put_vm(world, vm);
    }
}

/* ---- how full it is ------------------------------------------------------------------------- */

struct picture {
    uint32_t n_hosts; /* that are on */
    int64_t used[N_RESOURCES], cap[N_RESOURCES];
    int64_t overload, shortage, crowd, must, should;
    int64_t hottest; /* per mille */
};

static bool read_picture(const Snapshot *snap, int64_t cluster_id,
                         const struct sched_params *params, struct picture *ret, GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) p = problem_new(snap, cluster_id, params, 0, error);
    g_autoptr(Layout) layout = NULL;

    if (!p)
        return false;
    layout = layout_new(p, &free_moves);
    *ret = (struct picture){ .n_hosts = p->n_usable,
                             .overload = layout->score.overload,
                             .shortage = layout->score.shortage,
                             .crowd = layout->score.crowd,
                             .must = layout->score.must,
                             .should = layout->score.should };
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (!problem_usable(p, h))
            continue;
        for (int r = 0; r < N_RESOURCES; r++) {
            ret->used[r] += layout->used[r][h];
            ret->cap[r] += p->host_cap[r][h];
            ret->hottest = MAX(ret->hottest, layout_permille(layout, r, h));
        }
    }
    return true;
}

/* Per mille of the fuller resource, with so much more demand. */
static int64_t fullness(const struct picture *picture, const int64_t *growth)
{
    int64_t most = 0;

    for (int r = 0; r < N_RESOURCES; r++) {
        int64_t more = growth ? growth[r] : 0;

        if (picture->cap[r] > 0)
            most = MAX(most, (picture->used[r] + more) * 1000 / picture->cap[r]);
    }
    return most;
}

/* ---- what must hold with hosts failing ------------------------------------------------------ */

struct judge {
    const struct dpm_params *params;
    const Cluster *cluster;
    const struct dpm_level *level;
    uint32_t n_fail;             /* hosts may fail, beside HA's own policy */
    int64_t growth[N_RESOURCES]; /* expected while a host boots */
};

/* With HA one host may fail at any time, whatever policy is set beside; spare hosts are the same
 * promise made by DPM. */
static uint32_t hosts_to_fail(const Cluster *cluster, const struct dpm_params *params)
{
    return MAX(cluster->ha.enabled ? 1 : 0, params->spare_hosts);
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
           !host->maintaining;
}

/* What the policy of HA or the spare hosts lack; NULL if nothing. */
static char *failure_trouble(const struct judge *j, const Snapshot *snap)
{
    const int asked[] = { -1, (int)MIN(j->n_fail, PROBLEM_MAX_HOSTS) };

    for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        struct admission_verdict verdict = { 0 };

        if (!admission_check(snap, j->cluster->id, asked[i], &j->params->sched, &verdict, NULL))
            return g_strdup("it cannot be judged");
        if (verdict.wanted && !verdict.holds)
            return verdict.text;
        g_free(verdict.text);
    }
    return NULL;
}

/* ---- must something wake? ------------------------------------------------------------------- */

static char *load_trouble(const struct judge *j, const struct picture *picture)
{
    int64_t now = fullness(picture, NULL), expected = fullness(picture, j->growth);

    if (picture->n_hosts < j->n_fail + 1)
        return g_strdup_printf("at least %u hosts must be on", j->n_fail + 1);
    if (picture->shortage > 0)
        return g_strdup_printf("%" PRId64 " MiB more memory is configured than there is",
                               picture->shortage);
    if (expected > j->level->wake_above)
        return g_strdup_printf("the load is %" PRId64 " %%, soon %" PRId64 " %%; the limit is "
                               "%" PRId64 " %%",
                               now / 10, expected / 10, j->level->wake_above / 10);
    if (picture->overload > 0 && now > j->level->sleep_below)
        return g_strdup_printf("%" PRId64 " MHz are wanted that overloaded hosts do not have",
                               picture->overload);
    return NULL;
}

/* Why this world needs one host more; NULL if it does not. */
static char *need(const struct judge *j, const Snapshot *snap)
{
    struct picture picture;
    char *why;

    if (!read_picture(snap, j->cluster->id, &j->params->sched, &picture, NULL))
        return g_strdup("it cannot be judged");
    why = load_trouble(j, &picture);
    return why ? why : failure_trouble(j, snap);
}

static bool is_unwakeable(const struct dpm_params *params, int64_t host_id)
{
    for (size_t i = 0; i < params->n_unwakeable; i++) {
        if (params->unwakeable[i] == host_id)
            return true;
    }
    return false;
}

static bool is_asleep(const Host *host)
{
    return host->status == HOST_POWEROFF && host->off_since_ms > 0 && !host->maintaining;
}

/* The best host to wake: the largest; ties to the one proven last, then the smaller id. */
static struct dpm_verdict *best_sleeper(const Snapshot *snap, const struct dpm_params *params,
                                        DpmPlan *plan)
{
    struct dpm_verdict *best = NULL;
    const Host *best_host = NULL;

    for (size_t i = 0; i < plan->hosts.len; i++) {
        struct dpm_verdict *verdict = &plan->hosts.items[i];
        const Host *host = snapshot_host(snap, verdict->host_id);

        if (verdict->action == DPM_WAKE || !is_asleep(host) || is_unwakeable(params, host->id))
            continue;
        if (!best || host->mem_mb > best_host->mem_mb ||
            (host->mem_mb == best_host->mem_mb &&
             host->wake_proven_ms > best_host->wake_proven_ms)) {
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
static void count_booting(SnapshotBuilder *world, const Snapshot *now, const struct judge *j)
{
    for (size_t i = 0; i < now->n_hosts; i++) {
        const Host *host = now->hosts[i];

        if (host->cluster_id == j->cluster->id && host->status == HOST_BOOTING &&
            !host->maintaining)
            set_power(world, host->id, true);
    }
}

/* Wakes as many as are needed; true if the cluster is not at rest. */
static bool plan_wakes(const struct judge *j, const Snapshot *now, DpmPlan *plan)
{
    g_autoptr(SnapshotBuilder) world = copy_world(now);
    g_autofree char *first = NULL;
    size_t n = 0;

    count_booting(world, now, j);
    for (;;) {
        g_autoptr(Snapshot) snap = snapshot_builder_build(world, 0);
        char *why = need(j, snap);
        struct dpm_verdict *verdict = why ? best_sleeper(now, j->params, plan) : NULL;

        if (why && !first)
            first = g_strdup(why);
        if (!verdict) {
            g_free(why);
            break;
        }
        verdict->action = DPM_WAKE;
        say_text(verdict, why);
        set_power(world, verdict->host_id, true);
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

/* ---- may one sleep? ------------------------------------------------------------------------- */

/* What needs no plan to see; NULL if nothing speaks against it. */
static char *plain_trouble(const struct judge *j, const Host *host)
{
    const struct dpm_params *params = j->params;
    int64_t age_ms = params->sched.now_wall_ms - host->wake_proven_ms;

    if (is_asleep(host))
        return g_strdup("sleeps");
    if (!is_up(host, j->cluster->id))
        return g_strdup_printf("is %s", host->maintaining ? "in maintenance"
                                                          : host_status_name(host->status));
    if (!*host->bmc_ip)
        return g_strdup("has no BMC");
    if (is_failover_host(j->cluster, host->id))
        return g_strdup("is a fail-over host of HA");
    if (is_unwakeable(params, host->id))
        return g_strdup("its power failed lately");
    if (host->wake_proven_ms == 0)
        return g_strdup("its wake-up was never proven");
    if (age_ms > params->proof_ms)
        return g_strdup_printf("its wake-up was last proven %" PRId64 " days ago, the limit is "
                               "%" PRId64,
                               age_ms / MS_PER_DAY, params->proof_ms / MS_PER_DAY);
    if (age_ms < params->settle_ms)
        return g_strdup_printf("came back %" PRId64 " min ago, it stays on for %" PRId64,
                               MAX(age_ms, 0) / MS_PER_MIN, params->settle_ms / MS_PER_MIN);
    return NULL;
}

/* Both worlds without the host, its VMs where the plan puts them. */
static char *absence_trouble(const struct judge *j, const Snapshot *calm, const Snapshot *now,
                             const Plan *moves, int64_t host_id)
{
    g_autoptr(SnapshotBuilder) calm_world = copy_world(calm), now_world = copy_world(now);
    g_autoptr(Snapshot) calm_after = NULL, now_after = NULL;
    struct picture before, after;
    char *why;

    apply_moves(calm_world, moves);
    apply_moves(now_world, moves);
    set_power(calm_world, host_id, false);
    set_power(now_world, host_id, false);
    calm_after = snapshot_builder_build(calm_world, 0);
    now_after = snapshot_builder_build(now_world, 0);
    if (!read_picture(calm, j->cluster->id, &j->params->sched, &before, NULL) ||
        !read_picture(calm_after, j->cluster->id, &j->params->sched, &after, NULL))
        return g_strdup("its absence cannot be judged");
    if (fullness(&after, NULL) > j->level->sleep_below)
        return g_strdup_printf("without it the load would be %" PRId64 " %%, the limit is "
                               "%" PRId64 " %%",
                               fullness(&after, NULL) / 10, j->level->sleep_below / 10);
    if (after.hottest > j->level->wake_above)
        return g_strdup_printf("without it the hottest host would have %" PRId64 " %%",
                               after.hottest / 10);
    if (after.crowd > before.crowd)
        return g_strdup("without it the network would be overloaded, or hosts have too many vCPUs");
    if (after.must > before.must || after.should > before.should)
        return g_strdup("without it more rules would be broken");
    why = need(j, calm_after);
    return why ? why : need(j, now_after);
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

/* Sets the verdict's moves when it may sleep. */
static char *sleep_trouble(const struct judge *j, const Snapshot *calm, const Snapshot *now,
                           struct dpm_verdict *verdict)
{
    const Vm *leaving = find_leaving(now, verdict->host_id);
    g_autoptr(Plan) plan = NULL;
    char *why;

    if (leaving)
        return g_strdup_printf("VM %s is still on its way from it", leaving->name);
    if (!evacuate_plan(now, verdict->host_id, &j->params->sched, &plan, NULL))
        return g_strdup("its absence cannot be judged");
    if (plan->stays.len > 0)
        return g_strdup_printf("VM %s cannot leave: %s", plan->stays.items[0].vm_name,
                               plan->stays.items[0].text);
    if (plan->n_unordered > 0)
        return g_strdup("its VMs have no safe order to leave in");
    why = absence_trouble(j, calm, now, plan, verdict->host_id);
    if (why)
        return why;
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

static void plan_sleep(const struct judge *j, const Snapshot *calm, const Snapshot *now,
                       DpmPlan *plan)
{
    g_autofree struct candidate_host *list = g_new0(struct candidate_host, plan->hosts.len + 1);
    size_t n = 0;

    set_verdict(plan, g_strdup("no host can be spared"));
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
    for (size_t i = 0; i < n; i++) {
        char *why = i < MAX_TRIES ? sleep_trouble(j, calm, now, list[i].verdict)
                                  : g_strdup("not looked at this time");

        if (why) {
            say_text(list[i].verdict, why);
            continue;
        }
        list[i].verdict->action = DPM_SLEEP;
        say_text(list[i].verdict, g_strdup("the others carry the load, and HA's promise holds"));
        set_verdict(plan, g_strdup_printf("%s can sleep: %s", list[i].verdict->host_name,
                                          list[i].verdict->text));
        for (size_t k = i + 1; k < n; k++)
            say_text(list[k].verdict, g_strdup("another host goes first"));
        return;
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

/* NULL and the reason when DPM rests: then every host should be on. */
static const struct dpm_level *level_now(const Cluster *cluster, const struct sched_params *params,
                                         const char **ret_why)
{
    int hour = CLAMP(params->local_hour, 0, HOURS_PER_DAY - 1);
    int level = MIN(cluster->dpm.limen[hour], N_LEVELS);

    if (params->on_demand)
        return dpm_level(level > 0 ? level : LEVEL_MEDIUM);
    if (cluster->dpm.power_level == 0)
        *ret_why = "power management is switched off";
    else if (!in_cycle(&cluster->dpm.cycle, params))
        *ret_why = "power management rests today";
    else if (level == 0)
        *ret_why = "power management rests in this hour: its level is 0";
    return *ret_why ? NULL : dpm_level(level);
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
            (host->status == HOST_BOOTING || host->status == HOST_SHUTTING_DOWN))
            return host;
    }
    return NULL;
}

static void fill_texts(const struct judge *j, const Snapshot *now, DpmPlan *plan, const char *why)
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

static void decide(struct judge *j, const Snapshot *calm, const Snapshot *now, DpmPlan *plan)
{
    const Host *restless = find_restless(now, plan->cluster_id);
    g_autofree char *busy = NULL;

    if (plan_wakes(j, now, plan)) {
        fill_texts(j, now, plan, "is needed");
        return;
    }
    if (!restless) {
        plan_sleep(j, calm, now, plan);
        return;
    }
    busy = g_strdup_printf("%s is %s", restless->name, host_status_name(restless->status));
    set_verdict(plan, g_strdup_printf("no host goes to sleep while %s", busy));
    fill_texts(j, now, plan, plan->verdict);
}

bool dpm_plan(const Snapshot *calm, const Snapshot *now, int64_t cluster_id,
              const struct dpm_params *params, DpmPlan **ret_plan, GError **error)
{
    g_autoptr(DpmPlan) plan = g_new0(DpmPlan, 1);
    struct judge j = { .params = params, .cluster = snapshot_cluster(now, cluster_id) };
    g_autofree char *trouble = NULL;
    g_autoptr(GError) cause = NULL;
    struct picture calm_picture, now_picture;
    const char *rest = NULL;

    trouble = data_trouble(calm, now, cluster_id, &params->sched, &cause);
    if (cause || !read_picture(calm, cluster_id, &params->sched, &calm_picture, &cause) ||
        !read_picture(now, cluster_id, &params->sched, &now_picture, &cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    plan->cluster_id = cluster_id;
    list_hosts(now, plan);
    for (int r = 0; r < N_RESOURCES; r++)
        j.growth[r] = MAX(now_picture.used[r] - calm_picture.used[r], 0);
    plan->load_permille = fullness(&calm_picture, NULL);
    plan->expected_permille = fullness(&now_picture, j.growth);
    j.n_fail = hosts_to_fail(j.cluster, params);
    j.level = level_now(j.cluster, &params->sched, &rest);
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
    *ret_plan = g_steal_pointer(&plan);
    return true;
}
