# deploy/automake.mk - scripts, units and samples: distributed, some installed.
EXTRA_DIST += deploy/git-hooks/pre-commit
