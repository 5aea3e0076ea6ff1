/* observe_host.c - how a host is shown, and what people are told of it. */
#include "config.h"

#include "controller/observe_private.h"

#include "base/clock.h"
#include "base/text.h"
#include "controller/task_power.h"

Host *observe_edit_host(Observe *observe, int64_t host_id)
{
    const Host *host = snapshot_builder_get_host(inventory_edit(observe->app->inv), host_id);

    return host ? host_dup(host) : NULL;
}

void observe_put_host(Observe *observe, Host *host)
{
    snapshot_builder_put_host(inventory_edit(observe->app->inv), host);
}

const char *observe_host_name(Observe *observe, int64_t host_id)
{
    const Host *host = snapshot_builder_get_host(inventory_edit(observe->app->inv), host_id);

    return host ? host->name : "?";
}

/* A task that switches a host off or on shows so itself, until it is over or the host is back. */
static enum host_status shown_status(const Host *host, bool connected, enum host_status seen)
{
    if (host->status == HOST_SHUTTING_DOWN)
        return HOST_SHUTTING_DOWN;
    if (!connected && (host->status == HOST_BOOTING || host->status == HOST_REBOOTING))
        return host->status;
    return !connected && host->off_since_ms > 0 ? HOST_POWEROFF : seen;
}

static void show_host(Observe *observe, int64_t host_id, bool connected, enum host_status status,
                      const char *trouble)
{
    const Host *current = snapshot_builder_get_host(inventory_edit(observe->app->inv), host_id);
    Host *host;

    if (!current)
        return;
    status = shown_status(current, connected, status);
    if (current->connected == connected && current->status == status &&
        g_str_equal(current->trouble, trouble))
        return;
    host = host_dup(current);
    host->connected = connected;
    host->status = status;
    text_set(&host->trouble, trouble);
    observe_put_host(observe, host);
}

/* Its silence is what was wanted; the power tasks tell about it. */
static bool is_off_by_order(const Host *host)
{
    return host->off_since_ms > 0 || host->status == HOST_SHUTTING_DOWN ||
           host->status == HOST_BOOTING || host->status == HOST_REBOOTING;
}

/* An event, if people should hear of it. */
static void tell_news(Observe *observe, struct view *view, enum host_status status,
                      const char *reason, int64_t since_ms)
{
    struct app *app = observe->app;
    const Host *host = snapshot_builder_get_host(inventory_edit(app->inv), view->host_id);
    struct host_news_item item;
    g_autofree char *text = NULL;
    Commit *commit;

    if (!host || is_off_by_order(host) ||
        !host_news_take(&view->news,
                        &(struct host_now){ status, since_ms, clock_now_ms(), host->name, reason },
                        &item))
        return;
    text = item.text;
    commit = commit_new(&app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = item.severity,
                                         .name = item.event,
                                         .kind = OBJECT_HOST,
                                         .object_id = host->id,
                                         .object_name = host->name },
                 "%s", text);
    commit_submit(commit, NULL, observe_note_failure, NULL);
}

/* Its task tells that it is back, also when the host is heard a moment before. */
static bool is_being_switched(const struct app *app, int64_t host_id)
{
    const Snapshot *snap = inventory_peek(app->inv);

    for (size_t i = snap->n_tasks; i > 0; i--) {
        const Task *task = snap->tasks[i - 1];

        if (task->entity_id == host_id && !task_is_final(task) &&
            (task->type == TASK_POWER_ON_HOST || task->type == TASK_POWER_OFF_HOST))
            return true;
    }
    return false;
}

/* No proof of a wake-up, but DPM leaves it on for a while as after one. */
static Host *put_back(Observe *observe, int64_t host_id)
{
    Host *host = observe_edit_host(observe, host_id);

    host->back_ms = clock_wall_ms();
    observe_put_host(observe, host);
    return host_dup(host);
}

/* Somebody has pressed its button, or it was woken and took too long. */
static void note_woken_by_hand(Observe *observe, int64_t host_id)
{
    struct app *app = observe->app;
    const Host *current = snapshot_builder_get_host(inventory_edit(app->inv), host_id);
    bool late;
    Host *host;
    Commit *commit;

    if (!current || (current->off_since_ms == 0 && !current->off_by_dpm) ||
        current->status == HOST_SHUTTING_DOWN || current->status == HOST_BOOTING ||
        current->status == HOST_REBOOTING)
        return;
    inventory_publish(app->inv);
    if (is_being_switched(app, host_id))
        return;
    late = current->off_since_ms == 0;
    host = put_back(observe, host_id);
    task_power_end_sleep(host);
    host->off_by_dpm = false;
    commit = commit_new(&app->committer);
    commit_event(commit,
                 &(struct commit_event){ .name = "HostPoweredOn",
                                         .kind = OBJECT_HOST,
                                         .object_id = host->id,
                                         .object_name = host->name },
                 late ? "host %s is back, later than it should have been"
                      : "host %s is back, though nobody here has switched it on",
                 host->name);
    commit_put_host(commit, host);
    commit_submit(commit, NULL, observe_note_failure, NULL);
}

void observe_host_answers(Observe *observe, struct view *view, bool ok)
{
    enum host_status status = ok ? HOST_NORMAL : HOST_FAULT;
    const char *trouble = ok ? "" : "libvirtd does not answer";

    note_woken_by_hand(observe, view->host_id);
    tell_news(observe, view, status, trouble, clock_now_ms());
    show_host(observe, view->host_id, true, status, trouble);
}

void observe_host_is_lost(Observe *observe, struct view *view, const char *trouble)
{
    tell_news(observe, view, HOST_UNKNOWN, trouble, view->down_ms);
    show_host(observe, view->host_id, false, HOST_UNKNOWN, trouble);
}
