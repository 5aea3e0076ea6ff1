# agent/automake.mk - libagent: the core and everything testable; vrm-agent: it and libvirt.
noinst_LIBRARIES += agent/libagent.a

agent_libagent_a_SOURCES = \
	agent/agent.c agent/agent.h agent/agent_private.h \
	agent/agent_run.c agent/agent_watch.c \
	agent/agent_conf.c agent/agent_conf.h \
	agent/cpufacts.c agent/cpufacts.h \
	agent/disk.c agent/disk.h \
	agent/domfacts.c agent/domfacts.h \
	agent/domxml.c agent/domxml.h \
	agent/exec.c agent/exec.h \
	agent/hostdevs.c agent/hostdevs.h \
	agent/hostinfo.c agent/hostinfo.h \
	agent/hv.h \
	agent/jobs.c agent/jobs.h \
	agent/journal.c agent/journal.h agent/journal_file.c \
	agent/mirror.c agent/mirror.h \
	agent/report.c agent/report.h \
	agent/server.c agent/server.h \
	agent/server_call.c agent/server_call.h \
	agent/server_tls.c agent/server_tls.h \
	agent/stats.c agent/stats.h \
	agent/volume.c agent/volume.h \
	agent/watch.c agent/watch.h
agent_libagent_a_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)

# What a program with libagent links before BASE_LIBS.
AGENT_LIBS = agent/libagent.a agentproto/libagentproto.a common/libmodel.a $(MHD_LIBS) $(GNUTLS_LIBS)

check_LIBRARIES += agent/libhvfake.a
agent_libhvfake_a_SOURCES = agent/hv_fake.c agent/hv_fake.h

sbin_PROGRAMS += vrm-agent
vrm_agent_SOURCES = \
	agent/hv_libvirt.c agent/hv_libvirt.h \
	agent/lv.h \
	agent/lv_cpu.c \
	agent/lv_device.c \
	agent/lv_error.c \
	agent/lv_link.c \
	agent/lv_migrate.c \
	agent/lv_read.c \
	agent/lv_stats.c \
	agent/lv_target.c agent/lv_target.h \
	agent/lv_verb.c \
	agent/main.c
vrm_agent_CFLAGS = $(AM_CFLAGS) $(LIBVIRT_CFLAGS) $(SYSTEMD_CFLAGS)
vrm_agent_LDADD = $(AGENT_LIBS) $(BASE_LIBS) $(LIBVIRT_LIBS) $(SYSTEMD_LIBS)

EXTRA_DIST += agent/README
