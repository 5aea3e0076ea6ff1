/* test_work.c - worker pool and mailbox: order, exactly once, shutdown.  Written to be run under
 * ThreadSanitizer too. */
#include "config.h"

#include "base/work.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/suite.h"

/* --- a gate: jobs wait in it until the test opens it ----------------------------------------- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
    int waiting;
};

#define GATE_INIT                                                                                  \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0                              \
    }

static void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->moved);
    while (!gate->open)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_await(struct gate *gate, int n_waiting)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->waiting < n_waiting)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

/* --- jobs ------------------------------------------------------------------------------------ */

#define N_KEYS 7
#define N_JOBS 5000

struct stress {
    WorkPool *pool;
    atomic_int running[N_KEYS]; /* how many of this key run now */
    atomic_int next_run[N_KEYS];
    int next_done[N_KEYS]; /* loop thread */
    int n_done, n_ran;
    atomic_int n_overlaps, n_disorders;
};

struct stress_job {
    struct stress *stress;
    int key, number;
};

static void stress_run(void *state, void *data)
{
    struct stress_job *job = data;
    struct stress *stress = job->stress;

    ck_assert_ptr_nonnull(state);
    if (atomic_fetch_add(&stress->running[job->key], 1) != 0)
        atomic_fetch_add(&stress->n_overlaps, 1);
    if (atomic_fetch_add(&stress->next_run[job->key], 1) != job->number)
        atomic_fetch_add(&stress->n_disorders, 1);
    atomic_fetch_sub(&stress->running[job->key], 1);
}

static void stress_done(void *data, bool ran)
{
    struct stress_job *job = data;
    struct stress *stress = job->stress;

    if (ran && stress->next_done[job->key]++ != job->number)
        atomic_fetch_add(&stress->n_disorders, 1);
    stress->n_ran += ran;
    stress->n_done++;
    g_free(job);
}

static void *start_state(void *user)
{
    (void)user;
    return g_new0(int, 1);
}

static WorkPool *new_pool(unsigned n_threads, unsigned max_queued)
{
    struct work_pool_options options = { .name = "test",
                                         .n_threads = n_threads,
                                         .max_queued = max_queued,
                                         .thread_start = start_state,
                                         .thread_stop = g_free };

    return work_pool_new(&options);
}

START_TEST(jobs_of_one_key_never_overlap_and_keep_their_order)
{
    static const char *const keys[N_KEYS] = { "a", "b", "c", "d", "e", "f", "g" };
    g_autofree struct stress *stress = g_new0(struct stress, 1);
    int numbers[N_KEYS] = { 0 };

    stress->pool = new_pool(4, 0);
    for (int i = 0; i < N_JOBS; i++) {
        struct stress_job *job = g_new0(struct stress_job, 1);
        int key = i * i % N_KEYS;

        *job = (struct stress_job){ stress, key, numbers[key]++ };
        ck_assert(work_pool_submit(stress->pool, keys[key], stress_run, stress_done, job));
        if (i % 64 == 0)
            g_main_context_iteration(NULL, FALSE);
    }
    while (stress->n_done < N_JOBS)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(stress->n_ran, N_JOBS);
    ck_assert_int_eq(atomic_load(&stress->n_overlaps), 0);
    ck_assert_int_eq(atomic_load(&stress->n_disorders), 0);
    ck_assert_uint_eq(work_pool_depth(stress->pool), 0);
    work_pool_free(stress->pool);
}
END_TEST

START_TEST(at_shutdown_every_job_is_done_exactly_once)
{
    g_autofree struct stress *stress = g_new0(struct stress, 1);
    int n = 500;

    stress->pool = new_pool(3, 0);
    for (int i = 0; i < n; i++) {
        struct stress_job *job = g_new0(struct stress_job, 1);

        *job = (struct stress_job){ stress, 0, i };
        ck_assert(work_pool_submit(stress->pool, "one", stress_run, stress_done, job));
    }
    work_pool_free(stress->pool);
    ck_assert_int_eq(stress->n_done, n);
    ck_assert_int_eq(atomic_load(&stress->n_disorders), 0);
    ck_assert_int_eq(stress->n_ran, atomic_load(&stress->next_run[0]));
}
END_TEST

struct gated {
    struct gate gate;
    int n_done, n_ran;
};

static void gated_run(void *state, void *data)
{
    struct gated *gated = data;

    (void)state;
    gate_pass(&gated->gate);
}

static void gated_done(void *data, bool ran)
{
    struct gated *gated = data;

    gated->n_done++;
    gated->n_ran += ran;
}

START_TEST(a_full_queue_refuses_and_says_its_depth)
{
    struct gated gated = { .gate = GATE_INIT };
    WorkPool *pool = new_pool(1, 2);

    ck_assert(work_pool_submit(pool, NULL, gated_run, gated_done, &gated));
    gate_await(&gated.gate, 1); /* runs: the queue is empty again */
    ck_assert(work_pool_submit(pool, NULL, gated_run, gated_done, &gated));
    ck_assert(work_pool_submit(pool, "k", gated_run, gated_done, &gated));
    ck_assert(!work_pool_submit(pool, NULL, gated_run, gated_done, &gated));
    ck_assert_uint_eq(work_pool_depth(pool), 3);
    gate_open(&gated.gate);
    while (gated.n_done < 3)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(gated.n_ran, 3);
    work_pool_free(pool);
}
END_TEST

START_TEST(a_blocked_key_does_not_block_the_others)
{
    struct gated slow = { .gate = GATE_INIT };
    struct gated fast = { .gate = GATE_INIT };
    WorkPool *pool = new_pool(2, 0);

    fast.gate.open = true;
    ck_assert(work_pool_submit(pool, "slow", gated_run, gated_done, &slow));
    ck_assert(work_pool_submit(pool, "slow", gated_run, gated_done, &slow));
    for (int i = 0; i < 20; i++)
        ck_assert(work_pool_submit(pool, i % 2 ? "fast" : NULL, gated_run, gated_done, &fast));
    while (fast.n_done < 20)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(slow.n_done, 0);
    gate_open(&slow.gate);
    while (slow.n_done < 2)
        g_main_context_iteration(NULL, TRUE);
    work_pool_free(pool);
}
END_TEST

struct chain {
    WorkPool *pool;
    int left;
};

static void chain_run(void *state, void *data)
{
    (void)state;
    (void)data;
}

static void chain_done(void *data, bool ran)
{
    struct chain *chain = data;

    ck_assert(ran);
    if (--chain->left > 0)
        ck_assert(work_pool_submit(chain->pool, "chain", chain_run, chain_done, chain));
}

START_TEST(a_completion_may_submit_again)
{
    struct chain chain = { new_pool(2, 0), 100 };

    ck_assert(work_pool_submit(chain.pool, "chain", chain_run, chain_done, &chain));
    while (chain.left > 0)
        g_main_context_iteration(NULL, TRUE);
    work_pool_free(chain.pool);
}
END_TEST

static void signals_run(void *state, void *data)
{
    sigset_t now;

    (void)state;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    *(int *)data = sigismember(&now, SIGTERM) && sigismember(&now, SIGHUP) ? 1 : -1;
}

static void signals_done(void *data, bool ran)
{
    (void)data;
    ck_assert(ran);
}

START_TEST(workers_leave_signals_to_the_loop)
{
    WorkPool *pool = new_pool(1, 0);
    int blocked = 0;

    ck_assert(work_pool_submit(pool, NULL, signals_run, signals_done, &blocked));
    while (work_pool_depth(pool) > 0)
        g_main_context_iteration(NULL, FALSE);
    work_pool_free(pool);
    ck_assert_int_eq(blocked, 1);
}
END_TEST

START_TEST(completions_run_in_the_given_context)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    struct gated gated = { .gate = GATE_INIT };
    struct work_pool_options options = { .name = "x", .n_threads = 1, .context = context };
    WorkPool *pool = work_pool_new(&options);

    gated.gate.open = true;
    ck_assert(work_pool_submit(pool, NULL, gated_run, gated_done, &gated));
    while (gated.n_done == 0)
        g_main_context_iteration(context, TRUE);
    work_pool_free(pool);
    work_pool_free(NULL);
}
END_TEST

/* --- retiring -------------------------------------------------------------------------------- */

struct retired {
    struct gate gate;
    bool finished, gone;
    bool ran;
    bool dropped;
    int open_fd; /* of the process; is it open in the job? */
    int seen;
};

static void wait_in_gate(void *state, void *data)
{
    struct retired *retired = data;

    (void)state;
    gate_pass(&retired->gate);
}

static void note_finished(void *data, bool ran)
{
    struct retired *retired = data;

    retired->finished = true;
    retired->ran = ran;
}

static void note_dropped(void *data, bool ran)
{
    struct retired *retired = data;

    retired->dropped = !ran;
}

static void note_gone(void *user)
{
    struct retired *retired = user;

    retired->gone = true;
}

START_TEST(a_pool_that_is_retired_waits_for_nobody_and_goes_when_its_job_ends)
{
    struct retired retired = { .gate = GATE_INIT };
    const struct work_pool_options options = { .name = "test", .n_threads = 1 };
    WorkPool *pool = work_pool_new(&options);

    work_pool_submit(pool, "a", wait_in_gate, note_finished, &retired);
    gate_await(&retired.gate, 1);
    work_pool_submit(pool, "a", wait_in_gate, note_dropped, &retired);
    work_pool_retire(pool, note_gone, &retired);
    ck_assert(!retired.finished && !retired.gone);
    gate_open(&retired.gate);
    while (!retired.gone)
        g_main_context_iteration(NULL, TRUE);
    ck_assert(retired.finished && retired.ran && retired.dropped);
}
END_TEST

static void *start_with(void *user)
{
    return user;
}

/* As a file on a dead disk that does not close. */
static void stop_in_gate(void *state)
{
    struct retired *retired = state;

    gate_pass(&retired->gate);
}

START_TEST(an_idle_pool_whose_thread_hangs_when_it_stops_is_retired_without_waiting)
{
    struct retired retired = { .gate = GATE_INIT };
    const struct work_pool_options options = { .name = "test",
                                               .n_threads = 1,
                                               .thread_start = start_with,
                                               .thread_stop = stop_in_gate,
                                               .user = &retired };

    work_pool_retire(work_pool_new(&options), note_gone, &retired);
    gate_await(&retired.gate, 1);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    ck_assert(!retired.gone);
    gate_open(&retired.gate);
    while (!retired.gone)
        g_main_context_iteration(NULL, TRUE);
}
END_TEST

START_TEST(an_idle_pool_that_is_retired_is_gone_when_its_threads_have_stopped)
{
    struct retired retired = { .gate = GATE_INIT };
    const struct work_pool_options options = { .name = "test", .n_threads = 2 };

    work_pool_retire(work_pool_new(&options), note_gone, &retired);
    while (!retired.gone)
        g_main_context_iteration(NULL, TRUE);
}
END_TEST

static void look_at_fd(void *state, void *data)
{
    struct retired *retired = data;

    (void)state;
    retired->seen = fcntl(retired->open_fd, F_GETFD) >= 0 ? 1 : 0;
}

START_TEST(a_thread_with_files_of_its_own_holds_none_of_the_process)
{
    const struct work_pool_options options = {
        .name = "test", .n_threads = 1, .own_files = true, .stack_size = 256 << 10
    };
    struct retired retired = { .open_fd = dup(STDERR_FILENO), .seen = -1 };
    WorkPool *pool = work_pool_new(&options);

    work_pool_submit(pool, NULL, look_at_fd, note_finished, &retired);
    while (!retired.finished)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(retired.seen, 0);
    ck_assert_int_ge(fcntl(retired.open_fd, F_GETFD), 0);
    close(retired.open_fd);
    work_pool_free(pool);
}
END_TEST

/* --- mailbox --------------------------------------------------------------------------------- */

#define N_SENDERS 4
#define N_LETTERS 2000

struct mail {
    Mailbox *box;
    int next[N_SENDERS];
    int n_delivered, n_disorders;
    bool close_at_once;
};

struct sender {
    Mailbox *box;
    int id;
    int n_taken;
};

static int n_dropped; /* one process for each test */

static void drop_int(void *message)
{
    n_dropped++;
    g_free(message);
}

static void mail_arrived(void *message, void *user)
{
    struct mail *mail = user;
    int *value = message;

    if (mail->next[*value / N_LETTERS]++ != *value % N_LETTERS)
        mail->n_disorders++;
    mail->n_delivered++;
    g_free(value);
    if (mail->close_at_once)
        mailbox_close(mail->box);
}

static void *send_letters(void *arg)
{
    struct sender *sender = arg;

    for (int i = 0; i < N_LETTERS; i++) {
        int *value = g_new(int, 1);

        *value = sender->id * N_LETTERS + i;
        if (mailbox_post(sender->box, value))
            sender->n_taken++;
        else
            g_free(value);
    }
    return NULL;
}

START_TEST(letters_of_each_sender_arrive_in_order)
{
    struct mail mail = { 0 };
    struct sender senders[N_SENDERS];
    pthread_t threads[N_SENDERS];

    mail.box = mailbox_new(NULL, mail_arrived, drop_int, &mail);
    for (int i = 0; i < N_SENDERS; i++) {
        senders[i] = (struct sender){ mail.box, i, 0 };
        pthread_create(&threads[i], NULL, send_letters, &senders[i]);
    }
    while (mail.n_delivered < N_SENDERS * N_LETTERS)
        g_main_context_iteration(NULL, TRUE);
    for (int i = 0; i < N_SENDERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(mail.n_disorders, 0);
    mailbox_free(mail.box);
    ck_assert_int_eq(n_dropped, 0);
}
END_TEST

START_TEST(closing_meanwhile_drops_the_rest_and_refuses_later_ones)
{
    struct mail mail = { .close_at_once = true };
    struct sender senders[N_SENDERS];
    pthread_t threads[N_SENDERS];
    int n_taken = 0;

    mail.box = mailbox_new(NULL, mail_arrived, drop_int, &mail);
    for (int i = 0; i < N_SENDERS; i++) {
        senders[i] = (struct sender){ mail.box, i, 0 };
        pthread_create(&threads[i], NULL, send_letters, &senders[i]);
    }
    while (mail.n_delivered == 0)
        g_main_context_iteration(NULL, TRUE);
    for (int i = 0; i < N_SENDERS; i++) {
        pthread_join(threads[i], NULL);
        n_taken += senders[i].n_taken;
    }
    ck_assert_int_eq(mail.n_delivered, 1);
    ck_assert(!mailbox_post(mail.box, &mail));
    mailbox_free(mail.box);
    ck_assert_int_eq(n_dropped, n_taken - 1);
    mailbox_free(NULL);
}
END_TEST

SUITE_MAIN("work", SUITE_TEST(jobs_of_one_key_never_overlap_and_keep_their_order),
           SUITE_TEST(at_shutdown_every_job_is_done_exactly_once),
           SUITE_TEST(a_full_queue_refuses_and_says_its_depth),
           SUITE_TEST(a_blocked_key_does_not_block_the_others),
           SUITE_TEST(a_completion_may_submit_again), SUITE_TEST(workers_leave_signals_to_the_loop),
           SUITE_TEST(completions_run_in_the_given_context),
           SUITE_TEST(a_pool_that_is_retired_waits_for_nobody_and_goes_when_its_job_ends),
           SUITE_TEST(an_idle_pool_whose_thread_hangs_when_it_stops_is_retired_without_waiting),
           SUITE_TEST(an_idle_pool_that_is_retired_is_gone_when_its_threads_have_stopped),
           SUITE_TEST(a_thread_with_files_of_its_own_holds_none_of_the_process),
           SUITE_TEST(letters_of_each_sender_arrive_in_order),
           SUITE_TEST(closing_meanwhile_drops_the_rest_and_refuses_later_ones))
