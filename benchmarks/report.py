#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what dispatch_bench wrote: medians, and ratios to the awaited co_spawn of the same run.

report.py RESULT.json   (from --benchmark_out, with --benchmark_repetitions)
"""
import json
import re
import statistics
import sys
from collections import defaultdict


def read(path):
    """The seconds per job of each repetition, by benchmark."""
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    seconds = defaultdict(list)
    for row in result["benchmarks"]:
        if row.get("error_occurred"):
            sys.exit(f"report.py: {row['name']} failed: {row['error_message']}")
        if row["run_type"] == "iteration":
            name = re.sub(r"/(manual_time|repeats:\d+)", "", row["run_name"])
            seconds[name].append((row["repetition_index"], row["per_job"], row.get("p50")))
    return result["context"], seconds


def baseline_of(name):
    """The awaited co_spawn with as many clients and threads; for a round trip, the bare post."""
    if name.startswith("foreign_"):
        return "foreign_post"
    clients, threads = re.search(r"/clients:(\d+)/threads:(\d+)", name).groups()
    return f"co_spawn/clients:{clients}/threads:{threads}/workers:4/sessions:0/handler:echo"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    context, seconds = read(sys.argv[1])
    print(f"{context['num_cpus']} cores at {context['mhz_per_cpu']} MHz; median of repetitions, and the range of")
    print("the ratio to the awaited co_spawn beside it (a foreign thread's round trip: p50, to a bare post)\n")
    print("| case | ns per job | ratio | from | to |")
    print("|---|---|---|---|---|")
    for name, rows in sorted(seconds.items()):
        column = 2 if name.startswith("foreign_") else 1
        base = {index: row[column - 1] for index, *row in seconds[baseline_of(name)]}
        ratios = [row[column - 1] / base[index] for index, *row in rows]
        median = statistics.median(row[column - 1] for _, *row in rows)
        print(f"| {name} | {median * 1e9:.0f} | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |")


main()
