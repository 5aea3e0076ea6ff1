/* it_db_store.c - what the site, clusters, hosts and datastores are in PostgreSQL: as they were
 * written. */
#include "config.h"

#include "base/text.h"
#include "db/store_cluster.h"
#include "db/store_datastore.h"
#include "db/store_host.h"
#include "db/store_site.h"
#include "model/reason.h"
#include "tests/db_world.h"

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
    text_set(&site->id, "43BC08E8");
    text_set(&site->name, "first");
    text_set(&site->ip, "10.0.0.9");
    must_write(db, put_site, site);
    text_set(&site->name, "second");
    must_write(db, put_site, site);
    must_read(db, get_site, &read);
    ck_assert_str_eq(read->id, "43BC08E8");
    ck_assert_str_eq(read->name, "second");
    ck_assert_str_eq(read->ip, "10.0.0.9");
    text_set(&site->id, "00000001");
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
    ck_assert_int_eq(a->ha.isolation, b->ha.isolation);
    ck_assert_int_eq(a->ha.max_restarts, b->ha.max_restarts);
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

    text_set(&cluster->name, "renamed");
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
    text_set(&world.cluster->name, "late");
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

    text_set(&datastore->name, "nfs");
    text_set(&datastore->description, "a share");
    text_set(&datastore->storage_type, "NAS");
    text_set(&datastore->path, "/srv/nfs");
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

SUITE_MAIN("db-store", SUITE_TEST(the_site_is_stored_once_and_keeps_its_id),
           SUITE_TEST(a_cluster_comes_back_as_it_was_written_and_updated),
           SUITE_TEST(an_update_from_an_older_generation_is_a_conflict_and_changes_nothing),
           SUITE_TEST(a_host_comes_back_as_it_was_written),
           SUITE_TEST(a_datastore_lives_from_insert_to_delete))
