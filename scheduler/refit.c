/* refit.c - see refit.h.  First the emptiest host for each VM (as HA would restart them), big VMs
 * first; if that leaves some over, the fullest host that still takes it. */
#include "config.h"

#include "scheduler/refit.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "scheduler/filter.h"

/* Hosts named in a text. */
#define MAX_NAMED 4

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

/* The refugees stand where they would go, or nowhere. */
static void send_away(Layout *l, const struct refugees *all, const bool *open, struct refit *result)
{
    lift_all(l, all);
    place_all(l, all, open, true, result);
    if (result->n_lost > 0) {
        lift_all(l, all);
        place_all(l, all, open, false, result);
    }
}

static void bring_home(Layout *l, const struct refugees *all)
{
    for (size_t i = 0; i < all->len; i++)
        layout_move(l, all->items[i].vm, all->items[i].from);
}

/* The hosts' refugees, biggest first, and the hosts that may take them. */
static bool *begin_try(const Layout *l, const uint32_t *dead, uint32_t n_dead, const bool *allowed,
                       struct refugees *ret_all, struct refit *result)
{
    const uint32_t n_hosts = l->problem->n_hosts;
    bool *open = g_new0(bool, n_hosts + 1);

    for (uint32_t h = 0; h < n_hosts; h++)
        open[h] =
            problem_usable(l->problem, h) && (!allowed || allowed[h]) && !is_dead(dead, n_dead, h);
    for (uint32_t i = 0; i < n_dead; i++)
        collect(l, dead[i], ret_all, result);
    if (ret_all->len > 1)
        qsort(ret_all->items, ret_all->len, sizeof(*ret_all->items), refugee_cmp);
    return open;
}

struct refit refit_try(Layout *layout, const uint32_t *dead, uint32_t n_dead, const bool *allowed)
{
    struct refugees all = { 0 };
    struct refit result = { .first_lost = NO_INDEX };
    g_autofree bool *open = begin_try(layout, dead, n_dead, allowed, &all, &result);

    send_away(layout, &all, open, &result);
    bring_home(layout, &all);
    refugees_clear(&all);
    return result;
}

/* ---- why the first lost one is lost --------------------------------------------------------- */

static bool is_about_room(enum filter_id id)
{
    int code, reason;

    filter_error(id, &code, &reason);
    return id == FILTER_NONE || code == VRM_ERR_NO_CAPACITY;
}

static bool is_about_rules(enum filter_id id)
{
    return id >= FILTER_RULE_TOGETHER && id <= FILTER_RULE_MUST_NOT_HOST;
}

/* Host by host, or once if all say the same: "cna1: rule 'pin' ..." */
static char *join_reasons(const GPtrArray *texts)
{
    GString *joined = g_string_new(NULL);
    const char *first = texts->len > 0 ? strstr(texts->pdata[0], ": ") : NULL;
    bool same = first != NULL;

    for (guint i = 0; i < texts->len; i++) {
        const char *reason = strstr(texts->pdata[i], ": ");

        same = same && reason && strcmp(reason, first) == 0;
        if (i < MAX_NAMED)
            g_string_append_printf(joined, "%s%s", i == 0 ? "" : "; ",
                                   (const char *)texts->pdata[i]);
    }
    if (same)
        g_string_assign(joined, first + strlen(": "));
    else if (texts->len > MAX_NAMED)
        g_string_append_printf(joined, "; and %u more hosts", texts->len - MAX_NAMED);
    if (texts->len == 0)
        g_string_append(joined, "there is no other host");
    return g_string_free(joined, FALSE);
}

/* room_mb: what each host has free while all are at home. */
static void ask_hosts(const Layout *l, uint32_t vm, const bool *open, const int64_t *room_mb,
                      struct refit_why *why)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        enum filter_id id;

        if (!open[h])
            continue;
        id = filter_first(l, vm, h, FILTER_USE_START);
        why->room = why->room || is_about_room(id);
        why->rules = why->rules || is_about_rules(id);
        if (id == FILTER_MEMORY || id == FILTER_NONE)
            why->most_mb = MAX(why->most_mb, room_mb[h]);
        if (id != FILTER_NONE)
            g_ptr_array_add(texts, filter_text(l, vm, h, id));
    }
    why->text = join_reasons(texts);
}

void refit_why(Layout *layout, const uint32_t *dead, uint32_t n_dead, const bool *allowed,
               struct refit_why *ret_why)
{
    const uint32_t n_hosts = layout->problem->n_hosts;
    g_autofree int64_t *room_mb = g_new0(int64_t, n_hosts + 1);
    struct refugees all = { 0 };
    struct refit result = { .first_lost = NO_INDEX };
    g_autofree bool *open = begin_try(layout, dead, n_dead, allowed, &all, &result);

    *ret_why = (struct refit_why){ .most_mb = -1 };
    for (uint32_t h = 0; h < n_hosts; h++)
        room_mb[h] = free_mb(layout, h);
    send_away(layout, &all, open, &result);
    if (result.first_lost != NO_INDEX)
        ask_hosts(layout, result.first_lost, open, room_mb, ret_why);
    else
        ret_why->text = g_strdup("");
    bring_home(layout, &all);
    refugees_clear(&all);
}

/* ---- VM by VM ------------------------------------------------------------------------------- */

void refit_fates_free(struct refit_fates *fates)
{
    for (size_t i = 0; i < fates->len; i++)
        g_free(fates->items[i].text);
    refit_fates_clear(fates);
}

/* Asked while the others stand where they would go. */
static char *nowhere_text(const Layout *l, uint32_t vm, uint32_t dead)
{
    const Problem *p = l->problem;
    GString *text = g_string_new("no host takes it");
    uint32_t n = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        enum filter_id id = h == dead ? FILTER_NONE : filter_first(l, vm, h, FILTER_USE_START);
        g_autofree char *why = NULL;

        if (id == FILTER_NONE || ++n > MAX_NAMED)
            continue;
        why = filter_text(l, vm, h, id);
        g_string_append_printf(text, "%s%s", n == 1 ? ": " : "; ", why);
    }
    if (n > MAX_NAMED)
        g_string_append_printf(text, "; and %u more hosts", n - MAX_NAMED);
    if (n == 0)
        g_string_append(text, ": there is no other");
    return g_string_free(text, FALSE);
}

static struct refit_fate fate_of(const Layout *l, uint32_t vm, uint32_t dead)
{
    const Problem *p = l->problem;
    struct refit_fate fate = { .vm = vm, .to = NO_INDEX };

    if (!p->vm[vm]->enable_ha) {
        fate.end = REFIT_UNGUARDED;
        fate.text = g_strdup("HA is off for it");
    } else if (is_tied(p, vm)) {
        fate.end = REFIT_TIED;
        fate.text = g_strdup(p->vm[vm]->binding_host ? "it is bound to its host"
                                                     : "a disk of it is on local storage");
    } else if (l->at[vm] == NO_INDEX) {
        fate.end = REFIT_LOST;
        fate.text = nowhere_text(l, vm, dead);
    } else {
        fate.end = REFIT_RESTARTS;
        fate.to = l->at[vm];
    }
    return fate;
}

static int fate_cmp(const void *a, const void *b)
{
    const struct refit_fate *x = a, *y = b;

    return (x->vm > y->vm) - (x->vm < y->vm);
}

void refit_fates_of(Layout *layout, uint32_t host, struct refit_fates *ret_fates)
{
    const size_t n_vms = layout->host_vms[host].len;
    g_autofree uint32_t *vms = g_memdup2(layout->host_vms[host].items, n_vms * sizeof(uint32_t));
    struct refugees all = { 0 };
    struct refit result = { .first_lost = NO_INDEX };
    g_autofree bool *open = begin_try(layout, &host, 1, NULL, &all, &result);

    send_away(layout, &all, open, &result);
    for (size_t i = 0; i < n_vms; i++)
        refit_fates_push(ret_fates, fate_of(layout, vms[i], host));
    bring_home(layout, &all);
    refugees_clear(&all);
    if (ret_fates->len > 1)
        qsort(ret_fates->items, ret_fates->len, sizeof(*ret_fates->items), fate_cmp);
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
