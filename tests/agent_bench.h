/* agent_bench.h - an agent for tests, on a hypervisor that only remembers, and if wanted beside a
 * vrm-hald that only remembers. */
#ifndef VRM_TESTS_AGENT_BENCH_H
#define VRM_TESTS_AGENT_BENCH_H

#include "agent/agent.h"
#include "agent/hv_fake.h"
#include "agent/warden_fake.h"
#include "base/json.h"

#define U1 "00000000-0000-4000-8000-000000000001"
#define U2 "00000000-0000-4000-8000-000000000002"

struct bench {
    char *dir;
    HvFake *hv;
    WardenFake *warden; /* NULL: none is in use */
    Agent *agent;
    unsigned link_wait_ms;
    unsigned press_again_ms, gone_ms;
};

/* Not started: what the first list will find can be put there. */
void bench_prepare(struct bench *bench);
void bench_start(struct bench *bench);
void bench_init(struct bench *bench);
void bench_restart(struct bench *bench);
void bench_clear(struct bench *bench);
/* Waits for something to happen, and lets it. */
void bench_turn(void);
/* Is this field of the agent's health true? */
bool bench_is_well(struct bench *bench, const char *key);
void bench_wait_well(struct bench *bench, const char *key, bool want);
/* Until libvirtd answers and what is there was listed. */
void bench_wait_up(struct bench *bench);
/* Until so many are inside this call of the hypervisor. */
void bench_wait_inside(struct bench *bench, const char *call, unsigned n);

/* What the agent answers to a request. */
struct answer {
    int status; /* 0: not yet */
    json_t *body;
};

/* For agent_*(): user is a struct answer. */
void answer_take(int status, json_t *body, void *user);
void answer_wait(const struct answer *answer);
void answer_clear(struct answer *answer);
/* "" where there is none. */
const char *answer_word(const struct answer *answer, const char *key);
const char *answer_error(const struct answer *answer);

/* How the command stands, as the agent tells it. */
void bench_look(struct bench *bench, const char *id, struct answer *ret_answer);
/* False also while it is being stored. */
bool bench_has_ended(struct bench *bench, const char *id);
void bench_wait_end(struct bench *bench, const char *id);
/* Waits for the end and demands state and a part of the error's text. */
void bench_expect(struct bench *bench, const char *id, const char *state, const char *text);
/* What the hypervisor was told. */
void bench_expect_history(struct bench *bench, const char *want);

struct order {
    const char *id, *verb, *uuid; /* of the VM; of what is to be aborted its id */
    int64_t gen, epoch;
};
#define ORDER(...) (&(const struct order){ __VA_ARGS__ })

/* A command in the protocol's JSON. */
json_t *bench_json(const struct order *order);
/* As the protocol's decoder makes it; takes json. */
void bench_decode(json_t *json, struct agent_command *ret);
void bench_post(struct bench *bench, const struct order *order, struct answer *ret_answer);
/* ... and waits for the answer. */
void bench_ask(struct bench *bench, const struct order *order, struct answer *ret_answer);
int bench_ask_status(struct bench *bench, const char *id, const char *verb, const char *uuid,
                     int64_t gen, int64_t epoch);
/* As a process would leave it that died after it accepted the command; takes command's contents. */
void bench_leave_accepted(const struct bench *bench, struct agent_command *command,
                          int64_t deadline_ms);

/* A stream of the agent's lines. */
struct stream {
    Watcher *watcher;
    int status;
    GString *text;
    bool over;
};

void stream_open(struct bench *bench, int64_t epoch, struct stream *ret_stream);
void stream_read(struct stream *stream);
/* Until its text has this part. */
void stream_wait(struct stream *stream, const char *part);
void stream_close(struct stream *stream);

#endif /* VRM_TESTS_AGENT_BENCH_H */
