/* cert.h - the certificate of a first start: self-signed, RSA, ten years.
 *
 * RSA because older clients of this API know nothing else.  Blocking (about a second); before the
 * loop runs. */
#ifndef VRM_API_CERT_H
#define VRM_API_CERT_H

#include <glib.h>
#include <stdbool.h>

/* Writes both files, the key readable by the owner only.  names: host names and IP addresses it is
 * valid for, NULL-terminated, at least one; the first is the common name.  Existing files stay and
 * are an error. */
bool cert_make_self_signed(const char *cert_file, const char *key_file, const char *const *names,
                           GError **error);

#endif /* VRM_API_CERT_H */
