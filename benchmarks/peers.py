#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs dispatch_bench and the tokio peer in turn, and prints how their times compare.

peers.py DISPATCH_BENCH PEER_TOKIO
"""
import json
import statistics
import subprocess
import sys

REPETITIONS = 7
JOBS = 200_000


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def dispatch(program, clients, threads):
    """Seconds per job of a pool of four workers."""
    case = f"^dispatch/.*/from:pool/handler:echo/clients:{clients}/threads:{threads}/workers:4/sessions:0/"
    result = json.loads(output_of(program, f"--benchmark_filter={case}", "--benchmark_min_time=0.05",
                                  "--benchmark_format=json"))
    return result["benchmarks"][0]["per_job"]


def tokio(program, clients, threads):
    """The same of the peer."""
    result = json.loads(output_of(program, "--jobs", str(JOBS), "--clients", str(clients), "--threads", str(threads),
                                  "--workers", "4", "--sessions", "0", "--handler", "echo", "--rounds", "0"))
    return result["per_job"]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    print("| clients | threads | dispatch, ns | tokio, ns | ratio |")
    print("|---|---|---|---|---|")
    for threads in (1, 2):
        for clients in (1, 64, 1024):
            pairs = [(dispatch(sys.argv[1], clients, threads), tokio(sys.argv[2], clients, threads))
                     for _ in range(REPETITIONS)]
            ours, theirs = (statistics.median(column) * 1e9 for column in zip(*pairs))
            ratios = [mine / other for mine, other in pairs]
            print(f"| {clients:,} | {threads} | {ours:.0f} | {theirs:.0f} | {statistics.median(ratios):.2f} "
                  f"({min(ratios):.2f}-{max(ratios):.2f}) |", flush=True)


main()
