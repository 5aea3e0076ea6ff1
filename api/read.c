/* read.c - see read.h. */
#include "config.h"

#include "api/read.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

/* ---- references --------------------------------------------------------------------------------
 */

void read_put_urn(struct request *req, const char *key, enum object_kind kind, int64_t id)
{
    g_autofree char *urn = id || kind == OBJECT_SITE ? urn_format(req->site, kind, id) : NULL;

    jw_str(&req->out, key, urn);
}

void read_put_uri(struct request *req, const char *key, enum object_kind kind, int64_t id)
{
    g_autofree char *uri = id || kind == OBJECT_SITE ? uri_format(req->site, kind, id) : NULL;

    jw_str(&req->out, key, uri);
}

void read_put_object(struct request *req, enum object_kind kind, int64_t id)
{
    read_put_urn(req, "urn", kind, id);
    read_put_uri(req, "uri", kind, id);
}

void read_put_child(struct request *req, int64_t cluster_id, enum object_kind kind, int64_t id)
{
    g_autofree char *urn = urn_format_child(req->site, OBJECT_CLUSTER, cluster_id, kind, id);
    g_autofree char *uri = uri_format_child(req->site, OBJECT_CLUSTER, cluster_id, kind, id);

    jw_str(&req->out, "urn", urn);
    jw_str(&req->out, "uri", uri);
}

void read_put_named(struct request *req, enum object_kind kind, int64_t id, const char *name)
{
    jw_object(&req->out, NULL);
    read_put_urn(req, "urn", kind, id);
    jw_str(&req->out, "name", name);
    jw_object_end(&req->out);
}

void read_put_time(struct request *req, const char *key, int64_t wall_ms)
{
    g_autofree char *text = clock_format_local(wall_ms);

    jw_str(&req->out, key, text);
}

static const char *cluster_name(const Snapshot *snap, int64_t id)
{
    const Cluster *cluster = snapshot_cluster(snap, id);

    return cluster ? cluster->name : "";
}

static const char *host_name(const Snapshot *snap, int64_t id)
{
    const Host *host = snapshot_host(snap, id);

    return host ? host->name : "";
}

static const char *vm_name(const Snapshot *snap, int64_t id)
{
    const Vm *vm = snapshot_vm(snap, id);

    return vm ? vm->name : "";
}

static const char *datastore_name(const Snapshot *snap, int64_t id)
{
    const Datastore *datastore = snapshot_datastore(snap, id);

    return datastore ? datastore->name : "";
}

static const char *group_name(const Snapshot *snap, int64_t id)
{
    const Group *group = snapshot_group(snap, id);

    return group ? group->name : "";
}

static const char *(*const namers[N_OBJECT_KINDS])(const Snapshot *snap, int64_t id) = {
    [OBJECT_CLUSTER] = cluster_name,     [OBJECT_HOST] = host_name,   [OBJECT_VM] = vm_name,
    [OBJECT_DATASTORE] = datastore_name, [OBJECT_GROUP] = group_name,
};

const char *read_name(const struct request *req, enum object_kind kind, int64_t id)
{
    return namers[kind] ? namers[kind](req->snap, id) : "";
}

static void put_task_params(struct request *req, const Task *task)
{
    struct jw *out = &req->out;

    jw_object(out, "params");
    if (task->source_host_id)
        jw_str(out, "sourceHost", read_name(req, OBJECT_HOST, task->source_host_id));
    if (task->target_host_id)
        jw_str(out, "destinationHost", read_name(req, OBJECT_HOST, task->target_host_id));
    if (task->why[0])
        jw_str(out, "why", task->why);
    jw_str(out, "origin", task_origin_name(task->origin));
    jw_object_end(out);
}

void read_put_task(struct request *req, const char *key, const Task *task)
{
    struct jw *out = &req->out;
    bool final = task_is_final(task);

    jw_object(out, key);
    read_put_object(req, OBJECT_TASK, task->id);
    jw_int_str(out, "taskId", task->id);
    jw_str(out, "type", task_type_name(task->type));
    read_put_urn(req, "entityUrn", task->entity_kind, task->entity_id);
    jw_str(out, "entityName", task->entity_name);
    read_put_time(req, "startTime", task->start_ms);
    read_put_time(req, "finishTime", task->finish_ms);
    jw_int(out, "localStartTime", task->start_ms);
    jw_int(out, "localFinishTime", task->finish_ms);
    jw_str(out, "user", task->origin == ORIGIN_USER ? task->user : "-_system");
    jw_str(out, "status", task_status_name(task->status));
    jw_int(out, "progress", final ? 100 : task->progress);
    if (task->reason)
        jw_int_str(out, "reason", task->reason);
    else
        jw_str(out, "reason", "");
    jw_str(out, "reasonDes", task->reason_text);
    jw_bool(out, "cancelable", !final && !task->cancel_wanted);
    jw_bool(out, "cancelled", final && task->cancel_wanted);
    if (task->parent_id)
        read_put_urn(req, "parentTaskUrn", OBJECT_TASK, task->parent_id);
    put_task_params(req, task);
    jw_object_end(out);
}

/* ---- pages -------------------------------------------------------------------------------------
 */

bool read_page(const struct request *req, struct read_page *ret_page, GError **error)
{
    struct read_page page = { 0, 0 };

    if (!target_int(&req->target, INT_FIELD("limit", 0, INT32_MAX, REASON_BAD_LIMIT, &page.limit),
                    error) ||
        !target_int(&req->target,
                    INT_FIELD("offset", 0, INT32_MAX, REASON_BAD_OFFSET, &page.offset), error))
        return false;
    if (page.limit == 0)
        page.limit = -1;
    *ret_page = page;
    return true;
}

static bool retag(int reason, GError **error)
{
    GError *old = *error;

    *error = NULL;
    err_set_reason(error, VRM_ERR_INVALID, reason, err_field(old), "%s", old->message);
    g_error_free(old);
    return false;
}

bool read_page_body(const struct request *req, struct read_page *ret_page, GError **error)
{
    struct read_page page = { 0, 0 };

    if (!json_read_int(&req->json, "limit", 0, INT32_MAX, &page.limit, error))
        return retag(REASON_BAD_LIMIT, error);
    if (!json_read_int(&req->json, "offset", 0, INT32_MAX, &page.offset, error))
        return retag(REASON_BAD_OFFSET, error);
    if (page.limit == 0)
        page.limit = -1;
    *ret_page = page;
    return true;
}

void read_page_bounds(const struct read_page *page, size_t n, size_t *ret_from, size_t *ret_to)
{
    size_t from = MIN((size_t)page->offset, n);

    *ret_from = from;
    *ret_to = page->limit < 0 ? n : MIN(n, from + (size_t)page->limit);
}

/* ---- filters -----------------------------------------------------------------------------------
 */

bool read_scope(const struct request *req, const char *word, struct read_scope *ret_scope,
                GError **error)
{
    const char *text = target_param(&req->target, "scope");
    struct read_scope scope = { 0 };

    if (text && word && g_ascii_strcasecmp(text, word) == 0) {
        scope.given = true;
        scope.word = word;
    } else if (text) {
        scope.given = true;
        if (!urn_parse_any(text, req->site, &scope.kind, &scope.id)) {
            err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "scope",
                           "scope = %.128s: want a URN such as urn:sites:%s:clusters:1", text,
                           req->site);
            return false;
        }
        if (scope.kind == OBJECT_SITE) /* everything is in the site */
            scope.given = false;
    }
    *ret_scope = scope;
    return true;
}

static bool add_ids(const struct request *req, const struct target_param *param,
                    enum object_kind kind, GArray *ids, GError **error)
{
    g_auto(GStrv) words = g_strsplit(param->value, ",", -1);

    for (size_t i = 0; words[i]; i++) {
        const char *text = g_strstrip(words[i]);
        int64_t id;

        if (!text[0])
            continue;
        if (!urn_parse(text, req->site, kind, &id)) {
            g_autofree char *example = urn_format(req->site, kind, 1);

            err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, param->name,
                           "%s = %.128s: want a URN such as %s", param->name, text, example);
            return false;
        }
        g_array_append_val(ids, id);
    }
    return true;
}

bool read_ids(const struct request *req, const char *name, enum object_kind kind, int64_t **ret_ids,
              size_t *ret_n, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    bool given = false;

    for (size_t i = 0; i < req->target.n_params; i++) {
        const struct target_param *param = &req->target.params[i];

        if (g_ascii_strcasecmp(param->name, name) != 0)
            continue;
        given = true;
        if (!add_ids(req, param, kind, ids, error))
            return false;
    }
    g_array_sort(ids, id_cmp);
    *ret_n = ids->len;
    *ret_ids = given ? (int64_t *)(void *)g_array_steal(ids, NULL) : NULL;
    if (given && !*ret_ids)
        *ret_ids = g_new0(int64_t, 1);
    return true;
}

bool read_contains(const int64_t *ids, size_t n, int64_t id)
{
    return n && bsearch(&id, ids, n, sizeof(id), id_cmp);
}

bool read_like(const char *text, const char *filter)
{
    g_autofree char *folded = NULL;
    g_autofree char *folded_filter = NULL;

    if (!filter || strstr(text, filter))
        return true;
    folded = g_utf8_casefold(text, -1);
    folded_filter = g_utf8_casefold(filter, -1);
    return strstr(folded, folded_filter) != NULL;
}

/* ---- sums --------------------------------------------------------------------------------------
 */

static void add_vm(const Snapshot *snap, const Vm *vm, struct read_sum *sum)
{
    const Host *host = vm->host_id ? snapshot_host(snap, vm->host_id) : NULL;
    int64_t cpu_mhz;

    if (vm->is_template)
        return;
    sum->vms++;
    if (!vm_is_placed(vm)) {
        sum->stopped_vcpus += vm->cpu.quantity;
        sum->stopped_mem += vm->memory.size_mb;
        return;
    }
    sum->running += vm->status == VM_RUNNING || vm->status == VM_MIGRATING;
    cpu_mhz = vm->cpu.quantity * (host ? host->cpu_mhz : 0);
    if (vm->cpu.limit_mhz)
        cpu_mhz = MIN(cpu_mhz, vm->cpu.limit_mhz);
    sum->vcpus += vm->cpu.quantity;
    sum->cpu_allocated += cpu_mhz;
    sum->mem_allocated += vm->memory.size_mb;
}

static void add_host(const Host *host, struct read_sum *sum)
{
    sum->hosts++;
    sum->cpu_total += host->cpu_threads * host->cpu_mhz;
    sum->mem_total += host->mem_mb;
    sum->mem_used += host->load.last_mem_mb;
    sum->threads += host->cpu_threads;
}

void read_sum_host(const Snapshot *snap, const Host *host, struct read_sum *ret_sum)
{
    struct read_sum sum = { 0 };

    add_host(host, &sum);
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->host_id == host->id)
            add_vm(snap, snap->vms[i], &sum);
    }
    *ret_sum = sum;
}

void read_sum_cluster(const Snapshot *snap, int64_t cluster_id, struct read_sum *ret_sum)
{
    struct read_sum sum = { 0 };

    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        if (host->cluster_id == cluster_id && host->status == HOST_NORMAL && !host->maintaining)
            add_host(host, &sum);
    }
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->cluster_id == cluster_id)
            add_vm(snap, snap->vms[i], &sum);
    }
    *ret_sum = sum;
}

void read_put_resources(struct request *req, const struct read_sum *sum)
{
    struct jw *out = &req->out;

    jw_object(out, "cpuResource");
    jw_int(out, "totalSizeMHz", sum->cpu_total);
    jw_int(out, "allocatedSizeMHz", sum->cpu_allocated);
    jw_int(out, "totalVcpus", sum->threads);
    jw_int(out, "allocatedVcpus", sum->vcpus);
    jw_object_end(out);
    jw_object(out, "memResource");
    jw_int(out, "totalSizeMB", sum->mem_total);
    jw_int(out, "allocatedSizeMB", sum->mem_allocated);
    jw_int(out, "realtimeUsedSizeMB", sum->mem_used);
    jw_object_end(out);
}
