/* ha_shell.h - the one who decides over hosts that die and VMs that are lost: the shell around
 * ha/ha.h in vrmd.
 *
 * While vrmd is active and the records of rights were listed once, it looks several times a second:
 * the inventory (ha_sync.c), beats (ha_beats.c), agents, peers and power (ha_witness.c) are told to
 * the Ha object, and what that wants is done (ha_act.c, ha_place.c) and told as an incident
 * (ha_book*.c).  Nothing is remembered that the next controller would not see again.  Loop
 * thread only. */
#ifndef VRM_CONTROLLER_HA_SHELL_H
#define VRM_CONTROLLER_HA_SHELL_H

#include <stdbool.h>

#include "controller/app.h"
#include "ha/host_fsm.h"
#include "ha/right.h"

struct op_ha;

HaShell *ha_shell_new(struct app *app);
void ha_shell_free(HaShell *shell);
/* vrmd became active. */
void ha_shell_start(HaShell *shell);
/* Forgets everything (before a reload). */
void ha_shell_reset(HaShell *shell);

/* ---- what observe.c sees ----------------------------------------------------------------------
 */

/* The host's agent said something. */
void ha_shell_hear(HaShell *shell, int64_t host_id);
/* What hosts say of the VM may be another thing than before. */
void ha_shell_look_at(const HaShell *shell, const Vm *vm);
/* Its host may not run the VM: the life in which it might is over, or another host owns it. */
bool ha_shell_disowns(const HaShell *shell, const Vm *vm);
/* No host runs it, or may: nobody owns it, or only hosts that are dead, or one that never claimed
 * it. */
bool ha_shell_is_nowhere(const HaShell *shell, const Vm *vm);
/* The VM has ended on its host, which is heard; how: its hypervisor's word.  True: HA brings it
 * back, or keeps it down for a reason: it does not count as stopped. */
bool ha_shell_keeps(const HaShell *shell, const Vm *vm, const char *how);

/* ---- guests that hang (vm_hang.c) -------------------------------------------------------------
 */

/* Is the VM on its host by a right that HA looks after?  Only then HA brings it back. */
bool ha_shell_has_right(const HaShell *shell, const Vm *vm);
/* Was it brought back as often as its policy allows in an hour? */
bool ha_shell_is_at_limit(const HaShell *shell, int64_t vm_id);
/* Is it being ended because its guest hangs? */
bool ha_shell_is_ending(const HaShell *shell, int64_t vm_id);
/* Ends it on its host and brings it back, as after a crash.  why: for people. */
void ha_shell_end_guest(HaShell *shell, const Vm *current, const char *why);
/* While no controller led, a stand-in had the VM started on that host: it is to be told of. */
void ha_shell_adopts(HaShell *shell, const Vm *vm, int64_t to_host_id);

/* ---- what others ask --------------------------------------------------------------------------
 */

/* Does HA act on this site: enabled, and were the records read? */
bool ha_shell_is_ready(const HaShell *shell);
/* A take-over was just now: is some host of the cluster not judged yet? */
bool ha_shell_awaits(const HaShell *shell, int64_t cluster_id);
/* Is the host's life that was known last proved to be over? */
bool ha_shell_is_dead(const HaShell *shell, int64_t host_id);
/* The host was told just now to keep slots on shared datastores: better wait for a moment than give
 * it a VM by its lease in etcd. */
bool ha_shell_awaits_slot(const HaShell *shell, int64_t host_id, int32_t authority);
/* How long the lease of an owner was not seen to move; -1: not known, or it is of another life. */
int64_t ha_shell_still_ms(const HaShell *shell, const struct ha_owner *owner);
/* For GET {site}/ha/status; the caller frees (api/ops_ask.h). */
struct op_ha *ha_shell_status(const HaShell *shell);

/* ---- what people want -------------------------------------------------------------------------
 */

/* Its failures are forgotten.  CONFLICT: it is not in quarantine. */
bool ha_shell_trust(HaShell *shell, const Host *host, GError **error);
/* May the fail-over test be made on this host now? */
bool ha_shell_check_drill(const HaShell *shell, const Host *host, GError **error);
/* Cuts its power; the incident tells the rest.  user: who wants it. */
void ha_shell_drill(HaShell *shell, const Host *host, const char *user);

/* Its power is about to be cut by order and comes back: until then (of this machine's monotonic
 * clock) its silence is no failure; later it is one like any other.  0: that is over. */
void ha_shell_expect_reboot(HaShell *shell, int64_t host_id, int64_t deadline_ms);

/* For tests: one look, now. */
void ha_shell_tick(HaShell *shell);
/* The state of a host; HOST_N_STATES: HA does not know it. */
enum host_fsm_state ha_shell_host_state(const HaShell *shell, int64_t host_id);

#endif /* VRM_CONTROLLER_HA_SHELL_H */
