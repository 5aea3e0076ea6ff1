# agent/automake.mk - libagent: the core and everything testable; vrm-agent: it and libvirt.
noinst_LIBRARIES += agent/libagent.a

agent_libagent_a_SOURCES = \
	agent/agent.c agent/agent.h agent/agent_private.h \
	agent/agent_run.c agent/agent_watch.c \
	agent/agent_ha.c agent/agent_ha.h \
	agent/agent_conf.c agent/agent_conf.h \
	agent/cpufacts.c agent/cpufacts.h \
	agent/decider.c agent/decider.h \
	agent/deputy.c agent/deputy.h \
	agent/deputy_home.c agent/deputy_home.h \
	agent/disk.c agent/disk.h \
	agent/domfacts.c agent/domfacts.h \
	agent/domxml.c agent/domxml.h \
	agent/exec.c agent/exec.h \
	agent/exec_right.c agent/exec_right.h \
	agent/follow.c agent/follow.h \
	agent/hostdevs.c agent/hostdevs.h \
	agent/hostinfo.c agent/hostinfo.h \
	agent/hv.h \
	agent/jobs.c agent/jobs.h \
	agent/journal.c agent/journal.h agent/journal_file.c \
	agent/mirror.c agent/mirror.h \
	agent/recovery.c agent/recovery.h \
	agent/report.c agent/report.h \
	agent/reviver.c agent/reviver.h \
	agent/server.c agent/server.h \
	agent/server_call.c agent/server_call.h \
	agent/server_tls.c agent/server_tls.h \
	agent/stats.c agent/stats.h \
	agent/volume.c agent/volume.h \
	agent/warden.c agent/warden.h \
	agent/warden_link.c agent/warden_link.h \
	agent/watch.c agent/watch.h
agent_libagent_a_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)

# What a program with libagent links before BASE_LIBS.
AGENT_LIBS = agent/libagent.a agentproto/libagentproto.a ha/librightetcd.a ha/libha.a \
	common/libetcd.a common/libmodel.a $(MHD_LIBS) $(GNUTLS_LIBS)

check_LIBRARIES += agent/libhvfake.a
agent_libhvfake_a_SOURCES = agent/warden_fake.c agent/warden_fake.h agent/hv_fake.c agent/hv_fake.h

sbin_PROGRAMS += vrm-agent
vrm_agent_SOURCES = \
	agent/frame.c agent/frame.h \
	agent/hv_libvirt.c agent/hv_libvirt.h \
	agent/lv.h \
	agent/lv_cpu.c \
	agent/lv_device.c \
	agent/lv_error.c \
	agent/lv_guest.c \
	agent/lv_link.c \
	agent/lv_migrate.c \
	agent/lv_read.c \
	agent/lv_stats.c \
	agent/lv_target.c agent/lv_target.h \
	agent/lv_verb.c \
	agent/main.c
vrm_agent_CFLAGS = $(AM_CFLAGS) $(LIBVIRT_CFLAGS) $(SYSTEMD_CFLAGS)
vrm_agent_LDADD = $(AGENT_LIBS) $(BASE_LIBS) $(LIBVIRT_LIBS) $(SYSTEMD_LIBS)

# vrm-hald: small, without libvirt, MHD and the agent's parts.
noinst_LIBRARIES += agent/libhald.a
agent_libhald_a_SOURCES = \
	agent/hald.c agent/hald.h agent/hald_private.h \
	agent/hald_beat.c agent/hald_beat.h \
	agent/hald_conf.c agent/hald_conf.h \
	agent/hald_dog.c agent/hald_dog.h \
	agent/hald_etcd.c \
	agent/hald_life.c agent/hald_life.h \
	agent/hald_proc.c agent/hald_proc.h \
	agent/hald_save.c \
	agent/hald_setup.c \
	agent/hald_show.c agent/hald_show.h \
	agent/hald_slot.c agent/hald_slot.h \
	agent/hald_slotio.c agent/hald_slotio.h \
	agent/hald_slots.c \
	agent/hald_sock.c agent/hald_sock.h \
	agent/hald_status.c \
	agent/hald_store.c \
	agent/hald_sweep.c \
	agent/hald_vm.c

HALD_LIBS = agent/libhald.a agentproto/libagentproto.a ha/librightetcd.a ha/libha.a \
	common/libetcd.a common/libmodel.a

sbin_PROGRAMS += vrm-hald
vrm_hald_SOURCES = agent/frame.c agent/frame.h agent/hald_main.c
vrm_hald_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
vrm_hald_LDADD = $(HALD_LIBS) $(BASE_LIBS) $(SYSTEMD_LIBS)

EXTRA_DIST += agent/README
