# shellcheck shell=bash
# servers.sh - private servers in folders of their own, for deploy/services and deploy/pair.  Sourced,
# never run.
#
# A server's processes are those of its programs whose working folder is the server's folder: that
# holds after kill -9 of the parent too, and never meets anybody else's server.

# as_user USER HOME COMMAND... - with a clean environment; as USER if we are root and it exists.
as_user()
{
    local user=$1 home=$2
    shift 2
    if ((EUID == 0)) && id -u "$user" >/dev/null 2>&1; then
        setpriv --reuid="$user" --regid="$user" --init-groups \
            env -i PATH="$PATH" HOME="$home" LC_ALL=C.UTF-8 "$@"
    else
        env -i PATH="$PATH" HOME="$home" LC_ALL=C.UTF-8 "$@"
    fi
}

# server_pids FOLDER PROGRAM... - prints the ids of its processes.
server_pids()
{
    local folder=$1 link exe programs
    shift
    programs=" $* "
    while read -r link; do
        exe=$(readlink "${link%/cwd}/exe" 2>/dev/null) || continue
        exe=${exe##*/}
        [[ $programs == *" ${exe% (deleted)} "* ]] || continue
        link=${link#/proc/}
        echo "${link%/cwd}"
    done < <(find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/cwd' \
        \( -lname "$folder" -o -lname "$folder (deleted)" \) 2>/dev/null || true)
}

# server_signal SIGNAL FOLDER PROGRAM...
server_signal()
{
    local signal=$1 pids
    shift
    mapfile -t pids < <(server_pids "$@")
    ((${#pids[@]} == 0)) || kill "-$signal" "${pids[@]}" 2>/dev/null || true
}

# server_gone SECONDS FOLDER PROGRAM... - true once no process is left.
server_gone()
{
    local deadline=$((SECONDS + $1))
    shift
    while [[ -n $(server_pids "$@") ]]; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# server_stands FOLDER PROGRAM... - it runs, and all of it is stopped by a signal.
server_stands()
{
    local pid state any=1
    for pid in $(server_pids "$@"); do
        read -r _ _ state _ <"/proc/$pid/stat" 2>/dev/null || continue
        [[ $state == T ]] || return 1
        any=0
    done
    return "$any"
}

is_listening() # PORT
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# pg_drop_memory DATA_FOLDER - a crash leaves the small SysV segment that guards the folder; its id is
# in the pid file.  Only for a server that does not run.
pg_drop_memory()
{
    local segment
    segment=$(sed -n '7s/.* \([0-9][0-9]*\) *$/\1/p' "$1/postmaster.pid" 2>/dev/null || true)
    [[ -z $segment ]] || ipcrm -m "$segment" 2>/dev/null || true
    rm -f "$1/postmaster.pid"
}
