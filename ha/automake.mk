# Pure: no I/O, no clock, no log.
noinst_LIBRARIES += ha/libha.a
PURE_ARCHIVES += ha/libha.a

ha_libha_a_SOURCES = \
	ha/ha.c ha/ha.h ha/ha_private.h ha/ha_host.c ha/ha_vm.c \
	ha/host_fsm.c ha/host_fsm.h \
	ha/keeper.c ha/keeper.h \
	ha/leader_fsm.c ha/leader_fsm.h \
	ha/lease_fsm.c ha/lease_fsm.h \
	ha/right.c ha/right.h \
	ha/vm_fsm.c ha/vm_fsm.h

EXTRA_DIST += ha/README
