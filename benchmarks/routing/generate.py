#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a trace of requests to a language model, for replay.cpp: conversations of several turns, whose prompts grow, with
heavy-tailed lengths and pauses.

generate.py [--requests N] [--seed N] [--sessions-per-second X] > trace.txt

A line is: arrival in ms, tokens of the prompt, tokens of the output, session, number of blocks, and the ids of the blocks
of 512 tokens that the prompt consists of. Those of a turn begin with those of the turn before. The same arguments make the
same trace.
"""
import argparse
import heapq
import math
import random

BLOCK = 512


def lognormal(source, median, sigma):
    return median * math.exp(source.gauss(0, sigma))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions-per-second", type=float, default=8.0)
    arguments = parser.parse_args()
    source = random.Random(arguments.seed)

    next_block = 0
    next_session = 0
    # (time, order, state): state is that of a conversation whose next turn comes, as session, turns left, tokens so far and
    # blocks; None: a new conversation comes.
    events = [(0.0, 0, None)]
    order = 0
    made = 0
    while made < arguments.requests:
        time, _, state = heapq.heappop(events)
        if state is None:
            order += 1
            heapq.heappush(events, (time + source.expovariate(arguments.sessions_per_second), order, None))
            # Half of the conversations are one question; a few go on for long.
            turns = 1 + int(source.paretovariate(1.2)) if source.random() < 0.5 else 1
            state = [next_session, min(turns, 100), int(lognormal(source, 800, 1.2)), []]
            next_session += 1
        session, turns, tokens, blocks = state
        prompt = min(tokens + int(lognormal(source, 150, 1.3)) + 1, 120000)
        output = min(int(lognormal(source, 180, 1.0)) + 1, 4000)
        while len(blocks) < prompt // BLOCK:
            blocks.append(next_block)
            next_block += 1
        print(f"{time * 1000:.3f} {prompt} {output} {session} {len(blocks)}", *blocks)
        made += 1
        if turns > 1:
            order += 1
            pause = min(lognormal(source, 25, 1.2), 1800)
            heapq.heappush(events, (time + pause, order, [session, turns - 1, min(prompt + output, 119000), blocks]))


if __name__ == "__main__":
    main()
