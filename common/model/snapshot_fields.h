/* snapshot_fields.h - which field of which object has which name in a snapshot's JSON.
 *
 * Internal to snapshot_json.c.  A field that is added to types.h gets its line in
 * snapshot_fields.c.  Pure. */
#ifndef VRM_MODEL_SNAPSHOT_FIELDS_H
#define VRM_MODEL_SNAPSHOT_FIELDS_H

#include <stddef.h>

#include "model/snapshot.h"
#include "model/types.h"

enum snapshot_field_kind {
    K_INT,    /* int64_t: ids, times, counts */
    K_SIZE,   /* int64_t: how much of something, 0..SNAPSHOT_JSON_SIZE */
    K_U32,    /* uint32_t */
    K_BOOL,   /* bool */
    K_STRING, /* char *, never NULL */
    K_ENUM,   /* an enum: one of words, by value; holes are NULL */
    K_HOURS,  /* uint8_t[HOURS_PER_DAY] */
    K_IDS,    /* int64_t *, with its count */
    K_OBJECT, /* a struct inside, with a table of its own */
    K_DISKS,  /* of a Vm */
    K_NICS,
};

struct snapshot_field {
    const char *key;
    enum snapshot_field_kind kind;
    size_t offset;
    size_t count; /* K_IDS: offset of its size_t */
    const char *const *words;
    size_t n_words;
    const struct snapshot_table *table; /* K_OBJECT */
};

struct snapshot_table {
    const char *what; /* "a VM" */
    const struct snapshot_field *fields;
    size_t n_fields;
};

// clang-format off
/* What is in a file, in this order. */
#define SNAPSHOT_JSON_LISTS(X)           \
    X(Cluster,   clusters,   cluster)    \
    X(Host,      hosts,      host)       \
    X(Vm,        vms,        vm)         \
    X(Group,     groups,     group)      \
    X(Rule,      rules,      rule)       \
    X(Datastore, datastores, datastore)
// clang-format on

extern const struct snapshot_table snapshot_measuring_fields;
extern const struct snapshot_table snapshot_site_fields;
/* snapshot_cluster_fields, snapshot_host_fields ... */
#define X(Type, field, prefix) extern const struct snapshot_table snapshot_##prefix##_fields;
SNAPSHOT_JSON_LISTS(X)
#undef X

#endif /* VRM_MODEL_SNAPSHOT_FIELDS_H */
