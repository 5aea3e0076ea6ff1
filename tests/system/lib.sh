# shellcheck shell=bash
# lib.sh - a real cluster for the system tests: PostgreSQL, etcd, lab hosts, one or two vrmd.
#
# Sourced by tests/it_system.sh.  Everything lives in $WORK and in lab number $VRM_LAB, has its own
# ports, and is gone after cluster_down, whatever happened.

set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$PWD}
export VRM_LAB=${VRM_LAB:-12}
WORK=${VRM_SYSTEM_DIR:-/var/tmp/vrm-system-$VRM_LAB}
export VRM_SERVICES_DIR=$WORK/services
export VRM_PG_PORT=${VRM_PG_PORT:-$((27000 + VRM_LAB * 10))} VRM_ETCD_PORT=${VRM_ETCD_PORT:-$((27000 + VRM_LAB * 10 + 2))}
export VRM_AGENT=$BUILD/vrm-agent
LAB_DIR=/var/tmp/vrm-lab-$VRM_LAB
API_PORT=$((27000 + VRM_LAB * 10 + 5))
# Most tests are about other things than HA.  With vrm-hald on the hosts (VRM_LAB_HALD=1) they must
# reach etcd, and vrmd must hear them.
export VRM_LAB_HALD=${VRM_LAB_HALD:-0}
((VRM_LAB_HALD == 0)) || export VRM_ETCD_ADDRESS=${VRM_ETCD_ADDRESS:-10.90.$VRM_LAB.1}

say() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
fail()
{
    say "FAILED: $*"
    return 1
}

# ---- processes --------------------------------------------------------------------------------

# vrmd_config N - writes the configuration of controller N.
vrmd_config()
{
    local dir=$WORK/vrmd$1
    mkdir -p "$dir"
    echo "system-test-1" >"$WORK/password"
    # shellcheck source=/dev/null
    . "$VRM_SERVICES_DIR/env"
    cat >"$dir/vrmd.conf" <<CONF
[controller]
name = ctl$1
state_dir = $dir/state
[api]
listen = 127.0.0.1
port = $((API_PORT + $1))
url = https://127.0.0.1:$((API_PORT + $1))
admin_password_file = $WORK/password
[database]
conninfo = $VRM_PG_CONNINFO
statement_timeout_ms = 3000
[etcd]
endpoints = $VRM_ETCD_URL
[agents]
ca_file = $LAB_DIR/certs/ca.pem
cert_file = $LAB_DIR/certs/controller.pem
key_file = $LAB_DIR/certs/controller-key.pem
silence_limit_s = 20
[drs]
interval_s = 3
window_s = 30
min_samples = 3
cooldown_s = 5
moves_per_host = ${MOVES_PER_HOST:-2}
[migration]
timeout_s = ${MIGRATION_TIMEOUT_S:-60}
bandwidth_mib = ${BANDWIDTH_MIB:-32}
[power]
timeout_s = 20
boot_timeout_s = ${BOOT_TIMEOUT_S:-25}
[ha]
$(ha_config "$1")
${VRMD_EXTRA:-}
CONF
}

# ha_config N - of controller N, which hears beats at an address of its own.  VRM_LAB_SLOTS=true: VMs
# live by slots on the shared datastore, else by leases in etcd, which most tests are about.
ha_config()
{
    if [[ -z ${VRM_ETCD_ADDRESS-} ]]; then
        echo "enabled = false"
    else
        printf '%s\n' "enabled = true" "beat_listen = 10.91.$VRM_LAB.$1" "beat_port = 7445" \
            "beat_to = 10.91.$VRM_LAB.1, 10.91.$VRM_LAB.2" \
            "storage = ${VRM_LAB_SLOTS:-false}" \
            "etcd = $(etcd_for_hosts)"
    fi
}

# etcd_for_hosts - each member by each of its networks, so that the next one tried goes by another.
etcd_for_hosts()
{
    local n address list=''
    for ((n = 0; n < ${VRM_ETCD_MEMBERS:-1}; n++)); do
        for address in ${VRM_ETCD_ADDRESS//,/ }; do
            list+=,http://$address:$((VRM_ETCD_PORT + n * 1000))
        done
    done
    echo "${list#,}"
}

# services VERB pg|etcd|etcdN - see deploy/services.
services() { "$TOP/deploy/services" "$@" >>"$WORK/services.log" 2>&1; }

# vrmd_start N - in the background; its pid in $WORK/vrmdN/pid.
vrmd_start()
{
    local dir=$WORK/vrmd$1
    "$BUILD/vrmd" --config "$dir/vrmd.conf" >>"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    disown
}

vrmd_pid() { cat "$WORK/vrmd$1/pid"; }
vrmd_signal() { kill "-$2" "$(vrmd_pid "$1")"; }
vrmd_alive() { [[ -f $WORK/vrmd$1/pid ]] && kill -0 "$(vrmd_pid "$1")" 2>/dev/null; }

# alone N - controller N is the only one, and active, whatever the cases before have left.
alone()
{
    local other=$((3 - $1))
    ! vrmd_alive $other || vrmd_signal $other 9
    vrmd_alive "$1" || vrmd_start "$1"
    use "$1"
    wait_for 20 "controller $1 active" is_active && login
}

# vrmd_again N - kills controller N and starts it anew with a new configuration file.
vrmd_again()
{
    vrmd_signal "$1" KILL
    wait_for 10 "controller $1 gone" eval "! vrmd_alive $1" || return
    vrmd_config "$1"
    alone "$1"
}

cluster_down()
{
    local n
    for n in 1 2; do
        [[ ! -f $WORK/vrmd$n/pid ]] || kill -9 "$(vrmd_pid $n)" 2>/dev/null
    done
    "$TOP/deploy/lab" down >>"$WORK/down.log" 2>&1
    "$TOP/deploy/services" down >>"$WORK/down.log" 2>&1
}

# cluster_up HOSTS - services, hosts with agents, controller 1; cluster, datastore and hosts known.
cluster_up()
{
    local i
    mkdir -p "$WORK"
    "$TOP/deploy/lab" net >"$WORK/lab.log" 2>&1 || fail "networks, see $WORK/lab.log" || return
    ip addr replace "10.91.$VRM_LAB.2/24" dev "vrm${VRM_LAB}ha" || return # controller 2's
    "$TOP/deploy/services" up >"$WORK/services.log" 2>&1 || fail "services, see $WORK/services.log" || return
    "$TOP/deploy/lab" up "$1" >>"$WORK/lab.log" 2>&1 || fail "lab, see $WORK/lab.log" || return
    vrmd_config 1
    vrmd_config 2
    vrmd_start 1
    use 1
    wait_for 20 "controller 1 active" is_active || return
    login || return
    CLUSTER=$(api POST "$SITE/clusters" '{"name":"c1","isEnableDrs":false}' | jq -r .uri)
    api POST "$SITE/datastores" "{\"name\":\"nas\",\"storageType\":\"NAS\",\"path\":\"$LAB_DIR/store\",\"capacityGB\":100}" >/dev/null
    for ((i = 1; i <= $1; i++)); do
        task POST "$SITE/hosts" "{\"name\":\"cna$i\",\"ip\":\"10.90.$VRM_LAB.1$i\",\"clusterUrn\":\"$(urn "$CLUSTER")\"}" || return
    done
}

# ---- the API ----------------------------------------------------------------------------------

# use N - the calls go to controller N from now on.
use() { URL=https://127.0.0.1:$((API_PORT + $1)); }

login()
{
    TOKEN=$(curl -sk -m 10 -D - -o /dev/null -X POST "$URL/service/session" -H 'X-Auth-User: admin' \
        -H "X-Auth-Key: $(cat "$WORK/password")" | awk 'tolower($1) == "x-auth-token:" { print $2 }' | tr -d '\r')
    SITE=$(api GET /service/sites | jq -r '.sites[0].uri')
    [[ -n $TOKEN && $SITE == /service/sites/* ]] || fail "log-in at $URL"
}

# api METHOD PATH [BODY] - prints the answer.
api() { curl -sk -m 60 -X "$1" "$URL$2" -H "X-Auth-Token: $TOKEN" ${3:+--data-binary "$3"}; }
# code METHOD PATH [BODY] - prints the HTTP status.
code() { curl -sk -m 60 -o /dev/null -w '%{http_code}' -X "$1" "$URL$2" -H "X-Auth-Token: $TOKEN" ${3:+--data-binary "$3"}; }
urn() { sed 's#^/service#urn#; s#/#:#g' <<<"$1"; }

# task METHOD PATH [BODY] - waits for the task that the call begins; it must succeed.
task()
{
    local uri
    uri=$(begin "$@") || return
    task_ok "$uri"
}

# begin METHOD PATH [BODY] - prints the uri of the task.
begin()
{
    local answer
    answer=$(api "$@")
    jq -er .taskUri <<<"$answer" || fail "$1 $2: $answer"
}

task_status() { api GET "$1" | jq -r .status; }
task_is_over() { [[ $(task_status "$1") =~ ^(success|failed)$ ]]; }
task_ok()
{
    wait_for "${2:-90}" "task $1 over" task_is_over "$1" || return
    [[ $(task_status "$1") == success ]] || fail "task $1: $(api GET "$1")"
}
task_failed()
{
    wait_for "${2:-90}" "task $1 over" task_is_over "$1" || return
    [[ $(task_status "$1") == failed ]] || fail "task $1 should have failed: $(api GET "$1")"
}

# ---- claims about answers ------------------------------------------------------------------------

# says ANSWER FILTER WORD... - the field has each of the words.
says()
{
    local text word
    text=$(jq -r "$2" <<<"$1")
    for word in "${@:3}"; do
        [[ $text == *"$word"* ]] || fail "$2 is '$text', no word of $word" || return
    done
}

# equal WHAT ONE OTHER
equal() { [[ $2 == "$3" ]] || fail "$1: '$2', not '$3'"; }

# refused ANSWER NUMBER WORD... - an error, or a task that failed, with this errorCode ("": any) and
# each of the words.
refused()
{
    local number
    number=$(jq -r '.errorCode // .reason // empty' <<<"$1")
    [[ -n $number && ${2:-$number} == "$number" ]] || fail "want an error ${2:-}: $1" || return
    says "$1" tostring "${@:3}" && say "refused: $(jq -r '.errorDes // .reasonDes' <<<"$1")"
}

# refuses METHOD PATH BODY WORD... - the call is refused.
refuses() { refused "$(api "$1" "$2" "$3")" "" "${@:4}"; }

# ---- questions --------------------------------------------------------------------------------

# wait_for SECONDS WHAT COMMAND... - until COMMAND succeeds.  So many seconds are enough for a machine
# that does nothing else; a busy one gets three times as many.
wait_for()
{
    local limit=$((SECONDS + 3 * $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < limit)) || {
            fail "waited in vain for: $what"
            return 1
        }
        sleep 0.2
    done
}

is_active() { [[ $(curl -sk -m 5 -o /dev/null -w '%{http_code}' "$URL/healthz/active") == 200 ]]; }
vm_uri() { api GET "$SITE/vms" | jq -r --arg n "$1" '.vms[] | select(.name == $n).uri'; }
vm_field() { api GET "$SITE/vms" | jq -r --arg n "$1" ".vms[] | select(.name == \$n).$2"; }
vm_is() { [[ $(vm_field "$1" status) == "$2" ]]; }
vm_is_on() { [[ $(vm_field "$1" hostName) == "$2" && $(vm_field "$1" status) == running ]]; }
host_uri() { api GET "$SITE/hosts" | jq -r --arg n "$1" '.hosts[] | select(.name == $n).uri'; }
# other_host NAME - a host that is not NAME's.
other_host() { [[ $(vm_field "$1" hostName) == cna1 ]] && echo cna2 || echo cna1; }
host_is() { [[ $(api GET "$SITE/hosts" | jq -r --arg n "$1" '.hosts[] | select(.name == $n).status') == "$2" ]]; }
lab() { "$TOP/deploy/lab" "$@"; }

# A VM that dirties memory fast enough that its migration takes some seconds.
slow_migration()
{
    lab busy "$1" 5 40 >/dev/null
    sleep 3
    migrate "$1" "$2"
}
has_progress() { (($(api GET "$1" | jq .progress) > 0)); }

# places DOMAIN - the hosts whose libvirt runs it, asked past the whole system.
places()
{
    local host
    for host in $(lab status | awk 'NR > 1 && $2 == "up" { print $1 }'); do
        ! timeout 10 "$TOP/deploy/lab" exec "$host" virsh list --name --state-running 2>/dev/null | grep -qx "$1" || echo "$host"
    done
}

# runs_once NAME - the VM runs on exactly one host, and that is the one the API names.
runs_once()
{
    local domain where
    domain=$(basename "$(vm_uri "$1")")
    where=$(places "$domain")
    [[ $where == "$(vm_field "$1" hostName)" ]] || fail "VM $1 runs on '${where//$'\n'/ }', the API says $(vm_field "$1" hostName)"
}

all_run_once()
{
    local name
    for name in $(api GET "$SITE/vms" | jq -r '.vms[] | select(.status == "running").name'); do
        runs_once "$name" || return
    done
}

# new_vm NAME HOST [BUSY [DIRTY]] - created on and started on HOST; of $VM_MB, of which the guest
# fills $HOLD_MB, with an agent if $GUEST_AGENT is 1.
new_vm()
{
    local image
    image=$(lab guest "$1" --busy "${3:-0}" --dirty "${4:-0}" --mem "${HOLD_MB:-0}" --agent "${GUEST_AGENT:-0}") || return
    task POST "$SITE/vms" "{\"name\":\"$1\",\"location\":\"$(urn "$(host_uri "$2")")\",\"autoBoot\":false,\"osOptions\":{\"osType\":\"Linux\"},\"vmConfig\":{\"cpu\":{\"quantity\":1},\"memory\":{\"quantityMB\":${VM_MB:-128}},\"disks\":[{\"sequenceNum\":1,\"quantityGB\":1,\"datastoreUrn\":\"$(urn "$SITE"):datastores:1\",\"volumeUrl\":\"$(basename "$image")\"}]}}" || return
    task POST "$(vm_uri "$1")/action/start"
}

# set_bmc HOST PASSWORD
set_bmc() { task PUT "$(host_uri "$1")" "{\"bmcIp\":\"10.90.$VRM_LAB.11${1#cna}\",\"bmcUserName\":\"lab\",\"bmcPassword\":\"$2\"}"; }

migrate() { begin POST "$(vm_uri "$1")/action/migrate" "{\"location\":\"$(urn "$(host_uri "$2")")\"}"; }

# ---- cases ------------------------------------------------------------------------------------

need()
{
    local program
    for program in curl jq virsh libvirtd qemu-system-x86_64 etcd initdb tini ipmi_sim fence_ipmilan; do
        PATH=$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin) command -v "$program" >/dev/null ||
            { echo "missing: $program"; return 1; }
    done
    [[ $(id -u) == 0 ]] || { echo "must be root"; return 1; }
}

# The logs of a failure are kept.
clean_up()
{
    cluster_down
    ! declare -F oracle_down >/dev/null || oracle_down "$WORK/oracle"
    ((CASES_FAILED)) || rm -rf "$WORK"
}

# run_cases HOSTS PREPARE [CASE...] - a cluster of so many hosts, PREPARE, then case_CASE each (all of
# $CASES if none is named).  Status: 0 all passed, 1 some failed, 77 something needed is missing (a
# failure with VRM_REQUIRE_ALL).
run_cases()
{
    local hosts=$1 prepare=$2 name passed=0
    shift 2
    need || exit "$((${VRM_REQUIRE_ALL:-0} ? 1 : 77))"
    CASES_FAILED=1
    mkdir -p "$WORK"
    cluster_down
    rm -rf "$WORK"
    trap clean_up EXIT
    if ! { cluster_up "$hosts" && "$prepare"; }; then
        say "FAILED: no cluster to begin with; logs in $WORK"
        echo "0 passed, 1 failed"
        exit 1
    fi
    CASES_FAILED=0
    for name in "${@:-${CASES[@]}}"; do
        say "case $name"
        if "case_$name"; then
            passed=$((passed + 1))
        else
            CASES_FAILED=$((CASES_FAILED + 1))
            say "FAILED case $name; logs in $WORK"
        fi
    done
    echo "$passed passed, $CASES_FAILED failed"
    ((CASES_FAILED == 0))
}
