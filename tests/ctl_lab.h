/* ctl_lab.h - vrmd's modules over a scratch database of a test's own, filled without tasks. */
#ifndef VRM_TESTS_CTL_LAB_H
#define VRM_TESTS_CTL_LAB_H

#include "tests/ctl_app.h"

struct ctl_lab {
    struct ctl ctl;
    char *conninfo;
};

void ctl_lab_begin(struct ctl_lab *lab);
void ctl_lab_end(struct ctl_lab *lab);

/* Waits for what is being written, and shows it. */
const Snapshot *ctl_lab_settle(struct ctl_lab *lab);
/* Submits the commit, which must succeed, and waits for it. */
void ctl_lab_write(struct ctl_lab *lab, Commit *commit);
/* One value; caller frees. */
char *ctl_lab_ask(struct ctl_lab *lab, const char *sql);

/* Each takes the object, gives it an id and stores it. */
int64_t ctl_lab_add_cluster(struct ctl_lab *lab, Cluster *cluster);
int64_t ctl_lab_add_host(struct ctl_lab *lab, Host *host);
int64_t ctl_lab_add_vm(struct ctl_lab *lab, Vm *vm);

/* An operation of user "admin" about the object. */
struct op *ctl_lab_op(enum op_kind kind, int64_t id);
/* It must succeed; the ids of its answer. */
struct op_result ctl_lab_must(struct ctl_lab *lab, struct op *op);

#endif /* VRM_TESTS_CTL_LAB_H */
