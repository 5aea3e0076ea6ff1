/* fuzz_snapshot.c - snapshots as JSON: what is accepted writes to text that is accepted again and
 * stays the same, and can be planned over. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "model/snapshot_json.h"
#include "scheduler/balance.h"

#define FEW 64 /* objects: planning over more takes too long for a fuzzer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_plan(const Snapshot *snap)
{
    struct sched_params params;

    sched_params_init(&params);
    params.now_mono_ms = snap->taken_mono_ms;
    params.on_demand = true;
    for (size_t i = 0; i < snap->n_clusters && i < 2; i++) {
        g_autoptr(Plan) plan = NULL;

        (void)balance_plan(snap, snap->clusters[i]->id, &params, &plan, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap =
        snapshot_json_parse(size > 0 ? (const char *)data : "", size, &error);
    g_autoptr(Snapshot) back = NULL;
    g_autofree char *text = NULL, *again = NULL;

    if (!snap) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return 0;
    }
    text = snapshot_json_write(snap, 0);
    back = snapshot_json_parse(text, strlen(text), &error);
    g_assert(back);
    again = snapshot_json_write(back, 0);
    g_assert(strcmp(text, again) == 0);
    if (snap->n_hosts <= FEW && snap->n_vms <= FEW && snap->n_rules <= FEW)
        try_plan(snap);
    return 0;
}
