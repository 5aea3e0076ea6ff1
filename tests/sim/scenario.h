/* scenario.h - one situation as text: who is there, what befalls them, what is expected.
 *
 *     host h1..h3                       # ids in order; options: nofence
 *     vm   db on=h1 priority=2
 *     store s1 s2                       # datastores with heartbeat slots, mounted on every host
 *     vm   web on=h1 after=db           # options: ha=no crash=no local disk=s1
 *     controllers 2
 *     isolation shutdown                # what hosts that are cut off do: leaveRunning, poison
 *     10s  kill h1                      # time counts from when all VMs run
 *     expect vm web running on h2|h3 by 45s
 *     run  60s                          # the end; then every promise of the oracle is checked too
 *
 * What may befall, with `for T` where it ends by itself:
 *     kill H [for T]            power is gone; up again after T, or never
 *     pause H|hald H|agent H for T
 *     kill hald H
 *     cut H mgmt|ha|etcd|planes|all [for T]     heal H
 *                               (planes: management and HA)
 *     fence-device H dead|ok
 *     etcd down [for T]         etcd up           etcd drops-leader
 *     kill controller N|leader [for T]            pause controller N|leader for T
 *     cut controller N|leader for T
 *     store S hangs|fails|away|full|stale|back [for T]  for every host; away: not mounted;
 *                               full: writes fail; stale: what is read is of the past
 *     disk H S ... [for T]      the same for one host
 *     store-slow S T            disk-slow H S T   each access takes up to T
 *     disk-torn H S             the host's next write of its slot is torn
 *     crash V                   starts V fail|work              start V         stop V
 *     shutdowns V fail|work     its guest does not shut down when told to
 *     move V H                  maintenance H on|off            reboot-planned H for T
 *     ha disarmed|armed
 *     setting lease|slot T      the controllers are started again with it, and tell the hosts
 * What may be expected, `by T` (at some moment until then) or `at T`:
 *     vm V running [on H|H]     vm V down         vm V lost|recovering|backoff|held|off
 *     host H ok|suspect|...     leader            no-leader
 *     kept V slot|etcd          whose leases it lives by
 * and of the whole run:
 *     starts V N                it was let run so many times
 *     order V V                 the first ran before the second, again
 *     turn V V                  the first one's start was ordered before the second one's
 *     shots N   kills N   resets N */
#ifndef VRM_TESTS_SIM_SCENARIO_H
#define VRM_TESTS_SIM_SCENARIO_H

#include <stdbool.h>

/* Runs the file.  False: it cannot be read, or something expected or promised did not come; what,
 * and the trace, are printed. */
bool scenario_run(const char *path, bool trace);

#endif /* VRM_TESTS_SIM_SCENARIO_H */
