/* domfacts.c - see domfacts.h. */
#include "config.h"

#include "agent/domfacts.h"

#include <string.h>

#include "agent/domxml.h"
#include "base/err.h"

#define MAX_XML  (4u << 20)
#define MAX_PORT 65535

static const char *attribute(const char *name, const char **names, const char **values)
{
    for (size_t i = 0; names[i]; i++) {
        if (g_str_equal(names[i], name))
            return values[i];
    }
    return NULL;
}

static int64_t number(const char *text, int64_t max)
{
    guint64 value = 0;

    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, (guint64)max, &value, NULL))
        return 0;
    return (int64_t)value;
}

/* A word of a newer agent: then a right is what it runs by. */
static enum domxml_right right_of(const char *text)
{
    if (!text || !*text)
        return DOMXML_NO_RIGHT;
    return g_str_equal(text, domxml_right_word(DOMXML_HALTED)) ? DOMXML_HALTED : DOMXML_RUNS;
}

static bool is_our_element(const char *element, const char **names, const char **values)
{
    const char *colon = strchr(element, ':');
    g_autofree char *prefix = colon ? g_strndup(element, (size_t)(colon - element)) : NULL;
    g_autofree char *declaration = prefix ? g_strconcat("xmlns:", prefix, NULL) : NULL;

    return g_strcmp0(attribute(declaration ? declaration : "xmlns", names, values),
                     DOMXML_METADATA_URI) == 0 &&
           g_str_equal(colon ? colon + 1 : element, "vm");
}

/* libvirt keeps our element as it was given, with its namespace declared on it. */
static void begin_element(GMarkupParseContext *context, const char *element, const char **names,
                          const char **values, void *user, GError **error)
{
    struct domfacts *facts = user;
    const GSList *stack = g_markup_parse_context_get_element_stack(context);
    const char *parent = stack->next ? stack->next->data : "";

    (void)error;
    if (g_str_equal(parent, "metadata") && is_our_element(element, names, values)) {
        facts->mark.vm_id = number(attribute("id", names, values), G_MAXINT64);
        facts->mark.gen = number(attribute("gen", names, values), G_MAXINT64);
        facts->mark.right = right_of(attribute("right", names, values));
    } else if (g_str_equal(parent, "devices") && g_str_equal(element, "graphics") &&
               g_strcmp0(attribute("type", names, values), "vnc") == 0) {
        facts->vnc_port = number(attribute("port", names, values), MAX_PORT);
    }
}

bool domfacts_parse(const char *xml, size_t len, struct domfacts *ret_facts, GError **error)
{
    static const GMarkupParser parser = { .start_element = begin_element };
    struct domfacts facts = { 0 };
    g_autoptr(GError) broken = NULL;
    GMarkupParseContext *context;
    bool ok;

    if (len > MAX_XML) {
        err_set(error, VRM_ERR_INVALID, "domain XML of %zu bytes: at most %u are read", len,
                MAX_XML);
        return false;
    }
    context = g_markup_parse_context_new(&parser, 0, &facts, NULL);
    ok = g_markup_parse_context_parse(context, xml, (gssize)len, &broken) &&
         g_markup_parse_context_end_parse(context, &broken);
    g_markup_parse_context_free(context);
    if (!ok) {
        err_set(error, VRM_ERR_INVALID, "domain XML: %s", broken->message);
        return false;
    }
    *ret_facts = facts;
    return true;
}
