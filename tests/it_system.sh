#!/bin/bash
# it_system.sh - the whole system on real hosts: vrmd, agents, libvirt, PostgreSQL, etcd.
#
# usage: tests/it_system.sh [CASE...]     (from a build folder; as root; all cases by default)
#
# Each case starts from a healthy cluster of three hosts and leaves one.  The oracle is outside of
# the system: virsh on every host says where a VM really runs.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

case_migrate_by_hand()
{
    local uri
    uri=$(migrate a cna2) && task_ok "$uri" && vm_is_on a cna2 && runs_once a || return
    uri=$(migrate a cna1) && task_ok "$uri" && vm_is_on a cna1 && runs_once a || return
    [[ $(code POST "$(vm_uri a)/action/migrate" "{\"location\":\"$(urn "$(host_uri cna1)")\"}") == 400 ]] ||
        fail "a migration to its own host was not refused"
}

case_life_cycle()
{
    local vm
    vm=$(vm_uri a)
    task POST "$vm/action/pause" && vm_is a pause || return
    task POST "$vm/action/resume" && vm_is a running || return
    task POST "$vm/action/reboot" '{"mode":"force"}' && vm_is a running || return
    sleep 8 # the guest must have booted to hear its power button
    task POST "$vm/action/stop" '{"mode":"safe"}' && vm_is a stopped || return
    [[ -z $(places "$(basename "$vm")") ]] || fail "a still runs" || return
    task POST "$vm/action/start" && runs_once a
}

balance() { api GET "$CLUSTER/drsBalance" | jq -r .currentStdev; }
is_balanced() { [[ $(api GET "$CLUSTER/drsBalance" | jq '.decided and .currentStdev < 0.06') == true ]]; }
open_moves() { (($(api GET "$CLUSTER/drsrecommendations" | jq .total) > 0)); }
plan() { api POST "$CLUSTER/drsBalance/action/refresh" >/dev/null && open_moves; }

# Three busy VMs on one host: manual DRS only recommends, automatic DRS moves.
case_balance()
{
    local name
    for name in b1 b2 b3; do
        new_vm $name cna3 22 || return
    done
    api PUT "$CLUSTER" '{"isEnableDrs":true,"drsSetting":{"drsLevel":1,"drsFragmentLimen":[]}}' >/dev/null
    wait_for 60 "a plan" plan || return
    say "before: $(balance); $(api GET "$CLUSTER/drsrecommendations" | jq -r '.recommendations[0].reasonText')"
    vm_is_on b1 cna3 && vm_is_on b2 cna3 && vm_is_on b3 cna3 || fail "manual DRS moved a VM" || return
    api PUT "$CLUSTER" '{"drsSetting":{"drsLevel":3}}' >/dev/null
    wait_for 90 "balance" is_balanced || return
    say "after: $(balance)"
    api PUT "$CLUSTER" '{"isEnableDrs":false}' >/dev/null
    all_run_once
}

host_is_empty() { [[ -z $(lab exec "$1" virsh list --name | tr -d '\n') ]]; }

case_drain()
{
    local host
    host=$(host_uri cna1)
    [[ $(code POST "$host/action/MigrateAllVms") == 400 ]] || fail "drained without maintenance" || return
    [[ $(code POST "$host/action/enterMaintenanceMode") == 200 ]] || return
    task POST "$host/action/MigrateAllVms" || return
    host_is_empty cna1 || fail "cna1 is not empty" || return
    all_run_once || return
    [[ $(code POST "$host/action/exitMaintenanceMode") == 200 ]]
}

case_target_dies_half_way()
{
    local uri from to name
    from=$(vm_field c hostName)
    to=$(other_host c)
    uri=$(slow_migration c "$to") || return
    wait_for 20 "progress" has_progress "$uri" || return
    lab kill "$to" >/dev/null
    task_failed "$uri" 60 || return
    say "reason: $(api GET "$uri" | jq -r .reasonDes)"
    wait_for 10 "c runs where it was" vm_is_on c "$from" && runs_once c || return
    lab heal "$to" >/dev/null
    wait_for 30 "$to is back" host_is "$to" normal || return
    lab busy c 5 0 >/dev/null
    # what ran on the dead host is stopped, and starts again
    for name in $(api GET "$SITE/vms" | jq -r '.vms[] | select(.status == "stopped").name'); do
        task POST "$(vm_uri "$name")/action/start" || return
    done
}

# The host that runs the VM dies while it sends it away: nobody may start it elsewhere blindly.
case_source_dies_half_way()
{
    local uri from name
    from=$(vm_field c hostName)
    uri=$(slow_migration c "$(other_host c)") || return
    wait_for 20 "progress" has_progress "$uri" || return
    lab kill "$from" >/dev/null
    task_failed "$uri" 60 || return
    say "reason: $(api GET "$uri" | jq -r .reasonDes)"
    vm_is c unknown || fail "c is called $(vm_field c status)" || return
    [[ $(code POST "$(vm_uri c)/action/start") == 400 ]] || fail "c could be started while its host is silent" || return
    lab heal "$from" >/dev/null
    wait_for 30 "$from is back" host_is "$from" normal || return
    wait_for 20 "c is known to be stopped" vm_is c stopped || return
    lab busy c 5 0 >/dev/null
    for name in $(api GET "$SITE/vms" | jq -r '.vms[] | select(.status == "stopped").name'); do
        task POST "$(vm_uri "$name")/action/start" || return
    done
    all_run_once
}

case_target_is_full()
{
    local answer
    task POST "$(vm_uri a)/action/stop" '{"mode":"force"}' || return
    task PUT "$(vm_uri a)" '{"memory":{"quantityMB":4000000}}' || return
    answer=$(api POST "$(vm_uri a)/action/start")
    jq -e '.errorDes | test("MB|MiB|memory")' <<<"$answer" >/dev/null || fail "a start beyond all memory said: $answer" || return
    task PUT "$(vm_uri a)" '{"memory":{"quantityMB":128}}' && task POST "$(vm_uri a)/action/start"
}

case_cancel_migration()
{
    local uri from
    from=$(vm_field c hostName)
    uri=$(slow_migration c "$(other_host c)") || return
    wait_for 20 "progress" has_progress "$uri" || return
    [[ $(code POST "$uri/cancel") == 200 ]] || fail "cancel was refused" || return
    task_failed "$uri" 30 || return
    wait_for 10 "c runs where it was" vm_is_on c "$from" && runs_once c
    lab busy c 5 0 >/dev/null
}

# crash HOST PROGRAM - kill -9 inside the host.
crash()
{
    local pid
    pid=$(lab exec "$1" pidof "$2") && lab exec "$1" kill -9 "$pid"
}

case_agent_dies_half_way()
{
    local uri from
    from=$(vm_field c hostName)
    uri=$(slow_migration c "$(other_host c)") || return
    wait_for 20 "progress" has_progress "$uri" || return
    crash "$from" vrm-agent
    wait_for 60 "the task's end" task_is_over "$uri" || return
    say "task: $(api GET "$uri" | jq -c '[.status,.reasonDes]')"
    lab busy c 5 0 >/dev/null
    wait_for 30 "$from is back" host_is "$from" normal || return
    wait_for 20 "c is running" vm_is c running && runs_once c
}

case_daemons_restart()
{
    local before after
    before=$(lab exec cna1 pidof qemu-system-x86_64 | wc -w)
    crash cna1 libvirtd
    crash cna1 vrm-agent
    sleep 2
    wait_for 30 "cna1 is back" host_is cna1 normal || return
    after=$(lab exec cna1 pidof qemu-system-x86_64 | wc -w)
    [[ $before == "$after" ]] || fail "$before guests before, $after after" || return
    all_run_once
}

case_controller_dies_half_way()
{
    local uri
    alone 1 || return
    uri=$(slow_migration c "$(other_host c)") || return
    vrmd_start 2
    wait_for 20 "progress" has_progress "$uri" || return
    vrmd_signal 1 9
    use 2
    wait_for 15 "controller 2 active" is_active && login || return
    task_ok "$uri" 90 && all_run_once || return
    vrmd_start 1
    lab busy c 5 0 >/dev/null
}

# The active controller stands still for 30 s with writes waiting in it.
case_deposed_controller()
{
    local i active=2 other=1
    use 2
    is_active || { active=1 other=2; }
    vrmd_alive $other || vrmd_start $other
    use $active && login || return
    vrmd_signal $active STOP
    for i in 1 2 3; do
        curl -sk -m 60 -X POST "$URL$SITE/clusters" -H "X-Auth-Token: $TOKEN" -d "{\"name\":\"late$i\"}" >"$WORK/late$i" &
    done
    use $other
    wait_for 15 "the other takes over" is_active && login || return
    task POST "$(vm_uri a)/action/stop" '{"mode":"force"}' && task POST "$(vm_uri a)/action/start" || return
    sleep 27
    vrmd_signal $active CONT
    wait
    sleep 6 # longer than the alarm by which a hung process would end
    [[ $(api GET "$SITE/clusters" | jq '.clusters | length') == 1 ]] || fail "a late write came through" || return
    use $active
    [[ $(curl -sk -o /dev/null -w '%{http_code}' "$URL/healthz") == 200 ]] && ! is_active || fail "the deposed one is not a standby" || return
    use $other
    all_run_once
}

database_is() { [[ $(curl -sk "$URL/healthz" | jq .database) == "$1" ]]; }

case_database_dies()
{
    local uri made
    made=$(api POST "$SITE/clusters" '{"name":"kept"}' | jq -r .uri)
    uri=$(slow_migration c "$(other_host c)") || return
    "$TOP/deploy/services" kill pg >/dev/null
    wait_for 20 "vrmd sees it" database_is false || return
    [[ $(code GET "$SITE/vms") == 200 ]] || fail "reads do not work without the database" || return
    [[ $(code POST "$SITE/clusters" '{"name":"refused"}') == 503 ]] || fail "a write was not refused" || return
    sleep 5
    "$TOP/deploy/services" restart pg >/dev/null
    wait_for 20 "vrmd sees the database again" database_is true || return
    task_ok "$uri" 90 || return
    [[ $(code GET "$made") == 200 ]] || fail "an acknowledged write is lost" || return
    [[ $(code DELETE "$made") == 200 ]] || return
    lab busy c 5 0 >/dev/null
    all_run_once
}

# power_fails HOST VERB WORDS - the task fails, and its reason says these words.
power_fails()
{
    local uri
    uri=$(begin POST "$(host_uri "$1")/action/$2") && task_failed "$uri" 60 || return
    say "$2 of $1: $(api GET "$uri" | jq -r .reasonDes)"
    [[ $(api GET "$uri" | jq -r .reasonDes) == *"$3"* ]] || fail "not the reason: $3"
}

# gather HOST - every VM runs there afterwards, wherever the cases before have left them.
gather()
{
    local name uri
    for name in $(api GET "$SITE/vms" | jq -r --arg h "$1" '.vms[] | select(.status == "running" and .hostName != $h).name'); do
        uri=$(migrate "$name" "$1") && task_ok "$uri" || return
    done
}

case_power()
{
    local uri password
    gather cna1 || return
    password=$(<"$LAB_DIR/bmc-password")
    uri=$(host_uri cna3)
    refuses POST "$uri/action/poweroff" '' 'has no BMC' || return
    set_bmc cna1 "$password" && set_bmc cna3 "wrong" || return
    [[ $(api GET "$uri") != *wrong* ]] || fail "the password is shown" || return
    refuses POST "$(host_uri cna1)/action/poweroff" '' 'move it away or stop it first' || return
    refuses POST "$uri/action/poweroff" '{"mode":"gently"}' 'safe' || return
    power_fails cna3 poweroff "refuses user 'lab'" && host_is cna3 normal || return
    set_bmc cna3 "$password" || return
    lab bmc cna3 dead
    power_fails cna3 poweroff 'does not answer' && host_is cna3 normal || return
    lab bmc cna3 ok
    refuses POST "$uri/action/poweron" '' 'on already' || return

    # a guest made by hand, past the controller
    echo "<domain type='qemu'><name>stray</name><memory>65536</memory><os><type>hvm</type></os></domain>" >"$WORK/stray.xml"
    lab exec cna3 virsh create "$WORK/stray.xml" >/dev/null || return
    sleep 2
    power_fails cna3 poweroff 'did not place there' && host_is cna3 normal || return
    lab exec cna3 virsh destroy stray >/dev/null

    task POST "$uri/action/poweroff" && host_is cna3 poweroff || return
    [[ $(lab status | awk '$1 == "cna3" { print $2 }') == down ]] || fail "cna3 has power" || return
    refuses POST "$uri/action/poweroff" '' 'is off already' || return
    refuses POST "$(vm_uri a)/action/migrate" "{\"location\":\"$(urn "$uri")\"}" 'cna3' || return
    task POST "$uri/action/poweron" && host_is cna3 normal || return
    uri=$(migrate a cna3) && task_ok "$uri" && runs_once a || return
    uri=$(migrate a cna1) && task_ok "$uri"
}

case_host_does_not_come_back()
{
    local uri
    gather cna1 || return
    uri=$(host_uri cna3)
    set_bmc cna3 "$(<"$LAB_DIR/bmc-password")" || return
    lab bmc cna3 noboot
    task POST "$uri/action/poweroff" && host_is cna3 poweroff || return
    power_fails cna3 poweron 'has power, but its agent has not answered' && host_is cna3 unknow || return
    lab bmc cna3 ok
    task POST "$uri/action/poweroff" && host_is cna3 poweroff || return
    task POST "$uri/action/poweron" && host_is cna3 normal
}

# The controller is killed while a host wakes; another one sees it through.
case_controller_dies_while_a_host_wakes()
{
    local uri host
    alone 1 && gather cna1 || return
    host=$(host_uri cna3)
    set_bmc cna3 "$(<"$LAB_DIR/bmc-password")" || return
    task POST "$host/action/poweroff" || return
    vrmd_signal 1 9
    vrmd_start 2
    use 2
    wait_for 15 "controller 2 active" is_active && login || return
    wait_for 15 "cna3 is off" host_is cna3 poweroff || return
    uri=$(begin POST "$host/action/poweron") || return
    wait_for 5 "cna3 boots" host_is cna3 booting || return
    vrmd_signal 2 9
    vrmd_start 1
    use 1
    wait_for 15 "controller 1 active" is_active && login || return
    task_ok "$uri" && host_is cna3 normal
}

readonly CASES=(
    migrate_by_hand
    life_cycle
    balance
    drain
    target_dies_half_way
    source_dies_half_way
    target_is_full
    cancel_migration
    agent_dies_half_way
    daemons_restart
    controller_dies_half_way
    deposed_controller
    database_dies
    power
    host_does_not_come_back
    controller_dies_while_a_host_wakes
)

prepare() { new_vm a cna1 && new_vm c cna1 5; }

run_cases 3 prepare "$@"
