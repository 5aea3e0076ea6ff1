/* lv_verb.c - see lv.h: starting, stopping, pausing. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "agent/domfacts.h"
#include "agent/domxml.h"
#include "agent/lv.h"
#include "agent/volume.h"
#include "base/clock.h"
#include "base/err.h"
#include "model/reason.h"

#define STOP_POLL_MS   250
#define PRESS_AGAIN_MS 10000 /* a guest that is still booting misses the power button */
#define MS_PER_S       1000

/* ---- start ---------------------------------------------------------------------------------- */

struct start {
    Lv *lv;
    const Vm *vm;
    int64_t gen;
    bool halted;
};

static char *make_xml(const struct start *start, const GPtrArray *hostdevs, GError **error)
{
    Lv *lv = start->lv;
    g_autofree char *type = NULL;
    struct domxml_settings settings = {
        .emulator = lv->emulator,
        .bridge = lv->bridge,
        .disk_cache = volume_cache_mode(start->vm),
        .halted = start->halted,
        .hostdevs = hostdevs ? (struct hostdev *const *)hostdevs->pdata : NULL,
        .n_hostdevs = hostdevs ? hostdevs->len : 0,
    };

    pthread_mutex_lock(&lv->mutex);
    type = g_strdup(lv->usable_type);
    settings.host_cpu_mhz = lv->cpu_mhz;
    pthread_mutex_unlock(&lv->mutex);
    if (!type) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, 0, HV_FIELD_LINK,
                       "libvirtd has not answered yet");
        return NULL;
    }
    settings.domain_type = type;
    return domxml_format(start->vm, start->gen, &settings, error);
}

/* A request that libvirtd reads late, after a pause of the host, makes a halted domain at most. */
static bool create(const struct start *start, const GPtrArray *hostdevs, GError **error)
{
    g_autofree char *xml = make_xml(start, hostdevs, error);
    g_autoptr(virConnect) conn = xml ? lv_conn(start->lv, LV_WORK, error) : NULL;
    g_autoptr(virDomain) domain = NULL;

    if (!conn)
        return false;
    lv_drop_trace(start->lv, start->vm->uuid);
    domain =
        virDomainCreateXML(conn, xml, start->halted ? VIR_DOMAIN_START_PAUSED : VIR_DOMAIN_NONE);
    if (!domain)
        lv_set_error(error, "start the VM");
    return domain != NULL;
}

/* Two VMs that start at once must not pick the same card; a slow start holds no other one. */
static bool create_with_devices(const struct start *start, GError **error)
{
    Lv *lv = start->lv;
    g_autoptr(virConnect) conn = lv_conn(lv, LV_WORK, error);
    g_autoptr(HostDevs) devs = NULL;
    g_autoptr(GPtrArray) picked = NULL;
    bool ok;

    if (!conn)
        return false;
    devs = lv_devices(lv, conn);
    if (!lv_pick_devices(lv, conn, devs, start->vm->devices, &picked, error))
        return false;
    ok = create(start, picked, error);
    lv_end_promise(lv, picked);
    return ok;
}

static bool begin(const struct start *start, GError **error)
{
    return *start->vm->devices ? create_with_devices(start, error) : create(start, NULL, error);
}

bool lv_start(void *hv, const Vm *vm, int64_t gen, GError **error)
{
    return begin(&(const struct start){ .lv = hv, .vm = vm, .gen = gen }, error);
}

bool lv_start_halted(void *hv, const Vm *vm, int64_t gen, GError **error)
{
    return begin(&(const struct start){ .lv = hv, .vm = vm, .gen = gen, .halted = true }, error);
}

bool lv_set_mark(virDomainPtr domain, const struct domxml_mark *mark, GError **error)
{
    g_autofree char *metadata = domxml_metadata_format(mark);

    if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, metadata, DOMXML_METADATA_PREFIX,
                             DOMXML_METADATA_URI, VIR_DOMAIN_AFFECT_LIVE) == 0)
        return true;
    lv_set_error(error, "set the VM's mark");
    return false;
}

bool lv_read_mark(virDomainPtr domain, struct domxml_mark *ret_mark, GError **error)
{
    struct domfacts facts = { 0 };
    char *xml = virDomainGetXMLDesc(domain, 0);

    if (!xml) {
        lv_set_error(error, "read the VM's mark");
        return false;
    }
    (void)domfacts_parse(xml, strlen(xml), &facts, NULL);
    free(xml);
    *ret_mark = facts.mark;
    return true;
}

/* ---- stop ----------------------------------------------------------------------------------- */

static bool destroy(void *hv, const char *uuid, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(hv, LV_WORK, error);
    g_autoptr(virDomain) domain = NULL;
    g_autoptr(GError) local = NULL;

    if (!conn)
        return false;
    domain = lv_domain(conn, uuid, &local);
    if (domain && virDomainDestroy(domain) < 0)
        lv_set_error(&local, "stop the VM");
    if (!local || err_is(local, VRM_ERR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

/* One look at a VM that shall end; presses its power button if press.  True with *ret_gone. */
static bool stop_step(void *hv, const char *uuid, bool press, bool *ret_gone, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(hv, LV_WORK, error);
    g_autoptr(virDomain) domain = NULL;
    g_autoptr(GError) local = NULL;
    int state = VIR_DOMAIN_NOSTATE;

    if (!conn)
        return false;
    domain = lv_domain(conn, uuid, &local);
    if (domain && virDomainGetState(domain, &state, NULL, 0) < 0)
        lv_set_error(&local, "look at the VM");
    if (!local && state == VIR_DOMAIN_PAUSED && press)
        err_set_reason(&local, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL,
                       "the VM is paused: it cannot shut down by itself");
    if (!local && press && state != VIR_DOMAIN_SHUTOFF &&
        virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0)
        lv_set_error(&local, "shut the VM down");
    *ret_gone = err_is(local, VRM_ERR_NOT_FOUND) || (!local && state == VIR_DOMAIN_SHUTOFF);
    if (!local || *ret_gone)
        return true;
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

/* Once the button was pressed only the end or the deadline counts: libvirtd may die and come back
 * meanwhile. */
static bool shut_down(void *hv, const char *uuid, int64_t deadline_ms, GError **error)
{
    int64_t begun_ms = clock_now_ms(), press_ms = begun_ms, now_ms;
    bool gone = false;

    while ((now_ms = clock_now_ms()) < deadline_ms) {
        g_autoptr(GError) local = NULL;
        bool press = now_ms >= press_ms;
        bool ok = stop_step(hv, uuid, press, &gone, &local);

        if (gone)
            return true;
        if (!ok && press_ms == begun_ms) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
        if (ok && press)
            press_ms = now_ms + PRESS_AGAIN_MS;
        lv_wait_ms(STOP_POLL_MS);
    }
    err_set_reason(error, VRM_ERR_TIMEOUT, REASON_VM_STATE, NULL,
                   "guest did not power off in %" PRId64 " s", (now_ms - begun_ms) / MS_PER_S);
    return false;
}

bool lv_stop(void *hv, const char *uuid, bool force, int64_t deadline_ms, GError **error)
{
    return force ? destroy(hv, uuid, error) : shut_down(hv, uuid, deadline_ms, error);
}

/* ---- the rest ------------------------------------------------------------------------------- */

bool lv_reboot(void *hv, const char *uuid, bool force, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(hv, LV_WORK, error);
    g_autoptr(virDomain) domain = conn ? lv_domain(conn, uuid, error) : NULL;
    int code;

    if (!domain)
        return false;
    code = force ? virDomainReset(domain, 0)
                 : virDomainReboot(domain, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN);
    if (code < 0)
        lv_set_error(error, "reboot the VM");
    return code >= 0;
}

/* Paused in any way, or not. */
static bool read_paused(virDomainPtr domain, bool *ret_paused, GError **error)
{
    int state;

    if (virDomainGetState(domain, &state, NULL, 0) < 0) {
        lv_set_error(error, "look at the VM");
        return false;
    }
    *ret_paused = state == VIR_DOMAIN_PAUSED;
    return true;
}

static bool set_paused(void *hv, const char *uuid, bool pause, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(hv, LV_WORK, error);
    g_autoptr(virDomain) domain = conn ? lv_domain(conn, uuid, error) : NULL;
    bool paused;

    if (!domain || !read_paused(domain, &paused, error))
        return false;
    if (paused == pause)
        return true;
    if ((pause ? virDomainSuspend(domain) : virDomainResume(domain)) == 0)
        return true;
    lv_set_error(error, pause ? "pause the VM" : "resume the VM");
    return false;
}

bool lv_pause(void *hv, const char *uuid, GError **error)
{
    return set_paused(hv, uuid, true, error);
}

bool lv_resume(void *hv, const char *uuid, GError **error)
{
    return set_paused(hv, uuid, false, error);
}

/* Whoever dies between the two leaves a running domain with the mark of a halted one: that is
 * mended by the command that is resolved next, and harmless until then. */
bool lv_let_run(void *hv, const char *uuid, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(hv, LV_WORK, error);
    g_autoptr(virDomain) domain = conn ? lv_domain(conn, uuid, error) : NULL;
    struct domxml_mark mark;

    if (!domain || !lv_read_mark(domain, &mark, error))
        return false;
    if (mark.right == DOMXML_RUNS)
        return true;
    if (mark.right == DOMXML_HALTED && !set_paused(hv, uuid, false, error))
        return false;
    mark.right = DOMXML_RUNS;
    return lv_set_mark(domain, &mark, error);
}
