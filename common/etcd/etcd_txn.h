/* etcd_txn.h - a transaction for etcd: compares, then what to do if all hold, else what to read.
 *
 * Every write of a leader starts with etcd_txn_guard(): that is what makes a deposed leader
 * harmless, whatever it still believes.  etcd refuses a transaction that names one key twice on the
 * side of the writes.
 *
 * Any thread, one at a time. */
#ifndef VRM_ETCD_TXN_H
#define VRM_ETCD_TXN_H

#include <glib.h>
#include <stdint.h>

typedef struct EtcdTxn EtcdTxn;

EtcdTxn *etcd_txn_new(void);
void etcd_txn_free(EtcdTxn *txn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EtcdTxn, etcd_txn_free)

/* "The leader's key is still the one of this epoch." */
void etcd_txn_guard(EtcdTxn *txn, const char *leader_key, int64_t epoch);

/* Compares.  Of an absent key all three numbers are 0; its value compares with nothing. */
void etcd_txn_if_created(EtcdTxn *txn, const char *key, int64_t create_revision);
void etcd_txn_if_modified(EtcdTxn *txn, const char *key, int64_t mod_revision);
void etcd_txn_if_version(EtcdTxn *txn, const char *key, int64_t version);
void etcd_txn_if_value(EtcdTxn *txn, const char *key, const char *value);
void etcd_txn_if_exists(EtcdTxn *txn, const char *key);

/* Steps if all compares hold.  A put without its lease (0) takes the key off its lease. */
void etcd_txn_put(EtcdTxn *txn, const char *key, const char *value, int64_t lease);
void etcd_txn_delete(EtcdTxn *txn, const char *key);
void etcd_txn_range(EtcdTxn *txn, const char *key);

/* Read if a compare fails: says what is there instead. */
void etcd_txn_else_range(EtcdTxn *txn, const char *key);

/* The request's body; free with g_free. */
char *etcd_txn_format(const EtcdTxn *txn);

/* Bytes as etcd's JSON has them; free with g_free. */
char *etcd_txn_base64(const char *text);

#endif /* VRM_ETCD_TXN_H */
