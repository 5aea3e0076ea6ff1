/* sched_params.c - see sched_params.h. */
#include "config.h"

#include "scheduler/sched_params.h"

void sched_params_init(struct sched_params *params)
{
    *params = (struct sched_params){
        .local_hour = 12,
        .seed = 1,
        .max_age_ms = INT64_C(30000), /* six reports of an agent missed */
        .min_samples = 6,             /* half a minute */
        .horizon_ms = INT64_C(600000),
        .cooldown_ms =
            INT64_C(600000), /* as long as the horizon: the move must have repaid itself */
        .link_mbps = 10000,
        .move_fixed_ms = 2000,
        .move_load_permille = 200, /* a thread at each end of an eight-thread host, and the link */
        .mem_reserve_permille = 50,
        .mem_reserve_min_mb = 256,
        .cpu_reserve_permille = 0,
        .cpu_reserve_measured = true,
        .mem_overcommit_permille = 1500,
        .vcpus_per_thread = 16, /* beyond it even idle guests wait in the run queue */
        .start_cpu_permille = 250,
        .cap_host_in = 2,
        .cap_host_out = 2,
        .cap_cluster = 8,
        .max_moves = 500,
        .proposals_per_vm = 16, /* twice as many find 1 % less imbalance */
    };
}
