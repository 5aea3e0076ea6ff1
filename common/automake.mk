# common/automake.mk - libbase: tools without domain words; libetcd: etcd's client; libmodel: the
# domain's value types.
noinst_LIBRARIES += common/libbase.a common/libetcd.a common/libmodel.a
PURE_ARCHIVES += common/libmodel.a

common_libbase_a_SOURCES = \
	common/base/clock.c common/base/clock.h \
	common/base/conf.c common/base/conf.h \
	common/base/confcheck.c common/base/confcheck.h \
	common/base/err.c common/base/err.h \
	common/base/httpc.c common/base/httpc.h \
	common/base/json.c common/base/json.h \
	common/base/log.c common/base/log.h \
	common/base/metrics.c common/base/metrics.h \
	common/base/ref.h \
	common/base/rng.c common/base/rng.h \
	common/base/text.h \
	common/base/vec.h \
	common/base/work.c common/base/work.h

common_libetcd_a_SOURCES = \
	common/etcd/etcd.c common/etcd/etcd.h \
	common/etcd/etcd_reply.c common/etcd/etcd_reply.h \
	common/etcd/etcd_txn.c common/etcd/etcd_txn.h \
	common/etcd/etcd_watch.c common/etcd/etcd_watch.h

common_libmodel_a_SOURCES = \
	common/model/alarm.c common/model/alarm.h \
	common/model/cpu.c common/model/cpu.h \
	common/model/cpumap.c \
	common/model/devices.c common/model/devices.h \
	common/model/id.c common/model/id.h \
	common/model/imc.c common/model/imc.h \
	common/model/incident.c common/model/incident.h \
	common/model/reason.h \
	common/model/snapshot.c common/model/snapshot.h \
	common/model/snapshot_check.c common/model/snapshot_check.h \
	common/model/snapshot_fields.c common/model/snapshot_fields.h \
	common/model/snapshot_json.c common/model/snapshot_json.h \
	common/model/snapshot_part.c common/model/snapshot_part.h \
	common/model/state.c common/model/state.h \
	common/model/types.c common/model/types.h

# What a program with libbase links.  The order matters: archives first, then libraries.
BASE_LIBS = common/libbase.a $(GLIB_LIBS) $(CURL_LIBS) $(JANSSON_LIBS)

EXTRA_DIST += common/model/gen-cpumap.sh common/README common/base/README common/etcd/README common/model/README
