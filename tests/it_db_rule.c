/* it_db_rule.c - groups and rules in PostgreSQL. */
#include "config.h"

#include "base/text.h"
#include "db/store_rule.h"
#include "model/reason.h"
#include "tests/db_world.h"

struct rules_job {
    struct world *world;
    Group *vms, *hosts;
    Rule *rule;
};

static bool insert_rules(Db *db, void *data, GError **error)
{
    struct rules_job *job = data;

    if (!store_group_insert(db, job->vms, error) || !store_group_insert(db, job->hosts, error))
        return false;
    job->rule->vm_group_id = job->vms->id;
    job->rule->host_group_id = job->hosts->id;
    return store_rule_insert(db, job->rule, error);
}

static void fill_group(Group *group, const struct world *world, enum group_type type)
{
    group->cluster_id = world->cluster->id;
    group->type = type;
    group->use_type = 1;
    text_set(&group->name, "group");
    group->members = one_id(type == GROUP_VM ? world->vm->id : world->host->id);
    group->n_members = 1;
}

static void make_rules(Db *db, struct world *world, struct rules_job *job)
{
    make_world(db, world);
    *job = (struct rules_job){ world, group_new(), group_new(), rule_new() };
    fill_group(job->vms, world, GROUP_VM);
    fill_group(job->hosts, world, GROUP_HOST);
    job->rule->cluster_id = world->cluster->id;
    text_set(&job->rule->name, "pin");
    job->rule->type = RULE_VM_HOST;
    job->rule->strength = RULE_SHOULD_NOT;
    job->rule->vms = one_id(world->vm->id);
    job->rule->n_vms = 1;
    job->rule->create_ms = 51;
    job->rule->update_ms = 52;
    must_write(db, insert_rules, job);
}

static void clear_rules(struct rules_job *job)
{
    group_unref(job->vms);
    group_unref(job->hosts);
    rule_unref(job->rule);
    clear_world(job->world);
}

START_TEST(groups_and_rules_come_back_with_their_members)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    g_autoptr(GPtrArray) groups = NULL;
    g_autoptr(GPtrArray) rules = NULL;
    const Group *group;
    const Rule *rule;

    make_rules(db, &world, &job);
    groups = read_list(db, store_group_list);
    ck_assert_uint_eq(groups->len, 2);
    group = g_ptr_array_index(groups, 1);
    ck_assert_int_eq(group->type, GROUP_HOST);
    ck_assert_int_eq(group->use_type, 1);
    ck_assert_int_eq(group->cluster_id, world.cluster->id);
    ck_assert_str_eq(group->name, "group");
    ck_assert_uint_eq(group->n_members, 1);
    ck_assert_int_eq(group->members[0], world.host->id);
    rules = read_list(db, store_rule_list);
    rule = g_ptr_array_index(rules, 0);
    ck_assert_str_eq(rule->name, "pin");
    ck_assert_int_eq(rule->type, RULE_VM_HOST);
    ck_assert_int_eq(rule->strength, RULE_SHOULD_NOT);
    ck_assert_int_eq(rule->vm_group_id, job.vms->id);
    ck_assert_int_eq(rule->host_group_id, job.hosts->id);
    ck_assert_int_eq(rule->create_ms, 51);
    ck_assert_int_eq(rule->update_ms, 52);
    ck_assert_uint_eq(rule->n_vms, 1);
    ck_assert_int_eq(rule->vms[0], world.vm->id);
    clear_rules(&job);
}
END_TEST

static bool update_rules(Db *db, void *data, GError **error)
{
    struct rules_job *job = data;

    return store_group_update(db, job->vms, error) && store_rule_update(db, job->rule, error);
}

static bool update_rule(Db *db, void *data, GError **error)
{
    return store_rule_update(db, data, error);
}

START_TEST(only_a_keep_apart_rule_is_over_racks)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    g_autoptr(GPtrArray) rules = NULL;
    GError *error = NULL;

    make_rules(db, &world, &job);
    job.rule->domain = FAULT_DOMAIN_RACK;
    ck_assert(!db_write(db, 1, update_rule, job.rule, &error));
    g_clear_error(&error);
    job.rule->type = RULE_APART;
    job.rule->strength = RULE_SHOULD;
    job.rule->host_group_id = 0;
    must_write(db, update_rule, job.rule);
    rules = read_list(db, store_rule_list);
    ck_assert_int_eq(((const Rule *)g_ptr_array_index(rules, 0))->domain, FAULT_DOMAIN_RACK);
    clear_rules(&job);
}
END_TEST

START_TEST(updating_groups_and_rules_replaces_the_members)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    g_autoptr(GPtrArray) groups = NULL;
    g_autoptr(GPtrArray) rules = NULL;

    make_rules(db, &world, &job);
    job.vms->n_members = 0;
    text_set(&job.vms->name, "nobody");
    job.rule->n_vms = 0;
    job.rule->host_group_id = 0;
    must_write(db, update_rules, &job);
    groups = read_list(db, store_group_list);
    ck_assert_str_eq(((Group *)g_ptr_array_index(groups, 0))->name, "nobody");
    ck_assert_uint_eq(((Group *)g_ptr_array_index(groups, 0))->n_members, 0);
    rules = read_list(db, store_rule_list);
    ck_assert_uint_eq(((Rule *)g_ptr_array_index(rules, 0))->n_vms, 0);
    ck_assert_int_eq(((Rule *)g_ptr_array_index(rules, 0))->host_group_id, 0);
    ck_assert_int_eq(((Rule *)g_ptr_array_index(rules, 0))->generation, 2);
    clear_rules(&job);
}
END_TEST

static bool delete_group(Db *db, void *data, GError **error)
{
    const Group *group = data;

    return store_group_delete(db, group->id, group->generation, error);
}

static bool delete_rule(Db *db, void *data, GError **error)
{
    const Rule *rule = data;

    return store_rule_delete(db, rule->id, rule->generation, error);
}

START_TEST(a_group_in_a_rule_stays_until_the_rule_goes)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    struct rules_job job;
    GError *error = NULL;

    make_rules(db, &world, &job);
    ck_assert(!db_write(db, 1, delete_group, job.vms, &error));
    ck_assert_int_eq(err_reason(error), REASON_GROUP_IN_RULE);
    suite_take_error(&error, VRM_ERR_CONFLICT, "a rule uses the VM group");
    must_write(db, delete_rule, job.rule);
    must_write(db, delete_group, job.vms);
    clear_rules(&job);
}
END_TEST

SUITE_MAIN("db-rule", SUITE_TEST(groups_and_rules_come_back_with_their_members),
           SUITE_TEST(only_a_keep_apart_rule_is_over_racks),
           SUITE_TEST(updating_groups_and_rules_replaces_the_members),
           SUITE_TEST(a_group_in_a_rule_stays_until_the_rule_goes))
