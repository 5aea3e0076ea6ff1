#!/bin/bash
# it_ha_vm.sh - failures of single VMs on real hosts: a guest that panics or hangs, a QEMU that dies;
# what follows is the VM's policy, and never twice at once.
#
# usage: tests/it_ha_vm.sh [CASE...]     (from a build folder; as root; all cases by default)
#
# The judge is outside of the system (system/oracle.sh), and QEMU's image locks are off.  Guests fail
# because they are told to (`deploy/lab order`): their kernel really panics, spins or stands still.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-12} VRM_LAB_HALD=1
GUEST_AGENT=1
# shellcheck source=tests/system/oracle.sh
. "$(dirname "$0")/system/oracle.sh"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

status() { api GET "$SITE/ha/status"; }
takes_vms() { [[ $(status | jq -r --arg h "$1" '.hosts[] | select(.name == $h).takesVms') == true ]]; }
all_take_vms() { takes_vms cna1 && takes_vms cna2; }
runs_elsewhere() { [[ $(vm_field "$1" status) == running && $(vm_field "$1" hostName) != "$2" ]]; }
domain_of() { basename "$(vm_uri "$1")"; }
order() { lab order "$1" "$2" >>"$WORK/lab.log" 2>&1; }
# Its guest is up, and obeys.
agent_answers()
{
    lab exec "$(vm_field "$1" hostName)" virsh qemu-agent-command --timeout 5 "$(domain_of "$1")" '{"execute":"guest-ping"}' | grep -q return
}
kill_qemu() { lab exec "$(vm_field "$1" hostName)" bash -c "kill -9 \$(cat /run/libvirt/qemu/$(domain_of "$1").pid)"; }

judge()
{
    local text
    text=$(oracle_judge) || fail "$text" || return
    say "$text"
}

# on_fault VM POLICY - from now on; what it failed before does not count.
on_fault()
{
    task PUT "$(vm_uri "$1")" "{\"properties\":{\"vmFaultProcess\":\"$2\"}}"
}

# starts_of VM - how often its guest was let run, as QEMU itself says.
starts_of()
{
    oracle_spans | grep -c "^$(vm_field "$1" uuid) "
}

# panics_of VM - how many of its QEMUs were told of a panic by their guest.  Not by their run state:
# libvirt ends one that tells of a panic, sometimes before it got there.
panics_of()
{
    grep -l 'Guest crashed' "$ORACLE_DIR/$(vm_field "$1" uuid)".*.log 2>/dev/null | wc -l
}

starts_are() { [[ $(starts_of "$1") == "$2" ]]; }
panics_are() { [[ $(panics_of "$1") == "$2" ]]; }

# events_of VM NAME - how many there are.
events_of()
{
    api GET "$SITE/events?limit=1000" | jq --arg o "$(urn "$(vm_uri "$1")")" --arg n "$2" '[.items[] | select(.objectUrn == $o and .eventName == $n)] | length'
}

has_alarm()
{
    api POST "$SITE/alarms/activeAlarms" '{}' | jq -e --arg o "$(urn "$(vm_uri "$1")")" --arg w "$2" '[.items[] | select(.objectUrn == $o) | tostring | select(contains($w))] | length > 0' >/dev/null
}

ha_state() { status | jq -r --arg n "$1" '.vms[] | select(.name == $n).state'; }
ha_why() { status | jq -r --arg n "$1" '.vms[] | select(.name == $n).reason'; }
ha_state_is() { [[ $(ha_state "$1") == "$2" ]]; }

prepare()
{
    wait_for 60 "every host takes VMs" all_take_vms
}

# fresh NAME HOST POLICY - a new VM each case: the hour's count of an old one would matter.
fresh()
{
    new_vm "$1" "$2" 5 && on_fault "$1" "$3" && wait_for 40 "$1's agent answers" agent_answers "$1"
}

# --- panic ---------------------------------------------------------------------------------------

case_panic_restarts_here()
{
    fresh p1 cna2 reboot || return
    order p1 panic
    wait_for 20 "QEMU is told of the panic" panics_are p1 1 || return
    wait_for 30 "p1's guest runs again" starts_are p1 2 || { status >&2; return 1; }
    wait_for 10 "p1 counts as running" vm_is_on p1 cna2 || return
    runs_once p1 && judge
}

case_panic_restarts_elsewhere()
{
    fresh p2 cna2 ha || return
    order p2 panic
    wait_for 20 "QEMU is told of the panic" panics_are p2 1 || return
    wait_for 40 "p2 runs elsewhere" runs_elsewhere p2 cna2 || { status >&2; return 1; }
    runs_once p2 && judge
}

case_panic_is_left()
{
    fresh p3 cna2 notprocess || return
    order p3 panic
    wait_for 20 "QEMU is told of the panic" panics_are p3 1 || return
    wait_for 20 "p3 is found dead" vm_is p3 stopped || return
    sleep 10
    vm_is p3 stopped && equal "starts of p3" "$(starts_of p3)" 1 && judge
}

# --- QEMU dies -----------------------------------------------------------------------------------

case_qemu_dies_restarts_elsewhere()
{
    fresh q1 cna2 ha && kill_qemu q1 || return
    wait_for 40 "q1 runs elsewhere" runs_elsewhere q1 cna2 || { status >&2; return 1; }
    runs_once q1 && judge
}

# --- hangs ---------------------------------------------------------------------------------------

agent_is_known() { [[ $(vm_field "$1" pvDriverStatus) == running ]]; }

# sensitive VM POLICY - 30 s without a sign of life are a hang, of a guest whose agent answered once.
sensitive()
{
    ((!GUEST_AGENT)) || wait_for 90 "$1's agent is known" agent_is_known "$1" || return
    task PUT "$(vm_uri "$1")" "{\"properties\":{\"vmFaultProcess\":\"$2\",\"hangSensitivity\":\"high\"}}"
}

incident_tells() { [[ $(api GET "$SITE/ha/incidents/latest" | jq -r '.vmName, .timeline[].text') == *"$1"*"$2"* ]]; }
tell_incident() { say "$(api GET "$SITE/ha/incidents/latest" | jq -r '.text, (.timeline[] | "  \(.seconds) s  \(.source): \(.text)")')"; }

# A kernel that spins for ever and tells nobody.
case_hang_restarts_here()
{
    fresh h1 cna2 reboot && sensitive h1 reboot || return
    order h1 hang
    wait_for 70 "h1's guest runs again" starts_are h1 2 || { api POST "$SITE/alarms/activeAlarms" '{}' >&2; return 1; }
    wait_for 20 "h1 counts as running" vm_is_on h1 cna2 && wait_for 10 "an incident tells why" incident_tells h1 "its guest hung" || return
    tell_incident
    equal "events of a hang" "$(events_of h1 VmGuestHung)" 1 && equal "events of its reset" "$(events_of h1 VmGuestReset)" 1 || return
    equal "panics" "$(panics_of h1)" 0 && wait_for 40 "h1's agent answers" agent_answers h1 && runs_once h1 && judge
}

# All CPUs stand still with interrupts off.
case_freeze_restarts_elsewhere()
{
    fresh h2 cna2 ha && sensitive h2 ha || return
    order h2 freeze
    wait_for 80 "h2 runs elsewhere" runs_elsewhere h2 cna2 || { status >&2; return 1; }
    tell_incident
    equal "starts of h2" "$(starts_of h2)" 2 && runs_once h2 && judge
}

case_hang_is_left()
{
    fresh h3 cna2 notprocess && sensitive h3 notprocess || return
    order h3 hang
    wait_for 70 "an alarm says so" has_alarm h3 "leave it" || return
    sleep 15
    vm_is_on h3 cna2 && equal "starts of h3" "$(starts_of h3)" 1 && judge
}

# Only its agent is gone; it never had one; it is paused: not judged, whatever else it does.
case_silence_that_is_no_hang()
{
    fresh n1 cna2 reboot && sensitive n1 reboot && fresh n3 cna2 reboot && sensitive n3 reboot || return
    GUEST_AGENT=0 new_vm n2 cna2 5 && GUEST_AGENT=0 sensitive n2 reboot || return
    sleep 10
    order n1 mute
    order n2 hang
    task POST "$(vm_uri n3)/action/pause" || return
    sleep 60
    task POST "$(vm_uri n3)/action/resume" || return
    sleep 20
    equal "starts" "$(starts_of n1) $(starts_of n2)" "1 1" || return
    equal "events of hangs" "$(events_of n1 VmGuestHung)$(events_of n2 VmGuestHung)$(events_of n3 VmGuestHung)" 000 && judge
}

# --- platform ------------------------------------------------------------------------------------

host_events() { api GET "$SITE/events?limit=1000" | jq --arg h "$1" --arg n "$2" '[.items[] | select(.urnByName == $h and .eventName == $n)] | length'; }
qemu_of() { lab exec "$(vm_field "$1" hostName)" cat "/run/libvirt/qemu/$(domain_of "$1").pid"; }
was_revived() { (($(host_events "$1" HostLibvirtdRestarted) > 0)); }

# A libvirtd that stands still is started anew by the agent; its VMs run on in the same QEMU.
case_libvirtd_hangs()
{
    local before
    fresh v1 cna2 reboot && before=$(qemu_of v1) || return
    lab exec cna2 pkill -STOP -x libvirtd
    wait_for 60 "an event says that libvirtd was started anew" was_revived cna2 || return
    wait_for 30 "the host is well again" host_is cna2 normal || return
    equal "QEMU of v1" "$(qemu_of v1)" "$before" && runs_once v1 || return
    equal "starts of v1" "$(starts_of v1)" 1 && task POST "$(vm_uri v1)/action/stop" '{"mode":"force"}' && judge
}

# --- too often -----------------------------------------------------------------------------------

# At most three restarts an hour, whatever the end was; then it is held, which an alarm says.
case_limit_an_hour()
{
    local n
    fresh l1 cna2 reboot || return
    for n in 2 3 4; do
        kill_qemu l1
        wait_for 60 "l1's guest runs for the ${n}th time" starts_are l1 "$n" || { status >&2; return 1; }
        wait_for 20 "l1 counts as running" vm_is l1 running && sleep 3
    done
    kill_qemu l1
    wait_for 30 "l1 is held" ha_state_is l1 held || { status >&2; return 1; }
    say "held: $(ha_why l1)"
    wait_for 10 "an alarm says so" has_alarm l1 "an hour" || return
    sleep 15
    ha_state_is l1 held && equal "starts of l1" "$(starts_of l1)" 4 && judge
}

CASES=(panic_restarts_here panic_restarts_elsewhere panic_is_left qemu_dies_restarts_elsewhere limit_an_hour
    hang_restarts_here freeze_restarts_elsewhere hang_is_left silence_that_is_no_hang libvirtd_hangs)

oracle_up
run_cases 2 prepare "$@"
