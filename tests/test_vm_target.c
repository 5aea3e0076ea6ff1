/* test_vm_target.c - where a VM goes: the host that a person names, or the best one. */
#include "config.h"

#include "controller/vm_target.h"

#include "model/reason.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

static struct ctl ctl;

static Host *off(Host *host)
{
    host->connected = false;
    host->status = HOST_FAULT;
    return host;
}

static Vm *on(Vm *vm, int64_t host_id, enum vm_status status)
{
    vm->host_id = host_id;
    vm->status = status;
    return vm;
}

/* Cluster 1: hosts 11, 12 (maintaining), 13 (silent), 14.  Cluster 2: host 21.  Cluster 3: host
 * 31 (silent).  Cluster 4: host 41 with VM
 * 401, 42 (maintaining).  VM 101 runs on 11, 102 is stopped, last on 13; 201 and 301 are stopped in
 * 2 and 3; 103 is bound to 13 by its location. */
static void setup(void)
{
    Host *maintained = ctl_host(12, 1);
    Vm *local = on(ctl_vm(103, 1), 13, VM_STOPPED);

    ctl_init(&ctl, NULL);
    for (int64_t id = 1; id <= 3; id++)
        ctl_put_cluster(&ctl, ctl_cluster(id));
    maintained->maintaining = true;
    ctl_put_host(&ctl, ctl_host(11, 1));
    ctl_put_host(&ctl, maintained);
    ctl_put_host(&ctl, off(ctl_host(13, 1)));
    ctl_put_host(&ctl, ctl_host(14, 1));
    ctl_put_host(&ctl, ctl_host(21, 2));
    ctl_put_host(&ctl, off(ctl_host(31, 3)));
    local->location_is_host = true;
    ctl_put_vm(&ctl, on(ctl_vm(101, 1), 11, VM_RUNNING));
    ctl_put_vm(&ctl, on(ctl_vm(102, 1), 13, VM_STOPPED));
    ctl_put_vm(&ctl, local);
    ctl_put_vm(&ctl, on(ctl_vm(201, 2), 21, VM_RUNNING));
    ctl_put_vm(&ctl, ctl_vm(301, 3));
    ctl_put_cluster(&ctl, ctl_cluster(4));
    maintained = ctl_host(42, 4);
    maintained->maintaining = true;
    ctl_put_host(&ctl, ctl_host(41, 4));
    ctl_put_host(&ctl, maintained);
    ctl_put_vm(&ctl, on(ctl_vm(401, 4), 41, VM_RUNNING));
}

static bool for_migration(const struct app *app, const Vm *vm, int64_t wanted, int64_t *ret_host_id,
                          GError **error)
{
    g_autofree char *why = NULL;
    bool found = vm_target_for_migration(app, vm, wanted, ret_host_id, &why, error);

    ck_assert(found == (why != NULL));
    return found;
}

static bool for_new(const struct app *app, const Vm *vm, int64_t wanted, int64_t *ret_host_id,
                    GError **error)
{
    (void)wanted;
    return vm_target_for_new(app, vm, ret_host_id, error);
}

static bool for_files(const struct app *app, const Vm *vm, int64_t wanted, int64_t *ret_host_id,
                      GError **error)
{
    (void)wanted;
    return vm_target_for_files(app, vm, ret_host_id, error);
}

// clang-format off
static const struct {
    bool (*target)(const struct app *app, const Vm *vm, int64_t wanted, int64_t *ret_host_id, GError **error);
    int64_t vm_id, wanted;
    int64_t host_id; /* 0: refused */
    enum vrm_err code;
    const char *says;
} rows[] = {
    /* 11 has a VM already, 12 and 13 cannot */
    { for_migration, 101, 0, 14, 0, NULL },
    { for_migration, 101, 14, 14, 0, NULL },
    { for_migration, 101, 11, 0, VRM_ERR_INVALID, "cna11" },
    { for_migration, 101, 12, 0, VRM_ERR_CONFLICT, "cna12" },
    { for_migration, 201, 0, 0, VRM_ERR_NO_CAPACITY, "no other host can take VM vm201: its cluster has no other" },
    { for_migration, 401, 0, 0, VRM_ERR_NO_CAPACITY, "no other host can take VM vm401: cna42: in maintenance" },
    { for_new, 102, 0, 11, 0, NULL },
    { for_new, 201, 0, 21, 0, NULL },
    { for_new, 103, 0, 0, VRM_ERR_NO_CAPACITY, "no host of the VM's location answers now" },
    { for_new, 301, 0, 0, VRM_ERR_NO_CAPACITY, "so its disks cannot be made" },
    { for_files, 101, 0, 11, 0, NULL },
    { for_files, 102, 0, 11, 0, NULL }, /* its last host is silent */
    { for_files, 201, 0, 21, 0, NULL },
    { for_files, 301, 0, 0, VRM_ERR_UNAVAILABLE, "so its disks cannot be removed" },
};
// clang-format on

START_TEST(each_question_finds_the_host_or_says_why_there_is_none)
{
    int64_t host_id = -1;
    g_autoptr(GError) error = NULL;
    const Vm *vm;
    bool found;

    setup();
    vm = snapshot_vm(inventory_peek(ctl.app.inv), rows[_i].vm_id);
    found = rows[_i].target(&ctl.app, vm, rows[_i].wanted, &host_id, &error);
    ck_assert_int_eq(found, rows[_i].host_id != 0);
    ck_assert_int_eq(host_id, found ? rows[_i].host_id : -1);
    if (!found)
        suite_take_error(&error, rows[_i].code, rows[_i].says);
    ctl_clear(&ctl);
}
END_TEST

SUITE_MAIN("vm_target", SUITE_LOOP(each_question_finds_the_host_or_says_why_there_is_none, rows))
