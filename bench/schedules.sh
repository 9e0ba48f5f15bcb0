#!/usr/bin/env bash
# Random schedules over random layouts whose ranks come late at random; none may hang.
# First of collectives, each without delays and under random ones: every number is checked, and both must give the same
# (tests/Comm.Tests). Then of requests on engines with random limits: each request must have the tokens and log-probabilities
# that it has alone on that layout, bit for bit (tests/Engine.Tests).
# Usage: bench/schedules.sh [SCHEDULES OF COLLECTIVES, 10000 [SCHEDULES OF REQUESTS, as many]]
set -euo pipefail
cd "$(dirname "$0")/.."
export LEAN_COMM_SCHEDULES=${1:-10000}
export LEAN_RANK_SCHEDULES=${2:-$LEAN_COMM_SCHEDULES}
dotnet build tests/Comm.Tests -c Release
dotnet build tests/Engine.Tests -c Release
dotnet tests/Comm.Tests/bin/Release/net10.0/Lean.Comm.Tests.dll --filter-method '*Random_schedules*' --no-ansi --progress off
dotnet tests/Engine.Tests/bin/Release/net10.0/Lean.Engine.Tests.dll --filter-class '*RankedScheduleTests' --show-live-output on --no-ansi --progress off
