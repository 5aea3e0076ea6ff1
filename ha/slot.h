/* slot.h - heartbeat slots: what a host writes on a datastore to keep its storage lease.
 *
 * Each datastore with slots is an authority of its own (right.h).  Its file has one block of 4 KiB
 * a host, without a header; block i belongs to host SLOT_FIRST_HOST + i.  A block holds the same
 * record in its sectors 0 and 1: a write that was torn leaves at least one of them whole.
 *
 *   offset  0  "VRMSLOT1"          24  host            40  n of the incarnation
 *           8  format, 1           32  boot            44  length of the lease in ms, 0: unsaid
 *          12  authority                               48  seq
 *          16  tag of the cluster                      56  CRC-32C of the bytes before it
 * all little endian; the rest of a sector is 0.  The length is the writer's own (lease_fsm.h): who
 * has other times, or none of late, still knows how long what it wrote holds.  Records of the first
 * kind of this format have 0 there, and say by that: any length that can be set.
 *
 * seq is lease_fsm.h's: the time of its sending by the host's own clock, always growing within a
 * boot.  So an incarnation never writes the same seq twice, whatever became of vrm-hald, and a
 * host's own slot dates all that it reads together with it (slot_age_ms).
 *
 * Safety hangs on three rules for whoever writes:
 *   - one incarnation writes to one file: it is opened before the first write of an incarnation
 *     and kept open, and a write that failed is tried again on it.  What the path leads to is
 *     compared with it at each renewal while the lease is OUT, and often while it is HELD.  Another
 *     file (the open one was deleted, replaced or mounted over), or one that answers ESTALE or
 *     EBADF, is told as LSE_SPENT: the next incarnation begins and opens what is there now; unless
 *     a VM stands under this one, which then stays with its file;
 *   - a new process that goes on in an incarnation (keeper_resume_lease) looks at its slot first:
 *     slot_may_go_on, else it does not write;
 *   - what another cluster or host moves in our slot is not overwritten (slot_is_foreign).
 * and on one for whoever reads: what he says is as old as slot_age_ms, and worth nothing without.
 *
 * Pure: bytes in, structs out.  Any thread. */
#ifndef VRM_HA_SLOT_H
#define VRM_HA_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ha/right.h"

#define SLOT_FILE ".vrm-slots" /* at the top of the datastore */

enum {
    SLOT_SIZE = 4096,
    SLOT_SECTOR = 512,
    SLOT_FIRST_HOST = 101,
    SLOT_MAX = 16384, /* slots in a file */
};

struct slot_record {
    uint64_t tag; /* whose cluster */
    struct ha_owner owner;
    int64_t seq;
    int64_t length_ms; /* 0: it does not say */
};

enum slot_content {
    SLOT_EMPTY,  /* never written */
    SLOT_VALID,  /* at least one sector is whole */
    SLOT_BROKEN, /* written, and no sector is whole */
};

/* Number of the host's slot, and back; -1: such a host has none. */
int64_t slot_of_host(int64_t host);
int64_t slot_host(int64_t slot);

/* The authority of a datastore, and back; -1: none. */
int32_t slot_authority(int64_t datastore);
int64_t slot_datastore(int32_t authority);

/* The cluster's tag from its secret (the 32 bytes of its beat key). */
uint64_t slot_tag(const uint8_t *key, size_t size);

/* CRC-32C. */
uint32_t slot_sum(const uint8_t *bytes, size_t size);

void slot_format(const struct slot_record *record, uint8_t ret_block[SLOT_SIZE]);

/* The newer of the two records; *ret_record is set only with SLOT_VALID. */
enum slot_content slot_parse(const uint8_t block[SLOT_SIZE], struct slot_record *ret_record);

bool slot_record_equal(const struct slot_record *a, const struct slot_record *b);

/* Written by another cluster, another host, or for another datastore. */
bool slot_is_foreign(const struct slot_record *record, uint64_t tag, const struct ha_owner *self);

/* Did `self` write this, in its present incarnation?  Then this is the file it wrote to. */
bool slot_may_go_on(const struct slot_record *record, uint64_t tag, const struct ha_owner *self);

/* How old may be what was read together with `own`, the reader's own slot, at the moment `now` of
 * its clock?  -1: nobody knows, the reading says nothing. */
int64_t slot_age_ms(const struct slot_record *own, uint64_t tag, const struct ha_owner *self,
                    int64_t now_ms);

#endif /* VRM_HA_SLOT_H */
