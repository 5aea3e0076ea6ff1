# db/automake.mk - the only SQL: migrations and one store per aggregate.
noinst_LIBRARIES += db/libdb.a

DB_MIGRATIONS = \
	db/migrations/0001_core.sql \
	db/migrations/0002_inventory.sql \
	db/migrations/0003_work.sql \
	db/migrations/0004_people.sql \
	db/migrations/0005_volume_once.sql \
	db/migrations/0006_imc.sql \
	db/migrations/0007_host_power.sql \
	db/migrations/0008_alarm.sql \
	db/migrations/0009_resources.sql \
	db/migrations/0010_vm_placed.sql \
	db/migrations/0011_dpm.sql \
	db/migrations/0012_dpm_thresholds.sql \
	db/migrations/0013_ha_policy.sql \
	db/migrations/0014_session.sql \
	db/migrations/0015_ha_incident.sql \
	db/migrations/0016_host_reboot.sql \
	db/migrations/0017_vm_hang.sql \
	db/migrations/0018_ha_count.sql

db_libdb_a_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
db_libdb_a_SOURCES = \
	db/db.c db/db.h db/db_impl.h \
	db/migrate.c db/migrate.h \
	db/pg.c db/pg.h db/pgerr.c \
	db/query.c db/query.h db/query_impl.h \
	db/row.c db/row.h \
	db/servers.c db/servers.h \
	db/stmt.c db/stmt.h \
	db/store_alarm.c db/store_alarm.h \
	db/store_cluster.c db/store_cluster.h \
	db/store_datastore.c db/store_datastore.h \
	db/store_drs.c db/store_drs.h \
	db/store_event.c db/store_event.h \
	db/store_group.c \
	db/store_host.c db/store_host.h \
	db/store_ha.c db/store_ha.h \
	db/store_incident.c db/store_incident.h \
	db/store_rule.c db/store_rule.h \
	db/store_session.c db/store_session.h \
	db/store_site.c db/store_site.h \
	db/store_tables.c db/store_tables.h \
	db/store_task.c db/store_task.h \
	db/store_user.c db/store_user.h \
	db/store_vm.c db/store_vm.h
nodist_db_libdb_a_SOURCES = db/migrations.c

db/migrations.c: db/gen-migrations.sh $(DB_MIGRATIONS)
	$(AM_V_GEN)$(MKDIR_P) db && migrations=; \
	for sql in $(DB_MIGRATIONS); do migrations="$$migrations $(srcdir)/$$sql"; done; \
	$(SHELL) $(srcdir)/db/gen-migrations.sh $@ $$migrations

CLEANFILES += db/migrations.c
EXTRA_DIST += db/README db/gen-migrations.sh $(DB_MIGRATIONS)
