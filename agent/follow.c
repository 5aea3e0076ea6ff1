/* follow.c - see follow.h. */
#include "config.h"

#include "agent/follow.h"

#include <inttypes.h>

#include "agentproto/ha_plan.h"
#include "base/clock.h"
#include "base/log.h"
#include "etcd/etcd_watch.h"
#include "ha/etcd/right_etcd.h"
#include "ha/standin.h"

#define READ_MS    1500
#define AGAIN_MS   3000  /* after a try that failed */
#define START_MS   60000 /* for one command */
#define MAX_STARTS 8     /* under way at once */

/* A right that names this host and is not claimed. */
struct call {
    Follow *follow;
    struct ha_vm_seen seen;
    EtcdCall *reading; /* its plan */
    char *command;     /* id of the try under way; NULL: none */
    unsigned n_tries;
    int64_t next_ms;
};

/* This host under one authority, as its lease in etcd said last. */
struct life {
    Follow *follow;
    int32_t authority;
    struct ha_inc inc;
    EtcdCall *reading;
};

struct Follow {
    Etcd *etcd;
    EtcdWatch *rights;
    char *prefix;
    int64_t host, epoch;
    struct follow_hands hands;
    GHashTable *lives; /* authority -> struct life */
    GHashTable *calls; /* VM, int64 -> struct call */
};

static void free_call(void *data)
{
    struct call *call = data;

    if (call->reading)
        etcd_cancel(call->reading);
    g_free(call->command);
    g_free(call);
}

static void free_life(void *data)
{
    struct life *life = data;

    if (life->reading)
        etcd_cancel(life->reading);
    g_free(life);
}

/* ---- rights ---------------------------------------------------------------------------------- */

static bool names_us(const Follow *follow, const struct ha_vm_right *right)
{
    return right->n_owners == 1 && right->owners[0].host == follow->host && !right->claimed;
}

static void see_right(Follow *follow, const struct ha_vm_seen *seen)
{
    struct call *call = g_hash_table_lookup(follow->calls, &seen->vm);

    if (!names_us(follow, &seen->right)) {
        (void)g_hash_table_remove(follow->calls, &seen->vm);
        return;
    }
    if (call && call->seen.version == seen->version)
        return;
    call = g_new0(struct call, 1);
    call->follow = follow;
    call->seen = *seen;
    (void)g_hash_table_replace(follow->calls, g_memdup2(&seen->vm, sizeof(seen->vm)), call);
}

/* A key of ours that cannot be read is the decider's to complain about. */
static void see_kv(Follow *follow, const struct etcd_kv *kv)
{
    struct ha_record record;
    struct ha_key key;

    if (!right_key_parse(follow->prefix, kv->key, &key) || key.kind != HA_KEY_VM)
        return;
    if (kv->version == 0)
        (void)g_hash_table_remove(follow->calls, &key.id);
    else if (right_value_parse(HA_KEY_VM, kv->value, &record, NULL))
        see_right(follow, &(struct ha_vm_seen){ key.id, kv->mod_revision, record.vm });
}

static void on_rights(const struct etcd_answer *answer, void *user)
{
    for (size_t i = 0; i < answer->kvs.len; i++)
        see_kv(user, &answer->kvs.items[i]);
}

static void on_right(const struct etcd_kv *kv, void *user)
{
    see_kv(user, kv);
}

/* ---- our life -------------------------------------------------------------------------------- */

static void on_lease(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct life *life = user;
    struct ha_record record;

    life->reading = NULL;
    if (!error && answer->kvs.len > 0 &&
        right_value_parse(HA_KEY_LEASE, answer->kvs.items[0].value, &record, NULL))
        life->inc = record.lease.inc;
}

static struct life *life_of(Follow *follow, int32_t authority)
{
    struct life *life = g_hash_table_lookup(follow->lives, GINT_TO_POINTER(authority));

    if (life)
        return life;
    life = g_new0(struct life, 1);
    life->follow = follow;
    life->authority = authority;
    (void)g_hash_table_insert(follow->lives, GINT_TO_POINTER(authority), life);
    return life;
}

/* Asks again each time: it may have begun another life. */
static struct ha_inc read_life(Follow *follow, int32_t authority)
{
    const struct ha_key key = { HA_KEY_LEASE, authority, follow->host, { 0 } };
    struct life *life = life_of(follow, authority);
    g_autofree char *text = right_key_format(follow->prefix, &key);

    if (!life->reading)
        life->reading = etcd_read(follow->etcd, text, on_lease, life);
    return life->inc;
}

/* ---- starts ---------------------------------------------------------------------------------- */

static void log_call(const struct call *call, const char *what)
{
    g_autofree char *vm = g_strdup_printf("%" PRId64, call->seen.vm);

    log_info(what, "VM", vm, "COMMAND", call->command ? call->command : "", NULL);
}

/* Takes plan->vm. */
static void start(struct call *call, struct ha_plan_vm *plan)
{
    Follow *follow = call->follow;
    const struct follow_hands *hands = &follow->hands;
    struct agent_command command = {
        .epoch = follow->epoch,
        .gen = MAX(plan->gen, hands->newest_gen(plan->vm->uuid, hands->user)) + 1,
        .verb = VERB_START,
        .vm_uuid = g_strdup(plan->vm->uuid),
        .deadline_ms = START_MS,
        .right = right_token_format(&call->seen),
        .abort_id = g_strdup(""),
    };

    call->command = g_strdup_printf("s%" PRId64 "-%" PRId64 "-%" PRId64 "-%u", follow->epoch,
                                    call->seen.vm, call->seen.version, ++call->n_tries);
    command.id = g_strdup(call->command);
    command.vm = g_steal_pointer(&plan->vm);
    log_call(call, "no controller leads: this host starts the VM that was given to it");
    hands->start(&command, hands->user);
}

static void on_plan(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct call *call = user;
    const struct follow_hands *hands = &call->follow->hands;
    const struct etcd_kv *kv = answer && answer->kvs.len > 0 ? &answer->kvs.items[0] : NULL;
    struct ha_plan_vm plan;

    call->reading = NULL;
    call->next_ms = clock_now_ms() + AGAIN_MS;
    if (error || !kv || !ha_plan_vm_parse(kv->value, kv->value_len, &plan, NULL))
        return; /* not planned: it should not run any more */
    if (plan.vm->id == call->seen.vm && hands->is_absent(plan.vm->uuid, hands->user))
        start(call, &plan);
    ha_plan_vm_clear(&plan);
}

static bool is_under_way(const struct call *call)
{
    return call->reading || call->command;
}

static unsigned count_starts(Follow *follow)
{
    GHashTableIter iter;
    gpointer call;
    unsigned n = 0;

    g_hash_table_iter_init(&iter, follow->calls);
    while (g_hash_table_iter_next(&iter, NULL, &call))
        n += is_under_way(call);
    return n;
}

/* A command that ended well, and the right still looks unclaimed: the watch is behind. */
static void look_at_command(struct call *call)
{
    const struct follow_hands *hands = &call->follow->hands;
    const enum follow_state state = hands->state(call->command, hands->user);

    if (state == FOLLOW_BUSY)
        return;
    if (state != FOLLOW_DONE)
        log_call(call, "the start failed; once more if it is still this host's");
    g_clear_pointer(&call->command, g_free);
    call->next_ms = clock_now_ms() + AGAIN_MS;
}

static void tick_call(Follow *follow, struct call *call, unsigned *n_starts)
{
    const struct ha_inc life = read_life(follow, call->seen.right.owners[0].authority);
    g_autofree char *key = NULL;

    if (call->command)
        look_at_command(call);
    if (is_under_way(call) || clock_now_ms() < call->next_ms || *n_starts >= MAX_STARTS ||
        !standin_calls_for(&call->seen.right, follow->host, life))
        return;
    ++*n_starts;
    key = ha_plan_key(follow->prefix, HA_PLAN_VM, call->seen.vm);
    call->reading = etcd_read(follow->etcd, key, on_plan, call);
}

void follow_tick(Follow *follow)
{
    GHashTableIter iter;
    gpointer call;
    unsigned n_starts = count_starts(follow);

    if (g_hash_table_size(follow->calls) == 0)
        return;
    g_hash_table_iter_init(&iter, follow->calls);
    while (g_hash_table_iter_next(&iter, NULL, &call))
        tick_call(follow, call, &n_starts);
}

/* ---- life ------------------------------------------------------------------------------------ */

Follow *follow_new(const struct follow_options *options)
{
    Follow *follow = g_new0(Follow, 1);
    g_autofree char *rights = g_strconcat(options->prefix, "/ha/vm/", NULL);
    const struct etcd_watch_options watch = {
        .key = rights,
        .on_list = on_rights,
        .on_change = on_right,
        .user = follow,
    };

    follow->prefix = g_strdup(options->prefix);
    follow->host = options->host;
    follow->epoch = options->epoch;
    follow->hands = options->hands;
    follow->lives = g_hash_table_new_full(NULL, NULL, NULL, free_life);
    follow->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_call);
    follow->etcd = etcd_new(options->http, options->endpoints, READ_MS);
    follow->rights = etcd_watch_new(follow->etcd, &watch);
    return follow;
}

void follow_free(Follow *follow)
{
    if (!follow)
        return;
    etcd_watch_free(follow->rights);
    g_hash_table_unref(follow->lives); /* cancels their reads */
    g_hash_table_unref(follow->calls);
    etcd_free(follow->etcd);
    g_free(follow->prefix);
    g_free(follow);
}
