/* warden.h - what the agent asks of vrm-hald on its host, behind one function: warden_link.c is the
 * real one, warden_fake.c serves tests.
 *
 * The contract is agentproto/hald_msg.h.  All calls here block until deadline_ms (of clock_now_ms):
 * workers only.  Trouble with vrm-hald itself has the error field WARDEN_FIELD: VRM_ERR_UNAVAILABLE
 * when it was not asked, VRM_ERR_TIMEOUT when it was and did not answer in time; then it may still
 * do it.  A "no" is VRM_ERR_CONFLICT with vrm-hald's own words. */
#ifndef VRM_AGENT_WARDEN_H
#define VRM_AGENT_WARDEN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/hald_msg.h"

#define WARDEN_FIELD    "vrm-hald"
#define WARDEN_QUICK_MS 5000  /* for what vrm-hald answers at once */
#define WARDEN_SLOW_MS  20000 /* for what waits for etcd */

struct warden {
    /* The reply to one request, whose id it sets; the caller clears it.  False: no reply.  NULL: no
     * vrm-hald is in use here. */
    bool (*call)(void *data, struct hald_request *request, int64_t deadline_ms,
                 struct hald_reply *ret_reply, GError **error);
    void (*free)(void *data); /* nobody is inside a call */
    void *data;
};

struct warden_vm {
    int64_t id;
    const char *uuid;
    const char *right; /* ask, release: the token */
};

static inline bool warden_in_use(const struct warden *warden)
{
    return warden->call != NULL;
}

bool warden_ask(const struct warden *warden, const struct warden_vm *vm, int64_t deadline_ms,
                GError **error);
bool warden_may_run(const struct warden *warden, const struct warden_vm *vm, GError **error);
bool warden_process(const struct warden *warden, const struct warden_vm *vm, bool exists,
                    GError **error);
/* Says first that no process is there. */
bool warden_give_up(const struct warden *warden, const struct warden_vm *vm, GError **error);
bool warden_release(const struct warden *warden, const struct warden_vm *vm, int64_t deadline_ms,
                    GError **error);
bool warden_setup(const struct warden *warden, const struct ha_setup *setup, GError **error);
/* watched: a controller listens to us.  The caller clears the reply; its status is filled. */
bool warden_status(const struct warden *warden, bool watched, struct hald_reply *ret_reply,
                   GError **error);

/* The caller clears the reply; its slots are filled. */
bool warden_slots(const struct warden *warden, int64_t first, int64_t count,
                  struct hald_reply *ret_reply, GError **error);

#endif /* VRM_AGENT_WARDEN_H */
