/* imc.c - see imc.h. */
#include "config.h"

#include "model/imc.h"

#include <glib.h>
#include <string.h>

#define INTEL "Intel"
#define AMD   "AMD"

// clang-format off
static const struct imc_generation generations[] = {
    { "Conroe",                    "Merom",              INTEL },
    { "Penryn",                    "Penryn",             INTEL },
    { "Nehalem",                   "Nehalem",            INTEL },
    { "Westmere",                  "Westmere",           INTEL },
    { "SandyBridge",               "Sandy Bridge",       INTEL },
    { "IvyBridge",                 "Ivy Bridge",         INTEL },
    { "Haswell-noTSX",             "Haswell",            INTEL },
    { "Broadwell-noTSX",           "Broadwell",          INTEL },
    { "Skylake-Server-noTSX-IBRS", "Skylake-Server",     INTEL },
    { "Cascadelake-Server-noTSX",  "Cascadelake-Server", INTEL },
    { "Icelake-Server-noTSX",      "Icelake-Server",     INTEL },
    { "Opteron_G1",                "Opteron_G1",         AMD },
    { "Opteron_G2",                "Opteron_G2",         AMD },
    { "Opteron_G3",                "Opteron_G3",         AMD },
    { "Opteron_G4",                "Opteron_G4",         AMD },
    { "Opteron_G5",                "Opteron_G5",         AMD },
    { "EPYC",                      "EPYC",               AMD },
    { "EPYC-Rome",                 "EPYC-Rome",          AMD },
    { "EPYC-Milan",                "EPYC-Milan",         AMD },
    { "Dhyana",                    "Dhyana",             AMD },
};
// clang-format on

/* A mode is a generation's name in the API or its model's: "Sandy Bridge" and "SandyBridge". */
static const char *spelling(const struct imc_generation *generation, const char *text)
{
    if (g_ascii_strcasecmp(generation->mode, text) == 0)
        return generation->mode;
    /* libvirt's Conroe is known as Merom only */
    if (generation != &generations[0] && g_ascii_strcasecmp(generation->model, text) == 0)
        return generation->model;
    return NULL;
}

static const struct imc_generation *find(const char *text, const char **ret_spelling)
{
    for (size_t i = 0; i < G_N_ELEMENTS(generations); i++) {
        *ret_spelling = spelling(&generations[i], text);
        if (*ret_spelling)
            return &generations[i];
    }
    return NULL;
}

const char *imc_mode_find(const char *text)
{
    const char *mode;

    return find(text, &mode) ? mode : NULL;
}

const char *imc_mode_model(const char *mode)
{
    const char *spelt;
    const struct imc_generation *generation = find(mode, &spelt);

    return generation ? generation->model : NULL;
}

char *imc_modes_list(void)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(generations); i++) {
        const struct imc_generation *it = &generations[i];

        g_string_append_printf(text, "%s%s", i ? ", " : "", it->mode);
        if (i > 0 && strcmp(it->mode, it->model) != 0)
            g_string_append_printf(text, ", %s", it->model);
    }
    return g_string_free(text, FALSE);
}

const struct imc_generation *imc_generation(size_t place)
{
    return place < G_N_ELEMENTS(generations) ? &generations[place] : NULL;
}

const struct imc_generation *imc_generation_of(const char *model)
{
    for (size_t i = 0; i < G_N_ELEMENTS(generations); i++) {
        if (strcmp(generations[i].model, model) == 0)
            return &generations[i];
    }
    return NULL;
}

bool imc_has_model(const char *models, const char *model)
{
    const size_t len = strlen(model);

    for (const char *at = models; (at = strstr(at, model)); at += len) {
        bool begins = at == models || at[-1] == ' ';

        if (begins && (at[len] == '\0' || at[len] == ' '))
            return true;
    }
    return false;
}

static size_t count_of(const char *models, const char *maker)
{
    size_t n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(generations); i++) {
        if (strcmp(generations[i].maker, maker) == 0)
            n += imc_has_model(models, generations[i].model);
    }
    return n;
}

const struct imc_generation *imc_newest(const char *models)
{
    const char *maker = count_of(models, AMD) > count_of(models, INTEL) ? AMD : INTEL;
    const struct imc_generation *newest = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(generations); i++) {
        if (strcmp(generations[i].maker, maker) == 0 && imc_has_model(models, generations[i].model))
            newest = &generations[i];
    }
    return newest;
}

/* ---- what a guest needs ------------------------------------------------------------------------
 */

CpuSet *imc_all_features(void)
{
    CpuSet *all = cpu_set_parse("");
    const struct imc_generation *it;

    for (size_t i = 0; (it = imc_generation(i)); i++) {
        g_autoptr(CpuSet) one = cpu_set_of_model(it->model);
        CpuSet *more = one ? cpu_set_union(all, one) : NULL;

        if (!more)
            continue;
        cpu_set_free(all);
        all = more;
    }
    return all;
}

const struct imc_generation *imc_oldest_for(const char *cpu_model, const char *cpu_seen)
{
    g_autoptr(CpuSet) seen = NULL;
    g_autoptr(CpuSet) known = NULL;
    g_autoptr(CpuSet) has = NULL;
    const struct imc_generation *it;

    if (*cpu_model) /* whatever QEMU put on top */
        return imc_generation_of(cpu_model);
    seen = cpu_set_of_seen(cpu_seen);
    if (!seen)
        return NULL;
    known = imc_all_features();
    has = cpu_set_common(seen, known);
    for (size_t i = 0; (it = imc_generation(i)); i++) {
        g_autoptr(CpuSet) own = cpu_set_of_model(it->model);

        if (own && cpu_set_covers(own, has))
            return it;
    }
    return NULL;
}
