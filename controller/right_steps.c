/* right_steps.c - see right_steps.h. */
#include "config.h"

#include "controller/right_steps.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "controller/ha_shell.h"
#include "controller/observe.h"
#include "controller/rights.h"
#include "ha/etcd/right_etcd.h"
#include "model/reason.h"

#define LOOK_MS     50
#define RETRY_MS    300
#define PATIENCE_MS 15000
#define GIVE_UP_MS  3000 /* so long a source has to give up by itself what it has sent away */
#define COMMAND_MS  20000
#define MAX_TRIES   6

struct RightSteps {
    struct right_job job;
    void (*look)(RightSteps *steps);
    int64_t begun_ms;
    unsigned tries;   /* transactions and commands that failed */
    RightsCall *call; /* the transaction that is out */
    char *command;    /* id of the command that is out */
    int64_t asked;    /* version of the record when a release was told; -1: none was */
    bool received;    /* the target's vrm-hald has taken the VM in */
    guint timer;
    GError *trouble; /* of the last try */
    right_steps_fn done;
    void *user;
};

/* ---- words ------------------------------------------------------------------------------------
 */

static const Host *host_of(const struct app *app, int64_t id)
{
    return inventory_find_host(app->inv, id);
}

static const char *host_name(const struct app *app, int64_t id)
{
    const Host *host = host_of(app, id);

    return host ? host->name : "a host that was removed";
}

static bool is_connected(const struct app *app, int64_t id)
{
    const Host *host = host_of(app, id);

    return host && host->connected;
}

static int32_t authority_of(const struct app *app, const Vm *vm)
{
    return rights_authority(app->rights, inventory_peek(app->inv), vm);
}

/* As whom the host may have the VM. */
static bool find_owner(const struct app *app, const Vm *vm, int64_t host_id,
                       struct ha_owner *ret_owner, GError **error)
{
    const Host *host = host_of(app, host_id);

    for (size_t i = 0; host && vm && i < vm->n_disks; i++) {
        const Datastore *store =
            snapshot_datastore(inventory_peek(app->inv), vm->disks[i].datastore_id);

        if (!host_lacks_store(host, vm->disks[i].datastore_id))
            continue;
        err_set(error, VRM_ERR_UNAVAILABLE, "it has lost the VM's datastore %s",
                store ? store->name : "?");
        return false;
    }
    return rights_owner(app->rights, host_id, vm ? authority_of(app, vm) : HA_ETCD, ret_owner,
                        error);
}

bool right_steps_needed(const struct app *app, const Vm *vm)
{
    return app->settings->ha_enabled && authority_of(app, vm) != HA_LOCAL;
}

bool right_steps_await(const struct app *app)
{
    return app->settings->ha_enabled && !rights_listed(app->rights);
}

static struct ha_vm_seen seen_now(const struct app *app, int64_t vm_id)
{
    const struct ha_vm_seen *seen = rights_of(app->rights, vm_id);

    return seen ? *seen : (struct ha_vm_seen){ .vm = vm_id };
}

/* The owner that may still run it, or be about to; NULL: nobody. */
static const struct ha_owner *find_holder(const struct app *app, const struct ha_vm_right *right)
{
    for (unsigned i = 0; right->claimed && i < right->n_owners; i++) {
        if (!rights_is_buried(app->rights, &right->owners[i]))
            return &right->owners[i];
    }
    return NULL;
}

/* So long the holder's lease must stand still until it is proved to be over. */
static int64_t still_ms(const struct app *app, const struct ha_owner *holder)
{
    const int64_t our_ms = holder->authority >= HA_STORAGE ? settings_slot_ms(app->settings)
                                                           : settings_lease_ms(app->settings);
    struct ha_lease_seen lease;

    if (!rights_lease(app->rights, holder->host, holder->authority, &lease))
        return our_ms;
    return MAX(our_ms, ha_length_ms(holder->authority, lease.record.length_ms));
}

static void refuse_for_holder(const struct app *app, const Vm *vm, const struct ha_owner *holder,
                              GError **error)
{
    const Host *host = host_of(app, holder->host);
    g_autofree char *inc = right_inc_format(holder->inc);

    if (observe_runs_on(app->observe, vm->id, holder->host))
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_ALREADY_RUNNING, NULL,
                       "VM %s runs on %s, which holds the right to run it", vm->name, host->name);
    else
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_HOST_FAULTY, NULL,
                       "VM %s may still run on %s: that host went to start it (life %s), does not "
                       "answer now and is not known to be dead.  It is free once the host answers, "
                       "%s has stood still for %" PRId64 " s, or its power is seen off",
                       vm->name, host_name(app, holder->host), inc,
                       holder->authority >= HA_STORAGE ? "its slot on the datastore"
                                                       : "its lease in etcd",
                       still_ms(app, holder) / 1000);
}

static bool check_owner(const struct app *app, const Vm *vm, int64_t host_id,
                        struct ha_owner *ret_owner, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (find_owner(app, vm, host_id, ret_owner, &local))
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_HOST_FAULTY, NULL,
                   "VM %s cannot be given to %s: %s", vm->name, host_name(app, host_id),
                   local->message);
    return false;
}

bool right_steps_check_start(const struct app *app, const Vm *vm, int64_t host_id, GError **error)
{
    struct ha_vm_seen seen;
    const struct ha_owner *holder;
    struct ha_owner to;

    if (!right_steps_needed(app, vm))
        return true;
    if (!check_owner(app, vm, host_id, &to, error))
        return false;
    seen = seen_now(app, vm->id);
    holder = find_holder(app, &seen.right);
    if (!holder ||
        (is_connected(app, holder->host) && !observe_runs_on(app->observe, vm->id, holder->host)))
        return true;
    if (seen.right.n_owners == 1 && ha_owner_equal(holder, &to))
        return true; /* a start by the same right again */
    refuse_for_holder(app, vm, holder, error);
    return false;
}

bool right_steps_check_move(const struct app *app, const Vm *vm, int64_t target_id, GError **error)
{
    struct ha_vm_seen seen;
    struct ha_owner to;

    if (!right_steps_needed(app, vm))
        return true;
    if (!check_owner(app, vm, target_id, &to, error))
        return false;
    seen = seen_now(app, vm->id);
    if (seen.right.n_owners > 0 && seen.right.claimed)
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_HOST_FAULTY, NULL,
                   "VM %s runs without a right in etcd: its host %s is asked to take one, which "
                   "needs vrm-hald there; try again in some seconds",
                   vm->name, host_name(app, vm->host_id));
    return false;
}

/* ---- the machinery ----------------------------------------------------------------------------
 */

static void end_steps(RightSteps *steps, const char *token, const GError *error)
{
    const right_steps_fn done = steps->done;

    steps->look = NULL;
    done(token, error, steps->user); /* last: it frees the steps */
}

static gboolean look_now(void *data)
{
    RightSteps *steps = data;

    steps->timer = 0;
    steps->look(steps);
    return G_SOURCE_REMOVE;
}

static void look_in(RightSteps *steps, unsigned ms)
{
    if (steps->timer)
        g_source_remove(steps->timer);
    steps->timer = g_timeout_add(ms, look_now, steps);
}

static bool is_late(const RightSteps *steps)
{
    return clock_now_ms() - steps->begun_ms > PATIENCE_MS;
}

static void take_trouble(RightSteps *steps, const GError *error)
{
    steps->tries++;
    g_clear_error(&steps->trouble);
    steps->trouble = g_error_copy(error);
}

/* Looks again, or ends with the last trouble when that has lasted too long. */
static void try_again(RightSteps *steps, const GError *error)
{
    g_autoptr(GError) last = NULL;

    take_trouble(steps, error);
    if (steps->tries < MAX_TRIES && !is_late(steps)) {
        look_in(steps, RETRY_MS);
        return;
    }
    last = g_steal_pointer(&steps->trouble);
    end_steps(steps, NULL, last);
}

/* For what may come by itself: a lease, a tombstone, the list of records. */
static void wait_for(RightSteps *steps, const GError *error)
{
    if (is_late(steps))
        end_steps(steps, NULL, error);
    else
        look_in(steps, LOOK_MS);
}

static void on_sent(enum ha_outcome outcome, const GError *error, void *user)
{
    RightSteps *steps = user;

    steps->call = NULL;
    if (outcome == HA_DONE)
        steps->look(steps);
    else
        try_again(steps, error);
}

static void send_txn(RightSteps *steps, const struct ha_txn *txn)
{
    steps->call = rights_send(steps->job.app->rights, txn, on_sent, steps);
}

static bool get_mandate(RightSteps *steps, struct ha_mandate *ret_mandate)
{
    g_autoptr(GError) error = NULL;

    if (rights_mandate(steps->job.app->rights, ret_mandate))
        return true;
    err_set(&error, VRM_ERR_UNAVAILABLE, "this controller may not act now");
    wait_for(steps, error);
    return false;
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static void on_told(const struct command_report *report, const GError *error, bool final,
                    void *user)
{
    RightSteps *steps = user;

    (void)report;
    if (!final)
        return;
    g_clear_pointer(&steps->command, g_free);
    if (error) {
        steps->asked = -1;
        try_again(steps, error);
        return;
    }
    look_in(steps, LOOK_MS); /* the record tells the rest */
}

static void on_received(const struct command_report *report, const GError *error, bool final,
                        void *user)
{
    RightSteps *steps = user;

    (void)report;
    if (!final)
        return;
    g_clear_pointer(&steps->command, g_free);
    if (error) {
        end_steps(steps, NULL, error);
        return;
    }
    steps->received = true;
    steps->look(steps);
}

/* part: the command's id within the task. */
static void tell(RightSteps *steps, int64_t host_id, enum agent_verb verb, const char *part,
                 const struct ha_vm_seen *seen)
{
    struct app *app = steps->job.app;
    const Vm *vm = inventory_find_vm(app->inv, steps->job.vm_id);
    struct agent_command command = {
        .id = g_strdup_printf("%s-t%" PRId64 "-%s-%s", inventory_peek(app->inv)->site->id,
                              steps->job.task_id, agent_verb_name(verb), part),
        .gen = vm ? vm->run_gen : 0,
        .verb = verb,
        .vm_uuid = g_strdup(vm ? vm->uuid : ""),
        .vm_id = steps->job.vm_id,
        .right = right_token_format(seen),
        .deadline_ms = COMMAND_MS,
    };

    steps->command = g_strdup(command.id);
    agents_command(app->agents, host_id, &command, verb == VERB_RECEIVE ? on_received : on_told,
                   steps);
}

/* The owner gives back what it does not run; told once for a version of the record. */
static void release(RightSteps *steps, const struct ha_owner *owner, const struct ha_vm_seen *seen)
{
    g_autofree char *part = g_strdup_printf("%" PRId64 "-%u", seen->version, steps->tries);
    g_autoptr(GError) error = NULL;

    if (steps->asked == seen->version) { /* it said yes: the record follows */
        err_set(&error, VRM_ERR_TIMEOUT, "%s has given up the right, and etcd does not show it",
                host_name(steps->job.app, owner->host));
        wait_for(steps, error);
        return;
    }
    steps->asked = seen->version;
    tell(steps, owner->host, VERB_RELEASE, part, seen);
}

/* ---- a start ----------------------------------------------------------------------------------
 */

static void end_with_token(RightSteps *steps, const struct ha_vm_seen *seen)
{
    g_autofree char *token = right_token_format(seen);

    end_steps(steps, token, NULL);
}

static void refuse_start(RightSteps *steps, const struct ha_owner *holder)
{
    struct app *app = steps->job.app;
    const Vm *vm = inventory_find_vm(app->inv, steps->job.vm_id);
    g_autoptr(GError) error = NULL;

    if (!vm)
        err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "the VM was removed");
    else
        refuse_for_holder(app, vm, holder, &error);
    if (vm && !is_connected(app, holder->host) && observe_awaits(app->observe))
        wait_for(steps, error); /* a take-over: it may answer in a moment */
    else
        end_steps(steps, NULL, error);
}

static bool is_of(const struct ha_vm_right *right, unsigned i, int64_t host_id)
{
    return i < right->n_owners && right->owners[i].host == host_id;
}

/* The host's in the life that it has, whatever is thought of the host now: what was begun by it may
 * be under way. */
static bool is_given(const struct app *app, const struct ha_vm_right *right, unsigned i,
                     int64_t host_id)
{
    return is_of(right, i, host_id) && !rights_is_buried(app->rights, &right->owners[i]);
}

/* Claimed, and nothing came of it or nothing is left of it: it is on its way back, or its guest
 * ended by itself.  A start of ours that is under way there is told by its agent. */
static bool is_left_over(const RightSteps *steps, const struct ha_vm_right *right)
{
    const struct app *app = steps->job.app;

    return right->claimed && observe_hears(app->observe, steps->job.host_id) &&
           !observe_runs_on(app->observe, steps->job.vm_id, steps->job.host_id) &&
           !observe_is_worked_on(app->observe, steps->job.vm_id);
}

/* As find_owner(); a host that was set up just now may have a slot to give in a moment. */
static bool get_owner(const RightSteps *steps, struct ha_owner *ret_owner, GError **error)
{
    const struct app *app = steps->job.app;
    const Vm *vm = inventory_find_vm(app->inv, steps->job.vm_id);

    if (vm && ha_shell_awaits_slot(app->ha, steps->job.host_id, authority_of(app, vm))) {
        err_set(error, VRM_ERR_UNAVAILABLE, "its slot on the VM's datastore is not seen yet");
        return false;
    }
    return find_owner(app, vm, steps->job.host_id, ret_owner, error);
}

static void look_start(RightSteps *steps)
{
    struct app *app = steps->job.app;
    const struct ha_vm_seen seen = seen_now(app, steps->job.vm_id);
    const struct ha_owner *holder = find_holder(app, &seen.right);
    struct ha_mandate mandate;
    struct ha_owner to;
    struct ha_txn txn;
    g_autoptr(GError) error = NULL;

    if (rights_listed(app->rights) && seen.right.n_owners == 1 &&
        is_given(app, &seen.right, 0, steps->job.host_id) && !is_left_over(steps, &seen.right)) {
        end_with_token(steps, &seen);
    } else if (!get_owner(steps, &to, &error)) {
        wait_for(steps, error);
    } else if (holder && is_connected(app, holder->host) &&
               !observe_runs_on(app->observe, steps->job.vm_id, holder->host)) {
        release(steps, holder, &seen);
    } else if (holder) {
        refuse_start(steps, holder);
    } else if (get_mandate(steps, &mandate)) {
        right_assign(&mandate, &seen, &to, &txn);
        send_txn(steps, &txn);
    }
}

/* ---- before a migration -----------------------------------------------------------------------
 */

static void receive(RightSteps *steps, const struct ha_owner *to, const struct ha_vm_seen *seen)
{
    g_autofree char *inc = right_inc_format(to->inc); /* another life has to be told anew */

    if (steps->received)
        end_steps(steps, NULL, NULL);
    else
        tell(steps, to->host, VERB_RECEIVE, inc, seen);
}

static void settle_on(RightSteps *steps, const struct ha_vm_seen *seen, unsigned keep)
{
    struct ha_mandate mandate;
    struct ha_txn txn;

    if (!get_mandate(steps, &mandate))
        return;
    right_settle(&mandate, seen, keep, &txn);
    send_txn(steps, &txn);
}

/* Two owners, and the second is not the target as it lives now: what an earlier migration left. */
static void clear_second(RightSteps *steps, const struct ha_vm_seen *seen)
{
    struct app *app = steps->job.app;
    const struct ha_owner *second = &seen->right.owners[1];
    g_autoptr(GError) error = NULL;

    if (!rights_is_buried(app->rights, second) && is_connected(app, second->host)) {
        release(steps, second, seen);
    } else if (!rights_is_buried(app->rights, second)) {
        err_set(&error, VRM_ERR_UNAVAILABLE,
                "%s still has a share of the right from an earlier migration, does not answer and "
                "is not known to be dead",
                host_name(app, second->host));
        end_steps(steps, NULL, error);
    } else {
        settle_on(steps, seen, 0);
    }
}

static void share(RightSteps *steps, const struct ha_vm_seen *seen, const struct ha_owner *to)
{
    struct ha_mandate mandate;
    struct ha_txn txn;

    if (!get_mandate(steps, &mandate))
        return;
    right_share(&mandate, seen, to, &txn);
    send_txn(steps, &txn);
}

static void look_share(RightSteps *steps)
{
    struct app *app = steps->job.app;
    const struct ha_vm_seen seen = seen_now(app, steps->job.vm_id);
    const struct ha_vm_right *right = &seen.right;
    struct ha_owner to;
    g_autoptr(GError) error = NULL;

    if (!rights_listed(app->rights)) {
        (void)get_owner(steps, &to, &error);
        wait_for(steps, error);
    } else if (right->n_owners == 1 && is_of(right, 0, steps->job.host_id)) {
        end_steps(steps, NULL, NULL); /* it is over: the source's command will say so */
    } else if (is_given(app, right, 1, steps->job.host_id)) {
        receive(steps, &right->owners[1], &seen);
    } else if (right->n_owners == 2 && is_of(right, 0, steps->job.source_id)) {
        clear_second(steps, &seen);
    } else if (!get_owner(steps, &to, &error)) {
        wait_for(steps, error);
    } else if (right->n_owners == 1 && is_of(right, 0, steps->job.source_id)) {
        share(steps, &seen, &to);
    } else {
        err_set(&error, VRM_ERR_CONFLICT, "etcd does not say that the VM is %s's",
                host_name(app, steps->job.source_id));
        end_steps(steps, NULL, error);
    }
}

/* ---- after a migration ------------------------------------------------------------------------
 */

static void look_settle(RightSteps *steps)
{
    struct app *app = steps->job.app;
    const struct ha_vm_seen seen = seen_now(app, steps->job.vm_id);
    const int64_t loser_id = steps->job.moved ? steps->job.source_id : steps->job.host_id;
    const unsigned lost = is_of(&seen.right, 0, loser_id) ? 0 : 1;
    const struct ha_owner *loser = &seen.right.owners[lost];
    g_autoptr(GError) error = NULL;

    if (seen.right.n_owners != 2 || !is_of(&seen.right, lost, loser_id)) {
        end_steps(steps, NULL, NULL);
        return;
    }
    err_set(&error, VRM_ERR_UNAVAILABLE,
            "%s has not given back its share of the right to run the VM yet",
            host_name(app, loser_id));
    if (rights_is_buried(app->rights, loser))
        settle_on(steps, &seen, 1 - lost);
    else if (steps->job.moved && clock_now_ms() - steps->begun_ms < GIVE_UP_MS)
        look_in(steps, LOOK_MS);
    else if (is_connected(app, loser_id))
        release(steps, loser, &seen);
    else
        end_steps(steps, NULL, error);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static RightSteps *begin(const struct right_job *job, void (*look)(RightSteps *steps),
                         right_steps_fn done, void *user)
{
    RightSteps *steps = g_new0(RightSteps, 1);

    *steps = (RightSteps){
        .job = *job,
        .look = look,
        .begun_ms = clock_now_ms(),
        .asked = -1,
        .done = done,
        .user = user,
    };
    look_in(steps, 0);
    return steps;
}

RightSteps *right_steps_start(const struct right_job *job, right_steps_fn done, void *user)
{
    return begin(job, look_start, done, user);
}

RightSteps *right_steps_share(const struct right_job *job, right_steps_fn done, void *user)
{
    return begin(job, look_share, done, user);
}

RightSteps *right_steps_settle(const struct right_job *job, right_steps_fn done, void *user)
{
    return begin(job, look_settle, done, user);
}

void right_steps_free(RightSteps *steps)
{
    struct app *app;

    if (!steps)
        return;
    app = steps->job.app;
    if (app->rights)
        rights_forget(steps->call);
    if (steps->command && app->agents)
        agents_forget(app->agents, steps->command);
    if (steps->timer)
        g_source_remove(steps->timer);
    g_clear_error(&steps->trouble);
    g_free(steps->command);
    g_free(steps);
}
