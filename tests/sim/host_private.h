/* host_private.h - what the files of a simulated host share: host_model.c, host_hald.c,
 * host_agent.c. */
#ifndef VRM_TESTS_SIM_HOST_PRIVATE_H
#define VRM_TESTS_SIM_HOST_PRIVATE_H

#include "tests/sim/world.h"

#define BEAT_MS 1000 /* also of the agent's reports */

/* host_model.c */
void host_note_fault(struct world *world, int host);
void host_end_process(struct world *world, int host, int vm);
void host_let_run(struct world *world, int host, int vm);

/* host_hald.c */
void host_end_hald(struct world *world, int host);

/* host_agent.c */
/* The keeper allows the start that it was asked about. */
void host_make_process(struct world *world, int host, int vm);
void host_answer_order(struct world *world, int host, int vm, bool done, const char *why);
event_fn host_report;

#endif /* VRM_TESTS_SIM_HOST_PRIVATE_H */
