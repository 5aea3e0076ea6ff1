/* servers.c - see servers.h. */
#include "config.h"

#include "db/servers.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/err.h"
#include "db/db.h"
#include "model/reason.h"

#define MAX_SERVERS  16
#define MIN_SHARE_MS 200
#define OTHERS_MS    500 /* for each of the others, once one is found that would do */

struct Servers {
    struct server_line *line;
    GPtrArray *conninfos; /* char *, one a server */
    unsigned first;       /* where the next attempt begins */
    bool ask_all;         /* at the next attempt */
};

/* ---- from one connection string to one a server --------------------------------------------- */

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (g_str_equal(option->keyword, keyword))
            return option->val && *option->val ? option->val : NULL;
    }
    return NULL;
}

static unsigned count_of(const char *list)
{
    unsigned n = 1;

    if (!list)
        return 0;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

/* Item index of a list; a single port is that of all. */
static char *item_of(const char *list, unsigned index)
{
    g_auto(GStrv) items = g_strsplit(list, ",", -1);
    unsigned n = g_strv_length(items);

    return g_strdup(index < n ? items[index] : n == 1 ? items[0] : "");
}

/* host, hostaddr and port; NULL where the list is well formed. */
static char *lists_wrong(const PQconninfoOption *options, unsigned *ret_n)
{
    unsigned n_names = count_of(value_of(options, "host"));
    unsigned n_addresses = count_of(value_of(options, "hostaddr"));
    unsigned n_ports = count_of(value_of(options, "port"));
    unsigned n = MAX(MAX(n_names, n_addresses), 1);

    if (n > MAX_SERVERS)
        return g_strdup_printf("at most %d servers, not %u", MAX_SERVERS, n);
    if (n_names != 0 && n_addresses != 0 && n_names != n_addresses)
        return g_strdup_printf("as many items in host (%u) as in hostaddr (%u)", n_names,
                               n_addresses);
    if (n_ports > 1 && n_ports != n)
        return g_strdup_printf("one port for all, or as many ports (%u) as servers (%u)", n_ports,
                               n);
    *ret_n = n;
    return NULL;
}

/* Of several servers, only the one that takes writes will do. */
static char *attrs_wrong(const PQconninfoOption *options, unsigned n)
{
    const char *attrs = value_of(options, "target_session_attrs");

    if (n == 1 || !attrs || g_str_equal(attrs, "read-write") || g_str_equal(attrs, "primary"))
        return NULL;
    return g_strdup_printf("target_session_attrs=read-write for several servers, not %s", attrs);
}

static bool is_list(const char *keyword)
{
    return g_str_equal(keyword, "host") || g_str_equal(keyword, "hostaddr") ||
           g_str_equal(keyword, "port");
}

static void add_pair(GString *text, const char *keyword, const char *value)
{
    g_string_append_printf(text, "%s%s='", text->len > 0 ? " " : "", keyword);
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *value);
    }
    g_string_append_c(text, '\'');
}

static char *conninfo_of(const PQconninfoOption *options, unsigned index)
{
    GString *text = g_string_new("");

    for (const PQconninfoOption *option = options; option->keyword; option++) {
        g_autofree char *item = NULL;

        if (!option->val)
            continue;
        item = is_list(option->keyword) ? item_of(option->val, index) : g_strdup(option->val);
        if (*item)
            add_pair(text, option->keyword, item);
    }
    return g_string_free(text, FALSE);
}

/* Appends to conninfos unless NULL; what is wanted instead, or NULL. */
static char *split(const char *conninfo, GPtrArray *conninfos)
{
    char *want = pg_conninfo_wrong(conninfo);
    PQconninfoOption *options;
    unsigned n = 0;

    if (want)
        return want;
    options = PQconninfoParse(conninfo, NULL);
    if (!options)
        g_error("libpq: out of memory");
    want = lists_wrong(options, &n);
    if (!want)
        want = attrs_wrong(options, n);
    for (unsigned i = 0; !want && conninfos && i < n; i++)
        g_ptr_array_add(conninfos, conninfo_of(options, i));
    PQconninfoFree(options);
    return want;
}

char *servers_wrong(const char *conninfo)
{
    return split(conninfo, NULL);
}

Servers *servers_new(const char *conninfo, struct server_line *line, GError **error)
{
    g_autoptr(GPtrArray) conninfos = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *want = split(conninfo, conninfos);
    Servers *servers;

    if (want) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "conninfo", "database conninfo: want %s", want);
        return NULL;
    }
    servers = g_new0(Servers, 1);
    servers->line = line;
    servers->ask_all = true; /* which timeline is the newest is not known yet */
    servers->conninfos = g_steal_pointer(&conninfos);
    return servers;
}

void servers_free(Servers *servers)
{
    if (!servers)
        return;
    g_ptr_array_unref(servers->conninfos);
    g_free(servers);
}

size_t servers_count(const Servers *servers)
{
    return servers->conninfos->len;
}

const char *servers_conninfo(const Servers *servers, size_t index)
{
    return servers->conninfos->pdata[index];
}

/* ---- connecting ------------------------------------------------------------------------------ */

bool servers_current(const Servers *servers, const Pg *pg)
{
    return pg_timeline(pg) >= atomic_load(&servers->line->newest);
}

void servers_avoid(Servers *servers)
{
    servers->first = (servers->first + 1) % servers->conninfos->len;
}

void servers_ask_all(Servers *servers)
{
    servers->ask_all = true;
}

static void raise_line(struct server_line *line, int64_t timeline)
{
    int64_t newest = atomic_load(&line->newest);

    while (newest < timeline && !atomic_compare_exchange_weak(&line->newest, &newest, timeline))
        continue;
}

static Pg *open_one(const Servers *servers, unsigned index, int64_t connect_ms,
                    int64_t statement_ms, GError **error)
{
    Pg *pg = pg_open(servers->conninfos->pdata[index], connect_ms, statement_ms, error);

    if (!pg || servers_current(servers, pg))
        return pg;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_DATABASE, NULL,
                   "an old primary: it is on timeline %" G_GINT64_FORMAT ", another was promoted to"
                   " timeline %" G_GINT64_FORMAT,
                   pg_timeline(pg), (int64_t)atomic_load(&servers->line->newest));
    pg_close(pg);
    return NULL;
}

/* Takes error.  The first one's code is that of all. */
static void add_trouble(GError **all, GError *error, unsigned number)
{
    char *text;

    if (!*all) {
        *all = error;
        g_prefix_error(all, "server %u: ", number);
        return;
    }
    text = g_strdup_printf("%s; server %u: %s", (*all)->message, number, error->message);
    g_free((*all)->message);
    (*all)->message = text;
    g_error_free(error);
}

static Pg *newer_of(Pg *best, Pg *other)
{
    if (!best || pg_timeline(other) > pg_timeline(best)) {
        pg_close(best);
        return other;
    }
    pg_close(other);
    return best;
}

static Pg *open_best(Servers *servers, int64_t connect_ms, int64_t statement_ms, GError **ret_all)
{
    const unsigned n = servers->conninfos->len, first = servers->first;
    int64_t deadline_ms = clock_now_ms() + connect_ms;
    Pg *best = NULL;

    for (unsigned i = 0; i < n && (!best || servers->ask_all); i++) {
        unsigned index = (first + i) % n;
        int64_t share_ms = MAX((deadline_ms - clock_now_ms()) / (n - i), MIN_SHARE_MS);
        GError *error = NULL;
        Pg *pg = open_one(servers, index, best ? MIN(share_ms, OTHERS_MS) : share_ms, statement_ms,
                          &error);

        if (!pg) {
            add_trouble(ret_all, error, index + 1);
            continue;
        }
        best = newer_of(best, pg);
        if (best == pg)
            servers->first = index;
    }
    return best;
}

Pg *servers_open(Servers *servers, int64_t connect_ms, int64_t statement_ms, GError **error)
{
    GError *all = NULL;
    Pg *pg;

    if (servers->conninfos->len == 1)
        pg = open_one(servers, 0, connect_ms, statement_ms, &all);
    else
        pg = open_best(servers, connect_ms, statement_ms, &all);
    if (pg) {
        servers->ask_all = false;
        g_clear_error(&all);
        raise_line(servers->line, pg_timeline(pg));
        return pg;
    }
    g_propagate_error(error, all);
    return NULL;
}
