/* agent_run.c - see agent_private.h: from a worker's hands to the end of a command. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "agent/agent_private.h"
#include "agent/exec.h"
#include "agent/report.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define MIN_REWRITE  (1u << 20)
#define ASK_AGAIN_MS 1000
#define PROGRESS_MS  1000

/* ---- running ------------------------------------------------------------------------------- */

/* What a worker gets; job->command does not change meanwhile. */
struct run {
    Agent *agent;
    Job *job;
    bool ok;
    struct command_report result;
    GError *error;
    int64_t owed_vm; /* its right has to go back; 0: no */
};

struct progress {
    char *id;
    struct command_report report;
};

void agent_free_progress(void *data)
{
    struct progress *progress = data;

    command_report_clear(&progress->report);
    g_free(progress->id);
    g_free(progress);
}

/* Worker. */
static bool on_worker_progress(const struct command_report *report, void *user)
{
    struct run *run = user;
    struct progress *progress = g_new0(struct progress, 1);

    progress->id = g_strdup(run->job->command.id);
    report_copy_command(report, &progress->report);
    if (!mailbox_post(run->agent->progress, progress))
        agent_free_progress(progress);
    return !atomic_load(&run->job->cancelled);
}

/* Time that passed is news only every second. */
static bool is_news(const struct command_report *told, const struct command_report *now)
{
    return now->progress != told->progress || now->transferred_mb != told->transferred_mb ||
           now->remaining_mb != told->remaining_mb ||
           now->elapsed_ms - told->elapsed_ms >= PROGRESS_MS;
}

/* Loop.  May come after the result: then it is old. */
void agent_on_progress(void *message, void *user)
{
    Agent *agent = user;
    struct progress *progress = message;
    Job *job = jobs_find(agent->jobs, progress->id);

    if (job && !job_is_finished(job) && !job->final.id &&
        is_news(&job->report, &progress->report)) {
        struct command_report *report = &job->report;

        report->state = COMMAND_RUNNING;
        report->progress = progress->report.progress;
        report->elapsed_ms = progress->report.elapsed_ms;
        report->transferred_mb = progress->report.transferred_mb;
        report->remaining_mb = progress->report.remaining_mb;
        report->dirty_mbps = progress->report.dirty_mbps;
        agent_tell_command(agent, job);
    }
    agent_free_progress(progress);
}

/* Worker. */
static void on_worker_owe(const struct warden_vm *vm, void *user)
{
    struct run *run = user;

    run->owed_vm = vm->id;
}

/* Also for a command of a former process: the journal knows its deadline. */
static bool may_begin(const Job *job)
{
    return !atomic_load(&job->cancelled) && clock_now_ms() < job->deadline_ms;
}

static void run_on_worker(void *thread_state, void *data)
{
    struct run *run = data;
    const struct exec exec = {
        .hv = &run->agent->hv,
        .warden = agent_ha_warden(run->agent->ha),
        .command = &run->job->command,
        .deadline_ms = run->job->deadline_ms,
        .settle_ms = run->agent->settle_ms,
        .may_begin = may_begin(run->job),
        .progress = on_worker_progress,
        .owe = on_worker_owe,
        .user = run,
    };

    (void)thread_state;
    run->ok = run->job->resolve ? exec_resolve(&exec, &run->result, &run->error)
                                : exec_run(&exec, &run->result, &run->error);
}

/* True if how the command ended is to be asked (again) once the hypervisor answers. */
static bool is_open(const struct run *run)
{
    return !run->ok && g_strcmp0(err_field(run->error), HV_FIELD_LINK) == 0 &&
           (run->job->resolve || err_is(run->error, VRM_ERR_TIMEOUT));
}

/* True if nothing was begun because libvirtd or vrm-hald is away: one that was killed is back soon.
 */
static bool is_worth_waiting(const struct run *run)
{
    Job *job = run->job;
    int64_t now_ms = clock_now_ms();

    if (run->ok || job->resolve || !err_is(run->error, VRM_ERR_UNAVAILABLE) ||
        (g_strcmp0(err_field(run->error), HV_FIELD_LINK) != 0 &&
         (g_strcmp0(err_field(run->error), WARDEN_FIELD) != 0 ||
          !warden_in_use(agent_ha_warden(run->agent->ha)))))
        return false;
    if (job->wait_until_ms == 0)
        job->wait_until_ms = MIN(now_ms + run->agent->link_wait_ms, job->deadline_ms);
    return now_ms < job->wait_until_ms && !atomic_load(&job->cancelled);
}

static gboolean on_ask(gpointer user);

static void ask_later(Agent *agent, Job *job)
{
    job->started = false;
    if (agent->ask_timer == 0)
        agent->ask_timer = g_timeout_add(ASK_AGAIN_MS, on_ask, agent);
}

static void run_done(void *data, bool ran)
{
    struct run *run = data;

    run->agent->n_running--;
    if (run->owed_vm != 0)
        agent_ha_owe(run->agent->ha, run->owed_vm, run->job->command.vm_uuid);
    if (ran && is_open(run)) {
        run->job->resolve = true;
        ask_later(run->agent, run->job);
    } else if (ran && is_worth_waiting(run)) {
        ask_later(run->agent, run->job);
    } else if (ran) {
        agent_store_result(run->agent, run->job, &run->result, run->ok ? NULL : run->error);
    }
    command_report_clear(&run->result);
    g_clear_error(&run->error);
    g_free(run);
}

/* What may have begun already is asked about in any case: libvirtd carries a migration on. */
static bool cannot_start(const Job *job, GError **error)
{
    if (job->resolve)
        return false;
    if (atomic_load(&job->cancelled)) {
        err_set(error, VRM_ERR_CONFLICT, "cancelled");
        return true;
    }
    if (clock_now_ms() >= job->deadline_ms) {
        err_set(error, VRM_ERR_UNAVAILABLE, "not begun within %" PRId64 " ms: the host is busy",
                job->command.deadline_ms);
        return true;
    }
    return false;
}

void agent_dispatch(Agent *agent, const char *uuid)
{
    Job *job = jobs_ready(agent->jobs, uuid);
    g_autoptr(GError) error = NULL;
    struct run *run;

    if (!job || agent->stopped || (job->resolve && !mirror_ok(agent->mirror)) ||
        agent_ha_holds(agent->ha, uuid))
        return;
    job->started = true;
    if (cannot_start(job, &error)) {
        struct command_report nothing = { 0 };

        agent_store_result(agent, job, &nothing, error);
        return;
    }
    run = g_new0(struct run, 1);
    run->agent = agent;
    run->job = job;
    if (!work_pool_submit(exec_is_long(&job->command) ? agent->waiting : agent->workers, NULL,
                          run_on_worker, run_done, run)) {
        job->started = false;
        g_free(run);
        return;
    }
    agent->n_running++;
    agent_ha_begin(agent->ha, uuid);
    job->report.state = COMMAND_RUNNING;
    agent_tell_command(agent, job);
}

/* ---- ending -------------------------------------------------------------------------------- */

/* Of all VMs that ever were commanded here; those that are here now stay. */
static void forget_gens(Agent *agent)
{
    GHashTableIter iter;
    gpointer uuid;

    g_hash_table_iter_init(&iter, agent->state.gens);
    while (g_hash_table_size(agent->state.gens) > AGENT_MAX_GENS &&
           g_hash_table_iter_next(&iter, &uuid, NULL)) {
        if (mirror_gen(agent->mirror, uuid) == 0)
            g_hash_table_iter_remove(&iter);
    }
}

/* A long life of commands makes a long file: write anew what still counts. */
static void rewrite_if_long(Agent *agent)
{
    g_autoptr(GString) lines = NULL;
    g_autofree char *boot = NULL;
    GHashTableIter iter;
    gpointer uuid, gen;

    if (!disk_wants_rewrite(agent->disk, MIN_REWRITE))
        return;
    forget_gens(agent);
    boot = journal_line_boot(agent->boot_id);
    lines = g_string_new(boot);
    g_hash_table_iter_init(&iter, agent->state.gens);
    while (g_hash_table_iter_next(&iter, &uuid, &gen)) {
        g_autofree char *line = journal_line_gen(uuid, *(const int64_t *)gen);

        g_string_append(lines, line);
    }
    jobs_format_journal(agent->jobs, clock_now_ms(), lines);
    disk_rewrite(agent->disk, g_string_free(g_steal_pointer(&lines), FALSE));
}

static void log_end(const Job *job)
{
    g_autofree char *elapsed = g_strdup_printf("%" PRId64, job->report.elapsed_ms);

    if (job->report.state == COMMAND_DONE)
        log_info("command done", "COMMAND", job->report.id, "VERB",
                 agent_verb_name(job->report.verb), "VM_UUID", job->report.vm_uuid, "ELAPSED_MS",
                 elapsed, NULL);
    else
        log_warning("command failed", "COMMAND", job->report.id, "VERB",
                    agent_verb_name(job->report.verb), "VM_UUID", job->report.vm_uuid, "ERROR",
                    job->report.error, NULL);
}

static void finish_done(const struct disk_write *write, const GError *error)
{
    Agent *agent = write->agent;
    Job *job = write->job;
    g_autofree char *uuid = g_strdup(job->command.vm_uuid);
    const bool is_expected = job->command.verb == VERB_RECEIVE && job->final.state == COMMAND_DONE;

    /* Told all the same: it is true.  After a restart the hypervisor is asked again. */
    if (error)
        log_error("cannot store a result", "COMMAND", job->report.id, "ERROR", error->message,
                  NULL);
    jobs_finish(agent->jobs, job, clock_now_ms());
    log_end(job);
    agent_tell_command(agent, job);
    if (uuid) {
        agent_ha_ended(agent->ha, uuid, is_expected);
        agent_dispatch(agent, uuid);
    }
    rewrite_if_long(agent);
}

void agent_store_result(Agent *agent, Job *job, struct command_report *result, const GError *error)
{
    struct command_report *final = &job->final;
    struct disk_write write = { .agent = agent, .job = job, .done = finish_done };

    *final = *result;
    *result = (struct command_report){ 0 };
    g_free(final->id);
    g_free(final->vm_uuid);
    g_free(final->error);
    final->id = g_strdup(job->report.id);
    final->verb = job->report.verb;
    final->vm_uuid = g_strdup(job->report.vm_uuid);
    final->error = g_strdup(error ? error->message : "");
    final->state = error ? COMMAND_FAILED : COMMAND_DONE;
    final->progress = 100;
    if (error) {
        final->err_code = error->domain == VRM_ERROR ? error->code : VRM_ERR_INTERNAL;
        final->reason = err_reason(error);
    }
    write.line = journal_line_finish(final, clock_now_ms());
    disk_write(agent->disk, &write);
}

/* ---- commands whose end is to be found out, or that wait for libvirtd ------------------------ */

static void dispatch_restored(Job *job, void *user)
{
    Agent *agent = user;
    struct command_report nothing = { 0 };
    g_autoptr(GError) error = NULL;

    if ((!job->resolve && job->wait_until_ms == 0) || job->started)
        return;
    if (job->command.verb != VERB_ABORT) {
        agent_dispatch(agent, job->command.vm_uuid);
        return;
    }
    job->started = true;
    err_set(&error, VRM_ERR_CONFLICT, "interrupted by a restart of the agent");
    agent_store_result(agent, job, &nothing, error);
}

void agent_dispatch_restored(Agent *agent)
{
    jobs_foreach_unfinished(agent->jobs, dispatch_restored, agent);
}

static gboolean on_ask(gpointer user)
{
    Agent *agent = user;

    agent->ask_timer = 0;
    agent_dispatch_restored(agent);
    return G_SOURCE_REMOVE;
}
