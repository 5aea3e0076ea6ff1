#!/bin/sh
# bench_vrmd.sh - vrmd at the size that is promised: real vrmd (two of them), PostgreSQL and etcd,
# 128 agents (bench_fleet.c), 8,000 VMs of which 500 are stopped.  By hand, after make check TESTS= :
#
#     builddir=build tests/bench/bench_vrmd.sh
#
# BENCH_HOSTS, BENCH_VMS, BENCH_RUNNING, BENCH_IDLE_S; BENCH_SOAK_MIN: minutes of watching the
# memory; BENCH_PHASES: which of "idle requests load plan starts drain soak take-over", all by
# default; BENCH_KEEP=1: leaves the logs.  Other load on the machine shows in the figures.
set -eu

srcdir=${srcdir:-.}
builddir=${builddir:-.}
: "${BENCH_HOSTS:=128}" "${BENCH_VMS:=8000}" "${BENCH_RUNNING:=7500}" "${BENCH_IDLE_S:=30}"
: "${BENCH_SOAK_MIN:=0}"
export BENCH_HOSTS BENCH_VMS BENCH_RUNNING BENCH_IDLE_S BENCH_SOAK_MIN

# shellcheck source=tests/services.sh
. "$srcdir/tests/services.sh"

end_all()
{
    for pid in ${fleet:-} ${BENCH_PID_1:-} ${BENCH_PID_2:-}; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    [ -z "${BENCH_KEEP:-}" ] || cp -r "$work" "${TMPDIR:-/tmp}/vrm-bench.$$"
    "$VRM_TEST_SERVICES" down
}

call() # METHOD PATH [BODY]
{
    curl -s --noproxy '*' -m 30 -X "$1" -H "X-Auth-Token: $token" \
        -H 'Content-Type: application/json' ${3:+-d "$3"} "$BENCH_URL_1$2"
}

text_of() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

wait_for_code() # URL CODE
{
    until [ "$(curl -s --noproxy '*' -m 2 -o /dev/null -w '%{http_code}' "$1")" = "$2" ]; do
        sleep 0.1
    done
}

# As bench_fleet.c has them.
fleet_addresses()
{
    n=0
    while [ $n -lt "$BENCH_HOSTS" ]; do
        echo "127.7.$((n / 250)).$((n % 250 + 1))"
        n=$((n + 1))
    done
}

configure() # N PORT
{
    cat >"$work/vrmd$1.conf" <<END
[controller]
name = ctl$1
state_dir = $work/state$1
[api]
listen = 127.0.0.1
port = $2
tls = false
url = http://127.0.0.1:$2
admin_password_file = $work/password
[database]
conninfo = $VRM_PG_CONNINFO
[etcd]
endpoints = $VRM_ETCD_URL
prefix = /vrm-bench
[agents]
ca_file = $work/ca.pem
cert_file = $work/vrmd.pem
key_file = $work/vrmd-key.pem
[ha]
enabled = false
[drs]
min_samples = 1
moves_per_cluster = 16
END
}

start_vrmd() # N
{
    "$builddir/vrmd" --config "$work/vrmd$1.conf" >>"$work/vrmd$1.log" 2>&1 &
}

# One cluster through the API; its hosts and VMs, which would take the API long, as rows.
make_cluster()
{
    token=$(curl -s --noproxy '*' -X POST -D - -o /dev/null -H 'X-Auth-User: admin' \
        -H 'X-Auth-Key: fleet-test-1' "$BENCH_URL_1/service/session" |
        tr -d '\r' | sed -n 's/^[Xx]-[Aa]uth-[Tt]oken: //p')
    BENCH_SITE=$(call GET /service/sites | text_of uri)
    BENCH_CLUSTER=$(call POST "$BENCH_SITE/clusters" '{"name":"bench"}' | text_of uri)
    call PUT "$BENCH_CLUSTER" '{"isEnableDrs":true,"drsSetting":{"drsLevel":1}}' >/dev/null
    export BENCH_SITE BENCH_CLUSTER
}

make_inventory()
{
    psql -q -v ON_ERROR_STOP=1 -v hosts="$BENCH_HOSTS" -v vms="$BENCH_VMS" \
        -v running="$BENCH_RUNNING" -v port="$fleet_port" -v cluster="${BENCH_CLUSTER##*/}" \
        "$VRM_PG_CONNINFO" <<'END'
INSERT INTO host (id, name, description, ip, port, bmc_ip, bmc_user, bmc_password, cluster_id,
    maintaining, create_ms, real_name, uuid, vendor, model, cpu_model, hypervisor, mem_mb,
    cpu_threads, cpu_sockets, cpu_cores, cpu_mhz, nic_count)
SELECT 1001 + n, 'host' || n, '', '127.7.' || n / 250 || '.' || n % 250 + 1, :port, '', '', '', :cluster, false, 1, '', '',
    '', '', '', '', 0, 0, 0, 0, 0, 0 FROM generate_series(0, :hosts - 1) n;
INSERT INTO datastore (id, name, description, storage_type, path, capacity_gb, used_gb)
VALUES (1, 'bench', '', 'NAS', '/srv/bench', 100000, 0);
INSERT INTO volume (id, datastore_id, name, path, size_gb, thin)
SELECT id, 1, 'disk' || id, '/srv/bench/disk' || id || '.qcow2', 10, true FROM generate_series(1, :vms) id;
INSERT INTO vm (id, uuid, name, description, group_name, external_uuid, cluster_id, host_id,
    location_is_host, binding_host, is_template, cpu_quantity, cpu_cores_per_socket,
    cpu_reservation_mhz, cpu_weight, cpu_limit_mhz, cpu_hot_plug, mem_size_mb, mem_reservation_mb,
    mem_weight, mem_limit_mb, mem_hot_plug, os_type, os_version, guest_os_name, os_hostname,
    boot_option, enable_ha, fault_process, clock_mode, recover_by_host, drs_behavior, create_ms,
    status, run_gen, moved_ms)
SELECT id, (lpad(to_hex(id), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(id), 12, '0'))::uuid,
    'vm' || id, '', '', '', :cluster, CASE WHEN id <= :running THEN 1001 + id % :hosts END, false,
    false, false, 2, 1, 0, 1000, 0, 0, 2048, 0, 20480, 0, 0, 'Linux', 10088, '', '', 'disk', true,
    'notprocess', 'utc', false, 0, 1,
    CASE WHEN id <= :running THEN 'running' ELSE 'stopped' END,
    CASE WHEN id <= :running THEN 1 ELSE 0 END, 0
FROM generate_series(1, :vms) id;
INSERT INTO vm_disk (vm_id, sequence, volume_id, bus, independent, persistent)
SELECT id, 1, id, 'VIRTIO', false, true FROM generate_series(1, :vms) id;
INSERT INTO vm_nic (vm_id, sequence, name, mac, port_group, ip, virtio)
SELECT id, 0, 'Network Adapter 0',
    '52:54:00:' || regexp_replace(lpad(to_hex(id), 6, '0'), '(..)(..)(..)', '\1:\2:\3'), '', '',
    true FROM generate_series(1, :vms) id;
INSERT INTO drs_rule (id, cluster_id, name, type, strength, create_ms, update_ms)
SELECT n, :cluster, 'apart' || n, 'keep-apart', 'must', 1, 1 FROM generate_series(1, 400) n;
INSERT INTO rule_vm (rule_id, cluster_id, vm_id)
SELECT n, :cluster, 2 * n - 1 + k FROM generate_series(1, 400) n, generate_series(0, 1) k
WHERE 2 * n + 1 <= :vms;
ANALYZE vm, vm_disk, vm_nic, volume, host, drs_rule, rule_vm;
END
}

services_begin
trap end_all EXIT
work=$VRM_SERVICES_DIR/bench
fleet_port=$((VRM_PG_PORT + 5))
BENCH_URL_1=http://127.0.0.1:$((VRM_PG_PORT + 3))
BENCH_URL_2=http://127.0.0.1:$((VRM_PG_PORT + 4))
export BENCH_URL_1 BENCH_URL_2
mkdir "$work"
echo fleet-test-1 >"$work/password"
"$srcdir/deploy/certs" ca "$work" >/dev/null
"$srcdir/deploy/certs" controller "$work" vrmd 127.0.0.1 >/dev/null
# shellcheck disable=SC2046
"$srcdir/deploy/certs" controller "$work" agent $(fleet_addresses) >/dev/null
configure 1 "${BENCH_URL_1##*:}"
configure 2 "${BENCH_URL_2##*:}"
start_vrmd 1
BENCH_PID_1=$!
wait_for_code "$BENCH_URL_1/healthz/active" 200
make_cluster
kill -TERM "$BENCH_PID_1"
wait "$BENCH_PID_1"
make_inventory
# Agents have machines of their own: they shall not take the controller's processors.
nice -n 19 "$builddir/tests/bench/bench_fleet" "$work" "$BENCH_HOSTS" "$BENCH_RUNNING" \
    "$fleet_port" >"$work/fleet.log" 2>&1 &
fleet=$!
until grep -q ready "$work/fleet.log"; do
    kill -0 $fleet || exit 1
    sleep 0.2
done
start_vrmd 1
BENCH_PID_1=$!
wait_for_code "$BENCH_URL_1/healthz/active" 200
start_vrmd 2
BENCH_PID_2=$!
wait_for_code "$BENCH_URL_2/healthz" 200
export BENCH_PID_1 BENCH_PID_2
"$builddir/tests/bench/bench_vrmd"
