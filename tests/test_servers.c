/* test_servers.c - a connection string with several servers is taken apart rightly, or refused. */
#include "config.h"

#include "db/db.h"
#include "db/servers.h"
#include "tests/suite.h"

static const struct {
    const char *conninfo;
    const char *parts[4];
} readable[] = {
    { "dbname=vrm", { "dbname='vrm'" } },
    { "", { "" } },
    { "host=10.0.0.1 port=5432 dbname=vrm", { "dbname='vrm' host='10.0.0.1' port='5432'" } },
    { "host=a,b,c port=5432 user=u",
      { "user='u' host='a' port='5432'", "user='u' host='b' port='5432'",
        "user='u' host='c' port='5432'" } },
    { "host=a,b port=1,2", { "host='a' port='1'", "host='b' port='2'" } },
    { "host=a,b port=1,", { "host='a' port='1'", "host='b'" } },
    { "hostaddr=10.0.0.1,10.0.0.2 port=7",
      { "hostaddr='10.0.0.1' port='7'", "hostaddr='10.0.0.2' port='7'" } },
    { "host=a,b hostaddr=10.0.0.1,10.0.0.2",
      { "host='a' hostaddr='10.0.0.1'", "host='b' hostaddr='10.0.0.2'" } },
    { "host=a, password='it\\'s a \\\\'",
      { "password='it\\'s a \\\\' host='a'", "password='it\\'s a \\\\'" } },
    { "postgresql://u:p@a:1,b:2/vrm",
      { "user='u' password='p' dbname='vrm' host='a' port='1'",
        "user='u' password='p' dbname='vrm' host='b' port='2'" } },
    { "host=a,b target_session_attrs=primary",
      { "host='a' target_session_attrs='primary'", "host='b' target_session_attrs='primary'" } },
    { "host=a target_session_attrs=any", { "host='a' target_session_attrs='any'" } },
};

START_TEST(each_server_has_its_own_part_of_the_lists)
{
    struct server_line line = { 0 };
    GError *error = NULL;
    g_autoptr(Servers) servers = servers_new(readable[_i].conninfo, &line, &error);
    size_t n = 0;

    suite_no_error(error);
    ck_assert_ptr_null(servers_wrong(readable[_i].conninfo));
    while (n < G_N_ELEMENTS(readable[_i].parts) && readable[_i].parts[n])
        n++;
    ck_assert_uint_eq(servers_count(servers), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(servers_conninfo(servers, i), readable[_i].parts[i]);
}
END_TEST

static const struct {
    const char *conninfo, *want;
} wrong[] = {
    { "host=a,b port=1,2,3", "as many ports (3) as servers (2)" },
    { "port=1,2", "as many ports (2) as servers (1)" },
    { "host=a,b hostaddr=10.0.0.1", "as many items in host (2) as in hostaddr (1)" },
    { "host=a,b target_session_attrs=any", "target_session_attrs=read-write" },
    { "host=a,b target_session_attrs=standby", "not standby" },
    { "host=a,,,,,,,,,,,,,,,,q", "at most 16 servers, not 17" },
    { "hots=a,b", "hots" },
    { "nonsense", "key=value" },
};

START_TEST(lists_that_do_not_fit_are_refused_with_what_is_wanted)
{
    struct server_line line = { 0 };
    GError *error = NULL;
    g_autofree char *want = servers_wrong(wrong[_i].conninfo);

    ck_assert_ptr_nonnull(want);
    ck_assert_msg(strstr(want, wrong[_i].want) != NULL, "\"%s\" is not in: %s", wrong[_i].want,
                  want);
    ck_assert_ptr_null(servers_new(wrong[_i].conninfo, &line, &error));
    ck_assert_str_eq(err_field(error), "conninfo");
    suite_take_error(&error, VRM_ERR_INVALID, wrong[_i].want);
}
END_TEST

SUITE_MAIN("servers", SUITE_LOOP(each_server_has_its_own_part_of_the_lists, readable),
           SUITE_LOOP(lists_that_do_not_fit_are_refused_with_what_is_wanted, wrong))
