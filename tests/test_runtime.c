/* test_runtime.c - a write that was prepared earlier does not take the newest reports back. */
#include "config.h"

#include "controller/runtime.h"

#include "base/text.h"
#include "tests/suite.h"

static const struct load new_load = { .cpu_mhz = 71, .mem_mb = 72, .n_samples = 9 };

/* All that reports have told since. */
static Vm *reported_vm(void)
{
    Vm *vm = vm_new();

    vm->task_id = 31;
    vm->target_host_id = 32;
    vm->host_reported = true;
    vm->domain = DOMAIN_PAUSED;
    vm->vnc_port = 33;
    vm->dirty_mbps = 34;
    vm->load = new_load;
    text_set(&vm->cpu_seen, "Broadwell");
    text_set(&vm->start_wait, "full");
    text_set(&vm->name, "old");
    vm->host_id = 35;
    vm->run_gen = 36;
    vm->status = VM_RUNNING;
    return vm;
}

START_TEST(a_written_vm_keeps_what_is_reported_and_has_what_was_written)
{
    g_autoptr(Vm) current = reported_vm();
    g_autoptr(Vm) written = vm_new();

    text_set(&written->name, "new");
    text_set(&written->cpu_seen, "older");
    written->host_id = 1;
    written->run_gen = 2;
    written->status = VM_MIGRATING;
    runtime_keep_vm(written, current);
    ck_assert_int_eq(written->task_id, 31);
    ck_assert_int_eq(written->target_host_id, 32);
    ck_assert(written->host_reported);
    ck_assert_int_eq(written->domain, DOMAIN_PAUSED);
    ck_assert_int_eq(written->vnc_port, 33);
    ck_assert_int_eq(written->dirty_mbps, 34);
    ck_assert_int_eq(written->load.mem_mb, 72);
    ck_assert_str_eq(written->cpu_seen, "Broadwell");
    ck_assert_str_eq(written->start_wait, "full");
    ck_assert_str_eq(written->name, "new");
    ck_assert_int_eq(written->host_id, 1);
    ck_assert_int_eq(written->run_gen, 2);
    ck_assert_int_eq(written->status, VM_MIGRATING);
}
END_TEST

START_TEST(a_written_host_keeps_what_is_reported_and_has_what_was_written)
{
    g_autoptr(Host) current = host_new();
    g_autoptr(Host) written = host_new();

    current->status = HOST_FAULT;
    current->connected = true;
    current->seen_mono_ms = 41;
    current->load = new_load;
    current->draining = true;
    current->back_ms = 42;
    text_set(&current->agent_version, "9");
    text_set(&current->boot_id, "b2");
    text_set(&current->trouble, "silent");
    current->maintaining = false;
    written->status = HOST_NORMAL;
    written->maintaining = true;
    text_set(&written->uuid, "u");
    text_set(&written->trouble, "before");
    runtime_keep_host(written, current);
    ck_assert_int_eq(written->status, HOST_FAULT);
    ck_assert(written->connected);
    ck_assert_int_eq(written->seen_mono_ms, 41);
    ck_assert_int_eq(written->load.cpu_mhz, 71);
    ck_assert(written->draining);
    ck_assert_int_eq(written->back_ms, 42);
    ck_assert_str_eq(written->agent_version, "9");
    ck_assert_str_eq(written->boot_id, "b2");
    ck_assert_str_eq(written->trouble, "silent");
    ck_assert(written->maintaining);
    ck_assert_str_eq(written->uuid, "u");
}
END_TEST

START_TEST(a_new_object_and_the_object_itself_stay_as_they_are)
{
    g_autoptr(Vm) vm = reported_vm();
    g_autoptr(Host) host = host_new();

    text_set(&host->trouble, "silent");
    runtime_keep_vm(vm, NULL);
    runtime_keep_vm(vm, vm);
    runtime_keep_host(host, NULL);
    runtime_keep_host(host, host);
    ck_assert_str_eq(vm->cpu_seen, "Broadwell");
    ck_assert_int_eq(vm->task_id, 31);
    ck_assert_str_eq(host->trouble, "silent");
}
END_TEST

SUITE_MAIN("runtime", SUITE_TEST(a_written_vm_keeps_what_is_reported_and_has_what_was_written),
           SUITE_TEST(a_written_host_keeps_what_is_reported_and_has_what_was_written),
           SUITE_TEST(a_new_object_and_the_object_itself_stay_as_they_are))
