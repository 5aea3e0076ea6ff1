/* rng.c - see rng.h. */
#include "config.h"

#include "base/rng.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/random.h>

static uint64_t splitmix_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rng->s); i++)
        rng->s[i] = splitmix_next(&seed);
}

static uint64_t rotate_left(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire's multiplication, with the rejection that makes it exactly uniform. */
uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    uint32_t threshold;
    uint64_t product;

    g_assert(bound > 0);
    threshold = (UINT32_MAX - bound + 1) % bound; /* 2^32 mod bound */
    do {
        product = (rng_next(rng) >> 32) * bound;
    } while ((uint32_t)product < threshold);
    return (uint32_t)(product >> 32);
}

void rng_secret(void *buf, size_t len)
{
    unsigned char *at = buf;

    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            g_error("getrandom: %s", g_strerror(errno)); /* no secrets, no service */
        at += n;
        len -= (size_t)n;
    }
}

char *rng_secret_hex(size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = g_malloc(2 * n_bytes + 1);
    unsigned char *raw = (unsigned char *)hex + n_bytes; /* the upper half: read before written */

    rng_secret(raw, n_bytes);
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char byte = raw[i];

        hex[2 * i] = digits[byte >> 4];
        hex[2 * i + 1] = digits[byte & 15];
    }
    hex[2 * n_bytes] = '\0';
    return hex;
}
