/* ctl_app.h - all of vrmd's modules around an inventory that a test fills: no agent answers, and
 * PostgreSQL only if the test has one. */
#ifndef VRM_TESTS_CTL_APP_H
#define VRM_TESTS_CTL_APP_H

#include "api/ops.h"
#include "controller/app.h"

struct ctl {
    struct app app;
    struct settings settings;
    HttpClient *http;
    int64_t epoch; /* under which is written; 0: writes are refused, UNAVAILABLE */
};

/* conninfo NULL: there is no database.  The app stays at its address: ctl must not move. */
void ctl_init(struct ctl *ctl, const char *conninfo);
/* With an etcd, and more of vrmd's configuration after its section [etcd]. */
void ctl_init_with(struct ctl *ctl, const char *conninfo, const char *etcd_url, const char *more);
void ctl_clear(struct ctl *ctl);
/* The same in the middle of things, as a controller ends: what is due is not waited for. */
void ctl_drop(struct ctl *ctl);

/* The answer of the operation's handler; waits for it.  Takes op.  op_result_clear() it. */
struct op_result ctl_call(struct ctl *ctl, struct op *op);

/* Takes the object and publishes it. */
void ctl_put_cluster(struct ctl *ctl, Cluster *cluster);
void ctl_put_host(struct ctl *ctl, Host *host);
void ctl_put_vm(struct ctl *ctl, Vm *vm);

/* Host and VM in cluster, ready for work: connected, 8 CPUs, 16 GiB; stopped, 1 CPU, 1 GiB. */
Cluster *ctl_cluster(int64_t id);
Host *ctl_host(int64_t id, int64_t cluster_id);
Vm *ctl_vm(int64_t id, int64_t cluster_id);

#endif /* VRM_TESTS_CTL_APP_H */
