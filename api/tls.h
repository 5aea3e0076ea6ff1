/* tls.h - the server's certificate, exchangeable while connections run.
 *
 * Handshakes ask for the current chain; a replaced one is kept until no handshake that began with
 * it can still be under way.  Any thread. */
#ifndef VRM_API_TLS_H
#define VRM_API_TLS_H

#include <glib.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct TlsStore TlsStore;

TlsStore *tls_store_new(void);
void tls_store_free(TlsStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsStore, tls_store_free)

/* Reads both files and checks that they belong together; on failure the old pair stays. */
bool tls_store_load(TlsStore *store, const char *cert_file, const char *key_file, int64_t now_ms,
                    GError **error);
/* Would such a load succeed? */
bool tls_check_pair(const char *cert_file, const char *key_file, GError **error);
/* A file of certificates to trust. */
bool tls_check_authorities(const char *ca_file, GError **error);
/* The current pair; borrowed.  False before the first load. */
bool tls_store_current(TlsStore *store, gnutls_pcert_st **ret_chain, unsigned *ret_length,
                       gnutls_privkey_t *ret_key);

#endif /* VRM_API_TLS_H */
