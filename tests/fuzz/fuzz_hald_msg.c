/* fuzz_hald_msg.c - lines on vrm-hald's socket, in both directions.
 *
 * Whatever is accepted must be written as a line that is accepted again and stays the same. */
#include "config.h"

#include "agentproto/hald_msg.h"

#include <string.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(const char *line, size_t len)
{
    struct hald_request request, again;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autoptr(GError) error = NULL;
    int64_t id;

    if (!hald_request_parse(line, len, &request, &id, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID) && id >= 0);
        return;
    }
    g_assert(id == request.id);
    first = hald_request_format(&request);
    g_assert(!strchr(first, '\n'));
    g_assert(hald_request_parse(first, strlen(first), &again, NULL, NULL));
    second = hald_request_format(&again);
    g_assert_cmpstr(first, ==, second);
    hald_request_clear(&request);
    hald_request_clear(&again);
}

static void try_reply(const char *line, size_t len)
{
    struct hald_reply reply, again;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autoptr(GError) error = NULL;

    if (!hald_reply_parse(line, len, &reply, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return;
    }
    first = hald_reply_format(&reply);
    g_assert(hald_reply_parse(first, strlen(first), &again, NULL));
    second = hald_reply_format(&again);
    g_assert_cmpstr(first, ==, second);
    hald_reply_clear(&reply);
    hald_reply_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_request((const char *)data, size);
    try_reply((const char *)data, size);
    return 0;
}
