/* hald_msg.h - what vrm-agent (or `vrm-hald --status`) and vrm-hald say to each other.
 *
 * A unix stream socket (/run/vrm/hald.sock, mode 0600; the peer must be root or vrm-hald's own
 * user), one JSON object a line in both directions, at most HALD_MAX_LINE bytes.  Each request has
 * an id that its reply repeats; replies come in any order, exactly one for each request.  A line
 * that cannot be read ends the connection after a reply with id 0 that says why.
 *
 *   ask      May a process of this VM be made?  right: the token that came with the command
 *            (ha/etcd/right_etcd.h).  Answered when it is decided: yes, or the reason why not.
 *   may_run  The process stands with its guest halted: may the guest be let run, now?
 *   process  exists=true: a process is there or will be at any moment (a migration's target: say
 *            it before the source is told); it then counts until it was seen and is gone, or
 *            exists=false, give_up or release.  ok=false: it has no right to be here, end it.
 *   give_up  No process of this VM is here any more, and none will be made by this right: it was
 *            stopped on purpose, moved away, or did not start.  Answered at once; vrm-hald goes on
 *            trying to tell etcd.  A VM that is unknown here is fine: start one without a right
 *            (HA off) only after this.  ok=false while its process is still there.
 *   release  The same for a right that vrm-hald may not know; answered when etcd has taken it.
 *   setup    What to keep from now on; stored.  ok=false names the field, its value, what is right.
 *   slots    What stands in the heartbeat slots first .. first + count - 1 of each datastore of the
 *            setup, by readings that begin after the request came in.  Answered when all are done,
 *            or 1 s later without those of a datastore that hangs (ok=false, ha_reading.h).
 *   status   For people, hello lines and tests.  watched: a controller listens to the agent just
 *            now, so this host is not cut off from all others (ha/isolation.h).
 *
 * Each line has "v", the protocol version of msg.h.  Strict and bounded as msg.h's messages are.
 * Pure; any thread. */
#ifndef VRM_AGENTPROTO_HALD_MSG_H
#define VRM_AGENTPROTO_HALD_MSG_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agentproto/ha_reading.h"
#include "agentproto/ha_setup.h"
#include "model/state.h"

#define HALD_SOCKET   "/run/vrm/hald.sock"
#define HALD_MAX_LINE (1u << 20)
#define HALD_MAX_VMS  4096
#define HALD_MAX_WHY  1024

// clang-format off
#define HALD_OPS(X)                  \
    X(HALD_ASK,     "ask")           \
    X(HALD_MAY_RUN, "may_run")       \
    X(HALD_PROCESS, "process")       \
    X(HALD_GIVE_UP, "give_up")       \
    X(HALD_RELEASE, "release")       \
    X(HALD_SETUP,   "setup")         \
    X(HALD_SLOTS,   "slots")         \
    X(HALD_STATUS,  "status")
// clang-format on
STATE_DECLARE(hald_op, HALD_OPS, N_HALD_OPS)

struct hald_request {
    enum hald_op op;
    int64_t id;            /* >= 1, the asker's choice */
    int64_t vm;            /* all but setup, slots and status */
    char *uuid;            /* ask, process, release */
    char *right;           /* ask, release */
    bool exists;           /* process */
    struct ha_setup setup; /* setup: checked, see ha_setup.h */
    int64_t first, count;  /* slots */
    bool watched;          /* status */
};

struct hald_lease {
    int64_t authority;
    char *name;      /* "etcd", or the datastore's */
    char *state;     /* of ha/lease_fsm.h: "out", "held", "lapsed" */
    char *inc;       /* "BOOT-N" */
    int64_t left_ms; /* VMs may run for so long without another renewal; 0: they may not */
    int64_t seq;
    int64_t answer_ms; /* what the last renewal took; 0: none was answered yet */
    char *why;         /* of a datastore: what is wrong with it; "": nothing */
};

struct hald_vm {
    int64_t vm;
    char *uuid;
    int64_t authority;
    char *state; /* "claiming", "allowed", "releasing" */
    bool process;
    bool shut_down; /* this host is cut off: its guest is to be told to shut down, now */
    bool given_up;  /* this host is, or is about to be: its process ends for that reason */
};

struct hald_peer {
    int64_t host;
    char *inc;
    int64_t age_ms; /* of its last beat */
};

struct hald_status {
    char *version;
    int64_t up_ms;
    char *address;       /* on the HA plane, from the settings; "": none */
    bool set_up;         /* there is a setup; the rest says little before */
    int64_t host;        /* of the setup */
    int64_t epoch;       /* the highest seen */
    bool etcd_ok;        /* the last thing heard of etcd was an answer */
    char *watchdog;      /* as in the settings: "none", "unix:...", a device */
    int64_t watchdog_ms; /* its length */
    int64_t armed_ms;    /* it fires in so long if it is not petted again */
    bool locked;         /* in memory */
    bool real_time;      /* scheduling */
    int64_t kills;       /* VMs killed since it began */
    int64_t quiet_ms;    /* nobody was heard for so long: no peer, no etcd, no controller */
    struct hald_lease *leases;
    size_t n_leases;
    struct hald_vm *vms;
    size_t n_vms;
    struct hald_peer *peers; /* heard at least once */
    size_t n_peers;
};

struct hald_reply {
    int64_t id; /* 0: to a line that could not be read */
    bool ok;
    char *why;                 /* not ok: for people */
    struct hald_status status; /* of status only */
    struct ha_reading slots;   /* of slots only */
};

void hald_request_clear(struct hald_request *request);
void hald_reply_clear(struct hald_reply *reply);

/* A line without its newline; free with g_free. */
char *hald_request_format(const struct hald_request *request);
char *hald_reply_format(const struct hald_reply *reply);

/* Outputs need no initialisation; clear them afterwards.  A failed parse still says in *ret_id
 * (may be NULL) which request it was, 0 if that cannot be told. */
bool hald_request_parse(const char *line, size_t len, struct hald_request *ret_request,
                        int64_t *ret_id, GError **error);
bool hald_reply_parse(const char *line, size_t len, struct hald_reply *ret_reply, GError **error);

#endif /* VRM_AGENTPROTO_HALD_MSG_H */
