/* ha_sim.c - HA under virtual time: the production code of ha/ in a world of faults.
 *
 *   ha-sim FILE...                 scenarios (scenario.h)
 *   ha-sim --random N [--seed S]   N random worlds, seeds S, S+1, ...
 *
 * Exit status 0 only when every promise held in every run; a failure prints its seed and trace. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/scenario.h"
#include "tests/sim/world.h"

struct totals {
    uint64_t n_runs, n_broken, n_restarts, n_kills, n_burials, n_shots, n_migrations, n_resets;
};

static void add(struct totals *totals, const struct world *world)
{
    totals->n_runs++;
    totals->n_broken += world->broken != NULL;
    totals->n_restarts += world->n_restarts;
    totals->n_kills += world->n_kills;
    totals->n_burials += world->n_burials;
    totals->n_shots += world->n_shots;
    totals->n_migrations += world->n_migrations;
    totals->n_resets += world->n_resets;
}

static bool run_seed(uint64_t seed, bool trace, struct totals *totals)
{
    struct rng rng;
    struct sim_options options = { .seed = seed, .trace = trace };
    g_autofree struct world *world = g_new0(struct world, 1);
    bool held;

    rng_seed(&rng, seed ^ 0x5eedU);
    options.n_hosts = 3 + (int)rng_below(&rng, 4);
    options.n_vms = 2 + (int)rng_below(&rng, 8);
    options.n_stores = (int)rng_below(&rng, MAX_STORES);
    options.n_ctls = 1 + (int)rng_below(&rng, 3);
    world_init(world, &options);
    world_boot(world);
    chaos_begin(world);
    while (!world->broken && world_step(world, world->end_ms))
        ;
    if (!world->broken)
        oracle_end(world);
    held = world->broken == NULL;
    if (!held && trace)
        printf("%s", world->trace->str);
    if (!held)
        printf("seed %" PRIu64 ": %s\n", seed, world->broken);
    if (totals)
        add(totals, world);
    world_clear(world);
    return held;
}

static bool run_random(uint64_t first, int n, bool stop)
{
    struct totals totals = { 0 };

    for (uint64_t seed = first; seed < first + (uint64_t)n; seed++) {
        if (!run_seed(seed, false, &totals) && totals.n_broken == 1 && !stop)
            run_seed(seed, true, NULL);
        if (stop && totals.n_broken > 0)
            break;
    }
    printf("ha-sim: %" PRIu64 " runs: %" PRIu64 " starts ordered, %" PRIu64 " burials, %" PRIu64
           " power cuts, %" PRIu64 " kills, %" PRIu64 " watchdog resets, %" PRIu64
           " migrations; %" PRIu64 " broken promises\n",
           totals.n_runs, totals.n_restarts, totals.n_burials, totals.n_shots, totals.n_kills,
           totals.n_resets, totals.n_migrations, totals.n_broken);
    return totals.n_broken == 0;
}

static bool run_files(char **paths, bool trace)
{
    unsigned n = 0, n_good = 0;

    for (; paths[n]; n++)
        n_good += scenario_run(paths[n], trace);
    printf("ha-sim: %u scenarios: %u as expected, %u not\n", n, n_good, n - n_good);
    return n_good == n;
}

int main(int argc, char **argv)
{
    gint64 seed = 1;
    gint n = 0;
    gboolean stop = FALSE, trace = FALSE;
    g_auto(GStrv) files = NULL;
    const GOptionEntry entries[] = {
        { "random", 0, 0, G_OPTION_ARG_INT, &n, "run N random worlds", "N" },
        { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "first seed (1)", "S" },
        { "stop", 0, 0, G_OPTION_ARG_NONE, &stop, "stop at the first broken promise", NULL },
        { "trace", 0, 0, G_OPTION_ARG_NONE, &trace, "print what happens in each scenario", NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "[FILE...]" },
        { 0 },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- HA under virtual time");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "ha-sim: %s\n", error->message);
        return 2;
    }
    if ((files != NULL) == (n > 0)) {
        fprintf(stderr, "ha-sim: either files or --random N; see --help\n");
        return 2;
    }
    if (files)
        return run_files(files, trace) ? 0 : 1;
    return run_random((uint64_t)seed, n, stop) ? 0 : 1;
}
