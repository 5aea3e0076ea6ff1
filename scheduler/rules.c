/* rules.c - see rules.h.
 *
 * Contradictions are looked for in what the must-rules say, not in what runs or fits now: sets that
 * must stay together (union-find), the hosts each set may be on, and for a keep-apart rule whether
 * its VMs can get a host each (bipartite matching).  A contradiction counts only if the candidate
 * is part of it: an old one does not forbid an unrelated change. */
#include "config.h"

#include "scheduler/rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/layout.h"

/* Names spelt out in one message. */
#define MAX_NAMED 5

/* A must-rule with its groups expanded. */
struct fact {
    const Rule *rule;
    int64_t *vm_ids;
    size_t n_vms;
    uint32_t *nodes;    /* the same VMs as indices into universe.vm_ids */
    const Group *hosts; /* RULE_VM_HOST */
    bool is_candidate;
};

struct universe {
    const Snapshot *snap;
    const Rule *rule;   /* candidate or NULL */
    const Group *group; /* candidate or NULL */
    int64_t cluster_id;
    struct fact *facts;
    size_t n_facts;
    int64_t *vm_ids; /* all VMs of the facts, ascending */
    uint32_t n_nodes;
    uint32_t *parent;   /* union-find over must-together */
    const Host **hosts; /* of the cluster */
    uint32_t *rack;     /* per host: the first of its rack */
    uint32_t n_hosts;
    uint64_t *allowed; /* per node (used at roots): bitmap of hosts */
    bool *touched;     /* per root: the candidate is among its rules */
    uint32_t n_words;
};

/* ---- form ----------------------------------------------------------------------------------- */

static bool has_form(const Rule *rule, GError **error)
{
    bool negative = rule->strength == RULE_MUST_NOT || rule->strength == RULE_SHOULD_NOT;

    if (rule->type != RULE_VM_HOST && negative) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_RULE_TYPE, "vm2HostRuleType",
                       "rule '%s': %s is only for VM-to-host rules; keep-together and keep-apart "
                       "rules are must or should",
                       rule->name, rule_strength_name(rule->strength));
        return false;
    }
    if (rule->domain == FAULT_DOMAIN_RACK && rule->type != RULE_APART) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_RULE_TYPE, "faultDomain",
                       "rule '%s': faultDomain = rack is only for keep-apart rules; want host",
                       rule->name);
        return false;
    }
    return true;
}

static bool vms_belong(const Snapshot *snap, const Rule *rule, GError **error)
{
    for (size_t i = 0; i < rule->n_vms; i++) {
        const Vm *vm = snapshot_vm(snap, rule->vms[i]);

        if (!vm || vm->cluster_id != rule->cluster_id) {
            err_set_reason(error, VRM_ERR_INVALID, REASON_RULE_VM_NOT_IN_CLUSTER, "vms",
                           "rule '%s': VM %s (%" PRId64 ") is not in this cluster", rule->name,
                           vm ? vm->name : "?", rule->vms[i]);
            return false;
        }
    }
    return true;
}

static bool group_belongs(const Snapshot *snap, const Rule *rule, int64_t id, enum group_type type,
                          const char *field, GError **error)
{
    const Group *group = id != 0 ? snapshot_group(snap, id) : NULL;

    if (id == 0 || (group && group->cluster_id == rule->cluster_id && group->type == type))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, REASON_RULE_TYPE, field,
                   "rule '%s': group %" PRId64 " is not a %s group of this cluster", rule->name, id,
                   group_type_name(type));
    return false;
}

/* ---- the universe of facts ------------------------------------------------------------------ */

static const Group *find_group(const void *ctx, int64_t id)
{
    const struct universe *u = ctx;

    return u->group && u->group->id == id ? u->group : snapshot_group(u->snap, id);
}

static bool is_must(const Rule *rule)
{
    return rule->strength == RULE_MUST || rule->strength == RULE_MUST_NOT;
}

static void add_fact(struct universe *u, const Rule *rule)
{
    struct fact *fact = &u->facts[u->n_facts];

    if (rule->cluster_id != u->cluster_id || !is_must(rule))
        return;
    *fact = (struct fact){ .rule = rule };
    fact->vm_ids = ruleset_expand(rule, find_group, u, &fact->n_vms);
    fact->hosts = rule->type == RULE_VM_HOST ? find_group(u, rule->host_group_id) : NULL;
    fact->is_candidate =
        rule == u->rule ||
        (u->group && (rule->vm_group_id == u->group->id || rule->host_group_id == u->group->id));
    if (fact->n_vms == 0 ||
        (rule->type == RULE_VM_HOST && (!fact->hosts || fact->hosts->n_members == 0))) {
        g_free(fact->vm_ids);
        return;
    }
    u->n_facts++;
}

static int id_cmp(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static uint32_t find_node(const struct universe *u, int64_t vm_id)
{
    const int64_t *hit = bsearch(&vm_id, u->vm_ids, u->n_nodes, sizeof(vm_id), id_cmp);

    return (uint32_t)(hit - u->vm_ids);
}

static void number_vms(struct universe *u)
{
    size_t total = 0, n = 0;

    for (size_t f = 0; f < u->n_facts; f++)
        total += u->facts[f].n_vms;
    u->vm_ids = g_new0(int64_t, total + 1);
    for (size_t f = 0; f < u->n_facts; f++) {
        memcpy(&u->vm_ids[n], u->facts[f].vm_ids, u->facts[f].n_vms * sizeof(*u->vm_ids));
        n += u->facts[f].n_vms;
    }
    qsort(u->vm_ids, n, sizeof(*u->vm_ids), id_cmp);
    for (size_t i = 0; i < n; i++) {
        if (u->n_nodes == 0 || u->vm_ids[u->n_nodes - 1] != u->vm_ids[i])
            u->vm_ids[u->n_nodes++] = u->vm_ids[i];
    }
    for (size_t f = 0; f < u->n_facts; f++) {
        u->facts[f].nodes = g_new0(uint32_t, u->facts[f].n_vms + 1);
        for (size_t i = 0; i < u->facts[f].n_vms; i++)
            u->facts[f].nodes[i] = find_node(u, u->facts[f].vm_ids[i]);
    }
}

static uint32_t root_of(struct universe *u, uint32_t node)
{
    while (u->parent[node] != node) {
        u->parent[node] = u->parent[u->parent[node]];
        node = u->parent[node];
    }
    return node;
}

static void join_together(struct universe *u)
{
    u->parent = g_new0(uint32_t, u->n_nodes + 1);
    for (uint32_t i = 0; i < u->n_nodes; i++)
        u->parent[i] = i;
    for (size_t f = 0; f < u->n_facts; f++) {
        const struct fact *fact = &u->facts[f];

        for (size_t i = 1; i < fact->n_vms && fact->rule->type == RULE_TOGETHER; i++) {
            uint32_t a = root_of(u, fact->nodes[0]), b = root_of(u, fact->nodes[i]);

            u->parent[MAX(a, b)] = MIN(a, b);
        }
    }
}

static bool group_has(const Group *group, int64_t id)
{
    return bsearch(&id, group->members, group->n_members, sizeof(id), id_cmp) != NULL;
}

/* Takes the hosts that the rule forbids from the node's set. */
static void restrict_node(struct universe *u, const struct fact *fact, uint32_t node)
{
    uint64_t *bits = &u->allowed[(size_t)node * u->n_words];

    for (uint32_t h = 0; h < u->n_hosts; h++) {
        bool in = group_has(fact->hosts, u->hosts[h]->id);

        if (in != (fact->rule->strength == RULE_MUST))
            bits[h / 64] &= ~(UINT64_C(1) << (h % 64));
    }
}

static void restrict_hosts(struct universe *u)
{
    u->hosts = g_new0(const Host *, u->snap->n_hosts + 1);
    for (size_t i = 0; i < u->snap->n_hosts; i++) {
        if (u->snap->hosts[i]->cluster_id == u->cluster_id)
            u->hosts[u->n_hosts++] = u->snap->hosts[i];
    }
    u->rack = g_new0(uint32_t, u->n_hosts + 1);
    ruleset_find_racks(u->hosts, u->n_hosts, u->rack);
    u->n_words = u->n_hosts / 64 + 1;
    u->allowed = g_new0(uint64_t, (size_t)(u->n_nodes + 1) * u->n_words);
    u->touched = g_new0(bool, u->n_nodes + 1);
    for (size_t i = 0; i < (size_t)u->n_nodes * u->n_words; i++)
        u->allowed[i] = UINT64_MAX;
    for (size_t f = 0; f < u->n_facts; f++) {
        const struct fact *fact = &u->facts[f];

        for (size_t i = 0; i < fact->n_vms; i++) {
            uint32_t root = root_of(u, fact->nodes[i]);

            if (fact->rule->type == RULE_VM_HOST)
                restrict_node(u, fact, root);
            if (fact->rule->type != RULE_APART && fact->is_candidate)
                u->touched[root] = true;
        }
    }
}

static void universe_init(struct universe *u, const Snapshot *snap, int64_t cluster_id,
                          const Rule *rule, const Group *group)
{
    *u = (struct universe){ .snap = snap, .rule = rule, .group = group, .cluster_id = cluster_id };
    u->facts = g_new0(struct fact, snap->n_rules + 2);
    for (size_t i = 0; i < snap->n_rules; i++) {
        if (!rule || snap->rules[i]->id != rule->id)
            add_fact(u, snap->rules[i]);
    }
    if (rule)
        add_fact(u, rule);
    number_vms(u);
    join_together(u);
    restrict_hosts(u);
}

static void universe_clear(struct universe *u)
{
    for (size_t f = 0; f < u->n_facts; f++) {
        g_free(u->facts[f].vm_ids);
        g_free(u->facts[f].nodes);
    }
    g_free(u->facts);
    g_free(u->vm_ids);
    g_free(u->parent);
    g_free(u->hosts);
    g_free(u->rack);
    g_free(u->allowed);
    g_free(u->touched);
}

/* ---- words ---------------------------------------------------------------------------------- */

static const char *vm_name(const struct universe *u, uint32_t node)
{
    const Vm *vm = snapshot_vm(u->snap, u->vm_ids[node]);

    return vm ? vm->name : "?";
}

/* "'a', 'b'": the rules of this type that touch the set of root. */
static char *rule_names(struct universe *u, uint32_t root, enum rule_type type)
{
    GString *text = g_string_new(NULL);
    unsigned n = 0;

    for (size_t f = 0; f < u->n_facts; f++) {
        const struct fact *fact = &u->facts[f];
        bool touches = false;

        for (size_t i = 0; i < fact->n_vms && fact->rule->type == type; i++)
            touches = touches || root_of(u, fact->nodes[i]) == root;
        if (touches && ++n <= MAX_NAMED)
            g_string_append_printf(text, "%s'%s'", n > 1 ? ", " : "", fact->rule->name);
    }
    if (n > MAX_NAMED)
        g_string_append_printf(text, " and %u more", n - MAX_NAMED);
    return g_string_free(text, FALSE);
}

/* "web1, web2": the VMs of the set. */
static char *set_names(struct universe *u, uint32_t root)
{
    GString *text = g_string_new(NULL);
    unsigned n = 0;

    for (uint32_t node = 0; node < u->n_nodes; node++) {
        if (root_of(u, node) == root && ++n <= MAX_NAMED)
            g_string_append_printf(text, "%s%s", n > 1 ? ", " : "", vm_name(u, node));
    }
    if (n > MAX_NAMED)
        g_string_append_printf(text, " and %u more", n - MAX_NAMED);
    return g_string_free(text, FALSE);
}

static void conflict(GError **error, const char *text)
{
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_RULES_CONFLICT, "drsRules", "%s", text);
}

/* ---- contradictions ------------------------------------------------------------------------- */

/* Two VMs kept apart by one rule and together by others. */
static bool check_apart(struct universe *u, const struct fact *fact, GError **error)
{
    for (size_t i = 0; i < fact->n_vms; i++) {
        for (size_t j = i + 1; j < fact->n_vms; j++) {
            uint32_t root = root_of(u, fact->nodes[i]);
            g_autofree char *rules = NULL;
            g_autofree char *text = NULL;

            if (root_of(u, fact->nodes[j]) != root || (!fact->is_candidate && !u->touched[root]))
                continue;
            rules = rule_names(u, root, RULE_TOGETHER);
            text = g_strdup_printf("keep-apart rule '%s' and keep-together %s contradict each "
                                   "other: %s and %s",
                                   fact->rule->name, rules, vm_name(u, fact->nodes[i]),
                                   vm_name(u, fact->nodes[j]));
            conflict(error, text);
            return false;
        }
    }
    return true;
}

static uint32_t count_allowed(const struct universe *u, uint32_t root)
{
    uint32_t n = 0;

    for (uint32_t h = 0; h < u->n_hosts; h++)
        n += u->allowed[(size_t)root * u->n_words + h / 64] >> (h % 64) & 1 ? 1 : 0;
    return n;
}

/* A set of VMs that no host is left for. */
static bool check_host_left(struct universe *u, uint32_t root, GError **error)
{
    g_autofree char *hosts = NULL, *together = NULL, *vms = NULL, *text = NULL;

    if (!u->touched[root] || u->n_hosts == 0 || count_allowed(u, root) > 0)
        return true;
    hosts = rule_names(u, root, RULE_VM_HOST);
    if (hosts[0] == '\0')
        return true;
    together = rule_names(u, root, RULE_TOGETHER);
    vms = set_names(u, root);
    text = g_strdup_printf("VM-to-host rules %s%s%s leave no host of the cluster for %s", hosts,
                           together[0] ? " with keep-together " : "", together, vms);
    conflict(error, text);
    return false;
}

struct matching {
    struct universe *u;
    const struct fact *fact;
    uint32_t *taken; /* host, or rack by its first host -> 1 + index in fact->nodes, 0: free */
    bool *seen;
};

/* Kuhn's augmenting path: a host for VM i, moving others on if need be.  Each level marks a host as
 * seen, so it goes no deeper than there are hosts. */
static bool match_vm(struct matching *m, uint32_t i) /* NOLINT(misc-no-recursion): bounded */
{
    struct universe *u = m->u;
    uint32_t root = root_of(u, m->fact->nodes[i]);
    bool by_rack = m->fact->rule->domain == FAULT_DOMAIN_RACK;

    for (uint32_t h = 0; h < u->n_hosts; h++) {
        bool ok = u->allowed[(size_t)root * u->n_words + h / 64] >> (h % 64) & 1;
        uint32_t domain = by_rack ? u->rack[h] : h;

        if (!ok || m->seen[domain])
            continue;
        m->seen[domain] = true;
        if (m->taken[domain] == 0 || match_vm(m, m->taken[domain] - 1)) {
            m->taken[domain] = i + 1;
            return true;
        }
    }
    return false;
}

/* Only VMs whose hosts are restricted by rules: that the cluster may have too few hosts just now is
 * no contradiction. */
static bool check_matching(struct universe *u, const struct fact *fact, GError **error)
{
    struct matching m = { .u = u, .fact = fact };
    g_autofree uint32_t *taken = g_new0(uint32_t, u->n_hosts + 1);
    g_autofree bool *seen = g_new0(bool, u->n_hosts + 1);
    bool involved = fact->is_candidate;

    m.taken = taken;
    m.seen = seen;
    for (size_t i = 0; i < fact->n_vms; i++)
        involved = involved || u->touched[root_of(u, fact->nodes[i])];
    for (uint32_t i = 0; i < fact->n_vms && involved; i++) {
        uint32_t root = root_of(u, fact->nodes[i]);
        g_autofree char *rules = NULL, *text = NULL;

        if (count_allowed(u, root) == u->n_hosts)
            continue;
        memset(seen, 0, u->n_hosts * sizeof(*seen));
        if (match_vm(&m, i))
            continue;
        rules = rule_names(u, root, RULE_VM_HOST);
        text = g_strdup_printf("keep-apart rule '%s' and VM-to-host %s contradict each other: too "
                               "few %s are left for %s beside the others",
                               fact->rule->name, rules,
                               fact->rule->domain == FAULT_DOMAIN_RACK ? "racks" : "hosts",
                               vm_name(u, fact->nodes[i]));
        conflict(error, text);
        return false;
    }
    return true;
}

static bool check_universe(struct universe *u, GError **error)
{
    for (size_t f = 0; f < u->n_facts; f++) {
        if (u->facts[f].rule->type == RULE_APART && !check_apart(u, &u->facts[f], error))
            return false;
    }
    for (uint32_t node = 0; node < u->n_nodes; node++) {
        if (root_of(u, node) == node && !check_host_left(u, node, error))
            return false;
    }
    for (size_t f = 0; f < u->n_facts; f++) {
        if (u->facts[f].rule->type == RULE_APART && !check_matching(u, &u->facts[f], error))
            return false;
    }
    return true;
}

bool rules_check(const Snapshot *snap, const Rule *candidate, GError **error)
{
    struct universe u;
    bool ok;

    if (!snapshot_cluster(snap, candidate->cluster_id)) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL,
                       "there is no cluster %" PRId64, candidate->cluster_id);
        return false;
    }
    if (!has_form(candidate, error) || !vms_belong(snap, candidate, error) ||
        !group_belongs(snap, candidate, candidate->vm_group_id, GROUP_VM, "vmGroupUrn", error) ||
        !group_belongs(snap, candidate, candidate->host_group_id, GROUP_HOST, "hostGroupUrn",
                       error))
        return false;
    universe_init(&u, snap, candidate->cluster_id, candidate, NULL);
    ok = check_universe(&u, error);
    universe_clear(&u);
    return ok;
}

bool rules_check_group(const Snapshot *snap, const Group *candidate, GError **error)
{
    struct universe u;
    bool ok;

    universe_init(&u, snap, candidate->cluster_id, NULL, candidate);
    ok = check_universe(&u, error);
    universe_clear(&u);
    return ok;
}

/* ---- breaches ------------------------------------------------------------------------------- */

void rule_breaches_free(RuleBreaches *breaches)
{
    if (!breaches)
        return;
    for (size_t i = 0; i < breaches->n_items; i++) {
        g_free(breaches->items[i].rule_name);
        g_free(breaches->items[i].text);
    }
    g_free(breaches->items);
    g_free(breaches);
}

static bool is_misplaced(const Layout *l, uint32_t r, uint32_t vm)
{
    const Ruleset *set = l->problem->rules;
    uint32_t host = l->at[vm];

    if (host == NO_INDEX)
        return false;
    switch (set->rules[r].rule->type) {
    case RULE_APART:
        return layout_others(l, r, vm, host) > 0;
    case RULE_TOGETHER:
        return layout_others(l, r, vm, host) + 1 < set->rules[r].n;
    case RULE_VM_HOST:
        return !ruleset_host_ok(set, &set->rules[r], host);
    }
    return false;
}

/* Racks, or hosts without one, with a host that can be used. */
static uint32_t count_racks(const Problem *p)
{
    g_autofree bool *seen = g_new0(bool, p->n_hosts + 1);
    uint32_t n = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (!problem_usable(p, h) || seen[p->host_rack[h]])
            continue;
        seen[p->host_rack[h]] = true;
        n++;
    }
    return n;
}

static void append_place(GString *text, const Problem *p, const struct ruleset_rule *rule,
                         uint32_t host)
{
    if (rule->by_rack && p->host[host]->rack[0] != '\0')
        g_string_append_printf(text, "in rack %s on %s", p->host[host]->rack, p->host[host]->name);
    else
        g_string_append_printf(text, "on %s", p->host[host]->name);
}

/* "web1 is on cna1, web2 is on cna1": the VMs that stand wrong; NULL if none. */
static char *misplaced_text(const Layout *l, uint32_t r)
{
    const Problem *p = l->problem;
    const struct ruleset_rule *rule = &p->rules->rules[r];
    GString *text = g_string_new(NULL);
    unsigned n = 0;
    uint32_t n_places;

    for (uint32_t i = 0; i < rule->n; i++) {
        uint32_t vm = p->rules->members[rule->first + i];

        if (!is_misplaced(l, r, vm) || ++n > MAX_NAMED)
            continue;
        g_string_append_printf(text, "%s%s is ", n > 1 ? ", " : "", p->vm[vm]->name);
        append_place(text, p, rule, l->at[vm]);
    }
    if (n > MAX_NAMED)
        g_string_append_printf(text, " and %u more", n - MAX_NAMED);
    n_places = rule->by_rack ? count_racks(p) : p->n_usable;
    if (n > 0 && rule->rule->type == RULE_APART && rule->n > n_places)
        g_string_append_printf(text, "; it needs %u %s, %u can be used", rule->n,
                               rule->by_rack ? "racks" : "hosts", n_places);
    return g_string_free(text, n == 0);
}

RuleBreaches *rules_breaches_at(const Layout *layout)
{
    const Ruleset *set = layout->problem->rules;
    RuleBreaches *breaches = g_new0(RuleBreaches, 1);

    breaches->items = g_new0(struct rule_breach, set->n_rules + 1);
    for (uint32_t r = 0; r < set->n_rules; r++) {
        const struct ruleset_rule *rule = &set->rules[r];
        g_autofree char *wrong = misplaced_text(layout, r);
        struct rule_breach *breach = &breaches->items[breaches->n_items];

        if (!wrong)
            continue;
        *breach = (struct rule_breach){
            .rule_id = rule->rule->id,
            .rule_name = g_strdup(rule->rule->name),
            .must = rule->must,
            .text =
                g_strdup_printf("%s rule '%s' (%s) is broken: %s", rule_type_name(rule->rule->type),
                                rule->rule->name, rule_strength_name(rule->rule->strength), wrong),
        };
        breaches->n_items++;
    }
    return breaches;
}

RuleBreaches *rules_breaches(const Snapshot *snap, int64_t cluster_id)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) problem = NULL;
    g_autoptr(Layout) layout = NULL;
    struct sched_params params;

    sched_params_init(&params);
    problem = problem_new(snap, cluster_id, &params, 0, NULL);
    if (!problem)
        return g_new0(RuleBreaches, 1);
    layout = layout_new(problem, &free_moves);
    return rules_breaches_at(layout);
}
