/* mirror.c - see mirror.h.
 *
 * A list takes time, and events come meanwhile: what an event said after the list was asked for
 * wins over the list. */
#include "config.h"

#include "agent/mirror.h"

#include "agent/report.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/work.h"

#define N_THREADS         2 /* one for lists, one for samples */
#define RELIST_INTERVAL_S 30
#define RETRY_MS          1000
#define HANG_MS           20000 /* a list or sample takes milliseconds */

struct Mirror {
    struct hv hv;
    struct mirror_sink sink;
    char *name;
    int64_t stats_interval_ms;
    WorkPool *pool;
    GHashTable *domains; /* uuid -> struct domain_report * */
    GHashTable *touched; /* set of uuids with events since the list was asked for; NULL: no list */
    struct agent_hello hello;
    bool has_facts;
    unsigned link; /* counts connections; answers of an older one are stale */
    bool up;       /* connected */
    bool listed;   /* and listed since */
    bool sampling;
    int64_t list_ms, sample_ms; /* when the ones under way were asked for */
    bool hangs;                 /* they take too long: told as lost */
    guint look_timer, relist_timer, stats_timer, retry_timer;
};

/* ---- domains ------------------------------------------------------------------------------- */

static void drop_domain(gpointer domain)
{
    report_free_domain(domain);
}

static void put_domain(Mirror *mirror, const struct domain_report *domain)
{
    struct domain_report *copy;

    if (domain->state == DOMAIN_ABSENT) {
        g_hash_table_remove(mirror->domains, domain->uuid);
        return;
    }
    copy = report_dup_domain(domain);
    g_hash_table_replace(mirror->domains, copy->uuid, copy);
}

static void on_domain(const struct domain_report *domain, void *user)
{
    Mirror *mirror = user;
    const struct domain_report *known = g_hash_table_lookup(mirror->domains, domain->uuid);

    if (mirror->touched)
        g_hash_table_add(mirror->touched, g_strdup(domain->uuid));
    if (!mirror->listed)
        return; /* the list that is under way will say it */
    if (known ? report_same_domain(known, domain) : domain->state == DOMAIN_ABSENT)
        return;
    put_domain(mirror, domain);
    mirror->sink.domain(domain, mirror->sink.user);
}

/* ---- listing ------------------------------------------------------------------------------- */

struct listing {
    Mirror *mirror;
    unsigned link;
    bool want_facts;
    struct agent_hello hello;
    struct domain_report *domains;
    size_t n_domains;
    GError *error;
};

static void listing_free(struct listing *listing)
{
    agent_hello_clear(&listing->hello);
    for (size_t i = 0; i < listing->n_domains; i++)
        domain_report_clear(&listing->domains[i]);
    g_free(listing->domains);
    g_clear_error(&listing->error);
    g_free(listing);
}

static void list_run(void *thread_state, void *data)
{
    struct listing *listing = data;
    const struct hv *hv = &listing->mirror->hv;

    (void)thread_state;
    if (listing->want_facts && !hv->ops->facts(hv->data, &listing->hello, &listing->error))
        return;
    hv->ops->list(hv->data, &listing->domains, &listing->n_domains, &listing->error);
}

static void list_begin(Mirror *mirror);

static gboolean on_retry(gpointer user)
{
    Mirror *mirror = user;

    mirror->retry_timer = 0;
    if (mirror->up)
        list_begin(mirror);
    return G_SOURCE_REMOVE;
}

/* Tells the differences between the table and the list, and makes the table equal it. */
static void apply_list(Mirror *mirror, const struct listing *listing, GHashTable *touched)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GList) known = NULL;

    for (size_t i = 0; i < listing->n_domains; i++) {
        g_hash_table_add(seen, listing->domains[i].uuid);
        if (!g_hash_table_contains(touched, listing->domains[i].uuid))
            on_domain(&listing->domains[i], mirror);
    }
    known = g_hash_table_get_keys(mirror->domains);
    for (GList *item = known; item; item = item->next) {
        struct domain_report gone;

        if (g_hash_table_contains(seen, item->data) || g_hash_table_contains(touched, item->data))
            continue;
        report_set_absent(item->data, "found missing", &gone);
        on_domain(&gone, mirror);
        domain_report_clear(&gone);
    }
}

static void take_facts(Mirror *mirror, struct listing *listing)
{
    g_autofree char *name = g_strdup(mirror->name);

    agent_hello_clear(&mirror->hello);
    mirror->hello = listing->hello;
    listing->hello = (struct agent_hello){ 0 };
    g_free(mirror->hello.name);
    mirror->hello.name = g_steal_pointer(&name);
    g_free(mirror->hello.agent_version);
    mirror->hello.agent_version = g_strdup(PACKAGE_VERSION);
    mirror->hello.protocol = AGENT_PROTOCOL_VERSION;
    mirror->has_facts = true;
}

static void list_ok(Mirror *mirror, struct listing *listing, GHashTable *touched)
{
    bool first = !mirror->listed;

    if (listing->want_facts)
        take_facts(mirror, listing);
    if (!first) {
        apply_list(mirror, listing, touched);
        return;
    }
    g_hash_table_remove_all(mirror->domains);
    for (size_t i = 0; i < listing->n_domains; i++)
        put_domain(mirror, &listing->domains[i]);
    mirror->listed = true;
    mirror->sink.full(mirror->sink.user);
    /* Events that came before the list was there were dropped: ask once more. */
    if (g_hash_table_size(touched) > 0)
        list_begin(mirror);
}

static void list_failed(Mirror *mirror, const GError *error)
{
    log_warning("cannot list the domains", "ERROR", error->message, NULL);
    if (mirror->retry_timer == 0)
        mirror->retry_timer = g_timeout_add(RETRY_MS, on_retry, mirror);
}

static void list_done(void *data, bool ran)
{
    struct listing *listing = data;
    Mirror *mirror = listing->mirror;

    if (ran && mirror->up && listing->link == mirror->link) {
        g_autoptr(GHashTable) touched = g_steal_pointer(&mirror->touched);

        if (listing->error)
            list_failed(mirror, listing->error);
        else
            list_ok(mirror, listing, touched);
    }
    listing_free(listing);
}

static void list_begin(Mirror *mirror)
{
    struct listing *listing;

    if (mirror->touched)
        return; /* one is under way */
    listing = g_new0(struct listing, 1);
    listing->mirror = mirror;
    listing->link = mirror->link;
    listing->want_facts = !mirror->listed;
    mirror->touched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    mirror->list_ms = clock_now_ms();
    if (!work_pool_submit(mirror->pool, "list", list_run, list_done, listing)) {
        g_clear_pointer(&mirror->touched, g_hash_table_unref);
        listing_free(listing);
    }
}

static gboolean on_relist(gpointer user)
{
    Mirror *mirror = user;

    if (mirror->up)
        list_begin(mirror);
    return G_SOURCE_CONTINUE;
}

static void on_link(bool up, void *user)
{
    Mirror *mirror = user;

    mirror->link++;
    mirror->up = up;
    mirror->listed = false;
    g_clear_pointer(&mirror->touched, g_hash_table_unref);
    if (up)
        list_begin(mirror);
    else
        mirror->sink.lost(mirror->sink.user);
}

/* ---- samples ------------------------------------------------------------------------------- */

struct sampling {
    Mirror *mirror;
    struct watch_line line;
    GError *error;
};

static void sample_run(void *thread_state, void *data)
{
    struct sampling *sampling = data;
    const struct hv *hv = &sampling->mirror->hv;

    (void)thread_state;
    hv->ops->stats(hv->data, &sampling->line, &sampling->error);
}

static void sample_done(void *data, bool ran)
{
    struct sampling *sampling = data;
    Mirror *mirror = sampling->mirror;

    mirror->sampling = false;
    if (sampling->error)
        log_debug("no sample of the loads", "ERROR", sampling->error->message, NULL);
    else if (ran && mirror->listed && sampling->line.interval_ms > 0)
        mirror->sink.stats(&sampling->line, mirror->sink.user);
    watch_line_clear(&sampling->line);
    g_clear_error(&sampling->error);
    g_free(sampling);
}

static bool takes_too_long(bool under_way, int64_t since_ms)
{
    return under_way && clock_now_ms() - since_ms > HANG_MS;
}

/* A libvirtd whose connections live, but which answers nothing: its keepalive comes from another
 * thread than its answers. */
static gboolean on_look(gpointer user)
{
    Mirror *mirror = user;
    const bool hangs = mirror->up && (takes_too_long(mirror->touched, mirror->list_ms) ||
                                      takes_too_long(mirror->sampling, mirror->sample_ms));

    if (hangs == mirror->hangs)
        return G_SOURCE_CONTINUE;
    mirror->hangs = hangs;
    if (!mirror->listed)
        return G_SOURCE_CONTINUE;
    if (hangs)
        mirror->sink.lost(mirror->sink.user);
    else
        mirror->sink.full(mirror->sink.user);
    return G_SOURCE_CONTINUE;
}

static gboolean on_sample(gpointer user)
{
    Mirror *mirror = user;
    struct sampling *sampling;

    if (!mirror->listed || mirror->sampling)
        return G_SOURCE_CONTINUE;
    sampling = g_new0(struct sampling, 1);
    sampling->mirror = mirror;
    sampling->line.kind = WATCH_STATS;
    mirror->sample_ms = clock_now_ms();
    mirror->sampling = work_pool_submit(mirror->pool, "sample", sample_run, sample_done, sampling);
    if (!mirror->sampling)
        g_free(sampling);
    return G_SOURCE_CONTINUE;
}

/* ---- life ---------------------------------------------------------------------------------- */

Mirror *mirror_new(const struct mirror_options *options)
{
    Mirror *mirror = g_new0(Mirror, 1);
    const struct work_pool_options pool = { .name = "mirror", .n_threads = N_THREADS };

    mirror->hv = *options->hv;
    mirror->sink = options->sink;
    mirror->name = g_strdup(options->name);
    mirror->stats_interval_ms = options->stats_interval_ms;
    mirror->domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, drop_domain);
    mirror->pool = work_pool_new(&pool);
    return mirror;
}

void mirror_start(Mirror *mirror)
{
    const struct hv_sink sink = { .domain = on_domain, .link = on_link, .user = mirror };

    mirror->look_timer = g_timeout_add(RETRY_MS, on_look, mirror);
    mirror->relist_timer = g_timeout_add_seconds(RELIST_INTERVAL_S, on_relist, mirror);
    if (mirror->stats_interval_ms > 0)
        mirror->stats_timer = g_timeout_add((guint)mirror->stats_interval_ms, on_sample, mirror);
    mirror->hv.ops->start_link(mirror->hv.data, &sink);
}

static void stop_timer(guint *timer)
{
    if (*timer)
        g_source_remove(*timer);
    *timer = 0;
}

bool mirror_is_idle(const Mirror *mirror)
{
    return work_pool_depth(mirror->pool) == 0;
}

bool mirror_free(Mirror *mirror)
{
    if (!mirror)
        return true;
    stop_timer(&mirror->look_timer);
    stop_timer(&mirror->relist_timer);
    stop_timer(&mirror->stats_timer);
    stop_timer(&mirror->retry_timer);
    mirror->up = false;
    mirror->listed = false;
    if (!mirror_is_idle(mirror) || !mirror->hv.ops->free(mirror->hv.data))
        return false;
    work_pool_free(mirror->pool);
    g_clear_pointer(&mirror->touched, g_hash_table_unref);
    g_hash_table_unref(mirror->domains);
    agent_hello_clear(&mirror->hello);
    g_free(mirror->name);
    g_free(mirror);
    return true;
}

/* ---- looking ------------------------------------------------------------------------------- */

bool mirror_ok(const Mirror *mirror)
{
    return mirror->listed && !mirror->hangs;
}

bool mirror_hello(const Mirror *mirror, struct agent_hello *ret_hello)
{
    if (!mirror->has_facts)
        return false;
    report_copy_hello(&mirror->hello, ret_hello);
    return true;
}

void mirror_fill_full(const Mirror *mirror, struct watch_line *line)
{
    GHashTableIter iter;
    gpointer domain;

    line->hypervisor_ok = mirror_ok(mirror);
    line->domains = g_new0(struct domain_report, g_hash_table_size(mirror->domains) + 1);
    g_hash_table_iter_init(&iter, mirror->domains);
    while (line->n_domains < AGENT_MAX_DOMAINS && g_hash_table_iter_next(&iter, NULL, &domain))
        report_copy_domain(domain, &line->domains[line->n_domains++]);
}

int64_t mirror_gen(const Mirror *mirror, const char *uuid)
{
    const struct domain_report *domain = g_hash_table_lookup(mirror->domains, uuid);

    return domain ? domain->gen : 0;
}

bool mirror_has(const Mirror *mirror, const char *uuid)
{
    return g_hash_table_contains(mirror->domains, uuid);
}

unsigned mirror_n_domains(const Mirror *mirror)
{
    return g_hash_table_size(mirror->domains);
}
