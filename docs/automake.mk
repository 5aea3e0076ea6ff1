# docs/automake.mk - what is installed for people to read.
dist_doc_DATA = README LICENSE docs/configuration.md
