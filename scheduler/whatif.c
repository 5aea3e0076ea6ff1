/* whatif.c - see whatif.h. */
#include "config.h"

#include "scheduler/whatif.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "scheduler/rules.h"

#define MAX_NAMES 100000

/* ---- snapshots ------------------------------------------------------------------------------ */

SnapshotBuilder *whatif_builder(const Snapshot *snap)
{
    SnapshotBuilder *builder = snapshot_builder_new();

    if (snap->site)
        snapshot_builder_set_site(builder, site_ref(snap->site));
#define X(Type, field, prefix)                                                                     \
    for (size_t i = 0; i < snap->n_##field; i++)                                                   \
        snapshot_builder_put_##prefix(builder, prefix##_ref(snap->field[i]));
    SNAPSHOT_LISTS(X)
#undef X
    snapshot_builder_set_measuring(builder, &snap->measuring);
    return builder;
}

static Snapshot *build(const Snapshot *snap, SnapshotBuilder *builder)
{
    return snapshot_builder_build(builder, snap->taken_mono_ms);
}

Snapshot *whatif_moved(const Snapshot *snap, const Plan *plan)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);

    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];
        const Vm *was = snapshot_builder_get_vm(builder, move->vm_id);
        Vm *vm;

        g_assert(was);
        vm = vm_dup(was);
        vm->host_id = move->to_id;
        snapshot_builder_put_vm(builder, vm);
    }
    return build(snap, builder);
}

Snapshot *whatif_started(const Snapshot *snap, int64_t vm_id, int64_t host_id)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);
    Vm *vm = vm_dup(snapshot_vm(snap, vm_id));
    const Host *was = snapshot_host(snap, vm->host_id);

    if (was && vm->memory.held_mb > 0) {
        Host *host = host_dup(was);

        host->mem_mb += vm->memory.held_mb;
        snapshot_builder_put_host(builder, host);
    }
    vm->memory.held_mb = 0;
    vm->host_id = host_id;
    vm->status = VM_RUNNING;
    snapshot_builder_put_vm(builder, vm);
    return build(snap, builder);
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static const Host *need_host(const Snapshot *snap, int64_t host_id, GError **error)
{
    const Host *host = snapshot_host(snap, host_id);

    if (!host)
        err_set(error, VRM_ERR_NOT_FOUND, "there is no host %" PRId64, host_id);
    return host;
}

static bool is_name_taken(const Snapshot *snap, const char *name)
{
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (strcmp(snap->hosts[i]->name, name) == 0)
            return true;
    }
    return false;
}

static char *new_name(const Snapshot *snap, const char *like, uint32_t *number)
{
    char *name = NULL;

    do {
        g_free(name);
        name = g_strdup_printf("%s-new%u", like, ++*number);
    } while (is_name_taken(snap, name));
    return name;
}

Snapshot *whatif_add_hosts(const Snapshot *snap, int64_t like_id, uint32_t n, GError **error)
{
    const Host *like = need_host(snap, like_id, error);
    g_autoptr(SnapshotBuilder) builder = NULL;
    uint32_t number = 0;

    if (!like)
        return NULL;
    builder = whatif_builder(snap);
    for (uint32_t i = 0; i < n; i++) {
        Host *host = host_dup(like);

        host->id = snap->hosts[snap->n_hosts - 1]->id + 1 + i;
        g_free(host->name);
        host->name = new_name(snap, like->name, &number);
        host->maintaining = false;
        host->connected = true;
        host->status = HOST_NORMAL;
        host->seen_mono_ms = snap->taken_mono_ms;
        host->load = (struct load){ 0 };
        snapshot_builder_put_host(builder, host);
    }
    return build(snap, builder);
}

Snapshot *whatif_power(const Snapshot *snap, int64_t host_id, bool on)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);
    Host *host = host_dup(snapshot_host(snap, host_id));

    host->connected = on;
    host->status = on ? HOST_NORMAL : HOST_POWEROFF;
    host->off_since_ms = on ? 0 : 1;
    snapshot_builder_put_host(builder, host);
    return build(snap, builder);
}

Snapshot *whatif_close_host(const Snapshot *snap, int64_t host_id, GError **error)
{
    const Host *host = need_host(snap, host_id, error);
    g_autoptr(SnapshotBuilder) builder = NULL;
    Host *closed;

    if (!host)
        return NULL;
    builder = whatif_builder(snap);
    closed = host_dup(host);
    closed->maintaining = true;
    snapshot_builder_put_host(builder, closed);
    return build(snap, builder);
}

/* ---- rules in words ------------------------------------------------------------------------- */

static int64_t find_vm(const Snapshot *snap, int64_t cluster_id, const char *name)
{
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->cluster_id == cluster_id && strcmp(snap->vms[i]->name, name) == 0)
            return snap->vms[i]->id;
    }
    return 0;
}

static int64_t find_host(const Snapshot *snap, int64_t cluster_id, const char *name)
{
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id == cluster_id && strcmp(snap->hosts[i]->name, name) == 0)
            return snap->hosts[i]->id;
    }
    return 0;
}

typedef int64_t (*find_fn)(const Snapshot *snap, int64_t cluster_id, const char *name);

/* The ids of names with commas between them, ascending, without doubles. */
static int64_t *find_ids(const Snapshot *snap, int64_t cluster_id, const char *names,
                         enum group_type type, size_t *ret_n, GError **error)
{
    const find_fn find = type == GROUP_VM ? find_vm : find_host;
    g_auto(GStrv) words = g_strsplit(names, ",", MAX_NAMES);
    const size_t n = g_strv_length(words);
    g_autofree int64_t *ids = g_new0(int64_t, n + 1);
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        ids[i] = find(snap, cluster_id, words[i]);
        if (ids[i] == 0) {
            err_set(error, VRM_ERR_NOT_FOUND, "rule: there is no %s '%s' in the cluster",
                    type == GROUP_VM ? "VM" : "host", words[i]);
            return NULL;
        }
    }
    qsort(ids, n, sizeof(*ids), id_cmp);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    }
    *ret_n = kept;
    return g_steal_pointer(&ids);
}

static bool bad_rule(const char *text, GError **error)
{
    err_set(error, VRM_ERR_INVALID,
            "rule '%s': want 'apart must|should VM,VM...' (or apart-racks), 'together "
            "must|should VM,VM...' or "
            "'host must|should|must-not|should-not VM,... HOST,...'",
            text);
    return false;
}

static bool too_few(const char *text, GError **error)
{
    err_set(error, VRM_ERR_INVALID,
            "rule '%s': want two different VMs at least, with a comma between them", text);
    return false;
}

static bool has_two(const char *names)
{
    g_auto(GStrv) words = g_strsplit(names, ",", MAX_NAMES);

    for (size_t i = 1; words[0] && words[i]; i++) {
        if (strcmp(words[i], words[0]) != 0)
            return true;
    }
    return false;
}

/* Type and strength; the number of words that must follow them. */
static bool parse_head(char **words, size_t n_words, Rule *rule, const char *text, GError **error)
{
    static const struct {
        const char *word;
        enum rule_type type;
        size_t n_words;
    } types[] = {
        { "apart", RULE_APART, 3 },
        { "apart-racks", RULE_APART, 3 },
        { "together", RULE_TOGETHER, 3 },
        { "host", RULE_VM_HOST, 4 },
    };

    if (n_words < 3 || !rule_strength_parse(words[1], &rule->strength))
        return bad_rule(text, error);
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(words[0], types[i].word) != 0 || n_words != types[i].n_words)
            continue;
        rule->type = types[i].type;
        if (strcmp(words[0], "apart-racks") == 0)
            rule->domain = FAULT_DOMAIN_RACK;
        if (rule->type != RULE_VM_HOST && !has_two(words[2]))
            return too_few(text, error);
        if (rule->type != RULE_VM_HOST && rule->strength != RULE_MUST &&
            rule->strength != RULE_SHOULD)
            break;
        return true;
    }
    return bad_rule(text, error);
}

static bool put_group(const Snapshot *snap, SnapshotBuilder *builder, enum group_type type,
                      const char *names, Rule *rule, GError **error)
{
    size_t n;
    int64_t *members = find_ids(snap, rule->cluster_id, names, type, &n, error);
    int64_t last = snap->n_groups > 0 ? snap->groups[snap->n_groups - 1]->id : 0;
    Group *group;

    if (!members)
        return false;
    group = group_new();
    group->id = last + (type == GROUP_VM ? 1 : 2);
    group->cluster_id = rule->cluster_id;
    group->type = type;
    g_free(group->name);
    group->name = g_strdup(names);
    group->members = members;
    group->n_members = n;
    if (type == GROUP_VM)
        rule->vm_group_id = group->id;
    else
        rule->host_group_id = group->id;
    snapshot_builder_put_group(builder, group);
    return true;
}

static bool fill_rule(const Snapshot *snap, SnapshotBuilder *builder, char **words, Rule *rule,
                      GError **error)
{
    if (rule->type == RULE_VM_HOST)
        return put_group(snap, builder, GROUP_VM, words[2], rule, error) &&
               put_group(snap, builder, GROUP_HOST, words[3], rule, error);
    rule->vms = find_ids(snap, rule->cluster_id, words[2], GROUP_VM, &rule->n_vms, error);
    return rule->vms != NULL;
}

/* Words between blanks. */
static char **split_words(const char *text)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t", 16);
    GPtrArray *kept = g_ptr_array_new();

    for (size_t i = 0; words[i]; i++) {
        if (*words[i] != '\0')
            g_ptr_array_add(kept, g_strdup(words[i]));
    }
    g_ptr_array_add(kept, NULL);
    return (char **)g_ptr_array_free(kept, FALSE);
}

Snapshot *whatif_add_rule(const Snapshot *snap, int64_t cluster_id, const char *text,
                          GError **error)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);
    g_auto(GStrv) words = split_words(text);
    g_autoptr(Snapshot) with_groups = NULL;
    g_autoptr(Rule) rule = rule_new();

    rule->id = snap->n_rules > 0 ? snap->rules[snap->n_rules - 1]->id + 1 : 1;
    rule->cluster_id = cluster_id;
    g_free(rule->name);
    rule->name = g_strdup(text);
    if (!parse_head(words, g_strv_length(words), rule, text, error) ||
        !fill_rule(snap, builder, words, rule, error))
        return NULL;
    with_groups = build(snap, builder);
    if (!rules_check(with_groups, rule, error))
        return NULL;
    snapshot_builder_put_rule(builder, g_steal_pointer(&rule));
    return build(snap, builder);
}

bool whatif_check_rule(const char *text, GError **error)
{
    g_auto(GStrv) words = split_words(text);
    g_autoptr(Rule) rule = rule_new();

    return parse_head(words, g_strv_length(words), rule, text, error);
}
