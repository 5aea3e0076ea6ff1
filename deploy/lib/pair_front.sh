# shellcheck shell=bash
# pair_front.sh - the two vrmd of deploy/pair and HAProxy before them.  Sourced, never run.

# --- certificates: one authority for agents and for clients --------------------------------------

front_certs()
{
    local lab=/var/tmp/vrm-lab-$PAIR_LAB
    [[ ! -e $PAIR_CERTS/api.pem ]] || return 0
    install -d -m 0755 "$PAIR_CERTS"
    if [[ -n $PAIR_LAB ]]; then
        [[ -e $lab/certs/ca-key.pem ]] ||
            pair_die "VRM_LAB '$PAIR_LAB': there is no such lab; start it first (deploy/lab up N)"
        cp -p "$lab"/certs/ca.pem "$lab"/certs/ca-key.pem "$PAIR_CERTS"
    fi
    {
        "$PAIR_TOP/deploy/certs" ca "$PAIR_CERTS"
        "$PAIR_TOP/deploy/certs" controller "$PAIR_CERTS" api 127.0.0.1 localhost
    } >"$(log_of certs)" 2>&1 || pair_die "certificates: $(tail -n 3 "$(log_of certs)")"
}

# --- vrmd --------------------------------------------------------------------------------------

# vrmd's settings without a default, and those that make two of them a pair.
vrmd_settings()
{
    cat <<END_OF_CONF
[controller]
name = $1
state_dir = $PAIR_DIR/$1
site_name = pair

[api]
listen = 127.0.0.1
port = $(port_of "$1")
url = https://127.0.0.1:$(port_of "$1")
cert_file = $PAIR_CERTS/api.pem
key_file = $PAIR_CERTS/api-key.pem
max_connections_per_address = 500
admin_password_file = $PAIR_DIR/admin.password

[database]
conninfo = $(pair_conninfo)
statement_timeout_ms = 3000

[etcd]
endpoints = $(etcd_urls)

[agents]
ca_file = $PAIR_CERTS/ca.pem
cert_file = $PAIR_CERTS/api.pem
key_file = $PAIR_CERTS/api-key.pem

[ha]
$(ha_settings "$1")
END_OF_CONF
}

# HA needs an etcd and controllers that hosts reach: those of a lab do, in its networks.
ha_settings() # NAME
{
    [[ -n $PAIR_LAB ]] || { echo 'enabled = false' && return; }
    cat <<END_OF_CONF
enabled = true
beat_listen = $(pair_beats "$1")
beat_to = $(pair_beats vrmd1), $(pair_beats vrmd2)
etcd = $(etcd_urls "$PAIR_LAB_IP")
END_OF_CONF
}

pair_conninfo()
{
    printf 'host=127.0.0.1,127.0.0.1 port=%s,%s dbname=vrm user=vrm password=%s' \
        "$(port_of pg1)" "$(port_of pg2)" "$(<"$PAIR_DIR/secret")"
}

vrmd_start()
{
    ! runs "$1" || return 0
    check_port_free "$(port_of "$1")"
    install -d -m 0700 "$PAIR_DIR/$1"
    (umask 077 && vrmd_settings "$1" >"$PAIR_DIR/$1/vrmd.conf")
    "$PAIR_VRMD" --config "$PAIR_DIR/$1/vrmd.conf" --check-config >>"$(log_of "$1")" 2>&1 ||
        fail_start "$1"
    (
        cd "$PAIR_DIR/$1" || exit
        setsid bash -c "$(declare -f vrmd_keep); vrmd_keep \"\$@\"" "keeper-of-$1" "$PAIR_VRMD" \
            "$PAIR_DIR/$1/vrmd.conf" >>"$(log_of "$1")" 2>&1 </dev/null 9>&- &
    )
}

# vrmd_keep PROGRAM CONF - what systemd does by vrmd.service: its ExecStopPost after any end.
vrmd_keep()
{
    "$1" --config "$2" || true
    "$1" --config "$2" --release || true
}

# It ends by itself soon after vrmd.  Somebody's shell may stand in the folder, too.
kill_keeper()
{
    local pid
    for pid in $(server_pids "$PAIR_DIR/$1" bash); do
        ! grep -qzx "keeper-of-$1" "/proc/$pid/cmdline" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    done
}

# front_code NAME PATH - the HTTP status; 000 without an answer.
front_code()
{
    curl -s --noproxy '*' --max-time 2 --cacert "$PAIR_CERTS/ca.pem" -o /dev/null -w '%{http_code}' \
        "https://127.0.0.1:$(port_of "$1")$2" || true
}

vrmd_answers() { [[ $(front_code "$1" /healthz) == 200 ]]; }

vrmd_wait()
{
    wait_for "$PAIR_START_LIMIT_S" vrmd_answers "$1" || fail_start "$1"
}

# vrmd_role NAME - prints active or standby.
vrmd_role()
{
    case $(front_code "$1" /healthz/active) in
    200) echo active ;;
    503) echo standby ;;
    esac
}

vrmd_in_role()
{
    local name
    for name in vrmd1 vrmd2; do
        [[ $(vrmd_role "$name") != "$1" ]] || { echo "$name" && return; }
    done
    return 1
}

# A clean end gives leadership back.
vrmd_stop()
{
    send CONT "$1"
    send TERM "$1"
}

# --- HAProxy -----------------------------------------------------------------------------------

# deploy/conf/pair/haproxy.cfg with our addresses; it runs as its user already, and logs to a file.
haproxy_settings()
{
    sed -E -e '/^ *(user|group) /d' -e 's,log /dev/log,log stdout format raw,' \
        -e "s,bind 10\.0\.0\.10:7443,bind 127.0.0.1:$PAIR_PORT," \
        -e "s,10\.0\.0\.1:7443,127.0.0.1:$(port_of vrmd1)," \
        -e "s,10\.0\.0\.2:7443,127.0.0.1:$(port_of vrmd2)," \
        -e "s,/etc/vrm/pki,$PAIR_CERTS," "$PAIR_CONF/haproxy.cfg"
}

haproxy_start()
{
    ! runs haproxy || return 0
    check_port_free "$PAIR_PORT"
    install -d -m 0755 "$PAIR_DIR/haproxy"
    haproxy_settings >"$PAIR_DIR/haproxy/haproxy.cfg"
    (
        cd "$PAIR_DIR/haproxy" || exit
        as_user haproxy "$PAIR_DIR" setsid haproxy -db -f "$PAIR_DIR/haproxy/haproxy.cfg" \
            >>"$(log_of haproxy)" 2>&1 </dev/null 9>&- &
    )
}

haproxy_listens() { is_listening "$PAIR_PORT"; }

haproxy_wait()
{
    wait_for "$PAIR_START_LIMIT_S" haproxy_listens || fail_start haproxy
}

# haproxy_role - where it sends clients.
haproxy_role()
{
    if [[ $(front_code haproxy /healthz/active) == 200 ]]; then
        echo "serves the active vrmd"
    else
        echo "finds no active vrmd"
    fi
}

haproxy_stop()
{
    send CONT haproxy
    send TERM haproxy
}
