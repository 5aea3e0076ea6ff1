/* vm_hang.c - see vm_hang.h. */
#include "config.h"

#include "controller/vm_hang.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/alarm.h"
#include "controller/ha_count.h"
#include "controller/ha_shell.h"
#include "controller/observe.h"
#include "controller/task.h"
#include "controller/vm_order.h"
#include "ha/hang_fsm.h"

#define AGAIN_MS 60000 /* a reset of which nothing came is tried again */
#define LOOK_MS  5000
#define LATE_MS  10000 /* a sample that is so much later than usual: somebody stood still */
#define MS_PER_S 1000
#define N_SPARE  64

struct guest {
    int64_t vm_id;
    struct hang_watch watch;
    int64_t host_id, run_gen; /* of the last look */
    int64_t look_ms, interval_ms;
    int64_t asked_ms; /* its reset was ordered; 0: not */
    bool is_alarmed;
};

struct VmHangs {
    struct app *app;
    GHashTable *guests; /* int64 VM id -> struct guest */
    guint timer;
};

/* Of VMs that are gone. */
static void tidy(VmHangs *hangs)
{
    const Snapshot *snap = inventory_peek(hangs->app->inv);
    GHashTableIter iter;
    void *key;

    if (g_hash_table_size(hangs->guests) <= 2 * snap->n_vms + N_SPARE)
        return;
    g_hash_table_iter_init(&iter, hangs->guests);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!snapshot_vm(snap, *(const int64_t *)key))
            g_hash_table_iter_remove(&iter);
}

static struct guest *guest_of(VmHangs *hangs, int64_t vm_id)
{
    struct guest *guest = g_hash_table_lookup(hangs->guests, &vm_id);

    if (guest)
        return guest;
    tidy(hangs);
    guest = g_new0(struct guest, 1);
    guest->vm_id = vm_id;
    guest->is_alarmed = true; /* or may be, from before */
    (void)g_hash_table_insert(hangs->guests, &guest->vm_id, guest);
    return guest;
}

/* ---- what is known of it ----------------------------------------------------------------------
 */

static int64_t limit_ms(const Vm *vm)
{
    static const int64_t limits_ms[] = {
        [SENSITIVITY_HIGH] = 30000,
        [SENSITIVITY_MEDIUM] = 60000,
        [SENSITIVITY_LOW] = 120000,
    };

    return limits_ms[vm->hang_sensitivity];
}

static struct hang_case case_of(const VmHangs *hangs, const struct guest *guest, const Vm *vm,
                                int64_t interval_ms, int64_t now_ms)
{
    const int64_t usual_ms = guest->interval_ms;

    return (struct hang_case){
        .runs = vm->status == VM_RUNNING && vm->domain == DOMAIN_RUNNING && vm->host_reported,
        .is_handled = tasks_vm_is_held(hangs->app->tasks, vm->id) ||
                      observe_is_worked_on(hangs->app->observe, vm->id) ||
                      ha_shell_is_ending(hangs->app->ha, vm->id),
        .is_new =
            guest->look_ms == 0 || guest->host_id != vm->host_id || guest->run_gen != vm->run_gen,
        .stalled = guest->look_ms != 0 && (interval_ms > usual_ms + LATE_MS ||
                                           now_ms - guest->look_ms > usual_ms + LATE_MS),
    };
}

static int64_t restart_limit(const VmHangs *hangs, const Vm *vm)
{
    const Cluster *cluster = snapshot_cluster(inventory_peek(hangs->app->inv), vm->cluster_id);

    if (vm->max_restarts > 0)
        return vm->max_restarts;
    return cluster ? cluster->ha.max_restarts : HA_MAX_RESTARTS;
}

static struct hang_facts facts_of(const VmHangs *hangs, const struct guest *guest, const Vm *vm,
                                  int64_t now_ms)
{
    const HaShell *ha = hangs->app->ha;
    const Site *site = inventory_peek(hangs->app->inv)->site;

    return (struct hang_facts){
        .follows = strcmp(vm->fault_process, "reboot") == 0 || strcmp(vm->fault_process, "ha") == 0,
        .can = site->ha_disarmed_ms == 0,
        .at_limit = ha_shell_has_right(ha, vm) ? ha_shell_is_at_limit(ha, vm->id)
                                               : ha_counts_restarts(hangs->app->counts, vm->id) >=
                                                     restart_limit(hangs, vm),
        .is_asked = guest->asked_ms != 0 && now_ms - guest->asked_ms < AGAIN_MS,
    };
}

/* ---- what is done -----------------------------------------------------------------------------
 */

static char *evidence(const struct domain_stats *stats)
{
    const bool spins = stats->cpu_stuck_ms > stats->cpu_still_ms;

    return g_strdup_printf("its agent is silent for %" PRId64 " s, it reads and writes nothing for "
                           "%" PRId64 " s, its CPUs %s for %" PRId64 " s",
                           stats->agent_silent_ms / MS_PER_S, stats->io_still_ms / MS_PER_S,
                           spins ? "spin" : "stand still",
                           MAX(stats->cpu_stuck_ms, stats->cpu_still_ms) / MS_PER_S);
}

static void note_untold(const GError *error, void *user)
{
    (void)user;
    if (error)
        log_warning("what a guest that hangs led to could not be recorded", "REASON",
                    error->message, NULL);
}

static void tell(const VmHangs *hangs, const Vm *vm, const struct hang_rule *rule, const char *text)
{
    Commit *commit = commit_new(&hangs->app->committer);

    log_warning("a guest hangs", "VM", vm->name, "REASON", text, NULL);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "VmGuestHung",
                                         .kind = OBJECT_VM,
                                         .object_id = vm->id,
                                         .object_name = vm->name },
                 "VM %s: its guest hangs: %s (rule %d)", vm->name, text, rule->id);
    commit_submit(commit, NULL, note_untold, NULL);
}

static void reset_ordered(int64_t task_id, const GError *error, void *user)
{
    (void)user;
    (void)task_id; /* it tells of itself */
    if (error)
        log_warning("a guest that hangs could not be reset", "REASON", error->message, NULL);
}

/* In place: its QEMU lives on, so does its right. */
static void reset_here(const VmHangs *hangs, const Vm *vm, const char *why)
{
    Commit *commit = commit_new(&hangs->app->committer);

    ha_counts_restart(hangs->app->counts, vm->id, commit);
    commit_submit(commit, NULL, note_untold, NULL);
    vm_order(hangs->app, vm->id,
             &(struct vm_order){
                 .type = TASK_REBOOT_VM, .origin = ORIGIN_HA, .why = why, .force = true },
             reset_ordered, NULL);
}

static void reset(const VmHangs *hangs, struct guest *guest, const Vm *vm, const char *text)
{
    g_autofree char *why = g_strdup_printf("its guest hung: %s", text);

    guest->asked_ms = clock_now_ms();
    if (ha_shell_has_right(hangs->app->ha, vm))
        ha_shell_end_guest(hangs->app->ha, vm, why);
    else
        reset_here(hangs, vm, why);
}

static void alarm_guest(const VmHangs *hangs, struct guest *guest, const struct hang_rule *rule)
{
    const bool hung = guest->watch.state == HANG_HUNG;

    if (!hung && !guest->is_alarmed)
        return;
    guest->is_alarmed = hung;
    alarm_set(hangs->app, hung, ALARM_VM_HUNG, guest->vm_id, rule->why);
}

/* ---- a look -----------------------------------------------------------------------------------
 */

static void act(const VmHangs *hangs, struct guest *guest, const Vm *vm,
                const struct domain_stats *stats, const struct hang_rule *rule)
{
    g_autofree char *text = NULL;

    alarm_guest(hangs, guest, rule);
    if (rule->act == HANG_ACT_NOTHING)
        return;
    text = evidence(stats);
    if (rule->act == HANG_ACT_TELL)
        tell(hangs, vm, rule, text);
    else
        reset(hangs, guest, vm, text);
}

void vm_hang_take(VmHangs *hangs, const Vm *vm, const struct domain_stats *stats,
                  int64_t interval_ms)
{
    const struct app *app = hangs->app;
    const int64_t now_ms = clock_now_ms();
    struct guest *guest;
    struct hang_case about;
    struct hang_facts facts;
    const struct hang_rule *rule;

    if (app->committer.epoch(app->committer.user) == 0)
        return;
    guest = guest_of(hangs, vm->id);
    about = case_of(hangs, guest, vm, interval_ms, now_ms);
    facts = facts_of(hangs, guest, vm, now_ms);
    guest->host_id = vm->host_id;
    guest->run_gen = vm->run_gen;
    guest->look_ms = now_ms;
    guest->interval_ms = interval_ms;
    rule = hang_look(&guest->watch, &about,
                     &(struct hang_sample){ .agent_silent_ms = stats->agent_silent_ms,
                                            .io_still_ms = stats->io_still_ms,
                                            .cpu_still_ms = stats->cpu_still_ms,
                                            .cpu_stuck_ms = stats->cpu_stuck_ms },
                     &facts, limit_ms(vm), now_ms);
    if (guest->watch.state != HANG_HUNG)
        guest->asked_ms = 0;
    act(hangs, guest, vm, stats, rule);
}

/* ---- those that are down ----------------------------------------------------------------------
 */

/* On purpose: while HA brings it back nobody knows yet whether its guest is well. */
static bool is_down(const Vm *vm)
{
    return vm->status == VM_STOPPED || vm->status == VM_HIBERNATED;
}

/* Of a VM that does not run no sample comes that would end its alarm; it may be one that the last
 * controller raised. */
static gboolean look_at_all(void *data)
{
    const VmHangs *hangs = data;
    const struct app *app = hangs->app;
    const Snapshot *snap = inventory_peek(app->inv);

    if (app->committer.epoch(app->committer.user) == 0)
        return G_SOURCE_CONTINUE;
    for (size_t i = 0; i < snap->n_vms; i++)
        if (is_down(snap->vms[i]))
            alarm_clear(hangs->app, ALARM_VM_HUNG, OBJECT_VM, snap->vms[i]->id);
    return G_SOURCE_CONTINUE;
}

/* ---- life -------------------------------------------------------------------------------------
 */

VmHangs *vm_hangs_new(struct app *app)
{
    VmHangs *hangs = g_new0(VmHangs, 1);

    hangs->app = app;
    hangs->guests = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    hangs->timer = g_timeout_add(LOOK_MS, look_at_all, hangs);
    return hangs;
}

void vm_hangs_free(VmHangs *hangs)
{
    if (!hangs)
        return;
    g_source_remove(hangs->timer);
    g_hash_table_unref(hangs->guests);
    g_free(hangs);
}

void vm_hangs_reset(VmHangs *hangs)
{
    g_hash_table_remove_all(hangs->guests);
}
