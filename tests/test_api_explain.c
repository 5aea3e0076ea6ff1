/* test_api_explain.c - explanations, what-ifs and the cluster as a file, over HTTP. */
#include "config.h"

#include "model/snapshot_json.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

static void answer_explain(struct fake *fake, const struct op *op, struct op_result *ret_result)
{
    struct op_explain *x = g_new0(struct op_explain, 1);

    (void)fake;
    ck_assert_int_eq(op->kind, OP_VM_EXPLAIN);
    *x = (struct op_explain){ .here = g_strdup("cna1: CPU 40 %"),
                              .why = "cool-down",
                              .stays = g_strdup("moved 30 s ago"),
                              .hosts = g_new0(struct op_explain_host, 2),
                              .n_hosts = 2 };
    x->hosts[0] = (struct op_explain_host){ .id = 112,
                                            .name = g_strdup("cna1"),
                                            .here = true,
                                            .fits = true,
                                            .text = g_strdup("the VM is there"),
                                            .cpu_permille = 400 };
    x->hosts[1] = (struct op_explain_host){ .id = 113,
                                            .name = g_strdup("cna2"),
                                            .filter = "memory",
                                            .text = g_strdup("needs 2 MiB, 1 MiB free") };
    x->right = g_new0(struct op_right, 1);
    *x->right = (struct op_right){ .authority = g_strdup("etcd"),
                                   .text = g_strdup("cna1 holds it"),
                                   .generation = 4,
                                   .claimed = true,
                                   .n_owners = 1 };
    x->right->owners[0] = (struct op_right_owner){ .host_id = 112,
                                                   .incarnation = g_strdup("00000000000000aa-1"),
                                                   .lease_age_ms = 400 };
    ret_result->explain = x;
}

static void place_vm35(struct fake *fake, const char *why)
{
    Vm *vm = vm_dup(snapshot_builder_get_vm(fake->builder, 0x35));

    g_free(vm->placed_why);
    vm->placed_why = g_strdup(why);
    vm->placed_ms = 1700000000000;
    vm->placed_task_id = 1206;
    snapshot_builder_put_vm(fake->builder, vm);
    fake_publish(fake);
}

START_TEST(a_vm_is_explained_with_its_stored_decision)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_explain;
    place_vm35(&fake, "cna1: least loaded");
    reply = fake_ok(&fake, "GET", VM35 "/explain", NULL);
    ck_assert_int_eq(fake.last->id, 0x35);
    ck_assert_int_eq(fake.last->target_host_id, 0);
    ck_assert_str_eq(fake_str(reply.json, "name"), "web1");
    ck_assert_str_eq(fake_str(reply.json, "status"), "running");
    ck_assert_str_eq(fake_str(reply.json, "hostUrn"), FAKE_URN ":hosts:112");
    ck_assert_str_eq(fake_str(reply.json, "placed.text"), "cna1: least loaded");
    ck_assert_str_eq(fake_str(reply.json, "placed.taskUrn"), FAKE_URN ":tasks:1206");
    ck_assert_int_eq((int)strlen(fake_str(reply.json, "placed.time")), 19);
    ck_assert_str_eq(fake_str(reply.json, "here"), "cna1: CPU 40 %");
    ck_assert_str_eq(fake_str(reply.json, "right.authority"), "etcd");
    ck_assert_str_eq(fake_str(reply.json, "right.text"), "cna1 holds it");
    ck_assert(fake_bool(reply.json, "right.claimed"));
    ck_assert_str_eq(fake_str(reply.json, "right.owners.0.hostUrn"), FAKE_URN ":hosts:112");
    ck_assert_str_eq(fake_str(reply.json, "right.owners.0.incarnation"), "00000000000000aa-1");
    ck_assert(!fake_bool(reply.json, "right.owners.0.dead"));
    ck_assert_str_eq(fake_str(reply.json, "notMoved.reason"), "cool-down");
    ck_assert_str_eq(fake_str(reply.json, "notMoved.text"), "moved 30 s ago");
    ck_assert(fake_str(reply.json, "notMoved.planVerdict")[0] != '\0');
    ck_assert_ptr_null(json_object_get(reply.json, "start"));
    ck_assert(fake_bool(reply.json, "hosts.0.here"));
    ck_assert_str_eq(fake_str(reply.json, "hosts.0.filter"), "");
    ck_assert(!fake_bool(reply.json, "hosts.1.fits"));
    ck_assert_str_eq(fake_str(reply.json, "hosts.1.filter"), "memory");
    ck_assert_str_eq(fake_str(reply.json, "hosts.1.urn"), FAKE_URN ":hosts:113");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_vm_whose_decision_is_not_known_says_so)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_explain;
    reply = fake_ok(&fake, "GET", VM35 "/explain", NULL);
    ck_assert_str_eq(fake_str(reply.json, "placed.text"),
                     "it was neither started nor moved since this is kept");
    fake_reply_clear(&reply);
    place_vm35(&fake, "");
    reply = fake_ok(&fake, "GET", VM35 "/explain", NULL);
    ck_assert_str_eq(fake_str(reply.json, "placed.text"), "the decision gave no reason");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_stopped(struct fake *fake, const struct op *op, struct op_result *ret_result)
{
    (void)fake;
    ret_result->explain = g_new0(struct op_explain, 1);
    *ret_result->explain = (struct op_explain){ .here = g_strdup("idle is stopped"),
                                                .why = "stopped",
                                                .stays = g_strdup("it is on no host"),
                                                .start_id = op->target_host_id ? 0 : 113,
                                                .start = g_strdup("because") };
}

START_TEST(a_stopped_vm_tells_where_it_would_start)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_stopped;
    reply = fake_ok(&fake, "GET", FAKE_S "/vms/i-00000037/explain", NULL);
    ck_assert(fake_bool(reply.json, "start.possible"));
    ck_assert_str_eq(fake_str(reply.json, "start.hostUrn"), FAKE_URN ":hosts:113");
    ck_assert_str_eq(fake_str(reply.json, "start.text"), "because");
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "GET", FAKE_S "/vms/i-00000037/explain?host=112", NULL);
    ck_assert(!fake_bool(reply.json, "start.possible"));
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_failover(struct fake *fake, const struct op *op, struct op_result *ret_result)
{
    struct op_failover *f = g_new0(struct op_failover, 1);
    struct op_loss *loss;

    (void)fake;
    ck_assert_int_eq(op->kind, OP_FAILOVER);
    f->wanted = true;
    f->text = g_strdup("if cna1 died, 1 of 2 VMs would be lost");
    f->n_bad = 1;
    f->n_hosts = 1;
    f->hosts = g_new0(struct op_loss, 1);
    loss = &f->hosts[0];
    *loss = (struct op_loss){ .host_id = 112,
                              .host_name = g_strdup("cna1"),
                              .text = g_strdup("1 of 2"),
                              .n_vms = 2,
                              .n_lost = 1,
                              .lost_mb = 4096,
                              .vms = g_new0(struct op_fate, 2) };
    loss->vms[0] = (struct op_fate){ .vm_id = 0x35,
                                     .mem_mb = 1024,
                                     .to_id = 113,
                                     .end = "restarts",
                                     .vm_name = g_strdup("web1"),
                                     .text = g_strdup("") };
    loss->vms[1] = (struct op_fate){ .vm_id = 0x36,
                                     .mem_mb = 4096,
                                     .end = "lost",
                                     .vm_name = g_strdup("web2"),
                                     .text = g_strdup("no host takes it") };
    ret_result->failover = f;
}

START_TEST(a_hosts_death_is_told_vm_by_vm)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_failover;
    reply = fake_ok(&fake, "GET", C117 "/failover", NULL);
    ck_assert_int_eq(fake.last->id, 117);
    ck_assert(!fake_bool(reply.json, "policy.holds"));
    ck_assert_int_eq(fake_int(reply.json, "hostsWithLosses"), 1);
    ck_assert_int_eq(fake_int(reply.json, "hosts.0.restarts"), 1);
    ck_assert_int_eq(fake_int(reply.json, "hosts.0.lostMB"), 4096);
    ck_assert_str_eq(fake_str(reply.json, "hosts.0.vms.0.result"), "restarts");
    ck_assert_str_eq(fake_str(reply.json, "hosts.0.vms.0.hostUrn"), FAKE_URN ":hosts:113");
    ck_assert_str_eq(fake_str(reply.json, "hosts.0.vms.1.text"), "no host takes it");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_capacity(struct fake *fake, const struct op *op, struct op_result *ret_result)
{
    (void)fake;
    ck_assert_int_eq(op->kind, OP_CAPACITY);
    ret_result->capacity = g_new0(struct op_capacity, 1);
    *ret_result->capacity = (struct op_capacity){
        .size = op->size, .n_now = 12, .n_secure = 8, .text = g_strdup("memory ends it")
    };
}

START_TEST(capacity_is_asked_with_a_size)
{
    static const struct {
        const char *query;
        struct op_size size;
    } cases[] = {
        { "cpu=2&memMB=4096", { 2, 4096, 0, 1 } },
        { "cpu=2&MEMMB=4096&cpuMhz=500&n=2", { 2, 4096, 500, 2 } },
        { "cpu=1&memMB=1&spare=0", { 1, 1, 0, 0 } },
        { "cpu=1&memMB=1&spare=3&n=3", { 1, 1, 0, 3 } },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *url = g_strconcat(C117 "/capacity?", cases[i].query, NULL);
        struct fake fake;
        struct fake_reply reply;

        fake_init(&fake);
        fake.answer = answer_capacity;
        reply = fake_ok(&fake, "GET", url, NULL);
        ck_assert_int_eq(fake.last->size.vcpus, cases[i].size.vcpus);
        ck_assert_int_eq(fake.last->size.mem_mb, cases[i].size.mem_mb);
        ck_assert_int_eq(fake.last->size.reserved_mhz, cases[i].size.reserved_mhz);
        ck_assert_int_eq(fake.last->size.failures, cases[i].size.failures);
        ck_assert_int_eq(fake_int(reply.json, "now"), 12);
        ck_assert_int_eq(fake_int(reply.json, "secure"), 8);
        ck_assert_int_eq(fake_int(reply.json, "failures"), cases[i].size.failures);
        ck_assert_int_eq(fake_int(reply.json, "memMB"), cases[i].size.mem_mb);
        ck_assert_str_eq(fake_str(reply.json, "text"), "memory ends it");
        fake_reply_clear(&reply);
        fake_clear(&fake);
    }
}
END_TEST

static void answer_drain(struct fake *fake, const struct op *op, struct op_result *ret_result)
{
    struct op_drain *d;

    if (op->kind != OP_DRAIN_PLAN) /* the deed */
        return;
    (void)fake;
    d = ret_result->drain = g_new0(struct op_drain, 1);
    *d = (struct op_drain){ .text = g_strdup("1 of 2 VMs of cna1 can leave"),
                            .duration_ms = 2500,
                            .n_moves = 2,
                            .moves = g_new0(struct op_drain_move, 2),
                            .n_stays = 1,
                            .stays = g_new0(struct op_drain_stay, 1),
                            .wanted = true,
                            .policy = g_strdup("no host may die then") };
    d->moves[0] = (struct op_drain_move){ .vm_id = 0x36,
                                          .from_id = 113,
                                          .to_id = 114,
                                          .vm_name = g_strdup("web2"),
                                          .aside = true,
                                          .cost_ms = 1000,
                                          .cost_mb = 1024,
                                          .text = g_strdup("makes room"),
                                          .rejected = g_strdup("") };
    d->moves[1] = (struct op_drain_move){ .vm_id = 0x35,
                                          .from_id = 112,
                                          .to_id = 113,
                                          .vm_name = g_strdup("web1"),
                                          .start_ms = 1000,
                                          .cost_ms = 1500,
                                          .cost_mb = 2048,
                                          .after = g_new0(uint32_t, 1),
                                          .n_after = 1,
                                          .text = g_strdup("cna1 is emptied"),
                                          .rejected = g_strdup("cna3: fuller") };
    d->stays[0] = (struct op_drain_stay){ .vm_id = 0x37,
                                          .vm_name = g_strdup("gpu1"),
                                          .text = g_strdup("a device is passed through") };
}

static const struct {
    const char *method, *url, *body;
} previews[] = {
    { "GET", H112 "/maintenance/plan", NULL },
    { "POST", H112 "/action/enterMaintenanceMode?dryRun=true", NULL },
    { "POST", H112 "/action/enterMaintenanceMode?drain=true&DRYRUN=1", NULL },
    { "POST", H112 "/action/enterMaintenanceMode", "{\"drain\":true,\"dryRun\":true}" },
    { "POST", H112 "/action/enterMaintenanceMode?drain=true", "{\"dryrun\":\"1\"}" },
    { "POST", H112 "/action/enterMaintenanceMode?dryRun=true", "{\"dryRun\":false}" },
    { "POST", H112 "/action/MigrateAllVms?dryRun=true", NULL },
    { "POST", H112 "/action/MigrateAllVms", "{\"dryRun\":true}" },
};

START_TEST(maintenance_is_previewed_move_by_move)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_drain;
    reply = fake_ok(&fake, previews[_i].method, previews[_i].url, previews[_i].body);
    ck_assert_uint_eq(fake.n_ops, 1);
    ck_assert_int_eq(fake.last->kind, OP_DRAIN_PLAN);
    ck_assert_int_eq(fake.last->id, 112);
    ck_assert_str_eq(fake_str(reply.json, "hostName"), "cna1");
    ck_assert(!fake_bool(reply.json, "possible"));
    ck_assert(!fake_bool(reply.json, "maintaining"));
    ck_assert_int_eq(fake_int(reply.json, "moves"), 2);
    ck_assert_int_eq(fake_int(reply.json, "cannotLeave"), 1);
    ck_assert_int_eq(fake_int(reply.json, "copyMB"), 3072);
    ck_assert_int_eq(fake_int(reply.json, "durationMs"), 2500);
    ck_assert(fake_bool(reply.json, "plan.0.makesRoom"));
    ck_assert_int_eq(fake_int(reply.json, "plan.1.step"), 2);
    ck_assert_int_eq(fake_int(reply.json, "plan.1.afterSteps.0"), 1);
    ck_assert_str_eq(fake_str(reply.json, "plan.1.vmName"), "web1");
    ck_assert_str_eq(fake_str(reply.json, "plan.1.destinationHostUrn"), FAKE_URN ":hosts:113");
    ck_assert_str_eq(fake_str(reply.json, "plan.1.rejected"), "cna3: fuller");
    ck_assert_str_eq(fake_str(reply.json, "violations.0.vmUrn"), FAKE_URN ":vms:i-00000037");
    ck_assert_str_eq(fake_str(reply.json, "violations.0.text"), "a device is passed through");
    ck_assert(!fake_bool(reply.json, "violations.0.waits"));
    ck_assert(fake_bool(reply.json, "policy.wanted"));
    ck_assert(!fake_bool(reply.json, "policy.holds"));
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(without_a_dry_run_the_deed_is_done)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *token = NULL;

    fake_init(&fake);
    fake.answer = answer_drain;
    reply = fake_ok(&fake, "POST", H112 "/action/MigrateAllVms?dryRun=false", NULL);
    ck_assert_int_eq(fake.last->kind, OP_HOST_EVACUATE);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "POST", H112 "/action/enterMaintenanceMode?dryRun=0", NULL);
    ck_assert_int_eq(fake.last->kind, OP_HOST_ENTER_MAINT);
    fake_reply_clear(&reply);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, "POST", H112 "/action/MigrateAllVms?dryRun=maybe", token, NULL, NULL);
    ck_assert_str_eq(fake_str(reply.json, "errorDes"), "dryRun = maybe: want true or false");
    ck_assert_uint_eq(fake.n_ops, 2);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

static const struct {
    const char *url;
    int status;
    const char *code, *field, *words;
} bad[] = {
    { FAKE_S "/vms/i-000000FF/explain", 400, "10300001", NULL, "vms/i-000000FF does not exist" },
    { VM35 "/explain?host=cna9", 400, "10300027", "host", "host = cna9: there is no such host" },
    { VM35 "/explain?host=999", 400, "10300027", "host", "want the name or the URN of one" },
    { VM35 "/explain?host=" FAKE_URN ":hosts:999", 400, "10300027", "host", ":hosts:999" },
    { VM35 "/explain?host=" FAKE_URN ":vms:i-00000035", 400, "10300027", "host", "no such host" },
    { FAKE_S "/clusters/999/failover", 400, "10300028", NULL, "clusters/999 does not exist" },
    { C117 "/failover?host=x", 400, "10300027", "host", "host = x" },
    { FAKE_S "/clusters/999/snapshot", 400, "10300028", NULL, "does not exist" },
    { FAKE_S "/hosts/999/maintenance/plan", 400, "10200120", NULL, "hosts/999 does not exist" },
    { H112 "/maintenance/plans", 404, "10000001", NULL, "there is no such URL" },
    { C117 "/capacity", 400, "10300003", "cpu", "cpu is missing: want a whole number from 1" },
    { C117 "/capacity?cpu=2", 400, "10300006", "memMB", "memMB is missing" },
    { C117 "/capacity?cpu=0&memMB=1", 400, "10300003", "cpu",
      "cpu = 0: want an integer in 1..4096" },
    { C117 "/capacity?cpu=two&memMB=1", 400, "10300003", "cpu", "cpu = two" },
    { C117 "/capacity?cpu=2.5&memMB=1", 400, "10300003", "cpu", "cpu = 2.5" },
    { C117 "/capacity?cpu=2&memMB=-1", 400, "10300006", "memMB", "memMB = -1" },
    { C117 "/capacity?cpu=2&memMB=99999999999999999999", 400, "10300006", "memMB", "in 1.." },
    { C117 "/capacity?cpu=2&memMB=1&cpuMhz=x", 400, "10300043", "cpuMhz", "cpuMhz = x" },
    { C117 "/capacity?cpu=2&memMB=1&n=-1", 400, "10000001", "n", "n = -1: want an integer in 0.." },
    { C117 "/capacity?cpu=2&memMB=1&spare=a", 400, "10000001", "spare", "spare = a" },
    { C117 "/capacity?cpu=2&memMB=1&spare=1&n=2", 400, "10000001", "spare",
      "spare = 1, but n = 2: both are the number of hosts that may still die" },
};

START_TEST(bad_questions_name_what_is_wrong)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *token = NULL;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, "GET", bad[_i].url, token, NULL, NULL);
    ck_assert_msg(reply.status >= 400, "%s: %d", bad[_i].url, reply.status);
    ck_assert_msg(strcmp(fake_str(reply.json, "errorCode"), bad[_i].code) == 0, "%s", reply.text);
    ck_assert_msg(strstr(fake_str(reply.json, "errorDes"), bad[_i].words) != NULL, "%s",
                  reply.text);
    if (bad[_i].field)
        ck_assert_str_eq(fake_str(reply.json, "field"), bad[_i].field);
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static const struct {
    const char *query;
    int64_t host_id;
} hosts[] = {
    { "", 0 },
    { "?host=", 0 },
    { "?host=112", 112 },
    { "?host=" FAKE_URN ":hosts:113", 113 },
    { "?HOST=spare", 114 },
};

START_TEST(a_host_is_named_by_name_number_or_urn)
{
    g_autofree char *url = g_strconcat(VM35 "/explain", hosts[_i].query, NULL);
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_stopped;
    reply = fake_ok(&fake, "GET", url, NULL);
    ck_assert_int_eq(fake.last->target_host_id, hosts[_i].host_id);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

/* ---- the cluster as a file --------------------------------------------------------------------
 */

START_TEST(a_clusters_snapshot_reads_back_and_holds_no_secret)
{
    struct fake fake;
    struct fake_reply reply;
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(GError) error = NULL;
    Host *host;

    fake_init(&fake);
    host = host_dup(snapshot_builder_get_host(fake.builder, 112));
    g_free(host->bmc_password);
    host->bmc_password = g_strdup("s3cret-bmc");
    snapshot_builder_put_host(fake.builder, host);
    fake_publish(&fake);
    reply = fake_ok(&fake, "GET", C117 "/snapshot", NULL);
    ck_assert_ptr_null(strstr(reply.text, "s3cret-bmc"));
    ck_assert_ptr_null(strstr(reply.text, "assword"));
    ck_assert_uint_eq(fake.n_ops, 0); /* from the published snapshot, on the API's thread */
    snap = snapshot_json_parse(reply.text, strlen(reply.text), &error);
    suite_no_error(error);
    ck_assert_uint_eq(snap->n_clusters, 1);
    ck_assert_uint_eq(snap->n_hosts, 2);
    ck_assert_ptr_nonnull(snapshot_vm(snap, 0x35));
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

SUITE_MAIN("api_explain", SUITE_TEST(a_vm_is_explained_with_its_stored_decision),
           SUITE_TEST(a_vm_whose_decision_is_not_known_says_so),
           SUITE_TEST(a_stopped_vm_tells_where_it_would_start),
           SUITE_TEST(a_hosts_death_is_told_vm_by_vm), SUITE_TEST(capacity_is_asked_with_a_size),
           SUITE_LOOP(maintenance_is_previewed_move_by_move, previews),
           SUITE_TEST(without_a_dry_run_the_deed_is_done),
           SUITE_LOOP(bad_questions_name_what_is_wrong, bad),
           SUITE_LOOP(a_host_is_named_by_name_number_or_urn, hosts),
           SUITE_TEST(a_clusters_snapshot_reads_back_and_holds_no_secret))
