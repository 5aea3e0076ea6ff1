/* standin.h - the recovery leader: one of the hosts, while no vrmd leads.
 *
 * ha.h with the least of eyes and hands, so that it needs nothing but etcd:
 *
 *   sees    records in etcd.  A lease that moves is its host's life, a claimed right says that the
 *           VM runs; there are no beats, no agents and no fence device
 *   knows   what the last controller published: which VMs should run, and where each may go
 *   does    tombstones and assignments.  Who finds itself the new owner of a VM starts it by
 *           itself (standin_calls_for), so hosts command each other nothing
 *
 * It watches from the moment when the leader is missed, and decides once it has the mandate: a
 * host that died together with the last controller is then proved dead at once.  It never cuts
 * power and never moves a VM; what it does is void as soon as a controller leads (right.h).
 *
 * A VM that is planned and has no record in etcd is left alone: nobody knows whether it runs.
 * A right that is claimed is believed: a VM that ended by itself waits for the controller.
 *
 * Times are milliseconds of one monotonic clock that counts suspended time.
 * Pure.  One thread at a time. */
#ifndef VRM_HA_STANDIN_H
#define VRM_HA_STANDIN_H

#include "ha/ha.h"

typedef struct StandIn StandIn;

/* Nobody leads for so long before a stand-in steps in: a controller's fail-over takes less. */
#define STANDIN_LEADERLESS_MS 10000

enum {
    STANDIN_MAX_TARGETS = 3
};

/* What the controller published of a VM that should run and whose policy follows its host. */
struct standin_plan {
    int64_t vm;
    int32_t authority;
    int priority;  /* higher starts first */
    int64_t after; /* the VM that must run first; 0: none */
    unsigned n_targets;
    int64_t targets[STANDIN_MAX_TARGETS]; /* hosts, best first */
};

/* lease_ms, slot_ms: L of etcd's and of storage's leases; slot_ms 0: slots are not read.  Without a
 * mandate. */
StandIn *standin_new(int64_t lease_ms, int64_t slot_ms);
void standin_free(StandIn *standin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StandIn, standin_free)

/* The recovery key is ours, its create revision is `epoch`. */
void standin_lead(StandIn *standin, int64_t epoch);

/* ---- the plan --------------------------------------------------------------------------------
 */

/* New, or instead of an older one of that VM. */
void standin_plan(StandIn *standin, const struct standin_plan *plan);
/* The VM should not run any more. */
void standin_unplan(StandIn *standin, int64_t vm);

/* ---- what is seen ----------------------------------------------------------------------------
 */

/* A record as read or watched; NULL: it is gone. */
void standin_see(StandIn *standin, const struct ha_key *key, const struct ha_record *record,
                 int64_t version, int64_t now_ms);
/* A slot on storage, as for ha_see_slot: never the stand-in's own host's. */
void standin_see_slot(StandIn *standin, int64_t host, int32_t authority,
                      const struct ha_slot_seen *seen, int64_t now_ms);
/* etcd answers, whatever it says. */
void standin_see_etcd(StandIn *standin, int64_t now_ms);

/* ---- what is done ----------------------------------------------------------------------------
 */

/* Of ha.h's actions only: BURY, ASSIGN, SETTLE (send `txn`, then standin_answered), and HOST, VM,
 * START and BRAKE, which are news and carry no request.  Nothing before standin_lead. */
void standin_tick(StandIn *standin, int64_t now_ms, struct ha_actions *actions);
void standin_answered(StandIn *standin, uint64_t request, enum ha_outcome outcome, int64_t now_ms);

/* The eyes' owner, for states and reasons; an index of ha.h from an id (made if it is new), and
 * back. */
const Ha *standin_peek(const StandIn *standin);
int standin_host(StandIn *standin, int64_t id);
int64_t standin_host_id(const StandIn *standin, int index);
int64_t standin_vm_id(const StandIn *standin, int index);

/* ---- on every host ---------------------------------------------------------------------------
 */

/* Is `host`, in its life `inc`, to start the VM now?  `inc` is what etcd says of the host's lease
 * under the authority of the VM's first owner (lease(host, owners[0].authority)). */
bool standin_calls_for(const struct ha_vm_right *right, int64_t host, struct ha_inc inc);

#endif /* VRM_HA_STANDIN_H */
