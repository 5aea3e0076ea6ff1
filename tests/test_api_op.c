/* test_api_op.c - what stands in the operations that requests become. */
#include "config.h"

#include "base/err.h"
#include "tests/api_body.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

START_TEST(a_cluster_put_changes_what_it_names_and_keeps_the_rest)
{
    struct fake fake;
    struct fake_reply reply;
    const Cluster *c;

    fake_init(&fake);
    reply = fake_ok(
        &fake, "PUT", C117,
        "{\"ISENABLEDRS\":true,\"drsSetting\":{\"drsLevel\":3,\"factor\":1,"
        "\"drsFragmentLimen\":[{\"fragmentTime\":7,\"limen\":9}],"
        "\"drsCycle\":{\"cycleType\":2,\"cycleSpec\":[1,7]}},\"unknown\":{\"x\":[]},"
        "\"haResSetting\":{\"controlPolicy\":2,\"failoverHosts\":[{\"urn\":\"" U(
            "hosts:113") "\"},\"" U("hosts:112") "\"]},\"enableVmDrs\":1,"
                                                 "\"drsVmConfig\":[{\"vmUrn\":\"" U(
                                                     "vms:i-00000035") "\",\"behavior\":4}]}");
    c = fake.last->cluster;
    ck_assert_str_eq(c->name, "main");
    ck_assert_int_eq(c->generation, 7);
    ck_assert(c->drs.enabled && c->drs.vm_overrides_enabled);
    ck_assert_int_eq(c->drs.level, DRS_AUTOMATIC);
    ck_assert_int_eq(c->drs.factor, DRS_FACTOR_CPU);
    ck_assert_int_eq(c->drs.limen[7], 9);
    ck_assert_int_eq(c->drs.limen[8], 5);
    ck_assert_int_eq(c->drs.cycle.type, CYCLE_WEEKLY);
    ck_assert_uint_eq(c->drs.cycle.days, (1U << 1) | (1U << 7));
    ck_assert_uint_eq(c->ha.n_failover_hosts, 2);
    ck_assert_int_eq(c->ha.failover_hosts[0], 112);
    ck_assert_uint_eq(fake.last->n_overrides, 1);
    ck_assert_int_eq(fake.last->overrides[0].vm_id, 0x35);
    ck_assert_int_eq(fake.last->overrides[0].behavior, DRS_BEHAVIOR_DISABLED);
    ck_assert_uint_eq(fake.last->n_rules, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static const struct {
    const char *body, *mode;
    bool enabled;
} imcs[] = {
    { "{\"isEnableImc\":true,\"imcSetting\":\"Sandy Bridge\"}", "Sandy Bridge", true },
    { "{\"isEnableImc\":\"TRUE\",\"imcSetting\":\"merom\"}", "Merom", true },
    { "{\"imcSetting\":\"Cascadelake-Server\"}", "Cascadelake-Server", false },
    { "{\"isEnableImc\":false,\"imcSetting\":\"\"}", "", false },
    { "{\"name\":\"n\"}", "", false },
};

START_TEST(a_generation_is_kept_under_its_own_name)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "PUT", C117, imcs[_i].body);
    ck_assert_str_eq(fake.last->cluster->imc_setting, imcs[_i].mode);
    ck_assert_int_eq(fake.last->cluster->imc_enabled, imcs[_i].enabled);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(racks_devices_and_vcpu_limits_are_set_and_cleared)
{
    struct fake fake;

    fake_init(&fake);
    fake_put_ok(&fake, H112, "{\"rack\":\"row 1\"}");
    ck_assert_str_eq(fake.last->host->rack, "row 1");
    fake_put_ok(&fake, H112, "{\"rack\":\"\"}");
    ck_assert_str_eq(fake.last->host->rack, "");
    fake_put_ok(&fake, C117, "{\"vcpusPerThread\":4}");
    ck_assert_int_eq(fake.last->cluster->vcpus_per_thread, 4);
    fake_put_ok(&fake, VM37,
                "{\"gpu\":[{\"name\":\"mdev-a\",\"quantity\":2},{\"name\":\"gpu-t4\"}]}");
    ck_assert_str_eq(fake.last->vm->devices, "gpu-t4:1 mdev-a:2");
    fake_put_ok(&fake, VM37, "{\"gpu\":[]}");
    ck_assert_str_eq(fake.last->vm->devices, "");
    fake_put_ok(&fake, C117,
                "{\"drsSetting\":{\"drsRules\":[{\"ruleName\":\"r\",\"ruleType\":2,"
                "\"faultDomain\":\"rack\"}]}}");
    ck_assert_int_eq(fake.last->rules[0].rule->domain, FAULT_DOMAIN_RACK);
    fake_clear(&fake);
}
END_TEST

START_TEST(rules_are_created_modified_and_deleted_by_one_put)
{
    struct fake fake;
    struct fake_reply reply;
    const struct rule_change *r;

    fake_init(&fake);
    reply = fake_ok(&fake, "PUT", C117,
                    "{\"drsSetting\":{\"drsRules\":["
                    "{\"operationType\":2,\"ruleName\":\"new\",\"ruleType\":3,"
                    "\"vm2HostRuleType\":2,\"vmGroupUrn\":\"" U("clusters:117:resourcegroups:3") "\",\"hostGroupUrn\":\"" U(
                        "clusters:117:resourcegroups:4") "\"},"
                                                         "{\"operationType\":1,\"ruleIndex\":3,"
                                                         "\"vms\":[{\"urn\":\"" U("vms:i-00000037") "\"},{\"urn\":\"" U(
                                                             "vms:i-00000035") "\",\"name\":\"x\"},"
                                                                               "{\"urn\":\"" U(
                                                                                   "vms"
                                                                                   ":i-"
                                                                                   "000"
                                                                                   "000"
                                                                                   "35") "\"}]},"
                                                                                         "{\"operat"
                                                                                         "ionType\""
                                                                                         ":0,"
                                                                                         "\"ruleInd"
                                                                                         "ex\":3},"
                                                                                         "{\"ruleIn"
                                                                                         "dex\":3,"
                                                                                         "\"ruleNam"
                                                                                         "e\":"
                                                                                         "\"echoed"
                                                                                         "\","
                                                                                         "\"strengt"
                                                                                         "h\":"
                                                                                         "\"should"
                                                                                         "\"}]}}");
    ck_assert_uint_eq(fake.last->n_rules, 4);
    r = fake.last->rules;
    ck_assert_int_eq(r[0].operation, RULE_CREATE);
    ck_assert_str_eq(r[0].rule->name, "new");
    ck_assert_int_eq(r[0].rule->type, RULE_VM_HOST);
    ck_assert_int_eq(r[0].rule->strength, RULE_SHOULD);
    ck_assert_int_eq(r[0].rule->vm_group_id, 3);
    ck_assert_int_eq(r[0].rule->host_group_id, 4);
    ck_assert_int_eq(r[0].rule->cluster_id, 117);
    ck_assert_int_eq(r[1].operation, RULE_MODIFY);
    ck_assert_str_eq(r[1].rule->name, "apart-web");
    ck_assert_int_eq(r[1].rule->type, RULE_APART);
    ck_assert_uint_eq(r[1].rule->n_vms, 2);
    ck_assert_int_eq(r[1].rule->vms[0], 0x35);
    ck_assert_int_eq(r[1].rule->vms[1], 0x37);
    ck_assert_int_eq(r[2].operation, RULE_DELETE);
    ck_assert_int_eq(r[2].rule->id, 3);
    ck_assert_int_eq(r[3].operation, RULE_MODIFY);
    ck_assert_str_eq(r[3].rule->name, "echoed");
    ck_assert_int_eq(r[3].rule->strength, RULE_SHOULD);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_vm_is_created_from_a_body_with_odd_capitals)
{
    struct fake fake;
    struct fake_reply reply;
    const Vm *vm;

    fake_init(&fake);
    reply = fake_ok(&fake, "POST", FAKE_S "/vms",
                    "{\"name\":\"new\",\"location\":\"" FAKE_S "/hosts/113\",\"autoBoot\":false,"
                    "\"isBindingHost\":true,\"uuid\":\"47F65284-2340-43E4-91C0-BF0C94764F3F\","
                    "\"osOptions\":{\"osType\":\"Linux\",\"osVersion\":10088,"
                    "\"guestOsName\":\"Debian\"},\"vmConfig\":{\"cpu\":{\"quantity\":4,"
                    "\"coresPerSocket\":2},\"memory\":{\"quantityMb\":2048},\"disks\":["
                    "{\"sequenceNum\":1,\"quantityGb\":40,\"isThin\":true,\"isDataCopy\":true,"
                    "\"datastoreUrn\":\"" U(
                        "datastores:1") "\"}],\"nics\":[{\"name\":\"nic0\","
                                        "\"portGroupUrn\":\"" U(
                                            "dvswitchs:1:portgroups:1") "\",\"mac\":"
                                                                        "\"28-6E-D4-00-00-0A\"}]},"
                                                                        "\"vmCustomization\":{}}");
    vm = fake.last->vm;
    ck_assert(!fake.last->auto_start);
    ck_assert_str_eq(vm->name, "new");
    ck_assert_str_eq(vm->uuid, "47f65284-2340-43e4-91c0-bf0c94764f3f");
    ck_assert_int_eq(vm->host_id, 113);
    ck_assert_int_eq(vm->cluster_id, 117);
    ck_assert(vm->location_is_host && vm->binding_host);
    ck_assert_int_eq(vm->cpu.quantity, 4);
    ck_assert_int_eq(vm->cpu.cores_per_socket, 2);
    ck_assert_int_eq(vm->cpu.weight, 4000);
    ck_assert_int_eq(vm->memory.size_mb, 2048);
    ck_assert_int_eq(vm->memory.weight, 20480);
    ck_assert_uint_eq(vm->n_disks, 1);
    ck_assert_int_eq(vm->disks[0].size_gb, 40);
    ck_assert_str_eq(vm->disks[0].bus, "VIRTIO");
    ck_assert_uint_eq(vm->n_nics, 1);
    ck_assert_str_eq(vm->nics[0].mac, "28:6e:d4:00:00:0a");
    ck_assert_str_eq(vm->guest_os_name, "Debian");
    ck_assert_int_eq(vm->generation, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

/* A disk's file is known by its path: two spellings would be two disks. */
static const char *const spellings[] = { "/srv/d",   "/srv/d/",  "/srv//d",   "//srv/d",
                                         "///srv/d", "/srv/./d", "/./srv/d/." };

START_TEST(a_folder_has_one_path_however_it_is_spelt)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *body = g_strdup_printf("{\"name\":\"d\",\"path\":\"%s\"}", spellings[_i]);

    fake_init(&fake);
    reply = fake_ok(&fake, "POST", FAKE_S "/datastores", body);
    ck_assert_str_eq(fake.last->datastore->path, "/srv/d");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(disks_and_nics_stand_in_the_order_of_their_numbers)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply =
        fake_ok(&fake, "POST", FAKE_S "/vms",
                VM_BODY(",\"disks\":[" DISK_WITH("\"sequenceNum\":7") "," DISK_WITH(
                    "\"sequenceNum\":1") "],\"nics\":[{\"sequenceNum\":3},{\"sequenceNum\":0}]"));
    ck_assert_int_eq(fake.last->vm->disks[0].sequence, 1);
    ck_assert_int_eq(fake.last->vm->disks[1].sequence, 7);
    ck_assert_int_eq(fake.last->vm->nics[0].sequence, 0);
    ck_assert_int_eq(fake.last->vm->nics[1].sequence, 3);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_vm_is_started_after_creation_unless_told_otherwise)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "POST", FAKE_S "/vms", VM_BODY(""));
    ck_assert(fake.last->auto_start);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_vm_put_takes_hardware_at_the_top_level_and_below_vmconfig)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "PUT", VM37,
                    "{\"cpu\":{\"quantity\":8},\"vmConfig\":{\"memory\":{\"quantityMB\":4096}}}");
    ck_assert_int_eq(fake.last->vm->cpu.quantity, 8);
    ck_assert_int_eq(fake.last->vm->cpu.weight, 8000);
    ck_assert_int_eq(fake.last->vm->memory.size_mb, 4096);
    ck_assert_int_eq(fake.last->vm->memory.weight, 40960);
    ck_assert_str_eq(fake.last->vm->name, "idle");
    ck_assert_int_eq(fake.last->vm->generation, 7);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(verbs_carry_their_arguments)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "POST", VM35 "/action/stop", "{\"mode\":\"force\"}");
    ck_assert(fake.last->force);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "POST", VM35 "/action/stop", "{\"mode\":\"safe\"}");
    ck_assert(!fake.last->force);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "POST", VM35 "/action/migrate",
                    "{\"location\":\"" U("hosts:113") "\",\"isBindingHost\":true}");
    ck_assert_int_eq(fake.last->target_host_id, 113);
    ck_assert(fake.last->bind_target);
    fake_reply_clear(&reply);
    reply =
        fake_ok(&fake, "POST", VM35 "/action/migrate", "{\"location\":\"" U("clusters:117") "\"}");
    ck_assert_int_eq(fake.last->target_cluster_id, 117);
    ck_assert_int_eq(fake.last->target_host_id, 0);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "DELETE", VM35 "?isReserveDisks=True", NULL);
    ck_assert(fake.last->keep_disks);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "DELETE", H112 "?isForce=1", NULL);
    ck_assert(fake.last->force);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void apply_in_part(struct fake *fake, const struct op *op, struct op_result *ret_result)
{
    (void)fake, (void)op;
    ret_result->task_id = 1207;
    ret_result->power_task_id = 1208;
    ret_result->note = g_strdup("those about hosts were applied; those about VMs were not: busy");
}

START_TEST(what_was_applied_and_what_not_is_answered)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = apply_in_part;
    reply = fake_ok(&fake, "POST", C117 "/drsrecommendations/action/apply", "{}");
    ck_assert_str_eq(fake_str(reply.json, "taskUrn"), U("tasks:1207"));
    ck_assert_str_eq(fake_str(reply.json, "powerTaskUrn"), U("tasks:1208"));
    ck_assert_ptr_nonnull(strstr(fake_str(reply.json, "note"), "about VMs were not: busy"));
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(recommendations_are_applied_singly_in_part_or_all)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "POST", C117 "/drsrecommendations/502/action/apply", NULL);
    ck_assert_uint_eq(fake.last->n_recommendations, 1);
    ck_assert_int_eq(fake.last->recommendations[0], 502);
    fake_reply_clear(&reply);
    reply =
        fake_ok(&fake, "POST", C117 "/drsrecommendations/action/apply",
                "{\"recommendations\":[{\"urn\":\"" U(
                    "clusters:117:drsrecommendations:502") "\"},{\"urn\":\"" U("clusters:117:"
                                                                               "drsrecommendations:"
                                                                               "501") "\"}]}");
    ck_assert_uint_eq(fake.last->n_recommendations, 2);
    ck_assert_int_eq(fake.last->recommendations[0], 501);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "POST", C117 "/drsrecommendations/action/apply", "{}");
    ck_assert_uint_eq(fake.last->n_recommendations, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(group_members_are_added_and_removed)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "PUT", C117 "/resourcegroups/3",
                    "{\"groupMembers\":[{\"urn\":\"" U(
                        "vms:i-00000037") "\",\"operationType\":1},{\"urn\":"
                                          "\"" U("vms:i-00000036") "\"},{\"urn\":"
                                                                   "\"" U("vms:i-"
                                                                          "0000003"
                                                                          "5") "\","
                                                                               "\"o"
                                                                               "per"
                                                                               "ati"
                                                                               "onT"
                                                                               "ype"
                                                                               "\":"
                                                                               "0}]"
                                                                               "}");
    ck_assert_uint_eq(fake.last->group->n_members, 2);
    ck_assert_int_eq(fake.last->group->members[0], 0x36);
    ck_assert_int_eq(fake.last->group->members[1], 0x37);
    ck_assert_int_eq(fake.last->group->generation, 7);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(lists_of_history_carry_their_filters)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "GET",
                    FAKE_S "/tasks?limit=10&offset=20&type=StartVmTask&user=ops&status=failed"
                           "&startTime=1000&taskUrns=" U("tasks:5") "&taskUrns=" U(
                               "tasks:4") "&cancelled=false&scope=" U("hosts:112"),
                    NULL);
    ck_assert_int_eq(fake.last->query.limit, 10);
    ck_assert_int_eq(fake.last->query.offset, 20);
    ck_assert_str_eq(fake.last->query.type, "StartVmTask");
    ck_assert_str_eq(fake.last->query.user, "ops");
    ck_assert_str_eq(fake.last->query.status, "failed");
    ck_assert_int_eq(fake.last->query.from_ms, 1000);
    ck_assert_uint_eq(fake.last->query.n_ids, 2);
    ck_assert_int_eq(fake.last->query.ids[0], 4);
    ck_assert_int_eq(fake.last->query.cancelled, 0);
    ck_assert_int_eq(fake.last->query.scope_kind, OBJECT_HOST);
    ck_assert_int_eq(fake.last->query.scope_id, 112);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "GET", FAKE_S "/tasks", NULL);
    ck_assert_int_eq(fake.last->query.limit, 1000);
    ck_assert_int_eq(fake.last->query.cancelled, -1);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "POST", FAKE_S "/alarms/events",
                    "{\"limit\":100,\"offset\":\"5\",\"eventName\":\"VmMigrated\","
                    "\"occurStartTime\":\"1000\",\"occurStopTime\":2000,\"order\":[]}");
    ck_assert_int_eq(fake.last->query.limit, 100);
    ck_assert_int_eq(fake.last->query.offset, 5);
    ck_assert_str_eq(fake.last->query.type, "VmMigrated");
    ck_assert_int_eq(fake.last->query.from_ms, 1000);
    ck_assert_int_eq(fake.last->query.to_ms, 2000);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_hosts_address_may_be_sent_back_in_another_spelling)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *token = NULL;
    Host *host;

    fake_init(&fake);
    host = host_dup(snapshot_host(fake.snap, 112));
    g_free(host->ip);
    host->ip = g_strdup("2001:db8::c");
    snapshot_builder_put_host(fake.builder, host);
    fake_publish(&fake);
    reply = fake_ok(&fake, "PUT", H112, "{\"ip\":\"2001:0DB8:0:0:0:0:0:C\"}");
    ck_assert_str_eq(fake.last->host->ip, "2001:db8::c");
    fake_reply_clear(&reply);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, "PUT", H112, token, NULL, "{\"ip\":\"2001:db8::d\"}");
    ck_assert_int_eq(reply.status, 400);
    ck_assert_uint_eq(fake.n_ops, 1);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

SUITE_MAIN("api_op", SUITE_TEST(a_cluster_put_changes_what_it_names_and_keeps_the_rest),
           SUITE_LOOP(a_generation_is_kept_under_its_own_name, imcs),
           SUITE_TEST(racks_devices_and_vcpu_limits_are_set_and_cleared),
           SUITE_TEST(rules_are_created_modified_and_deleted_by_one_put),
           SUITE_TEST(a_vm_is_created_from_a_body_with_odd_capitals),
           SUITE_LOOP(a_folder_has_one_path_however_it_is_spelt, spellings),
           SUITE_TEST(disks_and_nics_stand_in_the_order_of_their_numbers),
           SUITE_TEST(a_vm_is_started_after_creation_unless_told_otherwise),
           SUITE_TEST(a_vm_put_takes_hardware_at_the_top_level_and_below_vmconfig),
           SUITE_TEST(verbs_carry_their_arguments),
           SUITE_TEST(what_was_applied_and_what_not_is_answered),
           SUITE_TEST(recommendations_are_applied_singly_in_part_or_all),
           SUITE_TEST(group_members_are_added_and_removed),
           SUITE_TEST(a_hosts_address_may_be_sent_back_in_another_spelling),
           SUITE_TEST(lists_of_history_carry_their_filters))
