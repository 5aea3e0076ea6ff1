/* deputy_home.c - see deputy_home.h. */
#include "config.h"

#include "agent/deputy_home.h"

#include <string.h>

#include "agent/deputy.h"
#include "agentproto/ha_setup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/work.h"

#define FILE_NAME "ha-setup.json"
#define FILE_MODE 0600 /* it holds the key of the beats */

struct DeputyHome {
    Agent *agent;
    HttpClient *http;
    char *path;
    char *key; /* what the present Deputy was made from; NULL: there is none */
    char *text;
    Deputy *deputy;
    WorkPool *disk;
};

/* ---- the agent's hands ----------------------------------------------------------------------- */

static void on_reply(int status, json_t *body, void *user)
{
    (void)status; /* asked about by id */
    (void)user;
    json_decref(body);
}

static void start(struct agent_command *command, void *user)
{
    const DeputyHome *home = user;

    agent_command(home->agent, command, on_reply, NULL);
}

static enum follow_state state(const char *id, void *user)
{
    const DeputyHome *home = user;
    enum command_state state;

    if (!agent_peek_command(home->agent, id, &state))
        return FOLLOW_NONE;
    if (state == COMMAND_DONE)
        return FOLLOW_DONE;
    return state == COMMAND_FAILED ? FOLLOW_FAILED : FOLLOW_BUSY;
}

static bool is_absent(const char *uuid, void *user)
{
    const DeputyHome *home = user;

    return agent_lacks_vm(home->agent, uuid);
}

static int64_t newest_gen(const char *uuid, void *user)
{
    const DeputyHome *home = user;

    return agent_newest_gen(home->agent, uuid);
}

static void read_slots(int64_t first, int64_t count, agent_reply_fn reply, void *reply_user,
                       void *user)
{
    const DeputyHome *home = user;

    agent_read_slots(home->agent, first, count, reply, reply_user);
}

/* ---- the setup ------------------------------------------------------------------------------- */

/* Peers, beats and epochs change without meaning anything here. */
static char *key_of(const struct ha_setup *setup)
{
    g_autofree char *endpoints = g_strjoinv(" ", setup->etcd);

    return g_strdup_printf("%s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                           endpoints, setup->prefix, setup->host, setup->lease_ms,
                           setup->n_stores > 0 ? setup->slot_ms : 0);
}

static void make_deputy(DeputyHome *home, const struct ha_setup *setup)
{
    const struct deputy_options options = {
        .http = home->http,
        .endpoints = (const char *const *)setup->etcd,
        .prefix = setup->prefix,
        .host = setup->host,
        .lease_ms = setup->lease_ms,
        .slot_ms = setup->n_stores > 0 ? setup->slot_ms : 0,
        .eyes = { read_slots, home },
        .hands = { start, state, is_absent, newest_gen, home },
    };
    g_autofree char *key = key_of(setup);

    if (g_strcmp0(home->key, key) == 0)
        return;
    deputy_free(home->deputy);
    home->deputy = deputy_new(&options);
    g_free(home->key);
    home->key = g_steal_pointer(&key);
}

static bool take(DeputyHome *home, const char *text, GError **error)
{
    g_autoptr(json_t) json = json_parse(text, strlen(text), error);
    struct ha_setup setup;

    if (!json || !ha_setup_decode(json, &setup, error))
        return false;
    make_deputy(home, &setup);
    ha_setup_clear(&setup);
    return true;
}

struct saving {
    char *path, *text;
    GError *error;
};

static void save(void *thread_state, void *data)
{
    struct saving *saving = data;

    (void)thread_state;
    (void)g_file_set_contents_full(saving->path, saving->text, -1,
                                   G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                   FILE_MODE, &saving->error);
}

static void saved(void *data, bool ran)
{
    struct saving *saving = data;

    if (ran && saving->error)
        log_warning("this host's HA setup is not stored; after a restart without a controller it "
                    "stands in for nobody",
                    "FILE", saving->path, "ERROR", saving->error->message, NULL);
    g_clear_error(&saving->error);
    g_free(saving->path);
    g_free(saving->text);
    g_free(saving);
}

void deputy_home_set(DeputyHome *home, const char *text)
{
    struct saving *saving;
    g_autoptr(GError) error = NULL;

    if (g_strcmp0(home->text, text) == 0)
        return;
    if (!take(home, text, &error)) {
        log_warning("the HA setup is not understood", "ERROR", error->message, NULL);
        return;
    }
    g_free(home->text);
    home->text = g_strdup(text);
    saving = g_new0(struct saving, 1);
    saving->path = g_strdup(home->path);
    saving->text = g_strdup(text);
    if (!work_pool_submit(home->disk, NULL, save, saved, saving))
        saved(saving, false);
}

/* A file that cannot be read is as none: the next controller says it again. */
static void load(DeputyHome *home)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(home->path, &text, NULL, NULL))
        return;
    if (take(home, text, &error))
        home->text = g_steal_pointer(&text);
    else
        log_warning("the stored HA setup is not understood", "FILE", home->path, "ERROR",
                    error->message, NULL);
}

/* ---- life ------------------------------------------------------------------------------------ */

static const char *file_or_null(const char *path)
{
    return *path ? path : NULL;
}

DeputyHome *deputy_home_new(const struct deputy_home_options *options)
{
    DeputyHome *home = g_new0(DeputyHome, 1);
    const struct http_tls tls = {
        .ca_file = file_or_null(options->ca_file),
        .cert_file = file_or_null(options->cert_file),
        .key_file = file_or_null(options->key_file),
    };

    home->agent = options->agent;
    home->path = g_build_filename(options->state_dir, FILE_NAME, NULL);
    home->http = http_client_new(&tls);
    home->disk = work_pool_new(
        &(struct work_pool_options){ .name = "setup", .n_threads = 1, .max_queued = 8 });
    load(home);
    return home;
}

void deputy_home_free(DeputyHome *home)
{
    if (!home)
        return;
    deputy_free(home->deputy);
    work_pool_free(home->disk);
    http_client_free(home->http);
    g_free(home->path);
    g_free(home->key);
    g_free(home->text);
    g_free(home);
}
