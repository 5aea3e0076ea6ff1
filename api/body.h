/* body.h - fields of request bodies, with the numbers FusionCompute's clients know.
 *
 * Thin over base/json.h: absent leaves the output, wrong fails with field, value and what is
 * allowed; reason is the errorCode of that failure (0: malformed request). */
#ifndef VRM_API_BODY_H
#define VRM_API_BODY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/field.h"
#include "base/json.h"
#include "model/id.h"

#define BODY_NAME_MAX        256
#define BODY_DESCRIPTION_MAX 1024
#define BODY_TAG_MAX         64
#define BODY_LIST_MAX        10000

/* Reads each of the table. */
bool body_ints(const struct json_reader *reader, const struct int_field *table, size_t n,
               GError **error);
/* body_int(reader, INT_FIELD("limit", 0, 100, REASON_BAD_LIMIT, &limit), error) */
bool body_int(const struct json_reader *reader, const struct int_field *field, GError **error);
/* A field that may only hold some of the values 0..31: ONE_OF(1) | ONE_OF(3). */
#define ONE_OF(value) (UINT32_C(1) << (value))
bool body_one_of(const struct json_reader *reader, const char *key, uint32_t allowed, int reason,
                 int64_t *ret_value, GError **error);
bool body_string(const struct json_reader *reader, const char *key, size_t max_len, int reason,
                 char **ret_value, GError **error);
/* One of words, which a NULL ends. */
bool body_word(const struct json_reader *reader, const char *key, const char *const *words,
               int reason, char **ret_value, GError **error);
/* A name: 1..BODY_NAME_MAX characters, not only blanks. */
bool body_name(const struct json_reader *reader, const char *key, int reason, char **ret_value,
               GError **error);

/* A reference to an object. */
struct urn_field {
    const char *key, *site;
    enum object_kind kind;
    int reason; /* errorCode when it is wrong; 0: malformed request */
};
#define URN_FIELD(...) (&(const struct urn_field){ __VA_ARGS__ })
/* URN or URI; "" and absent leave *ret_id. */
bool body_urn(const struct json_reader *reader, const struct urn_field *field, int64_t *ret_id,
              GError **error);
/* [{"urn":...,...}] or ["urn:...", ...] to ascending ids without repetition; absent leaves both
 * outputs, else *ret_ids is replaced. */
bool body_urns(const struct json_reader *reader, const struct urn_field *field, int64_t **ret_ids,
               size_t *ret_n, GError **error);
/* Milliseconds, or "yyyy-MM-dd HH:mm:ss". */
bool body_time(const struct json_reader *reader, const char *key, int64_t *ret_ms, GError **error);

/* An error about a field: "path.key = value: want ..." */
bool body_fail(const struct json_reader *reader, const char *key, int reason, const char *want,
               GError **error);
/* Gives an error the number that clients know. */
bool body_retag(int reason, GError **error);

#endif /* VRM_API_BODY_H */
