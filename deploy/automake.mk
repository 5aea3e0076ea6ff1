# deploy/automake.mk - scripts, units and samples: distributed, some installed.
EXTRA_DIST += deploy/git-hooks/pre-commit deploy/certs deploy/install-deps deploy/services
EXTRA_DIST += deploy/lab deploy/lib/lab_cgroup.sh deploy/lib/lab_cmd.sh deploy/lib/lab_common.sh \
	deploy/lib/lab_conf.sh deploy/lib/lab_guest.sh deploy/lib/lab_host.sh \
	deploy/lib/lab_host_run.sh deploy/lib/lab_net.sh \
	deploy/guest/boot.S deploy/guest/boot.c deploy/guest/boot.lds deploy/guest/init.c
