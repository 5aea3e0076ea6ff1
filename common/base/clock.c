/* clock.c - see clock.h. */
#include "config.h"

#include "base/clock.h"

#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec ts;
    int rc = clock_gettime(id, &ts); /* allowed: here is where it is */

    g_assert(rc == 0);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
    return read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_now_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

char *clock_format_local(int64_t wall_ms)
{
    struct tm tm;
    time_t sec = (time_t)(wall_ms / 1000);

    if (wall_ms <= 0 || !localtime_r(&sec, &tm))
        return g_strdup("");
    return g_strdup_printf("%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                           tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *clock_format_log(int64_t wall_ms)
{
    g_autofree char *text = clock_format_local(wall_ms);

    if (text[0] == '\0')
        return g_strdup("");
    text[strlen("2026-11-22")] = 'T';
    return g_strdup_printf("%s.%03d", text, (int)(wall_ms % 1000));
}

/* Digits of text where form has 'd', the same character elsewhere, and nothing behind. */
static bool has_form(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++) {
        if (*form == 'd' ? !g_ascii_isdigit(*text) : *text != *form)
            return false;
    }
    return *text == '\0';
}

static int two_digits(const char *text)
{
    return g_ascii_digit_value(text[0]) * 10 + g_ascii_digit_value(text[1]);
}

bool clock_parse_local(const char *text, int64_t *ret_wall_ms)
{
    g_autofree char *again = NULL;
    struct tm tm = { 0 };
    time_t sec;

    if (!text || !has_form(text, "dddd-dd-dd dd:dd:dd"))
        return false;
    tm.tm_year = two_digits(text) * 100 + two_digits(text + 2) - 1900;
    tm.tm_mon = two_digits(text + 5) - 1;
    tm.tm_mday = two_digits(text + 8);
    tm.tm_hour = two_digits(text + 11);
    tm.tm_min = two_digits(text + 14);
    tm.tm_sec = two_digits(text + 17);
    tm.tm_isdst = -1;
    sec = mktime(&tm);
    if (sec <= 0)
        return false;
    /* mktime accepts 31 April as 1 May: only what comes back the same was a real time. */
    again = clock_format_local((int64_t)sec * 1000);
    if (strcmp(again, text) != 0)
        return false;
    *ret_wall_ms = (int64_t)sec * 1000;
    return true;
}
