/* vm_owed.c - see vm_owed.h. */
#include "config.h"

#include "controller/vm_owed.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/start_pace.h"
#include "controller/vm_order.h"

#define LOOK_MS 500
/* A start that the last controller still owed is made up for so long. */
#define MAKE_UP_MS (INT64_C(24) * 60 * 60 * 1000)

struct debt {
    int64_t vm_id;
    char *user;
    bool asked;  /* an order is on its way */
    bool ending; /* its end is being written */
    struct start_pace pace;
};

struct Owed {
    struct app *app;
    GPtrArray *debts;
    guint timer;
};

static void free_debt(void *data)
{
    struct debt *debt = data;

    start_pace_clear(&debt->pace);
    g_free(debt->user);
    g_free(debt);
}

static struct debt *find_debt(const Owed *owed, int64_t vm_id)
{
    for (guint i = 0; i < owed->debts->len; i++) {
        struct debt *debt = owed->debts->pdata[i];

        if (debt->vm_id == vm_id)
            return debt;
    }
    return NULL;
}

/* Nobody has started or removed it meanwhile. */
static bool waits_for_its_start(const Vm *vm)
{
    return vm && vm->run_gen == 0 && vm->status == VM_STOPPED && !vm->is_template;
}

/* ---- the order --------------------------------------------------------------------------------
 */

static void note_untold(const GError *error, void *user)
{
    (void)user;
    if (error)
        log_warning("an event could not be recorded", "REASON", error->message, NULL);
}

/* Nobody waits for an answer; whoever looks for the VM later finds why it does not run. */
static void tell_refused(struct app *app, const Vm *vm, const char *why)
{
    Commit *commit = commit_new(&app->committer);

    log_info("automatic start after creation waits", "VM", vm->name, "REASON", why, NULL);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "VmStartRefused",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "the start of VM %s after its creation (autoBoot) was refused and waits: %s",
                 vm->name, why);
    commit_submit(commit, NULL, note_untold, NULL);
}

/* The VM itself says that it waits, and for what; "": it does not. */
static void show_wait(struct app *app, int64_t vm_id, const char *why)
{
    const Vm *current = inventory_find_vm(app->inv, vm_id);
    Vm *vm;

    if (!current || g_str_equal(current->start_wait, why))
        return;
    vm = vm_dup(current);
    g_free(vm->start_wait);
    vm->start_wait = g_strdup(why);
    snapshot_builder_put_vm(inventory_edit(app->inv), vm);
}

static void drop_debt(Owed *owed, struct debt *debt)
{
    show_wait(owed->app, debt->vm_id, "");
    (void)g_ptr_array_remove(owed->debts, debt);
}

static void note_refusal(struct app *app, struct debt *debt, const Vm *vm, const GError *error)
{
    if (start_pace_refused(&debt->pace, clock_now_ms(), err_reason(error), error->message))
        tell_refused(app, vm, error->message);
    show_wait(app, vm->id, error->message);
}

struct debt_order {
    struct app *app;
    int64_t vm_id;
};

static void ordered(int64_t task_id, const GError *error, void *user)
{
    g_autofree struct debt_order *order = user;
    Owed *owed = order->app->owed;
    struct debt *debt = owed ? find_debt(owed, order->vm_id) : NULL;
    const Vm *vm = inventory_find_vm(order->app->inv, order->vm_id);

    (void)task_id;
    if (!debt)
        return;
    debt->asked = false;
    if (!error || !waits_for_its_start(vm))
        drop_debt(owed, debt);
    else if (!vm_order_may_pass(order->app, error)) /* the next look asks again then */
        note_refusal(order->app, debt, vm, error);
}

static void ask(struct app *app, struct debt *debt)
{
    struct debt_order *order = g_new(struct debt_order, 1);

    *order = (struct debt_order){ app, debt->vm_id };
    debt->asked = true;
    vm_order(app, debt->vm_id,
             &(struct vm_order){ .type = TASK_START_VM,
                                 .user = debt->user,
                                 .owed = true,
                                 .why = "started after creation (autoBoot)" },
             ordered, order);
}

/* ---- when ------------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t hash, int64_t value)
{
    return (hash ^ (uint64_t)value) * UINT64_C(0x100000001b3); /* FNV-1a */
}

/* Of all that may decide on a start: hosts, policies, rules, groups, and VMs that come and go. */
static uint64_t hash_world(const Snapshot *snap)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        hash = mix(mix(hash, host->id), host->generation);
        hash = mix(mix(hash, host->status), host->connected);
        hash = mix(mix(hash, host->draining), host->maintaining);
    }
    for (size_t i = 0; i < snap->n_clusters; i++)
        hash = mix(mix(hash, snap->clusters[i]->id), snap->clusters[i]->generation);
    for (size_t i = 0; i < snap->n_rules; i++)
        hash = mix(mix(hash, snap->rules[i]->id), snap->rules[i]->generation);
    for (size_t i = 0; i < snap->n_groups; i++)
        hash = mix(mix(hash, snap->groups[i]->id), snap->groups[i]->generation);
    for (size_t i = 0; i < snap->n_vms; i++)
        hash = mix(mix(hash, snap->vms[i]->id), snap->vms[i]->generation);
    return hash;
}

static void look_at(Owed *owed, struct debt *debt, int64_t now_ms, uint64_t world)
{
    if (debt->asked || debt->ending)
        return;
    if (!waits_for_its_start(inventory_find_vm(owed->app->inv, debt->vm_id))) {
        drop_debt(owed, debt);
        return;
    }
    if (!start_pace_is_due(&debt->pace, now_ms, world))
        return;
    debt->pace.world = world;
    ask(owed->app, debt);
}

static gboolean look(void *data)
{
    Owed *owed = data;

    if (owed->debts->len > 0) {
        uint64_t world = hash_world(inventory_peek(owed->app->inv));
        int64_t now_ms = clock_now_ms();

        for (guint i = owed->debts->len; i-- > 0;) /* from the last: it may go */
            look_at(owed, owed->debts->pdata[i], now_ms, world);
        return G_SOURCE_CONTINUE;
    }
    owed->timer = 0;
    return G_SOURCE_REMOVE;
}

void owed_start(Owed *owed, const Task *created)
{
    struct debt *debt;

    if (!owed)
        return;
    debt = g_new0(struct debt, 1);
    *debt = (struct debt){ .vm_id = created->entity_id, .user = g_strdup(created->user) };
    debt->pace.world = hash_world(inventory_peek(owed->app->inv));
    g_ptr_array_add(owed->debts, debt);
    if (!owed->timer)
        owed->timer = g_timeout_add(LOOK_MS, look, owed);
    ask(owed->app, debt);
}

bool owed_waits(const Owed *owed, int64_t vm_id)
{
    return owed && find_debt(owed, vm_id);
}

void owed_end(Owed *owed, int64_t vm_id, bool ending)
{
    struct debt *debt = owed ? find_debt(owed, vm_id) : NULL;

    if (!debt)
        return;
    debt->ending = ending;
    if (!ending && !waits_for_its_start(inventory_find_vm(owed->app->inv, vm_id)))
        drop_debt(owed, debt);
}

/* ---- take-over --------------------------------------------------------------------------------
 */

/* Created and to be started, but the controller went between the two. */
static bool lacks_its_start(const struct app *app, const Task *task, int64_t now_ms)
{
    return task->type == TASK_CREATE_VM && task->status == TASK_SUCCESS && task->auto_start &&
           now_ms - task->finish_ms < MAKE_UP_MS &&
           waits_for_its_start(inventory_find_vm(app->inv, task->entity_id));
}

void owed_resume(Owed *owed)
{
    const Snapshot *snap = inventory_peek(owed->app->inv);
    int64_t now_ms = clock_wall_ms();

    for (size_t i = 0; i < snap->n_tasks; i++) {
        if (lacks_its_start(owed->app, snap->tasks[i], now_ms))
            owed_start(owed, snap->tasks[i]);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

Owed *owed_new(struct app *app)
{
    Owed *owed = g_new0(Owed, 1);

    owed->app = app;
    owed->debts = g_ptr_array_new_with_free_func(free_debt);
    return owed;
}

void owed_reset(Owed *owed)
{
    g_ptr_array_set_size(owed->debts, 0);
}

void owed_free(Owed *owed)
{
    if (!owed)
        return;
    if (owed->timer)
        g_source_remove(owed->timer);
    g_ptr_array_unref(owed->debts);
    g_free(owed);
}
