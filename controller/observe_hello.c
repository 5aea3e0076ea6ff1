/* observe_hello.c - an agent's hello: is it that host, what is new about the machine. */
#include "config.h"

#include "controller/observe_private.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "controller/host_setup.h"
#include "model/devices.h"

static bool change_text(char **field, const char *text)
{
    if (g_str_equal(*field, text))
        return false;
    text_set(field, text);
    return true;
}

static bool change_number(int64_t *field, int64_t value)
{
    bool changed = *field != value;

    *field = value;
    return changed;
}

/* An agent that talks nonsense has no devices to give. */
static const char *readable_devices(const char *text)
{
    g_autoptr(Devices) devices = text ? devices_parse(text, NULL) : NULL;

    return devices ? text : "";
}

/* True if anything is new. */
static bool take_facts(Host *host, const struct agent_hello *hello)
{
    unsigned changed = 0;

    changed |= change_text(&host->real_name, hello->real_name);
    if (*hello->uuid) /* else its libvirt cannot say; what is known stays */
        changed |= change_text(&host->uuid, hello->uuid);
    changed |= change_text(&host->vendor, hello->vendor);
    changed |= change_text(&host->model, hello->model);
    changed |= change_text(&host->cpu_model, hello->cpu_model);
    changed |= change_text(&host->hypervisor, hello->hypervisor);
    changed |= change_text(&host->cpu_vendor, hello->cpu_vendor);
    changed |= change_text(&host->cpu_features, hello->cpu_features);
    changed |= change_text(&host->cpu_generations, hello->cpu_generations);
    changed |= change_number(&host->mem_mb, hello->mem_mb);
    changed |= change_number(&host->cpu_threads, hello->cpu_threads);
    changed |= change_number(&host->cpu_sockets, hello->cpu_sockets);
    changed |= change_number(&host->cpu_cores, hello->cpu_cores);
    changed |= change_number(&host->cpu_mhz, hello->cpu_mhz);
    changed |= change_number(&host->nic_count, hello->nic_count);
    changed |= change_number(&host->net_mbps, hello->net_mbps);
    changed |= change_text(&host->devices, readable_devices(hello->devices));
    return changed != 0;
}

/* Another machine under the host's address: what it lacks is not stopped. */
static bool is_same_machine(const Host *host, const struct agent_hello *hello, GError **error)
{
    if (!*host->uuid || !*hello->uuid || g_ascii_strcasecmp(host->uuid, hello->uuid) == 0)
        return true;
    err_set(
        error, VRM_ERR_CONFLICT,
        "the agent at %s is that of another machine (UUID %s, want %s): correct the address, or "
        "delete the host and add it anew",
        host->ip, hello->uuid, host->uuid);
    return false;
}

/* Its libvirtd hung, and the agent had it started anew. */
static void tell_revivals(Observe *observe, const Host *host, int64_t n_revivals)
{
    struct view *view = observe_view(observe, host->id);
    const bool is_news = view->n_revivals >= 0 && n_revivals > view->n_revivals;
    Commit *commit;

    view->n_revivals = n_revivals;
    if (!is_news)
        return;
    commit = commit_new(&observe->app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "HostLibvirtdRestarted",
                                         .kind = OBJECT_HOST,
                                         .object_id = host->id,
                                         .object_name = host->name },
                 "host %s: libvirtd answered nothing, its agent had it started anew; VMs were not "
                 "touched",
                 host->name);
    commit_submit(commit, NULL, observe_note_failure, NULL);
}

bool observe_hello(int64_t host_id, const struct agent_hello *hello, void *data, GError **error)
{
    struct app *app = data;
    g_autoptr(Host) host = observe_edit_host(app->observe, host_id);
    g_autofree char *key = g_strdup_printf("host:%" G_GINT64_FORMAT, host_id);
    Commit *commit;

    if (!host)
        return true;
    if (!is_same_machine(host, hello, error))
        return false;
    text_set(&host->agent_version, hello->agent_version);
    host->agent_protocol = hello->protocol;
    text_set(&host->boot_id, hello->boot_id);
    text_set(&host->migrate_address, hello->migrate_address);
    text_set(&host->ha_address, hello->ha_address);
    host->hald = hello->ha;
    host->no_rights = host_setups_in_use(app->setups) && !hello->ha;
    host_setups_greet(app->setups, host_id);
    host->seen_mono_ms = clock_now_ms();
    observe_put_host(app->observe, host_ref(host));
    tell_revivals(app->observe, host, hello->hypervisor_restarts);
    g_clear_pointer(&host, host_unref);
    host = observe_edit_host(app->observe, host_id);
    if (!take_facts(host, hello))
        return true;
    commit = commit_new(&app->committer);
    commit_put_host(commit, g_steal_pointer(&host));
    commit_submit(commit, key, observe_note_failure, NULL);
    return true;
}
