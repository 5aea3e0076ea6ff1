/* refit.c - see refit.h.  First the emptiest host for each VM (as HA would restart them), big VMs
 * first; if that leaves some over, the fullest host that still takes it. */
#include "config.h"

#include "scheduler/refit.h"

#include <stdlib.h>

#include "scheduler/filter.h"

struct refugee {
    uint32_t vm, from;
    int64_t size_mb;
};
VEC_DECLARE(refugees, struct refugee);

static int refugee_cmp(const void *a, const void *b)
{
    const struct refugee *x = a, *y = b;

    if (x->size_mb != y->size_mb)
        return x->size_mb > y->size_mb ? -1 : 1;
    return (x->vm > y->vm) - (x->vm < y->vm);
}

static bool is_tied(const Problem *p, uint32_t vm)
{
    return p->vm[vm]->binding_host || problem_has_local_disk(p, vm);
}

static void collect(const Layout *l, uint32_t host, struct refugees *all, struct refit *result)
{
    const Problem *p = l->problem;

    for (size_t i = 0; i < l->host_vms[host].len; i++) {
        const uint32_t vm = l->host_vms[host].items[i];
        struct refugee refugee = { .vm = vm, .from = host, .size_mb = p->vm_size[vm] };

        result->n_vms++;
        if (!p->vm[vm]->enable_ha)
            result->n_unguarded++;
        else if (is_tied(p, vm))
            result->n_tied++;
        else
            refugees_push(all, refugee);
    }
}

static bool is_dead(const uint32_t *dead, uint32_t n_dead, uint32_t host)
{
    for (uint32_t i = 0; i < n_dead; i++) {
        if (dead[i] == host)
            return true;
    }
    return false;
}

static int64_t free_mb(const Layout *l, uint32_t host)
{
    return l->problem->host_mem_limit[host] - l->committed[host];
}

/* The emptiest host that takes the VM, or the fullest. */
static uint32_t find_host(const Layout *l, uint32_t vm, const bool *open, bool emptiest)
{
    uint32_t best = NO_INDEX;

    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        int64_t room = free_mb(l, h);

        if (!open[h] || room < l->problem->vm_size[vm])
            continue;
        if (best != NO_INDEX && (emptiest ? room <= free_mb(l, best) : room >= free_mb(l, best)))
            continue;
        if (filter_first(l, vm, h, FILTER_USE_START) == FILTER_NONE)
            best = h;
    }
    return best;
}

static void place_all(Layout *l, const struct refugees *all, const bool *open, bool emptiest,
                      struct refit *result)
{
    result->n_lost = 0;
    result->lost_mb = 0;
    result->first_lost = NO_INDEX;
    for (size_t i = 0; i < all->len; i++) {
        const uint32_t vm = all->items[i].vm;
        const uint32_t host = find_host(l, vm, open, emptiest);

        if (host != NO_INDEX) {
            layout_move(l, vm, host);
            continue;
        }
        if (result->n_lost++ == 0)
            result->first_lost = vm;
        result->lost_mb += all->items[i].size_mb;
    }
}

static void lift_all(Layout *l, const struct refugees *all)
{
    for (size_t i = 0; i < all->len; i++)
        layout_move(l, all->items[i].vm, NO_INDEX);
}

struct refit refit_try(Layout *layout, const uint32_t *dead, uint32_t n_dead, const bool *allowed)
{
    const uint32_t n_hosts = layout->problem->n_hosts;
    g_autofree bool *open = g_new0(bool, n_hosts + 1);
    struct refugees all = { 0 };
    struct refit result = { .first_lost = NO_INDEX };

    for (uint32_t h = 0; h < n_hosts; h++)
        open[h] = problem_usable(layout->problem, h) && (!allowed || allowed[h]) &&
                  !is_dead(dead, n_dead, h);
    for (uint32_t i = 0; i < n_dead; i++)
        collect(layout, dead[i], &all, &result);
    if (all.len > 1)
        qsort(all.items, all.len, sizeof(*all.items), refugee_cmp);
    lift_all(layout, &all);
    place_all(layout, &all, open, true, &result);
    if (result.n_lost > 0) {
        lift_all(layout, &all);
        place_all(layout, &all, open, false, &result);
    }
    for (size_t i = 0; i < all.len; i++)
        layout_move(layout, all.items[i].vm, all.items[i].from);
    refugees_clear(&all);
    return result;
}

uint32_t refit_hardest(const Layout *layout, uint32_t n, bool by_size, uint32_t *ret_hosts)
{
    const Problem *p = layout->problem;
    uint32_t kept = 0;

    while (kept < n) {
        uint32_t best = NO_INDEX;
        int64_t best_mb = -1;

        for (uint32_t h = 0; h < p->n_hosts; h++) {
            int64_t mb = by_size ? p->host_cap[RES_MEM][h] : layout->committed[h];

            if (!problem_usable(p, h) || is_dead(ret_hosts, kept, h) || mb <= best_mb)
                continue;
            best = h;
            best_mb = mb;
        }
        if (best == NO_INDEX)
            break;
        ret_hosts[kept++] = best;
    }
    return kept;
}
