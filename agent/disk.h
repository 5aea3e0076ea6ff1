/* disk.h - the journal behind a thread of its own, so that a slow disk never stops the loop.
 *
 * Writes are done one after the other, in the order given; their done functions run on the loop in
 * the same order.  Loop thread. */
#ifndef VRM_AGENT_DISK_H
#define VRM_AGENT_DISK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/journal.h"

typedef struct Disk Disk;

/* One write and who waits for it. */
struct disk_write {
    int64_t epoch; /* stored first; 0: leave it */
    char *line;    /* appended next; NULL: none.  Taken by disk_write */
    void (*done)(const struct disk_write *write, const GError *error);
    void *agent, *job, *opening; /* the caller's */
};

Disk *disk_new(Journal *journal /* taken */);
void disk_write(Disk *disk, const struct disk_write *write);
/* Replaces the journal's lines (taken); failure is logged and harmless. */
void disk_rewrite(Disk *disk, char *lines);
/* The journal is longer than least, twice as long as when it was last written anew, and no
 * rewriting is under way. */
bool disk_wants_rewrite(const Disk *disk, size_t least);
bool disk_is_idle(const Disk *disk);
void disk_free(Disk *disk);

#endif /* VRM_AGENT_DISK_H */
