#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the tests about each mutant of mutants.toml, and says which of them live.

mutate.py WORK_DIRECTORY [NAME_PART...]

Each mutant is a copy of include/ with one small mistake; its tests are compiled against that and run until
one fails, does not compile or does not end. Ends with status 1 when more than 5 % of the mutants that change
anything live, or when an unchanged library fails.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ["unit", "pool", "stress"]
SECONDS_TO_RUN = 60
# The simulations, and how many seeds of each.
SIMULATIONS = {"simulation": ("simulation", "4000"), "simulation_streams": ("simulation/streams", "20000")}
FLAGS = ["-std=c++20", "-O1", "-DASIO_STANDALONE", "-w", "-pthread", f"-I{ROOT}/tests"]


def compiler(sanitizer):
    if sanitizer is None:
        return ["g++", *FLAGS]
    return ["clang++-19", *FLAGS, "-DASIO_HAS_CO_AWAIT", "-DASIO_HAS_STD_COROUTINE", f"-fsanitize={sanitizer}"]


def verdict(include, directory, test, sanitizer):
    """None when the test passes; otherwise what it died of."""
    program = directory / f"{test}-{sanitizer}"  # the unchanged library is tested with and without, side by side
    if test in SIMULATIONS:
        folder, seeds = SIMULATIONS[test]
        sources = [ROOT / "tests" / folder / "simulate.cpp", ROOT / "tests/simulation/heap.cpp"]
        libraries, arguments = [], ["--seeds", seeds, "--jobs", "1"]
    else:
        sources = [file for kind in KINDS if (file := ROOT / f"tests/{kind}/{test}.cpp").exists()]
        libraries, arguments = ["-lgtest", "-lgtest_main"], ["--gtest_brief=1"]
    built = subprocess.run([*compiler(sanitizer), f"-I{include}", *sources, "-o", program, *libraries],
                           capture_output=True, text=True, check=False)
    if built.returncode < 0 or "signal terminated program" in built.stderr:
        sys.exit(f"mutate.py: the compiler was ended from outside, which says nothing of a mutant: {built.stderr}")
    if built.returncode != 0:
        return "the compiler" if include != ROOT / "include" else built.stderr
    environment = dict(os.environ, TSAN_OPTIONS=f"halt_on_error=1 suppressions={ROOT}/cmake/tsan.supp")
    try:
        ran = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, errors="replace",
                             timeout=SECONDS_TO_RUN, env=environment)
    except subprocess.TimeoutExpired:
        return f"{test}, which did not end"
    finally:
        program.unlink()
    return None if ran.returncode == 0 else test


def fate(mutant, directory):
    """What killed the mutant; None when it lives."""
    directory.mkdir(parents=True)
    include = directory / "include"
    shutil.copytree(ROOT / "include", include)
    file = include / "dispatch" / mutant["file"]
    text = file.read_text(encoding="utf-8")
    if text.count(mutant["old"]) != 1:
        sys.exit(f"mutate.py: \"{mutant['name']}\": old occurs {text.count(mutant['old'])} times in {mutant['file']}, "
                 "not once: bring mutants.toml up to date")
    file.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    try:
        for test in mutant["tests"]:
            if killer := verdict(include, directory, test, mutant.get("sanitizer")):
                return killer
        return None
    finally:
        shutil.rmtree(directory)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    work = pathlib.Path(sys.argv[1])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with open(pathlib.Path(__file__).with_name("mutants.toml"), "rb") as file:
        mutants = tomllib.load(file)["mutant"]
    mutants = [m for m in mutants if len(sys.argv) == 2 or any(part in m["name"] for part in sys.argv[2:])]
    counted = [m for m in mutants if "equivalent" not in m]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as jobs:
        builds = sorted({(test, m.get("sanitizer") or "") for m in counted for test in m["tests"]})
        for (test, sanitizer), why in zip(builds, jobs.map(
                lambda build: verdict(ROOT / "include", work, build[0], build[1] or None), builds)):
            if why:
                sys.exit(f"mutate.py: {test} {sanitizer} fails without any mutant: {why}")
        print(f"{len(counted)} mutants, {len(mutants) - len(counted)} more that change nothing", flush=True)
        fates = jobs.map(lambda numbered: fate(numbered[1], work / str(numbered[0])), enumerate(counted))
        alive = 0
        for mutant, killer in zip(counted, fates):
            alive += killer is None
            print(f"{'LIVES ' if killer is None else 'killed'}  {mutant['name']}"
                  + (f" (by {killer})" if killer else ""), flush=True)
    print(f"{len(counted) - alive} of {len(counted)} killed: {100 * (len(counted) - alive) / len(counted):.1f} %")
    sys.exit(alive * 20 > len(counted))


main()
