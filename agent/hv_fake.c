/* hv_fake.c - see hv_fake.h. */
#include "config.h"

#include "agent/hv_fake.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "agent/report.h"
#include "base/work.h"

#define HOLD_POLL_MS 1

struct failure {
    enum vrm_err code;
    bool link;
    char *text;
};

struct HvFake {
    struct hv_sink sink;
    Mailbox *events; /* char *: uuids */
    bool start_down;
    pthread_mutex_t mutex;
    /* below the mutex */
    bool up;
    GHashTable *domains;  /* uuid -> struct domain_report * */
    GHashTable *failures; /* call -> struct failure * */
    GHashTable *held;     /* set of calls */
    GHashTable *inside;   /* call -> number */
    GString *history;
};

static void free_failure(gpointer data)
{
    struct failure *failure = data;

    g_free(failure->text);
    g_free(failure);
}

static void free_domain(gpointer domain)
{
    report_free_domain(domain);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static bool is_held(HvFake *fake, const char *call)
{
    bool held;

    pthread_mutex_lock(&fake->mutex);
    held = g_hash_table_contains(fake->held, call);
    pthread_mutex_unlock(&fake->mutex);
    return held;
}

static void count(HvFake *fake, const char *call, int by)
{
    int n;

    pthread_mutex_lock(&fake->mutex);
    n = GPOINTER_TO_INT(g_hash_table_lookup(fake->inside, call)) + by;
    g_hash_table_insert(fake->inside, g_strdup(call), GINT_TO_POINTER(n));
    pthread_mutex_unlock(&fake->mutex);
}

static void note(HvFake *fake, const char *call, const char *uuid)
{
    pthread_mutex_lock(&fake->mutex);
    g_string_append_printf(fake->history, "%s %s;", call, uuid + strlen(uuid) - 2);
    pthread_mutex_unlock(&fake->mutex);
}

/* A planned failure, or none; used up by this. */
static bool take_failure(HvFake *fake, const char *call, GError **error)
{
    const struct failure *failure;
    bool ok;

    pthread_mutex_lock(&fake->mutex);
    failure = g_hash_table_lookup(fake->failures, call);
    ok = failure == NULL;
    if (failure)
        err_set_reason(error, failure->code, 0, failure->link ? HV_FIELD_LINK : NULL, "%s",
                       failure->text);
    g_hash_table_remove(fake->failures, call);
    pthread_mutex_unlock(&fake->mutex);
    return ok;
}

static bool enter(HvFake *fake, const char *call, const char *uuid, GError **error)
{
    bool up;

    if (uuid)
        note(fake, call, uuid);
    count(fake, call, 1);
    while (is_held(fake, call))
        (void)poll(NULL, 0, HOLD_POLL_MS);
    count(fake, call, -1);
    pthread_mutex_lock(&fake->mutex);
    up = fake->up;
    pthread_mutex_unlock(&fake->mutex);
    if (!up) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, 0, HV_FIELD_LINK, "libvirtd does not answer");
        return false;
    }
    return take_failure(fake, call, error);
}

static void set_state(HvFake *fake, const char *uuid, enum domain_state state, int64_t gen)
{
    struct domain_report domain = { .state = state, .gen = gen, .vm_id = 1 };
    struct domain_report *copy;

    pthread_mutex_lock(&fake->mutex);
    if (state == DOMAIN_ABSENT) {
        g_hash_table_remove(fake->domains, uuid);
    } else {
        copy = report_dup_domain(&domain);
        g_free(copy->uuid);
        copy->uuid = g_strdup(uuid);
        g_hash_table_replace(fake->domains, copy->uuid, copy);
    }
    pthread_mutex_unlock(&fake->mutex);
}

static void announce(HvFake *fake, const char *uuid)
{
    char *copy = g_strdup(uuid);

    if (!mailbox_post(fake->events, copy))
        g_free(copy);
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool fake_lookup(void *hv, const char *uuid, struct domain_report *ret, GError **error)
{
    HvFake *fake = hv;
    const struct domain_report *domain;

    if (!enter(fake, "lookup", NULL, error))
        return false;
    pthread_mutex_lock(&fake->mutex);
    domain = g_hash_table_lookup(fake->domains, uuid);
    if (domain)
        report_copy_domain(domain, ret);
    else
        report_set_absent(uuid, "", ret);
    pthread_mutex_unlock(&fake->mutex);
    return true;
}

static void on_event(void *message, void *user)
{
    HvFake *fake = user;
    g_autofree char *uuid = message;

    hv_fake_tell(fake, uuid);
}

static void fake_start_link(void *hv, const struct hv_sink *sink)
{
    HvFake *fake = hv;

    fake->sink = *sink;
    fake->events = mailbox_new(NULL, on_event, g_free, fake);
    if (!fake->start_down)
        hv_fake_set_link(fake, true);
}

static bool fake_free(void *hv)
{
    HvFake *fake = hv;

    g_clear_pointer(&fake->events, mailbox_free);
    fake->sink = (struct hv_sink){ 0 };
    return true;
}

static void fake_probe(void *hv)
{
    (void)enter(hv, "probe", NULL, NULL);
}

static bool fake_facts(void *hv, struct agent_hello *hello, GError **error)
{
    if (!enter(hv, "facts", NULL, error))
        return false;
    *hello = (struct agent_hello){
        .uuid = g_strdup("11111111-1111-4111-8111-111111111111"),
        .boot_id = g_strdup("boot-1"),
        .real_name = g_strdup("fake"),
        .vendor = g_strdup(""),
        .model = g_strdup(""),
        .cpu_model = g_strdup(""),
        .hypervisor = g_strdup("fake 1"),
        .migrate_address = g_strdup(""),
        .mem_mb = 1024,
        .cpu_threads = 4,
        .cpu_mhz = 2000,
    };
    return true;
}

static bool fake_list(void *hv, struct domain_report **ret_domains, size_t *ret_n, GError **error)
{
    HvFake *fake = hv;
    GHashTableIter iter;
    gpointer domain;

    if (!enter(fake, "list", NULL, error))
        return false;
    pthread_mutex_lock(&fake->mutex);
    *ret_domains = g_new0(struct domain_report, g_hash_table_size(fake->domains) + 1);
    *ret_n = 0;
    g_hash_table_iter_init(&iter, fake->domains);
    while (g_hash_table_iter_next(&iter, NULL, &domain))
        report_copy_domain(domain, &(*ret_domains)[(*ret_n)++]);
    pthread_mutex_unlock(&fake->mutex);
    return true;
}

static bool fake_stats(void *hv, struct watch_line *ret_line, GError **error)
{
    if (!enter(hv, "stats", NULL, error))
        return false;
    *ret_line = (struct watch_line){ .kind = WATCH_STATS, .interval_ms = 1000 };
    return true;
}

static bool fake_start(void *hv, const Vm *vm, int64_t gen, GError **error)
{
    if (!enter(hv, "start", vm->uuid, error))
        return false;
    set_state(hv, vm->uuid, DOMAIN_RUNNING, gen);
    announce(hv, vm->uuid);
    return true;
}

/* Marked as started by a right. */
static void set_right(HvFake *fake, const char *uuid, bool halted)
{
    struct domain_report *domain;

    pthread_mutex_lock(&fake->mutex);
    domain = g_hash_table_lookup(fake->domains, uuid);
    if (domain) {
        domain->by_right = true;
        domain->halted = halted;
        domain->state = halted ? DOMAIN_PAUSED : domain->state;
    }
    pthread_mutex_unlock(&fake->mutex);
}

static bool fake_start_halted(void *hv, const Vm *vm, int64_t gen, GError **error)
{
    if (!enter(hv, "halt", vm->uuid, error))
        return false;
    set_state(hv, vm->uuid, DOMAIN_PAUSED, gen);
    set_right(hv, vm->uuid, true);
    announce(hv, vm->uuid);
    return true;
}

static bool fake_let_run(void *hv, const char *uuid, GError **error)
{
    HvFake *fake = hv;
    struct domain_report *domain;

    if (!enter(hv, "run", uuid, error))
        return false;
    pthread_mutex_lock(&fake->mutex);
    domain = g_hash_table_lookup(fake->domains, uuid);
    if (domain && domain->halted)
        domain->state = DOMAIN_RUNNING;
    pthread_mutex_unlock(&fake->mutex);
    set_right(fake, uuid, false);
    announce(hv, uuid);
    return true;
}

static bool fake_stop(void *hv, const char *uuid, bool force, int64_t deadline_ms, GError **error)
{
    (void)deadline_ms;
    if (!enter(hv, force ? "destroy" : "stop", uuid, error))
        return false;
    set_state(hv, uuid, DOMAIN_ABSENT, 0);
    announce(hv, uuid);
    return true;
}

static bool fake_reboot(void *hv, const char *uuid, bool force, GError **error)
{
    return enter(hv, force ? "reset" : "reboot", uuid, error);
}

static bool switch_state(HvFake *fake, const char *call, const char *uuid, enum domain_state state,
                         GError **error)
{
    struct domain_report domain = { 0 };
    int64_t gen;

    if (!enter(fake, call, uuid, error) || !fake_lookup(fake, uuid, &domain, error))
        return false;
    gen = domain.gen;
    if (domain.state == DOMAIN_ABSENT) {
        domain_report_clear(&domain);
        err_set(error, VRM_ERR_NOT_FOUND, "no domain %s", uuid);
        return false;
    }
    domain_report_clear(&domain);
    set_state(fake, uuid, state, gen);
    announce(fake, uuid);
    return true;
}

static bool fake_pause(void *hv, const char *uuid, GError **error)
{
    return switch_state(hv, "pause", uuid, DOMAIN_PAUSED, error);
}

static bool fake_resume(void *hv, const char *uuid, GError **error)
{
    return switch_state(hv, "resume", uuid, DOMAIN_RUNNING, error);
}

/* While held it reports progress and looks whether it is still wanted. */
static bool fake_migrate(void *hv, const struct hv_migration *migration,
                         struct command_report *ret_result, GError **error)
{
    HvFake *fake = hv;
    const char *call = migration->resumed ? "follow" : "migrate";
    struct command_report progress = { .progress = 50, .transferred_mb = 7, .remaining_mb = 9 };
    bool wanted = true;

    note(fake, call, migration->uuid);
    count(fake, call, 1);
    do {
        wanted = migration->progress(&progress, migration->user);
        (void)poll(NULL, 0, HOLD_POLL_MS);
    } while (wanted && is_held(fake, call));
    count(fake, call, -1);
    if (!wanted) {
        err_set(error, VRM_ERR_CONFLICT, "cancelled");
        return false;
    }
    if (!take_failure(fake, call, error))
        return false;
    set_state(fake, migration->uuid, DOMAIN_ABSENT, 0);
    announce(fake, migration->uuid);
    ret_result->elapsed_ms = 1234;
    ret_result->downtime_ms = 21;
    ret_result->transferred_mb = 16;
    return true;
}

static const struct hv_ops fake_ops = {
    .start_link = fake_start_link,
    .free = fake_free,
    .probe = fake_probe,
    .facts = fake_facts,
    .list = fake_list,
    .lookup = fake_lookup,
    .stats = fake_stats,
    .start = fake_start,
    .start_halted = fake_start_halted,
    .let_run = fake_let_run,
    .stop = fake_stop,
    .reboot = fake_reboot,
    .pause = fake_pause,
    .resume = fake_resume,
    .migrate = fake_migrate,
};

/* ---- the test's side ------------------------------------------------------------------------ */

HvFake *hv_fake_new(void)
{
    HvFake *fake = g_new0(HvFake, 1);

    pthread_mutex_init(&fake->mutex, NULL);
    fake->domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_domain);
    fake->failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_failure);
    fake->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    fake->inside = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    fake->history = g_string_new(NULL);
    return fake;
}

void hv_fake_free(HvFake *fake)
{
    if (!fake)
        return;
    g_hash_table_unref(fake->domains);
    g_hash_table_unref(fake->failures);
    g_hash_table_unref(fake->held);
    g_hash_table_unref(fake->inside);
    g_string_free(fake->history, TRUE);
    pthread_mutex_destroy(&fake->mutex);
    g_free(fake);
}

struct hv hv_fake_hv(HvFake *fake)
{
    return (struct hv){ &fake_ops, fake };
}

void hv_fake_set_link(HvFake *fake, bool up)
{
    pthread_mutex_lock(&fake->mutex);
    fake->up = up;
    pthread_mutex_unlock(&fake->mutex);
    if (fake->sink.link)
        fake->sink.link(up, fake->sink.user);
    else
        fake->start_down = !up;
}

void hv_fake_put(HvFake *fake, const char *uuid, enum domain_state state, int64_t gen)
{
    set_state(fake, uuid, state, gen);
}

void hv_fake_put_by_right(HvFake *fake, const char *uuid, enum domain_state state, int64_t gen,
                          bool halted)
{
    set_state(fake, uuid, state, gen);
    set_right(fake, uuid, halted);
}

void hv_fake_remove(HvFake *fake, const char *uuid)
{
    set_state(fake, uuid, DOMAIN_ABSENT, 0);
}

void hv_fake_tell(HvFake *fake, const char *uuid)
{
    struct domain_report domain = { 0 };

    if (!fake->sink.domain || !fake_lookup(fake, uuid, &domain, NULL))
        return;
    fake->sink.domain(&domain, fake->sink.user);
    domain_report_clear(&domain);
}

void hv_fake_fail(HvFake *fake, const char *call, enum vrm_err code, bool link, const char *text)
{
    struct failure *failure = g_new0(struct failure, 1);

    failure->code = code;
    failure->link = link;
    failure->text = g_strdup(text);
    pthread_mutex_lock(&fake->mutex);
    g_hash_table_replace(fake->failures, g_strdup(call), failure);
    pthread_mutex_unlock(&fake->mutex);
}

void hv_fake_hold(HvFake *fake, const char *call)
{
    pthread_mutex_lock(&fake->mutex);
    g_hash_table_add(fake->held, g_strdup(call));
    pthread_mutex_unlock(&fake->mutex);
}

void hv_fake_release(HvFake *fake, const char *call)
{
    pthread_mutex_lock(&fake->mutex);
    g_hash_table_remove(fake->held, call);
    pthread_mutex_unlock(&fake->mutex);
}

unsigned hv_fake_inside(HvFake *fake, const char *call)
{
    unsigned n;

    pthread_mutex_lock(&fake->mutex);
    n = GPOINTER_TO_UINT(g_hash_table_lookup(fake->inside, call));
    pthread_mutex_unlock(&fake->mutex);
    return n;
}

char *hv_fake_history(HvFake *fake)
{
    char *history;

    pthread_mutex_lock(&fake->mutex);
    history = g_strdup(fake->history->str);
    pthread_mutex_unlock(&fake->mutex);
    return history;
}
