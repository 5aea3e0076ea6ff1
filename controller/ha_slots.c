/* ha_slots.c - hosts' slots on shared datastores: each second two hosts for each datastore are
 * asked what they read, and the Ha object is told.  See ha_shell_private.h, slots.h. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "controller/agents.h"
#include "controller/ha_shell_private.h"
#include "controller/host_setup.h"
#include "controller/rights.h"
#include "controller/slots.h"
#include "ha/slot.h"

#define ASK_MS    1000
#define LIMIT_MS  2500 /* vrm-hald itself gives a datastore that hangs 1 s */
#define WARN_MS   60000
#define ADVENT_MS 5000 /* a host that was just set up needs so long until its slots are seen */

struct HaSlots {
    HaShell *shell;
    SlotBook *book;
    int64_t asked_ms; /* the last turn */
    int64_t page;     /* which slots are read next */
    bool has_rest;    /* slots are switched off, and VMs still live by some */
    struct log_limit warned, unseen;
};

/* ---- answers ----------------------------------------------------------------------------------
 */

static void see_slot(int64_t host_id, int32_t authority, const struct ha_slot_seen *seen,
                     void *user)
{
    HaSlots *slots = user;
    const struct ha_host_slot *host = ha_shell_host(slots->shell, host_id);

    if (host)
        ha_see_slot(slots->shell->ha, host->index, authority, seen, clock_now_ms());
}

static bool decode(const char *body, struct ha_reading *ret_slots, GError **error)
{
    g_autoptr(json_t) json = json_parse(body, strlen(body), error);

    return json && ha_reading_decode(json, ret_slots, error);
}

static void warn(HaSlots *slots, int64_t host_id, const GError *error)
{
    if (log_limit_pass(&slots->warned, clock_now_ms(), WARN_MS, NULL))
        log_warning("a host does not tell what it reads in the slots on shared datastores; "
                    "another one is asked",
                    "HOST", ha_shell_host_name(slots->shell, host_id), "REASON", error->message,
                    NULL);
}

/* Once for all of them: the host's own log has the path. */
static void note_unseen(HaSlots *slots, int64_t host_id, const struct ha_reading *read)
{
    const int64_t now_ms = clock_now_ms();

    for (size_t i = 0; i < read->n_stores; i++) {
        const int32_t authority = (int32_t)read->stores[i].authority;
        g_autofree char *name = NULL;

        if (!slot_book_is_unseen(slots->book, host_id, authority, now_ms) ||
            !log_limit_pass(&slots->unseen, now_ms, WARN_MS, NULL))
            continue;
        name = stores_authority_name(inventory_peek(slots->shell->app->inv), authority);
        log_warning("what a host reads in the slots on a shared datastore does not count: no other "
                    "host sees its own slot there; is the datastore mounted on both?",
                    "HOST", ha_shell_host_name(slots->shell, host_id), "AUTHORITY", name, NULL);
    }
}

static void answered(int64_t host_id, const char *body, const GError *error, void *user)
{
    HaSlots *slots = user;
    struct ha_host_slot *host = ha_shell_host(slots->shell, host_id);
    struct slot_reading reading = { .reader = host_id };
    struct ha_reading read;
    g_autoptr(GError) local = NULL;

    if (!host || host->slots_asked_ms == 0 || !slots->shell->ha)
        return; /* asked before a reset */
    reading.asked_ms = host->slots_asked_ms;
    host->slots_asked_ms = 0;
    if (error || !decode(body, &read, &local)) {
        slot_book_fail(slots->book, host_id, clock_now_ms());
        warn(slots, host_id, error ? error : local);
        return;
    }
    reading.slots = &read;
    slot_book_take(slots->book, &reading, clock_now_ms(), see_slot, slots);
    note_unseen(slots, host_id, &read);
    ha_reading_clear(&read);
}

/* ---- questions --------------------------------------------------------------------------------
 */

/* Those that keep slots, and could say what they read. */
static GArray *find_candidates(const HaSlots *slots, const Snapshot *snap, int64_t *ret_first,
                               int64_t *ret_last)
{
    const struct app *app = slots->shell->app;
    GArray *candidates = g_array_new(FALSE, FALSE, sizeof(int64_t));

    *ret_first = INT64_MAX;
    *ret_last = -1;
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];
        const int64_t slot = slot_of_host(host->id);

        if (slot < 0)
            continue;
        *ret_first = MIN(*ret_first, slot);
        *ret_last = MAX(*ret_last, slot);
        if (host->connected && host->hald && host_setups_knows_slots(host) &&
            ha_shell_host(slots->shell, host->id) &&
            host_setups_taken_ms(app->setups, host->id) != 0)
            g_array_append_val(candidates, host->id);
    }
    return candidates;
}

static void ask(HaSlots *slots, int64_t host_id, const char *path)
{
    struct ha_host_slot *host = ha_shell_host(slots->shell, host_id);
    const int64_t now_ms = clock_now_ms();

    if (host && agents_ask(slots->shell->app->agents, host_id, path, LIMIT_MS, answered, slots))
        host->slots_asked_ms = now_ms;
}

static void ask_all(HaSlots *slots, const Snapshot *snap, const struct stores *stores)
{
    int64_t first, last;
    g_autoptr(GArray) candidates = find_candidates(slots, snap, &first, &last);
    g_autoptr(GArray) hosts = g_array_new(FALSE, FALSE, sizeof(int64_t));
    const int64_t n_pages = (last - first) / HA_READING_MAX + 1;
    g_autofree char *path = NULL;

    if (candidates->len == 0)
        return;
    first += slots->page++ % n_pages * HA_READING_MAX;
    path = g_strdup_printf("/v1/ha/slots?first=%" G_GINT64_FORMAT "&count=%" G_GINT64_FORMAT, first,
                           MIN(last - first + 1, HA_READING_MAX));
    slot_book_set_round(slots->book, n_pages * ASK_MS);
    slot_book_pick(slots->book, stores, candidates, clock_now_ms(), hosts);
    for (guint i = 0; i < hosts->len; i++)
        ask(slots, g_array_index(hosts, int64_t, i), path);
}

/* ---- after they were switched off --------------------------------------------------------------
 */

static void tell_rest(const HaSlots *slots, size_t n)
{
    struct committer *committer = &slots->shell->app->committer;
    const Site *site = inventory_peek(slots->shell->app->inv)->site;
    g_autofree char *text =
        n > 0 ? g_strdup_printf("[ha] storage is off, and VMs that still live by a slot on a "
                                "datastore: %zu; each changes to etcd with its next start or "
                                "migration, and until then the slots go on",
                                n)
              : g_strdup("[ha] storage is off, and no VM lives by a slot on a datastore any more");
    Commit *commit = commit_new(committer);

    log_info("slots on shared datastores are switched off", "TEXT", text, NULL);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_INFO,
                                         .name = "HaSlotsEnd",
                                         .kind = OBJECT_SITE,
                                         .object_name = site->name },
                 "%s", text);
    commit_submit(commit, NULL, ha_shell_note_untold, NULL);
}

/* Told when this controller begins to act, and when the last one has changed. */
static void note_rest(HaSlots *slots)
{
    const size_t n = rights_n_by_slots(slots->shell->app->rights);

    if (slots->shell->app->settings->ha_storage || (n > 0) == slots->has_rest)
        return;
    slots->has_rest = n > 0;
    tell_rest(slots, n);
}

/* ---- the look ---------------------------------------------------------------------------------
 */

void ha_slots_look(HaSlots *slots, int64_t now_ms)
{
    const Snapshot *snap = inventory_peek(slots->shell->app->inv);
    struct stores stores;

    if (now_ms - slots->asked_ms < ASK_MS)
        return;
    slots->asked_ms = now_ms;
    note_rest(slots);
    rights_stores(slots->shell->app->rights, snap, &stores);
    if (stores.n > 0)
        ask_all(slots, snap, &stores);
}

/* ---- what follows -----------------------------------------------------------------------------
 */

/* Only of a host that speaks: of one that does not, nobody knows what it can use, and it takes no
 * VM anyway. */
static bool speaks(const HaSlots *slots, const struct ha_host_slot *host)
{
    const enum host_fsm_state state = ha_host_state(slots->shell->ha, host->index);

    return (state == HOST_OK || state == HOST_MAINTENANCE) &&
           agents_connected(slots->shell->app->agents, host->id);
}

bool ha_slots_misses(const HaSlots *slots, int64_t host_id, int32_t authority)
{
    return authority >= HA_STORAGE &&
           slot_book_lacks(slots->book, host_id, authority, clock_now_ms());
}

bool ha_slots_lacks(const HaSlots *slots, const struct ha_host_slot *host, int32_t authority)
{
    return speaks(slots, host) && ha_slots_misses(slots, host->id, authority);
}

char *ha_slots_lost(const HaSlots *slots, const struct ha_host_slot *host)
{
    const Snapshot *snap = inventory_peek(slots->shell->app->inv);
    GString *ids = g_string_new(NULL);
    struct stores stores;

    rights_stores(slots->shell->app->rights, snap, &stores);
    for (size_t i = 0; i < stores.n; i++)
        if (ha_slots_lacks(slots, host, slot_authority(stores.items[i]->id)))
            g_string_append_printf(ids, "%s%" G_GINT64_FORMAT ",", ids->len ? "" : ",",
                                   stores.items[i]->id);
    return g_string_free(ids, FALSE);
}

bool ha_slots_read_all(const HaSlots *slots)
{
    struct stores stores;

    rights_stores(slots->shell->app->rights, inventory_peek(slots->shell->app->inv), &stores);
    for (size_t i = 0; i < stores.n; i++)
        if (!slot_book_was_read(slots->book, slot_authority(stores.items[i]->id)))
            return false;
    return true;
}

bool ha_slots_awaits(const HaSlots *slots, int64_t host_id, int32_t authority)
{
    const struct app *app = slots->shell->app;
    const struct ha_host_slot *host = ha_shell_host(slots->shell, host_id);
    const int64_t taken_ms = host_setups_taken_ms(app->setups, host_id);
    struct ha_owner owner;

    if (authority < HA_STORAGE || !slots->shell->ha || !host)
        return false;
    if (ha_may_take(slots->shell->ha, host->index, authority, &owner) &&
        owner.authority == authority)
        return false;
    return clock_now_ms() - MAX(taken_ms, slots->shell->began_ms) < ADVENT_MS;
}

/* ---- life -------------------------------------------------------------------------------------
 */

HaSlots *ha_slots_new(HaShell *shell)
{
    HaSlots *slots = g_new0(HaSlots, 1);

    slots->shell = shell;
    slots->book = slot_book_new();
    return slots;
}

void ha_slots_reset(HaSlots *slots)
{
    slot_book_free(slots->book);
    slots->book = slot_book_new();
    slots->asked_ms = 0;
    slots->has_rest = false;
}

void ha_slots_free(HaSlots *slots)
{
    if (!slots)
        return;
    slot_book_free(slots->book);
    g_free(slots);
}
