#!/bin/bash
# it_resources.sh - devices, racks, network and vCPU limits on real hosts, through the API.
#
# usage: tests/it_resources.sh     (from a build folder; as root)
#
# The GPUs are counted ones without hardware ([devices] simulated).
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-13}
export VRM_LAB_DEVICES="cna1=gpu-sim:2 cna2=gpu-sim:1,mdev-sim:4" VRM_LAB_UPLINK="cna1=1000 cna2=2500"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

# make_vm NAME HOST CONFIG - created there, not started; CONFIG: more of vmConfig.
make_vm()
{
    local image
    image=$(lab guest "$1" --busy 0 --dirty 0) || return
    task POST "$SITE/vms" "{\"name\":\"$1\",\"location\":\"$(urn "$2")\",\"autoBoot\":false,\"osOptions\":{\"osType\":\"Linux\"},\"vmConfig\":{\"cpu\":{\"quantity\":1},\"memory\":{\"quantityMB\":128},\"disks\":[{\"sequenceNum\":1,\"quantityGB\":1,\"datastoreUrn\":\"$(urn "$SITE"):datastores:1\",\"volumeUrl\":\"$(basename "$image")\"}]$3}}"
}

gpu() { echo ",\"gpu\":[{\"name\":\"$1\",\"quantity\":$2}]"; }
start() { begin POST "$(vm_uri "$1")/action/start"; }
used() { api GET "$(host_uri "$1")" | jq -r --arg n "$2" '.devices[] | select(.name == $n) | "\(.used) of \(.quantity)"'; }
set_rack() { task PUT "$(host_uri "$1")" "{\"rack\":\"$2\"}"; }

# start_refused NAME WORD... - at once, or by its task.
start_refused()
{
    local answer
    answer=$(api POST "$(vm_uri "$1")/action/start")
    if jq -e .taskUri <<<"$answer" >/dev/null; then
        task_failed "$(jq -r .taskUri <<<"$answer")" || return
        answer=$(api GET "$(jq -r .taskUri <<<"$answer")")
    fi
    shift
    refused "$answer" "" "$@"
}

case_hosts_tell_devices_and_network()
{
    local got want=$'cna1 1000 2 gpu-sim\ncna2 2500 5 gpu-sim,mdev-sim'
    got=$(api GET "$SITE/hosts" | jq -r '.hosts[] | "\(.name) \(.networkMbps) \(.gpuCapacity) \([.devices[].name] | join(","))"' | sort)
    [[ $got == "$want" ]] || fail "facts: $got"
}

case_device_is_counted_while_its_vm_runs()
{
    make_vm g1 "$CLUSTER" "$(gpu gpu-sim 1)" && task_ok "$(start g1)" || return
    [[ $(vm_field g1 hostName) == cna1 ]] || fail "g1 is not where most GPUs are free" || return
    [[ $(used cna1 gpu-sim) == "1 of 2" ]] || fail "used: $(used cna1 gpu-sim)" || return
    make_vm g2 "$CLUSTER" "$(gpu gpu-sim 2)" || return
    start_refused g2 "needs 2 of gpu-sim, 1 of 2 free" "cna2: needs 2 of gpu-sim, 1 of 1 free"
}

case_vm_with_a_device_does_not_migrate()
{
    refused "$(api POST "$(vm_uri g1)/action/migrate" "{\"location\":\"$(urn "$(host_uri cna2)")\"}")" "" "holds 1 of gpu-sim" "cannot migrate" || return
    refused "$(api PUT "$(vm_uri g1)" '{"gpu":[]}')" "" "only while it is stopped" || return
    runs_once g1
}

case_device_is_free_again()
{
    task POST "$(vm_uri g1)/action/stop" '{"mode":"force"}' || return
    [[ $(used cna1 gpu-sim) == "0 of 2" ]] || fail "used: $(used cna1 gpu-sim)" || return
    task_ok "$(start g2)" && vm_is_on g2 cna1
}

put_rule() { api PUT "$CLUSTER" "{\"drsSetting\":{\"drsRules\":[$1]}}"; }

case_rule_over_racks_bars_the_rack()
{
    local a b
    set_rack cna1 A && set_rack cna2 A && make_vm a "$CLUSTER" "" && make_vm b "$CLUSTER" "" || return
    task_ok "$(start a)" || return
    a=$(urn "$(vm_uri a)") b=$(urn "$(vm_uri b)")
    put_rule "{\"operationType\":2,\"ruleName\":\"ab\",\"ruleType\":2,\"faultDomain\":\"rack\",\"vms\":[{\"urn\":\"$a\"},{\"urn\":\"$b\"}]}" >/dev/null
    [[ $(api GET "$CLUSTER" | jq -r '.drsSetting.drsRules[0].faultDomain') == rack ]] || fail "$(api GET "$CLUSTER")" || return
    start_refused b "keep-apart 'ab' over racks: a is in rack A" || return
    set_rack "$(other_host a)" B && task_ok "$(start b)" && vm_is_on b "$(other_host a)"
}

case_rule_over_racks_is_only_keep_apart()
{
    refused "$(put_rule '{"operationType":2,"ruleName":"x","ruleType":1,"faultDomain":"rack"}')" "" faultDomain "keep-apart"
}

case_vcpus_for_each_thread_are_limited()
{
    local threads
    threads=$(api GET "$(host_uri cna1)" | jq -r .cpuQuantity)
    make_vm wide "$CLUSTER" "" && task PUT "$(vm_uri wide)" "{\"cpu\":{\"quantity\":$threads}}" || return
    api PUT "$CLUSTER" '{"vcpusPerThread":1}' >/dev/null
    start_refused wide "vCPUs on $threads threads, at most $threads" || return
    api PUT "$CLUSTER" '{"vcpusPerThread":0}' >/dev/null
    task_ok "$(start wide)"
}

readonly CASES=(
    hosts_tell_devices_and_network
    device_is_counted_while_its_vm_runs
    vm_with_a_device_does_not_migrate
    device_is_free_again
    rule_over_racks_bars_the_rack
    rule_over_racks_is_only_keep_apart
    vcpus_for_each_thread_are_limited
)

run_cases 2 true "$@"
