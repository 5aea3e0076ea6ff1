/* hald.c - see hald.h: life and clock. */
#include "config.h"

#include "agent/hald_private.h"

#include <inttypes.h>

#include "base/clock.h"
#include "ha/etcd/right_etcd.h"

#define TICK_MS      200
#define SCAN_MS      1000 /* a process that is awaited is found after it */
#define IDLE_SCAN_MS 5000
#define LATE_MS      1000
#define WARN_MS      60000
#define N_QUEUED     64

void hald_answer(Hald *hald, uint64_t conn, int64_t id, const char *why)
{
    struct hald_reply reply = { .id = id, .ok = !why, .why = g_strdup(why) };

    hald->reply(conn, &reply, hald->user);
    g_free(reply.why);
}

void hald_settle(Hald *hald, struct asker *asker, const char *why)
{
    const struct asker who = *asker;

    *asker = (struct asker){ 0 };
    if (who.conn != 0)
        hald_answer(hald, who.conn, who.id, why);
}

/* ---- what the keeper says -------------------------------------------------------------------- */

/* The keeper is left with what is true: a petting that failed, or would come too late, armed
 * nothing for longer or shorter. */
static void pet(Hald *hald)
{
    const int64_t now_ms = clock_now_ms(), until_ms = now_ms + hald->keeper.watchdog_ms;
    const bool late = until_ms > keeper_deadline(&hald->keeper);
    g_autoptr(GError) error = NULL;

    if (!late && hald_dog_arm(hald->dog, hald->keeper.watchdog_ms, &error)) {
        hald->petted_until_ms = until_ms;
        hald->dog_failed = false;
    } else if (!late) {
        if (!hald->dog_failed)
            log_error("the watchdog cannot be petted", "ERROR", error->message, NULL);
        hald->dog_failed = true;
        hald->petted_until_ms = MAX(hald->petted_until_ms, now_ms + hald_dog_length_ms(hald->dog));
    }
    hald->keeper.armed_until_ms = hald->petted_until_ms;
}

static void do_action(Hald *hald, const struct keeper_action *action)
{
    switch (action->act) {
    case KEEPER_RENEW:
    case KEEPER_CLAIM:
    case KEEPER_RELEASE:
        hald_send(hald, action);
        break;
    case KEEPER_ALLOW:
        hald_decided(hald, action->vm, NULL);
        break;
    case KEEPER_REFUSE:
        hald_decided(hald, action->vm, action->why);
        break;
    case KEEPER_KILL:
        hald_kill_authority(hald, action->authority, action->why);
        break;
    case KEEPER_PET:
        pet(hald);
        break;
    case KEEPER_N_ACTS:
        g_assert_not_reached();
    }
}

static void note_lease(Hald *hald)
{
    const struct lease_fsm *lease = keeper_lease(&hald->keeper, HA_ETCD);
    g_autofree char *inc = right_inc_format(lease->self.inc);

    if (lease->state == hald->noted_state && ha_inc_equal(lease->self.inc, hald->noted_inc))
        return;
    hald->noted_state = lease->state;
    hald->noted_inc = lease->self.inc;
    (lease->state == LEASE_LAPSED ? log_error : log_info)(
        "the lease in etcd changes", "STATE", lease_state_name(lease->state), "INC", inc, NULL);
}

/* ---- what the next process must know first --------------------------------------------------- */

/* Does this renewal end its lease earlier than what it renews? */
static bool is_shorter(const Hald *hald, const struct keeper_action *action)
{
    const struct lease_fsm *lease = keeper_lease(&hald->keeper, action->authority);

    return lease->state == LEASE_HELD && lease->end_ms == lease->sent_ms + lease->told_ms;
}

static void not_renewed(Hald *hald, const struct keeper_action *action)
{
    const struct lease_input input = { .event = LSE_UNKNOWN,
                                       .now_ms = clock_now_ms(),
                                       .request = action->request };
    struct keeper_actions actions = { 0 };

    keeper_renewed(&hald->keeper, action->authority, &input, &actions);
    hald_act(hald, &actions);
}

static void not_allowed(Hald *hald, int64_t vm)
{
    struct keeper_actions actions = { 0 };

    hald_decided(hald, vm, "its right to run cannot be saved on this host");
    keeper_give_up(&hald->keeper, vm, clock_now_ms(), &actions);
    hald_act(hald, &actions);
}

/* The life could not be saved.  A next process that does not know of a VM would not protect it, and
 * one that does not know of a shorter record would let VMs run past its end. */
static void do_unsaved(Hald *hald, const struct keeper_action *action)
{
    hald->shorter_unsaved |= action->act == KEEPER_RENEW && is_shorter(hald, action);
    if (action->act == KEEPER_ALLOW)
        not_allowed(hald, action->vm);
    else if (action->act == KEEPER_RENEW && hald->shorter_unsaved)
        not_renewed(hald, action);
    else
        do_action(hald, action);
}

void hald_act(Hald *hald, struct keeper_actions *actions)
{
    const bool saved = hald_save(hald);

    for (size_t i = 0; i < actions->len; i++)
        (saved ? do_action : do_unsaved)(hald, &actions->items[i]);
    keeper_actions_clear(actions);
    note_lease(hald);
    hald_stores_note(hald, clock_now_ms());
    hald_tidy(hald, clock_now_ms());
    hald_save(hald);
}

/* ---- the clock ------------------------------------------------------------------------------- */

static bool lapsed(const Hald *hald)
{
    for (unsigned i = 0; i < hald->keeper.n_leases; i++)
        if (hald->keeper.leases[i].state == LEASE_LAPSED)
            return true;
    return false;
}

static void note_late(Hald *hald, int64_t now_ms)
{
    const int64_t late = now_ms - hald->ticked_ms - TICK_MS;
    g_autofree char *text = g_strdup_printf("%" PRId64, late);
    unsigned left_out;

    if (hald->ticked_ms != 0 && late > LATE_MS &&
        log_limit_pass(&hald->late, now_ms, WARN_MS, &left_out))
        log_warning("this machine let vrm-hald wait", "MS", text, NULL);
    hald->ticked_ms = now_ms;
}

/* The last beat of any peer. */
static void hear_peers(Hald *hald, int64_t now_ms)
{
    struct beat last;
    int64_t age_ms;

    for (unsigned i = 0; hald_beat_heard(hald->beats, i, &last, &age_ms); i++)
        keeper_hear(&hald->keeper, now_ms - age_ms);
}

static void note_isolation(Hald *hald)
{
    static const char *const texts[] = {
        [ISOLATION_NOTHING] = "this host is cut off no more, or has nothing left to give up",
        [ISOLATION_ASK] = "cut off from all others: the guests of shared datastores are shut down",
        [ISOLATION_END] = "cut off from all others: the VMs of shared datastores are ended",
    };

    if (hald->keeper.step == hald->noted_step)
        return;
    hald->noted_step = hald->keeper.step;
    if (hald->noted_step == ISOLATION_NOTHING)
        log_info(texts[hald->noted_step], NULL);
    else
        log_error(texts[hald->noted_step], NULL);
}

static gboolean on_tick(gpointer user)
{
    Hald *hald = user;
    const int64_t now_ms = clock_now_ms();
    struct keeper_actions actions = { 0 };
    bool thorough;

    note_late(hald, now_ms);
    if (!hald->set_up)
        return G_SOURCE_CONTINUE;
    thorough = lapsed(hald) || now_ms >= hald->next_scan_ms;
    if (thorough)
        hald->next_scan_ms = now_ms + (hald_awaits_process(hald) ? SCAN_MS : IDLE_SCAN_MS);
    hald_sweep(hald, thorough && hald->held->len > 0);
    hear_peers(hald, now_ms);
    keeper_tick(&hald->keeper, clock_now_ms(), &actions);
    hald_act(hald, &actions);
    note_isolation(hald);
    hald_stores_match(hald);
    hald_slots_tidy(hald, clock_now_ms());
    return G_SOURCE_CONTINUE;
}

/* ---- requests -------------------------------------------------------------------------------- */

void hald_request(Hald *hald, uint64_t conn, const struct hald_request *request)
{
    if (request->op == HALD_STATUS && request->watched)
        keeper_hear(&hald->keeper, clock_now_ms());
    if (request->op == HALD_STATUS)
        hald_tell_status(hald, conn, request->id);
    else if (request->op == HALD_SETUP)
        hald_setup_request(hald, conn, request);
    else if (request->op == HALD_SLOTS)
        hald_slots_request(hald, conn, request);
    else if (!hald->set_up)
        hald_answer(hald, conn, request->id, "this host's HA is not set up yet");
    else
        hald_vm_request(hald, conn, request);
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct beat_inc inc_now(void *user)
{
    const Hald *hald = user;
    const struct lease_fsm *lease = keeper_lease(&hald->keeper, HA_ETCD);

    return (struct beat_inc){ lease->self.inc.boot, lease->self.inc.n };
}

static void held_free(void *data)
{
    struct held *held = data;

    hald_forget_pids(held);
    g_free(held);
}

static Hald *make(const struct hald_options *options)
{
    const struct work_pool_options disk = { .name = "disk",
                                            .n_threads = 1,
                                            .max_queued = N_QUEUED };
    Hald *hald = g_new0(Hald, 1);

    hald->conf = options->conf;
    hald->reply = options->reply;
    hald->user = options->user;
    hald->boot = life_boot(options->boot_id);
    hald->started_ms = clock_now_ms();
    hald->dog = hald_dog_new(options->conf->device);
    hald->procs = hald_procs_new();
    hald->disk = work_pool_new(&disk);
    hald->setup_path = g_build_filename(options->conf->state_dir, "setup.json", NULL);
    hald->calls = g_hash_table_new(NULL, NULL);
    hald->held = g_ptr_array_new_with_free_func(held_free);
    hald->stores = hald_stores_new();
    hald->n_hanging = g_rc_box_new0(unsigned);
    hald->reading = g_ptr_array_new();
    hald_make_http(hald);
    return hald;
}

Hald *hald_new(const struct hald_options *options, GError **error)
{
    Hald *hald = make(options);

    hald->beats =
        hald_beat_new(options->conf->address, (uint16_t)options->conf->port, inc_now, hald, error);
    if (!hald->beats || !hald_load_setup(hald, error)) {
        hald_free(hald);
        return NULL;
    }
    hald->tick = g_timeout_add(TICK_MS, on_tick, hald);
    return hald;
}

void hald_set_favours(Hald *hald, bool locked, bool real_time)
{
    hald->locked = locked;
    hald->real_time = real_time;
}

void hald_reload(Hald *hald)
{
    hald_make_http(hald);
}

static bool runs_by_a_right(const Hald *hald)
{
    for (size_t i = 0; i < hald->keeper.vms.len; i++)
        if (hald->keeper.vms.items[i].has_process &&
            hald->keeper.vms.items[i].authority != HA_LOCAL)
            return true;
    return false;
}

static void say_what_is_left(const Hald *hald)
{
    const int64_t now_ms = clock_now_ms();
    const int64_t until_ms = keeper_deadline(&hald->keeper) - hald->setup.kill_ms;
    g_autofree char *lease_ms = g_strdup_printf("%" PRId64, MAX(until_ms - now_ms, 0));
    g_autofree char *armed_ms =
        g_strdup_printf("%" PRId64, MAX(hald->keeper.armed_until_ms - now_ms, 0));

    log_warning("VMs run here by rights: another vrm-hald must be up before the watchdog fires",
                "LEASE_MS", lease_ms, "WATCHDOG", hald_dog_device(hald->dog), "WATCHDOG_MS",
                armed_ms, NULL);
}

void hald_stop(Hald *hald)
{
    if (!hald->set_up)
        return;
    hald_sweep(hald, true);
    hald_save(hald);
    if (runs_by_a_right(hald))
        say_what_is_left(hald);
    else
        hald_dog_disarm(hald->dog);
}

bool hald_is_idle(const Hald *hald)
{
    return work_pool_depth(hald->disk) == 0;
}

void hald_free(Hald *hald)
{
    if (!hald)
        return;
    if (hald->tick != 0)
        g_source_remove(hald->tick);
    work_pool_free(hald->disk);
    g_ptr_array_unref(hald->stores);
    g_rc_box_release(hald->n_hanging);
    hald_slots_drop(hald);
    hald_beat_free(hald->beats);
    hald_cancel_calls(hald);
    g_hash_table_unref(hald->calls);
    etcd_free(hald->etcd);
    http_client_free(hald->http);
    hald_procs_free(hald->procs);
    hald_dog_free(hald->dog);
    if (hald->set_up)
        ha_setup_clear(&hald->setup);
    keeper_clear(&hald->keeper);
    g_ptr_array_unref(hald->held);
    g_free(hald->setup_path);
    g_free(hald->setup_text);
    g_free(hald);
}
