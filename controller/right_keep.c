/* right_keep.c - see right_keep.h. */
#include "config.h"

#include "controller/right_keep.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/ha_shell.h"
#include "controller/observe.h"
#include "controller/right_steps.h"
#include "controller/rights.h"
#include "controller/stores.h"
#include "controller/task.h"
#include "ha/etcd/right_etcd.h"

#define LOOK_MS       1000
#define SWEEP_MS      30000
#define MAX_ADOPTIONS 8
#define MAX_REMOVALS  16
#define PAUSE_MS      15000  /* before a VM whose host did not take it in is asked for again */
#define TOMB_MS       600000 /* a tombstone is needed by nobody so long before it goes */
#define LEASE_MS      60000  /* of a host that was removed: so long without a renewal */
#define RECORD_MS     30000
#define COMMAND_MS    20000

/* A VM that is given a right. */
struct adoption {
    RightKeep *keep;
    int64_t vm_id;
    RightsCall *call;
    char *command;  /* id of the one that is out */
    int64_t due_ms; /* not before this */
};

struct RightKeep {
    struct app *app;
    GHashTable *adoptions; /* int64 VM id -> struct adoption */
    unsigned n_out;        /* adoptions with something under way */
    unsigned n_removals;   /* under way */
    unsigned n_commands;   /* told since we lead: part of their ids */
    int64_t swept_ms;
    guint timer;
    Metric *rights, *leases, *tombs, *adopted, *removed;
};

static void on_removed(enum ha_outcome outcome, const GError *error, void *user)
{
    RightKeep *keep = user;

    (void)error; /* what is still there is looked at again */
    keep->n_removals--;
    if (outcome == HA_DONE)
        metric_add(keep->removed, 1);
}

static void remove_record(RightKeep *keep, const struct rights_removal *removal)
{
    keep->n_removals++;
    (void)rights_remove(keep->app->rights, removal, on_removed, keep);
}

/* ---- VMs that run without a right -------------------------------------------------------------
 */

static void free_adoption(void *data)
{
    struct adoption *it = data;

    if (it->keep->app->rights)
        rights_forget(it->call);
    if (it->command && it->keep->app->agents)
        agents_forget(it->keep->app->agents, it->command);
    g_free(it->command);
    g_free(it);
}

static void log_trouble(const struct adoption *it, const char *why)
{
    const Vm *vm = inventory_find_vm(it->keep->app->inv, it->vm_id);

    log_warning("a VM that runs without a right in etcd could not be given one; it is tried again",
                "VM", vm ? vm->name : "?", "REASON", why, NULL);
}

static void end_try(struct adoption *it, const GError *error)
{
    it->keep->n_out--;
    it->due_ms = clock_now_ms() + (error ? PAUSE_MS : 0);
    if (error)
        log_trouble(it, error->message);
}

static void on_assigned(enum ha_outcome outcome, const GError *error, void *user)
{
    struct adoption *it = user;

    (void)outcome;
    it->call = NULL;
    end_try(it, error); /* the next look sees the record */
}

/* Not taken in: without vrm-hald's word a right that names the host would only mislead. */
static void drop_unclaimed(RightKeep *keep, int64_t vm_id)
{
    const struct ha_vm_seen *seen = rights_of(keep->app->rights, vm_id);

    if (seen && !seen->right.claimed)
        remove_record(keep, &(struct rights_removal){ .key = { .kind = HA_KEY_VM, .id = vm_id },
                                                      .version = seen->version });
}

static void on_taken_in(const struct command_report *report, const GError *error, bool final,
                        void *user)
{
    struct adoption *it = user;

    (void)report;
    if (!final)
        return;
    g_clear_pointer(&it->command, g_free);
    if (error)
        drop_unclaimed(it->keep, it->vm_id);
    else
        metric_add(it->keep->adopted, 1);
    end_try(it, error);
}

static struct adoption *adoption_of(RightKeep *keep, int64_t vm_id)
{
    struct adoption *it = g_hash_table_lookup(keep->adoptions, &vm_id);

    if (it)
        return it;
    it = g_new0(struct adoption, 1);
    it->keep = keep;
    it->vm_id = vm_id;
    (void)g_hash_table_insert(keep->adoptions, &it->vm_id, it);
    return it;
}

/* Not claimed: vrm-hald claims it when it has the VM's process in its list. */
static void assign(struct adoption *it, const struct ha_vm_seen *seen, const struct ha_owner *to)
{
    Rights *rights = it->keep->app->rights;
    struct ha_mandate mandate;
    struct ha_txn txn;

    if (!rights_mandate(rights, &mandate))
        return;
    right_assign(&mandate, seen, to, &txn);
    it->keep->n_out++;
    it->call = rights_send(rights, &txn, on_assigned, it);
}

static void take_in(struct adoption *it, const Vm *vm, const struct ha_vm_seen *seen)
{
    struct app *app = it->keep->app;
    const int64_t epoch = app->committer.epoch(app->committer.user);
    struct agent_command command = {
        .id = g_strdup_printf("%s-v%" PRId64 "-receive-%" PRId64 "-%u",
                              inventory_peek(app->inv)->site->id, vm->id, epoch,
                              ++it->keep->n_commands),
        .gen = vm->run_gen,
        .verb = VERB_RECEIVE,
        .vm_uuid = g_strdup(vm->uuid),
        .vm_id = vm->id,
        .right = right_token_format(seen),
        .deadline_ms = COMMAND_MS,
    };

    it->keep->n_out++;
    it->command = g_strdup(command.id);
    agents_command(app->agents, vm->host_id, &command, on_taken_in, it);
}

/* It runs where it should, nothing is done with it now, and it has to have a right. */
static bool is_concerned(const RightKeep *keep, const Vm *vm)
{
    const struct app *app = keep->app;
    const Host *host = inventory_find_host(app->inv, vm->host_id);

    return (vm->status == VM_RUNNING || vm->status == VM_PAUSED) && host && host->connected &&
           host->hald && !tasks_vm_is_held(app->tasks, vm->id) && right_steps_needed(app, vm) &&
           observe_runs_on(app->observe, vm->id, vm->host_id);
}

static void look_at(RightKeep *keep, const Vm *vm)
{
    const int32_t authority =
        rights_authority(keep->app->rights, inventory_peek(keep->app->inv), vm);
    const struct ha_vm_seen *known = rights_of(keep->app->rights, vm->id);
    const struct ha_vm_seen seen = known ? *known : (struct ha_vm_seen){ .vm = vm->id };
    struct adoption *it;
    struct ha_owner to;

    if ((seen.right.n_owners > 0 && seen.right.claimed) || !is_concerned(keep, vm) ||
        ha_shell_awaits_slot(keep->app->ha, vm->host_id, authority) ||
        !rights_owner(keep->app->rights, vm->host_id, authority, &to, NULL))
        return;
    it = adoption_of(keep, vm->id);
    if (it->call || it->command || clock_now_ms() < it->due_ms)
        return;
    if (seen.right.n_owners == 1 && ha_owner_equal(&seen.right.owners[0], &to))
        take_in(it, vm, &seen);
    else
        assign(it, &seen, &to);
}

void right_keep_look(RightKeep *keep)
{
    const Snapshot *snap = inventory_peek(keep->app->inv);

    for (size_t i = 0; i < snap->n_vms && keep->n_out < MAX_ADOPTIONS; i++)
        look_at(keep, snap->vms[i]);
}

/* ---- records that nobody needs ----------------------------------------------------------------
 */

struct sweep {
    RightKeep *keep;
    int64_t now_ms;
    GHashTable *named;       /* tombstones' keys of the lives that VMs' records name */
    GHashTable *named_hosts; /* int64 ids of the hosts they name */
    GArray *removals;
};

static guint hash_key(gconstpointer data)
{
    const struct ha_key *key = data;

    return g_int64_hash(&key->id) ^ (guint)key->inc.boot ^ key->inc.n;
}

static gboolean same_key(gconstpointer a, gconstpointer b)
{
    return ha_key_equal(a, b);
}

static void note_owners(const struct rights_item *item, void *user)
{
    struct sweep *sweep = user;

    for (unsigned i = 0; item->key.kind == HA_KEY_VM && i < item->record.vm.n_owners; i++) {
        const struct ha_owner *owner = &item->record.vm.owners[i];
        const struct ha_key key = { HA_KEY_FENCE, owner->authority, owner->host, owner->inc };

        (void)g_hash_table_add(sweep->named, g_memdup2(&key, sizeof(key)));
        (void)g_hash_table_add(sweep->named_hosts, g_memdup2(&owner->host, sizeof(owner->host)));
    }
}

static bool is_old(const struct sweep *sweep, const struct rights_item *item, int64_t age_ms)
{
    return sweep->now_ms - item->seen_ms >= age_ms;
}

static void add_removal(struct sweep *sweep, const struct rights_item *item,
                        const struct ha_key *other, int64_t other_version)
{
    const struct rights_removal removal = { item->key, item->version, other, other_version };

    g_array_append_val(sweep->removals, removal);
}

/* A tombstone keeps its life from coming back.  Once the host's lease names another life that
 * cannot happen any more: the lease would have to be as it was. */
static void judge_tomb(struct sweep *sweep, const struct rights_item *item)
{
    struct ha_key *lease_key;
    struct ha_lease_seen lease;

    if (!is_old(sweep, item, TOMB_MS) || g_hash_table_contains(sweep->named, &item->key))
        return;
    if (!rights_lease(sweep->keep->app->rights, item->key.id, item->key.authority, &lease)) {
        if (!inventory_find_host(sweep->keep->app->inv, item->key.id))
            add_removal(sweep, item, NULL, 0);
        return;
    }
    if (ha_inc_equal(lease.record.inc, item->key.inc))
        return;
    lease_key = g_new0(struct ha_key, 1); /* freed by free_removal() */
    lease_key->kind = HA_KEY_LEASE;
    lease_key->authority = item->key.authority;
    lease_key->id = item->key.id;
    add_removal(sweep, item, lease_key, lease.version);
}

/* Of a VM, host or datastore that was removed, and nobody writes it any more. */
static bool is_orphan(const struct sweep *sweep, const struct rights_item *item)
{
    Inventory *inv = sweep->keep->app->inv;

    if (item->key.kind == HA_KEY_VM)
        return is_old(sweep, item, RECORD_MS) && !inventory_find_vm(inv, item->key.id);
    if (item->key.kind != HA_KEY_LEASE || !is_old(sweep, item, LEASE_MS))
        return false;
    if (item->key.authority >= HA_STORAGE &&
        !stores_of_authority(inventory_peek(inv), item->key.authority))
        return !g_hash_table_contains(sweep->named,
                                      &(struct ha_key){ HA_KEY_FENCE, item->key.authority,
                                                        item->key.id, item->record.lease.inc });
    return !inventory_find_host(inv, item->key.id) &&
           !g_hash_table_contains(sweep->named_hosts, &item->key.id);
}

static void judge(const struct rights_item *item, void *user)
{
    struct sweep *sweep = user;

    if (sweep->removals->len >= MAX_REMOVALS)
        return;
    if (item->key.kind == HA_KEY_FENCE)
        judge_tomb(sweep, item);
    else if (is_orphan(sweep, item))
        add_removal(sweep, item, NULL, 0);
}

static void free_removal(void *data)
{
    g_free((struct ha_key *)(uintptr_t)((struct rights_removal *)data)->other);
}

void right_keep_sweep(RightKeep *keep, int64_t now_ms)
{
    struct sweep sweep = {
        .keep = keep,
        .now_ms = now_ms,
        .named = g_hash_table_new_full(hash_key, same_key, g_free, NULL),
        .named_hosts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .removals = g_array_new(FALSE, FALSE, sizeof(struct rights_removal)),
    };

    g_array_set_clear_func(sweep.removals, free_removal);
    if (keep->n_removals == 0) { /* those of the last sweep are done */
        rights_foreach(keep->app->rights, note_owners, &sweep);
        rights_foreach(keep->app->rights, judge, &sweep);
    }
    for (guint i = 0; i < sweep.removals->len; i++)
        remove_record(keep, &g_array_index(sweep.removals, struct rights_removal, i));
    g_array_unref(sweep.removals);
    g_hash_table_unref(sweep.named_hosts);
    g_hash_table_unref(sweep.named);
}

void right_keep_forget_vm(RightKeep *keep, int64_t vm_id)
{
    const struct ha_vm_seen *seen = keep ? rights_of(keep->app->rights, vm_id) : NULL;

    if (!seen)
        return;
    (void)g_hash_table_remove(keep->adoptions, &vm_id);
    remove_record(keep, &(struct rights_removal){ .key = { .kind = HA_KEY_VM, .id = vm_id },
                                                  .version = seen->version });
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct counts {
    const RightKeep *keep;
    int64_t now_ms, rights, leases, tombs;
};

static void count(const struct rights_item *item, void *user)
{
    struct counts *counts = user;
    const struct app *app = counts->keep->app;
    const struct ha_owner holder = { item->key.id, item->key.authority, item->record.lease.inc };

    counts->rights += item->key.kind == HA_KEY_VM;
    counts->tombs += item->key.kind == HA_KEY_FENCE;
    if (item->key.kind == HA_KEY_LEASE && item->key.authority == HA_ETCD &&
        !rights_is_buried(app->rights, &holder) &&
        counts->now_ms - item->seen_ms < settings_lease_ms(app->settings))
        counts->leases++;
}

static void show_counts(const RightKeep *keep, int64_t now_ms)
{
    struct counts counts = { .keep = keep, .now_ms = now_ms };

    rights_foreach(keep->app->rights, count, &counts);
    metric_set(keep->rights, counts.rights);
    metric_set(keep->leases, counts.leases);
    metric_set(keep->tombs, counts.tombs);
}

static gboolean tick(void *data)
{
    RightKeep *keep = data;
    const struct committer *committer = &keep->app->committer;
    const int64_t now_ms = clock_now_ms();

    show_counts(keep, now_ms);
    if (committer->epoch(committer->user) == 0 || !rights_etcd_ok(keep->app->rights))
        return G_SOURCE_CONTINUE;
    right_keep_look(keep);
    if (now_ms - keep->swept_ms < SWEEP_MS)
        return G_SOURCE_CONTINUE;
    keep->swept_ms = now_ms;
    right_keep_sweep(keep, now_ms);
    return G_SOURCE_CONTINUE;
}

void right_keep_start(RightKeep *keep)
{
    if (keep->app->settings->ha_enabled && !keep->timer)
        keep->timer = g_timeout_add(LOOK_MS, tick, keep);
}

void right_keep_reset(RightKeep *keep)
{
    if (keep->timer)
        g_source_remove(keep->timer);
    keep->timer = 0;
    g_hash_table_remove_all(keep->adoptions);
    keep->n_out = keep->n_removals = 0;
}

static void add_metrics(RightKeep *keep)
{
    Metrics *metrics = keep->app->metrics;

    keep->rights = metrics_gauge(metrics, "vrm_ha_rights", NULL, "VMs with a right in etcd");
    keep->leases =
        metrics_gauge(metrics, "vrm_ha_leases", NULL, "Hosts whose lease in etcd is alive");
    keep->tombs =
        metrics_gauge(metrics, "vrm_ha_tombstones", NULL, "Lives of hosts that are over for good");
    keep->adopted = metrics_counter(metrics, "vrm_ha_adoptions_total", NULL,
                                    "VMs that ran without a right and were given one");
    keep->removed = metrics_counter(metrics, "vrm_ha_removals_total", NULL,
                                    "Records in etcd that nobody needed any more");
}

RightKeep *right_keep_new(struct app *app)
{
    RightKeep *keep = g_new0(RightKeep, 1);

    keep->app = app;
    keep->adoptions = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_adoption);
    add_metrics(keep);
    return keep;
}

void right_keep_free(RightKeep *keep)
{
    if (!keep)
        return;
    right_keep_reset(keep);
    g_hash_table_unref(keep->adoptions);
    g_free(keep);
}
