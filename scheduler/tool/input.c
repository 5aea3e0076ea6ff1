/* input.c - see input.h. */
#include "config.h"

#include "scheduler/tool/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "model/snapshot_check.h"
#include "model/snapshot_json.h"
#include "scheduler/whatif.h"

#define MAX_FILE  ((size_t)256 * 1024 * 1024)
#define READ_SIZE ((size_t)1024 * 1024)

/* Nearly all of the balance that 9 reaches, for two thirds of its moves. */
#define GANETI_LEVEL 5

/* ---- files ---------------------------------------------------------------------------------- */

static bool read_all(FILE *file, const char *path, GString *text, GError **error)
{
    for (;;) {
        size_t old = text->len, got;

        g_string_set_size(text, old + READ_SIZE);
        got = fread(text->str + old, 1, READ_SIZE, file);
        g_string_set_size(text, old + got);
        if (got == 0)
            break;
        if (text->len > MAX_FILE) {
            err_set(error, VRM_ERR_INVALID, "%s: more than %zu MiB", path, MAX_FILE >> 20);
            return false;
        }
    }
    if (!ferror(file))
        return true;
    err_set(error, VRM_ERR_UNAVAILABLE, "%s: %s", path, g_strerror(errno));
    return false;
}

bool input_read_file(const char *path, char **ret_text, size_t *ret_len, GError **error)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rbe");
    GString *text;
    bool good;

    if (!file) {
        err_set(error, VRM_ERR_UNAVAILABLE, "%s: %s", *path != '\0' ? path : "''",
                g_strerror(errno));
        return false;
    }
    text = g_string_new(NULL);
    good = read_all(file, path, text, error);
    if (!is_stdin)
        (void)fclose(file); /* nothing was written */
    if (good) {
        *ret_len = text->len;
        *ret_text = g_string_free(text, FALSE);
    } else {
        g_string_free(text, TRUE);
    }
    return good;
}

/* ---- Ganeti's form -------------------------------------------------------------------------- */

static void add_warnings(struct input *input, const Ganeti *g)
{
    for (guint i = 0; i < g->warnings->len; i++)
        g_ptr_array_add(input->warnings, g_strdup(g->warnings->pdata[i]));
}

static bool has_tag_of(const Ganeti *g, const char *prefix)
{
    const size_t len = strlen(prefix);

    for (size_t i = 0; i < g->instances.len; i++) {
        for (const char *tag = g->instances.items[i].tags; tag && *tag != '\0';) {
            if (strncmp(tag, prefix, len) == 0 && tag[len] == ':')
                return true;
            tag = strchr(tag, ',');
            tag = tag ? tag + 1 : NULL;
        }
    }
    return false;
}

static bool apply_ganeti_options(const struct options *o, Ganeti *g, GError **error)
{
    g->uplink_mbps = MAX(o->uplink_mbps, 0);
    for (char **node = o->offline; node && *node; node++) {
        if (!ganeti_set_offline(g, *node, error))
            return false;
    }
    for (char **list = o->exclusion; list && *list; list++) {
        g_auto(GStrv) prefixes = g_strsplit(*list, ",", -1);

        for (char **prefix = prefixes; *prefix; prefix++) {
            if (!has_tag_of(g, *prefix))
                g_ptr_array_add(g->warnings, g_strdup_printf("--exclusion-tags: no instance has a "
                                                             "tag '%s:...'",
                                                             *prefix));
            ganeti_add_exclusion(g, *prefix);
        }
    }
    return true;
}

static bool read_load(const struct options *o, Ganeti *g, GError **error)
{
    g_autofree char *text = NULL;
    size_t len;

    if (!o->load || o->ignore_load)
        return true;
    return input_read_file(o->load, &text, &len, error) &&
           ganeti_parse_load(g, text, len, o->load, error);
}

static struct ganeti_unit find_unit(const Ganeti *g, enum ganeti_load load, double given)
{
    if (g->loaded && given > 0)
        return (struct ganeti_unit){ given, "given" };
    return ganeti_find_unit(g, load);
}

static bool read_ganeti(const struct options *o, struct input *input, GError **error)
{
    g_autoptr(Ganeti) g = NULL;

    if (!input_read_file(o->data, &input->text, &input->text_len, error))
        return false;
    g = ganeti_parse(input->text, input->text_len, o->data, error);
    if (!g || !read_load(o, g, error) || !apply_ganeti_options(o, g, error) ||
        !ganeti_find_group(g, o->cluster, &input->cluster_id, error))
        return false;
    input->units[GANETI_CPU] = find_unit(g, GANETI_CPU, o->cpu_unit);
    input->units[GANETI_MEM] = find_unit(g, GANETI_MEM, o->mem_unit);
    input->snap = ganeti_snapshot(g, input->units);
    input->original = snapshot_ref(input->snap);
    add_warnings(input, g);
    input->params.now_mono_ms = GANETI_NOW_MONO_MS;
    input->ganeti = g_steal_pointer(&g);
    return true;
}

/* ---- our own form --------------------------------------------------------------------------- */

static bool find_cluster(const struct options *o, struct input *input, GError **error)
{
    const Snapshot *snap = input->snap;

    for (size_t i = 0; o->cluster && i < snap->n_clusters; i++) {
        if (strcmp(snap->clusters[i]->name, o->cluster) == 0) {
            input->cluster_id = snap->clusters[i]->id;
            return true;
        }
    }
    if (o->cluster) {
        err_set(error, VRM_ERR_NOT_FOUND, "%s: there is no cluster '%s'", o->snapshot, o->cluster);
        return false;
    }
    if (snap->n_clusters != 1) {
        err_set(error, VRM_ERR_INVALID, "%s: has %zu clusters: want -G NAME", o->snapshot,
                snap->n_clusters);
        return false;
    }
    input->cluster_id = snap->clusters[0]->id;
    return true;
}

/* When it was taken; a file that does not say so is no older than its last move. */
static int64_t newest_wall_ms(const Snapshot *snap)
{
    int64_t newest = 0;

    if (snap->taken_wall_ms)
        return snap->taken_wall_ms;
    for (size_t i = 0; i < snap->n_vms; i++)
        newest = MAX(newest, snap->vms[i]->moved_ms);
    return newest;
}

/* As the controller judges them; a file that does not say so leaves the defaults. */
static void take_measuring(const struct measuring *measuring, struct sched_params *params)
{
    if (measuring->min_samples > 0)
        params->min_samples = measuring->min_samples;
    if (measuring->max_age_ms > 0)
        params->max_age_ms = measuring->max_age_ms;
}

static bool read_snapshot(const struct options *o, struct input *input, GError **error)
{
    g_autofree char *text = NULL;
    size_t len;

    if (!input_read_file(o->snapshot, &text, &len, error))
        return false;
    input->snap = snapshot_json_parse(text, len, error);
    if (!input->snap || !snapshot_check(input->snap, error)) {
        g_prefix_error(error, "%s: ", o->snapshot);
        return false;
    }
    input->params.now_mono_ms = input->snap->taken_mono_ms;
    input->params.now_wall_ms = newest_wall_ms(input->snap);
    take_measuring(&input->snap->measuring, &input->params);
    return find_cluster(o, input, error);
}

/* ---- options that change the cluster -------------------------------------------------------- */

static void replace_snapshot(struct input *input, SnapshotBuilder *builder)
{
    Snapshot *old = input->snap;

    input->snap = snapshot_builder_build(builder, old->taken_mono_ms);
    snapshot_unref(old);
}

static void set_policy(const struct options *o, SnapshotBuilder *builder, int64_t cluster_id)
{
    Cluster *cluster = cluster_dup(snapshot_builder_get_cluster(builder, cluster_id));
    const int level = o->level > 0 ? o->level : o->data ? GANETI_LEVEL : 0;

    if (level > 0) {
        memset(cluster->drs.limen, level, sizeof(cluster->drs.limen));
        memset(cluster->dpm.limen, level, sizeof(cluster->dpm.limen));
    }
    if (o->factor)
        cluster->drs.factor = strcmp(o->factor, "cpu") == 0   ? DRS_FACTOR_CPU
                              : strcmp(o->factor, "mem") == 0 ? DRS_FACTOR_MEM
                                                              : DRS_FACTOR_BOTH;
    if (o->select || o->exclude)
        cluster->drs.vm_overrides_enabled = true;
    if (o->max_cpu > 0)
        cluster->vcpus_per_thread = (int64_t)o->max_cpu;
    if (o->ignore_soft)
        cluster->vcpus_per_thread = 0; /* neither the cluster's figure nor that of a site */
    snapshot_builder_put_cluster(builder, cluster);
}

static void set_uplinks(const struct options *o, const Snapshot *snap, SnapshotBuilder *builder)
{
    for (size_t i = 0; o->uplink_mbps > 0 && i < snap->n_hosts; i++) {
        Host *host;

        if (snap->hosts[i]->net_mbps > 0)
            continue;
        host = host_dup(snap->hosts[i]);
        host->net_mbps = o->uplink_mbps;
        snapshot_builder_put_host(builder, host);
    }
}

static void put_behavior(SnapshotBuilder *builder, const Vm *was, enum drs_behavior behavior)
{
    Vm *vm = vm_dup(was);

    vm->drs_behavior = behavior;
    snapshot_builder_put_vm(builder, vm);
}

static bool set_behavior(const struct input *input, SnapshotBuilder *builder, char **lists,
                         enum drs_behavior behavior, GError **error)
{
    for (char **list = lists; list && *list; list++) {
        g_auto(GStrv) names = g_strsplit(*list, ",", -1);

        for (char **name = names; *name; name++) {
            const Vm *vm = input_vm(input, *name, error);

            if (!vm)
                return false;
            put_behavior(builder, snapshot_builder_get_vm(builder, vm->id), behavior);
        }
    }
    return true;
}

static bool change_cluster(const struct options *o, struct input *input, GError **error)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(input->snap);

    set_policy(o, builder, input->cluster_id);
    set_uplinks(o, input->snap, builder);
    for (size_t i = 0; o->select && i < input->snap->n_vms; i++)
        put_behavior(builder, input->snap->vms[i], DRS_BEHAVIOR_DISABLED);
    if (!set_behavior(input, builder, o->select, DRS_BEHAVIOR_CLUSTER, error) ||
        !set_behavior(input, builder, o->exclude, DRS_BEHAVIOR_DISABLED, error))
        return false;
    replace_snapshot(input, builder);
    return true;
}

static void change_params(const struct options *o, struct sched_params *params)
{
    const struct {
        int given;
        uint32_t *field;
    } counts[] = {
        { o->parallel, &params->cap_cluster },
        { o->per_host, &params->cap_host_in },
        { o->per_host, &params->cap_host_out },
        { o->max_moves, &params->max_moves },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        if (counts[i].given >= 0)
            *counts[i].field = (uint32_t)counts[i].given;
    }
    if (o->seed >= 0)
        params->seed = (uint64_t)o->seed;
    if (o->proposals >= 0)
        params->proposals_per_vm = (uint32_t)o->proposals;
    if (o->link_mbps > 0)
        params->link_mbps = o->link_mbps;
    if (o->horizon_s > 0)
        params->horizon_ms = o->horizon_s * INT64_C(1000);
    if (o->ignore_soft)
        params->vcpus_per_thread = 0;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* On one of the cluster's hosts, or on the way there. */
static bool is_on_hosts(const struct input *input, const Vm *vm)
{
    const Host *here = snapshot_host(input->snap, vm->host_id);
    const Host *there = snapshot_host(input->snap, vm->target_host_id);

    return vm_is_placed(vm) && ((here && here->cluster_id == input->cluster_id) ||
                                (there && there->cluster_id == input->cluster_id));
}

/* Needs no host. */
static bool is_down(const Vm *vm)
{
    return vm->status == VM_CREATING || vm->status == VM_STOPPED || vm->status == VM_HIBERNATED ||
           vm->status == VM_RECYCLING;
}

static void warn_adrift(struct input *input, const Vm *first, size_t n)
{
    if (n > 0)
        g_ptr_array_add(input->warnings,
                        g_strdup_printf("left out: %zu running VM%s on no host of the cluster (%s)",
                                        n, n == 1 ? "" : "s", first->name));
}

static void index_vm(struct input *input, const Vm *vm)
{
    gpointer object = (gpointer)(uintptr_t)vm;

    input->n_vms++;
    if (!g_hash_table_insert(input->vm_index, vm->name, object))
        g_hash_table_add(input->vm_doubles, vm->name);
    if (*vm->uuid != '\0')
        g_hash_table_insert(input->vm_uuids, vm->uuid, object);
}

static void index_names(struct input *input)
{
    const Snapshot *snap = input->snap;
    const Vm *adrift = NULL;
    size_t n_adrift = 0;

    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];
        const bool is_here = is_on_hosts(input, vm);

        if (vm->cluster_id == input->cluster_id || is_here)
            index_vm(input, vm);
        if (vm->cluster_id != input->cluster_id || is_here || is_down(vm))
            continue;
        n_adrift++;
        adrift = adrift ? adrift : vm;
    }
    warn_adrift(input, adrift, n_adrift);
    for (size_t i = 0; i < snap->n_rules; i++)
        input->n_rules += snap->rules[i]->cluster_id == input->cluster_id ? 1 : 0;
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id == input->cluster_id)
            g_hash_table_insert(input->host_index, snap->hosts[i]->name,
                                (gpointer)(uintptr_t)snap->hosts[i]);
    }
}

const Vm *input_vm(const struct input *input, const char *name, GError **error)
{
    const Vm *vm = g_hash_table_lookup(input->vm_index, name);

    if (g_hash_table_contains(input->vm_doubles, name)) {
        err_set(error, VRM_ERR_INVALID, "the cluster has several VMs '%s': want the UUID of one",
                name);
        return NULL;
    }
    if (!vm)
        vm = g_hash_table_lookup(input->vm_uuids, name);
    if (!vm)
        err_set(error, VRM_ERR_NOT_FOUND, "the cluster has no VM '%s'", name);
    return vm ? snapshot_vm(input->snap, vm->id) : NULL;
}

const Host *input_host(const struct input *input, const char *name, GError **error)
{
    const Host *host = g_hash_table_lookup(input->host_index, name);

    if (!host)
        err_set(error, VRM_ERR_NOT_FOUND, "the cluster has no host '%s'", name);
    return host ? snapshot_host(input->snap, host->id) : NULL;
}

/* ---- what was found ------------------------------------------------------------------------- */

static json_t *unit_json(const char *key, const struct ganeti_unit *unit)
{
    json_t *json = json_object();

    json_object_set_new(json, key, unit->size > 0 ? json_real(unit->size) : json_null());
    json_object_set_new(json, "why", json_string(unit->why));
    return json;
}

void input_add_units(const struct input *input, json_t *answer)
{
    json_t *json;

    if (!input->ganeti)
        return;
    json = json_object();
    json_object_set_new(json, "cpu", unit_json("threads", &input->units[GANETI_CPU]));
    json_object_set_new(json, "memory", unit_json("mib", &input->units[GANETI_MEM]));
    json_object_set_new(answer, "loadUnits", json);
}

int64_t input_vcpu_limit(const struct input *input)
{
    const Cluster *cluster = snapshot_cluster(input->snap, input->cluster_id);

    return cluster->vcpus_per_thread > 0 ? cluster->vcpus_per_thread
                                         : input->params.vcpus_per_thread;
}

/* ---- entry ---------------------------------------------------------------------------------- */

bool input_read(const struct options *options, struct input *input, GError **error)
{
    *input = (struct input){ .warnings = g_ptr_array_new_with_free_func(g_free),
                             .vm_index = g_hash_table_new(g_str_hash, g_str_equal),
                             .vm_uuids = g_hash_table_new(g_str_hash, g_str_equal),
                             .vm_doubles = g_hash_table_new(g_str_hash, g_str_equal),
                             .host_index = g_hash_table_new(g_str_hash, g_str_equal) };
    sched_params_init(&input->params);
    input->params.on_demand = true;
    input->params.max_moves = G_MAXINT32;
    if (options->data ? !read_ganeti(options, input, error) : !read_snapshot(options, input, error))
        return false;
    if (!input->original)
        input->original = snapshot_ref(input->snap);
    index_names(input); /* of objects that `original` keeps alive */
    change_params(options, &input->params);
    return change_cluster(options, input, error);
}

void input_clear(struct input *input)
{
    g_clear_pointer(&input->vm_index, g_hash_table_unref);
    g_clear_pointer(&input->vm_uuids, g_hash_table_unref);
    g_clear_pointer(&input->vm_doubles, g_hash_table_unref);
    g_clear_pointer(&input->host_index, g_hash_table_unref);
    g_clear_pointer(&input->warnings, g_ptr_array_unref);
    snapshot_unref(input->snap);
    snapshot_unref(input->original);
    ganeti_free(input->ganeti);
    g_free(input->text);
}
