/* imc.c - see imc.h. */
#include "config.h"

#include "model/imc.h"

#include <glib.h>
#include <stdint.h>

/* Older before newer, maker by maker. */
static const char *const modes[] = {
    "Merom",
    "Penryn",
    "Nehalem",
    "Westmere",
    "Sandy Bridge",
    "SandyBridge",
    "Ivy Bridge",
    "IvyBridge",
    "Haswell",
    "Haswell-noTSX",
    "Broadwell",
    "Broadwell-noTSX",
    "Skylake-Server",
    "Skylake-Server-noTSX-IBRS",
    "Cascadelake-Server",
    "Cascadelake-Server-noTSX",
    "Icelake-Server",
    "Icelake-Server-noTSX",
    "Opteron_G1",
    "Opteron_G2",
    "Opteron_G3",
    "Opteron_G4",
    "Opteron_G5",
    "EPYC",
    "EPYC-Rome",
    "EPYC-Milan",
    "Dhyana",
    NULL,
};

const char *imc_mode_find(const char *text)
{
    for (const char *const *mode = modes; *mode; mode++) {
        if (g_ascii_strcasecmp(*mode, text) == 0)
            return *mode;
    }
    return NULL;
}

char *imc_modes_list(void)
{
    return g_strjoinv(", ", (char **)(uintptr_t)modes);
}
