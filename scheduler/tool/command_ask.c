/* command_ask.c - vrm-plan place, explain: one VM at a time. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "scheduler/explain.h"
#include "scheduler/place.h"
#include "scheduler/tool/command.h"

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

static json_t *placement_json(const Vm *vm, const Host *host, const Placement *placement)
{
    json_t *json = json_object(), *verdicts = json_array();

    for (size_t i = 0; i < placement->n_verdicts; i++)
        json_array_append_new(verdicts, verdict_json(&placement->verdicts[i]));
    json_object_set_new(json, "vm", json_string(vm->name));
    json_object_set_new(json, "host", host ? json_string(host->name) : json_null());
    json_object_set_new(json, "why", json_string(placement->text));
    json_object_set_new(json, "hosts", verdicts);
    return json;
}

static void print_placement(const struct options *options, const Vm *vm, const Host *host,
                            const Placement *placement)
{
    if (options->json) {
        print_json(placement_json(vm, host, placement));
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

static int place_one(const struct options *options, const struct input *input, const char *name)
{
    GError *error = NULL;
    const Vm *vm = input_vm(input, name, &error);
    g_autoptr(Placement) placement = NULL;

    if (!vm)
        return command_failed(error);
    if (vm_is_placed(vm)) {
        const Host *host = snapshot_host(input->snap, vm->host_id);

        g_printerr("vrm-plan: %s runs on %s already; 'explain' says why it is there\n", name,
                   host ? host->name : "a host of another cluster");
        return EXIT_NO;
    }
    if (!place_explain(input->snap, vm->id, &input->params, &placement, &error))
        return command_failed(error);
    print_placement(options, vm, snapshot_host(input->snap, placement->host_id), placement);
    return placement->host_id != 0 ? EXIT_DONE : EXIT_NO;
}

int command_place(const struct options *options, struct input *input)
{
    int worst = EXIT_DONE;

    for (char **name = options->names; *name; name++) {
        int status = place_one(options, input, *name);

        worst = MAX(worst, status);
    }
    return worst;
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

static void print_answers(const struct options *options, const Vm *vm, const Host *at,
                          json_t *answers)
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
    print_answers(options, vm, vm_is_placed(vm) ? snapshot_host(input->snap, vm->host_id) : NULL,
                  answers);
    return EXIT_DONE;
}
