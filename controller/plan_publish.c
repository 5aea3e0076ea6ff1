/* plan_publish.c - see plan_publish.h. */
#include "config.h"

#include "controller/plan_publish.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/ha_wish.h"
#include "controller/observe.h"
#include "controller/plan_book.h"
#include "controller/plan_targets.h"
#include "controller/rights.h"
#include "controller/vm_after.h"
#include "etcd/etcd.h"
#include "ha/right.h"

#define TICK_MS      250
#define ETCD_MS      3000 /* the list of a large site takes more than a small request */
#define RETRY_MS     1000
#define WARN_MS      60000
#define MAX_OPS      48
#define MAX_BYTES    ((size_t)400 * 1024) /* etcd takes 1.5 MiB, base64 and all */
#define MAX_TEXTS    192                  /* made in one turn: some ms */
#define HURRY_MS     20                   /* to the next turn, while texts are missing */
#define MAX_DEPUTIES 5
#define TARGETS_MS   3000  /* between two computations, or ... */
#define TARGETS_PART 20    /* ... so many times what the last one took */
#define HEARD_MS     20000 /* hosts that are silent for so long after a take-over stay away */

enum state {
    IDLE,    /* not active */
    LISTING, /* what is there is not known */
    READY,
};

struct PlanPublish {
    struct app *app;
    Etcd *etcd;
    char *leader_key, *hosts_key, *deputies_key;
    enum state state;
    guint timer, hurry;
    int64_t due_ms; /* nothing is sent before */
    EtcdCall *call;
    PlanBook *book;
    uint64_t life;  /* which book that is */
    GArray *ops;    /* on their way */
    char *deputies; /* on its way; "" removes it; NULL: not */
    char *named;    /* what is there; "": nothing; NULL: not known */
    bool is_current;
    int64_t started_ms;
    /* targets */
    WorkPool *pool;
    bool aiming;
    uint64_t aimed_at; /* what mattered when they were computed last */
    int64_t aim_due_ms;
    struct log_limit warned;
};

static void step(PlanPublish *publish);

/* ---- etcd ------------------------------------------------------------------------------------ */

static void begin_anew(PlanPublish *publish, const GError *error)
{
    if (error && log_limit_pass(&publish->warned, clock_now_ms(), WARN_MS, NULL))
        log_warning("the plan for the time without a controller is not published; trying on",
                    "ERROR", error->message, NULL);
    publish->state = LISTING;
    publish->due_ms = clock_now_ms() + RETRY_MS;
    g_clear_pointer(&publish->ops, g_array_unref);
    g_clear_pointer(&publish->deputies, g_free);
    g_clear_pointer(&publish->named, g_free);
    g_clear_pointer(&publish->book, plan_book_free);
    publish->book = plan_book_new();
    publish->life++;
    publish->aimed_at = 0;
    publish->is_current = false;
}

static void take_found(PlanPublish *publish, const struct etcd_kv *kv)
{
    const char *prefix = publish->app->settings->etcd_prefix;
    struct ha_plan_host plan = { 0 };
    enum ha_plan_kind kind;
    int64_t host;

    if (!ha_plan_key_parse(prefix, kv->key, &kind, &host) || kind != HA_PLAN_HOST)
        return;
    /* Unreadable, as of a later version: written anew. */
    (void)ha_plan_host_parse(kv->value, kv->value_len, &plan, NULL);
    plan_book_found(publish->book, host, &plan, kv->value);
    ha_plan_host_clear(&plan);
}

static void on_listed(const struct etcd_answer *answer, const GError *error, void *user)
{
    PlanPublish *publish = user;

    publish->call = NULL;
    if (error) {
        begin_anew(publish, error);
        return;
    }
    for (size_t i = 0; i < answer->kvs.len; i++)
        take_found(publish, &answer->kvs.items[i]);
    publish->state = READY;
    step(publish);
}

/* A refused transaction: another one leads, and this vrmd will know in a moment. */
static void on_written(const struct etcd_answer *answer, const GError *error, void *user)
{
    PlanPublish *publish = user;

    publish->call = NULL;
    if (error || !answer->succeeded) {
        begin_anew(publish, error);
        return;
    }
    if (publish->ops)
        plan_book_done(publish->book, publish->ops);
    g_clear_pointer(&publish->ops, g_array_unref);
    if (publish->deputies) {
        g_free(publish->named);
        publish->named = g_steal_pointer(&publish->deputies);
    }
    step(publish);
}

static void add_key(EtcdTxn *txn, const char *key, const char *text)
{
    if (text)
        etcd_txn_put(txn, key, text, 0);
    else
        etcd_txn_delete(txn, key);
}

/* Takes ops and deputies; either may be NULL. */
static void send_txn(PlanPublish *publish, int64_t epoch, GArray *ops, char *deputies)
{
    const char *prefix = publish->app->settings->etcd_prefix;
    g_autoptr(EtcdTxn) txn = etcd_txn_new();

    etcd_txn_guard(txn, publish->leader_key, epoch);
    for (guint i = 0; ops && i < ops->len; i++) {
        const struct plan_op *op = &g_array_index(ops, struct plan_op, i);
        g_autofree char *key = ha_plan_key(prefix, op->kind, op->id);

        add_key(txn, key, op->text);
    }
    if (deputies)
        add_key(txn, publish->deputies_key, *deputies ? deputies : NULL);
    publish->ops = ops;
    publish->deputies = deputies;
    publish->call = etcd_commit(publish->etcd, txn, on_written, publish);
}

/* ---- VMs ------------------------------------------------------------------------------------- */

/* As the decider of this vrmd has it (controller/ha_wish.h): it should run, its policy follows its
 * host, and its record in etcd says where it is.  What runs without such a record nobody else may
 * ever start. */
static bool is_planned(const PlanPublish *publish, const Snapshot *snap, const Vm *vm)
{
    const Cluster *cluster = snapshot_cluster(snap, vm->cluster_id);
    struct ha_vm_spec spec;

    ha_wish_policy(vm, cluster, &spec);
    return vm->host_id != 0 && spec.follows_host &&
           ha_wish_is_wanted(vm, cluster, rights_of(publish->app->rights, vm->id)) &&
           rights_authority(publish->app->rights, snap, vm) !=
               HA_LOCAL; /* nobody else has its disk */
}

static char *format_vm(const Vm *vm)
{
    const struct ha_plan_vm plan = { .gen = vm->run_gen, .vm = (Vm *)(uintptr_t)vm };

    return ha_plan_vm_format(&plan);
}

/* n_texts: made in this turn; beyond MAX_TEXTS the rest waits for the next one. */
static void want(PlanPublish *publish, const Snapshot *snap, const Vm *vm, unsigned *n_texts)
{
    const struct plan_wish wish = {
        .vm = vm->id,
        .host = vm->host_id,
        .authority = rights_authority(publish->app->rights, snap, vm),
        .priority = (int64_t)vm->restart_priority,
        .after = vm_after_first(snap, vm, NULL),
        .version = { vm->generation, vm->run_gen },
    };

    if (!plan_book_want(publish->book, &wish) && ++*n_texts <= MAX_TEXTS)
        plan_book_tell(publish->book, vm->id, format_vm(vm));
}

/* False: texts are missing. */
static bool look(PlanPublish *publish, const Snapshot *snap)
{
    unsigned n_texts = 0;

    plan_book_begin(publish->book);
    for (size_t i = 0; i < snap->n_vms; i++)
        if (is_planned(publish, snap, snap->vms[i]))
            want(publish, snap, snap->vms[i], &n_texts);
    plan_book_end(publish->book);
    return n_texts <= MAX_TEXTS;
}

/* ---- deputies -------------------------------------------------------------------------------- */

static bool may_stand_in(const Host *host)
{
    return host->hald && host->connected && host->status == HOST_NORMAL && !host->maintaining &&
           !host->draining;
}

static bool is_rack_new(const GPtrArray *chosen, const Host *host)
{
    for (guint i = 0; i < chosen->len; i++)
        if (*host->rack &&
            g_str_equal(((const Host *)g_ptr_array_index(chosen, i))->rack, host->rack))
            return false;
    return true;
}

/* From as many racks as there are; by id, so that the choice is steady. */
static GPtrArray *choose(const Snapshot *snap)
{
    GPtrArray *chosen = g_ptr_array_new();

    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < snap->n_hosts && chosen->len < MAX_DEPUTIES; i++) {
            Host *host = (Host *)(uintptr_t)snap->hosts[i];

            if (may_stand_in(host) && !g_ptr_array_find(chosen, host, NULL) &&
                (turn == 1 || is_rack_new(chosen, host)))
                g_ptr_array_add(chosen, host);
        }
    return chosen;
}

/* "": nobody. */
static char *format_deputies(const PlanPublish *publish, const Snapshot *snap, int64_t epoch)
{
    g_autoptr(GPtrArray) chosen = choose(snap);
    struct ha_plan_deputy hosts[MAX_DEPUTIES];
    const struct ha_plan_deputies plan = { epoch, hosts, chosen->len };

    for (guint i = 0; i < chosen->len; i++)
        hosts[i].host = ((const Host *)g_ptr_array_index(chosen, i))->id;
    if (snap->site->ha_disarmed_ms != 0 || !publish->app->settings->ha_enabled)
        return g_strdup("");
    return chosen->len > 0 ? ha_plan_deputies_format(&plan) : NULL;
}

/* NULL: as it is.  When no host may stand in just now, those that were named stay: they may be
 * back by then. */
static char *changed_deputies(const PlanPublish *publish, const Snapshot *snap, int64_t epoch)
{
    g_autofree char *text = format_deputies(publish, snap, epoch);

    return text && g_strcmp0(publish->named, text) != 0 ? g_steal_pointer(&text) : NULL;
}

/* ---- targets --------------------------------------------------------------------------------- */

struct aim_job {
    PlanPublish *publish;
    uint64_t life; /* of the book that it is for */
    Snapshot *snap;
    struct sched_params params;
    GPtrArray *aims; /* GArray of struct plan_aim, one a cluster */
    int64_t took_ms;
};

static void run_aim(void *thread_state, void *data)
{
    struct aim_job *job = data;
    const int64_t began_ms = clock_now_ms();

    (void)thread_state;
    for (size_t i = 0; i < job->snap->n_clusters; i++)
        if (job->snap->clusters[i]->ha.enabled)
            g_ptr_array_add(job->aims,
                            plan_targets(job->snap, job->snap->clusters[i]->id, &job->params));
    job->took_ms = clock_now_ms() - began_ms;
}

static void take_aims(PlanPublish *publish, const GArray *aims)
{
    for (guint i = 0; i < aims->len; i++) {
        const struct plan_aim *aim = &g_array_index(aims, struct plan_aim, i);

        plan_book_aim(publish->book, aim->vm, aim->targets);
    }
}

static void aimed(void *data, bool ran)
{
    struct aim_job *job = data;
    PlanPublish *publish = job->publish;

    publish->aiming = false;
    publish->aim_due_ms = clock_now_ms() + MAX(TARGETS_MS, TARGETS_PART * job->took_ms);
    for (guint i = 0; ran && publish->life == job->life && i < job->aims->len; i++)
        take_aims(publish, g_ptr_array_index(job->aims, i));
    snapshot_unref(job->snap);
    g_ptr_array_unref(job->aims);
    g_free(job);
}

static void mix(uint64_t *sum, int64_t value)
{
    *sum = (*sum ^ (uint64_t)value) * UINT64_C(0x100000001b3);
}

/* Of what decides where VMs could go: not their load, which changes all the time. */
static uint64_t what_matters(const Snapshot *snap)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < snap->n_vms; i++) {
        mix(&sum, snap->vms[i]->id);
        mix(&sum, snap->vms[i]->generation);
        mix(&sum, vm_is_placed(snap->vms[i]) ? snap->vms[i]->host_id : 0);
    }
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        mix(&sum, host->id);
        mix(&sum, host->generation);
        mix(&sum, (int64_t)host->status);
        mix(&sum, host->maintaining + 2 * host->draining + 4 * host->no_rights +
                      8 * host->ha_closed + 16 * host->connected);
        mix(&sum, *host->lost_stores ? g_str_hash(host->lost_stores) : 0);
    }
    for (size_t i = 0; i < snap->n_rules; i++)
        mix(&sum, snap->rules[i]->generation + snap->rules[i]->id);
    for (size_t i = 0; i < snap->n_groups; i++)
        mix(&sum, snap->groups[i]->generation + snap->groups[i]->id);
    for (size_t i = 0; i < snap->n_clusters; i++)
        mix(&sum, snap->clusters[i]->generation + snap->clusters[i]->id);
    return sum;
}

/* After a take-over every host seems to be down until it was heard. */
static void aim(PlanPublish *publish, const Snapshot *snap)
{
    const int64_t now_ms = clock_now_ms();
    const uint64_t matters = what_matters(snap);
    struct aim_job *job;

    if (publish->aiming || now_ms < publish->aim_due_ms || matters == publish->aimed_at ||
        (observe_awaits(publish->app->observe) && now_ms - publish->started_ms < HEARD_MS))
        return;
    job = g_new0(struct aim_job, 1);
    *job = (struct aim_job){
        .publish = publish,
        .life = publish->life,
        .snap = inventory_snapshot(publish->app->inv),
        .aims = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref),
    };
    app_sched_params(publish->app, &job->params);
    publish->aiming = true;
    publish->aimed_at = matters;
    if (!work_pool_submit(publish->pool, NULL, run_aim, aimed, job))
        aimed(job, false);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void list(PlanPublish *publish)
{
    publish->call = etcd_read(publish->etcd, publish->hosts_key, on_listed, publish);
}

static gboolean on_hurry(gpointer user)
{
    PlanPublish *publish = user;

    publish->hurry = 0;
    step(publish);
    return G_SOURCE_REMOVE;
}

static void write_next(PlanPublish *publish, int64_t epoch)
{
    const Snapshot *snap = inventory_peek(publish->app->inv);
    char *deputies = changed_deputies(publish, snap, epoch);
    GArray *ops = NULL;
    bool is_whole = true;

    if (publish->app->settings->ha_enabled) {
        is_whole = look(publish, snap);
        aim(publish, snap);
        ops = plan_book_next(publish->book, MAX_OPS, MAX_BYTES);
    }
    publish->is_current = is_whole && !deputies && (!ops || ops->len == 0);
    if (deputies || (ops && ops->len > 0))
        send_txn(publish, epoch, ops, deputies);
    else
        g_clear_pointer(&ops, g_array_unref);
    if (!is_whole && publish->hurry == 0)
        publish->hurry = g_timeout_add(HURRY_MS, on_hurry, publish);
}

static void step(PlanPublish *publish)
{
    struct app *app = publish->app;
    const int64_t epoch = app->committer.epoch(app->committer.user);

    if (publish->call || publish->state == IDLE || epoch == 0 || clock_now_ms() < publish->due_ms)
        return;
    if (publish->state == LISTING)
        list(publish);
    else if (!app->settings->ha_enabled || rights_listed(app->rights))
        write_next(publish, epoch);
}

static gboolean on_tick(gpointer user)
{
    step(user);
    return G_SOURCE_CONTINUE;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void drop_call(PlanPublish *publish)
{
    if (publish->call)
        etcd_cancel(publish->call);
    publish->call = NULL;
}

PlanPublish *plan_publish_new(struct app *app, HttpClient *etcd_http)
{
    PlanPublish *publish = g_new0(PlanPublish, 1);
    const struct settings *settings = app->settings;

    publish->app = app;
    publish->etcd = etcd_new(etcd_http, (const char *const *)settings->etcd_endpoints, ETCD_MS);
    publish->leader_key = g_strconcat(settings->etcd_prefix, "/leader", NULL);
    publish->hosts_key = g_strconcat(settings->etcd_prefix, "/plan/host/", NULL);
    publish->deputies_key = ha_plan_key(settings->etcd_prefix, HA_PLAN_DEPUTIES, 0);
    publish->book = plan_book_new();
    publish->pool = work_pool_new(
        &(struct work_pool_options){ .name = "plan", .n_threads = 1, .max_queued = 1 });
    publish->timer = g_timeout_add(TICK_MS, on_tick, publish);
    return publish;
}

void plan_publish_free(PlanPublish *publish)
{
    if (!publish)
        return;
    g_source_remove(publish->timer);
    if (publish->hurry)
        g_source_remove(publish->hurry);
    drop_call(publish);
    work_pool_free(publish->pool);
    etcd_free(publish->etcd);
    plan_book_free(publish->book);
    if (publish->ops)
        g_array_unref(publish->ops);
    g_free(publish->deputies);
    g_free(publish->named);
    g_free(publish->leader_key);
    g_free(publish->hosts_key);
    g_free(publish->deputies_key);
    g_free(publish);
}

void plan_publish_start(PlanPublish *publish)
{
    drop_call(publish);
    begin_anew(publish, NULL);
    publish->started_ms = clock_now_ms();
    publish->due_ms = 0;
}

void plan_publish_reset(PlanPublish *publish)
{
    drop_call(publish);
    begin_anew(publish, NULL);
    publish->state = IDLE;
}

bool plan_publish_is_current(const PlanPublish *publish)
{
    return publish->state == READY && publish->is_current && !publish->aiming;
}
