/* right_etcd.h - the records of right.h as etcd keeps them: keys, values, transactions.
 *
 *   PREFIX/leader                            controller/leader.h
 *   PREFIX/recovery                          its create revision is the recovery leader's epoch
 *   PREFIX/ha/lease/HOST/AUTHORITY           {"inc":"BOOT-N","seq":S,"length_ms":L}
 *   PREFIX/ha/fence/HOST/AUTHORITY/BOOT-N    {"proof":"...","epoch":E}
 *   PREFIX/ha/vm/ID                          {"gen":G,"claimed":true,"owners":[{"host":H,
 *                                             "authority":A,"inc":"BOOT-N"}]}
 * A lease without "length_ms" is an older vrm-hald's and does not say how long it lasts.
 * BOOT is 16 hexadecimal digits, the rest are decimal numbers.  "PREFIX/ha/" is all that has to be
 * watched.
 *
 * The same value, with its version before it, is the token that a command to start a VM carries
 * from the controller through the agent to vrm-hald.
 *
 * Any thread. */
#ifndef VRM_HA_ETCD_RIGHT_ETCD_H
#define VRM_HA_ETCD_RIGHT_ETCD_H

#include <glib.h>
#include <stdbool.h>

#include "etcd/etcd_reply.h"
#include "etcd/etcd_txn.h"
#include "ha/right.h"

#define RIGHT_TOKEN_MAX 512

/* Free with g_free. */
char *right_key_format(const char *prefix, const struct ha_key *key);
/* False: no key of ours. */
bool right_key_parse(const char *prefix, const char *text, struct ha_key *ret_key);

/* The record of a key of this kind; LEADER's is nobody's business here and RECOVERY's is "".
 * Free with g_free. */
char *right_value_format(enum ha_key_kind kind, const struct ha_record *record);
/* Strict; VRM_ERR_INVALID says what is wrong. */
bool right_value_parse(enum ha_key_kind kind, const char *text, struct ha_record *ret_record,
                       GError **error);

/* Key and value as etcd told them, both of ours; its version is kv->mod_revision. */
bool right_kv_parse(const char *prefix, const struct etcd_kv *kv, struct ha_key *ret_key,
                    struct ha_record *ret_record, GError **error);

/* The transaction for etcd, with the record of the first put read if it is refused. */
EtcdTxn *right_etcd_txn(const char *prefix, const struct ha_txn *txn);
/* The same with its records on a lease of etcd's: they end with it. */
EtcdTxn *right_etcd_txn_leased(const char *prefix, const struct ha_txn *txn, int64_t lease);

/* "VERSION VALUE" of a VM's record; the VM's id travels beside it. */
char *right_token_format(const struct ha_vm_seen *seen);
bool right_token_parse(const char *text, int64_t vm, struct ha_vm_seen *ret_seen, GError **error);

/* "BOOT-N". */
char *right_inc_format(struct ha_inc inc);
bool right_inc_parse(const char *text, struct ha_inc *ret_inc);

#endif /* VRM_HA_ETCD_RIGHT_ETCD_H */
