/* test_devices.c - words of countable devices. */
#include "config.h"

#include "model/devices.h"
#include "tests/suite.h"

static const struct {
    const char *text, *format, *people;
    int64_t total;
} good[] = {
    { "", "", "none", 0 },
    { "gpu-t4:2", "gpu-t4:2", "2 of gpu-t4", 2 },
    { "  mdev-a.1:8   gpu:1 ", "gpu:1 mdev-a.1:8", "1 of gpu, 8 of mdev-a.1", 9 },
    { "gpu:1 gpu:2", "gpu:3", "3 of gpu", 3 },
    { "x:1024", "x:1024", "1024 of x", 1024 },
};

START_TEST(words_are_read_sorted_and_written_again)
{
    g_autoptr(Devices) devices = devices_parse(good[_i].text, NULL);
    g_autofree char *format = NULL, *people = NULL;

    ck_assert_ptr_nonnull(devices);
    format = devices_format(devices);
    people = devices_text(devices);
    ck_assert_str_eq(format, good[_i].format);
    ck_assert_str_eq(people, good[_i].people);
    ck_assert_int_eq(devices_total(devices), good[_i].total);
}
END_TEST

static const char *const bad[] = {
    "gpu",
    "gpu:",
    "gpu:0",
    "gpu:-1",
    "gpu:+1",
    "gpu:1x",
    ":1",
    "gp u:1",
    "gpu:1025",
    "g/pu:1",
    "gpu:1024 gpu:1",
    "gpu:1,",
    "gpu: 1",
    "g\xc3\xa4:1",
    "gpu:1\t2",
    "gpu:99999999999999999999",
};

START_TEST(a_wrong_word_is_named)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(devices_parse(bad[_i], &error));
    ck_assert_ptr_nonnull(strstr(error->message, "want NAME:COUNT"));
}
END_TEST

START_TEST(counts_are_found_by_name)
{
    g_autoptr(Devices) devices = devices_parse("b:2 a:1 mdev-c:3", NULL);

    ck_assert_int_eq(devices_count(devices, "a"), 1);
    ck_assert_int_eq(devices_count(devices, "b"), 2);
    ck_assert_int_eq(devices_count(devices, "c"), 0);
    ck_assert(devices_is_mdev(devices->items[2].name));
    ck_assert(!devices_is_mdev(devices->items[0].name));
}
END_TEST

START_TEST(there_is_a_bound_of_kinds)
{
    g_autoptr(Devices) devices = devices_parse("", NULL);

    for (int i = 0; i < DEVICES_MAX_KINDS; i++) {
        g_autofree char *name = g_strdup_printf("d%d", i);

        ck_assert(devices_add(devices, name, 1));
    }
    ck_assert(!devices_add(devices, "one-more", 1));
    ck_assert(devices_add(devices, "d7", 1));
}
END_TEST

SUITE_MAIN("devices", SUITE_LOOP(words_are_read_sorted_and_written_again, good),
           SUITE_LOOP(a_wrong_word_is_named, bad), SUITE_TEST(counts_are_found_by_name),
           SUITE_TEST(there_is_a_bound_of_kinds))
