/* change_text.c - see change_text.h. */
#include "config.h"

#include "controller/change_text.h"

#include "api/jw.h"
#include "base/clock.h"
#include "model/id.h"

/* A line being written. */
struct line {
    struct jw out;
    const Snapshot *snap;
    const char *site;
};

static void begin(struct line *line, const Snapshot *snap, const char *type, const char *change)
{
    jw_init(&line->out);
    line->snap = snap;
    line->site = snap->site ? snap->site->id : "";
    jw_object(&line->out, NULL);
    jw_str(&line->out, "type", type);
    jw_str(&line->out, "change", change);
    jw_int(&line->out, "time", clock_wall_ms());
}

static char *end(struct line *line)
{
    jw_object_end(&line->out);
    return g_string_free(line->out.text, FALSE);
}

static const char *change_word(const void *before, const void *now)
{
    if (!before)
        return "created";
    return now ? "changed" : "deleted";
}

static void put_urn(struct line *line, const char *key, enum object_kind kind, int64_t id)
{
    g_autofree char *urn = id ? urn_format(line->site, kind, id) : NULL;

    jw_str(&line->out, key, urn);
}

static void put_object(struct line *line, enum object_kind kind, int64_t id, const char *name)
{
    g_autofree char *uri = uri_format(line->site, kind, id);

    put_urn(line, "urn", kind, id);
    jw_str(&line->out, "uri", uri);
    jw_str(&line->out, "name", name);
}

static const char *host_name(const Snapshot *snap, int64_t id)
{
    const Host *host = snapshot_host(snap, id);

    return host ? host->name : "";
}

static const char *cluster_name(const Snapshot *snap, int64_t id)
{
    const Cluster *cluster = snapshot_cluster(snap, id);

    return cluster ? cluster->name : "";
}

static void put_cluster_of(struct line *line, int64_t cluster_id)
{
    put_urn(line, "clusterUrn", OBJECT_CLUSTER, cluster_id);
    jw_str(&line->out, "clusterName", cluster_name(line->snap, cluster_id));
}

/* ---- objects ----------------------------------------------------------------------------------
 */

char *change_text_task(const Snapshot *snap, const Task *before, const Task *now)
{
    const Task *task = now ? now : before;
    bool final = task_is_final(task);
    struct line line;
    g_autofree char *uri = NULL;

    begin(&line, snap, "task", change_word(before, now));
    uri = uri_format(line.site, OBJECT_TASK, task->id);
    put_urn(&line, "urn", OBJECT_TASK, task->id);
    jw_str(&line.out, "uri", uri);
    jw_int_str(&line.out, "taskId", task->id);
    jw_str(&line.out, "taskType", task_type_name(task->type));
    put_urn(&line, "entityUrn", task->entity_kind, task->entity_id);
    jw_str(&line.out, "entityName", task->entity_name);
    jw_str(&line.out, "user", task->origin == ORIGIN_USER ? task->user : "-_system");
    jw_str(&line.out, "origin", task_origin_name(task->origin));
    jw_str(&line.out, "status", task_status_name(task->status));
    jw_int(&line.out, "progress", final ? 100 : task->progress);
    jw_int_str(&line.out, "reason", task->reason);
    jw_str(&line.out, "reasonDes", task->reason_text);
    jw_str(&line.out, "why", task->why);
    jw_int(&line.out, "localStartTime", task->start_ms);
    jw_int(&line.out, "localFinishTime", task->finish_ms);
    if (task->parent_id)
        put_urn(&line, "parentTaskUrn", OBJECT_TASK, task->parent_id);
    return end(&line);
}

static void put_vm_before(struct line *line, const Vm *before, const Vm *now)
{
    enum vm_status was = vm_shown_status(before);

    if (was != vm_shown_status(now))
        jw_str(&line->out, "oldStatus", vm_status_name(was));
    if (before->host_id == now->host_id)
        return;
    put_urn(line, "oldHostUrn", OBJECT_HOST, before->host_id);
    jw_str(&line->out, "oldHostName", host_name(line->snap, before->host_id));
}

char *change_text_vm(const Snapshot *snap, const Vm *before, const Vm *now)
{
    const Vm *vm = now ? now : before;
    struct line line;

    begin(&line, snap, "vm", change_word(before, now));
    put_object(&line, OBJECT_VM, vm->id, vm->name);
    jw_str(&line.out, "status", vm_status_name(vm_shown_status(vm)));
    put_urn(&line, "hostUrn", OBJECT_HOST, vm->host_id);
    jw_str(&line.out, "hostName", host_name(snap, vm->host_id));
    if (before && now)
        put_vm_before(&line, before, now);
    put_cluster_of(&line, vm->cluster_id);
    jw_bool(&line.out, "isTemplate", vm->is_template);
    jw_str(&line.out, "waitsToStart", vm->start_wait);
    return end(&line);
}

char *change_text_host(const Snapshot *snap, const Host *before, const Host *now)
{
    const Host *host = now ? now : before;
    struct line line;

    begin(&line, snap, "host", change_word(before, now));
    put_object(&line, OBJECT_HOST, host->id, host->name);
    jw_str(&line.out, "status", host_status_name(host->status));
    if (before && now && before->status != now->status)
        jw_str(&line.out, "oldStatus", host_status_name(before->status));
    jw_bool(&line.out, "isMaintaining", host->maintaining);
    put_cluster_of(&line, host->cluster_id);
    jw_str(&line.out, "trouble", host->trouble);
    return end(&line);
}

char *change_text_cluster(const Snapshot *snap, const Cluster *before, const Cluster *now)
{
    const Cluster *cluster = now ? now : before;
    struct line line;

    begin(&line, snap, "cluster", change_word(before, now));
    put_object(&line, OBJECT_CLUSTER, cluster->id, cluster->name);
    jw_bool(&line.out, "isEnableHa", cluster->ha.enabled);
    jw_bool(&line.out, "isEnableDrs", cluster->drs.enabled);
    return end(&line);
}

/* ---- parts of a cluster: a change of the cluster ------------------------------------------------
 */

struct part {
    int64_t cluster_id, id;
    enum object_kind kind;
    const char *name, *change;
};

static void begin_part(struct line *line, const Snapshot *snap, const struct part *part)
{
    g_autofree char *urn = NULL;

    begin(line, snap, "cluster", "changed");
    put_object(line, OBJECT_CLUSTER, part->cluster_id, cluster_name(snap, part->cluster_id));
    jw_str(&line->out, "part", object_kind_segment(part->kind));
    jw_str(&line->out, "partChange", part->change);
    urn = urn_format_child(line->site, OBJECT_CLUSTER, part->cluster_id, part->kind, part->id);
    jw_str(&line->out, "partUrn", urn);
    jw_str(&line->out, "partName", part->name);
}

char *change_text_group(const Snapshot *snap, const Group *before, const Group *now)
{
    const Group *group = now ? now : before;
    struct line line;

    begin_part(&line, snap,
               &(const struct part){ group->cluster_id, group->id, OBJECT_GROUP, group->name,
                                     change_word(before, now) });
    return end(&line);
}

char *change_text_rule(const Snapshot *snap, const Rule *before, const Rule *now)
{
    const Rule *rule = now ? now : before;
    struct line line;

    begin_part(&line, snap,
               &(const struct part){ rule->cluster_id, rule->id, OBJECT_RULE, rule->name,
                                     change_word(before, now) });
    jw_str(&line.out, "ruleState", rule_state_name(rule->state));
    jw_str(&line.out, "stateReason", rule->state_text);
    return end(&line);
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

static void put_move(struct line *line, const Recommendation *rec)
{
    struct jw *out = &line->out;

    put_urn(line, "vmUrn", OBJECT_VM, rec->vm_id);
    jw_str(out, "vmName", rec->vm_name);
    put_urn(line, "sourceHostUrn", OBJECT_HOST, rec->source_host_id);
    jw_str(out, "sourceHostName", rec->source_name);
    put_urn(line, "destinationHostUrn", OBJECT_HOST, rec->target_host_id);
    jw_str(out, "destinationHostName", rec->target_name);
}

static const char *const action_words[N_RECOMMENDATION_TYPES] = {
    [REC_MIGRATE] = "migrateVm",
    [REC_POWER_ON] = "powerOn",
    [REC_POWER_OFF] = "powerOff",
};

char *change_text_recommendation(const Snapshot *snap, const Recommendation *rec, bool is_new)
{
    struct line line;
    struct jw *out = &line.out;
    g_autofree char *urn = NULL, *uri = NULL;

    begin(&line, snap, "recommendation", is_new ? "created" : "changed");
    urn = urn_format_child(line.site, OBJECT_CLUSTER, rec->cluster_id, OBJECT_RECOMMENDATION,
                           rec->id);
    uri = uri_format_child(line.site, OBJECT_CLUSTER, rec->cluster_id, OBJECT_RECOMMENDATION,
                           rec->id);
    jw_str(out, "urn", urn);
    jw_str(out, "uri", uri);
    put_cluster_of(&line, rec->cluster_id);
    jw_str(out, "action", action_words[rec->type]);
    jw_str(out, "status", recommendation_state_name(rec->state));
    jw_int(out, "rating", rec->rating);
    if (rec->type == REC_MIGRATE) {
        put_move(&line, rec);
    } else {
        put_urn(&line, "hostUrn", OBJECT_HOST, rec->target_host_id);
        jw_str(out, "hostName", rec->target_name);
    }
    jw_str(out, "reasonText", rec->text);
    put_urn(&line, "taskUrn", OBJECT_TASK, rec->task_id);
    return end(&line);
}

char *change_text_event(const Snapshot *snap, const struct event *event)
{
    struct line line;
    struct jw *out = &line.out;

    begin(&line, snap, "event", "created");
    jw_str(out, "eventName", event->name);
    jw_str(out, "severity", event_severity_name(event->severity));
    jw_str(out, "objectType", object_kind_segment(event->kind));
    put_urn(&line, "objectUrn", event->kind, event->object_id);
    jw_str(out, "urnByName", event->object_name);
    jw_int_str(out, "occurTime", event->at_ms);
    jw_str(out, "additionalInfo", event->text);
    put_urn(&line, "taskUrn", OBJECT_TASK, event->task_id);
    return end(&line);
}

static const char *alarm_change(const Alarm *alarm)
{
    if (alarm->clear_ms)
        return "cleared";
    return alarm->update_ms == alarm->occur_ms ? "raised" : "changed";
}

char *change_text_alarm(const Snapshot *snap, const Alarm *alarm)
{
    struct line line;
    struct jw *out = &line.out;
    bool is_child = alarm->cluster_id != 0;
    g_autofree char *urn = NULL;

    begin(&line, snap, "alarm", alarm_change(alarm));
    jw_int(out, "iSerialNo", alarm->id);
    jw_str(out, "svAlarmID", alarm->number);
    jw_str(out, "svAlarmName", alarm->name);
    jw_int_str(out, "iAlarmLevel", alarm->level);
    jw_str(out, "objectType", object_kind_segment(alarm->kind));
    if (is_child)
        urn = urn_format_child(line.site, OBJECT_CLUSTER, alarm->cluster_id, alarm->kind,
                               alarm->object_id);
    else if (alarm->object_id)
        urn = urn_format(line.site, alarm->kind, alarm->object_id);
    jw_str(out, "objectUrn", urn);
    jw_str(out, "urnByName", alarm->object_name);
    jw_str(out, "svAdditionalInfo", alarm->text);
    jw_int_str(out, "dtOccurTime", alarm->occur_ms);
    jw_int_str(out, "dtClearTime", alarm->clear_ms);
    return end(&line);
}
