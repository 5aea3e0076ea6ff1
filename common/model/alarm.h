/* alarm.h - what is wrong now, and was: one table of alarms, and what one of them looks like.
 *
 * An alarm is a state, an event is a moment: an alarm is raised while something is wrong with an
 * object and cleared when it no longer is.  There is at most one active alarm of a kind for each
 * object.  Pure; any thread. */
#ifndef VRM_MODEL_ALARM_H
#define VRM_MODEL_ALARM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/id.h"

/* FusionCompute's levels. */
enum alarm_level {
    ALARM_CRITICAL = 1,
    ALARM_MAJOR = 2,
    ALARM_MINOR = 3,
    ALARM_WARNING = 4,
};

// clang-format off
/* alarm, number on the wire (never used again for another), level, what it is about, type of X.733,
 * name, what is wrong and what a person can do.  docs/operations.md has the same table. */
#define ALARM_KINDS(X)                                                                              \
    X(ALARM_RULE_UNSATISFIABLE, "15.7000001", ALARM_MAJOR, OBJECT_RULE, "processing error",         \
      "Rule cannot be met",                                                                         \
      "A must-rule is broken and no move of VMs can mend it. See stateReason of the rule: make "    \
      "room on the hosts it wants, bring hosts back, or change the rule.")                          \
    X(ALARM_HOST_SILENT, "15.7000002", ALARM_CRITICAL, OBJECT_HOST, "communications",               \
      "Host does not answer",                                                                       \
      "The agent of the host has not answered for longer than the grace time. The host's VMs are "  \
      "left alone and their state is unknown. Look at the host, its network and vrm-agent.")        \
    X(ALARM_HOST_FAULT, "15.7000003", ALARM_MAJOR, OBJECT_HOST, "equipment",                        \
      "Host has a fault",                                                                           \
      "The agent answers, but libvirtd on the host does not. Nothing is started there. Look at "    \
      "libvirtd on the host.")                                                                      \
    X(ALARM_HOST_NOT_BACK, "15.7000004", ALARM_MAJOR, OBJECT_HOST, "equipment",                     \
      "Host did not come back after power-on",                                                      \
      "The host has power, but its agent has not answered in time. Look at its console.")           \
    X(ALARM_BMC_UNREACHABLE, "15.7000005", ALARM_MAJOR, OBJECT_HOST, "communications",              \
      "BMC does not answer",                                                                        \
      "The host's management controller does not answer, so the host can be neither switched on "   \
      "nor fenced. Look at bmcIp, the BMC and its network.")                                        \
    X(ALARM_BMC_REFUSED, "15.7000006", ALARM_MAJOR, OBJECT_HOST, "processing error",                \
      "BMC refuses user or password",                                                               \
      "The host's management controller answers and refuses us. Set bmcUserName and bmcPassword "   \
      "of the host.")                                                                               \
    X(ALARM_POWER_FAILED, "15.7000007", ALARM_MAJOR, OBJECT_HOST, "equipment",                      \
      "Power of the host could not be changed",                                                     \
      "The BMC took the command, but the host's power did not change. Look at the BMC's log.")      \
    X(ALARM_WAKE_UNPROVEN, "15.7000008", ALARM_WARNING, OBJECT_HOST, "quality of service",          \
      "Wake-up of the host is not proven",                                                          \
      "DPM sends only hosts to sleep whose wake-up worked within the last days; this host's proof " \
      "is too old or missing. Prove it now through the API.")                                       \
    X(ALARM_HA_CUT_OFF, "15.7000009", ALARM_MAJOR, OBJECT_HOST, "communications",                   \
      "Host is cut off",                                                                            \
      "The host lives, but not by all its networks: HA hears it on the HA network, by its agent or " \
      "by its leases, not by all. Its VMs are left alone; none is started there. Look at its "      \
      "networks, vrm-agent and vrm-hald.")                                                          \
    X(ALARM_HA_HOST_DEAD, "15.7000010", ALARM_CRITICAL, OBJECT_HOST, "equipment",                   \
      "Host is dead",                                                                               \
      "No witness has heard the host, or its death is proved. VMs with HA are started elsewhere as " \
      "soon as it is proved. See ha/incidents/latest; look at the host's power and console.")       \
    X(ALARM_HA_FENCING_FAILED, "15.7000011", ALARM_MAJOR, OBJECT_HOST, "equipment",                 \
      "Host could not be fenced",                                                                   \
      "The host had to be switched off by its BMC to be sure, and that failed. Its VMs wait for "   \
      "the end of its lease instead. Look at bmcIp, the BMC and its network.")                      \
    X(ALARM_HA_QUARANTINE, "15.7000012", ALARM_MAJOR, OBJECT_HOST, "equipment",                     \
      "Host is in quarantine",                                                                      \
      "The host failed more often within an hour than is trusted: no VM is started there until the " \
      "failures are older, or endQuarantine is called. Look at its hardware.")                      \
    X(ALARM_HA_VM_HELD, "15.7000013", ALARM_CRITICAL, OBJECT_VM, "processing error",                \
      "VM is down and could not be brought back",                                                   \
      "The VM should run, and HA does not get it to. The text says why: make room, bring hosts "    \
      "back, change the rule or the policy. It is tried again by itself.")                          \
    X(ALARM_HA_DISARMED, "15.7000014", ALARM_MAJOR, OBJECT_SITE, "processing error",                \
      "HA is disarmed",                                                                             \
      "A person has switched HA's decisions off: VMs of a host that dies are not started "          \
      "elsewhere. Arm it again when the work is done.")                                             \
    X(ALARM_HA_BRAKE, "15.7000015", ALARM_CRITICAL, OBJECT_SITE, "communications",                  \
      "Many hosts are in doubt at once",                                                            \
      "More hosts at once are silent than is likely: the fault may be a network's. No power is cut; " \
      "hosts whose death their leases prove are still taken over. Look at the networks.")            \
    X(ALARM_HA_RING, "15.7000016", ALARM_WARNING, OBJECT_VM, "processing error",                    \
      "VMs are to start after each other",                                                          \
      "Each of several VMs shall be started only after another of them. HA starts this one without " \
      "waiting. Change startAfterVmUrn of one of them.")                                            \
    X(ALARM_HA_DEAF, "15.7000017", ALARM_MAJOR, OBJECT_SITE, "communications",                      \
      "No host is heard on the HA network",                                                         \
      "The active controller hears no beat of any host. Hosts are judged by their agents and "      \
      "their leases alone. Look at the HA network, at this controller's card in it, and at "        \
      "beat_listen and beat_to of [ha].")                                                           \
    X(ALARM_HA_STORE_LOST, "15.7000018", ALARM_CRITICAL, OBJECT_HOST, "equipment",                  \
      "Host has lost a datastore",                                                                  \
      "The host cannot write its slot on a datastore. Its VMs there end with its lease, after "     \
      "slot_ms; what becomes of them says dsFaultStrategy of the cluster. VMs on other datastores " \
      "run on, and none of this datastore is started there. Look at the host's paths to it.")       \
    X(ALARM_VM_HUNG, "15.7000019", ALARM_MAJOR, OBJECT_VM, "processing error",                      \
      "Guest hangs",                                                                                \
      "The VM runs, but its guest shows no sign of life: its agent is silent, it reads and writes " \
      "nothing, its CPUs spin or stand still. The text says what its policy does about that. Look " \
      "at its console.")
// clang-format on

enum alarm_kind {
#define X(name, number, level, object, type, title, doc) name,
    ALARM_KINDS(X)
#undef X
};
#define N_ALARM_KINDS 19

struct alarm_info {
    const char *number;
    enum alarm_level level;
    enum object_kind object;
    const char *event_type, *name, *doc;
};
const struct alarm_info *alarm_info(enum alarm_kind kind);
/* The table's row of such a number, or NULL: a newer program's. */
const struct alarm_info *alarm_find(const char *number);

/* One alarm, active or of the past.  Texts are as they were when it was raised. */
typedef struct Alarm {
    int64_t id; /* iSerialNo; 0: not stored yet */
    char *number;
    char *name;
    int64_t level;
    char *event_type;
    enum object_kind kind;
    int64_t object_id;
    char *object_name;
    int64_t cluster_id; /* of an object that lives below one, else 0 */
    char *text;
    int64_t occur_ms, update_ms;
    int64_t clear_ms; /* 0: active */
} Alarm;
Alarm *alarm_new(void);
Alarm *alarm_dup(const Alarm *alarm);
void alarm_free(Alarm *alarm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Alarm, alarm_free)

/* Which alarms are asked for; "" and 0 mean any. */
struct alarm_filter {
    char *number, *name; /* name: a part of it, any case */
    char *levels;        /* ",1,2," */
    char *event_types;   /* ",equipment," */
    enum object_kind kind;
    bool with_kind;
    int64_t object_id;
    int64_t occur_from_ms, occur_to_ms, clear_from_ms, clear_to_ms; /* inclusive */
    int64_t limit, offset;                                          /* limit -1: all */
    bool oldest_first;
};
void alarm_filter_clear(struct alarm_filter *filter);
bool alarm_filter_pass(const struct alarm_filter *filter, const Alarm *alarm);

#endif /* VRM_MODEL_ALARM_H */
