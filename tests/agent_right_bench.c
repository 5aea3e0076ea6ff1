/* agent_right_bench.c - see agent_right_bench.h. */
#include "config.h"

#include "tests/agent_right_bench.h"

#include "tests/suite.h"

void right_prepare(struct bench *bench)
{
    bench_prepare(bench);
    bench->warden = warden_fake_new();
    bench->link_wait_ms = 1;
}

void right_up(struct bench *bench)
{
    bench_start(bench);
    bench_wait_up(bench);
    if (bench->warden)
        bench_wait_well(bench, "ha", true);
}

void right_init(struct bench *bench)
{
    right_prepare(bench);
    right_up(bench);
}

void right_make(struct agent_command *ret, const char *id, const char *verb, const char *right)
{
    json_t *json = bench_json(ORDER(id, verb, U1, RIGHT_GEN, RIGHT_EPOCH));

    if (!json_object_get(json, "vm") && !g_str_equal(verb, "resume"))
        json_object_set_new(json, "vm_id", json_integer(1));
    if (g_str_equal(verb, "stop"))
        json_object_set_new(json, "force", json_true());
    if (right)
        json_object_set_new(json, "right", json_string(right));
    bench_decode(json, ret);
}

void right_send(struct bench *bench, const char *id, const char *verb, const char *right)
{
    struct agent_command command;
    struct answer answer = { 0 };

    right_make(&command, id, verb, right);
    agent_command(bench->agent, &command, answer_take, &answer);
    answer_wait(&answer);
    ck_assert_int_eq(answer.status, 202);
    answer_clear(&answer);
}

void right_expect_hald(struct bench *bench, const char *want)
{
    g_autofree char *history = warden_fake_take_history(bench->warden);
    const char *rest = history + strlen(want);

    ck_assert_msg(g_str_has_prefix(history, want), "%s, wanted %s", history, want);
    while (g_str_has_prefix(rest, "process"))
        rest = strchr(rest, ';') + 1;
    ck_assert_msg(*rest == '\0', "%s, wanted %s", history, want);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    while ((text = strstr(text, what))) {
        text += strlen(what);
        n++;
    }
    return n;
}

void right_wait_told_times(struct bench *bench, const char *what, unsigned n)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (;;) {
        g_autofree char *more = warden_fake_take_history(bench->warden);

        g_string_append(all, more);
        if (count(all->str, what) >= n)
            return;
        bench_turn();
    }
}

void right_wait_told(struct bench *bench, const char *what)
{
    right_wait_told_times(bench, what, 1);
}

void right_expect_state(struct bench *bench, enum domain_state state)
{
    const struct hv hv = hv_fake_hv(bench->hv);
    struct domain_report domain = { 0 };

    ck_assert(hv.ops->lookup(hv.data, U1, &domain, NULL));
    ck_assert_str_eq(domain_state_name(domain.state), domain_state_name(state));
    domain_report_clear(&domain);
}
