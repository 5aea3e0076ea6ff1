/* sched_scn.h - clusters as text, for tests of the scheduler.
 *
 *     policy factor=cpu level=automatic limen=5 enabled=yes overrides=yes
 *     params cooldown_s=600 on_demand=1
 *     host   cna1 threads=8 mhz=2000 mem=65536 state=normal
 *     vm     web1 on=cna1 cpu=1500 mem=2048 size=4096 vcpus=2
 *     group  webs vm web1 web2
 *     rule   r1 apart must web1 web2
 *     rule   r2 host must webs hosts1          (VM group, host group)
 *     do     balance
 *
 * Words are split at blanks, # begins a comment; keys that are left out have sensible values.  Ids:
 * clusters 1.., VMs 1.., hosts 101.., groups 201.., rules 301.., in order of appearance. */
#ifndef VRM_TESTS_SCHED_SCN_H
#define VRM_TESTS_SCHED_SCN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/plan.h"
#include "scheduler/sched_params.h"

#define SCN_NOW_MONO_MS INT64_C(10000000)
#define SCN_NOW_WALL_MS INT64_C(1700000000000)

typedef struct Scn Scn;

Scn *scn_new(void);
void scn_free(Scn *scn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scn, scn_free)

/* Reads lines; a bad line ends the test program with a message.  Output of "do" lines is appended
 * to out, which may be NULL if there are none. */
void scn_run(Scn *scn, const char *text, GString *out);

/* For tests that look closer. */
SnapshotBuilder *scn_builder(Scn *scn);
struct sched_params *scn_params(Scn *scn);
Snapshot *scn_snapshot(Scn *scn); /* new reference */
int64_t scn_vm(const Scn *scn, const char *name);
int64_t scn_host(const Scn *scn, const char *name);
int64_t scn_cluster(const Scn *scn); /* the last one */

/* The cluster as it is once the plan has been carried out, all its VMs moved just now. */
void scn_apply(Scn *scn, const Plan *plan);

/* A row of a table-driven test: a scenario and what its output must hold; "!x": must not. */
struct scn_row {
    const char *name;
    const char *text;
    const char *parts[4];
};
void scn_expect(const struct scn_row *row);

#endif /* VRM_TESTS_SCHED_SCN_H */
