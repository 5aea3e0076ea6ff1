/* sched_scn_private.h - between sched_scn.c, sched_scn_read.c (lines that say what there is) and
 * sched_scn_do.c (lines that do something). */
#ifndef VRM_TESTS_SCHED_SCN_PRIVATE_H
#define VRM_TESTS_SCHED_SCN_PRIVATE_H

#include "scheduler/dpm.h"
#include "tests/sched_scn.h"

#define SCN_FIRST_HOST  101
#define SCN_FIRST_GROUP 201
#define SCN_FIRST_RULE  301

struct Scn {
    SnapshotBuilder *builder;
    struct sched_params params;
    struct dpm_params dpm; /* its sched is params */
    int64_t growth;        /* per mille: load of the short window over that of the long one */
    struct dpm_bar bar;    /* one host that is left alone */
    int64_t waiting[4];    /* VMs whose start found no room */
    GPtrArray *clusters, *vms, *hosts, *groups, *rules; /* names; index + first = id */
};

/* Ends the program with a message. */
G_NORETURN void scn_bad_line(const char *what, const char *word);
/* The id; 0: there is no such name. */
int64_t scn_find_name(const GPtrArray *names, const char *name, int64_t first);
/* ... or a bad line. */
int64_t scn_need_name(const GPtrArray *names, const char *name, int64_t first);

void scn_read(Scn *scn, char **words);
void scn_add_cluster(Scn *scn, const char *name);
/* "off": none. */
void scn_set_imc(Cluster *cluster, const char *mode);
/* rule NAME together|apart|apart-racks|host must|should|must-not|should-not [VM GROUP]
 * MEMBERS */
Rule *scn_make_rule(Scn *scn, char **words);

void scn_do(Scn *scn, char **words, GString *out);

#endif /* VRM_TESTS_SCHED_SCN_PRIVATE_H */
