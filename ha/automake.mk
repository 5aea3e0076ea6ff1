# Pure: no I/O, no clock, no log.
noinst_LIBRARIES += ha/libha.a
PURE_ARCHIVES += ha/libha.a

ha_libha_a_SOURCES = \
	ha/hang_fsm.c ha/hang_fsm.h \
	ha/ha.c ha/ha.h ha/ha_private.h ha/ha_host.c ha/ha_vm.c \
	ha/host_fsm.c ha/host_fsm.h \
	ha/isolation.c ha/isolation.h \
	ha/keeper.c ha/keeper.h \
	ha/leader_fsm.c ha/leader_fsm.h \
	ha/lease_fsm.c ha/lease_fsm.h \
	ha/right.c ha/right.h \
	ha/slot.c ha/slot.h \
	ha/standin.c ha/standin.h \
	ha/vm_fsm.c ha/vm_fsm.h

# The records of right.h in etcd; not pure: it speaks of etcd's client.
noinst_LIBRARIES += ha/librightetcd.a
ha_librightetcd_a_SOURCES = ha/etcd/right_etcd.c ha/etcd/right_etcd.h

EXTRA_DIST += ha/README
