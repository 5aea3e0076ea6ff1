/* alarm.c - see alarm.h. */
#include "config.h"

#include "controller/alarm.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/dpm.h"
#include "model/reason.h"

#define TICK_MS        5000
#define TEXT_PERIOD_MS 60000 /* a text that changes all the time is not written all the time */
#define AGAIN_MS       2000  /* after a failure to write */
#define N_LEVELS       4

/* What is stored, and what should be; sync() brings the first to the second. */
struct slot {
    Alarm *stored; /* id 0: not in the database */
    char *text;    /* as it should be */
    bool raised;   /* should be */
    bool busy;     /* a change is being written */
    bool failed;   /* the last one could not be, and the log says so */
    int64_t again_ms;
    int64_t text_at_ms;
};

struct Alarms {
    struct app *app;
    GHashTable *slots; /* key_of() -> struct slot */
    guint timer;
    uint64_t age; /* of the table: completions from before a reset are void */
    Metric *active[N_LEVELS + 1];
    Metric *raised[N_ALARM_KINDS], *cleared[N_ALARM_KINDS];
};

static void free_slot(void *data)
{
    struct slot *slot = data;

    alarm_free(slot->stored);
    g_free(slot->text);
    g_free(slot);
}

static char *key_of(const char *number, enum object_kind kind, int64_t object_id)
{
    return g_strdup_printf("%s/%d/%" G_GINT64_FORMAT, number, (int)kind, object_id);
}

/* ---- objects ----------------------------------------------------------------------------------
 */

struct about {
    const char *name;
    int64_t cluster_id; /* of what lives below one */
};

static bool find_rule(const SnapshotBuilder *inv, int64_t id, struct about *ret_about)
{
    const Rule *rule = snapshot_builder_get_rule(inv, id);

    if (rule)
        *ret_about = (struct about){ rule->name, rule->cluster_id };
    return rule != NULL;
}

#define FIND(prefix, Type)                                                                         \
    static bool find_##prefix(const SnapshotBuilder *inv, int64_t id, struct about *ret_about)     \
    {                                                                                              \
        const Type *object = snapshot_builder_get_##prefix(inv, id);                               \
                                                                                                   \
        if (object)                                                                                \
            *ret_about = (struct about){ object->name, 0 };                                        \
        return object != NULL;                                                                     \
    }

FIND(cluster, Cluster)
FIND(host, Host)
FIND(vm, Vm)
FIND(datastore, Datastore)

static bool find_site(const SnapshotBuilder *inv, int64_t id, struct about *ret_about)
{
    const Site *site = snapshot_builder_get_site(inv);

    (void)id;
    *ret_about = (struct about){ site ? site->name : "", 0 };
    return true;
}

/* False: there is no such object (any more). */
static bool find_object(struct app *app, enum object_kind kind, int64_t id, struct about *ret_about)
{
    static bool (*const finders[N_OBJECT_KINDS])(const SnapshotBuilder *, int64_t,
                                                 struct about *) = {
        [OBJECT_RULE] = find_rule, [OBJECT_CLUSTER] = find_cluster,     [OBJECT_HOST] = find_host,
        [OBJECT_VM] = find_vm,     [OBJECT_DATASTORE] = find_datastore, [OBJECT_SITE] = find_site,
    };

    *ret_about = (struct about){ "", 0 };
    if (!finders[kind])
        return true; /* nothing that could go away */
    return finders[kind](inventory_edit(app->inv), id, ret_about);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

struct job {
    Alarms *alarms;
    uint64_t age;
    char *key;
    Alarm *alarm; /* as it is being written */
    bool is_new;
};

static void sync_slot(Alarms *alarms, const char *key, struct slot *slot);

static void count(Alarms *alarms, const struct job *job)
{
    const struct alarm_info *info = alarm_find(job->alarm->number);
    enum alarm_kind kind;

    if (!info)
        return;
    for (kind = 0; alarm_info(kind) != info; kind++)
        ;
    if (job->is_new)
        metric_add(alarms->raised[kind], 1);
    else if (job->alarm->clear_ms)
        metric_add(alarms->cleared[kind], 1);
}

static void show_counts(Alarms *alarms)
{
    int64_t counts[N_LEVELS + 1] = { 0 };
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, alarms->slots);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Alarm *stored = ((struct slot *)value)->stored;

        counts[stored->level] += stored->id != 0;
    }
    for (int i = 1; i <= N_LEVELS; i++)
        metric_set(alarms->active[i], counts[i]);
}

static void free_job(struct job *job)
{
    alarm_free(job->alarm);
    g_free(job->key);
    g_free(job);
}

static void written(const GError *error, void *data)
{
    struct job *job = data;
    Alarms *alarms = job->alarms;
    struct slot *slot =
        alarms->age == job->age ? g_hash_table_lookup(alarms->slots, job->key) : NULL;
    bool gone = err_is(error, VRM_ERR_CONFLICT) && !job->is_new; /* somebody has cleared it */

    if (error && !gone && !(slot && slot->failed))
        log_warning("an alarm could not be written; it waits", "ALARM", job->alarm->name, "OBJECT",
                    job->alarm->object_name, "REASON", error->message, NULL);
    if (slot) {
        slot->busy = false;
        slot->failed = error && !gone;
        slot->again_ms = slot->failed ? clock_now_ms() + AGAIN_MS : 0;
        if (gone) {
            slot->stored->id = 0; /* the tick raises it anew if need be */
            show_counts(alarms);
        }
        if (!error) {
            count(alarms, job);
            if (job->alarm->clear_ms)
                job->alarm->id = 0;
            alarm_free(slot->stored);
            slot->stored = g_steal_pointer(&job->alarm);
            sync_slot(alarms, job->key, slot);
            show_counts(alarms);
        }
    }
    free_job(job);
}

/* Of an alarm of a part of a cluster the event is the cluster's: events know no such objects. */
static void add_event(const struct app *app, Commit *commit, const Alarm *alarm, bool is_new)
{
    const Cluster *cluster =
        snapshot_builder_get_cluster(inventory_edit(app->inv), alarm->cluster_id);
    enum event_severity severity = !is_new                       ? EVENT_INFO
                                   : alarm->level <= ALARM_MAJOR ? EVENT_ERROR
                                                                 : EVENT_WARNING;
    struct commit_event event = { .severity = severity,
                                  .name = is_new ? "AlarmRaised" : "AlarmCleared",
                                  .kind = alarm->kind,
                                  .object_id = alarm->object_id,
                                  .object_name = alarm->object_name };

    if (alarm->cluster_id) {
        event.kind = OBJECT_CLUSTER;
        event.object_id = alarm->cluster_id;
        event.object_name = cluster ? cluster->name : "";
    }
    if (is_new)
        commit_event(commit, &event, "%s: %s", alarm->name, alarm->text);
    else
        commit_event(commit, &event, "%s: no longer so (%s)", alarm->name, alarm->object_name);
}

static void submit(Alarms *alarms, const char *key, struct slot *slot, Alarm *alarm)
{
    Commit *commit = commit_new(&alarms->app->committer);
    struct job *job = g_new(struct job, 1);

    *job = (struct job){ alarms, alarms->age, g_strdup(key), alarm, alarm->id == 0 };
    commit_put_alarm(commit, alarm);
    if (job->is_new || alarm->clear_ms)
        add_event(alarms->app, commit, alarm, job->is_new);
    slot->busy = true;
    commit_submit(commit, key, written, job);
}

static bool is_text_due(const struct slot *slot, int64_t now_ms)
{
    return !g_str_equal(slot->text, slot->stored->text) &&
           now_ms - slot->text_at_ms >= TEXT_PERIOD_MS;
}

/* The change that is wanted, or NULL. */
static Alarm *next_state(struct slot *slot)
{
    const Alarm *stored = slot->stored;
    Alarm *alarm;

    if (!slot->raised && stored->id == 0)
        return NULL;
    if (slot->raised && stored->id != 0 && !is_text_due(slot, clock_now_ms()))
        return NULL;
    alarm = alarm_dup(stored);
    alarm->update_ms = clock_wall_ms();
    if (!slot->raised) {
        alarm->clear_ms = MAX(alarm->update_ms, 1);
        return alarm;
    }
    g_free(alarm->text);
    alarm->text = g_strdup(slot->text);
    slot->text_at_ms = clock_now_ms();
    if (stored->id == 0) {
        alarm->occur_ms = alarm->update_ms;
        alarm->clear_ms = 0;
    }
    return alarm;
}

/* May remove the slot. */
static void sync_slot(Alarms *alarms, const char *key, struct slot *slot)
{
    Alarm *alarm;

    if (slot->busy || clock_now_ms() < slot->again_ms ||
        !commit_check(&alarms->app->committer, NULL))
        return;
    alarm = next_state(slot);
    if (alarm)
        submit(alarms, key, slot, alarm);
    else if (!slot->raised)
        (void)g_hash_table_remove(alarms->slots, key);
}

/* ---- raise and clear --------------------------------------------------------------------------
 */

static struct slot *make_slot(Alarms *alarms, const char *key, enum alarm_kind alarm,
                              enum object_kind kind, int64_t object_id)
{
    const struct alarm_info *info = alarm_info(alarm);
    struct slot *slot = g_new0(struct slot, 1);

    slot->stored = alarm_new();
    text_set(&slot->stored->number, info->number);
    text_set(&slot->stored->name, info->name);
    text_set(&slot->stored->event_type, info->event_type);
    slot->stored->level = info->level;
    slot->stored->kind = kind;
    slot->stored->object_id = object_id;
    slot->text_at_ms = -TEXT_PERIOD_MS;
    (void)g_hash_table_insert(alarms->slots, g_strdup(key), slot);
    return slot;
}

void alarm_raise(struct app *app, enum alarm_kind alarm, enum object_kind kind, int64_t object_id,
                 const char *text)
{
    Alarms *alarms = app->alarms;
    g_autofree char *key = key_of(alarm_info(alarm)->number, kind, object_id);
    struct slot *slot = g_hash_table_lookup(alarms->slots, key);
    struct about about;

    if (!find_object(app, kind, object_id, &about))
        return;
    if (!slot)
        slot = make_slot(alarms, key, alarm, kind, object_id);
    if (!g_str_equal(slot->stored->object_name, about.name))
        text_set(&slot->stored->object_name, about.name);
    slot->stored->cluster_id = about.cluster_id;
    slot->raised = true;
    if (!slot->text || !g_str_equal(slot->text, text))
        text_set(&slot->text, text);
    sync_slot(alarms, key, slot);
}

static void clear_slot(Alarms *alarms, const char *key)
{
    struct slot *slot = g_hash_table_lookup(alarms->slots, key);

    if (!slot || !slot->raised)
        return;
    slot->raised = false;
    sync_slot(alarms, key, slot);
}

void alarm_clear(struct app *app, enum alarm_kind alarm, enum object_kind kind, int64_t object_id)
{
    g_autofree char *key = key_of(alarm_info(alarm)->number, kind, object_id);

    clear_slot(app->alarms, key);
}

void alarm_set(struct app *app, bool raised, enum alarm_kind alarm, int64_t object_id,
               const char *text)
{
    enum object_kind kind = alarm_info(alarm)->object;

    if (raised)
        alarm_raise(app, alarm, kind, object_id, text);
    else
        alarm_clear(app, alarm, kind, object_id);
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

void alarm_judge_power(struct app *app, int64_t host_id, const GError *error)
{
    static const struct {
        int reason;
        enum alarm_kind alarm;
        bool bmc_answers; /* and takes our password */
    } rows[] = {
        { REASON_BMC_UNREACHABLE, ALARM_BMC_UNREACHABLE, false },
        { REASON_HOST_BAD_BMC_PASSWORD, ALARM_BMC_REFUSED, false },
        { REASON_FAILED, ALARM_POWER_FAILED, true },
        { REASON_HOST_NOT_BACK, ALARM_HOST_NOT_BACK, true },
    };
    int reason = error ? err_reason(error) : 0;
    bool known = !error, answers = !error;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (error && rows[i].reason == reason) {
            known = true;
            answers = rows[i].bmc_answers;
        }
    }
    if (!known)
        return; /* it never came to the BMC */
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bool is_this = error && rows[i].reason == reason;

        if (is_this)
            alarm_set(app, true, rows[i].alarm, host_id, error->message);
        else if (rows[i].alarm != ALARM_HOST_NOT_BACK && /* judge_host() */
                 (answers || rows[i].alarm == ALARM_BMC_UNREACHABLE))
            alarm_set(app, false, rows[i].alarm, host_id, NULL);
    }
}

/* A host that was just loaded is "initial" until it was heard or missed: nothing is known. */
static void judge_host(struct app *app, const Host *host)
{
    bool silent = host->status == HOST_UNKNOWN;
    bool faulty = host->status == HOST_FAULT;
    g_autofree char *text =
        g_strdup_printf("host %s %s: %s", host->name, silent ? "does not answer" : "has a fault",
                        host->trouble[0] ? host->trouble : "no reason known");

    if (host->status == HOST_INITIAL)
        return;
    alarm_set(app, silent, ALARM_HOST_SILENT, host->id, text);
    alarm_set(app, faulty, ALARM_HOST_FAULT, host->id, text);
    if (host->connected || host->status == HOST_POWEROFF)
        alarm_set(app, false, ALARM_HOST_NOT_BACK, host->id, NULL);
}

/* Where DPM is on, a host that it may not use for want of a proof is worth a hint; not before it
 * was heard or missed, as above. */
static void judge_proof(struct app *app, const Host *host)
{
    g_autofree char *text =
        g_strdup_printf("the wake-up of host %s %s: DPM leaves it on", host->name,
                        host->wake_proven_ms ? "was not proven lately" : "was never proven");

    if (host->status == HOST_INITIAL)
        return;
    alarm_set(app, dpm_lacks_proof(app, host), ALARM_WAKE_UNPROVEN, host->id, text);
}

/* ---- the tick ---------------------------------------------------------------------------------
 */

static void sync_all(Alarms *alarms)
{
    g_autofree void **keys = NULL;
    g_autoptr(GPtrArray) copies = g_ptr_array_new_with_free_func(g_free);
    guint n;

    keys = g_hash_table_get_keys_as_array(alarms->slots, &n);
    for (guint i = 0; i < n; i++)
        g_ptr_array_add(copies, g_strdup(keys[i]));
    for (guint i = 0; i < n; i++) {
        const char *key = copies->pdata[i];
        struct slot *slot = g_hash_table_lookup(alarms->slots, key);
        struct about about;

        if (!find_object(alarms->app, slot->stored->kind, slot->stored->object_id, &about))
            slot->raised = false;
        sync_slot(alarms, key, slot);
    }
}

void alarms_tick(Alarms *alarms)
{
    struct app *app = alarms->app;
    const Snapshot *snap = inventory_peek(app->inv);

    if (!commit_check(&app->committer, NULL))
        return;
    for (size_t i = 0; i < snap->n_hosts; i++) {
        judge_host(app, snap->hosts[i]);
        judge_proof(app, snap->hosts[i]);
    }
    sync_all(alarms);
}

static gboolean on_timer(void *data)
{
    alarms_tick(data);
    return G_SOURCE_CONTINUE;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static int compare_newest(const void *a, const void *b)
{
    const Alarm *x = *(const Alarm *const *)a, *y = *(const Alarm *const *)b;

    if (x->occur_ms != y->occur_ms)
        return x->occur_ms < y->occur_ms ? 1 : -1;
    return (x->id < y->id) - (x->id > y->id);
}

static int compare_oldest(const void *a, const void *b)
{
    return -compare_newest(a, b);
}

GPtrArray *alarm_list(const struct app *app, const struct alarm_filter *filter, int64_t *ret_total)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GPtrArray *page = g_ptr_array_new_with_free_func((GDestroyNotify)alarm_free);
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, app->alarms->slots);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Alarm *stored = ((struct slot *)value)->stored;

        if (stored->id != 0 && alarm_filter_pass(filter, stored))
            g_ptr_array_add(all, stored);
    }
    g_ptr_array_sort(all, filter->oldest_first ? compare_oldest : compare_newest);
    for (guint i = 0; i < all->len; i++) {
        if ((int64_t)i < filter->offset ||
            (filter->limit >= 0 && (int64_t)i >= filter->offset + filter->limit))
            continue;
        g_ptr_array_add(page, alarm_dup(all->pdata[i]));
    }
    *ret_total = all->len;
    return page;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void register_metrics(Alarms *alarms, Metrics *metrics)
{
    static const char *const levels[N_LEVELS + 1] = { "", "critical", "major", "minor", "warning" };

    for (int i = 1; i <= N_LEVELS; i++) {
        g_autofree char *label = g_strdup_printf("level=\"%s\"", levels[i]);

        alarms->active[i] =
            metrics_gauge(metrics, "vrm_alarms_active", label, "Active alarms by level.");
    }
    for (size_t i = 0; i < N_ALARM_KINDS; i++) {
        g_autofree char *label =
            g_strdup_printf("alarm=\"%s\"", alarm_info((enum alarm_kind)i)->number);

        alarms->raised[i] =
            metrics_counter(metrics, "vrm_alarms_raised_total", label, "Alarms raised.");
        alarms->cleared[i] =
            metrics_counter(metrics, "vrm_alarms_cleared_total", label, "Alarms cleared.");
    }
}

Alarms *alarms_new(struct app *app)
{
    Alarms *alarms = g_new0(Alarms, 1);

    alarms->app = app;
    alarms->slots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_slot);
    register_metrics(alarms, app->metrics);
    alarms->timer = g_timeout_add(TICK_MS, on_timer, alarms);
    return alarms;
}

void alarms_free(Alarms *alarms)
{
    if (!alarms)
        return;
    g_source_remove(alarms->timer);
    g_hash_table_unref(alarms->slots);
    g_free(alarms);
}

void alarms_reset(Alarms *alarms, const GPtrArray *active)
{
    g_hash_table_remove_all(alarms->slots);
    alarms->age++;
    for (guint i = 0; active && i < active->len; i++) {
        const Alarm *alarm = active->pdata[i];
        struct slot *slot = g_new0(struct slot, 1);

        slot->stored = alarm_dup(alarm);
        slot->text = g_strdup(alarm->text);
        slot->raised = true;
        slot->text_at_ms = -TEXT_PERIOD_MS;
        (void)g_hash_table_insert(alarms->slots,
                                  key_of(alarm->number, alarm->kind, alarm->object_id), slot);
    }
    show_counts(alarms);
}
