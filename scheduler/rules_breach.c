/* rules_breach.c - which rules running VMs break now; see rules.h. */
#include "config.h"

#include "scheduler/layout.h"
#include "scheduler/rules.h"

/* Names spelt out in one message. */
#define MAX_NAMED 5

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

bool rules_is_misplaced(const Layout *layout, uint32_t rule, uint32_t vm)
{
    const Ruleset *set = layout->problem->rules;
    uint32_t host = layout->at[vm];

    if (host == NO_INDEX)
        return false;
    switch (set->rules[rule].rule->type) {
    case RULE_APART:
        return layout_others(layout, rule, vm, host) > 0;
    case RULE_TOGETHER:
        return layout_others(layout, rule, vm, host) + 1 < set->rules[rule].n;
    case RULE_VM_HOST:
        return !ruleset_host_ok(set, &set->rules[rule], host);
    }
    return false;
}

bool rules_is_broken(const Layout *l, uint32_t r)
{
    const struct ruleset_rule *rule = &l->problem->rules->rules[r];

    for (uint32_t i = 0; i < rule->n; i++) {
        if (rules_is_misplaced(l, r, l->problem->rules->members[rule->first + i]))
            return true;
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

        if (!rules_is_misplaced(l, r, vm) || ++n > MAX_NAMED)
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
