/* report.c - see report.h. */
#include "config.h"

#include "agent/report.h"

static char *text(const char *string)
{
    return g_strdup(string ? string : "");
}

void report_copy_domain(const struct domain_report *domain, struct domain_report *ret)
{
    *ret = *domain;
    ret->uuid = text(domain->uuid);
    ret->name = text(domain->name);
    ret->detail = text(domain->detail);
    ret->cpu = text(domain->cpu);
}

void report_copy_command(const struct command_report *report, struct command_report *ret)
{
    *ret = *report;
    ret->id = text(report->id);
    ret->vm_uuid = text(report->vm_uuid);
    ret->error = text(report->error);
}

void report_copy_hello(const struct agent_hello *hello, struct agent_hello *ret)
{
    *ret = *hello;
    ret->agent_version = text(hello->agent_version);
    ret->name = text(hello->name);
    ret->uuid = text(hello->uuid);
    ret->real_name = text(hello->real_name);
    ret->vendor = text(hello->vendor);
    ret->model = text(hello->model);
    ret->cpu_model = text(hello->cpu_model);
    ret->hypervisor = text(hello->hypervisor);
    ret->boot_id = text(hello->boot_id);
    ret->migrate_address = text(hello->migrate_address);
    ret->cpu_vendor = text(hello->cpu_vendor);
    ret->cpu_features = text(hello->cpu_features);
    ret->cpu_generations = text(hello->cpu_generations);
    ret->devices = text(hello->devices);
    ret->ha_address = text(hello->ha_address);
}

bool report_same_domain(const struct domain_report *a, const struct domain_report *b)
{
    return a->state == b->state && a->vm_id == b->vm_id && a->gen == b->gen &&
           a->vnc_port == b->vnc_port && a->by_right == b->by_right && a->halted == b->halted &&
           g_strcmp0(a->uuid, b->uuid) == 0 && g_strcmp0(a->name, b->name) == 0 &&
           g_strcmp0(a->detail, b->detail) == 0 && g_strcmp0(a->cpu, b->cpu) == 0;
}

struct domain_report *report_dup_domain(const struct domain_report *domain)
{
    struct domain_report *copy = g_new(struct domain_report, 1);

    report_copy_domain(domain, copy);
    return copy;
}

void report_free_domain(struct domain_report *domain)
{
    if (!domain)
        return;
    domain_report_clear(domain);
    g_free(domain);
}

void report_set_absent(const char *uuid, const char *detail, struct domain_report *ret)
{
    const struct domain_report absent = {
        .uuid = (char *)(uintptr_t)uuid, /* only read, by the copy */
        .state = DOMAIN_ABSENT,
        .detail = (char *)(uintptr_t)detail,
    };

    report_copy_domain(&absent, ret);
}
