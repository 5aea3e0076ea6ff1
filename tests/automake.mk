# tests/automake.mk - one program per module: UNIT_TESTS += tests/test_x, its _SOURCES, and _LDADD.
#
# Each module's lines stand in its folder's section, so that two branches rarely meet.

# Every unit test links these last.
TEST_LIBS = $(BASE_LIBS) $(CHECK_LIBS)

UNIT_TESTS =
# Tests against real services: programs, and the scripts that run them.  They exit with 77 when a
# service is missing (an error with VRM_REQUIRE_ALL=1).
COMPONENTS =
COMPONENT_CHECKS =

# Fuzz targets: FUZZ_TARGETS += tests/fuzz/fuzz_x, its _SOURCES with $(FUZZ_MAIN), _LDADD, and
# _LDFLAGS = $(FUZZ_LINK).  make check replays tests/fuzz/corpus/x; --enable-fuzz (clang) links
# libFuzzer instead: tests/fuzz/fuzz_x -max_total_time=60 CORPUS.
FUZZ_TARGETS =
EXTRA_DIST += tests/fuzz/corpus
if FUZZ
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/replay_main.c
else
FUZZ_MAIN = tests/fuzz/replay_main.c
FUZZ_LINK = $(AM_LDFLAGS)
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
endif

# --- common/base -------------------------------------------------------------------------------
UNIT_TESTS += tests/test_err tests/test_clock tests/test_rng tests/test_log tests/test_vec
UNIT_TESTS += tests/test_json tests/test_work tests/test_conf tests/test_confcheck
UNIT_TESTS += tests/test_httpc tests/test_httpc_cancel tests/test_httpc_tls tests/test_metrics

tests_test_err_SOURCES = tests/test_err.c tests/suite.h
tests_test_err_LDADD = $(TEST_LIBS)
tests_test_clock_SOURCES = tests/test_clock.c tests/suite.h
tests_test_clock_LDADD = $(TEST_LIBS)
tests_test_rng_SOURCES = tests/test_rng.c tests/suite.h
tests_test_rng_LDADD = $(TEST_LIBS)
tests_test_log_SOURCES = tests/test_log.c tests/suite.h
tests_test_log_LDADD = $(TEST_LIBS)
tests_test_vec_SOURCES = tests/test_vec.c tests/suite.h
tests_test_vec_LDADD = $(TEST_LIBS)
tests_test_json_SOURCES = tests/test_json.c tests/suite.h
tests_test_json_LDADD = $(TEST_LIBS)
tests_test_work_SOURCES = tests/test_work.c tests/suite.h
tests_test_work_LDADD = $(TEST_LIBS)
tests_test_conf_SOURCES = tests/test_conf.c tests/suite.h
tests_test_conf_LDADD = $(TEST_LIBS)
tests_test_confcheck_SOURCES = tests/test_confcheck.c tests/suite.h tests/tempdir.h
tests_test_confcheck_LDADD = $(TEST_LIBS)
HTTPC_BENCH = tests/httpc_bench.c tests/httpc_bench.h tests/testcerts.h tests/suite.h
HTTPC_TEST_LIBS = $(TEST_LIBS) $(MHD_LIBS) $(GNUTLS_LIBS)
tests_test_httpc_SOURCES = tests/test_httpc.c $(HTTPC_BENCH)
tests_test_httpc_LDADD = $(HTTPC_TEST_LIBS)
tests_test_httpc_cancel_SOURCES = tests/test_httpc_cancel.c $(HTTPC_BENCH)
tests_test_httpc_cancel_LDADD = $(HTTPC_TEST_LIBS)
tests_test_httpc_tls_SOURCES = tests/test_httpc_tls.c tests/testcerts.c $(HTTPC_BENCH)
tests_test_httpc_tls_LDADD = $(HTTPC_TEST_LIBS)
tests_test_metrics_SOURCES = tests/test_metrics.c tests/suite.h
tests_test_metrics_LDADD = $(TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_conf tests/fuzz/fuzz_json

tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c $(FUZZ_MAIN)
tests_fuzz_fuzz_conf_LDADD = $(BASE_LIBS)
tests_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(FUZZ_MAIN)
tests_fuzz_fuzz_json_LDADD = $(BASE_LIBS)
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LINK)

# --- common/model ------------------------------------------------------------------------------
MODEL_TEST_LIBS = common/libmodel.a $(TEST_LIBS)

UNIT_TESTS += tests/test_cpu tests/test_id tests/test_state tests/test_types tests/test_snapshot

UNIT_TESTS += tests/test_devices
tests_test_devices_SOURCES = tests/test_devices.c tests/suite.h
tests_test_devices_LDADD = $(MODEL_TEST_LIBS)
tests_test_cpu_SOURCES = tests/test_cpu.c tests/suite.h
tests_test_cpu_LDADD = $(MODEL_TEST_LIBS)
tests_test_id_SOURCES = tests/test_id.c tests/suite.h
tests_test_id_LDADD = $(MODEL_TEST_LIBS)
tests_test_state_SOURCES = tests/test_state.c tests/suite.h
tests_test_state_LDADD = $(MODEL_TEST_LIBS)
tests_test_types_SOURCES = tests/test_types.c tests/suite.h
tests_test_types_LDADD = $(MODEL_TEST_LIBS)
tests_test_snapshot_SOURCES = tests/test_snapshot.c tests/suite.h
tests_test_snapshot_LDADD = $(MODEL_TEST_LIBS)

# Benchmarks are built by make check, so that they never rot, and run by hand.
check_PROGRAMS += tests/bench/bench_snapshot
tests_bench_bench_snapshot_SOURCES = tests/bench/bench_snapshot.c
tests_bench_bench_snapshot_LDADD = common/libmodel.a $(BASE_LIBS)

# --- agentproto --------------------------------------------------------------------------------
PROTO_TEST_LIBS = agentproto/libagentproto.a $(MODEL_TEST_LIBS)

UNIT_TESTS += tests/test_agentproto tests/test_ha_setup

tests_test_agentproto_SOURCES = tests/test_agentproto.c tests/suite.h
tests_test_agentproto_LDADD = $(PROTO_TEST_LIBS)
tests_test_ha_setup_SOURCES = tests/test_ha_setup.c tests/suite.h
tests_test_ha_setup_LDADD = $(PROTO_TEST_LIBS)

UNIT_TESTS += tests/test_beat tests/test_hald_msg tests/test_ha_plan
tests_test_ha_plan_SOURCES = tests/test_ha_plan.c tests/suite.h
tests_test_ha_plan_LDADD = $(PROTO_TEST_LIBS)
tests_test_beat_SOURCES = tests/test_beat.c tests/suite.h
tests_test_beat_LDADD = $(PROTO_TEST_LIBS)
tests_test_hald_msg_SOURCES = tests/test_hald_msg.c tests/suite.h
tests_test_hald_msg_LDADD = $(PROTO_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_agent_msg tests/fuzz/fuzz_watch
FUZZ_TARGETS += tests/fuzz/fuzz_beat tests/fuzz/fuzz_hald_msg tests/fuzz/fuzz_ha_plan
tests_fuzz_fuzz_ha_plan_SOURCES = tests/fuzz/fuzz_ha_plan.c $(FUZZ_MAIN)
tests_fuzz_fuzz_ha_plan_LDADD = $(PROTO_FUZZ_LIBS)
tests_fuzz_fuzz_ha_plan_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_agent_msg_SOURCES = tests/fuzz/fuzz_agent_msg.c $(FUZZ_MAIN)
tests_fuzz_fuzz_agent_msg_LDADD = $(PROTO_FUZZ_LIBS)
tests_fuzz_fuzz_agent_msg_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_watch_SOURCES = tests/fuzz/fuzz_watch.c $(FUZZ_MAIN)
tests_fuzz_fuzz_watch_LDADD = $(PROTO_FUZZ_LIBS)
tests_fuzz_fuzz_watch_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_beat_SOURCES = tests/fuzz/fuzz_beat.c $(FUZZ_MAIN)
tests_fuzz_fuzz_beat_LDADD = $(PROTO_FUZZ_LIBS)
tests_fuzz_fuzz_beat_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_hald_msg_SOURCES = tests/fuzz/fuzz_hald_msg.c $(FUZZ_MAIN)
tests_fuzz_fuzz_hald_msg_LDADD = $(PROTO_FUZZ_LIBS)
tests_fuzz_fuzz_hald_msg_LDFLAGS = $(FUZZ_LINK)
PROTO_FUZZ_LIBS = agentproto/libagentproto.a common/libmodel.a $(BASE_LIBS)

# --- scheduler ---------------------------------------------------------------------------------
UNIT_TESTS += tests/test_sched_balance tests/test_sched_filter tests/test_sched_golden
UNIT_TESTS += tests/test_sched_anneal tests/test_sched_layout tests/test_sched_place tests/test_sched_random
UNIT_TESTS += tests/test_sched_rules
UNIT_TESTS += tests/test_admission tests/test_ganeti tests/test_ganeti_score \
	tests/test_snapshot_check \
	tests/test_snapshot_json
UNIT_TESTS += tests/test_explain_vm tests/test_starts
EXTRA_DIST += $(SCHED_GOLDEN)

SCHED_GOLDEN = \
	tests/golden/sched-conflicts.scn tests/golden/sched-conflicts.plan \
	tests/golden/sched-demo.scn tests/golden/sched-demo.plan \
	tests/golden/sched-evacuate.scn tests/golden/sched-evacuate.plan \
	tests/golden/sched-no-decision.scn tests/golden/sched-no-decision.plan \
	tests/golden/sched-order.scn tests/golden/sched-order.plan \
	tests/golden/sched-overload.scn tests/golden/sched-overload.plan \
	tests/golden/sched-place.scn tests/golden/sched-place.plan \
	tests/golden/sched-imc.scn tests/golden/sched-imc.plan \
	tests/golden/sched-dpm.scn tests/golden/sched-dpm.plan \
	tests/golden/sched-dpm-limits.scn tests/golden/sched-dpm-limits.plan \
	tests/golden/sched-bounds.scn tests/golden/sched-bounds.plan \
	tests/golden/sched-devices.scn tests/golden/sched-devices.plan \
	tests/golden/sched-entitlement.scn tests/golden/sched-entitlement.plan \
	tests/golden/sched-network.scn tests/golden/sched-network.plan \
	tests/golden/sched-racks.scn tests/golden/sched-racks.plan \
	tests/golden/sched-policy.scn tests/golden/sched-policy.plan \
	tests/golden/sched-rulegroups.scn tests/golden/sched-rulegroups.plan \
	tests/golden/sched-rules.scn tests/golden/sched-rules.plan

SCHED_TEST_LIBS = $(SCHED_LIBS) $(TEST_LIBS)
SCHED_TEST_SOURCES = tests/sched_scn.c tests/sched_scn.h tests/sched_scn_private.h \
	tests/sched_scn_do.c tests/sched_scn_read.c tests/suite.h
tests_test_sched_balance_SOURCES = tests/test_sched_balance.c $(SCHED_TEST_SOURCES)
tests_test_sched_balance_LDADD = $(SCHED_TEST_LIBS)
UNIT_TESTS += tests/test_sched_drift
tests_test_sched_drift_SOURCES = tests/test_sched_drift.c $(SCHED_TEST_SOURCES)
tests_test_sched_drift_LDADD = $(SCHED_TEST_LIBS)
UNIT_TESTS += tests/test_entitle
tests_test_entitle_SOURCES = tests/test_entitle.c tests/suite.h
tests_test_entitle_LDADD = $(SCHED_TEST_LIBS)
tests_test_sched_filter_SOURCES = tests/test_sched_filter.c $(SCHED_TEST_SOURCES)
tests_test_sched_filter_LDADD = $(SCHED_TEST_LIBS)
tests_test_sched_golden_SOURCES = tests/test_sched_golden.c $(SCHED_TEST_SOURCES)
tests_test_sched_golden_LDADD = $(SCHED_TEST_LIBS)
tests_test_sched_anneal_SOURCES = tests/test_sched_anneal.c tests/sched_gen.c tests/sched_gen.h \
	tests/suite.h
tests_test_sched_anneal_LDADD = $(SCHED_TEST_LIBS)
tests_test_sched_layout_SOURCES = tests/test_sched_layout.c tests/sched_gen.c tests/sched_gen.h \
	$(SCHED_TEST_SOURCES)
tests_test_sched_layout_LDADD = $(SCHED_TEST_LIBS)
tests_test_sched_place_SOURCES = tests/test_sched_place.c $(SCHED_TEST_SOURCES)
tests_test_sched_place_LDADD = $(SCHED_TEST_LIBS)
tests_test_sched_rules_SOURCES = tests/test_sched_rules.c $(SCHED_TEST_SOURCES)
tests_test_sched_rules_LDADD = $(SCHED_TEST_LIBS)
tests_test_sched_random_SOURCES = tests/test_sched_random.c tests/sched_gen.c tests/sched_gen.h \
	tests/suite.h
tests_test_sched_random_LDADD = $(SCHED_TEST_LIBS) -lm

UNIT_TESTS += tests/test_rest
tests_test_rest_SOURCES = tests/test_rest.c tests/suite.h
tests_test_rest_LDADD = $(SCHED_TEST_LIBS)

# Thousands of random clusters under a judge of its own: make check takes some hundred.
check_PROGRAMS += tests/prove_sched
TESTS += tests/prove_sched
tests_prove_sched_SOURCES = tests/prove_sched.c tests/naive.c tests/naive.h tests/sched_wild.c \
	tests/sched_wild.h
tests_prove_sched_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
check_PROGRAMS += tests/sim_day
TESTS += tests/sim_day
tests_sim_day_SOURCES = tests/sim_day.c tests/sched_gen.c tests/sched_gen.h
tests_sim_day_LDADD = $(SCHED_LIBS) $(BASE_LIBS) -lm

# Against an exact solver, where there is one.
check_PROGRAMS += tests/oracle_glpk
TESTS += tests/oracle_glpk
tests_oracle_glpk_SOURCES = tests/oracle_glpk.c tests/naive.c tests/naive.h
tests_oracle_glpk_LDADD = $(SCHED_LIBS) $(BASE_LIBS) $(GLPK_LIBS) -lm

# Run by deploy/test: broken checks that a test must notice.
EXTRA_DIST += tests/mutate.sh
.PHONY: mutate-libs
mutate-libs:
	@echo $(SCHED_TEST_LIBS)

UNIT_TESTS += tests/test_grow
tests_test_grow_SOURCES = tests/test_grow.c tests/sched_gen.c tests/sched_gen.h \
	$(SCHED_TEST_SOURCES)
tests_test_grow_LDADD = $(SCHED_TEST_LIBS)
tests_test_admission_SOURCES = tests/test_admission.c tests/sched_gen.c tests/sched_gen.h \
	$(SCHED_TEST_SOURCES)
tests_test_admission_LDADD = $(SCHED_TEST_LIBS)
UNIT_TESTS += tests/test_replay
tests_test_replay_SOURCES = tests/test_replay.c tests/suite.h
tests_test_replay_LDADD = $(SCHED_TEST_LIBS)
tests_test_ganeti_score_SOURCES = tests/test_ganeti_score.c tests/suite.h
tests_test_ganeti_score_LDADD = $(SCHED_TEST_LIBS)
tests_test_starts_SOURCES = tests/test_starts.c tests/sched_gen.c tests/sched_gen.h \
	$(SCHED_TEST_SOURCES)
tests_test_starts_LDADD = $(SCHED_TEST_LIBS)
tests_test_explain_vm_SOURCES = tests/test_explain_vm.c $(SCHED_TEST_SOURCES)
tests_test_explain_vm_LDADD = $(SCHED_TEST_LIBS)
tests_test_ganeti_SOURCES = tests/test_ganeti.c tests/suite.h
tests_test_ganeti_LDADD = $(SCHED_TEST_LIBS)
tests_test_snapshot_check_SOURCES = tests/test_snapshot_check.c tests/suite.h
tests_test_snapshot_check_LDADD = common/libmodel.a $(TEST_LIBS)
tests_test_snapshot_json_SOURCES = tests/test_snapshot_json.c tests/sched_gen.c tests/sched_gen.h \
	tests/suite.h
tests_test_snapshot_json_LDADD = $(SCHED_TEST_LIBS)

# vrm-plan, and hbal beside it by hand (tests/bench/scheduler).
TESTS += tests/test_plan.sh tests/test_plan_input.sh
EXTRA_DIST += tests/test_plan.sh tests/test_plan_input.sh tests/plan_lib.sh tests/bench/scheduler

FUZZ_TARGETS += tests/fuzz/fuzz_ganeti tests/fuzz/fuzz_snapshot tests/fuzz/fuzz_trace
tests_fuzz_fuzz_trace_SOURCES = tests/fuzz/fuzz_trace.c $(FUZZ_MAIN)
tests_fuzz_fuzz_trace_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_trace_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_ganeti_SOURCES = tests/fuzz/fuzz_ganeti.c $(FUZZ_MAIN)
tests_fuzz_fuzz_ganeti_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_ganeti_LDFLAGS = $(FUZZ_LINK)
FUZZ_TARGETS += tests/fuzz/fuzz_whatif
tests_fuzz_fuzz_whatif_SOURCES = tests/fuzz/fuzz_whatif.c $(FUZZ_MAIN)
tests_fuzz_fuzz_whatif_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_whatif_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_snapshot_SOURCES = tests/fuzz/fuzz_snapshot.c $(FUZZ_MAIN)
tests_fuzz_fuzz_snapshot_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_snapshot_LDFLAGS = $(FUZZ_LINK)

# Run by hand; built with the tests so that it does not rot.
check_PROGRAMS += tests/bench/bench_balance
tests_bench_bench_balance_SOURCES = tests/bench/bench_balance.c tests/sched_gen.c tests/sched_gen.h
tests_bench_bench_balance_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
check_PROGRAMS += tests/bench/bench_explain
tests_bench_bench_explain_SOURCES = tests/bench/bench_explain.c tests/sched_gen.c tests/sched_gen.h
tests_bench_bench_explain_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
check_PROGRAMS += tests/bench/bench_dpm
tests_bench_bench_dpm_SOURCES = tests/bench/bench_dpm.c tests/sched_gen.c tests/sched_gen.h
tests_bench_bench_dpm_LDADD = $(SCHED_LIBS) $(BASE_LIBS)
check_PROGRAMS += tests/bench/gencluster
tests_bench_gencluster_SOURCES = tests/bench/gencluster.c
tests_bench_gencluster_LDADD = common/libmodel.a $(BASE_LIBS)

# --- ha ----------------------------------------------------------------------------------------
UNIT_TESTS += tests/test_leader_fsm tests/test_leader_sim
EXTRA_DIST += tests/golden/leader.dot

tests_test_leader_fsm_SOURCES = tests/test_leader_fsm.c tests/suite.h
tests_test_leader_fsm_LDADD = ha/libha.a $(TEST_LIBS)
tests_test_leader_sim_SOURCES = tests/test_leader_sim.c tests/suite.h
tests_test_leader_sim_LDADD = ha/libha.a $(TEST_LIBS)

UNIT_TESTS += tests/test_ha_tables tests/test_ha_right tests/test_right_etcd tests/test_standin
tests_test_standin_SOURCES = tests/test_standin.c tests/suite.h
tests_test_standin_LDADD = ha/libha.a $(TEST_LIBS)
tests_test_ha_tables_SOURCES = tests/test_ha_tables.c tests/suite.h
tests_test_ha_tables_LDADD = ha/libha.a $(TEST_LIBS)
UNIT_TESTS += tests/test_hang
tests_test_hang_SOURCES = tests/test_hang.c tests/suite.h
tests_test_hang_LDADD = ha/libha.a $(TEST_LIBS)
UNIT_TESTS += tests/test_ha_turns
tests_test_ha_turns_SOURCES = tests/test_ha_turns.c tests/ha_usual.h tests/suite.h
tests_test_ha_turns_LDADD = ha/libha.a $(TEST_LIBS)
UNIT_TESTS += tests/test_ha_grips
tests_test_ha_grips_SOURCES = tests/test_ha_grips.c tests/ha_usual.h tests/suite.h
tests_test_ha_grips_LDADD = ha/libha.a $(TEST_LIBS)
tests_test_right_etcd_SOURCES = tests/test_right_etcd.c tests/suite.h
tests_test_right_etcd_LDADD = ha/librightetcd.a ha/libha.a common/libetcd.a $(TEST_LIBS)
tests_test_ha_right_SOURCES = tests/test_ha_right.c tests/suite.h
tests_test_ha_right_LDADD = ha/libha.a $(TEST_LIBS)

UNIT_TESTS += tests/test_isolation
tests_test_isolation_SOURCES = tests/test_isolation.c tests/suite.h
tests_test_isolation_LDADD = ha/libha.a $(TEST_LIBS)

UNIT_TESTS += tests/test_slot
tests_test_slot_SOURCES = tests/test_slot.c tests/ha_usual.h tests/suite.h
tests_test_slot_LDADD = ha/libha.a $(TEST_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_slot
tests_fuzz_fuzz_slot_SOURCES = tests/fuzz/fuzz_slot.c $(FUZZ_MAIN)
tests_fuzz_fuzz_slot_LDADD = ha/libha.a $(BASE_LIBS)
tests_fuzz_fuzz_slot_LDFLAGS = $(FUZZ_LINK)

check_PROGRAMS += tests/sim/ha-sim
tests_sim_ha_sim_SOURCES = tests/sim/ha_sim.c tests/ha_usual.h tests/sim/world.c tests/sim/world.h \
	tests/sim/queue.c tests/sim/etcd_model.c tests/sim/store_model.c \
	tests/sim/host_model.c tests/sim/host_hald.c tests/sim/host_agent.c tests/sim/host_private.h \
	tests/sim/host_slot.c tests/sim/ctl_slots.c \
	tests/sim/ctl_leader.c tests/sim/ctl_model.c tests/sim/ctl_private.h tests/sim/ctl_standin.c \
	tests/sim/ctl_watch.c tests/sim/follow.c \
	tests/sim/oracle.c tests/sim/fault.c tests/sim/fault.h tests/sim/chaos.c \
	tests/sim/scenario.c tests/sim/scenario.h \
	tests/sim/scenario_deed.c tests/sim/scenario_hope.c \
	tests/sim/scenario_line.c tests/sim/scenario_line.h
tests_sim_ha_sim_LDADD = ha/libha.a $(BASE_LIBS)
TESTS += tests/test_ha_sim.sh
EXTRA_DIST += tests/test_ha_sim.sh tests/mutate_ha.sh tests/scenarios
.PHONY: mutate-ha-libs
mutate-ha-libs:
	@echo $(TEST_LIBS)

# --- db ----------------------------------------------------------------------------------------
DB_TEST_LIBS = db/libdb.a $(MODEL_TEST_LIBS) $(PQ_LIBS)

UNIT_TESTS += tests/test_db tests/test_servers

tests_test_db_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
tests_test_servers_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_test_servers_SOURCES = tests/test_servers.c tests/suite.h
tests_test_servers_LDADD = $(DB_TEST_LIBS)
tests_test_db_SOURCES = tests/test_db.c tests/suite.h
tests_test_db_LDADD = $(DB_TEST_LIBS)

# Component tests: it_db.sh starts a PostgreSQL and runs these.
COMPONENT_CHECKS += tests/it_db.sh
EXTRA_DIST += tests/it_db.sh tests/services.sh
DB_STORES = tests/it_db_store tests/it_db_vm tests/it_db_rule tests/it_db_refusal \
	tests/it_db_task tests/it_db_drs tests/it_db_ha tests/it_db_account
COMPONENTS += tests/it_db_schema $(DB_STORES) tests/it_db_fault tests/it_db_standby
tests_it_db_standby_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_standby_SOURCES = tests/it_db_standby.c tests/it_db.c tests/it_db.h tests/suite.h
tests_it_db_standby_LDADD = $(DB_TEST_LIBS)

tests_it_db_schema_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_schema_SOURCES = tests/it_db_schema.c tests/it_db.c tests/it_db.h tests/suite.h
tests_it_db_schema_LDADD = $(DB_TEST_LIBS)
DB_WORLD = tests/db_world.c tests/db_world.h tests/it_db.c tests/it_db.h tests/suite.h
tests_it_db_store_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_store_SOURCES = tests/it_db_store.c $(DB_WORLD)
tests_it_db_store_LDADD = $(DB_TEST_LIBS)
tests_it_db_vm_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_vm_SOURCES = tests/it_db_vm.c $(DB_WORLD)
tests_it_db_vm_LDADD = $(DB_TEST_LIBS)
tests_it_db_rule_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_rule_SOURCES = tests/it_db_rule.c $(DB_WORLD)
tests_it_db_rule_LDADD = $(DB_TEST_LIBS)
tests_it_db_refusal_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_refusal_SOURCES = tests/it_db_refusal.c $(DB_WORLD)
tests_it_db_refusal_LDADD = $(DB_TEST_LIBS)
tests_it_db_task_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_task_SOURCES = tests/it_db_task.c $(DB_WORLD)
tests_it_db_task_LDADD = $(DB_TEST_LIBS)
tests_it_db_drs_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_drs_SOURCES = tests/it_db_drs.c $(DB_WORLD)
tests_it_db_drs_LDADD = $(DB_TEST_LIBS)
tests_it_db_ha_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_ha_SOURCES = tests/it_db_ha.c $(DB_WORLD)
tests_it_db_ha_LDADD = $(DB_TEST_LIBS)
tests_it_db_account_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_account_SOURCES = tests/it_db_account.c $(DB_WORLD)
tests_it_db_account_LDADD = $(DB_TEST_LIBS)
tests_it_db_fault_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_db_fault_SOURCES = tests/it_db_fault.c tests/it_db.c tests/it_db.h tests/suite.h
tests_it_db_fault_LDADD = $(DB_TEST_LIBS)

# --- api ---------------------------------------------------------------------------------------
API_TEST_LIBS = api/libapi.a common/libmodel.a $(TEST_LIBS) $(MHD_LIBS) $(GNUTLS_LIBS)
API_FAKE = tests/api_fake.c tests/api_fake.h tests/suite.h

UNIT_TESTS += tests/test_api_target tests/test_api_auth tests/test_api_route tests/test_api_http \
	tests/test_api_explain tests/test_api_op tests/test_api_put tests/test_api_read \
	tests/test_api_request tests/test_feed tests/test_stream tests/test_api_ha

tests_test_api_ha_SOURCES = tests/test_api_ha.c $(API_FAKE)
tests_test_api_ha_LDADD = $(API_TEST_LIBS)
tests_test_feed_SOURCES = tests/test_feed.c tests/suite.h
tests_test_feed_LDADD = $(API_TEST_LIBS)
tests_test_stream_SOURCES = tests/test_stream.c $(API_FAKE)
tests_test_stream_LDADD = $(API_TEST_LIBS)
tests_test_api_target_SOURCES = tests/test_api_target.c tests/suite.h
tests_test_api_target_LDADD = $(API_TEST_LIBS)
tests_test_api_auth_SOURCES = tests/test_api_auth.c tests/suite.h
tests_test_api_auth_LDADD = $(API_TEST_LIBS)
tests_test_api_route_SOURCES = tests/test_api_route.c $(API_FAKE)
tests_test_api_route_LDADD = $(API_TEST_LIBS)
tests_test_api_http_SOURCES = tests/test_api_http.c $(API_FAKE)
tests_test_api_http_LDADD = $(API_TEST_LIBS)
tests_test_api_explain_SOURCES = tests/test_api_explain.c $(API_FAKE)
tests_test_api_explain_LDADD = $(API_TEST_LIBS)
tests_test_api_op_SOURCES = tests/test_api_op.c tests/api_body.h $(API_FAKE)
tests_test_api_op_LDADD = $(API_TEST_LIBS)
tests_test_api_put_SOURCES = tests/test_api_put.c tests/api_body.h $(API_FAKE)
tests_test_api_put_LDADD = $(API_TEST_LIBS)
tests_test_api_read_SOURCES = tests/test_api_read.c $(API_FAKE)
tests_test_api_read_LDADD = $(API_TEST_LIBS)
tests_test_api_request_SOURCES = tests/test_api_request.c $(API_FAKE)
tests_test_api_request_LDADD = $(API_TEST_LIBS)

# The fake controller behind a port, for tests of scripts.
check_PROGRAMS += tests/api_serve
tests_api_serve_SOURCES = tests/api_serve.c $(API_FAKE)
tests_api_serve_LDADD = $(API_TEST_LIBS)
COMPONENT_CHECKS += tests/test_batch.sh
EXTRA_DIST += tests/test_batch.sh

FUZZ_TARGETS += tests/fuzz/fuzz_http_body

tests_fuzz_fuzz_http_body_SOURCES = tests/fuzz/fuzz_http_body.c tests/api_fake.c tests/api_fake.h \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_http_body_LDADD = $(API_TEST_LIBS)
tests_fuzz_fuzz_http_body_LDFLAGS = $(FUZZ_LINK)

# --- controller --------------------------------------------------------------------------------
CTL_TEST_LIBS = $(vrmd_LDADD) $(TEST_LIBS)
# All modules of vrmd, made by the test.
CTL_APP = tests/ctl_app.c tests/ctl_app.h tests/tempdir.h tests/suite.h
CTL_LAB = tests/ctl_lab.c tests/ctl_lab.h tests/it_db.c tests/it_db.h $(CTL_APP)

UNIT_TESTS += tests/test_forget tests/test_vm_files tests/test_vm_mac tests/test_observe tests/test_host_news tests/test_settings
UNIT_TESTS += tests/test_agents tests/test_call tests/test_dpm tests/test_load tests/test_runtime
UNIT_TESTS += tests/test_metrics_view tests/test_settings_keys tests/test_users
UNIT_TESTS += tests/test_reload tests/test_vm_target tests/test_vm_verb tests/test_power

tests_test_agents_SOURCES = tests/test_agents.c tests/suite.h tests/testcerts.c tests/testcerts.h
tests_test_agents_LDADD = $(CTL_TEST_LIBS)
tests_test_call_SOURCES = tests/test_call.c $(CTL_APP)
tests_test_call_LDADD = $(CTL_TEST_LIBS)
UNIT_TESTS += tests/test_host_setup
tests_test_host_setup_SOURCES = tests/test_host_setup.c $(CTL_APP)
tests_test_host_setup_LDADD = $(CTL_TEST_LIBS)
UNIT_TESTS += tests/test_changes
tests_test_changes_SOURCES = tests/test_changes.c $(CTL_APP)
tests_test_changes_LDADD = $(CTL_TEST_LIBS)
tests_test_dpm_SOURCES = tests/test_dpm.c $(CTL_APP)
tests_test_dpm_LDADD = $(CTL_TEST_LIBS)
tests_test_load_SOURCES = tests/test_load.c tests/suite.h
tests_test_load_LDADD = controller/libcontroller.a $(MODEL_TEST_LIBS)
tests_test_metrics_view_SOURCES = tests/test_metrics_view.c $(CTL_APP)
tests_test_metrics_view_LDADD = $(CTL_TEST_LIBS)
tests_test_runtime_SOURCES = tests/test_runtime.c tests/suite.h
tests_test_runtime_LDADD = controller/libcontroller.a $(MODEL_TEST_LIBS)
tests_test_settings_keys_SOURCES = tests/test_settings_keys.c tests/suite.h tests/tempdir.h
tests_test_settings_keys_LDADD = $(CTL_TEST_LIBS)
tests_test_power_SOURCES = tests/test_power.c tests/suite.h tests/tempdir.h
tests_test_power_LDADD = $(CTL_TEST_LIBS)
tests_test_reload_SOURCES = tests/test_reload.c $(CTL_APP)
tests_test_reload_LDADD = $(CTL_TEST_LIBS)
UNIT_TESTS += tests/test_imc_gate
tests_test_imc_gate_SOURCES = tests/test_imc_gate.c $(CTL_APP)
tests_test_imc_gate_LDADD = $(CTL_TEST_LIBS)
UNIT_TESTS += tests/test_start_pace tests/test_owed
tests_test_start_pace_SOURCES = tests/test_start_pace.c tests/suite.h
tests_test_start_pace_LDADD = $(CTL_TEST_LIBS)
tests_test_owed_SOURCES = tests/test_owed.c $(CTL_APP)
tests_test_owed_LDADD = $(CTL_TEST_LIBS)

tests_test_vm_target_SOURCES = tests/test_vm_target.c $(CTL_APP)
tests_test_vm_target_LDADD = $(CTL_TEST_LIBS)
tests_test_vm_verb_SOURCES = tests/test_vm_verb.c tests/suite.h
tests_test_vm_verb_LDADD = $(CTL_TEST_LIBS)
tests_test_forget_SOURCES = tests/test_forget.c tests/suite.h
tests_test_forget_LDADD = controller/libcontroller.a $(MODEL_TEST_LIBS)
UNIT_TESTS += tests/test_vm_after
tests_test_vm_after_SOURCES = tests/test_vm_after.c tests/suite.h
tests_test_vm_after_LDADD = controller/libcontroller.a $(MODEL_TEST_LIBS)
tests_test_vm_mac_SOURCES = tests/test_vm_mac.c tests/suite.h
tests_test_vm_mac_LDADD = controller/libcontroller.a $(MODEL_TEST_LIBS)
tests_test_vm_files_SOURCES = tests/test_vm_files.c tests/suite.h
tests_test_vm_files_LDADD = controller/libcontroller.a $(MODEL_TEST_LIBS)
tests_test_host_news_SOURCES = tests/test_host_news.c tests/suite.h
tests_test_host_news_LDADD = $(vrmd_LDADD) $(TEST_LIBS)
tests_test_observe_SOURCES = tests/test_observe.c tests/suite.h
tests_test_observe_LDADD = $(vrmd_LDADD) $(TEST_LIBS)
tests_test_settings_SOURCES = tests/test_settings.c tests/suite.h tests/testcerts.c tests/testcerts.h
tests_test_settings_LDADD = $(vrmd_LDADD) $(TEST_LIBS)
tests_test_users_SOURCES = tests/test_users.c tests/suite.h
tests_test_users_LDADD = $(vrmd_LDADD) $(TEST_LIBS)

LEADER_TEST_LIBS = controller/libleader.a ha/librightetcd.a ha/libha.a common/libetcd.a $(TEST_LIBS)

UNIT_TESTS += tests/test_etcd
FUZZ_TARGETS += tests/fuzz/fuzz_etcd

tests_test_etcd_SOURCES = tests/test_etcd.c tests/suite.h
tests_test_etcd_LDADD = $(LEADER_TEST_LIBS)
tests_fuzz_fuzz_etcd_SOURCES = tests/fuzz/fuzz_etcd.c $(FUZZ_MAIN)
tests_fuzz_fuzz_etcd_LDADD = common/libetcd.a $(BASE_LIBS)
tests_fuzz_fuzz_etcd_LDFLAGS = $(FUZZ_LINK)

# Against a real PostgreSQL.
COMPONENTS += tests/it_ctl tests/it_ctl_dpm tests/it_ctl_drs tests/it_ctl_ha tests/it_ctl_ha_vm \
	tests/it_ctl_ha_count tests/it_alarm
COMPONENT_CHECKS += tests/it_ctl.sh
EXTRA_DIST += tests/it_ctl.sh

tests_it_ctl_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_ctl_SOURCES = tests/it_ctl.c tests/it_db.c tests/it_db.h $(CTL_APP)
tests_it_ctl_LDADD = $(CTL_TEST_LIBS)
tests_it_ctl_dpm_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_ctl_dpm_SOURCES = tests/it_ctl_dpm.c $(CTL_LAB)
tests_it_ctl_dpm_LDADD = $(CTL_TEST_LIBS)
HA_LAB = tests/ha_lab.c tests/ha_lab.h tests/etcdlab.c tests/etcdlab.h $(CTL_LAB)
tests_it_ctl_ha_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_ctl_ha_SOURCES = tests/it_ctl_ha.c $(HA_LAB)
tests_it_ctl_ha_LDADD = $(CTL_TEST_LIBS)
tests_it_ctl_ha_vm_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_ctl_ha_vm_SOURCES = tests/it_ctl_ha_vm.c tests/testcerts.c tests/testcerts.h $(HA_LAB)
tests_it_ctl_ha_vm_LDADD = $(CTL_TEST_LIBS)
tests_it_ctl_ha_count_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_ctl_ha_count_SOURCES = tests/it_ctl_ha_count.c $(HA_LAB)
tests_it_ctl_ha_count_LDADD = $(CTL_TEST_LIBS)
tests_it_ctl_drs_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_ctl_drs_SOURCES = tests/it_ctl_drs.c $(CTL_LAB)
tests_it_ctl_drs_LDADD = $(CTL_TEST_LIBS)
tests_it_alarm_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_alarm_SOURCES = tests/it_alarm.c tests/it_db.c tests/it_db.h $(CTL_APP)
tests_it_alarm_LDADD = $(CTL_TEST_LIBS)

# Against a real etcd.
COMPONENTS += tests/it_etcd tests/it_leader tests/it_rights
COMPONENT_CHECKS += tests/it_etcd.sh tests/it_leader.sh tests/it_rights.sh tests/it_vrmd_life.sh
EXTRA_DIST += tests/with-etcd.sh tests/it_etcd.sh tests/it_leader.sh tests/it_rights.sh tests/it_vrmd_life.sh

UNIT_TESTS += tests/test_ha_count
tests_test_ha_count_SOURCES = tests/test_ha_count.c tests/suite.h
tests_test_ha_count_LDADD = $(CTL_TEST_LIBS)
UNIT_TESTS += tests/test_slots
tests_test_slots_SOURCES = tests/test_slots.c tests/suite.h
tests_test_slots_LDADD = $(CTL_TEST_LIBS)
UNIT_TESTS += tests/test_plan_book
tests_test_plan_book_SOURCES = tests/test_plan_book.c tests/suite.h
tests_test_plan_book_LDADD = $(CTL_TEST_LIBS)
UNIT_TESTS += tests/test_plan_targets
tests_test_plan_targets_SOURCES = tests/test_plan_targets.c tests/suite.h tests/sched_gen.c \
	tests/sched_gen.h
tests_test_plan_targets_LDADD = $(CTL_TEST_LIBS)
check_PROGRAMS += tests/bench/bench_plan
tests_bench_bench_plan_SOURCES = tests/bench/bench_plan.c tests/sched_gen.c tests/sched_gen.h
tests_bench_bench_plan_LDADD = $(CTL_TEST_LIBS)
COMPONENTS += tests/it_deputy
COMPONENT_CHECKS += tests/it_deputy.sh
EXTRA_DIST += tests/it_deputy.sh
tests_it_deputy_SOURCES = tests/it_deputy.c tests/etcdlab.c tests/etcdlab.h tests/suite.h
tests_it_deputy_LDADD = $(AGENT_LIBS) $(TEST_LIBS)
UNIT_TESTS += tests/test_hald
tests_test_hald_SOURCES = tests/test_hald.c tests/suite.h tests/tempdir.h
tests_test_hald_LDADD = $(HALD_LIBS) $(TEST_LIBS)

UNIT_TESTS += tests/test_hald_slot
tests_test_hald_slot_SOURCES = tests/test_hald_slot.c tests/suite.h tests/tempdir.h
tests_test_hald_slot_LDADD = $(HALD_LIBS) $(TEST_LIBS)

COMPONENTS += tests/it_hald
COMPONENT_CHECKS += tests/it_hald.sh
EXTRA_DIST += tests/it_hald.sh
tests_it_hald_SOURCES = tests/it_hald.c tests/haldlab.c tests/haldlab.h tests/etcdlab.c \
	tests/etcdlab.h tests/suite.h tests/tempdir.h
tests_it_hald_LDADD = $(HALD_LIBS) $(TEST_LIBS)

COMPONENTS += tests/it_slots
COMPONENT_CHECKS += tests/it_slots.sh
EXTRA_DIST += tests/it_slots.sh
tests_it_slots_SOURCES = tests/it_slots.c tests/haldlab.c tests/haldlab.h tests/etcdlab.c \
	tests/etcdlab.h tests/suite.h tests/tempdir.h
tests_it_slots_LDADD = $(HALD_LIBS) $(TEST_LIBS)

# What leases cost: run by hand, tests/bench/bench_ha.sh.
COMPONENTS += tests/bench/bench_ha
EXTRA_DIST += tests/bench/bench_ha.sh tests/bench/ha
check_PROGRAMS += tests/bench/bench_ha_look
tests_bench_bench_ha_look_SOURCES = tests/bench/bench_ha_look.c tests/ha_usual.h
tests_bench_bench_ha_look_LDADD = ha/libha.a $(BASE_LIBS)
tests_bench_bench_ha_SOURCES = tests/bench/bench_ha.c tests/haldlab.c tests/haldlab.h tests/etcdlab.c \
	tests/etcdlab.h tests/suite.h tests/tempdir.h
tests_bench_bench_ha_LDADD = $(HALD_LIBS) $(TEST_LIBS)

tests_it_etcd_SOURCES = tests/it_etcd.c tests/etcdlab.c tests/etcdlab.h tests/suite.h
tests_it_etcd_LDADD = $(LEADER_TEST_LIBS)
tests_it_rights_SOURCES = tests/it_rights.c tests/etcdlab.c tests/etcdlab.h tests/suite.h
tests_it_rights_LDADD = $(CTL_TEST_LIBS)
tests_it_leader_SOURCES = tests/it_leader.c tests/etcdlab.c tests/etcdlab.h tests/suite.h
tests_it_leader_LDADD = $(LEADER_TEST_LIBS)

# --- agent -------------------------------------------------------------------------------------
AGENT_TEST_LIBS = agent/libhvfake.a $(AGENT_LIBS) $(TEST_LIBS)

UNIT_TESTS += tests/test_agent_core \
	tests/test_agent_cpufacts \
	tests/test_agent_domxml \
	tests/test_agent_hostdevs \
	tests/test_agent_hostinfo \
	tests/test_agent_journal \
	tests/test_agent_resume \
	tests/test_agent_right tests/test_agent_right_back tests/test_agent_right_hald \
	tests/test_agent_server \
	tests/test_agent_stats tests/test_reviver \
	tests/test_agent_stream \
	tests/test_agent_volume \
	tests/test_agent_watch
EXTRA_DIST += tests/it_agent.sh tests/it_agent_right.sh tests/golden/agent-small-qemu.xml tests/golden/agent-big-kvm.xml \
	tests/golden/agent-devices-kvm.xml \
	tests/golden/agent-big-qemu.xml tests/golden/agent-baseline-qemu.xml \
	tests/golden/agent-baseline-kvm.xml

AGENT_BENCH = tests/agent_bench.c tests/agent_bench.h tests/suite.h tests/tempdir.h
tests_test_agent_core_SOURCES = tests/test_agent_core.c $(AGENT_BENCH)
tests_test_agent_core_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_cpufacts_SOURCES = tests/test_agent_cpufacts.c tests/suite.h
tests_test_agent_cpufacts_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_domxml_SOURCES = tests/test_agent_domxml.c tests/suite.h
tests_test_agent_domxml_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_hostdevs_SOURCES = tests/test_agent_hostdevs.c tests/suite.h
tests_test_agent_hostdevs_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_hostinfo_SOURCES = tests/test_agent_hostinfo.c tests/suite.h tests/tempdir.h
tests_test_agent_hostinfo_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_journal_SOURCES = tests/test_agent_journal.c tests/suite.h tests/tempdir.h
tests_test_agent_journal_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_resume_SOURCES = tests/test_agent_resume.c $(AGENT_BENCH)
tests_test_agent_resume_LDADD = $(AGENT_TEST_LIBS)
AGENT_RIGHT_BENCH = tests/agent_right_bench.c tests/agent_right_bench.h $(AGENT_BENCH)
tests_test_agent_right_SOURCES = tests/test_agent_right.c $(AGENT_RIGHT_BENCH)
tests_test_agent_right_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_right_back_SOURCES = tests/test_agent_right_back.c $(AGENT_RIGHT_BENCH)
tests_test_agent_right_back_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_right_hald_SOURCES = tests/test_agent_right_hald.c $(AGENT_RIGHT_BENCH)
tests_test_agent_right_hald_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_server_SOURCES = tests/test_agent_server.c tests/suite.h tests/tempdir.h \
	tests/testcerts.c tests/testcerts.h
tests_test_agent_server_LDADD = $(AGENT_TEST_LIBS)
tests_test_reviver_SOURCES = tests/test_reviver.c tests/suite.h
tests_test_reviver_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_stats_SOURCES = tests/test_agent_stats.c tests/suite.h
tests_test_agent_stats_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_stream_SOURCES = tests/test_agent_stream.c $(AGENT_BENCH)
tests_test_agent_stream_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_volume_SOURCES = tests/test_agent_volume.c tests/suite.h tests/tempdir.h
tests_test_agent_volume_LDADD = $(AGENT_TEST_LIBS)
tests_test_agent_watch_SOURCES = tests/test_agent_watch.c tests/suite.h
tests_test_agent_watch_LDADD = $(AGENT_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_agent_journal tests/fuzz/fuzz_agent_xml

tests_fuzz_fuzz_agent_journal_SOURCES = tests/fuzz/fuzz_agent_journal.c $(FUZZ_MAIN)
tests_fuzz_fuzz_agent_journal_LDADD = $(AGENT_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_agent_journal_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_agent_xml_SOURCES = tests/fuzz/fuzz_agent_xml.c $(FUZZ_MAIN)
tests_fuzz_fuzz_agent_xml_LDADD = $(AGENT_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_agent_xml_LDFLAGS = $(FUZZ_LINK)

# --- the controller as a whole -------------------------------------------------------------------
# Real vrmd, PostgreSQL and etcd; hosts are tests/fleet_host: the agent over files.
COMPONENTS += tests/it_vrmd tests/it_vrmd_work tests/it_vrmd_task tests/it_vrmd_session \
	tests/it_vrmd_right \
	tests/fleet_host
COMPONENT_CHECKS += tests/it_vrmd.sh
EXTRA_DIST += tests/it_vrmd.sh

VRMD_LAB = tests/vrmdsys.c tests/vrmdsys.h tests/vrmdlab.c tests/vrmdlab.h tests/restcli.c \
	tests/restcli.h tests/it_db.c tests/it_db.h tests/testcerts.c tests/testcerts.h \
	tests/suite.h
VRMD_LAB_LIBS = $(DB_TEST_LIBS) $(GNUTLS_LIBS)

tests_fleet_host_SOURCES = tests/fleet_host.c tests/hv_fleet.c tests/hv_fleet.h
tests_fleet_host_LDADD = $(AGENT_LIBS) $(BASE_LIBS)
tests_it_vrmd_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_vrmd_SOURCES = tests/it_vrmd.c tests/vrmdstorm.c tests/vrmdstorm.h $(VRMD_LAB)
tests_it_vrmd_LDADD = $(VRMD_LAB_LIBS)
tests_it_vrmd_work_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_vrmd_work_SOURCES = tests/it_vrmd_work.c $(VRMD_LAB)
tests_it_vrmd_work_LDADD = $(VRMD_LAB_LIBS)
tests_it_vrmd_session_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_vrmd_session_SOURCES = tests/it_vrmd_session.c $(VRMD_LAB)
tests_it_vrmd_session_LDADD = $(VRMD_LAB_LIBS)
tests_it_vrmd_right_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_vrmd_right_SOURCES = tests/it_vrmd_right.c $(VRMD_LAB)
tests_it_vrmd_right_LDADD = $(VRMD_LAB_LIBS)
COMPONENTS += tests/it_vrmd_stream
tests_it_vrmd_stream_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_vrmd_stream_SOURCES = tests/it_vrmd_stream.c tests/watchcli.c tests/watchcli.h $(VRMD_LAB)
tests_it_vrmd_stream_LDADD = $(VRMD_LAB_LIBS)
tests_it_vrmd_task_CPPFLAGS = $(tests_test_db_CPPFLAGS)
tests_it_vrmd_task_SOURCES = tests/it_vrmd_task.c $(VRMD_LAB)
tests_it_vrmd_task_LDADD = $(VRMD_LAB_LIBS)

# The size that is promised: run by hand, tests/bench/bench_vrmd.sh.
check_PROGRAMS += tests/bench/bench_fleet tests/bench/bench_vrmd tests/bench/bench_stream
tests_bench_bench_stream_SOURCES = tests/bench/bench_stream.c $(API_FAKE)
tests_bench_bench_stream_LDADD = $(CTL_TEST_LIBS) $(CURL_LIBS)
EXTRA_DIST += tests/bench/bench_vrmd.sh
tests_bench_bench_fleet_SOURCES = tests/bench/bench_fleet.c
tests_bench_bench_fleet_LDADD = $(AGENT_LIBS) $(BASE_LIBS)
tests_bench_bench_vrmd_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
tests_bench_bench_vrmd_SOURCES = tests/bench/bench_vrmd.c tests/restcli.c tests/restcli.h
tests_bench_bench_vrmd_LDADD = db/libdb.a common/libmodel.a $(BASE_LIBS) $(PQ_LIBS)

# --- deploy ------------------------------------------------------------------------------------
COMPONENT_CHECKS += tests/test_certs.sh tests/it_services.sh
TESTS += tests/test_samples.sh tests/test_units.sh
EXTRA_DIST += tests/test_samples.sh tests/test_units.sh
EXTRA_DIST += tests/test_certs.sh tests/it_services.sh

# --- frame -------------------------------------------------------------------------------------
if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS) $(COMPONENTS)
TESTS += $(UNIT_TESTS)
if COMPONENT_TESTS
TESTS += $(COMPONENT_CHECKS)
endif
else
check-local:
	@echo "unit tests skipped: configure found no Check library (Debian: apt-get install check)"
endif

# Checks of the sources: who includes whom, banned calls, purity; the last shows that they can fail.
SOURCE_CHECKS = \
	tests/check-layers.sh \
	tests/check-banned.sh \
	tests/check-purity.sh \
	tests/check-selftest.sh
TESTS += $(SOURCE_CHECKS)
EXTRA_DIST += $(SOURCE_CHECKS) tests/check-dist.sh tests/README tests/layers tests/banned tests/purity.allow

# always-malloc: ASan sees GLib's slices; fatal-warnings: a GLib critical is a failed test.
# A case has 300 s: the time-out is for what hangs; the heaviest cases need a minute on a busy machine
# with a sanitizer.
AM_TESTS_ENVIRONMENT = \
	G_SLICE=always-malloc; export G_SLICE; \
	G_DEBUG=fatal-warnings; export G_DEBUG; \
	CK_DEFAULT_TIMEOUT=300; export CK_DEFAULT_TIMEOUT; \
	srcdir='$(abs_srcdir)'; export srcdir; \
	builddir='$(abs_builddir)'; export builddir; \
	NM='$(NM)'; export NM; \
	AR='$(AR)'; export AR; \
	CC='$(CC)'; export CC; \
	PURE_ARCHIVES='$(PURE_ARCHIVES)'; export PURE_ARCHIVES;

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)

# --- the whole system, mostly on real hosts: run by hand or by deploy/test, as root ---------------------
EXTRA_DIST += tests/it_alone.sh tests/it_dpm.sh tests/it_explain.sh tests/it_ha.sh tests/it_ha_planned.sh tests/it_ha_slots.sh tests/it_ha_vm.sh \
	tests/it_imc.sh \
	tests/it_pair.sh tests/it_resources.sh tests/it_rules.sh tests/it_system.sh tests/soak \
	tests/system/agent.sh tests/system/ha.sh tests/system/lib.sh tests/system/oracle.sh tests/system/demo_kills.sh
