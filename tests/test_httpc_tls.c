/* test_httpc_tls.c - the HTTP client over TLS: certificates of both sides. */
#include "config.h"

#include "base/httpc.h"

#include "tests/httpc_bench.h"
#include "tests/suite.h"
#include "tests/testcerts.h"

static struct testcerts certs; /* one process for each test */

static const struct {
    bool right_ca, with_cert;
    const char *host;
    bool good;
} handshakes[] = {
    { true, true, "127.0.0.1", true },
    { true, true, "localhost", true },
    { true, true, "127.0.0.2", false }, /* the certificate does not name it */
    { false, true, "127.0.0.1", false },
};

START_TEST(both_sides_prove_who_they_are)
{
    struct server server;
    struct result result = { 0 };
    g_autoptr(HttpClient) client = NULL;
    g_autofree char *url = NULL;
    struct http_tls tls;

    testcerts_make(&certs);
    server_start(&server, &certs);
    tls = (struct http_tls){ handshakes[_i].right_ca ? certs.ca : certs.other_ca,
                             handshakes[_i].with_cert ? certs.client_cert : NULL,
                             handshakes[_i].with_cert ? certs.client_key : NULL };
    client = http_client_new(&tls);
    url = g_strdup_printf("https://%s:%u/v1", handshakes[_i].host, server.port);
    result_get(client, url, &result);
    if (handshakes[_i].good) {
        suite_no_error(result.error);
        ck_assert_int_eq(result.status, 200);
    } else {
        ck_assert(!result.sent);
        suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "");
    }
    result_clear(&result);
    server_stop(&server);
    testcerts_clear(&certs);
}
END_TEST

START_TEST(new_certificates_are_for_new_connections)
{
    struct server server;
    struct result result = { 0 };
    g_autoptr(HttpClient) client = NULL;
    g_autofree char *url = NULL;
    struct http_tls tls;

    testcerts_make(&certs);
    server_start(&server, &certs);
    tls = (struct http_tls){ certs.other_ca, certs.client_cert, certs.client_key };
    client = http_client_new(&tls);
    url = server_url(&server, "/v1");
    result_get(client, url, &result);
    suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "");
    result_clear(&result);
    tls.ca_file = certs.ca;
    http_client_set_tls(client, &tls);
    result_get(client, url, &result);
    suite_no_error(result.error);
    result_clear(&result);
    server_stop(&server);
    testcerts_clear(&certs);
}
END_TEST

START_TEST(a_missing_certificate_file_is_said)
{
    struct http_tls tls = { "/nonexistent/ca.pem", NULL, NULL };
    g_autoptr(HttpClient) client = http_client_new(&tls);
    struct result result = { 0 };
    struct server server;
    g_autofree char *url = NULL;

    testcerts_make(&certs);
    server_start(&server, &certs);
    url = server_url(&server, "/v1");
    result_get(client, url, &result);
    suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "/nonexistent/ca.pem");
    result_clear(&result);
    server_stop(&server);
    testcerts_clear(&certs);
}
END_TEST

SUITE_MAIN("httpc_tls", SUITE_LOOP(both_sides_prove_who_they_are, handshakes),
           SUITE_TEST(new_certificates_are_for_new_connections),
           SUITE_TEST(a_missing_certificate_file_is_said))
