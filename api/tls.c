/* tls.c - see tls.h. */
#include "config.h"

#include "api/tls.h"

#include <pthread.h>
#include <string.h>

#include "base/err.h"

#define CHAIN_MAX  16
#define KEY_ID_MAX 32
#define KEEP_MS    INT64_C(600000) /* far longer than a handshake may take */

struct pair {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned length;
    gnutls_privkey_t key;
    int64_t replaced_ms;
    struct pair *older;
};

struct TlsStore {
    pthread_mutex_t lock;
    struct pair *current;
};

static void pair_free(struct pair *pair)
{
    while (pair) {
        struct pair *older = pair->older;

        for (unsigned i = 0; i < pair->length; i++)
            gnutls_pcert_deinit(&pair->chain[i]);
        if (pair->key)
            gnutls_privkey_deinit(pair->key);
        g_free(pair);
        pair = older;
    }
}

TlsStore *tls_store_new(void)
{
    TlsStore *store = g_new0(TlsStore, 1);

    pthread_mutex_init(&store->lock, NULL);
    return store;
}

void tls_store_free(TlsStore *store)
{
    if (!store)
        return;
    pair_free(store->current);
    pthread_mutex_destroy(&store->lock);
    g_free(store);
}

static bool read_file(const char *path, gnutls_datum_t *ret_data, GError **error)
{
    g_autoptr(GError) local = NULL;
    char *text;
    size_t len;

    if (!g_file_get_contents(path, &text, &len, &local)) {
        err_set(error, VRM_ERR_INVALID, "cannot read %s: %s", path, local->message);
        return false;
    }
    ret_data->data = (unsigned char *)text;
    ret_data->size = (unsigned)len;
    return true;
}

static bool bad_file(const char *path, int rc, GError **error)
{
    err_set(error, VRM_ERR_INVALID, "%s: want a PEM file: %s", path, gnutls_strerror(rc));
    return false;
}

static bool parse_pair(struct pair *pair, const gnutls_datum_t *cert, const char *cert_file,
                       const gnutls_datum_t *key, const char *key_file, GError **error)
{
    unsigned length = CHAIN_MAX;
    int rc = gnutls_pcert_list_import_x509_raw(pair->chain, &length, cert, GNUTLS_X509_FMT_PEM, 0);

    if (rc < 0)
        return bad_file(cert_file, rc, error);
    pair->length = length;
    rc = gnutls_privkey_init(&pair->key);
    if (rc == 0)
        rc = gnutls_privkey_import_x509_raw(pair->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    return rc == 0 || bad_file(key_file, rc, error);
}

/* Of the key's public half; of any algorithm. */
static bool key_id_of(gnutls_pubkey_t key, unsigned char id[KEY_ID_MAX])
{
    size_t len = KEY_ID_MAX;

    memset(id, 0, KEY_ID_MAX);
    return gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, id, &len) == 0;
}

static bool check_pair(const struct pair *pair, const char *cert_file, const char *key_file,
                       GError **error)
{
    unsigned char of_cert[KEY_ID_MAX], of_key[KEY_ID_MAX];
    gnutls_pubkey_t half;
    bool same;

    if (gnutls_pubkey_init(&half) < 0)
        g_error("gnutls: out of memory");
    same = gnutls_pubkey_import_privkey(half, pair->key, 0, 0) == 0 && key_id_of(half, of_key) &&
           key_id_of(pair->chain[0].pubkey, of_cert) && memcmp(of_cert, of_key, KEY_ID_MAX) == 0;
    gnutls_pubkey_deinit(half);
    if (same)
        return true;
    err_set(error, VRM_ERR_INVALID, "the key in %s does not belong to the certificate in %s",
            key_file, cert_file);
    return false;
}

/* Pairs that nobody can be using any more. */
static void drop_old(struct pair *pair, int64_t now_ms)
{
    while (pair->older && now_ms - pair->older->replaced_ms <= KEEP_MS)
        pair = pair->older;
    pair_free(pair->older);
    pair->older = NULL;
}

bool tls_store_load(TlsStore *store, const char *cert_file, const char *key_file, int64_t now_ms,
                    GError **error)
{
    struct pair *pair = g_new0(struct pair, 1);
    gnutls_datum_t cert = { 0 }, key = { 0 };
    bool ok = read_file(cert_file, &cert, error) && read_file(key_file, &key, error) &&
              parse_pair(pair, &cert, cert_file, &key, key_file, error) &&
              check_pair(pair, cert_file, key_file, error);

    if (key.data)
        gnutls_memset(key.data, 0, key.size);
    g_free(cert.data);
    g_free(key.data);
    if (!ok) {
        pair_free(pair);
        return false;
    }
    pthread_mutex_lock(&store->lock);
    if (store->current)
        store->current->replaced_ms = now_ms;
    pair->older = store->current;
    store->current = pair;
    drop_old(pair, now_ms);
    pthread_mutex_unlock(&store->lock);
    return true;
}

bool tls_check_pair(const char *cert_file, const char *key_file, GError **error)
{
    g_autoptr(TlsStore) store = tls_store_new();

    return tls_store_load(store, cert_file, key_file, 0, error);
}

bool tls_check_authorities(const char *ca_file, GError **error)
{
    gnutls_x509_crt_t *list = NULL;
    gnutls_datum_t text = { 0 };
    unsigned n = 0;
    int rc;

    if (!read_file(ca_file, &text, error))
        return false;
    rc = gnutls_x509_crt_list_import2(&list, &n, &text, GNUTLS_X509_FMT_PEM, 0);
    g_free(text.data);
    for (unsigned i = 0; rc >= 0 && i < n; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    return rc >= 0 || bad_file(ca_file, rc, error);
}

bool tls_store_current(TlsStore *store, gnutls_pcert_st **ret_chain, unsigned *ret_length,
                       gnutls_privkey_t *ret_key)
{
    struct pair *pair;

    pthread_mutex_lock(&store->lock);
    pair = store->current;
    pthread_mutex_unlock(&store->lock);
    if (!pair)
        return false;
    *ret_chain = pair->chain;
    *ret_length = pair->length;
    *ret_key = pair->key;
    return true;
}
