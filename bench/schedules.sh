#!/usr/bin/env bash
# Ten thousand random schedules of collectives over random layouts, each without delays and under random ones: none may hang,
# every number is checked, and both must give the same. By the harness of tests/Comm.Tests.
# Usage: bench/schedules.sh [SCHEDULES, 10000]
set -euo pipefail
cd "$(dirname "$0")/.."
export LEAN_COMM_SCHEDULES=${1:-10000}
dotnet build tests/Comm.Tests -c Release
dotnet tests/Comm.Tests/bin/Release/net10.0/Lean.Comm.Tests.dll --filter-method '*Random_schedules*' --no-ansi --progress off
