/* test_db.c - the parts of db/ that need no server: rows, words, embedded migrations. */
#include "config.h"

#include "db/migrate.h"
#include "db/row.h"
#include "model/incident.h"
#include "model/types.h"
#include "tests/suite.h"

/* ---- migrations and the model --------------------------------------------------------------- */

START_TEST(migrations_are_numbered_without_gaps)
{
    for (unsigned i = 0; i < n_migrations; i++) {
        g_autofree char *prefix = g_strdup_printf("%04u_", i + 1);

        ck_assert_uint_eq(migrations[i].version, i + 1);
        ck_assert(g_str_has_prefix(migrations[i].name, prefix));
        ck_assert(g_str_has_suffix(migrations[i].sql, "\n"));
    }
    ck_assert_uint_gt(n_migrations, 0);
}
END_TEST

/* Where a list's words stand in SQL; each constraint named ..._words must be here. */
static const struct word_list {
    const char *constraint;
    const char *const *words;
    size_t n_words;
} word_lists[] = {
    { "vm_status_words", vm_status_words, N_VM_STATUSES },
    { "group_type_words", group_type_words, N_GROUP_TYPES },
    { "rule_type_words", rule_type_words, N_RULE_TYPES },
    { "rule_strength_words", rule_strength_words, N_RULE_STRENGTHS },
    { "recommendation_reason_words", move_reason_words, N_MOVE_REASONS },
    { "recommendation_state_words", recommendation_state_words, N_RECOMMENDATION_STATES },
    { "task_type_words", task_type_words, N_TASK_TYPES },
    { "task_origin_words", task_origin_words, N_TASK_ORIGINS },
    { "task_entity_kind_words", object_kind_words, N_OBJECT_KINDS },
    { "task_status_words", task_status_words, N_TASK_STATUSES },
    { "event_severity_words", event_severity_words, N_EVENT_SEVERITIES },
    { "event_kind_words", object_kind_words, N_OBJECT_KINDS },
    { "alarm_kind_words", object_kind_words, N_OBJECT_KINDS },
    { "cluster_ha_isolation_words", ha_isolation_words, N_HA_ISOLATIONS },
    { "vm_restart_priority_words", restart_priority_words, N_RESTART_PRIORITIES },
    { "vm_hang_sensitivity_words", hang_sensitivity_words, N_HANG_SENSITIVITIES },
    { "drs_plan_kind_words", plan_kind_words, N_PLAN_KINDS },
    { "recommendation_type_words", recommendation_type_words, N_RECOMMENDATION_TYPES },
    { "incident_kind_words", incident_kind_words, N_INCIDENT_KINDS },
    { "incident_source_words", incident_source_words, N_INCIDENT_SOURCES },
    { "incident_end_words", incident_end_words, N_INCIDENT_ENDS },
};

static char *all_sql(void)
{
    GString *sql = g_string_new("");

    for (unsigned i = 0; i < n_migrations; i++)
        g_string_append(sql, migrations[i].sql);
    return g_string_free(sql, FALSE);
}

/* The newest definition counts: "CONSTRAINT name CHECK (column IN ('a', 'b'))". */
static char *words_in_sql(const char *constraint)
{
    g_autofree char *sql = all_sql();
    g_autofree char *head = g_strdup_printf("CONSTRAINT %s CHECK (", constraint);
    const char *start = g_strrstr(sql, head);
    const char *end = start ? strstr(start, "))") : NULL;
    GString *words = g_string_new("");

    ck_assert_msg(start && end, "no constraint %s", constraint);
    for (const char *quote = strchr(start, '\''); quote && quote < end;) {
        const char *close = strchr(quote + 1, '\'');

        g_string_append_len(words, quote + 1, close - quote - 1);
        g_string_append_c(words, ' ');
        quote = strchr(close + 1, '\'');
    }
    return g_string_free(words, FALSE);
}

START_TEST(check_lists_equal_the_x_lists)
{
    const struct word_list *list = &word_lists[_i];
    g_autofree char *stored = words_in_sql(list->constraint);
    g_autoptr(GString) expected = g_string_new("");

    for (size_t i = 0; i < list->n_words; i++)
        g_string_append_printf(expected, "%s ", list->words[i]);
    ck_assert_str_eq(stored, expected->str);
}
END_TEST

START_TEST(every_word_constraint_is_compared)
{
    g_autofree char *sql = all_sql();
    g_auto(GStrv) parts = g_strsplit(sql, "_words CHECK", -1);

    for (size_t i = 0; parts[i + 1]; i++) {
        const char *blank = strrchr(parts[i], ' ');
        g_autofree char *name = g_strconcat(blank ? blank + 1 : parts[i], "_words", NULL);
        bool is_listed = false;

        for (size_t k = 0; k < G_N_ELEMENTS(word_lists); k++)
            is_listed = is_listed || g_str_equal(name, word_lists[k].constraint);
        ck_assert_msg(is_listed, "%s is not compared", name);
    }
}
END_TEST

/* ---- rows ----------------------------------------------------------------------------------- */

struct sample {
    int64_t number, ref;
    uint32_t code;
    bool flag;
    char *text;
    enum group_type type;
    uint8_t hours[HOURS_PER_DAY];
    int64_t *ids;
    size_t n_ids;
};

// clang-format off
static const struct col sample_cols[] = {
    COL(struct sample, "number", number),
    COL_REF(struct sample, "ref", ref),
    COL(struct sample, "code", code),
    COL(struct sample, "flag", flag),
    COL(struct sample, "text", text),
    COL_ENUM(struct sample, "type", type, group_type),
    COL(struct sample, "hours", hours),
    COL_LIST(struct sample, "ids", ids, n_ids),
};
// clang-format on
#define N_SAMPLE   G_N_ELEMENTS(sample_cols)
#define HOURS_TEXT "{0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3}"

static const char *const good_row[N_SAMPLE] = { "-7",    NULL,   "4294967295", "t",
                                                "a'b\\", "host", HOURS_TEXT,   "{3,5}" };

static PGresult *make_result(const char *const *values, const char *renamed)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[N_SAMPLE] = { 0 };
    char *names[N_SAMPLE];

    for (size_t i = 0; i < N_SAMPLE; i++) {
        names[i] = g_strdup(g_strcmp0(sample_cols[i].name, renamed) ? sample_cols[i].name : "no");
        attributes[i].name = names[i];
    }
    ck_assert(PQsetResultAttrs(result, (int)N_SAMPLE, attributes));
    for (size_t i = 0; i < N_SAMPLE; i++) {
        g_autofree char *value = g_strdup(values[i]);

        ck_assert(PQsetvalue(result, 0, (int)i, value, value ? (int)strlen(value) : -1));
        g_free(names[i]);
    }
    return result;
}

static void clear_sample(struct sample *sample)
{
    g_free(sample->text);
    g_free(sample->ids);
}

START_TEST(a_row_fills_each_kind_of_field)
{
    g_autoptr(PGresult) result = make_result(good_row, NULL);
    struct sample sample = { .ref = 9, .text = g_strdup("old") };
    GError *error = NULL;

    row_read_into(result, 0, sample_cols, N_SAMPLE, &sample, &error);
    suite_no_error(error);
    ck_assert_int_eq(sample.number, -7);
    ck_assert_int_eq(sample.ref, 0);
    ck_assert_uint_eq(sample.code, UINT32_MAX);
    ck_assert(sample.flag);
    ck_assert_str_eq(sample.text, "a'b\\");
    ck_assert_int_eq(sample.type, GROUP_HOST);
    ck_assert_int_eq(sample.hours[13], 3);
    ck_assert_uint_eq(sample.n_ids, 2);
    ck_assert_int_eq(sample.ids[1], 5);
    clear_sample(&sample);
}
END_TEST

START_TEST(parameters_are_what_was_read)
{
    g_autoptr(PGresult) result = make_result(good_row, NULL);
    g_auto(stmt_params_auto) params = { 0 };
    struct sample sample = { 0 };

    ck_assert(row_read_into(result, 0, sample_cols, N_SAMPLE, &sample, NULL));
    row_add_params(&params, sample_cols, N_SAMPLE, &sample);
    ck_assert_int_eq(params.n, (int)N_SAMPLE - 1); /* lists have their own tables */
    for (int i = 0; i < params.n; i++)
        ck_assert_pstr_eq(params.values[i], good_row[i]);
    clear_sample(&sample);
}
END_TEST

static const struct {
    size_t column;
    const char *value;
} bad_values[] = {
    { 0, "" },      { 0, "1.5" },   { 0, "9223372036854775808" },
    { 1, "x" },     { 2, "-1" },    { 2, "4294967296" },
    { 3, "" },      { 3, "yes" },   { 5, "cluster" },
    { 5, "" },      { 6, "{1,2}" }, { 6, "{0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,999}" },
    { 7, "{1,x}" }, { 7, "{" },     { 7, "1,2}" },
};

START_TEST(a_value_that_does_not_fit_names_its_column)
{
    const char *values[N_SAMPLE];
    g_autoptr(PGresult) result = NULL;
    struct sample sample = { 0 };
    GError *error = NULL;

    memcpy(values, good_row, sizeof values);
    values[bad_values[_i].column] = bad_values[_i].value;
    result = make_result(values, NULL);
    ck_assert(!row_read_into(result, 0, sample_cols, N_SAMPLE, &sample, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, sample_cols[bad_values[_i].column].name);
    clear_sample(&sample);
}
END_TEST

START_TEST(a_missing_column_is_named)
{
    g_autoptr(PGresult) result = make_result(good_row, "flag");
    struct sample sample = { 0 };
    GError *error = NULL;

    ck_assert(!row_read_into(result, 0, sample_cols, N_SAMPLE, &sample, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "flag");
    clear_sample(&sample);
}
END_TEST

SUITE_MAIN("db", SUITE_TEST(migrations_are_numbered_without_gaps),
           SUITE_LOOP(check_lists_equal_the_x_lists, word_lists),
           SUITE_TEST(every_word_constraint_is_compared),
           SUITE_TEST(a_row_fills_each_kind_of_field), SUITE_TEST(parameters_are_what_was_read),
           SUITE_LOOP(a_value_that_does_not_fit_names_its_column, bad_values),
           SUITE_TEST(a_missing_column_is_named))
