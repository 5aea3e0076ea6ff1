/* ha_plan.h - what vrmd publishes in etcd for the time when no vrmd leads (ha/standin.h).
 *
 *   PREFIX/plan/host/ID    the host's VMs that should run and whose policy follows their host:
 *                          what decides where each goes if the host dies, and a digest of ...
 *   PREFIX/plan/vm/ID      ... all that its start needs
 *   PREFIX/plan/deputies   hosts that may stand in for vrmd, and the epoch of who says so; without
 *                          it nobody stands in (HA is off or disarmed)
 *
 * Two kinds of keys, because the targets change with every move of a neighbour, the VM itself
 * hardly ever, and who decides needs all targets but no VM: at 8,000 VMs some 700 KB instead of
 * 10 MB.  A VM is written before its host names it.
 *
 * Strict and bounded as msg.h's messages are; decoders leave outputs untouched on failure.
 * Pure; any thread. */
#ifndef VRM_AGENTPROTO_HA_PLAN_H
#define VRM_AGENTPROTO_HA_PLAN_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/types.h"

#define HA_PLAN_MAX_VMS      4096 /* of one host */
#define HA_PLAN_MAX_DEPUTIES 16
#define HA_PLAN_TARGETS      3
#define HA_PLAN_DIGEST       16 /* characters */

/* ---- keys ------------------------------------------------------------------------------------ */

enum ha_plan_kind {
    HA_PLAN_HOST,
    HA_PLAN_VM,
    HA_PLAN_DEPUTIES, /* id 0 */
};

/* Free with g_free. */
char *ha_plan_key(const char *prefix, enum ha_plan_kind kind, int64_t id);
/* False: no key of a plan. */
bool ha_plan_key_parse(const char *prefix, const char *key, enum ha_plan_kind *ret_kind,
                       int64_t *ret_id);

/* ---- one VM's start -------------------------------------------------------------------------- */

struct ha_plan_vm {
    int64_t gen; /* its run_gen; a start takes a higher one */
    Vm *vm;
};

void ha_plan_vm_clear(struct ha_plan_vm *plan);
char *ha_plan_vm_format(const struct ha_plan_vm *plan);
bool ha_plan_vm_parse(const char *text, size_t len, struct ha_plan_vm *ret_plan, GError **error);
/* Of a text of ha_plan_vm_format: HA_PLAN_DIGEST hexadecimal digits.  Free with g_free. */
char *ha_plan_digest(const char *text);

/* ---- one host's VMs -------------------------------------------------------------------------- */

struct ha_plan_row {
    int64_t vm;
    int64_t authority;                /* ha/right.h */
    int64_t priority;                 /* higher starts first */
    int64_t after;                    /* the VM that must run first; 0: none */
    int64_t targets[HA_PLAN_TARGETS]; /* host ids, best first; 0: none */
    char *digest;
};

struct ha_plan_host {
    struct ha_plan_row *rows;
    size_t n_rows;
};

void ha_plan_host_clear(struct ha_plan_host *plan);
char *ha_plan_host_format(const struct ha_plan_host *plan);
bool ha_plan_host_parse(const char *text, size_t len, struct ha_plan_host *ret_plan,
                        GError **error);

/* ---- deputies -------------------------------------------------------------------------------- */

struct ha_plan_deputy {
    int64_t host;
};

struct ha_plan_deputies {
    int64_t epoch;
    struct ha_plan_deputy *hosts;
    size_t n_hosts;
};

void ha_plan_deputies_clear(struct ha_plan_deputies *plan);
char *ha_plan_deputies_format(const struct ha_plan_deputies *plan);
bool ha_plan_deputies_parse(const char *text, size_t len, struct ha_plan_deputies *ret_plan,
                            GError **error);

#endif /* VRM_AGENTPROTO_HA_PLAN_H */
