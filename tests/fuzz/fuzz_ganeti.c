/* fuzz_ganeti.c - Ganeti's data and load files, the second behind a line "==LOAD==" in the first.
 *
 * What is accepted becomes a snapshot that writes to the same bytes while nothing moves, and to a
 * file that is accepted again when something did. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "scheduler/ganeti.h"
#include "scheduler/ganeti_score.h"
#include "scheduler/whatif.h"

#define CUT "\n==LOAD==\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_load(Ganeti *g, const char *text, size_t len)
{
    g_autoptr(GError) error = NULL;

    if (!ganeti_parse_load(g, text, len, "load", &error))
        g_assert(err_is(error, VRM_ERR_INVALID));
}

/* Every instance on the host of the next one. */
static Snapshot *shift(const Snapshot *snap)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);

    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);

        vm->host_id = snap->vms[(i + 1) % snap->n_vms]->host_id;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, 0);
}

static void try_write(const Ganeti *g, const char *text, size_t len)
{
    const struct ganeti_unit units[N_GANETI_LOADS] = {
        ganeti_find_unit(g, GANETI_CPU),
        ganeti_find_unit(g, GANETI_MEM),
    };
    g_autoptr(Snapshot) snap = ganeti_snapshot(g, units);
    g_autoptr(Snapshot) moved = shift(snap);
    g_autofree char *same = ganeti_write(text, len, snap, snap);
    g_autofree char *other = ganeti_write(text, len, snap, moved);

    g_assert(strlen(same) == len && memcmp(same, text, len) == 0);
    (void)other;
    for (size_t i = 0; i < g->groups.len; i++)
        (void)ganeti_score_of(g, (int64_t)i + 1, moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size > 0 ? (const char *)data : "";
    const char *cut = g_strstr_len(text, (gssize)size, CUT);
    size_t len = cut ? (size_t)(cut + 1 - text) : size;
    g_autoptr(GError) error = NULL;
    g_autoptr(Ganeti) g = ganeti_parse(text, len, "data", &error);

    if (!g) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return 0;
    }
    if (cut)
        try_load(g, cut + strlen(CUT), size - len - strlen(CUT) + 1);
    try_write(g, text, len);
    return 0;
}
