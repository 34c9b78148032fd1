#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under load: every job whose id a client received is there after the restart, and ends.

usage: kill_test.py GATEWAY [JOBS]
"""
import http.client
import random
import sys
import tempfile
import threading
import time

from gateway_process import Gateway, prompt, request, wait_until


LEAST_KILLS = 5


class Load:
    """Clients that submit jobs until they are told to stop, whatever happens to the gateway."""

    def __init__(self, port, clients=16):
        self.port = port
        self.accepted = []
        self.failures = 0
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.submit, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def submit(self, client):
        number = 0
        while not self.stopped.is_set():
            number += 1
            try:
                status, _, body = request(self.port, "POST", "/generate", prompt(f"{client}/{number}"),
                                          {"X-Session-Id": f"session-{client}"}, timeout=10)
            except (OSError, http.client.HTTPException):
                status = None
            with self.lock:
                if status == 202:
                    self.accepted.append(body["job_id"])
                else:
                    self.failures += 1
            time.sleep(random.uniform(0, 0.05))

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def main():
    program = sys.argv[1]
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    with tempfile.TemporaryDirectory() as folder, \
            Gateway(program, f"{folder}/jobs.db", "--token-rate", "200", "--log-level", "warn", "--max-resumes",
                    "1000000") as gateway:
        load = Load(gateway.port)
        try:
            kills = 0
            while kills < LEAST_KILLS or len(load.accepted) < jobs:
                before = len(load.accepted)
                wait_until(lambda: len(load.accepted) > before + 10, "jobs are accepted")
                time.sleep(random.uniform(0, 0.2))
                gateway.kill()
                kills += 1
                gateway.start()
        finally:
            load.stop()
        print(f"{len(load.accepted)} jobs accepted, {load.failures} requests refused or cut off, {kills} kills")

        waiting = set(load.accepted)
        assert len(waiting) == len(load.accepted), "two jobs have the same id"

        def all_ended():
            for job in list(waiting):
                status, _, body = request(gateway.port, "GET", f"/jobs/{job}")
                assert status == 200, f"job {job} was accepted and is lost: {status} {body}"
                if body["status"] == "Pending":
                    return False
                assert body["status"] == "Completed", f"job {job}: {body}"
                waiting.discard(job)
            return True

        wait_until(all_ended, "every job has ended", 120)
        assert gateway.terminate() == 0
    print("every one of them was kept, and has ended")


if __name__ == "__main__":
    main()
