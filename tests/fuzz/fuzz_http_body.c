/* fuzz_http_body.c - any call with any target and any body: never a crash, always JSON.
 *
 * First line: "METHOD target"; the rest is the body. */
#include "config.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/request.h"
#include "tests/api_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_done(struct op_result *result, void *user)
{
    request_set_result(user, result);
}

static void call(struct fake *fake, const char *method, const char *target, const char *body)
{
    g_autofree char *token = fake_token(fake, "administrator");
    g_autoptr(request_auto) req = request_new(&fake->core, method, target, "10.9.9.9");
    json_t *answer;

    request_set_header(req, "X-Auth-Token", token);
    request_set_header(req, "Prefer", body);
    request_set_header(req, "Accept", "application/json");
    request_set_header(req, "Last-Event-ID", body);
    request_add_body(req, body, strlen(body));
    while (request_step(req) == REQUEST_WAITS)
        fake_ops.submit(fake, request_take_op(req), on_done, req);
    if (strstr(req->content_type, "json")) {
        answer = json_loads(req->out.text->str, 0, NULL);
        g_assert(json_is_object(answer));
        json_decref(answer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake fake;
    g_autofree char *text = g_strndup((const char *)data, size);
    char *body = strchr(text, '\n');
    char *target = NULL;

    if (!fake.builder) {
        fake_init(&fake);
        fake.core.feed = feed_new(NULL);
        feed_start(fake.core.feed, 1);
    }
    if (body)
        *body++ = '\0';
    target = strchr(text, ' ');
    if (target)
        *target++ = '\0';
    call(&fake, text, target ? target : "", body ? body : "");
    return 0;
}
