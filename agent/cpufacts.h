/* cpufacts.h - a CPU as libvirt's XML describes it: what a host can present, what a guest sees.
 *
 * Pure; any thread. */
#ifndef VRM_AGENT_CPUFACTS_H
#define VRM_AGENT_CPUFACTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct cpufacts {
    char *model, *vendor; /* NULL: none */
    GString *has, *lacks; /* features beside the model's: names, a blank before each; NULL: none */
};

/* Reads the first of: the host-model of domain capabilities, a CPU of its own, the CPU of a running
 * domain in so far as libvirt says that it is what the guest sees (check='full').  None: true, with
 * an empty *ret_facts.  Fails, with *ret_facts untouched, only when the XML itself is broken. */
bool cpufacts_parse(const char *xml, size_t len, struct cpufacts *ret_facts, GError **error);
void cpufacts_clear(struct cpufacts *facts);

/* As libvirt wants a CPU that it is to judge; NULL: there is no model. */
char *cpufacts_format_xml(const struct cpufacts *facts);
/* In the words of model/cpu.h, "Westmere +arat"; "" if there is no model, or more than max
 * characters: half a list would be a lie. */
char *cpufacts_format_seen(const struct cpufacts *facts, size_t max);

/* A host's features without what generations newer than the model of limit brought; limit "": all.
 * Caller frees. */
char *cpufacts_limit(const char *features, const char *limit);

#endif /* VRM_AGENT_CPUFACTS_H */
