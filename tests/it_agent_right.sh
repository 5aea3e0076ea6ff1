#!/bin/bash
# it_agent_right.sh - the right to run on two real hosts: vrm-agent, vrm-hald and libvirt, commanded by
# curl; the records are this test's own, in an etcd of its own.
#
# usage: tests/it_agent_right.sh [CASE...]     (from a build folder; as root; all cases by default)
#
# virsh on both hosts says where a VM really runs, etcdctl who has its right.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$PWD}
export VRM_LAB=${VRM_LAB:-9} VRM_LAB_HALD=1
export VRM_AGENT=${VRM_AGENT:-$BUILD/vrm-agent}
export ETCDCTL_API=3
LAB_DIR=/var/tmp/vrm-lab-$VRM_LAB
WORK=/var/tmp/vrm-agent-right-$VRM_LAB
ETCD_DIR=/dev/shm/vrm-agent-right-$VRM_LAB # a renewal waits for its disk
ETCD_URL=http://10.90.$VRM_LAB.1:2379
PREFIX=/vrm
EPOCH=10
GEN=0

# shellcheck source=/dev/null
. "$TOP/tests/system/agent.sh"

# ---- etcd, records ------------------------------------------------------------------------------

etcd_begin()
{
    etcd --name t --data-dir "$ETCD_DIR" --logger zap --log-level error \
        --listen-client-urls "$ETCD_URL" --advertise-client-urls "$ETCD_URL" \
        --listen-peer-urls "http://10.90.$VRM_LAB.1:2380" \
        --initial-advertise-peer-urls "http://10.90.$VRM_LAB.1:2380" \
        --initial-cluster "t=http://10.90.$VRM_LAB.1:2380" >>"$WORK/etcd.log" 2>&1 &
    echo $! >"$WORK/etcd.pid"
    wait_for 20 etcd etcd_answers
}
etcd_answers() { etcdctl --endpoints "$ETCD_URL" endpoint health >/dev/null 2>&1; }
etcd_end()
{
    local pid
    [[ -f $WORK/etcd.pid ]] || return 0
    pid=$(cat "$WORK/etcd.pid")
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    rm -f "$WORK/etcd.pid"
}

kv() { etcdctl --endpoints "$ETCD_URL" "$@"; }
record() { kv get --print-value-only "$PREFIX/ha/$1"; }
version_of() { kv get -w json "$PREFIX/ha/$1" | jq -r '.kvs[0].mod_revision // 0'; }
host_id() { echo "10${1#cna}"; }
inc_of() { record "lease/$(host_id "$1")/1" | jq -r '.inc // ""'; }
has_lease() { [[ -n $(inc_of "$1") ]]; }

# give VM HOST... - the record: the first HOST's, the second one is a migration's target.
give()
{
    local vm=$1 host owners='[]' claimed=false
    shift
    (($# < 2)) || claimed=true
    for host; do
        owners=$(jq -nc --argjson owners "$owners" --argjson host "$(host_id "$host")" \
            --arg inc "$(inc_of "$host")" '$owners + [{host: $host, authority: 1, inc: $inc}]')
    done
    kv put "$PREFIX/ha/vm/$vm" "{\"gen\":$GEN,\"claimed\":$claimed,\"owners\":$owners}" >/dev/null
}
token() { echo "$(version_of "vm/$1") $(record "vm/$1")"; }
with_right() # VM - what a start by right carries more
{
    jq -nc --argjson vm "$(vm_json "$1" "$LAB_DIR/store/vm1.img")" --arg right "$(token "$1")" \
        '{vm: $vm, right: $right}'
}
as_other() # VM - what receive and release carry more
{
    jq -nc --argjson id "$1" --arg right "$(token "$1")" '{vm_id: $id, right: $right}'
}
owners_are() # VM HOST-ID...
{
    local vm=$1
    shift
    [[ $(record "vm/$vm" | jq -r '[.owners[].host] | map(tostring) | join(" ")') == "$*" ]]
}
is_claimed() { [[ $(record "vm/$1" | jq -r .claimed) == true ]]; }
is_free() { ! is_claimed "$1"; }
mark_of() # VM HOST - of its domain
{
    lab exec "$2" virsh dumpxml "$(vm_name "$1")" 2>/dev/null | sed -n 's/.* right="\([a-z]*\)".*/\1/p'
}
exists_on() { lab exec "$2" virsh list --name --all 2>/dev/null | grep -qx "$(vm_name "$1")"; }
exists_nowhere() { ! exists_on "$1" cna1 && ! exists_on "$1" cna2; }

set_ha() # HOST
{
    jq -nc --argjson epoch "$EPOCH" --argjson host "$(host_id "$1")" --arg etcd "$ETCD_URL" \
        --arg prefix "$PREFIX" --arg key "$(printf '%064d' 7)" --arg to "10.91.$VRM_LAB.1:7445" \
        '{v: 4, epoch: $epoch, host: $host, etcd: [$etcd], prefix: $prefix, lease_ms: 12000,
          renew_ms: 1500, kill_ms: 2000, beat_ms: 1000, beat_key: $key, beat_to: [$to],
          peers: []}' |
        call "$1" /v1/ha -o "$WORK/answer" -w '%{http_code}' --data-binary @-
}

stop_any() # VM - and its record is nobody's
{
    local host
    for host in cna1 cna2; do
        exists_on "$1" $host && { run $host stop "$1" "{\"force\":true,\"vm_id\":$1}" || return; }
    done
    wait_for 20 "end of VM $1" exists_nowhere "$1" &&
        kv del "$PREFIX/ha/vm/$1" >/dev/null
}

# begin VM HOST - runs there by a right of its own.
begin()
{
    stop_any "$1" && ((++GEN)) && give "$1" "$2" && run "$2" start "$1" "$(with_right "$1")" &&
        stays_on "$1" "$2"
}

ready() # HOST
{
    wait_for 30 "lease of $1" has_lease "$1"
}

# ---- cases -------------------------------------------------------------------------------------

case_start_and_stop()
{
    begin 1 cna1 || return
    is_claimed 1 && owners_are 1 101 || fail "$(record vm/1)" || return
    [[ $(mark_of 1 cna1) == runs ]] || fail "its mark is \"$(mark_of 1 cna1)\"" || return
    run cna1 stop 1 '{"force":true,"vm_id":1}' || return
    wait_for 20 "right given back" is_free 1 && exists_nowhere 1
}

case_a_setup_is_checked()
{
    local code
    code=$(EPOCH=9 set_ha cna1)
    [[ $code == 409 ]] && grep -q "epoch 9 is over" "$WORK/answer" || fail "$code $(cat "$WORK/answer")" || return
    code=$(echo '{"v":4,"epoch":10}' | call cna1 /v1/ha -o "$WORK/answer" -w '%{http_code}' --data-binary @-)
    [[ $code == 400 ]] && grep -q "host is missing" "$WORK/answer" || fail "$code $(cat "$WORK/answer")" || return
    [[ $(set_ha cna2) == 200 ]] || fail "again: $(cat "$WORK/answer")"
}

case_hello_tells_of_vrm_hald()
{
    watch cna1 || return
    wait_for 10 "hello" was_told cna1 \
        ".kind == \"hello\" and .hello.ha and .hello.ha_address == \"10.91.$VRM_LAB.11\"" || return
    unwatch cna1
}

case_only_the_owner_may_start()
{
    local old
    stop_any 1 && ((++GEN)) && give 1 cna2 || return
    ends cna1 "$(send cna1 start 1 "$(with_right 1)")" failed "the right is not this host's" || return
    give 1 cna1
    old=$(with_right 1)
    ((++GEN))
    give 1 cna1
    ends cna1 "$(send cna1 start 1 "$old")" failed "the right changed meanwhile" || return
    run cna1 start 1 "$(with_right 1)" && stays_on 1 cna1
}

case_what_fails_leaves_nothing()
{
    local more
    stop_any 1 && ((++GEN)) && give 1 cna1 || return
    more=$(with_right 1 | jq -c '.vm.disks[0].path = "/nowhere/x.img"')
    ends cna1 "$(send cna1 start 1 "$more")" failed "/nowhere/x.img" || return
    exists_nowhere 1 && wait_for 20 "right given back" is_free 1
}

case_no_vrm_hald_no_start()
{
    stop_any 1 && ((++GEN)) && give 1 cna1 || return
    lab kill-hald cna1 >/dev/null 2>&1 # back within a second: waited for
    run cna1 start 1 "$(with_right 1)" && stays_on 1 cna1
}

# libvirtd is asked to make the domain, and stands still: vrm-hald holds the start until it does.
begin_held() # HOST JSON - prints the id
{
    local id
    kill_in "$1" STOP vrm-hald
    id=$(send "$1" start 1 "$2")
    sleep 3 # the agent has looked for the VM, on a busy machine too, and waits for vrm-hald
    kill_in "$1" STOP libvirtd
    kill_in "$1" CONT vrm-hald
    wait_for 10 "claim" is_claimed 1 || return
    sleep 0.5 # the request is in libvirtd's socket
    echo "$id"
}

# What libvirtd finds in its sockets when it wakes up makes a halted domain at most.
case_agent_dies_while_libvirtd_stands_still()
{
    local id
    stop_any 1 && ((++GEN)) && give 1 cna1 || return
    id=$(begin_held cna1 "$(with_right 1)") || return
    kill_in cna1 9 vrm-agent
    kill_in cna1 CONT libvirtd
    ends cna1 "$id" "done" && stays_on 1 cna1 || return
    [[ $(mark_of 1 cna1) == runs ]] || fail "its mark is \"$(mark_of 1 cna1)\""
}

case_a_late_start_is_not_let_run()
{
    local id
    stop_any 1 && ((++GEN)) && give 1 cna1 || return
    id=$(begin_held cna1 "$(with_right 1 | jq -c '.deadline_ms = 4000')") || return
    kill_in cna1 9 vrm-agent
    sleep 3 # the command's time is over
    kill_in cna1 CONT libvirtd
    ends cna1 "$id" failed "interrupted" || return
    wait_for 20 "end of the halted domain" exists_nowhere 1 && wait_for 20 "right given back" is_free 1
}

case_qemu_dies_and_keeps_its_right()
{
    begin 1 cna1 && watch cna1 && kill_in cna1 9 qemu-system-x86_64 || return
    wait_for 20 "word of it" was_told cna1 '.kind == "domain" and .domains[0].detail == "crashed"' ||
        fail "$(grep "\"domain\"" "$WORK/watch-cna1" | tail -n 3)" || return
    unwatch cna1
    is_claimed 1 && owners_are 1 101 || fail "$(record vm/1)" || return
    # Its host may start it again.
    run cna1 start 1 "$(with_right 1)" && stays_on 1 cna1
}

case_migrate()
{
    local id
    begin 1 cna1 || return
    ((++GEN))
    give 1 cna1 cna2
    run cna2 receive 1 "$(as_other 1)" || return
    run cna1 migrate 1 "$(migrate_args cna2 0 60000 | jq -c '.vm_id = 1')" || return
    stays_on 1 cna2 && [[ $(mark_of 1 cna2) == runs ]] || return
    wait_for 20 "right of cna2 alone" owners_are 1 102 || fail "$(record vm/1)" || return
    run cna2 stop 1 '{"force":true,"vm_id":1}' && wait_for 20 "right given back" is_free 1
}

case_a_migration_that_is_aborted()
{
    local id
    begin 1 cna1 || return
    ((++GEN))
    give 1 cna1 cna2
    run cna2 receive 1 "$(as_other 1)" || return
    id=$(begin_move cna1 cna2 1 5) || return
    run cna1 abort 1 "{\"abort_id\":\"$id\"}" || return
    ends cna1 "$id" failed "cancelled" || return
    run cna2 release 1 "$(as_other 1)" || return
    owners_are 1 101 && is_claimed 1 || fail "$(record vm/1)" || return
    ends cna1 "$(send cna1 release 1 "$(as_other 1)")" failed "the VM is running on this host" || return
    stays_on 1 cna1
}

case_etcd_is_gone()
{
    begin 1 cna1 && watch cna1 || return
    etcd_end
    wait_for 40 "end of the VM" exists_nowhere 1 || return
    was_told cna1 '.kind == "domain" and .domains[0].state == "absent"' || fail "nobody was told" || return
    ends cna1 "$(GEN=$((GEN + 1)) send cna1 start 1 "$(jq -nc --argjson vm \
        "$(vm_json 1 "$LAB_DIR/store/vm1.img")" '{vm: $vm, right: "1 {\"gen\":1,\"claimed\":false,\"owners\":[]}"}')")" \
        failed "vrm-hald" || return
    unwatch cna1
    etcd_begin && ((++GEN))
    wait_for 40 "lease of the next life" has_lease cna1
}

case_host_stands_still()
{
    begin 1 cna1 || return
    lab pause cna1 >/dev/null 2>&1
    wait_for 40 "watchdog" is_down cna1 || return
    lab heal cna1 >/dev/null 2>&1
    wait_for 60 "cna1" healthy cna1 && exists_nowhere 1 && ready cna1
}
is_down() { lab status 2>/dev/null | grep -qE "^$1 +down"; }

# ---- all together ------------------------------------------------------------------------------

up()
{
    local program
    ((EUID == 0)) || missing "needs root"
    [[ -x $VRM_AGENT ]] || missing "$VRM_AGENT is not built"
    for program in jq curl virsh libvirtd qemu-system-x86_64 tini etcd etcdctl; do
        command -v $program >/dev/null || missing "$program is missing"
    done
    mkdir -p "$WORK"
    rm -rf "$ETCD_DIR"
    lab up 2 >"$WORK/lab.log" 2>&1 || fail "the lab does not start, see $WORK/lab.log" || return
    lab guest vm1 --busy 20 >/dev/null || return
    etcd_begin && wait_for 20 cna1 healthy cna1 && wait_for 20 cna2 healthy cna2 || return
    [[ $(set_ha cna1) == 200 && $(set_ha cna2) == 200 ]] || fail "setup: $(cat "$WORK/answer")" || return
    ready cna1 && ready cna2
}

agent_down() { etcd_end; rm -rf "$ETCD_DIR"; }

agent_main "$@"
