/* deputy_home.h - the Deputy of this agent: made from what vrm-hald was told
 * (agentproto/ha_setup.h), which is kept on disk, because it is needed just when nobody is there to
 * tell it again.
 *
 * Loop thread; the file is written by a thread of its own. */
#ifndef VRM_AGENT_DEPUTY_HOME_H
#define VRM_AGENT_DEPUTY_HOME_H

#include <glib.h>

#include "agent/agent.h"

typedef struct DeputyHome DeputyHome;

struct deputy_home_options {
    Agent *agent;                               /* borrowed; must outlive it */
    const char *state_dir;                      /* copied */
    const char *ca_file, *cert_file, *key_file; /* for etcd; "": none */
};

/* With what the last setup said, if there was one. */
DeputyHome *deputy_home_new(const struct deputy_home_options *options);
void deputy_home_free(DeputyHome *home);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeputyHome, deputy_home_free)

/* A new setup, as text; the same again changes nothing. */
void deputy_home_set(DeputyHome *home, const char *text);

#endif /* VRM_AGENT_DEPUTY_HOME_H */
