/* observe_vm.c - one VM compared: what the hosts say of it against what the inventory says. */
#include "config.h"

#include "controller/observe_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/ha_shell.h"
#include "controller/rights.h"
#include "controller/task.h"

/* After a task, what the hosts report may be older than the end of the command; then
 * observe_end_settling() looks again. */
#define SETTLE_MS 5000

/* Updates the runtime fields of the VM; the inventory changes only if they do. */
static const Vm *refresh(Observe *observe, const Vm *current)
{
    const struct view *view = views_peek(observe->views, current->host_id);
    const struct seen *seen = views_seen(observe->views, current->host_id, current->uuid);
    bool alive = seen && views_is_alive(seen);
    bool reported = alive ? views_may_still_count(view, clock_now_ms(), OBSERVE_GRACE_MS)
                          : views_can_tell_absence(view);
    enum domain_state domain = seen ? seen->state : DOMAIN_ABSENT;
    int64_t vnc_port = seen ? seen->vnc_port : 0;
    /* one that its host cannot tell of keeps what it was told to see */
    const char *cpu = alive ? seen->cpu : reported ? "" : current->cpu_seen;
    Vm *vm;

    if (current->host_reported == reported && current->domain == domain &&
        current->vnc_port == vnc_port && g_str_equal(current->cpu_seen, cpu) &&
        (alive || !current->agent_answers))
        return current;
    vm = vm_dup(current);
    vm->host_reported = reported;
    vm->domain = domain;
    vm->vnc_port = vnc_port;
    vm->agent_answers = alive && current->agent_answers;
    if (*cpu && !g_str_equal(current->cpu_seen, cpu))
        (void)g_hash_table_add(observe->unwritten, g_memdup2(&vm->id, sizeof(vm->id)));
    text_set(&vm->cpu_seen, cpu);
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
    const struct seen *seen = views_seen(observe->views, host_id, current->uuid);
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
    if (seen) /* commands of an earlier start would be refused there */
        vm->run_gen = MAX(vm->run_gen, seen->gen);
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

/* The worst that can happen, told once: what to do is for a person to decide. */
static void report_double_run(Observe *observe, const Vm *vm, int64_t other)
{
    struct app *app = observe->app;
    Commit *commit;

    if (!g_hash_table_add(observe->doubled, g_memdup2(&vm->id, sizeof(vm->id))))
        return;
    log_error("VM RUNS ON TWO HOSTS: stop one of them now", "VM", vm->name, "HOST",
              observe_host_name(observe, vm->host_id), "OTHER_HOST",
              observe_host_name(observe, other), NULL);
    commit = commit_new(&app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_ERROR,
                                         .name = "VmRunsTwice",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "VM %s runs on %s and on %s: destroy one of the two with virsh, by hand, now",
                 vm->name, observe_host_name(observe, vm->host_id),
                 observe_host_name(observe, other));
    commit_submit(commit, NULL, observe_note_failure, NULL);
}

/* Does etcd let the host run the VM?  Where it says nothing, what runs is right. */
static bool may_be_on(const Observe *observe, const Vm *vm, int64_t host_id)
{
    const struct app *app = observe->app;
    const struct ha_vm_seen *seen = app->rights ? rights_of(app->rights, vm->id) : NULL;

    for (unsigned i = 0; seen && i < seen->right.n_owners; i++) {
        if (seen->right.owners[i].host == host_id)
            return true;
    }
    return !seen || seen->right.n_owners == 0;
}

/* It runs where it has no right to: its owner may run it too, now or at any moment. */
static void report_stray(Observe *observe, const Vm *vm, int64_t host_id)
{
    struct app *app = observe->app;
    const int64_t owner_id = rights_of(app->rights, vm->id)->right.owners[0].host;
    Commit *commit;

    if (!g_hash_table_add(observe->doubled, g_memdup2(&vm->id, sizeof(vm->id))))
        return;
    log_error("a VM runs on a host that has no right to run it", "VM", vm->name, "HOST",
              observe_host_name(observe, host_id), "OWNER", observe_host_name(observe, owner_id),
              NULL);
    commit = commit_new(&app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_ERROR,
                                         .name = "VmRunsWithoutRight",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "VM %s runs on %s, but the right to run it is %s's: destroy it on %s with virsh, "
                 "by hand, now",
                 vm->name, observe_host_name(observe, host_id),
                 observe_host_name(observe, owner_id), observe_host_name(observe, host_id));
    commit_submit(commit, NULL, observe_note_failure, NULL);
}

static void compare_alive(Observe *observe, const Vm *vm)
{
    enum vm_status status = vm->domain == DOMAIN_PAUSED ? VM_PAUSED : VM_RUNNING;

    if (vm->status == VM_FAULT_RESUMING &&
        (!observe_hears(observe, vm->host_id) || ha_shell_disowns(observe->app->ha, vm)))
        return; /* what a host said before it died */
    if (vm->status == VM_FAULT_RESUMING &&
        (ha_shell_is_ending(observe->app->ha, vm->id) || views_is_worked_on(observe->views, vm)))
        return; /* its host is being told to end it */
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

/* Nobody wanted its end: HA brings it back, and the stored status says so from now on. */
static bool leave_to_ha(Observe *observe, const Vm *vm)
{
    const char *how = views_end(observe->views, vm->host_id, vm->uuid);
    g_autofree char *text = NULL;

    if (!ha_shell_keeps(observe->app->ha, vm, how))
        return false;
    text = g_strdup_printf("its host lost it (%s), HA sees to it", *how ? how : "it is not there");
    if (vm->status != VM_FAULT_RESUMING && ha_shell_is_ready(observe->app->ha))
        correct(observe, vm, VM_FAULT_RESUMING, vm->host_id, text);
    return true;
}

static void compare_gone(Observe *observe, const Vm *vm)
{
    if (views_is_worked_on(observe->views, vm))
        return; /* the end of the command looks again */
    if (vm->status == VM_STOPPED || vm->status == VM_HIBERNATED || vm->status == VM_CREATING)
        return;
    if (views_alive_elsewhere(observe->views, vm, false))
        return; /* a host that is silent now had it: it may run there */
    if (leave_to_ha(observe, vm))
        return;
    correct(observe, vm, VM_STOPPED, vm->host_id, "it stopped outside of any task");
}

/* A controller writes a start down before it sends it: one that nobody wrote down was a host's own
 * (agent/follow.h). */
static void adopt(Observe *observe, const Vm *vm, int64_t host_id)
{
    const struct seen *seen = views_seen(observe->views, host_id, vm->uuid);
    g_autofree char *text = g_strdup_printf("brought back by %s while no controller led",
                                            observe_host_name(observe, host_id));

    if (seen && seen->gen > vm->run_gen)
        ha_shell_adopts(observe->app->ha, vm, host_id);
    correct(observe, vm, VM_RUNNING, host_id,
            seen && seen->gen > vm->run_gen ? text : "it was found running on another host");
}

void observe_vm(Observe *observe, int64_t vm_id)
{
    const Vm *vm = inventory_find_vm(observe->app->inv, vm_id);
    int64_t other;

    if (!vm)
        return;
    vm = refresh(observe, vm);
    ha_shell_look_at(observe->app->ha, vm);
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
    } else if (other && !may_be_on(observe, vm, other)) {
        report_stray(observe, vm, other);
    } else if (other) {
        adopt(observe, vm, other);
    } else if (vm->host_reported && vm->domain != DOMAIN_INCOMING) {
        compare_gone(observe, vm);
    }
}

/* Every VM that is, or is thought to be, on this host. */
void observe_vms_of(Observe *observe, struct view *view)
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

/* VMs whose settling time is over are compared again. */
void observe_end_settling(Observe *observe, int64_t now_ms)
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
