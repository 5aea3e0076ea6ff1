/* power.h - power of a host through its BMC: a fence agent run as a child.
 *
 * What a caller can tell apart by the error's reason: REASON_HOST_NO_BMC (none is set),
 * REASON_BMC_UNREACHABLE (dead, cut off or a wrong address), REASON_HOST_BAD_BMC_PASSWORD (it
 * answers and refuses us), REASON_FAILED (it took the command, the power stayed).  The password
 * goes to the agent's standard input and appears in no error.  Loop thread only. */
#ifndef VRM_CONTROLLER_POWER_H
#define VRM_CONTROLLER_POWER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/types.h"

enum power_verb {
    POWER_STATUS,
    POWER_ON,
    POWER_OFF,
};

/* Plain value; strings are borrowed while power_start runs. */
struct power_order {
    const char *agent; /* path of fence_ipmilan, or of one that takes the same parameters */
    int64_t cipher;    /* IPMI 2.0 cipher suite */
    int64_t limit_ms;  /* for the power to change */
    const Host *host;
    enum power_verb verb;
};

typedef struct Power Power;

/* error NULL: the power is what was asked for; is_on says what it is.  Called once, from the loop,
 * never from inside power_start; the Power is gone afterwards. */
typedef void (*power_done_fn)(bool is_on, const GError *error, void *user);
Power *power_start(const struct power_order *order, power_done_fn done, void *user, GError **error);
/* Forgets it; done is not called.  A command that the BMC has taken happens all the same. */
void power_cancel(Power *power);

/* ---- for tests ------------------------------------------------------------------------------ */

/* Is there a BMC, and can its data be told to the agent?  VRM_ERR_INVALID, names the field. */
bool power_check_host(const Host *host, GError **error);
/* What the agent's end means: true, or an error as above. */
struct child_result;
bool power_judge(const struct child_result *result, const Host *host, enum power_verb verb,
                 bool *ret_is_on, GError **error);

#endif /* VRM_CONTROLLER_POWER_H */
