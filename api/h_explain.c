/* h_explain.c - decisions in words: why a VM is where it is, what if a host died, how many more VMs
 * fit; and the cluster as vrm-plan reads it. */
#include "config.h"

#include "api/handlers.h"
#include "api/read.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"
#include "model/snapshot_json.h"

#define MAX_VCPUS    4096
#define MAX_FAILURES 2048

/* ---- "host": a URN, a number or a name --------------------------------------------------------
 */

static const Host *find_host(const struct request *req, const char *text)
{
    int64_t id;

    for (size_t i = 0; i < req->snap->n_hosts; i++) {
        if (g_str_equal(req->snap->hosts[i]->name, text))
            return req->snap->hosts[i];
    }
    if (urn_parse(text, req->site, OBJECT_HOST, &id) || object_id_parse(OBJECT_HOST, text, &id))
        return snapshot_host(req->snap, id);
    return NULL;
}

/* *ret_id 0: no host is named. */
static bool read_host(const struct request *req, int64_t *ret_id, GError **error)
{
    const char *text = target_param(&req->target, "host");
    const Host *host = text ? find_host(req, text) : NULL;

    *ret_id = host ? host->id : 0;
    if (text && !host)
        err_set_reason(
            error, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, "host",
            "host = %.128s: there is no such host: want the name or the URN of one, such "
            "as urn:sites:%s:hosts:101",
            text, req->site);
    return !text || host;
}

static struct op *make_question(struct request *req, enum op_kind kind, enum object_kind about,
                                GError **error)
{
    g_autoptr(op_auto) op = op_new(kind);

    op->id = req->ids[about];
    if (!read_host(req, &op->target_host_id, error))
        return NULL;
    return g_steal_pointer(&op);
}

/* ---- one VM -----------------------------------------------------------------------------------
 */

struct op *h_vm_explain(struct request *req, GError **error)
{
    return make_question(req, OP_VM_EXPLAIN, OBJECT_VM, error);
}

/* The decision behind its last start or move, as it was stored then. */
static void put_placed(struct request *req, const Vm *vm)
{
    struct jw *out = &req->out;

    jw_object(out, "placed");
    jw_str(out, "text",
           *vm->placed_why ? vm->placed_why
           : vm->placed_ms ? "the decision gave no reason"
                           : "it was neither started nor moved since this is kept");
    if (vm->placed_ms)
        read_put_time(req, "time", vm->placed_ms);
    if (vm->placed_task_id)
        read_put_urn(req, "taskUrn", OBJECT_TASK, vm->placed_task_id);
    jw_object_end(out);
}

static void put_not_moved(struct request *req, const Vm *vm, const struct op_explain *explain)
{
    const DrsReport *report = snapshot_drs_report(req->snap, vm->cluster_id);
    struct jw *out = &req->out;

    jw_object(out, "notMoved");
    jw_str(out, "reason", explain->why);
    jw_str(out, "text", explain->stays);
    if (report) {
        jw_int(out, "planId", report->plan_id);
        read_put_time(req, "planTime", report->at_ms);
        jw_str(out, "planVerdict", report->verdict);
    }
    jw_object_end(out);
}

static void put_start(struct request *req, const struct op_explain *explain)
{
    struct jw *out = &req->out;

    if (!explain->start)
        return;
    jw_object(out, "start");
    jw_bool(out, "possible", explain->start_id != 0);
    if (explain->start_id) {
        read_put_urn(req, "hostUrn", OBJECT_HOST, explain->start_id);
        jw_str(out, "hostName", read_name(req, OBJECT_HOST, explain->start_id));
    }
    jw_str(out, "text", explain->start);
    jw_object_end(out);
}

static void put_verdict(struct request *req, const struct op_explain_host *host)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_HOST, host->id);
    jw_str(out, "name", host->name);
    jw_bool(out, "here", host->here);
    jw_bool(out, "fits", host->fits);
    jw_str(out, "filter", host->filter);
    jw_str(out, "text", host->text);
    jw_int(out, "cpuPermille", host->cpu_permille);
    jw_int(out, "memPermille", host->mem_permille);
    jw_object_end(out);
}

/* Who may run it. */
static void put_right(struct request *req, const struct op_right *right)
{
    struct jw *out = &req->out;

    if (!right)
        return;
    jw_object(out, "right");
    jw_str(out, "authority", right->authority);
    jw_int(out, "generation", right->generation);
    jw_bool(out, "claimed", right->claimed);
    jw_array(out, "owners");
    for (unsigned i = 0; i < right->n_owners; i++) {
        const struct op_right_owner *owner = &right->owners[i];

        jw_object(out, NULL);
        read_put_urn(req, "hostUrn", OBJECT_HOST, owner->host_id);
        jw_str(out, "hostName", read_name(req, OBJECT_HOST, owner->host_id));
        jw_str(out, "authority", owner->authority);
        jw_str(out, "incarnation", owner->incarnation);
        if (owner->lease_age_ms >= 0)
            jw_int(out, "leaseAgeMs", owner->lease_age_ms);
        jw_bool(out, "dead", owner->dead);
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_str(out, "text", right->text);
    jw_object_end(out);
}

bool h_vm_explain_answer(struct request *req, struct op_result *result, GError **error)
{
    const struct op_explain *explain = result->explain;
    const Vm *vm = snapshot_vm(req->snap, req->ids[OBJECT_VM]);
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    read_put_object(req, OBJECT_VM, vm->id);
    jw_str(out, "name", vm->name);
    jw_str(out, "status", vm_status_name(vm_shown_status(vm)));
    if (vm->cluster_id)
        read_put_urn(req, "clusterUrn", OBJECT_CLUSTER, vm->cluster_id);
    if (vm->host_id) {
        read_put_urn(req, "hostUrn", OBJECT_HOST, vm->host_id);
        jw_str(out, "hostName", read_name(req, OBJECT_HOST, vm->host_id));
    }
    put_placed(req, vm);
    jw_str(out, "here", explain->here);
    put_right(req, explain->right);
    put_not_moved(req, vm, explain);
    put_start(req, explain);
    jw_array(out, "hosts");
    for (size_t i = 0; i < explain->n_hosts; i++)
        put_verdict(req, &explain->hosts[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

/* ---- if a host died ---------------------------------------------------------------------------
 */

struct op *h_failover(struct request *req, GError **error)
{
    return make_question(req, OP_FAILOVER, OBJECT_CLUSTER, error);
}

static void put_fate(struct request *req, const struct op_fate *fate)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_VM, fate->vm_id);
    jw_str(out, "name", fate->vm_name);
    jw_int(out, "memMB", fate->mem_mb);
    jw_str(out, "result", fate->end);
    if (fate->to_id) {
        read_put_urn(req, "hostUrn", OBJECT_HOST, fate->to_id);
        jw_str(out, "hostName", read_name(req, OBJECT_HOST, fate->to_id));
    }
    jw_str(out, "text", fate->text);
    jw_object_end(out);
}

static void put_loss(struct request *req, const struct op_loss *loss)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_HOST, loss->host_id);
    jw_str(out, "name", loss->host_name);
    jw_int(out, "total", loss->n_vms);
    jw_int(out, "restarts", loss->n_vms - loss->n_lost - loss->n_tied - loss->n_unguarded);
    jw_int(out, "lost", loss->n_lost);
    jw_int(out, "lostMB", loss->lost_mb);
    jw_int(out, "tied", loss->n_tied);
    jw_int(out, "withoutHa", loss->n_unguarded);
    jw_str(out, "text", loss->text);
    jw_array(out, "vms");
    for (int64_t i = 0; i < loss->n_vms; i++)
        put_fate(req, &loss->vms[i]);
    jw_array_end(out);
    jw_object_end(out);
}

bool h_failover_answer(struct request *req, struct op_result *result, GError **error)
{
    const struct op_failover *failover = result->failover;
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    read_put_urn(req, "clusterUrn", OBJECT_CLUSTER, req->ids[OBJECT_CLUSTER]);
    jw_object(out, "policy");
    jw_bool(out, "wanted", failover->wanted);
    jw_bool(out, "holds", failover->holds);
    jw_str(out, "text", failover->text);
    jw_object_end(out);
    jw_int(out, "hostsWithLosses", failover->n_bad);
    jw_array(out, "hosts");
    for (size_t i = 0; i < failover->n_hosts; i++)
        put_loss(req, &failover->hosts[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

/* ---- how many more ----------------------------------------------------------------------------
 */

static bool read_needed(const struct request *req, const struct int_field *field, GError **error)
{
    if (target_param(&req->target, field->key))
        return target_int(&req->target, field, error);
    err_set_reason(error, VRM_ERR_INVALID, field->reason, field->key,
                   "%s is missing: want a whole number from %" G_GINT64_FORMAT
                   " to %" G_GINT64_FORMAT ", as in ?cpu=2&memMB=4096",
                   field->key, field->min, field->max);
    return false;
}

/* n and spare say the same. */
static bool read_failures(const struct request *req, int64_t *ret_failures, GError **error)
{
    int64_t n = 1, spare = 1;

    if (!target_int(&req->target, INT_FIELD("n", 0, MAX_FAILURES, 0, &n), error) ||
        !target_int(&req->target, INT_FIELD("spare", 0, MAX_FAILURES, 0, &spare), error))
        return false;
    if (target_param(&req->target, "n") && target_param(&req->target, "spare") && n != spare) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "spare",
                       "spare = %" G_GINT64_FORMAT ", but n = %" G_GINT64_FORMAT
                       ": both are the number of hosts that may still die, want one of them",
                       spare, n);
        return false;
    }
    *ret_failures = target_param(&req->target, "n") ? n : spare;
    return true;
}

struct op *h_capacity(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_CAPACITY);
    struct op_size *size = &op->size;

    op->id = req->ids[OBJECT_CLUSTER];
    if (!read_needed(req, INT_FIELD("cpu", 1, MAX_VCPUS, REASON_VM_BAD_CPU, &size->vcpus), error) ||
        !read_needed(req,
                     INT_FIELD("memMB", 1, SNAPSHOT_JSON_SIZE, REASON_VM_BAD_MEMORY, &size->mem_mb),
                     error) ||
        !target_int(&req->target,
                    INT_FIELD("cpuMhz", 0, SNAPSHOT_JSON_SIZE, REASON_VM_BAD_CPU_RESERVATION,
                              &size->reserved_mhz),
                    error) ||
        !read_failures(req, &size->failures, error))
        return NULL;
    return g_steal_pointer(&op);
}

bool h_capacity_answer(struct request *req, struct op_result *result, GError **error)
{
    const struct op_capacity *capacity = result->capacity;
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    read_put_urn(req, "clusterUrn", OBJECT_CLUSTER, req->ids[OBJECT_CLUSTER]);
    jw_int(out, "cpu", capacity->size.vcpus);
    jw_int(out, "memMB", capacity->size.mem_mb);
    jw_int(out, "cpuMhz", capacity->size.reserved_mhz);
    jw_int(out, "now", capacity->n_now);
    jw_int(out, "failures", capacity->size.failures);
    jw_int(out, "secure", capacity->n_secure);
    jw_str(out, "text", capacity->text);
    jw_object_end(out);
    return true;
}

/* ---- the cluster as a file --------------------------------------------------------------------
 */

bool h_snapshot(struct request *req, GError **error)
{
    g_autofree char *text = snapshot_json_write(req->snap, req->ids[OBJECT_CLUSTER]);

    (void)error;
    g_string_append(req->out.text, text);
    return true;
}
