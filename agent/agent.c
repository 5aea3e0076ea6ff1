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

int64_t agent_newest_gen(const Agent *agent, const char *uuid)
{
    g_autofree char *lower = g_ascii_strdown(uuid, -1);
    const int64_t *known = g_hash_table_lookup(agent->state.gens, lower);

    return MAX(known ? *known : 0, mirror_gen(agent->mirror, lower));
}

static bool check_gen(Agent *agent, const struct agent_command *command, GError **error)
{
    int64_t newest;

    if (command->verb == VERB_ABORT)
        return true;
    newest = agent_newest_gen(agent, command->vm_uuid);
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

bool agent_peek_command(const Agent *agent, const char *id, enum command_state *ret_state)
{
    const Job *job = jobs_find(agent->jobs, id);

    if (job)
        *ret_state = job->report.state;
    return job != NULL;
}

bool agent_lacks_vm(const Agent *agent, const char *uuid)
{
    g_autofree char *lower = g_ascii_strdown(uuid, -1);

    return mirror_ok(agent->mirror) && !mirror_has(agent->mirror, lower);
}

void agent_health(Agent *agent, agent_reply_fn reply, void *user)
{
    bool ok = mirror_ok(agent->mirror);

    reply(HTTP_OK,
          json_pack("{s:s, s:b, s:b, s:s, s:I, s:i, s:i, s:i}", "status", ok ? "ok" : "degraded",
                    "hypervisor_ok", ok, "ha", agent_ha_answers(agent->ha), "agent_version",
                    PACKAGE_VERSION, "epoch", (json_int_t)agent->state.epoch, "domains",
                    (int)mirror_n_domains(agent->mirror), "unfinished_commands",
                    (int)jobs_n_unfinished(agent->jobs), "watchers",
                    (int)watch_hub_count(agent->hub)),
          user);
}

/* ---- vrm-hald's setup -------------------------------------------------------------------------
 */

struct setting {
    Agent *agent;
    struct ha_setup setup;
    char *text; /* the same */
    agent_reply_fn reply;
    void *user;
};

static void setting_ended(const GError *error, void *user)
{
    struct setting *setting = user;

    if (error) {
        log_warning("vrm-hald does not take its setup", "ERROR", error->message, NULL);
        answer_error(error, setting->reply, setting->user);
    } else {
        if (setting->agent->on_ha_setup)
            setting->agent->on_ha_setup(setting->text, setting->agent->ha_user);
        setting->reply(HTTP_OK, json_object(), setting->user);
    }
    ha_setup_clear(&setting->setup);
    g_free(setting->text);
    g_free(setting);
}

/* The epoch is on disk: a controller that was deposed meanwhile is refused. */
static void setting_stored(const struct disk_write *write, const GError *disk_error)
{
    struct setting *setting = write->opening;
    Agent *agent = write->agent;
    g_autoptr(GError) error = NULL;

    if (!disk_error)
        agent_note_epoch(agent, write);
    if (disk_error)
        setting_ended(disk_error, setting);
    else if (!agent_claim_epoch(agent, setting->setup.epoch, &error))
        setting_ended(error, setting);
    else
        agent_ha_setup(agent->ha, &setting->setup, setting_ended, setting);
}

static char *format_setup(const struct ha_setup *setup)
{
    g_autoptr(json_t) json = ha_setup_encode(setup);

    return json_format(json);
}

void agent_set_ha(Agent *agent, struct ha_setup *setup, agent_reply_fn reply, void *user)
{
    struct disk_write write = { .agent = agent, .done = setting_stored };
    struct setting *setting;
    g_autoptr(GError) error = NULL;

    if (!agent_claim_epoch(agent, setup->epoch, &error)) {
        answer_error(error, reply, user);
        ha_setup_clear(setup);
        return;
    }
    setting = g_new0(struct setting, 1);
    setting->agent = agent;
    setting->text = format_setup(setup);
    setting->setup = *setup;
    *setup = (struct ha_setup){ 0 };
    setting->reply = reply;
    setting->user = user;
    write.epoch = agent_epoch_to_write(agent);
    write.opening = setting;
    disk_write(agent->disk, &write);
}

/* ---- heartbeat slots ------------------------------------------------------------------------- */

struct slots_reply {
    agent_reply_fn reply;
    void *user;
};

static void slots_read(const struct ha_reading *slots, const GError *error, void *user)
{
    struct slots_reply *asked = user;

    if (slots)
        asked->reply(HTTP_OK, ha_reading_encode(slots), asked->user);
    else
        answer_error(error, asked->reply, asked->user);
    g_free(asked);
}

void agent_read_slots(Agent *agent, int64_t first, int64_t count, agent_reply_fn reply, void *user)
{
    struct slots_reply *asked = g_new0(struct slots_reply, 1);

    asked->reply = reply;
    asked->user = user;
    agent_ha_slots(agent->ha, first, count, slots_read, asked);
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

static bool is_busy(const char *uuid, void *user)
{
    const Agent *agent = user;

    return jobs_is_busy(agent->jobs, uuid);
}

static void on_freed(const char *uuid, void *user)
{
    agent_dispatch(user, uuid);
}

static void on_revived(void *user)
{
    agent_tell_hello(user);
}

static Reviver *make_reviver(Agent *agent, const struct agent_options *options)
{
    const struct reviver_options reviver = {
        .hv = &agent->hv,
        .hang_ms = options->hang_ms,
        .command = options->restart ? options->restart : "",
        .revived = on_revived,
        .user = agent,
    };

    return reviver_new(&reviver);
}

static void on_ha_changed(void *user)
{
    agent_tell_hello(user);
}

static bool is_watched(void *user)
{
    const Agent *agent = user;

    return watch_hub_count(agent->hub) > 0;
}

static AgentHa *make_ha(Agent *agent, const struct agent_options *options)
{
    const struct agent_ha_options ha = {
        .warden = options->warden,
        .hv = &agent->hv,
        .poll_ms = options->warden_poll_ms,
        .press_again_ms = options->press_again_ms,
        .gone_ms = options->gone_ms,
        .is_busy = is_busy,
        .freed = on_freed,
        .is_watched = is_watched,
        .changed = on_ha_changed,
        .user = agent,
    };

    return agent_ha_new(&ha);
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
    agent->on_ha_setup = options->on_ha_setup;
    agent->ha_user = options->ha_user;
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
    agent->ha = make_ha(agent, options);
    agent->reviver = make_reviver(agent, options);
    restore_jobs(agent);
    return agent;
}

void agent_start(Agent *agent)
{
    agent->beat_timer = g_timeout_add(AGENT_BEAT_INTERVAL_MS, agent_on_beat, agent);
    mirror_start(agent->mirror);
    agent_ha_start(agent->ha);
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
    agent_ha_stop(agent->ha);
    watch_hub_end_all(agent->hub);
}

bool agent_is_idle(const Agent *agent)
{
    return agent->n_running == 0 && disk_is_idle(agent->disk) && mirror_is_idle(agent->mirror) &&
           agent_ha_is_idle(agent->ha) && reviver_is_idle(agent->reviver);
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
    agent_ha_free(agent->ha);
    if (!reviver_free(agent->reviver))
        return false;
    if (!mirror_free(agent->mirror))
        return false;
    jobs_free(agent->jobs);
    watch_hub_free(agent->hub);
    journal_state_clear(&agent->state);
    g_free(agent->boot_id);
    g_free(agent);
    return true;
}
