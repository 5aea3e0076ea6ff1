/* rights_private.h - what rights.c (the table) and rights_send.c (changes) share. */
#ifndef VRM_CONTROLLER_RIGHTS_PRIVATE_H
#define VRM_CONTROLLER_RIGHTS_PRIVATE_H

#include "base/log.h"
#include "controller/rights.h"
#include "etcd/etcd.h"
#include "etcd/etcd_watch.h"

enum {
    RIGHTS_MAX_SINKS = 4
};

/* One record as last seen. */
struct right_record {
    struct ha_key key; /* first: it is the table's key, too */
    int64_t version;
    int64_t seen_ms; /* when this version was first seen */
    struct ha_record record;
    struct ha_vm_seen vm; /* VM: the same for readers */
};

struct right_sink_slot {
    struct rights_sink sink;
    bool is_new; /* what is there has not been told yet */
};

struct Rights {
    struct rights_options options;
    char *prefix, *folder;
    char *leader_key;
    Etcd *etcd;
    EtcdWatch *watch;
    GHashTable *records; /* struct ha_key -> struct right_record */
    GHashTable *calls;   /* set of RightsCall */
    struct right_sink_slot sinks[RIGHTS_MAX_SINKS];
    unsigned n_sinks;
    guint tell_source;
    bool listed;
    bool is_named_old; /* what follows is to be made anew */
    GHashTable *named; /* set: storage authorities by which VMs live */
    size_t n_by_slots; /* ... and how many VMs */
    struct log_limit warned;
    Metric *txns[3]; /* by enum ha_outcome */
};

/* A record as etcd told it; an older view than the one we have is ignored. */
void rights_see(Rights *rights, const struct ha_key *key, const struct ha_record *record,
                int64_t version);
/* There is none, as of this revision of the store. */
void rights_see_none(Rights *rights, const struct ha_key *key, int64_t revision);
void rights_see_kv(Rights *rights, const struct etcd_kv *kv);
void rights_see_answer(Rights *rights);

const struct right_record *rights_find(const Rights *rights, const struct ha_key *key);

/* Ends every call without its callback. */
void rights_drop_calls(Rights *rights);
void rights_free_call(void *call);

#endif /* VRM_CONTROLLER_RIGHTS_PRIVATE_H */
