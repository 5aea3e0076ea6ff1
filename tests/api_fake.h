/* api_fake.h - a controller made of a snapshot and a list of the operations it was given.
 *
 * The site 43BC08E8 of the fake: cluster 117 ("main": hosts 112 and 113, VMs i-35 "web1" running on
 * 112, i-36 "web2" running on 113, i-37 "idle" stopped, i-38 template), cluster 118 ("empty"), host
 * 114 "spare" in no cluster; VM group 3 {i-35}, host group 4 {112}; rule 3 keeps i-35 and i-36
 * apart; datastore 1; task 1206 done, 1207 running; a DRS plan of two moves, 501 and 502. */
#ifndef VRM_TESTS_API_FAKE_H
#define VRM_TESTS_API_FAKE_H

#include <jansson.h>

#include "api/ops.h"
#include "api/request.h"

#define FAKE_SITE   "43BC08E8"
#define FAKE_S      "/service/sites/" FAKE_SITE
#define FAKE_URN    "urn:sites:" FAKE_SITE
#define FAKE_NOW_MS 5000000

#define U(kind)     FAKE_URN ":" kind
#define C117        FAKE_S "/clusters/117"
#define H112        FAKE_S "/hosts/112"
#define VM35        FAKE_S "/vms/i-00000035"
#define VM37        FAKE_S "/vms/i-00000037"

struct fake;
/* Fills *ret_result; may look at and change the fake. */
typedef void (*fake_answer_fn)(struct fake *fake, const struct op *op,
                               struct op_result *ret_result);

struct fake {
    SnapshotBuilder *builder;
    Snapshot *snap;
    struct controller_status status;
    fake_answer_fn answer; /* NULL: task 1207, object 900 for what creates one */
    struct op *last;       /* the newest operation; kept for the test to look at */
    unsigned n_ops;
    struct api_core core;
    int64_t now_ms;
    /* operations that are not answered at once (fake_hold) */
    bool hold;
    op_done_fn held_done;
    void *held_user;
};

extern const struct api_ops fake_ops; /* ctx: struct fake */

void fake_init(struct fake *fake);
void fake_clear(struct fake *fake);
/* Publishes what was changed in fake->builder. */
void fake_publish(struct fake *fake);
/* A token of a session with these roles. */
char *fake_token(struct fake *fake, const char *roles);

struct fake_reply {
    int status;
    char *text;
    json_t *json; /* NULL: not JSON */
    char *token;
    char *active_url;
};
void fake_reply_clear(struct fake_reply *reply);

/* One call through request.h; headers: "Name: value" ended by NULL, may be NULL; body may be NULL.
 * token NULL: none. */
struct fake_reply fake_call(struct fake *fake, const char *method, const char *target,
                            const char *token, const char *const *headers, const char *body);
/* As administrator, expecting 200 and JSON. */
struct fake_reply fake_ok(struct fake *fake, const char *method, const char *target,
                          const char *body);
/* A PUT like that. */
void fake_put_ok(struct fake *fake, const char *path, const char *body);

/* Value at "vmConfig.disks.0.quantityGB"; fails the test if there is none. */
const json_t *fake_at(const json_t *json, const char *path);
const char *fake_str(const json_t *json, const char *path);
int64_t fake_int(const json_t *json, const char *path);
bool fake_bool(const json_t *json, const char *path);

#endif /* VRM_TESTS_API_FAKE_H */
