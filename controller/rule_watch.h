/* rule_watch.h - how the placement rules stand, seen again every few seconds.
 *
 * Judging is the scheduler's (scheduler/rules.h), on the CPU worker, over a snapshot.  What it says
 * is shown with the rule; a must-rule that no moves can mend has an alarm until they can or until
 * it is met.  Loop thread only. */
#ifndef VRM_CONTROLLER_RULE_WATCH_H
#define VRM_CONTROLLER_RULE_WATCH_H

#include <stdbool.h>

#include "controller/app.h"

RuleWatch *rule_watch_new(struct app *app);
void rule_watch_free(RuleWatch *watch);
/* Forgets what was seen (before a reload). */
void rule_watch_reset(RuleWatch *watch);

/* ---- for tests --------------------------------------------------------------------------------
 */

/* What the timer does: looks at every cluster with rules. */
void rule_watch_look(RuleWatch *watch);
/* Nothing is being judged. */
bool rule_watch_idle(const RuleWatch *watch);

#endif /* VRM_CONTROLLER_RULE_WATCH_H */
