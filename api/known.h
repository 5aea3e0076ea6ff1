/* known.h - refusing names that nobody reads, with the nearest one that is meant.
 *
 * The door is tolerant for FusionCompute's own objects, because its clients send what they read and
 * more.  A reader asks here where a misspelt word would be a deed that silently is another one:
 * drsSetting, its hour lists, its drsThreshold and the rules it creates or changes; the same rules
 * one by one; drsVmConfig, haResSetting; applying recommendations; enterMaintenanceMode and
 * MigrateAllVms; and the filters of rules, events and the audit.  Names compare without regard to
 * case.  Any thread. */
#ifndef VRM_API_KNOWN_H
#define VRM_API_KNOWN_H

#include <glib.h>
#include <stdbool.h>

#include "api/target.h"
#include "base/json.h"

/* words end with NULL.  Fails at the first key of the object that is not among them. */
bool known_keys(const struct json_reader *reader, const char *const *words, GError **error);
/* The same for query parameters. */
bool known_params(const struct target *target, const char *const *words, GError **error);

#endif /* VRM_API_KNOWN_H */
