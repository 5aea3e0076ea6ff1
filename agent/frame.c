/* frame.c - see frame.h. */
#include "config.h"

#include "agent/frame.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/err.h"
#include "base/log.h"

#define US_PER_MS 1000

/* ---- command line ---------------------------------------------------------------------------- */

static bool parse(const struct frame *frame, int *argc, char ***argv, struct frame_options *options,
                  GError **error)
{
    g_autofree char *config_help = g_strdup_printf("settings (default %s)", frame->config);
    const GOptionEntry entries[] = {
        { "config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config, config_help, "FILE" },
        { "check-config", 0, 0, G_OPTION_ARG_NONE, &options->check,
          "check the settings and what they point to, and exit", NULL },
        { "print-config", 0, 0, G_OPTION_ARG_NONE, &options->print,
          "print all settings with their meaning and exit", NULL },
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry last[] = {
        { "version", 'V', 0, G_OPTION_ARG_NONE, &options->version, "print the version and exit",
          NULL },
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_set_summary(context, frame->summary);
    g_option_context_add_main_entries(context, entries, NULL);
    if (frame->more)
        g_option_context_add_main_entries(context, frame->more, NULL);
    g_option_context_add_main_entries(context, last, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return false;
    if (*argc > 1) {
        err_set(error, VRM_ERR_INVALID, "unexpected argument \"%s\"", (*argv)[1]);
        return false;
    }
    return true;
}

int frame_main(const struct frame *frame, int argc, char **argv)
{
    struct frame_options options = { 0 };
    g_autoptr(GError) error = NULL;
    enum frame_status status = FRAME_OK;

    if (!parse(frame, &argc, &argv, &options, &error)) {
        fprintf(stderr, "%s: %s (see %s --help)\n", frame->name, error->message, frame->name);
        status = FRAME_USAGE;
    } else if (options.version) {
        printf("%s %s\n", frame->name, PACKAGE_VERSION);
    } else {
        if (!options.config)
            options.config = g_strdup(frame->config);
        status = frame->run(&options, frame->user);
    }
    g_free(options.config);
    return (int)status;
}

/* ---- log, signals, systemd ------------------------------------------------------------------- */

void frame_set_log_level(const char *level)
{
    enum log_level value;

    if (log_level_parse(level, &value))
        log_set_level(value);
}

void frame_begin(const char *name, const char *log_level)
{
    log_init(name, LOG_LEVEL_INFO);
    frame_set_log_level(log_level);
    signal(SIGPIPE, SIG_IGN);
}

void frame_on_signals(GSourceFunc terminate, GSourceFunc hang_up, void *user)
{
    g_unix_signal_add(SIGTERM, terminate, user);
    g_unix_signal_add(SIGINT, terminate, user);
    g_unix_signal_add(SIGHUP, hang_up, user);
}

/* Only a loop that turns feeds the watchdog. */
static gboolean on_watchdog(gpointer user)
{
    (void)user;
    sd_notify(0, "WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

void frame_tell_ready(void)
{
    uint64_t watchdog_us = 0;

    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        g_timeout_add((guint)(watchdog_us / US_PER_MS / 3), on_watchdog, NULL);
    sd_notify(0, "READY=1");
}
