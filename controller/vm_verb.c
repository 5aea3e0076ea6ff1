/* vm_verb.c - see vm_verb.h. */
#include "config.h"

#include "controller/vm_verb.h"

#include "base/err.h"

#define STATUS(status) (1u << (status))
#define SECOND_MS      INT64_C(1000)

// clang-format off
static const struct vm_verb verbs[] = {
    { TASK_CREATE_VM,  VERB_DEFINE,   0,                                        VM_CREATING,  VM_STOPPED, VM_STOPPED,
      REASON_VM_STATE,           120 * SECOND_MS, "VmCreated",  "created" },
    { TASK_DELETE_VM,  VERB_UNDEFINE, STATUS(VM_STOPPED),                       VM_RECYCLING, VM_STOPPED, VM_STOPPED,
      REASON_VM_STATE,           120 * SECOND_MS, "VmDeleted",  "deleted" },
    { TASK_START_VM,   VERB_START,    STATUS(VM_STOPPED),                       VM_STARTING,  VM_RUNNING, VM_RUNNING,
      REASON_VM_ALREADY_RUNNING, 120 * SECOND_MS, "VmStarted",  "started" },
    { TASK_STOP_VM,    VERB_STOP,     STATUS(VM_RUNNING) | STATUS(VM_PAUSED) | STATUS(VM_FAULT_RESUMING), VM_STOPPING,  VM_STOPPED, VM_RUNNING,
      REASON_VM_ALREADY_STOPPED, 120 * SECOND_MS, "VmStopped",  "stopped" },
    { TASK_REBOOT_VM,  VERB_REBOOT,   STATUS(VM_RUNNING),                       VM_RUNNING,   VM_RUNNING, VM_RUNNING,
      REASON_VM_STATE,           120 * SECOND_MS, "VmRebooted", "rebooted" },
    { TASK_PAUSE_VM,   VERB_PAUSE,    STATUS(VM_RUNNING),                       VM_RUNNING,   VM_PAUSED,  VM_RUNNING,
      REASON_VM_STATE,            60 * SECOND_MS, "VmPaused",   "paused" },
    { TASK_RESUME_VM,  VERB_RESUME,   STATUS(VM_PAUSED),                        VM_PAUSED,    VM_RUNNING, VM_PAUSED,
      REASON_VM_STATE,            60 * SECOND_MS, "VmResumed",  "resumed" },
    { TASK_MIGRATE_VM, VERB_MIGRATE,  STATUS(VM_RUNNING),                       VM_MIGRATING, VM_RUNNING, VM_RUNNING,
      REASON_VM_STATE,             0,             "VmMigrated", "migrated" },
};
// clang-format on

const struct vm_verb *vm_verb_find(enum task_type type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (verbs[i].type == type)
            return &verbs[i];
    }
    g_assert_not_reached();
}

/* "running or pause" */
static char *allowed_words(const struct vm_verb *verb)
{
    GString *words = g_string_new(NULL);

    for (unsigned i = 0; i < N_VM_STATUSES; i++) {
        if (verb->from & STATUS(i))
            g_string_append_printf(words, "%s%s", words->len ? " or " : "",
                                   vm_status_name((enum vm_status)i));
    }
    return g_string_free(words, FALSE);
}

bool vm_verb_check(const struct vm_verb *verb, const Vm *vm, GError **error)
{
    g_autofree char *allowed = NULL;

    if (vm->is_template && verb->type != TASK_DELETE_VM) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL,
                       "%s is a template: it cannot be %s", vm->name, verb->past);
        return false;
    }
    if (verb->from & STATUS(vm->status))
        return true;
    allowed = allowed_words(verb);
    err_set_reason(error, VRM_ERR_CONFLICT, (int)verb->wrong_state, NULL,
                   "VM %s is %s and cannot be %s now%s%s", vm->name,
                   vm_status_name(vm_shown_status(vm)), verb->past,
                   *allowed ? ": its status must be " : "", allowed);
    return false;
}
