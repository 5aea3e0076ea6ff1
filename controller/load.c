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

struct load load_book_add(LoadBook *book, enum object_kind kind, int64_t id,
                          const struct load_sample *sample, int64_t now_ms)
{
    struct series *series = find_or_make(book, kind, id);
    int64_t cpu[MAX_SAMPLES], mem[MAX_SAMPLES], net[MAX_SAMPLES];
    int64_t percentile = book->options.percentile;

    push(series, &(struct timed_sample){ .at_ms = now_ms, .sample = *sample },
         book->options.window_ms);
    for (uint32_t i = 0; i < series->len; i++) {
        cpu[i] = at(series, i)->sample.cpu_mhz;
        mem[i] = at(series, i)->sample.mem_mb;
        net[i] = at(series, i)->sample.net_kbps;
    }
    return (struct load){
        .cpu_mhz = percentile_of(cpu, series->len, percentile),
        .mem_mb = percentile_of(mem, series->len, percentile),
        .net_kbps = percentile_of(net, series->len, percentile),
        .last_cpu_mhz = sample->cpu_mhz,
        .last_mem_mb = sample->mem_mb,
        .sampled_mono_ms = now_ms,
        .window_ms = now_ms - at(series, 0)->at_ms,
        .n_samples = series->len,
    };
}

void load_book_forget(LoadBook *book, enum object_kind kind, int64_t id)
{
    int64_t key = series_key(kind, id);

    (void)g_hash_table_remove(book->series, &key);
}
