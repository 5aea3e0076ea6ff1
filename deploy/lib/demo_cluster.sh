# shellcheck shell=bash
# demo_cluster.sh - a cluster whose VMs are placed badly on purpose.  Sourced, never run.

readonly CLUSTER_HOST_LIMIT_S=40
readonly CLUSTER_BOOT_LIMIT_S=90

# --- inventory --------------------------------------------------------------------------------

cluster_create()
{
    local store
    api_begin
    CLUSTER=$(api_make "$SITE/clusters" \
        '{"name":"demo","isEnableDrs":true,"drsSetting":{"drsLevel":1}}')
    CLUSTER_URN=$(api_ask .urn GET "$CLUSTER")
    store=$(api_make "$SITE/datastores" \
        "$(jq -nc --arg path "$VRM_LAB_DIR/store" '{name: "shared", storageType: "NAS", path: $path}')")
    STORE_URN=$(api_ask .urn GET "$store")
}

cluster_add_host() # I
{
    api_make "$SITE/hosts" "$(jq -nc --arg name "cna$1" --arg net "10.90.$VRM_LAB" --argjson i "$1" \
        --arg cluster "$CLUSTER_URN" --rawfile password "$VRM_LAB_DIR/bmc-password" '{
            name: $name, ip: "\($net).\($i + 10)", port: 7444, clusterUrn: $cluster,
            bmcIp: "\($net).\($i + 110)", bmcUserName: "lab", bmcPassword: ($password | rtrimstr("\n"))}')"
    echo
}

cluster_hosts_are_normal()
{
    [[ $(api_ask '[.hosts[] | select(.status == "normal")] | length' GET "$SITE/hosts") == "$SETUP_HOSTS" ]]
}

cluster_add_hosts()
{
    local i
    for ((i = 1; i <= SETUP_HOSTS; i++)); do
        cluster_add_host "$i"
    done
    demo_wait_for "$CLUSTER_HOST_LIMIT_S" cluster_hosts_are_normal || {
        api GET "$SITE/hosts"
        demo_die "not all hosts are normal after $CLUSTER_HOST_LIMIT_S s"
    }
}

# --- virtual machines -------------------------------------------------------------------------

cluster_vm_body() # NAME BUSY HOST_URN
{
    jq -nc --arg name "$1" --arg busy "$2" --arg host "$3" --arg store "$STORE_URN" '{
        name: $name, description: "burns \($busy) % of a CPU",
        location: $host, isBindingHost: false, autoBoot: true,
        osOptions: {osType: "Linux", osVersion: 2},
        vmConfig: {
            cpu: {quantity: 1}, memory: {quantityMB: 128},
            disks: [{sequenceNum: 1, datastoreUrn: $store, volumeUrl: "\($name).img",
                     quantityGB: 1, isThin: true}]}}'
}

cluster_create_vms()
{
    local name busy host hosts pid pids=()
    hosts=$(api GET "$SITE/hosts")
    while read -r name busy host; do
        [[ -n $name ]] || continue
        api_make "$SITE/vms" "$(cluster_vm_body "$name" "$busy" \
            "$(jq -r --arg host "$host" '.hosts[] | select(.name == $host) | .urn' <<<"$hosts")")" &
        pids+=($!)
    done <<<"$SETUP_VMS"
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    echo
}

cluster_vm_count()
{
    grep -c . <<<"$SETUP_VMS"
}

# True when all run.  A task that failed is told, and ends the waiting.
cluster_all_running()
{
    local failed running
    failed=$(api_ask '.tasks[] | "\(.type) of \(.entityName): \(.reasonDes)"' \
        GET "$SITE/tasks?status=failed&limit=5")
    [[ -z $failed ]] || demo_die "a task failed: $failed"
    running=$(api_ask '[.vms[] | select(.status == "running")] | length' GET "$SITE/vms?limit=100&detail=0")
    ((running == $(cluster_vm_count)))
}

cluster_start_vms()
{
    cluster_create_vms
    demo_wait_for "$CLUSTER_BOOT_LIMIT_S" cluster_all_running || {
        api GET "$SITE/vms?limit=100&detail=0"
        demo_die "not all VMs run after $CLUSTER_BOOT_LIMIT_S s"
    }
}

cluster_all()
{
    demo_title "2  A badly placed cluster, made over the REST API"
    demo_step cluster "cluster with DRS in manual mode, shared datastore" cluster_create
    demo_step add-hosts "hosts cna1, cna2, cna3 added" cluster_add_hosts
    demo_step vms "$(cluster_vm_count) VMs created and started, most of them on cna1" cluster_start_vms
}
