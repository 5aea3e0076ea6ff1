/* test_standin.c - the recovery leader of ha/standin.h: what it takes over, and what it leaves. */
#include "config.h"

#include "tests/suite.h"

#include "ha/standin.h"

#define LEASE_MS 12000
#define EPOCH    500
#define PROOF_MS 12400 /* a lease that stood still for so long is over */

enum {
    OLD = 101, /* host that dies */
    NEAR = 102,
    FAR = 103,
    VM = 7
};

static const struct ha_key vm_key = { .kind = HA_KEY_VM, .id = VM };

static struct ha_inc life_of(int64_t host)
{
    return (struct ha_inc){ (uint64_t)host * 1000, 1 };
}

static struct ha_owner owner_of(int64_t host)
{
    return (struct ha_owner){ host, HA_ETCD, life_of(host) };
}

/* A stand-in that watches since 0 ms: three hosts, one VM planned from OLD to NEAR, then FAR. */
struct scene {
    StandIn *standin;
    struct ha_actions actions;
    int64_t now_ms, revision;
    int64_t told_ms; /* how long leases last, as they say */
};

static void see_lease(struct scene *scene, int64_t host)
{
    const struct ha_key key = { HA_KEY_LEASE, HA_ETCD, host, { 0 } };
    const struct ha_record record = { .lease = { life_of(host), ++scene->revision,
                                                 scene->told_ms } };

    standin_see(scene->standin, &key, &record, scene->revision, scene->now_ms);
}

static void see_right(struct scene *scene, int64_t host, bool claimed)
{
    const struct ha_record record = {
        .vm = { .gen = 1, .n_owners = host != 0, .owners = { owner_of(host) }, .claimed = claimed },
    };

    standin_see(scene->standin, &vm_key, &record, ++scene->revision, scene->now_ms);
}

static void plan(struct scene *scene)
{
    const struct standin_plan it = {
        .vm = VM, .authority = HA_ETCD, .n_targets = 2, .targets = { NEAR, FAR }
    };

    standin_plan(scene->standin, &it);
}

static struct scene scene_new(void)
{
    struct scene scene = { .standin = standin_new(LEASE_MS, 0), .told_ms = LEASE_MS };

    plan(&scene);
    for (int64_t host = OLD; host <= FAR; host++)
        see_lease(&scene, host);
    return scene;
}

static void scene_clear(struct scene *scene)
{
    ha_actions_clear(&scene->actions);
    standin_free(scene->standin);
}

/* Time passes; NEAR and FAR renew their leases. */
static void pass(struct scene *scene, int64_t ms)
{
    const int64_t end_ms = scene->now_ms + ms;

    while (scene->now_ms < end_ms) {
        scene->now_ms += 250;
        if (scene->now_ms % 1500 == 0) {
            see_lease(scene, NEAR);
            see_lease(scene, FAR);
        }
        standin_tick(scene->standin, scene->now_ms, &scene->actions);
    }
}

static const struct ha_action *find(const struct scene *scene, enum ha_act act)
{
    for (size_t i = 0; i < scene->actions.len; i++)
        if (scene->actions.items[i].act == act)
            return &scene->actions.items[i];
    return NULL;
}

/* etcd does the first transaction of that kind, and tells. */
static void done(struct scene *scene, enum ha_act act)
{
    const struct ha_action *action = find(scene, act);
    struct ha_action copy;

    ck_assert_msg(action != NULL, "no %s", ha_act_name(act));
    copy = *action;
    ha_actions_clear(&scene->actions);
    standin_see(scene->standin, &copy.txn.puts[0].key, &copy.txn.puts[0].record, ++scene->revision,
                scene->now_ms);
    standin_answered(scene->standin, copy.request, HA_DONE, scene->now_ms);
}

/* The VM's new owner, after its old one died; 0: it is left alone. */
static int64_t assigned_to(const struct scene *scene)
{
    const struct ha_action *action = find(scene, HA_DO_ASSIGN);

    return action ? action->txn.puts[0].record.vm.owners[0].host : 0;
}

START_TEST(a_dead_hosts_vm_goes_to_the_first_target_that_lives)
{
    struct scene scene = scene_new();

    see_right(&scene, OLD, true);
    standin_lead(scene.standin, EPOCH);
    pass(&scene, PROOF_MS);
    done(&scene, HA_DO_BURY);
    pass(&scene, 1000);
    ck_assert_int_eq(assigned_to(&scene), NEAR);
    scene_clear(&scene);
}
END_TEST

START_TEST(every_transaction_asks_for_the_mandate_and_for_the_absence_of_a_leader)
{
    struct scene scene = scene_new();
    const struct ha_txn *txn;

    see_right(&scene, OLD, true);
    standin_lead(scene.standin, EPOCH);
    pass(&scene, PROOF_MS);
    txn = &find(&scene, HA_DO_BURY)->txn;
    ck_assert_int_eq(txn->compares[0].key.kind, HA_KEY_RECOVERY);
    ck_assert_int_eq(txn->compares[0].revision, EPOCH);
    ck_assert_int_eq(txn->compares[1].key.kind, HA_KEY_LEADER);
    ck_assert_int_eq(txn->compares[1].revision, 0);
    scene_clear(&scene);
}
END_TEST

START_TEST(it_watches_without_a_mandate_and_then_knows_at_once)
{
    struct scene scene = scene_new();

    see_right(&scene, OLD, true);
    pass(&scene, PROOF_MS);
    ck_assert_uint_eq(scene.actions.len, 0);
    standin_lead(scene.standin, EPOCH);
    pass(&scene, 250);
    done(&scene, HA_DO_BURY);
    pass(&scene, 1000);
    ck_assert_int_eq(assigned_to(&scene), NEAR);
    scene_clear(&scene);
}
END_TEST

static const struct {
    const char *what;
    bool has_record, claimed, planned;
    int64_t owner, want;
} cases[] = {
    { "no record: nobody knows whether it runs", false, false, true, 0, 0 },
    { "claimed by a host that lives: it runs", true, true, true, NEAR, 0 },
    { "given to a host that lives: that one starts it", true, false, true, NEAR, 0 },
    { "owned by nobody", true, false, true, 0, NEAR },
    { "claimed by the dead", true, true, true, OLD, NEAR },
    { "given to the dead", true, false, true, OLD, NEAR },
    { "claimed by the dead, but it should not run", true, true, false, OLD, 0 },
};

START_TEST(it_takes_over_what_should_run_and_can_no_longer_run_where_it_was)
{
    struct scene scene = scene_new();

    if (!cases[_i].planned)
        standin_unplan(scene.standin, VM);
    if (cases[_i].has_record)
        see_right(&scene, cases[_i].owner, cases[_i].claimed);
    standin_lead(scene.standin, EPOCH);
    for (int i = 0; i < 60 && assigned_to(&scene) == 0; i++) {
        pass(&scene, 250);
        if (find(&scene, HA_DO_BURY))
            done(&scene, HA_DO_BURY);
    }
    ck_assert_msg(assigned_to(&scene) == cases[_i].want, "%s", cases[_i].what);
    scene_clear(&scene);
}
END_TEST

START_TEST(after_a_failed_start_the_next_target_has_its_turn)
{
    struct scene scene = scene_new();

    see_right(&scene, 0, false);
    standin_lead(scene.standin, EPOCH);
    pass(&scene, 1000);
    ck_assert_int_eq(assigned_to(&scene), NEAR);
    done(&scene, HA_DO_ASSIGN);
    pass(&scene, 500);
    ck_assert_ptr_nonnull(find(&scene, HA_DO_START));
    see_right(&scene, 0, false); /* given back: it did not start */
    pass(&scene, 3000);
    ck_assert_int_eq(assigned_to(&scene), FAR);
    scene_clear(&scene);
}
END_TEST

START_TEST(a_host_that_does_not_begin_loses_the_vm_to_the_next_one)
{
    struct scene scene = scene_new();

    see_right(&scene, 0, false);
    standin_lead(scene.standin, EPOCH);
    pass(&scene, 1000);
    done(&scene, HA_DO_ASSIGN);
    pass(&scene, 50000);
    ck_assert_int_eq(assigned_to(&scene), FAR);
    scene_clear(&scene);
}
END_TEST

START_TEST(a_claim_is_the_answer_to_a_start)
{
    struct scene scene = scene_new();

    see_right(&scene, 0, false);
    standin_lead(scene.standin, EPOCH);
    pass(&scene, 1000);
    done(&scene, HA_DO_ASSIGN);
    pass(&scene, 500);
    ha_actions_clear(&scene.actions);
    see_right(&scene, NEAR, true);
    pass(&scene, 60000);
    ck_assert_int_eq(assigned_to(&scene), 0);
    ck_assert_int_eq(ha_vm_state(standin_peek(scene.standin), 0), VM_FSM_RUNNING);
    scene_clear(&scene);
}
END_TEST

START_TEST(a_vm_waits_for_the_one_it_needs)
{
    struct scene scene = scene_new();
    const struct standin_plan first = {
        .vm = 3, .authority = HA_ETCD, .n_targets = 1, .targets = { FAR }
    };
    const struct standin_plan second = {
        .vm = VM, .authority = HA_ETCD, .after = 3, .n_targets = 1, .targets = { NEAR }
    };
    const struct ha_key key = { .kind = HA_KEY_VM, .id = 3 };
    const struct ha_record nobody = { .vm = { .gen = 1 } };

    standin_plan(scene.standin, &second);
    standin_plan(scene.standin, &first);
    see_right(&scene, 0, false);
    standin_see(scene.standin, &key, &nobody, ++scene.revision, 0);
    standin_lead(scene.standin, EPOCH);
    pass(&scene, 1000);
    ck_assert_int_eq(assigned_to(&scene), FAR);
    scene_clear(&scene);
}
END_TEST

/* ---- slots on storage ------------------------------------------------------------------------ */

#define STORE         (HA_STORAGE + 3)
#define SLOT_MS       20000
#define SLOT_PROOF_MS 20380

static struct ha_owner keeper_of(int64_t host)
{
    return (struct ha_owner){ host, STORE, life_of(host) };
}

static void see_slot(const struct scene *scene, int64_t host, int64_t seq)
{
    const struct ha_slot_seen seen = { life_of(host), seq, scene->now_ms, SLOT_MS };

    standin_see_slot(scene->standin, host, STORE, &seen, scene->now_ms);
}

/* The VM lives by OLD's slot; OLD and NEAR are registered. */
static struct scene scene_of_storage(void)
{
    const struct ha_vm_right right = { 1, 1, { keeper_of(OLD) }, true };
    const struct standin_plan it = {
        .vm = VM, .authority = STORE, .n_targets = 2, .targets = { NEAR, FAR }
    };
    struct scene scene = scene_new();

    standin_free(scene.standin);
    scene.standin = standin_new(LEASE_MS, SLOT_MS);
    standin_plan(scene.standin, &it);
    for (int64_t host = OLD; host <= FAR; host++)
        see_lease(&scene, host);
    for (int64_t host = OLD; host <= NEAR; host++)
        standin_see(scene.standin, &(struct ha_key){ HA_KEY_LEASE, STORE, host, { 0 } },
                    &(struct ha_record){ .lease = { life_of(host), 1, SLOT_MS } }, ++scene.revision,
                    0);
    standin_see(scene.standin, &vm_key, &(struct ha_record){ .vm = right }, ++scene.revision, 0);
    standin_lead(scene.standin, EPOCH);
    return scene;
}

/* Time passes in which OLD's slot is read now and then, with `seq`, and NEAR's moves; 0: OLD's
 * cannot be read. */
static void pass_and_read(struct scene *scene, int64_t ms, int64_t seq)
{
    const int64_t end_ms = scene->now_ms + ms;

    while (scene->now_ms < end_ms) {
        if (seq != 0)
            see_slot(scene, OLD, seq);
        see_slot(scene, NEAR, scene->now_ms + 1);
        pass(scene, 500);
    }
}

static unsigned burials_of_slots(const struct scene *scene)
{
    unsigned n = 0;

    for (size_t i = 0; i < scene->actions.len; i++)
        n += scene->actions.items[i].act == HA_DO_BURY &&
             scene->actions.items[i].txn.puts[0].key.authority == STORE;
    return n;
}

START_TEST(a_vm_of_storage_comes_back_when_its_host_s_slot_stood_still)
{
    struct scene scene = scene_of_storage();
    const struct ha_owner *to;

    pass_and_read(&scene, SLOT_PROOF_MS - 500, 77);
    ck_assert_uint_eq(burials_of_slots(&scene), 0);
    ha_actions_clear(&scene.actions); /* the one of its lease in etcd */
    pass_and_read(&scene, 2000, 77);
    ck_assert_uint_eq(burials_of_slots(&scene), 1);
    done(&scene, HA_DO_BURY);
    pass_and_read(&scene, 1000, 77);
    ck_assert_int_eq(assigned_to(&scene), NEAR);
    to = &find(&scene, HA_DO_ASSIGN)->txn.puts[0].record.vm.owners[0];
    ck_assert(ha_owner_equal(to, &(struct ha_owner){ NEAR, STORE, life_of(NEAR) }));
    scene_clear(&scene);
}
END_TEST

START_TEST(a_vm_of_storage_stays_when_nobody_reads_its_host_s_slot)
{
    struct scene scene = scene_of_storage();

    pass_and_read(&scene, 2000, 77);
    pass_and_read(&scene, 60000, 0);
    ck_assert_uint_eq(burials_of_slots(&scene), 0);
    ck_assert_int_eq(assigned_to(&scene), 0);
    scene_clear(&scene);
}
END_TEST

/* ---- on every host --------------------------------------------------------------------------- */

static const struct {
    const char *what;
    struct ha_vm_right right;
    bool want;
} calls[] = {
    { "ours, unclaimed", { 1, 1, { { OLD, HA_ETCD, { 9, 2 } } }, false }, true },
    { "claimed", { 1, 1, { { OLD, HA_ETCD, { 9, 2 } } }, true }, false },
    { "another host's", { 1, 1, { { NEAR, HA_ETCD, { 9, 2 } } }, false }, false },
    { "of an earlier life", { 1, 1, { { OLD, HA_ETCD, { 9, 1 } } }, false }, false },
    { "of an earlier boot", { 1, 1, { { OLD, HA_ETCD, { 8, 2 } } }, false }, false },
    { "by its slot on storage", { 1, 1, { { OLD, HA_STORAGE + 3, { 9, 2 } } }, false }, true },
    { "of a local disk", { 1, 1, { { OLD, HA_LOCAL, { 9, 2 } } }, false }, false },
    { "nobody's", { 1, 0, { { 0 } }, false }, false },
    { "in a migration",
      { 1, 2, { { OLD, HA_ETCD, { 9, 2 } }, { NEAR, HA_ETCD, { 1, 1 } } }, false },
      false },
};

START_TEST(a_host_is_called_by_an_unclaimed_right_of_its_present_life)
{
    const struct ha_inc life = { 9, 2 };

    ck_assert_msg(standin_calls_for(&calls[_i].right, OLD, life) == calls[_i].want, "%s",
                  calls[_i].what);
    ck_assert(!standin_calls_for(&calls[_i].right, OLD, (struct ha_inc){ 0 }));
}
END_TEST

// clang-format off
SUITE_MAIN("standin",
           SUITE_TEST(a_dead_hosts_vm_goes_to_the_first_target_that_lives),
           SUITE_TEST(every_transaction_asks_for_the_mandate_and_for_the_absence_of_a_leader),
           SUITE_TEST(it_watches_without_a_mandate_and_then_knows_at_once),
           SUITE_LOOP(it_takes_over_what_should_run_and_can_no_longer_run_where_it_was, cases),
           SUITE_TEST(after_a_failed_start_the_next_target_has_its_turn),
           SUITE_TEST(a_host_that_does_not_begin_loses_the_vm_to_the_next_one),
           SUITE_TEST(a_claim_is_the_answer_to_a_start),
           SUITE_TEST(a_vm_waits_for_the_one_it_needs),
           SUITE_TEST(a_vm_of_storage_comes_back_when_its_host_s_slot_stood_still),
           SUITE_TEST(a_vm_of_storage_stays_when_nobody_reads_its_host_s_slot),
           SUITE_LOOP(a_host_is_called_by_an_unclaimed_right_of_its_present_life, calls))
