/* sched_gen.h - random clusters for property tests and benchmarks of the scheduler. */
#ifndef VRM_TESTS_SCHED_GEN_H
#define VRM_TESTS_SCHED_GEN_H

#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

#define GEN_CLUSTER UINT32_C(1)

/* A cluster (id 1) with up to max_hosts hosts and max_vms VMs: any mixture of states, pins, rules
 * that may be broken or impossible, and tight or ample memory.  Caller frees. */
SnapshotBuilder *gen_cluster(uint64_t seed, uint32_t max_hosts, uint32_t max_vms,
                             struct sched_params *ret_params);

/* An even machine park with uneven load: n_hosts of 64 threads and 512 GiB, n_vms VMs, some rules;
 * nothing out of order. */
SnapshotBuilder *gen_park(uint64_t seed, uint32_t n_hosts, uint32_t n_vms,
                          struct sched_params *ret_params);

#endif /* VRM_TESTS_SCHED_GEN_H */
