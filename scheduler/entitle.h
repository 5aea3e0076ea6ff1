/* entitle.h - what each VM is entitled to of a capacity that may be too small for all.
 *
 * Reservation, limit and shares as people know them: nobody gets more than it wants; a reservation
 * is had in full by whoever wants that much; what is left after the reservations is shared out in
 * proportion to shares until the water level meets each demand.  Integers, exact to the last unit,
 * and the same for any order of equal claims but for single units.  Pure; any thread. */
#ifndef VRM_SCHEDULER_ENTITLE_H
#define VRM_SCHEDULER_ENTITLE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/types.h"

/* Bounds for what is passed in, so that products fit 63 bits. */
#define ENTITLE_MAX_DEMAND INT64_C(1000000000)
#define ENTITLE_MAX_SHARES (INT64_C(1) << 24) /* more count as this many */

struct entitle_claim {
    int64_t demand;   /* clipped by the limit; 0..ENTITLE_MAX_DEMAND */
    int64_t reserved; /* what is beyond the demand counts for nothing */
    int64_t shares;   /* < 1 is read as 1 */
};

/* ret_grants[i] <= demand; >= MIN(demand, reserved), also when the reservations alone are more than
 * there is.  The grants add up to the demand where that fits, else to the capacity, or to the
 * reservations if they are more. */
void entitle_share(const struct entitle_claim *claims, size_t n, int64_t capacity,
                   int64_t *ret_grants);

/* "reserved 500 MHz, at most 1200 MHz, 2000 shares": the terms of a VM; caller frees. */
char *entitle_cpu_terms(const Vm *vm);

#endif /* VRM_SCHEDULER_ENTITLE_H */
