noinst_LIBRARIES += api/libapi.a

api_libapi_a_SOURCES = \
	api/answer.c api/answer.h \
	api/auth.c api/auth.h \
	api/body.c api/body.h \
	api/known.c api/known.h \
	api/cert.c api/cert.h \
	api/conn.c api/conn.h \
	api/feed.c api/feed.h \
	api/field.h \
	api/gate.c api/gate.h \
	api/h_alarm.c \
	api/h_audit.c \
	api/h_cluster.c \
	api/h_cluster_put.c \
	api/h_cluster_rules.c api/h_cluster_rules.h \
	api/h_datastore.c \
	api/h_devices.c api/h_devices.h \
	api/h_dpm.c api/h_drain.c api/h_drs.c \
	api/h_event.c \
	api/h_explain.c \
	api/h_group.c \
	api/h_ha.c \
	api/h_health.c \
	api/h_host.c \
	api/h_imc.c \
	api/h_host_put.c \
	api/h_monitor.c \
	api/h_session.c \
	api/h_site.c \
	api/h_stream.c \
	api/h_task.c \
	api/h_user.c \
	api/h_vm.c \
	api/h_vm_action.c \
	api/h_vm_ha.c api/h_vm_ha.h \
	api/h_vm_put.c \
	api/handlers.h \
	api/http.c api/http.h \
	api/jw.c api/jw.h \
	api/ops.c api/ops.h \
	api/ops_ask.c api/ops_ask.h \
	api/read.c api/read.h \
	api/reply.c api/reply.h \
	api/request.c api/request.h \
	api/route.c api/route.h \
	api/stream.c api/stream.h \
	api/target.c api/target.h \
	api/tls.c api/tls.h

EXTRA_DIST += api/README
