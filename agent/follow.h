/* follow.h - what any host does while a recovery leader decides: it starts the VMs whose rights in
 * etcd name it, as the published plan says, through its own command path.
 *
 * Level-triggered: a right that calls for this host (standin_calls_for) and a VM that is not here
 * mean a start, until the right is claimed or goes elsewhere.  Each try is one command with an id
 * of its own, made from epoch, VM, version of the right and number of the try, so it runs once.
 * Nothing here makes a VM run: the command needs vrm-hald's leave, like each other start.
 *
 * Loop thread only. */
#ifndef VRM_AGENT_FOLLOW_H
#define VRM_AGENT_FOLLOW_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/msg.h"
#include "etcd/etcd.h"

typedef struct Follow Follow;

enum follow_state {
    FOLLOW_NONE, /* no such command */
    FOLLOW_BUSY,
    FOLLOW_DONE,
    FOLLOW_FAILED,
};

/* The agent, as far as it is needed here. */
struct follow_hands {
    /* Takes what the command holds.  False with error: refused. */
    void (*start)(struct agent_command *command, void *user);
    enum follow_state (*state)(const char *id, void *user);
    /* The hypervisor answers, and the VM is not here. */
    bool (*is_absent)(const char *uuid, void *user);
    /* The newest generation of the VM that this host has seen. */
    int64_t (*newest_gen)(const char *uuid, void *user);
    void *user;
};

struct follow_options {
    HttpClient *http;             /* borrowed; must outlive the Follow */
    const char *const *endpoints; /* copied */
    const char *prefix;           /* copied */
    int64_t host;
    int64_t epoch; /* the recovery leader's */
    struct follow_hands hands;
};

Follow *follow_new(const struct follow_options *options);
/* Commands that were given go on. */
void follow_free(Follow *follow);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Follow, follow_free)

/* A few times a second. */
void follow_tick(Follow *follow);

#endif /* VRM_AGENT_FOLLOW_H */
