/* rules.c - see rules.h.
 *
 * Contradictions are looked for in what the must-rules say, not in what runs or fits now: sets that
 * must stay together (union-find), the hosts each set may be on, and for a keep-apart rule whether
 * its VMs can get a host each, also beside other rules (rulefit.h).  A contradiction counts only if
 * a candidate is part of it: an old one does not forbid an unrelated change. */
#include "config.h"

#include "scheduler/rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/rulefit.h"
#include "scheduler/ruleset.h"

/* Effort of one check, see rulefit.h: a second or so.  A number, never a time. */
#define BUDGET INT64_C(100000000)
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
    const struct rules_change *change; /* candidates, or NULL */
    const Group *group;                /* candidate or NULL */
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
    bool unsure; /* the budget was used up */
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

static void add_fact(struct universe *u, const Rule *rule, bool is_candidate)
{
    struct fact *fact = &u->facts[u->n_facts];

    if (rule->cluster_id != u->cluster_id || !is_must(rule))
        return;
    *fact = (struct fact){ .rule = rule };
    fact->vm_ids = ruleset_expand(rule, find_group, u, &fact->n_vms);
    fact->hosts = rule->type == RULE_VM_HOST ? find_group(u, rule->host_group_id) : NULL;
    fact->is_candidate =
        is_candidate ||
        (u->group && (rule->vm_group_id == u->group->id || rule->host_group_id == u->group->id));
    if (fact->n_vms == 0 ||
        (rule->type == RULE_VM_HOST && (!fact->hosts || fact->hosts->n_members == 0))) {
        g_free(fact->vm_ids);
        return;
    }
    u->n_facts++;
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

/* The hosts that a VM-to-host rule allows. */
static uint64_t *hosts_of(const struct universe *u, const struct fact *fact)
{
    uint64_t *bits = g_new0(uint64_t, u->n_words);

    for (uint32_t h = 0; h < u->n_hosts; h++) {
        if (group_has(fact->hosts, u->hosts[h]->id) == (fact->rule->strength == RULE_MUST))
            bits[h / 64] |= UINT64_C(1) << (h % 64);
    }
    return bits;
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
        g_autofree uint64_t *bits = fact->rule->type == RULE_VM_HOST ? hosts_of(u, fact) : NULL;

        for (size_t i = 0; i < fact->n_vms; i++) {
            uint32_t root = root_of(u, fact->nodes[i]);

            for (uint32_t word = 0; word < u->n_words && bits; word++)
                u->allowed[(size_t)root * u->n_words + word] &= bits[word];
            if (fact->rule->type != RULE_APART && fact->is_candidate)
                u->touched[root] = true;
        }
    }
}

/* The change replaces or removes the rule. */
static bool is_outdated(const struct rules_change *change, int64_t rule_id)
{
    for (size_t i = 0; change && i < change->n_put; i++) {
        if (change->put[i]->id == rule_id)
            return true;
    }
    for (size_t i = 0; change && i < change->n_dropped; i++) {
        if (change->dropped[i] == rule_id)
            return true;
    }
    return false;
}

static void universe_init(struct universe *u, const Snapshot *snap, int64_t cluster_id,
                          const struct rules_change *change, const Group *group)
{
    size_t n_put = change ? change->n_put : 0;

    *u = (struct universe){
        .snap = snap, .change = change, .group = group, .cluster_id = cluster_id
    };
    u->facts = g_new0(struct fact, snap->n_rules + n_put + 1);
    for (size_t i = 0; i < snap->n_rules; i++) {
        if (!is_outdated(change, snap->rules[i]->id))
            add_fact(u, snap->rules[i], false);
    }
    for (size_t i = 0; i < n_put; i++)
        add_fact(u, change->put[i], true);
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

/* ---- contradictions of several rules -------------------------------------------------------- */

/* Marks the nodes of a fact if one of them is marked; true if that marks any more. */
static bool spread_mark(const struct fact *fact, bool *marked)
{
    bool any = fact->is_candidate, more = false;

    for (size_t i = 0; i < fact->n_vms; i++)
        any = any || marked[fact->nodes[i]];
    for (size_t i = 0; i < fact->n_vms && any; i++) {
        more = more || !marked[fact->nodes[i]];
        marked[fact->nodes[i]] = true;
    }
    return more;
}

/* Facts that no chain of VMs ties to a candidate are left out. */
static void leave_out_strangers(const struct universe *u, bool *off)
{
    g_autofree bool *marked = g_new0(bool, u->n_nodes + 1);
    bool more = true;

    while (more) {
        more = false;
        for (size_t f = 0; f < u->n_facts; f++)
            more = spread_mark(&u->facts[f], marked) || more;
    }
    for (size_t f = 0; f < u->n_facts; f++)
        off[f] = !marked[u->facts[f].nodes[0]];
}

struct fit {
    struct rulefit fit;
    int64_t budget;
    struct rulefit_fact *facts;
    uint64_t **bits; /* per fact, owned */
};

static void fit_init(struct fit *fit, const struct universe *u)
{
    fit->facts = g_new0(struct rulefit_fact, u->n_facts + 1);
    fit->bits = g_new0(uint64_t *, u->n_facts + 1);
    for (size_t f = 0; f < u->n_facts; f++) {
        const struct fact *fact = &u->facts[f];
        bool by_rack = fact->rule->type == RULE_APART && fact->rule->domain == FAULT_DOMAIN_RACK;

        if (fact->rule->type == RULE_VM_HOST)
            fit->bits[f] = hosts_of(u, fact);
        fit->facts[f] = (struct rulefit_fact){ .type = fact->rule->type,
                                               .nodes = fact->nodes,
                                               .n = fact->n_vms,
                                               .hosts = fit->bits[f],
                                               .slots = by_rack ? u->rack : NULL };
    }
    fit->budget = BUDGET;
    fit->fit = (struct rulefit){ .facts = fit->facts,
                                 .n_facts = u->n_facts,
                                 .n_nodes = u->n_nodes,
                                 .n_hosts = u->n_hosts,
                                 .budget = &fit->budget };
}

static void fit_clear(struct fit *fit, const struct universe *u)
{
    for (size_t f = 0; f < u->n_facts; f++)
        g_free(fit->bits[f]);
    g_free(fit->bits);
    g_free(fit->facts);
}

static void append_name(GString *list, unsigned *n, const char *name)
{
    if (++*n <= MAX_NAMED)
        g_string_append_printf(list, "%s%s", *n > 1 ? ", " : "", name);
}

static void end_list(GString *list, unsigned n)
{
    if (n > MAX_NAMED)
        g_string_append_printf(list, " and %u more", n - MAX_NAMED);
}

static char *list_rules(const struct universe *u, const bool *off)
{
    GString *list = g_string_new(NULL);
    unsigned n = 0;

    for (size_t f = 0; f < u->n_facts; f++) {
        const Rule *rule = u->facts[f].rule;
        g_autofree char *name =
            g_strdup_printf("%s '%s'%s", rule_type_name(rule->type), rule->name,
                            rule->domain == FAULT_DOMAIN_RACK ? " (over racks)" : "");

        if (!off[f])
            append_name(list, &n, name);
    }
    end_list(list, n);
    return g_string_free(list, FALSE);
}

/* Sets that a VM-to-host rule of the core is about. */
static bool *find_tied(struct universe *u, const bool *off)
{
    bool *tied = g_new0(bool, u->n_nodes + 1);

    for (size_t f = 0; f < u->n_facts; f++) {
        for (size_t i = 0; i < u->facts[f].n_vms && !off[f]; i++)
            tied[root_of(u, u->facts[f].nodes[i])] |= u->facts[f].rule->type == RULE_VM_HOST;
    }
    return tied;
}

/* The VMs that a keep-apart rule of the core is about, and that others tie to hosts. */
static char *list_vms(struct universe *u, const bool *off, bool *ret_in)
{
    g_autofree bool *tied = find_tied(u, off);
    GString *list = g_string_new(NULL);
    unsigned n = 0;

    for (size_t f = 0; f < u->n_facts; f++) {
        const struct fact *fact = &u->facts[f];

        for (size_t i = 0; i < fact->n_vms && !off[f] && fact->rule->type == RULE_APART; i++)
            ret_in[fact->nodes[i]] = ret_in[fact->nodes[i]] || tied[root_of(u, fact->nodes[i])];
    }
    for (uint32_t node = 0; node < u->n_nodes; node++) {
        if (ret_in[node])
            append_name(list, &n, vm_name(u, node));
    }
    end_list(list, n);
    return g_string_free(list, FALSE);
}

/* What the VM-to-host rules of the core leave to the VMs. */
static char *list_hosts(const struct universe *u, const struct fit *fit, const bool *off,
                        const bool *in)
{
    GString *list = g_string_new(NULL);
    unsigned n = 0;

    for (uint32_t h = 0; h < u->n_hosts; h++) {
        bool open = false;

        for (size_t f = 0; f < u->n_facts; f++) {
            bool about = false;

            for (size_t i = 0; i < u->facts[f].n_vms && !off[f] && fit->bits[f]; i++)
                about = about || in[u->facts[f].nodes[i]];
            open = open || (about && (fit->bits[f][h / 64] >> (h % 64) & 1));
        }
        if (open)
            append_name(list, &n, u->hosts[h]->name);
    }
    end_list(list, n);
    return g_string_free(list, FALSE);
}

static void say_core(struct universe *u, const struct fit *fit, const bool *off, GError **error)
{
    g_autofree bool *in = g_new0(bool, u->n_nodes + 1);
    g_autofree char *rules = list_rules(u, off);
    g_autofree char *vms = list_vms(u, off, in);
    g_autofree char *hosts = list_hosts(u, fit, off, in);
    g_autofree char *text =
        g_strdup_printf("rules %s contradict each other: %s cannot be kept apart as long as they "
                        "may only be on %s%s",
                        rules, vms, hosts[0] ? hosts : "the hosts that are left",
                        fit->budget > 0 ? ""
                                        : " (fewer rules may be to blame: so many hang "
                                          "together that the search was cut short)");

    conflict(error, text);
}

/* Of a contradiction without candidates: a keep-apart fact that takes part, if there is one. */
static size_t find_culprit(const struct universe *u, const struct fit *fit, bool *old)
{
    size_t out = u->n_facts;

    rulefit_core(&fit->fit, old);
    for (size_t f = u->n_facts; f > 0; f--) {
        if (!old[f - 1] && (out == u->n_facts || u->facts[f - 1].rule->type == RULE_APART))
            out = f - 1;
    }
    return out;
}

static void leave_out_candidates(const struct universe *u, const bool *off, bool *old)
{
    for (size_t f = 0; f < u->n_facts; f++)
        old[f] = off[f] || u->facts[f].is_candidate;
}

/* Contradictions that were there before the candidates came are not theirs: a keep-apart rule of
 * each is left out, and what the candidates contradict beside it is still found. */
static void leave_out_old(const struct universe *u, const struct fit *fit, bool *off)
{
    g_autofree bool *old = g_new0(bool, u->n_facts + 1);

    leave_out_candidates(u, off, old);
    if (rulefit_impossible(&fit->fit, old) && rulefit_drop_tight(&fit->fit, old)) {
        for (size_t f = 0; f < u->n_facts; f++)
            off[f] = off[f] || (old[f] && !u->facts[f].is_candidate);
    }
    for (size_t tries = 0; tries < u->n_facts; tries++) {
        leave_out_candidates(u, off, old);
        if (!rulefit_impossible(&fit->fit, old))
            return;
        off[find_culprit(u, fit, old)] = true;
    }
}

/* Is there any placement at all? */
static bool check_all(struct universe *u, GError **error)
{
    g_autofree bool *off = g_new0(bool, u->n_facts + 1);
    struct fit fit = { 0 };
    bool ok;

    leave_out_strangers(u, off);
    fit_init(&fit, u);
    ok = !rulefit_impossible(&fit.fit, off);
    if (!ok) {
        leave_out_old(u, &fit, off);
        ok = !rulefit_impossible(&fit.fit, off);
    }
    u->unsure = ok && fit.budget <= 0;
    if (!ok) {
        rulefit_core(&fit.fit, off);
        say_core(u, &fit, off, error);
    }
    fit_clear(&fit, u);
    return ok;
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
    return check_all(u, error);
}

/* ---- entries -------------------------------------------------------------------------------- */

static bool check_form(const Snapshot *snap, const Rule *rule, GError **error)
{
    if (!snapshot_cluster(snap, rule->cluster_id)) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL,
                       "there is no cluster %" PRId64, rule->cluster_id);
        return false;
    }
    return has_form(rule, error) && vms_belong(snap, rule, error) &&
           group_belongs(snap, rule, rule->vm_group_id, GROUP_VM, "vmGroupUrn", error) &&
           group_belongs(snap, rule, rule->host_group_id, GROUP_HOST, "hostGroupUrn", error);
}

bool rules_check_change(const Snapshot *snap, int64_t cluster_id, const struct rules_change *change,
                        bool *ret_unsure, GError **error)
{
    struct universe u;
    bool ok;

    for (size_t i = 0; i < change->n_put; i++) {
        if (!check_form(snap, change->put[i], error))
            return false;
    }
    universe_init(&u, snap, cluster_id, change, NULL);
    ok = check_universe(&u, error);
    if (ok && ret_unsure)
        *ret_unsure = u.unsure;
    universe_clear(&u);
    return ok;
}

bool rules_check(const Snapshot *snap, const Rule *candidate, GError **error)
{
    const struct rules_change change = { .put = &candidate, .n_put = 1 };

    return rules_check_change(snap, candidate->cluster_id, &change, NULL, error);
}

bool rules_check_group(const Snapshot *snap, const Group *candidate, bool *ret_unsure,
                       GError **error)
{
    struct universe u;
    bool ok;

    universe_init(&u, snap, candidate->cluster_id, NULL, candidate);
    ok = check_universe(&u, error);
    if (ok && ret_unsure)
        *ret_unsure = u.unsure;
    universe_clear(&u);
    return ok;
}
