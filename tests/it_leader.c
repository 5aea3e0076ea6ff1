/* it_leader.c - leadership against a real etcd (tests/with-etcd.sh).
 *
 * Real time, so bounds are generous; what was measured is printed.  "it_leader --leader PREFIX" is
 * a controller that reports on stdout, to be stopped and killed. */
#include "config.h"

#include "tests/suite.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/leader.h"
#include "controller/release.h"
#include "tests/etcdlab.h"

/* ---- a controller ---------------------------------------------------------------------------- */

/* Its callbacks use g_assert: they also run in the child, where there is no test to fail. */

struct controller {
    Leader *leader;
    HttpClient *http;
    int64_t elected_epoch, active_epoch, active_ms;
    bool refuse, lost, resigned;
    char *why, *url;
};

static void on_elected(int64_t epoch, void *user)
{
    struct controller *c = user;

    c->elected_epoch = epoch;
    leader_accept(c->leader, epoch, !c->refuse);
}

static void on_active(int64_t epoch, void *user)
{
    struct controller *c = user;

    c->active_epoch = epoch;
    c->active_ms = clock_now_ms();
}

static void on_lost(const char *why, void *user)
{
    struct controller *c = user;

    g_assert(!c->lost);
    c->lost = true;
    c->why = g_strdup(why);
}

static void on_leader_changed(const char *url, void *user)
{
    struct controller *c = user;

    g_assert(g_str_equal(url, leader_url(c->leader)));
    g_free(c->url);
    c->url = g_strdup(url);
}

static void on_resigned(void *user)
{
    struct controller *c = user;

    c->resigned = true;
}

static void controller_start_at(struct controller *c, const char *prefix, const char *name,
                                const char *const *endpoints)
{
    g_autofree char *url = g_strdup_printf("https://%s:7443", name);
    const struct leader_options options = {
        .endpoints = endpoints,
        .prefix = prefix,
        .name = name,
        .url = url,
        .http = c->http = http_client_new(NULL),
        .on_elected = on_elected,
        .on_active = on_active,
        .on_lost = on_lost,
        .on_leader_changed = on_leader_changed,
        .user = c,
    };

    c->leader = leader_new(&options);
    leader_start(c->leader);
}

static void controller_start(struct controller *c, const char *prefix, const char *name)
{
    const char *const endpoints[] = { g_getenv("VRM_ETCD_URL"), NULL };

    controller_start_at(c, prefix, name, endpoints);
}

static void controller_clear(struct controller *c)
{
    leader_free(c->leader);
    http_client_free(c->http);
    g_free(c->why);
    g_free(c->url);
    *c = (struct controller){ 0 };
}

static bool is_active(const void *user)
{
    const struct controller *c = user;

    return c->active_epoch != 0 && leader_valid(c->leader);
}

static bool is_lost(const void *user)
{
    return ((const struct controller *)user)->lost;
}

static bool is_invalid(const void *user)
{
    return !leader_valid(((const struct controller *)user)->leader);
}

static bool knows_a_leader(const void *user)
{
    return *leader_url(((const struct controller *)user)->leader) != '\0';
}

/* ---- a controller in a process of its own ---------------------------------------------------- */

struct child_leader {
    struct controller c;
    struct etcdlab_client client;
    int64_t last_ms;
    bool stood_still;
    unsigned n_refused, n_written;
    char *key, *leader_key;
};

static void on_written(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct child_leader *child = user;

    if (!child->stood_still || error)
        return;
    if (answer->succeeded)
        printf("written %u\n", ++child->n_written);
    else if (++child->n_refused == 3)
        printf("refused\n");
}

/* Writes all the time with its epoch's guard, without asking whether it may: a leader that does not
 * know it was deposed. */
static gboolean child_write(gpointer user)
{
    struct child_leader *child = user;
    const int64_t now_ms = clock_now_ms();
    EtcdTxn *txn = etcd_txn_new();

    if (child->last_ms != 0 && now_ms - child->last_ms > 2500) {
        child->stood_still = true;
        printf("continued valid=%d\n", leader_valid(child->c.leader));
    }
    child->last_ms = now_ms;
    etcd_txn_guard(txn, child->leader_key, child->c.elected_epoch);
    etcd_txn_put(txn, child->key, child->stood_still ? "after" : "before", 0);
    etcd_commit(child->client.etcd, txn, on_written, child);
    etcd_txn_free(txn);
    return G_SOURCE_CONTINUE;
}

static int child_main(const char *prefix)
{
    struct child_leader child = { .client = etcdlab_open() };
    guint writer;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    child.key = g_strconcat(prefix, "/effect", NULL);
    child.leader_key = g_strconcat(prefix, "/leader", NULL);
    controller_start(&child.c, prefix, "child");
    etcdlab_run_until(is_active, &child.c, PATIENCE_MS);
    printf("active\n");
    writer = g_timeout_add(20, child_write, &child);
    etcdlab_run_until(is_lost, &child.c, 60000);
    printf("lost %s\n", child.c.why ? child.c.why : "nothing");
    etcdlab_run_for(500);
    g_source_remove(writer);
    controller_clear(&child.c);
    etcdlab_close(&child.client);
    g_free(child.key);
    g_free(child.leader_key);
    return 0;
}

struct process {
    GPid pid;
    GIOChannel *out;
};

static struct process process_start(const char *prefix)
{
    char *argv[] = { (char[]){ "/proc/self/exe" }, (char[]){ "--leader" }, g_strdup(prefix), NULL };
    struct process process;
    int fd;

    argv[0] = g_file_read_link("/proc/self/exe", NULL);
    ck_assert(g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                       &process.pid, NULL, &fd, NULL, NULL));
    process.out = g_io_channel_unix_new(fd);
    g_free(argv[0]);
    g_free(argv[2]);
    return process;
}

/* The next line that starts with one of the words, without blocking our loop for long. */
static char *process_read(struct process *process)
{
    char *line = NULL;
    gsize end;

    ck_assert_int_eq(g_io_channel_read_line(process->out, &line, NULL, &end, NULL),
                     G_IO_STATUS_NORMAL);
    line[end] = '\0';
    return line;
}

static void process_expect(struct process *process, const char *want)
{
    g_autofree char *line = process_read(process);

    ck_assert_msg(g_str_has_prefix(line, want), "the child said \"%s\", not \"%s\"", line, want);
}

static void process_end(struct process *process)
{
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    g_spawn_close_pid(process->pid);
    g_io_channel_unref(process->out);
}

/* ---- leadership ------------------------------------------------------------------------------ */

START_TEST(a_lone_controller_is_elected_and_its_epoch_is_the_keys_create_revision)
{
    struct controller c = { 0 };
    struct etcdlab_client client = etcdlab_open();
    g_autoptr(EtcdTxn) txn = etcd_txn_new();
    struct etcdlab_outcome outcome;

    controller_start(&c, "/lone", "a");
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    ck_assert(etcdlab_run_until(knows_a_leader, &c, PATIENCE_MS));
    ck_assert_str_eq(leader_url(c.leader), "https://a:7443");
    ck_assert(leader_etcd_ok(c.leader));
    ck_assert_int_eq(leader_epoch(c.leader), c.active_epoch);
    ck_assert(leader_guard(c.leader, txn));
    etcd_txn_put(txn, "/lone/x", "1", 0);
    outcome = etcdlab_commit(&client, g_steal_pointer(&txn));
    ck_assert(outcome.succeeded);
    etcdlab_outcome_clear(&outcome);
    etcdlab_run_for(4000); /* many renewals, and longer than a lease */
    ck_assert(leader_valid(c.leader) && !c.lost);
    controller_clear(&c);
    etcdlab_close(&client);
}
END_TEST

START_TEST(a_standby_takes_over_at_once_when_the_leader_resigns)
{
    struct controller c[2] = { 0 };
    int64_t total_ms = 0, worst_ms = 0;
    const int n_rounds = 12;

    controller_start(&c[0], "/resign", "a");
    ck_assert(etcdlab_run_until(is_active, &c[0], PATIENCE_MS));
    for (int round = 0; round < n_rounds; round++) {
        struct controller *old = &c[round % 2], *new = &c[(round + 1) % 2];
        const int64_t old_epoch = old->active_epoch;
        int64_t start_ms;

        controller_start(new, "/resign", round % 2 ? "a" : "b");
        ck_assert(etcdlab_run_until(knows_a_leader, new, PATIENCE_MS));
        etcdlab_run_for(100);
        ck_assert_int_eq(new->active_epoch, 0);
        start_ms = clock_now_ms();
        leader_resign(old->leader, on_resigned, old);
        ck_assert(!leader_valid(old->leader));
        ck_assert(etcdlab_run_until(is_active, new, PATIENCE_MS));
        ck_assert_int_gt(new->active_epoch, old_epoch);
        ck_assert(etcdlab_run_until(etcdlab_is_set, &old->resigned, PATIENCE_MS));
        total_ms += new->active_ms - start_ms;
        worst_ms = MAX(worst_ms, new->active_ms - start_ms);
        controller_clear(old);
    }
    printf("take-over after resigning: mean %.1f ms, worst %d ms of %d\n",
           (double)total_ms / n_rounds, (int)worst_ms, n_rounds);
    ck_assert_int_lt(worst_ms, 1500);
    controller_clear(&c[0]);
    controller_clear(&c[1]);
}
END_TEST

START_TEST(a_standby_takes_over_from_a_killed_leader_when_its_lease_lapses)
{
    struct process process = process_start("/killed");
    struct controller c = { 0 };
    int64_t start_ms;

    process_expect(&process, "active");
    controller_start(&c, "/killed", "b");
    ck_assert(etcdlab_run_until(knows_a_leader, &c, PATIENCE_MS));
    ck_assert_str_eq(leader_url(c.leader), "https://child:7443");
    start_ms = clock_now_ms();
    process_end(&process);
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    printf("take-over after kill -9: %d ms\n", (int)(c.active_ms - start_ms));
    ck_assert_int_lt(c.active_ms - start_ms, 6000);
    controller_clear(&c);
}
END_TEST

START_TEST(a_stopped_leader_that_comes_back_is_invalid_and_can_write_nothing)
{
    struct process process = process_start("/stopped");
    struct controller c = { 0 };
    struct etcdlab_client client = etcdlab_open();
    struct etcdlab_outcome effect;

    process_expect(&process, "active");
    controller_start(&c, "/stopped", "b");
    etcdlab_run_for(500);
    kill(process.pid, SIGSTOP);
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    etcdlab_put(&client, "/stopped/effect", "by the new leader");
    etcdlab_run_for(1000);
    kill(process.pid, SIGCONT);
    etcdlab_run_for(1500);
    process_expect(&process, "continued valid=0");
    for (bool lost = false, refused = false; !lost || !refused;) {
        g_autofree char *line = process_read(&process);

        ck_assert_msg(!g_str_has_prefix(line, "written"), "the deposed leader has written");
        lost = lost || g_str_has_prefix(line, "lost");
        refused = refused || g_str_has_prefix(line, "refused");
    }
    effect = etcdlab_read(&client, "/stopped/effect");
    ck_assert_str_eq(effect.value, "by the new leader");
    etcdlab_outcome_clear(&effect);
    ck_assert(leader_valid(c.leader));
    process_end(&process);
    controller_clear(&c);
    etcdlab_close(&client);
}
END_TEST

START_TEST(an_epoch_that_the_database_refuses_is_given_back)
{
    struct controller c[2] = { { .refuse = true }, { 0 } };

    controller_start(&c[0], "/refused", "a");
    ck_assert(etcdlab_run_until(is_lost, &c[0], PATIENCE_MS));
    ck_assert_int_eq(c[0].active_epoch, 0);
    ck_assert_int_eq(leader_epoch(c[0].leader), 0);
    controller_start(&c[1], "/refused", "b");
    ck_assert(etcdlab_run_until(is_active, &c[1], 2000)); /* less than a lease */
    controller_clear(&c[0]);
    controller_clear(&c[1]);
}
END_TEST

START_TEST(a_leader_whose_key_is_deleted_is_told_at_once)
{
    struct controller c = { 0 };
    struct etcdlab_client client = etcdlab_open();
    EtcdTxn *txn = etcd_txn_new();
    struct etcdlab_outcome outcome;
    int64_t start_ms;

    controller_start(&c, "/deleted", "a");
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    etcd_txn_delete(txn, "/deleted/leader");
    start_ms = clock_now_ms();
    outcome = etcdlab_commit(&client, txn);
    ck_assert(etcdlab_run_until(is_lost, &c, PATIENCE_MS));
    printf("told %d ms after the key was deleted: %s\n", (int)(clock_now_ms() - start_ms), c.why);
    ck_assert_int_lt(clock_now_ms() - start_ms, 1000);
    ck_assert(!leader_valid(c.leader));
    etcdlab_outcome_clear(&outcome);
    controller_clear(&c);
    etcdlab_close(&client);
}
END_TEST

START_TEST(a_restart_of_etcd_suspends_the_leader_and_it_goes_on_with_its_epoch)
{
    struct controller c = { 0 };
    int64_t epoch, start_ms;

    controller_start(&c, "/restart", "a");
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    epoch = c.active_epoch;
    etcdlab_control("--stop");
    start_ms = clock_now_ms();
    ck_assert(etcdlab_run_until(is_invalid, &c, 2200));
    printf("invalid %d ms after etcd died\n", (int)(clock_now_ms() - start_ms));
    etcdlab_run_for(4000); /* longer than the lease */
    ck_assert(!leader_valid(c.leader) && !leader_etcd_ok(c.leader) && !c.lost);
    etcdlab_control("--start");
    start_ms = clock_now_ms();
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    printf("valid again %d ms after etcd came back\n", (int)(clock_now_ms() - start_ms));
    ck_assert_int_eq(leader_epoch(c.leader), epoch);
    ck_assert(leader_etcd_ok(c.leader));
    controller_clear(&c);
}
END_TEST

static void signal_etcd(int signal_number)
{
    g_autofree char *path = g_build_filename(g_getenv("VRM_ETCD_DIR"), "pid", NULL);
    g_autofree char *text = NULL;

    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    ck_assert_int_eq(kill((pid_t)g_ascii_strtoll(text, NULL, 10), signal_number), 0);
}

static bool is_active_or_lost(const void *user)
{
    return is_active(user) || is_lost(user);
}

START_TEST(a_frozen_etcd_is_a_time_out_and_says_nothing)
{
    struct controller c = { 0 };
    int64_t epoch;

    controller_start(&c, "/frozen", "a");
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    epoch = c.active_epoch;
    signal_etcd(SIGSTOP);
    ck_assert(etcdlab_run_until(is_invalid, &c, 2200));
    etcdlab_run_for(300);
    ck_assert(!c.lost && !leader_etcd_ok(c.leader));
    signal_etcd(SIGCONT); /* the lease is hardly over: either outcome is right */
    ck_assert(etcdlab_run_until(is_active_or_lost, &c, PATIENCE_MS));
    ck_assert(c.lost || leader_epoch(c.leader) == epoch);
    controller_clear(&c);
}
END_TEST

START_TEST(etcd_down_at_the_start_is_waited_for)
{
    struct controller c = { 0 };

    etcdlab_control("--stop");
    controller_start(&c, "/late", "a");
    etcdlab_run_for(2500);
    ck_assert(!leader_etcd_ok(c.leader) && c.elected_epoch == 0);
    etcdlab_control("--start");
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    controller_clear(&c);
}
END_TEST

START_TEST(a_dead_endpoint_is_passed_over)
{
    const char *const endpoints[] = { "http://127.0.0.1:9", g_getenv("VRM_ETCD_URL"), NULL };
    struct controller c = { 0 };

    controller_start_at(&c, "/endpoints", "a", endpoints);
    ck_assert(etcdlab_run_until(is_active, &c, PATIENCE_MS));
    etcdlab_run_for(3000);
    ck_assert(leader_valid(c.leader));
    controller_clear(&c);
}
END_TEST

/* The kernel accepts, nobody answers. */
static int listen_in_vain(char **ret_url)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_url = g_strdup_printf("http://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

START_TEST(a_silent_endpoint_is_passed_over)
{
    g_autofree char *silent = NULL;
    const int fd = listen_in_vain(&silent);
    const char *const endpoints[] = { silent, g_getenv("VRM_ETCD_URL"), NULL };
    struct controller c = { 0 };

    controller_start_at(&c, "/silent-endpoint", "a", endpoints);
    ck_assert(etcdlab_run_until(is_active, &c, 5000));
    controller_clear(&c);
    close(fd);
}
END_TEST

/* Three controllers that are killed, resign and come back at random. */
START_TEST(never_are_two_leaders_valid)
{
    struct controller c[3] = { 0 };
    static const char *const names[] = { "a", "b", "c" };
    unsigned n_changes = 0;
    int64_t last_epoch = 0;

    for (int i = 0; i < 3; i++)
        controller_start(&c[i], "/churn", names[i]);
    for (int round = 0; round < 60; round++) {
        const int i = g_random_int_range(0, 3);
        int64_t valid_epoch = 0;

        etcdlab_run_for(g_random_int_range(1, 200));
        for (int k = 0; k < 3; k++) {
            if (!leader_valid(c[k].leader))
                continue;
            ck_assert_int_eq(valid_epoch, 0);
            valid_epoch = leader_epoch(c[k].leader);
            ck_assert_int_ge(valid_epoch, last_epoch);
            n_changes += valid_epoch != last_epoch;
            last_epoch = valid_epoch;
        }
        if (round % 3 != 0)
            continue;
        if (g_random_boolean()) {
            leader_resign(c[i].leader, on_resigned, &c[i]);
            ck_assert(etcdlab_run_until(etcdlab_is_set, &c[i].resigned, PATIENCE_MS));
        }
        controller_clear(&c[i]);
        controller_start(&c[i], "/churn", names[i]);
    }
    ck_assert_uint_gt(n_changes, 1);
    for (int i = 0; i < 3; i++)
        controller_clear(&c[i]);
}
END_TEST

static bool release_of(const struct controller *c, const char *prefix, const char *name)
{
    const char *const endpoints[] = { "http://127.0.0.1:1", g_getenv("VRM_ETCD_URL"), NULL };
    GError *error = NULL;
    bool released = false;
    bool ok = release_leadership(
        &(struct release_options){
            .endpoints = endpoints, .prefix = prefix, .name = name, .http = c->http },
        &released, &error);

    suite_no_error(error);
    ck_assert(ok);
    return released;
}

START_TEST(a_dead_controllers_leadership_can_be_given_back_and_nobody_elses)
{
    struct controller a = { 0 }, b = { 0 };
    int64_t start_ms;

    controller_start(&a, "/release", "a");
    ck_assert(etcdlab_run_until(is_active, &a, PATIENCE_MS));
    controller_start(&b, "/release", "b");
    ck_assert(etcdlab_run_until(knows_a_leader, &b, PATIENCE_MS));
    ck_assert(!release_of(&a, "/release", "b"));
    ck_assert(!release_of(&a, "/elsewhere", "a"));
    ck_assert(!a.lost && leader_valid(a.leader));
    start_ms = clock_now_ms();
    ck_assert(release_of(&a, "/release", "a"));
    ck_assert(etcdlab_run_until(is_active, &b, PATIENCE_MS));
    ck_assert(etcdlab_run_until(is_lost, &a, PATIENCE_MS)); /* it was not dead at all */
    printf("released: another leads after %d ms\n", (int)(b.active_ms - start_ms));
    controller_clear(&a);
    controller_clear(&b);
}
END_TEST

START_TEST(without_etcd_giving_back_ends_with_an_error)
{
    const char *const endpoints[] = { "http://127.0.0.1:1", NULL };
    HttpClient *http = http_client_new(NULL);
    GError *error = NULL;
    bool released = false;

    ck_assert(!release_leadership(
        &(struct release_options){
            .endpoints = endpoints, .prefix = "/none", .name = "a", .http = http },
        &released, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "");
    http_client_free(http);
}
END_TEST

int main(int argc, char **argv)
{
    // clang-format off
    const struct suite_test tests[] = {
        SUITE_TEST(a_lone_controller_is_elected_and_its_epoch_is_the_keys_create_revision),
        SUITE_TEST(a_standby_takes_over_at_once_when_the_leader_resigns),
        SUITE_TEST(a_standby_takes_over_from_a_killed_leader_when_its_lease_lapses),
        SUITE_TEST(a_stopped_leader_that_comes_back_is_invalid_and_can_write_nothing),
        SUITE_TEST(an_epoch_that_the_database_refuses_is_given_back),
        SUITE_TEST(a_leader_whose_key_is_deleted_is_told_at_once),
        SUITE_TEST(a_restart_of_etcd_suspends_the_leader_and_it_goes_on_with_its_epoch),
        SUITE_TEST(etcd_down_at_the_start_is_waited_for),
        SUITE_TEST(a_frozen_etcd_is_a_time_out_and_says_nothing),
        SUITE_TEST(a_dead_endpoint_is_passed_over),
        SUITE_TEST(a_silent_endpoint_is_passed_over),
        SUITE_TEST(never_are_two_leaders_valid),
        SUITE_TEST(a_dead_controllers_leadership_can_be_given_back_and_nobody_elses),
        SUITE_TEST(without_etcd_giving_back_ends_with_an_error),
    };
    // clang-format on

    log_init("it_leader", g_getenv("VRM_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    if (argc == 3 && strcmp(argv[1], "--leader") == 0)
        return child_main(argv[2]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return suite_run("it_leader", tests, G_N_ELEMENTS(tests));
}
