#!/bin/bash
# it_ha_planned.sh - reboots, fail-over tests and hosts that are switched on again, on real hosts.
#
# usage: tests/it_ha_planned.sh [CASE...]     (from a build folder; as root; all cases by default)
#
# The judge is outside of the system (system/oracle.sh), and QEMU's image locks are off.  Every host
# has its BMC.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-12} VRM_LAB_HALD=1
# shellcheck source=tests/system/oracle.sh
. "$(dirname "$0")/system/oracle.sh"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

# shellcheck source=tests/system/ha.sh
. "$(dirname "$0")/system/ha.sh"

n_incidents() { api GET "$SITE/ha/incidents" | jq .total; }
ha_is() { [[ $(state_of "$1") == "$2" ]]; }
all_take_vms() { takes_vms cna1 && takes_vms cna2 && takes_vms cna3; }
runs_elsewhere() { [[ $(vm_field "$1" status) == running && $(vm_field "$1" hostName) != "$2" ]]; }
boot_id() { lab exec "$1" cat /proc/sys/kernel/random/boot_id; }
place() { vm_is_on "$1" "$2" || task_ok "$(migrate "$1" "$2")"; }
told() { latest | jq -e --arg t "$1" 'any(.timeline[]; .text | contains($t))' >/dev/null || fail "the incident has no word of '$1': $(latest | jq -c '[.timeline[].text]')"; }

tell_incident()
{
    say "$(latest | jq -r '.text, (.seconds | tostring), (.timeline[] | "  \(.seconds) s  \(.source): \(.text)")')"
}

prepare()
{
    local password host
    password=$(<"$LAB_DIR/bmc-password") || return
    for host in cna1 cna2 cna3; do
        set_bmc "$host" "$password" >/dev/null || return
    done
    wait_for 60 "every host takes VMs" all_take_vms || return
    new_vm a cna2 5 && new_vm c cna1 5
}

# --- planned reboots -------------------------------------------------------------------------------

case_reboot_moves_its_vms_away()
{
    local task before boot
    place a cna2 || return
    before=$(n_incidents) boot=$(boot_id cna2)
    task=$(begin POST "$(host_uri cna2)/action/reboot" '{"mode":"safe"}') || return
    refuses POST "$(host_uri cna2)/action/reboot" '{}' 'is being rebooted already' || return
    wait_for 60 "HA expects the reboot" ha_is cna2 reboot-expected || return
    wait_for 30 "cna2 is rebooting" host_is cna2 rebooting || return
    task_ok "$task" 60 || return
    host_is cna2 normal && [[ $(boot_id cna2) != "$boot" ]] || fail "cna2 has not been booted" || return
    runs_elsewhere a cna2 && runs_once a || fail "a was not moved away" || return
    wait_for 60 "cna2 takes VMs" takes_vms cna2 || return
    equal "incidents" "$(n_incidents)" "$before" || return
    equal "starts by HA" "$(api GET "$SITE/events?eventName=HaVmState" | jq '.total // (.items | length)')" 0 && judge
}

case_reboot_is_refused_while_a_vm_cannot_leave()
{
    local task boot
    place a cna2 || return
    boot=$(boot_id cna2)
    task PUT "$(vm_uri a)" '{"isBindingHost":true}' || return
    task=$(begin POST "$(host_uri cna2)/action/reboot" '{}') && task_failed "$task" 60 || return
    refused "$(api GET "$task")" "" 'could not leave' || return
    equal "boot id" "$(boot_id cna2)" "$boot" || return
    task PUT "$(vm_uri a)" '{"isBindingHost":false}' || return
    refuses POST "$(host_uri cna2)/action/reboot" '{"mode":"gently"}' 'safe' || return
    takes_vms cna2 && vm_is_on a cna2 && judge
}

case_reboot_by_force_brings_its_vms_back()
{
    local boot
    place a cna2 || return
    boot=$(boot_id cna2)
    task POST "$(host_uri cna2)/action/reboot" '{"mode":"force"}' || return
    [[ $(boot_id cna2) != "$boot" ]] || fail "cna2 has not been booted" || return
    wait_for 60 "a runs" vm_is a running && wait_for 60 "cna2 takes VMs" is_trusted cna2 && runs_once a && judge
}

case_reboot_that_never_ends_is_a_failure()
{
    local task
    place a cna2 && lab bmc cna2 noboot >>"$WORK/lab.log" 2>&1 || return
    task=$(begin POST "$(host_uri cna2)/action/reboot" '{"mode":"force"}') && task_failed "$task" 120 || return
    refused "$(api GET "$task")" 10200159 'has not answered within' || return
    wait_for 60 "cna2 is dead" ha_is cna2 fenced || return
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || return
    lab bmc cna2 ok >>"$WORK/lab.log" 2>&1
    lab heal cna2 >>"$WORK/lab.log" 2>&1
    tell_incident
    wait_for 60 "cna2 takes VMs" is_trusted cna2 && runs_once a && judge
}

# --- the fail-over test -------------------------------------------------------------------------------

drill() { api POST "$(host_uri "$1")/action/testFailover" "$2"; }

case_drill_is_refused_if_vms_would_stay_down()
{
    place a cna2 || return
    task PUT "$(vm_uri a)" '{"properties":{"isEnableHa":false}}' || return
    refused "$(drill cna2 '{"confirm":"cna2"}')" "" 'would not come back' '1 without HA' || return
    refused "$(drill cna2 '{"confirm":"cna1"}')" "" 'confirm' || return
    task PUT "$(vm_uri a)" '{"properties":{"isEnableHa":true}}' || return
    takes_vms cna2 && vm_is_on a cna2 && judge
}

case_drill_brings_vms_back_and_switches_its_host_on()
{
    place a cna2 || return
    says "$(drill cna2 '{"dryRun":true}')" tostring '"a"' || return
    jq -e .incidentUri <<<"$(drill cna2 '{"confirm":"cna2"}')" >/dev/null || fail "no incident" || return
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || return
    wait_for 90 "cna2 takes VMs" is_trusted cna2 || return
    tell_incident
    equal "kind" "$(latest | jq -r .kind)" drill && told 'fail-over test, ordered by admin' || return
    told 'it is switched on again by its BMC' && runs_once a && judge
}

# --- after a death --------------------------------------------------------------------------------------

case_dead_host_is_switched_on_again()
{
    place a cna2 || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || return
    wait_for 90 "cna2 takes VMs" is_trusted cna2 || return
    tell_incident
    told 'it is switched on again by its BMC: it died' && runs_once a && judge
}

case_host_in_maintenance_stays_off()
{
    local n
    place a cna1 || return
    equal "maintenance" "$(code POST "$(host_uri cna2)/action/enterMaintenanceMode" '{}')" 200 || return
    wait_for 30 "HA knows it" ha_is cna2 maintenance || return
    n=$(n_incidents)
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    sleep 35
    [[ $(lab status | awk '$1 == "cna2" { print $2 }') != up ]] || fail "cna2 was switched on" || return
    equal "incidents" "$(n_incidents)" "$n" || return
    lab heal cna2 >>"$WORK/lab.log" 2>&1
    equal "maintenance" "$(code POST "$(host_uri cna2)/action/exitMaintenanceMode" '{}')" 200 || return
    wait_for 60 "cna2 takes VMs" is_trusted cna2 && judge
}

CASES=(reboot_moves_its_vms_away reboot_is_refused_while_a_vm_cannot_leave reboot_by_force_brings_its_vms_back
    reboot_that_never_ends_is_a_failure drill_is_refused_if_vms_would_stay_down
    drill_brings_vms_back_and_switches_its_host_on dead_host_is_switched_on_again host_in_maintenance_stays_off)

oracle_up
run_cases 3 prepare "$@"
