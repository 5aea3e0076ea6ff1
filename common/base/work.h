/* work.h - worker threads; the only thread code of the project (besides libmicrohttpd's own).
 *
 * Jobs run on a pool's threads; their completion runs on the thread that owns the GLib main context
 * given at creation.  Jobs with the same key never overlap and keep their order.  pthread mutex,
 * condition and an eventfd: GLib's own queues are invisible to ThreadSanitizer. */
#ifndef VRM_BASE_WORK_H
#define VRM_BASE_WORK_H

#include <glib.h>
#include <stdbool.h>

typedef struct WorkPool WorkPool;

/* Runs on a worker.  thread_state is what the pool's start function returned for this thread. */
typedef void (*work_run_fn)(void *thread_state, void *data);
/* Runs on the loop afterwards, always exactly once, also for jobs that were dropped at shutdown
 * (ran = false).  Owns data from now on. */
typedef void (*work_done_fn)(void *data, bool ran);

struct work_pool_options {
    const char *name;                  /* thread names: name-0, name-1, ... */
    unsigned n_threads;                /* >= 1 */
    unsigned max_queued;               /* work_pool_submit refuses beyond it; 0: no bound */
    void *(*thread_start)(void *user); /* on each worker before its first job; may be NULL */
    void (*thread_stop)(void *thread_state);
    void *user;
    GMainContext *context; /* completions run here; NULL: default context */
    size_t stack_size;     /* of each thread; 0: the system's default */
    /* Each thread has a table of open files of its own, with nothing in it but the standard ones:
     * one that a dead disk holds in the kernel for ever must not keep the locks, sockets and
     * devices of a process that ended.  What a job opens is open for later jobs of the thread. */
    bool own_files;
};

WorkPool *work_pool_new(const struct work_pool_options *options);

/* key (copied) may be NULL: no ordering.  False, and nothing is called, if the queue is full or the
 * pool is stopping.  Any thread. */
bool work_pool_submit(WorkPool *pool, const char *key, work_run_fn run, work_done_fn done,
                      void *data);

/* Queued and running jobs; any thread. */
unsigned work_pool_depth(WorkPool *pool);

/* Waits for running jobs, drops queued ones (their done is called with ran = false, after those
 * that ran), runs the outstanding completions.  Loop thread, not from inside a completion; nobody
 * may submit any more.  NULL is fine. */
void work_pool_free(WorkPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WorkPool, work_pool_free)

/* Never waits, not even for an idle thread: what thread_stop closes may hang, too.  The running
 * jobs go on, their done is called when they end, whenever that is, then those of the queued ones
 * (ran = false), and once every thread has stopped the pool is gone.  gone (may be NULL) is called
 * last, from the loop, after this has returned, or never.  Loop thread, not from inside a
 * completion; nobody may submit any more. */
void work_pool_retire(WorkPool *pool, void (*gone)(void *user), void *user);

/* A mailbox from any thread to the loop: the one way in for API threads and callbacks.  Messages of
 * one sender keep their order. */
typedef struct Mailbox Mailbox;
typedef void (*mailbox_fn)(void *message, void *user); /* loop thread; owns message */
/* context NULL: default context.  drop frees a message that is never delivered; may be NULL. */
Mailbox *mailbox_new(GMainContext *context, mailbox_fn deliver, GDestroyNotify drop, void *user);
/* Any thread.  False (message not taken) once the mailbox is closed. */
bool mailbox_post(Mailbox *box, void *message);
/* Drops what is left; later posts are refused.  Loop thread, also from inside a delivery. */
void mailbox_close(Mailbox *box);
/* Loop thread, not from inside a delivery; nobody may post any more.  NULL is fine. */
void mailbox_free(Mailbox *box);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mailbox, mailbox_free)

#endif /* VRM_BASE_WORK_H */
