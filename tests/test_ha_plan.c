/* test_ha_plan.c - the published plan of agentproto/ha_plan.h: keys, values, what is refused. */
#include "config.h"

#include "tests/suite.h"

#include <string.h>

#include "agentproto/ha_plan.h"

#define DIGEST "0123456789abcdef"

static Vm *make_vm(void)
{
    Vm *vm = vm_new();
    struct vm_disk *disk = vm_add_disk(vm);

    vm->id = 12;
    g_free(vm->uuid);
    vm->uuid = g_strdup("12345678-1234-1234-1234-123456789abc");
    g_free(vm->name);
    vm->name = g_strdup("web1");
    vm->cpu.quantity = 2;
    vm->memory.size_mb = 512;
    disk->sequence = 1;
    disk->size_gb = 10;
    g_free(disk->path);
    disk->path = g_strdup("/var/lib/vrm/ds1/web1.img");
    return vm;
}

START_TEST(a_vm_comes_back_as_its_start_needs_it)
{
    g_autoptr(Vm) vm = make_vm();
    const struct ha_plan_vm plan = { .gen = 7, .vm = vm };
    g_autofree char *text = ha_plan_vm_format(&plan);
    g_autofree char *again = NULL;
    struct ha_plan_vm back;
    GError *error = NULL;

    ck_assert(ha_plan_vm_parse(text, strlen(text), &back, &error));
    suite_no_error(error);
    ck_assert_int_eq(back.gen, 7);
    ck_assert_int_eq(back.vm->id, 12);
    ck_assert_str_eq(back.vm->disks[0].path, "/var/lib/vrm/ds1/web1.img");
    again = ha_plan_vm_format(&back);
    ck_assert_str_eq(text, again);
    ha_plan_vm_clear(&back);
}
END_TEST

START_TEST(a_digest_tells_texts_apart)
{
    g_autofree char *one = ha_plan_digest("one");
    g_autofree char *same = ha_plan_digest("one");
    g_autofree char *two = ha_plan_digest("two");

    ck_assert_uint_eq(strlen(one), HA_PLAN_DIGEST);
    ck_assert_str_eq(one, same);
    ck_assert_str_ne(one, two);
}
END_TEST

START_TEST(a_host_s_plan_comes_back)
{
    struct ha_plan_row rows[] = {
        { .vm = 1, .authority = 1, .targets = { 102, 103, 0 }, .digest = (char[]){ DIGEST } },
        { .vm = 2, .authority = 1, .priority = -3, .after = 1, .digest = (char[]){ DIGEST } },
    };
    const struct ha_plan_host plan = { rows, G_N_ELEMENTS(rows) };
    g_autofree char *text = ha_plan_host_format(&plan);
    struct ha_plan_host back;
    GError *error = NULL;

    ck_assert(ha_plan_host_parse(text, strlen(text), &back, &error));
    suite_no_error(error);
    ck_assert_uint_eq(back.n_rows, 2);
    ck_assert_int_eq(back.rows[0].targets[1], 103);
    ck_assert_int_eq(back.rows[1].priority, -3);
    ck_assert_int_eq(back.rows[1].after, 1);
    ck_assert_int_eq(back.rows[1].targets[0], 0);
    ha_plan_host_clear(&back);
}
END_TEST

START_TEST(deputies_come_back)
{
    struct ha_plan_deputy hosts[] = { { 101 }, { 104 } };
    const struct ha_plan_deputies plan = { 9, hosts, 2 };
    g_autofree char *text = ha_plan_deputies_format(&plan);
    struct ha_plan_deputies back;
    GError *error = NULL;

    ck_assert(ha_plan_deputies_parse(text, strlen(text), &back, &error));
    suite_no_error(error);
    ck_assert_int_eq(back.epoch, 9);
    ck_assert_uint_eq(back.n_hosts, 2);
    ck_assert_int_eq(back.hosts[1].host, 104);
    ha_plan_deputies_clear(&back);
}
END_TEST

#define ROW "{\"id\":1,\"authority\":1,\"digest\":\"" DIGEST "\"}"

static const struct {
    const char *text, *part;
} refusals[] = {
    { "", "JSON" },
    { "[]", "object" },
    { "{\"v\":4}", "vms" },
    { "{\"v\":4,\"vms\":[{\"id\":0,\"authority\":1,\"digest\":\"" DIGEST "\"}]}", "vms[0].id" },
    { "{\"v\":4,\"vms\":[" ROW ",{\"id\":2,\"authority\":1,\"digest\":\"12\"}]}", "vms[1].digest" },
    { "{\"v\":4,\"vms\":[{\"id\":1,\"digest\":\"" DIGEST "\"}]}", "authority" },
    { "{\"v\":4,\"vms\":[],\"more\":1}", "more" },
};

START_TEST(what_is_no_plan_is_refused_by_name)
{
    struct ha_plan_host plan;
    GError *error = NULL;

    ck_assert(!ha_plan_host_parse(refusals[_i].text, strlen(refusals[_i].text), &plan, &error));
    suite_take_error(&error, VRM_ERR_INVALID, refusals[_i].part);
}
END_TEST

static const struct {
    const char *key;
    bool ok;
    enum ha_plan_kind kind;
    int64_t id;
} keys[] = {
    { "/vrm/plan/host/101", true, HA_PLAN_HOST, 101 },
    { "/vrm/plan/vm/9223372036854775807", true, HA_PLAN_VM, INT64_MAX },
    { "/vrm/plan/deputies", true, HA_PLAN_DEPUTIES, 0 },
    { "/vrm/plan/deputies/1", false, 0, 0 },
    { "/vrm/plan/vm/", false, 0, 0 },
    { "/vrm/plan/vm/0", false, 0, 0 },
    { "/vrm/plan/vm/007", false, 0, 0 },
    { "/vrm/plan/vm/-1", false, 0, 0 },
    { "/vrm/plan/vm/1x", false, 0, 0 },
    { "/vrm/plan/vm/9223372036854775808", false, 0, 0 },
    { "/vrm/plan/", false, 0, 0 },
    { "/other/plan/vm/1", false, 0, 0 },
    { "", false, 0, 0 },
};

START_TEST(a_key_says_what_it_is)
{
    enum ha_plan_kind kind = HA_PLAN_HOST;
    int64_t id = -1;

    ck_assert(ha_plan_key_parse("/vrm", keys[_i].key, &kind, &id) == keys[_i].ok);
    if (keys[_i].ok) {
        g_autofree char *key = ha_plan_key("/vrm", kind, id);

        ck_assert_int_eq(kind, keys[_i].kind);
        ck_assert_int_eq(id, keys[_i].id);
        ck_assert_str_eq(key, keys[_i].key);
    } else {
        ck_assert_int_eq(id, -1);
    }
}
END_TEST

SUITE_MAIN("ha_plan", SUITE_TEST(a_vm_comes_back_as_its_start_needs_it),
           SUITE_TEST(a_digest_tells_texts_apart), SUITE_TEST(a_host_s_plan_comes_back),
           SUITE_TEST(deputies_come_back), SUITE_LOOP(what_is_no_plan_is_refused_by_name, refusals),
           SUITE_LOOP(a_key_says_what_it_is, keys))
