/* losstext.c - see losstext.h. */
#include "config.h"

#include "scheduler/losstext.h"

#include <inttypes.h>

/* Why the VM fits nowhere: its needs against the most that a host which may take it has free, or
 * what keeps it from the others whatever they have free. */
static char *nowhere_text(const Layout *l, uint32_t vm, const struct refit_why *why)
{
    const Problem *p = l->problem;
    const bool devices = devfit_needs(p->devices, vm);

    if (why->most_mb < 0)
        return g_strdup_printf("%s has no place elsewhere: %s", p->vm[vm]->name, why->text);
    return g_strdup_printf("%s has no place elsewhere (%" PRId64 " MiB, %" PRId64
                           " vCPUs%s%s; the most free memory of a host is now %" PRId64 " MiB)",
                           p->vm[vm]->name, p->vm_size[vm], p->vm[vm]->cpu.quantity,
                           devices ? ", " : "", devices ? p->vm[vm]->devices : "", why->most_mb);
}

/* why: of the first lost one. */
static char *loss_text(const Layout *l, const struct refit *refit, const struct refit_why *why)
{
    g_autofree char *tied =
        refit->n_tied > 0 ? g_strdup_printf("; %u tied to it", refit->n_tied) : g_strdup("");
    g_autofree char *unguarded = refit->n_unguarded > 0
                                     ? g_strdup_printf("; %u without HA", refit->n_unguarded)
                                     : g_strdup("");
    g_autofree char *first = NULL;

    if (refit->n_vms == 0)
        return g_strdup("runs no VM");
    if (refit->n_vms == refit->n_tied + refit->n_unguarded)
        return g_strdup_printf("HA has none of its VMs to restart%s%s", tied, unguarded);
    if (refit->n_lost == 0)
        return g_strdup_printf("%u of %u VMs fit elsewhere%s%s",
                               refit->n_vms - refit->n_tied - refit->n_unguarded, refit->n_vms,
                               tied, unguarded);
    first = nowhere_text(l, refit->first_lost, why);
    return g_strdup_printf("%u of %u VMs would be lost (%" PRId64 " MiB): %s%s%s", refit->n_lost,
                           refit->n_vms, refit->lost_mb, first, tied, unguarded);
}

char *losstext_host(Layout *layout, uint32_t host, const struct refit *refit,
                    struct refit_why *ret_why)
{
    char *text;

    *ret_why = (struct refit_why){ .room = true };
    if (refit->n_lost > 0)
        refit_why(layout, &host, 1, NULL, ret_why);
    text = loss_text(layout, refit, ret_why);
    g_clear_pointer(&ret_why->text, g_free);
    return text;
}
