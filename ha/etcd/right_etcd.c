/* right_etcd.c - see right_etcd.h. */
#include "config.h"

#include "ha/etcd/right_etcd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"

#define BOOT_DIGITS 16

/* ---- numbers ----------------------------------------------------------------------------------
 */

/* A decimal number from 0 on without blanks or signs, up to `end`; moves *text behind both. */
static bool take_number(const char **text, char end, int64_t max, int64_t *ret_number)
{
    char *stop;
    guint64 number;

    if (!g_ascii_isdigit(**text))
        return false;
    number = g_ascii_strtoull(*text, &stop, 10);
    if (*stop != end || number > (guint64)max)
        return false;
    *text = *stop ? stop + 1 : stop;
    *ret_number = (int64_t)number;
    return true;
}

char *right_inc_format(struct ha_inc inc)
{
    return g_strdup_printf("%016" PRIx64 "-%" PRIu32, inc.boot, inc.n);
}

bool right_inc_parse(const char *text, struct ha_inc *ret_inc)
{
    const char *rest = text + BOOT_DIGITS + 1;
    int64_t n;

    if (strspn(text, "0123456789abcdef") != BOOT_DIGITS || text[BOOT_DIGITS] != '-' ||
        !take_number(&rest, '\0', UINT32_MAX, &n))
        return false;
    *ret_inc = (struct ha_inc){ g_ascii_strtoull(text, NULL, 16), (uint32_t)n };
    return true;
}

/* ---- keys -------------------------------------------------------------------------------------
 */

char *right_key_format(const char *prefix, const struct ha_key *key)
{
    g_autofree char *inc = right_inc_format(key->inc);

    switch (key->kind) {
    case HA_KEY_LEADER:
        return g_strconcat(prefix, "/leader", NULL);
    case HA_KEY_RECOVERY:
        return g_strconcat(prefix, "/recovery", NULL);
    case HA_KEY_LEASE:
        return g_strdup_printf("%s/ha/lease/%" PRId64 "/%" PRId32, prefix, key->id, key->authority);
    case HA_KEY_FENCE:
        return g_strdup_printf("%s/ha/fence/%" PRId64 "/%" PRId32 "/%s", prefix, key->id,
                               key->authority, inc);
    case HA_KEY_VM:
        return g_strdup_printf("%s/ha/vm/%" PRId64, prefix, key->id);
    }
    return NULL;
}

static bool take_holder(const char **rest, char end, struct ha_key *key)
{
    int64_t authority;

    if (!take_number(rest, '/', INT64_MAX, &key->id) ||
        !take_number(rest, end, INT32_MAX, &authority))
        return false;
    key->authority = (int32_t)authority;
    return true;
}

static bool parse_below_ha(const char *rest, struct ha_key *key)
{
    if (g_str_has_prefix(rest, "vm/")) {
        key->kind = HA_KEY_VM;
        rest += strlen("vm/");
        return take_number(&rest, '\0', INT64_MAX, &key->id);
    }
    if (g_str_has_prefix(rest, "lease/")) {
        key->kind = HA_KEY_LEASE;
        rest += strlen("lease/");
        return take_holder(&rest, '\0', key);
    }
    if (g_str_has_prefix(rest, "fence/")) {
        key->kind = HA_KEY_FENCE;
        rest += strlen("fence/");
        return take_holder(&rest, '/', key) && right_inc_parse(rest, &key->inc);
    }
    return false;
}

bool right_key_parse(const char *prefix, const char *text, struct ha_key *ret_key)
{
    struct ha_key key = { 0 };
    const char *rest = text + strlen(prefix);

    if (!g_str_has_prefix(text, prefix))
        return false;
    if (g_str_equal(rest, "/leader"))
        key.kind = HA_KEY_LEADER;
    else if (g_str_equal(rest, "/recovery"))
        key.kind = HA_KEY_RECOVERY;
    else if (!g_str_has_prefix(rest, "/ha/") || !parse_below_ha(rest + strlen("/ha/"), &key))
        return false;
    *ret_key = key;
    return true;
}

/* ---- values -----------------------------------------------------------------------------------
 */

static json_t *owner_encode(const struct ha_owner *owner)
{
    g_autofree char *inc = right_inc_format(owner->inc);

    return json_pack("{s:I, s:i, s:s}", "host", (json_int_t)owner->host, "authority",
                     (int)owner->authority, "inc", inc);
}

static json_t *vm_encode(const struct ha_vm_right *right)
{
    json_t *owners = json_array();

    for (unsigned i = 0; i < right->n_owners; i++)
        json_array_append_new(owners, owner_encode(&right->owners[i]));
    return json_pack("{s:I, s:b, s:o}", "gen", (json_int_t)right->gen, "claimed",
                     (int)right->claimed, "owners", owners);
}

static json_t *lease_encode(const struct ha_lease_record *lease)
{
    g_autofree char *inc = right_inc_format(lease->inc);

    if (lease->length_ms == 0)
        return json_pack("{s:s, s:I}", "inc", inc, "seq", (json_int_t)lease->seq);
    return json_pack("{s:s, s:I, s:I}", "inc", inc, "seq", (json_int_t)lease->seq, "length_ms",
                     (json_int_t)lease->length_ms);
}

char *right_value_format(enum ha_key_kind kind, const struct ha_record *record)
{
    g_autoptr(json_t) json = NULL;

    switch (kind) {
    case HA_KEY_LEADER:
    case HA_KEY_RECOVERY:
        return g_strdup("");
    case HA_KEY_LEASE:
        json = lease_encode(&record->lease);
        break;
    case HA_KEY_FENCE:
        json = json_pack("{s:s, s:I}", "proof", ha_proof_name(record->fence.proof), "epoch",
                         (json_int_t)record->fence.epoch);
        break;
    case HA_KEY_VM:
        json = vm_encode(&record->vm);
        break;
    }
    return json_format(json);
}

static bool refuse(const char *what, const char *text, GError **error)
{
    err_set(error, VRM_ERR_INVALID, "%s in etcd is not one of ours: %.200s", what, text);
    return false;
}

static bool lease_decode(json_t *json, struct ha_lease_record *ret_lease)
{
    const char *inc;
    json_int_t seq, length_ms = 0;

    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:s, s:I, s?I}", "inc", &inc, "seq", &seq,
                       "length_ms", &length_ms) != 0 ||
        length_ms < 0 || length_ms > UINT32_MAX)
        return false;
    ret_lease->seq = seq;
    ret_lease->length_ms = length_ms;
    return right_inc_parse(inc, &ret_lease->inc);
}

static bool fence_decode(json_t *json, struct ha_fence_record *ret_fence)
{
    const char *proof;
    json_int_t epoch;

    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:s, s:I}", "proof", &proof, "epoch", &epoch))
        return false;
    for (unsigned i = 0; i < HA_N_PROOFS; i++) {
        if (g_str_equal(ha_proof_name(i), proof)) {
            *ret_fence = (struct ha_fence_record){ (enum ha_proof)i, epoch };
            return true;
        }
    }
    return false;
}

static bool owner_decode(json_t *json, struct ha_owner *ret_owner)
{
    const char *inc;
    json_int_t host;
    int authority;

    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:I, s:i, s:s}", "host", &host, "authority",
                       &authority, "inc", &inc) != 0 ||
        host < 0 || authority < 0 || !right_inc_parse(inc, &ret_owner->inc))
        return false;
    ret_owner->host = host;
    ret_owner->authority = authority;
    return true;
}

static bool vm_decode(json_t *json, struct ha_vm_right *ret_right)
{
    struct ha_vm_right right = { 0 };
    json_t *owners;
    json_int_t gen;
    int claimed;

    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:I, s:b, s:o}", "gen", &gen, "claimed", &claimed,
                       "owners", &owners) != 0 ||
        gen < 0 || !json_is_array(owners) || json_array_size(owners) > HA_MAX_OWNERS)
        return false;
    right.gen = gen;
    right.claimed = claimed;
    right.n_owners = (unsigned)json_array_size(owners);
    for (unsigned i = 0; i < right.n_owners; i++)
        if (!owner_decode(json_array_get(owners, i), &right.owners[i]))
            return false;
    *ret_right = right;
    return true;
}

bool right_value_parse(enum ha_key_kind kind, const char *text, struct ha_record *ret_record,
                       GError **error)
{
    struct ha_record record = { 0 };
    g_autoptr(json_t) json = NULL;

    if (kind == HA_KEY_LEADER || kind == HA_KEY_RECOVERY) {
        *ret_record = record;
        return true;
    }
    json = json_parse(text, strlen(text), NULL);
    if (kind == HA_KEY_LEASE && !lease_decode(json, &record.lease))
        return refuse("a host's lease", text, error);
    if (kind == HA_KEY_FENCE && !fence_decode(json, &record.fence))
        return refuse("a tombstone", text, error);
    if (kind == HA_KEY_VM && !vm_decode(json, &record.vm))
        return refuse("a VM's right", text, error);
    *ret_record = record;
    return true;
}

bool right_kv_parse(const char *prefix, const struct etcd_kv *kv, struct ha_key *ret_key,
                    struct ha_record *ret_record, GError **error)
{
    struct ha_key key;

    if (!right_key_parse(prefix, kv->key, &key)) {
        err_set(error, VRM_ERR_INVALID, "%s is no key of ours", kv->key);
        return false;
    }
    if (!right_value_parse(key.kind, kv->value, ret_record, error))
        return false;
    *ret_key = key;
    return true;
}

/* ---- transactions -----------------------------------------------------------------------------
 */

static void add_compare(EtcdTxn *etcd, const char *prefix, const struct ha_compare *compare)
{
    g_autofree char *key = right_key_format(prefix, &compare->key);

    switch (compare->kind) {
    case HA_VERSION_IS:
        etcd_txn_if_modified(etcd, key, compare->revision);
        break;
    case HA_CREATED_IS:
        etcd_txn_if_created(etcd, key, compare->revision);
        break;
    case HA_EXISTS:
        etcd_txn_if_exists(etcd, key);
        break;
    }
}

static void add_put(EtcdTxn *etcd, const char *prefix, const struct ha_put *put, int64_t lease)
{
    g_autofree char *key = right_key_format(prefix, &put->key);
    g_autofree char *value = right_value_format(put->key.kind, &put->record);

    etcd_txn_put(etcd, key, value, lease);
}

EtcdTxn *right_etcd_txn_leased(const char *prefix, const struct ha_txn *txn, int64_t lease)
{
    EtcdTxn *etcd = etcd_txn_new();
    g_autofree char *first = right_key_format(prefix, &txn->puts[0].key);

    for (unsigned i = 0; i < txn->n_compares; i++)
        add_compare(etcd, prefix, &txn->compares[i]);
    for (unsigned i = 0; i < txn->n_puts; i++)
        add_put(etcd, prefix, &txn->puts[i], lease);
    etcd_txn_else_range(etcd, first);
    return etcd;
}

EtcdTxn *right_etcd_txn(const char *prefix, const struct ha_txn *txn)
{
    return right_etcd_txn_leased(prefix, txn, 0);
}

/* ---- tokens -----------------------------------------------------------------------------------
 */

char *right_token_format(const struct ha_vm_seen *seen)
{
    const struct ha_record record = { .vm = seen->right };
    g_autofree char *value = right_value_format(HA_KEY_VM, &record);

    return g_strdup_printf("%" PRId64 " %s", seen->version, value);
}

bool right_token_parse(const char *text, int64_t vm, struct ha_vm_seen *ret_seen, GError **error)
{
    const char *rest = text;
    struct ha_record record;
    int64_t version;

    if (!take_number(&rest, ' ', INT64_MAX, &version)) {
        err_set(error, VRM_ERR_INVALID, "a right to start begins with its version: %.200s", text);
        return false;
    }
    if (!right_value_parse(HA_KEY_VM, rest, &record, error))
        return false;
    *ret_seen = (struct ha_vm_seen){ vm, version, record.vm };
    return true;
}
