/* test_agent_cpufacts.c - CPUs in libvirt's XML, read and written. */
#include "config.h"

#include "agent/cpufacts.h"

#include <string.h>

#include "model/cpu.h"
#include "tests/suite.h"

#define F(policy, name) "<feature policy='" policy "' name='" name "'/>"
#define DOMAIN(check, cpu)                                                                         \
    "<domain type='qemu'><name>x</name><cpu mode='custom' check='" check "'>" cpu                  \
    "</cpu><devices/></domain>"

static const struct {
    const char *name, *xml;
    const char *seen;   /* "": no CPU; NULL: broken */
    const char *vendor; /* NULL: none */
} read_rows[] = {
    { "a running domain",
      DOMAIN("full", "<model fallback='forbid'>Westmere</model>" F("require", "arat")
                         F("disable", "vme") F("optional", "avx")),
      "Westmere +arat -vme", NULL },
    { "what a domain asks for is not what it sees", DOMAIN("partial", "<model>Westmere</model>"),
      "", NULL },
    { "NUMA cells and topology are no features",
      DOMAIN("full", "<topology sockets='1'/><model>Nehalem</model><numa><cell id='0'>"
                     "<feature policy='require' name='aes'/></cell></numa>"),
      "Nehalem", NULL },
    { "a CPU of its own",
      "<cpu mode='custom'><model>EPYC</model><vendor>AMD</vendor>" F("require", "sse4.1") "</cpu>",
      "EPYC +sse4.1", "AMD" },
    { "the host-model of domain capabilities",
      "<domainCapabilities><arch>x86_64</arch><cpu>"
      "<mode name='host-passthrough' supported='no'/>"
      "<mode name='host-model' supported='yes'><model>EPYC</model><vendor>AMD</vendor>" F(
          "require",
          "ss") "</mode>"
                "<mode name='custom' supported='yes'><model usable='yes'>qemu64</model></mode>"
                "</cpu></domainCapabilities>",
      "EPYC +ss", "AMD" },
    { "no host-model",
      "<domainCapabilities><cpu><mode name='host-model' supported='no'><model>EPYC</model></mode>"
      "</cpu></domainCapabilities>",
      "", NULL },
    { "the first CPU counts",
      "<domain>"
      "<cpu check='full'><model>A</model></cpu><cpu check='full'><model>B</model></cpu>"
      "</domain>",
      "A", NULL },
    { "names that libvirt would not use are left out",
      "<cpu><model>A</model>" F("require", "a b") F("require", "-x") F("require", "") "</cpu>", "A",
      NULL },
    { "a model that is no word", "<cpu><model>A'/&gt;</model></cpu>", "", NULL },
    { "no CPU", "<domain><devices/></domain>", "", NULL },
    { "broken", "<cpu><model>A</model>", NULL, NULL },
    { "empty", "", NULL, NULL },
};

START_TEST(a_cpu_is_read)
{
    struct cpufacts facts = { 0 };
    g_autofree char *seen = NULL;
    GError *error = NULL;

    if (!cpufacts_parse(read_rows[_i].xml, strlen(read_rows[_i].xml), &facts, &error)) {
        ck_assert_msg(!read_rows[_i].seen, "%s: %s", read_rows[_i].name, error->message);
        suite_take_error(&error, VRM_ERR_INVALID, "CPU XML");
        return;
    }
    seen = cpufacts_format_seen(&facts, 100);
    ck_assert_pstr_eq(seen, read_rows[_i].seen);
    ck_assert_pstr_eq(facts.vendor, read_rows[_i].vendor);
    cpufacts_clear(&facts);
}
END_TEST

START_TEST(a_cpu_is_written_as_it_was_read)
{
    static const char xml[] =
        "<cpu mode='custom' match='exact'><model fallback='forbid'>EPYC"
        "</model><vendor>AMD</vendor>" F("require", "ss") F("disable", "vme") "</cpu>";
    struct cpufacts facts = { 0 };
    g_autofree char *text = NULL;

    ck_assert_ptr_null(cpufacts_format_xml(&facts));
    ck_assert(cpufacts_parse(xml, strlen(xml), &facts, NULL));
    text = cpufacts_format_xml(&facts);
    ck_assert_str_eq(text, xml);
    cpufacts_clear(&facts);
}
END_TEST

START_TEST(half_a_list_is_not_told)
{
    static const char xml[] = "<cpu><model>EPYC</model>" F("require", "ss") "</cpu>";
    struct cpufacts facts = { 0 };
    g_autofree char *whole = NULL, *none = NULL;

    ck_assert(cpufacts_parse(xml, strlen(xml), &facts, NULL));
    whole = cpufacts_format_seen(&facts, 8);
    none = cpufacts_format_seen(&facts, 7);
    ck_assert_str_eq(whole, "EPYC +ss");
    ck_assert_str_eq(none, "");
    cpufacts_clear(&facts);
}
END_TEST

static const struct {
    const char *has, *limit, *left;
} limit_rows[] = {
    { "aes apic hypervisor svm", "", "aes apic hypervisor svm" },
    { "aes apic hypervisor svm", "Nehalem", "apic hypervisor svm" },
    { "aes apic avx sse4.2", "Westmere", "aes apic sse4.2" },
    { "aes apic avx", "Opteron_G1", "apic" },
    { "aes apic", "no-such-model", "aes apic" },
};

START_TEST(a_limit_takes_what_newer_generations_brought)
{
    g_autofree char *left = cpufacts_limit(limit_rows[_i].has, limit_rows[_i].limit);

    ck_assert_str_eq(left, limit_rows[_i].left);
}
END_TEST

SUITE_MAIN("agent_cpufacts", SUITE_LOOP(a_cpu_is_read, read_rows),
           SUITE_TEST(a_cpu_is_written_as_it_was_read), SUITE_TEST(half_a_list_is_not_told),
           SUITE_LOOP(a_limit_takes_what_newer_generations_brought, limit_rows))
