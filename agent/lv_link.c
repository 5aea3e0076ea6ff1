/* lv_link.c - see lv.h: connections to libvirtd, their loss, and libvirt's events.
 *
 * Connecting blocks (for ever, if libvirtd stands still), so it has a thread of its own.  An event
 * says only that something happened: a worker then looks what is true now. */
#include "config.h"

#include <poll.h>
#include <string.h>

#include "agent/lv.h"
#include "agent/report.h"
#include "base/err.h"
#include "base/log.h"

#define KEEPALIVE_INTERVAL_S 2
#define KEEPALIVE_COUNT      3
#define RETRY_MIN_MS         100
#define RETRY_MAX_MS         5000
#define MAX_TRACES           4096
#define BYTES_PER_MIB        (1u << 20)

/* ---- small things --------------------------------------------------------------------------- */

void lv_close(virConnectPtr conn)
{
    if (conn)
        virConnectClose(conn);
}

void lv_free_domain(virDomainPtr domain)
{
    if (domain)
        virDomainFree(domain);
}

void lv_wait_ms(unsigned ms)
{
    (void)poll(NULL, 0, (int)ms);
}

virConnectPtr lv_conn(Lv *lv, enum lv_conn which, GError **error)
{
    virConnectPtr conn;

    pthread_mutex_lock(&lv->mutex);
    conn = lv->conns[which];
    if (conn)
        virConnectRef(conn);
    pthread_mutex_unlock(&lv->mutex);
    if (!conn)
        err_set_reason(error, VRM_ERR_UNAVAILABLE, 0, HV_FIELD_LINK, "libvirtd does not answer");
    return conn;
}

virConnectPtr lv_open(const char *uri, GError **error)
{
    virConnectPtr conn = virConnectOpen(uri);

    if (!conn) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, 0, HV_FIELD_LINK, "%s: %s", uri,
                       virGetLastErrorMessage());
        return NULL;
    }
    /* Not possible, nor needed, where libvirt runs inside this process (test driver). */
    (void)virConnectSetKeepAlive(conn, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);
    return conn;
}

virDomainPtr lv_domain(virConnectPtr conn, const char *uuid, GError **error)
{
    virDomainPtr domain = virDomainLookupByUUIDString(conn, uuid);

    if (!domain)
        lv_set_error(error, "find the VM");
    return domain;
}

/* ---- traces --------------------------------------------------------------------------------- */

void lv_trace_clear(struct lv_trace *trace)
{
    g_free(trace->end);
    *trace = (struct lv_trace){ 0 };
}

/* Mutex held. */
static struct lv_trace *trace_of(Lv *lv, const char *uuid)
{
    struct lv_trace *trace = g_hash_table_lookup(lv->traces, uuid);

    if (trace)
        return trace;
    if (g_hash_table_size(lv->traces) >= MAX_TRACES)
        g_hash_table_remove_all(lv->traces); /* only ever a help */
    trace = g_new0(struct lv_trace, 1);
    g_hash_table_insert(lv->traces, g_strdup(uuid), trace);
    return trace;
}

static void note_end(Lv *lv, const char *uuid, const char *end)
{
    struct lv_trace *trace;

    pthread_mutex_lock(&lv->mutex);
    trace = trace_of(lv, uuid);
    g_free(trace->end);
    trace->end = g_strdup(end);
    pthread_mutex_unlock(&lv->mutex);
}

void lv_take_trace(Lv *lv, const char *uuid, struct lv_trace *ret_trace)
{
    const struct lv_trace *trace;

    pthread_mutex_lock(&lv->mutex);
    trace = g_hash_table_lookup(lv->traces, uuid);
    *ret_trace = trace ? *trace : (struct lv_trace){ 0 };
    ret_trace->end = g_strdup(ret_trace->end);
    pthread_mutex_unlock(&lv->mutex);
}

void lv_drop_trace(Lv *lv, const char *uuid)
{
    pthread_mutex_lock(&lv->mutex);
    g_hash_table_remove(lv->traces, uuid);
    pthread_mutex_unlock(&lv->mutex);
}

/* ---- events: worker and loop ---------------------------------------------------------------- */

struct domain_event {
    Lv *lv;
    char uuid[VIR_UUID_STRING_BUFLEN];
    const char *end; /* how it ended, if it did */
    struct domain_report report;
    bool described;
};

static void event_run(void *thread_state, void *data)
{
    struct domain_event *event = data;
    g_autoptr(GError) error = NULL;

    (void)thread_state;
    event->described = lv_lookup(event->lv, event->uuid, &event->report, &error);
    if (event->described && event->report.state == DOMAIN_ABSENT && event->end) {
        g_free(event->report.detail);
        event->report.detail = g_strdup(event->end);
    }
}

/* The look came late: the domain has ended since, and the event that says how is on its way.  (If
 * that gets lost with the connection, the next list finds the domain missing.) */
static bool is_before_its_end(const struct domain_event *event)
{
    return event->report.state == DOMAIN_ABSENT && !event->end;
}

static void event_done(void *data, bool ran)
{
    struct domain_event *event = data;

    if (ran && event->described && !event->lv->ending && !is_before_its_end(event))
        event->lv->sink.domain(&event->report, event->lv->sink.user);
    domain_report_clear(&event->report);
    g_free(event);
}

static void look_at(Lv *lv, virDomainPtr domain, const char *end)
{
    struct domain_event *event;

    if (lv->ending)
        return;
    event = g_new0(struct domain_event, 1);
    event->lv = lv;
    event->end = end;
    virDomainGetUUIDString(domain, event->uuid);
    if (end)
        note_end(lv, event->uuid, end);
    if (!work_pool_submit(lv->event_pool, event->uuid, event_run, event_done, event))
        g_free(event);
}

static const char *stopped_detail(int detail)
{
    static const char *const names[] = {
        [VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] = "shut down",
        [VIR_DOMAIN_EVENT_STOPPED_DESTROYED] = "destroyed",
        [VIR_DOMAIN_EVENT_STOPPED_CRASHED] = "crashed",
        [VIR_DOMAIN_EVENT_STOPPED_MIGRATED] = "migrated",
        [VIR_DOMAIN_EVENT_STOPPED_SAVED] = "saved",
        [VIR_DOMAIN_EVENT_STOPPED_FAILED] = "crashed", /* QEMU ended without a word */
        [VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT] = "reverted",
    };

    return detail >= 0 && (size_t)detail < G_N_ELEMENTS(names) ? names[detail] : "stopped";
}

static void note_panic(Lv *lv, const char *uuid)
{
    pthread_mutex_lock(&lv->mutex);
    trace_of(lv, uuid)->panicked = true;
    pthread_mutex_unlock(&lv->mutex);
}

static bool has_panicked(Lv *lv, const char *uuid)
{
    const struct lv_trace *trace;
    bool panicked;

    pthread_mutex_lock(&lv->mutex);
    trace = g_hash_table_lookup(lv->traces, uuid);
    panicked = trace && trace->panicked;
    pthread_mutex_unlock(&lv->mutex);
    return panicked;
}

/* libvirt tells of a panic, then ends the VM as one that crashed (on_crash in its XML). */
static const char *end_of(Lv *lv, const char *uuid, int event, int detail)
{
    if (event == VIR_DOMAIN_EVENT_CRASHED && detail == VIR_DOMAIN_EVENT_CRASHED_PANICKED)
        note_panic(lv, uuid);
    if (event != VIR_DOMAIN_EVENT_STOPPED)
        return NULL;
    return detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED && has_panicked(lv, uuid)
               ? "panicked"
               : stopped_detail(detail);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *user)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    (void)conn;
    virDomainGetUUIDString(domain, uuid);
    if (event == VIR_DOMAIN_EVENT_STARTED)
        lv_drop_trace(user, uuid);
    look_at(user, domain, end_of(user, uuid, event, detail));
    return 0;
}

static void on_metadata(virConnectPtr conn, virDomainPtr domain, int type, const char *uri,
                        void *user)
{
    (void)conn;
    (void)type;
    (void)uri;
    look_at(user, domain, NULL);
}

static int64_t param_of(virTypedParameterPtr params, int n, const char *name)
{
    unsigned long long value = 0;

    if (virTypedParamsGetULLong(params, n, name, &value) != 1 || value > G_MAXINT64)
        return 0;
    return (int64_t)value;
}

/* The figures of a migration; the domain itself is gone when it succeeded. */
static void on_job_completed(virConnectPtr conn, virDomainPtr domain, virTypedParameterPtr params,
                             int n, void *user)
{
    Lv *lv = user;
    char uuid[VIR_UUID_STRING_BUFLEN];
    struct lv_trace *trace;

    (void)conn;
    virDomainGetUUIDString(domain, uuid);
    pthread_mutex_lock(&lv->mutex);
    trace = trace_of(lv, uuid);
    trace->has_job = true;
    trace->downtime_ms = param_of(params, n, VIR_DOMAIN_JOB_DOWNTIME);
    trace->elapsed_ms = param_of(params, n, VIR_DOMAIN_JOB_TIME_ELAPSED);
    trace->transferred_mb = param_of(params, n, VIR_DOMAIN_JOB_DATA_PROCESSED) / BYTES_PER_MIB;
    pthread_mutex_unlock(&lv->mutex);
}

static void subscribe(Lv *lv, virConnectPtr conn)
{
    /* libvirt's own convention: one callback type, cast by event. */
    const struct {
        int event;
        virConnectDomainEventGenericCallback callback;
    } events[] = {
        { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
        { VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata) },
        { VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, VIR_DOMAIN_EVENT_CALLBACK(on_job_completed) },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        if (virConnectDomainEventRegisterAny(conn, NULL, events[i].event, events[i].callback, lv,
                                             NULL) < 0)
            log_debug("libvirt has no such event", "ERROR", virGetLastErrorMessage(), NULL);
    }
}

/* ---- connecting ----------------------------------------------------------------------------- */

struct opening {
    Lv *lv;
    unsigned number;
    virConnectPtr conns[N_LV_CONNS];
    GError *error;
};

/* Any thread of libvirt's. */
static void on_conn_closed(virConnectPtr conn, int reason, void *user)
{
    struct opening *copy = user; /* lv and number only */
    unsigned *number = g_memdup2(&copy->number, sizeof(*number));

    (void)conn;
    (void)reason;
    if (!mailbox_post(copy->lv->closed, number))
        g_free(number);
}

static void close_all(virConnectPtr conns[N_LV_CONNS])
{
    for (size_t i = 0; i < N_LV_CONNS; i++)
        lv_close(g_steal_pointer(&conns[i]));
}

static void watch_conn(const struct opening *opening, virConnectPtr conn)
{
    struct opening *copy = g_new0(struct opening, 1);

    copy->lv = opening->lv;
    copy->number = opening->number;
    if (virConnectRegisterCloseCallback(conn, on_conn_closed, copy, g_free) < 0)
        g_free(copy); /* the test driver has no connection that could break */
}

static void open_run(void *thread_state, void *data)
{
    struct opening *opening = data;

    (void)thread_state;
    for (size_t i = 0; i < N_LV_CONNS; i++) {
        opening->conns[i] = lv_open(opening->lv->uri, &opening->error);
        if (!opening->conns[i]) {
            close_all(opening->conns);
            return;
        }
        watch_conn(opening, opening->conns[i]);
    }
    subscribe(opening->lv, opening->conns[LV_ASK]);
}

static void connect_now(Lv *lv);

static gboolean on_retry(gpointer user)
{
    Lv *lv = user;

    lv->retry_timer = 0;
    connect_now(lv);
    return G_SOURCE_REMOVE;
}

static void connect_later(Lv *lv)
{
    if (lv->ending || lv->retry_timer != 0)
        return;
    lv->retry_timer = g_timeout_add(lv->retry_ms, on_retry, lv);
    lv->retry_ms = MIN(lv->retry_ms * 2, RETRY_MAX_MS);
}

static void open_done(void *data, bool ran)
{
    struct opening *opening = data;
    Lv *lv = opening->lv;

    lv->connecting = false;
    if (opening->error || !ran || lv->ending || lv->broken_number == opening->number) {
        if (opening->error)
            log_debug("cannot connect to libvirtd", "ERROR", opening->error->message, NULL);
        close_all(opening->conns);
        connect_later(lv);
    } else {
        lv->retry_ms = RETRY_MIN_MS;
        pthread_mutex_lock(&lv->mutex);
        memcpy(lv->conns, opening->conns, sizeof(lv->conns));
        pthread_mutex_unlock(&lv->mutex);
        lv->sink.link(true, lv->sink.user);
    }
    g_clear_error(&opening->error);
    g_free(opening);
}

static void connect_now(Lv *lv)
{
    struct opening *opening;

    if (lv->connecting || lv->ending)
        return;
    opening = g_new0(struct opening, 1);
    opening->lv = lv;
    opening->number = ++lv->number;
    lv->connecting = work_pool_submit(lv->link_pool, NULL, open_run, open_done, opening);
    if (!lv->connecting)
        g_free(opening);
}

/* ---- losing --------------------------------------------------------------------------------- */

struct closing {
    virConnectPtr conns[N_LV_CONNS];
};

static void close_run(void *thread_state, void *data)
{
    struct closing *closing = data;

    (void)thread_state;
    close_all(closing->conns);
}

static void close_done(void *data, bool ran)
{
    struct closing *closing = data;

    if (!ran)
        close_all(closing->conns);
    g_free(closing);
}

static void drop_conns(Lv *lv)
{
    struct closing *closing = g_new0(struct closing, 1);

    pthread_mutex_lock(&lv->mutex);
    memcpy(closing->conns, lv->conns, sizeof(closing->conns));
    memset(lv->conns, 0, sizeof(lv->conns));
    pthread_mutex_unlock(&lv->mutex);
    if (!work_pool_submit(lv->link_pool, NULL, close_run, close_done, closing))
        close_done(closing, false);
}

static void on_closed(void *message, void *user)
{
    Lv *lv = user;
    g_autofree unsigned *number = message;
    bool was_up;

    if (*number != lv->number || lv->ending)
        return;
    pthread_mutex_lock(&lv->mutex);
    was_up = lv->conns[LV_ASK] != NULL;
    pthread_mutex_unlock(&lv->mutex);
    if (!was_up) {
        /* The other of the two told already, or open_done is still to come. */
        lv->broken_number = *number;
        return;
    }
    log_warning("libvirtd went away", NULL);
    drop_conns(lv);
    lv->sink.link(false, lv->sink.user);
    connect_later(lv);
}

/* ---- life ----------------------------------------------------------------------------------- */

void lv_start_link(void *hv, const struct hv_sink *sink)
{
    Lv *lv = hv;

    lv->sink = *sink;
    lv->retry_ms = RETRY_MIN_MS;
    lv->closed = mailbox_new(NULL, on_closed, g_free, lv);
    connect_now(lv);
}

bool lv_end_link(Lv *lv)
{
    lv->ending = true;
    if (lv->retry_timer)
        g_source_remove(lv->retry_timer);
    lv->retry_timer = 0;
    if (lv->connecting || work_pool_depth(lv->event_pool) > 0)
        return false;
    drop_conns(lv);
    work_pool_free(lv->event_pool);
    work_pool_free(lv->link_pool);
    if (lv->closed)
        mailbox_free(lv->closed);
    return true;
}
