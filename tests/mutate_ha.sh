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
readonly TESTS=(test_ha_right test_ha_tables test_standin test_slot test_isolation test_ha_grips)

# name | by | file | old text | new text
readonly MUTANTS='
impatient decider              | sim  | ha/ha_host.c   | < proof_ms(lease_ms))        | < proof_ms(lease_ms) / 2)
decider by its own times alone | sim  | ha/ha_host.c   | MAX(our_ms, told_ms(grip)); /* its own */ | our_ms;
decider by what is said alone   | unit | ha/ha_host.c   | MAX(our_ms, told_ms(grip)); /* its own */ | told_ms(grip);
unsaid length taken for short  | unit | ha/right.c     | return said_ms > 0 ? said_ms : longest_ms; | return said_ms + 0 * longest_ms;
a copied slot counts for more  | unit | ha/ha_host.c   | if (!in_etcd \&\& ha_is_vouched(ha, \&owner, now_ms)) /* vouched */ | if (0)
a named lease taken for idle   | unit | ha/ha_host.c   | grip->seq == 0 \&\& !is_named(ha, owner); | grip->seq == 0 \&\& owner != NULL;
longer watchdog at once        | unit | ha/keeper.c    | lease->state != LEASE_OUT \&\& lease->end_ms - lease->counted_ms < lease->times.length_ms | lease->end_ms < 0
longer write under way         | unit | ha/ha_host.c   | grip->record_seq > grip->seq ? MAX(slot_ms, record_ms) : slot_ms; /* registered */ | slot_ms;
longer times count at once     | unit | ha/lease_fsm.c | end_at(fsm, fsm->counted_ms + fsm->told_ms); /* kept */ | end_at(fsm, fsm->counted_ms + fsm->times.length_ms);
shorter times once answered    | unit | ha/lease_fsm.c | fsm->end_ms = MIN(fsm->end_ms, now_ms + fsm->told_ms);            /* shorter */ | (void)0;
told shorter than watched      | unit | ha/keeper.c    | lease->armed_ms = keeper->armed_until_ms; /* watchdog */ | (void)0;
power off before first sight   | sim  | ha/ha_host.c   | host->off_ms > grip->since_ms | host->off_ms > 0
back-dated first sight         | sim  | ha/ha.c        | grip->confirmed_ms = now_ms; /* lease */ | grip->confirmed_ms = grip->since_ms > 0 ? grip->since_ms + 1 : now_ms;
back-dated first sight of seq | sim  | ha/ha.c        | grip->confirmed_ms = now_ms; /* seq */ | grip->confirmed_ms = grip->since_ms > 0 ? grip->since_ms + 1 : now_ms;
lease counted from the answer  | unit | ha/lease_fsm.c | counted_ms = fsm->sent_ms;   | counted_ms = fsm->sent_ms + 3000;
lease that never ends          | sim  | ha/lease_fsm.c | return now_ms >= fsm->until_ms; | return now_ms < 0;
same life after a lapse        | sim  | ha/lease_fsm.c | fsm->self.inc.n++;           | (void)0;
no watchdog                    | sim  | ha/keeper.c    | now_ms <= keeper_deadline(keeper) - keeper->watchdog_ms | keeper_deadline(keeper) > 0
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
stand-in without a mandate     | unit | ha/standin.c   | if (!standin->leads)         | if (false)
stand-in starts the unknown    | unit | ha/standin.c   | vm->planned \&\& vm->version > 0 | vm->planned
claimed right called again     | unit | ha/standin.c   | \&\& !right->claimed \&\& inc.boot != 0 | \&\& inc.boot != 0
call of another life           | unit | ha/standin.c   | ha_owner_equal(\&right->owners[0], \&self) | right->owners[0].host == self.host
buried life goes on            | unit | ha/lease_fsm.c | LEASE_LAPSED, LSA_KILL,    "buried | LEASE_STAY, LSA_NOTHING,    "buried
no lease at the start          | unit | ha/keeper.c    | holds(keeper, vm->authority, now_ms); /* may run */ | true;
claim answered too late        | unit | ha/keeper.c    | } else if (!holds(keeper, vm->authority, now_ms)) { | } else if (false) {
process without a right        | unit | ha/keeper.c    | return !exists;              | return true;
watchdog armed past the lease  | unit | ha/keeper.c    | keeper->armed_until_ms <= lease_fsm_deadline(lease) | keeper->armed_until_ms > 0
adopted VM without a process   | unit | ha/keeper.c    | .has_process = true }); | .has_process = false });
seq that repeats               | sim  | ha/lease_fsm.c | now_ms > fsm->seq ? now_ms : fsm->seq + 1; /* seq */ | fsm->seq + 1;
slot proved unread             | sim  | ha/ha_host.c   | in_etcd ? now_ms : grip->confirmed_ms | now_ms
slot confirmed on arrival      | unit | ha/ha.c        | grip->confirmed_ms = seen->asked_ms; | grip->confirmed_ms = now_ms;
older slot confirms            | unit | ha/ha.c        | if (seen->seq == grip->seq \&\& seen->asked_ms | if (seen->seq <= grip->seq \&\& seen->asked_ms
slot of another life           | unit | ha/ha.c        | !grip \|\| !ha_inc_equal(grip->inc, seen->inc)) /* slot */ | !grip)
slot of the former life        | unit | ha/ha.c        | grip->seq = 0; /* the former | (void)0; /* the former
registration confirms the slot | unit | ha/ha.c        | return; /* nothing new, or an old record */ | { grip->confirmed_ms = seen->asked_ms; return; }
slot that nobody saw is given  | sim  | ha/ha.c        | (grip->seq != 0 \&\& /* shown */ | (grip->version != 0 \&\&
reading without an age         | unit | ha/slot.c      | return now_ms > own->seq ? now_ms - own->seq : 0; /* age */ | return 0;
goes on in any file            | sim  | ha/slot.c      | return record->tag == tag \&\& ha_owner_equal(\&record->owner, self); | return record->owner.host == self->host;
sum of a slot not checked      | unit | ha/slot.c      | != slot_sum(sector, AT_SUM) /* sum */) | == 0)
torn slot: the older sector    | unit | ha/slot.c      | (!first \|\| is_newer(\&records[1], \&records[0])) | (!first \|\| is_newer(\&records[0], \&records[1]))
two files in one life          | sim  | ha/lease_fsm.c | LEASE_OUT,    LSA_REBORN,  "an incarnation writes | LEASE_STAY,   LSA_NOTHING, "an incarnation writes
new file over a VM             | unit | ha/keeper.c    | answer->event == LSE_SPENT \&\& protects(keeper, authority) | answer->event == LSE_SPENT \&\& false
lease taken from under a VM    | unit | ha/keeper.c    | if (protects(keeper, authority)) /* remove */ | if (false)
renewed too late to be watched | sim  | ha/keeper.c    | lease->until_ms = until_ms; /* in time */ | (void)until_ms;
dead but for an unseen slot    | sim  | ha/ha_host.c   | grip->authority >= HA_STORAGE \&\& grip->seq == 0 \&\& !is_named(ha, owner); | (void)ha, (void)owner, (void)grip, false;
given up over running VMs      | sim  | ha/lease_fsm.c | LEASE_LAPSED, LSA_KILL,    "cut off | LEASE_OUT,    LSA_REBORN,  "cut off
ended though it shuts down     | sim  | ha/keeper.c    | (keeper->step == ISOLATION_END \|\| !has_processes(keeper, authority)); | true;
alone because it stood still   | sim  | ha/isolation.c | else if (gap_ms > STALL_MS) /* stall */ | else if (gap_ms < 0)
answers of etcd not heard      | sim  | ha/keeper.c    | if (authority == HA_ETCD \&\& answer->event != LSE_UNKNOWN) | if (false)
ended though to be left        | sim  | ha/isolation.c | if (!has_vms \|\| policy->response == ISOLATION_LEAVE) | if (!has_vms)
start under a slot given up    | unit | ha/keeper.c    | return authority >= HA_STORAGE \&\& keeper->step != ISOLATION_NOTHING; | return false;
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
    for test in "${TESTS[@]}"; do
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
    local flags libs objects=() object test
    read -ra flags <<<"$MUTATE_FLAGS"
    read -ra libs <<<"$MUTATE_LIBS"
    $MUTATE_CC "${flags[@]}" -I"$BUILD" -w -O1 -c -o "$1/mutant.o" "$1/mutant.c" || return
    for object in "$BUILD"/ha/*.o; do
        [[ ${object##*/} == "$(basename "$2" .c).o" ]] || objects+=("$object")
    done
    (
        cd "$BUILD" &&
            $MUTATE_CC -o "$1/ha-sim" tests/sim/*.o "$1/mutant.o" "${objects[@]}" "${libs[@]}" || exit
        for test in "${TESTS[@]}"; do
            $MUTATE_CC -o "$1/$test" "tests/$test.o" "$1/mutant.o" "${objects[@]}" "${libs[@]}" || exit
        done
    )
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
