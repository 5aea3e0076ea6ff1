# shellcheck shell=bash
# lab_net.sh - bridges, links and network namespaces of deploy/lab.  Sourced, never run.

# Any other route to the same network wins over one with the highest metric.
readonly NET_LAST_METRIC=4294967295

net_bridge_name() # PLANE
{
    local -A names=([mgmt]=${LAB_PREFIX}br [ha]=${LAB_PREFIX}ha)
    printf '%s' "${names[$1]}"
}

net_of_plane() # PLANE - prints the first three bytes of its addresses
{
    local -A nets=([mgmt]=10.90.$LAB_NO [ha]=10.91.$LAB_NO)
    printf '%s' "${nets[$1]}"
}

net_exists() # LINK
{
    [[ -e /sys/class/net/$1 ]]
}

net_make_plane() # PLANE
{
    local bridge net mac octets
    bridge=$(net_bridge_name "$1")
    net=$(net_of_plane "$1")
    # First of all: packets must not leave by the default route while the bridge is not there.
    ip route replace unreachable "$net.0/24" metric "$NET_LAST_METRIC"
    # With an address of its own: else it takes that of one of its links, another one whenever a host
    # comes or goes, and the other hosts' packets for us get lost until they have asked anew.
    IFS=. read -ra octets <<<"$net.1"
    mac=$(printf '02:01:%02x:%02x:%02x:%02x' "${octets[@]}")
    net_exists "$bridge" ||
        ip link add "$bridge" address "$mac" type bridge forward_delay 0 mcast_snooping 0
    ip addr replace "$net.1/24" dev "$bridge"
    ip link set "$bridge" up
}

net_make_planes()
{
    net_make_plane mgmt
    net_make_plane ha
}

# net_join LINK CARD ADDRESS BRIDGE - one card of the host: LINK here, CARD inside.
net_join()
{
    local mac octets
    IFS=. read -ra octets <<<"$3"
    # The same address after each start: the neighbours' tables stay right over a crash.
    mac=$(printf '02:00:%02x:%02x:%02x:%02x' "${octets[@]}")
    ip link add "$1" type veth peer name "$2" address "$mac" netns "$H_NETNS"
    ip link set "$1" master "$4" up
    ip -n "$H_NETNS" addr add "$3/24" dev "$2"
    ip -n "$H_NETNS" link set "$2" up
}

net_make_host()
{
    net_remove_host
    rm -f "$H_DIR/one-way"
    ip netns add "$H_NETNS"
    ip -n "$H_NETNS" link set lo up
    net_join "$H_MGMT_LINK" mgmt0 "$H_MGMT_IP" "$(net_bridge_name mgmt)"
    net_join "$H_HA_LINK" ha0 "$H_HA_IP" "$(net_bridge_name ha)"
    # A connection to a dead host fails after 7 s instead of 134 s.
    nsenter --net="/run/netns/$H_NETNS" \
        bash -c 'echo 2 >/proc/sys/net/ipv4/tcp_syn_retries'
}

net_remove_host()
{
    net_remove_link "$H_MGMT_LINK"
    net_remove_link "$H_HA_LINK"
    net_remove_netns "$H_NETNS"
}

# A link may vanish under us when the last process of its namespace dies.
net_remove_link() # LINK
{
    net_exists "$1" || return 0
    ip link delete "$1" || ! net_exists "$1"
}

net_remove_netns() # NAME
{
    [[ ! -e /run/netns/$1 ]] || ip netns delete "$1"
}

net_set_links() # up|down LINK...
{
    local state=$1 link
    shift
    for link; do
        ! net_exists "$link" || ip link set "$link" "$state"
    done
}

# The file `one-way` of the host's folder says what was cut in one direction only.
net_link_state() # LINK CARD - prints up, cut, no-in, no-out or none
{
    local flags way
    flags=$(cat "/sys/class/net/$1/flags" 2>/dev/null) || { printf none; return; }
    way=$(sed -n "s/^$2 /no-/p" "$H_DIR/one-way" 2>/dev/null | tail -n 1) || true
    if ((flags & 1)); then printf %s "${way:-up}"; else printf cut; fi
}

# What is cut stays so until the host is healed.  Inside of the host, so that nobody else's packets
# are touched; a packet that is lost on its way out is lost to tcpdump and the sender, too.
net_cut_one_way() # CARD in|out
{
    local -A hooks=([in]=ingress [out]=egress)
    nsenter --net="/run/netns/$H_NETNS" nft -f - <<END
table netdev vrm_lab {
    chain ${1}_$2 {
        type filter hook ${hooks[$2]} device "$1" priority 0; policy drop;
    }
}
END
    printf '%s %s\n' "$1" "$2" >>"$H_DIR/one-way"
}

net_heal_one_way()
{
    [[ -e $H_DIR/one-way ]] || return 0
    printf '%s\n' 'table netdev vrm_lab' 'delete table netdev vrm_lab' |
        nsenter --net="/run/netns/$H_NETNS" nft -f -
    rm "$H_DIR/one-way"
}

# net_links - prints every link of this lab: bridges, and the outer ends of the hosts' cards.
net_links()
{
    ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/' |
        grep -E "^$LAB_PREFIX(br|ha|[mh][0-9]+)\$" || true
}

net_namespaces()
{
    ip netns list | awk '{ print $1 }' | grep -E "^$LAB_PREFIX-cna[0-9]+\$" || true
}

net_remove_all()
{
    local name plane
    for name in $(net_links); do
        net_remove_link "$name"
    done
    for name in $(net_namespaces); do
        net_remove_netns "$name"
    done
    for plane in mgmt ha; do
        ip route del unreachable "$(net_of_plane "$plane").0/24" metric "$NET_LAST_METRIC" \
            2>/dev/null || true
    done
    net_remove_netns_folder
}

# `ip netns` makes this folder and mounts it on itself; it is not ours while anybody uses it.
net_remove_netns_folder()
{
    [[ -d /run/netns && -z $(ls -A /run/netns) ]] || return 0
    umount /run/netns 2>/dev/null || true
    rmdir /run/netns 2>/dev/null || true
}
