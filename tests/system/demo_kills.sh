#!/bin/bash
# demo_kills.sh - deploy/demo while its parts are killed: it must end as if nothing had happened.
#
# usage: tests/system/demo_kills.sh [SEED]     (as root; SEED 1 to 32767, by default made up)
#
# kill -9 of vrmd, PostgreSQL, etcd, or of vrm-agent or libvirtd on one host, at moments that follow
# from the seed.  The demo's own verdict counts, and beside it: each VM runs exactly once by virsh,
# no task is unfinished, every object whose making was acknowledged is there, and with it its task.
# Settings: those of deploy/demo (VRM_LAB, VRM_DEMO_DIR and the ports).

export VRM_LAB_HALD=${VRM_LAB_HALD:-1} # the demo's own default
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

readonly KILLS=8 FIRST_MAX_S=60 GAP_MAX_S=14 LIMIT_S=500 VMS=12
readonly VICTIMS=(vrmd pg etcd vrm-agent libvirtd)
DEMO_DIR=${VRM_DEMO_DIR:-/var/tmp/vrm-kills-$VRM_LAB}
export VRM_DEMO_DIR=$DEMO_DIR VRM_DEMO_PORT=${VRM_DEMO_PORT:-$((API_PORT + 3))}
DEMO_LOG=$DEMO_DIR.log

# ---- trouble ----------------------------------------------------------------------------------

kill_vrmd()
{
    local pid
    pid=$(find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/exe' -lname "$DEMO_DIR/build/vrmd" 2>/dev/null |
        cut -d/ -f3)
    # shellcheck disable=SC2086 # a list of numbers
    [[ -n $pid ]] && kill -9 $pid
}

kill_service() { VRM_SERVICES_DIR=$DEMO_DIR/services "$TOP/deploy/services" kill "$1"; }

kill_on_host() # HOST PROGRAM
{
    local pid
    pid=$(lab exec "$1" pidof "$2") || return
    # shellcheck disable=SC2086 # a list of numbers
    lab exec "$1" kill -9 $pid
}

kill_one() # VICTIM HOST
{
    case $1 in
    vrmd) kill_vrmd ;;
    pg | etcd) kill_service "$1" ;;
    *) kill_on_host "$2" "$1" ;;
    esac
}

demo_at_work() { kill -0 "$DEMO_PID" 2>/dev/null; }

# nap SECONDS - false when the demo has ended meanwhile.
nap()
{
    local i
    for ((i = 0; i < $1 * 5; i++)); do
        demo_at_work || return
        sleep 0.2
    done
}

# The numbers are drawn in one order whatever happens, so that a seed means the same each time.
storm()
{
    local i first gap victim host
    first=$((RANDOM % FIRST_MAX_S))
    while [[ ! -e $DEMO_DIR/log/hosts.log ]]; do
        nap 1 || return
    done
    nap "$first" || return
    for ((i = 0; i < KILLS; i++)); do
        gap=$((1 + RANDOM % GAP_MAX_S)) victim=${VICTIMS[RANDOM % ${#VICTIMS[@]}]} host=cna$((1 + RANDOM % 3))
        if kill_one "$victim" "$host" >/dev/null 2>&1; then
            say "kill -9 $victim$([[ $victim != *-* && $victim != lib* ]] || echo " on $host")"
        else
            say "$victim does not run now"
        fi
        nap "$gap" || return
    done
}

# ---- verdict ----------------------------------------------------------------------------------

demo_ended_well() # STATUS
{
    local last
    last=$(tail -n 1 "$DEMO_LOG")
    (($1 == 0)) || fail "the demo ended with status $1" || return
    if [[ ! $last =~ ^'result: imbalance '.*', '([0-9]+)' live migrations, 0 VMs down'$ ]] ||
        ((BASH_REMATCH[1] < 3)); then
        fail "the demo's last line: $last"
    fi
}

# "HOST DOMAIN" of all that runs: as libvirt says, and as the API says.
by_virsh()
{
    local host
    for host in cna1 cna2 cna3; do
        lab exec "$host" virsh -q list --name --state-running | sed -n "s/^..*$/$host &/p" || return
    done | sort
}
by_api()
{
    api GET "$SITE/vms?limit=100" |
        jq -r '.vms[] | select(.status == "running") | .hostName + " " + (.urn | split(":") | last)' | sort
}

every_vm_runs_once()
{
    local real told
    real=$(by_virsh) told=$(by_api)
    [[ $real == "$told" ]] || fail "virsh says '$real', the API '$told'" || return
    [[ $(wc -l <<<"$real") == "$VMS" && $(cut -d' ' -f2 <<<"$real" | sort -u | wc -l) == "$VMS" ]] ||
        fail "not $VMS VMs: $real"
}

# tasks_where FILTER - prints how many tasks fit.
tasks_where()
{
    api GET "$SITE/tasks?limit=100" | jq "[.tasks[] | select($1)] | length"
}

no_task_is_unfinished() { [[ $(tasks_where '.status != "success" and .status != "failed"') == 0 ]]; }

# What the demo was told: uris of objects and of their tasks.
nothing_acknowledged_is_lost()
{
    local uri uris status
    mapfile -t uris < <(grep -ohE '"(uri|taskUri)":"[^"]+"' "$DEMO_DIR"/log/{cluster,add-hosts,vms}.log |
        cut -d'"' -f4 | sort -u)
    ((${#uris[@]} > 20)) || fail "only ${#uris[@]} uris in the demo's logs" || return
    for uri in "${uris[@]}"; do
        status=$(code GET "$uri")
        [[ $status == 200 ]] || fail "$uri was acknowledged, now it answers $status" || return
    done
}

verdict() # STATUS
{
    demo_ended_well "$1" || return
    URL=https://127.0.0.1:$VRM_DEMO_PORT
    mkdir -p "$WORK"
    cp "$DEMO_DIR/state/admin.password" "$WORK/password"
    wait_for 20 "log-in" login || return
    wait_for 30 "tasks unfinished: none" no_task_is_unfinished || return
    nothing_acknowledged_is_lost || return
    say "tasks that failed: $(api GET "$SITE/tasks?limit=100&status=failed" | jq -c '[.tasks[] | "\(.type) \(.entityName): \(.reasonDes)"]')"
    wait_for 30 "each VM runs once" every_vm_runs_once
}

main()
{
    local seed=${1:-$((1 + RANDOM))} status=0
    RANDOM=$seed
    say "seed $seed; the demo's words: $DEMO_LOG"
    "$TOP/deploy/demo" --down >"$DEMO_LOG" 2>&1 || fail "an earlier demo, see $DEMO_LOG" || exit
    timeout "$LIMIT_S" "$TOP/deploy/demo" </dev/null >"$DEMO_LOG" 2>&1 &
    DEMO_PID=$!
    storm
    wait "$DEMO_PID" || status=$?
    grep -E '^(took|result)' "$DEMO_LOG" >&2
    if ! verdict "$status"; then
        tail -n 40 "$DEMO_LOG"
        say "FAILED with seed $seed; logs in $DEMO_DIR/log and /var/tmp/vrm-lab-$VRM_LAB"
        echo "0 passed, 1 failed"
        exit 1
    fi
    "$TOP/deploy/demo" --down >/dev/null && rm -rf "$WORK" "$DEMO_LOG"
    echo "1 passed, 0 failed"
}

main "$@"
