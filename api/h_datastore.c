/* h_datastore.c - datastores: directories that every host of the site sees at the same path. */
#include "config.h"

#include "api/handlers.h"

#include <string.h>

#include "api/body.h"
#include "api/read.h"
#include "base/err.h"
#include "model/reason.h"

#define PATH_MAX_LENGTH 1024
#define CAPACITY_MAX_GB 1000000000

/* ---- out ------------------------------------------------------------------------------------- */

static void put_datastore(struct request *req, const Datastore *datastore)
{
    int64_t free_gb = MAX(datastore->capacity_gb - datastore->used_gb, 0);
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_DATASTORE, datastore->id);
    jw_str(out, "name", datastore->name);
    jw_str(out, "description", datastore->description);
    jw_str(out, "status", "NORMAL");
    jw_str(out, "storageType", datastore->storage_type);
    jw_str(out, "path", datastore->path);
    jw_int(out, "clusterSize", 1);
    jw_int(out, "capacityGB", datastore->capacity_gb);
    jw_int(out, "usedSizeGB", datastore->used_gb);
    jw_int(out, "freeSizeGB", free_gb);
    jw_int(out, "actualCapacityGB", datastore->capacity_gb);
    jw_int(out, "actualFreeSizeGB", free_gb);
    jw_bool(out, "isThin", true);
    jw_int(out, "thinRate", 100);
    jw_int(out, "dsLockType", 0);
    jw_str(out, "refreshTime", "");
    jw_array(out, "hosts");
    for (size_t i = 0; i < req->snap->n_hosts; i++)
        read_put_urn(req, NULL, OBJECT_HOST, req->snap->hosts[i]->id);
    jw_array_end(out);
    jw_empty_array(out, "storageUnits");
    jw_empty_array(out, "suIdList");
    jw_empty_object(out, "params");
    jw_object_end(out);
}

bool h_datastore_get(struct request *req, GError **error)
{
    (void)error;
    put_datastore(req, snapshot_datastore(req->snap, req->ids[OBJECT_DATASTORE]));
    return true;
}

bool h_datastore_list(struct request *req, GError **error)
{
    const char *name = target_param(&req->target, "name");
    const char *status = target_param(&req->target, "status");
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    struct read_page page;
    struct read_scope scope;
    size_t from, to;

    /* every host and cluster sees all of them: a scope is checked, but excludes none */
    if (!read_page(req, &page, error) || !read_scope(req, NULL, &scope, error))
        return false;
    for (size_t i = 0; i < req->snap->n_datastores; i++) {
        const Datastore *datastore = req->snap->datastores[i];

        if (read_like(datastore->name, name) &&
            (!status || g_ascii_strcasecmp(status, "NORMAL") == 0))
            g_ptr_array_add(found, (void *)(uintptr_t)datastore);
    }
    read_page_bounds(&page, found->len, &from, &to);
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", found->len);
    jw_array(&req->out, "datastores");
    for (size_t i = from; i < to; i++)
        put_datastore(req, g_ptr_array_index(found, i));
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}

/* ---- in -------------------------------------------------------------------------------------- */

/* One spelling for each folder, or a file in it could be two disks; NULL: not such a path. */
static char *plain_path(const char *path)
{
    g_autofree char *plain = NULL;

    if (path[0] != '/' || strstr(path, "/../") || g_str_has_suffix(path, "/.."))
        return NULL;
    while (path[1] == '/') /* two slashes at the start mean something of their own to GLib */
        path++;
    plain = g_canonicalize_filename(path, "/");
    return plain[1] ? g_steal_pointer(&plain) : NULL;
}

struct op *h_datastore_create(struct request *req, GError **error)
{
    static const char *const types[] = { "NAS", "LOCAL", NULL };
    g_autoptr(op_auto) op = op_new(OP_DATASTORE_CREATE);
    const struct json_reader *json = &req->json;
    g_autofree char *path = NULL;

    op->datastore = datastore_new();
    g_free(op->datastore->storage_type);
    op->datastore->storage_type = g_strdup(types[0]);
    if (!body_name(json, "name", REASON_BAD_NAME, &op->datastore->name, error) ||
        !body_string(json, "description", BODY_DESCRIPTION_MAX, REASON_BAD_DESCRIPTION,
                     &op->datastore->description, error) ||
        !body_word(json, "storageType", types, 0, &op->datastore->storage_type, error) ||
        !body_string(json, "path", PATH_MAX_LENGTH, 0, &path, error) ||
        !body_int(json, INT_FIELD("capacityGB", 0, CAPACITY_MAX_GB, 0, &op->datastore->capacity_gb),
                  error))
        return NULL;
    if (!op->datastore->name[0]) {
        body_fail(json, "name", REASON_BAD_NAME, "a name of 1..256 characters", error);
        return NULL;
    }
    g_free(op->datastore->path);
    op->datastore->path = path ? plain_path(path) : NULL;
    if (!op->datastore->path) {
        body_fail(json, "path", 0, "an absolute directory, the same on each host", error);
        return NULL;
    }
    return g_steal_pointer(&op);
}

struct op *h_datastore_delete(struct request *req, GError **error)
{
    struct op *op = op_new(OP_DATASTORE_DELETE);

    (void)error;
    op->id = req->ids[OBJECT_DATASTORE];
    return op;
}
