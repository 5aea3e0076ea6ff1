/* journal.c - see journal.h: the lines.  The files are in journal_file.c. */
#include "config.h"

#include "agent/journal.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

/* ---- state --------------------------------------------------------------------------------- */

void journal_entry_free(JournalEntry *entry)
{
    if (!entry)
        return;
    agent_command_clear(&entry->command);
    command_report_clear(&entry->report);
    g_free(entry);
}

static void free_entry(gpointer entry)
{
    journal_entry_free(entry);
}

void journal_state_init(struct journal_state *state)
{
    state->epoch = 0;
    state->entries = g_ptr_array_new_with_free_func(free_entry);
    state->indexes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    state->gens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void journal_state_clear(struct journal_state *state)
{
    g_clear_pointer(&state->entries, g_ptr_array_unref);
    g_clear_pointer(&state->indexes, g_hash_table_unref);
    g_clear_pointer(&state->gens, g_hash_table_unref);
}

void journal_state_raise_gen(struct journal_state *state, const char *uuid, int64_t gen)
{
    int64_t *known = g_hash_table_lookup(state->gens, uuid);

    if (known)
        *known = MAX(*known, gen);
    else
        g_hash_table_insert(state->gens, g_strdup(uuid), g_memdup2(&gen, sizeof(gen)));
}

static JournalEntry *find_entry(const struct journal_state *state, const char *id)
{
    gpointer i;

    if (!g_hash_table_lookup_extended(state->indexes, id, NULL, &i))
        return NULL;
    return g_ptr_array_index(state->entries, GPOINTER_TO_UINT(i));
}

static JournalEntry *add_entry(struct journal_state *state, const char *id)
{
    JournalEntry *entry = g_new0(JournalEntry, 1);

    g_hash_table_insert(state->indexes, g_strdup(id), GUINT_TO_POINTER(state->entries->len));
    g_ptr_array_add(state->entries, entry);
    return entry;
}

/* ---- writing lines ------------------------------------------------------------------------- */

static char *finish_line(json_t *object)
{
    g_autofree char *text = json_format(object);

    json_decref(object);
    return g_strconcat(text, "\n", NULL);
}

char *journal_line_boot(const char *boot_id)
{
    return finish_line(json_pack("{s:s, s:s}", "kind", "boot", "boot", boot_id));
}

char *journal_line_accept(const struct agent_command *command, int64_t deadline_ms)
{
    return finish_line(json_pack("{s:s, s:I, s:o}", "kind", "accept", "until",
                                 (json_int_t)deadline_ms, "command",
                                 agent_command_encode(command)));
}

char *journal_line_finish(const struct command_report *report, int64_t finished_ms)
{
    return finish_line(json_pack("{s:s, s:I, s:o}", "kind", "finish", "at", (json_int_t)finished_ms,
                                 "report", command_report_encode(report)));
}

char *journal_line_gen(const char *uuid, int64_t gen)
{
    return finish_line(
        json_pack("{s:s, s:s, s:I}", "kind", "gen", "vm", uuid, "gen", (json_int_t)gen));
}

/* ---- reading lines ------------------------------------------------------------------------- */

struct reading {
    struct journal_state *state;
    const char *boot_id;
    bool this_boot; /* the lines read now were written in this boot of the machine */
};

static bool fail_line(const char *what, GError **error)
{
    err_set(error, VRM_ERR_INTERNAL, "%s", what);
    return false;
}

static bool read_boot(struct reading *reading, const json_t *line, GError **error)
{
    const char *boot_id = json_string_value(json_object_get(line, "boot"));

    if (!boot_id)
        return fail_line("\"boot\" is missing", error);
    reading->this_boot = g_str_equal(boot_id, reading->boot_id);
    return true;
}

static bool read_accept(struct reading *reading, const json_t *line, GError **error)
{
    struct journal_state *state = reading->state;
    struct agent_command command;
    JournalEntry *entry;

    if (!agent_command_decode(json_object_get(line, "command"), &command, error))
        return false;
    if (find_entry(state, command.id)) {
        agent_command_clear(&command);
        return fail_line("a command was accepted twice", error);
    }
    entry = add_entry(state, command.id);
    entry->command = command;
    /* A file of an older agent has no such number: then nothing may begin any more. */
    if (reading->this_boot)
        entry->deadline_ms = json_integer_value(json_object_get(line, "until"));
    entry->report = (struct command_report){
        .id = g_strdup(command.id),
        .verb = command.verb,
        .vm_uuid = g_strdup(command.vm_uuid ? command.vm_uuid : ""),
        .state = COMMAND_ACCEPTED,
        .error = g_strdup(""),
    };
    if (command.vm_uuid && *command.vm_uuid)
        journal_state_raise_gen(state, command.vm_uuid, command.gen);
    return true;
}

static bool read_finish(struct reading *reading, const json_t *line, GError **error)
{
    const json_t *at = json_object_get(line, "at");
    struct command_report report;
    JournalEntry *entry;

    if (!json_is_integer(at))
        return fail_line("\"at\" is not a number", error);
    if (!command_report_decode(json_object_get(line, "report"), &report, error))
        return false;
    entry = find_entry(reading->state, report.id);
    if (!entry)
        entry = add_entry(reading->state, report.id);
    command_report_clear(&entry->report);
    entry->report = report;
    entry->finished_ms = reading->this_boot ? json_integer_value(at) : 0;
    return true;
}

static bool read_gen(struct reading *reading, const json_t *line, GError **error)
{
    const char *uuid = json_string_value(json_object_get(line, "vm"));
    const json_t *gen = json_object_get(line, "gen");

    if (!uuid || !json_is_integer(gen))
        return fail_line("\"vm\" or \"gen\" is missing", error);
    journal_state_raise_gen(reading->state, uuid, json_integer_value(gen));
    return true;
}

static bool read_line(struct reading *reading, const char *text, size_t len, GError **error)
{
    static const struct {
        const char *kind;
        bool (*read)(struct reading *reading, const json_t *line, GError **error);
    } kinds[] = {
        { "boot", read_boot },
        { "accept", read_accept },
        { "finish", read_finish },
        { "gen", read_gen },
    };
    g_autoptr(json_t) line = json_parse(text, len, error);
    const char *kind;

    if (!line)
        return false;
    kind = json_string_value(json_object_get(line, "kind"));
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_strcmp0(kind, kinds[i].kind) == 0)
            return kinds[i].read(reading, line, error);
    }
    return fail_line("\"kind\" is none of boot, accept, finish, gen", error);
}

bool journal_parse(const char *text, size_t len, const char *boot_id, struct journal_state *state,
                   size_t *ret_good, GError **error)
{
    struct reading reading = { .state = state, .boot_id = boot_id };
    size_t good = 0;
    unsigned number = 1;

    while (good < len) {
        const char *begin = text + good;
        const char *end = memchr(begin, '\n', len - good);

        if (!end)
            break; /* torn: it was never acknowledged */
        if (!read_line(&reading, begin, (size_t)(end - begin), error)) {
            g_prefix_error(error, "line %u: ", number);
            return false;
        }
        good += (size_t)(end - begin) + 1;
        number++;
    }
    *ret_good = good;
    return true;
}
