/* snapshot_fields.c - see snapshot_fields.h. */
#include "config.h"

#include "model/snapshot_fields.h"

// clang-format off
#define AT(Type, member)                 offsetof(Type, member)
#define INT(Type, key, member)           { key, K_INT, AT(Type, member), 0, NULL, 0, NULL }
#define SIZE(Type, key, member)          { key, K_SIZE, AT(Type, member), 0, NULL, 0, NULL }
#define U32(Type, key, member)           { key, K_U32, AT(Type, member), 0, NULL, 0, NULL }
#define BOOL(Type, key, member)          { key, K_BOOL, AT(Type, member), 0, NULL, 0, NULL }
#define STR(Type, key, member)           { key, K_STRING, AT(Type, member), 0, NULL, 0, NULL }
#define ENUM(Type, key, member, words)   { key, K_ENUM, AT(Type, member), 0, words, G_N_ELEMENTS(words), NULL }
#define HOURS(Type, key, member)         { key, K_HOURS, AT(Type, member), 0, NULL, 0, NULL }
#define IDS(Type, key, member, n)        { key, K_IDS, AT(Type, member), AT(Type, n), NULL, 0, NULL }
#define OBJECT(Type, key, member, table) { key, K_OBJECT, AT(Type, member), 0, NULL, 0, &(table) }
#define TABLE(what, fields)              { what, fields, G_N_ELEMENTS(fields) }

static const char *const cycle_words[] = {
    [CYCLE_ALWAYS] = "always", [CYCLE_WEEKLY] = "weekly", [CYCLE_MONTHLY] = "monthly",
};
static const char *const level_words[] = {
    [DRS_MANUAL] = "manual", [DRS_AUTOMATIC] = "automatic",
};
static const char *const factor_words[] = {
    [DRS_FACTOR_CPU] = "cpu", [DRS_FACTOR_MEM] = "mem", [DRS_FACTOR_BOTH] = "both",
};
static const char *const behavior_words[] = {
    [DRS_BEHAVIOR_CLUSTER] = "cluster", [DRS_BEHAVIOR_MANUAL] = "manual",
    [DRS_BEHAVIOR_AUTOMATIC] = "automatic", [DRS_BEHAVIOR_DISABLED] = "disabled",
};

static const char *const domain_words[] = {
    [FAULT_DOMAIN_HOST] = "host", [FAULT_DOMAIN_RACK] = "rack",
};

static const struct snapshot_field site_fields[] = {
    STR(Site, "id", id),
    STR(Site, "name", name),
    STR(Site, "ip", ip),
    INT(Site, "haDisarmedMs", ha_disarmed_ms),
    STR(Site, "haDisarmedBy", ha_disarmed_by),
};
const struct snapshot_table snapshot_site_fields = TABLE("the site", site_fields);

static const struct snapshot_field measuring_fields[] = {
    U32(struct measuring, "minSamples", min_samples),
    SIZE(struct measuring, "maxAgeMs", max_age_ms),
};
const struct snapshot_table snapshot_measuring_fields = TABLE("measuring", measuring_fields);

static const struct snapshot_field cycle_fields[] = {
    ENUM(struct cycle, "type", type, cycle_words),
    U32(struct cycle, "days", days),
};
static const struct snapshot_table cycle_table = TABLE("a cycle", cycle_fields);

static const struct snapshot_field drs_fields[] = {
    BOOL(struct drs_policy, "enabled", enabled),
    ENUM(struct drs_policy, "level", level, level_words),
    HOURS(struct drs_policy, "limen", limen),
    OBJECT(struct drs_policy, "cycle", cycle, cycle_table),
    ENUM(struct drs_policy, "factor", factor, factor_words),
    SIZE(struct drs_policy, "thresholdCpu", threshold_cpu),
    SIZE(struct drs_policy, "thresholdMem", threshold_mem),
    BOOL(struct drs_policy, "vmOverridesEnabled", vm_overrides_enabled),
};
static const struct snapshot_table drs_table = TABLE("a DRS policy", drs_fields);

static const struct snapshot_field dpm_fields[] = {
    INT(struct dpm_policy, "powerLevel", power_level),
    HOURS(struct dpm_policy, "limen", limen),
    OBJECT(struct dpm_policy, "cycle", cycle, cycle_table),
    INT(struct dpm_policy, "electricStrategy", electric_strategy),
};
static const struct snapshot_table dpm_table = TABLE("a DPM policy", dpm_fields);

static const struct snapshot_field ha_fields[] = {
    BOOL(struct ha_policy, "enabled", enabled),
    BOOL(struct ha_policy, "controlPolicyOn", control_policy_on),
    INT(struct ha_policy, "controlPolicy", control_policy),
    SIZE(struct ha_policy, "cpuReservation", cpu_reservation),
    SIZE(struct ha_policy, "memReservation", mem_reservation),
    SIZE(struct ha_policy, "hostsFaultQuantity", hosts_fault_quantity),
    BOOL(struct ha_policy, "customSlot", custom_slot),
    SIZE(struct ha_policy, "slotCpuMhz", slot_cpu_mhz),
    SIZE(struct ha_policy, "slotMemMb", slot_mem_mb),
    IDS(struct ha_policy, "failoverHosts", failover_hosts, n_failover_hosts),
    ENUM(struct ha_policy, "isolation", isolation, ha_isolation_words),
    SIZE(struct ha_policy, "maxRestarts", max_restarts),
};
static const struct snapshot_table ha_table = TABLE("an HA policy", ha_fields);

static const struct snapshot_field cluster_fields[] = {
    INT(Cluster, "id", id),
    INT(Cluster, "generation", generation),
    STR(Cluster, "name", name),
    STR(Cluster, "description", description),
    STR(Cluster, "tag", tag),
    BOOL(Cluster, "memOvercommit", mem_overcommit),
    BOOL(Cluster, "imcEnabled", imc_enabled),
    STR(Cluster, "imcSetting", imc_setting),
    STR(Cluster, "resStrategy", res_strategy),
    BOOL(Cluster, "guestNuma", guest_numa),
    BOOL(Cluster, "hostNumaDrs", host_numa_drs),
    BOOL(Cluster, "ioTailor", io_tailor),
    INT(Cluster, "dsFaultStrategy", ds_fault_strategy),
    OBJECT(Cluster, "drs", drs, drs_table),
    OBJECT(Cluster, "dpm", dpm, dpm_table),
    STR(Cluster, "dpmThresholds", dpm_thresholds),
    OBJECT(Cluster, "ha", ha, ha_table),
    SIZE(Cluster, "vcpusPerThread", vcpus_per_thread),
    INT(Cluster, "createMs", create_ms),
};
const struct snapshot_table snapshot_cluster_fields = TABLE("a cluster", cluster_fields);

static const struct snapshot_field load_fields[] = {
    SIZE(struct load, "cpuMhz", cpu_mhz),
    SIZE(struct load, "memMb", mem_mb),
    SIZE(struct load, "netKbps", net_kbps),
    SIZE(struct load, "lastCpuMhz", last_cpu_mhz),
    SIZE(struct load, "lastMemMb", last_mem_mb),
    INT(struct load, "sampledMonoMs", sampled_mono_ms),
    INT(struct load, "windowMs", window_ms),
    U32(struct load, "nSamples", n_samples),
};
static const struct snapshot_table load_table = TABLE("a load", load_fields);

/* Without bmc_password. */
static const struct snapshot_field host_fields[] = {
    INT(Host, "id", id),
    INT(Host, "generation", generation),
    STR(Host, "name", name),
    STR(Host, "description", description),
    STR(Host, "ip", ip),
    INT(Host, "port", port),
    STR(Host, "bmcIp", bmc_ip),
    STR(Host, "bmcUser", bmc_user),
    INT(Host, "clusterId", cluster_id),
    BOOL(Host, "maintaining", maintaining),
    INT(Host, "createMs", create_ms),
    INT(Host, "offSinceMs", off_since_ms),
    INT(Host, "wakeProvenMs", wake_proven_ms),
    INT(Host, "sleptMs", slept_ms),
    BOOL(Host, "offByDpm", off_by_dpm),
    STR(Host, "realName", real_name),
    STR(Host, "uuid", uuid),
    STR(Host, "vendor", vendor),
    STR(Host, "model", model),
    STR(Host, "cpuModel", cpu_model),
    STR(Host, "cpuVendor", cpu_vendor),
    STR(Host, "cpuFeatures", cpu_features),
    STR(Host, "cpuGenerations", cpu_generations),
    STR(Host, "hypervisor", hypervisor),
    SIZE(Host, "memMb", mem_mb),
    BOOL(Host, "memIsGuests", mem_is_guests),
    SIZE(Host, "cpuThreads", cpu_threads),
    SIZE(Host, "cpuSockets", cpu_sockets),
    SIZE(Host, "cpuCores", cpu_cores),
    SIZE(Host, "cpuMhz", cpu_mhz),
    SIZE(Host, "nicCount", nic_count),
    SIZE(Host, "netMbps", net_mbps),
    STR(Host, "devices", devices),
    STR(Host, "rack", rack),
    ENUM(Host, "status", status, host_status_words),
    BOOL(Host, "connected", connected),
    INT(Host, "seenMonoMs", seen_mono_ms),
    STR(Host, "agentVersion", agent_version),
    INT(Host, "agentProtocol", agent_protocol),
    STR(Host, "bootId", boot_id),
    STR(Host, "migrateAddress", migrate_address),
    STR(Host, "trouble", trouble),
    BOOL(Host, "draining", draining),
    BOOL(Host, "hald", hald),
    BOOL(Host, "noRights", no_rights),
    STR(Host, "haAddress", ha_address),
    INT(Host, "backMs", back_ms),
    STR(Host, "haState", ha_state),
    BOOL(Host, "haClosed", ha_closed),
    STR(Host, "lostStores", lost_stores),
    OBJECT(Host, "load", load, load_table),
};
const struct snapshot_table snapshot_host_fields = TABLE("a host", host_fields);

static const struct snapshot_field disk_fields[] = {
    INT(struct vm_disk, "sequence", sequence),
    INT(struct vm_disk, "volumeId", volume_id),
    INT(struct vm_disk, "datastoreId", datastore_id),
    STR(struct vm_disk, "name", name),
    STR(struct vm_disk, "path", path),
    SIZE(struct vm_disk, "sizeGb", size_gb),
    BOOL(struct vm_disk, "thin", thin),
    BOOL(struct vm_disk, "independent", independent),
    BOOL(struct vm_disk, "persistent", persistent),
    STR(struct vm_disk, "bus", bus),
};
static const struct snapshot_table disk_table = TABLE("a disk", disk_fields);

static const struct snapshot_field nic_fields[] = {
    INT(struct vm_nic, "sequence", sequence),
    STR(struct vm_nic, "name", name),
    STR(struct vm_nic, "mac", mac),
    STR(struct vm_nic, "portGroup", port_group),
    STR(struct vm_nic, "ip", ip),
    BOOL(struct vm_nic, "virtio", virtio),
};
static const struct snapshot_table nic_table = TABLE("a NIC", nic_fields);

static const struct snapshot_field cpu_fields[] = {
    SIZE(struct vm_cpu, "quantity", quantity),
    SIZE(struct vm_cpu, "coresPerSocket", cores_per_socket),
    SIZE(struct vm_cpu, "reservationMhz", reservation_mhz),
    SIZE(struct vm_cpu, "weight", weight),
    SIZE(struct vm_cpu, "limitMhz", limit_mhz),
    INT(struct vm_cpu, "hotPlug", hot_plug),
};
static const struct snapshot_table cpu_table = TABLE("a VM's CPU", cpu_fields);

static const struct snapshot_field memory_fields[] = {
    SIZE(struct vm_memory, "sizeMb", size_mb),
    SIZE(struct vm_memory, "reservationMb", reservation_mb),
    SIZE(struct vm_memory, "weight", weight),
    SIZE(struct vm_memory, "limitMb", limit_mb),
    INT(struct vm_memory, "hotPlug", hot_plug),
    SIZE(struct vm_memory, "heldMb", held_mb),
};
static const struct snapshot_table memory_table = TABLE("a VM's memory", memory_fields);

static const struct snapshot_field vm_fields[] = {
    INT(Vm, "id", id),
    INT(Vm, "generation", generation),
    STR(Vm, "uuid", uuid),
    STR(Vm, "name", name),
    STR(Vm, "description", description),
    STR(Vm, "group", group),
    STR(Vm, "externalUuid", external_uuid),
    INT(Vm, "clusterId", cluster_id),
    INT(Vm, "hostId", host_id),
    BOOL(Vm, "locationIsHost", location_is_host),
    BOOL(Vm, "bindingHost", binding_host),
    BOOL(Vm, "isTemplate", is_template),
    OBJECT(Vm, "cpu", cpu, cpu_table),
    OBJECT(Vm, "memory", memory, memory_table),
    { "disks", K_DISKS, 0, 0, NULL, 0, &disk_table },
    { "nics", K_NICS, 0, 0, NULL, 0, &nic_table },
    STR(Vm, "osType", os_type),
    INT(Vm, "osVersion", os_version),
    STR(Vm, "guestOsName", guest_os_name),
    STR(Vm, "osHostname", os_hostname),
    STR(Vm, "bootOption", boot_option),
    BOOL(Vm, "enableHa", enable_ha),
    STR(Vm, "faultProcess", fault_process),
    STR(Vm, "clockMode", clock_mode),
    BOOL(Vm, "recoverByHost", recover_by_host),
    ENUM(Vm, "restartPriority", restart_priority, restart_priority_words),
    ENUM(Vm, "hangSensitivity", hang_sensitivity, hang_sensitivity_words),
    INT(Vm, "startAfterId", start_after_id),
    SIZE(Vm, "maxRestarts", max_restarts),
    ENUM(Vm, "drsBehavior", drs_behavior, behavior_words),
    INT(Vm, "createMs", create_ms),
    ENUM(Vm, "status", status, vm_status_words),
    INT(Vm, "runGen", run_gen),
    INT(Vm, "movedMs", moved_ms),
    INT(Vm, "flaps", flaps),
    STR(Vm, "placedWhy", placed_why),
    INT(Vm, "placedMs", placed_ms),
    INT(Vm, "placedTaskId", placed_task_id),
    INT(Vm, "taskId", task_id),
    INT(Vm, "targetHostId", target_host_id),
    BOOL(Vm, "hostReported", host_reported),
    ENUM(Vm, "domain", domain, domain_state_words),
    BOOL(Vm, "agentAnswers", agent_answers),
    INT(Vm, "vncPort", vnc_port),
    STR(Vm, "cpuModel", cpu_model),
    STR(Vm, "cpuSeen", cpu_seen),
    STR(Vm, "devices", devices),
    SIZE(Vm, "dirtyMbps", dirty_mbps),
    STR(Vm, "startWait", start_wait),
    OBJECT(Vm, "load", load, load_table),
};
const struct snapshot_table snapshot_vm_fields = TABLE("a VM", vm_fields);

static const struct snapshot_field group_fields[] = {
    INT(Group, "id", id),
    INT(Group, "generation", generation),
    INT(Group, "clusterId", cluster_id),
    ENUM(Group, "type", type, group_type_words),
    INT(Group, "useType", use_type),
    STR(Group, "name", name),
    IDS(Group, "members", members, n_members),
};
const struct snapshot_table snapshot_group_fields = TABLE("a group", group_fields);

static const struct snapshot_field rule_fields[] = {
    INT(Rule, "id", id),
    INT(Rule, "generation", generation),
    INT(Rule, "clusterId", cluster_id),
    STR(Rule, "name", name),
    ENUM(Rule, "type", type, rule_type_words),
    ENUM(Rule, "strength", strength, rule_strength_words),
    ENUM(Rule, "faultDomain", domain, domain_words),
    IDS(Rule, "vms", vms, n_vms),
    INT(Rule, "vmGroupId", vm_group_id),
    INT(Rule, "hostGroupId", host_group_id),
    INT(Rule, "createMs", create_ms),
    INT(Rule, "updateMs", update_ms),
    ENUM(Rule, "state", state, rule_state_words),
    STR(Rule, "stateText", state_text),
};
const struct snapshot_table snapshot_rule_fields = TABLE("a rule", rule_fields);

static const struct snapshot_field datastore_fields[] = {
    INT(Datastore, "id", id),
    INT(Datastore, "generation", generation),
    STR(Datastore, "name", name),
    STR(Datastore, "description", description),
    STR(Datastore, "storageType", storage_type),
    STR(Datastore, "path", path),
    SIZE(Datastore, "capacityGb", capacity_gb),
    SIZE(Datastore, "usedGb", used_gb),
};
const struct snapshot_table snapshot_datastore_fields = TABLE("a datastore", datastore_fields);
// clang-format on
