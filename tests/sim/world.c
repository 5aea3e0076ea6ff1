/* world.c - making, booting and ending a world: see world.h. */
#include "config.h"

#include "tests/sim/world.h"

#include "tests/ha_usual.h"

#define CALM_MS 80000
#define END_MS  220000

int world_add_host(struct world *world)
{
    const int host = world->n_hosts++;

    g_assert(host < MAX_HOSTS);
    world->hosts[host] = (struct sim_host){ .id = 101 + host,
                                            .has_bmc = true,
                                            .setup = { USUAL_LEASE_MS, USUAL_SLOT_MS } };
    world->hosts[host].faulted_ms = world->hosts[host].hald_faulted_ms = INT64_MIN / 2;
    for (int i = 0; i < MAX_STORES; i++)
        world->hosts[host].disks[i].faulted_ms = INT64_MIN / 2;
    return host;
}

int world_add_store(struct world *world)
{
    g_assert(world->n_stores < MAX_STORES);
    return world->n_stores++;
}

int world_add_vm(struct world *world, const struct ha_vm_spec *spec, int home)
{
    const int vm = world->n_vms++;

    g_assert(vm < MAX_VMS);
    world->vms[vm] = (struct sim_vm){ .spec = *spec, .wanted = true, .home = home };
    world->vms[vm].spec.id = vm + 1;
    return vm;
}

int world_host_index(const struct world *world, int64_t id)
{
    for (int i = 0; i < world->n_hosts; i++)
        if (world->hosts[i].id == id)
            return i;
    return NOBODY;
}

int world_vm_index(const struct world *world, int64_t id)
{
    for (int i = 0; i < world->n_vms; i++)
        if (world->vms[i].spec.id == id)
            return i;
    return NOBODY;
}

/* One in eight on its host's own disk, half of the others on datastores with slots. */
static int32_t any_authority(struct world *world)
{
    const uint32_t luck = rng_below(&world->rng, 16);

    if (luck < 2)
        return HA_LOCAL;
    if (luck < 7 || world->n_stores == 0)
        return HA_ETCD;
    return HA_STORAGE + (int32_t)rng_below(&world->rng, (uint32_t)world->n_stores);
}

void world_init(struct world *world, const struct sim_options *options)
{
    *world = (struct world){
        .calm_ms = CALM_MS,
        .end_ms = END_MS,
        .armed = true,
        .settings = { USUAL_LEASE_MS, USUAL_SLOT_MS },
        .n_ctls = options->n_ctls,
        .isolation = options->n_hosts > 0 ? (enum ha_isolation)(options->seed % N_HA_ISOLATIONS)
                                          : ISOLATION_LEAVE, /* a scenario says it itself */
        .trace = options->trace ? g_string_new(NULL) : NULL,
    };
    rng_seed(&world->rng, options->seed);
    rng_seed(&world->settings_rng, ~options->seed);
    for (int i = 0; i < options->n_hosts; i++)
        world_add_host(world);
    for (int i = 0; i < options->n_stores; i++)
        world_add_store(world);
    for (int i = 0; i < options->n_vms; i++) {
        const int32_t authority = any_authority(world);

        world_add_vm(world,
                     &(struct ha_vm_spec){ .authority = authority,
                                           .priority = i % 3,
                                           .after = NOBODY,
                                           .follows_host = true,
                                           .follows_crash = true },
                     authority == HA_LOCAL ? i % options->n_hosts : NOBODY);
    }
}

void world_boot(struct world *world)
{
    world->etcd.revision = 1;
    for (int i = 0; i < world->n_hosts; i++) {
        world->hosts[i].drift_ppm = world_between(world, -2000, 2000);
        host_boot(world, i);
    }
    for (int i = 0; i < MAX_CTLS + MAX_STAND_INS; i++)
        world->ctls[i].host = i < world->n_ctls ? NOBODY : i - world->n_ctls;
    world->n_stand_ins = world->n_hosts < MAX_STAND_INS ? world->n_hosts : MAX_STAND_INS;
    for (int i = 0; i < world->n_ctls; i++)
        ctl_start(world, i);
}

void world_clear(struct world *world)
{
    world_drop_events(world);
    for (int i = 0; i < world->n_ctls + world->n_stand_ins; i++) {
        ha_free(world->ctls[i].ha);
        standin_free(world->ctls[i].standin);
    }
    for (int i = 0; i < world->n_hosts; i++) {
        keeper_clear(&world->hosts[i].keeper);
        keeper_vms_clear(&world->hosts[i].saved_vms);
        for (int j = 0; j < MAX_STORES; j++)
            g_free(world->hosts[i].disks[j].frozen);
    }
    kvs_clear(&world->etcd.kvs);
    sim_leases_clear(&world->etcd.leases);
    if (world->trace)
        g_string_free(world->trace, TRUE);
    g_free(world->broken);
}
