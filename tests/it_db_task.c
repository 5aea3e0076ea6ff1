/* it_db_task.c - tasks, events and audit entries in PostgreSQL, and what of them is trimmed. */
#include "config.h"

#include "base/text.h"
#include "db/store_event.h"
#include "db/store_task.h"
#include "tests/db_world.h"

/* ---- tasks ---------------------------------------------------------------------------------- */

static Task *make_task(enum task_type type, int64_t entity_id, const char *user)
{
    Task *task = task_new();

    task->type = type;
    task->origin = ORIGIN_MAINTENANCE;
    task->entity_kind = OBJECT_VM;
    task->entity_id = entity_id;
    text_set(&task->entity_name, "Web-1");
    text_set(&task->user, user);
    task->status = TASK_RUNNING;
    task->step = 61;
    task->progress = 62;
    task->reason = 63;
    text_set(&task->reason_text, "because");
    text_set(&task->why, "asked");
    task->start_ms = 1000 * entity_id;
    task->source_host_id = 64;
    task->target_host_id = 65;
    task->force = true;
    return task;
}

static bool insert_task(Db *db, void *data, GError **error)
{
    return store_task_insert(db, data, error);
}

static bool update_task(Db *db, void *data, GError **error)
{
    return store_task_update(db, data, error);
}

START_TEST(a_task_is_unfinished_until_it_is_final_and_then_fixed)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(Task) task = make_task(TASK_MIGRATE_VM, 7, "ops");
    g_autoptr(GPtrArray) open = NULL;
    g_autoptr(GPtrArray) later = NULL;
    GError *error = NULL;
    const Task *got;

    must_write(db, insert_task, task);
    open = read_list(db, store_task_list_unfinished);
    ck_assert_uint_eq(open->len, 1);
    got = g_ptr_array_index(open, 0);
    ck_assert_int_eq(got->id, task->id);
    ck_assert_int_eq(got->type, TASK_MIGRATE_VM);
    ck_assert_int_eq(got->origin, ORIGIN_MAINTENANCE);
    ck_assert_int_eq(got->entity_kind, OBJECT_VM);
    ck_assert_int_eq(got->entity_id, 7);
    ck_assert_str_eq(got->entity_name, "Web-1");
    ck_assert_str_eq(got->user, "ops");
    ck_assert_int_eq(got->step, 61);
    ck_assert_int_eq(got->progress, 62);
    ck_assert_int_eq(got->reason, 63);
    ck_assert_str_eq(got->reason_text, "because");
    ck_assert_str_eq(got->why, "asked");
    ck_assert_int_eq(got->start_ms, 7000);
    ck_assert_int_eq(got->source_host_id, 64);
    ck_assert_int_eq(got->target_host_id, 65);
    ck_assert(got->force && !got->auto_start && !got->format_disks && !got->cancel_wanted);

    task->status = TASK_SUCCESS;
    task->progress = 100;
    task->finish_ms = 8000;
    must_write(db, update_task, task);
    later = read_list(db, store_task_list_unfinished);
    ck_assert_uint_eq(later->len, 0);
    task->status = TASK_FAILED;
    ck_assert(!db_write(db, 1, update_task, task, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "task");
}
END_TEST

START_TEST(a_final_task_must_be_complete)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(Task) task = make_task(TASK_START_VM, 7, "ops");
    GError *error = NULL;

    must_write(db, insert_task, task);
    task->status = TASK_SUCCESS;
    task->progress = 99;
    task->finish_ms = 8000;
    ck_assert(!db_write(db, 1, update_task, task, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "task_final_is_complete");
}
END_TEST

static bool insert_tasks(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    static const struct {
        enum task_type type;
        int64_t entity_id;
        const char *user;
    } rows[] = {
        { TASK_START_VM, 1, "ops" }, { TASK_STOP_VM, 2, "ops" },   { TASK_START_VM, 3, "eva" },
        { TASK_START_VM, 4, "ops" }, { TASK_REBOOT_VM, 5, "eva" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Task) task = make_task(rows[i].type, rows[i].entity_id, rows[i].user);

        task->cancel_wanted = i == 4;
        if (!store_task_insert(db, task, error))
            return false;
    }
    return true;
}

static const int64_t asked_ids[] = { 2, 5 };
static const struct {
    struct db_query query;
    int64_t total;
    const char *ids; /* of the page */
} task_queries[] = {
    { { .limit = -1, .cancelled = -1 }, 5, "5 4 3 2 1 " },
    { { .limit = 2, .cancelled = -1 }, 5, "5 4 " },
    { { .limit = 2, .offset = 3, .cancelled = -1 }, 5, "2 1 " },
    { { .limit = 2, .offset = 9, .cancelled = -1 }, 5, "" },
    { { .limit = -1, .type = "StartVmTask", .user = "ops", .cancelled = -1 }, 2, "4 1 " },
    { { .limit = -1, .status = "failed", .cancelled = -1 }, 0, "" },
    { { .limit = -1, .name = "wEB", .cancelled = -1 }, 5, "5 4 3 2 1 " },
    { { .limit = -1, .name = "%", .cancelled = -1 }, 0, "" },
    { { .limit = -1, .from_ms = 2000, .to_ms = 3000, .cancelled = -1 }, 2, "3 2 " },
    { { .limit = -1, .ids = asked_ids, .n_ids = 2, .cancelled = -1 }, 2, "5 2 " },
    { { .limit = -1, .scope_kind = OBJECT_VM, .scope_id = 3, .cancelled = -1 }, 1, "3 " },
    { { .limit = 1, .scope_kind = OBJECT_HOST, .scope_id = 65, .cancelled = -1 }, 5, "5 " },
    { { .limit = -1, .cancelled = 1 }, 1, "5 " },
    { { .limit = -1, .cancelled = 0 }, 4, "4 3 2 1 " },
};

START_TEST(task_queries_filter_count_and_page)
{
    g_autoptr(Db) db = scratch_db(NULL);

    must_write(db, insert_tasks, NULL);
    for (size_t row = 0; row < G_N_ELEMENTS(task_queries); row++) {
        struct query_job job = { task_queries[row].query, store_task_query, NULL, 0 };
        g_autoptr(GString) ids = g_string_new("");

        must_read(db, run_query, &job);
        for (guint i = 0; i < job.objects->len; i++) {
            const Task *task = g_ptr_array_index(job.objects, i);

            g_string_append_printf(ids, "%d ", (int)task->id);
        }
        ck_assert_msg(strcmp(ids->str, task_queries[row].ids) == 0, "row %zu: %s", row, ids->str);
        ck_assert_int_eq(job.total, task_queries[row].total);
        g_ptr_array_unref(job.objects);
    }
}
END_TEST

/* ---- events and audit entries --------------------------------------------------------------- */

static bool insert_history(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    const struct event event = { 0,     1000, EVENT_WARNING, "VmMigrated", OBJECT_VM, 26,
                                 "web", 27,   "moved" };
    AuditEntry entry = { 0,
                         2000,
                         (char[]){ "ops" },
                         (char[]){ "10.0.0.7" },
                         (char[]){ "r-1" },
                         (char[]){ "vm-start" },
                         (char[]){ "urn:x" },
                         (char[]){ "ok" },
                         28 };

    return store_event_insert(db, &event, error) && store_audit_insert(db, &entry, error);
}

START_TEST(events_and_audit_entries_come_back)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct query_job events = { { .limit = 5,
                                  .type = "VmMigrated",
                                  .status = "warning",
                                  .scope_kind = OBJECT_VM,
                                  .scope_id = 26,
                                  .cancelled = -1 },
                                store_event_query,
                                NULL,
                                0 };
    struct query_job audits = {
        { .limit = 5, .user = "ops", .cancelled = -1 }, store_audit_query, NULL, 0
    };
    const StoredEvent *event;
    const AuditEntry *entry;

    must_write(db, insert_history, NULL);
    must_read(db, run_query, &events);
    ck_assert_int_eq(events.total, 1);
    event = g_ptr_array_index(events.objects, 0);
    ck_assert_int_eq(event->at_ms, 1000);
    ck_assert_int_eq(event->severity, EVENT_WARNING);
    ck_assert_str_eq(event->name, "VmMigrated");
    ck_assert_int_eq(event->kind, OBJECT_VM);
    ck_assert_int_eq(event->object_id, 26);
    ck_assert_str_eq(event->object_name, "web");
    ck_assert_int_eq(event->task_id, 27);
    ck_assert_str_eq(event->text, "moved");
    must_read(db, run_query, &audits);
    ck_assert_int_eq(audits.total, 1);
    entry = g_ptr_array_index(audits.objects, 0);
    ck_assert_int_eq(entry->at_ms, 2000);
    ck_assert_str_eq(entry->user, "ops");
    ck_assert_str_eq(entry->address, "10.0.0.7");
    ck_assert_str_eq(entry->request_id, "r-1");
    ck_assert_str_eq(entry->operation, "vm-start");
    ck_assert_str_eq(entry->object, "urn:x");
    ck_assert_str_eq(entry->result, "ok");
    ck_assert_int_eq(entry->task_id, 28);
    g_ptr_array_unref(events.objects);
    g_ptr_array_unref(audits.objects);
}
END_TEST

/* ---- trimming ------------------------------------------------------------------------------- */

static bool trim(Db *db, void *data, GError **error)
{
    return store_history_trim(db, 1500, data, error);
}

START_TEST(trimming_takes_only_what_is_old_and_over)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    g_autofree char *left = NULL;
    g_autoptr(Task) old = make_task(TASK_START_VM, 1, "old");
    g_autoptr(Task) parent = make_task(TASK_EVACUATE_HOST, 1, "parent");
    g_autoptr(Task) child = make_task(TASK_MIGRATE_VM, 1, "child");
    int64_t removed;

    must_write(db, insert_history, NULL);
    old->status = parent->status = TASK_SUCCESS;
    old->progress = parent->progress = 100;
    old->finish_ms = parent->finish_ms = 1400;
    must_write(db, insert_task, old);
    must_write(db, insert_task, parent);
    child->parent_id = parent->id; /* still runs: the parent must stay */
    must_write(db, insert_task, child);
    must_write(db, trim, &removed);
    ck_assert_int_eq(removed, 2);
    left = scratch_sql(conninfo,
                       "SELECT concat_ws(' ', (SELECT string_agg(user_name, ' ' ORDER BY id) FROM"
                       " task), (SELECT count(*) FROM event), (SELECT count(*) FROM audit))");
    ck_assert_str_eq(left, "parent child 0 1");
}
END_TEST

SUITE_MAIN("db-task", SUITE_TEST(a_task_is_unfinished_until_it_is_final_and_then_fixed),
           SUITE_TEST(a_final_task_must_be_complete),
           SUITE_TEST(task_queries_filter_count_and_page),
           SUITE_TEST(events_and_audit_entries_come_back),
           SUITE_TEST(trimming_takes_only_what_is_old_and_over))
