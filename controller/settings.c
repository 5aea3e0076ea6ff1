/* settings.c - see settings.h. */
#include "config.h"

#include "controller/settings.h"

#include <string.h>

#include "base/conf.h"
#include "base/confcheck.h"
#include "base/err.h"
#include "db/db.h"
#include "ha/right.h"

/* The load is remembered once an interval, see controller/load.c. */
#define DPM_MAX_INTERVALS 200

/* Of a host's lease; see check_ha(). */
#define LEASE_NORMAL_MS 12000
#define LEASE_FAST_MS   8000
#define SLOT_MS         INT64_C(20000)
#define LATE_MS         INT64_C(4000) /* two answers of etcd of 1 s, a pause of vrm-hald of 2 s */

#define AT(field)       offsetof(struct settings, field)

static char *wrong_prefix(const char *text)
{
    if (text[0] == '/' && !g_str_has_suffix(text, "/"))
        return NULL;
    return g_strdup("a path such as /vrm, without a slash at its end");
}

/* "192.0.2.1", "192.0.2.1:7445" or "[2001:db8::1]:7445". */
static char *wrong_endpoint(const char *text)
{
    const char *colon = strrchr(text, ':');
    const bool has_port = colon && (strchr(text, ':') == colon || colon[-1] == ']');
    g_autofree char *host = has_port ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    const size_t len = strlen(host);
    guint64 port;

    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        memmove(host, host + 1, len - 1);
    }
    if (g_hostname_is_ip_address(host) &&
        (!has_port || g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL)))
        return NULL;
    return g_strdup("an address such as 192.0.2.10 or 192.0.2.10:7445");
}

// clang-format off
static const struct conf_setting table[] = {
    { .section = "controller", .name = "name", .type = CONF_STRING, .offset = AT(name), .default_text = "",
      .max = 64, .doc = "unique name of this controller; empty: the machine's host name" },
    { .section = "controller", .name = "state_dir", .type = CONF_PATH, .offset = AT(state_dir),
      .default_text = VRM_STATEDIR "/controller", .max = 1024, .doc = "where the first-start certificate and password are kept" },
    { .section = "controller", .name = "site_name", .type = CONF_STRING, .offset = AT(site_name),
      .default_text = "site", .min = 1, .max = 256, .doc = "name given to the site at the very first start" },
    { .section = "controller", .name = "log_level", .type = CONF_CHOICE, .offset = AT(log_level),
      .default_text = "info", .choices = "error|warning|info|debug", .doc = "least severe message that is logged", .reload = true },

    { .section = "api", .name = "listen", .type = CONF_STRING, .offset = AT(api_listen), .default_text = "0.0.0.0",
      .min = 2, .max = 64, .doc = "address to listen on", .wrong = confcheck_address },
    { .section = "api", .name = "port", .type = CONF_INT, .offset = AT(api_port), .default_text = "7443",
      .min = 1, .max = 65535, .doc = "TCP port" },
    { .section = "api", .name = "url", .type = CONF_STRING, .offset = AT(api_url), .default_text = "",
      .max = 120, .doc = "where clients reach this controller; empty: https://<name>:<port>",
      .wrong = confcheck_url },
    { .section = "api", .name = "tls", .type = CONF_BOOL, .offset = AT(api_tls), .default_text = "true",
      .doc = "false only behind a TLS proxy on the same machine" },
    { .section = "api", .name = "cert_file", .type = CONF_PATH, .offset = AT(api_cert_file), .default_text = "",
      .doc = "PEM certificate; empty: self-signed, made at the first start in state_dir", .reload = true },
    { .section = "api", .name = "key_file", .type = CONF_PATH, .offset = AT(api_key_file), .default_text = "",
      .doc = "PEM key of cert_file", .reload = true },
    { .section = "api", .name = "threads", .type = CONF_INT, .offset = AT(api_threads), .default_text = "2",
      .min = 1, .max = 64, .doc = "threads that serve requests" },
    { .section = "api", .name = "max_connections", .type = CONF_INT, .offset = AT(api_max_connections),
      .default_text = "500", .min = 10, .max = 20000, .doc = "connections at the same time" },
    { .section = "api", .name = "max_connections_per_address", .type = CONF_INT,
      .offset = AT(api_max_per_address), .default_text = "256", .min = 1, .max = 20000,
      .doc = "of these from one address; behind a proxy give as many as max_connections" },
    { .section = "api", .name = "session_idle_s", .type = CONF_INT, .offset = AT(session_idle_s),
      .default_text = "600", .min = 10, .max = 86400, .doc = "a session ends after so long without a request" },
    { .section = "api", .name = "admin_password_file", .type = CONF_PATH, .offset = AT(admin_password_file),
      .default_text = "",
      .doc = "first line: password of the first user, admin; empty: made up and left in state_dir/admin.password" },

    { .section = "database", .name = "conninfo", .type = CONF_STRING, .offset = AT(db_conninfo),
      .min = 1, .max = 1024, .doc = "PostgreSQL connection string", .secret = true,
      .wrong = db_conninfo_wrong },
    { .section = "database", .name = "workers", .type = CONF_INT, .offset = AT(db_workers), .default_text = "2",
      .min = 1, .max = 16, .doc = "connections" },
    { .section = "database", .name = "statement_timeout_ms", .type = CONF_INT, .offset = AT(db_statement_timeout_ms),
      .default_text = "5000", .min = 100, .max = 60000, .doc = "bound of each statement and of connecting" },

    { .section = "etcd", .name = "endpoints", .type = CONF_LIST, .offset = AT(etcd_endpoints),
      .min = 1, .max = 16, .doc = "URLs of the etcd members, comma-separated",
      .wrong = confcheck_url },
    { .section = "etcd", .name = "prefix", .type = CONF_STRING, .offset = AT(etcd_prefix), .default_text = "/vrm",
      .min = 2, .max = 128, .doc = "our part of etcd's key space, such as /vrm", .wrong = wrong_prefix },
    { .section = "etcd", .name = "ttl_s", .type = CONF_INT, .offset = AT(etcd_ttl_s), .default_text = "3",
      .min = 2, .max = 60, .doc = "lease of the active controller; a dead one is replaced after it" },
    { .section = "etcd", .name = "ca_file", .type = CONF_PATH, .offset = AT(etcd_ca_file), .default_text = "",
      .doc = "for https endpoints" },
    { .section = "etcd", .name = "cert_file", .type = CONF_PATH, .offset = AT(etcd_cert_file), .default_text = "",
      .doc = "client certificate for etcd" },
    { .section = "etcd", .name = "key_file", .type = CONF_PATH, .offset = AT(etcd_key_file), .default_text = "",
      .doc = "key of cert_file" },

    { .section = "agents", .name = "ca_file", .type = CONF_PATH, .offset = AT(agents_ca_file),
      .min = 1, .max = 1024, .doc = "authority that signed the agents' certificates", .reload = true },
    { .section = "agents", .name = "cert_file", .type = CONF_PATH, .offset = AT(agents_cert_file),
      .min = 1, .max = 1024, .doc = "this controller's certificate for the agents", .reload = true },
    { .section = "agents", .name = "key_file", .type = CONF_PATH, .offset = AT(agents_key_file),
      .min = 1, .max = 1024, .doc = "key of cert_file", .reload = true },
    { .section = "agents", .name = "silence_limit_s", .type = CONF_INT, .offset = AT(agents_silence_s),
      .default_text = "60", .min = 5, .max = 3600,
      .doc = "a command to a host that stays silent so long ends with an unknown outcome" },

    { .section = "drs", .name = "interval_s", .type = CONF_INT, .offset = AT(drs_interval_s), .default_text = "60",
      .min = 2, .max = 3600, .doc = "a plan is made so often" },
    { .section = "drs", .name = "window_s", .type = CONF_INT, .offset = AT(drs_window_s), .default_text = "300",
      .min = 10, .max = 3600, .doc = "load is a percentile over this window" },
    { .section = "drs", .name = "percentile", .type = CONF_INT, .offset = AT(drs_percentile), .default_text = "80",
      .min = 50, .max = 100, .doc = "which percentile" },
    { .section = "drs", .name = "min_samples", .type = CONF_INT, .offset = AT(drs_min_samples), .default_text = "6",
      .min = 1, .max = 240, .doc = "fewer samples of a VM: it is counted by estimate and not moved to balance" },
    { .section = "drs", .name = "max_age_s", .type = CONF_INT, .offset = AT(drs_max_age_s), .default_text = "30",
      .min = 2, .max = 600, .doc = "older newest sample: no decision" },
    { .section = "drs", .name = "horizon_s", .type = CONF_INT, .offset = AT(drs_horizon_s), .default_text = "1200",
      .min = 60, .max = 86400, .doc = "a move must repay its cost within this time" },
    { .section = "drs", .name = "cooldown_s", .type = CONF_INT, .offset = AT(drs_cooldown_s), .default_text = "300",
      .min = 0, .max = 86400, .doc = "a VM is not moved again for balance so soon; doubled each time it flaps" },
    { .section = "drs", .name = "link_mbps", .type = CONF_INT, .offset = AT(drs_link_mbps), .default_text = "1000",
      .min = 10, .max = 1000000, .doc = "speed of the migration network, for the cost of a move" },
    { .section = "drs", .name = "moves_per_host", .type = CONF_INT, .offset = AT(drs_cap_host), .default_text = "2",
      .min = 1, .max = 16, .doc = "migrations from or to one host at the same time" },
    { .section = "drs", .name = "moves_per_cluster", .type = CONF_INT, .offset = AT(drs_cap_cluster), .default_text = "4",
      .min = 1, .max = 64, .doc = "migrations in one cluster at the same time" },
    { .section = "drs", .name = "vcpus_per_thread", .type = CONF_INT, .offset = AT(drs_vcpus_per_thread),
      .default_text = "16", .min = 0, .max = 1024,
      .doc = "most vCPUs of a host for each of its threads, where the cluster says nothing; 0: no limit" },
    { .section = "drs", .name = "cpu_reserve_percent", .type = CONF_INT, .offset = AT(drs_cpu_reserve),
      .default_text = "0", .min = 0, .max = 50,
      .doc = "of a host's CPU that is not for VMs; 10: overload begins at 90 %" },
    { .section = "drs", .name = "cpu_own_use", .type = CONF_BOOL, .offset = AT(drs_cpu_own_use),
      .default_text = "true",
      .doc = "nor is what the hypervisor itself is seen to use, if that is more than the reserve" },
    { .section = "drs", .name = "mem_overcommit_percent", .type = CONF_INT, .offset = AT(drs_mem_overcommit),
      .default_text = "150", .min = 100, .max = 150,
      .doc = "of a host's memory that may be promised to VMs, in clusters with isMemOvercommit" },

    { .section = "migration", .name = "timeout_s", .type = CONF_INT, .offset = AT(migration_timeout_s),
      .default_text = "300", .min = 5, .max = 86400, .doc = "a migration that takes longer is ended; the VM stays" },
    { .section = "migration", .name = "bandwidth_mib", .type = CONF_INT, .offset = AT(migration_bandwidth_mib),
      .default_text = "0", .min = 0, .max = 100000, .doc = "MiB/s each; 0: no limit" },
    { .section = "migration", .name = "auto_converge", .type = CONF_BOOL, .offset = AT(migration_auto_converge),
      .default_text = "true", .doc = "slow a guest down that dirties memory faster than it can be copied" },

    { .section = "power", .name = "agent", .type = CONF_PATH, .offset = AT(power_agent),
      .default_text = "/usr/sbin/fence_ipmilan", .min = 1, .max = 1024,
      .doc = "fence agent that switches hosts off and on by their BMC; must take fence_ipmilan's parameters" },
    { .section = "power", .name = "cipher", .type = CONF_INT, .offset = AT(power_cipher), .default_text = "3",
      .min = 0, .max = 17, .doc = "IPMI 2.0 cipher suite that the BMCs speak; newer ones may want 17" },
    { .section = "power", .name = "timeout_s", .type = CONF_INT, .offset = AT(power_limit_s), .default_text = "40",
      .min = 5, .max = 600, .doc = "the power must have changed so long after the command" },
    { .section = "power", .name = "boot_timeout_s", .type = CONF_INT, .offset = AT(power_boot_limit_s),
      .default_text = "600", .min = 10, .max = 7200,
      .doc = "a host must have come back so long after its power" },

    { .section = "dpm", .name = "interval_s", .type = CONF_INT, .offset = AT(dpm_interval_s), .default_text = "60",
      .min = 2, .max = 3600, .doc = "DPM looks at each cluster so often" },
    { .section = "dpm", .name = "sleep_window_s", .type = CONF_INT, .offset = AT(dpm_sleep_window_s),
      .default_text = "1200", .min = 10, .max = 14400,
      .doc = "a host may sleep by the load over this window; at most 200 intervals" },
    { .section = "dpm", .name = "wake_window_s", .type = CONF_INT, .offset = AT(dpm_wake_window_s),
      .default_text = "60", .min = 5, .max = 3600,
      .doc = "hosts wake by the load over this window, or over window_s of [drs] if that is shorter" },
    { .section = "dpm", .name = "settle_s", .type = CONF_INT, .offset = AT(dpm_settle_s), .default_text = "600",
      .min = 0, .max = 86400, .doc = "a host that came back stays on at least so long" },
    { .section = "dpm", .name = "proof_days", .type = CONF_INT, .offset = AT(dpm_proof_days), .default_text = "14",
      .min = 1, .max = 3650, .doc = "a host sleeps only if its wake-up was proven within so many days" },
    { .section = "dpm", .name = "spare_hosts", .type = CONF_INT, .offset = AT(dpm_spare_hosts), .default_text = "0",
      .min = 0, .max = 64, .doc = "so many of the largest hosts that are on are not needed, beside what HA keeps" },
    { .section = "dpm", .name = "retry_s", .type = CONF_INT, .offset = AT(dpm_retry_s), .default_text = "300",
      .min = 5, .max = 86400, .doc = "after a failure a host rests so long, then twice as long, up to 16 times" },
    { .section = "dpm", .name = "drain_timeout_s", .type = CONF_INT, .offset = AT(dpm_drain_limit_s),
      .default_text = "1800", .min = 10, .max = 86400, .doc = "a drain that takes longer is given up; the host stays on" },
    { .section = "dpm", .name = "start_wait_s", .type = CONF_INT, .offset = AT(dpm_start_wait_s),
      .default_text = "900", .min = 10, .max = 86400,
      .doc = "a VM whose start found no room counts so long as one that wants to start" },
    { .section = "dpm", .name = "watts", .type = CONF_INT, .offset = AT(dpm_watts), .default_text = "200",
      .min = 1, .max = 20000, .doc = "what a host that sleeps does not draw, for the kWh saved" },

    { .section = "ha", .name = "enabled", .type = CONF_BOOL, .offset = AT(ha_enabled), .default_text = "true",
      .doc = "VMs with shared disks run by a right in etcd, on hosts with vrm-hald only, and are restarted elsewhere when their host dies; false: nothing is restarted" },
    { .section = "ha", .name = "profile", .type = CONF_CHOICE, .offset = AT(ha_profile), .default_text = "normal",
      .choices = "normal|fast", .doc = "how long a lease is: normal 12 s, fast 8 s" },
    { .section = "ha", .name = "lease_ms", .type = CONF_INT, .offset = AT(ha_lease_ms), .default_text = "0",
      .min = 0, .max = HA_LONGEST_LEASE_MS, .doc = "a host whose lease in etcd stands still so long is dead; 0: the profile's" },
    { .section = "ha", .name = "renew_ms", .type = CONF_INT, .offset = AT(ha_renew_ms), .default_text = "1500",
      .min = 200, .max = 60000, .doc = "hosts renew their leases so often" },
    { .section = "ha", .name = "kill_ms", .type = CONF_INT, .offset = AT(ha_kill_ms), .default_text = "2000",
      .min = 500, .max = 60000, .doc = "so long before its lease's end a host begins to kill what the lease protects" },
    { .section = "ha", .name = "beat_ms", .type = CONF_INT, .offset = AT(ha_beat_ms), .default_text = "1000",
      .min = 200, .max = 10000, .doc = "hosts send beats on the HA network so often" },
    { .section = "ha", .name = "beat_listen", .type = CONF_STRING, .offset = AT(ha_beat_listen),
      .default_text = "0.0.0.0", .min = 2, .max = 64, .doc = "address to receive the hosts' beats at",
      .wrong = confcheck_address },
    { .section = "ha", .name = "beat_port", .type = CONF_INT, .offset = AT(ha_beat_port), .default_text = "7445",
      .min = 1, .max = 65535, .doc = "UDP port of beat_listen" },
    { .section = "ha", .name = "beat_to", .type = CONF_LIST, .offset = AT(ha_beat_to), .default_text = "",
      .max = 8, .doc = "addresses of all controllers on the HA network, where hosts send their beats to",
      .wrong = wrong_endpoint },
    { .section = "ha", .name = "power_on_again", .type = CONF_BOOL, .offset = AT(ha_power_on_again), .default_text = "true",
      .doc = "a host that is dead by proof is switched on again by its BMC, three times at most; never one in maintenance, quarantine, or switched off by order" },
    { .section = "ha", .name = "etcd", .type = CONF_LIST, .offset = AT(ha_etcd), .default_text = "",
      .max = 16, .doc = "URLs of the etcd members as hosts reach them; empty: endpoints of [etcd]",
      .wrong = confcheck_url },
    { .section = "ha", .name = "storage", .type = CONF_BOOL, .offset = AT(ha_storage), .default_text = "true",
      .doc = "VMs on shared datastores are protected by their host's slot there, and an etcd that does not answer stops none of them; false: by its lease in etcd" },
    { .section = "ha", .name = "slot_ms", .type = CONF_INT, .offset = AT(ha_slot_ms), .default_text = "0",
      .min = 0, .max = HA_LONGEST_SLOT_MS, .doc = "a host whose slot on a datastore stands still so long runs no VM of it any more, with multipath rather 60000; 0: 20000, or what lease_ms asks for" },

    { .section = "history", .name = "days", .type = CONF_INT, .offset = AT(history_days), .default_text = "90",
      .min = 1, .max = 3650, .doc = "finished tasks, events and audit are kept so long" },
    { .section = "history", .name = "recent_tasks", .type = CONF_INT, .offset = AT(recent_tasks), .default_text = "1000",
      .min = 10, .max = 100000, .doc = "finished tasks kept in memory" },
};
// clang-format on

static bool both_or_neither(const char *section, const char *cert, const char *key, GError **error)
{
    if (!*cert == !*key)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, *cert ? "key_file" : "cert_file",
                   "[%s] %s is given and %s is not: they belong together, give both or neither",
                   section, *cert ? "cert_file" : "key_file", *cert ? "key_file" : "cert_file");
    return false;
}

/* What an https endpoint needs, and what only an https endpoint uses. */
static bool check_etcd_tls(const struct settings *settings, GError **error)
{
    bool tls = false, plain = false;

    for (char **url = settings->etcd_endpoints; *url; url++) {
        bool https = g_ascii_strncasecmp(*url, "https:", 6) == 0;

        tls = tls || https;
        plain = plain || !https;
    }
    if (tls && !*settings->etcd_ca_file) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "etcd.ca_file",
                       "[etcd] ca_file is empty: https endpoints want the PEM file of the "
                       "authority that signed their certificates");
        return false;
    }
    if (!tls && (*settings->etcd_ca_file || *settings->etcd_cert_file)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "etcd.endpoints",
                       "[etcd] endpoints = %s: certificates are given, so want https:// URLs",
                       settings->etcd_endpoints[0]);
        return false;
    }
    if (tls && plain) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "etcd.endpoints",
                       "[etcd] endpoints: want all http:// or all https://, not both");
        return false;
    }
    return true;
}

static bool check_dpm(const struct settings *settings, GError **error)
{
    if (settings->dpm_sleep_window_s > settings->dpm_interval_s * DPM_MAX_INTERVALS) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "dpm.sleep_window_s",
                       "[dpm] sleep_window_s = %" G_GINT64_FORMAT
                       ": want at most %d times interval_s (%" G_GINT64_FORMAT ")",
                       settings->dpm_sleep_window_s, DPM_MAX_INTERVALS, settings->dpm_interval_s);
        return false;
    }
    return true;
}

int64_t settings_lease_ms(const struct settings *settings)
{
    if (settings->ha_lease_ms > 0)
        return settings->ha_lease_ms;
    return g_str_equal(settings->ha_profile, "fast") ? LEASE_FAST_MS : LEASE_NORMAL_MS;
}

/* A lease must outlive a renewal that is late, its answer that is late, a pause of vrm-hald and the
 * killing: else hosts that are well would lose it. */
static bool check_ha(const struct settings *settings, GError **error)
{
    const int64_t spare_ms = MAX(LATE_MS, settings->ha_kill_ms + 1);
    const int64_t least_ms = settings->ha_renew_ms + settings->ha_kill_ms + spare_ms;

    if (settings_lease_ms(settings) >= least_ms)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, "ha.lease_ms",
                   "[ha] lease_ms = %" G_GINT64_FORMAT
                   " (profile %s): want at least %" G_GINT64_FORMAT
                   ", that is renew_ms (%" G_GINT64_FORMAT ") + kill_ms (%" G_GINT64_FORMAT
                   ") + %" G_GINT64_FORMAT " for late answers of etcd and pauses of a host",
                   settings_lease_ms(settings), settings->ha_profile, least_ms,
                   settings->ha_renew_ms, settings->ha_kill_ms, spare_ms);
    return false;
}

/* One watchdog serves all leases: it is as long as etcd's allow, and the slots' must outlive it. */
static int64_t least_slot_ms(const struct settings *settings)
{
    const int64_t watchdog_ms =
        settings_lease_ms(settings) - MAX(settings->ha_renew_ms, settings->ha_kill_ms);

    return SETTINGS_SLOT_RENEW_MS + MAX(watchdog_ms, 2 * settings->ha_kill_ms) + 1;
}

int64_t settings_slot_ms(const struct settings *settings)
{
    if (settings->ha_slot_ms > 0) /* switched off it was not checked, and some may still go on */
        return settings->ha_storage ? settings->ha_slot_ms
                                    : MAX(settings->ha_slot_ms, least_slot_ms(settings));
    return MAX(SLOT_MS, least_slot_ms(settings));
}

static bool check_slots(const struct settings *settings, GError **error)
{
    if (!settings->ha_storage || settings_slot_ms(settings) >= least_slot_ms(settings))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, "ha.slot_ms",
                   "[ha] slot_ms = %" G_GINT64_FORMAT ": want 0 or at least %" G_GINT64_FORMAT
                   ", that is %d for a renewal and more than the watchdog's length (lease_ms, "
                   "%" G_GINT64_FORMAT ", less the longer of renew_ms and kill_ms)",
                   settings->ha_slot_ms, least_slot_ms(settings), SETTINGS_SLOT_RENEW_MS,
                   settings_lease_ms(settings));
    return false;
}

char **settings_hosts_etcd(const struct settings *settings)
{
    return *settings->ha_etcd ? settings->ha_etcd : settings->etcd_endpoints;
}

static bool is_loopback(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return g_str_has_prefix(host, "127.") || g_str_has_prefix(host, "[::1]") ||
           g_str_has_prefix(host, "localhost:");
}

static bool are_loopback(char *const *urls)
{
    for (; *urls; urls++)
        if (!is_loopback(*urls))
            return false;
    return true;
}

char **settings_doubts(const struct settings *settings)
{
    g_autoptr(GStrvBuilder) doubts = g_strv_builder_new();

    if (settings->ha_enabled && are_loopback(settings_hosts_etcd(settings)))
        g_strv_builder_add(doubts,
                           "high availability is on, and hosts are told of an etcd on loopback: no "
                           "other machine takes VMs with shared disks; set [ha] etcd to URLs that "
                           "hosts reach, or [ha] enabled = false");
    if (settings->ha_enabled && !*settings->ha_beat_to)
        g_strv_builder_add(
            doubts, "high availability is on, and [ha] beat_to is empty: hosts send no "
                    "beats to controllers; set it to the addresses of all controllers on the "
                    "HA network");
    return g_strv_builder_end(doubts);
}

static bool settings_cross_check(const struct settings *settings, GError **error)
{
    if (!both_or_neither("api", settings->api_cert_file, settings->api_key_file, error) ||
        !both_or_neither("etcd", settings->etcd_cert_file, settings->etcd_key_file, error) ||
        !check_etcd_tls(settings, error))
        return false;
    if (settings->drs_max_age_s > settings->drs_window_s) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "drs.max_age_s",
                       "[drs] max_age_s = %" G_GINT64_FORMAT
                       ": want at most window_s (%" G_GINT64_FORMAT ")",
                       settings->drs_max_age_s, settings->drs_window_s);
        return false;
    }
    return check_dpm(settings, error) && check_ha(settings, error) && check_slots(settings, error);
}

static void fill_in(struct settings *settings)
{
    if (!*settings->name) {
        g_free(settings->name);
        settings->name = g_strdup(g_get_host_name());
    }
    if (!*settings->api_url) {
        g_free(settings->api_url);
        settings->api_url =
            g_strdup_printf("%s://%s:%" G_GINT64_FORMAT, settings->api_tls ? "https" : "http",
                            settings->name, settings->api_port);
    }
}

bool settings_load(const char *path, struct settings *ret_settings, GError **error)
{
    struct settings settings = { 0 };

    if (!conf_load(path, table, G_N_ELEMENTS(table), &settings, error))
        return false;
    if (!settings_cross_check(&settings, error)) {
        confcheck_place(path, error);
        settings_clear(&settings);
        return false;
    }
    fill_in(&settings);
    *ret_settings = settings;
    return true;
}

void settings_clear(struct settings *settings)
{
    conf_clear(table, G_N_ELEMENTS(table), settings);
}

char *settings_format(const struct settings *settings)
{
    return conf_format(table, G_N_ELEMENTS(table), settings);
}
