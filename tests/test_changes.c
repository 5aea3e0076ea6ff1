/* test_changes.c - which changes of the inventory are told to those who watch, and as what. */
#include "config.h"

#include "controller/changes.h"

#include <jansson.h>

#include "tests/ctl_app.h"
#include "tests/suite.h"

static char *as_text(const json_t *value)
{
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return g_strdup(json_is_true(value) ? "true" : value ? "false" : "-");
}

static void no_park(void *user)
{
    (void)user;
}

struct story {
    struct ctl ctl;
    FeedReader *reader;
};

static void story_begin(struct story *story)
{
    GError *error = NULL;

    ctl_init(&story->ctl, NULL);
    ctl_put_cluster(&story->ctl, ctl_cluster(117));
    ctl_put_host(&story->ctl, ctl_host(112, 117));
    ctl_put_host(&story->ctl, ctl_host(113, 117));
    ctl_put_vm(&story->ctl, ctl_vm(0x35, 117));
    changes_start(story->ctl.app.changes, 1);
    feed_open(story->ctl.app.feed, FEED_ALL, false, 0, &story->reader, &error);
    suite_no_error(error);
    feed_sit(story->reader, &(const struct feed_seat){ .park = no_park });
}

static void story_end(struct story *story)
{
    feed_close(story->reader);
    ctl_clear(&story->ctl);
}

/* "change name" of the message, and what it has under each key. */
static void add_message(GString *out, const char *event, const char *data, const char *const *keys)
{
    json_t *json = json_loads(data, 0, NULL);

    ck_assert_msg(json != NULL, "%s", data);
    ck_assert_str_eq(json_string_value(json_object_get(json, "type")), event);
    ck_assert_int_gt(json_integer_value(json_object_get(json, "time")), 0);
    g_string_append_printf(out, "%s %s", event, json_string_value(json_object_get(json, "change")));
    for (; *keys; keys++) {
        g_autofree char *value = as_text(json_object_get(json, *keys));

        g_string_append_printf(out, " %s=%s", *keys, value);
    }
    g_string_append_c(out, '\n');
    json_decref(json);
}

/* All that was told since the last time. */
static char *told(struct story *story, const char *const *keys)
{
    g_autoptr(GString) text = g_string_new("");
    g_autoptr(GString) out = g_string_new("");
    g_auto(GStrv) frames = NULL;
    char buffer[4096];
    ssize_t n;

    while ((n = feed_read(story->reader, buffer, sizeof(buffer), 1)) > 0)
        g_string_append_len(text, buffer, n);
    frames = g_strsplit(text->str, "\n\n", -1);
    for (size_t i = 0; frames[i]; i++) {
        const char *event = strstr(frames[i], "event: ");
        const char *data = strstr(frames[i], "\ndata: ");
        g_autofree char *word = NULL;

        if (!event || !data || strstr(event, "event: beat") == event)
            continue;
        word = g_strndup(event + 7, (gsize)(data - event - 7));
        add_message(out, word, data + 7, keys);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void expect(struct story *story, const char *const *keys, const char *want)
{
    g_autofree char *got = told(story, keys);

    ck_assert_str_eq(got, want);
}

#define KEYS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static Vm *copy_of_vm(struct story *story)
{
    return vm_dup(inventory_find_vm(story->ctl.app.inv, 0x35));
}

static Host *copy_of_host(struct story *story, int64_t id)
{
    return host_dup(inventory_find_host(story->ctl.app.inv, id));
}

/* ---- tests -------------------------------------------------------------------------------------
 */

START_TEST(what_was_there_is_no_news)
{
    struct story story;

    story_begin(&story);
    expect(&story, KEYS("urn"), "");
    story_end(&story);
}
END_TEST

START_TEST(a_vm_that_goes_elsewhere_is_told_with_where_it_was)
{
    struct story story;
    Vm *vm;

    story_begin(&story);
    vm = copy_of_vm(&story);
    vm->status = VM_RUNNING;
    vm->host_reported = true;
    vm->host_id = 112;
    ctl_put_vm(&story.ctl, vm);
    expect(&story, KEYS("urn", "status", "oldStatus", "hostName", "oldHostName", "clusterName"),
           "vm changed urn=urn:sites::vms:i-00000035 status=running oldStatus=stopped "
           "hostName=cna112 oldHostName= clusterName=cluster117\n");
    vm = copy_of_vm(&story);
    vm->host_id = 113;
    ctl_put_vm(&story.ctl, vm);
    expect(&story, KEYS("status", "oldStatus", "hostName", "oldHostName"),
           "vm changed status=running oldStatus=- hostName=cna113 oldHostName=cna112\n");
    vm = copy_of_vm(&story);
    vm->host_reported = false; /* its host does not answer: shown as unknown */
    ctl_put_vm(&story.ctl, vm);
    expect(&story, KEYS("status", "oldStatus"), "vm changed status=unknown oldStatus=running\n");
    story_end(&story);
}
END_TEST

START_TEST(load_and_times_are_no_news)
{
    struct story story;
    Vm *vm;
    Host *host;

    story_begin(&story);
    vm = copy_of_vm(&story);
    vm->load.cpu_mhz = 5000;
    vm->dirty_mbps = 7;
    ctl_put_vm(&story.ctl, vm);
    host = copy_of_host(&story, 112);
    host->seen_mono_ms = 77;
    host->load.mem_mb = 99;
    ctl_put_host(&story.ctl, host);
    expect(&story, KEYS("urn"), "");
    story_end(&story);
}
END_TEST

START_TEST(what_is_made_and_removed_is_told_with_its_name)
{
    struct story story;
    SnapshotBuilder *builder;

    story_begin(&story);
    ctl_put_vm(&story.ctl, ctl_vm(0x34, 117)); /* before the one there is */
    ctl_put_vm(&story.ctl, ctl_vm(0x36, 117));
    ctl_put_host(&story.ctl, ctl_host(200, 117));
    expect(&story, KEYS("name"),
           "vm created name=vm52\nvm created name=vm54\nhost created name=cna200\n");
    builder = inventory_edit(story.ctl.app.inv);
    snapshot_builder_remove_vm(builder, 0x34);
    snapshot_builder_remove_vm(builder, 0x36);
    snapshot_builder_remove_host(builder, 112);
    inventory_publish(story.ctl.app.inv);
    expect(&story, KEYS("name"),
           "host deleted name=cna112\nvm deleted name=vm52\nvm deleted name=vm54\n");
    story_end(&story);
}
END_TEST

START_TEST(a_host_in_trouble_is_told)
{
    struct story story;
    Host *host;

    story_begin(&story);
    host = copy_of_host(&story, 112);
    host->status = HOST_UNKNOWN;
    g_free(host->trouble);
    host->trouble = g_strdup("no answer");
    ctl_put_host(&story.ctl, host);
    expect(&story, KEYS("name", "status", "oldStatus", "trouble"),
           "host changed name=cna112 status=unknow oldStatus=normal trouble=no answer\n");
    story_end(&story);
}
END_TEST

static void put_task(struct story *story, enum task_status status, int64_t progress)
{
    Task *task = task_new();

    task->id = 9;
    task->type = TASK_START_VM;
    task->entity_kind = OBJECT_VM;
    task->entity_id = 0x35;
    task->status = status;
    task->progress = progress;
    snapshot_builder_put_task(inventory_edit(story->ctl.app.inv), task);
    inventory_publish(story->ctl.app.inv);
}

START_TEST(a_task_is_told_from_its_begin_to_its_end_but_not_its_leaving)
{
    struct story story;

    story_begin(&story);
    put_task(&story, TASK_RUNNING, 0);
    put_task(&story, TASK_RUNNING, 40);
    put_task(&story, TASK_RUNNING, 40);
    put_task(&story, TASK_SUCCESS, 40);
    snapshot_builder_remove_task(inventory_edit(story.ctl.app.inv), 9);
    inventory_publish(story.ctl.app.inv);
    expect(&story, KEYS("taskType", "entityUrn", "status", "progress"),
           "task created taskType=StartVmTask entityUrn=urn:sites::vms:i-00000035 status=running "
           "progress=0\n"
           "task changed taskType=StartVmTask entityUrn=urn:sites::vms:i-00000035 status=running "
           "progress=40\n"
           "task changed taskType=StartVmTask entityUrn=urn:sites::vms:i-00000035 status=success "
           "progress=100\n");
    story_end(&story);
}
END_TEST

START_TEST(a_rule_or_group_is_a_change_of_its_cluster)
{
    struct story story;
    Rule *rule = rule_new();
    Group *group = group_new();

    story_begin(&story);
    rule->id = 3;
    rule->cluster_id = 117;
    group->id = 4;
    group->cluster_id = 117;
    snapshot_builder_put_rule(inventory_edit(story.ctl.app.inv), rule);
    snapshot_builder_put_group(inventory_edit(story.ctl.app.inv), group);
    inventory_publish(story.ctl.app.inv);
    rule = rule_dup(rule);
    rule->state = RULE_BROKEN;
    snapshot_builder_put_rule(inventory_edit(story.ctl.app.inv), rule);
    inventory_publish(story.ctl.app.inv);
    expect(&story, KEYS("name", "partUrn", "partChange", "ruleState"),
           "cluster changed name=cluster117 partUrn=urn:sites::clusters:117:resourcegroups:4 "
           "partChange=created ruleState=-\n"
           "cluster changed name=cluster117 partUrn=urn:sites::clusters:117:drsrules:3 "
           "partChange=created ruleState=unknown\n"
           "cluster changed name=cluster117 partUrn=urn:sites::clusters:117:drsrules:3 "
           "partChange=changed ruleState=broken\n");
    story_end(&story);
}
END_TEST

static DrsReport *report_of(enum plan_kind kind, int64_t first, enum recommendation_state state)
{
    DrsReport *report = drs_report_new();

    report->cluster_id = 117;
    report->kind = kind;
    for (int64_t id = first; id < first + 2; id++) {
        Recommendation *rec = recommendation_new();

        rec->id = id;
        rec->cluster_id = 117;
        rec->vm_id = 0x35;
        rec->state = id == first ? state : REC_OPEN;
        drs_report_take(report, rec);
    }
    return report;
}

START_TEST(a_recommendation_is_told_until_it_expires)
{
    struct story story;

    story_begin(&story);
    snapshot_builder_put_drs_report(inventory_edit(story.ctl.app.inv),
                                    report_of(PLAN_DRS, 1, REC_OPEN));
    inventory_publish(story.ctl.app.inv);
    snapshot_builder_put_drs_report(inventory_edit(story.ctl.app.inv),
                                    report_of(PLAN_DRS, 1, REC_DONE));
    inventory_publish(story.ctl.app.inv);
    snapshot_builder_put_drs_report(inventory_edit(story.ctl.app.inv),
                                    report_of(PLAN_DRS, 3, REC_OPEN));
    inventory_publish(story.ctl.app.inv);
    expect(&story, KEYS("uri", "status"),
           "recommendation created "
           "uri=/service/sites//clusters/117/drsrecommendations/1 status=open\n"
           "recommendation created "
           "uri=/service/sites//clusters/117/drsrecommendations/2 status=open\n"
           "recommendation changed "
           "uri=/service/sites//clusters/117/drsrecommendations/1 status=done\n"
           "recommendation changed "
           "uri=/service/sites//clusters/117/drsrecommendations/2 status=expired\n"
           "recommendation created "
           "uri=/service/sites//clusters/117/drsrecommendations/3 status=open\n"
           "recommendation created "
           "uri=/service/sites//clusters/117/drsrecommendations/4 status=open\n");
    story_end(&story);
}
END_TEST

START_TEST(events_and_alarms_are_told_as_they_are_written)
{
    const struct event event = { .severity = EVENT_ERROR,
                                 .name = "HostUnreachable",
                                 .kind = OBJECT_HOST,
                                 .object_id = 112,
                                 .object_name = "cna112",
                                 .text = "a \"quote\"\nand a line" };
    g_autoptr(Alarm) alarm = alarm_new();
    struct story story;

    story_begin(&story);
    changes_tell_event(story.ctl.app.changes, &event);
    alarm->id = 1;
    alarm->kind = OBJECT_HOST;
    alarm->object_id = 112;
    alarm->occur_ms = alarm->update_ms = 1000;
    changes_tell_alarm(story.ctl.app.changes, alarm);
    alarm->update_ms = 2000;
    changes_tell_alarm(story.ctl.app.changes, alarm);
    alarm->clear_ms = 3000;
    changes_tell_alarm(story.ctl.app.changes, alarm);
    expect(&story, KEYS("objectUrn", "eventName", "severity", "additionalInfo"),
           "event created objectUrn=urn:sites::hosts:112 eventName=HostUnreachable severity=error "
           "additionalInfo=a \"quote\"\nand a line\n"
           "alarm raised objectUrn=urn:sites::hosts:112 eventName=- severity=- additionalInfo=-\n"
           "alarm changed objectUrn=urn:sites::hosts:112 eventName=- severity=- additionalInfo=-\n"
           "alarm cleared objectUrn=urn:sites::hosts:112 eventName=- severity=- "
           "additionalInfo=-\n");
    story_end(&story);
}
END_TEST

START_TEST(who_does_not_lead_tells_nothing)
{
    struct story story;
    const struct event event = { .name = "X", .object_name = "", .text = "" };

    story_begin(&story);
    changes_stop(story.ctl.app.changes, "deposed");
    ctl_put_vm(&story.ctl, ctl_vm(0x36, 117));
    changes_tell_event(story.ctl.app.changes, &event);
    {
        char buffer[4096] = "";

        ck_assert_int_gt(feed_read(story.reader, buffer, sizeof(buffer) - 1, 1), 0);
        ck_assert_ptr_nonnull(strstr(buffer, "event: end\ndata: {\"reason\":\"deposed\"}"));
        ck_assert_ptr_null(strstr(buffer, "event: vm"));
    }
    story_end(&story);
}
END_TEST

SUITE_MAIN("changes", SUITE_TEST(what_was_there_is_no_news),
           SUITE_TEST(a_vm_that_goes_elsewhere_is_told_with_where_it_was),
           SUITE_TEST(load_and_times_are_no_news),
           SUITE_TEST(what_is_made_and_removed_is_told_with_its_name),
           SUITE_TEST(a_host_in_trouble_is_told),
           SUITE_TEST(a_task_is_told_from_its_begin_to_its_end_but_not_its_leaving),
           SUITE_TEST(a_rule_or_group_is_a_change_of_its_cluster),
           SUITE_TEST(a_recommendation_is_told_until_it_expires),
           SUITE_TEST(events_and_alarms_are_told_as_they_are_written),
           SUITE_TEST(who_does_not_lead_tells_nothing))
