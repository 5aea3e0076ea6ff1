/* agent_ha.h - what the agent does about vrm-hald beside commands: hears whether it answers, tells
 * it which VMs are here, ends what was left halted, pays the rights it owes, hands its setup over.
 *
 * Part of struct Agent (agent_private.h).  Loop thread.  Its questions run on threads of their own;
 * while one is about a VM no command of that VM is carried out, and the other way round. */
#ifndef VRM_AGENT_AGENT_HA_H
#define VRM_AGENT_AGENT_HA_H

#include <glib.h>
#include <stdbool.h>

#include "agent/hv.h"
#include "agent/warden.h"
#include "agentproto/msg.h"
#include "base/work.h"

typedef struct AgentHa AgentHa;

struct agent_ha_options {
    struct warden warden; /* taken */
    const struct hv *hv;
    unsigned poll_ms; /* how often vrm-hald is looked at; 0: every second */
    /* A guest that is to shut down is told so again after this, and not later than this; 0: 10 s */
    unsigned press_again_ms;
    /* For so long a full state tells of a VM that was given up; 0: an hour */
    unsigned gone_ms;
    /* Has the VM a command that is not finished? */
    bool (*is_busy)(const char *uuid, void *user);
    /* A VM may have commands again. */
    void (*freed)(const char *uuid, void *user);
    /* Does a controller listen to us? */
    bool (*is_watched)(void *user);
    /* What hello says of vrm-hald changed, or another process of it answers. */
    void (*changed)(void *user);
    void *user;
};

AgentHa *agent_ha_new(const struct agent_ha_options *options);
void agent_ha_start(AgentHa *ha);
void agent_ha_stop(AgentHa *ha);
bool agent_ha_is_idle(const AgentHa *ha);
/* Only when idle. */
void agent_ha_free(AgentHa *ha);

const struct warden *agent_ha_warden(const AgentHa *ha);
bool agent_ha_answers(const AgentHa *ha);
/* ha, ha_address. */
void agent_ha_fill_hello(const AgentHa *ha, struct agent_hello *hello);

/* The hypervisor says so. */
void agent_ha_see(AgentHa *ha, const struct domain_report *domain);
/* Its process has ended: because the host is cut off?  Until it is here again, or gone_ms later. */
bool agent_ha_gave_up(const AgentHa *ha, const struct domain_report *domain);
/* Adds these to a full state, as VMs that are gone. */
void agent_ha_fill_full(const AgentHa *ha, struct watch_line *line);
/* A question about this VM is out. */
bool agent_ha_holds(const AgentHa *ha, const char *uuid);
/* A command of it begins: what was owed before is that command's business. */
void agent_ha_begin(AgentHa *ha, const char *uuid);
/* ... and ended; is_expected: the VM will come in at any moment, vrm-hald counts it already. */
void agent_ha_ended(AgentHa *ha, const char *uuid, bool is_expected);
/* Its right has to go back. */
void agent_ha_owe(AgentHa *ha, int64_t vm_id, const char *uuid);

/* slots NULL: error says why. */
typedef void (*agent_ha_slots_fn)(const struct ha_reading *slots, const GError *error, void *user);
/* What vrm-hald reads of the slots first .. first + count - 1 from now on; may answer at once. */
void agent_ha_slots(AgentHa *ha, int64_t first, int64_t count, agent_ha_slots_fn done, void *user);

/* error NULL: vrm-hald keeps it. */
typedef void (*agent_ha_setup_fn)(const GError *error, void *user);
/* Takes what setup holds. */
void agent_ha_setup(AgentHa *ha, struct ha_setup *setup, agent_ha_setup_fn done, void *user);

#endif /* VRM_AGENT_AGENT_HA_H */
