/* test_agents.c - the links to the agents, against an agent that says what a test wants.
 *
 * Real TLS on loopback. */
#include "config.h"

#include "controller/agents.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/json.h"
#include "tests/suite.h"
#include "tests/testcerts.h"

#define HOST_ID 11
#define EPOCH   5
#define UUID    "11111111-1111-4111-8111-111111111111"

/* ---- an agent that follows a script -----------------------------------------------------------
 */

static struct {
    struct MHD_Daemon *daemon;
    unsigned port;
    /* set before it is started */
    unsigned watch_status;
    const char *watch_text;
    bool hangs; /* the stream stays open after its text */
    unsigned post_status;
    const char *post_text;
    atomic_int n_posts;
    /* the end of a stream that hangs */
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop;
} agent;

static ssize_t stream_text(void *user, uint64_t pos, char *buf, size_t max)
{
    size_t len = strlen(agent.watch_text);
    size_t n = pos < len ? MIN(len - pos, max) : 0;

    (void)user;
    if (n > 0) {
        memcpy(buf, agent.watch_text + pos, n);
        return (ssize_t)n;
    }
    pthread_mutex_lock(&agent.lock);
    while (agent.hangs && !agent.stop)
        pthread_cond_wait(&agent.stopped, &agent.lock);
    pthread_mutex_unlock(&agent.lock);
    return MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *fixed(const char *text)
{
    return MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                           MHD_RESPMEM_MUST_COPY);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
static enum MHD_Result request_came(void *user, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *data_len, void **state)
{
    static int begun;
    bool post = g_str_equal(method, "POST");
    struct MHD_Response *response;
    enum MHD_Result result;

    (void)user, (void)url, (void)version, (void)data;
    if (!*state || *data_len > 0) {
        *state = &begun;
        *data_len = 0;
        return MHD_YES;
    }
    if (post) {
        atomic_fetch_add(&agent.n_posts, 1);
        response = fixed(agent.post_text);
    } else if (agent.watch_status == 200) {
        response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_text, NULL, NULL);
    } else {
        response = fixed(agent.watch_text);
    }
    result =
        MHD_queue_response(connection, post ? agent.post_status : agent.watch_status, response);
    MHD_destroy_response(response);
    return result;
}

static void agent_start(const struct testcerts *certs)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    g_autofree char *cert = NULL, *key = NULL;

    ck_assert(g_file_get_contents(certs->server_cert, &cert, NULL, NULL));
    ck_assert(g_file_get_contents(certs->server_key, &key, NULL, NULL));
    pthread_mutex_init(&agent.lock, NULL);
    pthread_cond_init(&agent.stopped, NULL);
    agent.daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL,
        NULL, request_came, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
    ck_assert_ptr_nonnull(agent.daemon);
    agent.port = MHD_get_daemon_info(agent.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static void agent_stop(void)
{
    pthread_mutex_lock(&agent.lock);
    agent.stop = true;
    pthread_cond_broadcast(&agent.stopped);
    pthread_mutex_unlock(&agent.lock);
    MHD_stop_daemon(agent.daemon);
}

/* ---- the controller's side --------------------------------------------------------------------
 */

static struct {
    struct testcerts certs;
    HttpClient *http;
    Agents *agents;
    GString *heard; /* words of what was told */
    bool unwelcome;
    int64_t epoch;
} lab;

static int64_t epoch_now(void *user)
{
    (void)user;
    return lab.epoch;
}

static bool on_hello(int64_t host_id, const struct agent_hello *hello, void *user, GError **error)
{
    (void)user;
    ck_assert_int_eq(host_id, HOST_ID);
    ck_assert_str_eq(hello->uuid, UUID);
    g_string_append(lab.heard, "hello ");
    if (lab.unwelcome)
        err_set(error, VRM_ERR_CONFLICT, "another machine");
    return !lab.unwelcome;
}

static void on_line(int64_t host_id, const struct watch_line *line, void *user)
{
    (void)user;
    ck_assert_int_eq(host_id, HOST_ID);
    g_string_append_printf(lab.heard, "%s ", watch_kind_name(line->kind));
}

static void on_link(int64_t host_id, bool up, const char *trouble, void *user)
{
    (void)user;
    ck_assert_int_eq(host_id, HOST_ID);
    ck_assert_int_eq(agents_connected(lab.agents, HOST_ID), up);
    g_string_append_printf(lab.heard, up ? "up " : "down: %s;", trouble);
}

static void on_deposed(const char *why, void *user)
{
    (void)user;
    g_string_append_printf(lab.heard, "deposed: %s;", why);
}

static void setup(int64_t silence_limit_ms)
{
    struct http_tls tls;

    testcerts_make(&lab.certs);
    tls = (struct http_tls){ .ca_file = lab.certs.ca };
    agent_start(&lab.certs);
    lab.http = http_client_new(&tls);
    lab.heard = g_string_new(NULL);
    lab.epoch = EPOCH;
    lab.agents = agents_new(&(struct agents_options){ .http = lab.http,
                                                      .epoch = epoch_now,
                                                      .on_hello = on_hello,
                                                      .on_line = on_line,
                                                      .on_link = on_link,
                                                      .on_deposed = on_deposed,
                                                      .silence_limit_ms = silence_limit_ms,
                                                      .sweep_ms = 20 });
}

static void teardown(void)
{
    agents_free(lab.agents);
    http_client_free(lab.http);
    agent_stop();
    testcerts_clear(&lab.certs);
    g_string_free(lab.heard, TRUE);
}

static void connect_host(void)
{
    agents_set_host(lab.agents, HOST_ID, "cna1", "127.0.0.1", agent.port);
}

static void wait_for(const char *part)
{
    while (!strstr(lab.heard->str, part))
        g_main_context_iteration(NULL, TRUE);
}

/* ---- streams ----------------------------------------------------------------------------------
 */

#define V     "{\"v\":1,\"kind\":"
#define BEAT  V "\"beat\",\"hypervisor_ok\":true}\n"
#define HELLO "@" /* filled in by hello_line() */
#define FULL  V "\"full\",\"hypervisor_ok\":true,\"domains\":[],\"commands\":[]}\n"
#define ERROR(code, text)                                                                          \
    "{\"v\":1,\"error\":{\"code\":\"" code "\",\"reason\":0,\"text\":\"" text "\"}}"

static char empty[] = "", word[] = "x", uuid[] = UUID;

static char *with_hello(const char *text)
{
    struct watch_line line = { .kind = WATCH_HELLO,
                               .hello = { .protocol = AGENT_PROTOCOL_VERSION,
                                          .agent_version = word,
                                          .name = word,
                                          .uuid = uuid,
                                          .real_name = empty,
                                          .vendor = empty,
                                          .model = empty,
                                          .cpu_model = empty,
                                          .hypervisor = empty,
                                          .boot_id = word,
                                          .migrate_address = empty,
                                          .mem_mb = 1,
                                          .cpu_threads = 1,
                                          .cpu_mhz = 1,
                                          .epoch = EPOCH } };
    g_autoptr(json_t) json = watch_line_encode(&line);
    g_autofree char *hello = json_format(json);
    g_autofree char *hello_line = g_strconcat(hello, "\n", NULL);
    g_auto(GStrv) parts = g_strsplit(text, HELLO, -1);

    return g_strjoinv(hello_line, parts);
}

static const struct {
    unsigned status;
    const char *text;
    bool unwelcome;
    const char *heard; /* up to the end of the first stream */
} streams[] = {
    { 200, HELLO FULL BEAT, false, "hello up full beat down: the agent ended the stream;" },
    { 200, "", false, "down: the agent ended the stream;" },
    { 200, HELLO HELLO BEAT, false, "hello up hello up beat down: the agent ended the stream;" },
    /* nothing of a stranger's stream is used */
    { 200, HELLO FULL BEAT, true, "hello down: another machine;" },
    { 200, FULL HELLO, false, "down: " },
    { 200, HELLO "no json\n" FULL, false, "hello up down: " },
    { 409, ERROR("denied", "epoch 9 was seen"), false, "deposed: epoch 9 was seen;" },
    { 503, ERROR("unavailable", "no libvirt"), false, "down: no libvirt;" },
    { 500, "what?", false, "down: " },
};

START_TEST(a_stream_is_told_line_by_line_until_its_end)
{
    g_autofree char *text = with_hello(streams[_i].text);

    agent.watch_status = streams[_i].status;
    agent.watch_text = text;
    lab.unwelcome = streams[_i].unwelcome;
    setup(0);
    connect_host();
    wait_for(";");
    ck_assert_msg(g_str_has_prefix(lab.heard->str, streams[_i].heard), "%s", lab.heard->str);
    ck_assert(!agents_connected(lab.agents, HOST_ID));
    teardown();
}
END_TEST

START_TEST(a_lost_link_is_made_again)
{
    g_autofree char *text = with_hello(HELLO BEAT);

    agent.watch_status = 200;
    agent.watch_text = text;
    setup(0);
    connect_host();
    wait_for("down: the agent ended the stream;hello up beat ");
    agents_remove_host(lab.agents, HOST_ID);
    ck_assert(!agents_connected(lab.agents, HOST_ID));
    teardown();
}
END_TEST

/* ---- commands ---------------------------------------------------------------------------------
 */

struct outcome {
    unsigned n_progress, n_final;
    enum command_state state;
    GError *error;
};

static void on_report(const struct command_report *report, const GError *error, bool final,
                      void *user)
{
    struct outcome *outcome = user;

    outcome->state = report->state;
    if (!final) {
        outcome->n_progress++;
        return;
    }
    outcome->n_final++;
    outcome->error = error ? g_error_copy(error) : NULL;
}

static void send_stop(struct outcome *outcome)
{
    struct agent_command command = { .id = g_strdup("t7-0-5"),
                                     .gen = 1,
                                     .verb = VERB_STOP,
                                     .vm_uuid = g_strdup(UUID),
                                     .deadline_ms = 1000 };

    agents_command(lab.agents, HOST_ID, &command, on_report, outcome);
    ck_assert_ptr_null(command.id); /* taken */
}

#define REPORT(state, rest)                                                                        \
    "\"id\":\"t7-0-5\",\"verb\":\"stop\",\"vm_uuid\":\"" UUID "\",\"state\":\"" state              \
    "\",\"progress\":" rest "}"
#define ANSWER(state, rest) "{\"v\":1," REPORT(state, rest)

enum ending {
    DONE,
    FAILED,
    ACCEPTED,
    AGAIN,
    DEPOSED
};

static const struct {
    unsigned status;
    const char *text;
    enum ending ending;
    enum vrm_err code;
    const char *says;
} answers[] = {
    { 200, ANSWER("done", "100"), DONE, 0, NULL },
    { 200, ANSWER("failed", "100,\"code\":\"busy\",\"reason\":3,\"error\":\"gone\""), FAILED,
      VRM_ERR_BUSY, "gone" },
    { 200, ANSWER("failed", "100,\"code\":\"internal\""), FAILED, VRM_ERR_INTERNAL,
      "the agent gave no reason" },
    { 400, ERROR("invalid", "no such verb"), FAILED, VRM_ERR_INVALID, "no such verb" },
    { 409, ERROR("conflict", "generation 2 was seen"), FAILED, VRM_ERR_CONFLICT, "generation 2" },
    { 202, ANSWER("accepted", "0"), ACCEPTED, 0, NULL },
    { 409, ERROR("denied", "epoch 9 was seen"), DEPOSED, 0, NULL },
    /* asked again under the same id by the next sweep */
    { 503, ERROR("busy", "queue full"), AGAIN, 0, NULL },
    { 200, "no json", AGAIN, 0, NULL },
};

static bool is_over(enum ending ending, const struct outcome *outcome)
{
    switch (ending) {
    case DONE:
    case FAILED:
        return outcome->n_final > 0;
    case ACCEPTED:
        return outcome->n_progress > 0;
    case AGAIN:
        return atomic_load(&agent.n_posts) > 1;
    case DEPOSED:
        return strstr(lab.heard->str, "deposed: epoch 9 was seen;") != NULL;
    }
    return true;
}

START_TEST(an_answer_ends_a_command_only_if_it_says_how_it_ended)
{
    g_autofree char *text = with_hello(HELLO BEAT);
    struct outcome outcome = { 0 };

    agent.watch_status = 200;
    agent.watch_text = text;
    agent.hangs = true;
    agent.post_status = answers[_i].status;
    agent.post_text = answers[_i].text;
    setup(0);
    connect_host();
    wait_for("beat");
    send_stop(&outcome);
    ck_assert_uint_eq(outcome.n_final + outcome.n_progress, 0); /* never from inside */
    while (!is_over(answers[_i].ending, &outcome))
        g_main_context_iteration(NULL, TRUE);
    ck_assert_uint_eq(outcome.n_final, answers[_i].ending <= FAILED);
    ck_assert_uint_eq(outcome.n_progress, answers[_i].ending == ACCEPTED);
    if (answers[_i].ending == FAILED)
        suite_take_error(&outcome.error, answers[_i].code, answers[_i].says);
    else
        suite_no_error(outcome.error);
    teardown();
}
END_TEST

/* The agent never saw the POST's answer read, but its stream says how the command ended. */
START_TEST(a_report_of_the_stream_ends_a_command_once)
{
    g_autofree char *text =
        with_hello(HELLO V "\"command\",\"commands\":[{" REPORT("done", "100") "]}\n" BEAT);
    struct outcome outcome = { 0 };

    agent.watch_status = 200;
    agent.watch_text = text;
    setup(0);
    send_stop(&outcome); /* no link yet: waits for it */
    connect_host();
    wait_for(";");
    ck_assert_uint_eq(outcome.n_final, 1);
    ck_assert_int_eq(outcome.state, COMMAND_DONE);
    ck_assert_int_eq(atomic_load(&agent.n_posts), 0);
    wait_for(";hello up command beat down: ");
    ck_assert_uint_eq(outcome.n_final, 1);
    teardown();
}
END_TEST

START_TEST(a_host_that_stays_silent_ends_its_commands_with_an_unknown_outcome)
{
    struct outcome outcome = { 0 }, forgotten = { 0 };
    struct agent_command command = { .id = g_strdup("t8-0-5"), .verb = VERB_STOP };

    agent.watch_status = 503;
    agent.watch_text = ERROR("unavailable", "no");
    setup(1);
    connect_host();
    send_stop(&outcome);
    agents_command(lab.agents, HOST_ID, &command, on_report, &forgotten);
    agents_forget(lab.agents, "t8-0-5");
    while (outcome.n_final == 0)
        g_main_context_iteration(NULL, TRUE);
    suite_take_error(&outcome.error, VRM_ERR_TIMEOUT, "nobody knows how the command ended");
    ck_assert_uint_eq(forgotten.n_final, 0);
    ck_assert_int_eq(atomic_load(&agent.n_posts), 0);
    teardown();
}
END_TEST

START_TEST(without_an_epoch_nothing_is_sent)
{
    struct outcome outcome = { 0 };

    agent.watch_status = 200;
    agent.watch_text = "";
    setup(0);
    lab.epoch = 0;
    connect_host();
    send_stop(&outcome);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    agents_reset(lab.agents);
    ck_assert_str_eq(lab.heard->str, "");
    ck_assert_uint_eq(outcome.n_final, 0);
    teardown();
}
END_TEST

START_TEST(an_ipv6_address_stands_in_brackets)
{
    agent.watch_text = "";
    setup(0);
    agents_set_host(lab.agents, HOST_ID, "cna1", "::1", 1);
    wait_for("https://[::1]:1/v1/watch");
    teardown();
}
END_TEST

SUITE_MAIN("agents", SUITE_LOOP(a_stream_is_told_line_by_line_until_its_end, streams),
           SUITE_TEST(a_lost_link_is_made_again),
           SUITE_LOOP(an_answer_ends_a_command_only_if_it_says_how_it_ended, answers),
           SUITE_TEST(a_report_of_the_stream_ends_a_command_once),
           SUITE_TEST(a_host_that_stays_silent_ends_its_commands_with_an_unknown_outcome),
           SUITE_TEST(without_an_epoch_nothing_is_sent),
           SUITE_TEST(an_ipv6_address_stands_in_brackets))
