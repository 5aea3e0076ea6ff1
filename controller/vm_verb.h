/* vm_verb.h - what each task about a VM does to it: one table.
 *
 * Which statuses allow it, what the VM is called meanwhile and afterwards, and which command is
 * sent.  Pure; any thread. */
#ifndef VRM_CONTROLLER_VM_VERB_H
#define VRM_CONTROLLER_VM_VERB_H

#include <glib.h>
#include <stdbool.h>

#include "model/reason.h"
#include "model/types.h"

/* One row per task type. */
struct vm_verb {
    enum task_type type;
    enum agent_verb verb;
    unsigned from;         /* statuses that allow it */
    enum vm_status busy;   /* while it runs */
    enum vm_status ok;     /* afterwards */
    enum vm_status failed; /* afterwards, while its host cannot tell: a VM that may run counts as
                            * running, so that nobody starts it elsewhere */
    enum reason wrong_state;
    int64_t deadline_ms; /* 0: from the settings */
    const char *event;   /* name of the event that tells its end */
    const char *past;    /* "VM x was <past>" */
};

/* The row of a VM task; it must be one. */
const struct vm_verb *vm_verb_find(enum task_type type);

/* May it be done to the VM as it is now?  CONFLICT with the row's reason otherwise. */
bool vm_verb_check(const struct vm_verb *verb, const Vm *vm, GError **error);

#endif /* VRM_CONTROLLER_VM_VERB_H */
