/* test_id.c - names of things on the wire. */
#include "config.h"

#include "model/id.h"

#include "tests/suite.h"

#define SITE "43BC08E8"

static const struct {
    enum object_kind kind;
    int64_t id;
    const char *urn;
} names[] = {
    { OBJECT_SITE, 0, "urn:sites:" SITE },
    { OBJECT_CLUSTER, 117, "urn:sites:" SITE ":clusters:117" },
    { OBJECT_HOST, 112, "urn:sites:" SITE ":hosts:112" },
    { OBJECT_VM, 1, "urn:sites:" SITE ":vms:i-00000001" },
    { OBJECT_VM, 0x1A, "urn:sites:" SITE ":vms:i-0000001A" },
    { OBJECT_VM, UINT32_MAX, "urn:sites:" SITE ":vms:i-FFFFFFFF" },
    { OBJECT_TASK, INT64_MAX, "urn:sites:" SITE ":tasks:9223372036854775807" },
    { OBJECT_DATASTORE, 4, "urn:sites:" SITE ":datastores:4" },
    { OBJECT_VOLUME, 12, "urn:sites:" SITE ":volumes:12" },
    { OBJECT_DVSWITCH, 1, "urn:sites:" SITE ":dvswitchs:1" },
    { OBJECT_USER, 7, "urn:sites:" SITE ":users:7" },
};

/* Clients make one from the other by replacing ':' and the first word. */
static char *uri_of(const char *urn)
{
    char *uri = g_strconcat("/service", urn + strlen("urn"), NULL);

    g_strdelimit(uri, ":", '/');
    return uri;
}

START_TEST(an_object_has_one_urn_and_one_uri)
{
    g_autofree char *urn = urn_format(SITE, names[_i].kind, names[_i].id);
    g_autofree char *uri = uri_format(SITE, names[_i].kind, names[_i].id);
    g_autofree char *mapped = uri_of(urn);

    ck_assert_str_eq(urn, names[_i].urn);
    ck_assert_str_eq(uri, mapped);
}
END_TEST

START_TEST(both_forms_are_read_back)
{
    g_autofree char *uri = uri_of(names[_i].urn);
    const char *const texts[] = { names[_i].urn, uri };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        enum object_kind kind = OBJECT_USER;
        int64_t id = -1, any = -1;

        ck_assert(urn_parse(texts[i], SITE, names[_i].kind, &id));
        ck_assert_int_eq(id, names[_i].id);
        ck_assert(urn_parse(texts[i], "43bc08e8", names[_i].kind, &id));
        ck_assert(urn_parse_any(texts[i], SITE, &kind, &any));
        ck_assert_int_eq(any, names[_i].id);
        ck_assert_int_eq(kind, names[_i].kind);
        for (size_t other = 0; other < N_OBJECT_KINDS; other++) {
            if (other != (size_t)names[_i].kind)
                ck_assert(!urn_parse(texts[i], SITE, (enum object_kind)other, &id));
        }
    }
}
END_TEST

START_TEST(children_stand_below_their_parent)
{
    g_autofree char *urn = urn_format_child(SITE, OBJECT_CLUSTER, 117, OBJECT_GROUP, 3);
    g_autofree char *uri = uri_format_child(SITE, OBJECT_CLUSTER, 117, OBJECT_RECOMMENDATION, 40);
    enum object_kind kind;
    int64_t id = 0;

    ck_assert_str_eq(urn, "urn:sites:" SITE ":clusters:117:resourcegroups:3");
    ck_assert_str_eq(uri, "/service/sites/" SITE "/clusters/117/drsrecommendations/40");
    ck_assert(urn_parse(urn, SITE, OBJECT_GROUP, &id));
    ck_assert_int_eq(id, 3);
    ck_assert(urn_parse(uri, SITE, OBJECT_RECOMMENDATION, &id));
    ck_assert_int_eq(id, 40);
    ck_assert(!urn_parse(urn, SITE, OBJECT_CLUSTER, &id));
    ck_assert(!urn_parse_any(urn, SITE, &kind, &id));
}
END_TEST

static const char *const wrong_names[] = {
    "",
    "urn",
    "urn:",
    "urn:sites",
    "urn:sites:",
    "urn:sites:43BC08E",
    "urn:sites:43BC08E80",
    "urn:sites:00000000:hosts:1",
    "urn:sites:" SITE ":",
    "urn:sites:" SITE ":hosts",
    "urn:sites:" SITE ":hosts:",
    "urn:sites:" SITE ":hosts:1:",
    "urn:sites:" SITE ":hosts:0",
    "urn:sites:" SITE ":hosts:-1",
    "urn:sites:" SITE ":hosts:+1",
    "urn:sites:" SITE ":hosts: 1",
    "urn:sites:" SITE ":hosts:1 ",
    "urn:sites:" SITE ":hosts:01",
    "urn:sites:" SITE ":hosts:1x",
    "urn:sites:" SITE ":hosts:0x1",
    "urn:sites:" SITE ":hosts:9223372036854775808",
    "urn:sites:" SITE ":hosts:99999999999999999999999999",
    "urn:sites:" SITE ":hosts:i-00000001",
    "urn:sites:" SITE ":hosts/1",
    "urn:sites:" SITE ":Hosts:1",
    "urn:sites:" SITE ":planets:1",
    "urn:sites:" SITE ":sites:1",
    "urn:sites:" SITE ":vms:1",
    "urn:sites:" SITE ":vms:i-00000000",
    "urn:sites:" SITE ":vms:i-0000001",
    "urn:sites:" SITE ":vms:i-000000001",
    "urn:sites:" SITE ":vms:i-0000000G",
    "urn:sites:" SITE ":vms:I-00000001",
    "urn:sites:" SITE "::hosts:1",
    "urn:sites:" SITE ":clusters:1:hosts:2:vms:i-00000001",
    "urn:/sites/" SITE "/hosts/1",
    "urnsites:" SITE ":hosts:1",
    "URN:sites:" SITE ":hosts:1",
    "/sites/" SITE "/hosts/1",
    "/service/sites/" SITE "/hosts/1/",
    "/service//sites/" SITE "/hosts/1",
    "/service:sites:" SITE ":hosts:1",
    "service/sites/" SITE "/hosts/1",
};

START_TEST(other_texts_are_refused_and_change_nothing)
{
    enum object_kind any_kind = OBJECT_USER;
    int64_t id = 99;

    for (size_t kind = 0; kind < N_OBJECT_KINDS; kind++)
        ck_assert_msg(!urn_parse(wrong_names[_i], SITE, (enum object_kind)kind, &id), "%s taken",
                      wrong_names[_i]);
    ck_assert(!urn_parse_any(wrong_names[_i], SITE, &any_kind, &id));
    ck_assert_int_eq(id, 99);
    ck_assert_int_eq(any_kind, OBJECT_USER);
}
END_TEST

START_TEST(null_is_no_name)
{
    enum object_kind kind;
    int64_t id;

    ck_assert(!urn_parse(NULL, SITE, OBJECT_VM, &id));
    ck_assert(!urn_parse_any(NULL, SITE, &kind, &id));
    ck_assert(!object_id_parse(OBJECT_VM, NULL, &id));
    ck_assert(!object_kind_parse(NULL, &kind));
    ck_assert(!site_id_valid(NULL));
}
END_TEST

START_TEST(the_last_segment_alone_is_read_and_written)
{
    g_autofree char *vm = object_id_format(OBJECT_VM, 26);
    g_autofree char *host = object_id_format(OBJECT_HOST, 26);
    int64_t id = 0;

    ck_assert_str_eq(vm, "i-0000001A");
    ck_assert_str_eq(host, "26");
    ck_assert(object_id_parse(OBJECT_VM, vm, &id) && id == 26);
    ck_assert(object_id_parse(OBJECT_VM, "i-0000001a", &id) && id == 26);
    ck_assert(object_id_parse(OBJECT_HOST, host, &id) && id == 26);
    ck_assert(!object_id_parse(OBJECT_HOST, vm, &id));
    ck_assert(!object_id_parse(OBJECT_VM, host, &id));
}
END_TEST

START_TEST(each_kind_has_a_segment_of_its_own)
{
    for (size_t i = 0; i < N_OBJECT_KINDS; i++) {
        enum object_kind kind;

        ck_assert(object_kind_parse(object_kind_segment((enum object_kind)i), &kind));
        ck_assert_int_eq(kind, i);
    }
}
END_TEST

START_TEST(a_site_id_is_eight_upper_case_hex_digits)
{
    static const char *const wrong[] = { "", "43BC08E", "43BC08E80", "43bc08e8", "43BC08EG" };

    ck_assert(site_id_valid(SITE));
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        ck_assert_msg(!site_id_valid(wrong[i]), "%s taken", wrong[i]);
}
END_TEST

SUITE_MAIN("id", SUITE_LOOP(an_object_has_one_urn_and_one_uri, names),
           SUITE_LOOP(both_forms_are_read_back, names),
           SUITE_TEST(children_stand_below_their_parent),
           SUITE_LOOP(other_texts_are_refused_and_change_nothing, wrong_names),
           SUITE_TEST(null_is_no_name), SUITE_TEST(the_last_segment_alone_is_read_and_written),
           SUITE_TEST(each_kind_has_a_segment_of_its_own),
           SUITE_TEST(a_site_id_is_eight_upper_case_hex_digits))
