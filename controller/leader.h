/* leader.h - who leads: the shell around ha/leader_fsm over etcd.
 *
 * Leadership is the key <prefix>/leader, held by a lease; the epoch is that key's create revision.
 * A leader may act only while leader_valid() says so, and every write to etcd carries
 * leader_guard().  Leases give liveness; the guard, the epoch in PostgreSQL and the epoch at the
 * agents give safety.
 *
 * Loop thread only; leader_valid, leader_epoch, leader_etcd_ok and leader_is_other may be asked
 * from any thread.  No callback runs from inside a call of this interface. */
#ifndef VRM_CONTROLLER_LEADER_H
#define VRM_CONTROLLER_LEADER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/httpc.h"

typedef struct EtcdTxn EtcdTxn;
typedef struct Leader Leader;

struct leader_options {
    const char *const *endpoints; /* "http://10.0.0.1:2379", ...; NULL-terminated; copied */
    const char *prefix;           /* "/vrm" */
    const char *name;             /* who we are; unique among the controllers */
    const char *url;              /* where clients reach us: "https://10.0.0.1:7443" */
    int64_t ttl_ms;               /* lease; 0: 3000; etcd rounds up to 2000 and whole seconds */
    HttpClient *http;             /* borrowed; must outlive the Leader */

    /* etcd says it is us: take the epoch to PostgreSQL, then call leader_accept. */
    void (*on_elected)(int64_t epoch, void *user);
    /* Both agree: act, as long as leader_valid(). */
    void (*on_active)(int64_t epoch, void *user);
    /* Once, after on_elected: never again leader in this process.  Call leader_resign, then
     * re-execute the program. */
    void (*on_lost)(const char *why, void *user);
    /* Address of the present leader; "" unknown.  Borrowed. */
    void (*on_leader_changed)(const char *url, void *user);
    void *user;
};

/* Everything in options is copied but http.  Nothing happens before leader_start. */
Leader *leader_new(const struct leader_options *options);

/* Campaigns until stopped, whether etcd answers yet or not. */
void leader_start(Leader *leader);

/* The database's verdict on the epoch of on_elected; an old epoch's verdict is ignored.  Not ok:
 * the leadership is given back (and on_lost called). */
void leader_accept(Leader *leader, int64_t epoch, bool ok);

/* May we act, right now, by the clock?  Ask directly before each effect. */
bool leader_valid(const Leader *leader);

/* The epoch we were elected with; 0 if we are not elected. */
int64_t leader_epoch(const Leader *leader);

/* Address of the present leader; "" unknown.  Borrowed until the next return to the loop. */
const char *leader_url(const Leader *leader);

/* Does etcd answer us?  A tick old at most. */
bool leader_etcd_ok(const Leader *leader);

/* Is url, once got from leader_url, known and not our own? */
bool leader_is_other(const Leader *leader, const char *url);

/* Adds "we still lead" to a transaction of ours; false (and nothing added) if not leader_valid. */
bool leader_guard(const Leader *leader, EtcdTxn *txn);

/* Stops acting at once, then gives the lease back so that a standby takes over without waiting.
 * done is called exactly once, from the loop, within 2 s also when etcd is silent; no other
 * callback comes after this call. */
void leader_resign(Leader *leader, void (*done)(void *user), void *user);

/* Cancels everything, without callbacks.  The lease lapses by itself unless resigned. */
void leader_free(Leader *leader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Leader, leader_free)

#endif /* VRM_CONTROLLER_LEADER_H */
