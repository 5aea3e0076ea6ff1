/* lv_cpu.c - see lv.h: what CPUs guests can have on this host.
 *
 * The arithmetic is libvirt's, for the emulator and the kind of virtualisation that guests use
 * here.  A hypervisor that cannot say, such as libvirt's test driver, leaves the facts empty. */
#include "config.h"

#include <string.h>

#include "agent/cpufacts.h"
#include "agent/lv.h"
#include "model/cpu.h"
#include "model/imc.h"

#define ARCH "x86_64"

/* The host-model of this host's hypervisor, with each of its features spelt out. */
static bool read_host_cpu(const Lv *lv, virConnectPtr conn, const char *type,
                          struct cpufacts *ret_cpu)
{
    const char *emulator = *lv->emulator ? lv->emulator : NULL;
    char *caps = virConnectGetDomainCapabilities(conn, emulator, ARCH, NULL, type, 0);
    struct cpufacts model = { 0 };
    g_autofree char *xml = NULL;
    char *expanded = NULL;
    bool ok;

    if (!caps)
        return false;
    if (cpufacts_parse(caps, strlen(caps), &model, NULL))
        xml = cpufacts_format_xml(&model);
    free(caps);
    cpufacts_clear(&model);
    if (xml)
        expanded = virConnectBaselineHypervisorCPU(conn, emulator, ARCH, NULL, type,
                                                   (const char *[]){ xml }, 1,
                                                   VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES);
    if (!expanded)
        return false;
    ok = cpufacts_parse(expanded, strlen(expanded), ret_cpu, NULL);
    free(expanded);
    return ok;
}

/* Models that this libvirt's CPU map has; a set of words. */
static CpuSet *read_known_models(virConnectPtr conn)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char **models = NULL;
    int n = virConnectGetCPUModelNames(conn, ARCH, &models, 0);

    for (int i = 0; i < n; i++) {
        g_string_append_printf(text, "%s ", models[i]);
        free(models[i]);
    }
    free(models);
    return cpu_set_parse(text->str);
}

static bool can_present(const Lv *lv, virConnectPtr conn, const char *type, const char *model)
{
    const struct cpufacts wanted = { .model = (char *)(uintptr_t)model };
    g_autofree char *xml = cpufacts_format_xml(&wanted);
    int verdict = virConnectCompareHypervisorCPU(conn, *lv->emulator ? lv->emulator : NULL, ARCH,
                                                 NULL, type, xml, 0);

    return verdict == VIR_CPU_COMPARE_IDENTICAL || verdict == VIR_CPU_COMPARE_SUPERSET;
}

/* Hardware presents its own maker's generations; emulation those of all. */
static bool is_of_maker(const struct imc_generation *generation, const char *type,
                        const char *vendor)
{
    bool intel = g_str_equal(vendor, "Intel");

    return !g_str_equal(type, "kvm") || g_str_equal(generation->maker, "Intel") == intel;
}

static char *list_generations(const Lv *lv, virConnectPtr conn, const char *type,
                              const struct agent_hello *hello)
{
    g_autoptr(CpuSet) known = read_known_models(conn);
    g_autoptr(CpuSet) features = cpu_set_parse(hello->cpu_features);
    GString *text = g_string_new(NULL);
    const struct imc_generation *it;

    for (size_t i = 0; (it = imc_generation(i)); i++) {
        g_autoptr(CpuSet) own = cpu_set_of_model(it->model);

        /* the second look is for cpu_limit, which libvirt knows nothing of */
        if (is_of_maker(it, type, hello->cpu_vendor) && cpu_set_has(known, it->model) &&
            can_present(lv, conn, type, it->model) &&
            (!*lv->cpu_limit || (own && cpu_set_covers(features, own))))
            g_string_append_printf(text, "%s%s", text->len ? " " : "", it->model);
    }
    return g_string_free(text, FALSE);
}

void lv_cpu_facts(const Lv *lv, virConnectPtr conn, const char *type, struct agent_hello *hello)
{
    struct cpufacts cpu = { 0 };

    if (!read_host_cpu(lv, conn, type, &cpu)) {
        hello->cpu_vendor = g_strdup("");
        hello->cpu_features = g_strdup("");
        hello->cpu_generations = g_strdup("");
        return;
    }
    hello->cpu_vendor = g_strdup(cpu.vendor ? cpu.vendor : "");
    hello->cpu_features = cpufacts_limit(cpu.has ? cpu.has->str : "", lv->cpu_limit);
    hello->cpu_generations = list_generations(lv, conn, type, hello);
    cpufacts_clear(&cpu);
}
