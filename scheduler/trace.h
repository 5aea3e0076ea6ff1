/* trace.h - recorded load of VMs over time, for replays.
 *
 * One sample a line, times never going back, blanks between:
 *
 *     # seconds since 1970, VM, MHz of CPU, MiB of memory in use, kbit/s of network
 *     1760000000 web1 2300 5100 12000
 *
 * A name may hold blanks: the first field is the time and the last three are the figures.  Empty
 * lines and lines that begin with # are passed over.  A figure holds until the VM's next sample.
 * From one line to the next may pass a day, from the first to the last a year (what is longer comes
 * from a wrong clock, and a replay goes through it in steps of seconds).  Pure. */
#ifndef VRM_SCHEDULER_TRACE_H
#define VRM_SCHEDULER_TRACE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

#define TRACE_MAX_GAP_S    INT64_C(86400)
#define TRACE_MAX_LENGTH_S INT64_C(31622400)

struct trace_sample {
    int64_t time_ms;
    int64_t cpu_mhz, mem_mb, net_kbps;
};
VEC_DECLARE(trace_samples, struct trace_sample);

struct trace_vm {
    char *name;
    struct trace_samples samples; /* by time */
    unsigned line;                /* of the first */
};
VEC_DECLARE(trace_vms, struct trace_vm);

typedef struct Trace {
    struct trace_vms vms; /* by first appearance */
    GHashTable *index;    /* name -> place + 1 */
    int64_t begin_ms, end_ms;
    size_t n_samples;
} Trace;

/* Errors: VRM_ERR_INVALID, "FILE:LINE: sample web1: CPU MHz = 'x': want ...". */
Trace *trace_parse(const char *text, size_t len, const char *file, GError **error);
void trace_free(Trace *trace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Trace, trace_free)

/* Is what stands for the name in the line a name and figures too many ("web1 2300")?  Then *ret_len
 * is the name's length. */
bool trace_has_figures(const char *name, size_t *ret_len);

/* NULL: the trace has no such VM. */
const struct trace_vm *trace_find(const Trace *trace, const char *name);

#endif /* VRM_SCHEDULER_TRACE_H */
