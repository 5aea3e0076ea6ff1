/* load.c - see load.h.  A ring of samples per object; 8,000 VMs with 120 samples are 30 MB at most.
 */
#include "config.h"

#include "controller/load.h"

#include <stdlib.h>

#define MAX_SAMPLES 240 /* 20 minutes of samples every 5 s; a longer window thins out by itself */

struct timed_sample {
    int64_t at_ms;
    struct load_sample sample;
};

struct series {
    struct timed_sample *ring;
    uint32_t cap, first, len;
};

struct LoadBook {
    struct load_options options;
    GHashTable *series; /* key(kind, id) -> struct series */
};

static void free_series(void *data)
{
    struct series *series = data;

    g_free(series->ring);
    g_free(series);
}

LoadBook *load_book_new(const struct load_options *options)
{
    LoadBook *book = g_new0(LoadBook, 1);

    book->options = *options;
    book->series = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_series);
    return book;
}

void load_book_free(LoadBook *book)
{
    if (!book)
        return;
    g_hash_table_unref(book->series);
    g_free(book);
}

static int64_t series_key(enum object_kind kind, int64_t id)
{
    return id * N_OBJECT_KINDS + (int64_t)kind;
}

static struct series *find_or_make(LoadBook *book, enum object_kind kind, int64_t id)
{
    int64_t key = series_key(kind, id);
    struct series *series = g_hash_table_lookup(book->series, &key);

    if (series)
        return series;
    series = g_new0(struct series, 1);
    (void)g_hash_table_insert(book->series, g_memdup2(&key, sizeof(key)), series);
    return series;
}

static const struct timed_sample *at(const struct series *series, uint32_t i)
{
    return &series->ring[(series->first + i) % series->cap];
}

static void grow(struct series *series)
{
    uint32_t cap = series->cap ? MIN(series->cap * 2, MAX_SAMPLES) : 8;
    struct timed_sample *ring = g_new(struct timed_sample, cap);

    for (uint32_t i = 0; i < series->len; i++)
        ring[i] = *at(series, i);
    g_free(series->ring);
    series->ring = ring;
    series->cap = cap;
    series->first = 0;
}

static void drop_oldest(struct series *series)
{
    series->first = (series->first + 1) % series->cap;
    series->len--;
}

static void push(struct series *series, const struct timed_sample *sample, int64_t window_ms)
{
    while (series->len > 0 && at(series, 0)->at_ms < sample->at_ms - window_ms)
        drop_oldest(series);
    if (series->len == MAX_SAMPLES)
        drop_oldest(series);
    if (series->len == series->cap)
        grow(series);
    series->ring[(series->first + series->len) % series->cap] = *sample;
    series->len++;
}

static int compare_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that at least percentile % of the samples do not exceed. */
static int64_t percentile_of(int64_t *values, uint32_t n, int64_t percentile)
{
    uint32_t rank = (uint32_t)((n * percentile + 99) / 100);

    qsort(values, n, sizeof(values[0]), compare_int64);
    return values[MAX(rank, 1) - 1];
}

/* Of the samples since then, and the newest in any case. */
static struct load load_since(const struct series *series, int64_t since_ms, int64_t percentile)
{
    int64_t cpu[MAX_SAMPLES], mem[MAX_SAMPLES], net[MAX_SAMPLES];
    const struct timed_sample *newest = at(series, series->len - 1), *oldest = newest;
    uint32_t n = 0;

    for (uint32_t i = series->len; i > 0; i--) {
        const struct timed_sample *it = at(series, i - 1);

        if (n > 0 && it->at_ms < since_ms)
            break;
        oldest = it;
        cpu[n] = it->sample.cpu_mhz;
        mem[n] = it->sample.mem_mb;
        net[n++] = it->sample.net_kbps;
    }
    return (struct load){
        .cpu_mhz = percentile_of(cpu, n, percentile),
        .mem_mb = percentile_of(mem, n, percentile),
        .net_kbps = percentile_of(net, n, percentile),
        .last_cpu_mhz = newest->sample.cpu_mhz,
        .last_mem_mb = newest->sample.mem_mb,
        .sampled_mono_ms = newest->at_ms,
        .window_ms = newest->at_ms - oldest->at_ms,
        .n_samples = n,
    };
}

struct load load_book_add(LoadBook *book, enum object_kind kind, int64_t id,
                          const struct load_sample *sample, int64_t now_ms)
{
    struct series *series = find_or_make(book, kind, id);

    push(series, &(struct timed_sample){ .at_ms = now_ms, .sample = *sample },
         book->options.window_ms);
    return load_since(series, INT64_MIN, book->options.percentile);
}

struct load load_book_over(const LoadBook *book, enum object_kind kind, int64_t id,
                           int64_t window_ms, int64_t now_ms)
{
    int64_t key = series_key(kind, id);
    const struct series *series = g_hash_table_lookup(book->series, &key);

    return series && series->len > 0
               ? load_since(series, now_ms - window_ms, book->options.percentile)
               : (struct load){ 0 };
}

void load_book_forget(LoadBook *book, enum object_kind kind, int64_t id)
{
    int64_t key = series_key(kind, id);

    (void)g_hash_table_remove(book->series, &key);
}
