/* etcd_reply.h - what etcd's JSON gateway answers, read strictly.
 *
 * etcd's ways: 64-bit integers are strings; zero and false are left out (a transaction without
 * `succeeded` failed, a keep-alive without `TTL` is of a dead lease, a change without `version` is
 * a deletion); keys and values are base64.  An answer without etcd's header is not etcd's.
 *
 * Pure.  Any thread. */
#ifndef VRM_ETCD_REPLY_H
#define VRM_ETCD_REPLY_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

struct etcd_kv {
    char *key;
    char *value; /* NUL-terminated, but may hold anything */
    size_t value_len;
    int64_t create_revision, mod_revision;
    int64_t version; /* 0: the key was deleted */
    int64_t lease;   /* 0: none */
};
VEC_DECLARE(etcd_kvs, struct etcd_kv);

/* Whatever an answer says; what it does not say is 0. */
struct etcd_answer {
    int64_t revision; /* of the whole store when it answered */
    bool succeeded;   /* transaction: every compare held */
    bool canceled;    /* watch: no more events will come; list again */
    int64_t compact_revision;
    int64_t lease;
    int64_t ttl_ms;      /* granted or left; 0: the lease is dead */
    struct etcd_kvs kvs; /* a range; all ranges of a transaction's branch; a watch's changes */
};

/* Each: *ret_answer is untouched on failure, otherwise for etcd_answer_clear.
 * VRM_ERR_INTERNAL: unintelligible, so whatever was asked may have happened or not. */
typedef bool (*etcd_reply_fn)(const char *text, size_t len, struct etcd_answer *ret_answer,
                              GError **error);
bool etcd_reply_range(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error);
bool etcd_reply_txn(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error);
bool etcd_reply_grant(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error);
bool etcd_reply_keep_alive(const char *text, size_t len, struct etcd_answer *ret_answer,
                           GError **error);
/* Revocation, compaction: a header only. */
bool etcd_reply_header(const char *text, size_t len, struct etcd_answer *ret_answer,
                       GError **error);
/* One line of a watch.  An error line fails with VRM_ERR_UNAVAILABLE. */
bool etcd_reply_watch(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error);

/* The error of an answer whose HTTP status is not 200.  VRM_ERR_NOT_FOUND (no such lease) and
 * VRM_ERR_INVALID are certain: nothing was done.  All else may have happened or not. */
void etcd_reply_refusal(int status, const char *text, size_t len, GError **error);

void etcd_answer_clear(struct etcd_answer *answer);

#endif /* VRM_ETCD_REPLY_H */
