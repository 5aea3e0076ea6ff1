/* scenario.c - see scenario.h: reading and running.  What lines mean: scenario_line.c. */
#include "config.h"

#include "tests/sim/scenario.h"

#include <stdio.h>

#include "tests/sim/scenario_line.h"

static bool read_lines(struct scenario *scn, char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; lines[i]; i++) {
        g_autofree char *trouble = NULL;
        char *hash = strchr(lines[i], '#');

        if (hash)
            *hash = '\0';
        trouble = scenario_take(scn, g_strstrip(lines[i]));
        if (!trouble)
            continue;
        printf("%s:%u: %s\n", scn->path, i + 1, trouble);
        return false;
    }
    if (scn->end_ms == 0)
        printf("%s: no line \"run TIME\"\n", scn->path);
    return scn->end_ms > 0;
}

static void befall(struct world *world, const struct event *event)
{
    const struct scenario *scn = world->scenario;
    const struct deed *deed = &scn->deeds.items[event->value];

    deed->verb->strike(world, deed);
}

/* Its moment is not there yet, or its answer is known. */
static bool is_settled(const struct world *world, const struct hope *hope, bool at_end)
{
    return hope->is_met || hope->is_missed || (hope->of_run && !at_end) ||
           (hope->exactly && world->now < hope->at_ms) || world->now < hope->from_ms;
}

static void look(const struct scenario *scn, const struct world *world, bool at_end)
{
    for (size_t i = 0; i < scn->hopes.len; i++) {
        struct hope *hope = &scn->hopes.items[i];
        const bool is_late = !hope->of_run && !hope->exactly && world->now > hope->at_ms;

        if (is_settled(world, hope, at_end))
            continue;
        hope->is_met = !is_late && hope->holds(world, hope);
        hope->is_missed = !hope->is_met && (is_late || hope->exactly);
    }
}

static bool all_met(const struct scenario *scn)
{
    bool met = true;

    for (size_t i = 0; i < scn->hopes.len; i++) {
        if (scn->hopes.items[i].is_met)
            continue;
        printf("%s: not met: %s\n", scn->path, scn->hopes.items[i].text);
        met = false;
    }
    return met;
}

static void play(struct scenario *scn, struct world *world)
{
    world->calm_ms = 0; /* no luck: only what the scenario says */
    world->scenario = scn;
    world_boot(world);
    for (size_t i = 0; i < scn->deeds.len; i++)
        world_post(world, scn->deeds.items[i].at_ms, befall, IN_WORLD, 0)->value = (int64_t)i;
    while (!world->broken && world_step(world, scn->end_ms))
        look(scn, world, false);
    look(scn, world, true);
    if (!world->broken)
        oracle_end(world);
}

bool scenario_run(const char *path, bool trace)
{
    struct scenario scn = { .path = path };
    struct world *world = g_new0(struct world, 1);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    bool good = false;

    world_init(world, &(struct sim_options){ .seed = 1, .n_ctls = 2, .trace = true });
    scn.world = world;
    if (!g_file_get_contents(path, &text, NULL, &error)) {
        printf("%s\n", error->message);
    } else if (read_lines(&scn, text)) {
        play(&scn, world);
        if (world->broken)
            printf("%s: %s\n", path, world->broken);
        good = all_met(&scn) && !world->broken;
        if (trace || !good)
            printf("%s", world->trace->str);
    }
    world_clear(world);
    g_free(world);
    scenario_clear(&scn);
    return good;
}
