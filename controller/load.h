/* load.h - what "the load" of a VM or host is: a high percentile of its samples over a window.
 *
 * One sample is a peak or a pause; the percentile is what a move must be good for.  A move does not
 * forget the samples: the load is the VM's, not the host's.  Loop thread only. */
#ifndef VRM_CONTROLLER_LOAD_H
#define VRM_CONTROLLER_LOAD_H

#include <stdint.h>

#include "model/types.h"

typedef struct LoadBook LoadBook;

struct load_options {
    int64_t window_ms;  /* samples older than this are dropped */
    int64_t percentile; /* 1..100; nearest rank */
};

struct load_sample {
    int64_t cpu_mhz, mem_mb, net_kbps;
};

LoadBook *load_book_new(const struct load_options *options);
void load_book_free(LoadBook *book);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LoadBook, load_book_free)

/* Records a sample of object (kind, id) and returns its load now. */
struct load load_book_add(LoadBook *book, enum object_kind kind, int64_t id,
                          const struct load_sample *sample, int64_t now_ms);
/* The load over a shorter window: of the samples not older than window_ms, but for the newest,
 * which always counts.  No samples: all 0. */
struct load load_book_over(const LoadBook *book, enum object_kind kind, int64_t id,
                           int64_t window_ms, int64_t now_ms);
/* Forgets an object that is gone, or a VM that was started anew. */
void load_book_forget(LoadBook *book, enum object_kind kind, int64_t id);

#endif /* VRM_CONTROLLER_LOAD_H */
