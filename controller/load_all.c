/* load_all.c - see load_all.h. */
#include "config.h"

#include "controller/load_all.h"

#include "db/store_alarm.h"
#include "db/store_cluster.h"
#include "db/store_datastore.h"
#include "db/store_drs.h"
#include "db/store_ha.h"
#include "db/store_host.h"
#include "db/store_rule.h"
#include "db/store_session.h"
#include "db/store_site.h"
#include "db/store_task.h"
#include "db/store_user.h"
#include "db/store_vm.h"

static bool read_tasks(Db *db, struct loaded *loaded, GError **error)
{
    struct db_query query = { .limit = loaded->recent_tasks, .cancelled = -1 };
    int64_t total;

    return store_task_list_unfinished(db, &loaded->unfinished, error) &&
           store_task_query(db, &query, &loaded->finished, &total, error);
}

static bool read_in_transaction(Db *db, void *data, GError **error)
{
    struct loaded *loaded = data;

    return store_site_get(db, &loaded->site, error) &&
           store_cluster_list(db, &loaded->clusters, error) &&
           store_host_list(db, &loaded->hosts, error) && store_vm_list(db, &loaded->vms, error) &&
           store_group_list(db, &loaded->groups, error) &&
           store_rule_list(db, &loaded->rules, error) &&
           store_datastore_list(db, &loaded->datastores, error) &&
           store_drs_list_latest(db, &loaded->reports, error) &&
           store_user_list(db, &loaded->users, error) &&
           store_session_list(db, loaded->session_idle_ms, &loaded->sessions, error) &&
           store_alarm_list_active(db, &loaded->alarms, error) &&
           store_ha_list_restarts(db, loaded->ha_since_ms, &loaded->ha_restarts, error) &&
           store_ha_list_power_ons(db, &loaded->ha_power_ons, error) &&
           read_tasks(db, loaded, error);
}

bool load_all_read(Db *db, struct loaded *loaded, GError **error)
{
    return db_read(db, read_in_transaction, loaded, error);
}

void load_all_show(const struct loaded *loaded, SnapshotBuilder *builder)
{
#define SHOW(list, prefix)                                                                         \
    for (guint i = 0; i < loaded->list->len; i++)                                                  \
        snapshot_builder_put_##prefix(builder, prefix##_ref(loaded->list->pdata[i]));
    SHOW(clusters, cluster)
    SHOW(hosts, host)
    SHOW(vms, vm)
    SHOW(groups, group)
    SHOW(rules, rule)
    SHOW(datastores, datastore)
    SHOW(finished, task)
    SHOW(unfinished, task)
    SHOW(reports, drs_report)
#undef SHOW
}

void loaded_clear(struct loaded *loaded)
{
    GPtrArray **const lists[] = { &loaded->clusters,    &loaded->hosts,       &loaded->vms,
                                  &loaded->groups,      &loaded->rules,       &loaded->datastores,
                                  &loaded->finished,    &loaded->unfinished,  &loaded->reports,
                                  &loaded->users,       &loaded->sessions,    &loaded->alarms,
                                  &loaded->ha_restarts, &loaded->ha_power_ons };

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        g_clear_pointer(lists[i], g_ptr_array_unref);
    g_clear_pointer(&loaded->site, site_unref);
}
