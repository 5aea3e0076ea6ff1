/*~ app.h - vrmd's object graph: who knows whom, made once in app.c.
 *
 * No state lives here, only the modules; each module owns its own.  All of it belongs to the main
 * loop, except what a module's header says otherwise. */
#ifndef VRM_CONTROLLER_APP_H
#define VRM_CONTROLLER_APP_H

#include <glib.h>
#include <stdbool.h>

#include "base/metrics.h"
#include "base/work.h"
#include "controller/agents.h"
#include "controller/commit.h"
#include "controller/dbq.h"
#include "controller/inventory.h"
#include "controller/load.h"
#include "controller/settings.h"

struct role_events;
struct sched_params;
typedef struct Observe Observe;
typedef struct Orders Orders;
typedef struct Owed Owed;
typedef struct Tasks Tasks;
typedef struct Drs Drs;
typedef struct Alarms Alarms;
typedef struct RuleWatch RuleWatch;
typedef struct ImcGate ImcGate;
typedef struct Dpm Dpm;
typedef struct Users Users;
typedef struct Role Role;
typedef struct MetricsView MetricsView;

struct app {
    const struct settings *settings;
    Inventory *inv;
    Dbq *dbq;
    struct committer committer;
    WorkPool *cpu;    /* plans */
    WorkPool *starts; /* where VMs start */
    WorkPool *asks;   /* questions of people: a long one delays neither plans nor starts ... */
    WorkPool *checks; /* ... nor what must be known before something is written */
    WorkPool *hashes; /* of passwords: a log-in never waits for a plan, nor a plan for log-ins */
    Agents *agents;
    LoadBook *loads;
    Observe *observe;
    Tasks *tasks;
    Orders *orders;
    Owed *owed;
    Drs *drs;
    Alarms *alarms;
    RuleWatch *rules; /* how they stand */
    ImcGate *imc;
    Dpm *dpm;
    Users *users;
    Role *role; /* standby, active; epoch; reload */
    Metrics *metrics;
    MetricsView *view; /* keeps the gauges true */
};

/* Makes every module; nothing connects before role_start(app->role).  settings and the HTTP clients
 * are borrowed.  events: see role.h; called from the loop. */
void app_init(struct app *app, const struct settings *settings, HttpClient *agents_http,
              HttpClient *etcd_http, const struct role_events *events);
void app_clear(struct app *app);

/* The scheduler's parameters as of now: time, settings, seed. */
void app_sched_params(const struct app *app, struct sched_params *ret_params);

#endif /* VRM_CONTROLLER_APP_H */
