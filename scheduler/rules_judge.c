/* rules_judge.c - can what is broken be mended?  See rules.h.
 *
 * The answer is the planner's own: its repair is tried in a copy, with the filters that every move
 * goes through.  What is broken afterwards cannot be mended as things are. */
#include "config.h"

#include "scheduler/filter.h"
#include "scheduler/improve.h"
#include "scheduler/rules.h"

/* Spelt out in one text. */
#define MAX_VMS   3
#define MAX_HOSTS 5

void rule_verdicts_free(RuleVerdicts *verdicts)
{
    if (!verdicts)
        return;
    for (size_t i = 0; i < verdicts->n_items; i++)
        g_free(verdicts->items[i].text);
    g_free(verdicts->items);
    g_free(verdicts);
}

/* "web2 is bound to its host", or each host with its first filter. */
static void append_obstacles(GString *text, const Layout *l, uint32_t vm)
{
    const Problem *p = l->problem;
    unsigned n = 0;

    if (p->vm_pin[vm] > PIN_COOLING) {
        g_autofree char *pin = problem_pin_text(p, vm);

        g_string_append_printf(text, "; %s stays: %s", p->vm[vm]->name, pin);
        return;
    }
    if (!problem_usable(p, l->at[vm])) {
        g_string_append_printf(text, "; %s stays: its host %s cannot be used", p->vm[vm]->name,
                               p->host[l->at[vm]]->name);
        return;
    }
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        enum filter_id id;
        g_autofree char *why = NULL;

        if (h == l->at[vm])
            continue;
        id = filter_first(l, vm, h, FILTER_USE_DRS);
        if (id == FILTER_NONE || ++n > MAX_HOSTS)
            continue;
        why = filter_text(l, vm, h, id);
        g_string_append_printf(text, "%s%s", n > 1 ? ", " : "", why);
    }
    if (n > MAX_HOSTS)
        g_string_append_printf(text, " and %u more hosts", n - MAX_HOSTS);
    if (n == 0 && problem_rests(p, vm)) {
        g_autofree char *pin = problem_pin_text(p, vm);

        g_string_append(text, pin);
    } else if (n == 0) {
        g_string_append(text, "no other host is any better");
    }
}

static void append_vm(GString *text, const Layout *l, uint32_t vm)
{
    bool can_look = l->problem->vm_pin[vm] <= PIN_COOLING && problem_usable(l->problem, l->at[vm]);

    if (can_look)
        g_string_append_printf(text, "; %s cannot move: ", l->problem->vm[vm]->name);
    append_obstacles(text, l, vm);
}

/* What is in the way of the VMs that stand wrong; true if that may be over by itself soon. */
static bool say_obstacles(GString *text, const Layout *l, uint32_t r)
{
    const Problem *p = l->problem;
    const struct ruleset_rule *rule = &p->rules->rules[r];
    bool passing = false;
    unsigned n = 0;

    for (uint32_t i = 0; i < rule->n; i++) {
        uint32_t vm = p->rules->members[rule->first + i];
        uint8_t pin = p->vm_pin[vm];

        /* for a must-rule those that rest are moved too */
        passing = passing || (!rule->must && problem_rests(p, vm)) || pin == PIN_BUSY ||
                  pin == PIN_MOVING;
        if (rules_is_misplaced(l, r, vm) && ++n <= MAX_VMS)
            append_vm(text, l, vm);
    }
    return passing;
}

static const char *who_mends(const Cluster *cluster)
{
    if (!cluster->drs.enabled)
        return "moves could mend it, but DRS is switched off in this cluster";
    return cluster->drs.level == DRS_AUTOMATIC ? "DRS mends it by moves"
                                               : "DRS recommends moves that mend it";
}

static const char *breach_text(const RuleBreaches *breaches, int64_t rule_id)
{
    for (size_t i = 0; i < breaches->n_items; i++) {
        if (breaches->items[i].rule_id == rule_id)
            return breaches->items[i].text;
    }
    return "";
}

struct judge {
    const Layout *now, *mended;
    const RuleBreaches *breaches; /* of now */
};

static struct rule_verdict judge_rule(const struct judge *j, uint32_t r)
{
    const Problem *p = j->now->problem;
    const struct ruleset_rule *rule = &p->rules->rules[r];
    struct rule_verdict verdict = { rule->rule->id, rule->must, RULE_MET, NULL };
    GString *text = g_string_new(NULL);

    if (rules_is_broken(j->now, r)) {
        g_string_append(text, breach_text(j->breaches, rule->rule->id));
        verdict.state = RULE_BROKEN;
        if (!rules_is_broken(j->mended, r))
            g_string_append_printf(text, "; %s", who_mends(p->cluster));
        else if (!say_obstacles(text, j->mended, r))
            verdict.state = RULE_UNSATISFIABLE;
    }
    verdict.text = g_string_free(text, FALSE);
    return verdict;
}

static uint32_t find_rule(const Ruleset *set, int64_t rule_id)
{
    for (uint32_t r = 0; r < set->n_rules; r++) {
        if (set->rules[r].rule->id == rule_id)
            return r;
    }
    return NO_INDEX; /* it has no effect now */
}

/* One that has no effect now; what a person may not know is said. */
static struct rule_verdict judge_idle(const Snapshot *snap, const Rule *rule)
{
    const Group *hosts = rule->host_group_id ? snapshot_group(snap, rule->host_group_id) : NULL;
    bool unbound = rule->type == RULE_VM_HOST && (!hosts || hosts->n_members == 0);

    return (struct rule_verdict){
        .rule_id = rule->id,
        .must = rule->strength == RULE_MUST || rule->strength == RULE_MUST_NOT,
        .state = RULE_MET,
        .text = g_strdup(unbound ? "it binds nothing: its host group is empty" : ""),
    };
}

static RuleVerdicts *judge_all(const Snapshot *snap, const struct judge *j)
{
    RuleVerdicts *verdicts = g_new0(RuleVerdicts, 1);

    verdicts->items = g_new0(struct rule_verdict, snap->n_rules + 1);
    for (size_t i = 0; i < snap->n_rules; i++) {
        const Rule *rule = snap->rules[i];
        uint32_t r;

        if (rule->cluster_id != j->now->problem->cluster->id)
            continue;
        r = find_rule(j->now->problem->rules, rule->id);
        verdicts->items[verdicts->n_items++] =
            r != NO_INDEX ? judge_rule(j, r) : judge_idle(snap, rule);
    }
    return verdicts;
}

bool rules_judge(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                 RuleVerdicts **ret_verdicts, GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) problem = problem_new(snap, cluster_id, params, 0, error);
    g_autoptr(Layout) now = NULL;
    g_autoptr(Layout) mended = NULL;
    g_autoptr(RuleBreaches) breaches = NULL;

    if (!problem)
        return false;
    now = layout_new(problem, &free_moves);
    mended = layout_new(problem, &free_moves);
    breaches = rules_breaches_at(now);
    if (breaches->n_items > 0) {
        g_autoptr(Search) search = search_new(mended);

        search->max_moves = UINT32_MAX;
        improve_repair(search);
    }
    *ret_verdicts = judge_all(snap, &(struct judge){ now, mended, breaches });
    return true;
}
