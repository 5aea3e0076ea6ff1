/* h_host.c - hosts: lists, HostInfo, capacity.  Changes are in h_host_put.c. */
#include "config.h"

#include "api/handlers.h"

#include "api/h_devices.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/err.h"
#include "model/id.h"
#include "model/imc.h"
#include "model/reason.h"

/* ---- HostInfo ----------------------------------------------------------------------------------
 */

/* What the product has no such thing for, with the values a plain host has. */
static void put_fixed(struct jw *out)
{
    jw_str(out, "multiPathMode", "CURRENCY");
    jw_str(out, "hostMultiPathMode", "CURRENCY");
    jw_empty_array(out, "attachedISOVMs");
    jw_str(out, "ntpIp1", "");
    jw_str(out, "ntpIp2", "");
    jw_str(out, "ntpIp3", "");
    jw_int(out, "ntpCycle", 64);
}

static void put_identity(struct request *req, const Host *host)
{
    struct jw *out = &req->out;

    read_put_object(req, OBJECT_HOST, host->id);
    jw_str(out, "name", host->name);
    jw_str(out, "description", host->description);
    jw_str(out, "ip", host->ip);
    jw_int(out, "port", host->port);
    jw_str(out, "bmcIp", host->bmc_ip);
    jw_str(out, "bmcUserName", host->bmc_user);
    read_put_urn(req, "clusterUrn", OBJECT_CLUSTER, host->cluster_id);
    jw_str(out, "clusterName", read_name(req, OBJECT_CLUSTER, host->cluster_id));
    jw_str(out, "status", host_status_name(host->status));
    jw_bool(out, "isMaintaining", host->maintaining);
    jw_str(out, "rack", host->rack);
    jw_str(out, "vendor", host->vendor);
    jw_str(out, "model", host->model);
    jw_str(out, "cpuModel", host->cpu_model);
    jw_str(out, "hypervisor", host->hypervisor);
    jw_str(out, "hostRealName", host->real_name);
    jw_str(out, "uuid", host->uuid);
    jw_str(out, "version", host->agent_version);
    jw_str(out, "trouble", host->trouble);
}

static void put_hardware(struct jw *out, const Host *host)
{
    jw_int(out, "memQuantityMB", host->mem_mb);
    jw_int(out, "cpuQuantity", host->cpu_threads);
    jw_int(out, "cpuMHz", host->cpu_mhz);
    jw_int(out, "physicalCpuQuantity", host->cpu_sockets);
    jw_int(out, "cpuTotalCores", host->cpu_sockets * host->cpu_cores);
    jw_int(out, "nicQuantity", host->nic_count);
    jw_int(out, "networkMbps", host->net_mbps);
}

/* Tenths of a percent of what there is. */
static int64_t permille(int64_t part, int64_t whole)
{
    return whole > 0 ? CLAMP(part * 1000 / whole, 0, 1000) : 0;
}

static void put_percent(struct jw *out, const char *key, int64_t value)
{
    g_autofree char *text =
        g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, value / 10, value % 10);

    jw_str(out, key, text);
}

static void put_load(struct request *req, const Host *host, const struct read_sum *sum)
{
    int64_t age_ms = req->core->now_ms() - host->load.sampled_mono_ms;
    struct jw *out = &req->out;

    put_percent(out, "cpuUsage", permille(host->load.last_cpu_mhz, sum->cpu_total));
    put_percent(out, "memUsage", permille(host->load.last_mem_mb, sum->mem_total));
    jw_int(out, "vmCount", sum->vms);
    jw_int(out, "runningVmCount", sum->running);
    jw_object(out, "params");
    jw_int_str(out, "realtimeUsedSizeMB", host->load.last_mem_mb);
    jw_int_str(out, "realtimeUsedSizeMHz", host->load.last_cpu_mhz);
    if (host->load.sampled_mono_ms)
        jw_int_str(out, "sampleAgeMs", MAX(age_ms, 0));
    jw_object_end(out);
}

static bool is_failover_host(const Snapshot *snap, const Host *host)
{
    const Cluster *cluster = snapshot_cluster(snap, host->cluster_id);

    return cluster &&
           read_contains(cluster->ha.failover_hosts, cluster->ha.n_failover_hosts, host->id);
}

static void put_host(struct request *req, const Host *host)
{
    g_autofree char *uri = uri_format(req->site, OBJECT_HOST, host->id);
    g_autofree char *statics = g_strconcat(uri, "/computeResourceStatics", NULL);
    const Cluster *cluster = snapshot_cluster(req->snap, host->cluster_id);
    const struct imc_generation *newest = imc_newest(host->cpu_generations);
    struct jw *out = &req->out;
    struct read_sum sum;

    read_sum_host(req->snap, host, &sum);
    jw_object(out, NULL);
    put_identity(req, host);
    put_hardware(out, host);
    h_devices_put_host(req, host);
    put_fixed(out);
    jw_str(out, "computeResourceStatics", statics);
    jw_str(out, "imcSetting", cluster && cluster->imc_enabled ? cluster->imc_setting : "");
    jw_str(out, "maxImcSetting", newest ? newest->mode : "");
    read_put_resources(req, &sum);
    jw_bool(out, "isFailOverHost", is_failover_host(req->snap, host));
    jw_str(out, "haState", "");
    jw_str(out, "haRole", "");
    put_load(req, host, &sum);
    jw_object_end(out);
}

bool h_host_get(struct request *req, GError **error)
{
    (void)error;
    put_host(req, snapshot_host(req->snap, req->ids[OBJECT_HOST]));
    return true;
}

bool h_host_resource(struct request *req, GError **error)
{
    struct read_sum sum;

    (void)error;
    read_sum_host(req->snap, snapshot_host(req->snap, req->ids[OBJECT_HOST]), &sum);
    jw_object(&req->out, NULL);
    read_put_resources(req, &sum);
    jw_object_end(&req->out);
    return true;
}

/* ---- lists --------------------------------------------------------------------------------------
 */

struct filter {
    const char *name, *ip, *real_name, *status;
    struct read_scope scope;
    bool ungrouped;       /* resourceGroupFlag=1 */
    const Group *in_rule; /* drsRuleIndex: its host group */
    bool by_rule;
};

static bool in_scope(const Host *host, const struct read_scope *scope)
{
    if (!scope->given)
        return true;
    if (scope->word) /* "default": in no cluster */
        return host->cluster_id == 0;
    if (scope->kind == OBJECT_CLUSTER)
        return host->cluster_id == scope->id;
    /* every host sees every datastore and network; other kinds hold no hosts */
    return scope->kind == OBJECT_DATASTORE || scope->kind == OBJECT_DVSWITCH;
}

static bool is_grouped(const Snapshot *snap, const Host *host)
{
    for (size_t i = 0; i < snap->n_groups; i++) {
        const Group *group = snap->groups[i];

        if (group->type == GROUP_HOST && read_contains(group->members, group->n_members, host->id))
            return true;
    }
    return false;
}

static bool fits(const Snapshot *snap, const Host *host, const struct filter *filter)
{
    return in_scope(host, &filter->scope) && read_like(host->name, filter->name) &&
           read_like(host->ip, filter->ip) && read_like(host->real_name, filter->real_name) &&
           (!filter->status || g_str_equal(host_status_name(host->status), filter->status)) &&
           (!filter->ungrouped || !is_grouped(snap, host)) &&
           (!filter->by_rule ||
            (filter->in_rule &&
             read_contains(filter->in_rule->members, filter->in_rule->n_members, host->id)));
}

static bool read_filter(const struct request *req, struct filter *filter, GError **error)
{
    const struct target *target = &req->target;
    int64_t flag = 0, index = 0;
    const Rule *rule;

    filter->name = target_param(target, "name");
    filter->ip = target_param(target, "ip");
    filter->real_name = target_param(target, "hostRealName");
    filter->status = target_param(target, "status");
    if (!read_scope(req, "default", &filter->scope, error) ||
        !target_int(target, INT_FIELD("resourceGroupFlag", 0, 3, 0, &flag), error) ||
        !target_int(target, INT_FIELD("drsRuleIndex", 0, INT64_MAX, 0, &index), error))
        return false;
    filter->ungrouped = flag == 1;
    filter->by_rule = index != 0;
    rule = index ? snapshot_rule(req->snap, index) : NULL;
    filter->in_rule = rule ? snapshot_group(req->snap, rule->host_group_id) : NULL;
    return true;
}

bool h_host_list(struct request *req, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    struct filter filter = { 0 };
    struct read_page page;
    size_t from, to;

    if (!read_page(req, &page, error) || !read_filter(req, &filter, error))
        return false;
    for (size_t i = 0; i < req->snap->n_hosts; i++) {
        if (fits(req->snap, req->snap->hosts[i], &filter))
            g_ptr_array_add(found, (void *)(uintptr_t)req->snap->hosts[i]);
    }
    read_page_bounds(&page, found->len, &from, &to);
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", found->len);
    jw_array(&req->out, "hosts");
    for (size_t i = from; i < to; i++)
        put_host(req, g_ptr_array_index(found, i));
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}

bool h_host_statistics(struct request *req, GError **error)
{
    struct read_scope scope;
    struct jw *out = &req->out;
    int64_t counts[N_HOST_STATUSES] = { 0 };
    int64_t total = 0;

    if (!read_scope(req, "default", &scope, error))
        return false;
    for (size_t i = 0; i < req->snap->n_hosts; i++) {
        const Host *host = req->snap->hosts[i];

        if (!in_scope(host, &scope))
            continue;
        total++;
        counts[host->status]++;
    }
    jw_object(out, NULL);
    jw_int(out, "total", total);
    for (int s = 0; s < N_HOST_STATUSES; s++) {
        enum host_status status = (enum host_status)s;

        /* here, and only here, FusionCompute spells it out */
        jw_int(out, status == HOST_UNKNOWN ? "unknown" : host_status_name(status), counts[s]);
    }
    jw_object_end(out);
    return true;
}
