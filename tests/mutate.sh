#!/bin/bash
# mutate.sh - does a test notice when a check of the scheduler is broken?
#
#   tests/mutate.sh BUILD            all mutants; exit status 1 if one survives
#   tests/mutate.sh BUILD PATTERN    those whose name matches (grep -E)
#   tests/mutate.sh --list           their names
#
# BUILD is a tree in which the scheduler and its tests are built (deploy/test's gcc).  Mutants are
# made from the sources themselves: each row of the table of filters switched off, each use taken
# from a row, and each comparison and each "and", "or" in the functions named below turned round or
# moved by one.  Only the file that changes is compiled; the tests run until one fails.  A test that
# hangs has noticed.  The names of mutants that mean the same as the original stand in SAME with the
# reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# file | functions (a pattern for their whole names)
readonly PLACES='
scheduler/filter.c    | .*_ok|first_broken|leaving_member|is_own_host
scheduler/order.c     | await_apart|await_room|can_go
scheduler/devfit.c    | devfit_lack
scheduler/cpufit.c    | running_trouble|start_trouble|needs_of
scheduler/problem.c   | host_verdict|find_pin
scheduler/ruleset.c   | set_hosts|is_idle|is_must
scheduler/rest.c      | rest_is_over|rest_begin
scheduler/admission.c | check_percent|check_slots
scheduler/layout.c    | excess|crowd_of
'

# The tests, the quickest killers first; words after a program are its arguments.
readonly TESTS=(
    test_sched_filter
    test_sched_golden
    'prove_sched --seeds 60'
    test_sched_place
    test_sched_rules
    test_admission
    test_rest
    test_entitle
    'prove_sched --first 61 --seeds 150'
)
readonly TEST_LIMIT_S=60

# mutant | why it means the same
readonly SAME='
row host-state(state_ok) not for DRS | the search asks problem_usable first
row host-state(state_ok) not for STATIC | exchanges, detours and room are sought on usable hosts only
row host-maintenance(maintenance_ok) not for DRS | the search asks problem_usable first
row host-maintenance(maintenance_ok) not for STATIC | as host-state
row failover-host(failover_ok) not for DRS | the search asks problem_usable first
row failover-host(failover_ok) not for STATIC | as host-state
row host-cluster(cluster_ok) not for START | a VM is placed among the hosts of its own cluster
row host-cluster(cluster_ok) not for USER | filter_check_target looks at the clusters before
scheduler/filter.c:load_ok:5 < -> <= | a tie: the score decides
scheduler/filter.c:network_ok:8 < -> <= | a tie: the score decides
'

trim()
{
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s' "${text%"${text##*[![:space:]]}"}"
}

# --- the mutants: NAME <tab> FILE <tab> LINE <tab> COLUMN <tab> OLD <tab> NEW --------------------

# Operators have blanks around them; loops are left alone, they would only hang or crash.
list_operators() # FILE FUNCTIONS
{
    awk -v file="$1" -v wanted="^($2)$" '
        BEGIN {
            n = split("<= >= == != && || < >", ops, " ")
            news["<="] = "<"; news[">="] = ">"; news["<"] = "<="; news[">"] = ">="
            news["=="] = "!="; news["!="] = "=="; news["&&"] = "||"; news["||"] = "&&"
        }
        /^[a-z].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
        /^[{}]/ { next }
        name !~ wanted || /^[a-z]/ || /for \(/ || /^ *(\/\*|\*)/ { next }
        {
            for (i = 1; i <= n; i++) {
                # An operator at the end of a line has no blank behind it.
                for (at = 1; (found = index(substr($0 " ", at), " " ops[i] " ")) > 0; at += found) {
                    column = at + found - 1
                    count = split(news[ops[i]], new, " ")
                    for (k = 1; k <= count; k++)
                        printf "%s:%s:%d %s -> %s\t%s\t%d\t%d\t%s\t%s\n", file, name,
                            ++number[name], ops[i], new[k], file, NR, column + 1, ops[i], new[k]
                }
            }
        }' "$1"
}

# Rows of the table: the check says yes to everything; each use is taken away.
list_rows()
{
    awk -v file=scheduler/filter.c '
        /^    \{ FILTER_/ {
            match($0, /"[a-z-]+", [a-z_]+/)
            split(substr($0, RSTART, RLENGTH), part, ", ")
            gsub(/"/, "", part[1])
            row = part[1] "(" part[2] ")"
            printf "row %s off\t%s\t%d\t%d\t%s\t%s\n", row, file, NR, RSTART + length(part[1]) + 4,
                part[2], "mutant_yes"
            comma = index($0, ",")
            rest = substr($0, comma + 2)
            uses = substr(rest, 1, index(rest, ",") - 1)
            all = uses ~ /ALL/ ? "START USER DRS DRAIN" : ""
            n = split(all " " uses, word, /[ |]+/)
            for (i = 1; i <= n; i++) {
                if (word[i] !~ /^(START|USER|DRS|DRAIN|STATIC|RULES)$/)
                    continue
                printf "row %s not for %s\t%s\t%d\t%d\t%s\t(%s) & ~(%s)\n", row, word[i], file, NR,
                    comma + 2, uses, uses, word[i]
            }
        }' scheduler/filter.c
}

list_mutants()
{
    local file functions
    list_rows
    while IFS='|' read -r file functions; do
        [[ -z ${file// /} ]] || list_operators "$(trim "$file")" "$(trim "${functions//|/|}")"
    done <<<"$PLACES"
}

# --- one mutant -----------------------------------------------------------------------------------

# make_mutant FILE LINE COLUMN OLD NEW - on standard output.
make_mutant()
{
    awk -v line="$2" -v column="$3" -v old="$4" -v new="$5" '
        /^#include "config.h"/ {
            print
            if (new == "mutant_yes")
                print "#define mutant_yes mutant_yes_"
            next
        }
        new == "mutant_yes" && /^struct filter \{/ {
            print "static bool mutant_yes(const Layout *l, uint32_t vm, uint32_t host)"
            print "{ (void)l; (void)vm; (void)host; return true; }"
        }
        NR == line {
            if (substr($0, column, length(old)) != old)
                exit 1
            $0 = substr($0, 1, column - 1) new substr($0, column + length(old))
        }
        { print }' "$1"
}

# run_tests DIR - says which test fails; empty: none.
run_tests()
{
    local test words
    for test in "${TESTS[@]}"; do
        read -ra words <<<"$test"
        [[ -e $1/${words[0]} ]] || link_test "$1" "${words[0]}"
        if ! srcdir=$PWD timeout "$TEST_LIMIT_S" "$1/${words[0]}" "${words[@]:1}" >/dev/null 2>&1; then
            echo "${words[0]}"
            return
        fi
    done
}

link_test() # DIR TEST
{
    local objects=("$BUILD/tests/$2.o") libs
    read -ra libs <<<"$MUTATE_LIBS"
    case $2 in
    prove_sched) objects+=("$BUILD"/tests/{naive,sched_wild}.o) ;;
    test_admission) objects+=("$BUILD"/tests/{sched_gen,sched_scn,sched_scn_do,sched_scn_read}.o) ;;
    test_rest | test_entitle) ;;
    *) objects+=("$BUILD"/tests/{sched_scn,sched_scn_do,sched_scn_read}.o) ;;
    esac
    (cd "$BUILD" && gcc -o "$1/$2" "${objects[@]}" "$1/mutant.o" "${libs[@]}")
}

# In a process of its own: prints "killed by TEST", "SURVIVES" or what went wrong.
try_mutant() # NAME FILE LINE COLUMN OLD NEW
{
    local dir=$MUTANT_DIR killer flags
    read -ra flags <<<"$MUTATE_FLAGS"
    if ! make_mutant "$2" "$3" "$4" "$5" "$6" >"$dir/mutant.c" ||
        ! ${MUTATE_CC} "${flags[@]}" -I"$BUILD" -w -O1 -c -o "$dir/mutant.o" "$dir/mutant.c" \
            >"$dir/cc" 2>&1; then
        printf '%-24s %s\n' 'DOES NOT COMPILE' "$1"
        return
    fi
    killer=$(run_tests "$dir")
    if [[ -n $killer ]]; then
        printf '%-24s %s\n' "$killer" "$1"
    elif grep -qF "$1 |" <<<"$SAME"; then
        printf '%-24s %s\n' '(same)' "$1"
    else
        printf '%-24s %s\n' SURVIVES "$1"
    fi
}

main()
{
    local name file line column old new table
    case ${1-} in
    --list)
        list_mutants | cut -f1
        return
        ;;
    --one)
        shift
        MUTANT_DIR=$(mktemp -d)
        trap 'rm -rf "$MUTANT_DIR"' EXIT
        try_mutant "$@"
        return
        ;;
    -h | --help | '')
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$PWD/tests/mutate.sh"
        [[ -n ${1-} ]] || exit 2
        return
        ;;
    esac
    BUILD=$(cd "$1" && pwd) || exit 2
    MUTATE_FLAGS=$(make -s -C "$BUILD" tidy-flags | tr '\n' ' ')
    MUTATE_LIBS=$(make -s -C "$BUILD" mutate-libs)
    MUTATE_CC=gcc
    ! command -v ccache >/dev/null || MUTATE_CC='ccache gcc'
    export BUILD MUTATE_FLAGS MUTATE_LIBS MUTATE_CC
    table=$(mktemp)
    list_mutants | grep -E -- "${2-}" |
        while IFS=$'\t' read -r name file line column old new; do
            printf '%s\0' "$name" "$file" "$line" "$column" "$old" "$new"
        done | xargs -0 -n 6 -P "$(nproc)" "$PWD/tests/mutate.sh" --one | tee "$table"
    say_sum "$table"
}

say_sum() # TABLE
{
    local all bad same
    all=$(wc -l <"$1")
    bad=$(grep -cE '^(SURVIVES|DOES NOT COMPILE)' "$1" || true)
    same=$(grep -c '^(same)' "$1" || true)
    rm -f "$1"
    echo "$all mutants: $((all - bad - same)) killed, $same mean the same, $bad survive"
    ((all > 0 && bad == 0))
}

main "$@"
