/* hald_slotio.h - a datastore's file of heartbeat slots (ha/slot.h), as one thread sees it.
 *
 * Everything here may take as long as the datastore likes, for ever included.  It allocates
 * nothing and logs nothing; trouble is an errno.  The thread of a WorkPool with files of its own;
 * a struct slotio is used by one thread. */
#ifndef VRM_AGENT_HALD_SLOTIO_H
#define VRM_AGENT_HALD_SLOTIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ha/slot.h"

enum {
    SLOTIO_CHUNK = 16 /* slots in one reading */
};

struct slotio {
    int fd;       /* -1: none is open */
    int first_fd; /* its number is at least this */
    bool direct;
    dev_t dev; /* the open file */
    ino_t ino;
    unsigned n_opens; /* ever; what was read at different numbers is not of one file */
    uint8_t *blocks;  /* SLOTIO_CHUNK of them, aligned */
};

/* first_fd: a number that no other thread's files have; a race detector takes files of equal
 * numbers for the same, though each thread has a table of its own.  Out of memory: false. */
bool slotio_init(struct slotio *io, int first_fd);
void slotio_close(struct slotio *io);
/* Of one that was closed. */
void slotio_clear(struct slotio *io);

/* Opens the file in the folder, made if it is not there; the former one is closed.  0 or errno.
 *
 * O_DIRECT, so that the datastore itself is written and read and no cache of this host.  Where the
 * file system takes no O_DIRECT, and this kernel's cache is not all the cache that it has
 * (slotio_cache_of), nothing is opened: EINVAL, and *ret_fs is its name; else that is NULL. */
int slotio_open(struct slotio *io, const char *folder, const char **ret_fs);

/* A file system by its statfs f_type, as far as its cache goes.  Without O_DIRECT, is what every
 * host reads and writes there in one cache, this kernel's (is_one)?  Then that cache does as well:
 * who sees the file elsewhere sees it through this kernel. */
struct slotio_cache {
    int64_t type;
    const char *name; /* static; "unknown" for one that is not in the table: it is not trusted */
    bool is_one;
};
const struct slotio_cache *slotio_cache_of(int64_t type);

/* The folder has another file of slots than the open one, or none: that one was deleted, replaced
 * or mounted over, or the datastore came or went.  False, too, when nobody can tell. */
bool slotio_is_elsewhere(const struct slotio *io, const char *folder);

/* n <= SLOTIO_CHUNK blocks from slot `first` on, into io->blocks; what is behind the file's end is
 * 0.  0 or errno; *ret_end: the file ended there. */
int slotio_read(struct slotio *io, int64_t first, unsigned n, bool *ret_end);

/* Returns when it is on the datastore.  0 or errno. */
int slotio_write(struct slotio *io, int64_t slot, const struct slot_record *record);

#endif /* VRM_AGENT_HALD_SLOTIO_H */
