/* hostinfo.c - see hostinfo.h. */
#include "config.h"

#include "agent/hostinfo.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define KHZ_PER_MHZ 1000
#define MHZ_PER_GHZ 1000
#define NS_PER_US   1000

/* ---- capabilities --------------------------------------------------------------------------- */

struct parse {
    struct hostinfo_caps caps;
    char **wanted; /* where the text of this element goes; NULL: nowhere */
};

static void begin_element(GMarkupParseContext *context, const char *element, const char **names,
                          const char **values, void *user, GError **error)
{
    struct parse *parse = user;
    const GSList *stack = g_markup_parse_context_get_element_stack(context);
    const char *parent = stack->next ? stack->next->data : "";
    const char *grand = stack->next && stack->next->next ? stack->next->next->data : "";

    (void)names;
    (void)values;
    (void)error;
    parse->wanted = NULL;
    if (g_str_equal(parent, "host") && g_str_equal(element, "uuid"))
        parse->wanted = &parse->caps.uuid;
    else if (!g_str_equal(parent, "cpu") || !g_str_equal(grand, "host"))
        return;
    else if (g_str_equal(element, "model"))
        parse->wanted = &parse->caps.cpu_model;
    else if (g_str_equal(element, "vendor"))
        parse->wanted = &parse->caps.cpu_vendor;
}

static void element_text(GMarkupParseContext *context, const char *text, gsize len, void *user,
                         GError **error)
{
    struct parse *parse = user;

    (void)context;
    (void)error;
    if (!parse->wanted || *parse->wanted)
        return;
    *parse->wanted = g_strstrip(g_strndup(text, len));
}

static void end_element(GMarkupParseContext *context, const char *element, void *user,
                        GError **error)
{
    struct parse *parse = user;

    (void)context;
    (void)element;
    (void)error;
    parse->wanted = NULL;
}

bool hostinfo_parse_caps(const char *xml, struct hostinfo_caps *ret_caps, GError **error)
{
    static const GMarkupParser parser = {
        .start_element = begin_element,
        .end_element = end_element,
        .text = element_text,
    };
    struct parse parse = { 0 };
    g_autoptr(GError) broken = NULL;
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &parse, NULL);
    bool ok = g_markup_parse_context_parse(context, xml, -1, &broken) &&
              g_markup_parse_context_end_parse(context, &broken);

    g_markup_parse_context_free(context);
    if (!ok || !parse.caps.uuid || !g_uuid_string_is_valid(parse.caps.uuid)) {
        err_set(error, VRM_ERR_INTERNAL, "libvirt's capabilities: %s",
                ok ? "no valid host uuid" : broken->message);
        hostinfo_caps_clear(&parse.caps);
        return false;
    }
    *ret_caps = parse.caps;
    return true;
}

void hostinfo_caps_clear(struct hostinfo_caps *caps)
{
    g_free(caps->uuid);
    g_free(caps->cpu_model);
    g_free(caps->cpu_vendor);
    *caps = (struct hostinfo_caps){ 0 };
}

/* ---- texts of the kernel -------------------------------------------------------------------- */

/* The number after "\nNAME:"; 0 if it is not there. */
static uint64_t labelled(const char *text, const char *label)
{
    const char *line = strstr(text, label);

    return line ? g_ascii_strtoull(line + strlen(label), NULL, 10) : 0;
}

uint64_t hostinfo_parse_mem_used_kib(const char *meminfo)
{
    uint64_t total = labelled(meminfo, "MemTotal:");
    uint64_t available = labelled(meminfo, "MemAvailable:");

    return total > available && available > 0 ? total - available : 0;
}

/* "  eth0: RX-BYTES 7 more, TX-BYTES ..." */
static uint64_t line_bytes(const char *counters)
{
    enum {
        N_RX_FIELDS = 8
    };
    char *at = NULL;
    uint64_t rx = g_ascii_strtoull(counters, &at, 10);

    for (int i = 1; i < N_RX_FIELDS; i++)
        (void)g_ascii_strtoull(at, &at, 10);
    return rx + g_ascii_strtoull(at, NULL, 10);
}

uint64_t hostinfo_parse_net_bytes(const char *net_dev, bool (*counts)(const char *name))
{
    g_auto(GStrv) lines = g_strsplit(net_dev, "\n", -1);
    uint64_t bytes = 0;

    for (char **line = lines; *line; line++) {
        char *colon = strchr(*line, ':');

        if (!colon)
            continue; /* one of the two headings */
        *colon = '\0';
        if (counts(g_strstrip(*line)))
            bytes += line_bytes(colon + 1);
    }
    return bytes;
}

int64_t hostinfo_parse_name_mhz(const char *cpu_name)
{
    const char *at = strrchr(cpu_name, '@');
    char *unit = NULL;
    double value;

    if (!at)
        return 0;
    value = g_ascii_strtod(at + 1, &unit);
    if (value <= 0 || value > 1e6)
        return 0;
    while (g_ascii_isspace(*unit))
        unit++;
    if (g_str_has_prefix(unit, "GHz"))
        return (int64_t)(value * MHZ_PER_GHZ + 0.5);
    return g_str_has_prefix(unit, "MHz") ? (int64_t)(value + 0.5) : 0;
}

/* ---- files of the kernel -------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

char *hostinfo_read_line(const char *path)
{
    char *text = read_file(path);
    char *end = strchr(text, '\n');

    if (end)
        *end = '\0';
    return g_strstrip(text);
}

char *hostinfo_boot_id(void)
{
    return hostinfo_read_line("/proc/sys/kernel/random/boot_id");
}

static int64_t read_number(const char *path)
{
    g_autofree char *text = hostinfo_read_line(path);

    return g_ascii_strtoll(text, NULL, 10);
}

static int64_t named_mhz(void)
{
    g_autofree char *cpuinfo = read_file("/proc/cpuinfo");
    char *name = strstr(cpuinfo, "model name");
    char *end = name ? strchr(name, '\n') : NULL;

    if (!end)
        return 0;
    *end = '\0';
    return hostinfo_parse_name_mhz(name);
}

int64_t hostinfo_cpu_mhz(int64_t fallback_mhz)
{
    const char *const cpu0 = "/sys/devices/system/cpu/cpu0";
    g_autofree char *scaling = g_strconcat(cpu0, "/cpufreq", NULL);
    g_autofree char *base = g_strconcat(scaling, "/base_frequency", NULL);
    g_autofree char *nominal = g_strconcat(cpu0, "/acpi_cppc/nominal_freq", NULL);
    int64_t mhz = 0;

    if (access(scaling, F_OK) == 0) {
        mhz = read_number(base) / KHZ_PER_MHZ;
        if (mhz <= 0)
            mhz = read_number(nominal);
        if (mhz <= 0)
            mhz = named_mhz();
    }
    return mhz > 0 ? mhz : MAX(fallback_mhz, 1);
}

/* A card rather than a bridge, a guest's end or the like. */
static bool is_card(const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/device", name);

    return access(path, F_OK) == 0;
}

/* A machine without cards (a container, the lab) still has interfaces that lead outside. */
static bool is_outside(const char *name)
{
    static const char *const inner[] = { "vnet", "tap", "virbr", "br", "docker", "bond", "ovs" };

    for (size_t i = 0; i < G_N_ELEMENTS(inner); i++) {
        if (g_str_has_prefix(name, inner[i]))
            return false;
    }
    return !g_str_equal(name, "lo");
}

static int64_t count_interfaces(bool (*counts)(const char *name))
{
    GDir *folder = g_dir_open("/sys/class/net", 0, NULL);
    const char *name;
    int64_t n = 0;

    if (!folder)
        return 0;
    while ((name = g_dir_read_name(folder)))
        n += counts(name);
    g_dir_close(folder);
    return n;
}

int64_t hostinfo_nic_count(void)
{
    int64_t n = count_interfaces(is_card);

    return n > 0 ? n : count_interfaces(is_outside);
}

/* -1 or an error without a link; some virtual cards say nothing, or the largest number there is. */
static int64_t speed_of(const char *name)
{
    enum {
        FASTEST = 1000000
    };
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/speed", name);
    int64_t mbps = read_number(path);

    return mbps > 0 && mbps <= FASTEST ? mbps : 0;
}

int64_t hostinfo_net_mbps(void)
{
    bool (*counts)(const char *name) = count_interfaces(is_card) > 0 ? is_card : is_outside;
    GDir *folder = g_dir_open("/sys/class/net", 0, NULL);
    const char *name;
    int64_t mbps = 0;

    if (!folder)
        return 0;
    while ((name = g_dir_read_name(folder)))
        mbps += counts(name) ? speed_of(name) : 0;
    g_dir_close(folder);
    return MIN(mbps, INT32_MAX);
}

bool hostinfo_cpu_busy_ns(uint64_t *ret_ns)
{
    g_autofree char *version1 = hostinfo_read_line("/sys/fs/cgroup/cpuacct/cpuacct.usage");
    g_autofree char *version2 = read_file("/sys/fs/cgroup/cpu.stat");
    uint64_t ns = g_ascii_strtoull(version1, NULL, 10);

    if (ns == 0)
        ns = labelled(version2, "usage_usec") * NS_PER_US;
    if (ns == 0)
        return false;
    *ret_ns = ns;
    return true;
}

void hostinfo_sample(struct stats_host_sample *ret_sample)
{
    g_autofree char *meminfo = read_file("/proc/meminfo");
    g_autofree char *net_dev = read_file("/proc/net/dev");
    bool has_card = count_interfaces(is_card) > 0;

    ret_sample->mem_used_kib = hostinfo_parse_mem_used_kib(meminfo);
    ret_sample->net_bytes = hostinfo_parse_net_bytes(net_dev, has_card ? is_card : is_outside);
}
