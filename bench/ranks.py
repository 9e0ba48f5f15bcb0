#!/usr/bin/env python3
"""The demo and the fixtures on several ranks beside one: the same tokens, with none and with three drafts, up to choices
between tokens whose log-probabilities are within 0.05 on one; and each rank layout's own bits, alone and among others. Fails
where they differ by more.

    bench/ranks.py LEAN DEVICE [LAYOUT…]      # such as bench/ranks.py out/lean cuda "--tp 2" "--dp 2 --ep"
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
FIXTURES = ROOT / "tests/Engine.Tests/Data/fixtures"
GAP = 0.05
ALONE = (0, 5, 11)


def generate(lean, device, model, prompts, layout, drafts):
    command = [lean, "generate", "--device", device, "--prompts", prompts, "--max-tokens", "32", "--ignore-eos", "--temperature", "0",
               "--logprobs", "2", "--speculate", str(drafts), "--json", *model, *layout.split()]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def gap(one, other):
    """What the first token that differs was worth less than the one chosen on one rank; 0 where none differs, infinite where it was not among the likeliest."""
    for place, (a, b) in enumerate(zip(one["output_ids"], other["output_ids"])):
        if a != b:
            worth = {top["id"]: top["logprob"] for top in one["top_logprobs"][place]}
            return one["logprobs"][place] - worth[b] if b in worth else float("inf")
    return 0.0 if len(one["output_ids"]) == len(other["output_ids"]) else float("inf")


def write(folder, name, requests):
    path = f"{folder}/{name}.jsonl"
    pathlib.Path(path).write_text("".join(json.dumps(r) + "\n" for r in requests))
    return path


def models():
    """The demo and the fixtures: a name, what lean is told, and how many tokens there are."""
    yield "demo", [], 2048
    for name in ("qwen3.5-moe", "qwen3.5-dense", "qwen3-next-moe"):
        config = json.loads((FIXTURES / name / "config.json").read_text())
        yield name, ["--model", str(FIXTURES / name)], config.get("text_config", config)["vocab_size"]


def main(lean, device, layouts):
    random.seed(1)
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for name, model, vocabulary in models():
            requests = [{"prompt_ids": [random.randrange(vocabulary) for _ in range(random.choice((3, 17, 64, 70)))]} for _ in range(12)]
            together = write(scratch, name, requests)
            one = generate(lean, device, model, together, "", 0)
            for layout in layouts:
                found = {drafts: generate(lean, device, model, together, layout, drafts) for drafts in (0, 3)}
                gaps = [gap(a, b) for a, b in zip(one, found[0])]
                drafted = sum(a["output_ids"] == b["output_ids"] and a["logprobs"] == b["logprobs"] for a, b in zip(found[0], found[3]))
                alone = sum(generate(lean, device, model, write(scratch, f"{name}-{i}", [requests[i]]), layout, 0)[0]["logprobs"] == found[0][i]["logprobs"] for i in ALONE)
                same, worst = sum(g == 0 for g in gaps), max(gaps)
                failed |= worst > GAP or drafted != len(requests) or alone != len(ALONE)
                print(f"{name} {layout}: {same} of {len(requests)} texts as on one, the largest gap {worst:.3g}; {drafted} with three drafts to the bit; {alone} of {len(ALONE)} alone to the bit", flush=True)
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:] or ["--tp 2", "--dp 2 --ep"]))
