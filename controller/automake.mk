# Leadership over etcd; an archive of its own, so that its tests link nothing else of the controller.
EXTRA_DIST += controller/README
noinst_LIBRARIES += controller/libleader.a controller/libcontroller.a

controller_libleader_a_SOURCES = controller/leader.c controller/leader.h \
	controller/release.c controller/release.h

# All of vrmd but main, so that tests can link it.
controller_libcontroller_a_SOURCES = \
	controller/agents.c controller/agents.h \
	controller/alarm.c controller/alarm.h \
	controller/app.c controller/app.h \
	controller/change_text.c controller/change_text.h \
	controller/changes.c controller/changes.h \
	controller/child.c controller/child.h \
	controller/call.c controller/call.h \
	controller/commit.c controller/commit.h \
	controller/dbq.c controller/dbq.h \
	controller/dpm.c controller/dpm.h controller/dpm_private.h \
	controller/dpm_gauge.c controller/dpm_host.c controller/dpm_look.c controller/dpm_order.c \
	controller/dpm_trouble.c controller/dpm_trouble.h \
	controller/drs.c controller/drs.h controller/drs_private.h \
	controller/drs_apply.c controller/drs_drift.c controller/drs_order.c \
	controller/forget.c controller/forget.h \
	controller/ha_act.c controller/ha_again.c controller/ha_guest.c \
	controller/ha_beats.c \
	controller/ha_count.c controller/ha_count.h \
	controller/ha_book.c controller/ha_book_host.c controller/ha_book_vm.c \
	controller/ha_book_private.h \
	controller/ha_place.c \
	controller/ha_shell.c controller/ha_shell.h controller/ha_shell_private.h \
	controller/ha_slots.c \
	controller/ha_sync.c \
	controller/ha_view.c \
	controller/ha_wish.c controller/ha_wish.h \
	controller/ha_witness.c \
	controller/history.c controller/history.h \
	controller/host_setup.c controller/host_setup.h \
	controller/host_news.c controller/host_news.h \
	controller/imc_gate.c controller/imc_gate.h \
	controller/inventory.c controller/inventory.h \
	controller/load.c controller/load.h \
	controller/load_all.c controller/load_all.h \
	controller/metrics_view.c controller/metrics_view.h \
	controller/observe.c controller/observe.h controller/observe_private.h \
	controller/observe_hello.c controller/observe_host.c controller/observe_vm.c \
	controller/on_alarm.c \
	controller/on_cluster.c \
	controller/on_dpm.c controller/on_drs.c \
	controller/on_explain.c \
	controller/on_group.c \
	controller/on_ha.c \
	controller/on_history.c \
	controller/on_host.c \
	controller/on_imc.c \
	controller/on_session.c \
	controller/on_vm.c \
	controller/plan_book.c controller/plan_book.h \
	controller/plan_publish.c controller/plan_publish.h \
	controller/plan_targets.c controller/plan_targets.h \
	controller/power.c controller/power.h \
	controller/right_keep.c controller/right_keep.h \
	controller/right_show.c controller/right_show.h \
	controller/right_steps.c controller/right_steps.h \
	controller/rights.c controller/rights.h controller/rights_private.h controller/rights_send.c \
	controller/role.c controller/role.h \
	controller/rule_watch.c controller/rule_watch.h \
	controller/rule_check.c controller/rule_check.h \
	controller/runtime.c controller/runtime.h \
	controller/sessions.c controller/sessions.h \
	controller/settings.c controller/settings.h \
	controller/settings_check.c controller/settings_check.h \
	controller/task.c controller/task.h \
	controller/task_dpm.c controller/task_dpm.h \
	controller/task_host.c controller/task_host.h \
	controller/task_power.c controller/task_power.h \
	controller/task_vm.c controller/task_vm.h \
	controller/users.c controller/users.h \
	controller/views.c controller/views.h \
	controller/vm_after.c controller/vm_after.h \
	controller/vm_files.c controller/vm_files.h \
	controller/vm_mac.c controller/vm_mac.h \
	controller/vm_order.c controller/vm_order.h \
	controller/vm_owed.c controller/vm_owed.h \
	controller/slots.c controller/slots.h \
	controller/start_pace.c controller/start_pace.h \
	controller/stores.c controller/stores.h \
	controller/vm_grow.c controller/vm_grow.h \
	controller/vm_hang.c controller/vm_hang.h \
	controller/vm_target.c controller/vm_target.h \
	controller/vm_starts.c controller/vm_starts.h \
	controller/vm_verb.c controller/vm_verb.h

sbin_PROGRAMS += vrmd
vrmd_SOURCES = controller/main.c
vrmd_LDADD = controller/libcontroller.a controller/libleader.a api/libapi.a db/libdb.a \
	scheduler/libscheduler.a ha/librightetcd.a ha/libha.a common/libetcd.a agentproto/libagentproto.a common/libmodel.a \
	common/libbase.a $(MHD_LIBS) $(GNUTLS_LIBS) $(PQ_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) \
	$(SYSTEMD_LIBS) $(CRYPT_LIBS) $(GLIB_LIBS) -lpthread
