/* runtime.c - see runtime.h. */
#include "config.h"

#include "controller/runtime.h"

static void replace(char **field, const char *value)
{
    char *old = *field;

    *field = g_strdup(value);
    g_free(old);
}

void runtime_keep_vm(Vm *vm, const Vm *current)
{
    if (!current || current == vm)
        return;
    vm->task_id = current->task_id;
    vm->target_host_id = current->target_host_id;
    vm->host_reported = current->host_reported;
    vm->domain = current->domain;
    vm->vnc_port = current->vnc_port;
    vm->dirty_mbps = current->dirty_mbps;
    vm->load = current->load;
    replace(&vm->cpu_seen, current->cpu_seen);
    replace(&vm->start_wait, current->start_wait);
}

void runtime_keep_rule(Rule *rule, const Rule *current)
{
    if (!current || current == rule)
        return;
    rule->state = current->state;
    replace(&rule->state_text, current->state_text);
}

void runtime_keep_host(Host *host, const Host *current)
{
    if (!current || current == host)
        return;
    host->status = current->status;
    host->connected = current->connected;
    host->seen_mono_ms = current->seen_mono_ms;
    host->load = current->load;
    host->draining = current->draining;
    host->back_ms = current->back_ms;
    replace(&host->agent_version, current->agent_version);
    replace(&host->boot_id, current->boot_id);
    replace(&host->migrate_address, current->migrate_address);
    replace(&host->trouble, current->trouble);
}
