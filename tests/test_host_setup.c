/* test_host_setup.c - what vrmd tells a host's vrm-hald depends on what its agent knows. */
#include "config.h"

#include "controller/host_setup.h"

#include <string.h>

#include "agentproto/ha_setup.h"
#include "base/json.h"
#include "controller/observe.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

static struct ctl ctl;

static void begin(void)
{
    ctl_init_with(&ctl, NULL, "http://127.0.0.1:1", "[ha]\nbeat_to = 127.0.0.1\n");
    ctl_put_cluster(&ctl, ctl_cluster(1));
    ctl_put_host(&ctl, ctl_host(101, 1));
    for (int64_t id = 1; id <= 2; id++) {
        Datastore *store = datastore_new();

        store->id = id;
        g_free(store->name);
        store->name = g_strdup_printf("shelf%d", (int)id);
        g_free(store->path);
        store->path = g_strdup_printf("/srv/shelf%d", (int)id);
        snapshot_builder_put_datastore(inventory_edit(ctl.app.inv), store);
    }
    inventory_publish(ctl.app.inv);
}

/* Its agent says who it is. */
static void greet(int64_t protocol)
{
    static char none[] = "";
    const Host *host = inventory_find_host(ctl.app.inv, 101);
    const struct agent_hello hello = { .protocol = protocol,
                                       .agent_version = none,
                                       .name = host->name,
                                       .uuid = none,
                                       .real_name = none,
                                       .vendor = none,
                                       .model = none,
                                       .cpu_model = none,
                                       .hypervisor = none,
                                       .boot_id = none,
                                       .migrate_address = none,
                                       .cpu_vendor = none,
                                       .cpu_features = none,
                                       .cpu_generations = none,
                                       .devices = none,
                                       .ha = true,
                                       .ha_address = none };
    g_autoptr(GError) error = NULL;

    ck_assert(observe_hello(101, &hello, &ctl.app, &error));
    suite_no_error(error);
}

static const struct {
    int64_t protocol;
    size_t n_stores;
} agents[] = {
    { AGENT_PROTOCOL_RIGHTS, 0 }, /* would not know them */
    { AGENT_PROTOCOL_SLOTS, 2 },
    { AGENT_PROTOCOL_VERSION + 1, 2 },
};

START_TEST(only_an_agent_that_knows_of_slots_is_told_of_datastores)
{
    g_autofree char *body = NULL;
    g_autoptr(json_t) json = NULL;
    json_t *stores;

    begin();
    greet(agents[_i].protocol);
    body = host_setups_format(ctl.app.setups, inventory_find_host(ctl.app.inv, 101), 7);
    json = json_parse(body, strlen(body), NULL);
    stores = json_object_get(json, "stores");
    ck_assert_uint_eq(json_array_size(stores), agents[_i].n_stores);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "slot_ms")) != 0,
                     agents[_i].n_stores != 0);
    ctl_clear(&ctl);
}
END_TEST

static const struct {
    enum ha_isolation response;
    bool enabled;
    int64_t protocol;
    int64_t isolation_ms, shutdown_ms;
    int64_t disarmed_ms;
} responses[] = {
    { ISOLATION_LEAVE, true, AGENT_PROTOCOL_ISOLATED, 0, 0, 0 },
    { ISOLATION_POISON, true, AGENT_PROTOCOL_ISOLATED, 30000, 0, 0 },
    { ISOLATION_SHUTDOWN, true, AGENT_PROTOCOL_ISOLATED, 30000, 120000, 0 },
    { ISOLATION_POISON, true, AGENT_PROTOCOL_ISOLATED, 0, 0, 1000 }, /* nobody would start them */
    { ISOLATION_SHUTDOWN, false, AGENT_PROTOCOL_ISOLATED, 0, 0, 0 }, /* its cluster is without HA */
    { ISOLATION_SHUTDOWN, true, AGENT_PROTOCOL_SLOTS, 0, 0, 0 },     /* would not know how */
    { ISOLATION_SHUTDOWN, true, AGENT_PROTOCOL_RIGHTS, 0, 0, 0 },    /* it has no slot to give up */
};

static void disarm(int64_t at_ms)
{
    const Site *current = inventory_peek(ctl.app.inv)->site;
    Site *site = current ? site_dup(current) : site_new();

    site->ha_disarmed_ms = at_ms;
    snapshot_builder_set_site(inventory_edit(ctl.app.inv), site);
    inventory_publish(ctl.app.inv);
}

START_TEST(a_host_is_told_what_to_do_when_it_is_cut_off)
{
    g_autofree char *body = NULL;
    g_autoptr(json_t) json = NULL;
    Cluster *cluster = ctl_cluster(1);

    begin();
    cluster->ha.enabled = responses[_i].enabled;
    cluster->ha.isolation = responses[_i].response;
    ctl_put_cluster(&ctl, cluster);
    disarm(responses[_i].disarmed_ms);
    greet(responses[_i].protocol);
    body = host_setups_format(ctl.app.setups, inventory_find_host(ctl.app.inv, 101), 7);
    json = json_parse(body, strlen(body), NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "isolation_ms")),
                     responses[_i].isolation_ms);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "shutdown_ms")),
                     responses[_i].shutdown_ms);
    ctl_clear(&ctl);
}
END_TEST

SUITE_MAIN("host_setup", SUITE_LOOP(a_host_is_told_what_to_do_when_it_is_cut_off, responses),
           SUITE_LOOP(only_an_agent_that_knows_of_slots_is_told_of_datastores, agents))
