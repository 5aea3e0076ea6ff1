/* alarm.h - raises and clears alarms, and keeps the active ones.
 *
 * Level-triggered: who judges something says how it is whenever it has looked, as often as it
 * likes; raising what is raised and clearing what is clear changes nothing.  Each change is written
 * with an event (AlarmRaised, AlarmCleared) in one transaction; while the database is away the
 * change waits here.  The active ones survive a take-over.  Those of an object that is gone end
 * with it.  Loop thread only. */
#ifndef VRM_CONTROLLER_ALARM_H
#define VRM_CONTROLLER_ALARM_H

#include <glib.h>
#include <stdbool.h>

#include "controller/app.h"
#include "model/alarm.h"

/* text: what is wrong in this case, with the object's name.  Of one that is raised already it
 * replaces the text (at most once a minute, so figures in it may be old). */
void alarm_raise(struct app *app, enum alarm_kind alarm, enum object_kind kind, int64_t object_id,
                 const char *text);
void alarm_clear(struct app *app, enum alarm_kind alarm, enum object_kind kind, int64_t object_id);
/* Raises or clears. */
void alarm_set(struct app *app, bool raised, enum alarm_kind alarm, int64_t object_id,
               const char *text);

/* What came of a command to a host's BMC (power.h): error NULL, or told apart by its reason.  The
 * alarms of the BMC and of the power follow from it; that the host did not come back ends when it
 * answers. */
void alarm_judge_power(struct app *app, int64_t host_id, const GError *error);

/* The stored active ones that pass, newest first or oldest_first, limit and offset applied; copies.
 */
GPtrArray *alarm_list(const struct app *app, const struct alarm_filter *filter, int64_t *ret_total);

/* ---- for app.c and role.c ---------------------------------------------------------------------
 */

Alarms *alarms_new(struct app *app);
void alarms_free(Alarms *alarms);
/* Forgets everything and starts from these (Alarm; copied). */
void alarms_reset(Alarms *alarms, const GPtrArray *active);
/* What the timer does: hosts are judged, what waits is written. */
void alarms_tick(Alarms *alarms);

#endif /* VRM_CONTROLLER_ALARM_H */
