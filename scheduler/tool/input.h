/* input.h - the cluster that the user named: files read, options applied.
 *
 * Main thread. */
#ifndef VRM_SCHEDULER_TOOL_INPUT_H
#define VRM_SCHEDULER_TOOL_INPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "model/snapshot.h"
#include "scheduler/ganeti.h"
#include "scheduler/sched_params.h"
#include "scheduler/tool/options.h"

struct input {
    Snapshot *snap;
    int64_t cluster_id;
    struct sched_params params;
    GPtrArray *warnings;               /* char * */
    size_t n_vms, n_rules;             /* of this cluster, or on its hosts */
    GHashTable *vm_index, *host_index; /* name -> object, of this cluster */
    GHashTable *vm_uuids, *vm_doubles; /* UUID -> VM; names of more than one */
    /* Ganeti's form */
    char *text; /* the data file, NULL: another form */
    size_t text_len;
    Snapshot *original; /* as the file has it, for ganeti_write */
    Ganeti *ganeti;
    struct ganeti_unit units[N_GANETI_LOADS];
};

/* On failure the error says what is wrong, and *input can be cleared. */
bool input_read(const struct options *options, struct input *input, GError **error);
void input_clear(struct input *input);

/* VRM_ERR_NOT_FOUND if the cluster has none of this name, VRM_ERR_INVALID if it has several; a VM
 * may be named by its UUID too. */
const Vm *input_vm(const struct input *input, const char *name, GError **error);
const Host *input_host(const struct input *input, const char *name, GError **error);

/* What the loads of Ganeti's form are worth, as a member "loadUnits" of an answer; none with
 * another form. */
void input_add_units(const struct input *input, json_t *answer);
/* Most vCPUs for each thread; 0: no limit. */
int64_t input_vcpu_limit(const struct input *input);

/* All of a file, "-" is standard input; at most 256 MiB. */
bool input_read_file(const char *path, char **ret_text, size_t *ret_len, GError **error);

#endif /* VRM_SCHEDULER_TOOL_INPUT_H */
