/* etcd.h - etcd v3 over its JSON gateway, on the loop.
 *
 * A call goes to one endpoint, once.  If it fails the next call goes to the next endpoint; nothing
 * is repeated here, because a request without an answer may have been done.  Every request asks for
 * a member that has a leader, so that a member cut off from the others fails soon.
 *
 * Loop thread only. */
#ifndef VRM_ETCD_H
#define VRM_ETCD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/httpc.h"
#include "etcd/etcd_reply.h"
#include "etcd/etcd_txn.h"

typedef struct Etcd Etcd;
typedef struct EtcdCall EtcdCall;

/* Exactly once for each call, never from inside the call's start.  answer is NULL on error,
 * borrowed otherwise.  Errors: NOT_FOUND (no such lease) and INVALID are certain, nothing was done;
 * TIMEOUT, UNAVAILABLE and INTERNAL leave it unknown. */
typedef void (*etcd_done_fn)(const struct etcd_answer *answer, const GError *error, void *user);

/* "http://10.0.0.1:2379" or https (with the certificates of http); at least one; copied.  http is
 * borrowed and must outlive the Etcd. */
Etcd *etcd_new(HttpClient *http, const char *const *endpoints, unsigned timeout_ms);

/* Cancels every call. */
void etcd_free(Etcd *etcd);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Etcd, etcd_free)

/* Was the last thing we heard from etcd an answer? */
bool etcd_ok(const Etcd *etcd);

EtcdCall *etcd_grant(Etcd *etcd, int64_t ttl_ms, etcd_done_fn done, void *user);
EtcdCall *etcd_keep_alive(Etcd *etcd, int64_t lease, etcd_done_fn done, void *user);
EtcdCall *etcd_revoke(Etcd *etcd, int64_t lease, etcd_done_fn done, void *user);
EtcdCall *etcd_commit(Etcd *etcd, const EtcdTxn *txn, etcd_done_fn done, void *user);

/* Linearizable.  A key that ends in '/' means all keys below it. */
EtcdCall *etcd_read(Etcd *etcd, const char *key, etcd_done_fn done, void *user);

/* Changes of key (or below it) from revision on.  on_change gets each answer that is not an error
 * and says whether to go on; done gets the end, which is always an error.  Silence of idle_ms is an
 * end, too; 0: any silence is fine. */
typedef bool (*etcd_change_fn)(const struct etcd_answer *answer, void *user);
struct etcd_stream {
    const char *key;
    int64_t revision;
    unsigned idle_ms;
    etcd_change_fn on_change;
    etcd_done_fn done;
    void *user;
};
EtcdCall *etcd_stream(Etcd *etcd, const struct etcd_stream *stream);

/* Ends the call without a callback; never from inside its own on_change. */
void etcd_cancel(EtcdCall *call);

#endif /* VRM_ETCD_H */
