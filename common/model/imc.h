/* imc.h - the CPU generations a cluster may be set to (IMC), under their names in the API.
 *
 * FusionCompute 6's names and, from 8 on, QEMU's; both spellings of one generation are kept, so
 * that a client reads back what it wrote.  What a generation means for hosts is not decided here.
 * Pure; any thread. */
#ifndef VRM_MODEL_IMC_H
#define VRM_MODEL_IMC_H

/* Finds a mode in any case; NULL: unknown.  Static. */
const char *imc_mode_find(const char *text);
/* All, with commas between them; g_free. */
char *imc_modes_list(void);

#endif /* VRM_MODEL_IMC_H */
