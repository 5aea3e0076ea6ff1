/* cert.c - see cert.h. */
#include "config.h"

#include "api/cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"

#define KEY_BITS     2048
#define SERIAL_BYTES 16
#define DAY_S        INT64_C(86400)
#define VALID_DAYS   3650

static bool tls_fail(int rc, const char *what, GError **error)
{
    err_set(error, VRM_ERR_INTERNAL, "cannot make a certificate: %s: %s", what,
            gnutls_strerror(rc));
    return false;
}

static int add_name(gnutls_x509_crt_t crt, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof(struct in_addr), GNUTLS_FSAN_APPEND);
    if (inet_pton(AF_INET6, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof(struct in6_addr), GNUTLS_FSAN_APPEND);
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

static int set_identity(gnutls_x509_crt_t crt, const char *const *names)
{
    unsigned char serial[SERIAL_BYTES];
    int rc;

    rng_secret(serial, sizeof(serial));
    serial[0] &= 0x7f; /* positive */
    rc = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    if (rc == 0)
        rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, names[0],
                                           (unsigned)MIN(strlen(names[0]), 64));
    for (size_t i = 0; names[i] && rc == 0; i++)
        rc = add_name(crt, names[i]);
    return rc;
}

static int set_uses(gnutls_x509_crt_t crt)
{
    int64_t now_s = clock_wall_ms() / 1000;
    int rc = gnutls_x509_crt_set_version(crt, 3);

    if (rc == 0) /* a day back: clocks of clients differ */
        rc = gnutls_x509_crt_set_activation_time(crt, (time_t)(now_s - DAY_S));
    if (rc == 0)
        rc = gnutls_x509_crt_set_expiration_time(crt, (time_t)(now_s + VALID_DAYS * DAY_S));
    if (rc == 0)
        rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
    if (rc == 0)
        rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE |
                                                    GNUTLS_KEY_KEY_ENCIPHERMENT);
    if (rc == 0)
        rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
    return rc;
}

/* Both as PEM. */
static int make(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *const *names,
                gnutls_datum_t *ret_crt, gnutls_datum_t *ret_key)
{
    int rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, KEY_BITS, 0);

    if (rc == 0)
        rc = set_uses(crt);
    if (rc == 0)
        rc = set_identity(crt, names);
    if (rc == 0)
        rc = gnutls_x509_crt_set_key(crt, key);
    if (rc == 0)
        rc = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
    if (rc == 0)
        rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, ret_crt);
    if (rc == 0)
        rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, ret_key);
    return rc;
}

static bool write_file(const char *path, const gnutls_datum_t *data, mode_t mode, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool ok;

    if (fd < 0) {
        err_set(error, VRM_ERR_UNAVAILABLE, "cannot create %s: %s", path, g_strerror(errno));
        return false;
    }
    ok = write(fd, data->data, data->size) == (ssize_t)data->size && fsync(fd) == 0;
    if (close(fd) != 0)
        ok = false;
    if (!ok) {
        err_set(error, VRM_ERR_UNAVAILABLE, "cannot write %s: %s", path, g_strerror(errno));
        unlink(path);
    }
    return ok;
}

bool cert_make_self_signed(const char *cert_file, const char *key_file, const char *const *names,
                           GError **error)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_x509_privkey_t key = NULL;
    gnutls_datum_t crt_pem = { 0 }, key_pem = { 0 };
    bool ok = false;
    int rc;

    g_assert(names[0]);
    rc = gnutls_x509_crt_init(&crt);
    if (rc == 0)
        rc = gnutls_x509_privkey_init(&key);
    if (rc == 0)
        rc = make(crt, key, names, &crt_pem, &key_pem);
    if (rc != 0) {
        tls_fail(rc, names[0], error);
        goto out;
    }
    if (!write_file(key_file, &key_pem, 0600, error))
        goto out;
    ok = write_file(cert_file, &crt_pem, 0644, error);
    if (!ok)
        unlink(key_file);
out:
    if (key_pem.data)
        gnutls_memset(key_pem.data, 0, key_pem.size);
    gnutls_free(key_pem.data);
    gnutls_free(crt_pem.data);
    if (key)
        gnutls_x509_privkey_deinit(key);
    if (crt)
        gnutls_x509_crt_deinit(crt);
    return ok;
}
