#!/bin/sh
# it_db.sh - component tests of db/ against a PostgreSQL of their own.
set -eu

# shellcheck source=tests/services.sh
. "${srcdir:-.}/tests/services.sh"
services_begin
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60}
export CK_DEFAULT_TIMEOUT

status=0
for test in it_db_schema it_db_store it_db_vm it_db_rule it_db_refusal it_db_task it_db_drs it_db_ha \
    it_db_account it_db_fault it_db_standby; do
    "${builddir:-.}/tests/$test" || status=1
done
exit $status
