/* h_ha.c - high availability as people see it: hosts and VMs with the rule that holds, arming, the
 * fail-over test, and incidents with their evidence. */
#include "config.h"

#include "api/answer.h"
#include "api/body.h"
#include "api/handlers.h"
#include "api/known.h"
#include "api/read.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

#define MS_PER_S 1000

/* ---- status ----------------------------------------------------------------------------------
 */

struct op *h_ha_status(struct request *req, GError **error)
{
    (void)req, (void)error;
    return op_new(OP_HA_STATUS);
}

static void put_time(struct request *req, const char *key, int64_t ms)
{
    if (ms)
        read_put_time(req, key, ms);
    else
        jw_str(&req->out, key, "");
}

/* Since the last sign of a witness; none yet: null would end simple clients, so "" it is. */
static void put_silence(struct request *req, const char *key, int64_t ms)
{
    if (ms >= 0)
        jw_decimal(&req->out, key, ms, MS_PER_S);
    else
        jw_str(&req->out, key, "");
}

static void put_lease(struct request *req, const struct op_ha_lease *lease)
{
    struct jw *out = &req->out;
    g_autofree char *life = g_strdup_printf("%016" G_GINT64_MODIFIER "x:%" G_GINT64_FORMAT,
                                            (guint64)lease->boot, lease->n);

    jw_object(out, NULL);
    jw_str(out, "authority", lease->authority);
    jw_str(out, "incarnation", life);
    jw_decimal(out, "unchangedSeconds", lease->still_ms, MS_PER_S);
    jw_bool(out, "buried", lease->buried);
    jw_bool(out, "shown", lease->shown);
    jw_object_end(out);
}

static void put_host(struct request *req, const struct op_ha_host *host)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_HOST, host->id);
    jw_str(out, "name", host->name);
    jw_str(out, "state", host->state);
    jw_int(out, "rule", host->rule);
    jw_str(out, "reason", host->why);
    put_time(req, "since", host->since_ms);
    jw_bool(out, "takesVms", host->takes_vms);
    jw_bool(out, "hasFenceDevice", host->has_bmc);
    put_silence(req, "beatsSilentSeconds", host->beat_ms);
    put_silence(req, "peersSilentSeconds", host->peer_ms);
    put_silence(req, "agentSilentSeconds", host->agent_ms);
    jw_int(out, "recentFailures", host->n_failures);
    jw_array(out, "lostDatastores");
    for (char **name = host->lost_stores; name && *name; name++)
        jw_str(out, NULL, *name);
    jw_array_end(out);
    jw_array(out, "leases");
    for (size_t i = 0; i < host->n_leases; i++)
        put_lease(req, &host->leases[i]);
    jw_array_end(out);
    jw_object_end(out);
}

static void put_vm(struct request *req, const struct op_ha_vm *vm)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_VM, vm->id);
    jw_str(out, "name", vm->name);
    jw_str(out, "state", vm->state);
    jw_int(out, "rule", vm->rule);
    jw_str(out, "reason", vm->why);
    if (vm->host_id)
        read_put_urn(req, "hostUrn", OBJECT_HOST, vm->host_id);
    jw_object_end(out);
}

bool h_ha_answer(struct request *req, struct op_result *result, GError **error)
{
    const struct op_ha *ha = result->ha;
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_bool(out, "enabled", ha->enabled);
    jw_bool(out, "armed", ha->armed);
    put_time(req, "disarmedSince", ha->disarmed_ms);
    jw_str(out, "disarmedBy", ha->disarmed_by);
    jw_bool(out, "ready", ha->ready);
    jw_bool(out, "etcd", ha->etcd_ok);
    jw_bool(out, "brake", ha->braked);
    jw_str(out, "text", ha->text);
    jw_int(out, "guardedVms", ha->n_guarded);
    jw_int(out, "runningVms", ha->n_running);
    jw_array(out, "hosts");
    for (size_t i = 0; i < ha->n_hosts; i++)
        put_host(req, &ha->hosts[i]);
    jw_array_end(out);
    jw_array(out, "vms");
    for (size_t i = 0; i < ha->n_vms; i++)
        put_vm(req, &ha->vms[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

/* ---- deeds -----------------------------------------------------------------------------------
 */

struct op *h_ha_arm(struct request *req, GError **error)
{
    (void)req, (void)error;
    return op_new(OP_HA_ARM);
}

struct op *h_ha_disarm(struct request *req, GError **error)
{
    (void)req, (void)error;
    return op_new(OP_HA_DISARM);
}

struct op *h_ha_trust(struct request *req, GError **error)
{
    struct op *op = op_new(OP_HOST_TRUST);

    (void)error;
    op->id = req->ids[OBJECT_HOST];
    return op;
}

/* Power is cut: whoever asks for that says of which host, again and by its name. */
static bool check_confirm(const struct request *req, const Host *host, GError **error)
{
    g_autofree char *confirm = NULL;

    if (!body_string(&req->json, "confirm", BODY_NAME_MAX, 0, &confirm, error))
        return false;
    if (confirm && g_str_equal(confirm, host->name))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "confirm",
                   "confirm = %.64s: the power of %s would be cut and its VMs end: want confirm = "
                   "\"%s\", or dryRun = true",
                   confirm ? confirm : "(missing)", host->name, host->name);
    return false;
}

struct op *h_ha_drill(struct request *req, GError **error)
{
    static const char *const words[] = { "dryRun", "confirm", "force", NULL };
    const Host *host = snapshot_host(req->snap, req->ids[OBJECT_HOST]);
    g_autoptr(op_auto) op = NULL;
    bool dry_run = false, force = false;

    if (!known_keys(&req->json, words, error) || !request_dry_run(req, &dry_run, error) ||
        !json_read_bool(&req->json, "force", &force, error))
        return NULL;
    if (!dry_run && !check_confirm(req, host, error))
        return NULL;
    if (dry_run && host->cluster_id == 0) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_NOT_IN_CLUSTER, NULL,
                       "host %s is in no cluster: nothing would take its VMs", host->name);
        return NULL;
    }
    op = op_new(dry_run ? OP_FAILOVER : OP_HOST_DRILL);
    op->id = dry_run ? host->cluster_id : host->id;
    op->target_host_id = dry_run ? host->id : 0;
    op->force = force;
    req->ids[OBJECT_CLUSTER] = host->cluster_id;
    return g_steal_pointer(&op);
}

/* What GET {cluster}/failover?host= says now; of a real test, that it began. */
bool h_ha_drill_answer(struct request *req, struct op_result *result, GError **error)
{
    struct jw *out = &req->out;
    g_autofree char *place = NULL;

    if (result->failover)
        return h_failover_answer(req, result, error);
    place = g_strdup_printf("/service/sites/%s/ha/incidents/latest", req->site);
    jw_object(out, NULL);
    read_put_urn(req, "hostUrn", OBJECT_HOST, req->ids[OBJECT_HOST]);
    jw_str(out, "incidentUri", place);
    jw_str(out, "text", result->note);
    jw_object_end(out);
    return true;
}

/* ---- incidents -------------------------------------------------------------------------------
 */

static bool read_state(const struct request *req, char **status, GError **error)
{
    const char *state = target_param(&req->target, "state");

    if (state && !g_str_equal(state, "open") && !g_str_equal(state, "closed")) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "state",
                       "state = %.64s: want open or closed", state);
        return false;
    }
    g_free(*status);
    *status = g_strdup(state ? state : "");
    return true;
}

static bool read_kind(const struct request *req, char **type, GError **error)
{
    const char *text = target_param(&req->target, "kind");
    enum incident_kind kind;

    if (text && !incident_kind_parse(text, &kind)) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "kind",
                       "kind = %.64s: want host, vm or drill", text);
        return false;
    }
    g_free(*type);
    *type = g_strdup(text ? text : "");
    return true;
}

struct op *h_ha_incidents(struct request *req, GError **error)
{
    static const char *const words[] = { "state", "kind",  "scope",  "from",
                                         "to",    "limit", "offset", NULL };
    g_autoptr(op_auto) op = op_new(OP_INCIDENT_LIST);
    struct op_query *query = &op->query;
    struct read_page page;
    struct read_scope scope;

    if (!known_params(&req->target, words, error) || !read_page(req, &page, error) ||
        !read_scope(req, NULL, &scope, error) ||
        !target_int(&req->target, INT_FIELD("from", 0, INT64_MAX / 2, 0, &query->from_ms), error) ||
        !target_int(&req->target, INT_FIELD("to", 0, INT64_MAX / 2, 0, &query->to_ms), error) ||
        !read_state(req, &query->status, error) || !read_kind(req, &query->type, error))
        return NULL;
    if (scope.given) {
        query->scope_kind = scope.kind;
        query->scope_id = scope.id;
    }
    query->limit = page.limit < 0 ? READ_HISTORY_MAX : MIN(page.limit, READ_HISTORY_MAX);
    query->offset = page.offset;
    return g_steal_pointer(&op);
}

struct op *h_ha_incident(struct request *req, GError **error)
{
    struct op *op = op_new(OP_INCIDENT_GET);

    (void)error;
    op->id = req->incident_id;
    return op;
}

struct op *h_ha_latest(struct request *req, GError **error)
{
    (void)req, (void)error;
    return op_new(OP_INCIDENT_GET);
}

/* Seconds after the last sign of life before it, or after the first doubt. */
static void put_after(struct request *req, const Incident *incident, const char *key, int64_t at_ms)
{
    const int64_t from_ms = incident->last_ms ? incident->last_ms : incident->begin_ms;

    if (at_ms)
        jw_decimal(&req->out, key, MAX(at_ms - from_ms, 0), MS_PER_S);
    else
        jw_str(&req->out, key, "");
}

static void put_head(struct request *req, const Incident *incident)
{
    struct jw *out = &req->out;
    g_autofree char *uri = g_strdup_printf("/service/sites/%s/ha/incidents/%" G_GINT64_FORMAT,
                                           req->site, incident->id);

    jw_int(out, "id", incident->id);
    jw_str(out, "uri", uri);
    jw_str(out, "kind", incident_kind_name(incident->kind));
    jw_str(out, "state", incident->end_ms ? "closed" : "open");
    if (incident->host_id)
        read_put_urn(req, "hostUrn", OBJECT_HOST, incident->host_id);
    jw_str(out, "hostName", incident->host_name);
    if (incident->vm_id)
        read_put_urn(req, "vmUrn", OBJECT_VM, incident->vm_id);
    jw_str(out, "vmName", incident->vm_name);
    jw_str(out, "text", incident->text);
    put_time(req, "beginTime", incident->begin_ms);
    put_time(req, "endTime", incident->end_ms);
    put_time(req, "lastSignTime", incident->last_ms);
    put_time(req, "proofTime", incident->proof_ms);
    jw_str(out, "proof", incident->proof);
    jw_int(out, "vmCount", incident->n_vms);
    jw_int(out, "running", incident->n_running);
    jw_int(out, "held", incident->n_held);
    jw_object(out, "seconds");
    put_after(req, incident, "detected", incident->begin_ms);
    put_after(req, incident, "proved", incident->proof_ms);
    put_after(req, incident, "firstRunning", incident->first_ms);
    put_after(req, incident, "allRunning", incident->done_ms);
    jw_object_end(out);
}

bool h_ha_incidents_answer(struct request *req, struct op_result *result, GError **error)
{
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_int(out, "total", result->total);
    jw_array(out, "incidents");
    for (size_t i = 0; i < result->n_incidents; i++) {
        jw_object(out, NULL);
        put_head(req, result->incidents[i]);
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

static void put_line(struct request *req, const Incident *incident, const IncidentLine *line)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_time(req, "time", line->at_ms);
    jw_int(out, "timeMs", line->at_ms);
    put_after(req, incident, "seconds", line->at_ms);
    jw_str(out, "source", incident_source_name(line->source));
    jw_int(out, "rule", line->rule);
    if (line->vm_id)
        read_put_urn(req, "vmUrn", OBJECT_VM, line->vm_id);
    jw_str(out, "text", line->text);
    jw_object_end(out);
}

static void put_fate(struct request *req, const Incident *incident, const IncidentVm *vm)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_VM, vm->vm_id);
    jw_str(out, "name", vm->vm_name);
    jw_str(out, "result", incident_end_name(vm->end));
    if (vm->to_id) {
        read_put_urn(req, "hostUrn", OBJECT_HOST, vm->to_id);
        jw_str(out, "hostName", vm->to_name);
    }
    put_after(req, incident, "lostSeconds", vm->lost_ms);
    put_after(req, incident, "placedSeconds", vm->placed_ms);
    put_after(req, incident, "orderedSeconds", vm->ordered_ms);
    put_after(req, incident, "runningSeconds", vm->running_ms);
    if (vm->task_id)
        read_put_urn(req, "taskUrn", OBJECT_TASK, vm->task_id);
    jw_int(out, "rule", vm->rule);
    jw_str(out, "reason", vm->why);
    jw_object_end(out);
}

bool h_ha_incident_answer(struct request *req, struct op_result *result, GError **error)
{
    const Incident *incident = result->incidents[0];
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    put_head(req, incident);
    jw_array(out, "timeline");
    for (guint i = 0; i < incident->lines->len; i++)
        put_line(req, incident, incident->lines->pdata[i]);
    jw_array_end(out);
    jw_int(out, "linesLeftOut", MAX(incident->n_lines - (int64_t)incident->lines->len, 0));
    jw_array(out, "vms");
    for (guint i = 0; i < incident->vms->len; i++)
        put_fate(req, incident, incident->vms->pdata[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}
