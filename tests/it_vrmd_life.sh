#!/bin/sh
# it_vrmd_life.sh - how vrmd's process goes on and ends: deposed it lives on as a standby, a second
# signal to end is no trouble, and without etcd it says so and names nobody as active.
set -eu

srcdir=${srcdir:-.}
builddir=${builddir:-.}
. "$srcdir/tests/services.sh"

fail()
{
    echo "it_vrmd_life: $*" >&2
    sed 's/^/  /' "$work/log" >&2
    exit 1
}

healthz() { curl -s --noproxy '*' -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port$1"; }

wait_for_code() # PATH CODE
{
    tries=0
    until [ "$(healthz "$1" || true)" = "$2" ]; do
        tries=$((tries + 1))
        [ $tries -lt 150 ] || fail "$1 does not answer $2"
        sleep 0.1
    done
}

start_vrmd()
{
    "$builddir/vrmd" --config "$work/vrmd.conf" >>"$work/log" 2>&1 &
    vrmd=$!
    wait_for_code /healthz/active 200
}

etcd_delete_leader()
{
    key=$(printf /vrm-life/leader | base64)
    curl -s --noproxy '*' -m 5 -d "{\"key\":\"$key\"}" "$VRM_ETCD_URL/v3/kv/deleterange" >/dev/null
}

services_begin
work=$VRM_SERVICES_DIR/life
port=$((VRM_PG_PORT + 3))
mkdir "$work"
"$srcdir/deploy/certs" ca "$work" >/dev/null
"$srcdir/deploy/certs" controller "$work" vrmd 127.0.0.1 >/dev/null
cat >"$work/vrmd.conf" <<END
[controller]
name = life
state_dir = $work
[api]
listen = 127.0.0.1
port = $port
tls = false
[database]
conninfo = $VRM_PG_CONNINFO
[etcd]
endpoints = $VRM_ETCD_URL
prefix = /vrm-life
[agents]
ca_file = $work/ca.pem
cert_file = $work/vrmd.pem
key_file = $work/vrmd-key.pem
[ha]
enabled = false
END

start_vrmd
etcd_delete_leader
wait_for_code /healthz/active 503
sleep 6 # longer than the alarm that ends a process whose workers hang
kill -0 "$vrmd" 2>/dev/null || fail "deposed, it did not live on as a standby"
[ "$(cat "/proc/$vrmd/comm")" = vrmd ] || fail "it is called $(cat "/proc/$vrmd/comm") now"
wait_for_code /healthz/active 200

answer() { curl -s --noproxy '*' -m 2 "http://127.0.0.1:$port$1"; }

"$VRM_TEST_SERVICES" pause etcd
wait_for_code /healthz/active 503
answer /healthz | grep -q '"etcd":false,"trouble":"[^"]*etcd does not answer' ||
    fail "no word of etcd: $(answer /healthz)"
answer /healthz/active | grep -q '"activeController":""' ||
    fail "somebody is active without etcd: $(answer /healthz/active)"
answer /service/sites | grep -q 'it is unknown which one is' ||
    fail "a client is sent somewhere without etcd: $(answer /service/sites)"
curl -s -D - -o /dev/null -m 2 --noproxy '*' "http://127.0.0.1:$port/service/sites" |
    grep -qi x-active-controller && fail "without etcd, a header names the active controller"
"$VRM_TEST_SERVICES" resume etcd
wait_for_code /healthz/active 200
answer /healthz | grep -q '"etcd":true,"trouble":""' || fail "old trouble: $(answer /healthz)"

kill -TERM "$vrmd"
kill -INT "$vrmd" 2>/dev/null || true
wait "$vrmd" || fail "exit status $? after two signals, want 0"

start_vrmd
etcd_delete_leader
wait_for_code /healthz/active 503
kill -TERM "$vrmd"
wait "$vrmd" || fail "exit status $? when told to end while giving up leadership, want 0"
