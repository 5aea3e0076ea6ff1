/* hostinfo.h - what the kernel and libvirt's capabilities say about this machine.
 *
 * hostinfo_parse_*: pure.  The others read small files of /proc and /sys: workers only. */
#ifndef VRM_AGENT_HOSTINFO_H
#define VRM_AGENT_HOSTINFO_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/stats.h"

/* From virConnectGetCapabilities; strings are the caller's, NULL if absent. */
struct hostinfo_caps {
    char *uuid;
    char *cpu_model;
    char *cpu_vendor;
};
bool hostinfo_parse_caps(const char *xml, struct hostinfo_caps *ret_caps, GError **error);
void hostinfo_caps_clear(struct hostinfo_caps *caps);

/* MemTotal - MemAvailable of /proc/meminfo; 0 if the text has them not. */
uint64_t hostinfo_parse_mem_used_kib(const char *meminfo);
/* Bytes in both directions over the interfaces of /proc/net/dev for which counts(name) is true. */
uint64_t hostinfo_parse_net_bytes(const char *net_dev, bool (*counts)(const char *name));
/* "AMD EPYC 7B13 @ 2.45GHz" -> 2450; 0 if the name has no frequency. */
int64_t hostinfo_parse_name_mhz(const char *cpu_name);

/* "" if unreadable; one line, trimmed. */
char *hostinfo_read_line(const char *path);
/* The machine's boot; "" if unreadable. */
char *hostinfo_boot_id(void);
/* Sustained frequency of one core: idle or boosting cores must not change what a host is worth.
 * fallback_mhz is what libvirt says, the frequency at this moment. */
int64_t hostinfo_cpu_mhz(int64_t fallback_mhz);
int64_t hostinfo_nic_count(void);
/* Speeds of the cards (or what leads outside) that have a link, summed, Mbit/s; 0: not known. */
int64_t hostinfo_net_mbps(void);
/* CPU time used by everything in our root control group, which on a host is everything.  False:
 * not known this way. */
bool hostinfo_cpu_busy_ns(uint64_t *ret_ns);
/* Fills memory and network. */
void hostinfo_sample(struct stats_host_sample *ret_sample);

#endif /* VRM_AGENT_HOSTINFO_H */
