/* types.c - see types.h.
 *
 * Every object is a struct ref, then values, then strings at known places; its shape says where.
 * new, dup, ref and unref of all types follow from the shapes; only the parts a shape cannot
 * describe (arrays) have code of their own. */
#include "config.h"

#include "model/types.h"

#include <string.h>

struct strings {
    const size_t *offsets; /* of char * fields */
    size_t n;
};

struct shape {
    size_t size;
    struct strings strings;
    void (*init_parts)(void *object); /* defaults; NULL: all zero */
    void (*copy_parts)(void *object); /* the pointers are still the original's: replace them */
    void (*free_parts)(void *object);
};

#define STRINGS(offsets)                                                                           \
    {                                                                                              \
        offsets, G_N_ELEMENTS(offsets)                                                             \
    }

/* ---- strings ------------------------------------------------------------------------------- */

static char **string_at(void *base, size_t offset)
{
    return (char **)((char *)base + offset);
}

static void strings_init(const struct strings *strings, void *base)
{
    for (size_t i = 0; i < strings->n; i++)
        *string_at(base, strings->offsets[i]) = g_strdup("");
}

/* After a plain copy of the struct: gives it strings of its own. */
static void strings_own(const struct strings *strings, void *base)
{
    for (size_t i = 0; i < strings->n; i++) {
        char **string = string_at(base, strings->offsets[i]);

        *string = g_strdup(*string ? *string : "");
    }
}

static void strings_free(const struct strings *strings, void *base)
{
    for (size_t i = 0; i < strings->n; i++)
        g_free(*string_at(base, strings->offsets[i]));
}

/* ---- objects ------------------------------------------------------------------------------- */

static void *shape_new(const struct shape *shape)
{
    void *object = g_malloc0(shape->size);

    ref_init(object);
    strings_init(&shape->strings, object);
    if (shape->init_parts)
        shape->init_parts(object);
    return object;
}

static void *shape_dup(const struct shape *shape, const void *original)
{
    const size_t head = sizeof(struct ref);
    char *copy = g_malloc(shape->size);

    /* Not the count: other threads are changing the original's. */
    memcpy(copy + head, (const char *)original + head, shape->size - head);
    ref_init((struct ref *)copy);
    strings_own(&shape->strings, copy);
    if (shape->copy_parts)
        shape->copy_parts(copy);
    return copy;
}

static void shape_unref(const struct shape *shape, void *object)
{
    if (!object || !ref_put(object))
        return;
    if (shape->free_parts)
        shape->free_parts(object);
    strings_free(&shape->strings, object);
    g_free(object);
}

#define OBJECT_DEFINE(Type, prefix)                                                                \
    G_STATIC_ASSERT(offsetof(Type, ref) == 0);                                                     \
    Type *prefix##_new(void)                                                                       \
    {                                                                                              \
        return shape_new(&prefix##_shape);                                                         \
    }                                                                                              \
    Type *prefix##_dup(const Type *object)                                                         \
    {                                                                                              \
        return shape_dup(&prefix##_shape, object);                                                 \
    }                                                                                              \
    Type *prefix##_ref(const Type *object)                                                         \
    {                                                                                              \
        return ref_get_const(object);                                                              \
    }                                                                                              \
    void prefix##_unref(Type *object)                                                              \
    {                                                                                              \
        shape_unref(&prefix##_shape, object);                                                      \
    }                                                                                              \
    G_STATIC_ASSERT(sizeof(Type) >= sizeof(struct ref))

/* ---- site ---------------------------------------------------------------------------------- */

static const size_t site_strings[] = {
    offsetof(Site, id),
    offsetof(Site, name),
    offsetof(Site, ip),
    offsetof(Site, ha_disarmed_by),
};
static const struct shape site_shape = { .size = sizeof(Site), .strings = STRINGS(site_strings) };
OBJECT_DEFINE(Site, site);

/* ---- cluster ------------------------------------------------------------------------------- */

static bool is_threshold(gint64 level, gint64 under, gint64 over)
{
    return level >= 1 && level <= DPM_LEVELS && under >= 1 && over > under && over <= 100;
}

bool dpm_thresholds_parse(const char *text, struct dpm_threshold ret_levels[DPM_LEVELS + 1])
{
    g_auto(GStrv) words = g_strsplit(text, " ", DPM_LEVELS + 1);
    struct dpm_threshold levels[DPM_LEVELS + 1] = { 0 };

    for (size_t i = 0; words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], ":", 4);
        gint64 n[3];

        if (g_strv_length(parts) != 3)
            return false;
        for (size_t k = 0; k < 3; k++) {
            if (!g_ascii_string_to_signed(parts[k], 10, 0, 100, &n[k], NULL))
                return false;
        }
        if (!is_threshold(n[0], n[1], n[2]))
            return false;
        levels[n[0]] = (struct dpm_threshold){ (uint8_t)n[1], (uint8_t)n[2] };
    }
    memcpy(ret_levels, levels, sizeof(levels));
    return true;
}

char *dpm_thresholds_format(const struct dpm_threshold levels[DPM_LEVELS + 1])
{
    GString *text = g_string_new(NULL);

    for (int i = 1; i <= DPM_LEVELS; i++) {
        if (levels[i].over)
            g_string_append_printf(text, "%s%d:%u:%u", text->len ? " " : "", i, levels[i].under,
                                   levels[i].over);
    }
    return g_string_free(text, FALSE);
}

static const size_t cluster_strings[] = {
    offsetof(Cluster, name),         offsetof(Cluster, description),
    offsetof(Cluster, tag),          offsetof(Cluster, imc_setting),
    offsetof(Cluster, res_strategy), offsetof(Cluster, dpm_thresholds),
};

/* limen of an hour that nobody set */
#define LIMEN_MEDIUM 5

/* FusionCompute's: HA on, DRS and DPM off but set to sensible values for when they are enabled. */
static void cluster_init_parts(void *object)
{
    Cluster *cluster = object;

    g_free(cluster->res_strategy);
    cluster->res_strategy = g_strdup("loadBalance");
    cluster->drs.level = DRS_AUTOMATIC;
    cluster->drs.factor = DRS_FACTOR_BOTH;
    cluster->drs.cycle.type = CYCLE_ALWAYS;
    memset(cluster->drs.limen, LIMEN_MEDIUM, sizeof(cluster->drs.limen));
    cluster->dpm.cycle.type = CYCLE_ALWAYS;
    cluster->dpm.electric_strategy = 1;
    memset(cluster->dpm.limen, LIMEN_MEDIUM, sizeof(cluster->dpm.limen));
    cluster->ha.enabled = true;
    cluster->ha.max_restarts = HA_MAX_RESTARTS;
}

static void cluster_copy_parts(void *object)
{
    struct ha_policy *ha = &((Cluster *)object)->ha;

    ha->failover_hosts =
        g_memdup2(ha->failover_hosts, ha->n_failover_hosts * sizeof(*ha->failover_hosts));
}

static void cluster_free_parts(void *object)
{
    g_free(((Cluster *)object)->ha.failover_hosts);
}

static const struct shape cluster_shape = {
    .size = sizeof(Cluster),
    .strings = STRINGS(cluster_strings),
    .init_parts = cluster_init_parts,
    .copy_parts = cluster_copy_parts,
    .free_parts = cluster_free_parts,
};
OBJECT_DEFINE(Cluster, cluster);

/* ---- host ---------------------------------------------------------------------------------- */

static const size_t host_strings[] = {
    offsetof(Host, name),         offsetof(Host, description),
    offsetof(Host, ip),           offsetof(Host, bmc_ip),
    offsetof(Host, bmc_user),     offsetof(Host, bmc_password),
    offsetof(Host, real_name),    offsetof(Host, uuid),
    offsetof(Host, vendor),       offsetof(Host, model),
    offsetof(Host, cpu_model),    offsetof(Host, hypervisor),
    offsetof(Host, boot_id),      offsetof(Host, agent_version),
    offsetof(Host, trouble),      offsetof(Host, migrate_address),
    offsetof(Host, ha_address),   offsetof(Host, cpu_vendor),
    offsetof(Host, cpu_features), offsetof(Host, cpu_generations),
    offsetof(Host, devices),      offsetof(Host, rack),
    offsetof(Host, ha_state),     offsetof(Host, lost_stores),
};
static const struct shape host_shape = { .size = sizeof(Host), .strings = STRINGS(host_strings) };
OBJECT_DEFINE(Host, host);

bool host_lacks_store(const Host *host, int64_t datastore_id)
{
    g_autofree char *item = NULL;

    if (!*host->lost_stores)
        return false;
    item = g_strdup_printf(",%" G_GINT64_FORMAT ",", datastore_id);
    return strstr(host->lost_stores, item) != NULL;
}

/* ---- VM ------------------------------------------------------------------------------------ */

static const size_t vm_string_fields[] = {
    offsetof(Vm, uuid),          offsetof(Vm, name),          offsetof(Vm, description),
    offsetof(Vm, group),         offsetof(Vm, external_uuid), offsetof(Vm, os_type),
    offsetof(Vm, guest_os_name), offsetof(Vm, os_hostname),   offsetof(Vm, boot_option),
    offsetof(Vm, fault_process), offsetof(Vm, clock_mode),    offsetof(Vm, cpu_seen),
    offsetof(Vm, placed_why),    offsetof(Vm, cpu_model),     offsetof(Vm, devices),
    offsetof(Vm, start_wait),
};
static const size_t disk_string_fields[] = {
    offsetof(struct vm_disk, name),
    offsetof(struct vm_disk, path),
    offsetof(struct vm_disk, bus),
};
static const size_t nic_string_fields[] = {
    offsetof(struct vm_nic, name),
    offsetof(struct vm_nic, mac),
    offsetof(struct vm_nic, port_group),
    offsetof(struct vm_nic, ip),
};
static const struct strings disk_strings = STRINGS(disk_string_fields);
static const struct strings nic_strings = STRINGS(nic_string_fields);

struct vm_disk *vm_add_disk(Vm *vm)
{
    struct vm_disk *disk;

    vm->disks = g_renew(struct vm_disk, vm->disks, vm->n_disks + 1);
    disk = &vm->disks[vm->n_disks++];
    *disk = (struct vm_disk){ 0 };
    strings_init(&disk_strings, disk);
    return disk;
}

void vm_remove_disk(Vm *vm, size_t place)
{
    g_assert(place < vm->n_disks);
    strings_free(&disk_strings, &vm->disks[place]);
    vm->n_disks--;
    memmove(&vm->disks[place], &vm->disks[place + 1], (vm->n_disks - place) * sizeof(*vm->disks));
}

struct vm_nic *vm_add_nic(Vm *vm)
{
    struct vm_nic *nic;

    vm->nics = g_renew(struct vm_nic, vm->nics, vm->n_nics + 1);
    nic = &vm->nics[vm->n_nics++];
    *nic = (struct vm_nic){ 0 };
    strings_init(&nic_strings, nic);
    return nic;
}

static void vm_init_parts(void *object)
{
    ((Vm *)object)->restart_priority = RESTART_MEDIUM;
    ((Vm *)object)->hang_sensitivity = SENSITIVITY_MEDIUM;
}

static void vm_copy_parts(void *object)
{
    Vm *vm = object;

    vm->disks = g_memdup2(vm->disks, vm->n_disks * sizeof(*vm->disks));
    for (size_t i = 0; i < vm->n_disks; i++)
        strings_own(&disk_strings, &vm->disks[i]);
    vm->nics = g_memdup2(vm->nics, vm->n_nics * sizeof(*vm->nics));
    for (size_t i = 0; i < vm->n_nics; i++)
        strings_own(&nic_strings, &vm->nics[i]);
}

static void vm_free_parts(void *object)
{
    Vm *vm = object;

    for (size_t i = 0; i < vm->n_disks; i++)
        strings_free(&disk_strings, &vm->disks[i]);
    g_free(vm->disks);
    for (size_t i = 0; i < vm->n_nics; i++)
        strings_free(&nic_strings, &vm->nics[i]);
    g_free(vm->nics);
}

static const struct shape vm_shape = {
    .size = sizeof(Vm),
    .strings = STRINGS(vm_string_fields),
    .init_parts = vm_init_parts,
    .copy_parts = vm_copy_parts,
    .free_parts = vm_free_parts,
};
OBJECT_DEFINE(Vm, vm);

enum vm_status vm_shown_status(const Vm *vm)
{
    if (!vm->host_reported && (vm->status == VM_RUNNING || vm->status == VM_PAUSED))
        return VM_UNKNOWN;
    return vm->status;
}

bool vm_is_placed(const Vm *vm)
{
    switch (vm->status) {
    case VM_CREATING:
    case VM_STOPPED:
    case VM_HIBERNATED:
    case VM_RECYCLING:
        return false;
    case VM_STARTING:
    case VM_RUNNING:
    case VM_PAUSED:
    case VM_MIGRATING:
    case VM_STOPPING:
    case VM_SHUTTING_DOWN:
    case VM_HIBERNATING:
    case VM_FAULT_RESUMING:
    case VM_UNKNOWN: /* nobody saw it go, so its host may still hold it */
        return vm->host_id != 0;
    }
    g_assert_not_reached();
}

/* ---- rules and groups ---------------------------------------------------------------------- */

static const size_t group_strings[] = { offsetof(Group, name) };

static void group_copy_parts(void *object)
{
    Group *group = object;

    group->members = g_memdup2(group->members, group->n_members * sizeof(*group->members));
}

static void group_free_parts(void *object)
{
    g_free(((Group *)object)->members);
}

static const struct shape group_shape = {
    .size = sizeof(Group),
    .strings = STRINGS(group_strings),
    .copy_parts = group_copy_parts,
    .free_parts = group_free_parts,
};
OBJECT_DEFINE(Group, group);

static const size_t rule_strings[] = { offsetof(Rule, name), offsetof(Rule, state_text) };

static void rule_copy_parts(void *object)
{
    Rule *rule = object;

    rule->vms = g_memdup2(rule->vms, rule->n_vms * sizeof(*rule->vms));
}

static void rule_free_parts(void *object)
{
    g_free(((Rule *)object)->vms);
}

static const struct shape rule_shape = {
    .size = sizeof(Rule),
    .strings = STRINGS(rule_strings),
    .copy_parts = rule_copy_parts,
    .free_parts = rule_free_parts,
};
OBJECT_DEFINE(Rule, rule);

/* ---- datastore ----------------------------------------------------------------------------- */

static const size_t datastore_strings[] = {
    offsetof(Datastore, name),
    offsetof(Datastore, description),
    offsetof(Datastore, storage_type),
    offsetof(Datastore, path),
};
static const struct shape datastore_shape = {
    .size = sizeof(Datastore),
    .strings = STRINGS(datastore_strings),
};
OBJECT_DEFINE(Datastore, datastore);

/* ---- task ---------------------------------------------------------------------------------- */

static const size_t task_strings[] = {
    offsetof(Task, entity_name),
    offsetof(Task, user),
    offsetof(Task, reason_text),
    offsetof(Task, why),
};
static const struct shape task_shape = { .size = sizeof(Task), .strings = STRINGS(task_strings) };
OBJECT_DEFINE(Task, task);

bool task_is_final(const Task *task)
{
    return task->status == TASK_SUCCESS || task->status == TASK_FAILED;
}

/* ---- DRS ----------------------------------------------------------------------------------- */

static const size_t recommendation_strings[] = {
    offsetof(Recommendation, vm_name),     offsetof(Recommendation, source_name),
    offsetof(Recommendation, target_name), offsetof(Recommendation, text),
    offsetof(Recommendation, rejected),
};
static const struct shape recommendation_shape = {
    .size = sizeof(Recommendation),
    .strings = STRINGS(recommendation_strings),
};
OBJECT_DEFINE(Recommendation, recommendation);

static const size_t report_strings[] = { offsetof(DrsReport, verdict) };

static void report_copy_parts(void *object)
{
    DrsReport *report = object;
    Recommendation *const *original = report->recommendations;

    report->recommendations = g_new(Recommendation *, report->n_recommendations);
    for (size_t i = 0; i < report->n_recommendations; i++)
        report->recommendations[i] = recommendation_ref(original[i]);
}

static void report_free_parts(void *object)
{
    DrsReport *report = object;

    for (size_t i = 0; i < report->n_recommendations; i++)
        recommendation_unref(report->recommendations[i]);
    g_free(report->recommendations);
}

static const struct shape drs_report_shape = {
    .size = sizeof(DrsReport),
    .strings = STRINGS(report_strings),
    .copy_parts = report_copy_parts,
    .free_parts = report_free_parts,
};
OBJECT_DEFINE(DrsReport, drs_report);

void drs_report_take(DrsReport *report, Recommendation *rec)
{
    const size_t n = report->n_recommendations;

    report->recommendations = g_renew(Recommendation *, report->recommendations, n + 1);
    report->recommendations[n] = rec;
    report->n_recommendations = n + 1;
}
