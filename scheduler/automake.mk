# scheduler/automake.mk - libscheduler: the pure planner; snapshot and policy in, plan out.
noinst_LIBRARIES += scheduler/libscheduler.a
PURE_ARCHIVES += scheduler/libscheduler.a
EXTRA_DIST += scheduler/README

scheduler_libscheduler_a_SOURCES = \
	scheduler/admission.c scheduler/admission.h \
	scheduler/balance.c scheduler/balance.h \
	scheduler/compose.c scheduler/compose.h \
	scheduler/evacuate.c scheduler/evacuate.h \
	scheduler/explain.c scheduler/explain.h \
	scheduler/filter.c scheduler/filter.h \
	scheduler/ganeti.h \
	scheduler/ganeti_load.c \
	scheduler/ganeti_model.c \
	scheduler/ganeti_parse.c \
	scheduler/ganeti_row.c scheduler/ganeti_row.h \
	scheduler/ganeti_write.c \
	scheduler/improve.c scheduler/improve.h \
	scheduler/layout.c scheduler/layout.h \
	scheduler/order.c scheduler/order.h \
	scheduler/place.c scheduler/place.h \
	scheduler/plan.c scheduler/plan.h \
	scheduler/problem.c scheduler/problem.h \
	scheduler/refit.c scheduler/refit.h \
	scheduler/rules.c scheduler/rules.h \
	scheduler/ruleset.c scheduler/ruleset.h \
	scheduler/sched_params.c scheduler/sched_params.h \
	scheduler/search.c scheduler/search.h \
	scheduler/whatif.c scheduler/whatif.h

# What a program with the scheduler links, before BASE_LIBS.
SCHED_LIBS = scheduler/libscheduler.a common/libmodel.a
