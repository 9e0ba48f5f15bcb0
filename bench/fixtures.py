#!/usr/bin/env python3
"""The fixtures on a device: ‖Δ‖/‖ref‖ and the largest |Δ| of logits and MTP logits, against f64 and against transformers,
and the greedy tokens, without drafts and with three. Needs numpy. Fails where a distance exceeds 1e-2.

    bench/fixtures.py LEAN DEVICE ["LAYOUT"]      # such as bench/fixtures.py out/lean cuda "--tp 2"
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

FIXTURES = pathlib.Path(__file__).parent.parent / "tests/Engine.Tests/Data/fixtures"
FORMATS = {"F32": np.float32, "I64": np.int64, "I32": np.int32}


def read(path):
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[begin:end], FORMATS[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def logits(lean, device, folder, layout):
    with tempfile.TemporaryDirectory() as scratch:
        out = f"{scratch}/logits.safetensors"
        command = [lean, "score", "--model", folder, "--ids", f"{folder}/reference.safetensors", "--logits", out, "--mtp", "3", "--device", device, "--json", *layout.split()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return read(out)


def greedy(lean, device, folder, prompt, drafts, layout):
    command = [lean, "generate", "--model", folder, "--prompt-ids", ",".join(map(str, prompt)), "--max-tokens", "32", "--ignore-eos",
               "--speculate", str(drafts), "--device", device, "--json", *layout.split()]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["output_ids"]


def main(lean, device, layout=""):
    worst = 0.0
    print(device, layout)
    for name in ["qwen3.5-moe", "qwen3.5-dense", "qwen3-next-moe"]:
        folder = f"{FIXTURES}/{name}"
        reference, exact, found = read(f"{folder}/reference.safetensors"), read(f"{folder}/exact.safetensors"), logits(lean, device, folder, layout)
        print(name)
        for key in ["logits", "mtp_logits_1", "mtp_logits_2", "mtp_logits_3"]:
            for what, expected in [("f64", exact[key]), ("transformers", reference[key])]:
                delta = found[key].astype(np.float64) - expected
                distance = np.linalg.norm(delta) / np.linalg.norm(expected.astype(np.float64))
                worst = max(worst, distance if np.isfinite(distance) else np.inf)
                print(f"  {key} vs {what}: |d|/|ref| {distance:.3e} max {np.abs(delta).max():.3e}")
        for drafts in [0, 3]:
            same = sum(int(a) == int(b) for a, b in zip(greedy(lean, device, folder, reference["prompt_ids"], drafts, layout), reference["greedy_ids"]))
            print(f"  greedy (with {drafts} drafts): {same} of 32 tokens as the reference")
    print(f"worst {worst:.3e}")
    return 0 if worst <= 1e-2 else 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
