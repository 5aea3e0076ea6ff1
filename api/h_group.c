/* h_group.c - {cluster}/resourcegroups: groups of VMs or hosts that rules name. */
#include "config.h"

#include "api/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "api/body.h"
#include "api/read.h"
#include "base/err.h"
#include "model/reason.h"

#define MEMBERS_MAX 10000

enum member_operation {
    MEMBER_REMOVE = 0,
    MEMBER_ADD = 1,
};

static enum object_kind member_kind(enum group_type type)
{
    return type == GROUP_VM ? OBJECT_VM : OBJECT_HOST;
}

/* ---- out ---------------------------------------------------------------------------------------
 */

static void put_group(struct request *req, const char *key, const Group *group, bool members)
{
    enum object_kind kind = member_kind(group->type);
    struct jw *out = &req->out;

    jw_object(out, key);
    read_put_child(req, group->cluster_id, OBJECT_GROUP, group->id);
    jw_str(out, "name", group->name);
    jw_int(out, "type", group->type == GROUP_HOST);
    jw_int(out, "useType", group->use_type);
    if (members) {
        jw_array(out, "groupMembers");
        for (size_t i = 0; i < group->n_members; i++)
            read_put_named(req, kind, group->members[i], read_name(req, kind, group->members[i]));
        jw_array_end(out);
    }
    jw_object_end(out);
}

struct filter {
    int64_t type, use_type; /* -1: any */
    const char *name;
};

static bool fits(const Group *group, int64_t cluster_id, const struct filter *filter)
{
    return group->cluster_id == cluster_id &&
           (filter->type < 0 || filter->type == (group->type == GROUP_HOST)) &&
           (filter->use_type < 0 || filter->use_type == group->use_type) &&
           read_like(group->name, filter->name);
}

bool h_group_list(struct request *req, GError **error)
{
    struct filter filter = { -1, -1, target_param(&req->target, "name") };
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    struct read_page page;
    size_t from, to;

    if (!read_page(req, &page, error) ||
        !target_int(&req->target, INT_FIELD("type", 0, 1, 0, &filter.type), error) ||
        !target_int(&req->target, INT_FIELD("useType", 0, INT32_MAX, 0, &filter.use_type), error))
        return false;
    for (size_t i = 0; i < req->snap->n_groups; i++) {
        if (fits(req->snap->groups[i], req->ids[OBJECT_CLUSTER], &filter))
            g_ptr_array_add(found, (void *)(uintptr_t)req->snap->groups[i]);
    }
    read_page_bounds(&page, found->len, &from, &to);
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", found->len);
    jw_array(&req->out, "groups");
    for (size_t i = from; i < to; i++)
        put_group(req, NULL, g_ptr_array_index(found, i), false);
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}

bool h_group_get(struct request *req, GError **error)
{
    (void)error;
    jw_object(&req->out, NULL);
    put_group(req, "resourcegroup", snapshot_group(req->snap, req->ids[OBJECT_GROUP]), true);
    jw_object_end(&req->out);
    return true;
}

/* ---- in ----------------------------------------------------------------------------------------
 */

static bool member_fits(const struct request *req, const Group *group, int64_t id)
{
    if (group->type == GROUP_VM) {
        const Vm *vm = snapshot_vm(req->snap, id);

        return vm && vm->cluster_id == group->cluster_id;
    } else {
        const Host *host = snapshot_host(req->snap, id);

        return host && host->cluster_id == group->cluster_id;
    }
}

static void set_member(Group *group, int64_t id, enum member_operation operation)
{
    size_t at = 0;

    while (at < group->n_members && group->members[at] != id)
        at++;
    if (operation == MEMBER_ADD && at == group->n_members) {
        group->members = g_renew(int64_t, group->members, group->n_members + 1);
        group->members[group->n_members++] = id;
        qsort(group->members, group->n_members, sizeof(id), id_cmp);
    } else if (operation == MEMBER_REMOVE && at < group->n_members) {
        group->n_members--;
        memmove(&group->members[at], &group->members[at + 1], (group->n_members - at) * sizeof(id));
    }
}

static bool read_member(const struct request *req, const struct json_reader *reader, Group *group,
                        GError **error)
{
    int64_t id = 0, operation = MEMBER_ADD;

    if (!body_urn(reader, URN_FIELD("urn", req->site, member_kind(group->type), 0), &id, error) ||
        !body_int(reader, INT_FIELD("operationType", MEMBER_REMOVE, MEMBER_ADD, 0, &operation),
                  error))
        return false;
    if (operation == MEMBER_ADD && !member_fits(req, group, id))
        return body_fail(
            reader, "urn",
            group->type == GROUP_VM ? REASON_RULE_VM_NOT_IN_CLUSTER : REASON_HOST_NOT_IN_CLUSTER,
            group->type == GROUP_VM ? "a VM of this cluster" : "a host of this cluster", error);
    set_member(group, id, (enum member_operation)operation);
    return true;
}

/* "policies" is what older clients call groupMembers. */
static bool read_members(const struct request *req, Group *group, GError **error)
{
    static const char *const keys[] = { "groupMembers", "policies" };

    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
        const json_t *array = NULL;

        if (!json_read_array(&req->json, keys[k], MEMBERS_MAX, &array, error))
            return false;
        for (size_t i = 0; array && i < json_array_size(array); i++) {
            struct json_reader member;

            if (!json_read_element(&req->json, keys[k], array, i, &member, error) ||
                !read_member(req, &member, group, error))
                return false;
        }
    }
    return true;
}

struct op *h_group_create(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_GROUP_CREATE);
    int64_t type = 0;

    op->id = req->ids[OBJECT_CLUSTER];
    op->group = group_new();
    op->group->cluster_id = op->id;
    if (!json_has(&req->json, "name")) {
        body_fail(&req->json, "name", REASON_BAD_NAME, "a name of 1..256 characters", error);
        return NULL;
    }
    if (!body_int(&req->json, INT_FIELD("type", 0, 1, 0, &type), error))
        return NULL;
    op->group->type = type ? GROUP_HOST : GROUP_VM;
    if (!body_int(&req->json, INT_FIELD("useType", 0, INT32_MAX, 0, &op->group->use_type), error) ||
        !body_name(&req->json, "name", REASON_BAD_NAME, &op->group->name, error) ||
        !read_members(req, op->group, error))
        return NULL;
    return g_steal_pointer(&op);
}

struct op *h_group_update(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_GROUP_UPDATE);

    op->id = req->ids[OBJECT_GROUP];
    op->group = group_dup(snapshot_group(req->snap, op->id));
    if (!body_name(&req->json, "name", REASON_BAD_NAME, &op->group->name, error) ||
        !read_members(req, op->group, error))
        return NULL;
    return g_steal_pointer(&op);
}

struct op *h_group_delete(struct request *req, GError **error)
{
    struct op *op = op_new(OP_GROUP_DELETE);

    (void)error;
    op->id = req->ids[OBJECT_GROUP];
    return op;
}
