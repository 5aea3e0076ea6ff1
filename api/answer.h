/* answer.h - what most operations answer: {}, or the task and the new object.
 *
 *     {"urn","uri","taskUrn","taskUri"[,"task":{...}]}
 *
 * With "Prefer: wait=N" the answer waits for the task's end and carries it under "task". */
#ifndef VRM_API_ANSWER_H
#define VRM_API_ANSWER_H

#include "api/request.h"

bool answer_done(struct request *req, struct op_result *result, GError **error);
/* Second step of answer_done; a failed wait is no error, the operation is under way. */
bool answer_waited(struct request *req, struct op_result *result, GError **error);
/* {}: for calls that are synchronous in FusionCompute, even where we made a task of it. */
bool answer_empty(struct request *req, struct op_result *result, GError **error);

#endif /* VRM_API_ANSWER_H */
