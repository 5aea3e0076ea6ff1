# shellcheck shell=bash
# shellcheck disable=SC2034 # the names below are read by the other files
# lab_common.sh - names, messages, steps and waiting for deploy/lab.  Sourced, never run.

readonly LAB_MAX_HOSTS=64
readonly LAB_MAX_NUMBER=15
readonly LAB_LOCK_LIMIT_S=120
# In these folders every host has its own files, so the lab's folder cannot be there.
readonly LAB_PRIVATE_DIRS=(/etc /run /sys /proc /dev /var/lib /var/cache /var/log /var/run)

# command | Debian package
readonly LAB_PROGRAMS='
libvirtd           libvirt-daemon
virsh              libvirt-clients
qemu-system-x86_64 qemu-system-x86
tini               tini
ip                 iproute2
nsenter            util-linux
flock              util-linux
openssl            openssl
ipmi_sim           openipmi
ipmitool           ipmitool
perl               perl-base
'

exec 7>&2 # what the user sees, also while a step's output goes to the log

lab_say()
{
    printf 'lab: %s\n' "$*" >&7
}

# In a step the message goes to the log, the end of which is shown then.
lab_die()
{
    if [[ -n $LAB_STEP ]]; then
        echo "error: $*"
    else
        lab_say "error: $*"
    fi
    exit 1
}

lab_usage()
{
    lab_say "$* (see deploy/lab --help)"
    exit 2
}

# --- steps ------------------------------------------------------------------------------------
#
# A step runs with its output in the log.  A failing command inside ends the script (set -e), and
# the exit trap then names the step.

LAB_STEP=

lab_step()
{
    LAB_STEP=$1
    shift
    lab_say "$LAB_STEP"
    mkdir -p "$LAB_DIR"
    printf '== %s\n' "$LAB_STEP" >>"$LAB_LOG"
    "$@" >>"$LAB_LOG" 2>&1
    LAB_STEP=
}

lab_on_exit()
{
    local status=$?

    [[ $BASHPID == "$$" && $status != 0 && -n $LAB_STEP ]] || return 0
    lab_say "FAILED: $LAB_STEP (status $status); the end of $LAB_LOG:"
    tail -n 8 "$LAB_LOG" 2>/dev/null | sed 's/^/    /' >&7 || true
    lab_say "full log: $LAB_LOG; 'deploy/lab down' removes what is left"
}

# --- set-up -----------------------------------------------------------------------------------

lab_init()
{
    local dir

    LAB_NO=${VRM_LAB:-0}
    if [[ ! $LAB_NO =~ ^(0|[1-9][0-9]?)$ ]] || ((LAB_NO > LAB_MAX_NUMBER)); then
        lab_usage "VRM_LAB '$LAB_NO': must be a number from 0 to $LAB_MAX_NUMBER"
    fi
    ((EUID == 0)) || lab_die "must be run as root"
    LAB_DIR=${VRM_LAB_DIR:-/var/tmp/vrm-lab-$LAB_NO}
    [[ $LAB_DIR == /?* && $LAB_DIR != *[[:space:]:,\"]* ]] ||
        lab_usage "VRM_LAB_DIR '$LAB_DIR': must be an absolute path without blanks, '\"', ':', ','"
    LAB_DIR=$(realpath -m "$LAB_DIR")
    for dir in "${LAB_PRIVATE_DIRS[@]}"; do
        [[ $LAB_DIR/ != "$dir"/* ]] || lab_usage "VRM_LAB_DIR '$LAB_DIR': cannot be under $dir"
    done
    LAB_LOG=$LAB_DIR/lab.log
    LAB_STORE=$LAB_DIR/store
    LAB_CERTS=$LAB_DIR/certs
    LAB_PREFIX=vrm$LAB_NO              # names of links and network namespaces
    LAB_GROUP=vrm-lab-$LAB_NO          # name of the control group
    LAB_MARK=$LAB_DIR/.vrm-lab-$LAB_NO # proves that the folder is ours to delete
    LAB_LOCK=/run/vrm-lab-$LAB_NO.lock
    trap lab_on_exit EXIT
    cd /
}

lab_lock()
{
    exec 9>"$LAB_LOCK"
    flock -w "$LAB_LOCK_LIMIT_S" 9 ||
        lab_die "another deploy/lab command has held $LAB_LOCK for $LAB_LOCK_LIMIT_S s"
}

lab_check_programs()
{
    local program package missing=()

    while read -r program package; do
        [[ -z $program ]] || command -v "$program" >/dev/null || missing+=("$package")
    done <<<"$LAB_PROGRAMS"
    ((${#missing[@]} == 0)) ||
        lab_die "missing packages: ${missing[*]}: run deploy/install-deps run"
}

# The folder must be new, or carry the mark of this lab.
lab_make_dir()
{
    if [[ -d $LAB_DIR && ! -e $LAB_MARK && -n $(ls -A "$LAB_DIR") ]]; then
        lab_die "$LAB_DIR is not empty and was not made by this lab: choose another VRM_LAB_DIR"
    fi
    mkdir -p "$LAB_DIR" "$LAB_STORE" "$LAB_DIR/hosts"
    : >"$LAB_MARK"
}

# --- hosts' names -----------------------------------------------------------------------------

# host_names HOST - sets the variables that describe one host.
host_names()
{
    if [[ ! $1 =~ ^cna([1-9][0-9]?)$ ]] || ((BASH_REMATCH[1] > LAB_MAX_HOSTS)); then
        lab_usage "HOST '$1': must be cna1 to cna$LAB_MAX_HOSTS"
    fi
    H=$1
    H_INDEX=${BASH_REMATCH[1]}
    H_DIR=$LAB_DIR/hosts/$H
    H_NETNS=$LAB_PREFIX-$H
    H_GROUP=$LAB_GROUP/$H
    H_MGMT_LINK=${LAB_PREFIX}m$H_INDEX
    H_HA_LINK=${LAB_PREFIX}h$H_INDEX
    H_MGMT_IP=10.90.$LAB_NO.$((10 + H_INDEX))
    H_HA_IP=10.91.$LAB_NO.$((10 + H_INDEX))
    H_LOG=$H_DIR/init.log
    H_AGENT_CONF=$H_DIR/vrm-agent.conf
    H_HALD_CONF=$H_DIR/vrm-hald.conf
}

# lab_hosts - prints every host that exists in any form, in order.
lab_hosts()
{
    {
        ls "$LAB_DIR/hosts" 2>/dev/null || true
        net_namespaces | sed "s/^$LAB_PREFIX-//"
        cgroup_children "$LAB_GROUP"
    } | grep -E '^cna[1-9][0-9]?$' | sort -u -V || true
}

# --- waiting ----------------------------------------------------------------------------------

# wait_for SECONDS COMMAND... - retries until the command succeeds; false when time is up.
wait_for()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

# port_open ADDRESS PORT - something listens there.
port_open()
{
    # shellcheck disable=SC2016 # expanded by the inner shell
    timeout 1 bash -c ': <>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>/dev/null
}
