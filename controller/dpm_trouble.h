/* dpm_trouble.h - hosts whose sleep, wake-up or proof failed lately, and when to try again.
 *
 * Each failure doubles the rest, up to 16 times; a success, or new BMC data, ends it.  Not stored:
 * the finished tasks tell it to the next controller.  Loop thread only. */
#ifndef VRM_CONTROLLER_DPM_TROUBLE_H
#define VRM_CONTROLLER_DPM_TROUBLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/types.h"

struct dpm_trouble {
    unsigned n_failures; /* in a row */
    int64_t since_ms, until_ms;
    enum task_type what; /* that failed last */
    int64_t reason;      /* enum reason */
    char *text;
    char *bmc; /* address, user and password of then; NULL: not known */
};

typedef struct DpmTroubles DpmTroubles;

DpmTroubles *dpm_troubles_new(int64_t rest_ms);
void dpm_troubles_free(DpmTroubles *troubles);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DpmTroubles, dpm_troubles_free)
void dpm_troubles_reset(DpmTroubles *troubles);

/* A task of DPM about the host has ended.  host NULL: as it was then is not known. */
void dpm_trouble_note(DpmTroubles *troubles, const Task *task, const Host *host);
/* What keeps the host from being tried at now_ms; NULL: nothing.  Forgets what is over because the
 * host has other BMC data. */
const struct dpm_trouble *dpm_trouble_look(DpmTroubles *troubles, const Host *host, int64_t now_ms);

/* "its last wake-up failed 3 min ago, next try in 5 min: the BMC ..."; caller frees. */
char *dpm_trouble_text(const struct dpm_trouble *trouble, int64_t now_ms);
/* Is it about the host's power rather than about emptying it? */
bool dpm_trouble_is_power(const struct dpm_trouble *trouble);

#endif /* VRM_CONTROLLER_DPM_TROUBLE_H */
