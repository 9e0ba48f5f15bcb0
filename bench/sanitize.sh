#!/usr/bin/env bash
# compute-sanitizer over the self-test on a CUDA card, many processes at a time, each with a share of an op's calls.
# A line a process, as in results/h200/sanitizer.txt; fails if one does or takes longer than LIMIT seconds (600).
#
#   bench/sanitize.sh TOOL LEAN PROCESSES OP[:SHARDS[:SHARD,…]]…
#   bench/sanitize.sh racecheck ./lean 16 expert_mixture:4 grouped_experts:32
set -u
if [ $# -lt 4 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

export TOOL=$1 LEAN=$2 LIMIT=${LIMIT:-600} SANITIZER=${SANITIZER:-/usr/local/cuda/bin/compute-sanitizer}
processes=$3
shift 3

check() {
    local op=$1 share=$2 begin=$SECONDS text rc
    text=$(timeout "$LIMIT" "$SANITIZER" --tool "$TOOL" --error-exitcode 1 "$LEAN" selftest --device cuda --filter "$op" --shard "$share" 2>&1)
    rc=$?
    echo "$TOOL $op${share:+ $share} rc=$rc $((SECONDS - begin)) s: $(grep -c ' ok ' <<< "$text") ok, $(grep 'SUMMARY' <<< "$text" | tail -1)"
    if [ $rc -ne 0 ]; then
        tail -20 <<< "$text" >&2
    fi

    return $((rc != 0))
}
export -f check

for item in "$@"; do
    IFS=: read -r op shards chosen <<< "$item"
    for i in ${chosen:+${chosen//,/ }} $([ -n "$chosen" ] || seq "${shards:-1}"); do
        echo "$op $i/${shards:-1}"
    done
done | xargs -P "$processes" -L 1 bash -c 'check "$@"' check
