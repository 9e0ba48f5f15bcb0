#!/usr/bin/env bash
# Builds, publishes the native binary to out/, runs every test project, checks the formatting.
# The last line is the sum: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1

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

say "build"
dotnet build Lean.sln -c Release -warnaserror || die "the build failed"

say "publish the native binary"
rm -rf out
dotnet publish Engine -c Release -o out || die "publishing failed"
ls -la out
export LEAN_BINARY="$PWD/out/lean"

# The counts come from each project's report: what a console prints changes with its colours.
passed=0 failed=0 skipped=0
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
count() { sed -nE "s/.*<Counters .*\b$1=\"([0-9]+)\".*/\1/p" "$2" | head -n 1; }
for project in tests/*/*.csproj; do
  name=$(basename "$project" .csproj)
  report="$reports/$name.trx"
  say "$name"
  dotnet "$(dirname "$project")/bin/Release/net10.0/$name.dll" --no-ansi \
    --results-directory "$reports" --report-xunit-trx --report-xunit-trx-filename "$name.trx"
  code=$?
  if [ ! -s "$report" ] || [ -z "$(count total "$report")" ]; then
    echo "$name ended with exit code $code and no report"
    failed=$((failed + 1))
    continue
  fi
  p=$(count passed "$report") f=$(count failed "$report") s=$(count notExecuted "$report")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  # A crash after the last test, or a run without tests, fails too.
  if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then failed=$((failed + 1)); fi
done

say "formatting"
if dotnet format Lean.sln --verify-no-changes --no-restore; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
fi

printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
