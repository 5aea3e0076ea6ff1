/* test_api_put.c - from request bodies to operations: what is taken, what is refused and how. */
#include "config.h"

#include "base/err.h"
#include "tests/api_body.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

/* ---- what is taken --------------------------------------------------------------------------- */

static const struct {
    const char *method, *url, *body;
    enum op_kind kind;
    int64_t id;         /* op->id */
    const char *answer; /* whole, or its beginning if it ends with '*' */
} good[] = {
    { "POST", FAKE_S "/clusters", "{\"name\":\"c\"}", OP_CLUSTER_CREATE, 0,
      "{\"urn\":\"" U("clusters:900") "\",\"uri\":\"" FAKE_S "/clusters/900\",\"taskUrn\":*" },
    { "PUT", C117, "{}", OP_CLUSTER_UPDATE, 117, "*" },
    { "PUT", C117, NULL, OP_CLUSTER_UPDATE, 117, "*" },
    { "PUT", C117, "null", OP_CLUSTER_UPDATE, 117, "*" },
    { "PUT", C117, "\xef\xbb\xbf {} \n", OP_CLUSTER_UPDATE, 117, "*" },
    { "DELETE", FAKE_S "/clusters/118", NULL, OP_CLUSTER_DELETE, 118, "*" },
    { "POST", C117 "/resourcegroups", "{\"name\":\"g\",\"type\":1}", OP_GROUP_CREATE, 117,
      "{\"urn\":\"" U("clusters:117:resourcegroups:900") "\",*" },
    { "PUT", C117 "/resourcegroups/3", "{\"name\":\"h\"}", OP_GROUP_UPDATE, 3, "*" },
    { "DELETE", C117 "/resourcegroups/3", NULL, OP_GROUP_DELETE, 3, "*" },
    { "POST", FAKE_S "/hosts", "{\"name\":\"h\",\"ip\":\"10.0.0.9\"}", OP_HOST_ADD, 0,
      "{\"urn\":\"" U("hosts:900") "\",*" },
    { "PUT", H112, "{\"name\":\"renamed\"}", OP_HOST_UPDATE, 112,
      "{\"taskUrn\":\"" U("tasks:1207") "\",\"taskUri\":\"" FAKE_S "/tasks/1207\"}" },
    { "DELETE", H112 "?isForce=1", NULL, OP_HOST_DELETE, 112, "*" },
    { "POST", H112 "/action/enterMaintenanceMode", NULL, OP_HOST_ENTER_MAINT, 112, "{}" },
    { "POST", H112 "/action/enterMaintenanceMode", "{\"drain\":true}", OP_HOST_EVACUATE, 112,
      "{\"taskUrn\":*" },
    { "POST", H112 "/action/enterMaintenanceMode?drain=true", NULL, OP_HOST_EVACUATE, 112,
      "{\"taskUrn\":*" },
    { "POST", H112 "/action/exitMaintenanceMode", "null", OP_HOST_EXIT_MAINT, 112, "{}" },
    { "POST", H112 "/action/poweron", NULL, OP_HOST_POWER_ON, 112, "{\"taskUrn\":*" },
    { "POST", H112 "/action/poweroff", NULL, OP_HOST_POWER_OFF, 112, "{\"taskUrn\":*" },
    { "POST", H112 "/action/reboot", NULL, OP_HOST_REBOOT, 112, "{\"taskUrn\":*" },
    { "POST", H112 "/action/reboot", "{\"mode\":\"safe\"}", OP_HOST_REBOOT, 112, "{\"taskUrn\":*" },
    { "POST", H112 "/action/poweroff", "{\"mode\":\"force\"}", OP_HOST_POWER_OFF, 112,
      "{\"taskUrn\":*" },
    { "POST", H112 "/action/MigrateAllVms", NULL, OP_HOST_EVACUATE, 112, "{\"taskUrn\":*" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"disks\":[" DISK "]"), OP_VM_CREATE, 0,
      "{\"urn\":\"" U("vms:i-00000384") "\",\"uri\":\"" FAKE_S "/vms/i-00000384\",*" },
    { "POST", FAKE_S "/vms",
      VM_BODY(",\"usb\":[],\"gpu\":null,\"disks\":[" DISK_WITH(
          "\"type\":\"normal\",\"maxReadBytes\":0,\"maxWriteBytes\":\"0\"") "],"
                                                                            "\"properties\":{"
                                                                            "\"isEnableFt\":"
                                                                            "\"false\","
                                                                            "\"bootFirmware\":"
                                                                            "\"bios\"}"),
      OP_VM_CREATE, 0, "*" },
    { "PUT", VM37, "{\"description\":\"x\"}", OP_VM_UPDATE, 0x37, "*" },
    { "DELETE", VM37 "?isReserveDisks=true&isFormat=0&holdTime=3", NULL, OP_VM_DELETE, 0x37, "*" },
    { "POST", VM37 "/action/start", NULL, OP_VM_START, 0x37, "*" },
    { "POST", VM35 "/action/stop", NULL, OP_VM_STOP, 0x35, "*" },
    { "POST", VM35 "/action/reboot", "{\"mode\":\"force\"}", OP_VM_REBOOT, 0x35, "*" },
    { "POST", VM35 "/action/pause", "null", OP_VM_PAUSE, 0x35, "*" },
    { "POST", VM35 "/action/resume", "{}", OP_VM_RESUME, 0x35, "*" },
    { "POST", VM35 "/action/migrate", "{\"location\":\"" U("hosts:113") "\"}", OP_VM_MIGRATE, 0x35,
      "*" },
    { "POST", FAKE_S "/tasks/1207/cancel", "null", OP_TASK_CANCEL, 1207, "{}" },
    { "POST", C117 "/drsBalance/action/refresh", NULL, OP_DRS_REFRESH, 117, "{\"drsBalance\":0,*" },
    { "POST", C117 "/drsrecommendations/action/apply", NULL, OP_DRS_APPLY, 117, "*" },
    { "POST", C117 "/drsrecommendations/502/action/apply", NULL, OP_DRS_APPLY, 117, "*" },
    { "GET", C117 "/drsrecommendations/502", NULL, OP_DRS_LIST, 117,
      "{\"urn\":\"" U("clusters:117:drsrecommendations:502") "\",*" },
    { "PUT", H112, "{\"ip\":\"10.0.0.12\",\"clusterUrn\":\"" U("clusters:117") "\"}",
      OP_HOST_UPDATE, 112, "*" },
    { "GET", C117 "/dpm/status", NULL, OP_DPM_STATUS, 117, "{\"clusterUrn\":*" },
    { "POST", C117 "/dpm/action/refresh", NULL, OP_DPM_REFRESH, 117, "{\"clusterUrn\":*" },
    { "POST", H112 "/action/provewake", NULL, OP_HOST_PROVE_WAKE, 112, "{\"taskUrn\":*" },
    { "GET", C117 "/drsrecommendations/history?limit=5", NULL, OP_DRS_HISTORY, 117,
      "{\"total\":0,\"recommendations\":[]}" },
    { "GET", C117 "/imc/check", NULL, OP_IMC_CHECK, 117,
      "{\"clusterUrn\":\"" U(
          "clusters:117") "\",\"imcSetting\":\"Nehalem\",\"currentImcSetting\":\"Merom\","
                          "\"change\":\"raise\",\"possible\":false,"
                          "\"maxImcSetting\":\"Penryn\",\"text\":\"no\",\"hosts\":[{\"urn\":\"" U(
                              "hosts:112") "\",*" },
    { "GET", C117 "/imc/check?imcSetting=sandybridge", NULL, OP_IMC_CHECK, 117, "*" },
    { "POST", C117 "/imc/check", "{\"imcSetting\":\"Merom\"}", OP_IMC_CHECK, 117, "*" },
    { "GET", FAKE_S "/tasks?limit=10&status=success", NULL, OP_TASK_LIST, 0,
      "{\"total\":0,\"tasks\":[]}" },
    { "POST", C117 "/drsrules",
      "{\"ruleName\":\"r\",\"ruleType\":2,\"vmGroupUrn\":\"" U(
          "clusters:117:resourcegroups:3") "\",\"vms\":[\"" U("vms:i-00000036") "\"]}",
      OP_CLUSTER_UPDATE, 117, "{\"urn\":\"" U("clusters:117:drsrules:0") "\",*" },
    { "PUT", C117 "/drsrules/3", "{\"ruleName\":\"other\"}", OP_CLUSTER_UPDATE, 117, "*" },
    { "DELETE", C117 "/drsrules/3", NULL, OP_CLUSTER_UPDATE, 117, "*" },
    { "POST", FAKE_S "/alarms/activeAlarms", "{}", OP_ALARM_ACTIVE, 0,
      "{\"total\":0,\"itemSize\":0,\"pageno\":1,\"viewId\":0,\"updateFlag\":0,\"items\":[]}" },
    { "POST", FAKE_S "/alarms/historyAlarms", NULL, OP_ALARM_HISTORY, 0, "*" },
    { "POST", FAKE_S "/alarms/activeAlarms",
      "{\"MOC\":\"\",\"alarmId\":\"\",\"alarmName\":\"\",\"alarmLevel\":[\"1\",\"2\"],"
      "\"eventType\":"
      "[],\"occurStartTime\":\"\",\"occurStopTime\":\"\",\"objectType\":0,\"offset\":0,\"limit\":"
      "100,\"order\":[\"occurtime ASC\"],\"viewId\":0,\"clearStopTime\":\"0\"}",
      OP_ALARM_ACTIVE, 0, "*" },
    { "POST", FAKE_S "/alarms/historyAlarms",
      "{\"alarmLevel\":[1],\"objectType\":\"Hosts\",\"objectUrn\":\"" U("hosts:112") "\"}",
      OP_ALARM_HISTORY, 0, "*" },
    { "POST", FAKE_S "/alarms/events", "{}", OP_EVENT_LIST, 0,
      "{\"total\":0,\"itemSize\":0,\"pageno\":1,\"viewId\":0,\"updateFlag\":0,\"items\":[]}" },
    { "GET", FAKE_S "/events?scope=" U("vms:i-00000035"), NULL, OP_EVENT_LIST, 0, "*" },
    { "GET", FAKE_S "/events?eventName=VmStarted&name=web&severity=info", NULL, OP_EVENT_LIST, 0,
      "*" },
    { "GET", "/service/audit?user=ops", NULL, OP_AUDIT_LIST, 0, "{\"total\":0,\"items\":[]}" },
    { "GET", "/service/users", NULL, OP_USER_LIST, 0, "{\"total\":0,\"itemSize\":0,\"items\":[]}" },
    { "POST", "/service/users/password/modify",
      "{\"oldPassword\":\"a\",\"password\":\"longenough\"}", OP_PASSWORD_CHANGE, 7, "{}" },
    { "POST", FAKE_S "/datastores", "{\"name\":\"d\",\"path\":\"/srv/d\"}", OP_DATASTORE_CREATE, 0,
      "{\"urn\":\"" U("datastores:900") "\",*" },
    { "DELETE", FAKE_S "/datastores/1", NULL, OP_DATASTORE_DELETE, 1, "*" },
};

START_TEST(a_good_body_becomes_its_operation)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *begin = g_strdup(good[_i].answer);
    bool whole = !g_str_has_suffix(begin, "*");

    fake_init(&fake);
    reply = fake_ok(&fake, good[_i].method, good[_i].url, good[_i].body);
    ck_assert(fake.last != NULL);
    ck_assert_str_eq(op_kind_name(fake.last->kind), op_kind_name(good[_i].kind));
    ck_assert_int_eq(fake.last->id, good[_i].id);
    ck_assert_str_eq(fake.last->user, "ops");
    ck_assert_int_eq(fake.last->user_id, 7);
    ck_assert_str_eq(fake.last->address, "10.9.9.9");
    ck_assert(fake.last->request_id[0]);
    if (whole) {
        ck_assert_str_eq(reply.text, begin);
    } else {
        begin[strlen(begin) - 1] = '\0';
        ck_assert_msg(g_str_has_prefix(reply.text, begin), "%s", reply.text);
    }
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

#define RULE(text) "{\"drsSetting\":{\"drsRules\":[{" text "}]}}"
#define DRS(text)  "{\"drsSetting\":{" text "}}"
#define CPU(text)  "{\"cpu\":{" text "}}"

static const struct {
    const char *method, *url, *body;
    const char *code, *field; /* field NULL: not looked at */
} bad[] = {
    { "PUT", C117, "[]", "10000001", NULL },
    { "PUT", C117, "{\"name\":1}", "10000012", "name" },
    { "PUT", C117, "{\"name\":\"\"}", "10000012", "name" },
    { "PUT", C117, "{\"name\":\"  \"}", "10000012", "name" },
    { "PUT", C117, "{\"isEnableDrs\":\"maybe\"}", "10000001", "isEnableDrs" },
    { "PUT", C117, DRS("\"drsLevel\":2"), "10300123", "drsSetting.drsLevel" },
    { "PUT", C117, DRS("\"drsLevel\":1.0"), "10300123", "drsSetting.drsLevel" },
    { "PUT", C117, DRS("\"factor\":4"), "10300214", "drsSetting.factor" },
    { "PUT", C117, DRS("\"drsFragmentLimen\":[{\"fragmentTime\":24,\"limen\":5}]"), "10300216",
      NULL },
    { "PUT", C117, DRS("\"drsFragmentLimen\":[{\"fragmentTime\":3,\"limen\":10}]"), "10300124",
      NULL },
    { "PUT", C117, DRS("\"drsFragmentLimen\":[{\"limen\":1}]"), "10300216", NULL },
    { "PUT", C117,
      DRS("\"drsFragmentLimen\":[{\"fragmentTime\":3,\"limen\":5},{\"fragmentTime\":3,\"limen\":7}"
          "]"),
      "10300216", "drsSetting.drsFragmentLimen[1].fragmentTime" },
    { "PUT", C117, DRS("\"drsLevl\":3"), "10000001", "drsSetting.drsLevl" },
    { "PUT", C117, "{\"haResSetting\":{\"isControlPolcy\":true}}", "10000001",
      "haResSetting.isControlPolcy" },
    { "PUT", C117, "{\"haResSetting\":{\"isControlPolicy\":true,\"controlPolicy\":2}}", "10300520",
      "haResSetting.failoverHosts" },
    { "PUT", C117,
      "{\"haResSetting\":{\"isControlPolicy\":true,\"controlPolicy\":2,\"failoverHosts\":[\"" U(
          "hosts:112") "\",\"" U("hosts:113") "\"]}}",
      "10300520", "haResSetting.failoverHosts" },
    { "POST", C117 "/drsrules", "{\"ruleName\":\"r\",\"ruleType\":2,\"strengt_\":\"should\"}",
      "10000001", "strengt_" },
    { "POST", C117 "/drsrules", "{\"ruleName\":\"r\",\"ruleType\":2,\"vm2HostRuleType\":2}",
      "10300125", "vm2HostRuleType" },
    { "POST", C117 "/drsrules",
      "{\"ruleName\":\"r\",\"ruleType\":2,\"vms\":[\"" U("vms:i-000000FF") "\"]}", "10300129",
      "vms" },
    { "PUT", C117 "/drsrules/3", "{\"ruleIndex\":4}", "10300130", "ruleIndex" },
    { "POST", C117 "/drsrecommendations/action/apply", "{\"bogus\":[]}", "10000001", "bogus" },
    { "PUT", H112, "{\"ip\":\"10.1.1.1\"}", "10200107", "ip" },
    { "PUT", H112, "{\"clusterUrn\":\"" U("clusters:118") "\"}", "10200116", "clusterUrn" },
    { "GET", FAKE_S "/events?eventNam=x", NULL, "10000001", "eventNam" },
    { "GET", FAKE_S "/events?startTime=1", NULL, "10000001", "startTime" },
    { "GET", "/service/audit?usr=x", NULL, "10000001", "usr" },
    { "PUT", C117, DRS("\"drsCycle\":{\"cycleType\":4}"), "10300216", NULL },
    { "PUT", C117, DRS("\"drsCycle\":{\"cycleType\":2,\"cycleSpec\":[8]}"), "10300216", NULL },
    { "PUT", C117, DRS("\"drsCycle\":{\"cycleType\":2,\"cycleSpec\":[]}"), "10300216", NULL },
    { "PUT", C117, DRS("\"drsThreshold\":{\"cpu\":101}"), "10300124", NULL },
    { "PUT", C117, DRS("\"powerLevel\":3"), "10300123", NULL },
    { "PUT", C117, DRS("\"electricStrategy\":2"), "10300123", NULL },
    { "PUT", C117, RULE("\"operationType\":3"), "10300127", NULL },
    { "PUT", C117, RULE("\"operationType\":2,\"ruleType\":1"), "10300126", NULL },
    { "PUT", C117, RULE("\"operationType\":2,\"ruleName\":\"x\""), "10300125", NULL },
    { "PUT", C117, RULE("\"operationType\":2,\"ruleName\":\"x\",\"ruleType\":4"), "10300125",
      NULL },
    { "PUT", C117, RULE("\"operationType\":2,\"ruleName\":\"a:b\",\"ruleType\":1"), "10300126",
      NULL },
    { "PUT", C117,
      RULE("\"operationType\":2,\"ruleName\":\"x\",\"ruleType\":3,\"vm2HostRuleType\":5"),
      "10300125", NULL },
    { "PUT", C117, RULE("\"ruleName\":\"x\",\"ruleType\":3"), "10300125",
      "drsSetting.drsRules[0].hostGroupUrn" },
    { "PUT", C117,
      RULE("\"ruleName\":\"x\",\"ruleType\":3,\"hostGroupUrn\":\"" U(
          "clusters:117:resourcegroups:4") "\""),
      "10300125", "drsSetting.drsRules[0].vmGroupUrn" },
    { "PUT", C117, RULE("\"ruleIndex\":3,\"ruleType\":3"), "10300125",
      "drsSetting.drsRules[0].hostGroupUrn" },
    { "POST", FAKE_S "/clusters",
      "{\"name\":\"x\",\"haResSetting\":{\"failoverHosts\":[\"" U("hosts:114") "\"]}}", "10300205",
      "haResSetting.failoverHosts" },
    { "POST", FAKE_S "/clusters",
      "{\"name\":\"x\",\"drsSetting\":{\"drsRules\":[{\"ruleName\":\"r\",\"ruleType\":2,"
      "\"vms\":[{\"urn\":\"" U("vms:i-00000035") "\"}]}]}}",
      "10300129", NULL },
    { "PUT", C117, "{\"isEnableImc\":\"maybe\"}", "10300601", "isEnableImc" },
    { "GET", C117 "/imc/check?imcSetting=386", NULL, "10300600", "imcSetting" },
    { "POST", C117 "/imc/check", "{\"imcSetting\":\"386\"}", "10300600", "imcSetting" },
    { "POST", C117 "/imc/check", "{\"imcSetting\":7}", "10300600", "imcSetting" },
    { "PUT", C117, "{\"imcSetting\":\"Pentium\"}", "10300600", "imcSetting" },
    { "PUT", C117, "{\"isEnableImc\":true}", "10300600", "imcSetting" },
    { "PUT", C117, "{\"isEnableImc\":true,\"imcSetting\":\"\"}", "10300600", "imcSetting" },
    { "POST", FAKE_S "/clusters", "{\"name\":\"x\",\"imcSetting\":\"386\"}", "10300600",
      "imcSetting" },
    { "PUT", C117, "{\"name\":\"a\",\"NAME\":\"b\"}", "10000001", "NAME" },
    { "PUT", C117, DRS("\"factor\":1,\"Factor\":2"), "10000001", "drsSetting.Factor" },
    { "PUT", C117, RULE("\"vms\":[],\"ruleName\":\"x\",\"rulename\":\"y\""), "10000001",
      "drsSetting.drsRules[0].rulename" },
    { "PUT", C117, RULE("\"operationType\":1,\"ruleIndex\":9"), "10300130",
      "drsSetting.drsRules[0].ruleIndex" },
    { "PUT", C117, RULE("\"operationType\":0"), "10300130", NULL },
    { "PUT", FAKE_S "/clusters/118", RULE("\"operationType\":0,\"ruleIndex\":3"), "10300130",
      NULL },
    { "PUT", C117, RULE("\"ruleIndex\":3,\"vms\":[{\"urn\":\"" U("vms:i-000000FF") "\"}]"),
      "10300129", NULL },
    { "PUT", C117, RULE("\"ruleIndex\":3,\"vms\":[{\"urn\":\"" U("hosts:112") "\"}]"), "10300129",
      NULL },
    { "PUT", C117, RULE("\"ruleIndex\":3,\"vms\":[{}]"), "10300129", NULL },
    { "PUT", C117,
      RULE("\"ruleIndex\":3,\"vmGroupUrn\":\"" U("clusters:117:resourcegroups:4") "\""), "10000008",
      NULL },
    { "PUT", C117, "{\"drsVmConfig\":[{\"vmUrn\":\"" U("vms:i-00000035") "\",\"behavior\":2}]}",
      "10300123", NULL },
    { "PUT", C117, "{\"drsVmConfig\":[{\"behavior\":1}]}", "10300129", NULL },
    { "PUT", C117, "{\"drsVmConfig\":[{\"vmUrn\":\"" U("vms:i-00000035") "\",\"behaviour\":3}]}",
      "10000001", "drsVmConfig[0].behaviour" },
    { "PUT", C117, DRS("\"drsThreshold\":{\"mem\":5}"), "10000001", "drsSetting.drsThreshold.mem" },
    { "PUT", C117, DRS("\"drsFragmentLimen\":[{\"fragmentTime\":1,\"limit\":3}]"), "10000001",
      "drsSetting.drsFragmentLimen[0].limit" },
    { "PUT", C117, DRS("\"powerFragmentLimen\":[{\"hour\":1,\"limen\":3}]"), "10000001",
      "drsSetting.powerFragmentLimen[0].hour" },
    { "PUT", C117, "{\"haResSetting\":{\"cpuReservation\":51}}", "10300520",
      "haResSetting.cpuReservation" },
    { "PUT", C117, "{\"haResSetting\":{\"failoverHosts\":[\"" U("hosts:114") "\"]}}", "10300205",
      NULL },
    { "PUT", C117, "{\"resStrategy\":\"best\"}", "10000001", "resStrategy" },
    { "POST", FAKE_S "/clusters", "{}", "10000012", "name" },
    { "POST", C117 "/resourcegroups", "{}", "10000012", "name" },
    { "POST", C117 "/resourcegroups", "{\"name\":\"x\",\"type\":2}", "10000001", "type" },
    { "POST", C117 "/resourcegroups",
      "{\"name\":\"x\",\"type\":1,\"groupMembers\":[{\"urn\":\"" U("hosts:114") "\"}]}", "10300205",
      NULL },
    { "PUT", C117 "/resourcegroups/3",
      "{\"groupMembers\":[{\"urn\":\"" U("vms:i-000000FF") "\",\"operationType\":1}]}", "10300129",
      NULL },
    { "POST", FAKE_S "/hosts", "{\"ip\":\"10.0.0.9\"}", "10200103", "name" },
    { "POST", FAKE_S "/hosts", "{\"name\":\"h\"}", "10200107", "ip" },
    { "POST", FAKE_S "/hosts", "{\"name\":\"h\",\"ip\":\"10.0.0\"}", "10200107", "ip" },
    { "POST", FAKE_S "/hosts", "{\"name\":\"h\",\"ip\":\"\"}", "10200107", "ip" },
    { "POST", FAKE_S "/hosts", "{\"name\":\"h\",\"ip\":\"::1\",\"port\":0}", "10000001", "port" },
    { "POST", FAKE_S "/hosts",
      "{\"name\":\"h\",\"ip\":\"::1\",\"clusterUrn\":\"" U("clusters:9") "\"}", "10200116",
      "clusterUrn" },
    { "PUT", H112, "{\"bmcIp\":\"x\"}", "10200107", "bmcIp" },
    { "DELETE", H112 "?isForce=yes", NULL, "10000001", "isForce" },
    { "POST", FAKE_S "/vms", "{}", "10300002", "name" },
    { "POST", FAKE_S "/vms", "{\"name\":\"x\"}", "10300067", "location" },
    { "POST", FAKE_S "/vms", "{\"name\":5}", "10000012", "name" }, /* wrong before absent */
    { "POST", FAKE_S "/vms", "{\"name\":\"x\",\"location\":5}", "10300067", "location" },
    { "POST", FAKE_S "/vms", "{\"autoBoot\":5}", "10000001", "autoBoot" },
    { "PUT", VM37, "{\"autoBoot\":5}", "10000001", "autoBoot" },
    { "POST", FAKE_S "/vms", "{\"name\":\"x\",\"location\":\"" U("clusters:117") "\"}", "10300003",
      NULL },
    { "POST", FAKE_S "/vms", VM_BODY(",\"disks\":[{}]"), "10410006",
      "vmConfig.disks[0].datastoreUrn" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"disks\":[{\"datastoreUrn\":\"" U("datastores:1") "\"}]"),
      "10000001", "vmConfig.disks[0].quantityGB" },
    { "POST", FAKE_S "/vms",
      VM_BODY(",\"disks\":[{\"datastoreUrn\":\"" U("datastores:1") "\",\"quantityGB\":1.5}]"),
      "10000001", "vmConfig.disks[0].quantityGB" },
    { "POST", FAKE_S "/vms",
      VM_BODY(",\"disks\":[" DISK "," DISK
              ",{\"sequenceNum\":1,\"quantityGB\":1,\"datastoreUrn\":\"" U("datastores:1") "\"}]"),
      "10000001", "vmConfig.disks[2].sequenceNum" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"nics\":[{\"mac\":\"01:00:00:00:00:01\"}]"), "10000001",
      "vmConfig.nics[0].mac" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"nics\":[{\"mac\":\"zz\"}]"), "10000001",
      "vmConfig.nics[0].mac" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"nics\":[{\"sequenceNum\":1},{\"sequenceNum\":1}]"),
      "10000001", "vmConfig.nics[1].sequenceNum" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"disks\":[" DISK_WITH("\"persistentDisk\":false") "]"),
      "10000001", "vmConfig.disks[0].persistentDisk" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"disks\":[" DISK_WITH("\"type\":\"share\"") "]"),
      "10000001", "vmConfig.disks[0].type" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"disks\":[" DISK_WITH("\"maxReadBytes\":1024") "]"),
      "10000001", "vmConfig.disks[0].maxReadBytes" },
    { "POST", FAKE_S "/vms",
      VM_BODY(",\"disks\":[" DISK_WITH(IDE) "," DISK_WITH(IDE) "," DISK_WITH(IDE) "," DISK_WITH(
          IDE) "," DISK_WITH(IDE) "]"),
      "10000001", "vmConfig.disks[4].pciType" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"usb\":[{}]"), "10000001", "vmConfig.usb" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"gpu\":[1]"), "10000001", "vmConfig.gpu[0]" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"gpu\":[{}]"), "10000001", "vmConfig.gpu[0].name" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"gpu\":[{\"name\":\"a b\"}]"), "10000001",
      "vmConfig.gpu[0].name" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"gpu\":[{\"name\":\"t4\",\"quantity\":0}]"), "10000001",
      "vmConfig.gpu[0].quantity" },
    { "POST", FAKE_S "/vms",
      VM_BODY(",\"gpu\":[{\"name\":\"t4\",\"quantity\":1000},{\"name\":\"t4\",\"quantity\":25}]"),
      "10000001", "vmConfig.gpu[1].quantity" },
    { "PUT", C117, "{\"vcpusPerThread\":1025}", "10000001", "vcpusPerThread" },
    { "PUT", C117,
      "{\"drsSetting\":{\"drsRules\":[{\"ruleName\":\"r\",\"ruleType\":1,\"faultDomain\":"
      "\"rack\"}]}}",
      "10300125", "drsSetting.drsRules[0].faultDomain" },
    { "PUT", C117,
      "{\"drsSetting\":{\"drsRules\":[{\"ruleName\":\"r\",\"ruleType\":2,\"faultDomain\":"
      "\"row\"}]}}",
      "10300125", "drsSetting.drsRules[0].faultDomain" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"properties\":{\"isEnableFt\":true}"), "10000001",
      "vmConfig.properties.isEnableFt" },
    { "PUT", VM37, "{\"properties\":{\"bootFirmware\":\"UEFI\"}}", "10000001",
      "properties.bootFirmware" },
    { "PUT", VM37, CPU("\"affinitySet\":[0,1]"), "10000001", "cpu.affinitySet" },
    { "POST", FAKE_S "/vms", VM_BODY(",\"nics\":5"), "10000001", "vmConfig.nics" },
    { "PUT", VM37, CPU("\"quantity\":0"), "10300003", "cpu.quantity" },
    { "PUT", VM37, CPU("\"quantity\":256"), "10300003", "cpu.quantity" },
    { "PUT", VM37, CPU("\"quantity\":4,\"coresPerSocket\":3"), "10300003", "cpu.coresPerSocket" },
    { "PUT", VM37, CPU("\"weight\":-1"), "10300004", "cpu.weight" },
    { "PUT", VM37, CPU("\"reservation\":2000,\"limit\":1000"), "10300005", "cpu.limit" },
    { "PUT", VM37, CPU("\"reservation\":\"many\""), "10300043", "cpu.reservation" },
    { "PUT", VM37, "{\"memory\":{\"quantityMB\":8}}", "10300006", "memory.quantityMB" },
    { "PUT", VM37, "{\"memory\":{\"reservation\":2048}}", "10300044", "memory.reservation" },
    { "PUT", VM37, "{\"properties\":{\"bootOption\":\"floppy\"}}", "10000001",
      "properties.bootOption" },
    { "PUT", VM37, "{\"location\":\"" U("clusters:9") "\"}", "10300028", "location" },
    { "PUT", VM37, "{\"location\":\"" U("hosts:9") "\"}", "10300027", "location" },
    { "PUT", VM37, "{\"location\":\"" U("hosts:114") "\"}", "10200131", "location" },
    { "PUT", VM37, "{\"location\":\"somewhere\"}", "10300067", "location" },
    { "POST", VM35 "/action/stop", "{\"mode\":\"soft\"}", "10000001", "mode" },
    { "POST", VM35 "/action/migrate", "{\"location\":\"" U("hosts:9") "\"}", "10300027",
      "location" },
    { "POST", VM35 "/action/migrate", "{\"location\":\"" U("vms:i-00000035") "\"}", "10300067",
      "location" },
    { "DELETE", VM37 "?isReserveDisks=perhaps", NULL, "10000001", "isReserveDisks" },
    { "PUT", C117, "{\"drsSetting\":{\"dpmThresholds\":[{\"limen\":10}]}}", "10300223",
      "drsSetting.dpmThresholds[0].limen" },
    { "PUT", C117,
      "{\"drsSetting\":{\"dpmThresholds\":[{\"underloadThreshold\":10,"
      "\"overloadThreshold\":20}]}}",
      "10300223", "drsSetting.dpmThresholds[0].limen" },
    { "PUT", C117,
      "{\"drsSetting\":{\"dpmThresholds\":[{\"limen\":5,\"underloadThreshold\":50,"
      "\"overloadThreshold\":50}]}}",
      "10300223", "drsSetting.dpmThresholds[0].overloadThreshold" },
    { "PUT", C117,
      "{\"drsSetting\":{\"dpmThresholds\":[{\"limen\":5,\"underloadThreshold\":50,"
      "\"overloadThreshold\":101}]}}",
      "10300223", "drsSetting.dpmThresholds[0].overloadThreshold" },
    { "POST", C117 "/drsrecommendations/action/apply", "{\"recommendations\":[]}", "10000001",
      NULL },
    { "POST", C117 "/drsrecommendations/action/apply", "{\"recommendations\":[{\"urn\":\"x\"}]}",
      "10000001", NULL },
    { "POST", H112 "/action/enterMaintenanceMode?dry_run=true", NULL, "10000001", "dry_run" },
    { "POST", H112 "/action/enterMaintenanceMode", "{\"drian\":true}", "10000001", "drian" },
    { "POST", H112 "/action/enterMaintenanceMode", "{\"dryRun\":2}", "10000001", "dryRun" },
    { "POST", H112 "/action/MigrateAllVms?drain=true", NULL, "10000001", "drain" },
    { "POST", H112 "/action/MigrateAllVms", "{\"dry_run\":true}", "10000001", "dry_run" },
    { "POST", H112 "/action/MigrateAllVms", "{\"dryRun\":\"maybe\"}", "10000001", "dryRun" },
    { "POST", H112 "/action/exitMaintenanceMode", "{\"dryRun\":true}", "10000001", "dryRun" },
    { "POST", H112 "/action/exitMaintenanceMode?dryrun=true", "{}", "10000001", "dryRun" },
    { "GET", FAKE_S "/vms?limit=-1", NULL, "10000013", "limit" },
    { "GET", FAKE_S "/vms?offset=x", NULL, "10000016", "offset" },
    { "GET", "/service/sites?offset=x", NULL, "10000016", "offset" },
    { "GET", "/service/roles/list?offset=x", NULL, "10000016", "offset" },
    { "GET", FAKE_S "/clusters?offset=x", NULL, "10000016", "offset" },
    { "GET", FAKE_S "/hosts?offset=-1", NULL, "10000016", "offset" },
    { "GET", FAKE_S "/alarms/kinds?offset=x", NULL, "10000016", "offset" },
    { "GET", FAKE_S "/datastores?offset=x", NULL, "10000016", "offset" },
    { "GET", C117 "/resourcegroups?offset=x", NULL, "10000016", "offset" },
    { "GET", C117 "/drsrules?offset=x", NULL, "10000016", "offset" },
    { "GET", C117 "/drsrecommendations?offset=x", NULL, "10000016", "offset" },
    { "GET", C117 "/drsrecommendations/history?offset=x", NULL, "10000016", "offset" },
    { "GET", C117 "/action/getVmDRS?offset=x", NULL, "10000016", "offset" },
    { "GET", FAKE_S "/tasks?offset=x", NULL, "10000016", "offset" },
    { "GET", FAKE_S "/events?offset=x", NULL, "10000016", "offset" },
    { "GET", "/service/users?offset=x", NULL, "10000016", "offset" },
    { "GET", "/service/audit?offset=x", NULL, "10000016", "offset" },
    { "GET", FAKE_S "/vms?scope=x", NULL, "10000001", "scope" },
    { "GET", FAKE_S "/vms?vmurns=x", NULL, "10000001", "vmurns" },
    { "GET", FAKE_S "/vms?detail=3", NULL, "10000001", "detail" },
    { "GET", FAKE_S "/tasks?status=done", NULL, "10000001", "status" },
    { "GET", FAKE_S "/tasks?startTime=tomorrow", NULL, "10000001", "startTime" },
    { "POST", C117 "/drsrules", "{}", "10300126", "ruleName" },
    { "POST", C117 "/drsrules", "{\"ruleName\":\"r\"}", "10300125", "ruleType" },
    { "POST", C117 "/drsrules", "{\"ruleName\":\"r\",\"ruleType\":4}", "10300125", "ruleType" },
    { "POST", C117 "/drsrules",
      "{\"ruleName\":\"r\",\"ruleType\":1,\"hostGroupUrn\":\"" U(
          "clusters:117:resourcegroups:4") "\"}",
      "10300125", "hostGroupUrn" },
    { "PUT", C117 "/drsrules/99", "{}", "10300130", NULL },
    { "DELETE", C117 "/drsrules/x", NULL, "10300130", NULL },
    { "POST", FAKE_S "/alarms/activeAlarms", "{\"limit\":-2}", "10000013", "limit" },
    { "POST", FAKE_S "/alarms/activeAlarms", "{\"offset\":\"x\"}", "10000016", "offset" },
    { "POST", FAKE_S "/alarms/activeAlarms", "{\"alarmLevel\":[\"5\"]}", "10000001", "alarmLevel" },
    { "POST", FAKE_S "/alarms/activeAlarms", "{\"alarmLevel\":{}}", "10000001", "alarmLevel" },
    { "POST", FAKE_S "/alarms/historyAlarms", "{\"eventType\":[\"x\"]}", "10000001", "eventType" },
    { "POST", FAKE_S "/alarms/historyAlarms", "{\"occurStartTime\":\"soon\"}", "10000001",
      "occurStartTime" },
    { "POST", FAKE_S "/alarms/historyAlarms", "{\"clearStopTime\":\"soon\"}", "10000001",
      "clearStopTime" },
    { "POST", FAKE_S "/alarms/activeAlarms", "{\"objectType\":\"planets\"}", "10000001",
      "objectType" },
    { "POST", FAKE_S "/alarms/activeAlarms", "{\"objectUrn\":\"x\"}", "10000001", "objectUrn" },
    { "POST", FAKE_S "/alarms/activeAlarms", "{\"order\":[\"colour\"]}", "10000001", "order" },
    { "POST", FAKE_S "/alarms/events", "{\"limit\":-2}", "10000013", "limit" },
    { "POST", FAKE_S "/alarms/events", "{\"occurStartTime\":\"soon\"}", "10000001",
      "occurStartTime" },
    { "POST", "/service/users/password/modify", "{\"password\":\"short\"}", "10000001",
      "password" },
    { "POST", FAKE_S "/datastores", "{\"path\":\"/x\"}", "10000012", "name" },
    { "POST", FAKE_S "/datastores", "{\"name\":\"d\",\"path\":\"relative\"}", "10000001", "path" },
    { "POST", FAKE_S "/datastores", "{\"name\":\"d\",\"path\":\"/a/../b\"}", "10000001", "path" },
    { "POST", FAKE_S "/datastores", "{\"name\":\"d\",\"path\":\"//\"}", "10000001", "path" },
};

START_TEST(a_bad_field_is_named_and_nothing_reaches_the_controller)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, bad[_i].method, bad[_i].url, token, NULL, bad[_i].body);
    ck_assert_msg(reply.status == 400, "%s %s %s: %d %s", bad[_i].method, bad[_i].url, bad[_i].body,
                  reply.status, reply.text);
    ck_assert_msg(g_str_equal(fake_str(reply.json, "errorCode"), bad[_i].code), "%s: %s",
                  bad[_i].body, reply.text);
    if (bad[_i].field)
        ck_assert_msg(
            g_strcmp0(json_string_value(json_object_get(reply.json, "field")), bad[_i].field) == 0,
            "%s", reply.text);
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static const char *const bad_sizes[] = { "-1", "0", "65537" };

START_TEST(every_bad_size_names_the_same_range)
{
    struct fake fake;
    g_autofree char *token = NULL;
    g_autofree char *body = g_strdup_printf(
        VM_BODY(",\"disks\":[{\"datastoreUrn\":\"" U("datastores:1") "\",\"quantityGB\":%s}]"),
        bad_sizes[_i]);
    g_autofree char *want =
        g_strdup_printf("quantityGB = %s: want an integer 1..65536", bad_sizes[_i]);
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, "POST", FAKE_S "/vms", token, NULL, body);
    ck_assert_msg(strstr(reply.text, want), "%s", reply.text);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

SUITE_MAIN("api_put", SUITE_LOOP(a_good_body_becomes_its_operation, good),
           SUITE_LOOP(a_bad_field_is_named_and_nothing_reaches_the_controller, bad),
           SUITE_LOOP(every_bad_size_names_the_same_range, bad_sizes))
