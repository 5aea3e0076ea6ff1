/* hald_save.c - see hald_private.h: the life on file, for the next process of this boot. */
#include "config.h"

#include "agent/hald_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"

#define WARN_MS  60000
#define ROUND_MS 5000

/* FNV-1a. */
#define MARK_START UINT64_C(0xcbf29ce484222325)
#define MARK_PRIME UINT64_C(0x100000001b3)

static void add_lease(const Hald *hald, struct life *life, const struct lease_fsm *lease)
{
    const struct store *store = hald_store_find(hald, lease->self.authority);

    life_leases_push(&life->leases, (struct life_lease){
                                        .authority = lease->self.authority,
                                        .inc = lease->self.inc,
                                        .end_ms = lease->state == LEASE_HELD ? lease->end_ms : 0,
                                        .length_ms = lease->times.length_ms,
                                        .renew_ms = lease->times.renew_ms,
                                        .path = g_strdup(store ? store->path : ""),
                                        .name = g_strdup(store ? store->name : ""),
                                    });
}

/* What is still being claimed was promised to nobody. */
static void add_vm(const Hald *hald, struct life *life, const struct held *held)
{
    const struct keeper_vm *known = keeper_find(&hald->keeper, held->seen.vm);
    struct life_vm vm = { .seen = held->seen,
                          .authority = held->authority,
                          .told = held->told,
                          .unseen = held->unseen,
                          .banned = held->banned };

    if (known && known->state != KEEPER_VM_CLAIMING) {
        vm.held = true;
        vm.releasing = known->state == KEEPER_VM_RELEASING;
        vm.seen = known->seen;
        vm.authority = known->authority;
    }
    if (!vm.held && !vm.banned)
        return;
    g_strlcpy(vm.uuid, held->uuid, sizeof vm.uuid);
    life_vms_push(&life->vms, vm);
}

/* At most, and not another time at each petting. */
static int64_t armed_until(const Hald *hald)
{
    return (hald->keeper.armed_until_ms / ROUND_MS + 1) * ROUND_MS;
}

static char *describe(const Hald *hald)
{
    struct life life = { .boot = hald->boot,
                         .host = hald->setup.host,
                         .prefix = g_strdup(hald->setup.prefix),
                         .armed_until_ms = armed_until(hald) };
    char *text;

    for (unsigned i = 0; i < hald->keeper.n_leases; i++)
        add_lease(hald, &life, &hald->keeper.leases[i]);
    for (guint i = 0; i < hald->held->len; i++)
        add_vm(hald, &life, hald->held->pdata[i]);
    text = life_format(&life);
    life_clear(&life);
    return text;
}

static uint64_t add(uint64_t mark, uint64_t number)
{
    for (unsigned i = 0; i < sizeof number; i++)
        mark = (mark ^ (number >> 8 * i & 0xff)) * MARK_PRIME;
    return mark;
}

/* Of all that describe() tells and that can change: formatting it five times a second costs. */
static uint64_t mark_of(const Hald *hald)
{
    uint64_t mark = add(add(MARK_START, (uint64_t)armed_until(hald)), (uint64_t)hald->setup.host);

    mark = add(mark, g_str_hash(hald->setup.prefix));
    for (unsigned i = 0; i < hald->keeper.n_leases; i++) {
        const struct lease_fsm *lease = &hald->keeper.leases[i];

        mark = add(add(mark, lease->state), (uint64_t)lease->end_ms);
        mark = add(mark, lease->self.inc.n);
    }
    for (guint i = 0; i < hald->held->len; i++) {
        const struct held *held = hald->held->pdata[i];
        const struct keeper_vm *known = keeper_find(&hald->keeper, held->seen.vm);
        const unsigned flags =
            (held->told ? 1U : 0) | (held->unseen ? 2U : 0) | (held->banned ? 4U : 0);

        mark = add(add(mark, (uint64_t)held->seen.vm), (uint64_t)held->seen.version);
        mark = add(add(mark, flags), known ? (uint64_t)known->state + 1 : 0);
        mark = add(mark, known ? (uint64_t)known->seen.version : 0);
    }
    return mark;
}

bool hald_save(Hald *hald)
{
    const uint64_t mark = hald->set_up ? mark_of(hald) : 0;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    unsigned left_out;

    if (!hald->set_up || mark == hald->saved)
        return true;
    text = describe(hald);
    if (life_write(hald->conf->life_file, text, false, &error)) {
        hald->saved = mark;
        hald->shorter_unsaved = false;
        return true;
    }
    if (log_limit_pass(&hald->save_trouble, clock_now_ms(), WARN_MS, &left_out))
        log_error("the life cannot be saved: a restart would kill VMs, and none is started",
                  "ERROR", error->message, NULL);
    return false;
}

bool hald_restore(Hald *hald, struct life *ret_life, bool *ret_found, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    struct life life;
    size_t len;
    g_autofree char *text = life_read(hald->conf->life_file, &len, &trouble);

    *ret_found = false;
    if (!text && err_is(trouble, VRM_ERR_NOT_FOUND))
        return true;
    if (!text) {
        g_propagate_error(error, g_steal_pointer(&trouble));
        return false;
    }
    if (!life_parse(text, len, &life, error)) {
        g_prefix_error(error, "%s: ", hald->conf->life_file);
        return false;
    }
    if (life.boot == hald->boot) {
        *ret_life = life;
        *ret_found = true;
    } else {
        life_clear(&life); /* the machine was booted since: nothing of it runs */
    }
    return true;
}
