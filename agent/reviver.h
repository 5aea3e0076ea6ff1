/* reviver.h - notices that libvirtd stands still, and has it started anew.
 *
 * One that is dead is systemd's business.  One that hangs keeps its socket and answers nobody: a
 * thread that does nothing else asks it something cheap every few seconds, which no single VM can
 * hold up.  When no answer comes for too long, a command ends it; whoever keeps it starts it again.
 * VMs are not touched: they are processes of their own.  Loop thread. */
#ifndef VRM_AGENT_REVIVER_H
#define VRM_AGENT_REVIVER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/hv.h"

typedef struct Reviver Reviver;

struct reviver_options {
    const struct hv *hv; /* borrowed */
    int64_t hang_ms;     /* 0: nothing is asked, nothing ever ended */
    const char *command; /* with its arguments, as a shell would split them; "": none */
    /* The command was run. */
    void (*revived)(void *user);
    void *user;
};

/* Begins at once. */
Reviver *reviver_new(const struct reviver_options *options);
/* False: its question hangs, and it is leaked on purpose.  NULL is fine. */
bool reviver_free(Reviver *reviver);
/* No question is out. */
bool reviver_is_idle(const Reviver *reviver);
/* How often the command was run by this process. */
int64_t reviver_count(const Reviver *reviver);

/* What conf.h's `wrong` wants: why the text is no command; NULL: it is one, or "".  Caller frees.
 */
char *reviver_wrong_command(const char *text);

/* ---- the judgement, pure ----------------------------------------------------------------------
 */

struct reviver_judge {
    int64_t look_ms;   /* the last look; 0: none */
    int64_t origin_ms; /* silence before does not count: we stood still ourselves, or revived it */
    int64_t revived_ms;
    unsigned n_revived; /* one soon after the other */
};

/* A look, about once a second: has it hung for hang_ms?  Twice as long after each time that this
 * was so, up to 32 times, until it was well for a quarter of an hour: one that needs long to come
 * up must not be ended again and again.  since_ms: of the question that is out; 0: none is. */
bool reviver_judge_look(struct reviver_judge *judge, int64_t since_ms, int64_t hang_ms,
                        int64_t now_ms);

#endif /* VRM_AGENT_REVIVER_H */
