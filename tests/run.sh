#!/usr/bin/env bash
# Builds, publishes the native binary to out/, runs every test project, checks the formatting.
# The last line is the sum: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
# Compilers and tests live for minutes at most: they gain nothing by what the runtime notes of code for later, nor by code that
# is never writable, and collect less often with 64 MiB for what is new. The native binary is tested without all of it.
export DOTNET_TieredPGO=0 DOTNET_EnableWriteXorExecute=0 DOTNET_GCgen0size=0x4000000

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; printf '0 passed, 1 failed, 0 skipped\n'; exit 1; }

command -v dotnet >/dev/null || die "the .NET 10 SDK is missing: expected dotnet on the PATH"

# Compiling ahead of time needs a linker, which comes with a C compiler. Tests of OpenCL need a driver, which PoCL is for
# any CPU; SPIR-V needs clang and its translator, the page of the server a browser, ranks that are processes Open MPI. Building
# and running the program needs none of these.
missing=()
command -v clang >/dev/null || command -v gcc >/dev/null || missing+=(gcc libc6-dev)
ldconfig -p 2>/dev/null | grep 'libOpenCL\.so\.1' >/dev/null || missing+=(ocl-icd-libopencl1)
ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1 || missing+=(pocl-opencl-icd)
command -v llvm-spirv-14 >/dev/null && command -v clang-14 >/dev/null || missing+=(clang-14 llvm-spirv-14)
command -v mpirun >/dev/null && ldconfig -p | grep 'libmpi\.so\.40' >/dev/null || missing+=(openmpi-bin libopenmpi3)
command -v chromium >/dev/null && command -v chromedriver >/dev/null || missing+=(chromium chromium-driver)
command -v curl >/dev/null || missing+=(curl)
command -v spirv-val >/dev/null || missing+=(spirv-tools)
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  run=(); [ "$(id -u)" = 0 ] || run=(sudo)
  if ! { command -v apt-get >/dev/null && "${run[@]}" apt-get update -qq && "${run[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null; }; then
    command -v clang >/dev/null || command -v gcc >/dev/null || die "no C compiler found, and apt-get could not install gcc"
    echo "could not install all of ${missing[*]}: tests that need them are skipped"
  fi
fi

work=$(mktemp -d)
trap 'exec 2>/dev/null; end_compiler; for part in $(jobs -p); do kill -- "-$part"; done; rm -rf "$work"' EXIT

# One process compiles all projects: one for each would compile the analyzers' own code anew. It is this run's alone.
compiler=lean-$(basename "$work")
server=(-p:UseSharedCompilation=true "-p:SharedCompilationId=$compiler")
end_compiler() { pkill -f -- "-pipename:$compiler" 2>/dev/null; } # Without pkill it ends by itself, idle.

say "build"
dotnet build Lean.sln -c Release -warnaserror "${server[@]}" || die "the build failed"

# What follows runs two parts at a time, which is what two cores are for. Each is a process of its own, so nothing that a process
# has one of is shared, and what it prints comes out in one piece when it has ended. No test may depend on how fast it is.
set -m # A group of processes for each, to end with this one.
export LEAN_BINARY="$PWD/out/lean"
passed=0 failed=0 skipped=0
names=() commands=()
part() {
  names+=("$1")
  commands+=("$(printf '%q ' "${@:2}")")
}

publish() { rm -rf out && dotnet publish Engine -c Release -o out "${server[@]}" && ls -la out; }

# A project's tests, or those that a filter leaves.
tests() {
  exec dotnet "$(dirname "$1")/bin/Release/net10.0/$(basename "$1" .csproj).dll" --no-ansi "${@:2}" \
    --results-directory "$work" --report-xunit-trx --report-xunit-trx-filename "$number.trx"
}

# All of `dotnet format` but for rules of style and other analyzers, whose warnings are errors of the build above.
formatting() { dotnet format whitespace Lean.sln --verify-no-changes --no-restore; }

# Longest first, so that the last ones end together; a project that is not named comes after those. The kernels' tests are cut in
# two by a filter and its opposite, which leave nothing out: most of those on devices wait for a driver.
devices=('*.OpenCL*' '*.LevelZero*' '*.PlantedFault*')
first=(Aot Engine Comm)
part "publish the native binary" publish
part "Lean.Kernels.Tests but for devices" tests tests/Kernels.Tests/Lean.Kernels.Tests.csproj --filter-not-class "${devices[@]}"
for name in "${first[@]}"; do
  for project in tests/*/"Lean.$name.Tests.csproj"; do part "Lean.$name.Tests" tests "$project"; done
done
part "Lean.Kernels.Tests on devices" tests tests/Kernels.Tests/Lean.Kernels.Tests.csproj --filter-class "${devices[@]}"
part "formatting" formatting
for project in tests/*/*.csproj; do
  name=$(basename "$project" .csproj)
  [[ "$name" = Lean.Kernels.Tests || " ${first[*]/#/Lean.} " = *" ${name%.Tests} "* ]] || part "$name" tests "$project"
done

# The counts come from a part's report: what a console prints changes with its colours.
count() { sed -nE "s/.*<Counters .*\b$1=\"([0-9]+)\".*/\1/p" "$work/$number.trx" | head -n 1; }
finish() {
  local number=$1 code=$2 p f s
  say "${names[number]} ($((SECONDS - started[number])) s)"
  cat "$work/$number.out"
  if [[ "${commands[number]}" != tests* ]]; then
    # The binary is no test, but tests run it.
    if [[ "${names[number]}" = publish* ]]; then
      end_compiler
      [ "$code" -eq 0 ] || die "publishing failed"
      published=1
    elif [ "$code" -eq 0 ]; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
    fi
  elif [ ! -s "$work/$number.trx" ] || [ -z "$(count total)" ]; then
    echo "${names[number]} ended with exit code $code and no report"
    failed=$((failed + 1))
  else
    p=$(count passed) f=$(count failed) s=$(count notExecuted)
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    # A crash after the last test, or a run without tests, fails too.
    if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then failed=$((failed + 1)); fi
  fi
}

published= waiting=("${!names[@]}") running=0 started=()
mkfifo "$work/ended"
exec 3<>"$work/ended"
while [ ${#waiting[@]} -gt 0 ] || [ "$running" -gt 0 ]; do
  for number in "${waiting[@]}"; do
    if [ "$running" -lt 2 ] && { [ -n "$published" ] || [[ "${names[number]}" != Lean.Aot.* ]]; }; then
      { (eval "${commands[number]}") >"$work/$number.out" 2>&1 </dev/null; echo "$number $?" >&3; } &
      running=$((running + 1)) started[number]=$SECONDS
      mapfile -t waiting < <(printf '%s\n' "${waiting[@]}" | grep -vx "$number")
    fi
  done
  read -r number code <&3
  running=$((running - 1))
  finish "$number" "$code"
done

printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
