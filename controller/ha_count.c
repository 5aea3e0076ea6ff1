/* ha_count.c - see ha_count.h. */
#include "config.h"

#include "controller/ha_count.h"

#include "base/clock.h"
#include "db/store_ha.h"

#define HOUR_MS  INT64_C(3600000)
#define MOST     64 /* restarts of one VM: more than any policy counts */
#define MANY_VMS 64

struct HaCounts {
    GHashTable *restarts; /* int64 VM id -> GArray of int64, our clock, oldest first */
    GHashTable *tries;    /* int64 host id -> struct ha_tries */
};

static void free_times(void *data)
{
    g_array_unref(data);
}

/* ---- restarts ---------------------------------------------------------------------------------
 */

static int64_t lately(const GArray *times, int64_t now_ms)
{
    int64_t n = 0;

    for (guint i = 0; i < times->len; i++)
        n += now_ms - g_array_index(times, int64_t, i) < HOUR_MS;
    return n;
}

static gboolean is_over(void *key, void *value, void *now_ms)
{
    (void)key;
    return lately(value, *(const int64_t *)now_ms) == 0;
}

static void add_restart(HaCounts *counts, int64_t vm_id, int64_t at_ms)
{
    GArray *times = g_hash_table_lookup(counts->restarts, &vm_id);

    if (!times) {
        times = g_array_new(FALSE, FALSE, sizeof(int64_t));
        g_hash_table_insert(counts->restarts, g_memdup2(&vm_id, sizeof(vm_id)), times);
    }
    if (times->len == MOST)
        g_array_remove_index(times, 0);
    g_array_append_val(times, at_ms);
}

void ha_counts_restart(HaCounts *counts, int64_t vm_id, Commit *commit)
{
    int64_t now_ms = clock_now_ms();

    if (g_hash_table_size(counts->restarts) >= MANY_VMS)
        (void)g_hash_table_foreach_remove(counts->restarts, is_over, &now_ms);
    add_restart(counts, vm_id, now_ms);
    commit_ha_restart(commit, vm_id, clock_wall_ms());
}

int64_t ha_counts_restarts(const HaCounts *counts, int64_t vm_id)
{
    const GArray *times = g_hash_table_lookup(counts->restarts, &vm_id);

    return times ? lately(times, clock_now_ms()) : 0;
}

/* ---- hosts that are switched on again ---------------------------------------------------------
 */

static void set_tries(HaCounts *counts, int64_t host_id, struct ha_tries tries)
{
    g_hash_table_replace(counts->tries, g_memdup2(&host_id, sizeof(host_id)),
                         g_memdup2(&tries, sizeof(tries)));
}

struct ha_tries ha_counts_tries(const HaCounts *counts, int64_t host_id)
{
    const struct ha_tries *tries = g_hash_table_lookup(counts->tries, &host_id);

    return tries ? *tries : (struct ha_tries){ 0 };
}

void ha_counts_power_on(HaCounts *counts, int64_t host_id, Commit *commit)
{
    struct ha_tries tries = ha_counts_tries(counts, host_id);

    tries.n++;
    tries.last_ms = clock_now_ms();
    tries.is_stored = true;
    set_tries(counts, host_id, tries);
    commit_ha_power_on(commit, host_id, tries.n, clock_wall_ms());
}

void ha_counts_undo(HaCounts *counts, int64_t host_id)
{
    struct ha_tries tries = ha_counts_tries(counts, host_id);

    tries.n = MAX(tries.n - 1, 0);
    set_tries(counts, host_id, tries);
}

void ha_counts_forget(HaCounts *counts, int64_t host_id, Commit *commit)
{
    set_tries(counts, host_id, (struct ha_tries){ .is_stored = true });
    commit_ha_power_on(commit, host_id, 0, 0);
}

void ha_counts_forgotten(HaCounts *counts, int64_t host_id)
{
    (void)g_hash_table_remove(counts->tries, &host_id);
}

/* ---- what was stored --------------------------------------------------------------------------
 */

int64_t ha_counts_since_ms(void)
{
    return clock_wall_ms() - HOUR_MS;
}

/* By our clock; clocks of two controllers differ a little, and they can be set. */
static int64_t time_of(int64_t at_ms, int64_t wall_ms, int64_t now_ms)
{
    return now_ms - MAX(wall_ms - at_ms, 0);
}

void ha_counts_restore(HaCounts *counts, const GPtrArray *restarts, const GPtrArray *power_ons)
{
    const int64_t wall_ms = clock_wall_ms(), now_ms = clock_now_ms();

    g_hash_table_remove_all(counts->restarts);
    g_hash_table_remove_all(counts->tries);
    for (guint i = 0; restarts && i < restarts->len; i++) {
        const struct ha_restart_row *row = restarts->pdata[i];

        if (row->at_ms - wall_ms < HOUR_MS && wall_ms - row->at_ms < HOUR_MS)
            add_restart(counts, row->vm_id, time_of(row->at_ms, wall_ms, now_ms));
    }
    for (guint i = 0; power_ons && i < power_ons->len; i++) {
        const struct ha_power_on_row *row = power_ons->pdata[i];

        set_tries(counts, row->host_id,
                  (struct ha_tries){ row->tries, time_of(row->at_ms, wall_ms, now_ms), true });
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

HaCounts *ha_counts_new(void)
{
    HaCounts *counts = g_new0(HaCounts, 1);

    counts->restarts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_times);
    counts->tries = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    return counts;
}

void ha_counts_free(HaCounts *counts)
{
    if (!counts)
        return;
    g_hash_table_unref(counts->restarts);
    g_hash_table_unref(counts->tries);
    g_free(counts);
}
