# shellcheck shell=bash
# shellcheck disable=SC2030,SC2031 # a lane counts for itself and tells by a file
# shellcheck disable=SC2034,SC2153 # names are shared with the other files
# test_run.sh - runs the steps of deploy/test under time limits and counts.  Sourced, never run.

N_PASSED=0
N_FAILED=0
declare -A RUN_STATE=() # step -> passed or failed
RUN_CHILD='' # the step that runs
RUN_LANES=() # kinds of steps that go beside it, by pid

# What names a failure in a log: automake's words, those of the lab tests, a case of Check.
readonly RUN_TROUBLE='^(FAIL|ERROR):? |^[0-9:]{8}  FAILED|^[^ :]+:[0-9]+:[FE]:'

run_begin()
{
    if ! mkdir -p "$TEST_LOGS" 2>/dev/null || [[ ! -w $TEST_LOGS || ! -w $TEST_DIR ]] ||
        { [[ -e $TEST_DIR/lock ]] && [[ ! -w $TEST_DIR/lock ]]; }; then
        run_refuse
    fi
    exec 9>"$TEST_DIR/lock"
    flock -n 9 || { echo "test: another deploy/test runs in $TEST_DIR" >&2; exit 1; }
    trap 'run_interrupt' INT TERM
    SECONDS=0
}

run_refuse()
{
    local why="cannot write $TEST_DIR"
    ((EUID == 0)) || why="must be run as root, or as the owner of the clone: $why"
    echo "test: error: $why" >&2
    exit 1
}

run_interrupt()
{
    [[ -z $RUN_CHILD ]] || kill -TERM "$RUN_CHILD" 2>/dev/null || true
    ((${#RUN_LANES[@]} == 0)) || kill -TERM "${RUN_LANES[@]}" 2>/dev/null || true
    wait || true
    echo "test: interrupted" >&2
    exit 130
}

# run_row STEP - sets ROW_LIMIT, ROW_WHEN, ROW_NEED, ROW_WHAT
run_row()
{
    local name
    while read -r name ROW_LIMIT ROW_WHEN ROW_NEED ROW_WHAT; do
        [[ -z $name || $name != "$1" ]] || return 0
    done <<<"$STEPS"
    return 1
}

run_is_step()
{
    run_row "$1"
}

# run_one_step STEP - in the process under the time limit.
run_one_step()
{
    cd "$TEST_TOP" || return
    "step_${1//-/_}"
}

# run_count LOG STATUS - adds what the log counts; a step that counts nothing is one test.
run_count()
{
    local passed=0 failed=0 word number
    while read -r word number; do
        case $word in
        PASS) passed=$((passed + number)) ;;
        FAIL | ERROR) failed=$((failed + number)) ;;
        esac
    done < <(sed -n -e 's/^# \(PASS\|FAIL\|ERROR\): *\([0-9][0-9]*\)$/\1 \2/p' \
        -e 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/PASS \1\nFAIL \2/p' "$1")
    if (($2 != 0 && failed == 0)); then failed=1; fi
    if (($2 == 0 && passed + failed == 0)); then passed=1; fi
    RUN_PASSED=$passed
    RUN_FAILED=$failed
    N_PASSED=$((N_PASSED + passed))
    N_FAILED=$((N_FAILED + failed))
}

run_report() # STEP STATUS SECONDS
{
    local log=$TEST_LOGS/$1.log text=''
    if (($2 == 0 && RUN_FAILED == 0)); then
        ((RUN_PASSED == 1)) || text="  $RUN_PASSED passed"
        printf 'ok      %-11s %4d s  %s%s\n' "$1" "$3" "$ROW_WHAT" "$text"
        return
    fi
    (($2 != 124 && $2 != 137)) || text=", ended after its limit of $ROW_LIMIT s"
    printf 'FAILED  %-11s %4d s  %s: %d passed, %d failed (status %d%s); the end of %s:\n' \
        "$1" "$3" "$ROW_WHAT" "$RUN_PASSED" "$RUN_FAILED" "$2" "$text" "$log"
    grep -E "$RUN_TROUBLE" "$log" | sort -u | head -n 40 | sed 's/^/        /' || true
    run_sanitizers "$log" | head -n 80 | sed 's/^/        /'
    tail -n 15 "$log" | sed 's/^/        /'
}

# What a sanitizer has found, as far as its first two stacks.
run_sanitizers() # LOG
{
    grep -E -A 20 '(WARNING|ERROR|FATAL): [A-Za-z]*Sanitizer|: runtime error: ' "$1" || true
}

run_step() # STEP
{
    local start=$SECONDS status=0 need
    run_row "$1"
    for need in ${ROW_NEED//,/ }; do
        [[ ${RUN_STATE[$need]-passed} == failed ]] || continue
        echo "FAILED  $1: not run, because $need failed"
        N_FAILED=$((N_FAILED + 1))
        RUN_STATE[$1]=failed
        return
    done
    timeout --kill-after=30 "$ROW_LIMIT" "$TEST_TOP/deploy/test" --step "$1" \
        </dev/null >"$TEST_LOGS/$1.log" 2>&1 9>&- &
    RUN_CHILD=$!
    wait "$RUN_CHILD" || status=$?
    RUN_CHILD=''
    run_count "$TEST_LOGS/$1.log" "$status"
    run_report "$1" "$status" $((SECONDS - start))
    RUN_STATE[$1]=passed
    ((status == 0 && RUN_FAILED == 0)) || RUN_STATE[$1]=failed
    [[ ${RUN_STATE[$1]} == failed ]] || : >"$TEST_DIR/$1.passed"
}

# run_kind quick|full|root|ha|last - the steps of this kind, one after the other.
run_kind()
{
    local name when
    while read -r name _ when _; do
        [[ -n $name && $when == "$1" ]] || continue
        if [[ $when =~ ^(root|ha|last)$ ]] && ((EUID != 0)); then
            echo "FAILED  $name: needs root"
            N_FAILED=$((N_FAILED + 1))
            continue
        fi
        run_step "$name"
    done <<<"$STEPS"
}

run_quick()
{
    rm -f "$TEST_DIR"/*.passed
    run_kind quick
}

# run_lane KIND - its steps, in a process of its own; their words and their count go to files.
run_lane()
{
    trap 'run_interrupt' INT TERM
    N_PASSED=0
    N_FAILED=0
    RUN_LANES=()
    run_kind "$1" >"$TEST_DIR/lane-$1.out"
    echo "$N_PASSED $N_FAILED" >"$TEST_DIR/lane-$1.count"
}

run_add_lane() # KIND
{
    local passed failed
    cat "$TEST_DIR/lane-$1.out"
    read -r passed failed <"$TEST_DIR/lane-$1.count"
    N_PASSED=$((N_PASSED + passed))
    N_FAILED=$((N_FAILED + failed))
}

# The real hosts mostly wait and the builds mostly compute: they go side by side.
run_everything()
{
    local lane
    run_quick
    for lane in root ha; do
        run_lane "$lane" &
        RUN_LANES+=($!)
    done
    run_kind full
    wait "${RUN_LANES[@]}" || true
    RUN_LANES=()
    for lane in root ha; do
        run_add_lane "$lane"
    done
    run_kind last
}

# run_with_needs STEP - first what it needs, if that never passed here.
run_with_needs()
{
    local step=$1 need
    run_row "$step"
    for need in ${ROW_NEED//,/ }; do
        [[ $need == - || -n ${RUN_STATE[$need]-} || -e $TEST_DIR/$need.passed ]] || run_with_needs "$need"
    done
    run_step "$step"
}

run_chosen() # STEP...
{
    local step
    for step; do
        [[ -n ${RUN_STATE[$step]-} ]] || run_with_needs "$step"
    done
}

run_end()
{
    echo "took $((SECONDS / 60)) min $((SECONDS % 60)) s; logs in $TEST_LOGS"
    echo "$N_PASSED passed, $N_FAILED failed"
    ((N_FAILED == 0))
}
