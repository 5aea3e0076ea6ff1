/* store_alarm.h - alarms, active and of the past. */
#ifndef VRM_DB_STORE_ALARM_H
#define VRM_DB_STORE_ALARM_H

#include "db/db.h"
#include "model/alarm.h"

bool store_alarm_list_active(Db *db, GPtrArray **ret_alarms, GError **error);
/* Fills alarm->id.  If there is an active one for this object already, that one is brought up to
 * date and its id is taken. */
bool store_alarm_insert(Db *db, Alarm *alarm, GError **error);
/* Text, name of the object, update and clear time.  VRM_ERR_CONFLICT if it is not active any more:
 * an alarm that was cleared stays so. */
bool store_alarm_update(Db *db, const Alarm *alarm, GError **error);
/* Those that were cleared, newest first or oldest_first; Alarm. */
bool store_alarm_query(Db *db, const struct alarm_filter *filter, GPtrArray **ret_alarms,
                       int64_t *ret_total, GError **error);
/* Removes a bounded number of those cleared before before_ms. */
bool store_alarm_trim(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error);

#endif /* VRM_DB_STORE_ALARM_H */
