/* ha_place.c - where a VM of a dead host starts: the very plan that GET {cluster}/failover?host=
 * shows, made once when the host is dead; what that does not know, or does not hold any more, is
 * asked of the scheduler anew.  See ha_shell_private.h. */
#include "config.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/ha_shell_private.h"
#include "controller/rights.h"
#include "controller/vm_starts.h"
#include "scheduler/admission.h"
#include "scheduler/sched_params.h"

/* Who waits to be told a host. */
struct seeker {
    HaShell *shell;
    uint64_t life, request;
    int64_t vm_id;
    int64_t leave_id; /* a host that is the last choice; 0: none */
};
VEC_DECLARE(seekers, struct seeker);

struct HaPlan {
    HaShell *shell; /* NULL: forgotten; it frees itself when it is made */
    int64_t host_id;
    int64_t cluster_id;
    Snapshot *snap;
    struct sched_params params;
    HostLosses *losses; /* NULL: not made yet, or it could not be */
    GError *error;
    bool is_made;
    struct seekers seekers;
};

/* ---- the answer -------------------------------------------------------------------------------
 */

static bool is_void(const struct seeker *seeker)
{
    return seeker->life != seeker->shell->life || !seeker->shell->ha;
}

static void tell(const struct seeker *seeker, int64_t host_id, const char *why)
{
    HaShell *shell = seeker->shell;
    struct ha_vm_slot *vm = ha_shell_vm(shell, seeker->vm_id);
    const struct ha_host_slot *host = ha_shell_host(shell, host_id);
    struct ha_actions actions = { 0 };

    if (host)
        ha_book_placed(shell->book, vm, host_id, why);
    else
        ha_book_failed(shell->book, vm, why);
    vm->is_unplaced = !host;
    ha_placed(shell->ha, seeker->request, host ? host->index : -1, why, clock_now_ms(), &actions);
    ha_act_all(shell, &actions);
}

static int32_t authority_of(const HaShell *shell, int64_t vm_id)
{
    const Vm *vm = inventory_find_vm(shell->app->inv, vm_id);

    return vm ? rights_authority(shell->app->rights, inventory_peek(shell->app->inv), vm) : HA_ETCD;
}

static bool lacks_store(const HaShell *shell, const struct ha_host_slot *host, int64_t vm_id)
{
    return ha_slots_lacks(shell->slots, host, authority_of(shell, vm_id));
}

static bool is_open(const HaShell *shell, int64_t host_id, int64_t vm_id)
{
    const struct ha_host_slot *host = ha_shell_host(shell, host_id);
    struct ha_owner owner;

    return host && ha_may_take(shell->ha, host->index, authority_of(shell, vm_id), &owner) &&
           !lacks_store(shell, host, vm_id);
}

/* ---- one VM -----------------------------------------------------------------------------------
 */

static void one_answered(struct start_answer *answers, size_t n, void *user)
{
    g_autofree struct seeker *seeker = user;

    (void)n;
    if (!answers || is_void(seeker))
        return;
    if (answers[0].error)
        tell(seeker, 0, answers[0].error->message);
    else if (!is_open(seeker->shell, answers[0].host_id, seeker->vm_id))
        tell(seeker, 0, "the host that was chosen takes no VMs any more");
    else
        tell(seeker, answers[0].host_id, answers[0].why);
}

static void ask_one(const struct seeker *seeker)
{
    struct start_want *want = g_new(struct start_want, 1);
    struct seeker *copy = g_memdup2(seeker, sizeof(*seeker));

    *want = (struct start_want){ .vm_id = seeker->vm_id,
                                 .recovery = true,
                                 .leave_id = seeker->leave_id };
    if (vm_starts_ask(seeker->shell->app, want, 1, one_answered, copy))
        return;
    g_free(copy);
    tell(seeker, 0, "the controller is stopping");
}

/* ---- the plan of a dead host ------------------------------------------------------------------
 */

static struct vm_fate *find_fate(const HaPlan *plan, int64_t vm_id)
{
    struct host_loss *loss = plan->losses && plan->losses->n_items > 0 ? plan->losses->items : NULL;

    for (uint32_t i = 0; loss && i < loss->n_vms; i++)
        if (loss->vms[i].vm_id == vm_id)
            return &loss->vms[i];
    return NULL;
}

/* Each place is given away once: a start that fails there is placed anew. */
static void serve(const HaPlan *plan, const struct seeker *seeker)
{
    struct vm_fate *fate = find_fate(plan, seeker->vm_id);
    g_autofree char *why = NULL;
    int64_t to_id;

    if (!fate || fate->to_id == 0 || !is_open(seeker->shell, fate->to_id, seeker->vm_id)) {
        ask_one(seeker);
        return;
    }
    to_id = fate->to_id;
    fate->to_id = 0;
    why = g_strdup_printf("as foreseen for the death of %s: %s takes it beside the others",
                          plan->losses->items[0].host_name, fate->to_name);
    tell(seeker, to_id, why);
}

static void run_plan(void *thread_state, void *data)
{
    HaPlan *plan = data;

    (void)thread_state;
    (void)admission_host_fates(plan->snap, plan->cluster_id, plan->host_id, &plan->params,
                               &plan->losses, &plan->error);
}

static void free_plan(HaPlan *plan)
{
    snapshot_unref(plan->snap);
    host_losses_free(plan->losses);
    g_clear_error(&plan->error);
    seekers_clear(&plan->seekers);
    g_free(plan);
}

static void planned(void *data, bool ran)
{
    HaPlan *plan = data;
    struct seekers waiting = plan->seekers;

    (void)ran;
    plan->is_made = true;
    plan->seekers = (struct seekers){ 0 };
    if (!plan->shell) {
        seekers_clear(&waiting);
        free_plan(plan);
        return;
    }
    if (plan->error)
        log_warning("what becomes of a dead host's VMs could not be planned", "REASON",
                    plan->error->message, NULL);
    for (size_t i = 0; i < waiting.len; i++)
        if (!is_void(&waiting.items[i]))
            serve(plan, &waiting.items[i]);
    seekers_clear(&waiting);
}

void ha_plan_free(HaPlan *plan)
{
    struct seekers waiting;

    if (!plan)
        return;
    waiting = plan->seekers;
    plan->seekers = (struct seekers){ 0 };
    plan->shell = NULL;
    if (plan->is_made)
        free_plan(plan);
    for (size_t i = 0; i < waiting.len; i++) /* they are not forgotten with it */
        if (!is_void(&waiting.items[i]))
            ask_one(&waiting.items[i]);
    seekers_clear(&waiting);
}

void ha_place_plan(HaShell *shell, struct ha_host_slot *host)
{
    const Host *about = inventory_find_host(shell->app->inv, host->id);
    HaPlan *plan;

    ha_plan_free(g_steal_pointer(&host->plan));
    if (!about || about->cluster_id == 0)
        return;
    inventory_publish(shell->app->inv);
    plan = g_new0(HaPlan, 1);
    *plan = (HaPlan){ .shell = shell,
                      .host_id = host->id,
                      .cluster_id = about->cluster_id,
                      .snap = inventory_snapshot(shell->app->inv) };
    app_sched_params(shell->app, &plan->params);
    if (work_pool_submit(shell->app->starts, NULL, run_plan, planned, plan))
        host->plan = plan;
    else
        free_plan(plan);
}

/* ---- a wish -----------------------------------------------------------------------------------
 */

void ha_place_ask(HaShell *shell, const struct ha_action *action)
{
    const struct ha_vm_slot *vm = shell->vm_at->pdata[action->vm];
    const struct ha_host_slot *named = ha_shell_host_at(shell, action->host);
    const struct ha_host_slot *from = vm->vm ? ha_shell_host(shell, vm->vm->host_id) : NULL;
    const struct seeker seeker = { .shell = shell,
                                   .life = shell->life,
                                   .request = action->request,
                                   .vm_id = vm->id,
                                   .leave_id = action->leaves && from ? from->id : 0 };

    if (named && is_open(shell, named->id, vm->id))
        tell(&seeker, named->id, "its own host is back, and its policy says: there");
    else if (named && lacks_store(shell, named, vm->id))
        tell(&seeker, 0, "its datastore is lost on its host, and dsFaultStrategy 0 keeps it there");
    else if (named)
        tell(&seeker, 0, "its policy says: only on its own host, and that is not back");
    else if (from && from->plan && !from->plan->is_made)
        seekers_push(&from->plan->seekers, seeker);
    else if (from && from->plan)
        serve(from->plan, &seeker);
    else
        ask_one(&seeker);
}
