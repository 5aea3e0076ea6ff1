#!/bin/bash
# test_batch.sh - the batch scripts of deploy/batch against the API over a fake controller.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
batch=$here/../deploy/batch
work=$(mktemp -d)
failed=0

for tool in curl jq; do
    command -v "$tool" >/dev/null || {
        echo "skipped: no $tool"
        exit "$([[ ${VRM_REQUIRE_ALL-} == 1 ]] && echo 1 || echo 77)"
    }
done

# The server ends with its standard input, whatever happens to this script.
coproc SERVE { exec "${builddir:-.}/tests/api_serve" 250; }
# shellcheck disable=SC2153 # coproc sets it
serve_pid=$SERVE_PID
trap 'kill "$serve_pid" 2>/dev/null || true; rm -rf "$work"' EXIT
read -r port <&"${SERVE[0]}"
export VRM_URL=http://127.0.0.1:$port VRM_PASSWORD_FILE=$work/password
echo secret >"$work/password"

# expect STATUS TEXT SCRIPT ARG... - exit status and what it says, on either output.
expect()
{
    local status=$1 text=$2 got=0
    shift 2
    "$batch/$1" "${@:2}" >"$work/out" 2>&1 || got=$?
    if ((got != status)) || ! grep -qF -- "$text" "$work/out"; then
        echo "FAIL: $*: status $got (want $status), want \"$text\" in:"
        sed 's/^/    /' "$work/out"
        failed=1
    fi
}

printf 'new1 main 1 64 1 store # the first\n\nnew2 main 2 128 1 store\n' >"$work/good"
printf 'new1 main one 64 1 store\nnew2\n' >"$work/bad"
printf 'new1 nowhere 1 64 1 store\n' >"$work/nowhere"

expect 0 $'cna1\tmain\tnormal\tfalse\t10.0\t9.9\t251' report hosts
expect 0 $'vm-00249\trunning\tcna1\tmain\t2\t1024' report vms
expect 0 'ID' report tasks
# The fake's VMs have no samples, hence no lines; that the snapshot can be planned over is seen here.
"$batch/load-record" --for 1 --snapshot "$work/main.json" main >"$work/trace" || failed=1
[[ ! -s $work/trace ]] || failed=1
"${builddir:-.}/vrm-plan" convert -s "$work/main.json" | grep -q '"name":"vm-00249"' || {
    echo "FAIL: vrm-plan does not read the snapshot that load-record wrote"
    failed=1
}
expect 1 "no cluster is called 'nobody'" load-record --for 1 nobody
expect 2 'of which cluster?' load-record
expect 2 'want a number' load-record --every soon main
expect 2 'usage: report' report
expect 2 "unknown word 'pets'" report pets
expect 2 "unknown option '--bogus'" report --bogus
expect 2 "unknown option '--bogus'" drs --bogus
expect 2 "unknown option '--bogus'" host-drain --bogus
expect 2 "unknown option '--bogus'" host-drain --return --bogus
expect 2 "unknown option '--bogus'" vm-create --bogus
expect 2 "unknown option '--bogus'" vm-create --start --bogus
expect 2 "unknown option '--bogus'" vm-power --bogus 'web*'
expect 0 'usage: vm-create' vm-create -h
expect 0 'imbalance 0.241 -> 0.005' drs show main
expect 0 'cna1 -> cna2' drs plan main
expect 0 'main: DRS moves by itself' drs auto main
expect 1 "no cluster is called 'nowhere'" drs show nowhere
expect 2 'usage: drs' drs jump main
expect 1 'cna1: 1 of 2 VMs can leave (1024 MB, 2 s)' host-drain --plan cna1
expect 1 '  1 web1: cna1 -> cna2, 1024 MB' host-drain --plan cna1
expect 1 '  stays: gpu1: bound to its host' host-drain --plan cna1
expect 0 'cna1: in service' host-drain --return cna1
expect 1 "no host is called 'cna9'" host-drain --return cna9
expect 1 'no VM matches' vm-power start 'nothing-*'
expect 2 'usage: vm-power' vm-power start
expect 2 "'start' wants a PATTERN" vm-power start
expect 1 'line 1: VCPUS' vm-create "$work/bad"
expect 1 'line 2: want 6 fields' vm-create "$work/bad"
expect 1 "no cluster is called 'nowhere'" vm-create "$work/nowhere"
export VRM_WAIT_S=0 # the fake's tasks never end
for verb in start stop kill reboot pause resume; do
    expect 1 'is still running after 0 s' vm-power "$verb" web1
done
expect 1 'is still running after 0 s' drs apply main
expect 0 'empty: no open recommendation, nothing to do' drs apply empty
expect 0 'main: DRS proposes only' drs manual main
expect 0 'main: DRS is off' drs off main
expect 1 'is still running after 0 s' host-drain cna1
expect 1 'web1: FAILED' vm-power stop 'web*'
expect 1 'new2: FAILED' vm-create --start "$work/good"
echo wrong >"$work/password"
expect 1 'log-in refused' report hosts
export VRM_URL=http://127.0.0.1:1
expect 1 'does not answer' report hosts
unset VRM_PASSWORD_FILE
expect 1 'set VRM_PASSWORD_FILE' report hosts
exit "$failed"
