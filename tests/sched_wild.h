/* sched_wild.h - random clusters of every sort, for tests/prove_sched.c.
 *
 * 2 to 40 hosts of two makes, some off, silent, broken or in maintenance; VMs that are bound,
 * moving, busy, templates, with reservations, limits and CPU models; rules of every kind and
 * strength over VMs and groups, contradicting ones too; overload, full memory, HA policies, DPM
 * with sleeping hosts, loads that are too old; a second cluster beside it. */
#ifndef VRM_TESTS_SCHED_WILD_H
#define VRM_TESTS_SCHED_WILD_H

#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/dpm.h"

#define WILD_CLUSTER   INT64_C(1)
#define WILD_OTHER     INT64_C(2)

#define WILD_MAX_HOSTS 40

/* The same cluster for the same seed, on any machine.  Caller frees. */
SnapshotBuilder *wild_cluster(uint64_t seed, struct dpm_params *ret_params);

#endif /* VRM_TESTS_SCHED_WILD_H */
