/* runtime.c - see runtime.h. */
#include "config.h"

#include "controller/runtime.h"

#include "base/text.h"

void runtime_keep_vm(Vm *vm, const Vm *current)
{
    if (!current || current == vm)
        return;
    vm->task_id = current->task_id;
    vm->target_host_id = current->target_host_id;
    vm->host_reported = current->host_reported;
    vm->domain = current->domain;
    vm->agent_answers = current->agent_answers;
    vm->vnc_port = current->vnc_port;
    vm->dirty_mbps = current->dirty_mbps;
    vm->load = current->load;
    text_set(&vm->cpu_seen, current->cpu_seen);
    text_set(&vm->start_wait, current->start_wait);
}

void runtime_keep_rule(Rule *rule, const Rule *current)
{
    if (!current || current == rule)
        return;
    rule->state = current->state;
    text_set(&rule->state_text, current->state_text);
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
    host->hald = current->hald;
    host->agent_protocol = current->agent_protocol;
    host->no_rights = current->no_rights;
    host->back_ms = current->back_ms;
    host->ha_closed = current->ha_closed;
    text_set(&host->ha_state, current->ha_state);
    text_set(&host->lost_stores, current->lost_stores);
    text_set(&host->agent_version, current->agent_version);
    text_set(&host->boot_id, current->boot_id);
    text_set(&host->migrate_address, current->migrate_address);
    text_set(&host->ha_address, current->ha_address);
    text_set(&host->trouble, current->trouble);
}
