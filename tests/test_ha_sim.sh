#!/bin/bash
# test_ha_sim.sh - every scenario of tests/scenarios/ha, and random worlds: HA's promises hold.
#
# HA_SIM_RUNS=N sets how many random worlds.
set -euo pipefail
sim=${builddir:-.}/tests/sim/ha-sim

"$sim" "${srcdir:-.}"/tests/scenarios/ha/*.scn
"$sim" --random "${HA_SIM_RUNS:-300}"
