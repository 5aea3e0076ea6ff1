/* warden.c - see warden.h. */
#include "config.h"

#include "agent/warden.h"

#include "base/clock.h"
#include "base/err.h"

/* ret_reply may be NULL. */
static bool call(const struct warden *warden, struct hald_request *request, int64_t deadline_ms,
                 struct hald_reply *ret_reply, GError **error)
{
    struct hald_reply reply = { 0 };
    bool ok;

    if (!warden_in_use(warden)) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, 0, WARDEN_FIELD,
                       "no vrm-hald is in use on this host ([ha] socket of vrm-agent.conf): nobody "
                       "may say that a VM has the right to run here");
        return false;
    }
    if (!warden->call(warden->data, request, deadline_ms, &reply, error))
        return false;
    ok = reply.ok;
    if (!ok)
        err_set(error, VRM_ERR_CONFLICT, "vrm-hald: %s",
                reply.why && *reply.why ? reply.why : "no, without a reason");
    if (ok && ret_reply)
        *ret_reply = reply;
    else
        hald_reply_clear(&reply);
    return ok;
}

/* Borrows the texts of vm. */
static struct hald_request request_of(enum hald_op op, const struct warden_vm *vm)
{
    return (struct hald_request){
        .op = op,
        .vm = vm->id,
        .uuid = (char *)(uintptr_t)vm->uuid, /* only read */
        .right = (char *)(uintptr_t)vm->right,
    };
}

static int64_t soon(void)
{
    return clock_now_ms() + WARDEN_QUICK_MS;
}

bool warden_ask(const struct warden *warden, const struct warden_vm *vm, int64_t deadline_ms,
                GError **error)
{
    struct hald_request request = request_of(HALD_ASK, vm);

    return call(warden, &request, MIN(deadline_ms, clock_now_ms() + WARDEN_SLOW_MS), NULL, error);
}

bool warden_may_run(const struct warden *warden, const struct warden_vm *vm, GError **error)
{
    struct hald_request request = request_of(HALD_MAY_RUN, vm);

    return call(warden, &request, soon(), NULL, error);
}

bool warden_process(const struct warden *warden, const struct warden_vm *vm, bool exists,
                    GError **error)
{
    struct hald_request request = request_of(HALD_PROCESS, vm);

    request.exists = exists;
    return call(warden, &request, soon(), NULL, error);
}

bool warden_give_up(const struct warden *warden, const struct warden_vm *vm, GError **error)
{
    struct hald_request request = request_of(HALD_GIVE_UP, vm);

    return warden_process(warden, vm, false, error) && call(warden, &request, soon(), NULL, error);
}

bool warden_release(const struct warden *warden, const struct warden_vm *vm, int64_t deadline_ms,
                    GError **error)
{
    struct hald_request request = request_of(HALD_RELEASE, vm);

    return warden_process(warden, vm, false, error) &&
           call(warden, &request, MIN(deadline_ms, clock_now_ms() + WARDEN_SLOW_MS), NULL, error);
}

bool warden_setup(const struct warden *warden, const struct ha_setup *setup, GError **error)
{
    struct hald_request request = { .op = HALD_SETUP, .setup = *setup };

    return call(warden, &request, soon(), NULL, error);
}

bool warden_status(const struct warden *warden, bool watched, struct hald_reply *ret_reply,
                   GError **error)
{
    struct hald_request request = { .op = HALD_STATUS, .watched = watched };

    return call(warden, &request, soon(), ret_reply, error);
}

bool warden_slots(const struct warden *warden, int64_t first, int64_t count,
                  struct hald_reply *ret_reply, GError **error)
{
    struct hald_request request = { .op = HALD_SLOTS, .first = first, .count = count };

    return call(warden, &request, soon(), ret_reply, error);
}
