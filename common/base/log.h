/* log.h - structured log: a message for people and fields for machines.
 *
 *     log_info("migration done", "TASK", task_id, "VM", vm->name, NULL);
 *
 * Goes to the journal when stderr is the journal, with its fields both as such and in the message
 * "message TASK=12 VM=web", which is all that journalctl shows; else to stderr as one line
 * "2026-11-22T16:00:01.123 info  message TASK=12 VM=web"; a value with blanks or quotes stands in
 * double quotes, control characters are escaped, so a line is always one entry.  Any thread. */
#ifndef VRM_BASE_LOG_H
#define VRM_BASE_LOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* Installs the GLib log writer (so that libraries' messages take the same way); once, before any
 * thread starts.  Without it: level info, stderr, as unit tests like it. */
void log_init(const char *program, enum log_level level);

/* May be called at any time (SIGHUP). */
void log_set_level(enum log_level level);
/* "error", "warning", "info", "debug". */
bool log_level_parse(const char *name, enum log_level *ret_level);
/* True if entries of this level are written; to skip work made for a debug entry only. */
bool log_enabled(enum log_level level);

/* Pairs of field name (upper case A-Z 0-9 _, else the journal drops it) and string value, ended by
 * NULL, at most 24.  A NULL value prints as "-". */
void log_error(const char *message, ...) G_GNUC_NULL_TERMINATED;
void log_warning(const char *message, ...) G_GNUC_NULL_TERMINATED;
void log_info(const char *message, ...) G_GNUC_NULL_TERMINATED;
void log_debug(const char *message, ...) G_GNUC_NULL_TERMINATED;

/* A warning that a peer can trigger: at most once in interval_ms for each limiter, with a count of
 * those left out since.  The limiter is a static variable (zero) of the caller and belongs to one
 * thread. */
struct log_limit {
    int64_t last_ms;
    unsigned suppressed;
};
bool log_limit_pass(struct log_limit *limit, int64_t now_ms, int64_t interval_ms,
                    unsigned *ret_left_out);

#endif /* VRM_BASE_LOG_H */
