/* test_hald.c - the parts of vrm-hald that need no etcd: the life on file, processes' arguments and
 * groups, the watchdog's forms, the settings, the words of --status. */
#include "config.h"

#include "tests/suite.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/hald_conf.h"
#include "agent/hald_dog.h"
#include "agent/hald_life.h"
#include "agent/hald_proc.h"
#include "agent/hald_show.h"
#include "agentproto/hald_msg.h"
#include "tests/tempdir.h"

#define UUID "5f0c2a3e-0c7d-4b5e-9d6f-1a2b3c4d5e6f"
#define BOOT UINT64_C(0x9f3c00000000ab12)

/* ---- the life -------------------------------------------------------------------------------- */

static struct life make_life(void)
{
    const struct ha_owner owner = { 101, 1, { BOOT, 3 } };
    struct life life = {
        .boot = BOOT, .host = 101, .prefix = g_strdup("/vrm"), .armed_until_ms = 77000
    };
    struct life_vm vm = { .seen = { 12, 44, { .gen = 2, .n_owners = 1, .owners = { owner } } },
                          .authority = 1,
                          .uuid = UUID,
                          .held = true,
                          .told = true };

    life_leases_push(&life.leases,
                     (struct life_lease){ .authority = 1, .inc = { BOOT, 3 }, .end_ms = 66000 });
    life_leases_push(&life.leases, (struct life_lease){ .authority = 7,
                                                        .inc = { BOOT, 4711 },
                                                        .end_ms = 67000,
                                                        .length_ms = 20000,
                                                        .renew_ms = 1000,
                                                        .path = g_strdup("/srv/shelf"),
                                                        .name = g_strdup("shelf") });
    life_vms_push(&life.vms, vm);
    vm.seen.vm = 13;
    vm.held = vm.told = false;
    vm.banned = vm.unseen = vm.releasing = true;
    life_vms_push(&life.vms, vm);
    return life;
}

START_TEST(a_life_comes_back_as_it_was)
{
    struct life life = make_life(), back;
    g_autofree char *text = life_format(&life);
    g_autofree char *again = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(life_parse(text, strlen(text), &back, &error));
    suite_no_error(error);
    again = life_format(&back);
    ck_assert_str_eq(text, again);
    ck_assert(back.boot == BOOT);
    ck_assert_int_eq(back.leases.items[0].end_ms, 66000);
    ck_assert(back.vms.items[0].held && back.vms.items[0].told && !back.vms.items[0].banned);
    ck_assert(back.vms.items[1].banned && back.vms.items[1].unseen && !back.vms.items[1].held);
    life_clear(&life);
    life_clear(&back);
}
END_TEST

/* Each with one thing replaced. */
static const struct {
    const char *from, *to, *says;
} bad_lives[] = {
    { "\"v\":1", "\"v\":2", "its values" },
    { "\"v\":1,", "", "its keys" },
    { "\"v\":1", "\"v\":1,\"w\":1", "its keys" },
    { "9f3c00000000ab12\",\"host", "\",\"host", "its values" },
    { "\"host\":101,\"prefix", "\"host\":0,\"prefix", "its values" },
    { "\"/vrm\"", "\"vrm\"", "its values" },
    { "\"end_ms\":66000", "\"end_ms\":-1", "a lease" },
    { "9f3c00000000ab12-3\",\"end_ms", "9f3c00000000ab12\",\"end_ms", "a lease" },
    { "\"leases\":[{", "\"leases\":[7,{", "a lease" },
    { "\"length_ms\":20000", "\"length_ms\":1000", "a lease" },
    { "\"path\":\"/srv", "\"path\":\"srv", "a lease" },
    { ",\"name\":\"shelf\"", "", "a lease" },
    { "\"vm\":12", "\"vm\":0", "a VM" },
    { UUID, "nobody", "a VM" },
    { "\"right\":\"44 ", "\"right\":\"", "version" },
    { "\"held\":true", "\"held\":1", "a VM" },
    { "{\"v\"", "[{\"v\"", "not JSON" },
};

START_TEST(a_life_that_nobody_wrote_is_refused)
{
    struct life life = make_life(), back = { .host = 42 };
    g_autofree char *text = life_format(&life);
    g_auto(GStrv) parts = g_strsplit(text, bad_lives[_i].from, 2);
    g_autofree char *bad = g_strjoinv(bad_lives[_i].to, parts);
    g_autoptr(GError) error = NULL;

    ck_assert_uint_eq(g_strv_length(parts), 2);
    ck_assert_msg(!life_parse(bad, strlen(bad), &back, &error), "%s", bad);
    suite_take_error(&error, VRM_ERR_INVALID, bad_lives[_i].says);
    ck_assert_int_eq(back.host, 42);
    life_clear(&life);
}
END_TEST

START_TEST(a_file_is_replaced_at_once_and_ours_alone)
{
    char *dir = tempdir_new();
    g_autofree char *path = g_build_filename(dir, "life", NULL);
    g_autofree char *nowhere = g_build_filename(dir, "no", "life", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    GStatBuf status;
    size_t len;

    ck_assert_ptr_null(life_read(path, &len, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "life");
    ck_assert(life_write(path, "one", false, NULL));
    ck_assert(life_write(path, "other", true, NULL));
    text = life_read(path, &len, NULL);
    ck_assert_str_eq(text, "other");
    ck_assert(g_stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    ck_assert(!life_write(nowhere, "x", false, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "no/life");
    tempdir_free(dir);
}
END_TEST

START_TEST(each_boot_has_its_number)
{
    ck_assert(life_boot("a") != life_boot("b"));
    ck_assert(life_boot("a") == life_boot("a"));
    ck_assert(life_boot("") != 0);
}
END_TEST

/* ---- processes ------------------------------------------------------------------------------- */

#define ARGUMENTS(text)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    struct {
        const char *text;
        size_t len;
    } arguments;
    bool found;
} processes[] = {
    { ARGUMENTS("qemu\0-name\0web\0-uuid\0" UUID "\0-m\0"
                "64\0"),
      true },
    { ARGUMENTS("qemu\0-uuid\0"
                "5F0C2A3E-0C7D-4B5E-9D6F-1A2B3C4D5E6F\0"),
      true },
    { ARGUMENTS("-uuid\0" UUID "\0"), true },
    { ARGUMENTS("qemu\0-uuid\0" UUID), false }, /* cut off: perhaps another one's */
    { ARGUMENTS("qemu\0-uuid\0" UUID "7\0"), false },
    { ARGUMENTS("qemu\0-uuid\0"), false },
    { ARGUMENTS("qemu\0-uuid"), false },
    { ARGUMENTS("qemu\0-uuid\0none\0"), false },
    { ARGUMENTS("virt-install\0--uuid\0" UUID "\0"), false },
    { ARGUMENTS("grep\0-uuid " UUID "\0"), false },
    { ARGUMENTS("\0\0\0"), false },
    { ARGUMENTS(""), false },
};

START_TEST(a_vm_is_known_by_its_arguments)
{
    /* exactly as long: a sanitizer sees what is read behind the end */
    g_autofree char *exact = g_memdup2(processes[_i].arguments.text, processes[_i].arguments.len);
    g_autofree char *uuid = hald_proc_uuid(exact, processes[_i].arguments.len);

    if (processes[_i].found)
        ck_assert_str_eq(uuid, UUID);
    else
        ck_assert_ptr_null(uuid);
}
END_TEST

static const struct {
    const char *text, *group;
} groups[] = {
    { "0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator\n",
      "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope" },
    { "1:name=systemd:/x\n0::/machine/qemu-1-web.libvirt-qemu/emulator\n",
      "/machine/qemu-1-web.libvirt-qemu" },
    { "0::/system.slice/libvirtd.service\n", NULL },
    { "0::/\n", NULL },
    { "5:cpu:/machine/qemu-1-web.libvirt-qemu\n", NULL }, /* version 1 cannot kill */
    { "", NULL },
};

START_TEST(only_a_group_that_is_the_vms_alone_is_killed)
{
    g_autofree char *group = hald_proc_group(groups[_i].text);

    ck_assert_pstr_eq(group, groups[_i].group);
}
END_TEST

static void count(pid_t pid, const char *uuid, void *user)
{
    (void)pid, (void)uuid;
    (*(unsigned *)user)++;
}

START_TEST(this_very_process_is_no_vm)
{
    HaldProcs *procs = hald_procs_new();
    unsigned n = 0;

    ck_assert(hald_procs_scan(procs, count, &n));
    ck_assert(hald_procs_scan(procs, count, &n)); /* what was learnt does not harm */
    ck_assert_int_eq(hald_proc_open(getpid(), UUID), -1);
    hald_procs_free(procs);
}
END_TEST

/* ---- the watchdog ---------------------------------------------------------------------------- */

static const struct {
    const char *device;
    bool known;
} devices[] = {
    { "none", true },          { "/dev/watchdog", true }, { "unix:/run/dog", true },
    { "unix:run/dog", false }, { "unix:", false },        { "", false },
    { "nothing", false },      { "watchdog", false },
};

START_TEST(a_watchdog_has_one_of_three_forms)
{
    ck_assert_int_eq(hald_dog_known(devices[_i].device), devices[_i].known);
}
END_TEST

START_TEST(a_socket_is_told_for_how_long)
{
    char *dir = tempdir_new();
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_autofree char *device = g_strdup_printf("unix:%s/dog", dir);
    HaldDog *dog = hald_dog_new(device);
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    g_autoptr(GError) error = NULL;
    char text[32] = "";

    ck_assert(!hald_dog_exists(device, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "want a watchdog");
    ck_assert(!hald_dog_arm(dog, 9500, &error)); /* nobody listens yet */
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "it cannot be told");
    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/dog", dir);
    ck_assert(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    ck_assert(hald_dog_exists(device, NULL));
    ck_assert(hald_dog_arm(dog, 9500, NULL));
    ck_assert_int_eq(recv(fd, text, sizeof text - 1, 0), 8);
    ck_assert_str_eq(text, "arm 9500");
    hald_dog_disarm(dog);
    ck_assert_int_eq(recv(fd, text, sizeof text - 1, 0), 6);
    hald_dog_free(dog);
    close(fd);
    tempdir_free(dir);
}
END_TEST

START_TEST(a_device_that_is_none_is_named)
{
    HaldDog *dog = hald_dog_new("/dev/null");
    g_autoptr(GError) error = NULL;

    ck_assert(!hald_dog_arm(dog, 9500, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "/dev/null: WDIOC_SETTIMEOUT");
    ck_assert(!hald_dog_arm(dog, 900, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "whole seconds");
    ck_assert(!hald_dog_exists("/", &error));
    suite_take_error(&error, VRM_ERR_INVALID, "no character device");
    hald_dog_free(dog);
}
END_TEST

/* ---- settings and words ---------------------------------------------------------------------- */

static const struct {
    const char *text, *says;
} bad_settings[] = {
    { "[watchdog]\ndevice = softdog\n", "device = softdog: want a watchdog device" },
    { "[beat]\naddress = cna1\n", "address = cna1: want an IPv4 or IPv6 address" },
    { "[beat]\nport = 0\n", "port = 0" },
    { "[hald]\nsocket = hald.sock\n", "socket = hald.sock" },
    { "[etcd]\ncert_file = /a\n", "cert_file = /a, key_file = : want both or neither" },
};

START_TEST(a_bad_setting_is_named)
{
    char *dir = tempdir_new();
    g_autofree char *path = g_build_filename(dir, "hald.conf", NULL);
    struct hald_conf conf = { 0 };
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(path, bad_settings[_i].text, -1, NULL));
    ck_assert(!hald_conf_load(path, &conf, &error));
    suite_take_error(&error, VRM_ERR_INVALID, bad_settings[_i].says);
    ck_assert_ptr_null(conf.socket);
    tempdir_free(dir);
}
END_TEST

START_TEST(the_status_is_readable)
{
    char held[] = "held", inc[] = "9f3c-1", uuid[] = UUID, state[] = "allowed", none[] = "none";
    char version[] = "1.0", address[] = "";
    char etcd[] = "etcd", store[] = "shelf", hangs[] = "its last write is out for 3 s";
    struct hald_lease leases[] = { { 1, etcd, held, inc, 9000, 4, 3, address },
                                   { 7, store, held, inc, 0, 4, 0, hangs } };
    struct hald_vm vms[] = { { 12, uuid, 1, state, true, true, true },
                             { 13, uuid, 1, state, true, false, true } };
    struct hald_peer peer = { 102, inc, 400 };
    struct hald_status status = { .version = version, .address = address, .watchdog = none };
    g_autofree char *before = hald_show_text(&status);
    g_autofree char *after = NULL;

    ck_assert_ptr_nonnull(strstr(before, "none yet: waits for the controller"));
    status.set_up = status.etcd_ok = true;
    status.leases = leases;
    status.vms = vms;
    status.peers = &peer;
    status.n_peers = 1;
    status.n_leases = status.n_vms = 2;
    after = hald_show_text(&status);
    ck_assert_ptr_nonnull(strstr(after, "lease      etcd (authority 1): held, incarnation 9f3c-1, "
                                        "good for 9.0 s; last answer took 3 ms\n"));
    ck_assert_ptr_nonnull(strstr(after, "lease      shelf (authority 7): held, incarnation 9f3c-1; "
                                        "its last write is out for 3 s\n"));
    ck_assert_ptr_nonnull(strstr(after, "peer       102 9f3c-1, heard 0.4 s ago\n"));
    ck_assert_ptr_nonnull(strstr(after, "VM         12 " UUID " allowed, has a process, "
                                        "is to shut down: this host is cut off\n"));
    ck_assert_ptr_nonnull(strstr(after, "VM         13 " UUID " allowed, has a process, "
                                        "is given up: this host is cut off\n"));
}
END_TEST

START_TEST(nobody_at_the_socket_is_an_error)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!hald_show("/nowhere/hald.sock", &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "does not answer at /nowhere/hald.sock");
}
END_TEST

SUITE_MAIN("hald", SUITE_TEST(a_life_comes_back_as_it_was),
           SUITE_LOOP(a_life_that_nobody_wrote_is_refused, bad_lives),
           SUITE_TEST(a_file_is_replaced_at_once_and_ours_alone),
           SUITE_TEST(each_boot_has_its_number),
           SUITE_LOOP(a_vm_is_known_by_its_arguments, processes),
           SUITE_LOOP(only_a_group_that_is_the_vms_alone_is_killed, groups),
           SUITE_TEST(this_very_process_is_no_vm),
           SUITE_LOOP(a_watchdog_has_one_of_three_forms, devices),
           SUITE_TEST(a_socket_is_told_for_how_long), SUITE_TEST(a_device_that_is_none_is_named),
           SUITE_LOOP(a_bad_setting_is_named, bad_settings), SUITE_TEST(the_status_is_readable),
           SUITE_TEST(nobody_at_the_socket_is_an_error))
