/* test_ha_turns.c - ha.h: what counts as a VM's failure, and what only puts its start off. */
#include "config.h"

#include "ha/ha.h"
#include "tests/ha_usual.h"
#include "tests/suite.h"

/* One host that is well, one VM that should run there and does not. */
struct scene {
    Ha *ha;
    int host, vm;
    int64_t now_ms, version;
    struct ha_actions actions;
};

static const struct ha_inc life = { 0xaa, 1 };

static void pulse(struct scene *scene)
{
    const struct ha_lease_seen lease = { { life, scene->version, USUAL_LEASE_MS },
                                         ++scene->version,
                                         scene->now_ms };

    ha_see_lease(scene->ha, scene->host, HA_ETCD, &lease, scene->now_ms);
    ha_see_beat(scene->ha, scene->host, life, scene->now_ms);
    ha_see_agent(scene->ha, scene->host, scene->now_ms);
    ha_see_vm(scene->ha, scene->vm, scene->host, false);
}

static struct scene scene_new(void)
{
    const struct ha_options options = ha_usual();
    const struct ha_vm_spec spec = {
        .id = 1, .authority = HA_ETCD, .after = -1, .follows_host = true, .follows_crash = true
    };
    const struct ha_vm_right right = {
        .gen = 1, .n_owners = 1, .owners = { { 101, HA_ETCD, life } }, .claimed = true
    };
    struct scene scene = { .ha = ha_new(&options, (struct ha_mandate){ 5, 5 }) };

    scene.host = ha_add_host(scene.ha, 101, false);
    scene.vm = ha_add_vm(scene.ha, &spec);
    ha_see_right(scene.ha, scene.vm, 1, &right);
    ha_set_wanted(scene.ha, scene.vm, true);
    return scene;
}

static void scene_clear(struct scene *scene)
{
    ha_actions_clear(&scene->actions);
    ha_free(scene->ha);
}

/* Looks until a start is wanted; its request, 0: none within limit_ms. */
static uint64_t next_start(struct scene *scene, int64_t limit_ms)
{
    const int64_t until_ms = scene->now_ms + limit_ms;

    while (scene->now_ms < until_ms) {
        scene->now_ms += 200;
        pulse(scene);
        ha_actions_clear(&scene->actions);
        ha_tick(scene->ha, scene->now_ms, &scene->actions);
        for (size_t i = 0; i < scene->actions.len; i++)
            if (scene->actions.items[i].act == HA_DO_START)
                return scene->actions.items[i].request;
    }
    return 0;
}

START_TEST(a_start_that_could_not_be_ordered_is_ordered_again_each_second_and_is_no_failure)
{
    struct scene scene = scene_new();

    for (int i = 0; i < 30; i++) {
        const int64_t from_ms = scene.now_ms;
        const uint64_t request = next_start(&scene, 5000);

        ck_assert_uint_ne(request, 0);
        if (i > 0)
            ck_assert_int_le(scene.now_ms - from_ms, 1500);
        ha_answered(scene.ha, request, HA_PUT_OFF, scene.now_ms);
        ck_assert_int_ne(ha_vm_state(scene.ha, scene.vm), VM_FSM_BACKOFF);
    }
    scene_clear(&scene);
}
END_TEST

START_TEST(a_start_that_fails_is_tried_ever_more_rarely)
{
    struct scene scene = scene_new();
    int64_t from_ms = 0;

    for (int i = 0; i < 3; i++) {
        const uint64_t request = next_start(&scene, 60000);

        if (request == 0) /* twice here, then elsewhere */
            break;
        from_ms = scene.now_ms;
        ha_answered(scene.ha, request, HA_FAILED, scene.now_ms);
    }
    ck_assert_int_gt(scene.now_ms - from_ms, 5000);
    scene_clear(&scene);
}
END_TEST

SUITE_MAIN(
    "ha_turns",
    SUITE_TEST(a_start_that_could_not_be_ordered_is_ordered_again_each_second_and_is_no_failure),
    SUITE_TEST(a_start_that_fails_is_tried_ever_more_rarely))
