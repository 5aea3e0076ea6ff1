/* id.h - names of things on the wire.
 *
 * Inside, every object is an int64_t id > 0 (0: none).  Outside it is a URN such as
 * "urn:sites:43BC08E8:vms:i-0000001A", or the URI that the URN maps to by plain string
 * replacement: "/service/sites/43BC08E8/vms/i-0000001A".  Pure; any thread. */
#ifndef VRM_MODEL_ID_H
#define VRM_MODEL_ID_H

#include <stdbool.h>
#include <stdint.h>

/* Kinds with their path segment; a VM's last segment is i-%08X, the others are decimal. */
// clang-format off
#define OBJECT_KINDS(X)                    \
    X(OBJECT_SITE,      "sites")           \
    X(OBJECT_CLUSTER,   "clusters")        \
    X(OBJECT_HOST,      "hosts")           \
    X(OBJECT_VM,        "vms")             \
    X(OBJECT_TASK,      "tasks")           \
    X(OBJECT_DATASTORE, "datastores")      \
    X(OBJECT_VOLUME,    "volumes")         \
    X(OBJECT_DVSWITCH,  "dvswitchs")       \
    X(OBJECT_RULE,      "drsrules")        \
    X(OBJECT_GROUP,     "resourcegroups")  \
    X(OBJECT_RECOMMENDATION, "drsrecommendations") \
    X(OBJECT_USER,      "users")
// clang-format on

enum object_kind {
#define X(name, segment) name,
    OBJECT_KINDS(X)
#undef X
};
#define N_OBJECT_KINDS 12

const char *object_kind_segment(enum object_kind kind); /* "vms" */
/* "vms" -> OBJECT_VM; false if unknown. */
bool object_kind_parse(const char *segment, enum object_kind *ret_kind);

/* 8 upper-case hex digits. */
bool site_id_valid(const char *site);

/* "urn:sites:S:hosts:112".  For OBJECT_SITE id is ignored.  Rules, groups and recommendations live
 * below their cluster: use urn_format_child.  Caller frees. */
char *urn_format(const char *site, enum object_kind kind, int64_t id);
char *uri_format(const char *site, enum object_kind kind, int64_t id);
/* "urn:sites:S:clusters:117:resourcegroups:3". */
char *urn_format_child(const char *site, enum object_kind parent_kind, int64_t parent_id,
                       enum object_kind kind, int64_t id);
char *uri_format_child(const char *site, enum object_kind parent_kind, int64_t parent_id,
                       enum object_kind kind, int64_t id);

/* Last path segment as the API writes it: "i-0000001A" for VMs, else decimal.  Caller frees. */
char *object_id_format(enum object_kind kind, int64_t id);
bool object_id_parse(enum object_kind kind, const char *segment, int64_t *ret_id);

/* Accepts URN or URI of exactly this kind in this site, top level or below one parent.  Site ids
 * compare without regard to case. */
bool urn_parse(const char *text, const char *site, enum object_kind kind, int64_t *ret_id);
/* Any top-level kind. */
bool urn_parse_any(const char *text, const char *site, enum object_kind *ret_kind, int64_t *ret_id);

/* For qsort and bsearch over int64_t, ids above all: ascending. */
int id_cmp(const void *a, const void *b);

#endif /* VRM_MODEL_ID_H */
