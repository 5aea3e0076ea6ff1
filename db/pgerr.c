/* pgerr.c - what PostgreSQL's errors mean to the rest of the program; see pg.h. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "db/pg.h"
#include "model/reason.h"

struct state_meaning {
    const char *prefix; /* of the SQLSTATE; the first match counts */
    enum vrm_err code;
    int reason;
};

/* Constraints whose violation a client can cause and understand. */
struct constraint_meaning {
    const char *constraint;
    int reason;
    const char *field;
    const char *text;
};

// clang-format off
static const struct state_meaning state_meanings[] = {
    { "VR001", VRM_ERR_DENIED,      REASON_RECOVERING },      /* prove_epoch: deposed */
    { "08",    VRM_ERR_UNAVAILABLE, REASON_DATABASE },        /* connection */
    { "22",    VRM_ERR_INVALID,     REASON_MALFORMED },       /* a value of the wrong form */
    { "23502", VRM_ERR_INTERNAL,    REASON_DATABASE },        /* NULL: our bug */
    { "23514", VRM_ERR_INVALID,     REASON_MALFORMED },       /* CHECK */
    { "23",    VRM_ERR_CONFLICT,    REASON_OBJECT_CONFLICT }, /* unique, foreign key */
    { "25006", VRM_ERR_UNAVAILABLE, REASON_DATABASE },        /* a read-only replica */
    { "28",    VRM_ERR_UNAVAILABLE, REASON_DATABASE },        /* not let in: password, pg_hba */
    { "3D",    VRM_ERR_UNAVAILABLE, REASON_DATABASE },        /* no such database (yet) */
    { "40001", VRM_ERR_BUSY,        REASON_BUSY },            /* serialisation, deadlock */
    { "40P01", VRM_ERR_BUSY,        REASON_BUSY },
    { "53",    VRM_ERR_UNAVAILABLE, REASON_DATABASE },        /* disk, memory, connections */
    { "55P03", VRM_ERR_BUSY,        REASON_BUSY },            /* lock not had in time */
    { "57",    VRM_ERR_UNAVAILABLE, REASON_DATABASE },        /* shut down, starting, too slow */
    { "58",    VRM_ERR_UNAVAILABLE, REASON_DATABASE },        /* I/O error of the server */
};

static const struct constraint_meaning constraint_meanings[] = {
    { "cluster_name_taken",   REASON_CLUSTER_NAME_TAKEN, "name", "a cluster of this name exists" },
    { "host_name_taken",      REASON_HOST_NAME_TAKEN, "name", "a host of this name exists" },
    { "host_ip_taken",        REASON_HOST_IP_TAKEN, "ip", "a host with this address exists" },
    { "host_uuid_taken",      REASON_HOST_IP_TAKEN, "ip", "this host was added already" },
    { "host_cluster_exists",  REASON_HOST_CLUSTER_MISSING, "clusterUrn",
      "the cluster does not exist" },
    { "host_in_cluster",      REASON_OBJECT_CONFLICT, "", "the host is in this cluster" },
    { "datastore_name_taken", REASON_BAD_NAME, "name", "a datastore of this name exists" },
    { "volume_datastore_exists", REASON_DATASTORE_MISSING, "datastoreUrn",
      "the datastore does not exist" },
    { "volume_path_taken",    REASON_OBJECT_CONFLICT, "vmConfig.disks.volumeUrl",
      "another disk has this file" },
    { "vm_uuid_taken",        REASON_OBJECT_CONFLICT, "uuid", "a VM with this UUID exists" },
    { "vm_cluster_exists",    REASON_CLUSTER_MISSING, "location",
      "the cluster does not exist" },
    { "vm_host_exists",       REASON_VM_HOST_MISSING, "location",
      "the host does not exist" },
    { "vm_bound_to_a_host",   REASON_VM_BAD_LOCATION, "isBindingHost",
      "a VM can only be bound to a host it is on" },
    { "vm_start_after_exists", REASON_VM_MISSING, "startAfterVmUrn",
      "the VM to start after does not exist" },
    { "vm_nic_mac_taken",     REASON_OBJECT_CONFLICT, "mac", "another NIC has this address" },
    { "group_cluster_exists", REASON_CLUSTER_MISSING, "cluster", "the cluster does not exist" },
    { "group_name_taken",     REASON_BAD_NAME, "name", "a group of this name and type exists" },
    { "group_vm_in_cluster",  REASON_RULE_VM_NOT_IN_CLUSTER, "groupMembers",
      "the VM is not in the group's cluster, or would leave it" },
    { "group_host_in_cluster", REASON_HOST_NOT_IN_CLUSTER, "groupMembers",
      "the host is not in the group's cluster, or would leave it" },
    { "failover_host_in_cluster", REASON_HOST_NOT_IN_CLUSTER, "failoverHosts",
      "the host is not in the cluster, or would leave it" },
    { "rule_cluster_exists",  REASON_CLUSTER_MISSING, "cluster", "the cluster does not exist" },
    { "rule_name_taken",      REASON_RULE_NAME_TAKEN, "ruleName", "a rule of this name exists" },
    { "rule_strength_fits",   REASON_RULE_TYPE, "vm2HostRuleType",
      "keep-together and keep-apart rules are must or should" },
    { "rule_host_group_fits", REASON_RULE_TYPE, "hostGroupUrn",
      "only VM-to-host rules have a host group" },
    { "rule_vm_group",        REASON_OBJECT_MISSING, "vmGroupUrn",
      "the VM group is not one of this cluster" },
    { "rule_host_group",      REASON_OBJECT_MISSING, "hostGroupUrn",
      "the host group is not one of this cluster" },
    { "rule_vm_in_cluster",   REASON_RULE_VM_NOT_IN_CLUSTER, "vms",
      "the VM is not in the rule's cluster, or would leave it" },
    { "user_name_taken",      REASON_BAD_NAME, "userName", "a user of this name exists" },
    { "user_role_exists",     REASON_OBJECT_MISSING, "roleList", "the role does not exist" },
};

/* The same constraints seen from the other side: what they point to was to be deleted. */
static const struct constraint_meaning use_meanings[] = {
    { "host_cluster_exists",  REASON_CLUSTER_HAS_HOSTS, "", "the cluster still has hosts" },
    { "volume_datastore_exists", REASON_BUSY, "", "the datastore still has volumes" },
    { "vm_cluster_exists",    REASON_CLUSTER_HAS_VMS, "", "the cluster still has VMs" },
    { "vm_host_exists",       REASON_HOST_HAS_VMS, "", "the host still has VMs" },
    { "rule_vm_group",        REASON_GROUP_IN_RULE, "", "a rule uses the VM group" },
    { "rule_host_group",      REASON_GROUP_IN_RULE, "", "a rule uses the host group" },
};
// clang-format on

static const struct state_meaning *find_state(const char *sqlstate)
{
    for (size_t i = 0; i < G_N_ELEMENTS(state_meanings); i++) {
        if (g_str_has_prefix(sqlstate, state_meanings[i].prefix))
            return &state_meanings[i];
    }
    return NULL;
}

static const struct constraint_meaning *find_constraint(const struct constraint_meaning *table,
                                                        size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, table[i].constraint) == 0)
            return &table[i];
    }
    return NULL;
}

/* A foreign key is broken from the side that points ("Key (cluster_id)=(7) is not present ...") or
 * from the side pointed to ("Key (id)=(7) is still referenced ..."), whatever the server's
 * language: the key's own columns tell. */
static bool is_still_used(const char *detail)
{
    const char *columns = detail ? strchr(detail, '(') : NULL;

    return columns && (g_str_has_prefix(columns, "(id)") || g_str_has_prefix(columns, "(id, "));
}

static const struct constraint_meaning *find_meaning(const char *constraint, const char *detail)
{
    const struct constraint_meaning *used = NULL;

    if (is_still_used(detail))
        used = find_constraint(use_meanings, G_N_ELEMENTS(use_meanings), constraint);
    return used ? used
                : find_constraint(constraint_meanings, G_N_ELEMENTS(constraint_meanings),
                                  constraint);
}

/* The value that was taken: the last one of "Key (cluster_id, name)=(101, web) already exists.",
 * whatever the server's language; NULL if detail is of another form. */
static char *taken_value(const char *detail)
{
    const char *begin = detail ? strstr(detail, ")=(") : NULL;
    const char *end = begin ? strrchr(begin, ')') : NULL;
    const char *last;
    g_autofree char *values = NULL;

    if (!begin || end <= begin + 3)
        return NULL;
    values = g_strndup(begin + 3, (gsize)(end - begin - 3));
    last = g_strrstr(values, ", ");
    return g_strdup(last ? last + 2 : values);
}

static void set_from_constraint(GError **error, const struct state_meaning *state,
                                const struct constraint_meaning *known, const char *detail)
{
    const char *field = known->field[0] ? known->field : NULL;
    g_autofree char *value =
        g_str_has_suffix(known->constraint, "_taken") ? taken_value(detail) : NULL;

    if (value)
        err_set_reason(error, state->code, known->reason, field, "%s = \"%s\": %s",
                       field ? field : "value", value, known->text);
    else
        err_set_reason(error, state->code, known->reason, field, "%s", known->text);
}

static void set_from_state(GError **error, const char *sqlstate, const PGresult *result,
                           const char *text)
{
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const struct state_meaning *state = find_state(sqlstate);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const struct constraint_meaning *known = constraint ? find_meaning(constraint, detail) : NULL;

    if (!state)
        err_set_reason(error, VRM_ERR_INTERNAL, REASON_DATABASE, NULL, "PostgreSQL: %s (%s)", text,
                       sqlstate);
    else if (known)
        set_from_constraint(error, state, known, detail);
    else
        err_set_reason(error, state->code, state->reason, NULL, "PostgreSQL: %s (%s)", text,
                       sqlstate);
}

void pgerr_set(GError **error, const PGconn *conn, const PGresult *result)
{
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    g_autofree char *text = NULL;

    if (sqlstate) {
        text = g_strdup(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        set_from_state(error, sqlstate, result, text ? text : "no message");
        return;
    }
    text = g_strdup(conn ? PQerrorMessage(conn) : "");
    g_strdelimit(g_strchomp(text), "\r\n\t", ' ');
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_DATABASE, NULL, "PostgreSQL: %s",
                   *text ? text : "the connection broke");
}
