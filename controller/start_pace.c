/* start_pace.c - see start_pace.h. */
#include "config.h"

#include "controller/start_pace.h"

#include <glib.h>

#define FIRST_WAIT_MS INT64_C(10000)
#define LAST_WAIT_MS  (INT64_C(5) * 60 * 1000)
/* Something always changes in a big cluster: even then most of the time is spent waiting. */
#define CHANGED_PART 5
/* The same reason in other words (which hosts, say) is told so often at most. */
#define TELL_AGAIN_MS (INT64_C(10) * 60 * 1000)

void start_pace_clear(struct start_pace *pace)
{
    g_clear_pointer(&pace->told, g_free);
}

static int64_t wait_ms(unsigned n_refused)
{
    int64_t wait = FIRST_WAIT_MS;

    for (unsigned i = 1; i < n_refused && wait < LAST_WAIT_MS; i++)
        wait *= 2;
    return MIN(wait, LAST_WAIT_MS);
}

bool start_pace_is_due(const struct start_pace *pace, int64_t now_ms, uint64_t world)
{
    int64_t wait;

    if (pace->n_refused == 0)
        return true;
    wait = wait_ms(pace->n_refused);
    if (world != pace->world)
        wait /= CHANGED_PART;
    return now_ms - pace->refused_ms >= wait;
}

/* Without its figures. */
static char *outline(const char *text)
{
    GString *out = g_string_new(NULL);

    for (; *text; text++) {
        if (!g_ascii_isdigit(*text))
            g_string_append_c(out, *text);
    }
    return g_string_free(out, FALSE);
}

static bool is_new(const struct start_pace *pace, int64_t now_ms, int reason, const char *text)
{
    if (!pace->told || pace->reason != reason)
        return true;
    return now_ms - pace->told_ms >= TELL_AGAIN_MS && !g_str_equal(pace->told, text);
}

bool start_pace_refused(struct start_pace *pace, int64_t now_ms, int reason, const char *text)
{
    g_autofree char *plain = outline(text);
    bool tell = is_new(pace, now_ms, reason, plain);

    pace->refused_ms = now_ms;
    pace->n_refused++;
    if (!tell)
        return false;
    pace->reason = reason;
    pace->told_ms = now_ms;
    g_free(pace->told);
    pace->told = g_steal_pointer(&plain);
    return true;
}
