/* rule_watch.c - see rule_watch.h. */
#include "config.h"

#include "controller/rule_watch.h"

#include "base/err.h"
#include "base/log.h"
#include "controller/alarm.h"
#include "controller/observe.h"
#include "scheduler/rules.h"

#define LOOK_MS 5000
/* Looks in a row that must agree before an alarm is raised: between two reports of hosts a rule may
 * seem broken that is not. */
#define SURE 2

struct RuleWatch {
    struct app *app;
    guint timer;
    GHashTable *busy;  /* set of int64 cluster ids that are being judged */
    GHashTable *times; /* int64 rule id -> times in a row that it was found unsatisfiable */
};

struct job {
    RuleWatch *watch;
    int64_t cluster_id;
    Snapshot *snap;
    struct sched_params params;
    RuleVerdicts *verdicts;
    GError *error;
};

static void run_job(void *thread_state, void *data)
{
    struct job *job = data;

    (void)thread_state;
    (void)rules_judge(job->snap, job->cluster_id, &job->params, &job->verdicts, &job->error);
}

static void show(struct app *app, const struct rule_verdict *verdict)
{
    SnapshotBuilder *builder = inventory_edit(app->inv);
    const Rule *current = snapshot_builder_get_rule(builder, verdict->rule_id);
    Rule *rule;

    if (!current ||
        (current->state == verdict->state && g_str_equal(current->state_text, verdict->text)))
        return;
    rule = rule_dup(current);
    rule->state = verdict->state;
    g_free(rule->state_text);
    rule->state_text = g_strdup(verdict->text);
    snapshot_builder_put_rule(builder, rule);
}

static unsigned count_in_a_row(RuleWatch *watch, const struct rule_verdict *verdict)
{
    bool bad = verdict->must && verdict->state == RULE_UNSATISFIABLE;
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(watch->times, &verdict->rule_id));

    if (!bad) {
        (void)g_hash_table_remove(watch->times, &verdict->rule_id);
        return 0;
    }
    n = MIN(n + 1, SURE);
    (void)g_hash_table_replace(watch->times, g_memdup2(&verdict->rule_id, sizeof(int64_t)),
                               GUINT_TO_POINTER(n));
    return n;
}

static void take(RuleWatch *watch, const struct rule_verdict *verdict)
{
    struct app *app = watch->app;
    unsigned n = count_in_a_row(watch, verdict);

    show(app, verdict);
    if (n >= SURE)
        alarm_raise(app, ALARM_RULE_UNSATISFIABLE, OBJECT_RULE, verdict->rule_id, verdict->text);
    else if (n == 0)
        alarm_clear(app, ALARM_RULE_UNSATISFIABLE, OBJECT_RULE, verdict->rule_id);
}

static void finish(void *data, bool ran)
{
    struct job *job = data;
    RuleWatch *watch = job->watch;
    bool leads = commit_check(&watch->app->committer, NULL);

    (void)g_hash_table_remove(watch->busy, &job->cluster_id);
    if (ran && job->error)
        log_debug("rules were not judged", "REASON", job->error->message, NULL);
    for (size_t i = 0; leads && job->verdicts && i < job->verdicts->n_items; i++)
        take(watch, &job->verdicts->items[i]);
    snapshot_unref(job->snap);
    rule_verdicts_free(job->verdicts);
    g_clear_error(&job->error);
    g_free(job);
}

static void look_at(RuleWatch *watch, int64_t cluster_id)
{
    struct job *job;

    if (!g_hash_table_add(watch->busy, g_memdup2(&cluster_id, sizeof(cluster_id))))
        return; /* the last look is not over */
    job = g_new0(struct job, 1);
    *job = (struct job){ .watch = watch,
                         .cluster_id = cluster_id,
                         .snap = inventory_snapshot(watch->app->inv) };
    app_sched_params(watch->app, &job->params);
    if (!work_pool_submit(watch->app->cpu, NULL, run_job, finish, job))
        finish(job, false);
}

/* After a take-over nobody knows yet what the hosts have to say. */
void rule_watch_look(RuleWatch *watch)
{
    struct app *app = watch->app;
    const Snapshot *snap = inventory_peek(app->inv);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));

    if (!commit_check(&app->committer, NULL) || observe_awaits(app->observe))
        return;
    for (size_t i = 0; i < snap->n_rules; i++) {
        const int64_t *id = &snap->rules[i]->cluster_id;

        if (g_hash_table_add(seen, g_memdup2(id, sizeof(*id))))
            g_array_append_vals(ids, id, 1);
    }
    for (guint i = 0; i < ids->len; i++)
        look_at(watch, g_array_index(ids, int64_t, i));
}

bool rule_watch_idle(const RuleWatch *watch)
{
    return g_hash_table_size(watch->busy) == 0;
}

static gboolean on_timer(void *data)
{
    rule_watch_look(data);
    return G_SOURCE_CONTINUE;
}

RuleWatch *rule_watch_new(struct app *app)
{
    RuleWatch *watch = g_new0(RuleWatch, 1);

    watch->app = app;
    watch->busy = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    watch->times = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    watch->timer = g_timeout_add(LOOK_MS, on_timer, watch);
    return watch;
}

void rule_watch_free(RuleWatch *watch)
{
    if (!watch)
        return;
    g_source_remove(watch->timer);
    g_hash_table_unref(watch->busy);
    g_hash_table_unref(watch->times);
    g_free(watch);
}

void rule_watch_reset(RuleWatch *watch)
{
    g_hash_table_remove_all(watch->times);
}
