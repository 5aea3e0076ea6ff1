/* lv_device.c - see lv.h: devices of the host that guests are given. */
#include "config.h"

#include "agent/lv.h"
#include "base/err.h"

HostDevs *lv_devices(const Lv *lv, virConnectPtr conn)
{
    const unsigned kinds =
        VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV | VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV;
    HostDevs *devs = hostdevs_dup(lv->devices);
    virNodeDevicePtr *nodes = NULL;
    int n = virConnectListAllNodeDevices(conn, &nodes, kinds);

    /* A libvirtd without its node device driver: what was configured is all there is. */
    for (int i = 0; i < n; i++) {
        char *xml = virNodeDeviceGetXMLDesc(nodes[i], 0);

        if (xml)
            hostdevs_add_node(devs, xml);
        free(xml);
        virNodeDeviceFree(nodes[i]);
    }
    free(nodes);
    return devs;
}

static bool find_used(virConnectPtr conn, GHashTable *used, GError **error)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(conn, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    if (n < 0) {
        lv_set_error(error, "list the VMs that hold devices");
        return false;
    }
    for (int i = 0; i < n; i++) {
        char *xml = virDomainGetXMLDesc(domains[i], 0); /* NULL: it has just ended */

        if (xml)
            hostdevs_add_used(xml, used);
        free(xml);
        virDomainFree(domains[i]);
    }
    free(domains);
    return true;
}

bool lv_pick_devices(Lv *lv, virConnectPtr conn, const HostDevs *devs, const char *wanted,
                     GPtrArray **ret_picked, GError **error)
{
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool ok;

    /* Beside other starts, but one choice at a time; a promise ends only once its domain runs. */
    pthread_mutex_lock(&lv->device_mutex);
    hostdevs_add_promised(lv->promised, used);
    ok = find_used(conn, used, error) && hostdevs_pick(devs, wanted, used, ret_picked, error);
    if (ok)
        hostdevs_promise(lv->promised, *ret_picked);
    pthread_mutex_unlock(&lv->device_mutex);
    return ok;
}

void lv_end_promise(Lv *lv, const GPtrArray *picked)
{
    pthread_mutex_lock(&lv->device_mutex);
    hostdevs_end_promise(lv->promised, picked);
    pthread_mutex_unlock(&lv->device_mutex);
}
