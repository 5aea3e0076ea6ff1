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

# cmd_start_hosts AGENT HOST... - the first one alone: it finds out what QEMU can do for the others.
cmd_start_hosts()
{
    local agent=$1 host pids=() pid
    shift
    if [[ -z $(ls -A "$LAB_DIR"/hosts/*/cache/qemu/capabilities 2>/dev/null) ]]; then
        host_names "$1"
        host_start "$agent"
        shift
    fi
    for host; do
        (
            host_names "$host"
            host_start "$agent"
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

cmd_parse_up() # ARGUMENT... - sets up_count and up_agent
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
    up_agent=
    [[ -n $no_agent ]] || up_agent=$(cmd_find_agent)
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

cmd_up()
{
    cmd_parse_up "$@"
    lab_check_programs
    cmd_hosts_to_start
    lab_make_dir
    lab_step "networks 10.90.$LAB_NO.0/24 and 10.91.$LAB_NO.0/24" net_make_planes
    lab_step "certificates" conf_make_authority
    if ((${#up_hosts[@]} > 0)); then
        lab_step "hosts ${up_hosts[*]}" cmd_start_hosts "$up_agent" "${up_hosts[@]}"
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
    local state agent=off
    host_names "$1"
    state=$(host_state)
    [[ ! -s $H_DIR/agent-program ]] || agent=$(host_agents)
    printf '%-6s %-9s %-13s %-5s %-13s %-5s %-9s %-6s %-6s %s\n' "$H" "$state" \
        "$H_MGMT_IP" "$(net_link_state "$H_MGMT_LINK")" \
        "$H_HA_IP" "$(net_link_state "$H_HA_LINK")" \
        "$(host_count libvirtd)" "$agent" "$(bmc_state)" "$(host_count qemu-system-x86_64)"
    [[ $state == up && $agent != 0 ]]
}

cmd_status()
{
    local host hosts status=0
    hosts=$(lab_hosts)
    if [[ -z $hosts ]]; then
        lab_say "lab $LAB_NO: no hosts"
        exit 3
    fi
    printf '%-6s %-9s %-13s %-5s %-13s %-5s %-9s %-6s %-6s %s\n' \
        HOST STATE MGMT link HA link libvirtd agent BMC VMs
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

cmd_cut()
{
    local -A links
    cmd_living_host "$1"
    links=([mgmt]=$H_MGMT_LINK [ha]=$H_HA_LINK)
    [[ -n $2 && -n ${links[$2]-} ]] || lab_usage "cut '$2': must be mgmt or ha"
    lab_step "$H loses its $2 link" net_set_links down "${links[$2]}"
}

cmd_heal()
{
    cmd_known_host "$1"
    lab_step "heal $H" host_heal
}

cmd_bmc()
{
    cmd_known_host "$1"
    [[ $2 =~ ^(ok|dead|noboot)$ ]] || lab_usage "bmc '$2': must be ok, dead or noboot"
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
    local -A load=([--busy]=0 [--dirty]=0 [--mem]=0)
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
    guest_set_load "$name" "$path" "${load[--busy]}" "${load[--dirty]}" "${load[--mem]}"
    printf '%s\n' "$path"
}

cmd_busy()
{
    local path
    path=$(guest_path "$1")
    [[ -e $path ]] || lab_die "no disk $path: make it with deploy/lab guest $1"
    guest_set_load "$1" "$path" "$2" "${3-0}" "${4-0}"
}
