/* testcerts.h - an authority and key pairs for TLS tests, made anew for each run. */
#ifndef VRM_TESTS_TESTCERTS_H
#define VRM_TESTS_TESTCERTS_H

struct testcerts {
    char *dir;
    char *ca;                       /* certificate of the authority */
    char *other_ca;                 /* of one that signed nothing */
    char *server_cert, *server_key; /* for 127.0.0.1 and localhost */
    char *client_cert, *client_key; /* with the role of a controller */
    char *host_cert, *host_key;     /* for clients too, with the role of a host */
};

/* Aborts on trouble: it is the test's machine that is broken. */
void testcerts_make(struct testcerts *ret_certs);
/* Removes the files. */
void testcerts_clear(struct testcerts *certs);

#endif /* VRM_TESTS_TESTCERTS_H */
