/* ha_again.c - a host that is dead by proof is switched on again by its BMC: its failure may have
 * been a moment's.  See ha_shell_private.h.
 *
 * A few times only; never one that is not trusted any more, one that an administrator works on, or
 * one that somebody switched off.  After a fail-over test it is always done: we cut that power. */
#include "config.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/dpm.h"
#include "controller/ha_count.h"
#include "controller/ha_shell_private.h"
#include "controller/task.h"

#define DELAY_MS  5000   /* after its death: the fence device has said its last word */
#define VMS_MS    30000  /* its VMs go first, for so long */
#define PAUSE_MS  120000 /* between two tries */
#define FORGET_MS 10000  /* between two tries to write that they are over */
#define MAX_TRIES 3

struct power_job {
    HaShell *shell;
    uint64_t life;
    int64_t host_id;
    Task *task;
};

static struct ha_host_slot *slot_of(const struct power_job *job)
{
    return job->life == job->shell->life ? ha_shell_host(job->shell, job->host_id) : NULL;
}

static void ordered(const GError *error, void *user)
{
    g_autofree struct power_job *job = user;
    struct ha_host_slot *slot = slot_of(job);

    if (slot)
        slot->on_ordering = false;
    if (!error) {
        tasks_begin(job->shell->app->tasks, job->task->id);
    } else {
        log_warning("a host could not be ordered to be switched on again", "HOST",
                    job->task->entity_name, "REASON", error->message, NULL);
        if (slot) /* nothing was tried */
            ha_counts_undo(job->shell->app->counts, job->host_id);
    }
    task_unref(job->task);
}

static void order(HaShell *shell, struct ha_host_slot *slot, const Host *host)
{
    struct power_job *job = g_new(struct power_job, 1);
    Commit *commit = commit_new(&shell->app->committer);
    const bool is_drill = ha_book_is_drill(shell->book, slot);

    ha_counts_power_on(shell->app->counts, host->id, commit);
    slot->on_ordering = true;
    slot->drill = false;
    *job = (struct power_job){ shell, shell->life, host->id,
                               task_prepare(TASK_POWER_ON_HOST, OBJECT_HOST, host->id, host->name,
                                            "-_system") };
    job->task->origin = ORIGIN_HA;
    g_free(job->task->why);
    job->task->why =
        is_drill
            ? g_strdup("its fail-over test is over")
            : g_strdup_printf("it died, and may be well after a cold start (try %" PRId64 " of %d)",
                              ha_counts_tries(shell->app->counts, host->id).n, MAX_TRIES);
    ha_book_note(shell->book, slot, SOURCE_POWER, "it is switched on again by its BMC: %s",
                 job->task->why);
    commit_put_task(commit, task_ref(job->task), NULL);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_INFO,
                                         .name = "HaHostPowerOn",
                                         .kind = OBJECT_HOST,
                                         .object_id = host->id,
                                         .object_name = host->name,
                                         .task_id_from = &job->task->id },
                 "HA switches host %s on again: %s", host->name, job->task->why);
    commit_submit(commit, NULL, ordered, job);
}

/* Is it one that is to be switched on again, but for how often it died? */
static bool is_ours(const HaShell *shell, const struct ha_host_slot *slot, const Host *host,
                    const struct ha_host_view *view)
{
    const struct ha_tries tries = ha_counts_tries(shell->app->counts, slot->id);

    if (!host || slot->gone || view->state != HOST_FENCED || host->connected || host->maintaining ||
        host->off_since_ms > 0 || host->off_by_dpm || !*host->bmc_ip || !shell->armed)
        return false;
    if (ha_book_is_drill(shell->book, slot) || slot->drill)
        return true;
    return shell->app->settings->ha_power_on_again &&
           (tries.n > 0 || slot->buried_by_us || ha_book_knows(shell->book, slot));
}

static bool is_wanted(const HaShell *shell, const struct ha_host_slot *slot, const Host *host,
                      const struct ha_host_view *view)
{
    return !view->is_untrusted && ha_counts_tries(shell->app->counts, slot->id).n < MAX_TRIES &&
           is_ours(shell, slot, host, view);
}

/* Why it is not switched on any more; NULL: it is, or its last try is still under way.  The death
 * may be another than that of the tries, if the host lived while nobody led. */
static const char *why_off(struct ha_tries tries, const struct ha_host_view *view, int64_t now_ms)
{
    if (tries.last_ms != 0 && now_ms - tries.last_ms < PAUSE_MS)
        return NULL;
    if (tries.n >= MAX_TRIES)
        return "HA has switched it on three times, and it did not come back or died again";
    return view->is_untrusted ? "it failed too often to be trusted" : NULL;
}

/* Once a death, by each controller that finds it so. */
static void tell_stays_off(HaShell *shell, struct ha_host_slot *slot, const Host *host,
                           const struct ha_host_view *view, int64_t now_ms)
{
    const char *why = why_off(ha_counts_tries(shell->app->counts, slot->id), view, now_ms);
    Commit *commit;

    if (slot->is_told_off || !why)
        return;
    slot->is_told_off = true;
    commit = commit_new(&shell->app->committer);
    ha_book_note(shell->book, slot, SOURCE_POWER, "it stays off: %s", why);
    log_warning("HA does not switch a host on any more", "HOST", host->name, "REASON", why, NULL);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "HaHostStaysOff",
                                         .kind = OBJECT_HOST,
                                         .object_id = host->id,
                                         .object_name = host->name },
                 "host %s stays off: %s; see what is wrong with it, then switch it on", host->name,
                 why);
    commit_submit(commit, NULL, ha_shell_note_untold, NULL);
}

bool ha_again_awaits(const HaShell *shell, const struct ha_host_slot *slot)
{
    struct ha_host_view view;

    ha_view_host(shell->ha, slot->index, clock_now_ms(), &view);
    return ha_counts_tries(shell->app->counts, slot->id).n == 0 &&
           is_wanted(shell, slot, inventory_find_host(shell->app->inv, slot->id), &view);
}

static void forgotten(const GError *error, void *user)
{
    g_autofree struct power_job *job = user;
    struct ha_host_slot *slot = slot_of(job);

    if (!slot)
        return;
    slot->on_ordering = false;
    slot->forget_ms = clock_now_ms() + FORGET_MS;
    if (!error)
        ha_counts_forgotten(job->shell->app->counts, job->host_id);
}

/* It is well, not only taken for well as long as we have not listened for long enough: the next
 * death is another story. */
static void forget(HaShell *shell, struct ha_host_slot *slot, int64_t now_ms)
{
    struct power_job *job;
    Commit *commit;

    if (!ha_counts_tries(shell->app->counts, slot->id).is_stored || slot->on_ordering ||
        now_ms < slot->forget_ms)
        return;
    slot->on_ordering = true;
    commit = commit_new(&shell->app->committer);
    ha_counts_forget(shell->app->counts, slot->id, commit);
    job = g_new(struct power_job, 1);
    *job = (struct power_job){ shell, shell->life, slot->id, NULL };
    commit_submit(commit, NULL, forgotten, job);
}

static void look(HaShell *shell, struct ha_host_slot *slot, int64_t now_ms)
{
    const Host *host = inventory_find_host(shell->app->inv, slot->id);
    struct ha_host_view view;
    struct ha_tries tries;
    int64_t dead_ms;

    ha_view_host(shell->ha, slot->index, now_ms, &view);
    if (view.state == HOST_OK && (slot->beat_ms != 0 || slot->agent_ms != 0)) {
        slot->is_told_off = false;
        forget(shell, slot, now_ms);
    }
    if (is_ours(shell, slot, host, &view))
        tell_stays_off(shell, slot, host, &view, now_ms);
    if (!is_wanted(shell, slot, host, &view) || slot->on_ordering || slot->power)
        return;
    dead_ms = now_ms - view.since_ms;
    tries = ha_counts_tries(shell->app->counts, slot->id);
    if (dead_ms < DELAY_MS ||
        (tries.last_ms != 0 && now_ms - tries.last_ms < (tries.n > 0 ? PAUSE_MS : DELAY_MS)) ||
        (dead_ms < VMS_MS && ha_book_waits(shell->book, slot)) ||
        dpm_host_task(shell->app, slot->id))
        return;
    order(shell, slot, host);
}

void ha_again_look(HaShell *shell, int64_t now_ms)
{
    for (guint i = 0; i < shell->host_at->len; i++)
        look(shell, shell->host_at->pdata[i], now_ms);
}
