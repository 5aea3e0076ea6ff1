/* warden_fake.c - see warden_fake.h. */
#include "config.h"

#include "agent/warden_fake.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define HOLD_POLL_MS 1
#define ADDRESS      "10.91.0.11"
#define FIRST_HOST   101
#define AGE_MS       3600000 /* of the first process */

struct WardenFake {
    pthread_mutex_t mutex;
    /* below the mutex */
    bool down;
    int64_t begun_ms;
    bool held[N_HALD_OPS];
    unsigned inside[N_HALD_OPS];
    unsigned asked[N_HALD_OPS];
    enum vrm_err codes[N_HALD_OPS];
    char *failures[N_HALD_OPS];
    char *given_up; /* UUID; NULL: none */
    bool is_told;   /* its guest is to be told so */
    bool watched;
    GString *history;
};

static void note(WardenFake *fake, const struct hald_request *request)
{
    static const char *const suffix[] = { "-", "+" };
    const char *uuid = request->uuid ? request->uuid : "";

    if (request->op == HALD_STATUS || request->op == HALD_SLOTS)
        return;
    g_string_append(fake->history, hald_op_name(request->op));
    if (request->op == HALD_PROCESS)
        g_string_append(fake->history, suffix[request->exists]);
    if (*uuid)
        g_string_append_printf(fake->history, " %s;", uuid + strlen(uuid) - 2);
    else
        g_string_append_printf(fake->history, " %" PRId64 ";", request->vm);
}

static void wait_inside(WardenFake *fake, enum hald_op op)
{
    fake->asked[op]++;
    fake->inside[op]++;
    while (fake->held[op]) {
        pthread_mutex_unlock(&fake->mutex);
        (void)poll(NULL, 0, HOLD_POLL_MS);
        pthread_mutex_lock(&fake->mutex);
    }
    fake->inside[op]--;
}

/* One datastore, whose first slot asked for is held. */
static void add_slot(const struct hald_request *request, struct hald_reply *reply)
{
    struct ha_store_read *store = g_new0(struct ha_store_read, 1);

    store->authority = 2;
    store->ok = true;
    store->slots = g_new0(struct ha_slot_read, 1);
    store->n_slots = 1;
    store->slots[0] = (struct ha_slot_read){ .slot = request->first,
                                             .host = FIRST_HOST + request->first,
                                             .inc = g_strdup("9f3c-1"),
                                             .seq = request->count };
    reply->slots.stores = store;
    reply->slots.n_stores = 1;
}

static void add_vm(const WardenFake *fake, struct hald_status *status)
{
    status->vms = g_new0(struct hald_vm, 1);
    status->n_vms = 1;
    status->vms[0] = (struct hald_vm){ .vm = 1,
                                       .uuid = g_strdup(fake->given_up),
                                       .authority = 2,
                                       .state = g_strdup("allowed"),
                                       .process = true,
                                       .shut_down = fake->is_told,
                                       .given_up = true };
}

/* Mutex held. */
static bool answer(WardenFake *fake, const struct hald_request *request, struct hald_reply *reply,
                   GError **error)
{
    g_autofree char *failure = g_steal_pointer(&fake->failures[request->op]);
    const enum vrm_err code = fake->codes[request->op];

    if (fake->down) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, 0, WARDEN_FIELD, "vrm-hald does not answer");
        return false;
    }
    if (failure && code != VRM_ERR_CONFLICT) {
        err_set_reason(error, code, 0, WARDEN_FIELD, "%s", failure);
        return false;
    }
    *reply = (struct hald_reply){ .id = request->id, .ok = failure == NULL };
    reply->why = g_strdup(failure ? failure : "");
    if (request->op == HALD_STATUS) {
        reply->status.up_ms = clock_now_ms() - fake->begun_ms;
        reply->status.address = g_strdup(ADDRESS);
        reply->status.version = g_strdup("fake");
        fake->watched = request->watched;
        if (fake->given_up)
            add_vm(fake, &reply->status);
    }
    if (request->op == HALD_SLOTS)
        add_slot(request, reply);
    return true;
}

static bool fake_call(void *data, struct hald_request *request, int64_t deadline_ms,
                      struct hald_reply *ret_reply, GError **error)
{
    WardenFake *fake = data;
    bool ok;

    (void)deadline_ms;
    pthread_mutex_lock(&fake->mutex);
    note(fake, request);
    wait_inside(fake, request->op);
    ok = answer(fake, request, ret_reply, error);
    pthread_mutex_unlock(&fake->mutex);
    return ok;
}

struct warden warden_fake_warden(WardenFake *fake)
{
    return (struct warden){ .call = fake_call, .data = fake };
}

WardenFake *warden_fake_new(void)
{
    WardenFake *fake = g_new0(WardenFake, 1);

    pthread_mutex_init(&fake->mutex, NULL);
    fake->begun_ms = clock_now_ms() - AGE_MS;
    fake->history = g_string_new(NULL);
    return fake;
}

void warden_fake_free(WardenFake *fake)
{
    if (!fake)
        return;
    for (size_t i = 0; i < N_HALD_OPS; i++)
        g_free(fake->failures[i]);
    g_free(fake->given_up);
    g_string_free(fake->history, TRUE);
    pthread_mutex_destroy(&fake->mutex);
    g_free(fake);
}

void warden_fake_fail(WardenFake *fake, enum hald_op op, enum vrm_err code, const char *text)
{
    pthread_mutex_lock(&fake->mutex);
    g_free(fake->failures[op]);
    fake->failures[op] = g_strdup(text);
    fake->codes[op] = code;
    pthread_mutex_unlock(&fake->mutex);
}

static void give_up(WardenFake *fake, const char *uuid, bool is_told)
{
    pthread_mutex_lock(&fake->mutex);
    text_set(&fake->given_up, uuid);
    fake->is_told = is_told;
    pthread_mutex_unlock(&fake->mutex);
}

void warden_fake_shut_down(WardenFake *fake, const char *uuid)
{
    give_up(fake, uuid, true);
}

void warden_fake_end(WardenFake *fake, const char *uuid)
{
    give_up(fake, uuid, false);
}

bool warden_fake_is_watched(WardenFake *fake)
{
    bool watched;

    pthread_mutex_lock(&fake->mutex);
    watched = fake->watched;
    pthread_mutex_unlock(&fake->mutex);
    return watched;
}

void warden_fake_set_up(WardenFake *fake, bool up)
{
    pthread_mutex_lock(&fake->mutex);
    fake->down = !up;
    fake->begun_ms = clock_now_ms();
    pthread_mutex_unlock(&fake->mutex);
}

static void set_held(WardenFake *fake, enum hald_op op, bool held)
{
    pthread_mutex_lock(&fake->mutex);
    fake->held[op] = held;
    pthread_mutex_unlock(&fake->mutex);
}

void warden_fake_hold(WardenFake *fake, enum hald_op op)
{
    set_held(fake, op, true);
}

void warden_fake_release(WardenFake *fake, enum hald_op op)
{
    set_held(fake, op, false);
}

unsigned warden_fake_inside(WardenFake *fake, enum hald_op op)
{
    unsigned n;

    pthread_mutex_lock(&fake->mutex);
    n = fake->inside[op];
    pthread_mutex_unlock(&fake->mutex);
    return n;
}

unsigned warden_fake_asked(WardenFake *fake, enum hald_op op)
{
    unsigned n;

    pthread_mutex_lock(&fake->mutex);
    n = fake->asked[op];
    pthread_mutex_unlock(&fake->mutex);
    return n;
}

char *warden_fake_take_history(WardenFake *fake)
{
    char *history;

    pthread_mutex_lock(&fake->mutex);
    history = g_string_free(fake->history, FALSE);
    fake->history = g_string_new(NULL);
    pthread_mutex_unlock(&fake->mutex);
    return history;
}
