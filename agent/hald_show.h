/* hald_show.h - `vrm-hald --status`: asks the one that runs and prints what it says.  Blocks. */
#ifndef VRM_AGENT_HALD_SHOW_H
#define VRM_AGENT_HALD_SHOW_H

#include <glib.h>
#include <stdbool.h>

struct hald_status;

/* Prints to stdout.  VRM_ERR_UNAVAILABLE: nobody answers. */
bool hald_show(const char *socket_path, GError **error);
/* What it prints; g_free. */
char *hald_show_text(const struct hald_status *status);

#endif /* VRM_AGENT_HALD_SHOW_H */
