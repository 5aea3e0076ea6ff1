/* lv_migrate.c - see lv.h: live migration, peer to peer.
 *
 * libvirtd carries the migration; its call blocks until the end and knows no time limit, so it has
 * a thread of its own while the command's worker watches progress, deadline and cancellation.  In
 * the end the truth counts, not the call's result: is the VM still here, and if not, is it there?
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "agent/lv.h"
#include "agent/lv_target.h"
#include "agent/report.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/ref.h"
#include "model/reason.h"

#define QUICK_TICKS    10 /* small VMs move in half a second: look often at first */
#define QUICK_MS       100
#define TICK_MS        400
#define STEP_MS        20
#define ABORT_GRACE_MS 60000 /* a migration that does not end after its abort: outcome unknown */
#define EVENT_WAIT_MS  300   /* for the figures, after the end */
#define BYTES_PER_MIB  (1u << 20)
#define MS_PER_S       1000
#define PERCENT        100

/* ---- libvirt's blocking call ---------------------------------------------------------------- */

/* Shared by the worker that watches and the thread that blocks; either may be the last. */
struct transfer {
    struct ref ref;
    virDomainPtr domain;
    char *target_uri;
    virTypedParameterPtr params;
    int n_params;
    unsigned long flags;
    pthread_mutex_t mutex;
    /* below the mutex */
    bool ended, ok;
    bool unwanted; /* cancelled before it began */
    virErrorPtr error;
};

static void transfer_unref(struct transfer *transfer)
{
    if (!ref_put(&transfer->ref))
        return;
    virDomainFree(transfer->domain);
    virTypedParamsFree(transfer->params, transfer->n_params);
    virFreeError(transfer->error);
    pthread_mutex_destroy(&transfer->mutex);
    g_free(transfer->target_uri);
    g_free(transfer);
}

static void transfer_run(void *thread_state, void *data)
{
    struct transfer *transfer = data;
    bool unwanted;
    int code = -1;
    virErrorPtr error = NULL;

    (void)thread_state;
    pthread_mutex_lock(&transfer->mutex);
    unwanted = transfer->unwanted;
    pthread_mutex_unlock(&transfer->mutex);
    if (!unwanted) {
        code = virDomainMigrateToURI3(transfer->domain, transfer->target_uri, transfer->params,
                                      (unsigned)transfer->n_params, (unsigned)transfer->flags);
        error = code < 0 ? virSaveLastError() : NULL;
    }
    pthread_mutex_lock(&transfer->mutex);
    transfer->ended = true;
    transfer->ok = code == 0;
    transfer->error = error;
    pthread_mutex_unlock(&transfer->mutex);
}

static void transfer_done(void *data, bool ran)
{
    struct transfer *transfer = data;

    if (!ran) {
        pthread_mutex_lock(&transfer->mutex);
        transfer->ended = true;
        pthread_mutex_unlock(&transfer->mutex);
    }
    transfer_unref(transfer);
}

/* True if the call has ended. */
static bool transfer_wait(struct transfer *transfer, unsigned ms)
{
    for (unsigned waited = 0;; waited += STEP_MS) {
        bool ended;

        pthread_mutex_lock(&transfer->mutex);
        ended = transfer->ended;
        pthread_mutex_unlock(&transfer->mutex);
        if (ended || waited >= ms)
            return ended;
        lv_wait_ms(STEP_MS);
    }
}

static void transfer_unwant(struct transfer *transfer)
{
    pthread_mutex_lock(&transfer->mutex);
    transfer->unwanted = true;
    pthread_mutex_unlock(&transfer->mutex);
}

/* ---- parameters ----------------------------------------------------------------------------- */

static bool set_params(const struct hv_migration *migration, struct transfer *transfer)
{
    const struct migrate_args *args = migration->args;
    g_autofree char *host = lv_target_uri_host(args->target_address);
    g_autofree char *data_uri = g_strdup_printf("tcp://%s", host);
    int max = 0;

    transfer->target_uri = lv_target_uri(args->target_address);
    if (virTypedParamsAddString(&transfer->params, &transfer->n_params, &max, VIR_MIGRATE_PARAM_URI,
                                data_uri) < 0)
        return false;
    return args->bandwidth_mib <= 0 ||
           virTypedParamsAddULLong(&transfer->params, &transfer->n_params, &max,
                                   VIR_MIGRATE_PARAM_BANDWIDTH,
                                   (unsigned long long)args->bandwidth_mib) == 0;
}

static unsigned long flags_of(const Lv *lv, const struct migrate_args *args)
{
    unsigned long flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_ABORT_ON_ERROR;

    if (lv->migrate_tls)
        flags |= VIR_MIGRATE_TLS;
    if (lv->shared_storage_unchecked)
        flags |= VIR_MIGRATE_UNSAFE;
    if (args->auto_converge)
        flags |= VIR_MIGRATE_AUTO_CONVERGE;
    return flags;
}

/* Takes the domain. */
static struct transfer *transfer_new(const Lv *lv, const struct hv_migration *migration,
                                     virDomainPtr domain, GError **error)
{
    struct transfer *transfer = g_new0(struct transfer, 1);

    ref_init(&transfer->ref);
    transfer->domain = domain;
    pthread_mutex_init(&transfer->mutex, NULL);
    transfer->flags = flags_of(lv, migration->args);
    if (set_params(migration, transfer))
        return transfer;
    lv_set_error(error, "prepare the migration");
    transfer_unref(transfer);
    return NULL;
}

/* The generation travels with the domain. */
static bool set_gen(virDomainPtr domain, int64_t gen, GError **error)
{
    struct domxml_mark mark;

    if (!lv_read_mark(domain, &mark, error))
        return false;
    if (mark.gen == gen)
        return true;
    mark.gen = gen;
    return lv_set_mark(domain, &mark, error);
}

/* ---- watching ------------------------------------------------------------------------------- */

struct watch {
    Lv *lv;
    const struct hv_migration *migration;
    virDomainPtr domain;
    struct transfer *transfer; /* NULL: resumed */
    int64_t begun_ms;
    bool cancelled, timed_out;
    bool job_active; /* the last look saw it run */
    struct command_report report;
};

static int64_t job_param(virTypedParameterPtr params, int n, const char *name)
{
    unsigned long long value = 0;

    if (virTypedParamsGetULLong(params, n, name, &value) != 1 || value > G_MAXINT64)
        return 0;
    return (int64_t)value;
}

static void read_job(struct watch *watch)
{
    struct command_report *report = &watch->report;
    virTypedParameterPtr params = NULL;
    int n = 0, type = VIR_DOMAIN_JOB_NONE, operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
    int64_t total, remaining;

    watch->job_active = false;
    if (virDomainGetJobStats(watch->domain, &type, &params, &n, 0) < 0)
        return;
    virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &operation);
    watch->job_active =
        type != VIR_DOMAIN_JOB_NONE && operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
    /* Figures of a job that is being aborted say nothing. */
    if (watch->job_active && !watch->timed_out && !watch->cancelled) {
        total = job_param(params, n, VIR_DOMAIN_JOB_MEMORY_TOTAL);
        remaining = job_param(params, n, VIR_DOMAIN_JOB_MEMORY_REMAINING);
        report->transferred_mb =
            job_param(params, n, VIR_DOMAIN_JOB_MEMORY_PROCESSED) / BYTES_PER_MIB;
        report->remaining_mb = remaining / BYTES_PER_MIB;
        report->dirty_mbps = job_param(params, n, VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE) *
                             job_param(params, n, VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE) / BYTES_PER_MIB;
        if (total > 0)
            report->progress = CLAMP((total - remaining) * PERCENT / total, 0, PERCENT - 1);
    }
    virTypedParamsFree(params, n);
}

/* Ends the migration if it should not go on; a phase that cannot be aborted is tried again. */
static void end_if_unwanted(struct watch *watch)
{
    int64_t elapsed_ms = watch->report.elapsed_ms;

    if (elapsed_ms >= watch->migration->args->timeout_ms && !watch->cancelled)
        watch->timed_out = true;
    if (!watch->timed_out && !watch->cancelled)
        return;
    if (watch->transfer)
        transfer_unwant(watch->transfer);
    if (watch->job_active)
        (void)virDomainAbortJob(watch->domain);
}

static void look(struct watch *watch)
{
    watch->report.elapsed_ms = clock_now_ms() - watch->begun_ms;
    read_job(watch);
    if (!watch->migration->progress(&watch->report, watch->migration->user) && !watch->timed_out)
        watch->cancelled = true;
    end_if_unwanted(watch);
}

static bool gave_up(const struct watch *watch)
{
    return watch->report.elapsed_ms > watch->migration->args->timeout_ms + ABORT_GRACE_MS;
}

static unsigned tick_ms(unsigned tick)
{
    return tick < QUICK_TICKS ? QUICK_MS : TICK_MS;
}

/* False: it neither ended nor could be ended. */
static bool watch_transfer(struct watch *watch)
{
    for (unsigned tick = 0; !transfer_wait(watch->transfer, tick_ms(tick)); tick++) {
        look(watch);
        if (gave_up(watch))
            return false;
    }
    return true;
}

/* Follows the job that a former agent began, until it is over. */
static bool watch_job(struct watch *watch)
{
    for (unsigned tick = 0;; tick++) {
        look(watch);
        if (!watch->job_active)
            return true;
        if (gave_up(watch))
            return false;
        lv_wait_ms(tick_ms(tick));
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

/* What libvirt says when the other host's libvirtd dies, hangs or loses its network. */
static bool is_lost_target(const virError *saved)
{
    return saved && (saved->domain == VIR_FROM_RPC || saved->domain == VIR_FROM_REMOTE ||
                     (saved->message && strstr(saved->message, "client socket is closed")));
}

static void set_libvirt_reason(const struct watch *watch, GError **error)
{
    const char *target = watch->migration->args->target_name;
    const virError *saved = watch->transfer->error;
    g_autofree char *what = g_strdup_printf("migration to %s", target);

    if (is_lost_target(saved))
        err_set(error, VRM_ERR_UNAVAILABLE, "%s: the connection to its libvirtd broke: %s", what,
                saved->message);
    else
        lv_set_saved_error(error, saved, what, false);
}

/* Why it failed: our own will first, then libvirt's words. */
static void set_reason(const struct watch *watch, GError **error)
{
    const struct command_report *report = &watch->report;
    const char *target = watch->migration->args->target_name;

    if (watch->cancelled) {
        err_set(error, VRM_ERR_CONFLICT, "cancelled");
    } else if (watch->timed_out) {
        err_set(error, VRM_ERR_TIMEOUT,
                "migration to %s not done within %" PRId64 " s: %" PRId64 " %% copied, %" PRId64
                " MiB left, the guest dirties %" PRId64 " MiB/s",
                target, watch->migration->args->timeout_ms / MS_PER_S, report->progress,
                report->remaining_mb, report->dirty_mbps);
    } else if (!watch->transfer) {
        err_set(error, VRM_ERR_CONFLICT, "migration to %s was interrupted and did not succeed",
                target);
    } else {
        set_libvirt_reason(watch, error);
    }
}

/* The figures came by an event, if the migration succeeded; it may be on its way. */
static void take_figures(struct watch *watch, struct command_report *ret_result)
{
    struct lv_trace trace = { 0 };

    for (unsigned waited = 0; waited < EVENT_WAIT_MS; waited += QUICK_MS) {
        lv_trace_clear(&trace);
        lv_take_trace(watch->lv, watch->migration->uuid, &trace);
        if (trace.has_job)
            break;
        lv_wait_ms(QUICK_MS);
    }
    ret_result->elapsed_ms = MAX(clock_now_ms() - watch->begun_ms, trace.elapsed_ms);
    ret_result->dirty_mbps = watch->report.dirty_mbps;
    ret_result->downtime_ms = trace.downtime_ms;
    ret_result->transferred_mb = MAX(trace.transferred_mb, watch->report.transferred_mb);
    lv_trace_clear(&trace);
}

/* The VM is not here any more.  Did it arrive? */
static bool settle_gone(struct watch *watch, GError **error)
{
    const struct migrate_args *args = watch->migration->args;
    struct lv_trace trace;
    enum lv_arrival arrival;
    bool migrated;

    lv_take_trace(watch->lv, watch->migration->uuid, &trace);
    migrated = g_strcmp0(trace.end, "migrated") == 0;
    lv_trace_clear(&trace);
    if (migrated)
        return true;
    arrival = lv_target_ask(watch->lv, args->target_address, watch->migration->uuid);
    if (arrival == LV_ARRIVED)
        return true;
    if (arrival == LV_NOT_THERE)
        err_set(error, VRM_ERR_INTERNAL, "the VM ended during its migration to %s",
                args->target_name);
    else
        err_set(error, VRM_ERR_TIMEOUT, "the VM is gone here; whether it runs on %s is not known",
                args->target_name);
    return false;
}

/* The VM is still here.  why NULL: libvirt claimed success. */
static bool fail_here(GError *why, GError **error)
{
    if (!why)
        err_set(&why, VRM_ERR_INTERNAL, "libvirt reported success, but the VM is still here");
    g_propagate_error(error, why);
    return false;
}

/* The truth after the end, whatever the call said. */
static bool settle(struct watch *watch, struct command_report *ret_result, GError **error)
{
    bool succeeded = watch->transfer && watch->transfer->ok;
    struct domain_report here = { 0 };
    g_autoptr(GError) why = NULL;
    enum domain_state state;

    if (!succeeded)
        set_reason(watch, &why);
    if (!lv_lookup(watch->lv, watch->migration->uuid, &here, error))
        return false;
    state = here.state;
    domain_report_clear(&here);
    if (state != DOMAIN_ABSENT)
        return fail_here(g_steal_pointer(&why), error);
    if (!succeeded && !settle_gone(watch, error)) {
        g_prefix_error(error, "%s; ", why->message);
        return false;
    }
    take_figures(watch, ret_result);
    return true;
}

/* ---- the two ways in ------------------------------------------------------------------------ */

static bool unknown_outcome(const struct watch *watch, GError **error)
{
    err_set(error, VRM_ERR_TIMEOUT,
            "migration to %s does not end, not even %d s after it was aborted",
            watch->migration->args->target_name, ABORT_GRACE_MS / MS_PER_S);
    return false;
}

/* Our libvirtd died, or our connection: the call's error says nothing about the migration. */
static bool link_broke(GError **error)
{
    err_set_reason(error, VRM_ERR_TIMEOUT, 0, HV_FIELD_LINK,
                   "libvirtd went away during the migration");
    return false;
}

static bool begin(struct watch *watch, virConnectPtr conn, GError **error)
{
    const struct hv_migration *migration = watch->migration;
    g_autoptr(virDomain) domain = lv_domain(conn, migration->uuid, error);

    if (!domain || !lv_target_probe(migration->args->target_address, error) ||
        !set_gen(domain, migration->gen, error))
        return false;
    lv_drop_trace(watch->lv, migration->uuid);
    virDomainRef(domain);
    watch->transfer = transfer_new(watch->lv, migration, domain, error);
    if (!watch->transfer)
        return false;
    watch->domain = watch->transfer->domain;
    ref_get(&watch->transfer->ref);
    if (work_pool_submit(watch->lv->migrate_pool, NULL, transfer_run, transfer_done,
                         watch->transfer))
        return true;
    transfer_unref(watch->transfer);
    transfer_unref(g_steal_pointer(&watch->transfer));
    err_set(error, VRM_ERR_UNAVAILABLE, "the agent is ending");
    return false;
}

static bool migrate_anew(struct watch *watch, struct command_report *ret_result, GError **error)
{
    g_autoptr(virConnect) conn = lv_open(watch->lv->uri, error);
    bool ok;

    if (!conn || !begin(watch, conn, error))
        return false;
    if (!watch_transfer(watch))
        ok = unknown_outcome(watch, error);
    else if (!watch->transfer->ok && virConnectIsAlive(conn) != 1)
        ok = link_broke(error);
    else
        ok = settle(watch, ret_result, error);
    transfer_unref(watch->transfer);
    return ok;
}

static bool migrate_resumed(struct watch *watch, struct command_report *ret_result, GError **error)
{
    g_autoptr(virConnect) conn = lv_conn(watch->lv, LV_WORK, error);
    g_autoptr(virDomain) domain = NULL;
    g_autoptr(GError) local = NULL;

    if (!conn)
        return false;
    domain = lv_domain(conn, watch->migration->uuid, &local);
    if (!domain && !err_is(local, VRM_ERR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    watch->domain = domain;
    if (domain && !watch_job(watch))
        return unknown_outcome(watch, error);
    return settle(watch, ret_result, error);
}

bool lv_migrate(void *hv, const struct hv_migration *migration, struct command_report *ret_result,
                GError **error)
{
    char empty[] = "";
    struct watch watch = {
        .lv = hv,
        .migration = migration,
        .begun_ms = clock_now_ms(),
        .report = { .id = empty, .vm_uuid = empty, .error = empty, .verb = VERB_MIGRATE },
    };

    return migration->resumed ? migrate_resumed(&watch, ret_result, error)
                              : migrate_anew(&watch, ret_result, error);
}
