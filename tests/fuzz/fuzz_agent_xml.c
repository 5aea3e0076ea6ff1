/* fuzz_agent_xml.c - what libvirt tells: domain XML, capabilities; and the kernel's texts. */
#include "config.h"

#include <string.h>

#include "agent/cpufacts.h"
#include "agent/domfacts.h"
#include "agent/hostdevs.h"
#include "agent/hostinfo.h"

static void try_devices(const char *text)
{
    g_autoptr(HostDevs) devs = hostdevs_new(NULL, "", NULL);
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) picked = NULL;
    g_autofree char *words = NULL;

    hostdevs_add_node(devs, text);
    hostdevs_add_used(text, used);
    words = hostdevs_words(devs);
    g_assert(devs->n <= 1);
    g_assert(hostdevs_pick(devs, words, used, &picked, NULL) || g_hash_table_size(used) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool every(const char *name)
{
    return *name != 'x';
}

/* What was read is XML again, and words again. */
static void try_cpu(const char *text, size_t size)
{
    struct cpufacts cpu = { 0 }, again = { 0 };
    g_autofree char *seen = NULL;
    g_autofree char *xml = NULL;

    if (!cpufacts_parse(text, size, &cpu, NULL))
        return;
    seen = cpufacts_format_seen(&cpu, 1024);
    xml = cpufacts_format_xml(&cpu);
    g_assert(strlen(seen) <= 1024 && !strpbrk(seen, "<>&'\""));
    if (xml) {
        g_autofree char *same = NULL;

        g_assert(cpufacts_parse(xml, strlen(xml), &again, NULL));
        same = cpufacts_format_seen(&again, 1024);
        g_assert(g_str_equal(seen, same));
    }
    cpufacts_clear(&cpu);
    cpufacts_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    struct domfacts facts = { 0 };
    struct hostinfo_caps caps = { 0 };

    try_cpu((const char *)data, size);
    try_devices(text);
    if (domfacts_parse((const char *)data, size, &facts, NULL)) {
        g_assert(facts.mark.vm_id >= 0 && facts.mark.gen >= 0);
        g_assert(facts.vnc_port >= 0 && facts.vnc_port <= 65535);
    }
    if (hostinfo_parse_caps(text, &caps, NULL))
        g_assert(g_uuid_string_is_valid(caps.uuid));
    hostinfo_caps_clear(&caps);
    (void)hostinfo_parse_mem_used_kib(text);
    (void)hostinfo_parse_net_bytes(text, every);
    g_assert(hostinfo_parse_name_mhz(text) >= 0);
    return 0;
}
