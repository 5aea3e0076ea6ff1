#!/bin/bash
# it_agent.sh - vrm-agent on two real hosts, driven by curl with the controller's certificate.
#
# usage: tests/it_agent.sh [CASE...]     (from a build folder; as root; all cases by default)
#
# virsh on both hosts says where a VM really runs.
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$PWD}
export VRM_LAB=${VRM_LAB:-11}
export VRM_AGENT=${VRM_AGENT:-$BUILD/vrm-agent}
LAB_DIR=/var/tmp/vrm-lab-$VRM_LAB
WORK=/var/tmp/vrm-agent-test-$VRM_LAB
export EPOCH=10 GEN=0

# shellcheck source=/dev/null
. "$TOP/tests/system/agent.sh"

# ---- cases ------------------------------------------------------------------------------------

case_nobody_without_a_certificate()
{
    ! curl -sS -m 5 --noproxy '*' --cacert "$LAB_DIR/certs/ca.pem" "https://$(address cna1):7444/v1/health" \
        >"$WORK/answer" 2>&1 || fail "served without a certificate: $(cat "$WORK/answer")"
}

case_a_host_commands_no_other_host()
{
    local code
    code=$(curl -sS -m 5 --noproxy '*' -o "$WORK/answer" -w '%{http_code}' --cacert "$LAB_DIR/certs/ca.pem" \
        --cert "$LAB_DIR/certs/cna2/client-cert.pem" --key "$LAB_DIR/certs/cna2/client-key.pem" \
        "https://$(address cna1):7444/v1/health")
    [[ $code == 403 ]] || fail "cna2's certificate got $code from cna1: $(cat "$WORK/answer")"
}

case_volumes()
{
    local file=$LAB_DIR/store/new.img vm
    vm="{\"vm\":$(vm_json 9 "$file")}"
    run cna1 define 9 "$vm" && (($(stat -c %b "$file") >= 2097152)) || fail "not thick: $(stat "$file")" || return
    run cna1 undefine 9 "$vm" || return
    vm="{\"vm\":$(vm_json 9 "$file" thin)}"
    run cna1 define 9 "$vm" && [[ $(stat -c '%s %b' "$file") == "1073741824 0" ]] || fail "$(stat "$file")" || return
    run cna1 define 9 "$vm" && run cna1 undefine 9 "$vm" || return
    [[ ! -e $file ]] || fail "$file is still there"
}

case_life_cycle()
{
    ensure_running 1 cna1 && watch cna1 || return
    wait_for 30 "a sample of the busy guest" was_told cna1 \
        '.kind == "stats" and (.stats | any(.cpu_mhz > 100 and .mem_mb > 50))' || return
    wait_for 10 "a sample of the host" was_told cna1 '.kind == "stats" and .host.cpu_mhz > 100' || return
    run cna1 pause 1 && wait_for 20 "paused" was_told cna1 '.kind == "domain" and .domains[0].state == "paused"' || return
    # A guest that still boots does not hear its power button, which is pressed again.
    run cna1 resume 1 && run cna1 reboot 1 '{"force":true}' || return
    run cna1 stop 1 '{"force":false}' && nowhere 1 || fail "it still runs" || return
    wait_for 20 "absent" was_told cna1 '.kind == "domain" and .domains[0].state == "absent" and .domains[0].detail == "shut down"' || return
    unwatch cna1
}

case_refusals()
{
    local id
    ensure_running 1 cna1 || return
    send cna1 start 1 "{\"gen\":$((GEN - 1)),\"vm\":$(vm_json 1 /x/y)}" >/dev/null
    grep -q '"conflict".*is over' "$WORK/answer" || fail "an old generation: $(cat "$WORK/answer")" || return
    send cna1 stop 1 '{"epoch":9}' >/dev/null
    grep -q '"denied".*epoch 9 is over' "$WORK/answer" || fail "an old epoch: $(cat "$WORK/answer")" || return
    id=$(send cna1 undefine 1 "{\"vm\":$(vm_json 1 "$LAB_DIR/store/vm1.img")}")
    ends cna1 "$id" failed "its volumes stay" && only_on 1 cna1
}

case_migrate()
{
    local id
    ensure_running 1 cna1 && watch cna1 && watch cna2 || return
    ((++GEN))
    id=$(begin_move cna1 cna2 1 20) && wait_for 60 end has_ended cna1 "$id" || return
    state_of cna1 "$id" | jq -e '.state == "done" and .downtime_ms > 0 and .transferred_mb > 10' >/dev/null ||
        fail "$(state_of cna1 "$id")" || return
    stays_on 1 cna2 || return
    wait_for 20 "farewell" was_told cna1 '.kind == "domain" and .domains[0].detail == "migrated"' || return
    wait_for 20 "arrival" was_told cna2 \
        ".kind == \"domain\" and .domains[0].state == \"running\" and .domains[0].gen == $GEN" || return
    was_told cna1 '.kind == "command" and .commands[0].progress > 0 and .commands[0].progress < 100' ||
        fail "no progress was told" || return
    unwatch cna1
    unwatch cna2
}

case_limits_of_a_migration()
{
    local id other
    ensure_running 1 cna1 || return
    ((++GEN))
    id=$(send cna1 migrate 1 "$(migrate_args cna2 5 3000)")
    ends cna1 "$id" failed "not done within 3 s" && only_on 1 cna1 || return
    id=$(begin_move cna1 cna2 1) && other=$(send cna1 abort 1 "{\"abort_id\":\"$id\"}") || return
    ends cna1 "$id" failed cancelled && ends cna1 "$other" "done" && stays_on 1 cna1 || return
    id=$(send cna1 migrate 1 "$(migrate_args cna9 0 60000)")
    ends cna1 "$id" failed "libvirtd's port" && only_on 1 cna1
}

case_agent_killed_in_a_migration()
{
    local id
    ensure_running 1 cna1 || return
    ((++GEN))
    id=$(begin_move cna1 cna2 1 15) && kill_in cna1 9 vrm-agent && ends cna1 "$id" "done" && stays_on 1 cna2
}

case_agent_ended_in_a_migration()
{
    local id began
    ensure_running 1 cna1 || return
    ((++GEN))
    id=$(begin_move cna1 cna2 1 15) && began=$SECONDS && kill_in cna1 TERM vrm-agent || return
    wait_for 30 "new agent" state_of cna1 "$id" >/dev/null || return
    ((SECONDS - began <= 30)) || fail "SIGTERM took too long" || return # 3 s, and the start of the next
    ends cna1 "$id" "done" && stays_on 1 cna2
}

case_libvirtd_killed_in_a_migration()
{
    local id host
    for host in cna1 cna2; do
        ensure_running 1 cna1 || return
        ((++GEN))
        id=$(begin_move cna1 cna2 1) && kill_in $host 9 libvirtd || return
        ends cna1 "$id" failed "" && stays_on 1 cna1 || fail "when libvirtd of $host died" || return
    done
}

case_target_dies_in_a_migration()
{
    local id
    ensure_running 1 cna1 || return
    ((++GEN))
    id=$(begin_move cna1 cna2 1) && lab kill cna2 >/dev/null 2>&1 || return
    ends cna1 "$id" failed "connection to its libvirtd broke" || return
    lab heal cna2 >/dev/null 2>&1
    stays_on 1 cna1
}

case_qemu_dies_at_the_source()
{
    local id
    ensure_running 1 cna1 || return
    ((++GEN))
    id=$(begin_move cna1 cna2 1) && kill_in cna1 9 qemu-system-x86_64 || return
    ends cna1 "$id" failed "the VM ended during its migration" && nowhere 1
}

# No event tells of it, only a new list does; unless libvirtd was so quick that it noticed the end itself.
case_qemu_dies_while_libvirtd_is_down()
{
    ensure_running 1 cna1 && watch cna1 || return
    kill_in cna1 STOP qemu-system-x86_64 && kill_in cna1 9 libvirtd && kill_in cna1 9 qemu-system-x86_64 || return
    wait_for 60 "word that it is gone" was_told cna1 '(.kind == "full" and .hypervisor_ok and .domains == []) or (.kind == "domain" and .domains[0].state == "absent")' || return
    unwatch cna1
}

case_vms_outlive_everything()
{
    local before
    ensure_running 1 cna1 || return
    before=$(lab exec cna1 pidof qemu-system-x86_64)
    kill_in cna1 9 vrm-agent && kill_in cna1 9 libvirtd || return
    wait_for 20 "agent and libvirtd" healthy cna1 || return
    [[ $(lab exec cna1 pidof qemu-system-x86_64) == "$before" ]] || fail "the VM was touched"
}

case_libvirtd_stands_still()
{
    ensure_running 1 cna1 && watch cna1 || return
    kill_in cna1 STOP libvirtd
    wait_for 20 "word of it" was_told cna1 '.kind == "beat" and (.hypervisor_ok | not)' || return
    kill_in cna1 CONT libvirtd
    wait_for 20 "recovery" healthy cna1 || return
    unwatch cna1
    only_on 1 cna1
}

case_reload()
{
    kill_in cna1 HUP vrm-agent && wait_for 20 "answer after SIGHUP" healthy cna1 &&
        grep -q "certificates and log level reloaded" "$LAB_DIR/hosts/cna1/agent.log"
}

# ---- all together ------------------------------------------------------------------------------

up()
{
    local program
    ((EUID == 0)) || missing "needs root"
    [[ -x $VRM_AGENT ]] || missing "$VRM_AGENT is not built"
    for program in jq curl virsh libvirtd qemu-system-x86_64 tini; do
        command -v $program >/dev/null || missing "$program is missing"
    done
    mkdir -p "$WORK"
    lab up 2 >"$WORK/lab.log" 2>&1 || fail "the lab does not start, see $WORK/lab.log" || return
    lab guest vm1 --busy 40 >/dev/null || return
    wait_for 20 cna1 healthy cna1 && wait_for 20 cna2 healthy cna2
}

agent_main "$@"
