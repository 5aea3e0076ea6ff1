/* h_cluster.c - clusters: lists, ClusterInfo, capacity.  Writing is in h_cluster_put.c. */
#include "config.h"

#include "api/handlers.h"

#include <string.h>

#include "api/h_cluster_rules.h"
#include "api/read.h"
#include "model/id.h"

/* ---- ClusterInfo -------------------------------------------------------------------------------
 */

static void put_limen(struct jw *out, const char *key, const uint8_t limen[HOURS_PER_DAY])
{
    jw_array(out, key);
    for (int hour = 0; hour < HOURS_PER_DAY; hour++) {
        jw_object(out, NULL);
        jw_int(out, "fragmentTime", hour);
        jw_int(out, "limen", limen[hour]);
        jw_object_end(out);
    }
    jw_array_end(out);
}

static void put_cycle(struct jw *out, const char *key, const struct cycle *cycle)
{
    jw_object(out, key);
    jw_int(out, "cycleType", cycle->type);
    jw_array(out, "cycleSpec");
    for (int day = 1; day < 32; day++) {
        if (cycle->days & (UINT32_C(1) << day))
            jw_int(out, NULL, day);
    }
    jw_array_end(out);
    jw_object_end(out);
}

static void put_thresholds(struct jw *out, const Cluster *cluster)
{
    struct dpm_threshold levels[DPM_LEVELS + 1] = { 0 };

    (void)dpm_thresholds_parse(cluster->dpm_thresholds, levels);
    jw_array(out, "dpmThresholds");
    for (int i = 1; i <= DPM_LEVELS; i++) {
        if (levels[i].over == 0)
            continue;
        jw_object(out, NULL);
        jw_int(out, "limen", i);
        jw_int(out, "underloadThreshold", levels[i].under);
        jw_int(out, "overloadThreshold", levels[i].over);
        jw_object_end(out);
    }
    jw_array_end(out);
}

static void put_drs(struct request *req, const Cluster *cluster)
{
    const struct drs_policy *drs = &cluster->drs;
    const struct dpm_policy *dpm = &cluster->dpm;
    struct jw *out = &req->out;

    jw_object(out, "drsSetting");
    jw_int(out, "drsLevel", drs->level);
    put_limen(out, "drsFragmentLimen", drs->limen);
    put_cycle(out, "drsCycle", &drs->cycle);
    h_cluster_rules_put(req, cluster->id);
    jw_int(out, "powerLevel", dpm->power_level);
    put_limen(out, "powerFragmentLimen", dpm->limen);
    put_cycle(out, "dpmCycle", &dpm->cycle);
    put_thresholds(out, cluster);
    jw_int(out, "factor", drs->factor);
    jw_object(out, "drsThreshold");
    jw_int(out, "cpu", drs->threshold_cpu);
    jw_int(out, "memory", drs->threshold_mem);
    jw_object_end(out);
    jw_int(out, "electricStrategy", dpm->electric_strategy);
    jw_object_end(out);
}

static void put_ha(struct request *req, const struct ha_policy *ha)
{
    struct jw *out = &req->out;

    jw_object(out, "haResSetting");
    jw_bool(out, "isControlPolicy", ha->control_policy_on);
    jw_int(out, "controlPolicy", ha->control_policy);
    jw_int(out, "cpuReservation", ha->cpu_reservation);
    jw_int(out, "memoryReservation", ha->mem_reservation);
    jw_int(out, "hostsFaultQuantity", ha->hosts_fault_quantity);
    jw_bool(out, "isCustomisedSlot", ha->custom_slot);
    jw_int(out, "slotcpuinmhz", ha->slot_cpu_mhz);
    jw_int(out, "slotmeminmb", ha->slot_mem_mb);
    jw_array(out, "failoverHosts");
    for (size_t i = 0; i < ha->n_failover_hosts; i++)
        read_put_urn(req, NULL, OBJECT_HOST, ha->failover_hosts[i]);
    jw_array_end(out);
    jw_str(out, "isolationResponse", ha_isolation_name(ha->isolation));
    jw_int(out, "maxRestartsPerHour", ha->max_restarts);
    jw_object_end(out);
}

static void put_overrides(struct request *req, int64_t cluster_id)
{
    struct jw *out = &req->out;

    jw_array(out, "drsVmConfig");
    for (size_t i = 0; i < req->snap->n_vms; i++) {
        const Vm *vm = req->snap->vms[i];

        if (vm->cluster_id != cluster_id || vm->drs_behavior == DRS_BEHAVIOR_CLUSTER)
            continue;
        jw_object(out, NULL);
        read_put_urn(req, "vmUrn", OBJECT_VM, vm->id);
        jw_str(out, "vmName", vm->name);
        jw_int(out, "behavior", vm->drs_behavior);
        jw_object_end(out);
    }
    jw_array_end(out);
}

/* What lists and the detail have in common. */
static void put_head(struct request *req, const Cluster *cluster, const struct read_sum *sum)
{
    struct jw *out = &req->out;

    read_put_object(req, OBJECT_CLUSTER, cluster->id);
    jw_str(out, "name", cluster->name);
    jw_str(out, "description", cluster->description);
    jw_str(out, "tag", cluster->tag);
    read_put_urn(req, "parentObjUrn", OBJECT_SITE, 0);
    jw_str(out, "parentObjName", req->snap->site->name);
    read_put_resources(req, sum);
    jw_bool(out, "isMemOvercommit", cluster->mem_overcommit);
    jw_int(out, "vcpusPerThread", cluster->vcpus_per_thread);
    jw_bool(out, "isEnableHa", cluster->ha.enabled);
    jw_bool(out, "isEnableDrs", cluster->drs.enabled);
    jw_bool(out, "isEnableImc", cluster->imc_enabled);
    jw_str(out, "imcSetting", cluster->imc_setting);
}

static int64_t largest_host(const Snapshot *snap, int64_t cluster_id)
{
    int64_t threads = 0;

    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id == cluster_id)
            threads = MAX(threads, snap->hosts[i]->cpu_threads);
    }
    return threads;
}

static const Cluster *current(const struct request *req)
{
    return snapshot_cluster(req->snap, req->ids[OBJECT_CLUSTER]);
}

bool h_cluster_get(struct request *req, GError **error)
{
    const Cluster *cluster = current(req);
    struct jw *out = &req->out;
    g_autofree char *statistics = NULL;
    g_autofree char *uri = uri_format(req->site, OBJECT_CLUSTER, cluster->id);
    struct read_sum sum;

    (void)error;
    read_sum_cluster(req->snap, cluster->id, &sum);
    jw_object(out, NULL);
    put_head(req, cluster, &sum);
    jw_str(out, "resStrategy", cluster->res_strategy);
    put_ha(req, &cluster->ha);
    put_drs(req, cluster);
    jw_empty_array(out, "drsExtensionConfig");
    put_overrides(req, cluster->id);
    jw_bool(out, "enableVmDrs", cluster->drs.vm_overrides_enabled);
    jw_bool(out, "enableHostNumaDRS", cluster->host_numa_drs);
    jw_bool(out, "enableGuestNuma", cluster->guest_numa);
    jw_bool(out, "enableIOTailor", cluster->io_tailor);
    jw_int(out, "dsFaultStrategy", cluster->ds_fault_strategy);
    statistics = g_strconcat(uri, "/statistics", NULL);
    jw_str(out, "statistics", statistics);
    jw_int(out, "maxCpuQuantity", largest_host(req->snap, cluster->id));
    jw_empty_object(out, "params");
    jw_object_end(out);
    return true;
}

/* ---- lists and sums -----------------------------------------------------------------------------
 */

struct filter {
    const char *name, *tag;
    int64_t *ids;
    size_t n_ids;
};

static bool fits(const Cluster *cluster, const struct filter *filter)
{
    return read_like(cluster->name, filter->name) &&
           (!filter->tag || g_str_equal(cluster->tag, filter->tag)) &&
           (!filter->ids || read_contains(filter->ids, filter->n_ids, cluster->id));
}

static void put_item(struct request *req, const Cluster *cluster)
{
    struct read_sum sum;

    read_sum_cluster(req->snap, cluster->id, &sum);
    jw_object(&req->out, NULL);
    put_head(req, cluster, &sum);
    jw_empty_object(&req->out, "params");
    jw_object_end(&req->out);
}

bool h_cluster_list(struct request *req, GError **error)
{
    struct filter filter = { target_param(&req->target, "name"), target_param(&req->target, "tag"),
                             NULL, 0 };
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    g_autofree int64_t *ids = NULL;
    struct read_page page;
    size_t from, to;

    if (!read_page(req, &page, error) ||
        !read_ids(req, "clusterUrns", OBJECT_CLUSTER, &ids, &filter.n_ids, error))
        return false;
    filter.ids = ids;
    for (size_t i = 0; i < req->snap->n_clusters; i++) {
        if (fits(req->snap->clusters[i], &filter))
            g_ptr_array_add(found, (void *)(uintptr_t)req->snap->clusters[i]);
    }
    read_page_bounds(&page, found->len, &from, &to);
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", found->len);
    jw_array(&req->out, "clusters");
    for (size_t i = from; i < to; i++)
        put_item(req, g_ptr_array_index(found, i));
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}

bool h_cluster_resource(struct request *req, GError **error)
{
    struct read_sum sum;

    (void)error;
    read_sum_cluster(req->snap, req->ids[OBJECT_CLUSTER], &sum);
    jw_object(&req->out, NULL);
    read_put_resources(req, &sum);
    jw_object_end(&req->out);
    return true;
}

bool h_cluster_all_resource(struct request *req, GError **error)
{
    struct jw *out = &req->out;
    struct read_sum sum;

    (void)error;
    read_sum_cluster(req->snap, req->ids[OBJECT_CLUSTER], &sum);
    jw_object(out, NULL);
    read_put_resources(req, &sum);
    jw_object(out, "detailCpuResource");
    jw_object(out, "allocatedVcpus");
    jw_int(out, "Stopped", sum.stopped_vcpus);
    jw_object_end(out);
    jw_object_end(out);
    jw_object(out, "detailMemResource");
    jw_object(out, "allocatedSizeMB");
    jw_int(out, "Stopped", sum.stopped_mem);
    jw_object_end(out);
    jw_object_end(out);
    jw_object_end(out);
    return true;
}

bool h_cluster_statistics(struct request *req, GError **error)
{
    int64_t id = req->ids[OBJECT_CLUSTER];
    struct jw *out = &req->out;
    struct read_sum sum;
    int64_t hosts = 0;

    (void)error;
    read_sum_cluster(req->snap, id, &sum);
    for (size_t i = 0; i < req->snap->n_hosts; i++)
        hosts += req->snap->hosts[i]->cluster_id == id;
    jw_object(out, NULL);
    jw_int(out, "hostQuantity", hosts);
    jw_int(out, "hostInServiceQuantity", sum.hosts);
    jw_int(out, "vmQuantity", sum.vms);
    jw_int(out, "runningVmQuantity", sum.running);
    jw_object_end(out);
    return true;
}
