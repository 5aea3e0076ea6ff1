/* test_hald_slot.c - a datastore's file of heartbeat slots, in a folder of the test: what is read,
 * written and not overwritten, by the file and by the thread around it. */
#include "config.h"

#include "tests/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "agent/hald_slot.h"
#include "agent/hald_slotio.h"
#include "base/clock.h"
#include "tests/tempdir.h"

#define TAG       7
#define AUTHORITY 5
#define OWN       1 /* slot of host 102 */
#define FIRST_FD  600

static struct slot_record record_of(int64_t host, int64_t seq)
{
    return (struct slot_record){ .tag = TAG,
                                 .owner = { host, AUTHORITY, { .boot = 9, .n = 3 } },
                                 .seq = seq };
}

/* ---- the file -------------------------------------------------------------------------------- */

START_TEST(a_file_is_made_and_what_was_written_is_read)
{
    g_autofree char *dir = tempdir_new();
    const struct slot_record record = record_of(102, 44);
    struct slot_record found;
    struct slotio io;
    const char *fs;
    bool end;

    ck_assert(slotio_init(&io, FIRST_FD));
    ck_assert_int_eq(slotio_open(&io, dir, &fs), 0);
    ck_assert_int_ge(io.fd, FIRST_FD);
    ck_assert_int_eq(slotio_read(&io, 0, SLOTIO_CHUNK, &end), 0);
    ck_assert(end);
    ck_assert(slot_parse(io.blocks, &found) == SLOT_EMPTY);
    ck_assert_int_eq(slotio_write(&io, 20, &record), 0);
    ck_assert_int_eq(slotio_read(&io, 16, SLOTIO_CHUNK, &end), 0);
    ck_assert(end); /* it ends with the last slot written */
    ck_assert(slot_parse(io.blocks, &found) == SLOT_EMPTY);
    ck_assert(slot_parse(io.blocks + (size_t)4 * SLOT_SIZE, &found) == SLOT_VALID);
    ck_assert(slot_record_equal(&found, &record));
    ck_assert_int_eq(slotio_read(&io, 0, SLOTIO_CHUNK, &end), 0);
    ck_assert(!end);
    slotio_close(&io);
    slotio_clear(&io);
    tempdir_free(g_steal_pointer(&dir));
}
END_TEST

START_TEST(a_file_that_was_cut_is_noticed)
{
    g_autofree char *dir = tempdir_new();
    g_autofree char *path = g_build_filename(dir, SLOT_FILE, NULL);
    const struct slot_record record = record_of(102, 44);
    struct slot_record found;
    struct slotio io;
    const char *fs;
    bool end;

    ck_assert(slotio_init(&io, FIRST_FD));
    ck_assert_int_eq(slotio_open(&io, dir, &fs), 0);
    ck_assert_int_eq(slotio_write(&io, 0, &record), 0);
    ck_assert(truncate(path, 100) == 0);
    ck_assert_int_eq(slotio_read(&io, 0, 2, &end), 0);
    ck_assert(end);
    ck_assert(slot_parse(io.blocks, &found) == SLOT_VALID); /* the record's bytes are there */
    ck_assert(truncate(path, 40) == 0);
    ck_assert_int_eq(slotio_read(&io, 0, 2, &end), 0);
    ck_assert(slot_parse(io.blocks, &found) == SLOT_BROKEN);
    slotio_close(&io);
    ck_assert_int_eq(slotio_read(&io, 0, 1, &end), EBADF);
    ck_assert_int_eq(slotio_write(&io, 0, &record), EBADF);
    slotio_clear(&io);
    tempdir_free(g_steal_pointer(&dir));
}
END_TEST

/* What becomes of the path of an open file. */
enum fate {
    LEFT,
    DELETED,
    REPLACED,
    LINKED,
    FOLDER_MOVED,
    FOLDER_COVERED,
    FOLDER_LINKED
};

static const struct fate_row {
    enum fate fate;
    bool is_elsewhere;
} fate_rows[] = {
    { LEFT, false },        { DELETED, true },        { REPLACED, true },       { LINKED, false },
    { FOLDER_MOVED, true }, { FOLDER_COVERED, true }, { FOLDER_LINKED, false },
};

static void befall(enum fate fate, const char *dir, const char *path)
{
    g_autofree char *aside = g_strconcat(fate < FOLDER_MOVED ? path : dir, ".old", NULL);

    if (fate == DELETED)
        ck_assert(g_unlink(path) == 0);
    else if (fate != LEFT)
        ck_assert(g_rename(fate < FOLDER_MOVED ? path : dir, aside) == 0);
    if (fate == REPLACED)
        ck_assert(g_file_set_contents(path, "", 0, NULL));
    else if (fate == LINKED)
        ck_assert(link(aside, path) == 0); /* the same file again */
    else if (fate == FOLDER_COVERED)
        ck_assert(g_mkdir(dir, 0700) == 0);
    else if (fate == FOLDER_LINKED)
        ck_assert(symlink(aside, dir) == 0);
}

START_TEST(a_path_that_leads_to_another_file_is_noticed)
{
    g_autofree char *top = tempdir_new();
    g_autofree char *dir = g_build_filename(top, "store", NULL);
    g_autofree char *path = g_build_filename(dir, SLOT_FILE, NULL);
    struct slotio io;
    const char *fs;

    ck_assert(g_mkdir(dir, 0700) == 0);
    ck_assert(slotio_init(&io, FIRST_FD));
    ck_assert_int_eq(slotio_open(&io, dir, &fs), 0);
    ck_assert(!slotio_is_elsewhere(&io, dir));
    befall(fate_rows[_i].fate, dir, path);
    ck_assert(slotio_is_elsewhere(&io, dir) == fate_rows[_i].is_elsewhere);
    slotio_close(&io);
    slotio_clear(&io);
    tempdir_free(g_steal_pointer(&top));
}
END_TEST

struct cache_row {
    int64_t type;
    const char *name;
    bool is_one;
};

static const struct cache_row cache_rows[] = {
    { 0xef53, "ext2, ext3 or ext4", true },
    { 0x01021994, "tmpfs", true },
    { 0x6969, "NFS", false },
    { 0xff534d42, "CIFS", false },
    { (int32_t)0xff534d42, "CIFS", false }, /* as a long of 32 bits has it */
    { 0x65735546, "FUSE", false },
    { 0x12345678, "unknown", false },
    { 0, "unknown", false },
};

START_TEST(a_file_system_is_trusted_without_o_direct_if_it_has_one_cache)
{
    const struct slotio_cache *cache = slotio_cache_of(cache_rows[_i].type);

    ck_assert_str_eq(cache->name, cache_rows[_i].name);
    ck_assert(cache->is_one == cache_rows[_i].is_one);
}
END_TEST

START_TEST(a_folder_that_is_away_and_a_link_are_refused)
{
    g_autofree char *dir = tempdir_new();
    g_autofree char *nowhere = g_build_filename(dir, "nowhere", NULL);
    g_autofree char *path = g_build_filename(dir, SLOT_FILE, NULL);
    struct slotio io;
    const char *fs;

    ck_assert(slotio_init(&io, FIRST_FD));
    ck_assert_int_eq(slotio_open(&io, nowhere, &fs), ENOENT);
    ck_assert(symlink("/dev/null", path) == 0);
    ck_assert_int_eq(slotio_open(&io, dir, &fs), ELOOP);
    ck_assert_int_eq(io.fd, -1);
    slotio_clear(&io);
    tempdir_free(g_steal_pointer(&dir));
}
END_TEST

/* ---- the thread ------------------------------------------------------------------------------ */

struct bench {
    char *dir;
    HaldSlot *slot;
    unsigned *n_hanging;
    bool done;
    struct hald_slot_result result;
    /* a reading */
    int trouble;
    int64_t age_ms;
    size_t n_records;
    struct slot_record records[64];
};

static void bench_init(struct bench *bench)
{
    struct hald_slot_options options = { .tag = TAG, .slot = OWN, .user = bench };

    *bench = (struct bench){ .dir = tempdir_new() };
    options.folder = bench->dir;
    options.n_hanging = bench->n_hanging = g_rc_box_new0(unsigned);
    bench->slot = hald_slot_new(&options);
}

static void bench_clear(struct bench *bench)
{
    hald_slot_retire(bench->slot);
    while (*bench->n_hanging > 0)
        g_main_context_iteration(NULL, TRUE);
    g_rc_box_release(bench->n_hanging);
    tempdir_free(bench->dir);
}

static void on_turn(const struct hald_slot_result *result, void *user)
{
    struct bench *bench = user;

    bench->result = *result;
    bench->done = true;
}

static void wait_done(struct bench *bench)
{
    while (!bench->done)
        g_main_context_iteration(NULL, TRUE);
    bench->done = false;
}

static enum hald_slot_end turn(struct bench *bench, const struct hald_slot_turn *what)
{
    ck_assert(hald_slot_turn(bench->slot, what, on_turn));
    ck_assert(hald_slot_turns(bench->slot));
    wait_done(bench);
    ck_assert(!hald_slot_turns(bench->slot));
    return bench->result.end;
}

/* As somebody else writes it. */
static void put(const struct bench *bench, int64_t slot, const struct slot_record *record)
{
    g_autofree char *path = g_build_filename(bench->dir, SLOT_FILE, NULL);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint8_t block[SLOT_SIZE];

    slot_format(record, block);
    ck_assert(fd >= 0 && pwrite(fd, block, SLOT_SIZE, (off_t)slot * SLOT_SIZE) == SLOT_SIZE);
    close(fd);
}

static void on_read(const struct hald_slot_reading *reading, uint64_t ticket, void *user)
{
    struct bench *bench = user;

    ck_assert_uint_eq(ticket, 5);
    ck_assert_uint_le(reading->n_records, G_N_ELEMENTS(bench->records));
    bench->trouble = reading->trouble;
    bench->age_ms = reading->age_ms;
    bench->n_records = reading->n_records;
    if (reading->n_records > 0)
        memcpy(bench->records, reading->records, reading->n_records * sizeof *reading->records);
    bench->done = true;
}

static void read_slots(struct bench *bench, const struct ha_owner *self, int64_t first,
                       int64_t count)
{
    ck_assert(hald_slot_read(bench->slot, self, first, count, on_read, 5));
    wait_done(bench);
}

START_TEST(a_slot_is_written_and_dates_what_is_read_with_it)
{
    struct bench bench;
    const struct slot_record mine = record_of(102, clock_now_ms());
    struct slot_record other = record_of(101, 77);
    const struct hald_slot_turn open_it = { .open = true, .record = mine };
    const struct hald_slot_turn write_it = { .write = true, .record = mine };
    struct ha_owner next = mine.owner;

    bench_init(&bench);
    ck_assert_int_eq(turn(&bench, &write_it), HALD_SLOT_FAILED); /* nothing is open */
    ck_assert_int_eq(bench.result.trouble, EBADF);
    ck_assert_int_eq(turn(&bench, &open_it), HALD_SLOT_DONE);
    read_slots(&bench, &mine.owner, 0, 1024);
    ck_assert_int_eq(bench.age_ms, -1); /* it was never written: nobody knows how old that is */
    ck_assert_int_eq(turn(&bench, &write_it), HALD_SLOT_DONE);
    put(&bench, 0, &other);
    other.owner.host = 150; /* not in its own slot */
    put(&bench, 2, &other);
    other = record_of(104, 1);
    other.tag++; /* another cluster's */
    put(&bench, 3, &other);
    other = record_of(105, 1);
    other.owner.authority++; /* another datastore's */
    put(&bench, 4, &other);
    other = record_of(141, 78); /* behind the first chunk */
    put(&bench, 40, &other);
    read_slots(&bench, &mine.owner, 0, 1024);
    ck_assert_int_eq(bench.trouble, 0);
    ck_assert_int_ge(bench.age_ms, 0);
    ck_assert_uint_eq(bench.n_records, 3);
    ck_assert_int_eq(bench.records[0].seq, 77);
    ck_assert(slot_record_equal(&bench.records[1], &mine));
    ck_assert_int_eq(bench.records[2].owner.host, 141);
    read_slots(&bench, &mine.owner, 1, 1);
    ck_assert_uint_eq(bench.n_records, 1);
    read_slots(&bench, &mine.owner, 16000, 1024);
    ck_assert_uint_eq(bench.n_records, 0);
    ck_assert_int_ge(bench.age_ms, 0);
    next.inc.n++; /* what an earlier life wrote dates nothing */
    read_slots(&bench, &next, 0, 1024);
    ck_assert_int_eq(bench.age_ms, -1);
    bench_clear(&bench);
}
END_TEST

START_TEST(what_is_foreign_is_not_overwritten_unless_it_stood_still)
{
    struct bench bench;
    const struct slot_record mine = record_of(102, 44);
    struct slot_record foreign = record_of(102, 99);
    struct hald_slot_turn what = { .open = true, .write = true, .record = mine };

    bench_init(&bench);
    foreign.tag++;
    put(&bench, OWN, &foreign);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_FOREIGN);
    ck_assert(slot_record_equal(&bench.result.found, &foreign));
    what.foreign = foreign;
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_FOREIGN);
    what.spare = true;
    foreign.seq++; /* it moved after all */
    put(&bench, OWN, &foreign);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_FOREIGN);
    what.foreign = foreign;
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_DONE);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_DONE); /* now it is ours */
    ck_assert(slot_record_equal(&bench.result.found, &mine));
    bench_clear(&bench);
}
END_TEST

START_TEST(one_that_goes_on_writes_only_where_it_wrote_before)
{
    struct bench bench;
    const struct slot_record mine = record_of(102, 44);
    struct slot_record former = mine;
    struct hald_slot_turn what = { .open = true, .write = true, .resume = true, .record = mine };

    bench_init(&bench);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_OTHER); /* a new file */
    former.owner.inc.n--;
    put(&bench, OWN, &former);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_OTHER);
    former = mine;
    former.seq -= 10;
    put(&bench, OWN, &former);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_DONE);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_file_that_is_not_its_paths_any_more_is_spent)
{
    struct bench bench;
    const struct hald_slot_turn open_it = { .open = true, .record = record_of(102, 44) };
    struct hald_slot_turn what = { .write = true, .record = record_of(102, 45) };
    g_autofree char *path = NULL;

    bench_init(&bench);
    path = g_build_filename(bench.dir, SLOT_FILE, NULL);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_FAILED);
    ck_assert(bench.result.compared && bench.result.spent); /* none is open */
    ck_assert_int_eq(turn(&bench, &open_it), HALD_SLOT_DONE);
    ck_assert(!bench.result.compared);
    what.compare = true;
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_DONE);
    ck_assert(bench.result.compared && !bench.result.spent);
    ck_assert(g_unlink(path) == 0);
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_DONE); /* it is written all the same */
    ck_assert(bench.result.compared && bench.result.spent);
    put(&bench, 0, &what.record); /* somebody makes another one */
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_DONE);
    ck_assert(bench.result.spent);
    what.open = true;
    ck_assert_int_eq(turn(&bench, &what), HALD_SLOT_DONE);
    ck_assert(!bench.result.spent);
    bench_clear(&bench);
}
END_TEST

/* Behind the first chunk of 16 slots. */
START_TEST(a_reading_that_crosses_a_change_of_the_file_is_thrown_away)
{
    struct bench bench;
    const struct slot_record mine = record_of(102, clock_now_ms());
    const struct slot_record other = record_of(141, 78);
    const struct hald_slot_turn open_it = { .open = true, .write = true, .record = mine };

    bench_init(&bench);
    put(&bench, 40, &other);
    ck_assert_int_eq(turn(&bench, &open_it), HALD_SLOT_DONE);
    ck_assert(hald_slot_read(bench.slot, &mine.owner, 0, 64, on_read, 5));
    ck_assert(hald_slot_turn(bench.slot, &open_it, on_turn)); /* after the reading's first chunk */
    bench.trouble = -1;
    while (bench.trouble == -1)
        g_main_context_iteration(NULL, TRUE);
    bench.done = false;
    ck_assert_int_eq(bench.trouble, ESTALE);
    read_slots(&bench, &mine.owner, 0, 64);
    ck_assert_int_eq(bench.trouble, 0);
    ck_assert_uint_eq(bench.n_records, 2);
    bench_clear(&bench);
}
END_TEST

static bool has_thread(void)
{
    g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
    const char *task;
    bool found = false;

    while (!found && (task = g_dir_read_name(tasks)) != NULL) {
        g_autofree char *file = g_build_filename("/proc/self/task", task, "comm", NULL);
        g_autofree char *text = NULL;

        found = g_file_get_contents(file, &text, NULL, NULL) && g_str_has_prefix(text, "slot0");
    }
    return found;
}

START_TEST(nothing_is_said_any_more_of_one_that_is_retired)
{
    struct bench bench;
    const struct hald_slot_turn what = { .open = true, .record = record_of(102, 44) };

    bench_init(&bench);
    ck_assert_int_eq(hald_slot_busy_ms(bench.slot, clock_now_ms()), 0);
    ck_assert(hald_slot_turn(bench.slot, &what, on_turn));
    ck_assert(hald_slot_read(bench.slot, &what.record.owner, 0, 1024, on_read, 5));
    ck_assert_int_ge(hald_slot_busy_ms(bench.slot, clock_now_ms() + 500), 500);
    hald_slot_retire(bench.slot);
    while (has_thread())
        g_main_context_iteration(NULL, FALSE);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    ck_assert(!bench.done);
    ck_assert_uint_eq(*bench.n_hanging, 0);
    g_rc_box_release(bench.n_hanging);
    tempdir_free(bench.dir);
}
END_TEST

SUITE_MAIN("hald_slot", SUITE_TEST(a_file_is_made_and_what_was_written_is_read),
           SUITE_TEST(a_file_that_was_cut_is_noticed),
           SUITE_LOOP(a_path_that_leads_to_another_file_is_noticed, fate_rows),
           SUITE_LOOP(a_file_system_is_trusted_without_o_direct_if_it_has_one_cache, cache_rows),
           SUITE_TEST(a_folder_that_is_away_and_a_link_are_refused),
           SUITE_TEST(a_slot_is_written_and_dates_what_is_read_with_it),
           SUITE_TEST(what_is_foreign_is_not_overwritten_unless_it_stood_still),
           SUITE_TEST(one_that_goes_on_writes_only_where_it_wrote_before),
           SUITE_TEST(a_file_that_is_not_its_paths_any_more_is_spent),
           SUITE_TEST(a_reading_that_crosses_a_change_of_the_file_is_thrown_away),
           SUITE_TEST(nothing_is_said_any_more_of_one_that_is_retired))
