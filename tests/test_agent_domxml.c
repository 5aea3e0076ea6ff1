/* test_agent_domxml.c - VMs as domain XML, compared with golden files, and read back. */
#include "config.h"

#include "agent/domxml.h"

#include <stdio.h>

#include "agent/domfacts.h"
#include "base/text.h"
#include "tests/suite.h"

#define UUID "6b1d1f10-0000-4000-8000-00000000001a"

static void add_disk(Vm *vm, const char *path, const char *bus)
{
    struct vm_disk *disk = vm_add_disk(vm);

    disk->sequence = (int64_t)vm->n_disks;
    text_set(&disk->path, path);
    text_set(&disk->bus, bus);
    disk->thin = !g_str_equal(bus, "IDE");
}

static Vm *small_vm(void)
{
    Vm *vm = vm_new();

    vm->id = 26;
    text_set(&vm->uuid, UUID);
    text_set(&vm->name, "web");
    vm->cpu = (struct vm_cpu){ .quantity = 1, .cores_per_socket = 1 };
    vm->memory = (struct vm_memory){ .size_mb = 128 };
    return vm;
}

static Vm *big_vm(void)
{
    Vm *vm = small_vm();
    struct vm_nic *nic;

    text_set(&vm->name, "<shop> & 'co' \"1\" \xc3\xa4");
    vm->cpu = (struct vm_cpu){
        .quantity = 8,
        .cores_per_socket = 4,
        .weight = 8000,
        .limit_mhz = 4000,
    };
    vm->memory.size_mb = 16384;
    vm->memory.limit_mb = 12288;
    text_set(&vm->os_type, "Windows");
    text_set(&vm->boot_option, "pxe");
    for (int i = 0; i < 28; i++) {
        g_autofree char *path = g_strdup_printf("/store/a&b/<%d>.img", i);

        add_disk(vm, path, i == 5 ? "SCSI" : i == 6 ? "IDE" : i == 7 ? "SCSI" : "VIRTIO");
    }
    nic = vm_add_nic(vm);
    text_set(&nic->mac, "52:54:00:00:00:01");
    nic->virtio = true;
    vm_add_nic(vm);
    return vm;
}

static Vm *baseline_vm(void)
{
    Vm *vm = small_vm();

    text_set(&vm->cpu_model, "Westmere");
    return vm;
}

static struct hostdev card = { (char[]){ "gpu-t4" }, (char[]){ "0000:65:00.1" }, false };
static struct hostdev slice = { (char[]){ "mdev-nvidia-63" },
                                (char[]){ "8a2f4c1e-0c7d-4b5e-9d6f-1a2b3c4d5e6f" }, true };
static struct hostdev *const two_devices[] = { &card, &slice };

static const struct {
    const char *golden;
    Vm *(*make)(void);
    struct domxml_settings settings;
} golden_rows[] = {
    { "agent-small-qemu.xml", small_vm, { .domain_type = "qemu", .disk_cache = "none" } },
    { "agent-baseline-qemu.xml", baseline_vm, { .domain_type = "qemu", .disk_cache = "none" } },
    { "agent-baseline-kvm.xml", baseline_vm, { .domain_type = "kvm", .disk_cache = "none" } },
    { "agent-big-kvm.xml",
      big_vm,
      { .domain_type = "kvm",
        .emulator = "/usr/bin/qemu-system-x86_64",
        .bridge = "br0",
        .disk_cache = "none",
        .host_cpu_mhz = 2000 } },
    { "agent-devices-kvm.xml",
      small_vm,
      { .domain_type = "kvm",
        .disk_cache = "none",
        .hostdevs = two_devices,
        .n_hostdevs = G_N_ELEMENTS(two_devices) } },
    { "agent-big-qemu.xml", big_vm, { .domain_type = "qemu", .disk_cache = "writethrough" } },
};

/* UPDATE_GOLDEN=1 rewrites; the difference is for a reviewer. */
static void compare(const char *name, const char *text)
{
    const char *srcdir = g_getenv("srcdir");
    g_autofree char *path = g_build_filename(srcdir ? srcdir : "..", "tests/golden", name, NULL);
    g_autofree char *want = NULL;
    GError *error = NULL;

    if (g_getenv("UPDATE_GOLDEN")) {
        g_file_set_contents(path, text, -1, &error);
        suite_no_error(error);
    }
    g_file_get_contents(path, &want, NULL, &error);
    suite_no_error(error);
    ck_assert_str_eq(text, want);
}

START_TEST(a_vm_gives_this_xml_and_the_xml_gives_back_id_and_generation)
{
    g_autoptr(Vm) vm = golden_rows[_i].make();
    GError *error = NULL;
    g_autofree char *xml = domxml_format(vm, 3, &golden_rows[_i].settings, &error);
    struct domfacts facts = { 0 };

    suite_no_error(error);
    compare(golden_rows[_i].golden, xml);
    ck_assert(domfacts_parse(xml, strlen(xml), &facts, &error));
    ck_assert_int_eq(facts.mark.vm_id, 26);
    ck_assert_int_eq(facts.mark.gen, 3);
    ck_assert_int_eq(facts.vnc_port, 0);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------- */

static void no_uuid(Vm *vm)
{
    text_set(&vm->uuid, "x");
}

static void no_cpu(Vm *vm)
{
    vm->cpu.quantity = 0;
}

static void no_memory(Vm *vm)
{
    vm->memory.size_mb = 0;
}

static void bell_in_name(Vm *vm)
{
    text_set(&vm->name, "a\ab");
}

static void broken_name(Vm *vm)
{
    text_set(&vm->name, "a\xff");
}

static void relative_path(Vm *vm)
{
    add_disk(vm, "store/a.img", "VIRTIO");
}

static void unknown_bus(Vm *vm)
{
    add_disk(vm, "/store/a.img", "FLOPPY");
}

static void five_ide(Vm *vm)
{
    for (int i = 0; i < 5; i++)
        add_disk(vm, "/store/a.img", "IDE");
}

static void too_many_disks(Vm *vm)
{
    for (int i = 0; i < 61; i++)
        add_disk(vm, "/store/a.img", "VIRTIO");
}

static const struct {
    void (*spoil)(Vm *vm);
    const char *text;
} bad_rows[] = {
    { no_uuid, "uuid \"x\" is not a UUID" },
    { no_cpu, "0 vCPUs and 128 MiB" },
    { no_memory, "1 vCPUs and 0 MiB" },
    { bell_in_name, "name: control character 0x07" },
    { broken_name, "name: not valid UTF-8" },
    { relative_path, "disk 1: path \"store/a.img\" is not absolute" },
    { unknown_bus, "disk 1: bus \"FLOPPY\": want VIRTIO, SCSI or IDE" },
    { five_ide, "5 IDE disks: at most 4" },
    { too_many_disks, "61 disks: at most 60" },
};

START_TEST(what_libvirt_could_not_take_is_refused_by_name)
{
    g_autoptr(Vm) vm = small_vm();
    GError *error = NULL;

    bad_rows[_i].spoil(vm);
    ck_assert_ptr_null(domxml_format(vm, 3, &golden_rows[0].settings, &error));
    suite_take_error(&error, VRM_ERR_INVALID, bad_rows[_i].text);
}
END_TEST

/* ---- a domain's XML read ----------------------------------------------------------------------
 */

static const struct {
    const char *xml;
    bool ok;
    struct domfacts want;
} read_rows[] = {
    { "<domain/>", true, { .vnc_port = 0 } },
    { "<domain", false, { .vnc_port = 0 } },
    { "", false, { .vnc_port = 0 } },
    { "<domain><metadata><vrm:vm xmlns:vrm='urn:vrm:domain:1' id='7' gen='8'/></metadata></domain>",
      true,
      { .mark = { 7, 8, DOMXML_NO_RIGHT } } },
    { "<domain><metadata><x:vm xmlns:x='urn:vrm:domain:1' gen='8' id='7'/></metadata></domain>",
      true,
      { .mark = { 7, 8, DOMXML_NO_RIGHT } } },
    { "<domain><metadata><vm xmlns='urn:vrm:domain:1' id='7' gen='8'/></metadata></domain>",
      true,
      { .mark = { 7, 8, DOMXML_NO_RIGHT } } },
    { "<domain><metadata><vrm:vm xmlns:vrm='urn:vrm:domain:1' id='7' gen='8' right='halted'/>"
      "</metadata></domain>",
      true,
      { .mark = { 7, 8, DOMXML_HALTED } } },
    { "<domain><metadata><vrm:vm xmlns:vrm='urn:vrm:domain:1' id='7' gen='8' right='runs'/>"
      "</metadata></domain>",
      true,
      { .mark = { 7, 8, DOMXML_RUNS } } },
    { "<domain><metadata><vrm:vm xmlns:vrm='urn:vrm:domain:1' id='7' gen='8' right='newer'/>"
      "</metadata></domain>",
      true,
      { .mark = { 7, 8, DOMXML_RUNS } } },
    { "<domain><metadata><vrm:vm xmlns:vrm='urn:vrm:domain:1' id='7' gen='8' right=''/>"
      "</metadata></domain>",
      true,
      { .mark = { 7, 8, DOMXML_NO_RIGHT } } },
    { "<domain><metadata><vrm:vm xmlns:vrm='urn:other' id='7' gen='8'/></metadata></domain>",
      true,
      { .vnc_port = 0 } },
    { "<domain><other><vrm:vm xmlns:vrm='urn:vrm:domain:1' id='7' gen='8'/></other></domain>",
      true,
      { .vnc_port = 0 } },
    { "<domain><metadata><vrm:vm xmlns:vrm='urn:vrm:domain:1' id='-7' "
      "gen='x'/></metadata></domain>",
      true,
      { .vnc_port = 0 } },
    { "<domain><devices><graphics type='vnc' port='5901'/></devices></domain>",
      true,
      { .vnc_port = 5901 } },
    { "<domain><devices><graphics type='vnc' port='-1'/></devices></domain>",
      true,
      { .vnc_port = 0 } },
    { "<domain><devices><graphics type='spice' port='5901'/></devices></domain>",
      true,
      { .vnc_port = 0 } },
};

START_TEST(a_domains_xml_tells_whether_it_is_ours)
{
    struct domfacts facts = { 0 };
    bool ok = domfacts_parse(read_rows[_i].xml, strlen(read_rows[_i].xml), &facts, NULL);

    ck_assert_int_eq(ok, read_rows[_i].ok);
    ck_assert_int_eq(facts.mark.vm_id, read_rows[_i].want.mark.vm_id);
    ck_assert_int_eq(facts.mark.gen, read_rows[_i].want.mark.gen);
    ck_assert_int_eq(facts.mark.right, read_rows[_i].want.mark.right);
    ck_assert_int_eq(facts.vnc_port, read_rows[_i].want.vnc_port);
}
END_TEST

static const struct {
    enum domxml_right right;
    const char *text;
} marks[] = {
    { DOMXML_NO_RIGHT, "<vm id='26' gen='3'/>" },
    { DOMXML_HALTED, "<vm id='26' gen='3' right='halted'/>" },
    { DOMXML_RUNS, "<vm id='26' gen='3' right='runs'/>" },
};

START_TEST(a_mark_says_by_what_the_vm_is_here)
{
    const struct domxml_mark mark = { .vm_id = 26, .gen = 3, .right = marks[_i].right };
    g_autofree char *text = domxml_metadata_format(&mark);

    ck_assert_str_eq(text, marks[_i].text);
}
END_TEST

START_TEST(a_vm_made_halted_says_so_and_is_the_same_otherwise)
{
    g_autoptr(Vm) vm = small_vm();
    struct domxml_settings settings = golden_rows[0].settings;
    g_autofree char *plain = domxml_format(vm, 3, &settings, NULL);
    g_autofree char *halted = NULL;
    char *mark;
    struct domfacts facts = { 0 };

    settings.halted = true;
    halted = domxml_format(vm, 3, &settings, NULL);
    ck_assert(domfacts_parse(halted, strlen(halted), &facts, NULL));
    ck_assert_int_eq(facts.mark.right, DOMXML_HALTED);
    mark = strstr(halted, " right='halted'");
    ck_assert_ptr_nonnull(mark);
    memmove(mark, mark + strlen(" right='halted'"), strlen(mark + strlen(" right='halted'")) + 1);
    ck_assert_str_eq(plain, halted);
}
END_TEST

SUITE_MAIN("agent_domxml",
           SUITE_LOOP(a_vm_gives_this_xml_and_the_xml_gives_back_id_and_generation, golden_rows),
           SUITE_LOOP(what_libvirt_could_not_take_is_refused_by_name, bad_rows),
           SUITE_LOOP(a_mark_says_by_what_the_vm_is_here, marks),
           SUITE_TEST(a_vm_made_halted_says_so_and_is_the_same_otherwise),
           SUITE_LOOP(a_domains_xml_tells_whether_it_is_ours, read_rows))
