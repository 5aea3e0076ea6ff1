# shellcheck shell=bash
# lab_conf.sh - certificates and files of the hosts of deploy/lab.  Sourced, never run.

readonly CONF_AGENT_PORT=7444
readonly CONF_TLS_PORT=16514 # libvirt's own

conf_make_authority()
{
    "$LAB_TOP/deploy/certs" ca "$LAB_CERTS"
    "$LAB_TOP/deploy/certs" controller "$LAB_CERTS" controller 127.0.0.1 "10.90.$LAB_NO.1" localhost
}

conf_make_host()
{
    mkdir -p "$H_DIR"/{libvirt/qemu,pki/CA,pki/libvirt/private} \
        "$H_DIR"/{lib,cache/qemu/capabilities,log/qemu,agent,hald}
    [[ -e $LAB_CERTS/$H/client-key.pem ]] ||
        "$LAB_TOP/deploy/certs" host "$LAB_CERTS" "$H" "$H_MGMT_IP" "$H_HA_IP" "$H"
    conf_link_certs
    conf_write_libvirtd >"$H_DIR/libvirt/libvirtd.conf"
    conf_write_qemu >"$H_DIR/libvirt/qemu.conf"
    echo 'uri_default = "qemu:///system"' >"$H_DIR/libvirt/libvirt.conf"
    conf_write_hosts >"$H_DIR/hosts"
    conf_write_agent >"$H_AGENT_CONF"
    conf_write_hald >"$H_HALD_CONF"
}

# libvirt clients, so also a libvirtd that migrates a guest away, look below /etc/pki.
conf_link_certs()
{
    local place file
    while read -r place file; do
        [[ -z $place ]] || ln -sf "$LAB_CERTS/$H/$file" "$H_DIR/pki/$place"
    done <<'END'
CA/cacert.pem                  ca-cert.pem
libvirt/servercert.pem         server-cert.pem
libvirt/private/serverkey.pem  server-key.pem
libvirt/clientcert.pem         client-cert.pem
libvirt/private/clientkey.pem  client-key.pem
END
}

# The same on each start, different for each host of each lab.
conf_uuid()
{
    printf 'vrm-lab %s %s' "$LAB_NO" "$H" | md5sum |
        sed -E 's/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/\1-\2-\3-\4-\5/'
}

conf_write_libvirtd()
{
    cat <<END
host_uuid = "$(conf_uuid)"
listen_tls = 1
listen_tcp = 0
listen_addr = "$H_MGMT_IP"
tls_port = "$CONF_TLS_PORT"
auth_tls = "none"
auth_unix_ro = "none"
auth_unix_rw = "none"
keepalive_interval = 2
keepalive_count = 3
log_outputs = "3:stderr"
END
}

# Not run as root on real hosts; here all files belong to root and are shared by all hosts.
conf_write_qemu()
{
    cat <<END
user = "root"
group = "root"
security_driver = "none"
namespaces = []
stdio_handler = "file"
remember_owner = 0
dynamic_ownership = 0
keepalive_interval = 2
keepalive_count = 3
migration_host = "$H_MGMT_IP"
migration_address = "$H_MGMT_IP"
migrate_tls_x509_cert_dir = "$LAB_CERTS/$H"
migrate_tls_x509_verify = 1
END
}

conf_write_hosts()
{
    local i
    printf '127.0.0.1 localhost\n10.90.%s.1 controller\n' "$LAB_NO"
    for ((i = 1; i <= LAB_MAX_HOSTS; i++)); do
        printf '10.90.%s.%s cna%s\n' "$LAB_NO" $((10 + i)) "$i"
    done
}

# --- what a host was given ----------------------------------------------------------------------
#
# Its BMC, or a later command without the variables, must start the same host again: the values of
# its first good start stay in its file `given` until the lab goes down.

readonly CONF_GIVEN=(VRM_LAB_CPU VRM_LAB_DEVICES VRM_LAB_UPLINK)

# conf_asked VARIABLE - prints this host's value in it ("cna1=X cna2=Y"); nothing: none.
conf_asked()
{
    local pair value=
    for pair in ${!1-}; do
        [[ ${pair%%=*} != "$H" ]] || value=${pair#*=}
    done
    printf '%s' "$value"
}

# conf_given VARIABLE - prints what counts for this host.
conf_given()
{
    if [[ -e $H_DIR/given ]]; then
        sed -n "s/^$1=//p" "$H_DIR/given"
    else
        conf_asked "$1"
    fi
}

conf_keep_given()
{
    local name
    [[ ! -e $H_DIR/given ]] || return 0
    for name in "${CONF_GIVEN[@]}"; do
        printf '%s=%s\n' "$name" "$(conf_asked "$name")"
    done >"$H_DIR/given.new"
    mv "$H_DIR/given.new" "$H_DIR/given"
}

# Says so if the variables now ask for something that the host was not given.
conf_say_kept()
{
    local name asked given
    [[ -e $H_DIR/given ]] || return 0
    for name in "${CONF_GIVEN[@]}"; do
        asked=$(conf_asked "$name")
        given=$(conf_given "$name")
        [[ -z $asked || $asked == "$given" ]] ||
            lab_say "$H keeps $name ${given:-(nothing)} of its first start, not $asked:" \
                "'deploy/lab down' forgets it"
    done
}

conf_write_agent()
{
    local uplink
    uplink=$(conf_given VRM_LAB_UPLINK)
    cat <<END
[agent]
name=$H
listen=$H_MGMT_IP
port=$CONF_AGENT_PORT
state_dir=$H_DIR/agent
log_level=info

[tls]
ca_file=$LAB_CERTS/$H/ca-cert.pem
cert_file=$LAB_CERTS/$H/server-cert.pem
key_file=$LAB_CERTS/$H/server-key.pem

[libvirt]
uri=qemu:///system
domain_type=qemu
migrate_host=$H_MGMT_IP
migrate_tls=true
shared_storage_unchecked=true
emulator=$(cat "$LAB_DIR/emulator" 2>/dev/null)
cpu_limit=$(conf_given VRM_LAB_CPU)
restart_command=pkill -KILL -x libvirtd

[devices]
simulated=$(conf_given VRM_LAB_DEVICES | tr , ' ')
network_mbps=${uplink:-0}
END
}

# /run is in memory and new at each start of the host, as a real one's.
conf_write_hald()
{
    cat <<END
[hald]
socket=/run/vrm/hald.sock
life_file=/run/vrm/hald.life
state_dir=$H_DIR/hald

[beat]
address=$H_HA_IP

[watchdog]
device=unix:$H_DIR/watchdog.sock
END
}

# What QEMU can do is the same on all hosts: ask once (1 s), copy to the others.
conf_copy_capabilities()
{
    local source
    for source in "$LAB_DIR"/hosts/*/cache/qemu/capabilities; do
        [[ $source != "$H_DIR"/* && -n $(ls -A "$source") ]] || continue
        cp -p "$source"/*.xml "$H_DIR/cache/qemu/capabilities/"
        return
    done
}
