/* h_cluster_put.c - creating, changing and deleting clusters.
 *
 * A PUT is partial: what is absent stays as it is.  The body is applied to a copy of the newest
 * version; the controller commits only if that is still the newest. */
#include "config.h"

#include "api/handlers.h"

#include <string.h>

#include "api/body.h"
#include "api/h_cluster_rules.h"
#include "api/known.h"
#include "base/err.h"
#include "model/imc.h"
#include "model/reason.h"

#define VCPUS_PER_THREAD_MAX 1024 /* as in the database */
#define DEFAULT_LIMEN        5    /* of an hour that a given list leaves out */
#define MAX_LIMEN            9

static bool read_limen(const struct json_reader *reader, const char *key,
                       uint8_t limen[HOURS_PER_DAY], GError **error)
{
    static const char *const words[] = { "fragmentTime", "limen", NULL };
    const json_t *array = NULL;
    uint8_t read[HOURS_PER_DAY];
    uint32_t given = 0;

    if (!json_read_array(reader, key, HOURS_PER_DAY, &array, error))
        return body_retag(REASON_DRS_SLOT, error);
    if (!array)
        return true;
    memset(read, DEFAULT_LIMEN, sizeof(read));
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct json_reader entry;
        int64_t hour = -1, value = DEFAULT_LIMEN;

        if (!json_read_element(reader, key, array, i, &entry, error) ||
            !known_keys(&entry, words, error) ||
            !body_int(&entry,
                      INT_FIELD("fragmentTime", 0, HOURS_PER_DAY - 1, REASON_DRS_SLOT, &hour),
                      error) ||
            !body_int(&entry, INT_FIELD("limen", 0, MAX_LIMEN, REASON_DRS_THRESHOLD, &value),
                      error))
            return false;
        if (hour < 0)
            return body_fail(&entry, "fragmentTime", REASON_DRS_SLOT, "an hour, 0..23", error);
        if (given & UINT32_C(1) << hour)
            return body_fail(&entry, "fragmentTime", REASON_DRS_SLOT, "each hour once", error);
        given |= UINT32_C(1) << hour;
        read[hour] = (uint8_t)value;
    }
    memcpy(limen, read, sizeof(read));
    return true;
}

static bool read_days(const struct json_reader *reader, const json_t *days, int64_t max,
                      uint32_t *ret_days, GError **error)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < json_array_size(days); i++) {
        const json_t *day = json_array_get(days, i);

        if (!json_is_integer(day) || json_integer_value(day) < 1 || json_integer_value(day) > max) {
            g_autofree char *want = g_strdup_printf("days 1..%d", (int)max);

            return body_fail(reader, "cycleSpec", REASON_DRS_SLOT, want, error);
        }
        bits |= UINT32_C(1) << json_integer_value(day);
    }
    *ret_days = bits;
    return true;
}

static bool read_cycle(const struct json_reader *parent, const char *key, struct cycle *cycle,
                       GError **error)
{
    struct json_reader reader;
    int64_t type = cycle->type;
    const json_t *days = NULL;

    if (!json_read_object(parent, key, &reader, error) ||
        !body_int(&reader,
                  INT_FIELD("cycleType", CYCLE_ALWAYS, CYCLE_MONTHLY, REASON_DRS_SLOT, &type),
                  error) ||
        !json_read_array(&reader, "cycleSpec", 31, &days, error))
        return body_retag(REASON_DRS_SLOT, error);
    if (days && !read_days(&reader, days, type == CYCLE_WEEKLY ? 7 : 31, &cycle->days, error))
        return false;
    cycle->type = (enum cycle_type)type;
    if (cycle->type == CYCLE_ALWAYS)
        cycle->days = 0;
    else if (cycle->days == 0)
        return body_fail(&reader, "cycleSpec", REASON_DRS_SLOT, "at least one day", error);
    return true;
}

static bool read_threshold(const struct json_reader *entry,
                           struct dpm_threshold levels[DPM_LEVELS + 1], GError **error)
{
    int64_t limen = 0, under = 0, over = 0;

    if (!body_int(entry, INT_FIELD("limen", 1, DPM_LEVELS, REASON_DPM_THRESHOLD, &limen), error) ||
        !body_int(entry, INT_FIELD("underloadThreshold", 1, 99, REASON_DPM_THRESHOLD, &under),
                  error) ||
        !body_int(entry, INT_FIELD("overloadThreshold", 2, 100, REASON_DPM_THRESHOLD, &over),
                  error))
        return false;
    if (limen == 0)
        return body_fail(entry, "limen", REASON_DPM_THRESHOLD, "a level, 1..9", error);
    if (levels[limen].over)
        return body_fail(entry, "limen", REASON_DPM_THRESHOLD, "each level once", error);
    if (under == 0 || over <= under)
        return body_fail(entry, "overloadThreshold", REASON_DPM_THRESHOLD,
                         "more than underloadThreshold, both given", error);
    levels[limen] = (struct dpm_threshold){ (uint8_t)under, (uint8_t)over };
    return true;
}

/* The whole list; an empty one goes back to the levels' own. */
static bool read_thresholds(const struct json_reader *reader, Cluster *cluster, GError **error)
{
    struct dpm_threshold levels[DPM_LEVELS + 1] = { 0 };
    const json_t *array = NULL;

    if (!json_read_array(reader, "dpmThresholds", DPM_LEVELS, &array, error))
        return body_retag(REASON_DPM_THRESHOLD, error);
    if (!array)
        return true;
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct json_reader entry;

        if (!json_read_element(reader, "dpmThresholds", array, i, &entry, error))
            return body_retag(REASON_DPM_THRESHOLD, error);
        if (!read_threshold(&entry, levels, error))
            return false;
    }
    g_free(cluster->dpm_thresholds);
    cluster->dpm_thresholds = dpm_thresholds_format(levels);
    return true;
}

static bool read_dpm(const struct json_reader *reader, struct dpm_policy *dpm, GError **error)
{
    return body_int(reader, INT_FIELD("powerLevel", 0, 2, REASON_DRS_LEVEL, &dpm->power_level),
                    error) &&
           read_limen(reader, "powerFragmentLimen", dpm->limen, error) &&
           read_cycle(reader, "dpmCycle", &dpm->cycle, error) &&
           body_one_of(reader, "electricStrategy", ONE_OF(1) | ONE_OF(3), REASON_DRS_LEVEL,
                       &dpm->electric_strategy, error);
}

static bool read_drs(const struct request *req, Cluster *cluster, struct op *op, GError **error)
{
    static const char *const words[] = {
        "drsLevel",      "drsFragmentLimen", "drsCycle", "drsRules",   "drsThreshold",
        "factor",        "powerLevel",       "dpmCycle", "powerLimen", "powerFragmentLimen",
        "dpmThresholds", "electricStrategy", NULL
    };
    static const char *const thresholds[] = { "cpu", "memory", NULL };
    struct drs_policy *drs = &cluster->drs;
    int64_t level = drs->level, factor = drs->factor;
    struct json_reader reader, threshold;

    if (!json_read_object(&req->json, "drsSetting", &reader, error) ||
        !known_keys(&reader, words, error) ||
        !json_read_object(&reader, "drsThreshold", &threshold, error) ||
        !known_keys(&threshold, thresholds, error) ||
        !body_one_of(&reader, "drsLevel", ONE_OF(DRS_MANUAL) | ONE_OF(DRS_AUTOMATIC),
                     REASON_DRS_LEVEL, &level, error) ||
        !body_int(&reader,
                  INT_FIELD("factor", DRS_FACTOR_CPU, DRS_FACTOR_BOTH, REASON_DRS_FACTOR, &factor),
                  error) ||
        !body_int(&threshold, INT_FIELD("cpu", 0, 100, REASON_DRS_THRESHOLD, &drs->threshold_cpu),
                  error) ||
        !body_int(&threshold,
                  INT_FIELD("memory", 0, 100, REASON_DRS_THRESHOLD, &drs->threshold_mem), error) ||
        !read_limen(&reader, "drsFragmentLimen", drs->limen, error) ||
        !read_cycle(&reader, "drsCycle", &drs->cycle, error) ||
        !read_dpm(&reader, &cluster->dpm, error) || !read_thresholds(&reader, cluster, error) ||
        !h_cluster_rules_read(req, &reader, op, error))
        return false;
    drs->level = (enum drs_level)level;
    drs->factor = (enum drs_factor)factor;
    return true;
}

static bool check_failover_hosts(const struct request *req, const struct json_reader *reader,
                                 const Cluster *cluster, GError **error)
{
    for (size_t i = 0; i < cluster->ha.n_failover_hosts; i++) {
        const Host *host = snapshot_host(req->snap, cluster->ha.failover_hosts[i]);

        if (!host || !cluster->id || host->cluster_id != cluster->id)
            return body_fail(reader, "failoverHosts", REASON_HOST_NOT_IN_CLUSTER,
                             "hosts of this cluster", error);
    }
    return true;
}

/* Fail-over hosts need to be some, and leave at least one host for the VMs. */
static bool check_failover_policy(const struct request *req, const struct json_reader *reader,
                                  const Cluster *cluster, GError **error)
{
    const struct ha_policy *ha = &cluster->ha;
    size_t n_hosts = 0;

    if (!ha->control_policy_on || ha->control_policy != HA_POLICY_HOSTS)
        return true;
    for (size_t i = 0; i < req->snap->n_hosts; i++)
        n_hosts += req->snap->hosts[i]->cluster_id == cluster->id;
    if (ha->n_failover_hosts == 0)
        return body_fail(reader, "failoverHosts", REASON_HA_POLICY,
                         "at least one host of the cluster, with controlPolicy 2", error);
    return ha->n_failover_hosts < n_hosts ||
           body_fail(reader, "failoverHosts", REASON_HA_POLICY,
                     "not all hosts of the cluster: fail-over hosts stay empty, so one other must "
                     "run the VMs",
                     error);
}

static bool read_isolation(const struct json_reader *reader, enum ha_isolation *ret_isolation,
                           GError **error)
{
    static const char *const words[] = { HA_ISOLATIONS(STATE_WORD) NULL };
    g_autofree char *word = NULL;

    if (!body_word(reader, "isolationResponse", words, REASON_HA_POLICY, &word, error))
        return false;
    if (word)
        (void)ha_isolation_parse(word, ret_isolation);
    return true;
}

static bool read_ha(const struct request *req, Cluster *cluster, GError **error)
{
    struct ha_policy *ha = &cluster->ha;
    const struct int_field ints[] = {
        { "controlPolicy", 0, 2, REASON_HA_POLICY, &ha->control_policy },
        { "cpuReservation", 0, 50, REASON_HA_POLICY, &ha->cpu_reservation },
        { "memoryReservation", 0, 50, REASON_HA_POLICY, &ha->mem_reservation },
        { "hostsFaultQuantity", 0, 1000, REASON_HA_POLICY, &ha->hosts_fault_quantity },
        { "slotcpuinmhz", 0, INT32_MAX, REASON_HA_POLICY, &ha->slot_cpu_mhz },
        { "slotmeminmb", 0, INT32_MAX, REASON_HA_POLICY, &ha->slot_mem_mb },
        { "maxRestartsPerHour", 1, 60, REASON_HA_POLICY, &ha->max_restarts },
    };
    /* with those of FusionCompute that mean nothing here */
    static const char *const words[] = { "isControlPolicy",
                                         "controlPolicy",
                                         "cpuReservation",
                                         "memoryReservation",
                                         "hostsFaultQuantity",
                                         "failoverHosts",
                                         "isCustomisedSlot",
                                         "slotcpuinmhz",
                                         "slotmeminmb",
                                         "isolationResponse",
                                         "maxRestartsPerHour",
                                         "isAutoMigrateAllVms",
                                         "isHaHostAutonomy",
                                         "hbDataStorePolicy",
                                         "hbDataStorePreferred",
                                         "hbDataStoreNumber",
                                         "isolateArbitrateAddress",
                                         NULL };
    struct json_reader reader;

    return json_read_object(&req->json, "haResSetting", &reader, error) &&
           known_keys(&reader, words, error) &&
           body_ints(&reader, ints, G_N_ELEMENTS(ints), error) &&
           json_read_bool(&reader, "isControlPolicy", &ha->control_policy_on, error) &&
           json_read_bool(&reader, "isCustomisedSlot", &ha->custom_slot, error) &&
           read_isolation(&reader, &ha->isolation, error) &&
           body_urns(&reader,
                     URN_FIELD("failoverHosts", req->site, OBJECT_HOST, REASON_HOST_NOT_IN_CLUSTER),
                     &ha->failover_hosts, &ha->n_failover_hosts, error) &&
           (!json_has(&reader, "failoverHosts") ||
            check_failover_hosts(req, &reader, cluster, error)) &&
           (!reader.object || check_failover_policy(req, &reader, cluster, error));
}

static bool read_flags(const struct json_reader *json, Cluster *cluster, GError **error)
{
    const struct {
        const char *key;
        bool *flag;
    } flags[] = {
        { "isMemOvercommit", &cluster->mem_overcommit },
        { "isEnableHa", &cluster->ha.enabled },
        { "isEnableDrs", &cluster->drs.enabled },
        { "enableVmDrs", &cluster->drs.vm_overrides_enabled },
        { "enableGuestNuma", &cluster->guest_numa },
        { "enableHostNumaDRS", &cluster->host_numa_drs },
        { "enableIOTailor", &cluster->io_tailor },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (!json_read_bool(json, flags[i].key, flags[i].flag, error))
            return false;
    }
    return true;
}

/* Mode and switch go together: what is switched on must be a mode. */
static bool read_imc(const struct json_reader *json, Cluster *cluster, GError **error)
{
    bool given = json_has(json, "imcSetting") || json_has(json, "isEnableImc");
    g_autofree char *modes = NULL;
    g_autofree char *want = NULL;
    const char *mode;

    if (!json_read_bool(json, "isEnableImc", &cluster->imc_enabled, error))
        return body_retag(REASON_IMC_SWITCH, error);
    if (!body_string(json, "imcSetting", BODY_TAG_MAX, REASON_IMC_MODE, &cluster->imc_setting,
                     error))
        return false;
    if (!given || (!*cluster->imc_setting && !cluster->imc_enabled))
        return true;
    mode = imc_mode_find(cluster->imc_setting);
    if (mode) {
        g_free(cluster->imc_setting);
        cluster->imc_setting = g_strdup(mode);
        return true;
    }
    modes = imc_modes_list();
    want = g_strconcat(cluster->imc_enabled ? "with isEnableImc " : "", "one of ", modes, NULL);
    return body_fail(json, "imcSetting", REASON_IMC_MODE, want, error);
}

static bool read_cluster(const struct request *req, Cluster *cluster, struct op *op, GError **error)
{
    static const char *const strategies[] = { "loadBalance", "random", NULL };
    const struct json_reader *json = &req->json;

    return body_name(json, "name", REASON_BAD_NAME, &cluster->name, error) &&
           body_string(json, "description", BODY_DESCRIPTION_MAX, REASON_BAD_DESCRIPTION,
                       &cluster->description, error) &&
           body_string(json, "tag", BODY_TAG_MAX, 0, &cluster->tag, error) &&
           read_flags(json, cluster, error) && read_imc(json, cluster, error) &&
           body_word(json, "resStrategy", strategies, 0, &cluster->res_strategy, error) &&
           body_int(json, INT_FIELD("dsFaultStrategy", 0, 1, 0, &cluster->ds_fault_strategy),
                    error) &&
           body_int(
               json,
               INT_FIELD("vcpusPerThread", 0, VCPUS_PER_THREAD_MAX, 0, &cluster->vcpus_per_thread),
               error) &&
           read_ha(req, cluster, error) && read_drs(req, cluster, op, error) &&
           h_cluster_overrides_read(req, op, error);
}

struct op *h_cluster_create(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_CLUSTER_CREATE);

    op->cluster = cluster_new();
    if (!json_has(&req->json, "name")) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_BAD_NAME, "name",
                       "name is missing: want a name of 1..%d characters", BODY_NAME_MAX);
        return NULL;
    }
    if (!read_cluster(req, op->cluster, op, error))
        return NULL;
    return g_steal_pointer(&op);
}

struct op *h_cluster_update(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_CLUSTER_UPDATE);

    op->id = req->ids[OBJECT_CLUSTER];
    op->cluster = cluster_dup(snapshot_cluster(req->snap, op->id));
    if (!read_cluster(req, op->cluster, op, error))
        return NULL;
    return g_steal_pointer(&op);
}

struct op *h_cluster_delete(struct request *req, GError **error)
{
    struct op *op = op_new(OP_CLUSTER_DELETE);

    (void)error;
    op->id = req->ids[OBJECT_CLUSTER];
    return op;
}
