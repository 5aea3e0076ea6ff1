/* lv_stats.c - see lv.h: one bulk call for the counters of all domains. */
#include "config.h"

#include <string.h>

#include "agent/hostinfo.h"
#include "agent/lv.h"
#include "base/clock.h"
#include "base/err.h"

static uint64_t param_of(const virDomainStatsRecord *record, const char *name)
{
    unsigned long long value = 0;

    if (virTypedParamsGetULLong(record->params, record->nparams, name, &value) != 1)
        return 0;
    return value;
}

/* Sums PREFIX.0.NAME, PREFIX.1.NAME, ... */
static uint64_t sum_of(const virDomainStatsRecord *record, const char *prefix, const char *name)
{
    size_t prefix_len = strlen(prefix);
    uint64_t sum = 0;

    for (int i = 0; i < record->nparams; i++) {
        const virTypedParameter *param = &record->params[i];
        const char *rest = param->field + prefix_len;

        if (param->type != VIR_TYPED_PARAM_ULLONG || !g_str_has_prefix(param->field, prefix))
            continue;
        while (g_ascii_isdigit(*rest))
            rest++;
        if (g_str_equal(rest, name))
            sum += param->value.ul;
    }
    return sum;
}

/* libvirt reads cpu.time from the domain's control group, which may not exist. */
static void read_record(Lv *lv, const virDomainStatsRecord *record,
                        struct stats_domain_sample *ret_sample)
{
    *ret_sample = (struct stats_domain_sample){
        .run_id = virDomainGetID(record->dom),
        .cpu_ns = param_of(record, "cpu.time"),
        .net_bytes = sum_of(record, "net.", ".rx.bytes") + sum_of(record, "net.", ".tx.bytes"),
        .read_bytes = sum_of(record, "block.", ".rd.bytes"),
        .write_bytes = sum_of(record, "block.", ".wr.bytes"),
        .rss_kib = param_of(record, "balloon.rss"),
    };
    virDomainGetUUIDString(record->dom, ret_sample->uuid);
    if (ret_sample->cpu_ns == 0) {
        ret_sample->cpu_ns = sum_of(record, "vcpu.", ".time");
        lv->want_vcpu_time = true;
    }
}

static bool read_domains(Lv *lv, virConnectPtr conn, struct stats_domain_sample **ret_samples,
                         size_t *ret_n, GError **error)
{
    unsigned groups = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL |
                      VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_INTERFACE |
                      VIR_DOMAIN_STATS_BLOCK;
    virDomainStatsRecordPtr *records = NULL;
    int n;

    if (lv->want_vcpu_time)
        groups |= VIR_DOMAIN_STATS_VCPU;
    n = virConnectGetAllDomainStats(conn, groups, &records,
                                    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
                                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    if (n < 0) {
        lv_set_error(error, "sample the domains");
        return false;
    }
    *ret_samples = g_new0(struct stats_domain_sample, (size_t)n + 1);
    *ret_n = (size_t)n;
    for (int i = 0; i < n; i++)
        read_record(lv, records[i], &(*ret_samples)[i]);
    virDomainStatsRecordListFree(records);
    return true;
}

/* From libvirt, where the control groups do not tell. */
static uint64_t node_busy_ns(virConnectPtr conn)
{
    virNodeCPUStatsPtr params;
    uint64_t ns = 0;
    int n = 0;

    if (virNodeGetCPUStats(conn, VIR_NODE_CPU_STATS_ALL_CPUS, NULL, &n, 0) < 0 || n <= 0)
        return 0;
    params = g_new0(virNodeCPUStats, (size_t)n);
    if (virNodeGetCPUStats(conn, VIR_NODE_CPU_STATS_ALL_CPUS, params, &n, 0) == 0) {
        for (int i = 0; i < n; i++) {
            if (g_str_equal(params[i].field, VIR_NODE_CPU_STATS_USER) ||
                g_str_equal(params[i].field, VIR_NODE_CPU_STATS_KERNEL))
                ns += params[i].value;
        }
    }
    g_free(params);
    return ns;
}

static int64_t known_mhz(Lv *lv)
{
    int64_t mhz;

    pthread_mutex_lock(&lv->mutex);
    mhz = lv->cpu_mhz;
    pthread_mutex_unlock(&lv->mutex);
    return mhz;
}

bool lv_stats(void *hv, struct watch_line *ret_line, GError **error)
{
    Lv *lv = hv;
    g_autoptr(virConnect) conn = lv_conn(lv, LV_ASK, error);
    g_autofree struct stats_domain_sample *domains = NULL;
    struct stats_sample sample = { 0 };

    if (!conn || !read_domains(lv, conn, &domains, &sample.n_domains, error))
        return false;
    sample.at_ms = clock_now_ms();
    sample.cpu_mhz = known_mhz(lv);
    sample.domains = domains;
    hostinfo_sample(&sample.host);
    if (!hostinfo_cpu_busy_ns(&sample.host.cpu_busy_ns))
        sample.host.cpu_busy_ns = node_busy_ns(conn);
    stats_tracker_update(lv->tracker, &sample, ret_line);
    return true;
}
