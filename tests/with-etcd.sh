#!/bin/sh
# with-etcd.sh - runs a program beside a private etcd on loopback, which ends with it.
#
#     with-etcd.sh PROGRAM [ARGUMENT...]   exit status of PROGRAM; 77 if there is no etcd
#     with-etcd.sh --stop | --start        for PROGRAM: a crash of its etcd, and its return
#
# PROGRAM finds the etcd at $VRM_ETCD_URL.
set -eu

skip()
{
    echo "with-etcd: $1" >&2
    if [ "${VRM_REQUIRE_ALL:-0}" = 1 ]; then exit 1; fi
    exit 77
}

# In a session of its own: Check ends all of a test's process group, and a test may start it again.
launch()
{
    url=http://127.0.0.1:$1
    peer=http://127.0.0.1:$(($1 + 1))
    setsid etcd --name test --data-dir "$VRM_ETCD_DIR/data" --logger zap --log-level error \
        --listen-client-urls "$url" --advertise-client-urls "$url" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
        --initial-cluster "test=$peer" >>"$VRM_ETCD_DIR/log" 2>&1 </dev/null &
    echo $! >"$VRM_ETCD_DIR/pid"
    echo "$1" >"$VRM_ETCD_DIR/port"
}

# True once it answers; false if it ended, for instance because the port is taken.
answers()
{
    pid=$(cat "$VRM_ETCD_DIR/pid")
    tries=0
    while [ $tries -lt 200 ]; do
        kill -0 "$pid" 2>/dev/null || return 1
        case $(curl -s --noproxy '*' --max-time 1 "$1/health" || true) in
        *true*) return 0 ;;
        esac
        tries=$((tries + 1))
        sleep 0.05
    done
    return 1
}

end()
{
    pid=$(cat "$VRM_ETCD_DIR/pid" 2>/dev/null) || return 0
    kill -9 "$pid" 2>/dev/null || true
    while [ -e "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
        sleep 0.02
    done
    rm -f "$VRM_ETCD_DIR/pid"
}

case ${1-} in
--stop)
    end
    exit 0
    ;;
--start)
    port=$(cat "$VRM_ETCD_DIR/port")
    launch "$port"
    answers "http://127.0.0.1:$port"
    exit 0
    ;;
'') skip 'which program?' ;;
esac

command -v etcd >/dev/null || skip 'etcd is not installed (Debian: etcd-server)'
command -v curl >/dev/null || skip 'curl is not installed'

VRM_ETCD_DIR=$(mktemp -d "${TMPDIR:-/tmp}/vrm-etcd.XXXXXX")
export VRM_ETCD_DIR
trap 'end; rm -rf "$VRM_ETCD_DIR"' EXIT
trap 'exit 130' INT TERM HUP

attempt=0
while :; do
    port=$((20000 + ($$ * 2 + attempt * 2222) % 12000))
    launch "$port"
    if answers "http://127.0.0.1:$port"; then break; fi
    end
    rm -rf "$VRM_ETCD_DIR/data"
    attempt=$((attempt + 1))
    if [ $attempt -ge 5 ]; then
        echo "with-etcd: etcd does not start:" >&2
        tail -n 5 "$VRM_ETCD_DIR/log" >&2
        exit 1
    fi
done
export VRM_ETCD_URL="http://127.0.0.1:$port"
VRM_WITH_ETCD=$0
export VRM_WITH_ETCD
"$@"
