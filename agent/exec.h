/* exec.h - carries out one command on the hypervisor, or finds out how one ended that was under
 * way when the agent or libvirtd died.
 *
 * Blocks: workers only.  Knows no queue, no journal, no epoch: agent.c has checked all that. */
#ifndef VRM_AGENT_EXEC_H
#define VRM_AGENT_EXEC_H

#include <glib.h>
#include <stdbool.h>

#include "agent/hv.h"
#include "agent/warden.h"
#include "agentproto/msg.h"

struct exec {
    const struct hv *hv;
    const struct warden *warden;
    const struct agent_command *command;
    int64_t deadline_ms;     /* of clock_now_ms */
    unsigned settle_ms;      /* exec_resolve: how late libvirtd may still begin a lost request */
    bool may_begin;          /* exec_resolve: what was not begun may still be */
    hv_progress_fn progress; /* migrations only */
    /* The VM's right has to go back, and vrm-hald could not be told. */
    void (*owe)(const struct warden_vm *vm, void *user);
    void *user;
    int64_t vm_id; /* exec.c's own */
};

/* ret_result gets the figures of a migration; zeroed by the caller. */
bool exec_run(const struct exec *exec, struct command_report *ret_result, GError **error);

/* The command was accepted, perhaps begun, and its end is not known.  Asks the hypervisor; repeats
 * only what is harmless to repeat; a start that never came to be is made now if it still may.  "It
 * was not done" needs two looks, settle_ms apart: a libvirtd that stood still carries out what it
 * finds in its sockets when it wakes up. */
bool exec_resolve(const struct exec *exec, struct command_report *ret_result, GError **error);

/* True for verbs that wait for a guest or a copy rather than work. */
bool exec_is_long(const struct agent_command *command);

#endif /* VRM_AGENT_EXEC_H */
