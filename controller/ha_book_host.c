/* ha_book_host.c - what is told of a host: who heard it last, how it was proved dead, whose VMs it
 * took along. */
#include "config.h"

#include "controller/ha_book_private.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"
#include "controller/ha_wish.h"
#include "controller/rights.h"
#include "controller/stores.h"

/* Its own; what others heard of it they tell for some seconds after. */
static int64_t last_sign_ms(const struct ha_host_slot *host)
{
    return MAX(host->beat_ms, host->agent_ms);
}

static struct ha_story *begin_host(HaBook *book, const struct ha_host_slot *host,
                                   enum incident_kind kind)
{
    const int64_t now_ms = clock_now_ms();
    struct ha_story *story = ha_book_begin(book, kind, host->id, host->name);

    if (story && last_sign_ms(host) != 0)
        story->incident->last_ms = story->incident->begin_ms - (now_ms - last_sign_ms(host));
    return story;
}

static void note_witness(struct ha_story *story, enum incident_source source, const char *what,
                         int64_t at_ms, int64_t now_ms)
{
    const int64_t ms = now_ms - at_ms;
    g_autofree char *text = at_ms == 0
                                ? g_strdup_printf("%s: none since this controller leads", what)
                                : g_strdup_printf("%s: the last one %" PRId64 ".%" PRId64 " s ago",
                                                  what, ms / 1000, ms % 1000 / 100);

    ha_book_say(story, source, 0, text);
}

/* One line a lease: "lease in etcd: unchanged for 4.2 s", "slot on shared: ...". */
static void note_leases(HaBook *book, struct ha_story *story, const struct ha_host_slot *host,
                        int64_t now_ms)
{
    const Snapshot *snap = inventory_peek(book->shell->app->inv);
    struct ha_lease_view lease;

    for (size_t i = 0; ha_view_lease(book->shell->ha, host->index, i, &lease); i++) {
        const Datastore *store = stores_of_authority(snap, lease.authority);
        const int64_t ms = now_ms - lease.since_ms;
        g_autofree char *text = NULL;

        if (lease.authority >= HA_STORAGE && (!store || lease.seq == 0 || lease.buried))
            continue;
        text = g_strdup_printf("%s%s: unchanged for %" PRId64 ".%" PRId64 " s",
                               store ? "slot on " : "lease in etcd", store ? store->name : "",
                               ms / 1000, ms % 1000 / 100);
        ha_book_say(story, SOURCE_LEASE, 0, text);
    }
}

/* What each witness says at this moment. */
static void note_evidence(HaBook *book, struct ha_story *story, const struct ha_host_slot *host)
{
    const int64_t now_ms = clock_now_ms();

    note_witness(story, SOURCE_BEATS, "beats on the HA network", host->beat_ms, now_ms);
    note_witness(story, SOURCE_PEERS, "beats heard by other hosts", host->peer_ms, now_ms);
    note_witness(story, SOURCE_AGENT, "lines of its agent", host->agent_ms, now_ms);
    note_leases(book, story, host, now_ms);
}

static bool is_owned_by(const HaBook *book, const Vm *vm, const struct ha_owner *owner)
{
    const struct ha_vm_seen *seen = rights_of(book->shell->app->rights, vm->id);

    for (unsigned i = 0; seen && i < seen->right.n_owners; i++)
        if (ha_owner_equal(&seen->right.owners[i], owner))
            return true;
    return false;
}

/* Its VMs, as they stand in the inventory when its death is known; owner: only those that this life
 * protects, NULL: all. */
static void list_vms(HaBook *book, struct ha_story *story, const struct ha_owner *owner)
{
    const Snapshot *snap = inventory_peek(book->shell->app->inv);

    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];
        const Cluster *cluster = snapshot_cluster(snap, vm->cluster_id);
        IncidentVm *row;

        if (vm->host_id != story->incident->host_id || !vm_is_placed(vm) ||
            incident_find_vm(story->incident, vm->id) || (owner && !is_owned_by(book, vm, owner)))
            continue;
        row = incident_put_vm(story->incident, vm->id, vm->name);
        row->lost_ms = story->incident->begin_ms;
        row->end = ha_wish_is_guarded(vm, cluster) ? VM_END_WAITING : VM_END_UNGUARDED;
        if (row->end == VM_END_UNGUARDED)
            text_set(&row->why, "HA is off for it");
    }
}

static void note_proof(struct ha_story *story, enum ha_proof proof)
{
    story->incident->proof_ms = clock_wall_ms();
    text_set(&story->incident->proof, ha_proof_name(proof));
}

void ha_book_host(HaBook *book, struct ha_host_slot *host, int rule, const char *why)
{
    const enum host_fsm_state state = ha_host_state(book->shell->ha, host->index);
    struct ha_story *story = ha_book_find_host(book, host->id);
    g_autofree char *text = NULL;

    if (!story && (ha_shell_is_trouble(state) || (state == HOST_FENCED && host->buried_by_us)))
        story = begin_host(book, host, INCIDENT_HOST);
    if (state == HOST_REJOINING)
        host->buried_by_us = false;
    if (!story)
        return;
    story->is_real = story->is_real || state == HOST_FENCED ||
                     (ha_shell_is_trouble(state) && state != HOST_SUSPECT &&
                      !ha_shell_is_passing(book->shell, host));
    if (state == HOST_SUSPECT)
        note_evidence(book, story, host);
    text = g_strdup_printf("%s is %s: %s", host->name, host_fsm_state_name(state), why);
    ha_book_say_rule(story, SOURCE_DECISION, 0, rule, text);
    if (state == HOST_FENCED) {
        list_vms(book, story, NULL);
        if (story->incident->proof_ms == 0 && story->proof != HA_PROOF_NONE)
            note_proof(story, story->proof);
    }
    ha_book_touch(story);
}

void ha_book_lasting(const HaBook *book, const struct ha_host_slot *host)
{
    struct ha_story *story = ha_book_find_host(book, host->id);

    if (!story || story->is_real)
        return;
    story->is_real = true;
    ha_book_touch(story);
}

static char *text_of_end(const HaBook *book, const struct ha_owner *dead, enum ha_proof proof)
{
    const Datastore *store =
        stores_of_authority(inventory_peek(book->shell->app->inv), dead->authority);
    const int64_t ms = MAX(ha_shell_still_ms(book->shell, dead), 0);
    g_autofree char *still = g_strdup_printf("%" PRId64 ".%" PRId64, ms / 1000, ms % 1000 / 100);

    if (dead->authority < HA_STORAGE)
        return g_strdup_printf(
            "its life in etcd is over for good: %s (its lease stood still for %s s)",
            ha_proof_name(proof), still);
    return g_strdup_printf("its slot on datastore %s stood still for %s s, and its VMs there are "
                           "free: %s",
                           store ? store->name : "?", still, ha_proof_name(proof));
}

/* A host that is not in doubt lost nothing but that. */
static void note_store(const HaBook *book, struct ha_story *story, const struct ha_host_slot *host,
                       const struct ha_owner *dead)
{
    const Datastore *store =
        stores_of_authority(inventory_peek(book->shell->app->inv), dead->authority);
    const enum host_fsm_state state = ha_host_state(book->shell->ha, host->index);

    g_clear_pointer(&story->lost_store, g_free);
    if (store && (state == HOST_OK || state == HOST_MAINTENANCE))
        story->lost_store = g_strdup(store->name);
}

void ha_book_buried(HaBook *book, struct ha_host_slot *host, const struct ha_owner *dead,
                    enum ha_proof proof)
{
    struct ha_story *story = ha_book_find_host(book, host->id);
    g_autofree char *text = text_of_end(book, dead, proof);
    guint n_vms;

    if (!story)
        story = begin_host(book, host, INCIDENT_HOST);
    if (!story)
        return;
    ha_book_say(story, SOURCE_LEASE, 0, text);
    note_store(book, story, host, dead);
    n_vms = story->incident->vms->len;
    list_vms(book, story, dead);
    if (story->incident->vms->len > n_vms)
        note_proof(story, proof);
    story->proof = proof;
    story->is_real = story->is_real || story->incident->vms->len > 0;
    ha_book_touch(story);
}

void ha_book_note(HaBook *book, struct ha_host_slot *host, enum incident_source source,
                  const char *format, ...)
{
    struct ha_story *story = ha_book_find_host(book, host->id);
    g_autofree char *text = NULL;
    va_list args;

    if (!story)
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    ha_book_say(story, source, 0, text);
}

/* Hosts acted by themselves: they left in etcd what they did, not when. */
static void note_standin(struct ha_story *story, const struct ha_host_slot *host)
{
    g_autofree char *text =
        g_strdup_printf("%s was proved dead by a stand-in: %s (epoch %" PRId64 ")", host->name,
                        ha_proof_name(host->proof), host->proof_epoch);

    story->incident->proof_ms = clock_wall_ms();
    text_set(&story->incident->proof, ha_proof_name(host->proof));
    ha_book_say(story, SOURCE_DECISION, 0,
                "no controller led: hosts did this by the published plan; times are those at "
                "which this controller found it");
    ha_book_say(story, SOURCE_LEASE, 0, text);
}

void ha_book_standin(HaBook *book, const struct ha_adopted *adopted)
{
    const struct ha_host_slot *from = ha_shell_host(book->shell, adopted->from_id);
    const Vm *vm = inventory_find_vm(book->shell->app->inv, adopted->vm_id);
    struct ha_story *story = from ? ha_book_find_host(book, from->id) : NULL;
    g_autofree char *text = NULL;
    IncidentVm *row;

    if (!from || !vm || from->proof_epoch == 0)
        return;
    story = story ? story : begin_host(book, from, INCIDENT_HOST);
    if (!story)
        return;
    if (story->incident->proof_ms == 0)
        note_standin(story, from);
    row = incident_put_vm(story->incident, vm->id, vm->name);
    row->lost_ms = story->incident->begin_ms;
    row->end = VM_END_RUNNING;
    row->to_id = adopted->to_id;
    row->running_ms = clock_wall_ms();
    text_set(&row->to_name, ha_shell_host_name(book->shell, adopted->to_id));
    text_set(&row->why, "brought back while no controller led");
    text = g_strdup_printf("%s was brought back by %s while no controller led", vm->name,
                           row->to_name);
    ha_book_say(story, SOURCE_VM, vm->id, text);
    story->is_real = true;
    ha_book_touch(story);
}

void ha_book_drill(HaBook *book, struct ha_host_slot *host, const char *user)
{
    struct ha_story *story = begin_host(book, host, INCIDENT_DRILL);
    g_autofree char *text =
        g_strdup_printf("fail-over test, ordered by %s: the power of %s is cut", user, host->name);

    if (!story)
        return;
    story->is_real = true;
    ha_book_say(story, SOURCE_PERSON, 0, text);
    ha_book_touch(story);
}
