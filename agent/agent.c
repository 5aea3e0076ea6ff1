/*~ agent.c - see agent.h.  The way of a command:
 *
 *   agent_command    epoch too low? id known? generation too low? too many?  -> refused or answered
 *   accept_done      its line (and a new epoch) is on disk                    -> 202, queue
 *   agent_dispatch   it is the first of its VM: a worker runs exec.c          -> "running"
 *   run_done         the result goes to disk                                  -> then
 *   finish_done      it is told to the watchers, and the VM's next command may start
 *
 * The first two are here, the rest is in agent_run.c; agent_watch.c tells controllers.
 *
 * Everything here is on the loop, so nothing needs a lock; workers see one struct run each.
 * The disk has a thread of its own: one at a time, in order, and never on the loop. */
#include "config.h"

#include "agent/agent.h"

#include <inttypes.h>
#include <string.h>

#include "agent/agent_private.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "model/reason.h"

#define N_LONG           32 /* migrations and shut-downs that wait side by side */
#define MAX_QUEUED       (16u << 20)

#define HTTP_OK          200
#define HTTP_ACCEPTED    202
#define HTTP_INVALID     400
#define HTTP_MISSING     404
#define HTTP_CONFLICT    409
#define HTTP_UNAVAILABLE 503

/* ---- answers ------------------------------------------------------------------------------- */

int agent_status_of(const GError *error)
{
    if (err_is(error, VRM_ERR_INVALID))
        return HTTP_INVALID;
    if (err_is(error, VRM_ERR_NOT_FOUND))
        return HTTP_MISSING;
    if (err_is(error, VRM_ERR_CONFLICT) || err_is(error, VRM_ERR_DENIED))
        return HTTP_CONFLICT;
    return HTTP_UNAVAILABLE;
}

static void answer_state(const Job *job, agent_reply_fn reply, void *user)
{
    reply(job_is_finished(job) ? HTTP_OK : HTTP_ACCEPTED, command_report_encode(&job->report),
          user);
}

static void answer_error(const GError *error, agent_reply_fn reply, void *user)
{
    reply(agent_status_of(error), agent_error_encode(error), user);
}

/* ---- epoch --------------------------------------------------------------------------------- */

bool agent_claim_epoch(Agent *agent, int64_t epoch, GError **error)
{
    if (agent->stopped) {
        err_set(error, VRM_ERR_UNAVAILABLE, "the agent is ending");
        return false;
    }
    if (epoch < agent->state.epoch) {
        err_set(error, VRM_ERR_DENIED,
                "epoch %" PRId64 " is over: a controller with epoch %" PRId64 " commands this host",
                epoch, agent->state.epoch);
        return false;
    }
    if (epoch > agent->state.epoch) {
        agent->state.epoch = epoch;
        watch_hub_end_below(agent->hub, epoch);
    }
    return true;
}

int64_t agent_epoch_to_write(const Agent *agent)
{
    return agent->epoch_on_disk < agent->state.epoch ? agent->state.epoch : 0;
}

void agent_note_epoch(Agent *agent, const struct disk_write *write)
{
    agent->epoch_on_disk = MAX(agent->epoch_on_disk, write->epoch);
}

/* ---- accepting ----------------------------------------------------------------------------- */

struct waiter {
    agent_reply_fn reply;
    void *user;
};

static void add_waiter(Job *job, agent_reply_fn reply, void *user)
{
    struct waiter *waiter = g_new0(struct waiter, 1);

    waiter->reply = reply;
    waiter->user = user;
    job->waiters = g_slist_prepend(job->waiters, waiter);
}

static void answer_waiters(Job *job, const GError *error)
{
    GSList *waiters = g_steal_pointer(&job->waiters);

    for (GSList *item = waiters; item; item = item->next) {
        const struct waiter *waiter = item->data;

        if (error)
            answer_error(error, waiter->reply, waiter->user);
        else
            answer_state(job, waiter->reply, waiter->user);
    }
    g_slist_free_full(waiters, g_free);
}

/* A word to another command: nothing to carry out, so no worker and no queue. */
static void run_abort(Agent *agent, Job *job)
{
    Job *target = jobs_find(agent->jobs, job->command.abort_id);
    struct command_report nothing = { 0 };
    g_autoptr(GError) error = NULL;

    if (!target)
        err_set(&error, VRM_ERR_NOT_FOUND, "there is no command \"%s\"", job->command.abort_id);
    else if (target->report.verb != VERB_MIGRATE)
        err_set(&error, VRM_ERR_INVALID, "command \"%s\" is a %s: only migrate can be aborted",
                job->command.abort_id, agent_verb_name(target->report.verb));
    else
        atomic_store(&target->cancelled, true);
    job->started = true;
    agent_store_result(agent, job, &nothing, error);
}

static void accept_done(const struct disk_write *write, const GError *error)
{
    Agent *agent = write->agent;
    Job *job = write->job;

    if (error) {
        log_error("cannot store a command", "COMMAND", job->report.id, "ERROR", error->message,
                  NULL);
        answer_waiters(job, error);
        jobs_remove(agent->jobs, job);
        return;
    }
    agent_note_epoch(agent, write);
    job->on_disk = true;
    log_info("command accepted", "COMMAND", job->report.id, "VERB",
             agent_verb_name(job->report.verb), "VM_UUID", job->report.vm_uuid, NULL);
    answer_waiters(job, NULL);
    if (job->command.verb == VERB_ABORT)
        run_abort(agent, job);
    else
        agent_dispatch(agent, job->command.vm_uuid);
}

/* The same id again: the same answer.  Another command under the same id is somebody's bug. */
static void answer_known(Job *job, const struct agent_command *command, agent_reply_fn reply,
                         void *user)
{
    const char *uuid = command->vm_uuid ? command->vm_uuid : "";
    g_autoptr(GError) error = NULL;

    if (job->report.verb != command->verb || !g_str_equal(job->report.vm_uuid, uuid)) {
        err_set(&error, VRM_ERR_CONFLICT, "id \"%s\" was used for another command: %s of VM %s",
                command->id, agent_verb_name(job->report.verb), job->report.vm_uuid);
        answer_error(error, reply, user);
    } else if (!job->on_disk) {
        add_waiter(job, reply, user);
    } else {
        answer_state(job, reply, user);
    }
}

static bool check_gen(Agent *agent, const struct agent_command *command, GError **error)
{
    const int64_t *known;
    int64_t newest;

    if (command->verb == VERB_ABORT)
        return true;
    known = g_hash_table_lookup(agent->state.gens, command->vm_uuid);
    newest = MAX(known ? *known : 0, mirror_gen(agent->mirror, command->vm_uuid));
    if (command->gen < newest) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL,
                       "generation %" PRId64 " of VM %s is over: this host has seen %" PRId64,
                       command->gen, command->vm_uuid, newest);
        return false;
    }
    return true;
}

static bool may_accept(Agent *agent, const struct agent_command *command, GError **error)
{
    if (!check_gen(agent, command, error))
        return false;
    if (jobs_n_unfinished(agent->jobs) >= agent->max_commands) {
        err_set(error, VRM_ERR_BUSY, "%u commands are unfinished: no more until some end",
                agent->max_commands);
        return false;
    }
    return true;
}

static void accept(Agent *agent, struct agent_command *command, agent_reply_fn reply, void *user)
{
    struct disk_write write = { .agent = agent, .done = accept_done };
    Job *job;

    if (command->verb != VERB_ABORT)
        journal_state_raise_gen(&agent->state, command->vm_uuid, command->gen);
    write.epoch = agent_epoch_to_write(agent);
    write.job = job = jobs_add(agent->jobs, command, clock_now_ms());
    write.line = journal_line_accept(&job->command, job->deadline_ms);
    add_waiter(job, reply, user);
    disk_write(agent->disk, &write);
}

/* As libvirt writes them. */
static void lower_uuid(struct agent_command *command)
{
    for (char *p = command->vm_uuid; p && *p; p++)
        *p = g_ascii_tolower(*p);
}

void agent_command(Agent *agent, struct agent_command *command, agent_reply_fn reply, void *user)
{
    g_autoptr(GError) error = NULL;
    Job *known;

    lower_uuid(command);
    known = jobs_find(agent->jobs, command->id);
    if (!agent_claim_epoch(agent, command->epoch, &error) ||
        (!known && !may_accept(agent, command, &error)))
        answer_error(error, reply, user);
    else if (known)
        answer_known(known, command, reply, user);
    else
        accept(agent, command, reply, user);
    agent_command_clear(command);
}

/* ---- looking ------------------------------------------------------------------------------- */

void agent_command_state(Agent *agent, const char *id, agent_reply_fn reply, void *user)
{
    Job *job = jobs_find(agent->jobs, id);
    g_autoptr(GError) error = NULL;

    if (job && job->on_disk) {
        reply(HTTP_OK, command_report_encode(&job->report), user);
        return;
    }
    err_set(&error, VRM_ERR_NOT_FOUND, "there is no command \"%.*s\"", AGENT_COMMAND_ID_MAX, id);
    answer_error(error, reply, user);
}

void agent_health(Agent *agent, agent_reply_fn reply, void *user)
{
    bool ok = mirror_ok(agent->mirror);

    reply(HTTP_OK,
          json_pack("{s:s, s:b, s:s, s:I, s:i, s:i, s:i}", "status", ok ? "ok" : "degraded",
                    "hypervisor_ok", ok, "agent_version", PACKAGE_VERSION, "epoch",
                    (json_int_t)agent->state.epoch, "domains", (int)mirror_n_domains(agent->mirror),
                    "unfinished_commands", (int)jobs_n_unfinished(agent->jobs), "watchers",
                    (int)watch_hub_count(agent->hub)),
          user);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void restore_jobs(Agent *agent)
{
    int64_t now_ms = clock_now_ms();

    for (guint i = 0; i < agent->state.entries->len; i++)
        jobs_restore(agent->jobs, g_ptr_array_index(agent->state.entries, i), now_ms);
    g_ptr_array_set_size(agent->state.entries, 0);
    g_hash_table_remove_all(agent->state.indexes);
    if (jobs_n_unfinished(agent->jobs) > 0) {
        g_autofree char *n = g_strdup_printf("%u", jobs_n_unfinished(agent->jobs));

        log_info("commands of a former process to resolve", "COUNT", n, NULL);
    }
}

static WorkPool *make_pool(const char *name, unsigned n_threads)
{
    const struct work_pool_options options = { .name = name, .n_threads = n_threads };

    return work_pool_new(&options);
}

static Mirror *make_mirror(Agent *agent, const struct agent_options *options)
{
    struct mirror_options mirror = {
        .hv = &agent->hv,
        .sink = agent_mirror_sink,
        .name = options->name,
        .stats_interval_ms = options->stats_interval_ms,
    };

    mirror.sink.user = agent;
    return mirror_new(&mirror);
}

Agent *agent_new(const struct agent_options *options, GError **error)
{
    const struct watch_limits limits = { AGENT_MAX_WATCHERS, MAX_QUEUED };
    struct journal_state state;
    Journal *journal = journal_open(options->state_dir, options->boot_id, &state, error);
    Agent *agent;

    if (!journal)
        return NULL;
    agent = g_new0(Agent, 1);
    agent->hv = options->hv;
    agent->state = state;
    agent->epoch_on_disk = state.epoch;
    agent->boot_id = g_strdup(options->boot_id);
    agent->max_commands = options->max_commands;
    agent->settle_ms = options->settle_ms;
    agent->link_wait_ms = options->link_wait_ms;
    agent->disk = disk_new(journal);
    agent->hub = watch_hub_new(&limits);
    agent->jobs = jobs_new();
    agent->workers = make_pool("verb", options->n_workers);
    agent->waiting = make_pool("wait", N_LONG);
    agent->progress = mailbox_new(NULL, agent_on_progress, agent_free_progress, agent);
    agent->mirror = make_mirror(agent, options);
    restore_jobs(agent);
    return agent;
}

void agent_start(Agent *agent)
{
    agent->beat_timer = g_timeout_add(AGENT_BEAT_INTERVAL_MS, agent_on_beat, agent);
    mirror_start(agent->mirror);
}

static void stop_timer(guint *timer)
{
    if (*timer)
        g_source_remove(*timer);
    *timer = 0;
}

void agent_end_streams(Agent *agent)
{
    watch_hub_end_all(agent->hub);
}

void agent_stop(Agent *agent)
{
    agent->stopped = true;
    stop_timer(&agent->beat_timer);
    stop_timer(&agent->ask_timer);
    watch_hub_end_all(agent->hub);
}

bool agent_is_idle(const Agent *agent)
{
    return agent->n_running == 0 && disk_is_idle(agent->disk) && mirror_is_idle(agent->mirror);
}

bool agent_free(Agent *agent)
{
    if (!agent)
        return true;
    agent_stop(agent);
    if (!agent_is_idle(agent))
        return false;
    /* Results that are still on their way back need the mirror and the disk. */
    work_pool_free(agent->workers);
    work_pool_free(agent->waiting);
    mailbox_free(agent->progress);
    disk_free(agent->disk);
    agent_stop(agent);
    if (!mirror_free(agent->mirror))
        return false;
    jobs_free(agent->jobs);
    watch_hub_free(agent->hub);
    journal_state_clear(&agent->state);
    g_free(agent->boot_id);
    g_free(agent);
    return true;
}
