/* host_setup.h - what every host's vrm-hald is told: POST /v1/ha of its agent.
 *
 * Level-triggered: twice a second each connected host with vrm-hald is held against what it has
 * taken since it last connected, and told what differs.  The key of the beats is made once for a
 * site, by its first leader, at PREFIX/beat_key in etcd.  Loop thread only. */
#ifndef VRM_CONTROLLER_HOST_SETUP_H
#define VRM_CONTROLLER_HOST_SETUP_H

#include "base/httpc.h"
#include "controller/app.h"

typedef struct HostSetups HostSetups;

/* Does nothing when [ha] is off. */
HostSetups *host_setups_new(struct app *app, HttpClient *etcd_http);
void host_setups_free(HostSetups *setups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostSetups, host_setups_free)

/* vrmd became active. */
void host_setups_start(HostSetups *setups);
/* Forgets what was told (before a reload). */
void host_setups_reset(HostSetups *setups);
/* Are hosts told anything, that is: is [ha] on?  NULL: no. */
bool host_setups_in_use(const HostSetups *setups);
/* The host said hello: it is told everything again. */
void host_setups_greet(HostSetups *setups, int64_t host_id);

/* Can it keep slots on shared datastores: is its agent new enough, and is there one for it? */
bool host_setups_knows_slots(const Host *host);

/* When the host took all that it is to know now; 0: it has not.  NULL: nobody has. */
int64_t host_setups_taken_ms(const HostSetups *setups, int64_t host_id);

/* 64 hexadecimal digits; NULL: not known yet.  Borrowed. */
const char *host_setups_beat_key(const HostSetups *setups);

/* The body for one host; free with g_free. */
char *host_setups_format(const HostSetups *setups, const Host *host, int64_t epoch);

#endif /* VRM_CONTROLLER_HOST_SETUP_H */
