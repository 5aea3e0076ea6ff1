/* cpufit.c - see cpufit.h. */
#include "config.h"

#include "scheduler/cpufit.h"

#include <string.h>

#include "base/vec.h"
#include "model/cpu.h"
#include "model/imc.h"

/* ---- hosts and models ----------------------------------------------------------------------- */

bool cpufit_can_present(const Host *host, const char *model)
{
    return imc_has_model(host->cpu_generations, model);
}

static bool is_of_other_maker(const Host *host, const char *model)
{
    const struct imc_generation *wanted = imc_generation_of(model), *it;
    bool any = false, same = false;

    for (size_t i = 0; wanted && (it = imc_generation(i)); i++) {
        bool has = imc_has_model(host->cpu_generations, it->model);

        any |= has;
        same |= has && strcmp(it->maker, wanted->maker) == 0;
    }
    return any && !same;
}

char *cpufit_lack_text(const Host *host, const char *model)
{
    g_autoptr(CpuSet) have = cpu_set_parse(host->cpu_features);
    g_autoptr(CpuSet) need = cpu_set_of_model(model);
    g_autofree char *missing = need ? cpu_set_missing(need, have) : g_strdup("");

    if (have->n == 0)
        return g_strdup("its agent has not told what its CPU can present");
    if (is_of_other_maker(host, model))
        return g_strdup_printf("its CPU is %s's, %s is another maker's",
                               imc_newest(host->cpu_generations)->maker, model);
    if (!*missing)
        return g_strdup_printf("libvirt there says that it cannot present %s", model);
    return g_strdup_printf("its CPU lacks %s", missing);
}

CpuSet *cpufit_lacks(const Host *host, const char *model)
{
    g_autoptr(CpuSet) have = cpu_set_parse(host->cpu_features);
    g_autoptr(CpuSet) need = cpu_set_of_model(model);

    return have->n > 0 && need ? cpu_set_minus(need, have) : NULL;
}

/* ---- one VM, one host ----------------------------------------------------------------------- */

/* What the VM holds a host to.  QEMU gives a guest a few features that lists of hosts do not name:
 * one that is neither of the model nor known on its own host, where it runs after all, proves
 * nothing.  NULL: not known. */
static CpuSet *needs_of(const char *seen, const char *home_features)
{
    g_autofree char *name = cpu_seen_model(seen);
    g_autoptr(CpuSet) all = cpu_set_of_seen(seen);
    g_autoptr(CpuSet) model = cpu_set_of_model(name);
    g_autoptr(CpuSet) home = cpu_set_parse(home_features);
    g_autoptr(CpuSet) proven = NULL;

    if (!all || !model)
        return NULL;
    proven = cpu_set_union(model, home);
    return cpu_set_common(all, proven);
}

static const char *home_features(const Snapshot *snap, const Vm *vm)
{
    const Host *home = snapshot_host(snap, vm->host_id);

    return home ? home->cpu_features : "";
}

static char *running_trouble(const Snapshot *snap, const Cluster *cluster, const Vm *vm,
                             const Host *host)
{
    g_autoptr(CpuSet) need = needs_of(vm->cpu_seen, home_features(snap, vm));
    g_autoptr(CpuSet) have = NULL;
    g_autofree char *missing = NULL;

    if (!need)
        return NULL;
    if (!*host->cpu_features)
        return cluster->imc_enabled ? g_strdup("its agent has not told what its CPU can present")
                                    : NULL;
    have = cpu_set_parse(host->cpu_features);
    missing = cpu_set_missing(need, have);
    return *missing ? g_strdup_printf("its CPU lacks %s, which the VM sees", missing) : NULL;
}

static char *start_trouble(const Cluster *cluster, const Host *host)
{
    const char *model = cluster->imc_enabled ? imc_mode_model(cluster->imc_setting) : NULL;
    g_autofree char *why = NULL;

    if (!model || cpufit_can_present(host, model))
        return NULL;
    why = cpufit_lack_text(host, model);
    return g_strdup_printf("cannot present %s, the cluster's CPU baseline: %s",
                           cluster->imc_setting, why);
}

char *cpufit_trouble(const Snapshot *snap, const Cluster *cluster, const Vm *vm, const Host *host)
{
    return vm_is_placed(vm) ? running_trouble(snap, cluster, vm, host)
                            : start_trouble(cluster, host);
}

/* ---- all of a problem ----------------------------------------------------------------------- */

#define ANY_HOST UINT16_MAX

/* VMs that need the same.  Texts of homes: there are few different ones in a cluster. */
struct kind {
    const Vm *vm; /* one of them */
    const char *home;
    bool placed;
};
VEC_DECLARE(kind_vec, struct kind);

struct CpuFit {
    uint32_t n_hosts;
    uint16_t *vm_kind;
    uint8_t *ok; /* kind by host */
};

static bool same_text(const char *a, const char *b)
{
    return a == b || strcmp(a, b) == 0;
}

static uint16_t find_kind(struct kind_vec *kinds, const Snapshot *snap, const Vm *vm)
{
    struct kind wanted = { vm, home_features(snap, vm), vm_is_placed(vm) };

    if (wanted.placed && !*vm->cpu_seen)
        return ANY_HOST;
    for (size_t i = 0; i < kinds->len; i++) {
        const struct kind *it = &kinds->items[i];

        if (it->placed == wanted.placed && same_text(it->vm->cpu_seen, vm->cpu_seen) &&
            same_text(it->home, wanted.home))
            return (uint16_t)i;
    }
    if (kinds->len == ANY_HOST)
        return ANY_HOST; /* no cluster has so many; libvirt's own check remains */
    kind_vec_push(kinds, wanted);
    return (uint16_t)(kinds->len - 1);
}

/* Hosts of one text get one answer. */
static uint8_t judge(const struct cpufit_input *input, const struct kind *kind, uint32_t host,
                     const uint8_t *row)
{
    const Host *it = input->hosts[host];
    g_autofree char *trouble = NULL;

    for (uint32_t h = 0; h < host && h < 8; h++) {
        const Host *other = input->hosts[h];

        if (same_text(other->cpu_features, it->cpu_features) &&
            same_text(other->cpu_generations, it->cpu_generations))
            return row[h];
    }
    trouble = cpufit_trouble(input->snap, input->cluster, kind->vm, it);
    return trouble == NULL;
}

CpuFit *cpufit_new(const struct cpufit_input *input)
{
    struct kind_vec kinds = { 0 };
    uint16_t *vm_kind = g_new(uint16_t, input->n_vms + 1);
    CpuFit *fit;

    for (uint32_t v = 0; v < input->n_vms; v++)
        vm_kind[v] = find_kind(&kinds, input->snap, input->vms[v]);
    if (kinds.len == 0) {
        g_free(vm_kind);
        return NULL;
    }
    fit = g_new0(CpuFit, 1);
    fit->n_hosts = input->n_hosts;
    fit->vm_kind = vm_kind;
    fit->ok = g_new0(uint8_t, kinds.len * input->n_hosts + 1);
    for (size_t k = 0; k < kinds.len; k++) {
        uint8_t *row = fit->ok + k * input->n_hosts;

        for (uint32_t h = 0; h < input->n_hosts; h++)
            row[h] = judge(input, &kinds.items[k], h, row);
    }
    kind_vec_clear(&kinds);
    return fit;
}

void cpufit_free(CpuFit *fit)
{
    if (!fit)
        return;
    g_free(fit->vm_kind);
    g_free(fit->ok);
    g_free(fit);
}

bool cpufit_ok(const CpuFit *fit, uint32_t vm, uint32_t host)
{
    return !fit || fit->vm_kind[vm] == ANY_HOST ||
           fit->ok[(size_t)fit->vm_kind[vm] * fit->n_hosts + host];
}
