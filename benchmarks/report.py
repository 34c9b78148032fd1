#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what bench.py wrote, as tables; with --readme only the one that the README has.

report.py RESULT.json [--readme]
"""
import sys

from results import PLAIN, Results

VARIANTS = (
    ("typed executors", "dispatch_typed", {}),
    ("a plain function", "dispatch", {"handler": "function"}),
    ("a handler that yields once", "dispatch", {"handler": "yield"}),
    ("a handler that waits for 1 ms", "dispatch", {"handler": "wait_1ms"}),
    ("256 workers", "dispatch", {"workers": "256"}),
    ("1,024 workers", "dispatch", {"workers": "1024"}),
    ("1,000 sessions", "dispatch", {"sessions": "1000"}),
    ("100,000 sessions", "dispatch", {"sessions": "100000"}),
    ("1,000,000 sessions", "dispatch", {"sessions": "1000000"}),
)
MEMORY = {
    "session_1k": "a live session, of 1,000",
    "session_100k": "a live session, of 100,000",
    "session_1m": "a live session, of 1,000,000",
    "worker_new": "an idle worker, new",
    "worker_used": "an idle worker that has run a job",
    "queued_job": "a queued job (`R` and `S` of 8 bytes, a callback)",
    "queued_client": "a queued job, with the coroutine that awaits it",
}


def number(value):
    return f"{int(value):,}"


def nanoseconds(seconds):
    return number(round(seconds * 1e9))


def microseconds(seconds):
    return f"{seconds * 1e6:.2f}"


def ratio(spread):
    return f"{spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})"


def table(title, head, rows):
    print(f"\n{title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def throughput(results, source):
    for clients in ("1", "64", "1024"):
        for threads in ("1", "2"):
            case = PLAIN | {"from": source, "clients": clients, "threads": threads}
            yield [number(clients), threads, nanoseconds(results.spread("dispatch", "per_job", case).median),
                   *(ratio(results.ratio("dispatch", name, "per_job", case))
                     for name in ("co_spawn", "direct_port", "post"))]


def variants(results):
    for label, contender, change in VARIANTS:
        for threads in ("1", "2"):
            plain = PLAIN | {"threads": threads}
            case = plain | change
            # The alternatives know no sessions and no plain functions, and co_spawn no workers.
            handler = case["handler"].replace("function", "echo")
            co_spawn_case = plain | {"handler": handler}
            port_case = co_spawn_case | {"workers": case["workers"]}
            yield [label, threads, nanoseconds(results.spread(contender, "per_job", case).median),
                   ratio(results.ratio(contender, "dispatch", "per_job", case, plain)),
                   ratio(results.ratio(contender, "co_spawn", "per_job", case, co_spawn_case)),
                   ratio(results.ratio(contender, "direct_port", "per_job", case, port_case))]


def latency(results):
    for source, label in (("pool", "the pool"), ("foreign", "another thread")):
        for threads in ("1", "2"):
            case = {"measure": "latency", "from": source, "threads": threads}
            yield [label, threads,
                   *(" / ".join(microseconds(results.spread(name, column, case).median)
                                for column in ("p50", "p90", "p99"))
                     for name in ("dispatch", "co_spawn", "direct_port", "post")),
                   ratio(results.ratio("dispatch", "post", "p50", case))]


def main():
    if sys.argv[2:] not in ([], ["--readme"]):
        sys.exit(__doc__.strip())
    results = Results(sys.argv[1])
    print(f"{results.setting()}. Medians of the passes; ratios are within a pass: median (least-greatest).")
    head = ("clients", "threads", "ns per job", "to `co_spawn`", "to the direct port", "to `post`")
    table("Clients on the pool's threads:", head, throughput(results, "pool"))
    if sys.argv[2:]:
        return
    table("Clients on another thread:", head, throughput(results, "foreign"))
    table("Variations, 64 clients:", ("", "threads", "ns per job", "to the plain case", *head[3:5]), variants(results))
    table("Latency of one client, \u00b5s (p50 / p90 / p99):",
          ("from", "threads", "dispatch", "`co_spawn`", "direct port", "`post`", "p50 to `post`"), latency(results))
    table("Heap:", ("", "bytes"), ([label, number(results.memory[name])] for name, label in MEMORY.items()))


main()
