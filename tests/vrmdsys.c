/* vrmdsys.c - see vrmdsys.h. */
#include "config.h"

#include "tests/vrmdsys.h"

#include "base/clock.h"
#include "tests/it_db.h"
#include "tests/suite.h"

#define TASK_MS 60000

/* ---- a system ---------------------------------------------------------------------------------
 */

/* A busy machine makes a host suspect for a moment, and then it takes no VM. */
static bool is_for_a_moment(const json_t *json, int status)
{
    const char *text = json_string_value(json_object_get(json, "errorDes"));

    return status == 400 && text && strstr(text, "HA starts nothing there while it is");
}

json_t *vrmdsys_call(struct vrmdsys *sys, const char *method, const char *path, const char *body,
                     int want)
{
    const int64_t until_ms = clock_now_ms() + VRMDSYS_ACTIVE_MS;
    const bool reads = g_str_equal(method, "GET");

    for (;;) {
        int status;
        json_t *json = reads ? rest_read(sys->rest, path, VRMDSYS_ACTIVE_MS, &status)
                             : rest_call(sys->rest, method, path, body, &status);
        g_autofree char *text = json_dumps(json, JSON_COMPACT);

        if (status == want)
            return json;
        ck_assert_msg(is_for_a_moment(json, status) && clock_now_ms() < until_ms,
                      "%s %s: %d %s, want %d", method, path, status, text, want);
        json_decref(json);
        vrmdlab_pause_ms(100);
    }
}

char *vrmdsys_text(struct vrmdsys *sys, const char *method, const char *path, const char *body,
                   const char *field)
{
    json_t *json = vrmdsys_call(sys, method, path, body, 200);
    char *text = g_strdup(rest_text(json, field));

    json_decref(json);
    return text;
}

/* Waits for a task; its status. */
char *vrmdsys_await(struct vrmdsys *sys, const char *uri)
{
    int64_t until_ms = clock_now_ms() + TASK_MS;

    for (;;) {
        g_autofree char *word = vrmdsys_text(sys, "GET", uri, NULL, "status");

        if (g_str_equal(word, "success") || g_str_equal(word, "failed"))
            return g_steal_pointer(&word);
        ck_assert_msg(clock_now_ms() < until_ms, "%s is still %s", uri, word);
        vrmdlab_pause_ms(20);
    }
}

void vrmdsys_task(struct vrmdsys *sys, const char *method, const char *path, const char *body)
{
    g_autofree char *task = vrmdsys_text(sys, method, path, body, "taskUri");
    g_autofree char *word = vrmdsys_await(sys, task);
    g_autofree char *why = vrmdsys_text(sys, "GET", task, NULL, "reasonDes");

    ck_assert_msg(g_str_equal(word, "success"), "%s %s: %s: %s", method, path, word, why);
}

char *vrmdsys_path(const struct vrmdsys *sys, const char *rest)
{
    return g_strconcat(sys->site, rest, NULL);
}

static char *read_site(struct vrmdsys *sys)
{
    json_t *json = vrmdsys_call(sys, "GET", "/service/sites", NULL, 200);
    char *uri = g_strdup(rest_text(json_array_get(json_object_get(json, "sites"), 0), "uri"));

    json_decref(json);
    return uri;
}

static void add_host(struct vrmdsys *sys, unsigned host)
{
    g_autofree char *path = vrmdsys_path(sys, "/hosts");
    g_autofree char *body =
        g_strdup_printf("{\"name\":\"cna%u\",\"ip\":\"127.0.0.1\",\"port\":%u,"
                        "\"clusterUrn\":\"%s\"}",
                        host, vrmdlab_host_port(sys->lab, host), sys->cluster_urn);

    vrmdsys_task(sys, "POST", path, body);
}

static struct vrmdsys begin(VrmdLab *lab, unsigned n_vrmd)
{
    struct vrmdsys sys = { .lab = lab, .n_vrmd = n_vrmd };
    g_autofree char *path = NULL;
    json_t *json;

    for (unsigned n = 0; n < n_vrmd; n++)
        vrmdlab_start(sys.lab, n);
    (void)vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
    sys.rest = rest_new(vrmdlab_urls(sys.lab));
    while (!sys.site || !*sys.site) { /* the first log-in finds the active one */
        int status;

        json_decref(rest_read(sys.rest, "/service/sites", VRMDSYS_ACTIVE_MS, &status));
        g_free(sys.site);
        sys.site = read_site(&sys);
    }
    path = vrmdsys_path(&sys, "/clusters");
    json = vrmdsys_call(&sys, "POST", path, "{\"name\":\"fleet\"}", 200);
    sys.cluster = g_strdup(rest_text(json, "uri"));
    sys.cluster_urn = g_strdup(rest_text(json, "urn"));
    json_decref(json);
    for (unsigned i = 0; i < VRMDLAB_HOSTS; i++)
        add_host(&sys, i);
    return sys;
}

static unsigned count_takers(struct vrmdsys *sys)
{
    g_autofree char *path = vrmdsys_path(sys, "/ha/status");
    json_t *json = vrmdsys_call(sys, "GET", path, NULL, 200);
    const json_t *host;
    unsigned n = 0;
    size_t i;

    json_array_foreach(json_object_get(json, "hosts"), i, host)
    {
        n += json_is_true(json_object_get(host, "takesVms"));
    }
    json_decref(json);
    return n;
}

void vrmdsys_await_ha(struct vrmdsys *sys, unsigned n_hosts)
{
    int64_t until_ms = clock_now_ms() + VRMDSYS_ACTIVE_MS;

    while (count_takers(sys) != n_hosts) {
        ck_assert_msg(clock_now_ms() < until_ms, "not %u hosts take VMs, see %s", n_hosts,
                      vrmdlab_dir(sys->lab));
        vrmdlab_pause_ms(50);
    }
}

struct vrmdsys vrmdsys_begin(unsigned n_vrmd)
{
    return begin(vrmdlab_new(n_vrmd), n_vrmd);
}

struct vrmdsys vrmdsys_begin_ha(unsigned n_vrmd)
{
    struct vrmdsys sys = begin(vrmdlab_new_ha(n_vrmd), n_vrmd);

    vrmdsys_await_ha(&sys, VRMDLAB_HOSTS);
    return sys;
}

/* A controller that is asked to end does so, in good order (and without a leak, under ASan). */
void vrmdsys_end(struct vrmdsys *sys)
{
    for (unsigned n = 0; n < sys->n_vrmd; n++) {
        int status = vrmdlab_runs(sys->lab, n) ? vrmdlab_stop(sys->lab, n) : -1;

        ck_assert_msg(status == 0, "vrmd%u ended with %d, see %s", n, status,
                      vrmdlab_dir(sys->lab));
    }
    rest_free(sys->rest);
    vrmdlab_free(sys->lab);
    g_free(sys->site);
    g_free(sys->cluster);
    g_free(sys->cluster_urn);
}

/* ---- VMs --------------------------------------------------------------------------------------
 */

char *vrmdsys_host_urn(struct vrmdsys *sys, unsigned host)
{
    g_autofree char *path = vrmdsys_path(sys, "/hosts");
    g_autofree char *name = g_strdup_printf("cna%u", host);
    json_t *json = vrmdsys_call(sys, "GET", path, NULL, 200);
    const json_t *item;
    char *urn = NULL;
    size_t i;

    json_array_foreach(json_object_get(json, "hosts"), i, item)
    {
        if (g_str_equal(rest_text(item, "name"), name))
            urn = g_strdup(rest_text(item, "urn"));
    }
    json_decref(json);
    ck_assert_msg(urn != NULL, "no host %s", name);
    return urn;
}

char *vrmdsys_make_vm(struct vrmdsys *sys, const char *name, unsigned host, const char *disks)
{
    g_autofree char *path = vrmdsys_path(sys, "/vms");
    g_autofree char *urn = vrmdsys_host_urn(sys, host);
    g_autofree char *body =
        g_strdup_printf("{\"name\":\"%s\",\"location\":\"%s\","
                        "\"autoBoot\":false,\"osOptions\":{\"osType\":\"Linux\"},"
                        "\"vmConfig\":{\"cpu\":{\"quantity\":1},\"memory\":{\"quantityMB\":128},"
                        "\"disks\":[%s]}}",
                        name, urn, disks);
    json_t *json = vrmdsys_call(sys, "POST", path, body, 200);
    char *uri = g_strdup(rest_text(json, "uri"));
    g_autofree char *status = vrmdsys_await(sys, rest_text(json, "taskUri"));
    g_autofree char *start = g_strconcat(uri, "/action/start", NULL);
    g_autofree char *where = g_strdup_printf("{\"location\":\"%s\"}", urn);

    ck_assert_str_eq(status, "success");
    vrmdsys_task(sys, "POST", start, where);
    json_decref(json);
    return uri;
}

void vrmdsys_refuse(struct vrmdsys *sys, const char *method, const char *path, const char *body,
                    const char *part)
{
    json_t *json = vrmdsys_call(sys, method, path, body, 400);

    ck_assert_msg(strstr(rest_text(json, "errorDes"), part) != NULL, "%s %s: \"%s\" not in: %s",
                  method, path, part, rest_text(json, "errorDes"));
    json_decref(json);
}

void vrmdsys_must_be(struct vrmdsys *sys, const char *vm, const char *field, const char *want)
{
    g_autofree char *found = vrmdsys_text(sys, "GET", vm, NULL, field);

    ck_assert_msg(g_str_equal(found, want), "%s: %s is %s, want %s", vm, field, found, want);
}

void vrmdsys_must_say(struct vrmdsys *sys, const char *sql, const char *want)
{
    g_autofree char *found = scratch_sql(vrmdlab_conninfo(sys->lab), sql);

    ck_assert_msg(g_str_equal(found, want), "%s: %s, want %s", sql, found, want);
}
