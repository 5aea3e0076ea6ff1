/* sched_scn.c - see sched_scn.h. */
#include "config.h"

#include "tests/sched_scn.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sched_scn_private.h"

void scn_bad_line(const char *what, const char *word)
{
    g_printerr("scenario: %s: '%s'\n", what, word);
    abort();
}

int64_t scn_find_name(const GPtrArray *names, const char *name, int64_t first)
{
    for (guint i = 0; i < names->len; i++) {
        if (strcmp(names->pdata[i], name) == 0)
            return first + i;
    }
    return 0;
}

int64_t scn_need_name(const GPtrArray *names, const char *name, int64_t first)
{
    int64_t id = scn_find_name(names, name, first);

    if (id == 0)
        scn_bad_line("unknown name", name);
    return id;
}

Scn *scn_new(void)
{
    Scn *scn = g_new0(Scn, 1);

    scn->builder = snapshot_builder_new();
    scn->clusters = g_ptr_array_new_with_free_func(g_free);
    scn->vms = g_ptr_array_new_with_free_func(g_free);
    scn->hosts = g_ptr_array_new_with_free_func(g_free);
    scn->groups = g_ptr_array_new_with_free_func(g_free);
    scn->rules = g_ptr_array_new_with_free_func(g_free);
    dpm_params_init(&scn->dpm);
    scn->dpm.watch_ms = scn->dpm.watched_ms = 60000;
    sched_params_init(&scn->params);
    scn->params.now_mono_ms = SCN_NOW_MONO_MS;
    scn->params.now_wall_ms = SCN_NOW_WALL_MS;
    scn->params.mem_reserve_permille = 0;
    scn->params.mem_reserve_min_mb = 0;
    scn_add_cluster(scn, "c1");
    return scn;
}

void scn_free(Scn *scn)
{
    if (!scn)
        return;
    snapshot_builder_free(scn->builder);
    g_ptr_array_free(scn->clusters, TRUE);
    g_ptr_array_free(scn->vms, TRUE);
    g_ptr_array_free(scn->hosts, TRUE);
    g_ptr_array_free(scn->groups, TRUE);
    g_ptr_array_free(scn->rules, TRUE);
    g_free(scn);
}

static void run_line(Scn *scn, char **words, GString *out)
{
    if (strcmp(words[0], "do") == 0)
        scn_do(scn, words, out);
    else
        scn_read(scn, words);
}

void scn_run(Scn *scn, const char *text, GString *out)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (size_t i = 0; lines[i]; i++) {
        g_autoptr(GPtrArray) words = g_ptr_array_new();
        g_auto(GStrv) raw = NULL;
        char *comment = strchr(lines[i], '#');

        if (comment)
            *comment = '\0';
        raw = g_strsplit_set(lines[i], " \t", -1);
        for (size_t w = 0; raw[w]; w++) {
            if (raw[w][0] != '\0')
                g_ptr_array_add(words, raw[w]);
        }
        if (words->len == 0)
            continue;
        g_ptr_array_add(words, NULL);
        run_line(scn, (char **)words->pdata, out);
    }
}

SnapshotBuilder *scn_builder(Scn *scn)
{
    return scn->builder;
}

struct sched_params *scn_params(Scn *scn)
{
    return &scn->params;
}

Snapshot *scn_snapshot(Scn *scn)
{
    return snapshot_builder_build(scn->builder, SCN_NOW_MONO_MS);
}

int64_t scn_vm(const Scn *scn, const char *name)
{
    return scn_need_name(scn->vms, name, 1);
}

int64_t scn_host(const Scn *scn, const char *name)
{
    return scn_need_name(scn->hosts, name, SCN_FIRST_HOST);
}

int64_t scn_cluster(const Scn *scn)
{
    return scn->clusters->len;
}

void scn_expect(const struct scn_row *row)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GString) out = g_string_new(NULL);

    scn_run(scn, row->text, out);
    for (size_t i = 0; i < G_N_ELEMENTS(row->parts) && row->parts[i]; i++) {
        const char *part = row->parts[i];
        bool wanted = part[0] != '!';

        ck_assert_msg((strstr(out->str, wanted ? part : part + 1) != NULL) == wanted,
                      "%s: expected %s in:\n%s", row->name, part, out->str);
    }
}

void scn_apply(Scn *scn, const Plan *plan)
{
    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];
        Vm *vm = vm_dup(snapshot_builder_get_vm(scn->builder, move->vm_id));

        vm->host_id = move->to_id;
        vm->moved_ms = SCN_NOW_WALL_MS;
        snapshot_builder_put_vm(scn->builder, vm);
    }
}
