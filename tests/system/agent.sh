# shellcheck shell=bash
# agent.sh - vrm-agent on two of the lab's hosts, driven by curl with the controller's certificate,
# as vrmd would.
#
# Sourced by tests/it_agent*.sh, which set TOP, BUILD, VRM_LAB, LAB_DIR, WORK, EPOCH, GEN and have
# the functions up and case_*; agent_down too, if they have something of their own to end.

export VRM_LAB_HALD=${VRM_LAB_HALD:-0}

say() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
fail()
{
    say "FAILED: $*"
    return 1
}

missing()
{
    echo "$(basename "$0" .sh): $1" >&2
    [[ ${VRM_REQUIRE_ALL:-0} == 1 ]] && exit 1
    exit 77
}

lab() { "$TOP/deploy/lab" "$@"; }

# ---- the agent's protocol ----------------------------------------------------------------------

address() { echo "10.90.$VRM_LAB.1${1#cna}"; }

# call HOST PATH [CURL-OPTION...]
call()
{
    local host=$1 path=$2 certs=$LAB_DIR/certs
    shift 2
    curl -sS -m 20 --noproxy '*' --cacert "$certs/ca.pem" --cert "$certs/controller.pem" \
        --key "$certs/controller-key.pem" "$@" "https://$(address "$host"):7444$path"
}

vm_uuid() { printf '00000000-0000-4000-8000-%012d' "$1"; }
vm_name() { printf 'i-%08X' "$1"; }

# The VM's description for define, undefine and start.
vm_json() # NUMBER DISK [thin]
{
    jq -nc --argjson id "$1" --arg uuid "$(vm_uuid "$1")" --arg path "$2" --arg thin "${3-}" \
        '{id: $id, uuid: $uuid, name: "vm\($id)", cpu: {quantity: 1}, memory: {size_mb: 128},
          disks: [{sequence: 1, path: $path, size_gb: 1, bus: "VIRTIO", thin: ($thin == "thin")}]}'
}

# send HOST VERB VM [JSON-OF-MORE] - prints the id.
send()
{
    local id=t$RANDOM-$RANDOM-$RANDOM more=${4:-"{}"}
    jq -nc --arg id "$id" --argjson epoch "$EPOCH" --argjson gen "$GEN" --arg verb "$2" \
        --arg uuid "$(vm_uuid "$3")" --argjson more "$more" \
        '{v: 1, id: $id, epoch: $epoch, gen: $gen, verb: $verb, deadline_ms: 60000,
          vm_uuid: $uuid} + $more | if .verb == "abort" then del(.vm_uuid) else . end' |
        call "$1" /v1/commands --data-binary @- >"$WORK/answer"
    echo "$id"
}

state_of() { call "$1" "/v1/commands/$2" 2>/dev/null; }

wait_for() # SECONDS WHAT COMMAND...
{
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < until)) || fail "no $what" || return
        sleep 0.1
    done
}

has_ended() { state_of "$1" "$2" | grep -qE '"state":"(done|failed)"'; }

# ends HOST ID STATE [TEXT] - waits for the end; state and a part of the reason must fit.
ends()
{
    local report
    wait_for 60 "end of $2 on $1" has_ended "$1" "$2" || return
    report=$(state_of "$1" "$2")
    [[ $(jq -r .state <<<"$report") == "$3" && $(jq -r '.error // ""' <<<"$report") == *${4-}* ]] ||
        fail "wanted $3 ${4-}: $report"
}

# run HOST VERB VM [JSON] - and it must succeed.
run() { ends "$1" "$(send "$@")" "done"; }

migrate_args() # TARGET MIB/S TIMEOUT_MS
{
    jq -nc --arg name "$1" --arg address "$(address "$1")" --argjson bw "$2" --argjson limit "$3" \
        '{migrate: {target_name: $name, target_address: $address, bandwidth_mib: $bw,
          timeout_ms: $limit}}'
}

# begin_move FROM TO VM [MIB/S] - slow enough to be disturbed; prints the id when it copies.
begin_move()
{
    local id
    id=$(send "$1" migrate "$3" "$(migrate_args "$2" "${4:-5}" 120000)")
    wait_for 20 "progress" copies "$1" "$id" || return
    echo "$id"
}
copies() { [[ $(state_of "$1" "$2" | jq -r '.transferred_mb // 0') -gt 0 ]]; }

# ---- the truth --------------------------------------------------------------------------------

hosts_of() # VM - prints the hosts on which it runs
{
    local host
    for host in cna1 cna2; do
        lab exec $host virsh list --name --state-running 2>/dev/null | grep -qx "$(vm_name "$1")" && echo $host
    done
}
only_on() { [[ $(hosts_of "$1" | tr '\n' ' ') == "$2 " ]]; }
nowhere() { [[ -z $(hosts_of "$1") ]]; }
stays_on() # VM HOST
{
    wait_for 10 "VM $1 on $2 alone (it is on: $(hosts_of "$1" | tr '\n' ' '))" only_on "$1" "$2"
}

# kill_in HOST SIGNAL PROGRAM
kill_in() { lab exec "$1" bash -c "kill -$2 \$(pidof $3)"; }

# watch HOST - the stream into a file, in the background; unwatch ends it.
watch()
{
    call "$1" "/v1/watch?epoch=$EPOCH" -N -m 600 >"$WORK/watch-$1" 2>/dev/null &
    echo $! >"$WORK/watch-$1.pid"
    wait_for 10 "stream of $1" grep -q '"full"' "$WORK/watch-$1"
}
unwatch()
{
    [[ ! -f $WORK/watch-$1.pid ]] || kill "$(cat "$WORK/watch-$1.pid")" 2>/dev/null
}
was_told() # HOST FILTER - some line of the stream fits
{
    jq -ce "select($2)" "$WORK/watch-$1" 2>/dev/null | grep -q .
}

ensure_running() # VM HOST - wherever it was
{
    local host
    only_on "$1" "$2" && return
    ((++GEN))
    for host in $(hosts_of "$1"); do run "$host" stop "$1" '{"force":true}' || return; done
    run "$2" start "$1" "{\"vm\":$(vm_json "$1" "$LAB_DIR/store/vm$1.img")}"
}

healthy() { call "$1" /v1/health 2>/dev/null | grep -q '"hypervisor_ok":true'; }

agent_down() { :; } # what a test has besides

# ---- all together ------------------------------------------------------------------------------

down()
{
    unwatch cna1
    unwatch cna2
    agent_down
    lab down >/dev/null 2>&1
    rm -rf "${WORK:?}"
}

# agent_main [CASE...] - up, then all functions case_*, or those named; down in the end.
agent_main()
{
    local name n_failed=0 cases=("$@")
    ((${#cases[@]} > 0)) || mapfile -t cases < <(declare -F | sed -n 's/^declare -f case_//p')
    trap down EXIT
    up || exit 1
    for name in "${cases[@]}"; do
        if "case_$name"; then
            say "passed: $name"
        else
            say "failed: $name"
            tail -n 5 "$LAB_DIR"/hosts/cna?/agent.log >&2
            n_failed=$((n_failed + 1))
        fi
    done
    if grep -h -A 20 -E "Sanitizer|runtime error" "$LAB_DIR"/hosts/cna?/agent.log >&2; then
        n_failed=$((n_failed + 1))
    fi
    echo "$(basename "$0" .sh): $((${#cases[@]} - n_failed)) passed, $n_failed failed"
    ((n_failed == 0))
}
