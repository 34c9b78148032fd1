# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: a gateway as a process, and clients."""
import http.client
import json
import resource
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def request(port, method, path, body=None, headers=None, timeout=60):
    """(status, headers, JSON or text). OSError and http.client.HTTPException: no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        try:
            return response.status, response.headers, json.loads(text)
        except ValueError:
            return response.status, response.headers, text
    finally:
        connection.close()


def prompt(text, tokens=8):
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}],
                       "generationConfig": {"maxOutputTokens": tokens}})


class Gateway:
    """A gateway on a port and a database of its own."""

    def __init__(self, program, database, *flags, port=None):
        self.program, self.database, self.flags = program, database, flags
        self.port = port or free_port()
        self.process = None
        self.log = open(f"{database}.log", "a", encoding="utf-8")

    def start(self, limits=None):
        """limits: the soft and the hard limit of open files."""
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--database", self.database, *self.flags],
            stdout=self.log, stderr=self.log,
            preexec_fn=limits and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits)))
        wait_until(self.is_ready, f"the gateway on port {self.port} is ready")
        return self

    def is_ready(self):
        assert self.process.poll() is None, f"the gateway ended with {self.process.returncode}: {self.log.name}"
        try:
            return request(self.port, "GET", "/readyz")[0] == 200
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        self.log.close()
