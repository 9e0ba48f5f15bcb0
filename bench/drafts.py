#!/usr/bin/env python3
"""Drafts change no bit: the demo and the fixtures with one to seven drafts a step, with as many as pay and with lookup give the
tokens and log-probabilities that they give with none, together in a batch and alone. Half of the requests are greedy, the others
sampled, some under penalties, min_tokens or stop tokens. Fails where one differs.

    bench/drafts.py LEAN DEVICE [MODEL…]      # such as bench/drafts.py out/lean cuda demo qwen3.5-moe
"""
import random
import sys
import tempfile

from ranks import ALONE, generate, models, write

WAYS = [(str(k), "") for k in range(1, 8)] + [("auto", ""), ("3", "--drafter lookup"), ("7", "--drafter lookup")]


def request(vocabulary, i):
    piece = [random.randrange(vocabulary) for _ in range(random.choice((3, 17, 64, 70)))]
    made = {"prompt_ids": piece + piece[:random.choice((0, 5))], "seed": i}
    if i % 2:
        made["temperature"] = random.choice((0.7, 1.0, 1.5))
    if i % 5 == 1:
        made |= {"repetition_penalty": 1.1, "presence_penalty": 0.5}
    if i % 5 == 2:
        made |= {"stop_token_ids": random.sample(range(vocabulary), vocabulary // 16), "min_tokens": 4}
    return made


def equal(one, other):
    return one["output_ids"] == other["output_ids"] and one["logprobs"] == other["logprobs"]


def main(lean, device, wanted):
    random.seed(1)
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for name, model, vocabulary in models():
            if wanted and name not in wanted:
                continue
            requests = [request(vocabulary, i) for i in range(24)]
            together = write(scratch, name, requests)
            none = generate(lean, device, model, together, "", 0)
            for drafts, drafter in WAYS:
                found = generate(lean, device, model, together, drafter, drafts)
                same = sum(map(equal, none, found))
                alone = sum(equal(generate(lean, device, model, write(scratch, f"{name}-{i}", [requests[i]]), drafter, drafts)[0], none[i]) for i in ALONE)
                failed |= same != len(requests) or alone != len(ALONE)
                accepted = sum(r["speculation"]["accepted"] for r in found)
                print(f"{name} {drafts} {drafter or '--drafter mtp'}: {same} of {len(requests)} as with none, {alone} of {len(ALONE)} alone; {accepted} drafts accepted", flush=True)
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
