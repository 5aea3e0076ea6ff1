# shellcheck shell=bash
# shellcheck disable=SC2034 # the names below are read by the other files
# demo_common.sh - settings, words, steps and waiting for deploy/demo.  Sourced, never run.

readonly DEMO_MAX_DIR=60 # PostgreSQL's socket is below it, and its path is limited

demo_usage()
{
    printf 'demo: %s (see deploy/demo --help)\n' "$*" >&2
    exit 2
}

demo_refuse()
{
    printf 'demo: error: %s\n' "$*" >&2
    exit 1
}

# In a step the message goes to its log, the end of which is shown then.
demo_die()
{
    echo "error: $*" >&2
    exit 1
}

demo_check_port() # NAME VALUE
{
    if [[ ! $2 =~ ^[1-9][0-9]{3,4}$ ]] || (($2 > 65534)); then
        demo_usage "$1 '$2': must be a port from 1000 to 65534"
    fi
}

# Before an earlier demo is taken down for one that cannot come up.
demo_check_ports()
{
    local pg=${VRM_PG_PORT:-7432} etcd=${VRM_ETCD_PORT:-7379}
    demo_check_port VRM_DEMO_PORT "$DEMO_PORT"
    demo_check_port VRM_PG_PORT "$pg"
    demo_check_port VRM_ETCD_PORT "$etcd"
    ((pg != etcd && pg != etcd + 1 && DEMO_PORT != pg && DEMO_PORT != etcd &&
        DEMO_PORT != etcd + 1)) ||
        demo_usage "VRM_DEMO_PORT $DEMO_PORT, VRM_PG_PORT $pg, VRM_ETCD_PORT $etcd and" \
            "$((etcd + 1)) (etcd's second): must be four different ports"
}

demo_init()
{
    exec 7>&2 # what the user sees, also when a step that ends has its output in a log
    DEMO_DIR=${VRM_DEMO_DIR:-/var/tmp/vrm-demo}
    DEMO_PORT=${VRM_DEMO_PORT:-7443}
    [[ $DEMO_DIR =~ ^/[A-Za-z0-9._/-]+$ && $DEMO_DIR != */../* && $DEMO_DIR != */.. ]] ||
        demo_usage "VRM_DEMO_DIR '$DEMO_DIR': must be an absolute path of letters, digits, . _ - /"
    DEMO_DIR=${DEMO_DIR%/}
    ((${#DEMO_DIR} <= DEMO_MAX_DIR)) ||
        demo_usage "VRM_DEMO_DIR '$DEMO_DIR': must not be longer than $DEMO_MAX_DIR characters"
    demo_check_ports
    ((EUID == 0)) || demo_refuse "must be run as root"
    DEMO_MARK=$DEMO_DIR/.vrm-demo # proves that the folder is ours to delete
    DEMO_LOGS=$DEMO_DIR/log
    DEMO_BUILD=$DEMO_DIR/build
    DEMO_URL=https://127.0.0.1:$DEMO_PORT
    export VRM_SERVICES_DIR=$DEMO_DIR/services
    demo_choose_lab "${VRM_LAB:-0}"
    export VRM_AGENT=$DEMO_BUILD/vrm-agent
    demo_choose_looks
}

# The lab has the folder that deploy/lab expects, so that its commands find it.
demo_choose_lab() # NUMBER
{
    if [[ ! $1 =~ ^(0|[1-9][0-9]?)$ ]] || (($1 > 15)); then
        demo_usage "VRM_LAB '$1': must be a number from 0 to 15"
    fi
    export VRM_LAB=$1
    export VRM_LAB_DIR=/var/tmp/vrm-lab-$1
}

# --- looks ------------------------------------------------------------------------------------

# Colours, bars and lines that change only where somebody watches; plain text into files and pipes.
demo_choose_looks()
{
    BOLD='' DIM='' RED='' GREEN='' YELLOW='' PLAIN='' BAR_FULL='#' BAR_FREE='.' DEMO_TTY=
    [[ -t 1 && ${TERM:-dumb} != dumb ]] || return 0
    DEMO_TTY=1
    BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'
    [[ -n ${NO_COLOR-} ]] || { RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m'; }
    [[ ${LC_ALL:-${LC_CTYPE:-${LANG-}}} != *[Uu][Tt][Ff]* ]] || { BAR_FULL='█' BAR_FREE='░'; }
}

demo_say()
{
    demo_erase
    printf '%s\n' "$*"
}

demo_title()
{
    demo_say ""
    demo_say "$BOLD$*$PLAIN"
}

# demo_transient TEXT - a line that the next one replaces; nothing where it cannot be replaced.
demo_transient()
{
    [[ -z $DEMO_TTY ]] || printf '\r\e[K%s' "$DIM$*$PLAIN"
}

demo_erase()
{
    [[ -z $DEMO_TTY ]] || printf '\r\e[K'
}

demo_done() # TEXT SECONDS
{
    demo_say "$(printf '  %sok%s   %-58s %4d s' "$GREEN" "$PLAIN" "$1" "$2")"
}

# demo_bar PERCENT - 30 characters wide
demo_bar()
{
    local i text='' full=$(($1 * 30 / 100))
    for ((i = 0; i < 30; i++)); do
        if ((i < full)); then text+=$BAR_FULL; else text+=$BAR_FREE; fi
    done
    printf '%s' "$text"
}

# --- steps ------------------------------------------------------------------------------------
#
# A step runs with its output in its own log.  When a command in it fails, the script ends and the
# exit trap names the step and shows the end of the log.

DEMO_STEP='' DEMO_TIMES=''
declare -A DEMO_JOB_PID=() DEMO_JOB_TEXT=() DEMO_JOB_START=()

demo_begin()
{
    trap demo_on_exit EXIT
    trap 'exit 130' INT TERM
    SECONDS=0
}

demo_step() # NAME TEXT COMMAND...
{
    local text=$2 log=$DEMO_LOGS/$1.log start=$SECONDS
    DEMO_STEP=$1
    demo_transient "  ...  $text"
    shift 2
    "$@" >>"$log" 2>&1
    demo_took "$start"
    demo_done "$text" $((SECONDS - start))
}

# demo_took START - the step has ended: notes its time for the line at the end.
demo_took()
{
    DEMO_TIMES+="${DEMO_TIMES:+, }$DEMO_STEP $((SECONDS - $1))"
    DEMO_STEP=''
}

# demo_start NAME TEXT COMMAND... - a step beside others; demo_join waits for it.
demo_start()
{
    local name=$1
    DEMO_JOB_TEXT[$name]=$2
    DEMO_JOB_START[$name]=$SECONDS
    shift 2
    set -m # a process group of its own, so that it can be ended as a whole
    (
        set -e
        "$@"
        echo "$SECONDS" >"$DEMO_LOGS/$name.end"
    ) </dev/null >>"$DEMO_LOGS/$name.log" 2>&1 7>&- &
    DEMO_JOB_PID[$name]=$!
    set +m
    echo $! >"$DEMO_DIR/job.$name" # for a --down after this script was killed
}

demo_join() # NAME...
{
    local name took
    for name; do
        DEMO_STEP=$name
        while kill -0 "${DEMO_JOB_PID[$name]}" 2>/dev/null; do
            demo_transient "  ...  ${DEMO_JOB_TEXT[$name]} ($((SECONDS - DEMO_JOB_START[$name])) s)"
            sleep 0.2
        done
        wait "${DEMO_JOB_PID[$name]}"
        took=$(($(<"$DEMO_LOGS/$name.end") - DEMO_JOB_START[$name]))
        demo_took $((SECONDS - took))
        demo_done "${DEMO_JOB_TEXT[$name]}" "$took"
        unset "DEMO_JOB_PID[$name]"
        rm -f "$DEMO_DIR/job.$name"
    done
}

# A dpkg that is killed leaves the machine with half an installation: wait until it has ended.
demo_end_jobs()
{
    local pid end=$((SECONDS + 120))
    for pid in "${DEMO_JOB_PID[@]}"; do
        while grep -qs "^[0-9]* (dpkg) . [0-9]* $pid " /proc/[0-9]*/stat && ((SECONDS < end)); do
            sleep 0.2
        done
        kill -- "-$pid" 2>/dev/null || true
    done
}

demo_on_exit()
{
    local status=$?
    [[ $BASHPID == "$$" ]] || return 0
    demo_end_jobs
    # Of a demo that was refused because another one is at work, nothing is there.
    [[ $(cat "$DEMO_DIR/pid" 2>/dev/null) != "$$" ]] || rm -f "$DEMO_DIR/pid"
    [[ $status == 0 || -z $DEMO_STEP ]] || demo_tell_failure "$status" >&7
    [[ $status == 0 || $status == 130 ]] || exit 1 # whatever a step ended with
}

demo_tell_failure() # STATUS
{
    local log=$DEMO_LOGS/$DEMO_STEP.log
    [[ -z $DEMO_TTY ]] || echo
    if (($1 == 130)); then
        echo "demo: interrupted in step $DEMO_STEP"
    else
        echo "${RED}demo: FAILED in step $DEMO_STEP$PLAIN; the end of its log:"
        tail -n 12 "$log" 2>/dev/null | sed 's/^/    /' || true
        echo "full log: $log"
    fi
    echo "deploy/demo --down removes what is left; deploy/demo starts over"
}

# demo_wait_for SECONDS COMMAND... - retries until it succeeds; false when time is up.
demo_wait_for()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}
