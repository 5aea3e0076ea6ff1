/* h_cluster_rules.h - drsSetting.drsRules and drsVmConfig of a cluster.  See h_cluster_rules.c. */
#ifndef VRM_API_H_CLUSTER_RULES_H
#define VRM_API_H_CLUSTER_RULES_H

#include "api/request.h"

/* "drsRules":[...] */
void h_cluster_rules_put(struct request *req, int64_t cluster_id);
/* Reads drsRules of reader (the drsSetting object) into op->rules. */
bool h_cluster_rules_read(const struct request *req, const struct json_reader *reader,
                          struct op *op, GError **error);
/* Reads drsVmConfig of the body into op->overrides. */
bool h_cluster_overrides_read(const struct request *req, struct op *op, GError **error);

#endif /* VRM_API_H_CLUSTER_RULES_H */
