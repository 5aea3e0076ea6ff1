/* test_types.c - life of the model's objects; leaks and double frees are ASan's to find. */
#include "config.h"

#include "model/types.h"

#include "base/text.h"
#include "tests/suite.h"

static Vm *make_vm(void)
{
    Vm *vm = vm_new();
    struct vm_disk *disk = vm_add_disk(vm);

    vm->id = 26;
    text_set(&vm->name, "web");
    disk->size_gb = 40;
    text_set(&disk->path, "/srv/a.qcow2");
    text_set(&vm_add_disk(vm)->path, "/srv/b.qcow2");
    text_set(&vm_add_nic(vm)->mac, "52:54:00:00:00:01");
    return vm;
}

START_TEST(new_objects_have_empty_strings)
{
    g_autoptr(Vm) vm = make_vm();
    g_autoptr(Host) host = host_new();
    g_autoptr(Task) task = task_new();
    g_autoptr(Site) site = site_new();
    g_autoptr(Datastore) datastore = datastore_new();
    g_autoptr(Recommendation) rec = recommendation_new();

    ck_assert_str_eq(vm->cpu_seen, "");
    ck_assert_str_eq(vm->disks[0].bus, "");
    ck_assert_str_eq(vm->nics[0].port_group, "");
    ck_assert_str_eq(host->trouble, "");
    ck_assert_str_eq(task->why, "");
    ck_assert_str_eq(site->name, "");
    ck_assert_str_eq(datastore->path, "");
    ck_assert_str_eq(rec->rejected, "");
}
END_TEST

START_TEST(a_copy_of_a_vm_is_independent_of_the_original)
{
    Vm *vm = make_vm();
    g_autoptr(Vm) copy = vm_dup(vm);

    text_set(&copy->name, "db");
    text_set(&copy->disks[1].path, "/srv/c.qcow2");
    text_set(&vm_add_nic(copy)->mac, "52:54:00:00:00:02");
    ck_assert_str_eq(vm->name, "web");
    ck_assert_str_eq(vm->disks[1].path, "/srv/b.qcow2");
    ck_assert_uint_eq(vm->n_nics, 1);
    vm_unref(vm);
    ck_assert_int_eq(copy->id, 26);
    ck_assert_int_eq(copy->disks[0].size_gb, 40);
    ck_assert_str_eq(copy->disks[0].path, "/srv/a.qcow2");
    ck_assert_str_eq(copy->nics[0].mac, "52:54:00:00:00:01");
    ck_assert_str_eq(copy->nics[1].mac, "52:54:00:00:00:02");
}
END_TEST

START_TEST(copies_own_their_arrays)
{
    static const int64_t ids[] = { 3, 5, 8 };
    Cluster *cluster = cluster_new();
    Group *group = group_new();
    Rule *rule = rule_new();
    g_autoptr(Cluster) cluster2 = NULL;
    g_autoptr(Group) group2 = NULL;
    g_autoptr(Rule) rule2 = NULL;

    cluster->ha.failover_hosts = g_memdup2(ids, sizeof(ids));
    group->members = g_memdup2(ids, sizeof(ids));
    rule->vms = g_memdup2(ids, sizeof(ids));
    cluster->ha.n_failover_hosts = group->n_members = rule->n_vms = G_N_ELEMENTS(ids);
    cluster2 = cluster_dup(cluster);
    group2 = group_dup(group);
    rule2 = rule_dup(rule);
    cluster_unref(cluster);
    group_unref(group);
    rule_unref(rule);
    ck_assert_mem_eq(cluster2->ha.failover_hosts, ids, sizeof(ids));
    ck_assert_mem_eq(group2->members, ids, sizeof(ids));
    ck_assert_mem_eq(rule2->vms, ids, sizeof(ids));
}
END_TEST

START_TEST(a_copied_report_shares_its_recommendations)
{
    DrsReport *report = drs_report_new();
    g_autoptr(DrsReport) copy = NULL;

    drs_report_take(report, recommendation_new());
    drs_report_take(report, recommendation_new());
    copy = drs_report_dup(report);
    drs_report_take(copy, recommendation_new());
    ck_assert_ptr_eq(copy->recommendations[1], report->recommendations[1]);
    ck_assert_uint_eq(report->n_recommendations, 2);
    drs_report_unref(report);
    ck_assert_str_eq(copy->recommendations[0]->text, "");
    ck_assert_uint_eq(copy->n_recommendations, 3);
}
END_TEST

START_TEST(the_last_reference_frees)
{
    Host *host = host_new();
    Host *second = host_ref(host);

    ck_assert_ptr_eq(host, second);
    host_unref(host);
    ck_assert_str_eq(second->name, "");
    host_unref(second);
    host_unref(NULL);
}
END_TEST

START_TEST(a_new_cluster_has_the_documented_defaults)
{
    g_autoptr(Cluster) cluster = cluster_new();

    ck_assert(cluster->ha.enabled);
    ck_assert(!cluster->drs.enabled);
    ck_assert(!cluster->mem_overcommit);
    ck_assert_str_eq(cluster->res_strategy, "loadBalance");
    ck_assert_int_eq(cluster->drs.limen[0], 5);
    ck_assert_int_eq(cluster->drs.limen[23], 5);
    ck_assert_int_eq(cluster->dpm.power_level, 0);
}
END_TEST

static const struct {
    enum vm_status status;
    bool placed;
} placements[] = {
    { VM_CREATING, false },   { VM_STOPPED, false },       { VM_STARTING, true },
    { VM_RUNNING, true },     { VM_PAUSED, true },         { VM_MIGRATING, true },
    { VM_STOPPING, true },    { VM_SHUTTING_DOWN, true },  { VM_HIBERNATED, false },
    { VM_HIBERNATING, true }, { VM_FAULT_RESUMING, true }, { VM_RECYCLING, false },
    { VM_UNKNOWN, true },
};
G_STATIC_ASSERT(G_N_ELEMENTS(placements) == N_VM_STATUSES);

START_TEST(a_vm_occupies_a_host_while_it_may_run_there)
{
    g_autoptr(Vm) vm = vm_new();

    vm->status = placements[_i].status;
    ck_assert(!vm_is_placed(vm));
    vm->host_id = 1;
    ck_assert_int_eq(vm_is_placed(vm), placements[_i].placed);
}
END_TEST

START_TEST(a_running_vm_of_a_silent_host_is_shown_as_unknown)
{
    g_autoptr(Vm) vm = vm_new();

    vm->host_id = 1;
    vm->status = VM_RUNNING;
    vm->host_reported = true;
    ck_assert_int_eq(vm_shown_status(vm), VM_RUNNING);
    vm->host_reported = false;
    ck_assert_int_eq(vm_shown_status(vm), VM_UNKNOWN);
    vm->status = VM_STOPPED;
    ck_assert_int_eq(vm_shown_status(vm), VM_STOPPED);
}
END_TEST

START_TEST(success_and_failure_are_final)
{
    g_autoptr(Task) task = task_new();

    for (unsigned status = 0; status < N_TASK_STATUSES; status++) {
        task->status = (enum task_status)status;
        ck_assert_int_eq(task_is_final(task), status == TASK_SUCCESS || status == TASK_FAILED);
    }
}
END_TEST

SUITE_MAIN("types", SUITE_TEST(new_objects_have_empty_strings),
           SUITE_TEST(a_copy_of_a_vm_is_independent_of_the_original),
           SUITE_TEST(copies_own_their_arrays),
           SUITE_TEST(a_copied_report_shares_its_recommendations),
           SUITE_TEST(the_last_reference_frees),
           SUITE_TEST(a_new_cluster_has_the_documented_defaults),
           SUITE_LOOP(a_vm_occupies_a_host_while_it_may_run_there, placements),
           SUITE_TEST(a_running_vm_of_a_silent_host_is_shown_as_unknown),
           SUITE_TEST(success_and_failure_are_final))
