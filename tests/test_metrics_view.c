/* test_metrics_view.c - /metrics: a text that Prometheus reads, with the figures of the inventory.
 *
 * The figures are counted by a timer: the test waits for its first tick, 0.1 s. */
#include "config.h"

#include "controller/metrics_view.h"

#include "tests/ctl_app.h"
#include "tests/suite.h"

#define NAME   "[a-zA-Z_:][a-zA-Z0-9_:]*"
#define LABEL  "[a-zA-Z_][a-zA-Z0-9_]*=\"([^\"\\\\\\n]|\\\\[\"\\\\n])*\""
#define NUMBER "(-?[0-9]+(\\.[0-9]+)?|\\+Inf)"

static const char *const line_forms[] = {
    "^# HELP " NAME " [^\\n]+$",
    "^# TYPE " NAME " (counter|gauge|histogram)$",
    "^" NAME "(\\{" LABEL "(," LABEL ")*\\})? " NUMBER "$",
};

static bool has_a_form(const char *line)
{
    for (size_t i = 0; i < G_N_ELEMENTS(line_forms); i++) {
        if (g_regex_match_simple(line_forms[i], line, 0, 0))
            return true;
    }
    return false;
}

static Vm *running(int64_t id)
{
    Vm *vm = ctl_vm(id, 1);

    vm->status = VM_RUNNING;
    return vm;
}

static void put_task(struct ctl *ctl, int64_t id, enum task_status status)
{
    Task *task = task_new();

    task->id = id;
    task->status = status;
    snapshot_builder_put_task(inventory_edit(ctl->app.inv), task);
    inventory_publish(ctl->app.inv);
}

static void put_inventory(struct ctl *ctl)
{
    Host *fault = ctl_host(12, 1);

    fault->status = HOST_FAULT;
    ctl_put_host(ctl, ctl_host(11, 1));
    ctl_put_host(ctl, fault);
    ctl_put_host(ctl, ctl_host(13, 1));
    ctl_put_vm(ctl, running(21));
    ctl_put_vm(ctl, running(22));
    ctl_put_vm(ctl, ctl_vm(23, 1));
    put_task(ctl, 31, TASK_RUNNING);
    put_task(ctl, 32, TASK_SUCCESS);
    put_task(ctl, 33, TASK_WAITING);
}

static char *first_text(void)
{
    struct ctl ctl;
    char *text = NULL;

    ctl_init(&ctl, NULL);
    put_inventory(&ctl);
    do {
        g_free(text);
        g_main_context_iteration(NULL, TRUE);
        text = metrics_format(ctl.app.metrics);
    } while (strstr(text, "vrm_loop_lag_seconds_count 0\n"));
    ctl_clear(&ctl);
    return text;
}

START_TEST(the_figures_are_those_of_the_inventory)
{
    static const char *const lines[] = {
        "vrm_hosts 3\n",
        "vrm_hosts_by_status{status=\"normal\"} 2\n",
        "vrm_hosts_by_status{status=\"fault\"} 1\n",
        "vrm_hosts_by_status{status=\"initial\"} 0\n",
        "vrm_vms 3\n",
        "vrm_vms_running 2\n",
        "vrm_tasks_unfinished 2\n",
        "vrm_active 0\n",
        "vrm_epoch 0\n",
        "vrm_database_up 1\n",
        "vrm_loop_lag_seconds_count 1\n",
    };
    g_autofree char *text = first_text();

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        ck_assert_msg(strstr(text, lines[i]) != NULL, "no %s in:\n%s", lines[i], text);
}
END_TEST

/* Every line has a form of the text format; each name has one HELP and one TYPE, before its first
 * value, and values of one name stand together. */
START_TEST(prometheus_can_read_every_line)
{
    g_autofree char *text = first_text();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *current = "";

    ck_assert(g_str_has_suffix(text, "\n"));
    for (size_t i = 0; lines[i] && *lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit_set(lines[i], " {", 4);

        ck_assert_msg(has_a_form(lines[i]), "%s", lines[i]);
        if (g_str_has_prefix(lines[i], "# HELP ")) {
            ck_assert_msg(g_hash_table_add(told, g_strdup(words[2])), "twice: %s", lines[i]);
            ck_assert(g_str_has_prefix(lines[i + 1], "# TYPE "));
            current = lines[i + 1] + strlen("# TYPE ");
        } else if (lines[i][0] != '#') {
            size_t len = strcspn(current, " ");

            ck_assert_msg(strncmp(lines[i], current, len) == 0, "%s under %s", lines[i], current);
            ck_assert(g_str_has_prefix(lines[i], "vrm_"));
        }
    }
    ck_assert_uint_ge(g_hash_table_size(told), 9);
}
END_TEST

SUITE_MAIN("metrics_view", SUITE_TEST(the_figures_are_those_of_the_inventory),
           SUITE_TEST(prometheus_can_read_every_line))
