# shellcheck shell=bash
# pair_cmd.sh - the commands of deploy/pair.  Sourced, never run.

readonly PAIR_PROGRAMS='etcd curl openssl setpriv flock haproxy jq'

check_programs()
{
    local program
    [[ -x $PG_BIN/postgres ]] || pair_die "PostgreSQL 15 is missing: run deploy/install-deps run"
    for program in $PAIR_PROGRAMS; do
        command -v "$program" >/dev/null ||
            pair_die "$program is missing: run deploy/install-deps run"
    done
    if [[ -z $PAIR_VRMD ]]; then
        PAIR_VRMD=$PAIR_TOP/build/vrmd
        [[ -x $PAIR_VRMD ]] || PAIR_VRMD=$(command -v vrmd) ||
            pair_die "no vrmd: build it in $PAIR_TOP/build, or set VRM_VRMD"
    fi
    [[ -x $PAIR_VRMD && ! -d $PAIR_VRMD ]] || pair_die "VRM_VRMD '$PAIR_VRMD': is not a program"
    PAIR_VRMD=$(realpath "$PAIR_VRMD")
}

# A half-made server of an interrupted run is worth nothing.
make_secrets()
{
    mkdir -p "$PAIR_LOGS"
    [[ -e $PAIR_DIR/pg1.made ]] || rm -rf "$PAIR_DIR"/{pg1,pg2,secret}
    [[ -e $PAIR_DIR/secret ]] || (umask 077 && openssl rand -hex 16 >"$PAIR_DIR/secret")
    [[ -e $PAIR_DIR/admin.password ]] ||
        (umask 077 && openssl rand -hex 12 >"$PAIR_DIR/admin.password")
    (umask 077 && echo "*:*:*:replicator:$(<"$PAIR_DIR/secret")" >"$PAIR_DIR/pgpass")
    own "$PAIR_DIR/pgpass" postgres
}

start_databases()
{
    pg_configure
    if [[ ! -e $PAIR_DIR/pg1.made ]]; then
        kill_server pg1
        kill_server pg2
        pg_create_primary
    fi
    if [[ ! -e $PAIR_DIR/pg2.made ]]; then
        pg_start pg1
        pg_copy pg1 pg2
        touch "$PAIR_DIR/pg2.made"
    fi
    heal_pg pg1
    heal_pg pg2
}

# The second controller hears the hosts' beats at an address of its own on the lab's bridge.
join_lab()
{
    [[ -n $PAIR_LAB ]] || return 0
    lab_is_up || pair_die "VRM_LAB '$PAIR_LAB': there is no such lab; start it first (deploy/lab up N)"
    ip addr replace "$(pair_beats vrmd2)/24" dev "vrm${PAIR_LAB}ha"
}

leave_lab()
{
    [[ -z $PAIR_LAB ]] || ! lab_is_up ||
        ip addr del "$(pair_beats vrmd2)/24" dev "vrm${PAIR_LAB}ha" 2>/dev/null || true
}

cmd_up()
{
    local name
    check_programs
    join_lab
    pair_adopt
    cd "$PAIR_DIR" || exit # PostgreSQL's programs complain of a folder that their user may not enter
    make_secrets
    front_certs
    for name in etcd1 etcd2 etcd3; do
        send CONT "$name"
        etcd_start "$name"
    done
    start_databases
    for name in etcd1 etcd2 etcd3; do
        etcd_wait "$name"
    done
    for name in vrmd1 vrmd2 haproxy; do
        send CONT "$name"
        "${name%[12]}_start" "$name"
    done
    haproxy_wait
    vrmd_wait vrmd1
    vrmd_wait vrmd2
    wait_for "$PAIR_ACTIVE_LIMIT_S" serves ||
        pair_die "no vrmd became active within $PAIR_ACTIVE_LIMIT_S s; see $PAIR_LOGS"
    cmd_env
}

serves() { [[ $(front_code haproxy /healthz/active) == 200 ]]; }

cmd_down()
{
    local name
    [[ -d $PAIR_DIR ]] || return 0
    [[ -f $PAIR_MARK || -z $(ls -A "$PAIR_DIR") ]] ||
        pair_die "VRM_PAIR_DIR '$PAIR_DIR': not made by deploy/pair, left alone"
    pair_lock
    [[ ! -f $PAIR_MARK ]] || pair_recall
    leave_lab
    kill_keeper vrmd1
    kill_keeper vrmd2
    for name in haproxy vrmd1 vrmd2 pg1 pg2 etcd1 etcd2 etcd3; do
        kill_server "$name"
    done
    pg_drop_memory "$PAIR_DIR/pg1"
    pg_drop_memory "$PAIR_DIR/pg2"
    rm -rf "${PAIR_DIR:?}"
}

cmd_env()
{
    printf "VRM_URL='%s'\nVRM_CACERT='%s'\nVRM_PASSWORD_FILE='%s'\n" \
        "https://127.0.0.1:$PAIR_PORT" "$PAIR_CERTS/ca.pem" "$PAIR_DIR/admin.password"
    printf "VRM_ETCD_URL='%s'\nVRM_PG_CONNINFO='%s'\n" "$(etcd_urls)" \
        "$(pair_conninfo) target_session_attrs=read-write"
}

# --- status -----------------------------------------------------------------------------------

status_of()
{
    local state=running role='' good=yes
    if ! runs "$1"; then
        state='not running' good=no
    elif stands "$1"; then
        state=paused good=no
    else
        role=$("${1%[123]}_role" "$1") || true
        [[ -n $role ]] || { role='does not answer' && good=no; }
    fi
    case $role in
    primary)
        role="primary, $(pg_sync "$1")"
        [[ $role == *'with its standby' ]] || good=no
        ;;
    'finds no active vrmd' | 'no leader' | 'does not answer') good=no ;;
    esac
    printf '%-8s %-5s %-12s %s\n' "$1" "$(port_of "$1")" "$state" "$role"
    [[ $good == yes ]]
}

cmd_status()
{
    local name n_bad=0
    if [[ ! -f $PAIR_MARK ]]; then
        echo "no pair in $PAIR_DIR"
        return 3
    fi
    pair_recall
    for name in $PAIR_SERVERS; do
        status_of "$name" || n_bad=$((n_bad + 1))
    done
    ((n_bad == 0))
}

# --- trouble ----------------------------------------------------------------------------------

# choose WHO - sets who: the name, also of one named by its role.
choose()
{
    who=$1
    case $1 in
    active | standby) who=$(vrmd_in_role "$1") || pair_die "no vrmd is $1 now" ;;
    primary) who=$(pg_primary) || pair_die "no PostgreSQL is primary now" ;;
    replica)
        who=$(pg_primary) || pair_die "no PostgreSQL is primary now"
        who=$(pg_other "$who")
        ;;
    etcd-leader) who=$(etcd_leader) || pair_die "etcd has no leader now" ;;
    *) [[ " $PAIR_SERVERS " == *" $1 "* ]] || pair_usage "WHO '$1': must be one of $PAIR_SERVERS, or a role" ;;
    esac
}

cmd_kill()
{
    choose "$1"
    kill_server "$who"
    echo "$who"
}

# The keeper first: nobody is left who could give leadership back.
cmd_lose()
{
    choose "$1"
    [[ $who == vrmd[12] ]] || pair_usage "WHO '$1': must be a vrmd; kill does the same to others"
    kill_keeper "$who"
    kill_server "$who"
    echo "$who"
}

cmd_pause()
{
    choose "$1"
    runs "$who" || pair_die "$who does not run"
    send STOP "$who"
    echo "$who"
}

cmd_stop()
{
    choose "$1"
    "${who%[123]}_stop" "$who"
    is_gone "$who" "$PAIR_STOP_LIMIT_S" || {
        pair_say "$who did not end within $PAIR_STOP_LIMIT_S s: killing it"
        kill_server "$who"
    }
    echo "$who"
}

cmd_heal()
{
    choose "$1"
    [[ -z $PAIR_LAB ]] || ! lab_is_up || join_lab # it may have been made anew
    if [[ $who == pg* ]]; then
        heal_pg "$who"
    else
        send CONT "$who"
        "${who%[123]}_start" "$who"
        "${who%[123]}_wait" "$who"
    fi
    echo "$who"
}

# heal_pg NAME - it streams from the primary, or is the primary and has a standby again.
heal_pg()
{
    local primary other
    other=$(pg_other "$1")
    send CONT "$1"
    primary=$(pg_primary) || true
    if [[ $primary == "$other" && ! -e $PAIR_DIR/$1/standby.signal ]]; then
        kill_server "$1" # an old primary, running or not
        pg_rejoin "$1" "$other"
    fi
    pg_start "$1"
    primary=$(pg_primary) || return 0
    runs "$(pg_other "$primary")" || return 0
    wait_for "$PAIR_START_LIMIT_S" pg_streams "$primary" ||
        pair_die "$(pg_other "$primary") does not follow $primary; see $PAIR_LOGS"
    pg_alone "$primary" off
}

cmd_promote()
{
    local old='' name
    [[ -z ${1-} || $1 == --unfenced ]] || pair_usage "'$1': must be --unfenced"
    for name in pg1 pg2; do
        [[ -e $PAIR_DIR/$name/standby.signal ]] || old=$name
    done
    [[ -n $old && -e $PAIR_DIR/$(pg_other "$old")/standby.signal ]] ||
        pair_die "there is no standby to promote"
    if [[ -z ${1-} ]] && runs "$old"; then
        pair_die "$old, the primary, runs: end it first (deploy/pair kill $old)"
    fi
    name=$(pg_other "$old")
    runs "$name" || pair_die "$name, the standby, does not run"
    [[ $(pg_ask "$name" 'SELECT pg_promote(true, 30)') == t ]] ||
        pair_die "$name was not promoted within 30 s; see $(log_of "$name")"
    pg_alone "$name" on
    echo "$name"
}

cmd_revive()
{
    [[ $1 == pg[12] ]] || pair_usage "WHO '$1': must be pg1 or pg2"
    send CONT "$1"
    pg_start "$1"
}

cmd_alone()
{
    local primary
    [[ $1 == on || $1 == off ]] || pair_usage "'$1': must be on or off"
    primary=$(pg_primary) || pair_die "no PostgreSQL is primary now"
    pg_alone "$primary" "$1"
}
