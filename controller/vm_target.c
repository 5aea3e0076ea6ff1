/* vm_target.c - see vm_target.h. */
#include "config.h"

#include "controller/vm_target.h"

#include <string.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/filter.h"
#include "scheduler/place.h"
#include "scheduler/sched_params.h"

#define MAX_NAMED 3 /* hosts of a refusal: each is a look at the whole cluster, on the loop */

/* A host that somebody named must pass the filters that the scheduler's own choice passes. */
static bool take_named_host(const struct app *app, const Vm *vm, int64_t wanted,
                            int64_t *ret_host_id, GError **error)
{
    struct sched_params params;

    app_sched_params(app, &params);
    if (!filter_check_target(inventory_peek(app->inv), vm->id, wanted, &params, error))
        return false;
    *ret_host_id = wanted;
    return true;
}

/* Least overload, then fewest broken wishes, then the most even cluster; ties by host id. */
static bool is_better(const struct place_verdict *a, const struct place_verdict *b)
{
    if (a->overload_mhz != b->overload_mhz)
        return a->overload_mhz < b->overload_mhz;
    if (a->should_broken != b->should_broken)
        return a->should_broken < b->should_broken;
    return a->imbalance < b->imbalance;
}

static const struct place_verdict *best_other_host(const Placement *placement, int64_t current)
{
    const struct place_verdict *best = NULL;

    for (size_t i = 0; i < placement->n_verdicts; i++) {
        const struct place_verdict *verdict = &placement->verdicts[i];

        if (verdict->filter_id != FILTER_NONE || verdict->host_id == current)
            continue;
        if (!best || is_better(verdict, best))
            best = verdict;
    }
    return best;
}

/* "vm cannot go to cna1: ..." without its beginning, which the caller has said. */
static const char *reason_of(const char *message, const char *vm_name)
{
    g_autofree char *start = g_strconcat(vm_name, " cannot go to ", NULL);

    return g_str_has_prefix(message, start) ? message + strlen(start) : message;
}

/* Each other host's reason, as a person who names it would get it. */
static void refuse_all(const struct app *app, const Vm *vm, const Placement *placement,
                       GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct sched_params params;
    size_t n = 0;

    app_sched_params(app, &params);
    for (size_t i = 0; i < placement->n_verdicts; i++) {
        const struct place_verdict *verdict = &placement->verdicts[i];
        g_autoptr(GError) why = NULL;
        bool fits;

        if (verdict->host_id == vm->host_id || ++n > MAX_NAMED)
            continue;
        fits =
            filter_check_target(inventory_peek(app->inv), vm->id, verdict->host_id, &params, &why);
        g_string_append_printf(text, "%s%s", n == 1 ? ": " : "; ",
                               fits ? verdict->text : reason_of(why->message, vm->name));
    }
    if (n > MAX_NAMED)
        g_string_append_printf(text, "; and %zu more hosts", n - MAX_NAMED);
    if (n == 0)
        g_string_append(text, ": its cluster has no other");
    err_set_reason(error, VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES, NULL,
                   "no other host can take VM %s%s", vm->name, text->str);
}

bool vm_target_for_migration(const struct app *app, const Vm *vm, int64_t wanted,
                             int64_t *ret_host_id, char **ret_why, GError **error)
{
    struct sched_params params;
    const struct place_verdict *best;
    g_autoptr(Placement) placement = NULL;

    if (wanted) {
        if (!take_named_host(app, vm, wanted, ret_host_id, error))
            return false;
        if (ret_why)
            *ret_why = g_strdup("the host was asked for by name");
        return true;
    }
    app_sched_params(app, &params);
    if (!place_explain(inventory_peek(app->inv), vm->id, &params, &placement, error))
        return false;
    best = best_other_host(placement, vm->host_id);
    if (!best) {
        refuse_all(app, vm, placement, error);
        return false;
    }
    *ret_host_id = best->host_id;
    if (ret_why)
        *ret_why = g_strdup_printf("%s (the best of the other hosts)", best->text);
    return true;
}

static bool can_serve(const Host *host, const Vm *vm)
{
    return host->connected && host->cluster_id == vm->cluster_id;
}

bool vm_target_for_new(const struct app *app, const Vm *vm, int64_t *ret_host_id, GError **error)
{
    const Snapshot *snap = inventory_peek(app->inv);

    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        if (!can_serve(host, vm) || (vm->location_is_host && host->id != vm->host_id))
            continue;
        *ret_host_id = host->id;
        return true;
    }
    err_set_reason(error, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES, "location",
                   "no host of the VM's location answers now, so its disks cannot be made");
    return false;
}

bool vm_target_for_files(const struct app *app, const Vm *vm, int64_t *ret_host_id, GError **error)
{
    const Snapshot *snap = inventory_peek(app->inv);
    const Host *last = snapshot_host(snap, vm->host_id);

    if (last && last->connected) {
        *ret_host_id = last->id;
        return true;
    }
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (!can_serve(snap->hosts[i], vm))
            continue;
        *ret_host_id = snap->hosts[i]->id;
        return true;
    }
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_NO_RESOURCES, NULL,
                   "no host of the VM's cluster answers now, so its disks cannot be removed");
    return false;
}
