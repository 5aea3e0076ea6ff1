/* it_vrmd.c - the real vrmd with real PostgreSQL and etcd, hurt while clients write.
 *
 * Promise 2: an acknowledged write is never lost, an accepted task ends exactly once, also when the
 * controller dies half-way.  And with it: no VM runs twice, a deposed controller changes nothing,
 * what the API says is what the hosts say.
 *
 * VRM_STORM_SEED repeats a run's choices (not its timing), VRM_STORM_MS makes each storm longer,
 * VRM_STORM_ONLY chooses one row. */
#include "config.h"

#include <glib/gstdio.h>
#include <inttypes.h>
#include <signal.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/it_db.h"
#include "tests/vrmdstorm.h"
#include "tests/vrmdsys.h"

#define TASK_MS   60000
#define N_CLIENTS 4

/* ---- faults -----------------------------------------------------------------------------------
 */

static void nap(struct rng *rng, uint32_t max_ms)
{
    vrmdlab_pause_ms(rng_below(rng, max_ms) + 1);
}

/* Mostly it is left to become active first. */
static void kill_the_only_one(VrmdLab *lab, struct rng *rng)
{
    if (rng_below(rng, 4) > 0)
        (void)vrmdlab_wait_active(lab, VRMDSYS_ACTIVE_MS);
    nap(rng, rng_below(rng, 3) ? 1500 : 200);
    vrmdlab_kill(lab, 0, rng_below(rng, 10) > 0);
    vrmdlab_start(lab, 0);
}

/* The other one takes over; the dead one comes back as standby. */
static void kill_the_active(VrmdLab *lab, struct rng *rng)
{
    unsigned active = vrmdlab_wait_active(lab, VRMDSYS_ACTIVE_MS);

    nap(rng, 1500);
    vrmdlab_kill(lab, active, rng_below(rng, 5) > 0);
    nap(rng, 300);
    vrmdlab_start(lab, active);
}

/* It stands still, another one leads, it goes on and believes it leads. */
static void freeze_the_active(VrmdLab *lab, struct rng *rng)
{
    unsigned active = vrmdlab_wait_active(lab, VRMDSYS_ACTIVE_MS);

    nap(rng, 500);
    vrmdlab_signal(lab, active, SIGSTOP);
    vrmdlab_pause_ms(rng_below(rng, 2) ? 100 : 1500);
    vrmdlab_lapse(lab, active);
    nap(rng, 800);
    vrmdlab_signal(lab, active, SIGCONT);
}

static void kill_postgres(VrmdLab *lab, struct rng *rng)
{
    (void)vrmdlab_wait_active(lab, VRMDSYS_ACTIVE_MS);
    nap(rng, 1200);
    services("kill");
    nap(rng, 300);
    services("start");
}

static void kill_host(VrmdLab *lab, struct rng *rng)
{
    unsigned host = rng_below(rng, VRMDLAB_HOSTS);

    nap(rng, 1000);
    vrmdlab_kill_host(lab, host);
    nap(rng, 500);
    vrmdlab_start_host(lab, host);
}

static void two_controllers(VrmdLab *lab, struct rng *rng)
{
    if (rng_below(rng, 3) > 0)
        kill_the_active(lab, rng);
    else
        freeze_the_active(lab, rng);
}

static void everything(VrmdLab *lab, struct rng *rng)
{
    static void (*const faults[])(VrmdLab *, struct rng *) = { kill_the_active, freeze_the_active,
                                                               kill_postgres, kill_host };

    faults[rng_below(rng, G_N_ELEMENTS(faults))](lab, rng);
}

// clang-format off
static const struct storm_row {
    const char *name;
    unsigned n_vrmd;
    void (*fault)(VrmdLab *lab, struct rng *rng);
    unsigned n_faults; /* at least */
} storms[] = {
    { "the controller is killed",              1, kill_the_only_one, 30 },
    { "two controllers are killed and frozen", 2, two_controllers,   12 },
    { "PostgreSQL is killed",                  1, kill_postgres,      5 },
    { "everything is hurt",                    2, everything,         8 },
};
// clang-format on

static uint64_t seed_of(int row)
{
    const char *text = g_getenv("VRM_STORM_SEED");
    uint64_t seed;

    if (text)
        return g_ascii_strtoull(text, NULL, 10);
    rng_secret(&seed, sizeof(seed));
    return seed % 1000000 + (uint64_t)row;
}

static int64_t number_of_env(const char *name, int64_t otherwise)
{
    const char *text = g_getenv(name);

    return text ? g_ascii_strtoll(text, NULL, 10) : otherwise;
}

START_TEST(writes_and_tasks_survive)
{
    const struct storm_row *row = &storms[_i];
    uint64_t seed = seed_of(_i);
    int64_t longer_ms = number_of_env("VRM_STORM_MS", 0), begun_ms = clock_now_ms();
    struct vrmdsys sys;
    struct rng rng;
    g_autofree char *troubles = NULL, *summary = NULL;
    unsigned n_faults = 0;
    Storm *storm;

    if (number_of_env("VRM_STORM_ONLY", _i) != _i)
        return;
    sys = vrmdsys_begin(row->n_vrmd);
    rng_seed(&rng, seed);
    storm = storm_begin(sys.lab, sys.site, sys.cluster_urn, seed, N_CLIENTS);
    while (n_faults < row->n_faults || clock_now_ms() - begun_ms < longer_ms) {
        row->fault(sys.lab, &rng);
        n_faults++;
    }
    storm_end(storm);
    storm_check(storm);
    troubles = storm_troubles(storm);
    summary = storm_summary(storm);
    g_print("%s: %u faults, seed %" PRIu64 ", %" PRId64 " ms; %s\n", row->name, n_faults, seed,
            clock_now_ms() - begun_ms, summary);
    ck_assert_msg(*troubles == '\0', "%s, seed %" PRIu64 ", logs in %s:\n%s", row->name, seed,
                  vrmdlab_dir(sys.lab), troubles);
    storm_free(storm);
    vrmdsys_end(&sys);
}
END_TEST

SUITE_MAIN("it_vrmd", SUITE_LOOP(writes_and_tasks_survive, storms))
