/* sched_scn_read.c - the lines of a scenario that say what there is. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/cpu.h"
#include "model/imc.h"
#include "tests/sched_scn_private.h"

static int64_t add_name(GPtrArray *names, const char *name, int64_t first)
{
    g_ptr_array_add(names, g_strdup(name));
    return first + names->len - 1;
}

static int64_t number(const char *text)
{
    char *end;
    int64_t value = g_ascii_strtoll(text, &end, 10);

    if (end == text || *end != '\0')
        scn_bad_line("not a number", text);
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

void scn_add_cluster(Scn *scn, const char *name)
{
    Cluster *cluster = cluster_new();

    cluster->id = add_name(scn->clusters, name, 1);
    text_set(&cluster->name, name);
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

void scn_set_imc(Cluster *cluster, const char *mode)
{
    cluster->imc_enabled = strcmp(mode, "off") != 0;
    text_set(&cluster->imc_setting, cluster->imc_enabled ? mode : "");
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
        scn_set_imc(cluster, v);
    else if (is_key(word, "strategy", &v))
        text_set(&cluster->res_strategy, v);
    else if (is_key(word, "dpm", &v))
        cluster->dpm.power_level = number(v);
    else if (is_key(word, "dpm_limen", &v))
        memset(cluster->dpm.limen, (int)number(v), sizeof(cluster->dpm.limen));
    else if (is_key(word, "ha", &v))
        cluster->ha.enabled = yes(v);
    else if (is_key(word, "ha_hosts", &v))
        set_ha_hosts(&cluster->ha, number(v));
    else if (!drs_key(&cluster->drs, word))
        scn_bad_line("unknown policy", word);
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
        scn->bar =
            (struct dpm_bar){ scn_need_name(scn->hosts, v, SCN_FIRST_HOST), "its power failed" };
    else if (is_key(word, "waiting", &v) && scn->dpm.n_waiting < G_N_ELEMENTS(scn->waiting))
        scn->waiting[scn->dpm.n_waiting++] = scn_need_name(scn->vms, v, 1);
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
            scn_bad_line("unknown parameter", words[i]);
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
    else if (strcmp(state, "no-rights") == 0)
        host->no_rights = true;
    else if (strcmp(state, "lost-store") == 0)
        text_set(&host->lost_stores, ",2,");
    else if (!host_status_parse(state, &host->status))
        scn_bad_line("unknown host state", state);
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
        scn_bad_line("no generation", model);
    for (size_t i = 0; (it = imc_generation(i)) && it <= top; i++) {
        g_autoptr(CpuSet) own = cpu_set_of_model(it->model);

        if (g_str_equal(it->maker, top->maker) && cpu_set_covers(features, own))
            g_string_append_printf(models, " %s", it->model);
    }
    words = cpu_set_format(features);
    g_free(host->cpu_features);
    host->cpu_features = g_strconcat(words, " hypervisor", NULL);
    text_set(&host->cpu_generations, models->str);
}

static void prove(Host *host, int64_t minutes)
{
    text_set(&host->bmc_ip, "192.0.2.1");
    host->wake_proven_ms = minutes > 0 ? SCN_NOW_WALL_MS - minutes * 60000 : 0;
}

static void set_devices(char **field, const char *text)
{
    text_set(field, text);
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
        text_set(&host->rack, v);
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

    host->id = add_name(scn->hosts, words[1], SCN_FIRST_HOST);
    text_set(&host->name, words[1]);
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
            scn_bad_line("unknown host key", words[i]);
    }
    snapshot_builder_put_host(scn->builder, host);
}

static void vm_disk_on(Scn *scn, Vm *vm, int64_t store_id, const char *name, const char *type)
{
    Datastore *store = datastore_new();

    store->id = vm_add_disk(vm)->datastore_id = store_id;
    text_set(&store->name, name);
    text_set(&store->storage_type, type);
    snapshot_builder_put_datastore(scn->builder, store);
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
        vm_disk_on(scn, vm, 1, "inner", "LOCAL");
    } else if (strcmp(word, "shared_disk") == 0) {
        vm_disk_on(scn, vm, 2, "outer", "NAS");
    } else {
        scn_bad_line("unknown VM key", word);
    }
}

static void see_cpu(Vm *vm, const char *text)
{
    text_set(&vm->cpu_seen, text);
    (void)g_strdelimit(vm->cpu_seen, "/", ' ');
}

static bool vm_place_key(const Scn *scn, Vm *vm, const char *word)
{
    const char *v;

    if (is_key(word, "on", &v))
        vm->host_id = scn_need_name(scn->hosts, v, SCN_FIRST_HOST);
    else if (is_key(word, "to", &v))
        vm->target_host_id = scn_need_name(scn->hosts, v, SCN_FIRST_HOST);
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
        text_set(&vm->cpu_model, v);
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
    text_set(&vm->name, words[1]);
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
                scn_bad_line("unknown VM status", v);
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
        ids[i] = scn_need_name(names, words[i], first);
    qsort(ids, n, sizeof(*ids), id_cmp);
    *ret_n = n;
    return ids;
}

static void read_group(Scn *scn, char **words)
{
    Group *group = group_new();
    bool hosts = strcmp(words[2], "host") == 0;

    group->id = add_name(scn->groups, words[1], SCN_FIRST_GROUP);
    text_set(&group->name, words[1]);
    group->cluster_id = scn_cluster(scn);
    group->type = hosts ? GROUP_HOST : GROUP_VM;
    group->members = read_ids(hosts ? scn->hosts : scn->vms, hosts ? SCN_FIRST_HOST : 1, words + 3,
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

Rule *scn_make_rule(Scn *scn, char **words)
{
    Rule *rule = rule_new();

    rule->id = scn_find_name(scn->rules, words[1], SCN_FIRST_RULE);
    if (rule->id == 0)
        rule->id = add_name(scn->rules, words[1], SCN_FIRST_RULE);
    text_set(&rule->name, words[1]);
    rule->cluster_id = scn_cluster(scn);
    set_rule_type(rule, words[2]);
    if (!rule_strength_parse(words[3], &rule->strength))
        scn_bad_line("unknown strength", words[3]);
    if (rule->type == RULE_VM_HOST) {
        rule->vm_group_id = words[4] ? scn_need_name(scn->groups, words[4], SCN_FIRST_GROUP) : 0;
        rule->host_group_id =
            words[4] && words[5] ? scn_need_name(scn->groups, words[5], SCN_FIRST_GROUP) : 0;
    } else {
        rule->vm_group_id = words[4] ? scn_find_name(scn->groups, words[4], SCN_FIRST_GROUP) : 0;
        rule->vms = read_ids(scn->vms, 1, words + (rule->vm_group_id ? 5 : 4), &rule->n_vms);
    }
    return rule;
}

void scn_read(Scn *scn, char **words)
{
    if (strcmp(words[0], "cluster") == 0)
        scn_add_cluster(scn, words[1]);
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
        snapshot_builder_put_rule(scn->builder, scn_make_rule(scn, words));
    else
        scn_bad_line("unknown line", words[0]);
}
