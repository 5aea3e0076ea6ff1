/* command.h - the subcommands of vrm-plan; each prints its answer and gives an exit status.
 *
 * Main thread. */
#ifndef VRM_SCHEDULER_TOOL_COMMAND_H
#define VRM_SCHEDULER_TOOL_COMMAND_H

#include <glib.h>

#include "scheduler/tool/input.h"
#include "scheduler/tool/options.h"

/* Changes of the cluster that a subcommand tries go into *input. */
typedef int (*command_fn)(const struct options *options, struct input *input);

int command_balance(const struct options *options, struct input *input);
int command_drain(const struct options *options, struct input *input);
int command_what_if(const struct options *options, struct input *input);
int command_replay(const struct options *options, struct input *input);
int command_place(const struct options *options, struct input *input);
int command_explain(const struct options *options, struct input *input);
int command_admission(const struct options *options, struct input *input);
int command_dpm(const struct options *options, struct input *input);
int command_capacity(const struct options *options, struct input *input);

/* False, with words on standard error, if that many hosts cannot fail: the cluster has fewer. */
bool command_bears(const char *option, int n, const struct input *input);

/* Prints the error and what it means for the exit status; takes the error. */
int command_failed(GError *error);

#endif /* VRM_SCHEDULER_TOOL_COMMAND_H */
