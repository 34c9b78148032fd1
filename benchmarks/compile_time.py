#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what it takes to compile the programs of compile_time/: processor time and peak memory, beside
those of asio.cpp.

compile_time.py BUILD_DIR...   (each with compile_commands.json; one has the flags of one compiler)

The programs are compiled in turn, several times over. Processor time, because it is less disturbed by
what else runs than the clock on the wall; for one compiler on an idle machine they are the same.
"""
import json
import os
import re
import shlex
import statistics
import subprocess
import sys

REPETITIONS = 5
YARDSTICK = "asio"
SEPARATE = " separate"  # after the name of a program that is compiled with DISPATCH_SEPARATE_COMPILATION
PROGRAMS = {YARDSTICK: "Asio and one `co_spawn`"}
for how, words in {"": "", SEPARATE: ", compiled separately"}.items():
    PROGRAMS["include" + how] = "the same, and `<dispatch/pool.hpp>`" + words
    PROGRAMS["submit" + how] = "one `submit`" + words
    PROGRAMS["spawn" + how] = "one `spawn_workers`" + words
    PROGRAMS["pool" + how] = "a pool and one `submit`" + words
PROGRAMS["source" + SEPARATE] = "`<dispatch/src.hpp>`, once in a program"


def commands_of(build):
    """The command that compiles each program, without a launcher such as ccache."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    commands = {}
    for entry in entries:
        folder, name = os.path.split(entry["file"])
        if os.path.basename(folder) == "compile_time":
            command = shlex.split(entry["command"])
            command[command.index("-o") + 1] = os.devnull
            how = SEPARATE if "-DDISPATCH_SEPARATE_COMPILATION" in command else ""
            commands[os.path.splitext(name)[0] + how] = command, entry["directory"]
    return commands


def compile_once(command, directory):
    """Processor seconds and peak memory in MiB: of the largest process, which is the compiler proper."""
    process = subprocess.Popen(command, cwd=directory)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"compile_time.py: this failed: {shlex.join(command)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compiler_of(command):
    line = subprocess.run([command[0], "--version"], check=True, capture_output=True, text=True).stdout.split("\n")[0]
    return ("Clang " if "clang" in line else "GCC ") + re.search(r"\d+\.\d+\.\d+", line).group()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    print("| compiler | translation unit | seconds | ratio | MiB | ratio |")
    print("|---|---|---|---|---|---|")
    for build in sys.argv[1:]:
        commands = commands_of(build)
        rounds = [{name: compile_once(*commands[name]) for name in PROGRAMS} for _ in range(REPETITIONS)]
        memory = {name: statistics.median(done[name][1] for done in rounds) for name in PROGRAMS}
        for name, label in PROGRAMS.items():
            seconds = statistics.median(done[name][0] for done in rounds)
            ratios = [done[name][0] / done[YARDSTICK][0] for done in rounds]
            print(f"| {compiler_of(commands[name][0])} | {label} | {seconds:.1f} "
                  f"| {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) | {memory[name]:.0f} "
                  f"| {memory[name] / memory[YARDSTICK]:.2f} |", flush=True)


main()
