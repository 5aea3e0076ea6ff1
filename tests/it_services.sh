#!/bin/sh
# it_services.sh - deploy/services survives crashes of what it starts and leaves nothing behind.
set -eu

# shellcheck source=tests/services.sh
. "${srcdir:-.}/tests/services.sh"
services_begin
services=$VRM_TEST_SERVICES

fail()
{
    echo "FAIL: $*" >&2
    exit 1
}

sql()
{
    psql -XqtA "$VRM_PG_CONNINFO" -c "$1"
}

etcd_call()
{
    curl -fsS --noproxy '*' --max-time 3 "$VRM_ETCD_URL/v3/kv/$1" -d "$2"
}

# up again changes nothing
before=$("$services" env)
"$services" up >/dev/null
[ "$("$services" env)" = "$before" ] || fail "a second up changed the environment"

# what was acknowledged survives kill -9
sql 'CREATE TABLE kept (a integer); INSERT INTO kept VALUES (42)'
etcd_call put '{"key":"a2V5","value":"dmFsdWU="}' >/dev/null
for name in pg etcd; do
    "$services" kill "$name"
    if "$services" status >/dev/null; then fail "status is 0 without $name"; fi
    "$services" start "$name"
    "$services" status >/dev/null || fail "$name did not come back"
done
[ "$(sql 'SELECT a FROM kept')" = 42 ] || fail "PostgreSQL lost a row"
etcd_call range '{"key":"a2V5"}' | grep -q dmFsdWU= || fail "etcd lost a key"

# frozen is not running, and can go on
"$services" pause pg
if "$services" status >/dev/null; then fail "status is 0 while PostgreSQL is frozen"; fi
"$services" resume pg
"$services" status >/dev/null || fail "PostgreSQL did not go on"

# wrong use is refused with the reason
if "$services" kill postgres 2>/dev/null; then fail "an unknown service was accepted"; fi
if VRM_PG_PORT=70000 "$services" status 2>/dev/null; then fail "port 70000 was accepted"; fi
foreign=$(mktemp -d "${TMPDIR:-/tmp}/vrm-test.XXXXXX")
touch "$foreign/precious"
if VRM_SERVICES_DIR=$foreign "$services" up >/dev/null 2>&1; then fail "a foreign folder was used"; fi
VRM_SERVICES_DIR=$foreign "$services" down 2>/dev/null || true
[ -e "$foreign/precious" ] || fail "down removed a foreign file"
rm -r "$foreign"

# down with one dead and one frozen service leaves nothing
"$services" kill pg
"$services" pause etcd
"$services" down
[ ! -e "$VRM_SERVICES_DIR" ] || fail "down left $VRM_SERVICES_DIR"
left=$(find /proc -maxdepth 2 -name cwd -lname "$VRM_SERVICES_DIR*" 2>/dev/null || true)
[ -z "$left" ] || fail "down left processes: $left"
echo "ok"
