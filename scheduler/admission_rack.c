/* admission_rack.c - see admission.h: what if a whole rack died. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "scheduler/admission.h"
#include "scheduler/layout.h"
#include "scheduler/refit.h"

/* The usable hosts of the rack whose first host is given. */
static uint32_t find_dead(const Problem *p, uint32_t first, uint32_t *dead)
{
    uint32_t n = 0;

    for (uint32_t h = first; h < p->n_hosts; h++) {
        if (p->host_rack[h] == first && problem_usable(p, h))
            dead[n++] = h;
    }
    return n;
}

static char *rack_name(const Problem *p, const uint32_t *dead, uint32_t n_dead)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "rack %s (", p->host[dead[0]]->rack);
    for (uint32_t i = 0; i < n_dead; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", p->host[dead[i]]->name);
    g_string_append_c(text, ')');
    return g_string_free(text, FALSE);
}

/* why: "" or what keeps the first lost one from everywhere, whatever room there is. */
static char *loss_text(const Problem *p, const struct refit *refit, const char *why)
{
    GString *text = g_string_new(NULL);

    if (refit->n_vms == 0)
        g_string_append(text, "runs no VM");
    else if (refit->n_vms == refit->n_tied + refit->n_unguarded)
        g_string_append(text, "HA has none of their VMs to restart");
    else if (refit->n_lost == 0)
        g_string_printf(text, "%u of %u VMs fit elsewhere",
                        refit->n_vms - refit->n_tied - refit->n_unguarded, refit->n_vms);
    else
        g_string_printf(
            text, "%u of %u VMs would be lost (%" PRId64 " MiB): %s has no place elsewhere%s%s",
            refit->n_lost, refit->n_vms, refit->lost_mb, p->vm[refit->first_lost]->name,
            why[0] ? ": " : "", why);
    if (refit->n_tied > 0)
        g_string_append_printf(text, "; %u tied to their hosts", refit->n_tied);
    if (refit->n_unguarded > 0)
        g_string_append_printf(text, "; %u without HA", refit->n_unguarded);
    return g_string_free(text, FALSE);
}

static void add_rack(Layout *l, const uint32_t *dead, uint32_t n_dead, HostLosses *losses)
{
    struct refit refit = refit_try(l, dead, n_dead, NULL);
    struct refit_why why = { .room = true };

    if (refit.n_lost > 0)
        refit_why(l, dead, n_dead, NULL, &why);
    losses->items[losses->n_items++] = (struct host_loss){
        .host_name = rack_name(l->problem, dead, n_dead),
        .n_vms = refit.n_vms,
        .n_unguarded = refit.n_unguarded,
        .n_tied = refit.n_tied,
        .n_lost = refit.n_lost,
        .lost_mb = refit.lost_mb,
        .text = loss_text(l->problem, &refit, why.room ? "" : why.text),
    };
    g_free(why.text);
    losses->n_bad += refit.n_lost > 0 ? 1 : 0;
}

bool admission_rack_losses(const Snapshot *snap, int64_t cluster_id,
                           const struct sched_params *params, HostLosses **ret_losses,
                           GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) problem = problem_new(snap, cluster_id, params, 0, error);
    g_autoptr(Layout) layout = NULL;
    g_autofree uint32_t *dead = NULL;
    HostLosses *losses;

    if (!problem)
        return false;
    problem_open_failover(problem);
    layout = layout_new(problem, &free_moves);
    dead = g_new0(uint32_t, problem->n_hosts + 1);
    losses = g_new0(HostLosses, 1);
    losses->items = g_new0(struct host_loss, problem->n_hosts + 1);
    for (uint32_t h = 0; h < problem->n_hosts; h++) {
        uint32_t n_dead = problem->host_rack[h] == h && problem->host[h]->rack[0] != '\0'
                              ? find_dead(problem, h, dead)
                              : 0;

        if (n_dead > 0)
            add_rack(layout, dead, n_dead, losses);
    }
    *ret_losses = losses;
    return true;
}
