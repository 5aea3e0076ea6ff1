#!/bin/bash
# it_ha.sh - high availability on real hosts: what dies, hangs or is cut off, what then happens, and
# that no VM ever runs twice.
#
# usage: tests/it_ha.sh [CASE...]     (from a build folder; as root; all cases by default)
#
# The judge is outside of the system (system/oracle.sh), and QEMU's image locks are off.  Each case
# prints what the incident says: seconds to detection, to proof, to the last VM.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-12} VRM_LAB_HALD=1 ETCDCTL_API=3
# Three members of etcd, each of which the hosts reach by either plane.
export VRM_ETCD_MEMBERS=3 VRM_ETCD_ADDRESS=10.90.$VRM_LAB.1,10.91.$VRM_LAB.1
# shellcheck source=tests/system/oracle.sh
. "$(dirname "$0")/system/oracle.sh"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"
# shellcheck source=tests/system/ha.sh
. "$(dirname "$0")/system/ha.sh"

all_take_vms() { takes_vms cna1 && takes_vms cna2 && takes_vms cna3; }
runs_elsewhere() { [[ $(vm_field "$1" status) == running && $(vm_field "$1" hostName) != "$2" ]]; }

incident_is_over() { [[ $(latest | jq -r .seconds.allRunning) =~ [0-9] ]]; }

# Its end is written down a moment after the VM that was waited for runs.
tell_incident()
{
    local i
    for ((i = 0; i < 10; i++)); do
        ! incident_is_over || break
        sleep 0.3
    done
    say "$(latest | jq -r '.text, (.seconds | tostring), (.timeline[] | "  \(.seconds) s  \(.source): \(.text)")')"
}

# place VM HOST - it runs there.
place()
{
    vm_is_on "$1" "$2" || task_ok "$(migrate "$1" "$2")"
}

prepare()
{
    wait_for 60 "every host takes VMs" all_take_vms || return
    new_vm a cna2 5 && new_vm b cna2 5 && new_vm c cna1 5
}

# --- a host dies ---------------------------------------------------------------------------------

case_host_loses_power()
{
    place a cna2 && place b cna2 || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    wait_for 20 "b elsewhere" runs_elsewhere b cna2 || return
    tell_incident
    runs_once a && runs_once b && vm_is_on c cna1 || return
    equal "events that correct a VM" "$(api GET "$SITE/events" | jq '[.items[] | select(.eventName == "VmStateFound")] | length')" 0 || return
    back cna2 && judge
}

# The target has no part of the VM yet: it died with its host, whatever its policy says of crashes.
case_source_of_a_migration_dies()
{
    local uri
    place a cna2 || return
    uri=$(slow_migration a cna3) || return
    wait_for 20 "progress" has_progress "$uri" || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    task_failed "$uri" 60 || return
    tell_incident
    lab busy a 5 0 >/dev/null
    runs_once a && vm_is a running && back cna2 && judge
}

case_target_of_a_migration_dies()
{
    local uri
    place a cna2 || return
    uri=$(slow_migration a cna3) || return
    wait_for 20 "progress" has_progress "$uri" || return
    lab kill cna3 >>"$WORK/lab.log" 2>&1
    task_failed "$uri" 60 || return
    wait_for 30 "a one owner" runs_once a || return
    lab busy a 5 0 >/dev/null
    vm_is_on a cna2 && vm_is a running && back cna3 && judge
}

case_host_stands_still()
{
    place a cna2 || return
    lab pause cna2 >>"$WORK/lab.log" 2>&1
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    sleep 5
    back cna2 && runs_once a && judge
}

case_host_is_cut_off()
{
    place a cna2 || return
    lab cut cna2 ha >>"$WORK/lab.log" 2>&1
    lab cut cna2 mgmt >>"$WORK/lab.log" 2>&1
    wait_for 50 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    back cna2 && runs_once a && judge
}

# --- what must not restart anything ------------------------------------------------------------------

# spared WHAT SECONDS VM HOST - so long the VM runs on, and no incident starts it elsewhere.
spared()
{
    local end=$((SECONDS + $2)) domain
    wait_for 20 "$3 is known" is_active && domain=$(basename "$(vm_uri "$3")") || return
    while ((SECONDS < end)); do
        [[ $(places "$domain") == "$4" ]] || fail "$1: $3 does not run on $4 any more" || return
        sleep 1
    done
}

case_ha_plane_is_cut()
{
    place a cna2 || return
    lab cut cna2 ha >>"$WORK/lab.log" 2>&1
    spared "HA plane cut" 12 a cna2 || return
    back cna2 && judge
}

# lives HOST - nobody thinks that it is dead.
lives()
{
    local state
    state=$(state_of "$1")
    say "$1 is $state"
    [[ $state != fenc* && $state != rejoining ]] || fail "HA calls $1 $state"
}

has_alarm() { api POST "$SITE/alarms/activeAlarms" '{}' | grep -q "$1"; }

# Nobody is heard there any more, and then a host dies: the others are whole enough to take its VM.
case_ha_plane_is_down()
{
    local host
    place a cna2 || return
    for host in cna1 cna2 cna3; do
        lab cut $host ha >>"$WORK/lab.log" 2>&1
    done
    wait_for 20 "the alarm" has_alarm 15.7000017 || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    back cna1 && back cna2 && back cna3 && runs_once a || return
    wait_for 20 "no alarm" eval "! has_alarm 15.7000017" && judge
}

case_management_plane_is_cut()
{
    place a cna2 || return
    lab cut cna2 mgmt >>"$WORK/lab.log" 2>&1
    spared "management plane cut" 16 a cna2 && lives cna2 || return
    back cna2 && runs_once a && judge
}

# Beats are heard in one direction only: of one host nobody hears anything there, another hears nothing.
case_ha_plane_is_cut_one_way()
{
    place a cna2 && place b cna3 || return
    lab cut cna2 ha out >>"$WORK/lab.log" 2>&1
    lab cut cna3 ha in >>"$WORK/lab.log" 2>&1
    spared "HA plane cut one way" 12 a cna2 && spared "HA plane cut one way" 1 b cna3 || return
    lives cna2 && lives cna3 && back cna2 && back cna3 && judge
}

# No answer of etcd comes to one, though its beats are heard; no question of the other comes to etcd.
case_hosts_are_cut_off_one_way()
{
    place a cna2 && place b cna3 || return
    lab cut cna2 ha in >>"$WORK/lab.log" 2>&1 && lab cut cna2 mgmt in >>"$WORK/lab.log" 2>&1 || return
    lab cut cna3 ha out >>"$WORK/lab.log" 2>&1 && lab cut cna3 mgmt out >>"$WORK/lab.log" 2>&1 || return
    wait_for 60 "a on cna1" vm_is_on a cna1 || return
    wait_for 60 "b on cna1" vm_is_on b cna1 || return
    tell_incident
    back cna2 && back cna3 && runs_once a && runs_once b && judge
}

case_keeper_dies()
{
    place a cna2 || return
    lab kill-hald cna2 >>"$WORK/lab.log" 2>&1
    spared "vrm-hald killed" 12 a cna2 && takes_vms cna2 && judge
}

case_keeper_stands_still()
{
    place a cna2 || return
    lab stop-hald cna2 >>"$WORK/lab.log" 2>&1
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    back cna2 && runs_once a && judge
}

# Of one host the agent, of another libvirtd: both are started again, and VMs do not notice.
case_agent_and_libvirtd_die()
{
    place a cna2 && place c cna1 || return
    lab exec cna2 pkill -9 vrm-agent
    lab exec cna1 pkill -9 libvirtd
    spared "vrm-agent killed" 10 a cna2 && spared "libvirtd killed" 2 c cna1 || return
    wait_for 30 "all take VMs" all_take_vms && runs_once a && runs_once c && judge
}

case_controller_dies()
{
    place a cna2 || return
    vrmd_start 2
    vrmd_signal 1 KILL
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    use 2
    wait_for 20 "controller 2 active" is_active && login || return
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    alone 1
    back cna2 && runs_once a && judge
}

case_controller_stands_still()
{
    place a cna2 || return
    vrmd_start 2
    vrmd_signal 1 STOP
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    use 2
    wait_for 20 "controller 2 active" is_active && login || return
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    vrmd_signal 1 CONT
    sleep 2
    use 1
    ! is_active || fail "the controller that stood still thinks that it leads" || return
    use 2
    is_active && runs_once a || return
    alone 1
    back cna2 && runs_once a && judge
}

# --- a VM dies -------------------------------------------------------------------------------------------

on_fault() { api PUT "$(vm_uri "$1")" "{\"properties\":{\"vmFaultProcess\":\"$2\"}}" >/dev/null; }
kill_qemu() { lab exec "$(vm_field "$1" hostName)" bash -c "kill -9 \$(cat /run/libvirt/qemu/$(basename "$(vm_uri "$1")").pid)"; }

case_qemu_dies()
{
    place a cna2 && on_fault a reboot && kill_qemu a || return
    wait_for 20 "a is found dead" eval "! vm_is a running" || return
    wait_for 30 "a runs again" runs_once a || { status | jq -c .vms >&2; return 1; }
    on_fault a notprocess && kill_qemu a || return
    wait_for 20 "a is found dead again" vm_is a stopped || return
    sleep 10
    vm_is a stopped || fail "a was started, although nothing shall be done" || return
    task POST "$(vm_uri a)/action/start" && judge
}

# --- servers ---------------------------------------------------------------------------------------------

case_etcd_stands_still()
{
    place a cna2 || return
    services pause etcd
    sleep 5
    services resume etcd
    spared "etcd paused for 5 s" 15 a cna2 && wait_for 60 "all take VMs" all_take_vms && judge
}

# With two of three members all goes on, also when a host dies.
case_etcd_loses_a_member()
{
    place a cna2 || return
    services kill etcd1
    spared "a member of etcd lost" 10 a cna2 && all_take_vms || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    services start etcd1
    back cna2 && runs_once a && judge
}

# authority_of VM - by which its right is held: 1 is etcd, more is a datastore.
authority_of()
{
    etcdctl --endpoints "127.0.0.1:$VRM_ETCD_PORT" get --print-value-only "/vrm/ha/vm/$(domain_id "$1")" |
        jq '.owners[0].authority'
}
domain_id() { echo $((16#$(basename "$(vm_uri "$1")" | tr -dc 0-9A-Fa-f))); }

# VMs that live by etcd end, and come back with it; those that live by their datastore stay.
case_etcd_is_lost()
{
    local authority domain
    place a cna2 || return
    authority=$(authority_of a) && domain=$(basename "$(vm_uri a)") || return
    services kill etcd
    for ((i = 0; i < 20; i++)); do
        sleep 1
        ((authority <= 1)) || [[ $(places "$domain") == cna2 ]] ||
            fail "a, which lives by its datastore, ended $i s after etcd" || return
    done
    say "a lives by authority $authority, runs on $(places "$domain")"
    services start etcd
    alone 1 && wait_for 60 "all take VMs" all_take_vms && wait_for 60 "a runs" runs_once a || return
    wait_for 60 "b runs" runs_once b && wait_for 60 "c runs" runs_once c && judge
}

case_database_is_away()
{
    place a cna2 || return
    services kill pg
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    sleep 15
    services start pg
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    back cna2 && runs_once a && judge
}

# --- fence devices -----------------------------------------------------------------------------------------

proof_is() { [[ $(latest | jq -r .proof) == *"$1"* ]] || fail "the proof is $(latest | jq -r .proof), no word of $1"; }

case_power_is_proof()
{
    place a cna2 && set_bmc cna2 "$(<"$LAB_DIR/bmc-password")" >/dev/null || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    proof_is power && back cna2 && runs_once a && judge
}

# It takes the command, and says that the power is on, for ever.
case_fence_device_says_on()
{
    place a cna2 && set_bmc cna2 "$(<"$LAB_DIR/bmc-password")" >/dev/null || return
    lab bmc cna2 stuck >>"$WORK/lab.log" 2>&1 || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 50 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    lab bmc cna2 ok >>"$WORK/lab.log" 2>&1
    proof_is lease && back cna2 && runs_once a && judge
}

case_fence_device_is_dead()
{
    place a cna2 && lab bmc cna2 dead >>"$WORK/lab.log" 2>&1 || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 50 "a elsewhere" runs_elsewhere a cna2 || return
    tell_incident
    lab bmc cna2 ok >>"$WORK/lab.log" 2>&1
    proof_is lease && back cna2 && runs_once a && judge
}

CASES=(host_loses_power source_of_a_migration_dies target_of_a_migration_dies host_stands_still host_is_cut_off
    ha_plane_is_cut ha_plane_is_cut_one_way ha_plane_is_down management_plane_is_cut
    hosts_are_cut_off_one_way keeper_dies keeper_stands_still agent_and_libvirtd_die controller_dies
    controller_stands_still qemu_dies etcd_stands_still etcd_loses_a_member etcd_is_lost database_is_away
    power_is_proof fence_device_says_on fence_device_is_dead)

oracle_up
run_cases 3 prepare "$@"
