# deploy/automake.mk - scripts, units and samples: distributed, some installed.
EXTRA_DIST += deploy/git-hooks/pre-commit deploy/certs deploy/install-deps deploy/services
EXTRA_DIST += deploy/lab deploy/lib/lab_cgroup.sh deploy/lib/lab_cmd.sh deploy/lib/lab_common.sh \
	deploy/lib/lab_conf.sh deploy/lib/lab_guest.sh deploy/lib/lab_host.sh \
	deploy/lib/lab_host_run.sh deploy/lib/lab_net.sh \
	deploy/guest/boot.S deploy/guest/boot.c deploy/guest/boot.lds deploy/guest/init.c
EXTRA_DIST += deploy/README deploy/demo deploy/test .ci/run deploy/batch/drain deploy/batch/vms \
	deploy/batch/vrm \
	deploy/lib/demo_api.sh deploy/lib/demo_cluster.sh deploy/lib/demo_common.sh \
	deploy/lib/demo_down.sh deploy/lib/demo_drs.sh deploy/lib/demo_setup.sh \
	deploy/lib/test_run.sh deploy/lib/test_steps.sh
EXTRA_DIST += deploy/batch/README deploy/batch/lib.sh deploy/batch/drs deploy/batch/host-drain \
	deploy/batch/report deploy/batch/vm-create deploy/batch/vm-power
