/* jobs.h - the commands an agent knows: those that wait, run, or ended not too long ago.
 *
 * Commands for one VM form a queue and are carried out one after the other; which worker runs them
 * is agent.c's business.  Loop thread, except for the one field that says otherwise. */
#ifndef VRM_AGENT_JOBS_H
#define VRM_AGENT_JOBS_H

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "agent/journal.h"
#include "agentproto/msg.h"

typedef struct JobTable JobTable;

typedef struct Job {
    struct agent_command command; /* never changes while the job is unfinished */
    struct command_report report; /* what others may see */
    struct command_report final;  /* the result while it is on its way to disk; id NULL: none */
    int64_t deadline_ms;          /* of clock_now_ms */
    int64_t finished_ms;          /* 0: unfinished */
    bool on_disk;                 /* its acceptance is */
    bool started;                 /* given to a worker */
    bool resolve;                 /* begun, its end is not known: find out */
    int64_t wait_until_ms;        /* not begun for want of libvirtd: till then again; 0: no */
    atomic_bool cancelled;        /* any thread */
    GSList *waiters;              /* agent.c's: who waits for on_disk */
} Job;

static inline bool job_is_finished(const Job *job)
{
    return job->finished_ms > 0;
}

JobTable *jobs_new(void);
void jobs_free(JobTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobTable, jobs_free)

/* A former agent process' command; takes what entry holds. */
Job *jobs_restore(JobTable *table, JournalEntry *entry, int64_t now_ms);
/* At the end of its VM's queue; takes what command holds.  Its id must be new. */
Job *jobs_add(JobTable *table, struct agent_command *command, int64_t now_ms);
/* It never happened: its acceptance could not be stored. */
void jobs_remove(JobTable *table, Job *job);
/* report becomes final; leaves its queue; the oldest finished ones are forgotten. */
void jobs_finish(JobTable *table, Job *job, int64_t now_ms);

Job *jobs_find(JobTable *table, const char *id);
/* The VM's next job if it can start now: accepted on disk, none running before it. */
Job *jobs_ready(JobTable *table, const char *uuid);
unsigned jobs_n_unfinished(JobTable *table);
/* The VM has an unfinished one. */
bool jobs_is_busy(const JobTable *table, const char *uuid);

/* Calls fn for each unfinished job, in the order of acceptance. */
void jobs_foreach_unfinished(JobTable *table, void (*fn)(Job *job, void *user), void *user);

/* The newest reports for a line of kind WATCH_FULL: all unfinished ones first, then what finished
 * within the last hour, at most AGENT_MAX_REPORTS. */
void jobs_fill_full(JobTable *table, int64_t now_ms, struct watch_line *line);

/* All jobs as journal lines. */
void jobs_format_journal(JobTable *table, int64_t now_ms, GString *lines);

#endif /* VRM_AGENT_JOBS_H */
