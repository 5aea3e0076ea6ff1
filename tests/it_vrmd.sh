#!/bin/sh
# it_vrmd.sh - the whole controller, at work and hurt while clients write: real vrmd, PostgreSQL and
# etcd, three hosts that are files (tests/hv_fleet.h).  VRM_IT_VRMD chooses programs.
set -eu

# shellcheck source=tests/services.sh
. "${srcdir:-.}/tests/services.sh"
services_begin
CK_DEFAULT_TIMEOUT=${VRM_STORM_LIMIT_S:-240}
export CK_DEFAULT_TIMEOUT

status=0
for test in ${VRM_IT_VRMD:-it_vrmd_work it_vrmd_right it_vrmd_task it_vrmd_session it_vrmd_stream it_vrmd}; do
    "${builddir:-.}/tests/$test" || status=1
done
exit $status
