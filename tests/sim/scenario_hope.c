/* scenario_hope.c - what may be expected.  See scenario.h. */
#include "config.h"

#include "tests/sim/scenario_line.h"

#include <string.h>

/* ---- hopes ----------------------------------------------------------------------------------- */

static bool vm_runs(const struct world *world, const struct hope *hope)
{
    for (int i = 0; i < world->n_hosts; i++)
        if (world->hosts[i].procs[hope->vm].executes &&
            (hope->hosts == 0 || (hope->hosts >> i & 1U) != 0))
            return true;
    return false;
}

static bool vm_down(const struct world *world, const struct hope *hope)
{
    const struct hope anywhere = { .vm = hope->vm };

    return !vm_runs(world, &anywhere);
}

/* Who decides among the first n: vrmds first, then stand-ins. */
static const Ha *leading(const struct world *world, int n)
{
    for (int i = 0; i < n; i++)
        if (ctl_may_act(world, &world->ctls[i]))
            return ctl_ha(&world->ctls[i]);
    return NULL;
}

static bool vm_is(const struct world *world, const struct hope *hope)
{
    const Ha *ha = leading(world, world->n_ctls + world->n_stand_ins);

    return ha && (int)ha_vm_state(ha, hope->vm) == hope->state;
}

static bool host_is(const struct world *world, const struct hope *hope)
{
    const Ha *ha = leading(world, world->n_ctls + world->n_stand_ins);

    return ha && (int)ha_host_state(ha, hope->host) == hope->state;
}

static bool somebody_leads(const struct world *world, const struct hope *hope)
{
    return (leading(world, world->n_ctls) != NULL) == (hope->n == 1);
}

static bool starts_are(const struct world *world, const struct hope *hope)
{
    return world->vms[hope->vm].n_starts == hope->n;
}

static bool ran_before(const struct world *world, const struct hope *hope)
{
    return world->vms[hope->vm].started_ms > WARM_UP_MS &&
           world->vms[hope->vm].started_ms < world->vms[hope->other].started_ms;
}

static bool ordered_before(const struct world *world, const struct hope *hope)
{
    return world->vms[hope->vm].ordered_ms > WARM_UP_MS &&
           world->vms[hope->vm].ordered_ms < world->vms[hope->other].ordered_ms;
}

static bool shots_are(const struct world *world, const struct hope *hope)
{
    return world->n_shots == hope->n;
}

static bool kills_are(const struct world *world, const struct hope *hope)
{
    return world->n_kills == hope->n;
}

static bool resets_are(const struct world *world, const struct hope *hope)
{
    return world->n_resets == hope->n;
}

/* "by 20s", "at 20s", or nothing: now and for the rest of the run's end. */
static bool take_when(const struct scenario *scn, char **words, struct hope *hope)
{
    hope->from_ms = scn->clock_ms + WARM_UP_MS;
    if (!words[0]) {
        hope->of_run = true;
        return true;
    }
    hope->exactly = strcmp(words[0], "at") == 0;
    if ((!hope->exactly && strcmp(words[0], "by") != 0) || !words[1] ||
        !scenario_time(words[1], &hope->at_ms) || words[2])
        return false;
    hope->at_ms += WARM_UP_MS;
    return true;
}

static bool take_hosts(const struct scenario *scn, const char *text, uint32_t *ret_hosts)
{
    g_auto(GStrv) names = g_strsplit(text, "|", -1);

    *ret_hosts = 0;
    for (unsigned i = 0; names[i]; i++) {
        const int host = scenario_find(&scn->hosts, names[i]);

        if (host == NOBODY)
            return false;
        *ret_hosts |= 1U << host;
    }
    return true;
}

static int find_state(const char *word, const char *(*name_of)(unsigned state), unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(word, name_of(i)) == 0)
            return (int)i;
    return NOBODY;
}

static const char *vm_state_text(unsigned state)
{
    return vm_fsm_state_name((enum vm_fsm_state)state);
}

static const char *host_state_text(unsigned state)
{
    return host_fsm_state_name((enum host_fsm_state)state);
}

static bool hope_vm(struct scenario *scn, char **words, struct hope *hope)
{
    hope->vm = scenario_find(&scn->vms, words[0]);
    if (hope->vm == NOBODY || !words[1])
        return false;
    if (strcmp(words[1], "running") == 0) {
        const bool is_on = words[2] && strcmp(words[2], "on") == 0;

        hope->holds = vm_runs;
        if (is_on && (!words[3] || !take_hosts(scn, words[3], &hope->hosts)))
            return false;
        return take_when(scn, words + (is_on ? 4 : 2), hope);
    }
    hope->holds = strcmp(words[1], "down") == 0 ? vm_down : vm_is;
    hope->state = find_state(words[1], vm_state_text, VM_FSM_N_STATES);
    return (hope->holds == vm_down || hope->state != NOBODY) && take_when(scn, words + 2, hope);
}

/* Under whose leases is it? */
static bool vm_is_kept(const struct world *world, const struct hope *hope)
{
    const struct ha_key key = { .kind = HA_KEY_VM, .id = world->vms[hope->vm].spec.id };
    const struct kv *kv = etcd_find(world, &key);

    return kv && kv->record.vm.n_owners == 1 &&
           (kv->record.vm.owners[0].authority >= HA_STORAGE) == (hope->state != 0);
}

static bool hope_kept(struct scenario *scn, char **words, struct hope *hope)
{
    hope->vm = scenario_find(&scn->vms, words[0]);
    hope->holds = vm_is_kept;
    hope->state = strcmp(words[1], "slot") == 0;
    return hope->vm != NOBODY && (hope->state != 0 || strcmp(words[1], "etcd") == 0) &&
           take_when(scn, words + 2, hope);
}

static bool hope_host(struct scenario *scn, char **words, struct hope *hope)
{
    hope->host = scenario_find(&scn->hosts, words[0]);
    if (hope->host == NOBODY || !words[1])
        return false;
    hope->state = find_state(words[1], host_state_text, HOST_N_STATES);
    hope->holds = host_is;
    return hope->state != NOBODY && take_when(scn, words + 2, hope);
}

static bool hope_leader(struct scenario *scn, char **words, struct hope *hope)
{
    hope->n = 1;
    hope->holds = somebody_leads;
    return take_when(scn, words, hope);
}

static bool hope_no_leader(struct scenario *scn, char **words, struct hope *hope)
{
    hope->holds = somebody_leads;
    return take_when(scn, words, hope);
}

static bool take_count(const char *word, struct hope *hope)
{
    guint64 n;

    hope->of_run = true;
    if (!word || !g_ascii_string_to_unsigned(word, 10, 0, 1000, &n, NULL))
        return false;
    hope->n = (unsigned)n;
    return true;
}

static bool hope_starts(struct scenario *scn, char **words, struct hope *hope)
{
    hope->vm = scenario_find(&scn->vms, words[0]);
    hope->holds = starts_are;
    return hope->vm != NOBODY && take_count(words[1], hope);
}

static bool hope_order(struct scenario *scn, char **words, struct hope *hope)
{
    hope->vm = scenario_find(&scn->vms, words[0]);
    hope->other = words[1] ? scenario_find(&scn->vms, words[1]) : NOBODY;
    hope->holds = ran_before;
    hope->of_run = true;
    return hope->vm != NOBODY && hope->other != NOBODY;
}

static bool hope_turn(struct scenario *scn, char **words, struct hope *hope)
{
    const bool good = hope_order(scn, words, hope);

    hope->holds = ordered_before;
    return good;
}

static bool hope_shots(struct scenario *scn, char **words, struct hope *hope)
{
    (void)scn;
    hope->holds = shots_are;
    return take_count(words[0], hope);
}

static bool hope_kills(struct scenario *scn, char **words, struct hope *hope)
{
    (void)scn;
    hope->holds = kills_are;
    return take_count(words[0], hope);
}

static bool hope_resets(struct scenario *scn, char **words, struct hope *hope)
{
    (void)scn;
    hope->holds = resets_are;
    return take_count(words[0], hope);
}

static const struct {
    const char *name;
    bool (*take)(struct scenario *scn, char **words, struct hope *hope);
    unsigned least; /* words after the name */
} hopes_known[] = {
    { "vm", hope_vm, 2 },         { "host", hope_host, 2 },           { "kept", hope_kept, 2 },
    { "leader", hope_leader, 0 }, { "no-leader", hope_no_leader, 0 }, { "starts", hope_starts, 2 },
    { "order", hope_order, 2 },   { "turn", hope_turn, 2 },           { "shots", hope_shots, 1 },
    { "kills", hope_kills, 1 },   { "resets", hope_resets, 1 },
};

char *scenario_take_hope(struct scenario *scn, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (size_t i = 0; words[0] && i < G_N_ELEMENTS(hopes_known); i++) {
        struct hope hope = { .vm = NOBODY, .host = NOBODY, .other = NOBODY };

        if (strcmp(words[0], hopes_known[i].name) != 0)
            continue;
        if (g_strv_length(words) <= hopes_known[i].least ||
            !hopes_known[i].take(scn, words + 1, &hope))
            break;
        hope.text = g_strdup(text);
        hopes_push(&scn->hopes, hope);
        return NULL;
    }
    return g_strdup_printf("not an expectation: %s", text);
}
