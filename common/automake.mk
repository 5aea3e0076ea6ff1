noinst_LIBRARIES += common/libbase.a common/libmodel.a

common_libbase_a_SOURCES = \
	common/base/clock.c common/base/clock.h \
	common/base/conf.c common/base/conf.h \
	common/base/err.c common/base/err.h \
	common/base/httpc.c common/base/httpc.h \
	common/base/json.c common/base/json.h \
	common/base/log.c common/base/log.h \
	common/base/metrics.c common/base/metrics.h \
	common/base/ref.h \
	common/base/rng.c common/base/rng.h \
	common/base/vec.h \
	common/base/work.c common/base/work.h

common_libmodel_a_SOURCES = \
	common/model/id.c common/model/id.h \
	common/model/reason.h \
	common/model/snapshot.c common/model/snapshot.h \
	common/model/state.c common/model/state.h \
	common/model/types.c common/model/types.h
