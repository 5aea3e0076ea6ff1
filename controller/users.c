/* users.c - see users.h. */
#include "config.h"

#include "controller/users.h"

#include <crypt.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "model/reason.h"

#define FIRST_USER   "admin"
#define FIRST_ROLE   "administrator"
#define PASSWORD_MIN 8
#define PASSWORD_MAX 256

struct change;

struct Users {
    struct app *app;
    GPtrArray *list;
    struct change *first; /* the first user on its way; NULL: none */
};

/* ---- hashing (hash workers) -------------------------------------------------------------------
 */

static bool is_sha256_hex(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

/* Clients send the password or its SHA-256; what is stored is derived from the latter. */
static char *digest_of_key(const char *key, bool already_digest)
{
    if (already_digest)
        return g_ascii_strdown(key, -1);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
}

static bool matches(const char *digest, const char *hash)
{
    struct crypt_data data = { 0 };
    const char *again = crypt_r(digest, hash, &data);
    size_t len = strlen(hash);
    unsigned char differs = 0;

    if (!again || strlen(again) != len)
        return false;
    for (size_t i = 0; i < len; i++) /* in constant time */
        differs |= (unsigned char)(again[i] ^ hash[i]);
    return differs == 0;
}

static bool check_key(const char *key, const char *hash)
{
    g_autofree char *as_password = digest_of_key(key, false);
    g_autofree char *as_digest = digest_of_key(key, true);

    return (is_sha256_hex(key) && matches(as_digest, hash)) || matches(as_password, hash);
}

/* NULL: libcrypt cannot make such hashes. */
static char *hash_password(const char *password)
{
    struct crypt_data data = { 0 };
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char salt[16];
    const char *hash = NULL;
    g_autofree char *digest = digest_of_key(password, false);

    rng_secret(salt, sizeof(salt));
    if (crypt_gensalt_rn("$y$", 0, salt, sizeof(salt), setting, sizeof(setting)))
        hash = crypt_r(digest, setting, &data);
    return hash && *hash == '$' ? g_strdup(hash) : NULL; /* failures begin with '*' */
}

/* ---- log-in -----------------------------------------------------------------------------------
 */

struct login {
    Users *users;
    char *name, *key, *hash;
    bool ok;
    users_login_fn done;
    void *user;
};

static User *find_user(const Users *users, const char *name)
{
    for (guint i = 0; i < users->list->len; i++) {
        User *found = users->list->pdata[i];

        if (g_ascii_strcasecmp(found->name, name) == 0)
            return found;
    }
    return NULL;
}

static void free_login(struct login *login)
{
    g_free(login->name);
    g_free(login->key);
    g_free(login->hash);
    g_free(login);
}

static void run_login(void *thread_state, void *data)
{
    struct login *login = data;

    (void)thread_state;
    login->ok = check_key(login->key, login->hash);
}

struct note {
    int64_t id, failed, locked_until_ms;
};

static bool write_note(Db *db, void *data, GError **error)
{
    const struct note *note = data;

    return store_user_note_login(db, note->id, note->failed, note->locked_until_ms, error);
}

struct note_job {
    int64_t epoch;
    struct note note;
};

static bool run_note(Db *db, void *data, GError **error)
{
    struct note_job *job = data;

    return db_write(db, job->epoch, write_note, &job->note, error);
}

static void noted(const GError *error, void *data)
{
    if (error) /* the copy in memory still counts */
        log_debug("a log-in could not be noted", "REASON", error->message, NULL);
    g_free(data);
}

static void note_login(Users *users, const User *found)
{
    struct app *app = users->app;
    struct note_job *job;
    int64_t epoch = app->committer.epoch(app->committer.user);

    if (epoch == 0)
        return;
    job = g_new(struct note_job, 1);
    *job = (struct note_job){ epoch, { found->id, found->failed_logins, found->locked_until_ms } };
    dbq_submit(app->dbq, "users", run_note, noted, job);
}

static void refuse_login(struct login *login, int64_t retry_ms)
{
    g_autoptr(GError) error = NULL;

    if (retry_ms > 0)
        err_set_reason(&error, VRM_ERR_DENIED, REASON_LOGIN_LOCKED, NULL,
                       "user %s is locked for %" G_GINT64_FORMAT " s after %d failed log-ins",
                       login->name, (retry_ms + 999) / 1000, USERS_MAX_FAILURES);
    else
        err_set_reason(&error, VRM_ERR_DENIED, REASON_LOGIN_FAILED, NULL,
                       "the user name or password is wrong");
    login->done(NULL, retry_ms, error, login->user);
    free_login(login);
}

static void count_failure(Users *users, User *found)
{
    found->failed_logins++;
    if (found->failed_logins >= USERS_MAX_FAILURES) {
        found->locked_until_ms = clock_wall_ms() + USERS_LOCK_MS;
        found->failed_logins = 0;
        log_warning("user locked after failed log-ins", "USER", found->name, NULL);
    }
    note_login(users, found);
}

/* Nobody looked at the password. */
static void give_up_login(struct login *login)
{
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   "too many log-ins are waiting; try again");
    login->done(NULL, 0, error, login->user);
    free_login(login);
}

static void login_checked(void *data, bool ran)
{
    struct login *login = data;
    User *found = find_user(login->users, login->name);
    int64_t now_ms = clock_wall_ms();

    if (!ran) {
        give_up_login(login);
        return;
    }
    if (!found || !login->ok || found->locked_until_ms > now_ms) {
        if (found && !login->ok && found->locked_until_ms <= now_ms)
            count_failure(login->users, found);
        refuse_login(login, found ? MAX(found->locked_until_ms - now_ms, 0) : 0);
        return;
    }
    if (found->failed_logins || found->locked_until_ms) {
        found->failed_logins = found->locked_until_ms = 0;
        note_login(login->users, found);
    }
    login->done(found, 0, NULL, login->user);
    free_login(login);
}

void users_login(Users *users, const char *name, const char *key, users_login_fn done, void *user)
{
    /* A hash that nothing matches: an unknown user takes as long as a wrong password. */
    static const char nobody[] = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"
                                 "X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7";
    const User *found = find_user(users, name);
    struct login *login = g_new0(struct login, 1);

    *login = (struct login){ .users = users,
                             .name = g_strdup(name),
                             .key = g_strdup(key),
                             .hash = g_strdup(found ? found->password_hash : nobody),
                             .done = done,
                             .user = user };
    if (!work_pool_submit(users->app->hashes, NULL, run_login, login_checked, login))
        login_checked(login, false);
}

/* ---- password change --------------------------------------------------------------------------
 */

struct change {
    Users *users;
    int64_t user_id;
    char *old_key, *new_password, *old_hash, *new_hash;
    User *row; /* as it is to be stored */
    bool ok;
    users_done_fn done;
    void *user;
};

static void finish_change(struct change *change, const GError *error)
{
    if (change->users->first == change)
        change->users->first = NULL;
    change->done(error, change->user);
    g_free(change->old_key);
    g_free(change->new_password);
    g_free(change->old_hash);
    g_free(change->new_hash);
    user_free(change->row);
    g_free(change);
}

static User *find_user_by_id(const Users *users, int64_t id)
{
    for (guint i = 0; i < users->list->len; i++) {
        if (((User *)users->list->pdata[i])->id == id)
            return users->list->pdata[i];
    }
    return NULL;
}

/* Unknown whether it was: the committer has everything read again, users too. */
static void user_written(const GError *error, void *data)
{
    struct change *change = data;
    Users *users = change->users;

    if (!error) {
        User *old = find_user_by_id(users, change->row->id);

        if (old)
            (void)g_ptr_array_remove(users->list, old);
        g_ptr_array_add(users->list, g_steal_pointer(&change->row));
    }
    finish_change(change, error);
}

static void run_change(void *thread_state, void *data)
{
    struct change *change = data;

    (void)thread_state;
    change->ok = !change->old_key || check_key(change->old_key, change->old_hash);
    if (change->ok)
        change->new_hash = hash_password(change->new_password);
}

/* ran: the old password was looked at, and the new one hashed. */
static bool check_hashed(const struct change *change, bool ran, GError **error)
{
    if (!ran)
        err_set_reason(error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                       "too many log-ins are waiting; try again");
    else if (!change->ok)
        err_set_reason(error, VRM_ERR_DENIED, REASON_LOGIN_FAILED, "oldPassword",
                       "the old password is wrong");
    else if (!change->new_hash)
        err_set(error, VRM_ERR_INTERNAL, "libcrypt cannot make yescrypt hashes");
    return ran && change->ok && change->new_hash;
}

static void change_hashed(void *data, bool ran)
{
    struct change *change = data;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    if (!check_hashed(change, ran, &error)) {
        finish_change(change, error);
        return;
    }
    if (change == change->users->first && change->users->list->len > 0) {
        finish_change(change, NULL); /* one was read from the database meanwhile */
        return;
    }
    g_free(change->row->password_hash);
    change->row->password_hash = g_strdup(change->new_hash);
    change->row->must_change = false;
    change->row->password_ms = clock_wall_ms();
    commit = commit_new(&change->users->app->committer);
    commit_put_user(commit, change->row);
    commit_submit(commit, "users", user_written, change);
}

static User *copy_user(const User *from)
{
    User *copy = user_new();
    char **const texts[] = { &copy->name, &copy->description, &copy->password_hash, &copy->roles };
    const char *const values[] = { from->name, from->description, from->password_hash,
                                   from->roles };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_free(*texts[i]);
        *texts[i] = g_strdup(values[i]);
    }
    copy->id = from->id;
    copy->generation = from->generation;
    copy->create_ms = from->create_ms;
    copy->failed_logins = from->failed_logins;
    copy->locked_until_ms = from->locked_until_ms;
    return copy;
}

static bool check_new_password(const char *password, GError **error)
{
    size_t len = strlen(password);

    if (len >= PASSWORD_MIN && len <= PASSWORD_MAX)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "password",
                   "password has %zu characters: want %d to %d", len, PASSWORD_MIN, PASSWORD_MAX);
    return false;
}

void users_change_password(Users *users, const struct password_change *request, users_done_fn done,
                           void *user)
{
    const User *found = find_user_by_id(users, request->user_id);
    struct change *change = g_new0(struct change, 1);
    g_autoptr(GError) error = NULL;

    *change = (struct change){ .users = users, .done = done, .user = user };
    if (!found) {
        err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL,
                       "user %" G_GINT64_FORMAT " does not exist", request->user_id);
        finish_change(change, error);
        return;
    }
    if (!check_new_password(request->new_password, &error)) {
        finish_change(change, error);
        return;
    }
    change->old_key = g_strdup(request->old_key);
    change->old_hash = g_strdup(found->password_hash);
    change->new_password = g_strdup(request->new_password);
    change->row = copy_user(found);
    if (!work_pool_submit(users->app->hashes, NULL, run_change, change_hashed, change))
        change_hashed(change, false);
}

/* ---- the first user ---------------------------------------------------------------------------
 */

static char *read_password_file(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    char *end;

    if (!g_file_get_contents(path, &text, NULL, error)) {
        g_prefix_error(error, "[api] admin_password_file: ");
        return NULL;
    }
    end = strchr(text, '\n');
    if (end)
        *end = '\0';
    return check_new_password(text, error) ? g_steal_pointer(&text) : NULL;
}

static char *make_password(const struct settings *settings, GError **error)
{
    g_autofree char *password = rng_secret_hex(10);
    g_autofree char *path = g_build_filename(settings->state_dir, "admin.password", NULL);
    g_autofree char *line = g_strconcat(password, "\n", NULL);

    if (!g_file_set_contents_full(path, line, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error))
        return NULL;
    log_info("first start: the password of user admin was made up", "FILE", path, NULL);
    return g_steal_pointer(&password);
}

void users_ensure_admin(Users *users, users_done_fn done, void *user)
{
    const struct settings *settings = users->app->settings;
    struct change *change;
    g_autoptr(GError) error = NULL;
    g_autofree char *password = NULL;

    if (users->list->len > 0) {
        done(NULL, user);
        return;
    }
    if (users->first) { /* its password is in the file already */
        users->first->done = done;
        users->first->user = user;
        return;
    }
    password = *settings->admin_password_file
                   ? read_password_file(settings->admin_password_file, &error)
                   : make_password(settings, &error);
    if (!password) {
        done(error, user);
        return;
    }
    change = users->first = g_new0(struct change, 1);
    *change = (struct change){ .users = users,
                               .new_password = g_steal_pointer(&password),
                               .row = user_new(),
                               .done = done,
                               .user = user };
    g_free(change->row->name);
    g_free(change->row->roles);
    change->row->name = g_strdup(FIRST_USER);
    change->row->roles = g_strdup(FIRST_ROLE);
    change->row->create_ms = clock_wall_ms();
    if (!work_pool_submit(users->app->hashes, NULL, run_change, change_hashed, change))
        change_hashed(change, false);
}

/* ---- life -------------------------------------------------------------------------------------
 */

Users *users_new(struct app *app)
{
    Users *users = g_new0(Users, 1);

    users->app = app;
    users->list = g_ptr_array_new_with_free_func((GDestroyNotify)user_free);
    return users;
}

void users_free(Users *users)
{
    if (!users)
        return;
    g_ptr_array_unref(users->list);
    g_free(users);
}

void users_set(Users *users, GPtrArray *list)
{
    g_ptr_array_unref(users->list);
    users->list = g_ptr_array_ref(list);
}

const GPtrArray *users_list(const Users *users)
{
    return users->list;
}
