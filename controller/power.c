/* power.c - see power.h.
 *
 * Status is asked first, with a short limit: a dead BMC is known soon, and a host that is already
 * as it should be is left alone. */
#include "config.h"

#include "controller/power.h"

#include <string.h>

#include "base/err.h"
#include "controller/child.h"
#include "model/reason.h"

#define MS_PER_S INT64_C(1000)
/* A BMC that has not answered then is dead.  Less than ipmitool's own patience (ten tries of two
 * seconds): only so does the agent say "timed out", and not the same as after a wrong password. */
#define ANSWER_LIMIT_S 8
/* The agent gives up by itself; this is for one that hangs. */
#define HANG_MS 10000

/* Exit codes of every fence agent. */
#define EXIT_STATUS_OFF 2

struct Power {
    char *agent;
    int64_t cipher, limit_ms;
    Host *host;
    enum power_verb verb, step; /* step: what runs now */
    Child *child;
    power_done_fn done;
    void *user;
};

static void free_power(Power *power)
{
    child_kill(power->child);
    host_unref(power->host);
    g_free(power->agent);
    g_free(power);
}

/* ---- what the agent is told -------------------------------------------------------------------
 */

#define FIELD_MAX 512

/* One parameter is one line; the agent takes a pair of quotes off. */
static bool check_line(const char *text, const char *field, int reason, GError **error)
{
    if (strlen(text) <= FIELD_MAX && g_utf8_validate(text, -1, NULL) && !strpbrk(text, "\r\n"))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, reason, field,
                   "%s must be one line of text of at most %d bytes", field, FIELD_MAX);
    return false;
}

bool power_check_host(const Host *host, GError **error)
{
    if (!*host->bmc_ip) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_HOST_NO_BMC, "bmcIp",
                       "host %s has no BMC: set bmcIp, bmcUserName and bmcPassword", host->name);
        return false;
    }
    return check_line(host->bmc_user, "bmcUserName", REASON_HOST_BAD_BMC_USER, error) &&
           check_line(host->bmc_password, "bmcPassword", REASON_HOST_BAD_BMC_PASSWORD, error);
}

static char *compose(const Power *power)
{
    static const char *const words[] = { "status", "on", "off" };
    int64_t limit_s =
        power->step == POWER_STATUS ? ANSWER_LIMIT_S : MAX(power->limit_ms / MS_PER_S, 1);

    return g_strdup_printf("action=%s\nip=\"%s\"\nusername=\"%s\"\npassword=\"%s\"\nlanplus=1\n"
                           "cipher=%" G_GINT64_FORMAT "\npower_timeout=%" G_GINT64_FORMAT "\n",
                           words[power->step], power->host->bmc_ip, power->host->bmc_user,
                           power->host->bmc_password, power->cipher, limit_s);
}

/* ---- what it says -----------------------------------------------------------------------------
 */

enum trouble {
    TROUBLE_DEAD,
    TROUBLE_REFUSED,
    TROUBLE_UNMOVED,
};

static const struct {
    const char *text;
    enum trouble trouble;
} sayings[] = {
    { "Connection timed out", TROUBLE_DEAD },
    { "Timed out waiting to power", TROUBLE_UNMOVED },
    { "Unable to obtain correct plug status", TROUBLE_REFUSED },
    { "Unable to connect/login", TROUBLE_REFUSED },
};

static void set_trouble(enum trouble trouble, const Host *host, enum power_verb verb,
                        GError **error)
{
    switch (trouble) {
    case TROUBLE_DEAD:
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_BMC_UNREACHABLE, "bmcIp",
                       "the BMC of host %s at %s does not answer", host->name, host->bmc_ip);
        return;
    case TROUBLE_REFUSED:
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_BAD_BMC_PASSWORD, "bmcPassword",
                       "the BMC of host %s at %s answers, but refuses user '%s': wrong user name "
                       "or password, or a cipher suite it does not speak",
                       host->name, host->bmc_ip, host->bmc_user);
        return;
    case TROUBLE_UNMOVED:
        err_set_reason(error, VRM_ERR_TIMEOUT, REASON_FAILED, NULL,
                       "the BMC of host %s took the command, but the power did not go %s in time",
                       host->name, verb == POWER_ON ? "on" : "off");
        return;
    }
}

/* The last line that says something; agents print warnings of their own before. */
static char *last_line(const char *output)
{
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    const char *last = "it said nothing";

    for (size_t i = 0; lines[i]; i++) {
        if (*g_strstrip(lines[i]))
            last = lines[i];
    }
    return g_utf8_make_valid(last, -1);
}

bool power_judge(const struct child_result *result, const Host *host, enum power_verb verb,
                 bool *ret_is_on, GError **error)
{
    g_autofree char *said = NULL;

    if (result->timed_out) {
        set_trouble(TROUBLE_DEAD, host, verb, error);
        return false;
    }
    if (result->exit_code == 0 || (verb == POWER_STATUS && result->exit_code == EXIT_STATUS_OFF)) {
        *ret_is_on = verb == POWER_STATUS ? result->exit_code == 0 : verb == POWER_ON;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sayings); i++) {
        if (strstr(result->output, sayings[i].text)) {
            set_trouble(sayings[i].trouble, host, verb, error);
            return false;
        }
    }
    said = last_line(result->output);
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_FAILED, NULL,
                   "the fence agent for host %s failed: %s", host->name, said);
    return false;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static bool start_step(Power *power, enum power_verb step, GError **error);

static void end(Power *power, bool is_on, const GError *error)
{
    power->done(is_on, error, power->user);
    free_power(power);
}

static void step_done(const struct child_result *result, void *user)
{
    Power *power = user;
    g_autoptr(GError) error = NULL;
    bool is_on = false;

    power->child = NULL;
    if (!power_judge(result, power->host, power->step, &is_on, &error) ||
        power->step != POWER_STATUS || power->verb == POWER_STATUS ||
        is_on == (power->verb == POWER_ON) || !start_step(power, power->verb, &error)) {
        end(power, is_on, error);
        return;
    }
}

static bool start_step(Power *power, enum power_verb step, GError **error)
{
    const char *const argv[] = { power->agent, NULL };
    g_autofree char *input = NULL;
    int64_t limit_ms = step == POWER_STATUS ? ANSWER_LIMIT_S * MS_PER_S : power->limit_ms;

    power->step = step;
    input = compose(power);
    power->child = child_start(argv, input, limit_ms + HANG_MS, step_done, power, error);
    return power->child != NULL;
}

Power *power_start(const struct power_order *order, power_done_fn done, void *user, GError **error)
{
    Power *power;

    if (!power_check_host(order->host, error))
        return NULL;
    power = g_new0(Power, 1);
    *power = (Power){ .agent = g_strdup(order->agent),
                      .cipher = order->cipher,
                      .limit_ms = order->limit_ms,
                      .host = host_dup(order->host),
                      .verb = order->verb,
                      .done = done,
                      .user = user };
    if (start_step(power, POWER_STATUS, error))
        return power;
    free_power(power);
    return NULL;
}

void power_cancel(Power *power)
{
    if (power)
        free_power(power);
}
