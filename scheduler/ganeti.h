/* ganeti.h - clusters in Ganeti's text form: what htools read with -t and -U and write with -S.
 *
 * A data file has sections of lines with fields between '|', one empty line between sections:
 * groups, nodes, instances, cluster tags, instance policies (htools(1) lists the fields; older
 * versions have fewer, see the tables in ganeti_parse.c).  A load file has one line
 * "INSTANCE CPU MEMORY DISK NETWORK" of relative figures for each instance.
 *
 * How it becomes ours:
 *   group      Cluster; node: Host, 1000 MHz for each thread (times its speed); instance: Vm.  Ids
 *              count from 1 in the order of the lines.
 *   memory     what hbal takes for free: a host carries the free memory of its line plus its
 * running instances, less those that are down but would start there again, and less what mirrored
 * instances would need there if the worst of the other nodes died (N+1), as far as that is free
 * now. offline    nodes (Y) are in maintenance: nothing goes there, what is there should leave.
 * disks      an instance on local disks (plain, file) is bound to its node; with a mirror (drbd)
 * only its two nodes may run it, and a move swaps the roles. exclusion  tags become keep-apart
 * must-rules, one for each tag that two or more instances have. load       see struct ganeti_unit.
 *
 * migration  tags (htools:migration:, htools:allowmigration:) bind the instances of a node to those
 * nodes that it may migrate to; desired-location tags become should-rules; the first location tag
 * (htools:nlocation:) of a node is its rack, over which instances with the same exclusion tag
 * should stand apart.
 *
 * Not read: spindle figures (kept in the output).  Pure; one thread at a time. */
#ifndef VRM_SCHEDULER_GANETI_H
#define VRM_SCHEDULER_GANETI_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/snapshot.h"

/* More in one file is refused. */
#define GANETI_MAX_GROUPS    256
#define GANETI_MAX_NODES     65536
#define GANETI_MAX_INSTANCES 1000000
#define GANETI_MAX_TAGS      1000
#define GANETI_MAX_LINE      65536
#define GANETI_MAX_NAME      255

/* A byte order mark, passed over. */
#define GANETI_BOM "\xef\xbb\xbf"

/* All figures of the snapshot count as measured at this moment. */
#define GANETI_NOW_MONO_MS INT64_C(86400000)

enum ganeti_load {
    GANETI_CPU,
    GANETI_MEM,
};
#define N_GANETI_LOADS 2

/* What a load of 1.0 is worth: threads, or MiB.  hbal only compares loads with each other, so the
 * file need not say.  We need it to see overload. */
struct ganeti_unit {
    double size;     /* 0: the file tells nothing; CPU is then estimated from the vCPUs, memory is
                      * what the instance is configured with */
    const char *why; /* "given", ... */
};

struct ganeti_group {
    const char *name, *uuid;
    double vcpu_ratio; /* of its policy, else the cluster's, else Ganeti's default of 4 */
};

struct ganeti_node {
    const char *name;
    uint32_t group;
    bool master, offline;
    int64_t mem_mb, own_mem_mb, free_mem_mb;
    int64_t threads, own_cpus; /* own_cpus: vCPUs that the node itself counts for */
    double speed;
    double disk_mb, free_disk_mb;
    const char *tags; /* the field, comma-separated */
};

struct ganeti_instance {
    const char *name;
    uint32_t node, secondary; /* secondary: GANETI_NO_NODE without */
    int64_t mem_mb, vcpus;
    enum vm_status status;
    bool holds_memory; /* down, but it will start again */
    bool local_disk;
    bool auto_balance; /* its memory is kept free on its secondary node */
    char *tags;        /* the field, comma-separated */
    bool has_load;
    double load[N_GANETI_LOADS], disk_load, net_load;
};
#define GANETI_NO_NODE UINT32_MAX

VEC_DECLARE(ganeti_groups, struct ganeti_group);
VEC_DECLARE(ganeti_nodes, struct ganeti_node);
VEC_DECLARE(ganeti_instances, struct ganeti_instance);

typedef struct Ganeti {
    char *text; /* our copy, cut into fields; names point into it */
    struct ganeti_groups groups;
    struct ganeti_nodes nodes;
    struct ganeti_instances instances;
    GHashTable *node_index, *instance_index; /* name -> index + 1 */
    GPtrArray *exclusion;                    /* prefixes of exclusion tags */
    GPtrArray *tags;                         /* char *: the cluster's, all of them */
    double vcpu_ratio;                       /* of the cluster's own policy */
    GPtrArray *warnings;                     /* char *: what was read but has no effect */
    size_t n_doubles;                        /* lines of the load file for the same instance */
    char *first_double;                      /* where; NULL without */
    bool loaded;                             /* a load file was read */
    int64_t uplink_mbps; /* of each node: what a network load of 1.0 means; 0: not known, network
                          * loads then say nothing */
} Ganeti;

/* Reads a data file.  Errors: VRM_ERR_INVALID, "FILE:LINE: node h1: free memory = x: want ...". */
Ganeti *ganeti_parse(const char *text, size_t len, const char *file, GError **error);
void ganeti_free(Ganeti *ganeti);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ganeti, ganeti_free)

/* Adds a load file.  Lines of instances that the data file doesn't have are skipped, as hbal does,
 * with a warning. */
bool ganeti_parse_load(Ganeti *ganeti, const char *text, size_t len, const char *file,
                       GError **error);

/* hbal's -O; VRM_ERR_NOT_FOUND for an unknown node. */
bool ganeti_set_offline(Ganeti *ganeti, const char *node, GError **error);
/* hbal's --exclusion-tags: tags "PREFIX:...". */
void ganeti_add_exclusion(Ganeti *ganeti, const char *prefix);
/* Does the tag begin with a prefix of exclusion tags? */
bool ganeti_is_exclusion(const Ganeti *ganeti, const char *tag, size_t len);
/* Name or UUID; VRM_ERR_NOT_FOUND, or VRM_ERR_INVALID when NULL and several groups have nodes. */
bool ganeti_find_group(const Ganeti *ganeti, const char *group, int64_t *ret_cluster_id,
                       GError **error);

/* The unit that the figures themselves suggest: no instance uses more threads than it has vCPUs, or
 * more memory than it has, so the one that comes nearest gives the greatest unit possible; if a
 * node's size or a round figure lies just below, that is meant ("1.0 is a whole node"). */
struct ganeti_unit ganeti_find_unit(const Ganeti *ganeti, enum ganeti_load load);

/* The model; units: N_GANETI_LOADS of them. */
Snapshot *ganeti_snapshot(const Ganeti *ganeti, const struct ganeti_unit *units);

/* The text of the data file with the instances where `after` has them; before: ganeti_snapshot of
 * this text, after: made of it, with the same hosts and VMs.  Primary and secondary nodes and the
 * nodes' free memory differ, all else is kept byte for byte.  Caller frees. */
char *ganeti_write(const char *text, size_t len, const Snapshot *before, const Snapshot *after);

#endif /* VRM_SCHEDULER_GANETI_H */
