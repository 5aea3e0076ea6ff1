/* cpufacts.c - see cpufacts.h. */
#include "config.h"

#include "agent/cpufacts.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "model/cpu.h"
#include "model/imc.h"

#define MAX_XML (4u << 20)

/* ---- reading -------------------------------------------------------------------------------- */

struct parse {
    struct cpufacts facts;
    guint depth;     /* of the element that holds the CPU; 0: not met yet */
    bool over;       /* it was read */
    char **text_for; /* where the text of this element goes; NULL: nowhere */
};

static const char *attribute(const char *name, const char **names, const char **values)
{
    for (size_t i = 0; names[i]; i++) {
        if (g_str_equal(names[i], name))
            return values[i];
    }
    return "";
}

static bool holds_cpu(const char *element, const GSList *stack, const char **names,
                      const char **values)
{
    const char *parent = stack->next ? stack->next->data : "";

    if (g_str_equal(element, "mode"))
        return g_str_equal(parent, "cpu") &&
               g_str_equal(attribute("name", names, values), "host-model") &&
               g_str_equal(attribute("supported", names, values), "yes");
    if (!g_str_equal(element, "cpu"))
        return false;
    return !*parent || (g_str_equal(parent, "domain") &&
                        g_str_equal(attribute("check", names, values), "full"));
}

static bool is_word(const char *text)
{
    const char *p = text;

    while (g_ascii_isalnum(*p) || (*p && strchr("._-", *p)))
        p++;
    return *text && *p == '\0' && !strchr("+-", *text);
}

static void add_word(GString **list, const char *word)
{
    if (!*list)
        *list = g_string_new(NULL);
    g_string_append_printf(*list, " %s", word);
}

static void add_feature(struct cpufacts *facts, const char **names, const char **values)
{
    const char *policy = attribute("policy", names, values);
    const char *name = attribute("name", names, values);

    if (!is_word(name))
        return;
    if (g_str_equal(policy, "require") || g_str_equal(policy, "force"))
        add_word(&facts->has, name);
    else if (g_str_equal(policy, "disable") || g_str_equal(policy, "forbid"))
        add_word(&facts->lacks, name);
}

static void begin_element(GMarkupParseContext *context, const char *element, const char **names,
                          const char **values, void *user, GError **error)
{
    struct parse *parse = user;
    const GSList *stack = g_markup_parse_context_get_element_stack(context);
    guint depth = g_slist_length((GSList *)(uintptr_t)stack);

    (void)error;
    parse->text_for = NULL;
    if (parse->over)
        return;
    if (!parse->depth) {
        if (holds_cpu(element, stack, names, values))
            parse->depth = depth;
        return;
    }
    if (depth != parse->depth + 1)
        return;
    if (g_str_equal(element, "model"))
        parse->text_for = &parse->facts.model;
    else if (g_str_equal(element, "vendor"))
        parse->text_for = &parse->facts.vendor;
    else if (g_str_equal(element, "feature"))
        add_feature(&parse->facts, names, values);
}

static void element_text(GMarkupParseContext *context, const char *text, gsize len, void *user,
                         GError **error)
{
    struct parse *parse = user;
    g_autofree char *word = g_strstrip(g_strndup(text, len));

    (void)context;
    (void)error;
    if (parse->text_for && !*parse->text_for && is_word(word))
        *parse->text_for = g_steal_pointer(&word);
}

static void end_element(GMarkupParseContext *context, const char *element, void *user,
                        GError **error)
{
    struct parse *parse = user;
    const GSList *stack = g_markup_parse_context_get_element_stack(context);

    (void)element;
    (void)error;
    parse->text_for = NULL;
    if (parse->depth && g_slist_length((GSList *)(uintptr_t)stack) == parse->depth)
        parse->over = true;
}

bool cpufacts_parse(const char *xml, size_t len, struct cpufacts *ret_facts, GError **error)
{
    static const GMarkupParser parser = {
        .start_element = begin_element,
        .end_element = end_element,
        .text = element_text,
    };
    struct parse parse = { 0 };
    g_autoptr(GError) broken = NULL;
    GMarkupParseContext *context;
    bool ok;

    if (len > MAX_XML) {
        err_set(error, VRM_ERR_INVALID, "CPU XML of %zu bytes: at most %u are read", len, MAX_XML);
        return false;
    }
    context = g_markup_parse_context_new(&parser, 0, &parse, NULL);
    ok = g_markup_parse_context_parse(context, xml, (gssize)len, &broken) &&
         g_markup_parse_context_end_parse(context, &broken);
    g_markup_parse_context_free(context);
    if (!ok) {
        err_set(error, VRM_ERR_INVALID, "CPU XML: %s", broken->message);
        cpufacts_clear(&parse.facts);
        return false;
    }
    *ret_facts = parse.facts;
    return true;
}

void cpufacts_clear(struct cpufacts *facts)
{
    g_free(facts->model);
    g_free(facts->vendor);
    if (facts->has)
        g_string_free(facts->has, TRUE);
    if (facts->lacks)
        g_string_free(facts->lacks, TRUE);
    *facts = (struct cpufacts){ 0 };
}

/* ---- writing -------------------------------------------------------------------------------- */

static void add_signed(GString *text, const GString *words, const char *before, const char *after)
{
    g_auto(GStrv) list = g_strsplit(words ? words->str : "", " ", -1);

    for (char **word = list; *word; word++) {
        if (**word)
            g_string_append_printf(text, "%s%s%s", before, *word, after);
    }
}

char *cpufacts_format_xml(const struct cpufacts *facts)
{
    GString *xml;

    if (!facts->model)
        return NULL;
    xml = g_string_new("<cpu mode='custom' match='exact'>");
    g_string_append_printf(xml, "<model fallback='forbid'>%s</model>", facts->model);
    if (facts->vendor)
        g_string_append_printf(xml, "<vendor>%s</vendor>", facts->vendor);
    add_signed(xml, facts->has, "<feature policy='require' name='", "'/>");
    add_signed(xml, facts->lacks, "<feature policy='disable' name='", "'/>");
    g_string_append(xml, "</cpu>");
    return g_string_free(xml, FALSE);
}

char *cpufacts_format_seen(const struct cpufacts *facts, size_t max)
{
    g_autoptr(GString) text = g_string_new(facts->model);

    if (!facts->model)
        return g_strdup("");
    add_signed(text, facts->has, " +", "");
    add_signed(text, facts->lacks, " -", "");
    return g_strdup(text->len <= max ? text->str : "");
}

/* ---- less than it could --------------------------------------------------------------------- */

static bool is_newer(const struct imc_generation *generation, const struct imc_generation *than)
{
    return generation > than && g_str_equal(generation->maker, than->maker);
}

char *cpufacts_limit(const char *features, const char *limit)
{
    g_autoptr(CpuSet) left = cpu_set_parse(features);
    g_autoptr(CpuSet) own = cpu_set_of_model(limit);
    const struct imc_generation *top = imc_generation_of(limit), *it;

    for (size_t i = 0; own && top && (it = imc_generation(i)); i++) {
        g_autoptr(CpuSet) newer = is_newer(it, top) ? cpu_set_of_model(it->model) : NULL;
        g_autoptr(CpuSet) brought = newer ? cpu_set_minus(newer, own) : NULL;
        CpuSet *rest;

        if (!brought)
            continue;
        rest = cpu_set_minus(left, brought);
        cpu_set_free(left);
        left = rest;
    }
    return cpu_set_format(left);
}
