/* views.h - what each host says: its domains, its unfinished commands, and whether it is heard.
 *
 * Only what was said and when; observe*.c draw the conclusions.  Loop thread only. */
#ifndef VRM_CONTROLLER_VIEWS_H
#define VRM_CONTROLLER_VIEWS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/msg.h"
#include "controller/host_news.h"
#include "model/types.h"

/* A domain as a host reported it last. */
struct seen {
    int64_t vm_id;
    enum domain_state state;
    int64_t gen; /* the start or move that brought it there; a VM's run_gen */
    int64_t vnc_port;
    char *cpu; /* that the guest sees, see model/cpu.h; "": not known */
};

/* What one host says. */
struct view {
    int64_t host_id;
    bool awaited;       /* nothing was heard of it yet, not even that it does not answer */
    bool full;          /* its list was read on the present link */
    int64_t down_ms;    /* since when there is no link; 0: there is one */
    bool hypervisor_ok; /* its libvirtd answers: the list is of now */
    struct host_news news;
    int64_t n_revivals;  /* of its libvirtd, as its agent counts them; -1: not heard yet */
    GHashTable *domains; /* uuid -> struct seen */
    GHashTable *busy;    /* set of VM uuids that an unfinished command is about */
    GHashTable *ends;    /* uuid -> how that domain ended, as the agent said it; since it ended */
};

typedef struct Views Views;

Views *views_new(void);
void views_free(Views *views);
/* Forgets all. */
void views_reset(Views *views);
void views_forget(Views *views, int64_t host_id);

/* The host's view; a new one has no link. */
struct view *views_of(Views *views, int64_t host_id, int64_t now_ms);
/* NULL: it was never spoken of. */
const struct view *views_peek(const Views *views, int64_t host_id);
/* fn must neither add nor forget views. */
void views_foreach(const Views *views, void (*fn)(struct view *view, void *user), void *user);

/* What it says is true now; a view without a link is only what was true.  view may be NULL. */
bool views_is_heard(const struct view *view);
/* A list may be a few seconds (limit_ms) old to call a VM alive ... */
bool views_may_still_count(const struct view *view, int64_t now_ms, int64_t limit_ms);
/* ... but must be of now to call it gone: somebody may start it elsewhere on the strength of it. */
bool views_can_tell_absence(const struct view *view);

/* NULL: the host does not name such a domain. */
const struct seen *views_seen(const Views *views, int64_t host_id, const char *uuid);
/* How a domain that is gone or down ended there; "": nobody said. */
const char *views_end(const Views *views, int64_t host_id, const char *uuid);
/* Running or paused; seen may be NULL. */
bool views_is_alive(const struct seen *seen);
/* Does it name any guest that is alive?  Also one that nobody knows here. */
bool views_has_alive(const struct view *view);
/* Another host that reports the VM alive, now (heard) or when it was last heard; 0: none. */
int64_t views_alive_elsewhere(const Views *views, const Vm *vm, bool heard);
/* Is an unfinished command of any host about it?  A task may have given it up long ago. */
bool views_is_worked_on(const Views *views, const Vm *vm);
/* Is there a host that was not heard, and of which not even that is known? */
bool views_awaited(const Views *views);

void views_take_domain(struct view *view, const struct domain_report *report);
/* All domains anew; returns those of before (unref). */
GHashTable *views_take_full(struct view *view, const struct watch_line *line);

#endif /* VRM_CONTROLLER_VIEWS_H */
