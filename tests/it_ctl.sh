#!/bin/sh
# it_ctl.sh - component tests of controller/ against a PostgreSQL of their own.
set -eu

# shellcheck source=tests/services.sh
. "${srcdir:-.}/tests/services.sh"
services_begin
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60}
export CK_DEFAULT_TIMEOUT

"${builddir:-.}/tests/it_ctl"
"${builddir:-.}/tests/it_ctl_dpm"
"${builddir:-.}/tests/it_ctl_drs"
"${builddir:-.}/tests/it_ctl_ha"
"${builddir:-.}/tests/it_ctl_ha_vm"
"${builddir:-.}/tests/it_ctl_ha_count"
"${builddir:-.}/tests/it_alarm"
