/* hald_sweep.c - see hald_private.h: which processes of VMs are there, and the killing.
 *
 * Only VMs that were asked for are looked at: others are somebody else's, with no right to lose. */
#include "config.h"

#include "agent/hald_private.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- looking --------------------------------------------------------------------------------- */

static bool has_pid(const struct held *held, pid_t pid)
{
    for (size_t i = 0; i < held->pids.len; i++)
        if (held->pids.items[i].pid == pid)
            return true;
    return false;
}

static void on_process(pid_t pid, const char *uuid, void *user)
{
    const Hald *hald = user;

    for (guint i = 0; i < hald->held->len; i++) {
        struct held *held = hald->held->pdata[i];
        int handle;

        if (strcmp(held->uuid, uuid) != 0 || has_pid(held, pid))
            continue;
        handle = hald_proc_open(pid, uuid);
        if (handle >= 0)
            hald_pids_push(&held->pids, (struct hald_pid){ pid, handle });
    }
}

static void drop_dead(struct held *held)
{
    for (size_t i = held->pids.len; i-- > 0;)
        if (!hald_proc_lives(held->pids.items[i].handle)) {
            close(held->pids.items[i].handle);
            held->pids.items[i] = held->pids.items[--held->pids.len];
        }
}

void hald_forget_pids(struct held *held)
{
    for (size_t i = 0; i < held->pids.len; i++)
        close(held->pids.items[i].handle);
    hald_pids_clear(&held->pids);
}

static void look(Hald *hald, bool thorough)
{
    for (guint i = 0; i < hald->held->len; i++)
        drop_dead(hald->held->pdata[i]);
    if (thorough)
        hald_procs_scan(hald->procs, on_process, hald);
}

bool hald_awaits_process(const Hald *hald)
{
    for (guint i = 0; i < hald->held->len; i++) {
        const struct held *held = hald->held->pdata[i];

        if (held->banned || held->pids.len == 0)
            return true;
    }
    return false;
}

char *hald_still_there(const struct held *held)
{
    if (held->pids.len == 0)
        return NULL;
    return g_strdup_printf("its process %d is still there", (int)held->pids.items[0].pid);
}

void hald_told_keeper(Hald *hald, const struct held *held)
{
    keeper_see_process(&hald->keeper, held->seen.vm,
                       held->pids.len > 0 || held->told || held->unseen);
}

/* ---- killing --------------------------------------------------------------------------------- */

static void log_kill(const struct held *held, pid_t pid, const char *why)
{
    g_autofree char *vm = g_strdup_printf("%" PRId64, held->seen.vm);
    g_autofree char *process = g_strdup_printf("%d", (int)pid);

    log_error("kills a VM that may not run here any more", "VM", vm, "VM_UUID", held->uuid,
              "PROCESS", process, "WHY", why, NULL);
}

static void kill_all_of(Hald *hald, struct held *held, const char *why)
{
    for (size_t i = 0; i < held->pids.len; i++) {
        g_autoptr(GError) error = NULL;

        if (!held->killing) {
            log_kill(held, held->pids.items[i].pid, why);
            hald->n_kills++;
        }
        if (!hald_proc_kill(held->pids.items[i].handle, held->pids.items[i].pid, &error))
            log_error("a VM cannot be killed", "VM_UUID", held->uuid, "ERROR", error->message,
                      NULL);
    }
    held->killing = held->pids.len > 0;
}

void hald_kill_authority(Hald *hald, int32_t authority, const char *why)
{
    look(hald, true);
    for (guint i = 0; i < hald->held->len; i++) {
        struct held *held = hald->held->pdata[i];
        const struct keeper_vm *known = keeper_find(&hald->keeper, held->seen.vm);

        if (!known || known->authority != authority)
            continue;
        /* One that is yet to come is killed when it comes. */
        held->banned = true;
        held->told = false;
        kill_all_of(hald, held, why);
        hald_told_keeper(hald, held);
    }
}

/* Its right lapsed, or is on its way back to etcd. */
static bool is_unwanted(const Hald *hald, const struct held *held)
{
    const struct keeper_vm *known = keeper_find(&hald->keeper, held->seen.vm);

    return held->banned || (known && known->state == KEEPER_VM_RELEASING);
}

void hald_sweep(Hald *hald, bool thorough)
{
    look(hald, thorough);
    for (guint i = 0; i < hald->held->len; i++) {
        struct held *held = hald->held->pdata[i];

        if (held->pids.len > 0)
            held->told = held->unseen = false; /* from now on it is seen */
        hald_told_keeper(hald, held);
        if (is_unwanted(hald, held))
            kill_all_of(hald, held, "its right to run here is over");
    }
}
