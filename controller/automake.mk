# Leadership over etcd; an archive of its own, so that its tests link nothing else of the controller.
noinst_LIBRARIES += controller/libleader.a

controller_libleader_a_SOURCES = \
	controller/etcd.c controller/etcd.h \
	controller/etcd_reply.c controller/etcd_reply.h \
	controller/etcd_txn.c controller/etcd_txn.h \
	controller/etcd_watch.c controller/etcd_watch.h \
	controller/leader.c controller/leader.h
