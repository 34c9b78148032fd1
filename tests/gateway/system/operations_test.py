#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What operators do to a gateway, on purpose or not: a log that nobody reads, few descriptors, SIGHUP, and a database
that is taken away.

usage: operations_test.py GATEWAY FAKE_UPSTREAM
"""
import os
import signal
import socket
import subprocess
import sys
import tempfile

from gateway_process import Gateway, free_port, prompt, request, wait_until


def stalled_log(program, folder):
    """Nobody reads stdout and stderr, which are one pipe: the service goes on, and ends."""
    port = free_port()
    reader, writer = os.pipe()
    process = subprocess.Popen([program, "--port", str(port), "--database", f"{folder}/stalled.db", "--token-rate", "0",
                                "--log-level", "debug"], stdout=writer, stderr=writer)
    os.close(writer)
    try:
        wait_until(lambda: answers(port), "the gateway answers")
        for i in range(800):  # some 150 kB of log
            assert request(port, "POST", "/generate?wait=true", prompt(str(i)), timeout=30)[0] == 200
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def answers(port):
    try:
        return request(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def log_of(gateway):
    with open(gateway.log.name, encoding="utf-8") as file:
        return file.read()


def few_descriptors(program, fake_upstream, folder):
    """Idle clients take as many connections as there may be, and jobs are still stored and sent to the upstream."""
    upstream = subprocess.Popen([fake_upstream], stdout=subprocess.PIPE, text=True)
    gateway = Gateway(program, f"{folder}/few.db", "--upstream", "openai", "--base-url",
                      upstream.stdout.readline().split()[-1], "--model", "m", "--workers", "2", "--concurrency", "8")
    idle = []
    try:
        gateway.start(limits=(100, 200))
        wait_until(lambda: "descriptors limit=200 clients=120 upstream=16 reserve=64" in log_of(gateway), "it is said")
        wait_until(lambda: "fewer connections than configured" in log_of(gateway), "it is said")
        for _ in range(250):  # silent ones, and those that keep the connection after a request
            client = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" if len(idle) % 2 else b"")
            idle.append(client)
        jobs = [request(gateway.port, "POST", "/generate?wait=true", prompt(str(i))) for i in range(20)]
        assert all(status == 200 for status, _, _ in jobs), jobs
        assert "Too many open files" not in log_of(gateway), log_of(gateway)
        assert gateway.terminate() == 0
    finally:
        for client in idle:
            client.close()
        gateway.__exit__()
        upstream.kill()
        upstream.wait()
        upstream.stdout.close()


def hangup(program, folder):
    """SIGHUP: the log is opened anew, secrets are read anew, and the service goes on."""
    secret, log = f"{folder}/token", f"{folder}/gateway.log"

    def write_secret(text):
        with open(secret, "w", encoding="utf-8") as file:
            file.write(text)

    def status_with(token):
        return request(gateway.port, "GET", "/metrics", headers={"Authorization": f"Bearer {token}"})[0]

    write_secret("first")
    with Gateway(program, f"{folder}/hangup.db", "--client-token-file", secret, "--log-file", log) as gateway:
        assert (status_with("first"), status_with("second")) == (200, 401)
        os.rename(log, f"{log}.1")
        write_secret("second")
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status_with("second") == 200, "the new token is taken")
        assert status_with("first") == 401
        wait_until(lambda: os.path.exists(log), "the log is opened anew")
        write_secret("not a token")
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the secrets could not be read anew" in open(log, encoding="utf-8").read(), "it is said")
        assert status_with("second") == 200
        for _ in range(20):
            gateway.process.send_signal(signal.SIGHUP)
        assert gateway.terminate() == 0


def lost_database(program, folder):
    """The database is moved away under the service: no job is accepted, until it is back."""
    with Gateway(program, f"{folder}/lost.db") as gateway:
        kept = request(gateway.port, "POST", "/generate?wait=true", prompt("1"))[2]["job_id"]
        os.rename(gateway.database, f"{gateway.database}.away")
        assert request(gateway.port, "POST", "/generate", prompt("2"))[0] == 503
        assert request(gateway.port, "GET", "/readyz")[0] == 503
        assert request(gateway.port, "GET", "/healthz")[0] == 200
        wait_until(lambda: "was removed or replaced" in log_of(gateway), "it is said")  # the log is written beside
        os.rename(f"{gateway.database}.away", gateway.database)
        wait_until(gateway.is_ready, "it is ready again")
        assert request(gateway.port, "POST", "/generate?wait=true", prompt("3"))[0] == 200
        assert request(gateway.port, "GET", f"/jobs/{kept}")[0] == 200
        assert gateway.terminate() == 0


def main():
    program, fake_upstream = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        for test in (stalled_log, hangup, lost_database):
            test(program, folder)
            print(f"{test.__name__}: passed")
        few_descriptors(program, fake_upstream, folder)


if __name__ == "__main__":
    main()
