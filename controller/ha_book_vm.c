/* ha_book_vm.c - what is told of a VM: lost, placed, ordered, failed, running. */
#include "config.h"

#include "controller/ha_book_private.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"

/* It went down while its host lives. */
static struct ha_story *begin_vm(HaBook *book, struct ha_vm_slot *vm)
{
    struct ha_story *story = ha_book_begin(book, INCIDENT_VM, vm->vm->host_id,
                                           ha_shell_host_name(book->shell, vm->vm->host_id));

    if (!story)
        return NULL;
    story->incident->vm_id = vm->id;
    text_set(&story->incident->vm_name, vm->vm->name);
    (void)incident_put_vm(story->incident, vm->id, vm->vm->name);
    story->is_real = true;
    if (vm->ended_why) {
        g_autofree char *text = g_strdup_printf("%s was ended: %s", vm->vm->name, vm->ended_why);

        ha_book_say(story, SOURCE_DECISION, vm->id, text);
        g_clear_pointer(&vm->ended_why, g_free);
    }
    return story;
}

static void note_running(HaBook *book, IncidentVm *row, const struct ha_vm_slot *vm)
{
    const Vm *current = inventory_find_vm(book->shell->app->inv, vm->id);

    row->running_ms = clock_wall_ms();
    row->to_id = current ? current->host_id : row->to_id;
    text_set(&row->to_name, ha_shell_host_name(book->shell, row->to_id));
    metric_add(book->shell->restarted, 1);
    if (row->lost_ms != 0)
        metric_observe_ms(book->shell->recovery, row->running_ms - row->lost_ms);
}

static enum incident_end end_of(enum vm_fsm_state state)
{
    static const enum incident_end ends[VM_FSM_N_STATES] = {
        [VM_FSM_OFF] = VM_END_UNWANTED,    [VM_FSM_RUNNING] = VM_END_RUNNING,
        [VM_FSM_LOST] = VM_END_WAITING,    [VM_FSM_RECOVERING] = VM_END_WAITING,
        [VM_FSM_BACKOFF] = VM_END_WAITING, [VM_FSM_HELD] = VM_END_HELD,
    };

    return ends[state];
}

void ha_book_vm(HaBook *book, struct ha_vm_slot *vm, int rule, const char *why)
{
    const enum vm_fsm_state state = ha_vm_state(book->shell->ha, vm->index);
    const bool is_down =
        state == VM_FSM_RECOVERING || state == VM_FSM_BACKOFF || state == VM_FSM_HELD;
    struct ha_story *story = ha_book_find_vm(book, vm->id);
    g_autofree char *text = NULL;
    IncidentVm *row;

    if (!story && is_down && vm->told == VM_FSM_RUNNING)
        story = begin_vm(book, vm);
    if (!story)
        return;
    row = incident_find_vm(story->incident, vm->id);
    if (row->end == VM_END_RUNNING && !is_down)
        return;
    row->end = end_of(state);
    row->rule = rule;
    text_set(&row->why, why);
    if (row->lost_ms == 0)
        row->lost_ms = clock_wall_ms();
    if (state == VM_FSM_RUNNING)
        note_running(book, row, vm);
    text = g_strdup_printf("%s is %s: %s", row->vm_name, vm_fsm_state_name(state), why);
    ha_book_say_rule(story, SOURCE_VM, vm->id, rule, text);
    ha_book_touch(story);
}

void ha_book_placed(HaBook *book, struct ha_vm_slot *vm, int64_t host_id, const char *why)
{
    struct ha_story *story = ha_book_find_vm(book, vm->id);
    g_autofree char *text = NULL;
    IncidentVm *row;

    if (!story)
        return;
    row = incident_find_vm(story->incident, vm->id);
    row->placed_ms = clock_wall_ms();
    row->to_id = host_id;
    text_set(&row->to_name, ha_shell_host_name(book->shell, host_id));
    text_set(&row->why, why);
    text = g_strdup_printf("%s goes to %s: %s", row->vm_name, row->to_name, why);
    ha_book_say(story, SOURCE_VM, vm->id, text);
    ha_book_touch(story);
}

void ha_book_ordered(HaBook *book, struct ha_vm_slot *vm, int64_t task_id)
{
    struct ha_story *story = ha_book_find_vm(book, vm->id);
    g_autofree char *text = NULL;
    IncidentVm *row;

    if (!story)
        return;
    row = incident_find_vm(story->incident, vm->id);
    row->ordered_ms = clock_wall_ms();
    row->task_id = task_id;
    row->end = VM_END_STARTING;
    text = g_strdup_printf("%s is being started on %s (task %" PRId64 ")", row->vm_name,
                           row->to_name, task_id);
    ha_book_say(story, SOURCE_VM, vm->id, text);
    ha_book_touch(story);
}

void ha_book_failed(HaBook *book, struct ha_vm_slot *vm, const char *why)
{
    struct ha_story *story = ha_book_find_vm(book, vm->id);
    g_autofree char *text = NULL;
    IncidentVm *row;

    if (!story)
        return;
    row = incident_find_vm(story->incident, vm->id);
    row->end = VM_END_WAITING;
    text_set(&row->why, why);
    text = g_strdup_printf("%s: the try failed: %s", row->vm_name, why);
    ha_book_say(story, SOURCE_VM, vm->id, text);
    ha_book_touch(story);
}

char *ha_book_why(const HaBook *book, const struct ha_vm_slot *vm)
{
    const struct ha_story *story = ha_book_find_vm(book, vm->id);
    const Incident *incident = story ? story->incident : NULL;
    const int64_t from_ms = !incident           ? 0
                            : incident->last_ms ? incident->last_ms
                                                : incident->begin_ms;
    const int64_t ms = incident ? MAX(incident->proof_ms - from_ms, 0) : 0;

    if (!incident)
        return g_strdup("");
    if (incident->vm_id != 0)
        return g_strdup_printf("restarted because it ended by itself on %s", incident->host_name);
    if (story->lost_store)
        return g_strdup_printf("restarted because %s lost datastore %s: %s", incident->host_name,
                               story->lost_store, incident->proof);
    return g_strdup_printf(
        "restarted because %s %s: %s, %" PRId64 ".%" PRId64 " s after its last sign of life",
        incident->host_name,
        incident->kind == INCIDENT_DRILL ? "was switched off for a drill" : "died", incident->proof,
        ms / 1000, ms % 1000 / 100);
}
