/* devfit.c - see devfit.h. */
#include "config.h"

#include "scheduler/devfit.h"

#include <string.h>

#include "base/vec.h"
#include "model/devices.h"

VEC_DECLARE(need_vec, struct devfit_need);

static Devices *read_devices(const char *text)
{
    return *text ? devices_parse(text, NULL) : NULL;
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every kind that a VM needs, each once. */
static void find_kinds(DevFit *fit, const Vm *const *vm, uint32_t n_vms)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (uint32_t v = 0; v < n_vms; v++) {
        g_autoptr(Devices) needs = read_devices(vm[v]->devices);

        for (size_t i = 0; needs && i < needs->n; i++)
            g_ptr_array_add(names, g_strdup(needs->items[i].name));
    }
    if (names->len > 1)
        qsort(names->pdata, names->len, sizeof(*names->pdata), name_cmp);
    fit->names = g_new0(char *, names->len + 1);
    for (guint i = 0; i < names->len; i++) {
        char *name = names->pdata[i];

        if (fit->n_kinds > 0 && strcmp(fit->names[fit->n_kinds - 1], name) == 0)
            g_free(name);
        else
            fit->names[fit->n_kinds++] = name;
    }
}

static uint32_t find_kind(const DevFit *fit, const char *name)
{
    uint32_t low = 0, high = fit->n_kinds;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (strcmp(fit->names[mid], name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void read_hosts(DevFit *fit, const Host *const *host)
{
    fit->has = g_new0(int64_t, (size_t)fit->n_kinds * fit->n_hosts + 1);
    for (uint32_t h = 0; h < fit->n_hosts; h++) {
        g_autoptr(Devices) has = read_devices(host[h]->devices);

        for (uint32_t k = 0; has && k < fit->n_kinds; k++)
            fit->has[(size_t)k * fit->n_hosts + h] = devices_count(has, fit->names[k]);
    }
}

static void read_vms(DevFit *fit, const Vm *const *vm, uint32_t n_vms)
{
    struct need_vec needs = { 0 };

    fit->first = g_new0(uint32_t, n_vms + 2);
    for (uint32_t v = 0; v < n_vms; v++) {
        g_autoptr(Devices) its = read_devices(vm[v]->devices);

        for (size_t i = 0; its && i < its->n; i++) {
            struct devfit_need need = { .kind = find_kind(fit, its->items[i].name),
                                        .count = its->items[i].count };

            need_vec_push(&needs, need);
        }
        fit->first[v + 1] = (uint32_t)needs.len;
    }
    fit->needs = needs.items;
}

static bool any_needs(const Vm *const *vm, uint32_t n_vms)
{
    for (uint32_t v = 0; v < n_vms; v++) {
        if (vm[v]->devices[0] != '\0')
            return true;
    }
    return false;
}

DevFit *devfit_new(const Vm *const *vm, uint32_t n_vms, const Host *const *host, uint32_t n_hosts)
{
    DevFit *fit;

    if (!any_needs(vm, n_vms))
        return NULL;
    fit = g_new0(DevFit, 1);
    fit->n_hosts = n_hosts;
    find_kinds(fit, vm, n_vms);
    read_hosts(fit, host);
    read_vms(fit, vm, n_vms);
    return fit;
}

void devfit_free(DevFit *fit)
{
    if (!fit)
        return;
    for (uint32_t k = 0; k < fit->n_kinds; k++)
        g_free(fit->names[k]);
    g_free(fit->names);
    g_free(fit->has);
    g_free(fit->first);
    g_free(fit->needs);
    g_free(fit);
}

const struct devfit_need *devfit_lack(const DevFit *fit, const int64_t *in_use, uint32_t vm,
                                      uint32_t host)
{
    if (!fit)
        return NULL;
    for (uint32_t i = fit->first[vm]; i < fit->first[vm + 1]; i++) {
        size_t at = (size_t)fit->needs[i].kind * fit->n_hosts + host;

        if (in_use[at] + fit->needs[i].count > fit->has[at])
            return &fit->needs[i];
    }
    return NULL;
}

int64_t devfit_permille(const DevFit *fit, const int64_t *in_use, uint32_t vm, uint32_t host)
{
    int64_t most = 0;

    if (!devfit_needs(fit, vm))
        return 0;
    for (uint32_t i = fit->first[vm]; i < fit->first[vm + 1]; i++) {
        size_t at = (size_t)fit->needs[i].kind * fit->n_hosts + host;

        most = MAX(most, (in_use[at] + fit->needs[i].count) * 1000 / MAX(fit->has[at], 1));
    }
    return most;
}
