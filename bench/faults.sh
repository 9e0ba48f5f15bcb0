#!/usr/bin/env bash
# Two processes, a card each, that decode 64 long texts of the demo together (--tp 2, NCCL), and what becomes of both when one of
# them is killed, stopped or late: exit codes, how long the other one lives on, what it says, and the verdict of its dump.
# libnccl.so.2 must be found (LD_LIBRARY_PATH).
#
#   bench/faults.sh LEAN
set -u
if [ $# -ne 1 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

lean=$(realpath "$1") port=${PORT:-29600}
LEAN_COMM_SECRET=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
export LEAN_COMM_SECRET
cd "$(mktemp -d)" || exit 1
for i in $(seq 64); do echo "{\"prompt\":\"Scene $i:\",\"max_tokens\":3000}"; done > prompts.jsonl

# two NAME AFTER_3_SECONDS [ONCE_RANK_0_HAS_ENDED]: $zero and $one are the processes.
two() {
    local pids=() begin ended
    port=$((port + 1))
    for rank in 0 1; do
        RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port timeout -k 2 60 \
            "$lean" generate --prompts prompts.jsonl --ignore-eos --temperature 0 --device cuda --tp 2 --watchdog 2 --json > "$1-$rank.out" 2> "$1-$rank.err" &
        pids+=($!)
    done
    sleep 3
    zero=$(pgrep -P "${pids[0]}") one=$(pgrep -P "${pids[1]}")
    eval "$2"
    begin=${EPOCHREALTIME/./}
    { wait "${pids[0]}"; } 2> /dev/null # the shell would tell who was killed
    local first=$?
    ended=$((${EPOCHREALTIME/./} - begin))
    eval "${3:-}"
    { wait "${pids[1]}"; } 2> /dev/null
    local second=$?
    echo "$1: rank 0 ends with $first after $((ended / 1000)) ms, rank 1 with $second; $(wc -l < "$1-0.out") answers, $(grep -o '"output_ids":[^]]*' "$1-0.out" | md5sum | cut -c1-12)"
    for rank in 0 1; do tail -n 1 "$1-$rank.err" | cut -c1-400 | sed "s/^/    $rank: /"; done
    grep -h -o '/[^ )]*\.ring' "$1"-?.err | sort -u | while read -r dump; do [ -f "$dump" ] && "$lean" diagnose "$dump" | head -3 | sed 's/^/    dump: /'; done
}

two none true
two late 'kill -STOP "$one"; sleep 1; kill -CONT "$one"'       # less than the watchdog's patience: the same answers as before
two killed_1 'kill -KILL "$one"'
two killed_0 'kill -KILL "$zero"'
two stopped_1 'kill -STOP "$one"' 'kill -KILL "$one"'
two stopped_0 'kill -STOP "$zero"; sleep 8; kill -KILL "$zero"'
