/* inventory.c - see inventory.h. */
#include "config.h"

#include "controller/inventory.h"

#include <pthread.h>

#include "base/clock.h"

struct Inventory {
    SnapshotBuilder *builder;
    struct measuring measuring;
    guint publish_source;
    inventory_watch_fn watch;
    void *watch_user;
    pthread_mutex_t lock; /* guards only the pointer below */
    Snapshot *published;
};

Inventory *inventory_new(void)
{
    Inventory *inv = g_new0(Inventory, 1);

    pthread_mutex_init(&inv->lock, NULL);
    inv->builder = snapshot_builder_new();
    inv->published = snapshot_builder_build(inv->builder, clock_now_ms());
    return inv;
}

void inventory_free(Inventory *inv)
{
    if (!inv)
        return;
    if (inv->publish_source)
        g_source_remove(inv->publish_source);
    snapshot_builder_free(inv->builder);
    snapshot_unref(inv->published);
    pthread_mutex_destroy(&inv->lock);
    g_free(inv);
}

void inventory_set_measuring(Inventory *inv, const struct measuring *measuring)
{
    inv->measuring = *measuring;
}

const Vm *inventory_find_vm(Inventory *inv, int64_t id)
{
    return snapshot_builder_get_vm(inventory_edit(inv), id);
}

const Host *inventory_find_host(Inventory *inv, int64_t id)
{
    return snapshot_builder_get_host(inventory_edit(inv), id);
}

void inventory_publish(Inventory *inv)
{
    Snapshot *fresh, *old;

    if (!snapshot_builder_dirty(inv->builder))
        return;
    snapshot_builder_set_wall(inv->builder, clock_wall_ms());
    snapshot_builder_set_measuring(inv->builder, &inv->measuring);
    fresh = snapshot_builder_build(inv->builder, clock_now_ms());
    pthread_mutex_lock(&inv->lock);
    old = inv->published;
    inv->published = fresh;
    pthread_mutex_unlock(&inv->lock);
    if (inv->watch)
        inv->watch(old, fresh, inv->watch_user);
    snapshot_unref(old);
}

void inventory_watch(Inventory *inv, inventory_watch_fn fn, void *user)
{
    inv->watch = fn;
    inv->watch_user = user;
}

static gboolean publish_later(void *data)
{
    Inventory *inv = data;

    inv->publish_source = 0;
    inventory_publish(inv);
    return G_SOURCE_REMOVE;
}

SnapshotBuilder *inventory_edit(Inventory *inv)
{
    if (!inv->publish_source)
        inv->publish_source = g_idle_add_full(G_PRIORITY_DEFAULT, publish_later, inv, NULL);
    return inv->builder;
}

void inventory_reset(Inventory *inv)
{
    snapshot_builder_free(inv->builder);
    inv->builder = snapshot_builder_new();
}

Snapshot *inventory_snapshot(Inventory *inv)
{
    Snapshot *snap;

    pthread_mutex_lock(&inv->lock);
    snap = snapshot_ref(inv->published);
    pthread_mutex_unlock(&inv->lock);
    return snap;
}

const Snapshot *inventory_peek(Inventory *inv)
{
    return inv->published;
}
