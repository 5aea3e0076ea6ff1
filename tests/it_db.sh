#!/bin/sh
# it_db.sh - component tests of db/ against a PostgreSQL of their own.
set -eu

root=${srcdir:-$(dirname "$0")/..}
bin=${builddir:-.}/tests

skip()
{
    echo "it_db: skipped: $*"
    [ "${VRM_REQUIRE_ALL:-0}" = 1 ] && exit 1
    exit 77
}

[ -x /usr/lib/postgresql/15/bin/postgres ] || skip "no PostgreSQL 15"
command -v etcd >/dev/null || skip "no etcd"

# Ports of our own, so that several runs may go on at once.
VRM_PG_PORT=$((20000 + $$ % 5000 * 3))
VRM_ETCD_PORT=$((VRM_PG_PORT + 1))
VRM_SERVICES_DIR=$(mktemp -d "${TMPDIR:-/tmp}/vrm-it-db.XXXXXX")
VRM_TEST_SERVICES=$root/deploy/services
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60}
VRM_PG_FSYNC=off # many scratch databases; nothing here cuts the power
export VRM_PG_FSYNC CK_DEFAULT_TIMEOUT VRM_PG_PORT VRM_ETCD_PORT VRM_SERVICES_DIR VRM_TEST_SERVICES

trap '"$VRM_TEST_SERVICES" down' EXIT
trap 'exit 1' HUP INT TERM
"$VRM_TEST_SERVICES" up >/dev/null || exit 1
eval "$("$VRM_TEST_SERVICES" env)"
export VRM_PG_CONNINFO

status=0
for test in it_db_schema it_db_store it_db_fault; do
    "$bin/$test" || status=1
done
exit $status
