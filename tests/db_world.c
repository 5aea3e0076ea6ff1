/* db_world.c - see db_world.h. */
#include "config.h"

#include "tests/db_world.h"

#include "base/text.h"
#include "db/store_cluster.h"
#include "db/store_host.h"
#include "db/store_vm.h"

/* ---- objects --------------------------------------------------------------------------------- */

Cluster *make_cluster(const char *name)
{
    Cluster *cluster = cluster_new();

    text_set(&cluster->name, name);
    text_set(&cluster->description, "describe \"it\" \\ ' ; -- \xc3\xa4");
    text_set(&cluster->tag, "tag");
    text_set(&cluster->imc_setting, "Haswell");
    text_set(&cluster->res_strategy, "random");
    cluster->mem_overcommit = true;
    cluster->guest_numa = true;
    cluster->ds_fault_strategy = 1;
    cluster->vcpus_per_thread = 6;
    cluster->ha.isolation = ISOLATION_POISON;
    cluster->ha.max_restarts = 7;
    cluster->create_ms = 1700000000123;
    cluster->drs.enabled = true;
    cluster->drs.level = DRS_AUTOMATIC;
    for (size_t i = 0; i < HOURS_PER_DAY; i++) {
        cluster->drs.limen[i] = (uint8_t)(i % 10);
        cluster->dpm.limen[i] = (uint8_t)(9 - i % 10);
    }
    cluster->drs.cycle.type = CYCLE_WEEKLY;
    cluster->drs.cycle.days = 0xfe;
    cluster->drs.factor = DRS_FACTOR_MEM;
    cluster->drs.threshold_cpu = 41;
    cluster->drs.threshold_mem = 42;
    cluster->drs.vm_overrides_enabled = true;
    cluster->dpm.power_level = 2;
    text_set(&cluster->dpm_thresholds, "1:30:50 9:50:90");
    cluster->dpm.cycle.type = CYCLE_MONTHLY;
    cluster->dpm.cycle.days = 0xfffffffe;
    cluster->dpm.electric_strategy = 3;
    cluster->ha.enabled = true;
    cluster->ha.control_policy = 2;
    cluster->ha.cpu_reservation = 11;
    cluster->ha.mem_reservation = 12;
    cluster->ha.hosts_fault_quantity = 13;
    cluster->ha.custom_slot = true;
    cluster->ha.slot_cpu_mhz = 14;
    cluster->ha.slot_mem_mb = 15;
    return cluster;
}

Host *make_host(const char *name, int64_t cluster_id)
{
    Host *host = host_new();

    text_set(&host->name, name);
    text_set(&host->description, "a host");
    text_set(&host->ip, "10.0.0.1");
    host->port = 7444;
    text_set(&host->bmc_ip, "10.1.0.1");
    text_set(&host->bmc_user, "root");
    text_set(&host->bmc_password, "calvin");
    host->cluster_id = cluster_id;
    host->maintaining = true;
    host->create_ms = 1700000000456;
    text_set(&host->real_name, "real");
    text_set(&host->uuid, name);
    text_set(&host->vendor, "vendor");
    text_set(&host->model, "model");
    text_set(&host->cpu_model, "EPYC");
    text_set(&host->hypervisor, "QEMU 7.2");
    host->mem_mb = 21;
    host->cpu_threads = 22;
    host->cpu_sockets = 23;
    host->cpu_cores = 24;
    host->cpu_mhz = 25;
    host->nic_count = 26;
    host->net_mbps = 27000;
    text_set(&host->devices, "gpu-t4:2 mdev-nvidia-63:8");
    text_set(&host->rack, "row 1, rack 2");
    text_set(&host->cpu_vendor, "Intel");
    text_set(&host->cpu_features, "aes apic sse4.2");
    text_set(&host->cpu_generations, "Conroe Westmere");
    host->off_since_ms = 27;
    host->wake_proven_ms = 28;
    host->slept_ms = 29;
    host->off_by_dpm = true;
    return host;
}

void add_disk(Vm *vm, int64_t sequence, const char *path)
{
    struct vm_disk *disk = vm_add_disk(vm);

    disk->sequence = sequence;
    text_set(&disk->name, "disk");
    text_set(&disk->path, path);
    text_set(&disk->bus, "VIRTIO");
    disk->size_gb = 10 + sequence;
    disk->thin = true;
    disk->persistent = true;
}

void add_nic(Vm *vm, int64_t sequence, const char *mac)
{
    struct vm_nic *nic = vm_add_nic(vm);

    nic->sequence = sequence;
    text_set(&nic->name, "nic");
    text_set(&nic->mac, mac);
    text_set(&nic->port_group, "urn:x");
    text_set(&nic->ip, "192.0.2.1");
    nic->virtio = true;
}

Vm *make_vm(const char *name, int64_t cluster_id, int64_t host_id)
{
    Vm *vm = vm_new();

    g_free(vm->uuid);
    vm->uuid = g_uuid_string_random();
    text_set(&vm->name, name);
    text_set(&vm->description, "a VM");
    text_set(&vm->group, "group");
    text_set(&vm->external_uuid, "external");
    vm->cluster_id = cluster_id;
    vm->host_id = host_id;
    vm->location_is_host = true;
    vm->cpu = (struct vm_cpu){ 2, 1, 31, 32, 33, 1 };
    vm->memory = (struct vm_memory){ 512, 34, 35, 36, 1, 0 };
    text_set(&vm->os_type, "Linux");
    vm->os_version = 37;
    text_set(&vm->guest_os_name, "Debian");
    text_set(&vm->os_hostname, "web");
    text_set(&vm->boot_option, "cdrom");
    vm->enable_ha = true;
    text_set(&vm->fault_process, "reboot");
    vm->restart_priority = RESTART_HIGHEST;
    vm->max_restarts = 8;
    vm->hang_sensitivity = SENSITIVITY_HIGH;
    text_set(&vm->clock_mode, "freeClock");
    vm->drs_behavior = DRS_BEHAVIOR_DISABLED;
    vm->create_ms = 1700000000789;
    vm->status = VM_FAULT_RESUMING;
    vm->run_gen = 38;
    vm->moved_ms = 1700000000999;
    text_set(&vm->cpu_model, "Westmere");
    text_set(&vm->cpu_seen, "Westmere +arat -vme");
    text_set(&vm->devices, "gpu-t4:1");
    text_set(&vm->placed_why, "h2: least loaded");
    vm->placed_ms = 1700000000888;
    vm->placed_task_id = 12;
    return vm;
}

/* ---- a world ----------------------------------------------------------------------------------
 */

static bool insert_world(Db *db, void *data, GError **error)
{
    struct world *world = data;

    if (!store_cluster_insert(db, world->cluster, error))
        return false;
    world->host->cluster_id = world->cluster->id;
    if (!store_host_insert(db, world->host, error))
        return false;
    world->vm->cluster_id = world->cluster->id;
    world->vm->host_id = world->host->id;
    return store_vm_insert(db, world->vm, error);
}

void make_world(Db *db, struct world *world)
{
    world->cluster = make_cluster("c1");
    world->host = make_host("h1", 0);
    world->vm = make_vm("v1", 0, 0);
    add_disk(world->vm, 1, "/a.qcow2");
    add_disk(world->vm, 2, "/b.qcow2");
    add_nic(world->vm, 0, "52:54:00:00:00:01");
    must_write(db, insert_world, world);
}

void clear_world(struct world *world)
{
    cluster_unref(world->cluster);
    host_unref(world->host);
    vm_unref(world->vm);
}

/* Tables of the checks below, so that each store needs one line. */
struct list_job {
    bool (*list)(Db *db, GPtrArray **ret, GError **error);
    GPtrArray *objects;
};

static bool run_list(Db *db, void *data, GError **error)
{
    struct list_job *job = data;

    return job->list(db, &job->objects, error);
}

GPtrArray *read_list(Db *db, bool (*list)(Db *, GPtrArray **, GError **))
{
    struct list_job job = { list, NULL };

    must_read(db, run_list, &job);
    return job.objects;
}

bool run_query(Db *db, void *data, GError **error)
{
    struct query_job *job = data;

    return job->run(db, &job->query, &job->objects, &job->total, error);
}

int64_t *one_id(int64_t id)
{
    int64_t *ids = g_new(int64_t, 1);

    ids[0] = id;
    return ids;
}
