/* options.c - see options.h. */
#include "config.h"

#include "scheduler/tool/options.h"

#include <stdio.h>
#include <string.h>

#include "scheduler/tool/show.h"
#include "scheduler/whatif.h"

/* Of a server of two sockets that does little. */
#define DEFAULT_WATTS 200

#define MAX_NEW_HOSTS 1000
#define MAX_SIZE      1000000000

#define BIT(command)  (1U << (command))
#define ALL           (BIT(N_COMMANDS) - 1)
#define PLANS         (BIT(COMMAND_BALANCE) | BIT(COMMAND_DRAIN) | BIT(COMMAND_DPM) | BIT(COMMAND_WHAT_IF))

static const struct {
    const char *name, *words, *summary, *text;
} commands[N_COMMANDS] = {
    [COMMAND_BALANCE] = { "balance", "",
                          "moves that end overload, mend rules and even out the load",
                          "Prints the moves in a safe order with the reason of each, the balance "
                          "before and after, and what it took.  The options of hbal(1) that make "
                          "sense here do what they do there." },
    [COMMAND_DRAIN] = { "drain", "HOST...", "where the VMs of a host go for its maintenance",
                        "Prints the moves that empty the hosts, one host after the other, and the "
                        "VMs that cannot leave with the reason.  Exit status 1 if any cannot." },
    [COMMAND_PLACE] = { "place", "VM...", "on which host a VM starts",
                        "Prints the host for each VM that is not running and what speaks for or "
                        "against each host.  Exit status 1 if none fits." },
    [COMMAND_EXPLAIN] = { "explain", "VM [HOST...]", "why a VM is where it is, and not elsewhere",
                          "Says for each host (or those named) why the VM is not there: the first "
                          "rule or lack in the way, or what the place would cost." },
    [COMMAND_ADMISSION] = { "admission", "", "what if a host died now, for every host",
                            "Says for each host whether its VMs would fit elsewhere if it died, "
                            "and whether the cluster's failover policy holds.  Exit status 1 if "
                            "something would not." },
    [COMMAND_CAPACITY] = { "capacity", "", "how many more VMs of a size fit",
                           "Says how many more VMs of a size fit as the cluster stands, and how "
                           "many so that the failure of any host (--failures) is still borne." },
    [COMMAND_DPM] = { "dpm", "", "which hosts could sleep, which must wake, and why",
                      "Lets one host after the other sleep as long as the others carry the load by "
                      "all rules, with the hosts failing that HA or --spare promises to bear; or "
                      "wakes as many as are needed.  With -t every host is taken to wake up." },
    [COMMAND_WHAT_IF] = { "what-if", "", "the plan and the reserves if something were different",
                          "Applies the changes in the order --add-hosts, --rule, --without-host, "
                          "then balances; prints the cluster now, changed, and balanced." },
    [COMMAND_REPLAY] = { "replay", "", "what other settings would have done with a recorded load",
                         "Plays a trace of VM loads over the cluster, with moves and boots that "
                         "take "
                         "time: once with nothing done, once as the cluster is set (and --set), "
                         "and "
                         "once for each --against; prints moves, GiB, hot minutes and kWh side by "
                         "side." },
    [COMMAND_CONVERT] = { "convert", "", "the input as a VRM snapshot",
                          "Reads either form and writes the snapshot as JSON to standard output." },
};

/* ---- options that refuse -------------------------------------------------------------------- */

static gboolean refuse_source(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    (void)value;
    (void)data;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                "%s: vrm-plan reads files only (-t, --snapshot) and carries nothing out", name);
    return FALSE;
}

static gboolean refuse_limit(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    (void)value;
    (void)data;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                "%s: every move must gain as much as --min-gain says, from the first to the last",
                name);
    return FALSE;
}

static gboolean refuse_disks(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    (void)value;
    (void)data;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                "%s: vrm-plan only moves running instances, never their disks", name);
    return FALSE;
}

/* What is so anyway: no disk is ever moved, no free disk changes. */
static gboolean accept_idle(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    (void)name;
    (void)value;
    (void)data;
    (void)error;
    return TRUE;
}

static gboolean louder(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    struct options *options = data;

    (void)value;
    (void)error;
    options->verbosity += strcmp(name, "-v") == 0 || strcmp(name, "--verbose") == 0 ? 1 : -1;
    return TRUE;
}

static gboolean want_commands(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    struct options *options = data;

    (void)name;
    (void)error;
    options->print_commands = true;
    g_free(options->commands_file);
    options->commands_file = value && *value != '\0' ? g_strdup(value) : NULL;
    return TRUE;
}

static gboolean want_nodes(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    struct options *options = data;

    (void)error;
    options->print_nodes = true;
    if (!value || *value == '\0')
        return TRUE;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s=%s: the columns cannot be chosen", name, value);
    return FALSE;
}

/* ---- numbers -------------------------------------------------------------------------------- */

enum number_kind {
    NUMBER_WHOLE, /* int */
    NUMBER_REAL,  /* double */
};

// clang-format off
/* What is allowed, and where it goes; there -1 is "not given". */
static const struct number {
    const char *name, *brief;
    size_t offset;
    enum number_kind kind;
    double min, max;
    const char *want;
} numbers[] = {
#define WHOLE(name, brief, field, min, max, want) { name, brief, offsetof(struct options, field), NUMBER_WHOLE, min, max, want }
#define REAL(name, brief, field, min, max, want)  { name, brief, offsetof(struct options, field), NUMBER_REAL, min, max, want }
    WHOLE("--level",      NULL, level,         1, 9,          "1..9"),
    WHOLE("--seed",       NULL, seed,          0, G_MAXINT,   "0..2147483647"),
    WHOLE("--proposals",  NULL, proposals,     0, 1000,       "0..1000"),
    WHOLE("--max-length", "-l", max_moves,     0, G_MAXINT,   "0..2147483647"),
    WHOLE("--parallel",   NULL, parallel,      1, 10000,      "1..10000"),
    WHOLE("--per-host",   NULL, per_host,      1, 1000,       "1..1000"),
    WHOLE("--link",       NULL, link_mbps,     1, 10000000,   "1..10000000 (Mbit/s)"),
    WHOLE("--uplink",     NULL, uplink_mbps,   1, 10000000,   "1..10000000 (Mbit/s)"),
    WHOLE("--horizon",    NULL, horizon_s,     1, 31536000,   "1..31536000 (seconds)"),
    WHOLE("--spare",      NULL, spare,         0, 1000,       "0..1000"),
    WHOLE("--watts",      NULL, watts,         1, 100000,     "1..100000"),
    WHOLE("--failures",   NULL, failures,      0, 1000,       "0..1000"),
    REAL("--cpu-unit",    NULL, cpu_unit,      1e-6, 1e6,     "0.000001..1000000 (threads)"),
    REAL("--mem-unit",    NULL, mem_unit,      1e-6, 1e9,     "0.000001..1000000000 (MiB)"),
    REAL("--max-cpu",     NULL, max_cpu,       1, 10000,      "1..10000 (of a fraction the whole part counts)"),
    REAL("--min-score",   "-e", min_score,     0, 1e6,        "0..1000000"),
    REAL("--min-gain",    "-g", min_gain,      1e-6, 1e3,     "0.000001..1000"),
#undef WHOLE
#undef REAL
};
// clang-format on

/* Digits, with a fraction and an exponent or without: no blanks, no "inf", no hex. */
static bool parse_number(const char *text, enum number_kind kind, double *ret_value)
{
    const char *allowed = kind == NUMBER_WHOLE ? "0123456789" : "0123456789.eE+-";
    char *end;

    if (!g_ascii_isdigit(*text) && *text != '.')
        return false;
    if (strspn(text, allowed) != strlen(text))
        return false;
    *ret_value = g_ascii_strtod(text, &end);
    return end > text && *end == '\0';
}

static gboolean read_number(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        const struct number *row = &numbers[i];
        char *field = (char *)data + row->offset;
        double number;

        if (strcmp(row->name, name) != 0 && g_strcmp0(row->brief, name) != 0)
            continue;
        if (!parse_number(value, row->kind, &number) || number < row->min || number > row->max) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s '%s': want %s%s", name,
                        value, row->kind == NUMBER_WHOLE ? "a whole number " : "a number ",
                        row->want);
            return FALSE;
        }
        if (row->kind == NUMBER_REAL)
            memcpy(field, &number, sizeof(number));
        else
            memcpy(field, &(int){ (int)number }, sizeof(int));
        return TRUE;
    }
    g_assert_not_reached();
}

/* One word of a few. */
static gboolean read_word(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    static const struct {
        const char *name;
        size_t offset;
        const char *words[4], *want;
    } rows[] = {
        { "--factor",
          offsetof(struct options, factor),
          { "cpu", "mem", "both" },
          "cpu, mem or both" },
        { "--objective", offsetof(struct options, objective), { "load", "hbal" }, "load or hbal" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char **field = (char **)(void *)((char *)data + rows[i].offset);

        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (!g_strv_contains(rows[i].words, value)) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s '%s': want %s", name,
                        value, rows[i].want);
            return FALSE;
        }
        g_free(*field);
        *field = g_strdup(value);
        return TRUE;
    }
    g_assert_not_reached();
}

/* "4,8192" or "4,8192,1000": vCPUs, MiB, MHz. */
static gboolean read_size(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    struct options *o = data;
    g_auto(GStrv) parts = g_strsplit(value, ",", 4);
    const guint n = g_strv_length(parts);
    double number[3] = { 0 };
    bool good = n == 2 || n == 3;

    for (guint i = 0; good && i < n; i++)
        good = parse_number(parts[i], NUMBER_WHOLE, &number[i]) && number[i] <= MAX_SIZE;
    if (!good || number[0] < 1 || number[1] < 1) {
        g_set_error(
            error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
            "%s '%s': want VCPUS,MIB or VCPUS,MIB,MHZ, with at least 1 vCPU and 1 MiB, each "
            "at most %d",
            name, value, MAX_SIZE);
        return FALSE;
    }
    for (int i = 0; i < 3; i++)
        o->size[i] = (int64_t)number[i];
    return TRUE;
}

/* Names with commas between. */
static gboolean read_names(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    struct options *o = data;
    char ***lists = strcmp(name, "--select-instances") == 0    ? &o->select
                    : strcmp(name, "--exclude-instances") == 0 ? &o->exclude
                                                               : &o->exclusion;
    const guint n = *lists ? g_strv_length(*lists) : 0;
    g_auto(GStrv) words = g_strsplit(value, ",", -1);

    if (!words[0] || g_strv_contains((const char *const *)words, "")) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s '%s': want names with commas between", name, value);
        return FALSE;
    }
    *lists = g_renew(char *, *lists, n + 2);
    (*lists)[n] = g_strdup(value);
    (*lists)[n + 1] = NULL;
    return TRUE;
}

/* "2" or "2:like=cna1". */
static gboolean read_new_hosts(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    static const char like[] = ":like=";
    struct options *o = data;
    g_auto(GStrv) parts = g_strsplit(value, like, 2);
    double n;

    if (!parts[0] || !parse_number(parts[0], NUMBER_WHOLE, &n) || n < 1 || n > MAX_NEW_HOSTS ||
        (parts[1] && *parts[1] == '\0')) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s '%s': want N or N:like=HOST with N 1..%d", name, value, MAX_NEW_HOSTS);
        return FALSE;
    }
    o->add_hosts = (int)n;
    g_free(o->like);
    o->like = g_strdup(parts[1]);
    return TRUE;
}

/* Is it a rule at all?  Whether its names are there, the file says. */
static gboolean read_rule(const gchar *name, const gchar *value, gpointer data, GError **error)
{
    struct options *o = data;
    const guint n = o->rules ? g_strv_length(o->rules) : 0;
    g_autoptr(GError) cause = NULL;

    if (!whatif_check_rule(value, &cause)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s", name,
                    cause->message);
        return FALSE;
    }
    o->rules = g_renew(char *, o->rules, n + 2);
    o->rules[n] = g_strdup(value);
    o->rules[n + 1] = NULL;
    return TRUE;
}

/* ---- the table ------------------------------------------------------------------------------ */

struct flags { /* GLib wants int */
    gboolean evacuate_only, ignore_load, ignore_soft, assume_proven, progress, json, print_moves,
        print_instances, version;
};

struct entry {
    unsigned commands; /* bits */
    GOptionEntry option;
};

#define CALLBACK(function) .arg = G_OPTION_ARG_CALLBACK, .arg_data = (gpointer)(uintptr_t)(function)

static void add_for(GOptionContext *context, unsigned bit, const struct entry *entries, size_t n,
                    struct options *options)
{
    GOptionGroup *group = g_option_group_new("vrm", "", "", options, NULL);
    g_autofree GOptionEntry *rows = g_new0(GOptionEntry, n + 1);
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if ((entries[i].commands & bit) != 0)
            rows[kept++] = entries[i].option;
    }
    g_option_group_add_entries(group, rows);
    g_option_context_set_main_group(context, group);
}

// clang-format off
/* NOLINTNEXTLINE(readability-function-size): a table */
static void add_entries(GOptionContext *context, struct options *o, struct flags *f)
{
    const unsigned balance = BIT(COMMAND_BALANCE), what_if = BIT(COMMAND_WHAT_IF);
    const unsigned capacity = BIT(COMMAND_CAPACITY), admission = BIT(COMMAND_ADMISSION);
    const unsigned dpm = BIT(COMMAND_DPM), replay = BIT(COMMAND_REPLAY);
    const unsigned searches = PLANS & ~BIT(COMMAND_DRAIN); /* a drain has no choice */
    const gint hidden = G_OPTION_FLAG_HIDDEN;
    const gint hidden_optional = G_OPTION_FLAG_HIDDEN | G_OPTION_FLAG_OPTIONAL_ARG;
    const gint idle = G_OPTION_FLAG_NO_ARG | G_OPTION_FLAG_HIDDEN;
    const struct entry entries[] = {
        { ALL, { "text-data", 't', 0, G_OPTION_ARG_FILENAME, &o->data, "cluster in Ganeti's text form", "FILE" } },
        { ALL, { "dynu-file", 'U', 0, G_OPTION_ARG_FILENAME, &o->load, "load of its instances", "FILE" } },
        { ALL, { "snapshot", 's', 0, G_OPTION_ARG_FILENAME, &o->snapshot, "cluster as a VRM snapshot (JSON)", "FILE" } },
        { ALL, { "group", 'G', 0, G_OPTION_ARG_STRING, &o->cluster, "node group or cluster, by name or UUID", "NAME" } },
        { ALL, { "cluster", 0, hidden, G_OPTION_ARG_STRING, &o->cluster, NULL, NULL } },
        { ALL, { "offline", 'O', 0, G_OPTION_ARG_STRING_ARRAY, &o->offline, "take the node as offline; may be repeated", "NODE" } },
        { ALL, { "exclusion-tags", 0, 0, CALLBACK(read_names), "instances with the same tag of these kinds stay apart", "TAG,..." } },
        { ALL, { "cpu-unit", 0, 0, CALLBACK(read_number), "threads that a CPU load of 1.0 means (else found out)", "THREADS" } },
        { ALL, { "mem-unit", 0, 0, CALLBACK(read_number), "MiB that a memory load of 1.0 means (else found out)", "MIB" } },
        { ALL, { "uplink", 0, 0, CALLBACK(read_number), "speed of the uplinks of hosts whose speed the file doesn't say (else no bound)", "MBIT/S" } },
        { ALL, { "ignore-dynu", 0, 0, G_OPTION_ARG_NONE, &f->ignore_load, "ignore -U", NULL } },
        { ALL, { "max-cpu", 0, 0, CALLBACK(read_number), "most vCPUs for each thread (else the file's policy)", "RATIO" } },
        { ALL, { "ignore-soft-errors", 0, 0, G_OPTION_ARG_NONE, &f->ignore_soft, "no limit of vCPUs for each thread", NULL } },
        { searches, { "level", 0, 0, CALLBACK(read_number), "1 conservative .. 9 aggressive (default: the cluster's; with -t 5)", "N" } },
        { PLANS, { "factor", 0, 0, CALLBACK(read_word), "balance cpu, mem or both (default both)", "WHAT" } },
        { searches, { "seed", 0, 0, CALLBACK(read_number), "the same seed gives the same plan (default 1)", "N" } },
        { searches, { "horizon", 0, 0, CALLBACK(read_number), "how long the load is believed to last", "SECONDS" } },
        { searches, { "proposals", 0, 0, CALLBACK(read_number), "random changes tried for each VM (default 16; 0: greedy only)", "N" } },
        { balance | what_if, { "max-length", 'l', 0, CALLBACK(read_number), "at most so many moves", "N" } },
        { PLANS, { "parallel", 0, 0, CALLBACK(read_number), "moves at the same time in the cluster (default 8)", "N" } },
        { PLANS, { "per-host", 0, 0, CALLBACK(read_number), "moves at the same time into, and out of, a host (default 2)", "N" } },
        { PLANS, { "link", 0, 0, CALLBACK(read_number), "speed of the migration network (default 10000)", "MBIT/S" } },
        { balance, { "objective", 0, 0, CALLBACK(read_word), "what to lower: load (of CPU and memory) or hbal (its score; with -t)", "WHAT" } },
        { balance, { "min-score", 'e', 0, CALLBACK(read_number), "as few moves as bring hbal's score there", "SCORE" } },
        { balance, { "min-gain", 'g', 0, CALLBACK(read_number), "what a move must gain of hbal's score (default: by --level)", "GAIN" } },
        { balance, { "evac-mode", 'E', 0, G_OPTION_ARG_NONE, &f->evacuate_only, "only move VMs away from offline nodes", NULL } },
        { searches, { "select-instances", 0, 0, CALLBACK(read_names), "move only these", "VM,..." } },
        { searches, { "exclude-instances", 0, 0, CALLBACK(read_names), "don't move these", "VM,..." } },
        { PLANS, { "save", 'S', 0, G_OPTION_ARG_FILENAME, &o->save, "write the final placement in Ganeti's text form", "FILE" } },
        { PLANS, { "save-snapshot", 0, 0, G_OPTION_ARG_FILENAME, &o->save_json, "write the final placement as a VRM snapshot", "FILE" } },
        { PLANS, { "print-moves", 0, 0, G_OPTION_ARG_NONE, &f->print_moves, "print nothing but lines \"VM FROM TO\"", NULL } },
        { PLANS, { "print-commands", 'C', G_OPTION_FLAG_OPTIONAL_ARG, CALLBACK(want_commands), "print Ganeti's commands too, or write them to a file", "FILE" } },
        { PLANS, { "print-nodes", 'p', G_OPTION_FLAG_OPTIONAL_ARG, CALLBACK(want_nodes), "print the hosts before and after", NULL } },
        { PLANS, { "print-instances", 0, 0, G_OPTION_ARG_NONE, &f->print_instances, "print where each VM ends", NULL } },
        { capacity, { "size", 0, 0, CALLBACK(read_size), "of the VMs: vCPUs, MiB, MHz reserved", "VCPUS,MIB[,MHZ]" } },
        { capacity | admission, { "failures", 0, 0, CALLBACK(read_number), "so many hosts may die (default 1; admission: the cluster's policy)", "N" } },
        { dpm, { "spare", 0, 0, CALLBACK(read_number), "so many of the largest hosts may fail (default: HA's promise; with -t 1)", "N" } },
        { replay, { "trace", 0, 0, G_OPTION_ARG_FILENAME, &o->trace, "recorded load, lines \"SECONDS VM MHZ MIB KBPS\"", "FILE" } },
        { replay, { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->set, "settings of every column but the first; may be repeated", "KEY=VALUE,..." } },
        { replay, { "against", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->against, "one column more, with these settings besides; may be repeated", "KEY=VALUE,..." } },
        { replay, { "level", 0, 0, CALLBACK(read_number), "1 conservative .. 9 aggressive (default: the cluster's; with -t 5)", "N" } },
        { replay, { "seed", 0, 0, CALLBACK(read_number), "the same seed gives the same result (default 1)", "N" } },
        { dpm | replay, { "watts", 0, 0, CALLBACK(read_number), "what a host draws (default 200)", "N" } },
        { dpm, { "assume-proven", 0, 0, G_OPTION_ARG_NONE, &f->assume_proven, "take every host to wake up when asked", NULL } },
        { what_if, { "add-hosts", 0, 0, CALLBACK(read_new_hosts), "empty hosts more, like HOST or like the biggest", "N[:like=HOST]" } },
        { what_if, { "without-host", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->without, "as if the host left; may be repeated", "HOST" } },
        { what_if, { "rule", 0, 0, CALLBACK(read_rule), "one rule more: \"apart must VM,VM\", \"together should VM,VM\", \"host must-not VM,.. HOST,..\"; may be repeated", "RULE" } },
        { ALL, { "json", 0, 0, G_OPTION_ARG_NONE, &f->json, "print JSON", NULL } },
        { ALL, { "progress", 0, 0, G_OPTION_ARG_NONE, &f->progress, "tell on standard error how far it is, also without a terminal", NULL } },
        { ALL, { "verbose", 'v', G_OPTION_FLAG_NO_ARG, CALLBACK(louder), "say more", NULL } },
        { ALL, { "quiet", 'q', G_OPTION_FLAG_NO_ARG, CALLBACK(louder), "say less", NULL } },
        { ALL, { "version", 'V', 0, G_OPTION_ARG_NONE, &f->version, "print the version", NULL } },
        /* Of hbal: so anyway ... */
        { balance, { "no-disk-moves", 0, idle, CALLBACK(accept_idle), NULL, NULL } },
        { balance, { "restricted-migration", 0, idle, CALLBACK(accept_idle), NULL, NULL } },
        { balance, { "min-disk", 0, hidden, CALLBACK(accept_idle), NULL, NULL } },
        /* ... or out of reach. */
        { balance, { "no-instance-moves", 0, idle, CALLBACK(refuse_disks), NULL, NULL } },
        { balance, { "min-gain-limit", 0, hidden, CALLBACK(refuse_limit), NULL, NULL } },
        { balance, { "master", 'm', hidden, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "luxi", 'L', hidden_optional, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "ialloc-src", 'I', hidden, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "simulate", 0, hidden, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "exec", 'X', idle, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "mond", 0, hidden_optional, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "mond-data", 0, hidden, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "mond-xen", 0, idle, CALLBACK(refuse_source), NULL, NULL } },
        { balance, { "exit-on-missing-mond-data", 0, idle, CALLBACK(refuse_source), NULL, NULL } },
    };

    add_for(context, BIT(o->command), entries, G_N_ELEMENTS(entries), o);
}
// clang-format on

/* ---- reading -------------------------------------------------------------------------------- */

static void print_help(FILE *out)
{
    fputs("Usage: vrm-plan COMMAND [OPTION...]\n\n"
          "Plans over a saved cluster: what would be moved, what fits, and why.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-10s %-14s %s\n", commands[i].name, commands[i].words,
                commands[i].summary);
    fputs("\nInput: -t FILE [-U FILE] (Ganeti's text form) or --snapshot FILE (a VRM snapshot);\n"
          "- is standard input.  vrm-plan COMMAND --help lists the options; man vrm-plan.\n",
          out);
}

static bool find_command(const char *word, enum command *ret_command)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, word) == 0) {
            *ret_command = (enum command)i;
            return true;
        }
    }
    return false;
}

static bool usage(const char *text, const char *value, int *ret_status)
{
    fprintf(stderr, "vrm-plan: %s%s%s (vrm-plan --help)\n", text, value ? " " : "",
            value ? value : "");
    *ret_status = EXIT_USAGE;
    return false;
}

/* hbal's score is known for clusters in Ganeti's form. */
static const char *wrong_objective(const struct options *o)
{
    const bool scored = o->min_score >= 0 || o->min_gain >= 0;
    const char *objective = o->objective ? o->objective : scored ? "hbal" : "load";

    if (strcmp(objective, "hbal") == 0 && !o->data)
        return "--objective hbal, -e and -g are about hbal's score: want a cluster in Ganeti's "
               "form (-t)";
    if (strcmp(objective, "load") == 0 && scored)
        return "-e and -g are about hbal's score, not about --objective load";
    return NULL;
}

static bool is_dash(const char *file)
{
    return g_strcmp0(file, "-") == 0;
}

static int count_stdin(const struct options *o)
{
    const char *const files[] = { o->data, o->load, o->snapshot, o->trace };
    int n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        n += is_dash(files[i]) ? 1 : 0;
    return n;
}

/* Which cluster; and what is only about one form of it. */
static const char *wrong_source(const struct options *o)
{
    const bool has_units = o->cpu_unit > 0 || o->mem_unit > 0;

    if (!o->data == !o->snapshot)
        return "want a cluster: either -t FILE or --snapshot FILE";
    if (!o->data && (o->load || has_units || o->offline || o->exclusion))
        return "-U, -O, --cpu-unit, --mem-unit and --exclusion-tags are about a cluster given with "
               "-t";
    if (!o->load && has_units)
        return "--cpu-unit and --mem-unit are about the load given with -U";
    if (count_stdin(o) > 1)
        return "standard input (-) can be read once only, as one of -t, -U, -s and --trace";
    return NULL;
}

/* A file on standard output has it for itself. */
static const char *wrong_output(struct options *o)
{
    const int n = is_dash(o->save) + is_dash(o->save_json) + is_dash(o->commands_file);

    o->gives_stdout = n > 0;
    if (n > 1 || (n == 1 && (o->json || o->print_moves || o->print_nodes || o->print_instances)))
        return "standard output (-) takes one thing only: one of -S, --save-snapshot, -C, --json, "
               "--print-moves, -p and --print-instances";
    return NULL;
}

static const char *wrong_words(const struct options *o)
{
    if (o->command == COMMAND_WHAT_IF && o->save && o->add_hosts > 0)
        return "-S keeps the hosts of the data file; with --add-hosts use --save-snapshot";
    if (o->command == COMMAND_REPLAY && !o->trace)
        return "want --trace FILE";
    if (o->command == COMMAND_CAPACITY && o->size[0] == 0)
        return "want --size VCPUS,MIB[,MHZ]";
    return NULL;
}

static bool check(struct options *o, int *ret_status)
{
    const guint n = o->names ? g_strv_length(o->names) : 0;
    const char *wrong = wrong_objective(o);

    if (!wrong)
        wrong = wrong_source(o);
    if (!wrong)
        wrong = wrong_words(o);
    if (!wrong)
        wrong = wrong_output(o);
    if (wrong)
        return usage(wrong, NULL, ret_status);
    if (n == 0 && *commands[o->command].words != '\0')
        return usage("want", commands[o->command].words, ret_status);
    if (n > 0 && *commands[o->command].words == '\0')
        return usage("don't know what to do with", o->names[0], ret_status);
    return true;
}

static void set_flags(struct options *o, const struct flags *f)
{
    o->evacuate_only = f->evacuate_only;
    o->ignore_load = f->ignore_load;
    o->ignore_soft = f->ignore_soft;
    o->assume_proven = f->assume_proven;
    if (f->progress)
        show_progress_always();
    o->json = f->json;
    o->print_moves = f->print_moves;
    o->print_instances = f->print_instances;
}

/* As getopt(3) has it and hbal's users write it, GLib doesn't: -tFILE, -l5; and -C[FILE]. */
static void spread_word(GPtrArray *out, const char *word)
{
    static const char with_value[] = "tUGOSlsgemI";
    static const struct {
        const char *brief, *full;
    } optional[] = { { "-C", "--print-commands" }, { "-p", "--print-nodes" }, { "-L", "--luxi" } };

    for (size_t i = 0; i < G_N_ELEMENTS(optional); i++) {
        if (g_str_has_prefix(word, optional[i].brief)) {
            g_ptr_array_add(out, g_strdup_printf("%s=%s", optional[i].full, word + 2));
            return;
        }
        if (strcmp(word, optional[i].full) == 0) {
            g_ptr_array_add(out, g_strdup_printf("%s=", word));
            return;
        }
    }
    if (word[0] == '-' && word[1] != '\0' && strchr(with_value, word[1]) && word[2] != '\0') {
        g_ptr_array_add(out, g_strndup(word, 2));
        word += 2;
    }
    g_ptr_array_add(out, g_strdup(word));
}

/* -C FILE: where no names are wanted, a word behind can only be the file. */
static bool takes_next(const char *word, const char *next)
{
    return next && (*next != '-' || next[1] == '\0') &&
           (strcmp(word, "-C") == 0 || strcmp(word, "--print-commands") == 0);
}

static char **spread_words(int argc, char **argv, bool has_names)
{
    GPtrArray *out = g_ptr_array_new();
    bool words_only = false;

    for (int i = 0; i < argc; i++) {
        words_only = words_only || strcmp(argv[i], "--") == 0;
        if (!words_only && !has_names && i + 1 < argc && takes_next(argv[i], argv[i + 1])) {
            g_ptr_array_add(out, g_strdup_printf("--print-commands=%s", argv[i + 1]));
            i++;
        } else if (words_only)
            g_ptr_array_add(out, g_strdup(argv[i]));
        else
            spread_word(out, argv[i]);
    }
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}

static void take_names(struct options *o, char **words)
{
    GPtrArray *names = g_ptr_array_new();

    for (char **word = words + 1; *word; word++) { /* "--" may stand before them */
        if (word > words + 1 || strcmp(*word, "--") != 0)
            g_ptr_array_add(names, g_strdup(*word));
    }
    g_ptr_array_add(names, NULL);
    o->names = (char **)g_ptr_array_free(names, FALSE);
}

static bool parse_options(int argc, char **argv, struct options *o, struct flags *f,
                          int *ret_status)
{
    g_autofree char *words =
        g_strdup_printf("%s - %s", commands[o->command].words, commands[o->command].summary);
    g_autoptr(GOptionContext) context = g_option_context_new(words);
    g_autofree char *program = g_strdup_printf("vrm-plan %s", commands[o->command].name);
    g_auto(GStrv) spread = spread_words(argc, argv, *commands[o->command].words != '\0');
    g_autoptr(GError) error = NULL;

    g_set_prgname(program);
    g_option_context_set_summary(context, commands[o->command].text);
    add_entries(context, o, f);
    if (!g_option_context_parse_strv(context, &spread, &error))
        return usage(error->message, NULL, ret_status);
    take_names(o, spread);
    return true;
}

/* The command may stand behind options: the first word that is one and no option's value. */
static int find_command_word(int argc, char **argv)
{
    static const char with_value[] = "tUGOSlsgemI";
    enum command command;

    for (int i = 1; i < argc; i++) {
        const char *last = argv[i - 1];
        bool is_value = i > 1 && last[0] == '-' && last[1] != '\0' && last[2] == '\0' &&
                        strchr(with_value, last[1]);

        if (!is_value && find_command(argv[i], &command))
            return i;
    }
    return 1;
}

/* Puts it first. */
static char **command_first(int argc, char **argv)
{
    char **words = g_new0(char *, (gsize)argc + 1);
    int at = find_command_word(argc, argv), n = 2;

    words[0] = argv[0];
    words[1] = argv[at];
    for (int i = 1; i < argc; i++) {
        if (i != at)
            words[n++] = argv[i];
    }
    return words;
}

bool options_parse(int argc, char **argv, struct options *options, int *ret_status)
{
    struct flags flags = { 0 };
    g_autofree char **words = argc < 2 ? NULL : command_first(argc, argv);

    *options = (struct options){ .cpu_unit = -1,
                                 .mem_unit = -1,
                                 .max_cpu = -1,
                                 .min_score = -1,
                                 .min_gain = -1,
                                 .level = -1,
                                 .seed = -1,
                                 .proposals = -1,
                                 .max_moves = -1,
                                 .parallel = -1,
                                 .per_host = -1,
                                 .link_mbps = -1,
                                 .uplink_mbps = -1,
                                 .horizon_s = -1,
                                 .failures = -1,
                                 .spare = -1,
                                 .watts = DEFAULT_WATTS,
                                 .verbosity = 1 };
    if (!words)
        return usage("want a command", NULL, ret_status);
    argv = words;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        *ret_status = EXIT_DONE;
        return false;
    }
    flags.version = strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0;
    if (!flags.version && !find_command(argv[1], &options->command))
        return usage("there is no command", argv[1], ret_status);
    if (!flags.version && !parse_options(argc - 1, argv + 1, options, &flags, ret_status))
        return false;
    if (flags.version) {
        puts(PACKAGE_NAME "-plan " PACKAGE_VERSION);
        *ret_status = EXIT_DONE;
        return false;
    }
    set_flags(options, &flags);
    return check(options, ret_status);
}

void options_clear(struct options *options)
{
    g_strfreev(options->names);
    g_free(options->data);
    g_free(options->load);
    g_free(options->snapshot);
    g_free(options->cluster);
    g_strfreev(options->offline);
    g_strfreev(options->exclusion);
    g_strfreev(options->select);
    g_strfreev(options->exclude);
    g_free(options->factor);
    g_free(options->objective);
    g_free(options->save);
    g_free(options->save_json);
    g_free(options->commands_file);
    g_free(options->like);
    g_strfreev(options->without);
    g_strfreev(options->rules);
    g_free(options->trace);
    g_strfreev(options->set);
    g_strfreev(options->against);
}
