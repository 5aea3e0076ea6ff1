/* vm_owed.c - see vm_owed.h. */
#include "config.h"

#include "controller/vm_owed.h"

#include "base/clock.h"
#include "base/log.h"
#include "controller/vm_order.h"

#define TRY_S        120 /* hosts may be away for a moment, or full */
#define ASK_AGAIN_MS 500
/* A start that the last controller still owed is made up for so long; a person has seen later ones
 * not to start and may have had reasons to leave it so. */
#define MAKE_UP_MS (INT64_C(10) * 60 * 1000)

struct debt {
    int64_t vm_id, until_ms;
    char *user;
    bool asked; /* an order is on its way */
};

struct Owed {
    struct app *app;
    GPtrArray *debts;
    guint timer;
};

static void free_debt(void *data)
{
    struct debt *debt = data;

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
    return vm && vm->run_gen == 0 && vm->status == VM_STOPPED;
}

/* ---- the order --------------------------------------------------------------------------------
 */

static void note_untold(const GError *error, void *user)
{
    (void)user;
    if (error)
        log_warning("an event could not be recorded", "REASON", error->message, NULL);
}

/* Nobody waits for this start; whoever looks for the VM later finds why it does not run. */
static void tell_given_up(struct app *app, const Vm *vm, const GError *why)
{
    Commit *commit = commit_new(&app->committer);

    log_warning("automatic start after creation was given up", "VM", vm->name, "REASON",
                why->message, NULL);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "VmAutoStartGivenUp",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "VM %s was created but could not be started (autoBoot) within %d s: %s", vm->name,
                 TRY_S, why->message);
    commit_submit(commit, NULL, note_untold, NULL);
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
    if (error && waits_for_its_start(vm)) {
        if (clock_now_ms() < debt->until_ms)
            return; /* whatever the reason was, it may pass: the timer asks again */
        tell_given_up(order->app, vm, error);
    }
    (void)g_ptr_array_remove(owed->debts, debt);
}

static void ask(struct app *app, struct debt *debt)
{
    struct debt_order *order = g_new(struct debt_order, 1);

    *order = (struct debt_order){ app, debt->vm_id };
    debt->asked = true;
    vm_order(app, debt->vm_id,
             &(struct vm_order){ .type = TASK_START_VM,
                                 .user = debt->user,
                                 .why = "started after creation (autoBoot)" },
             ordered, order);
}

static gboolean ask_again(void *data)
{
    Owed *owed = data;

    for (guint i = 0; i < owed->debts->len; i++) {
        struct debt *debt = owed->debts->pdata[i];

        if (!debt->asked)
            ask(owed->app, debt);
    }
    if (owed->debts->len > 0)
        return G_SOURCE_CONTINUE;
    owed->timer = 0;
    return G_SOURCE_REMOVE;
}

void owed_start(Owed *owed, const Task *created)
{
    struct debt *debt;

    if (!owed)
        return;
    debt = g_new0(struct debt, 1);
    *debt = (struct debt){ .vm_id = created->entity_id,
                           .until_ms = clock_now_ms() + INT64_C(1000) * TRY_S,
                           .user = g_strdup(created->user) };
    g_ptr_array_add(owed->debts, debt);
    if (!owed->timer)
        owed->timer = g_timeout_add(ASK_AGAIN_MS, ask_again, owed);
    ask(owed->app, debt);
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
