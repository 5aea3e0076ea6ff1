/* command_reserve.c - vrm-plan admission, capacity: room for failures and for more. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "scheduler/admission.h"
#include "scheduler/tool/command.h"
#include "scheduler/tool/show.h"

static void print_json(json_t *json)
{
    g_autofree char *text = json_format(json);

    puts(text);
    json_decref(json);
}

/* ---- admission ------------------------------------------------------------------------------ */

static json_t *loss_json(const struct host_loss *loss, const char *key)
{
    json_t *json = json_object();

    json_object_set_new(json, key, json_string(loss->host_name));
    json_object_set_new(json, "vms", json_integer(loss->n_vms));
    json_object_set_new(json, "tied", json_integer(loss->n_tied));
    json_object_set_new(json, "withoutHa", json_integer(loss->n_unguarded));
    json_object_set_new(json, "lost", json_integer(loss->n_lost));
    json_object_set_new(json, "lostMib", json_integer(loss->lost_mb));
    json_object_set_new(json, "text", json_string(loss->text));
    return json;
}

static json_t *losses_json(const HostLosses *losses, const char *key)
{
    json_t *array = json_array();

    for (size_t i = 0; i < losses->n_items; i++)
        json_array_append_new(array, loss_json(&losses->items[i], key));
    return array;
}

static void print_admission_json(const struct input *input, const HostLosses *losses,
                                 const HostLosses *racks, const struct admission_verdict *verdict)
{
    json_t *json = json_object(), *policy = json_object();

    input_add_units(input, json);
    json_object_set_new(policy, "wanted", json_boolean(verdict->wanted));
    json_object_set_new(policy, "holds", json_boolean(verdict->holds));
    json_object_set_new(policy, "text", json_string(verdict->text));
    json_object_set_new(json, "policy", policy);
    json_object_set_new(json, "ifHostDied", losses_json(losses, "host"));
    json_object_set_new(json, "ifRackDied", losses_json(racks, "rack"));
    print_json(json);
}

static void print_losses(const HostLosses *losses, const char *what, int verbosity)
{
    for (size_t i = 0; i < losses->n_items; i++) {
        const struct host_loss *loss = &losses->items[i];

        if (verbosity > 0 || loss->n_lost > 0)
            printf("if %s died: %s\n", loss->host_name, loss->text);
    }
    printf("%u of %zu %s could not be replaced\n", losses->n_bad, losses->n_items, what);
}

static void print_admission(const HostLosses *losses, const HostLosses *racks,
                            const struct admission_verdict *verdict, int verbosity)
{
    print_losses(losses, "hosts", verbosity);
    if (racks->n_items > 0)
        print_losses(racks, "racks", verbosity);
    printf("policy: %s: %s\n",
           !verdict->wanted ? "none"
           : verdict->holds ? "holds"
                            : "does not hold",
           verdict->text);
}

int command_admission(const struct options *options, struct input *input)
{
    g_autoptr(HostLosses) losses = NULL;
    g_autoptr(HostLosses) racks = NULL;
    struct admission_verdict verdict = { 0 };
    GError *error = NULL;

    if (!command_bears("--failures", options->failures, input))
        return EXIT_USAGE;
    show_progress("what if a host died ...");
    if (!admission_host_losses(input->snap, input->cluster_id, &input->params, &losses, &error) ||
        !admission_rack_losses(input->snap, input->cluster_id, &input->params, &racks, &error) ||
        !admission_check(input->snap, input->cluster_id, options->failures, &input->params,
                         &verdict, &error))
        return command_failed(error);
    show_progress_end();
    if (options->json)
        print_admission_json(input, losses, racks, &verdict);
    else
        print_admission(losses, racks, &verdict, options->verbosity);
    g_free(verdict.text);
    return verdict.wanted ? (verdict.holds ? EXIT_DONE : EXIT_NO)
                          : (losses->n_bad == 0 ? EXIT_DONE : EXIT_NO);
}

/* ---- capacity ------------------------------------------------------------------------------- */

int command_capacity(const struct options *options, struct input *input)
{
    struct admission_size size = { .vcpus = options->size[0],
                                   .mem_mb = options->size[1],
                                   .reserved_mhz = options->size[2] };
    struct admission_room room;
    g_autofree char *text = NULL;
    GError *error = NULL;

    show_progress("counting ...");
    if (!command_bears("--failures", options->failures, input))
        return EXIT_USAGE;
    size.failures = options->failures >= 0 ? (uint32_t)options->failures : 1;
    if (!admission_room(input->snap, input->cluster_id, &size, &input->params, &room, &error))
        return command_failed(error);
    show_progress_end();
    text = room.text;
    if (options->json) {
        json_t *json = json_object();

        input_add_units(input, json);
        json_object_set_new(json, "now", json_integer(room.n_now));
        json_object_set_new(json, "withinCpuLoad", json_integer(room.n_cool));
        json_object_set_new(json, "newVmMhz", json_integer(room.new_mhz));
        json_object_set_new(json, "failures", json_integer(size.failures));
        json_object_set_new(json, "secure", json_integer(room.n_secure));
        json_object_set_new(json, "text", json_string(text));
        print_json(json);
        return EXIT_DONE;
    }
    printf("%u more VMs of %" PRId64 " vCPUs and %" PRId64 " MiB fit as the cluster stands\n",
           room.n_now, size.vcpus, size.mem_mb);
    printf("%u of them so that any %u host%s may still die; then: %s\n", room.n_secure,
           size.failures, size.failures == 1 ? "" : "s", text);
    printf("%u of them before a host has more CPU load than CPU, by the load now and %" PRId64
           " MHz for each\n",
           room.n_cool, room.new_mhz);
    puts("counted: memory as configured, vCPUs for each thread, reserved MHz, rules; CPU load in "
         "the last figure only");
    return EXIT_DONE;
}
