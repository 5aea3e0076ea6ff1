# agentproto/automake.mk - libagentproto: the messages between vrmd, vrm-agent and vrm-hald.
noinst_LIBRARIES += agentproto/libagentproto.a
PURE_ARCHIVES += agentproto/libagentproto.a

agentproto_libagentproto_a_SOURCES = \
	agentproto/beat.c agentproto/beat.h \
	agentproto/codec.c agentproto/codec.h \
	agentproto/ha_plan.c agentproto/ha_plan.h \
	agentproto/ha_setup.c agentproto/ha_setup.h \
	agentproto/ha_reading.c agentproto/ha_reading.h \
	agentproto/hald_msg.c agentproto/hald_msg.h \
	agentproto/msg.c agentproto/msg.h \
	agentproto/watch.c

EXTRA_DIST += agentproto/README
