/* settings_check.h - does what the settings point to exist, and is it fit for its use?
 *
 * What a file says alone is checked by settings_load.  This looks at the machine: for
 * --check-config, before the start and before a reload, so that nothing of it is found out only
 * when a connection fails.  Changes nothing.  Blocking; any thread. */
#ifndef VRM_CONTROLLER_SETTINGS_CHECK_H
#define VRM_CONTROLLER_SETTINGS_CHECK_H

#include <glib.h>
#include <stdbool.h>

struct settings;

/* path: of the settings' file, for messages. */
bool settings_check(const struct settings *settings, const char *path, GError **error);

#endif /* VRM_CONTROLLER_SETTINGS_CHECK_H */
