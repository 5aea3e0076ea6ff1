/* log.h - structured log: a message for people and fields for machines.
 *
 *     log_info("migration done", "TASK", task_id, "VM", vm->name, NULL);
 *
 * Goes to the journal with its fields when stderr is the journal, else to stderr as one line
 * "2026-11-22T16:00:01.123 info  message TASK=12 VM=web".  Any thread. */
#ifndef VRM_BASE_LOG_H
#define VRM_BASE_LOG_H

#include <glib.h>
#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* Installs the GLib log writer; once, before any thread starts. */
void log_init(const char *program, enum log_level level);

/* May be called at any time (SIGHUP). */
void log_set_level(enum log_level level);
bool log_level_parse(const char *name, enum log_level *ret_level);

/* Pairs of field name (upper case) and string value, ended by NULL.  A NULL value prints as "-". */
void log_error(const char *message, ...) G_GNUC_NULL_TERMINATED;
void log_warning(const char *message, ...) G_GNUC_NULL_TERMINATED;
void log_info(const char *message, ...) G_GNUC_NULL_TERMINATED;
void log_debug(const char *message, ...) G_GNUC_NULL_TERMINATED;

/* A warning that a peer can trigger: at most once in interval_ms for each limiter, with a count of
 * those left out.  The limiter is a static variable of the caller. */
struct log_limit {
    gint64 last_ms;
    guint suppressed;
};
bool log_limit_pass(struct log_limit *limit, gint64 now_ms, gint64 interval_ms,
                    guint *ret_left_out);

#endif /* VRM_BASE_LOG_H */
