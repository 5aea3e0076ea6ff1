/* hald_slot.c - see hald_slot.h.
 *
 * A struct below is the thread's while its job runs and the loop's before and after; the struct
 * slotio is the thread's alone.  The thread allocates nothing: a heap of its own would cost. */
#include "config.h"

#include "agent/hald_slot.h"

#include <errno.h>
#include <string.h>

#include "agent/hald_slotio.h"
#include "base/clock.h"
#include "base/work.h"

#define STACK_SIZE ((size_t)256 << 10) /* only what is touched takes memory */
#define MAX_QUEUED 16
#define KEY_TURN   "turn"
#define KEY_READ   "read"
/* Of the files of the number-th object; below the usual limit of 1024. */
#define FIRST_FD 512
#define FD_STEP  4

struct HaldSlot {
    WorkPool *pool;
    char *folder;
    uint64_t tag;
    int64_t slot;
    void *user;
    unsigned *n_hanging; /* shared with the owner, who may go first */
    struct slotio io;    /* the thread's */
    bool retired;
    bool turns;
    unsigned n_readings;
    int64_t turn_ms, read_ms; /* since when; of the oldest that is out */
};

/* ---- the thread ------------------------------------------------------------------------------ */

static void *start_io(void *user)
{
    HaldSlot *slot = user;

    return &slot->io;
}

static void stop_io(void *state)
{
    slotio_close(state);
}

struct turn {
    HaldSlot *slot;
    struct hald_slot_turn what;
    hald_slot_done_fn done;
    struct hald_slot_result result;
};

/* What stands in our slot: may it be overwritten? */
static enum hald_slot_end judge(const struct turn *turn, const uint8_t *block,
                                struct slot_record *ret_found)
{
    const struct hald_slot_turn *what = &turn->what;
    const uint64_t tag = turn->slot->tag;
    const bool valid = slot_parse(block, ret_found) == SLOT_VALID;

    if (what->resume && !(valid && slot_may_go_on(ret_found, tag, &what->record.owner)))
        return HALD_SLOT_OTHER;
    if (valid && slot_is_foreign(ret_found, tag, &what->record.owner) &&
        !(what->spare && slot_record_equal(ret_found, &what->foreign)))
        return HALD_SLOT_FOREIGN;
    return HALD_SLOT_DONE;
}

static bool failed(struct turn *turn, int trouble)
{
    turn->result.trouble = trouble;
    if (trouble != 0)
        turn->result.end = HALD_SLOT_FAILED;
    return trouble != 0;
}

static bool open_file(struct turn *turn, struct slotio *io)
{
    struct hald_slot_result *result = &turn->result;
    const bool is_open = !failed(turn, slotio_open(io, turn->slot->folder, &result->fs));

    if (result->fs)
        result->end = HALD_SLOT_CACHED;
    return is_open;
}

static void look_and_write(struct turn *turn, struct slotio *io)
{
    const struct hald_slot_turn *what = &turn->what;
    struct hald_slot_result *result = &turn->result;
    bool end;

    result->direct = io->direct;
    if (failed(turn, slotio_read(io, turn->slot->slot, 1, &end)))
        return;
    result->end = judge(turn, io->blocks, &result->found);
    if (result->end == HALD_SLOT_DONE && what->write)
        failed(turn, slotio_write(io, turn->slot->slot, &what->record));
}

static void run_turn(void *state, void *data)
{
    struct slotio *io = state;
    struct turn *turn = data;
    struct hald_slot_result *result = &turn->result;

    if (turn->what.open && !open_file(turn, io))
        return;
    look_and_write(turn, io);
    result->compared = turn->what.compare || result->trouble != 0;
    result->spent = result->trouble == ESTALE || result->trouble == EBADF ||
                    (result->compared && slotio_is_elsewhere(io, turn->slot->folder));
}

struct reading {
    HaldSlot *slot;
    struct ha_owner self;
    int64_t next, end; /* slots that are still to be read */
    int64_t came_ms;
    hald_slot_read_fn done;
    uint64_t ticket;
    bool dated;       /* the own slot was read, ... */
    unsigned n_opens; /* ... of this file */
    int trouble;
    int64_t age_ms;
    struct slot_record chunk[SLOTIO_CHUNK];
    unsigned n_chunk;
    GArray *records;
};

/* The own slot first: what is read after it is at least as new. */
static int read_own(struct slotio *io, struct reading *reading)
{
    struct slot_record own;
    bool end;
    const int trouble = slotio_read(io, reading->slot->slot, 1, &end);

    if (trouble != 0)
        return trouble;
    reading->age_ms = -1;
    if (slot_parse(io->blocks, &own) == SLOT_VALID)
        reading->age_ms = slot_age_ms(&own, reading->slot->tag, &reading->self, reading->came_ms);
    reading->dated = true;
    reading->n_opens = io->n_opens;
    return 0;
}

/* What the own slot says of one file says nothing of another. */
static int check_file(const struct slotio *io, const struct reading *reading)
{
    return reading->n_opens == io->n_opens ? 0 : ESTALE;
}

static bool is_told(const struct reading *reading, const struct slot_record *record, int64_t slot)
{
    return record->tag == reading->slot->tag &&
           record->owner.authority == reading->self.authority &&
           slot_of_host(record->owner.host) == slot;
}

static void run_reading(void *state, void *data)
{
    struct slotio *io = state;
    struct reading *reading = data;
    const unsigned n = (unsigned)MIN(reading->end - reading->next, SLOTIO_CHUNK);
    bool end = false;

    reading->trouble = reading->dated ? check_file(io, reading) : read_own(io, reading);
    if (reading->trouble == 0)
        reading->trouble = slotio_read(io, reading->next, n, &end);
    if (reading->trouble != 0)
        return;
    for (unsigned i = 0; i < n; i++) {
        struct slot_record *record = &reading->chunk[reading->n_chunk];

        if (slot_parse(io->blocks + (size_t)i * SLOT_SIZE, record) == SLOT_VALID &&
            is_told(reading, record, reading->next + i))
            reading->n_chunk++;
    }
    reading->next = end ? reading->end : reading->next + n;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void turn_done(void *data, bool ran)
{
    struct turn *turn = data;
    HaldSlot *slot = turn->slot;

    slot->turns = false;
    if (ran && !slot->retired)
        turn->done(&turn->result, slot->user);
    g_free(turn);
}

bool hald_slot_turn(HaldSlot *slot, const struct hald_slot_turn *turn, hald_slot_done_fn done)
{
    struct turn *job = g_new0(struct turn, 1);

    g_assert(!slot->turns);
    job->slot = slot;
    job->what = *turn;
    job->done = done;
    slot->turns = work_pool_submit(slot->pool, KEY_TURN, run_turn, turn_done, job);
    if (slot->turns)
        slot->turn_ms = clock_now_ms();
    else
        g_free(job);
    return slot->turns;
}

bool hald_slot_turns(const HaldSlot *slot)
{
    return slot->turns;
}

static void reading_free(struct reading *reading)
{
    g_array_unref(reading->records);
    g_free(reading);
}

static void reading_done(void *data, bool ran)
{
    struct reading *reading = data;
    HaldSlot *slot = reading->slot;
    const struct hald_slot_reading told = {
        .trouble = reading->trouble,
        .age_ms = reading->age_ms,
        .records = (const struct slot_record *)(const void *)reading->records->data,
        .n_records = reading->records->len,
    };

    slot->n_readings--;
    slot->read_ms = clock_now_ms();
    if (ran && !slot->retired)
        reading->done(&told, reading->ticket, slot->user);
    reading_free(reading);
}

static void chunk_done(void *data, bool ran)
{
    struct reading *reading = data;
    HaldSlot *slot = reading->slot;

    g_array_append_vals(reading->records, reading->chunk, reading->n_chunk);
    reading->n_chunk = 0;
    if (ran && !slot->retired && reading->trouble == 0 && reading->next < reading->end &&
        work_pool_submit(slot->pool, KEY_READ, run_reading, chunk_done, reading)) {
        slot->read_ms = clock_now_ms();
        return;
    }
    if (reading->trouble == 0 && reading->next < reading->end)
        reading->trouble = EBUSY;
    reading_done(reading, ran);
}

bool hald_slot_read(HaldSlot *slot, const struct ha_owner *self, int64_t first, int64_t count,
                    hald_slot_read_fn done, uint64_t ticket)
{
    struct reading *reading = g_new0(struct reading, 1);

    reading->slot = slot;
    reading->self = *self;
    reading->next = first;
    reading->end = MIN(first + count, SLOT_MAX);
    reading->came_ms = clock_now_ms();
    reading->done = done;
    reading->ticket = ticket;
    reading->records = g_array_new(FALSE, FALSE, sizeof(struct slot_record));
    if (!work_pool_submit(slot->pool, KEY_READ, run_reading, chunk_done, reading)) {
        reading_free(reading);
        return false;
    }
    if (slot->n_readings++ == 0)
        slot->read_ms = reading->came_ms;
    return true;
}

int64_t hald_slot_busy_ms(const HaldSlot *slot, int64_t now_ms)
{
    int64_t since_ms = now_ms;

    if (slot->turns)
        since_ms = slot->turn_ms;
    if (slot->n_readings > 0)
        since_ms = MIN(since_ms, slot->read_ms);
    return now_ms - since_ms;
}

/* ---- life ------------------------------------------------------------------------------------ */

HaldSlot *hald_slot_new(const struct hald_slot_options *options)
{
    g_autofree char *name = g_strdup_printf("slot%d", options->number);
    HaldSlot *slot = g_new0(HaldSlot, 1);
    const struct work_pool_options pool = {
        .name = name,
        .n_threads = 1,
        .max_queued = MAX_QUEUED,
        .thread_start = start_io,
        .thread_stop = stop_io,
        .user = slot,
        .stack_size = STACK_SIZE,
        .own_files = true,
    };

    slot->folder = g_strdup(options->folder);
    slot->tag = options->tag;
    slot->slot = options->slot;
    if (!slotio_init(&slot->io, FIRST_FD + FD_STEP * options->number))
        g_error("no memory for heartbeat slots"); /* as GLib does */
    slot->user = options->user;
    slot->n_hanging = g_rc_box_acquire(options->n_hanging);
    slot->pool = work_pool_new(&pool);
    return slot;
}

static void gone(void *user)
{
    HaldSlot *slot = user;

    --*slot->n_hanging;
    g_rc_box_release(slot->n_hanging);
    slotio_clear(&slot->io);
    g_free(slot->folder);
    g_free(slot);
}

void hald_slot_retire(HaldSlot *slot)
{
    if (!slot)
        return;
    slot->retired = true;
    ++*slot->n_hanging;
    work_pool_retire(slot->pool, gone, slot);
}
