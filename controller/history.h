/* history.h - reads of what is kept in the database only: old tasks, events, audit, past plans. */
#ifndef VRM_CONTROLLER_HISTORY_H
#define VRM_CONTROLLER_HISTORY_H

#include "controller/call.h"
#include "db/db.h"
#include "db/query.h"

typedef bool (*history_read_fn)(Db *db, const struct db_query *query, GPtrArray **ret_list,
                                int64_t *ret_total, GError **error);
/* Moves the list into the answer; the list is freed afterwards. */
typedef void (*history_show_fn)(struct app *app, struct op_result *result, GPtrArray *list);

/* Runs the call's query on a DB worker and answers the call. */
void history_query(struct call *call, history_read_fn read, history_show_fn show);

/* Removes old history, a bounded number of rows at a time, until none is left; called now and then
 * by the active controller. */
void history_trim(struct app *app);

#endif /* VRM_CONTROLLER_HISTORY_H */
