/* naive.c - see naive.h. */
#include "config.h"

#include "tests/naive.h"

#include <inttypes.h>
#include <string.h>

#include "model/cpu.h"
#include "model/imc.h"

#define MAX_TRIES 4000000

void naive_blame(Naive *n, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append(n->blame, "    ");
    g_string_append_vprintf(n->blame, format, args);
    g_string_append_c(n->blame, '\n');
    va_end(args);
}

/* ---- objects -------------------------------------------------------------------------------- */

int naive_host(const Snapshot *snap, int64_t id)
{
    for (size_t h = 0; h < snap->n_hosts; h++) {
        if (snap->hosts[h]->id == id)
            return (int)h;
    }
    return -1;
}

int naive_vm(const Snapshot *snap, int64_t id)
{
    for (size_t v = 0; v < snap->n_vms; v++) {
        if (snap->vms[v]->id == id)
            return (int)v;
    }
    return -1;
}

static bool has_id(const int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

static bool is_member(const Snapshot *snap, const Rule *rule, int64_t vm_id)
{
    const Group *group = snapshot_group(snap, rule->vm_group_id);

    return has_id(rule->vms, rule->n_vms, vm_id) ||
           (group && has_id(group->members, group->n_members, vm_id));
}

bool naive_is_must(const Rule *rule)
{
    return rule->strength == RULE_MUST || rule->strength == RULE_MUST_NOT;
}

/* Rules of other clusters and such without hosts mean nothing here. */
static bool is_active(const Naive *n, const Rule *rule)
{
    const Group *hosts = snapshot_group(n->snap, rule->host_group_id);

    return rule->cluster_id == n->cluster->id &&
           (rule->type != RULE_VM_HOST || (hosts && hosts->n_members > 0));
}

static bool allows_host(const Naive *n, const Rule *rule, size_t h)
{
    const Group *group = snapshot_group(n->snap, rule->host_group_id);
    bool in = has_id(group->members, group->n_members, n->snap->hosts[h]->id);

    return in == (rule->strength == RULE_MUST || rule->strength == RULE_SHOULD);
}

static bool in_rule(const Naive *n, size_t r, size_t v)
{
    return n->member[r * n->snap->n_vms + v];
}

/* ---- life ----------------------------------------------------------------------------------- */

Naive *naive_new(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                 int64_t closed_id)
{
    Naive *n = g_new0(Naive, 1);

    *n = (Naive){ .snap = snap, .params = params, .closed_id = closed_id };
    n->cluster = snapshot_cluster(snap, cluster_id);
    n->at = g_new0(int, snap->n_vms + 1);
    n->to = g_new0(int, snap->n_vms + 1);
    n->ours = g_new0(bool, snap->n_vms + 1);
    n->member = g_new0(bool, (snap->n_rules + 1) * (snap->n_vms + 1));
    n->first = g_new0(struct naive_sum, snap->n_hosts + 1);
    n->last = g_new0(struct naive_sum, snap->n_hosts + 1);
    n->blame = g_string_new(NULL);
    for (size_t v = 0; v < snap->n_vms; v++) {
        const Vm *vm = snap->vms[v];

        n->at[v] = vm_is_placed(vm) ? naive_host(snap, vm->host_id) : -1;
        n->to[v] = n->at[v] >= 0 ? naive_host(snap, vm->target_host_id) : -1;
        for (size_t r = 0; r < snap->n_rules; r++)
            n->member[r * snap->n_vms + v] =
                is_active(n, snap->rules[r]) && is_member(snap, snap->rules[r], vm->id);
    }
    n->first_at = g_memdup2(n->at, (snap->n_vms + 1) * sizeof(*n->at));
    n->first_to = g_memdup2(n->to, (snap->n_vms + 1) * sizeof(*n->to));
    naive_sums(n, n->first);
    return n;
}

void naive_free(Naive *n)
{
    if (!n)
        return;
    g_free(n->at);
    g_free(n->to);
    g_free(n->ours);
    g_free(n->member);
    g_free(n->first);
    g_free(n->last);
    g_free(n->first_at);
    g_free(n->first_to);
    g_string_free(n->blame, TRUE);
    g_free(n);
}

/* ---- capacity ------------------------------------------------------------------------------- */

/* By HA's policy of dedicated hosts. */
static bool is_kept_free(const Naive *n, const Host *host)
{
    const struct ha_policy *ha = &n->cluster->ha;

    return ha->enabled && ha->control_policy_on && ha->control_policy == 2 &&
           has_id(ha->failover_hosts, ha->n_failover_hosts, host->id);
}

bool naive_usable(const Naive *n, size_t h)
{
    const Host *host = n->snap->hosts[h];

    return (n->open || !is_kept_free(n, host)) && host->cluster_id == n->cluster->id &&
           host->id != n->closed_id && host->connected && host->status == HOST_NORMAL &&
           !host->maintaining && host->cpu_threads > 0 && host->cpu_mhz > 0 && host->mem_mb > 0;
}

int64_t naive_mem_limit(const Naive *n, size_t h)
{
    int64_t left = naive_mem_cap(n, h);

    if (n->cluster->mem_overcommit && n->params->mem_overcommit_permille > 1000)
        left = left * n->params->mem_overcommit_permille / 1000;
    return left;
}

int64_t naive_cpu_cap(const Naive *n, size_t h)
{
    int64_t mhz = n->snap->hosts[h]->cpu_threads * n->snap->hosts[h]->cpu_mhz;

    return mhz - mhz * n->params->cpu_reserve_permille / 1000;
}

int64_t naive_vcpu_limit(const Naive *n, size_t h)
{
    int64_t ratio = n->cluster->vcpus_per_thread > 0 ? n->cluster->vcpus_per_thread
                                                     : n->params->vcpus_per_thread;

    return ratio > 0 ? ratio * n->snap->hosts[h]->cpu_threads : INT64_MAX;
}

static int64_t vcpus_of(const Vm *vm)
{
    return vm->cpu.quantity > 0 ? vm->cpu.quantity : 1;
}

/* What is not measured is estimated: a part of the vCPUs' speed, at least what is reserved
 * and what the first samples say. */
int64_t naive_demand(const Naive *n, size_t v)
{
    const Vm *vm = n->snap->vms[v];
    int64_t mhz = vm->load.cpu_mhz;

    if (vm->load.n_samples < n->params->min_samples) {
        int place = n->to[v] >= 0 ? n->to[v] : n->at[v];
        int64_t speed = place >= 0 ? n->snap->hosts[place]->cpu_mhz : 0;

        int64_t guess = vcpus_of(vm) * speed * n->params->start_cpu_permille / 1000;

        mhz = vm->load.n_samples > 0 && mhz > guess ? mhz : guess;
        mhz = mhz > vm->cpu.reservation_mhz ? mhz : vm->cpu.reservation_mhz;
    }
    return vm->cpu.limit_mhz > 0 && vm->cpu.limit_mhz < mhz ? vm->cpu.limit_mhz : mhz;
}

static int64_t touched_of(const Naive *n, const Vm *vm)
{
    int64_t mb = vm->load.mem_mb;

    if (vm->load.n_samples < n->params->min_samples || mb == 0)
        mb = vm->memory.size_mb;
    return vm->memory.limit_mb > 0 ? MIN(mb, vm->memory.limit_mb) : mb;
}

/* Memory is held at both ends of a move; the CPU is used where the VM runs, which is its old host
 * until the move is over - and for a move that somebody else began, its new one. */
void naive_sums(const Naive *n, struct naive_sum *sums)
{
    memset(sums, 0, n->snap->n_hosts * sizeof(*sums));
    for (size_t v = 0; v < n->snap->n_vms; v++) {
        const Vm *vm = n->snap->vms[v];
        int runs = n->to[v] >= 0 && !n->ours[v] ? n->to[v] : n->at[v];

        if (n->at[v] < 0)
            continue;
        sums[n->at[v]].mem_mb += vm->memory.size_mb;
        if (n->to[v] >= 0 && n->to[v] != n->at[v])
            sums[n->to[v]].mem_mb += vm->memory.size_mb;
        sums[runs].vcpus += vcpus_of(vm);
        sums[runs].reserved_mhz += vm->cpu.reservation_mhz;
        sums[runs].cpu_mhz += naive_demand(n, v);
        sums[runs].touched_mb += touched_of(n, vm);
        sums[runs].mem_reserved_mb += n->cluster->mem_overcommit ? vm->memory.reservation_mb : 0;
        sums[runs].net_kbps += vm->load.net_kbps;
    }
}

/* What there is of memory, before any of it is promised twice. */
int64_t naive_mem_cap(const Naive *n, size_t h)
{
    int64_t mem = n->snap->hosts[h]->mem_mb;

    return mem - MAX(mem * n->params->mem_reserve_permille / 1000, n->params->mem_reserve_min_mb);
}

static int64_t beyond(int64_t held, int64_t bound)
{
    return bound > 0 && held > bound ? MIN((held - bound) * 100000 / bound, 800000) : 0;
}

static int64_t crowd_of(const Naive *n, size_t h, const struct naive_sum *sum)
{
    return beyond(sum->vcpus, naive_vcpu_limit(n, h)) +
           beyond(sum->net_kbps, n->snap->hosts[h]->net_mbps * 1000);
}

static int64_t shortage_of(const Naive *n, size_t h, const struct naive_sum *sum)
{
    int64_t over = MAX(sum->mem_mb - naive_mem_limit(n, h), 0);

    if (n->cluster->mem_overcommit)
        over += MAX(sum->touched_mb - naive_mem_cap(n, h), 0);
    return over;
}

static bool is_short(const Naive *n, const struct naive_sum *sums)
{
    int64_t cpu = 0, mem = 0;

    for (size_t h = 0; h < n->snap->n_hosts; h++) {
        if (!naive_usable(n, h))
            continue;
        cpu += sums[h].cpu_mhz - naive_cpu_cap(n, h);
        mem += sums[h].touched_mb - naive_mem_cap(n, h);
    }
    return cpu > 0 || (n->cluster->mem_overcommit && mem > 0);
}

static int64_t overload_of(const Naive *n, const struct naive_sum *sums)
{
    int64_t sum = 0;

    for (size_t h = 0; h < n->snap->n_hosts; h++) {
        int64_t over = sums[h].cpu_mhz - naive_cpu_cap(n, h);

        sum += naive_usable(n, h) && over > 0 ? over : 0;
    }
    return sum;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static int future_of(const Naive *n, size_t v)
{
    return n->to[v] >= 0 ? n->to[v] : n->at[v];
}

static bool is_ours(const Naive *n, size_t h)
{
    return n->snap->hosts[h]->cluster_id == n->cluster->id;
}

/* Hosts that a rule takes for one: the same, or of one rack. */
static bool same_domain(const Naive *n, const Rule *rule, int a, int b)
{
    const char *rack = a >= 0 ? n->snap->hosts[a]->rack : "";

    return a == b || (rule->type == RULE_APART && rule->domain == FAULT_DOMAIN_RACK && a >= 0 &&
                      b >= 0 && *rack && strcmp(rack, n->snap->hosts[b]->rack) == 0 &&
                      n->snap->hosts[b]->cluster_id == n->cluster->id &&
                      n->snap->hosts[a]->cluster_id == n->cluster->id);
}

/* The first host of its domain speaks for all of it. */
static bool speaks(const Naive *n, const Rule *rule, size_t h)
{
    for (size_t g = 0; g < h; g++) {
        if (same_domain(n, rule, (int)g, (int)h))
            return false;
    }
    return true;
}

/* Members of the rule that will be on the host, without v itself. */
static int64_t members_on(const Naive *n, size_t r, size_t h, size_t v)
{
    int64_t here = 0;

    for (size_t o = 0; o < n->snap->n_vms; o++)
        here += o != v && in_rule(n, r, o) && n->at[o] >= 0 &&
                same_domain(n, n->snap->rules[r], future_of(n, o), (int)h);
    return here;
}

int64_t naive_misplaced(const Naive *n, size_t r)
{
    const Rule *rule = n->snap->rules[r];
    int64_t wrong = 0, total = 0, most = 0;

    for (size_t h = 0; h < n->snap->n_hosts && is_active(n, rule); h++) {
        int64_t here = is_ours(n, h) && speaks(n, rule, h) ? members_on(n, r, h, SIZE_MAX) : 0;

        total += here;
        most = MAX(most, here);
        if (rule->type == RULE_APART)
            wrong += MAX(here - 1, 0);
        else if (rule->type == RULE_VM_HOST && !allows_host(n, rule, h))
            wrong += here;
    }
    return rule->type == RULE_TOGETHER ? total - most : wrong;
}

struct naive_figures naive_figures(const Naive *n)
{
    g_autofree struct naive_sum *sums = g_new0(struct naive_sum, n->snap->n_hosts + 1);
    struct naive_figures f = { 0 };

    naive_sums(n, sums);
    f.overload_mhz = overload_of(n, sums);
    for (size_t h = 0; h < n->snap->n_hosts; h++) {
        f.shortage_mb += naive_usable(n, h) ? shortage_of(n, h, &sums[h]) : 0;
        f.crowd += naive_usable(n, h) ? crowd_of(n, h, &sums[h]) : 0;
    }
    f.short_of = is_short(n, sums);
    for (size_t r = 0; r < n->snap->n_rules; r++) {
        if (naive_is_must(n->snap->rules[r]))
            f.must += naive_misplaced(n, r);
        else
            f.should += naive_misplaced(n, r);
    }
    return f;
}

/* Was or is the VM in the domain of host h, at any end? */
static bool touches(const Naive *n, const Rule *rule, bool before, size_t v, int h)
{
    const int *at = before ? n->first_at : n->at, *to = before ? n->first_to : n->to;

    return at[v] >= 0 &&
           (same_domain(n, rule, at[v], h) || (to[v] >= 0 && same_domain(n, rule, to[v], h)));
}

/* Does v share a host with another member, at any end, with which it did not before? */
static bool shares_newly(const Naive *n, size_t r, size_t v)
{
    const Rule *rule = n->snap->rules[r];

    for (size_t o = 0; o < n->snap->n_vms; o++) {
        for (int end = 0; end < 2 && o != v && in_rule(n, r, o); end++) {
            int h = end == 0 ? n->at[v] : n->to[v];

            if (h >= 0 && touches(n, rule, false, o, h) &&
                !(touches(n, rule, true, o, h) && touches(n, rule, true, v, h)))
                return true;
        }
    }
    return false;
}

/* ---- CPU models ----------------------------------------------------------------------------- */

static bool has_word(const char *text, const char *word, size_t len)
{
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, " ");

        if (n == len && strncmp(at, word, len) == 0)
            return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

static const char *model_features(const char *seen)
{
    size_t len = strcspn(seen, " ");

    for (size_t i = 0; i < cpu_n_models; i++) {
        if (strlen(cpu_models[i].name) == len && strncmp(cpu_models[i].name, seen, len) == 0)
            return cpu_models[i].features;
    }
    return NULL;
}

/* Every word of `list` that counts must be one of the host's.  plus: the list is "+a -b" and so
 * on, of which only what is added counts, and only what the VM's own host has too; minus: words
 * that are taken away. */
static bool host_has(const Host *host, const char *list, bool plus, const char *minus,
                     const char *home)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, " ");
        const char *word = plus ? at + 1 : at;
        size_t len = plus ? n - 1 : n;
        g_autofree char *taken = g_strdup_printf("-%.*s", (int)len, word);

        if (n > 0 && (!plus || (*at == '+' && has_word(home, word, len))) &&
            !has_word(minus, taken, strlen(taken)) && !has_word(host->cpu_features, word, len))
            return false;
        at += n + strspn(at + n, " ");
    }
    return true;
}

static bool cpu_fits(const Naive *n, const Vm *vm, const Host *host)
{
    const char *model = model_features(vm->cpu_seen), *rest;
    int home = naive_host(n->snap, vm->host_id);

    if (!vm_is_placed(vm)) {
        const char *base = n->cluster->imc_enabled ? imc_mode_model(n->cluster->imc_setting) : NULL;

        return !base || has_word(host->cpu_generations, base, strlen(base));
    }
    if (!model)
        return true;
    if (!*host->cpu_features)
        return !n->cluster->imc_enabled;
    rest = vm->cpu_seen + strcspn(vm->cpu_seen, " ");
    rest += strspn(rest, " ");
    return host_has(host, model, false, rest, "") &&
           host_has(host, rest, true, "", home >= 0 ? n->snap->hosts[home]->cpu_features : "");
}

/* ---- may it be there? ----------------------------------------------------------------------- */

static const char *tie_of(const Naive *n, const Vm *vm, const Host *host)
{
    if (vm->cluster_id != 0 && vm->cluster_id != host->cluster_id)
        return "cluster";
    if (!cpu_fits(n, vm, host))
        return "cpu-model";
    if (vm->cpu.quantity > host->cpu_threads)
        return "threads";
    if (vm->host_id == 0 || vm->host_id == host->id)
        return NULL;
    if (vm->binding_host)
        return "bound";
    for (size_t i = 0; i < vm->n_disks; i++) {
        const Datastore *store = snapshot_datastore(n->snap, vm->disks[i].datastore_id);

        if (store && strcmp(store->storage_type, "LOCAL") == 0)
            return "local-disk";
    }
    return NULL;
}

/* A member that is leaving is still there. */
static bool is_left_by_member(const Naive *n, size_t r, size_t v, size_t h)
{
    for (size_t o = 0; o < n->snap->n_vms; o++) {
        if (o != v && in_rule(n, r, o) && n->at[o] >= 0 && n->to[o] >= 0 &&
            same_domain(n, n->snap->rules[r], n->at[o], (int)h))
            return true;
    }
    return false;
}

static int64_t members_anywhere(const Naive *n, size_t r, size_t v)
{
    int64_t sum = 0;

    for (size_t h = 0; h < n->snap->n_hosts; h++)
        sum += is_ours(n, h) ? members_on(n, r, h, v) : 0;
    return sum;
}

/* There is one kind: "gpu:2". */
static int64_t n_devices(const char *text)
{
    return g_str_has_prefix(text, "gpu:") ? g_ascii_strtoll(text + strlen("gpu:"), NULL, 10) : 0;
}

static bool has_devices(const Naive *n, size_t v, size_t h)
{
    int64_t left = n_devices(n->snap->hosts[h]->devices);

    for (size_t o = 0; o < n->snap->n_vms; o++)
        left -= o != v && n->at[o] >= 0 && future_of(n, o) == (int)h
                    ? n_devices(n->snap->vms[o]->devices)
                    : 0;
    return n_devices(n->snap->vms[v]->devices) <= MAX(left, 0);
}

static const char *rule_against(const Naive *n, size_t r, size_t v, size_t h)
{
    const Rule *rule = n->snap->rules[r];
    bool bad = false;

    if (!naive_is_must(rule) || !in_rule(n, r, v))
        return NULL;
    switch (rule->type) {
    case RULE_VM_HOST:
        bad = !allows_host(n, rule, h);
        break;
    case RULE_APART:
        bad = members_on(n, r, h, v) > 0 || is_left_by_member(n, r, v, h);
        break;
    case RULE_TOGETHER:
        bad = members_on(n, r, h, v) == 0 && members_anywhere(n, r, v) > 0;
        break;
    }
    return bad ? rule->name : NULL;
}

const char *naive_why_not(const Naive *n, size_t v, size_t h)
{
    g_autofree struct naive_sum *sums = g_new0(struct naive_sum, n->snap->n_hosts + 1);
    const Vm *vm = n->snap->vms[v];
    const char *why = naive_usable(n, h) ? tie_of(n, vm, n->snap->hosts[h]) : "state";

    for (size_t r = 0; r < n->snap->n_rules && !why; r++)
        why = rule_against(n, r, v, h);
    if (why)
        return why;
    naive_sums(n, sums);
    if (sums[h].mem_mb + vm->memory.size_mb > naive_mem_limit(n, h))
        return "memory";
    if (sums[h].vcpus + vcpus_of(vm) > naive_vcpu_limit(n, h))
        return "ratio";
    if (vm->cpu.reservation_mhz > 0 &&
        sums[h].reserved_mhz + vm->cpu.reservation_mhz > naive_cpu_cap(n, h))
        return "reservation";
    if (!has_devices(n, v, h) || (*vm->devices && n->at[v] >= 0))
        return "devices";
    if (n->cluster->mem_overcommit && vm->memory.reservation_mb > 0 &&
        sums[h].mem_reserved_mb + vm->memory.reservation_mb > naive_mem_cap(n, h))
        return "memory-reservation";
    return NULL;
}

/* ---- one moment ----------------------------------------------------------------------------- */

static void check_host(Naive *n, size_t h, const struct naive_sum *now)
{
    const struct naive_sum *first = &n->first[h];
    const char *name = n->snap->hosts[h]->name;
    int64_t demand = MAX(MAX(first->cpu_mhz, n->last[h].cpu_mhz), naive_cpu_cap(n, h));

    n->hot = n->hot || now->cpu_mhz > demand;
    if (now->mem_mb > MAX(naive_mem_limit(n, h), first->mem_mb))
        naive_blame(n, "%s holds %" PRId64 " MiB, may %" PRId64, name, now->mem_mb,
                    naive_mem_limit(n, h));
    if (now->vcpus > MAX(naive_vcpu_limit(n, h), first->vcpus))
        naive_blame(n, "%s has %" PRId64 " vCPUs, may %" PRId64, name, now->vcpus,
                    naive_vcpu_limit(n, h));
    if (now->mem_reserved_mb > MAX(naive_mem_cap(n, h), first->mem_reserved_mb))
        naive_blame(n, "%s has %" PRId64 " MiB reserved of %" PRId64, name, now->mem_reserved_mb,
                    naive_mem_cap(n, h));
    if (now->reserved_mhz > MAX(naive_cpu_cap(n, h), first->reserved_mhz))
        naive_blame(n, "%s has %" PRId64 " MHz reserved of %" PRId64, name, now->reserved_mhz,
                    naive_cpu_cap(n, h));
}

static void check_moment(Naive *n, size_t moved)
{
    g_autofree struct naive_sum *sums = g_new0(struct naive_sum, n->snap->n_hosts + 1);

    bool was_hot = n->hot;

    naive_sums(n, sums);
    n->hot = false;
    for (size_t h = 0; h < n->snap->n_hosts; h++) {
        if (is_ours(n, h))
            check_host(n, h, &sums[h]);
    }
    n->n_hot += n->hot && !was_hot ? 1 : 0;
    for (size_t r = 0; r < n->snap->n_rules; r++) {
        const Rule *rule = n->snap->rules[r];

        if (rule->type == RULE_APART && naive_is_must(rule) && in_rule(n, r, moved) &&
            shares_newly(n, r, moved))
            naive_blame(n, "rule %s breaks while %s moves", rule->name, n->snap->vms[moved]->name);
    }
}

static bool may_be_moved(const Naive *n, const Vm *vm)
{
    if (vm->is_template || vm->task_id != 0 || *vm->devices)
        return false;
    if (!n->drs)
        return vm->status == VM_RUNNING || vm->status == VM_PAUSED;
    return vm->status == VM_RUNNING &&
           !(n->cluster->drs.vm_overrides_enabled && vm->drs_behavior == DRS_BEHAVIOR_DISABLED);
}

/* What no move may do, whatever else goes on. */
static void check_move(Naive *n, const struct plan_move *move, size_t v, size_t to)
{
    const Vm *vm = n->snap->vms[v];
    const char *tie = naive_usable(n, to) ? tie_of(n, vm, n->snap->hosts[to]) : "state";

    if (n->at[v] < 0 || n->to[v] >= 0 || n->snap->hosts[n->at[v]]->id != move->from_id)
        naive_blame(n, "%s is not free on %s", vm->name, move->from_name);
    if (!may_be_moved(n, vm))
        naive_blame(n, "%s may not be moved", vm->name);
    for (size_t r = 0; r < n->snap->n_rules && !tie; r++) {
        if (n->snap->rules[r]->type == RULE_VM_HOST)
            tie = rule_against(n, r, v, to);
    }
    if (tie)
        naive_blame(n, "%s cannot go to %s: %s", vm->name, move->to_name, tie);
    if (!*move->text)
        naive_blame(n, "no reason for %s", vm->name);
}

/* ---- carrying out --------------------------------------------------------------------------- */

enum phase {
    WAITING,
    RUNNING,
    ENDED,
};

static bool is_ready(const Plan *plan, const enum phase *phases, size_t i)
{
    const struct plan_move *move = &plan->moves.items[i];

    for (size_t d = 0; d < move->n_depends; d++) {
        if (move->depends[d] >= i || phases[move->depends[d]] != ENDED)
            return false;
    }
    return phases[i] == WAITING;
}

static bool has_slot(const Naive *n, const Plan *plan, const enum phase *phases, size_t i)
{
    uint32_t in = 0, out = 0, all = 0;

    for (size_t k = 0; k < plan->moves.len; k++) {
        if (phases[k] != RUNNING)
            continue;
        all++;
        in += plan->moves.items[k].to_id == plan->moves.items[i].to_id ? 1 : 0;
        out += plan->moves.items[k].from_id == plan->moves.items[i].from_id ? 1 : 0;
    }
    return in < MAX(n->params->cap_host_in, 1) && out < MAX(n->params->cap_host_out, 1) &&
           all < MAX(n->params->cap_cluster, 1);
}

/* What the hosts will carry at the end of the plan. */
static void find_last(Naive *n, const Plan *plan)
{
    memcpy(n->last, n->first, n->snap->n_hosts * sizeof(*n->last));
    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];
        int v = naive_vm(n->snap, move->vm_id), from = naive_host(n->snap, move->from_id),
            to = naive_host(n->snap, move->to_id);

        if (v < 0 || from < 0 || to < 0)
            continue;
        n->last[from].cpu_mhz -= naive_demand(n, (size_t)v);
        n->last[to].cpu_mhz += naive_demand(n, (size_t)v);
    }
}

bool naive_carry_out(Naive *n, const Plan *plan, struct rng *rng)
{
    g_autofree enum phase *phases = g_malloc0((plan->moves.len + 1) * sizeof(*phases));
    size_t n_ended = 0;

    find_last(n, plan);
    for (unsigned tries = 0; n_ended < plan->moves.len && n->blame->len == 0; tries++) {
        size_t i = rng_below(rng, (uint32_t)plan->moves.len);
        const struct plan_move *move = &plan->moves.items[i];
        int v = naive_vm(n->snap, move->vm_id), to = naive_host(n->snap, move->to_id);

        if (tries > MAX_TRIES || v < 0 || to < 0) {
            naive_blame(n, "%s", v < 0 || to < 0 ? "unknown VM or host" : "the plan never ends");
            return false;
        }
        if (is_ready(plan, phases, i) && has_slot(n, plan, phases, i)) {
            check_move(n, move, (size_t)v, (size_t)to);
            n->to[v] = to;
            n->ours[v] = true;
            phases[i] = RUNNING;
        } else if (phases[i] == RUNNING) {
            n->at[v] = to;
            n->to[v] = -1;
            phases[i] = ENDED;
            n_ended++;
        } else {
            continue;
        }
        check_moment(n, (size_t)v);
    }
    return n->blame->len == 0;
}

static int64_t end_of(const struct plan_move *move)
{
    return move->start_ms + MAX(move->cost_ms, 1);
}

/* The moves that run when this one starts, itself among them. */
static void check_caps(Naive *n, const Plan *plan, const struct plan_move *move)
{
    uint32_t in = 0, out = 0, all = 0;

    for (size_t k = 0; k < plan->moves.len; k++) {
        const struct plan_move *other = &plan->moves.items[k];

        if (other->start_ms > move->start_ms || end_of(other) <= move->start_ms)
            continue;
        all++;
        in += other->to_id == move->to_id ? 1 : 0;
        out += other->from_id == move->from_id ? 1 : 0;
    }
    if (in > MAX(n->params->cap_host_in, 1) || out > MAX(n->params->cap_host_out, 1) ||
        all > MAX(n->params->cap_cluster, 1))
        naive_blame(n, "at %" PRId64 " ms %u moves go in, %u out, %u in all", move->start_ms, in,
                    out, all);
}

void naive_check_times(Naive *n, const Plan *plan)
{
    int64_t last_ms = 0;

    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];

        last_ms = MAX(last_ms, end_of(move));
        check_caps(n, plan, move);
        for (size_t d = 0; d < move->n_depends; d++) {
            if (end_of(&plan->moves.items[move->depends[d]]) > move->start_ms)
                naive_blame(n, "move %zu starts before move %u ends", i, move->depends[d]);
        }
    }
    if (last_ms != plan->makespan_ms)
        naive_blame(n, "makespan %" PRId64 ", moves end at %" PRId64, plan->makespan_ms, last_ms);
}
