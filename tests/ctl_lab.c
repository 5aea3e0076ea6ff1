/* ctl_lab.c - see ctl_lab.h. */
#include "config.h"

#include "tests/ctl_lab.h"

#include "tests/it_db.h"
#include "tests/suite.h"

void ctl_lab_begin(struct ctl_lab *lab)
{
    db_free(scratch_db(&lab->conninfo));
    ctl_init(&lab->ctl, lab->conninfo);
}

void ctl_lab_end(struct ctl_lab *lab)
{
    ctl_clear(&lab->ctl);
    g_free(lab->conninfo);
}

const Snapshot *ctl_lab_settle(struct ctl_lab *lab)
{
    while (lab->ctl.app.committer.in_flight > 0)
        g_main_context_iteration(NULL, TRUE);
    inventory_publish(lab->ctl.app.inv);
    return inventory_peek(lab->ctl.app.inv);
}

static void written(const GError *error, void *user)
{
    suite_no_error(error);
    *(bool *)user = true;
}

void ctl_lab_write(struct ctl_lab *lab, Commit *commit)
{
    bool done = false;

    commit_submit(commit, NULL, written, &done);
    while (!done)
        g_main_context_iteration(NULL, TRUE);
    inventory_publish(lab->ctl.app.inv);
}

char *ctl_lab_ask(struct ctl_lab *lab, const char *sql)
{
    (void)ctl_lab_settle(lab);
    return scratch_sql(lab->conninfo, sql);
}

#define ADD(prefix, Type)                                                                          \
    int64_t ctl_lab_add_##prefix(struct ctl_lab *lab, Type *object)                                \
    {                                                                                              \
        Commit *commit = commit_new(&lab->ctl.app.committer);                                      \
        int64_t id;                                                                                \
                                                                                                   \
        object->id = 0;                                                                            \
        commit_put_##prefix(commit, prefix##_ref(object));                                         \
        ctl_lab_write(lab, commit);                                                                \
        id = object->id;                                                                           \
        prefix##_unref(object);                                                                    \
        return id;                                                                                 \
    }

ADD(cluster, Cluster)
ADD(host, Host)
ADD(vm, Vm)

struct op *ctl_lab_op(enum op_kind kind, int64_t id)
{
    struct op *op = op_new(kind);

    op->id = id;
    g_free(op->user);
    op->user = g_strdup("admin");
    return op;
}

struct op_result ctl_lab_must(struct ctl_lab *lab, struct op *op)
{
    struct op_result result = ctl_call(&lab->ctl, op);

    suite_no_error(result.error);
    return result;
}
