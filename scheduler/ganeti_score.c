/* ganeti_score.c - see ganeti_score.h. */
#include "config.h"

#include "scheduler/ganeti_score.h"

#include <math.h>
#include <string.h>

#include "scheduler/ganeti_tags.h"

/* Figures that are evened out: free memory as it is, and if all that does not run did. */
enum figure {
    FIGURE_FREE_MEM,
    FIGURE_LEFT_MEM,
    FIGURE_VCPUS,
    FIGURE_CPU,
    FIGURE_MEM,
    FIGURE_DISK,
    FIGURE_NET,
};
#define N_FIGURES 7

static const int64_t halves[N_FIGURES] = { 1, 1, 2, 2, 2, 2, 2 }; /* weights */

#define SPEED_ONE 1000
#define LOAD_ONE  GANETI_SCORE_ONE
#define MAX_LOAD  1e6
/* Keeps hosts x hosts x squares within 127 bits. */
#define MAX_VALUE     INT64_C(1000000000000000)

#define WEIGHT_TAGS   2
#define WEIGHT_ON_OFF 20 /* an instance whose primary node is offline counts in two terms */
#define WEIGHT_SECOND 4

__extension__ typedef __int128 wide;

struct GanetiScore {
    const Ganeti *ganeti;
    uint32_t group;
    int64_t n_online;
    uint32_t *at;                                                  /* node of each instance */
    int64_t *raw[N_FIGURES], *whole[N_FIGURES], *value[N_FIGURES]; /* by node */
    wide sum[N_FIGURES], sum_sq[N_FIGURES];
    int64_t constant;
};

static bool counts(const GanetiScore *s, uint32_t node)
{
    const struct ganeti_node *it = &s->ganeti->nodes.items[node];

    return it->group == s->group && !it->offline;
}

/* What an instance adds to a figure of its node. */
static int64_t share_of(const struct ganeti_instance *it, int figure)
{
    const double load[] = { it->load[GANETI_CPU], it->load[GANETI_MEM], it->disk_load,
                            it->net_load };

    if (figure == FIGURE_FREE_MEM)
        return it->status == VM_RUNNING ? -it->mem_mb : 0;
    if (figure == FIGURE_LEFT_MEM)
        return -it->mem_mb;
    if (figure == FIGURE_VCPUS)
        return it->status == VM_RUNNING || it->holds_memory ? it->vcpus * SPEED_ONE : 0;
    if (!it->has_load) /* as hbal has it */
        return LOAD_ONE;
    return llround(MIN(load[figure - FIGURE_CPU], MAX_LOAD) * (double)LOAD_ONE);
}

static int64_t value_of(const GanetiScore *s, int figure, uint32_t node, int64_t raw)
{
    wide value = (wide)raw * GANETI_SCORE_ONE / MAX(s->whole[figure][node], 1);

    return (int64_t)CLAMP(value, -MAX_VALUE, MAX_VALUE);
}

/* The standard deviation; the steps are single roundings, the same on every machine. */
static int64_t deviation(int64_t n, wide sum, wide sum_sq)
{
    wide square = n * sum_sq - sum * sum;

    return n > 0 && square > 0 ? (int64_t)(sqrt((double)square) / (double)n) : 0;
}

int64_t ganeti_score_value(const GanetiScore *score)
{
    int64_t total = score->constant;

    for (int f = 0; f < N_FIGURES; f++)
        total += halves[f] * deviation(score->n_online, score->sum[f], score->sum_sq[f]) / 2;
    return total;
}

/* Adds to the sums what changes when a figure of the node becomes raw. */
static int64_t shift(const GanetiScore *s, int f, uint32_t node, int64_t raw, wide *sum,
                     wide *sum_sq)
{
    int64_t was = s->value[f][node], is = value_of(s, f, node, raw);

    *sum += is - was;
    *sum_sq += (wide)is * is - (wide)was * was;
    return is;
}

int64_t ganeti_score_try(const GanetiScore *score, uint32_t instance, uint32_t node)
{
    const struct ganeti_instance *it = &score->ganeti->instances.items[instance];
    uint32_t from = score->at[instance];
    int64_t total = score->constant;

    if (from == node)
        return ganeti_score_value(score);
    for (int f = 0; f < N_FIGURES; f++) {
        wide sum = score->sum[f], sum_sq = score->sum_sq[f];
        int64_t share = share_of(it, f);

        if (counts(score, from))
            (void)shift(score, f, from, score->raw[f][from] - share, &sum, &sum_sq);
        if (counts(score, node))
            (void)shift(score, f, node, score->raw[f][node] + share, &sum, &sum_sq);
        total += halves[f] * deviation(score->n_online, sum, sum_sq) / 2;
    }
    return total;
}

static void add(GanetiScore *s, int f, uint32_t node, int64_t share)
{
    s->raw[f][node] += share;
    if (counts(s, node))
        s->value[f][node] = shift(s, f, node, s->raw[f][node], &s->sum[f], &s->sum_sq[f]);
}

void ganeti_score_move(GanetiScore *score, uint32_t instance, uint32_t node)
{
    const struct ganeti_instance *it = &score->ganeti->instances.items[instance];
    uint32_t from = score->at[instance];

    for (int f = 0; f < N_FIGURES && from != node; f++) {
        add(score, f, from, -share_of(it, f));
        add(score, f, node, share_of(it, f));
    }
    score->at[instance] = node;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void set_node(GanetiScore *s, uint32_t n)
{
    const struct ganeti_node *node = &s->ganeti->nodes.items[n];

    for (int f = 0; f < N_FIGURES; f++)
        s->whole[f][n] = LOAD_ONE;
    s->whole[FIGURE_FREE_MEM][n] = s->whole[FIGURE_LEFT_MEM][n] = node->mem_mb;
    s->whole[FIGURE_VCPUS][n] = llround((double)node->threads * node->speed * SPEED_ONE);
    s->raw[FIGURE_FREE_MEM][n] = s->raw[FIGURE_LEFT_MEM][n] = node->free_mem_mb;
    s->raw[FIGURE_VCPUS][n] = node->own_cpus * SPEED_ONE;
}

/* Free disk: no move changes it. */
static int64_t disk_deviation(const GanetiScore *s)
{
    wide sum = 0, sum_sq = 0;

    for (uint32_t n = 0; n < s->ganeti->nodes.len; n++) {
        const struct ganeti_node *node = &s->ganeti->nodes.items[n];
        int64_t value = 0;

        if (!counts(s, n))
            continue;
        if (node->disk_mb > 0)
            value = llround(CLAMP(node->free_disk_mb / node->disk_mb, -1e3, 1e3) *
                            (double)GANETI_SCORE_ONE);
        sum += value;
        sum_sq += (wide)value * value;
    }
    return deviation(s->n_online, sum, sum_sq);
}

/* The file's free memory has the running instances taken off already. */
static void place(GanetiScore *s, uint32_t i)
{
    const struct ganeti_instance *it = &s->ganeti->instances.items[i];

    s->at[i] = it->node;
    for (int f = 0; f < N_FIGURES; f++) {
        if (f > FIGURE_LEFT_MEM || it->status != VM_RUNNING)
            s->raw[f][it->node] += share_of(it, f);
    }
}

GanetiScore *ganeti_score_new(const Ganeti *ganeti, int64_t cluster_id)
{
    GanetiScore *s = g_new0(GanetiScore, 1);
    const size_t n_nodes = ganeti->nodes.len + 1;

    s->ganeti = ganeti;
    s->group = (uint32_t)(cluster_id - 1);
    s->at = g_new0(uint32_t, ganeti->instances.len + 1);
    for (int f = 0; f < N_FIGURES; f++) {
        s->raw[f] = g_new0(int64_t, n_nodes);
        s->whole[f] = g_new0(int64_t, n_nodes);
        s->value[f] = g_new0(int64_t, n_nodes);
    }
    for (uint32_t n = 0; n < ganeti->nodes.len; n++) {
        set_node(s, n);
        s->n_online += counts(s, n) ? 1 : 0;
    }
    for (uint32_t i = 0; i < ganeti->instances.len; i++)
        place(s, i);
    for (uint32_t n = 0; n < ganeti->nodes.len; n++) {
        for (int f = 0; f < N_FIGURES && counts(s, n); f++)
            s->value[f][n] = shift(s, f, n, s->raw[f][n], &s->sum[f], &s->sum_sq[f]);
    }
    s->constant = disk_deviation(s);
    return s;
}

void ganeti_score_free(GanetiScore *score)
{
    if (!score)
        return;
    for (int f = 0; f < N_FIGURES; f++) {
        g_free(score->raw[f]);
        g_free(score->whole[f]);
        g_free(score->value[f]);
    }
    g_free(score->at);
    g_free(score);
}

/* ---- the rest of the score ------------------------------------------------------------------ */

/* Instances beyond the first with the same exclusion tag on the node. */
static int64_t count_conflicts(const Ganeti *g, const struct ganeti_instance *it, uint32_t node,
                               GHashTable *seen)
{
    int64_t n = 0;

    for (const char *tag = it->tags; tag && *tag != '\0';) {
        size_t len = strcspn(tag, ",");

        if (len > 0 && ganeti_is_exclusion(g, tag, len)) {
            char *key = g_strdup_printf("%u %.*s", node, (int)len, tag);

            n += g_hash_table_contains(seen, key) ? 1 : 0;
            g_hash_table_add(seen, key);
        }
        tag += tag[len] == ',' ? len + 1 : len;
    }
    return n;
}

int64_t ganeti_score_of(const Ganeti *ganeti, int64_t cluster_id, const Snapshot *snap)
{
    g_autoptr(GanetiScore) s = ganeti_score_new(ganeti, cluster_id);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree int64_t *placed = g_new0(int64_t, ganeti->nodes.len + 1);
    int64_t more = 0;

    for (size_t i = 0; i < ganeti->instances.len && i < snap->n_vms; i++) {
        const struct ganeti_instance *it = &ganeti->instances.items[i];
        const Vm *vm = snap->vms[i];
        uint32_t node = (uint32_t)(vm->host_id - 1);

        if (vm->cluster_id != cluster_id || node >= ganeti->nodes.len)
            continue;
        ganeti_score_move(s, (uint32_t)i, node);
        more += WEIGHT_TAGS * count_conflicts(ganeti, it, node, seen);
        more += counts(s, node) ? 0 : WEIGHT_ON_OFF;
        placed[node]++;
        if (it->secondary != GANETI_NO_NODE && ganeti->nodes.items[it->secondary].offline)
            more += WEIGHT_SECOND;
    }
    for (uint32_t n = 0; n < ganeti->nodes.len; n++) /* too full: all that is there counts */
        more += counts(s, n) && s->raw[FIGURE_FREE_MEM][n] < 0 ? placed[n] : 0;
    return ganeti_score_value(s) + more * GANETI_SCORE_ONE;
}

bool ganeti_score_is_whole(const Ganeti *ganeti, int64_t cluster_id)
{
    if (ganeti_tags_has_locations(ganeti))
        return false;
    for (size_t i = 0; i < ganeti->instances.len; i++) {
        const struct ganeti_instance *it = &ganeti->instances.items[i];

        if (ganeti->nodes.items[it->node].group + 1 == cluster_id &&
            (it->local_disk || it->secondary != GANETI_NO_NODE))
            return false;
    }
    return true;
}
