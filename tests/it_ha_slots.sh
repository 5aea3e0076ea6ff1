#!/bin/bash
# it_ha_slots.sh - heartbeat slots on real hosts: VMs of a shared datastore live by their host's slot
# there, whatever becomes of etcd, and come back when the slot stands still.
#
# usage: tests/it_ha_slots.sh [CASE...]     (from a build folder; as root; all cases by default)
# Exit: 0 all passed, 1 some failed, 77 something needed is missing (an error with VRM_REQUIRE_ALL).

export VRM_LAB=${VRM_LAB:-12} VRM_LAB_HALD=1 VRM_LAB_SLOTS=true VRM_LAB_STORE=own ETCDCTL_API=3
export VRM_ETCD_MEMBERS=3 VRM_ETCD_ADDRESS=10.90.$VRM_LAB.1,10.91.$VRM_LAB.1
# shellcheck source=tests/system/oracle.sh
. "$(dirname "$0")/system/oracle.sh"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/system/lib.sh"
# shellcheck source=tests/system/ha.sh
. "$(dirname "$0")/system/ha.sh"

all_take_vms() { takes_vms cna1 && takes_vms cna2 && takes_vms cna3; }
runs_elsewhere() { [[ $(vm_field "$1" status) == running && $(vm_field "$1" hostName) != "$2" ]]; }
authority() { api GET "$(vm_uri "$1")/explain" | jq -r '.right.authority'; }
# slots_shown N - so many hosts' slots are seen by others.
slots_shown()
{
    [[ $(status | jq '[.hosts[].leases[] | select((.authority | startswith("storage:")) and .shown)] | length') == "$1" ]]
}

runs_on() { [[ $(places "$1") == "$2" ]]; }
runs_nowhere() { [[ -z $(places "$1") ]]; }

# stays_down SECONDS DOMAIN
stays_down()
{
    local end=$((SECONDS + $1))
    while ((SECONDS < end)); do
        runs_nowhere "$2" || fail "$2 runs on $(places "$2")" || return
        sleep 1
    done
}

tell_incident()
{
    say "$(latest | jq -r '.text, (.seconds | tostring), (.timeline[] | "  \(.seconds) s  \(.source): \(.text)")')"
}

place() { vm_is_on "$1" "$2" || task_ok "$(migrate "$1" "$2")"; }

prepare()
{
    wait_for 60 "every host takes VMs" all_take_vms && wait_for 30 "every slot is seen" slots_shown 3 || return
    new_vm a cna2 5 && new_vm b cna2 5 && new_vm c cna1 5
}

case_slots_protect_the_vms()
{
    local vm
    for vm in a b c; do
        equal "authority of $vm" "$(authority $vm)" storage:nas || return
    done
    all_run_once
}

case_etcd_is_away_for_a_minute()
{
    local before after
    before=$(real_vms) || return
    services kill etcd || return
    say "etcd is away"
    sleep 60
    after=$(real_vms) || return
    services start etcd || return
    equal "VMs that run" "$after" "$before" || return
    wait_for 60 "controller 1 active" is_active && login || return
    wait_for 60 "every host takes VMs" all_take_vms || { status >&2; return 1; }
    all_run_once && judge
}

case_a_dead_host_is_proved_by_its_slot()
{
    place a cna2 && place b cna2 || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    wait_for 20 "b elsewhere" runs_elsewhere b cna2 || return
    tell_incident
    runs_once a && runs_once b && vm_is_on c cna1 || return
    back cna2 && wait_for 30 "every slot is seen" slots_shown 3 && judge
}

case_power_is_a_sooner_proof()
{
    place a cna2 && set_bmc cna2 "$(<"$LAB_DIR/bmc-password")" >/dev/null || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 40 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    tell_incident
    [[ $(latest | jq -r .proof) == *power* ]] || fail "the proof is $(latest | jq -r .proof)" || return
    back cna2 && wait_for 30 "every slot is seen" slots_shown 3 && runs_once a && judge
}

lost_on() { [[ $(status | jq -r --arg h "$1" '.hosts[] | select(.name == $h).lostDatastores[]') == nas ]]; }
not_lost_on() { ! lost_on "$1"; }

# Its VMs go to where the datastore is, and the host itself lives on.
case_a_host_loses_the_datastore()
{
    api PUT "$CLUSTER" '{"dsFaultStrategy":1}' >/dev/null
    place a cna2 && place c cna1 || return
    lab store cna2 fail >>"$WORK/lab.log" 2>&1 || return
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    tell_incident
    lost_on cna2 || fail "cna2 has not lost its datastore: $(status)" || return
    equal "state of cna2" "$(state_of cna2)" ok || return
    vm_is_on c cna1 && runs_once a || return
    lab store cna2 ok >>"$WORK/lab.log" 2>&1
    wait_for 60 "cna2 has its datastore back" not_lost_on cna2 && wait_for 30 "every slot is seen" slots_shown 3 && judge
}

# The same where VMs are to wait: they end with the slot, nobody else starts them, and they are back on
# their host with the datastore.
case_vms_wait_for_a_lost_datastore()
{
    local domain
    api PUT "$CLUSTER" '{"dsFaultStrategy":0}' >/dev/null
    place a cna2 && place c cna1 && domain=$(basename "$(vm_uri a)") || return
    lab store cna2 fail >>"$WORK/lab.log" 2>&1 || return
    wait_for 60 "a is ended" runs_nowhere "$domain" && stays_down 40 "$domain" || return
    lost_on cna2 || fail "cna2 has not lost its datastore: $(status)" || return
    vm_is_on c cna1 || return
    lab store cna2 ok >>"$WORK/lab.log" 2>&1
    wait_for 60 "cna2 has its datastore back" not_lost_on cna2 || return
    wait_for 60 "a on cna2 again" runs_on "$domain" cna2 || { status >&2; return 1; }
    wait_for 30 "a counts as running" runs_once a && wait_for 30 "every slot is seen" slots_shown 3 && judge
}

# VMs that run keep their authority until they are started anew or moved, and with it their protection.
case_slots_go_on_after_they_were_switched_off()
{
    place a cna2 && place b cna2 && place c cna1 || return
    equal "authority of a" "$(authority a)" storage:nas || return
    VRM_LAB_SLOTS=false vrmd_again 1 || return
    wait_for 60 "every host takes VMs" all_take_vms || return
    sleep 10 # hosts would have been told by now that they keep no slots
    equal "authority of a" "$(authority a)" storage:nas || return
    task_ok "$(migrate c cna3)" || return
    equal "authority of c" "$(authority c)" etcd || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    wait_for 20 "b elsewhere" runs_elsewhere b cna2 || return
    tell_incident
    equal "authority of a" "$(authority a)" etcd || return
    wait_for 10 "slots to end" grep -q "no VM lives by a slot" "$WORK/vrmd1/log" && back cna2 || return
    runs_once a && runs_once b && runs_once c && judge
}

# --- cut off from all others -----------------------------------------------------------------------

# told HOST TEXT - its vrm-hald keeps a setup in which this stands, or with "!" does not.
told()
{
    local file=$LAB_DIR/hosts/$1/hald/setup.json
    if [[ $2 == !* ]]; then ! grep -q "${2#!}" "$file"; else grep -q "$2" "$file"; fi
}

# respond WORD TEXT - what hosts of the cluster do when they are cut off; all know it.
respond()
{
    local host
    api PUT "$CLUSTER" "{\"haResSetting\":{\"isolationResponse\":\"$1\"}}" >/dev/null
    for host in cna1 cna2 cna3; do
        wait_for 20 "$host knows that it is to $1" told $host "$2" || return
    done
}

cut_off() { lab cut "$1" ha >>"$WORK/lab.log" 2>&1 && lab cut "$1" mgmt >>"$WORK/lab.log" 2>&1; }
is_isolated() { [[ $(state_of "$1") == isolated ]]; }

# runs_on_for SECONDS DOMAIN HOST
runs_on_for()
{
    local end=$((SECONDS + $1))
    while ((SECONDS < end)); do
        runs_on "$2" "$3" || fail "$2 does not run on $3, which was cut off, any more" || return
        sleep 1
    done
}

case_a_host_that_is_cut_off_leaves_its_vms_running()
{
    local domain
    place a cna2 && domain=$(basename "$(vm_uri a)") && respond leaveRunning '!isolation_ms' || return
    cut_off cna2 || return
    wait_for 20 "cna2 is isolated" is_isolated cna2 && runs_on_for 50 "$domain" cna2 || return
    back cna2 && wait_for 30 "every slot is seen" slots_shown 3 && runs_once a && judge
}

# It ends them half a minute later, and when its slot has stood still for long enough the others start them.
case_a_host_that_is_cut_off_gives_its_vms_up()
{
    local domain
    place a cna2 && place b cna2 && domain=$(basename "$(vm_uri a)") && respond poison isolation_ms || return
    cut_off cna2 && runs_on_for 20 "$domain" cna2 || return
    wait_for 40 "a is ended" runs_nowhere "$domain" || return
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    wait_for 20 "b elsewhere" runs_elsewhere b cna2 || return
    tell_incident
    runs_once a && runs_once b && vm_is_on c cna1 || return
    back cna2 && respond leaveRunning '!isolation_ms' && wait_for 30 "every slot is seen" slots_shown 3 && judge
}

# said TEXT HOST - how often its programs said so; their logs are those of all cases.
said() { cat "$LAB_DIR"/hosts/"$2"/*.log | grep -c "$1"; }

# Their guests power off by themselves, and the host's slot is given up when the last one has.
case_a_host_that_is_cut_off_shuts_its_vms_down()
{
    local domain told killed
    place a cna2 && place b cna2 && domain=$(basename "$(vm_uri a)") && respond shutdown shutdown_ms || return
    told=$(said 'is told to shut down' cna2) killed=$(said 'kills a VM' cna2)
    cut_off cna2 && runs_on_for 20 "$domain" cna2 || return
    wait_for 40 "a is off" runs_nowhere "$domain" || return
    (($(said 'is told to shut down' cna2) > told)) || fail "no guest was told to shut down" || return
    equal "kills" "$(said 'kills a VM' cna2)" "$killed" || return
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    wait_for 20 "b elsewhere" runs_elsewhere b cna2 || return
    tell_incident
    runs_once a && runs_once b || return
    back cna2 && respond leaveRunning '!isolation_ms' && wait_for 30 "every slot is seen" slots_shown 3 && judge
}

# So briefly that nothing comes of it.
case_a_host_that_is_back_soon_keeps_its_vms()
{
    local domain
    place a cna2 && domain=$(basename "$(vm_uri a)") && respond poison isolation_ms || return
    cut_off cna2 && runs_on_for 18 "$domain" cna2 || return
    lab heal cna2 >>"$WORK/lab.log" 2>&1 && runs_on_for 30 "$domain" cna2 || return
    respond leaveRunning '!isolation_ms' && back cna2 && runs_once a && judge
}

seen_elsewhere() { [[ $(status | jq --arg h "$1" '[.hosts[] | select(.name == $h).leases[] | select((.authority | startswith("storage:")) and .shown)] | length') == 1 ]]; }
unseen() { ! seen_elsewhere "$1"; }
stopped_and_started()
{
    local vm
    for vm in "$@"; do
        task_ok "$(begin POST "$(vm_uri "$vm")/action/stop" '{"mode":"force"}')" || return
    done
    wait_for 60 "every slot is seen" slots_shown 3 || { status >&2; return 1; }
    for vm in "$@"; do
        task_ok "$(begin POST "$(vm_uri "$vm")/action/start")" || return
    done
}

# A folder of the host's own lies over the datastore, as if it had been mounted only after vrm-hald
# had started: its slot there helps nobody, and what it reads there does not count.
case_a_datastore_is_mounted_late()
{
    place a cna2 && place b cna2 && place c cna1 || return
    lab exec cna3 mount -t tmpfs none "$LAB_DIR/store" || return
    wait_for 60 "the slot of cna3 is elsewhere" unseen cna3 || { status >&2; return 1; }
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 60 "a elsewhere" runs_elsewhere a cna2 || { status >&2; return 1; }
    wait_for 20 "b elsewhere" runs_elsewhere b cna2 || return
    tell_incident
    lab exec cna3 umount -l "$LAB_DIR/store" || return
    back cna2 || return
    wait_for 90 "every slot is seen" slots_shown 3 || { status >&2; return 1; }
    all_run_once && judge
}

# No VM dies of it; where none lives by it, the next file is made at once, and on the others later.
case_the_slots_are_deleted()
{
    local before
    place a cna2 && place b cna2 && place c cna1 || return
    before=$(real_vms) || return
    rm "$LAB_DIR/store/.vrm-slots" || return
    wait_for 60 "a new file" test -s "$LAB_DIR/store/.vrm-slots" || return
    sleep 30 # more than a slot's lease
    equal "VMs that run" "$(real_vms)" "$before" || return
    stopped_and_started a b c && place a cna2 || return
    equal "authority of a" "$(authority a)" storage:nas || return
    lab kill cna2 >>"$WORK/lab.log" 2>&1
    wait_for 60 "no VM on cna2" runs_elsewhere a cna2 || { status >&2; return 1; }
    back cna2 && wait_for 60 "every slot is seen" slots_shown 3 && all_run_once && judge
}

CASES=(slots_protect_the_vms etcd_is_away_for_a_minute a_dead_host_is_proved_by_its_slot
    power_is_a_sooner_proof a_host_loses_the_datastore
    a_datastore_is_mounted_late the_slots_are_deleted vms_wait_for_a_lost_datastore
    a_host_that_is_cut_off_leaves_its_vms_running
    a_host_that_is_cut_off_gives_its_vms_up a_host_that_is_cut_off_shuts_its_vms_down
    a_host_that_is_back_soon_keeps_its_vms slots_go_on_after_they_were_switched_off)

oracle_up
run_cases 3 prepare "$@"
