/* exec_right.c - see exec_right.h.
 *
 * The order is that of tests/sim/host_model.c, where it is proved: no guest is let run before
 * vrm-hald knows of its process, so that one whose lease lapses in between finds something to kill,
 * however long this worker, the agent or the host stand still between two lines. */
#include "config.h"

#include "agent/exec_right.h"

#include <inttypes.h>
#include <poll.h>

#include "base/err.h"
#include "model/reason.h"

static struct warden_vm vm_of(const struct exec *exec)
{
    const struct agent_command *command = exec->command;

    return (struct warden_vm){
        .id = exec->vm_id,
        .uuid = command->vm_uuid,
        .right = command->right,
    };
}

bool exec_is_by_right(const struct exec *exec)
{
    return exec->command->right && *exec->command->right;
}

static bool lookup(const struct exec *exec, struct domain_report *ret_domain, GError **error)
{
    *ret_domain = (struct domain_report){ 0 };
    return exec->hv->ops->lookup(exec->hv->data, exec->command->vm_uuid, ret_domain, error);
}

static bool destroy(const struct exec *exec, GError **error)
{
    return exec->hv->ops->stop(exec->hv->data, exec->command->vm_uuid, true, exec->deadline_ms,
                               error);
}

void exec_give_up(const struct exec *exec)
{
    const struct warden_vm vm = vm_of(exec);

    if (!warden_in_use(exec->warden) || vm.id == 0)
        return;
    if (!warden_give_up(exec->warden, &vm, NULL))
        exec->owe(&vm, exec->user);
}

/* ---- leftovers ------------------------------------------------------------------------------ */

/* It never ran here, or runs no more: ending it takes nothing from anybody. */
static bool is_leftover(const struct domain_report *domain)
{
    return domain->halted || domain->state == DOMAIN_CRASHED;
}

/* Not by a right: somebody else's migration may be under way. */
static bool may_end(const struct exec *exec, const struct domain_report *domain)
{
    return is_leftover(domain) || (domain->state == DOMAIN_INCOMING && exec_is_by_right(exec));
}

bool exec_find_running(const struct exec *exec, enum exec_found *ret_found, GError **error)
{
    struct domain_report domain;
    bool ok = true;

    *ret_found = EXEC_ABSENT;
    if (!lookup(exec, &domain, error))
        return false;
    if (domain.state != DOMAIN_ABSENT && may_end(exec, &domain)) {
        ok = destroy(exec, error);
    } else if (domain.state != DOMAIN_ABSENT &&
               (domain.gen != exec->command->gen || domain.state == DOMAIN_INCOMING)) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_ALREADY_RUNNING, NULL,
                       "the VM is already %s on this host with generation %" PRId64
                       ", wanted %" PRId64,
                       domain_state_name(domain.state), domain.gen, exec->command->gen);
        ok = false;
    } else if (domain.state != DOMAIN_ABSENT) {
        *ret_found = domain.by_right ? EXEC_RUNS_BY_RIGHT : EXEC_RUNS;
    }
    domain_report_clear(&domain);
    return ok;
}

/* ---- start ---------------------------------------------------------------------------------- */

static bool is_link_trouble(const GError *error)
{
    return g_strcmp0(err_field(error), HV_FIELD_LINK) == 0;
}

/* libvirtd is away and a halted process may stand here: to be found out once it answers. */
static bool stays_open(GError *why, GError **error)
{
    err_set_reason(error, VRM_ERR_TIMEOUT, 0, HV_FIELD_LINK, "%s", why->message);
    g_error_free(why);
    return false;
}

/* Takes why: the reason why the start failed. */
static bool undo(const struct exec *exec, GError *why, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (destroy(exec, &local)) {
        exec_give_up(exec);
        g_propagate_error(error, why);
        return false;
    }
    if (is_link_trouble(local))
        return stays_open(why, error);
    g_prefix_error(&why, "its halted process could not be ended (%s) after: ", local->message);
    g_propagate_error(error, why);
    return false;
}

/* The process stands, its guest halted. */
static bool confirm(const struct exec *exec, GError **error)
{
    const struct warden_vm vm = vm_of(exec);
    GError *why = NULL;

    if (!warden_process(exec->warden, &vm, true, &why) || !warden_may_run(exec->warden, &vm, &why))
        return undo(exec, why, error);
    if (exec->hv->ops->let_run(exec->hv->data, vm.uuid, &why))
        return true;
    return is_link_trouble(why) ? stays_open(why, error) : undo(exec, why, error);
}

static bool make(const struct exec *exec, GError **error)
{
    GError *why = NULL;

    if (exec->hv->ops->start_halted(exec->hv->data, exec->command->vm, exec->command->gen, &why))
        return true;
    if (!is_link_trouble(why))
        return undo(exec, why, error);
    if (err_is(why, VRM_ERR_UNAVAILABLE)) /* not begun */
        exec_give_up(exec);
    g_propagate_error(error, why);
    return false;
}

/* A "no" to somebody whom vrm-hald has allowed already (a start that is begun a second time has a
 * token from before the claim) is no obstacle: the right is ours.  What it did not answer to, it
 * may still do. */
static bool ask(const struct exec *exec, GError **error)
{
    const struct warden_vm vm = vm_of(exec);
    GError *why = NULL;

    if (warden_ask(exec->warden, &vm, exec->deadline_ms, &why))
        return true;
    if (err_is(why, VRM_ERR_CONFLICT) && warden_may_run(exec->warden, &vm, NULL)) {
        g_error_free(why);
        return true;
    }
    if (err_is(why, VRM_ERR_TIMEOUT))
        exec_give_up(exec);
    g_propagate_error(error, why);
    return false;
}

/* It was started when nobody asked for a right: from now on it runs by one. */
static bool adopt(const struct exec *exec, GError **error)
{
    const struct warden_vm vm = vm_of(exec);

    return ask(exec, error) && warden_process(exec->warden, &vm, true, error) &&
           exec->hv->ops->let_run(exec->hv->data, vm.uuid, error);
}

bool exec_start_by_right(const struct exec *exec, GError **error)
{
    const struct warden_vm vm = vm_of(exec);
    enum exec_found found;

    if (!exec_find_running(exec, &found, error))
        return false;
    if (found == EXEC_RUNS)
        return adopt(exec, error);
    if (found == EXEC_RUNS_BY_RIGHT)
        return warden_process(exec->warden, &vm, true, error);
    return warden_process(exec->warden, &vm, false, error) && ask(exec, error) &&
           make(exec, error) && confirm(exec, error);
}

/* ---- start, interrupted ---------------------------------------------------------------------- */

static bool not_done(GError **error)
{
    err_set(error, VRM_ERR_CONFLICT,
            "interrupted before the VM was let run, or it has ended since");
    return false;
}

/* A libvirtd that stood still makes the domain when it wakes up: two looks. */
static bool look_twice(const struct exec *exec, struct domain_report *ret_domain, GError **error)
{
    if (!lookup(exec, ret_domain, error))
        return false;
    if (ret_domain->state != DOMAIN_ABSENT || exec->settle_ms == 0)
        return true;
    domain_report_clear(ret_domain);
    (void)poll(NULL, 0, (int)exec->settle_ms);
    return lookup(exec, ret_domain, error);
}

/* It is here and halted by our own start, or by an older one. */
static bool resolve_halted(const struct exec *exec, int64_t gen, GError **error)
{
    GError *why = NULL;

    if (exec->may_begin)
        return gen == exec->command->gen ? confirm(exec, error) : exec_start_by_right(exec, error);
    not_done(&why);
    return undo(exec, why, error);
}

static bool resolve_absent(const struct exec *exec, GError **error)
{
    if (exec->may_begin)
        return exec_start_by_right(exec, error);
    exec_give_up(exec);
    return not_done(error);
}

/* It runs: the mark of a halted domain may still be there. */
static bool resolve_running(const struct exec *exec, GError **error)
{
    enum exec_found found;

    return exec_find_running(exec, &found, error) &&
           exec->hv->ops->let_run(exec->hv->data, exec->command->vm_uuid, error);
}

bool exec_resolve_start_by_right(const struct exec *exec, GError **error)
{
    struct domain_report domain;
    enum domain_state state;
    int64_t gen;
    bool halted;

    if (!look_twice(exec, &domain, error))
        return false;
    state = domain.state;
    gen = domain.gen;
    halted = domain.halted;
    domain_report_clear(&domain);
    if (state == DOMAIN_ABSENT)
        return resolve_absent(exec, error);
    return halted ? resolve_halted(exec, gen, error) : resolve_running(exec, error);
}

/* ---- migration's target ---------------------------------------------------------------------- */

/* A domain that is incoming already, or came in, is what this receive (told twice) is about. */
static bool find_received(const struct exec *exec, GError **error)
{
    struct domain_report domain;
    bool ok = true;

    if (!lookup(exec, &domain, error))
        return false;
    if (is_leftover(&domain)) {
        ok = destroy(exec, error);
    } else if (domain.state != DOMAIN_ABSENT && domain.state != DOMAIN_INCOMING &&
               domain.gen != exec->command->gen) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_ALREADY_RUNNING, NULL,
                       "the VM is already %s on this host with generation %" PRId64
                       ": it cannot come in",
                       domain_state_name(domain.state), domain.gen);
        ok = false;
    }
    domain_report_clear(&domain);
    return ok;
}

bool exec_receive(const struct exec *exec, GError **error)
{
    const struct warden_vm vm = vm_of(exec);

    if (!find_received(exec, error) || !ask(exec, error))
        return false;
    if (warden_process(exec->warden, &vm, true, error) && warden_may_run(exec->warden, &vm, error))
        return true;
    exec_give_up(exec);
    return false;
}

bool exec_release(const struct exec *exec, GError **error)
{
    const struct warden_vm vm = vm_of(exec);
    struct domain_report domain;
    bool ok = true;

    if (!lookup(exec, &domain, error))
        return false;
    if (may_end(exec, &domain)) {
        ok = destroy(exec, error);
    } else if (domain.state != DOMAIN_ABSENT) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL,
                       "the VM is %s on this host: its right stays",
                       domain_state_name(domain.state));
        ok = false;
    }
    domain_report_clear(&domain);
    return ok && warden_release(exec->warden, &vm, exec->deadline_ms, error);
}
