/* right_show.c - see right_show.h. */
#include "config.h"

#include "controller/right_show.h"

#include <inttypes.h>

#include "base/clock.h"
#include "controller/ha_shell.h"
#include "controller/right_steps.h"
#include "controller/rights.h"
#include "controller/stores.h"
#include "ha/etcd/right_etcd.h"

static const char *host_name(const struct app *app, int64_t id)
{
    const Host *host = inventory_find_host(app->inv, id);

    return host ? host->name : "a host that was removed";
}

/* A lease on storage is not renewed in etcd: there is only its begin. */
static int64_t lease_age_ms(const struct app *app, const struct ha_owner *owner)
{
    struct ha_lease_seen lease;

    if (owner->authority >= HA_STORAGE)
        return ha_shell_still_ms(app->ha, owner);
    return rights_lease(app->rights, owner->host, owner->authority, &lease) &&
                   ha_inc_equal(lease.record.inc, owner->inc)
               ? clock_now_ms() - lease.asked_ms
               : -1;
}

static void show_owner(const struct app *app, const struct ha_owner *owner,
                       struct op_right_owner *ret_owner)
{
    *ret_owner = (struct op_right_owner){
        .host_id = owner->host,
        .incarnation = right_inc_format(owner->inc),
        .authority = stores_authority_name(inventory_peek(app->inv), owner->authority),
        .lease_age_ms = lease_age_ms(app, owner),
        .dead = rights_is_buried(app->rights, owner),
    };
}

static char *text_of_owner(const struct app *app, const struct ha_vm_right *right,
                           const struct op_right_owner *owner)
{
    const char *name = host_name(app, owner->host_id);

    if (owner->dead)
        return g_strdup_printf("%s held it in a life that is over: it is free", name);
    if (!right->claimed)
        return g_strdup_printf("%s was given it and has not used it yet", name);
    if (owner->lease_age_ms < 0)
        return g_strdup_printf("%s holds it, and its lease is not known here", name);
    return g_strdup_printf("%s holds it; its lease was renewed %" PRId64 ".%" PRId64 " s ago", name,
                           owner->lease_age_ms / 1000, owner->lease_age_ms % 1000 / 100);
}

static char *text_of_record(const struct app *app, const Vm *vm, const struct op_right *right,
                            const struct ha_vm_seen *seen)
{
    if (!rights_listed(app->rights))
        return g_strdup("etcd has not been read yet");
    if (!seen)
        return g_strdup(vm->status == VM_RUNNING || vm->status == VM_PAUSED
                            ? "it runs without one: its host's vrm-hald is asked to take it in"
                            : "it never had one: its next start takes it");
    if (seen->right.n_owners == 0)
        return g_strdup("it is free: its last owner gave it back");
    if (seen->right.n_owners == 2)
        return g_strdup_printf("it is shared for a migration from %s to %s",
                               host_name(app, right->owners[0].host_id),
                               host_name(app, right->owners[1].host_id));
    return text_of_owner(app, &seen->right, &right->owners[0]);
}

/* Who protects it; of one that has no owner, who is to. */
static char *authority_name(const struct app *app, const Vm *vm, const struct ha_vm_seen *seen)
{
    const Snapshot *snap = inventory_peek(app->inv);

    if (!app->settings->ha_enabled)
        return g_strdup("none");
    return stores_authority_name(snap,
                                 right_steps_needed(app, vm) && seen && seen->right.n_owners > 0
                                     ? seen->right.owners[0].authority
                                     : rights_authority(app->rights, snap, vm));
}

struct op_right *right_show(const struct app *app, const Vm *vm)
{
    const struct ha_vm_seen *seen = rights_of(app->rights, vm->id);
    struct op_right *right = g_new0(struct op_right, 1);

    right->authority = authority_name(app, vm, seen);
    if (!app->settings->ha_enabled) {
        right->text = g_strdup("[ha] is off in vrmd.conf: it starts without a right");
        return right;
    }
    if (!right_steps_needed(app, vm)) {
        right->text = g_strdup("it needs none: its disks are on local storage only");
        return right;
    }
    right->generation = seen ? seen->right.gen : 0;
    right->claimed = seen && seen->right.claimed;
    right->n_owners = seen ? seen->right.n_owners : 0;
    for (unsigned i = 0; i < right->n_owners; i++)
        show_owner(app, &seen->right.owners[i], &right->owners[i]);
    right->text = text_of_record(app, vm, right, seen);
    return right;
}
