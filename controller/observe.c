/* observe.c - see observe.h.  What the hosts say comes in here, line by line, and each second what
 * they no longer say. */
#include "config.h"

#include "controller/observe_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/ha_shell.h"
#include "controller/vm_hang.h"

#define TICK_MS 1000

struct view *observe_view(Observe *observe, int64_t host_id)
{
    return views_of(observe->views, host_id, clock_now_ms());
}

void observe_note_failure(const GError *error, void *user)
{
    (void)user;
    if (error)
        log_warning("a host's facts could not be recorded; the next connection tries again",
                    "REASON", error->message, NULL);
}

/* ---- what is known ----------------------------------------------------------------------------
 */

bool observe_has_guests(const Observe *observe, int64_t host_id)
{
    const struct view *view = views_peek(observe->views, host_id);

    return views_is_heard(view) && views_has_alive(view);
}

bool observe_hears(Observe *observe, int64_t host_id)
{
    return views_is_heard(views_peek(observe->views, host_id));
}

bool observe_is_worked_on(const Observe *observe, int64_t vm_id)
{
    const Vm *vm = inventory_find_vm(observe->app->inv, vm_id);

    return vm && views_is_worked_on(observe->views, vm);
}

bool observe_runs_on(Observe *observe, int64_t vm_id, int64_t host_id)
{
    const Vm *vm = inventory_find_vm(observe->app->inv, vm_id);

    return vm && observe_hears(observe, host_id) &&
           views_is_alive(views_seen(observe->views, host_id, vm->uuid));
}

bool observe_tells(const Observe *observe, const Vm *vm, int64_t host_id, bool *ret_runs)
{
    const struct view *view = views_peek(observe->views, host_id);
    const bool alive = views_is_alive(views_seen(observe->views, host_id, vm->uuid));

    if (!(alive ? views_is_heard(view) : views_can_tell_absence(view)))
        return false;
    *ret_runs = alive;
    return true;
}

bool observe_awaits(const Observe *observe)
{
    return views_awaited(observe->views);
}

/* ---- links ------------------------------------------------------------------------------------
 */

void observe_link(int64_t host_id, bool up, const char *trouble, void *data)
{
    struct app *app = data;
    struct view *view = observe_view(app->observe, host_id);
    Host *host;

    if (up)
        return; /* the full list makes it count */
    view->awaited = false;
    if (view->down_ms == 0)
        view->down_ms = clock_now_ms();
    host = observe_edit_host(app->observe, host_id);
    if (!host)
        return;
    host->connected = false;
    text_set(&host->trouble, trouble);
    observe_put_host(app->observe, host);
}

void observe_await(Observe *observe, int64_t host_id)
{
    observe_link(host_id, false, "not connected yet", observe->app);
    observe_view(observe, host_id)->awaited = true;
}

/* A host without a link for too long, and its VMs, are unknown. */
static void tick_view(struct view *view, void *data)
{
    Observe *observe = data;
    const Host *host = snapshot_builder_get_host(inventory_edit(observe->app->inv), view->host_id);

    if (!host || view->down_ms == 0 || clock_now_ms() - view->down_ms < OBSERVE_GRACE_MS ||
        host->status == HOST_UNKNOWN || host->status == HOST_POWEROFF)
        return;
    observe_host_is_lost(observe, view, host->trouble);
    observe_vms_of(observe, view);
}

static gboolean tick(void *data)
{
    Observe *observe = data;

    views_foreach(observe->views, tick_view, observe);
    observe_end_settling(observe, clock_now_ms());
    return G_SOURCE_CONTINUE;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

/* A domain that is gone cannot say whose it was: the view remembers. */
static void take_change(Observe *observe, struct view *view, const struct domain_report *report)
{
    const struct seen *before = g_hash_table_lookup(view->domains, report->uuid);
    int64_t vm_id = report->vm_id ? report->vm_id : before ? before->vm_id : 0;

    views_take_domain(view, report);
    observe_vm(observe, vm_id);
}

static int64_t find_by_uuid(Observe *observe, const char *uuid)
{
    const Snapshot *snap = inventory_peek(observe->app->inv);

    for (size_t i = 0; i < snap->n_vms; i++) {
        if (g_str_equal(snap->vms[i]->uuid, uuid))
            return snap->vms[i]->id;
    }
    return 0;
}

/* Which VMs unfinished commands are about; the end of one lets its VM be compared again. */
static void take_commands(Observe *observe, struct view *view, const struct watch_line *line)
{
    for (size_t i = 0; i < line->n_commands; i++) {
        const struct command_report *report = &line->commands[i];

        if (!report->vm_uuid || !*report->vm_uuid)
            continue;
        if (report->state == COMMAND_ACCEPTED || report->state == COMMAND_RUNNING) {
            (void)g_hash_table_add(view->busy, g_strdup(report->vm_uuid));
            continue;
        }
        (void)g_hash_table_remove(view->busy, report->vm_uuid);
        observe_vm(observe, find_by_uuid(observe, report->vm_uuid));
    }
}

static void take_full(Observe *observe, struct view *view, const struct watch_line *line)
{
    g_autoptr(GHashTable) before = views_take_full(view, line);
    GHashTableIter iter;
    void *value;

    take_commands(observe, view, line);
    observe_host_answers(observe, view, line->hypervisor_ok);
    observe_vms_of(observe, view);
    /* domains that were there before and are gone now */
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        observe_vm(observe, ((const struct seen *)value)->vm_id);
}

static void take_vm_stats(struct app *app, const struct domain_stats *stats, int64_t host_id,
                          int64_t vm_id, int64_t now_ms)
{
    SnapshotBuilder *builder = inventory_edit(app->inv);
    const Vm *current = snapshot_builder_get_vm(builder, vm_id);
    struct load_sample sample = { stats->cpu_mhz, stats->mem_mb, stats->net_kbps };
    Vm *vm;

    if (!current || !g_str_equal(current->uuid, stats->uuid))
        return;
    vm = vm_dup(current);
    if (current->host_id == host_id)
        vm->agent_answers = stats->agent_answers;
    vm->load = load_book_add(app->loads, OBJECT_VM, vm_id, &sample, now_ms);
    snapshot_builder_put_vm(builder, vm);
}

/* Does its guest hang? */
static void look_at_guest(struct app *app, const struct domain_stats *stats, int64_t host_id,
                          int64_t vm_id, int64_t interval_ms)
{
    const Vm *vm = inventory_find_vm(app->inv, vm_id);

    if (vm && vm->host_id == host_id && g_str_equal(vm->uuid, stats->uuid))
        vm_hang_take(app->hangs, vm, stats, interval_ms);
}

static void take_stats(Observe *observe, struct view *view, const struct watch_line *line)
{
    struct app *app = observe->app;
    int64_t now_ms = clock_now_ms();
    struct load_sample sample = { line->host.cpu_mhz, line->host.mem_mb, line->host.net_kbps };
    Host *host = observe_edit_host(observe, view->host_id);

    if (!host)
        return;
    host->load = load_book_add(app->loads, OBJECT_HOST, view->host_id, &sample, now_ms);
    host->seen_mono_ms = now_ms;
    observe_put_host(observe, host);
    for (size_t i = 0; i < line->n_stats; i++) {
        const struct seen *seen = g_hash_table_lookup(view->domains, line->stats[i].uuid);

        if (seen && seen->vm_id)
            take_vm_stats(app, &line->stats[i], view->host_id, seen->vm_id, now_ms);
        if (seen)
            look_at_guest(app, &line->stats[i], view->host_id, seen->vm_id, line->interval_ms);
    }
}

static void take_beat(Observe *observe, struct view *view, bool hypervisor_ok)
{
    if (!view->full)
        return;
    view->hypervisor_ok = hypervisor_ok;
    observe_host_answers(observe, view, hypervisor_ok);
}

void observe_line(int64_t host_id, const struct watch_line *line, void *data)
{
    struct app *app = data;
    Observe *observe = app->observe;
    struct view *view = observe_view(observe, host_id);

    ha_shell_hear(app->ha, host_id);
    switch (line->kind) {
    case WATCH_FULL:
        take_full(observe, view, line);
        break;
    case WATCH_DOMAIN:
        for (size_t i = 0; i < line->n_domains; i++)
            take_change(observe, view, &line->domains[i]);
        break;
    case WATCH_STATS:
        take_stats(observe, view, line);
        break;
    case WATCH_BEAT:
        take_beat(observe, view, line->hypervisor_ok);
        break;
    case WATCH_COMMAND:
        take_commands(observe, view, line);
        break;
    case WATCH_HELLO:
        break; /* agents.c has dealt with it */
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

Observe *observe_new(struct app *app)
{
    Observe *observe = g_new0(Observe, 1);

    observe->app = app;
    observe->views = views_new();
    observe->fixing = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    observe->doubled = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    observe->unwritten = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    observe->settling = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    observe->tick_timer = g_timeout_add(TICK_MS, tick, observe);
    return observe;
}

void observe_free(Observe *observe)
{
    if (!observe)
        return;
    g_source_remove(observe->tick_timer);
    views_free(observe->views);
    g_hash_table_unref(observe->fixing);
    g_hash_table_unref(observe->settling);
    g_hash_table_unref(observe->unwritten);
    g_hash_table_unref(observe->doubled);
    g_free(observe);
}

void observe_reset(Observe *observe)
{
    views_reset(observe->views);
    g_hash_table_remove_all(observe->fixing);
    g_hash_table_remove_all(observe->settling);
    g_hash_table_remove_all(observe->unwritten);
    g_hash_table_remove_all(observe->doubled);
}

void observe_forget_host(Observe *observe, int64_t host_id)
{
    views_forget(observe->views, host_id);
}
