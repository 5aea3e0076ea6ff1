# agentproto/automake.mk - libagentproto: the messages between vrmd and vrm-agent.
# The archive is listed by the first commit that brings its sources.
EXTRA_DIST += agentproto/msg.h
