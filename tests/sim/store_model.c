/* store_model.c - datastores with heartbeat slots: accesses that are slow, hang, fail, land late or
 * in part, and readers that are shown the past.  The blocks are real ones (ha/slot.h).  See
 * world.h. */
#include "config.h"

#include <string.h>

#include "tests/sim/world.h"

#define HANGS_MS 200 /* between two looks whether it still hangs */

int store_of(int32_t authority)
{
    return authority >= HA_STORAGE ? authority - HA_STORAGE : NOBODY;
}

static struct sim_disk *disk_of(struct world *world, const struct call *call)
{
    return &world->hosts[call->node].disks[store_of(call->authority)];
}

static int64_t access_ms(struct world *world, const struct sim_disk *disk)
{
    return disk->fails ? 5 : world_between(world, 1, 10 + disk->slow_ms);
}

/* On its way: it goes on with the host's kernel, whatever becomes of vrm-hald. */
static void post_access(struct world *world, int64_t delay_ms, event_fn *run, struct call *call)
{
    struct event *event = world_post(world, delay_ms, run, IN_WORLD, call->node);

    event->call = call;
}

/* A host that is gone finishes nothing that still hung in it; what was under way arrives. */
static bool still_hangs(struct world *world, const struct event *event)
{
    struct call *call = event->call;

    if (!disk_of(world, call)->hangs)
        return false;
    if (world->hosts[call->node].host_life == call->host_life && world->hosts[call->node].up) {
        call->n_refs++;
        post_access(world, HANGS_MS, event->run, call);
    }
    return true;
}

static void answer(struct world *world, struct call *call, bool good)
{
    struct event *event = world_post(world, 1, call->on_answer, IN_HALD, call->node);

    event->life = call->life;
    event->flag = good;
    event->call = call;
    call->n_refs++;
}

static void begin(struct world *world, struct call *call, event_fn *run)
{
    const struct sim_host *host = &world->hosts[call->node];

    call->life = host->hald_life;
    call->host_life = host->host_life;
    post_access(world, access_ms(world, disk_of(world, call)), run, call);
}

/* ---- writing --------------------------------------------------------------------------------- */

static uint8_t *block_of(struct world *world, const struct call *call, int host)
{
    struct sim_disk *disk = disk_of(world, call);

    return call->file == LOCAL_FILE ? disk->local
                                    : world->stores[store_of(call->authority)].blocks[host];
}

static void land(struct world *world, const struct event *event)
{
    struct call *call = event->call;
    struct sim_disk *disk = disk_of(world, call);
    const struct ha_lease_record *lease = &call->txn.puts[0].record.lease;
    const struct slot_record record = {
        .tag = STORE_TAG,
        .owner = { world->hosts[call->node].id, call->authority, lease->inc },
        .seq = lease->seq,
        .length_ms = lease->length_ms,
    };
    uint8_t block[SLOT_SIZE];
    uint8_t *to = block_of(world, call, call->node);

    if (still_hangs(world, event))
        return;
    slot_format(&record, block);
    if (disk->tears)
        memcpy(to + (lease->seq % 2) * SLOT_SECTOR, block, SLOT_SECTOR);
    else if (!disk->fails && !disk->full)
        memcpy(to, block, SLOT_SIZE);
    answer(world, call, !disk->tears && !disk->fails && !disk->full);
    disk->tears = false;
}

void store_write(struct world *world, struct call *call)
{
    begin(world, call, land);
}

/* ---- reading --------------------------------------------------------------------------------- */

static const uint8_t *seen_block(struct world *world, const struct call *call, int host)
{
    static const uint8_t nothing[SLOT_SIZE];
    const struct sim_disk *disk = disk_of(world, call);

    if (call->file == LOCAL_FILE)
        return host == call->node ? disk->local : nothing;
    return disk->frozen ? disk->frozen + (size_t)host * SLOT_SIZE : block_of(world, call, host);
}

static void look(struct world *world, const struct event *event)
{
    struct call *call = event->call;
    const struct sim_disk *disk = disk_of(world, call);

    if (still_hangs(world, event))
        return;
    g_free(call->reading);
    call->reading = g_new0(struct reading, 1);
    call->reading->failed = disk->fails;
    for (int i = 0; i < world->n_hosts && !disk->fails; i++)
        call->reading->content[i] =
            slot_parse(seen_block(world, call, i), &call->reading->records[i]);
    answer(world, call, !disk->fails);
}

void store_read(struct world *world, struct call *call)
{
    begin(world, call, look);
}
