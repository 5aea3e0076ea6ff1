/* auth.c - see auth.h.  The table is keyed by the token's hash: a look-up cannot leak a token by
 * its timing, and a memory dump holds none. */
#include "config.h"

#include "api/auth.h"

#include <pthread.h>
#include <string.h>

#include "base/rng.h"

#define TOKEN_BYTES  25
#define TOKEN_LENGTH 49 /* what FusionCompute 8 sends */

struct session {
    int64_t user_id;
    char *user;
    unsigned roles;
    int64_t used_ms;
    bool stored, fresh; /* fresh: used since the database was told */
};

struct Auth {
    struct auth_limits limits;
    pthread_mutex_t lock;
    GHashTable *sessions; /* hex SHA-256 of the token -> struct session */
};

static const struct {
    const char *name;
    unsigned roles;
} rights[N_RIGHTS] = { [RIGHT_NONE] = { "none", 0 },
                       [RIGHT_SESSION] = { "session", 0 },
#define X(right, text, roles) [right] = { text, (roles) | ROLE_ADMINISTRATOR },
                       RIGHTS(X)
#undef X
};

static const struct {
    const char *name, *description;
    unsigned bit;
} roles_known[] = {
#define X(role, bit, text, description) { text, description, role },
    ROLES(X)
#undef X
};

const char *right_name(enum right right)
{
    g_assert(right < N_RIGHTS);
    return rights[right].name;
}

unsigned roles_parse(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    unsigned bits = 0;

    for (size_t i = 0; words[i]; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(roles_known); k++) {
            if (g_str_equal(g_strstrip(words[i]), roles_known[k].name))
                bits |= roles_known[k].bit;
        }
    }
    return bits;
}

bool roles_allow(unsigned roles, enum right right)
{
    g_assert(right < N_RIGHTS);
    return right == RIGHT_NONE || right == RIGHT_SESSION || (roles & rights[right].roles);
}

bool role_nth(size_t i, const char **ret_name, const char **ret_description)
{
    if (i >= G_N_ELEMENTS(roles_known))
        return false;
    *ret_name = roles_known[i].name;
    *ret_description = roles_known[i].description;
    return true;
}

void auth_who_clear(struct auth_who *who)
{
    g_free(who->user);
    memset(who, 0, sizeof(*who));
}

static void session_free(void *data)
{
    struct session *session = data;

    g_free(session->user);
    g_free(session);
}

Auth *auth_new(const struct auth_limits *limits)
{
    Auth *auth = g_new0(Auth, 1);

    g_assert(limits->idle_ms > 0 && limits->max_sessions > 0 && limits->max_per_user > 0);
    auth->limits = *limits;
    pthread_mutex_init(&auth->lock, NULL);
    auth->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, session_free);
    return auth;
}

void auth_free(Auth *auth)
{
    if (!auth)
        return;
    g_hash_table_unref(auth->sessions);
    pthread_mutex_destroy(&auth->lock);
    g_free(auth);
}

int64_t auth_idle_ms(const Auth *auth)
{
    return auth->limits.idle_ms;
}

const struct auth_limits *auth_limits(const Auth *auth)
{
    return &auth->limits;
}

char *auth_token_new(void)
{
    char *token = rng_secret_hex(TOKEN_BYTES);

    token[TOKEN_LENGTH] = '\0';
    return token;
}

char *auth_token_hash(const char *token)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
}

/* Drops what has expired, and the longest idle session of all, or of the user, where a count has
 * reached its bound. */
static void make_room(Auth *auth, int64_t user_id, int64_t now_ms)
{
    const char *oldest = NULL, *oldest_own = NULL;
    int64_t oldest_ms = INT64_MAX, oldest_own_ms = INT64_MAX;
    size_t n_own = 0;
    GHashTableIter iter;
    void *key, *value;

    g_hash_table_iter_init(&iter, auth->sessions);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const struct session *session = value;

        if (now_ms - session->used_ms > auth->limits.idle_ms) {
            g_hash_table_iter_remove(&iter);
            continue;
        }
        if (session->used_ms < oldest_ms) {
            oldest = key;
            oldest_ms = session->used_ms;
        }
        if (session->user_id != user_id)
            continue;
        n_own++;
        if (session->used_ms < oldest_own_ms) {
            oldest_own = key;
            oldest_own_ms = session->used_ms;
        }
    }
    if (oldest_own && n_own >= auth->limits.max_per_user)
        g_hash_table_remove(auth->sessions, oldest_own);
    else if (oldest && g_hash_table_size(auth->sessions) >= auth->limits.max_sessions)
        g_hash_table_remove(auth->sessions, oldest);
}

void auth_admit(Auth *auth, const struct auth_session *admitted, int64_t now_ms)
{
    struct session *session = g_new0(struct session, 1);

    session->user_id = admitted->user_id;
    session->user = g_strdup(admitted->user);
    session->roles = roles_parse(admitted->roles);
    session->used_ms = admitted->used_ms;
    session->stored = admitted->stored;
    pthread_mutex_lock(&auth->lock);
    make_room(auth, admitted->user_id, now_ms);
    g_hash_table_replace(auth->sessions, g_strdup(admitted->hash), session);
    pthread_mutex_unlock(&auth->lock);
}

bool auth_check(Auth *auth, const char *token, int64_t now_ms, struct auth_who *ret_who)
{
    g_autofree char *hash = auth_token_hash(token);
    struct session *session;
    bool ok = false;

    pthread_mutex_lock(&auth->lock);
    session = g_hash_table_lookup(auth->sessions, hash);
    if (session && now_ms - session->used_ms <= auth->limits.idle_ms) {
        session->used_ms = MAX(session->used_ms, now_ms);
        session->fresh = true;
        ret_who->user_id = session->user_id;
        ret_who->user = g_strdup(session->user);
        ret_who->roles = session->roles;
        ok = true;
    } else if (session) {
        g_hash_table_remove(auth->sessions, hash);
    }
    pthread_mutex_unlock(&auth->lock);
    return ok;
}

bool auth_is_open(Auth *auth, const char *token, int64_t now_ms)
{
    g_autofree char *hash = auth_token_hash(token);
    const struct session *session;
    bool open;

    pthread_mutex_lock(&auth->lock);
    session = g_hash_table_lookup(auth->sessions, hash);
    open = session && now_ms - session->used_ms <= auth->limits.idle_ms;
    pthread_mutex_unlock(&auth->lock);
    return open;
}

void auth_close(Auth *auth, const char *token)
{
    g_autofree char *hash = auth_token_hash(token);

    pthread_mutex_lock(&auth->lock);
    g_hash_table_remove(auth->sessions, hash);
    pthread_mutex_unlock(&auth->lock);
}

void auth_close_user(Auth *auth, int64_t user_id, const char *keep_hash)
{
    GHashTableIter iter;
    void *key, *value;

    pthread_mutex_lock(&auth->lock);
    g_hash_table_iter_init(&iter, auth->sessions);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct session *session = value;

        if (session->user_id != user_id)
            continue;
        if (g_strcmp0(key, keep_hash) == 0)
            session->stored = false; /* the new password took the row away */
        else
            g_hash_table_iter_remove(&iter);
    }
    pthread_mutex_unlock(&auth->lock);
}

size_t auth_count(Auth *auth)
{
    size_t n;

    pthread_mutex_lock(&auth->lock);
    n = g_hash_table_size(auth->sessions);
    pthread_mutex_unlock(&auth->lock);
    return n;
}

static void free_news(void *data)
{
    struct auth_news *news = data;

    g_free(news->hash);
    g_free(news);
}

GPtrArray *auth_news(Auth *auth)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(free_news);
    GHashTableIter iter;
    void *key, *value;

    pthread_mutex_lock(&auth->lock);
    g_hash_table_iter_init(&iter, auth->sessions);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct session *session = value;
        struct auth_news *news;

        if (session->stored && !session->fresh)
            continue;
        session->fresh = false;
        news = g_new(struct auth_news, 1);
        *news = (struct auth_news){ g_strdup(key), session->user_id, session->used_ms,
                                    session->stored };
        g_ptr_array_add(list, news);
    }
    pthread_mutex_unlock(&auth->lock);
    return list;
}

void auth_news_written(Auth *auth, const GPtrArray *news, bool ok)
{
    pthread_mutex_lock(&auth->lock);
    for (guint i = 0; i < news->len; i++) {
        const struct auth_news *told = news->pdata[i];
        struct session *session = g_hash_table_lookup(auth->sessions, told->hash);

        if (session && ok)
            session->stored = true;
        else if (session)
            session->fresh = true;
    }
    pthread_mutex_unlock(&auth->lock);
}
