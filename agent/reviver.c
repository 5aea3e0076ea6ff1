/* reviver.c - see reviver.h. */
#include "config.h"

#include "agent/reviver.h"

#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/work.h"

#define LOOK_MS  1000
#define ASK_MS   5000
#define STALL_MS 3000 /* between two looks: then it was us, or the whole host */
#define CALM_MS  (INT64_C(15) * 60 * 1000)
#define MOST     5 /* doublings */

struct Reviver {
    struct hv hv;
    int64_t hang_ms;
    char *command;
    void (*revived)(void *user);
    void *user;
    WorkPool *pool;
    guint timer;
    bool is_asking;
    int64_t asked_ms;
    int64_t n_revived;
    struct reviver_judge judge;
};

/* ---- the judgement ----------------------------------------------------------------------------
 */

bool reviver_judge_look(struct reviver_judge *judge, int64_t since_ms, int64_t hang_ms,
                        int64_t now_ms)
{
    if (judge->look_ms == 0 || now_ms - judge->look_ms > STALL_MS)
        judge->origin_ms = now_ms;
    judge->look_ms = now_ms;
    if (now_ms - judge->revived_ms > CALM_MS + (hang_ms << MOST))
        judge->n_revived = 0;
    if (since_ms == 0 ||
        now_ms - MAX(since_ms, judge->origin_ms) < hang_ms << MIN(judge->n_revived, MOST))
        return false;
    judge->origin_ms = judge->revived_ms = now_ms;
    judge->n_revived++;
    return true;
}

/* ---- the command ------------------------------------------------------------------------------
 */

char *reviver_wrong_command(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;

    if (!*text || g_shell_parse_argv(text, NULL, &argv, &error))
        return NULL;
    return g_strdup_printf("cannot be split into words: %s", error->message);
}

static void on_ended(GPid pid, int status, gpointer user)
{
    g_autoptr(GError) error = NULL;

    (void)user;
    g_spawn_close_pid(pid);
    if (!g_spawn_check_wait_status(status, &error))
        log_error("libvirtd could not be ended: its restart command failed", "REASON",
                  error->message, NULL);
}

static void revive(Reviver *reviver)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;
    GPid pid;

    log_error("libvirtd does not answer: it is started anew, VMs are not touched", "COMMAND",
              reviver->command, NULL);
    if (!g_shell_parse_argv(reviver->command, NULL, &argv, &error) ||
        !g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                       NULL, &pid, &error)) {
        log_error("libvirtd could not be ended: its restart command cannot be run", "REASON",
                  error->message, NULL);
        return;
    }
    g_child_watch_add(pid, on_ended, NULL);
    reviver->n_revived++;
    reviver->revived(reviver->user);
}

/* ---- the question -----------------------------------------------------------------------------
 */

static void ask_run(void *thread_state, void *data)
{
    const Reviver *reviver = data;

    (void)thread_state;
    reviver->hv.ops->probe(reviver->hv.data);
}

/* An error is an answer, too: then it is dead, or refuses us, and does not hang. */
static void ask_done(void *data, bool ran)
{
    Reviver *reviver = data;

    (void)ran;
    reviver->is_asking = false;
}

static void ask(Reviver *reviver, int64_t now_ms)
{
    reviver->asked_ms = now_ms;
    reviver->is_asking = work_pool_submit(reviver->pool, NULL, ask_run, ask_done, reviver);
}

static gboolean on_look(gpointer user)
{
    Reviver *reviver = user;
    const int64_t now_ms = clock_now_ms();
    const int64_t since_ms = reviver->is_asking ? reviver->asked_ms : 0;

    if (reviver_judge_look(&reviver->judge, since_ms, reviver->hang_ms, now_ms))
        revive(reviver);
    if (!reviver->is_asking && now_ms - reviver->asked_ms >= ASK_MS)
        ask(reviver, now_ms);
    return G_SOURCE_CONTINUE;
}

/* ---- life -------------------------------------------------------------------------------------
 */

Reviver *reviver_new(const struct reviver_options *options)
{
    const struct work_pool_options pool = { .name = "probe", .n_threads = 1 };
    Reviver *reviver = g_new0(Reviver, 1);

    *reviver = (Reviver){
        .hv = *options->hv,
        .hang_ms = options->hang_ms,
        .command = g_strdup(options->command),
        .revived = options->revived,
        .user = options->user,
        .pool = work_pool_new(&pool),
    };
    if (reviver->hang_ms > 0 && *reviver->command)
        reviver->timer = g_timeout_add(LOOK_MS, on_look, reviver);
    return reviver;
}

bool reviver_is_idle(const Reviver *reviver)
{
    return !reviver || work_pool_depth(reviver->pool) == 0;
}

bool reviver_free(Reviver *reviver)
{
    if (!reviver)
        return true;
    if (reviver->timer)
        g_source_remove(reviver->timer);
    reviver->timer = 0;
    if (!reviver_is_idle(reviver))
        return false;
    work_pool_free(reviver->pool);
    g_free(reviver->command);
    g_free(reviver);
    return true;
}

int64_t reviver_count(const Reviver *reviver)
{
    return reviver->n_revived;
}
