/* commit.h - one intent: objects, tasks, events and audit written in one PostgreSQL transaction,
 * and shown in the inventory only after that transaction has succeeded.
 *
 *     Commit *commit = commit_new(committer);
 *     commit_put_vm(commit, vm);               (takes the reference)
 *     commit_put_task(commit, task, &vm->id);  (entity id filled in once the VM has one)
 *     commit_submit(commit, "vm:12", done, user);
 *
 * Fails as a whole: nothing is written, nothing in the inventory changes.  Loop thread only. */
#ifndef VRM_CONTROLLER_COMMIT_H
#define VRM_CONTROLLER_COMMIT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/changes.h"
#include "controller/dbq.h"
#include "controller/inventory.h"
#include "db/store_user.h"
#include "model/alarm.h"

typedef struct Commit Commit;

/* What every commit of a controller shares; a plain value that must outlive the commits. */
struct committer {
    Inventory *inv;
    Dbq *dbq;
    Changes *changes; /* is told of events and alarms that were written */
    /* The epoch under which we write; 0: not leading, every submit fails. */
    int64_t (*epoch)(void *user);
    /* Called for each failure that leaves doubt (TIMEOUT) or shows that we are deposed (DENIED). */
    void (*on_doubt)(const GError *error, void *user);
    void *user;
    unsigned in_flight; /* commits submitted and not yet done; a reload waits for 0 */
};

Commit *commit_new(struct committer *committer);
void commit_free(Commit *commit); /* one that was never submitted */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Commit, commit_free)

/* Insert (id 0) or update (generation checked).  Each takes the reference; the object must be
 * private (new or dup).  Runtime fields are taken from the inventory when the commit is applied. */
void commit_put_cluster(Commit *commit, Cluster *cluster);
void commit_put_site(Commit *commit, Site *site);
void commit_put_host(Commit *commit, Host *host);
void commit_put_vm(Commit *commit, Vm *vm);
/* Only status, host, run generation and time of the last move. */
void commit_run_vm(Commit *commit, Vm *vm);
void commit_put_group(Commit *commit, Group *group);
void commit_put_rule(Commit *commit, Rule *rule);
/* With the id of a cluster inserted earlier in this commit. */
void commit_put_rule_of(Commit *commit, Rule *rule, const int64_t *cluster_id);
void commit_put_datastore(Commit *commit, Datastore *datastore);
/* entity_id: where the entity's id will stand once it was inserted earlier in this commit, or
 * NULL. */
void commit_put_task(Commit *commit, Task *task, const int64_t *entity_id);
/* Borrowed until done has returned, when id and generation are those in the database; users are not
 * in the inventory. */
void commit_put_user(Commit *commit, User *user);
/* New (id 0) or changed.  Borrowed until done has returned, when a new one has its id; the active
 * ones are kept by alarm.c. */
void commit_put_alarm(Commit *commit, Alarm *alarm);
/* A new plan with its recommendations; older open ones of the cluster and kind expire.  DPM's are
 * not shown in the inventory. */
void commit_put_report(Commit *commit, DrsReport *report);
/* Writes rec's state, task and finish time, and replaces it in the cluster's report. */
void commit_put_recommendation(Commit *commit, Recommendation *rec);
/* With the id of a task inserted earlier in this commit. */
void commit_put_recommendation_of(Commit *commit, Recommendation *rec, const int64_t *task_id);

/* What HA counts (db/store_ha.h); ha_count.h knows them. */
void commit_ha_restart(Commit *commit, int64_t vm_id, int64_t at_ms);
void commit_ha_power_on(Commit *commit, int64_t host_id, int64_t tries, int64_t at_ms);

/* The generation it was read at. VMs: commit_delete_vm. */
void commit_delete(Commit *commit, enum object_kind kind, int64_t id, int64_t generation);
void commit_delete_vm(Commit *commit, const Vm *vm, bool with_volumes);

/* History; object_id may be 0 with from: the id of an object inserted earlier in this commit. */
struct commit_event {
    enum event_severity severity;
    const char *name; /* static */
    enum object_kind kind;
    int64_t object_id;
    const int64_t *object_id_from;
    const char *object_name;
    int64_t task_id;
    const int64_t *task_id_from;
};
void commit_event(Commit *commit, const struct commit_event *event, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

struct commit_audit {
    const char *user, *address, *request_id, *operation, *object, *result;
    const int64_t *task_id_from; /* NULL: none */
};
void commit_audit(Commit *commit, const struct commit_audit *audit);

/* Fails with UNAVAILABLE while every submit would.  For those who take something meanwhile that a
 * reload hands out anew. */
bool commit_check(const struct committer *committer, GError **error);

/* error NULL: written and applied.  The objects may be read through their own pointers (ids are
 * filled in) until done returns. */
typedef void (*commit_done_fn)(const GError *error, void *user);

/* Takes the commit; done is called exactly once, never from inside the call.  key orders commits
 * about the same object. */
void commit_submit(Commit *commit, const char *key, commit_done_fn done, void *user);

#endif /* VRM_CONTROLLER_COMMIT_H */
