/* ganeti_tags.c - see ganeti_tags.h. */
#include "config.h"

#include "scheduler/ganeti_tags.h"

#include <string.h>

#define MIGRATION "htools:migration:"
#define ALLOWED   "htools:allowmigration:"
#define LOCATION  "htools:nlocation:"
#define DESIRED   "htools:desiredlocation:"

/* ---- tags ----------------------------------------------------------------------------------- */

/* Is there a cluster tag `kind` + PREFIX for the tag "PREFIX:..."? */
static bool is_kind(const Ganeti *g, const char *kind, const char *tag)
{
    for (guint i = 0; i < g->tags->len; i++) {
        const char *own = g->tags->pdata[i];

        if (!g_str_has_prefix(own, kind))
            continue;
        own += strlen(kind);
        if (*own != '\0' && g_str_has_prefix(tag, own) && tag[strlen(own)] == ':')
            return true;
    }
    return false;
}

static bool has_kind(const Ganeti *g, const char *kind)
{
    for (guint i = 0; i < g->tags->len; i++) {
        if (g_str_has_prefix(g->tags->pdata[i], kind))
            return true;
    }
    return false;
}

static bool has_tag(char **tags, const char *tag)
{
    return g_strv_contains((const char *const *)tags, tag);
}

bool ganeti_tags_has_locations(const Ganeti *ganeti)
{
    return has_kind(ganeti, LOCATION);
}

char *ganeti_tags_location(const Ganeti *ganeti, const struct ganeti_node *node)
{
    g_auto(GStrv) tags = g_strsplit(node->tags, ",", -1);

    for (char **tag = tags; *tag; tag++) {
        if (is_kind(ganeti, LOCATION, *tag))
            return g_strdup(*tag);
    }
    return g_strdup("");
}

/* ---- rules ---------------------------------------------------------------------------------- */

VEC_DECLARE(tag_ids, int64_t);

static int64_t put_group(struct ganeti_tags *t, const Rule *rule, enum group_type type,
                         struct tag_ids *members)
{
    Group *group = group_new();

    group->id = ++t->n_groups;
    group->cluster_id = rule->cluster_id;
    group->type = type;
    g_free(group->name);
    group->name = g_strdup(rule->name);
    group->members = members->items;
    group->n_members = members->len;
    *members = (struct tag_ids){ 0 };
    snapshot_builder_put_group(t->builder, group);
    return group->id;
}

/* Takes the ids and the rule, and the name within it. */
static void put_rule(struct ganeti_tags *t, Rule *rule, struct tag_ids *vms, struct tag_ids *hosts)
{
    rule->id = ++t->n_rules;
    rule->type = RULE_VM_HOST;
    rule->vm_group_id = put_group(t, rule, GROUP_VM, vms);
    rule->host_group_id = put_group(t, rule, GROUP_HOST, hosts);
    snapshot_builder_put_rule(t->builder, rule);
}

static Rule *new_rule(int64_t cluster_id, enum rule_strength strength, char *name)
{
    Rule *rule = rule_new();

    rule->cluster_id = cluster_id;
    rule->strength = strength;
    g_free(rule->name);
    rule->name = name;
    return rule;
}

/* ---- migration ------------------------------------------------------------------------------ */

/* "htools:allowmigration:FROM::TO": may a node with one of `tags` take from one tagged `from`? */
static bool is_allowed(const Ganeti *g, const char *from, char **tags)
{
    for (guint i = 0; i < g->tags->len; i++) {
        const char *own = g->tags->pdata[i], *cut;

        if (!g_str_has_prefix(own, ALLOWED))
            continue;
        own += strlen(ALLOWED);
        cut = strstr(own, "::");
        if (cut && strlen(from) == (size_t)(cut - own) && memcmp(own, from, strlen(from)) == 0 &&
            has_tag(tags, cut + 2))
            return true;
    }
    return false;
}

static bool may_migrate(const Ganeti *g, const struct ganeti_node *from,
                        const struct ganeti_node *to)
{
    g_auto(GStrv) source = g_strsplit(from->tags, ",", -1);
    g_auto(GStrv) target = g_strsplit(to->tags, ",", -1);

    for (char **tag = source; *tag; tag++) {
        if (is_kind(g, MIGRATION, *tag) && !has_tag(target, *tag) && !is_allowed(g, *tag, target))
            return false;
    }
    return true;
}

/* The hosts that the node's instances may go to, itself first of all; false: any of the group. */
static bool find_targets(const Ganeti *g, uint32_t node, struct tag_ids *ret_hosts)
{
    const struct ganeti_node *from = &g->nodes.items[node];
    bool bound = false;

    for (uint32_t n = 0; n < g->nodes.len; n++) {
        if (g->nodes.items[n].group != from->group)
            continue;
        if (n == node || may_migrate(g, from, &g->nodes.items[n]))
            tag_ids_push(ret_hosts, (int64_t)n + 1);
        else
            bound = true;
    }
    return bound;
}

static void put_migration(struct ganeti_tags *t, uint32_t node)
{
    const Ganeti *g = t->ganeti;
    struct tag_ids vms = { 0 }, hosts = { 0 };

    for (uint32_t i = 0; i < g->instances.len; i++) {
        if (g->instances.items[i].node == node && g->instances.items[i].status == VM_RUNNING)
            tag_ids_push(&vms, (int64_t)i + 1);
    }
    if (vms.len > 0 && find_targets(g, node, &hosts))
        put_rule(t,
                 new_rule((int64_t)g->nodes.items[node].group + 1, RULE_MUST,
                          g_strdup_printf("migration from %s", g->nodes.items[node].name)),
                 &vms, &hosts);
    tag_ids_clear(&vms);
    tag_ids_clear(&hosts);
}

/* ---- desired locations ---------------------------------------------------------------------- */

/* One rule for each group and tag that is wished for. */
static void put_desired(struct ganeti_tags *t, uint32_t group, const char *tag)
{
    const Ganeti *g = t->ganeti;
    struct tag_ids vms = { 0 }, hosts = { 0 };

    for (uint32_t i = 0; i < g->instances.len; i++) {
        const struct ganeti_instance *it = &g->instances.items[i];
        g_auto(GStrv) tags = g_strsplit(it->tags, ",", -1);

        if (g->nodes.items[it->node].group == group && has_tag(tags, tag))
            tag_ids_push(&vms, (int64_t)i + 1);
    }
    for (uint32_t n = 0; n < g->nodes.len; n++) {
        g_auto(GStrv) tags = g_strsplit(g->nodes.items[n].tags, ",", -1);

        if (g->nodes.items[n].group == group && has_tag(tags, tag))
            tag_ids_push(&hosts, (int64_t)n + 1);
    }
    if (vms.len > 0 && hosts.len > 0)
        put_rule(
            t,
            new_rule((int64_t)group + 1, RULE_SHOULD, g_strdup_printf("desired location %s", tag)),
            &vms, &hosts);
    tag_ids_clear(&vms);
    tag_ids_clear(&hosts);
}

static void put_all_desired(struct ganeti_tags *t)
{
    const Ganeti *g = t->ganeti;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (uint32_t i = 0; i < g->instances.len; i++) {
        const struct ganeti_instance *it = &g->instances.items[i];
        const uint32_t group = g->nodes.items[it->node].group;
        g_auto(GStrv) tags = g_strsplit(it->tags, ",", -1);

        for (char **tag = tags; *tag; tag++) {
            if (is_kind(g, DESIRED, *tag) &&
                g_hash_table_add(seen, g_strdup_printf("%u %s", group, *tag)))
                put_desired(t, group, *tag);
        }
    }
}

void ganeti_tags_put(struct ganeti_tags *tags)
{
    if (has_kind(tags->ganeti, MIGRATION)) {
        for (uint32_t n = 0; n < tags->ganeti->nodes.len; n++)
            put_migration(tags, n);
    }
    if (has_kind(tags->ganeti, DESIRED))
        put_all_desired(tags);
}
