/* state.c - see state.h. */
#include "config.h"

#include "model/state.h"

#include <glib.h>
#include <string.h>

const char *state_word(const char *const *words, size_t n, unsigned value)
{
    g_assert(value < n);
    return words[value];
}

bool state_find(const char *const *words, size_t n, const char *text, unsigned *ret_value)
{
    if (!text)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_value = (unsigned)i;
            return true;
        }
    }
    return false;
}

STATE_DEFINE(vm_status, VM_STATUSES, N_VM_STATUSES)
STATE_DEFINE(domain_state, DOMAIN_STATES, N_DOMAIN_STATES)
STATE_DEFINE(host_status, HOST_STATUSES, N_HOST_STATUSES)
STATE_DEFINE(task_status, TASK_STATUSES, N_TASK_STATUSES)
STATE_DEFINE(task_type, TASK_TYPES, N_TASK_TYPES)
STATE_DEFINE(task_origin, TASK_ORIGINS, N_TASK_ORIGINS)
STATE_DEFINE(rule_type, RULE_TYPES, N_RULE_TYPES)
STATE_DEFINE(rule_strength, RULE_STRENGTHS, N_RULE_STRENGTHS)
STATE_DEFINE(rule_state, RULE_STATES, N_RULE_STATES)
STATE_DEFINE(restart_priority, RESTART_PRIORITIES, N_RESTART_PRIORITIES)
STATE_DEFINE(hang_sensitivity, HANG_SENSITIVITIES, N_HANG_SENSITIVITIES)
STATE_DEFINE(ha_isolation, HA_ISOLATIONS, N_HA_ISOLATIONS)
STATE_DEFINE(group_type, GROUP_TYPES, N_GROUP_TYPES)
STATE_DEFINE(move_reason, MOVE_REASONS, N_MOVE_REASONS)
STATE_DEFINE(recommendation_type, RECOMMENDATION_TYPES, N_RECOMMENDATION_TYPES)
STATE_DEFINE(plan_kind, PLAN_KINDS, N_PLAN_KINDS)
STATE_DEFINE(recommendation_state, RECOMMENDATION_STATES, N_RECOMMENDATION_STATES)
STATE_DEFINE(event_severity, EVENT_SEVERITIES, N_EVENT_SEVERITIES)
STATE_DEFINE(agent_verb, AGENT_VERBS, N_AGENT_VERBS)
