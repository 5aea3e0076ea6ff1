/* test_users.c - log-ins and plans do not wait for each other, and too many log-ins are refused. */
#include "config.h"

#include "controller/users.h"

#include <pthread.h>

#include "tests/suite.h"
#include "tests/tempdir.h"

#define MANY 20

struct bench {
    struct app app;
    pthread_mutex_t busy; /* held: the CPU worker is at a long plan, and perhaps the hash worker */
    unsigned n_denied, n_refused, n_finished;
};

static void run_plan(void *thread_state, void *data)
{
    struct bench *bench = data;

    (void)thread_state;
    pthread_mutex_lock(&bench->busy);
    pthread_mutex_unlock(&bench->busy);
}

static void planned(void *data, bool ran)
{
    (void)data;
    ck_assert(ran);
}

static void bench_begin(struct bench *bench)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)user_free);
    User *user = user_new();

    *bench = (struct bench){ .app = { .cpu = NULL } };
    pthread_mutex_init(&bench->busy, NULL);
    pthread_mutex_lock(&bench->busy);
    bench->app.cpu = work_pool_new(&(struct work_pool_options){ .name = "cpu", .n_threads = 1 });
    bench->app.hashes = work_pool_new(
        &(struct work_pool_options){ .name = "hash", .n_threads = 1, .max_queued = 2 });
    bench->app.users = users_new(&bench->app);
    user->id = 1;
    user->name = g_strdup("ops");
    user->password_hash = g_strdup("$y$none");
    g_ptr_array_add(list, user);
    users_set(bench->app.users, list);
    ck_assert(work_pool_submit(bench->app.cpu, NULL, run_plan, planned, bench));
}

/* Else it would answer some while the others come. */
static void stop_hash_worker(struct bench *bench)
{
    ck_assert(work_pool_submit(bench->app.hashes, NULL, run_plan, planned, bench));
}

static void let_go(struct bench *bench)
{
    pthread_mutex_unlock(&bench->busy);
}

static void bench_end(struct bench *bench)
{
    while (work_pool_depth(bench->app.cpu) > 0)
        (void)g_main_context_iteration(NULL, FALSE);
    work_pool_free(bench->app.cpu);
    work_pool_free(bench->app.hashes);
    users_free(bench->app.users);
    pthread_mutex_destroy(&bench->busy);
}

static void count(struct bench *bench, const GError *error)
{
    bench->n_denied += err_is(error, VRM_ERR_DENIED);
    bench->n_refused += err_is(error, VRM_ERR_BUSY) && strstr(error->message, "try again");
}

static void logged_in(const User *found, int64_t retry_ms, const GError *error, void *user)
{
    (void)retry_ms;
    ck_assert_ptr_null(found);
    count(user, error);
}

static void changed(const GError *error, void *user)
{
    count(user, error);
}

static void finished(const GError *error, void *user)
{
    (void)error;
    ((struct bench *)user)->n_finished++;
}

START_TEST(a_log_in_does_not_wait_for_a_plan)
{
    struct bench bench;

    bench_begin(&bench);
    users_login(bench.app.users, "nobody", "secret-1", logged_in, &bench);
    while (bench.n_denied + bench.n_refused == 0)
        (void)g_main_context_iteration(NULL, TRUE);
    ck_assert_uint_eq(bench.n_denied, 1);
    ck_assert_uint_eq(work_pool_depth(bench.app.cpu), 1); /* still at it */
    let_go(&bench);
    bench_end(&bench);
}
END_TEST

START_TEST(too_many_log_ins_are_told_to_come_again)
{
    struct bench bench;

    bench_begin(&bench);
    stop_hash_worker(&bench);
    for (unsigned i = 0; i < MANY; i++)
        users_login(bench.app.users, "nobody", "secret-1", logged_in, &bench);
    ck_assert_uint_ge(bench.n_refused, MANY - 4);
    let_go(&bench);
    while (bench.n_denied + bench.n_refused < MANY)
        (void)g_main_context_iteration(NULL, TRUE);
    bench_end(&bench);
}
END_TEST

START_TEST(too_many_password_changes_are_told_the_same)
{
    const struct password_change request = { 1, "secret-1", "secret-2" };
    struct bench bench;

    bench_begin(&bench);
    stop_hash_worker(&bench);
    for (unsigned i = 0; i < MANY; i++)
        users_change_password(bench.app.users, &request, changed, &bench);
    ck_assert_uint_ge(bench.n_refused, MANY - 4);
    let_go(&bench);
    while (bench.n_denied + bench.n_refused < MANY)
        (void)g_main_context_iteration(NULL, TRUE);
    bench_end(&bench);
}
END_TEST

static int64_t no_epoch(void *user)
{
    (void)user;
    return 0;
}

/* Everything is read again (SIGHUP) while the password of the first user is being hashed. */
START_TEST(a_reload_makes_no_second_first_user)
{
    struct settings settings = { 0 };
    char *dir = tempdir_new();
    g_autoptr(GPtrArray) nobody = g_ptr_array_new();
    struct bench bench;

    bench_begin(&bench);
    settings.state_dir = dir;
    settings.admin_password_file = (char[]){ "" };
    bench.app.settings = &settings;
    bench.app.committer.epoch = no_epoch;
    users_set(bench.app.users, nobody);
    stop_hash_worker(&bench);
    users_ensure_admin(bench.app.users, changed, &bench);
    users_set(bench.app.users, nobody);
    users_ensure_admin(bench.app.users, finished, &bench);
    ck_assert_uint_eq(work_pool_depth(bench.app.hashes), 2); /* the one that holds it, and one */
    let_go(&bench);
    while (bench.n_finished == 0)
        (void)g_main_context_iteration(NULL, TRUE);
    ck_assert_uint_eq(bench.n_finished, 1);
    bench_end(&bench);
    tempdir_free(dir);
}
END_TEST

SUITE_MAIN("users", SUITE_TEST(a_reload_makes_no_second_first_user),
           SUITE_TEST(a_log_in_does_not_wait_for_a_plan),
           SUITE_TEST(too_many_log_ins_are_told_to_come_again),
           SUITE_TEST(too_many_password_changes_are_told_the_same))
