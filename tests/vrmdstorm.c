/* vrmdstorm.c - see vrmdstorm.h. */
#include "config.h"

#include "tests/vrmdstorm.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/work.h"
#include "tests/it_db.h"

#define VMS_PER_CLIENT 4
#define MAX_CLIENTS    8
#define PATIENCE_MS    40000

/* What a client knows of one of its VMs. */
struct vm {
    char *name;
    char *uri;          /* NULL: there is none, or nobody knows */
    const char *status; /* that it must have; NULL: look first */
    char *description;  /* the last acknowledged one */
    char *maybe;        /* sent after it, without an answer; NULL: none */
};

struct client {
    Storm *storm;
    unsigned number;
    struct rng rng;
    Rest *rest;
    struct vm vms[VMS_PER_CLIENT];
    unsigned n_names;
    /* for the summary */
    unsigned done, refused, in_doubt, tasks_ok, tasks_failed;
};

struct Storm {
    VrmdLab *lab;
    char *site, *cluster_urn;
    WorkPool *threads;
    struct client clients[MAX_CLIENTS];
    unsigned n_clients;
    atomic_bool stop;
    pthread_mutex_t mutex;
    /* below the mutex */
    GString *troubles;
    GArray *tasks;       /* int64: every task whose acceptance was acknowledged */
    GPtrArray *clusters; /* names of acknowledged clusters */
};

static void trouble(Storm *storm, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void trouble(Storm *storm, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    pthread_mutex_lock(&storm->mutex);
    g_string_append_printf(storm->troubles, "%s\n", text);
    pthread_mutex_unlock(&storm->mutex);
    g_printerr("storm: %s\n", text);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool is_missing(int status)
{
    return rest_outcome_of(status) == REST_REFUSED;
}

/* The VM as the active controller has it; NULL: it does not exist (or no controller came back). */
static json_t *read_vm(struct client *client, const char *uri)
{
    int status;
    json_t *json = rest_read(client->rest, uri, PATIENCE_MS, &status);

    if (!json)
        trouble(client->storm, "%s: no answer for %d s", uri, PATIENCE_MS / 1000);
    if (json && is_missing(status)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* True once no unfinished task is about the VM. */
static bool is_idle(struct client *client, const char *uri)
{
    g_auto(GStrv) parts = g_strsplit(uri + strlen("/service/"), "/", -1);
    g_autofree char *path = g_strjoinv(":", parts);
    g_autofree char *query =
        g_strdup_printf("%s/tasks?limit=20&scope=urn:%s", client->storm->site, path);
    int status;
    json_t *json = rest_read(client->rest, query, PATIENCE_MS, &status);
    const json_t *task;
    bool idle = true;
    size_t i;

    json_array_foreach(json_object_get(json, "tasks"), i, task)
    {
        const char *word = rest_text(task, "status");

        idle = idle && (g_str_equal(word, "success") || g_str_equal(word, "failed"));
    }
    json_decref(json);
    return idle;
}

static void wait_idle(struct client *client, const char *uri)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;

    while (!is_idle(client, uri)) {
        if (clock_now_ms() > until_ms) {
            trouble(client->storm, "%s: a task has not ended within %d s", uri, PATIENCE_MS / 1000);
            return;
        }
        vrmdlab_pause_ms(50);
    }
}

static bool has_settled(const char *status)
{
    return g_str_equal(status, "running") || g_str_equal(status, "stopped") ||
           g_str_equal(status, "pause");
}

/* The status it has once nothing is under way; "" when it does not exist. */
static const char *settled_status(struct client *client, const char *uri)
{
    static const char *const words[] = { "running", "stopped", "pause" };
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;

    wait_idle(client, uri);
    while (clock_now_ms() < until_ms) {
        json_t *json = read_vm(client, uri);
        const char *found = json ? NULL : "";

        for (size_t i = 0; json && i < G_N_ELEMENTS(words); i++) {
            if (g_str_equal(rest_text(json, "status"), words[i]))
                found = words[i];
        }
        json_decref(json);
        if (found)
            return found;
        vrmdlab_pause_ms(50);
    }
    trouble(client->storm, "%s: stays in a status that is none to stay in", uri);
    return "";
}

/* The VM must get this status, and soon. */
static void must_become(struct client *client, const struct vm *vm, const char *want,
                        const char *after)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    g_autofree char *seen = NULL;

    do {
        json_t *json = read_vm(client, vm->uri);

        g_free(seen);
        seen = g_strdup(json ? rest_text(json, "status") : "missing");
        json_decref(json);
        if (g_str_equal(seen, want))
            return;
        vrmdlab_pause_ms(50);
    } while (clock_now_ms() < until_ms);
    trouble(client->storm, "%s %s: is %s after %s, want %s", vm->name, vm->uri, seen, after, want);
}

/* ---- VMs --------------------------------------------------------------------------------------
 */

static void forget_vm(struct vm *vm)
{
    g_clear_pointer(&vm->name, g_free);
    g_clear_pointer(&vm->uri, g_free);
    g_clear_pointer(&vm->description, g_free);
    g_clear_pointer(&vm->maybe, g_free);
    vm->status = NULL;
}

/* The description must be the acknowledged one, or one that was sent after it. */
static void check_description(struct client *client, struct vm *vm, const char *when)
{
    json_t *json = read_vm(client, vm->uri);
    const char *now = json ? rest_text(json, "description") : "(VM is gone)";

    if (g_strcmp0(now, vm->maybe) == 0) {
        g_free(vm->description);
        vm->description = g_steal_pointer(&vm->maybe);
    } else if (!g_str_equal(now, vm->description)) {
        trouble(client->storm, "LOST WRITE: %s %s: description is '%s' %s, acknowledged '%s'",
                vm->name, vm->uri, now, when, vm->description);
    }
    json_decref(json);
}

/* After an answer that did not come: how it really is. */
static void look(struct client *client, struct vm *vm)
{
    const char *status = settled_status(client, vm->uri);

    if (!*status) {
        forget_vm(vm);
        return;
    }
    vm->status = status;
    check_description(client, vm, "after a doubt");
}

static void note_task(struct client *client, const char *uri)
{
    Storm *storm = client->storm;
    const char *slash = strrchr(uri, '/');
    int64_t id = slash ? g_ascii_strtoll(slash + 1, NULL, 10) : 0;

    pthread_mutex_lock(&storm->mutex);
    g_array_append_val(storm->tasks, id);
    pthread_mutex_unlock(&storm->mutex);
}

/* True if the accepted task ended with success. */
static bool await_task(struct client *client, const char *uri)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    g_autofree char *word = g_strdup("");

    note_task(client, uri);
    while (clock_now_ms() < until_ms) {
        int status;
        json_t *json = rest_read(client->rest, uri, PATIENCE_MS, &status);

        if (json && is_missing(status)) {
            trouble(client->storm, "LOST TASK: %s was accepted and does not exist", uri);
            json_decref(json);
            return false;
        }
        g_free(word);
        word = g_strdup(rest_text(json, "status"));
        json_decref(json);
        if (g_str_equal(word, "success")) {
            client->tasks_ok++;
            return true;
        }
        if (g_str_equal(word, "failed")) {
            client->tasks_failed++;
            return false;
        }
        vrmdlab_pause_ms(20);
    }
    trouble(client->storm, "%s: still %s after %d s", uri, word, PATIENCE_MS / 1000);
    return false;
}

/* ---- what clients do --------------------------------------------------------------------------
 */

static enum rest_outcome count(struct client *client, int status)
{
    enum rest_outcome outcome = rest_outcome_of(status);

    client->done += outcome == REST_DONE;
    client->refused += outcome == REST_REFUSED;
    client->in_doubt += outcome == REST_IN_DOUBT;
    return outcome;
}

static char *make_name(struct client *client)
{
    static const char *const failing[] = {
        "start", "stop", "destroy", "migrate", "pause", "reboot"
    };
    uint32_t slow = rng_below(&client->rng, 60);
    bool fails = rng_below(&client->rng, 6) == 0;

    return g_strdup_printf("vm-%u-%u slow=%u fail=%s", client->number, client->n_names++, slow,
                           fails ? failing[rng_below(&client->rng, G_N_ELEMENTS(failing))] : "-");
}

static char *make_description(struct client *client)
{
    return g_strdup_printf("number %u", client->n_names++);
}

static void await_creation(struct client *client, struct vm *vm, const json_t *answer, bool boot)
{
    json_t *left;

    vm->uri = g_strdup(rest_text(answer, "uri"));
    if (await_task(client, rest_text(answer, "taskUri"))) {
        vm->status = boot ? "running" : "stopped";
        must_become(client, vm, vm->status, boot ? "creation with autoBoot" : "creation");
        wait_idle(client, vm->uri);
        check_description(client, vm, "after creation");
        return;
    }
    left = read_vm(client, vm->uri);
    if (left)
        trouble(client->storm, "%s exists, but its creation failed", vm->name);
    json_decref(left);
    forget_vm(vm);
}

static void create_vm(struct client *client, struct vm *vm)
{
    g_autofree char *path = g_strconcat(client->storm->site, "/vms", NULL);
    bool boot;
    g_autofree char *body = NULL;
    json_t *json;
    int status;

    vm->name = make_name(client);
    vm->description = make_description(client);
    boot = rng_below(&client->rng, 3) > 0 && !strstr(vm->name, "fail=start");
    body = g_strdup_printf("{\"name\":\"%s\",\"description\":\"%s\",\"location\":\"%s\","
                           "\"autoBoot\":%s,\"osOptions\":{\"osType\":\"Linux\"},"
                           "\"vmConfig\":{\"cpu\":{\"quantity\":1},"
                           "\"memory\":{\"quantityMB\":128}}}",
                           vm->name, vm->description, client->storm->cluster_urn,
                           boot ? "true" : "false");
    json = rest_call(client->rest, "POST", path, body, &status);
    /* In doubt: an orphan of ours may exist; its name is not used again. */
    if (count(client, status) == REST_DONE)
        await_creation(client, vm, json, boot);
    else
        forget_vm(vm);
    json_decref(json);
}

static void update_vm(struct client *client, struct vm *vm)
{
    g_autofree char *fresh = make_description(client);
    g_autofree char *body = g_strdup_printf("{\"description\":\"%s\"}", fresh);
    int status;

    json_decref(rest_call(client->rest, "PUT", vm->uri, body, &status));
    switch (count(client, status)) {
    case REST_DONE:
        g_free(vm->description);
        vm->description = g_steal_pointer(&fresh);
        check_description(client, vm, "right after the answer");
        break;
    case REST_REFUSED:
        check_description(client, vm, "after a refused change");
        break;
    case REST_IN_DOUBT:
        g_free(vm->maybe);
        vm->maybe = g_steal_pointer(&fresh);
        look(client, vm);
        break;
    }
}

struct verb {
    const char *method, *suffix, *body;
    const char *from; /* status in which it is worth asking */
    const char *ok;   /* afterwards; NULL: gone */
    bool may_cancel;
};

// clang-format off
static const struct verb verbs[] = {
    { "POST",   "/action/start",   NULL,                    "stopped", "running", false },
    { "POST",   "/action/stop",    "{\"mode\":\"force\"}",  "running", "stopped", false },
    { "POST",   "/action/stop",    "{\"mode\":\"safe\"}",   "running", "stopped", false },
    { "POST",   "/action/reboot",  "{\"mode\":\"force\"}",  "running", "running", false },
    { "POST",   "/action/pause",   NULL,                    "running", "pause",   false },
    { "POST",   "/action/resume",  NULL,                    "pause",   "running", false },
    { "POST",   "/action/migrate", "{}",                    "running", "running", true },
    { "POST",   "/action/migrate", "{}",                    "running", "running", true },
    { "DELETE", "",                NULL,                    "stopped", NULL,      false },
};
// clang-format on

static void maybe_cancel(struct client *client, const struct verb *verb, const char *task_uri)
{
    g_autofree char *path = g_strconcat(task_uri, "/cancel", NULL);
    int status;

    if (verb->may_cancel && rng_below(&client->rng, 4) == 0)
        json_decref(rest_call(client->rest, "POST", path, NULL, &status));
}

static void end_verb(struct client *client, struct vm *vm, const struct verb *verb, bool ok)
{
    json_t *left;

    if (verb->ok || !ok) {
        vm->status = ok ? verb->ok : verb->from;
        must_become(client, vm, vm->status, verb->suffix);
        return;
    }
    left = read_vm(client, vm->uri);
    if (left)
        trouble(client->storm, "%s was deleted and is still there", vm->name);
    json_decref(left);
    forget_vm(vm);
}

static void order_vm(struct client *client, struct vm *vm, const struct verb *verb)
{
    g_autofree char *path = g_strconcat(vm->uri, verb->suffix, NULL);
    g_autofree char *task = NULL;
    json_t *json;
    int status;

    json = rest_call(client->rest, verb->method, path, verb->body, &status);
    task = g_strdup(rest_text(json, "taskUri"));
    switch (count(client, status)) {
    case REST_DONE:
        maybe_cancel(client, verb, task);
        end_verb(client, vm, verb, await_task(client, task));
        break;
    case REST_REFUSED:
        if (!is_idle(client, vm->uri))
            trouble(client->storm, "%s: refused with %s, yet a task is there", path,
                    rest_text(json, "errorDes"));
        must_become(client, vm, vm->status, "a refusal");
        break;
    case REST_IN_DOUBT:
        look(client, vm);
        break;
    }
    json_decref(json);
}

/* A write that is no task. */
static void create_cluster(struct client *client)
{
    Storm *storm = client->storm;
    g_autofree char *name = g_strdup_printf("c-%u-%u", client->number, client->n_names++);
    g_autofree char *body = g_strdup_printf("{\"name\":\"%s\"}", name);
    g_autofree char *path = g_strconcat(storm->site, "/clusters", NULL);
    int status;

    json_decref(rest_call(client->rest, "POST", path, body, &status));
    if (count(client, status) != REST_DONE)
        return;
    pthread_mutex_lock(&storm->mutex);
    g_ptr_array_add(storm->clusters, g_steal_pointer(&name));
    pthread_mutex_unlock(&storm->mutex);
}

static const struct verb *choose_verb(struct client *client, const struct vm *vm)
{
    const struct verb *verb;

    do {
        verb = &verbs[rng_below(&client->rng, G_N_ELEMENTS(verbs))];
    } while (!g_str_equal(verb->from, vm->status) || (!verb->ok && rng_below(&client->rng, 3) > 0));
    return verb;
}

static void step(struct client *client)
{
    struct vm *vm = &client->vms[rng_below(&client->rng, VMS_PER_CLIENT)];
    uint32_t dice = rng_below(&client->rng, 10);

    if (!rest_ready(client->rest))
        return;
    if (!vm->uri)
        create_vm(client, vm);
    else if (dice == 0)
        create_cluster(client);
    else if (dice < 4)
        update_vm(client, vm);
    else
        order_vm(client, vm, choose_verb(client, vm));
}

static void run_client(void *thread_state, void *data)
{
    struct client *client = data;

    (void)thread_state;
    client->rest = rest_new(vrmdlab_urls(client->storm->lab));
    while (!atomic_load(&client->storm->stop))
        step(client);
    g_clear_pointer(&client->rest, rest_free);
}

static void client_ended(void *data, bool ran)
{
    (void)data, (void)ran;
}

/* ---- life -------------------------------------------------------------------------------------
 */

Storm *storm_begin(VrmdLab *lab, const char *site, const char *cluster_urn, uint64_t seed,
                   unsigned n_clients)
{
    Storm *storm = g_new0(Storm, 1);

    g_assert(n_clients <= MAX_CLIENTS);
    storm->lab = lab;
    storm->site = g_strdup(site);
    storm->cluster_urn = g_strdup(cluster_urn);
    storm->n_clients = n_clients;
    pthread_mutex_init(&storm->mutex, NULL);
    storm->troubles = g_string_new(NULL);
    storm->tasks = g_array_new(FALSE, FALSE, sizeof(int64_t));
    storm->clusters = g_ptr_array_new_with_free_func(g_free);
    storm->threads =
        work_pool_new(&(struct work_pool_options){ .name = "client", .n_threads = n_clients });
    for (unsigned i = 0; i < n_clients; i++) {
        struct client *client = &storm->clients[i];

        client->storm = storm;
        client->number = i;
        rng_seed(&client->rng, seed * 100 + i);
        g_assert(work_pool_submit(storm->threads, NULL, run_client, client_ended, client));
    }
    return storm;
}

void storm_end(Storm *storm)
{
    atomic_store(&storm->stop, true);
    g_clear_pointer(&storm->threads, work_pool_free);
}

char *storm_troubles(Storm *storm)
{
    char *text;

    pthread_mutex_lock(&storm->mutex);
    text = g_strdup(storm->troubles->str);
    pthread_mutex_unlock(&storm->mutex);
    return text;
}

char *storm_summary(Storm *storm)
{
    unsigned done = 0, refused = 0, in_doubt = 0, ok = 0, failed = 0;

    for (unsigned i = 0; i < storm->n_clients; i++) {
        done += storm->clients[i].done;
        refused += storm->clients[i].refused;
        in_doubt += storm->clients[i].in_doubt;
        ok += storm->clients[i].tasks_ok;
        failed += storm->clients[i].tasks_failed;
    }
    return g_strdup_printf("writes: %u acknowledged, %u refused, %u in doubt; tasks: %u ok, %u "
                           "failed",
                           done, refused, in_doubt, ok, failed);
}

void storm_free(Storm *storm)
{
    for (unsigned i = 0; i < storm->n_clients; i++) {
        for (unsigned j = 0; j < VMS_PER_CLIENT; j++)
            forget_vm(&storm->clients[i].vms[j]);
    }
    g_string_free(storm->troubles, TRUE);
    g_array_unref(storm->tasks);
    g_ptr_array_unref(storm->clusters);
    pthread_mutex_destroy(&storm->mutex);
    g_free(storm->site);
    g_free(storm->cluster_urn);
    g_free(storm);
}

/* ---- the check --------------------------------------------------------------------------------
 */

/* The query's only value must be what is wanted. */
static void check_sql(Storm *storm, const char *what, const char *sql, const char *want)
{
    g_autofree char *found = scratch_sql(vrmdlab_conninfo(storm->lab), sql);

    if (!g_str_equal(found, want))
        trouble(storm, "%s: %s, want %s", what, found, want);
}

static void check_tasks(Storm *storm)
{
    g_autoptr(GString) ids = g_string_new("0");
    g_autofree char *sql = NULL, *want = NULL;

    for (guint i = 0; i < storm->tasks->len; i++)
        g_string_append_printf(ids, ",%" PRId64, g_array_index(storm->tasks, int64_t, i));
    sql = g_strdup_printf("SELECT count(*) FROM task WHERE id IN (%s) AND status IN ('success', "
                          "'failed')",
                          ids->str);
    want = g_strdup_printf("%u", storm->tasks->len);
    check_sql(storm, "accepted tasks that ended", sql, want);
    check_sql(storm, "unfinished tasks",
              "SELECT count(*) FROM task WHERE status NOT IN ('success', 'failed')", "0");
    /* The event of a task's end is written with the end. */
    check_sql(storm, "VM tasks that did not end exactly once",
              "SELECT coalesce(string_agg(type || ' ' || id || ': ' || n, '; '), 'none') FROM ("
              "SELECT task.id, task.type, (SELECT count(*) FROM event WHERE event.task_id = task.id"
              " AND event.name LIKE 'Vm%ed') AS n FROM task WHERE type IN ('CreateVmTask', "
              "'DeleteVmTask', 'StartVmTask', 'StopVmTask', 'RebootVmTask', 'PauseVmTask', "
              "'ResumeVmTask', 'MigrateVmTask')) AS t WHERE n <> 1",
              "none");
    check_sql(storm, "tasks that were not audited exactly once",
              "SELECT count(*) FROM task WHERE 1 <> (SELECT count(*) FROM audit WHERE "
              "audit.task_id = task.id AND operation <> 'task-cancel') AND type LIKE '%VmTask'",
              "0");
    check_sql(storm, "tasks that were called cancelled without reason, or not once",
              "SELECT count(*) FROM task WHERE (cancel_wanted AND status = 'success') OR "
              "cancel_wanted > (SELECT count(*) = 1 FROM audit WHERE audit.task_id = task.id AND "
              "operation = 'task-cancel')",
              "0");
}

static void check_clusters(Storm *storm, Rest *rest)
{
    g_autofree char *path = g_strconcat(storm->site, "/clusters", NULL);
    int status;
    json_t *json = rest_read(rest, path, PATIENCE_MS, &status);
    g_autofree char *text = json_dumps(json_object_get(json, "clusters"), JSON_COMPACT);

    for (guint i = 0; i < storm->clusters->len; i++) {
        g_autofree char *name =
            g_strdup_printf("\"name\":\"%s\"", (const char *)storm->clusters->pdata[i]);

        if (!text || !strstr(text, name))
            trouble(storm, "LOST WRITE: acknowledged cluster %s",
                    (const char *)storm->clusters->pdata[i]);
    }
    json_decref(json);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "cna0 UUID\n" for each VM that the API calls alive, sorted. */
static char *fleet_as_told(Storm *storm, Rest *rest)
{
    g_autofree char *path = g_strconcat(storm->site, "/vms?limit=1000", NULL);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new(NULL);
    int status;
    json_t *json = rest_read(rest, path, PATIENCE_MS, &status);
    const json_t *vm;
    size_t i;

    json_array_foreach(json_object_get(json, "vms"), i, vm)
    {
        const char *word = rest_text(vm, "status");

        if (!has_settled(word))
            trouble(storm, "%s is %s at the end", rest_text(vm, "name"), word);
        if (!g_str_equal(word, "stopped"))
            g_ptr_array_add(lines, g_strdup_printf("%s %s\n", rest_text(vm, "hostName"),
                                                   rest_text(vm, "uuid")));
    }
    json_decref(json);
    g_ptr_array_sort(lines, compare_lines);
    for (i = 0; i < lines->len; i++)
        g_string_append(text, lines->pdata[i]);
    return g_string_free(text, FALSE);
}

static void check_fleet(Storm *storm, Rest *rest)
{
    int64_t until_ms = clock_now_ms() + 10000;
    g_autofree char *twice = vrmdlab_fleet_file(storm->lab, "double");
    g_autofree char *told = NULL, *real = NULL;

    if (*twice)
        trouble(storm, "STARTED WHILE ON ANOTHER HOST: %s", twice);
    do { /* what the hosts say is on its way */
        g_free(told);
        g_free(real);
        told = fleet_as_told(storm, rest);
        real = vrmdlab_fleet(storm->lab);
        if (g_str_equal(told, real))
            return;
        vrmdlab_pause_ms(200);
    } while (clock_now_ms() < until_ms);
    trouble(storm, "inventory and hosts differ; told:\n%sreal:\n%s", told, real);
}

/* Each generation of a VM was started at most once. */
static void check_starts(Storm *storm)
{
    g_autofree char *log = vrmdlab_fleet_file(storm->lab, "log");
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);

        if (g_strv_length(words) != 5 || !g_str_equal(words[1], "start"))
            continue;
        if (!g_hash_table_add(seen, g_strdup_printf("%s %s", words[2], words[3])))
            trouble(storm, "STARTED TWICE: %s", lines[i]);
    }
}

static void check_vms(Storm *storm, struct client *client)
{
    for (unsigned i = 0; i < VMS_PER_CLIENT; i++) {
        struct vm *vm = &client->vms[i];

        if (!vm->uri)
            continue;
        check_description(client, vm, "at the end");
        must_become(client, vm, vm->status, "everything");
    }
    (void)storm;
}

static void await_quiet(Storm *storm)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    g_autofree char *n = NULL;

    do { /* orders that nobody got an answer to are still being carried out */
        g_free(n);
        n = scratch_sql(vrmdlab_conninfo(storm->lab),
                        "SELECT count(*) FROM task WHERE status NOT IN ('success', 'failed')");
        if (g_str_equal(n, "0"))
            return;
        vrmdlab_pause_ms(100);
    } while (clock_now_ms() < until_ms);
    trouble(storm, "%s tasks have not ended within %d s", n, PATIENCE_MS / 1000);
}

void storm_check(Storm *storm)
{
    Rest *rest = rest_new(vrmdlab_urls(storm->lab));

    (void)vrmdlab_wait_active(storm->lab, PATIENCE_MS);
    await_quiet(storm);
    for (unsigned i = 0; i < storm->n_clients; i++) {
        storm->clients[i].rest = rest;
        check_vms(storm, &storm->clients[i]);
    }
    check_tasks(storm);
    check_clusters(storm, rest);
    check_fleet(storm, rest);
    check_starts(storm);
    rest_free(rest);
}
