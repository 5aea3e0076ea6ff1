/* vrmdsys.h - a system ready for work: controllers, a cluster with three hosts, an administrator.
 */
#ifndef VRM_TESTS_VRMDSYS_H
#define VRM_TESTS_VRMDSYS_H

#include "tests/vrmdlab.h"

#define VRMDSYS_ACTIVE_MS  30000
#define VRMDSYS_FIRST_HOST 101

struct vrmdsys {
    VrmdLab *lab;
    unsigned n_vrmd;
    Rest *rest;
    char *site, *cluster, *cluster_urn;
};

struct vrmdsys vrmdsys_begin(unsigned n_vrmd);
/* With vrm-hald on the hosts and [ha] on; each host takes VMs. */
struct vrmdsys vrmdsys_begin_ha(unsigned n_vrmd);
/* Each controller must end in good order when asked to (and without a leak, under ASan). */
void vrmdsys_end(struct vrmdsys *sys);

/* The site's path and more. */
char *vrmdsys_path(const struct vrmdsys *sys, const char *rest);
/* The answer must have this status.  A GET waits for a controller that can answer. */
json_t *vrmdsys_call(struct vrmdsys *sys, const char *method, const char *path, const char *body,
                     int want);
/* A text field of an answer of 200. */
char *vrmdsys_text(struct vrmdsys *sys, const char *method, const char *path, const char *body,
                   const char *field);
/* Waits for a task's end; its status. */
char *vrmdsys_await(struct vrmdsys *sys, const char *task_uri);
/* The call begins a task, which must succeed. */
void vrmdsys_task(struct vrmdsys *sys, const char *method, const char *path, const char *body);

/* HA lets so many hosts take VMs. */
void vrmdsys_await_ha(struct vrmdsys *sys, unsigned n_hosts);
char *vrmdsys_host_urn(struct vrmdsys *sys, unsigned host);
/* Made with these disks (JSON objects) and started on the host; its uri. */
char *vrmdsys_make_vm(struct vrmdsys *sys, const char *name, unsigned host, const char *disks);
/* The answer must be 400 and its errorDes contain part. */
void vrmdsys_refuse(struct vrmdsys *sys, const char *method, const char *path, const char *body,
                    const char *part);
/* A text field of a VM. */
void vrmdsys_must_be(struct vrmdsys *sys, const char *vm, const char *field, const char *want);
/* The first column of the first row, or "". */
void vrmdsys_must_say(struct vrmdsys *sys, const char *sql, const char *want);

#endif /* VRM_TESTS_VRMDSYS_H */
