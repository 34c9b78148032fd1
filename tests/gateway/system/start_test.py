#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a start: a port that is taken while jobs are pending, a log that nobody reads any more, and a
job that is pending whenever the gateway crashes.

usage: start_test.py GATEWAY
"""
import socket
import subprocess
import sys
import tempfile

from gateway_process import Gateway, free_port, prompt, request, wait_until


def taken_port(program, folder):
    gateway = Gateway(program, f"{folder}/taken.db", "--token-rate", "1")
    with gateway:
        jobs = [request(gateway.port, "POST", "/generate", prompt(str(i)))[2]["job_id"] for i in range(20)]
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        for _ in range(5):
            refused = subprocess.run([program, "--port", str(port), "--database", gateway.database],
                                     capture_output=True, text=True, timeout=60, check=False)
            assert refused.returncode == 1, f"{refused.returncode}: {refused.stderr}"
            assert "Address already in use" in refused.stderr, refused.stderr
            assert "resumed" not in refused.stderr, refused.stderr
    with Gateway(program, gateway.database, "--token-rate", "0") as again:
        def all_done():
            return all(request(again.port, "GET", f"/jobs/{job}")[2]["status"] == "Completed" for job in jobs)

        wait_until(all_done, "the jobs are done")


def unread_log(program, folder):
    port = free_port()
    process = subprocess.Popen([program, "--port", str(port), "--database", f"{folder}/unread.db", "--token-rate", "0",
                                "--log-level", "debug"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("listening on ")
        process.stdout.close()
        process.stderr.close()
        for i in range(20):
            assert request(port, "POST", "/generate?wait=true", prompt(str(i)))[0] == 200
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


def poisonous_job(program, folder):
    def gateway():  # which is killed at the end of its block
        return Gateway(program, f"{folder}/poisonous.db", "--token-rate", "1", "--max-resumes", "2")

    with gateway() as first:
        job = request(first.port, "POST", "/generate", prompt("?", tokens=1000))[2]["job_id"]
    for crash in range(3):
        with gateway() as again:
            state = request(again.port, "GET", f"/jobs/{job}")[2]
            assert (state["status"] == "Pending") == (crash < 2), f"after crash {crash + 1}: {state}"
    assert state["result"] == "the gateway crashed 3 times before the job was done: it is not tried again", state
    assert state["error"]["code"] == "crashed_too_often", state


def main():
    with tempfile.TemporaryDirectory() as folder:
        taken_port(sys.argv[1], folder)
        unread_log(sys.argv[1], folder)
        poisonous_job(sys.argv[1], folder)


if __name__ == "__main__":
    main()
