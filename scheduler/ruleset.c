/* ruleset.c - see ruleset.h. */
#include "config.h"

#include "scheduler/ruleset.h"

#include <stdlib.h>

#include "base/vec.h"

VEC_DECLARE(u32_vec, uint32_t);

const Group *ruleset_snapshot_group(const void *ctx, int64_t group_id)
{
    return snapshot_group(ctx, group_id);
}

void ruleset_find_racks(const Host *const *host, uint32_t n_hosts, uint32_t *ret_rack)
{
    g_autoptr(GHashTable) first = g_hash_table_new(g_str_hash, g_str_equal);

    for (uint32_t h = 0; h < n_hosts; h++) {
        char *rack = host[h]->rack;
        gpointer known;

        ret_rack[h] = h;
        if (rack[0] == '\0')
            continue;
        if (g_hash_table_lookup_extended(first, rack, NULL, &known))
            ret_rack[h] = GPOINTER_TO_UINT(known);
        else
            g_hash_table_insert(first, rack, GUINT_TO_POINTER(h));
    }
}

int64_t *ruleset_expand(const Rule *rule, ruleset_group_fn group, const void *ctx, size_t *ret_n)
{
    const Group *more = rule->vm_group_id != 0 ? group(ctx, rule->vm_group_id) : NULL;
    size_t n_more = more && more->type == GROUP_VM ? more->n_members : 0;
    int64_t *ids = g_new(int64_t, rule->n_vms + n_more + 1);
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < rule->n_vms; i++)
        ids[n++] = rule->vms[i];
    for (size_t i = 0; i < n_more; i++)
        ids[n++] = more->members[i];
    qsort(ids, n, sizeof(*ids), id_cmp);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    }
    *ret_n = kept;
    return ids;
}

static uint32_t find_vm(const Vm *const *vm, uint32_t n, int64_t id)
{
    uint32_t low = 0, high = n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (vm[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && vm[low]->id == id ? low : NO_INDEX;
}

static bool in_group(const Group *group, int64_t id)
{
    return group && bsearch(&id, group->members, group->n_members, sizeof(id), id_cmp) != NULL;
}

/* Sets the bits of the hosts a VM-to-host rule allows. */
static void set_hosts(Ruleset *set, const struct ruleset_rule *rule, const Group *hosts,
                      const Host *const *host, uint32_t n_hosts)
{
    bool wanted = rule->rule->strength == RULE_MUST || rule->rule->strength == RULE_SHOULD;

    for (uint32_t h = 0; h < n_hosts; h++) {
        if (in_group(hosts, host[h]->id) == wanted)
            set->bitmap[rule->bits + h / 64] |= UINT64_C(1) << (h % 64);
    }
}

/* A rule that constrains nothing now: clients make rules and groups empty and fill them later. */
static bool is_idle(const Rule *rule, uint32_t n_members, const Group *hosts)
{
    if (rule->type == RULE_VM_HOST)
        return n_members == 0 || !hosts || hosts->n_members == 0;
    return n_members < 2;
}

static void index_by_vm(Ruleset *set, uint32_t n_vms)
{
    uint32_t *next;

    set->vm_first = g_new0(uint32_t, n_vms + 1);
    for (uint32_t r = 0; r < set->n_rules; r++) {
        for (uint32_t i = 0; i < set->rules[r].n; i++)
            set->vm_first[set->members[set->rules[r].first + i] + 1]++;
    }
    for (uint32_t v = 0; v < n_vms; v++)
        set->vm_first[v + 1] += set->vm_first[v];
    set->vm_rules = g_new(uint32_t, set->vm_first[n_vms] + 1);
    next = g_memdup2(set->vm_first, (n_vms + 1) * sizeof(*next));
    for (uint32_t r = 0; r < set->n_rules; r++) {
        for (uint32_t i = 0; i < set->rules[r].n; i++)
            set->vm_rules[next[set->members[set->rules[r].first + i]]++] = r;
    }
    g_free(next);
}

static uint32_t add_members(const Snapshot *snap, const Rule *rule, const Vm *const *vm,
                            uint32_t n_vms, struct u32_vec *members)
{
    size_t n_ids;
    g_autofree int64_t *ids = ruleset_expand(rule, ruleset_snapshot_group, snap, &n_ids);
    uint32_t n = 0;

    for (size_t i = 0; i < n_ids; i++) {
        uint32_t v = find_vm(vm, n_vms, ids[i]);

        if (v != NO_INDEX) {
            u32_vec_push(members, v);
            n++;
        }
    }
    return n;
}

Ruleset *ruleset_new(const Snapshot *snap, int64_t cluster_id, const Vm *const *vm, uint32_t n_vms,
                     const Host *const *host, uint32_t n_hosts)
{
    Ruleset *set = g_new0(Ruleset, 1);
    struct u32_vec members = { 0 };

    set->n_words = n_hosts / 64 + 1;
    set->rules = g_new0(struct ruleset_rule, snap->n_rules + 1);
    set->bitmap = g_new0(uint64_t, (snap->n_rules + 1) * set->n_words);
    for (size_t i = 0; i < snap->n_rules; i++) {
        struct ruleset_rule *rule = &set->rules[set->n_rules];
        size_t first = members.len;
        const Group *hosts;

        if (snap->rules[i]->cluster_id != cluster_id)
            continue;
        *rule = (struct ruleset_rule){
            .rule = snap->rules[i],
            .must =
                snap->rules[i]->strength == RULE_MUST || snap->rules[i]->strength == RULE_MUST_NOT,
            .by_rack =
                snap->rules[i]->type == RULE_APART && snap->rules[i]->domain == FAULT_DOMAIN_RACK,
            .first = (uint32_t)first,
            .bits = set->n_rules * set->n_words,
        };
        rule->n = add_members(snap, rule->rule, vm, n_vms, &members);
        hosts = snapshot_group(snap, rule->rule->host_group_id);
        if (is_idle(rule->rule, rule->n, hosts)) {
            members.len = first;
            continue;
        }
        if (rule->rule->type == RULE_VM_HOST)
            set_hosts(set, rule, hosts, host, n_hosts);
        set->n_rules++;
    }
    set->members = members.items;
    index_by_vm(set, n_vms);
    return set;
}

void ruleset_free(Ruleset *set)
{
    if (!set)
        return;
    g_free(set->rules);
    g_free(set->members);
    g_free(set->vm_first);
    g_free(set->vm_rules);
    g_free(set->bitmap);
    g_free(set);
}
