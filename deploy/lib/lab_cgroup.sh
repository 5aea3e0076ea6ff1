# shellcheck shell=bash
# lab_cgroup.sh - control groups of deploy/lab, version 1 and 2.  Sourced, never run.
#
# Every host has one folder (GROUP = vrm-lab-N/cnaI) below each root.  Version 2 has one root,
# version 1 has one for each controller.  By it a host's processes are found, frozen, killed.

readonly CGROUP_TOP=/sys/fs/cgroup

cgroup_is_v2()
{
    [[ -e $CGROUP_TOP/cgroup.controllers ]]
}

cgroup_roots()
{
    if cgroup_is_v2; then
        printf '%s\n' "$CGROUP_TOP"
    else
        awk '$3 == "cgroup" && !seen[$4]++ { print $2 }' /proc/mounts
    fi
}

# A new cpuset has no CPUs, and no process may enter it.
cgroup_fill_cpuset() # FOLDER
{
    local key
    for key in cpuset.cpus cpuset.mems; do
        if [[ -e $1/$key && -z $(<"$1/$key") ]]; then
            cat "$1/../$key" >"$1/$key"
        fi
    done
}

# Version 2 hands controllers down one by one; one that is missing or in use elsewhere is no error.
cgroup_hand_down() # FOLDER
{
    local controller
    for controller in $(<"$1/cgroup.controllers"); do
        echo "+$controller" >"$1/cgroup.subtree_control" || true
    done 2>/dev/null
}

cgroup_make() # GROUP
{
    local root part folder
    for root in $(cgroup_roots); do
        folder=$root
        for part in ${1//\// }; do
            ! cgroup_is_v2 || cgroup_hand_down "$folder"
            folder=$folder/$part
            mkdir -p "$folder"
            cgroup_is_v2 || cgroup_fill_cpuset "$folder"
        done
        # Version 2: processes live in leaves only, so the host's first ones get their own leaf.
        ! cgroup_is_v2 || mkdir -p "$folder/init"
    done
}

cgroup_folders() # GROUP - prints its existing folders, one a root
{
    local root
    for root in $(cgroup_roots); do
        [[ ! -d $root/$1 ]] || printf '%s\n' "$root/$1"
    done
}

cgroup_children() # GROUP - prints the names of its folders
{
    local folder
    for folder in $(cgroup_folders "$1"); do
        find "$folder" -mindepth 1 -maxdepth 1 -type d -printf '%f\n'
    done | sort -u
}

# cgroup_pids GROUP - prints all processes in it and below.
cgroup_pids()
{
    local folder
    folder=$(cgroup_folders "$1" | head -n 1)
    [[ -n $folder ]] || return 0
    # A process whose threads are in several folders is named in each.
    find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un
}

# The same by all roots: a process that was just entering may be in some of them only.
cgroup_all_pids() # GROUP
{
    local folder
    for folder in $(cgroup_folders "$1"); do
        find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done | sort -un
}

cgroup_write_below() # FOLDER FILE VALUE - writes the value into each file of that name
{
    # shellcheck disable=SC2016 # expanded by the inner shell
    find "$1" -name "$2" -exec sh -c 'for file; do echo "$0" >"$file"; done' "$3" {} + \
        2>/dev/null || true
}

# Thawing goes down to each folder: version 1 freezes and thaws them one by one.
cgroup_freeze() # GROUP yes|no
{
    local folder
    local -A v1=([yes]=FROZEN [no]=THAWED) v2=([yes]=1 [no]=0)
    for folder in $(cgroup_folders "$1"); do
        cgroup_write_below "$folder" freezer.state "${v1[$2]}"
        cgroup_write_below "$folder" cgroup.freeze "${v2[$2]}"
    done
}

cgroup_is_frozen() # GROUP
{
    local folder
    for folder in $(cgroup_folders "$1"); do
        if grep -qsx FROZEN "$folder/freezer.state" ||
            grep -qsx 'frozen 1' "$folder/cgroup.events"; then
            return 0
        fi
    done
    return 1
}

# A frozen process dies only after it is thawed; one that was just born needs a second round.
cgroup_kill_once() # GROUP - true when nothing is left
{
    local pids
    pids=$(cgroup_all_pids "$1")
    # shellcheck disable=SC2086 # a list of numbers
    [[ -z $pids ]] || kill -9 $pids 2>/dev/null || true
    cgroup_freeze "$1" no
    [[ -z $(cgroup_all_pids "$1") ]]
}

cgroup_kill() # GROUP
{
    wait_for 20 cgroup_kill_once "$1" ||
        lab_die "processes of $1 cannot be killed: $(cgroup_all_pids "$1" | tr '\n' ' ')"
}

cgroup_remove_once() # GROUP - true when no folder is left
{
    local folder
    for folder in $(cgroup_folders "$1"); do
        find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    [[ -z $(cgroup_folders "$1") ]]
}

cgroup_remove() # GROUP
{
    wait_for 10 cgroup_remove_once "$1" ||
        lab_die "control group folders cannot be removed: $(cgroup_folders "$1" | tr '\n' ' ')"
}
