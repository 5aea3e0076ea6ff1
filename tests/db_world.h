/* db_world.h - objects for component tests of the stores: all fields differ, so that a swapped
 * column shows. */
#ifndef VRM_TESTS_DB_WORLD_H
#define VRM_TESTS_DB_WORLD_H

#include <glib.h>

#include "db/query.h"
#include "model/types.h"
#include "tests/it_db.h"

/* Not stored yet; the caller owns them. */
Cluster *make_cluster(const char *name);
Host *make_host(const char *name, int64_t cluster_id);
Vm *make_vm(const char *name, int64_t cluster_id, int64_t host_id);
void add_disk(Vm *vm, int64_t sequence, const char *path);
void add_nic(Vm *vm, int64_t sequence, const char *mac);

/* One of each, stored: the VM with two disks and a NIC is on the host, that is in the cluster. */
struct world {
    Cluster *cluster;
    Host *host;
    Vm *vm;
};

void make_world(Db *db, struct world *world);
void clear_world(struct world *world);

/* What a store's list function reads, in a transaction of its own; unref it. */
GPtrArray *read_list(Db *db, bool (*list)(Db *db, GPtrArray **ret, GError **error));

/* For must_read(): what a store's query function finds and counts. */
struct query_job {
    struct db_query query;
    bool (*run)(Db *, const struct db_query *, GPtrArray **, int64_t *, GError **);
    GPtrArray *objects;
    int64_t total;
};

bool run_query(Db *db, void *query_job, GError **error);

/* A list of one; free with g_free. */
int64_t *one_id(int64_t id);

#endif /* VRM_TESTS_DB_WORLD_H */
