/* hald_setup.c - see hald_private.h: what the controller says once and vrm-hald keeps. */
#include "config.h"

#include "agent/hald_private.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

#define MIN_REPLY_MS 200
#define MAX_REPLY_MS 1000

/* A setup on its way to disk. */
struct storing {
    Hald *hald;
    struct ha_setup setup;
    char *text;
    uint64_t conn;
    int64_t id;
    GError *error;
};

/* ---- times ----------------------------------------------------------------------------------- */

/* How late an answer may come and still be of use. */
static int64_t patience_ms(const struct ha_setup *setup)
{
    return MAX(setup->renew_ms, setup->kill_ms);
}

int64_t hald_watchdog_ms(const struct ha_setup *setup)
{
    return setup->lease_ms - patience_ms(setup);
}

int64_t hald_reply_ms(const struct ha_setup *setup)
{
    const int64_t spare = setup->lease_ms - setup->renew_ms - setup->kill_ms - patience_ms(setup);

    return CLAMP(MIN(spare / 2, patience_ms(setup)), MIN_REPLY_MS, MAX_REPLY_MS);
}

static struct lease_times etcd_times(const struct ha_setup *setup)
{
    return (struct lease_times){ .length_ms = setup->lease_ms,
                                 .renew_ms = setup->renew_ms,
                                 .kill_ms = setup->kill_ms };
}

/* Where nobody else could take them over, VMs are left. */
static enum ha_isolation response_of(const struct ha_setup *setup)
{
    if (setup->isolation_ms == 0 || setup->n_peers == 0)
        return ISOLATION_LEAVE;
    return setup->shutdown_ms > 0 ? ISOLATION_SHUTDOWN : ISOLATION_POISON;
}

static void set_isolation(Hald *hald)
{
    const struct isolation_policy policy = { .response = response_of(&hald->setup),
                                             .after_ms = hald->setup.isolation_ms,
                                             .shutdown_ms = hald->setup.shutdown_ms };

    keeper_set_isolation(&hald->keeper, &policy);
}

/* ---- in force -------------------------------------------------------------------------------- */

void hald_make_http(Hald *hald)
{
    const struct hald_conf *conf = hald->conf;
    const struct http_tls tls = {
        .ca_file = *conf->ca_file ? conf->ca_file : NULL,
        .cert_file = *conf->cert_file ? conf->cert_file : NULL,
        .key_file = *conf->key_file ? conf->key_file : NULL,
    };

    if (hald->http)
        http_client_set_tls(hald->http, &tls);
    else
        hald->http = http_client_new(&tls);
}

/* As it is stored; free with g_free. */
static char *describe(const struct ha_setup *setup)
{
    g_autoptr(json_t) json = ha_setup_encode(setup);

    return json_format(json);
}

static void take_setup(Hald *hald, const struct ha_setup *setup)
{
    if (hald->set_up)
        ha_setup_clear(&hald->setup);
    hald->setup = *setup;
    hald->set_up = true;
}

/* A life that nothing was left to, as incarnation `n` of this boot. */
static void begin_life(Hald *hald, uint32_t n)
{
    const struct lease_times times = etcd_times(&hald->setup);
    const struct ha_owner self = { hald->setup.host, HA_ETCD, { hald->boot, n } };

    hald_stores_clear(hald);
    keeper_clear(&hald->keeper);
    keeper_init(&hald->keeper, hald->setup.host, hald_watchdog_ms(&hald->setup));
    set_isolation(hald);
    keeper_add_lease(&hald->keeper, &times, &self);
    hald_stores_match(hald);
}

static void adopt(Hald *hald, const struct life_vm *vm)
{
    struct held *held = hald_add(hald, &vm->seen, vm->authority, vm->uuid);
    struct keeper_actions actions = { 0 };

    held->told = vm->told;
    held->unseen = vm->unseen;
    held->banned = vm->banned;
    if (!vm->held)
        return;
    keeper_adopt(&hald->keeper, &vm->seen, vm->authority);
    if (!vm->releasing)
        return;
    keeper_see_process(&hald->keeper, vm->seen.vm, false);
    keeper_give_up(&hald->keeper, vm->seen.vm, clock_now_ms(), &actions);
    for (size_t i = 0; i < actions.len; i++)
        hald_send(hald, &actions.items[i]);
    keeper_actions_clear(&actions);
}

/* The first one is etcd's; NULL: there is none. */
static const struct life_lease *lease_in_etcd(const struct life *life)
{
    for (size_t i = 0; i < life->leases.len; i++)
        if (life->leases.items[i].authority == HA_ETCD)
            return &life->leases.items[i];
    return NULL;
}

/* No clock of this boot says more than the longest lease from now. */
static void resume_lease(Hald *hald, const struct life_lease *lease)
{
    const struct lease_times times = etcd_times(&hald->setup);
    const int64_t most_ms = clock_now_ms() + HA_LONGEST_LEASE_MS;
    const struct ha_owner self = { hald->setup.host, HA_ETCD, lease->inc };

    if (lease->authority == HA_ETCD)
        keeper_resume_lease(&hald->keeper, &times, &self, MIN(lease->end_ms, most_ms));
    else
        hald_store_resume(hald, lease);
}

static void resume_life(Hald *hald, const struct life *life)
{
    keeper_clear(&hald->keeper);
    keeper_init(&hald->keeper, hald->setup.host, hald_watchdog_ms(&hald->setup));
    set_isolation(hald);
    for (size_t i = 0; i < life->leases.len; i++)
        resume_lease(hald, &life->leases.items[i]);
    hald_stores_set_times(hald);
    hald->keeper.armed_until_ms = hald->petted_until_ms = life->armed_until_ms;
    hald_use_etcd(hald);
    for (size_t i = 0; i < life->vms.len; i++)
        adopt(hald, &life->vms.items[i]);
    hald_sweep(hald, true);
    hald_stores_match(hald);
}

static bool is_life_of(const struct life *life, const struct ha_setup *setup)
{
    return life->host == setup->host && g_str_equal(life->prefix, setup->prefix) &&
           life->leases.len <= KEEPER_MAX_LEASES && lease_in_etcd(life);
}

/* A lease that ran out with nothing under it is no news. */
static bool goes_on(const struct life *life)
{
    bool runs = life->vms.len > 0;

    for (size_t i = 0; i < life->leases.len; i++)
        runs = runs || life->leases.items[i].end_ms > clock_now_ms();
    return runs;
}

/* The next incarnation of etcd's lease. */
static uint32_t next_n_in_etcd(const struct life *life, bool found)
{
    const struct life_lease *lease = found ? lease_in_etcd(life) : NULL;

    return lease ? lease->inc.n + 1 : 1;
}

static bool start_with(Hald *hald, const struct life *life, bool found, GError **error)
{
    g_autofree char *n_vms = g_strdup_printf("%zu", found ? life->vms.len : 0);

    if (found && life->vms.len > 0 && !is_life_of(life, &hald->setup)) {
        err_set(error, VRM_ERR_CONFLICT,
                "%s is of host %" PRId64 " below %s with VMs under it, %s of host %" PRId64
                " below %s",
                hald->conf->life_file, life->host, life->prefix, hald->setup_path, hald->setup.host,
                hald->setup.prefix);
        return false;
    }
    if (found && is_life_of(life, &hald->setup) && goes_on(life)) {
        resume_life(hald, life);
        log_info("goes on where the former vrm-hald ended", "VMS", n_vms, NULL);
    } else {
        begin_life(hald, next_n_in_etcd(life, found));
        hald_use_etcd(hald);
    }
    hald_beat_set(hald->beats, &hald->setup);
    hald_save(hald);
    return true;
}

/* What is on file can be read, or there is nothing to lose by waiting for another. */
static bool read_setup(Hald *hald, bool must, bool *ret_there, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    struct ha_setup setup;

    *ret_there = life_load_setup(hald->setup_path, &setup, &trouble);
    if (*ret_there && !(hald_beat_check(hald->beats, &setup, &trouble) &&
                        hald_stores_check(hald, &setup, &trouble))) {
        ha_setup_clear(&setup);
        *ret_there = false;
    }
    if (*ret_there) {
        take_setup(hald, &setup);
        hald->setup_text = describe(&setup);
        return true;
    }
    if (must) {
        g_propagate_error(error, g_steal_pointer(&trouble));
        return false;
    }
    if (!err_is(trouble, VRM_ERR_NOT_FOUND))
        log_error("the setup on file is no good; waits for another", "ERROR", trouble->message,
                  NULL);
    return true;
}

bool hald_load_setup(Hald *hald, GError **error)
{
    struct life life = { 0 };
    bool found, there = false, ok;

    if (!hald_restore(hald, &life, &found, error))
        return false;
    ok = read_setup(hald, found && life.vms.len > 0, &there, error);
    if (ok && there)
        ok = start_with(hald, &life, found, error);
    if (found)
        life_clear(&life);
    return ok;
}

/* ---- a new one ------------------------------------------------------------------------------- */

/* Rights are of one host below one prefix: while there are any, these stay. */
static bool check_change(const Hald *hald, const struct ha_setup *setup, GError **error)
{
    const bool other =
        setup->host != hald->setup.host || !g_str_equal(setup->prefix, hald->setup.prefix);

    if (setup->epoch < hald->setup.epoch) {
        err_set_reason(error, VRM_ERR_DENIED, 0, "epoch",
                       "setup.epoch is %" PRId64 "; want at least %" PRId64
                       ", which this host has seen",
                       setup->epoch, hald->setup.epoch);
        return false;
    }
    if (!other || hald->keeper.vms.len == 0)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, 0, "host",
                   "setup.host is %" PRId64 " and setup.prefix is \"%s\"; want %" PRId64
                   " and \"%s\" while VM %" PRId64 " and others have a right to run by them",
                   setup->host, setup->prefix, hald->setup.host, hald->setup.prefix,
                   hald->keeper.vms.items[0].seen.vm);
    return false;
}

static bool check(const Hald *hald, const struct ha_setup *setup, GError **error)
{
    if (!hald_beat_check(hald->beats, setup, error)) {
        g_prefix_error(error, "setup.");
        return false;
    }
    return hald_stores_check(hald, setup, error) &&
           (!hald->set_up || check_change(hald, setup, error));
}

static void change(Hald *hald, struct ha_setup *setup)
{
    const struct lease_fsm *lease = keeper_lease(&hald->keeper, HA_ETCD);
    const struct lease_times times = etcd_times(setup);
    const bool first = !hald->set_up;
    const bool other = !first && (setup->host != hald->setup.host ||
                                  !g_str_equal(setup->prefix, hald->setup.prefix));
    const bool moved =
        first || other ||
        !g_strv_equal((const char *const *)setup->etcd, (const char *const *)hald->setup.etcd) ||
        hald_reply_ms(setup) != hald_reply_ms(&hald->setup);
    const uint32_t n = lease ? lease->self.inc.n + 1 : 1;

    take_setup(hald, setup);
    if (first || other) {
        begin_life(hald, n);
    } else {
        keeper_set_times(&hald->keeper, HA_ETCD, &times, hald_watchdog_ms(setup));
        hald_stores_set_times(hald);
        set_isolation(hald);
        hald_stores_match(hald);
    }
    if (moved)
        hald_use_etcd(hald);
    hald_beat_set(hald->beats, &hald->setup);
    hald_save(hald);
}

static bool copy(const struct ha_setup *setup, struct ha_setup *ret_copy)
{
    g_autoptr(json_t) json = ha_setup_encode(setup);

    return ha_setup_decode(json, ret_copy, NULL);
}

static void storing_free(struct storing *storing)
{
    g_clear_error(&storing->error);
    g_free(storing->text);
    g_free(storing);
}

static void store(void *state, void *data)
{
    struct storing *storing = data;

    (void)state;
    life_write(storing->hald->setup_path, storing->text, true, &storing->error);
}

static void log_setup(const Hald *hald)
{
    g_autofree char *host = g_strdup_printf("%" PRId64, hald->setup.host);
    g_autofree char *epoch = g_strdup_printf("%" PRId64, hald->setup.epoch);
    g_autofree char *lease = g_strdup_printf("%" PRId64, hald->setup.lease_ms);
    g_autofree char *etcd = g_strjoinv(",", hald->setup.etcd);

    log_info("set up by the controller", "HOST", host, "EPOCH", epoch, "LEASE_MS", lease, "ETCD",
             etcd, NULL);
}

/* In the order in which they were asked for. */
static void stored(void *data, bool ran)
{
    struct storing *storing = data;
    Hald *hald = storing->hald;

    if (ran && !storing->error && check(hald, &storing->setup, &storing->error)) {
        change(hald, &storing->setup);
        g_free(hald->setup_text);
        hald->setup_text = g_steal_pointer(&storing->text);
        log_setup(hald);
    } else {
        ha_setup_clear(&storing->setup);
    }
    if (ran)
        hald_answer(hald, storing->conn, storing->id,
                    storing->error ? storing->error->message : NULL);
    storing_free(storing);
}

void hald_setup_request(Hald *hald, uint64_t conn, const struct hald_request *request)
{
    g_autoptr(GError) error = NULL;
    struct storing *storing;

    if (!check(hald, &request->setup, &error)) {
        hald_answer(hald, conn, request->id, error->message);
        return;
    }
    storing = g_new0(struct storing, 1);
    storing->hald = hald;
    storing->conn = conn;
    storing->id = request->id;
    storing->text = describe(&request->setup);
    if (g_strcmp0(storing->text, hald->setup_text) == 0) {
        hald_answer(hald, conn, request->id, NULL);
        storing_free(storing);
    } else if (!copy(&request->setup, &storing->setup)) { /* the request was checked */
        hald_answer(hald, conn, request->id, "the setup cannot be read again");
        storing_free(storing);
    } else if (!work_pool_submit(hald->disk, "setup", store, stored, storing)) {
        hald_answer(hald, conn, request->id, "too many setups at once");
        ha_setup_clear(&storing->setup);
        storing_free(storing);
    }
}
