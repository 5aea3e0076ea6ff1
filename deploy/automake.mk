# deploy/automake.mk - scripts, units and samples: distributed, some installed.
EXTRA_DIST += deploy/git-hooks/pre-commit deploy/certs deploy/install-deps deploy/services \
	deploy/lib/servers.sh
EXTRA_DIST += deploy/pair deploy/lib/pair_cmd.sh deploy/lib/pair_common.sh deploy/lib/pair_etcd.sh \
	deploy/lib/pair_front.sh deploy/lib/pair_pg.sh
EXTRA_DIST += deploy/lab deploy/lib/lab_cgroup.sh deploy/lib/lab_cmd.sh deploy/lib/lab_common.sh \
	deploy/lib/lab_bmc.sh deploy/lib/lab_conf.sh deploy/lib/lab_dog.pl deploy/lib/lab_dog.sh deploy/lib/lab_guest.sh deploy/lib/lab_host.sh \
	deploy/lib/lab_host_run.sh deploy/lib/lab_net.sh \
	deploy/guest/boot.S deploy/guest/boot.c deploy/guest/boot.lds deploy/guest/init.c
EXTRA_DIST += deploy/README deploy/demo deploy/test .ci/run \
	deploy/lib/demo_api.sh deploy/lib/demo_cluster.sh deploy/lib/demo_common.sh \
	deploy/lib/demo_down.sh deploy/lib/demo_drs.sh deploy/lib/demo_keep.sh \
	deploy/lib/demo_setup.sh \
	deploy/lib/test_run.sh deploy/lib/test_steps.sh
EXTRA_DIST += deploy/batch/README deploy/batch/lib.sh deploy/batch/drs deploy/batch/host-drain \
	deploy/batch/load-record deploy/batch/report deploy/batch/vm-create deploy/batch/vm-power

# --- make install ------------------------------------------------------------------------------
#
# Nothing here starts, creates or migrates anything: docs/operations.md says what a person does.

EXTRA_DIST += deploy/systemd/vrmd.service.in deploy/systemd/vrm-agent.service.in \
	deploy/systemd/vrm-hald.service.in \
	deploy/systemd/tmpfiles.d/vrm.conf.in
UNITS = deploy/systemd/vrmd.service deploy/systemd/vrm-agent.service deploy/systemd/vrm-hald.service
nodist_systemdsystemunit_DATA = $(UNITS)
sysusersdir = $(prefix)/lib/sysusers.d
dist_sysusers_DATA = deploy/systemd/sysusers.d/vrm.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
nodist_tmpfiles_DATA = deploy/systemd/tmpfiles.d/vrm.conf
CLEANFILES += $(UNITS) $(nodist_tmpfiles_DATA)

PUT_PATHS = $(AM_V_GEN)$(MKDIR_P) deploy/systemd/tmpfiles.d && sed -e 's,[@]sbindir@,$(sbindir),g' \
	-e 's,[@]sysconfdir@,$(sysconfdir),g' -e 's,[@]docdir@,$(docdir),g'
deploy/systemd/vrmd.service: deploy/systemd/vrmd.service.in Makefile
	$(PUT_PATHS) $(srcdir)/deploy/systemd/vrmd.service.in >$@
deploy/systemd/vrm-agent.service: deploy/systemd/vrm-agent.service.in Makefile
	$(PUT_PATHS) $(srcdir)/deploy/systemd/vrm-agent.service.in >$@
deploy/systemd/vrm-hald.service: deploy/systemd/vrm-hald.service.in Makefile
	$(PUT_PATHS) $(srcdir)/deploy/systemd/vrm-hald.service.in >$@
deploy/systemd/tmpfiles.d/vrm.conf: deploy/systemd/tmpfiles.d/vrm.conf.in Makefile
	$(PUT_PATHS) $(srcdir)/deploy/systemd/tmpfiles.d/vrm.conf.in >$@

dist_pkgdata_SCRIPTS = deploy/certs
batchdir = $(pkgdatadir)/batch
dist_batch_SCRIPTS = deploy/batch/drs deploy/batch/host-drain deploy/batch/load-record \
	deploy/batch/report \
	deploy/batch/vm-create deploy/batch/vm-power
dist_batch_DATA = deploy/batch/README deploy/batch/lib.sh

# Samples that docs/active-standby.md names; deploy/pair runs them.
pairdir = $(docdir)/pair
dist_pair_DATA = deploy/conf/pair/etcd.default deploy/conf/pair/haproxy.cfg \
	deploy/conf/pair/keepalived.conf deploy/conf/pair/pg_hba.conf deploy/conf/pair/postgresql.conf

# An administrator's files: never overwritten, removed only if still as installed.
EXTRA_DIST += deploy/conf/vrmd.conf deploy/conf/vrm-agent.conf deploy/conf/vrm-hald.conf \
	deploy/conf/make-samples
confdir = $(sysconfdir)/vrm
FOR_CONF = for conf in vrmd.conf vrm-agent.conf vrm-hald.conf; do \
	own='$(DESTDIR)$(confdir)'/$$conf; sample=$(srcdir)/deploy/conf/$$conf;
CONF_SED = sed -e 's,/etc/vrm,$(confdir),g' -e 's,/var/lib/vrm,$(localstatedir)/lib/vrm,g'

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(confdir)'
	$(FOR_CONF) test -e "$$own" || (umask 027 && $(CONF_SED) $$sample >"$$own") || exit 1; done

uninstall-local:
	$(FOR_CONF) if test -e "$$own" && $(CONF_SED) $$sample | cmp -s - "$$own"; then \
	rm -f "$$own"; fi; done

# Our own folders, unless somebody has put something there.
uninstall-hook:
	for folder in '$(batchdir)' '$(pkgdatadir)' '$(pairdir)' '$(docdir)' '$(confdir)'; do \
	if test -d "$(DESTDIR)$$folder"; then rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$folder"; fi; done

# --- what the programs say about their settings -------------------------------------------------

MAKE_SAMPLES = $(SHELL) $(srcdir)/deploy/conf/make-samples
conf-samples: vrmd vrm-agent vrm-hald
	$(MAKE_SAMPLES) vrmd ./vrmd >$(srcdir)/deploy/conf/vrmd.conf
	$(MAKE_SAMPLES) vrm-agent ./vrm-agent >$(srcdir)/deploy/conf/vrm-agent.conf
	$(MAKE_SAMPLES) vrm-hald ./vrm-hald >$(srcdir)/deploy/conf/vrm-hald.conf
	$(MAKE_SAMPLES) book ./vrmd ./vrm-agent ./vrm-hald >$(srcdir)/docs/configuration.md
.PHONY: conf-samples
