/* lv_guest.c - see lv.h: does the agent inside of a guest answer?
 *
 * A guest that hangs lets the question wait until libvirt gives up (ANSWER_S), so it has threads
 * and a connection of its own.  What the agent says is of no interest.  Silent is one that was
 * asked and did not answer; that we come to ask it late says nothing of it. */
#include "config.h"

#include <string.h>

#include "agent/lv.h"
#include "base/clock.h"

#define N_THREADS    4
#define ANSWER_S     5 /* libvirt would wait for ever */
#define ASK_EVERY_MS 10000
#define FORGET_MS    60000

struct guest {
    int64_t run_id;
    int64_t asked_ms;
    int64_t silent_ms; /* since the first question without an answer; 0: it answered the last */
    int64_t seen_ms;   /* somebody wanted to know */
    bool has_answered; /* in this run */
    bool asking;
};

struct question {
    Lv *lv;
    char uuid[VIR_UUID_STRING_BUFLEN];
    int64_t run_id;
    bool answered;
    bool has_none; /* no agent there */
};

/* Our own connection; a broken one is replaced.  Mutex not held. */
static virConnectPtr connection(Lv *lv)
{
    virConnectPtr conn = NULL, fresh;

    pthread_mutex_lock(&lv->mutex);
    if (lv->guest_conn && virConnectIsAlive(lv->guest_conn) == 1) {
        conn = lv->guest_conn;
        virConnectRef(conn);
    }
    pthread_mutex_unlock(&lv->mutex);
    if (conn)
        return conn;
    fresh = lv_open(lv->uri, NULL);
    if (!fresh)
        return NULL;
    virConnectRef(fresh);
    pthread_mutex_lock(&lv->mutex);
    conn = lv->guest_conn;
    lv->guest_conn = fresh;
    pthread_mutex_unlock(&lv->mutex);
    lv_close(conn);
    return fresh;
}

/* libvirt has one code for an agent that is not there and for one that does not answer. */
static bool says_that_there_is_none(void)
{
    const virError *last = virGetLastError();

    return last && (last->code != VIR_ERR_AGENT_UNRESPONSIVE ||
                    (last->message && strstr(last->message, "not connected")));
}

/* From now on its silence counts. */
static void begin_silence(const struct question *question)
{
    struct guest *guest;

    pthread_mutex_lock(&question->lv->mutex);
    guest = g_hash_table_lookup(question->lv->guests, question->uuid);
    if (guest && guest->run_id == question->run_id && guest->silent_ms == 0)
        guest->silent_ms = clock_now_ms();
    pthread_mutex_unlock(&question->lv->mutex);
}

static void question_run(void *thread_state, void *data)
{
    struct question *question = data;
    g_autoptr(virConnect) conn = connection(question->lv);
    g_autoptr(virDomain) domain = conn ? lv_domain(conn, question->uuid, NULL) : NULL;
    long long seconds;
    unsigned nanoseconds;

    (void)thread_state;
    if (!domain)
        return;
    (void)virDomainAgentSetResponseTimeout(domain, ANSWER_S, 0);
    begin_silence(question);
    question->answered = virDomainGetTime(domain, &seconds, &nanoseconds, 0) == 0;
    question->has_none = !question->answered && says_that_there_is_none();
}

/* Loop. */
static void question_done(void *data, bool ran)
{
    struct question *question = data;
    Lv *lv = question->lv;
    struct guest *guest;

    (void)ran;
    pthread_mutex_lock(&lv->mutex);
    guest = g_hash_table_lookup(lv->guests, question->uuid);
    if (guest)
        guest->asking = false;
    if (guest && guest->run_id == question->run_id) {
        guest->has_answered = question->answered || (guest->has_answered && !question->has_none);
        if (question->answered || !guest->has_answered)
            guest->silent_ms = 0;
    }
    pthread_mutex_unlock(&lv->mutex);
    g_free(question);
}

static struct guest *guest_of(Lv *lv, const char *uuid, int64_t run_id)
{
    struct guest *guest = g_hash_table_lookup(lv->guests, uuid);

    if (!guest) {
        guest = g_new0(struct guest, 1);
        g_hash_table_insert(lv->guests, g_strdup(uuid), guest);
    }
    if (guest->run_id != run_id) {
        guest->run_id = run_id;
        guest->silent_ms = 0;
        guest->has_answered = false;
    }
    return guest;
}

static void ask(Lv *lv, const char *uuid, int64_t run_id)
{
    struct question *question = g_new0(struct question, 1);

    question->lv = lv;
    question->run_id = run_id;
    g_strlcpy(question->uuid, uuid, sizeof(question->uuid));
    if (!work_pool_submit(lv->guest_pool, NULL, question_run, question_done, question))
        g_free(question);
}

int64_t lv_guest_age_ms(Lv *lv, const char *uuid, int64_t run_id, bool *ret_answers)
{
    const int64_t now_ms = clock_now_ms();
    struct guest *guest;
    int64_t age_ms;
    bool is_time;

    pthread_mutex_lock(&lv->mutex);
    guest = guest_of(lv, uuid, run_id);
    guest->seen_ms = now_ms;
    is_time = !guest->asking && now_ms - guest->asked_ms >= ASK_EVERY_MS;
    if (is_time) {
        guest->asking = true;
        guest->asked_ms = now_ms;
    }
    age_ms = guest->has_answered && guest->silent_ms > 0 ? MAX(now_ms - guest->silent_ms, 0) : 0;
    *ret_answers = guest->has_answered && age_ms <= INT64_C(1000) * ANSWER_S;
    pthread_mutex_unlock(&lv->mutex);
    if (is_time)
        ask(lv, uuid, run_id);
    return age_ms;
}

void lv_guest_tidy(Lv *lv)
{
    const int64_t now_ms = clock_now_ms();
    GHashTableIter iter;
    gpointer value;

    pthread_mutex_lock(&lv->mutex);
    g_hash_table_iter_init(&iter, lv->guests);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct guest *guest = value;

        if (!guest->asking && now_ms - guest->seen_ms > FORGET_MS)
            g_hash_table_iter_remove(&iter);
    }
    pthread_mutex_unlock(&lv->mutex);
}

void lv_guest_init(Lv *lv)
{
    const struct work_pool_options options = { .name = "guest", .n_threads = N_THREADS };

    lv->guest_pool = work_pool_new(&options);
    lv->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

bool lv_guest_end(Lv *lv)
{
    if (work_pool_depth(lv->guest_pool) > 0)
        return false;
    work_pool_free(lv->guest_pool);
    lv_close(lv->guest_conn);
    g_hash_table_unref(lv->guests);
    return true;
}
