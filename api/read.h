/* read.h - what the readers of the snapshot share: references, sums, filters, pages.
 *
 * Any thread; works on the snapshot that the request holds. */
#ifndef VRM_API_READ_H
#define VRM_API_READ_H

#include "api/request.h"

/* ---- references ---- */

void read_put_urn(struct request *req, const char *key, enum object_kind kind, int64_t id);
void read_put_uri(struct request *req, const char *key, enum object_kind kind, int64_t id);
/* "urn" and "uri". */
void read_put_object(struct request *req, enum object_kind kind, int64_t id);
/* The same for what lives below a cluster. */
void read_put_child(struct request *req, int64_t cluster_id, enum object_kind kind, int64_t id);
/* {"urn","name"} as an element. */
void read_put_named(struct request *req, enum object_kind kind, int64_t id, const char *name);
void read_put_time(struct request *req, const char *key, int64_t wall_ms);
/* A task as GET {task} shows it; key NULL: an element or the whole answer. */
void read_put_task(struct request *req, const char *key, const Task *task);

/* "" when the object is gone. */
const char *read_name(const struct request *req, enum object_kind kind, int64_t id);

/* ---- pages ---- */

struct read_page {
    int64_t limit, offset; /* limit -1: all */
};
#define READ_HISTORY_MAX 1000 /* rows of one answer from the database */

/* limit and offset of the query; absent, empty or 0 limit: all. */
bool read_page(const struct request *req, struct read_page *ret_page, GError **error);
/* The same from a body (queries by POST). */
bool read_page_body(const struct request *req, struct read_page *ret_page, GError **error);
/* [*ret_from, *ret_to) of n items. */
void read_page_bounds(const struct read_page *page, size_t n, size_t *ret_from, size_t *ret_to);

/* ---- filters ---- */

/* The "scope" parameter: none, an object, or a word of the caller's ("default"). */
struct read_scope {
    bool given;
    enum object_kind kind;
    int64_t id;
    const char *word;
};
bool read_scope(const struct request *req, const char *word, struct read_scope *ret_scope,
                GError **error);
/* Ids of a repeated or comma-separated parameter of URNs, ascending; *ret_ids NULL if absent. */
bool read_ids(const struct request *req, const char *name, enum object_kind kind, int64_t **ret_ids,
              size_t *ret_n, GError **error);
bool read_contains(const int64_t *ids, size_t n, int64_t id); /* ascending ids */
/* Case-insensitive substring; no filter fits all. */
bool read_like(const char *text, const char *filter);

/* ---- sums ---- */

struct read_sum {
    int64_t hosts;                    /* counted in capacity: in service */
    int64_t cpu_total, cpu_allocated; /* MHz */
    int64_t mem_total, mem_allocated; /* MB */
    int64_t mem_used;                 /* measured, MB */
    int64_t threads, vcpus;           /* of hosts, of placed VMs */
    int64_t vms, running;
    int64_t stopped_vcpus, stopped_mem;
};
void read_sum_host(const Snapshot *snap, const Host *host, struct read_sum *ret_sum);
void read_sum_cluster(const Snapshot *snap, int64_t cluster_id, struct read_sum *ret_sum);
/* "cpuResource" and "memResource" of a list item or of {cluster}/computeresource. */
void read_put_resources(struct request *req, const struct read_sum *sum);

#endif /* VRM_API_READ_H */
