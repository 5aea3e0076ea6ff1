/* drs_drift.c - see drs_private.h: asks the scheduler whether the moves of a plan still pay. */
#include "config.h"

#include "base/log.h"
#include "controller/drs_private.h"
#include "scheduler/drift.h"

struct job {
    struct app *app;
    int64_t task_id, cluster_id;
    Snapshot *snap;
    struct sched_params params;
    struct drift_move *moves;
    size_t n_moves;
    struct drift_verdict *verdicts;
    GError *error;
};

static void run_job(void *thread_state, void *data)
{
    struct job *job = data;

    (void)thread_state;
    (void)drift_judge(job->snap,
                      &(struct drift_question){ job->cluster_id, job->moves, job->n_moves },
                      &job->params, &job->verdicts, &job->error);
}

static void free_job(struct job *job)
{
    snapshot_unref(job->snap);
    drift_verdicts_free(job->verdicts, job->n_moves);
    g_free(job->moves);
    g_clear_error(&job->error);
    g_free(job);
}

static void judged(void *data, bool ran)
{
    struct job *job = data;
    struct run *run = ran ? tasks_find_run(job->app->tasks, job->task_id) : NULL;

    if (job->error)
        log_debug("the moves of a plan were not judged", "REASON", job->error->message, NULL);
    if (run && !run->finishing)
        drs_take_drift(run, job->moves, job->verdicts, job->n_moves);
    free_job(job);
}

bool drs_judge_drift(struct app *app, int64_t task_id, struct drift_move *moves, size_t n_moves)
{
    const Task *task = snapshot_builder_get_task(inventory_edit(app->inv), task_id);
    struct job *job = g_new0(struct job, 1);

    inventory_publish(app->inv);
    *job = (struct job){ .app = app,
                         .task_id = task_id,
                         .cluster_id = task ? task->entity_id : 0,
                         .snap = inventory_snapshot(app->inv),
                         .moves = moves,
                         .n_moves = n_moves };
    app_sched_params(app, &job->params);
    if (work_pool_submit(app->cpu, NULL, run_job, judged, job))
        return true;
    free_job(job);
    return false;
}
