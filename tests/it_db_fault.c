/* it_db_fault.c - epochs, deposed leaders, and a database that breaks at the worst moment. */
#include "config.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/store_site.h"
#include "model/reason.h"
#include "tests/it_db.h"

static bool put_site(Db *db, void *data, GError **error)
{
    g_autoptr(Site) site = site_new();

    g_free(site->id);
    site->id = g_strdup("00000001");
    g_free(site->name);
    site->name = g_strdup(data);
    return store_site_put(db, site, error);
}

/* A migrated database whose epoch is 1. */
static char *ready_conninfo(void)
{
    char *conninfo;

    db_free(scratch_db(&conninfo));
    return conninfo;
}

static char *site_name(const char *conninfo)
{
    return scratch_sql(conninfo, "SELECT name FROM site");
}

/* ---- epochs --------------------------------------------------------------------------------- */

START_TEST(only_the_current_epoch_may_write)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    g_autoptr(Db) newer = db_new(conninfo, SCRATCH_TIMEOUT_MS);
    g_autofree char *name = NULL;
    GError *error = NULL;
    char first[] = "first", late[] = "late";
    int64_t epoch;

    must_write(db, put_site, first);
    ck_assert(db_take_epoch(newer, 7, &error));
    ck_assert(!db_write(db, 1, put_site, late, &error));
    ck_assert_int_eq(err_reason(error), REASON_RECOVERING);
    suite_take_error(&error, VRM_ERR_DENIED, "epoch 1 is not");
    ck_assert(!db_write(db, 8, put_site, late, &error));
    suite_take_error(&error, VRM_ERR_DENIED, "epoch 8 is not");
    ck_assert(db_connected(db)); /* a refusal is no reason to reconnect */
    name = site_name(conninfo);
    ck_assert_str_eq(name, "first");
    ck_assert(db_stored_epoch(db, &epoch, &error));
    ck_assert_int_eq(epoch, 7);
}
END_TEST

START_TEST(an_epoch_is_taken_again_but_never_lowered)
{
    g_autoptr(Db) db = scratch_db(NULL);
    GError *error = NULL;
    int64_t epoch;

    ck_assert(db_take_epoch(db, 5, &error));
    ck_assert(db_take_epoch(db, 5, &error));
    ck_assert(!db_take_epoch(db, 4, &error));
    suite_take_error(&error, VRM_ERR_DENIED, "older than the database's 5");
    ck_assert(db_stored_epoch(db, &epoch, &error));
    ck_assert_int_eq(epoch, 5);
}
END_TEST

/* The old leader hangs inside a transaction; a new one comes meanwhile. */
struct hang {
    const char *conninfo;
    int64_t took_ms;
};

static bool write_while_deposed(Db *db, void *data, GError **error)
{
    struct hang *hang = data;
    char name[] = "by the deposed";
    int64_t start_ms;
    int status;
    pid_t pid;

    if (!put_site(db, name, error))
        return false;
    start_ms = clock_now_ms();
    pid = fork();
    if (pid == 0) {
        Db *newer = db_new(hang->conninfo, SCRATCH_TIMEOUT_MS);

        _exit(db_take_epoch(newer, 2, NULL) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    hang->took_ms = clock_now_ms() - start_ms;
    return true;
}

START_TEST(a_new_leader_ends_the_transaction_of_the_old_after_a_second)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    struct hang hang = { conninfo, 0 };
    g_autofree char *name = NULL;
    GError *error = NULL;

    ck_assert(!db_write(db, 1, write_while_deposed, &hang, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "");
    ck_assert_int_ge(hang.took_ms, 900);
    ck_assert_int_lt(hang.took_ms, 3000);
    name = site_name(conninfo);
    ck_assert_str_eq(name, "");
    ck_assert(!db_write(db, 1, put_site, (char[]){ "x" }, &error));
    suite_take_error(&error, VRM_ERR_DENIED, "epoch 1");
}
END_TEST

/* ---- failing functions ---------------------------------------------------------------------- */

static bool write_then_fail(Db *db, void *data, GError **error)
{
    put_site(db, data, error);
    err_set(error, VRM_ERR_INVALID, "changed my mind");
    return false;
}

static bool ignore_a_failed_statement(Db *db, void *data G_GNUC_UNUSED,
                                      GError **error G_GNUC_UNUSED)
{
    char too_long[300];

    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    put_site(db, too_long, NULL);
    return true;
}

START_TEST(what_a_failing_function_wrote_is_undone)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    g_autofree char *name = NULL;
    GError *error = NULL;
    char text[] = "undone";

    ck_assert(!db_write(db, 1, write_then_fail, text, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "changed my mind");
    ck_assert(!db_write(db, 1, ignore_a_failed_statement, NULL, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "ignored");
    name = site_name(conninfo);
    ck_assert_str_eq(name, "");
    must_write(db, put_site, text);
}
END_TEST

START_TEST(a_read_cannot_write)
{
    g_autoptr(Db) db = scratch_db(NULL);
    char text[] = "x";

    ck_assert(!db_read(db, put_site, text, NULL));
}
END_TEST

/* ---- a proxy that loses answers ------------------------------------------------------------- */

enum proxy_fault {
    PROXY_NONE,
    PROXY_LOSE_COMMIT,        /* COMMIT never reaches the server */
    PROXY_LOSE_COMMIT_ANSWER, /* the server commits, the client hears nothing */
    PROXY_HOLD_COMMIT,        /* neither: both ends stay open and silent */
};

struct proxy {
    pid_t pid;
    int port;
};

static int connect_to(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        _exit(2);
    return fd;
}

/* True when the connection shall go on. */
static bool pump(int from, int to)
{
    char buffer[65536];
    ssize_t n = read(from, buffer, sizeof buffer);

    return n > 0 && write(to, buffer, (size_t)n) == n;
}

static bool handle_client(int client, int server, enum proxy_fault fault)
{
    char buffer[65536];
    ssize_t n = read(client, buffer, sizeof buffer);
    bool is_commit = n > 0 && memmem(buffer, (size_t)n, "COMMIT", sizeof "COMMIT") != NULL;

    if (n <= 0)
        return false;
    if (is_commit && fault == PROXY_LOSE_COMMIT)
        return false;
    if (is_commit && fault == PROXY_HOLD_COMMIT) {
        pause();
        return false;
    }
    if (write(server, buffer, (size_t)n) != n)
        return false;
    if (!is_commit || fault != PROXY_LOSE_COMMIT_ANSWER)
        return true;
    return read(server, buffer, sizeof buffer) < 0; /* the answer was here; now it is gone */
}

static void serve_one(int client, int port, enum proxy_fault fault)
{
    int server = connect_to(port);
    struct pollfd fds[] = { { .fd = client, .events = POLLIN },
                            { .fd = server, .events = POLLIN } };

    while (poll(fds, 2, -1) > 0) {
        if (fds[0].revents && !handle_client(client, server, fault))
            break;
        if (fds[1].revents && !pump(server, client))
            break;
    }
    close(client);
    close(server);
}

/* Only the first connection has the fault; later ones (settling) get through. */
static void serve(int listener, int port, enum proxy_fault fault)
{
    for (bool first = true;; first = false) {
        int client = accept(listener, NULL, NULL);

        if (fork() == 0) {
            serve_one(client, port, first ? fault : PROXY_NONE);
            _exit(0);
        }
        close(client);
    }
}

static struct proxy start_proxy(enum proxy_fault fault)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct proxy proxy;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    proxy.port = ntohs(address.sin_port);
    proxy.pid = fork();
    if (proxy.pid == 0) {
        setpgid(0, 0);
        serve(listener, (int)g_ascii_strtoll(g_getenv("VRM_PG_PORT"), NULL, 10), fault);
    }
    setpgid(proxy.pid, proxy.pid);
    close(listener);
    return proxy;
}

static void stop_proxy(struct proxy *proxy)
{
    kill(-proxy->pid, SIGKILL);
    waitpid(proxy->pid, NULL, 0);
}

static const struct {
    enum proxy_fault fault;
    bool committed;
} lost[] = {
    { PROXY_NONE, true },
    { PROXY_LOSE_COMMIT, false },
    { PROXY_LOSE_COMMIT_ANSWER, true },
    { PROXY_HOLD_COMMIT, false },
};

START_TEST(a_commit_with_a_lost_answer_is_settled_by_asking)
{
    g_autofree char *conninfo = ready_conninfo();
    struct proxy proxy = start_proxy(lost[_i].fault);
    g_autofree char *through = g_strdup_printf("%s port=%d", conninfo, proxy.port);
    g_autoptr(Db) db = db_new(through, SCRATCH_TIMEOUT_MS);
    g_autofree char *name = NULL;
    GError *error = NULL;
    char text[] = "settled";
    bool ok = db_write(db, 1, put_site, text, &error);

    ck_assert_int_eq(ok, lost[_i].committed);
    if (lost[_i].committed)
        suite_no_error(error);
    else
        suite_take_error(&error, VRM_ERR_UNAVAILABLE, "");
    name = site_name(conninfo);
    ck_assert_str_eq(name, lost[_i].committed ? "settled" : "");
    must_write(db, put_site, text); /* and life goes on, on a new connection */
    stop_proxy(&proxy);
}
END_TEST

/* ---- the server dies, freezes, comes back --------------------------------------------------- */

static bool kill_the_server(Db *db, void *data, GError **error)
{
    bool ok = put_site(db, data, error);

    services("kill");
    return ok;
}

START_TEST(a_server_killed_before_the_commit_leaves_it_unknown_and_undone)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    g_autofree char *name = NULL;
    GError *error = NULL;
    char text[] = "lost";

    ck_assert(!db_write(db, 1, kill_the_server, text, &error));
    suite_take_error(&error, VRM_ERR_TIMEOUT, "unknown");
    ck_assert(!db_ping(db, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "");
    services("start");
    ck_assert(db_ping(db, &error));
    name = site_name(conninfo);
    ck_assert_str_eq(name, "");
    must_write(db, put_site, text);
}
END_TEST

START_TEST(a_restarted_server_is_found_again_without_an_error)
{
    g_autofree char *conninfo = NULL;
    g_autoptr(Db) db = scratch_db(&conninfo);
    g_autofree char *name = NULL;
    char before[] = "before", after[] = "after";

    must_write(db, put_site, before);
    services("kill");
    services("start");
    name = site_name(conninfo);
    ck_assert_str_eq(name, "before"); /* acknowledged, so it survived the crash */
    must_write(db, put_site, after);
}
END_TEST

START_TEST(a_frozen_server_costs_no_more_than_the_time_limit)
{
    g_autofree char *conninfo = ready_conninfo();
    g_autoptr(Db) db = db_new(conninfo, 1000);
    GError *error = NULL;
    char text[] = "x";
    int64_t start_ms;
    bool ok;

    ck_assert(db_ping(db, &error));
    services("pause");
    start_ms = clock_now_ms();
    ok = db_write(db, 1, put_site, text, &error);
    services("resume");
    ck_assert(!ok);
    ck_assert_int_lt(clock_now_ms() - start_ms, 4500);    /* one statement, one new connection */
    ck_assert_int_eq(err_reason(error), REASON_DATABASE); /* not that of a standby */
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "did not");
    must_write(db, put_site, text);
}
END_TEST

static const struct {
    const char *conninfo;
    enum vrm_err code;
    const char *part;
} unreachable[] = {
    { "host=127.0.0.1 port=1 user=x dbname=x", VRM_ERR_UNAVAILABLE, "refused" },
    { "host=127.0.0.1 prot=1", VRM_ERR_INVALID, "prot" },
    { "nonsense", VRM_ERR_INVALID, "nonsense" },
};

START_TEST(an_unreachable_database_is_said_so)
{
    g_autoptr(Db) db = db_new(unreachable[_i].conninfo, 1000);
    GError *error = NULL;

    ck_assert(!db_connect(db, &error));
    suite_take_error(&error, unreachable[_i].code, unreachable[_i].part);
    ck_assert(!db_connected(db));
}
END_TEST

START_TEST(a_wrong_password_is_said_so)
{
    g_autofree char *conninfo = g_strdup_printf("%s password=wrong", g_getenv("VRM_PG_CONNINFO"));
    g_autoptr(Db) db = db_new(conninfo, 1000);
    GError *error = NULL;

    ck_assert(!db_connect(db, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "password authentication failed");
}
END_TEST

SUITE_MAIN("db-fault", SUITE_TEST(only_the_current_epoch_may_write),
           SUITE_TEST(an_epoch_is_taken_again_but_never_lowered),
           SUITE_TEST(a_new_leader_ends_the_transaction_of_the_old_after_a_second),
           SUITE_TEST(what_a_failing_function_wrote_is_undone), SUITE_TEST(a_read_cannot_write),
           SUITE_LOOP(a_commit_with_a_lost_answer_is_settled_by_asking, lost),
           SUITE_TEST(a_server_killed_before_the_commit_leaves_it_unknown_and_undone),
           SUITE_TEST(a_restarted_server_is_found_again_without_an_error),
           SUITE_TEST(a_frozen_server_costs_no_more_than_the_time_limit),
           SUITE_LOOP(an_unreachable_database_is_said_so, unreachable),
           SUITE_TEST(a_wrong_password_is_said_so))
