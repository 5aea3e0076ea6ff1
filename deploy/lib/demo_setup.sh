# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names are shared with the other files
# demo_setup.sh - from packages to a running controller, for deploy/demo.  Sourced, never run.
#
# What can be done beside each other is: while the compiler works, packages come over the network.

readonly SETUP_HOSTS=3
readonly SETUP_ACTIVE_LIMIT_S=30
readonly SETUP_ROOM_MIB=1000

# NAME BUSY_PERCENT HOST - the virtual machines, and where they are placed badly on purpose.
readonly SETUP_VMS='
busy1 17 cna1
busy2 17 cna1
busy3 17 cna1
busy4 17 cna1
busy5 17 cna1
busy6 17 cna1
idle1  0 cna1
idle2  0 cna1
idle3  0 cna1
idle4  0 cna1
idle5  0 cna2
idle6  0 cna3
'

# There is no log yet, so what is wrong is said here.
setup_make_dir()
{
    local said
    said=$(mkdir -p "$DEMO_LOGS" 2>&1) ||
        demo_die "the demo's folder cannot be made (${said#mkdir: }): set VRM_DEMO_DIR"
    said=$( (set -C && echo $$ >"$DEMO_DIR/pid") 2>&1) ||
        demo_die "another deploy/demo has just begun in $DEMO_DIR, or its disk is full: ${said##*: }"
    echo "$VRM_LAB" >"$DEMO_MARK"
    setup_check_room "$DEMO_DIR"
    setup_check_room /var/tmp # the lab's
}

# A step on a full disk cannot even say so in its log.
setup_check_room() # FOLDER
{
    local free
    free=$(df --output=avail --block-size=1M "$1" | tail -n 1)
    ((free >= SETUP_ROOM_MIB)) ||
        demo_die "$1 has $((free)) MiB of free space, want $SETUP_ROOM_MIB: make room, or set VRM_DEMO_DIR"
}

# Before anything is ours: a lab that somebody works with is neither used nor taken down later.
setup_check_lab()
{
    local status=0
    "$DEMO_TOP/deploy/lab" status >/dev/null 2>&1 || status=$?
    if ((status != 3)) || [[ -d $VRM_LAB_DIR && -n $(ls -A "$VRM_LAB_DIR") ]]; then
        demo_die "lab $VRM_LAB is in use ($VRM_LAB_DIR): take it down with" \
            "'VRM_LAB=$VRM_LAB deploy/lab down', or set VRM_LAB to another number from 0 to 15"
    fi
}

setup_check_port()
{
    # shellcheck disable=SC2016 # expanded by the inner shell
    ! timeout 2 bash -c ': <>"/dev/tcp/127.0.0.1/$0"' "$DEMO_PORT" 2>/dev/null ||
        demo_die "port $DEMO_PORT on 127.0.0.1 is taken: end that program or set VRM_DEMO_PORT"
}

# --- build ------------------------------------------------------------------------------------

# A copy, so that the clone stays as it is; without what an in-tree build may have left there.
setup_copy_source()
{
    mkdir -p "$DEMO_DIR/src"
    tar -C "$DEMO_TOP" -c --exclude=./.git --exclude='./build*' --exclude=./autom4te.cache \
        --exclude=./config.status --exclude=./config.h --exclude=./Makefile --exclude='*.o' \
        --exclude='*.a' --exclude=.deps . | tar -C "$DEMO_DIR/src" -x
}

# -O1: a demo is built once and runs for minutes.
setup_build()
{
    local compiler=gcc
    ! command -v ccache >/dev/null || compiler="ccache gcc"
    setup_copy_source
    (cd "$DEMO_DIR/src" && ./autogen.sh)
    mkdir -p "$DEMO_BUILD"
    cd "$DEMO_BUILD" || return
    "$DEMO_DIR/src/configure" --disable-dependency-tracking CC="$compiler" CFLAGS='-O1'
    make -j"$(nproc)" vrmd vrm-agent vrm-hald vrm-plan
}

# --- what it runs on --------------------------------------------------------------------------

setup_guest_disks()
{
    local name busy
    while read -r name busy _; do
        [[ -z $name ]] || "$DEMO_TOP/deploy/lab" guest "$name" --busy "$busy"
    done <<<"$SETUP_VMS"
}

setup_base()
{
    "$DEMO_TOP/deploy/install-deps" run
    if [[ ${VRM_LAB_HALD:-1} == 1 ]]; then
        "$DEMO_TOP/deploy/lab" net
        export VRM_ETCD_ADDRESS=10.90.$VRM_LAB.1
    fi
    "$DEMO_TOP/deploy/services" up
    setup_guest_disks
}

setup_hosts()
{
    "$DEMO_TOP/deploy/lab" up "$SETUP_HOSTS"
}

# --- controller -------------------------------------------------------------------------------

# DRS looks more often and less far back than by default, so that minutes are enough to watch it.
setup_ha_conf()
{
    [[ ${VRM_LAB_HALD:-1} == 1 ]] || { echo "enabled = false"; return; }
    cat <<END_OF_CONF
enabled = true
beat_listen = 10.91.$VRM_LAB.1
beat_to = 10.91.$VRM_LAB.1
etcd = http://10.90.$VRM_LAB.1:${VRM_ETCD_PORT:-7379}
END_OF_CONF
}

setup_write_conf()
{
    local VRM_PG_CONNINFO VRM_ETCD_URL certs=$VRM_LAB_DIR/certs
    eval "$("$DEMO_TOP/deploy/services" env)"
    cat <<END_OF_CONF
[controller]
name = demo
state_dir = $DEMO_DIR/state
site_name = demo

[api]
listen = 127.0.0.1
port = $DEMO_PORT
url = $DEMO_URL

[database]
conninfo = $VRM_PG_CONNINFO

[etcd]
endpoints = $VRM_ETCD_URL

[agents]
ca_file = $certs/ca.pem
cert_file = $certs/controller.pem
key_file = $certs/controller-key.pem

[drs]
interval_s = 5
window_s = 25
max_age_s = 20
min_samples = 4

[ha]
$(setup_ha_conf)
END_OF_CONF
}

setup_is_active()
{
    [[ $(curl -sS --noproxy '*' --cacert "$DEMO_DIR/state/api-cert.pem" -o /dev/null \
        -w '%{http_code}' --max-time 3 "$DEMO_URL/healthz/active") == 200 ]]
}

setup_controller()
{
    install -d -m 0700 "$DEMO_DIR/state"
    (umask 077 && setup_write_conf >"$DEMO_DIR/vrmd.conf")
    "$DEMO_BUILD/vrmd" --config "$DEMO_DIR/vrmd.conf" --check-config
    setsid "$DEMO_TOP/deploy/lib/demo_keep.sh" "$DEMO_DIR" "$DEMO_TOP/deploy/services" \
        </dev/null >>"$DEMO_LOGS/keeper.log" 2>&1 7>&- &
    demo_wait_for "$SETUP_ACTIVE_LIMIT_S" setup_is_active || {
        tail -n 10 "$DEMO_LOGS/vrmd.log"
        demo_die "vrmd is not active after $SETUP_ACTIVE_LIMIT_S s: see $DEMO_LOGS/vrmd.log"
    }
}

setup_all()
{
    setup_check_lab
    setup_check_port
    setup_make_dir
    demo_title "1  From source to running programs (logs in $DEMO_LOGS)"
    demo_step packages "packages to build with" "$DEMO_TOP/deploy/install-deps" build
    demo_start build "vrmd and vrm-agent built" setup_build
    demo_start base "packages to run with, PostgreSQL, etcd, 12 guest disks" setup_base
    demo_join build base
    demo_step hosts "$SETUP_HOSTS hosts with libvirtd, QEMU and vrm-agent" setup_hosts
    demo_step controller "vrmd is the active controller" setup_controller
}
