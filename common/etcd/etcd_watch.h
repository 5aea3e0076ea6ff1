/* etcd_watch.h - a key, or all keys below one, kept in sight: list, then follow the changes.
 *
 * Lists again when the watch is cancelled (compaction), ends, is silent for too long, or is
 * relist_ms old: whatever a broken network swallowed is seen then at the latest.
 *
 * Loop thread only. */
#ifndef VRM_ETCD_WATCH_H
#define VRM_ETCD_WATCH_H

#include "etcd/etcd.h"

typedef struct EtcdWatch EtcdWatch;

struct etcd_watch_options {
    const char *key;    /* copied; ends in '/': all keys below it */
    unsigned idle_ms;   /* silence that makes a watch suspect; 0: never */
    unsigned relist_ms; /* 0: 30000 */

    /* All that is there (answer->kvs). */
    void (*on_list)(const struct etcd_answer *answer, void *user);
    /* One change; version 0: deleted. */
    void (*on_change)(const struct etcd_kv *kv, void *user);
    /* Told once when the sight is lost; the next on_list ends it.  May be NULL. */
    void (*on_trouble)(const GError *error, void *user);
    void *user;
};

/* Starts at once.  etcd is borrowed and must outlive the watch. */
EtcdWatch *etcd_watch_new(Etcd *etcd, const struct etcd_watch_options *options);

/* Never from inside a callback of this watch. */
void etcd_watch_free(EtcdWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EtcdWatch, etcd_watch_free)

#endif /* VRM_ETCD_WATCH_H */
