# shellcheck shell=bash
# shellcheck disable=SC2153 # H_DIR is set by host_names
# lab_bmc.sh - a baseboard management controller (BMC) for each host of deploy/lab.  Sourced.
#
# ipmi_sim speaks IPMI over LAN on the management plane, at an address of the host's own.  Its power
# commands are real: they start and crash the host.  It asks and commands by calling this script
# again (`deploy/lab bmc-hook HOST ...`), so a BMC lives on while its host is off.

readonly BMC_PORT=623
readonly BMC_USER=lab
readonly BMC_START_LIMIT_S=20

bmc_names()
{
    B_DIR=$H_DIR/bmc
    B_GROUP=$LAB_GROUP/bmc-$H
    B_IP=10.90.$LAB_NO.$((110 + H_INDEX))
}

# The same for all hosts of this lab; at most 20 bytes, by the protocol.
bmc_password()
{
    local file=$LAB_DIR/bmc-password
    [[ -s $file ]] || (umask 077 && openssl rand -hex 8 >"$file")
    cat "$file"
}

# --- life -------------------------------------------------------------------------------------

bmc_write_lan() # PASSWORD
{
    cat <<END
name "$H"
set_working_mc 0x20
startlan 1
  addr $B_IP $BMC_PORT
  priv_limit admin
  allowed_auths_admin none md2 md5 straight
  guid $(conf_uuid | tr -d -)
endlan
user 1 true "" "" user 10 none
user 2 true "$BMC_USER" "$1" admin 10 none md2 md5 straight
chassis_control "$LAB_TOP/deploy/lab bmc-hook $H"
END
}

bmc_write_emulation()
{
    cat <<'END'
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
END
}

bmc_runs()
{
    [[ -n $(cgroup_pids "$B_GROUP") ]]
}

bmc_answers()
{
    timeout 5 ipmitool -I lanplus -C 3 -H "$B_IP" -U "$BMC_USER" -f "$LAB_DIR/bmc-password" \
        chassis power status >/dev/null 2>&1
}

bmc_launch()
{
    local folders
    folders=$(cgroup_folders "$B_GROUP")
    # shellcheck disable=SC2016 # expanded by the inner shell
    env -i PATH="$PATH" LANG=C.UTF-8 HOME=/root VRM_LAB="$LAB_NO" VRM_LAB_DIR="$LAB_DIR" \
        setsid bash -c '
        for folder in $1; do
            [[ ! -d $folder/init ]] || folder=$folder/init
            echo $$ >"$folder/cgroup.procs"
        done
        exec ipmi_sim -c "$2/lan.conf" -f "$2/sim.emu" -s "$2/state" -n' _ "$folders" "$B_DIR" \
        </dev/null >>"$B_DIR/log" 2>&1 7>&- 9>&- &
}

# bmc_start - that of the host named last; one that runs is left alone.
bmc_start()
{
    local password
    bmc_names
    ! bmc_runs || return 0
    password=$(bmc_password)
    mkdir -p "$B_DIR/state"
    (umask 077 && bmc_write_lan "$password" >"$B_DIR/lan.conf")
    bmc_write_emulation >"$B_DIR/sim.emu"
    ip addr replace "$B_IP/32" dev "$(net_bridge_name mgmt)"
    cgroup_make "$B_GROUP"
    bmc_launch
}

bmc_wait()
{
    bmc_names
    wait_for "$BMC_START_LIMIT_S" bmc_answers ||
        lab_die "the BMC of $H does not answer at $B_IP:$BMC_PORT: see $B_DIR/log"
}

bmc_stop()
{
    bmc_names
    cgroup_kill "$B_GROUP"
}

bmc_mode()
{
    local mode=ok
    [[ ! -s $B_DIR/mode ]] || mode=$(<"$B_DIR/mode")
    printf '%s' "$mode"
}

# bmc_state - prints ok, dead, noboot or stuck.
bmc_state()
{
    bmc_names
    if bmc_runs; then bmc_mode; else printf dead; fi
}

bmc_set_mode() # ok|dead|noboot
{
    bmc_names
    mkdir -p "$B_DIR"
    printf '%s' "$1" >"$B_DIR/mode"
    case $1 in
    dead) bmc_stop ;;
    *)
        bmc_start
        bmc_wait
        ;;
    esac
}

bmc_unless_dead() # FUNCTION HOST... - not for those that were silenced on purpose
{
    local function=$1 host
    shift
    for host; do
        host_names "$host"
        bmc_names
        [[ $(bmc_mode) == dead ]] || "$function"
    done
}

bmc_start_all() # HOST...
{
    bmc_unless_dead bmc_start "$@"
    bmc_unless_dead bmc_wait "$@"
}

# --- what ipmi_sim asks for ---------------------------------------------------------------------

bmc_power() # prints 0 or 1
{
    if host_init_pid >/dev/null || [[ -e $B_DIR/stuck || $(bmc_mode) == stuck ]]; then
        printf 1
    else
        printf 0
    fi
}

# A start takes seconds and the BMC must answer at once, as a real one does.
bmc_power_on()
{
    if [[ $(bmc_mode) == noboot ]]; then
        : >"$B_DIR/stuck"
    elif ! host_init_pid >/dev/null; then
        setsid "$LAB_TOP/deploy/lab" heal "$H" </dev/null >>"$B_DIR/log" 2>&1 7>&- 9>&- &
    fi
}

bmc_power_off()
{
    rm -f "$B_DIR/stuck"
    host_crash
}

bmc_set() # WHAT VALUE
{
    [[ $(bmc_mode) != stuck ]] || return 0
    case $1=$2 in
    power=1) bmc_power_on ;;
    power=0 | shutdown=1) bmc_power_off ;;
    reset=1)
        bmc_power_off
        bmc_power_on
        ;;
    esac
}

# bmc_hook get WHAT... | set WHAT VALUE ... - as ipmi_lan(5) says of chassis_control.
bmc_hook()
{
    local verb=$1
    bmc_names
    printf '%(%T)T %s\n' -1 "$*" >>"$B_DIR/log"
    shift
    if [[ $verb == set ]]; then
        while (($# >= 2)); do
            bmc_set "$1" "$2" >>"$B_DIR/log" 2>&1
            shift 2
        done
    elif [[ $verb == get && " $* " == *' power '* ]]; then
        printf 'power:%s\n' "$(bmc_power)"
    fi
}
