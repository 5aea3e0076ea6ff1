/* explain_vm.c - see explain_vm.h. */
#include "config.h"

#include "scheduler/explain_vm.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/balance.h"
#include "scheduler/entitle.h"
#include "scheduler/explain.h"
#include "scheduler/rules.h"
#include "scheduler/search.h"
#include "scheduler/starts.h"

void vm_explanation_free(VmExplanation *explanation)
{
    if (!explanation)
        return;
    for (size_t i = 0; i < explanation->n_hosts; i++) {
        g_free(explanation->hosts[i].host_name);
        g_free(explanation->hosts[i].text);
    }
    g_free(explanation->hosts);
    g_free(explanation->here);
    g_free(explanation->stays);
    g_free(explanation->start);
    g_free(explanation);
}

static void set_stays(VmExplanation *x, const char *why, char *text)
{
    x->why = why;
    g_free(x->stays);
    x->stays = text;
}

/* ---- each host ------------------------------------------------------------------------------ */

static void add_host(const Layout *l, uint32_t vm, uint32_t host, VmExplanation *x)
{
    struct vm_host_verdict *verdict = &x->hosts[x->n_hosts++];
    enum filter_id id;

    *verdict = (struct vm_host_verdict){
        .host_id = l->problem->host[host]->id,
        .host_name = g_strdup(l->problem->host[host]->name),
        .here = l->at[vm] == host,
        .text = explain_place(l, vm, host, &id),
        .cpu_permille = layout_permille(l, RES_CPU, host),
        .mem_permille = layout_permille(l, RES_MEM, host),
    };
    verdict->fits = id == FILTER_NONE;
    verdict->filter = filter_name(id);
}

/* A host that is in another cluster, or in none. */
static void add_stranger(const Vm *vm, const Host *host, VmExplanation *x)
{
    x->hosts[x->n_hosts++] = (struct vm_host_verdict){
        .host_id = host->id,
        .host_name = g_strdup(host->name),
        .filter = filter_name(FILTER_HOST_CLUSTER),
        .text = g_strdup_printf("%s: is not in the cluster of %s", host->name, vm->name),
    };
}

static void add_hosts(const Layout *l, uint32_t vm, const Host *only, VmExplanation *x)
{
    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        if (!only || l->problem->host[h] == only)
            add_host(l, vm, h, x);
    }
}

/* ---- where it is ---------------------------------------------------------------------------- */

/* What is wrong with its place: a filter that would keep it from coming here today. */
static char *trouble_here(Layout *l, uint32_t vm, uint32_t host)
{
    char *text = NULL;
    enum filter_id id;

    layout_move(l, vm, NO_INDEX);
    id = filter_first(l, vm, host, FILTER_USE_USER);
    if (id != FILTER_NONE)
        text = filter_text(l, vm, host, id);
    layout_move(l, vm, host);
    return text;
}

/* What the VM gets of a CPU that is too small for all on it, and by what right. */
static void append_grant(GString *text, const Layout *l, uint32_t vm, uint32_t host)
{
    const Problem *p = l->problem;
    const struct layout_vms *list = &l->host_vms[host];
    g_autofree struct entitle_claim *claims = g_new0(struct entitle_claim, list->len + 1);
    g_autofree int64_t *grants = g_new0(int64_t, list->len + 1);
    g_autofree char *terms = entitle_cpu_terms(p->vm[vm]);

    for (size_t i = 0; i < list->len; i++) {
        const uint32_t v = list->items[i];

        claims[i] = (struct entitle_claim){
            .demand = MIN(p->vm_demand[RES_CPU][v], ENTITLE_MAX_DEMAND),
            .reserved = p->vm_reserved[v],
            .shares = p->vm[v]->cpu.weight,
        };
    }
    entitle_share(claims, list->len, p->host_cap[RES_CPU][host], grants);
    if (grants[l->slot[vm]] < p->vm_demand[RES_CPU][vm])
        g_string_append_printf(
            text, "; of the %" PRId64 " MHz that it wants it gets %" PRId64 " there (%s)",
            p->vm_demand[RES_CPU][vm], grants[l->slot[vm]], terms);
}

static void append_crowd(GString *text, const Layout *l, uint32_t host)
{
    static const char *const words[N_BOUNDED] = {
        [BOUNDED_VCPUS] = "vCPUs",
        [BOUNDED_NET] = "kbit/s of traffic",
    };

    for (int b = 0; b < N_BOUNDED; b++) {
        int64_t bound = l->problem->host_bound[b][host];

        if (l->part[b][host] > bound)
            g_string_append_printf(text, "; it has %" PRId64 " %s, at most %" PRId64 " are right",
                                   l->part[b][host], words[b], bound);
    }
}

/* The rules that its place breaks; must-rules are among the filters too.  True: none. */
static bool append_broken(GString *text, const Layout *l, uint32_t vm)
{
    const Ruleset *rules = l->problem->rules;
    bool right = true;

    for (uint32_t r = 0; r < rules->n_rules; r++) {
        if (!rules_is_misplaced(l, r, vm))
            continue;
        right = false;
        if (!rules->rules[r].must)
            g_string_append_printf(text, "; should-rule '%s' is broken there",
                                   rules->rules[r].rule->name);
    }
    return right;
}

static char *here_text(Layout *l, uint32_t vm, uint32_t host)
{
    g_autofree char *trouble = trouble_here(l, vm, host);
    struct plan_measure m;
    int64_t over = l->used[RES_CPU][host] - l->problem->host_cap[RES_CPU][host];
    GString *text = g_string_new(NULL);
    bool rules_right;

    layout_measure(l, &m);
    g_string_printf(text,
                    "%s: CPU %" PRId64 " %%, memory %" PRId64 " %%; the cluster: CPU mean %" PRId64
                    " %%, highest %" PRId64 " %%, imbalance %" PRId64 " per mille",
                    l->problem->host[host]->name, (layout_permille(l, RES_CPU, host) + 5) / 10,
                    (layout_permille(l, RES_MEM, host) + 5) / 10, (m.cpu_mean + 5) / 10,
                    (m.cpu_max + 5) / 10, m.imbalance);
    if (over > 0)
        g_string_append_printf(text, "; its CPU is overloaded by %" PRId64 " MHz", over);
    append_grant(text, l, vm, host);
    append_crowd(text, l, host);
    rules_right = append_broken(text, l, vm);
    if (trouble)
        g_string_append_printf(text, "; it would not be put there today: %s", trouble);
    else if (rules_right)
        g_string_append(text, "; nothing forbids it there");
    return g_string_free(text, FALSE);
}

/* ---- why it stays --------------------------------------------------------------------------- */

static const char *pin_word(enum problem_pin pin)
{
    static const char *const words[N_PROBLEM_PINS] = {
        [PIN_NONE] = "",
        [PIN_UNMEASURED] = "unmeasured",
        [PIN_COOLING] = "cool-down",
        [PIN_DRS_OFF] = "override",
        [PIN_PAUSED] = "paused",
        [PIN_BUSY] = "busy",
        [PIN_MOVING] = "moving",
        [PIN_STATE] = "state",
        [PIN_TEMPLATE] = "template",
        [PIN_BOUND] = "bound",
        [PIN_LOCAL_DISK] = "local-disk",
        [PIN_DEVICES] = "devices",
    };

    return words[pin];
}

/* It is part of the plan that was made last. */
static bool say_planned(const Snapshot *snap, const Vm *vm, VmExplanation *x)
{
    const DrsReport *report = snapshot_drs_report(snap, vm->cluster_id);

    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        const Recommendation *rec = report->recommendations[i];

        if (rec->vm_id != vm->id || (rec->state != REC_OPEN && rec->state != REC_APPLYING))
            continue;
        if (rec->state == REC_APPLYING)
            set_stays(x, "moving",
                      g_strdup_printf("its move to %s is being carried out: %s", rec->target_name,
                                      rec->text));
        else
            set_stays(x, "recommended",
                      g_strdup_printf("a move to %s is recommended and waits to be applied: %s",
                                      rec->target_name, rec->text));
        return true;
    }
    return false;
}

static bool say_resting(const Cluster *cluster, const struct sched_params *params, VmExplanation *x,
                        int *ret_level)
{
    struct sched_params now = *params;
    char *why = NULL;

    now.on_demand = false;
    *ret_level = balance_level_now(cluster, &now, &why);
    if (*ret_level > 0)
        return false;
    set_stays(x, cluster->drs.enabled ? "drs-rests" : "drs-off", why);
    return true;
}

static bool has_no_data(const Problem *p)
{
    g_autofree char *trouble = problem_data_trouble(p);

    return trouble != NULL;
}

static bool say_pinned(const Problem *p, uint32_t vm, VmExplanation *x)
{
    enum problem_pin pin = (enum problem_pin)p->vm_pin[vm];
    g_autofree char *text = NULL;

    if (pin == PIN_NONE || (pin == PIN_UNMEASURED && has_no_data(p)))
        return false;
    text = problem_pin_text(p, vm);
    set_stays(x, pin_word(pin),
              g_strdup_printf("%s%s", text,
                              problem_rests(p, vm)
                                  ? "; only overload or a broken must-rule would move it sooner"
                                  : ""));
    return true;
}

static bool say_no_data(const Problem *p, uint32_t vm, VmExplanation *x)
{
    uint32_t home = p->vm_home[vm];
    char *trouble = problem_data_trouble(p);

    if (trouble) {
        set_stays(x, "no-data", g_strdup_printf("no decision: %s", trouble));
        g_free(trouble);
        return true;
    }
    if (p->n_hosts < 2) {
        set_stays(x, "no-other-host", g_strdup("the cluster has no other host"));
        return true;
    }
    if (problem_usable(p, home))
        return false;
    set_stays(x, "host-left-out",
              g_strdup_printf("its host %s takes no part in DRS now: %s", p->host[home]->name,
                              p->host_filter[home] == FILTER_FAILOVER_HOST
                                  ? "it is kept free for fail-over"
                              : p->host[home]->maintaining ? "it is in maintenance"
                                                           : "it is not in service"));
    return true;
}

struct best_move {
    uint32_t to; /* NO_INDEX: every host is barred */
    struct score score;
    uint32_t barred; /* the first host that a filter excludes; NO_INDEX: none */
    enum filter_id filter;
    uint32_t n_barred;
};

static void find_best(const Layout *l, uint32_t vm, struct best_move *best)
{
    *best = (struct best_move){ .to = NO_INDEX, .barred = NO_INDEX };
    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        struct score score;
        enum filter_id id;

        if (h == l->at[vm])
            continue;
        id = filter_first(l, vm, h, FILTER_USE_DRS);
        if (id != FILTER_NONE) {
            best->n_barred++;
            if (best->barred == NO_INDEX) {
                best->barred = h;
                best->filter = id;
            }
            continue;
        }
        layout_try(l, vm, h, &score);
        if (best->to == NO_INDEX || score_cmp(&score, &best->score) < 0) {
            best->to = h;
            best->score = score;
        }
    }
}

/* Per mille of one host's power over the horizon. */
static int64_t host_permille(const Problem *p, int64_t soft)
{
    return soft / MAX(p->params.horizon_ms / 1000, 1) / LOAD_PER_PERMILLE;
}

/* Only evenness and cost tell them apart. */
static bool is_soft(const struct score *a, const struct score *b)
{
    return a->must == b->must && a->shortage == b->shortage && a->overload == b->overload &&
           a->crowd == b->crowd && a->should == b->should;
}

static char *no_gain_text(const Layout *l, uint32_t vm, const struct best_move *best)
{
    const Problem *p = l->problem;
    int64_t price = l->price[vm];
    int64_t gain = l->score.soft - (best->score.soft - price);
    g_autofree char *worse = NULL;

    if (is_soft(&best->score, &l->score) && gain <= 0)
        return g_strdup_printf("its best move, to %s, would make the cluster less even by %" PRId64
                               " per mille of a host",
                               p->host[best->to]->name, host_permille(p, -gain));
    if (is_soft(&best->score, &l->score))
        return g_strdup_printf(
            "its best move, to %s, would gain %" PRId64 " per mille of a host over %" PRId64
            " s and must gain %" PRId64 " to be worth it (%" PRId64 " ms, %" PRId64 " MiB to copy)",
            p->host[best->to]->name, host_permille(p, gain), p->params.horizon_ms / 1000,
            host_permille(p, price), p->vm_cost_ms[vm], p->vm_cost_mb[vm]);
    worse = explain_scores(l, p->host[best->to]->name, &best->score, &l->score);
    return g_strdup_printf("its best move would be worse: %s", worse);
}

static void say_best(Layout *l, uint32_t vm, VmExplanation *x)
{
    const Problem *p = l->problem;
    g_autoptr(Search) search = search_new(l);
    g_autofree char *why = NULL;
    struct best_move best;

    find_best(l, vm, &best);
    if (best.to == NO_INDEX) {
        why = filter_text(l, vm, best.barred, best.filter);
        set_stays(x, "filtered",
                  g_strdup_printf("no host takes it: %s%s", why,
                                  best.n_barred > 1 ? "; see the other hosts below" : ""));
        return;
    }
    if (search_gain(search, &l->score, &best.score) == GAIN_NONE) {
        set_stays(x, "no-gain", no_gain_text(l, vm, &best));
        return;
    }
    why = explain_scores(l, "here", &l->score, &best.score);
    set_stays(x, "due",
              g_strdup_printf("a move to %s would pay now (%s): the next plan makes it unless "
                              "another move does more",
                              p->host[best.to]->name, why));
}

static void say_stays(const Problem *p, uint32_t vm, int number, VmExplanation *x)
{
    const struct balance_level *level = balance_level(number);
    const struct layout_price price = { .lambda_percent = level->lambda_percent,
                                        .min_gain = level->min_gain };
    g_autoptr(Layout) l = layout_new(p, &price);
    struct plan_measure m;

    layout_measure(l, &m);
    if (!balance_is_worth(l, level) && m.must_broken == 0 && m.should_broken == 0 &&
        m.shortage_mb == 0 && m.overload_mhz == 0 && l->score.crowd == 0)
        set_stays(x, "balanced",
                  g_strdup_printf(
                      "the cluster is even enough: imbalance %" PRId64
                      " per mille, threshold %" PRId64 " (level %d)%s, no overload, no broken rule",
                      m.imbalance, level->threshold, number,
                      m.imbalance < level->threshold
                          ? ""
                          : ", but no more than varying loads make, or no host is busy"));
    else
        say_best(l, vm, x);
}

static void say_why_not_moved(const Problem *p, uint32_t vm, VmExplanation *x)
{
    int level;

    if (say_planned(p->snap, p->vm[vm], x) || say_resting(p->cluster, &p->params, x, &level) ||
        say_pinned(p, vm, x) || say_no_data(p, vm, x))
        return;
    say_stays(p, vm, level, x);
}

/* ---- a VM on no host ------------------------------------------------------------------------ */

static void say_start(const Snapshot *snap, const Vm *vm, const struct sched_params *params,
                      VmExplanation *x)
{
    const struct start_want want = { .vm_id = vm->id };
    struct start_answer answer;

    set_stays(x, "stopped", g_strdup_printf("it is %s and on no host", vm_status_name(vm->status)));
    if (vm->is_template) {
        x->start = g_strdup("it is a template and never starts");
        return;
    }
    starts_place(snap, &want, 1, params, &answer);
    x->start_id = answer.host_id;
    x->start = answer.error ? g_strdup(answer.error->message) : g_strdup(answer.why);
    start_answer_clear(&answer);
}

/* ---- entry ---------------------------------------------------------------------------------- */

static bool check_ids(const Snapshot *snap, int64_t vm_id, int64_t host_id, GError **error)
{
    if (!snapshot_vm(snap, vm_id)) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "there is no VM %" PRId64,
                       vm_id);
        return false;
    }
    if (host_id != 0 && !snapshot_host(snap, host_id)) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, "host",
                       "there is no host %" PRId64, host_id);
        return false;
    }
    return true;
}

/* No cluster: DRS, rules and placement know nothing of it. */
static void say_homeless(const Vm *vm, const Host *at, VmExplanation *x)
{
    x->here = g_strdup_printf("%s belongs to no cluster%s%s", vm->name, at ? "; it is on " : "",
                              at ? at->name : "");
    set_stays(x, "no-cluster", g_strdup("DRS moves VMs within a cluster, and it is in none"));
}

static bool fill(const Snapshot *snap, const Vm *vm, const Host *only,
                 const struct sched_params *params, VmExplanation *x, GError **error)
{
    const struct layout_price free_moves = { 0 };
    const bool placed = vm_is_placed(vm);
    g_autoptr(Problem) p = problem_new(snap, vm->cluster_id, params, placed ? 0 : vm->id, error);
    g_autoptr(Layout) l = NULL;
    uint32_t v;

    if (!p)
        return false;
    l = layout_new(p, &free_moves);
    v = problem_find_vm(p, vm->id);
    x->hosts = g_new0(struct vm_host_verdict, p->n_hosts + 1);
    if (only && only->cluster_id != vm->cluster_id)
        add_stranger(vm, only, x);
    else if (v != NO_INDEX)
        add_hosts(l, v, only, x);
    if (v == NO_INDEX) {
        x->here = g_strdup_printf("%s is on no host of its cluster", vm->name);
        set_stays(x, "elsewhere", g_strdup("its host is not in its cluster: DRS leaves it alone"));
    } else if (placed) {
        x->here = here_text(l, v, l->at[v]);
        say_why_not_moved(p, v, x);
    } else {
        x->here = g_strdup_printf("%s is %s", vm->name, vm_status_name(vm->status));
        say_start(snap, vm, params, x);
    }
    return true;
}

bool explain_vm(const Snapshot *snap, int64_t vm_id, int64_t host_id,
                const struct sched_params *params, VmExplanation **ret_explanation, GError **error)
{
    g_autoptr(VmExplanation) x = NULL;
    const Host *only;
    const Vm *vm;

    if (!check_ids(snap, vm_id, host_id, error))
        return false;
    vm = snapshot_vm(snap, vm_id);
    only = host_id != 0 ? snapshot_host(snap, host_id) : NULL;
    x = g_new0(VmExplanation, 1);
    x->vm_id = vm_id;
    if (vm->cluster_id == 0) {
        say_homeless(vm, snapshot_host(snap, vm->host_id), x);
        x->hosts = g_new0(struct vm_host_verdict, 1);
        if (only)
            add_stranger(vm, only, x);
    } else if (!fill(snap, vm, only, params, x, error)) {
        return false;
    }
    *ret_explanation = g_steal_pointer(&x);
    return true;
}
