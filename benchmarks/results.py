# SPDX-License-Identifier: Apache-2.0
"""The file that bench.py writes, and how its figures are compared."""
import json
import statistics
import sys
from collections import namedtuple

Spread = namedtuple("Spread", "median low high")

# The case that all others are variations of.
PLAIN = {"measure": "throughput", "from": "pool", "handler": "echo", "clients": "64", "threads": "1", "workers": "4",
         "sessions": "0"}


def spread(values):
    return Spread(statistics.median(values), min(values), max(values))


class Results:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        self.machine = content["machine"]
        self.memory = content["memory"]
        self.passes = [{key_of(name): row for name, row in one.items()} for one in content["passes"]]

    def series(self, contender, column, case):
        """A figure of each pass, in seconds."""
        key = contender, frozenset(case.items())
        try:
            return [one[key][column] for one in self.passes]
        except KeyError:
            sys.exit(f"{contender} has no case {case}")

    def spread(self, contender, column, case):
        return spread(self.series(contender, column, case))

    def ratio(self, contender, other, column, case, other_case=None):
        """contender's figures over those of another of the same pass."""
        mine = self.series(contender, column, case)
        theirs = self.series(other, column, other_case or case)
        return spread([a / b for a, b in zip(mine, theirs)])

    def setting(self):
        """Where the figures are from, in a sentence."""
        machine = self.machine
        return (f"{machine['cpu']}{', virtual' if machine['virtual'] else ''}, {machine['cores']} cores; "
                f"GCC {machine['compiler']}, Asio {machine['asio']}; {len(self.passes)} passes")


def key_of(name):
    """dispatch/measure:latency/... as the contender and its case, so that the order of parts does not matter."""
    contender, *parts = name.split("/")
    return contender, frozenset(tuple(part.split(":", 1)) for part in parts)
