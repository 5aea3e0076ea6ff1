# shellcheck shell=bash
# pair_etcd.sh - the three etcd members of deploy/pair.  Sourced, never run.

# etcd_url NAME [ADDRESS]
etcd_url() { echo "http://${2:-127.0.0.1}:$(port_of "$1")"; }

etcd_urls() # [ADDRESS]
{
    echo "$(etcd_url etcd1 "$@"),$(etcd_url etcd2 "$@"),$(etcd_url etcd3 "$@")"
}

# etcd_settings NAME - deploy/conf/pair/etcd.default with this member's name and addresses.
etcd_settings()
{
    local n=${1#etcd} i port
    local script="s/^ETCD_NAME=.*/ETCD_NAME=$1/; /^ETCD_INITIAL_CLUSTER=/!s/10\.0\.0\.1:/10.0.0.$n:/g"
    for i in 1 2 3; do
        port=$(port_of "etcd$i")
        script+="; s/10\.0\.0\.$i:2379/127.0.0.1:$port/g; s/10\.0\.0\.$i:2380/127.0.0.1:$((port + 1))/g"
    done
    [[ -z $PAIR_LAB ]] || ! lab_is_up ||
        script+="; /^ETCD_LISTEN_CLIENT_URLS=/s|$|,$(etcd_url "$1" "$PAIR_LAB_IP")|"
    sample etcd.default | sed -E "$script"
}

etcd_start()
{
    local port settings
    ! runs "$1" || return 0
    port=$(port_of "$1")
    check_port_free "$port"
    check_port_free "$((port + 1))"
    install -d -m 0700 "$PAIR_DIR/$1"
    own "$PAIR_DIR/$1" etcd
    mapfile -t settings < <(etcd_settings "$1")
    (
        cd "$PAIR_DIR/$1" || exit
        as_user etcd "$PAIR_DIR" env "${settings[@]}" ETCD_DATA_DIR="$PAIR_DIR/$1" ETCD_LOGGER=zap \
            ETCD_LOG_LEVEL=warn setsid etcd >>"$(log_of "$1")" 2>&1 </dev/null 9>&- &
    )
}

etcd_answers()
{
    [[ $(curl -sS --noproxy '*' --max-time 1 "$(etcd_url "$1")/health" 2>/dev/null) == *'"true"'* ]]
}

etcd_wait()
{
    wait_for "$PAIR_START_LIMIT_S" etcd_answers "$1" || fail_start "$1"
}

# etcd_role NAME - prints leader or follower.
etcd_role()
{
    local status
    status=$(curl -sS --noproxy '*' --max-time 1 "$(etcd_url "$1")/v3/maintenance/status" -d '{}' \
        2>/dev/null | jq -r 'if .leader == null then "no leader"
            elif .leader == .header.member_id then "leader" else "follower" end' 2>/dev/null) || true
    echo "${status:-does not answer}"
}

etcd_leader()
{
    local name
    for name in etcd1 etcd2 etcd3; do
        [[ $(etcd_role "$name") != leader ]] || { echo "$name" && return; }
    done
    return 1
}

etcd_stop()
{
    send CONT "$1"
    send TERM "$1"
}
