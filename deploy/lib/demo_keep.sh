#!/bin/bash
# demo_keep.sh - starts again what dies, as systemd does on real hosts.
#
# usage: demo_keep.sh DEMO_DIR SERVICES      (started by deploy/demo, ended by deploy/demo --down)
# shellcheck disable=SC2317 # the functions run in the background
set -u

readonly DIR=$1 SERVICES=$2 AGAIN_S=0.5 LOOK_S=2

keep_vrmd()
{
    local status
    cd "$DIR" || exit
    while :; do
        status=0
        "$DIR/build/vrmd" --config "$DIR/vrmd.conf" </dev/null >>"$DIR/log/vrmd.log" 2>&1 || status=$?
        echo "$(date +%T) vrmd ended with $status: it is started again"
        sleep "$AGAIN_S"
    done
}

keep_services()
{
    local answer
    while sleep "$LOOK_S"; do
        answer=$("$SERVICES" status 2>&1) && continue
        [[ $answer != *'PostgreSQL: not running'* ]] || "$SERVICES" start pg
        [[ $answer != *'etcd: not running'* ]] || "$SERVICES" start etcd
    done
}

echo $$ >"$DIR/keeper.pid"
keep_services &
keep_vrmd
