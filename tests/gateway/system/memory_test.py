#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pending requests take no more memory than the flags say: of the shapes that take most of it once they are parsed, as
many are sent as are accepted, and held.

usage: memory_test.py GATEWAY FAKE_UPSTREAM
"""
import subprocess
import sys
import tempfile

from gateway_process import Gateway, prompt, request

BOUND = 24 << 20


def resident(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def body(elements):
    """Of some 300 kB, with as many values as are allowed."""
    return '{"contents":[{"parts":[{"text":"x"}]}],"labels":' + elements + "}"


SHAPES = {
    "empty objects": body("[" + ",".join(["{}"] * 99_900) + "]"),
    "nested arrays": body("[" + ",".join(["[[]]"] * 49_900) + "]"),
    "members": body("{" + ",".join(f'"{i:x}":0' for i in range(40_000)) + "}"),
    "a long text": prompt("x" * 300_000),
}


def fill(program, folder, name, text, *flags):
    with Gateway(program, f"{folder}/{name.replace(' ', '-')}.db", "--max-pending-bytes", str(BOUND), "--log-level",
                 "warn", "--drain-timeout-seconds", "0", *flags) as gateway:
        for _ in range(3):  # what a parser has needed once is no news
            assert request(gateway.port, "POST", "/generate", text[:-1])[0] == 400
        before = resident(gateway.process)
        accepted = 0
        while True:
            status, _, answer = request(gateway.port, "POST", "/generate", text)
            if status != 202:
                break
            accepted += 1
        assert status == 503 and answer["error"]["code"] == "overloaded", f"{status}: {answer}"
        pending = request(gateway.port, "GET", "/metrics")[2]["jobs"]["pending_bytes"]
        assert BOUND // 2 < pending <= BOUND, pending
        grown = resident(gateway.process) - before
        print(f"{name}: {accepted} jobs, {pending >> 20} MiB pending, {grown >> 20} MiB of memory")
        assert grown < 3 * BOUND, f"{name}: {grown} bytes for a bound of {BOUND}"


def main():
    program, fake_upstream = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in SHAPES.items():
            fill(program, folder, name, text, "--token-rate", "0.001")
        upstream = subprocess.Popen([fake_upstream, "--behaviours", "hang"], stdout=subprocess.PIPE, text=True)
        try:
            url = upstream.stdout.readline().split()[-1]
            for name in ["empty objects", "a long text"]:
                fill(program, folder, f"{name} sent", SHAPES[name], "--upstream", "vertex", "--project", "p", "--base-url",
                     url, "--access-token-file", token_file(folder))
        finally:
            upstream.kill()
            upstream.wait()


def token_file(folder):
    with open(f"{folder}/token", "w", encoding="ascii") as file:
        file.write("secret\n")
    return file.name


if __name__ == "__main__":
    main()
