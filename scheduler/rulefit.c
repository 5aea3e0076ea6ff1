/* rulefit.c - see rulefit.h.
 *
 * VMs that stay together become one (union-find), each with the hosts that are left to it; then,
 * for one keep-apart rule, whether its VMs can get a place each (matching), and for several
 * together a search with a budget. */
#include "config.h"

#include "scheduler/rulefit.h"

#include <glib.h>
#include <string.h>

#define NO_PLACE UINT32_MAX
/* Of looking at a VM or a fact, in hosts. */
#define PASS_COST 8

/* Steps of one search, and how many nodes x hosts it looks at: numbers, never a time. */
#define MAX_STEPS INT64_C(20000)
#define MAX_CELLS INT64_C(4000000)

struct work {
    const struct rulefit *fit;
    const bool *off;
    uint32_t n_words;
    uint32_t *parent;  /* union-find over keep-together */
    uint64_t *allowed; /* per root: bitmap of hosts */
    uint32_t *n_left;  /* per root: hosts allowed */
};

static bool is_used_up(const struct rulefit *fit)
{
    return *fit->budget <= 0;
}

static bool is_on(const struct work *w, size_t f)
{
    return !w->off || !w->off[f];
}

static uint32_t root_of(const struct work *w, uint32_t node)
{
    while (w->parent[node] != node) {
        w->parent[node] = w->parent[w->parent[node]];
        node = w->parent[node];
    }
    return node;
}

static bool allows(const struct work *w, uint32_t root, uint32_t host)
{
    return w->allowed[(size_t)root * w->n_words + host / 64] >> (host % 64) & 1;
}

static bool is_tied(const struct work *w, uint32_t root)
{
    return w->n_left[root] < w->fit->n_hosts;
}

static uint32_t place_of(const struct rulefit_fact *fact, uint32_t host)
{
    return fact->slots ? fact->slots[host] : host;
}

static void join(struct work *w)
{
    for (uint32_t i = 0; i < w->fit->n_nodes; i++)
        w->parent[i] = i;
    for (size_t f = 0; f < w->fit->n_facts; f++) {
        const struct rulefit_fact *fact = &w->fit->facts[f];

        for (size_t i = 1; i < fact->n && fact->type == RULE_TOGETHER && is_on(w, f); i++) {
            uint32_t a = root_of(w, fact->nodes[0]), b = root_of(w, fact->nodes[i]);

            w->parent[MAX(a, b)] = MIN(a, b);
        }
    }
}

static void tie(struct work *w)
{
    const struct rulefit *fit = w->fit;

    memset(w->allowed, 0xff, (size_t)(fit->n_nodes + 1) * w->n_words * sizeof(*w->allowed));
    for (size_t f = 0; f < fit->n_facts; f++) {
        const struct rulefit_fact *fact = &fit->facts[f];

        for (size_t i = 0; i < fact->n && fact->type == RULE_VM_HOST && is_on(w, f); i++) {
            uint64_t *bits = &w->allowed[(size_t)root_of(w, fact->nodes[i]) * w->n_words];

            for (uint32_t word = 0; word < w->n_words; word++)
                bits[word] &= fact->hosts[word];
        }
    }
    for (uint32_t node = 0; node < fit->n_nodes; node++) {
        for (uint32_t h = 0; h < fit->n_hosts; h++)
            w->n_left[node] += allows(w, node, h) ? 1 : 0;
    }
}

static void work_init(struct work *w, const struct rulefit *fit, const bool *off)
{
    *w = (struct work){ .fit = fit, .off = off, .n_words = fit->n_hosts / 64 + 1 };
    w->parent = g_new0(uint32_t, fit->n_nodes + 1);
    w->allowed = g_new(uint64_t, (size_t)(fit->n_nodes + 1) * w->n_words);
    w->n_left = g_new0(uint32_t, fit->n_nodes + 1);
    *fit->budget -= ((int64_t)fit->n_nodes + (int64_t)fit->n_facts) * (fit->n_hosts + PASS_COST);
    join(w);
    tie(w);
}

static void work_clear(struct work *w)
{
    g_free(w->parent);
    g_free(w->allowed);
    g_free(w->n_left);
}

/* ---- what is wrong at a glance -------------------------------------------------------------- */

static bool has_homeless(const struct work *w)
{
    for (uint32_t node = 0; node < w->fit->n_nodes && w->fit->n_hosts > 0; node++) {
        if (root_of(w, node) == node && w->n_left[node] == 0)
            return true;
    }
    return false;
}

/* Two VMs of the rule that others keep together. */
static bool has_twins(const struct work *w, const struct rulefit_fact *fact)
{
    g_autofree bool *seen = g_new0(bool, w->fit->n_nodes + 1);

    for (size_t i = 0; i < fact->n; i++) {
        uint32_t root = root_of(w, fact->nodes[i]);

        if (seen[root])
            return true;
        seen[root] = true;
    }
    return false;
}

/* ---- one rule: a place for each ------------------------------------------------------------- */

struct matching {
    const struct work *w;
    const struct rulefit_fact *fact;
    uint32_t *taken; /* place -> 1 + index in fact->nodes, 0: free */
    bool *seen;
};

/* Kuhn's augmenting path: a place for VM i, moving others on if need be.  Each level marks a place
 * as seen, so it goes no deeper than there are hosts. */
static bool match(struct matching *m, uint32_t i) /* NOLINT(misc-no-recursion): bounded */
{
    uint32_t root = root_of(m->w, m->fact->nodes[i]);

    for (uint32_t h = 0; h < m->w->fit->n_hosts; h++) {
        uint32_t place = place_of(m->fact, h);

        --*m->w->fit->budget;
        if (!allows(m->w, root, h) || m->seen[place])
            continue;
        m->seen[place] = true;
        if (m->taken[place] == 0 || match(m, m->taken[place] - 1)) {
            m->taken[place] = i + 1;
            return true;
        }
    }
    return false;
}

static bool is_too_tight(const struct work *w, const struct rulefit_fact *fact)
{
    const uint32_t n_hosts = w->fit->n_hosts;
    g_autofree uint32_t *taken = g_new0(uint32_t, n_hosts + 1);
    g_autofree bool *seen = g_new0(bool, n_hosts + 1);
    struct matching m = { w, fact, taken, seen };

    for (uint32_t i = 0; i < fact->n; i++) {
        if (!is_tied(w, root_of(w, fact->nodes[i])))
            continue;
        memset(seen, 0, n_hosts * sizeof(*seen));
        if (!match(&m, i))
            return true;
    }
    return false;
}

/* ---- several rules: a search ---------------------------------------------------------------- */

struct search {
    const struct work *w;
    uint32_t *vars; /* roots that are tied and in a keep-apart rule, fewest hosts first */
    uint32_t n_vars;
    uint32_t *first; /* per var: slice of apart */
    uint32_t *apart; /* facts */
    uint32_t *used;  /* [fact * n_hosts + place]: VMs there */
    uint32_t *on;    /* per host: VMs there */
    uint32_t *kind;  /* per host: the first host that all vars see alike */
    uint32_t *choice;
};

static bool is_apart_fact(const struct work *w, size_t f)
{
    return w->fit->facts[f].type == RULE_APART && is_on(w, f);
}

static int by_hosts_left(const void *a, const void *b, void *data)
{
    const struct work *w = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (w->n_left[x] != w->n_left[y])
        return w->n_left[x] < w->n_left[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static void find_vars(struct search *s)
{
    const struct work *w = s->w;
    g_autofree bool *wanted = g_new0(bool, w->fit->n_nodes + 1);

    for (size_t f = 0; f < w->fit->n_facts; f++) {
        for (size_t i = 0; i < w->fit->facts[f].n && is_apart_fact(w, f); i++)
            wanted[root_of(w, w->fit->facts[f].nodes[i])] = true;
    }
    s->vars = g_new0(uint32_t, w->fit->n_nodes + 1);
    for (uint32_t node = 0; node < w->fit->n_nodes; node++) {
        if (wanted[node] && is_tied(w, node))
            s->vars[s->n_vars++] = node;
    }
    g_qsort_with_data(s->vars, (gint)s->n_vars, sizeof(*s->vars), by_hosts_left,
                      (void *)(uintptr_t)w);
}

/* The keep-apart facts of each var. */
static void index_facts(struct search *s)
{
    const struct work *w = s->w;
    const struct rulefit *fit = w->fit;
    g_autofree uint32_t *var_of = g_new0(uint32_t, fit->n_nodes + 1); /* + 1; 0: none */
    g_autofree uint32_t *next = NULL;

    for (uint32_t v = 0; v < s->n_vars; v++)
        var_of[s->vars[v]] = v + 1;
    s->first = g_new0(uint32_t, s->n_vars + 2);
    for (size_t f = 0; f < fit->n_facts; f++) {
        for (size_t i = 0; i < fit->facts[f].n && is_apart_fact(w, f); i++)
            s->first[var_of[root_of(w, fit->facts[f].nodes[i])]]++;
    }
    s->first[0] = 0; /* what is free to go anywhere */
    for (uint32_t v = 0; v < s->n_vars; v++)
        s->first[v + 1] += s->first[v];
    next = g_memdup2(s->first, (s->n_vars + 1) * sizeof(*next));
    s->apart = g_new0(uint32_t, s->first[s->n_vars] + 1);
    for (uint32_t f = 0; f < fit->n_facts; f++) {
        for (size_t i = 0; i < fit->facts[f].n && is_apart_fact(w, f); i++) {
            uint32_t v = var_of[root_of(w, fit->facts[f].nodes[i])];

            if (v > 0)
                s->apart[next[v - 1]++] = f;
        }
    }
}

static bool are_alike(const struct search *s, uint32_t a, uint32_t b)
{
    for (uint32_t v = 0; v < s->n_vars; v++) {
        if (allows(s->w, s->vars[v], a) != allows(s->w, s->vars[v], b))
            return false;
    }
    for (size_t f = 0; f < s->w->fit->n_facts; f++) {
        if (is_apart_fact(s->w, f) && s->w->fit->facts[f].slots)
            return false; /* racks: hosts differ */
    }
    return true;
}

static void find_kinds(struct search *s)
{
    s->kind = g_new0(uint32_t, s->w->fit->n_hosts + 1);
    for (uint32_t h = 0; h < s->w->fit->n_hosts; h++) {
        s->kind[h] = h;
        for (uint32_t other = 0; other < h; other++) {
            if (s->kind[other] == other && are_alike(s, other, h)) {
                s->kind[h] = other;
                break;
            }
        }
    }
}

static void put(struct search *s, uint32_t v, uint32_t host, int by)
{
    for (uint32_t i = s->first[v]; i < s->first[v + 1]; i++) {
        const struct rulefit_fact *fact = &s->w->fit->facts[s->apart[i]];
        uint32_t *used = &s->used[(size_t)s->apart[i] * s->w->fit->n_hosts + place_of(fact, host)];

        *used = by > 0 ? *used + 1 : *used - 1;
    }
    s->on[host] = by > 0 ? s->on[host] + 1 : s->on[host] - 1;
}

static bool is_free(const struct search *s, uint32_t v, uint32_t host)
{
    for (uint32_t i = s->first[v]; i < s->first[v + 1]; i++) {
        const struct rulefit_fact *fact = &s->w->fit->facts[s->apart[i]];

        if (s->used[(size_t)s->apart[i] * s->w->fit->n_hosts + place_of(fact, host)] > 0)
            return false;
    }
    return true;
}

/* The next host to try; of empty hosts that are alike only the first. */
static uint32_t next_host(const struct search *s, uint32_t v, uint32_t from)
{
    const uint32_t n_hosts = s->w->fit->n_hosts;
    g_autofree bool *tried = g_new0(bool, n_hosts + 1);

    for (uint32_t h = 0; h < n_hosts; h++) {
        bool empty = s->on[h] == 0;

        if (!allows(s->w, s->vars[v], h) || !is_free(s, v, h) || (empty && tried[s->kind[h]]))
            continue;
        tried[s->kind[h]] = tried[s->kind[h]] || empty;
        if (h >= from)
            return h;
    }
    return NO_PLACE;
}

/* False: there is provably no placement. */
static bool search_run(struct search *s)
{
    int64_t steps = MAX_STEPS;
    uint32_t v = 0;

    s->choice[0] = NO_PLACE;
    while (v < s->n_vars && steps-- > 0 && !is_used_up(s->w->fit)) {
        uint32_t from = 0, host;

        *s->w->fit->budget -= s->w->fit->n_hosts + PASS_COST;
        if (s->choice[v] != NO_PLACE) {
            put(s, v, s->choice[v], -1);
            from = s->choice[v] + 1;
        }
        host = next_host(s, v, from);
        s->choice[v] = host;
        if (host != NO_PLACE) {
            put(s, v, host, 1);
            s->choice[++v] = NO_PLACE;
        } else if (v == 0) {
            return false;
        } else {
            v--;
        }
    }
    return true;
}

static bool search_fails(const struct work *w)
{
    struct search s = { .w = w };
    const struct rulefit *fit = w->fit;
    bool possible = true;

    find_vars(&s);
    if (s.n_vars > 1 && (int64_t)fit->n_facts * fit->n_hosts <= MAX_CELLS &&
        (int64_t)s.n_vars * fit->n_hosts <= MAX_CELLS) {
        index_facts(&s);
        find_kinds(&s);
        s.used = g_new0(uint32_t, fit->n_facts * fit->n_hosts + 1);
        s.on = g_new0(uint32_t, fit->n_hosts + 1);
        s.choice = g_new0(uint32_t, s.n_vars + 1);
        possible = search_run(&s);
    }
    g_free(s.vars);
    g_free(s.first);
    g_free(s.apart);
    g_free(s.used);
    g_free(s.on);
    g_free(s.kind);
    g_free(s.choice);
    return !possible;
}

/* ---- entries -------------------------------------------------------------------------------- */

static bool is_impossible(const struct work *w)
{
    if (has_homeless(w))
        return true;
    for (size_t f = 0; f < w->fit->n_facts; f++) {
        if (is_apart_fact(w, f) && has_twins(w, &w->fit->facts[f]))
            return true;
    }
    for (size_t f = 0; f < w->fit->n_facts; f++) {
        if (is_apart_fact(w, f) && is_too_tight(w, &w->fit->facts[f]))
            return true;
    }
    return search_fails(w);
}

bool rulefit_impossible(const struct rulefit *fit, const bool *off)
{
    struct work w;
    bool impossible;

    if (is_used_up(fit))
        return false;
    work_init(&w, fit, off);
    impossible = is_impossible(&w);
    work_clear(&w);
    return impossible;
}

void rulefit_core(const struct rulefit *fit, bool *off)
{
    for (size_t f = 0; f < fit->n_facts; f++) {
        if (off[f])
            continue;
        off[f] = true;
        off[f] = rulefit_impossible(fit, off);
    }
}

bool rulefit_drop_tight(const struct rulefit *fit, bool *off)
{
    struct work w;
    bool any = false, ties_fit;

    work_init(&w, fit, off);
    ties_fit = !has_homeless(&w);
    for (size_t f = 0; f < fit->n_facts && ties_fit && !is_used_up(fit); f++) {
        const struct rulefit_fact *fact = &fit->facts[f];

        if (is_apart_fact(&w, f) && (has_twins(&w, fact) || is_too_tight(&w, fact)))
            any = off[f] = true;
    }
    work_clear(&w);
    return any;
}
