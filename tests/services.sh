# services.sh - for component tests: a PostgreSQL and an etcd of their own.  Sourced by sh.
#
#     . "$srcdir/tests/services.sh"
#     services_begin        exits with 77 if a program is missing (1 with VRM_REQUIRE_ALL=1)
#
# Afterwards VRM_PG_CONNINFO, VRM_ETCD_URL and VRM_TEST_SERVICES (deploy/services) are exported;
# everything is removed when the calling script ends.
# shellcheck shell=sh

services_skip()
{
    echo "skipped: $*" >&2
    [ "${VRM_REQUIRE_ALL:-0}" = 1 ] && exit 1
    exit 77
}

# Others may take the same ports between our look and our start: then try different ones.
services_up()
{
    tries=0
    while [ $tries -lt 5 ]; do
        VRM_PG_PORT=$((20000 + ($$ * 5 + tries * 7919) % 12000))
        VRM_ETCD_PORT=$((VRM_PG_PORT + 1))
        export VRM_PG_PORT VRM_ETCD_PORT
        "$VRM_TEST_SERVICES" up >/dev/null && return 0
        "$VRM_TEST_SERVICES" down
        tries=$((tries + 1))
    done
    return 1
}

services_begin()
{
    [ -x /usr/lib/postgresql/15/bin/postgres ] || services_skip "no PostgreSQL 15"
    command -v etcd >/dev/null || services_skip "no etcd"
    VRM_TEST_SERVICES=$(cd "${srcdir:-.}" && pwd)/deploy/services
    VRM_SERVICES_DIR=$(mktemp -d "${TMPDIR:-/tmp}/vrm-test.XXXXXX")
    # Many scratch databases, and nothing here cuts the power.
    VRM_PG_FSYNC=off
    export VRM_TEST_SERVICES VRM_SERVICES_DIR VRM_PG_FSYNC
    trap '"$VRM_TEST_SERVICES" down' EXIT
    trap 'exit 1' HUP INT TERM
    services_up || exit 1
    eval "$("$VRM_TEST_SERVICES" env)"
    export VRM_PG_CONNINFO VRM_ETCD_URL
}
