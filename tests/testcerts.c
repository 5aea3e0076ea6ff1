/* testcerts.c - see testcerts.h. */
#include "config.h"

#include "tests/testcerts.h"

#include <glib.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

struct pair {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
};

static void must(int rc)
{
    if (rc < 0)
        g_error("GnuTLS: %s", gnutls_strerror(rc));
}

/* What is written on a certificate; no role: none is. */
struct subject {
    const char *name, *role;
};

static void put(gnutls_x509_crt_t cert, const char *oid, const char *text)
{
    if (text)
        must(gnutls_x509_crt_set_dn_by_oid(cert, oid, 0, text, (unsigned)strlen(text)));
}

static struct pair begin_pair(struct subject subject, unsigned char serial)
{
    struct pair pair;
    time_t now = (time_t)(clock_wall_ms() / 1000);

    must(gnutls_x509_privkey_init(&pair.key));
    must(gnutls_x509_privkey_generate(pair.key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    must(gnutls_x509_crt_init(&pair.cert));
    must(gnutls_x509_crt_set_version(pair.cert, 3));
    must(gnutls_x509_crt_set_serial(pair.cert, &serial, 1));
    must(gnutls_x509_crt_set_activation_time(pair.cert, now - 3600));
    must(gnutls_x509_crt_set_expiration_time(pair.cert, now + 3600));
    put(pair.cert, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, subject.role);
    put(pair.cert, GNUTLS_OID_X520_COMMON_NAME, subject.name);
    must(gnutls_x509_crt_set_key(pair.cert, pair.key));
    return pair;
}

static struct pair make_authority(const char *name, unsigned char serial)
{
    struct pair pair = begin_pair((struct subject){ name, NULL }, serial);

    must(gnutls_x509_crt_set_basic_constraints(pair.cert, 1, 0));
    must(gnutls_x509_crt_set_key_usage(pair.cert, GNUTLS_KEY_KEY_CERT_SIGN));
    must(gnutls_x509_crt_sign2(pair.cert, pair.cert, pair.key, GNUTLS_DIG_SHA256, 0));
    return pair;
}

static struct pair make_leaf(const struct pair *authority, struct subject subject,
                             const char *purpose, unsigned char serial)
{
    static const unsigned char loopback[] = { 127, 0, 0, 1 };
    struct pair pair = begin_pair(subject, serial);

    must(gnutls_x509_crt_set_basic_constraints(pair.cert, 0, -1));
    must(gnutls_x509_crt_set_key_usage(pair.cert, GNUTLS_KEY_DIGITAL_SIGNATURE));
    must(gnutls_x509_crt_set_key_purpose_oid(pair.cert, purpose, 0));
    must(gnutls_x509_crt_set_subject_alt_name(pair.cert, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                              GNUTLS_FSAN_SET));
    must(gnutls_x509_crt_set_subject_alt_name(pair.cert, GNUTLS_SAN_IPADDRESS, loopback,
                                              sizeof(loopback), GNUTLS_FSAN_APPEND));
    must(gnutls_x509_crt_sign2(pair.cert, authority->cert, authority->key, GNUTLS_DIG_SHA256, 0));
    return pair;
}

static char *write_pem(const char *dir, const char *name, const gnutls_datum_t *pem)
{
    char *path = g_build_filename(dir, name, NULL);
    GError *error = NULL;

    if (!g_file_set_contents(path, (const char *)pem->data, (gssize)pem->size, &error))
        g_error("%s", error->message);
    return path;
}

static char *write_cert(const char *dir, const char *name, const struct pair *pair)
{
    gnutls_datum_t pem;
    char *path;

    must(gnutls_x509_crt_export2(pair->cert, GNUTLS_X509_FMT_PEM, &pem));
    path = write_pem(dir, name, &pem);
    gnutls_free(pem.data);
    return path;
}

static char *write_key(const char *dir, const char *name, const struct pair *pair)
{
    gnutls_datum_t pem;
    char *path;

    must(gnutls_x509_privkey_export2(pair->key, GNUTLS_X509_FMT_PEM, &pem));
    path = write_pem(dir, name, &pem);
    gnutls_free(pem.data);
    return path;
}

static void free_pair(struct pair *pair)
{
    gnutls_x509_crt_deinit(pair->cert);
    gnutls_x509_privkey_deinit(pair->key);
}

void testcerts_make(struct testcerts *ret_certs)
{
    struct pair ca = make_authority("test authority", 1);
    struct pair other_ca = make_authority("other authority", 2);
    struct subject controller = { "client", "VRM controller" }, host = { "host", "VRM host" };
    struct pair server =
        make_leaf(&ca, (struct subject){ "server", NULL }, GNUTLS_KP_TLS_WWW_SERVER, 3);
    struct pair client = make_leaf(&ca, controller, GNUTLS_KP_TLS_WWW_CLIENT, 4);
    struct pair other = make_leaf(&ca, host, GNUTLS_KP_TLS_WWW_CLIENT, 5);
    char *dir = g_dir_make_tmp("testcerts_XXXXXX", NULL);

    g_assert(dir);
    *ret_certs = (struct testcerts){
        .dir = dir,
        .ca = write_cert(dir, "ca.pem", &ca),
        .other_ca = write_cert(dir, "other-ca.pem", &other_ca),
        .server_cert = write_cert(dir, "server.pem", &server),
        .server_key = write_key(dir, "server.key", &server),
        .client_cert = write_cert(dir, "client.pem", &client),
        .client_key = write_key(dir, "client.key", &client),
        .host_cert = write_cert(dir, "host.pem", &other),
        .host_key = write_key(dir, "host.key", &other),
    };
    free_pair(&ca);
    free_pair(&other_ca);
    free_pair(&server);
    free_pair(&client);
    free_pair(&other);
}

void testcerts_clear(struct testcerts *certs)
{
    char *files[] = { certs->ca,          certs->other_ca,   certs->server_cert, certs->server_key,
                      certs->client_cert, certs->client_key, certs->host_cert,   certs->host_key };

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        unlink(files[i]);
        g_free(files[i]);
    }
    rmdir(certs->dir);
    g_free(certs->dir);
    *certs = (struct testcerts){ 0 };
}
