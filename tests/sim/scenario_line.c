/* scenario_line.c - see scenario_line.h. */
#include "config.h"

#include "tests/sim/scenario_line.h"

#include <string.h>

/* ---- words ----------------------------------------------------------------------------------- */

int scenario_find(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->len; i++)
        if (strcmp(names->items[i], name) == 0)
            return (int)i;
    return NOBODY;
}

/* "20s", "1.5s", "2m" */
bool scenario_time(const char *text, int64_t *ret_ms)
{
    char *end;
    const double number = g_ascii_strtod(text, &end);

    if (end == text || number < 0 || number > 1e6 ||
        (strcmp(end, "s") != 0 && strcmp(end, "m") != 0))
        return false;
    *ret_ms = (int64_t)(number * (*end == 'm' ? 60000 : 1000));
    return true;
}

/* ---- who is there ---------------------------------------------------------------------------- */

static char *take_host_line(struct scenario *scn, char **words)
{
    const char *dots = strstr(words[0], "..");
    int n = 1;

    if (dots && !(g_ascii_isdigit(dots[-1]) && g_ascii_isdigit(*(dots + 3))))
        return g_strdup("\"host\": a range is written h1..h3");
    if (dots)
        n = *(dots + 3) - dots[-1] + 1;
    for (int i = 0; i < n; i++) {
        const int host = world_add_host(scn->world);

        names_push(&scn->hosts, dots ? g_strdup_printf("%.*s%c", (int)(dots - words[0] - 1),
                                                       words[0], dots[-1] + i)
                                     : g_strdup(words[0]));
        scn->world->hosts[host].has_bmc = !(words[1] && strcmp(words[1], "nofence") == 0);
    }
    return NULL;
}

static bool take_option(struct scenario *scn, const char *word, struct ha_vm_spec *spec,
                        int *ret_home)
{
    const char *value = strchr(word, '=');

    if (strcmp(word, "local") == 0) {
        spec->authority = HA_LOCAL;
        return true;
    }
    if (!value)
        return false;
    value++;
    if (g_str_has_prefix(word, "disk=")) {
        const int store = scenario_find(&scn->stores, value);

        spec->authority = HA_STORAGE + store;
        return store != NOBODY;
    }
    if (g_str_has_prefix(word, "on="))
        return (*ret_home = scenario_find(&scn->hosts, value)) != NOBODY;
    if (g_str_has_prefix(word, "after="))
        return (spec->after = scenario_find(&scn->vms, value)) != NOBODY;
    if (g_str_has_prefix(word, "priority="))
        return (spec->priority = value[0] - '0') >= 0;
    if (strcmp(word, "ha=no") == 0)
        return !(spec->follows_host = false);
    if (strcmp(word, "crash=no") == 0)
        return !(spec->follows_crash = false);
    return false;
}

static char *take_vm_line(struct scenario *scn, char **words)
{
    struct ha_vm_spec spec = {
        .authority = HA_ETCD,
        .after = NOBODY,
        .follows_host = true,
        .follows_crash = true,
    };
    int home = NOBODY;

    for (unsigned i = 1; words[i]; i++)
        if (!take_option(scn, words[i], &spec, &home))
            return g_strdup_printf("\"vm\": not an option: %s", words[i]);
    world_add_vm(scn->world, &spec, home);
    names_push(&scn->vms, g_strdup(words[0]));
    return NULL;
}

static char *take_store_line(struct scenario *scn, char **words)
{
    for (unsigned i = 0; words[i]; i++) {
        if (scn->world->n_stores == MAX_STORES)
            return g_strdup("\"store\": at most 3");
        world_add_store(scn->world);
        names_push(&scn->stores, g_strdup(words[i]));
    }
    return NULL;
}

static char *take_controllers(struct scenario *scn, char **words)
{
    scn->world->n_ctls = words[0][0] - '0';
    if (scn->world->n_ctls < 0 || scn->world->n_ctls > MAX_CTLS)
        return g_strdup("\"controllers\": 0 to 3");
    return NULL;
}

static char *take_run(struct scenario *scn, char **words)
{
    if (!scenario_time(words[0], &scn->end_ms))
        return g_strdup("\"run\": a time such as 60s");
    scn->end_ms += WARM_UP_MS;
    return NULL;
}

static char *take_isolation(struct scenario *scn, char **words)
{
    static const char *const responses[] = { HA_ISOLATIONS(STATE_WORD) };

    for (unsigned i = 0; i < G_N_ELEMENTS(responses); i++)
        if (strcmp(words[0], responses[i]) == 0) {
            scn->world->isolation = (enum ha_isolation)i;
            return NULL;
        }
    return g_strdup("\"isolation\": leaveRunning, shutdown or poison");
}

static const struct {
    const char *name;
    char *(*take)(struct scenario *scn, char **words);
} heads[] = {
    { "host", take_host_line }, { "store", take_store_line },
    { "vm", take_vm_line },     { "controllers", take_controllers },
    { "run", take_run },        { "isolation", take_isolation },
};

static char *take_head(struct scenario *scn, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
        if (strcmp(words[0], heads[i].name) == 0)
            return words[1] ? heads[i].take(scn, words + 1)
                            : g_strdup_printf("\"%s\": a word is missing", words[0]);
    return g_strdup_printf("not a line of a scenario: %s", line);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static char *one_blank(const char *line)
{
    GString *text = g_string_new(NULL);

    for (const char *c = line; *c; c++)
        if (!g_ascii_isspace(*c))
            g_string_append_c(text, *c);
        else if (text->len > 0 && text->str[text->len - 1] != ' ')
            g_string_append_c(text, ' ');
    return g_string_free(text, FALSE);
}

char *scenario_take(struct scenario *scn, const char *raw)
{
    g_autofree char *line = one_blank(raw);
    char *blank = strchr(line, ' ');
    int64_t at_ms;

    if (*line == '\0')
        return NULL;
    if (g_str_has_prefix(line, "expect "))
        return scenario_take_hope(scn, line + strlen("expect "));
    if (!g_ascii_isdigit(*line))
        return take_head(scn, line);
    if (blank)
        *blank = '\0';
    if (!blank || !scenario_time(line, &at_ms))
        return g_strdup("a time and what befalls: 10s kill h1");
    scn->clock_ms = at_ms;
    return scenario_take_deed(scn, at_ms, blank + 1);
}

void scenario_clear(struct scenario *scn)
{
    for (size_t i = 0; i < scn->hosts.len; i++)
        g_free(scn->hosts.items[i]);
    for (size_t i = 0; i < scn->vms.len; i++)
        g_free(scn->vms.items[i]);
    for (size_t i = 0; i < scn->hopes.len; i++)
        g_free(scn->hopes.items[i].text);
    names_clear(&scn->hosts);
    for (size_t i = 0; i < scn->stores.len; i++)
        g_free(scn->stores.items[i]);
    names_clear(&scn->vms);
    names_clear(&scn->stores);
    deeds_clear(&scn->deeds);
    hopes_clear(&scn->hopes);
}
