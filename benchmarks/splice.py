#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts what it reads into a file, between the lines "<!-- NAME -->" and "<!-- /NAME -->".

splice.py FILE NAME
"""
import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    path, name = sys.argv[1:]
    block = sys.stdin.readlines()
    if not block:
        sys.exit(f"splice.py: nothing to put into {path}")
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    try:
        start, end = lines.index(f"<!-- {name} -->\n"), lines.index(f"<!-- /{name} -->\n")
    except ValueError:
        sys.exit(f"splice.py: {path} does not say where {name} begins and ends")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines[:start + 1] + block + lines[end:])


main()
