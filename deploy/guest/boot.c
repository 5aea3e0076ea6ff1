/* boot.c - loads Linux from the guest's own disk and starts it.
 *
 * Why not a common boot loader: those read through the BIOS, 64 KiB a call, and each call of
 * SeaBIOS without KVM costs milliseconds of busy waiting: with many guests starting at once that
 * was two thirds of their whole start.  This one drives the virtio disk itself and reads the
 * kernel in one request.
 *
 * 32-bit, no paging, no interrupts, identity addresses, freestanding.  Errors go to the serial
 * port.  KERNEL_SECTOR, INITRD_SECTOR, INITRD_BYTES and CMDLINE are given by
 * deploy/lib/lab_guest.sh. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SECTOR_BYTES = 512,
    PAGE_BYTES = 4096,
    SERIAL_PORT = 0x3f8,
    SERIAL_STATUS = SERIAL_PORT + 5,
    SERIAL_READY = 0x20,
    OUR_FIRST_SECTOR = 0x7c00, /* where the BIOS has put sector 0 */
};

/* --- what boot.S gives and takes --- */

struct e820_entry {
    uint64_t start, bytes;
    uint32_t type; /* 1 is usable memory */
} __attribute__((packed));

extern struct e820_entry boot_e820[32];
extern uint32_t boot_e820_count;
extern uint8_t boot_bss_start[], boot_bss_end[];
struct e820_entry boot_e820[32]
    __attribute__((section(".data"))); /* filled before .bss is cleared */

void boot_main(void);
void boot_linux(uint32_t entry, const void *params) __attribute__((noreturn));

/* --- ports and messages --- */

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void print(const char *text)
{
    for (; *text; text++) {
        for (int tries = 0; tries < 100000 && !(in8(SERIAL_STATUS) & SERIAL_READY); tries++)
            ;
        out8(SERIAL_PORT, (uint8_t)*text);
    }
}

static void __attribute__((noreturn)) fail(const char *why)
{
    print("vrm-guest boot: ");
    print(why);
    print("\r\n");
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* The compiler may call these. */
void *memset(void *to, int value, size_t n);
void *memset(void *to, int value, size_t n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
    return start;
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
    while (n > 0 && *a == *b) {
        a++;
        b++;
        n--;
    }
    return n == 0;
}

/* --- PCI --- */

enum {
    PCI_ADDRESS = 0xcf8,
    PCI_DATA = 0xcfc,
    PCI_COMMAND = 0x04,
    PCI_COMMAND_MEMORY_AND_MASTER = 0x6,
    PCI_HEADER = 0x0c,
    PCI_BAR0 = 0x10,
    PCI_BRIDGE_BUSES = 0x18,
    PCI_CAPABILITIES = 0x34,
    PCI_CAP_VENDOR = 0x09,
};

static uint32_t pci_read(uint32_t device, uint32_t offset)
{
    out32(PCI_ADDRESS, 0x80000000U | device << 8 | (offset & 0xfc));
    return in32(PCI_DATA);
}

static void pci_write(uint32_t device, uint32_t offset, uint32_t value)
{
    out32(PCI_ADDRESS, 0x80000000U | device << 8 | (offset & 0xfc));
    out32(PCI_DATA, value);
}

/* Returns 0 if it is no memory below 4 GiB. */
static uint32_t pci_bar(uint32_t device, uint32_t bar)
{
    uint32_t low = pci_read(device, PCI_BAR0 + bar * 4);

    if (low & 1)
        return 0;
    if ((low & 6) == 4 && pci_read(device, PCI_BAR0 + bar * 4 + 4) != 0)
        return 0;
    return low & ~0xfU;
}

/* --- virtio block device, the modern interface: machine types pc and q35 have it --- */

enum {
    CAP_COMMON = 1,
    CAP_NOTIFY = 2
};
enum {
    STATUS_SEEN = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8
};
enum {
    DESC_NEXT = 1,
    DESC_WRITE = 2
};
enum {
    QUEUE_SIZE = 4
};

struct virtio_common {
    uint32_t device_feature_select, device_feature;
    uint32_t driver_feature_select, driver_feature;
    uint16_t config_msix_vector, num_queues;
    uint8_t device_status, config_generation;
    uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};

struct disk {
    volatile struct virtio_common *common;
    volatile uint16_t *notify;
};

static struct {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags, next;
} descriptors[QUEUE_SIZE] __attribute__((aligned(16)));

static volatile struct {
    uint16_t flags, index, ring[QUEUE_SIZE], event;
} available __attribute__((aligned(2)));

static volatile struct {
    uint16_t flags, index;
    struct {
        uint32_t id, bytes;
    } ring[QUEUE_SIZE];
    uint16_t event;
} used __attribute__((aligned(4)));

static bool disk_find_registers(uint32_t device, struct disk *disk)
{
    uint32_t notify = 0, multiplier = 0;

    disk->common = NULL;
    for (uint32_t cap = pci_read(device, PCI_CAPABILITIES) & 0xfc; cap != 0;) {
        uint32_t head = pci_read(device, cap);
        uint32_t type = head >> 24;
        uint32_t base = pci_bar(device, pci_read(device, cap + 4) & 7);
        uint32_t offset = pci_read(device, cap + 8);

        if ((head & 0xff) == PCI_CAP_VENDOR && base != 0 && type == CAP_COMMON)
            disk->common = (volatile struct virtio_common *)(base + offset);
        if ((head & 0xff) == PCI_CAP_VENDOR && base != 0 && type == CAP_NOTIFY) {
            notify = base + offset;
            multiplier = pci_read(device, cap + 16);
        }
        cap = head >> 8 & 0xfc;
    }
    if (!disk->common || notify == 0)
        return false;
    pci_write(device, PCI_COMMAND, PCI_COMMAND_MEMORY_AND_MASTER);
    disk->common->queue_select = 0;
    disk->notify = (volatile uint16_t *)(notify + disk->common->queue_notify_off * multiplier);
    return true;
}

static void disk_stop(const struct disk *disk)
{
    disk->common->device_status = 0;
    while (disk->common->device_status != 0)
        ;
}

static bool disk_start(const struct disk *disk)
{
    volatile struct virtio_common *common = disk->common;

    disk_stop(disk);
    common->device_status = STATUS_SEEN;
    common->device_status = STATUS_SEEN | STATUS_DRIVER;
    common->driver_feature_select = 0;
    common->driver_feature = 0;
    common->driver_feature_select = 1;
    common->driver_feature = 1; /* bit 32: version 1 */
    common->device_status = STATUS_SEEN | STATUS_DRIVER | STATUS_FEATURES_OK;
    if (!(common->device_status & STATUS_FEATURES_OK))
        return false;
    memset(descriptors, 0, sizeof(descriptors));
    available.index = 0;
    used.index = 0;
    common->queue_select = 0;
    common->queue_size = QUEUE_SIZE;
    common->queue_desc[0] = (uint32_t)descriptors;
    common->queue_desc[1] = 0;
    common->queue_driver[0] = (uint32_t)&available;
    common->queue_driver[1] = 0;
    common->queue_device[0] = (uint32_t)&used;
    common->queue_device[1] = 0;
    common->queue_enable = 1;
    common->device_status = STATUS_SEEN | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
    return true;
}

static bool disk_read(const struct disk *disk, uint32_t sector, uint32_t n_sectors, void *to)
{
    static struct {
        uint32_t type, reserved;
        uint64_t sector;
    } request;
    static volatile uint8_t status;
    uint16_t done = used.index;

    request.type = 0;
    request.sector = sector;
    status = 0xff;
    descriptors[0].address = (uint32_t)&request;
    descriptors[0].bytes = sizeof(request);
    descriptors[0].flags = DESC_NEXT;
    descriptors[0].next = 1;
    descriptors[1].address = (uint32_t)to;
    descriptors[1].bytes = n_sectors * SECTOR_BYTES;
    descriptors[1].flags = DESC_NEXT | DESC_WRITE;
    descriptors[1].next = 2;
    descriptors[2].address = (uint32_t)&status;
    descriptors[2].bytes = 1;
    descriptors[2].flags = DESC_WRITE;
    available.ring[available.index % QUEUE_SIZE] = 0;
    __asm__ volatile("" ::: "memory");
    available.index++;
    __asm__ volatile("mfence" ::: "memory");
    *disk->notify = 0;
    while (used.index == done)
        __asm__ volatile("pause" ::: "memory");
    return status == 0;
}

/* The disk whose first sector is the one that the BIOS has started. */
static bool disk_is_ours(const struct disk *disk)
{
    static uint8_t first[SECTOR_BYTES];
    const uint32_t compared = 0x1b0; /* behind it the memory differs from the disk */

    return disk_start(disk) && disk_read(disk, 0, 1, first) &&
           same_bytes(first, (const uint8_t *)OUR_FIRST_SECTOR, compared);
}

static bool disk_try(uint32_t device, struct disk *disk)
{
    uint32_t id = pci_read(device, 0);

    if (id != 0x10011af4 && id != 0x10421af4) /* transitional, modern */
        return false;
    if (!disk_find_registers(device, disk))
        return false;
    if (disk_is_ours(disk))
        return true;
    disk_stop(disk);
    return false;
}

static void disk_find(struct disk *disk)
{
    uint32_t last_bus = 0;

    for (uint32_t device = 0; device >> 8 <= last_bus; device++) {
        if ((device & 7) != 0 && (pci_read(device & ~7U, PCI_HEADER) & 0x800000) == 0)
            continue; /* one function only */
        if ((pci_read(device, 0) & 0xffff) == 0xffff)
            continue;
        if ((pci_read(device, PCI_HEADER) >> 16 & 0x7f) == 1) {
            uint32_t below = pci_read(device, PCI_BRIDGE_BUSES) >> 16 & 0xff;
            last_bus = below > last_bus ? below : last_bus;
        }
        if (disk_try(device, disk))
            return;
    }
    fail("no virtio disk with this boot sector");
}

/* --- Linux: Documentation/x86/boot.rst, 32-bit protocol --- */

enum {
    PARAMS_E820_COUNT = 0x1e8,
    PARAMS_HEADER = 0x1f1,
    PARAMS_SETUP_SECTORS = 0x1f1,
    PARAMS_KERNEL_PARAGRAPHS = 0x1f4,
    PARAMS_HEADER_END = 0x201, /* relative to 0x202 */
    PARAMS_MAGIC = 0x202,
    PARAMS_LOADER = 0x210,
    PARAMS_ENTRY = 0x214,
    PARAMS_INITRD = 0x218,
    PARAMS_INITRD_BYTES = 0x21c,
    PARAMS_CMDLINE = 0x228,
    PARAMS_E820 = 0x2d0,
    SETUP_SECTORS_READ = 8,
    MAGIC = 0x53726448, /* "HdrS" */
    LOADER_UNKNOWN = 0xff,
    KERNEL_ADDRESS = 0x100000,
};

static uint32_t get32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static void put32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof(value));
}

/* Page-aligned, as high as possible: the kernel unpacks itself lower down. */
static uint32_t initrd_place(uint32_t bytes)
{
    uint64_t best = 0;

    for (uint32_t i = 0; i < boot_e820_count; i++) {
        uint64_t end = boot_e820[i].start + boot_e820[i].bytes;

        if (boot_e820[i].type != 1)
            continue;
        if (end > 0x78000000)
            end = 0x78000000; /* the kernel wants it below 2 GiB */
        if (end > best && end >= boot_e820[i].start + bytes + PAGE_BYTES)
            best = end;
    }
    if (best < 0x4000000)
        fail("less than 64 MiB of memory");
    return ((uint32_t)best - bytes) & ~(PAGE_BYTES - 1U);
}

void boot_main(void)
{
    static uint8_t setup[SETUP_SECTORS_READ * SECTOR_BYTES];
    static uint8_t params[PAGE_BYTES];
    static const char cmdline[] = CMDLINE;
    const uint32_t initrd_sectors = (INITRD_BYTES + SECTOR_BYTES - 1) / SECTOR_BYTES;
    struct disk disk;

    memset(boot_bss_start, 0, (size_t)(boot_bss_end - boot_bss_start));
    uint32_t initrd = initrd_place(initrd_sectors * SECTOR_BYTES);
    disk_find(&disk);
    if (!disk_read(&disk, KERNEL_SECTOR, SETUP_SECTORS_READ, setup) ||
        get32(setup + PARAMS_MAGIC) != MAGIC)
        fail("no kernel on the disk");
    uint32_t setup_sectors = setup[PARAMS_SETUP_SECTORS] + 1U;
    uint32_t kernel_sectors = get32(setup + PARAMS_KERNEL_PARAGRAPHS) / (SECTOR_BYTES / 16) + 1;
    if (!disk_read(&disk, KERNEL_SECTOR + setup_sectors, kernel_sectors, (void *)KERNEL_ADDRESS) ||
        !disk_read(&disk, INITRD_SECTOR, initrd_sectors, (void *)initrd))
        fail("the disk cannot be read");
    disk_stop(&disk);

    memcpy(params + PARAMS_HEADER, setup + PARAMS_HEADER,
           setup[PARAMS_HEADER_END] + 0x202U - PARAMS_HEADER);
    params[PARAMS_LOADER] = LOADER_UNKNOWN;
    put32(params + PARAMS_INITRD, initrd);
    put32(params + PARAMS_INITRD_BYTES, INITRD_BYTES);
    put32(params + PARAMS_CMDLINE, (uint32_t)cmdline);
    params[PARAMS_E820_COUNT] = (uint8_t)boot_e820_count;
    memcpy(params + PARAMS_E820, boot_e820, sizeof(boot_e820));
    boot_linux(get32(params + PARAMS_ENTRY), params);
}
