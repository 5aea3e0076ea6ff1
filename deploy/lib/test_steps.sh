# shellcheck shell=bash
# shellcheck disable=SC2317 # called by name
# test_steps.sh - what each step of deploy/test does: step_NAME.  Sourced, never run.
#
# A step runs in the clone's folder, in a process of its own; its exit status is the verdict.

readonly STEPS_C_FOLDERS=(common agentproto scheduler ha db api controller agent tests)

step_packages()
{
    deploy/install-deps all
}

# --- sources ----------------------------------------------------------------------------------

steps_c_files() # FIND_EXPRESSION...
{
    find "${STEPS_C_FOLDERS[@]}" deploy/guest "$@" | LC_ALL=C sort
}

step_format()
{
    steps_c_files -name '*.[ch]' | xargs clang-format-14 --dry-run -Werror
}

# Scripts are known by their first line; parts that are sourced say which shell they are for.
steps_shell_files()
{
    find autogen.sh .ci deploy db tests -type f -not -path '*/corpus/*' -exec \
        awk 'FNR <= 2 && /^#!.*sh$|^# shellcheck shell=/ { print FILENAME; nextfile }' {} + |
        LC_ALL=C sort -u
}

step_shell()
{
    steps_shell_files | xargs shellcheck -x
}

# Names, and words as FusionCompute spells them on the wire.
readonly STEPS_WORDS=cna,hald,nd,unknow,statics

step_spelling()
{
    find . -maxdepth 1 -type f -not -name 'config*' -not -name '*.in' -not -name '*.m4' \
        -not -name LICENSE -print0 | xargs -0 codespell -L "$STEPS_WORDS"
    codespell -L "$STEPS_WORDS" --skip '*/corpus/*' .ci deploy docs "${STEPS_C_FOLDERS[@]}"
}

step_layers()
{
    tests/check-layers.sh
}

step_banned()
{
    tests/check-banned.sh
}

step_units()
{
    VRM_REQUIRE_ALL=1 tests/test_units.sh
}

# --- builds -----------------------------------------------------------------------------------

step_generate()
{
    ./autogen.sh
}

# steps_build TREE COMPILER CFLAGS OPTION... - configures once, builds everything.
steps_build()
{
    local tree=$TEST_DIR/$1 compiler=$2 flags=$3
    shift 3
    mkdir -p "$tree"
    cd "$tree" || return
    ! command -v ccache >/dev/null || compiler="ccache $compiler"
    [[ -e config.status && config.status -nt "$TEST_TOP/configure" ]] ||
        "$TEST_TOP/configure" --enable-werror CC="$compiler" CFLAGS="$flags" "$@"
    make -j"$(nproc)"
    make -j"$(nproc)" check TESTS= # the test programs, without running them
}

# steps_check TREE - two at a time: the tests wait more than they compute.
#
# Sanitizers report into files of their own: a report is neither lost between a test's other words,
# nor with the folder of a program that a test has started, and any is a failure.
steps_check()
{
    local status=0 reports=$TEST_DIR/$1/sanitizer option
    cd "$TEST_DIR/$1" || return
    rm -rf "$reports"
    mkdir -p "$reports"
    for option in ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS; do
        export "$option=log_path=$reports/report${!option:+:${!option}}"
    done
    make -j2 -k check || status=$?
    # What a test that failed has said stands in its own log.
    ((status == 0)) || grep -lE '^:test-result: (FAIL|ERROR)' -r tests --include='*.trs' |
        sed 's/trs$/log/' | xargs -r tail -n 40
    steps_show_reports "$reports" || status=1
    return "$status"
}

# Of a thread that hangs in the kernel, as tests make some, it is only said that it was not stopped:
# no fault was found.
readonly STEPS_NO_FAULT='^==[0-9]+==Running thread [0-9]+ was not suspended\. False leaks are possible\.$'

steps_show_reports() # FOLDER
{
    local report
    find "$1" -type f -exec grep -LZvE "$STEPS_NO_FAULT" {} + | xargs -0 -r rm -f
    rmdir "$1" 2>/dev/null && return
    for report in "$1"/*; do
        echo "$report:"
        head -n 200 "$report"
    done
    return 1
}

step_gcc_build()
{
    steps_build gcc gcc '-O2 -g'
}

step_gcc_check()
{
    steps_check gcc
}

# Each half says which seeds it took, and how a seed that fails is run alone.
step_proof()
{
    local half=5000 status=0 first
    cd "$TEST_DIR/gcc" || return
    for first in 1 $((half + 1)); do
        tests/prove_sched --first "$first" --seeds "$half" >"$TEST_DIR/proof.$first" 2>&1 &
    done
    wait -n || status=$?
    wait -n || status=$?
    cat "$TEST_DIR"/proof.{1,$((half + 1))}
    tests/sim_day --hosts 32 --vms 2000 || status=$?
    tests/oracle_glpk --seeds 200 || status=$?
    return "$status"
}

step_asan_build()
{
    steps_build asan clang-14 '-O1 -g' --enable-sanitize=address,undefined
}

step_asan_check()
{
    steps_check asan
}

step_mutants()
{
    tests/mutate.sh "$TEST_DIR/gcc" 'row .* off'
}

step_mutants_ha()
{
    tests/mutate_ha.sh "$TEST_DIR/gcc"
}

# The number stands for every plan, drain and DPM plan of the seeds.
step_compilers()
{
    local gcc clang run
    gcc=$("$TEST_DIR/gcc/tests/prove_sched" --hash --seeds 300)
    clang=$("$TEST_DIR/asan/tests/prove_sched" --hash --seeds 300)
    printf 'gcc:   %s\nclang: %s\n' "$gcc" "$clang"
    [[ $gcc == "$clang" ]] || return
    gcc=$("$TEST_DIR/gcc/tests/prove_sched" --hash --seeds 5)
    for ((run = 1; run <= 1000; run++)); do
        [[ $("$TEST_DIR/gcc/tests/prove_sched" --hash --seeds 5) == "$gcc" ]] || {
            echo "run $run gave other plans"
            return 1
        }
    done
    echo "1000 runs: $gcc"
}

step_tsan_build()
{
    steps_build tsan clang-14 '-O1 -g' --enable-sanitize=thread
}

step_tsan_check()
{
    steps_check tsan
}

step_distcheck()
{
    cd "$TEST_DIR/gcc" || return
    make check-dist
    make -j"$(nproc)" distcheck DISTCHECK_CONFIGURE_FLAGS="CC='ccache gcc' CFLAGS=-O1"
    rm -f vrm-*.tar.gz
}

# --- clang-tidy -------------------------------------------------------------------------------
#
# It takes seconds a file, so what was found clean is remembered: by the checks and by everything
# that the compiler would see, comments too (they can hold exceptions).

step_tidy()
{
    local flags
    mapfile -t flags < <(make -s -C "$TEST_DIR/gcc" tidy-flags)
    ((${#flags[@]} > 0)) || { echo "make tidy-flags says nothing"; return 1; }
    mkdir -p "$TEST_DIR/tidy"
    steps_c_files -name '*.c' -not -path 'deploy/*' | # guests are no part of the product
        xargs -P "$(nproc)" -I '{}' bash -c "$(declare -f steps_tidy_file)"'
            steps_tidy_file "$@"' _ "$TEST_DIR/tidy" '{}' "${flags[@]}"
}

steps_tidy_file() # CACHE FILE FLAG...
{
    local cache=$1 file=$2 key
    shift 2
    key=$( (clang-tidy-14 --version; cat .clang-tidy; clang-14 -E -C "$@" "$file") | sha256sum)
    key=${key%% *}
    [[ ! -e $cache/$key ]] || return 0
    echo "$file"
    clang-tidy-14 --quiet "$file" -- "$@" && : >"$cache/$key"
}

# --- real hosts -------------------------------------------------------------------------------

# Tests with the name of system tests that make check does not run itself: they need root and a lab.
steps_system_tests()
{
    local script
    for script in tests/it_*.sh; do
        grep -qE "COMPONENT_CHECKS.*\b${script//./\\.}" tests/automake.mk || echo "$script"
    done
}

# What hurts hosts and controllers: in a lab of its own, beside the others.
readonly STEPS_HA_TESTS='^tests/it_(ha.*|alone|pair|slots)\.sh$'

steps_run_on_lab() # LAB SCRIPT...
{
    local lab=$1 script failed=0
    shift
    for script; do
        (
            cd "$TEST_DIR/gcc" || exit
            BUILD=$PWD srcdir=$TEST_TOP builddir=$PWD VRM_LAB=$lab "$TEST_TOP/$script"
        ) || failed=1
    done
    VRM_LAB=$lab deploy/lab down
    return "$failed"
}

step_system()
{
    local scripts
    mapfile -t scripts < <(steps_system_tests | grep -vE "$STEPS_HA_TESTS")
    steps_run_on_lab "$TEST_SYSTEM_LAB" "${scripts[@]}"
}

step_system_ha()
{
    local scripts
    mapfile -t scripts < <(steps_system_tests | grep -E "$STEPS_HA_TESTS")
    steps_run_on_lab "$TEST_HA_LAB" "${scripts[@]}"
}

steps_with_demo() # COMMAND...
{
    VRM_DEMO_DIR=$TEST_DEMO_DIR VRM_LAB=$TEST_DEMO_LAB VRM_DEMO_PORT=17643 VRM_PG_PORT=17632 \
        VRM_ETCD_PORT=17679 "$@"
}

step_demo()
{
    steps_with_demo deploy/demo
}

step_demo_down()
{
    steps_with_demo deploy/demo --down
}

# Its seed is made up: it stands in the log, and the same kills come with it again.
step_demo_kills()
{
    steps_with_demo tests/system/demo_kills.sh
}

# steps_left PATTERN TEXT - fails when the text on standard input has lines with the pattern.
steps_left()
{
    local found
    found=$(grep -E "$1") || return 0
    printf '%s is left:\n%s\n' "$2" "$found"
    return 1
}

step_left_overs()
{
    local labs="($TEST_SYSTEM_LAB|$TEST_HA_LAB|$TEST_DEMO_LAB)" status=0
    local lab="vrm$labs" paths="$TEST_DEMO_DIR|vrm-(lab|system|oracle|pair|soak)-$labs\\b"
    ip netns list | steps_left "^$lab-" "network namespace" || status=1
    ip -o link show | steps_left "^[0-9]+: $lab(br|ha|[mh][0-9])" "network link" || status=1
    ip route show table all | steps_left "10\\.9[01]\\.$labs\\." route || status=1
    steps_left "$paths" mount </proc/self/mounts || status=1
    find /sys/fs/cgroup -maxdepth 3 -type d -name 'vrm-lab-*' |
        steps_left "$paths" "control group" || status=1
    # shellcheck disable=SC2009 # pgrep prints no arguments
    ps -eo pid,args | grep -v grep | steps_left "$paths" process || status=1
    find /var/tmp /tmp /run -maxdepth 1 | steps_left "$paths" file || status=1
    return "$status"
}
