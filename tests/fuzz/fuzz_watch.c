/* fuzz_watch.c - the lines of an agent's watch stream, as vrmd reads them.
 *
 * Whatever is accepted must encode to a line that is accepted again and stays the same. */
#include "config.h"

#include "agentproto/msg.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *line_text(const struct watch_line *line)
{
    g_autoptr(json_t) json = watch_line_encode(line);

    return json_format(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct watch_line line, again;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autoptr(GError) error = NULL;

    if (!watch_line_decode((const char *)data, size, &line, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return 0;
    }
    first = line_text(&line);
    g_assert(watch_line_decode(first, strlen(first), &again, NULL));
    second = line_text(&again);
    g_assert_cmpstr(first, ==, second);
    watch_line_clear(&line);
    watch_line_clear(&again);
    return 0;
}
