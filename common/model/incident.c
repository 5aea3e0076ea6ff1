/* incident.c - see incident.h. */
#include "config.h"

#include "model/incident.h"

#include <inttypes.h>

#define SECOND_MS 1000
#define TENTH_MS  100

STATE_DEFINE(incident_kind, INCIDENT_KINDS, N_INCIDENT_KINDS)
STATE_DEFINE(incident_source, INCIDENT_SOURCES, N_INCIDENT_SOURCES)
STATE_DEFINE(incident_end, INCIDENT_ENDS, N_INCIDENT_ENDS)

/* ---- objects ---------------------------------------------------------------------------------
 */

IncidentLine *incident_line_new(void)
{
    IncidentLine *line = g_new0(IncidentLine, 1);

    line->text = g_strdup("");
    return line;
}

void incident_line_free(IncidentLine *line)
{
    if (!line)
        return;
    g_free(line->text);
    g_free(line);
}

static void *line_dup(const void *data, void *user)
{
    const IncidentLine *line = data;
    IncidentLine *copy = g_memdup2(line, sizeof(*line));

    (void)user;
    copy->text = g_strdup(line->text);
    return copy;
}

IncidentVm *incident_vm_new(void)
{
    IncidentVm *vm = g_new0(IncidentVm, 1);

    vm->vm_name = g_strdup("");
    vm->to_name = g_strdup("");
    vm->why = g_strdup("");
    return vm;
}

void incident_vm_free(IncidentVm *vm)
{
    if (!vm)
        return;
    g_free(vm->vm_name);
    g_free(vm->to_name);
    g_free(vm->why);
    g_free(vm);
}

static void *vm_copy(const void *data, void *user)
{
    const IncidentVm *vm = data;
    IncidentVm *copy = g_memdup2(vm, sizeof(*vm));

    (void)user;
    copy->vm_name = g_strdup(vm->vm_name);
    copy->to_name = g_strdup(vm->to_name);
    copy->why = g_strdup(vm->why);
    return copy;
}

static void free_line(void *line)
{
    incident_line_free(line);
}

static void free_vm(void *vm)
{
    incident_vm_free(vm);
}

Incident *incident_new(void)
{
    Incident *incident = g_new0(Incident, 1);

    incident->host_name = g_strdup("");
    incident->vm_name = g_strdup("");
    incident->proof = g_strdup("");
    incident->text = g_strdup("");
    incident->lines = g_ptr_array_new_with_free_func(free_line);
    incident->vms = g_ptr_array_new_with_free_func(free_vm);
    return incident;
}

Incident *incident_dup(const Incident *incident)
{
    Incident *copy = g_memdup2(incident, sizeof(*incident));

    copy->host_name = g_strdup(incident->host_name);
    copy->vm_name = g_strdup(incident->vm_name);
    copy->proof = g_strdup(incident->proof);
    copy->text = g_strdup(incident->text);
    copy->lines = g_ptr_array_copy(incident->lines, line_dup, NULL);
    copy->vms = g_ptr_array_copy(incident->vms, vm_copy, NULL);
    return copy;
}

void incident_free(Incident *incident)
{
    if (!incident)
        return;
    g_free(incident->host_name);
    g_free(incident->vm_name);
    g_free(incident->proof);
    g_free(incident->text);
    g_ptr_array_unref(incident->lines);
    g_ptr_array_unref(incident->vms);
    g_free(incident);
}

/* ---- VMs -------------------------------------------------------------------------------------
 */

IncidentVm *incident_find_vm(const Incident *incident, int64_t vm_id)
{
    for (guint i = 0; i < incident->vms->len; i++) {
        IncidentVm *vm = incident->vms->pdata[i];

        if (vm->vm_id == vm_id)
            return vm;
    }
    return NULL;
}

IncidentVm *incident_put_vm(Incident *incident, int64_t vm_id, const char *name)
{
    IncidentVm *vm = incident_find_vm(incident, vm_id);
    guint at = 0;

    if (vm)
        return vm;
    while (at < incident->vms->len && ((IncidentVm *)incident->vms->pdata[at])->vm_id < vm_id)
        at++;
    vm = incident_vm_new();
    vm->vm_id = vm_id;
    g_free(vm->vm_name);
    vm->vm_name = g_strdup(name);
    g_ptr_array_insert(incident->vms, (int)at, vm);
    return vm;
}

void incident_count(Incident *incident)
{
    incident->n_vms = incident->vms->len;
    incident->n_running = incident->n_held = 0;
    incident->first_ms = incident->done_ms = 0;
    for (guint i = 0; i < incident->vms->len; i++) {
        const IncidentVm *vm = incident->vms->pdata[i];

        incident->n_held += vm->end == VM_END_HELD;
        if (vm->end != VM_END_RUNNING)
            continue;
        incident->n_running++;
        if (vm->running_ms != 0 && (incident->first_ms == 0 || vm->running_ms < incident->first_ms))
            incident->first_ms = vm->running_ms;
        incident->done_ms = MAX(incident->done_ms, vm->running_ms);
    }
}

/* ---- words -----------------------------------------------------------------------------------
 */

static void add_seconds(GString *text, const char *what, int64_t from_ms, int64_t to_ms)
{
    const int64_t ms = MAX(to_ms - from_ms, 0);

    if (from_ms == 0 || to_ms == 0)
        return;
    g_string_append_printf(text, ", %s %" PRId64 ".%" PRId64 " s", what, ms / SECOND_MS,
                           ms % SECOND_MS / TENTH_MS);
}

static unsigned count_ends(const Incident *incident, enum incident_end end)
{
    unsigned n = 0;

    for (guint i = 0; i < incident->vms->len; i++)
        n += ((const IncidentVm *)incident->vms->pdata[i])->end == end;
    return n;
}

static void tell_vms(const Incident *incident, GString *text)
{
    const unsigned n_unguarded = count_ends(incident, VM_END_UNGUARDED);
    const unsigned n_unwanted = count_ends(incident, VM_END_UNWANTED);
    const unsigned n = incident->vms->len - n_unguarded - n_unwanted;

    if (n > 0)
        g_string_append_printf(text, ": %" PRId64 " of %u VM%s run%s again", incident->n_running, n,
                               n == 1 ? "" : "s", n == 1 ? "s" : "");
    else
        g_string_append(text, ": no VM had to be brought back");
    if (incident->n_held > 0)
        g_string_append_printf(text, ", %" PRId64 " held", incident->n_held);
    if (n_unguarded > 0)
        g_string_append_printf(text, ", %u without HA", n_unguarded);
    if (n_unwanted > 0)
        g_string_append_printf(text, ", %u not to run any more", n_unwanted);
}

static const char *what_happened(const Incident *incident)
{
    if (incident->kind == INCIDENT_VM)
        return "ended by itself";
    if (incident->proof_ms != 0)
        return incident->kind == INCIDENT_DRILL ? "was switched off for a drill" : "died";
    return incident->end_ms != 0 ? "was in doubt and lived" : "is in doubt";
}

void incident_tell(Incident *incident)
{
    const bool about_vm = incident->kind == INCIDENT_VM;
    const int64_t from_ms = incident->last_ms != 0 ? incident->last_ms : incident->begin_ms;
    GString *text = g_string_new(about_vm ? incident->vm_name : incident->host_name);

    g_string_append_printf(text, " %s", what_happened(incident));
    if (about_vm || incident->proof_ms != 0 || incident->vms->len > 0)
        tell_vms(incident, text);
    if (!about_vm) /* it begins when it is noticed */
        add_seconds(text, "noticed after", from_ms, incident->begin_ms);
    add_seconds(text, "proved after", from_ms, incident->proof_ms);
    add_seconds(text, "first VM back after", from_ms, incident->first_ms);
    if (incident->done_ms != incident->first_ms)
        add_seconds(text, "last after", from_ms, incident->done_ms);
    g_free(incident->text);
    incident->text = g_string_free(text, FALSE);
}
