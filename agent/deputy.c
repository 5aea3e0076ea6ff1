/* deputy.c - see deputy.h.  Watches only note what they see; on_tick draws the consequences,
 * because a watch may not be freed from inside its own callback. */
#include "config.h"

#include "agent/deputy.h"

#include "agent/recovery.h"
#include "agentproto/ha_plan.h"
#include "base/clock.h"
#include "base/log.h"
#include "etcd/etcd_watch.h"
#include "ha/standin.h"

#define TICK_MS   250
#define FOLLOW_MS 250
#define READ_MS   1500
#define STILL_MS  2000
/* A silent connection that broke is noticed so soon; nothing unsafe happens meanwhile, because
 * etcd itself compares the keys. */
#define RELIST_MS 5000

enum sight {
    UNKNOWN, /* not read yet, or etcd does not answer */
    ABSENT,
    PRESENT,
};

struct Deputy {
    struct deputy_options options;
    char **endpoints;
    char *prefix;
    Etcd *etcd;
    guint tick_source;
    EtcdWatch *deputies, *mandate, *leader;
    bool named; /* among the deputies */
    enum sight leader_sight, mandate_sight;
    int64_t mandate_epoch;
    int64_t leaderless_ms; /* since when; 0: there is a leader, or nobody knows */
    int64_t leader_version;
    int64_t moved_ms; /* when the leader's key changed last ... */
    int64_t gap_ms;   /* ... and how long after the time before */
    int64_t followed_ms;
    /* The leader is missed: */
    Decider *decider;
    Recovery *recovery;
    int64_t epoch; /* the decider decides under it; 0: it watches */
    Follow *follow;
    int64_t follow_epoch;
};

/* ---- the three keys -------------------------------------------------------------------------- */

static const struct etcd_kv *first_of(const struct etcd_answer *answer)
{
    return answer->kvs.len > 0 ? &answer->kvs.items[0] : NULL;
}

static void on_deputy(const struct etcd_kv *kv, void *user)
{
    Deputy *deputy = user;
    struct ha_plan_deputies plan = { 0 };
    g_autoptr(GError) error = NULL;

    deputy->named = false;
    if (!kv || kv->version == 0)
        return;
    if (!ha_plan_deputies_parse(kv->value, kv->value_len, &plan, &error)) {
        log_warning("the list of deputies in etcd is not read", "ERROR", error->message, NULL);
        return;
    }
    for (size_t i = 0; i < plan.n_hosts; i++)
        deputy->named = deputy->named || plan.hosts[i].host == deputy->options.host;
    ha_plan_deputies_clear(&plan);
}

static void on_deputies(const struct etcd_answer *answer, void *user)
{
    on_deputy(first_of(answer), user);
}

static void on_mandate(const struct etcd_kv *kv, void *user)
{
    Deputy *deputy = user;
    const bool exists = kv && kv->version != 0;

    deputy->mandate_sight = exists ? PRESENT : ABSENT;
    deputy->mandate_epoch = exists ? kv->create_revision : 0;
    if (deputy->recovery)
        recovery_see(deputy->recovery, kv);
}

static void on_mandates(const struct etcd_answer *answer, void *user)
{
    on_mandate(first_of(answer), user);
}

static void note_move(Deputy *deputy, int64_t version)
{
    const int64_t now_ms = clock_now_ms();

    deputy->gap_ms = now_ms - deputy->moved_ms;
    deputy->moved_ms = now_ms;
    deputy->leader_version = version;
}

/* A leader renews its key every second or so: one that stands still may be dead, and its lease in
 * etcd has yet to end.  To watch the hosts from now on costs little, and saves those seconds. */
static bool is_missed(const Deputy *deputy)
{
    return deputy->leaderless_ms != 0 ||
           (deputy->leader_sight == PRESENT && deputy->moved_ms != 0 &&
            clock_now_ms() - deputy->moved_ms > MAX(STILL_MS, 2 * deputy->gap_ms));
}

static void on_leader(const struct etcd_kv *kv, void *user)
{
    Deputy *deputy = user;

    deputy->leader_sight = kv && kv->version != 0 ? PRESENT : ABSENT;
    if (deputy->leader_sight == PRESENT && kv->mod_revision != deputy->leader_version)
        note_move(deputy, kv->mod_revision);
    if (deputy->leader_sight == PRESENT)
        deputy->leaderless_ms = 0;
    else if (deputy->leaderless_ms == 0)
        deputy->leaderless_ms = clock_now_ms();
}

static void on_leaders(const struct etcd_answer *answer, void *user)
{
    on_leader(first_of(answer), user);
}

/* Who cannot see cannot say that nobody leads. */
static void on_leader_trouble(const GError *error, void *user)
{
    Deputy *deputy = user;

    (void)error;
    deputy->leader_sight = UNKNOWN;
    deputy->leaderless_ms = 0;
}

static EtcdWatch *watch(Deputy *deputy, const char *name, struct etcd_watch_options options)
{
    g_autofree char *key = g_strconcat(deputy->prefix, name, NULL);

    options.key = key;
    options.user = deputy;
    return etcd_watch_new(deputy->etcd, &options);
}

/* ---- what follows ---------------------------------------------------------------------------- */

static void watch_leader(Deputy *deputy)
{
    const struct etcd_watch_options options = {
        .relist_ms = RELIST_MS,
        .on_list = on_leaders,
        .on_change = on_leader,
        .on_trouble = on_leader_trouble,
    };
    const bool wanted = deputy->named || deputy->mandate_sight == PRESENT;

    if (wanted && !deputy->leader) {
        deputy->leader = watch(deputy, "/leader", options);
    } else if (!wanted && deputy->leader) {
        g_clear_pointer(&deputy->leader, etcd_watch_free);
        deputy->leader_sight = UNKNOWN;
        deputy->leaderless_ms = 0;
    }
}

static void stop_deciding(Deputy *deputy)
{
    if (deputy->epoch != 0)
        log_info("this host does not stand in for the controller any more", NULL);
    g_clear_pointer(&deputy->decider, decider_free);
    g_clear_pointer(&deputy->recovery, recovery_free);
    deputy->epoch = 0;
}

static Decider *make_decider(const Deputy *deputy)
{
    const struct decider_options options = {
        .http = deputy->options.http,
        .endpoints = (const char *const *)deputy->endpoints,
        .prefix = deputy->prefix,
        .lease_ms = deputy->options.lease_ms,
        .slot_ms = deputy->options.slot_ms,
        .host = deputy->options.host,
        .eyes = deputy->options.eyes,
    };

    return decider_new(&options);
}

static void start_watching(Deputy *deputy)
{
    const struct recovery_options recovery = {
        .http = deputy->options.http,
        .endpoints = (const char *const *)deputy->endpoints,
        .prefix = deputy->prefix,
        .host = deputy->options.host,
    };

    deputy->decider = make_decider(deputy);
    deputy->recovery = recovery_new(&recovery);
}

/* The mandate is ours; a decider knows one epoch only, so that of a later one begins anew. */
static void take_epoch(Deputy *deputy, int64_t epoch)
{
    if (deputy->epoch == 0) {
        log_warning("no controller leads: this host stands in for it", NULL);
    } else if (epoch != deputy->epoch) {
        decider_free(deputy->decider);
        deputy->decider = make_decider(deputy);
    }
    deputy->epoch = epoch;
}

/* Once it has the mandate it goes on with or without a sight of the leader's key: etcd compares. */
static void decide(Deputy *deputy)
{
    const bool is_time = deputy->leaderless_ms != 0 &&
                         clock_now_ms() - deputy->leaderless_ms >= deputy->options.leaderless_ms;
    int64_t epoch;

    recovery_tick(deputy->recovery,
                  is_time && deputy->mandate_sight == ABSENT && decider_is_ready(deputy->decider));
    epoch = recovery_epoch(deputy->recovery);
    if (epoch != 0)
        take_epoch(deputy, epoch);
    decider_tick(deputy->decider, epoch);
}

static void follow(Deputy *deputy)
{
    const bool wanted = deputy->mandate_sight == PRESENT && deputy->leader_sight == ABSENT;
    const struct follow_options options = {
        .http = deputy->options.http,
        .endpoints = (const char *const *)deputy->endpoints,
        .prefix = deputy->prefix,
        .host = deputy->options.host,
        .epoch = deputy->mandate_epoch,
        .hands = deputy->options.hands,
    };

    if (deputy->follow && (!wanted || deputy->follow_epoch != deputy->mandate_epoch))
        g_clear_pointer(&deputy->follow, follow_free);
    if (!wanted)
        return;
    if (!deputy->follow) {
        deputy->follow = follow_new(&options);
        deputy->follow_epoch = deputy->mandate_epoch;
    }
    if (clock_now_ms() - deputy->followed_ms < FOLLOW_MS)
        return;
    deputy->followed_ms = clock_now_ms();
    follow_tick(deputy->follow);
}

static gboolean on_tick(gpointer user)
{
    Deputy *deputy = user;

    watch_leader(deputy);
    if (!deputy->named || (deputy->leader_sight == PRESENT && !is_missed(deputy)) ||
        (deputy->leader_sight == PRESENT && deputy->epoch != 0)) {
        stop_deciding(deputy);
    } else if (is_missed(deputy) || deputy->epoch != 0) {
        if (!deputy->decider)
            start_watching(deputy);
        decide(deputy);
    }
    follow(deputy);
    return G_SOURCE_CONTINUE;
}

/* ---- life ------------------------------------------------------------------------------------ */

Deputy *deputy_new(const struct deputy_options *options)
{
    Deputy *deputy = g_new0(Deputy, 1);
    const struct etcd_watch_options deputies = {
        .on_list = on_deputies,
        .on_change = on_deputy,
    };
    const struct etcd_watch_options mandate = {
        .on_list = on_mandates,
        .on_change = on_mandate,
    };

    deputy->options = *options;
    if (deputy->options.leaderless_ms == 0)
        deputy->options.leaderless_ms = STANDIN_LEADERLESS_MS;
    deputy->endpoints = g_strdupv((char **)(uintptr_t)options->endpoints);
    deputy->prefix = g_strdup(options->prefix);
    deputy->etcd = etcd_new(options->http, options->endpoints, READ_MS);
    deputy->deputies = watch(deputy, "/plan/deputies", deputies);
    deputy->mandate = watch(deputy, "/recovery", mandate);
    deputy->tick_source = g_timeout_add(TICK_MS, on_tick, deputy);
    return deputy;
}

void deputy_free(Deputy *deputy)
{
    if (!deputy)
        return;
    g_source_remove(deputy->tick_source);
    g_clear_pointer(&deputy->follow, follow_free);
    stop_deciding(deputy);
    g_clear_pointer(&deputy->leader, etcd_watch_free);
    etcd_watch_free(deputy->deputies);
    etcd_watch_free(deputy->mandate);
    etcd_free(deputy->etcd);
    g_strfreev(deputy->endpoints);
    g_free(deputy->prefix);
    g_free(deputy);
}

bool deputy_leads(const Deputy *deputy)
{
    return deputy->recovery && recovery_epoch(deputy->recovery) != 0;
}
