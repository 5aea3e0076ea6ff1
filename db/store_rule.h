/* store_rule.h - resource groups and DRS rules.  The database itself keeps members in the group's
 * or rule's cluster.  See store_cluster.h for the rules of all stores. */
#ifndef VRM_DB_STORE_RULE_H
#define VRM_DB_STORE_RULE_H

#include "db/db.h"
#include "model/types.h"

bool store_group_list(Db *db, GPtrArray **ret_groups, GError **error);
bool store_group_insert(Db *db, Group *group, GError **error);
/* Name and members; the type stays. */
bool store_group_update(Db *db, Group *group, GError **error);
/* VRM_ERR_CONFLICT with REASON_GROUP_IN_RULE while a rule uses it. */
bool store_group_delete(Db *db, int64_t id, int64_t generation, GError **error);

bool store_rule_list(Db *db, GPtrArray **ret_rules, GError **error);
bool store_rule_insert(Db *db, Rule *rule, GError **error);
bool store_rule_update(Db *db, Rule *rule, GError **error);
bool store_rule_delete(Db *db, int64_t id, int64_t generation, GError **error);

#endif /* VRM_DB_STORE_RULE_H */
