#!/bin/sh
# it_db.sh - component tests of db/ against a PostgreSQL of their own.
set -eu

# shellcheck source=tests/services.sh
. "${srcdir:-.}/tests/services.sh"
services_begin
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60}
export CK_DEFAULT_TIMEOUT

status=0
for test in it_db_schema it_db_store it_db_fault; do
    "${builddir:-.}/tests/$test" || status=1
done
exit $status
