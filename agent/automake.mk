# agent/automake.mk - filled by the first commit of this folder.
