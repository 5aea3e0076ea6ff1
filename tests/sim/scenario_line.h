/* scenario_line.h - the lines of a scenario (scenario.h): deeds and hopes. */
#ifndef VRM_TESTS_SIM_SCENARIO_LINE_H
#define VRM_TESTS_SIM_SCENARIO_LINE_H

#include "tests/sim/world.h"

enum {
    WARM_UP_MS = 30000 /* boot, and the VMs' first starts */
};

struct deed;

struct verb {
    const char *name;
    const char *args;  /* one letter each: h host, v VM, c controller, s store, w word, n a time,
                        * t "for" time;
                        * upper case: may be missing, and ends the list */
    const char *words; /* of a 'w', separated by '|' */
    void (*strike)(struct world *world, const struct deed *deed);
};

struct deed {
    int64_t at_ms;
    const struct verb *verb;
    int host, vm, ctl, word; /* ctl NOBODY: the one that leads */
    int store;
    int64_t span_ms; /* n */
    int64_t for_ms;  /* -1: for ever */
};
VEC_DECLARE(deeds, struct deed);

struct hope {
    char *text;
    int64_t from_ms, at_ms;
    bool exactly, of_run;
    bool is_met, is_missed;
    int host, vm, other;
    uint32_t hosts; /* a bit each; 0: any */
    int state;
    unsigned n;
    bool (*holds)(const struct world *world, const struct hope *hope);
};
VEC_DECLARE(hopes, struct hope);

VEC_DECLARE(names, char *);

struct scenario {
    const char *path;
    struct world *world;
    struct names hosts, vms, stores;
    struct deeds deeds;
    struct hopes hopes;
    int64_t clock_ms; /* of the last line with a time */
    int64_t end_ms;
};

/* Takes one line, without comment and blanks around it; the trouble with it, or NULL.  The caller
 * frees. */
char *scenario_take(struct scenario *scn, const char *line);
void scenario_clear(struct scenario *scn);

/* Place of a name; NOBODY if it is not there. */
int scenario_find(const struct names *names, const char *name);
/* "20s", "1.5s", "2m" */
bool scenario_time(const char *text, int64_t *ret_ms);

/* scenario_deed.c, scenario_hope.c: as scenario_take(), for the rest of a line; they write into it.
 */
char *scenario_take_deed(struct scenario *scn, int64_t at_ms, char *text);
char *scenario_take_hope(struct scenario *scn, const char *text);

#endif /* VRM_TESTS_SIM_SCENARIO_LINE_H */
