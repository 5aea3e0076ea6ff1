/* command_ask.c - vrm-plan place, explain: questions about VMs. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "scheduler/admission.h"
#include "scheduler/explain.h"
#include "scheduler/place.h"
#include "scheduler/tool/command.h"
#include "scheduler/whatif.h"

static void print_json(json_t *json)
{
    g_autofree char *text = json_format(json);

    puts(text);
    json_decref(json);
}

static json_t *verdict_json(const struct place_verdict *verdict)
{
    json_t *json = json_object();

    json_object_set_new(json, "host", json_string(verdict->host_name));
    json_object_set_new(json, "fits", json_boolean(verdict->filter_id == FILTER_NONE));
    if (verdict->filter_id != FILTER_NONE)
        json_object_set_new(json, "filter",
                            json_string(filter_name((enum filter_id)verdict->filter_id)));
    json_object_set_new(json, "text", json_string(verdict->text));
    return json;
}

static json_t *placement_json(const struct input *input, const Vm *vm, const Host *host,
                              const Placement *placement)
{
    json_t *json = json_object(), *verdicts = json_array();

    for (size_t i = 0; i < placement->n_verdicts; i++)
        json_array_append_new(verdicts, verdict_json(&placement->verdicts[i]));
    input_add_units(input, json);
    json_object_set_new(json, "vm", json_string(vm->name));
    json_object_set_new(json, "host", host ? json_string(host->name) : json_null());
    json_object_set_new(json, "why", json_string(placement->text));
    json_object_set_new(json, "hosts", verdicts);
    return json;
}

static void print_placement(const struct options *options, const struct input *input, const Vm *vm,
                            const Host *host, const Placement *placement)
{
    if (options->json) {
        print_json(placement_json(input, vm, host, placement));
        return;
    }
    printf("%s: %s\n", vm->name, placement->text);
    for (size_t i = 0; i < placement->n_verdicts && options->verbosity > 0; i++)
        printf("  %s %s\n",
               placement->verdicts[i].filter_id != FILTER_NONE      ? "no "
               : host && host->id == placement->verdicts[i].host_id ? "-> "
                                                                    : "   ",
               placement->verdicts[i].text);
}

/* ---- place ---------------------------------------------------------------------------------- */

/* VMs that are to start, and where each would. */
struct starts {
    const Vm **vms;
    Placement **places;
    size_t n;
    Snapshot *after; /* with those that found a host */
    size_t n_refused;
};

static void starts_clear(struct starts *s)
{
    for (size_t i = 0; i < s->n; i++)
        placement_free(s->places[i]);
    g_free(s->vms);
    g_free(s->places);
    snapshot_unref(s->after);
    *s = (struct starts){ 0 };
}

/* EXIT_DONE if all of them can be asked about. */
static int find_vms(const struct options *options, const struct input *input, struct starts *s)
{
    GError *error = NULL;

    s->n = g_strv_length(options->names);
    s->vms = g_new0(const Vm *, s->n + 1);
    s->places = g_new0(Placement *, s->n + 1);
    for (size_t i = 0; i < s->n; i++) {
        s->vms[i] = input_vm(input, options->names[i], &error);
        if (!s->vms[i])
            return command_failed(error);
        for (size_t k = 0; k < i; k++) {
            if (s->vms[k] != s->vms[i])
                continue;
            g_printerr("vrm-plan: %s is named twice\n", options->names[i]);
            return EXIT_USAGE;
        }
        if (vm_is_placed(s->vms[i])) {
            const Host *host = snapshot_host(input->snap, s->vms[i]->host_id);

            g_printerr("vrm-plan: %s runs on %s already; 'explain' says why it is there\n",
                       options->names[i], host ? host->name : "a host of another cluster");
            return EXIT_NO;
        }
    }
    return EXIT_DONE;
}

/* One after the other in the given order; each finds those before it on their hosts. */
static bool place_in_order(const struct input *input, const size_t *order, struct starts *s,
                           GError **error)
{
    s->after = snapshot_ref(input->snap);
    for (size_t k = 0; k < s->n; k++) {
        const size_t i = order[k];
        Snapshot *after;

        if (!place_explain(s->after, s->vms[i]->id, &input->params, &s->places[i], error))
            return false;
        if (s->places[i]->host_id == 0) {
            s->n_refused++;
            continue;
        }
        after = whatif_started(s->after, s->vms[i]->id, s->places[i]->host_id);
        snapshot_unref(s->after);
        s->after = after;
    }
    return true;
}

static int size_cmp(gconstpointer a, gconstpointer b, gpointer data)
{
    const struct starts *s = data;
    const size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const int64_t x = s->vms[i]->memory.size_mb, y = s->vms[k]->memory.size_mb;

    return x != y ? (x < y ? 1 : -1) : (i > k) - (i < k);
}

/* In the order of the command line; if that leaves some without a host, the biggest ones first. */
static bool place_all(const struct input *input, struct starts *s, GError **error)
{
    struct starts other = { .n = s->n };
    g_autofree size_t *order = g_new0(size_t, s->n + 1);
    bool good;

    for (size_t i = 0; i < s->n; i++)
        order[i] = i;
    if (!place_in_order(input, order, s, error))
        return false;
    if (s->n_refused == 0 || s->n == 1)
        return true;
    other.vms = g_memdup2(s->vms, (s->n + 1) * sizeof(*s->vms));
    other.places = g_new0(Placement *, s->n + 1);
    g_qsort_with_data(order, (gint)s->n, sizeof(*order), size_cmp, s);
    good = place_in_order(input, order, &other, error);
    if (good && other.n_refused < s->n_refused) {
        struct starts worse = *s;

        *s = other;
        other = worse;
    }
    starts_clear(&other);
    return good;
}

/* Would the controller let them start?  It asks the cluster's HA policy too. */
static int ask_policy(const struct options *options, const struct input *input,
                      const struct starts *s)
{
    struct admission_verdict verdict = { 0 };
    GError *error = NULL;
    bool holds;

    if (!admission_check(s->after, input->cluster_id, -1, &input->params, &verdict, &error))
        return command_failed(error);
    holds = !verdict.wanted || verdict.holds;
    if (!holds)
        fprintf(options->json ? stderr : stdout, "the HA policy would not hold then: %s\n",
                verdict.text);
    g_free(verdict.text);
    return holds ? EXIT_DONE : EXIT_NO;
}

static int answer(const struct options *options, const struct input *input, struct starts *s)
{
    GError *error = NULL;

    if (!place_all(input, s, &error))
        return command_failed(error);
    for (size_t i = 0; i < s->n; i++)
        print_placement(options, input, s->vms[i],
                        snapshot_host(input->snap, s->places[i]->host_id), s->places[i]);
    return s->n_refused > 0 ? EXIT_NO : ask_policy(options, input, s);
}

int command_place(const struct options *options, struct input *input)
{
    struct starts s = { 0 };
    int status = find_vms(options, input, &s);

    if (status == EXIT_DONE)
        status = answer(options, input, &s);
    starts_clear(&s);
    return status;
}

/* ---- explain -------------------------------------------------------------------------------- */

static bool explain_host(const struct input *input, const Vm *vm, const Host *host, json_t *answers,
                         GError **error)
{
    g_autofree char *text = NULL;
    json_t *json;

    if (vm->host_id == host->id && vm_is_placed(vm)) {
        text = g_strdup_printf("%s: the VM is there", host->name);
    } else {
        text = explain_why_not(input->snap, vm->id, host->id, &input->params, error);
        if (!text)
            return false;
    }
    json = json_object();
    json_object_set_new(json, "host", json_string(host->name));
    json_object_set_new(json, "text", json_string(text));
    json_array_append_new(answers, json);
    return true;
}

static bool explain_all(const struct input *input, const Vm *vm, json_t *answers, GError **error)
{
    for (size_t i = 0; i < input->snap->n_hosts; i++) {
        const Host *host = input->snap->hosts[i];

        if (host->cluster_id == input->cluster_id && !explain_host(input, vm, host, answers, error))
            return false;
    }
    return true;
}

static bool explain_named(const struct input *input, const Vm *vm, char **names, json_t *answers,
                          GError **error)
{
    for (char **name = names; *name; name++) {
        const Host *host = input_host(input, *name, error);

        if (!host || !explain_host(input, vm, host, answers, error))
            return false;
    }
    return true;
}

static void print_answers(const struct options *options, const struct input *input, const Vm *vm,
                          const Host *at, json_t *answers)
{
    json_t *json;

    if (!options->json) {
        printf("%s: %s%s\n", vm->name, at ? "on " : vm_status_name(vm->status), at ? at->name : "");
        for (size_t i = 0; i < json_array_size(answers); i++) {
            const json_t *answer = json_array_get(answers, i);

            printf("  %s\n", json_string_value(json_object_get(answer, "text")));
        }
        return;
    }
    json = json_object();
    input_add_units(input, json);
    json_object_set_new(json, "vm", json_string(vm->name));
    json_object_set_new(json, "on", at ? json_string(at->name) : json_null());
    json_object_set(json, "hosts", answers);
    print_json(json);
}

int command_explain(const struct options *options, struct input *input)
{
    GError *error = NULL;
    const Vm *vm = input_vm(input, options->names[0], &error);
    g_autoptr(json_t) answers = json_array();
    bool good;

    if (!vm)
        return command_failed(error);
    good = options->names[1] ? explain_named(input, vm, options->names + 1, answers, &error)
                             : explain_all(input, vm, answers, &error);
    if (!good)
        return command_failed(error);
    print_answers(options, input, vm,
                  vm_is_placed(vm) ? snapshot_host(input->snap, vm->host_id) : NULL, answers);
    return EXIT_DONE;
}
