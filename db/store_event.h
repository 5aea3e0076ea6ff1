/* store_event.h - what happened (events) and who asked for what (audit); and the end of history. */
#ifndef VRM_DB_STORE_EVENT_H
#define VRM_DB_STORE_EVENT_H

#include "db/db.h"
#include "db/query.h"
#include "model/types.h"

/* An event as read: like struct event, but it owns its texts. */
typedef struct StoredEvent {
    int64_t id;
    int64_t at_ms;
    enum event_severity severity;
    char *name;
    enum object_kind kind;
    int64_t object_id;
    char *object_name;
    int64_t task_id;
    char *text;
} StoredEvent;
StoredEvent *stored_event_new(void);
void stored_event_free(StoredEvent *event);

typedef struct AuditEntry {
    int64_t id;
    int64_t at_ms;
    char *user, *address, *request_id;
    char *operation, *object, *result;
    int64_t task_id; /* 0: none */
} AuditEntry;
AuditEntry *audit_entry_new(void);
void audit_entry_free(AuditEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuditEntry, audit_entry_free)

bool store_event_insert(Db *db, const struct event *event, GError **error);
/* Newest first; StoredEvent.  type: the event's name, status: its severity, name: of the object. */
bool store_event_query(Db *db, const struct db_query *query, GPtrArray **ret_events,
                       int64_t *ret_total, GError **error);

bool store_audit_insert(Db *db, const AuditEntry *entry, GError **error);
/* Newest first; AuditEntry.  type: the operation, status: the result, name: the object. */
bool store_audit_query(Db *db, const struct db_query *query, GPtrArray **ret_entries,
                       int64_t *ret_total, GError **error);

/* Removes a bounded number of the oldest events, audit entries, finished tasks and plans from
 * before before_ms; repeat until *ret_removed is 0.  The newest plan of a cluster stays. */
bool store_history_trim(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error);

#endif /* VRM_DB_STORE_EVENT_H */
