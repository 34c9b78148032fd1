#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HAProxy before three gateways, as deploy/haproxy.cfg has it: sessions stick; when a gateway loses its store, or is
killed, under load they move, and every accepted job can still be read, those of the dead one after its restart.

usage: scale_out_test.py GATEWAY HAPROXY CONFIG
"""
import collections
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading

from gateway_process import Gateway, free_port, prompt, request, wait_until

SESSIONS = 30


class Client(threading.Thread):
    """One session: submits jobs without waiting, one after another, and remembers who accepted each."""

    def __init__(self, port, session, stop):
        super().__init__()
        self.port, self.session, self.stop = port, session, stop
        self.jobs = []       # (id, gateway's port)
        self.unanswered = 0  # no response, or 5xx
        self.start()

    def run(self):
        number = 0
        while not self.stop.is_set():
            number += 1
            try:
                status, headers, body = request(self.port, "POST", "/generate", prompt(f"{self.session} {number}"),
                                                {"X-Session-Id": self.session}, timeout=20)
            except (OSError, http.client.HTTPException):
                status = None
            if status == 202:
                self.jobs.append((body["job_id"], headers["X-Gateway"]))
            else:
                assert status is None or status >= 500, f"{status}: {body}"
                self.unanswered += 1
            self.stop.wait(0.02)

    def gateways(self, since=0):
        return {gateway for _, gateway in self.jobs[since:]}


def ask(control, command):
    """What HAProxy says to it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(control)
        connection.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def is_marked_up(control, name):
    """Whether HAProxy sends new work to a gateway."""
    lines = ask(control, "show stat").splitlines()
    status = next(line.split(",") for line in lines if line.startswith(f"gateways,{name},"))
    return status[lines[0].split(",").index("status")].startswith("UP")


def lose_store(control, gateways, clients):
    """A gateway that cannot store gets no more work, and gets some again when it can."""
    name = clients[0].jobs[-1][1]
    lost = gateways[name]
    print(f"{name} loses its database")
    os.rename(lost.database, f"{lost.database}.away")
    wait_until(lambda: request(lost.port, "GET", "/readyz")[0] == 503, "it is not ready")
    wait_until(lambda: not is_marked_up(control, name), "HAProxy sends it nothing")
    since = {client: (len(client.jobs), client.unanswered) for client in clients}
    wait_until(lambda: all(len(client.jobs) >= since[client][0] + 10 for client in clients),
               "the others take its work")
    for client in clients:
        jobs, unanswered = since[client]
        assert name not in client.gateways(jobs + 1), f"{client.session} is still on {name}"
        assert client.unanswered <= unanswered + 1, f"{client.session}: requests are still refused"
    os.rename(f"{lost.database}.away", lost.database)
    wait_until(lambda: is_marked_up(control, name), "HAProxy sends it work again")


def read(front, job):
    return request(front, "GET", f"/jobs/{job}")


def main():
    program, haproxy, config = sys.argv[1:4]
    front = free_port()
    with tempfile.TemporaryDirectory() as folder:
        gateways = {name: Gateway(program, f"{folder}/{name}.db", "--token-rate", "400", "--log-level", "warn",
                                  "--name", name) for name in "abc"}
        environment = dict(os.environ, FRONT=f"127.0.0.1:{front}",
                           CONTROL=f"{folder}/control",
                           **{f"GATEWAY_{name.upper()}": f"127.0.0.1:{gateway.port}"
                              for name, gateway in gateways.items()})
        with open(f"{folder}/control.cfg", "w", encoding="utf-8") as file:
            file.write('global\n    stats socket "${CONTROL}"\n')
        command = [haproxy, "-db", "-f", config, "-f", file.name]
        balancer = None
        stop = threading.Event()
        try:
            for gateway in gateways.values():
                gateway.start()
            balancer = subprocess.Popen(command, env=environment)
            wait_until(lambda: is_up(front), "HAProxy serves")
            assert request(front, "GET", "/metrics")[0] == 404

            # What is refused binds no session; what is accepted does.
            for session, body, expected in (("refused", "{}", 400), ("accepted", prompt("hi"), 202)):
                status, _, answer = request(front, "POST", "/generate", body, {"X-Session-Id": session})
                assert status == expected, f"{status}: {answer}"
            table = ask(environment["CONTROL"], "show table gateways")
            assert "key=accepted" in table and "key=refused" not in table, table

            clients = [Client(front, f"session-{i}", stop) for i in range(SESSIONS)]
            wait_until(lambda: all(len(client.jobs) >= 10 for client in clients), "every session has ten jobs")
            for client in clients:
                assert len(client.gateways()) == 1, f"{client.session} moved: {client.gateways()}"
            spread = collections.Counter(next(iter(client.gateways())) for client in clients)
            print(f"sessions a gateway: {dict(spread)}")
            assert len(spread) == 3, "one gateway has no session"

            lose_store(environment["CONTROL"], gateways, clients)

            dead = clients[0].jobs[-1][1]
            print(f"kill -9 {dead}")
            gateways[dead].kill()
            since = {client: len(client.jobs) for client in clients}
            wait_until(lambda: all(len(client.jobs) >= since[client] + 10 for client in clients),
                       "every session has ten more jobs")
            stop.set()
            for client in clients:
                client.join()
            moved = 0
            for client in clients:
                # The first ones may have been accepted before the kill and counted after it.
                now = {gateway for _, gateway in client.jobs[-5:]}
                assert dead not in now and len(now) == 1, f"{client.session} is on {now}"
                before = client.jobs[since[client] - 1][1]
                if before == dead:
                    moved += 1
                else:
                    assert {before} == now, f"{client.session} moved for no reason: {client.gateways()}"
            print(f"{moved} sessions moved to the others, {SESSIONS - moved} stayed; "
                  f"{sum(client.unanswered for client in clients)} requests without an answer")
            assert moved > 0

            jobs = [job for client in clients for job in client.jobs]
            lost = next(job for job, gateway in jobs if gateway == dead)
            status, _, body = read(front, lost)
            assert status == 503, f"a job of the dead gateway: {status} {body}"
            gateways[dead].start()
            waiting = {job for job, _ in jobs}
            assert len(waiting) == len(jobs)

            def all_ended():
                for job in list(waiting):
                    status, _, body = read(front, job)
                    if status == 503:  # HAProxy has not noticed yet that it is back
                        return False
                    assert status == 200, f"job {job} was accepted and is lost: {status} {body}"
                    if body["status"] == "Pending":
                        return False
                    assert body["status"] == "Completed", body
                    waiting.discard(job)
                return True

            wait_until(all_ended, "every job has ended", 120)
            print(f"{len(jobs)} jobs accepted, all of them kept and done")

            # A restarted HAProxy knows no owners, and asks around.
            balancer.terminate()
            balancer.wait()
            balancer = subprocess.Popen(command, env=environment)
            wait_until(lambda: is_up(front), "HAProxy serves again")
            for name in "abc":
                job = next(job for job, gateway in jobs if gateway == name)
                assert read(front, job)[0] == 200, f"a job of {name} is not found by a new HAProxy"
            for gateway in gateways.values():
                assert gateway.terminate() == 0
        finally:
            stop.set()
            if balancer is not None:
                balancer.kill()
                balancer.wait()
            for gateway in gateways.values():
                if gateway.process is not None and gateway.process.poll() is None:
                    gateway.kill()


def is_up(port):
    try:
        return request(port, "GET", "/readyz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    main()
