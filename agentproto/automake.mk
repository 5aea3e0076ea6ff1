noinst_LIBRARIES += agentproto/libagentproto.a

agentproto_libagentproto_a_SOURCES = \
	agentproto/codec.c \
	agentproto/msg.c agentproto/msg.h \
	agentproto/watch.c
