/* ha_book.c - the story of each failure: what was seen when, and what became of each VM.  See
 * ha_shell_private.h.
 *
 * A host that was only slow leaves none.  What changed is written soon, one write at a time for
 * each story; while the database is away it waits here. */
#include "config.h"

#include "controller/ha_book_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "db/store_incident.h"

#define MAX_STORIES 64 /* that go on at once; of more nothing is told */

/* ---- stories ----------------------------------------------------------------------------------
 */

static void free_story(void *data)
{
    struct ha_story *story = data;

    incident_free(story->incident);
    g_free(story->last_text);
    g_free(story->lost_store);
    g_free(story);
}

static struct ha_story *add_story(HaBook *book, Incident *incident)
{
    struct ha_story *story = g_new0(struct ha_story, 1);

    story->incident = incident;
    g_ptr_array_add(book->stories, story);
    return story;
}

struct ha_story *ha_book_begin(HaBook *book, enum incident_kind kind, int64_t host_id,
                               const char *host_name)
{
    Incident *incident;

    if (book->stories->len >= MAX_STORIES)
        return NULL;
    incident = incident_new();
    incident->kind = kind;
    incident->host_id = host_id;
    text_set(&incident->host_name, host_name);
    incident->begin_ms = clock_wall_ms();
    return add_story(book, incident);
}

struct ha_story *ha_book_find_host(const HaBook *book, int64_t host_id)
{
    for (guint i = 0; i < book->stories->len; i++) {
        struct ha_story *story = book->stories->pdata[i];

        if (!story->is_over && story->incident->vm_id == 0 && story->incident->host_id == host_id)
            return story;
    }
    return NULL;
}

struct ha_story *ha_book_find_vm(const HaBook *book, int64_t vm_id)
{
    for (guint i = book->stories->len; i-- > 0;) {
        struct ha_story *story = book->stories->pdata[i];

        if (!story->is_over && incident_find_vm(story->incident, vm_id))
            return story;
    }
    return NULL;
}

void ha_book_touch(struct ha_story *story)
{
    incident_count(story->incident);
    incident_tell(story->incident);
    story->is_dirty = true;
}

void ha_book_say_rule(struct ha_story *story, enum incident_source source, int64_t vm_id, int rule,
                      const char *text)
{
    Incident *incident = story->incident;
    IncidentLine *line;

    if (g_strcmp0(story->last_text, text) == 0)
        return;
    text_set(&story->last_text, text);
    story->is_dirty = true;
    if (++incident->n_lines > INCIDENT_MAX_LINES)
        return;
    line = incident_line_new();
    line->seq = incident->n_lines;
    line->at_ms = clock_wall_ms();
    line->source = source;
    line->vm_id = vm_id;
    line->rule = rule;
    text_set(&line->text, text);
    g_ptr_array_add(incident->lines, line);
}

void ha_book_say(struct ha_story *story, enum incident_source source, int64_t vm_id,
                 const char *text)
{
    ha_book_say_rule(story, source, vm_id, 0, text);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static bool waits_for_vms(const Incident *incident)
{
    for (guint i = 0; i < incident->vms->len; i++) {
        const IncidentVm *vm = incident->vms->pdata[i];

        if (vm->end == VM_END_WAITING || vm->end == VM_END_STARTING || vm->end == VM_END_HELD)
            return true;
    }
    return false;
}

bool ha_book_knows(const HaBook *book, const struct ha_host_slot *host)
{
    return ha_book_find_host(book, host->id) != NULL;
}

bool ha_book_is_drill(const HaBook *book, const struct ha_host_slot *host)
{
    const struct ha_story *story = ha_book_find_host(book, host->id);

    return story && story->incident->kind == INCIDENT_DRILL;
}

bool ha_book_waits(const HaBook *book, const struct ha_host_slot *host)
{
    const struct ha_story *story = ha_book_find_host(book, host->id);

    return story && waits_for_vms(story->incident);
}

/* VMs that are gone, or that HA does not know, will never be told of again. */
static void settle_rows(HaBook *book, struct ha_story *story)
{
    for (guint i = 0; i < story->incident->vms->len; i++) {
        IncidentVm *row = story->incident->vms->pdata[i];
        const struct ha_vm_slot *vm = ha_shell_vm(book->shell, row->vm_id);
        const Vm *current = inventory_find_vm(book->shell->app->inv, row->vm_id);

        if (row->end == VM_END_RUNNING || row->end == VM_END_UNGUARDED ||
            row->end == VM_END_UNWANTED ||
            (current && vm && ha_vm_state(book->shell->ha, vm->index) != VM_FSM_OFF) ||
            (current && current->status == VM_FAULT_RESUMING))
            continue;
        if (current && current->status == VM_RUNNING && current->host_reported) {
            row->end = VM_END_RUNNING;
            row->running_ms = clock_wall_ms();
        } else if (!current || current->status == VM_STOPPED || story->incident->proof_ms != 0) {
            row->end = VM_END_UNWANTED;
            text_set(&row->why, current ? "nobody wants it to run" : "it was deleted");
        }
        ha_book_touch(story);
    }
}

/* A host that is well again and had no VM to bring back; one whose VMs are all dealt with. */
static bool is_over(const HaBook *book, const struct ha_story *story)
{
    const Incident *incident = story->incident;
    const struct ha_host_slot *host = ha_shell_host(book->shell, incident->host_id);
    const enum host_fsm_state state =
        host ? ha_host_state(book->shell->ha, host->index) : HOST_N_STATES;

    if (incident->vm_id != 0 || !host || host->gone)
        return !waits_for_vms(incident);
    if (ha_shell_is_trouble(state) || (host->drill && incident->proof_ms == 0))
        return false;
    return !waits_for_vms(incident) && !ha_again_awaits(book->shell, host);
}

static void end_story(struct ha_story *story)
{
    story->is_over = true;
    if (!story->is_real)
        return;
    story->incident->end_ms = clock_wall_ms();
    ha_book_say(story, SOURCE_DECISION, 0, "it is over");
    ha_book_touch(story);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

struct writing {
    HaBook *book;
    HaShell *shell;
    uint64_t life;
    struct ha_story *story;
    Incident *copy;
    int64_t epoch, seq;
};

static bool put(Db *db, void *data, GError **error)
{
    struct writing *writing = data;

    return store_incident_put(db, writing->copy, error);
}

static bool run_put(Db *db, void *data, GError **error)
{
    struct writing *writing = data;

    return db_write(db, writing->epoch, put, writing, error);
}

static void written(const GError *error, void *data)
{
    g_autofree struct writing *writing = data;
    HaBook *book = writing->shell->book;

    /* after a reset the book is another one, and so are its stories */
    if (book && book == writing->book && book->life == writing->life) {
        writing->story->is_writing = false;
        writing->story->is_dirty = writing->story->is_dirty || error != NULL;
        if (!error) {
            writing->story->incident->id = writing->copy->id;
            writing->story->stored_seq = writing->seq;
        }
    }
    if (error)
        log_warning("an incident could not be recorded; it is tried again", "REASON",
                    error->message, NULL);
    incident_free(writing->copy);
}

/* Lines that are written already are left out. */
static Incident *news_of(const struct ha_story *story)
{
    Incident *copy = incident_dup(story->incident);

    while (copy->lines->len > 0 &&
           ((IncidentLine *)copy->lines->pdata[0])->seq <= story->stored_seq)
        (void)g_ptr_array_remove_index(copy->lines, 0);
    return copy;
}

static void write_story(HaBook *book, struct ha_story *story)
{
    struct app *app = book->shell->app;
    const GPtrArray *lines = story->incident->lines;
    struct writing *writing;
    const int64_t epoch = app->committer.epoch(app->committer.user);

    if (epoch == 0 || !dbq_up(app->dbq))
        return;
    writing = g_new(struct writing, 1);
    *writing = (struct writing){
        .book = book,
        .shell = book->shell,
        .life = book->life,
        .story = story,
        .copy = news_of(story),
        .epoch = epoch,
        .seq = lines->len > 0 ? ((IncidentLine *)lines->pdata[lines->len - 1])->seq
                              : story->stored_seq,
    };
    story->is_dirty = false;
    story->is_writing = true;
    dbq_submit(app->dbq, "ha-incident", run_put, written, writing);
}

void ha_book_tick(HaBook *book)
{
    for (guint i = book->stories->len; i-- > 0;) {
        struct ha_story *story = book->stories->pdata[i];

        if (!story->is_over) {
            settle_rows(book, story);
            if (is_over(book, story))
                end_story(story);
        }
        if (story->is_real && story->is_dirty && !story->is_writing)
            write_story(book, story);
        if (story->is_over && !story->is_writing && (!story->is_dirty || !story->is_real))
            (void)g_ptr_array_remove_index(book->stories, i);
    }
}

/* ---- what the last controller began -----------------------------------------------------------
 */

struct loading {
    HaShell *shell;
    HaBook *book;
    uint64_t life;
    GPtrArray *list;
};

static bool read_open(Db *db, void *data, GError **error)
{
    struct loading *loading = data;

    return store_incident_list_open(db, &loading->list, error);
}

static bool run_read(Db *db, void *data, GError **error)
{
    return db_read(db, read_open, data, error);
}

static void take_over(HaBook *book, Incident *incident)
{
    struct ha_story *story;

    if (incident->vm_id == 0 && ha_book_find_host(book, incident->host_id)) {
        incident_free(incident);
        return; /* it was begun anew meanwhile */
    }
    story = add_story(book, incident);
    story->is_real = true;
    story->stored_seq = incident->n_lines;
    ha_book_say(story, SOURCE_DECISION, 0, "another controller goes on from here");
}

static void loaded(const GError *error, void *data)
{
    g_autofree struct loading *loading = data;
    HaBook *book = loading->shell->book;

    if (error)
        log_warning("open incidents could not be read", "REASON", error->message, NULL);
    else if (book && book == loading->book && book->life == loading->life)
        while (loading->list->len > 0)
            take_over(book, g_ptr_array_steal_index(loading->list, 0));
    g_clear_pointer(&loading->list, g_ptr_array_unref);
}

void ha_book_load(HaBook *book)
{
    struct loading *loading = g_new0(struct loading, 1);

    *loading = (struct loading){ .shell = book->shell, .book = book, .life = book->life };
    dbq_submit(book->shell->app->dbq, "ha-incident", run_read, loaded, loading);
}

/* ---- life -------------------------------------------------------------------------------------
 */

HaBook *ha_book_new(HaShell *shell)
{
    HaBook *book = g_new0(HaBook, 1);

    book->shell = shell;
    book->life = ++shell->n_books;
    book->stories = g_ptr_array_new_with_free_func(free_story);
    return book;
}

void ha_book_free(HaBook *book)
{
    if (!book)
        return;
    g_ptr_array_unref(book->stories);
    g_free(book);
}
