/* commit.c - see commit.h.  An entry is a row of work: how to write it and how to show it. */
#include "config.h"

#include "controller/commit.h"

#include "base/clock.h"
#include "base/err.h"
#include "controller/forget.h"
#include "controller/runtime.h"
#include "db/store_alarm.h"
#include "db/store_cluster.h"
#include "db/store_datastore.h"
#include "db/store_drs.h"
#include "db/store_event.h"
#include "db/store_ha.h"
#include "db/store_host.h"
#include "db/store_rule.h"
#include "db/store_site.h"
#include "db/store_task.h"
#include "db/store_vm.h"
#include "model/reason.h"

struct entry;

struct entry_ops {
    bool (*write)(Db *db, struct entry *entry, GError **error); /* DB worker */
    void (*apply)(SnapshotBuilder *builder,
                  struct entry *entry); /* loop, after COMMIT; may be NULL */
    void (*clear)(struct entry *entry);
    void (*tell)(Changes *changes, struct entry *entry); /* loop, after all are applied */
};

struct entry {
    const struct entry_ops *ops;
    void *object; /* model object or history row, owned */
    const int64_t *entity_id;
    const int64_t *task_id;
    int64_t id, generation; /* deletes */
    bool with_volumes;
};

struct Commit {
    struct committer *committer;
    GArray *entries; /* struct entry */
    int64_t epoch;
    commit_done_fn done;
    void *user;
};

static void clear_entry(void *data)
{
    struct entry *entry = data;

    if (entry->ops->clear)
        entry->ops->clear(entry);
}

Commit *commit_new(struct committer *committer)
{
    Commit *commit = g_new0(Commit, 1);

    commit->committer = committer;
    commit->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
    g_array_set_clear_func(commit->entries, clear_entry);
    return commit;
}

void commit_free(Commit *commit)
{
    if (!commit)
        return;
    g_array_unref(commit->entries);
    g_free(commit);
}

static struct entry *add(Commit *commit, const struct entry_ops *ops, void *object)
{
    struct entry entry = { .ops = ops, .object = object };

    g_array_append_val(commit->entries, entry);
    return &g_array_index(commit->entries, struct entry, commit->entries->len - 1);
}

/* ---- objects: insert or update, then put into the inventory with its runtime fields ---------- */

/* An entry hands its reference to the builder when it is applied, so it holds one more for its own
 * clear: pointers into the objects stay valid until done() has returned. */
#define OBJECT_ENTRY(Type, prefix, KEEP_RUNTIME)                                                   \
    static bool write_##prefix(Db *db, struct entry *entry, GError **error)                        \
    {                                                                                              \
        Type *object = entry->object;                                                              \
                                                                                                   \
        return object->id == 0 ? store_##prefix##_insert(db, object, error)                        \
                               : store_##prefix##_update(db, object, error);                       \
    }                                                                                              \
    static void apply_##prefix(SnapshotBuilder *builder, struct entry *entry)                      \
    {                                                                                              \
        Type *object = entry->object;                                                              \
                                                                                                   \
        KEEP_RUNTIME(object, snapshot_builder_get_##prefix(builder, object->id));                  \
        snapshot_builder_put_##prefix(builder, prefix##_ref(object));                              \
    }                                                                                              \
    static void clear_##prefix(struct entry *entry)                                                \
    {                                                                                              \
        prefix##_unref(entry->object);                                                             \
    }                                                                                              \
    static const struct entry_ops prefix##_entry = { .write = write_##prefix,                      \
                                                     .apply = apply_##prefix,                      \
                                                     .clear = clear_##prefix };                    \
    void commit_put_##prefix(Commit *commit, Type *object)                                         \
    {                                                                                              \
        (void)add(commit, &prefix##_entry, object);                                                \
    }

#define NO_RUNTIME(object, current) (void)(current)

OBJECT_ENTRY(Cluster, cluster, NO_RUNTIME)
OBJECT_ENTRY(Host, host, runtime_keep_host)
OBJECT_ENTRY(Vm, vm, runtime_keep_vm)
OBJECT_ENTRY(Group, group, NO_RUNTIME)
OBJECT_ENTRY(Rule, rule, runtime_keep_rule)
OBJECT_ENTRY(Datastore, datastore, NO_RUNTIME)

static bool write_rule_of(Db *db, struct entry *entry, GError **error)
{
    Rule *rule = entry->object;

    rule->cluster_id = *entry->entity_id;
    return write_rule(db, entry, error);
}

static const struct entry_ops rule_of_entry = { .write = write_rule_of,
                                                .apply = apply_rule,
                                                .clear = clear_rule };

void commit_put_rule_of(Commit *commit, Rule *rule, const int64_t *cluster_id)
{
    add(commit, &rule_of_entry, rule)->entity_id = cluster_id;
}

static bool write_site(Db *db, struct entry *entry, GError **error)
{
    return store_site_put(db, entry->object, error);
}

static void apply_site(SnapshotBuilder *builder, struct entry *entry)
{
    snapshot_builder_set_site(builder, site_ref(entry->object));
}

static void clear_site(struct entry *entry)
{
    site_unref(entry->object);
}

static const struct entry_ops site_entry = { .write = write_site,
                                             .apply = apply_site,
                                             .clear = clear_site };

void commit_put_site(Commit *commit, Site *site)
{
    (void)add(commit, &site_entry, site);
}

static bool write_vm_run(Db *db, struct entry *entry, GError **error)
{
    return store_vm_update_run(db, entry->object, error);
}

static const struct entry_ops vm_run_entry = { .write = write_vm_run,
                                               .apply = apply_vm,
                                               .clear = clear_vm };

void commit_run_vm(Commit *commit, Vm *vm)
{
    (void)add(commit, &vm_run_entry, vm);
}

/* ---- tasks ------------------------------------------------------------------------------------
 */

static bool write_task(Db *db, struct entry *entry, GError **error)
{
    Task *task = entry->object;

    if (entry->entity_id)
        task->entity_id = *entry->entity_id;
    return task->id == 0 ? store_task_insert(db, task, error) : store_task_update(db, task, error);
}

/* Progress goes on while a change of the task is being written. */
static void apply_task(SnapshotBuilder *builder, struct entry *entry)
{
    Task *task = entry->object;
    const Task *current = snapshot_builder_get_task(builder, task->id);

    if (current)
        task->progress = MAX(task->progress, current->progress);
    snapshot_builder_put_task(builder, task_ref(task));
}

static void clear_task(struct entry *entry)
{
    task_unref(entry->object);
}

static const struct entry_ops task_entry = { .write = write_task,
                                             .apply = apply_task,
                                             .clear = clear_task };

void commit_put_task(Commit *commit, Task *task, const int64_t *entity_id)
{
    add(commit, &task_entry, task)->entity_id = entity_id;
}

/* ---- users ------------------------------------------------------------------------------------
 */

static bool write_user(Db *db, struct entry *entry, GError **error)
{
    User *user = entry->object;

    return user->id == 0 ? store_user_insert(db, user, error) : store_user_update(db, user, error);
}

static const struct entry_ops user_entry = { .write = write_user };

void commit_put_user(Commit *commit, User *user)
{
    (void)add(commit, &user_entry, user);
}

/* ---- alarms -----------------------------------------------------------------------------------
 */

static bool write_alarm(Db *db, struct entry *entry, GError **error)
{
    Alarm *alarm = entry->object;

    return alarm->id == 0 ? store_alarm_insert(db, alarm, error)
                          : store_alarm_update(db, alarm, error);
}

static void tell_alarm(Changes *changes, struct entry *entry)
{
    changes_tell_alarm(changes, entry->object);
}

static const struct entry_ops alarm_entry = { .write = write_alarm, .tell = tell_alarm };

void commit_put_alarm(Commit *commit, Alarm *alarm)
{
    (void)add(commit, &alarm_entry, alarm);
}

/* ---- DRS --------------------------------------------------------------------------------------
 */

static bool write_report(Db *db, struct entry *entry, GError **error)
{
    return store_drs_insert(db, entry->object, error);
}

static void apply_report(SnapshotBuilder *builder, struct entry *entry)
{
    DrsReport *report = entry->object;

    if (report->kind == PLAN_DRS) /* DPM keeps its own */
        snapshot_builder_put_drs_report(builder, drs_report_ref(report));
}

static void clear_report(struct entry *entry)
{
    drs_report_unref(entry->object);
}

static const struct entry_ops report_entry = { .write = write_report,
                                               .apply = apply_report,
                                               .clear = clear_report };

void commit_put_report(Commit *commit, DrsReport *report)
{
    (void)add(commit, &report_entry, report);
}

static bool write_recommendation(Db *db, struct entry *entry, GError **error)
{
    Recommendation *rec = entry->object;

    if (entry->task_id)
        rec->task_id = *entry->task_id;
    return store_drs_update_recommendation(db, rec, error);
}

static void apply_recommendation(SnapshotBuilder *builder, struct entry *entry)
{
    Recommendation *rec = entry->object;
    const DrsReport *current = snapshot_builder_get_drs_report(builder, rec->cluster_id);
    g_autoptr(DrsReport) changed = NULL;

    if (!current)
        return;
    changed = drs_report_dup(current);
    for (size_t i = 0; i < changed->n_recommendations; i++) {
        if (changed->recommendations[i]->id != rec->id)
            continue;
        recommendation_unref(changed->recommendations[i]);
        changed->recommendations[i] = recommendation_ref(rec);
    }
    snapshot_builder_put_drs_report(builder, g_steal_pointer(&changed));
}

static void clear_recommendation(struct entry *entry)
{
    recommendation_unref(entry->object);
}

static const struct entry_ops recommendation_entry = { .write = write_recommendation,
                                                       .apply = apply_recommendation,
                                                       .clear = clear_recommendation };

void commit_put_recommendation(Commit *commit, Recommendation *rec)
{
    (void)add(commit, &recommendation_entry, rec);
}

void commit_put_recommendation_of(Commit *commit, Recommendation *rec, const int64_t *task_id)
{
    add(commit, &recommendation_entry, rec)->task_id = task_id;
}

/* ---- deletes ----------------------------------------------------------------------------------
 */

#define DELETE_ENTRY(prefix, FORGET_USES)                                                          \
    static bool delete_##prefix(Db *db, struct entry *entry, GError **error)                       \
    {                                                                                              \
        return store_##prefix##_delete(db, entry->id, entry->generation, error);                   \
    }                                                                                              \
    static void forget_##prefix(SnapshotBuilder *builder, struct entry *entry)                     \
    {                                                                                              \
        FORGET_USES(builder, entry->id);                                                           \
        snapshot_builder_remove_##prefix(builder, entry->id);                                      \
    }                                                                                              \
    static const struct entry_ops prefix##_delete_entry = { .write = delete_##prefix,              \
                                                            .apply = forget_##prefix };

#define NO_USES(builder, id) (void)0

DELETE_ENTRY(cluster, forget_parts_of_cluster)
DELETE_ENTRY(host, forget_uses_of_host)
DELETE_ENTRY(group, NO_USES)
DELETE_ENTRY(rule, NO_USES)
DELETE_ENTRY(datastore, NO_USES)

static bool delete_vm(Db *db, struct entry *entry, GError **error)
{
    return store_vm_delete(db, entry->id, entry->generation, entry->with_volumes, error);
}

static void forget_vm(SnapshotBuilder *builder, struct entry *entry)
{
    forget_uses_of_vm(builder, entry->id);
    snapshot_builder_remove_vm(builder, entry->id);
}

static const struct entry_ops vm_delete_entry = { .write = delete_vm, .apply = forget_vm };

void commit_delete_vm(Commit *commit, const Vm *vm, bool with_volumes)
{
    struct entry *entry = add(commit, &vm_delete_entry, NULL);

    entry->id = vm->id;
    entry->generation = vm->generation;
    entry->with_volumes = with_volumes;
}

void commit_delete(Commit *commit, enum object_kind kind, int64_t id, int64_t generation)
{
    static const struct entry_ops *const by_kind[N_OBJECT_KINDS] = {
        [OBJECT_CLUSTER] = &cluster_delete_entry,     [OBJECT_HOST] = &host_delete_entry,
        [OBJECT_GROUP] = &group_delete_entry,         [OBJECT_RULE] = &rule_delete_entry,
        [OBJECT_DATASTORE] = &datastore_delete_entry,
    };
    struct entry *entry;

    g_assert(by_kind[kind]);
    entry = add(commit, by_kind[kind], NULL);
    entry->id = id;
    entry->generation = generation;
}

/* ---- what HA counts ---------------------------------------------------------------------------
 */

static bool write_ha_restart(Db *db, struct entry *entry, GError **error)
{
    return store_ha_add_restart(db, entry->object, error);
}

static bool write_ha_power_on(Db *db, struct entry *entry, GError **error)
{
    return store_ha_put_power_on(db, entry->object, error);
}

static void clear_plain(struct entry *entry)
{
    g_free(entry->object);
}

static const struct entry_ops ha_restart_entry = { .write = write_ha_restart,
                                                   .clear = clear_plain };
static const struct entry_ops ha_power_on_entry = { .write = write_ha_power_on,
                                                    .clear = clear_plain };

void commit_ha_restart(Commit *commit, int64_t vm_id, int64_t at_ms)
{
    const struct ha_restart_row row = { vm_id, at_ms };

    add(commit, &ha_restart_entry, g_memdup2(&row, sizeof(row)));
}

void commit_ha_power_on(Commit *commit, int64_t host_id, int64_t tries, int64_t at_ms)
{
    const struct ha_power_on_row row = { host_id, tries, at_ms };

    add(commit, &ha_power_on_entry, g_memdup2(&row, sizeof(row)));
}

/* ---- history ----------------------------------------------------------------------------------
 */

static bool write_event(Db *db, struct entry *entry, GError **error)
{
    struct event *event = entry->object;

    if (entry->entity_id)
        event->object_id = *entry->entity_id;
    if (entry->task_id)
        event->task_id = *entry->task_id;
    return store_event_insert(db, event, error);
}

static void clear_event(struct entry *entry)
{
    g_autofree struct event *event = entry->object;

    g_free((char *)(uintptr_t)event->object_name);
    g_free((char *)(uintptr_t)event->text);
}

static void tell_event(Changes *changes, struct entry *entry)
{
    changes_tell_event(changes, entry->object);
}

static const struct entry_ops event_entry = { .write = write_event,
                                              .clear = clear_event,
                                              .tell = tell_event };

void commit_event(Commit *commit, const struct commit_event *event, const char *format, ...)
{
    struct event *row = g_new0(struct event, 1);
    struct entry *entry = add(commit, &event_entry, row);
    va_list args;

    va_start(args, format);
    *row = (struct event){
        .at_ms = clock_wall_ms(),
        .severity = event->severity,
        .name = event->name,
        .kind = event->kind,
        .object_id = event->object_id,
        .object_name = g_strdup(event->object_name),
        .task_id = event->task_id,
        .text = g_strdup_vprintf(format, args),
    };
    va_end(args);
    entry->entity_id = event->object_id_from;
    entry->task_id = event->task_id_from;
}

static bool write_audit(Db *db, struct entry *entry, GError **error)
{
    AuditEntry *audit = entry->object;

    if (entry->task_id)
        audit->task_id = *entry->task_id;
    return store_audit_insert(db, audit, error);
}

static void clear_audit(struct entry *entry)
{
    audit_entry_free(entry->object);
}

static const struct entry_ops audit_entry = { .write = write_audit, .clear = clear_audit };

static void set_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text ? text : "");
}

void commit_audit(Commit *commit, const struct commit_audit *audit)
{
    AuditEntry *row = audit_entry_new();

    row->at_ms = clock_wall_ms();
    set_text(&row->user, audit->user);
    set_text(&row->address, audit->address);
    set_text(&row->request_id, audit->request_id);
    set_text(&row->operation, audit->operation);
    set_text(&row->object, audit->object);
    set_text(&row->result, audit->result);
    add(commit, &audit_entry, row)->task_id = audit->task_id_from;
}

/* ---- submit -----------------------------------------------------------------------------------
 */

static bool write_all(Db *db, void *data, GError **error)
{
    Commit *commit = data;

    for (guint i = 0; i < commit->entries->len; i++) {
        struct entry *entry = &g_array_index(commit->entries, struct entry, i);

        if (!entry->ops->write(db, entry, error))
            return false;
    }
    return true;
}

static bool run_commit(Db *db, void *data, GError **error)
{
    Commit *commit = data;

    return db_write(db, commit->epoch, write_all, commit, error);
}

static void apply_all(Commit *commit)
{
    SnapshotBuilder *builder = inventory_edit(commit->committer->inv);

    for (guint i = 0; i < commit->entries->len; i++) {
        struct entry *entry = &g_array_index(commit->entries, struct entry, i);

        if (entry->ops->apply)
            entry->ops->apply(builder, entry);
    }
    inventory_publish(commit->committer->inv);
    for (guint i = 0; i < commit->entries->len; i++) {
        struct entry *entry = &g_array_index(commit->entries, struct entry, i);

        if (entry->ops->tell)
            entry->ops->tell(commit->committer->changes, entry);
    }
}

static void finish_commit(const GError *error, void *data)
{
    g_autoptr(Commit) commit = data;
    struct committer *committer = commit->committer;
    g_autoptr(GError) stale = NULL;

    committer->in_flight--;
    /* The inventory may have been reloaded for another epoch meanwhile. */
    if (!error && committer->epoch(committer->user) != commit->epoch) {
        err_set_reason(&stale, VRM_ERR_TIMEOUT, REASON_RECOVERING, NULL,
                       "leadership changed while this was written; look again");
        error = stale;
    }
    if (!error)
        apply_all(commit);
    commit->done(error, commit->user);
    if (err_is(error, VRM_ERR_TIMEOUT) || err_is(error, VRM_ERR_DENIED))
        committer->on_doubt(error, committer->user);
}

static void set_not_leading(GError **error)
{
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                   "this controller does not lead now");
}

bool commit_check(const struct committer *committer, GError **error)
{
    if (committer->epoch(committer->user) != 0)
        return true;
    set_not_leading(error);
    return false;
}

static gboolean refuse_commit(void *data)
{
    g_autoptr(Commit) commit = data;
    g_autoptr(GError) error = NULL;

    commit->committer->in_flight--;
    set_not_leading(&error);
    commit->done(error, commit->user);
    return G_SOURCE_REMOVE;
}

void commit_submit(Commit *commit, const char *key, commit_done_fn done, void *user)
{
    struct committer *committer = commit->committer;

    commit->done = done;
    commit->user = user;
    commit->epoch = committer->epoch(committer->user);
    committer->in_flight++;
    if (commit->epoch == 0) {
        g_idle_add(refuse_commit, commit);
        return;
    }
    dbq_submit(committer->dbq, key, run_commit, finish_commit, commit);
}
