/* msg.h - messages between vrmd and vrm-agent, protocol version 6.
 *
 * HTTP + JSON over mutual TLS; the agent listens.  Each line below is a JSON object.
 *
 *   GET  /v1/watch?epoch=E   endless chunked stream of lines: hello, full, then domain, command,
 *                            stats, beat.  Claims the host for epoch E (persisted): 409 when a
 *                            higher epoch was seen; streams of lower epochs are ended.
 *   POST /v1/commands        one command; 202 accepted, 200 already finished (result inside),
 *                            400 bad, 409 stale epoch or generation, 503 worker queue full.
 *   GET  /v1/commands/ID     state of a command; 404 never seen.
 *   POST /v1/ha              struct ha_setup (agentproto/ha_setup.h) for the host's vrm-hald; 200
 *                            {} when vrm-hald keeps it, 400 bad, 409 stale epoch or refused by
 *                            vrm-hald, 503 vrm-hald does not answer.
 *   GET  /v1/ha/slots?first=N&count=M   what this host's vrm-hald reads now, after the request came
 *                            in, of the heartbeat slots N .. N + M - 1 (count 1..1024) of each
 *                            datastore: struct ha_reading (agentproto/ha_reading.h); 400 bad, 409
 *                            refused by vrm-hald, 503 vrm-hald does not answer.  Any caller's
 *                            epoch will do: nothing changes.
 *   GET  /v1/health          {"status":"ok",...}
 *
 * The same id twice runs once; the agent keeps finished ids on disk.  The generation (gen) is the
 * VM's run_gen: a command with a lower one than the agent has seen for that VM is refused, so a
 * late start cannot revive a VM that was moved away.  No wall clock: deadlines are relative.
 *
 * The right to run (ha/right.h): a start that carries one makes the domain with its guest halted
 * and lets it run only after vrm-hald said so, however late that is; without one it asks nobody.
 * Before a migration the target gets "receive" with the right that names it as the second owner,
 * and after one that failed "release".  A stop or a migration that succeeded gives the right back
 * by itself; a VM that ended in any other way keeps it: start it again or send "release".
 *
 * Every message has "v", the sender's protocol version.  Decoders are strict (unknown keys are
 * tolerated only when "v" is newer than ours), bound every size, and leave outputs untouched on
 * failure.  Encoders bring numbers into their bounds and cut and clean texts, so that a strange
 * value of the hypervisor cannot end a stream.  Pure; any thread. */
#ifndef VRM_AGENTPROTO_MSG_H
#define VRM_AGENTPROTO_MSG_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/types.h"

/* 1 knew nothing of CPUs (IMC), 2 nothing of devices, 3 nothing of the right to run, 4 nothing of
 * heartbeat slots. */
#define AGENT_PROTOCOL_VERSION  6
#define AGENT_PROTOCOL_OLDEST   1
#define AGENT_PROTOCOL_RIGHTS   4 /* the first version that knows of the right to run */
#define AGENT_PROTOCOL_SLOTS    5 /* the first version that knows of heartbeat slots */
#define AGENT_PROTOCOL_ISOLATED 6 /* the first that may give VMs up when it is cut off */

#define DOMAIN_GIVEN_UP         "given up" /* a detail of struct domain_report */
#define AGENT_COMMAND_ID_MAX    64
#define AGENT_RIGHT_MAX         512 /* RIGHT_TOKEN_MAX of ha/etcd/right_etcd.h */
#define AGENT_MAX_DOMAINS       4096
#define AGENT_MAX_REPORTS       1024 /* in a full line; the agent leaves out the oldest that ended */
#define AGENT_MAX_LINE          (8u << 20)
#define AGENT_MAX_DEVICES       4608 /* model/devices.h's words at their longest */
#define AGENT_MAX_CPU           1024 /* a guest's CPU in words; a longer one is told as "" */
#define AGENT_STATS_INTERVAL_MS 5000 /* default; the agent's settings may say less */
#define AGENT_BEAT_INTERVAL_MS  1000

/* ---- commands: vrmd -> agent --------------------------------------------------------------- */

struct migrate_args {
    char *target_name;     /* for messages */
    char *target_address;  /* the target agent's host address; libvirt URI is
                              qemu+tls://ADDRESS/system */
    int64_t bandwidth_mib; /* MiB/s; 0: no limit */
    bool auto_converge;
    int64_t timeout_ms; /* the agent aborts the job after it; > 0 */
};

/* What each verb needs:  define: vm (makes its missing volumes).  undefine: vm (removes its
 * volumes; refused while it runs).  start: vm.  stop, reboot: force.  migrate: migrate.
 * abort: abort_id.  receive, release: vm_id, right.  All but abort: vm_uuid, the same as vm's.
 * Optional: start: right.  stop, migrate: vm_id (else the domain's own word counts, which a VM that
 * is gone cannot give).  Nothing else is allowed. */
struct agent_command {
    char *id; /* 1..64 of [A-Za-z0-9._-]; unique for ever: "t<task>-<step>-<epoch of first send>" */
    int64_t epoch; /* >= 1 */
    int64_t gen;   /* >= 0 */
    enum agent_verb verb;
    char *vm_uuid;
    int64_t deadline_ms; /* from receipt; 1 .. one day */
    Vm *vm;              /* define, undefine, start */
    bool force;
    struct migrate_args migrate;
    char *abort_id;
    int64_t vm_id; /* since 4: stop, migrate, receive, release */
    char *right;   /* since 4: start, receive, release; right_token_format()'s text, "" none */
};

void agent_command_clear(struct agent_command *command);
json_t *agent_command_encode(const struct agent_command *command);
/* ret_command is initialised by the call; clear it afterwards. */
bool agent_command_decode(const json_t *json, struct agent_command *ret_command, GError **error);
/* May it be sent to an agent of this version?  An older one would start a VM and ask nobody. False:
 * VRM_ERR_UNAVAILABLE. */
bool agent_command_fits(const struct agent_command *command, int64_t protocol, GError **error);

/* ---- states of a command: agent -> vrmd ---------------------------------------------------- */

// clang-format off
#define COMMAND_STATES(X)                \
    X(COMMAND_ACCEPTED, "accepted")      \
    X(COMMAND_RUNNING,  "running")       \
    X(COMMAND_DONE,     "done")          \
    X(COMMAND_FAILED,   "failed")
// clang-format on
STATE_DECLARE(command_state, COMMAND_STATES, N_COMMAND_STATES)

struct command_report {
    char *id;
    enum agent_verb verb;
    char *vm_uuid;
    enum command_state state;
    int64_t progress; /* 0..100 */
    /* failed: */
    int err_code;   /* enum vrm_err */
    int64_t reason; /* enum reason, 0 none */
    char *error;    /* "" none; libvirt's own words included */
    /* migrate, done (and running: transferred so far): */
    int64_t elapsed_ms, downtime_ms;
    int64_t transferred_mb, remaining_mb;
    int64_t dirty_mbps;
};

void command_report_clear(struct command_report *report);

/* ---- lines of the watch stream ------------------------------------------------------------- */

struct agent_hello {
    int64_t protocol;
    char *agent_version;
    char *name, *uuid, *real_name, *vendor, *model, *cpu_model, *hypervisor, *boot_id;
    char *migrate_address; /* where other hosts send VMs to; "": the address it is watched at */
    int64_t mem_mb, cpu_threads, cpu_sockets, cpu_cores, cpu_mhz, nic_count;
    /* Since 2.  What a guest's CPU can have here, in libvirt's names with blanks between them (see
     * model/cpu.h), and the models of generations (model/imc.h) that the host can present; "": not
     * known. */
    char *cpu_vendor, *cpu_features, *cpu_generations;
    /* Since 3.  What VMs can be given (model/devices.h); the uplinks' speeds, summed; 0: not known.
     */
    char *devices;
    int64_t net_mbps;
    /* Since 4.  Does vrm-hald answer here, and at which address of the HA plane does it hear beats?
     * Told anew, as another hello, whenever it changes. */
    bool ha;
    char *ha_address;
    /* Since 5: how often the agent, since it started, found libvirtd hanging and had it started
     * anew; told at once, as another hello. */
    int64_t hypervisor_restarts;
    int64_t epoch; /* highest seen, including this stream's */
};

struct domain_report {
    char *uuid;
    char *name;
    enum domain_state state;
    /* Why: of a VM that is gone "shut down" (by its guest), "destroyed", "crashed" (its QEMU died
     * or was killed), "panicked" (its guest), "migrated", "saved", "found missing" (it
     * ended while nobody looked), since 6 "given up" (shut down by its host, which was cut off;
     * a full state tells that too, of a VM that is gone); of a paused one "starting", "I/O error",
     * ... */
    char *detail;
    int64_t vm_id;    /* from the domain's metadata; 0: not ours */
    int64_t gen;      /* from the domain's metadata */
    int64_t vnc_port; /* 0 none */
    char *cpu;        /* since 2: the CPU that the guest sees, see model/cpu.h; "": not known */
    bool by_right;    /* since 4: it was started by a right */
    bool halted;      /* since 4: and waits for vrm-hald's word to be let run; state "paused" */
};

struct domain_stats {
    char *uuid;
    int64_t cpu_mhz;  /* used since the last sample, in host MHz: 1 core busy = host cpu_mhz */
    int64_t mem_mb;   /* resident */
    int64_t net_kbps; /* kbit/s, both directions */
    int64_t disk_read_kbps, disk_write_kbps; /* KiB/s */
    /* Since 4: signs of life of the guest, in ms up to this sample; 0: it showed one just now. */
    int64_t agent_silent_ms; /* its agent answered once, and not when asked since; 0: also never */
    int64_t io_still_ms;     /* no byte to or from a disk or a network */
    int64_t cpu_still_ms;    /* its vCPUs do nothing at all */
    int64_t cpu_stuck_ms;    /* all its vCPUs turn without a pause */
    bool agent_answers;      /* since 6: its agent answered the last question */
};

struct host_stats {
    int64_t cpu_mhz; /* used by guests and system */
    int64_t mem_mb;
    int64_t net_kbps;
};

// clang-format off
#define WATCH_KINDS(X)                   \
    X(WATCH_HELLO,   "hello")            \
    X(WATCH_FULL,    "full")             \
    X(WATCH_DOMAIN,  "domain")           \
    X(WATCH_COMMAND, "command")          \
    X(WATCH_STATS,   "stats")            \
    X(WATCH_BEAT,    "beat")
// clang-format on
STATE_DECLARE(watch_kind, WATCH_KINDS, N_WATCH_KINDS)

/* One decoded line; only the fields of its kind are set (the others "" or 0). */
struct watch_line {
    enum watch_kind kind;
    struct agent_hello hello;
    /* full: every domain and every command that is unfinished or finished in the last hour;
     * domain: one; command: one */
    struct domain_report *domains;
    size_t n_domains;
    struct command_report *commands;
    size_t n_commands;
    /* stats */
    int64_t interval_ms; /* what the samples span */
    struct host_stats host;
    struct domain_stats *stats;
    size_t n_stats;
    /* full and beat: false while libvirtd does not answer; domains is then the last known list */
    bool hypervisor_ok;
};

void agent_hello_clear(struct agent_hello *hello);
void domain_report_clear(struct domain_report *domain);
void watch_line_clear(struct watch_line *line);
json_t *watch_line_encode(const struct watch_line *line);
bool watch_line_decode(const char *text, size_t len, struct watch_line *ret_line, GError **error);

/* Body of GET /v1/commands/ID and of the 200 and 202 answers. */
json_t *command_report_encode(const struct command_report *report);
bool command_report_decode(const json_t *json, struct command_report *ret_report, GError **error);

/* {"error":{"code":"conflict","reason":0,"text":"..."}}: body of 400, 409 and 503. */
json_t *agent_error_encode(const GError *error);
void agent_error_decode(int http_status, const char *body, size_t len, GError **error);

#endif /* VRM_AGENTPROTO_MSG_H */
