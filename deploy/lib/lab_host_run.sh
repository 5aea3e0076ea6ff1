#!/bin/bash
# lab_host_run.sh - becomes one host of deploy/lab.  Run by lab_host.sh only, in three stages:
#
#   enter   outside: enter the host's control groups and network
#   unshare in a control group namespace: leave the machine's other namespaces
#   live    inside, below tini: give the host its own files, keep its daemons running
#
# tini is process 1: libvirtd there would reap nothing, and each end of a guest would take 40 s.
#
# In: HOST_NAME, HOST_DIR, HOST_NETNS, HOST_LAB_DIR, HOST_GROUP_FOLDERS, HOST_AGENT (may be empty),
# HOST_AGENT_CONF, HOST_HALD (may be empty), HOST_HALD_CONF, HOST_STORE (empty: the folder itself).
set -euo pipefail

readonly SELF=${BASH_SOURCE[0]}
readonly RESTART_DELAY_S=0.2 # a killed daemon is back within a second
readonly FAILING_DELAY_S=0.8 # one that cannot live does not eat the machine

stage_enter()
{
    local folder
    for folder in $HOST_GROUP_FOLDERS; do
        # Version 2 allows processes in leaves only, but the namespace must begin above the leaf.
        echo $$ >"$folder/cgroup.procs"
    done
    exec nsenter --net="/run/netns/$HOST_NETNS" unshare --cgroup bash "$SELF" unshare
}

stage_unshare()
{
    local folder
    for folder in $HOST_GROUP_FOLDERS; do
        [[ ! -d $folder/init ]] || echo $$ >"$folder/init/cgroup.procs"
    done
    exec unshare --mount --uts --pid --ipc --fork --kill-child=KILL --mount-proc \
        tini -- bash "$SELF" live
}

# --- own files --------------------------------------------------------------------------------

mount_cgroups_v1()
{
    local controllers folder options
    mount -t tmpfs -o mode=755 cgroup "$1"
    while IFS=: read -r _ controllers _; do
        [[ -n $controllers ]] || continue
        folder=$1/${controllers#name=}
        options=$controllers
        [[ $controllers != name=* ]] || options=none,$controllers
        mkdir "$folder"
        mount -t cgroup -o "$options" cgroup "$folder"
        link_controllers "$folder" "$controllers"
    done </proc/self/cgroup
}

# /sys/fs/cgroup/cpu -> cpu,cpuacct, as everybody expects.
link_controllers() # FOLDER CONTROLLERS
{
    local name
    [[ $2 == *,* ]] || return 0
    for name in ${2//,/ }; do
        ln -s "${1##*/}" "${1%/*}/$name"
    done
}

# The machine's /sys shows the machine's network and control groups.
mount_sys()
{
    local version=1
    [[ ! -e /sys/fs/cgroup/cgroup.controllers ]] || version=2
    umount -R -l /sys
    mount -t sysfs sysfs /sys
    if [[ $version == 2 ]]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    else
        mount_cgroups_v1 /sys/fs/cgroup
    fi
}

# Makes a folder of the machine changeable without changing it.
mount_overlay() # FOLDER
{
    local upper=/run/upper$1
    mkdir -p "$upper" "/run/work$1"
    mount -t overlay -o "lowerdir=$1,upperdir=$upper,workdir=/run/work$1" overlay "$1"
}

# place | file or folder of the host's own
readonly OWN='
/etc/libvirt        libvirt
/etc/pki            pki
/var/lib/libvirt    lib
/var/cache/libvirt  cache
/var/log/libvirt    log
'

# libvirtd does not start without this user, although here QEMU runs as root.
add_qemu_user()
{
    local id=64055 # Debian's number for it
    grep -q '^libvirt-qemu:' /etc/group || echo "libvirt-qemu:x:$id:" >>/etc/group
    grep -q '^libvirt-qemu:' /etc/passwd ||
        echo "libvirt-qemu:x:$id:$id::/var/lib/libvirt:/usr/sbin/nologin" >>/etc/passwd
}

# Each host is a machine of its own, and each start of it a new one.
own_identity()
{
    cat /proc/sys/kernel/random/uuid >/run/boot_id
    mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
    rm -f /etc/machine-id
    printf 'vrm-lab %s' "$HOST_NETNS" | md5sum | cut -c 1-32 >/etc/machine-id
}

mount_own()
{
    local place own
    # Keep no other host's network alive: those mounts are copies of the machine's.
    umount -R -l /run/netns 2>/dev/null || true
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/lock
    for place in /etc /var/lib /var/cache /var/log; do
        mount_overlay "$place"
    done
    while read -r place own; do
        [[ -n $place ]] || continue
        mkdir -p "$place"
        mount --bind "$HOST_DIR/$own" "$place"
    done <<<"$OWN"
    add_qemu_user
    own_identity
    rm -f /etc/hosts /etc/hostname
    cp "$HOST_DIR/hosts" /etc/hosts
    echo "$HOST_NAME" >/etc/hostname
}

# --- daemons ----------------------------------------------------------------------------------

# keep NAME LOG COMMAND... - runs it again whenever it ends.
keep()
{
    local name=$1 log=$2 status started delay
    shift 2
    while :; do
        status=0
        started=$SECONDS
        "$@" >>"$log" 2>&1 || status=$?
        echo "$name ended with status $status, starts again"
        delay=$RESTART_DELAY_S
        ((SECONDS - started >= 2)) || delay=$FAILING_DELAY_S
        sleep "$delay"
    done
}

# The shared datastore through a file system of the host's own: stopped, it hangs all who use it,
# killed, it fails them (lab_host.sh).  Nothing is remembered: other hosts write there, too.
run_store()
{
    local real=/run/store
    mkdir -p "$real"
    mount --bind "$HOST_STORE" "$real"
    while :; do
        if [[ ! -e $HOST_DIR/store-failed ]]; then
            umount -l "$HOST_STORE" 2>/dev/null || true
            bindfs -f --multithreaded --enable-lock-forwarding --forward-odirect=4096 \
                -o nonempty,direct_io,attr_timeout=0,entry_timeout=0,negative_timeout=0 \
                "$real" "$HOST_STORE" || true
        fi
        sleep "$RESTART_DELAY_S"
    done
}

start_store()
{
    local i
    run_store &
    for ((i = 0; i < 50; i++)); do
        ! grep -qsF " $HOST_STORE fuse " /proc/self/mounts || return 0
        sleep 0.1
    done
    echo "the datastore is not mounted at $HOST_STORE"
    exit 1
}

stage_live()
{
    mount --make-rprivate /
    hostname "$HOST_NAME"
    mount_sys
    mount_own
    [[ -z $HOST_STORE ]] || start_store
    keep libvirtd "$HOST_DIR/libvirtd.log" libvirtd --listen &
    if [[ -n $HOST_HALD ]]; then
        mkdir -p /run/vrm
        keep vrm-hald "$HOST_DIR/hald.log" "$HOST_HALD" --config "$HOST_HALD_CONF" &
    fi
    if [[ -n $HOST_AGENT ]]; then
        keep vrm-agent "$HOST_DIR/agent.log" "$HOST_AGENT" --config "$HOST_AGENT_CONF" &
    fi
    wait
}

"stage_$1"
