/* hald_vm.c - see hald_private.h: what the agent asks and says about VMs. */
#include "config.h"

#include "agent/hald_private.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "ha/etcd/right_etcd.h"

#define MAX_HELD        1024
#define ASK_WAIT_MS     30000 /* etcd answers or fails long before */
#define RUN_WAIT_MS     4000  /* the watchdog is petted anew at the next renewal */
#define RELEASE_WAIT_MS 10000

#define NO_RIGHT        "no right to run it was claimed here"
#define DECIDING        "its start is being decided"

/* ---- entries --------------------------------------------------------------------------------- */

struct held *hald_find(const Hald *hald, int64_t vm)
{
    for (guint i = 0; i < hald->held->len; i++) {
        struct held *held = hald->held->pdata[i];

        if (held->seen.vm == vm)
            return held;
    }
    return NULL;
}

struct held *hald_add(Hald *hald, const struct ha_vm_seen *seen, int32_t authority,
                      const char *uuid)
{
    struct held *held = g_new0(struct held, 1);
    g_autofree char *lower = g_ascii_strdown(uuid, -1);

    held->seen = *seen;
    held->authority = authority;
    g_strlcpy(held->uuid, lower, sizeof held->uuid);
    g_ptr_array_add(hald->held, held);
    return held;
}

static bool is_needed(const Hald *hald, const struct held *held)
{
    return held->banned || held->ask.conn != 0 || held->may_run.conn != 0 ||
           held->release.conn != 0 || keeper_find(&hald->keeper, held->seen.vm);
}

static bool is_claiming(const Hald *hald, int64_t vm)
{
    const struct keeper_vm *known = keeper_find(&hald->keeper, vm);

    return known && known->state == KEEPER_VM_CLAIMING;
}

/* ---- waiting --------------------------------------------------------------------------------- */

void hald_decided(Hald *hald, int64_t vm, const char *why)
{
    struct held *held = hald_find(hald, vm);

    if (held && !why)
        held->banned = held->killing = false;
    if (hald->asking)
        hald_settle(hald, hald->asking, why);
    else if (held)
        hald_settle(hald, &held->ask, why);
}

/* Why not, or NULL; *ret_soon: it may be well at the next renewal. */
static const char *why_not_run(const Hald *hald, const struct held *held, int64_t now_ms,
                               bool *ret_soon)
{
    const struct keeper_vm *known = keeper_find(&hald->keeper, held->seen.vm);
    const struct lease_fsm *lease = known ? keeper_lease(&hald->keeper, known->authority) : NULL;

    *ret_soon = false;
    if (keeper_may_run(&hald->keeper, held->seen.vm, now_ms))
        return NULL;
    if (!known || known->state != KEEPER_VM_ALLOWED)
        return NO_RIGHT;
    if (!lease || !lease_fsm_holds(lease, now_ms))
        return "this host's lease does not hold";
    *ret_soon = true;
    return "the watchdog would fire too late for it";
}

static void settle_run(Hald *hald, struct held *held, int64_t now_ms)
{
    bool soon;
    const char *why = why_not_run(hald, held, now_ms, &soon);

    if (why && soon && now_ms < held->may_run.until_ms)
        return;
    if (why)
        held->unseen = false; /* the agent ends it */
    hald_settle(hald, &held->may_run, why);
}

static void settle_release(Hald *hald, struct held *held, int64_t now_ms)
{
    if (!keeper_find(&hald->keeper, held->seen.vm))
        hald_settle(hald, &held->release, NULL);
    else if (now_ms >= held->release.until_ms)
        hald_settle(hald, &held->release, "etcd does not answer; it goes on being tried");
}

void hald_tidy(Hald *hald, int64_t now_ms)
{
    for (guint i = hald->held->len; i-- > 0;) {
        struct held *held = hald->held->pdata[i];

        if (held->ask.conn != 0 && now_ms >= held->ask.until_ms)
            hald_settle(hald, &held->ask, "etcd does not answer");
        if (held->may_run.conn != 0)
            settle_run(hald, held, now_ms);
        if (held->release.conn != 0)
            settle_release(hald, held, now_ms);
        if (!is_needed(hald, held))
            g_ptr_array_remove_index_fast(hald->held, i);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

/* The entry for a request that carries a UUID; NULL: answered, they do not fit. */
static struct held *entry_of(Hald *hald, const struct asker *who,
                             const struct hald_request *request, const struct ha_vm_seen *seen,
                             int32_t authority)
{
    struct held *held = hald_find(hald, request->vm);

    if (held && g_ascii_strcasecmp(held->uuid, request->uuid) != 0) {
        g_autofree char *why =
            g_strdup_printf("VM %" PRId64 " has the UUID %s here", request->vm, held->uuid);

        hald_answer(hald, who->conn, who->id, why);
        return NULL;
    }
    if (!held && hald->held->len >= MAX_HELD) {
        hald_answer(hald, who->conn, who->id, "too many VMs are known here");
        return NULL;
    }
    return held ? held : hald_add(hald, seen, authority, request->uuid);
}

/* This host's entry among the owners, whichever of its lives; NULL: it is none. */
static const struct ha_owner *own(const Hald *hald, const struct ha_vm_right *right)
{
    for (unsigned i = 0; i < right->n_owners; i++)
        if (right->owners[i].host == hald->setup.host)
            return &right->owners[i];
    return NULL;
}

static bool read_right(Hald *hald, const struct asker *who, const struct hald_request *request,
                       struct ha_vm_seen *ret_seen)
{
    g_autoptr(GError) error = NULL;

    if (right_token_parse(request->right, request->vm, ret_seen, &error))
        return true;
    g_prefix_error(&error, "right: ");
    hald_answer(hald, who->conn, who->id, error->message);
    return false;
}

/* The right that a request shows, and the VM's entry, made if need be; else it is answered. */
static bool take_right(Hald *hald, const struct asker *who, const struct hald_request *request,
                       struct ha_vm_seen *ret_seen, struct held **ret_held)
{
    const struct ha_owner *owner;

    if (!read_right(hald, who, request, ret_seen))
        return false;
    owner = own(hald, &ret_seen->right);
    *ret_held = entry_of(hald, who, request, ret_seen, owner ? owner->authority : HA_ETCD);
    return *ret_held != NULL;
}

static void ask(Hald *hald, struct asker who, const struct hald_request *request)
{
    struct keeper_actions actions = { 0 };
    const struct ha_owner *owner;
    struct ha_vm_seen seen;
    struct held *held;

    if (!take_right(hald, &who, request, &seen, &held))
        return;
    owner = own(hald, &seen.right);
    hald_sweep(hald, true);
    who.until_ms = clock_now_ms() + ASK_WAIT_MS;
    hald->asking = &who;
    keeper_ask(&hald->keeper, &seen, clock_now_ms(), &actions);
    if (owner && actions.len > 0 && actions.items[0].act != KEEPER_REFUSE) {
        held->seen = seen;
        held->authority = owner->authority;
    }
    if (actions.len > 0 && actions.items[0].act == KEEPER_CLAIM) { /* decided by etcd */
        hald->asking = NULL;
        held->ask = who;
    }
    hald_act(hald, &actions);
    hald->asking = NULL;
}

static void may_run(Hald *hald, struct asker who, const struct hald_request *request)
{
    struct held *held = hald_find(hald, request->vm);

    if (!held) {
        hald_answer(hald, who.conn, who.id, NO_RIGHT);
        return;
    }
    hald_sweep(hald, true);
    held->unseen = held->pids.len == 0; /* the agent says that it stands */
    hald_told_keeper(hald, held);
    if (held->may_run.conn != 0)
        hald_settle(hald, &held->may_run, "asked again");
    who.until_ms = clock_now_ms() + RUN_WAIT_MS;
    held->may_run = who;
    settle_run(hald, held, clock_now_ms());
    hald_told_keeper(hald, held);
}

static void process(Hald *hald, struct asker who, const struct hald_request *request)
{
    struct held *held = hald_find(hald, request->vm);
    const struct keeper_vm *known = keeper_find(&hald->keeper, request->vm);

    if (!held || g_ascii_strcasecmp(held->uuid, request->uuid) != 0) {
        hald_answer(hald, who.conn, who.id, request->exists ? NO_RIGHT : NULL);
        return;
    }
    hald_sweep(hald, true);
    held->told = request->exists && held->pids.len == 0;
    held->unseen = held->unseen && request->exists;
    hald_told_keeper(hald, held);
    if (request->exists && (held->banned || !known || known->state != KEEPER_VM_ALLOWED)) {
        held->told = false;
        hald_told_keeper(hald, held);
        hald_answer(hald, who.conn, who.id, NO_RIGHT);
        return;
    }
    hald_answer(hald, who.conn, who.id, NULL);
}

/* Gives the right back, if no process is there.  False: answered. */
static bool give_back(Hald *hald, const struct asker *who, struct held *held)
{
    struct keeper_actions actions = { 0 };
    g_autofree char *still = NULL;

    hald_sweep(hald, true);
    still = hald_still_there(held);
    if (still || is_claiming(hald, held->seen.vm)) {
        hald_answer(hald, who->conn, who->id, still ? still : DECIDING);
        return false;
    }
    held->told = held->unseen = held->banned = false;
    hald_told_keeper(hald, held);
    keeper_give_up(&hald->keeper, held->seen.vm, clock_now_ms(), &actions);
    for (size_t i = 0; i < actions.len; i++)
        hald_send(hald, &actions.items[i]);
    keeper_actions_clear(&actions);
    return true;
}

static void give_up(Hald *hald, struct asker who, const struct hald_request *request)
{
    struct held *held = hald_find(hald, request->vm);

    if (!held || give_back(hald, &who, held))
        hald_answer(hald, who.conn, who.id, NULL);
}

/* A right that is not known here is adopted, to be given back.  The process is looked for first:
 * one that is there must not make us protect what nobody claimed. */
static void release(Hald *hald, struct asker who, const struct hald_request *request)
{
    const struct ha_owner *owner;
    struct ha_vm_seen seen;
    struct held *held;

    if (!take_right(hald, &who, request, &seen, &held))
        return;
    owner = own(hald, &seen.right);
    hald_sweep(hald, true);
    if (owner && held->pids.len == 0 && !keeper_find(&hald->keeper, seen.vm))
        keeper_adopt(&hald->keeper, &seen, owner->authority);
    if (!give_back(hald, &who, held))
        return;
    if (held->release.conn != 0)
        hald_settle(hald, &held->release, "asked again");
    who.until_ms = clock_now_ms() + RELEASE_WAIT_MS;
    held->release = who;
}

void hald_vm_request(Hald *hald, uint64_t conn, const struct hald_request *request)
{
    static void (*const handlers[N_HALD_OPS])(Hald *, struct asker, const struct hald_request *) = {
        [HALD_ASK] = ask,         [HALD_MAY_RUN] = may_run, [HALD_PROCESS] = process,
        [HALD_GIVE_UP] = give_up, [HALD_RELEASE] = release,
    };
    const struct asker who = { .conn = conn, .id = request->id };

    handlers[request->op](hald, who, request);
    hald_tidy(hald, clock_now_ms());
    hald_save(hald);
}
