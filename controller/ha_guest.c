/* ha_guest.c - ends a VM whose guest hangs, so that it comes back as after a crash: here or
 * elsewhere, so often an hour, with an incident.  See ha_shell.h.
 *
 * First its status says that it is to be brought back, then its host is told to end it: whoever
 * leads when that has happened brings it back; if it did not happen, the VM is found running and
 * its status put right. */
#include "config.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/agents.h"
#include "controller/ha_shell_private.h"
#include "controller/observe.h"
#include "controller/rights.h"
#include "controller/task.h"

#define END_LIMIT_MS 20000

/* The end of one VM's guest, on its way. */
struct ending {
    HaShell *shell;
    uint64_t life;
    int64_t vm_id, host_id;
};

static const struct ha_vm_slot *slot_of(const HaShell *shell, int64_t vm_id)
{
    const struct ha_vm_slot *slot = shell && shell->ha ? ha_shell_vm(shell, vm_id) : NULL;

    return slot && !slot->gone && slot->vm ? slot : NULL;
}

bool ha_shell_has_right(const HaShell *shell, const Vm *vm)
{
    const struct ha_vm_seen *seen =
        slot_of(shell, vm->id) ? rights_of(shell->app->rights, vm->id) : NULL;

    return seen && seen->right.n_owners == 1 && seen->right.owners[0].host == vm->host_id;
}

bool ha_shell_is_at_limit(const HaShell *shell, int64_t vm_id)
{
    const struct ha_vm_slot *slot = slot_of(shell, vm_id);

    return slot && ha_sync_is_at_limit(shell, slot, slot->vm);
}

bool ha_shell_is_ending(const HaShell *shell, int64_t vm_id)
{
    const struct ha_vm_slot *slot = slot_of(shell, vm_id);

    return slot && slot->is_ending;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void finish(struct ending *ending, const char *trouble)
{
    HaShell *shell = ending->shell;
    struct ha_vm_slot *slot =
        ending->life == shell->life && shell->ha ? ha_shell_vm(shell, ending->vm_id) : NULL;

    if (slot) {
        slot->is_ending = false;
        if (trouble)
            log_warning("a guest that hangs could not be ended", "VM", slot->vm->name, "REASON",
                        trouble, NULL);
        if (trouble)
            g_clear_pointer(&slot->ended_why, g_free);
        observe_settle(shell->app->observe, ending->vm_id);
    }
    g_free(ending);
}

static void ended(const struct command_report *report, const GError *error, bool final, void *user)
{
    (void)report;
    if (final)
        finish(user, error ? error->message : NULL);
}

static void order_end(struct ending *ending, const Vm *vm)
{
    struct app *app = ending->shell->app;
    struct agent_command command = {
        .id = g_strdup_printf(
            "%s-hang%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "-%u",
            inventory_peek(app->inv)->site->id, app->committer.epoch(app->committer.user), vm->id,
            vm->run_gen, ++ending->shell->n_guest_ends), /* a try runs once, the next one anew */
        .gen = vm->run_gen,
        .verb = VERB_STOP,
        .vm_uuid = g_strdup(vm->uuid),
        .vm_id = vm->id,
        .force = true,
        .deadline_ms = END_LIMIT_MS,
    };

    agents_command(app->agents, ending->host_id, &command, ended, ending);
}

static void written(const GError *error, void *user)
{
    struct ending *ending = user;
    HaShell *shell = ending->shell;
    const Vm *vm = inventory_find_vm(shell->app->inv, ending->vm_id);

    if (error || ending->life != shell->life || !shell->ha)
        finish(ending, error ? error->message : "this controller does not lead any more");
    else if (!vm || vm->host_id != ending->host_id || vm->status != VM_FAULT_RESUMING ||
             tasks_vm_is_held(shell->app->tasks, ending->vm_id))
        finish(ending, "something else was begun with it meanwhile");
    else
        order_end(ending, vm);
}

void ha_shell_end_guest(HaShell *shell, const Vm *current, const char *why)
{
    struct ha_vm_slot *slot = ha_shell_vm(shell, current->id);
    struct ending *ending;
    Commit *commit;
    Vm *vm;

    if (!slot || slot->is_ending || slot->is_written ||
        tasks_vm_is_held(shell->app->tasks, current->id))
        return;
    slot->is_ending = true;
    g_free(slot->ended_why);
    slot->ended_why = g_strdup(why);
    vm = vm_dup(current);
    vm->status = VM_FAULT_RESUMING;
    commit = commit_new(&shell->app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "VmGuestReset",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "VM %s is ended on %s and started again: %s", vm->name,
                 ha_shell_host_name(shell, vm->host_id), why);
    commit_run_vm(commit, vm);
    ending = g_new(struct ending, 1);
    *ending = (struct ending){
        .shell = shell, .life = shell->life, .vm_id = current->id, .host_id = current->host_id
    };
    commit_submit(commit, NULL, written, ending);
}
