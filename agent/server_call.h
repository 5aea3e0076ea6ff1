/* server_call.h - one HTTP request on its way: HTTP thread -> loop -> HTTP thread.
 *
 * Inner header of server.c. */
#ifndef VRM_AGENT_SERVER_CALL_H
#define VRM_AGENT_SERVER_CALL_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stddef.h>

#include "agent/agent.h"
#include "agent/server_tls.h"
#include "base/work.h"

/* What a request needs of its server instance. */
struct server_door {
    Mailbox *calls;
    const ServerTls *tls;
    atomic_int n_waiting; /* requests that wait for the loop's answer */
};

/* libmicrohttpd's access handler; user is a struct server_door. */
enum MHD_Result server_call_handle(void *user, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_len, void **request_context);
void server_call_completed(void *user, struct MHD_Connection *connection, void **request_context,
                           enum MHD_RequestTerminationCode code);

/* Loop: does what the request asks for; takes the message. */
void server_call_serve(void *message, Agent *agent);
/* Loop: the server ends; answers 503. */
void server_call_drop(void *message);

#endif /* VRM_AGENT_SERVER_CALL_H */
