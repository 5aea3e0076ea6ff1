/* it_db_vm.c - VMs with their disks, files and NICs in PostgreSQL, and what may not go while they
 * are there. */
#include "config.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "db/store_cluster.h"
#include "db/store_host.h"
#include "db/store_vm.h"
#include "model/reason.h"
#include "tests/db_world.h"

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
    ck_assert_int_eq(a->restart_priority, b->restart_priority);
    ck_assert_int_eq(a->start_after_id, b->start_after_id);
    ck_assert_int_eq(a->max_restarts, b->max_restarts);
    ck_assert_int_eq(a->hang_sensitivity, b->hang_sensitivity);
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
    text_set(&world.vm->name, "renamed");
    world.vm->disks[0].size_gb = 99;
    text_set(&world.vm->nics[0].mac, "52:54:00:00:00:02");
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
    text_set(&world.vm->cpu_model, "Nehalem");
    text_set(&world.vm->cpu_seen, "Nehalem +hypervisor");
    text_set(&world.vm->placed_why, "moved: ends overload");
    world.vm->placed_ms = 300;
    world.vm->placed_task_id = 13;
    text_set(&world.vm->name, "not written");
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
                       "DROP TABLE alarm, session;"
                       "DROP TABLE ha_incident, ha_incident_line, ha_incident_vm;"
                       "DROP TABLE ha_restart, ha_power_on;"
                       "ALTER TABLE site DROP ha_disarmed_ms, DROP ha_disarmed_by;"
                       "ALTER TABLE vm DROP placed_why, DROP placed_ms, DROP placed_task_id;"
                       "DELETE FROM schema_migration WHERE version >= 5;"
                       "ALTER TABLE host DROP off_since_ms, DROP wake_proven_ms, DROP slept_ms,"
                       " DROP net_mbps, DROP devices, DROP rack, DROP off_by_dpm;"
                       "ALTER TABLE drs_plan DROP kind; ALTER TABLE recommendation DROP type;"
                       "ALTER TABLE cluster DROP vcpus_per_thread, DROP dpm_thresholds,"
                       " DROP ha_isolation, DROP ha_max_restarts;"
                       "ALTER TABLE vm DROP devices, DROP restart_priority, DROP start_after_id,"
                       " DROP max_restarts, DROP hang_sensitivity;"
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

SUITE_MAIN("db-vm", SUITE_TEST(vms_come_back_with_their_disks_and_nics),
           SUITE_TEST(an_update_replaces_everything_and_keeps_volumes),
           SUITE_TEST(the_run_update_touches_nothing_else),
           SUITE_TEST(deleting_a_vm_takes_only_its_own_volumes),
           SUITE_TEST(a_kept_file_is_taken_up_by_the_next_vm),
           SUITE_TEST(of_two_vms_with_one_file_the_second_waits_and_is_refused),
           SUITE_TEST(volumes_of_one_file_become_one),
           SUITE_TEST(a_host_goes_only_when_no_vm_needs_it),
           SUITE_TEST(a_cluster_goes_only_when_it_is_empty))
