/*~ snapshot.h - the whole inventory at one moment, immutable and shared.
 *
 * The main loop (controller/inventory.c) is the only writer: it changes a SnapshotBuilder, which
 * publishes a new root per change; unchanged objects are shared between roots.  API threads, the
 * scheduler and metrics hold a reference and read without locks.  All lists ascend by id.
 * Pure; a Snapshot may be read and unreferenced by any thread. */
#ifndef VRM_MODEL_SNAPSHOT_H
#define VRM_MODEL_SNAPSHOT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/types.h"

// clang-format off
/* kind of list: C type, field, function prefix of the type */
#define SNAPSHOT_LISTS(X)                \
    X(Cluster,   clusters,   cluster)    \
    X(Host,      hosts,      host)       \
    X(Vm,        vms,        vm)         \
    X(Group,     groups,     group)      \
    X(Rule,      rules,      rule)       \
    X(Datastore, datastores, datastore)  \
    X(Task,      tasks,      task)       \
    X(DrsReport, reports,    drs_report)
// clang-format on

/* Which load figures are good enough for the controller to decide by; 0: not told, the planner's
 * own defaults count. */
struct measuring {
    uint32_t min_samples; /* of a VM; fewer: it is estimated, and rests */
    int64_t max_age_ms;   /* of the newest sample; older: no decision */
};

typedef struct Snapshot {
    struct ref ref;
    uint64_t version;      /* grows with each publication */
    int64_t taken_mono_ms; /* when it was published */
    int64_t taken_wall_ms; /* the same in Unix ms, the clock of moved_ms; 0: not known */
    struct measuring measuring;
    const Site *site;
#define X(Type, field, prefix)                                                                     \
    const Type *const *field;                                                                      \
    size_t n_##field;
    SNAPSHOT_LISTS(X)
#undef X
} Snapshot;

Snapshot *snapshot_ref(const Snapshot *snap);
void snapshot_unref(Snapshot *snap);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_unref)

/* Look-ups give a borrowed object (valid while the snapshot is held) or NULL.  snapshot_vm(s, id),
 * snapshot_host(s, id), snapshot_cluster, snapshot_group, snapshot_rule, snapshot_datastore,
 * snapshot_task, snapshot_drs_report (by cluster id). O(log n). */
#define X(Type, field, prefix) const Type *snapshot_##prefix(const Snapshot *snap, int64_t id);
SNAPSHOT_LISTS(X)
#undef X

/* ---- the writer's side (one thread) --------------------------------------------------------- */

typedef struct SnapshotBuilder SnapshotBuilder;

SnapshotBuilder *snapshot_builder_new(void);
void snapshot_builder_free(SnapshotBuilder *builder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotBuilder, snapshot_builder_free)

void snapshot_builder_set_site(SnapshotBuilder *builder, Site *site);  /* takes the reference */
const Site *snapshot_builder_get_site(const SnapshotBuilder *builder); /* borrowed */

/* The Unix time of the snapshots that are built from now on. */
void snapshot_builder_set_wall(SnapshotBuilder *builder, int64_t now_wall_ms);

/* What the snapshots that are built from now on say of it. */
void snapshot_builder_set_measuring(SnapshotBuilder *builder, const struct measuring *measuring);

/* snapshot_builder_put_vm(b, vm) inserts or replaces by id and takes the reference;
 * snapshot_builder_remove_vm(b, id); snapshot_builder_get_vm(b, id): current version, borrowed. */
#define X(Type, field, prefix)                                                                     \
    void snapshot_builder_put_##prefix(SnapshotBuilder *builder, Type *object);                    \
    void snapshot_builder_remove_##prefix(SnapshotBuilder *builder, int64_t id);                   \
    const Type *snapshot_builder_get_##prefix(const SnapshotBuilder *builder, int64_t id);
SNAPSHOT_LISTS(X)
#undef X

/* True if anything changed since the last build. */
bool snapshot_builder_dirty(const SnapshotBuilder *builder);
/* A new root; the caller owns one reference.  Unchanged objects, and whole lists in which nothing
 * changed, are shared with the root before: some ten microseconds after one change among 8,000
 * VMs. */
Snapshot *snapshot_builder_build(SnapshotBuilder *builder, int64_t now_mono_ms);

/* It has disks, and all of them are on storage that only its host sees. */
bool snapshot_is_local(const Snapshot *snap, const Vm *vm);

#endif /* VRM_MODEL_SNAPSHOT_H */
