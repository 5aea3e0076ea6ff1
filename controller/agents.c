/* agents.c - see agents.h.  Links live by host id, commands by command id. */
#include "config.h"

#include "controller/agents.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"

#define SPREAD_MS        10
#define CONNECT_MS       5000 /* also on a busy day: 128 handshakes at both ends */
#define RETRY_MIN_MS     200
#define RETRY_MAX_MS     5000
#define STREAM_IDLE_MS   5000 /* beats come every second */
#define SWEEP_MS         1000
#define POST_TIMEOUT_MS  10000
#define SILENCE_LIMIT_MS 60000

struct link {
    Agents *agents;
    int64_t host_id;
    char *name, *ip;
    int64_t port;
    HttpCall *stream;
    guint retry_timer;
    int64_t retry_ms;
    bool up;          /* hello was read and welcome */
    char *refusal;    /* why the hello of the present stream was not; NULL: it was */
    int64_t heard_ms; /* last usable line; or when the link was made */
    int64_t protocol; /* as its hello said */
    HttpCall *post;   /* agents_post()'s that is out */
    agents_posted_fn posted;
    void *posted_user;
    HttpCall *question; /* agents_ask()'s that is out */
    agents_answer_fn answered;
    void *answered_user;
    int64_t dead_ms; /* it was pronounced dead then, and did not come back; 0: not */
    struct log_limit warned;
};

/* A command under way. */
struct pending {
    Agents *agents;
    int64_t host_id;
    struct agent_command command;
    agents_report_fn on_report;
    void *user;
    HttpCall *post;
    bool delivered; /* the agent has it */
    int64_t born_ms;
    guint unfit; /* it is about to be refused */
};

struct Agents {
    struct agents_options options;
    GHashTable *links;   /* int64 host id -> struct link */
    GHashTable *pending; /* command id -> struct pending */
    guint sweep_timer;
};

static void open_stream(struct link *link);
static void deliver(struct pending *pending);

static struct link *find_link(const Agents *agents, int64_t host_id)
{
    return g_hash_table_lookup(agents->links, &host_id);
}

/* An IPv6 address stands in brackets. */
static char *url_of(const struct link *link, const char *path)
{
    bool v6 = strchr(link->ip, ':') != NULL;

    return g_strdup_printf("https://%s%s%s:%" G_GINT64_FORMAT "%s", v6 ? "[" : "", link->ip,
                           v6 ? "]" : "", link->port, path);
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static void free_pending(void *data)
{
    struct pending *pending = data;

    if (pending->post)
        http_call_cancel(pending->post);
    if (pending->unfit)
        g_source_remove(pending->unfit);
    agent_command_clear(&pending->command);
    g_free(pending);
}

/* Tells the end and forgets; on_report may start new commands. */
static void end_command(struct pending *pending, const struct command_report *report,
                        const GError *error)
{
    agents_report_fn on_report = pending->on_report;
    void *user = pending->user;
    struct command_report none = { .state = COMMAND_FAILED, .progress = 100 };

    (void)g_hash_table_remove(pending->agents->pending, pending->command.id);
    on_report(report ? report : &none, error, true, user);
}

static void take_report(struct pending *pending, const struct command_report *report)
{
    g_autoptr(GError) error = NULL;

    pending->delivered = true;
    switch (report->state) {
    case COMMAND_ACCEPTED:
    case COMMAND_RUNNING:
        pending->on_report(report, NULL, false, pending->user);
        break;
    case COMMAND_DONE:
        end_command(pending, report, NULL);
        break;
    case COMMAND_FAILED:
        err_set_reason(&error, (enum vrm_err)report->err_code, (int)report->reason, NULL, "%s",
                       report->error && *report->error ? report->error
                                                       : "the agent gave no reason");
        end_command(pending, report, error);
        break;
    }
}

static void take_refusal(struct pending *pending, const struct http_reply *reply)
{
    Agents *agents = pending->agents;
    g_autoptr(GError) error = NULL;

    agent_error_decode(reply->status, reply->body, reply->body_len, &error);
    if (err_is(error, VRM_ERR_UNAVAILABLE) || err_is(error, VRM_ERR_BUSY))
        return;                          /* the sweep tries again */
    if (err_is(error, VRM_ERR_DENIED)) { /* a higher epoch was there */
        agents->options.on_deposed(error->message, agents->options.user);
        return;
    }
    end_command(pending, NULL, error);
}

static void posted(const struct http_reply *reply, void *user)
{
    struct pending *pending = user;
    struct command_report report = { 0 };
    g_autoptr(json_t) json = NULL;
    g_autoptr(GError) error = NULL;

    pending->post = NULL;
    if (reply->error)
        return; /* unknown: the sweep or the next stream asks again, under the same id */
    if (reply->status != 200 && reply->status != 202) {
        take_refusal(pending, reply);
        return;
    }
    json = json_parse(reply->body, reply->body_len, &error);
    if (!json || !command_report_decode(json, &report, &error)) {
        log_warning("unreadable answer to a command", "COMMAND", pending->command.id, "REASON",
                    error->message, NULL);
        return;
    }
    take_report(pending, &report);
    command_report_clear(&report);
}

static gboolean refuse_unfit(void *data)
{
    struct pending *pending = data;
    const struct link *link = find_link(pending->agents, pending->host_id);
    g_autoptr(GError) error = NULL;

    pending->unfit = 0;
    if (link && !agent_command_fits(&pending->command, link->protocol, &error))
        end_command(pending, NULL, error);
    return G_SOURCE_REMOVE;
}

/* An agent that is too old for it never gets it; told from the loop. */
static bool fits(struct pending *pending, const struct link *link)
{
    if (agent_command_fits(&pending->command, link->protocol, NULL))
        return true;
    if (!pending->unfit)
        pending->unfit = g_idle_add(refuse_unfit, pending);
    return false;
}

static void deliver(struct pending *pending)
{
    Agents *agents = pending->agents;
    const struct link *link = find_link(agents, pending->host_id);
    int64_t epoch = agents->options.epoch(agents->options.user);
    g_autoptr(json_t) json = NULL;
    g_autofree char *body = NULL, *url = NULL;

    if (pending->post || !link || !link->up || epoch == 0 || !fits(pending, link))
        return;
    pending->command.epoch = epoch;
    json = agent_command_encode(&pending->command);
    body = json_format(json);
    url = url_of(link, "/v1/commands");
    pending->post = http_client_send(agents->options.http, &(struct http_request){
                                                               .method = "POST",
                                                               .url = url,
                                                               .body = body,
                                                               .timeout_ms = POST_TIMEOUT_MS,
                                                               .on_done = posted,
                                                               .user = pending,
                                                           });
}

void agents_command(Agents *agents, int64_t host_id, struct agent_command *command,
                    agents_report_fn on_report, void *user)
{
    struct pending *pending = g_new0(struct pending, 1);

    pending->agents = agents;
    pending->host_id = host_id;
    pending->command = *command;
    *command = (struct agent_command){ 0 };
    pending->on_report = on_report;
    pending->user = user;
    pending->born_ms = clock_now_ms();
    (void)g_hash_table_replace(agents->pending, pending->command.id, pending);
    deliver(pending);
}

void agents_forget(Agents *agents, const char *command_id)
{
    (void)g_hash_table_remove(agents->pending, command_id);
}

/* Commands of a host that has been silent too long end with an unknown outcome. */
static bool is_hopeless(const struct pending *pending, int64_t now_ms)
{
    const struct link *link = find_link(pending->agents, pending->host_id);
    const bool is_dead = link && link->dead_ms != 0 && pending->born_ms <= link->dead_ms;
    int64_t heard_ms = link ? MAX(link->heard_ms, pending->born_ms) : pending->born_ms;

    return (!link || !link->up) &&
           (is_dead || now_ms - heard_ms > pending->agents->options.silence_limit_ms);
}

static void tell_hopeless(const struct pending *pending, GError **error)
{
    const struct link *link = find_link(pending->agents, pending->host_id);

    if (link && link->dead_ms != 0)
        err_set_reason(error, VRM_ERR_TIMEOUT, 0, NULL,
                       "the host died; nobody knows how the command ended");
    else
        err_set_reason(error, VRM_ERR_TIMEOUT, 0, NULL,
                       "the host has been silent for more than %" G_GINT64_FORMAT
                       " s; nobody knows how the command ended",
                       pending->agents->options.silence_limit_ms / 1000);
}

static gboolean sweep(void *data)
{
    Agents *agents = data;
    g_autoptr(GPtrArray) hopeless = g_ptr_array_new();
    int64_t now_ms = clock_now_ms();
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, agents->pending);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct pending *pending = value;

        if (is_hopeless(pending, now_ms))
            g_ptr_array_add(hopeless, g_strdup(pending->command.id));
        else if (!pending->delivered)
            deliver(pending);
    }
    g_ptr_array_set_free_func(hopeless, g_free);
    for (guint i = 0; i < hopeless->len; i++) {
        struct pending *pending = g_hash_table_lookup(agents->pending, hopeless->pdata[i]);
        g_autoptr(GError) error = NULL;

        if (!pending)
            continue;
        tell_hopeless(pending, &error);
        end_command(pending, NULL, error);
    }
    return G_SOURCE_CONTINUE;
}

/* ---- other requests ----------------------------------------------------------------------------
 */

static void on_posted(const struct http_reply *reply, void *user)
{
    struct link *link = user;
    const struct agents_options *options = &link->agents->options;
    g_autoptr(GError) error = NULL;

    link->post = NULL;
    if (reply->error)
        g_propagate_error(&error, g_error_copy(reply->error));
    else if (reply->status != 200)
        agent_error_decode(reply->status, reply->body, reply->body_len, &error);
    if (!reply->error && error && err_is(error, VRM_ERR_DENIED)) { /* a higher epoch was there */
        options->on_deposed(error->message, options->user);
        return;
    }
    link->posted(link->host_id, error, link->posted_user);
}

bool agents_post(Agents *agents, int64_t host_id, const char *path, const char *body,
                 agents_posted_fn done, void *user)
{
    struct link *link = find_link(agents, host_id);
    g_autofree char *url = NULL;

    if (!link || !link->up || link->post)
        return false;
    url = url_of(link, path);
    link->posted = done;
    link->posted_user = user;
    link->post = http_client_send(agents->options.http, &(struct http_request){
                                                            .method = "POST",
                                                            .url = url,
                                                            .body = body,
                                                            .timeout_ms = POST_TIMEOUT_MS,
                                                            .on_done = on_posted,
                                                            .user = link,
                                                        });
    return true;
}

static void on_answer(const struct http_reply *reply, void *user)
{
    struct link *link = user;
    g_autoptr(GError) error = NULL;

    link->question = NULL;
    if (reply->error)
        g_propagate_error(&error, g_error_copy(reply->error));
    else if (reply->status != 200)
        agent_error_decode(reply->status, reply->body, reply->body_len, &error);
    link->answered(link->host_id, error ? NULL : reply->body, error, link->answered_user);
}

bool agents_ask(Agents *agents, int64_t host_id, const char *path, unsigned timeout_ms,
                agents_answer_fn done, void *user)
{
    struct link *link = find_link(agents, host_id);
    g_autofree char *url = NULL;

    if (!link || !link->up || link->question)
        return false;
    url = url_of(link, path);
    link->answered = done;
    link->answered_user = user;
    link->question = http_client_send(agents->options.http, &(struct http_request){
                                                                .method = "GET",
                                                                .url = url,
                                                                .timeout_ms = timeout_ms,
                                                                .on_done = on_answer,
                                                                .user = link,
                                                            });
    return true;
}

/* ---- lines of a stream ------------------------------------------------------------------------
 */

static void take_reports(Agents *agents, const struct watch_line *line)
{
    for (size_t i = 0; i < line->n_commands; i++) {
        struct pending *pending = g_hash_table_lookup(agents->pending, line->commands[i].id);

        if (pending)
            take_report(pending, &line->commands[i]);
    }
}

/* After a reconnect the agent may never have seen a command: send each of this host again. */
static void redeliver(const struct link *link)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, link->agents->pending);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct pending *pending = value;

        if (pending->host_id == link->host_id)
            deliver(pending);
    }
}

static bool take_hello(struct link *link, const struct agent_hello *hello)
{
    const struct agents_options *options = &link->agents->options;
    g_autoptr(GError) error = NULL;
    bool is_news;

    if (!options->on_hello(link->host_id, hello, options->user, &error)) {
        link->up = false;
        g_free(link->refusal);
        link->refusal = g_strdup(error->message);
        return false;
    }
    is_news = !link->up;
    link->up = true;
    link->protocol = hello->protocol;
    link->dead_ms = 0;
    link->retry_ms = RETRY_MIN_MS;
    if (is_news)
        log_info("agent connected", "HOST", link->name, "VERSION", hello->agent_version, NULL);
    options->on_link(link->host_id, true, "", options->user);
    return true;
}

/* False: the stream shall end. */
static bool take_line(struct link *link, const struct watch_line *line)
{
    Agents *agents = link->agents;

    if (!link->up && line->kind != WATCH_HELLO)
        return false;
    switch (line->kind) {
    case WATCH_HELLO:
        return take_hello(link, &line->hello);
    case WATCH_COMMAND:
        agents->options.on_line(link->host_id, line, agents->options.user);
        take_reports(agents, line);
        break;
    case WATCH_FULL:
        agents->options.on_line(link->host_id, line, agents->options.user);
        take_reports(agents, line);
        redeliver(link);
        break;
    case WATCH_DOMAIN:
    case WATCH_STATS:
    case WATCH_BEAT:
        agents->options.on_line(link->host_id, line, agents->options.user);
        break;
    }
    return true;
}

static bool on_stream_line(const char *text, size_t len, void *user)
{
    struct link *link = user;
    struct watch_line line;
    g_autoptr(GError) error = NULL;
    bool go_on;

    if (!watch_line_decode(text, len, &line, &error)) {
        log_warning("unreadable line from an agent", "HOST", link->name, "REASON", error->message,
                    NULL);
        return false;
    }
    go_on = take_line(link, &line);
    watch_line_clear(&line);
    if (go_on) /* what we cannot use is no sign of the host: its commands must end some time */
        link->heard_ms = clock_now_ms();
    return go_on;
}

/* ---- links ------------------------------------------------------------------------------------
 */

static gboolean retry_stream(void *data)
{
    struct link *link = data;

    link->retry_timer = 0;
    open_stream(link);
    return G_SOURCE_REMOVE;
}

static void retry_later(struct link *link)
{
    /* Hosts that were lost together are not asked again together. */
    int64_t spread_ms = link->host_id * SPREAD_MS % link->retry_ms;

    link->retry_timer = g_timeout_add((guint)(link->retry_ms + spread_ms), retry_stream, link);
    link->retry_ms = MIN(link->retry_ms * 2, RETRY_MAX_MS);
}

static char *stream_trouble(struct link *link, const struct http_reply *reply)
{
    g_autoptr(GError) error = NULL;

    if (link->refusal)
        return g_steal_pointer(&link->refusal);
    if (reply->error)
        return g_strdup(reply->error->message);
    if (reply->status == 200)
        return g_strdup("the agent ended the stream");
    agent_error_decode(reply->status, reply->body, reply->body_len, &error);
    return g_strdup(error->message);
}

static void on_stream_end(const struct http_reply *reply, void *user)
{
    struct link *link = user;
    const struct agents_options *options = &link->agents->options;
    g_autofree char *trouble = stream_trouble(link, reply);
    guint left_out;

    link->stream = NULL;
    link->up = false;
    if (log_limit_pass(&link->warned, clock_now_ms(), 10000, &left_out))
        log_warning("no link to the agent", "HOST", link->name, "ADDRESS", link->ip, "REASON",
                    trouble, NULL);
    retry_later(link);
    if (reply->status == 409)
        options->on_deposed(trouble, options->user);
    else
        options->on_link(link->host_id, false, trouble, options->user);
}

static void open_stream(struct link *link)
{
    Agents *agents = link->agents;
    int64_t epoch = agents->options.epoch(agents->options.user);
    g_autofree char *path = g_strdup_printf("/v1/watch?epoch=%" G_GINT64_FORMAT, epoch);
    g_autofree char *url = url_of(link, path);

    if (epoch == 0) {
        retry_later(link);
        return;
    }
    link->stream = http_client_send(agents->options.http, &(struct http_request){
                                                              .method = "GET",
                                                              .url = url,
                                                              .connect_timeout_ms = CONNECT_MS,
                                                              .idle_timeout_ms = STREAM_IDLE_MS,
                                                              .max_reply = AGENT_MAX_LINE,
                                                              .on_line = on_stream_line,
                                                              .on_done = on_stream_end,
                                                              .user = link,
                                                          });
}

static void free_link(void *data)
{
    struct link *link = data;

    if (link->stream)
        http_call_cancel(link->stream);
    if (link->retry_timer)
        g_source_remove(link->retry_timer);
    if (link->post)
        http_call_cancel(link->post);
    if (link->question)
        http_call_cancel(link->question);
    g_free(link->refusal);
    g_free(link->name);
    g_free(link->ip);
    g_free(link);
}

void agents_set_host(Agents *agents, int64_t host_id, const char *name, const char *ip,
                     int64_t port)
{
    struct link *link = find_link(agents, host_id);

    if (link && g_str_equal(link->ip, ip) && link->port == port)
        return;
    link = g_new0(struct link, 1);
    *link = (struct link){
        .agents = agents,
        .host_id = host_id,
        .name = g_strdup(name),
        .ip = g_strdup(ip),
        .port = port,
        .retry_ms = RETRY_MIN_MS,
        .heard_ms = clock_now_ms(),
    };
    /* Not all at once: after a take-over 128 handshakes in a row would make the loop late. */
    link->retry_timer =
        g_timeout_add(g_hash_table_size(agents->links) * SPREAD_MS, retry_stream, link);
    (void)g_hash_table_replace(agents->links, &link->host_id, link);
}

void agents_remove_host(Agents *agents, int64_t host_id)
{
    (void)g_hash_table_remove(agents->links, &host_id);
}

void agents_reset(Agents *agents)
{
    g_hash_table_remove_all(agents->pending);
    g_hash_table_remove_all(agents->links);
}

void agents_pronounce_dead(Agents *agents, int64_t host_id)
{
    struct link *link = find_link(agents, host_id);

    if (link)
        link->dead_ms = clock_now_ms();
}

bool agents_connected(const Agents *agents, int64_t host_id)
{
    const struct link *link = find_link(agents, host_id);

    return link && link->up;
}

Agents *agents_new(const struct agents_options *options)
{
    Agents *agents = g_new0(Agents, 1);

    agents->options = *options;
    if (agents->options.silence_limit_ms == 0)
        agents->options.silence_limit_ms = SILENCE_LIMIT_MS;
    if (agents->options.sweep_ms == 0)
        agents->options.sweep_ms = SWEEP_MS;
    agents->links = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_link);
    agents->pending = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_pending);
    agents->sweep_timer = g_timeout_add((guint)agents->options.sweep_ms, sweep, agents);
    return agents;
}

void agents_free(Agents *agents)
{
    if (!agents)
        return;
    g_source_remove(agents->sweep_timer);
    g_hash_table_unref(agents->pending);
    g_hash_table_unref(agents->links);
    g_free(agents);
}
