#!/usr/bin/env python3
"""What others' kernels take on this machine for the work that `lean bench kernels` times: products by cuBLAS, attention by
cuDNN and by flash attention, all through torch, in bf16. Cards of one name differ by some hundredths, so a comparison finer than
that needs both sides in the same minutes:

    python3 bench/peers.py peers.json
    lean bench kernels --device cuda --model qwen3.5-35b-a3b --peers peers.json

As there: launches out of CUDA graphs, weights and caches of random bits that rotate over more than a card's L2 keeps, medians.
Needs torch with CUDA, and Python. Writes JSON and prints a line per figure, in microseconds a launch.
"""
import argparse
import json
import statistics
import sys

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

ROTATED = 1 << 30
GENERATED = (1, 4, 16, 64)
PROMPT = (2048, 8192)


def random(*shape):
    return torch.randn(shape, device="cuda", dtype=torch.bfloat16) * 0.05


def rotated(bytes_each, make):
    """As many of what a launch reads as fill what no cache keeps."""
    return [make() for _ in range(max(2, -(-ROTATED // bytes_each)))]


def microseconds(launches):
    """Median over replays of a graph of all launches, each with data of its own; warm clocks, as a server has them."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for launch in launches[:3]:
            launch()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for launch in launches:
                launch()
        times = []
        while len(times) < 9 or (sum(times) < 100 and len(times) < 50):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
    return statistics.median(times[2:]) * 1000 / len(launches)


def linear(rows, outputs, inputs):
    x, weights = random(rows, inputs), rotated(outputs * inputs * 2, lambda: random(outputs, inputs))
    return microseconds([lambda w=w: F.linear(x, w) for w in weights])


def lm_head(rows):
    x, weights = random(rows, 2048), rotated(248320 * 2048 * 2, lambda: random(248320, 2048))
    return microseconds([lambda w=w: torch.argmax(F.linear(x, w), dim=-1) for w in weights])


def shared_expert(rows):
    """Both products alone: what lies between them is left out."""
    x, inner = random(rows, 2048), random(rows, 512)
    weights = rotated(1536 * 2048 * 2, lambda: (random(1024, 2048), random(2048, 512)))

    def both(w):
        F.linear(x, w[0])
        F.linear(inner, w[1])

    return microseconds([lambda w=w: both(w) for w in weights])


def generated_attention(rows, context, backend, grouped):
    """Queries of a head's group as rows, which no mask tells apart, or left to the backend."""
    caches = rotated(rows * context * 2 * 2 * 256 * 2, lambda: (random(rows, 2, context, 256), random(rows, 2, context, 256)))
    q = random(rows, 2, 8, 256) if grouped else random(rows, 16, 1, 256)
    with sdpa_kernel(backend):
        return microseconds([lambda c=c: F.scaled_dot_product_attention(q, *c, enable_gqa=not grouped) for c in caches])


def prompt_attention(rows, backend):
    work = [(random(1, 16, rows, 256), random(1, 2, rows, 256), random(1, 2, rows, 256)) for _ in range(4)]
    with sdpa_kernel(backend):
        return microseconds([lambda w=w: F.scaled_dot_product_attention(*w, is_causal=True, enable_gqa=True) for w in work])


def best(ways):
    """The least of what can be run; a backend may refuse a shape."""
    found = []
    for way in ways:
        try:
            found.append(way())
        except RuntimeError as refused:
            print(f"  ({str(refused).splitlines()[0]})", file=sys.stderr)
    return min(found) if found else None


def attention_ways(rows, context):
    return [lambda b=b, g=g: generated_attention(rows, context, b, g)
            for b in (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION) for g in (True, False)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="the JSON file to write")
    parser.add_argument("--filter", default="", help="only ops whose names contain this")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no CUDA device: torch finds none")
    every = GENERATED + PROMPT
    dense = {"in_proj": (12288, 2048), "out_proj": (2048, 4096), "qkv_proj": (9216, 2048), "router": (256, 2048)}
    plan = [("cuBLAS", [op], None, "%d outputs" % shape[0], every, lambda r, s=shape: linear(r, *s)) for op, shape in dense.items()]
    plan.append(("cuBLAS", ["shared_expert"], None, "both products alone", every, shared_expert))
    plan.append(("cuBLAS + torch argmax", ["lm_head", "greedy_pick"], None, None, GENERATED, lm_head))
    for context, rows in ((4096, (1, 4, 16, 64)), (32768, (1, 4, 16))):
        plan.append(("cuDNN or flash", ["paged_attention"], f"16/2 heads of 256, context {context}", "the best of both; keys and values of a sequence lie together", rows,
                     lambda r, c=context: best(attention_ways(r, c))))
    plan.append(("cuDNN or flash", ["paged_attention"], "16/2 heads of 256, from position 0", "the best of both", PROMPT,
                 lambda r: best([lambda b=b: prompt_attention(r, b) for b in (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION)])))
    figures = []
    for peer, ops, shape, note, rows, time in plan:
        if not any(arguments.filter in op for op in ops):
            continue
        us = {}
        for r in rows:
            taken = time(r)
            torch.cuda.empty_cache()
            if taken is not None:
                us[str(r)] = round(taken, 2)
                print(f"{'+'.join(ops):28} {shape or '':36} {r:6} {taken:10.2f}", flush=True)
        figure = {"peer": peer, "ops": ops, **({"shape": shape} if shape else {"model": "qwen3.5-35b-a3b"}), "us": us, **({"note": note} if note else {})}
        figures.append(figure)
    name = torch.cuda.get_device_name()
    source = f"bench/peers.py on this machine: torch {torch.__version__}, CUDA {torch.version.cuda}, bf16, medians of CUDA-graph replays, random data that rotates over {ROTATED >> 30} GiB"
    with open(arguments.out, "w") as file:
        json.dump({"device": name, "source": source, "figures": figures}, file, indent=1)


if __name__ == "__main__":
    main()
