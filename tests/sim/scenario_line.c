/* scenario_line.c - see scenario_line.h.  One table of deeds, one of hopes. */
#include "config.h"

#include "tests/sim/scenario_line.h"

#include <string.h>

/* ---- words ----------------------------------------------------------------------------------- */

static int find_name(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->len; i++)
        if (strcmp(names->items[i], name) == 0)
            return (int)i;
    return NOBODY;
}

/* Place of a word in "a|b|c"; NOBODY if it is not there. */
static int find_word(const char *words, const char *word)
{
    g_auto(GStrv) all = g_strsplit(words, "|", -1);

    for (int i = 0; all[i]; i++)
        if (strcmp(all[i], word) == 0)
            return i;
    return NOBODY;
}

/* "20s", "1.5s", "2m" */
static bool parse_time(const char *text, int64_t *ret_ms)
{
    char *end;
    const double number = g_ascii_strtod(text, &end);

    if (end == text || number < 0 || number > 1e6 ||
        (strcmp(end, "s") != 0 && strcmp(end, "m") != 0))
        return false;
    *ret_ms = (int64_t)(number * (*end == 'm' ? 60000 : 1000));
    return true;
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
        deed->host = find_name(&scn->hosts, words[0]);
        return deed->host != NOBODY;
    case 'v':
        deed->vm = find_name(&scn->vms, words[0]);
        return deed->vm != NOBODY;
    case 'c':
        deed->ctl = strcmp(words[0], "leader") == 0 ? NOBODY : words[0][0] - '1';
        return deed->ctl >= NOBODY && deed->ctl < scn->world->n_ctls;
    case 'w':
        deed->word = find_word(verb->words, words[0]);
        return deed->word != NOBODY;
    default: /* t, T */
        return strcmp(words[0], "for") == 0 && words[1] && parse_time(words[1], &deed->for_ms);
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

static char *take_deed(struct scenario *scn, int64_t at_ms, char *text)
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

static const Ha *leading(const struct world *world)
{
    for (int i = 0; i < world->n_ctls; i++)
        if (ctl_may_act(world, &world->ctls[i]))
            return world->ctls[i].ha;
    return NULL;
}

static bool vm_is(const struct world *world, const struct hope *hope)
{
    const Ha *ha = leading(world);

    return ha && (int)ha_vm_state(ha, hope->vm) == hope->state;
}

static bool host_is(const struct world *world, const struct hope *hope)
{
    const Ha *ha = leading(world);

    return ha && (int)ha_host_state(ha, hope->host) == hope->state;
}

static bool somebody_leads(const struct world *world, const struct hope *hope)
{
    return (leading(world) != NULL) == (hope->n == 1);
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
        !parse_time(words[1], &hope->at_ms) || words[2])
        return false;
    hope->at_ms += WARM_UP_MS;
    return true;
}

static bool take_hosts(const struct scenario *scn, const char *text, uint32_t *ret_hosts)
{
    g_auto(GStrv) names = g_strsplit(text, "|", -1);

    *ret_hosts = 0;
    for (unsigned i = 0; names[i]; i++) {
        const int host = find_name(&scn->hosts, names[i]);

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
    hope->vm = find_name(&scn->vms, words[0]);
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

static bool hope_host(struct scenario *scn, char **words, struct hope *hope)
{
    hope->host = find_name(&scn->hosts, words[0]);
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
    hope->vm = find_name(&scn->vms, words[0]);
    hope->holds = starts_are;
    return hope->vm != NOBODY && take_count(words[1], hope);
}

static bool hope_order(struct scenario *scn, char **words, struct hope *hope)
{
    hope->vm = find_name(&scn->vms, words[0]);
    hope->other = words[1] ? find_name(&scn->vms, words[1]) : NOBODY;
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
    { "vm", hope_vm, 2 },         { "host", hope_host, 2 },
    { "leader", hope_leader, 0 }, { "no-leader", hope_no_leader, 0 },
    { "starts", hope_starts, 2 }, { "order", hope_order, 2 },
    { "turn", hope_turn, 2 },     { "shots", hope_shots, 1 },
    { "kills", hope_kills, 1 },   { "resets", hope_resets, 1 },
};

static char *take_hope(struct scenario *scn, const char *text)
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

/* ---- who is there ---------------------------------------------------------------------------- */

static char *take_host_line(struct scenario *scn, char **words)
{
    const char *dots = strstr(words[0], "..");
    int n = 1;

    if (dots && !(g_ascii_isdigit(dots[-1]) && g_ascii_isdigit(*(dots + 3))))
        return g_strdup("\"host\": a range is written h1..h3");
    if (dots)
        n = *(dots + 3) - dots[-1] + 1;
    for (int i = 0; i < n; i++) {
        const int host = world_add_host(scn->world);

        names_push(&scn->hosts, dots ? g_strdup_printf("%.*s%c", (int)(dots - words[0] - 1),
                                                       words[0], dots[-1] + i)
                                     : g_strdup(words[0]));
        scn->world->hosts[host].has_bmc = !(words[1] && strcmp(words[1], "nofence") == 0);
    }
    return NULL;
}

static bool take_option(struct scenario *scn, const char *word, struct ha_vm_spec *spec,
                        int *ret_home)
{
    const char *value = strchr(word, '=');

    if (strcmp(word, "local") == 0) {
        spec->authority = HA_LOCAL;
        return true;
    }
    if (!value)
        return false;
    value++;
    if (g_str_has_prefix(word, "on="))
        return (*ret_home = find_name(&scn->hosts, value)) != NOBODY;
    if (g_str_has_prefix(word, "after="))
        return (spec->after = find_name(&scn->vms, value)) != NOBODY;
    if (g_str_has_prefix(word, "priority="))
        return (spec->priority = value[0] - '0') >= 0;
    if (strcmp(word, "ha=no") == 0)
        return !(spec->follows_host = false);
    if (strcmp(word, "crash=no") == 0)
        return !(spec->follows_crash = false);
    return false;
}

static char *take_vm_line(struct scenario *scn, char **words)
{
    struct ha_vm_spec spec = {
        .authority = HA_ETCD,
        .after = NOBODY,
        .follows_host = true,
        .follows_crash = true,
    };
    int home = NOBODY;

    for (unsigned i = 1; words[i]; i++)
        if (!take_option(scn, words[i], &spec, &home))
            return g_strdup_printf("\"vm\": not an option: %s", words[i]);
    world_add_vm(scn->world, &spec, home);
    names_push(&scn->vms, g_strdup(words[0]));
    return NULL;
}

static char *take_controllers(struct scenario *scn, char **words)
{
    scn->world->n_ctls = words[0][0] - '0';
    if (scn->world->n_ctls < 0 || scn->world->n_ctls > MAX_CTLS)
        return g_strdup("\"controllers\": 0 to 3");
    return NULL;
}

static char *take_run(struct scenario *scn, char **words)
{
    if (!parse_time(words[0], &scn->end_ms))
        return g_strdup("\"run\": a time such as 60s");
    scn->end_ms += WARM_UP_MS;
    return NULL;
}

static const struct {
    const char *name;
    char *(*take)(struct scenario *scn, char **words);
} heads[] = {
    { "host", take_host_line },
    { "vm", take_vm_line },
    { "controllers", take_controllers },
    { "run", take_run },
};

static char *take_head(struct scenario *scn, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
        if (strcmp(words[0], heads[i].name) == 0)
            return words[1] ? heads[i].take(scn, words + 1)
                            : g_strdup_printf("\"%s\": a word is missing", words[0]);
    return g_strdup_printf("not a line of a scenario: %s", line);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static char *one_blank(const char *line)
{
    GString *text = g_string_new(NULL);

    for (const char *c = line; *c; c++)
        if (!g_ascii_isspace(*c))
            g_string_append_c(text, *c);
        else if (text->len > 0 && text->str[text->len - 1] != ' ')
            g_string_append_c(text, ' ');
    return g_string_free(text, FALSE);
}

char *scenario_take(struct scenario *scn, const char *raw)
{
    g_autofree char *line = one_blank(raw);
    char *blank = strchr(line, ' ');
    int64_t at_ms;

    if (*line == '\0')
        return NULL;
    if (g_str_has_prefix(line, "expect "))
        return take_hope(scn, line + strlen("expect "));
    if (!g_ascii_isdigit(*line))
        return take_head(scn, line);
    if (blank)
        *blank = '\0';
    if (!blank || !parse_time(line, &at_ms))
        return g_strdup("a time and what befalls: 10s kill h1");
    scn->clock_ms = at_ms;
    return take_deed(scn, at_ms, blank + 1);
}

void scenario_clear(struct scenario *scn)
{
    for (size_t i = 0; i < scn->hosts.len; i++)
        g_free(scn->hosts.items[i]);
    for (size_t i = 0; i < scn->vms.len; i++)
        g_free(scn->vms.items[i]);
    for (size_t i = 0; i < scn->hopes.len; i++)
        g_free(scn->hopes.items[i].text);
    names_clear(&scn->hosts);
    names_clear(&scn->vms);
    deeds_clear(&scn->deeds);
    hopes_clear(&scn->hopes);
}
