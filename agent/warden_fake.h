/* warden_fake.h - a vrm-hald that only remembers: for tests of everything above warden.h.
 *
 * Says yes to all, unless told otherwise; of slots, that the first one asked for is held by its
 * host with the number of those asked for as seq.  Any thread. */
#ifndef VRM_AGENT_WARDEN_FAKE_H
#define VRM_AGENT_WARDEN_FAKE_H

#include <glib.h>

#include "agent/warden.h"
#include "base/err.h"

typedef struct WardenFake WardenFake;

WardenFake *warden_fake_new(void);
/* After the agent that used it. */
void warden_fake_free(WardenFake *fake);
struct warden warden_fake_warden(WardenFake *fake);

/* The next request of this kind is refused, or (code not CONFLICT) has no answer. */
void warden_fake_fail(WardenFake *fake, enum hald_op op, enum vrm_err code, const char *text);
/* None is answered any more, or all are again, by a process that began just now. */
void warden_fake_set_up(WardenFake *fake, bool up);
/* Its status says from now on that this VM's guest is to shut down; NULL: none is. */
void warden_fake_shut_down(WardenFake *fake, const char *uuid);
/* ... that this VM's process ends, without a word to its guest; NULL: none does. */
void warden_fake_end(WardenFake *fake, const char *uuid);
/* Was its status last asked for by an agent that a controller listens to? */
bool warden_fake_is_watched(WardenFake *fake);
/* Requests of this kind wait inside until released. */
void warden_fake_hold(WardenFake *fake, enum hald_op op);
void warden_fake_release(WardenFake *fake, enum hald_op op);
unsigned warden_fake_inside(WardenFake *fake, enum hald_op op);
/* How many requests of this kind there were so far. */
unsigned warden_fake_asked(WardenFake *fake, enum hald_op op);
/* Every request but status and slots so far: "ask 01;process+ 01;process- 02;...", the last two
 * characters of each UUID, or the VM's number.  Begins anew with each call. */
char *warden_fake_take_history(WardenFake *fake);

#endif /* VRM_AGENT_WARDEN_FAKE_H */
