/* init.c - the only program inside a lab guest: process 1 of a tiny Linux VM.
 *
 * Burns CPU time and dirties memory as its control sector says, prints a heart-beat on the serial
 * console and powers off on the ACPI power button.  The control sector is one 512-byte sector of
 * the guest's own disk, re-read every second past every cache, so that the load can be changed
 * from outside while the guest runs, on whichever host it is.
 *
 * The sector can also tell it to answer as a guest agent, from its start on, and to fail, once: an
 * order with another number than the one that it found when it started.
 *
 * Pressing Enter on the serial console starts a busybox shell.
 *
 * Not part of the product: built with `gcc -static` by deploy/lab.  One thread. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CONTROL_SECTOR = 1024, /* must agree with deploy/lib/lab_guest.sh */
    SECTOR_BYTES = 512,
    PAGE_BYTES = 4096,
    PERIOD_MS = 50, /* one duty cycle: short, so that any second looks like any other */
    SECOND_MS = 1000,
    MIB = 1024 * 1024,
};

struct load {
    char name[64];
    int busy_percent; /* of one vCPU, 0..100 */
    int dirty_mib_s;
    int mem_mib; /* held, beside what is dirtied */
    int agent;   /* 1: answer on the agent's channel */
    char order[16];
    unsigned order_number;
};

struct arena { /* the memory that is dirtied; exists only while it is needed */
    uint8_t *base;
    size_t pages;
    size_t next;
    uint64_t owed_bytes_ms; /* bytes times 1000 not yet written: keeps the rate exact */
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vdprintf(STDOUT_FILENO, format, args);
    va_end(args);
}

/* --- start ---------------------------------------------------------------------------------- */

static void mount_all(void)
{
    static const struct {
        const char *type, *where;
    } mounts[] = { { "devtmpfs", "/dev" }, { "proc", "/proc" }, { "sysfs", "/sys" } };

    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        mkdir(mounts[i].where, 0755);
        if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL) < 0 && errno != EBUSY)
            say("vrm-guest: mount %s: %s\n", mounts[i].where, strerror(errno));
    }
}

static void open_console(void)
{
    int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);

    if (fd < 0)
        fd = open("/dev/console", O_RDWR | O_NOCTTY);
    if (fd < 0)
        return;
    for (int target = 0; target <= 2; target++)
        dup2(fd, target);
    if (fd > 2)
        close(fd);
}

static void load_module(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
        say("vrm-guest: module %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* Loads the modules in the order of /modules.list: the image builder has sorted them. */
static void load_modules(void)
{
    char path[256];
    FILE *list = fopen("/modules.list", "re");

    while (list && fgets(path, sizeof(path), list)) {
        path[strcspn(path, "\n")] = '\0';
        load_module(path);
    }
    if (list)
        fclose(list);
}

/* Returns -1 if there is no disk within five seconds: the guest then stays idle. */
static int open_disk(void)
{
    for (int tries = 0; tries < 100; tries++) {
        int fd = open("/dev/vda", O_RDONLY | O_DIRECT | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        poll(NULL, 0, 50);
    }
    say("vrm-guest: no disk /dev/vda: idle\n");
    return -1;
}

/* By name: the keyboard has a power key too, but nobody presses that one. */
static int open_power_button(void)
{
    for (int i = 0; i < 16; i++) {
        char path[32];
        char name[64] = "";

        snprintf(path, sizeof(path), "/dev/input/event%d", i);
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) >= 0 && strcmp(name, "Power Button") == 0)
            return fd;
        close(fd);
    }
    say("vrm-guest: no ACPI power button\n");
    return -1;
}

/* --- control sector ------------------------------------------------------------------------- */

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* Leaves *load alone if the sector cannot be read or is not ours. */
static void read_control(int disk, uint8_t *sector, struct load *load)
{
    struct load fresh;

    if (disk < 0 ||
        pread(disk, sector, SECTOR_BYTES, (off_t)CONTROL_SECTOR * SECTOR_BYTES) != SECTOR_BYTES)
        return;
    sector[SECTOR_BYTES - 1] = '\0';
    fresh = (struct load){ .name = "" };
    if (sscanf((const char *)sector,
               "vrm-lab-guest 1 name=%63s busy=%d dirty=%d mem=%d agent=%d order=%15[a-z]:%u",
               fresh.name, &fresh.busy_percent, &fresh.dirty_mib_s, &fresh.mem_mib, &fresh.agent,
               fresh.order, &fresh.order_number) < 4)
        return;
    fresh.busy_percent = clamp(fresh.busy_percent, 0, 100);
    fresh.dirty_mib_s = clamp(fresh.dirty_mib_s, 0, 1024);
    fresh.mem_mib = clamp(fresh.mem_mib, 0, 65536);
    *load = fresh;
}

/* --- load ----------------------------------------------------------------------------------- */

/* At most a third of all memory each for what is held and what is dirtied: the guest must live. */
static size_t bounded_bytes(int mib)
{
    struct sysinfo info;
    size_t bytes = (size_t)mib * MIB;

    if (sysinfo(&info) == 0 && bytes > info.totalram / 3 * info.mem_unit)
        bytes = info.totalram / 3 * info.mem_unit;
    return bytes;
}

/* Makes the arena this big, every page written once so that it is really there. */
static void arena_fit(struct arena *arena, int mib)
{
    size_t bytes = bounded_bytes(mib);

    if (arena->pages == bytes / PAGE_BYTES)
        return;
    if (arena->base)
        munmap(arena->base, arena->pages * PAGE_BYTES);
    *arena = (struct arena){ 0 };
    if (bytes < PAGE_BYTES)
        return;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return;
    *arena = (struct arena){ .base = base, .pages = bytes / PAGE_BYTES };
    for (size_t page = 0; page < arena->pages; page++) /* unlike each other: nothing to merge */
        *(uint64_t *)(arena->base + page * PAGE_BYTES) = (uint64_t)now_ms() << 24 | page;
}

/* Changes one word in each page: what migration has to copy again is whole pages. */
static void arena_dirty(struct arena *arena, int dirty_mib_s, int64_t elapsed_ms)
{
    const uint64_t page_cost = (uint64_t)PAGE_BYTES * 1000;

    if (arena->pages == 0)
        return;
    arena->owed_bytes_ms += (uint64_t)dirty_mib_s * MIB * (uint64_t)elapsed_ms;
    if (arena->owed_bytes_ms > arena->pages * page_cost) /* late: never more than once round */
        arena->owed_bytes_ms = arena->pages * page_cost;
    for (; arena->owed_bytes_ms >= page_cost; arena->owed_bytes_ms -= page_cost) {
        (*(volatile uint64_t *)(arena->base + arena->next * PAGE_BYTES))++;
        arena->next = (arena->next + 1) % arena->pages;
    }
}

static void burn_until(int64_t end_ms)
{
    volatile uint32_t sink = 1;

    while (now_ms() < end_ms)
        for (int i = 0; i < 20000; i++)
            sink = sink * 1664525U + 1013904223U;
}

/* --- guest agent ----------------------------------------------------------------------------
 *
 * Of QEMU's protocol what a hypervisor needs to see that somebody lives here: one JSON object a
 * line. */

struct agent {
    int fd; /* -1: none */
    char line[1024];
    size_t fill;
};

/* The channel's device, by the name that the hypervisor gave it. */
static int open_port(void)
{
    for (int port = 1; port < 8; port++) {
        char path[64], name[64] = "";
        snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport%dp%d/name", port / 4, port % 4);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        ssize_t n = read(fd, name, sizeof(name) - 1);
        close(fd);
        if (n <= 0 || strncmp(name, "org.qemu.guest_agent.0", 22) != 0)
            continue;
        snprintf(path, sizeof(path), "/dev/vport%dp%d", port / 4, port % 4);
        return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    return -1;
}

static void start_agent(struct agent *agent)
{
    load_module("/modules/virtio_console.ko");
    for (int tries = 0; agent->fd < 0 && tries < 100; tries++) {
        agent->fd = open_port();
        if (agent->fd < 0)
            poll(NULL, 0, 50);
    }
    say("vrm-guest: agent %s\n", agent->fd < 0 ? "has no channel" : "answers");
}

static void power_off(void);

static void answer(struct agent *agent, const char *line)
{
    const char *id = strstr(line, "\"id\"");
    struct timespec now;

    if (strstr(line, "\"guest-shutdown\""))
        power_off();
    else if (strstr(line, "\"guest-sync\"") && id)
        dprintf(agent->fd, "{\"return\":%lld}\n", strtoll(id + strcspn(id, ":") + 1, NULL, 10));
    else if (strstr(line, "\"guest-ping\""))
        dprintf(agent->fd, "{\"return\":{}}\n");
    else if (strstr(line, "\"guest-get-time\"") && clock_gettime(CLOCK_REALTIME, &now) == 0)
        dprintf(agent->fd, "{\"return\":%lld}\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    else
        dprintf(agent->fd, "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"unknown\"}}\n");
}

/* A line that is too long is nobody's. */
static void serve_agent(struct agent *agent)
{
    char c;

    while (agent->fd >= 0 && read(agent->fd, &c, 1) == 1) {
        if (c == '\n') {
            agent->line[agent->fill] = '\0';
            agent->fill = 0;
            answer(agent, agent->line);
        } else if (c >= ' ' && agent->fill < sizeof(agent->line) - 1) {
            agent->line[agent->fill++] = c;
        }
    }
}

/* --- failures that are ordered -------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        say("vrm-guest: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* Switches the local APIC off: no interrupt reaches the CPU any more, also none of a timer.  It
 * waits for the next one, for ever, and nobody has told any device. */
static void stand_still(void)
{
    const off_t apic = 0xfee00000;
    const size_t spurious = 0xf0 / sizeof(uint32_t);
    int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, apic);

    if (page == MAP_FAILED)
        say("vrm-guest: /dev/mem: %s\n", strerror(errno));
    else
        ((volatile uint32_t *)page)[spurious] &= ~0x100u;
}

/* Returns only if the guest lives on. */
static void obey(const char *order, struct agent *agent)
{
    say("vrm-guest: ordered: %s\n", order);
    if (strcmp(order, "panic") == 0) {
        load_module("/modules/pvpanic.ko");
        load_module("/modules/pvpanic-mmio.ko");
        write_file("/proc/sysrq-trigger", "c");
    } else if (strcmp(order, "hang") == 0) { /* the kernel spins for ever, and tells nobody */
        write_file("/proc/sys/kernel/panic", "0");
        write_file("/proc/sysrq-trigger", "c");
    } else if (strcmp(order, "freeze") == 0) {
        stand_still();
    } else if (strcmp(order, "mute") == 0 && agent->fd >= 0) { /* only its agent is gone */
        close(agent->fd);
        agent->fd = -1;
    }
}

/* --- events --------------------------------------------------------------------------------- */

static void power_off(void)
{
    say("vrm-guest: power button, off\n");
    sync();
    reboot(RB_POWER_OFF);
}

static void read_power_button(int fd)
{
    struct input_event event;

    while (read(fd, &event, sizeof(event)) == (ssize_t)sizeof(event))
        if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1)
            power_off();
}

static pid_t start_shell(void)
{
    char c;

    (void)!read(STDIN_FILENO, &c, 1);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        execl("/bin/busybox", "sh", "-l", (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Sleeps until end_ms; handles the power button and the console meanwhile. */
static void wait_until(int64_t end_ms, int power, pid_t *shell)
{
    for (;;) {
        int64_t left_ms = end_ms - now_ms();
        struct pollfd fds[] = {
            { .fd = power, .events = POLLIN },
            { .fd = *shell > 0 ? -1 : STDIN_FILENO, .events = POLLIN },
        };

        if (poll(fds, 2, left_ms > 0 ? (int)left_ms : 0) <= 0)
            return;
        if (fds[0].revents & POLLIN)
            read_power_button(power);
        if (fds[1].revents & POLLIN)
            *shell = start_shell();
        if ((fds[0].revents | fds[1].revents) & (POLLERR | POLLHUP | POLLNVAL)) {
            poll(NULL, 0, 100); /* a broken console must not become a busy loop */
            return;
        }
    }
}

static void reap(pid_t *shell)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        if (pid == *shell)
            *shell = 0;
}

static void run(int disk, int power, uint8_t *sector)
{
    struct load load = { .name = "?" };
    struct arena arena = { 0 };
    struct arena held = { 0 };
    struct agent agent = { .fd = -1 };
    unsigned order_number;
    pid_t shell = 0;
    uint64_t beat = 0;
    int64_t next_beat_ms = now_ms();
    int64_t last_ms = next_beat_ms;

    read_control(disk, sector, &load);
    order_number = load.order_number;
    if (load.agent)
        start_agent(&agent);
    for (;;) {
        int64_t start_ms = now_ms();
        bool idle = load.busy_percent == 0 && load.dirty_mib_s == 0;

        if (start_ms >= next_beat_ms) {
            read_control(disk, sector, &load);
            arena_fit(&arena, load.dirty_mib_s);
            arena_fit(&held, load.mem_mib);
            say("vrm-guest %s beat %llu uptime %lld busy %d dirty %d mem %d\n", load.name,
                (unsigned long long)beat++, (long long)(start_ms / 1000), load.busy_percent,
                load.dirty_mib_s, load.mem_mib);
            next_beat_ms = start_ms + SECOND_MS;
            reap(&shell);
            if (load.order_number != order_number) {
                order_number = load.order_number;
                obey(load.order, &agent);
            }
            idle = load.busy_percent == 0 && load.dirty_mib_s == 0;
        }
        serve_agent(&agent);
        arena_dirty(&arena, load.dirty_mib_s, start_ms - last_ms);
        last_ms = start_ms;
        burn_until(start_ms + load.busy_percent * PERIOD_MS / 100);
        wait_until(idle ? next_beat_ms : start_ms + PERIOD_MS, power, &shell);
    }
}

int main(void)
{
    static uint8_t sector[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

    mount_all();
    open_console();
    load_modules();
    int disk = open_disk();
    int power = open_power_button();
    say("vrm-guest: up after %lld ms\n", (long long)now_ms());
    run(disk, power, sector);
}
