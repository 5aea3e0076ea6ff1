/* test_api_ha.c - HA's settings of clusters and VMs as they are written and read. */
#include "config.h"

#include "tests/api_fake.h"
#include "tests/suite.h"

#define HA(text)   "{\"haResSetting\":{" text "}}"
#define PROP(text) "{\"properties\":{" text "}}"
#define VM36_URN   FAKE_URN ":vms:i-00000036"

START_TEST(a_cluster_keeps_its_policy_until_told_otherwise)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake_put_ok(&fake, C117, "{\"name\":\"main\"}");
    ck_assert_int_eq(fake.last->cluster->ha.isolation, ISOLATION_LEAVE);
    ck_assert_int_eq(fake.last->cluster->ha.max_restarts, 3);
    fake_put_ok(&fake, C117,
                "{\"isEnableHa\":false,\"dsFaultStrategy\":1,\"haResSetting\":"
                "{\"isolationResponse\":\"shutdown\",\"maxRestartsPerHour\":60}}");
    ck_assert(!fake.last->cluster->ha.enabled);
    ck_assert_int_eq(fake.last->cluster->ds_fault_strategy, 1);
    ck_assert_int_eq(fake.last->cluster->ha.isolation, ISOLATION_SHUTDOWN);
    ck_assert_int_eq(fake.last->cluster->ha.max_restarts, 60);
    snapshot_builder_put_cluster(fake.builder, cluster_ref(fake.last->cluster));
    fake_publish(&fake);
    reply = fake_ok(&fake, "GET", C117, NULL);
    ck_assert_str_eq(fake_str(reply.json, "haResSetting.isolationResponse"), "shutdown");
    ck_assert_int_eq(fake_int(reply.json, "haResSetting.maxRestartsPerHour"), 60);
    ck_assert_int_eq(fake_int(reply.json, "dsFaultStrategy"), 1);
    ck_assert(!fake_bool(reply.json, "isEnableHa"));
    fake_reply_clear(&reply);
    fake_put_ok(&fake, C117, HA("\"isolationResponse\":\"poison\""));
    ck_assert_int_eq(fake.last->cluster->ha.isolation, ISOLATION_POISON);
    ck_assert_int_eq(fake.last->cluster->ha.max_restarts, 60);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_vm_keeps_its_policy_until_told_otherwise)
{
    struct fake fake;
    struct fake_reply reply;
    const Vm *vm;

    fake_init(&fake);
    fake_put_ok(&fake, VM35,
                PROP("\"isEnableHa\":true,\"vmFaultProcess\":\"ha\",\"reoverByHost\":true,"
                     "\"restartPriority\":\"highest\",\"startAfterVmUrn\":\"" VM36_URN "\","
                     "\"maxRestartsPerHour\":1,\"hangSensitivity\":\"high\""));
    vm = fake.last->vm;
    ck_assert(vm->enable_ha && vm->recover_by_host);
    ck_assert_str_eq(vm->fault_process, "ha");
    ck_assert_int_eq(vm->restart_priority, RESTART_HIGHEST);
    ck_assert_int_eq(vm->start_after_id, 0x36);
    ck_assert_int_eq(vm->max_restarts, 1);
    ck_assert_int_eq(vm->hang_sensitivity, SENSITIVITY_HIGH);
    snapshot_builder_put_vm(fake.builder, vm_ref(vm));
    fake_publish(&fake);
    reply = fake_ok(&fake, "GET", VM35, NULL);
    ck_assert_str_eq(fake_str(reply.json, "vmConfig.properties.vmFaultProcess"), "ha");
    ck_assert_str_eq(fake_str(reply.json, "vmConfig.properties.restartPriority"), "highest");
    ck_assert_str_eq(fake_str(reply.json, "vmConfig.properties.startAfterVmUrn"), VM36_URN);
    ck_assert_int_eq(fake_int(reply.json, "vmConfig.properties.maxRestartsPerHour"), 1);
    ck_assert_str_eq(fake_str(reply.json, "vmConfig.properties.hangSensitivity"), "high");
    ck_assert(fake_bool(reply.json, "vmConfig.properties.isEnableHa"));
    ck_assert(fake_bool(reply.json, "vmConfig.properties.reoverByHost"));
    fake_reply_clear(&reply);
    fake_put_ok(&fake, VM35, PROP("\"restartPriority\":\"low\""));
    ck_assert_int_eq(fake.last->vm->restart_priority, RESTART_LOW);
    ck_assert_int_eq(fake.last->vm->start_after_id, 0x36);
    fake_put_ok(&fake, VM35, PROP("\"startAfterVmUrn\":\"\""));
    ck_assert_int_eq(fake.last->vm->start_after_id, 0);
    fake_put_ok(&fake, VM35, PROP("\"startAfterVmUrn\":null"));
    ck_assert_int_eq(fake.last->vm->start_after_id, 0x36);
    fake_clear(&fake);
}
END_TEST

/* Of the properties that a new VM is made with. */
static const struct {
    const char *properties;
    bool enable_ha;
    const char *fault_process;
    enum restart_priority priority;
} new_vms[] = {
    { "", true, "notprocess", RESTART_MEDIUM },
    { ",\"properties\":{}", true, "notprocess", RESTART_MEDIUM },
    { ",\"properties\":{\"isEnableHa\":false}", false, "notprocess", RESTART_MEDIUM },
    { ",\"properties\":{\"vmFaultProcess\":\"reboot\",\"restartPriority\":\"lowest\"}", true,
      "reboot", RESTART_LOWEST },
};

START_TEST(a_new_vm_comes_back_unless_told_otherwise)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *body = g_strdup_printf(
        "{\"name\":\"n\",\"location\":\"" FAKE_URN ":clusters:117\",\"osOptions\":{\"osType\":"
        "\"Linux\"},\"vmConfig\":{\"cpu\":{\"quantity\":1},\"memory\":{\"quantityMB\":1024}%s}}",
        new_vms[_i].properties);

    fake_init(&fake);
    reply = fake_ok(&fake, "POST", FAKE_S "/vms", body);
    ck_assert_int_eq(fake.last->vm->enable_ha, new_vms[_i].enable_ha);
    ck_assert_str_eq(fake.last->vm->fault_process, new_vms[_i].fault_process);
    ck_assert_int_eq(fake.last->vm->restart_priority, new_vms[_i].priority);
    ck_assert_int_eq(fake.last->vm->max_restarts, 0);
    ck_assert_int_eq(fake.last->vm->hang_sensitivity, SENSITIVITY_MEDIUM);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static const struct {
    const char *url, *body;
    const char *field, *part;
} bad[] = {
    { C117, HA("\"isolationResponse\":\"poweroff\""), "haResSetting.isolationResponse",
      "\"leaveRunning\", \"shutdown\", \"poison\"" },
    { C117, HA("\"isolationResponse\":1"), "haResSetting.isolationResponse", NULL },
    { C117, HA("\"isolationRespons\":\"poison\""), "haResSetting.isolationRespons",
      "isolationResponse" },
    { C117, HA("\"maxRestartsPerHour\":0"), "haResSetting.maxRestartsPerHour", "1..60" },
    { C117, HA("\"maxRestartsPerHour\":61"), "haResSetting.maxRestartsPerHour", "1..60" },
    { C117, HA("\"maxRestartsPerHour\":\"three\""), "haResSetting.maxRestartsPerHour", NULL },
    { C117, "{\"dsFaultStrategy\":2}", "dsFaultStrategy", "0..1" },
    { C117, "{\"isEnableHa\":\"maybe\"}", "isEnableHa", NULL },
    { VM35, PROP("\"vmFaultProcess\":\"restart\""), "properties.vmFaultProcess",
      "\"notprocess\", \"reboot\", \"ha\"" },
    { VM35, PROP("\"restartPriority\":\"urgent\""), "properties.restartPriority",
      "\"lowest\", \"low\", \"medium\", \"high\", \"highest\"" },
    { VM35, PROP("\"restartPriority\":3"), "properties.restartPriority", NULL },
    { VM35, PROP("\"startAfterVmUrn\":\"web2\""), "properties.startAfterVmUrn",
      "a URN such as " FAKE_URN ":vms:i-00000001" },
    { VM35, PROP("\"startAfterVmUrn\":54"), "properties.startAfterVmUrn", NULL },
    { VM35, PROP("\"maxRestartsPerHour\":-1"), "properties.maxRestartsPerHour", "0..60" },
    { VM35, PROP("\"maxRestartsPerHour\":61"), "properties.maxRestartsPerHour", "0..60" },
    { VM35, PROP("\"hangSensitivity\":\"lowest\""), "properties.hangSensitivity",
      "\"low\", \"medium\", \"high\"" },
    { VM35, PROP("\"hangSensitivity\":30"), "properties.hangSensitivity", NULL },
    { VM35, PROP("\"isEnableHa\":7"), "properties.isEnableHa", NULL },
};

START_TEST(a_wrong_policy_is_named_and_nothing_is_changed)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *token = NULL;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, "PUT", bad[_i].url, token, NULL, bad[_i].body);
    ck_assert_int_eq(reply.status, 400);
    ck_assert_str_eq(fake_str(reply.json, "field"), bad[_i].field);
    if (bad[_i].part)
        ck_assert_msg(strstr(fake_str(reply.json, "errorDes"), bad[_i].part) != NULL, "%s",
                      fake_str(reply.json, "errorDes"));
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

SUITE_MAIN("api_ha", SUITE_TEST(a_cluster_keeps_its_policy_until_told_otherwise),
           SUITE_TEST(a_vm_keeps_its_policy_until_told_otherwise),
           SUITE_LOOP(a_new_vm_comes_back_unless_told_otherwise, new_vms),
           SUITE_LOOP(a_wrong_policy_is_named_and_nothing_is_changed, bad))
