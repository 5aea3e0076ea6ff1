/* lv.h - the parts of hv_libvirt among themselves: lv_link.c connections and events, lv_read.c,
 * lv_cpu.c and lv_device.c what libvirt knows, lv_verb.c starting and stopping, lv_migrate.c
 * moving.
 *
 * Inner header. */
#ifndef VRM_AGENT_LV_H
#define VRM_AGENT_LV_H

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdbool.h>

#include "agent/domxml.h"
#include "agent/hostdevs.h"
#include "agent/hv.h"
#include "agent/stats.h"
#include "base/work.h"

/* libvirtd serves only few calls of one connection at a time: questions never wait behind work. */
enum lv_conn {
    LV_ASK,  /* lists, samples, events */
    LV_WORK, /* starts, stops */
    N_LV_CONNS
};

/* How a domain ended, or what its last job was like, from events that came since we connected. */
struct lv_trace {
    char *end;     /* "migrated", "crashed", ...; NULL: it has not ended */
    bool panicked; /* its guest did */
    bool has_job;
    int64_t downtime_ms, transferred_mb, elapsed_ms;
};

typedef struct Lv {
    /* constant */
    char *uri, *domain_type, *emulator, *bridge, *migrate_address;
    char *cpu_limit; /* libvirt's model of the newest generation to present; "": all */
    bool migrate_tls, shared_storage_unchecked;
    int64_t net_mbps;       /* of the uplinks; 0: as the kernel says */
    HostDevs *devices;      /* those that were configured; libvirt's come on top */
    WorkPool *link_pool;    /* opens and closes connections */
    WorkPool *event_pool;   /* describes domains that had an event */
    WorkPool *migrate_pool; /* libvirt's own blocking calls of migrations */
    Mailbox *closed;        /* a connection broke: its number */

    /* loop */
    struct hv_sink sink;
    guint retry_timer;
    unsigned retry_ms;
    bool connecting, ending;
    unsigned number;        /* of the connection; counts attempts */
    unsigned broken_number; /* a connection that broke before it was used */

    /* one call of stats at a time */
    StatsTracker *tracker;
    bool want_vcpu_time;
    bool is_doubtful; /* some guest's agent was silent in the last sample: vCPUs are looked at */
    WorkPool *guest_pool; /* asks guests' agents, which may not answer */

    pthread_mutex_t device_mutex; /* held while devices are picked */
    GHashTable *promised;         /* below it: addresses picked for VMs that are being started */
    pthread_mutex_t mutex;
    /* below the mutex */
    virConnectPtr conns[N_LV_CONNS]; /* NULL: not connected */
    int64_t cpu_mhz;                 /* of one core; 0: not read yet */
    char *usable_type;               /* "kvm" or "qemu"; NULL: not read yet */
    GHashTable *traces;              /* uuid -> struct lv_trace * */
    GHashTable *guests;              /* uuid -> struct guest * of lv_guest.c */
    virConnectPtr guest_conn;        /* lv_guest.c's own; NULL: none */
} Lv;

/* ---- errors --------------------------------------------------------------------------------- */

/* The calling thread's last libvirt error as ours, with its own words. */
void lv_set_error(GError **error, const char *what);
/* The same for a saved one; NULL: unknown.  own_link false: trouble with a connection is that of
 * two hosts with each other, not ours with libvirtd. */
void lv_set_saved_error(GError **error, const virError *saved, const char *what, bool own_link);

/* ---- lv_link.c ------------------------------------------------------------------------------ */

void lv_start_link(void *hv, const struct hv_sink *sink);
bool lv_end_link(Lv *lv);
/* A reference (virConnectClose it), or NULL with VRM_ERR_UNAVAILABLE. */
virConnectPtr lv_conn(Lv *lv, enum lv_conn which, GError **error);
/* A connection of the caller's own to this host or another. */
virConnectPtr lv_open(const char *uri, GError **error);
void lv_close(virConnectPtr conn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virConnect, lv_close)
void lv_free_domain(virDomainPtr domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, lv_free_domain)
/* The domain, or NULL with VRM_ERR_NOT_FOUND or another error. */
virDomainPtr lv_domain(virConnectPtr conn, const char *uuid, GError **error);
void lv_wait_ms(unsigned ms);
/* What is remembered of the domain since we connected; end is NULL if nothing. */
void lv_take_trace(Lv *lv, const char *uuid, struct lv_trace *ret_trace);
void lv_drop_trace(Lv *lv, const char *uuid);
void lv_trace_clear(struct lv_trace *trace);

/* ---- lv_read.c ------------------------------------------------------------------------------ */

void lv_probe(void *hv);
bool lv_facts(void *hv, struct agent_hello *hello, GError **error);
bool lv_list(void *hv, struct domain_report **ret_domains, size_t *ret_n, GError **error);
bool lv_lookup(void *hv, const char *uuid, struct domain_report *ret_domain, GError **error);
/* A domain that goes away meanwhile is absent, not an error. */
bool lv_describe(virDomainPtr domain, struct domain_report *ret_domain, GError **error);
bool lv_stats(void *hv, struct watch_line *ret_line, GError **error);

/* ---- lv_cpu.c ------------------------------------------------------------------------------- */

/* Fills the cpu_ texts of a guest's CPU for guests of that domain type; empty ones where libvirt
 * cannot say. */
void lv_cpu_facts(const Lv *lv, virConnectPtr conn, const char *type, struct agent_hello *hello);

/* ---- lv_device.c ---------------------------------------------------------------------------- */

/* What VMs can be given: what was configured and what libvirt lists.  Caller frees. */
HostDevs *lv_devices(const Lv *lv, virConnectPtr conn);
/* Devices that no running domain holds and that are promised to no other VM, out of devs, for one
 * that asks for `wanted`; promised to it until lv_end_promise. */
bool lv_pick_devices(Lv *lv, virConnectPtr conn, const HostDevs *devs, const char *wanted,
                     GPtrArray **ret_picked, GError **error);
/* Its domain holds them, or it was not started. */
void lv_end_promise(Lv *lv, const GPtrArray *picked);

/* ---- lv_guest.c ----------------------------------------------------------------------------- */

/* For how long the agent inside of the VM, which answered in this run, has not; 0: it never did
 * (*ret_answers is false), or it does.  Asks it again, in the background, when it is time.  One
 * thread at a time. */
int64_t lv_guest_age_ms(Lv *lv, const char *uuid, int64_t run_id, bool *ret_answers);
/* After each round: forgets guests that no round asked about lately. */
void lv_guest_tidy(Lv *lv);
void lv_guest_init(Lv *lv);
/* False: an agent is being asked. */
bool lv_guest_end(Lv *lv);

/* ---- lv_verb.c ------------------------------------------------------------------------------ */

bool lv_start(void *hv, const Vm *vm, int64_t gen, GError **error);
bool lv_start_halted(void *hv, const Vm *vm, int64_t gen, GError **error);
bool lv_let_run(void *hv, const char *uuid, GError **error);
/* Our metadata element of a running domain. */
bool lv_read_mark(virDomainPtr domain, struct domxml_mark *ret_mark, GError **error);
bool lv_set_mark(virDomainPtr domain, const struct domxml_mark *mark, GError **error);
bool lv_stop(void *hv, const char *uuid, bool force, int64_t deadline_ms, GError **error);
bool lv_reboot(void *hv, const char *uuid, bool force, GError **error);
bool lv_pause(void *hv, const char *uuid, GError **error);
bool lv_resume(void *hv, const char *uuid, GError **error);

/* ---- lv_migrate.c --------------------------------------------------------------------------- */

bool lv_migrate(void *hv, const struct hv_migration *migration, struct command_report *ret_result,
                GError **error);

#endif /* VRM_AGENT_LV_H */
