/* journal.h - what the agent must not forget: the highest epoch, the generation of each VM, and
 * which commands it accepted and how they ended.
 *
 * The epoch is a file of its own, replaced by rename.  Commands are JSON lines appended to a file;
 * a line counts once its newline is on disk, so a torn last line is a command that was never
 * acknowledged.  The file is rewritten when it has grown (journal_rewrite).
 *
 * journal_open on the loop at start; the writing calls block on the disk: one thread at a time. */
#ifndef VRM_AGENT_JOURNAL_H
#define VRM_AGENT_JOURNAL_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agentproto/msg.h"

typedef struct Journal Journal;

/* A command as found on disk. */
typedef struct JournalEntry {
    struct agent_command command; /* id is NULL when only the result was kept */
    struct command_report report; /* state COMMAND_ACCEPTED: it was not finished */
    int64_t finished_ms;          /* clock_now_ms of this boot; 0: earlier boot, or unfinished */
    int64_t deadline_ms;          /* the same; 0: earlier boot, or only the result was kept */
} JournalEntry;

void journal_entry_free(JournalEntry *entry);

struct journal_state {
    int64_t epoch;       /* highest seen; 0 none */
    GPtrArray *entries;  /* JournalEntry *, oldest first */
    GHashTable *indexes; /* id -> index in entries */
    GHashTable *gens;    /* VM uuid -> int64_t *, highest seen */
};

void journal_state_init(struct journal_state *state);
void journal_state_clear(struct journal_state *state);
void journal_state_raise_gen(struct journal_state *state, const char *uuid, int64_t gen);

/* Reads the lines of text into state.  *ret_good is the length up to the end of the last whole
 * line.  A line that is whole but makes no sense is an error: somebody else wrote there. */
bool journal_parse(const char *text, size_t len, const char *boot_id, struct journal_state *state,
                   size_t *ret_good, GError **error);

/* Makes the folder if needed, locks it against a second agent, reads everything, cuts a torn last
 * line off.  boot_id: of this boot of the machine. */
Journal *journal_open(const char *folder, const char *boot_id, struct journal_state *ret_state,
                      GError **error);
void journal_free(Journal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_free)

/* On disk when it returns true. */
bool journal_set_epoch(Journal *journal, int64_t epoch, GError **error);
/* line ends with its newline, as the journal_line functions make it. */
bool journal_append(Journal *journal, const char *line, GError **error);
/* Replaces all lines. */
bool journal_rewrite(Journal *journal, const char *lines, GError **error);
/* Bytes in the file now. */
size_t journal_size(const Journal *journal);

char *journal_line_boot(const char *boot_id);
/* deadline_ms: of clock_now_ms; the command may begin until then. */
char *journal_line_accept(const struct agent_command *command, int64_t deadline_ms);
/* finished_ms: clock_now_ms. */
char *journal_line_finish(const struct command_report *report, int64_t finished_ms);
char *journal_line_gen(const char *uuid, int64_t gen);

#endif /* VRM_AGENT_JOURNAL_H */
