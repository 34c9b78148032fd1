#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs jobs that keep the processor busy, and prints what dispatching them costs, or how long they take under load.

jobs.py efficiency JOBS_BENCH PEER_TOKIO PEER_TOOMANYCOOKS PEER_LIBCORO
jobs.py latency LATENCY_BENCH

A peer that is not there has no figures. Each pass goes through all cases, contenders side by side; the figures are
medians of the passes.
"""
import json
import os
import statistics
import subprocess
import sys

EFFICIENCY_PASSES = 7
LATENCY_PASSES = 5
WORK = (0, 1, 5, 20)  # microseconds
SECONDS = 0.04  # of work, for each case
# The name, its column, and what it takes to have it.
CONTENDERS = (
    ("dispatch", "dispatch", ""),
    ("dispatch_function", "dispatch, a plain function", ""),
    ("co_spawn", "`co_spawn`", ""),
    ("direct_port", "direct port", ""),
    ("tokio", "tokio", "install Rust, and its crates tokio and dashmap"),
    ("toomanycooks", "TooManyCooks", "set DISPATCH_TOOMANYCOOKS_DIR"),
    ("libcoro", "libcoro", "set DISPATCH_LIBCORO_DIR"),
)
SERVICES = (("fixed", "Each job is 20 µs of work"),
            ("pareto", "Jobs are 20 µs of work on average, of which a few are long (a bounded Pareto distribution)"))
ROUTINGS = (("ideal", "ideal, computed"), ("queue", "one queue, no pool"), ("late", "late-bound"),
            ("early", "bound early"), ("pinned", "pinned"))


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def commands(jobs_bench, tokio, toomanycooks, libcoro):
    """How to run each contender that is there; what they all understand is added."""
    mine = {name: [jobs_bench, name] for name, _, _ in CONTENDERS[:4]}
    peers = {"tokio": [tokio, "--sessions", "0", "--handler", "echo"], "toomanycooks": [toomanycooks],
             "libcoro": [libcoro]}
    return mine | {name: command for name, command in peers.items() if os.access(command[0], os.X_OK)}


def efficiency(programs):
    runnable = commands(*programs)
    cases = [(work, threads) for work in WORK for threads in (1, 2)]
    figures = {}
    for number in range(EFFICIENCY_PASSES):
        print(f"\rpass {number + 1} of {EFFICIENCY_PASSES} ", end="", file=sys.stderr, flush=True)
        rounds_per_microsecond = float(output_of(programs[0], "calibrate"))
        for work, threads in cases:
            case = {"--jobs": SECONDS * threads / max(work, 0.5) * 1e6, "--clients": 64, "--threads": threads,
                    "--workers": 4, "--rounds": work * rounds_per_microsecond}
            options = [text for name, value in case.items() for text in (name, str(round(value)))]
            for name, command in runnable.items():
                figures.setdefault((work, threads, name), []).append(json.loads(output_of(*command, *options)))
    print(file=sys.stderr)

    def cell(work, threads, name):
        if name not in runnable:
            return "not found"
        rows = figures[work, threads, name]
        if work == 0:
            return f"{statistics.median(row['per_job'] for row in rows) * 1e9:,.0f} ns"
        ratios = [row["bare"] / row["per_job"] for row in rows]
        return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"

    table(("work", "threads", *(column for _, column, _ in CONTENDERS)),
          ([f"{work} µs" if work else "none", str(threads), *(cell(work, threads, name) for name, _, _ in CONTENDERS)]
           for work, threads in cases))
    for name, column, needs in CONTENDERS:
        if name not in runnable:
            print(f"\n{column} not found: {needs}.")


def latency(program):
    figures = {}
    for number in range(LATENCY_PASSES):
        print(f"\rpass {number + 1} of {LATENCY_PASSES} ", end="", file=sys.stderr, flush=True)
        for line in output_of(program, "2", str(number + 1)).splitlines():
            row = json.loads(line)
            figures.setdefault((row["service"], row["load"], row["routing"]), []).append(row)
    print(file=sys.stderr)

    def microseconds(rows, column):
        return f"{statistics.median(row[column] for row in rows) * 1e6:,.0f}"

    for number, (service, title) in enumerate(SERVICES):
        if number != 0:
            print()
        print(f"{title}. µs, p50 / p99 / p99.9:\n")
        table(("load", *(column for _, column in ROUTINGS)),
              ([f"{load:.0%}", *(" / ".join(microseconds(figures[service, load, name], column)
                                            for column in ("p50", "p99", "p999")) for name, _ in ROUTINGS)]
               for load in (0.5, 0.8, 0.95)))


def main():
    what = sys.argv[1:2]
    if what == ["efficiency"] and len(sys.argv) == 6:
        efficiency(sys.argv[2:])
    elif what == ["latency"] and len(sys.argv) == 3:
        latency(sys.argv[2])
    else:
        sys.exit(__doc__.strip())


main()
