#!/bin/bash
# mutate_ha.sh - does the simulation, or a unit test, notice when a safety line of ha/ is taken away?
#
#   tests/mutate_ha.sh BUILD            all mutants; exit status 1 if one survives
#   tests/mutate_ha.sh BUILD PATTERN    those whose name matches (grep -E)
#
# BUILD is a tree in which ha/ and its tests are built.  Each row of MUTANTS is one line of ha/
# changed on purpose.  The unit tests run first, the scenarios next, then random worlds until one
# promise breaks.  "by" says who must notice: "sim" are the lines that keep a VM from running twice
# by themselves, "unit" the second lines of defence behind them, which no single fault can show.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly SEEDS=2000 LIMIT_S=240

# name | by | file | old text | new text
readonly MUTANTS='
impatient decider              | sim  | ha/ha_host.c   | >= proof_ms(lease_ms))       | >= proof_ms(lease_ms) / 2)
power off before first sight   | sim  | ha/ha_host.c   | host->off_ms > grip->since_ms | host->off_ms > 0
back-dated first sight         | sim  | ha/ha.c        | grip->confirmed_ms = now_ms; | grip->confirmed_ms = grip->since_ms > 0 ? grip->since_ms + 1 : now_ms;
lease counted from the answer  | sim  | ha/lease_fsm.c | counted_ms = fsm->sent_ms;   | counted_ms = fsm->sent_ms + 3000;
lease that never ends          | sim  | ha/lease_fsm.c | return now_ms >= fsm->until_ms; | return now_ms < 0;
same life after a lapse        | sim  | ha/lease_fsm.c | fsm->self.inc.n++;           | (void)0;
no watchdog                    | sim  | ha/keeper.c    | now_ms <= pet_deadline(keeper) - keeper->watchdog_ms | pet_deadline(keeper) > 0
fence without compare          | sim  | ha/right.c     | compare(ret_txn, HA_VERSION_IS, lease_key(dead), version); | (void)version;
no epoch check                 | sim  | ha/right.c     | compare(txn, HA_CREATED_IS, mandate->recovery ? recovery : leader, mandate->epoch); | (void)recovery;
unguarded reassign             | sim  | ha/right.c     | require_version(ret_txn, seen); /* assign */ | (void)seen;
unguarded claim                | sim  | ha/right.c     | require_version(ret_txn, seen); /* claim */ | (void)seen;
claim not recorded             | sim  | ha/right.c     | right.claimed = true;           /* claim */ | right.claimed = false;
unguarded release              | sim  | ha/right.c     | require_version(ret_txn, seen); /* release */ | (void)seen;
renewal without version        | sim  | ha/right.c     | compare(ret_txn, HA_VERSION_IS, lease_key(self), version); | (void)version;
former life not buried         | sim  | ha/right.c     | former.boot != 0 \&\& !ha_inc_equal(former, self->inc) | former.boot == 1
renewal without fence compare  | unit | ha/right.c     | require_alive(ret_txn, self); /* renew */ | (void)self;
claim without fence compare    | unit | ha/right.c     | require_alive(ret_txn, self);   /* claim */ | (void)self;
reassign without tombstones    | unit | ha/right.c     | compare(ret_txn, HA_EXISTS, fence_key(\&seen->right.owners[i]), 0); | (void)i;
assign to the dead             | unit | ha/right.c     | require_alive(ret_txn, to); /* assign */ | (void)to;
share with the dead            | unit | ha/right.c     | require_alive(ret_txn, to); /* share */ | (void)to;
share of the dead              | unit | ha/right.c     | require_alive(ret_txn, \&right.owners[0]); | (void)0;
unguarded share                | unit | ha/right.c     | require_version(ret_txn, seen); /* share */ | (void)0;
unguarded settle               | unit | ha/right.c     | require_version(ret_txn, seen); /* settle */ | (void)0;
stand-in beside a leader       | unit | ha/right.c     | if (mandate->recovery)       | if (false)
buried life goes on            | unit | ha/lease_fsm.c | LEASE_LAPSED, LSA_KILL,    "buried | LEASE_STAY, LSA_NOTHING,    "buried
no lease at the start          | unit | ha/keeper.c    | holds(keeper, vm->authority, now_ms); /* may run */ | true;
claim answered too late        | unit | ha/keeper.c    | } else if (!holds(keeper, vm->authority, now_ms)) { | } else if (false) {
process without a right        | unit | ha/keeper.c    | return !exists;              | return true;
watchdog armed past the lease  | unit | ha/keeper.c    | keeper->armed_until_ms <= lease_fsm_deadline(lease) | keeper->armed_until_ms > 0
adopted VM without a process   | unit | ha/keeper.c    | .has_process = true }); | .has_process = false });
release of a running VM        | unit | ha/keeper.c    | if (!vm \|\| vm->has_process) | if (!vm)
'

trim()
{
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s' "${text%"${text##*[![:space:]]}"}"
}

# make_mutant FILE OLD NEW - on standard output; fails unless OLD stands there once.
make_mutant()
{
    OLD=$2 NEW=$3 awk '
        { found = index($0, ENVIRON["OLD"]) }
        found { n++; $0 = substr($0, 1, found - 1) ENVIRON["NEW"] substr($0, found + length(ENVIRON["OLD"])) }
        { print }
        END { exit n != 1 }' "$1"
}

# Adds to KILLERS who notices, the quickest first; the first of them that counts is enough.
find_killer() # DIR BY
{
    local test
    for test in test_ha_right test_ha_tables; do
        timeout "$LIMIT_S" "$1/$test" >/dev/null 2>&1 || KILLERS+="$test "
    done
    [[ $2 != unit || -z $KILLERS ]] || return 0
    if ! timeout "$LIMIT_S" "$1/ha-sim" tests/scenarios/ha/*.scn >/dev/null 2>&1; then
        KILLERS+='scenarios '
    elif ! timeout "$LIMIT_S" "$1/ha-sim" --stop --random "$SEEDS" >"$1/random" 2>&1; then
        KILLERS+="$(sed -n 's/^\(seed [0-9]*\): \(I[0-9]\).*/\1 (\2)/p' "$1/random" | head -n 1) "
    fi
}

link_mutant() # DIR FILE
{
    local flags libs objects=() object
    read -ra flags <<<"$MUTATE_FLAGS"
    read -ra libs <<<"$MUTATE_LIBS"
    $MUTATE_CC "${flags[@]}" -I"$BUILD" -w -O1 -c -o "$1/mutant.o" "$1/mutant.c" || return
    for object in "$BUILD"/ha/*.o; do
        [[ ${object##*/} == "$(basename "$2" .c).o" ]] || objects+=("$object")
    done
    (cd "$BUILD" &&
        $MUTATE_CC -o "$1/ha-sim" tests/sim/*.o "$1/mutant.o" "${objects[@]}" "${libs[@]}" &&
        $MUTATE_CC -o "$1/test_ha_right" tests/test_ha_right.o "$1/mutant.o" "${objects[@]}" "${libs[@]}" &&
        $MUTATE_CC -o "$1/test_ha_tables" tests/test_ha_tables.o "$1/mutant.o" "${objects[@]}" "${libs[@]}")
}

try_mutant() # NAME BY FILE OLD NEW
{
    local dir=$MUTANT_DIR verdict=caught
    KILLERS=
    if ! make_mutant "$3" "$4" "$5" >"$dir/mutant.c" || ! link_mutant "$dir" "$3" >"$dir/cc" 2>&1; then
        printf '%-9s %-30s\n' BROKEN "$1"
        return
    fi
    find_killer "$dir" "$2"
    [[ -n $KILLERS ]] || verdict=SURVIVES
    [[ $2 != sim || $KILLERS == *scenarios* || $KILLERS == *seed* ]] || verdict=SURVIVES
    printf '%-9s %-30s %s\n' "$verdict" "$1" "$KILLERS"
}

list_mutants() # PATTERN
{
    local name by file old new
    while IFS='|' read -r name by file old new; do
        [[ -n ${name// /} ]] || continue
        printf '%s\0' "$(trim "$name")" "$(trim "$by")" "$(trim "$file")" "$(trim "$old")" \
            "$(trim "$new")"
    done < <(grep -E -- "${1-}" <<<"$MUTANTS" | sed 's/\\|/\x01/g; s/\\&/\&/g') | tr '\001' '|'
}

main()
{
    local table
    case ${1-} in
    --one)
        shift
        MUTANT_DIR=$(mktemp -d)
        trap 'rm -rf "$MUTANT_DIR"' EXIT
        try_mutant "$@"
        return
        ;;
    -h | --help | '')
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$PWD/tests/mutate_ha.sh"
        [[ -n ${1-} ]] || exit 2
        return
        ;;
    esac
    BUILD=$(cd "$OLDPWD" && cd "$1" && pwd) || exit 2
    MUTATE_FLAGS=$(make -s -C "$BUILD" tidy-flags | tr '\n' ' ')
    MUTATE_LIBS=$(make -s -C "$BUILD" mutate-ha-libs)
    MUTATE_CC=gcc
    ! command -v ccache >/dev/null || MUTATE_CC='ccache gcc'
    export BUILD MUTATE_FLAGS MUTATE_LIBS MUTATE_CC
    table=$(mktemp)
    list_mutants "${2-}" | xargs -0 -n 5 -P "$(nproc)" "$PWD/tests/mutate_ha.sh" --one | tee "$table"
    say_sum "$table"
}

say_sum() # TABLE
{
    local all caught
    all=$(wc -l <"$1")
    caught=$(grep -c '^caught' "$1" || true)
    rm -f "$1"
    echo "$all mutants: $caught caught, $((all - caught)) not"
    ((all > 0 && caught == all))
}

main "$@"
