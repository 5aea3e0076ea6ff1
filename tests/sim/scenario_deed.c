/* scenario_deed.c - what may befall: one row of verbs each.  See scenario.h. */
#include "config.h"

#include "tests/sim/scenario_line.h"

#include <string.h>

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

static void end_of(struct world *world, const struct deed *deed, event_fn *end, int node)
{
    if (deed->for_ms >= 0)
        world_post(world, deed->for_ms, end, IN_WORLD, 0)->peer = node;
}

static void kill_host(struct world *world, const struct deed *deed)
{
    host_die(world, deed->host, deed->for_ms);
}

static void pause_host(struct world *world, const struct deed *deed)
{
    world->hosts[deed->host].paused_until = world->now + deed->for_ms;
    world->hosts[deed->host].faulted_ms = world->now + deed->for_ms;
    world->hosts[deed->host].hald_faulted_ms = world->now + deed->for_ms;
}

static void pause_hald(struct world *world, const struct deed *deed)
{
    world->hosts[deed->host].hald_paused_until = world->now + deed->for_ms;
    world->hosts[deed->host].faulted_ms = world->now + deed->for_ms;
    world->hosts[deed->host].hald_faulted_ms = world->now + deed->for_ms;
}

static void pause_agent(struct world *world, const struct deed *deed)
{
    world->hosts[deed->host].agent_paused_until = world->now + deed->for_ms;
}

static void kill_hald(struct world *world, const struct deed *deed)
{
    host_kill_hald(world, deed->host);
}

static void set_cuts(struct world *world, int host, int word, bool on)
{
    struct sim_host *self = &world->hosts[host];
    const bool all = word == 3;

    if (word == 0 || word == 4 || all)
        self->cut_mgmt = on;
    if (word == 1 || word == 4 || all)
        self->cut_ha = on;
    if (word == 2 || all)
        self->cut_etcd = on;
    self->faulted_ms = world->now;
}

static void heal_all(struct world *world, const struct event *event)
{
    set_cuts(world, event->peer, 3, false);
}

static void cut_host(struct world *world, const struct deed *deed)
{
    set_cuts(world, deed->host, deed->word, true);
    if (deed->for_ms > 0)
        world->hosts[deed->host].faulted_ms = world->now + deed->for_ms;
    else
        world->hosts[deed->host].faulted_ms = INT64_MAX / 2;
    end_of(world, deed, heal_all, deed->host);
}

static void heal_host(struct world *world, const struct deed *deed)
{
    set_cuts(world, deed->host, 3, false);
}

static void set_bmc(struct world *world, const struct deed *deed)
{
    world->hosts[deed->host].bmc_dead = deed->word == 0;
}

static void etcd_up(struct world *world, const struct event *event)
{
    (void)event;
    world->etcd.down = false;
    world->etcd_faulted_ms = world->now;
}

static void set_etcd(struct world *world, const struct deed *deed)
{
    const struct ha_key key = { .kind = HA_KEY_LEADER };
    const struct kv *kv = etcd_find(world, &key);

    world->etcd_faulted_ms = deed->word == 0 ? INT64_MAX / 2 : world->now;
    if (deed->word == 2 && kv)
        etcd_revoke(world, kv->lease);
    if (deed->word == 2)
        return;
    world->etcd.down = deed->word == 0;
    end_of(world, deed, etcd_up, 0);
}

static int ctl_of(const struct world *world, const struct deed *deed)
{
    for (int i = 0; deed->ctl == NOBODY && i < world->n_ctls; i++)
        if (world->ctls[i].active)
            return i;
    return deed->ctl == NOBODY ? 0 : deed->ctl;
}

static void start_ctl(struct world *world, const struct event *event)
{
    ctl_start(world, event->peer);
}

static void kill_ctl(struct world *world, const struct deed *deed)
{
    const int ctl = ctl_of(world, deed);

    if (!world->ctls[ctl].up)
        return;
    ctl_die(world, ctl);
    end_of(world, deed, start_ctl, ctl);
}

static void pause_ctl(struct world *world, const struct deed *deed)
{
    world->ctls[ctl_of(world, deed)].paused_until = world->now + deed->for_ms;
}

static void heal_ctl(struct world *world, const struct event *event)
{
    world->ctls[event->peer].cut_etcd = false;
}

static void cut_ctl(struct world *world, const struct deed *deed)
{
    const int ctl = ctl_of(world, deed);

    world->ctls[ctl].cut_etcd = true;
    end_of(world, deed, heal_ctl, ctl);
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
    { "crash",            "v",   NULL,                        crash_vm },
    { "starts",           "vw",  "fail|work",                 set_starts },
    { "start",            "v",   NULL,                        want_vm },
    { "stop",             "v",   NULL,                        stop_vm },
    { "move",             "vh",  NULL,                        move_vm },
    { "maintenance",      "hw",  "on|off",                    set_maintenance },
    { "reboot-planned",   "ht",  NULL,                        expect_reboot },
    { "ha",               "w",   "disarmed|armed",            set_armed },
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
