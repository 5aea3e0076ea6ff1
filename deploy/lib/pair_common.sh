# shellcheck shell=bash
# shellcheck disable=SC2034 # the names below are read by the other files
# pair_common.sh - names, ports, folders and waiting for deploy/pair.  Sourced, never run.

readonly PAIR_START_LIMIT_S=60 # one server, recovery after a crash included
readonly PAIR_STOP_LIMIT_S=15
readonly PAIR_ACTIVE_LIMIT_S=60
readonly PAIR_LOCK_LIMIT_S=180
readonly PAIR_MAX_DIR=70 # PostgreSQL's sockets are below it, and their paths are limited
readonly PAIR_CONF=$PAIR_TOP/deploy/conf/pair
readonly PG_BIN=/usr/lib/postgresql/15/bin
readonly PAIR_SERVERS='etcd1 etcd2 etcd3 pg1 pg2 vrmd1 vrmd2 haproxy'

pair_say()
{
    printf 'pair: %s\n' "$*" >&2
}

pair_die()
{
    pair_say "$*"
    exit 1
}

pair_usage()
{
    pair_say "$* (see deploy/pair --help)"
    exit 2
}

pair_init()
{
    PATH=$PATH:/usr/sbin # haproxy
    PAIR_DIR=${VRM_PAIR_DIR:-/var/tmp/vrm-pair}
    PAIR_PORT=${VRM_PAIR_PORT:-7800}
    PAIR_FSYNC=${VRM_PG_FSYNC:-on}
    PAIR_VRMD=${VRM_VRMD:-}
    PAIR_LAB=${VRM_LAB:-}
    [[ $PAIR_DIR =~ ^/[A-Za-z0-9._/-]+$ && $PAIR_DIR != */../* && $PAIR_DIR != */.. ]] ||
        pair_usage "VRM_PAIR_DIR '$PAIR_DIR': must be an absolute path of letters, digits and . _ - /"
    ((${#PAIR_DIR} <= PAIR_MAX_DIR)) ||
        pair_usage "VRM_PAIR_DIR '$PAIR_DIR': longer than $PAIR_MAX_DIR characters"
    if [[ ! $PAIR_PORT =~ ^[1-9][0-9]{3,4}$ ]] || ((PAIR_PORT > 65525)); then
        pair_usage "VRM_PAIR_PORT '$PAIR_PORT': must be a port from 1000 to 65525"
    fi
    [[ $PAIR_FSYNC == on || $PAIR_FSYNC == off ]] ||
        pair_usage "VRM_PG_FSYNC '$PAIR_FSYNC': must be on or off"
    [[ -z $PAIR_LAB || $PAIR_LAB =~ ^([0-9]|1[0-5])$ ]] ||
        pair_usage "VRM_LAB '$PAIR_LAB': must be a number from 0 to 15"
    PAIR_DIR=$(realpath -m "$PAIR_DIR") # as /proc shows it
    PAIR_MARK=$PAIR_DIR/.vrm-pair       # proves that the folder is ours to delete
    PAIR_CERTS=$PAIR_DIR/certs
    PAIR_LOGS=$PAIR_DIR/log
    PAIR_LAB_IP=10.90.$PAIR_LAB.1 # where its hosts reach this machine
}

# pair_recall - what `up` was given counts until `down`.
pair_recall()
{
    local key value
    while IFS='=' read -r key value; do
        case $key in
        port) PAIR_PORT=$value ;;
        fsync) PAIR_FSYNC=$value ;;
        vrmd) PAIR_VRMD=$value ;;
        lab) PAIR_LAB=$value ;;
        esac
    done <"$PAIR_MARK"
    PAIR_LAB_IP=10.90.$PAIR_LAB.1
}

# pair_open pair|lock - there is a pair; nobody else works on it.
pair_open()
{
    [[ -f $PAIR_MARK ]] || pair_die "there is no pair in $PAIR_DIR: run deploy/pair up"
    pair_recall
    [[ $1 != lock ]] || pair_lock
}

# The lock is the folder itself, so that nothing stays behind.
pair_lock()
{
    exec 9<"$PAIR_DIR" || pair_die "VRM_PAIR_DIR '$PAIR_DIR': cannot open"
    flock -w "$PAIR_LOCK_LIMIT_S" 9 ||
        pair_die "another deploy/pair has worked on $PAIR_DIR for over $PAIR_LOCK_LIMIT_S s"
    [[ /proc/self/fd/9 -ef $PAIR_DIR ]] || pair_die "$PAIR_DIR was removed meanwhile"
}

# adopt - makes the folder ours; never one that holds somebody else's files.
pair_adopt()
{
    local want_port=$PAIR_PORT want_lab=$PAIR_LAB
    mkdir -p "$PAIR_DIR" || pair_die "VRM_PAIR_DIR '$PAIR_DIR': cannot create"
    pair_lock
    if [[ -f $PAIR_MARK ]]; then
        pair_recall
        [[ -z ${VRM_PAIR_PORT-} || $want_port == "$PAIR_PORT" ]] ||
            pair_die "VRM_PAIR_PORT '$want_port': $PAIR_DIR was made with $PAIR_PORT; run down first"
        [[ -z $want_lab || $want_lab == "$PAIR_LAB" ]] ||
            pair_die "VRM_LAB '$want_lab': $PAIR_DIR was made with '$PAIR_LAB'; run down first"
        return
    fi
    [[ -z $(ls -A "$PAIR_DIR") ]] ||
        pair_die "VRM_PAIR_DIR '$PAIR_DIR': not empty and not made by deploy/pair"
    chmod 0755 "$PAIR_DIR"
    printf 'port=%s\nfsync=%s\nvrmd=%s\nlab=%s\n' "$PAIR_PORT" "$PAIR_FSYNC" "$PAIR_VRMD" \
        "$PAIR_LAB" >"$PAIR_MARK"
}

# --- names ------------------------------------------------------------------------------------

# port_of NAME - the port that clients of this server use; etcd's peers use the next one.
port_of()
{
    case $1 in
    haproxy) echo "$PAIR_PORT" ;;
    vrmd[12]) echo $((PAIR_PORT + ${1#vrmd})) ;;
    pg[12]) echo $((PAIR_PORT + 2 + ${1#pg})) ;;
    etcd[123]) echo $((PAIR_PORT + 3 + 2 * ${1#etcd})) ;;
    esac
}

# pair_beats vrmdN - where it hears the beats of a lab's hosts.
pair_beats() { echo "10.91.$PAIR_LAB.${1#vrmd}"; }

lab_is_up() { [[ -e /sys/class/net/vrm${PAIR_LAB}ha ]]; }

# place_of NAME - sets place: the folder and the program that make its processes known.
place_of()
{
    local program=${1%[123]}
    place=("$PAIR_DIR/$1" "${program/#pg/postgres}")
}

pids_of() { place_of "$1" && server_pids "${place[@]}"; }
runs() { [[ -n $(pids_of "$1") ]]; }
stands() { place_of "$1" && server_stands "${place[@]}"; }
send() { place_of "$2" && server_signal "$1" "${place[@]}"; }
is_gone() { place_of "$1" && server_gone "$2" "${place[@]}"; }

kill_server()
{
    send KILL "$1"
    is_gone "$1" "$PAIR_STOP_LIMIT_S" || pair_die "$1 survives kill -9: $(pids_of "$1" | tr '\n' ' ')"
}

log_of() { echo "$PAIR_LOGS/$1.log"; }

# fail_start NAME - with the last words of its log.
fail_start()
{
    pair_die "$1 did not start within $PAIR_START_LIMIT_S s; $(log_of "$1") ends with:" \
        "$(tail -n 5 "$(log_of "$1")" 2>/dev/null)"
}

check_port_free()
{
    ! is_listening "$1" ||
        pair_die "port $1 on 127.0.0.1 is taken by another program: end it or set VRM_PAIR_PORT"
}

# own FILE_OR_FOLDER... USER - as root, give it to the user if there is one.
own()
{
    local user=${*: -1}
    ((EUID != 0)) || ! id -u "$user" >/dev/null 2>&1 || chown "$user:" "${@:1:$#-1}"
}

# wait_for SECONDS COMMAND... - retries until the command succeeds; false when time is up.
wait_for()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# sample FILE - without comments and empty lines.
sample()
{
    sed -E '/^[[:space:]]*(#|$)/d' "$PAIR_CONF/$1"
}
