/* test_agent_hostdevs.c - devices of a host that guests are given: found, counted, picked. */
#include "config.h"

#include "agent/hostdevs.h"
#include "tests/suite.h"

#define CARD(driver, class, vendor, bus, group)                                                    \
    "<device><name>pci_0000_65_00_0</name><path>/sys/x</path>" driver                              \
    "<capability type='pci'><class>" class "</class><domain>0</domain><bus>" bus "</bus>"          \
                                           "<slot>0</slot><function>0</function><product "         \
                                           "id='0x1eb8'>TU104GL [Tesla T4]</product>"              \
                                           "<vendor id='" vendor "'>NVIDIA</vendor>" group         \
                                           "</capability></device>"
#define VFIO "<driver><name>vfio-pci</name></driver>"
#define GROUP                                                                                      \
    "<iommuGroup number='32'><address domain='0x0' bus='0x65' slot='0' "                           \
    "function='0'/></iommuGroup>"
#define MDEV(type, uuid)                                                                           \
    "<device><name>mdev_x</name><parent>pci_0000_65_00_0</parent><capability type='mdev'>"         \
    "<type id='" type "'/><uuid>" uuid "</uuid><iommuGroup number='12'/></capability></device>"
#define UUID_A "8a2f4c1e-0c7d-4b5e-9d6f-1a2b3c4d5e6f"

static const struct {
    const char *name, *xml, *words;
} nodes[] = {
    { "a card bound to vfio-pci", CARD(VFIO, "0x030200", "0x10de", "101", GROUP),
      "pci-10de-1eb8:1" },
    { "the host's own console",
      CARD("<driver><name>nouveau</name></driver>", "0x030000", "0x10de", "101", GROUP), "" },
    { "no driver at all", CARD("", "0x030200", "0x10de", "101", GROUP), "" },
    { "a network card", CARD(VFIO, "0x020000", "0x8086", "101", GROUP), "" },
    { "no IOMMU", CARD(VFIO, "0x030200", "0x10de", "101", ""), "" },
    { "a bus that cannot be", CARD(VFIO, "0x030200", "0x10de", "256", GROUP), "" },
    { "an id that is no word", CARD(VFIO, "0x030200", "0x1 de", "101", GROUP), "" },
    { "a mediated device", MDEV("nvidia-63", UUID_A), "mdev-nvidia-63:1" },
    { "a mediated device without UUID", MDEV("nvidia-63", "x"), "" },
    { "a type with odd letters", MDEV("a/b", UUID_A), "" },
    { "not XML", "<device><name>", "" },
    { "another kind", "<device><capability type='net'/></device>", "" },
};

START_TEST(only_what_is_meant_for_guests_is_found)
{
    g_autoptr(HostDevs) devs = hostdevs_new(NULL, "", NULL);
    g_autofree char *words = NULL;

    hostdevs_add_node(devs, nodes[_i].xml);
    hostdevs_add_node(devs, nodes[_i].xml); /* again: known */
    words = hostdevs_words(devs);
    ck_assert_msg(g_str_equal(words, nodes[_i].words), "%s: %s", nodes[_i].name, words);
}
END_TEST

START_TEST(a_named_card_keeps_its_name)
{
    const char *const named[] = { "gpu-t4=0000:65:00.0", "gpu-t4=0000:B3:00.0", NULL };
    g_autoptr(HostDevs) devs = hostdevs_new(named, "gpu-sim:3", NULL);
    g_autoptr(HostDevs) copy = hostdevs_dup(devs);
    g_autofree char *words = NULL;

    hostdevs_add_node(copy, nodes[0].xml);
    words = hostdevs_words(copy);
    ck_assert_str_eq(words, "gpu-sim:3 gpu-t4:2");
}
END_TEST

static const struct {
    const char *passthrough, *simulated, *part;
} wrong[] = {
    { "gpu", "", "'gpu': want NAME=ADDRESS" },
    { "gpu=65:00.0", "", "want NAME=ADDRESS" },
    { "=0000:65:00.0", "", "want NAME=ADDRESS" },
    { "g u=0000:65:00.0", "", "want NAME=ADDRESS" },
    { "mdev-x=0000:65:00.0", "", "without \"mdev-\"" },
    { "gpu=0000:65:00.g", "", "want NAME=ADDRESS" },
    { NULL, "gpu", "[devices] simulated" },
};

START_TEST(a_wrong_setting_is_named)
{
    const char *const words[] = { wrong[_i].passthrough, NULL };
    GError *error = NULL;

    ck_assert_ptr_null(hostdevs_new(words, wrong[_i].simulated, &error));
    suite_take_error(&error, VRM_ERR_INVALID, wrong[_i].part);
}
END_TEST

#define HOSTDEV(source)                                                                            \
    "<hostdev mode='subsystem' type='pci' managed='yes'><source>" source "</source>"               \
    "<address type='pci' domain='0x0000' bus='0x00' slot='0x09' function='0x0'/></hostdev>"

START_TEST(what_running_vms_hold_is_not_given_again)
{
    const char *const named[] = { "gpu=0000:65:00.0", "gpu=0000:b3:00.0", NULL };
    g_autoptr(HostDevs) devs = hostdevs_new(named, "sim:1", NULL);
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) picked = NULL, none = NULL;
    GError *error = NULL;

    hostdevs_add_node(devs, MDEV("m", UUID_A));
    hostdevs_add_used(
        "<domain><devices><disk><source file='/x'/></disk>" HOSTDEV(
            "<address domain='0x0000' bus='0x65' slot='0x00' function='0x0'/>") "</devices></"
                                                                                "domain>",
        used);
    ck_assert_uint_eq(g_hash_table_size(used), 1);
    ck_assert(hostdevs_pick(devs, "gpu:1 mdev-m:1 sim:1", used, &picked, &error));
    ck_assert_uint_eq(picked->len, 2);
    ck_assert_str_eq(((struct hostdev *)picked->pdata[0])->address, "0000:b3:00.0");
    ck_assert_str_eq(((struct hostdev *)picked->pdata[1])->address, UUID_A);
    ck_assert(!hostdevs_pick(devs, "gpu:2", used, &none, &error));
    suite_take_error(&error, VRM_ERR_NO_CAPACITY, "needs 2 of gpu, 1 of 2 free");
    hostdevs_add_used("<domain>" HOSTDEV("<address uuid='" UUID_A "'/>") "</domain>", used);
    ck_assert(!hostdevs_pick(devs, "mdev-m:1", used, &none, &error));
    suite_take_error(&error, VRM_ERR_NO_CAPACITY, "needs 1 of mdev-m, 0 of 1 free");
    ck_assert(!hostdevs_pick(devs, "tpu:1", used, &none, &error));
    suite_take_error(&error, VRM_ERR_NO_CAPACITY, "needs 1 of tpu, 0 of 0 free");
}
END_TEST

/* As lv_device.c does, while no domain runs. */
static bool pick_beside(const HostDevs *devs, GHashTable *promised, GPtrArray **ret_picked,
                        GError **error)
{
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    hostdevs_add_promised(promised, used);
    if (!hostdevs_pick(devs, "gpu:1", used, ret_picked, error))
        return false;
    hostdevs_promise(promised, *ret_picked);
    return true;
}

START_TEST(what_a_vm_is_being_started_with_is_not_given_to_another)
{
    const char *const named[] = { "gpu=0000:65:00.0", "gpu=0000:b3:00.0", NULL };
    g_autoptr(HostDevs) devs = hostdevs_new(named, "", NULL);
    g_autoptr(GHashTable) promised = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) first = NULL, second = NULL, third = NULL;
    GError *error = NULL;

    ck_assert(pick_beside(devs, promised, &first, NULL));
    ck_assert(pick_beside(devs, promised, &second, NULL));
    ck_assert_str_ne(((struct hostdev *)first->pdata[0])->address,
                     ((struct hostdev *)second->pdata[0])->address);
    ck_assert(!pick_beside(devs, promised, &third, &error));
    suite_take_error(&error, VRM_ERR_NO_CAPACITY, "needs 1 of gpu, 0 of 2 free");
    hostdevs_end_promise(promised, first); /* it could not be started */
    ck_assert(pick_beside(devs, promised, &third, NULL));
    ck_assert_str_eq(((struct hostdev *)third->pdata[0])->address,
                     ((struct hostdev *)first->pdata[0])->address);
}
END_TEST

SUITE_MAIN("agent_hostdevs", SUITE_TEST(what_a_vm_is_being_started_with_is_not_given_to_another),
           SUITE_LOOP(only_what_is_meant_for_guests_is_found, nodes),
           SUITE_TEST(a_named_card_keeps_its_name), SUITE_LOOP(a_wrong_setting_is_named, wrong),
           SUITE_TEST(what_running_vms_hold_is_not_given_again))
