#!/usr/bin/env python3
"""What serving costs the processor beside generating: user and system time per token of `lean generate` and of
`lean serve` for the same requests, clients excluded. Usage: bench/serving/overhead.py [BINARY, out/lean]; prints JSON."""

import http.client
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading

BINARY = sys.argv[1] if len(sys.argv) > 1 else "out/lean"
CACHES = ["--cache-memory", "64MiB"]
REPEATS = 3


def prompts(count, tokens):
    return [{"prompt_ids": [i + 5, 25], "max_tokens": tokens, "ignore_eos": True} for i in range(count)]


def generate(count, tokens):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(p) + "\n" for p in prompts(count, tokens))
        file.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([BINARY, "generate", "--prompts", file.name, *CACHES], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Server:
    def __init__(self):
        self.process = subprocess.Popen([BINARY, "serve", "--port", "0", *CACHES], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if match := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(match[1])
                break

    def time(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, prompt, stream, events):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        body = {"prompt": prompt["prompt_ids"], "max_tokens": prompt["max_tokens"], "ignore_eos": True, "temperature": 0, "stream": stream}
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        events.append(connection.getresponse().read().count(b"data: "))
        connection.close()

    def run(self, count, tokens, stream):
        events = []
        before = self.time()
        threads = [threading.Thread(target=self.ask, args=(p, stream, events)) for p in prompts(count, tokens)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.time() - before, sum(events)


def least(values):
    return round(1e6 * min(values), 1)


rows = []
for count, tokens in [(1, 2000), (16, 500), (64, 300), (1000, 20)]:
    total = count * tokens
    server = Server()
    server.run(min(count, 64), 20, True)
    alone, whole, streamed, events = [], [], [], 0
    for _ in range(REPEATS):
        alone.append(generate(count, tokens) / total)
        whole.append(server.run(count, tokens, False)[0] / total)
        seconds, events = server.run(count, tokens, True)
        streamed.append(seconds / total)
    server.process.terminate()
    server.process.wait()
    rows.append({
        "at_once": count, "tokens_each": tokens, "generate_us_per_token": least(alone), "whole_us_per_token": least(whole),
        "streamed_us_per_token": least(streamed), "events_per_token": round(events / total, 2),
        "added_whole_us": round(least(whole) - least(alone), 1), "added_streamed_us": round(least(streamed) - least(alone), 1),
    })
print(json.dumps({"binary": os.path.basename(BINARY), "processors": os.cpu_count(), "repeats": REPEATS, "load_average": os.getloadavg()[0], "rows": rows}, indent=2))
