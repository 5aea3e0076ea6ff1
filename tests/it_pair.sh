#!/bin/bash
# it_pair.sh [CASE...] - clients write through the one address while each part of deploy/pair is hurt.
#
# The clients are curl in a loop: they log in once, and try again after a connection that broke or a 5xx;
# nothing else is forgiven, a 401 neither.  After each case every acknowledged creation must be there and every
# acknowledged deletion gone, in PostgreSQL and in the API.  Prints a table.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
set -u

TOP=$(cd "${srcdir:-$(dirname "$0")/..}" && pwd)
BUILD=$(cd "${builddir:-.}" && pwd)
readonly N_WRITERS=3
readonly KEPT=5           # clusters a writer leaves before it deletes its oldest
readonly RESUME_LIMIT_S=90 # service must be back; a busy machine with a sanitizer is slow
CASES=(
    active_is_killed
    machine_of_active_is_lost
    active_is_frozen
    active_is_stopped
    etcd_members_are_killed_in_turn
    etcd_leader_is_frozen
    etcd_loses_its_quorum
    replica_is_killed
    primary_is_killed
    primary_is_frozen
    old_primary_is_not_fenced
)

skip()
{
    echo "skipped: $*" >&2
    exit "$((${VRM_REQUIRE_ALL:-0} ? 1 : 77))"
}

for program in etcd haproxy jq curl psql; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "no $program"
done
[[ -x /usr/lib/postgresql/15/bin/postgres ]] || skip "no PostgreSQL 15"

VRM_PAIR_DIR=$(mktemp -d "${TMPDIR:-/tmp}/vrm-pair.XXXXXX")
WORK=$(mktemp -d "${TMPDIR:-/tmp}/vrm-pair-test.XXXXXX")
export VRM_PAIR_DIR VRM_VRMD=$BUILD/vrmd VRM_PG_FSYNC=off
unset VRM_LAB

# The words of all that went wrong: a function may run in a process of its own.
fail()
{
    echo "$*" | tee -a "$WORK/failures" >&2
    return 1
}

pair() { "$TOP/deploy/pair" "$@"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

clean_up()
{
    local pid
    touch "$WORK/stop" "$WORK/quit"
    for pid in $(jobs -p); do
        kill "$pid" 2>/dev/null
    done
    wait
    if [[ -s $WORK/failures ]]; then
        for pid in vrmd1 vrmd2 pg1 pg2 haproxy; do
            echo "--- $pid" && tail -n 25 "$VRM_PAIR_DIR/log/$pid.log"
        done
    fi
    pair down
    rm -rf "$WORK"
}

# Others may take the same ports between our look and our start: then try different ones.
pair_up()
{
    local tries
    for ((tries = 0; tries < 5; tries++)); do
        VRM_PAIR_PORT=$((33000 + ($$ * 11 + tries * 7919) % 20000)) pair up >/dev/null && return
        pair down
    done
    return 1
}

# --- clients ------------------------------------------------------------------------------------

# log_in - sets TOKEN.
log_in()
{
    TOKEN=''
    until [[ -n $TOKEN || -e $WORK/quit ]]; do
        TOKEN=$(ask_token)
    done
}

ask_token()
{
    curl -s -m 10 --noproxy '*' --cacert "$VRM_CACERT" -D - -o /dev/null -X POST \
        "$VRM_URL/service/session" -H 'X-Auth-User: admin' -H "X-Auth-Key: $(<"$VRM_PASSWORD_FILE")" |
        tr -d '\r' | awk 'tolower($1) == "x-auth-token:" { print $2 }'
}

# call METHOD PATH [BODY] - repeats until there is an answer that is none of "try again"; sets STATUS,
# ANSWER, and REPEATED if an earlier try may have been carried out.
call()
{
    REPEATED=no
    while [[ ! -e $WORK/quit ]]; do
        ANSWER=$(curl -s -m 15 --noproxy '*' --cacert "$VRM_CACERT" -w '\n%{http_code}' -X "$1" "$VRM_URL$2" \
            -H "X-Auth-Token: $TOKEN" ${3:+--data-binary "$3"})
        STATUS=${ANSWER##*$'\n'}
        ANSWER=${ANSWER%$'\n'*}
        case $STATUS in
        000 | 5??) REPEATED=yes ;;
        401) fail "$1 $2: logged out: $ANSWER" || return ;;
        *) return 0 ;;
        esac
        sleep 0.1
    done
    return 1
}

# find_cluster NAME - sets URI; empty when there is none.
find_cluster()
{
    call GET "$SITE/clusters" || return
    URI=$(jq -r --arg name "$1" '.clusters[] | select(.name == $name).uri' <<<"$ANSWER")
}

create()
{
    call POST "$SITE/clusters" "{\"name\":\"$1\"}" || return
    if [[ $STATUS == 200 ]]; then
        URI=$(jq -r .uri <<<"$ANSWER")
        return
    fi
    [[ $REPEATED == yes ]] || fail "POST $1: $STATUS $ANSWER" || return
    find_cluster "$1" || return
    [[ -n $URI ]] || fail "POST $1, repeated: $STATUS $ANSWER"
}

delete()
{
    call DELETE "$2" || return
    [[ $STATUS == 200 || ($REPEATED == yes && $ANSWER == *'does not exist'*) ]] ||
        fail "DELETE $1: $STATUS $ANSWER"
}

# writer N - its log: what was acknowledged, when.
writer()
{
    local n=0 name log=$WORK/log.$1 uris=()
    log_in
    while [[ ! -e $WORK/stop ]]; do
        name=w$1-$CASE-$n
        create "$name" || return
        echo "$(now_ms) + $name" >>"$log"
        uris+=("$URI")
        if ((n >= KEPT)); then
            delete "w$1-$CASE-$((n - KEPT))" "${uris[n - KEPT]}" || return
            echo "$(now_ms) - w$1-$CASE-$((n - KEPT))" >>"$log"
        fi
        n=$((n + 1))
    done
}

acknowledged() { cat "$WORK"/log.* 2>/dev/null | wc -l; }

# wait_for_acknowledged MORE - all clients together get so many more.
wait_for_acknowledged()
{
    local want=$(($(acknowledged) + $1)) end=$((SECONDS + RESUME_LIMIT_S))
    until (($(acknowledged) >= want)); do
        ((SECONDS < end)) || fail "$CASE: no service within $RESUME_LIMIT_S s" || return
        sleep 0.1
    done
}

# gap_ms SINCE - the longest time without an acknowledged write that ends after SINCE.
gap_ms()
{
    cat "$WORK"/log.* | sort -n | awk -v since="$1" '
        before && $1 > since && $1 - before > gap { gap = $1 - before }
        { before = $1 }
        END { print gap + 0 }'
}

expected()
{
    cat "$WORK"/log.* "$WORK"/old.* 2>/dev/null | awk '
        $2 == "+" { there[$3] = 1 }
        $2 == "-" { delete there[$3] }
        END { for (name in there) print name }' | sort
}

# n_lost - acknowledged writes that are not as acknowledged.  Each client may have had one more
# under way when it was stopped: it finishes it, so there is none in doubt.
n_lost()
{
    expected >"$WORK/expected"
    psql -XAtq "$VRM_PG_CONNINFO" -c "SELECT name FROM cluster WHERE name LIKE 'w%'" | sort >"$WORK/database"
    call GET "$SITE/clusters" && jq -r '.clusters[].name' <<<"$ANSWER" | grep '^w' | sort >"$WORK/api"
    { diff "$WORK/expected" "$WORK/database"; diff "$WORK/expected" "$WORK/api"; } |
        grep '^[<>]' | tee -a "$WORK/lost" | wc -l
}

# --- cases: each hurts and mends; $GOES_ON must be called where service is expected again -----------

goes_on() { wait_for_acknowledged 20; }

epoch() { curl -s -m 5 --noproxy '*' --cacert "$VRM_CACERT" "$VRM_URL/healthz" | jq .epoch; }

case_active_is_killed()
{
    local who
    who=$(pair kill active) && goes_on && pair heal "$who" >/dev/null
}

case_machine_of_active_is_lost()
{
    local who
    who=$(pair lose active) && goes_on && pair heal "$who" >/dev/null
}

case_active_is_frozen()
{
    local who
    who=$(pair pause active) && goes_on || return
    pair heal "$who" >/dev/null && goes_on
}

case_active_is_stopped()
{
    local who
    who=$(pair stop active) && goes_on && pair heal "$who" >/dev/null
}

# The leader of etcd is one of them; nobody deposes the active vrmd.
case_etcd_members_are_killed_in_turn()
{
    local name before
    before=$(epoch)
    for name in etcd1 etcd2 etcd3; do
        pair kill $name >/dev/null && goes_on && pair heal $name >/dev/null || return
    done
    [[ $(epoch) == "$before" ]] || fail "the active vrmd was deposed: epoch $before, now $(epoch)"
}

case_etcd_leader_is_frozen()
{
    local who
    who=$(pair pause etcd-leader) && goes_on && pair heal "$who" >/dev/null && goes_on
}

# Without a quorum nobody may act; with it, all goes on.
case_etcd_loses_its_quorum()
{
    local n
    pair kill etcd1 >/dev/null && pair kill etcd2 >/dev/null
    sleep 4
    n=$(acknowledged)
    sleep 2
    (($(acknowledged) == n)) || fail "writes are acknowledged without etcd's quorum"
    pair heal etcd1 >/dev/null && goes_on && pair heal etcd2 >/dev/null
}

# Nothing is acknowledged that is not on both, until a person says so.
case_replica_is_killed()
{
    local who n
    who=$(pair kill replica)
    sleep 1
    n=$(acknowledged)
    sleep 3
    (($(acknowledged) == n)) || fail "writes are acknowledged without the standby"
    pair alone on && goes_on && pair heal "$who" >/dev/null
    pair status | grep -q 'acknowledges with its standby' || fail "the standby does not count again"
}

case_primary_is_killed()
{
    local who
    who=$(pair kill primary) && pair promote >/dev/null && goes_on && pair heal "$who" >/dev/null
}

case_primary_is_frozen()
{
    local who
    who=$(pair pause primary)
    sleep 1
    pair promote --unfenced >/dev/null && goes_on && pair heal "$who" >/dev/null
}

# An old primary that lives on, or comes back and may even acknowledge alone, gets no more writes:
# neither from a vrmd that knows of the promotion nor from one that has just begun.
case_old_primary_is_not_fenced()
{
    local who first second
    who=$(psql -XAtq "$VRM_PG_CONNINFO" -c 'SHOW cluster_name')
    pair promote --unfenced >/dev/null && goes_on || return
    pair kill "$who" >/dev/null && pair revive "$who" && may_be_alone "$who" && goes_on || return
    first=$(pair kill active) && goes_on && pair heal "$first" >/dev/null || return
    second=$(pair kill active) && goes_on && pair heal "$second" >/dev/null || return
    has_no_news "$who" && pair heal "$who" >/dev/null
}

port_of() { pair status | awk -v name="$1" '$1 == name { print $2 }'; }

may_be_alone()
{
    printf '%s;\n' "ALTER SYSTEM SET synchronous_standby_names = ''" 'SELECT pg_reload_conf()' |
        psql -XAtq -v ON_ERROR_STOP=1 -h "$VRM_PAIR_DIR/sock" -p "$(port_of "$1")" -U postgres >/dev/null
}

# has_no_news NAME - it has none of the newest acknowledged writes.
has_no_news()
{
    local newest n
    newest=$(cat "$WORK"/log.* | sort -n | awk '$2 == "+" { print $3 }' | tail -n 1)
    n=$(psql -XAtq "host=127.0.0.1 port=$(port_of "$1") dbname=vrm user=vrm" \
        -c "SELECT count(*) FROM cluster WHERE name = '$newest'")
    [[ $n == 0 ]] || fail "$1, an old primary, has $newest ('$n')"
}

# --- the table ------------------------------------------------------------------------------------

run_case()
{
    local i since status=0 lost gap n
    CASE=$1
    rm -f "$WORK"/stop "$WORK"/log.*
    for ((i = 1; i <= N_WRITERS; i++)); do
        writer $i &
    done
    wait_for_acknowledged 15 || return
    since=$(now_ms)
    "case_$1" || status=1
    touch "$WORK/stop"
    ((status == 0)) || touch "$WORK/quit"
    wait
    gap=$(gap_ms "$since") n=$(acknowledged) lost=$(n_lost)
    printf '%-34s %8s %13s %5s\n' "${1//_/ }" "$((gap / 1000)).$((gap % 1000 / 100)) s" "$n" "$lost" |
        tee -a "$WORK/table"
    for ((i = 1; i <= N_WRITERS; i++)); do
        cat "$WORK/log.$i" >>"$WORK/old.$i"
    done
    ((lost == 0)) || fail "$1: $lost lost or wrong: $(sort -u "$WORK/lost" | head -n 5 | tr '\n' ' ')" || return
    return $status
}

trap clean_up EXIT
trap 'exit 1' HUP INT TERM
pair_up || { fail "deploy/pair up"; exit 1; }
eval "$(pair env)"
export PGPASSWORD
PGPASSWORD=$(sed -E 's/.* password=([0-9a-f]*).*/\1/' <<<"$VRM_PG_CONNINFO")
log_in
CASE=begin
call GET /service/sites && SITE=$(jq -r '.sites[0].uri' <<<"$ANSWER")
printf '%-34s %10s %13s %5s\n' event 'no service' acknowledged lost
n_failed=0 n_passed=0
for name in "${@:-${CASES[@]}}"; do
    if run_case "$name" && [[ ! -s $WORK/failures ]]; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        echo "FAILED $name"
        break # what follows would begin with something broken
    fi
done
echo "$n_passed passed, $n_failed failed"
((n_failed == 0))
