/* it_rights.c - controller/rights.h against a real etcd (tests/with-etcd.sh). */
#include "config.h"

#include "tests/suite.h"

#include "base/clock.h"
#include "controller/app.h"
#include "controller/right_keep.h"
#include "controller/rights.h"
#include "ha/etcd/right_etcd.h"
#include "tests/etcdlab.h"

#define VM 7

struct lab {
    struct etcdlab_client client;
    Rights *rights;
    int64_t epoch;    /* of the leader's key as it stands */
    int64_t believed; /* under which we act */
    unsigned n_leases, n_fences, n_rights, n_gone, n_listed;
};

static int64_t believed_epoch(void *user)
{
    return ((struct lab *)user)->believed;
}

static void lead(struct lab *lab)
{
    EtcdTxn *txn = etcd_txn_new();
    struct etcdlab_outcome outcome;

    etcd_txn_delete(txn, "/vrm/leader");
    outcome = etcdlab_commit(&lab->client, txn);
    etcdlab_outcome_clear(&outcome);
    etcdlab_put(&lab->client, "/vrm/leader", "x");
    outcome = etcdlab_read(&lab->client, "/vrm/leader");
    lab->epoch = outcome.revision;
    etcdlab_outcome_clear(&outcome);
}

static void lab_open_for(struct lab *lab, unsigned patience_ms)
{
    const char *const endpoints[] = { g_getenv("VRM_ETCD_URL"), NULL };
    EtcdTxn *txn = etcd_txn_new();
    struct etcdlab_outcome outcome;

    *lab = (struct lab){ .client = etcdlab_open() };
    etcd_txn_delete(txn, "/vrm/ha/vm/7");
    etcd_txn_delete(txn, "/vrm/ha/lease/101/1");
    etcd_txn_delete(txn, "/vrm/ha/lease/102/1");
    etcd_txn_delete(txn, "/vrm/ha/lease/101/4");
    etcd_txn_delete(txn, "/vrm/ha/fence/101/1/00000000000000aa-1");
    outcome = etcdlab_commit(&lab->client, txn);
    etcdlab_outcome_clear(&outcome);
    lead(lab);
    lab->believed = lab->epoch;
    lab->rights = rights_new(&(struct rights_options){ .http = lab->client.http,
                                                       .endpoints = endpoints,
                                                       .prefix = "/vrm",
                                                       .timeout_ms = 500,
                                                       .patience_ms = patience_ms,
                                                       .idle_ms = 1000,
                                                       .epoch = believed_epoch,
                                                       .user = lab });
}

static void lab_open(struct lab *lab)
{
    lab_open_for(lab, 30000);
}

static void lab_close(struct lab *lab)
{
    rights_free(lab->rights);
    etcdlab_close(&lab->client);
}

static bool is_listed(const void *user)
{
    return rights_listed(((const struct lab *)user)->rights);
}

static void lab_watch(struct lab *lab)
{
    rights_start(lab->rights);
    ck_assert(etcdlab_run_until(is_listed, lab, PATIENCE_MS));
}

/* ---- what is there ----------------------------------------------------------------------------
 */

static void count_lease(int64_t host, int32_t authority, const struct ha_lease_seen *seen,
                        void *user)
{
    ck_assert(host >= 101 && authority == HA_ETCD && seen->version > 0);
    ((struct lab *)user)->n_leases++;
}

static void count_fence(const struct ha_owner *dead, const struct ha_fence_record *fence,
                        void *user)
{
    ck_assert(dead->inc.boot == 0xaa && fence->proof == HA_PROOF_POWER);
    ((struct lab *)user)->n_fences++;
}

static void count_right(const struct ha_vm_seen *seen, void *user)
{
    ck_assert_int_eq(seen->vm, VM);
    ((struct lab *)user)->n_rights++;
}

static void count_gone(const struct ha_key *key, void *user)
{
    ck_assert_int_eq(key->kind, HA_KEY_VM);
    ((struct lab *)user)->n_gone++;
}

static void count_listed(void *user)
{
    ((struct lab *)user)->n_listed++;
}

static void add_sink(struct lab *lab)
{
    rights_add_sink(lab->rights, &(struct rights_sink){ .lease = count_lease,
                                                        .fence = count_fence,
                                                        .right = count_right,
                                                        .gone = count_gone,
                                                        .listed = count_listed,
                                                        .user = lab });
}

static bool has_all(const void *user)
{
    const struct lab *lab = user;

    return lab->n_leases == 2 && lab->n_fences == 1 && lab->n_rights == 1 && lab->n_listed == 1;
}

static bool has_gone(const void *user)
{
    return ((const struct lab *)user)->n_gone > 0;
}

static const char right_text[] = "{\"gen\":3,\"claimed\":true,\"owners\":[{\"host\":101,"
                                 "\"authority\":1,\"inc\":\"00000000000000aa-1\"}]}";

static void put_all(struct lab *lab)
{
    etcdlab_put(&lab->client, "/vrm/ha/lease/101/1", "{\"inc\":\"00000000000000aa-1\",\"seq\":5}");
    etcdlab_put(&lab->client, "/vrm/ha/lease/102/1", "{\"inc\":\"00000000000000bb-2\",\"seq\":1}");
    etcdlab_put(&lab->client, "/vrm/ha/fence/101/1/00000000000000aa-1",
                "{\"proof\":\"power is off\",\"epoch\":4}");
    etcdlab_put(&lab->client, "/vrm/ha/vm/7", right_text);
    etcdlab_put(&lab->client, "/vrm/ha/vm/8", "nonsense"); /* counts for nothing */
}

/* Before the watch, during it, and for one who asks late: the same is told. */
START_TEST(every_record_is_told_once_whenever_it_came)
{
    struct lab lab;

    lab_open(&lab);
    if (_i == 0)
        put_all(&lab);
    if (_i < 2)
        add_sink(&lab);
    lab_watch(&lab);
    if (_i > 0)
        put_all(&lab);
    if (_i == 2) {
        etcdlab_run_for(200);
        add_sink(&lab);
    }
    ck_assert(etcdlab_run_until(has_all, &lab, PATIENCE_MS));
    ck_assert_int_eq(rights_of(lab.rights, VM)->right.owners[0].host, 101);
    ck_assert_ptr_null(rights_of(lab.rights, 8));
    etcdlab_run_for(1500); /* the silent watch is begun anew: nothing is told twice */
    ck_assert(has_all(&lab));
    lab_close(&lab);
}
END_TEST

static const int ways[] = { 0, 1, 2 };
static const int cuts[] = { 0, 1 };

START_TEST(a_record_that_is_removed_is_forgotten_also_when_nobody_watched)
{
    EtcdTxn *txn = etcd_txn_new();
    struct etcdlab_outcome outcome;
    struct lab lab;

    lab_open(&lab);
    etcdlab_put(&lab.client, "/vrm/ha/vm/7", right_text);
    lab_watch(&lab);
    add_sink(&lab);
    ck_assert_ptr_nonnull(rights_of(lab.rights, VM));
    if (cuts[_i] == 1)
        etcdlab_control("--stop");
    if (cuts[_i] == 1)
        etcdlab_run_for(300);
    if (cuts[_i] == 1)
        etcdlab_control("--start");
    etcd_txn_delete(txn, "/vrm/ha/vm/7");
    outcome = etcdlab_commit(&lab.client, txn);
    etcdlab_outcome_clear(&outcome);
    ck_assert(etcdlab_run_until(has_gone, &lab, PATIENCE_MS));
    ck_assert_ptr_null(rights_of(lab.rights, VM));
    lab_close(&lab);
}
END_TEST

static const struct {
    const char *lease, *fence;
    const char *complaint; /* NULL: it may take one */
} hosts[] = {
    { "{\"inc\":\"00000000000000aa-1\",\"seq\":5}", NULL, NULL },
    { NULL, NULL, "it keeps no lease" },
    { "{\"inc\":\"00000000000000aa-1\",\"seq\":5}", "{\"proof\":\"power is off\",\"epoch\":4}",
      "its lease has ended" },
};

START_TEST(a_host_may_take_a_vm_while_its_life_is_not_buried)
{
    struct ha_owner owner = { 0 };
    g_autoptr(GError) error = NULL;
    struct lab lab;
    bool may;

    lab_open(&lab);
    ck_assert(!rights_owner(lab.rights, 101, HA_ETCD, &owner, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "etcd has not answered yet");
    if (hosts[_i].lease)
        etcdlab_put(&lab.client, "/vrm/ha/lease/101/1", hosts[_i].lease);
    if (hosts[_i].fence)
        etcdlab_put(&lab.client, "/vrm/ha/fence/101/1/00000000000000aa-1", hosts[_i].fence);
    lab_watch(&lab);
    may = rights_owner(lab.rights, 101, HA_ETCD, &owner, &error);
    ck_assert(may == !hosts[_i].complaint);
    if (may)
        ck_assert(owner.host == 101 && owner.inc.boot == 0xaa && owner.inc.n == 1);
    else
        suite_take_error(&error, VRM_ERR_UNAVAILABLE, hosts[_i].complaint);
    lab_close(&lab);
}
END_TEST

/* What a decider would say: whoever's slot moves has its owner, others are etcd's. */
static bool choose(int64_t host, int32_t authority, struct ha_owner *ret_owner, void *user)
{
    const bool *moves = user;

    if (authority >= HA_STORAGE && *moves)
        *ret_owner = (struct ha_owner){ host, authority, { 0xaa, 3 } };
    else
        *ret_owner = (struct ha_owner){ host, HA_ETCD, { 0xaa, 1 } };
    return true;
}

START_TEST(a_host_takes_a_vm_by_its_slot_where_that_moves_and_else_by_etcd)
{
    struct ha_owner owner = { 0 };
    g_autoptr(GError) error = NULL;
    bool moves = true;
    struct lab lab;

    lab_open(&lab);
    etcdlab_put(&lab.client, "/vrm/ha/lease/101/1", hosts[0].lease);
    etcdlab_put(&lab.client, "/vrm/ha/lease/101/4", "{\"inc\":\"00000000000000aa-3\",\"seq\":9}");
    lab_watch(&lab);
    ck_assert(rights_owner(lab.rights, 101, 4, &owner, NULL));
    ck_assert_int_eq(owner.authority, HA_ETCD); /* nobody knows whether its slot moves */
    rights_add_sink(lab.rights, &(struct rights_sink){ .may_take = choose, .user = &moves });
    etcdlab_run_for(100);
    ck_assert(rights_owner(lab.rights, 101, 4, &owner, NULL));
    ck_assert(owner.authority == 4 && owner.inc.n == 3);
    ck_assert(rights_owner(lab.rights, 101, 5, &owner, NULL)); /* it keeps no slot there */
    ck_assert_int_eq(owner.authority, HA_ETCD);
    moves = false;
    ck_assert(rights_owner(lab.rights, 101, 4, &owner, NULL));
    ck_assert(owner.authority == HA_ETCD && owner.inc.n == 1);
    ck_assert(!rights_owner(lab.rights, 102, 4, &owner, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "it keeps no lease");
    rights_remove_sink(lab.rights, &moves);
    lab_close(&lab);
}
END_TEST

/* ---- changes ----------------------------------------------------------------------------------
 */

struct sent {
    bool done;
    enum ha_outcome outcome;
    GError *error;
};

static void on_sent(enum ha_outcome outcome, const GError *error, void *user)
{
    struct sent *sent = user;

    ck_assert(!sent->done);
    sent->done = true;
    sent->outcome = outcome;
    ck_assert((error == NULL) == (outcome == HA_DONE));
    sent->error = error ? g_error_copy(error) : NULL;
}

static struct ha_vm_seen seen_now(const struct lab *lab)
{
    const struct ha_vm_seen *seen = rights_of(lab->rights, VM);

    return seen ? *seen : (struct ha_vm_seen){ .vm = VM };
}

static const struct ha_owner owner_101 = { 101, HA_ETCD, { 0xaa, 1 } };
static const struct ha_owner owner_102 = { 102, HA_ETCD, { 0xbb, 2 } };

static void assign(struct lab *lab, const struct ha_vm_seen *seen, const struct ha_owner *to,
                   struct sent *sent)
{
    const struct ha_mandate mandate = { .epoch = lab->believed };
    struct ha_txn txn;

    right_assign(&mandate, seen, to, &txn);
    *sent = (struct sent){ 0 };
    (void)rights_send(lab->rights, &txn, on_sent, sent);
}

static void wait_sent(struct sent *sent, enum ha_outcome outcome, const char *complaint)
{
    ck_assert(etcdlab_run_until(etcdlab_is_set, &sent->done, PATIENCE_MS));
    ck_assert_int_eq(sent->outcome, outcome);
    if (complaint)
        ck_assert_msg(strstr(sent->error->message, complaint) != NULL, "%s", sent->error->message);
    g_clear_error(&sent->error);
}

START_TEST(a_right_is_assigned_once_and_the_table_knows_at_once)
{
    struct ha_vm_seen seen = { .vm = VM };
    struct sent sent;
    struct lab lab;

    lab_open(&lab);
    lab_watch(&lab);
    assign(&lab, &seen, &owner_101, &sent);
    wait_sent(&sent, HA_DONE, NULL);
    seen = seen_now(&lab);
    ck_assert(seen.version > 0 && seen.right.gen == 1 && !seen.right.claimed);
    /* by one who has not seen it yet: it stands as wanted */
    assign(&lab, &(struct ha_vm_seen){ .vm = VM }, &owner_101, &sent);
    wait_sent(&sent, HA_DONE, NULL);
    ck_assert_int_eq(seen_now(&lab).version, seen.version);
    /* and another owner is not what stands */
    assign(&lab, &(struct ha_vm_seen){ .vm = VM }, &owner_102, &sent);
    wait_sent(&sent, HA_FAILED, "the VM's right has changed meanwhile");
    ck_assert(ha_owner_equal(&seen_now(&lab).right.owners[0], &owner_101));
    lab_close(&lab);
}
END_TEST

START_TEST(a_claimed_right_is_free_only_with_a_tombstone)
{
    struct sent sent;
    struct lab lab;

    lab_open(&lab);
    etcdlab_put(&lab.client, "/vrm/ha/vm/7", right_text);
    lab_watch(&lab);
    assign(&lab, rights_of(lab.rights, VM), &owner_102, &sent);
    wait_sent(&sent, HA_FAILED, "host 101 went to start it and is not known to be dead");
    etcdlab_put(&lab.client, "/vrm/ha/fence/101/1/00000000000000aa-1",
                "{\"proof\":\"power is off\",\"epoch\":4}");
    assign(&lab, rights_of(lab.rights, VM), &owner_102, &sent);
    wait_sent(&sent, HA_DONE, NULL);
    ck_assert_int_eq(seen_now(&lab).right.gen, 4);
    assign(&lab, rights_of(lab.rights, VM), &owner_101, &sent); /* it is dead for ever */
    wait_sent(&sent, HA_FAILED, "the lease of host 101 has ended (power is off)");
    lab_close(&lab);
}
END_TEST

START_TEST(who_leads_no_more_changes_nothing)
{
    struct sent sent;
    struct lab lab;

    lab_open(&lab);
    lab_watch(&lab);
    if (_i == 0)
        lead(&lab); /* somebody else, and we do not know it yet */
    assign(&lab, &(struct ha_vm_seen){ .vm = VM }, &owner_101, &sent);
    if (ways[_i] == 1)
        lab.believed = 0; /* between the decision and the sending */
    if (_i == 2)
        lab.believed++;
    wait_sent(&sent, HA_FAILED, _i == 0 ? "another controller leads" : "may not act now");
    etcdlab_run_for(100);
    ck_assert_ptr_null(rights_of(lab.rights, VM));
    lab_close(&lab);
}
END_TEST

/* The etcd dies with the request or before it; after its return the record says what holds. */
START_TEST(an_answer_that_never_came_is_read)
{
    struct sent sent;
    struct lab lab;

    lab_open(&lab);
    lab_watch(&lab);
    etcdlab_control("--stop");
    assign(&lab, &(struct ha_vm_seen){ .vm = VM }, &owner_101, &sent);
    etcdlab_run_for(_i == 0 ? 600 : 1);
    ck_assert(!sent.done);
    ck_assert(!rights_etcd_ok(lab.rights) || cuts[_i] == 1);
    etcdlab_control("--start");
    wait_sent(&sent, HA_DONE, NULL);
    ck_assert(ha_owner_equal(&seen_now(&lab).right.owners[0], &owner_101));
    lab_close(&lab);
}
END_TEST

START_TEST(without_etcd_the_outcome_is_unknown_and_a_reset_ends_the_waiting)
{
    struct sent sent, other;
    struct lab lab;

    lab_open_for(&lab, 1000);
    lab_watch(&lab);
    etcdlab_control("--stop");
    assign(&lab, &(struct ha_vm_seen){ .vm = VM }, &owner_101, &sent);
    wait_sent(&sent, HA_UNKNOWN, "etcd does not answer");
    assign(&lab, &(struct ha_vm_seen){ .vm = VM }, &owner_101, &other);
    etcdlab_run_for(20);
    rights_reset(lab.rights);
    etcdlab_run_for(300);
    ck_assert(!other.done && !rights_listed(lab.rights));
    etcdlab_control("--start");
    lab_close(&lab);
}
END_TEST

START_TEST(a_record_is_removed_only_as_it_was_seen)
{
    struct rights_removal removal = { .key = { .kind = HA_KEY_VM, .id = VM } };
    struct sent sent = { 0 };
    struct lab lab;
    int64_t version;

    lab_open(&lab);
    etcdlab_put(&lab.client, "/vrm/ha/vm/7", right_text);
    lab_watch(&lab);
    version = rights_of(lab.rights, VM)->version;
    removal.version = version - 1;
    (void)rights_remove(lab.rights, &removal, on_sent, &sent);
    wait_sent(&sent, HA_FAILED, "etcd refuses the change");
    ck_assert_ptr_nonnull(rights_of(lab.rights, VM));
    sent = (struct sent){ 0 };
    removal.version = version;
    (void)rights_remove(lab.rights, &removal, on_sent, &sent);
    wait_sent(&sent, HA_DONE, NULL);
    ck_assert_ptr_null(rights_of(lab.rights, VM));
    sent = (struct sent){ 0 };
    (void)rights_remove(lab.rights, &removal, on_sent, &sent); /* gone is what was wanted */
    wait_sent(&sent, HA_DONE, NULL);
    lab_close(&lab);
}
END_TEST

/* ---- what nobody needs ------------------------------------------------------------------------
 */

#define HOUR_MS INT64_C(3600000)

static int64_t committers_epoch(void *user)
{
    return believed_epoch(user);
}

static void put_inventory(Inventory *inv)
{
    SnapshotBuilder *builder = inventory_edit(inv);
    Host *host = host_new();
    Vm *vm = vm_new();

    host->id = 101;
    vm->id = VM;
    snapshot_builder_put_host(builder, host);
    snapshot_builder_put_vm(builder, vm);
    inventory_publish(inv);
}

/* What stands in etcd, which of it stays when nobody has changed it for an hour, and why. */
static const struct {
    const char *key, *value;
    bool stays;
} swept[] = {
    { "/vrm/ha/vm/7", right_text, true },   /* of a VM that there is */
    { "/vrm/ha/vm/77", right_text, false }, /* ... that was deleted */
    { "/vrm/ha/lease/101/1", "{\"inc\":\"00000000000000aa-3\",\"seq\":5}", true },
    { "/vrm/ha/lease/190/1", "{\"inc\":\"00000000000000bb-2\",\"seq\":1}", false },
    { "/vrm/ha/fence/101/1/00000000000000aa-1", "{\"proof\":\"power is off\",\"epoch\":4}", true },
    { "/vrm/ha/fence/101/1/00000000000000aa-2", "{\"proof\":\"power is off\",\"epoch\":4}", false },
    { "/vrm/ha/fence/101/1/00000000000000aa-3", "{\"proof\":\"power is off\",\"epoch\":4}", true },
    { "/vrm/ha/fence/190/1/00000000000000bb-1", "{\"proof\":\"power is off\",\"epoch\":4}", false },
};

static bool is_there(struct lab *lab, const char *key)
{
    struct etcdlab_outcome outcome = etcdlab_read(&lab->client, key);
    const bool there = outcome.n_kvs > 0;

    etcdlab_outcome_clear(&outcome);
    return there;
}

START_TEST(what_nobody_needs_goes_and_nothing_else)
{
    const struct settings settings = { .ha_enabled = true };
    struct app app = { .settings = &settings, .inv = inventory_new(), .metrics = metrics_new() };
    struct lab lab;
    RightKeep *keep;

    lab_open(&lab);
    app.rights = lab.rights;
    app.committer = (struct committer){ .epoch = committers_epoch, .user = &lab };
    put_inventory(app.inv);
    for (size_t i = 0; i < G_N_ELEMENTS(swept); i++)
        etcdlab_put(&lab.client, swept[i].key, swept[i].value);
    lab_watch(&lab);
    keep = right_keep_new(&app);
    right_keep_sweep(keep, clock_now_ms()); /* too young */
    etcdlab_run_for(100);
    for (size_t i = 0; i < G_N_ELEMENTS(swept); i++)
        ck_assert_msg(is_there(&lab, swept[i].key), "%s went too early", swept[i].key);
    lab.believed = 0; /* by one who leads no more */
    right_keep_sweep(keep, clock_now_ms() + HOUR_MS);
    etcdlab_run_for(100);
    lab.believed = lab.epoch;
    for (size_t i = 0; i < G_N_ELEMENTS(swept); i++)
        ck_assert_msg(is_there(&lab, swept[i].key), "%s went without a mandate", swept[i].key);
    for (int round = 0; round < 3; round++) {
        right_keep_sweep(keep, clock_now_ms() + HOUR_MS);
        etcdlab_run_for(300);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(swept); i++)
        ck_assert_msg(is_there(&lab, swept[i].key) == swept[i].stays, "%s: stays %d", swept[i].key,
                      swept[i].stays);
    right_keep_free(keep);
    lab_close(&lab);
    inventory_free(app.inv);
    metrics_free(app.metrics);
}
END_TEST

SUITE_MAIN("rights", SUITE_LOOP(every_record_is_told_once_whenever_it_came, ways),
           SUITE_LOOP(a_record_that_is_removed_is_forgotten_also_when_nobody_watched, cuts),
           SUITE_LOOP(a_host_may_take_a_vm_while_its_life_is_not_buried, hosts),
           SUITE_TEST(a_host_takes_a_vm_by_its_slot_where_that_moves_and_else_by_etcd),
           SUITE_TEST(a_right_is_assigned_once_and_the_table_knows_at_once),
           SUITE_TEST(a_claimed_right_is_free_only_with_a_tombstone),
           SUITE_LOOP(who_leads_no_more_changes_nothing, ways),
           SUITE_LOOP(an_answer_that_never_came_is_read, cuts),
           SUITE_TEST(without_etcd_the_outcome_is_unknown_and_a_reset_ends_the_waiting),
           SUITE_TEST(a_record_is_removed_only_as_it_was_seen),
           SUITE_TEST(what_nobody_needs_goes_and_nothing_else))
