/* test_agent_journal.c - what is on disk after a crash at any byte, and after other accidents. */
#include "config.h"

#include "agent/journal.h"

#include <fcntl.h>
#include <stdio.h>

#include "tests/suite.h"
#include "tests/tempdir.h"

#define U1 "00000000-0000-4000-8000-000000000001"
#define U2 "00000000-0000-4000-8000-000000000002"

/* ---- helpers -------------------------------------------------------------------------------- */

static char *file_in(const char *dir, const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static void write_file(const char *dir, const char *name, const char *text, size_t len)
{
    g_autofree char *path = file_in(dir, name);
    GError *error = NULL;

    g_file_set_contents(path, text, (gssize)len, &error);
    suite_no_error(error);
}

static char *read_file(const char *dir, const char *name)
{
    g_autofree char *path = file_in(dir, name);
    char *text = NULL;
    GError *error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    suite_no_error(error);
    return text;
}

static char *accept_line(const char *id, const char *uuid, int64_t gen)
{
    char *copy_id = g_strdup(id), *copy_uuid = g_strdup(uuid);
    struct agent_command command = {
        .id = copy_id,
        .epoch = 1,
        .gen = gen,
        .verb = VERB_STOP,
        .vm_uuid = copy_uuid,
        .deadline_ms = 1000,
    };
    char *line = journal_line_accept(&command, 0);

    agent_command_clear(&command);
    return line;
}

static char *finish_line(const char *id, const char *uuid, int64_t at_ms)
{
    struct command_report report = {
        .id = g_strdup(id),
        .verb = VERB_STOP,
        .vm_uuid = g_strdup(uuid),
        .state = COMMAND_FAILED,
        .err_code = VRM_ERR_TIMEOUT,
        .error = g_strdup("guest did not power off in 5 s"),
    };
    char *line = journal_line_finish(&report, at_ms);

    command_report_clear(&report);
    return line;
}

/* The lines of a short life. */
static GPtrArray *life(void)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(lines, journal_line_boot("boot-1"));
    g_ptr_array_add(lines, accept_line("c1", U1, 5));
    g_ptr_array_add(lines, accept_line("c2", U2, 6));
    g_ptr_array_add(lines, finish_line("c1", U1, 77));
    g_ptr_array_add(lines, journal_line_gen(U1, 9));
    return lines;
}

/* What must be known after the first n lines. */
static const struct {
    unsigned n_entries, n_finished;
    int64_t gen1, gen2;
} known_after[] = {
    { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 1, 0, 5, 0 }, { 2, 0, 5, 6 }, { 2, 1, 5, 6 }, { 2, 1, 9, 6 },
};

static int64_t gen_of(const struct journal_state *state, const char *uuid)
{
    const int64_t *gen = g_hash_table_lookup(state->gens, uuid);

    return gen ? *gen : 0;
}

static void check_known(const struct journal_state *state, unsigned n_lines)
{
    unsigned n_finished = 0;

    ck_assert_uint_eq(state->entries->len, known_after[n_lines].n_entries);
    for (guint i = 0; i < state->entries->len; i++) {
        const JournalEntry *entry = g_ptr_array_index(state->entries, i);

        n_finished += entry->report.state == COMMAND_FAILED;
    }
    ck_assert_uint_eq(n_finished, known_after[n_lines].n_finished);
    ck_assert_int_eq(gen_of(state, U1), known_after[n_lines].gen1);
    ck_assert_int_eq(gen_of(state, U2), known_after[n_lines].gen2);
}

/* ---- tests ---------------------------------------------------------------------------------- */

START_TEST(after_a_crash_at_any_byte_every_whole_line_counts_and_writing_goes_on)
{
    g_autoptr(GPtrArray) lines = life();
    g_autoptr(GString) text = g_string_new(NULL);
    char *dir = tempdir_new();
    size_t ends[G_N_ELEMENTS(known_after)] = { 0 };

    for (guint i = 0; i < lines->len; i++) {
        g_string_append(text, g_ptr_array_index(lines, i));
        ends[i + 1] = text->len;
    }
    for (size_t len = 0, whole = 0; len <= text->len; len++) {
        struct journal_state state;
        g_autofree char *line = accept_line("c9", U2, 7);
        GError *error = NULL;
        Journal *journal;

        if (whole < lines->len && len == ends[whole + 1])
            whole++;
        write_file(dir, "journal", text->str, len);
        journal = journal_open(dir, "boot-1", &state, &error);
        suite_no_error(error);
        check_known(&state, (unsigned)whole);
        journal_state_clear(&state);
        ck_assert(journal_append(journal, line, NULL));
        journal_free(journal);

        journal = journal_open(dir, "boot-1", &state, &error);
        suite_no_error(error);
        ck_assert_uint_eq(state.entries->len, known_after[whole].n_entries + 1);
        journal_state_clear(&state);
        journal_free(journal);
    }
    tempdir_free(dir);
}
END_TEST

START_TEST(a_finish_time_counts_only_within_its_boot)
{
    g_autoptr(GPtrArray) lines = life();
    g_autofree char *finish = finish_line("c2", U2, 88);
    g_autofree char *boot = journal_line_boot("boot-2");
    g_autofree char *text =
        g_strconcat(lines->pdata[0], lines->pdata[1], lines->pdata[3], boot, finish, NULL);
    struct journal_state state;
    size_t good;

    journal_state_init(&state);
    ck_assert(journal_parse(text, strlen(text), "boot-2", &state, &good, NULL));
    ck_assert_uint_eq(good, strlen(text));
    ck_assert_int_eq(((JournalEntry *)state.entries->pdata[0])->finished_ms, 0);
    ck_assert_int_eq(((JournalEntry *)state.entries->pdata[1])->finished_ms, 88);
    journal_state_clear(&state);
}
END_TEST

static const struct {
    const char *line, *text;
} bad_rows[] = {
    { "garbage", "line 2: not JSON" },
    { "{}", "\"kind\" is none of" },
    { "{\"kind\":\"boot\"}", "\"boot\" is missing" },
    { "{\"kind\":\"gen\",\"vm\":\"x\"}", "\"gen\" is missing" },
    { "{\"kind\":\"finish\"}", "\"at\" is not a number" },
    { "{\"kind\":\"accept\"}", "line 2:" },
    { "{\"kind\":\"accept\",\"command\":{\"v\":1,\"verb\":\"fly\"}}", "fly" },
    { "{\"kind\":\"finish\",\"at\":1,\"report\":[]}", "line 2:" },
};

START_TEST(a_whole_line_that_makes_no_sense_stops_the_start_and_is_named)
{
    g_autofree char *boot = journal_line_boot("boot-1");
    g_autofree char *text = g_strconcat(boot, bad_rows[_i].line, "\n", NULL);
    char *dir = tempdir_new();
    struct journal_state state;
    GError *error = NULL;

    write_file(dir, "journal", text, strlen(text));
    ck_assert_ptr_null(journal_open(dir, "boot-1", &state, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "/journal: line 2:"));
    ck_assert_msg(strstr(error->message, bad_rows[_i].text) != NULL, "%s", error->message);
    g_clear_error(&error);
    tempdir_free(dir);
}
END_TEST

START_TEST(a_command_cannot_be_accepted_twice)
{
    g_autofree char *line = accept_line("c1", U1, 1);
    g_autofree char *text = g_strconcat(line, line, NULL);
    struct journal_state state;
    GError *error = NULL;
    size_t good;

    journal_state_init(&state);
    ck_assert(!journal_parse(text, strlen(text), "boot-1", &state, &good, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "accepted twice"));
    g_clear_error(&error);
    journal_state_clear(&state);
}
END_TEST

START_TEST(the_epoch_is_kept_and_garbage_in_its_file_is_named)
{
    char *dir = tempdir_new();
    struct journal_state state;
    GError *error = NULL;
    Journal *journal = journal_open(dir, "boot-1", &state, &error);
    g_autofree char *text = NULL;

    suite_no_error(error);
    ck_assert_int_eq(state.epoch, 0);
    journal_state_clear(&state);
    ck_assert(journal_set_epoch(journal, 41, NULL));
    ck_assert(journal_set_epoch(journal, 42, NULL));
    journal_free(journal);
    text = read_file(dir, "epoch");
    ck_assert_str_eq(text, "42\n");
    journal = journal_open(dir, "boot-1", &state, &error);
    suite_no_error(error);
    ck_assert_int_eq(state.epoch, 42);
    journal_state_clear(&state);
    journal_free(journal);
    write_file(dir, "epoch", "4x\n", 3);
    ck_assert_ptr_null(journal_open(dir, "boot-1", &state, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "\"4x\" is not an epoch");
    tempdir_free(dir);
}
END_TEST

START_TEST(a_rewritten_journal_has_the_new_lines_and_grows_on)
{
    g_autofree char *first = journal_line_gen(U1, 1);
    g_autofree char *second = journal_line_gen(U1, 2);
    g_autofree char *third = journal_line_gen(U1, 3);
    g_autofree char *want = g_strconcat(second, third, NULL);
    g_autofree char *text = NULL;
    char *dir = tempdir_new();
    struct journal_state state;
    Journal *journal = journal_open(dir, "boot-1", &state, NULL);

    journal_state_clear(&state);
    ck_assert(journal_append(journal, first, NULL));
    ck_assert(journal_rewrite(journal, second, NULL));
    ck_assert_uint_eq(journal_size(journal), strlen(second));
    ck_assert(journal_append(journal, third, NULL));
    journal_free(journal);
    text = read_file(dir, "journal");
    ck_assert_str_eq(text, want);
    tempdir_free(dir);
}
END_TEST

START_TEST(two_agents_cannot_share_a_folder)
{
    char *dir = tempdir_new();
    struct journal_state state;
    GError *error = NULL;
    Journal *journal = journal_open(dir, "boot-1", &state, NULL);

    journal_state_clear(&state);
    ck_assert_ptr_null(journal_open(dir, "boot-1", &state, &error));
    suite_take_error(&error, VRM_ERR_BUSY, "another vrm-agent");
    journal_free(journal);
    tempdir_free(dir);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_named)
{
    struct journal_state state;
    GError *error = NULL;

    ck_assert_ptr_null(journal_open("/dev/null/agent", "boot-1", &state, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "/dev/null/agent");
}
END_TEST

SUITE_MAIN("agent_journal",
           SUITE_TEST(after_a_crash_at_any_byte_every_whole_line_counts_and_writing_goes_on),
           SUITE_TEST(a_finish_time_counts_only_within_its_boot),
           SUITE_LOOP(a_whole_line_that_makes_no_sense_stops_the_start_and_is_named, bad_rows),
           SUITE_TEST(a_command_cannot_be_accepted_twice),
           SUITE_TEST(the_epoch_is_kept_and_garbage_in_its_file_is_named),
           SUITE_TEST(a_rewritten_journal_has_the_new_lines_and_grows_on),
           SUITE_TEST(two_agents_cannot_share_a_folder),
           SUITE_TEST(a_folder_that_cannot_be_made_is_named))
