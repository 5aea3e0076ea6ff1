/* agent_ha.c - see agent_ha.h.
 *
 * Level-triggered: a VM is "due" when something may have changed for it, and stays so until it was
 * looked at (one question: is it here, by a right, halted?) and vrm-hald heard the answer. */
#include "config.h"

#include "agent/agent_ha.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define POLL_MS    1000
#define MAX_MISSES 3 /* a vrm-hald that is started anew is no news */
#define N_THREADS  3 /* one may wait for a vrm-hald that hangs */
#define KEY_STATUS "status"
#define KEY_SETUP  "setup"
#define KEY_SLOTS  "slots"
#define MAX_SLOTS  8 /* readings that wait; one a second a reader is asked for */
#define STOP_MS    10000
#define PRESS_MS   300 /* for telling a guest to shut down, not for its end */
#define GONE_MS    3600000
#define AGAIN_MS   10000 /* a guest that is still booting misses it */

struct AgentHa {
    struct warden warden;
    struct hv hv;
    struct agent_ha_options options;
    WorkPool *pool;
    guint timer;
    bool polling, stopped;
    unsigned n_slots; /* readings that are out */
    /* vrm-hald as last heard */
    bool answers;
    unsigned n_misses;
    char *address;
    int64_t up_ms;
    GHashTable *known;    /* uuid -> int64_t *: VMs by a right that are or were here */
    GHashTable *due;      /* set of uuids */
    GHashTable *owed;     /* uuid -> int64_t *: rights to give back */
    GHashTable *held;     /* set of uuids */
    GHashTable *expected; /* set of uuids: a migration's target, nothing of it seen yet */
    GHashTable *leaving;  /* uuid -> struct leaving *: VMs that vrm-hald gives up */
    GHashTable *pressing; /* set of uuids: and libvirtd was not heard of it yet */
    GHashTable *gone; /* uuid -> int64_t *: those that ended by that, and when it is forgotten */
};

/* A VM that ends because this host is cut off. */
struct leaving {
    int64_t again_ms; /* when to tell its guest again */
    bool told;        /* it was, to shut down; else vrm-hald ends it with a signal */
    bool warned;      /* that it cannot be told */
};

static void put_number(GHashTable *table, const char *uuid, int64_t number)
{
    g_hash_table_replace(table, g_strdup(uuid), g_memdup2(&number, sizeof(number)));
}

static int64_t id_of(GHashTable *table, const char *uuid)
{
    const int64_t *id = g_hash_table_lookup(table, uuid);

    return id ? *id : 0;
}

/* ---- one look at one VM ---------------------------------------------------------------------- */

struct check {
    AgentHa *ha;
    char *uuid;
    int64_t vm_id;
    bool owed, expected;
    /* found */
    bool told; /* vrm-hald knows what is true */
    bool here;
    bool owe;      /* its right has to go back, and did not */
    GError *ended; /* why its process was ended here */
};

static bool end_process(const struct check *check)
{
    const struct hv *hv = &check->ha->hv;

    return hv->ops->stop(hv->data, check->uuid, true, clock_now_ms() + STOP_MS, NULL);
}

static struct warden_vm vm_of(const struct check *check)
{
    return (struct warden_vm){ .id = check->vm_id, .uuid = check->uuid };
}

/* No command will let it run any more: whoever began its start was told that it failed. */
static void end_halted(struct check *check)
{
    const struct warden_vm vm = vm_of(check);

    err_set(&check->ended, VRM_ERR_CONFLICT, "its start was interrupted before its guest ran");
    check->told = end_process(check) && warden_give_up(&check->ha->warden, &vm, NULL);
    check->owe = !check->told;
}

static void tell_process(struct check *check)
{
    const struct warden_vm vm = vm_of(check);
    g_autoptr(GError) error = NULL;

    check->told = warden_process(&check->ha->warden, &vm, true, &error);
    if (check->told || !err_is(error, VRM_ERR_CONFLICT))
        return;
    /* vrm-hald ends it too; whoever is first. */
    check->ended = g_steal_pointer(&error);
    check->told = end_process(check);
}

static void tell_absent(struct check *check)
{
    const struct warden_vm vm = vm_of(check);

    if (check->expected)
        check->told = true;
    else if (check->owed)
        check->told = warden_give_up(&check->ha->warden, &vm, NULL);
    else
        check->told = warden_process(&check->ha->warden, &vm, false, NULL);
}

static void check_run(void *thread_state, void *data)
{
    struct check *check = data;
    const struct hv *hv = &check->ha->hv;
    struct domain_report domain = { 0 };

    (void)thread_state;
    if (!hv->ops->lookup(hv->data, check->uuid, &domain, NULL))
        return;
    if (domain.vm_id != 0)
        check->vm_id = domain.vm_id;
    check->here = domain.state != DOMAIN_ABSENT;
    if (!check->here)
        tell_absent(check);
    else if (domain.halted)
        end_halted(check);
    else if (domain.by_right)
        tell_process(check);
    else
        check->told = true;
    domain_report_clear(&domain);
}

static void check_free(struct check *check)
{
    g_clear_error(&check->ended);
    g_free(check->uuid);
    g_free(check);
}

static void check_done(void *data, bool ran)
{
    struct check *check = data;
    AgentHa *ha = check->ha;

    g_hash_table_remove(ha->held, check->uuid);
    if (check->ended)
        log_warning("ended a VM's process", "VM_UUID", check->uuid, "REASON", check->ended->message,
                    NULL);
    if (ran && !check->told)
        g_hash_table_add(ha->due, g_strdup(check->uuid));
    if (ran && check->told && (check->here || check->owed))
        g_hash_table_remove(ha->owed, check->uuid);
    if (ran && check->told && !check->here)
        g_hash_table_remove(ha->known, check->uuid);
    if (check->owe)
        put_number(ha->owed, check->uuid, check->vm_id);
    if (!ha->stopped)
        ha->options.freed(check->uuid, ha->options.user);
    check_free(check);
}

static bool check_begin(AgentHa *ha, const char *uuid)
{
    struct check *check;

    if (ha->stopped || !ha->answers || g_hash_table_contains(ha->held, uuid) ||
        ha->options.is_busy(uuid, ha->options.user))
        return false;
    check = g_new0(struct check, 1);
    check->ha = ha;
    check->uuid = g_strdup(uuid);
    check->owed = g_hash_table_contains(ha->owed, uuid);
    check->expected = g_hash_table_contains(ha->expected, uuid);
    check->vm_id = check->owed ? id_of(ha->owed, uuid) : id_of(ha->known, uuid);
    if (!work_pool_submit(ha->pool, uuid, check_run, check_done, check)) {
        check_free(check);
        return false;
    }
    g_hash_table_add(ha->held, g_strdup(uuid));
    return true;
}

static void check_all(AgentHa *ha)
{
    g_autoptr(GList) due = g_hash_table_get_keys(ha->due);
    g_autoptr(GList) owed = g_hash_table_get_keys(ha->owed);

    for (GList *item = due; item; item = item->next) {
        if (check_begin(ha, item->data))
            g_hash_table_remove(ha->due, item->data);
    }
    for (GList *item = owed; item; item = item->next)
        check_begin(ha, item->data);
}

static void make_due(AgentHa *ha, const char *uuid)
{
    if (!check_begin(ha, uuid))
        g_hash_table_add(ha->due, g_strdup(uuid));
}

/* ---- what commands and the hypervisor say ------------------------------------------------------
 */

/* Does it end, or did it, because it is given up?  A guest that nobody told to shut down may have
 * done so by itself. */
static bool is_leaving(const AgentHa *ha, const struct domain_report *domain)
{
    static const char *const signs[] = { "",        "crashed",       "destroyed",
                                         "stopped", "found missing", NULL };
    const struct leaving *leaving = g_hash_table_lookup(ha->leaving, domain->uuid);

    return leaving &&
           (leaving->told || g_strv_contains(signs, domain->detail ? domain->detail : ""));
}

/* Of one that is here again nothing is left to say. */
static void note_end(AgentHa *ha, const struct domain_report *domain)
{
    if (domain->state != DOMAIN_ABSENT)
        g_hash_table_remove(ha->gone, domain->uuid);
    else if (is_leaving(ha, domain))
        put_number(ha->gone, domain->uuid, clock_now_ms() + ha->options.gone_ms);
    if (domain->state == DOMAIN_ABSENT)
        g_hash_table_remove(ha->leaving, domain->uuid);
}

void agent_ha_see(AgentHa *ha, const struct domain_report *domain)
{
    if (!warden_in_use(&ha->warden))
        return;
    if (domain->state != DOMAIN_ABSENT && domain->by_right)
        put_number(ha->known, domain->uuid, domain->vm_id);
    if (domain->state != DOMAIN_ABSENT)
        g_hash_table_remove(ha->expected, domain->uuid);
    note_end(ha, domain);
    if (g_hash_table_contains(ha->known, domain->uuid))
        make_due(ha, domain->uuid);
}

bool agent_ha_holds(const AgentHa *ha, const char *uuid)
{
    return g_hash_table_contains(ha->held, uuid);
}

void agent_ha_begin(AgentHa *ha, const char *uuid)
{
    g_hash_table_remove(ha->owed, uuid);
    g_hash_table_remove(ha->expected, uuid);
    g_hash_table_remove(ha->gone, uuid);
}

void agent_ha_ended(AgentHa *ha, const char *uuid, bool is_expected)
{
    if (is_expected)
        g_hash_table_add(ha->expected, g_strdup(uuid));
    if (g_hash_table_contains(ha->due, uuid) && check_begin(ha, uuid))
        g_hash_table_remove(ha->due, uuid);
}

void agent_ha_owe(AgentHa *ha, int64_t vm_id, const char *uuid)
{
    put_number(ha->owed, uuid, vm_id);
}

/* ---- cut off: VMs are given up -----------------------------------------------------------------
 */

struct press {
    AgentHa *ha;
    char *uuid;
    int64_t until_ms; /* later, it may be that nobody wants it any more */
    GError *error;
};

static void press_run(void *thread_state, void *data)
{
    struct press *press = data;
    const struct hv *hv = &press->ha->hv;
    const int64_t now_ms = clock_now_ms();

    (void)thread_state;
    if (now_ms < press->until_ms)
        (void)hv->ops->stop(hv->data, press->uuid, false, now_ms + PRESS_MS, &press->error);
}

static void press_done(void *data, bool ran)
{
    struct press *press = data;
    struct leaving *leaving = g_hash_table_lookup(press->ha->leaving, press->uuid);

    g_hash_table_remove(press->ha->pressing, press->uuid);
    if (ran && leaving && !leaving->warned && press->error &&
        !err_is(press->error, VRM_ERR_TIMEOUT)) {
        log_warning("a guest cannot be told to shut down", "VM_UUID", press->uuid, "REASON",
                    press->error->message, NULL);
        leaving->warned = true;
    }
    g_clear_error(&press->error);
    g_free(press->uuid);
    g_free(press);
}

static void press_begin(AgentHa *ha, const char *uuid, int64_t until_ms)
{
    struct press *press;

    if (!g_hash_table_add(ha->pressing, g_strdup(uuid)))
        return; /* it is still being told */
    press = g_new0(struct press, 1);
    press->ha = ha;
    press->uuid = g_strdup(uuid);
    press->until_ms = until_ms;
    if (!work_pool_submit(ha->pool, uuid, press_run, press_done, press))
        press_done(press, false);
}

static struct leaving *leaving_of(AgentHa *ha, const char *uuid)
{
    struct leaving *leaving = g_hash_table_lookup(ha->leaving, uuid);

    if (leaving)
        return leaving;
    leaving = g_new0(struct leaving, 1);
    g_hash_table_insert(ha->leaving, g_strdup(uuid), leaving);
    return leaving;
}

static void tell_guest(AgentHa *ha, const char *uuid)
{
    struct leaving *leaving = leaving_of(ha, uuid);
    const int64_t now_ms = clock_now_ms();

    if (now_ms < leaving->again_ms)
        return;
    if (!leaving->told)
        log_warning("this host is cut off from all others: a guest is told to shut down", "VM_UUID",
                    uuid, NULL);
    leaving->told = true;
    leaving->again_ms = now_ms + ha->options.press_again_ms;
    press_begin(ha, uuid, leaving->again_ms);
}

/* vrm-hald says so before it ends it: the hypervisor calls that a crash. */
static void expect_end(AgentHa *ha, const char *uuid)
{
    struct leaving *leaving = leaving_of(ha, uuid);

    leaving->again_ms = MAX(leaving->again_ms, clock_now_ms());
}

/* What ends long after it was told to ends for another reason. */
static gboolean is_old(gpointer uuid, gpointer leaving, gpointer user)
{
    const AgentHa *ha = user;

    (void)uuid;
    return clock_now_ms() > ((struct leaving *)leaving)->again_ms + ha->options.press_again_ms;
}

static gboolean is_over(gpointer uuid, gpointer until_ms, gpointer user)
{
    (void)uuid;
    (void)user;
    return clock_now_ms() > *(const int64_t *)until_ms;
}

static void shut_down(AgentHa *ha, const struct hald_status *status)
{
    for (size_t i = 0; i < status->n_vms; i++)
        if (status->vms[i].shut_down)
            tell_guest(ha, status->vms[i].uuid);
        else if (status->vms[i].given_up)
            expect_end(ha, status->vms[i].uuid);
    (void)g_hash_table_foreach_remove(ha->leaving, is_old, ha);
    (void)g_hash_table_foreach_remove(ha->gone, is_over, NULL);
}

bool agent_ha_gave_up(const AgentHa *ha, const struct domain_report *domain)
{
    return is_leaving(ha, domain) || g_hash_table_contains(ha->gone, domain->uuid);
}

void agent_ha_fill_full(const AgentHa *ha, struct watch_line *line)
{
    const size_t n = MIN(g_hash_table_size(ha->gone), AGENT_MAX_DOMAINS - line->n_domains);
    GHashTableIter iter;
    gpointer uuid;

    line->domains = g_renew(struct domain_report, line->domains, line->n_domains + n + 1);
    g_hash_table_iter_init(&iter, ha->gone);
    for (size_t i = 0; i < n && g_hash_table_iter_next(&iter, &uuid, NULL); i++)
        line->domains[line->n_domains++] =
            (struct domain_report){ .uuid = g_strdup(uuid),
                                    .name = g_strdup(""),
                                    .state = DOMAIN_ABSENT,
                                    .detail = g_strdup(DOMAIN_GIVEN_UP),
                                    .cpu = g_strdup("") };
}

/* ---- does it answer? ---------------------------------------------------------------------------
 */

struct poll {
    AgentHa *ha;
    bool watched, ok;
    struct hald_reply reply;
};

static void poll_run(void *thread_state, void *data)
{
    struct poll *poll = data;

    (void)thread_state;
    poll->ok = warden_status(&poll->ha->warden, poll->watched, &poll->reply, NULL);
}

static void all_are_due(AgentHa *ha)
{
    GHashTableIter iter;
    gpointer uuid;

    g_hash_table_iter_init(&iter, ha->known);
    while (g_hash_table_iter_next(&iter, &uuid, NULL))
        g_hash_table_add(ha->due, g_strdup(uuid));
}

static void heard(AgentHa *ha, const struct hald_status *status)
{
    const bool is_new = !ha->answers || status->up_ms < ha->up_ms;
    /* A new process may lack some of its setup: an older version kept only what it could read. */
    const bool changed = is_new || g_strcmp0(ha->address, status->address) != 0;

    ha->n_misses = 0;
    ha->answers = true;
    ha->up_ms = status->up_ms;
    g_free(ha->address);
    ha->address = g_strdup(status->address);
    if (is_new) {
        log_info("vrm-hald answers", "ADDRESS", status->address, "VERSION", status->version, NULL);
        all_are_due(ha);
    }
    if (changed)
        ha->options.changed(ha->options.user);
    shut_down(ha, status);
    check_all(ha);
}

static void missed(AgentHa *ha)
{
    ha->n_misses++;
    if (!ha->answers || ha->n_misses < MAX_MISSES)
        return;
    ha->answers = false;
    log_warning("vrm-hald does not answer: no VM can be started by a right", NULL);
    ha->options.changed(ha->options.user);
}

static void poll_done(void *data, bool ran)
{
    struct poll *poll = data;
    AgentHa *ha = poll->ha;

    ha->polling = false;
    if (ran && !ha->stopped) {
        if (poll->ok)
            heard(ha, &poll->reply.status);
        else
            missed(ha);
    }
    hald_reply_clear(&poll->reply);
    g_free(poll);
}

static gboolean on_poll(gpointer user)
{
    AgentHa *ha = user;
    struct poll *poll;

    if (ha->polling)
        return G_SOURCE_CONTINUE;
    poll = g_new0(struct poll, 1);
    poll->ha = ha;
    poll->watched = ha->options.is_watched(ha->options.user);
    ha->polling = work_pool_submit(ha->pool, KEY_STATUS, poll_run, poll_done, poll);
    if (!ha->polling)
        g_free(poll);
    return G_SOURCE_CONTINUE;
}

/* ---- setup -------------------------------------------------------------------------------------
 */

struct setting {
    AgentHa *ha;
    struct ha_setup setup;
    agent_ha_setup_fn done;
    void *user;
    GError *error;
};

static void setting_run(void *thread_state, void *data)
{
    struct setting *setting = data;

    (void)thread_state;
    warden_setup(&setting->ha->warden, &setting->setup, &setting->error);
}

static void setting_done(void *data, bool ran)
{
    struct setting *setting = data;

    if (!ran)
        err_set(&setting->error, VRM_ERR_UNAVAILABLE, "the agent is ending");
    setting->done(setting->error, setting->user);
    ha_setup_clear(&setting->setup);
    g_clear_error(&setting->error);
    g_free(setting);
}

void agent_ha_setup(AgentHa *ha, struct ha_setup *setup, agent_ha_setup_fn done, void *user)
{
    struct setting *setting = g_new0(struct setting, 1);

    setting->ha = ha;
    setting->setup = *setup;
    *setup = (struct ha_setup){ 0 };
    setting->done = done;
    setting->user = user;
    if (!work_pool_submit(ha->pool, KEY_SETUP, setting_run, setting_done, setting))
        setting_done(setting, false);
}

/* ---- heartbeat slots ---------------------------------------------------------------------------
 */

struct reading {
    AgentHa *ha;
    int64_t first, count;
    agent_ha_slots_fn done;
    void *user;
    struct hald_reply reply;
    GError *error;
};

static void reading_run(void *thread_state, void *data)
{
    struct reading *reading = data;

    (void)thread_state;
    warden_slots(&reading->ha->warden, reading->first, reading->count, &reading->reply,
                 &reading->error);
}

static void reading_done(void *data, bool ran)
{
    struct reading *reading = data;

    reading->ha->n_slots--;
    if (!ran)
        err_set(&reading->error, VRM_ERR_UNAVAILABLE, "the agent is ending");
    reading->done(reading->error ? NULL : &reading->reply.slots, reading->error, reading->user);
    hald_reply_clear(&reading->reply);
    g_clear_error(&reading->error);
    g_free(reading);
}

/* One after the other: a datastore that hangs must not take all threads. */
void agent_ha_slots(AgentHa *ha, int64_t first, int64_t count, agent_ha_slots_fn done, void *user)
{
    struct reading *reading;
    g_autoptr(GError) error = NULL;

    if (ha->n_slots >= MAX_SLOTS) {
        err_set(&error, VRM_ERR_BUSY, "%u readings of heartbeat slots are under way already",
                ha->n_slots);
        done(NULL, error, user);
        return;
    }
    reading = g_new0(struct reading, 1);
    reading->ha = ha;
    reading->first = first;
    reading->count = count;
    reading->done = done;
    reading->user = user;
    ha->n_slots++;
    if (!work_pool_submit(ha->pool, KEY_SLOTS, reading_run, reading_done, reading))
        reading_done(reading, false);
}

/* ---- life --------------------------------------------------------------------------------------
 */

AgentHa *agent_ha_new(const struct agent_ha_options *options)
{
    const struct work_pool_options pool = { .name = "hald", .n_threads = N_THREADS };
    AgentHa *ha = g_new0(AgentHa, 1);

    ha->options = *options;
    if (ha->options.press_again_ms == 0)
        ha->options.press_again_ms = AGAIN_MS;
    if (ha->options.gone_ms == 0)
        ha->options.gone_ms = GONE_MS;
    ha->warden = options->warden;
    ha->hv = *options->hv;
    ha->pool = work_pool_new(&pool);
    ha->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    ha->owed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    ha->due = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ha->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ha->expected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ha->leaving = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    ha->pressing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ha->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return ha;
}

void agent_ha_start(AgentHa *ha)
{
    if (!warden_in_use(&ha->warden))
        return;
    ha->timer = g_timeout_add(ha->options.poll_ms > 0 ? ha->options.poll_ms : POLL_MS, on_poll, ha);
    on_poll(ha);
}

void agent_ha_stop(AgentHa *ha)
{
    ha->stopped = true;
    if (ha->timer)
        g_source_remove(ha->timer);
    ha->timer = 0;
}

bool agent_ha_is_idle(const AgentHa *ha)
{
    return work_pool_depth(ha->pool) == 0;
}

void agent_ha_free(AgentHa *ha)
{
    agent_ha_stop(ha);
    work_pool_free(ha->pool);
    if (ha->warden.free)
        ha->warden.free(ha->warden.data);
    g_hash_table_unref(ha->known);
    g_hash_table_unref(ha->owed);
    g_hash_table_unref(ha->due);
    g_hash_table_unref(ha->held);
    g_hash_table_unref(ha->expected);
    g_hash_table_unref(ha->leaving);
    g_hash_table_unref(ha->pressing);
    g_hash_table_unref(ha->gone);
    g_free(ha->address);
    g_free(ha);
}

/* ---- looking ------------------------------------------------------------------------------------
 */

const struct warden *agent_ha_warden(const AgentHa *ha)
{
    return &ha->warden;
}

bool agent_ha_answers(const AgentHa *ha)
{
    return ha->answers;
}

void agent_ha_fill_hello(const AgentHa *ha, struct agent_hello *hello)
{
    hello->ha = ha->answers;
    g_free(hello->ha_address);
    hello->ha_address = g_strdup(ha->answers && ha->address ? ha->address : "");
}
