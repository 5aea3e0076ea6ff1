/* test_agent_volume.c - files made by define and removed by undefine. */
#include "config.h"

#include "agent/volume.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/suite.h"
#include "tests/tempdir.h"

#define GIB ((off_t)1 << 30)

static Vm *vm_with(const char *dir, const char *const *names, int64_t size_gb)
{
    Vm *vm = vm_new();

    for (; *names; names++) {
        struct vm_disk *disk = vm_add_disk(vm);

        disk->sequence = (int64_t)vm->n_disks;
        disk->size_gb = size_gb;
        disk->thin = true;
        g_free(disk->path);
        disk->path =
            (*names)[0] == '/' || !dir ? g_strdup(*names) : g_strconcat(dir, "/", *names, NULL);
    }
    return vm;
}

static unsigned count_files(const char *dir)
{
    GDir *open = g_dir_open(dir, 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(open))
        n++;
    g_dir_close(open);
    return n;
}

START_TEST(missing_volumes_are_made_sparse_in_full_size_and_removed_again)
{
    const char *const names[] = { "a.img", "b.img", NULL };
    char *dir = tempdir_new();
    g_autoptr(Vm) vm = vm_with(dir, names, 3);
    GError *error = NULL;
    struct stat st;

    ck_assert(volume_create_all(vm, &error));
    ck_assert_int_eq(stat(vm->disks[1].path, &st), 0);
    ck_assert_int_eq(st.st_size, 3 * GIB);
    ck_assert_int_eq(st.st_blocks, 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_uint_eq(count_files(dir), 2);
    ck_assert(volume_create_all(vm, &error)); /* again: nothing to do */
    ck_assert(volume_remove_all(vm, &error));
    ck_assert_uint_eq(count_files(dir), 0);
    ck_assert(volume_remove_all(vm, &error));
    tempdir_free(dir);
}
END_TEST

START_TEST(a_thick_volume_has_all_its_room_at_once)
{
    const char *const names[] = { "a.img", NULL };
    char *dir = tempdir_new();
    g_autoptr(Vm) vm = vm_with(dir, names, 1);
    GError *error = NULL;
    struct stat st;

    vm->disks[0].thin = false;
    if (volume_create_all(vm, &error)) {
        ck_assert_int_eq(stat(vm->disks[0].path, &st), 0);
        ck_assert_int_eq(st.st_size, GIB);
        ck_assert_int_ge(st.st_blocks, GIB / 512);
        ck_assert(volume_remove_all(vm, &error));
    } else { /* this machine's storage cannot, or is full */
        ck_assert(strstr(error->message, "thick") || error->code == VRM_ERR_NO_CAPACITY);
        g_clear_error(&error);
    }
    ck_assert_uint_eq(count_files(dir), 0);
    tempdir_free(dir);
}
END_TEST

START_TEST(an_existing_file_is_used_as_it_is)
{
    const char *const names[] = { "a.img", NULL };
    char *dir = tempdir_new();
    g_autoptr(Vm) vm = vm_with(dir, names, 3);
    struct stat st;

    ck_assert(g_file_set_contents(vm->disks[0].path, "data", 4, NULL));
    ck_assert(volume_create_all(vm, NULL));
    ck_assert_int_eq(stat(vm->disks[0].path, &st), 0);
    ck_assert_int_eq(st.st_size, 4);
    tempdir_free(dir);
}
END_TEST

START_TEST(what_a_crash_left_half_made_does_not_disturb)
{
    const char *const names[] = { "a.img", NULL };
    char *dir = tempdir_new();
    g_autofree char *half = g_strconcat(dir, "/.a.img.vrm-new", NULL);
    g_autoptr(Vm) vm = vm_with(dir, names, 1);

    ck_assert(g_file_set_contents(half, "x", 1, NULL));
    ck_assert(volume_create_all(vm, NULL));
    ck_assert_uint_eq(count_files(dir), 1);
    tempdir_free(dir);
}
END_TEST

START_TEST(a_failure_leaves_nothing_new)
{
    const char *const names[] = { "old.img", "a.img", "nodir/b.img", NULL };
    char *dir = tempdir_new();
    g_autoptr(Vm) vm = vm_with(dir, names, 1);
    GError *error = NULL;

    ck_assert(g_file_set_contents(vm->disks[0].path, "data", 4, NULL));
    ck_assert(!volume_create_all(vm, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "nodir: No such file or directory");
    ck_assert_uint_eq(count_files(dir), 1);
    tempdir_free(dir);
}
END_TEST

static const struct {
    const char *path;
    int64_t size_gb;
    const char *text;
} bad_rows[] = {
    { "a.img", 1, "\"a.img\" is not absolute" },
    { "/tmp/../etc/a.img", 1, "parts are not allowed" },
    { "/tmp//a.img", 1, "parts are not allowed" },
    { "/tmp/a.img/", 1, "parts are not allowed" },
    { "/tmp", 1, "neither a file nor a block device" },
    { "/dev/null", 1, "neither a file nor a block device" },
    { "/nodir/a.img", 1, "folder /nodir: No such file" },
    { "/dev/null/a.img", 1, "folder /dev/null: Not a directory" },
    { "/tmp/a.img", 0, "size 0 GiB: want 1 to 65536" },
    { "/tmp/a.img", 65537, "size 65537 GiB" },
};

START_TEST(a_bad_path_or_size_is_refused_by_name)
{
    const char *const names[] = { bad_rows[_i].path, NULL };
    g_autoptr(Vm) vm = vm_with(NULL, names, bad_rows[_i].size_gb);
    GError *error = NULL;

    ck_assert(!volume_create_all(vm, &error));
    suite_take_error(&error, VRM_ERR_INVALID, bad_rows[_i].text);
}
END_TEST

START_TEST(only_files_are_removed_and_one_refusal_does_not_keep_the_others)
{
    const char *const names[] = { "sub", "a.img", NULL };
    char *dir = tempdir_new();
    g_autoptr(Vm) vm = vm_with(dir, names, 1);
    GError *error = NULL;

    ck_assert_int_eq(g_mkdir(vm->disks[0].path, 0700), 0);
    ck_assert(g_file_set_contents(vm->disks[1].path, "data", 4, NULL));
    ck_assert(!volume_remove_all(vm, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "is not a file: it stays");
    ck_assert_uint_eq(count_files(dir), 1);
    tempdir_free(dir);
}
END_TEST

SUITE_MAIN("agent_volume",
           SUITE_TEST(missing_volumes_are_made_sparse_in_full_size_and_removed_again),
           SUITE_TEST(an_existing_file_is_used_as_it_is),
           SUITE_TEST(what_a_crash_left_half_made_does_not_disturb),
           SUITE_TEST(a_thick_volume_has_all_its_room_at_once),
           SUITE_TEST(a_failure_leaves_nothing_new),
           SUITE_LOOP(a_bad_path_or_size_is_refused_by_name, bad_rows),
           SUITE_TEST(only_files_are_removed_and_one_refusal_does_not_keep_the_others))
