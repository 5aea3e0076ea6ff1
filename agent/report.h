/* report.h - copies of the reports of agentproto/msg.h.  Pure; any thread. */
#ifndef VRM_AGENT_REPORT_H
#define VRM_AGENT_REPORT_H

#include <glib.h>
#include <stdbool.h>

#include "agentproto/msg.h"

/* Deep copies; *ret is overwritten without being freed.  NULL strings become "". */
void report_copy_domain(const struct domain_report *domain, struct domain_report *ret);
void report_copy_command(const struct command_report *report, struct command_report *ret);
void report_copy_hello(const struct agent_hello *hello, struct agent_hello *ret);
bool report_same_domain(const struct domain_report *a, const struct domain_report *b);

/* On the heap, for hash tables. */
struct domain_report *report_dup_domain(const struct domain_report *domain);
void report_free_domain(struct domain_report *domain);

/* A domain that is not there. */
void report_set_absent(const char *uuid, const char *detail, struct domain_report *ret);

#endif /* VRM_AGENT_REPORT_H */
