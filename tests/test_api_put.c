/* test_api_put.c - from request bodies to operations: what is taken, what is refused and how. */
#include "config.h"

#include "base/err.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

#define C117            FAKE_S "/clusters/117"
#define VM35            FAKE_S "/vms/i-00000035"
#define VM37            FAKE_S "/vms/i-00000037"
#define HOST            FAKE_S "/hosts/112"
#define U(kind)         FAKE_URN ":" kind
#define DISK            "{\"datastoreUrn\":\"" U("datastores:1") "\",\"quantityGB\":10}"
#define IDE             "\"pciType\":\"IDE\""
#define DISK_WITH(more) "{\"datastoreUrn\":\"" U("datastores:1") "\",\"quantityGB\":10," more "}"
#define HARDWARE        "\"cpu\":{\"quantity\":2},\"memory\":{\"quantityMB\":512}"
#define VM_BODY(more)                                                                              \
    "{\"name\":\"new\",\"location\":\"" U("clusters:117") "\",\"vmConfig\":{" HARDWARE more "}}"

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
    { "PUT", HOST, "{\"name\":\"renamed\"}", OP_HOST_UPDATE, 112,
      "{\"taskUrn\":\"" U("tasks:1207") "\",\"taskUri\":\"" FAKE_S "/tasks/1207\"}" },
    { "DELETE", HOST "?isForce=1", NULL, OP_HOST_DELETE, 112, "*" },
    { "POST", HOST "/action/enterMaintenanceMode", NULL, OP_HOST_ENTER_MAINT, 112, "{}" },
    { "POST", HOST "/action/enterMaintenanceMode", "{\"drain\":true}", OP_HOST_EVACUATE, 112,
      "{\"taskUrn\":*" },
    { "POST", HOST "/action/enterMaintenanceMode?drain=true", NULL, OP_HOST_EVACUATE, 112,
      "{\"taskUrn\":*" },
    { "POST", HOST "/action/exitMaintenanceMode", "null", OP_HOST_EXIT_MAINT, 112, "{}" },
    { "POST", HOST "/action/poweron", NULL, OP_HOST_POWER_ON, 112, "{\"taskUrn\":*" },
    { "POST", HOST "/action/poweroff", NULL, OP_HOST_POWER_OFF, 112, "{\"taskUrn\":*" },
    { "POST", HOST "/action/poweroff", "{\"mode\":\"force\"}", OP_HOST_POWER_OFF, 112,
      "{\"taskUrn\":*" },
    { "POST", HOST "/action/MigrateAllVms", NULL, OP_HOST_EVACUATE, 112, "{\"taskUrn\":*" },
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
    { "PUT", HOST, "{\"ip\":\"10.0.0.12\",\"clusterUrn\":\"" U("clusters:117") "\"}",
      OP_HOST_UPDATE, 112, "*" },
    { "GET", C117 "/dpm/status", NULL, OP_DPM_STATUS, 117, "{\"clusterUrn\":*" },
    { "POST", C117 "/dpm/action/refresh", NULL, OP_DPM_REFRESH, 117, "{\"clusterUrn\":*" },
    { "POST", HOST "/action/provewake", NULL, OP_HOST_PROVE_WAKE, 112, "{\"taskUrn\":*" },
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
    { "PUT", HOST, "{\"ip\":\"10.1.1.1\"}", "10200107", "ip" },
    { "PUT", HOST, "{\"clusterUrn\":\"" U("clusters:118") "\"}", "10200116", "clusterUrn" },
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
    { "PUT", HOST, "{\"bmcIp\":\"x\"}", "10200107", "bmcIp" },
    { "DELETE", HOST "?isForce=yes", NULL, "10000001", "isForce" },
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
    { "POST", HOST "/action/enterMaintenanceMode?dry_run=true", NULL, "10000001", "dry_run" },
    { "POST", HOST "/action/enterMaintenanceMode", "{\"drian\":true}", "10000001", "drian" },
    { "POST", HOST "/action/enterMaintenanceMode", "{\"dryRun\":2}", "10000001", "dryRun" },
    { "POST", HOST "/action/MigrateAllVms?drain=true", NULL, "10000001", "drain" },
    { "POST", HOST "/action/MigrateAllVms", "{\"dry_run\":true}", "10000001", "dry_run" },
    { "POST", HOST "/action/MigrateAllVms", "{\"dryRun\":\"maybe\"}", "10000001", "dryRun" },
    { "POST", HOST "/action/exitMaintenanceMode", "{\"dryRun\":true}", "10000001", "dryRun" },
    { "POST", HOST "/action/exitMaintenanceMode?dryrun=true", "{}", "10000001", "dryRun" },
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

/* ---- details of operations ------------------------------------------------------------------- */

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

static void put_ok(struct fake *fake, const char *path, const char *body)
{
    struct fake_reply reply = fake_ok(fake, "PUT", path, body);

    fake_reply_clear(&reply);
}

START_TEST(racks_devices_and_vcpu_limits_are_set_and_cleared)
{
    struct fake fake;

    fake_init(&fake);
    put_ok(&fake, HOST, "{\"rack\":\"row 1\"}");
    ck_assert_str_eq(fake.last->host->rack, "row 1");
    put_ok(&fake, HOST, "{\"rack\":\"\"}");
    ck_assert_str_eq(fake.last->host->rack, "");
    put_ok(&fake, C117, "{\"vcpusPerThread\":4}");
    ck_assert_int_eq(fake.last->cluster->vcpus_per_thread, 4);
    put_ok(&fake, VM37, "{\"gpu\":[{\"name\":\"mdev-a\",\"quantity\":2},{\"name\":\"gpu-t4\"}]}");
    ck_assert_str_eq(fake.last->vm->devices, "gpu-t4:1 mdev-a:2");
    put_ok(&fake, VM37, "{\"gpu\":[]}");
    ck_assert_str_eq(fake.last->vm->devices, "");
    put_ok(&fake, C117,
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
    reply = fake_ok(&fake, "DELETE", HOST "?isForce=1", NULL);
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
    reply = fake_ok(&fake, "PUT", HOST, "{\"ip\":\"2001:0DB8:0:0:0:0:0:C\"}");
    ck_assert_str_eq(fake.last->host->ip, "2001:db8::c");
    fake_reply_clear(&reply);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, "PUT", HOST, token, NULL, "{\"ip\":\"2001:db8::d\"}");
    ck_assert_int_eq(reply.status, 400);
    ck_assert_uint_eq(fake.n_ops, 1);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

SUITE_MAIN("api_put", SUITE_LOOP(a_good_body_becomes_its_operation, good),
           SUITE_LOOP(a_bad_field_is_named_and_nothing_reaches_the_controller, bad),
           SUITE_LOOP(every_bad_size_names_the_same_range, bad_sizes),
           SUITE_TEST(a_cluster_put_changes_what_it_names_and_keeps_the_rest),
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
