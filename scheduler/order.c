/* order.c - see order.h.
 *
 * First a serial order: again and again the best ranked move that could go now.  A step's
 * dependencies are then chosen for the worst case in which every earlier arrival is on its way or
 * there, and only the departures on its list are over; that makes the result independent of
 * durations.  Last a list scheduler with the caps gives expected times. */
#include "config.h"

#include "scheduler/order.h"

#include <stdlib.h>

#include "scheduler/filter.h"

#define MAX_LEGS 2

/* A host beyond this part of its CPU has no headroom left: moves away from it begin first. */
#define FULL_PERMILLE 900

struct task {
    uint32_t vm, to;
    bool done;
};
VEC_DECLARE(task_vec, struct task);

/* What no host may have too much of at any moment.  A VM on its way counts at both ends. */
enum room {
    ROOM_MEMORY,
    ROOM_VCPUS,
    ROOM_RESERVED,     /* MHz */
    ROOM_MEM_RESERVED, /* of overcommitted memory */
    /* a host may have more of these meanwhile when there is no other way */
    ROOM_DEMAND,  /* MHz */
    ROOM_TRAFFIC, /* kbit/s */
};
#define N_ROOMS 6

struct serial {
    const Problem *problem;
    const Layout *target;
    const struct order_rank *rank;
    struct task_vec tasks;
    struct order_step_vec steps;
    uint32_t *now;              /* host of each VM after the steps so far */
    uint32_t (*legs)[MAX_LEGS]; /* steps of each VM, NO_INDEX: none */
    int64_t *worst[N_ROOMS];    /* per host: what all takes that is or was there or came */
    int64_t *first_mhz;         /* per host: demand before the first step */
    int64_t *now_mhz;           /* the same after the steps so far */
    int64_t *first_kbps;        /* the same of traffic */
    struct order_vm_vec *out;   /* per host: steps that leave it */
    bool *banned;               /* VMs that were dropped */
};

/* ---- dependencies --------------------------------------------------------------------------- */

static bool has_dep(const struct order_vm_vec *deps, uint32_t step)
{
    for (size_t i = 0; i < deps->len; i++) {
        if (deps->items[i] == step)
            return true;
    }
    return false;
}

static void add_dep(struct order_vm_vec *deps, uint32_t step)
{
    if (!has_dep(deps, step))
        order_vm_vec_push(deps, step);
}

/* The departures of member from host (or its rack), if it was ever there. */
static void await_departure(const struct serial *s, uint32_t rule, uint32_t member, uint32_t host,
                            struct order_vm_vec *deps)
{
    for (int leg = 0; leg < MAX_LEGS; leg++) {
        uint32_t step = s->legs[member][leg];

        if (step != NO_INDEX && problem_domain(s->problem, rule, s->steps.items[step].from) ==
                                    problem_domain(s->problem, rule, host))
            add_dep(deps, step);
    }
}

/* Keep-apart must-rules: false if a member is on the host or in the rack now. */
static bool await_apart(const struct serial *s, uint32_t vm, uint32_t host,
                        struct order_vm_vec *deps)
{
    const Ruleset *set = s->problem->rules;

    for (uint32_t i = set->vm_first[vm]; i < set->vm_first[vm + 1]; i++) {
        const uint32_t r = set->vm_rules[i];
        const struct ruleset_rule *rule = &set->rules[r];

        if (!rule->must || rule->rule->type != RULE_APART)
            continue;
        for (uint32_t m = 0; m < rule->n; m++) {
            uint32_t member = set->members[rule->first + m];

            if (member == vm)
                continue;
            if (s->now[member] != NO_INDEX && problem_domain(s->problem, r, s->now[member]) ==
                                                  problem_domain(s->problem, r, host))
                return false;
            await_departure(s, r, member, host, deps);
        }
    }
    return true;
}

static int64_t room_taken(const Problem *p, enum room room, uint32_t vm)
{
    switch (room) {
    case ROOM_MEMORY:
        return p->vm_size[vm];
    case ROOM_VCPUS:
        return p->vm_part[BOUNDED_VCPUS][vm];
    case ROOM_RESERVED:
        return p->vm_reserved[vm];
    case ROOM_MEM_RESERVED:
        return p->vm_mem_reserved[vm];
    case ROOM_DEMAND:
        return p->vm_use[RES_CPU][vm];
    case ROOM_TRAFFIC:
        return p->vm_part[BOUNDED_NET][vm];
    }
    return 0;
}

static int64_t room_limit(const struct serial *s, enum room room, uint32_t host)
{
    const Problem *p = s->problem;

    switch (room) {
    case ROOM_MEMORY:
        return p->host_mem_limit[host];
    case ROOM_VCPUS:
        return p->host_bound[BOUNDED_VCPUS][host];
    case ROOM_RESERVED:
        return p->host_cap[RES_CPU][host];
    case ROOM_MEM_RESERVED:
        return p->host_cap[RES_MEM][host];
    case ROOM_TRAFFIC:
        return MAX(MAX(s->first_kbps[host], s->target->part[BOUNDED_NET][host]),
                   p->host_bound[BOUNDED_NET][host]);
    case ROOM_DEMAND:
        return MAX(MAX(s->first_mhz[host], s->target->used[RES_CPU][host]),
                   p->host_cap[RES_CPU][host]);
    }
    return 0;
}

/* Waits for departures from the host, earliest first, until vm fits beside all that may be there.
 */
static bool await_room(const struct serial *s, enum room room, uint32_t vm, uint32_t host,
                       struct order_vm_vec *deps)
{
    const Problem *p = s->problem;
    const struct order_vm_vec *out = &s->out[host];
    int64_t wanted = room_taken(p, room, vm);
    int64_t over = s->worst[room][host] + wanted - room_limit(s, room, host);

    if (wanted == 0)
        return true;
    for (size_t i = 0; i < out->len; i++) {
        if (has_dep(deps, out->items[i]))
            over -= room_taken(p, room, s->steps.items[out->items[i]].vm);
    }
    for (size_t i = 0; i < out->len && over > 0; i++) {
        if (has_dep(deps, out->items[i]))
            continue;
        over -= room_taken(p, room, s->steps.items[out->items[i]].vm);
        order_vm_vec_push(deps, out->items[i]);
    }
    return over <= 0;
}

/* cool: without more demand on the host than it had, will have or can carry. */
static bool can_go(const struct serial *s, uint32_t vm, uint32_t to, bool cool,
                   struct order_vm_vec *deps)
{
    deps->len = 0;
    if (s->legs[vm][0] != NO_INDEX)
        add_dep(deps, s->legs[vm][0]);
    return await_apart(s, vm, to, deps) && await_room(s, ROOM_MEMORY, vm, to, deps) &&
           await_room(s, ROOM_VCPUS, vm, to, deps) && await_room(s, ROOM_RESERVED, vm, to, deps) &&
           await_room(s, ROOM_MEM_RESERVED, vm, to, deps) &&
           (!cool || (await_room(s, ROOM_DEMAND, vm, to, deps) &&
                      await_room(s, ROOM_TRAFFIC, vm, to, deps)));
}

static int index_cmp(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void add_worst(struct serial *s, uint32_t vm, uint32_t host)
{
    for (int room = 0; room < N_ROOMS; room++)
        s->worst[room][host] += room_taken(s->problem, (enum room)room, vm);
}

/* CPU load of a full host after the steps so far, in per mille; 0: it is not full. */
static int64_t heat_of(const struct serial *s, uint32_t host)
{
    int64_t load = s->now_mhz[host] * 1000 / s->problem->host_cap[RES_CPU][host];

    return load >= FULL_PERMILLE ? load : 0;
}

static bool is_pressing(const struct serial *s, uint32_t vm)
{
    return s->rank[vm].urgency >= ORDER_PRESSING || heat_of(s, s->now[vm]) > 0;
}

/* Appends a step; deps are copied. */
static void go(struct serial *s, uint32_t vm, uint32_t to, const struct order_vm_vec *deps)
{
    uint32_t index = (uint32_t)s->steps.len;
    struct order_step step = {
        .vm = vm,
        .from = s->now[vm],
        .to = to,
        .detour = to != s->target->at[vm],
        .pressing = is_pressing(s, vm),
        .depends = g_memdup2(deps->items, deps->len * sizeof(*deps->items)),
        .n_depends = deps->len,
        .length_ms = MAX(s->problem->vm_cost_ms[vm], 1),
    };

    if (step.n_depends > 0)
        qsort(step.depends, step.n_depends, sizeof(*step.depends), index_cmp);
    s->legs[vm][s->legs[vm][0] == NO_INDEX ? 0 : 1] = index;
    order_vm_vec_push(&s->out[step.from], index);
    add_worst(s, vm, to);
    s->now_mhz[step.from] -= s->problem->vm_use[RES_CPU][vm];
    s->now_mhz[to] += s->problem->vm_use[RES_CPU][vm];
    s->now[vm] = to;
    order_step_vec_push(&s->steps, step);
}

/* ---- the serial order ----------------------------------------------------------------------- */

static int rank_cmp(const struct serial *s, uint32_t a, uint32_t b)
{
    const struct order_rank *x = &s->rank[a], *y = &s->rank[b];

    if (x->urgency != y->urgency)
        return x->urgency > y->urgency ? -1 : 1;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return (a > b) - (a < b);
}

/* What is pressing first, and of that the fullest host's busiest VM. */
static int turn_cmp(const struct serial *s, uint32_t a, uint32_t b)
{
    int64_t heat_a = heat_of(s, s->now[a]), heat_b = heat_of(s, s->now[b]);
    const int64_t *use = s->problem->vm_use[RES_CPU];

    if (is_pressing(s, a) != is_pressing(s, b))
        return is_pressing(s, a) ? -1 : 1;
    if (heat_a != heat_b)
        return heat_a > heat_b ? -1 : 1;
    if (heat_a > 0 && use[a] != use[b])
        return use[a] > use[b] ? -1 : 1;
    return rank_cmp(s, a, b);
}

static bool go_best(struct serial *s, bool cool, struct order_vm_vec *deps)
{
    struct task *best = NULL;

    for (size_t i = 0; i < s->tasks.len; i++) {
        struct task *task = &s->tasks.items[i];

        if (task->done || (best && turn_cmp(s, task->vm, best->vm) > 0))
            continue;
        if (can_go(s, task->vm, task->to, cool, deps))
            best = task;
    }
    if (!best)
        return false;
    (void)can_go(s, best->vm, best->to, cool, deps);
    go(s, best->vm, best->to, deps);
    best->done = true;
    return true;
}

/* A move into this host is waiting for room or for a rule. */
static bool is_wanted(const struct serial *s, uint32_t host)
{
    for (size_t i = 0; i < s->tasks.len; i++) {
        if (!s->tasks.items[i].done && s->tasks.items[i].to == host)
            return true;
    }
    return false;
}

static bool has_must_together(const Problem *p, uint32_t vm)
{
    const Ruleset *set = p->rules;

    for (uint32_t i = set->vm_first[vm]; i < set->vm_first[vm + 1]; i++) {
        const struct ruleset_rule *rule = &set->rules[set->vm_rules[i]];

        if (rule->must && rule->rule->type == RULE_TOGETHER)
            return true;
    }
    return false;
}

struct detour {
    const struct task *task; /* NULL: none */
    uint32_t host;
    bool hot; /* the spare host is overloaded meanwhile */
};

static bool is_better_detour(const struct serial *s, const struct detour *a, const struct detour *b)
{
    const int64_t *cost_ms = s->problem->vm_cost_ms;

    if (!b->task || a->hot != b->hot)
        return !b->task || b->hot;
    return cost_ms[a->task->vm] < cost_ms[b->task->vm];
}

/* Looks for a spare host for one VM. */
static void consider_detour(const struct serial *s, const struct task *task,
                            struct order_vm_vec *deps, struct detour *best)
{
    const Problem *p = s->problem;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        int64_t used = s->target->used[RES_CPU][h] + p->vm_use[RES_CPU][task->vm];
        struct detour detour = { .task = task, .host = h, .hot = used > p->host_cap[RES_CPU][h] };

        if (h == s->now[task->vm] || h == task->to || !problem_usable(p, h) ||
            (detour.hot && s->rank[task->vm].urgency < ORDER_PRESSING))
            continue;
        if (is_better_detour(s, &detour, best) &&
            filter_first(s->target, task->vm, h, FILTER_USE_STATIC) == FILTER_NONE &&
            can_go(s, task->vm, h, !detour.hot, deps))
            *best = detour;
    }
}

/* Stuck in a circle: the VM that is cheapest to copy makes room by way of a third host. */
static bool go_detour(struct serial *s, struct order_vm_vec *deps)
{
    struct detour best = { 0 };

    for (size_t i = 0; i < s->tasks.len; i++) {
        const struct task *task = &s->tasks.items[i];

        if (task->done || s->legs[task->vm][0] != NO_INDEX ||
            has_must_together(s->problem, task->vm) || !is_wanted(s, s->now[task->vm]))
            continue;
        consider_detour(s, task, deps, &best);
    }
    if (!best.task)
        return false;
    (void)can_go(s, best.task->vm, best.host, !best.hot, deps);
    go(s, best.task->vm, best.host, deps);
    return true;
}

static void serial_reset(struct serial *s)
{
    const Problem *p = s->problem;

    for (size_t i = 0; i < s->steps.len; i++)
        g_free(s->steps.items[i].depends);
    s->steps.len = 0;
    s->tasks.len = 0;
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        s->worst[ROOM_MEMORY][h] = p->host_base_mem[h];
        for (int room = ROOM_MEMORY + 1; room < N_ROOMS; room++)
            s->worst[room][h] = 0;
        s->now_mhz[h] = s->first_mhz[h];
        s->out[h].len = 0;
    }
    for (uint32_t v = 0; v < p->n_vms; v++) {
        struct task task = { .vm = v, .to = s->target->at[v] };

        s->now[v] = p->vm_home[v];
        s->legs[v][0] = s->legs[v][1] = NO_INDEX;
        if (s->now[v] != NO_INDEX)
            add_worst(s, v, s->now[v]);
        if (s->now[v] != task.to && s->now[v] != NO_INDEX && task.to != NO_INDEX && !s->banned[v])
            task_vec_push(&s->tasks, task);
    }
}

/* The lowest ranked move that is left over: dropping it may let the others go. */
static uint32_t least_left(const struct serial *s)
{
    uint32_t least = NO_INDEX;

    for (size_t i = 0; i < s->tasks.len; i++) {
        const struct task *task = &s->tasks.items[i];

        if (!task->done && (least == NO_INDEX || rank_cmp(s, task->vm, least) > 0))
            least = task->vm;
    }
    return least;
}

/* A complete serial order; VMs that stand in its way are dropped one by one. */
static void find_serial(struct serial *s, struct order_vm_vec *dropped)
{
    struct order_vm_vec deps = { 0 };
    uint32_t least;

    do {
        serial_reset(s);
        while (go_best(s, true, &deps) || go_best(s, false, &deps) || go_detour(s, &deps))
            ;
        least = least_left(s);
        if (least != NO_INDEX) {
            s->banned[least] = true;
            order_vm_vec_push(dropped, least);
        }
    } while (least != NO_INDEX);
    order_vm_vec_clear(&deps);
}

/* ---- expected times ------------------------------------------------------------------------- */

struct timetable {
    const Problem *problem;
    struct order_step *steps;
    size_t n;
    int64_t *chain;     /* length of the longest chain that begins with the step */
    uint32_t *queue;    /* steps by priority */
    int64_t *end_ms;    /* -1: not started */
    uint32_t *in, *out; /* running, per host */
    uint32_t running;
};

static void find_chains(struct timetable *t)
{
    for (size_t i = t->n; i-- > 0;) {
        t->chain[i] += t->steps[i].length_ms;
        for (size_t d = 0; d < t->steps[i].n_depends; d++) {
            uint32_t before = t->steps[i].depends[d];

            t->chain[before] = MAX(t->chain[before], t->chain[i]);
            t->steps[before].pressing = t->steps[before].pressing || t->steps[i].pressing;
        }
    }
}

static int queue_cmp(const void *a, const void *b, void *data)
{
    const struct timetable *t = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (t->steps[x].pressing != t->steps[y].pressing)
        return t->steps[x].pressing ? -1 : 1;
    if (!t->steps[x].pressing && t->chain[x] != t->chain[y])
        return t->chain[x] > t->chain[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static bool may_start(const struct timetable *t, uint32_t i, int64_t now_ms)
{
    const struct sched_params *params = &t->problem->params;
    const struct order_step *step = &t->steps[i];

    if (t->end_ms[i] >= 0 || t->running >= MAX(params->cap_cluster, 1) ||
        t->out[step->from] >= MAX(params->cap_host_out, 1) ||
        t->in[step->to] >= MAX(params->cap_host_in, 1))
        return false;
    for (size_t d = 0; d < step->n_depends; d++) {
        int64_t end_ms = t->end_ms[step->depends[d]];

        if (end_ms < 0 || end_ms > now_ms)
            return false;
    }
    return true;
}

static void start(struct timetable *t, uint32_t i, int64_t now_ms)
{
    t->steps[i].start_ms = now_ms;
    t->end_ms[i] = now_ms + t->steps[i].length_ms;
    t->out[t->steps[i].from]++;
    t->in[t->steps[i].to]++;
    t->running++;
}

/* The next moment at which a step ends; takes the steps that end then out of the running. */
static int64_t next_end(struct timetable *t, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; i < t->n; i++) {
        if (t->end_ms[i] > now_ms)
            next_ms = MIN(next_ms, t->end_ms[i]);
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->end_ms[i] == next_ms) {
            t->out[t->steps[i].from]--;
            t->in[t->steps[i].to]--;
            t->running--;
        }
    }
    return next_ms;
}

static int64_t run_timetable(struct timetable *t)
{
    int64_t now_ms = 0;
    size_t left = t->n;

    while (left > 0) {
        for (size_t q = 0; q < t->n; q++) {
            if (may_start(t, t->queue[q], now_ms)) {
                start(t, t->queue[q], now_ms);
                left--;
            }
        }
        now_ms = next_end(t, now_ms);
    }
    for (size_t i = 0; i < t->n; i++)
        now_ms = MAX(now_ms, t->end_ms[i]);
    return t->n > 0 ? now_ms : 0;
}

static int64_t find_times(const Problem *p, struct order_step_vec *steps)
{
    struct timetable t = { .problem = p, .steps = steps->items, .n = steps->len };
    int64_t makespan_ms;

    t.chain = g_new0(int64_t, t.n + 1);
    t.queue = g_new0(uint32_t, t.n + 1);
    t.end_ms = g_new0(int64_t, t.n + 1);
    t.in = g_new0(uint32_t, p->n_hosts + 1);
    t.out = g_new0(uint32_t, p->n_hosts + 1);
    find_chains(&t);
    for (uint32_t i = 0; i < t.n; i++) {
        t.queue[i] = i;
        t.end_ms[i] = -1;
    }
    if (t.n > 1)
        g_qsort_with_data(t.queue, (gint)t.n, sizeof(*t.queue), queue_cmp, &t);
    makespan_ms = run_timetable(&t);
    g_free(t.chain);
    g_free(t.queue);
    g_free(t.end_ms);
    g_free(t.in);
    g_free(t.out);
    return makespan_ms;
}

/* ---- result --------------------------------------------------------------------------------- */

static int start_cmp(const void *a, const void *b, void *data)
{
    const struct order_step *steps = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (steps[x].start_ms != steps[y].start_ms)
        return steps[x].start_ms < steps[y].start_ms ? -1 : 1;
    return (x > y) - (x < y);
}

/* Steps by start; what a step waits for has ended before it starts, so it stands above. */
static void sort_steps(struct order_step_vec *from, struct order_step_vec *to)
{
    g_autofree uint32_t *by_start = g_new(uint32_t, from->len + 1);
    g_autofree uint32_t *place = g_new(uint32_t, from->len + 1);

    for (uint32_t i = 0; i < from->len; i++)
        by_start[i] = i;
    if (from->len > 1)
        g_qsort_with_data(by_start, (gint)from->len, sizeof(*by_start), start_cmp, from->items);
    for (uint32_t i = 0; i < from->len; i++)
        place[by_start[i]] = i;
    for (uint32_t i = 0; i < from->len; i++) {
        struct order_step step = from->items[by_start[i]];

        for (size_t d = 0; d < step.n_depends; d++)
            step.depends[d] = place[step.depends[d]];
        if (step.n_depends > 1)
            qsort(step.depends, step.n_depends, sizeof(*step.depends), index_cmp);
        order_step_vec_push(to, step);
    }
}

static void serial_init(struct serial *s, const Layout *target, const struct order_rank *rank)
{
    const Problem *p = target->problem;

    *s = (struct serial){ .problem = p, .target = target, .rank = rank };
    s->now = g_new0(uint32_t, p->n_vms + 1);
    s->legs = g_malloc0((p->n_vms + 1) * sizeof(*s->legs));
    for (int room = 0; room < N_ROOMS; room++)
        s->worst[room] = g_new0(int64_t, p->n_hosts + 1);
    s->first_mhz = g_new0(int64_t, p->n_hosts + 1);
    s->now_mhz = g_new0(int64_t, p->n_hosts + 1);
    s->first_kbps = g_new0(int64_t, p->n_hosts + 1);
    for (uint32_t v = 0; v < p->n_vms; v++) {
        if (p->vm_home[v] == NO_INDEX)
            continue;
        s->first_mhz[p->vm_home[v]] += p->vm_use[RES_CPU][v];
        s->first_kbps[p->vm_home[v]] += p->vm_part[BOUNDED_NET][v];
    }
    s->out = g_new0(struct order_vm_vec, p->n_hosts + 1);
    s->banned = g_new0(bool, p->n_vms + 1);
}

static void serial_clear(struct serial *s)
{
    for (uint32_t h = 0; h < s->problem->n_hosts; h++)
        order_vm_vec_clear(&s->out[h]);
    g_free(s->now);
    g_free(s->legs);
    for (int room = 0; room < N_ROOMS; room++)
        g_free(s->worst[room]);
    g_free(s->first_mhz);
    g_free(s->now_mhz);
    g_free(s->first_kbps);
    g_free(s->out);
    g_free(s->banned);
    task_vec_clear(&s->tasks);
    order_step_vec_clear(&s->steps);
}

Order *order_new(const Layout *target, const struct order_rank *rank)
{
    Order *order = g_new0(Order, 1);
    struct serial s;

    serial_init(&s, target, rank);
    find_serial(&s, &order->dropped);
    order->makespan_ms = find_times(target->problem, &s.steps);
    sort_steps(&s.steps, &order->steps);
    serial_clear(&s);
    return order;
}

void order_free(Order *order)
{
    if (!order)
        return;
    for (size_t i = 0; i < order->steps.len; i++)
        g_free(order->steps.items[i].depends);
    order_step_vec_clear(&order->steps);
    order_vm_vec_clear(&order->dropped);
    g_free(order);
}
