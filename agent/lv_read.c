/* lv_read.c - see lv.h: what libvirt knows about the host and its domains. */
#include "config.h"

#include <string.h>

#include "agent/cpufacts.h"
#include "agent/domfacts.h"
#include "agent/hostinfo.h"
#include "agent/lv.h"
#include "agent/report.h"
#include "base/clock.h"
#include "base/err.h"

#define KIB_PER_MIB 1024

/* ---- the host ------------------------------------------------------------------------------- */

/* kvm only where a guest can really use it. */
static const char *find_type(const Lv *lv, virConnectPtr conn)
{
    char *caps;

    if (!g_str_equal(lv->domain_type, "auto"))
        return lv->domain_type;
    caps = virConnectGetDomainCapabilities(conn, *lv->emulator ? lv->emulator : NULL, "x86_64",
                                           NULL, "kvm", 0);
    if (!caps)
        return "qemu";
    free(caps);
    return "kvm";
}

static void remember(Lv *lv, const char *type, int64_t cpu_mhz)
{
    pthread_mutex_lock(&lv->mutex);
    g_free(lv->usable_type);
    lv->usable_type = g_strdup(type);
    lv->cpu_mhz = cpu_mhz;
    pthread_mutex_unlock(&lv->mutex);
}

static char *version_text(virConnectPtr conn)
{
    enum {
        MAJOR = 1000000,
        MINOR = 1000
    };
    unsigned long qemu = 0, libvirt = 0;

    if (virConnectGetVersion(conn, &qemu) < 0 || virConnectGetLibVersion(conn, &libvirt) < 0)
        return g_strdup("");
    return g_strdup_printf("%s %lu.%lu.%lu, libvirt %lu.%lu.%lu", virConnectGetType(conn),
                           qemu / MAJOR, qemu / MINOR % MINOR, qemu % MINOR, libvirt / MAJOR,
                           libvirt / MINOR % MINOR, libvirt % MINOR);
}

static bool read_caps(virConnectPtr conn, struct hostinfo_caps *ret_caps, GError **error)
{
    char *xml = virConnectGetCapabilities(conn);
    bool ok;

    if (!xml) {
        lv_set_error(error, "read the capabilities");
        return false;
    }
    ok = hostinfo_parse_caps(xml, ret_caps, error);
    free(xml);
    return ok;
}

static char *host_name(virConnectPtr conn)
{
    char *name = virConnectGetHostname(conn);
    char *copy = g_strdup(name ? name : g_get_host_name());

    free(name);
    return copy;
}

void lv_probe(void *hv)
{
    const Lv *lv = hv;
    g_autoptr(virConnect) conn = lv_open(lv->uri, NULL);

    if (conn)
        (void)virConnectNumOfDomains(conn);
}

bool lv_facts(void *hv, struct agent_hello *hello, GError **error)
{
    Lv *lv = hv;
    g_autoptr(virConnect) conn = lv_conn(lv, LV_ASK, error);
    g_autoptr(HostDevs) devs = NULL;
    struct hostinfo_caps caps;
    virNodeInfo info;
    const char *type;

    if (!conn)
        return false;
    if (virNodeGetInfo(conn, &info) < 0) {
        lv_set_error(error, "read the host's facts");
        return false;
    }
    if (!read_caps(conn, &caps, error))
        return false;
    *hello = (struct agent_hello){
        .uuid = g_strdup(caps.uuid),
        .real_name = host_name(conn),
        .vendor = hostinfo_read_line("/sys/class/dmi/id/sys_vendor"),
        .model = hostinfo_read_line("/sys/class/dmi/id/product_name"),
        .cpu_model = g_strdup(caps.cpu_model ? caps.cpu_model : info.model),
        .hypervisor = version_text(conn),
        .boot_id = hostinfo_boot_id(),
        .migrate_address = g_strdup(lv->migrate_address),
        .mem_mb = (int64_t)(info.memory / KIB_PER_MIB),
        .cpu_threads = info.cpus,
        .cpu_sockets = (int64_t)info.sockets * info.nodes,
        .cpu_cores = (int64_t)info.sockets * info.nodes * info.cores,
        .cpu_mhz = hostinfo_cpu_mhz(info.mhz),
        .nic_count = hostinfo_nic_count(),
    };
    type = find_type(lv, conn);
    remember(lv, type, hello->cpu_mhz);
    lv_cpu_facts(lv, conn, type, hello);
    hello->net_mbps = lv->net_mbps > 0 ? lv->net_mbps : hostinfo_net_mbps();
    devs = lv_devices(lv, conn);
    hello->devices = hostdevs_words(devs);
    hostinfo_caps_clear(&caps);
    return true;
}

/* ---- domains -------------------------------------------------------------------------------- */

static const char *paused_detail(int reason)
{
    static const char *const names[] = {
        [VIR_DOMAIN_PAUSED_USER] = "paused",
        [VIR_DOMAIN_PAUSED_MIGRATION] = "migrating",
        [VIR_DOMAIN_PAUSED_SAVE] = "saving",
        [VIR_DOMAIN_PAUSED_DUMP] = "dumping",
        [VIR_DOMAIN_PAUSED_IOERROR] = "I/O error",
        [VIR_DOMAIN_PAUSED_WATCHDOG] = "watchdog",
        [VIR_DOMAIN_PAUSED_FROM_SNAPSHOT] = "reverted",
        [VIR_DOMAIN_PAUSED_SHUTTING_DOWN] = "shutting down",
        [VIR_DOMAIN_PAUSED_SNAPSHOT] = "snapshot",
        [VIR_DOMAIN_PAUSED_CRASHED] = "guest panicked",
        [VIR_DOMAIN_PAUSED_STARTING_UP] = "starting",
        [VIR_DOMAIN_PAUSED_POSTCOPY] = "post-copy",
        [VIR_DOMAIN_PAUSED_POSTCOPY_FAILED] = "post-copy failed",
    };

    if (reason >= 0 && (size_t)reason < G_N_ELEMENTS(names) && names[reason])
        return names[reason];
    return "paused";
}

/* Of a migration's two ends both are paused for it at times: the one that sends has a job. */
static bool is_sending(virDomainPtr domain)
{
    virTypedParameterPtr params = NULL;
    int n = 0, type = VIR_DOMAIN_JOB_NONE, operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;

    if (virDomainGetJobStats(domain, &type, &params, &n, 0) < 0)
        return false;
    virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &operation);
    virTypedParamsFree(params, n);
    return operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
}

static bool is_incoming(virDomainPtr domain, int state, int reason)
{
    return state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_MIGRATION &&
           !is_sending(domain);
}

static enum domain_state state_of(virDomainPtr domain, int state, int reason,
                                  const char **ret_detail)
{
    *ret_detail = "";
    switch ((virDomainState)state) {
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
        *ret_detail = state == VIR_DOMAIN_PAUSED ? paused_detail(reason) : "asleep";
        return is_incoming(domain, state, reason) ? DOMAIN_INCOMING : DOMAIN_PAUSED;
    case VIR_DOMAIN_SHUTDOWN:
        return DOMAIN_SHUTDOWN;
    case VIR_DOMAIN_SHUTOFF:
        return DOMAIN_ABSENT;
    case VIR_DOMAIN_CRASHED:
        return DOMAIN_CRASHED;
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_NOSTATE:
#ifdef VIR_ENUM_SENTINELS
    case VIR_DOMAIN_LAST:
#endif
        break;
    }
    return DOMAIN_RUNNING;
}

static bool is_gone(void)
{
    const virError *last = virGetLastError();

    return last && last->code == VIR_ERR_NO_DOMAIN;
}

bool lv_describe(virDomainPtr domain, struct domain_report *ret_domain, GError **error)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    struct domfacts facts = { 0 };
    struct cpufacts cpu = { 0 };
    const char *detail;
    int state, reason;
    char *xml;

    virDomainGetUUIDString(domain, uuid);
    xml = virDomainGetXMLDesc(domain, 0);
    if (!xml || virDomainGetState(domain, &state, &reason, 0) < 0) {
        bool gone = is_gone();

        free(xml);
        if (gone)
            report_set_absent(uuid, "", ret_domain);
        else
            lv_set_error(error, "describe the VM");
        return gone;
    }
    /* Somebody else's strange XML: then it is not ours. */
    (void)domfacts_parse(xml, strlen(xml), &facts, NULL);
    (void)cpufacts_parse(xml, strlen(xml), &cpu, NULL);
    free(xml);
    *ret_domain = (struct domain_report){
        .uuid = g_strdup(uuid),
        .name = g_strdup(virDomainGetName(domain)),
        .state = state_of(domain, state, reason, &detail),
        .vm_id = facts.mark.vm_id,
        .gen = facts.mark.gen,
        .by_right = facts.mark.right != DOMXML_NO_RIGHT,
        .vnc_port = facts.vnc_port,
        .cpu = cpufacts_format_seen(&cpu, AGENT_MAX_CPU),
    };
    cpufacts_clear(&cpu);
    ret_domain->halted = ret_domain->state == DOMAIN_PAUSED && facts.mark.right == DOMXML_HALTED;
    ret_domain->detail = g_strdup(ret_domain->halted ? "starting" : detail);
    return true;
}

bool lv_lookup(void *hv, const char *uuid, struct domain_report *ret_domain, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(hv, LV_ASK, error);
    g_autoptr(virDomain) domain = NULL;

    if (!conn)
        return false;
    domain = virDomainLookupByUUIDString(conn, uuid);
    if (domain)
        return lv_describe(domain, ret_domain, error);
    if (!is_gone()) {
        lv_set_error(error, "look for the VM");
        return false;
    }
    report_set_absent(uuid, "", ret_domain);
    return true;
}

bool lv_list(void *hv, struct domain_report **ret_domains, size_t *ret_n, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(hv, LV_ASK, error);
    virDomainPtr *domains = NULL;
    struct domain_report *reports;
    size_t n_reports = 0;
    bool ok = true;
    int n;

    if (!conn)
        return false;
    n = virConnectListAllDomains(conn, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (n < 0) {
        lv_set_error(error, "list the domains");
        return false;
    }
    reports = g_new0(struct domain_report, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        ok = ok && lv_describe(domains[i], &reports[n_reports], error);
        if (ok && reports[n_reports].state == DOMAIN_ABSENT)
            domain_report_clear(&reports[n_reports]);
        else if (ok)
            n_reports++;
        virDomainFree(domains[i]);
    }
    free(domains);
    if (!ok) {
        for (size_t i = 0; i < n_reports; i++)
            domain_report_clear(&reports[i]);
        g_free(reports);
        return false;
    }
    *ret_domains = reports;
    *ret_n = n_reports;
    return true;
}
