/* sim_day.c - a day of DRS: a plan every five minutes, carried out at once, while loads change.
 *
 *   tests/sim_day                          small, as make check does
 *   tests/sim_day --hosts 32 --vms 2000    24 hours; --level 9 --seed 7 --hours 24 to vary
 *
 * Each scene begins with a cluster that a plan has evened out.  Noise: each VM's load is anew
 * within 10 % of its own every five minutes, with no smoothing (the controller's window would
 * dampen it). Day: half of the VMs work in the daytime, half at night, and noise.  Flapping: each
 * tenth VM is three times as busy every other half hour, and noise.  Prints a table; the status is
 * 1 if a promise does not hold: nothing moves on an immediate second run, under noise less than 1 %
 * of the VMs move in every hour at every level, no flapping VM moves more often than its doubling
 * rests allow. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "scheduler/balance.h"
#include "scheduler/rest.h"
#include "tests/sched_gen.h"

#define STEP_MS     INT64_C(300000)
#define HOUR_MS     INT64_C(3600000)
#define MAX_SETTLE  20
#define FLAP_EVERY  10 /* VMs */
#define RERUN_EVERY 12 /* steps without a move, too */
#define DAY_MOVES   15 /* of one VM that rests doubled: 5 until the longest rest, then 9 a day */

enum scene {
    SCENE_NOISE,
    SCENE_DAY,
    SCENE_FLAP,
};

static const char *const scene_names[] = { "noise", "day", "flapping" };

struct sim {
    enum scene scene;
    unsigned hours;
    int level;
    struct rng rng;
    SnapshotBuilder *builder;
    struct sched_params params;
    int64_t *base_mhz; /* per VM */
    uint32_t *moves;   /* per VM, for balance */
    uint32_t n_vms;
    int64_t start_ms;
    /* results */
    uint64_t moved, worst_hour, reruns, hot_steps, broken;
};

/* Per mille of the VM's own load. */
static int64_t scene_factor(const struct sim *sim, uint32_t v, int64_t at_ms)
{
    double hour = (double)at_ms / (double)HOUR_MS;

    switch (sim->scene) {
    case SCENE_NOISE:
        break;
    case SCENE_DAY:
        return (int64_t)(1000 + 500 * sin((hour + (v % 2 == 0 ? 0 : 12)) * G_PI / 12));
    case SCENE_FLAP:
        return v % FLAP_EVERY == 0 && at_ms / (HOUR_MS / 2) % 2 == 1 ? 3000 : 1000;
    }
    return 1000;
}

static void set_loads(struct sim *sim, int64_t at_ms)
{
    g_autoptr(Snapshot) snap = snapshot_builder_build(sim->builder, sim->params.now_mono_ms);

    sim->params.now_mono_ms += STEP_MS;
    sim->params.now_wall_ms = sim->start_ms + at_ms;
    for (uint32_t v = 0; v < sim->n_vms; v++) {
        Vm *vm = vm_dup(snap->vms[v]);
        int64_t noise = 900 + rng_below(&sim->rng, 201);

        vm->load.cpu_mhz = sim->base_mhz[v] * scene_factor(sim, v, at_ms) / 1000 * noise / 1000;
        vm->load.sampled_mono_ms = sim->params.now_mono_ms;
        snapshot_builder_put_vm(sim->builder, vm);
    }
    for (size_t h = 0; h < snap->n_hosts; h++) {
        Host *host = host_dup(snap->hosts[h]);

        host->seen_mono_ms = sim->params.now_mono_ms;
        snapshot_builder_put_host(sim->builder, host);
    }
}

static Plan *make_plan(struct sim *sim)
{
    g_autoptr(Snapshot) snap = snapshot_builder_build(sim->builder, sim->params.now_mono_ms);
    g_autoptr(GError) error = NULL;
    Plan *plan = NULL;

    if (!balance_plan(snap, GEN_CLUSTER, &sim->params, &plan, &error))
        g_error("%s", error->message);
    if (!plan->decided)
        g_error("%s", plan->verdict);
    return plan;
}

static void carry_out(struct sim *sim, const Plan *plan)
{
    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];
        Vm *vm = vm_dup(snapshot_builder_get_vm(sim->builder, move->vm_id));

        vm->host_id = move->to_id;
        rest_begin(vm, true, sim->params.now_wall_ms, sim->params.cooldown_ms);
        if (move->reason == MOVE_BALANCE_CPU || move->reason == MOVE_BALANCE_MEM)
            sim->moves[vm->id - 1]++;
        snapshot_builder_put_vm(sim->builder, vm);
    }
}

static void say_broken(struct sim *sim, const char *what, uint64_t number)
{
    if (sim->broken++ < 5)
        g_print("  broken: %s: %" PRIu64 "\n", what, number);
}

static void check_rerun(struct sim *sim, const Plan *plan)
{
    g_autoptr(Plan) again = make_plan(sim);

    sim->reruns++;
    if (again->moves.len > 0 && plan->n_unordered == 0)
        say_broken(sim, "moves on an immediate second run", again->moves.len);
}

/* One plan; how many moves. */
static size_t step(struct sim *sim, unsigned number)
{
    g_autoptr(Plan) plan = make_plan(sim);

    carry_out(sim, plan);
    if (plan->moves.len > 0 || number % RERUN_EVERY == 0)
        check_rerun(sim, plan);
    sim->hot_steps += plan->after.overload_mhz > 0 ? 1 : 0;
    return plan->moves.len;
}

/* From the generator's crooked cluster to an even one, long before the day begins. */
static size_t settle(struct sim *sim)
{
    size_t sum = 0;

    for (int i = 0; i < MAX_SETTLE; i++) {
        g_autoptr(Plan) plan = make_plan(sim);

        if (plan->moves.len == 0)
            break;
        carry_out(sim, plan);
        sum += plan->moves.len;
    }
    sim->start_ms = sim->params.now_wall_ms + 24 * HOUR_MS;
    memset(sim->moves, 0, sim->n_vms * sizeof(*sim->moves));
    return sum;
}

static void set_level(struct sim *sim)
{
    Cluster *cluster = cluster_dup(snapshot_builder_get_cluster(sim->builder, GEN_CLUSTER));

    memset(cluster->drs.limen, sim->level, sizeof(cluster->drs.limen));
    snapshot_builder_put_cluster(sim->builder, cluster);
}

static void check_promises(struct sim *sim)
{
    uint32_t most = 0;

    for (uint32_t v = 0; v < sim->n_vms; v++)
        most = MAX(most, sim->moves[v]);
    if (sim->scene == SCENE_NOISE && sim->worst_hour * 100 >= sim->n_vms)
        say_broken(sim, "VMs moved in one hour, by noise alone", sim->worst_hour);
    if (most > DAY_MOVES * sim->hours / 24 + 5)
        say_broken(sim, "moves of one VM for balance", most);
}

static void live(struct sim *sim)
{
    unsigned per_hour = HOUR_MS / STEP_MS, number = 0;

    for (unsigned hour = 0; hour < sim->hours; hour++) {
        uint64_t moved = 0;

        for (unsigned i = 0; i < per_hour; i++, number++) {
            set_loads(sim, (int64_t)number * STEP_MS);
            moved += step(sim, number);
        }
        sim->moved += moved;
        sim->worst_hour = MAX(sim->worst_hour, moved);
    }
    check_promises(sim);
}

static uint64_t run(enum scene scene, uint32_t n_hosts, uint32_t n_vms, unsigned hours, int level,
                    uint64_t seed)
{
    struct sim sim = { .scene = scene, .hours = hours, .level = level, .n_vms = n_vms };
    uint32_t most = 0;
    size_t first;

    rng_seed(&sim.rng, seed);
    sim.builder = gen_park(seed, n_hosts, n_vms, &sim.params);
    sim.base_mhz = g_new0(int64_t, n_vms);
    sim.moves = g_new0(uint32_t, n_vms);
    for (uint32_t v = 0; v < n_vms; v++)
        sim.base_mhz[v] = snapshot_builder_get_vm(sim.builder, v + 1)->load.cpu_mhz;
    set_level(&sim);
    first = settle(&sim);
    live(&sim);
    for (uint32_t v = 0; v < n_vms; v++)
        most = MAX(most, sim.moves[v]);
    g_print("%-9s %5u %6u %5d %7zu %7" PRIu64 " %9.3f %9.3f %9u %7" PRIu64 " %6" PRIu64 "\n",
            scene_names[scene], n_hosts, n_vms, level, first, sim.moved,
            100.0 * (double)sim.moved / n_vms / hours, 100.0 * (double)sim.worst_hour / n_vms, most,
            sim.reruns, sim.hot_steps);
    g_free(sim.base_mhz);
    g_free(sim.moves);
    snapshot_builder_free(sim.builder);
    return sim.broken;
}

int main(int argc, char **argv)
{
    int hosts = 8, vms = 160, hours = 24, level = 0, seed = 1;
    const GOptionEntry entries[] = {
        { "hosts", 0, 0, G_OPTION_ARG_INT, &hosts, "hosts", "N" },
        { "vms", 0, 0, G_OPTION_ARG_INT, &vms, "VMs", "N" },
        { "hours", 0, 0, G_OPTION_ARG_INT, &hours, "simulated hours", "N" },
        { "level", 0, 0, G_OPTION_ARG_INT, &level, "DRS level; without it 5 and 9", "1..9" },
        { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "of the cluster and the noise", "N" },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    uint64_t broken = 0;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || hosts < 2 || vms < 1 ||
        hours < 1 || level < 0 || level > 9) {
        g_printerr("sim_day: %s\n", error ? error->message : "a number is out of its range");
        return 2;
    }
    g_option_context_free(context);
    g_print("scene     hosts    VMs level  before   moves  %% an hour worst hour most of VM reruns "
            "   hot\n");
    for (enum scene scene = SCENE_NOISE; scene <= SCENE_FLAP; scene++) {
        for (int l = level > 0 ? level : 5; l <= (level > 0 ? level : 9); l += 4)
            broken +=
                run(scene, (uint32_t)hosts, (uint32_t)vms, (unsigned)hours, l, (uint64_t)seed);
    }
    return broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
