#!/bin/bash
# it_explain.sh - explanations, admission and capacity through the API, with real libvirts.
#
# usage: tests/it_explain.sh [CASE...]     (from a build folder; as root)
#
# The oracles are vrm-plan over the cluster's snapshot, and what libvirt really runs.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-12}
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"

PLAN=$BUILD/vrm-plan

explain() { api GET "$(vm_uri "$1")/explain${2:-}"; }
put_ha() { api PUT "$CLUSTER" "{\"isEnableHa\":true,\"haResSetting\":$1}" >/dev/null; }
no_policy() { put_ha '{"isControlPolicy":false}'; }
start() { api POST "$(vm_uri "$1")/action/start"; }
stop() { task POST "$(vm_uri "$1")/action/stop" '{"mode":"force"}'; }

# Memory that is more than half of a host's: two such VMs never fit on one.
half() { api GET "$(host_uri cna1)" | jq '.memQuantityMB * 6 / 10 | floor'; }

# new_big NAME - a stopped VM with HA that takes more than half of a host.
new_big()
{
    new_vm "$1" cna1 && stop "$1" || return
    task PUT "$(vm_uri "$1")" "{\"location\":\"$(urn "$CLUSTER")\",\"memory\":{\"quantityMB\":$(half)},\"properties\":{\"isEnableHa\":true}}"
}

# ---- why ----------------------------------------------------------------------------------------

case_start_is_explained()
{
    local answer
    answer=$(explain a)
    says "$answer" .placed.text "cna1: with it CPU" "rejected: cna2" && says "$answer" .placed.taskUrn :tasks: || return
    says "$answer" .here "cna1: CPU" "nothing forbids it there" || return
    equal "hosts" "$(jq -r '.hosts | map(.name) | sort | join(" ")' <<<"$answer")" "cna1 cna2" || return
    says "$(api GET "$SITE/tasks?limit=20")" '[.tasks[] | select(.type == "StartVmTask")][0].params.why' "with it CPU"
}

case_one_host_is_asked_for()
{
    local answer
    for host in cna2 "$(urn "$(host_uri cna2)")" "$(basename "$(host_uri cna2)")"; do
        answer=$(explain a "?host=$host")
        equal "host" "$(jq -r '.hosts | map(.name) | join(" ")' <<<"$answer")" cna2 || return
        says "$answer" '.hosts[0].text' cna2 "per mille" || return
    done
    refused "$(explain a '?host=cna9')" 10300027 "host = cna9" "want the name or the URN" || return
    refused "$(api GET "$SITE/vms/i-000000FF/explain")" 10300001 "does not exist"
}

case_stopped_vm_tells_where_it_would_start()
{
    local answer
    stop a || return
    answer=$(explain a)
    equal "reason" "$(jq -r .notMoved.reason <<<"$answer")" stopped || return
    equal "would start" "$(jq -r '"\(.start.possible) \(.start.hostName)"' <<<"$answer")" "true cna1" || return
    task POST "$(vm_uri a)/action/start"
}

# A migration by hand, and then the cool-down keeps DRS from touching it.
case_move_and_non_move_are_explained()
{
    api PUT "$CLUSTER" '{"isEnableDrs":true,"drsSetting":{"drsLevel":1}}' >/dev/null
    task_ok "$(migrate a cna2)" || return
    says "$(explain a)" .notMoved.reason cool-down || return
    says "$(explain a)" .notMoved.text "rests for 5 s" || return
    says "$(explain a)" .placed.text "asked for by name" || return
    wait_for 30 "a verdict about a" rested || return
    say "not moved: $(explain a | jq -r .notMoved.text)"
    api PUT "$CLUSTER" '{"isEnableDrs":false}' >/dev/null
    says "$(explain a)" .notMoved.reason drs-off && task_ok "$(migrate a cna1)"
}
rested() { [[ $(explain a | jq -r .notMoved.reason) =~ ^(balanced|no-gain|due|recommended)$ ]]; }

# Read back by another controller: from PostgreSQL.
case_reasons_outlive_the_controller()
{
    local before after
    before=$(explain a | jq -c '[.placed, .notMoved.planVerdict]')
    vrmd_signal 1 9
    vrmd_start 2
    use 2
    wait_for 30 "controller 2 active" is_active && login || return
    wait_for 30 "a runs" vm_is_on a cna1 || return
    after=$(explain a | jq -c '[.placed, .notMoved.planVerdict]')
    equal "reasons" "$after" "$before" && says "$after" '.[0].text' "asked for by name"
}

# ---- may it start ---------------------------------------------------------------------------------

case_start_that_takes_the_reserve_is_refused()
{
    local answer
    new_big big && new_big big2 || return
    put_ha '{"isControlPolicy":true,"controlPolicy":1,"hostsFaultQuantity":1}'
    task POST "$(vm_uri big)/action/start" || return
    answer=$(start big2)
    refused "$answer" 10300016 "big2 cannot start" "died" "MiB" "what would be right" || return
    equal "big2" "$(vm_field big2 status)" stopped || return
    [[ -z $(places "$(basename "$(vm_uri big2)")") ]] || fail "big2 runs" || return
    says "$(explain big2)" .start.text "big2 cannot start" && equal "start" "$(explain big2 | jq .start.possible)" false || return
    says "$(api GET "$SITE/events?name=big2")" '[.items[] | select(.eventName == "VmStartRefused")] | tostring' "start of VM big2 was refused" "HA policy" || return
    says "$(api GET "$CLUSTER/failover")" .policy.text "1 host may die" || return
    no_policy
    task POST "$(vm_uri big2)/action/start" && runs_once big2 || return
    stop big && stop big2
}

# autoboot_vm NAME - half a host's memory, with HA, started after creation.
autoboot_vm()
{
    local image
    image=$(lab guest "$1") || return
    task POST "$SITE/vms" "{\"name\":\"$1\",\"location\":\"$(urn "$CLUSTER")\",\"osOptions\":{\"osType\":\"Linux\"},\"properties\":{\"isEnableHa\":true},\"vmConfig\":{\"cpu\":{\"quantity\":1},\"memory\":{\"quantityMB\":$(half)},\"disks\":[{\"sequenceNum\":1,\"quantityGB\":1,\"datastoreUrn\":\"$(urn "$SITE"):datastores:1\",\"volumeUrl\":\"$(basename "$image")\"}]}}"
}

waits_to_start() { [[ $(vm_field "$1" waitsToStart) == *"HA policy"* ]]; }

refusals_of()
{
    api GET "$SITE/events?name=$1" | jq '[.items[] | select(.eventName == "VmStartRefused")] | length'
}

case_refused_start_after_creation_waits_quietly_until_it_can()
{
    put_ha '{"isControlPolicy":true,"controlPolicy":1,"hostsFaultQuantity":1}'
    task POST "$(vm_uri big)/action/start" && autoboot_vm owed1 && autoboot_vm owed2 || return
    wait_for 20 "owed1 waits" waits_to_start owed1 || return
    wait_for 20 "owed2 waits" waits_to_start owed2 || return
    sleep 5
    equal "events of owed1" "$(refusals_of owed1)" 1 || return
    task PUT "$(vm_uri owed2)" '{"autoBoot":false}' || return
    equal "owed2 waits" "$(vm_field owed2 waitsToStart)" null || return
    no_policy
    wait_for 60 "owed1 runs" vm_is owed1 running || return
    equal "owed2" "$(vm_field owed2 status)" stopped || return
    stop big && stop owed1
}

case_starts_at_once_count_for_each_other()
{
    local name pids=() refused=0
    put_ha '{"isControlPolicy":true,"controlPolicy":1,"hostsFaultQuantity":1}'
    for name in big big2; do
        start "$name" >"$WORK/start-$name" &
        pids+=($!)
    done
    wait "${pids[@]}"
    for name in big big2; do
        [[ $(jq -r '.errorCode // empty' "$WORK/start-$name") != 10300016 ]] || refused=$((refused + 1))
    done
    equal "refused starts" "$refused" 1 || return
    no_policy
    for name in big big2; do
        [[ $(jq -r '.taskUri // empty' "$WORK/start-$name") == "" ]] || { task_ok "$(jq -r .taskUri "$WORK/start-$name")" && stop "$name"; } || return
    done
}

case_share_of_memory_is_kept()
{
    put_ha '{"isControlPolicy":true,"controlPolicy":0,"memoryReservation":50,"cpuReservation":0}'
    task POST "$(vm_uri big)/action/start" || return
    refused "$(start big2)" 10300016 "50 % of memory" "MiB left for them" "stop VMs of" || return
    no_policy
    stop big
}

case_failover_host_stays_empty()
{
    local answer cna2
    cna2=$(urn "$(host_uri cna2)")
    put_ha "{\"isControlPolicy\":true,\"controlPolicy\":2,\"failoverHosts\":[\"$cna2\"]}"
    answer=$(explain a '?host=cna2')
    equal "filter" "$(jq -r '.hosts[0].filter' <<<"$answer")" failover-host || return
    refused "$(api POST "$(vm_uri a)/action/migrate" "{\"location\":\"$cna2\"}")" 10300088 "kept free for fail-over" || return
    task POST "$(vm_uri big)/action/start" && vm_is_on big cna1 || fail "big is on $(vm_field big hostName)" || return
    says "$(api GET "$CLUSTER/failover?host=cna1")" '.hosts[0].vms[] | select(.name == "big") | .hostName' cna2 || return
    no_policy
    stop big
}

# ---- what if, against vrm-plan over the snapshot ----------------------------------------------------

case_snapshot_is_what_vrm_plan_reads()
{
    local file=$WORK/cluster.json size answer
    set_password
    api GET "$CLUSTER/snapshot" >"$file"
    ! grep -q "bmc-secret-1" "$file" || fail "the BMC's password is in the snapshot" || return
    wait_for 60 "vrm-plan decides" plan_decides "$file" || return
    "$PLAN" what-if --snapshot "$file" --add-hosts 1 >"$WORK/whatif.out" || fail "vrm-plan: $(cat "$WORK/whatif.out")" || return
    equal "why not cna2" "$("$PLAN" explain a cna2 --json --snapshot "$file" | jq -r '.hosts[0].host')" cna2 || return
    size="2,$(half)"
    answer=$(api GET "$CLUSTER/capacity?cpu=${size%,*}&memMB=${size#*,}")
    equal "capacity" "$(jq -c '[.now, .secure]' <<<"$answer")" "$("$PLAN" capacity --size "$size" --json --snapshot "$file" | jq -c '[.now, .secure]')" || return
    equal "big ones that fit" "$(jq -c '[.now, .secure]' <<<"$answer")" "[2,1]" || return
    equal "if a host died" "$(api GET "$CLUSTER/failover" | jq -c '[.hosts[] | [.name, .total, .lost]]')" \
        "$("$PLAN" admission --json --snapshot "$file" | jq -c '[.ifHostDied[] | [.host, .vms, .lost]]')"
}
# plan_decides FILE - a fresh snapshot has samples enough for a plan.
plan_decides() { api GET "$CLUSTER/snapshot" >"$1" && "$PLAN" balance --snapshot "$1" >"$WORK/plan.out"; }
set_password() { api PUT "$(host_uri cna1)" '{"bmcIp":"10.0.0.9","bmcUserName":"u","bmcPasswd":"bmc-secret-1"}' >/dev/null; }

# A load as it really was, recorded over a restart of the controller, and played again.
case_load_is_recorded_and_replayed()
{
    local file=$WORK/day ctl=$((${URL##*:} - API_PORT)) answer pid
    VRM_URL=$URL VRM_PASSWORD_FILE=$WORK/password VRM_INSECURE=1 "$TOP/deploy/batch/load-record" --every 2 --for 30 \
        --snapshot "$file.json" c1 >"$file.trace" 2>"$file.log" &
    pid=$!
    wait_for 20 "a line about a" grep -qE '^[0-9]{10} a [0-9]+ [0-9]+ [0-9]+$' "$file.trace" || return
    vrmd_again "$ctl" || return
    wait "$pid" || fail "load-record: $(cat "$file.log")" || return
    answer=$("$PLAN" replay --json -s "$file.json" --trace "$file.trace" --set drs.interval_s=10,drs.window_s=10 \
        --against drs.enabled=1,drs.limen=9 --against dpm.enabled=2,dpm.sleep_window_s=10) || fail "vrm-plan" || return
    says "$answer" '[.columns[].setting] | join("; ")' "nothing done; as set; drs.enabled=1,drs.limen=9; dpm.enabled=2" || return
    jq -e '.columns | all(.kwh > 0 and .hostHours > 0)' <<<"$answer" >/dev/null || fail "$answer" || return
    (($(awk '{ print $1 }' "$file.trace" | sort -u | wc -l) >= 8)) || fail "rounds are missing: $(cat "$file.trace" "$file.log")"
}

# What is foretold happens; a VM that is bound to its host is named before, and stays.
case_maintenance_is_previewed_and_then_done()
{
    local host answer free bound
    host=$(host_uri cna1)
    new_vm b cna1 && new_vm bound cna1 || return
    task PUT "$(vm_uri bound)" '{"isBindingHost":true}' || return
    answer=$(api GET "$host/maintenance/plan")
    free=$(jq -r '[.plan[].vmName] | sort | join(" ")' <<<"$answer")
    bound=$(jq -r '[.violations[].vmName] | join(" ")' <<<"$answer")
    equal "who leaves, who stays" "$free / $bound" "a b / bound" || return
    equal "possible" "$(jq -c '[.possible, .maintaining, .moves, .cannotLeave]' <<<"$answer")" "[false,false,2,1]" || return
    equal "where to" "$(jq -r '[.plan[].destinationHostName] | unique | join(" ")' <<<"$answer")" cna2 || return
    jq -e '.copyMB > 0 and .durationMs > 0 and ([.plan[].copyMB] | add) == .copyMB' <<<"$answer" >/dev/null || fail "sums: $answer" || return
    says "$answer" '.violations[0].text' "bound to" || return
    says "$answer" '.plan[0].reasonText' cna1 && says "$answer" .text "1 cannot: bound" || return
    equal "dry run" "$(api POST "$host/action/enterMaintenanceMode?dryRun=true" | jq -c '[.possible, [.plan[].vmName]]')" "$(jq -c '[.possible, [.plan[].vmName]]' <<<"$answer")" || return
    host_is cna1 normal && vm_is_on a cna1 || fail "the preview changed something" || return
    refused "$(api GET "$SITE/hosts/999/maintenance/plan")" 10200120 "hosts/999 does not exist" || return
    task_failed "$(begin POST "$host/action/enterMaintenanceMode?drain=true")" || return
    vm_is_on a cna2 && vm_is_on b cna2 && vm_is_on bound cna1 || fail "not as foretold: $(api GET "$SITE/vms")" || return
    equal "then" "$(api GET "$host/maintenance/plan" | jq -c '[.possible, .maintaining, .moves]')" "[false,true,0]" || return
    stop bound && task POST "$host/action/MigrateAllVms" || return
    api POST "$host/action/exitMaintenanceMode" >/dev/null
    stop b && task_ok "$(migrate a cna1)"
}

case_bad_sizes_are_refused()
{
    refused "$(api GET "$CLUSTER/capacity")" 10300003 "cpu is missing" || return
    refused "$(api GET "$CLUSTER/capacity?cpu=two&memMB=1")" 10300003 "cpu = two" "1..4096" || return
    refused "$(api GET "$CLUSTER/capacity?cpu=2&memMB=0")" 10300006 "memMB = 0" || return
    refused "$(api GET "$CLUSTER/failover?host=nobody")" 10300027 "host = nobody"
}

readonly CASES=(
    start_is_explained
    one_host_is_asked_for
    stopped_vm_tells_where_it_would_start
    move_and_non_move_are_explained
    reasons_outlive_the_controller
    start_that_takes_the_reserve_is_refused
    refused_start_after_creation_waits_quietly_until_it_can
    starts_at_once_count_for_each_other
    share_of_memory_is_kept
    failover_host_stays_empty
    snapshot_is_what_vrm_plan_reads
    maintenance_is_previewed_and_then_done
    load_is_recorded_and_replayed
    bad_sizes_are_refused
)

prepare() { new_vm a cna1; }

run_cases 2 prepare "$@"
