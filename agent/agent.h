/* agent.h - the core of vrm-agent: who may command, what runs in which order, what is remembered.
 *
 * A command is checked (epoch, id, generation), stored, queued behind others for its VM, carried
 * out by a worker, its result stored and told.  Knows nothing of HTTP.  Loop thread; replies come
 * later, on the loop, exactly once. */
#ifndef VRM_AGENT_AGENT_H
#define VRM_AGENT_AGENT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/hv.h"
#include "agent/warden.h"
#include "agent/watch.h"
#include "agentproto/msg.h"
#include "base/json.h"

typedef struct Agent Agent;

struct agent_options {
    struct hv hv;         /* taken */
    struct warden warden; /* taken; all zero: no vrm-hald is in use */
    const char *name;
    const char *state_dir;
    const char *boot_id;
    int64_t stats_interval_ms; /* 0: no samples */
    unsigned n_workers;
    unsigned max_commands;
    unsigned settle_ms;      /* see exec_resolve */
    unsigned link_wait_ms;   /* how long a command waits for a libvirtd or vrm-hald that is away */
    unsigned warden_poll_ms; /* see agent_ha.h */
    unsigned press_again_ms; /* see agent_ha.h */
    unsigned gone_ms;        /* see agent_ha.h */
    int64_t hang_ms;         /* see reviver.h */
    const char *restart;     /* the command there; NULL: none */
    /* vrm-hald keeps this setup, as text; NULL: nobody is told. */
    void (*on_ha_setup)(const char *text, void *user);
    void *ha_user;
};

/* status and body as of the protocol; body is the receiver's to decref. */
typedef void (*agent_reply_fn)(int status, json_t *body, void *user);
/* watcher NULL: refused with status and body; else the receiver closes it. */
typedef void (*agent_watch_fn)(Watcher *watcher, int status, json_t *body, void *user);

/* Reads the journal.  On failure options->hv and warden are still the caller's. */
Agent *agent_new(const struct agent_options *options, GError **error);
/* Connects to the hypervisor and finishes what a former process began. */
void agent_start(Agent *agent);

/* Takes what command holds. */
void agent_command(Agent *agent, struct agent_command *command, agent_reply_fn reply, void *user);
void agent_command_state(Agent *agent, const char *id, agent_reply_fn reply, void *user);
void agent_health(Agent *agent, agent_reply_fn reply, void *user);
/* Hands it to vrm-hald; takes what setup holds. */
void agent_set_ha(Agent *agent, struct ha_setup *setup, agent_reply_fn reply, void *user);
/* What vrm-hald reads of heartbeat slots from now on: struct ha_reading. */
void agent_read_slots(Agent *agent, int64_t first, int64_t count, agent_reply_fn reply, void *user);
void agent_open_watch(Agent *agent, int64_t epoch, agent_watch_fn opened, void *user);

/* For a command of the host's own (agent/follow.h): its state, false: there is none of this id; no
 * domain of the VM is here, and the hypervisor answers; the newest generation seen here. */
bool agent_peek_command(const Agent *agent, const char *id, enum command_state *ret_state);
bool agent_lacks_vm(const Agent *agent, const char *uuid);
int64_t agent_newest_gen(const Agent *agent, const char *uuid);

/* Every watch stream ends; new ones are welcome. */
void agent_end_streams(Agent *agent);

/* No new command from now on; streams end. */
void agent_stop(Agent *agent);
/* Nothing runs, nothing waits for the disk, and no list of the hypervisor is under way. */
bool agent_is_idle(const Agent *agent);
/* False: a worker hangs or still waits; the agent is leaked on purpose, the process has to end
 * without it.  What it was doing is resolved at the next start. */
bool agent_free(Agent *agent);

#endif /* VRM_AGENT_AGENT_H */
