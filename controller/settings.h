/* settings.h - vrmd's configuration file; the table in settings.c is its only description. */
#ifndef VRM_CONTROLLER_SETTINGS_H
#define VRM_CONTROLLER_SETTINGS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct settings {
    /* [controller] */
    char *name, *state_dir, *site_name, *log_level;
    /* [api] */
    char *api_listen, *api_url, *api_cert_file, *api_key_file, *admin_password_file;
    int64_t api_port, api_threads, api_max_connections, api_max_per_address, session_idle_s;
    bool api_tls;
    /* [database] */
    char *db_conninfo;
    int64_t db_workers, db_statement_timeout_ms;
    /* [etcd] */
    char **etcd_endpoints;
    char *etcd_prefix, *etcd_ca_file, *etcd_cert_file, *etcd_key_file;
    int64_t etcd_ttl_s;
    /* [agents] */
    char *agents_ca_file, *agents_cert_file, *agents_key_file;
    int64_t agents_silence_s;
    /* [drs] */
    int64_t drs_interval_s, drs_window_s, drs_percentile, drs_min_samples, drs_max_age_s;
    int64_t drs_horizon_s, drs_cooldown_s, drs_link_mbps, drs_cap_host, drs_cap_cluster;
    int64_t drs_vcpus_per_thread, drs_cpu_reserve, drs_mem_overcommit;
    bool drs_cpu_own_use;
    /* [migration] */
    int64_t migration_timeout_s, migration_bandwidth_mib;
    bool migration_auto_converge;
    /* [power] */
    char *power_agent;
    int64_t power_cipher, power_limit_s, power_boot_limit_s;
    /* [dpm] */
    int64_t dpm_interval_s, dpm_sleep_window_s, dpm_wake_window_s, dpm_settle_s, dpm_proof_days;
    int64_t dpm_spare_hosts, dpm_retry_s, dpm_drain_limit_s, dpm_start_wait_s, dpm_watts;
    /* [ha] */
    char *ha_profile, *ha_beat_listen, **ha_beat_to, **ha_etcd;
    int64_t ha_lease_ms, ha_renew_ms, ha_kill_ms, ha_beat_ms, ha_beat_port;
    int64_t ha_slot_ms;
    bool ha_enabled, ha_power_on_again, ha_storage;
    /* [history] */
    int64_t history_days, recent_tasks;
};

bool settings_load(const char *path, struct settings *ret_settings, GError **error);
void settings_clear(struct settings *settings);
/* What is allowed and yet hardly meant: one text each, a newly allocated vector; empty: nothing. */
char **settings_doubts(const struct settings *settings);
/* URLs of the etcd members as hosts reach them; the settings' own. */
char **settings_hosts_etcd(const struct settings *settings);
/* How long a host's lease in etcd is good: lease_ms of [ha], or its profile's. */
int64_t settings_lease_ms(const struct settings *settings);
/* ... and its slot on a shared datastore: slot_ms of [ha], or what suits the lease in etcd. */
int64_t settings_slot_ms(const struct settings *settings);
#define SETTINGS_SLOT_RENEW_MS 1000 /* slots are written so often */

char *settings_format(const struct settings *settings);

#endif /* VRM_CONTROLLER_SETTINGS_H */
