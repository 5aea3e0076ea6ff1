/* child.c - see child.h. */
#include "config.h"

#include "controller/child.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

struct Child {
    GPid pid;
    int out;
    guint watch, reader, timer;
    GString *output;
    bool timed_out;
    child_done_fn done;
    void *user;
};

static void drop_source(guint *id)
{
    if (*id)
        g_source_remove(*id);
    *id = 0;
}

static void free_child(Child *child)
{
    drop_source(&child->watch);
    drop_source(&child->reader);
    drop_source(&child->timer);
    if (child->out >= 0)
        (void)close(child->out);
    g_spawn_close_pid(child->pid);
    (void)g_string_free(child->output, TRUE);
    g_free(child);
}

/* Its own process group, so that what it starts can be ended with it.  Between fork and exec: only
 * calls that signal handlers may make. */
static void enter_group(void *unused)
{
    (void)unused;
    (void)setpgid(0, 0);
    (void)dup2(STDOUT_FILENO, STDERR_FILENO);
}

/* What is there now; false at the end. */
static bool read_some(Child *child)
{
    char buffer[1024];
    ssize_t n;

    while ((n = read(child->out, buffer, sizeof(buffer))) > 0) {
        size_t room = CHILD_OUTPUT_MAX - child->output->len;

        g_string_append_len(child->output, buffer, (gssize)MIN((size_t)n, room));
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static gboolean on_output(int fd, GIOCondition condition, void *user)
{
    Child *child = user;

    (void)fd, (void)condition;
    if (read_some(child))
        return G_SOURCE_CONTINUE;
    child->reader = 0;
    return G_SOURCE_REMOVE;
}

static gboolean on_limit(void *user)
{
    Child *child = user;

    child->timer = 0;
    child->timed_out = true;
    (void)kill(-child->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

static void on_exit_of(GPid pid, int status, void *user)
{
    Child *child = user;
    struct child_result result;

    (void)pid;
    child->watch = 0;
    (void)read_some(child);
    result = (struct child_result){ .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                                    .timed_out = child->timed_out,
                                    .output = child->output->str };
    child->done(&result, child->user);
    free_child(child);
}

/* At most CHILD_INPUT_MAX: a pipe takes it at once, whether the program reads or not. */
static void write_input(int fd, const char *input)
{
    ssize_t n = write(fd, input, strlen(input));

    (void)n; /* a program that reads nothing will say why by its exit */
    (void)close(fd);
}

static bool spawn(const char *const *argv, Child *child, int *ret_in, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) copy = g_strdupv((char **)(uintptr_t)argv);

    if (g_spawn_async_with_pipes(NULL, copy, NULL, G_SPAWN_DO_NOT_REAP_CHILD, enter_group, NULL,
                                 &child->pid, ret_in, &child->out, NULL, &cause))
        return true;
    err_set(error, VRM_ERR_UNAVAILABLE, "%s cannot be started: %s", argv[0], cause->message);
    return false;
}

Child *child_start(const char *const *argv, const char *input, int64_t limit_ms, child_done_fn done,
                   void *user, GError **error)
{
    Child *child = g_new0(Child, 1);
    int in = -1;

    g_assert(strlen(input) <= CHILD_INPUT_MAX);
    if (!spawn(argv, child, &in, error)) {
        g_free(child);
        return NULL;
    }
    child->done = done;
    child->user = user;
    child->output = g_string_new(NULL);
    write_input(in, input);
    (void)g_unix_set_fd_nonblocking(child->out, TRUE, NULL);
    child->reader = g_unix_fd_add(child->out, G_IO_IN | G_IO_HUP, on_output, child);
    child->watch = g_child_watch_add(child->pid, on_exit_of, child);
    child->timer = g_timeout_add((guint)limit_ms, on_limit, child);
    return child;
}

static void reap(GPid pid, int status, void *user)
{
    (void)status, (void)user;
    g_spawn_close_pid(pid);
}

void child_kill(Child *child)
{
    if (!child)
        return;
    (void)kill(-child->pid, SIGKILL);
    drop_source(&child->watch);
    (void)g_child_watch_add(child->pid, reap, NULL);
    free_child(child);
}
