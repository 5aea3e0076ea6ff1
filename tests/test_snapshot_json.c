/* test_snapshot_json.c - a snapshot as JSON and back. */
#include "config.h"

#include "model/snapshot_json.h"

#include "base/json.h"
#include "scheduler/balance.h"
#include "tests/sched_gen.h"
#include "tests/suite.h"

#define N_SEEDS 60

/* Numbers of this test are given to fields in turn, so that no two are the same. */
static int64_t next_value;

static char *next_text(void)
{
    return g_strdup_printf("text %" G_GINT64_FORMAT " \"\\ \n\xc3\xa4", next_value++);
}

#define TEXT(object, member)   (g_free((object)->member), (object)->member = next_text(), (void)0)
#define NUMBER(object, member) ((object)->member = next_value++, (void)0)

static Cluster *full_cluster(void)
{
    Cluster *c = cluster_new();
    const int64_t hosts[] = { 7, 9 };

    c->id = 3;
    NUMBER(c, generation);
    TEXT(c, name);
    TEXT(c, description);
    TEXT(c, tag);
    TEXT(c, imc_setting);
    TEXT(c, res_strategy);
    c->mem_overcommit = c->imc_enabled = c->guest_numa = c->host_numa_drs = c->io_tailor = true;
    NUMBER(c, ds_fault_strategy);
    c->drs = (struct drs_policy){ .enabled = true,
                                  .level = DRS_MANUAL,
                                  .cycle = { CYCLE_WEEKLY, 6 },
                                  .factor = DRS_FACTOR_MEM,
                                  .vm_overrides_enabled = true };
    NUMBER(&c->drs, threshold_cpu);
    NUMBER(&c->drs, threshold_mem);
    c->drs.limen[23] = 9;
    c->dpm = (struct dpm_policy){ 2, { [5] = 3 }, { CYCLE_MONTHLY, 8 }, 3 };
    c->ha = (struct ha_policy){ .control_policy_on = true,
                                .control_policy = 2,
                                .custom_slot = true,
                                .failover_hosts = g_memdup2(hosts, sizeof(hosts)),
                                .n_failover_hosts = G_N_ELEMENTS(hosts) };
    NUMBER(&c->ha, cpu_reservation);
    NUMBER(&c->ha, mem_reservation);
    NUMBER(&c->ha, hosts_fault_quantity);
    NUMBER(&c->ha, slot_cpu_mhz);
    NUMBER(&c->ha, slot_mem_mb);
    c->ha.isolation = ISOLATION_SHUTDOWN;
    NUMBER(&c->ha, max_restarts);
    NUMBER(c, vcpus_per_thread);
    NUMBER(c, create_ms);
    return c;
}

static struct load full_load(void)
{
    struct load load = { 0 };

    NUMBER(&load, cpu_mhz);
    NUMBER(&load, mem_mb);
    NUMBER(&load, net_kbps);
    NUMBER(&load, last_cpu_mhz);
    NUMBER(&load, last_mem_mb);
    NUMBER(&load, sampled_mono_ms);
    NUMBER(&load, window_ms);
    load.n_samples = (uint32_t)next_value++;
    return load;
}

static Host *full_host(void)
{
    Host *h = host_new();

    h->id = 7;
    h->cluster_id = 3;
    NUMBER(h, generation);
    TEXT(h, name);
    TEXT(h, description);
    TEXT(h, ip);
    NUMBER(h, port);
    TEXT(h, bmc_ip);
    TEXT(h, bmc_user);
    TEXT(h, bmc_password);
    h->maintaining = h->connected = h->mem_is_guests = true;
    NUMBER(h, create_ms);
    TEXT(h, real_name);
    TEXT(h, uuid);
    TEXT(h, vendor);
    TEXT(h, model);
    TEXT(h, cpu_model);
    TEXT(h, cpu_vendor);
    TEXT(h, cpu_features);
    TEXT(h, cpu_generations);
    TEXT(h, hypervisor);
    NUMBER(h, mem_mb);
    NUMBER(h, cpu_threads);
    NUMBER(h, cpu_sockets);
    NUMBER(h, cpu_cores);
    NUMBER(h, cpu_mhz);
    NUMBER(h, nic_count);
    NUMBER(h, net_mbps);
    TEXT(h, devices);
    TEXT(h, rack);
    h->status = HOST_SHUTTING_DOWN;
    NUMBER(h, seen_mono_ms);
    TEXT(h, agent_version);
    TEXT(h, boot_id);
    TEXT(h, migrate_address);
    TEXT(h, trouble);
    h->load = full_load();
    return h;
}

static void add_parts(Vm *vm)
{
    struct vm_disk *disk = vm_add_disk(vm);
    struct vm_nic *nic;

    NUMBER(disk, sequence);
    NUMBER(disk, volume_id);
    NUMBER(disk, datastore_id);
    TEXT(disk, name);
    TEXT(disk, path);
    NUMBER(disk, size_gb);
    disk->thin = disk->independent = disk->persistent = true;
    TEXT(disk, bus);
    (void)vm_add_disk(vm); /* one with nothing but defaults */
    nic = vm_add_nic(vm);
    NUMBER(nic, sequence);
    TEXT(nic, name);
    TEXT(nic, mac);
    TEXT(nic, port_group);
    TEXT(nic, ip);
    nic->virtio = true;
}

static void fill_vm_texts(Vm *vm)
{
    TEXT(vm, uuid);
    TEXT(vm, name);
    TEXT(vm, description);
    TEXT(vm, group);
    TEXT(vm, external_uuid);
    TEXT(vm, os_type);
    TEXT(vm, guest_os_name);
    TEXT(vm, os_hostname);
    TEXT(vm, boot_option);
    TEXT(vm, fault_process);
    TEXT(vm, clock_mode);
    TEXT(vm, cpu_model);
    TEXT(vm, cpu_seen);
    TEXT(vm, devices);
}

static void fill_vm_size(Vm *vm)
{
    NUMBER(&vm->cpu, quantity);
    NUMBER(&vm->cpu, cores_per_socket);
    NUMBER(&vm->cpu, reservation_mhz);
    NUMBER(&vm->cpu, weight);
    NUMBER(&vm->cpu, limit_mhz);
    NUMBER(&vm->cpu, hot_plug);
    NUMBER(&vm->memory, size_mb);
    NUMBER(&vm->memory, reservation_mb);
    NUMBER(&vm->memory, weight);
    NUMBER(&vm->memory, limit_mb);
    NUMBER(&vm->memory, hot_plug);
    NUMBER(&vm->memory, held_mb);
}

static Vm *full_vm(void)
{
    Vm *vm = vm_new();

    vm->id = 11;
    vm->cluster_id = 3;
    vm->host_id = 7;
    fill_vm_texts(vm);
    NUMBER(vm, generation);
    vm->location_is_host = vm->binding_host = vm->is_template = vm->enable_ha = true;
    vm->recover_by_host = vm->host_reported = true;
    vm->restart_priority = RESTART_LOW;
    vm->start_after_id = 11;
    NUMBER(vm, max_restarts);
    vm->hang_sensitivity = SENSITIVITY_LOW;
    fill_vm_size(vm);
    add_parts(vm);
    NUMBER(vm, os_version);
    vm->drs_behavior = DRS_BEHAVIOR_AUTOMATIC;
    NUMBER(vm, create_ms);
    vm->status = VM_MIGRATING;
    NUMBER(vm, run_gen);
    NUMBER(vm, moved_ms);
    NUMBER(vm, task_id);
    NUMBER(vm, target_host_id);
    vm->domain = DOMAIN_INCOMING;
    NUMBER(vm, vnc_port);
    NUMBER(vm, dirty_mbps);
    vm->load = full_load();
    return vm;
}

static void put_small(SnapshotBuilder *builder)
{
    const int64_t ids[] = { 11, 12, SNAPSHOT_JSON_NUMBER };
    Group *group = group_new();
    Rule *rule = rule_new();
    Datastore *store = datastore_new();

    group->id = 5;
    group->cluster_id = 3;
    group->type = GROUP_HOST;
    NUMBER(group, generation);
    NUMBER(group, use_type);
    TEXT(group, name);
    group->members = g_memdup2(ids, sizeof(ids));
    group->n_members = G_N_ELEMENTS(ids);
    snapshot_builder_put_group(builder, group);
    rule->id = 6;
    rule->cluster_id = 3;
    NUMBER(rule, generation);
    TEXT(rule, name);
    rule->type = RULE_VM_HOST;
    rule->strength = RULE_SHOULD_NOT;
    rule->domain = FAULT_DOMAIN_RACK;
    rule->vms = g_memdup2(ids, sizeof(ids));
    rule->n_vms = G_N_ELEMENTS(ids);
    NUMBER(rule, vm_group_id);
    NUMBER(rule, host_group_id);
    NUMBER(rule, create_ms);
    NUMBER(rule, update_ms);
    snapshot_builder_put_rule(builder, rule);
    store->id = 8;
    NUMBER(store, generation);
    TEXT(store, name);
    TEXT(store, description);
    TEXT(store, storage_type);
    TEXT(store, path);
    NUMBER(store, capacity_gb);
    NUMBER(store, used_gb);
    snapshot_builder_put_datastore(builder, store);
}

static Snapshot *full_snapshot(void)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    Site *site = site_new();
    struct measuring measuring;

    next_value = 1000;
    measuring.min_samples = (uint32_t)next_value++;
    NUMBER(&measuring, max_age_ms);
    snapshot_builder_set_measuring(builder, &measuring);
    TEXT(site, id);
    TEXT(site, name);
    TEXT(site, ip);
    snapshot_builder_set_site(builder, site);
    snapshot_builder_put_cluster(builder, full_cluster());
    snapshot_builder_put_host(builder, full_host());
    snapshot_builder_put_vm(builder, full_vm());
    put_small(builder);
    snapshot_builder_set_wall(builder, 1700000000123);
    return snapshot_builder_build(builder, 123456789);
}

static Snapshot *must_parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    Snapshot *snap = snapshot_json_parse(text, strlen(text), &error);

    suite_no_error(error);
    return snap;
}

START_TEST(every_field_comes_back)
{
    g_autoptr(Snapshot) snap = full_snapshot();
    g_autofree char *text = snapshot_json_write(snap, 0);
    g_autoptr(Snapshot) back = must_parse(text);
    g_autofree char *again = snapshot_json_write(back, 0);

    ck_assert_str_eq(again, text);
    ck_assert_int_eq(back->taken_mono_ms, 123456789);
    ck_assert_int_eq(back->taken_wall_ms, 1700000000123);
    ck_assert_uint_eq(back->measuring.min_samples, snap->measuring.min_samples);
    ck_assert_int_eq(back->measuring.max_age_ms, snap->measuring.max_age_ms);
    ck_assert_str_eq(back->site->name, snap->site->name);
    ck_assert_int_eq(back->clusters[0]->drs.limen[23], 9);
    ck_assert_int_eq(back->clusters[0]->ha.failover_hosts[1], 9);
    ck_assert_int_eq(back->hosts[0]->status, HOST_SHUTTING_DOWN);
    ck_assert_str_eq(back->hosts[0]->trouble, snap->hosts[0]->trouble);
    ck_assert_uint_eq(back->vms[0]->n_disks, 2);
    ck_assert_str_eq(back->vms[0]->disks[0].bus, snap->vms[0]->disks[0].bus);
    ck_assert_str_eq(back->vms[0]->nics[0].ip, snap->vms[0]->nics[0].ip);
    ck_assert_uint_eq(back->vms[0]->load.n_samples, snap->vms[0]->load.n_samples);
    ck_assert_int_eq(back->rules[0]->strength, RULE_SHOULD_NOT);
    ck_assert_int_eq(back->rules[0]->domain, FAULT_DOMAIN_RACK);
    ck_assert_int_eq(back->groups[0]->members[2], SNAPSHOT_JSON_NUMBER);
    ck_assert_str_eq(back->datastores[0]->path, snap->datastores[0]->path);
}
END_TEST

/* A field that someone adds to types.h and forgets here would otherwise go unnoticed: each number
 * that full_snapshot() gave out must be in the text. */
START_TEST(no_field_is_left_out)
{
    g_autoptr(Snapshot) snap = full_snapshot();
    g_autofree char *text = snapshot_json_write(snap, 0);

    for (int64_t value = 1000; value < next_value; value++) {
        g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, value);
        bool is_password = strstr(snap->hosts[0]->bmc_password, number) != NULL;

        ck_assert_msg((strstr(text, number) != NULL) == !is_password, "value %s", number);
    }
}
END_TEST

START_TEST(new_objects_need_few_words)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) snap = NULL;
    g_autofree char *text = NULL;
    Vm *vm = vm_new();

    vm->id = 1;
    snapshot_builder_put_vm(builder, vm);
    snap = snapshot_builder_build(builder, 0);
    text = snapshot_json_write(snap, 0);
    ck_assert_ptr_nonnull(strstr(text, "\"vms\":[\n{\"id\":1}]"));
    ck_assert_ptr_null(strstr(text, "measuring"));
}
END_TEST

/* Rows that differ in nothing but their number, the seed. */
static const uint64_t seeds[N_SEEDS] = { 1 };

START_TEST(a_plan_from_the_file_is_the_plan_from_the_snapshot)
{
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_cluster(seeds[0] + (uint64_t)_i, 8, 60, &params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, params.now_mono_ms);
    g_autofree char *text = snapshot_json_write(snap, GEN_CLUSTER);
    g_autoptr(Snapshot) back = must_parse(text);
    g_autofree char *again = snapshot_json_write(back, 0);
    g_autoptr(Plan) plan = NULL, same = NULL;

    ck_assert_str_eq(again, text);
    ck_assert(balance_plan(snap, GEN_CLUSTER, &params, &plan, NULL));
    ck_assert(balance_plan(back, GEN_CLUSTER, &params, &same, NULL));
    ck_assert(plan_hash(plan) == plan_hash(same));
}
END_TEST

START_TEST(a_value_without_a_word_is_shown_and_not_taken)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) snap = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    Cluster *cluster = cluster_new();

    cluster->id = 1;
    cluster->drs.level = (enum drs_level)2;
    snapshot_builder_put_cluster(builder, cluster);
    snap = snapshot_builder_build(builder, 0);
    text = snapshot_json_write(snap, 0);
    ck_assert_ptr_null(snapshot_json_parse(text, strlen(text), &error));
    suite_take_error(&error, VRM_ERR_INVALID, "clusters[0].drs.level = 2: want one of manual");
}
END_TEST

START_TEST(one_cluster_leaves_the_others_out)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) snap = NULL, back = NULL;
    g_autofree char *text = NULL;

    for (int64_t id = 1; id <= 2; id++) {
        Cluster *cluster = cluster_new();
        Host *host = host_new();
        Vm *vm = vm_new();

        cluster->id = id;
        host->id = 10 + id;
        host->cluster_id = id;
        vm->id = 20 + id;
        vm->cluster_id = id;
        snapshot_builder_put_cluster(builder, cluster);
        snapshot_builder_put_host(builder, host);
        snapshot_builder_put_vm(builder, vm);
    }
    snapshot_builder_set_measuring(builder, &(struct measuring){ .min_samples = 2 });
    snap = snapshot_builder_build(builder, 0);
    text = snapshot_json_write(snap, 2);
    back = must_parse(text);
    ck_assert_uint_eq(back->n_clusters, 1);
    ck_assert_uint_eq(back->n_hosts, 1);
    ck_assert_uint_eq(back->n_vms, 1);
    ck_assert_int_eq(back->vms[0]->id, 22);
    ck_assert_uint_eq(back->measuring.min_samples, 2);
    ck_assert_int_eq(back->measuring.max_age_ms, 0);
}
END_TEST

#define HEAD "{\"format\":\"vrm-snapshot\",\"version\":1,"

static const struct {
    const char *text, *message;
} broken[] = {
    { "", "not JSON" },
    { "[]", "format is missing: want \"vrm-snapshot\"" },
    { "{\"format\":\"x\"}", "format = \"x\": want \"vrm-snapshot\"" },
    { "{\"format\":\"vrm-snapshot\"}", "version is missing: want 1" },
    { "{\"format\":\"vrm-snapshot\",\"version\":2}", "version = 2: want an integer 1..1" },
    { HEAD "\"vms\":{}}", "vms = {}: want an array" },
    { HEAD "\"vms\":[1]}", "vms[0] = 1: want an object" },
    { HEAD "\"vms\":[{}]}", "vms[0].id is missing: want a number above" },
    { HEAD "\"vms\":[{\"id\":2},{\"id\":2}]}", "vms[1].id = 2: want a number above" },
    { HEAD "\"vms\":[{\"id\":1,\"nme\":\"\"}]}", "vms[0].nme = \"\": want no such field" },
    { HEAD "\"vms\":[{\"id\":1,\"status\":\"up\"}]}",
      "vms[0].status = \"up\": want one of creating stopped" },
    { HEAD "\"vms\":[{\"id\":1,\"cpu\":{\"quantity\":\"x\"}}]}", "vms[0].cpu.quantity = \"x\"" },
    { HEAD "\"vms\":[{\"id\":1,\"load\":{\"nSamples\":-1}}]}", "vms[0].load.nSamples = -1" },
    { HEAD "\"vms\":[{\"id\":1,\"disks\":[{\"thin\":7}]}]}",
      "vms[0].disks[0].thin = 7: want true or false" },
    { HEAD "\"vms\":[{\"id\":1,\"memory\":{\"sizeMb\":-1}}]}",
      "vms[0].memory.sizeMb = -1: want an integer 0..1000000000" },
    { HEAD "\"vms\":[{\"id\":1,\"movedMs\":9223372036854775807}]}", "vms[0].movedMs = 92233" },
    { HEAD "\"hosts\":[{\"id\":1,\"name\":5}]}", "hosts[0].name = 5: want text" },
    { HEAD "\"clusters\":[{\"id\":1,\"drs\":{\"limen\":[1]}}]}",
      "clusters[0].drs.limen = [1]: want 24 numbers 0..9" },
    { HEAD "\"clusters\":[{\"id\":1,\"drs\":{\"level\":\"\"}}]}",
      "clusters[0].drs.level = \"\": want one of manual automatic" },
    { HEAD "\"groups\":[{\"id\":1,\"members\":[2,1]}]}",
      "groups[0].members = [2,1]: want ids above 0, ascending" },
    { HEAD "\"site\":5}", "site = 5: want an object" },
    { HEAD "\"measuring\":4}", "measuring = 4: want an object" },
    { HEAD "\"measuring\":{\"minSamples\":-1}}",
      "measuring.minSamples = -1: want an integer 0..4294967295" },
    { HEAD "\"measuring\":{\"maxAgeMs\":\"x\"}}",
      "measuring.maxAgeMs = \"x\": want an integer 0..1000000000" },
    { HEAD "\"measuring\":{\"windowS\":1}}",
      "measuring.windowS = 1: want no such field, measuring has none" },
    { HEAD "\"clusters\":[],\"vms\":[]}", "hosts is missing: want a list" },
    { HEAD "\"clusters\":[],\"hosts\":[],\"vms\":null}", "vms is missing: want a list" },
    { HEAD "\"clusters\":[],\"hosts\":[],\"vms\":[],\"host\":[1]}",
      "host = [1]: want no such field, a snapshot has none" },
};

START_TEST(what_is_wrong_is_told_with_its_path)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(snapshot_json_parse(broken[_i].text, strlen(broken[_i].text), &error));
    suite_take_error(&error, VRM_ERR_INVALID, broken[_i].message);
}
END_TEST

SUITE_MAIN("snapshot_json", SUITE_TEST(every_field_comes_back), SUITE_TEST(no_field_is_left_out),
           SUITE_TEST(new_objects_need_few_words),
           SUITE_LOOP(a_plan_from_the_file_is_the_plan_from_the_snapshot, seeds),
           SUITE_TEST(a_value_without_a_word_is_shown_and_not_taken),
           SUITE_TEST(one_cluster_leaves_the_others_out),
           SUITE_LOOP(what_is_wrong_is_told_with_its_path, broken))
