/* test_vm_mac.c - a card without an address gets one that nobody has. */
#include "config.h"

#include "controller/vm_mac.h"

#include <string.h>

#include "tests/suite.h"

static unsigned char next_byte;

/* 1, 1, 1, then 2, 2, 2 and so on. */
static void count_up(void *buf, size_t len)
{
    memset(buf, ++next_byte, len);
}

static Vm *make_vm(int64_t id, const char *const *macs)
{
    Vm *vm = vm_new();

    vm->id = id;
    for (size_t i = 0; macs[i]; i++) {
        struct vm_nic *nic = vm_add_nic(vm);

        g_free(nic->mac);
        nic->mac = g_strdup(macs[i]);
    }
    return vm;
}

static const struct {
    const char *others[3], *own[4], *filled;
} rows[] = {
    { { NULL }, { "" }, "28:6e:d4:01:01:01 " },
    { { NULL }, { "", "" }, "28:6e:d4:01:01:01 28:6e:d4:02:02:02 " },
    { { "28:6e:d4:01:01:01" }, { "" }, "28:6e:d4:02:02:02 " },
    { { "28:6E:D4:01:01:01", "28:6e:d4:02:02:02" }, { "" }, "28:6e:d4:03:03:03 " },
    { { NULL }, { "28:6e:d4:01:01:01", "" }, "28:6e:d4:01:01:01 28:6e:d4:02:02:02 " },
    { { NULL }, { "52:54:00:00:00:01" }, "52:54:00:00:00:01 " },
};

START_TEST(a_card_gets_an_address_that_nobody_has)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(Vm) vm = make_vm(2, rows[_i].own);
    g_autoptr(GString) text = g_string_new(NULL);

    snapshot_builder_put_vm(builder, make_vm(1, rows[_i].others));
    snap = snapshot_builder_build(builder, 1);
    vm_mac_fill(snap, count_up, vm);
    for (size_t i = 0; i < vm->n_nics; i++)
        g_string_append_printf(text, "%s ", vm->nics[i].mac);
    ck_assert_str_eq(text->str, rows[_i].filled);
}
END_TEST

SUITE_MAIN("vm_mac", SUITE_LOOP(a_card_gets_an_address_that_nobody_has, rows))
