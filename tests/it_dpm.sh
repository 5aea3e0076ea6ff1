#!/bin/bash
# it_dpm.sh - power management on real lab hosts: proofs, a night and a morning, BMCs that fail, a
# controller that dies in between.
#
# usage: tests/it_dpm.sh [CASE...]     (from a build folder; as root)
#
# Windows are seconds here.  That a host is off is read from the lab, past the whole system.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-13}
export VRMD_EXTRA="[dpm]
interval_s = 2
sleep_window_s = 12
wake_window_s = 10
settle_s = 5
proof_days = 1
retry_s = 5
drain_timeout_s = 90
start_wait_s = 120
watts = 20000"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

status() { api GET "$CLUSTER/dpm/status"; }
# dpm_of HOST FIELD
dpm_of() { status | jq -r --arg h "$1" ".hosts[] | select(.name == \$h).$2"; }
state_is() { [[ $(dpm_of "$1" state) == "$2" ]]; }
reason_has() { [[ $(dpm_of "$1" reason) == *"$2"* ]]; }
failure_has() { [[ $(dpm_of "$1" lastFailure) == *"$2"* ]]; }
has_power() { [[ $(lab status | awk -v h="$1" '$1 == h { print $2 }') != down ]]; }
has_no_power() { ! has_power "$1"; }

# Low, because the guests get little of a machine that others use as well.
THRESHOLDS='[{"limen":1,"underloadThreshold":8,"overloadThreshold":12},{"limen":2,"underloadThreshold":2,"overloadThreshold":4},{"limen":3,"underloadThreshold":12,"overloadThreshold":15}]'

# set_dpm off|manual|automatic [LEVEL]
set_dpm()
{
    local level=0 limens
    [[ $1 != manual ]] || level=1
    [[ $1 != automatic ]] || level=2
    limens=$(jq -nc "[range(24) | {fragmentTime: ., limen: ${2:-3}}]")
    [[ $(code PUT "$CLUSTER" "{\"drsSetting\":{\"powerLevel\":$level,\"powerFragmentLimen\":$limens,\"dpmThresholds\":$THRESHOLDS}}") == 200 ]] ||
        fail "DPM $1"
}

set_ha() { [[ $(code PUT "$CLUSTER" "{\"isEnableHa\":$1}") == 200 ]]; }
# set_drs true|false
set_drs() { [[ $(code PUT "$CLUSTER" "{\"isEnableDrs\":$1,\"drsSetting\":{\"drsLevel\":3}}") == 200 ]]; }

# alarm_is NAME HOST - such an alarm is active.
alarm_is()
{
    api POST "$SITE/alarms/activeAlarms" '{}' |
        jq -e --arg n "$1" --arg h "$2" '.items[] | select(.svAlarmName == $n and .urnByName == $h)' >/dev/null
}
alarm_is_not() { ! alarm_is "$@"; }

all_busy() # PERCENT
{
    local name
    for name in a b c; do lab busy $name "$1" >/dev/null || return; done
}

# Everything on, nobody asleep, DPM off.
all_on()
{
    local i
    for ((i = 1; i <= 3; i++)); do lab bmc cna$i ok >/dev/null; done
    set_dpm off && all_busy 0 || return
    for ((i = 1; i <= 3; i++)); do
        set_bmc cna$i "$(<"$LAB_DIR/bmc-password")" || return
        wait_for 120 "cna$i is on" state_is cna$i on || return
    done
}

none_moves()
{
    local busy='[.tasks[] | select(.status != "success" and .status != "failed")] | length == 0'
    api GET "$SITE/tasks?limit=100" | jq -e "$busy" >/dev/null
}

# spread - one VM on each host, once nothing is under way: DRS may still be moving one.
spread()
{
    local i=1 name uri
    wait_for 120 "nothing is under way" none_moves || return
    for name in a b c; do
        vm_is_on $name cna$i || { uri=$(migrate $name cna$i) && task_ok "$uri"; } || return
        i=$((i + 1))
    done
}

# ---- proofs -----------------------------------------------------------------------------------

case_an_unproven_host_stays_on()
{
    set_bmc cna3 "$(<"$LAB_DIR/bmc-password")" && set_dpm automatic || return
    wait_for 20 "the reason" reason_has cna3 'never proven' || return
    wait_for 20 "the alarm" alarm_is 'Wake-up of the host is not proven' cna3 || return
    sleep 6
    [[ $(status | jq -r '[.hosts[].state] | unique | join(" ")') == on ]] || fail "$(status)" || return
    set_dpm off
}

case_a_proof_is_refused_with_the_reason()
{
    refuses POST "$(host_uri cna1)/action/provewake" '' 'has no BMC' || return
    set_bmc cna1 x || return
    task PUT "$(vm_uri a)" '{"isBindingHost":true}' || return
    refuses POST "$(host_uri cna1)/action/provewake" '' 'VM a cannot leave: bound to its host' || return
    task PUT "$(vm_uri a)" '{"isBindingHost":false}' || return
    [[ $(code POST "$(host_uri cna1)/action/enterMaintenanceMode") == 200 ]] || return
    refuses POST "$(host_uri cna1)/action/provewake" '' 'in maintenance' || return
    [[ $(code POST "$(host_uri cna1)/action/exitMaintenanceMode") == 200 ]]
}

# prove HOST - while it runs: empty, off, on.
prove()
{
    local uri
    uri=$(begin POST "$(host_uri "$1")/action/provewake") || return
    refuses POST "$(host_uri "$1")/action/poweroff" '' 'ProveHostWakeTask' || return
    wait_for 60 "$1 has no power" has_no_power "$1" || return
    state_is "$1" proving || fail "state $(dpm_of "$1" state)" || return
    task_ok "$uri" 120 || return
    host_is "$1" normal && [[ $(dpm_of "$1" wakeProven) == true ]] || fail "$(status)" || return
    all_run_once
}

case_proofs_are_made()
{
    local i
    for ((i = 1; i <= 3; i++)); do set_bmc cna$i "$(<"$LAB_DIR/bmc-password")" || return; done
    prove cna3 && prove cna2 && prove cna1 || return
    alarm_is_not 'Wake-up of the host is not proven' cna3
}

# ---- the night --------------------------------------------------------------------------------

n_asleep() { status | jq '[.hosts[] | select(.state == "asleep")] | length'; }
sleep_at_least() { (($(n_asleep) >= $1)); }
n_asleep_is() { (($(n_asleep) == $1)); }

case_a_night_and_a_morning()
{
    local host
    all_on && spread && set_drs true && set_dpm automatic || return
    set_ha true && wait_for 150 "a host sleeps" sleep_at_least 1 || return
    wait_for 60 "quiet" quiet && sleep 12 || return
    n_asleep_is 1 || fail "HA could bear no failure" || return
    reason_has cna1 'at least 2 hosts must be on' || fail "$(status)" || return
    set_ha false || return
    wait_for 150 "another one sleeps" sleep_at_least 2 || return
    say "night: $(status | jq -r .verdict)"
    for host in $(status | jq -r '.hosts[] | select(.state == "asleep").name'); do
        has_no_power "$host" || fail "$host has power" || return
        [[ $(dpm_of "$host" reason) == sleeps* ]] || fail "$(status)" || return
    done
    all_run_once || return
    status | jq -e '.kWhSaved > 0' >/dev/null || fail "nothing saved: $(status)" || return
    curl -sk "$URL/metrics" | grep -q '^vrm_dpm_hosts_asleep{cluster="[0-9]*"} 2' || fail "metrics" || return
    say "saved $(status | jq .kWhSaved) kWh"

    all_busy 100 || return
    wait_for 90 "a host is woken" awakes || return
    say "morning: $(api GET "$CLUSTER/drsrecommendations/history?limit=1" | jq -r '.recommendations[0] | .type + ": " + .reasonText')"
    wait_for 120 "two hosts are on" two_are_on || return
    wait_for 120 "DRS uses them" hosts_with_vms 2 || return
    all_run_once
}
awakes() { status | jq -e '[.hosts[] | select(.state == "waking")] | length > 0' >/dev/null; }
two_are_on() { status | jq -e '[.hosts[] | select(.state == "on")] | length >= 2' >/dev/null; }
hosts_with_vms() { (($(api GET "$SITE/vms" | jq '[.vms[] | select(.status == "running").hostName] | unique | length') >= $1)); }

case_switched_off_dpm_wakes_what_sleeps()
{
    all_on && set_drs false && set_dpm automatic 5 || return
    wait_for 150 "a host sleeps" sleep_at_least 1 || return
    set_dpm off || return
    wait_for 90 "nobody sleeps" n_asleep_is 0 || return
    wait_for 90 "all are on" all_on
}

# ---- manual -----------------------------------------------------------------------------------

open_power() { api GET "$CLUSTER/drsrecommendations" | jq -r --arg t "$1" '[.recommendations[] | select(.type == $t and .status == "open")][0].uri // empty'; }
has_open() { [[ -n $(open_power "$1") ]]; }

case_a_person_applies_what_is_recommended()
{
    local uri host
    all_on && spread && set_drs false && set_dpm manual 5 || return
    wait_for 90 "a recommendation" has_open powerOff || return
    sleep 5
    n_asleep_is 0 || fail "it was done unasked" || return
    uri=$(open_power powerOff)
    host=$(api GET "$CLUSTER/drsrecommendations" | jq -r '.recommendations[] | select(.type == "powerOff").hostRecommendation.hostName')
    say "$host: $(api GET "$CLUSTER/drsrecommendations" | jq -r '.recommendations[0].reasonText')"
    task POST "$uri/action/apply" || return
    has_no_power "$host" && state_is "$host" asleep || return
    set_dpm manual 2
    all_busy 100
    wait_for 90 "it should wake" has_open powerOn || return
    task POST "$CLUSTER/drsrecommendations/action/apply" '{}' || return
    host_is "$host" normal || return
    api GET "$CLUSTER/drsrecommendations/history?limit=50" |
        jq -e '[.recommendations[].type] | index("powerOnHost") and index("powerOffHost")' >/dev/null || fail "history"
}

# ---- what a person has switched off -----------------------------------------------------------

case_a_host_switched_off_by_hand_stays_off()
{
    local i
    all_on || return
    for i in a b c; do vm_is_on $i cna1 || task_ok "$(migrate $i cna1)" || return; done
    task POST "$(host_uri cna3)/action/poweroff" || return
    set_dpm automatic 5 || return
    wait_for 20 "the reason" reason_has cna3 'by hand' || return
    all_busy 100
    sleep 15
    has_no_power cna3 && state_is cna3 switched-off || fail "$(status)" || return
    set_dpm off
    task POST "$(host_uri cna3)/action/poweron"
}

# ---- a start without room ---------------------------------------------------------------------

case_a_start_without_room_wakes_a_host()
{
    local free answer
    all_on && set_dpm automatic 5 || return
    wait_for 200 "two hosts sleep" sleep_at_least 2 || return
    free=$(api GET "$SITE/hosts" | jq '[.hosts[] | select(.status == "normal").memQuantityMB] | max')
    lab guest big --busy 0 >/dev/null
    task POST "$SITE/vms" "{\"name\":\"big\",\"location\":\"$(urn "$CLUSTER")\",\"autoBoot\":false,\"osOptions\":{\"osType\":\"Linux\"},\"vmConfig\":{\"cpu\":{\"quantity\":1},\"memory\":{\"quantityMB\":$free},\"disks\":[{\"sequenceNum\":1,\"quantityGB\":1,\"datastoreUrn\":\"$(urn "$SITE"):datastores:1\",\"volumeUrl\":\"big.qcow2\"}]}}" || return
    answer=$(api POST "$(vm_uri big)/action/start" | jq -r .errorDes)
    free=$(sed -n 's/.* \([0-9]*\) MiB free.*/\1/p' <<<"$answer")
    [[ -n $free ]] || fail "not refused: $answer" || return
    sleep 5
    sleep_at_least 2 || fail "a host was woken that is no help" || return
    task PUT "$(vm_uri big)" "{\"memory\":{\"quantityMB\":$((free + 128))}}" || return # where nothing runs there is room
    refuses POST "$(vm_uri big)/action/start" '' 'DPM is asked for a host that sleeps' || return
    wait_for 120 "there is room" start_big || return
    task POST "$(vm_uri big)/action/stop" '{"mode":"force"}' && task DELETE "$(vm_uri big)"
}
start_big() { task POST "$(vm_uri big)/action/start" 2>/dev/null; }

# ---- power that fails -------------------------------------------------------------------------

# sleeper - puts one host to sleep and prints it.
sleeper()
{
    all_on >&2 && set_drs false && set_dpm automatic 5 || return
    wait_for 150 "a host sleeps" sleep_at_least 1 || return
    set_dpm manual 1 # nothing more of itself
    sleep 3
    wait_for 60 "quiet" quiet || return
    status | jq -r '[.hosts[] | select(.state == "asleep").name][0]'
}
quiet() { status | jq -e '[.hosts[] | select(.taskUrn)] | length == 0' >/dev/null; }

case_power_troubles_are_told_apart()
{
    local host password
    password=$(<"$LAB_DIR/bmc-password")
    host=$(sleeper) || return
    set_bmc "$host" wrong || return
    set_dpm off # wakes
    wait_for 60 "wrong password" failure_has "$host" "refuses user 'lab'" || return
    wait_for 10 "its alarm" alarm_is 'BMC refuses user or password' "$host" || return
    set_dpm manual 1
    lab bmc "$host" dead
    set_bmc "$host" "$password" || return
    set_dpm off
    wait_for 90 "dead BMC" failure_has "$host" 'does not answer' || return
    wait_for 10 "its alarm" alarm_is 'BMC does not answer' "$host" || return
    lab bmc "$host" ok
    lab bmc "$host" noboot
    wait_for 150 "no host" failure_has "$host" 'has power, but its agent has not answered' || return
    wait_for 10 "its alarm" alarm_is 'Host did not come back after power-on' "$host" || return
    say "$(dpm_of "$host" reason)"
    lab bmc "$host" ok
    wait_for 180 "it is tried again and comes back" state_is "$host" on || return
    wait_for 20 "alarms are over" alarm_is_not 'Host did not come back after power-on' "$host" || return
    alarm_is_not 'BMC does not answer' "$host" && alarm_is_not 'BMC refuses user or password' "$host"
}

# ---- a drain that is given up -----------------------------------------------------------------

case_maintenance_ends_a_drain()
{
    local host uri
    all_on && spread && set_drs false || return
    lab busy c 10 60 60 >/dev/null # takes long to migrate
    uri=$(begin POST "$(host_uri cna3)/action/provewake") || return
    wait_for 10 "it drains" state_is cna3 proving || return
    [[ $(code POST "$(host_uri cna3)/action/enterMaintenanceMode") == 200 ]] || return
    task_failed "$uri" 90 || return
    [[ $(api GET "$uri" | jq -r .reasonDes) == *maintenance* ]] || fail "$(api GET "$uri")" || return
    has_power cna3 || fail "cna3 lost its power" || return
    lab busy c 0 >/dev/null
    [[ $(code POST "$(host_uri cna3)/action/exitMaintenanceMode") == 200 ]]
}

# ---- a controller that dies -------------------------------------------------------------------

# take_over - the active controller is killed, the other one takes over.
active=1
take_over()
{
    local next=$((3 - active))
    vrmd_signal $active 9
    vrmd_start $next
    use $next
    active=$next
    wait_for 20 "controller $next active" is_active && login
}

case_the_controller_dies_in_the_night()
{
    local uri
    all_on && spread && set_drs false || return
    uri=$(begin POST "$(host_uri cna3)/action/provewake") || return
    sleep 1
    take_over || return # while it drains
    wait_for 60 "cna3 has no power" has_no_power cna3 || return
    take_over || return # while it is off, or boots
    task_ok "$uri" 120 || return
    host_is cna3 normal || return
    set_dpm automatic 5 || return
    wait_for 150 "a host drains or sleeps" busy_or_asleep || return
    take_over || return
    wait_for 150 "a host sleeps" sleep_at_least 1 || return
    take_over || return
    wait_for 30 "it sleeps still" sleep_at_least 1 || return
    set_dpm off || return
    wait_for 60 "it is woken" awakes || return
    take_over || return
    all_on && all_run_once
}
busy_or_asleep() { status | jq -e '[.hosts[] | select(.state != "on")] | length > 0' >/dev/null; }

readonly CASES=(
    an_unproven_host_stays_on
    a_proof_is_refused_with_the_reason
    proofs_are_made
    a_night_and_a_morning
    switched_off_dpm_wakes_what_sleeps
    a_person_applies_what_is_recommended
    a_host_switched_off_by_hand_stays_off
    a_start_without_room_wakes_a_host
    power_troubles_are_told_apart
    maintenance_ends_a_drain
    the_controller_dies_in_the_night
)

prepare() { set_ha false && new_vm a cna1 && new_vm b cna2 && new_vm c cna3; }

run_cases 3 prepare "$@"
