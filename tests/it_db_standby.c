/* it_db_standby.c - what db/ promises about a synchronous standby and about several servers.
 *
 * The standby is one that never comes: a server that waits for it must not be believed. */
#include "config.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/pg.h"
#include "db/store_site.h"
#include "tests/it_db.h"

#define TIMEOUT_MS 1000L

static bool put_site(Db *db, void *data, GError **error)
{
    g_autoptr(Site) site = site_new();

    g_free(site->id);
    site->id = g_strdup("00000001");
    g_free(site->name);
    site->name = g_strdup(data);
    return store_site_put(db, site, error);
}

/* Through the socket, as the superuser. */
static char *as_superuser(const char *sql)
{
    g_autofree char *conninfo =
        g_strdup_printf("host=%s/pgsock port=%s user=postgres dbname=postgres",
                        g_getenv("VRM_SERVICES_DIR"), g_getenv("VRM_PG_PORT"));

    return scratch_sql(conninfo, sql);
}

/* Whom the server waits for before it answers to COMMIT; "": nobody.  Returns once that counts. */
static void wait_for_standby(const char *names)
{
    g_autofree char *sql =
        g_strdup_printf("ALTER SYSTEM SET synchronous_standby_names = '%s'", names);
    int64_t until_ms = clock_now_ms() + 10000;

    g_free(as_superuser(sql));
    g_free(as_superuser("SELECT pg_reload_conf()"));
    for (;;) {
        g_autofree char *shown = as_superuser("SHOW synchronous_standby_names");

        if (g_str_equal(shown, names))
            return;
        ck_assert_int_lt(clock_now_ms(), until_ms);
        poll(NULL, 0, 20);
    }
}

/* A migrated database whose server waits for nobody, also if the test before has failed. */
static Db *begin(char **ret_conninfo, int64_t timeout_ms)
{
    Db *db;

    wait_for_standby("");
    db_free(scratch_db(ret_conninfo));
    db = db_new(*ret_conninfo, timeout_ms);
    return db;
}

START_TEST(what_the_standby_has_not_confirmed_is_not_acknowledged)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = begin(&conninfo, TIMEOUT_MS);
    GError *error = NULL;
    char first[] = "first", second[] = "second";
    int64_t start_ms;
    bool ok;

    must_write(db, put_site, first);
    wait_for_standby("nobody");
    start_ms = clock_now_ms();
    ok = db_write(db, 1, put_site, second, &error);
    ck_assert_int_lt(clock_now_ms() - start_ms, 8 * TIMEOUT_MS);
    ck_assert(!ok);
    suite_take_error(&error, VRM_ERR_TIMEOUT, "waits for a synchronous standby");
    ck_assert(!db_take_epoch(db, 1, &error)); /* nor can anybody else be sure */
    g_clear_error(&error);
    wait_for_standby("");
    must_write(db, put_site, first);
}
END_TEST

/* In another process: once somebody waits for the standby, runs sql; later waits for nobody. */
static pid_t when_one_waits(const char *sql, int then_ms)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (;;) {
        g_autofree char *waits =
            as_superuser("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");

        if (!g_str_equal(waits, "0"))
            break;
        poll(NULL, 0, 10);
    }
    g_free(as_superuser(sql));
    poll(NULL, 0, then_ms);
    wait_for_standby("");
    _exit(0);
}

static void reap(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

START_TEST(a_confirmation_that_comes_in_time_is_an_acknowledgement)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = begin(&conninfo, 10000);
    char text[] = "late";
    pid_t pid;

    must_write(db, put_site, text);
    wait_for_standby("nobody");
    pid = when_one_waits("SELECT 1", 0);
    must_write(db, put_site, text);
    reap(pid);
}
END_TEST

/* PostgreSQL answers "COMMIT", with a warning, to a session that was told to wait no longer. */
START_TEST(a_wait_for_the_standby_that_somebody_cut_short_is_no_acknowledgement)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = begin(&conninfo, TIMEOUT_MS);
    GError *error = NULL;
    char text[] = "cut short";
    pid_t pid;
    bool ok;

    wait_for_standby("nobody");
    pid = when_one_waits(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        (int)(8 * TIMEOUT_MS));
    ok = db_write(db, 1, put_site, text, &error);
    ck_assert(!ok);
    suite_take_error(&error, VRM_ERR_TIMEOUT, "told not to wait");
    reap(pid);
    must_write(db, put_site, text);
}
END_TEST

static const struct {
    const char *set, *want;
} strengths[] = {
    { "off", "on" },
    { "local", "on" },
    { "remote_write", "on" },
    { "on", "on" },
    { "remote_apply", "remote_apply" },
};

START_TEST(a_session_is_never_weaker_than_the_promise)
{
    g_autofree char *conninfo = NULL;
    g_autofree char *sql = NULL, *shown = NULL, *database = NULL;

    wait_for_standby("");
    conninfo = scratch_conninfo();
    database = scratch_sql(conninfo, "SELECT current_database()");
    sql = g_strdup_printf("ALTER DATABASE %s SET synchronous_commit = %s", database,
                          strengths[_i].set);
    g_free(scratch_sql(conninfo, sql));
    shown = scratch_sql(conninfo, "SHOW synchronous_commit");
    ck_assert_str_eq(shown, strengths[_i].want);
}
END_TEST

/* ---- several servers ------------------------------------------------------------------------- */

/* A listener that never answers, or (silent false) whose port is closed again. */
static int start_trap(bool silent, int *ret_fd)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    if (silent)
        ck_assert_int_eq(listen(fd, 8), 0);
    *ret_fd = fd;
    return ntohs(address.sin_port);
}

static char *with_ports(const char *conninfo, int first, int second)
{
    return g_strdup_printf("%s host=127.0.0.1,127.0.0.1 port=%d,%d", conninfo, first, second);
}

static int real_port(void)
{
    return (int)g_ascii_strtoll(g_getenv("VRM_PG_PORT"), NULL, 10);
}

static const struct {
    bool silent, first;
} traps[] = { { true, true }, { true, false }, { false, true }, { false, false } };

START_TEST(a_dead_or_silent_server_does_not_hide_the_other)
{
    g_autofree char *conninfo = scratch_conninfo();
    int fd, trap = start_trap(traps[_i].silent, &fd);
    g_autofree char *both = with_ports(conninfo, traps[_i].first ? trap : real_port(),
                                       traps[_i].first ? real_port() : trap);
    g_autoptr(Db) db = db_new(both, 2 * TIMEOUT_MS);
    GError *error = NULL;
    bool ok = db_ping(db, &error);

    suite_no_error(error);
    ck_assert(ok);
    ck_assert(db_ping(db, &error));
    close(fd);
}
END_TEST

START_TEST(without_any_server_each_one_s_trouble_is_told)
{
    int closed_fd, silent_fd, closed = start_trap(false, &closed_fd),
                              silent = start_trap(true, &silent_fd);
    g_autofree char *both = with_ports("user=u dbname=d", closed, silent);
    g_autoptr(Db) db = db_new(both, TIMEOUT_MS);
    GError *error = NULL;
    int64_t start_ms = clock_now_ms();

    ck_assert(!db_ping(db, &error));
    ck_assert_int_lt(clock_now_ms() - start_ms, 4 * TIMEOUT_MS);
    ck_assert_ptr_nonnull(strstr(error->message, "server 1: "));
    ck_assert_ptr_nonnull(strstr(error->message, "refused"));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "server 2: PostgreSQL did not accept");
    close(closed_fd);
    close(silent_fd);
}
END_TEST

START_TEST(a_server_that_hangs_is_left_for_the_next_one)
{
    g_autofree char *conninfo = scratch_conninfo();
    g_autofree char *both = with_ports(conninfo, real_port(), real_port());
    g_autoptr(Db) db = db_new(both, TIMEOUT_MS);
    GError *error = NULL;

    ck_assert(db_ping(db, &error));
    services("pause");
    ck_assert(!db_ping(db, &error));
    services("resume");
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "server ");
    ck_assert(db_ping(db, &error));
}
END_TEST

/* A promotion was seen: whoever is on an older timeline is an old primary. */
START_TEST(an_old_primary_is_refused_also_by_connections_that_it_has)
{
    g_autofree char *conninfo = scratch_conninfo();
    struct server_line line = { 0 };
    g_autoptr(Db) db = db_new(conninfo, TIMEOUT_MS);
    GError *error = NULL;

    db_share_line(db, &line);
    ck_assert(db_ping(db, &error));
    ck_assert_int_eq(atomic_load(&line.newest), 1);
    atomic_store(&line.newest, 2);
    ck_assert(!db_ping(db, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "an old primary: it is on timeline 1");
}
END_TEST

SUITE_MAIN("db-standby", SUITE_TEST(what_the_standby_has_not_confirmed_is_not_acknowledged),
           SUITE_TEST(a_confirmation_that_comes_in_time_is_an_acknowledgement),
           SUITE_TEST(a_wait_for_the_standby_that_somebody_cut_short_is_no_acknowledgement),
           SUITE_LOOP(a_session_is_never_weaker_than_the_promise, strengths),
           SUITE_LOOP(a_dead_or_silent_server_does_not_hide_the_other, traps),
           SUITE_TEST(without_any_server_each_one_s_trouble_is_told),
           SUITE_TEST(a_server_that_hangs_is_left_for_the_next_one),
           SUITE_TEST(an_old_primary_is_refused_also_by_connections_that_it_has))
