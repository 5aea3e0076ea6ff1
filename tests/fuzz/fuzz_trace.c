/* fuzz_trace.c - traces of load: what is accepted is in order and within bounds. */
#include "config.h"

#include "base/err.h"
#include "scheduler/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_vm(const Trace *trace, const struct trace_vm *vm)
{
    int64_t last = trace->begin_ms;

    g_assert(vm->samples.len > 0 && *vm->name != '\0');
    g_assert(trace_find(trace, vm->name) == vm);
    for (size_t i = 0; i < vm->samples.len; i++) {
        const struct trace_sample *sample = &vm->samples.items[i];

        g_assert(sample->time_ms >= last && sample->time_ms <= trace->end_ms);
        g_assert(sample->cpu_mhz >= 0 && sample->mem_mb >= 0 && sample->net_kbps >= 0);
        last = sample->time_ms;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size > 0 ? (const char *)data : "";
    g_autoptr(GError) error = NULL;
    g_autoptr(Trace) trace = trace_parse(text, size, "trace", &error);
    size_t n = 0;

    if (!trace) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return 0;
    }
    for (size_t i = 0; i < trace->vms.len; i++) {
        check_vm(trace, &trace->vms.items[i]);
        n += trace->vms.items[i].samples.len;
    }
    g_assert(n == trace->n_samples && n > 0);
    return 0;
}
