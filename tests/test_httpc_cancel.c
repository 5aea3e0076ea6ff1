/* test_httpc_cancel.c - calls of the HTTP client that are cancelled, and clients that are freed, at
 * any moment. */
#include "config.h"

#include "base/httpc.h"

#include "tests/httpc_bench.h"
#include "tests/suite.h"

START_TEST(a_cancelled_call_is_never_heard_of_again)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 }, other = { 0 };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/v1");
    request = result_request(url, &result);
    http_call_cancel(http_client_send(client, &request)); /* at once */
    request.url = "file:///x";
    http_call_cancel(http_client_send(client, &request)); /* one that could not start */
    request.url = url;
    for (int i = 0; i < 8; i++) { /* at each stage of its life */
        HttpCall *call = http_client_send(client, &request);

        for (int j = 0; j < i && result.n_done == 0; j++)
            g_main_context_iteration(NULL, FALSE);
        if (result.n_done == 0)
            http_call_cancel(call);
        result_clear(&result);
    }
    http_call_cancel(NULL);
    result_get(client, url, &other);
    suite_no_error(other.error);
    httpc_settle();
    ck_assert_int_eq(result.n_done, 0);
    result_clear(&other);
    server_stop(&server);
}
END_TEST

START_TEST(a_call_may_cancel_itself_while_a_line_comes)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    HttpCall *call = NULL;
    struct result result = { .cancel = &call };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/lines/100");
    request = result_request(url, &result);
    request.on_line = result_on_line;
    call = http_client_send(client, &request);
    while (result.n_lines == 0)
        g_main_context_iteration(NULL, TRUE);
    httpc_settle();
    ck_assert_int_eq(result.n_lines, 1);
    ck_assert_int_eq(result.n_done, 0);
    result_clear(&result);
    server_stop(&server);
}
END_TEST

START_TEST(the_last_line_without_newline_may_cancel_too)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    HttpCall *call = NULL;
    struct result result = { .cancel = &call };
    struct http_request request;
    struct teller teller;

    teller_start(&teller, OK_HEAD "Content-Length: 4\r\n\r\nlast", false);
    url = teller_url(&teller);
    request = result_request(url, &result);
    request.on_line = result_on_line;
    call = http_client_send(client, &request);
    while (result.n_lines == 0)
        g_main_context_iteration(NULL, TRUE);
    httpc_settle();
    ck_assert_int_eq(result.n_done, 0);
    result_clear(&result);
    teller_stop(&teller);
}
END_TEST

START_TEST(a_callback_may_cancel_another_call_and_itself)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    HttpCall *mine = NULL, *others = NULL;
    struct result first = { .cancel = &others }, second = { 0 }, third = { .cancel = &mine };
    struct http_request request;
    struct server server;
    struct teller teller;
    g_autofree char *slow = NULL;

    server_start(&server, NULL);
    teller_start(&teller, NULL, true);
    url = server_url(&server, "/v1");
    slow = teller_url(&teller);
    request = result_request(slow, &second);
    others = http_client_send(client, &request);
    result_get(client, url, &first);
    suite_no_error(first.error);
    request = result_request(url, &third);
    mine = http_client_send(client, &request); /* cancels itself in its own on_done: no effect */
    result_wait(&third);
    httpc_settle();
    ck_assert_int_eq(second.n_done, 0);
    ck_assert_int_eq(third.n_done, 1);
    result_clear(&first);
    result_clear(&third);
    teller_stop(&teller);
    server_stop(&server);
}
END_TEST

static const struct {
    const char *path;
    http_line_fn on_line;
} freeing[] = { { "/v1", NULL }, { "/lines/50", result_on_line } };

START_TEST(a_callback_may_free_the_client)
{
    HttpClient *client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result results[10] = { 0 };
    struct server server;
    int n_done = 0;

    server_start(&server, NULL);
    url = server_url(&server, freeing[_i].path);
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        struct http_request request = result_request(url, &results[i]);

        results[i].free_client = client;
        request.on_line = freeing[_i].on_line;
        http_client_send(client, &request);
    }
    while (n_done == 0) {
        g_main_context_iteration(NULL, TRUE);
        for (size_t i = 0; i < G_N_ELEMENTS(results); i++)
            n_done += results[i].n_done + results[i].n_lines;
    }
    httpc_settle();
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        n_done -= results[i].n_done + results[i].n_lines;
        result_clear(&results[i]);
    }
    ck_assert_int_eq(n_done, 0); /* nothing came after the first */
    server_stop(&server);
}
END_TEST

START_TEST(the_failure_of_an_unsendable_call_may_free_the_client)
{
    HttpClient *client = http_client_new(NULL);
    struct result result = { .free_client = client };
    struct http_request request = result_request("http://a\nb", &result);

    http_client_send(client, &request);
    result_wait(&result);
    result_clear(&result);
}
END_TEST

SUITE_MAIN("httpc_cancel", SUITE_TEST(a_cancelled_call_is_never_heard_of_again),
           SUITE_TEST(a_call_may_cancel_itself_while_a_line_comes),
           SUITE_TEST(the_last_line_without_newline_may_cancel_too),
           SUITE_TEST(a_callback_may_cancel_another_call_and_itself),
           SUITE_LOOP(a_callback_may_free_the_client, freeing),
           SUITE_TEST(the_failure_of_an_unsendable_call_may_free_the_client))
