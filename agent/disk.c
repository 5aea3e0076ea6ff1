/* disk.c - see disk.h. */
#include "config.h"

#include "agent/disk.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/work.h"

struct Disk {
    Journal *journal; /* the thread's, while it runs */
    WorkPool *pool;
    size_t size;      /* about; of the journal, as far as writes were done */
    size_t last_size; /* after the last rewriting */
    bool rewriting;
    unsigned n_waiting; /* tasks whose done has not run */
};

struct task {
    Disk *disk;
    struct disk_write write;
    char *lines; /* rewriting; NULL: write */
    size_t size; /* of the journal afterwards */
    GError *error;
};

Disk *disk_new(Journal *journal)
{
    const struct work_pool_options options = { .name = "disk", .n_threads = 1 };
    Disk *disk = g_new0(Disk, 1);

    disk->journal = journal;
    disk->size = disk->last_size = journal_size(journal);
    disk->pool = work_pool_new(&options);
    return disk;
}

/* Worker. */
static void run(void *thread_state, void *data)
{
    struct task *task = data;
    Journal *journal = task->disk->journal;
    const struct disk_write *write = &task->write;

    (void)thread_state;
    if (task->lines)
        journal_rewrite(journal, task->lines, &task->error);
    else if (write->epoch == 0 || journal_set_epoch(journal, write->epoch, &task->error))
        (void)(write->line && journal_append(journal, write->line, &task->error));
    task->size = journal_size(journal);
}

static void finish(struct task *task)
{
    if (task->lines) {
        task->disk->rewriting = false;
        task->disk->last_size = task->size;
        if (task->error)
            log_error("cannot rewrite the journal", "ERROR", task->error->message, NULL);
    }
    task->disk->size = task->size;
    task->disk->n_waiting--;
    if (task->write.done)
        task->write.done(&task->write, task->error);
    g_free(task->write.line);
    g_free(task->lines);
    g_clear_error(&task->error);
    g_free(task);
}

static void done(void *data, bool ran)
{
    struct task *task = data;

    if (!ran && !task->error)
        err_set(&task->error, VRM_ERR_UNAVAILABLE, "the agent is ending");
    finish(task);
}

static void submit(Disk *disk, struct task *task)
{
    task->disk = disk;
    task->size = disk->size;
    disk->n_waiting++;
    if (work_pool_submit(disk->pool, "journal", run, done, task))
        return;
    err_set(&task->error, VRM_ERR_UNAVAILABLE, "the agent is ending");
    finish(task);
}

void disk_write(Disk *disk, const struct disk_write *write)
{
    struct task *task = g_new0(struct task, 1);

    task->write = *write;
    submit(disk, task);
}

void disk_rewrite(Disk *disk, char *lines)
{
    struct task *task = g_new0(struct task, 1);

    task->lines = lines;
    disk->rewriting = true;
    submit(disk, task);
}

bool disk_wants_rewrite(const Disk *disk, size_t least)
{
    return !disk->rewriting && disk->size > least && disk->size / 2 > disk->last_size;
}

bool disk_is_idle(const Disk *disk)
{
    return disk->n_waiting == 0;
}

void disk_free(Disk *disk)
{
    if (!disk)
        return;
    work_pool_free(disk->pool);
    journal_free(disk->journal);
    g_free(disk);
}
