/* frame.h - what vrm-agent and vrm-hald are alike in as programs: command line, log, signals,
 * systemd.  Main thread only. */
#ifndef VRM_AGENT_FRAME_H
#define VRM_AGENT_FRAME_H

#include <glib.h>

/* Exit statuses. */
enum frame_status {
    FRAME_OK = 0,
    FRAME_FAILED = 1,
    FRAME_USAGE = 2, /* the command line or the settings are wrong: a person must change them */
};

struct frame_options {
    char *config; /* path of the settings */
    gboolean check, print, version;
};

struct frame {
    const char *name;         /* of the program */
    const char *config;       /* where its settings are, if nobody says otherwise */
    const char *summary;      /* for --help */
    const GOptionEntry *more; /* options of its own */
    /* Does what the options say; returns an exit status. */
    enum frame_status (*run)(const struct frame_options *options, void *user);
    void *user;
};

/* All of main(): reads the command line and runs. */
int frame_main(const struct frame *frame, int argc, char **argv);

/* A word that is no level changes nothing. */
void frame_set_log_level(const char *level);
/* Before the loop: the log, and who is called at SIGTERM and SIGINT, and at SIGHUP. */
void frame_begin(const char *name, const char *log_level);
void frame_on_signals(GSourceFunc terminate, GSourceFunc hang_up, void *user);
/* ... and from here on systemd's watchdog is fed, by the default loop. */
void frame_tell_ready(void);

#endif /* VRM_AGENT_FRAME_H */
