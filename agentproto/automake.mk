# agentproto/automake.mk - libagentproto: the messages between vrmd and vrm-agent.
noinst_LIBRARIES += agentproto/libagentproto.a
PURE_ARCHIVES += agentproto/libagentproto.a

agentproto_libagentproto_a_SOURCES = \
	agentproto/codec.c agentproto/codec.h \
	agentproto/msg.c agentproto/msg.h \
	agentproto/watch.c

EXTRA_DIST += agentproto/README
