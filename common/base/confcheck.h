/* confcheck.h - what several programs' settings have in common beyond type and range.
 *
 * confcheck_address and confcheck_url look at the text alone (conf.h's `wrong`); the others look at
 * this machine and are for --check-config and the start, before anything is done.  Any thread. */
#ifndef VRM_BASE_CONFCHECK_H
#define VRM_BASE_CONFCHECK_H

#include <glib.h>
#include <stdbool.h>

/* An IPv4 or IPv6 address. */
char *confcheck_address(const char *text);
/* http:// or https://, a host, perhaps a port, and nothing more. */
char *confcheck_url(const char *text);

/* A folder that is there and can be written, or can be made.  setting names it in messages:
 * "[agent] state_dir". */
bool confcheck_folder(const char *setting, const char *path, GError **error);
/* Puts "[section] name = value: " before an error about the value. */
bool confcheck_blame(const char *setting, const char *value, GError **error);

/* Puts "PATH:LINE: " before an error that begins with "[section] key": the line that gives it; if
 * none does, "PATH: ".  path NULL: "defaults: ". */
void confcheck_place(const char *path, GError **error);

#endif /* VRM_BASE_CONFCHECK_H */
