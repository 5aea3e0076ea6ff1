/* it_ctl.c - the controller's modules over a real PostgreSQL: what is written is shown and is what
 * a next controller would load; what cannot be written changes nothing. */
#include "config.h"

#include <pthread.h>

#include "base/clock.h"
#include "controller/call.h"
#include "controller/load_all.h"
#include "controller/task.h"
#include "model/reason.h"
#include "tests/ctl_app.h"
#include "tests/it_db.h"
#include "tests/suite.h"

static struct {
    struct ctl ctl;
    Db *db; /* the test's own connection */
    char *conninfo;
    GError *doubt;
} lab;

static void on_doubt(const GError *error, void *user)
{
    (void)user;
    ck_assert_ptr_null(lab.doubt);
    lab.doubt = g_error_copy(error);
}

static void setup(void)
{
    lab.db = scratch_db(&lab.conninfo);
    ctl_init(&lab.ctl, lab.conninfo);
    lab.ctl.app.committer.on_doubt = on_doubt;
}

static void teardown(void)
{
    ctl_clear(&lab.ctl);
    db_free(lab.db);
    g_free(lab.conninfo);
    g_clear_error(&lab.doubt);
}

static void sql(const char *text)
{
    g_free(scratch_sql(lab.conninfo, text));
}

static struct op *about(enum op_kind kind, int64_t id)
{
    struct op *op = op_new(kind);

    op->id = id;
    g_free(op->user);
    op->user = g_strdup("admin");
    return op;
}

/* It must succeed; the ids of its answer. */
static struct op_result must(struct op *op)
{
    struct op_result result = ctl_call(&lab.ctl, op);

    suite_no_error(result.error);
    return result;
}

static GError *must_fail(struct op *op)
{
    struct op_result result = ctl_call(&lab.ctl, op);

    ck_assert_ptr_nonnull(result.error);
    return result.error;
}

static const Snapshot *now(void)
{
    return inventory_peek(lab.ctl.app.inv);
}

/* ---- operations -------------------------------------------------------------------------------
 */

static struct op *making_cluster(const char *name)
{
    struct op *op = about(OP_CLUSTER_CREATE, 0);

    op->cluster = ctl_cluster(0);
    g_free(op->cluster->name);
    op->cluster->name = g_strdup(name);
    return op;
}

static int64_t create_cluster(const char *name)
{
    return must(making_cluster(name)).object_id;
}

static struct op *adding_host(int64_t n, int64_t cluster_id)
{
    struct op *op = about(OP_HOST_ADD, 0);

    op->host = ctl_host(n, cluster_id);
    op->host->id = 0;
    return op;
}

/* Its agent never answers; for the controller it is there. */
static int64_t add_host(int64_t n, int64_t cluster_id)
{
    int64_t id = must(adding_host(n, cluster_id)).object_id;
    Host *host = host_dup(snapshot_host(now(), id));

    host->connected = true;
    host->status = HOST_NORMAL;
    ctl_put_host(&lab.ctl, host);
    return id;
}

static int64_t create_vm(const char *name, int64_t cluster_id)
{
    struct op *op = about(OP_VM_CREATE, 0);

    op->vm = ctl_vm(0, cluster_id);
    g_free(op->vm->name);
    op->vm->name = g_strdup(name);
    return must(op).object_id;
}

static struct op *making_group(const char *name, int64_t cluster_id, int64_t vm_id)
{
    struct op *op = about(OP_GROUP_CREATE, 0);

    op->group = group_new();
    g_free(op->group->name);
    op->group->name = g_strdup(name);
    op->group->cluster_id = cluster_id;
    op->group->type = GROUP_VM;
    op->group->members = g_memdup2(&vm_id, sizeof(vm_id));
    op->group->n_members = 1;
    return op;
}

static int64_t create_datastore(const char *name)
{
    struct op *op = about(OP_DATASTORE_CREATE, 0);

    op->datastore = datastore_new();
    g_free(op->datastore->name);
    g_free(op->datastore->path);
    g_free(op->datastore->storage_type);
    op->datastore->name = g_strdup(name);
    op->datastore->path = g_strdup("/srv");
    op->datastore->storage_type = g_strdup("NAS");
    return must(op).object_id;
}

static struct op *changing_cluster(int64_t id, const char *description)
{
    struct op *op = about(OP_CLUSTER_UPDATE, id);

    op->cluster = cluster_dup(snapshot_cluster(now(), id));
    g_free(op->cluster->description);
    op->cluster->description = g_strdup(description);
    return op;
}

/* ---- what is shown is what is stored ----------------------------------------------------------
 */

/* The tasks that run beside write, too. */
static void settle(void)
{
    while (lab.ctl.app.committer.in_flight > 0)
        (void)g_main_context_iteration(NULL, TRUE);
}

/* The inventory holds exactly what a controller that takes over now would load. */
static void check_stored(void)
{
    struct loaded loaded = { .recent_tasks = 100 };
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) stored = NULL;
    const Snapshot *shown;
    GError *error = NULL;

    settle();
    shown = now();
    (void)load_all_read(lab.db, &loaded, &error);
    suite_no_error(error);
    load_all_show(&loaded, builder);
    stored = snapshot_builder_build(builder, 0);
#define SAME(list, n)                                                                              \
    ck_assert_uint_eq(shown->n, stored->n);                                                        \
    for (size_t i = 0; i < stored->n; i++) {                                                       \
        ck_assert_int_eq(shown->list[i]->id, stored->list[i]->id);                                 \
        ck_assert_int_eq(shown->list[i]->generation, stored->list[i]->generation);                 \
    }
    SAME(clusters, n_clusters)
    SAME(hosts, n_hosts)
    SAME(vms, n_vms)
    SAME(groups, n_groups)
    SAME(rules, n_rules)
    SAME(datastores, n_datastores)
    SAME(tasks, n_tasks)
#undef SAME
    for (size_t i = 0; i < stored->n_vms; i++)
        ck_assert_int_eq(shown->vms[i]->status, stored->vms[i]->status);
    loaded_clear(&loaded);
}

START_TEST(objects_are_shown_as_a_next_controller_would_load_them)
{
    int64_t cluster_id, host_id, vm_id, group_id, datastore_id;
    struct op *op;

    setup();
    cluster_id = create_cluster("c");
    host_id = add_host(11, cluster_id);
    vm_id = create_vm("v", cluster_id);
    datastore_id = create_datastore("d");
    group_id = must(making_group("g", cluster_id, vm_id)).object_id;
    ck_assert_int_eq(snapshot_vm(now(), vm_id)->status, VM_CREATING);
    check_stored();
    (void)must(changing_cluster(cluster_id, "changed"));
    op = about(OP_GROUP_UPDATE, group_id);
    op->group = group_dup(snapshot_group(now(), group_id));
    op->group->use_type = 7;
    (void)must(op);
    (void)must(about(OP_HOST_ENTER_MAINT, host_id));
    ck_assert(snapshot_host(now(), host_id)->maintaining);
    check_stored();
    (void)must(about(OP_GROUP_DELETE, group_id));
    (void)must(about(OP_DATASTORE_DELETE, datastore_id));
    ck_assert_ptr_null(snapshot_group(now(), group_id));
    check_stored();
    teardown();
}
END_TEST

/* ---- what cannot be written -------------------------------------------------------------------
 */

/* PostgreSQL refuses: nothing is shown, nothing is in doubt, the next operation is fine. */
static void check_refused(struct op *op, enum vrm_err code, int reason, const char *says)
{
    g_autoptr(GError) error = must_fail(op);

    ck_assert_int_eq(err_reason(error), reason);
    suite_take_error(&error, code, says);
    ck_assert_ptr_null(lab.doubt);
    check_stored();
}

START_TEST(a_taken_name_changes_nothing)
{
    int64_t cluster_id, vm_id;
    struct op *op;

    setup();
    cluster_id = create_cluster("c");
    (void)add_host(11, cluster_id);
    vm_id = create_vm("v", cluster_id);
    (void)must(making_group("g", cluster_id, vm_id));
    check_refused(making_cluster("c"), VRM_ERR_CONFLICT, REASON_CLUSTER_NAME_TAKEN, "name = \"c\"");
    check_refused(making_group("g", cluster_id, vm_id), VRM_ERR_CONFLICT, REASON_BAD_NAME,
                  "name = \"g\"");
    op = adding_host(12, cluster_id);
    g_free(op->host->name);
    op->host->name = g_strdup("cna11");
    check_refused(op, VRM_ERR_CONFLICT, REASON_HOST_NAME_TAKEN, "name = \"cna11\"");
    (void)create_cluster("c2");
    teardown();
}
END_TEST

START_TEST(a_row_that_is_newer_than_what_is_shown_is_not_overwritten)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *stored = NULL;
    int64_t cluster_id;

    setup();
    cluster_id = create_cluster("c");
    sql("UPDATE cluster SET generation = generation + 1, description = 'theirs'");
    error = must_fail(changing_cluster(cluster_id, "ours"));
    ck_assert_int_eq(err_reason(error), REASON_OBJECT_CONFLICT);
    ck_assert(err_is(error, VRM_ERR_CONFLICT));
    ck_assert_str_eq(snapshot_cluster(now(), cluster_id)->description, "");
    stored = scratch_sql(lab.conninfo, "SELECT description FROM cluster");
    ck_assert_str_eq(stored, "theirs");
    teardown();
}
END_TEST

START_TEST(a_deposed_controller_writes_nothing_and_is_told)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *count = NULL;

    setup();
    (void)db_take_epoch(lab.db, 2, &error);
    suite_no_error(error);
    error = must_fail(making_cluster("c"));
    ck_assert(err_is(error, VRM_ERR_DENIED));
    ck_assert(err_is(lab.doubt, VRM_ERR_DENIED));
    ck_assert_uint_eq(now()->n_clusters, 0);
    count = scratch_sql(lab.conninfo, "SELECT count(*) FROM cluster");
    ck_assert_str_eq(count, "0");
    teardown();
}
END_TEST

static void kept(const GError *error, void *user)
{
    GError **ret_error = user;

    ck_assert_ptr_null(*ret_error);
    *ret_error = error ? g_error_copy(error) : g_error_new(VRM_ERROR, VRM_ERR_INTERNAL, "written");
}

/* The commit succeeds, but this inventory is no longer the one to show it in. */
START_TEST(what_was_written_in_another_reign_is_in_doubt_and_not_shown)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *count = NULL;
    Commit *commit;

    setup();
    commit = commit_new(&lab.ctl.app.committer);
    commit_put_cluster(commit, ctl_cluster(0));
    commit_submit(commit, NULL, kept, &error);
    ck_assert_uint_eq(lab.ctl.app.committer.in_flight, 1);
    ck_assert_ptr_null(error); /* never from inside */
    lab.ctl.epoch = 0;
    while (!error)
        g_main_context_iteration(NULL, TRUE);
    suite_take_error(&error, VRM_ERR_TIMEOUT, "leadership changed");
    ck_assert(err_is(lab.doubt, VRM_ERR_TIMEOUT));
    ck_assert_uint_eq(lab.ctl.app.committer.in_flight, 0);
    ck_assert_uint_eq(now()->n_clusters, 0);
    count = scratch_sql(lab.conninfo, "SELECT count(*) FROM cluster");
    ck_assert_str_eq(count, "1");
    teardown();
}
END_TEST

START_TEST(without_a_database_every_write_and_look_back_says_so)
{
    static const enum op_kind reads[] = { OP_TASK_LIST, OP_EVENT_LIST, OP_AUDIT_LIST,
                                          OP_DRS_HISTORY, OP_TASK_GET };
    g_autoptr(GError) error = NULL;

    ctl_init(&lab.ctl, NULL);
    lab.ctl.app.committer.on_doubt = on_doubt;
    lab.ctl.epoch = 1;
    ck_assert(dbq_up(lab.ctl.app.dbq));
    error = must_fail(making_cluster("c"));
    ck_assert_int_eq(err_reason(error), REASON_DATABASE);
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "PostgreSQL");
    ck_assert(!dbq_up(lab.ctl.app.dbq));
    ck_assert_ptr_null(lab.doubt); /* nothing can have been written */
    ck_assert_uint_eq(now()->n_clusters, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(reads); i++) {
        error = must_fail(about(reads[i], 1));
        suite_take_error(&error, VRM_ERR_UNAVAILABLE, "PostgreSQL");
    }
    ctl_clear(&lab.ctl);
}
END_TEST

/* ---- history ----------------------------------------------------------------------------------
 */

START_TEST(tasks_events_and_audit_are_read_back)
{
    int64_t cluster_id, host_id, task_id;
    struct op_result result;
    g_autoptr(GError) error = NULL;

    setup();
    cluster_id = create_cluster("c");
    host_id = add_host(11, cluster_id);
    (void)must(about(OP_HOST_ENTER_MAINT, host_id));
    result = must(about(OP_EVENT_LIST, 0));
    ck_assert_int_eq(result.total, 1);
    ck_assert_str_eq(result.events[0].name, "HostEnteredMaintenance");
    ck_assert_int_eq(result.events[0].object_id, host_id);
    ck_assert_str_eq(result.events[0].text, "host cna11 entered maintenance mode (admin)");
    op_result_clear(&result);
    result = must(about(OP_AUDIT_LIST, 0));
    ck_assert_int_eq(result.total, 3);
    ck_assert_str_eq(result.audits[0].operation, "host-enter-maintenance"); /* newest first */
    ck_assert_str_eq(result.audits[0].user, "admin");
    ck_assert_str_eq(result.audits[1].operation, "host-add");
    ck_assert_int_gt(result.audits[1].task_id, 0);
    task_id = result.audits[1].task_id;
    op_result_clear(&result);
    result = must(about(OP_TASK_LIST, 0));
    ck_assert_int_eq(result.total, 1);
    ck_assert_int_eq(result.tasks[0]->id, task_id);
    ck_assert_int_eq(result.tasks[0]->status, TASK_RUNNING);
    op_result_clear(&result);
    /* One that is too old for the memory comes from the database. */
    tasks_reset(lab.ctl.app.tasks);
    sql("UPDATE task SET status = 'success', progress = 100, finish_ms = start_ms");
    snapshot_builder_remove_task(inventory_edit(lab.ctl.app.inv), task_id);
    inventory_publish(lab.ctl.app.inv);
    result = must(about(OP_TASK_GET, task_id));
    ck_assert_int_eq(result.tasks[0]->status, TASK_SUCCESS);
    ck_assert_int_eq(result.tasks[0]->entity_id, host_id);
    op_result_clear(&result);
    error = must_fail(about(OP_TASK_GET, 999999));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "task 999999");
    teardown();
}
END_TEST

/* ---- DRS --------------------------------------------------------------------------------------
 */

static const char *refresh(int64_t cluster_id)
{
    const DrsReport *report;

    (void)must(about(OP_DRS_REFRESH, cluster_id));
    report = snapshot_drs_report(now(), cluster_id);
    ck_assert_ptr_nonnull(report);
    ck_assert(!report->decided);
    ck_assert_uint_eq(report->n_recommendations, 0);
    ck_assert_int_gt(report->plan_id, 0);
    return report->verdict;
}

/* A VM that runs and of which nothing has been measured. */
static void put_unmeasured_vm(int64_t cluster_id, int64_t host_id)
{
    int64_t id = create_vm("v", cluster_id); /* first: it publishes what now() then gives */
    Vm *vm = vm_dup(snapshot_vm(now(), id));

    vm->status = VM_RUNNING;
    vm->host_id = host_id;
    vm->host_reported = true;
    vm->domain = DOMAIN_RUNNING;
    ctl_put_vm(&lab.ctl, vm);
}

static void hear_host(int64_t host_id)
{
    Host *host = host_dup(snapshot_host(now(), host_id));

    host->seen_mono_ms = clock_now_ms();
    ctl_put_host(&lab.ctl, host);
}

static void check_plans(const char *n)
{
    g_autofree char *stored = scratch_sql(lab.conninfo, "SELECT count(*) FROM drs_plan");

    ck_assert_str_eq(stored, n);
}

START_TEST(without_data_a_stored_verdict_says_what_is_missing_and_says_it_once)
{
    int64_t cluster_id, a, b;
    g_autofree char *verdict = NULL;
    g_autoptr(GError) error = NULL;
    struct op_result result;

    setup();
    cluster_id = create_cluster("c");
    a = add_host(11, cluster_id);
    b = add_host(12, cluster_id);
    ck_assert_str_eq(refresh(cluster_id),
                     "no decision: host cna11: never heard of since this controller leads");
    (void)refresh(cluster_id); /* no news */
    check_plans("1");
    hear_host(a);
    hear_host(b);
    put_unmeasured_vm(cluster_id, a);
    ck_assert_str_eq(refresh(cluster_id),
                     "no decision: VM v: has 0 of 6 samples; 1 of 1 running VMs, with 1 of 1 vCPUs "
                     "and 1024 of 1024 MiB, have too few, at most a third may be estimated");
    check_plans("2");
    verdict = scratch_sql(lab.conninfo, "SELECT verdict FROM drs_plan ORDER BY id DESC LIMIT 1");
    ck_assert_str_eq(verdict, snapshot_drs_report(now(), cluster_id)->verdict);
    error = must_fail(about(OP_DRS_APPLY, cluster_id));
    ck_assert_uint_gt(strlen(error->message), 0);
    result = must(about(OP_DRS_HISTORY, cluster_id));
    ck_assert_int_eq(result.total, 0);
    op_result_clear(&result);
    teardown();
}
END_TEST

/* ---- rules ------------------------------------------------------------------------------------
 */

static Rule *rule_about(const char *name, enum rule_type type, int64_t a, int64_t b)
{
    Rule *rule = rule_new();

    g_free(rule->name);
    rule->name = g_strdup(name);
    rule->type = type;
    rule->vms = g_new(int64_t, 2);
    rule->vms[0] = a;
    rule->vms[1] = b;
    rule->n_vms = 2;
    return rule;
}

/* second may be NULL. */
static struct op *making_rules(int64_t cluster_id, Rule *first, Rule *second)
{
    struct op *op = about(OP_CLUSTER_UPDATE, cluster_id);

    op->cluster = cluster_dup(snapshot_cluster(now(), cluster_id));
    op->rules = g_new0(struct rule_change, 2);
    op->rules[op->n_rules++] = (struct rule_change){ RULE_CREATE, first };
    if (second)
        op->rules[op->n_rules++] = (struct rule_change){ RULE_CREATE, second };
    return op;
}

START_TEST(rules_of_one_request_are_judged_together)
{
    int64_t cluster_id, a, b;
    struct op *op;

    setup();
    cluster_id = create_cluster("main");
    (void)add_host(11, cluster_id);
    a = create_vm("a", cluster_id);
    b = create_vm("b", cluster_id);
    check_refused(making_rules(cluster_id, rule_about("t", RULE_TOGETHER, a, b),
                               rule_about("u", RULE_APART, a, b)),
                  VRM_ERR_CONFLICT, REASON_RULES_CONFLICT, "'u' and keep-together 't'");
    ck_assert_uint_eq(now()->n_rules, 0);
    (void)must(making_rules(cluster_id, rule_about("t", RULE_TOGETHER, a, b), NULL));
    check_refused(making_rules(cluster_id, rule_about("u", RULE_APART, a, b), NULL),
                  VRM_ERR_CONFLICT, REASON_RULES_CONFLICT, "a and b");
    op = making_rules(cluster_id, rule_about("u", RULE_APART, a, b),
                      rule_dup(now()->rules[0])); /* out goes the one, in comes the other */
    op->rules[1].operation = RULE_DELETE;
    (void)must(op);
    ck_assert_uint_eq(now()->n_rules, 1);
    ck_assert_str_eq(now()->rules[0]->name, "u");
    check_stored();
    teardown();
}
END_TEST

struct answer {
    GError *error;
    bool came;
};

static void answered(struct op_result *result, void *user)
{
    struct answer *answer = user;

    answer->came = true;
    answer->error = g_steal_pointer(&result->error);
}

static void submit(struct op *op, struct answer *answer)
{
    struct call *call = g_new(struct call, 1);

    *call = (struct call){ .app = &lab.ctl.app, .op = op, .done = answered, .user = answer };
    call_handler(op->kind)(call);
}

/* Either alone is fine; together they keep apart and together the same two VMs. */
START_TEST(a_rule_and_a_group_written_at_once_do_not_slip_past_each_other)
{
    struct answer first = { 0 }, second = { 0 };
    int64_t cluster_id, group_id, a, b;
    Rule *grouped;
    struct op *op;

    setup();
    cluster_id = create_cluster("main");
    (void)add_host(11, cluster_id);
    a = create_vm("a", cluster_id);
    b = create_vm("b", cluster_id);
    group_id = must(making_group("g", cluster_id, a)).object_id;
    grouped = rule_about("apart", RULE_APART, a, a);
    grouped->n_vms = 0;
    grouped->vm_group_id = group_id;
    (void)must(making_rules(cluster_id, grouped, NULL));
    op = about(OP_GROUP_UPDATE, group_id);
    op->group = group_dup(snapshot_group(now(), group_id));
    g_free(op->group->members);
    op->group->members = g_memdup2((int64_t[]){ a, b }, 2 * sizeof(int64_t));
    op->group->n_members = 2;
    submit(op, &first);
    submit(making_rules(cluster_id, rule_about("near", RULE_TOGETHER, a, b), NULL), &second);
    while (!first.came || !second.came)
        g_main_context_iteration(NULL, TRUE);
    suite_no_error(first.error);
    ck_assert_int_eq(err_reason(second.error), REASON_OBJECT_CONFLICT); /* the API tries again */
    g_clear_error(&second.error);
    check_refused(making_rules(cluster_id, rule_about("near", RULE_TOGETHER, a, b), NULL),
                  VRM_ERR_CONFLICT, REASON_RULES_CONFLICT, "'apart' and keep-together 'near'");
    check_stored();
    teardown();
}
END_TEST

/* ---- what takes long --------------------------------------------------------------------------
 */

struct stop {
    pthread_mutex_t held;
    bool over;
};

static void run_stop(void *thread_state, void *data)
{
    struct stop *stop = data;

    (void)thread_state;
    pthread_mutex_lock(&stop->held);
    pthread_mutex_unlock(&stop->held);
}

static void stop_over(void *data, bool ran)
{
    ck_assert(ran);
    ((struct stop *)data)->over = true;
}

/* A worker of the pool is at something long until let_go(). */
static void hold(struct stop *stop, WorkPool *pool, const char *key)
{
    *stop = (struct stop){ 0 };
    pthread_mutex_init(&stop->held, NULL);
    pthread_mutex_lock(&stop->held);
    ck_assert(work_pool_submit(pool, key, run_stop, stop_over, stop));
}

static void let_go(struct stop *stop)
{
    pthread_mutex_unlock(&stop->held);
    while (!stop->over)
        g_main_context_iteration(NULL, TRUE);
    pthread_mutex_destroy(&stop->held);
}

/* Rules that take long to check hold no loop; what has changed meanwhile is not overwritten. */
START_TEST(rules_are_checked_beside_the_loop)
{
    struct answer rule = { 0 }, group = { 0 };
    int64_t cluster_id, group_id, a, b;
    g_autofree char *key = NULL;
    struct stop stop;
    struct op *op;

    setup();
    cluster_id = create_cluster("main");
    (void)add_host(11, cluster_id);
    a = create_vm("a", cluster_id);
    b = create_vm("b", cluster_id);
    group_id = must(making_group("g", cluster_id, a)).object_id;
    key = g_strdup_printf("cluster:%" G_GINT64_FORMAT, cluster_id);
    hold(&stop, lab.ctl.app.checks, key);
    submit(making_rules(cluster_id, rule_about("t", RULE_TOGETHER, a, b), NULL), &rule);
    op = about(OP_GROUP_UPDATE, group_id);
    op->group = group_dup(snapshot_group(now(), group_id));
    submit(op, &group);
    (void)must(changing_cluster(cluster_id, "changed")); /* the loop does other things */
    ck_assert(!rule.came && !group.came);
    let_go(&stop);
    while (!rule.came || !group.came)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(err_reason(rule.error), REASON_OBJECT_CONFLICT);
    ck_assert_int_eq(err_reason(group.error), REASON_OBJECT_CONFLICT);
    g_clear_error(&rule.error);
    g_clear_error(&group.error);
    (void)must(making_rules(cluster_id, rule_about("t", RULE_TOGETHER, a, b), NULL));
    check_stored();
    teardown();
}
END_TEST

static void put_running(int64_t id)
{
    Vm *vm = vm_dup(snapshot_vm(now(), id));

    tasks_reset(lab.ctl.app.tasks); /* nothing makes it any more */
    vm->status = VM_RUNNING;
    vm->host_id = now()->hosts[0]->id;
    vm->task_id = 0;
    ctl_put_vm(&lab.ctl, vm);
}

static struct op *growing(int64_t id)
{
    struct op *op = about(OP_VM_UPDATE, id);

    op->vm = vm_dup(snapshot_vm(now(), id));
    op->vm->cpu.reservation_mhz += 100;
    return op;
}

/* Half of the host and a bit: one of them can have it. */
static struct op *growing_far(int64_t id)
{
    struct op *op = growing(id);
    const Host *host = now()->hosts[0];

    op->vm->cpu.reservation_mhz = host->cpu_threads * host->cpu_mhz * 55 / 100;
    return op;
}

START_TEST(of_two_that_grow_at_once_only_what_the_host_has_is_written)
{
    struct answer first = { 0 }, second = { 0 };
    int64_t cluster_id, a, b;

    setup();
    cluster_id = create_cluster("main");
    (void)add_host(11, cluster_id);
    a = create_vm("a", cluster_id);
    b = create_vm("b", cluster_id);
    put_running(a);
    put_running(b);
    submit(growing_far(a), &first);
    submit(growing_far(b), &second);
    while (!first.came || !second.came)
        g_main_context_iteration(NULL, TRUE);
    suite_no_error(first.error);
    suite_take_error(&second.error, VRM_ERR_NO_CAPACITY, "cpu.reservation");
    teardown();
}
END_TEST

/* However many ask, who writes does not wait for them. */
START_TEST(questions_do_not_delay_a_write)
{
    int64_t cluster_id, a, b;
    struct stop stops[8];
    struct op *judged;

    setup();
    cluster_id = create_cluster("main");
    (void)add_host(11, cluster_id);
    a = create_vm("a", cluster_id);
    b = create_vm("b", cluster_id);
    for (size_t i = 0; i < G_N_ELEMENTS(stops); i++)
        hold(&stops[i], lab.ctl.app.asks, NULL);
    put_running(a);
    (void)must(growing(a));
    judged = about(OP_CLUSTER_UPDATE, cluster_id);
    judged->cluster = cluster_dup(snapshot_cluster(now(), cluster_id));
    judged->cluster->ha.enabled = true;
    (void)must(judged); /* with a question about its policy */
    (void)must(making_rules(cluster_id, rule_about("t", RULE_TOGETHER, a, b), NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(stops); i++)
        let_go(&stops[i]);
    teardown();
}
END_TEST

SUITE_MAIN("it_ctl", SUITE_TEST(rules_are_checked_beside_the_loop),
           SUITE_TEST(questions_do_not_delay_a_write),
           SUITE_TEST(of_two_that_grow_at_once_only_what_the_host_has_is_written),
           SUITE_TEST(objects_are_shown_as_a_next_controller_would_load_them),
           SUITE_TEST(a_taken_name_changes_nothing),
           SUITE_TEST(a_row_that_is_newer_than_what_is_shown_is_not_overwritten),
           SUITE_TEST(a_deposed_controller_writes_nothing_and_is_told),
           SUITE_TEST(what_was_written_in_another_reign_is_in_doubt_and_not_shown),
           SUITE_TEST(without_a_database_every_write_and_look_back_says_so),
           SUITE_TEST(tasks_events_and_audit_are_read_back),
           SUITE_TEST(without_data_a_stored_verdict_says_what_is_missing_and_says_it_once),
           SUITE_TEST(rules_of_one_request_are_judged_together),
           SUITE_TEST(a_rule_and_a_group_written_at_once_do_not_slip_past_each_other))
