/* exec.c - see exec.h. */
#include "config.h"

#include "agent/exec.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>

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
    return volume_remove_all(exec->command->vm, error);
}

/* True with *ret_running = true: our start was carried out before.  A domain of another generation
 * is not ours to touch. */
static bool find_running(const struct exec *exec, bool *ret_running, GError **error)
{
    struct domain_report domain = { 0 };
    bool ok = true;

    if (!lookup(exec, &domain, error))
        return false;
    *ret_running = domain.state != DOMAIN_ABSENT;
    if (*ret_running && (domain.gen != exec->command->gen || domain.state == DOMAIN_INCOMING)) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_ALREADY_RUNNING, NULL,
                       "the VM is already %s on this host with generation %" PRId64
                       ", wanted %" PRId64,
                       domain_state_name(domain.state), domain.gen, exec->command->gen);
        ok = false;
    }
    domain_report_clear(&domain);
    return ok;
}

static bool run_start(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    bool running = false;

    (void)ret_result;
    if (!find_running(exec, &running, error))
        return false;
    return running ||
           exec->hv->ops->start(exec->hv->data, exec->command->vm, exec->command->gen, error);
}

static bool run_stop(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    (void)ret_result;
    return exec->hv->ops->stop(exec->hv->data, exec->command->vm_uuid, exec->command->force,
                               exec->deadline_ms, error);
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
    (void)ret_result;
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

    return exec->hv->ops->migrate(exec->hv->data, &migration, ret_result, error);
}

static bool run_migrate(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    return migrate(exec, false, ret_result, error);
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
    bool running = false;

    (void)ret_result;
    if (!find_running(exec, &running, error))
        return false;
    return running || not_done(error, "the VM was started, or it has ended since");
}

static bool resolve_stop(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    enum domain_state state;

    (void)ret_result;
    if (!lookup_state(exec, &state, error))
        return false;
    return state == DOMAIN_ABSENT || not_done(error, "the VM was seen to stop; it is still here");
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
};

bool exec_run(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    exec_fn run = verbs[exec->command->verb].run;

    g_assert(run);
    return run(exec, ret_result, error);
}

bool exec_resolve(const struct exec *exec, struct command_report *ret_result, GError **error)
{
    exec_fn resolve = verbs[exec->command->verb].resolve;

    g_assert(resolve);
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

bool exec_is_long(const struct agent_command *command)
{
    return command->verb == VERB_MIGRATE || (command->verb == VERB_STOP && !command->force);
}
