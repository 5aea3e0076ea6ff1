# docs/automake.mk - what is installed for people to read.
dist_doc_DATA = README LICENSE docs/active-standby.md docs/api.md docs/architecture.md docs/configuration.md \
	docs/contributing.md docs/ha-alone.md docs/operations.md
EXTRA_DIST += docs/README
dist_man_MANS = docs/vrm-plan.1
