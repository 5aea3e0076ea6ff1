/* it_slots.c - vrm-hald and heartbeat slots: real files, a real etcd, stand-ins for QEMU.
 *
 * A datastore that fails is a limit on the size of files (the host's slot lies behind it, all else
 * that vrm-hald writes before); one that hangs is a thread of its own held by its tracer.  Times as
 * in it_hald.c: what must not happen is told by leases that are far longer than any pause. */
#include "config.h"

#include "tests/suite.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ha/etcd/right_etcd.h"
#include "ha/slot.h"
#include "tests/haldlab.h"

#define UUID    haldlab_uuid(1)
#define UUID2   haldlab_uuid(2)
#define WAIT_MS 20000
#define LONG_MS 90000
#define SHELF   7 /* an authority */
#define RACK    9 /* another */
/* Its slot lies behind 16 MiB. */
#define FAR_HOST (SLOT_FIRST_HOST + 5000)
#define FAR_SIZE ((rlim_t)16 << 20)

/* ---- setups ---------------------------------------------------------------------------------- */

/* Slots' leases end 17 s after they stand still, etcd's are renewed each 14 s and good for 30. */
static const struct haldlab_times steady = { 30000, 14000, 1000 };
#define STEADY_MS 17000

static char *folder(const struct haldlab *lab, const char *name)
{
    char *path = g_build_filename(lab->dir, name, NULL);

    g_mkdir(path, 0700);
    return path;
}

static struct ha_setup make_setup(const struct haldlab *lab, const struct haldlab_times *times,
                                  int64_t slot_ms, const char *path)
{
    struct ha_setup setup = haldlab_setup(lab, times);

    setup.slot_ms = slot_ms;
    setup.slot_renew_ms = 300;
    if (path)
        haldlab_add_store(&setup, SHELF, path);
    return setup;
}

/* Starts with a datastore of that path, until it holds its leases. */
static void begin(struct haldlab *lab, const struct haldlab_times *times, int64_t slot_ms,
                  const char *path)
{
    struct ha_setup setup = make_setup(lab, times, slot_ms, path);

    haldlab_start(lab);
    haldlab_set_up(lab, &setup);
    haldlab_wait_held(lab, 0);
    haldlab_wait_lease(lab, SHELF, "held");
}

/* Those of the first hosts, or of this one. */
static struct hald_reply read_slots(struct haldlab *lab)
{
    const int64_t own = slot_of_host(lab->host);
    struct hald_request request = { .op = HALD_SLOTS,
                                    .first = own < HA_READING_MAX ? 0 : own,
                                    .count = HA_READING_MAX };
    struct hald_reply reply = haldlab_call(lab, &request);

    ck_assert(reply.ok);
    return reply;
}

static const struct ha_slot_read *slot_in(const struct hald_reply *reply, int32_t authority,
                                          int64_t host)
{
    for (size_t i = 0; i < reply->slots.n_stores; i++) {
        const struct ha_store_read *store = &reply->slots.stores[i];

        for (size_t k = 0; k < store->n_slots; k++)
            if (store->authority == authority && store->slots[k].host == host)
                return &store->slots[k];
    }
    return NULL;
}

/* What the only datastore's lease says is wrong; g_free. */
static char *why_of(struct haldlab *lab, int32_t authority)
{
    struct hald_reply reply = haldlab_status(lab);
    struct hald_lease lease = { 0 };
    char *why;

    ck_assert(haldlab_lease(&reply, authority, &lease));
    why = g_strdup(lease.why);
    hald_reply_clear(&reply);
    return why;
}

static void wait_why(struct haldlab *lab, int32_t authority, const char *part)
{
    const int64_t end_ms = clock_now_ms() + WAIT_MS;

    for (;;) {
        g_autofree char *why = why_of(lab, authority);

        if (strstr(why, part))
            return;
        ck_assert_msg(clock_now_ms() < end_ms, "\"%s\", want %s", why, part);
        etcdlab_run_for(50);
    }
}

/* ---- what can be seen ------------------------------------------------------------------------ */

/* The slot of `host` as `reader` reads it, once it is there; its seq. */
static int64_t wait_slot(struct haldlab *reader, int32_t authority, int64_t host, int64_t above)
{
    const int64_t end_ms = clock_now_ms() + WAIT_MS;

    for (;;) {
        struct hald_reply reply = read_slots(reader);
        const struct ha_slot_read *slot = slot_in(&reply, authority, host);
        const int64_t seq = slot ? slot->seq : 0;

        hald_reply_clear(&reply);
        if (seq > above)
            return seq;
        ck_assert_msg(clock_now_ms() < end_ms, "slot of host %d", (int)host);
        etcdlab_run_for(50);
    }
}

START_TEST(two_hosts_see_each_others_slots_move_and_stand_still)
{
    struct haldlab lab, other;
    struct hald_reply reply;
    g_autofree char *path = NULL;
    g_autofree char *inc = NULL;
    int64_t seq;

    haldlab_open(&lab);
    haldlab_open_beside(&other, &lab, 102);
    path = folder(&lab, "shelf");
    begin(&lab, &haldlab_long, LONG_MS, path);
    begin(&other, &haldlab_long, LONG_MS, path);
    seq = wait_slot(&lab, SHELF, 102, 0);
    wait_slot(&lab, SHELF, 102, seq);
    wait_slot(&other, SHELF, 101, wait_slot(&other, SHELF, 101, 0));
    inc = right_inc_format(haldlab_inc_by(&other, SHELF));
    haldlab_end(&other, SIGKILL);
    seq = wait_slot(&lab, SHELF, 102, 0);
    etcdlab_run_for(1000);
    reply = read_slots(&lab);
    ck_assert(reply.slots.stores[0].ok);
    ck_assert_int_eq(slot_in(&reply, SHELF, 102)->seq, seq);
    ck_assert_str_eq(slot_in(&reply, SHELF, 102)->inc, inc);
    ck_assert_int_eq(slot_in(&reply, SHELF, 102)->slot, 1);
    hald_reply_clear(&reply);
    haldlab_close(&other);
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_host_without_a_lease_there_has_nothing_to_tell)
{
    struct haldlab lab;
    struct ha_setup setup;
    struct hald_reply reply;
    g_autofree char *path = NULL;

    haldlab_open(&lab);
    haldlab_start(&lab);
    reply = read_slots(&lab); /* before any setup */
    ck_assert_uint_eq(reply.slots.n_stores, 0);
    hald_reply_clear(&reply);
    path = g_build_filename(lab.dir, "nowhere", NULL);
    setup = make_setup(&lab, &haldlab_long, LONG_MS, path);
    haldlab_set_up(&lab, &setup);
    wait_why(&lab, SHELF, "No such file or directory");
    reply = read_slots(&lab);
    ck_assert_uint_eq(reply.slots.n_stores, 1);
    ck_assert(!reply.slots.stores[0].ok);
    ck_assert_str_eq(reply.slots.stores[0].why, "No such file or directory");
    hald_reply_clear(&reply);
    g_mkdir(path, 0700); /* mounted at last */
    haldlab_wait_lease(&lab, SHELF, "held");
    wait_slot(&lab, SHELF, 101, 0);
    haldlab_close(&lab);
}
END_TEST

/* ---- etcd is away ---------------------------------------------------------------------------- */

START_TEST(without_etcd_vms_of_a_datastore_live_and_those_of_etcd_die)
{
    struct haldlab lab;
    struct hald_reply reply;
    struct ha_inc inc;
    g_autofree char *path = NULL;
    GPid of_store, of_etcd;
    int64_t end_ms;

    haldlab_open(&lab);
    path = folder(&lab, "shelf");
    begin(&lab, &haldlab_short, 30000, path);
    of_etcd = haldlab_run_vm(&lab, 12, UUID);
    of_store = haldlab_run_vm_by(&lab, 13, SHELF, UUID2);
    inc = haldlab_inc_by(&lab, SHELF);
    end_ms = clock_now_ms() + 40000; /* more than the slot's lease, too */
    etcdlab_control("--stop");
    ck_assert(haldlab_dies(of_etcd, WAIT_MS));
    haldlab_end(&lab, SIGKILL); /* and the next one goes on with it */
    haldlab_start(&lab);
    while (clock_now_ms() < end_ms) {
        ck_assert(haldlab_lives(of_store));
        etcdlab_run_for(500);
    }
    reply = haldlab_status(&lab);
    ck_assert(!reply.status.etcd_ok);
    hald_reply_clear(&reply);
    ck_assert(ha_inc_equal(haldlab_inc_by(&lab, SHELF), inc));
    wait_slot(&lab, SHELF, 101, 0);
    etcdlab_control("--start");
    haldlab_wait_held(&lab, 0);
    ck_assert(haldlab_lives(of_store));
    haldlab_kill(of_store);
    haldlab_close(&lab);
}
END_TEST

/* ---- the datastore is away ------------------------------------------------------------------- */

static void limit_files(const struct haldlab *lab, rlim_t size)
{
    const struct rlimit limit = { size, RLIM_INFINITY };

    ck_assert(prlimit(lab->hald, RLIMIT_FSIZE, &limit, NULL) == 0);
}

/* Two VMs, of the datastore and of etcd. */
static void run_two(struct haldlab *lab, GPid *ret_of_store, GPid *ret_of_etcd)
{
    *ret_of_etcd = haldlab_run_vm(lab, 12, UUID);
    *ret_of_store = haldlab_run_vm_by(lab, 13, SHELF, UUID2);
}

START_TEST(a_datastore_that_fails_ends_its_vms_and_no_others)
{
    struct haldlab lab;
    struct ha_inc inc;
    g_autofree char *path = NULL;
    GPid of_store, of_etcd;

    haldlab_open(&lab);
    lab.host = FAR_HOST;
    path = folder(&lab, "shelf");
    begin(&lab, &steady, STEADY_MS, path);
    run_two(&lab, &of_store, &of_etcd);
    inc = haldlab_inc_by(&lab, SHELF);
    limit_files(&lab, FAR_SIZE);
    wait_why(&lab, SHELF, "File too large");
    ck_assert(haldlab_dies(of_store, STEADY_MS + WAIT_MS));
    ck_assert(haldlab_lives(of_etcd));
    etcdlab_run_for(1000);
    limit_files(&lab, RLIM_INFINITY); /* it is back, and gets another life */
    haldlab_wait_lease(&lab, SHELF, "held");
    ck_assert_uint_gt(haldlab_inc_by(&lab, SHELF).n, inc.n);
    of_store = haldlab_run_vm_by(&lab, 13, SHELF, UUID2);
    wait_slot(&lab, SHELF, FAR_HOST, 0);
    ck_assert(haldlab_lives(of_etcd));
    ck_assert(haldlab_lives(of_store));
    haldlab_kill(of_etcd);
    haldlab_kill(of_store);
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_datastore_that_is_full_costs_no_incarnation)
{
    struct haldlab lab;
    struct ha_setup setup;
    struct ha_inc inc;
    g_autofree char *path = NULL;

    haldlab_open(&lab);
    lab.host = FAR_HOST;
    path = folder(&lab, "shelf");
    setup = make_setup(&lab, &haldlab_long, LONG_MS, path);
    haldlab_start(&lab);
    limit_files(&lab, FAR_SIZE);
    haldlab_set_up(&lab, &setup);
    wait_why(&lab, SHELF, "File too large");
    inc = haldlab_inc_by(&lab, SHELF);
    etcdlab_run_for(8000); /* it is tried again after 5 s */
    wait_why(&lab, SHELF, "File too large");
    ck_assert(ha_inc_equal(haldlab_inc_by(&lab, SHELF), inc));
    limit_files(&lab, RLIM_INFINITY);
    haldlab_wait_lease(&lab, SHELF, "held");
    ck_assert(ha_inc_equal(haldlab_inc_by(&lab, SHELF), inc));
    wait_slot(&lab, SHELF, FAR_HOST, 0);
    haldlab_close(&lab);
}
END_TEST

/* Its thread: the number of the task, or 0. */
static pid_t thread_of(const struct haldlab *lab, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)lab->hald);
    g_autoptr(GDir) tasks = g_dir_open(path, 0, NULL);
    const char *task;

    ck_assert_ptr_nonnull(tasks);
    while ((task = g_dir_read_name(tasks)) != NULL) {
        g_autofree char *file = g_build_filename(path, task, "comm", NULL);
        g_autofree char *text = NULL;

        if (g_file_get_contents(file, &text, NULL, NULL) && g_str_has_prefix(text, name))
            return (pid_t)g_ascii_strtoll(task, NULL, 10);
    }
    return 0;
}

/* As if it were in a write that does not come back. */
static pid_t hang(const struct haldlab *lab)
{
    const pid_t task = thread_of(lab, "slot0");

    ck_assert(task > 0);
    ck_assert(ptrace(PTRACE_SEIZE, task, NULL, NULL) == 0);
    ck_assert(ptrace(PTRACE_INTERRUPT, task, NULL, NULL) == 0);
    ck_assert(waitpid(task, NULL, __WALL) == task);
    return task;
}

static void let_go(pid_t task)
{
    ck_assert(ptrace(PTRACE_DETACH, task, NULL, NULL) == 0);
}

START_TEST(a_datastore_that_hangs_holds_up_nothing_else)
{
    struct haldlab lab;
    struct hald_reply reply;
    g_autofree char *path = NULL;
    struct ha_inc inc;
    GPid of_store, of_etcd;
    int64_t asked_ms;
    pid_t task;

    haldlab_open(&lab);
    path = folder(&lab, "shelf");
    begin(&lab, &steady, STEADY_MS, path);
    run_two(&lab, &of_store, &of_etcd);
    inc = haldlab_inc_by(&lab, SHELF);
    task = hang(&lab); /* for a moment: nothing happens */
    wait_why(&lab, SHELF, "it has not answered for 3 s");
    let_go(task);
    haldlab_wait_lease(&lab, SHELF, "held");
    wait_slot(&lab, SHELF, 101, 0);
    ck_assert(haldlab_lives(of_store));
    task = hang(&lab); /* for good */
    ck_assert(haldlab_dies(of_store, STEADY_MS + WAIT_MS));
    ck_assert(haldlab_lives(of_etcd));
    asked_ms = clock_now_ms();
    reply = read_slots(&lab);
    ck_assert(!reply.slots.stores[0].ok);
    ck_assert_int_lt(clock_now_ms() - asked_ms, WAIT_MS / 2);
    hald_reply_clear(&reply);
    let_go(task);
    haldlab_wait_lease(&lab, SHELF, "held");
    ck_assert_uint_gt(haldlab_inc_by(&lab, SHELF).n, inc.n);
    wait_slot(&lab, SHELF, 101, 0);
    task = hang(&lab);
    wait_why(&lab, SHELF, "it has not answered");
    ck_assert(haldlab_lives(of_etcd));
    haldlab_signal(&lab, SIGTERM); /* it does not wait for it */
    ck_assert(waitpid(task, NULL, __WALL) == task);
    haldlab_end(&lab, SIGTERM);
    haldlab_kill(of_etcd);
    haldlab_close(&lab);
}
END_TEST

/* ---- the file -------------------------------------------------------------------------------- */

START_TEST(one_that_goes_on_writes_to_no_other_file)
{
    struct haldlab lab;
    struct ha_inc inc;
    g_autofree char *path = NULL;
    g_autofree char *file = NULL;
    GPid of_store, of_etcd;

    haldlab_open(&lab);
    path = folder(&lab, "shelf");
    file = g_build_filename(path, SLOT_FILE, NULL);
    begin(&lab, &steady, STEADY_MS, path);
    run_two(&lab, &of_store, &of_etcd);
    inc = haldlab_inc_by(&lab, SHELF);
    ck_assert(g_unlink(file) == 0);
    wait_why(&lab, SHELF, "was deleted, replaced"); /* said, and nobody dies of it */
    ck_assert(ha_inc_equal(haldlab_inc_by(&lab, SHELF), inc));
    haldlab_wait_lease(&lab, SHELF, "held");
    ck_assert(haldlab_lives(of_store));
    haldlab_end(&lab, SIGTERM);
    haldlab_start(&lab);
    wait_why(&lab, SHELF, "another file of slots stands there");
    ck_assert(haldlab_dies(of_store, STEADY_MS + WAIT_MS));
    haldlab_wait_lease(&lab, SHELF, "held");
    ck_assert_uint_gt(haldlab_inc_by(&lab, SHELF).n, inc.n);
    wait_slot(&lab, SHELF, 101, 0);
    ck_assert(haldlab_lives(of_etcd));
    haldlab_kill(of_etcd);
    haldlab_close(&lab);
}
END_TEST

/* The incarnation after that one, once it holds its lease. */
static struct ha_inc wait_next(struct haldlab *lab, struct ha_inc inc)
{
    const int64_t end_ms = clock_now_ms() + WAIT_MS;
    struct ha_inc next;

    while (ha_inc_equal(next = haldlab_inc_by(lab, SHELF), inc)) {
        ck_assert_msg(clock_now_ms() < end_ms, "still the same incarnation");
        etcdlab_run_for(50);
    }
    ck_assert_uint_eq(next.n, inc.n + 1);
    haldlab_wait_lease(lab, SHELF, "held");
    wait_why(lab, SHELF, "");
    return next;
}

/* The record of host 101 in the file; false: there is none. */
static bool look_up(const char *file, struct slot_record *ret_record)
{
    g_autofree char *bytes = NULL;
    gsize size;

    return g_file_get_contents(file, &bytes, &size, NULL) && size >= SLOT_SIZE &&
           slot_parse((const uint8_t *)bytes, ret_record) == SLOT_VALID;
}

START_TEST(a_file_that_was_deleted_is_given_up_once_no_vm_lives_by_it)
{
    struct hald_request give_up = { .op = HALD_GIVE_UP, .vm = 13 };
    struct haldlab lab;
    struct slot_record record;
    struct ha_inc inc;
    g_autofree char *path = NULL;
    g_autofree char *file = NULL;
    GPid guest;

    haldlab_open(&lab);
    path = folder(&lab, "shelf");
    file = g_build_filename(path, SLOT_FILE, NULL);
    begin(&lab, &haldlab_long, LONG_MS, path);
    guest = haldlab_run_vm_by(&lab, 13, SHELF, UUID2);
    inc = haldlab_inc_by(&lab, SHELF);
    ck_assert(g_unlink(file) == 0);
    wait_why(&lab, SHELF, "was deleted, replaced or mounted over");
    etcdlab_run_for(4000); /* more than ten writes */
    ck_assert(ha_inc_equal(haldlab_inc_by(&lab, SHELF), inc));
    ck_assert(haldlab_lives(guest));
    ck_assert(!look_up(file, &record));
    haldlab_kill(guest);
    haldlab_yes(&lab, &give_up);
    inc = wait_next(&lab, inc);
    ck_assert(look_up(file, &record));
    ck_assert(ha_inc_equal(record.owner.inc, inc));
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_datastore_that_comes_late_is_used_once_it_is_there)
{
    struct haldlab lab;
    struct slot_record record;
    struct ha_inc inc;
    g_autofree char *path = NULL;
    g_autofree char *real = NULL;
    g_autofree char *under = NULL;
    g_autofree char *file = NULL;
    int64_t seq;

    haldlab_open(&lab);
    path = folder(&lab, "shelf"); /* where it will be mounted: a folder of the host's own */
    real = folder(&lab, "real");
    under = g_build_filename(lab.dir, "under", NULL);
    file = g_build_filename(path, SLOT_FILE, NULL);
    begin(&lab, &haldlab_long, LONG_MS, path);
    ck_assert(look_up(file, &record));
    ck_assert(g_rename(path, under) == 0 && g_rename(real, path) == 0);
    inc = wait_next(&lab, record.owner.inc);
    ck_assert(look_up(file, &record));
    ck_assert(ha_inc_equal(record.owner.inc, inc));
    wait_slot(&lab, SHELF, 101, wait_slot(&lab, SHELF, 101, 0));
    g_clear_pointer(&file, g_free);
    file = g_build_filename(under, SLOT_FILE, NULL);
    ck_assert(look_up(file, &record));
    seq = record.seq;
    etcdlab_run_for(1000);
    ck_assert(look_up(file, &record));
    ck_assert_int_eq(record.seq, seq); /* nothing is written there any more */
    haldlab_close(&lab);
}
END_TEST

/* ---- file systems ---------------------------------------------------------------------------- */

static void end_with_parent(void *user)
{
    (void)user;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static bool may_mount(void)
{
    g_autofree char *bindfs = g_find_program_in_path("bindfs");

    return bindfs && access("/dev/fuse", R_OK | W_OK) == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Mounts, which end with the test: ramfs, which takes no O_DIRECT, and that again through FUSE. */
static void mount_both(const char *ram, const char *fuse)
{
    const int64_t end_ms = clock_now_ms() + WAIT_MS;
    g_autofree char *line = g_strdup_printf("bindfs -f --forward-odirect=4096 %s %s", ram, fuse);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    ck_assert(mount("none", ram, "ramfs", 0, NULL) == 0);
    ck_assert(g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                            end_with_parent, NULL, NULL, NULL));
    for (;;) {
        g_autofree char *mounts = NULL;

        ck_assert(g_file_get_contents("/proc/self/mounts", &mounts, NULL, NULL));
        if (strstr(mounts, fuse))
            return;
        ck_assert_msg(clock_now_ms() < end_ms, "bindfs does not mount");
        etcdlab_run_for(50);
    }
}

START_TEST(a_file_system_without_o_direct_is_refused_where_it_has_other_caches)
{
    struct haldlab lab;
    struct ha_setup setup;
    struct hald_reply reply;
    g_autofree char *ram = NULL;
    g_autofree char *fuse = NULL;

    haldlab_open(&lab);
    ram = folder(&lab, "ram");
    fuse = folder(&lab, "fuse");
    if (may_mount()) {
        mount_both(ram, fuse);
        setup = make_setup(&lab, &haldlab_long, LONG_MS, ram);
        haldlab_add_store(&setup, RACK, fuse);
        haldlab_start(&lab);
        haldlab_set_up(&lab, &setup);
        haldlab_wait_lease(&lab, SHELF, "held");
        wait_why(&lab, RACK, "its file system (FUSE) refuses O_DIRECT");
        reply = read_slots(&lab);
        ck_assert_uint_eq(reply.slots.n_stores, 2);
        for (size_t i = 0; i < 2; i++) {
            const struct ha_store_read *read = &reply.slots.stores[i];

            ck_assert(read->ok == (read->authority == SHELF));
            ck_assert(read->ok || strstr(read->why, "its file system (FUSE) refuses O_DIRECT"));
        }
        hald_reply_clear(&reply);
    } else {
        ck_assert_msg(!g_getenv("VRM_REQUIRE_ALL"), "bindfs, /dev/fuse or a mount is missing");
        fprintf(stderr, "left out: bindfs, /dev/fuse or a mount is missing\n");
    }
    haldlab_close(&lab);
}
END_TEST

static void write_foreign(const char *file, int64_t seq)
{
    const struct slot_record record = {
        .tag = 1,
        .owner = { .host = 101, .authority = SHELF, .inc = { 5, 5 } },
        .seq = seq,
    };
    const int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint8_t block[SLOT_SIZE];

    slot_format(&record, block);
    ck_assert(fd >= 0 && pwrite(fd, block, sizeof block, 0) == (ssize_t)sizeof block);
    close(fd);
}

START_TEST(what_another_cluster_writes_is_not_overwritten_until_it_stands_still)
{
    const struct haldlab_times times = { 3000, 400, 500 };
    const int64_t seen_ms = clock_now_ms();
    struct haldlab lab;
    struct ha_setup setup;
    g_autofree char *path = NULL;
    g_autofree char *file = NULL;
    int64_t last_ms = 0;

    haldlab_open(&lab);
    path = folder(&lab, "shelf");
    file = g_build_filename(path, SLOT_FILE, NULL);
    write_foreign(file, 1);
    setup = make_setup(&lab, &times, 4000, path);
    haldlab_start(&lab);
    haldlab_set_up(&lab, &setup);
    wait_why(&lab, SHELF, "slot 0 is written by host 101 of another cluster");
    for (int64_t seq = 2; clock_now_ms() < seen_ms + 8000; seq++) {
        write_foreign(file, seq);
        last_ms = clock_now_ms();
        etcdlab_run_for(500);
        haldlab_wait_lease(&lab, SHELF, "out");
    }
    haldlab_wait_lease(&lab, SHELF, "held");
    ck_assert_int_ge(clock_now_ms(), last_ms + 4000);
    wait_slot(&lab, SHELF, 101, 0);
    write_foreign(file, 100); /* both of us began at once: the other one is told, too */
    wait_why(&lab, SHELF, "of another cluster");
    haldlab_close(&lab);
}
END_TEST

/* ---- setups ---------------------------------------------------------------------------------- */

START_TEST(a_datastore_that_a_setup_takes_away_goes_when_its_last_vm_has_gone)
{
    struct haldlab lab;
    struct ha_setup setup;
    struct ha_inc inc;
    g_autofree char *path = NULL;
    g_autofree char *other = NULL;
    GPid guest;

    haldlab_open(&lab);
    path = folder(&lab, "shelf");
    other = folder(&lab, "rack");
    begin(&lab, &haldlab_long, LONG_MS, path);
    guest = haldlab_run_vm_by(&lab, 13, SHELF, UUID2);
    inc = haldlab_inc_by(&lab, SHELF);
    setup = make_setup(&lab, &haldlab_long, LONG_MS, NULL);
    haldlab_add_store(&setup, RACK, other);
    haldlab_set_up(&lab, &setup);
    haldlab_wait_lease(&lab, RACK, "held");
    haldlab_wait_lease(&lab, SHELF, "held"); /* for its VM */
    wait_slot(&lab, SHELF, 101, 0);
    wait_slot(&lab, RACK, 101, 0);
    haldlab_end(&lab, SIGKILL);
    haldlab_start(&lab); /* whose setup does not name it */
    wait_slot(&lab, SHELF, 101, 0);
    ck_assert(ha_inc_equal(haldlab_inc_by(&lab, SHELF), inc));
    ck_assert(haldlab_lives(guest));
    setup = haldlab_setup(&lab, &haldlab_long);
    setup.lease_ms = 270000; /* 3 LONG_MS */
    {
        struct hald_request request = { .op = HALD_SETUP, .setup = setup };

        haldlab_no(&lab, &request, "setup.lease_ms is 270000; want no longer watchdog");
    }
    ha_setup_clear(&setup);
    haldlab_kill(guest);
    {
        struct hald_request give_up = { .op = HALD_GIVE_UP, .vm = 13 };

        haldlab_yes(&lab, &give_up);
    }
    haldlab_wait_lease(&lab, SHELF, NULL);
    setup = make_setup(&lab, &haldlab_long, LONG_MS, path);
    haldlab_set_up(&lab, &setup);
    haldlab_wait_lease(&lab, RACK, NULL);
    haldlab_wait_lease(&lab, SHELF, "held");
    ck_assert_uint_gt(haldlab_inc_by(&lab, SHELF).n, inc.n);
    haldlab_close(&lab);
}
END_TEST

START_TEST(another_hosts_slot_is_refused)
{
    struct haldlab lab;
    struct hald_request request = { .op = HALD_SETUP };

    haldlab_open(&lab);
    haldlab_start(&lab);
    request.setup = make_setup(&lab, &haldlab_long, LONG_MS, "/nowhere/shelf");
    request.setup.stores[0].slot = 1;
    haldlab_no(&lab, &request, "setup.stores[0].slot is 1; want 0, that of host 101");
    request.setup.host = 100;
    haldlab_no(&lab, &request, "setup.stores has 1 entries; want none: host 100 has no slot");
    ha_setup_clear(&request.setup);
    haldlab_close(&lab);
}
END_TEST

int main(int argc, char **argv)
{
    const struct suite_test tests[] = {
        SUITE_TEST(two_hosts_see_each_others_slots_move_and_stand_still),
        SUITE_TEST(a_host_without_a_lease_there_has_nothing_to_tell),
        SUITE_TEST(without_etcd_vms_of_a_datastore_live_and_those_of_etcd_die),
        SUITE_TEST(a_datastore_that_fails_ends_its_vms_and_no_others),
        SUITE_TEST(a_datastore_that_is_full_costs_no_incarnation),
        SUITE_TEST(a_datastore_that_hangs_holds_up_nothing_else),
        SUITE_TEST(one_that_goes_on_writes_to_no_other_file),
        SUITE_TEST(a_file_that_was_deleted_is_given_up_once_no_vm_lives_by_it),
        SUITE_TEST(a_datastore_that_comes_late_is_used_once_it_is_there),
        SUITE_TEST(a_file_system_without_o_direct_is_refused_where_it_has_other_caches),
        SUITE_TEST(what_another_cluster_writes_is_not_overwritten_until_it_stands_still),
        SUITE_TEST(a_datastore_that_a_setup_takes_away_goes_when_its_last_vm_has_gone),
        SUITE_TEST(another_hosts_slot_is_refused),
    };

    if (haldlab_is_guest(argc, argv))
        return EXIT_SUCCESS;
    return suite_run("it_slots", tests, G_N_ELEMENTS(tests));
}
