/* sched_scn.c - see sched_scn.h. */
#include "config.h"

#include "tests/sched_scn.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/cpu.h"
#include "scheduler/balance.h"
#include "scheduler/dpm.h"
#include "scheduler/evacuate.h"
#include "scheduler/explain.h"
#include "scheduler/explain_vm.h"
#include "scheduler/filter.h"
#include "scheduler/imc.h"
#include "scheduler/place.h"
#include "scheduler/rules.h"

#define FIRST_HOST  101
#define FIRST_GROUP 201
#define FIRST_RULE  301

struct Scn {
    SnapshotBuilder *builder;
    struct sched_params params;
    struct dpm_params dpm; /* its sched is params */
    int64_t growth;        /* per mille: load of the short window over that of the long one */
    struct dpm_bar bar;    /* one host that is left alone */
    int64_t waiting[4];    /* VMs whose start found no room */
    GPtrArray *clusters, *vms, *hosts, *groups, *rules; /* names; index + first = id */
};

G_NORETURN static void bad_line(const char *what, const char *word)
{
    g_printerr("scenario: %s: '%s'\n", what, word);
    abort();
}

static int64_t find_name(const GPtrArray *names, const char *name, int64_t first)
{
    for (guint i = 0; i < names->len; i++) {
        if (strcmp(names->pdata[i], name) == 0)
            return first + i;
    }
    return 0;
}

static int64_t need_name(const GPtrArray *names, const char *name, int64_t first)
{
    int64_t id = find_name(names, name, first);

    if (id == 0)
        bad_line("unknown name", name);
    return id;
}

static int64_t add_name(GPtrArray *names, const char *name, int64_t first)
{
    g_ptr_array_add(names, g_strdup(name));
    return first + names->len - 1;
}

static void set_string(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

static int64_t number(const char *text)
{
    char *end;
    int64_t value = g_ascii_strtoll(text, &end, 10);

    if (end == text || *end != '\0')
        bad_line("not a number", text);
    return value;
}

/* "key=value" -> true, key cut off. */
static bool is_key(const char *word, const char *key, const char **ret_value)
{
    size_t len = strlen(key);

    if (strncmp(word, key, len) != 0 || word[len] != '=')
        return false;
    *ret_value = word + len + 1;
    return true;
}

static bool yes(const char *value)
{
    return strcmp(value, "yes") == 0;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void add_cluster(Scn *scn, const char *name)
{
    Cluster *cluster = cluster_new();

    cluster->id = add_name(scn->clusters, name, 1);
    set_string(&cluster->name, name);
    cluster->drs.enabled = true;
    cluster->drs.level = DRS_AUTOMATIC;
    cluster->drs.factor = DRS_FACTOR_BOTH;
    for (int hour = 0; hour < HOURS_PER_DAY; hour++)
        cluster->drs.limen[hour] = 5;
    snapshot_builder_put_cluster(scn->builder, cluster);
}

static void set_factor(struct drs_policy *drs, const char *v)
{
    drs->factor = strcmp(v, "cpu") == 0   ? DRS_FACTOR_CPU
                  : strcmp(v, "mem") == 0 ? DRS_FACTOR_MEM
                                          : DRS_FACTOR_BOTH;
}

static void set_level(struct drs_policy *drs, const char *v)
{
    drs->level = strcmp(v, "manual") == 0 ? DRS_MANUAL : DRS_AUTOMATIC;
}

static void set_limen(struct drs_policy *drs, const char *v)
{
    memset(drs->limen, (int)number(v), sizeof(drs->limen));
}

static void set_enabled(struct drs_policy *drs, const char *v)
{
    drs->enabled = yes(v);
}

static void set_overrides(struct drs_policy *drs, const char *v)
{
    drs->vm_overrides_enabled = yes(v);
}

static void set_threshold_cpu(struct drs_policy *drs, const char *v)
{
    drs->threshold_cpu = number(v);
}

static void set_threshold_mem(struct drs_policy *drs, const char *v)
{
    drs->threshold_mem = number(v);
}

static void set_weekly(struct drs_policy *drs, const char *v)
{
    drs->cycle = (struct cycle){ CYCLE_WEEKLY, 1U << number(v) };
}

static void set_monthly(struct drs_policy *drs, const char *v)
{
    drs->cycle = (struct cycle){ CYCLE_MONTHLY, 1U << number(v) };
}

static bool drs_key(struct drs_policy *drs, const char *word)
{
    static const struct {
        const char *key;
        void (*set)(struct drs_policy *drs, const char *value);
    } rows[] = {
        { "factor", set_factor },
        { "level", set_level },
        { "limen", set_limen },
        { "enabled", set_enabled },
        { "overrides", set_overrides },
        { "threshold_cpu", set_threshold_cpu },
        { "threshold_mem", set_threshold_mem },
        { "weekly", set_weekly },
        { "monthly", set_monthly },
    };
    const char *v;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (is_key(word, rows[i].key, &v)) {
            rows[i].set(drs, v);
            return true;
        }
    }
    return false;
}

static void set_imc(Cluster *cluster, const char *mode)
{
    cluster->imc_enabled = strcmp(mode, "off") != 0;
    set_string(&cluster->imc_setting, cluster->imc_enabled ? mode : "");
}

static void set_ha_hosts(struct ha_policy *ha, int64_t n)
{
    ha->control_policy_on = true;
    ha->control_policy = 1;
    ha->hosts_fault_quantity = n;
}

static void policy_key(Cluster *cluster, const char *word)
{
    const char *v;

    if (is_key(word, "overcommit", &v))
        cluster->mem_overcommit = yes(v);
    else if (is_key(word, "vcpus_per_thread", &v))
        cluster->vcpus_per_thread = number(v);
    else if (is_key(word, "imc", &v))
        set_imc(cluster, v);
    else if (is_key(word, "strategy", &v))
        set_string(&cluster->res_strategy, v);
    else if (is_key(word, "dpm", &v))
        cluster->dpm.power_level = number(v);
    else if (is_key(word, "dpm_limen", &v))
        memset(cluster->dpm.limen, (int)number(v), sizeof(cluster->dpm.limen));
    else if (is_key(word, "ha", &v))
        cluster->ha.enabled = yes(v);
    else if (is_key(word, "ha_hosts", &v))
        set_ha_hosts(&cluster->ha, number(v));
    else if (!drs_key(&cluster->drs, word))
        bad_line("unknown policy", word);
}

static void read_policy(Scn *scn, char **words)
{
    Cluster *cluster = cluster_dup(snapshot_builder_get_cluster(scn->builder, scn_cluster(scn)));

    for (size_t i = 1; words[i]; i++)
        policy_key(cluster, words[i]);
    snapshot_builder_put_cluster(scn->builder, cluster);
}

static bool dpm_key(Scn *scn, const char *word)
{
    const char *v;

    if (is_key(word, "growth", &v))
        scn->growth = number(v);
    else if (is_key(word, "spare", &v))
        scn->dpm.spare_hosts = (uint32_t)number(v);
    else if (is_key(word, "watched_s", &v)) /* of 60 that are wanted */
        scn->dpm.watched_ms = number(v) * 1000;
    else if (is_key(word, "bar", &v))
        scn->bar = (struct dpm_bar){ need_name(scn->hosts, v, FIRST_HOST), "its power failed" };
    else if (is_key(word, "waiting", &v) && scn->dpm.n_waiting < G_N_ELEMENTS(scn->waiting))
        scn->waiting[scn->dpm.n_waiting++] = need_name(scn->vms, v, 1);
    else if (is_key(word, "nobody_waits", &v))
        scn->dpm.n_waiting = 0;
    else
        return false;
    return true;
}

static void read_params(Scn *scn, char **words)
{
    struct sched_params *p = &scn->params;

    for (size_t i = 1; words[i]; i++) {
        const char *v;

        if (is_key(words[i], "cooldown_s", &v))
            p->cooldown_ms = number(v) * 1000;
        else if (is_key(words[i], "horizon_s", &v))
            p->horizon_ms = number(v) * 1000;
        else if (is_key(words[i], "on_demand", &v))
            p->on_demand = yes(v);
        else if (is_key(words[i], "max_moves", &v))
            p->max_moves = (uint32_t)number(v);
        else if (is_key(words[i], "link_mbps", &v))
            p->link_mbps = number(v);
        else if (is_key(words[i], "seed", &v))
            p->seed = (uint64_t)number(v);
        else if (is_key(words[i], "hour", &v))
            p->local_hour = (int)number(v);
        else if (is_key(words[i], "wday", &v))
            p->local_wday = (int)number(v);
        else if (is_key(words[i], "mday", &v))
            p->local_mday = (int)number(v);
        else if (is_key(words[i], "overcommit", &v))
            p->mem_overcommit_permille = number(v);
        else if (is_key(words[i], "vcpus_per_thread", &v))
            p->vcpus_per_thread = number(v);
        else if (is_key(words[i], "cpu_reserve", &v))
            p->cpu_reserve_permille = number(v);
        else if (!dpm_key(scn, words[i]))
            bad_line("unknown parameter", words[i]);
    }
}

static void host_state(Host *host, const char *state)
{
    if (strcmp(state, "disconnected") == 0)
        host->connected = false;
    else if (strcmp(state, "asleep") == 0) {
        host->connected = false;
        host->status = HOST_POWEROFF;
        host->off_since_ms = SCN_NOW_WALL_MS - 3600000;
        host->off_by_dpm = true;
    } else if (strcmp(state, "switched-off") == 0) { /* by hand */
        host->connected = false;
        host->status = HOST_POWEROFF;
        host->off_since_ms = SCN_NOW_WALL_MS - 3600000;
    } else if (strcmp(state, "draining") == 0)
        host->draining = true;
    else if (strcmp(state, "maintaining") == 0)
        host->maintaining = true;
    else if (!host_status_parse(state, &host->status))
        bad_line("unknown host state", state);
}

/* Presents that generation and those of its maker before it; features: the model's, and
 * "hypervisor".
 */
static void host_cpu(Host *host, const char *model)
{
    const struct imc_generation *top = imc_generation_of(model), *it;
    g_autoptr(CpuSet) features = cpu_set_of_model(model);
    g_autoptr(GString) models = g_string_new(NULL);
    g_autofree char *words = NULL;

    if (!top || !features)
        bad_line("no generation", model);
    for (size_t i = 0; (it = imc_generation(i)) && it <= top; i++) {
        g_autoptr(CpuSet) own = cpu_set_of_model(it->model);

        if (g_str_equal(it->maker, top->maker) && cpu_set_covers(features, own))
            g_string_append_printf(models, " %s", it->model);
    }
    words = cpu_set_format(features);
    g_free(host->cpu_features);
    host->cpu_features = g_strconcat(words, " hypervisor", NULL);
    set_string(&host->cpu_generations, models->str);
}

static void prove(Host *host, int64_t minutes)
{
    set_string(&host->bmc_ip, "192.0.2.1");
    host->wake_proven_ms = minutes > 0 ? SCN_NOW_WALL_MS - minutes * 60000 : 0;
}

static void set_devices(char **field, const char *text)
{
    set_string(field, text);
    (void)g_strdelimit(*field, "/", ' ');
}

static bool host_more_key(Host *host, const char *word)
{
    const char *v;

    if (is_key(word, "net", &v)) /* Mbit/s */
        host->net_mbps = number(v);
    else if (is_key(word, "devices", &v))
        set_devices(&host->devices, v);
    else if (is_key(word, "rack", &v))
        set_string(&host->rack, v);
    else if (is_key(word, "back_min", &v)) /* a person has pressed its button then */
        host->back_ms = SCN_NOW_WALL_MS - number(v) * 60000;
    else if (is_key(word, "busy", &v)) { /* MHz of guests and system, as measured now */
        host->load.last_cpu_mhz = number(v);
        host->load.n_samples = 60;
    } else {
        return false;
    }
    return true;
}

/* mem is what is left after the host's own reserve, so that scenarios have round figures. */
static void read_host(Scn *scn, char **words)
{
    Host *host = host_new();

    host->id = add_name(scn->hosts, words[1], FIRST_HOST);
    set_string(&host->name, words[1]);
    host->cluster_id = scn_cluster(scn);
    host->status = HOST_NORMAL;
    host->connected = true;
    host->seen_mono_ms = SCN_NOW_MONO_MS - 1000;
    host->cpu_threads = 8;
    host->cpu_mhz = 1250;
    host->mem_mb = 65536;
    for (size_t i = 2; words[i]; i++) {
        const char *v;

        if (is_key(words[i], "threads", &v))
            host->cpu_threads = number(v);
        else if (is_key(words[i], "mhz", &v))
            host->cpu_mhz = number(v);
        else if (is_key(words[i], "mem", &v))
            host->mem_mb = number(v);
        else if (is_key(words[i], "state", &v))
            host_state(host, v);
        else if (is_key(words[i], "proven_min", &v)) /* has a BMC, and was woken then */
            prove(host, number(v));
        else if (is_key(words[i], "age_s", &v))
            host->seen_mono_ms = SCN_NOW_MONO_MS - number(v) * 1000;
        else if (is_key(words[i], "cpu", &v))
            host_cpu(host, v);
        else if (!host_more_key(host, words[i]))
            bad_line("unknown host key", words[i]);
    }
    snapshot_builder_put_host(scn->builder, host);
}

static void vm_word(Scn *scn, Vm *vm, const char *word)
{
    if (strcmp(word, "ha") == 0) {
        vm->enable_ha = true;
    } else if (strcmp(word, "bound") == 0) {
        vm->binding_host = true;
    } else if (strcmp(word, "template") == 0) {
        vm->is_template = true;
    } else if (strcmp(word, "created_there") == 0) {
        vm->location_is_host = true;
    } else if (strcmp(word, "local_disk") == 0) {
        Datastore *store = datastore_new();
        struct vm_disk *disk = vm_add_disk(vm);

        store->id = disk->datastore_id = 1;
        set_string(&store->name, "inner");
        set_string(&store->storage_type, "LOCAL");
        snapshot_builder_put_datastore(scn->builder, store);
    } else {
        bad_line("unknown VM key", word);
    }
}

static void see_cpu(Vm *vm, const char *text)
{
    set_string(&vm->cpu_seen, text);
    (void)g_strdelimit(vm->cpu_seen, "/", ' ');
}

static bool vm_place_key(const Scn *scn, Vm *vm, const char *word)
{
    const char *v;

    if (is_key(word, "on", &v))
        vm->host_id = need_name(scn->hosts, v, FIRST_HOST);
    else if (is_key(word, "to", &v))
        vm->target_host_id = need_name(scn->hosts, v, FIRST_HOST);
    else if (is_key(word, "task", &v))
        vm->task_id = number(v);
    else if (is_key(word, "moved_s", &v))
        vm->moved_ms = SCN_NOW_WALL_MS - number(v) * 1000;
    else if (is_key(word, "samples", &v))
        vm->load.n_samples = (uint32_t)number(v);
    else if (is_key(word, "age_s", &v))
        vm->load.sampled_mono_ms = SCN_NOW_MONO_MS - number(v) * 1000;
    else if (is_key(word, "drs", &v))
        vm->drs_behavior = (enum drs_behavior)number(v);
    else if (is_key(word, "sees", &v)) /* sees=Westmere/+arat/-vme */
        see_cpu(vm, v);
    else if (is_key(word, "model", &v))
        set_string(&vm->cpu_model, v);
    else
        return false;
    return true;
}

/* What it asks for beside CPU and memory, and by what right. */
static bool vm_claim_key(Vm *vm, const char *word)
{
    const char *v;

    if (is_key(word, "shares", &v))
        vm->cpu.weight = number(v);
    else if (is_key(word, "mem_reserve", &v))
        vm->memory.reservation_mb = number(v);
    else if (is_key(word, "mem_limit", &v))
        vm->memory.limit_mb = number(v);
    else if (is_key(word, "net", &v))
        vm->load.net_kbps = number(v);
    else if (is_key(word, "devices", &v)) /* devices=gpu:1/mdev-a:2 */
        set_devices(&vm->devices, v);
    else
        return false;
    return true;
}

static bool vm_size_key(Vm *vm, const char *word)
{
    const char *v;

    if (is_key(word, "cpu", &v))
        vm->load.cpu_mhz = number(v);
    else if (is_key(word, "mem", &v))
        vm->load.mem_mb = number(v);
    else if (is_key(word, "size", &v))
        vm->memory.size_mb = number(v);
    else if (is_key(word, "vcpus", &v))
        vm->cpu.quantity = number(v);
    else if (is_key(word, "reserve", &v))
        vm->cpu.reservation_mhz = number(v);
    else if (is_key(word, "limit", &v))
        vm->cpu.limit_mhz = number(v);
    else if (is_key(word, "dirty", &v))
        vm->dirty_mbps = number(v);
    else
        return vm_claim_key(vm, word);
    return true;
}

static void read_vm(Scn *scn, char **words)
{
    Vm *vm = vm_new();

    vm->id = add_name(scn->vms, words[1], 1);
    set_string(&vm->name, words[1]);
    vm->cluster_id = scn_cluster(scn);
    vm->status = VM_RUNNING;
    vm->host_reported = true;
    vm->cpu.quantity = 1;
    vm->memory.size_mb = 1024;
    vm->load.n_samples = 60;
    vm->load.sampled_mono_ms = SCN_NOW_MONO_MS - 1000;
    for (size_t i = 2; words[i]; i++) {
        const char *v;

        if (is_key(words[i], "status", &v)) {
            if (!vm_status_parse(v, &vm->status))
                bad_line("unknown VM status", v);
        } else if (!vm_place_key(scn, vm, words[i]) && !vm_size_key(vm, words[i])) {
            vm_word(scn, vm, words[i]);
        }
    }
    snapshot_builder_put_vm(scn->builder, vm);
}

static int64_t *read_ids(const GPtrArray *names, int64_t first, char **words, size_t *ret_n)
{
    size_t n = g_strv_length(words);
    int64_t *ids = g_new0(int64_t, n + 1);

    for (size_t i = 0; i < n; i++)
        ids[i] = need_name(names, words[i], first);
    qsort(ids, n, sizeof(*ids), id_cmp);
    *ret_n = n;
    return ids;
}

static void read_group(Scn *scn, char **words)
{
    Group *group = group_new();
    bool hosts = strcmp(words[2], "host") == 0;

    group->id = add_name(scn->groups, words[1], FIRST_GROUP);
    set_string(&group->name, words[1]);
    group->cluster_id = scn_cluster(scn);
    group->type = hosts ? GROUP_HOST : GROUP_VM;
    group->members = read_ids(hosts ? scn->hosts : scn->vms, hosts ? FIRST_HOST : 1, words + 3,
                              &group->n_members);
    snapshot_builder_put_group(scn->builder, group);
}

static void set_rule_type(Rule *rule, const char *word)
{
    rule->type = strcmp(word, "together") == 0     ? RULE_TOGETHER
                 : g_str_has_prefix(word, "apart") ? RULE_APART
                                                   : RULE_VM_HOST;
    if (strcmp(word, "apart-racks") == 0)
        rule->domain = FAULT_DOMAIN_RACK;
}

/* rule NAME together|apart|apart-racks|host must|should|must-not|should-not [VM GROUP]
 * MEMBERS */
static Rule *make_rule(Scn *scn, char **words)
{
    Rule *rule = rule_new();

    rule->id = find_name(scn->rules, words[1], FIRST_RULE);
    if (rule->id == 0)
        rule->id = add_name(scn->rules, words[1], FIRST_RULE);
    set_string(&rule->name, words[1]);
    rule->cluster_id = scn_cluster(scn);
    set_rule_type(rule, words[2]);
    if (!rule_strength_parse(words[3], &rule->strength))
        bad_line("unknown strength", words[3]);
    if (rule->type == RULE_VM_HOST) {
        rule->vm_group_id = words[4] ? need_name(scn->groups, words[4], FIRST_GROUP) : 0;
        rule->host_group_id =
            words[4] && words[5] ? need_name(scn->groups, words[5], FIRST_GROUP) : 0;
    } else {
        rule->vm_group_id = words[4] ? find_name(scn->groups, words[4], FIRST_GROUP) : 0;
        rule->vms = read_ids(scn->vms, 1, words + (rule->vm_group_id ? 5 : 4), &rule->n_vms);
    }
    return rule;
}

/* ---- actions -------------------------------------------------------------------------------- */

static void print_error(GString *out, GError **error)
{
    g_string_append_printf(out, "error %s %d: %s\n", err_code_name((enum vrm_err)(*error)->code),
                           err_reason(*error), (*error)->message);
    g_clear_error(error);
}

static void print_plan(GString *out, Plan *plan)
{
    g_autofree char *text = plan_format(plan);

    g_string_append(out, text);
    plan_free(plan);
}

static void run_balance(Scn *scn, const Snapshot *snap, bool apply, GString *out)
{
    g_autoptr(GError) error = NULL;
    Plan *plan = NULL;

    if (!balance_plan(snap, scn_cluster(scn), &scn->params, &plan, &error)) {
        print_error(out, &error);
        return;
    }
    if (apply)
        scn_apply(scn, plan);
    print_plan(out, plan);
}

static void do_balance(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    (void)words;
    run_balance(scn, snap, false, out);
}

/* And carries it out. */
static void do_rebalance(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    (void)words;
    run_balance(scn, snap, true, out);
}

static void do_evacuate(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *host = words[2];
    g_autoptr(GError) error = NULL;
    Plan *plan = NULL;

    if (evacuate_plan(snap, scn_host(scn, host), &scn->params, &plan, &error))
        print_plan(out, plan);
    else
        print_error(out, &error);
}

static void do_place(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *vm = words[2];
    g_autoptr(GError) error = NULL;
    g_autoptr(Placement) table = NULL;
    g_autoptr(Placement) placement = NULL;

    if (place_explain(snap, scn_vm(scn, vm), &scn->params, &table, NULL)) {
        for (size_t i = 0; i < table->n_verdicts; i++)
            g_string_append_printf(out, "  %s %s\n",
                                   table->verdicts[i].filter_id != 0
                                       ? filter_name((enum filter_id)table->verdicts[i].filter_id)
                                       : "fits",
                                   table->verdicts[i].text);
    }
    if (place_vm(snap, scn_vm(scn, vm), &scn->params, &placement, &error))
        g_string_append_printf(out, "placed: %s\n", placement->text);
    else
        print_error(out, &error);
}

static void do_target(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;

    if (filter_check_target(snap, scn_vm(scn, words[2]), scn_host(scn, words[3]), &scn->params,
                            &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void do_why(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        explain_why_not(snap, scn_vm(scn, words[2]), scn_host(scn, words[3]), &scn->params, &error);

    if (text)
        g_string_append_printf(out, "%s\n", text);
    else
        print_error(out, &error);
}

static void do_explain(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *vm = words[2];
    g_autoptr(GError) error = NULL;
    g_autoptr(VmExplanation) x = NULL;

    if (explain_vm(snap, scn_vm(scn, vm), 0, &scn->params, &x, &error))
        g_string_append_printf(out, "%s\n%s: %s\n", x->here, x->why, x->stays);
    else
        print_error(out, &error);
}

static void do_breaches(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(RuleBreaches) breaches = rules_breaches(snap, scn_cluster(scn));

    (void)words;
    for (size_t i = 0; i < breaches->n_items; i++)
        g_string_append_printf(out, "%s\n", breaches->items[i].text);
    if (breaches->n_items == 0)
        g_string_append(out, "no rule is broken\n");
}

static void do_judge(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RuleVerdicts) verdicts = NULL;

    (void)words;
    if (!rules_judge(snap, scn_cluster(scn), &scn->params, &verdicts, &error)) {
        print_error(out, &error);
        return;
    }
    for (size_t i = 0; i < verdicts->n_items; i++) {
        const struct rule_verdict *it = &verdicts->items[i];
        const Rule *rule = snapshot_rule(snap, it->rule_id);

        g_string_append_printf(out, "%s: %s%s%s\n", rule->name, rule_state_name(it->state),
                               it->text[0] ? ": " : "", it->text);
    }
}

static void do_check(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Rule) rule = make_rule(scn, words + 2);

    if (rules_check(snap, rule, &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void print_imc(GString *out, const char *name, const char *text, const CpuSet *features)
{
    g_autofree char *list = features ? cpu_set_format(features) : NULL;

    g_string_append_printf(out, "  %s: %s%s%s\n", name, text, list ? " | " : "", list ? list : "");
}

/* imc off|MODE: what it would mean; the check of the change that goes with it. */
static void do_imc(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *mode = words[2];
    const Cluster *current = snapshot_cluster(snap, scn_cluster(scn));
    g_autoptr(Cluster) wanted = cluster_dup(current);
    g_autoptr(ImcPlan) plan = NULL;
    g_autoptr(GError) error = NULL;

    set_imc(wanted, mode);
    plan = imc_plan(snap, wanted);
    g_string_append_printf(out, "%s: %s\n", plan->change, plan->text);
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct imc_host *it = &plan->hosts.items[i];

        print_imc(out, it->host->name, it->text, it->missing);
    }
    for (size_t i = 0; i < plan->vms.len; i++) {
        const struct imc_vm *it = &plan->vms.items[i];

        print_imc(out, it->vm->name, it->text, it->features);
    }
    if (imc_check_change(snap, current, wanted, &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void do_join(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const Cluster *cluster = snapshot_cluster(snap, need_name(scn->clusters, words[3], 1));
    g_autoptr(GError) error = NULL;

    if (imc_check_join(snap, cluster, snapshot_host(snap, scn_host(scn, words[2])), &error))
        g_string_append(out, "ok\n");
    else
        print_error(out, &error);
}

static void do_measure(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    struct plan_measure m;

    (void)words;
    if (!balance_measure(snap, scn_cluster(scn), &scn->params, &m, &error)) {
        print_error(out, &error);
        return;
    }
    g_string_append_printf(out,
                           "imbalance %" PRId64 " overload %" PRId64 " cpu %" PRId64 "/%" PRId64
                           "/%" PRId64 " mem %" PRId64 "/%" PRId64 "/%" PRId64 "\n",
                           m.imbalance, m.overload_mhz, m.cpu_stdev, m.cpu_max, m.cpu_mean,
                           m.mem_stdev, m.mem_max, m.mem_mean);
}

/* The cluster as the short window sees it. */
static Snapshot *grown(const Snapshot *snap, int64_t growth)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();

#define X(Type, field, prefix)                                                                     \
    for (size_t i = 0; i < snap->n_##field; i++)                                                   \
        snapshot_builder_put_##prefix(builder, prefix##_ref(snap->field[i]));
    SNAPSHOT_LISTS(X)
#undef X
    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);

        vm->load.cpu_mhz = vm->load.cpu_mhz * (1000 + growth) / 1000;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, SCN_NOW_MONO_MS);
}

static void do_dpm(Scn *scn, const Snapshot *calm, char **words, GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) now = grown(calm, scn->growth);
    g_autoptr(DpmPlan) plan = NULL;
    g_autofree char *text = NULL;

    (void)words;
    scn->dpm.sched = scn->params;
    scn->dpm.bars = &scn->bar;
    scn->dpm.n_bars = scn->bar.host_id ? 1 : 0;
    scn->dpm.waiting = scn->waiting;
    if (!dpm_plan(calm, now, scn_cluster(scn), &scn->dpm, &plan, &error)) {
        print_error(out, &error);
        return;
    }
    text = dpm_plan_format(plan);
    g_string_append(out, text);
}

static void do_absence(Scn *scn, const Snapshot *snap, char **words, GString *out)
{
    const char *host = words[2];
    g_autoptr(GError) error = NULL;

    scn->dpm.sched = scn->params;
    if (dpm_check_absence(snap, need_name(scn->hosts, host, FIRST_HOST), &scn->dpm, &error))
        g_string_append(out, "it can be spared\n");
    else
        print_error(out, &error);
}

static const struct {
    const char *name;
    void (*run)(Scn *scn, const Snapshot *snap, char **words, GString *out);
} actions[] = {
    { "balance", do_balance },   { "rebalance", do_rebalance },
    { "evacuate", do_evacuate }, { "place", do_place },
    { "target", do_target },     { "why", do_why },
    { "explain", do_explain },   { "judge", do_judge },
    { "breaches", do_breaches }, { "check", do_check },
    { "imc", do_imc },           { "join", do_join },
    { "dpm", do_dpm },           { "absence", do_absence },
    { "measure", do_measure },
};

static void act(Scn *scn, char **words, GString *out)
{
    g_autoptr(Snapshot) snap = scn_snapshot(scn);
    g_autofree char *line = g_strjoinv(" ", words + 1);

    g_string_append_printf(out, "> %s\n", line);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(words[1], actions[i].name) == 0) {
            actions[i].run(scn, snap, words, out);
            return;
        }
    }
    bad_line("unknown action", words[1]);
}

/* ---- entries -------------------------------------------------------------------------------- */

Scn *scn_new(void)
{
    Scn *scn = g_new0(Scn, 1);

    scn->builder = snapshot_builder_new();
    scn->clusters = g_ptr_array_new_with_free_func(g_free);
    scn->vms = g_ptr_array_new_with_free_func(g_free);
    scn->hosts = g_ptr_array_new_with_free_func(g_free);
    scn->groups = g_ptr_array_new_with_free_func(g_free);
    scn->rules = g_ptr_array_new_with_free_func(g_free);
    dpm_params_init(&scn->dpm);
    scn->dpm.watch_ms = scn->dpm.watched_ms = 60000;
    sched_params_init(&scn->params);
    scn->params.now_mono_ms = SCN_NOW_MONO_MS;
    scn->params.now_wall_ms = SCN_NOW_WALL_MS;
    scn->params.mem_reserve_permille = 0;
    scn->params.mem_reserve_min_mb = 0;
    add_cluster(scn, "c1");
    return scn;
}

void scn_free(Scn *scn)
{
    if (!scn)
        return;
    snapshot_builder_free(scn->builder);
    g_ptr_array_free(scn->clusters, TRUE);
    g_ptr_array_free(scn->vms, TRUE);
    g_ptr_array_free(scn->hosts, TRUE);
    g_ptr_array_free(scn->groups, TRUE);
    g_ptr_array_free(scn->rules, TRUE);
    g_free(scn);
}

static void run_line(Scn *scn, char **words, GString *out)
{
    if (strcmp(words[0], "cluster") == 0)
        add_cluster(scn, words[1]);
    else if (strcmp(words[0], "policy") == 0)
        read_policy(scn, words);
    else if (strcmp(words[0], "params") == 0)
        read_params(scn, words);
    else if (strcmp(words[0], "host") == 0)
        read_host(scn, words);
    else if (strcmp(words[0], "vm") == 0)
        read_vm(scn, words);
    else if (strcmp(words[0], "group") == 0)
        read_group(scn, words);
    else if (strcmp(words[0], "rule") == 0)
        snapshot_builder_put_rule(scn->builder, make_rule(scn, words));
    else if (strcmp(words[0], "do") == 0)
        act(scn, words, out);
    else
        bad_line("unknown line", words[0]);
}

void scn_run(Scn *scn, const char *text, GString *out)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (size_t i = 0; lines[i]; i++) {
        g_autoptr(GPtrArray) words = g_ptr_array_new();
        g_auto(GStrv) raw = NULL;
        char *comment = strchr(lines[i], '#');

        if (comment)
            *comment = '\0';
        raw = g_strsplit_set(lines[i], " \t", -1);
        for (size_t w = 0; raw[w]; w++) {
            if (raw[w][0] != '\0')
                g_ptr_array_add(words, raw[w]);
        }
        if (words->len == 0)
            continue;
        g_ptr_array_add(words, NULL);
        run_line(scn, (char **)words->pdata, out);
    }
}

SnapshotBuilder *scn_builder(Scn *scn)
{
    return scn->builder;
}

struct sched_params *scn_params(Scn *scn)
{
    return &scn->params;
}

Snapshot *scn_snapshot(Scn *scn)
{
    return snapshot_builder_build(scn->builder, SCN_NOW_MONO_MS);
}

int64_t scn_vm(const Scn *scn, const char *name)
{
    return need_name(scn->vms, name, 1);
}

int64_t scn_host(const Scn *scn, const char *name)
{
    return need_name(scn->hosts, name, FIRST_HOST);
}

int64_t scn_cluster(const Scn *scn)
{
    return scn->clusters->len;
}

void scn_expect(const struct scn_row *row)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GString) out = g_string_new(NULL);

    scn_run(scn, row->text, out);
    for (size_t i = 0; i < G_N_ELEMENTS(row->parts) && row->parts[i]; i++) {
        const char *part = row->parts[i];
        bool wanted = part[0] != '!';

        ck_assert_msg((strstr(out->str, wanted ? part : part + 1) != NULL) == wanted,
                      "%s: expected %s in:\n%s", row->name, part, out->str);
    }
}

void scn_apply(Scn *scn, const Plan *plan)
{
    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];
        Vm *vm = vm_dup(snapshot_builder_get_vm(scn->builder, move->vm_id));

        vm->host_id = move->to_id;
        vm->moved_ms = SCN_NOW_WALL_MS;
        snapshot_builder_put_vm(scn->builder, vm);
    }
}
