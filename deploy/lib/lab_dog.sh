# shellcheck shell=bash
# shellcheck disable=SC2153 # H_DIR and others are set by host_names
# lab_dog.sh - the watchdog of each host of deploy/lab that runs vrm-hald.  Sourced, never run.
#
# lab_dog.pl, outside of the host: when vrm-hald inside does not pet it in time, the host loses its
# power (`deploy/lab kill`), as the real device would reset a real one.

readonly DOG_START_LIMIT_S=5

dog_names()
{
    D_GROUP=$LAB_GROUP/dog-$H
    D_SOCKET=$H_DIR/watchdog.sock
    D_LOG=$H_DIR/watchdog.log
}

dog_launch()
{
    local folders
    folders=$(cgroup_folders "$D_GROUP")
    # shellcheck disable=SC2016 # expanded by the inner shell
    env -i PATH="$PATH" LANG=C.UTF-8 HOME=/root VRM_LAB="$LAB_NO" VRM_LAB_DIR="$LAB_DIR" \
        setsid bash -c '
        for folder in $1; do
            [[ ! -d $folder/init ]] || folder=$folder/init
            echo $$ >"$folder/cgroup.procs"
        done
        exec perl "$2" "$3" "$4" kill "$5"' _ "$folders" "$LAB_TOP/deploy/lib/lab_dog.pl" \
        "$D_SOCKET" "$LAB_TOP/deploy/lab" "$H" </dev/null >>"$D_LOG" 2>&1 7>&- 9>&- &
}

dog_ready()
{
    [[ -S $D_SOCKET && -s $D_SOCKET.state ]]
}

# dog_start - a new one, not armed, for the host that was named last.
dog_start()
{
    dog_stop
    rm -f "$D_SOCKET" "$D_SOCKET.state"
    cgroup_make "$D_GROUP"
    dog_launch
    wait_for "$DOG_START_LIMIT_S" dog_ready ||
        lab_die "$H: its watchdog does not start: see $D_LOG"
}

dog_stop()
{
    dog_names
    cgroup_kill "$D_GROUP"
}

# dog_state - prints off, armed, fired, or - (none).
dog_state()
{
    dog_names
    if [[ -n $(cgroup_pids "$D_GROUP") ]]; then
        cat "$D_SOCKET.state" 2>/dev/null || printf -- -
    else
        printf -- -
    fi
}
