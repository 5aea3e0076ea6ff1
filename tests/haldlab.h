/* haldlab.h - a real vrm-hald beside a real etcd (tests/with-etcd.sh), for component tests: its
 * folder, its socket, a watchdog that only takes notes, stand-ins for QEMU. */
#ifndef VRM_TESTS_HALDLAB_H
#define VRM_TESTS_HALDLAB_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/beat.h"
#include "agentproto/hald_msg.h"
#include "ha/right.h"
#include "tests/etcdlab.h"

#define HALDLAB_HOST 101

struct haldlab {
    int64_t host;
    char *dir, *conf, *prefix;
    uint16_t port; /* where vrm-hald hears beats */
    int beats;     /* where the test hears them */
    uint16_t beats_port;
    int dog;                   /* what vrm-hald pets */
    int64_t petted_ms, dog_ms; /* the last time, and for how long */
    GPid hald;                 /* 0: does not run */
    int socket;
    GString *input;
    int64_t n_ids;
    struct etcdlab_client etcd;
};

/* Times of the setup. */
struct haldlab_times {
    int64_t lease_ms, renew_ms, kill_ms;
};
/* A lease for tests in which it must not lapse, and one for those that wait for that. */
extern const struct haldlab_times haldlab_long, haldlab_short;

void haldlab_open(struct haldlab *lab);
/* Another host of the same site; before haldlab_start. */
void haldlab_open_beside(struct haldlab *lab, const struct haldlab *first, int64_t host);
void haldlab_close(struct haldlab *lab);

/* Starts it and waits until it answers. */
void haldlab_start(struct haldlab *lab);
void haldlab_signal(const struct haldlab *lab, int signal);
/* Kills it, or ends it in good order, and waits. */
void haldlab_end(struct haldlab *lab, int signal);

/* A setup as the controller would send it; change what you like, then ha_setup_clear. */
struct ha_setup haldlab_setup(const struct haldlab *lab, const struct haldlab_times *times);
/* One more datastore in a setup; takes none of the texts. */
void haldlab_add_store(struct ha_setup *setup, int32_t authority, const char *path);
/* Starts, sets up, waits for the lease. */
void haldlab_begin(struct haldlab *lab, const struct haldlab_times *times);

/* One request, one reply; the id is ours.  Clear the reply. */
struct hald_reply haldlab_call(struct haldlab *lab, struct hald_request *request);
/* The same; fails the test if it is refused, or (why) if it is not, for this reason. */
void haldlab_yes(struct haldlab *lab, struct hald_request *request);
void haldlab_no(struct haldlab *lab, struct hald_request *request, const char *why);
struct hald_reply haldlab_status(struct haldlab *lab);
/* Sends the setup and clears it. */
void haldlab_set_up(struct haldlab *lab, struct ha_setup *setup);
/* The lease of an authority; false: there is none.  Clear the reply. */
bool haldlab_lease(const struct hald_reply *reply, int32_t authority, struct hald_lease *ret_lease);
/* Until the lease of an authority is in this state (NULL: is none). */
void haldlab_wait_lease(struct haldlab *lab, int32_t authority, const char *state);
/* Until the lease in etcd is held by incarnation n. */
void haldlab_wait_held(struct haldlab *lab, uint32_t n);

/* Gives the VM to this host as it is now, as the controller would; g_free. */
char *haldlab_give(struct haldlab *lab, int64_t vm);
/* The same under another authority. */
char *haldlab_give_by(struct haldlab *lab, int64_t vm, int32_t authority);
/* The VM's record; what stands there must be readable. */
struct ha_vm_right haldlab_right(struct haldlab *lab, int64_t vm);
/* The record of its lease in etcd. */
struct ha_lease_record haldlab_record(struct haldlab *lab);
/* Of its tombstone; g_free. */
char *haldlab_fence_key(const struct haldlab *lab, struct ha_inc inc);
struct ha_inc haldlab_inc(struct haldlab *lab);
struct ha_inc haldlab_inc_by(struct haldlab *lab, int32_t authority);

/* The n-th VM's, 0..9, of this test alone: vrm-hald finds processes by it on the whole machine,
 * where the tests of others run, too. */
const char *haldlab_uuid(unsigned n);

/* A process that waits, with "-uuid UUID" among its arguments. */
GPid haldlab_guest(const char *uuid);
bool haldlab_lives(GPid guest);
/* False: it still lives after patience. */
bool haldlab_dies(GPid guest, int64_t patience_ms);
void haldlab_kill(GPid guest);
/* A started VM: right, process, leave to run. */
GPid haldlab_run_vm(struct haldlab *lab, int64_t vm, const char *uuid);

GPid haldlab_run_vm_by(struct haldlab *lab, int64_t vm, int32_t authority, const char *uuid);

/* Reads what came to the watchdog. */
void haldlab_read_dog(struct haldlab *lab);

/* For main: "--guest" as first argument makes the program one. */
bool haldlab_is_guest(int argc, char **argv);

#endif /* VRM_TESTS_HALDLAB_H */
