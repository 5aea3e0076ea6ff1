# shellcheck shell=sh
# plan_lib.sh - what test_plan.sh and test_plan_input.sh stand on: a folder of their own, to be in;
# vrm-plan run and its words held against what is wanted.  Sourced; n_bad counts what is not right.
top=$(cd "${builddir:-.}" && pwd)
plan=$top/vrm-plan
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit
n_bad=0

fail() { echo "FAIL: $*" >&2; n_bad=$((n_bad + 1)); }

# run STATUS COMMAND...: output in out, errors in err
run() {
    want=$1
    shift
    got=0
    timeout 600 "$plan" "$@" > out 2> err < /dev/null || got=$?
    [ "$got" -eq "$want" ] || fail "vrm-plan $*: exit status $got, not $want: $(cat err)"
}
says() { grep -qe "$1" out || fail "output lacks '$1': $(head -c 2000 out)"; }
hides() { ! grep -qe "$1" out || fail "output has '$1': $(head -c 2000 out)"; }
warns() { grep -qe "$1" err || fail "errors lack '$1': $(cat err)"; }
