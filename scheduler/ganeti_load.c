/* ganeti_load.c - see ganeti.h.  The load file (-U) and what its figures are worth. */
#include "config.h"

#include "scheduler/ganeti.h"
#include "scheduler/ganeti_row.h"

#define MAX_LOAD 1e9

/* A node's size, or a round figure, this near below the greatest possible unit is taken for meant.
 */
#define NEAR 0.9
#define MANY 60 /* steps to the greatest round figure */

enum {
    LOAD_NAME,
    LOAD_CPU,
    LOAD_MEM,
    LOAD_DISK,
    LOAD_NET,
    N_LOAD_COLUMNS
};
static const char *const load_columns[N_LOAD_COLUMNS] = {
    [LOAD_NAME] = "name",      [LOAD_CPU] = "CPU load",     [LOAD_MEM] = "memory load",
    [LOAD_DISK] = "disk load", [LOAD_NET] = "network load",
};

/* ---- the file ------------------------------------------------------------------------------- */

/* One blank between fields, whatever the file has. */
static void squeeze(char *line)
{
    char *to = line;

    for (const char *at = line; *at != '\0'; at++) {
        bool blank = *at == ' ' || *at == '\t';

        if (!blank)
            *to++ = *at;
        else if (to > line && to[-1] != ' ')
            *to++ = ' ';
    }
    if (to > line && to[-1] == ' ')
        to--;
    *to = '\0';
}

/* The first is named, the others are like it. */
static void note_double(Ganeti *g, const struct ganeti_lines *lines,
                        const struct ganeti_instance *instance)
{
    if (!instance->has_load)
        return;
    if (g->n_doubles++ == 0)
        g->first_double = g_strdup_printf("%s:%u: a second line of %s", lines->file, lines->number,
                                          instance->name);
}

static void warn_doubles(Ganeti *g)
{
    if (g->n_doubles == 1)
        g_ptr_array_add(g->warnings, g_strdup_printf("%s; it counts", g->first_double));
    else if (g->n_doubles > 1)
        g_ptr_array_add(g->warnings, g_strdup_printf("%s, and %zu more such lines; the last counts",
                                                     g->first_double, g->n_doubles - 1));
}

static bool read_load(Ganeti *g, struct ganeti_lines *lines, char *line, bool *ret_known,
                      GError **error)
{
    struct ganeti_row row = { .lines = lines, .kind = "load", .columns = load_columns };
    double load[N_LOAD_COLUMNS];
    const char *name;
    size_t found;

    squeeze(line);
    if (!ganeti_row_split(&row, line, ' ', N_LOAD_COLUMNS, N_LOAD_COLUMNS, error) ||
        !ganeti_row_name(&row, LOAD_NAME, &name, error))
        return false;
    for (size_t i = LOAD_CPU; i < N_LOAD_COLUMNS; i++) {
        if (!ganeti_row_real(&row, i, 0, MAX_LOAD, &load[i], error))
            return false;
    }
    found = GPOINTER_TO_SIZE(g_hash_table_lookup(g->instance_index, name));
    *ret_known = found > 0;
    if (found > 0) { /* as with hbal, the last line of an instance counts */
        struct ganeti_instance *instance = &g->instances.items[found - 1];

        note_double(g, lines, instance);
        instance->has_load = true;
        instance->load[GANETI_CPU] = load[LOAD_CPU];
        instance->load[GANETI_MEM] = load[LOAD_MEM];
        instance->disk_load = load[LOAD_DISK];
        instance->net_load = load[LOAD_NET];
    }
    return true;
}

static void warn_unknown(Ganeti *g, const char *file, size_t n_unknown)
{
    size_t n_missing = 0;

    if (n_unknown > 0)
        g_ptr_array_add(g->warnings,
                        g_strdup_printf("%s: skipped %zu line%s of instances that the data file "
                                        "doesn't have",
                                        file, n_unknown, n_unknown == 1 ? "" : "s"));
    for (size_t i = 0; i < g->instances.len; i++) {
        const struct ganeti_instance *instance = &g->instances.items[i];

        n_missing += instance->status == VM_RUNNING && !instance->has_load ? 1 : 0;
    }
    if (n_missing > 0)
        g_ptr_array_add(g->warnings,
                        g_strdup_printf("%s: no line for %zu running instance%s; CPU is estimated "
                                        "from the vCPUs, memory taken as configured",
                                        file, n_missing, n_missing == 1 ? "" : "s"));
}

bool ganeti_parse_load(Ganeti *ganeti, const char *text, size_t len, const char *file,
                       GError **error)
{
    g_autofree char *copy = NULL;
    struct ganeti_lines lines;
    size_t n_unknown = 0;
    char *line;

    if (!ganeti_lines_check(file, text, len, error))
        return false;
    copy = g_strndup(text, len);
    ganeti_lines_init(&lines, file, copy, len);
    while (ganeti_lines_next(&lines, &line)) {
        bool known;

        if (*line == '\0')
            continue;
        if (!read_load(ganeti, &lines, line, &known, error))
            return false;
        n_unknown += known ? 0 : 1;
    }
    warn_unknown(ganeti, file, n_unknown);
    warn_doubles(ganeti);
    ganeti->loaded = true;
    return true;
}

/* ---- units ---------------------------------------------------------------------------------- */

static double limit_of(const struct ganeti_instance *instance, enum ganeti_load load)
{
    return (double)(load == GANETI_CPU ? instance->vcpus : instance->mem_mb);
}

static double size_of(const struct ganeti_node *node, enum ganeti_load load)
{
    return load == GANETI_CPU ? (double)node->threads * node->speed : (double)node->mem_mb;
}

/* The greatest unit at which nobody uses more than he has; 0 if the loads tell nothing. */
static double greatest_unit(const Ganeti *g, enum ganeti_load load)
{
    double least = G_MAXDOUBLE, most = 0, bound = G_MAXDOUBLE;

    for (size_t i = 0; i < g->instances.len; i++) {
        const struct ganeti_instance *instance = &g->instances.items[i];
        double value = instance->load[load];

        if (!instance->has_load || instance->status != VM_RUNNING)
            continue;
        least = MIN(least, value);
        most = MAX(most, value);
        if (value > 0 && limit_of(instance, load) > 0)
            bound = MIN(bound, limit_of(instance, load) / value);
    }
    /* No figures, or the same for all ("keep the others as one"): nothing measured. */
    return least < most && bound < G_MAXDOUBLE ? bound : 0;
}

/* The greatest size of a node that is not above the bound; 0: none. */
static double fitting_size(const Ganeti *g, enum ganeti_load load, double bound)
{
    double best = 0;

    for (size_t i = 0; i < g->nodes.len; i++) {
        double size = size_of(&g->nodes.items[i], load);

        if (size <= bound && size > best)
            best = size;
    }
    return best;
}

/* The greatest power of the base that is not above the bound. */
static double round_figure(double base, double bound)
{
    double figure = 1;

    for (int i = 0; i < MANY && figure > bound; i++)
        figure /= base;
    for (int i = 0; i < MANY && figure * base <= bound; i++)
        figure *= base;
    return figure;
}

static bool has_loads(const Ganeti *g)
{
    for (size_t i = 0; i < g->instances.len; i++) {
        if (g->instances.items[i].has_load && g->instances.items[i].status == VM_RUNNING)
            return true;
    }
    return false;
}

struct ganeti_unit ganeti_find_unit(const Ganeti *ganeti, enum ganeti_load load)
{
    double bound, size, figure;

    if (!ganeti->loaded)
        return (struct ganeti_unit){ 0, "no load file" };
    bound = greatest_unit(ganeti, load);
    if (bound <= 0)
        return (struct ganeti_unit){ 0, has_loads(ganeti) ? "all loads are the same"
                                                          : "no load of a running instance" };
    size = fitting_size(ganeti, load, bound);
    if (size >= bound * NEAR)
        return (struct ganeti_unit){ size, "the size of a node" };
    figure = MAX(round_figure(2, bound), round_figure(10, bound));
    if (figure <= bound && figure >= bound * NEAR)
        return (struct ganeti_unit){ figure, "a round figure that fits them all" };
    return (struct ganeti_unit){ bound, "the busiest instance uses all it has" };
}
