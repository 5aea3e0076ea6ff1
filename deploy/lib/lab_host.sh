# shellcheck shell=bash
# lab_host.sh - life of one host of deploy/lab: start, crash, pause, heal.  Sourced, never run.
#
# All functions but host_names work on the host that was named last (variables H_*).

readonly HOST_START_LIMIT_S=30
readonly HOST_AGENT_LIMIT_S=15

# host_init_pid - prints the process that is number 1 inside of the host; false if there is none.
host_init_pid()
{
    local pid
    for pid in $(cgroup_pids "$H_GROUP"); do
        # A dying one stays as a zombie for a while: without a program.
        if grep -qsE '^NSpid:	[0-9]+	1$' "/proc/$pid/status" &&
            readlink -q "/proc/$pid/exe" >/dev/null; then
            printf '%s' "$pid"
            return 0
        fi
    done
    return 1
}

# host_count PROGRAM - prints how many processes of the host run it.
host_count()
{
    local pid exe n=0
    for pid in $(cgroup_pids "$H_GROUP"); do
        exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || continue # a zombie has none
        exe=${exe% (deleted)}
        [[ ${exe##*/} != "$1" ]] || n=$((n + 1))
    done
    printf '%s' "$n"
}

# host_given_pids agent|hald - prints the processes of that program: it may be a script, so by
# argument.
host_given_pids()
{
    local pid program
    program=$(cat "$H_DIR/$1-program" 2>/dev/null) || true
    [[ -n $program ]] || return 0
    for pid in $(cgroup_pids "$H_GROUP"); do
        ! grep -qszxF "$program" "/proc/$pid/cmdline" || printf '%s\n' "$pid"
    done
}

# host_store_pids - prints the processes of the host's own way to the shared datastore.
host_store_pids()
{
    local pid exe
    for pid in $(cgroup_pids "$H_GROUP"); do
        exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || continue
        [[ ${exe##*/} != bindfs ]] || printf '%s\n' "$pid"
    done
}

# host_store ok|hang|fail
host_store()
{
    local pids
    pids=$(host_store_pids)
    case $1 in
    hang)
        [[ -n $pids ]] || lab_die "$H: its datastore has failed: deploy/lab store $H ok"
        # shellcheck disable=SC2086 # a list of numbers
        kill -STOP $pids
        ;;
    fail)
        touch "$H_DIR/store-failed" # it is not started again
        # shellcheck disable=SC2086
        [[ -z $pids ]] || kill -KILL $pids
        ;;
    ok)
        rm -f "$H_DIR/store-failed"
        # shellcheck disable=SC2086
        [[ -z $pids ]] || kill -CONT $pids
        wait_for 5 host_store_is_well || lab_die "$H: its datastore is not mounted: see $H_LOG"
        ;;
    esac
}

host_store_is_well()
{
    [[ -n $(host_store_pids) ]] &&
        host_enter grep -qF " $LAB_STORE fuse " /proc/mounts &&
        host_enter timeout 2 ls "$LAB_STORE" >/dev/null 2>&1
}

# host_given agent|hald - prints how many of them run, off if the host was given none.
host_given()
{
    if [[ -s $H_DIR/$1-program ]]; then
        host_given_pids "$1" | wc -l
    else
        printf off
    fi
}

# host_state - prints up, paused, starting (no libvirtd now) or down.
host_state()
{
    if ! host_init_pid >/dev/null; then
        printf down
    elif cgroup_is_frozen "$H_GROUP"; then
        printf paused
    elif (($(host_count libvirtd) == 0)); then
        printf starting
    else
        printf up
    fi
}

# host_exec COMMAND... - becomes a command inside; the caller has checked that the host lives.
host_exec()
{
    exec nsenter --target "$(host_init_pid)" --mount --uts --ipc --net --pid --cgroup -- "$@"
}

host_enter() # COMMAND...
{
    (host_exec "$@")
}

# --- start ------------------------------------------------------------------------------------

# host_prepare - all but the processes.
host_prepare()
{
    cgroup_kill "$H_GROUP"
    cgroup_make "$H_GROUP"
    net_make_host
    conf_make_host
    conf_copy_capabilities
}

# host_launch AGENT HALD - starts the processes; AGENT and HALD are empty for a host without.
host_launch()
{
    printf '== start\n' >>"$H_LOG"
    printf '%s' "$1" >"$H_DIR/agent-program"
    printf '%s' "$2" >"$H_DIR/hald-program"
    if [[ -n $2 ]]; then dog_start; fi
    rm -f "$H_DIR/store-failed"
    env -i PATH="$PATH" LANG=C.UTF-8 HOME=/root \
        HOST_NAME="$H" HOST_DIR="$H_DIR" HOST_NETNS="$H_NETNS" HOST_LAB_DIR="$LAB_DIR" \
        HOST_AGENT="$1" HOST_AGENT_CONF="$H_AGENT_CONF" \
        HOST_HALD="$2" HOST_HALD_CONF="$H_HALD_CONF" \
        HOST_STORE="$([[ ! -e $LAB_DIR/store-own ]] || printf '%s' "$LAB_STORE")" \
        HOST_GROUP_FOLDERS="$(cgroup_folders "$H_GROUP")" \
        setsid bash "$LAB_TOP/deploy/lib/lab_host_run.sh" enter \
        </dev/null >>"$H_LOG" 2>&1 7>&- 9>&- &
}

host_reaches() # ADDRESS PORT
{
    # shellcheck disable=SC2016 # expanded by the inner shell
    host_enter timeout 1 bash -c ': <>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>/dev/null
}

host_libvirt_answers()
{
    [[ $(host_state) == up ]] && host_enter timeout 5 virsh -q version >/dev/null 2>&1
}

host_hald_answers()
{
    host_enter timeout 5 "$(cat "$H_DIR/hald-program")" --config "$H_HALD_CONF" --status \
        >/dev/null 2>&1
}

host_wait_hald()
{
    if ! wait_for "$HOST_AGENT_LIMIT_S" host_hald_answers; then
        tail -n 5 "$H_DIR/hald.log" 2>/dev/null || true
        lab_die "$H: vrm-hald does not answer after $HOST_AGENT_LIMIT_S s: see $H_DIR/hald.log"
    fi
}

host_wait()
{
    if ! wait_for "$HOST_START_LIMIT_S" host_libvirt_answers; then
        tail -n 5 "$H_LOG" "$H_DIR/libvirtd.log" 2>/dev/null || true
        lab_die "$H: libvirtd does not answer after $HOST_START_LIMIT_S s: see $H_DIR/libvirtd.log"
    fi
    [[ ! -s $H_DIR/hald-program ]] || host_wait_hald
    [[ -n $(cat "$H_DIR/agent-program") ]] || return 0
    if ! wait_for "$HOST_AGENT_LIMIT_S" port_open "$H_MGMT_IP" "$CONF_AGENT_PORT"; then
        tail -n 5 "$H_DIR/agent.log" 2>/dev/null || true
        lab_die "$H: vrm-agent does not listen on $H_MGMT_IP:$CONF_AGENT_PORT after" \
            "$HOST_AGENT_LIMIT_S s: see $H_DIR/agent.log"
    fi
}

host_start() # AGENT HALD
{
    host_prepare
    host_launch "$1" "$2"
    host_wait
    conf_keep_given
}

# --- trouble ----------------------------------------------------------------------------------

# Neighbours must see silence, as when the power fails: links first, so no process says good-bye.
host_crash()
{
    local pid
    net_set_links down "$H_MGMT_LINK" "$H_HA_LINK"
    if pid=$(host_init_pid); then
        kill -9 "$pid" 2>/dev/null || true
    fi
    cgroup_kill "$H_GROUP"
}

host_heal()
{
    cgroup_freeze "$H_GROUP" no
    if host_init_pid >/dev/null; then
        net_heal_one_way
        [[ ! -e $LAB_DIR/store-own ]] || host_store ok
        net_set_links up "$H_MGMT_LINK" "$H_HA_LINK"
        host_wait
    else
        net_make_planes
        host_start "$(cat "$H_DIR/agent-program")" "$(cat "$H_DIR/hald-program" 2>/dev/null)"
    fi
}
