/* views.c - see views.h. */
#include "config.h"

#include "controller/views.h"

struct Views {
    GHashTable *by_host; /* int64 host id -> struct view */
};

static void free_view(void *data)
{
    struct view *view = data;

    g_hash_table_unref(view->domains);
    g_hash_table_unref(view->busy);
    g_hash_table_unref(view->ends);
    g_free(view);
}

static void free_seen(void *data)
{
    struct seen *seen = data;

    g_free(seen->cpu);
    g_free(seen);
}

static GHashTable *new_domains(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_seen);
}

Views *views_new(void)
{
    Views *views = g_new0(Views, 1);

    views->by_host = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_view);
    return views;
}

void views_free(Views *views)
{
    if (!views)
        return;
    g_hash_table_unref(views->by_host);
    g_free(views);
}

void views_reset(Views *views)
{
    g_hash_table_remove_all(views->by_host);
}

void views_forget(Views *views, int64_t host_id)
{
    (void)g_hash_table_remove(views->by_host, &host_id);
}

struct view *views_of(Views *views, int64_t host_id, int64_t now_ms)
{
    struct view *view = g_hash_table_lookup(views->by_host, &host_id);

    if (view)
        return view;
    view = g_new0(struct view, 1);
    view->host_id = host_id;
    view->down_ms = now_ms;
    view->n_revivals = -1;
    view->domains = new_domains();
    view->busy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    view->ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    (void)g_hash_table_insert(views->by_host, &view->host_id, view);
    return view;
}

const struct view *views_peek(const Views *views, int64_t host_id)
{
    return g_hash_table_lookup(views->by_host, &host_id);
}

void views_foreach(const Views *views, void (*fn)(struct view *view, void *user), void *user)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, views->by_host);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        fn(value, user);
}

bool views_is_heard(const struct view *view)
{
    return view && view->full && view->down_ms == 0;
}

bool views_may_still_count(const struct view *view, int64_t now_ms, int64_t limit_ms)
{
    return view && view->full && (view->down_ms == 0 || now_ms - view->down_ms < limit_ms);
}

bool views_can_tell_absence(const struct view *view)
{
    return views_is_heard(view) && view->hypervisor_ok;
}

const struct seen *views_seen(const Views *views, int64_t host_id, const char *uuid)
{
    const struct view *view = views_peek(views, host_id);

    return view ? g_hash_table_lookup(view->domains, uuid) : NULL;
}

bool views_is_alive(const struct seen *seen)
{
    return seen && (seen->state == DOMAIN_RUNNING || seen->state == DOMAIN_PAUSED);
}

bool views_has_alive(const struct view *view)
{
    GHashTableIter iter;
    void *seen;

    g_hash_table_iter_init(&iter, view->domains);
    while (g_hash_table_iter_next(&iter, NULL, &seen)) {
        if (views_is_alive(seen))
            return true;
    }
    return false;
}

int64_t views_alive_elsewhere(const Views *views, const Vm *vm, bool heard)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, views->by_host);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct view *view = value;

        if (view->host_id != vm->host_id && views_is_heard(view) == heard &&
            views_is_alive(g_hash_table_lookup(view->domains, vm->uuid)))
            return view->host_id;
    }
    return 0;
}

bool views_is_worked_on(const Views *views, const Vm *vm)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, views->by_host);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (g_hash_table_contains(((const struct view *)value)->busy, vm->uuid))
            return true;
    }
    return false;
}

bool views_awaited(const Views *views)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, views->by_host);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((const struct view *)value)->awaited)
            return true;
    }
    return false;
}

const char *views_end(const Views *views, int64_t host_id, const char *uuid)
{
    const struct view *view = views_peek(views, host_id);
    const char *how = view ? g_hash_table_lookup(view->ends, uuid) : NULL;

    return how ? how : "";
}

static void note_end(struct view *view, const struct domain_report *report)
{
    const bool ended = report->state == DOMAIN_ABSENT || report->state == DOMAIN_SHUTDOWN ||
                       report->state == DOMAIN_CRASHED;

    if (!ended)
        (void)g_hash_table_remove(view->ends, report->uuid);
    else if (report->detail && *report->detail && g_hash_table_size(view->ends) < AGENT_MAX_DOMAINS)
        (void)g_hash_table_replace(view->ends, g_strdup(report->uuid), g_strdup(report->detail));
}

void views_take_domain(struct view *view, const struct domain_report *report)
{
    struct seen *seen;

    note_end(view, report);
    if (report->state == DOMAIN_ABSENT) {
        (void)g_hash_table_remove(view->domains, report->uuid);
        return;
    }
    seen = g_new(struct seen, 1);
    *seen = (struct seen){ .vm_id = report->vm_id,
                           .state = report->state,
                           .gen = report->gen,
                           .vnc_port = report->vnc_port,
                           .cpu = g_strdup(report->cpu ? report->cpu : "") };
    (void)g_hash_table_replace(view->domains, g_strdup(report->uuid), seen);
}

GHashTable *views_take_full(struct view *view, const struct watch_line *line)
{
    GHashTable *before = g_steal_pointer(&view->domains);

    view->domains = new_domains();
    for (size_t i = 0; i < line->n_domains; i++)
        views_take_domain(view, &line->domains[i]);
    view->full = true;
    view->awaited = false;
    view->down_ms = 0;
    view->hypervisor_ok = line->hypervisor_ok;
    g_hash_table_remove_all(view->busy);
    return before;
}
