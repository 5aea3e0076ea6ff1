/* test_vm_files.c - a deleted VM takes its own files with it and nobody else's. */
#include "config.h"

#include "controller/vm_files.h"

#include "tests/suite.h"

static Vm *make_vm(int64_t id, const char *const *paths)
{
    Vm *vm = vm_new();

    vm->id = id;
    for (size_t i = 0; paths[i]; i++) {
        struct vm_disk *disk = vm_add_disk(vm);

        g_free(disk->path);
        disk->path = g_strdup(paths[i]);
    }
    return vm;
}

static const struct {
    const char *own[4], *other[3]; /* files of the VM that goes, and of one that stays */
    bool keep_all;
    const char *removed; /* in order */
} rows[] = {
    { { "/d/a", "/d/b" }, { "/d/c" }, false, "/d/a /d/b " },
    { { "/d/a", "/d/b" }, { "/d/c" }, true, "" },
    { { "/d/a", "/d/s", "/d/b" }, { "/d/c", "/d/s" }, false, "/d/a /d/b " },
    { { "/d/s" }, { "/d/s" }, false, "" },
    { { "/d/s" }, { "/d/s" }, true, "" },
    { { NULL }, { "/d/s" }, false, "" },
};

START_TEST(files_that_are_reserved_or_shared_stay)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Vm) vm = make_vm(1, rows[_i].own);
    g_autoptr(Vm) going = vm_dup(vm);
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(GString) removed = g_string_new(NULL);

    snapshot_builder_put_vm(builder, g_steal_pointer(&vm));
    snapshot_builder_put_vm(builder, make_vm(2, rows[_i].other));
    snap = snapshot_builder_build(builder, 0);
    vm_files_drop_kept(snap, rows[_i].keep_all, going);
    for (size_t i = 0; i < going->n_disks; i++)
        g_string_append_printf(removed, "%s ", going->disks[i].path);
    ck_assert_str_eq(removed->str, rows[_i].removed);
}
END_TEST

SUITE_MAIN("vm_files", SUITE_LOOP(files_that_are_reserved_or_shared_stay, rows))
