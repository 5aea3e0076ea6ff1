/* snapshot_json.h - an inventory as JSON text, to be planned over elsewhere and later.
 *
 *     { "format": "vrm-snapshot", "version": 1, "takenMonoMs": 1, "takenWallMs": 1,
 *       "measuring": { "minSamples": 6, "maxAgeMs": 30000 },
 *       "site": { ... },
 *       "clusters": [ { "id": 1, "name": "c1", "drs": { ... } } ],
 *       "hosts": [ ... ], "vms": [ ... ], "groups": [ ... ], "rules": [ ... ],
 *       "datastores": [ ... ] }
 *
 * Every field of the objects in types.h is there under its name in camel case, unless it has the
 * value that a new object has.  Left out: passwords, tasks, DRS reports, the snapshot's version.
 * What is written reads back as the same objects, and writes again as the same bytes.  Pure; any
 * thread. */
#ifndef VRM_MODEL_SNAPSHOT_JSON_H
#define VRM_MODEL_SNAPSHOT_JSON_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/* More objects of a kind, or members of one, are refused. */
#define SNAPSHOT_JSON_MAX 1000000

/* Greater figures are refused, so that sums of them stay within 64 bits: ids and times; MHz, MiB,
 * vCPUs and the like. */
#define SNAPSHOT_JSON_NUMBER INT64_C(1000000000000000)
#define SNAPSHOT_JSON_SIZE   INT64_C(1000000000)

/* cluster_id: only this cluster (snapshot_part.h); 0: everything.  One object a line.  Caller
 * frees. */
char *snapshot_json_write(const Snapshot *snap, int64_t cluster_id);

/* Fails with VRM_ERR_INVALID: "vms[3].cpu.quantity = -1: want ...".  Ids may lead nowhere:
 * snapshot_check.h.  Caller owns the snapshot. */
Snapshot *snapshot_json_parse(const char *text, size_t len, GError **error);

#endif /* VRM_MODEL_SNAPSHOT_JSON_H */
