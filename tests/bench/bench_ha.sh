#!/bin/sh
# bench_ha.sh - what leases cost: HOSTS hosts that renew on three etcd members, and one vrm-hald.
#
#     bench_ha.sh [HOSTS [SECONDS [VMS]]]     default 128 60 50; from the build folder
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
program=${builddir:-.}/tests/bench/bench_ha
hosts=${1:-128} seconds=${2:-60} vms=${3:-50}
[ -x "$program" ] || { echo "bench_ha: no $program: run make check TESTS= in the build folder" >&2; exit 1; }
command -v etcd >/dev/null || { echo "bench_ha: etcd is not installed (Debian: etcd-server)" >&2; exit 77; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/vrm-bench-ha.XXXXXX")
pids=
end()
{
    # shellcheck disable=SC2086 # a list of numbers
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

port=$((21000 + $$ % 900 * 10))
cluster="m1=http://127.0.0.1:$((port + 1)),m2=http://127.0.0.1:$((port + 3)),m3=http://127.0.0.1:$((port + 5))"
urls=
for i in 1 2 3; do
    client=http://127.0.0.1:$((port + 2 * (i - 1)))
    peer=http://127.0.0.1:$((port + 2 * i - 1))
    etcd --name "m$i" --data-dir "$dir/m$i" --logger zap --log-level error \
        --listen-client-urls "$client" --advertise-client-urls "$client" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
        --initial-cluster "$cluster" >"$dir/log$i" 2>&1 </dev/null &
    pids="$pids $!"
    urls="$urls $client"
done
for url in $urls; do
    tries=0
    until curl -s --noproxy '*' --max-time 1 "$url/health" | grep -q true; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "bench_ha: etcd does not answer at $url" >&2; exit 1; }
        sleep 0.1
    done
done

ticks() # of all members: user and system
{
    for pid in $pids; do cat "/proc/$pid/stat"; done | sed 's/.*) //' | awk '{ n += $12 + $13 } END { print n }'
}

mkfifo "$dir/out"
# shellcheck disable=SC2086 # a list of URLs
"$program" --hosts "$hosts" "$seconds" $urls >"$dir/out" &
fleet=$!
exec 3<"$dir/out"
read -r word <&3
[ "$word" = begin ]
before=$(ticks)
read -r line <&3
after=$(ticks)
wait "$fleet"
echo "$line"
awk -v n=$((after - before)) -v hz="$(getconf CLK_TCK)" -v s="$seconds" \
    'BEGIN { printf "three etcd members together: %.3f of a core\n", n / hz / s }'
# shellcheck disable=SC2086
kill -9 $pids
pids=
CK_DEFAULT_TIMEOUT=$((seconds + 120)) /bin/sh "$top/tests/with-etcd.sh" "$program" --one "$vms" "$((seconds / 2))"
