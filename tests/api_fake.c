/* api_fake.c - see api_fake.h. */
#include "config.h"

#include "tests/api_fake.h"

#include <check.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

static int64_t fake_now_ms; /* api_core.now_ms takes no context */

static int64_t now_ms(void)
{
    return fake_now_ms;
}

/* ---- the inventory ------------------------------------------------------------------------------
 */

static void put_site(struct fake *fake)
{
    Site *site = site_new();

    text_set(&site->id, FAKE_SITE);
    text_set(&site->name, "site");
    text_set(&site->ip, "10.0.0.1");
    snapshot_builder_set_site(fake->builder, site);
}

static void put_cluster(struct fake *fake, int64_t id, const char *name)
{
    Cluster *cluster = cluster_new();

    cluster->id = id;
    cluster->generation = 7;
    text_set(&cluster->name, name);
    snapshot_builder_put_cluster(fake->builder, cluster);
}

static void put_host(struct fake *fake, int64_t id, const char *name, int64_t cluster_id)
{
    Host *host = host_new();

    host->id = id;
    host->generation = 7;
    host->cluster_id = cluster_id;
    text_set(&host->name, name);
    g_free(host->ip);
    host->ip = g_strdup_printf("10.0.0.%d", (int)(id - 100));
    host->status = HOST_NORMAL;
    host->mem_mb = 65536;
    host->cpu_threads = 16;
    host->cpu_sockets = 2;
    host->cpu_cores = 8;
    host->cpu_mhz = 2100;
    host->nic_count = 2;
    host->net_mbps = 20000;
    g_free(host->devices);
    host->devices = g_strdup("gpu-t4:2 mdev-nvidia-63:8");
    g_free(host->rack);
    host->rack = g_strdup("A");
    host->load.last_cpu_mhz = 3360;
    host->load.last_mem_mb = 6553;
    host->load.sampled_mono_ms = FAKE_NOW_MS - 1000;
    snapshot_builder_put_host(fake->builder, host);
}

static void put_vm(struct fake *fake, int64_t id, const char *name, int64_t host_id,
                   enum vm_status status)
{
    Vm *vm = vm_new();
    struct vm_disk *disk = vm_add_disk(vm);
    struct vm_nic *nic = vm_add_nic(vm);

    vm->id = id;
    vm->generation = 7;
    vm->cluster_id = 117;
    vm->host_id = host_id;
    vm->status = status;
    vm->host_reported = true;
    text_set(&vm->name, name);
    text_set(&vm->uuid, "47f65284-2340-43e4-91c0-bf0c94764f3e");
    vm->agent_answers = id == 0x35;
    vm->cpu.quantity = 2;
    vm->cpu.weight = 2000;
    vm->memory.size_mb = 1024;
    vm->memory.weight = 10240;
    vm->create_ms = 1000000;
    disk->sequence = 1;
    disk->datastore_id = 1;
    disk->volume_id = id;
    disk->size_gb = 10;
    text_set(&disk->bus, "VIRTIO");
    text_set(&nic->mac, "28:6e:d4:00:00:01");
    text_set(&nic->ip, "192.168.0.9");
    snapshot_builder_put_vm(fake->builder, vm);
}

static void put_group(struct fake *fake, int64_t id, enum group_type type, const char *name,
                      int64_t member)
{
    Group *group = group_new();

    group->id = id;
    group->generation = 7;
    group->cluster_id = 117;
    group->type = type;
    text_set(&group->name, name);
    group->members = g_new(int64_t, 1);
    group->members[0] = member;
    group->n_members = 1;
    snapshot_builder_put_group(fake->builder, group);
}

static void put_rule(struct fake *fake)
{
    Rule *rule = rule_new();

    rule->id = 3;
    rule->generation = 7;
    rule->cluster_id = 117;
    text_set(&rule->name, "apart-web");
    rule->type = RULE_APART;
    rule->vms = g_new(int64_t, 2);
    rule->vms[0] = 0x35;
    rule->vms[1] = 0x36;
    rule->n_vms = 2;
    snapshot_builder_put_rule(fake->builder, rule);
}

static void put_datastore(struct fake *fake)
{
    Datastore *datastore = datastore_new();

    datastore->id = 1;
    datastore->generation = 7;
    text_set(&datastore->name, "store");
    text_set(&datastore->storage_type, "NAS");
    text_set(&datastore->path, "/srv/vrm");
    datastore->capacity_gb = 1000;
    datastore->used_gb = 10;
    snapshot_builder_put_datastore(fake->builder, datastore);
}

static Task *make_task(int64_t id, enum task_status status)
{
    Task *task = task_new();

    task->id = id;
    task->type = TASK_MIGRATE_VM;
    task->entity_kind = OBJECT_VM;
    task->entity_id = 0x35;
    text_set(&task->entity_name, "web1");
    text_set(&task->user, "ops");
    task->status = status;
    task->progress = status == TASK_RUNNING ? 40 : 100;
    task->source_host_id = 112;
    task->target_host_id = 113;
    task->start_ms = 1000000;
    return task;
}

static void add_recommendation(DrsReport *report, int64_t id, int64_t vm_id, const char *vm_name)
{
    Recommendation *rec = recommendation_new();

    rec->id = id;
    rec->cluster_id = 117;
    rec->vm_id = vm_id;
    text_set(&rec->vm_name, vm_name);
    rec->source_host_id = 112;
    text_set(&rec->source_name, "cna1");
    rec->target_host_id = 113;
    text_set(&rec->target_name, "cna2");
    rec->reason = MOVE_BALANCE_CPU;
    rec->state = REC_OPEN;
    rec->rating = 4;
    rec->gain_balance = 120;
    rec->cost_ms = 2500;
    rec->cost_mb = 1024;
    rec->depends_on = id == 502 ? 501 : 0;
    text_set(&rec->text, "cna1 runs at 90 % of its CPU, cna2 at 10 %");
    text_set(&rec->rejected, "cna3: memory full");
    drs_report_take(report, rec);
}

static void put_report(struct fake *fake)
{
    DrsReport *report = drs_report_new();

    report->cluster_id = 117;
    report->plan_id = 9;
    report->decided = true;
    report->imbalance_now = 241;
    report->imbalance_planned = 5;
    text_set(&report->verdict, "2 moves even out the CPU");
    add_recommendation(report, 501, 0x35, "web1");
    add_recommendation(report, 502, 0x36, "web2");
    snapshot_builder_put_drs_report(fake->builder, report);
}

static void fill(struct fake *fake)
{
    Vm *template;

    put_site(fake);
    put_cluster(fake, 117, "main");
    put_cluster(fake, 118, "empty");
    put_host(fake, 112, "cna1", 117);
    put_host(fake, 113, "cna2", 117);
    put_host(fake, 114, "spare", 0);
    put_vm(fake, 0x35, "web1", 112, VM_RUNNING);
    put_vm(fake, 0x36, "web2", 113, VM_RUNNING);
    put_vm(fake, 0x37, "idle", 0, VM_STOPPED);
    put_vm(fake, 0x38, "golden", 0, VM_STOPPED);
    template = vm_dup(snapshot_builder_get_vm(fake->builder, 0x38));
    template->is_template = true;
    snapshot_builder_put_vm(fake->builder, template);
    put_group(fake, 3, GROUP_VM, "webs", 0x35);
    put_group(fake, 4, GROUP_HOST, "left", 112);
    put_rule(fake);
    put_datastore(fake);
    snapshot_builder_put_task(fake->builder, make_task(1206, TASK_SUCCESS));
    snapshot_builder_put_task(fake->builder, make_task(1207, TASK_RUNNING));
    put_report(fake);
}

/* ---- the controller -------------------------------------------------------------------------- */

static Snapshot *ops_snapshot(void *ctx)
{
    struct fake *fake = ctx;

    return snapshot_ref(fake->snap);
}

static void ops_status(void *ctx, struct controller_status *ret_status)
{
    const struct fake *fake = ctx;

    *ret_status = fake->status;
}

static char *ops_metrics(void *ctx)
{
    (void)ctx;
    return g_strdup("vrm_fake 1\n");
}

static bool answer_login(const struct op *op, struct op_result *result)
{
    if (g_str_equal(op->login_key, "secret")) {
        result->user.id = 7;
        result->user.name = g_strdup(op->login_name);
        result->user.roles = g_strdup("administrator");
        return true;
    }
    if (g_str_equal(op->login_key, "locked")) {
        result->retry_ms = 90500;
        err_set_reason(&result->error, VRM_ERR_DENIED, 10100113, NULL, "locked");
    } else {
        err_set_reason(&result->error, VRM_ERR_DENIED, 10100103, NULL, "wrong user or password");
    }
    return false;
}

static struct op_imc *make_imc(void)
{
    struct op_imc *imc = g_new0(struct op_imc, 1);

    imc->change = "raise";
    imc->now = g_strdup("Merom");
    imc->mode = g_strdup("Nehalem");
    imc->common = g_strdup("Penryn");
    imc->text = g_strdup("no");
    imc->n_hosts = imc->n_vms = 1;
    imc->hosts = g_new0(struct op_imc_host, 1);
    imc->hosts[0] = (struct op_imc_host){ .id = 112,
                                          .name = g_strdup("CNA01"),
                                          .newest = g_strdup("Penryn"),
                                          .text = g_strdup("x"),
                                          .missing = g_strsplit("popcnt sse4.2", " ", -1) };
    imc->vms = g_new0(struct op_imc_vm, 1);
    imc->vms[0] = (struct op_imc_vm){ .id = 0x35,
                                      .host_id = 112,
                                      .verdict = "hides",
                                      .name = g_strdup("a"),
                                      .cpu = g_strdup("Westmere"),
                                      .text = g_strdup("y"),
                                      .features = g_strsplit("aes", " ", -1) };
    return imc;
}

/* One VM leaves for 113, one cannot. */
static struct op_drain *drain_plan(const struct op *op)
{
    struct op_drain *drain = g_new0(struct op_drain, 1);

    drain->text = g_strdup("1 of 2 VMs can leave");
    drain->duration_ms = 1500;
    drain->n_moves = drain->n_stays = 1;
    drain->moves = g_new0(struct op_drain_move, 1);
    drain->moves[0] = (struct op_drain_move){ .vm_id = 0x35,
                                              .from_id = op->id,
                                              .to_id = 113,
                                              .vm_name = g_strdup("web1"),
                                              .cost_ms = 1500,
                                              .cost_mb = 1024,
                                              .text = g_strdup("it is emptied"),
                                              .rejected = g_strdup("") };
    drain->stays = g_new0(struct op_drain_stay, 1);
    drain->stays[0] = (struct op_drain_stay){ .vm_id = 0x37,
                                              .vm_name = g_strdup("gpu1"),
                                              .text = g_strdup("bound to its host") };
    drain->policy = g_strdup("");
    return drain;
}

/* One host that is dead, and a VM that waits. */
static struct op_ha *make_ha(void)
{
    struct op_ha *ha = g_new0(struct op_ha, 1);

    *ha = (struct op_ha){ .enabled = true,
                          .armed = true,
                          .etcd_ok = true,
                          .ready = true,
                          .disarmed_by = g_strdup(""),
                          .text = g_strdup(""),
                          .n_guarded = 2,
                          .n_running = 1,
                          .hosts = g_new0(struct op_ha_host, 1),
                          .n_hosts = 1,
                          .vms = g_new0(struct op_ha_vm, 1),
                          .n_vms = 1 };
    ha->hosts[0] = (struct op_ha_host){ .id = 112,
                                        .name = g_strdup("CNA01"),
                                        .state = "fenced",
                                        .why = "dead by proof",
                                        .rule = 20,
                                        .beat_ms = 12345,
                                        .peer_ms = -1,
                                        .agent_ms = 11000,
                                        .leases = g_new0(struct op_ha_lease, 1),
                                        .n_leases = 1 };
    ha->hosts[0].leases[0] = (struct op_ha_lease){ g_strdup("etcd"), 0xabc, 2, 12350, true, true };
    ha->vms[0] = (struct op_ha_vm){ .id = 0x35,
                                    .host_id = 112,
                                    .rule = 33,
                                    .name = g_strdup("web1"),
                                    .why = g_strdup("others go first"),
                                    .state = "recovering" };
    return ha;
}

static Incident *make_incident(void)
{
    Incident *incident = incident_new();
    IncidentLine *line = incident_line_new();
    IncidentVm *vm = incident_put_vm(incident, 0x35, "web1");

    incident->id = 7;
    incident->host_id = 112;
    g_free(incident->host_name);
    incident->host_name = g_strdup("CNA01");
    incident->last_ms = FAKE_NOW_MS;
    incident->begin_ms = FAKE_NOW_MS + 3100;
    incident->proof_ms = FAKE_NOW_MS + 12400;
    line->at_ms = incident->begin_ms;
    line->rule = 31;
    g_free(line->text);
    line->text = g_strdup("CNA01 is suspect");
    g_ptr_array_add(incident->lines, line);
    incident->n_lines = 3;
    vm->end = VM_END_RUNNING;
    vm->to_id = 113;
    vm->running_ms = FAKE_NOW_MS + 14200;
    vm->task_id = 9;
    incident_count(incident);
    incident_tell(incident);
    return incident;
}

static void answer_incident(struct op_result *result)
{
    result->incidents = g_new(Incident *, 1);
    result->incidents[0] = make_incident();
    result->n_incidents = 1;
    result->total = 1;
}

static struct op_failover *make_failover(void)
{
    struct op_failover *failover = g_new0(struct op_failover, 1);

    failover->text = g_strdup("");
    return failover;
}

static void usual_answer(const struct op *op, struct op_result *result)
{
    if (op->kind == OP_HA_STATUS)
        result->ha = make_ha();
    if (op->kind == OP_INCIDENT_LIST || op->kind == OP_INCIDENT_GET)
        answer_incident(result);
    if (op->kind == OP_FAILOVER)
        result->failover = make_failover();
    if (op->kind == OP_LOGIN) {
        answer_login(op, result);
        return;
    }
    if (op->kind == OP_TASK_WAIT) {
        result->tasks = g_new(Task *, 1);
        result->tasks[0] = make_task(op->id, TASK_SUCCESS);
        result->n_tasks = 1;
        return;
    }
    if (op->kind == OP_IMC_CHECK)
        result->imc = make_imc();
    if (op->kind == OP_DRAIN_PLAN)
        result->drain = drain_plan(op);
    if (!op_kind_mutates(op->kind))
        return;
    result->task_id = 1207;
    if (strstr(op_kind_name(op->kind), "-create") || op->kind == OP_HOST_ADD)
        result->object_id = 900;
}

static void list_recommendations(const struct fake *fake, const struct op *op,
                                 struct op_result *result)
{
    const DrsReport *report = snapshot_drs_report(fake->snap, op->id);

    result->recommendations = g_new0(Recommendation *, report ? report->n_recommendations : 0);
    for (size_t i = 0; report && i < report->n_recommendations; i++)
        result->recommendations[result->n_recommendations++] =
            recommendation_ref(report->recommendations[i]);
}

/* One host that sleeps. */
static struct op_dpm *dpm_status(void)
{
    struct op_dpm *dpm = g_new0(struct op_dpm, 1);

    *dpm = (struct op_dpm){ .power_level = 2,
                            .decided = true,
                            .verdict = g_strdup("no host can be spared"),
                            .load_permille = 305,
                            .watts = 200,
                            .saved_wh = 1234,
                            .hosts = g_new0(struct op_dpm_host, 1),
                            .n_hosts = 1 };
    dpm->hosts[0] = (struct op_dpm_host){ .id = 112,
                                          .task_id = 7,
                                          .state = "asleep",
                                          .action = "stay",
                                          .proven = true,
                                          .name = g_strdup("CNA01"),
                                          .text = g_strdup("sleeps"),
                                          .trouble = g_strdup(""),
                                          .proven_ms = FAKE_NOW_MS,
                                          .slept_ms = 22212000,
                                          .saved_wh = 1234 };
    return dpm;
}

static void ops_submit(void *ctx, struct op *op, op_done_fn done, void *user)
{
    struct fake *fake = ctx;
    struct op_result result = { 0 };

    op_free(fake->last);
    fake->last = op;
    fake->n_ops++;
    if (fake->hold) {
        fake->held_done = done;
        fake->held_user = user;
        return;
    }
    if (fake->answer)
        fake->answer(fake, op, &result);
    else if (op->kind == OP_DRS_LIST)
        list_recommendations(fake, op, &result);
    else if (op->kind == OP_DPM_STATUS || op->kind == OP_DPM_REFRESH)
        result.dpm = dpm_status();
    else
        usual_answer(op, &result);
    done(&result, user);
    op_result_clear(&result);
}

const struct api_ops fake_ops = { ops_snapshot, ops_submit, ops_status, ops_metrics };

void fake_publish(struct fake *fake)
{
    g_clear_pointer(&fake->snap, snapshot_unref);
    fake->snap = snapshot_builder_build(fake->builder, FAKE_NOW_MS);
}

void fake_init(struct fake *fake)
{
    static const struct auth_limits limits = { 600000, 100, 50 };

    memset(fake, 0, sizeof(*fake));
    fake_now_ms = FAKE_NOW_MS;
    fake->builder = snapshot_builder_new();
    fill(fake);
    fake_publish(fake);
    fake->status.active = fake->status.database_ok = fake->status.etcd_ok = true;
    fake->status.epoch = 4;
    fake->core = (struct api_core){
        .ops = &fake_ops,
        .ctx = fake,
        .auth = auth_new(&limits),
        .now_ms = now_ms,
        .body_max = 65536,
        .header_max = 8192,
    };
}

void fake_clear(struct fake *fake)
{
    op_free(fake->last);
    auth_free(fake->core.auth);
    snapshot_unref(fake->snap);
    snapshot_builder_free(fake->builder);
}

char *fake_token(struct fake *fake, const char *roles)
{
    char *token = auth_token_new();
    g_autofree char *hash = auth_token_hash(token);
    const struct auth_session session = {
        .hash = hash, .user_id = 7, .user = "ops", .roles = roles, .used_ms = FAKE_NOW_MS
    };

    auth_admit(fake->core.auth, &session, FAKE_NOW_MS);
    return token;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void on_done(struct op_result *result, void *user)
{
    request_set_result(user, result);
}

static void add_headers(struct request *req, const char *const *headers)
{
    for (size_t i = 0; headers && headers[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(headers[i], ": ", 2);

        request_set_header(req, parts[0], parts[1]);
    }
}

struct fake_reply fake_call(struct fake *fake, const char *method, const char *target,
                            const char *token, const char *const *headers, const char *body)
{
    g_autoptr(request_auto) req = request_new(&fake->core, method, target, "10.9.9.9");
    struct fake_reply reply = { 0 };

    if (token)
        request_set_header(req, "X-Auth-Token", token);
    add_headers(req, headers);
    if (body)
        request_add_body(req, body, strlen(body));
    while (request_step(req) == REQUEST_WAITS)
        ops_submit(fake, request_take_op(req), on_done, req);
    reply.status = req->status;
    reply.text = g_strdup(req->out.text->str);
    reply.json = json_loads(reply.text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    reply.token = g_strdup(req->new_token);
    reply.active_url = g_strdup(req->active_url);
    return reply;
}

void fake_reply_clear(struct fake_reply *reply)
{
    g_free(reply->text);
    json_decref(reply->json);
    g_free(reply->token);
    g_free(reply->active_url);
}

struct fake_reply fake_ok(struct fake *fake, const char *method, const char *target,
                          const char *body)
{
    g_autofree char *token = fake_token(fake, "administrator");
    struct fake_reply reply = fake_call(fake, method, target, token, NULL, body);

    ck_assert_msg(reply.status == 200, "%s %s: %d %s", method, target, reply.status, reply.text);
    ck_assert_msg(json_is_object(reply.json), "%s %s: not an object: %s", method, target,
                  reply.text);
    return reply;
}

void fake_put_ok(struct fake *fake, const char *path, const char *body)
{
    struct fake_reply reply = fake_ok(fake, "PUT", path, body);

    fake_reply_clear(&reply);
}

const json_t *fake_at(const json_t *json, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);

    for (size_t i = 0; parts[i]; i++) {
        if (json_is_array(json))
            json = json_array_get(json, g_ascii_strtoull(parts[i], NULL, 10));
        else
            json = json_object_get(json, parts[i]);
        ck_assert_msg(json, "no %s in %s", parts[i], path);
    }
    return json;
}

const char *fake_str(const json_t *json, const char *path)
{
    ck_assert_msg(json_is_string(fake_at(json, path)), "%s is no string", path);
    return json_string_value(fake_at(json, path));
}

int64_t fake_int(const json_t *json, const char *path)
{
    ck_assert_msg(json_is_integer(fake_at(json, path)), "%s is no integer", path);
    return json_integer_value(fake_at(json, path));
}

bool fake_bool(const json_t *json, const char *path)
{
    ck_assert_msg(json_is_boolean(fake_at(json, path)), "%s is no boolean", path);
    return json_is_true(fake_at(json, path));
}
