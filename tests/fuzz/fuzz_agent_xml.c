/* fuzz_agent_xml.c - what libvirt tells: domain XML, capabilities; and the kernel's texts. */
#include "config.h"

#include "agent/domfacts.h"
#include "agent/hostinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool every(const char *name)
{
    return *name != 'x';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    struct domfacts facts = { 0 };
    struct hostinfo_caps caps = { 0 };

    if (domfacts_parse((const char *)data, size, &facts, NULL)) {
        g_assert(facts.vm_id >= 0 && facts.gen >= 0);
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
