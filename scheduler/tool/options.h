/* options.h - what the user of vrm-plan may say: one table of options for all subcommands.
 *
 * Main thread. */
#ifndef VRM_SCHEDULER_TOOL_OPTIONS_H
#define VRM_SCHEDULER_TOOL_OPTIONS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Exit codes, as the manual says. */
enum {
    EXIT_DONE = 0,     /* the question is answered */
    EXIT_NO = 1,       /* ... and the answer is no: no room, no way, a conflict, old data */
    EXIT_USAGE = 2,    /* wrong options */
    EXIT_BAD_FILE = 3, /* a file cannot be read, or what it says is wrong */
    EXIT_NOT_SAVED = 4 /* the answer could not be written */
};

enum command {
    COMMAND_BALANCE,
    COMMAND_DRAIN,
    COMMAND_PLACE,
    COMMAND_EXPLAIN,
    COMMAND_ADMISSION,
    COMMAND_CAPACITY,
    COMMAND_DPM,
    COMMAND_WHAT_IF,
    COMMAND_REPLAY,
    COMMAND_CONVERT,
};
#define N_COMMANDS 10

/* Strings are owned, NULL: not given; numbers -1: not given. */
struct options {
    enum command command;
    char **names; /* words behind the options */
    char *data, *load, *snapshot;
    char *cluster;
    char **offline, **exclusion, **select, **exclude;
    double cpu_unit, mem_unit, max_cpu, min_score, min_gain;
    int level, seed, proposals, max_moves, parallel, per_host, link_mbps, horizon_s;
    int uplink_mbps;
    char *factor, *objective;
    char *save, *save_json;
    bool evacuate_only, ignore_load, ignore_soft;
    bool json, print_moves, print_nodes, print_instances, print_commands;
    char *commands_file;
    int verbosity;     /* 1: normal */
    bool gives_stdout; /* a file goes there, and nothing else */
    /* capacity, admission, what-if */
    int64_t size[3]; /* vCPUs, MiB, MHz */
    int failures;
    int add_hosts; /* 0: none */
    char *like;    /* the host they are like, NULL: the biggest */
    char **without, **rules;
    /* dpm */
    int spare, watts;
    bool assume_proven;
    /* replay */
    char *trace;
    char **set, **against;
};

/* Reads the command line.  False: *ret_status says how to end (help was printed, or the usage was
 * wrong and stderr says what). */
bool options_parse(int argc, char **argv, struct options *options, int *ret_status);
void options_clear(struct options *options);

#endif /* VRM_SCHEDULER_TOOL_OPTIONS_H */
