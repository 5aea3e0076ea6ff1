/* hostdevs.c - see hostdevs.h. */
#include "config.h"

#include "agent/hostdevs.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"

#define MAX_XML     (4u << 20)
#define PCI_DISPLAY "0x03" /* class of VGA, 3D and other display controllers */

/* ---- life ----------------------------------------------------------------------------------- */

static bool is_known(const HostDevs *devs, const char *address)
{
    for (size_t i = 0; i < devs->n; i++) {
        if (g_ascii_strcasecmp(devs->items[i].address, address) == 0)
            return true;
    }
    return false;
}

static void add(HostDevs *devs, const char *name, const char *address, bool mdev)
{
    if (is_known(devs, address))
        return;
    devs->items = g_renew(struct hostdev, devs->items, devs->n + 1);
    devs->items[devs->n++] = (struct hostdev){ .name = g_strdup(name),
                                               .address = g_ascii_strdown(address, -1),
                                               .mdev = mdev };
}

/* "0000:65:00.0" */
static bool is_pci_address(const char *text)
{
    static const char form[] = "xxxx:xx:xx.x";

    if (strlen(text) != strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++) {
        if (form[i] == 'x' ? !g_ascii_isxdigit(text[i]) : text[i] != form[i])
            return false;
    }
    return true;
}

static bool add_named(HostDevs *devs, const char *word, GError **error)
{
    const char *equals = strchr(word, '=');
    g_autofree char *name = equals ? g_strndup(word, (gsize)(equals - word)) : g_strdup("");

    if (!equals || !devices_is_name(name) || devices_is_mdev(name) || !is_pci_address(equals + 1) ||
        is_known(devs, equals + 1)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "passthrough",
                       "[devices] passthrough: '%s': want NAME=ADDRESS such as "
                       "gpu-t4=0000:65:00.0, each address once, a name without \"mdev-\"",
                       word);
        return false;
    }
    add(devs, name, equals + 1, false);
    return true;
}

HostDevs *hostdevs_new(const char *const *passthrough, const char *simulated, GError **error)
{
    g_autoptr(HostDevs) devs = g_new0(HostDevs, 1);

    for (size_t i = 0; passthrough && passthrough[i]; i++) {
        if (!add_named(devs, passthrough[i], error))
            return NULL;
    }
    devs->simulated = devices_parse(simulated, error);
    if (!devs->simulated) {
        g_prefix_error(error, "[devices] simulated: ");
        return NULL;
    }
    return g_steal_pointer(&devs);
}

HostDevs *hostdevs_dup(const HostDevs *devs)
{
    HostDevs *copy = g_new0(HostDevs, 1);
    g_autofree char *simulated = devices_format(devs->simulated);

    for (size_t i = 0; i < devs->n; i++)
        add(copy, devs->items[i].name, devs->items[i].address, devs->items[i].mdev);
    copy->simulated = devices_parse(simulated, NULL);
    return copy;
}

void hostdevs_free(HostDevs *devs)
{
    if (!devs)
        return;
    for (size_t i = 0; i < devs->n; i++) {
        g_free(devs->items[i].name);
        g_free(devs->items[i].address);
    }
    g_free(devs->items);
    devices_free(devs->simulated);
    g_free(devs);
}

char *hostdevs_words(const HostDevs *devs)
{
    g_autoptr(Devices) all = g_new0(Devices, 1);

    for (size_t i = 0; i < devs->n; i++)
        (void)devices_add(all, devs->items[i].name, 1);
    for (size_t i = 0; i < devs->simulated->n; i++)
        (void)devices_add(all, devs->simulated->items[i].name, devs->simulated->items[i].count);
    return devices_format(all);
}

/* ---- libvirt's node devices ----------------------------------------------------------------- */

enum node_text {
    NODE_DRIVER,
    NODE_CLASS,
    NODE_DOMAIN,
    NODE_BUS,
    NODE_SLOT,
    NODE_FUNCTION,
    NODE_UUID,
    N_NODE_TEXTS
};

struct node {
    char *texts[N_NODE_TEXTS];
    char *capability, *vendor, *product, *type; /* "pci", "0x10de", "0x1eb8", "nvidia-63" */
    char **wanted;                              /* where the text of this element goes */
    bool in_group;                              /* an IOMMU isolates it */
};

static const char *attribute(const char *name, const char **names, const char **values)
{
    for (size_t i = 0; names[i]; i++) {
        if (g_str_equal(names[i], name))
            return values[i];
    }
    return NULL;
}

static const char *parent_of(GMarkupParseContext *context)
{
    const GSList *stack = g_markup_parse_context_get_element_stack(context);

    return stack->next ? stack->next->data : "";
}

static void keep(char **place, const char *value)
{
    if (!*place)
        *place = g_strdup(value);
}

/* An element right below <capability>. */
static void begin_fact(struct node *node, const char *element, const char **names,
                       const char **values)
{
    static const char *const elements[N_NODE_TEXTS] = {
        [NODE_CLASS] = "class", [NODE_DOMAIN] = "domain",     [NODE_BUS] = "bus",
        [NODE_SLOT] = "slot",   [NODE_FUNCTION] = "function", [NODE_UUID] = "uuid",
    };
    const char *id = attribute("id", names, values);

    node->in_group = node->in_group || g_str_equal(element, "iommuGroup");
    if (id && g_str_equal(element, "vendor"))
        keep(&node->vendor, id);
    if (id && g_str_equal(element, "product"))
        keep(&node->product, id);
    if (id && g_str_equal(element, "type"))
        keep(&node->type, id);
    for (size_t i = 0; i < N_NODE_TEXTS; i++) {
        if (elements[i] && g_str_equal(element, elements[i]))
            node->wanted = &node->texts[i];
    }
}

static void begin_node(GMarkupParseContext *context, const char *element, const char **names,
                       const char **values, void *user, GError **error)
{
    struct node *node = user;
    const char *parent = parent_of(context);
    const char *type = attribute("type", names, values);

    (void)error;
    node->wanted = NULL;
    if (g_str_equal(parent, "device") && g_str_equal(element, "capability") && type)
        keep(&node->capability, type);
    else if (g_str_equal(parent, "driver") && g_str_equal(element, "name"))
        node->wanted = &node->texts[NODE_DRIVER];
    else if (g_str_equal(parent, "capability"))
        begin_fact(node, element, names, values);
}

static void node_text(GMarkupParseContext *context, const char *text, gsize len, void *user,
                      GError **error)
{
    struct node *node = user;

    (void)context;
    (void)error;
    if (node->wanted && !*node->wanted)
        *node->wanted = g_strstrip(g_strndup(text, len));
}

static void end_node(GMarkupParseContext *context, const char *element, void *user, GError **error)
{
    (void)context;
    (void)element;
    (void)error;
    ((struct node *)user)->wanted = NULL;
}

static void node_clear(struct node *node)
{
    for (size_t i = 0; i < N_NODE_TEXTS; i++)
        g_free(node->texts[i]);
    g_free(node->capability);
    g_free(node->vendor);
    g_free(node->product);
    g_free(node->type);
}

static bool parse_xml(const GMarkupParser *parser, const char *xml, void *user)
{
    GMarkupParseContext *context;
    size_t len = strlen(xml);
    bool ok;

    if (len > MAX_XML)
        return false;
    context = g_markup_parse_context_new(parser, 0, user, NULL);
    ok = g_markup_parse_context_parse(context, xml, (gssize)len, NULL) &&
         g_markup_parse_context_end_parse(context, NULL);
    g_markup_parse_context_free(context);
    return ok;
}

static bool read_number(const char *text, guint64 max, guint64 *ret_value)
{
    return text && g_ascii_string_to_unsigned(text, 10, 0, max, ret_value, NULL);
}

/* What an administrator bound to vfio-pci is meant for guests; the host's own console is not. */
static void add_card(HostDevs *devs, const struct node *node)
{
    guint64 domain, bus, slot, function;
    g_autofree char *name = NULL;
    g_autofree char *address = NULL;

    if (!node->in_group || g_strcmp0(node->texts[NODE_DRIVER], "vfio-pci") != 0 ||
        !node->texts[NODE_CLASS] || !g_str_has_prefix(node->texts[NODE_CLASS], PCI_DISPLAY) ||
        !node->vendor || !node->product ||
        !read_number(node->texts[NODE_DOMAIN], 0xffff, &domain) ||
        !read_number(node->texts[NODE_BUS], 0xff, &bus) ||
        !read_number(node->texts[NODE_SLOT], 0x1f, &slot) ||
        !read_number(node->texts[NODE_FUNCTION], 7, &function))
        return;
    name =
        g_strdup_printf("pci-%s-%s", node->vendor + (g_str_has_prefix(node->vendor, "0x") ? 2 : 0),
                        node->product + (g_str_has_prefix(node->product, "0x") ? 2 : 0));
    address = g_strdup_printf("%04x:%02x:%02x.%x", (unsigned)domain, (unsigned)bus, (unsigned)slot,
                              (unsigned)function);
    if (devices_is_name(name))
        add(devs, name, address, false);
}

static void add_mdev(HostDevs *devs, const struct node *node)
{
    const char *uuid = node->texts[NODE_UUID];
    g_autofree char *name = node->type ? g_strconcat(DEVICES_MDEV, node->type, NULL) : NULL;

    if (name && devices_is_name(name) && uuid && g_uuid_string_is_valid(uuid))
        add(devs, name, uuid, true);
}

void hostdevs_add_node(HostDevs *devs, const char *xml)
{
    static const GMarkupParser parser = {
        .start_element = begin_node,
        .end_element = end_node,
        .text = node_text,
    };
    struct node node = { 0 };

    if (parse_xml(&parser, xml, &node) && node.capability) {
        if (g_str_equal(node.capability, "pci"))
            add_card(devs, &node);
        else if (g_str_equal(node.capability, "mdev"))
            add_mdev(devs, &node);
    }
    node_clear(&node);
}

/* ---- who holds what ------------------------------------------------------------------------- */

static unsigned hex(const char *name, const char **names, const char **values)
{
    const char *text = attribute(name, names, values);

    return text ? (unsigned)g_ascii_strtoull(text, NULL, 16) : 0;
}

/* <hostdev><source><address domain= bus= slot= function=/> or <address uuid=/> */
static void begin_used(GMarkupParseContext *context, const char *element, const char **names,
                       const char **values, void *user, GError **error)
{
    const GSList *stack = g_markup_parse_context_get_element_stack(context);
    const char *grand = stack->next && stack->next->next ? stack->next->next->data : "";
    const char *uuid = attribute("uuid", names, values);

    (void)error;
    if (!g_str_equal(element, "address") || !g_str_equal(parent_of(context), "source") ||
        !g_str_equal(grand, "hostdev"))
        return;
    if (uuid)
        g_hash_table_add(user, g_ascii_strdown(uuid, -1));
    else
        g_hash_table_add(user,
                         g_strdup_printf("%04x:%02x:%02x.%x", hex("domain", names, values) & 0xffff,
                                         hex("bus", names, values) & 0xff,
                                         hex("slot", names, values) & 0x1f,
                                         hex("function", names, values) & 7));
}

void hostdevs_add_used(const char *domain_xml, GHashTable *used)
{
    static const GMarkupParser parser = { .start_element = begin_used };

    (void)parse_xml(&parser, domain_xml, used);
}

void hostdevs_promise(GHashTable *promised, const GPtrArray *picked)
{
    for (guint i = 0; i < picked->len; i++)
        (void)g_hash_table_add(promised, g_strdup(((struct hostdev *)picked->pdata[i])->address));
}

void hostdevs_end_promise(GHashTable *promised, const GPtrArray *picked)
{
    for (guint i = 0; i < picked->len; i++)
        (void)g_hash_table_remove(promised, ((struct hostdev *)picked->pdata[i])->address);
}

void hostdevs_add_promised(GHashTable *promised, GHashTable *used)
{
    GHashTableIter iter;
    void *address;

    g_hash_table_iter_init(&iter, promised);
    while (g_hash_table_iter_next(&iter, &address, NULL))
        (void)g_hash_table_add(used, g_strdup(address));
}

static bool pick_kind(const HostDevs *devs, const struct device_kind *kind, GHashTable *used,
                      GPtrArray *picked, GError **error)
{
    int64_t n = 0, n_free = 0;

    if (devices_count(devs->simulated, kind->name) > 0)
        return true; /* the controller counts them */
    for (size_t i = 0; i < devs->n; i++) {
        struct hostdev *device = &devs->items[i];

        if (!g_str_equal(device->name, kind->name))
            continue;
        n++;
        if (g_hash_table_contains(used, device->address))
            continue;
        if (n_free++ < kind->count)
            g_ptr_array_add(picked, device);
    }
    if (n_free >= kind->count)
        return true;
    err_set_reason(error, VRM_ERR_NO_CAPACITY, 0, "gpu",
                   "needs %" PRId64 " of %s, %" PRId64 " of %" PRId64 " free", kind->count,
                   kind->name, n_free, n);
    return false;
}

bool hostdevs_pick(const HostDevs *devs, const char *wanted, GHashTable *used,
                   GPtrArray **ret_picked, GError **error)
{
    g_autoptr(Devices) kinds = devices_parse(wanted, error);
    g_autoptr(GPtrArray) picked = g_ptr_array_new();

    if (!kinds)
        return false;
    for (size_t i = 0; i < kinds->n; i++) {
        if (!pick_kind(devs, &kinds->items[i], used, picked, error))
            return false;
    }
    *ret_picked = g_steal_pointer(&picked);
    return true;
}
