/* test_slots.c - which datastores have heartbeat slots, who reads them, and what follows. */
#include "config.h"

#include "controller/slots.h"

#include "controller/stores.h"
#include "ha/slot.h"
#include "tests/suite.h"

#define BOOT  "00000000000000aa"
#define STORE 3
#define T0    100000

/* ---- which datastores -------------------------------------------------------------------------
 */

struct store_row {
    const char *types; /* of the datastores 1, 2, ...: N shared, L local, T shared with 1's path */
    const char *slots; /* the ids that have some */
};

static Snapshot *snapshot_of(const char *types, const char *disks)
{
    SnapshotBuilder *builder = snapshot_builder_new();
    Vm *vm = vm_new();
    Snapshot *snap;

    for (int64_t id = 1; types[id - 1]; id++) {
        Datastore *store = datastore_new();

        store->id = id;
        g_free(store->name);
        store->name = g_strdup_printf("ds%" G_GINT64_FORMAT, id);
        g_free(store->storage_type);
        store->storage_type = g_strdup(types[id - 1] == 'L' ? "local" : "NAS");
        g_free(store->path);
        store->path =
            g_strdup_printf("/ds%" G_GINT64_FORMAT, types[id - 1] == 'T' ? INT64_C(1) : id);
        snapshot_builder_put_datastore(builder, store);
    }
    vm->id = 7;
    vm->n_disks = strlen(disks);
    vm->disks = g_new0(struct vm_disk, vm->n_disks);
    for (size_t i = 0; i < vm->n_disks; i++)
        vm->disks[i] = (struct vm_disk){ .datastore_id = disks[i] - '0',
                                         .name = g_strdup(""),
                                         .path = g_strdup(""),
                                         .bus = g_strdup("VIRTIO") };
    snapshot_builder_put_vm(builder, vm);
    snap = snapshot_builder_build(builder, 0);
    snapshot_builder_free(builder);
    return snap;
}

static const struct store_row store_rows[] = {
    { "", "" },
    { "N", "1" },
    { "LNL", "2" },
    { "NTN", "13" },
    { "NNNNNNNNN", "1234567" },
    { "LNNNNNNNN", "2345678" },
};

START_TEST(the_first_seven_shared_datastores_have_slots)
{
    const struct store_row *row = &store_rows[_i];
    g_autoptr(Snapshot) snap = snapshot_of(row->types, "");
    struct stores stores;

    stores_find(snap, &stores);
    ck_assert_uint_eq(stores.n, strlen(row->slots));
    for (size_t i = 0; i < stores.n; i++)
        ck_assert_int_eq(stores.items[i]->id, row->slots[i] - '0');
}
END_TEST

struct keep_row {
    const char *types;
    bool slots;
    const char *named; /* ids of datastores by which VMs live */
    const char *kept;
};

static const struct keep_row keep_rows[] = {
    { "NN", true, "", "12" },
    { "NN", false, "", "" },
    { "NNN", false, "2", "2" },
    { "NNN", false, "9", "" },
    { "NLN", false, "2", "2" }, /* it was shared once */
    { "NLN", true, "2", "123" },
    { "NTN", false, "2", "2" },
    { "NTN", true, "2", "23" }, /* the first one with its path came later */
    { "NNNNNNNNN", true, "9", "1234569" },
    { "NNNNNNNNN", false, "91", "19" },
    { "NNNNNNNNN", false, "123456789", "1234567" },
};

START_TEST(a_datastore_by_which_a_vm_lives_keeps_its_slots)
{
    const struct keep_row *row = &keep_rows[_i];
    g_autoptr(Snapshot) snap = snapshot_of(row->types, "");
    g_autoptr(GHashTable) named = g_hash_table_new(NULL, NULL);
    struct stores stores;

    for (const char *id = row->named; *id; id++)
        (void)g_hash_table_add(named, GINT_TO_POINTER(slot_authority(*id - '0')));
    stores_keep(snap, row->slots, named, &stores);
    ck_assert_uint_eq(stores.n, strlen(row->kept));
    for (size_t i = 0; i < stores.n; i++)
        ck_assert_int_eq(stores.items[i]->id, row->kept[i] - '0');
}
END_TEST

struct protector_row {
    const char *types, *disks;
    bool slots;
    const char *name;
};

static const struct protector_row protector_rows[] = {
    { "LN", "1", true, "local" },        { "LN", "2", true, "storage:ds2" },
    { "LN", "12", true, "storage:ds2" }, { "LN", "2", false, "etcd" },
    { "LN", "1", false, "local" },       { "NN", "21", true, "storage:ds2" },
    { "NNNNNNNN", "8", true, "etcd" },   { "NNNNNNNN", "85", true, "storage:ds5" },
    { "N", "", true, "etcd" },           { "N", "9", true, "etcd" },
};

START_TEST(a_vm_is_protected_by_its_first_datastore_with_slots)
{
    const struct protector_row *row = &protector_rows[_i];
    g_autoptr(Snapshot) snap = snapshot_of(row->types, row->disks);
    g_autofree char *name =
        stores_authority_name(snap, stores_protector(snap, snapshot_vm(snap, 7), row->slots));

    ck_assert_str_eq(name, row->name);
}
END_TEST

START_TEST(an_authority_of_a_datastore_that_is_gone_has_a_name)
{
    g_autoptr(Snapshot) snap = snapshot_of("N", "");
    g_autofree char *name = stores_authority_name(snap, slot_authority(9));

    ck_assert_str_eq(name, "storage:9");
    ck_assert_ptr_null(stores_of_authority(snap, slot_authority(9)));
    ck_assert_ptr_null(stores_of_authority(snap, HA_ETCD));
}
END_TEST

/* ---- who reads --------------------------------------------------------------------------------
 */

struct bench {
    SlotBook *book;
    Snapshot *snap;
    struct stores stores;
    GArray *candidates;
    const char *inc; /* of the slots in files */
    GString *seen;   /* what fn was told: "HOST:SEQ@ASKED " */
};

static struct bench bench;

static void set_candidates(int64_t first, int64_t n)
{
    g_array_set_size(bench.candidates, 0);
    for (int64_t id = first; id < first + n; id++)
        g_array_append_val(bench.candidates, id);
}

static void setup(void)
{
    bench.book = slot_book_new();
    bench.inc = BOOT "-1";
    bench.snap = snapshot_of("LLN", "");
    stores_find(bench.snap, &bench.stores);
    bench.candidates = g_array_new(FALSE, FALSE, sizeof(int64_t));
    bench.seen = g_string_new(NULL);
    set_candidates(101, 4);
}

static void teardown(void)
{
    slot_book_free(bench.book);
    snapshot_unref(bench.snap);
    g_array_unref(bench.candidates);
    (void)g_string_free(bench.seen, TRUE);
}

static char *pick(int64_t now_ms)
{
    g_autoptr(GArray) hosts = g_array_new(FALSE, FALSE, sizeof(int64_t));
    GString *text = g_string_new(NULL);

    slot_book_pick(bench.book, &bench.stores, bench.candidates, now_ms, hosts);
    for (guint i = 0; i < hosts->len; i++)
        g_string_append_printf(text, "%" G_GINT64_FORMAT " ", g_array_index(hosts, int64_t, i));
    return g_string_free(text, FALSE);
}

static void see(int64_t host, int32_t authority, const struct ha_slot_seen *seen, void *user)
{
    (void)user;
    ck_assert_int_eq(authority, slot_authority(STORE));
    ck_assert_uint_eq(seen->inc.boot, 0xaa);
    g_string_append_printf(bench.seen,
                           "%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT "@%" G_GINT64_FORMAT " ", host,
                           seen->seq, seen->asked_ms);
    ck_assert_int_eq(seen->length_ms, 20000);
}

/* reader reads one slot, of `host`; seq < 0: it cannot read. */
static void take(int64_t reader, int64_t host, int64_t seq, int64_t now_ms)
{
    struct ha_slot_read slot = { slot_of_host(host), host, (char[]){ BOOT "-1" }, seq, 20000 };
    struct ha_store_read store = { .authority = slot_authority(STORE),
                                   .ok = seq >= 0,
                                   .why = (char[]){ "Input/output error" },
                                   .age_ms = 50,
                                   .slots = &slot,
                                   .n_slots = 1 };
    const struct ha_reading slots = { &store, 1 };

    slot_book_take(bench.book, &(struct slot_reading){ reader, now_ms - 100, &slots }, now_ms, see,
                   NULL);
}

static void picks(int64_t now_ms, const char *expected)
{
    g_autofree char *text = pick(now_ms);

    ck_assert_str_eq(text, expected);
}

START_TEST(two_hosts_read_and_stay)
{
    setup();
    picks(T0, "101 102 ");
    take(101, 102, 1, T0 + 100);
    picks(T0 + 1000, "101 102 ");
    teardown();
}
END_TEST

START_TEST(a_reader_that_fails_makes_room_and_so_does_one_that_left)
{
    setup();
    picks(T0, "101 102 ");
    slot_book_fail(bench.book, 101, T0 + 100);
    picks(T0 + 1000, "103 102 ");
    take(102, 101, -1, T0 + 1100);
    picks(T0 + 2000, "103 104 ");
    set_candidates(101, 3);
    picks(T0 + 7000, "103 101 "); /* 101's pause is over */
    teardown();
}
END_TEST

START_TEST(a_store_is_asked_for_though_everybody_fails)
{
    setup();
    picks(T0, "101 102 ");
    for (int64_t id = 101; id <= 104; id++)
        take(id, 102, -1, T0 + 100);
    picks(T0 + 1000, "103 104 ");
    picks(T0 + 2000, "101 102 ");
    teardown();
}
END_TEST

START_TEST(a_host_alone_is_asked_alone)
{
    setup();
    set_candidates(101, 1);
    picks(T0, "101 ");
    set_candidates(101, 0);
    picks(T0 + 1000, "");
    teardown();
}
END_TEST

/* ---- what they read ---------------------------------------------------------------------------
 */

START_TEST(a_slot_is_told_as_of_the_question_less_its_age_and_never_by_its_own_host)
{
    setup();
    picks(T0, "101 102 ");
    take(101, 102, 5, T0 + 100);
    take(102, 102, 6, T0 + 100);  /* its own */
    take(101, 102, -1, T0 + 200); /* not ok */
    ck_assert_str_eq(bench.seen->str, "102:5@99950 ");
    teardown();
}
END_TEST

START_TEST(a_host_whose_slot_stands_still_lacks_the_datastore_until_it_moves)
{
    const int32_t authority = slot_authority(STORE);

    setup();
    picks(T0, "101 102 ");
    take(101, 102, 5, T0);
    for (int64_t at = T0 + 1000; at <= T0 + 20000; at += 1000) {
        take(101, 102, 5, at);
        ck_assert_msg(slot_book_lacks(bench.book, 102, authority, at) == (at > T0 + 8000),
                      "after %d ms", (int)(at - T0));
    }
    ck_assert(!slot_book_lacks(bench.book, 101, authority, T0 + 20000));
    take(101, 102, 6, T0 + 21000);
    ck_assert(!slot_book_lacks(bench.book, 102, authority, T0 + 21000));
    teardown();
}
END_TEST

START_TEST(a_slot_that_nobody_reads_says_nothing)
{
    setup();
    picks(T0, "101 102 ");
    take(101, 102, 5, T0);
    ck_assert(!slot_book_lacks(bench.book, 102, slot_authority(STORE), T0 + 60000));
    ck_assert(!slot_book_lacks(bench.book, 103, slot_authority(STORE), T0 + 60000));
    ck_assert(!slot_book_lacks(bench.book, 102, slot_authority(9), T0 + 60000));
    teardown();
}
END_TEST

/* What stands in a file: host ids of slots that move, in one that `reader` reads. */
static void read_file(int64_t reader, const char *moving, int64_t now_ms)
{
    g_autofree char *inc = g_strdup(bench.inc);
    struct ha_slot_read slots[4] = { 0 };
    struct ha_store_read store = { .authority = slot_authority(STORE), .ok = true };
    const struct ha_reading read = { &store, 1 };

    store.slots = slots;
    for (; *moving; moving++)
        slots[store.n_slots++] = (struct ha_slot_read){ slot_of_host(100 + *moving - '0'),
                                                        100 + *moving - '0', inc, now_ms, 20000 };
    slot_book_take(bench.book, &(struct slot_reading){ reader, now_ms - 100, &read }, now_ms, see,
                   NULL);
}

struct unseen_row {
    int n_hosts;
    const char *files[4]; /* of each host: the slots that move in what it reads */
    const char *readers;  /* those asked after a minute */
    const char *unseen;   /* whose readings do not count then */
    bool counts;          /* somebody's does */
};

static const struct unseen_row unseen_rows[] = {
    { 3, { "123", "123", "123" }, "101 102 ", "", true },
    { 3, { "1", "23", "23" }, "103 102 ", "1", true }, /* 101 has a folder of its own */
    { 3, { "13", "2", "13" }, "103 101 ", "2", true },
    { 4, { "1", "2", "34", "34" }, "103 104 ", "12", true },
    { 4, { "12", "12", "34", "34" }, "101 102 ", "34", true }, /* nobody can tell */
    { 2, { "12", "12" }, "101 102 ", "", true },
    { 2, { "13", "23" }, "101 102 ", "12", false }, /* neither counts */
    { 1, { "12" }, "101 ", "", true },
};

START_TEST(a_reader_whose_own_slot_no_other_sees_makes_room_and_does_not_count)
{
    const struct unseen_row *row = &unseen_rows[_i];
    const int64_t end_ms = T0 + 60000;

    setup();
    set_candidates(101, row->n_hosts);
    for (int64_t at = T0; at <= end_ms; at += 1000) {
        g_autoptr(GArray) hosts = g_array_new(FALSE, FALSE, sizeof(int64_t));

        slot_book_pick(bench.book, &bench.stores, bench.candidates, at, hosts);
        g_string_truncate(bench.seen, 0);
        for (guint i = 0; i < hosts->len; i++) {
            const int64_t host = g_array_index(hosts, int64_t, i);
            read_file(host, row->files[host - 101], at + 100);
        }
    }
    picks(end_ms, row->readers);
    for (int i = 0; i < row->n_hosts; i++)
        ck_assert(slot_book_is_unseen(bench.book, 101 + i, slot_authority(STORE), end_ms) ==
                  (strchr(row->unseen, '1' + i) != NULL));
    ck_assert((bench.seen->len > 0) == row->counts);
    teardown();
}
END_TEST

START_TEST(a_reader_counts_as_the_incarnation_that_another_one_saw)
{
    const int32_t authority = slot_authority(STORE);

    setup();
    set_candidates(101, 2);
    picks(T0, "101 102 ");
    for (int64_t at = T0; at <= T0 + 30000; at += 1000) {
        read_file(101, "1", at); /* its datastore is not mounted */
        read_file(102, "2", at);
    }
    ck_assert(slot_book_is_unseen(bench.book, 101, authority, T0 + 30000));
    ck_assert(slot_book_is_unseen(bench.book, 102, authority, T0 + 30000));
    for (int64_t at = T0 + 31000; at <= T0 + 32000; at += 1000) {
        read_file(101, "12", at);
        read_file(102, "12", at);
    }
    for (int64_t at = T0 + 33000; at <= T0 + 60000; at += 1000) {
        bench.inc = BOOT "-2"; /* it lost its datastore, and says so by its next life */
        read_file(101, "1", at);
        bench.inc = BOOT "-1";
        read_file(102, "2", at);
    }
    ck_assert(slot_book_is_unseen(bench.book, 101, authority, T0 + 60000));
    ck_assert(!slot_book_is_unseen(bench.book, 102, authority, T0 + 60000));
    for (int64_t at = T0 + 61000; at <= T0 + 90000; at += 1000)
        read_file(102, "2", at); /* 101 has died */
    ck_assert(!slot_book_is_unseen(bench.book, 102, authority, T0 + 90000));
    teardown();
}
END_TEST

START_TEST(a_reader_that_cannot_read_what_another_can_lacks_it)
{
    const int32_t authority = slot_authority(STORE);

    setup();
    picks(T0, "101 102 ");
    for (int64_t at = T0; at <= T0 + 9000; at += 1000) {
        take(101, 103, at, at);
        take(102, 103, -1, at);
    }
    ck_assert(slot_book_lacks(bench.book, 102, authority, T0 + 9000));
    ck_assert_str_eq(slot_book_why(bench.book, 102, authority), "Input/output error");
    ck_assert(!slot_book_lacks(bench.book, 103, authority, T0 + 9000));
    take(102, 103, T0 + 10000, T0 + 10000);
    ck_assert(!slot_book_lacks(bench.book, 102, authority, T0 + 10000));
    ck_assert_str_eq(slot_book_why(bench.book, 102, authority), "");
    teardown();
}
END_TEST

START_TEST(a_reader_that_is_not_asked_again_has_the_datastore_when_its_slot_moves)
{
    const int32_t authority = slot_authority(STORE);

    setup();
    picks(T0, "101 102 ");
    take(101, 102, 5, T0);
    take(102, 101, -1, T0 + 1000);
    for (int64_t at = T0 + 1000; at <= T0 + 30000; at += 1000)
        take(101, 102, 5, at);
    ck_assert(slot_book_lacks(bench.book, 102, authority, T0 + 30000));
    take(101, 102, 6, T0 + 31000);
    ck_assert(!slot_book_lacks(bench.book, 102, authority, T0 + 31000));
    teardown();
}
END_TEST

START_TEST(a_datastore_that_nobody_can_read_any_more_is_lost_for_all)
{
    const int32_t authority = slot_authority(STORE);

    setup();
    picks(T0, "101 102 ");
    take(101, 102, -1, T0); /* nobody ever could: that says nothing of the hosts */
    ck_assert(!slot_book_lacks(bench.book, 104, authority, T0 + 9000));
    take(101, 102, 1, T0 + 10000);
    take(101, 102, -1, T0 + 11000);
    ck_assert(!slot_book_lacks(bench.book, 104, authority, T0 + 11000));
    take(102, 101, -1, T0 + 18000);
    ck_assert(slot_book_lacks(bench.book, 104, authority, T0 + 18000));
    take(102, 101, 1, T0 + 19000);
    ck_assert(!slot_book_lacks(bench.book, 104, authority, T0 + 19000));
    teardown();
}
END_TEST

SUITE_MAIN("slots", SUITE_LOOP(the_first_seven_shared_datastores_have_slots, store_rows),
           SUITE_LOOP(a_datastore_by_which_a_vm_lives_keeps_its_slots, keep_rows),
           SUITE_LOOP(a_vm_is_protected_by_its_first_datastore_with_slots, protector_rows),
           SUITE_TEST(an_authority_of_a_datastore_that_is_gone_has_a_name),
           SUITE_TEST(two_hosts_read_and_stay),
           SUITE_TEST(a_reader_that_fails_makes_room_and_so_does_one_that_left),
           SUITE_TEST(a_store_is_asked_for_though_everybody_fails),
           SUITE_TEST(a_host_alone_is_asked_alone),
           SUITE_TEST(a_slot_is_told_as_of_the_question_less_its_age_and_never_by_its_own_host),
           SUITE_TEST(a_host_whose_slot_stands_still_lacks_the_datastore_until_it_moves),
           SUITE_TEST(a_slot_that_nobody_reads_says_nothing),
           SUITE_LOOP(a_reader_whose_own_slot_no_other_sees_makes_room_and_does_not_count,
                      unseen_rows),
           SUITE_TEST(a_reader_counts_as_the_incarnation_that_another_one_saw),
           SUITE_TEST(a_reader_that_cannot_read_what_another_can_lacks_it),
           SUITE_TEST(a_reader_that_is_not_asked_again_has_the_datastore_when_its_slot_moves),
           SUITE_TEST(a_datastore_that_nobody_can_read_any_more_is_lost_for_all))
