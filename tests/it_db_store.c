/* it_db_store.c - every store against a real PostgreSQL: what is written is what is read. */
#include "config.h"

#include <sys/wait.h>
#include <unistd.h>

#include "db/store_cluster.h"
#include "db/store_datastore.h"
#include "db/store_drs.h"
#include "db/store_event.h"
#include "db/store_host.h"
#include "db/store_rule.h"
#include "db/store_site.h"
#include "db/store_task.h"
#include "db/store_user.h"
#include "db/store_vm.h"
#include "model/reason.h"
#include "tests/it_db.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoredEvent, stored_event_free)

static void set_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

/* ---- objects whose fields all differ, so that a swapped column shows ------------------------ */

static Cluster *make_cluster(const char *name)
{
    Cluster *cluster = cluster_new();

    set_text(&cluster->name, name);
    set_text(&cluster->description, "describe \"it\" \\ ' ; -- \xc3\xa4");
    set_text(&cluster->tag, "tag");
    set_text(&cluster->imc_setting, "Haswell");
    set_text(&cluster->res_strategy, "random");
    cluster->mem_overcommit = true;
    cluster->guest_numa = true;
    cluster->ds_fault_strategy = 1;
    cluster->vcpus_per_thread = 6;
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
    set_text(&cluster->dpm_thresholds, "1:30:50 9:50:90");
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

static Host *make_host(const char *name, int64_t cluster_id)
{
    Host *host = host_new();

    set_text(&host->name, name);
    set_text(&host->description, "a host");
    set_text(&host->ip, "10.0.0.1");
    host->port = 7444;
    set_text(&host->bmc_ip, "10.1.0.1");
    set_text(&host->bmc_user, "root");
    set_text(&host->bmc_password, "calvin");
    host->cluster_id = cluster_id;
    host->maintaining = true;
    host->create_ms = 1700000000456;
    set_text(&host->real_name, "real");
    set_text(&host->uuid, name);
    set_text(&host->vendor, "vendor");
    set_text(&host->model, "model");
    set_text(&host->cpu_model, "EPYC");
    set_text(&host->hypervisor, "QEMU 7.2");
    host->mem_mb = 21;
    host->cpu_threads = 22;
    host->cpu_sockets = 23;
    host->cpu_cores = 24;
    host->cpu_mhz = 25;
    host->nic_count = 26;
    host->net_mbps = 27000;
    set_text(&host->devices, "gpu-t4:2 mdev-nvidia-63:8");
    set_text(&host->rack, "row 1, rack 2");
    set_text(&host->cpu_vendor, "Intel");
    set_text(&host->cpu_features, "aes apic sse4.2");
    set_text(&host->cpu_generations, "Conroe Westmere");
    host->off_since_ms = 27;
    host->wake_proven_ms = 28;
    host->slept_ms = 29;
    host->off_by_dpm = true;
    return host;
}

static void add_disk(Vm *vm, int64_t sequence, const char *path)
{
    struct vm_disk *disk = vm_add_disk(vm);

    disk->sequence = sequence;
    set_text(&disk->name, "disk");
    set_text(&disk->path, path);
    set_text(&disk->bus, "VIRTIO");
    disk->size_gb = 10 + sequence;
    disk->thin = true;
    disk->persistent = true;
}

static void add_nic(Vm *vm, int64_t sequence, const char *mac)
{
    struct vm_nic *nic = vm_add_nic(vm);

    nic->sequence = sequence;
    set_text(&nic->name, "nic");
    set_text(&nic->mac, mac);
    set_text(&nic->port_group, "urn:x");
    set_text(&nic->ip, "192.0.2.1");
    nic->virtio = true;
}

static Vm *make_vm(const char *name, int64_t cluster_id, int64_t host_id)
{
    Vm *vm = vm_new();

    g_free(vm->uuid);
    vm->uuid = g_uuid_string_random();
    set_text(&vm->name, name);
    set_text(&vm->description, "a VM");
    set_text(&vm->group, "group");
    set_text(&vm->external_uuid, "external");
    vm->cluster_id = cluster_id;
    vm->host_id = host_id;
    vm->location_is_host = true;
    vm->cpu = (struct vm_cpu){ 2, 1, 31, 32, 33, 1 };
    vm->memory = (struct vm_memory){ 512, 34, 35, 36, 1, 0 };
    set_text(&vm->os_type, "Linux");
    vm->os_version = 37;
    set_text(&vm->guest_os_name, "Debian");
    set_text(&vm->os_hostname, "web");
    set_text(&vm->boot_option, "cdrom");
    vm->enable_ha = true;
    set_text(&vm->fault_process, "reboot");
    set_text(&vm->clock_mode, "freeClock");
    vm->drs_behavior = DRS_BEHAVIOR_DISABLED;
    vm->create_ms = 1700000000789;
    vm->status = VM_FAULT_RESUMING;
    vm->run_gen = 38;
    vm->moved_ms = 1700000000999;
    set_text(&vm->cpu_model, "Westmere");
    set_text(&vm->cpu_seen, "Westmere +arat -vme");
    set_text(&vm->devices, "gpu-t4:1");
    set_text(&vm->placed_why, "h2: least loaded");
    vm->placed_ms = 1700000000888;
    vm->placed_task_id = 12;
    return vm;
}

/* ---- one job per test; what it works on ------------------------------------------------------ */

struct world {
    Cluster *cluster;
    Host *host;
    Vm *vm;
};

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

static void make_world(Db *db, struct world *world)
{
    world->cluster = make_cluster("c1");
    world->host = make_host("h1", 0);
    world->vm = make_vm("v1", 0, 0);
    add_disk(world->vm, 1, "/a.qcow2");
    add_disk(world->vm, 2, "/b.qcow2");
    add_nic(world->vm, 0, "52:54:00:00:00:01");
    must_write(db, insert_world, world);
}

static void clear_world(struct world *world)
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

static GPtrArray *read_list(Db *db, bool (*list)(Db *, GPtrArray **, GError **))
{
    struct list_job job = { list, NULL };

    must_read(db, run_list, &job);
    return job.objects;
}

/* ---- site, cluster, host, datastore --------------------------------------------------------- */

static bool put_site(Db *db, void *data, GError **error)
{
    return store_site_put(db, data, error);
}

static bool get_site(Db *db, void *data, GError **error)
{
    return store_site_get(db, data, error);
}

START_TEST(the_site_is_stored_once_and_keeps_its_id)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(Site) site = site_new();
    g_autoptr(Site) read = NULL;
    GError *error = NULL;

    must_read(db, get_site, &read);
    ck_assert_ptr_null(read);
    set_text(&site->id, "43BC08E8");
    set_text(&site->name, "first");
    set_text(&site->ip, "10.0.0.9");
    must_write(db, put_site, site);
    set_text(&site->name, "second");
    must_write(db, put_site, site);
    must_read(db, get_site, &read);
    ck_assert_str_eq(read->id, "43BC08E8");
    ck_assert_str_eq(read->name, "second");
    ck_assert_str_eq(read->ip, "10.0.0.9");
    set_text(&site->id, "00000001");
    ck_assert(!db_write(db, 1, put_site, site, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "another site");
}
END_TEST

static void check_same_cluster(const Cluster *a, const Cluster *b)
{
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->description, b->description);
    ck_assert_str_eq(a->tag, b->tag);
    ck_assert_str_eq(a->imc_setting, b->imc_setting);
    ck_assert_str_eq(a->res_strategy, b->res_strategy);
    ck_assert_int_eq(a->mem_overcommit, b->mem_overcommit);
    ck_assert_int_eq(a->imc_enabled, b->imc_enabled);
    ck_assert_int_eq(a->guest_numa, b->guest_numa);
    ck_assert_int_eq(a->host_numa_drs, b->host_numa_drs);
    ck_assert_int_eq(a->io_tailor, b->io_tailor);
    ck_assert_int_eq(a->ds_fault_strategy, b->ds_fault_strategy);
    ck_assert_int_eq(a->vcpus_per_thread, b->vcpus_per_thread);
    ck_assert_int_eq(a->create_ms, b->create_ms);
}

static void check_same_policies(const Cluster *a, const Cluster *b)
{
    ck_assert_int_eq(a->drs.enabled, b->drs.enabled);
    ck_assert_int_eq(a->drs.level, b->drs.level);
    ck_assert_mem_eq(a->drs.limen, b->drs.limen, HOURS_PER_DAY);
    ck_assert_mem_eq(a->dpm.limen, b->dpm.limen, HOURS_PER_DAY);
    ck_assert_int_eq(a->drs.cycle.type, b->drs.cycle.type);
    ck_assert_uint_eq(a->drs.cycle.days, b->drs.cycle.days);
    ck_assert_int_eq(a->drs.factor, b->drs.factor);
    ck_assert_int_eq(a->drs.threshold_cpu, b->drs.threshold_cpu);
    ck_assert_int_eq(a->drs.threshold_mem, b->drs.threshold_mem);
    ck_assert_int_eq(a->drs.vm_overrides_enabled, b->drs.vm_overrides_enabled);
    ck_assert_int_eq(a->dpm.power_level, b->dpm.power_level);
    ck_assert_str_eq(a->dpm_thresholds, b->dpm_thresholds);
    ck_assert_int_eq(a->dpm.cycle.type, b->dpm.cycle.type);
    ck_assert_uint_eq(a->dpm.cycle.days, b->dpm.cycle.days);
    ck_assert_int_eq(a->dpm.electric_strategy, b->dpm.electric_strategy);
    ck_assert_int_eq(a->ha.enabled, b->ha.enabled);
    ck_assert_int_eq(a->ha.control_policy_on, b->ha.control_policy_on);
    ck_assert_int_eq(a->ha.control_policy, b->ha.control_policy);
    ck_assert_int_eq(a->ha.cpu_reservation, b->ha.cpu_reservation);
    ck_assert_int_eq(a->ha.mem_reservation, b->ha.mem_reservation);
    ck_assert_int_eq(a->ha.hosts_fault_quantity, b->ha.hosts_fault_quantity);
    ck_assert_int_eq(a->ha.custom_slot, b->ha.custom_slot);
    ck_assert_int_eq(a->ha.slot_cpu_mhz, b->ha.slot_cpu_mhz);
    ck_assert_int_eq(a->ha.slot_mem_mb, b->ha.slot_mem_mb);
}

static bool update_cluster(Db *db, void *data, GError **error)
{
    return store_cluster_update(db, data, error);
}

START_TEST(a_cluster_comes_back_as_it_was_written_and_updated)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(GPtrArray) before = NULL;
    g_autoptr(GPtrArray) after = NULL;
    Cluster *cluster;

    make_world(db, &world);
    before = read_list(db, store_cluster_list);
    cluster = g_ptr_array_index(before, 0);
    ck_assert_uint_eq(before->len, 1);
    check_same_cluster(cluster, world.cluster);
    check_same_policies(cluster, world.cluster);
    ck_assert_int_eq(cluster->id, world.cluster->id);
    ck_assert_int_eq(cluster->generation, 1);

    set_text(&cluster->name, "renamed");
    cluster->io_tailor = true;
    cluster->ha.failover_hosts = g_new(int64_t, 1);
    cluster->ha.failover_hosts[0] = world.host->id;
    cluster->ha.n_failover_hosts = 1;
    must_write(db, update_cluster, cluster);
    ck_assert_int_eq(cluster->generation, 2);
    after = read_list(db, store_cluster_list);
    check_same_cluster(g_ptr_array_index(after, 0), cluster);
    check_same_policies(g_ptr_array_index(after, 0), cluster);
    cluster = g_ptr_array_index(after, 0);
    ck_assert_int_eq(cluster->generation, 2);
    ck_assert_uint_eq(cluster->ha.n_failover_hosts, 1);
    ck_assert_int_eq(cluster->ha.failover_hosts[0], world.host->id);
    clear_world(&world);
}
END_TEST

START_TEST(an_update_from_an_older_generation_is_a_conflict_and_changes_nothing)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(GPtrArray) read = NULL;
    GError *error = NULL;

    make_world(db, &world);
    must_write(db, update_cluster, world.cluster);
    world.cluster->generation = 1;
    set_text(&world.cluster->name, "late");
    ck_assert(!db_write(db, 1, update_cluster, world.cluster, &error));
    ck_assert_int_eq(err_reason(error), REASON_OBJECT_CONFLICT);
    suite_take_error(&error, VRM_ERR_CONFLICT, "cluster late was changed or deleted");
    ck_assert_int_eq(world.cluster->generation, 1);
    read = read_list(db, store_cluster_list);
    ck_assert_str_eq(((Cluster *)g_ptr_array_index(read, 0))->name, "c1");
    clear_world(&world);
}
END_TEST

START_TEST(a_host_comes_back_as_it_was_written)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(GPtrArray) read = NULL;
    const Host *a, *b;

    make_world(db, &world);
    read = read_list(db, store_host_list);
    ck_assert_uint_eq(read->len, 1);
    a = world.host;
    b = g_ptr_array_index(read, 0);
    ck_assert_int_eq(a->id, b->id);
    ck_assert_int_eq(b->generation, 1);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->description, b->description);
    ck_assert_str_eq(a->ip, b->ip);
    ck_assert_int_eq(a->port, b->port);
    ck_assert_str_eq(a->bmc_ip, b->bmc_ip);
    ck_assert_str_eq(a->bmc_user, b->bmc_user);
    ck_assert_str_eq(a->bmc_password, b->bmc_password);
    ck_assert_int_eq(a->cluster_id, b->cluster_id);
    ck_assert_int_eq(a->maintaining, b->maintaining);
    ck_assert_int_eq(a->create_ms, b->create_ms);
    ck_assert_str_eq(a->real_name, b->real_name);
    ck_assert_str_eq(a->uuid, b->uuid);
    ck_assert_str_eq(a->vendor, b->vendor);
    ck_assert_str_eq(a->model, b->model);
    ck_assert_str_eq(a->cpu_model, b->cpu_model);
    ck_assert_str_eq(a->hypervisor, b->hypervisor);
    ck_assert_int_eq(a->mem_mb, b->mem_mb);
    ck_assert_int_eq(a->cpu_threads, b->cpu_threads);
    ck_assert_int_eq(a->cpu_sockets, b->cpu_sockets);
    ck_assert_int_eq(a->cpu_cores, b->cpu_cores);
    ck_assert_int_eq(a->cpu_mhz, b->cpu_mhz);
    ck_assert_int_eq(a->nic_count, b->nic_count);
    ck_assert_int_eq(a->net_mbps, b->net_mbps);
    ck_assert_str_eq(a->devices, b->devices);
    ck_assert_str_eq(a->rack, b->rack);
    ck_assert_str_eq(a->cpu_vendor, b->cpu_vendor);
    ck_assert_str_eq(a->cpu_features, b->cpu_features);
    ck_assert_str_eq(a->cpu_generations, b->cpu_generations);
    ck_assert_int_eq(a->off_since_ms, b->off_since_ms);
    ck_assert_int_eq(a->wake_proven_ms, b->wake_proven_ms);
    ck_assert_int_eq(a->slept_ms, b->slept_ms);
    ck_assert_int_eq(a->off_by_dpm, b->off_by_dpm);
    clear_world(&world);
}
END_TEST

static bool change_datastore(Db *db, void *data, GError **error)
{
    Datastore *datastore = data;

    if (!store_datastore_insert(db, datastore, error))
        return false;
    datastore->used_gb = 77;
    return store_datastore_update(db, datastore, error);
}

static bool delete_datastore(Db *db, void *data, GError **error)
{
    const Datastore *datastore = data;

    return store_datastore_delete(db, datastore->id, datastore->generation, error);
}

START_TEST(a_datastore_lives_from_insert_to_delete)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(Datastore) datastore = datastore_new();
    g_autoptr(GPtrArray) read = NULL;
    g_autoptr(GPtrArray) after = NULL;
    const Datastore *got;

    set_text(&datastore->name, "nfs");
    set_text(&datastore->description, "a share");
    set_text(&datastore->storage_type, "NAS");
    set_text(&datastore->path, "/srv/nfs");
    datastore->capacity_gb = 100;
    must_write(db, change_datastore, datastore);
    read = read_list(db, store_datastore_list);
    got = g_ptr_array_index(read, 0);
    ck_assert_str_eq(got->name, "nfs");
    ck_assert_str_eq(got->description, "a share");
    ck_assert_str_eq(got->storage_type, "NAS");
    ck_assert_str_eq(got->path, "/srv/nfs");
    ck_assert_int_eq(got->capacity_gb, 100);
    ck_assert_int_eq(got->used_gb, 77);
    ck_assert_int_eq(got->generation, 2);
    must_write(db, delete_datastore, datastore);
    after = read_list(db, store_datastore_list);
    ck_assert_uint_eq(after->len, 0);
}
END_TEST

/* ---- VMs ------------------------------------------------------------------------------------ */

static void check_same_vm(const Vm *a, const Vm *b)
{
    ck_assert_int_eq(a->id, b->id);
    ck_assert_str_eq(a->uuid, b->uuid);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->description, b->description);
    ck_assert_str_eq(a->group, b->group);
    ck_assert_str_eq(a->external_uuid, b->external_uuid);
    ck_assert_int_eq(a->cluster_id, b->cluster_id);
    ck_assert_int_eq(a->host_id, b->host_id);
    ck_assert_int_eq(a->location_is_host, b->location_is_host);
    ck_assert_int_eq(a->binding_host, b->binding_host);
    ck_assert_int_eq(a->is_template, b->is_template);
    ck_assert_mem_eq(&a->cpu, &b->cpu, sizeof a->cpu);
    ck_assert_mem_eq(&a->memory, &b->memory, sizeof a->memory);
    ck_assert_str_eq(a->os_type, b->os_type);
    ck_assert_int_eq(a->os_version, b->os_version);
    ck_assert_str_eq(a->guest_os_name, b->guest_os_name);
    ck_assert_str_eq(a->os_hostname, b->os_hostname);
    ck_assert_str_eq(a->boot_option, b->boot_option);
    ck_assert_int_eq(a->enable_ha, b->enable_ha);
    ck_assert_str_eq(a->fault_process, b->fault_process);
    ck_assert_str_eq(a->clock_mode, b->clock_mode);
    ck_assert_int_eq(a->recover_by_host, b->recover_by_host);
    ck_assert_int_eq(a->drs_behavior, b->drs_behavior);
    ck_assert_int_eq(a->create_ms, b->create_ms);
    ck_assert_int_eq(a->status, b->status);
    ck_assert_int_eq(a->run_gen, b->run_gen);
    ck_assert_int_eq(a->moved_ms, b->moved_ms);
    ck_assert_str_eq(a->placed_why, b->placed_why);
    ck_assert_int_eq(a->placed_ms, b->placed_ms);
    ck_assert_int_eq(a->placed_task_id, b->placed_task_id);
    ck_assert_str_eq(a->cpu_model, b->cpu_model);
    ck_assert_str_eq(a->cpu_seen, b->cpu_seen);
    ck_assert_str_eq(a->devices, b->devices);
}

static void check_same_parts(const Vm *a, const Vm *b)
{
    ck_assert_uint_eq(a->n_disks, b->n_disks);
    for (size_t i = 0; i < a->n_disks; i++) {
        const struct vm_disk *x = &a->disks[i], *y = &b->disks[i];

        ck_assert_int_gt(x->volume_id, 0);
        ck_assert_int_eq(x->sequence, y->sequence);
        ck_assert_int_eq(x->volume_id, y->volume_id);
        ck_assert_int_eq(x->datastore_id, y->datastore_id);
        ck_assert_str_eq(x->name, y->name);
        ck_assert_str_eq(x->path, y->path);
        ck_assert_int_eq(x->size_gb, y->size_gb);
        ck_assert_int_eq(x->thin, y->thin);
        ck_assert_int_eq(x->independent, y->independent);
        ck_assert_int_eq(x->persistent, y->persistent);
        ck_assert_str_eq(x->bus, y->bus);
    }
    ck_assert_uint_eq(a->n_nics, b->n_nics);
    for (size_t i = 0; i < a->n_nics; i++) {
        ck_assert_int_eq(a->nics[i].sequence, b->nics[i].sequence);
        ck_assert_str_eq(a->nics[i].name, b->nics[i].name);
        ck_assert_str_eq(a->nics[i].mac, b->nics[i].mac);
        ck_assert_str_eq(a->nics[i].port_group, b->nics[i].port_group);
        ck_assert_str_eq(a->nics[i].ip, b->nics[i].ip);
        ck_assert_int_eq(a->nics[i].virtio, b->nics[i].virtio);
    }
}

static bool insert_vm(Db *db, void *data, GError **error)
{
    return store_vm_insert(db, data, error);
}

static bool update_vm(Db *db, void *data, GError **error)
{
    return store_vm_update(db, data, error);
}

static bool update_run(Db *db, void *data, GError **error)
{
    return store_vm_update_run(db, data, error);
}

static bool delete_vm_and_volumes(Db *db, void *data, GError **error)
{
    const Vm *vm = data;

    return store_vm_delete(db, vm->id, vm->generation, true, error);
}

static bool delete_vm_only(Db *db, void *data, GError **error)
{
    const Vm *vm = data;

    return store_vm_delete(db, vm->id, vm->generation, false, error);
}

START_TEST(vms_come_back_with_their_disks_and_nics)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(Vm) bare = NULL;
    g_autoptr(Vm) third = NULL;
    g_autoptr(GPtrArray) read = NULL;

    make_world(db, &world);
    bare = make_vm("bare", world.cluster->id, 0);
    must_write(db, insert_vm, bare);
    third = make_vm("third", world.cluster->id, world.host->id);
    add_disk(third, 1, "/c.qcow2");
    add_nic(third, 0, "");
    add_nic(third, 1, "");
    must_write(db, insert_vm, third);
    read = read_list(db, store_vm_list);
    ck_assert_uint_eq(read->len, 3);
    check_same_vm(world.vm, g_ptr_array_index(read, 0));
    check_same_parts(world.vm, g_ptr_array_index(read, 0));
    check_same_vm(bare, g_ptr_array_index(read, 1));
    check_same_parts(bare, g_ptr_array_index(read, 1));
    check_same_parts(third, g_ptr_array_index(read, 2));
    clear_world(&world);
}
END_TEST

START_TEST(an_update_replaces_everything_and_keeps_volumes)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(GPtrArray) read = NULL;
    int64_t volume_id;

    make_world(db, &world);
    volume_id = world.vm->disks[0].volume_id;
    set_text(&world.vm->name, "renamed");
    world.vm->disks[0].size_gb = 99;
    set_text(&world.vm->nics[0].mac, "52:54:00:00:00:02");
    add_disk(world.vm, 3, "/d.qcow2");
    must_write(db, update_vm, world.vm);
    read = read_list(db, store_vm_list);
    check_same_vm(world.vm, g_ptr_array_index(read, 0));
    check_same_parts(world.vm, g_ptr_array_index(read, 0));
    ck_assert_int_eq(((Vm *)g_ptr_array_index(read, 0))->disks[0].volume_id, volume_id);
    clear_world(&world);
}
END_TEST

START_TEST(the_run_update_touches_nothing_else)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(GPtrArray) read = NULL;
    const Vm *got;

    make_world(db, &world);
    world.vm->status = VM_RUNNING;
    world.vm->host_id = 0;
    world.vm->run_gen = 100;
    world.vm->moved_ms = 200;
    set_text(&world.vm->cpu_model, "Nehalem");
    set_text(&world.vm->cpu_seen, "Nehalem +hypervisor");
    set_text(&world.vm->placed_why, "moved: ends overload");
    world.vm->placed_ms = 300;
    world.vm->placed_task_id = 13;
    set_text(&world.vm->name, "not written");
    must_write(db, update_run, world.vm);
    read = read_list(db, store_vm_list);
    got = g_ptr_array_index(read, 0);
    ck_assert_int_eq(got->status, VM_RUNNING);
    ck_assert_int_eq(got->host_id, 0);
    ck_assert_int_eq(got->run_gen, 100);
    ck_assert_int_eq(got->moved_ms, 200);
    ck_assert_str_eq(got->cpu_model, "Nehalem");
    ck_assert_str_eq(got->cpu_seen, "Nehalem +hypervisor");
    ck_assert_str_eq(got->placed_why, "moved: ends overload");
    ck_assert_int_eq(got->placed_ms, 300);
    ck_assert_int_eq(got->placed_task_id, 13);
    ck_assert_str_eq(got->name, "v1");
    ck_assert_int_eq(got->generation, world.vm->generation);
    clear_world(&world);
}
END_TEST

START_TEST(deleting_a_vm_takes_only_its_own_volumes)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    struct world world;
    g_autoptr(Vm) sharer = NULL;
    g_autofree char *left = NULL;
    g_autofree char *kept = NULL;

    make_world(db, &world);
    sharer = make_vm("sharer", world.cluster->id, 0);
    add_disk(sharer, 1, "/a.qcow2");
    sharer->disks[0].volume_id = world.vm->disks[0].volume_id;
    must_write(db, insert_vm, sharer);
    must_write(db, delete_vm_and_volumes, world.vm);
    left = scratch_sql(conninfo, "SELECT string_agg(path, ' ') FROM volume");
    ck_assert_str_eq(left, "/a.qcow2");
    must_write(db, delete_vm_only, sharer);
    kept = scratch_sql(conninfo, "SELECT string_agg(path, ' ') FROM volume");
    ck_assert_str_eq(kept, "/a.qcow2");
    clear_world(&world);
}
END_TEST

START_TEST(a_kept_file_is_taken_up_by_the_next_vm)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    struct world world;
    g_autoptr(Vm) next = NULL;
    g_autofree char *volumes = NULL;

    make_world(db, &world);
    must_write(db, delete_vm_only, world.vm);
    next = make_vm("next", world.cluster->id, 0);
    add_disk(next, 7, "/a.qcow2");
    must_write(db, insert_vm, next);
    ck_assert_int_eq(next->disks[0].volume_id, world.vm->disks[0].volume_id);
    volumes = scratch_sql(conninfo, "SELECT string_agg(path || size_gb, ' ' ORDER BY path)"
                                    " FROM volume");
    ck_assert_str_eq(volumes, "/a.qcow217 /b.qcow212");
    clear_world(&world);
}
END_TEST

/* Two creates in the same moment, each on its own connection. */
struct file_race {
    const char *conninfo;
    Vm *first, *second;
    pid_t second_pid;
};

static bool create_second(const struct file_race *race)
{
    g_autoptr(Db) db = db_new(race->conninfo, SCRATCH_TIMEOUT_MS);
    g_autoptr(GError) error = NULL;

    return !db_write(db, 1, insert_vm, race->second, &error) && err_is(error, VRM_ERR_CONFLICT) &&
           g_strcmp0(err_field(error), "vmConfig.disks.volumeUrl") == 0 &&
           strstr(error->message, "/c.qcow2: it is a disk of VM first");
}

static bool create_first_while_second_waits(Db *db, void *data, GError **error)
{
    static const char waiting[] = "SELECT count(*) FROM pg_stat_activity WHERE datname ="
                                  " current_database() AND wait_event_type = 'Lock'";
    struct file_race *race = data;

    if (!store_vm_insert(db, race->first, error))
        return false;
    race->second_pid = fork();
    if (race->second_pid == 0)
        _exit(create_second(race) ? 0 : 1);
    for (;;) {
        g_autofree char *n = scratch_sql(race->conninfo, waiting);

        if (g_str_equal(n, "1"))
            return true;
    }
}

START_TEST(of_two_vms_with_one_file_the_second_waits_and_is_refused)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    struct file_race race = { .conninfo = conninfo };
    struct world world;
    int status;

    make_world(db, &world);
    race.first = make_vm("first", world.cluster->id, 0);
    race.second = make_vm("second", world.cluster->id, 0);
    add_disk(race.first, 1, "/c.qcow2");
    add_disk(race.second, 1, "/c.qcow2");
    must_write(db, create_first_while_second_waits, &race);
    ck_assert_int_eq(waitpid(race.second_pid, &status, 0), race.second_pid);
    ck_assert_int_eq(status, 0);
    vm_unref(race.first);
    vm_unref(race.second);
    clear_world(&world);
}
END_TEST

/* As rows could be before 0005: one VM has a file twice, another has it too and knows nothing of
 * the first, and of a kept file there are two volumes. */
START_TEST(volumes_of_one_file_become_one)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    struct world world;
    g_autoptr(Vm) other = NULL;
    g_autofree char *disks = NULL;
    g_autofree char *volumes = NULL;
    GError *error = NULL;

    make_world(db, &world);
    other = make_vm("other", world.cluster->id, 0);
    add_disk(other, 1, "/c.qcow2");
    must_write(db, insert_vm, other);
    g_free(scratch_sql(conninfo,
                       "DROP INDEX volume_path_taken;"
                       "ALTER TABLE host DROP cpu_vendor, DROP cpu_features, DROP cpu_generations;"
                       "ALTER TABLE vm DROP cpu_model, DROP cpu_seen;"
                       "DROP TABLE alarm;"
                       "ALTER TABLE vm DROP placed_why, DROP placed_ms, DROP placed_task_id;"
                       "DELETE FROM schema_migration WHERE version >= 5;"
                       "ALTER TABLE host DROP off_since_ms, DROP wake_proven_ms, DROP slept_ms,"
                       " DROP net_mbps, DROP devices, DROP rack, DROP off_by_dpm;"
                       "ALTER TABLE drs_plan DROP kind; ALTER TABLE recommendation DROP type;"
                       "ALTER TABLE cluster DROP vcpus_per_thread, DROP dpm_thresholds;"
                       "ALTER TABLE vm DROP devices;"
                       "ALTER TABLE drs_rule DROP fault_domain;"
                       "UPDATE volume SET path = '/a.qcow2';"
                       "INSERT INTO volume (name, path, size_gb, thin) VALUES"
                       " ('', '/kept', 1, true), ('', '/kept', 1, true), ('', '', 1, true),"
                       " ('', '', 1, true)"));
    db_migrate(db, &error);
    suite_no_error(error);
    disks = scratch_sql(conninfo, "SELECT string_agg(concat_ws(':', vm_id, sequence, volume_id),"
                                  " ' ' ORDER BY vm_id, sequence) FROM vm_disk");
    ck_assert_str_eq(disks, "1:1:3 2:1:3");
    volumes = scratch_sql(conninfo, "SELECT string_agg(id || path, ' ' ORDER BY id) FROM volume");
    ck_assert_str_eq(volumes, "3/a.qcow2 5/kept 6 7");
    clear_world(&world);
}
END_TEST

/* ---- deleting hosts and clusters ------------------------------------------------------------ */

static bool delete_host(Db *db, void *data, GError **error)
{
    const Host *host = data;

    return store_host_delete(db, host->id, host->generation, error);
}

static bool delete_cluster(Db *db, void *data, GError **error)
{
    const Cluster *cluster = data;

    return store_cluster_delete(db, cluster->id, cluster->generation, error);
}

START_TEST(a_host_goes_only_when_no_vm_needs_it)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(GPtrArray) hosts = NULL;
    g_autoptr(GPtrArray) vms = NULL;
    GError *error = NULL;

    make_world(db, &world);
    ck_assert(!db_write(db, 1, delete_host, world.host, &error));
    ck_assert_int_eq(err_reason(error), REASON_HOST_HAS_VMS);
    suite_take_error(&error, VRM_ERR_CONFLICT, "still has VMs");
    world.vm->status = VM_STOPPED;
    must_write(db, update_run, world.vm);
    must_write(db, delete_host, world.host);
    hosts = read_list(db, store_host_list);
    vms = read_list(db, store_vm_list);
    ck_assert_uint_eq(hosts->len, 0);
    ck_assert_int_eq(((Vm *)g_ptr_array_index(vms, 0))->host_id, 0);
    ck_assert_int_eq(((Vm *)g_ptr_array_index(vms, 0))->generation, world.vm->generation);
    clear_world(&world);
}
END_TEST

START_TEST(a_cluster_goes_only_when_it_is_empty)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(GPtrArray) clusters = NULL;
    GError *error = NULL;

    make_world(db, &world);
    ck_assert(!db_write(db, 1, delete_cluster, world.cluster, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "still has");
    must_write(db, delete_vm_and_volumes, world.vm);
    must_write(db, delete_host, world.host);
    must_write(db, delete_cluster, world.cluster);
    clusters = read_list(db, store_cluster_list);
    ck_assert_uint_eq(clusters->len, 0);
    clear_world(&world);
}
END_TEST

/* ---- groups and rules ----------------------------------------------------------------------- */

struct rules_job {
    struct world *world;
    Group *vms, *hosts;
    Rule *rule;
};

static int64_t *one_id(int64_t id)
{
    int64_t *ids = g_new(int64_t, 1);

    ids[0] = id;
    return ids;
}

static bool insert_rules(Db *db, void *data, GError **error)
{
    struct rules_job *job = data;

    if (!store_group_insert(db, job->vms, error) || !store_group_insert(db, job->hosts, error))
        return false;
    job->rule->vm_group_id = job->vms->id;
    job->rule->host_group_id = job->hosts->id;
    return store_rule_insert(db, job->rule, error);
}

static void fill_group(Group *group, const struct world *world, enum group_type type)
{
    group->cluster_id = world->cluster->id;
    group->type = type;
    group->use_type = 1;
    set_text(&group->name, "group");
    group->members = one_id(type == GROUP_VM ? world->vm->id : world->host->id);
    group->n_members = 1;
}

static void make_rules(Db *db, struct world *world, struct rules_job *job)
{
    make_world(db, world);
    *job = (struct rules_job){ world, group_new(), group_new(), rule_new() };
    fill_group(job->vms, world, GROUP_VM);
    fill_group(job->hosts, world, GROUP_HOST);
    job->rule->cluster_id = world->cluster->id;
    set_text(&job->rule->name, "pin");
    job->rule->type = RULE_VM_HOST;
    job->rule->strength = RULE_SHOULD_NOT;
    job->rule->vms = one_id(world->vm->id);
    job->rule->n_vms = 1;
    job->rule->create_ms = 51;
    job->rule->update_ms = 52;
    must_write(db, insert_rules, job);
}

static void clear_rules(struct rules_job *job)
{
    group_unref(job->vms);
    group_unref(job->hosts);
    rule_unref(job->rule);
    clear_world(job->world);
}

START_TEST(groups_and_rules_come_back_with_their_members)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    g_autoptr(GPtrArray) groups = NULL;
    g_autoptr(GPtrArray) rules = NULL;
    const Group *group;
    const Rule *rule;

    make_rules(db, &world, &job);
    groups = read_list(db, store_group_list);
    ck_assert_uint_eq(groups->len, 2);
    group = g_ptr_array_index(groups, 1);
    ck_assert_int_eq(group->type, GROUP_HOST);
    ck_assert_int_eq(group->use_type, 1);
    ck_assert_int_eq(group->cluster_id, world.cluster->id);
    ck_assert_str_eq(group->name, "group");
    ck_assert_uint_eq(group->n_members, 1);
    ck_assert_int_eq(group->members[0], world.host->id);
    rules = read_list(db, store_rule_list);
    rule = g_ptr_array_index(rules, 0);
    ck_assert_str_eq(rule->name, "pin");
    ck_assert_int_eq(rule->type, RULE_VM_HOST);
    ck_assert_int_eq(rule->strength, RULE_SHOULD_NOT);
    ck_assert_int_eq(rule->vm_group_id, job.vms->id);
    ck_assert_int_eq(rule->host_group_id, job.hosts->id);
    ck_assert_int_eq(rule->create_ms, 51);
    ck_assert_int_eq(rule->update_ms, 52);
    ck_assert_uint_eq(rule->n_vms, 1);
    ck_assert_int_eq(rule->vms[0], world.vm->id);
    clear_rules(&job);
}
END_TEST

static bool update_rules(Db *db, void *data, GError **error)
{
    struct rules_job *job = data;

    return store_group_update(db, job->vms, error) && store_rule_update(db, job->rule, error);
}

static bool update_rule(Db *db, void *data, GError **error)
{
    return store_rule_update(db, data, error);
}

START_TEST(only_a_keep_apart_rule_is_over_racks)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    g_autoptr(GPtrArray) rules = NULL;
    GError *error = NULL;

    make_rules(db, &world, &job);
    job.rule->domain = FAULT_DOMAIN_RACK;
    ck_assert(!db_write(db, 1, update_rule, job.rule, &error));
    g_clear_error(&error);
    job.rule->type = RULE_APART;
    job.rule->strength = RULE_SHOULD;
    job.rule->host_group_id = 0;
    must_write(db, update_rule, job.rule);
    rules = read_list(db, store_rule_list);
    ck_assert_int_eq(((const Rule *)g_ptr_array_index(rules, 0))->domain, FAULT_DOMAIN_RACK);
    clear_rules(&job);
}
END_TEST

START_TEST(updating_groups_and_rules_replaces_the_members)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    g_autoptr(GPtrArray) groups = NULL;
    g_autoptr(GPtrArray) rules = NULL;

    make_rules(db, &world, &job);
    job.vms->n_members = 0;
    set_text(&job.vms->name, "nobody");
    job.rule->n_vms = 0;
    job.rule->host_group_id = 0;
    must_write(db, update_rules, &job);
    groups = read_list(db, store_group_list);
    ck_assert_str_eq(((Group *)g_ptr_array_index(groups, 0))->name, "nobody");
    ck_assert_uint_eq(((Group *)g_ptr_array_index(groups, 0))->n_members, 0);
    rules = read_list(db, store_rule_list);
    ck_assert_uint_eq(((Rule *)g_ptr_array_index(rules, 0))->n_vms, 0);
    ck_assert_int_eq(((Rule *)g_ptr_array_index(rules, 0))->host_group_id, 0);
    ck_assert_int_eq(((Rule *)g_ptr_array_index(rules, 0))->generation, 2);
    clear_rules(&job);
}
END_TEST

static bool delete_group(Db *db, void *data, GError **error)
{
    const Group *group = data;

    return store_group_delete(db, group->id, group->generation, error);
}

static bool delete_rule(Db *db, void *data, GError **error)
{
    const Rule *rule = data;

    return store_rule_delete(db, rule->id, rule->generation, error);
}

START_TEST(a_group_in_a_rule_stays_until_the_rule_goes)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    GError *error = NULL;

    make_rules(db, &world, &job);
    ck_assert(!db_write(db, 1, delete_group, job.vms, &error));
    ck_assert_int_eq(err_reason(error), REASON_GROUP_IN_RULE);
    suite_take_error(&error, VRM_ERR_CONFLICT, "a rule uses the VM group");
    must_write(db, delete_rule, job.rule);
    must_write(db, delete_group, job.vms);
    clear_rules(&job);
}
END_TEST

/* ---- what the database itself refuses, in the client's words --------------------------------- */

static bool second_cluster(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Cluster) cluster = make_cluster("c1");

    return store_cluster_insert(db, cluster, error);
}

static bool second_host_name(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Host) host = make_host("h1", 0);

    return store_host_insert(db, host, error);
}

static bool second_host_address(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Host) host = make_host("h2", 0);

    return store_host_insert(db, host, error);
}

static bool host_without_cluster(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Host) host = make_host("h2", 9999);

    set_text(&host->ip, "10.0.0.2");
    return store_host_insert(db, host, error);
}

static bool vm_with_bad_uuid(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    set_text(&vm->uuid, "no-uuid");
    return store_vm_insert(db, vm, error);
}

static bool vm_with_taken_mac(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_nic(vm, 0, "52:54:00:00:00:01");
    return store_vm_insert(db, vm, error);
}

static bool vm_with_taken_file(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_disk(vm, 1, "/b.qcow2");
    return store_vm_insert(db, vm, error);
}

static bool vm_with_a_file_twice(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_disk(vm, 1, "/c.qcow2");
    add_disk(vm, 2, "/c.qcow2");
    return store_vm_insert(db, vm, error);
}

static bool volume_renamed_to_a_taken_file(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = vm_dup(world->vm);

    set_text(&vm->disks[0].path, "/b.qcow2");
    return store_vm_update(db, vm, error);
}

static bool bound_to_no_host(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    vm->binding_host = true;
    return store_vm_insert(db, vm, error);
}

static bool foreign_rule_member(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Cluster) other = make_cluster("other");
    g_autoptr(Rule) rule = rule_new();

    if (!store_cluster_insert(db, other, error))
        return false;
    rule->cluster_id = other->id;
    set_text(&rule->name, "r");
    rule->vms = one_id(world->vm->id);
    rule->n_vms = 1;
    return store_rule_insert(db, rule, error);
}

static bool vm_on_missing_datastore(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_disk(vm, 1, "/d.qcow2");
    vm->disks[0].datastore_id = 999;
    return store_vm_insert(db, vm, error);
}

static bool rule_of_missing_group(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Rule) rule = rule_new();

    rule->cluster_id = world->cluster->id;
    set_text(&rule->name, "r");
    rule->type = RULE_VM_HOST;
    rule->vm_group_id = rule->host_group_id = 999;
    return store_rule_insert(db, rule, error);
}

static bool unknown_role(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(User) user = user_new();

    user->name = g_strdup("eve");
    user->roles = g_strdup("emperor");
    return store_user_insert(db, user, error);
}

static const struct refusal {
    const char *what;
    db_tx_fn fn;
    enum vrm_err code;
    int reason;
    const char *field;
} refusals[] = {
    { "cluster name", second_cluster, VRM_ERR_CONFLICT, REASON_CLUSTER_NAME_TAKEN, "name" },
    { "host name", second_host_name, VRM_ERR_CONFLICT, REASON_HOST_NAME_TAKEN, "name" },
    { "host address", second_host_address, VRM_ERR_CONFLICT, REASON_HOST_IP_TAKEN, "ip" },
    { "host's cluster", host_without_cluster, VRM_ERR_CONFLICT, REASON_HOST_CLUSTER_MISSING,
      "clusterUrn" },
    { "VM UUID", vm_with_bad_uuid, VRM_ERR_INVALID, REASON_MALFORMED, NULL },
    { "MAC", vm_with_taken_mac, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, "mac" },
    { "disk file", vm_with_taken_file, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT,
      "vmConfig.disks.volumeUrl" },
    { "one file twice", vm_with_a_file_twice, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT,
      "vmConfig.disks.volumeUrl" },
    { "volume's file", volume_renamed_to_a_taken_file, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT,
      "vmConfig.disks.volumeUrl" },
    { "bound", bound_to_no_host, VRM_ERR_INVALID, REASON_VM_BAD_LOCATION, "isBindingHost" },
    { "rule member", foreign_rule_member, VRM_ERR_CONFLICT, REASON_RULE_VM_NOT_IN_CLUSTER, "vms" },
    { "VM's datastore", vm_on_missing_datastore, VRM_ERR_CONFLICT, REASON_DATASTORE_MISSING,
      "datastoreUrn" },
    { "rule's group", rule_of_missing_group, VRM_ERR_CONFLICT, REASON_OBJECT_MISSING,
      "vmGroupUrn" },
    { "role", unknown_role, VRM_ERR_CONFLICT, REASON_OBJECT_MISSING, "roleList" },
};

/* One database for all rows: making one takes longer than the row. */
START_TEST(a_refusal_names_reason_and_field)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;

    make_world(db, &world);
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        const struct refusal *row = &refusals[i];
        GError *error = NULL;

        ck_assert_msg(!db_write(db, 1, row->fn, &world, &error), "%s", row->what);
        ck_assert_msg(err_is(error, row->code), "%s: %s", row->what, error->message);
        ck_assert_msg(err_reason(error) == row->reason, "%s: %d", row->what, err_reason(error));
        ck_assert_pstr_eq(err_field(error), row->field);
        /* in a client's words: no statement of ours, and the value that was taken */
        ck_assert_msg(!row->field || !strstr(error->message, "_insert"), "%s", error->message);
        ck_assert_msg(!g_str_has_suffix(row->what, " name") || strstr(error->message, " = \""),
                      "%s", error->message);
        /* one of the two sides of a foreign key, not both */
        ck_assert_msg(!strstr(error->message, "still") && !strstr(error->message, "uses it"), "%s",
                      error->message);
        g_clear_error(&error);
    }
    clear_world(&world);
}
END_TEST

/* ---- tasks ---------------------------------------------------------------------------------- */

static Task *make_task(enum task_type type, int64_t entity_id, const char *user)
{
    Task *task = task_new();

    task->type = type;
    task->origin = ORIGIN_MAINTENANCE;
    task->entity_kind = OBJECT_VM;
    task->entity_id = entity_id;
    set_text(&task->entity_name, "Web-1");
    set_text(&task->user, user);
    task->status = TASK_RUNNING;
    task->step = 61;
    task->progress = 62;
    task->reason = 63;
    set_text(&task->reason_text, "because");
    set_text(&task->why, "asked");
    task->start_ms = 1000 * entity_id;
    task->source_host_id = 64;
    task->target_host_id = 65;
    task->force = true;
    return task;
}

static bool insert_task(Db *db, void *data, GError **error)
{
    return store_task_insert(db, data, error);
}

static bool update_task(Db *db, void *data, GError **error)
{
    return store_task_update(db, data, error);
}

START_TEST(a_task_is_unfinished_until_it_is_final_and_then_fixed)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(Task) task = make_task(TASK_MIGRATE_VM, 7, "ops");
    g_autoptr(GPtrArray) open = NULL;
    g_autoptr(GPtrArray) later = NULL;
    GError *error = NULL;
    const Task *got;

    must_write(db, insert_task, task);
    open = read_list(db, store_task_list_unfinished);
    ck_assert_uint_eq(open->len, 1);
    got = g_ptr_array_index(open, 0);
    ck_assert_int_eq(got->id, task->id);
    ck_assert_int_eq(got->type, TASK_MIGRATE_VM);
    ck_assert_int_eq(got->origin, ORIGIN_MAINTENANCE);
    ck_assert_int_eq(got->entity_kind, OBJECT_VM);
    ck_assert_int_eq(got->entity_id, 7);
    ck_assert_str_eq(got->entity_name, "Web-1");
    ck_assert_str_eq(got->user, "ops");
    ck_assert_int_eq(got->step, 61);
    ck_assert_int_eq(got->progress, 62);
    ck_assert_int_eq(got->reason, 63);
    ck_assert_str_eq(got->reason_text, "because");
    ck_assert_str_eq(got->why, "asked");
    ck_assert_int_eq(got->start_ms, 7000);
    ck_assert_int_eq(got->source_host_id, 64);
    ck_assert_int_eq(got->target_host_id, 65);
    ck_assert(got->force && !got->auto_start && !got->format_disks && !got->cancel_wanted);

    task->status = TASK_SUCCESS;
    task->progress = 100;
    task->finish_ms = 8000;
    must_write(db, update_task, task);
    later = read_list(db, store_task_list_unfinished);
    ck_assert_uint_eq(later->len, 0);
    task->status = TASK_FAILED;
    ck_assert(!db_write(db, 1, update_task, task, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "task");
}
END_TEST

START_TEST(a_final_task_must_be_complete)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(Task) task = make_task(TASK_START_VM, 7, "ops");
    GError *error = NULL;

    must_write(db, insert_task, task);
    task->status = TASK_SUCCESS;
    task->progress = 99;
    task->finish_ms = 8000;
    ck_assert(!db_write(db, 1, update_task, task, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "task_final_is_complete");
}
END_TEST

struct query_job {
    struct db_query query;
    bool (*run)(Db *, const struct db_query *, GPtrArray **, int64_t *, GError **);
    GPtrArray *objects;
    int64_t total;
};

static bool run_query(Db *db, void *data, GError **error)
{
    struct query_job *job = data;

    return job->run(db, &job->query, &job->objects, &job->total, error);
}

static bool insert_tasks(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    static const struct {
        enum task_type type;
        int64_t entity_id;
        const char *user;
    } rows[] = {
        { TASK_START_VM, 1, "ops" }, { TASK_STOP_VM, 2, "ops" },   { TASK_START_VM, 3, "eva" },
        { TASK_START_VM, 4, "ops" }, { TASK_REBOOT_VM, 5, "eva" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Task) task = make_task(rows[i].type, rows[i].entity_id, rows[i].user);

        task->cancel_wanted = i == 4;
        if (!store_task_insert(db, task, error))
            return false;
    }
    return true;
}

static const int64_t asked_ids[] = { 2, 5 };
static const struct {
    struct db_query query;
    int64_t total;
    const char *ids; /* of the page */
} task_queries[] = {
    { { .limit = -1, .cancelled = -1 }, 5, "5 4 3 2 1 " },
    { { .limit = 2, .cancelled = -1 }, 5, "5 4 " },
    { { .limit = 2, .offset = 3, .cancelled = -1 }, 5, "2 1 " },
    { { .limit = 2, .offset = 9, .cancelled = -1 }, 5, "" },
    { { .limit = -1, .type = "StartVmTask", .user = "ops", .cancelled = -1 }, 2, "4 1 " },
    { { .limit = -1, .status = "failed", .cancelled = -1 }, 0, "" },
    { { .limit = -1, .name = "wEB", .cancelled = -1 }, 5, "5 4 3 2 1 " },
    { { .limit = -1, .name = "%", .cancelled = -1 }, 0, "" },
    { { .limit = -1, .from_ms = 2000, .to_ms = 3000, .cancelled = -1 }, 2, "3 2 " },
    { { .limit = -1, .ids = asked_ids, .n_ids = 2, .cancelled = -1 }, 2, "5 2 " },
    { { .limit = -1, .scope_kind = OBJECT_VM, .scope_id = 3, .cancelled = -1 }, 1, "3 " },
    { { .limit = 1, .scope_kind = OBJECT_HOST, .scope_id = 65, .cancelled = -1 }, 5, "5 " },
    { { .limit = -1, .cancelled = 1 }, 1, "5 " },
    { { .limit = -1, .cancelled = 0 }, 4, "4 3 2 1 " },
};

START_TEST(task_queries_filter_count_and_page)
{
    g_autoptr(Db) db = scratch_db(NULL);

    must_write(db, insert_tasks, NULL);
    for (size_t row = 0; row < G_N_ELEMENTS(task_queries); row++) {
        struct query_job job = { task_queries[row].query, store_task_query, NULL, 0 };
        g_autoptr(GString) ids = g_string_new("");

        must_read(db, run_query, &job);
        for (guint i = 0; i < job.objects->len; i++) {
            const Task *task = g_ptr_array_index(job.objects, i);

            g_string_append_printf(ids, "%d ", (int)task->id);
        }
        ck_assert_msg(strcmp(ids->str, task_queries[row].ids) == 0, "row %zu: %s", row, ids->str);
        ck_assert_int_eq(job.total, task_queries[row].total);
        g_ptr_array_unref(job.objects);
    }
}
END_TEST

/* ---- DRS ------------------------------------------------------------------------------------ */

static Recommendation *make_move(const char *vm, int64_t depends_on)
{
    Recommendation *rec = recommendation_new();

    rec->vm_id = 71;
    rec->source_host_id = 72;
    rec->target_host_id = 73;
    set_text(&rec->vm_name, vm);
    set_text(&rec->source_name, "h1");
    set_text(&rec->target_name, "h2");
    rec->reason = MOVE_BALANCE_MEM;
    rec->rating = 4;
    rec->gain_overload = 74;
    rec->gain_balance = 75;
    rec->cost_ms = 76;
    rec->cost_mb = 77;
    rec->depends_on = depends_on;
    set_text(&rec->text, "text");
    set_text(&rec->rejected, "rejected");
    rec->create_ms = 78;
    return rec;
}

static DrsReport *make_report(int64_t cluster_id)
{
    DrsReport *report = drs_report_new();

    report->cluster_id = cluster_id;
    report->at_ms = 80;
    report->decided = true;
    report->imbalance_now = 81;
    report->imbalance_planned = 82;
    report->overload_now = 83;
    report->overload_planned = 84;
    set_text(&report->verdict, "two moves");
    drs_report_take(report, make_move("a", 0));
    drs_report_take(report, make_move("b", 1));
    return report;
}

static bool insert_report(Db *db, void *data, GError **error)
{
    return store_drs_insert(db, data, error);
}

static bool update_recommendation(Db *db, void *data, GError **error)
{
    return store_drs_update_recommendation(db, data, error);
}

START_TEST(the_latest_plan_comes_back_and_older_open_moves_expire)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) first = NULL;
    g_autoptr(DrsReport) second = NULL;
    g_autoptr(GPtrArray) reports = NULL;
    struct query_job job = {
        { .limit = -1, .status = "expired", .cancelled = -1 }, store_drs_query, NULL, 0
    };
    const DrsReport *got;
    const Recommendation *rec;

    make_world(db, &world);
    first = make_report(world.cluster->id);
    must_write(db, insert_report, first);
    first->recommendations[0]->state = REC_DONE;
    first->recommendations[0]->finish_ms = 79;
    must_write(db, update_recommendation, first->recommendations[0]);
    second = make_report(world.cluster->id);
    must_write(db, insert_report, second);

    reports = read_list(db, store_drs_list_latest);
    ck_assert_uint_eq(reports->len, 1);
    got = g_ptr_array_index(reports, 0);
    ck_assert_int_eq(got->plan_id, second->plan_id);
    ck_assert_int_eq(got->at_ms, 80);
    ck_assert(got->decided);
    ck_assert_int_eq(got->imbalance_now, 81);
    ck_assert_int_eq(got->imbalance_planned, 82);
    ck_assert_int_eq(got->overload_now, 83);
    ck_assert_int_eq(got->overload_planned, 84);
    ck_assert_str_eq(got->verdict, "two moves");
    ck_assert_uint_eq(got->n_recommendations, 2);
    rec = got->recommendations[1];
    ck_assert_str_eq(rec->vm_name, "b");
    ck_assert_int_eq(rec->id, second->recommendations[1]->id);
    ck_assert_int_eq(rec->depends_on, second->recommendations[0]->id);
    ck_assert_int_eq(rec->cluster_id, world.cluster->id);
    ck_assert_int_eq(rec->vm_id, 71);
    ck_assert_int_eq(rec->source_host_id, 72);
    ck_assert_int_eq(rec->target_host_id, 73);
    ck_assert_str_eq(rec->source_name, "h1");
    ck_assert_str_eq(rec->target_name, "h2");
    ck_assert_int_eq(rec->reason, MOVE_BALANCE_MEM);
    ck_assert_int_eq(rec->state, REC_OPEN);
    ck_assert_int_eq(rec->rating, 4);
    ck_assert_int_eq(rec->gain_overload, 74);
    ck_assert_int_eq(rec->gain_balance, 75);
    ck_assert_int_eq(rec->cost_ms, 76);
    ck_assert_int_eq(rec->cost_mb, 77);
    ck_assert_str_eq(rec->text, "text");
    ck_assert_str_eq(rec->rejected, "rejected");
    ck_assert_int_eq(rec->create_ms, 78);

    must_read(db, run_query, &job);
    ck_assert_int_eq(job.total, 1);
    rec = g_ptr_array_index(job.objects, 0);
    ck_assert_int_eq(rec->id, first->recommendations[1]->id);
    ck_assert_int_eq(rec->finish_ms, 80);
    g_ptr_array_unref(job.objects);
    clear_world(&world);
}
END_TEST

START_TEST(an_unchanged_move_keeps_its_id_in_the_next_plan)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) first = NULL;
    g_autoptr(DrsReport) second = NULL;
    g_autoptr(GPtrArray) reports = NULL;
    struct query_job job = {
        { .limit = -1, .status = "expired", .cancelled = -1 }, store_drs_query, NULL, 0
    };
    const DrsReport *got;

    make_world(db, &world);
    first = make_report(world.cluster->id);
    must_write(db, insert_report, first);
    second = make_report(world.cluster->id);
    second->recommendations[1]->id = first->recommendations[1]->id;
    second->recommendations[1]->cost_mb = 99;
    must_write(db, insert_report, second);
    ck_assert_int_eq(second->recommendations[1]->id, first->recommendations[1]->id);

    reports = read_list(db, store_drs_list_latest);
    got = g_ptr_array_index(reports, 0);
    ck_assert_uint_eq(got->n_recommendations, 2);
    ck_assert_int_eq(got->recommendations[1]->id, first->recommendations[1]->id);
    ck_assert_int_eq(got->recommendations[1]->state, REC_OPEN);
    ck_assert_int_eq(got->recommendations[1]->cost_mb, 99);
    ck_assert_int_eq(got->recommendations[1]->depends_on, second->recommendations[0]->id);
    must_read(db, run_query, &job); /* only the other one has ended */
    ck_assert_int_eq(job.total, 1);
    g_ptr_array_unref(job.objects);
    clear_world(&world);
}
END_TEST

static const struct {
    enum recommendation_state state;
    const char *name;
} ends[] = { { REC_DONE, "done" }, { REC_FAILED, "failed" }, { REC_APPLYING, "applying" } };

START_TEST(a_move_that_is_no_longer_open_is_not_rewritten)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) first = NULL;
    g_autoptr(DrsReport) second = NULL;
    struct query_job job = {
        { .limit = -1, .status = ends[_i].name, .cancelled = -1 }, store_drs_query, NULL, 0
    };
    const Recommendation *old;

    make_world(db, &world);
    first = make_report(world.cluster->id);
    must_write(db, insert_report, first);
    first->recommendations[1]->state = ends[_i].state;
    must_write(db, update_recommendation, first->recommendations[1]);
    second = make_report(world.cluster->id);
    second->recommendations[1]->id = first->recommendations[1]->id;
    second->recommendations[1]->cost_mb = 99;
    must_write(db, insert_report, second);
    ck_assert_int_gt(second->recommendations[1]->id, first->recommendations[1]->id);
    must_read(db, run_query, &job);
    ck_assert_int_eq(job.total, 1);
    old = g_ptr_array_index(job.objects, 0);
    ck_assert_int_eq(old->id, first->recommendations[1]->id);
    ck_assert_int_eq(old->cost_mb, 77);
    g_ptr_array_unref(job.objects);
    clear_world(&world);
}
END_TEST

START_TEST(a_move_may_only_depend_on_an_earlier_one)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) report = NULL;
    GError *error = NULL;

    make_world(db, &world);
    report = make_report(world.cluster->id);
    report->recommendations[1]->depends_on = 2;
    ck_assert(!db_write(db, 1, insert_report, report, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "place 2");
    clear_world(&world);
}
END_TEST

/* ---- events, audit, users, history ---------------------------------------------------------- */

static bool insert_history(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    const struct event event = { 0,     1000, EVENT_WARNING, "VmMigrated", OBJECT_VM, 26,
                                 "web", 27,   "moved" };
    AuditEntry entry = { 0,
                         2000,
                         (char[]){ "ops" },
                         (char[]){ "10.0.0.7" },
                         (char[]){ "r-1" },
                         (char[]){ "vm-start" },
                         (char[]){ "urn:x" },
                         (char[]){ "ok" },
                         28 };

    return store_event_insert(db, &event, error) && store_audit_insert(db, &entry, error);
}

START_TEST(events_and_audit_entries_come_back)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct query_job events = { { .limit = 5,
                                  .type = "VmMigrated",
                                  .status = "warning",
                                  .scope_kind = OBJECT_VM,
                                  .scope_id = 26,
                                  .cancelled = -1 },
                                store_event_query,
                                NULL,
                                0 };
    struct query_job audits = {
        { .limit = 5, .user = "ops", .cancelled = -1 }, store_audit_query, NULL, 0
    };
    const StoredEvent *event;
    const AuditEntry *entry;

    must_write(db, insert_history, NULL);
    must_read(db, run_query, &events);
    ck_assert_int_eq(events.total, 1);
    event = g_ptr_array_index(events.objects, 0);
    ck_assert_int_eq(event->at_ms, 1000);
    ck_assert_int_eq(event->severity, EVENT_WARNING);
    ck_assert_str_eq(event->name, "VmMigrated");
    ck_assert_int_eq(event->kind, OBJECT_VM);
    ck_assert_int_eq(event->object_id, 26);
    ck_assert_str_eq(event->object_name, "web");
    ck_assert_int_eq(event->task_id, 27);
    ck_assert_str_eq(event->text, "moved");
    must_read(db, run_query, &audits);
    ck_assert_int_eq(audits.total, 1);
    entry = g_ptr_array_index(audits.objects, 0);
    ck_assert_int_eq(entry->at_ms, 2000);
    ck_assert_str_eq(entry->user, "ops");
    ck_assert_str_eq(entry->address, "10.0.0.7");
    ck_assert_str_eq(entry->request_id, "r-1");
    ck_assert_str_eq(entry->operation, "vm-start");
    ck_assert_str_eq(entry->object, "urn:x");
    ck_assert_str_eq(entry->result, "ok");
    ck_assert_int_eq(entry->task_id, 28);
    g_ptr_array_unref(events.objects);
    g_ptr_array_unref(audits.objects);
}
END_TEST

static bool change_user(Db *db, void *data, GError **error)
{
    User *user = data;

    if (!store_user_insert(db, user, error))
        return false;
    set_text(&user->password_hash, "$y$new");
    set_text(&user->roles, "");
    user->password_ms = 91;
    return store_user_update(db, user, error) && store_user_note_login(db, user->id, 3, 92, error);
}

static bool find_user(Db *db, void *data, GError **error)
{
    User **user = data;

    return store_user_find(db, "ops", user, error);
}

static bool delete_user(Db *db, void *data, GError **error)
{
    const User *user = data;

    return store_user_delete(db, user->id, user->generation, error);
}

START_TEST(a_user_lives_from_insert_to_delete)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(User) user = user_new();
    g_autoptr(User) found = NULL;
    g_autoptr(User) gone = NULL;

    user->name = g_strdup("ops");
    user->description = g_strdup("operator");
    user->password_hash = g_strdup("$y$old");
    user->roles = g_strdup("administrator");
    user->must_change = true;
    user->create_ms = 90;
    must_write(db, change_user, user);
    must_read(db, find_user, &found);
    ck_assert_str_eq(found->name, "ops");
    ck_assert_str_eq(found->description, "operator");
    ck_assert_str_eq(found->password_hash, "$y$new");
    ck_assert_str_eq(found->roles, "");
    ck_assert(found->must_change);
    ck_assert_int_eq(found->create_ms, 90);
    ck_assert_int_eq(found->password_ms, 91);
    ck_assert_int_eq(found->failed_logins, 3);
    ck_assert_int_eq(found->locked_until_ms, 92);
    ck_assert_int_eq(found->generation, 2);
    must_write(db, delete_user, found);
    must_read(db, find_user, &gone);
    ck_assert_ptr_null(gone);
}
END_TEST

static bool two_users(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(User) admin = user_new();
    g_autoptr(User) other = user_new();

    admin->name = g_strdup("admin");
    admin->roles = g_strdup("administrator");
    other->name = g_strdup("other");
    return store_user_insert(db, admin, error) && store_user_insert(db, other, error);
}

START_TEST(users_are_listed_with_their_roles)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(GPtrArray) users = NULL;

    must_write(db, two_users, NULL);
    users = read_list(db, store_user_list);
    ck_assert_uint_eq(users->len, 2);
    ck_assert_str_eq(((User *)g_ptr_array_index(users, 0))->roles, "administrator");
    ck_assert_str_eq(((User *)g_ptr_array_index(users, 1))->roles, "");
}
END_TEST

static bool trim(Db *db, void *data, GError **error)
{
    return store_history_trim(db, 1500, data, error);
}

START_TEST(trimming_takes_only_what_is_old_and_over)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    g_autofree char *left = NULL;
    g_autoptr(Task) old = make_task(TASK_START_VM, 1, "old");
    g_autoptr(Task) parent = make_task(TASK_EVACUATE_HOST, 1, "parent");
    g_autoptr(Task) child = make_task(TASK_MIGRATE_VM, 1, "child");
    int64_t removed;

    must_write(db, insert_history, NULL);
    old->status = parent->status = TASK_SUCCESS;
    old->progress = parent->progress = 100;
    old->finish_ms = parent->finish_ms = 1400;
    must_write(db, insert_task, old);
    must_write(db, insert_task, parent);
    child->parent_id = parent->id; /* still runs: the parent must stay */
    must_write(db, insert_task, child);
    must_write(db, trim, &removed);
    ck_assert_int_eq(removed, 2);
    left = scratch_sql(conninfo,
                       "SELECT concat_ws(' ', (SELECT string_agg(user_name, ' ' ORDER BY id) FROM"
                       " task), (SELECT count(*) FROM event), (SELECT count(*) FROM audit))");
    ck_assert_str_eq(left, "parent child 0 1");
}
END_TEST

SUITE_MAIN("db-store", SUITE_TEST(the_site_is_stored_once_and_keeps_its_id),
           SUITE_TEST(a_cluster_comes_back_as_it_was_written_and_updated),
           SUITE_TEST(an_update_from_an_older_generation_is_a_conflict_and_changes_nothing),
           SUITE_TEST(a_host_comes_back_as_it_was_written),
           SUITE_TEST(a_datastore_lives_from_insert_to_delete),
           SUITE_TEST(vms_come_back_with_their_disks_and_nics),
           SUITE_TEST(an_update_replaces_everything_and_keeps_volumes),
           SUITE_TEST(the_run_update_touches_nothing_else),
           SUITE_TEST(deleting_a_vm_takes_only_its_own_volumes),
           SUITE_TEST(a_kept_file_is_taken_up_by_the_next_vm),
           SUITE_TEST(of_two_vms_with_one_file_the_second_waits_and_is_refused),
           SUITE_TEST(volumes_of_one_file_become_one),
           SUITE_TEST(a_host_goes_only_when_no_vm_needs_it),
           SUITE_TEST(a_cluster_goes_only_when_it_is_empty),
           SUITE_TEST(groups_and_rules_come_back_with_their_members),
           SUITE_TEST(only_a_keep_apart_rule_is_over_racks),
           SUITE_TEST(updating_groups_and_rules_replaces_the_members),
           SUITE_TEST(a_group_in_a_rule_stays_until_the_rule_goes),
           SUITE_TEST(a_refusal_names_reason_and_field),
           SUITE_TEST(a_task_is_unfinished_until_it_is_final_and_then_fixed),
           SUITE_TEST(a_final_task_must_be_complete),
           SUITE_TEST(task_queries_filter_count_and_page),
           SUITE_TEST(the_latest_plan_comes_back_and_older_open_moves_expire),
           SUITE_TEST(an_unchanged_move_keeps_its_id_in_the_next_plan),
           SUITE_LOOP(a_move_that_is_no_longer_open_is_not_rewritten, ends),
           SUITE_TEST(a_move_may_only_depend_on_an_earlier_one),
           SUITE_TEST(events_and_audit_entries_come_back),
           SUITE_TEST(a_user_lives_from_insert_to_delete),
           SUITE_TEST(users_are_listed_with_their_roles),
           SUITE_TEST(trimming_takes_only_what_is_old_and_over))
