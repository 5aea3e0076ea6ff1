#!/bin/bash
# it_alone.sh - a host dies while no controller lives: its VMs come back, and the controller after.
#
# usage: tests/it_alone.sh [CASE...]     (from a build folder; as root; all cases by default)
#
# Real hosts with vrm-agent and vrm-hald (deploy/lab), an etcd that they reach, vrmd.  The oracle is
# outside of the system: virsh on every host says where a VM really runs, QEMU's own log when it began.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).
export VRM_LAB=${VRM_LAB:-11} VRM_LAB_HALD=1 ETCDCTL_API=3

# shellcheck source=tests/system/oracle.sh
. "$(dirname "$0")/system/oracle.sh"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

# From the host's death to its VMs running again.  The target is 25 s: 10 s until hosts stand in for the
# controllers, or 12 s until the dead host's lease is proved to be over, whichever is later, then the
# election, the rights and QEMU.  16 s were measured here while two processors had work for twelve.  The
# limit leaves 5 s more than the target, for a QEMU without KVM that is late; it is less than a second
# round of any of these waits would take.
readonly TARGET_S=25 LIMIT_S=30

kv() { etcdctl --endpoints "127.0.0.1:$VRM_ETCD_PORT" "$@"; }

eval "$(declare -f cluster_down | sed '1s/cluster_down/plain_down/')"
cluster_down()
{
    local log
    for log in "$LAB_DIR"/hosts/*/{agent,hald}.log; do # of a failure they are kept
        [[ ! -f $log ]] || cp "$log" "$WORK/$(basename "$(dirname "$log")")-$(basename "$log")"
    done
    plain_down
}

# ---- what is seen -------------------------------------------------------------------------------

domain_of() { basename "$(vm_uri "$1")"; }
planned() { kv get --print-value-only --prefix /vrm/plan/host/ | jq -s 'map(.vms[]) | length'; }
is_planned() { (($(planned) == $1)) && [[ $(kv get --print-value-only /vrm/plan/deputies | jq '.hosts | length') == 3 ]]; }
has_targets() { [[ $(kv get --print-value-only --prefix /vrm/plan/host/ | jq -s 'map(.vms[] | select(.to)) | length') == "$1" ]]; }
is_claimed() { [[ $(kv get --print-value-only "/vrm/ha/vm/$1" | jq .claimed) == true ]]; }
runs_somewhere() { [[ -n $(places "$1") ]]; }
all_run() { local domain; for domain; do runs_somewhere "$domain" || return; done; }
no_task_left() { [[ $(api GET "$SITE/tasks" | jq '[.tasks[] | select(.status == "running" or .status == "waiting")] | length') == 0 ]]; }
# began_after SINCE VM... - prints when the last of the VMs began to run, in seconds after SINCE.
began_after()
{
    local since=$1 name uuids=''
    shift
    for name; do
        uuids+=" $(vm_field "$name" uuid)"
    done
    oracle_spans | awk -v since="$since" -v uuids="$uuids" '
    BEGIN { n = split(uuids, list) ; for (i in list) wanted[list[i]] = 1 }
    wanted[$1] && $3 > since && (!($1 in first) || $3 < first[$1]) { first[$1] = $3 }
    END {
        for (uuid in first) { count++; if (first[uuid] > last) last = first[uuid] }
        if (count == n)
            printf "%.1f\n", last - since
    }'
}

# in_time SINCE VM... - they were back within the limit.
in_time()
{
    local took
    took=$(began_after "$@")
    [[ -n $took ]] || fail "QEMU's logs do not say when ${*:2} began" || return
    say "VMs were back after $took s: ${*:2}"
    awk -v took="$took" -v limit="$LIMIT_S" 'BEGIN { exit !(took <= limit) }' ||
        fail "it took $took s, more than $LIMIT_S s" || return
    awk -v took="$took" -v target="$TARGET_S" 'BEGIN { exit !(took <= target) }' ||
        say "more than the target of $TARGET_S s"
}

judge()
{
    local text
    text=$(oracle_judge) || fail "$text" || return
    say "$text"
}

# qemu_of DOMAIN HOST - the process that runs it: another start would be another process.
qemu_of() { lab exec "$2" virsh dumpxml "$1" | sed -n "s/.* id='\([0-9]*\)'.*/\1/p" | head -n 1; }

# tells_of_stand_in HOST VM... - the incident about HOST says what was done without a controller.
tells_of_stand_in()
{
    local incident host=$1 vm
    shift
    incident=$(api GET "$SITE/ha/incidents/latest") || return
    [[ $(jq -r .hostName <<<"$incident") == "$host" && $(jq -r .proof <<<"$incident") == *lease* ]] || return
    for vm; do
        jq -e --arg t "$vm was brought back by cna" 'any(.timeline[]; .text | startswith($t))' <<<"$incident" || return
    done
}

kill_controllers()
{
    local n
    for n in 1 2; do
        ! vrmd_alive $n || vrmd_signal $n KILL
    done
}

# ---- cases --------------------------------------------------------------------------------------

# All at one moment: controllers and the host with two VMs.
case_host_and_controllers_die_together()
{
    local a b t0 host pids
    a=$(domain_of a) b=$(domain_of b)
    wait_for 30 "the plan" is_planned 3 && wait_for 30 "targets" has_targets 3 || return
    is_claimed 1 || fail "a runs without a right" || return
    kill_controllers
    t0=$EPOCHREALTIME
    lab kill cna1 >/dev/null
    wait_for "$LIMIT_S" "both VMs run again" all_run "$a" "$b" || return
    say "a on $(places "$a"), b on $(places "$b")"
    sleep 5
    (($(places "$a" | wc -l) == 1 && $(places "$b" | wc -l) == 1)) || fail "a VM runs twice" || return
    host=$(places "$a")
    pids=$(qemu_of "$a" "$host")
    alone 1 && in_time "$t0" a b || return
    wait_for 20 "the API says where a runs" vm_is_on a "$host" || return
    wait_for 20 "no task is left" no_task_left || return
    runs_once a && runs_once b && runs_once c || return
    equal "a was not started again" "$pids" "$(qemu_of "$a" "$host")" || return
    (($(api GET "$SITE/events" | jq '[.. | strings | select(test("brought back by cna[23] while no controller led"))] | length') > 0)) ||
        fail "no event says who brought the VMs back" || return
    wait_for 20 "an incident with both VMs" tells_of_stand_in cna1 a b || return
    say "$(api GET "$SITE/ha/incidents/latest" | jq -r '.text, (.timeline[] | "  \(.source): \(.text)")')"
    lab heal cna1 >/dev/null
    wait_for 30 "cna1 is back" host_is cna1 normal || return
    sleep 3
    runs_once a && runs_once b || return
    task POST "$(vm_uri a)/action/stop" '{"mode":"force"}' && task POST "$(vm_uri a)/action/start" && runs_once a && judge
}

# The controller is back while the stand-in is at work: one of them brings the VM back, once.
case_host_dies_and_the_stand_in_leads_already()
{
    local c host t0
    alone 1 || return
    c=$(domain_of c)
    host=$(places "$c")
    wait_for 30 "the plan" is_planned 3 && wait_for 30 "targets" has_targets 3 || return
    kill_controllers
    wait_for 30 "a stand-in" kv_has /vrm/recovery || return
    t0=$EPOCHREALTIME
    lab kill "$host" >/dev/null
    wait_for "$LIMIT_S" "c runs again" all_run "$c" || return
    say "c on $(places "$c")"
    alone 1 && in_time "$t0" c || return
    wait_for 20 "the API says where c runs" vm_is_on c "$(places "$c")" || return
    lab heal "$host" >/dev/null
    wait_for 30 "$host is back" host_is "$host" normal || return
    all_run_once && judge
}
kv_has() { [[ -n $(kv get --keys-only "$1") ]]; }

# A stopped VM is nobody's to bring back.
case_a_stopped_vm_stays_down()
{
    local c host
    alone 1 || return
    wait_for 30 "the plan" is_planned 3 || return
    c=$(domain_of c)
    host=$(vm_field c hostName)
    task POST "$(vm_uri c)/action/stop" '{"mode":"force"}' || return
    wait_for 10 "c leaves the plan" is_planned 2 || return
    kill_controllers
    lab kill "$host" >/dev/null
    sleep 30
    [[ -z $(places "$c") ]] || fail "c was started, though it was stopped" || return
    alone 1 || return
    lab heal "$host" >/dev/null
    wait_for 30 "$host is back" host_is "$host" normal || return
    task POST "$(vm_uri c)/action/start" && all_run_once
}

readonly CASES=(
    host_and_controllers_die_together
    host_dies_and_the_stand_in_leads_already
    a_stopped_vm_stays_down
)

prepare() { new_vm a cna1 && new_vm b cna1 && new_vm c cna2; }

oracle_up
run_cases 3 prepare "$@"
