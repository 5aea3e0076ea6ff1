/* test_sched_filter.c - each filter: when it excludes a host, its words and its error numbers. */
#include "config.h"

#include "scheduler/filter.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define TWO_HOSTS "host h1 mem=8192\nhost h2 mem=8192 threads=4\n"

// clang-format off
static const struct scn_row rows[] = {
    { "a host without room for the memory",
      TWO_HOSTS "vm a on=h1 size=4096\nvm b on=h2 size=6144\ndo target a h2",
      { "error no-capacity 10300095: a cannot go to h2: needs 4096 MiB, 2048 MiB free" } },
    { "memory is enough to the last MiB",
      TWO_HOSTS "vm a on=h1 size=2048\nvm b on=h2 size=6144\ndo target a h2", { "ok" } },
    { "overcommitted memory counts where the cluster allows it",
      "policy overcommit=yes\nparams overcommit=1500\n" TWO_HOSTS
      "vm a on=h1 size=4096\nvm b on=h2 size=6144\ndo target a h2", { "ok" } },
    { "DRS touches no more of overcommitted memory than there is, not even for a rule",
      "policy overcommit=yes\nparams overcommit=1500\n" TWO_HOSTS
      "vm a on=h1 size=2048 mem=1500\nvm b on=h2 size=8192 mem=8000 task=7\n"
      "group g host h2\ngroup v vm a\nrule r host must v g\ndo balance",
      { "must-rules are broken, but no move helps", "!move 1" } },
    { "overcommitment is off in a cluster that does not allow it",
      "params overcommit=1500\n" TWO_HOSTS
      "vm a on=h1 size=4096\nvm b on=h2 size=6144\ndo target a h2", { "2048 MiB free" } },
    { "a migrating VM holds memory on both hosts",
      TWO_HOSTS "host h3\nvm a on=h3 size=4096\nvm b on=h1 to=h2 size=6144 status=migrating\n"
      "do target a h1\ndo target a h2", { "h1: needs 4096 MiB, 2048 MiB free",
                                          "h2: needs 4096 MiB, 2048 MiB free" } },
    { "a host that is not connected",
      TWO_HOSTS "host h3 state=disconnected\nvm a on=h1\ndo target a h3",
      { "error conflict 10300088: a cannot go to h3: its agent is not connected" } },
    { "a host in a bad state", TWO_HOSTS "host h3 state=unknow\nvm a on=h1\ndo target a h3",
      { "its status is unknow" } },
    { "a host without facts", TWO_HOSTS "host h3 mem=0\nvm a on=h1\ndo target a h3",
      { "its facts are not known yet (8 threads, 0 MiB)" } },
    { "a host in maintenance", TWO_HOSTS "host h3 state=maintaining\nvm a on=h1\ndo target a h3",
      { "error conflict 10200130" } },
    { "a host of another cluster",
      TWO_HOSTS "vm a on=h1\ncluster c2\nhost x1\ndo target a x1",
      { "error conflict 10300205" } },
    { "the host it runs on", TWO_HOSTS "vm a on=h1\ndo target a h1", { "error invalid 10300024" } },
    { "a VM bound to its host", TWO_HOSTS "vm a on=h1 bound\ndo target a h2",
      { "the VM is bound to h1" } },
    { "a bound VM starts on its own host", TWO_HOSTS "vm a on=h1 bound status=stopped\ndo target a h1",
      { "ok" } },
    { "a disk that only one host sees", TWO_HOSTS "vm a on=h1 local_disk\ndo target a h2",
      { "a disk of the VM is on local storage of h1" } },
    { "a host that keeps no rights, for a VM with a shared disk",
      TWO_HOSTS "host h3 state=no-rights\nvm a on=h1\ndo target a h3",
      { "a cannot go to h3: vrm-hald does not answer there" } },
    { "a host that keeps no rights, for a VM whose disk is there and nowhere else",
      TWO_HOSTS "host h3 state=no-rights\nvm a on=h3 local_disk status=stopped\ndo target a h3",
      { "ok" } },
    { "a start goes past the host that keeps no rights",
      "host h1 state=no-rights\nhost h2\nvm b on=h2 cpu=6000\nvm a status=stopped\ndo place a",
      { "placed: h2" } },
    { "a drain leaves a VM where no other host keeps rights",
      "host h1\nhost h2 state=no-rights\nvm a on=h1\ndo evacuate h1", { "vrm-hald does not answer" } },
    { "DRS takes no VM to a host that keeps no rights",
      "host h1\nhost h2 state=no-rights\nvm a on=h1 cpu=6000\nvm b on=h1 cpu=6000\ndo balance",
      { "!a h1 -> h2", "!b h1 -> h2" } },
    { "a host that has lost the VM's datastore",
      TWO_HOSTS "host h3 state=lost-store\nvm a on=h1 shared_disk\ndo target a h3",
      { "a cannot go to h3: the host has lost the VM's datastore outer" } },
    { "a host that has lost another datastore than the VM's",
      TWO_HOSTS "host h3 state=lost-store\nvm a on=h1\ndo target a h3", { "ok" } },
    { "a start goes past the host that has lost the datastore",
      "host h1 state=lost-store\nhost h2\nvm b on=h2 cpu=6000\nvm a status=stopped shared_disk\n"
      "do place a", { "placed: h2" } },
    { "a drain leaves a VM where no other host has its datastore",
      "host h1\nhost h2 state=lost-store\nvm a on=h1 shared_disk\ndo evacuate h1",
      { "lost the VM's datastore" } },
    { "DRS takes no VM to a host that has lost its datastore",
      "host h1\nhost h2 state=lost-store\nvm a on=h1 cpu=6000 shared_disk\n"
      "vm b on=h1 cpu=6000 shared_disk\ndo balance", { "!a h1 -> h2", "!b h1 -> h2" } },
    { "more vCPUs than the host has threads", TWO_HOSTS "vm a on=h1 vcpus=8\ndo target a h2",
      { "needs 8 vCPUs, has 4 threads" } },
    { "too many vCPUs for the threads",
      "params vcpus_per_thread=2\n" TWO_HOSTS
      "vm a on=h1 vcpus=4\nvm b on=h2 vcpus=4\nvm c on=h2 vcpus=2\ndo target a h2",
      { "would have 10 vCPUs on 4 threads, at most 8" } },
    { "no limit of vCPUs per thread",
      "params vcpus_per_thread=0\n" TWO_HOSTS
      "vm a on=h1 vcpus=4\nvm b on=h2 vcpus=4\nvm c on=h2 vcpus=2\ndo target a h2", { "ok" } },
    { "reserved CPU",
      TWO_HOSTS "vm a on=h1 reserve=3000\nvm b on=h2 reserve=3000\ndo target a h2",
      { "error no-capacity 10300095: a cannot go to h2: needs 3000 MHz reserved, 2000 MHz not yet" } },
    { "the cluster's own limit of vCPUs goes before the site's",
      "policy vcpus_per_thread=1\n" TWO_HOSTS
      "vm a on=h1 vcpus=2\nvm b on=h2 vcpus=3\ndo target a h2",
      { "would have 5 vCPUs on 4 threads, at most 4" } },
    { "reserved memory, overcommitted",
      "policy overcommit=yes\nhost h1 mem=65536\nhost h2 mem=10528\n"
      "vm a on=h1 size=5000 mem_reserve=5000\nvm b on=h2 size=6000 mem_reserve=6000\ndo target a h2",
      { "needs 5000 MiB reserved, 4528 MiB not yet reserved" } },
    { "reserved memory where all memory is there for real",
      TWO_HOSTS "vm a on=h1 size=1000 mem_reserve=1000\ndo target a h2", { "ok" } },
    { "a device that the host does not have", TWO_HOSTS "vm a status=stopped devices=gpu:1\ndo target a h2",
      { "h2: needs 1 of gpu, has none" } },
    { "a device that others hold",
      "host h1\nhost h2 devices=gpu:2\nvm a status=stopped devices=gpu:1\nvm b on=h2 devices=gpu:2\n"
      "do target a h2",
      { "error no-capacity 10300095: a cannot go to h2: needs 1 of gpu, 0 of 2 free" } },
    { "a running VM with a device",
      "host h1 devices=gpu:1\nhost h2 devices=gpu:1\nvm a on=h1 devices=gpu:1\ndo target a h2",
      { "error conflict 10300088", "holds 1 of gpu of h1, which cannot migrate" } },
    { "keep-apart over racks",
      "host h1 rack=A\nhost h2 rack=B\nhost h3 rack=B\nvm a on=h1\nvm b on=h3\n"
      "rule t apart-racks must a b\ndo target a h2",
      { "keep-apart 't' over racks: b is in rack B" } },
    { "keep-apart over racks from a VM that is still leaving the rack",
      "host h1 rack=A\nhost h2 rack=B\nhost h3 rack=B\nhost h4\nvm a on=h1\n"
      "vm b on=h3 to=h4 status=migrating\nrule t apart-racks must a b\ndo target a h2",
      { "b is still leaving rack B" } },
    { "hosts without a rack are no rack",
      TWO_HOSTS "vm a on=h1\nvm b status=stopped\nrule t apart-racks must a b\ndo target b h2", { "ok" } },
    { "traffic keeps nobody from moving a VM by hand",
      "host h1 net=100\nhost h2 net=1\nvm a on=h1 net=50000\ndo target a h2", { "ok" } },
    { "an uplink takes traffic for DRS to the last kbit/s",
      "host h1 net=1000\nhost h2 net=1000\nvm a on=h1 cpu=6000 net=400000\n"
      "vm b on=h1 cpu=6000 net=500000\nvm c on=h2 net=600000\ndo balance", { "a h1 -> h2" } },
    { "one kbit/s more is too much",
      "host h1 net=1000\nhost h2 net=1000\nvm a on=h1 cpu=6000 net=400001\n"
      "vm b on=h1 cpu=6000 net=500000\nvm c on=h2 net=600000\ndo balance",
      { "!a h1 -> h2", "!b h1 -> h2" } },
    { "a full uplink relieves one that is fuller still",
      "host h1 net=1000\nhost h2 net=1000\nvm a on=h1 net=100000\nvm b on=h1 net=1500000\n"
      "vm c on=h2 net=950000\ndo balance", { "a h1 -> h2" } },
    { "keep-together", TWO_HOSTS "vm a on=h1\nvm b on=h1\nrule t together must a b\ndo target a h2",
      { "error conflict 10300226", "keep-together 't' wants it with b on h1" } },
    { "keep-together by preference forbids nothing",
      TWO_HOSTS "vm a on=h1\nvm b on=h1\nrule t together should a b\ndo target a h2", { "ok" } },
    { "keep-together with a VM that is stopped",
      TWO_HOSTS "vm a on=h1\nvm b on=h1 status=stopped\nrule t together must a b\ndo target a h2",
      { "ok" } },
    { "keep-apart", TWO_HOSTS "vm a on=h1\nvm b on=h2\nrule t apart must a b\ndo target a h2",
      { "keep-apart 't': b is there" } },
    { "keep-apart from a VM that is still leaving",
      TWO_HOSTS "host h3\nvm a on=h1\nvm b on=h2 to=h3 status=migrating\nrule t apart must a b\n"
      "do target a h2\ndo target a h3", { "b is still leaving it", "keep-apart 't': b is there" } },
    { "a VM that leaves one host keeps nobody from a third",
      TWO_HOSTS "host h3\nhost h4\nvm a on=h1\nvm b on=h2 to=h3 status=migrating\n"
      "rule t apart must a b\ndo target a h4", { "ok" } },
    { "a rule that allows only other hosts",
      TWO_HOSTS "host h3\nvm a on=h1\ngroup g vm a\ngroup k host h1 h3\nrule t host must g k\n"
      "do target a h2", { "rule 't' allows only h1, h3" } },
    { "a rule that forbids the host",
      TWO_HOSTS "vm a on=h1\ngroup g vm a\ngroup k host h2\nrule t host must-not g k\n"
      "do target a h2", { "rule 't' forbids this host" } },
    { "a rule whose host group is empty has no effect",
      TWO_HOSTS "vm a on=h1\ngroup g vm a\ngroup k host\nrule t host must g k\ndo target a h2",
      { "ok" } },
    { "a rule of hosts that are elsewhere",
      TWO_HOSTS "vm a on=h1\ngroup g vm a\ncluster c2\nhost x1\ngroup k host x1\ncluster c3\n",
      { NULL } },
    { "a host whose CPU lacks what the VM sees",
      "host h1 cpu=Westmere\nhost h2 cpu=Nehalem\nvm a on=h1 sees=Westmere/+hypervisor\n"
      "do target a h2",
      { "error conflict 10300088: a cannot go to h2: its CPU lacks aes, which the VM sees" } },
    { "a host whose CPU has all that the VM sees",
      "host h1 cpu=Westmere\nhost h2 cpu=Nehalem\nvm a on=h1 sees=Nehalem/+hypervisor\n"
      "do target a h2", { "ok" } },
    { "a feature that no list of hosts names proves nothing",
      "host h1 cpu=Westmere\nhost h2 cpu=Westmere\nvm a on=h1 sees=Westmere/+arat\n"
      "do target a h2", { "ok" } },
    { "a feature that the VM was denied is not asked of hosts",
      "host h1 cpu=Westmere\nhost h2 cpu=Nehalem\nvm a on=h1 sees=Westmere/-aes\n"
      "do target a h2", { "ok" } },
    { "a VM of which nobody knows what it sees",
      "host h1 cpu=Westmere\nhost h2 cpu=Nehalem\nvm a on=h1\ndo target a h2", { "ok" } },
    { "a host that has not told its CPU, without IMC",
      "host h1 cpu=Westmere\nhost h2\nvm a on=h1 sees=Westmere\ndo target a h2", { "ok" } },
    { "a host that has not told its CPU, with IMC",
      "policy imc=Westmere\nhost h1 cpu=Westmere\nhost h2\nvm a on=h1 sees=Westmere\n"
      "do target a h2", { "h2: its agent has not told what its CPU can present" } },
    { "a VM starts only where the baseline can be presented",
      "policy imc=Westmere\nhost h1 cpu=Westmere\nhost h2 cpu=Nehalem\n"
      "vm a status=stopped\ndo target a h1\ndo target a h2\ndo place a",
      { "ok", "h2: cannot present Westmere, the cluster's CPU baseline: its CPU lacks aes",
        "placed: h1" } },
    { "a drain leaves a VM where no other CPU serves it",
      "host h1 cpu=Westmere\nhost h2 cpu=Nehalem\nvm a on=h1 sees=Westmere\n"
      "do evacuate h1", { "its CPU lacks aes" } },
    { "DRS does not take a VM to a CPU that lacks what it sees",
      "host h1 cpu=Westmere\nhost h2 cpu=Nehalem\nvm a on=h1 cpu=6000 sees=Westmere\n"
      "vm b on=h1 cpu=6000 sees=Westmere\ndo balance", { "!a h1 -> h2", "!b h1 -> h2" } },
    { "a VM on its way to the host already",
      TWO_HOSTS "vm a on=h1 to=h2 status=migrating\ndo target a h2", { "ok" } },
};
// clang-format on

START_TEST(a_filter_excludes_with_its_reason)
{
    scn_expect(&rows[_i]);
}
END_TEST

START_TEST(every_filter_has_a_name_and_an_error)
{
    static const enum filter_id ids[] = {
        FILTER_HOST_STATE, FILTER_HOST_MAINTENANCE, FILTER_HOST_CLUSTER,
        FILTER_VM_BOUND,   FILTER_LOCAL_DISK,       FILTER_CPU_THREADS,
        FILTER_CPU_RATIO,  FILTER_CPU_RESERVATION,  FILTER_CPU_OVERLOAD,
        FILTER_CPU_MODEL,  FILTER_MEMORY,           FILTER_RULE_TOGETHER,
        FILTER_RULE_APART, FILTER_RULE_MUST_HOST,   FILTER_RULE_MUST_NOT_HOST,
        FILTER_NO_RIGHT,   FILTER_DATASTORE,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        int code = -1, reason = 0;

        ck_assert_ptr_nonnull(filter_name(ids[i]));
        filter_error(ids[i], &code, &reason);
        ck_assert(code == VRM_ERR_NO_CAPACITY || code == VRM_ERR_CONFLICT);
        ck_assert_int_gt(reason, 10000000);
    }
    ck_assert_ptr_null(filter_name(FILTER_NONE));
}
END_TEST

START_TEST(unknown_ids_are_not_found)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = NULL;

    scn_run(scn, TWO_HOSTS "vm a on=h1", NULL);
    snap = scn_snapshot(scn);
    ck_assert(!filter_check_target(snap, 99, 101, scn_params(scn), &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no VM 99");
    ck_assert(!filter_check_target(snap, 1, 99, scn_params(scn), &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no host 99");
}
END_TEST

SUITE_MAIN("sched_filter", SUITE_LOOP(a_filter_excludes_with_its_reason, rows),
           SUITE_TEST(every_filter_has_a_name_and_an_error), SUITE_TEST(unknown_ids_are_not_found))
