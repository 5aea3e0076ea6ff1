/*~ agent.c - see agent.h.  The way of a command:
 *
 *   agent_command   epoch too low? id known? generation too low? too many?   -> refused or answered
 *   accept_done     its line (and a new epoch) is on disk                     -> 202, queue
 *   dispatch        it is the first of its VM: a worker runs exec.c           -> "running"
 *   run_done        the result goes to disk                                   -> then
 *   finish_done     it is told to the watchers, and the VM's next command may start
 *
 * Everything here is on the loop, so nothing needs a lock; workers see one struct run each.
 * The disk has a thread of its own: one at a time, in order, and never on the loop. */
#include "config.h"

#include "agent/agent.h"

#include <inttypes.h>
#include <string.h>

#include "agent/disk.h"
#include "agent/exec.h"
#include "agent/jobs.h"
#include "agent/journal.h"
#include "agent/mirror.h"
#include "agent/report.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/work.h"
#include "model/reason.h"

#define N_LONG           32 /* migrations and shut-downs that wait side by side */
#define MAX_WATCHERS     8
#define MAX_QUEUED       (16u << 20)
#define MAX_GENS         65536 /* VMs whose generation is remembered though no command names them */
#define MIN_REWRITE      (1u << 20)
#define ASK_AGAIN_MS     1000
#define PROGRESS_MS      1000

#define HTTP_OK          200
#define HTTP_ACCEPTED    202
#define HTTP_INVALID     400
#define HTTP_MISSING     404
#define HTTP_CONFLICT    409
#define HTTP_UNAVAILABLE 503

struct Agent {
    struct hv hv;
    Mirror *mirror;
    WatchHub *hub;
    JobTable *jobs;
    Disk *disk;
    WorkPool *workers; /* short commands */
    WorkPool *waiting; /* long ones, see exec_is_long */
    Mailbox *progress;
    struct journal_state state; /* epoch and gens; entries are in jobs */
    int64_t epoch_on_disk;
    char *boot_id;
    unsigned max_commands;
    unsigned settle_ms;
    guint beat_timer, ask_timer;
    unsigned n_running; /* workers' jobs whose result has not come back */
    bool stopped;
};

/* ---- answers ------------------------------------------------------------------------------- */

static int status_of(const GError *error)
{
    if (err_is(error, VRM_ERR_INVALID))
        return HTTP_INVALID;
    if (err_is(error, VRM_ERR_NOT_FOUND))
        return HTTP_MISSING;
    if (err_is(error, VRM_ERR_CONFLICT) || err_is(error, VRM_ERR_DENIED))
        return HTTP_CONFLICT;
    return HTTP_UNAVAILABLE;
}

static bool is_finished(const Job *job)
{
    return job->finished_ms > 0;
}

static void answer_state(const Job *job, agent_reply_fn reply, void *user)
{
    reply(is_finished(job) ? HTTP_OK : HTTP_ACCEPTED, command_report_encode(&job->report), user);
}

static void answer_error(const GError *error, agent_reply_fn reply, void *user)
{
    reply(status_of(error), agent_error_encode(error), user);
}

/* ---- telling ------------------------------------------------------------------------------- */

static void tell_command(Agent *agent, Job *job)
{
    const struct watch_line line = {
        .kind = WATCH_COMMAND,
        .commands = &job->report,
        .n_commands = 1,
    };

    watch_hub_publish(agent->hub, &line);
}

static void tell_beat(Agent *agent)
{
    const struct watch_line line = {
        .kind = WATCH_BEAT,
        .hypervisor_ok = mirror_ok(agent->mirror),
    };

    watch_hub_publish(agent->hub, &line);
}

static gboolean on_beat(gpointer user)
{
    tell_beat(user);
    return G_SOURCE_CONTINUE;
}

static void make_hello(Agent *agent, struct watch_line *ret_line)
{
    *ret_line = (struct watch_line){ .kind = WATCH_HELLO };
    mirror_hello(agent->mirror, &ret_line->hello);
    ret_line->hello.epoch = MAX(agent->state.epoch, 1);
}

static void make_full(Agent *agent, struct watch_line *ret_line)
{
    *ret_line = (struct watch_line){ .kind = WATCH_FULL };
    mirror_fill_full(agent->mirror, ret_line);
    jobs_fill_full(agent->jobs, clock_now_ms(), ret_line);
}

/* ---- epoch --------------------------------------------------------------------------------- */

/* Refuses lower epochs; a higher one ends the streams of all lower ones at once. */
static bool claim_epoch(Agent *agent, int64_t epoch, GError **error)
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

/* The epoch that has to go to disk together with what follows; 0: it is there. */
static int64_t epoch_to_write(const Agent *agent)
{
    return agent->epoch_on_disk < agent->state.epoch ? agent->state.epoch : 0;
}

static void note_epoch(Agent *agent, const struct disk_write *write)
{
    agent->epoch_on_disk = MAX(agent->epoch_on_disk, write->epoch);
}

/* ---- running ------------------------------------------------------------------------------- */

/* What a worker gets; job->command does not change meanwhile. */
struct run {
    Agent *agent;
    Job *job;
    bool ok;
    struct command_report result;
    GError *error;
};

struct progress {
    char *id;
    struct command_report report;
};

static void progress_free(void *data)
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
        progress_free(progress);
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
static void on_progress(void *message, void *user)
{
    Agent *agent = user;
    struct progress *progress = message;
    Job *job = jobs_find(agent->jobs, progress->id);

    if (job && !is_finished(job) && !job->final.id && is_news(&job->report, &progress->report)) {
        struct command_report *report = &job->report;

        report->state = COMMAND_RUNNING;
        report->progress = progress->report.progress;
        report->elapsed_ms = progress->report.elapsed_ms;
        report->transferred_mb = progress->report.transferred_mb;
        report->remaining_mb = progress->report.remaining_mb;
        report->dirty_mbps = progress->report.dirty_mbps;
        tell_command(agent, job);
    }
    progress_free(progress);
}

static void run_on_worker(void *thread_state, void *data)
{
    struct run *run = data;
    const struct exec exec = {
        .hv = &run->agent->hv,
        .command = &run->job->command,
        .deadline_ms = run->job->deadline_ms,
        .settle_ms = run->agent->settle_ms,
        .progress = on_worker_progress,
        .user = run,
    };

    (void)thread_state;
    run->ok = run->job->resolve ? exec_resolve(&exec, &run->result, &run->error)
                                : exec_run(&exec, &run->result, &run->error);
}

static void store_result(Agent *agent, Job *job, struct command_report *result,
                         const GError *error);

/* True if how the command ended is to be asked (again) once the hypervisor answers. */
static bool is_open(const struct run *run)
{
    return !run->ok && g_strcmp0(err_field(run->error), HV_FIELD_LINK) == 0 &&
           (run->job->resolve || err_is(run->error, VRM_ERR_TIMEOUT));
}

static gboolean on_ask(gpointer user);

static void ask_later(Agent *agent, Job *job)
{
    job->resolve = true;
    job->started = false;
    if (agent->ask_timer == 0)
        agent->ask_timer = g_timeout_add(ASK_AGAIN_MS, on_ask, agent);
}

static void run_done(void *data, bool ran)
{
    struct run *run = data;

    run->agent->n_running--;
    if (ran && is_open(run))
        ask_later(run->agent, run->job);
    else if (ran)
        store_result(run->agent, run->job, &run->result, run->ok ? NULL : run->error);
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

static void dispatch(Agent *agent, const char *uuid)
{
    Job *job = jobs_ready(agent->jobs, uuid);
    g_autoptr(GError) error = NULL;
    struct run *run;

    if (!job || agent->stopped || (job->resolve && !mirror_ok(agent->mirror)))
        return;
    job->started = true;
    if (cannot_start(job, &error)) {
        struct command_report nothing = { 0 };

        store_result(agent, job, &nothing, error);
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
    job->report.state = COMMAND_RUNNING;
    tell_command(agent, job);
}

/* ---- ending -------------------------------------------------------------------------------- */

/* A long life of commands makes a long file: write anew what still counts. */
static void rewrite_if_long(Agent *agent)
{
    g_autoptr(GString) lines = NULL;
    g_autofree char *boot = NULL;
    GHashTableIter iter;
    gpointer uuid, gen;

    if (!disk_wants_rewrite(agent->disk, MIN_REWRITE))
        return;
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

    /* Told all the same: it is true.  After a restart the hypervisor is asked again. */
    if (error)
        log_error("cannot store a result", "COMMAND", job->report.id, "ERROR", error->message,
                  NULL);
    jobs_finish(agent->jobs, job, clock_now_ms());
    log_end(job);
    tell_command(agent, job);
    if (uuid)
        dispatch(agent, uuid);
    rewrite_if_long(agent);
}

static void store_result(Agent *agent, Job *job, struct command_report *result, const GError *error)
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
    store_result(agent, job, &nothing, error);
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
    note_epoch(agent, write);
    job->on_disk = true;
    log_info("command accepted", "COMMAND", job->report.id, "VERB",
             agent_verb_name(job->report.verb), "VM_UUID", job->report.vm_uuid, NULL);
    answer_waiters(job, NULL);
    if (job->command.verb == VERB_ABORT)
        run_abort(agent, job);
    else
        dispatch(agent, job->command.vm_uuid);
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

    if (command->verb != VERB_ABORT)
        journal_state_raise_gen(&agent->state, command->vm_uuid, command->gen);
    write.line = journal_line_accept(command);
    write.epoch = epoch_to_write(agent);
    write.job = jobs_add(agent->jobs, command, clock_now_ms());
    add_waiter(write.job, reply, user);
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
    if (!claim_epoch(agent, command->epoch, &error) ||
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

/* ---- watching ------------------------------------------------------------------------------ */

struct opening {
    Agent *agent;
    int64_t epoch;
    agent_watch_fn opened;
    void *user;
};

static bool may_watch(const struct opening *opening, GError **error)
{
    struct agent_hello hello = { 0 };

    if (!claim_epoch(opening->agent, opening->epoch, error))
        return false;
    if (!mirror_hello(opening->agent->mirror, &hello)) {
        err_set(error, VRM_ERR_UNAVAILABLE,
                "libvirtd has not answered since the agent started: nothing is known of this host");
        return false;
    }
    agent_hello_clear(&hello);
    if (watch_hub_count(opening->agent->hub) >= MAX_WATCHERS) {
        err_set(error, VRM_ERR_BUSY, "%d watch streams are open: no more until one ends",
                MAX_WATCHERS);
        return false;
    }
    return true;
}

static void begin_stream(Agent *agent, Watcher *watcher)
{
    struct watch_line line;

    make_hello(agent, &line);
    watch_hub_send(agent->hub, watcher, &line);
    watch_line_clear(&line);
    make_full(agent, &line);
    watch_hub_send(agent->hub, watcher, &line);
    watch_line_clear(&line);
}

/* The epoch is on disk; another one may have come meanwhile, so everything is checked again. */
static void open_done(const struct disk_write *write, const GError *disk_error)
{
    struct opening *opening = write->opening;
    Agent *agent = opening->agent;
    g_autoptr(GError) error = disk_error ? g_error_copy(disk_error) : NULL;

    if (!disk_error)
        note_epoch(agent, write);
    if (error || !may_watch(opening, &error)) {
        opening->opened(NULL, status_of(error), agent_error_encode(error), opening->user);
    } else {
        Watcher *watcher = watch_hub_add(agent->hub, opening->epoch);

        g_assert(watcher);
        begin_stream(agent, watcher);
        opening->opened(watcher, HTTP_OK, NULL, opening->user);
    }
    g_free(opening);
}

void agent_open_watch(Agent *agent, int64_t epoch, agent_watch_fn opened, void *user)
{
    const struct opening opening = {
        .agent = agent,
        .epoch = epoch,
        .opened = opened,
        .user = user,
    };
    struct disk_write write = { .agent = agent, .done = open_done };
    g_autoptr(GError) error = NULL;

    if (!may_watch(&opening, &error)) {
        opened(NULL, status_of(error), agent_error_encode(error), user);
        return;
    }
    write.epoch = epoch_to_write(agent);
    write.opening = g_memdup2(&opening, sizeof(opening));
    disk_write(agent->disk, &write);
}

/* ---- the hypervisor's word ----------------------------------------------------------------- */

static void on_domain(const struct domain_report *domain, void *user)
{
    Agent *agent = user;
    struct domain_report copy = *domain; /* borrows the strings */
    const struct watch_line line = { .kind = WATCH_DOMAIN, .domains = &copy, .n_domains = 1 };

    if (domain->gen > 0 && g_hash_table_size(agent->state.gens) < MAX_GENS)
        journal_state_raise_gen(&agent->state, domain->uuid, domain->gen);
    log_debug("domain changed", "VM_UUID", domain->uuid, "STATE", domain_state_name(domain->state),
              "DETAIL", domain->detail, NULL);
    watch_hub_publish(agent->hub, &line);
}

static void dispatch_restored(Job *job, void *user)
{
    Agent *agent = user;
    struct command_report nothing = { 0 };
    g_autoptr(GError) error = NULL;

    if (!job->resolve || job->started)
        return;
    if (job->command.verb != VERB_ABORT) {
        dispatch(agent, job->command.vm_uuid);
        return;
    }
    job->started = true;
    err_set(&error, VRM_ERR_CONFLICT, "interrupted by a restart of the agent");
    store_result(agent, job, &nothing, error);
}

static gboolean on_ask(gpointer user)
{
    Agent *agent = user;

    agent->ask_timer = 0;
    jobs_foreach_unfinished(agent->jobs, dispatch_restored, agent);
    return G_SOURCE_REMOVE;
}

static void on_full(void *user)
{
    Agent *agent = user;
    struct watch_line line;

    log_info("hypervisor answers", NULL);
    make_hello(agent, &line);
    watch_hub_publish(agent->hub, &line);
    watch_line_clear(&line);
    make_full(agent, &line);
    watch_hub_publish(agent->hub, &line);
    watch_line_clear(&line);
    jobs_foreach_unfinished(agent->jobs, dispatch_restored, agent);
}

static void on_lost(void *user)
{
    log_warning("hypervisor does not answer", NULL);
    tell_beat(user);
}

static void on_stats(const struct watch_line *line, void *user)
{
    const Agent *agent = user;

    watch_hub_publish(agent->hub, line);
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
    const struct mirror_options mirror = {
        .hv = &agent->hv,
        .sink = { on_domain, on_full, on_lost, on_stats, agent },
        .name = options->name,
        .stats_interval_ms = options->stats_interval_ms,
    };

    return mirror_new(&mirror);
}

Agent *agent_new(const struct agent_options *options, GError **error)
{
    const struct watch_limits limits = { MAX_WATCHERS, MAX_QUEUED };
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
    agent->disk = disk_new(journal);
    agent->hub = watch_hub_new(&limits);
    agent->jobs = jobs_new();
    agent->workers = make_pool("verb", options->n_workers);
    agent->waiting = make_pool("wait", N_LONG);
    agent->progress = mailbox_new(NULL, on_progress, progress_free, agent);
    agent->mirror = make_mirror(agent, options);
    restore_jobs(agent);
    return agent;
}

void agent_start(Agent *agent)
{
    agent->beat_timer = g_timeout_add(AGENT_BEAT_INTERVAL_MS, on_beat, agent);
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
    return agent->n_running == 0 && disk_is_idle(agent->disk);
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
