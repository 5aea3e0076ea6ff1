/* plan_publish.h - keeps in etcd what hosts need to bring VMs back while no vrmd leads
 * (agentproto/ha_plan.h, agent/deputy.h): which VMs should run, where each goes if its host dies,
 * and who may stand in.
 *
 * Only what changed is written, some dozens of keys a transaction, each guarded by our epoch; after
 * a take-over, or an answer that never came, what is there is read and compared.  Where VMs go is
 * asked of the scheduler on a thread of its own, when the inventory changed in what matters.
 * With [ha] off, or disarmed, nobody is named as a stand-in.  Loop thread only. */
#ifndef VRM_CONTROLLER_PLAN_PUBLISH_H
#define VRM_CONTROLLER_PLAN_PUBLISH_H

#include <stdbool.h>

#include "base/httpc.h"
#include "controller/app.h"

typedef struct PlanPublish PlanPublish;

PlanPublish *plan_publish_new(struct app *app, HttpClient *etcd_http);
void plan_publish_free(PlanPublish *publish);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PlanPublish, plan_publish_free)

/* vrmd became active. */
void plan_publish_start(PlanPublish *publish);
/* Forgets what is there (before a reload). */
void plan_publish_reset(PlanPublish *publish);
/* etcd has what it should have, as far as is known. */
bool plan_publish_is_current(const PlanPublish *publish);

#endif /* VRM_CONTROLLER_PLAN_PUBLISH_H */
