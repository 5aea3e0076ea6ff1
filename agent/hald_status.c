/* hald_status.c - see hald_private.h. */
#include "config.h"

#include "agent/hald_private.h"

#include "base/clock.h"
#include "ha/etcd/right_etcd.h"

static const char *vm_state(const Hald *hald, const struct held *held)
{
    static const char *const names[] = { [KEEPER_VM_CLAIMING] = "claiming",
                                         [KEEPER_VM_ALLOWED] = "allowed",
                                         [KEEPER_VM_RELEASING] = "releasing" };
    const struct keeper_vm *known = keeper_find(&hald->keeper, held->seen.vm);

    return known ? names[known->state] : "banned";
}

static void add_leases(const Hald *hald, int64_t now_ms, struct hald_status *status)
{
    status->leases = g_new0(struct hald_lease, KEEPER_MAX_LEASES);
    for (unsigned i = 0; i < hald->keeper.n_leases; i++) {
        const struct lease_fsm *lease = &hald->keeper.leases[i];
        const struct store *store = hald_store_find(hald, lease->self.authority);
        char *why = store ? hald_store_why(store, now_ms) : NULL;

        status->leases[status->n_leases++] = (struct hald_lease){
            .authority = lease->self.authority,
            .name = g_strdup(store ? store->name : "etcd"),
            .state = g_strdup(lease_state_name(lease->state)),
            .inc = right_inc_format(lease->self.inc),
            .left_ms = lease_fsm_holds(lease, now_ms) ? lease->until_ms - now_ms : 0,
            .seq = lease->seq,
            .answer_ms = store ? store->answer_ms : hald->answer_ms,
            .why = why ? why : g_strdup(""),
        };
    }
}

static void add_vms(const Hald *hald, int64_t now_ms, struct hald_status *status)
{
    status->vms = g_new0(struct hald_vm, hald->held->len + 1);
    for (guint i = 0; i < hald->held->len; i++) {
        const struct held *held = hald->held->pdata[i];

        status->vms[status->n_vms++] = (struct hald_vm){
            .vm = held->seen.vm,
            .uuid = g_strdup(held->uuid),
            .authority = held->authority,
            .state = g_strdup(vm_state(hald, held)),
            .process = held->pids.len > 0 || held->told || held->unseen,
            .shut_down = keeper_shuts_down(&hald->keeper, held->seen.vm),
            .given_up = keeper_gives_up(&hald->keeper, held->seen.vm, now_ms),
        };
    }
}

static void add_peers(const Hald *hald, struct hald_status *status)
{
    struct beat last;
    int64_t age_ms;

    status->peers = g_new0(struct hald_peer, hald->setup.n_peers + 1);
    while (hald_beat_heard(hald->beats, (unsigned)status->n_peers, &last, &age_ms))
        status->peers[status->n_peers++] = (struct hald_peer){
            .host = last.host,
            .inc = right_inc_format((struct ha_inc){ last.inc.boot, last.inc.n }),
            .age_ms = age_ms,
        };
}

static int64_t quiet_ms(const Hald *hald, int64_t now_ms)
{
    const int64_t heard_ms = hald->keeper.isolation.heard_ms;

    return heard_ms < 0 ? 0 : MAX(now_ms - heard_ms, 0);
}

void hald_tell_status(const Hald *hald, uint64_t conn, int64_t id)
{
    const int64_t now_ms = clock_now_ms();
    struct hald_reply reply = { .id = id, .ok = true };
    struct hald_status *status = &reply.status;

    status->version = g_strdup(PACKAGE_VERSION);
    status->up_ms = now_ms - hald->started_ms;
    status->address = g_strdup(hald->conf->address);
    status->set_up = hald->set_up;
    status->watchdog = g_strdup(hald_dog_device(hald->dog));
    status->locked = hald->locked;
    status->real_time = hald->real_time;
    status->kills = hald->n_kills;
    if (hald->set_up) {
        status->host = hald->setup.host;
        status->epoch = hald->setup.epoch;
        status->etcd_ok = etcd_ok(hald->etcd);
        status->watchdog_ms = hald->keeper.watchdog_ms;
        status->armed_ms = MAX(hald->keeper.armed_until_ms - now_ms, 0);
        status->quiet_ms = quiet_ms(hald, now_ms);
        add_leases(hald, now_ms, status);
        add_vms(hald, now_ms, status);
        add_peers(hald, status);
    }
    hald->reply(conn, &reply, hald->user);
    hald_reply_clear(&reply);
}
