/* release.c - see release.h. */
#include "config.h"

#include "controller/release.h"

#include "base/err.h"
#include "base/json.h"
#include "etcd/etcd.h"

#define REQUEST_MS 800
#define MAX_TRIES  4 /* each with the next endpoint, as etcd.h has it */
#define MAX_NAME   300

struct release {
    const struct release_options *options;
    char *key;
    Etcd *etcd;
    GMainLoop *loop;
    unsigned tries;
    bool released;
    GError *error;
};

static void ask(struct release *release);

static void end(struct release *release, const GError *error)
{
    release->error = error ? g_error_copy(error) : NULL;
    g_main_loop_quit(release->loop);
}

static void again_or_end(struct release *release, const GError *error)
{
    if (release->tries < MAX_TRIES)
        ask(release);
    else
        end(release, error);
}

static bool is_ours(const struct release *release, const struct etcd_kv *kv)
{
    g_autoptr(json_t) json = json_parse(kv->value, kv->value_len, NULL);
    g_autofree char *name = NULL;
    struct json_reader reader;

    json_reader_init(&reader, json);
    return json_read_string(&reader, "name", MAX_NAME, &name, NULL) && name &&
           g_str_equal(name, release->options->name);
}

static void on_revoked(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct release *release = user;

    (void)answer;
    if (error && !err_is(error, VRM_ERR_NOT_FOUND)) { /* perhaps done: look again */
        again_or_end(release, error);
        return;
    }
    release->released = true;
    end(release, NULL);
}

static void on_read(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct release *release = user;
    const struct etcd_kv *kv = answer && answer->kvs.len > 0 ? &answer->kvs.items[0] : NULL;

    if (error)
        again_or_end(release, error);
    else if (kv && kv->lease != 0 && is_ours(release, kv))
        etcd_revoke(release->etcd, kv->lease, on_revoked, release);
    else
        end(release, NULL);
}

static void ask(struct release *release)
{
    release->tries++;
    etcd_read(release->etcd, release->key, on_read, release);
}

bool release_leadership(const struct release_options *options, bool *ret_released, GError **error)
{
    g_autofree char *key = g_strconcat(options->prefix, "/leader", NULL);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(Etcd) etcd = etcd_new(options->http, options->endpoints, REQUEST_MS);
    struct release release = { .options = options, .key = key, .etcd = etcd, .loop = loop };

    ask(&release);
    g_main_loop_run(loop);
    if (release.error) {
        g_propagate_error(error, release.error);
        return false;
    }
    *ret_released = release.released;
    return true;
}
