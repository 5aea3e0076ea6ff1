/* vm_starts.c - see vm_starts.h. */
#include "config.h"

#include "controller/vm_starts.h"

#include "scheduler/sched_params.h"

struct StartsJob {
    Snapshot *snap;
    struct sched_params params;
    struct start_want *wants;
    struct start_answer *answers;
    size_t n;
    vm_starts_fn done; /* NULL: forgotten */
    void *user;
};

static void run(void *thread_state, void *data)
{
    StartsJob *job = data;

    (void)thread_state;
    starts_place(job->snap, job->wants, job->n, &job->params, job->answers);
}

static void free_job(StartsJob *job)
{
    for (size_t i = 0; i < job->n; i++)
        start_answer_clear(&job->answers[i]);
    g_free(job->answers);
    g_free(job->wants);
    snapshot_unref(job->snap);
    g_free(job);
}

static void answered(void *data, bool ran)
{
    StartsJob *job = data;

    if (job->done)
        job->done(ran ? job->answers : NULL, job->n, job->user);
    free_job(job);
}

StartsJob *vm_starts_ask(struct app *app, struct start_want *wants, size_t n, vm_starts_fn done,
                         void *user)
{
    StartsJob *job = g_new(StartsJob, 1);

    *job = (StartsJob){ .snap = inventory_snapshot(app->inv),
                        .wants = wants,
                        .answers = g_new0(struct start_answer, n),
                        .n = n,
                        .done = done,
                        .user = user };
    app_sched_params(app, &job->params);
    if (work_pool_submit(app->starts, NULL, run, answered, job))
        return job;
    free_job(job);
    return NULL;
}

void vm_starts_forget(StartsJob *job)
{
    if (job)
        job->done = NULL;
}
