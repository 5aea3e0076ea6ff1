/* host_news.c - see host_news.h. */
#include "config.h"

#include "controller/host_news.h"

#define SECOND_MS 1000

struct row {
    enum host_status from, to;
    enum event_severity severity;
    const char *event;
    const char *before; /* of the time that the trouble lasted; NULL: it is not said */
    const char *what;   /* of the reason; NULL: there is none */
    const char *after;
};

#define UNSEEN                                                                                     \
    ". The state of its VMs is unknown; none is started elsewhere without proof that it is dead"

// clang-format off
static const struct row rows[] = {
    { HOST_NORMAL,  HOST_UNKNOWN, EVENT_ERROR, "HostUnreachable", NULL, "does not answer",
      UNSEEN },
    { HOST_FAULT,   HOST_UNKNOWN, EVENT_ERROR, "HostUnreachable", NULL, "does not answer",
      UNSEEN },
    { HOST_UNKNOWN, HOST_NORMAL,  EVENT_INFO,  "HostReachable", "answers again after", NULL, "" },
    { HOST_NORMAL,  HOST_FAULT,   EVENT_ERROR, "HostFault", NULL, "has a fault", "" },
    { HOST_UNKNOWN, HOST_FAULT,   EVENT_ERROR, "HostFault", "answers again after",
      ", but has a fault", "" },
    { HOST_FAULT,   HOST_NORMAL,  EVENT_INFO,  "HostFaultCleared",
      "is without fault again after", NULL, "" },
};
// clang-format on

static const struct row *find_row(enum host_status from, enum host_status to)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].from == from && rows[i].to == to)
            return &rows[i];
    }
    return NULL;
}

static char *word(const struct row *row, const struct host_now *now, int64_t lasted_ms)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "host %s ", now->name);
    if (row->before)
        g_string_append_printf(text, "%s %" G_GINT64_FORMAT " s", row->before,
                               lasted_ms / SECOND_MS);
    if (row->what)
        g_string_append_printf(text, "%s: %s", row->what, now->reason);
    g_string_append(text, row->after);
    return g_string_free(text, FALSE);
}

bool host_news_take(struct host_news *news, const struct host_now *now,
                    struct host_news_item *ret_item)
{
    const struct row *row = find_row(news->told, now->status);
    int64_t lasted_ms = now->now_ms - news->since_ms;

    if (!row && now->status != HOST_NORMAL)
        return false; /* known already, or never seen well */
    *news = (struct host_news){ now->status, now->since_ms };
    if (!row)
        return false;
    *ret_item = (struct host_news_item){ row->severity, row->event, word(row, now, lasted_ms) };
    return true;
}
