/* ha_witness.c - who says that a host lives: beats and its peers, its agent, its fence device.  See
 * ha_shell_private.h. */
#include "config.h"

#include "base/clock.h"
#include "base/log.h"
#include "controller/alarm.h"
#include "controller/ha_shell_private.h"
#include "controller/observe.h"
#include "controller/rights.h"

#define VM_PARTS     5    /* of a second */
#define ASK_AGAIN_MS 2000 /* a host in doubt: its fence device is asked again */

/* ---- beats ------------------------------------------------------------------------------------
 */

static struct ha_inc inc_of(struct beat_inc inc)
{
    return (struct ha_inc){ inc.boot, inc.n };
}

/* A boot that neither the last packet nor the lease knows may be a recording. */
static bool is_known_boot(const HaShell *shell, const struct ha_host_slot *host,
                          const struct beat *beat)
{
    struct ha_lease_seen lease;

    if (host->has_beat && host->beat.inc.boot == beat->inc.boot)
        return true;
    return rights_lease(shell->app->rights, host->id, HA_ETCD, &lease) &&
           lease.record.inc.boot == beat->inc.boot;
}

static void take_peers(HaShell *shell, const struct beat *beat, int64_t now_ms)
{
    for (unsigned i = 0; i < beat->n_peers; i++) {
        struct ha_host_slot *peer = ha_shell_host(shell, beat->peers[i].host);

        if (!peer || peer->id == beat->host)
            continue;
        peer->peer_ms = now_ms;
        ha_see_peer(shell->ha, peer->index, inc_of(beat->peers[i].inc), now_ms);
    }
}

void ha_witness_beat(HaShell *shell, const struct beat *beat, int64_t now_ms)
{
    struct ha_host_slot *host = shell->ha ? ha_shell_host(shell, beat->host) : NULL;

    if (!host || !is_known_boot(shell, host, beat) ||
        (host->has_beat && !beat_follows(&host->beat, beat))) {
        metric_add(shell->beats_dropped, 1);
        return;
    }
    metric_add(shell->beats_taken, 1);
    host->beat = *beat;
    host->has_beat = true;
    host->beat_ms = now_ms;
    ha_see_beat(shell->ha, host->index, inc_of(beat->inc), now_ms);
    take_peers(shell, beat, now_ms);
}

/* Without an HA network the agent's word is the only one that comes over a network. */
static void stand_in(HaShell *shell, const struct ha_host_slot *host)
{
    struct ha_lease_seen lease;

    if (shell->app->settings->ha_beat_to && *shell->app->settings->ha_beat_to)
        return;
    if (host->agent_ms != 0 && rights_lease(shell->app->rights, host->id, HA_ETCD, &lease))
        ha_see_beat(shell->ha, host->index, lease.record.inc, host->agent_ms);
}

/* ---- agents, about VMs ------------------------------------------------------------------------
 */

static void report(const HaShell *shell, const struct ha_vm_slot *slot, const Vm *vm,
                   int64_t host_id)
{
    const struct ha_host_slot *host = ha_shell_host(shell, host_id);
    bool runs;

    if (host && observe_tells(shell->app->observe, vm, host_id, &runs))
        ha_see_vm(shell->ha, slot->index, host->index, runs);
}

static void report_vm(const HaShell *shell, const struct ha_vm_slot *slot, const Vm *vm)
{
    const struct ha_vm_seen *seen = ha_shell_seen(shell, vm);

    for (unsigned i = 0; seen && i < seen->right.n_owners; i++)
        report(shell, slot, vm, seen->right.owners[i].host);
}

void ha_shell_look_at(const HaShell *shell, const Vm *vm)
{
    const struct ha_vm_slot *slot = shell && shell->ha ? ha_shell_vm(shell, vm->id) : NULL;

    if (slot && !slot->gone)
        report_vm(shell, slot, vm);
}

/* One that is down though it should not be: what its host said may have come too early. */
static bool is_due(const struct ha_vm_slot *slot)
{
    return slot->vm->host_reported && slot->vm->domain != DOMAIN_RUNNING &&
           slot->vm->domain != DOMAIN_PAUSED && slot->vm->status == VM_RUNNING;
}

/* Each VM once a second. */
static void look_at_vms(HaShell *shell)
{
    const guint part = shell->n_looks++ % VM_PARTS;

    for (guint i = part; i < shell->vm_at->len; i += VM_PARTS) {
        const struct ha_vm_slot *slot = shell->vm_at->pdata[i];

        if (slot->gone || !slot->vm)
            continue;
        report_vm(shell, slot, slot->vm);
        if (is_due(slot))
            observe_vm(shell->app->observe, slot->id);
    }
}

/* ---- power ------------------------------------------------------------------------------------
 */

struct question {
    HaShell *shell;
    int64_t host_id;
    uint64_t life;
};

static void begin(HaShell *shell, struct ha_host_slot *host, enum power_verb verb);

static void tell_status(HaShell *shell, struct ha_host_slot *host, bool is_on, const GError *error)
{
    if (error)
        ha_book_note(shell->book, host, SOURCE_POWER, "its fence device: %s", error->message);
    else
        ha_book_note(shell->book, host, SOURCE_POWER, "its fence device says: power is %s",
                     is_on ? "on" : "off");
}

static void tell_off(HaShell *shell, struct ha_host_slot *host, const GError *error)
{
    host->fence_failed = error != NULL;
    host->drill = host->drill && !error; /* a test that cannot be made is over */
    if (error)
        ha_book_note(shell->book, host, SOURCE_POWER, "it could not be powered off: %s",
                     error->message);
    else
        ha_book_note(shell->book, host, SOURCE_POWER, "powered off through its fence device");
}

static void answered(bool is_on, const GError *error, void *user)
{
    g_autofree struct question *question = user;
    HaShell *shell = question->shell;
    struct ha_host_slot *host = ha_shell_host(shell, question->host_id);

    if (!host || question->life != shell->life)
        return;
    host->power = NULL;
    host->question = NULL;
    host->answer_ms = clock_now_ms();
    alarm_judge_power(shell->app, host->id, error);
    if (host->verb == POWER_STATUS)
        tell_status(shell, host, is_on, error);
    else
        tell_off(shell, host, error);
    if (!error)
        ha_see_power(shell->ha, host->index, !is_on, host->asked_ms);
    if (host->want_off)
        begin(shell, host, POWER_OFF);
    else if (host->verb == POWER_OFF && !error) /* as seen after its last sign of life */
        begin(shell, host, POWER_STATUS);
}

static void begin(HaShell *shell, struct ha_host_slot *host, enum power_verb verb)
{
    const struct settings *settings = shell->app->settings;
    const Host *about = inventory_find_host(shell->app->inv, host->id);
    struct question *question;
    g_autoptr(GError) error = NULL;

    if (!about || !*about->bmc_ip)
        return;
    question = g_new(struct question, 1);
    *question = (struct question){ shell, host->id, shell->life };
    host->verb = verb;
    host->asked_ms = clock_now_ms();
    host->want_off = false;
    host->power = power_start(&(struct power_order){ .agent = settings->power_agent,
                                                     .cipher = settings->power_cipher,
                                                     .limit_ms = settings->power_limit_s * 1000,
                                                     .host = about,
                                                     .verb = verb },
                              answered, question, &error);
    host->question = host->power ? question : NULL;
    if (host->power)
        return;
    g_free(question);
    host->answer_ms = host->asked_ms;
    host->fence_failed = verb == POWER_OFF;
    ha_book_note(shell->book, host, SOURCE_POWER, "its fence device cannot be used: %s",
                 error->message);
}

void ha_witness_ask(HaShell *shell, struct ha_host_slot *host)
{
    if (!host->power)
        begin(shell, host, POWER_STATUS);
}

void ha_witness_shoot(HaShell *shell, struct ha_host_slot *host)
{
    if (host->power) /* that answer first: the device does one thing at a time */
        host->want_off = true;
    else
        begin(shell, host, POWER_OFF);
}

void ha_witness_forget(struct ha_host_slot *host)
{
    power_cancel(host->power);
    host->power = NULL;
    g_clear_pointer(&host->question, g_free);
}

/* It is dead by another proof, or back: an order that hangs at a fence device must not strike the
 * life that comes next. */
static void call_off(HaShell *shell, struct ha_host_slot *host)
{
    host->want_off = false;
    if (!host->power || host->verb != POWER_OFF)
        return;
    ha_witness_forget(host);
    host->answer_ms = clock_now_ms();
    ha_book_note(shell->book, host, SOURCE_POWER, "the order to cut its power is called off");
}

/* A host in doubt may lose its power, or be switched off, at any moment: that is the proof. */
static void ask_again(HaShell *shell, struct ha_host_slot *host, int64_t now_ms)
{
    const enum host_fsm_state state = ha_host_state(shell->ha, host->index);

    if (state != HOST_FENCING && !host->drill)
        call_off(shell, host);
    if ((state == HOST_SUSPECT || state == HOST_FENCING) && !host->power &&
        now_ms - host->answer_ms >= ASK_AGAIN_MS)
        ha_witness_ask(shell, host);
}

/* ---- the look ---------------------------------------------------------------------------------
 */

void ha_witness_look(HaShell *shell, int64_t now_ms)
{
    for (guint i = 0; i < shell->host_at->len; i++) {
        struct ha_host_slot *host = shell->host_at->pdata[i];

        if (host->gone)
            continue;
        stand_in(shell, host);
        ask_again(shell, host, now_ms);
    }
    look_at_vms(shell);
}
