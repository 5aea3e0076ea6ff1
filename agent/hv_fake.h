/* hv_fake.h - a hypervisor that only remembers: for tests of everything above hv.h.
 *
 * The functions here: the test's thread, which is the loop's.  Calls can be made to fail, or held
 * until the test lets them go. */
#ifndef VRM_AGENT_HV_FAKE_H
#define VRM_AGENT_HV_FAKE_H

#include <glib.h>

#include "agent/hv.h"
#include "base/err.h"

typedef struct HvFake HvFake;

HvFake *hv_fake_new(void);
/* After the agent that used it. */
void hv_fake_free(HvFake *fake);
struct hv hv_fake_hv(HvFake *fake);

/* The connection; up from start_link on unless told otherwise before. */
void hv_fake_set_link(HvFake *fake, bool up);
/* Puts a domain there, or takes it away, without an event. */
void hv_fake_put(HvFake *fake, const char *uuid, enum domain_state state, int64_t gen);
/* The same, started by a right; halted: not let run yet. */
void hv_fake_put_by_right(HvFake *fake, const char *uuid, enum domain_state state, int64_t gen,
                          bool halted);
void hv_fake_remove(HvFake *fake, const char *uuid);
/* The event that tells what is true of the domain now. */
void hv_fake_tell(HvFake *fake, const char *uuid);

/* The next call named "start", "stop", ... fails so; link: as trouble with the connection. */
void hv_fake_fail(HvFake *fake, const char *call, enum vrm_err code, bool link, const char *text);
/* Calls of this name wait inside until released. */
void hv_fake_hold(HvFake *fake, const char *call);
void hv_fake_release(HvFake *fake, const char *call);
/* How many calls of this name are inside now. */
unsigned hv_fake_inside(HvFake *fake, const char *call);
/* Every change so far: "start UUID-END;stop ...", the last two characters of each UUID. */
char *hv_fake_history(HvFake *fake);

#endif /* VRM_AGENT_HV_FAKE_H */
