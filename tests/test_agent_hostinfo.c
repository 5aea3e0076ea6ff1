/* test_agent_hostinfo.c - texts of the kernel and of libvirt about the machine, and the settings.
 */
#include "config.h"

#include "agent/hostinfo.h"

#include <stdio.h>

#include "agent/agent_conf.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

static const struct {
    const char *name;
    int64_t mhz;
} name_rows[] = {
    { "Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", 3000 },
    { "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 2400 },
    { "Some CPU @ 866MHz", 866 },
    { "AMD EPYC", 0 },
    { "odd @", 0 },
    { "odd @ fastGHz", 0 },
    { "odd @ -3GHz", 0 },
    { "odd @ 3e99GHz", 0 },
    { "", 0 },
};

START_TEST(a_cpus_name_may_tell_its_frequency)
{
    ck_assert_int_eq(hostinfo_parse_name_mhz(name_rows[_i].name), name_rows[_i].mhz);
}
END_TEST

START_TEST(used_memory_is_what_is_not_available)
{
    ck_assert_uint_eq(hostinfo_parse_mem_used_kib("MemTotal:       1000 kB\n"
                                                  "MemFree:         100 kB\n"
                                                  "MemAvailable:    400 kB\n"),
                      600);
    ck_assert_uint_eq(hostinfo_parse_mem_used_kib("MemTotal: 1000 kB\n"), 0);
    ck_assert_uint_eq(hostinfo_parse_mem_used_kib(""), 0);
}
END_TEST

static bool is_eth(const char *name)
{
    return g_str_has_prefix(name, "eth");
}

START_TEST(network_bytes_are_summed_over_the_interfaces_that_count)
{
    const char *text = "Inter-|   Receive  |  Transmit\n"
                       " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
                       "    lo: 9999 1 0 0 0 0 0 0 9999 1 0 0 0 0 0 0\n"
                       "  eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
                       "  eth1:3 1 0 0 0 0 0 0 4 1 0 0 0 0 0 0\n"
                       "  eth2: broken\n";

    ck_assert_uint_eq(hostinfo_parse_net_bytes(text, is_eth), 127);
    ck_assert_uint_eq(hostinfo_parse_net_bytes("", is_eth), 0);
}
END_TEST

#define CAPS(uuid)                                                                                 \
    "<capabilities><host><uuid>" uuid "</uuid><cpu><arch>x86_64</arch><model>EPYC</model>"         \
    "<vendor>AMD</vendor><feature name='x'/></cpu></host><guest><cpu><model>no</model></cpu>"      \
    "</guest></capabilities>"

START_TEST(capabilities_name_the_host_and_its_cpu)
{
    struct hostinfo_caps caps = { 0 };
    GError *error = NULL;

    ck_assert(hostinfo_parse_caps(CAPS("6b1d1f10-0000-4000-8000-00000000001a"), &caps, &error));
    ck_assert_str_eq(caps.uuid, "6b1d1f10-0000-4000-8000-00000000001a");
    ck_assert_str_eq(caps.cpu_model, "EPYC");
    ck_assert_str_eq(caps.cpu_vendor, "AMD");
    hostinfo_caps_clear(&caps);
    ck_assert(!hostinfo_parse_caps(CAPS("none"), &caps, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "no valid host uuid");
    ck_assert(!hostinfo_parse_caps("<capabilities>", &caps, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "libvirt's capabilities");
    ck_assert_ptr_null(caps.uuid);
}
END_TEST

START_TEST(this_machine_has_a_boot_a_frequency_and_memory_in_use)
{
    g_autofree char *boot_id = hostinfo_boot_id();
    struct stats_host_sample sample = { 0 };

    ck_assert_uint_eq(strlen(boot_id), 36);
    ck_assert_int_gt(hostinfo_cpu_mhz(1), 0);
    ck_assert_int_ge(hostinfo_nic_count(), 0);
    hostinfo_sample(&sample);
    ck_assert_uint_gt(sample.mem_used_kib, 0);
}
END_TEST

/* ---- settings ------------------------------------------------------------------------------- */

static const struct {
    const char *text, *error; /* NULL: fine */
} conf_rows[] = {
    { "", NULL },
    { "[agent]\nname=cna1\nlisten=192.0.2.1\n[libvirt]\nmigrate_host=2001:db8::1\n", NULL },
    { "[agent]\nlisten=cna1\n", "[agent] listen = cna1: want an IPv4 or IPv6 address" },
    { "[agent]\nname=a b\n", "[agent] name = \"a b\": want letters" },
    { "[agent]\nport=0\n", "port" },
    { "[agent]\nstats_interval_ms=100\n", "stats_interval_ms" },
    { "[agent]\nstate_dir=here\n", "state_dir" },
    { "[libvirt]\nmigrate_host=x\n", "[libvirt] migrate_host" },
    { "[libvirt]\nbridge=br/0\n", "[libvirt] bridge" },
    { "[libvirt]\nemulator=qemu\n", "[libvirt] emulator = \"qemu\": want an absolute path" },
    { "[libvirt]\ndomain_type=xen\n", "domain_type" },
    { "[limits]\nworkers=0\n", "workers" },
    { "[limits]\nmax_commands=1024\n", NULL },
    { "[limits]\nmax_commands=1025\n", "max_commands" }, /* more than a full line tells of */
    { "[agent]\nnonsense=1\n", "nonsense" },
};

START_TEST(settings_are_checked_and_errors_name_file_and_setting)
{
    char *dir = tempdir_new();
    g_autofree char *path = g_strconcat(dir, "/agent.conf", NULL);
    struct agent_conf conf = { 0 };
    GError *error = NULL;
    bool ok;

    ck_assert(g_file_set_contents(path, conf_rows[_i].text, -1, NULL));
    ok = agent_conf_load(path, &conf, &error);
    ck_assert_int_eq(ok, conf_rows[_i].error == NULL);
    if (ok) {
        ck_assert_uint_gt(strlen(conf.name), 0);
        agent_conf_clear(&conf);
    } else {
        ck_assert_ptr_nonnull(strstr(error->message, path));
        suite_take_error(&error, VRM_ERR_INVALID, conf_rows[_i].error);
    }
    tempdir_free(dir);
}
END_TEST

SUITE_MAIN("agent_hostinfo", SUITE_LOOP(a_cpus_name_may_tell_its_frequency, name_rows),
           SUITE_TEST(used_memory_is_what_is_not_available),
           SUITE_TEST(network_bytes_are_summed_over_the_interfaces_that_count),
           SUITE_TEST(capabilities_name_the_host_and_its_cpu),
           SUITE_TEST(this_machine_has_a_boot_a_frequency_and_memory_in_use),
           SUITE_LOOP(settings_are_checked_and_errors_name_file_and_setting, conf_rows))
