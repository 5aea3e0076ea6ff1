/* stores.c - see stores.h. */
#include "config.h"

#include "controller/stores.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ha/right.h"
#include "ha/slot.h"

static bool can_have_slots(const Datastore *store)
{
    return store->path[0] == '/' && store->path[1] != '\0' && slot_authority(store->id) >= 0;
}

static bool is_shared(const Datastore *store)
{
    return g_ascii_strcasecmp(store->storage_type, "LOCAL") != 0;
}

/* Two datastores with one folder would share its slots: the first one has them. */
static bool is_twin(const struct stores *stores, const Datastore *store)
{
    for (size_t i = 0; i < stores->n; i++)
        if (g_str_equal(stores->items[i]->path, store->path))
            return true;
    return false;
}

static bool is_named(GHashTable *named, const Datastore *store)
{
    return g_hash_table_contains(named, GINT_TO_POINTER(slot_authority(store->id)));
}

/* Of the shared ones, or with `named` of those; in the order of ids. */
static void add_stores(const Snapshot *snap, GHashTable *named, struct stores *stores)
{
    for (size_t i = 0; i < snap->n_datastores && stores->n < STORES_MAX; i++) {
        const Datastore *store = snap->datastores[i];

        if (can_have_slots(store) && (named ? is_named(named, store) : is_shared(store)) &&
            !is_twin(stores, store))
            stores->items[stores->n++] = store;
    }
}

static int by_id(const void *a, const void *b)
{
    const Datastore *const *x = a, *const *y = b;

    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

void stores_keep(const Snapshot *snap, bool slots, GHashTable *named, struct stores *ret_stores)
{
    struct stores stores = { 0 };

    if (named)
        add_stores(snap, named, &stores);
    if (slots)
        add_stores(snap, NULL, &stores);
    qsort(stores.items, stores.n, sizeof(*stores.items), by_id);
    *ret_stores = stores;
}

void stores_find(const Snapshot *snap, struct stores *ret_stores)
{
    stores_keep(snap, true, NULL, ret_stores);
}

const Datastore *stores_of_authority(const Snapshot *snap, int32_t authority)
{
    return authority < HA_STORAGE ? NULL : snapshot_datastore(snap, slot_datastore(authority));
}

static bool is_among(const struct stores *stores, int64_t id)
{
    for (size_t i = 0; i < stores->n; i++)
        if (stores->items[i]->id == id)
            return true;
    return false;
}

int32_t stores_protector(const Snapshot *snap, const Vm *vm, bool slots)
{
    struct stores stores;

    if (snapshot_is_local(snap, vm))
        return HA_LOCAL;
    if (!slots || vm->n_disks == 0)
        return HA_ETCD;
    stores_find(snap, &stores);
    for (size_t i = 0; i < vm->n_disks; i++)
        if (is_among(&stores, vm->disks[i].datastore_id))
            return slot_authority(vm->disks[i].datastore_id);
    return HA_ETCD;
}

char *stores_authority_name(const Snapshot *snap, int32_t authority)
{
    const Datastore *store = stores_of_authority(snap, authority);

    if (authority < HA_STORAGE)
        return g_strdup(authority == HA_ETCD ? "etcd" : "local");
    return store ? g_strdup_printf("storage:%s", store->name)
                 : g_strdup_printf("storage:%" PRId64, slot_datastore(authority));
}
