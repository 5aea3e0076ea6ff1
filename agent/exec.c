/* exec.c - see exec.h. */
#include "config.h"

#include "agent/exec.h"

#include <poll.h>
#include <string.h>

#include "agent/exec_right.h"
#include "agent/volume.h"
#include "base/err.h"
#include "model/reason.h"

typedef bool (*exec_fn)(const struct exec *exec, struct command_report *ret_result, GError **error);

/* ---- carrying out -------------------------------------------------------------------------- */

static bool lookup(const struct exec *exec, struct domain_report *ret_domain, GError **error)
{
    return exec->hv->ops->lookup(exec->hv->data, exec->command->vm_uuid, ret_domain, error);
}

/* The domain's state alone. */
static bool lookup_state(const struct exec *exec, enum domain_state *ret_state, GError **error)
{
    struct domain_report domain = { 0 };

    if (!lookup(exec, &domain, error))
        return false;
    *ret_state = domain.state;
    domain_report_clear(&domain);
    return true;
}

static bool run_define(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    (void)ret_result;
    return volume_create_all(exec->command->vm, error);
}

static bool run_undefine(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    enum domain_state state;

    (void)ret_result;
    if (!lookup_state(exec, &state, error))
        return false;
    if (state != DOMAIN_ABSENT) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL,
                       "the VM is %s on this host: its volumes stay", domain_state_name(state));
        return false;
    }
    exec_give_up(exec);
    return volume_remove_all(exec->command->vm, error);
}

/* A right that vrm-hald still keeps from before HA was switched off would be its reason to end what
 * it did not allow. */
static bool start_freely(const struct exec *exec, GError **error)
{
    enum exec_found found;

    if (!exec_find_running(exec, &found, error))
        return false;
    if (found != EXEC_ABSENT)
        return true;
    exec_give_up(exec);
    return exec->hv->ops->start(exec->hv->data, exec->command->vm, exec->command->gen, error);
}

static bool run_start(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    (void)ret_result;
    return exec_is_by_right(exec) ? exec_start_by_right(exec, error) : start_freely(exec, error);
}

/* A guest that was never let run cannot be asked to shut down. */
static bool is_halted(const struct exec *exec, bool *ret_halted, GError **error)
{
    struct domain_report domain = { 0 };

    if (!lookup(exec, &domain, error))
        return false;
    *ret_halted = domain.halted;
    domain_report_clear(&domain);
    return true;
}

static bool run_stop(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    bool halted = false;

    (void)ret_result;
    if (!exec->command->force && !is_halted(exec, &halted, error))
        return false;
    if (!exec->hv->ops->stop(exec->hv->data, exec->command->vm_uuid, exec->command->force || halted,
                             exec->deadline_ms, error))
        return false;
    exec_give_up(exec);
    return true;
}

static bool run_reboot(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    (void)ret_result;
    return exec->hv->ops->reboot(exec->hv->data, exec->command->vm_uuid, exec->command->force,
                                 error);
}

static bool run_pause(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    (void)ret_result;
    return exec->hv->ops->pause(exec->hv->data, exec->command->vm_uuid, error);
}

static bool run_resume(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    bool halted = false;

    (void)ret_result;
    if (!is_halted(exec, &halted, error))
        return false;
    if (halted) {
        err_set_reason(
            error, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL,
            "the VM's start was interrupted before its guest ran: stop it, then start it");
        return false;
    }
    return exec->hv->ops->resume(exec->hv->data, exec->command->vm_uuid, error);
}

static bool migrate(const struct exec *exec, bool resumed, struct command_report *ret_result,
                    GError **error)
{
    const struct hv_migration migration = {
        .uuid = exec->command->vm_uuid,
        .gen = exec->command->gen,
        .args = &exec->command->migrate,
        .resumed = resumed,
        .progress = exec->progress,
        .user = exec->user,
    };

    if (!exec->hv->ops->migrate(exec->hv->data, &migration, ret_result, error))
        return false;
    exec_give_up(exec); /* our side's; the target has its own */
    return true;
}

static bool run_migrate(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    return migrate(exec, false, ret_result, error);
}

static bool run_receive(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    (void)ret_result;
    return exec_receive(exec, error);
}

static bool run_release(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    (void)ret_result;
    return exec_release(exec, error);
}

/* ---- finding out after an interruption ------------------------------------------------------- */

static bool not_done(GError **error, const char *what)
{
    err_set(error, VRM_ERR_CONFLICT, "interrupted before %s", what);
    return false;
}

static bool resolve_start(const struct exec *exec, struct command_report *ret_result,
                          GError **error)
{
    enum exec_found found;

    (void)ret_result;
    if (!exec_find_running(exec, &found, error))
        return false;
    return found != EXEC_ABSENT || not_done(error, "the VM was started, or it has ended since");
}

static bool resolve_stop(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    enum domain_state state;

    (void)ret_result;
    if (!lookup_state(exec, &state, error))
        return false;
    if (state != DOMAIN_ABSENT)
        return not_done(error, "the VM was seen to stop; it is still here");
    exec_give_up(exec);
    return true;
}

static bool resolve_reboot(const struct exec *exec, struct command_report *ret_result,
                           GError **error)
{
    (void)exec;
    (void)ret_result;
    err_set(error, VRM_ERR_TIMEOUT, "interrupted: whether the guest rebooted is not known");
    return false;
}

static bool resolve_state(const struct exec *exec, enum domain_state want, GError **error)
{
    enum domain_state state;

    if (!lookup_state(exec, &state, error))
        return false;
    if (state == want)
        return true;
    err_set(error, VRM_ERR_CONFLICT, "interrupted: the VM is %s, wanted %s",
            domain_state_name(state), domain_state_name(want));
    return false;
}

static bool resolve_pause(const struct exec *exec, struct command_report *ret_result,
                          GError **error)
{
    (void)ret_result;
    return resolve_state(exec, DOMAIN_PAUSED, error);
}

static bool resolve_resume(const struct exec *exec, struct command_report *ret_result,
                           GError **error)
{
    (void)ret_result;
    return resolve_state(exec, DOMAIN_RUNNING, error);
}

/* libvirtd carries a peer-to-peer migration on without us. */
static bool resolve_migrate(const struct exec *exec, struct command_report *ret_result,
                            GError **error)
{
    return migrate(exec, true, ret_result, error);
}

/* ---- verbs --------------------------------------------------------------------------------- */

/* abort never comes here: it is a word to another command, see agent.c. */
static const struct {
    exec_fn run, resolve;
    bool look_twice;
} verbs[N_AGENT_VERBS] = {
    [VERB_DEFINE] = { run_define, run_define, false },
    [VERB_UNDEFINE] = { run_undefine, run_undefine, false },
    [VERB_START] = { run_start, resolve_start, true },
    [VERB_STOP] = { run_stop, resolve_stop, true },
    [VERB_REBOOT] = { run_reboot, resolve_reboot, false },
    [VERB_PAUSE] = { run_pause, resolve_pause, true },
    [VERB_RESUME] = { run_resume, resolve_resume, true },
    [VERB_MIGRATE] = { run_migrate, resolve_migrate, false },
    [VERB_RECEIVE] = { run_receive, run_receive, false },
    [VERB_RELEASE] = { run_release, run_release, false },
};

/* Whose right goes back when the VM is gone: asked while it is here. */
static void know_vm(struct exec *exec)
{
    const struct agent_command *command = exec->command;
    struct domain_report domain = { 0 };

    exec->vm_id = command->vm ? command->vm->id : command->vm_id;
    if (exec->vm_id != 0 || !warden_in_use(exec->warden) ||
        (command->verb != VERB_STOP && command->verb != VERB_MIGRATE) ||
        !lookup(exec, &domain, NULL))
        return;
    exec->vm_id = domain.vm_id;
    domain_report_clear(&domain);
}

bool exec_run(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    exec_fn run = verbs[exec->command->verb].run;
    struct exec known = *exec;

    g_assert(run);
    know_vm(&known);
    return run(&known, ret_result, error);
}

static bool settle(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    exec_fn resolve = verbs[exec->command->verb].resolve;

    g_assert(resolve);
    if (exec->command->verb == VERB_START && exec_is_by_right(exec))
        return exec_resolve_start_by_right(exec, error);
    if (verbs[exec->command->verb].look_twice && exec->settle_ms > 0) {
        if (resolve(exec, ret_result, NULL))
            return true;
        (void)poll(NULL, 0, (int)exec->settle_ms);
    }
    /* Nobody was told that it failed, and while the command lives nobody starts the VM elsewhere.
     */
    if (exec->command->verb == VERB_START && exec->may_begin)
        return run_start(exec, ret_result, error);
    return resolve(exec, ret_result, error);
}

bool exec_resolve(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    struct exec known = *exec;

    know_vm(&known);
    return settle(&known, ret_result, error);
}

bool exec_is_long(const struct agent_command *command)
{
    return command->verb == VERB_MIGRATE || (command->verb == VERB_STOP && !command->force);
}
