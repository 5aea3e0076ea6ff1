/* hald_proc.h - processes of VMs, found by "-uuid UUID" among their arguments, and killed.
 *
 * What another process namespace hides is not there.  Loop thread. */
#ifndef VRM_AGENT_HALD_PROC_H
#define VRM_AGENT_HALD_PROC_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct HaldProcs HaldProcs;

/* uuid in lower case, borrowed. */
typedef void (*hald_proc_fn)(pid_t pid, const char *uuid, void *user);

HaldProcs *hald_procs_new(void);
/* NULL is fine. */
void hald_procs_free(HaldProcs *procs);

/* Tells of each process with a UUID.  False: /proc cannot be read. */
bool hald_procs_scan(HaldProcs *procs, hald_proc_fn found, void *user);

/* A handle (close it) on the process, which is that VM's; -1: it is not, or not any more. */
int hald_proc_open(pid_t pid, const char *uuid);
/* Is it still there?  A zombie is not. */
bool hald_proc_lives(int handle);
/* SIGKILL to it, and to whatever shares the control group that libvirt made for its VM. */
bool hald_proc_kill(int handle, pid_t pid, GError **error);

/* Of the arguments, each ended by a NUL: the UUID in lower case, or NULL; for tests. */
char *hald_proc_uuid(const char *arguments, size_t len);
/* Of the text of /proc/PID/cgroup: path below the unified tree of the group that holds one VM and
 * nothing else, or NULL; for tests. */
char *hald_proc_group(const char *text);

#endif /* VRM_AGENT_HALD_PROC_H */
