/* agent_right_bench.h - the bench of agent_bench.h with a vrm-hald beside it, that VM U1 runs by
 * the word of. */
#ifndef VRM_TESTS_AGENT_RIGHT_BENCH_H
#define VRM_TESTS_AGENT_RIGHT_BENCH_H

#include "tests/agent_bench.h"

#define TOKEN   "17 {}"
#define ALLOWED "process- 01;ask 01;process+ 01;may_run 01;"
#define GIVEN   "process- 01;give_up 01;"

/* No request of the vrm-hald fails. */
#define NO_OP ((enum hald_op)N_HALD_OPS)

/* Of the commands. */
#define RIGHT_GEN   2
#define RIGHT_EPOCH 1

void right_prepare(struct bench *bench);
/* libvirtd and vrm-hald answer, and what was there was looked at. */
void right_up(struct bench *bench);
void right_init(struct bench *bench);

/* As the protocol's decoder makes it; right NULL: without. */
void right_make(struct agent_command *ret, const char *id, const char *verb, const char *right);
/* ... and it is accepted. */
void right_send(struct bench *bench, const char *id, const char *verb, const char *right);

/* What vrm-hald was told.  What follows, when the command is over, is only what the hypervisor's
 * events say. */
void right_expect_hald(struct bench *bench, const char *want);
/* Until vrm-hald was told this, whatever else. */
void right_wait_told(struct bench *bench, const char *what);
void right_wait_told_times(struct bench *bench, const char *what, unsigned n);
void right_expect_state(struct bench *bench, enum domain_state state);

#endif /* VRM_TESTS_AGENT_RIGHT_BENCH_H */
