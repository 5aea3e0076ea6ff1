/* restcli.h - a blocking REST client for component tests: logs in, finds the active controller,
 * tells "refused" from "nobody knows".  One thread each. */
#ifndef VRM_TESTS_RESTCLI_H
#define VRM_TESTS_RESTCLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define REST_USER     "admin"
#define REST_PASSWORD "fleet-test-1"

typedef struct Rest Rest;

/* urls: of every controller; borrowed. */
Rest *rest_new(const char *const *urls);
void rest_free(Rest *rest);

/* One HTTP request past log-in and controllers; the answer's text (g_free) or NULL.  *ret_status is
 * 0 when there was no answer. */
char *rest_raw(Rest *rest, const char *method, const char *url, const char *body, int *ret_status);

/* The same with a token, without a word about the answer's text. */
int rest_status_with(Rest *rest, const char *token, const char *method, const char *url,
                     const char *body);
/* A log-in past all that; the token (g_free), or NULL. */
char *rest_log_in(Rest *rest, const char *url);

/* Logged in at the controller that is asked next; false: not yet, try again. */
bool rest_ready(Rest *rest);

/* To the active controller, as the administrator; body may be NULL.  Never NULL: an answer that is
 * no JSON is {}.  *ret_status: 0 no answer, else HTTP's. */
json_t *rest_call(Rest *rest, const char *method, const char *path, const char *body,
                  int *ret_status);

enum rest_outcome {
    REST_DONE,     /* 200 */
    REST_REFUSED,  /* 4xx: nothing happened */
    REST_IN_DOUBT, /* no answer, or a 5xx */
};
enum rest_outcome rest_outcome_of(int status);

/* GET until there is an answer of 200 or a refusal; NULL when patience ended. */
json_t *rest_read(Rest *rest, const char *path, int64_t patience_ms, int *ret_status);

/* Text of a field, or "". */
const char *rest_text(const json_t *json, const char *field);

#endif /* VRM_TESTS_RESTCLI_H */
