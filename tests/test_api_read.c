/* test_api_read.c - what clients read: fields, types, filters, pages. */
#include "config.h"

#include "base/err.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

/* Fields that clients' decoders need, with their type: s string, i integer, b boolean, a array,
 * o object. */
static const struct {
    const char *url;
    const char *fields; /* "path:type path:type ..." */
} shapes[] = {
    { "/service/versions", "versions:a versions.0.version:s versions.0.loginUri:s" },
    { "/service/sites",
      "total:i sites.0.urn:s sites.0.uri:s sites.0.name:s sites.0.ip:s sites.0.isDC:b "
      "sites.0.isSelf:b sites.0.status:s" },
    { FAKE_S, "urn:s uri:s name:s status:s" },
    { FAKE_S "/clusters", "clusters.0.urn:s clusters.0.uri:s clusters.0.name:s "
                          "clusters.0.description:s clusters.0.tag:s clusters.0.parentObjUrn:s "
                          "clusters.0.cpuResource.totalSizeMHz:i "
                          "clusters.0.memResource.allocatedSizeMB:i clusters.0.params:o "
                          "clusters.0.isEnableHa:b clusters.0.isEnableDrs:b" },
    { FAKE_S "/clusters/117",
      "urn:s name:s isMemOvercommit:b isEnableHa:b isEnableDrs:b isEnableImc:b imcSetting:s "
      "resStrategy:s haResSetting.isControlPolicy:b haResSetting.controlPolicy:i "
      "haResSetting.failoverHosts:a drsSetting.drsLevel:i drsSetting.drsFragmentLimen.23.limen:i "
      "drsSetting.drsCycle.cycleType:i drsSetting.drsCycle.cycleSpec:a "
      "drsSetting.drsRules.0.ruleIndex:i drsSetting.drsRules.0.ruleName:s "
      "drsSetting.drsRules.0.ruleState:s drsSetting.drsRules.0.ruleType:i "
      "drsSetting.drsRules.0.vms.0.urn:s "
      "drsSetting.drsRules.0.vms.1.name:s drsSetting.drsRules.0.createTime:s "
      "drsSetting.powerLevel:i drsSetting.powerFragmentLimen:a drsSetting.dpmCycle.cycleSpec:a "
      "drsSetting.factor:i drsSetting.electricStrategy:i drsExtensionConfig:a drsVmConfig:a "
      "enableVmDrs:b dsFaultStrategy:i statistics:s maxCpuQuantity:i params:o" },
    { FAKE_S "/clusters/118", "drsSetting.drsRules:a drsVmConfig:a" },
    { FAKE_S "/clusters/117/drsrules", "total:i drsRules.0.urn:s drsRules.0.ruleIndex:i "
                                       "drsRules.0.ruleState:s drsRules.0.stateReason:s" },
    { FAKE_S "/clusters/117/drsrules/3", "urn:s uri:s ruleIndex:i ruleName:s ruleState:s" },
    { FAKE_S "/clusters/117/computeresource", "cpuResource.totalSizeMHz:i "
                                              "cpuResource.allocatedVcpus:i "
                                              "memResource.totalSizeMB:i" },
    { FAKE_S "/clusters/117/allvmcomputeresource?isNeedAllocVcpus=true&detail=true",
      "cpuResource.totalVcpus:i detailCpuResource.allocatedVcpus.Stopped:i "
      "detailMemResource.allocatedSizeMB.Stopped:i" },
    { FAKE_S "/clusters/117/resourcegroups", "total:i groups.0.urn:s groups.0.name:s" },
    { FAKE_S "/clusters/117/resourcegroups/4", "resourcegroup.urn:s resourcegroup.type:i "
                                               "resourcegroup.groupMembers.0.urn:s" },
    { FAKE_S "/clusters/117/drsBalance", "drsBalance:i verdict:s" },
    { FAKE_S "/clusters/117/drsrecommendations",
      "recommendations.0.urn:s recommendations.0.uri:s recommendations.0.createTime:s "
      "recommendations.0.type:s recommendations.0.rating:i recommendations.1.dependences.0:s "
      "recommendations.0.reason:s recommendations.0.reasonText:s recommendations.0.gain:o "
      "recommendations.0.cost.durationMs:i recommendations.0.rejected:s "
      "recommendations.0.vmRecommendation.vmUrn:s "
      "recommendations.0.vmRecommendation.sourceHostUrn:s "
      "recommendations.0.vmRecommendation.destinationHostName:s" },
    { FAKE_S "/clusters/117/dpm/status",
      "clusterUrn:s powerLevel:i mode:s decided:b verdict:s updateTime:s load:r expectedLoad:r "
      "sleepBelow:r wakeAbove:r proofDays:i spareHosts:i watts:i asleepSeconds:i kWhSaved:r "
      "hosts.0.urn:s hosts.0.name:s hosts.0.state:s hosts.0.action:s hosts.0.reason:s "
      "hosts.0.wakeProvenTime:s hosts.0.wakeProven:b hosts.0.offSince:s hosts.0.asleepSeconds:i "
      "hosts.0.kWhSaved:r hosts.0.lastFailure:s hosts.0.retryTime:s hosts.0.taskUrn:s" },
    { FAKE_S "/clusters/117/action/getVmDRS", "total:i vms.0.urn:s vms.0.behavior:i" },
    { FAKE_S "/hosts", "total:i hosts.0.urn:s hosts.0.memQuantityMB:i hosts.0.params:o" },
    { FAKE_S "/hosts/112",
      "urn:s uri:s name:s description:s ip:s bmcIp:s bmcUserName:s clusterUrn:s clusterName:s "
      "status:s isMaintaining:b multiPathMode:s hostMultiPathMode:s vendor:s model:s "
      "memQuantityMB:i cpuQuantity:i cpuMHz:i nicQuantity:i attachedISOVMs:a "
      "computeResourceStatics:s ntpCycle:i physicalCpuQuantity:i gpuCapacity:i imcSetting:s "
      "networkMbps:i rack:s devices.0.name:s devices.1.type:s devices.0.quantity:i "
      "devices.0.used:i "
      "maxImcSetting:s cpuResource.totalSizeMHz:i memResource.allocatedSizeMB:i isFailOverHost:b "
      "haState:s haRole:s hostRealName:s cpuUsage:s memUsage:s params.realtimeUsedSizeMB:s" },
    { FAKE_S "/hosts/statistics", "total:i normal:i unknown:i fault:i" },
    { FAKE_S "/hosts/112/computeResourceStatics", "cpuResource:o memResource:o" },
    { FAKE_S "/vms", "total:i vms.0.urn:s vms.0.vmConfig:o" },
    { FAKE_S "/vms/i-00000035",
      "uri:s urn:s uuid:s name:s description:s group:s location:s locationName:s hostUrn:s "
      "hostName:s clusterUrn:s clusterName:s status:s pvDriverStatus:s toolInstallStatus:s "
      "cdRomStatus:s isTemplate:b isLinkClone:b isBindingHost:b createTime:s idle:i vmType:i "
      "dataStoreUrns.0:s params:o additionalStatus:a objectPrivs:a osOptions.osType:s "
      "osOptions.osVersion:i vncAcessInfo.hostIp:s vncAcessInfo.vncPort:i "
      "vmConfig.cpu.quantity:i vmConfig.cpu.weight:i vmConfig.memory.quantityMB:i "
      "vmConfig.disks.0.sequenceNum:i vmConfig.disks.0.quantityGB:i "
      "vmConfig.disks.0.datastoreUrn:s vmConfig.disks.0.volumeUrn:s vmConfig.disks.0.isThin:b "
      "vmConfig.nics.0.urn:s vmConfig.nics.0.mac:s vmConfig.nics.0.ip:s vmConfig.nics.0.ips6:a "
      "vmConfig.nics.0.virtIo:i vmConfig.usb:a vmConfig.gpu:a vmConfig.properties.isEnableHa:b" },
    { FAKE_S "/vms/statistics", "total:i running:i stopped:i fault:i hibernated:i" },
    { FAKE_S "/vms/osversions", "windows.0.id:i linux.0.versionDes:s other.0.supportMemHotPlug:b" },
    { FAKE_S "/tasks/1207",
      "urn:s uri:s type:s entityUrn:s entityName:s startTime:s finishTime:s user:s status:s "
      "progress:i reason:s reasonDes:s cancelable:b cancelled:b params.sourceHost:s" },
    { FAKE_S "/datastores",
      "total:i datastores.0.urn:s datastores.0.name:s datastores.0.status:s "
      "datastores.0.storageType:s datastores.0.capacityGB:i datastores.0.actualFreeSizeGB:i "
      "datastores.0.hosts.0:s datastores.0.suIdList:a datastores.0.storageUnits:a" },
    { FAKE_S "/datastores/1", "urn:s path:s" },
    { FAKE_S "/monitors/getSysCurrentTime", "result:s currentUtcTime:s zoneOffset:i" },
    { "/service/roles/list", "total:i items.0.roleName:s" },
    { "/service/roles/getRights", "items.0.rightId:s items.0.subitems:a" },
};

static char type_letter(const json_t *value)
{
    if (json_is_string(value))
        return 's';
    if (json_is_integer(value))
        return 'i';
    if (json_is_real(value))
        return 'r';
    if (json_is_boolean(value))
        return 'b';
    if (json_is_array(value))
        return 'a';
    return json_is_object(value) ? 'o' : '?';
}

START_TEST(fields_have_the_types_that_decoders_want)
{
    struct fake fake;
    struct fake_reply reply;
    g_auto(GStrv) fields = g_strsplit(shapes[_i].fields, " ", -1);

    fake_init(&fake);
    reply = fake_ok(&fake, "GET", shapes[_i].url, NULL);
    for (size_t i = 0; fields[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(fields[i], ":", 2);
        char letter = type_letter(fake_at(reply.json, parts[0]));

        ck_assert_msg(letter == parts[1][0], "%s: %s is of type %c", shapes[_i].url, fields[i],
                      letter);
    }
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

/* A list, how many it holds in all, and the names on the page. */
static const struct {
    const char *url, *key;
    int total;
    const char *names;
} lists[] = {
    { "/service/sites?limit=1", "sites", 1, "site" },
    { "/service/sites?offset=1", "sites", 1, "" },
    { FAKE_S "/clusters", "clusters", 2, "main empty" },
    { FAKE_S "/clusters?limit=1", "clusters", 2, "main" },
    { FAKE_S "/clusters?limit=1&offset=1", "clusters", 2, "empty" },
    { FAKE_S "/clusters?limit=5&offset=2", "clusters", 2, "" },
    { FAKE_S "/clusters?limit=1&name=MPTY", "clusters", 1, "empty" },
    { FAKE_S "/clusters?name=AIN", "clusters", 1, "main" },
    { FAKE_S "/clusters?tag=none", "clusters", 0, "" },
    { FAKE_S "/clusters?clusterUrns=" U("clusters:118"), "clusters", 1, "empty" },
    { FAKE_S "/clusters/117/resourcegroups?limit=1&offset=1", "groups", 2, "left" },
    { FAKE_S "/datastores?offset=1", "datastores", 1, "" },
    { FAKE_S "/hosts", "hosts", 3, "cna1 cna2 spare" },
    { FAKE_S "/hosts?limit=1&offset=1", "hosts", 3, "cna2" },
    { FAKE_S "/hosts?limit=100&offset=3", "hosts", 3, "" },
    { FAKE_S "/hosts?limit=100&offset=100", "hosts", 3, "" },
    { FAKE_S "/hosts?limit=0&offset=0", "hosts", 3, "cna1 cna2 spare" },
    { FAKE_S "/hosts?scope=" U("clusters:117"), "hosts", 2, "cna1 cna2" },
    { FAKE_S "/hosts?scope=default", "hosts", 1, "spare" },
    { FAKE_S "/hosts?scope=" FAKE_URN, "hosts", 3, "cna1 cna2 spare" },
    { FAKE_S "/hosts?name=cna&ip=10.0.0.13", "hosts", 1, "cna2" },
    { FAKE_S "/hosts?resourceGroupFlag=1", "hosts", 2, "cna2 spare" },
    { FAKE_S "/hosts?status=fault", "hosts", 0, "" },
    { FAKE_S "/vms", "vms", 4, "web1 web2 idle golden" },
    { FAKE_S "/vms?limit=1000", "vms", 4, "web1 web2 idle golden" },
    { FAKE_S "/vms?limit=2&offset=2", "vms", 4, "idle golden" },
    { FAKE_S "/vms?isTemplate=true", "vms", 1, "golden" },
    { FAKE_S "/vms?isTemplate=False", "vms", 3, "web1 web2 idle" },
    { FAKE_S "/vms?isTemplate=", "vms", 4, "web1 web2 idle golden" },
    { FAKE_S "/vms?pvDriverStatus=running", "vms", 1, "web1" },
    { FAKE_S "/vms?name=Web", "vms", 2, "web1 web2" },
    { FAKE_S "/vms?status=running", "vms", 2, "web1 web2" },
    { FAKE_S "/vms?scope=" U("hosts:112"), "vms", 1, "web1" },
    { FAKE_S "/vms?scope=" U("clusters:118"), "vms", 0, "" },
    { FAKE_S "/vms?scope=" U("datastores:1"), "vms", 4, "web1 web2 idle golden" },
    { FAKE_S "/vms?vmurns=" U("vms:i-00000035") "&vmurns=" U("vms:i-00000037"), "vms", 2,
      "web1 idle" },
    { FAKE_S "/vms?vmId=i-00000036", "vms", 1, "web2" },
    { FAKE_S "/vms?uuid=nope", "vms", 0, "" },
    { FAKE_S "/vms?ip=192.168.0.9&mac=28:6E:D4:00:00:01", "vms", 4, "web1 web2 idle golden" },
    { FAKE_S "/vms?mac=28:6E:D4:00:00:02", "vms", 0, "" },
    { FAKE_S "/vms?drsRuleIndex=3", "vms", 2, "web1 web2" },
    { FAKE_S "/vms?drsRuleIndex=9", "vms", 0, "" },
    { FAKE_S "/vms?resourceGroupFlag=1&isTemplate=false", "vms", 2, "web2 idle" },
    { FAKE_S "/vms?isBindingHost=true", "vms", 0, "" },
    { FAKE_S "/clusters/117/resourcegroups", "groups", 2, "webs left" },
    { FAKE_S "/clusters/117/resourcegroups?type=1&useType=0", "groups", 1, "left" },
    { FAKE_S "/clusters/118/resourcegroups", "groups", 0, "" },
    { FAKE_S "/clusters/117/action/getVmDRS?behavior=0&limit=1", "vms", 4, "web1" },
    { FAKE_S "/datastores?name=store&status=NORMAL&scope=" U("hosts:112"), "datastores", 1,
      "store" },
    { FAKE_S "/datastores?name=other", "datastores", 0, "" },
};

START_TEST(a_list_holds_what_was_asked_for)
{
    struct fake fake;
    struct fake_reply reply;
    g_autoptr(GString) names = g_string_new("");
    const json_t *array;

    fake_init(&fake);
    reply = fake_ok(&fake, "GET", lists[_i].url, NULL);
    array = json_object_get(reply.json, lists[_i].key);
    ck_assert_msg(json_is_array(array), "%s: %s", lists[_i].url, reply.text);
    for (size_t i = 0; i < json_array_size(array); i++)
        g_string_append_printf(names, "%s%s", i ? " " : "",
                               fake_str(json_array_get(array, i), "name"));
    ck_assert_msg(g_str_equal(names->str, lists[_i].names), "%s: %s", lists[_i].url, names->str);
    ck_assert_int_eq(fake_int(reply.json, "total"), lists[_i].total);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(sums_add_up)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "GET", FAKE_S "/clusters/117/allvmcomputeresource", NULL);
    ck_assert_int_eq(fake_int(reply.json, "cpuResource.totalSizeMHz"), 67200);
    ck_assert_int_eq(fake_int(reply.json, "cpuResource.allocatedSizeMHz"), 8400);
    ck_assert_int_eq(fake_int(reply.json, "memResource.totalSizeMB"), 131072);
    ck_assert_int_eq(fake_int(reply.json, "memResource.allocatedSizeMB"), 2048);
    ck_assert_int_eq(fake_int(reply.json, "detailMemResource.allocatedSizeMB.Stopped"), 1024);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "GET", FAKE_S "/hosts/112", NULL);
    ck_assert_str_eq(fake_str(reply.json, "cpuUsage"), "10.0");
    ck_assert_str_eq(fake_str(reply.json, "memUsage"), "9.9");
    ck_assert_int_eq(fake_int(reply.json, "vmCount"), 1);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "GET", FAKE_S "/vms/statistics", NULL);
    ck_assert_int_eq(fake_int(reply.json, "total"), 3);
    ck_assert_int_eq(fake_int(reply.json, "running"), 2);
    ck_assert_int_eq(fake_int(reply.json, "stopped"), 1);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_final_task_is_at_100_and_a_systems_task_names_the_system)
{
    struct fake fake;
    struct fake_reply reply;
    Task *task;

    fake_init(&fake);
    task = task_dup(snapshot_builder_get_task(fake.builder, 1207));
    task->status = TASK_FAILED;
    task->progress = 40;
    task->origin = ORIGIN_DRS;
    task->reason = 10300095;
    task->cancel_wanted = true;
    snapshot_builder_put_task(fake.builder, task);
    fake_publish(&fake);
    reply = fake_ok(&fake, "GET", FAKE_S "/tasks/1207", NULL);
    ck_assert_int_eq(fake_int(reply.json, "progress"), 100);
    ck_assert_str_eq(fake_str(reply.json, "user"), "-_system");
    ck_assert_str_eq(fake_str(reply.json, "reason"), "10300095");
    ck_assert_str_eq(fake_str(reply.json, "status"), "failed");
    ck_assert(fake_bool(reply.json, "cancelled"));
    ck_assert(!fake_bool(reply.json, "cancelable"));
    ck_assert_str_eq(fake_str(reply.json, "params.destinationHost"), "cna2");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(balance_says_even_uneven_or_not_judged)
{
    struct fake fake;
    struct fake_reply reply;
    DrsReport *report;

    fake_init(&fake);
    reply = fake_ok(&fake, "GET", FAKE_S "/clusters/117/drsBalance", NULL);
    ck_assert_int_eq(fake_int(reply.json, "drsBalance"), 0);
    ck_assert(strstr(reply.text, "\"currentStdev\":0.241,\"targetStdev\":0.005"));
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "GET", FAKE_S "/clusters/118/drsBalance", NULL);
    ck_assert_int_eq(fake_int(reply.json, "drsBalance"), 2);
    fake_reply_clear(&reply);
    report = drs_report_new();
    report->cluster_id = 118;
    report->decided = true;
    snapshot_builder_put_drs_report(fake.builder, report);
    fake_publish(&fake);
    reply = fake_ok(&fake, "GET", FAKE_S "/clusters/118/drsBalance", NULL);
    ck_assert_int_eq(fake_int(reply.json, "drsBalance"), 1);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(texts_from_hosts_cannot_break_the_json)
{
    struct fake fake;
    struct fake_reply reply;
    Host *host;

    fake_init(&fake);
    host = host_dup(snapshot_builder_get_host(fake.builder, 112));
    g_free(host->vendor);
    host->vendor = g_strdup("a\"b\\c\n\t\x01\xff");
    snapshot_builder_put_host(fake.builder, host);
    fake_publish(&fake);
    reply = fake_ok(&fake, "GET", FAKE_S "/hosts/112", NULL);
    ck_assert_str_eq(fake_str(reply.json, "vendor"), "a\"b\\c\n\t\x01\xef\xbf\xbd");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_history(struct fake *fake, const struct op *op, struct op_result *result)
{
    (void)fake;
    result->total = 41;
    if (op->kind == OP_EVENT_LIST) {
        result->n_events = 1;
        result->events = g_new0(struct op_event, 1);
        result->events[0] = (struct op_event){
            8,    1795366953436,    EVENT_WARNING, g_strdup("VmMigrated"), OBJECT_VM,
            0x35, g_strdup("web1"), 1207,          g_strdup("moved"),
        };
    } else {
        result->n_audits = 1;
        result->audits = g_new0(struct op_audit, 1);
        result->audits[0] = (struct op_audit){
            9,
            1795366953436,
            g_strdup("ops"),
            g_strdup("10.1.1.1"),
            g_strdup("vm-start"),
            g_strdup("web1"),
            g_strdup("success"),
            1207,
        };
    }
}

START_TEST(events_and_audits_are_written_out)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_history;
    reply = fake_ok(&fake, "POST", FAKE_S "/alarms/events", "{}");
    ck_assert_int_eq(fake_int(reply.json, "total"), 41);
    ck_assert_str_eq(fake_str(reply.json, "items.0.eventName"), "VmMigrated");
    ck_assert_str_eq(fake_str(reply.json, "items.0.objectType"), "vms");
    ck_assert_str_eq(fake_str(reply.json, "items.0.occurTime"), "1795366953436");
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "GET", "/service/audit", NULL);
    ck_assert_str_eq(fake_str(reply.json, "items.0.operation"), "vm-start");
    ck_assert_str_eq(fake_str(reply.json, "items.0.taskUrn"), FAKE_URN ":tasks:1207");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_alarms(struct fake *fake, const struct op *op, struct op_result *result)
{
    Alarm *host = alarm_new(), *rule = alarm_new();

    (void)fake;
    host->id = 8;
    host->level = ALARM_CRITICAL;
    g_free(host->number);
    host->number = g_strdup("15.7000002");
    host->kind = OBJECT_HOST;
    host->object_id = 112;
    g_free(host->object_name);
    host->object_name = g_strdup("CNA01");
    host->occur_ms = 1795366953436;
    host->clear_ms = op->kind == OP_ALARM_HISTORY ? 1795366953999 : 0;
    rule->id = 9;
    rule->level = ALARM_MAJOR;
    rule->kind = OBJECT_RULE;
    rule->object_id = 3;
    rule->cluster_id = 117;
    g_free(rule->object_name);
    rule->object_name = g_strdup("apart-web");
    result->total = 7;
    result->n_alarms = 2;
    result->alarms = g_new(Alarm *, 2);
    result->alarms[0] = host;
    result->alarms[1] = rule;
}

/* Every value but iSerialNo is a string, as clients have it typed. */
static void check_alarm_types(const json_t *item)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)item, key, value)
    {
        if (strcmp(key, "iSerialNo") == 0)
            ck_assert(json_is_integer(value));
        else
            ck_assert_msg(json_is_string(value), "%s", key);
    }
}

START_TEST(alarms_are_written_out_as_clients_read_them)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_alarms;
    reply = fake_ok(&fake, "POST", FAKE_S "/alarms/activeAlarms", "{}");
    ck_assert_int_eq(fake_int(reply.json, "total"), 7);
    ck_assert_int_eq(fake_int(reply.json, "itemSize"), 2);
    ck_assert_int_eq(fake_int(reply.json, "items.0.iSerialNo"), 8);
    ck_assert_str_eq(fake_str(reply.json, "items.0.iAlarmLevel"), "1");
    ck_assert_str_eq(fake_str(reply.json, "items.0.objectType"), "hosts");
    ck_assert_str_eq(fake_str(reply.json, "items.0.objectUrn"), FAKE_URN ":hosts:112");
    ck_assert_str_eq(fake_str(reply.json, "items.0.urnByName"), "CNA01");
    ck_assert_str_eq(fake_str(reply.json, "items.0.dtOccurTime"), "1795366953436");
    ck_assert_str_eq(fake_str(reply.json, "items.0.dtClearTime"), "-");
    ck_assert_str_eq(fake_str(reply.json, "items.1.objectType"), "clusters");
    ck_assert_str_eq(fake_str(reply.json, "items.1.objectUrn"), FAKE_URN ":clusters:117");
    ck_assert_str_eq(fake_str(reply.json, "items.1.svLocationInfo"), "rule apart-web (3)");
    ck_assert_str_eq(fake_str(reply.json, "items.1.partUrn"), FAKE_URN ":clusters:117:drsrules:3");
    check_alarm_types(fake_at(reply.json, "items.0"));
    check_alarm_types(fake_at(reply.json, "items.1"));
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "POST", FAKE_S "/alarms/historyAlarms", "{}");
    ck_assert_str_eq(fake_str(reply.json, "items.0.dtClearTime"), "1795366953999");
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "GET", FAKE_S "/alarms/kinds", NULL);
    ck_assert_int_eq(fake_int(reply.json, "total"), N_ALARM_KINDS);
    ck_assert_str_eq(fake_str(reply.json, "items.0.svAlarmID"), "15.7000001");
    ck_assert_str_eq(fake_str(reply.json, "items.0.objectType"), "drsrules");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

SUITE_MAIN("api_read", SUITE_LOOP(fields_have_the_types_that_decoders_want, shapes),
           SUITE_LOOP(a_list_holds_what_was_asked_for, lists), SUITE_TEST(sums_add_up),
           SUITE_TEST(a_final_task_is_at_100_and_a_systems_task_names_the_system),
           SUITE_TEST(balance_says_even_uneven_or_not_judged),
           SUITE_TEST(texts_from_hosts_cannot_break_the_json),
           SUITE_TEST(events_and_audits_are_written_out),
           SUITE_TEST(alarms_are_written_out_as_clients_read_them))
