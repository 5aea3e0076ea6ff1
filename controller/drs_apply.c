/* drs_apply.c - see drs.h: carries recommendations out, in an order in which rules and capacity
 * hold at every moment. */
#include "config.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/drs.h"
#include "controller/drs_private.h"
#include "controller/vm_order.h"
#include "model/reason.h"
#include "scheduler/drift.h"

#define RETRY_MS 1000
#define LOOK_MS  10000 /* a plan of DRS itself is held against the loads that often */

enum leg_state {
    LEG_WAITING,
    LEG_MOVING,
    LEG_DONE,
    LEG_FAILED,
    LEG_DROPPED, /* its gain has gone */
};

/* One recommendation on its way. */
struct leg {
    int64_t rec_id, vm_id, from_id, to_id;
    int64_t task_id; /* of the migration; 0: none was begun */
    int64_t finish_ms;
    const struct plan_move *move; /* its dependencies; NULL after a take-over */
    size_t place;                 /* in the plan */
    enum leg_state state;
    bool called_off; /* a running one was told to end */
};

struct apply {
    struct leg *legs;
    size_t n_legs;
    bool cancelled;
    char *first_error;
    guint poke; /* idle source that looks for moves to start */
    guint look; /* timer: do they still pay? */
    bool looking;
};

static const DrsReport *report_of(const struct app *app, int64_t cluster_id)
{
    return snapshot_builder_get_drs_report(inventory_edit(app->inv), cluster_id);
}

bool drs_is_applying(const struct app *app, int64_t cluster_id)
{
    const Snapshot *snap = inventory_peek(app->inv);

    for (size_t i = snap->n_tasks; i > 0; i--) {
        const Task *task = snap->tasks[i - 1];

        if (task->type == TASK_APPLY_DRS && task->entity_id == cluster_id && !task_is_final(task))
            return true;
    }
    return false;
}

static void free_apply(void *data)
{
    struct apply *apply = data;

    if (apply->poke)
        g_source_remove(apply->poke);
    if (apply->look)
        g_source_remove(apply->look);
    g_free(apply->legs);
    g_free(apply->first_error);
    g_free(apply);
}

/* ---- state of a recommendation ----------------------------------------------------------------
 */

static const Recommendation *find_rec(const struct app *app, int64_t cluster_id, int64_t rec_id)
{
    const DrsReport *report = report_of(app, cluster_id);

    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        if (report->recommendations[i]->id == rec_id)
            return report->recommendations[i];
    }
    return NULL;
}

static void ignore_result(const GError *error, void *user)
{
    (void)error, (void)user; /* the end of the plan records every move again */
}

/* What became of the move; false if that is known. */
static bool put_outcome(const struct run *run, const struct leg *leg, Commit *commit)
{
    const Recommendation *current = find_rec(run->app, run_task(run)->entity_id, leg->rec_id);
    Recommendation *rec;

    if (!current || current->state != REC_APPLYING)
        return false;
    rec = recommendation_dup(current);
    rec->state = leg->state == LEG_DONE      ? REC_DONE
                 : leg->state == LEG_DROPPED ? REC_EXPIRED
                                             : REC_FAILED;
    rec->finish_ms = leg->finish_ms;
    if (leg->task_id)
        rec->task_id = leg->task_id;
    commit_put_recommendation(commit, rec);
    return true;
}

/* At once, so that people see how far it is. */
static void record_leg(const struct run *run, const struct leg *leg)
{
    g_autofree char *key = g_strdup_printf("rec:%" G_GINT64_FORMAT, leg->rec_id);
    g_autoptr(Commit) commit = commit_new(&run->app->committer);

    if (put_outcome(run, leg, commit))
        commit_submit(g_steal_pointer(&commit), key, ignore_result, NULL);
}

static void note_error(struct apply *apply, const char *why)
{
    if (!apply->first_error)
        apply->first_error = g_strdup(why);
}

static void end_leg(struct run *run, struct leg *leg, bool ok, int64_t task_id, const char *why)
{
    leg->state = ok ? LEG_DONE : LEG_FAILED;
    leg->task_id = task_id;
    leg->finish_ms = clock_wall_ms();
    if (!ok)
        note_error(run->data, why);
    record_leg(run, leg);
}

static void drop_leg(struct run *run, struct leg *leg, int64_t task_id)
{
    leg->state = LEG_DROPPED;
    leg->task_id = task_id;
    leg->finish_ms = clock_wall_ms();
    record_leg(run, leg);
}

/* ---- moving -----------------------------------------------------------------------------------
 */

static const struct leg *leg_at(const struct apply *apply, size_t place)
{
    for (size_t i = 0; i < apply->n_legs; i++) {
        if (apply->legs[i].place == place)
            return &apply->legs[i];
    }
    return NULL; /* not chosen by the person: the target is checked again before each move anyway */
}

enum readiness {
    READY,
    NOT_YET,
    NEVER,
};

static enum readiness readiness_of(const struct apply *apply, const struct leg *leg)
{
    enum readiness answer = READY;

    if (!leg->move) { /* order unknown: one after the other */
        for (const struct leg *before = apply->legs; before < leg; before++) {
            if (before->state == LEG_MOVING || before->state == LEG_WAITING)
                return NOT_YET;
        }
        return READY;
    }
    for (size_t i = 0; i < leg->move->n_depends; i++) {
        const struct leg *before = leg_at(apply, leg->move->depends[i]);

        if (before && before->state == LEG_FAILED)
            return NEVER;
        if (before && before->state != LEG_DONE && before->state != LEG_DROPPED)
            answer = NOT_YET; /* one that was dropped was judged with this one in mind */
    }
    return answer;
}

/* Caps per cluster and per host, in and out. */
static bool has_room(const struct run *run, const struct leg *leg)
{
    const struct apply *apply = run->data;
    const struct settings *settings = run->app->settings;
    int64_t all = 0, out = 0, in = 0;

    for (size_t i = 0; i < apply->n_legs; i++) {
        if (apply->legs[i].state != LEG_MOVING)
            continue;
        all++;
        out += apply->legs[i].from_id == leg->from_id;
        in += apply->legs[i].to_id == leg->to_id;
    }
    return all < settings->drs_cap_cluster && out < settings->drs_cap_host &&
           in < settings->drs_cap_host;
}

struct leg_order {
    struct app *app;
    int64_t parent_id, rec_id;
};

static struct leg *find_leg(struct run *run, int64_t rec_id)
{
    struct apply *apply = run->data;

    for (size_t i = 0; i < apply->n_legs; i++) {
        if (apply->legs[i].rec_id == rec_id)
            return &apply->legs[i];
    }
    return NULL;
}

static gboolean advance(void *data);

static void poke(struct run *run)
{
    struct apply *apply = run->data;

    if (!apply->poke && !run->finishing)
        apply->poke = g_idle_add(advance, run);
}

static void poke_later(struct run *run)
{
    struct apply *apply = run->data;

    if (!apply->poke && !run->finishing)
        apply->poke = g_timeout_add(RETRY_MS, advance, run);
}

static void leg_ordered(int64_t task_id, const GError *error, void *user)
{
    g_autofree struct leg_order *order = user;
    struct run *run = tasks_find_run(order->app->tasks, order->parent_id);
    struct leg *leg = run ? find_leg(run, order->rec_id) : NULL;

    if (!leg || !error)
        return;
    if (vm_order_may_pass(order->app, error)) {
        leg->state = LEG_WAITING;
        poke_later(run);
        return;
    }
    end_leg(run, leg, false, task_id, error->message);
    poke(run);
}

static void start_leg(struct run *run, struct leg *leg)
{
    struct app *app = run->app;
    const Task *task = run_task(run);
    const Recommendation *rec = find_rec(app, task->entity_id, leg->rec_id);
    struct leg_order *order = g_new(struct leg_order, 1);
    g_autofree char *why =
        rec ? g_strdup_printf("%s%s%s", rec->text, *rec->rejected ? "; rejected: " : "",
                              rec->rejected)
            : g_strdup("DRS");

    *order = (struct leg_order){ app, run->task_id, leg->rec_id };
    leg->state = LEG_MOVING;
    vm_order(app, leg->vm_id,
             &(struct vm_order){ .type = TASK_MIGRATE_VM,
                                 .origin = ORIGIN_DRS,
                                 .user = task->user,
                                 .why = why,
                                 .parent_id = run->task_id,
                                 .target_host_id = leg->to_id },
             leg_ordered, order);
}

/* n_done: with those that were dropped. */
static void end_apply(struct run *run, size_t n_done)
{
    const struct apply *apply = run->data;
    g_autoptr(GError) error = NULL;

    if (apply->n_legs == 0)
        err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL,
                       "the plan and its recommendations are gone");
    else if (n_done < apply->n_legs)
        err_set_reason(&error, VRM_ERR_CONFLICT, REASON_FAILED, NULL,
                       "%zu of %zu moves were done; %s", n_done, apply->n_legs,
                       apply->first_error ? apply->first_error
                       : apply->cancelled ? "the rest was cancelled"
                                          : "the others failed");
    run_finish(run, error);
}

/* Starts what may start; ends the task when nothing is left. */
static gboolean advance(void *data)
{
    struct run *run = data;
    struct apply *apply = run->data;
    size_t n_done = 0, n_left = 0;

    apply->poke = 0;
    for (size_t i = 0; i < apply->n_legs; i++) {
        struct leg *leg = &apply->legs[i];
        enum readiness readiness = leg->state == LEG_WAITING ? readiness_of(apply, leg) : NOT_YET;

        if (leg->state == LEG_WAITING && apply->cancelled)
            end_leg(run, leg, false, 0, "cancelled");
        else if (readiness == NEVER)
            end_leg(run, leg, false, 0, "a move it depends on failed");
        else if (readiness == READY && has_room(run, leg))
            start_leg(run, leg);
        n_done += leg->state == LEG_DONE || leg->state == LEG_DROPPED;
        n_left += leg->state == LEG_WAITING || leg->state == LEG_MOVING;
    }
    run_progress(run, (int64_t)(100 * (apply->n_legs - n_left) / MAX(apply->n_legs, 1)));
    if (n_left == 0)
        end_apply(run, n_done);
    return G_SOURCE_REMOVE;
}

static void leg_ended(struct run *run, const Task *child, bool ok)
{
    struct apply *apply = run->data;

    for (size_t i = 0; i < apply->n_legs; i++) {
        struct leg *leg = &apply->legs[i];

        if (leg->vm_id != child->entity_id || leg->state != LEG_MOVING)
            continue;
        if (!ok && task_is_called_off(child))
            drop_leg(run, leg, child->id);
        else
            end_leg(run, leg, ok, child->id, child->reason_text);
    }
    poke(run);
}

/* The newest migration that the plan's task ordered for this VM. */
static const Task *child_about(const struct app *app, int64_t parent_id, int64_t vm_id)
{
    const Snapshot *snap = inventory_peek(app->inv);

    for (size_t i = snap->n_tasks; i > 0; i--) {
        const Task *task = snap->tasks[i - 1];

        if (task->parent_id == parent_id && task->entity_id == vm_id)
            return task;
    }
    return NULL;
}

/* ---- drift ------------------------------------------------------------------------------------
 */

static bool is_open(const struct leg *leg)
{
    return (leg->state == LEG_WAITING || leg->state == LEG_MOVING) && !leg->called_off;
}

static int64_t progress_of(const struct run *run, const struct leg *leg)
{
    const Task *child = child_about(run->app, run->task_id, leg->vm_id);

    return child ? child->progress : 0;
}

static gboolean look(void *data)
{
    struct run *run = data;
    struct apply *apply = run->data;
    struct drift_move *moves;
    size_t n = 0;

    if (apply->looking || apply->cancelled || run->finishing)
        return G_SOURCE_CONTINUE;
    moves = g_new0(struct drift_move, apply->n_legs + 1);
    for (size_t i = 0; i < apply->n_legs; i++) {
        const struct leg *leg = &apply->legs[i];

        if (is_open(leg))
            moves[n++] = (struct drift_move){ .vm_id = leg->vm_id,
                                              .from_id = leg->from_id,
                                              .to_id = leg->to_id,
                                              .running = leg->state == LEG_MOVING,
                                              .progress = progress_of(run, leg) };
    }
    if (n > 0)
        apply->looking = drs_judge_drift(run->app, run->task_id, moves, n);
    else
        g_free(moves);
    return G_SOURCE_CONTINUE;
}

static void tell_drift(const struct run *run, const struct leg *leg, bool running, const char *why)
{
    const Recommendation *rec = find_rec(run->app, run_task(run)->entity_id, leg->rec_id);
    Commit *commit = commit_new(&run->app->committer);

    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_INFO,
                                         .name = running ? "DrsMoveCalledOff" : "DrsMoveDropped",
                                         .kind = OBJECT_VM,
                                         .object_id = leg->vm_id,
                                         .object_name = rec ? rec->vm_name : "",
                                         .task_id = run->task_id },
                 "the move of %s from %s to %s was %s: %s", rec ? rec->vm_name : "the VM",
                 rec ? rec->source_name : "its host", rec ? rec->target_name : "another",
                 running ? "called off" : "dropped", why);
    commit_submit(commit, NULL, ignore_result, NULL);
}

struct calling_off {
    struct app *app;
    int64_t parent_id, rec_id;
    char *why;
};

/* Told only now: until it is accepted it may come to nothing. */
static void answered_off(const GError *error, void *user)
{
    struct calling_off *calling = user;
    struct run *run = tasks_find_run(calling->app->tasks, calling->parent_id);
    struct leg *leg = run ? find_leg(run, calling->rec_id) : NULL;

    if (error)
        log_info("a move could not be called off", "REASON", error->message, NULL);
    if (leg && error)
        leg->called_off = false;
    else if (leg)
        tell_drift(run, leg, true, calling->why);
    g_free(calling->why);
    g_free(calling);
}

static void call_off(struct run *run, struct leg *leg, int64_t child_id, const char *why)
{
    struct calling_off *calling = g_new(struct calling_off, 1);

    *calling = (struct calling_off){ run->app, run->task_id, leg->rec_id, g_strdup(why) };
    leg->called_off = true;
    tasks_call_off(run->app->tasks, child_id, why, answered_off, calling);
}

static void follow_advice(struct run *run, struct leg *leg, const struct drift_verdict *verdict)
{
    const Task *child = child_about(run->app, run->task_id, leg->vm_id);

    if (verdict->advice == DRIFT_DROP && leg->state == LEG_WAITING) {
        tell_drift(run, leg, false, verdict->why);
        drop_leg(run, leg, 0);
    } else if (verdict->advice == DRIFT_CANCEL && leg->state == LEG_MOVING && child &&
               !task_is_final(child)) {
        call_off(run, leg, child->id, verdict->why);
    }
}

void drs_take_drift(struct run *run, const struct drift_move *moves,
                    const struct drift_verdict *verdicts, size_t n_moves)
{
    struct apply *apply = run->data;

    apply->looking = false;
    for (size_t m = 0; verdicts && m < n_moves; m++) {
        for (size_t i = 0; i < apply->n_legs; i++) {
            struct leg *leg = &apply->legs[i];

            if (is_open(leg) && leg->vm_id == moves[m].vm_id && leg->to_id == moves[m].to_id)
                follow_advice(run, leg, &verdicts[m]);
        }
    }
    poke(run);
}

/* ---- begin ------------------------------------------------------------------------------------
 */

static struct leg make_leg(const Recommendation *rec, size_t place, const Plan *plan)
{
    return (struct leg){
        .rec_id = rec->id,
        .vm_id = rec->vm_id,
        .from_id = rec->source_host_id,
        .to_id = rec->target_host_id,
        .place = place,
        .move = plan && place < plan->moves.len && plan->moves.items[place].vm_id == rec->vm_id
                    ? &plan->moves.items[place]
                    : NULL,
    };
}

/* After a take-over: what is on record, and what its migration says where that is missing. */
static void recall_leg(struct run *run, struct leg *leg, const Recommendation *rec,
                       const Task *child)
{
    if (child && !task_is_final(child)) {
        leg->state = LEG_MOVING;
        leg->called_off = task_is_called_off(child);
        return;
    }
    if (rec->state == REC_APPLYING && !child)
        return; /* has yet to be ordered */
    leg->task_id = child ? child->id : 0;
    leg->finish_ms = child ? child->finish_ms : rec->finish_ms;
    if (rec->state == REC_EXPIRED || (child && task_is_called_off(child))) {
        leg->state = LEG_DROPPED;
        return;
    }
    leg->state =
        rec->state == REC_DONE || (child && child->status == TASK_SUCCESS) ? LEG_DONE : LEG_FAILED;
    if (leg->state == LEG_FAILED)
        note_error(run->data, child ? child->reason_text : "a move was not begun");
}

/* Part of this task's plan: a record names the task until it names the migration. */
static bool is_part(const struct run *run, const Recommendation *rec, const Task *child)
{
    return rec->task_id == run->task_id || (child && rec->task_id == child->id);
}

static void begin_apply(struct run *run)
{
    struct apply *apply = g_new0(struct apply, 1);
    int64_t cluster_id = run_task(run)->entity_id;
    const DrsReport *report = report_of(run->app, cluster_id);
    const Plan *plan = drs_latest_plan(run->app->drs, cluster_id);

    run->data = apply;
    apply->legs = g_new0(struct leg, report ? report->n_recommendations : 0);
    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        const Recommendation *rec = report->recommendations[i];
        const Task *child = child_about(run->app, run->task_id, rec->vm_id);
        struct leg *leg = &apply->legs[apply->n_legs];

        if (!is_part(run, rec, child))
            continue;
        *leg = make_leg(rec, i, plan);
        recall_leg(run, leg, rec, child);
        apply->n_legs++;
    }
    if (run_task(run)->origin == ORIGIN_DRS)
        apply->look = g_timeout_add(LOOK_MS, look, run);
    poke(run);
}

static void cancel_apply(struct run *run)
{
    ((struct apply *)run->data)->cancelled = true;
    poke(run);
}

static size_t count_dropped(const struct apply *apply)
{
    size_t n = 0;

    for (size_t i = 0; i < apply->n_legs; i++)
        n += apply->legs[i].state == LEG_DROPPED;
    return n;
}

static void record_apply(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    const struct apply *apply = run->data;
    struct commit_event event = { .severity = error ? EVENT_WARNING : EVENT_INFO,
                                  .name = "DrsPlanDone",
                                  .kind = OBJECT_CLUSTER,
                                  .object_id = task->entity_id,
                                  .object_name = task->entity_name,
                                  .task_id = task->id };

    if (error)
        commit_event(commit, &event, "the DRS plan of %s was not fully carried out: %s",
                     task->entity_name, error->message);
    else
        commit_event(commit, &event, "the DRS plan of %s was carried out: %zu moves%s",
                     task->entity_name, apply->n_legs - count_dropped(apply),
                     count_dropped(apply) > 0 ? ", the others no longer paid" : "");
    for (size_t i = 0; i < apply->n_legs; i++)
        (void)put_outcome(run, &apply->legs[i], commit);
}

/* As the task's final row does in the database (db/store_task.h). */
static void after_apply(struct run *run, const Task *task, bool ok)
{
    SnapshotBuilder *builder = inventory_edit(run->app->inv);
    const DrsReport *current = report_of(run->app, task->entity_id);
    g_autoptr(DrsReport) report = current ? drs_report_dup(current) : NULL;

    (void)ok;
    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        Recommendation *rec = report->recommendations[i];

        if (rec->state != REC_APPLYING || rec->task_id != task->id)
            continue;
        report->recommendations[i] = recommendation_dup(rec);
        recommendation_unref(rec);
        report->recommendations[i]->state = REC_FAILED;
        report->recommendations[i]->finish_ms = task->finish_ms;
    }
    if (report)
        snapshot_builder_put_drs_report(builder, g_steal_pointer(&report));
}

const struct task_kind drs_apply_kind = {
    .type = TASK_APPLY_DRS,
    .entity = OBJECT_CLUSTER,
    .begin = begin_apply,
    .cancel = cancel_apply,
    .record = record_apply,
    .after = after_apply,
    .child_ended = leg_ended,
    .free_data = free_apply,
};
