/* ha_act.c - carries out what the Ha object wants.  See ha_shell_private.h.
 *
 * Each order that awaits an answer gets exactly one, unless the Ha object that gave it is gone. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/agents.h"
#include "controller/ha_count.h"
#include "controller/ha_shell_private.h"
#include "controller/rights.h"
#include "controller/task.h"
#include "controller/vm_order.h"
#include "ha/etcd/right_etcd.h"

#define START_LIMIT_MS   180000
#define RELEASE_LIMIT_MS 20000
#define WRITE_AGAIN_MS   1000

/* Who waits for an answer. */
struct asked {
    HaShell *shell;
    uint64_t life, request;
    int host, vm; /* indices; -1: none */
    enum ha_act act;
};

/* The shell owns all that wait, for those that nobody answers any more. */
static void asked_free(struct asked *asked)
{
    (void)g_hash_table_remove(asked->shell->asked, asked);
}

typedef struct asked asked_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(asked_auto, asked_free)

static struct asked *asked_new(HaShell *shell, const struct ha_action *action)
{
    struct asked *asked = g_new(struct asked, 1);

    *asked = (struct asked){ .shell = shell,
                             .life = shell->life,
                             .request = action->request,
                             .host = action->host,
                             .vm = action->vm,
                             .act = action->act };
    (void)g_hash_table_add(shell->asked, asked);
    return asked;
}

static bool is_void(const struct asked *asked)
{
    return asked->life != asked->shell->life || !asked->shell->ha;
}

static struct ha_vm_slot *vm_of(const struct asked *asked)
{
    return asked->vm < 0 ? NULL : asked->shell->vm_at->pdata[asked->vm];
}

static void answer(const struct asked *asked, enum ha_outcome outcome, const char *why)
{
    HaShell *shell = asked->shell;
    struct ha_vm_slot *vm = vm_of(asked);

    ha_answered(shell->ha, asked->request, outcome, clock_now_ms());
    if (outcome == HA_DONE || !vm || !why)
        return;
    if (outcome == HA_FAILED || (asked->act == HA_DO_START && outcome != HA_PUT_OFF))
        ha_tell_trouble(shell->ha, vm->index, why);
    ha_book_failed(shell->book, vm, why);
}

/* ---- etcd -------------------------------------------------------------------------------------
 */

static void note_burial(const struct asked *asked, enum ha_outcome outcome, const GError *error)
{
    struct ha_host_slot *host = ha_shell_host_at(asked->shell, asked->host);

    if (outcome == HA_DONE)
        host->buried_by_us = true;
    else
        ha_book_note(asked->shell->book, host, SOURCE_LEASE, "its burial did not succeed: %s",
                     error ? error->message : "etcd did not answer");
}

static void sent(enum ha_outcome outcome, const GError *error, void *user)
{
    g_autoptr(asked_auto) asked = user;

    if (is_void(asked))
        return;
    if (asked->act == HA_DO_BURY)
        note_burial(asked, outcome, error);
    answer(asked, outcome, error ? error->message : "etcd did not answer");
}

static void send_txn(HaShell *shell, const struct ha_action *action)
{
    struct asked *asked = asked_new(shell, action);

    if (!rights_send(shell->app->rights, &action->txn, sent, asked)) {
        answer(asked, HA_UNKNOWN, NULL);
        asked_free(asked);
    }
}

/* ---- start ------------------------------------------------------------------------------------
 */

static void started(const Task *task, void *user)
{
    g_autoptr(asked_auto) asked = user;
    struct ha_vm_slot *vm;

    if (is_void(asked))
        return;
    vm = vm_of(asked);
    vm->starting = 0;
    if (task && task->status == TASK_SUCCESS)
        answer(asked, HA_DONE, NULL);
    else if (task && task_is_final(task))
        answer(asked, HA_FAILED, *task->reason_text ? task->reason_text : "the start failed");
    else
        answer(asked, HA_UNKNOWN, "the start did not end in time");
}

static void ordered(int64_t task_id, const GError *error, void *user)
{
    struct asked *asked = user;
    struct ha_vm_slot *vm;

    if (is_void(asked)) {
        asked_free(asked);
        return;
    }
    vm = vm_of(asked);
    if (error) {
        vm->starting = 0;
        answer(asked, vm_order_may_pass(asked->shell->app, error) ? HA_PUT_OFF : HA_FAILED,
               error->message);
        asked_free(asked);
        return;
    }
    vm->task_id = task_id;
    ha_book_ordered(asked->shell->book, vm, task_id);
    tasks_wait(asked->shell->app->tasks, task_id, START_LIMIT_MS, started, asked);
}

static void start(HaShell *shell, const struct ha_action *action)
{
    struct ha_vm_slot *vm = shell->vm_at->pdata[action->vm];
    const struct ha_host_slot *host = ha_shell_host_at(shell, action->host);
    g_autofree char *why = ha_book_why(shell->book, vm);

    vm->starting = action->request;
    vm->task_id = 0;
    vm_order(shell->app, vm->id,
             &(struct vm_order){ .type = TASK_START_VM,
                                 .origin = ORIGIN_HA,
                                 .target_host_id = host->id,
                                 .why = *why ? why : "HA: it should run" },
             ordered, asked_new(shell, action));
}

/* ---- release ----------------------------------------------------------------------------------
 */

static void released(const struct command_report *report, const GError *error, bool final,
                     void *user)
{
    struct asked *asked = user;

    (void)report;
    if (!final)
        return;
    if (!is_void(asked))
        answer(asked,
               !error                           ? HA_DONE
               : err_is(error, VRM_ERR_TIMEOUT) ? HA_UNKNOWN
                                                : HA_FAILED,
               error ? error->message : NULL);
    asked_free(asked);
}

static const struct ha_owner *owner_on(const struct ha_vm_seen *seen, int64_t host_id)
{
    for (unsigned i = 0; i < seen->right.n_owners; i++)
        if (seen->right.owners[i].host == host_id)
            return &seen->right.owners[i];
    return NULL;
}

static void release(HaShell *shell, const struct ha_action *action)
{
    const struct ha_vm_slot *vm = shell->vm_at->pdata[action->vm];
    const struct ha_host_slot *host = ha_shell_host_at(shell, action->host);
    const struct ha_owner *owner = owner_on(&action->seen, host->id);
    struct asked *asked = asked_new(shell, action);
    struct agent_command command;

    if (!owner || !vm->vm) {
        answer(asked, HA_FAILED, NULL);
        asked_free(asked);
        return;
    }
    command = (struct agent_command){
        .id = g_strdup_printf("%s-ha%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT,
                              inventory_peek(shell->app->inv)->site->id,
                              shell->app->committer.epoch(shell->app->committer.user), vm->id,
                              (int64_t)action->request),
        .gen = vm->vm->run_gen,
        .verb = VERB_RELEASE,
        .vm_uuid = g_strdup(vm->vm->uuid),
        .vm_id = vm->id,
        .right = right_token_format(&action->seen),
        .deadline_ms = RELEASE_LIMIT_MS,
    };
    agents_command(shell->app->agents, host->id, &command, released, asked);
}

/* ---- what is told -----------------------------------------------------------------------------
 */

static enum event_severity severity_of(enum host_fsm_state state)
{
    if (state == HOST_FENCING || state == HOST_FENCED)
        return EVENT_ERROR;
    return state == HOST_OK || state == HOST_REJOINING || state == HOST_MAINTENANCE ? EVENT_INFO
                                                                                    : EVENT_WARNING;
}

/* A host that is only slow is no news. */
static bool is_news(const HaShell *shell, const struct ha_host_slot *host,
                    enum host_fsm_state state)
{
    const Host *known = inventory_find_host(shell->app->inv, host->id);

    if (!known || state == HOST_SUSPECT || *known->ha_state == '\0')
        return false;
    return !(state == HOST_OK && g_str_equal(known->ha_state, host_fsm_state_name(HOST_SUSPECT)));
}

/* A host more: VMs that had no place may have one now. */
static void hurry_all(HaShell *shell)
{
    for (guint i = 0; i < shell->vm_at->len; i++) {
        const struct ha_vm_slot *vm = shell->vm_at->pdata[i];

        if (vm->is_unplaced)
            ha_hurry(shell->ha, vm->index, clock_now_ms());
    }
}

static void add_host_event(HaShell *shell, const struct ha_host_slot *host, int rule,
                           const char *why)
{
    const enum host_fsm_state state = ha_host_state(shell->ha, host->index);
    Commit *commit = commit_new(&shell->app->committer);

    commit_event(commit,
                 &(struct commit_event){ .severity = severity_of(state),
                                         .name = "HaHostState",
                                         .kind = OBJECT_HOST,
                                         .object_id = host->id,
                                         .object_name = host->name },
                 "HA: host %s is %s: %s (rule %d)", host->name, host_fsm_state_name(state), why,
                 rule);
    commit_submit(commit, NULL, ha_shell_note_untold, NULL);
}

/* Is it to be told now?  What may pass waits, and its passing is no news either. */
static bool is_worth_telling(const HaShell *shell, struct ha_host_slot *host,
                             enum host_fsm_state state)
{
    const bool was_untold = host->untold;

    if (!ha_shell_is_trouble(state))
        host->doubt_ms = 0;
    else if (host->doubt_ms == 0)
        host->doubt_ms = clock_now_ms();
    host->untold = ha_shell_is_passing(shell, host) || (was_untold && state == HOST_SUSPECT);
    return !host->untold && !(was_untold && state == HOST_OK) && is_news(shell, host, state);
}

void ha_act_lasting(HaShell *shell)
{
    for (guint i = 0; i < shell->host_at->len; i++) {
        struct ha_host_slot *host = shell->host_at->pdata[i];
        struct ha_host_view view;

        if (!host->untold || host->gone || ha_shell_is_passing(shell, host))
            continue;
        ha_view_host(shell->ha, host->index, clock_now_ms(), &view);
        if (view.state != HOST_UNREACHABLE && view.state != HOST_ISOLATED)
            continue;
        host->untold = false;
        ha_book_lasting(shell->book, host);
        add_host_event(shell, host, view.rule->id, view.rule->why);
    }
}

static void tell_host(HaShell *shell, const struct ha_action *action)
{
    struct ha_host_slot *host = ha_shell_host_at(shell, action->host);
    const enum host_fsm_state state = ha_host_state(shell->ha, action->host);
    bool is_told;

    if (host->gone)
        return;
    log_info("HA judges a host", "HOST", host->name, "STATE", host_fsm_state_name(state), "REASON",
             action->why, NULL);
    if (state == HOST_OK)
        hurry_all(shell);
    if (state == HOST_FENCED && !host->plan) /* buried before this controller led */
        ha_place_plan(shell, host);
    if (state == HOST_REJOINING)
        ha_plan_free(g_steal_pointer(&host->plan));
    is_told = is_worth_telling(shell, host, state);
    ha_book_host(shell->book, host, action->rule, action->why);
    if (is_told)
        add_host_event(shell, host, action->rule, action->why);
}

static void status_written(const GError *error, void *user)
{
    g_autoptr(asked_auto) asked = user;
    struct ha_vm_slot *vm;

    ha_shell_note_untold(error, NULL);
    if (is_void(asked))
        return;
    vm = vm_of(asked);
    vm->is_written = false;
    vm->write_ms = error ? clock_now_ms() + WRITE_AGAIN_MS : 0;
}

void ha_act_resuming(HaShell *shell, struct ha_vm_slot *slot)
{
    const Vm *current = inventory_find_vm(shell->app->inv, slot->id);
    const struct ha_action about = { .host = -1, .vm = slot->index };
    Commit *commit;
    Vm *vm;

    if (!current || slot->is_written || clock_now_ms() < slot->write_ms ||
        tasks_vm_is_held(shell->app->tasks, slot->id) ||
        (current->status != VM_RUNNING && current->status != VM_PAUSED))
        return;
    slot->is_written = true;
    vm = vm_dup(current);
    vm->status = VM_FAULT_RESUMING;
    commit = commit_new(&shell->app->committer);
    commit_run_vm(commit, vm);
    commit_submit(commit, NULL, status_written, asked_new(shell, &about));
}

/* It ended by itself, and is brought back. */
static bool is_crash(const HaShell *shell, const struct ha_vm_slot *vm, enum vm_fsm_state state)
{
    const struct ha_vm_seen *seen = ha_shell_seen(shell, vm->vm);

    return vm->told == VM_FSM_RUNNING && (state == VM_FSM_BACKOFF || state == VM_FSM_RECOVERING) &&
           seen && seen->right.n_owners == 1 && !ha_is_buried(shell->ha, &seen->right.owners[0]);
}

static void tell_vm(HaShell *shell, const struct ha_action *action)
{
    struct ha_vm_slot *vm = shell->vm_at->pdata[action->vm];
    const enum vm_fsm_state state = ha_vm_state(shell->ha, action->vm);
    const char *why = ha_vm_why(shell->ha, action->vm);
    const bool was_down =
        vm->told == VM_FSM_RECOVERING || vm->told == VM_FSM_BACKOFF || vm->told == VM_FSM_HELD;
    bool crashed;
    Commit *commit;

    if (vm->gone || !vm->vm)
        return;
    crashed = is_crash(shell, vm, state);
    ha_book_vm(shell->book, vm, action->rule, why);
    vm->told = state;
    if (state == VM_FSM_OFF || (state == VM_FSM_RUNNING && !was_down))
        return;
    commit = commit_new(&shell->app->committer);
    commit_event(
        commit,
        &(struct commit_event){ .severity = state == VM_FSM_RUNNING ? EVENT_INFO : EVENT_WARNING,
                                .name = "HaVmState",
                                .kind = OBJECT_VM,
                                .object_id = vm->id,
                                .object_name = vm->vm->name },
        "HA: VM %s is %s: %s (rule %d)", vm->vm->name, vm_fsm_state_name(state), why, action->rule);
    if (crashed)
        ha_counts_restart(shell->app->counts, vm->id, commit);
    commit_submit(commit, NULL, ha_shell_note_untold, NULL);
    if (state == VM_FSM_RECOVERING || state == VM_FSM_BACKOFF)
        ha_act_resuming(shell, vm);
}

/* ---- all --------------------------------------------------------------------------------------
 */

static void warn(HaShell *shell, const struct ha_action *action)
{
    struct ha_host_slot *host = ha_shell_host_at(shell, action->host);

    log_warning("HA warns", "HOST", host->name, "REASON", action->why, NULL);
}

static void do_action(HaShell *shell, const struct ha_action *action)
{
    metric_add(shell->acts[action->act], 1);
    switch (action->act) {
    case HA_DO_HOST:
        tell_host(shell, action);
        break;
    case HA_DO_ASK:
        ha_witness_ask(shell, ha_shell_host_at(shell, action->host));
        break;
    case HA_DO_SHOOT:
        ha_witness_shoot(shell, ha_shell_host_at(shell, action->host));
        break;
    case HA_DO_WARN:
        warn(shell, action);
        break;
    case HA_DO_VM:
        tell_vm(shell, action);
        break;
    case HA_DO_BURY:
    case HA_DO_ASSIGN:
    case HA_DO_SETTLE:
        send_txn(shell, action);
        break;
    case HA_DO_PLACE:
        ha_place_ask(shell, action);
        break;
    case HA_DO_START:
        start(shell, action);
        break;
    case HA_DO_RELEASE:
        release(shell, action);
        break;
    case HA_DO_BRAKE:
        log_warning("HA brakes", "REASON", action->why, NULL);
        break;
    case HA_N_ACTS:
        g_assert_not_reached();
    }
}

void ha_act_all(HaShell *shell, struct ha_actions *actions)
{
    for (size_t i = 0; i < actions->len; i++) { /* may grow while it is carried out */
        const struct ha_action action = actions->items[i];

        do_action(shell, &action);
    }
    ha_actions_clear(actions);
}
