# Pure: no I/O, no clock, no log.
noinst_LIBRARIES += ha/libha.a
PURE_ARCHIVES += ha/libha.a

ha_libha_a_SOURCES = \
	ha/leader_fsm.c ha/leader_fsm.h

EXTRA_DIST += ha/README
