/* observe.c - see observe.h. */
#include "config.h"

#include "controller/observe.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/task.h"
#include "controller/task_power.h"
#include "controller/views.h"
#include "model/devices.h"

/* A restarted agent is back within a second or two; only then its VMs are called unknown. */
#define GRACE_MS 6000
#define TICK_MS  1000
/* After a task, what the hosts report may be older than the end of the command; then tick() looks
 * again. */
#define SETTLE_MS 5000

struct Observe {
    struct app *app;
    Views *views;
    GHashTable *fixing;    /* set of int64 VM ids whose correction is being written */
    GHashTable *doubled;   /* set of int64 VM ids that were told to run twice */
    GHashTable *unwritten; /* set of int64 VM ids whose CPU is not in the database yet */
    GHashTable *settling;  /* int64 VM id -> until when reports mean nothing */
    guint tick_timer;
};

static struct view *view_of(Observe *observe, int64_t host_id)
{
    return views_of(observe->views, host_id, clock_now_ms());
}

bool observe_has_guests(const Observe *observe, int64_t host_id)
{
    const struct view *view = views_peek(observe->views, host_id);

    return views_is_heard(view) && views_has_alive(view);
}

bool observe_hears(Observe *observe, int64_t host_id)
{
    return views_is_heard(views_peek(observe->views, host_id));
}

bool observe_runs_on(Observe *observe, int64_t vm_id, int64_t host_id)
{
    const Vm *vm = inventory_find_vm(observe->app->inv, vm_id);

    return vm && observe_hears(observe, host_id) &&
           views_is_alive(views_seen(observe->views, host_id, vm->uuid));
}

/* ---- one VM -----------------------------------------------------------------------------------
 */

static void set_text(char **field, const char *text)
{
    char *old = *field;

    *field = g_strdup(text);
    g_free(old);
}

/* Updates the runtime fields of the VM; the inventory changes only if they do. */
static const Vm *refresh(Observe *observe, const Vm *current)
{
    const struct view *view = views_peek(observe->views, current->host_id);
    const struct seen *seen = views_seen(observe->views, current->host_id, current->uuid);
    bool alive = seen && views_is_alive(seen);
    bool reported = alive ? views_may_still_count(view, clock_now_ms(), GRACE_MS)
                          : views_can_tell_absence(view);
    enum domain_state domain = seen ? seen->state : DOMAIN_ABSENT;
    int64_t vnc_port = seen ? seen->vnc_port : 0;
    /* one that its host cannot tell of keeps what it was told to see */
    const char *cpu = alive ? seen->cpu : reported ? "" : current->cpu_seen;
    Vm *vm;

    if (current->host_reported == reported && current->domain == domain &&
        current->vnc_port == vnc_port && g_str_equal(current->cpu_seen, cpu))
        return current;
    vm = vm_dup(current);
    vm->host_reported = reported;
    vm->domain = domain;
    vm->vnc_port = vnc_port;
    if (*cpu && !g_str_equal(current->cpu_seen, cpu))
        (void)g_hash_table_add(observe->unwritten, g_memdup2(&vm->id, sizeof(vm->id)));
    set_text(&vm->cpu_seen, cpu);
    snapshot_builder_put_vm(inventory_edit(observe->app->inv), vm);
    return vm;
}

struct fix {
    Observe *observe;
    int64_t vm_id;
};

static void fixed(const GError *error, void *user)
{
    g_autofree struct fix *fix = user;

    (void)g_hash_table_remove(fix->observe->fixing, &fix->vm_id);
    if (error)
        log_warning("a VM's real state could not be recorded; it is tried again", "REASON",
                    error->message, NULL);
    else
        observe_vm(fix->observe, fix->vm_id);
}

/* Commits what the hosts say about a VM that no task holds. */
static void correct(Observe *observe, const Vm *current, enum vm_status status, int64_t host_id,
                    const char *text)
{
    struct app *app = observe->app;
    Commit *commit;
    Vm *vm;
    struct fix *fix;
    g_autofree char *key = g_strdup_printf("vm:%" G_GINT64_FORMAT, current->id);

    if (app->committer.epoch(app->committer.user) == 0 ||
        !g_hash_table_add(observe->fixing, g_memdup2(&current->id, sizeof(current->id))))
        return;
    log_warning(text, "VM", current->name, "WAS", vm_status_name(current->status), "IS",
                vm_status_name(status), NULL);
    vm = vm_dup(current);
    vm->status = status;
    vm->host_id = host_id;
    commit = commit_new(&app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "VmStateFound",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "VM %s: %s (was %s, is %s)", vm->name, text, vm_status_name(current->status),
                 vm_status_name(status));
    commit_run_vm(commit, vm);
    fix = g_new(struct fix, 1);
    *fix = (struct fix){ .observe = observe, .vm_id = current->id };
    commit_submit(commit, key, fixed, fix);
}

static void cpu_written(const GError *error, void *user)
{
    g_autofree struct fix *fix = user;

    (void)g_hash_table_remove(fix->observe->fixing, &fix->vm_id);
    if (!error)
        return;
    (void)g_hash_table_add(fix->observe->unwritten, g_memdup2(&fix->vm_id, sizeof(fix->vm_id)));
    log_warning("the CPU that a VM sees could not be recorded; it is tried again", "REASON",
                error->message, NULL);
}

/* What a VM sees holds for as long as it runs: it is judged by it when its host is silent, too. */
static void write_cpu(Observe *observe, const Vm *current)
{
    struct app *app = observe->app;
    g_autofree char *key = g_strdup_printf("vm:%" G_GINT64_FORMAT, current->id);
    struct fix *fix;
    Commit *commit;

    if (app->committer.epoch(app->committer.user) == 0 ||
        !g_hash_table_remove(observe->unwritten, &current->id))
        return;
    (void)g_hash_table_add(observe->fixing, g_memdup2(&current->id, sizeof(current->id)));
    commit = commit_new(&app->committer);
    commit_run_vm(commit, vm_dup(current));
    fix = g_new(struct fix, 1);
    *fix = (struct fix){ .observe = observe, .vm_id = current->id };
    commit_submit(commit, key, cpu_written, fix);
}

static void note_failure(const GError *error, void *user)
{
    (void)user;
    if (error)
        log_warning("a host's facts could not be recorded; the next connection tries again",
                    "REASON", error->message, NULL);
}

static const char *host_name(Observe *observe, int64_t host_id)
{
    const Host *host = snapshot_builder_get_host(inventory_edit(observe->app->inv), host_id);

    return host ? host->name : "?";
}

/* The worst that can happen, told once: what to do is for a person to decide. */
static void report_double_run(Observe *observe, const Vm *vm, int64_t other)
{
    struct app *app = observe->app;
    Commit *commit;

    if (!g_hash_table_add(observe->doubled, g_memdup2(&vm->id, sizeof(vm->id))))
        return;
    log_error("VM RUNS ON TWO HOSTS: stop one of them now", "VM", vm->name, "HOST",
              host_name(observe, vm->host_id), "OTHER_HOST", host_name(observe, other), NULL);
    commit = commit_new(&app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_ERROR,
                                         .name = "VmRunsTwice",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "VM %s runs on %s and on %s: destroy one of the two with virsh, by hand, now",
                 vm->name, host_name(observe, vm->host_id), host_name(observe, other));
    commit_submit(commit, NULL, note_failure, NULL);
}

static void compare_alive(Observe *observe, const Vm *vm)
{
    enum vm_status status = vm->domain == DOMAIN_PAUSED ? VM_PAUSED : VM_RUNNING;

    if (vm->status != status)
        correct(observe, vm, status, vm->host_id, "its host reports it alive");
    else
        write_cpu(observe, vm);
}

static bool is_settling(Observe *observe, int64_t vm_id)
{
    const int64_t *until_ms = g_hash_table_lookup(observe->settling, &vm_id);

    return until_ms && clock_now_ms() < *until_ms;
}

void observe_settle(Observe *observe, int64_t vm_id)
{
    int64_t until_ms = clock_now_ms() + SETTLE_MS;

    (void)g_hash_table_replace(observe->settling, g_memdup2(&vm_id, sizeof(vm_id)),
                               g_memdup2(&until_ms, sizeof(until_ms)));
}

static void compare_gone(Observe *observe, const Vm *vm)
{
    if (views_is_worked_on(observe->views, vm))
        return; /* the end of the command looks again */
    if (vm->status == VM_STOPPED || vm->status == VM_HIBERNATED || vm->status == VM_CREATING)
        return;
    if (views_alive_elsewhere(observe->views, vm, false))
        return; /* a host that is silent now had it: it may run there */
    correct(observe, vm, VM_STOPPED, vm->host_id, "it stopped outside of any task");
}

void observe_vm(Observe *observe, int64_t vm_id)
{
    const Vm *vm = inventory_find_vm(observe->app->inv, vm_id);
    int64_t other;

    if (!vm)
        return;
    vm = refresh(observe, vm);
    if (tasks_vm_is_held(observe->app->tasks, vm_id) || is_settling(observe, vm_id) ||
        g_hash_table_contains(observe->fixing, &vm_id))
        return;
    other = views_alive_elsewhere(observe->views, vm, true);
    if (vm->host_reported && (vm->domain == DOMAIN_RUNNING || vm->domain == DOMAIN_PAUSED)) {
        if (other)
            report_double_run(observe, vm, other);
        else
            (void)g_hash_table_remove(observe->doubled, &vm_id);
        compare_alive(observe, vm);
    } else if (other) {
        correct(observe, vm, VM_RUNNING, other, "it was found running on another host");
    } else if (vm->host_reported && vm->domain != DOMAIN_INCOMING) {
        compare_gone(observe, vm);
    }
}

/* Every VM that is, or is thought to be, on this host. */
static void compare_host(Observe *observe, struct view *view)
{
    const Snapshot *snap;
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));

    inventory_publish(observe->app->inv);
    snap = inventory_peek(observe->app->inv);
    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];

        if (vm->host_id == view->host_id || g_hash_table_contains(view->domains, vm->uuid))
            g_array_append_val(ids, vm->id);
    }
    for (guint i = 0; i < ids->len; i++)
        observe_vm(observe, g_array_index(ids, int64_t, i));
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

static Host *edit_host(Observe *observe, int64_t host_id)
{
    const Host *host = snapshot_builder_get_host(inventory_edit(observe->app->inv), host_id);

    return host ? host_dup(host) : NULL;
}

static void put_host(Observe *observe, Host *host)
{
    snapshot_builder_put_host(inventory_edit(observe->app->inv), host);
}

/* A task that switches a host off or on shows so itself, until it is over or the host is back. */
static enum host_status shown_status(const Host *host, bool connected, enum host_status seen)
{
    if (host->status == HOST_SHUTTING_DOWN)
        return HOST_SHUTTING_DOWN;
    if (!connected && host->status == HOST_BOOTING)
        return HOST_BOOTING;
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
    set_text(&host->trouble, trouble);
    put_host(observe, host);
}

static bool change_text(char **field, const char *text)
{
    if (g_str_equal(*field, text))
        return false;
    set_text(field, text);
    return true;
}

static bool change_number(int64_t *field, int64_t value)
{
    bool changed = *field != value;

    *field = value;
    return changed;
}

/* An agent that talks nonsense has no devices to give. */
static const char *readable_devices(const char *text)
{
    g_autoptr(Devices) devices = text ? devices_parse(text, NULL) : NULL;

    return devices ? text : "";
}

/* True if anything is new. */
static bool take_facts(Host *host, const struct agent_hello *hello)
{
    unsigned changed = 0;

    changed |= change_text(&host->real_name, hello->real_name);
    if (*hello->uuid) /* else its libvirt cannot say; what is known stays */
        changed |= change_text(&host->uuid, hello->uuid);
    changed |= change_text(&host->vendor, hello->vendor);
    changed |= change_text(&host->model, hello->model);
    changed |= change_text(&host->cpu_model, hello->cpu_model);
    changed |= change_text(&host->hypervisor, hello->hypervisor);
    changed |= change_text(&host->cpu_vendor, hello->cpu_vendor);
    changed |= change_text(&host->cpu_features, hello->cpu_features);
    changed |= change_text(&host->cpu_generations, hello->cpu_generations);
    changed |= change_number(&host->mem_mb, hello->mem_mb);
    changed |= change_number(&host->cpu_threads, hello->cpu_threads);
    changed |= change_number(&host->cpu_sockets, hello->cpu_sockets);
    changed |= change_number(&host->cpu_cores, hello->cpu_cores);
    changed |= change_number(&host->cpu_mhz, hello->cpu_mhz);
    changed |= change_number(&host->nic_count, hello->nic_count);
    changed |= change_number(&host->net_mbps, hello->net_mbps);
    changed |= change_text(&host->devices, readable_devices(hello->devices));
    return changed != 0;
}

/* Another machine under the host's address: what it lacks is not stopped. */
static bool is_same_machine(const Host *host, const struct agent_hello *hello, GError **error)
{
    if (!*host->uuid || !*hello->uuid || g_ascii_strcasecmp(host->uuid, hello->uuid) == 0)
        return true;
    err_set(
        error, VRM_ERR_CONFLICT,
        "the agent at %s is that of another machine (UUID %s, want %s): correct the address, or "
        "delete the host and add it anew",
        host->ip, hello->uuid, host->uuid);
    return false;
}

bool observe_hello(int64_t host_id, const struct agent_hello *hello, void *data, GError **error)
{
    struct app *app = data;
    g_autoptr(Host) host = edit_host(app->observe, host_id);
    g_autofree char *key = g_strdup_printf("host:%" G_GINT64_FORMAT, host_id);
    Commit *commit;

    if (!host)
        return true;
    if (!is_same_machine(host, hello, error))
        return false;
    set_text(&host->agent_version, hello->agent_version);
    set_text(&host->boot_id, hello->boot_id);
    set_text(&host->migrate_address, hello->migrate_address);
    host->seen_mono_ms = clock_now_ms();
    put_host(app->observe, host_ref(host));
    g_clear_pointer(&host, host_unref);
    host = edit_host(app->observe, host_id);
    if (!take_facts(host, hello))
        return true;
    commit = commit_new(&app->committer);
    commit_put_host(commit, g_steal_pointer(&host));
    commit_submit(commit, key, note_failure, NULL);
    return true;
}

void observe_link(int64_t host_id, bool up, const char *trouble, void *data)
{
    struct app *app = data;
    struct view *view = view_of(app->observe, host_id);
    Host *host;

    if (up)
        return; /* the full list makes it count */
    view->awaited = false;
    if (view->down_ms == 0)
        view->down_ms = clock_now_ms();
    host = edit_host(app->observe, host_id);
    if (!host)
        return;
    host->connected = false;
    set_text(&host->trouble, trouble);
    put_host(app->observe, host);
}

void observe_await(Observe *observe, int64_t host_id)
{
    observe_link(host_id, false, "not connected yet", observe->app);
    view_of(observe, host_id)->awaited = true;
}

bool observe_awaits(const Observe *observe)
{
    return views_awaited(observe->views);
}

/* An event, if people should hear of it. */
/* Its silence is what was wanted; the power tasks tell about it. */
static bool is_off_by_order(const Host *host)
{
    return host->off_since_ms > 0 || host->status == HOST_SHUTTING_DOWN ||
           host->status == HOST_BOOTING;
}

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
    commit_submit(commit, NULL, note_failure, NULL);
}

/* VMs whose settling time is over are compared again. */
static void end_settling(Observe *observe, int64_t now_ms)
{
    g_autoptr(GArray) over = g_array_new(FALSE, FALSE, sizeof(int64_t));
    GHashTableIter iter;
    void *key, *value;

    g_hash_table_iter_init(&iter, observe->settling);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (now_ms < *(int64_t *)value)
            continue;
        g_array_append_vals(over, key, 1);
        g_hash_table_iter_remove(&iter);
    }
    for (guint i = 0; i < over->len; i++)
        observe_vm(observe, g_array_index(over, int64_t, i));
}

/* A host without a link for too long, and its VMs, are unknown. */
static void tick_view(struct view *view, void *data)
{
    Observe *observe = data;
    const Host *host = snapshot_builder_get_host(inventory_edit(observe->app->inv), view->host_id);

    if (!host || view->down_ms == 0 || clock_now_ms() - view->down_ms < GRACE_MS ||
        host->status == HOST_UNKNOWN || host->status == HOST_POWEROFF)
        return;
    tell_news(observe, view, HOST_UNKNOWN, host->trouble, view->down_ms);
    show_host(observe, view->host_id, false, HOST_UNKNOWN, host->trouble);
    compare_host(observe, view);
}

static gboolean tick(void *data)
{
    Observe *observe = data;

    views_foreach(observe->views, tick_view, observe);
    end_settling(observe, clock_now_ms());
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
    Host *host = edit_host(observe, host_id);

    host->back_ms = clock_wall_ms();
    put_host(observe, host);
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
        current->status == HOST_SHUTTING_DOWN || current->status == HOST_BOOTING)
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
    commit_submit(commit, NULL, note_failure, NULL);
}

static void show_hypervisor(Observe *observe, struct view *view, bool ok)
{
    enum host_status status = ok ? HOST_NORMAL : HOST_FAULT;
    const char *trouble = ok ? "" : "libvirtd does not answer";

    note_woken_by_hand(observe, view->host_id);
    tell_news(observe, view, status, trouble, clock_now_ms());
    show_host(observe, view->host_id, true, status, trouble);
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
    show_hypervisor(observe, view, line->hypervisor_ok);
    compare_host(observe, view);
    /* domains that were there before and are gone now */
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        observe_vm(observe, ((const struct seen *)value)->vm_id);
}

static void take_vm_stats(struct app *app, const struct domain_stats *stats, int64_t vm_id,
                          int64_t now_ms)
{
    SnapshotBuilder *builder = inventory_edit(app->inv);
    const Vm *current = snapshot_builder_get_vm(builder, vm_id);
    struct load_sample sample = { stats->cpu_mhz, stats->mem_mb, stats->net_kbps };
    Vm *vm;

    if (!current || !g_str_equal(current->uuid, stats->uuid))
        return;
    vm = vm_dup(current);
    vm->load = load_book_add(app->loads, OBJECT_VM, vm_id, &sample, now_ms);
    snapshot_builder_put_vm(builder, vm);
}

static void take_stats(Observe *observe, struct view *view, const struct watch_line *line)
{
    struct app *app = observe->app;
    int64_t now_ms = clock_now_ms();
    struct load_sample sample = { line->host.cpu_mhz, line->host.mem_mb, line->host.net_kbps };
    Host *host = edit_host(observe, view->host_id);

    if (!host)
        return;
    host->load = load_book_add(app->loads, OBJECT_HOST, view->host_id, &sample, now_ms);
    host->seen_mono_ms = now_ms;
    put_host(observe, host);
    for (size_t i = 0; i < line->n_stats; i++) {
        const struct seen *seen = g_hash_table_lookup(view->domains, line->stats[i].uuid);

        if (seen && seen->vm_id)
            take_vm_stats(app, &line->stats[i], seen->vm_id, now_ms);
    }
}

static void take_beat(Observe *observe, struct view *view, bool hypervisor_ok)
{
    if (!view->full)
        return;
    view->hypervisor_ok = hypervisor_ok;
    show_hypervisor(observe, view, hypervisor_ok);
}

void observe_line(int64_t host_id, const struct watch_line *line, void *data)
{
    struct app *app = data;
    Observe *observe = app->observe;
    struct view *view = view_of(observe, host_id);

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
