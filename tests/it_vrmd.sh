#!/bin/sh
# it_vrmd.sh - the whole controller, hurt while clients write: real vrmd, PostgreSQL and etcd, three
# hosts that are files (tests/hv_fleet.h).
set -eu

# shellcheck source=tests/services.sh
. "${srcdir:-.}/tests/services.sh"
services_begin
CK_DEFAULT_TIMEOUT=${VRM_STORM_LIMIT_S:-240}
export CK_DEFAULT_TIMEOUT

"${builddir:-.}/tests/it_vrmd"
