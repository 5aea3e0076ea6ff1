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
#include "controller/changes.h"
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
typedef struct VmHangs VmHangs;
typedef struct Users Users;
typedef struct HostSetups HostSetups;
typedef struct RightKeep RightKeep;
typedef struct Rights Rights;
typedef struct Auth Auth;
typedef struct Sessions Sessions;
typedef struct PlanPublish PlanPublish;
typedef struct HaCounts HaCounts;
typedef struct HaShell HaShell;
typedef struct Role Role;
typedef struct MetricsView MetricsView;

struct app {
    const struct settings *settings;
    Inventory *inv;
    Feed *feed;       /* what clients watch ... */
    Changes *changes; /* ... and who fills it */
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
    HaCounts *counts;
    VmHangs *hangs; /* guests that show no sign of life */
    Users *users;
    PlanPublish *plan; /* for the time when no vrmd leads */
    Rights *rights;    /* to run VMs: their records in etcd */
    RightKeep *right_keep;
    HostSetups *setups; /* what each host's vrm-hald is told */
    HaShell *ha;        /* decides over hosts that die and VMs that are lost */
    Auth *auth;         /* who is logged in; the API's threads have it too */
    Sessions *sessions;
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
