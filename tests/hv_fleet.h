/* hv_fleet.h - a hypervisor whose domains are files, shared by the agents of several hosts.
 *
 * For component tests: a domain is FLEET/HOST/UUID, so it lives on when its agent is killed, as it
 * would under libvirtd, and anybody can count on how many hosts it is.  Starting a domain that is
 * on another host is not refused (no real hypervisor would) but written to FLEET/double.  Every
 * change is a line of FLEET/log.  A migration is one rename.
 *
 * The VM's name may say what it does, word by word:  "busy=MHZ" load, "slow=MS" time a call takes,
 * "copy=MS" time a migration takes besides, "fail=CALL" that call fails ("fail=cancel": a migration
 * goes on to its end). */
#ifndef VRM_TESTS_HV_FLEET_H
#define VRM_TESTS_HV_FLEET_H

#include "agent/hv.h"

typedef struct HvFleet HvFleet;

/* host: name of its folder in fleet, made if it is missing. */
HvFleet *hv_fleet_new(const char *fleet, const char *host);
/* After the agent that used it. */
void hv_fleet_free(HvFleet *hv);
struct hv hv_fleet_hv(HvFleet *hv);

#endif /* VRM_TESTS_HV_FLEET_H */
