/* observe_private.h - between observe.c (lines and ticks), observe_hello.c, observe_host.c and
 * observe_vm.c. */
#ifndef VRM_CONTROLLER_OBSERVE_PRIVATE_H
#define VRM_CONTROLLER_OBSERVE_PRIVATE_H

#include "controller/observe.h"
#include "controller/views.h"

/* A restarted agent is back within a second or two; only then its VMs are called unknown. */
#define OBSERVE_GRACE_MS 6000

struct Observe {
    struct app *app;
    Views *views;
    GHashTable *fixing;    /* set of int64 VM ids whose correction is being written */
    GHashTable *doubled;   /* set of int64 VM ids that were told to run twice */
    GHashTable *unwritten; /* set of int64 VM ids whose CPU is not in the database yet */
    GHashTable *settling;  /* int64 VM id -> until when reports mean nothing */
    guint tick_timer;
};

/* The host's view; a new one has no link. */
struct view *observe_view(Observe *observe, int64_t host_id);
/* The end of a commit that nobody waits for. */
void observe_note_failure(const GError *error, void *user);

/* ---- observe_host.c ---- */

/* A copy to change and put back; NULL: there is no such host. */
Host *observe_edit_host(Observe *observe, int64_t host_id);
/* Takes host. */
void observe_put_host(Observe *observe, Host *host);
/* "?": there is no such host.  Valid until the inventory changes. */
const char *observe_host_name(Observe *observe, int64_t host_id);
/* It is connected, and its libvirtd answers (ok) or does not. */
void observe_host_answers(Observe *observe, struct view *view, bool ok);
/* There was no link for too long. */
void observe_host_is_lost(Observe *observe, struct view *view, const char *trouble);

/* ---- observe_vm.c ---- */

/* Compares every VM that is, or is thought to be, on this host. */
void observe_vms_of(Observe *observe, struct view *view);
/* Compares again the VMs whose settling time is over. */
void observe_end_settling(Observe *observe, int64_t now_ms);

#endif /* VRM_CONTROLLER_OBSERVE_PRIVATE_H */
