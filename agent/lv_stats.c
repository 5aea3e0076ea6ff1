/* lv_stats.c - see lv.h: one bulk call for the counters of all domains. */
#include "config.h"

#include <string.h>

#include "agent/hostinfo.h"
#include "agent/lv.h"
#include "base/clock.h"
#include "base/err.h"

#define DOUBT_MS 3000 /* an agent has not answered for so long */

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

static int state_of(const virDomainStatsRecord *record)
{
    int state = VIR_DOMAIN_NOSTATE;

    virTypedParamsGetInt(record->params, record->nparams, "state.state", &state);
    return state;
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
        .runs = state_of(record) == VIR_DOMAIN_RUNNING,
        .sent_bytes = sum_of(record, "net.", ".tx.bytes"),
        .n_vcpus = MAX(virDomainGetVcpusFlags(record->dom, VIR_DOMAIN_AFFECT_LIVE), 0),
    };
    virDomainGetUUIDString(record->dom, ret_sample->uuid);
    if (ret_sample->runs)
        ret_sample->agent_age_ms =
            lv_guest_age_ms(lv, ret_sample->uuid, ret_sample->run_id, &ret_sample->agent_answers);
    ret_sample->vcpu_ns = sum_of(record, "vcpu.", ".time");
    ret_sample->delay_ns = sum_of(record, "vcpu.", ".delay");
    if (ret_sample->cpu_ns == 0) {
        ret_sample->cpu_ns = ret_sample->vcpu_ns;
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

    if (lv->want_vcpu_time || lv->is_doubtful)
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
    lv->is_doubtful = false;
    for (int i = 0; i < n; i++) {
        read_record(lv, records[i], &(*ret_samples)[i]);
        lv->is_doubtful |= (*ret_samples)[i].agent_age_ms > DOUBT_MS;
    }
    virDomainStatsRecordListFree(records);
    lv_guest_tidy(lv);
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
