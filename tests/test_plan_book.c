/* test_plan_book.c - what controller/plan_book.h writes, and what it does not write again. */
#include "config.h"

#include "tests/suite.h"

#include <inttypes.h>
#include <string.h>

#include "controller/plan_book.h"

#define MANY 100000

static void want(PlanBook *book, int64_t vm, int64_t host, const char *text)
{
    const struct plan_wish wish = {
        .vm = vm, .host = host, .authority = 1, .version = { text[0], 1 }
    };

    if (!plan_book_want(book, &wish))
        plan_book_tell(book, vm, g_strdup(text));
}

/* "put vm 1, put host 101": all that is written until the book has nothing more to say. */
static char *settle(PlanBook *book, unsigned max_ops)
{
    GString *words = g_string_new(NULL);

    for (;;) {
        g_autoptr(GArray) ops = plan_book_next(book, max_ops, MANY);

        if (ops->len == 0)
            return g_string_free(words, FALSE);
        for (guint i = 0; i < ops->len; i++) {
            const struct plan_op *op = &g_array_index(ops, struct plan_op, i);

            g_string_append_printf(words, "%s%s %s %" PRId64, words->len > 0 ? ", " : "",
                                   op->text ? "put" : "remove",
                                   op->kind == HA_PLAN_VM ? "vm" : "host", op->id);
        }
        plan_book_done(book, ops);
    }
}

static void check(PlanBook *book, unsigned max_ops, const char *want)
{
    g_autofree char *got = settle(book, max_ops);

    ck_assert_str_eq(got, want);
}

static void look(PlanBook *book, int64_t vm, int64_t host, const char *text)
{
    plan_book_begin(book);
    want(book, vm, host, text);
    plan_book_end(book);
}

START_TEST(a_vm_is_written_before_its_host_names_it)
{
    g_autoptr(PlanBook) book = plan_book_new();

    look(book, 1, 101, "a");
    check(book, 1, "put vm 1, put host 101");
    look(book, 1, 101, "a");
    check(book, 1, "");
}
END_TEST

START_TEST(a_changed_vm_is_written_with_its_host)
{
    g_autoptr(PlanBook) book = plan_book_new();

    look(book, 1, 101, "a");
    check(book, 1, "put vm 1, put host 101");
    look(book, 1, 101, "b");
    check(book, 1, "put vm 1, put host 101");
}
END_TEST

START_TEST(a_vm_that_moved_changes_both_hosts)
{
    g_autoptr(PlanBook) book = plan_book_new();
    g_autofree char *words = NULL;

    look(book, 1, 101, "a");
    check(book, 1, "put vm 1, put host 101");
    look(book, 1, 102, "a");
    words = settle(book, MANY);
    ck_assert(strstr(words, "remove host 101") != NULL);
    ck_assert(strstr(words, "put host 102") != NULL);
    ck_assert(strstr(words, "vm") == NULL);
}
END_TEST

START_TEST(a_vm_that_should_not_run_is_removed)
{
    g_autoptr(PlanBook) book = plan_book_new();

    look(book, 1, 101, "a");
    check(book, 1, "put vm 1, put host 101");
    plan_book_begin(book);
    plan_book_end(book);
    check(book, 1, "remove vm 1, remove host 101");
}
END_TEST

START_TEST(new_targets_write_the_host_alone)
{
    g_autoptr(PlanBook) book = plan_book_new();
    const int64_t targets[HA_PLAN_TARGETS] = { 102, 103 };

    look(book, 1, 101, "a");
    check(book, 1, "put vm 1, put host 101");
    plan_book_aim(book, 1, targets);
    plan_book_aim(book, 2, targets);
    check(book, 1, "put host 101");
    plan_book_aim(book, 1, targets);
    check(book, 1, "");
}
END_TEST

/* What one book wrote of its host, as the next controller reads it. */
static char *host_text(const char *vm_text, int64_t target)
{
    g_autofree char *digest = ha_plan_digest(vm_text);
    struct ha_plan_row row = { .vm = 1, .authority = 1, .targets = { target }, .digest = digest };

    return ha_plan_host_format(&(struct ha_plan_host){ &row, 1 });
}

static void find(PlanBook *book, const char *text)
{
    struct ha_plan_host plan;

    ck_assert(ha_plan_host_parse(text, strlen(text), &plan, NULL));
    plan_book_found(book, 101, &plan, text);
    ha_plan_host_clear(&plan);
}

static const struct {
    const char *what, *found, *wanted, *words;
} takeovers[] = {
    { "all as it should be, targets and all", "a", "a", "" },
    { "another text", "a", "b", "put vm 1, put host 101" },
    { "it should not run any more", "a", NULL, "remove vm 1, remove host 101" },
};

START_TEST(after_a_take_over_only_what_differs_is_written)
{
    g_autoptr(PlanBook) book = plan_book_new();
    g_autofree char *text = host_text(takeovers[_i].found, 102);
    g_autofree char *words = NULL;

    find(book, text);
    plan_book_begin(book);
    if (takeovers[_i].wanted)
        want(book, 1, 101, takeovers[_i].wanted);
    plan_book_end(book);
    words = settle(book, 1);
    ck_assert_msg(g_str_equal(words, takeovers[_i].words), "%s: %s", takeovers[_i].what, words);
}
END_TEST

START_TEST(a_host_waits_for_texts_that_are_not_told_yet)
{
    g_autoptr(PlanBook) book = plan_book_new();
    const struct plan_wish wish = { .vm = 2, .host = 101, .authority = 1, .version = { 1, 1 } };

    plan_book_begin(book);
    want(book, 1, 101, "a");
    ck_assert(!plan_book_want(book, &wish));
    plan_book_end(book);
    check(book, MANY, "put vm 1");
    plan_book_tell(book, 2, g_strdup("b"));
    check(book, MANY, "put vm 2, put host 101");
}
END_TEST

START_TEST(what_changed_while_it_was_on_its_way_is_written_after_it)
{
    g_autoptr(PlanBook) book = plan_book_new();
    g_autoptr(GArray) ops = NULL;

    look(book, 1, 101, "a");
    ops = plan_book_next(book, MANY, MANY);
    look(book, 1, 101, "b");
    plan_book_done(book, ops);
    check(book, 1, "put vm 1, put host 101");
}
END_TEST

START_TEST(a_vm_that_ended_while_it_was_being_written_is_removed)
{
    g_autoptr(PlanBook) book = plan_book_new();
    g_autoptr(GArray) ops = NULL;

    look(book, 1, 101, "a");
    ops = plan_book_next(book, MANY, MANY);
    plan_book_begin(book);
    plan_book_end(book);
    plan_book_done(book, ops);
    check(book, 1, "remove vm 1");
}
END_TEST

START_TEST(one_turn_stays_within_its_bounds)
{
    g_autoptr(PlanBook) book = plan_book_new();
    g_autoptr(GArray) ops = NULL;

    plan_book_begin(book);
    for (int64_t vm = 1; vm <= 100; vm++)
        want(book, vm, 101, "0123456789");
    plan_book_end(book);
    ops = plan_book_next(book, 8, MANY);
    ck_assert_uint_eq(ops->len, 8);
    g_array_unref(ops);
    ops = plan_book_next(book, MANY, 35);
    ck_assert_uint_eq(ops->len, 3);
    g_array_unref(ops);
    ops = plan_book_next(book, MANY, 1);
    ck_assert_uint_eq(ops->len, 1);
}
END_TEST

SUITE_MAIN("plan_book", SUITE_TEST(a_vm_is_written_before_its_host_names_it),
           SUITE_TEST(a_changed_vm_is_written_with_its_host),
           SUITE_TEST(a_vm_that_moved_changes_both_hosts),
           SUITE_TEST(a_vm_that_should_not_run_is_removed),
           SUITE_TEST(new_targets_write_the_host_alone),
           SUITE_LOOP(after_a_take_over_only_what_differs_is_written, takeovers),
           SUITE_TEST(a_host_waits_for_texts_that_are_not_told_yet),
           SUITE_TEST(what_changed_while_it_was_on_its_way_is_written_after_it),
           SUITE_TEST(a_vm_that_ended_while_it_was_being_written_is_removed),
           SUITE_TEST(one_turn_stays_within_its_bounds))
