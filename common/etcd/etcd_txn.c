/* etcd_txn.c - see etcd_txn.h. */
#include "config.h"

#include "etcd/etcd_txn.h"

#include <string.h>

#include "base/json.h"

struct EtcdTxn {
    json_t *compare, *success, *failure;
};

EtcdTxn *etcd_txn_new(void)
{
    EtcdTxn *txn = g_new(EtcdTxn, 1);

    *txn = (EtcdTxn){ json_array(), json_array(), json_array() };
    return txn;
}

void etcd_txn_free(EtcdTxn *txn)
{
    if (!txn)
        return;
    json_decref(txn->compare);
    json_decref(txn->success);
    json_decref(txn->failure);
    g_free(txn);
}

char *etcd_txn_base64(const char *text)
{
    return g_base64_encode((const guchar *)text, strlen(text));
}

static void set_bytes(json_t *object, const char *name, const char *text)
{
    g_autofree char *encoded = etcd_txn_base64(text);

    json_object_set_new(object, name, json_string(encoded));
}

static void set_int(json_t *object, const char *name, int64_t value)
{
    g_autofree char *digits = g_strdup_printf("%" G_GINT64_FORMAT, value);

    json_object_set_new(object, name, json_string(digits));
}

static json_t *add_comparison(EtcdTxn *txn, const char *key, const char *target, const char *result)
{
    json_t *compare = json_pack("{s:s, s:s}", "target", target, "result", result);

    set_bytes(compare, "key", key);
    json_array_append_new(txn->compare, compare);
    return compare;
}

static json_t *add_compare(EtcdTxn *txn, const char *key, const char *target)
{
    return add_comparison(txn, key, target, "EQUAL");
}

static json_t *add_step(json_t *branch, const char *verb, const char *key)
{
    json_t *step = json_object();

    set_bytes(step, "key", key);
    json_array_append_new(branch, json_pack("{s:o}", verb, step));
    return step;
}

void etcd_txn_guard(EtcdTxn *txn, const char *leader_key, int64_t epoch)
{
    g_assert(epoch > 0); /* 0 would mean "nobody leads" */
    etcd_txn_if_created(txn, leader_key, epoch);
}

void etcd_txn_if_created(EtcdTxn *txn, const char *key, int64_t create_revision)
{
    set_int(add_compare(txn, key, "CREATE"), "create_revision", create_revision);
}

void etcd_txn_if_modified(EtcdTxn *txn, const char *key, int64_t mod_revision)
{
    set_int(add_compare(txn, key, "MOD"), "mod_revision", mod_revision);
}

void etcd_txn_if_version(EtcdTxn *txn, const char *key, int64_t version)
{
    set_int(add_compare(txn, key, "VERSION"), "version", version);
}

void etcd_txn_if_value(EtcdTxn *txn, const char *key, const char *value)
{
    set_bytes(add_compare(txn, key, "VALUE"), "value", value);
}

void etcd_txn_if_exists(EtcdTxn *txn, const char *key)
{
    set_int(add_comparison(txn, key, "CREATE", "GREATER"), "create_revision", 0);
}

void etcd_txn_put(EtcdTxn *txn, const char *key, const char *value, int64_t lease)
{
    json_t *put = add_step(txn->success, "request_put", key);

    set_bytes(put, "value", value);
    if (lease != 0)
        set_int(put, "lease", lease);
}

void etcd_txn_delete(EtcdTxn *txn, const char *key)
{
    add_step(txn->success, "request_delete_range", key);
}

void etcd_txn_range(EtcdTxn *txn, const char *key)
{
    add_step(txn->success, "request_range", key);
}

void etcd_txn_else_range(EtcdTxn *txn, const char *key)
{
    add_step(txn->failure, "request_range", key);
}

char *etcd_txn_format(const EtcdTxn *txn)
{
    g_autoptr(json_t) body = json_pack("{s:O, s:O, s:O}", "compare", txn->compare, "success",
                                       txn->success, "failure", txn->failure);

    return json_format(body);
}
