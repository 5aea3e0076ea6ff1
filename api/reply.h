/* reply.h - errors on the wire.  The error's code and reason pick HTTP status and errorCode. */
#ifndef VRM_API_REPLY_H
#define VRM_API_REPLY_H

#include <glib.h>

#include "api/request.h"

/* Replaces whatever the request has written so far by the error's status and body. */
void reply_error(struct request *req, const GError *error);

/* HTTP status and number for clients of an error.  Unknown domains are internal errors. */
int reply_status(const GError *error, int *ret_reason);

#endif /* VRM_API_REPLY_H */
