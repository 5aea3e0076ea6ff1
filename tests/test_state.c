/* test_state.c - the lists of states: every word once, and back. */
#include "config.h"

#include "model/state.h"

#include "tests/suite.h"

#define LIST(type, count)                                                                          \
    static const char *name_of_##type(unsigned value)                                              \
    {                                                                                              \
        return type##_name((enum type)value);                                                      \
    }                                                                                              \
    static bool parse_##type(const char *text, unsigned *ret_value)                                \
    {                                                                                              \
        enum type value;                                                                           \
                                                                                                   \
        if (!type##_parse(text, &value))                                                           \
            return false;                                                                          \
        *ret_value = (unsigned)value;                                                              \
        return true;                                                                               \
    }
// clang-format off
#define ALL_LISTS(X)                                 \
    X(vm_status, N_VM_STATUSES)                      \
    X(domain_state, N_DOMAIN_STATES)                 \
    X(host_status, N_HOST_STATUSES)                  \
    X(task_status, N_TASK_STATUSES)                  \
    X(task_type, N_TASK_TYPES)                       \
    X(task_origin, N_TASK_ORIGINS)                   \
    X(rule_type, N_RULE_TYPES)                       \
    X(rule_strength, N_RULE_STRENGTHS)               \
    X(restart_priority, N_RESTART_PRIORITIES)        \
    X(hang_sensitivity, N_HANG_SENSITIVITIES)        \
    X(ha_isolation, N_HA_ISOLATIONS)                 \
    X(group_type, N_GROUP_TYPES)                     \
    X(move_reason, N_MOVE_REASONS)                   \
    X(recommendation_state, N_RECOMMENDATION_STATES) \
    X(event_severity, N_EVENT_SEVERITIES)            \
    X(agent_verb, N_AGENT_VERBS)
// clang-format on
ALL_LISTS(LIST)

static const struct {
    const char *name;
    const char *(*name_of)(unsigned value);
    bool (*parse)(const char *text, unsigned *ret_value);
    const char *const *words;
    size_t n;
} lists[] = {
#define ROW(type, count) { #type, name_of_##type, parse_##type, type##_words, count },
    ALL_LISTS(ROW)
#undef ROW
};

START_TEST(each_word_leads_back_to_its_value)
{
    for (unsigned value = 0; value < lists[_i].n; value++) {
        const char *word = lists[_i].name_of(value);
        unsigned parsed = UINT_MAX;

        ck_assert_str_ne(word, "");
        ck_assert_str_eq(word, lists[_i].words[value]);
        ck_assert_msg(lists[_i].parse(word, &parsed), "%s: %s", lists[_i].name, word);
        ck_assert_uint_eq(parsed, value); /* a word that stood twice would give the first */
    }
}
END_TEST

START_TEST(other_words_are_refused_and_change_nothing)
{
    static const char *const wrong[] = { NULL, "", " ", "no such state", "RUNNING ", "0" };
    g_autofree char *upper = g_ascii_strup(lists[_i].words[0], -1);
    g_autofree char *longer = g_strconcat(lists[_i].words[0], "x", NULL);
    unsigned value = 77;

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        ck_assert(!lists[_i].parse(wrong[i], &value));
    if (strcmp(upper, lists[_i].words[0]) != 0)
        ck_assert(!lists[_i].parse(upper, &value));
    ck_assert(!lists[_i].parse(longer, &value));
    ck_assert_uint_eq(value, 77);
}
END_TEST

START_TEST(clients_know_these_words)
{
    ck_assert_str_eq(vm_status_name(VM_PAUSED), "pause");
    ck_assert_str_eq(vm_status_name(VM_SHUTTING_DOWN), "shutting-down");
    ck_assert_str_eq(host_status_name(HOST_UNKNOWN), "unknow");
    ck_assert_str_eq(host_status_name(HOST_SHUTTING_DOWN), "shutdowning");
    ck_assert_str_eq(task_type_name(TASK_MIGRATE_VM), "MigrateVmTask");
}
END_TEST

SUITE_MAIN("state", SUITE_LOOP(each_word_leads_back_to_its_value, lists),
           SUITE_LOOP(other_words_are_refused_and_change_nothing, lists),
           SUITE_TEST(clients_know_these_words))
