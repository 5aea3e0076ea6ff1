/* h_cluster_rules.c - rules in ClusterInfo.
 *
 * A client sends changes, not the list: operationType 0 deletes by ruleIndex, 1 modifies what is
 * given, 2 creates.  Clients that send back the list they read give no operationType: an entry with
 * a known ruleIndex then modifies, one without creates. */
#include "config.h"

#include "api/h_cluster_rules.h"

#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "api/known.h"
#include "api/read.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

#define RULE_NAME_MAX  255
#define RULE_NAME_WANT "a name of 1..255 characters without ':'"
#define RULES_MAX      1000
#define OVERRIDES_MAX  10000
#define BEHAVIORS                                                                                  \
    (ONE_OF(DRS_BEHAVIOR_CLUSTER) | ONE_OF(DRS_BEHAVIOR_MANUAL) | ONE_OF(DRS_BEHAVIOR_AUTOMATIC) | \
     ONE_OF(DRS_BEHAVIOR_DISABLED))

/* ruleType and vm2HostRuleType count from 1 in the order of our lists. */
#define WIRE_TYPE(type) ((int64_t)(type) + 1)

static const char *const domain_words[] = {
    [FAULT_DOMAIN_HOST] = "host",
    [FAULT_DOMAIN_RACK] = "rack",
    [FAULT_DOMAIN_RACK + 1] = NULL,
};

/* ---- out ---------------------------------------------------------------------------------------
 */

static void put_group(struct request *req, const char *key, int64_t cluster_id, int64_t group_id)
{
    g_autofree char *urn = NULL;

    if (!group_id)
        return;
    urn = urn_format_child(req->site, OBJECT_CLUSTER, cluster_id, OBJECT_GROUP, group_id);
    jw_str(&req->out, key, urn);
}

static void put_fields(struct request *req, const Rule *rule)
{
    struct jw *out = &req->out;

    jw_int(out, "ruleIndex", rule->id);
    jw_str(out, "ruleName", rule->name);
    jw_int(out, "ruleType", WIRE_TYPE(rule->type));
    if (rule->type == RULE_VM_HOST)
        jw_int(out, "vm2HostRuleType", WIRE_TYPE(rule->strength));
    else
        jw_str(out, "strength", rule_strength_name(rule->strength));
    if (rule->type == RULE_APART)
        jw_str(out, "faultDomain", domain_words[rule->domain]);
    jw_array(out, "vms");
    for (size_t i = 0; i < rule->n_vms; i++)
        read_put_named(req, OBJECT_VM, rule->vms[i], read_name(req, OBJECT_VM, rule->vms[i]));
    jw_array_end(out);
    put_group(req, "vmGroupUrn", rule->cluster_id, rule->vm_group_id);
    put_group(req, "hostGroupUrn", rule->cluster_id, rule->host_group_id);
    read_put_time(req, "createTime", rule->create_ms);
    read_put_time(req, "updateTime", rule->update_ms);
    jw_str(out, "ruleState", rule_state_name(rule->state));
    jw_str(out, "stateReason", rule->state_text);
}

static void put_rule(struct request *req, const Rule *rule)
{
    jw_object(&req->out, NULL);
    put_fields(req, rule);
    jw_object_end(&req->out);
}

void h_cluster_rules_put(struct request *req, int64_t cluster_id)
{
    jw_array(&req->out, "drsRules");
    for (size_t i = 0; i < req->snap->n_rules; i++) {
        if (req->snap->rules[i]->cluster_id == cluster_id)
            put_rule(req, req->snap->rules[i]);
    }
    jw_array_end(&req->out);
}

/* ---- in ----------------------------------------------------------------------------------------
 */

static bool read_type(const struct json_reader *reader, Rule *rule, GError **error)
{
    int64_t type = WIRE_TYPE(rule->type), strength = WIRE_TYPE(rule->strength);
    g_autofree char *word = NULL;

    if (!body_int(reader,
                  INT_FIELD("ruleType", WIRE_TYPE(RULE_TOGETHER), WIRE_TYPE(RULE_VM_HOST),
                            REASON_RULE_TYPE, &type),
                  error))
        return false;
    rule->type = (enum rule_type)(type - 1);
    if (rule->type == RULE_VM_HOST) {
        if (!body_int(reader,
                      INT_FIELD("vm2HostRuleType", WIRE_TYPE(RULE_MUST), WIRE_TYPE(RULE_SHOULD_NOT),
                                REASON_RULE_TYPE, &strength),
                      error))
            return false;
        rule->strength = (enum rule_strength)(strength - 1);
        return true;
    }
    strength = 0;
    if (!body_int(reader, INT_FIELD("vm2HostRuleType", 0, INT32_MAX, REASON_RULE_TYPE, &strength),
                  error))
        return false;
    if (strength != 0)
        return body_fail(reader, "vm2HostRuleType", REASON_RULE_TYPE,
                         "none: it goes with ruleType 3; strength is \"must\" or \"should\"",
                         error);
    rule->host_group_id = 0; /* it may have been of ruleType 3 */
    if (!body_string(reader, "strength", BODY_NAME_MAX, REASON_RULE_TYPE, &word, error))
        return false;
    if (!word) {
        rule->strength = rule->strength == RULE_SHOULD ? RULE_SHOULD : RULE_MUST;
        return true;
    }
    if (!rule_strength_parse(word, &rule->strength) || rule->strength > RULE_SHOULD)
        return body_fail(reader, "strength", REASON_RULE_TYPE, "\"must\" or \"should\"", error);
    return true;
}

/* A rule that becomes another kind is over hosts again, unless the client says otherwise. */
static bool read_domain(const struct json_reader *reader, Rule *rule, GError **error)
{
    g_autofree char *word = NULL;

    if (rule->type != RULE_APART)
        rule->domain = FAULT_DOMAIN_HOST;
    if (!body_word(reader, "faultDomain", domain_words, REASON_RULE_TYPE, &word, error))
        return false;
    if (!word)
        return true;
    rule->domain =
        g_str_equal(word, domain_words[FAULT_DOMAIN_RACK]) ? FAULT_DOMAIN_RACK : FAULT_DOMAIN_HOST;
    return rule->domain == FAULT_DOMAIN_HOST || rule->type == RULE_APART ||
           body_fail(reader, "faultDomain", REASON_RULE_TYPE,
                     "\"host\": only keep-apart rules (ruleType 2) can be over racks", error);
}

static bool check_vms(const struct request *req, const struct json_reader *reader, const Rule *rule,
                      GError **error)
{
    for (size_t i = 0; i < rule->n_vms; i++) {
        const Vm *vm = snapshot_vm(req->snap, rule->vms[i]);
        g_autofree char *id = NULL;
        g_autofree char *field = NULL;

        if (vm && vm->cluster_id == rule->cluster_id)
            continue;
        id = object_id_format(OBJECT_VM, rule->vms[i]);
        field = reader->path[0] ? g_strconcat(reader->path, ".vms", NULL) : g_strdup("vms");
        err_set_reason(error, VRM_ERR_INVALID, REASON_RULE_VM_NOT_IN_CLUSTER, field,
                       "%s: VM %s is not in this cluster", field, id);
        return false;
    }
    return true;
}

static bool read_group(const struct request *req, const struct json_reader *reader,
                       enum group_type type, Rule *rule, GError **error)
{
    const char *key = type == GROUP_VM ? "vmGroupUrn" : "hostGroupUrn";
    int64_t *ret_id = type == GROUP_VM ? &rule->vm_group_id : &rule->host_group_id;
    int64_t id = 0;
    const Group *group;

    if (!body_urn(reader, URN_FIELD(key, req->site, OBJECT_GROUP, 0), &id, error))
        return false;
    if (!id) {
        if (json_has(reader, key)) /* "" or null: none any more */
            *ret_id = 0;
        return true;
    }
    group = snapshot_group(req->snap, id);
    if (!group || group->cluster_id != rule->cluster_id || group->type != type)
        return body_fail(reader, key, REASON_OBJECT_MISSING,
                         type == GROUP_VM ? "a VM group of this cluster"
                                          : "a host group of this cluster",
                         error);
    *ret_id = id;
    return true;
}

static bool read_rule_name(const struct json_reader *reader, Rule *rule, GError **error)
{
    g_autofree char *name = NULL;

    if (!body_string(reader, "ruleName", BODY_NAME_MAX, REASON_RULE_NAME, &name, NULL))
        return body_fail(reader, "ruleName", REASON_RULE_NAME, RULE_NAME_WANT, error);
    if (!name)
        return true;
    if (name[strspn(name, " ")] && !strchr(name, ':') && g_utf8_strlen(name, -1) <= RULE_NAME_MAX) {
        g_free(rule->name);
        rule->name = g_steal_pointer(&name);
        return true;
    }
    return body_fail(reader, "ruleName", REASON_RULE_NAME, RULE_NAME_WANT, error);
}

/* Groups and members may be empty and be filled later; a rule that names none never binds. */
static bool check_binds(const struct json_reader *reader, const Rule *rule, GError **error)
{
    if (rule->type != RULE_VM_HOST)
        return !rule->host_group_id || body_fail(reader, "hostGroupUrn", REASON_RULE_TYPE,
                                                 "none: it goes with ruleType 3", error);
    if (!rule->host_group_id)
        return body_fail(reader, "hostGroupUrn", REASON_RULE_TYPE,
                         "a host group of this cluster, with ruleType 3", error);
    return rule->vm_group_id || rule->n_vms ||
           body_fail(reader, "vmGroupUrn", REASON_RULE_TYPE,
                     "a VM group of this cluster, or vms, with ruleType 3", error);
}

/* What a rule has, also what only the server writes: clients send back what they read. */
static const char *const rule_words[] = {
    "ruleName",    "ruleType",      "strength",   "vm2HostRuleType",
    "faultDomain", "vms",           "vmGroupUrn", "hostGroupUrn",
    "ruleIndex",   "operationType", "createTime", "updateTime",
    "ruleState",   "stateReason",   "urn",        "uri",
    "vmGroupName", "hostGroupName", NULL
};

static bool read_rule(const struct request *req, const struct json_reader *reader, Rule *rule,
                      GError **error)
{
    return known_keys(reader, rule_words, error) && read_rule_name(reader, rule, error) &&
           read_type(reader, rule, error) && read_domain(reader, rule, error) &&
           body_urns(reader, URN_FIELD("vms", req->site, OBJECT_VM, REASON_RULE_VM_NOT_IN_CLUSTER),
                     &rule->vms, &rule->n_vms, error) &&
           check_vms(req, reader, rule, error) && read_group(req, reader, GROUP_VM, rule, error) &&
           read_group(req, reader, GROUP_HOST, rule, error) && check_binds(reader, rule, error);
}

static const Rule *known_rule(const struct request *req, int64_t cluster_id, int64_t index)
{
    const Rule *rule = index ? snapshot_rule(req->snap, index) : NULL;

    return rule && rule->cluster_id == cluster_id ? rule : NULL;
}

/* The entry as a change; *ret_change owns its rule on success. */
static bool read_change(const struct request *req, const struct json_reader *reader,
                        int64_t cluster_id, struct rule_change *ret_change, GError **error)
{
    int64_t operation = -1, index = 0;
    const Rule *old;
    g_autoptr(Rule) rule = NULL;

    if (!body_int(
            reader,
            INT_FIELD("operationType", RULE_DELETE, RULE_CREATE, REASON_RULE_OPERATION, &operation),
            error) ||
        !body_int(reader, INT_FIELD("ruleIndex", 0, INT64_MAX, REASON_RULE_MISSING, &index), error))
        return false;
    old = known_rule(req, cluster_id, index);
    if (operation < 0)
        operation = index ? RULE_MODIFY : RULE_CREATE;
    if (operation != RULE_CREATE && !old)
        return body_fail(reader, "ruleIndex", REASON_RULE_MISSING,
                         "the index of a rule of this cluster", error);
    rule = operation == RULE_CREATE ? rule_new() : rule_dup(old);
    rule->cluster_id = cluster_id;
    if (operation == RULE_CREATE && !json_has(reader, "ruleName"))
        return body_fail(reader, "ruleName", REASON_RULE_NAME, "a name", error);
    if (operation == RULE_CREATE && !json_has(reader, "ruleType"))
        return body_fail(reader, "ruleType", REASON_RULE_TYPE, "1, 2 or 3", error);
    if (operation != RULE_DELETE && !read_rule(req, reader, rule, error))
        return false;
    ret_change->operation = (enum rule_operation)operation;
    ret_change->rule = g_steal_pointer(&rule);
    return true;
}

bool h_cluster_rules_read(const struct request *req, const struct json_reader *reader,
                          struct op *op, GError **error)
{
    const json_t *array = NULL;
    size_t n;

    if (!json_read_array(reader, "drsRules", RULES_MAX, &array, error))
        return false;
    n = array ? json_array_size(array) : 0;
    op->rules = g_new0(struct rule_change, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct json_reader entry;

        if (!json_read_element(reader, "drsRules", array, i, &entry, error) ||
            !read_change(req, &entry, op->id, &op->rules[i], error))
            return false;
        op->n_rules++;
    }
    return true;
}

static bool read_override(const struct request *req, const struct json_reader *reader,
                          int64_t cluster_id, struct vm_override *ret_override, GError **error)
{
    static const char *const words[] = { "vmUrn", "vmName", "behavior", NULL };
    int64_t behavior = DRS_BEHAVIOR_CLUSTER;
    const Vm *vm;

    if (!known_keys(reader, words, error) ||
        !body_urn(reader, URN_FIELD("vmUrn", req->site, OBJECT_VM, REASON_VM_MISSING),
                  &ret_override->vm_id, error) ||
        !body_one_of(reader, "behavior", BEHAVIORS, REASON_DRS_LEVEL, &behavior, error))
        return false;
    vm = snapshot_vm(req->snap, ret_override->vm_id);
    if (!vm || vm->cluster_id != cluster_id)
        return body_fail(reader, "vmUrn", REASON_RULE_VM_NOT_IN_CLUSTER, "a VM of this cluster",
                         error);
    ret_override->behavior = (enum drs_behavior)behavior;
    return true;
}

bool h_cluster_overrides_read(const struct request *req, struct op *op, GError **error)
{
    const json_t *array = NULL;
    size_t n;

    if (!json_read_array(&req->json, "drsVmConfig", OVERRIDES_MAX, &array, error))
        return false;
    n = array ? json_array_size(array) : 0;
    op->overrides = g_new0(struct vm_override, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct json_reader entry;

        if (!json_read_element(&req->json, "drsVmConfig", array, i, &entry, error) ||
            !read_override(req, &entry, op->id, &op->overrides[i], error))
            return false;
        op->n_overrides++;
    }
    return true;
}

/* ---- {cluster}/drsrules: the same rules one by one ----------------------------------------------
 */

static bool read_states(const struct request *req, const char **ret_state, GError **error)
{
    enum rule_state state;

    *ret_state = target_param(&req->target, "state");
    if (!*ret_state || rule_state_parse(*ret_state, &state))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "state",
                   "state = %.64s: want met, broken, unsatisfiable or unknown", *ret_state);
    return false;
}

bool h_rule_list(struct request *req, GError **error)
{
    const char *name = target_param(&req->target, "name");
    const char *state;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    static const char *const words[] = { "name", "state", "limit", "offset", NULL };
    struct read_page page;
    size_t from, to;

    if (!known_params(&req->target, words, error) || !read_page(req, &page, error) ||
        !read_states(req, &state, error))
        return false;
    for (size_t i = 0; i < req->snap->n_rules; i++) {
        const Rule *rule = req->snap->rules[i];

        if (rule->cluster_id == req->ids[OBJECT_CLUSTER] && read_like(rule->name, name) &&
            (!state || strcmp(state, rule_state_name(rule->state)) == 0))
            g_ptr_array_add(found, (void *)(uintptr_t)rule);
    }
    read_page_bounds(&page, found->len, &from, &to);
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", found->len);
    jw_array(&req->out, "drsRules");
    for (size_t i = from; i < to; i++) {
        const Rule *rule = g_ptr_array_index(found, i);

        jw_object(&req->out, NULL);
        read_put_child(req, rule->cluster_id, OBJECT_RULE, rule->id);
        put_fields(req, rule);
        jw_object_end(&req->out);
    }
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}

bool h_rule_get(struct request *req, GError **error)
{
    const Rule *rule = snapshot_rule(req->snap, req->ids[OBJECT_RULE]);

    (void)error;
    jw_object(&req->out, NULL);
    read_put_child(req, rule->cluster_id, OBJECT_RULE, rule->id);
    put_fields(req, rule);
    jw_object_end(&req->out);
    return true;
}

/* One change of the cluster's rules, and nothing else of the cluster. */
static struct op *change_op(const struct request *req, enum rule_operation operation, Rule *rule)
{
    struct op *op = op_new(OP_CLUSTER_UPDATE);

    op->id = req->ids[OBJECT_CLUSTER];
    op->cluster = cluster_dup(snapshot_cluster(req->snap, op->id));
    op->rules = g_new0(struct rule_change, 1);
    op->rules[0] = (struct rule_change){ operation, rule };
    op->n_rules = 1;
    return op;
}

struct op *h_rule_create(struct request *req, GError **error)
{
    g_autoptr(Rule) rule = rule_new();

    rule->cluster_id = req->ids[OBJECT_CLUSTER];
    if (!json_has(&req->json, "ruleName")) {
        body_fail(&req->json, "ruleName", REASON_RULE_NAME, "a name", error);
        return NULL;
    }
    if (!json_has(&req->json, "ruleType")) {
        body_fail(&req->json, "ruleType", REASON_RULE_TYPE, "1, 2 or 3", error);
        return NULL;
    }
    if (!read_rule(req, &req->json, rule, error))
        return NULL;
    return change_op(req, RULE_CREATE, g_steal_pointer(&rule));
}

struct op *h_rule_update(struct request *req, GError **error)
{
    g_autoptr(Rule) rule = rule_dup(snapshot_rule(req->snap, req->ids[OBJECT_RULE]));
    int64_t index = 0;

    if (!body_int(&req->json, INT_FIELD("ruleIndex", 0, INT64_MAX, REASON_RULE_MISSING, &index),
                  error) ||
        !read_rule(req, &req->json, rule, error))
        return NULL;
    if (index != 0 && index != rule->id) {
        body_fail(&req->json, "ruleIndex", REASON_RULE_MISSING,
                  "that of the URL: it cannot be changed", error);
        return NULL;
    }
    return change_op(req, RULE_MODIFY, g_steal_pointer(&rule));
}

struct op *h_rule_delete(struct request *req, GError **error)
{
    (void)error;
    return change_op(req, RULE_DELETE, rule_dup(snapshot_rule(req->snap, req->ids[OBJECT_RULE])));
}

bool h_rule_created(struct request *req, struct op_result *result, GError **error)
{
    (void)error;
    jw_object(&req->out, NULL);
    read_put_child(req, req->ids[OBJECT_CLUSTER], OBJECT_RULE, result->rule_id);
    jw_int(&req->out, "ruleIndex", result->rule_id);
    jw_object_end(&req->out);
    return true;
}
