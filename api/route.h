/*~ route.h - the one table of all calls, and how a request finds its row.
 *
 * A row says who may call (right), what it does (read from the snapshot, or build an operation for
 * the controller) and how the operation's result becomes the answer.  Everything that holds for all
 * calls (login, rights, ids in the path, standby, body, retry after a conflict, Prefer: wait) is
 * done here and in request.c, so handlers only know their resource. */
#ifndef VRM_API_ROUTE_H
#define VRM_API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/request.h"

/* Writes the answer from the snapshot. */
typedef bool (*route_read_fn)(struct request *req, GError **error);
/* Makes the operation from path, query and body.  NULL without an error: the answer is written. */
typedef struct op *(*route_build_fn)(struct request *req, GError **error);

enum route_flag {
    ROUTE_ANYWHERE = 1, /* also on a standby and before the first snapshot */
    ROUTE_PLAIN = 2,    /* not below /service: no Accept version, answers may be text */
    ROUTE_NO_BODY = 4,  /* whatever the body holds, it is not looked at */
};

struct route {
    enum method method;
    const char *pattern; /* "/service/sites/{site}/vms/{vm}" */
    enum right right;
    unsigned flags;
    route_read_fn read;       /* one of read and build */
    route_build_fn build;     /* */
    request_answer_fn answer; /* with build; NULL: answer_done */
    const char *summary;      /* one line, for the description of the API */
};

extern const struct route routes[];
extern const size_t n_routes;

/* First row that fits; on failure an error for 404, or for 405 and *ret_allow: "GET, POST". */
const struct route *route_find(enum method method, const struct target *target, char **ret_allow,
                               GError **error);
/* Fills req->ids from the path; objects that are gone are an error with their own number. */
bool route_resolve(struct request *req, GError **error);
/* Does segment i of pattern and text fit?  For the test of the table. */
bool route_pattern_fits(const char *pattern, const struct target *target);

#endif /* VRM_API_ROUTE_H */
