/* jobs.c - see jobs.h. */
#include "config.h"

#include "agent/jobs.h"

#include "agent/report.h"

#define MAX_FINISHED 10000 /* ids that are still known: about 3 MB on disk */
#define FULL_AGE_MS  INT64_C(3600000)

struct JobTable {
    GHashTable *by_id;  /* id -> Job *, owned */
    GHashTable *queues; /* VM uuid -> GQueue of Job *, unfinished only, never empty */
    GQueue unfinished;  /* Job *, in order of acceptance */
    GQueue finished;    /* Job *, oldest first */
};

static void free_job(gpointer data)
{
    Job *job = data;

    g_assert(!job->waiters);
    agent_command_clear(&job->command);
    command_report_clear(&job->report);
    command_report_clear(&job->final);
    g_free(job);
}

static void free_queue(gpointer queue)
{
    g_queue_free(queue);
}

JobTable *jobs_new(void)
{
    JobTable *table = g_new0(JobTable, 1);

    table->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_job);
    table->queues = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_queue);
    g_queue_init(&table->unfinished);
    g_queue_init(&table->finished);
    return table;
}

void jobs_free(JobTable *table)
{
    if (!table)
        return;
    g_queue_clear(&table->unfinished);
    g_queue_clear(&table->finished);
    g_hash_table_unref(table->queues);
    g_hash_table_unref(table->by_id);
    g_free(table);
}

/* ---- adding and removing ------------------------------------------------------------------- */

static const char *queue_key(const Job *job)
{
    return job->command.verb == VERB_ABORT ? NULL : job->command.vm_uuid;
}

static void enqueue(JobTable *table, Job *job)
{
    const char *key = queue_key(job);
    GQueue *queue;

    g_queue_push_tail(&table->unfinished, job);
    if (!key)
        return;
    queue = g_hash_table_lookup(table->queues, key);
    if (!queue) {
        queue = g_queue_new();
        g_hash_table_insert(table->queues, g_strdup(key), queue);
    }
    g_queue_push_tail(queue, job);
}

static void dequeue(JobTable *table, Job *job)
{
    const char *key = queue_key(job);
    GQueue *queue = key ? g_hash_table_lookup(table->queues, key) : NULL;

    g_queue_remove(&table->unfinished, job);
    if (!queue)
        return;
    g_queue_remove(queue, job);
    if (g_queue_is_empty(queue))
        g_hash_table_remove(table->queues, key);
}

static Job *add_job(JobTable *table, const struct command_report *report)
{
    Job *job = g_new0(Job, 1);

    report_copy_command(report, &job->report);
    atomic_init(&job->cancelled, false);
    g_hash_table_insert(table->by_id, job->report.id, job);
    return job;
}

static void forget_oldest(JobTable *table)
{
    while (g_queue_get_length(&table->finished) > MAX_FINISHED) {
        const Job *oldest = g_queue_pop_head(&table->finished);

        g_hash_table_remove(table->by_id, oldest->report.id);
    }
}

Job *jobs_restore(JobTable *table, JournalEntry *entry, int64_t now_ms)
{
    bool finished = entry->report.state == COMMAND_DONE || entry->report.state == COMMAND_FAILED;
    Job *job = add_job(table, &entry->report);

    job->on_disk = true;
    if (finished) {
        job->finished_ms = entry->finished_ms > 0 ? entry->finished_ms : now_ms;
        g_queue_push_tail(&table->finished, job);
        forget_oldest(table);
        return job;
    }
    job->command = entry->command;
    entry->command = (struct agent_command){ 0 };
    job->resolve = true;
    job->deadline_ms = entry->deadline_ms;
    enqueue(table, job);
    return job;
}

Job *jobs_add(JobTable *table, struct agent_command *command, int64_t now_ms)
{
    const struct command_report report = {
        .id = command->id,
        .verb = command->verb,
        .vm_uuid = command->vm_uuid,
        .state = COMMAND_ACCEPTED,
    };
    Job *job = add_job(table, &report);

    job->command = *command;
    *command = (struct agent_command){ 0 };
    job->deadline_ms = now_ms + job->command.deadline_ms;
    enqueue(table, job);
    return job;
}

void jobs_remove(JobTable *table, Job *job)
{
    dequeue(table, job);
    g_hash_table_remove(table->by_id, job->report.id);
}

void jobs_finish(JobTable *table, Job *job, int64_t now_ms)
{
    struct command_report final = job->final;

    dequeue(table, job);
    /* The hash table's key is report.id: replace everything else. */
    final.id = job->report.id;
    g_free(job->final.id);
    g_free(job->report.vm_uuid);
    g_free(job->report.error);
    job->report = final;
    job->final = (struct command_report){ 0 };
    job->finished_ms = MAX(now_ms, 1);
    agent_command_clear(&job->command);
    g_queue_push_tail(&table->finished, job);
    forget_oldest(table);
}

/* ---- looking ------------------------------------------------------------------------------- */

Job *jobs_find(JobTable *table, const char *id)
{
    return g_hash_table_lookup(table->by_id, id);
}

Job *jobs_ready(JobTable *table, const char *uuid)
{
    GQueue *queue = g_hash_table_lookup(table->queues, uuid);
    Job *job = queue ? g_queue_peek_head(queue) : NULL;

    return job && job->on_disk && !job->started ? job : NULL;
}

unsigned jobs_n_unfinished(JobTable *table)
{
    return g_queue_get_length(&table->unfinished);
}

bool jobs_is_busy(const JobTable *table, const char *uuid)
{
    return g_hash_table_contains(table->queues, uuid);
}

void jobs_foreach_unfinished(JobTable *table, void (*fn)(Job *job, void *user), void *user)
{
    g_autoptr(GList) jobs = g_list_copy(table->unfinished.head);

    for (GList *item = jobs; item; item = item->next)
        fn(item->data, user);
}

void jobs_fill_full(JobTable *table, int64_t now_ms, struct watch_line *line)
{
    size_t n = 0;

    line->commands = g_new0(struct command_report, AGENT_MAX_REPORTS);
    for (GList *item = table->unfinished.tail; item && n < AGENT_MAX_REPORTS; item = item->prev)
        report_copy_command(&((Job *)item->data)->report, &line->commands[n++]);
    for (GList *item = table->finished.tail; item && n < AGENT_MAX_REPORTS; item = item->prev) {
        const Job *job = item->data;

        if (now_ms - job->finished_ms > FULL_AGE_MS)
            break;
        report_copy_command(&job->report, &line->commands[n++]);
    }
    line->n_commands = n;
}

void jobs_format_journal(JobTable *table, int64_t now_ms, GString *lines)
{
    for (GList *item = table->finished.head; item; item = item->next) {
        const Job *job = item->data;
        g_autofree char *line = journal_line_finish(&job->report, job->finished_ms);

        g_string_append(lines, line);
    }
    for (GList *item = table->unfinished.head; item; item = item->next) {
        const Job *job = item->data;
        g_autofree char *accepted = journal_line_accept(&job->command, job->deadline_ms);

        g_string_append(lines, accepted);
        if (job->final.id) {
            g_autofree char *finished = journal_line_finish(&job->final, now_ms);

            g_string_append(lines, finished);
        }
    }
}
