/* imc.h - the CPU generations a cluster may be set to (IMC), under their names in the API.
 *
 * FusionCompute 6's names and, from 8 on, QEMU's; both spellings of one generation are kept, so
 * that a client reads back what it wrote.  Each stands for one of libvirt's CPU models: of a
 * generation's models the one without TSX, which updates of the microcode have switched off.
 * What a generation means for hosts is not decided here.  Pure; any thread. */
#ifndef VRM_MODEL_IMC_H
#define VRM_MODEL_IMC_H

#include <stdbool.h>
#include <stddef.h>

#include "model/cpu.h"

/* Finds a mode in any case; NULL: unknown.  Static. */
const char *imc_mode_find(const char *text);
/* libvirt's model of a mode, "Westmere"; NULL: no mode.  Static. */
const char *imc_mode_model(const char *mode);
/* All, with commas between them; g_free. */
char *imc_modes_list(void);

/* A generation: older before newer, maker by maker. */
struct imc_generation {
    const char *model; /* libvirt's name */
    const char *mode;  /* the API's */
    const char *maker; /* "Intel", "AMD"; Hygon counts as AMD, whose design it is */
};
/* NULL: no more. */
const struct imc_generation *imc_generation(size_t place);
/* NULL: not a generation's model. */
const struct imc_generation *imc_generation_of(const char *model);

/* models: those that a host can present, with blanks between them (Host's cpu_generations). */
bool imc_has_model(const char *models, const char *model);
/* The newest of them: of the maker of which there are most; NULL: none. */
const struct imc_generation *imc_newest(const char *models);

/* The oldest generation that hides nothing from a guest with this CPU (Vm's cpu_model, cpu_seen):
 * the lowest baseline with which it can go on running.  NULL: none, or not known what it sees. */
const struct imc_generation *imc_oldest_for(const char *cpu_model, const char *cpu_seen);

/* Features that some generation's model has: what else QEMU may give a guest is of no generation
 * and hidden by none. */
CpuSet *imc_all_features(void);

#endif /* VRM_MODEL_IMC_H */
