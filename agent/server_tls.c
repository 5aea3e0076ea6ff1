/* server_tls.c - see server_tls.h. */
#include "config.h"

#include "agent/server_tls.h"

#include <gnutls/x509.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define MAX_PEM  (1u << 20)
#define MAX_NAME 256

struct ServerTls {
    char *ca, *cert, *key;
    char **controllers;
};

static bool fail_gnutls(const char *what, const char *path, int code, GError **error)
{
    err_set(error, VRM_ERR_INVALID, "%s = %s: want PEM files that belong together: %s", what, path,
            gnutls_strerror(code));
    return false;
}

static bool read_pem(const char *what, const char *path, char **ret_text, GError **error)
{
    g_autoptr(GError) local = NULL;
    gsize len;

    if (!g_file_get_contents(path, ret_text, &len, &local)) {
        err_set(error, VRM_ERR_INVALID, "%s = %s: want a PEM file: %s", what, path, local->message);
        return false;
    }
    if (len > MAX_PEM) {
        err_set(error, VRM_ERR_INVALID, "%s = %s: %zu bytes: at most %u are read", what, path, len,
                MAX_PEM);
        return false;
    }
    return true;
}

/* libmicrohttpd would take wrong files and then refuse every client: try them first. */
static bool check_files(const ServerTls *tls, const struct server_tls_files *files, GError **error)
{
    gnutls_certificate_credentials_t credentials;
    const gnutls_datum_t ca = { (unsigned char *)tls->ca, (unsigned)strlen(tls->ca) };
    const gnutls_datum_t cert = { (unsigned char *)tls->cert, (unsigned)strlen(tls->cert) };
    const gnutls_datum_t key = { (unsigned char *)tls->key, (unsigned)strlen(tls->key) };
    bool ok = true;
    int code;

    if (gnutls_certificate_allocate_credentials(&credentials) < 0)
        g_error("gnutls: out of memory");
    code = gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM);
    if (code <= 0)
        ok = fail_gnutls("ca_file", files->ca_file,
                         code == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : code, error);
    if (ok) {
        code = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
        if (code < 0) {
            g_autofree char *pair =
                g_strdup_printf("%s, key_file = %s", files->cert_file, files->key_file);

            ok = fail_gnutls("cert_file", pair, code, error);
        }
    }
    gnutls_certificate_free_credentials(credentials);
    return ok;
}

ServerTls *server_tls_new(const struct server_tls_files *files, GError **error)
{
    g_autoptr(ServerTls) tls = g_new0(ServerTls, 1);

    if (!read_pem("ca_file", files->ca_file, &tls->ca, error) ||
        !read_pem("cert_file", files->cert_file, &tls->cert, error) ||
        !read_pem("key_file", files->key_file, &tls->key, error) || !check_files(tls, files, error))
        return NULL;
    tls->controllers = g_strdupv((char **)(uintptr_t)files->controllers);
    return g_steal_pointer(&tls);
}

void server_tls_free(ServerTls *tls)
{
    if (!tls)
        return;
    g_free(tls->ca);
    g_free(tls->cert);
    if (tls->key)
        explicit_bzero(tls->key, strlen(tls->key));
    g_free(tls->key);
    g_strfreev(tls->controllers);
    g_free(tls);
}

const char *server_tls_ca(const ServerTls *tls)
{
    return tls->ca;
}

const char *server_tls_cert(const ServerTls *tls)
{
    return tls->cert;
}

const char *server_tls_key(const ServerTls *tls)
{
    return tls->key;
}

void server_tls_demand(gnutls_session_t session)
{
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_cert(session, NULL, 0);
}

/* ---- after the handshake ------------------------------------------------------------------- */

static bool check_chain(gnutls_session_t session, GError **error)
{
    char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st want = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)purpose,
    };
    unsigned status = 0;
    int code = gnutls_certificate_verify_peers(session, &want, 1, &status);

    if (code == 0 && status == 0)
        return true;
    if (code < 0) {
        err_set(error, VRM_ERR_DENIED, "client certificate: %s", gnutls_strerror(code));
    } else {
        gnutls_datum_t text = { 0 };

        gnutls_certificate_verification_status_print(status, gnutls_certificate_type_get(session),
                                                     &text, 0);
        err_set(error, VRM_ERR_DENIED, "client certificate: %s", text.data);
        gnutls_free(text.data);
    }
    return false;
}

/* The n-th part of that kind of the certificate's subject; NULL: there are not so many. */
static char *subject_part(gnutls_x509_crt_t cert, const char *oid, unsigned n)
{
    char text[MAX_NAME];
    size_t len = sizeof(text);

    if (gnutls_x509_crt_get_dn_by_oid(cert, oid, n, 0, text, &len) != 0)
        return NULL;
    return g_strndup(text, len);
}

static bool has_controller_role(gnutls_x509_crt_t cert)
{
    for (unsigned n = 0;; n++) {
        g_autofree char *unit = subject_part(cert, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, n);

        if (!unit)
            return false;
        if (strcmp(unit, SERVER_TLS_CONTROLLER_ROLE) == 0)
            return true;
    }
}

/* A certificate of our own authority is not enough: every host has one. */
static bool check_subject(const ServerTls *tls, gnutls_x509_crt_t cert, GError **error)
{
    g_autofree char *name = subject_part(cert, GNUTLS_OID_X520_COMMON_NAME, 0);

    if (!tls->controllers || !tls->controllers[0]) {
        if (has_controller_role(cert))
            return true;
        err_set(
            error, VRM_ERR_DENIED,
            "client certificate: \"%s\" is not a controller's: want organizational unit \"%s\", "
            "or its name in [tls] controllers of this host",
            name ? name : "", SERVER_TLS_CONTROLLER_ROLE);
        return false;
    }
    if (name && g_strv_contains((const char *const *)tls->controllers, name))
        return true;
    err_set(error, VRM_ERR_DENIED,
            "client certificate: \"%s\" is not one of [tls] controllers of this host",
            name ? name : "");
    return false;
}

bool server_tls_check(const ServerTls *tls, gnutls_session_t session, GError **error)
{
    unsigned n = 0;
    const gnutls_datum_t *chain;
    gnutls_x509_crt_t cert;
    bool ok;

    if (!check_chain(session, error))
        return false;
    chain = gnutls_certificate_get_peers(session, &n);
    if (!chain || n == 0 || gnutls_x509_crt_init(&cert) < 0) {
        err_set(error, VRM_ERR_DENIED, "client certificate: none");
        return false;
    }
    ok = gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER) == 0;
    if (ok)
        ok = check_subject(tls, cert, error);
    else
        err_set(error, VRM_ERR_DENIED, "client certificate: cannot be read");
    gnutls_x509_crt_deinit(cert);
    return ok;
}
