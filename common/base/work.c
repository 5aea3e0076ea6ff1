/* work.c - see work.h.
 *
 * A pool keeps lanes, not jobs: a lane holds the jobs of one key (or one job without a key) in
 * order and is worked on by at most one thread.  Lanes that have work and no worker wait in a
 * queue; a lane goes to its end after each job, so a busy key cannot starve the others. */
#include "config.h"

#include "base/work.h"

#include <errno.h>
#include <glib-unix.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- a bell: wakes the loop from any thread ------------------------------------------------- */

struct bell {
    int fd;
    GSource *source;
};

static void bell_init(struct bell *bell, GMainContext *context, GUnixFDSourceFunc rang, void *user)
{
    GSourceFunc func;

    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->fd < 0)
        g_error("eventfd: %s", g_strerror(errno)); /* like out of memory: only at start */
    bell->source = g_unix_fd_source_new(bell->fd, G_IO_IN);
    memcpy(&func, &rang, sizeof(func)); /* GLib's own convention, without its cast warning */
    g_source_set_callback(bell->source, func, user, NULL);
    g_source_attach(bell->source, context);
}

static void bell_clear(struct bell *bell)
{
    g_source_destroy(bell->source);
    g_source_unref(bell->source);
    close(bell->fd);
}

static void bell_ring(const struct bell *bell)
{
    uint64_t one = 1;
    ssize_t n = write(bell->fd, &one, sizeof(one));

    (void)n; /* EAGAIN: the counter is full, so it rings already */
}

static void bell_answer(const struct bell *bell)
{
    uint64_t count;
    ssize_t n = read(bell->fd, &count, sizeof(count));

    (void)n; /* EAGAIN: answered before */
}

/* --- pool ------------------------------------------------------------------------------------ */

struct job {
    work_run_fn run;
    work_done_fn done;
    void *data;
    bool ran;
    struct job *next;
};

struct job_list {
    struct job *head, *tail;
};

struct lane {
    char *key; /* NULL: not in lanes */
    struct job_list jobs;
    struct lane *next;
};

struct WorkPool {
    struct bell bell;
    pthread_t *threads;
    unsigned n_threads, max_queued;
    void *(*thread_start)(void *user);
    void (*thread_stop)(void *thread_state);
    void *user;
    bool own_files;
    bool delivering;          /* loop thread only */
    bool retired;             /* loop thread only */
    void (*gone)(void *user); /* of a retired one */
    void *gone_user;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;
    unsigned n_alive;  /* threads that have not ended */
    GHashTable *lanes; /* key -> lane, while it has or runs a job */
    struct lane *ready_head, *ready_tail;
    struct job_list completed;
    unsigned n_queued, n_running;
    bool stopping;
};

static void push_job(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->tail)
        list->tail->next = job;
    else
        list->head = job;
    list->tail = job;
}

static struct job *pop_job(struct job_list *list)
{
    struct job *job = list->head;

    if (!job)
        return NULL;
    list->head = job->next;
    if (!list->head)
        list->tail = NULL;
    return job;
}

static void push_lane(WorkPool *pool, struct lane *lane)
{
    lane->next = NULL;
    if (pool->ready_tail)
        pool->ready_tail->next = lane;
    else
        pool->ready_head = lane;
    pool->ready_tail = lane;
}

static struct lane *pop_lane(WorkPool *pool)
{
    struct lane *lane = pool->ready_head;

    pool->ready_head = lane->next;
    if (!pool->ready_head)
        pool->ready_tail = NULL;
    return lane;
}

static void free_lane(WorkPool *pool, struct lane *lane)
{
    if (lane->key)
        g_hash_table_remove(pool->lanes, lane->key);
    g_free(lane->key);
    g_free(lane);
}

/* Locked, and locked again on return; unlocked while the job runs. */
static void run_one(WorkPool *pool, void *thread_state)
{
    struct lane *lane = pop_lane(pool);
    struct job *job = pop_job(&lane->jobs);

    pool->n_queued--;
    pool->n_running++;
    pthread_mutex_unlock(&pool->lock);
    job->run(thread_state, job->data);
    pthread_mutex_lock(&pool->lock);
    pool->n_running--;
    job->ran = true;
    push_job(&pool->completed, job);
    bell_ring(&pool->bell);
    if (!lane->jobs.head) {
        free_lane(pool, lane);
        return;
    }
    push_lane(pool, lane);
    pthread_cond_signal(&pool->wake);
}

/* Not through close(): to a race detector, this thread would close the others' files. */
static void close_between(unsigned first, unsigned last)
{
    if (first <= last)
        (void)syscall(SYS_close_range, first, last, 0);
}

/* Where that is not allowed, the thread goes on with the process's table. */
static void take_own_files(const struct bell *bell)
{
    const unsigned first = STDERR_FILENO + 1, kept = (unsigned)bell->fd;

    if (unshare(CLONE_FILES) != 0)
        return;
    close_between(first, kept - 1);
    close_between(kept + 1, UINT_MAX);
}

static void *work_thread(void *arg)
{
    WorkPool *pool = arg;
    void *state;

    if (pool->own_files)
        take_own_files(&pool->bell);
    state = pool->thread_start ? pool->thread_start(pool->user) : NULL;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stopping && !pool->ready_head)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stopping)
            break;
        run_one(pool, state);
    }
    pthread_mutex_unlock(&pool->lock);
    if (pool->thread_stop)
        pool->thread_stop(state);
    pthread_mutex_lock(&pool->lock);
    pool->n_alive--;
    bell_ring(&pool->bell); /* below the lock: afterwards the pool may be gone */
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals belong to the loop: workers start with all of them blocked. */
static void start_threads(WorkPool *pool, const char *name, size_t stack_size)
{
    pthread_attr_t attr;
    sigset_t all, old;

    pthread_attr_init(&attr);
    if (stack_size > 0)
        pthread_attr_setstacksize(&attr, stack_size);
    pool->n_alive = pool->n_threads;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < pool->n_threads; i++) {
        g_autofree char *title = g_strdup_printf("%.12s-%u", name, i);
        int rc = pthread_create(&pool->threads[i], &attr, work_thread, pool);

        if (rc != 0)
            g_error("pthread_create: %s", g_strerror(rc)); /* like out of memory: only at start */
        title[MIN(strlen(title), 15)] = '\0';              /* the kernel's limit */
        pthread_setname_np(pool->threads[i], title);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
}

/* One batch: what completes meanwhile rings again, so the loop gets a turn in between. */
static void deliver_completed(WorkPool *pool)
{
    struct job_list batch;
    struct job *job;

    pthread_mutex_lock(&pool->lock);
    batch = pool->completed;
    pool->completed = (struct job_list){ NULL, NULL };
    pthread_mutex_unlock(&pool->lock);
    pool->delivering = true;
    while ((job = pop_job(&batch)) != NULL) {
        job->done(job->data, job->ran);
        g_free(job);
    }
    pool->delivering = false;
}

static void end_pool(WorkPool *pool);

static bool has_ended(WorkPool *pool)
{
    bool ended;

    pthread_mutex_lock(&pool->lock);
    ended = pool->n_alive == 0;
    pthread_mutex_unlock(&pool->lock);
    return ended;
}

static gboolean pool_rang(gint fd, GIOCondition condition, gpointer user)
{
    WorkPool *pool = user;

    (void)fd;
    (void)condition;
    bell_answer(&pool->bell); /* before looking: what comes later rings again */
    deliver_completed(pool);
    if (!pool->retired || !has_ended(pool))
        return G_SOURCE_CONTINUE;
    end_pool(pool);
    return G_SOURCE_REMOVE;
}

WorkPool *work_pool_new(const struct work_pool_options *options)
{
    WorkPool *pool = g_new0(WorkPool, 1);

    g_assert(options->n_threads >= 1);
    pool->n_threads = options->n_threads;
    pool->max_queued = options->max_queued;
    pool->thread_start = options->thread_start;
    pool->thread_stop = options->thread_stop;
    pool->user = options->user;
    pool->own_files = options->own_files;
    pool->threads = g_new0(pthread_t, options->n_threads);
    pool->lanes = g_hash_table_new(g_str_hash, g_str_equal);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    bell_init(&pool->bell, options->context, pool_rang, pool);
    start_threads(pool, options->name, options->stack_size);
    return pool;
}

/* The lane for the key, made and queued if there is none; locked. */
static struct lane *lane_for(WorkPool *pool, const char *key)
{
    struct lane *lane = key ? g_hash_table_lookup(pool->lanes, key) : NULL;

    if (lane)
        return lane;
    lane = g_new0(struct lane, 1);
    lane->key = g_strdup(key);
    if (key)
        g_hash_table_insert(pool->lanes, lane->key, lane);
    push_lane(pool, lane);
    return lane;
}

bool work_pool_submit(WorkPool *pool, const char *key, work_run_fn run, work_done_fn done,
                      void *data)
{
    struct job *job = NULL;

    pthread_mutex_lock(&pool->lock);
    if (!pool->stopping && (pool->max_queued == 0 || pool->n_queued < pool->max_queued)) {
        job = g_new0(struct job, 1);
        *job = (struct job){ .run = run, .done = done, .data = data };
        push_job(&lane_for(pool, key)->jobs, job);
        pool->n_queued++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    return job != NULL;
}

unsigned work_pool_depth(WorkPool *pool)
{
    unsigned depth;

    pthread_mutex_lock(&pool->lock);
    depth = pool->n_queued + pool->n_running;
    pthread_mutex_unlock(&pool->lock);
    return depth;
}

/* Once no thread works any more: what they left counts as completed without having run. */
static void drop_queued(WorkPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->ready_head) {
        struct lane *lane = pop_lane(pool);
        struct job *job;

        while ((job = pop_job(&lane->jobs)) != NULL)
            push_job(&pool->completed, job);
        free_lane(pool, lane);
    }
    pool->n_queued = 0;
    pthread_mutex_unlock(&pool->lock);
}

static void tell_threads(WorkPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* Its threads are joined, or detached and past all that they do here. */
static void end_pool(WorkPool *pool)
{
    void (*gone)(void *user) = pool->gone;
    void *gone_user = pool->gone_user;

    drop_queued(pool);
    deliver_completed(pool);
    bell_clear(&pool->bell);
    g_hash_table_destroy(pool->lanes);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool->threads);
    g_free(pool);
    if (gone)
        gone(gone_user);
}

void work_pool_free(WorkPool *pool)
{
    if (!pool)
        return;
    g_assert(!pool->delivering && !pool->retired);
    tell_threads(pool);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    end_pool(pool);
}

void work_pool_retire(WorkPool *pool, void (*gone)(void *user), void *user)
{
    g_assert(!pool->delivering && !pool->retired);
    pool->gone = gone;
    pool->gone_user = user;
    pool->retired = true;
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_detach(pool->threads[i]);
    tell_threads(pool); /* the last one's bell ends the pool */
}

/* --- mailbox --------------------------------------------------------------------------------- */

struct letter {
    void *message;
    struct letter *next;
};

struct Mailbox {
    struct bell bell;
    mailbox_fn deliver;
    GDestroyNotify drop;
    void *user;
    bool delivering; /* loop thread only */

    pthread_mutex_t lock; /* everything below */
    struct letter *head, *tail;
    unsigned n_letters;
    bool closed;
};

static bool pop_letter(Mailbox *box, void **ret_message)
{
    struct letter *letter;

    pthread_mutex_lock(&box->lock);
    letter = box->head;
    if (letter) {
        box->head = letter->next;
        if (!box->head)
            box->tail = NULL;
        box->n_letters--;
    }
    pthread_mutex_unlock(&box->lock);
    if (!letter)
        return false;
    *ret_message = letter->message;
    g_free(letter);
    return true;
}

/* No more than there were at the start: senders that answer each delivery with a new message must
 * not keep the loop here for ever. */
static gboolean mailbox_rang(gint fd, GIOCondition condition, gpointer user)
{
    Mailbox *box = user;
    void *message;
    unsigned n;

    (void)fd;
    (void)condition;
    bell_answer(&box->bell);
    pthread_mutex_lock(&box->lock);
    n = box->n_letters;
    pthread_mutex_unlock(&box->lock);
    box->delivering = true;
    while (n-- > 0 && pop_letter(box, &message))
        box->deliver(message, box->user);
    box->delivering = false;
    return G_SOURCE_CONTINUE;
}

Mailbox *mailbox_new(GMainContext *context, mailbox_fn deliver, GDestroyNotify drop, void *user)
{
    Mailbox *box = g_new0(Mailbox, 1);

    box->deliver = deliver;
    box->drop = drop;
    box->user = user;
    pthread_mutex_init(&box->lock, NULL);
    bell_init(&box->bell, context, mailbox_rang, box);
    return box;
}

bool mailbox_post(Mailbox *box, void *message)
{
    bool taken = false;

    pthread_mutex_lock(&box->lock);
    if (!box->closed) {
        struct letter *letter = g_new0(struct letter, 1);

        letter->message = message;
        if (box->tail)
            box->tail->next = letter;
        else
            box->head = letter;
        box->tail = letter;
        box->n_letters++;
        bell_ring(&box->bell);
        taken = true;
    }
    pthread_mutex_unlock(&box->lock);
    return taken;
}

void mailbox_close(Mailbox *box)
{
    void *message;

    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_mutex_unlock(&box->lock);
    while (pop_letter(box, &message)) {
        if (box->drop)
            box->drop(message);
    }
}

void mailbox_free(Mailbox *box)
{
    if (!box)
        return;
    g_assert(!box->delivering);
    mailbox_close(box);
    bell_clear(&box->bell);
    pthread_mutex_destroy(&box->lock);
    g_free(box);
}
