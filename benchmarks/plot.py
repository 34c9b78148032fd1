#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the time per job of what bench.py wrote, for 1, 64 and 1,024 clients on 1 and 2 threads.

plot.py RESULT.json PLOT.svg
"""
import sys
from html import escape

from results import PLAIN, Results

CONTENDERS = (
    ("dispatch", "dispatch"),
    ("post", "one awaited post: does nothing"),
    ("co_spawn", "awaited co_spawn: no dispatcher"),
    ("direct_port", "channels and a co_spawn per job"),
)
WIDTH, PANEL, BARS_FROM, BAR, PITCH, GROUP_GAP, TOP = 880, 440, 62, 13, 16, 14, 96
ROOM_FOR_TEXT = 130
GROUP = len(CONTENDERS) * PITCH + GROUP_GAP
HEIGHT = TOP + 3 * GROUP + 28

# GitHub shows the same file on white and on almost black; it has no background of its own.
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .faint { fill: #59636e } .strong { font-weight: 600 }
.end { text-anchor: end } line { stroke: #d1d9e0 }
.dispatch { fill: #1f6feb } .post { fill: #b6bfc9 } .co_spawn { fill: #8c96a3 } .direct_port { fill: #646d78 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #9198a1 } line { stroke: #3d444d }
  .dispatch { fill: #4493f8 } .post { fill: #565e68 } .co_spawn { fill: #767f8a } .direct_port { fill: #9aa3ad }
}"""


def text(x, y, words, classes=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{classes}">{escape(words)}</text>'


def bar(x, y, width, name):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR}" rx="2" class="{name}"/>'


def legend():
    x = 0
    for name, label in CONTENDERS:
        yield bar(x, 40, BAR, name)
        yield text(x + BAR + 6, 51, label)
        x += BAR + 6 + 6.3 * len(label) + 22


def panel(results, threads, left, scale):
    yield text(left, TOP - 14, f"{threads} thread{'s' if threads != '1' else ''}", "strong")
    for group, clients in enumerate(("1", "64", "1024")):
        case = PLAIN | {"clients": clients, "threads": threads}
        top = TOP + group * GROUP
        middle = top + len(CONTENDERS) * PITCH / 2
        yield text(left + BARS_FROM - 10, middle - 2, f"{int(clients):,}", "end strong")
        yield text(left + BARS_FROM - 10, middle + 12, "client" if clients == "1" else "clients", "end faint")
        for row, (name, _) in enumerate(CONTENDERS):
            seconds = results.spread(name, "per_job", case).median
            y = top + row * PITCH
            end = left + BARS_FROM + seconds * scale
            label = f"{seconds * 1e9:,.0f} ns"
            if name == "dispatch":
                ratio = results.ratio("dispatch", "co_spawn", "per_job", case).median
                label += f", {ratio:.2f} of co_spawn"
            yield bar(left + BARS_FROM, y, end - left - BARS_FROM, name)
            yield text(end + 5, y + BAR - 2, label, "strong" if name == "dispatch" else "faint")
        yield (f'<line x1="{left + BARS_FROM}" x2="{left + BARS_FROM}" y1="{top - 3}" '
               f'y2="{top + len(CONTENDERS) * PITCH}"/>')


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    results = Results(sys.argv[1])
    longest = max(results.spread(name, "per_job", PLAIN | {"clients": clients, "threads": threads}).median
                  for name, _ in CONTENDERS for clients in ("1", "64", "1024") for threads in ("1", "2"))
    scale = (PANEL - BARS_FROM - ROOM_FOR_TEXT / 2) / longest
    title = "Time per job, from submit to response (shorter is better)"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
             f"<title>{title}</title><style>{STYLE}\n</style>", text(0, 18, title, "title"), *legend(),
             *panel(results, "1", 0, scale), *panel(results, "2", PANEL, scale),
             text(0, HEIGHT - 8, f"Echo handler, 4 workers, clients in a closed loop. {results.setting()}, medians.",
                  "faint"),
             "</svg>"]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


main()
