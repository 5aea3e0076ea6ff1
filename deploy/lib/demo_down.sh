# shellcheck shell=bash
# demo_down.sh - ends a demo and removes all of it, in whatever state it is.  Sourced, never run.

readonly DOWN_TERM_LIMIT_S=8

# The demo's own programs are known by their file, which nobody else runs.
down_pids() # PROGRAM
{
    find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/exe' \
        \( -lname "$DEMO_BUILD/$1" -o -lname "$DEMO_BUILD/$1 (deleted)" \) 2>/dev/null |
        cut -d/ -f3 || true
}

down_signal() # SIGNAL PROGRAM
{
    local pids
    mapfile -t pids < <(down_pids "$2")
    ((${#pids[@]} == 0)) || kill "-$1" "${pids[@]}" 2>/dev/null || true
}

down_is_gone() # PROGRAM
{
    [[ -z $(down_pids "$1") ]]
}

# The keeper and its loops are one process group.
down_keeper()
{
    local pid
    pid=$(cat "$DEMO_DIR/keeper.pid" 2>/dev/null) || return 0
    ! grep -qsz 'demo_keep.sh$' "/proc/$pid/cmdline" || kill -9 -- "-$pid" 2>/dev/null || true
}

down_controller()
{
    down_keeper
    down_signal CONT vrmd
    down_signal TERM vrmd
    demo_wait_for "$DOWN_TERM_LIMIT_S" down_is_gone vrmd || down_signal KILL vrmd
    demo_wait_for 5 down_is_gone vrmd || demo_die "vrmd survives kill -9: $(down_pids vrmd)"
}

# Steps of a demo that was killed (kill -9) and left them behind.
down_jobs()
{
    local file pid
    DEMO_JOB_PID=()
    for file in "$DEMO_DIR"/job.*; do
        pid=$(cat "$file" 2>/dev/null) || continue
        ! grep -qsz 'deploy/demo$' "/proc/$pid/cmdline" || DEMO_JOB_PID[${file##*.}]=$pid
    done
    ((${#DEMO_JOB_PID[@]} > 0)) || return 0
    demo_end_jobs
    demo_wait_for 10 down_jobs_are_gone ||
        demo_die "steps of the earlier demo do not end: ${DEMO_JOB_PID[*]}"
    DEMO_JOB_PID=()
}

down_jobs_are_gone()
{
    local pid
    for pid in "${DEMO_JOB_PID[@]}"; do
        ! kill -0 -- "-$pid" 2>/dev/null || return 1
    done
}

# A demo that is still at work, by its process id and name.
down_check_not_running()
{
    local pid
    pid=$(cat "$DEMO_DIR/pid" 2>/dev/null) || return 0
    [[ $pid != "$$" ]] || return 0
    ! grep -qsz 'deploy/demo$' "/proc/$pid/cmdline" ||
        demo_die "another deploy/demo (process $pid) is at work in $DEMO_DIR: end it first"
}

# Which lab is the demo's own, its mark knows: another one is never taken down.
down_own_lab()
{
    local number
    number=$(<"$DEMO_MARK")
    [[ -z $number ]] || demo_choose_lab "$number"
}

# The hosts before the services: an agent that loses its controller does no harm.
down_everything()
{
    down_own_lab
    down_jobs
    down_controller
    "$DEMO_TOP/deploy/lab" down
    "$DEMO_TOP/deploy/services" down
    rm -rf --one-file-system "$DEMO_DIR"
}

down_all()
{
    down_check_not_running
    if [[ ! -e $DEMO_MARK ]]; then
        down_check_folder "left alone"
        echo "demo: none in $DEMO_DIR, nothing to take down"
        return
    fi
    down_everything
    echo "demo: down, nothing is left of it"
}

# A folder that holds somebody else's files is refused before anything of it is touched.
down_check_folder() # WHAT_NOW
{
    if [[ -d $DEMO_DIR && ! -e $DEMO_MARK && -n $(ls -A "$DEMO_DIR") ]]; then
        demo_die "$DEMO_DIR is not empty and was not made by deploy/demo (no $DEMO_MARK): $1"
    fi
}

# Before a new start.
down_leftovers()
{
    down_check_not_running
    down_check_folder "choose another VRM_DEMO_DIR"
    [[ -e $DEMO_MARK ]] || return 0
    demo_say "an earlier demo is in $DEMO_DIR: it is removed first"
    down_everything 2>&1 | sed 's/^/  /'
}

down_status()
{
    local status=0
    if [[ ! -e $DEMO_MARK ]]; then
        echo "demo: none in $DEMO_DIR"
        exit 3
    fi
    down_own_lab
    if down_is_gone vrmd; then
        echo "vrmd      down"
        status=1
    else
        echo "vrmd      up, $DEMO_URL"
    fi
    "$DEMO_TOP/deploy/services" status || status=1
    "$DEMO_TOP/deploy/lab" status || status=1
    exit "$status"
}
