/* clock.h - the only place that reads time.  Any thread. */
#ifndef VRM_BASE_CLOCK_H
#define VRM_BASE_CLOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* CLOCK_BOOTTIME in ms: deadlines, ages, protocols.  Counts while the machine sleeps. */
int64_t clock_now_ms(void);
/* The same in microseconds: how long work takes. */
int64_t clock_now_us(void);

/* Unix time in ms: what people read and what is stored.  Never for deadlines. */
int64_t clock_wall_ms(void);

/* "2026-11-22 16:00:01" in local time, the API's form; "" for 0 and before.  g_free. */
char *clock_format_local(int64_t wall_ms);

/* "2026-11-22T16:00:01.123" in local time, the log's form.  g_free. */
char *clock_format_log(int64_t wall_ms);

/* Inverse of clock_format_local, to the second; false if text is not such a time, or one that
 * local time skips (the hour lost in spring).  The hour that comes twice in autumn gives either. */
bool clock_parse_local(const char *text, int64_t *ret_wall_ms);

#endif /* VRM_BASE_CLOCK_H */
