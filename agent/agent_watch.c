/* agent_watch.c - see agent_private.h: what controllers are told, and who may listen. */
#include "config.h"

#include <inttypes.h>

#include "agent/agent_private.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define HTTP_OK 200

/* ---- telling ------------------------------------------------------------------------------- */

void agent_tell_command(Agent *agent, Job *job)
{
    const struct watch_line line = {
        .kind = WATCH_COMMAND,
        .commands = &job->report,
        .n_commands = 1,
    };

    watch_hub_publish(agent->hub, &line);
}

static void tell_beat(Agent *agent)
{
    const struct watch_line line = {
        .kind = WATCH_BEAT,
        .hypervisor_ok = mirror_ok(agent->mirror),
    };

    watch_hub_publish(agent->hub, &line);
}

gboolean agent_on_beat(gpointer user)
{
    tell_beat(user);
    return G_SOURCE_CONTINUE;
}

static void make_hello(Agent *agent, struct watch_line *ret_line)
{
    *ret_line = (struct watch_line){ .kind = WATCH_HELLO };
    mirror_hello(agent->mirror, &ret_line->hello);
    agent_ha_fill_hello(agent->ha, &ret_line->hello);
    ret_line->hello.hypervisor_restarts = reviver_count(agent->reviver);
    ret_line->hello.epoch = MAX(agent->state.epoch, 1);
}

void agent_tell_hello(Agent *agent)
{
    struct watch_line line;

    if (watch_hub_count(agent->hub) == 0)
        return; /* a new watcher hears it first of all */
    make_hello(agent, &line);
    watch_hub_publish(agent->hub, &line);
    watch_line_clear(&line);
}

static void make_full(Agent *agent, struct watch_line *ret_line)
{
    *ret_line = (struct watch_line){ .kind = WATCH_FULL };
    mirror_fill_full(agent->mirror, ret_line);
    agent_ha_fill_full(agent->ha, ret_line);
    jobs_fill_full(agent->jobs, clock_now_ms(), ret_line);
}

/* ---- watching ------------------------------------------------------------------------------ */

struct opening {
    Agent *agent;
    int64_t epoch;
    agent_watch_fn opened;
    void *user;
};

static bool may_watch(const struct opening *opening, GError **error)
{
    struct agent_hello hello = { 0 };

    if (!agent_claim_epoch(opening->agent, opening->epoch, error))
        return false;
    if (!mirror_hello(opening->agent->mirror, &hello)) {
        err_set(error, VRM_ERR_UNAVAILABLE,
                "libvirtd has not answered since the agent started: nothing is known of this host");
        return false;
    }
    agent_hello_clear(&hello);
    if (watch_hub_count(opening->agent->hub) >= AGENT_MAX_WATCHERS) {
        err_set(error, VRM_ERR_BUSY, "%d watch streams are open: no more until one ends",
                AGENT_MAX_WATCHERS);
        return false;
    }
    return true;
}

static void begin_stream(Agent *agent, Watcher *watcher)
{
    struct watch_line line;

    make_hello(agent, &line);
    watch_hub_send(agent->hub, watcher, &line);
    watch_line_clear(&line);
    make_full(agent, &line);
    watch_hub_send(agent->hub, watcher, &line);
    watch_line_clear(&line);
}

/* The epoch is on disk; another one may have come meanwhile, so everything is checked again. */
static void open_done(const struct disk_write *write, const GError *disk_error)
{
    struct opening *opening = write->opening;
    Agent *agent = opening->agent;
    g_autoptr(GError) error = disk_error ? g_error_copy(disk_error) : NULL;

    if (!disk_error)
        agent_note_epoch(agent, write);
    if (error || !may_watch(opening, &error)) {
        opening->opened(NULL, agent_status_of(error), agent_error_encode(error), opening->user);
    } else {
        Watcher *watcher = watch_hub_add(agent->hub, opening->epoch);

        g_assert(watcher);
        begin_stream(agent, watcher);
        opening->opened(watcher, HTTP_OK, NULL, opening->user);
    }
    g_free(opening);
}

void agent_open_watch(Agent *agent, int64_t epoch, agent_watch_fn opened, void *user)
{
    const struct opening opening = {
        .agent = agent,
        .epoch = epoch,
        .opened = opened,
        .user = user,
    };
    struct disk_write write = { .agent = agent, .done = open_done };
    g_autoptr(GError) error = NULL;

    if (!may_watch(&opening, &error)) {
        opened(NULL, agent_status_of(error), agent_error_encode(error), user);
        return;
    }
    write.epoch = agent_epoch_to_write(agent);
    write.opening = g_memdup2(&opening, sizeof(opening));
    disk_write(agent->disk, &write);
}

/* ---- the hypervisor's word ----------------------------------------------------------------- */

static bool has_ended(const struct domain_report *domain)
{
    return domain->state == DOMAIN_ABSENT || domain->state == DOMAIN_SHUTDOWN ||
           domain->state == DOMAIN_CRASHED;
}

static void on_domain(const struct domain_report *domain, void *user)
{
    static char given_up[] = DOMAIN_GIVEN_UP;
    Agent *agent = user;
    struct domain_report copy = *domain; /* borrows the strings */
    const struct watch_line line = { .kind = WATCH_DOMAIN, .domains = &copy, .n_domains = 1 };

    if (domain->gen > 0 && g_hash_table_size(agent->state.gens) < AGENT_MAX_GENS)
        journal_state_raise_gen(&agent->state, domain->uuid, domain->gen);
    if (has_ended(domain) && agent_ha_gave_up(agent->ha, domain))
        copy.detail = given_up; /* nobody inside the guest wanted that */
    log_debug("domain changed", "VM_UUID", domain->uuid, "STATE", domain_state_name(domain->state),
              "DETAIL", domain->detail, NULL);
    watch_hub_publish(agent->hub, &line);
    agent_ha_see(agent->ha, domain);
}

static void on_full(void *user)
{
    Agent *agent = user;
    struct watch_line line;

    log_info("hypervisor answers", NULL);
    agent_tell_hello(agent);
    make_full(agent, &line);
    watch_hub_publish(agent->hub, &line);
    for (size_t i = 0; i < line.n_domains; i++)
        agent_ha_see(agent->ha, &line.domains[i]);
    watch_line_clear(&line);
    agent_dispatch_restored(agent);
}

static void on_lost(void *user)
{
    log_warning("hypervisor does not answer", NULL);
    tell_beat(user);
}

static void on_stats(const struct watch_line *line, void *user)
{
    const Agent *agent = user;

    watch_hub_publish(agent->hub, line);
}

const struct mirror_sink agent_mirror_sink = {
    .domain = on_domain,
    .full = on_full,
    .lost = on_lost,
    .stats = on_stats,
};
