/* known.h - refusing names that nobody reads, with the nearest one that is meant.
 *
 * The door is tolerant for FusionCompute's own objects, because its clients send what they read and
 * more.  Rules, policies, queries and our own calls are strict: a misspelt word there would be a
 * change that silently is another one.  Names compare without regard to case.  Any thread. */
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
