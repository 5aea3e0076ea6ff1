/* it_db_drs.c - plans of DRS and their moves in PostgreSQL. */
#include "config.h"

#include "base/text.h"
#include "db/store_drs.h"
#include "tests/db_world.h"

static Recommendation *make_move(const char *vm, int64_t depends_on)
{
    Recommendation *rec = recommendation_new();

    rec->vm_id = 71;
    rec->source_host_id = 72;
    rec->target_host_id = 73;
    text_set(&rec->vm_name, vm);
    text_set(&rec->source_name, "h1");
    text_set(&rec->target_name, "h2");
    rec->reason = MOVE_BALANCE_MEM;
    rec->rating = 4;
    rec->gain_overload = 74;
    rec->gain_balance = 75;
    rec->cost_ms = 76;
    rec->cost_mb = 77;
    rec->depends_on = depends_on;
    text_set(&rec->text, "text");
    text_set(&rec->rejected, "rejected");
    rec->create_ms = 78;
    return rec;
}

static DrsReport *make_report(int64_t cluster_id)
{
    DrsReport *report = drs_report_new();

    report->cluster_id = cluster_id;
    report->at_ms = 80;
    report->decided = true;
    report->imbalance_now = 81;
    report->imbalance_planned = 82;
    report->overload_now = 83;
    report->overload_planned = 84;
    text_set(&report->verdict, "two moves");
    drs_report_take(report, make_move("a", 0));
    drs_report_take(report, make_move("b", 1));
    return report;
}

static bool insert_report(Db *db, void *data, GError **error)
{
    return store_drs_insert(db, data, error);
}

static bool update_recommendation(Db *db, void *data, GError **error)
{
    return store_drs_update_recommendation(db, data, error);
}

START_TEST(the_latest_plan_comes_back_and_older_open_moves_expire)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) first = NULL;
    g_autoptr(DrsReport) second = NULL;
    g_autoptr(GPtrArray) reports = NULL;
    struct query_job job = {
        { .limit = -1, .status = "expired", .cancelled = -1 }, store_drs_query, NULL, 0
    };
    const DrsReport *got;
    const Recommendation *rec;

    make_world(db, &world);
    first = make_report(world.cluster->id);
    must_write(db, insert_report, first);
    first->recommendations[0]->state = REC_DONE;
    first->recommendations[0]->finish_ms = 79;
    must_write(db, update_recommendation, first->recommendations[0]);
    second = make_report(world.cluster->id);
    must_write(db, insert_report, second);

    reports = read_list(db, store_drs_list_latest);
    ck_assert_uint_eq(reports->len, 1);
    got = g_ptr_array_index(reports, 0);
    ck_assert_int_eq(got->plan_id, second->plan_id);
    ck_assert_int_eq(got->at_ms, 80);
    ck_assert(got->decided);
    ck_assert_int_eq(got->imbalance_now, 81);
    ck_assert_int_eq(got->imbalance_planned, 82);
    ck_assert_int_eq(got->overload_now, 83);
    ck_assert_int_eq(got->overload_planned, 84);
    ck_assert_str_eq(got->verdict, "two moves");
    ck_assert_uint_eq(got->n_recommendations, 2);
    rec = got->recommendations[1];
    ck_assert_str_eq(rec->vm_name, "b");
    ck_assert_int_eq(rec->id, second->recommendations[1]->id);
    ck_assert_int_eq(rec->depends_on, second->recommendations[0]->id);
    ck_assert_int_eq(rec->cluster_id, world.cluster->id);
    ck_assert_int_eq(rec->vm_id, 71);
    ck_assert_int_eq(rec->source_host_id, 72);
    ck_assert_int_eq(rec->target_host_id, 73);
    ck_assert_str_eq(rec->source_name, "h1");
    ck_assert_str_eq(rec->target_name, "h2");
    ck_assert_int_eq(rec->reason, MOVE_BALANCE_MEM);
    ck_assert_int_eq(rec->state, REC_OPEN);
    ck_assert_int_eq(rec->rating, 4);
    ck_assert_int_eq(rec->gain_overload, 74);
    ck_assert_int_eq(rec->gain_balance, 75);
    ck_assert_int_eq(rec->cost_ms, 76);
    ck_assert_int_eq(rec->cost_mb, 77);
    ck_assert_str_eq(rec->text, "text");
    ck_assert_str_eq(rec->rejected, "rejected");
    ck_assert_int_eq(rec->create_ms, 78);

    must_read(db, run_query, &job);
    ck_assert_int_eq(job.total, 1);
    rec = g_ptr_array_index(job.objects, 0);
    ck_assert_int_eq(rec->id, first->recommendations[1]->id);
    ck_assert_int_eq(rec->finish_ms, 80);
    g_ptr_array_unref(job.objects);
    clear_world(&world);
}
END_TEST

START_TEST(an_unchanged_move_keeps_its_id_in_the_next_plan)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) first = NULL;
    g_autoptr(DrsReport) second = NULL;
    g_autoptr(GPtrArray) reports = NULL;
    struct query_job job = {
        { .limit = -1, .status = "expired", .cancelled = -1 }, store_drs_query, NULL, 0
    };
    const DrsReport *got;

    make_world(db, &world);
    first = make_report(world.cluster->id);
    must_write(db, insert_report, first);
    second = make_report(world.cluster->id);
    second->recommendations[1]->id = first->recommendations[1]->id;
    second->recommendations[1]->cost_mb = 99;
    must_write(db, insert_report, second);
    ck_assert_int_eq(second->recommendations[1]->id, first->recommendations[1]->id);

    reports = read_list(db, store_drs_list_latest);
    got = g_ptr_array_index(reports, 0);
    ck_assert_uint_eq(got->n_recommendations, 2);
    ck_assert_int_eq(got->recommendations[1]->id, first->recommendations[1]->id);
    ck_assert_int_eq(got->recommendations[1]->state, REC_OPEN);
    ck_assert_int_eq(got->recommendations[1]->cost_mb, 99);
    ck_assert_int_eq(got->recommendations[1]->depends_on, second->recommendations[0]->id);
    must_read(db, run_query, &job); /* only the other one has ended */
    ck_assert_int_eq(job.total, 1);
    g_ptr_array_unref(job.objects);
    clear_world(&world);
}
END_TEST

static const struct {
    enum recommendation_state state;
    const char *name;
} ends[] = { { REC_DONE, "done" }, { REC_FAILED, "failed" }, { REC_APPLYING, "applying" } };

START_TEST(a_move_that_is_no_longer_open_is_not_rewritten)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) first = NULL;
    g_autoptr(DrsReport) second = NULL;
    struct query_job job = {
        { .limit = -1, .status = ends[_i].name, .cancelled = -1 }, store_drs_query, NULL, 0
    };
    const Recommendation *old;

    make_world(db, &world);
    first = make_report(world.cluster->id);
    must_write(db, insert_report, first);
    first->recommendations[1]->state = ends[_i].state;
    must_write(db, update_recommendation, first->recommendations[1]);
    second = make_report(world.cluster->id);
    second->recommendations[1]->id = first->recommendations[1]->id;
    second->recommendations[1]->cost_mb = 99;
    must_write(db, insert_report, second);
    ck_assert_int_gt(second->recommendations[1]->id, first->recommendations[1]->id);
    must_read(db, run_query, &job);
    ck_assert_int_eq(job.total, 1);
    old = g_ptr_array_index(job.objects, 0);
    ck_assert_int_eq(old->id, first->recommendations[1]->id);
    ck_assert_int_eq(old->cost_mb, 77);
    g_ptr_array_unref(job.objects);
    clear_world(&world);
}
END_TEST

START_TEST(a_move_may_only_depend_on_an_earlier_one)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;
    g_autoptr(DrsReport) report = NULL;
    GError *error = NULL;

    make_world(db, &world);
    report = make_report(world.cluster->id);
    report->recommendations[1]->depends_on = 2;
    ck_assert(!db_write(db, 1, insert_report, report, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "place 2");
    clear_world(&world);
}
END_TEST

SUITE_MAIN("db-drs", SUITE_TEST(the_latest_plan_comes_back_and_older_open_moves_expire),
           SUITE_TEST(an_unchanged_move_keeps_its_id_in_the_next_plan),
           SUITE_LOOP(a_move_that_is_no_longer_open_is_not_rewritten, ends),
           SUITE_TEST(a_move_may_only_depend_on_an_earlier_one))
