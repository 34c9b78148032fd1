#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs dispatch_bench several times over and dispatch_memory once, and writes what they say to one file.

bench.py PASSES RESULT.json DISPATCH_BENCH DISPATCH_MEMORY

One pass goes through all cases, contenders side by side; what the machine does otherwise hits all of one
pass alike, so figures of the same pass are compared (results.py).
"""
import json
import re
import subprocess
import sys

COLUMNS = ("per_job", "p50", "p90", "p99")


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def run_pass(program):
    """What Google Benchmark says of its surroundings, and the figures of each case by name, in seconds."""
    result = json.loads(output_of(program, "--benchmark_min_time=0.04", "--benchmark_format=json"))
    rows = {}
    for row in result["benchmarks"]:
        if row.get("error_occurred"):
            sys.exit(f"bench.py: {row['name']} failed: {row['error_message']}")
        name = row["name"].removesuffix("/manual_time")
        rows[name] = {column: row[column] for column in COLUMNS if column in row}
    return result["context"], rows


def cpu():
    """The processor's name, and whether it is a virtual one; as far as Linux says."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return "unknown", False
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return model.group(1) if model else "unknown", " hypervisor" in text


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__.strip())
    passes = []
    for number in range(int(sys.argv[1])):
        print(f"\rpass {number + 1} of {sys.argv[1]} ", end="", file=sys.stderr, flush=True)
        context, rows = run_pass(sys.argv[3])
        passes.append(rows)
    print(file=sys.stderr)
    name, virtual = cpu()
    machine = {"cpu": name, "virtual": virtual, "cores": context["num_cpus"], "compiler": context["compiler"],
               "asio": context["asio"]}
    memory = dict(line.split() for line in output_of(sys.argv[4]).splitlines())
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump({"machine": machine, "memory": memory, "passes": passes}, file, indent=1)


main()
