/* etcdlab.h - what the component tests beside a real etcd (tests/with-etcd.sh) share: a loop that
 * runs until something holds, control of the etcd, and calls that are waited for. */
#ifndef VRM_TESTS_ETCDLAB_H
#define VRM_TESTS_ETCDLAB_H

#include <stdbool.h>
#include <stdint.h>

#include "etcd/etcd.h"

#define PATIENCE_MS 15000

/* False if patience ended before the condition held. */
bool etcdlab_run_until(bool (*condition)(const void *user), const void *user, int64_t patience_ms);
void etcdlab_run_for(int64_t ms);
bool etcdlab_is_set(const void *user); /* a condition: user is a bool */

/* "--stop" (a crash) or "--start". */
void etcdlab_control(const char *verb);

struct etcdlab_client {
    HttpClient *http;
    Etcd *etcd;
};
struct etcdlab_client etcdlab_open(void);
void etcdlab_close(struct etcdlab_client *client);

struct etcdlab_outcome {
    bool done, succeeded;
    int64_t revision, lease;
    size_t n_kvs;
    char *value; /* of the first pair */
    GError *error;
};
void etcdlab_on_done(const struct etcd_answer *answer, const GError *error, void *outcome);
void etcdlab_outcome_clear(struct etcdlab_outcome *outcome);

/* Each waits for the answer, which must not be an error. */
struct etcdlab_outcome etcdlab_commit(struct etcdlab_client *client, EtcdTxn *take_txn);
struct etcdlab_outcome etcdlab_read(struct etcdlab_client *client, const char *key);
void etcdlab_put(struct etcdlab_client *client, const char *key, const char *value);

#endif /* VRM_TESTS_ETCDLAB_H */
