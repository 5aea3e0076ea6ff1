/* test_json.c - bounds of the parser and the tolerance of the readers. */
#include "config.h"

#include "base/json.h"

#include "tests/suite.h"

static json_t *must_parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    json_t *value = json_parse(text, strlen(text), &error);

    suite_no_error(error);
    return value;
}

/* n times open, n times close. */
static char *nested(const char *open, const char *inside, const char *close, int n)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < n; i++)
        g_string_append(text, open);
    g_string_append(text, inside);
    for (int i = 0; i < n; i++)
        g_string_append(text, close);
    return g_string_free(text, FALSE);
}

START_TEST(what_is_parsed_prints_the_same)
{
    static const char text[] =
        "{\"b\":1,\"a\":[true,null,-5,\"\xc3\xa9\\n\"],\"c\":{\"x\":1.5},\"d\":{}}";
    g_autoptr(json_t) value = must_parse(text);
    g_autofree char *again = json_format(value);

    ck_assert_str_eq(again, text);
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} broken[] = {
    { "", "not JSON" },
    { "{", "not JSON: line 1" },
    { "{\"a\":1,\"a\":2}", "duplicate" },
    { "{\"a\":1} x", "end of file expected" },
    { "{\n\"a\": nul\n}", "line 2" },
    { "[1,]", "not JSON" },
    { "\"\\u0000\"", "not JSON" },
    { "\"\xff\"", "not JSON" },
    { "99999999999999999999", "too big" },
    { "1e999", "not JSON" },
    { "]]]]", "not JSON" },
    { "\"abc", "not JSON" },
    { "\"abc\\", "not JSON" },
};

START_TEST(broken_text_is_refused)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(json_parse(broken[_i].text, strlen(broken[_i].text), &error));
    suite_take_error(&error, VRM_ERR_INVALID, broken[_i].message);
}
END_TEST

static const struct {
    const char *open, *inside, *close;
} nests[] = {
    { "[", "", "]" },
    { "{\"a\":", "1", "}" },
};

START_TEST(nesting_is_bounded_exactly)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *good =
        nested(nests[_i].open, nests[_i].inside, nests[_i].close, JSON_MAX_NESTING);
    g_autofree char *bad =
        nested(nests[_i].open, nests[_i].inside, nests[_i].close, JSON_MAX_NESTING + 1);
    g_autoptr(json_t) value = must_parse(good);

    ck_assert_ptr_nonnull(value);
    ck_assert_ptr_null(json_parse(bad, strlen(bad), &error));
    suite_take_error(&error, VRM_ERR_INVALID, "nested deeper than 32");
}
END_TEST

START_TEST(brackets_in_strings_do_not_nest)
{
    g_autofree char *inside = nested("[{\\\"", "", "", 40);
    g_autofree char *text = g_strdup_printf("\"%s\"", inside);
    g_autoptr(json_t) value = must_parse(text);

    ck_assert(json_is_string(value));
}
END_TEST

START_TEST(only_len_bytes_are_read)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = json_parse("12345]]]", 5, &error);

    suite_no_error(error);
    ck_assert_int_eq(json_integer_value(value), 12345);
}
END_TEST

START_TEST(keys_match_in_any_case_but_the_exact_one_wins)
{
    g_autoptr(json_t) body = must_parse("{\"QUANTITYMB\":1,\"quantityMb\":2,\"x\":null,\"Y\":3}");
    struct json_reader reader;
    int64_t value = 0;

    json_reader_init(&reader, body);
    ck_assert(json_read_int(&reader, "quantityMb", 0, 9, &value, NULL));
    ck_assert_int_eq(value, 2);
    ck_assert(json_read_int(&reader, "quantityMB", 0, 9, &value, NULL));
    ck_assert_int_eq(value, 1);
    ck_assert(json_has(&reader, "y"));
    ck_assert(!json_has(&reader, "X"));
    ck_assert(!json_has(&reader, "z"));
}
END_TEST

static const struct {
    const char *json;
    bool good;
    int64_t value;
    const char *message;
} ints[] = {
    { "5", true, 5, NULL },
    { "\"5\"", true, 5, NULL },
    { "\"+5\"", true, 5, NULL },
    { "\"-5\"", true, -5, NULL },
    { "-10", true, -10, NULL },
    { "100", true, 100, NULL },
    { "null", true, 77, NULL },
    { "101", false, 0, "n = 101: want an integer -10..100" },
    { "-11", false, 0, "n = -11: want an integer -10..100" },
    { "5.0", false, 0, "n = 5.0: want an integer" },
    { "\"5.0\"", false, 0, "n = \"5.0\"" },
    { "\"\"", false, 0, "n = \"\"" },
    { "\" 5\"", false, 0, "n = \" 5\"" },
    { "\"5 \"", false, 0, "n = \"5 \"" },
    { "\"+-5\"", false, 0, "n = " },
    { "\"99999999999999999999\"", false, 0, "n = " },
    { "true", false, 0, "n = true" },
    { "[1]", false, 0, "n = [1]" },
    { "{}", false, 0, "n = {}" },
};

START_TEST(an_integer_is_an_integer_in_range)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("{\"n\":%s}", ints[_i].json);
    g_autoptr(json_t) body = must_parse(text);
    struct json_reader reader;
    int64_t value = 77;

    json_reader_init(&reader, body);
    ck_assert(json_read_int(&reader, "n", -10, 100, &value, &error) == ints[_i].good);
    ck_assert_int_eq(value, ints[_i].good ? ints[_i].value : 77);
    if (ints[_i].good)
        return;
    ck_assert_str_eq(err_field(error), "n");
    suite_take_error(&error, VRM_ERR_INVALID, ints[_i].message);
}
END_TEST

static const struct {
    const char *json;
    int value; /* -1: refused */
} bools[] = {
    { "true", 1 }, { "false", 0 }, { "\"true\"", 1 }, { "\"True\"", 1 }, { "\"FALSE\"", 0 },
    { "1", 1 },    { "0", 0 },     { "\"1\"", 1 },    { "\"0\"", 0 },    { "2", -1 },
    { "-1", -1 },  { "1.0", -1 },  { "\"yes\"", -1 }, { "\"\"", -1 },    { "[]", -1 },
};

START_TEST(a_boolean_has_few_spellings)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("{\"b\":%s}", bools[_i].json);
    g_autoptr(json_t) body = must_parse(text);
    struct json_reader reader;
    bool value = bools[_i].value == 0; /* the opposite */

    json_reader_init(&reader, body);
    ck_assert(json_read_bool(&reader, "b", &value, &error) == (bools[_i].value >= 0));
    if (bools[_i].value >= 0)
        ck_assert_int_eq(value, bools[_i].value);
    else
        suite_take_error(&error, VRM_ERR_INVALID, "want true or false");
}
END_TEST

static const struct {
    const char *json;
    bool good;
    const char *value;
} strings[] = {
    { "\"web\"", true, "web" },
    { "\"\"", true, "" },
    { "null", true, "old" },
    { "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"", true,
      "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" },
    { "\"sixsix\"", false, NULL },
    { "\"a\\nb\"", false, NULL },
    { "\"a\\u007f\"", false, NULL },
    { "\"\\u0085\"", false, NULL },
    { "5", false, NULL },
    { "{\"a\":1}", false, NULL },
};

START_TEST(a_string_is_short_and_has_no_control_characters)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("{\"s\":%s}", strings[_i].json);
    g_autofree char *value = g_strdup("old");
    g_autoptr(json_t) body = must_parse(text);
    struct json_reader reader;

    json_reader_init(&reader, body);
    ck_assert(json_read_string(&reader, "s", 5, &value, &error) == strings[_i].good);
    ck_assert_str_eq(value, strings[_i].good ? strings[_i].value : "old");
    if (!strings[_i].good)
        suite_take_error(&error, VRM_ERR_INVALID, "want text of at most 5 characters");
}
END_TEST

START_TEST(a_message_names_the_full_path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) body =
        must_parse("{\"vmConfig\":{\"disks\":[{\"quantityGB\":0},7],\"cpu\":3}}");
    struct json_reader reader, config, disk, cpu;
    const json_t *disks = NULL;
    int64_t value = -1;

    json_reader_init(&reader, body);
    ck_assert(json_read_object(&reader, "vmconfig", &config, &error));
    ck_assert(json_read_array(&config, "disks", 2, &disks, &error));
    ck_assert(json_read_element(&config, "disks", disks, 0, &disk, &error));
    ck_assert(!json_read_int(&disk, "quantityGB", 1, 64, &value, &error));
    ck_assert_str_eq(err_field(error), "vmconfig.disks[0].quantityGB");
    suite_take_error(&error, VRM_ERR_INVALID, "vmconfig.disks[0].quantityGB = 0: want");
    ck_assert(!json_read_element(&config, "disks", disks, 1, &disk, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "vmconfig.disks[1] = 7: want an object");
    ck_assert(!json_read_element(&config, "disks", disks, 2, &disk, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "disks[2]");
    ck_assert(!json_read_object(&config, "cpu", &cpu, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "vmconfig.cpu = 3: want an object");
    ck_assert(!json_read_array(&config, "cpu", 2, &disks, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "want an array");
    ck_assert(!json_read_array(&config, "disks", 1, &disks, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "has 2 items: want at most 1");
    ck_assert(!json_refuse(&config, "name", "a name", &error));
    suite_take_error(&error, VRM_ERR_INVALID, "vmconfig.name is missing: want a name");
}
END_TEST

START_TEST(nothing_there_leaves_everything)
{
    g_autoptr(GError) error = NULL;
    struct json_reader reader, child;
    const json_t *array = (const json_t *)&reader;
    char *text = NULL;
    int64_t number = 3;
    bool flag = true;

    json_reader_init(&reader, NULL);
    ck_assert(json_read_object(&reader, "a", &child, &error));
    ck_assert_ptr_null(child.object);
    ck_assert(json_read_array(&child, "b", 5, &array, &error));
    ck_assert_ptr_null(array);
    ck_assert(json_read_int(&child, "c", 0, 1, &number, &error));
    ck_assert(json_read_bool(&child, "d", &flag, &error));
    ck_assert(json_read_string(&child, "e", 5, &text, &error));
    ck_assert_int_eq(number, 3);
    ck_assert(flag);
    ck_assert_ptr_null(text);
    suite_no_error(error);
}
END_TEST

START_TEST(a_long_value_is_cut_in_the_message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *filler = g_strnfill(5000, 'x');
    g_autofree char *text = g_strdup_printf("{\"n\":\"%s\"}", filler);
    g_autoptr(json_t) body = must_parse(text);
    struct json_reader reader;
    int64_t value;

    json_reader_init(&reader, body);
    ck_assert(!json_read_int(&reader, "n", 0, 1, &value, &error));
    ck_assert_uint_lt(strlen(error->message), 100);
    suite_take_error(&error, VRM_ERR_INVALID, "xxx...: want");
}
END_TEST

static const struct {
    const char *text, *said; /* said NULL: good */
} twins[] = {
    { "{\"a\":1,\"b\":{\"a\":1},\"c\":[{\"a\":1},{\"A\":1}]}", NULL },
    { "[1,\"a\",\"A\"]", NULL },
    { "{\"name\":1,\"NAME\":2}", "the keys \"name\" and \"NAME\" are the same" },
    { "{\"x\":[0,{\"aB\":1,\"c\":2,\"Ab\":3}]}", "x[1].Ab: the keys \"aB\" and \"Ab\"" },
};

START_TEST(keys_that_differ_only_in_case_are_refused_at_any_depth)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) root = json_parse(twins[_i].text, strlen(twins[_i].text), &error);

    ck_assert_int_eq(json_refuse_twins(root, &error), !twins[_i].said);
    if (twins[_i].said)
        suite_take_error(&error, VRM_ERR_INVALID, twins[_i].said);
}
END_TEST

SUITE_MAIN("json", SUITE_TEST(what_is_parsed_prints_the_same),
           SUITE_LOOP(broken_text_is_refused, broken),
           SUITE_LOOP(nesting_is_bounded_exactly, nests),
           SUITE_TEST(brackets_in_strings_do_not_nest), SUITE_TEST(only_len_bytes_are_read),
           SUITE_TEST(keys_match_in_any_case_but_the_exact_one_wins),
           SUITE_LOOP(an_integer_is_an_integer_in_range, ints),
           SUITE_LOOP(a_boolean_has_few_spellings, bools),
           SUITE_LOOP(a_string_is_short_and_has_no_control_characters, strings),
           SUITE_TEST(a_message_names_the_full_path), SUITE_TEST(nothing_there_leaves_everything),
           SUITE_TEST(a_long_value_is_cut_in_the_message),
           SUITE_LOOP(keys_that_differ_only_in_case_are_refused_at_any_depth, twins))
