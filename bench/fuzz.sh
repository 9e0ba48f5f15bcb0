#!/usr/bin/env bash
# A million broken inputs for the readers of files that somebody else wrote, by the harness of tests/Engine.Tests/Fuzzing.
# Usage: bench/fuzz.sh [INPUTS PER READER, 200000] [SEED, 1]; the reports go to bench/results/fuzz.
# A reader that ends the process leaves the input that did it there, as READER.input.
set -euo pipefail
cd "$(dirname "$0")/.."
export LEAN_FUZZ_INPUTS=${1:-200000} LEAN_FUZZ_SEED=${2:-1} LEAN_FUZZ_REPORT="$PWD/bench/results/fuzz"
dotnet build tests/Engine.Tests -c Release
dotnet tests/Engine.Tests/bin/Release/net10.0/Lean.Engine.Tests.dll --filter-class '*FuzzTests' --no-ansi --progress off
