/* body.h - fields of request bodies, with the numbers FusionCompute's clients know.
 *
 * Thin over base/json.h: absent leaves the output, wrong fails with field, value and what is
 * allowed; reason is the errorCode of that failure (0: malformed request). */
#ifndef VRM_API_BODY_H
#define VRM_API_BODY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "model/id.h"

#define BODY_NAME_MAX        256
#define BODY_DESCRIPTION_MAX 1024
#define BODY_TAG_MAX         64
#define BODY_LIST_MAX        10000

struct body_int {
    const char *key;
    int64_t min, max;
    int reason;
    int64_t *ret_value;
};
/* Reads each of the table. */
bool body_ints(const struct json_reader *reader, const struct body_int *table, size_t n,
               GError **error);
bool body_int(const struct json_reader *reader, const char *key, int64_t min, int64_t max,
              int reason, int64_t *ret_value, GError **error);
/* As body_int, for a field that may only hold one of n values. */
bool body_one_of(const struct json_reader *reader, const char *key, const int64_t *allowed,
                 size_t n, int reason, int64_t *ret_value, GError **error);
bool body_string(const struct json_reader *reader, const char *key, size_t max_len, int reason,
                 char **ret_value, GError **error);
/* One of words, which a NULL ends. */
bool body_word(const struct json_reader *reader, const char *key, const char *const *words,
               int reason, char **ret_value, GError **error);
/* A name: 1..max_len characters, not only blanks, none of forbidden. */
bool body_name(const struct json_reader *reader, const char *key, size_t max_len,
               const char *forbidden, int reason, char **ret_value, GError **error);
/* URN or URI; "" and absent leave *ret_id. */
bool body_urn(const struct json_reader *reader, const char *key, const char *site,
              enum object_kind kind, int reason, int64_t *ret_id, GError **error);
/* [{"urn":...,...}] or ["urn:...", ...] to ascending ids without repetition; *ret_given false and
 * the rest untouched when absent.  *ret_ids is replaced. */
bool body_urns(const struct json_reader *reader, const char *key, const char *site,
               enum object_kind kind, int reason, bool *ret_given, int64_t **ret_ids, size_t *ret_n,
               GError **error);
/* Milliseconds, or "yyyy-MM-dd HH:mm:ss". */
bool body_time(const struct json_reader *reader, const char *key, int64_t *ret_ms, GError **error);

/* An error about a field: "path.key = value: want ..." */
bool body_fail(const struct json_reader *reader, const char *key, int reason, const char *want,
               GError **error);
/* Gives an error the number that clients know. */
bool body_retag(int reason, GError **error);

#endif /* VRM_API_BODY_H */
