/* test_grow.c - a VM that runs is promised no more than its host has left. */
#include "config.h"

#include "model/reason.h"
#include "scheduler/grow.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

/* 10000 MHz and 10240 MiB each. */
#define TWO "host h1 mem=10240\nhost h2 mem=10240\nvm b on=h1 reserve=4000\n"

// clang-format off
static const struct {
    const char *name, *text; /* the VM a grows */
    int64_t cpu, mem;        /* to these reservations */
    int reason;              /* 0: it may */
    const char *words;
} rows[] = {
    { "what is left", TWO "vm a on=h1 reserve=100\n", 6000, 0, 0, "" },
    { "more than is left", TWO "vm a on=h1 reserve=100\n", 6001, 0, REASON_NO_HOST_CPU,
      "cpu.reservation = 6001 MHz: host h1, where VM a runs, has 10000 MHz for VMs, 6000 not "
      "reserved by others; want at most 6000" },
    { "more than any host has", TWO "vm a on=h2\n", 99999, 0, REASON_NO_HOST_CPU,
      "(no host of the cluster has more than 10000 MHz); want at most 10000" },
    { "a host that has promised too much lets others be", TWO "vm a on=h1 reserve=9000\n", 9000, 0,
      0, "" },
    { "but gives no more", TWO "vm a on=h1 reserve=9000\n", 9001, 0, REASON_NO_HOST_CPU,
      "want at most 9000" },
    { "less is always right", TWO "vm a on=h1 reserve=9000\n", 8000, 0, 0, "" },
    { "memory that is not overcommitted is there", TWO "vm a on=h1 size=4096\n", 0, 4096, 0, "" },
    { "overcommitted memory: what is left",
      "policy overcommit=yes\n" TWO "vm c on=h1 size=8192 mem_reserve=8000\nvm a on=h1 size=4096\n", 0,
      2240, 0, "" },
    { "overcommitted memory: more than is left",
      "policy overcommit=yes\n" TWO "vm c on=h1 size=8192 mem_reserve=8000\nvm a on=h1 size=4096\n", 0,
      4096, REASON_NO_HOST_MEMORY,
      "memory.reservation = 4096 MiB: host h1, where VM a runs, has 10240 MiB for VMs, 2240 not "
      "reserved by others; want at most 2240" },
    { "a VM that is on no host asks for nothing", TWO "vm a status=stopped\n", 99999, 0, 0, "" },
};
// clang-format on

START_TEST(a_running_vm_is_promised_what_its_host_has_left)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Vm) grown = NULL;
    bool may;

    scn_run(scn, rows[_i].text, NULL);
    snap = scn_snapshot(scn);
    grown = vm_dup(snapshot_vm(snap, scn_vm(scn, "a")));
    grown->cpu.reservation_mhz = rows[_i].cpu;
    grown->memory.reservation_mb = rows[_i].mem;
    may = grow_check(snap, grown, scn_params(scn), &error);
    ck_assert_msg(may == (rows[_i].reason == 0), "%s: %s", rows[_i].name,
                  error ? error->message : "allowed");
    if (may)
        return;
    ck_assert_int_eq(err_reason(error), rows[_i].reason);
    suite_take_error(&error, VRM_ERR_NO_CAPACITY, rows[_i].words);
}
END_TEST

SUITE_MAIN("grow", SUITE_LOOP(a_running_vm_is_promised_what_its_host_has_left, rows))
