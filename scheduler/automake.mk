# scheduler/automake.mk - libscheduler: the pure planner; snapshot and policy in, plan out.
noinst_LIBRARIES += scheduler/libscheduler.a
PURE_ARCHIVES += scheduler/libscheduler.a
EXTRA_DIST += scheduler/README

scheduler_libscheduler_a_SOURCES = \
	scheduler/admission.c scheduler/admission.h \
	scheduler/admission_rack.c \
	scheduler/balance.c scheduler/balance.h \
	scheduler/compose.c scheduler/compose.h \
	scheduler/cpufit.c scheduler/cpufit.h \
	scheduler/devfit.c scheduler/devfit.h \
	scheduler/drift.c scheduler/drift.h \
	scheduler/dpm.c scheduler/dpm.h \
	scheduler/dpm_need.c scheduler/dpm_need.h \
	scheduler/entitle.c scheduler/entitle.h \
	scheduler/evacuate.c scheduler/evacuate.h \
	scheduler/explain.c scheduler/explain.h \
	scheduler/explain_vm.c scheduler/explain_vm.h \
	scheduler/filter.c scheduler/filter.h \
	scheduler/filter_target.c \
	scheduler/ganeti.h \
	scheduler/ganeti_load.c \
	scheduler/ganeti_model.c \
	scheduler/ganeti_parse.c \
	scheduler/ganeti_row.c scheduler/ganeti_row.h \
	scheduler/ganeti_improve.c scheduler/ganeti_improve.h \
	scheduler/ganeti_score.c scheduler/ganeti_score.h \
	scheduler/ganeti_tags.c scheduler/ganeti_tags.h \
	scheduler/ganeti_write.c \
	scheduler/anneal.c scheduler/anneal.h scheduler/improve.c scheduler/improve.h \
	scheduler/imc.c scheduler/imc.h \
	scheduler/grow.c scheduler/grow.h scheduler/layout.c scheduler/layout.h \
	scheduler/order.c scheduler/order.h \
	scheduler/place.c scheduler/place.h \
	scheduler/plan.c scheduler/plan.h \
	scheduler/problem.c scheduler/problem.h \
	scheduler/losstext.c scheduler/losstext.h \
	scheduler/refit.c scheduler/refit.h \
	scheduler/replay.c scheduler/replay.h scheduler/replay_set.c \
	scheduler/rulefit.c scheduler/rulefit.h \
	scheduler/rules.c scheduler/rules.h scheduler/rules_breach.c \
	scheduler/rest.c scheduler/rest.h \
	scheduler/rules_judge.c \
	scheduler/ruleset.c scheduler/ruleset.h \
	scheduler/starts.c scheduler/starts.h \
	scheduler/sched_params.c scheduler/sched_params.h \
	scheduler/search.c scheduler/search.h \
	scheduler/trace.c scheduler/trace.h \
	scheduler/whatif.c scheduler/whatif.h

# What a program with the scheduler links, before BASE_LIBS.
SCHED_LIBS = scheduler/libscheduler.a common/libmodel.a -lm

# The planner over files: everything that reads and prints is here, what decides above.
bin_PROGRAMS += vrm-plan
vrm_plan_SOURCES = \
	scheduler/tool/command.h \
	scheduler/tool/command_ask.c \
	scheduler/tool/command_dpm.c \
	scheduler/tool/command_replay.c \
	scheduler/tool/command_plan.c \
	scheduler/tool/command_reserve.c \
	scheduler/tool/input.c scheduler/tool/input.h \
	scheduler/tool/main.c \
	scheduler/tool/options.c scheduler/tool/options.h \
	scheduler/tool/outcome.c scheduler/tool/outcome.h \
	scheduler/tool/show.c scheduler/tool/show.h
vrm_plan_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
