# shellcheck shell=bash
# lab_cmd.sh - the commands of deploy/lab.  Sourced, never run.

# --- up and down ------------------------------------------------------------------------------

# cmd_find_agent - prints the path of the agent's program.
cmd_find_agent()
{
    local agent=${VRM_AGENT:-$LAB_TOP/build/vrm-agent}
    if [[ ! -x $agent || -d $agent ]]; then
        [[ -z ${VRM_AGENT-} ]] || lab_die "VRM_AGENT '$agent': no such program"
        agent=$(command -v vrm-agent) ||
            lab_die "no vrm-agent in $LAB_TOP/build or PATH: build it, or use --no-agent"
    fi
    realpath "$agent"
}

# cmd_find_hald AGENT - prints the path of the program; nothing if the hosts run without it.
cmd_find_hald()
{
    local hald
    [[ ${VRM_LAB_HALD:-1} =~ ^[01]$ ]] || lab_usage "VRM_LAB_HALD '$VRM_LAB_HALD': must be 0 or 1"
    [[ ${VRM_LAB_HALD:-1} == 1 ]] || return 0
    hald=${VRM_HALD:-${1%/*}/vrm-hald}
    if [[ ! -x $hald || -d $hald ]]; then
        [[ -z ${VRM_HALD-} ]] || lab_die "VRM_HALD '$hald': no such program"
        hald=$(command -v vrm-hald) ||
            lab_die "no vrm-hald beside $1 or in PATH: build it, or set VRM_LAB_HALD=0"
    fi
    realpath "$hald"
}

# cmd_start_hosts AGENT HALD HOST... - the first one alone: it finds out what QEMU can do for the others.
cmd_start_hosts()
{
    local agent=$1 hald=$2 host pids=() pid
    shift 2
    if [[ -z $(ls -A "$LAB_DIR"/hosts/*/cache/qemu/capabilities 2>/dev/null) ]]; then
        host_names "$1"
        host_start "$agent" "$hald"
        shift
    fi
    for host; do
        (
            host_names "$host"
            host_start "$agent" "$hald"
        ) &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
}

# From here as the controller, and from the first host as another host does.
cmd_check_reachable() # HOST...
{
    local host
    for host; do
        host_names "$host"
        wait_for 5 port_open "$H_MGMT_IP" "$CONF_TLS_PORT" ||
            lab_die "$host does not answer on $H_MGMT_IP:$CONF_TLS_PORT"
    done
    local last_ip=$H_MGMT_IP
    host_names cna1
    wait_for 5 host_reaches "$last_ip" "$CONF_TLS_PORT" ||
        lab_die "$H cannot reach $host ($last_ip:$CONF_TLS_PORT): a firewall on bridges?" \
            "(sysctl net.bridge.bridge-nf-call-iptables=0)"
}

cmd_parse_up() # ARGUMENT... - sets up_count, up_agent and up_hald
{
    local word no_agent=
    up_count=
    for word; do
        if [[ $word == --no-agent ]]; then
            no_agent=1
        elif [[ -z $up_count && $word =~ ^[1-9][0-9]?$ ]] && ((word <= LAB_MAX_HOSTS)); then
            up_count=$word
        else
            lab_usage "up '$word': must be a number of hosts, 1 to $LAB_MAX_HOSTS, or --no-agent"
        fi
    done
    [[ -n $up_count ]] || lab_usage "up: how many hosts?"
    [[ ${VRM_LAB_STORE-} =~ ^(own)?$ ]] ||
        lab_usage "VRM_LAB_STORE '$VRM_LAB_STORE': must be own, or not be set"
    [[ -z ${VRM_LAB_STORE-} ]] || command -v bindfs >/dev/null ||
        lab_die "bindfs is missing: run deploy/install-deps run"
    up_agent=
    up_hald=
    if [[ -z $no_agent ]]; then
        up_agent=$(cmd_find_agent)
        up_hald=$(cmd_find_hald "$up_agent")
    fi
}

# cmd_hosts_to_start - sets up_all: cna1..cnaN, and up_hosts: those of them that do not live.
cmd_hosts_to_start()
{
    local i
    up_hosts=()
    up_all=()
    for ((i = 1; i <= up_count; i++)); do
        host_names "cna$i"
        up_all+=("$H")
        conf_say_kept
        if [[ $(host_state) == down ]]; then
            up_hosts+=("$H")
        elif [[ ! -d $H_DIR ]]; then
            lab_die "$H runs, but $H_DIR is gone (another VRM_LAB_DIR?): first 'deploy/lab down'"
        else
            lab_say "$H is $(host_state) already"
        fi
    done
}

# For servers that hosts must reach: they can listen before the hosts are there.
cmd_net()
{
    lab_make_dir
    lab_step "networks 10.90.$LAB_NO.0/24 and 10.91.$LAB_NO.0/24" net_make_planes
}

cmd_up()
{
    cmd_parse_up "$@"
    lab_check_programs
    cmd_hosts_to_start
    lab_make_dir
    [[ -z ${VRM_LAB_EMULATOR-} ]] || printf '%s' "$VRM_LAB_EMULATOR" >"$LAB_DIR/emulator"
    if [[ -n ${VRM_LAB_STORE-} && -z $(lab_hosts) ]]; then touch "$LAB_DIR/store-own"; fi
    lab_step "networks 10.90.$LAB_NO.0/24 and 10.91.$LAB_NO.0/24" net_make_planes
    lab_step "certificates" conf_make_authority
    if ((${#up_hosts[@]} > 0)); then
        lab_step "hosts ${up_hosts[*]}" cmd_start_hosts "$up_agent" "$up_hald" "${up_hosts[@]}"
        lab_step "check that all answer" cmd_check_reachable "${up_hosts[@]}"
    fi
    lab_step "BMCs" bmc_start_all "${up_all[@]}"
    lab_say "up: $up_count hosts in $LAB_DIR"
}

cmd_down()
{
    # Processes first: nothing else can be removed for sure while one of them lives.
    cgroup_kill "$LAB_GROUP"
    net_remove_all
    cgroup_remove "$LAB_GROUP"
    cmd_remove_dir
    rm -f "$LAB_LOCK"
    lab_say "down: lab $LAB_NO is gone"
}

cmd_remove_dir()
{
    if [[ -e $LAB_MARK ]]; then
        guest_lock # nothing that still builds writes into a folder that is gone
        rm -rf --one-file-system "$LAB_DIR"
    elif [[ -d $LAB_DIR && -n $(ls -A "$LAB_DIR") ]]; then
        lab_die "$LAB_DIR was not made by lab $LAB_NO (no $LAB_MARK): left alone"
    fi
}

# --- status -----------------------------------------------------------------------------------

cmd_status_row() # HOST - prints its row; false if it is not well
{
    local state agent hald
    host_names "$1"
    state=$(host_state)
    agent=$(host_given agent)
    hald=$(host_given hald)
    printf '%-6s %-9s %-13s %-6s %-13s %-6s %-9s %-6s %-5s %-9s %-6s %s\n' "$H" "$state" \
        "$H_MGMT_IP" "$(net_link_state "$H_MGMT_LINK" mgmt0)" \
        "$H_HA_IP" "$(net_link_state "$H_HA_LINK" ha0)" \
        "$(host_count libvirtd)" "$agent" "$hald" "$(dog_state)" "$(bmc_state)" \
        "$(host_count qemu-system-x86_64)"
    [[ $state == up && $agent != 0 && $hald != 0 ]]
}

cmd_status()
{
    local host hosts status=0
    hosts=$(lab_hosts)
    if [[ -z $hosts ]]; then
        lab_say "lab $LAB_NO: no hosts"
        exit 3
    fi
    printf '%-6s %-9s %-13s %-6s %-13s %-6s %-9s %-6s %-5s %-9s %-6s %s\n' \
        HOST STATE MGMT link HA link libvirtd agent hald watchdog BMC VMs
    for host in $hosts; do
        cmd_status_row "$host" || status=1
    done
    exit "$status"
}

# --- trouble ----------------------------------------------------------------------------------

cmd_known_host() # HOST
{
    host_names "$1"
    [[ -d $H_DIR ]] || lab_die "there is no host $H in lab $LAB_NO (see deploy/lab status)"
}

cmd_living_host() # HOST
{
    cmd_known_host "$1"
    host_init_pid >/dev/null || lab_die "$H is down (deploy/lab heal $H starts it)"
}

cmd_kill()
{
    cmd_living_host "$1"
    lab_step "$H loses its power" host_crash
}

cmd_pause()
{
    cmd_living_host "$1"
    lab_step "$H stands still" cgroup_freeze "$H_GROUP" yes
    wait_for 10 cgroup_is_frozen "$H_GROUP" ||
        lab_die "$H: not all processes stand still after 10 s"
}

cmd_signal_hald() # HOST SIGNAL
{
    local pids
    cmd_living_host "$1"
    [[ -s $H_DIR/hald-program ]] || lab_die "$H runs without vrm-hald (VRM_LAB_HALD was 0)"
    pids=$(host_given_pids hald)
    [[ -n $pids ]] || lab_die "$H: no vrm-hald runs now: see $H_DIR/hald.log"
    # shellcheck disable=SC2086 # a list of numbers
    kill -s "$2" $pids
}

cmd_kill_hald()
{
    cmd_signal_hald "$1" KILL
    lab_say "vrm-hald of $H is killed"
}

cmd_stop_hald()
{
    cmd_signal_hald "$1" STOP
    lab_say "vrm-hald of $H stands still"
}

cmd_cut()
{
    local -A links
    cmd_living_host "$1"
    links=([mgmt]=$H_MGMT_LINK [ha]=$H_HA_LINK)
    [[ -n $2 && -n ${links[$2]-} ]] || lab_usage "cut '$2': must be mgmt or ha"
    if [[ -z ${3-} ]]; then
        lab_step "$H loses its $2 link" net_set_links down "${links[$2]}"
        return
    fi
    [[ $3 == in || $3 == out ]] || lab_usage "cut '$3': must be in or out, or be left away"
    command -v nft >/dev/null || lab_die "nft is missing: run deploy/install-deps run"
    lab_step "$H loses its $2 link, $3 only" net_cut_one_way "${2}0" "$3"
}

cmd_store()
{
    local host hosts=$1
    [[ $2 =~ ^(ok|hang|fail)$ ]] || lab_usage "store '$2': must be hang, fail or ok"
    [[ -e $LAB_DIR/store-own ]] ||
        lab_die "the hosts of this lab share one folder (VRM_LAB_STORE=own gives each its own way)"
    [[ $1 != all ]] || hosts=$(lab_hosts)
    for host in $hosts; do
        if [[ $1 == all ]]; then
            host_names "$host"
            host_init_pid >/dev/null || continue
        else
            cmd_living_host "$host"
        fi
        lab_step "the datastore of $H: $2" host_store "$2"
    done
}

cmd_heal()
{
    cmd_known_host "$1"
    lab_step "heal $H" host_heal
}

cmd_bmc()
{
    cmd_known_host "$1"
    [[ $2 =~ ^(ok|dead|noboot|stuck)$ ]] || lab_usage "bmc '$2': must be ok, dead, noboot or stuck"
    lab_step "the BMC of $H is $2" bmc_set_mode "$2"
}

# Called by ipmi_sim, see lab_bmc.sh.
cmd_bmc_hook()
{
    cmd_known_host "$1"
    shift
    bmc_hook "$@"
}

cmd_exec()
{
    cmd_living_host "$1"
    shift
    ! cgroup_is_frozen "$H_GROUP" || lab_die "$H is paused (deploy/lab heal $H)"
    trap - EXIT
    host_exec "$@"
}

# --- guests -----------------------------------------------------------------------------------

cmd_guest()
{
    local name=$1 path word
    local -A load=([--busy]=0 [--dirty]=0 [--mem]=0 [--agent]=0)
    path=$(guest_path "$name")
    shift
    while (($# > 0)); do
        word=$1
        [[ -n $word && -n ${load[$word]-} ]] || lab_usage "guest '$word': unknown option"
        (($# >= 2)) || lab_usage "guest $word: a number is missing"
        load[$word]=$2
        shift 2
    done
    lab_make_dir
    guest_base
    guest_make_disk "$path"
    guest_set_load "$name" "$path" "${load[--busy]}" "${load[--dirty]}" "${load[--mem]}" \
        "${load[--agent]}"
    printf '%s\n' "$path"
}

cmd_busy()
{
    local path
    path=$(guest_path "$1")
    [[ -e $path ]] || lab_die "no disk $path: make it with deploy/lab guest $1"
    guest_set_load "$1" "$path" "$2" "${3-0}" "${4-0}"
}

cmd_order()
{
    local path
    path=$(guest_path "$1")
    [[ -e $path ]] || lab_die "no disk $path: make it with deploy/lab guest $1"
    [[ $2 =~ ^(panic|hang|freeze|mute)$ ]] ||
        lab_usage "order '$2': must be panic, hang, freeze or mute"
    guest_order "$path" "$2"
}
