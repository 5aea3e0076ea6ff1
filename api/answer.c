/* answer.c - see answer.h. */
#include "config.h"

#include "api/answer.h"

#include "api/read.h"
#include "model/id.h"

/* Which operation makes what. */
static const struct {
    enum op_kind op;
    enum object_kind kind;
    bool in_cluster;
} created[] = {
    { OP_CLUSTER_CREATE, OBJECT_CLUSTER, false },
    { OP_GROUP_CREATE, OBJECT_GROUP, true },
    { OP_DATASTORE_CREATE, OBJECT_DATASTORE, false },
    { OP_HOST_ADD, OBJECT_HOST, false },
    { OP_VM_CREATE, OBJECT_VM, false },
};

static void put_created(struct request *req)
{
    for (size_t i = 0; i < G_N_ELEMENTS(created); i++) {
        if (created[i].op != req->op_kind)
            continue;
        if (created[i].in_cluster)
            read_put_child(req, req->ids[OBJECT_CLUSTER], created[i].kind, req->object_id);
        else
            read_put_object(req, created[i].kind, req->object_id);
    }
}

static void write_answer(struct request *req, const Task *task)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    if (req->object_id)
        put_created(req);
    if (req->task_id) {
        read_put_urn(req, "taskUrn", OBJECT_TASK, req->task_id);
        read_put_uri(req, "taskUri", OBJECT_TASK, req->task_id);
    }
    if (req->power_task_id) {
        read_put_urn(req, "powerTaskUrn", OBJECT_TASK, req->power_task_id);
        read_put_uri(req, "powerTaskUri", OBJECT_TASK, req->power_task_id);
    }
    if (req->note)
        jw_str(out, "note", req->note);
    if (task)
        read_put_task(req, "task", task);
    jw_object_end(out);
}

bool answer_done(struct request *req, struct op_result *result, GError **error)
{
    (void)error;
    req->task_id = result->task_id;
    req->object_id = result->object_id;
    req->power_task_id = result->power_task_id;
    req->note = g_steal_pointer(&result->note);
    if (req->task_id && req->wait_ms > 0) {
        req->op = op_new(OP_TASK_WAIT);
        req->op->id = req->task_id;
        req->op->wait_ms = req->wait_ms;
        req->answer = answer_waited;
        return true;
    }
    write_answer(req, NULL);
    return true;
}

bool answer_waited(struct request *req, struct op_result *result, GError **error)
{
    const Task *task = result->n_tasks ? result->tasks[0] : NULL;

    (void)error;
    write_answer(req, task && task_is_final(task) ? task : NULL);
    return true;
}

bool answer_empty(struct request *req, struct op_result *result, GError **error)
{
    (void)result;
    (void)error;
    jw_empty_object(&req->out, NULL);
    return true;
}
