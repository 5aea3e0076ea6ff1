/* stream.h - an answer without end: a connection that sleeps until its reader of the feed has news.
 *
 * The stream ends when the session ends (log-out, new password, idle for too long: a stream that is
 * read counts as use), when this controller no longer leads, when the client has gone, and with the
 * server.  Server threads; what runs on the loop is behind feed.h's lock. */
#ifndef VRM_API_STREAM_H
#define VRM_API_STREAM_H

struct MHD_Connection;
struct MHD_Response;
struct request;

/* The response that goes on with req->reader, which is taken; NULL: out of memory. */
struct MHD_Response *stream_response(struct request *req, struct MHD_Connection *connection);

#endif /* VRM_API_STREAM_H */
