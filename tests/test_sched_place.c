/* test_sched_place.c - where VMs start, where they go when a host is emptied, and why not there. */
#include "config.h"

#include "model/reason.h"
#include "scheduler/evacuate.h"
#include "scheduler/explain.h"
#include "scheduler/place.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define THREE "host h1\nhost h2\nhost h3\n"

// clang-format off
static const struct scn_row rows[] = {
    { "the least loaded host", THREE "vm a on=h1 cpu=4000\nvm b on=h2 cpu=1000\n"
      "vm n status=stopped samples=0\ndo place n", { "placed: h3" } },
    { "equal hosts: the first", THREE "vm n status=stopped samples=0\ndo place n", { "placed: h1" } },
    { "a measured VM needs no estimate", THREE "vm n status=stopped cpu=700\ndo place n",
      { "placed: h1: with it CPU 7 %", "!estimated" } },
    { "an estimate is said", THREE "vm n status=stopped samples=0 vcpus=4\ndo place n",
      { "CPU estimated at 1250 MHz" } },
    { "an estimate is no less than the reservation",
      THREE "vm n status=stopped samples=0 reserve=2000\ndo place n", { "estimated at 2000 MHz" } },
    { "it starts on the host it was created on",
      THREE "vm a on=h2 cpu=5000\nvm n on=h2 status=stopped created_there\ndo place n",
      { "placed: h2", "the VM is located there" } },
    { "unless it cannot",
      "host h1\nhost h2 state=fault\nvm n on=h2 status=stopped created_there\ndo place n",
      { "placed: h1" } },
    { "a should-rule is worth more than balance",
      THREE "vm a on=h1 cpu=3000\nvm n status=stopped\nrule t together should a n\ndo place n",
      { "placed: h1" } },
    { "but not more than overload",
      THREE "vm a on=h1 cpu=9900\nvm n status=stopped cpu=500\nrule t together should a n\ndo place n",
      { "h1: with it CPU 104 %, memory 3 %, overloaded by 400 MHz",
        "1 more VMs misplaced by should-rules", "placed: h2" } },
    { "room for memory comes first", "host h1 mem=1024\nhost h2 mem=4096\nvm a on=h2 cpu=9000\n"
      "vm n status=stopped size=2048\ndo place n", { "placed: h2", "h1: needs 2048 MiB, 1024 MiB free" } },
    { "no memory anywhere", "host h1 mem=1024\nvm n status=stopped size=2048\ndo place n",
      { "error no-capacity 10800126: no host can take n: h1: needs 2048 MiB, 1024 MiB free" } },
    { "no threads anywhere", "host h1\nvm n status=stopped vcpus=9\ndo place n",
      { "error no-capacity 10800125" } },
    { "rules everywhere", "host h1\nvm a on=h1\nvm n status=stopped\nrule t apart must a n\n"
      "do place n", { "error conflict 10800131" } },
    { "states everywhere", "host h1 state=fault\nvm n status=stopped\ndo place n",
      { "error conflict 10300016" } },
    { "no hosts at all", "vm n status=stopped\ndo place n", { "its cluster has no hosts" } },
    { "many hosts are cut", "host a state=fault\nhost b state=fault\nhost c state=fault\n"
      "host d state=fault\nhost e state=fault\nhost f state=fault\nhost g state=fault\n"
      "host h state=fault\nhost i state=fault\nvm n status=stopped\ndo place n",
      { "and 1 more hosts" } },
    { "random picks by seed", "policy strategy=random\n" THREE "vm n status=stopped\nparams seed=1\n"
      "do place n\nparams seed=3\ndo place n", { "picked at random" } },
    { "random finds none either",
      "policy strategy=random\nhost h1 state=fault\nvm n status=stopped\ndo place n",
      { "error conflict" } },

    { "why not there: a filter", THREE "vm a on=h1 size=2048\ndo why a h1", { "h1: the VM is there" } },
    { "why not there: it is no better", THREE "vm a on=h1 cpu=1000\ndo why a h2",
      { "so staying is no worse" } },
    { "why not there: it is tied",
      THREE "vm a on=h1 cpu=4000 task=3\nvm b on=h1 cpu=4000\ndo why a h2",
      { "but the VM stays: busy with task 3" } },
    { "why not there: it rests",
      THREE "vm a on=h1 cpu=4000 moved_s=30\nvm b on=h1 cpu=4000\ndo why a h2",
      { "moved 30 s ago (rests for 600 s)" } },
    { "why not there: cost", THREE "vm a on=h1 cpu=4000\nvm b on=h1 cpu=4000\ndo why a h2",
      { "a move costs 2858 ms and 1024 MiB" } },
    { "why not there: nothing against it", THREE "vm a status=stopped\ndo why a h2", { "it fits" } },
    { "why not there: another cluster", THREE "vm a on=h1\ncluster c2\nhost x\ndo why a x",
      { "x: is not in the cluster of a" } },
    { "why not there: rules", THREE "vm a on=h1\nvm b on=h2\nrule t apart should a b\ndo why a h2",
      { "1 should-rules broken, not 0" } },
    { "why not there: overload", THREE "vm a on=h1 cpu=5000\nvm b on=h2 cpu=6000\ndo why a h2",
      { "overload 1000 MHz, not 0" } },
    { "why not there: VM of no host", THREE "vm a on=h1\ncluster c2\nhost x\nvm z on=h1\ndo why z x",
      { "the VM is on no host of this cluster" } },

    { "a drain spreads over the others",
      THREE "vm a on=h1 cpu=2000\nvm b on=h1 cpu=2000\nvm c on=h1 cpu=2000\nvm d on=h1 cpu=2000\n"
      "do evacuate h1", { "all 4 VMs of h1 can leave", "-> h2", "-> h3" } },
    { "an empty host", THREE "do evacuate h1", { "no VM runs on h1" } },
    { "a drain does not wait for samples", THREE "vm a on=h1 samples=0\ndo evacuate h1",
      { "all 1 VMs of h1 can leave", "MHz estimated" } },
    { "a maintaining host can be emptied",
      "host h1 state=maintaining\nhost h2\nvm a on=h1\ndo evacuate h1", { "a h1 -> h2" } },
    { "a paused VM leaves too", THREE "vm a on=h1 status=pause\ndo evacuate h1", { "a h1 -> h2" } },
    { "a VM with DRS off leaves too",
      "policy overrides=yes\n" THREE "vm a on=h1 drs=4\ndo evacuate h1", { "a h1 -> h2" } },
    { "states that pass", THREE "vm a on=h1 status=stopping\nvm b on=h1 task=4\n"
      "vm c on=h1 to=h2 status=migrating\nvm d on=h2 to=h1 status=migrating\ndo evacuate h1",
      { "stays: a (for now): its state is stopping", "stays: b (for now): busy with task 4",
        "stays: d (for now): migrating", "!stays: c" } },
    { "the only host", "host h1\nvm a on=h1\ndo evacuate h1", { "the cluster has no other host" } },
    { "a bundle that fits nowhere",
      "host h1\nhost h2 mem=3072\nvm a on=h1 size=2048\nvm b on=h1 size=2048\n"
      "rule t together must a b\ndo evacuate h1",
      { "0 of 2 VMs of h1 can leave", "with the 1 VMs it must stay with",
        "h2: not enough room for all of them" } },
    { "a bundle tied to a VM that cannot leave",
      THREE "vm a on=h1\nvm b on=h1 bound\nrule t together must a b\ndo evacuate h1",
      { "keep-together 't' wants it with b on h1" } },
    { "a VM steps aside for a bigger one",
      "host h1 mem=8192\nhost h2 mem=8192\nhost h3 mem=8192\nvm big on=h1 size=6144 mem=1000\n"
      "vm s on=h2 size=4096 mem=1000\nvm t on=h3 size=3072 mem=1000\ndo evacuate h1",
      { "1 more moves make room", "makes room for a VM that must leave its host" } },
    { "many hosts without room are cut",
      "host h1\nhost a state=fault\nhost b state=fault\nhost c state=fault\nhost d state=fault\n"
      "host e state=fault\nhost f state=fault\nhost g state=fault\nvm v on=h1\ndo evacuate h1",
      { "and 1 more hosts" } },
};
// clang-format on

START_TEST(placing_draining_and_explaining)
{
    scn_expect(&rows[_i]);
}
END_TEST

START_TEST(unknown_ids_are_not_found)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = NULL;
    Placement *placement = NULL;
    Plan *plan = NULL;

    scn_run(scn, THREE "vm a on=h1", NULL);
    snap = scn_snapshot(scn);
    ck_assert(!place_vm(snap, 99, scn_params(scn), &placement, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no VM 99");
    ck_assert_ptr_null(placement);
    ck_assert(!evacuate_plan(snap, 99, scn_params(scn), &plan, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no host 99");
    ck_assert_ptr_null(plan);
    ck_assert_ptr_null(explain_why_not(snap, 99, 101, scn_params(scn), &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no VM 99");
    ck_assert_ptr_null(explain_why_not(snap, 1, 99, scn_params(scn), &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no host 99");
}
END_TEST

START_TEST(a_host_without_cluster_cannot_be_emptied)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = NULL;
    Host *host;
    Plan *plan = NULL;

    scn_run(scn, THREE, NULL);
    host = host_dup(snapshot_builder_get_host(scn_builder(scn), 101));
    host->cluster_id = 0;
    snapshot_builder_put_host(scn_builder(scn), host);
    snap = scn_snapshot(scn);
    ck_assert(!evacuate_plan(snap, 101, scn_params(scn), &plan, &error));
    ck_assert_int_eq(err_reason(error), REASON_HOST_NO_CLUSTER);
    suite_take_error(&error, VRM_ERR_CONFLICT, "nowhere to go");
}
END_TEST

SUITE_MAIN("sched_place", SUITE_LOOP(placing_draining_and_explaining, rows),
           SUITE_TEST(unknown_ids_are_not_found),
           SUITE_TEST(a_host_without_cluster_cannot_be_emptied))
