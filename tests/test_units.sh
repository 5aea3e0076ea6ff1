#!/bin/sh
# test_units.sh [UNIT...] - systemd takes our units without complaint, and they stay locked down.
#
# UNITs may be the sources (*.service.in).  The programs are not installed here, so stand-ins take
# their places.
set -eu

top=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
command -v systemd-analyze >/dev/null || {
    echo "no systemd-analyze: apt-get install systemd" >&2
    [ "${VRM_REQUIRE_ALL:-0}" = 1 ] && exit 1
    exit 77
}
[ $# -gt 0 ] || set -- "$top"/deploy/systemd/*.service.in
dir=$(mktemp -d "${TMPDIR:-/tmp}/vrm-units.XXXXXX")
trap 'rm -rf "$dir"' EXIT

fail()
{
    echo "FAIL: $*" >&2
    exit 1
}

# The most that `systemd-analyze security` may find, in tenths: 100 is no protection at all.
limit_of()
{
    case $1 in
    vrmd.service) echo 15 ;;
    vrm-agent.service) echo 35 ;;
    vrm-hald.service) echo 40 ;;
    *) fail "no limit for $1: add it here" ;;
    esac
}

for source in "$@"; do
    name=${source##*/}
    sed -E -e 's,^(Exec[A-Za-z]*=[-+!@:]*)(/|@sbindir@)[^ ]*,\1/bin/true,' \
        -e 's,@docdir@,/usr/share/doc/vrm,g' -e 's,@sysconfdir@,/etc,g' \
        "$source" >"$dir/${name%.in}"
done
output=$(systemd-analyze verify --man=no "$dir"/*.service 2>&1) || fail "verify: $output"
if printf '%s\n' "$output" | grep -F "$dir"; then fail "verify complains"; fi
for unit in "$dir"/*.service; do
    name=${unit##*/}
    systemd-analyze security --offline=true --no-pager --threshold="$(limit_of "$name")" \
        "$unit" >"$dir/security" 2>&1 || {
        cat "$dir/security"
        fail "$name is more exposed than it was"
    }
    tail -n 1 "$dir/security"
done
sysusers=$(command -v systemd-sysusers || true)
if [ -n "$sysusers" ]; then
    mkdir -p "$dir/root/etc"
    cp "$top/deploy/systemd/sysusers.d/vrm.conf" "$dir/users.conf"
    "$sysusers" --root="$dir/root" --dry-run - <"$dir/users.conf" || fail "systemd-sysusers refuses"
fi
