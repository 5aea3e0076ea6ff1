/* scenario_deed.c - what may befall: one row of verbs each.  See scenario.h. */
#include "config.h"

#include "tests/sim/scenario_line.h"

#include <string.h>

#include "tests/sim/fault.h"

/* Place of a word in "a|b|c"; NOBODY if it is not there. */
static int find_word(const char *words, const char *word)
{
    g_auto(GStrv) all = g_strsplit(words, "|", -1);

    for (int i = 0; all[i]; i++)
        if (strcmp(all[i], word) == 0)
            return i;
    return NOBODY;
}

/* ---- deeds ----------------------------------------------------------------------------------- */

static void kill_host(struct world *world, const struct deed *deed)
{
    host_die(world, deed->host, deed->for_ms);
}

static void pause_host(struct world *world, const struct deed *deed)
{
    fault_pause_host(world, deed->host, deed->for_ms);
}

static void pause_hald(struct world *world, const struct deed *deed)
{
    fault_pause_hald(world, deed->host, deed->for_ms);
}

static void pause_agent(struct world *world, const struct deed *deed)
{
    fault_pause_agent(world, deed->host, deed->for_ms);
}

static void kill_hald(struct world *world, const struct deed *deed)
{
    host_kill_hald(world, deed->host);
}

static void cut_host(struct world *world, const struct deed *deed)
{
    static const unsigned cuts[] = { CUT_MGMT, CUT_HA, CUT_ETCD, CUT_ALL, CUT_MGMT | CUT_HA };

    fault_cut_host(world, deed->host, cuts[deed->word], deed->for_ms);
}

static void heal_host(struct world *world, const struct deed *deed)
{
    fault_heal_host(world, deed->host, CUT_ALL);
}

static void set_bmc(struct world *world, const struct deed *deed)
{
    world->hosts[deed->host].bmc_dead = deed->word == 0;
}

static void set_etcd(struct world *world, const struct deed *deed)
{
    enum {
        DOWN,
        UP
    };

    if (deed->word == DOWN)
        fault_stop_etcd(world, deed->for_ms);
    else if (deed->word == UP)
        fault_start_etcd(world);
    else
        fault_drop_leader(world);
}

static int ctl_of(const struct world *world, const struct deed *deed)
{
    for (int i = 0; deed->ctl == NOBODY && i < world->n_ctls; i++)
        if (world->ctls[i].active)
            return i;
    return deed->ctl == NOBODY ? 0 : deed->ctl;
}

static void kill_ctl(struct world *world, const struct deed *deed)
{
    const int ctl = ctl_of(world, deed);

    if (world->ctls[ctl].up)
        fault_kill_ctl(world, ctl, deed->for_ms);
}

static void pause_ctl(struct world *world, const struct deed *deed)
{
    fault_pause_ctl(world, ctl_of(world, deed), deed->for_ms);
}

static void cut_ctl(struct world *world, const struct deed *deed)
{
    fault_cut_ctl(world, ctl_of(world, deed), deed->for_ms);
}

static void crash_vm(struct world *world, const struct deed *deed)
{
    for (int i = 0; i < world->n_hosts; i++)
        if (world->hosts[i].procs[deed->vm].executes)
            host_end_vm(world, i, deed->vm);
}

static void set_starts(struct world *world, const struct deed *deed)
{
    world->vms[deed->vm].no_start = deed->word == 0;
}

static void set_shutdowns(struct world *world, const struct deed *deed)
{
    world->vms[deed->vm].stays_up = deed->word == 0;
}

/* One word each of enum disk_fault, then their end. */
static void do_to_store(struct world *world, const struct deed *deed, int who)
{
    if (deed->word == DISK_N_FAULTS)
        fault_heal_disk(world, who, deed->store);
    else
        fault_break_disk(world, who, deed->store, (enum disk_fault)deed->word, deed->for_ms);
}

static void set_store(struct world *world, const struct deed *deed)
{
    do_to_store(world, deed, NOBODY);
}

static void set_disk(struct world *world, const struct deed *deed)
{
    do_to_store(world, deed, deed->host);
}

static void slow_store(struct world *world, const struct deed *deed)
{
    fault_slow_disk(world, NOBODY, deed->store, deed->span_ms);
}

static void slow_disk(struct world *world, const struct deed *deed)
{
    fault_slow_disk(world, deed->host, deed->store, deed->span_ms);
}

static void tear_disk(struct world *world, const struct deed *deed)
{
    fault_tear_disk(world, deed->host, deed->store);
}

/* Tells every controller what the database says now. */
static void tell(struct world *world)
{
    for (int i = 0; i < world->n_ctls; i++)
        if (world->ctls[i].ha)
            ctl_tell(world, i);
}

static void want_vm(struct world *world, const struct deed *deed)
{
    world->vms[deed->vm].wanted = true;
    tell(world);
}

static void stop_vm(struct world *world, const struct deed *deed)
{
    world->vms[deed->vm].wanted = false;
    tell(world);
    crash_vm(world, deed);
}

static void move_vm(struct world *world, const struct deed *deed)
{
    ctl_move(world, deed->vm, deed->host);
}

static void set_maintenance(struct world *world, const struct deed *deed)
{
    world->hosts[deed->host].maintenance = deed->word == 0;
    tell(world);
}

static void expect_reboot(struct world *world, const struct deed *deed)
{
    world->hosts[deed->host].reboot_until = world->now + deed->for_ms;
    tell(world);
}

static void set_armed(struct world *world, const struct deed *deed)
{
    world->armed = deed->word == 1;
    tell(world);
}

static void set_setting(struct world *world, const struct deed *deed)
{
    struct settings settings = world->settings;

    if (deed->word == 0)
        settings.lease_ms = deed->span_ms;
    else
        settings.slot_ms = deed->span_ms;
    if (fault_set(world, &settings))
        return;
    oracle_broken(world, "a setting that vrmd refuses", deed->verb->name);
}

// clang-format off
/* Longer names first where one begins like another. */
static const struct verb verbs[] = {
    { "kill hald",        "h",   NULL,                        kill_hald },
    { "kill controller",  "cT",  NULL,                        kill_ctl },
    { "kill",             "hT",  NULL,                        kill_host },
    { "pause hald",       "ht",  NULL,                        pause_hald },
    { "pause agent",      "ht",  NULL,                        pause_agent },
    { "pause controller", "ct",  NULL,                        pause_ctl },
    { "pause",            "ht",  NULL,                        pause_host },
    { "cut controller",   "ct",  NULL,                        cut_ctl },
    { "cut",              "hwT", "mgmt|ha|etcd|all|planes",   cut_host },
    { "heal",             "h",   NULL,                        heal_host },
    { "fence-device",     "hw",  "dead|ok",                   set_bmc },
    { "etcd",             "wT",  "down|up|drops-leader",      set_etcd },
    { "store-slow",       "sn",  NULL,                        slow_store },
    { "store",            "swT", "hangs|fails|away|full|stale|back", set_store },
    { "disk-slow",        "hsn", NULL,                        slow_disk },
    { "disk-torn",        "hs",  NULL,                        tear_disk },
    { "disk",             "hswT", "hangs|fails|away|full|stale|back", set_disk },
    { "crash",            "v",   NULL,                        crash_vm },
    { "starts",           "vw",  "fail|work",                 set_starts },
    { "shutdowns",        "vw",  "fail|work",                 set_shutdowns },
    { "start",            "v",   NULL,                        want_vm },
    { "stop",             "v",   NULL,                        stop_vm },
    { "move",             "vh",  NULL,                        move_vm },
    { "maintenance",      "hw",  "on|off",                    set_maintenance },
    { "reboot-planned",   "ht",  NULL,                        expect_reboot },
    { "ha",               "w",   "disarmed|armed",            set_armed },
    { "setting",          "wn",  "lease|slot",                set_setting },
};
// clang-format on

static bool take_arg(struct scenario *scn, const struct verb *verb, char letter, char **words,
                     struct deed *deed)
{
    switch (letter) {
    case 'h':
        deed->host = scenario_find(&scn->hosts, words[0]);
        return deed->host != NOBODY;
    case 'v':
        deed->vm = scenario_find(&scn->vms, words[0]);
        return deed->vm != NOBODY;
    case 'c':
        deed->ctl = strcmp(words[0], "leader") == 0 ? NOBODY : words[0][0] - '1';
        return deed->ctl >= NOBODY && deed->ctl < scn->world->n_ctls;
    case 's':
        deed->store = scenario_find(&scn->stores, words[0]);
        return deed->store != NOBODY;
    case 'n':
        return scenario_time(words[0], &deed->span_ms);
    case 'w':
        deed->word = find_word(verb->words, words[0]);
        return deed->word != NOBODY;
    default: /* t, T */
        return strcmp(words[0], "for") == 0 && words[1] && scenario_time(words[1], &deed->for_ms);
    }
}

/* What a letter of `args` stands for. */
static const char *say_arg(const struct verb *verb, char letter)
{
    switch (letter) {
    case 'h':
        return "host";
    case 'v':
        return "VM";
    case 'c':
        return "controller";
    case 's':
        return "datastore";
    case 'n':
        return "time";
    case 'w':
        return verb->words;
    default:
        return "\"for TIME\"";
    }
}

static char *take_args(struct scenario *scn, const struct verb *verb, char *rest, struct deed *deed)
{
    g_auto(GStrv) words = g_strsplit(rest, " ", -1);
    unsigned at = 0;

    for (const char *arg = verb->args; *arg; arg++) {
        if (!words[at] && *arg == 'T')
            break;
        if (!words[at] || !take_arg(scn, verb, *arg, words + at, deed))
            return g_strdup_printf("\"%s\": wrong or missing %s", verb->name, say_arg(verb, *arg));
        at += g_ascii_tolower(*arg) == 't' ? 2 : 1;
    }
    return words[at] ? g_strdup_printf("\"%s\": too many words: %s", verb->name, words[at]) : NULL;
}

char *scenario_take_deed(struct scenario *scn, int64_t at_ms, char *text)
{
    struct deed deed = { .at_ms = at_ms + WARM_UP_MS, .for_ms = -1 };

    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        const size_t len = strlen(verbs[i].name);
        char *trouble;

        if (strncmp(text, verbs[i].name, len) != 0 || (text[len] != ' ' && text[len] != '\0'))
            continue;
        deed.verb = &verbs[i];
        trouble = take_args(scn, deed.verb, g_strchug(text + len), &deed);
        if (!trouble)
            deeds_push(&scn->deeds, deed);
        return trouble;
    }
    return g_strdup_printf("nothing known befalls as \"%s\"", text);
}
