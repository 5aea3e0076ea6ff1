/* test_cpu.c - sets of CPU features, libvirt's models, the generations of IMC. */
#include "config.h"

#include "model/cpu.h"
#include "model/imc.h"
#include "tests/suite.h"

static const struct {
    const char *seen, *less; /* less: what a Nehalem would lack; NULL: the CPU is not known */
} seen_rows[] = {
    { "Westmere", "aes" },
    { "Westmere +arat +hypervisor", "aes, arat, hypervisor" },
    { "Westmere -aes", "" },
    { "Nehalem", "" },
    { "Nehalem -no-such-thing", "" },
    { "  Westmere", NULL },
    { "Pentium_of_tomorrow +aes", NULL },
    { "", NULL },
};

START_TEST(a_seen_cpu_is_its_model_with_more_and_less)
{
    g_autoptr(CpuSet) seen = cpu_set_of_seen(seen_rows[_i].seen);
    g_autoptr(CpuSet) nehalem = cpu_set_of_model("Nehalem");
    g_autofree char *less = seen ? cpu_set_missing(seen, nehalem) : NULL;

    ck_assert_pstr_eq(less, seen_rows[_i].less);
}
END_TEST

START_TEST(sets_are_in_order_and_hold_each_name_once)
{
    g_autoptr(CpuSet) a = cpu_set_parse("  sse  aes sse avx ");
    g_autoptr(CpuSet) b = cpu_set_parse("avx vmx");
    g_autoptr(CpuSet) none = cpu_set_parse("");
    g_autoptr(CpuSet) both = cpu_set_common(a, b);
    g_autoptr(CpuSet) all = cpu_set_union(a, b);
    g_autoptr(CpuSet) rest = cpu_set_minus(a, b);
    g_autofree char *a_text = cpu_set_format(a);
    g_autofree char *both_text = cpu_set_format(both);
    g_autofree char *all_text = cpu_set_format(all);
    g_autofree char *rest_text = cpu_set_format(rest);

    ck_assert_str_eq(a_text, "aes avx sse");
    ck_assert_str_eq(both_text, "avx");
    ck_assert_str_eq(all_text, "aes avx sse vmx");
    ck_assert_str_eq(rest_text, "aes sse");
    ck_assert(cpu_set_has(a, "avx") && !cpu_set_has(a, "av") && !cpu_set_has(none, ""));
    ck_assert(cpu_set_covers(a, both) && cpu_set_covers(a, none) && !cpu_set_covers(a, b));
}
END_TEST

START_TEST(every_generation_is_in_the_map_and_found_by_its_names)
{
    const struct imc_generation *it;

    for (size_t i = 0; (it = imc_generation(i)); i++) {
        g_autoptr(CpuSet) features = cpu_set_of_model(it->model);

        ck_assert_msg(features && features->n > 20, "%s", it->model);
        ck_assert_ptr_eq(imc_generation_of(it->model), it);
        ck_assert_str_eq(imc_mode_find(it->mode), it->mode);
        ck_assert_str_eq(imc_mode_model(it->mode), it->model);
    }
    ck_assert_ptr_null(imc_generation_of("qemu64"));
}
END_TEST

/* The design counts on it: what a newer Intel host presents includes what older ones do. */
START_TEST(intel_generations_grow_but_for_the_known_step_back)
{
    const struct imc_generation *it;
    g_autoptr(CpuSet) older = NULL;

    for (size_t i = 0; (it = imc_generation(i)) && g_str_equal(it->maker, "Intel"); i++) {
        CpuSet *own = cpu_set_of_model(it->model);
        g_autofree char *lost = older ? cpu_set_missing(older, own) : g_strdup("");

        if (g_str_equal(it->mode, "Haswell"))
            ck_assert_str_eq(lost, "f16c, rdrand, vme");
        else
            ck_assert_msg(!*lost, "%s lost %s", it->model, lost);
        cpu_set_free(older);
        older = own;
    }
}
END_TEST

static const struct {
    const char *text, *mode, *model;
} mode_rows[] = {
    { "merom", "Merom", "Conroe" },
    { "Conroe", NULL, NULL },
    { "sandy bridge", "Sandy Bridge", "SandyBridge" },
    { "SANDYBRIDGE", "SandyBridge", "SandyBridge" },
    { "Haswell", "Haswell", "Haswell-noTSX" },
    { "haswell-notsx", "Haswell-noTSX", "Haswell-noTSX" },
    { "Skylake-Server-noTSX-IBRS", "Skylake-Server-noTSX-IBRS", "Skylake-Server-noTSX-IBRS" },
    { "Dhyana", "Dhyana", "Dhyana" },
    { "386", NULL, NULL },
    { "", NULL, NULL },
};

START_TEST(a_mode_keeps_its_spelling_and_stands_for_a_model)
{
    const char *mode = imc_mode_find(mode_rows[_i].text);

    ck_assert_pstr_eq(mode, mode_rows[_i].mode);
    ck_assert_pstr_eq(imc_mode_model(mode_rows[_i].text), mode_rows[_i].model);
}
END_TEST

static const struct {
    const char *models, *newest;
} newest_rows[] = {
    { "", NULL },
    { "Conroe Penryn Nehalem Westmere Opteron_G1 Opteron_G2", "Westmere" },
    { "Opteron_G1 Opteron_G2 EPYC", "EPYC" },
    { "Opteron_G1 Conroe", "Merom" },
    { "EPYC-Rome", "EPYC-Rome" }, /* EPYC alone is no word of it */
    { "Haswell", NULL },
};

START_TEST(the_newest_is_of_the_maker_with_most_models)
{
    const struct imc_generation *newest = imc_newest(newest_rows[_i].models);

    ck_assert_pstr_eq(newest ? newest->mode : NULL, newest_rows[_i].newest);
    ck_assert(!imc_has_model(newest_rows[_i].models, "Haswell-noTSX"));
}
END_TEST

SUITE_MAIN("cpu", SUITE_LOOP(a_seen_cpu_is_its_model_with_more_and_less, seen_rows),
           SUITE_TEST(sets_are_in_order_and_hold_each_name_once),
           SUITE_TEST(every_generation_is_in_the_map_and_found_by_its_names),
           SUITE_TEST(intel_generations_grow_but_for_the_known_step_back),
           SUITE_LOOP(a_mode_keeps_its_spelling_and_stands_for_a_model, mode_rows),
           SUITE_LOOP(the_newest_is_of_the_maker_with_most_models, newest_rows))
