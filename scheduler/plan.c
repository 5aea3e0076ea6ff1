/* plan.c - see plan.h. */
#include "config.h"

#include "scheduler/plan.h"

#include <inttypes.h>
#include <stdarg.h>

Plan *plan_new(int64_t cluster_id)
{
    Plan *plan = g_new0(Plan, 1);

    plan->cluster_id = cluster_id;
    plan->decided = true;
    plan->verdict = g_strdup("");
    return plan;
}

static void move_clear(struct plan_move *move)
{
    g_free(move->vm_name);
    g_free(move->from_name);
    g_free(move->to_name);
    g_free(move->depends);
    g_free(move->text);
    g_free(move->rejected);
}

static bool ends_later(const Plan *plan, size_t detour, size_t n)
{
    for (size_t i = detour + 1; i < n; i++) {
        if (plan->moves.items[i].vm_id == plan->moves.items[detour].vm_id)
            return true;
    }
    return false;
}

void plan_cut(Plan *plan, size_t n)
{
    for (size_t i = 0; i < n && i < plan->moves.len; i++) {
        if (plan->moves.items[i].detour && !ends_later(plan, i, n))
            n = i;
    }
    while (plan->moves.len > n)
        move_clear(&plan->moves.items[--plan->moves.len]);
    plan->makespan_ms = 0;
    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];

        plan->makespan_ms = MAX(plan->makespan_ms, move->start_ms + move->cost_ms);
    }
}

void plan_free(Plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->moves.len; i++)
        move_clear(&plan->moves.items[i]);
    plan_move_vec_clear(&plan->moves);
    for (size_t i = 0; i < plan->stays.len; i++) {
        g_free(plan->stays.items[i].vm_name);
        g_free(plan->stays.items[i].text);
    }
    plan_stay_vec_clear(&plan->stays);
    g_free(plan->verdict);
    g_free(plan);
}

struct plan_move *plan_add_move(Plan *plan)
{
    struct plan_move move = {
        .vm_name = g_strdup(""),
        .from_name = g_strdup(""),
        .to_name = g_strdup(""),
        .text = g_strdup(""),
        .rejected = g_strdup(""),
    };

    plan_move_vec_push(&plan->moves, move);
    return &plan->moves.items[plan->moves.len - 1];
}

struct plan_stay *plan_add_stay(Plan *plan)
{
    struct plan_stay stay = { .vm_name = g_strdup(""), .text = g_strdup("") };

    plan_stay_vec_push(&plan->stays, stay);
    return &plan->stays.items[plan->stays.len - 1];
}

void plan_set_verdict(Plan *plan, const char *format, ...)
{
    va_list args;
    char *verdict;

    va_start(args, format);
    verdict = g_strdup_vprintf(format, args);
    va_end(args);
    g_free(plan->verdict);
    plan->verdict = verdict;
}

static void format_measure(GString *text, const char *name, const struct plan_measure *m)
{
    g_string_append_printf(
        text,
        "%s: imbalance %" PRId64 ", overload %" PRId64 " MHz, shortage %" PRId64
        " MiB, cpu %" PRId64 "/%" PRId64 "/%" PRId64 ", mem %" PRId64 "/%" PRId64 "/%" PRId64
        " (stdev/max/mean), broken %" PRId64 " must %" PRId64 " should, %" PRId64 " hosts\n",
        name, m->imbalance, m->overload_mhz, m->shortage_mb, m->cpu_stdev, m->cpu_max, m->cpu_mean,
        m->mem_stdev, m->mem_max, m->mem_mean, m->must_broken, m->should_broken, m->n_hosts);
    if (m->net_max > 0)
        g_string_append_printf(text,
                               "%s: network at most %" PRId64 ", over by %" PRId64 " kbit/s\n",
                               name, m->net_max, m->net_over_kbps);
    if (m->vcpus_over > 0)
        g_string_append_printf(text, "%s: %" PRId64 " vCPUs more than hosts may have\n", name,
                               m->vcpus_over);
}

static void format_move(GString *text, size_t i, const struct plan_move *m)
{
    g_string_append_printf(
        text, "move %zu: %s %s -> %s, %s, rating %" PRId64 ", %s%s, start %" PRId64 " ms, after",
        i + 1, m->vm_name, m->from_name, m->to_name, move_reason_name(m->reason), m->rating,
        m->automatic ? "automatic" : "manual", m->detour ? ", detour" : "", m->start_ms);
    for (size_t d = 0; d < m->n_depends; d++)
        g_string_append_printf(text, " %u", m->depends[d] + 1);
    g_string_append_printf(text,
                           "%s\n  gain: overload %" PRId64 " MHz, balance %" PRId64
                           ", rules %" PRId64 "; cost: %" PRId64 " ms, %" PRId64
                           " MiB\n  why: %s\n",
                           m->n_depends == 0 ? " nothing" : "", m->gain_overload_mhz,
                           m->gain_balance, m->gain_rules, m->cost_ms, m->cost_mb, m->text);
    if (m->rejected[0])
        g_string_append_printf(text, "  rejected: %s\n", m->rejected);
}

char *plan_format(const Plan *plan)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "cluster %" PRId64 " (%s): %s\n", plan->cluster_id,
                           plan->decided ? "decided" : "not decided", plan->verdict);
    format_measure(text, "before", &plan->before);
    format_measure(text, "after", &plan->after);
    for (size_t i = 0; i < plan->moves.len; i++)
        format_move(text, i, &plan->moves.items[i]);
    for (size_t i = 0; i < plan->stays.len; i++)
        g_string_append_printf(text, "stays: %s%s: %s\n", plan->stays.items[i].vm_name,
                               plan->stays.items[i].transient ? " (for now)" : "",
                               plan->stays.items[i].text);
    g_string_append_printf(text, "lasts: %" PRId64 " ms\n", plan->makespan_ms);
    return g_string_free(text, FALSE);
}

uint64_t plan_hash(const Plan *plan)
{
    g_autofree char *text = plan_format(plan);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return hash;
}
