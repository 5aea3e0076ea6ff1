/* agents.h - the links to every host's agent: one watch stream each, and commands.
 *
 * A link reconnects for ever with back-off.  A command is delivered at least once and runs once
 * (the agent knows its id); its end is told exactly once: by the agent's report, or as
 * VRM_ERR_TIMEOUT when the host has been silent for too long - the outcome is then unknown.  Loop
 * thread only; no callback runs from inside a call of this interface. */
#ifndef VRM_CONTROLLER_AGENTS_H
#define VRM_CONTROLLER_AGENTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/msg.h"
#include "base/httpc.h"

typedef struct Agents Agents;

struct agents_options {
    HttpClient *http; /* with the controller's certificate; borrowed */
    /* May we act now?  Asked before each command and each new stream; 0: no. */
    int64_t (*epoch)(void *user);
    /* False with error: this is not that host; nothing else of its stream is read, no command is
     * sent to it, and the link is down until a later hello is welcome. */
    bool (*on_hello)(int64_t host_id, const struct agent_hello *hello, void *user, GError **error);
    /* A line of kind full, domain, command, stats or beat. */
    void (*on_line)(int64_t host_id, const struct watch_line *line, void *user);
    /* up: after a welcome hello; down: with the reason. */
    void (*on_link)(int64_t host_id, bool up, const char *trouble, void *user);
    /* An agent has seen a higher epoch than ours. */
    void (*on_deposed)(const char *why, void *user);
    void *user;
    int64_t silence_limit_ms; /* a command's host may be silent for so long; 0: 60000 */
    int64_t sweep_ms;         /* undelivered commands are tried again so often; 0: 1000 */
};

Agents *agents_new(const struct agents_options *options);
void agents_free(Agents *agents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agents, agents_free)

/* Adds the host or changes its address; connects soon (hosts one after the other). */
void agents_set_host(Agents *agents, int64_t host_id, const char *name, const char *ip,
                     int64_t port);
void agents_remove_host(Agents *agents, int64_t host_id);
/* Drops every link and every command (before a reload). */
void agents_reset(Agents *agents);
bool agents_connected(const Agents *agents, int64_t host_id);
/* The host's present life is proved to be over: nothing that was sent to it, and is not back, waits
 * for its silence to be long; it ends as unknown within sweep_ms. */
void agents_pronounce_dead(Agents *agents, int64_t host_id);

/* report: progress while final is false, else how it ended (COMMAND_DONE, COMMAND_FAILED).
 * error: set only with final; why it failed, or TIMEOUT when nobody knows. */
typedef void (*agents_report_fn)(const struct command_report *report, const GError *error,
                                 bool final, void *user);
/* Takes the contents of command (and zeroes it); its epoch is filled in at each sending. */
void agents_command(Agents *agents, int64_t host_id, struct agent_command *command,
                    agents_report_fn on_report, void *user);
/* Another request to the host's agent, one at a time: false, and nothing happens, while it is not
 * connected or one is out.  done is called once, unless the host or the Agents go first; error
 * NULL: the agent took it. */
typedef void (*agents_posted_fn)(int64_t host_id, const GError *error, void *user);
bool agents_post(Agents *agents, int64_t host_id, const char *path, const char *body,
                 agents_posted_fn done, void *user);
/* A question to the host's agent, beside the others: GET path, one at a time as agents_post() has
 * it.  error NULL: body is its answer, borrowed.  Not for what changes anything. */
typedef void (*agents_answer_fn)(int64_t host_id, const char *body, const GError *error,
                                 void *user);
bool agents_ask(Agents *agents, int64_t host_id, const char *path, unsigned timeout_ms,
                agents_answer_fn done, void *user);
/* Stops telling about a command; it may still run. */
void agents_forget(Agents *agents, const char *command_id);

#endif /* VRM_CONTROLLER_AGENTS_H */
