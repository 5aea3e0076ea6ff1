/* changes.c - see changes.h.  A list in which nothing changed is the same list, an object that did
 * not change is the same object: what is compared is pointers, but for the few that differ. */
#include "config.h"

#include "controller/changes.h"

#include "controller/change_text.h"

struct Changes {
    Feed *feed;
    Inventory *inv;
    bool on;
};

/* ---- which differences are news -----------------------------------------------------------------
 *
 * Measured load, times of what was seen last and the like change all the time and are none. */

static bool task_differs(const void *before, const void *now)
{
    const Task *a = before, *b = now;

    return a->status != b->status || a->progress != b->progress ||
           a->cancel_wanted != b->cancel_wanted || a->reason != b->reason ||
           !g_str_equal(a->reason_text, b->reason_text);
}

static bool vm_differs(const void *before, const void *now)
{
    const Vm *a = before, *b = now;

    return a->generation != b->generation || vm_shown_status(a) != vm_shown_status(b) ||
           a->host_id != b->host_id || !g_str_equal(a->start_wait, b->start_wait);
}

static bool host_differs(const void *before, const void *now)
{
    const Host *a = before, *b = now;

    return a->generation != b->generation || a->status != b->status ||
           !g_str_equal(a->trouble, b->trouble);
}

static bool cluster_differs(const void *before, const void *now)
{
    return ((const Cluster *)before)->generation != ((const Cluster *)now)->generation;
}

static bool group_differs(const void *before, const void *now)
{
    return ((const Group *)before)->generation != ((const Group *)now)->generation;
}

static bool rule_differs(const void *before, const void *now)
{
    const Rule *a = before, *b = now;

    return a->generation != b->generation || a->state != b->state ||
           !g_str_equal(a->state_text, b->state_text);
}

/* ---- recommendations ----------------------------------------------------------------------------
 */

static const Recommendation *find_recommendation(const DrsReport *report, int64_t id)
{
    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        if (report->recommendations[i]->id == id)
            return report->recommendations[i];
    }
    return NULL;
}

static void tell(Changes *changes, enum feed_type type, char *text)
{
    feed_add(changes->feed, type, text);
    g_free(text);
}

/* The database lets those expire that were open when a newer verdict came. */
static void tell_expired(Changes *changes, const Snapshot *snap, const Recommendation *open)
{
    g_autoptr(Recommendation) expired = recommendation_dup(open);

    expired->state = REC_EXPIRED;
    tell(changes, FEED_RECOMMENDATION, change_text_recommendation(snap, expired, false));
}

static void tell_reports(Changes *changes, const Snapshot *snap, const DrsReport *before,
                         const DrsReport *now)
{
    for (size_t i = 0; before && i < before->n_recommendations; i++) {
        const Recommendation *rec = before->recommendations[i];

        if (rec->state == REC_OPEN && !find_recommendation(now, rec->id))
            tell_expired(changes, snap, rec);
    }
    for (size_t i = 0; now && i < now->n_recommendations; i++) {
        const Recommendation *rec = now->recommendations[i];
        const Recommendation *was = find_recommendation(before, rec->id);

        if (!was || was->state != rec->state || was->task_id != rec->task_id)
            tell(changes, FEED_RECOMMENDATION, change_text_recommendation(snap, rec, !was));
    }
}

/* ---- walking two lists
 * ---------------------------------------------------------------------------
 */

struct list {
    const void *const *objects;
    size_t n;
};

struct kind {
    enum feed_type type;
    int64_t (*id)(const void *object);
    bool (*differs)(const void *before, const void *now);
    char *(*text)(const Snapshot *snap, const void *before, const void *now);
    bool is_history; /* that an object leaves the inventory is no news */
};

static void compare_one(Changes *changes, const Snapshot *snap, const struct kind *kind,
                        const void *before, const void *now)
{
    if (before && now && (before == now || !kind->differs(before, now)))
        return;
    if (!now && kind->is_history)
        return;
    tell(changes, kind->type, kind->text(snap, before, now));
}

static void compare(Changes *changes, const Snapshot *snap, const struct kind *kind,
                    const struct list *before, const struct list *now)
{
    size_t a = 0, b = 0;

    if (before->objects == now->objects && before->n == now->n)
        return;
    while (a < before->n || b < now->n) {
        const void *was = a < before->n ? before->objects[a] : NULL;
        const void *is = b < now->n ? now->objects[b] : NULL;

        if (was && is && was != is && kind->id(was) != kind->id(is)) {
            if (kind->id(was) < kind->id(is))
                is = NULL;
            else
                was = NULL;
        }
        compare_one(changes, snap, kind, was, is);
        a += was != NULL;
        b += is != NULL;
    }
}

// clang-format off
/* type of the model, its list, prefix, type of the feed, is_history */
#define KINDS(X)                                        \
    X(Cluster, clusters, cluster, FEED_CLUSTER, false)  \
    X(Group,   groups,   group,   FEED_CLUSTER, false)  \
    X(Rule,    rules,    rule,    FEED_CLUSTER, false)  \
    X(Host,    hosts,    host,    FEED_HOST,    false)  \
    X(Vm,      vms,      vm,      FEED_VM,      false)  \
    X(Task,    tasks,    task,    FEED_TASK,    true)
// clang-format on

#define X(Type, field, prefix, feed_type, history)                                                 \
    static int64_t id_of_##prefix(const void *object)                                              \
    {                                                                                              \
        return ((const Type *)object)->id;                                                         \
    }                                                                                              \
    static char *text_of_##prefix(const Snapshot *snap, const void *before, const void *now)       \
    {                                                                                              \
        return change_text_##prefix(snap, before, now);                                            \
    }                                                                                              \
    static const struct kind kind_##prefix = { feed_type, id_of_##prefix, prefix##_differs,        \
                                               text_of_##prefix, history };
KINDS(X)
#undef X

static void compare_reports(Changes *changes, const Snapshot *before, const Snapshot *now)
{
    if (before->reports == now->reports && before->n_reports == now->n_reports)
        return;
    for (size_t i = 0; i < now->n_reports; i++) {
        const DrsReport *report = now->reports[i];
        const DrsReport *was = snapshot_drs_report(before, report->cluster_id);

        if (was != report)
            tell_reports(changes, now, was, report);
    }
}

static void on_published(const Snapshot *before, const Snapshot *now, void *user)
{
    Changes *changes = user;

    if (!changes->on)
        return;
#define X(Type, field, prefix, feed_type, history)                                                 \
    compare(changes, now, &kind_##prefix,                                                          \
            &(const struct list){ (const void *const *)before->field, before->n_##field },         \
            &(const struct list){ (const void *const *)now->field, now->n_##field });
    KINDS(X)
#undef X
    compare_reports(changes, before, now);
}

/* ---- what is in no snapshot
 * ----------------------------------------------------------------------
 */

void changes_tell_event(Changes *changes, const struct event *event)
{
    if (changes->on)
        tell(changes, FEED_EVENT, change_text_event(inventory_peek(changes->inv), event));
}

void changes_tell_alarm(Changes *changes, const Alarm *alarm)
{
    if (changes->on)
        tell(changes, FEED_ALARM, change_text_alarm(inventory_peek(changes->inv), alarm));
}

void changes_tell_report(Changes *changes, const DrsReport *before, const DrsReport *now)
{
    if (changes->on)
        tell_reports(changes, inventory_peek(changes->inv), before, now);
}

/* ---- life -------------------------------------------------------------------------------------
 */

Changes *changes_new(Feed *feed, Inventory *inv)
{
    Changes *changes = g_new0(Changes, 1);

    changes->feed = feed;
    changes->inv = inv;
    inventory_watch(inv, on_published, changes);
    return changes;
}

void changes_free(Changes *changes)
{
    if (!changes)
        return;
    inventory_watch(changes->inv, NULL, NULL);
    g_free(changes);
}

void changes_start(Changes *changes, int64_t epoch)
{
    feed_start(changes->feed, epoch);
    changes->on = true;
}

void changes_stop(Changes *changes, const char *why)
{
    changes->on = false;
    feed_stop(changes->feed, why);
}
