/*~ store_vm.c - see store_vm.h.
 *
 * How every store looks: the statements, then the table that ties columns to fields, then
 * straight-line functions.  The table's order is that of the parameters. */
#include "config.h"

#include "db/store_vm.h"

#include "base/err.h"
#include "db/row.h"
#include "db/store_tables.h"
#include "model/reason.h"

enum {
    VM_LIST,
    VM_LIST_DISKS,
    VM_LIST_NICS,
    VM_INSERT,
    VM_UPDATE,
    VM_UPDATE_RUN,
    VM_DELETE,
    VM_DELETE_VOLUMES,
    VM_DROP_DISKS,
    VM_DROP_NICS,
    VM_ADD_DISK,
    VM_ADD_NIC,
    VOLUME_INSERT,
    VOLUME_UPDATE,
    VOLUME_USERS,
    N_VM_STMTS,
};

// clang-format off
#define VM_COLUMNS \
    "uuid, name, description, group_name, external_uuid, cluster_id, host_id, " \
    "location_is_host, binding_host, is_template, cpu_quantity, cpu_cores_per_socket, " \
    "cpu_reservation_mhz, cpu_weight, cpu_limit_mhz, cpu_hot_plug, mem_size_mb, " \
    "mem_reservation_mb, mem_weight, mem_limit_mb, mem_hot_plug, os_type, os_version, " \
    "guest_os_name, os_hostname, boot_option, enable_ha, fault_process, clock_mode, " \
    "recover_by_host, drs_behavior, create_ms, status, run_gen, moved_ms, " \
    "cpu_model, cpu_seen, devices, placed_why, placed_ms, placed_task_id, " \
    "restart_priority, start_after_id, max_restarts, hang_sensitivity"
#define VM_VALUES \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, " \
    "$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, " \
    "$38, $39, $40, $41, $42, $43, $44, $45"

static const struct stmt vm_stmts[N_VM_STMTS] = {
    [VM_LIST] = { "vm_list", "SELECT id, generation, " VM_COLUMNS " FROM vm ORDER BY id", 0 },
    [VM_LIST_DISKS] = { "vm_list_disks",
        "SELECT vm_id, sequence, volume_id, datastore_id, name, path, size_gb, thin, bus,"
        " independent, persistent"
        " FROM vm_disk JOIN volume ON volume.id = volume_id ORDER BY vm_id, sequence", 0 },
    [VM_LIST_NICS] = { "vm_list_nics",
        "SELECT vm_id, sequence, name, mac, port_group, ip, virtio FROM vm_nic"
        " ORDER BY vm_id, sequence", 0 },
    [VM_INSERT] = { "vm_insert",
        "INSERT INTO vm (" VM_COLUMNS ") VALUES (" VM_VALUES ") RETURNING id, generation", 45 },
    [VM_UPDATE] = { "vm_update",
        "UPDATE vm SET (" VM_COLUMNS ", generation) = ROW (" VM_VALUES ", generation + 1)"
        " WHERE id = $46 AND generation = $47", 47 },
    [VM_UPDATE_RUN] = { "vm_update_run",
        "UPDATE vm SET host_id = $1, status = $2, run_gen = $3, moved_ms = $4,"
        " cpu_model = $5, cpu_seen = $6, placed_why = $7, placed_ms = $8, placed_task_id = $9,"
        " generation = generation + 1 WHERE id = $10 AND generation = $11", 11 },
    [VM_DELETE] = { "vm_delete", "DELETE FROM vm WHERE id = $1 AND generation = $2", 2 },
    /* Before the VM itself goes: its attachments say which volumes were its own. */
    [VM_DELETE_VOLUMES] = { "vm_delete_volumes",
        "WITH own AS (DELETE FROM vm_disk WHERE vm_id = $1 RETURNING volume_id)"
        " DELETE FROM volume WHERE id IN (SELECT volume_id FROM own) AND NOT EXISTS"
        " (SELECT FROM vm_disk WHERE volume_id = volume.id AND vm_id <> $1)", 1 },
    [VM_DROP_DISKS] = { "vm_drop_disks", "DELETE FROM vm_disk WHERE vm_id = $1", 1 },
    [VM_DROP_NICS] = { "vm_drop_nics", "DELETE FROM vm_nic WHERE vm_id = $1", 1 },
    [VM_ADD_DISK] = { "vm_add_disk",
        "INSERT INTO vm_disk (vm_id, sequence, volume_id, bus, independent, persistent)"
        " VALUES ($1, $2, $3, $4, $5, $6)", 6 },
    [VM_ADD_NIC] = { "vm_add_nic",
        "INSERT INTO vm_nic (vm_id, sequence, name, mac, port_group, ip, virtio)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)", 7 },
    /* A file that was kept when its VM went is a volume already, and becomes this VM's. */
    [VOLUME_INSERT] = { "volume_insert",
        "INSERT INTO volume (datastore_id, name, path, size_gb, thin)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (path) WHERE path <> '' DO UPDATE SET"
        " datastore_id = excluded.datastore_id, name = excluded.name,"
        " size_gb = excluded.size_gb, thin = excluded.thin RETURNING id", 5 },
    [VOLUME_UPDATE] = { "volume_update",
        "UPDATE volume SET (datastore_id, name, path, size_gb, thin) = ROW ($1, $2, $3, $4, $5)"
        " WHERE id = $6", 6 },
    [VOLUME_USERS] = { "volume_users",
        "SELECT vm.name FROM vm_disk JOIN vm ON vm.id = vm_id WHERE volume_id = $1"
        " ORDER BY vm.id LIMIT 1", 1 },
};

static const struct col vm_cols[] = {
    ROW_HEAD_COLS(Vm),
    COL(Vm, "uuid", uuid),
    COL(Vm, "name", name),
    COL(Vm, "description", description),
    COL(Vm, "group_name", group),
    COL(Vm, "external_uuid", external_uuid),
    COL_REF(Vm, "cluster_id", cluster_id),
    COL_REF(Vm, "host_id", host_id),
    COL(Vm, "location_is_host", location_is_host),
    COL(Vm, "binding_host", binding_host),
    COL(Vm, "is_template", is_template),
    COL(Vm, "cpu_quantity", cpu.quantity),
    COL(Vm, "cpu_cores_per_socket", cpu.cores_per_socket),
    COL(Vm, "cpu_reservation_mhz", cpu.reservation_mhz),
    COL(Vm, "cpu_weight", cpu.weight),
    COL(Vm, "cpu_limit_mhz", cpu.limit_mhz),
    COL(Vm, "cpu_hot_plug", cpu.hot_plug),
    COL(Vm, "mem_size_mb", memory.size_mb),
    COL(Vm, "mem_reservation_mb", memory.reservation_mb),
    COL(Vm, "mem_weight", memory.weight),
    COL(Vm, "mem_limit_mb", memory.limit_mb),
    COL(Vm, "mem_hot_plug", memory.hot_plug),
    COL(Vm, "os_type", os_type),
    COL(Vm, "os_version", os_version),
    COL(Vm, "guest_os_name", guest_os_name),
    COL(Vm, "os_hostname", os_hostname),
    COL(Vm, "boot_option", boot_option),
    COL(Vm, "enable_ha", enable_ha),
    COL(Vm, "fault_process", fault_process),
    COL(Vm, "clock_mode", clock_mode),
    COL(Vm, "recover_by_host", recover_by_host),
    COL(Vm, "drs_behavior", drs_behavior),
    COL(Vm, "create_ms", create_ms),
    COL_ENUM(Vm, "status", status, vm_status),
    COL(Vm, "run_gen", run_gen),
    COL(Vm, "moved_ms", moved_ms),
    COL(Vm, "cpu_model", cpu_model),
    COL(Vm, "cpu_seen", cpu_seen),
    COL(Vm, "devices", devices),
    COL(Vm, "placed_why", placed_why),
    COL(Vm, "placed_ms", placed_ms),
    COL(Vm, "placed_task_id", placed_task_id),
    COL_ENUM(Vm, "restart_priority", restart_priority, restart_priority),
    COL_REF(Vm, "start_after_id", start_after_id),
    COL(Vm, "max_restarts", max_restarts),
    COL_ENUM(Vm, "hang_sensitivity", hang_sensitivity, hang_sensitivity),
};

static const struct col run_cols[] = {
    COL_REF(Vm, "host_id", host_id),
    COL_ENUM(Vm, "status", status, vm_status),
    COL(Vm, "run_gen", run_gen),
    COL(Vm, "moved_ms", moved_ms),
    COL(Vm, "cpu_model", cpu_model),
    COL(Vm, "cpu_seen", cpu_seen),
    COL(Vm, "placed_why", placed_why),
    COL(Vm, "placed_ms", placed_ms),
    COL(Vm, "placed_task_id", placed_task_id),
};

static const struct col disk_cols[] = {
    COL(struct vm_disk, "sequence", sequence),
    COL(struct vm_disk, "volume_id", volume_id),
    COL(struct vm_disk, "bus", bus),
    COL(struct vm_disk, "independent", independent),
    COL(struct vm_disk, "persistent", persistent),
};

static const struct col volume_cols[] = {
    COL_REF(struct vm_disk, "datastore_id", datastore_id),
    COL(struct vm_disk, "name", name),
    COL(struct vm_disk, "path", path),
    COL(struct vm_disk, "size_gb", size_gb),
    COL(struct vm_disk, "thin", thin),
};

static const struct col nic_cols[] = {
    COL(struct vm_nic, "sequence", sequence),
    COL(struct vm_nic, "name", name),
    COL(struct vm_nic, "mac", mac),
    COL(struct vm_nic, "port_group", port_group),
    COL(struct vm_nic, "ip", ip),
    COL(struct vm_nic, "virtio", virtio),
};
// clang-format on

ROW_CLASS(vm_class, Vm, vm_new, vm_unref, vm_cols);

const struct stmt_table store_vm_table = { vm_stmts, N_VM_STMTS };

/* ---- reading ------------------------------------------------------------------------------- */

/* VMs and parts both ascend by VM id: one walk.  place goes on where the last part's VM stood. */
static Vm *find_owner(GPtrArray *vms, guint *place, const PGresult *parts, int row, GError **error)
{
    int64_t vm_id;

    if (!row_get_int(parts, row, "vm_id", &vm_id, error))
        return NULL;
    for (; *place < vms->len; *place += 1) {
        Vm *vm = g_ptr_array_index(vms, *place);

        if (vm->id == vm_id)
            return vm;
    }
    err_set(error, VRM_ERR_INTERNAL, "a part of VM %" G_GINT64_FORMAT " came without the VM",
            vm_id);
    return NULL;
}

static bool read_disks(Db *db, GPtrArray *vms, GError **error)
{
    g_autoptr(PGresult) result = stmt_run(db, &vm_stmts[VM_LIST_DISKS], NULL, error);
    guint place = 0;

    if (!result)
        return false;
    for (int row = 0; row < PQntuples(result); row++) {
        Vm *vm = find_owner(vms, &place, result, row, error);
        struct vm_disk *disk;

        if (!vm)
            return false;
        disk = vm_add_disk(vm);
        if (!row_read_into(result, row, disk_cols, G_N_ELEMENTS(disk_cols), disk, error) ||
            !row_read_into(result, row, volume_cols, G_N_ELEMENTS(volume_cols), disk, error))
            return false;
    }
    return true;
}

static bool read_nics(Db *db, GPtrArray *vms, GError **error)
{
    g_autoptr(PGresult) result = stmt_run(db, &vm_stmts[VM_LIST_NICS], NULL, error);
    guint place = 0;

    if (!result)
        return false;
    for (int row = 0; row < PQntuples(result); row++) {
        Vm *vm = find_owner(vms, &place, result, row, error);

        if (!vm ||
            !row_read_into(result, row, nic_cols, G_N_ELEMENTS(nic_cols), vm_add_nic(vm), error))
            return false;
    }
    return true;
}

bool store_vm_list(Db *db, GPtrArray **ret_vms, GError **error)
{
    g_autoptr(GPtrArray) vms = NULL;

    if (!row_select(db, &vm_stmts[VM_LIST], NULL, &vm_class, &vms, error) ||
        !read_disks(db, vms, error) || !read_nics(db, vms, error))
        return false;
    *ret_vms = g_steal_pointer(&vms);
    return true;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Two VMs on one disk would destroy it.  Asked after VOLUME_INSERT, which waits for whoever is
 * about to attach the same file and keeps the next one waiting: what is read here is the truth. */
static bool check_unused(Db *db, const struct vm_disk *disk, int64_t volume_id, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(PGresult) result = NULL;

    stmt_add_int(&params, volume_id);
    result = stmt_run(db, &vm_stmts[VOLUME_USERS], &params, error);
    if (!result)
        return false;
    if (PQntuples(result) == 0)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, "vmConfig.disks.volumeUrl",
                   "volumeUrl = %s: it is a disk of VM %s already; want another file", disk->path,
                   PQgetvalue(result, 0, 0));
    return false;
}

static bool add_volume(Db *db, const struct stmt_params *params, struct vm_disk *disk,
                       GError **error)
{
    int64_t id;

    if (!stmt_get_int(db, &vm_stmts[VOLUME_INSERT], params, &id, error) ||
        !check_unused(db, disk, id, error))
        return false;
    disk->volume_id = id;
    return true;
}

static bool put_volume(Db *db, struct vm_disk *disk, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, volume_cols, G_N_ELEMENTS(volume_cols), disk);
    if (disk->volume_id == 0)
        return add_volume(db, &params, disk, error);
    stmt_add_int(&params, disk->volume_id);
    return row_write_one(db, &vm_stmts[VOLUME_UPDATE], &params, "volume", disk->volume_id, error);
}

static bool add_disks(Db *db, Vm *vm, GError **error)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        g_auto(stmt_params_auto) params = { 0 };

        if (!put_volume(db, &vm->disks[i], error))
            return false;
        stmt_add_int(&params, vm->id);
        row_add_params(&params, disk_cols, G_N_ELEMENTS(disk_cols), &vm->disks[i]);
        if (!stmt_do(db, &vm_stmts[VM_ADD_DISK], &params, NULL, error))
            return false;
    }
    return true;
}

static bool add_nics(Db *db, const Vm *vm, GError **error)
{
    for (size_t i = 0; i < vm->n_nics; i++) {
        g_auto(stmt_params_auto) params = { 0 };

        stmt_add_int(&params, vm->id);
        row_add_params(&params, nic_cols, G_N_ELEMENTS(nic_cols), &vm->nics[i]);
        if (!stmt_do(db, &vm_stmts[VM_ADD_NIC], &params, NULL, error))
            return false;
    }
    return true;
}

bool store_vm_insert(Db *db, Vm *vm, GError **error)
{
    return row_insert(db, &vm_stmts[VM_INSERT], &vm_class, vm, error) && add_disks(db, vm, error) &&
           add_nics(db, vm, error);
}

bool store_vm_update(Db *db, Vm *vm, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, vm->id);
    return row_update(db, &vm_stmts[VM_UPDATE], &vm_class, "VM", vm, error) &&
           stmt_do(db, &vm_stmts[VM_DROP_DISKS], &params, NULL, error) &&
           stmt_do(db, &vm_stmts[VM_DROP_NICS], &params, NULL, error) && add_disks(db, vm, error) &&
           add_nics(db, vm, error);
}

bool store_vm_update_run(Db *db, Vm *vm, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, run_cols, G_N_ELEMENTS(run_cols), vm);
    stmt_add_int(&params, vm->id);
    stmt_add_int(&params, vm->generation);
    if (!row_write_one(db, &vm_stmts[VM_UPDATE_RUN], &params, "VM", vm->id, error))
        return false;
    vm->generation++;
    return true;
}

bool store_vm_delete(Db *db, int64_t id, int64_t generation, bool with_volumes, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, id);
    if (with_volumes && !stmt_do(db, &vm_stmts[VM_DELETE_VOLUMES], &params, NULL, error))
        return false;
    return row_delete(db, &vm_stmts[VM_DELETE], "VM", id, generation, error);
}
