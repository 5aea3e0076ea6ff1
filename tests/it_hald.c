/* it_hald.c - vrm-hald beside a real etcd, with stand-ins for QEMU and for the watchdog.
 *
 * Real time: what must happen is waited for with patience, what must not is told by leases that are
 * far longer than any pause of a busy machine. */
#include "config.h"

#include "tests/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "ha/etcd/right_etcd.h"
#include "tests/haldlab.h"

#define UUID    haldlab_uuid(1)
#define UUID2   haldlab_uuid(2)
#define TEXT(s) ((char *)(uintptr_t)(s))
#define WAIT_MS 20000

/* ---- the lease ------------------------------------------------------------------------------- */

START_TEST(the_lease_is_renewed_and_the_setup_outlives_the_program)
{
    struct haldlab lab;
    struct etcdlab_outcome first, later;
    g_autofree char *key = NULL;
    struct ha_inc inc;
    int64_t end_ms;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    key = g_strconcat(lab.prefix, "/ha/lease/101/1", NULL);
    first = etcdlab_read(&lab.etcd, key);
    ck_assert_uint_eq(first.n_kvs, 1);
    end_ms = clock_now_ms() + WAIT_MS;
    later = etcdlab_read(&lab.etcd, key);
    while (strcmp(later.value, first.value) == 0) {
        ck_assert(clock_now_ms() < end_ms);
        etcdlab_outcome_clear(&later);
        etcdlab_run_for(50);
        later = etcdlab_read(&lab.etcd, key);
    }
    inc = haldlab_inc(&lab);
    haldlab_end(&lab, SIGTERM);
    haldlab_read_dog(&lab);
    ck_assert_int_eq(lab.dog_ms, 0); /* nothing was protected: called off */
    haldlab_start(&lab);
    haldlab_wait_held(&lab, inc.n);
    etcdlab_outcome_clear(&first);
    etcdlab_outcome_clear(&later);
    haldlab_close(&lab);
}
END_TEST

START_TEST(two_late_answers_of_etcd_do_no_harm)
{
    struct haldlab lab;
    g_autofree char *path = g_build_filename(g_getenv("VRM_ETCD_DIR"), "pid", NULL);
    g_autofree char *text = NULL;
    struct hald_reply reply;
    GPid guest;
    pid_t etcd;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    guest = haldlab_run_vm(&lab, 12, UUID);
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    etcd = (pid_t)g_ascii_strtoll(text, NULL, 10);
    kill(etcd, SIGSTOP);
    etcdlab_run_for(3500); /* three requests are given up after a second each */
    reply = haldlab_status(&lab);
    ck_assert(!reply.status.etcd_ok);
    hald_reply_clear(&reply);
    kill(etcd, SIGCONT);
    haldlab_wait_held(&lab, 1);
    ck_assert(haldlab_lives(guest));
    reply = haldlab_status(&lab);
    ck_assert_int_eq(reply.status.kills, 0);
    hald_reply_clear(&reply);
    haldlab_kill(guest);
    haldlab_close(&lab);
}
END_TEST

/* ---- starting and stopping ------------------------------------------------------------------- */

START_TEST(a_vm_is_asked_for_started_and_given_back)
{
    struct haldlab lab;
    struct hald_request give_up = { .op = HALD_GIVE_UP, .vm = 12 };
    struct hald_request again = { .op = HALD_ASK, .vm = 12, .uuid = TEXT(UUID) };
    struct ha_vm_right right;
    g_autofree char *token = NULL, *why = g_strconcat("VM 12 has the UUID ", UUID, NULL);
    GPid guest;
    int64_t end_ms = clock_now_ms() + WAIT_MS;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    guest = haldlab_run_vm(&lab, 12, UUID);
    right = haldlab_right(&lab, 12);
    ck_assert(right.claimed && right.n_owners == 1);
    token = haldlab_give(&lab, 12);
    again.right = token;
    haldlab_no(&lab, &again, "it runs or changes already");
    again.uuid = TEXT(UUID2);
    haldlab_no(&lab, &again, why);
    haldlab_no(&lab, &give_up, "is still there");
    haldlab_kill(guest);
    haldlab_yes(&lab, &give_up);
    do {
        right = haldlab_right(&lab, 12);
        ck_assert(clock_now_ms() < end_ms);
    } while (right.n_owners > 0);
    haldlab_yes(&lab, &give_up); /* twice is fine */
    haldlab_close(&lab);
}
END_TEST

START_TEST(what_is_not_ours_is_refused)
{
    struct haldlab lab;
    struct hald_request ask = { .op = HALD_ASK, .vm = 12, .uuid = TEXT(UUID) };
    struct hald_request may_run = { .op = HALD_MAY_RUN, .vm = 12 };
    struct hald_request there = {
        .op = HALD_PROCESS, .vm = 12, .uuid = TEXT(UUID), .exists = true
    };
    g_autofree char *stale = NULL;
    g_autofree char *newer = NULL;
    struct ha_inc inc;
    g_autofree char *inc_text = NULL;
    g_autofree char *other = NULL;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    inc = haldlab_inc(&lab);
    inc_text = right_inc_format(inc);
    haldlab_no(&lab, &may_run, "no right to run it was claimed here");
    haldlab_no(&lab, &there, "no right to run it was claimed here");
    ask.right = TEXT("nonsense");
    haldlab_no(&lab, &ask, "right: ");
    other = g_strdup_printf(
        "5 "
        "{\"gen\":1,\"claimed\":false,\"owners\":[{\"host\":102,\"authority\":1,\"inc\":\"%s\"}]}",
        inc_text);
    ask.right = other;
    haldlab_no(&lab, &ask, "the right is not this host's");
    stale = haldlab_give(&lab, 12);
    newer = haldlab_give(&lab, 12);
    ask.right = stale;
    haldlab_no(&lab, &ask, "the right changed meanwhile");
    ask.right = newer;
    haldlab_yes(&lab, &ask);
    haldlab_close(&lab);
}
END_TEST

/* The next process would not protect it; and records that say less wait as well. */
START_TEST(while_the_life_cannot_be_saved_nothing_starts_and_no_lease_gets_shorter)
{
    struct haldlab lab;
    struct hald_request ask = { .op = HALD_ASK, .vm = 12, .uuid = TEXT(UUID) };
    g_autofree char *in_the_way = NULL, *token = NULL;
    struct ha_setup shorter;
    struct ha_vm_right right;
    int64_t end_ms;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    in_the_way = g_build_filename(lab.dir, "hald.life.new", NULL);
    ck_assert_int_eq(mkdir(in_the_way, 0700), 0);
    token = haldlab_give(&lab, 12);
    ask.right = token;
    haldlab_no(&lab, &ask, "its right to run cannot be saved on this host");
    shorter = haldlab_setup(&lab, &haldlab_short);
    haldlab_set_up(&lab, &shorter);
    etcdlab_run_for(4000); /* several renewals */
    ck_assert_int_eq(haldlab_record(&lab).length_ms, haldlab_long.lease_ms);
    ck_assert_int_eq(rmdir(in_the_way), 0);
    end_ms = clock_now_ms() + WAIT_MS;
    while (haldlab_record(&lab).length_ms != haldlab_short.lease_ms) {
        ck_assert(clock_now_ms() < end_ms);
        etcdlab_run_for(100);
    }
    right = haldlab_right(&lab, 12);
    ck_assert_uint_eq(right.n_owners, 0); /* it was given back */
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_right_of_a_life_that_is_over_is_released)
{
    struct haldlab lab;
    struct hald_request release = { .op = HALD_RELEASE, .vm = 12, .uuid = TEXT(UUID) };
    g_autofree char *token = NULL;
    struct ha_vm_right right;
    GPid guest;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    token = haldlab_give(&lab, 12); /* never asked for here */
    release.right = token;
    guest = haldlab_guest(UUID);
    haldlab_no(&lab, &release, "is still there");
    haldlab_kill(guest);
    haldlab_yes(&lab, &release);
    right = haldlab_right(&lab, 12);
    ck_assert_uint_eq(right.n_owners, 0);
    haldlab_yes(&lab, &release);
    haldlab_close(&lab);
}
END_TEST

/* ---- the end of a right ---------------------------------------------------------------------- */

START_TEST(without_etcd_the_vm_dies_at_the_end_of_the_lease_and_the_host_goes_on)
{
    struct haldlab lab;
    struct etcdlab_outcome tomb;
    g_autofree char *key = NULL;
    struct ha_inc first;
    int64_t stopped_ms;
    GPid guest, again;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_short);
    guest = haldlab_run_vm(&lab, 12, UUID);
    first = haldlab_inc(&lab);
    etcdlab_control("--stop");
    stopped_ms = clock_now_ms();
    ck_assert(haldlab_dies(guest, haldlab_short.lease_ms + WAIT_MS));
    printf("killed %" G_GINT64_FORMAT " ms after etcd, lease %" G_GINT64_FORMAT " ms\n",
           clock_now_ms() - stopped_ms, haldlab_short.lease_ms);
    etcdlab_control("--start");
    haldlab_wait_held(&lab, first.n + 1);
    key = haldlab_fence_key(&lab, first);
    tomb = etcdlab_read(&lab.etcd, key);
    ck_assert_uint_eq(tomb.n_kvs, 1);
    ck_assert_ptr_nonnull(strstr(tomb.value, "its own host ended it"));
    etcdlab_outcome_clear(&tomb);
    again = haldlab_run_vm(&lab, 12, UUID); /* the new life takes it again */
    etcdlab_run_for(1500);
    ck_assert(haldlab_lives(again));
    haldlab_kill(again);
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_tombstone_ends_the_vm_and_begins_another_life)
{
    struct haldlab lab;
    g_autofree char *key = NULL;
    struct ha_inc first;
    GPid guest, other;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    guest = haldlab_run_vm(&lab, 12, UUID);
    other = haldlab_guest(UUID2); /* nobody's: it has no right to lose */
    first = haldlab_inc(&lab);
    key = haldlab_fence_key(&lab, first);
    etcdlab_put(&lab.etcd, key, "{\"proof\":\"power is off\",\"epoch\":7}");
    ck_assert(haldlab_dies(guest, WAIT_MS));
    haldlab_wait_held(&lab, first.n + 1);
    ck_assert(haldlab_lives(other));
    guest = haldlab_guest(UUID); /* one that comes late is killed, too */
    ck_assert(haldlab_dies(guest, WAIT_MS));
    haldlab_kill(other);
    haldlab_close(&lab);
}
END_TEST

/* A migration's target: its process is announced before the source is told. */
START_TEST(a_process_that_was_announced_counts_and_is_killed_when_it_comes_too_late)
{
    struct haldlab lab;
    g_autofree char *token = NULL;
    g_autofree char *key = NULL;
    struct hald_request ask = { .op = HALD_ASK, .vm = 12, .uuid = TEXT(UUID) };
    struct hald_request there = {
        .op = HALD_PROCESS, .vm = 12, .uuid = TEXT(UUID), .exists = true
    };
    struct hald_request may_run = { .op = HALD_MAY_RUN, .vm = 12 };
    struct hald_reply reply;
    struct ha_inc first;
    GPid guest;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    first = haldlab_inc(&lab);
    token = haldlab_give(&lab, 12);
    ask.right = token;
    haldlab_yes(&lab, &ask);
    haldlab_yes(&lab, &there);
    haldlab_end(&lab, SIGKILL);
    haldlab_start(&lab); /* the next one knows it, too */
    etcdlab_run_for(1500);
    reply = haldlab_status(&lab);
    ck_assert_uint_eq(reply.status.n_vms, 1);
    ck_assert(reply.status.vms[0].process);
    hald_reply_clear(&reply);
    key = haldlab_fence_key(&lab, first);
    etcdlab_put(&lab.etcd, key, "{\"proof\":\"power is off\",\"epoch\":7}");
    haldlab_wait_held(&lab, first.n + 1);
    haldlab_no(&lab, &may_run, "no right to run");
    guest = haldlab_guest(UUID);
    ck_assert(haldlab_dies(guest, WAIT_MS));
    haldlab_close(&lab);
}
END_TEST

/* ---- restarts and pauses --------------------------------------------------------------------- */

START_TEST(a_restart_within_the_lease_keeps_the_vm)
{
    static const int signals[] = { SIGKILL, SIGTERM };
    struct haldlab lab;
    struct hald_reply reply;
    struct ha_inc inc;
    GPid guest;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    guest = haldlab_run_vm(&lab, 12, UUID);
    inc = haldlab_inc(&lab);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        haldlab_end(&lab, signals[i]);
        haldlab_read_dog(&lab);
        ck_assert_int_gt(lab.dog_ms, 0); /* it stays armed */
        haldlab_start(&lab);
        haldlab_wait_held(&lab, inc.n);
        etcdlab_run_for(1500);
        reply = haldlab_status(&lab);
        ck_assert(haldlab_lives(guest));
        ck_assert_uint_eq(reply.status.n_vms, 1);
        ck_assert(reply.status.vms[0].process);
        ck_assert_str_eq(reply.status.vms[0].state, "allowed");
        hald_reply_clear(&reply);
    }
    haldlab_kill(guest);
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_restart_after_the_lease_kills_the_vm)
{
    struct haldlab lab;
    struct ha_inc inc;
    GPid guest;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_short);
    guest = haldlab_run_vm(&lab, 12, UUID);
    inc = haldlab_inc(&lab);
    haldlab_end(&lab, SIGKILL);
    etcdlab_run_for(haldlab_short.lease_ms);
    ck_assert(haldlab_lives(guest)); /* nobody is there to do it: that is the watchdog's part */
    haldlab_start(&lab);
    ck_assert(haldlab_dies(guest, WAIT_MS));
    haldlab_wait_held(&lab, inc.n + 1);
    haldlab_close(&lab);
}
END_TEST

START_TEST(one_that_stands_still_lets_the_watchdog_fire_before_the_lease_is_anybody_elses)
{
    struct haldlab lab;
    int64_t stopped_ms;
    GPid guest;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_short);
    guest = haldlab_run_vm(&lab, 12, UUID);
    etcdlab_run_for(1000);
    haldlab_read_dog(&lab);
    ck_assert_int_gt(lab.dog_ms, 0);
    ck_assert_int_le(lab.dog_ms, haldlab_short.lease_ms - haldlab_short.kill_ms);
    haldlab_signal(&lab, SIGSTOP);
    stopped_ms = clock_now_ms();
    etcdlab_run_for(50);
    haldlab_read_dog(&lab);
    etcdlab_run_for(haldlab_short.lease_ms);
    haldlab_read_dog(&lab);
    ck_assert_int_le(lab.petted_ms, stopped_ms + 2000); /* read late at most */
    ck_assert_int_gt(clock_now_ms(), lab.petted_ms + lab.dog_ms);
    haldlab_signal(&lab, SIGCONT); /* had it been a false alarm: it kills what it may not keep */
    ck_assert(haldlab_dies(guest, WAIT_MS));
    haldlab_wait_held(&lab, 2);
    haldlab_close(&lab);
}
END_TEST

/* ---- setups ---------------------------------------------------------------------------------- */

static void refuse_setup(struct haldlab *lab, struct hald_request *request, const char *why)
{
    haldlab_no(lab, request, why);
    ha_setup_clear(&request->setup);
    request->setup = haldlab_setup(lab, &haldlab_long);
    request->setup.epoch = 8;
}

/* Its watchdog fires in `ms` at the latest: from the next petting on. */
static void wait_armed(struct haldlab *lab, int64_t ms)
{
    const int64_t end_ms = clock_now_ms() + WAIT_MS;
    int64_t armed_ms;

    do {
        struct hald_reply reply = haldlab_status(lab);

        armed_ms = reply.status.armed_ms;
        hald_reply_clear(&reply);
        ck_assert(clock_now_ms() < end_ms);
    } while (armed_ms > ms);
}

START_TEST(a_bad_setup_is_refused_by_name_and_the_former_one_stays)
{
    struct haldlab lab;
    struct hald_request request = { .op = HALD_SETUP };
    struct hald_reply reply;
    GPid guest;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    guest = haldlab_run_vm(&lab, 12, UUID);
    request.setup = haldlab_setup(&lab, &haldlab_long);
    request.setup.epoch = 6;
    refuse_setup(&lab, &request, "setup.epoch is 6; want at least 7");
    request.setup.host = 103;
    refuse_setup(&lab, &request, "setup.host is 103");
    g_free(request.setup.beat_to[0]);
    request.setup.beat_to[0] = g_strdup("[fd00::1]:7445");
    refuse_setup(&lab, &request, "setup.beat_to[0] is \"[fd00::1]:7445\"; want an IPv4 address");
    g_free(request.setup.peers[0].address);
    request.setup.peers[0].address = g_strdup("cna2.example");
    refuse_setup(&lab, &request, "setup.peers[0].address is \"cna2.example\"");
    request.setup.lease_ms = 2000;
    refuse_setup(&lab, &request, "setup.lease_ms is 2000; want");
    reply = haldlab_status(&lab);
    ck_assert_int_eq(reply.status.epoch, 7);
    ck_assert_int_eq(reply.status.host, HALDLAB_HOST);
    hald_reply_clear(&reply);
    request.setup.lease_ms = 30000; /* another length is no other life */
    haldlab_yes(&lab, &request);
    haldlab_wait_held(&lab, 1);
    reply = haldlab_status(&lab);
    ck_assert_int_eq(reply.status.epoch, 8);
    ck_assert_int_eq(reply.status.watchdog_ms, 29000);
    hald_reply_clear(&reply);
    wait_armed(&lab, 29000); /* it was 59000 */
    ck_assert(haldlab_lives(guest));
    ha_setup_clear(&request.setup);
    haldlab_kill(guest);
    haldlab_close(&lab);
}
END_TEST

START_TEST(before_the_setup_it_waits_and_says_so)
{
    struct haldlab lab;
    struct hald_request may_run = { .op = HALD_MAY_RUN, .vm = 12 };
    struct hald_reply reply;

    haldlab_open(&lab);
    haldlab_start(&lab);
    haldlab_no(&lab, &may_run, "this host's HA is not set up yet");
    reply = haldlab_status(&lab);
    ck_assert(!reply.status.set_up);
    ck_assert_str_eq(reply.status.address, "127.0.0.1");
    hald_reply_clear(&reply);
    haldlab_read_dog(&lab);
    ck_assert_int_eq(lab.petted_ms, 0);
    haldlab_close(&lab);
}
END_TEST

/* ---- the socket ------------------------------------------------------------------------------ */

static int dial(const struct haldlab *lab)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/hald.sock", lab->dir);
    ck_assert(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* All it says until it hangs up. */
static char *talk(const struct haldlab *lab, const char *text, size_t len)
{
    const int fd = dial(lab);
    GString *said = g_string_new(NULL);
    char buffer[1024];
    ssize_t n;
    size_t sent = 0;

    while (sent < len && (n = send(fd, text + sent, len - sent, MSG_NOSIGNAL)) > 0)
        sent += (size_t)n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        g_string_append_len(said, buffer, n);
    close(fd);
    return g_string_free(said, FALSE);
}

static const struct {
    const char *line, *says;
} garbage[] = {
    { "hello\n", "not JSON" },
    { "{}\n", "v is missing" },
    { "\n", "not JSON" },
    { "[1,2]\n{\"v\":4,\"op\":\"status\",\"id\":1}\n", "want an object" },
    { "{\"v\":4,\"op\":\"status\"}\n", "id is missing" },
    { "\xff\xfe\n", "not JSON" },
};

START_TEST(garbage_is_answered_and_hung_up_on)
{
    struct haldlab lab;
    struct hald_reply reply;
    g_autofree char *said = NULL;

    haldlab_open(&lab);
    haldlab_start(&lab);
    said = talk(&lab, garbage[_i].line, strlen(garbage[_i].line));
    ck_assert_msg(strstr(said, garbage[_i].says) != NULL, "%s", said);
    ck_assert_msg(strstr(said, "\"ok\":false") != NULL && strstr(said, "\"ok\":true") == NULL, "%s",
                  said);
    reply = haldlab_status(&lab);
    hald_reply_clear(&reply);
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_line_without_end_and_too_many_clients_are_cut_off)
{
    struct haldlab lab;
    const size_t len = (size_t)3 * HALD_MAX_LINE;
    g_autofree char *endless = g_strnfill(len, 'x');
    g_autofree char *said = NULL;
    int clients[40];
    struct hald_reply reply;

    haldlab_open(&lab);
    haldlab_start(&lab);
    said = talk(&lab, endless, len);
    ck_assert(!*said || strstr(said, "too long") != NULL); /* cut off while it still speaks */
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
        clients[i] = dial(&lab);
    reply = haldlab_status(&lab); /* those who were there first are served */
    hald_reply_clear(&reply);
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
        close(clients[i]);
    etcdlab_run_for(200);
    close(dial(&lab));
    reply = haldlab_status(&lab);
    hald_reply_clear(&reply);
    haldlab_close(&lab);
}
END_TEST

START_TEST(a_second_one_does_not_run_beside_it)
{
    struct haldlab lab;
    const char *builddir = g_getenv("builddir");
    g_autofree char *program = g_build_filename(builddir ? builddir : ".", "vrm-hald", NULL);
    char *argv[] = { program, TEXT("--config"), NULL, NULL };
    g_autofree char *said = NULL;
    int status = 0;

    haldlab_open(&lab);
    haldlab_start(&lab);
    argv[2] = lab.conf;
    ck_assert(
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &said, &status, NULL));
    ck_assert(!g_spawn_check_wait_status(status, NULL));
    ck_assert_msg(strstr(said, "hald.life.lock") != NULL ||
                      strstr(said, "Address already in use") != NULL,
                  "%s", said);
    haldlab_close(&lab);
}
END_TEST

/* ---- beats ----------------------------------------------------------------------------------- */

static bool read_beat(const struct haldlab *lab, struct beat *ret_beat)
{
    uint8_t key[BEAT_KEY_SIZE], packet[BEAT_MAX_SIZE + 1];
    ssize_t n;

    ck_assert(
        beat_key_parse("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", key));
    n = recv(lab->beats, packet, sizeof packet, MSG_DONTWAIT);
    if (n < 0)
        return false;
    ck_assert(beat_decode(packet, (size_t)n, key, ret_beat));
    return true;
}

static void wait_beat(const struct haldlab *lab, struct beat *ret_beat)
{
    const int64_t end_ms = clock_now_ms() + WAIT_MS;

    while (!read_beat(lab, ret_beat)) {
        ck_assert_msg(clock_now_ms() < end_ms, "no beat");
        etcdlab_run_for(20);
    }
}

static void beat_as(const struct haldlab *lab, int64_t host, uint64_t seq)
{
    const struct beat beat = { .host = host, .inc = { 99, 3 }, .seq = seq };
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(lab->port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    uint8_t key[BEAT_KEY_SIZE], packet[BEAT_MAX_SIZE];
    size_t size;

    ck_assert(
        beat_key_parse("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", key));
    size = beat_encode(&beat, key, packet);
    ck_assert(sendto(lab->beats, packet, size, 0, (const struct sockaddr *)&to, sizeof to) ==
              (ssize_t)size);
    packet[size - 1] ^= 1; /* and one that somebody forged */
    sendto(lab->beats, packet, size, 0, (const struct sockaddr *)&to, sizeof to);
}

START_TEST(it_beats_and_tells_which_peers_it_heard)
{
    struct haldlab lab;
    struct beat beat, next;
    struct ha_inc inc;
    int64_t end_ms;

    haldlab_open(&lab);
    haldlab_begin(&lab, &haldlab_long);
    inc = haldlab_inc(&lab);
    wait_beat(&lab, &beat);
    ck_assert_int_eq(beat.host, HALDLAB_HOST);
    ck_assert(beat.inc.boot == inc.boot && beat.inc.n == inc.n);
    wait_beat(&lab, &next);
    ck_assert(beat_follows(&beat, &next));
    beat_as(&lab, HALDLAB_HOST + 1, 5);
    beat_as(&lab, HALDLAB_HOST + 9, 5); /* no host of this site */
    end_ms = clock_now_ms() + WAIT_MS;
    do {
        ck_assert(clock_now_ms() < end_ms);
        wait_beat(&lab, &next);
    } while (next.n_peers == 0);
    ck_assert_uint_eq(next.n_peers, 1);
    ck_assert_int_eq(next.peers[0].host, HALDLAB_HOST + 1);
    ck_assert_uint_eq(next.peers[0].inc.n, 3);
    do { /* it falls silent */
        ck_assert(clock_now_ms() < end_ms);
        wait_beat(&lab, &next);
    } while (next.n_peers > 0);
    haldlab_end(&lab, SIGKILL); /* and the next one's beats follow those of the former */
    haldlab_start(&lab);
    while (read_beat(&lab, &beat))
        next = beat;
    wait_beat(&lab, &beat);
    ck_assert(beat_follows(&next, &beat));
    haldlab_close(&lab);
}
END_TEST

int main(int argc, char **argv)
{
    const struct suite_test tests[] = {
        SUITE_TEST(the_lease_is_renewed_and_the_setup_outlives_the_program),
        SUITE_TEST(two_late_answers_of_etcd_do_no_harm),
        SUITE_TEST(a_vm_is_asked_for_started_and_given_back),
        SUITE_TEST(what_is_not_ours_is_refused),
        SUITE_TEST(while_the_life_cannot_be_saved_nothing_starts_and_no_lease_gets_shorter),
        SUITE_TEST(a_right_of_a_life_that_is_over_is_released),
        SUITE_TEST(without_etcd_the_vm_dies_at_the_end_of_the_lease_and_the_host_goes_on),
        SUITE_TEST(a_tombstone_ends_the_vm_and_begins_another_life),
        SUITE_TEST(a_process_that_was_announced_counts_and_is_killed_when_it_comes_too_late),
        SUITE_TEST(a_restart_within_the_lease_keeps_the_vm),
        SUITE_TEST(a_restart_after_the_lease_kills_the_vm),
        SUITE_TEST(one_that_stands_still_lets_the_watchdog_fire_before_the_lease_is_anybody_elses),
        SUITE_TEST(a_bad_setup_is_refused_by_name_and_the_former_one_stays),
        SUITE_TEST(before_the_setup_it_waits_and_says_so),
        SUITE_LOOP(garbage_is_answered_and_hung_up_on, garbage),
        SUITE_TEST(a_line_without_end_and_too_many_clients_are_cut_off),
        SUITE_TEST(a_second_one_does_not_run_beside_it),
        SUITE_TEST(it_beats_and_tells_which_peers_it_heard),
    };

    if (haldlab_is_guest(argc, argv))
        return EXIT_SUCCESS;
    return suite_run("it_hald", tests, G_N_ELEMENTS(tests));
}
