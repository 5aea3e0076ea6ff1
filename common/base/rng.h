/* rng.h - small seeded generator (splitmix64 / xoshiro256**, Blackman and Vigna, public domain).
 *
 * For plans and tests that must repeat exactly.  Secrets come from rng_secret(). */
#ifndef VRM_BASE_RNG_H
#define VRM_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound); bound > 0. */
uint32_t rng_below(struct rng *rng, uint32_t bound);

/* Fills buf from getrandom(2); aborts if the kernel has no entropy source. */
void rng_secret(void *buf, size_t len);

/* n_bytes of secret randomness as 2 * n_bytes lower-case hex digits. */
char *rng_secret_hex(size_t n_bytes);

#endif /* VRM_BASE_RNG_H */
