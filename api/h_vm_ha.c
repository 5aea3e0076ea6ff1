/* h_vm_ha.c - see h_vm_ha.h. */
#include "config.h"

#include "api/h_vm_ha.h"

#include "api/body.h"
#include "model/id.h"
#include "model/reason.h"

#define NO_PROCESS       "notprocess"
#define MAX_RESTARTS_MAX 60

void h_vm_ha_default(Vm *vm)
{
    vm->enable_ha = true;
    g_free(vm->fault_process);
    vm->fault_process = g_strdup(NO_PROCESS);
}

void h_vm_ha_put(struct request *req, const Vm *vm)
{
    struct jw *out = &req->out;

    jw_bool(out, "isEnableHa", vm->enable_ha);
    jw_str(out, "vmFaultProcess", vm->fault_process[0] ? vm->fault_process : NO_PROCESS);
    jw_bool(out, "reoverByHost", vm->recover_by_host);
    jw_str(out, "restartPriority", restart_priority_name(vm->restart_priority));
    read_put_urn(req, "startAfterVmUrn", OBJECT_VM, vm->start_after_id);
    jw_int(out, "maxRestartsPerHour", vm->max_restarts);
    jw_str(out, "hangSensitivity", hang_sensitivity_name(vm->hang_sensitivity));
}

static bool read_priority(const struct json_reader *properties, enum restart_priority *ret_priority,
                          GError **error)
{
    static const char *const words[] = { RESTART_PRIORITIES(STATE_WORD) NULL };
    g_autofree char *word = NULL;

    if (!body_word(properties, "restartPriority", words, 0, &word, error))
        return false;
    if (word)
        (void)restart_priority_parse(word, ret_priority);
    return true;
}

static bool read_sensitivity(const struct json_reader *properties,
                             enum hang_sensitivity *ret_sensitivity, GError **error)
{
    static const char *const words[] = { HANG_SENSITIVITIES(STATE_WORD) NULL };
    g_autofree char *word = NULL;

    if (!body_word(properties, "hangSensitivity", words, 0, &word, error))
        return false;
    if (word)
        (void)hang_sensitivity_parse(word, ret_sensitivity);
    return true;
}

/* "" means none; null, as everywhere, the same as absent. */
static bool read_start_after(const struct request *req, const struct json_reader *properties,
                             int64_t *ret_id, GError **error)
{
    int64_t id = 0;

    if (!json_has(properties, "startAfterVmUrn"))
        return true;
    if (!body_urn(properties, URN_FIELD("startAfterVmUrn", req->site, OBJECT_VM, REASON_VM_MISSING),
                  &id, error))
        return false;
    *ret_id = id;
    return true;
}

bool h_vm_ha_read(const struct request *req, const struct json_reader *properties, Vm *vm,
                  GError **error)
{
    static const char *const faults[] = { NO_PROCESS, "reboot", "ha", NULL };

    return body_word(properties, "vmFaultProcess", faults, 0, &vm->fault_process, error) &&
           json_read_bool(properties, "isEnableHa", &vm->enable_ha, error) &&
           json_read_bool(properties, "reoverByHost", &vm->recover_by_host, error) &&
           read_priority(properties, &vm->restart_priority, error) &&
           read_sensitivity(properties, &vm->hang_sensitivity, error) &&
           read_start_after(req, properties, &vm->start_after_id, error) &&
           body_int(properties,
                    INT_FIELD("maxRestartsPerHour", 0, MAX_RESTARTS_MAX, 0, &vm->max_restarts),
                    error);
}
