/* agent_private.h - the parts of agent.h's Agent among themselves: agent.c accepts commands,
 * agent_run.c carries them out and ends them, agent_watch.c tells.
 *
 * Inner header; loop thread, unless something says otherwise. */
#ifndef VRM_AGENT_AGENT_PRIVATE_H
#define VRM_AGENT_AGENT_PRIVATE_H

#include "agent/agent.h"
#include "agent/agent_ha.h"
#include "agent/disk.h"
#include "agent/jobs.h"
#include "agent/journal.h"
#include "agent/mirror.h"
#include "agent/reviver.h"
#include "base/work.h"

#define AGENT_MAX_WATCHERS 8
#define AGENT_MAX_GENS     65536 /* VMs whose generation is remembered though no command names them */

struct Agent {
    struct hv hv;
    Mirror *mirror;
    AgentHa *ha;
    Reviver *reviver;
    WatchHub *hub;
    JobTable *jobs;
    Disk *disk;
    WorkPool *workers; /* short commands */
    WorkPool *waiting; /* long ones, see exec_is_long */
    Mailbox *progress;
    struct journal_state state; /* epoch and gens; entries are in jobs */
    int64_t epoch_on_disk;
    char *boot_id;
    void (*on_ha_setup)(const char *text, void *user);
    void *ha_user;
    unsigned max_commands;
    unsigned settle_ms, link_wait_ms;
    guint beat_timer, ask_timer;
    unsigned n_running; /* workers' jobs whose result has not come back */
    bool stopped;
};

/* ---- agent.c -------------------------------------------------------------------------------- */

int agent_status_of(const GError *error);
/* Refuses lower epochs; a higher one ends the streams of all lower ones at once. */
bool agent_claim_epoch(Agent *agent, int64_t epoch, GError **error);
/* The epoch that has to go to disk together with what follows; 0: it is there. */
int64_t agent_epoch_to_write(const Agent *agent);
void agent_note_epoch(Agent *agent, const struct disk_write *write);

/* ---- agent_run.c ---------------------------------------------------------------------------- */

/* Starts the VM's next command, if it can start now. */
void agent_dispatch(Agent *agent, const char *uuid);
/* The same for every command of a former process, now that the hypervisor can be asked. */
void agent_dispatch_restored(Agent *agent);
/* The command's end: result (taken), or error.  Goes to disk, is told, starts the VM's next. */
void agent_store_result(Agent *agent, Job *job, struct command_report *result, const GError *error);
/* The mailbox of progress. */
void agent_on_progress(void *message, void *user);
void agent_free_progress(void *message);

/* ---- agent_watch.c -------------------------------------------------------------------------- */

void agent_tell_command(Agent *agent, Job *job);
/* What hello says changed. */
void agent_tell_hello(Agent *agent);
gboolean agent_on_beat(gpointer user);
/* What the mirror is to call; user is for the Agent. */
extern const struct mirror_sink agent_mirror_sink;

#endif /* VRM_AGENT_AGENT_PRIVATE_H */
