#!/bin/bash
# it_imc.sh - one CPU baseline over hosts of different generations, with real libvirts.
#
# usage: tests/it_imc.sh     (from a build folder; as root)
#
# QEMU presents up to Westmere here; cna2 is limited to Nehalem, cna3 to Penryn.  The oracle is what
# libvirt says a running guest sees.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-13} VRM_LAB_CPU="cna2=Nehalem cna3=Penryn"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

# cpu_of NAME HOST - the CPU model that the guest of the VM sees there.
cpu_of()
{
    lab exec "$2" virsh dumpxml "$(basename "$(vm_uri "$1")")" |
        sed -n "/<cpu .*check='full'/,/<\/cpu>/s/.*<model[^>]*>\(.*\)<\/model>.*/\1/p"
}

put_imc() { api PUT "$CLUSTER" "{\"isEnableImc\":true,\"imcSetting\":\"$1\"}"; }
check() { api GET "$CLUSTER/imc/check?imcSetting=$1"; }
imc_is() { [[ $(api GET "$CLUSTER" | jq -r '"\(.isEnableImc) \(.imcSetting)"') == "true $1" ]]; }

case_hosts_tell_their_generation()
{
    local want=$'cna1 Westmere\ncna2 Nehalem' got
    got=$(api GET "$SITE/hosts" | jq -r '.hosts[] | "\(.name) \(.maxImcSetting)"' | sort)
    [[ $got == "$want" ]] || fail "generations: $got"
}

case_baseline_too_high_is_refused()
{
    [[ $(check Westmere | jq -c '[.possible, .change, (.hosts[] | select(.fits | not) | .name, .missingFeatures)]') == '[false,"on","cna2",["aes"]]' ]] || fail "$(check Westmere)" || return
    refused "$(put_imc Westmere)" 10300605 cna2 aes Nehalem || return
    imc_is Westmere && fail "it was set nevertheless"
    put_imc Nehalem >/dev/null && imc_is Nehalem
}

case_host_that_lacks_features_cannot_join()
{
    local uri
    uri=$(begin POST "$SITE/hosts" "{\"name\":\"cna3\",\"ip\":\"10.90.$VRM_LAB.13\",\"clusterUrn\":\"$(urn "$CLUSTER")\"}") || return
    task_failed "$uri" || return
    refused "$(api GET "$uri")" 10300610 "popcnt, sse4.2" "Three ways out: set imcSetting to Penryn" "leave the host out" "switch IMC off" || return
    [[ $(api GET "$SITE/events?limit=1" | jq -r '.items[0].eventName') == HostJoinFailed ]] || fail "event: $(api GET "$SITE/events?limit=1")" || return
    [[ -z $(host_uri cna3) ]] || fail "cna3 stayed"
}

# A real migration with a named model: libvirt itself compares what the guest sees with the target.
case_vm_starts_with_the_baseline_and_moves()
{
    new_vm a cna1 && [[ $(cpu_of a cna1) == Nehalem ]] || fail "a sees $(cpu_of a cna1)" || return
    task_ok "$(migrate a cna2)" && vm_is_on a cna2 && runs_once a || return
    [[ $(cpu_of a cna2) == Nehalem ]] || fail "a sees $(cpu_of a cna2) after it moved" || return
    task_ok "$(migrate a cna1)" && vm_is_on a cna1 && [[ $(vm_field a imcSetting) == Nehalem ]]
}

case_baseline_below_a_running_vm_is_refused()
{
    [[ $(check Penryn | jq -r '.possible, .vms[0].verdict' | xargs) == "false hides" ]] || fail "$(check Penryn)" || return
    [[ $(check Penryn | jq -c '[.currentImcSetting, .change, .vms[0].powerCycle, .vms[0].features]') == '["Nehalem","lower","before",["popcnt","sse4.2"]]' ]] || fail "$(check Penryn)" || return
    refused "$(put_imc Penryn)" 10300612 "a (sees" popcnt
}

# The plan's own steps: stop what is named, lower, start; then up again, and a power cycle when it suits.
case_baseline_is_lowered_by_its_plan()
{
    task POST "$(vm_uri a)/action/stop" '{"mode":"force"}' || return
    [[ $(check Penryn | jq -c '[.possible, .change]') == '[true,"lower"]' ]] || fail "$(check Penryn)" || return
    put_imc Penryn >/dev/null && imc_is Penryn || return
    task POST "$(vm_uri a)/action/start" || return
    [[ $(cpu_of a "$(vm_field a hostName)") == Penryn ]] || fail "a did not get the lower baseline" || return
    [[ $(check Nehalem | jq -c '[.possible, .change, .vms[0].powerCycle]') == '[true,"raise","after"]' ]] || fail "$(check Nehalem)" || return
    put_imc Nehalem >/dev/null && imc_is Nehalem || return
    task POST "$(vm_uri a)/action/stop" '{"mode":"force"}' && task POST "$(vm_uri a)/action/start" || return
    [[ $(vm_field a hostName) == cna1 ]] || task_ok "$(migrate a cna1)"
}

# limit HOST MODE - the host presents that generation from now on.
limit()
{
    lab exec "$1" sed -i "s/^cpu_limit=.*/cpu_limit=$2/" "$LAB_DIR/hosts/$1/vrm-agent.conf" || return
    lab exec "$1" pkill -x vrm-agent
    wait_for 30 "$1 presents $3" presents "$1" "$3"
    wait_for 30 "$1 is normal" host_is "$1" normal
}
presents() { [[ $(api GET "$(host_uri "$1")" | jq -r .maxImcSetting) == "$2" ]]; }

case_baseline_is_raised()
{
    limit cna2 "" Westmere || return
    say "$(check Westmere | jq -r .text)"
    [[ $(check Westmere | jq -r '.possible, .vms[0].verdict' | xargs) == "true gains" ]] || fail "$(check Westmere)" || return
    put_imc Westmere >/dev/null && imc_is Westmere || return
    [[ $(cpu_of a cna1) == Nehalem ]] || fail "a running guest changed its CPU" || return
    task POST "$(vm_uri a)/action/stop" '{"mode":"force"}' && task POST "$(vm_uri a)/action/start" || return
    [[ $(cpu_of a "$(vm_field a hostName)") == Westmere ]] || fail "a did not get the new baseline"
}

# Emulation would take it: the check of the controller is what keeps the guest from losing features.
case_vm_does_not_move_below_what_it_sees()
{
    local other
    other=$(other_host a)
    limit "$other" Nehalem Nehalem || return
    refused "$(api POST "$(vm_uri a)/action/migrate" "{\"location\":\"$(urn "$(host_uri "$other")")\"}")" 10300088 aes || return
    runs_once a
}

readonly CASES=(
    hosts_tell_their_generation
    baseline_too_high_is_refused
    host_that_lacks_features_cannot_join
    vm_starts_with_the_baseline_and_moves
    baseline_below_a_running_vm_is_refused
    baseline_is_lowered_by_its_plan
    baseline_is_raised
    vm_does_not_move_below_what_it_sees
)

prepare() { "$TOP/deploy/lab" up 3 >>"$WORK/lab.log" 2>&1; }

run_cases 2 prepare "$@"
