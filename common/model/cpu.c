/* cpu.c - see cpu.h. */
#include "config.h"

#include "model/cpu.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TOLD 10

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes the names, which need not be in order. */
static CpuSet *make_set(GPtrArray *names)
{
    CpuSet *set = g_new0(CpuSet, 1);

    set->names = g_new0(char *, names->len + 1); /* NULL behind the last */
    g_ptr_array_sort(names, compare_names);      /* of none, too */
    for (guint i = 0; i < names->len; i++) {
        char *name = names->pdata[i];

        if (set->n > 0 && strcmp(set->names[set->n - 1], name) == 0)
            g_free(name);
        else
            set->names[set->n++] = name;
    }
    g_ptr_array_unref(names);
    return set;
}

/* Words that begin with sign; sign 0: those with none. */
static CpuSet *parse_signed(const char *text, char sign)
{
    GPtrArray *names = g_ptr_array_new();
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **word = words; *word; word++) {
        bool is_signed = **word == '+' || **word == '-';

        if (!**word || (sign ? **word != sign : is_signed))
            continue;
        g_ptr_array_add(names, g_strdup(sign ? *word + 1 : *word));
    }
    return make_set(names);
}

CpuSet *cpu_set_parse(const char *text)
{
    return parse_signed(text, 0);
}

CpuSet *cpu_set_of_model(const char *model)
{
    for (size_t i = 0; i < cpu_n_models; i++) {
        if (strcmp(cpu_models[i].name, model) == 0)
            return cpu_set_parse(cpu_models[i].features);
    }
    return NULL;
}

char *cpu_seen_model(const char *seen)
{
    return g_strndup(seen, strcspn(seen, " "));
}

CpuSet *cpu_set_of_seen(const char *seen)
{
    g_autofree char *model = cpu_seen_model(seen);
    g_autoptr(CpuSet) own = cpu_set_of_model(model);
    g_autoptr(CpuSet) more = NULL;
    g_autoptr(CpuSet) less = NULL;
    g_autoptr(CpuSet) all = NULL;

    if (!own)
        return NULL;
    more = parse_signed(seen, '+');
    less = parse_signed(seen, '-');
    all = cpu_set_union(own, more);
    return cpu_set_minus(all, less);
}

void cpu_set_free(CpuSet *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->n; i++)
        g_free(set->names[i]);
    g_free(set->names);
    g_free(set);
}

bool cpu_set_has(const CpuSet *set, const char *name)
{
    return bsearch(&name, set->names, set->n, sizeof(*set->names), compare_names) != NULL;
}

bool cpu_set_covers(const CpuSet *have, const CpuSet *need)
{
    for (size_t i = 0; i < need->n; i++) {
        if (!cpu_set_has(have, need->names[i]))
            return false;
    }
    return true;
}

/* The names of a that are in b (or are not). */
static CpuSet *pick(const CpuSet *a, const CpuSet *b, bool in_both)
{
    GPtrArray *names = g_ptr_array_new();

    for (size_t i = 0; i < a->n; i++) {
        if (cpu_set_has(b, a->names[i]) == in_both)
            g_ptr_array_add(names, g_strdup(a->names[i]));
    }
    return make_set(names);
}

CpuSet *cpu_set_common(const CpuSet *a, const CpuSet *b)
{
    return pick(a, b, true);
}

CpuSet *cpu_set_minus(const CpuSet *a, const CpuSet *b)
{
    return pick(a, b, false);
}

CpuSet *cpu_set_union(const CpuSet *a, const CpuSet *b)
{
    GPtrArray *names = g_ptr_array_new();

    for (size_t i = 0; i < a->n; i++)
        g_ptr_array_add(names, g_strdup(a->names[i]));
    for (size_t i = 0; i < b->n; i++)
        g_ptr_array_add(names, g_strdup(b->names[i]));
    return make_set(names);
}

static char *join(const CpuSet *set, const char *between)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < set->n; i++) {
        g_string_append(text, i ? between : "");
        g_string_append(text, set->names[i]);
    }
    return g_string_free(text, FALSE);
}

/* Nobody reads forty names. */
static char *tell(const CpuSet *set)
{
    const CpuSet first = { set->names, MIN(set->n, MAX_TOLD) };
    char *text = join(&first, ", ");
    char *whole;

    if (set->n <= MAX_TOLD)
        return text;
    whole = g_strdup_printf("%s and %zu more", text, set->n - MAX_TOLD);
    g_free(text);
    return whole;
}

char *cpu_set_missing(const CpuSet *need, const CpuSet *have)
{
    g_autoptr(CpuSet) missing = cpu_set_minus(need, have);

    return tell(missing);
}

CpuSet *cpu_set_dup(const CpuSet *set)
{
    CpuSet *copy;

    if (!set)
        return NULL;
    copy = g_new0(CpuSet, 1);
    copy->names = g_strdupv(set->names);
    copy->n = set->n;
    return copy;
}

char *cpu_set_format(const CpuSet *set)
{
    return join(set, " ");
}
