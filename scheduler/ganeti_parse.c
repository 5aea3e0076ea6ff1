/* ganeti_parse.c - see ganeti.h.  The data file (-t): five sections of lines. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "scheduler/ganeti.h"
#include "scheduler/ganeti_row.h"

#define MAX_MIB       INT64_C(1000000000)
#define MAX_THREADS   65536
#define MAX_DISK      1e18
#define DEFAULT_RATIO 4.0 /* Ganeti's own default of vCPUs for each thread */
#define MAX_RATIO     10000.0
#define EXCLUSION_TAG "htools:iextags:"

struct parser {
    Ganeti *g;
    struct ganeti_lines lines;
    GHashTable *group_index; /* UUID -> index + 1 */
    GHashTable *group_names;
};

/* ---- groups --------------------------------------------------------------------------------- */

enum {
    GROUP_NAME,
    GROUP_UUID,
    GROUP_POLICY,
    GROUP_TAGS,
    GROUP_NETWORKS,
    N_GROUP_COLUMNS
};
static const char *const group_columns[N_GROUP_COLUMNS] = {
    [GROUP_NAME] = "name", [GROUP_UUID] = "UUID",         [GROUP_POLICY] = "allocation policy",
    [GROUP_TAGS] = "tags", [GROUP_NETWORKS] = "networks",
};

/* False if the name is there already. */
static bool index_name(GHashTable *index, const char *name, size_t n)
{
    if (g_hash_table_contains(index, name))
        return false;
    g_hash_table_insert(index, (gpointer)(uintptr_t)name, GSIZE_TO_POINTER(n));
    return true;
}

/* What the tools that place instances may do with a group; evening it out is always allowed. */
static bool read_allocation(const struct ganeti_row *row, GError **error)
{
    static const char *const words[] = { "preferred", "last_resort", "unallocable", NULL };

    return g_strv_contains(words, row->field[GROUP_POLICY]) ||
           ganeti_row_refuse(row, GROUP_POLICY, "preferred, last_resort or unallocable", error);
}

static bool read_group(struct parser *p, char *line, GError **error)
{
    struct ganeti_row row = { .lines = &p->lines, .kind = "group", .columns = group_columns };
    struct ganeti_group group = { 0 };
    const size_t n = p->g->groups.len;

    if (!ganeti_row_split(&row, line, '|', GROUP_POLICY + 1, N_GROUP_COLUMNS, error) ||
        !ganeti_row_name(&row, GROUP_NAME, &group.name, error) ||
        !ganeti_row_name(&row, GROUP_UUID, &group.uuid, error) || !read_allocation(&row, error))
        return false;
    if (n == GANETI_MAX_GROUPS)
        return ganeti_row_refuse(&row, GROUP_NAME, "at most 256 groups", error);
    if (!index_name(p->group_index, group.uuid, n + 1))
        return ganeti_row_refuse(&row, GROUP_UUID, "a UUID of its own", error);
    if (!index_name(p->group_names, group.name, n + 1))
        return ganeti_row_refuse(&row, GROUP_NAME, "a name of its own", error);
    ganeti_groups_push(&p->g->groups, group);
    return true;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

enum {
    NODE_NAME,
    NODE_MEM,
    NODE_OWN_MEM,
    NODE_FREE_MEM,
    NODE_DISK,
    NODE_FREE_DISK,
    NODE_THREADS,
    NODE_ROLE,
    NODE_GROUP,
    NODE_SPINDLES,
    NODE_TAGS,
    NODE_EXCLUSIVE,
    NODE_FREE_SPINDLES,
    NODE_OWN_CPUS,
    NODE_SPEED,
    N_NODE_COLUMNS
};
static const char *const node_columns[N_NODE_COLUMNS] = {
    [NODE_NAME] = "name",
    [NODE_MEM] = "total memory",
    [NODE_OWN_MEM] = "memory used by the node",
    [NODE_FREE_MEM] = "free memory",
    [NODE_DISK] = "total disk",
    [NODE_FREE_DISK] = "free disk",
    [NODE_THREADS] = "physical cores",
    [NODE_ROLE] = "offline/role",
    [NODE_GROUP] = "group UUID",
    [NODE_SPINDLES] = "spindle count",
    [NODE_TAGS] = "tags",
    [NODE_EXCLUSIVE] = "exclusive storage",
    [NODE_FREE_SPINDLES] = "free spindles",
    [NODE_OWN_CPUS] = "vCPUs of the node",
    [NODE_SPEED] = "CPU speed",
};

/* An offline node may not know its figures. */
static bool has_unknown(const struct ganeti_row *row)
{
    for (size_t i = NODE_MEM; i <= NODE_THREADS; i++) {
        if (strcmp(row->field[i], "?") == 0)
            return true;
    }
    return false;
}

static bool read_role(const struct ganeti_row *row, struct ganeti_node *node, GError **error)
{
    const char *role = row->field[NODE_ROLE];

    if (strlen(role) != 1 || !strchr("YNM", *role))
        return ganeti_row_refuse(row, NODE_ROLE, "Y (offline), N or M (master)", error);
    node->offline = *role == 'Y';
    node->master = *role == 'M';
    return true;
}

static bool read_node_figures(const struct ganeti_row *row, struct ganeti_node *node,
                              GError **error)
{
    node->speed = 1;
    node->own_cpus = 1; /* as htools has it when the field is not there */
    if (has_unknown(row)) {
        node->offline = true;
        return true;
    }
    if (!ganeti_row_int(row, NODE_MEM, 0, MAX_MIB, &node->mem_mb, error) ||
        !ganeti_row_int(row, NODE_OWN_MEM, 0, MAX_MIB, &node->own_mem_mb, error) ||
        !ganeti_row_int(row, NODE_FREE_MEM, -MAX_MIB, MAX_MIB, &node->free_mem_mb, error) ||
        !ganeti_row_real(row, NODE_DISK, 0, MAX_DISK, &node->disk_mb, error) ||
        !ganeti_row_real(row, NODE_FREE_DISK, -MAX_DISK, MAX_DISK, &node->free_disk_mb, error) ||
        !ganeti_row_int(row, NODE_THREADS, 0, MAX_THREADS, &node->threads, error))
        return false;
    if (row->n > NODE_OWN_CPUS &&
        !ganeti_row_int(row, NODE_OWN_CPUS, 0, MAX_THREADS, &node->own_cpus, error))
        return false;
    return row->n <= NODE_SPEED || ganeti_row_real(row, NODE_SPEED, 0.01, 100, &node->speed, error);
}

static bool read_node(struct parser *p, char *line, GError **error)
{
    struct ganeti_row row = { .lines = &p->lines, .kind = "node", .columns = node_columns };
    struct ganeti_node node = { 0 };
    const size_t n = p->g->nodes.len;
    size_t group;

    if (!ganeti_row_split(&row, line, '|', NODE_GROUP + 1, N_NODE_COLUMNS, error) ||
        !ganeti_row_name(&row, NODE_NAME, &node.name, error) || !read_role(&row, &node, error) ||
        !read_node_figures(&row, &node, error))
        return false;
    group = GPOINTER_TO_SIZE(g_hash_table_lookup(p->group_index, row.field[NODE_GROUP]));
    if (group == 0)
        return ganeti_row_refuse(&row, NODE_GROUP, "the UUID of a group above", error);
    node.group = (uint32_t)(group - 1);
    node.tags = row.n > NODE_TAGS ? row.field[NODE_TAGS] : "";
    if (n == GANETI_MAX_NODES)
        return ganeti_row_refuse(&row, NODE_NAME, "at most 65536 nodes", error);
    if (!index_name(p->g->node_index, node.name, n + 1))
        return ganeti_row_refuse(&row, NODE_NAME, "a name of its own", error);
    ganeti_nodes_push(&p->g->nodes, node);
    return true;
}

/* ---- instances ------------------------------------------------------------------------------ */

enum {
    INST_NAME,
    INST_MEM,
    INST_DISK,
    INST_VCPUS,
    INST_STATUS,
    INST_AUTO,
    INST_NODE,
    INST_SECONDARY,
    INST_TEMPLATE,
    INST_TAGS,
    INST_SPINDLES,
    INST_DISK_SPINDLES,
    INST_FORTHCOMING,
    N_INST_COLUMNS
};
static const char *const instance_columns[N_INST_COLUMNS] = {
    [INST_NAME] = "name",
    [INST_MEM] = "memory",
    [INST_DISK] = "disk",
    [INST_VCPUS] = "vCPUs",
    [INST_STATUS] = "status",
    [INST_AUTO] = "auto_balance",
    [INST_NODE] = "primary node",
    [INST_SECONDARY] = "secondary node",
    [INST_TEMPLATE] = "disk template",
    [INST_TAGS] = "tags",
    [INST_SPINDLES] = "spindle use",
    [INST_DISK_SPINDLES] = "disk spindles",
    [INST_FORTHCOMING] = "forthcoming",
};

static bool read_status(const struct ganeti_row *row, struct ganeti_instance *instance,
                        GError **error)
{
    /* Running, or it would if its node were not offline; or down, but its memory is wanted again;
     * or down for good. */
    static const struct {
        const char *word;
        enum vm_status status;
        bool holds_memory;
    } rows[] = {
        { "running", VM_RUNNING, true },         { "ERROR_up", VM_RUNNING, true },
        { "ERROR_wrongnode", VM_RUNNING, true }, { "ERROR_nodeoffline", VM_RUNNING, true },
        { "ADMIN_down", VM_STOPPED, true },      { "USER_down", VM_STOPPED, true },
        { "ERROR_down", VM_STOPPED, true },      { "ERROR_nodedown", VM_STOPPED, true },
        { "ADMIN_offline", VM_STOPPED, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(row->field[INST_STATUS], rows[i].word) == 0) {
            instance->status = rows[i].status;
            instance->holds_memory = rows[i].holds_memory;
            return true;
        }
    }
    return ganeti_row_refuse(row, INST_STATUS,
                             "running, ERROR_up, ERROR_wrongnode, ADMIN_down, USER_down, "
                             "ERROR_down, ERROR_nodedown, ERROR_nodeoffline or ADMIN_offline",
                             error);
}

static bool read_template(const struct ganeti_row *row, struct ganeti_instance *instance,
                          GError **error)
{
    static const char *const shared[] = { "ext",      "rbd",      "sharedfile", "gluster",
                                          "blockdev", "diskless", NULL };
    static const char *const local[] = { "plain", "file", NULL };
    const char *word = row->field[INST_TEMPLATE];
    bool mirrored = strcmp(word, "drbd") == 0;

    instance->local_disk = g_strv_contains(local, word);
    if (!mirrored && !instance->local_disk && !g_strv_contains(shared, word))
        return ganeti_row_refuse(row, INST_TEMPLATE,
                                 "ext, rbd, sharedfile, gluster, blockdev, diskless, drbd, plain "
                                 "or file",
                                 error);
    if (mirrored && instance->secondary == GANETI_NO_NODE)
        return ganeti_row_refuse(row, INST_SECONDARY, "a node, the disk template is drbd", error);
    return true;
}

static bool find_node(const struct parser *p, const struct ganeti_row *row, size_t column,
                      uint32_t *ret_node, GError **error)
{
    size_t found = GPOINTER_TO_SIZE(g_hash_table_lookup(p->g->node_index, row->field[column]));

    if (found == 0)
        return ganeti_row_refuse(row, column, "the name of a node above", error);
    *ret_node = (uint32_t)(found - 1);
    return true;
}

static bool read_nodes_of(const struct parser *p, const struct ganeti_row *row,
                          struct ganeti_instance *instance, GError **error)
{
    if (!find_node(p, row, INST_NODE, &instance->node, error))
        return false;
    instance->secondary = GANETI_NO_NODE;
    if (*row->field[INST_SECONDARY] == '\0')
        return true;
    if (!find_node(p, row, INST_SECONDARY, &instance->secondary, error))
        return false;
    if (instance->node == instance->secondary)
        return ganeti_row_refuse(row, INST_SECONDARY, "another node than the primary", error);
    return true;
}

static bool read_flag(const struct ganeti_row *row, size_t column, GError **error)
{
    const char *flag = row->field[column];

    return strcmp(flag, "Y") == 0 || strcmp(flag, "N") == 0 ||
           ganeti_row_refuse(row, column, "Y or N", error);
}

static unsigned count_commas(const char *text)
{
    unsigned n = 0;

    while ((text = strchr(text, ',')) != NULL) {
        text++;
        n++;
    }
    return n;
}

static bool read_instance_fields(const struct parser *p, const struct ganeti_row *row,
                                 struct ganeti_instance *instance, GError **error)
{
    int64_t disk;

    if (!ganeti_row_name(row, INST_NAME, &instance->name, error) ||
        !ganeti_row_int(row, INST_MEM, 0, MAX_MIB, &instance->mem_mb, error) ||
        !ganeti_row_int(row, INST_DISK, 0, INT64_MAX / 2, &disk, error) ||
        !ganeti_row_int(row, INST_VCPUS, 0, MAX_THREADS, &instance->vcpus, error) ||
        !read_status(row, instance, error) || !read_flag(row, INST_AUTO, error) ||
        !read_nodes_of(p, row, instance, error) || !read_template(row, instance, error))
        return false;
    instance->auto_balance = *row->field[INST_AUTO] == 'Y';
    instance->tags = row->field[INST_TAGS];
    if (count_commas(instance->tags) >= GANETI_MAX_TAGS)
        return ganeti_row_refuse(row, INST_TAGS, "at most 1000 tags", error);
    if (row->n > INST_FORTHCOMING && !read_flag(row, INST_FORTHCOMING, error))
        return false;
    if (row->n > INST_FORTHCOMING && *row->field[INST_FORTHCOMING] == 'Y') {
        instance->status = VM_STOPPED; /* not created yet; its memory is promised */
        instance->holds_memory = true;
    }
    return true;
}

static bool read_instance(struct parser *p, char *line, GError **error)
{
    struct ganeti_row row = { .lines = &p->lines, .kind = "instance", .columns = instance_columns };
    struct ganeti_instance instance = { 0 };
    const size_t n = p->g->instances.len;

    if (!ganeti_row_split(&row, line, '|', INST_TAGS + 1, N_INST_COLUMNS, error) ||
        !read_instance_fields(p, &row, &instance, error))
        return false;
    if (n == GANETI_MAX_INSTANCES)
        return ganeti_row_refuse(&row, INST_NAME, "at most 1000000 instances", error);
    if (!index_name(p->g->instance_index, instance.name, n + 1))
        return ganeti_row_refuse(&row, INST_NAME, "a name of its own", error);
    ganeti_instances_push(&p->g->instances, instance);
    return true;
}

/* ---- cluster tags and policies -------------------------------------------------------------- */

static bool read_tag(struct parser *p, char *line, GError **error)
{
    if (p->g->tags->len >= GANETI_MAX_TAGS) {
        err_set(error, VRM_ERR_INVALID, "%s:%u: more than %d cluster tags", p->lines.file,
                p->lines.number, GANETI_MAX_TAGS);
        return false;
    }
    if (g_str_has_prefix(line, EXCLUSION_TAG) && line[strlen(EXCLUSION_TAG)] != '\0')
        g_ptr_array_add(p->g->exclusion, g_strdup(line + strlen(EXCLUSION_TAG)));
    g_ptr_array_add(p->g->tags, g_strdup(line));
    return true;
}

enum {
    POLICY_OWNER,
    POLICY_STANDARD,
    POLICY_LIMITS,
    POLICY_TEMPLATES,
    POLICY_RATIO,
    POLICY_SPINDLES,
    N_POLICY_COLUMNS
};
static const char *const policy_columns[N_POLICY_COLUMNS] = {
    [POLICY_OWNER] = "owner",          [POLICY_STANDARD] = "standard specs",
    [POLICY_LIMITS] = "min;max specs", [POLICY_TEMPLATES] = "disk templates",
    [POLICY_RATIO] = "vcpu ratio",     [POLICY_SPINDLES] = "spindle ratio",
};

static bool read_policy(struct parser *p, char *line, GError **error)
{
    struct ganeti_row row = { .lines = &p->lines, .kind = "policy", .columns = policy_columns };
    double ratio, spindles;
    size_t group;

    if (!ganeti_row_split(&row, line, '|', N_POLICY_COLUMNS, N_POLICY_COLUMNS, error) ||
        !ganeti_row_real(&row, POLICY_RATIO, 0, MAX_RATIO, &ratio, error) ||
        !ganeti_row_real(&row, POLICY_SPINDLES, 0, G_MAXDOUBLE, &spindles, error))
        return false;
    if (*row.field[POLICY_OWNER] == '\0') {
        p->g->vcpu_ratio = ratio;
        return true;
    }
    group = GPOINTER_TO_SIZE(g_hash_table_lookup(p->group_names, row.field[POLICY_OWNER]));
    if (group == 0)
        return ganeti_row_refuse(&row, POLICY_OWNER, "empty, or the name of a group above", error);
    p->g->groups.items[group - 1].vcpu_ratio = ratio;
    return true;
}

/* ---- the file ------------------------------------------------------------------------------- */

static bool read_lines(struct parser *p, GError **error)
{
    static bool (*const sections[])(struct parser * p, char *line, GError **error) = {
        read_group, read_node, read_instance, read_tag, read_policy,
    };
    size_t section = 0;
    char *line;

    while (ganeti_lines_next(&p->lines, &line)) {
        if (*line == '\0') {
            section++;
            continue;
        }
        if (section >= G_N_ELEMENTS(sections)) {
            err_set(error, VRM_ERR_INVALID,
                    "%s:%u: a sixth section: want groups, nodes, instances, cluster tags and "
                    "policies, with one empty line between two of them",
                    p->lines.file, p->lines.number);
            return false;
        }
        if (!sections[section](p, line, error))
            return false;
    }
    if (p->g->nodes.len > 0 && section >= 3)
        return true;
    if (p->lines.number == 0) {
        err_set(error, VRM_ERR_INVALID, "%s: the file is empty: want a cluster in Ganeti's form",
                p->lines.file);
        return false;
    }
    err_set(
        error, VRM_ERR_INVALID,
        "%s:%u: the file ends in section %zu with %zu groups, %zu nodes and %zu instances: want "
        "groups, nodes, instances and cluster tags, with one empty line between two of them",
        p->lines.file, p->lines.number, section + 1, p->g->groups.len, p->g->nodes.len,
        p->g->instances.len);
    return false;
}

static void settle_ratios(Ganeti *g)
{
    double own = g->vcpu_ratio > 0 ? g->vcpu_ratio : DEFAULT_RATIO;

    for (size_t i = 0; i < g->groups.len; i++) {
        if (g->groups.items[i].vcpu_ratio <= 0)
            g->groups.items[i].vcpu_ratio = own;
    }
}

Ganeti *ganeti_parse(const char *text, size_t len, const char *file, GError **error)
{
    g_autoptr(Ganeti) g = g_new0(Ganeti, 1);
    g_autoptr(GHashTable) group_index = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) group_names = g_hash_table_new(g_str_hash, g_str_equal);
    struct parser p = { .g = g, .group_index = group_index, .group_names = group_names };
    size_t bom;

    g->node_index = g_hash_table_new(g_str_hash, g_str_equal);
    g->instance_index = g_hash_table_new(g_str_hash, g_str_equal);
    g->exclusion = g_ptr_array_new_with_free_func(g_free);
    g->tags = g_ptr_array_new_with_free_func(g_free);
    g->warnings = g_ptr_array_new_with_free_func(g_free);
    if (!ganeti_lines_check(file, text, len, error))
        return NULL;
    g->text = g_strndup(text, len);
    bom = g_str_has_prefix(g->text, GANETI_BOM) ? strlen(GANETI_BOM) : 0;
    ganeti_lines_init(&p.lines, file, g->text + bom, len - bom);
    if (!read_lines(&p, error))
        return NULL;
    settle_ratios(g);
    return g_steal_pointer(&g);
}

void ganeti_free(Ganeti *ganeti)
{
    if (!ganeti)
        return;
    ganeti_groups_clear(&ganeti->groups);
    ganeti_nodes_clear(&ganeti->nodes);
    ganeti_instances_clear(&ganeti->instances);
    g_clear_pointer(&ganeti->node_index, g_hash_table_unref);
    g_clear_pointer(&ganeti->instance_index, g_hash_table_unref);
    g_clear_pointer(&ganeti->exclusion, g_ptr_array_unref);
    g_clear_pointer(&ganeti->tags, g_ptr_array_unref);
    g_clear_pointer(&ganeti->warnings, g_ptr_array_unref);
    g_free(ganeti->first_double);
    g_free(ganeti->text);
    g_free(ganeti);
}

/* ---- options -------------------------------------------------------------------------------- */

bool ganeti_set_offline(Ganeti *ganeti, const char *node, GError **error)
{
    size_t found = GPOINTER_TO_SIZE(g_hash_table_lookup(ganeti->node_index, node));

    if (found == 0) {
        err_set(error, VRM_ERR_NOT_FOUND, "there is no node '%s'", node);
        return false;
    }
    ganeti->nodes.items[found - 1].offline = true;
    return true;
}

void ganeti_add_exclusion(Ganeti *ganeti, const char *prefix)
{
    g_ptr_array_add(ganeti->exclusion, g_strdup_printf("%s:", prefix));
}

static bool find_named_group(const Ganeti *ganeti, const char *group, int64_t *ret_cluster_id,
                             GError **error)
{
    for (size_t i = 0; i < ganeti->groups.len; i++) {
        const struct ganeti_group *it = &ganeti->groups.items[i];

        if (strcmp(it->name, group) == 0 || strcmp(it->uuid, group) == 0) {
            *ret_cluster_id = (int64_t)i + 1;
            return true;
        }
    }
    err_set(error, VRM_ERR_NOT_FOUND, "there is no node group '%s'", group);
    return false;
}

bool ganeti_find_group(const Ganeti *ganeti, const char *group, int64_t *ret_cluster_id,
                       GError **error)
{
    uint32_t first = ganeti->nodes.items[0].group;

    if (group)
        return find_named_group(ganeti, group, ret_cluster_id, error);
    for (size_t i = 1; i < ganeti->nodes.len; i++) {
        uint32_t other = ganeti->nodes.items[i].group;

        if (other != first) {
            err_set(error, VRM_ERR_INVALID,
                    "nodes of several groups (%s, %s ...): want one of them, by name or UUID",
                    ganeti->groups.items[first].name, ganeti->groups.items[other].name);
            return false;
        }
    }
    *ret_cluster_id = (int64_t)first + 1;
    return true;
}
