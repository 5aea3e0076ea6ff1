/* it_vrmd_session.c - whoever is logged in stays so under the next controller; whoever logged out
 * does not come back. */
#include "config.h"

#include <string.h>

#include "tests/it_db.h"
#include "tests/vrmdsys.h"

#define N_KILLS 3

struct client {
    struct vrmdsys *sys;
    unsigned at; /* the active controller */
};

static int call(const struct client *client, const char *token, const char *method,
                const char *path, const char *body)
{
    g_autofree char *url = g_strconcat(vrmdlab_urls(client->sys->lab)[client->at], path, NULL);

    return rest_status_with(client->sys->rest, token, method, url, body);
}

static char *log_in(const struct client *client)
{
    char *token = rest_log_in(client->sys->rest, vrmdlab_urls(client->sys->lab)[client->at]);

    ck_assert_ptr_nonnull(token);
    return token;
}

static void wait_alive(const struct client *client, unsigned n)
{
    g_autofree char *url = g_strconcat(vrmdlab_urls(client->sys->lab)[n], "/healthz", NULL);
    int status = 0;

    while (status != 200) {
        g_free(rest_raw(client->sys->rest, "GET", url, NULL, &status));
        vrmdlab_pause_ms(20);
    }
}

/* The active one dies, and comes back as a standby. */
static void kill_active(struct client *client)
{
    unsigned dead = client->at;

    vrmdlab_kill(client->sys->lab, dead, true);
    client->at = vrmdlab_wait_active(client->sys->lab, VRMDSYS_ACTIVE_MS);
    vrmdlab_start(client->sys->lab, dead);
    wait_alive(client, dead);
}

START_TEST(a_client_works_on_after_a_kill)
{
    struct vrmdsys sys = vrmdsys_begin(2);
    struct client client = { &sys, vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS) };
    g_autofree char *token = log_in(&client);
    g_autofree char *hosts = vrmdsys_path(&sys, "/hosts");

    for (int i = 0; i < N_KILLS; i++) {
        kill_active(&client);
        ck_assert_int_eq(call(&client, token, "GET", hosts, NULL), 200);
        ck_assert_int_eq(call(&client, token, "PUT", sys.cluster, "{\"description\":\"x\"}"), 200);
    }
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(who_logged_out_stays_out_under_the_next_controller)
{
    struct vrmdsys sys = vrmdsys_begin(2);
    struct client client = { &sys, vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS) };
    g_autofree char *out = log_in(&client);
    g_autofree char *in = log_in(&client);
    g_autofree char *like =
        g_strdup_printf("SELECT count(*) FROM session WHERE token_hash LIKE '%%%s%%'", in);

    ck_assert_int_eq(call(&client, out, "DELETE", "/service/session", NULL), 200);
    ck_assert_int_eq(call(&client, out, "GET", "/service/sites", NULL), 401);
    vrmdsys_must_say(&sys, like, "0"); /* hashes only */
    kill_active(&client);
    ck_assert_int_eq(call(&client, out, "GET", "/service/sites", NULL), 401);
    ck_assert_int_eq(call(&client, in, "GET", "/service/sites", NULL), 200);
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(a_new_password_ends_the_other_sessions_for_the_next_controller_too)
{
    struct vrmdsys sys = vrmdsys_begin(2);
    struct client client = { &sys, vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS) };
    g_autofree char *other = log_in(&client);
    g_autofree char *own = log_in(&client);
    const char *body = "{\"oldPassword\":\"" REST_PASSWORD "\",\"password\":\"quite-new-1\"}";

    ck_assert_int_eq(call(&client, own, "POST", "/service/users/password/modify", body), 200);
    kill_active(&client);
    ck_assert_int_eq(call(&client, other, "GET", "/service/sites", NULL), 401);
    ck_assert_int_eq(call(&client, own, "GET", "/service/sites", NULL), 200);
    vrmdsys_end(&sys);
}
END_TEST

SUITE_MAIN("it_vrmd_session", SUITE_TEST(a_client_works_on_after_a_kill),
           SUITE_TEST(who_logged_out_stays_out_under_the_next_controller),
           SUITE_TEST(a_new_password_ends_the_other_sessions_for_the_next_controller_too))
