#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What deploy/ starts the gateway with: the unit of systemd, and the Dockerfile. Neither systemd nor Docker runs here:
the gateway is started as they would start it, and what they would hear and see is checked.

usage: deploy_test.py GATEWAY DEPLOY
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from gateway_process import free_port, prompt, request, wait_until


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def with_variables(variables):
    """This process's environment, as far as it says nothing to the gateway, and more."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")} | variables


def settings(unit):
    """Of a unit's file: name to values."""
    found = {}
    for line in unit.splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def unit_is_valid(program, deploy, folder):
    """systemd knows each setting, and finds nothing to say; nor is the service more exposed than it need be."""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        print("systemd-analyze is missing: the unit is not verified")
        return
    unit = f"{folder}/gateway.service"
    with open(unit, "w", encoding="utf-8") as file:
        file.write(read(f"{deploy}/gateway.service").replace("/usr/local/bin/gateway", program))
    verified = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, timeout=60,
                              check=False)
    said = [line for line in verified.stderr.splitlines() if "gateway.service" in line]
    assert verified.returncode == 0 and not said, verified.stderr
    exposure = subprocess.run([analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", unit],
                              capture_output=True, text=True, timeout=60, check=False)
    assert exposure.returncode == 0, exposure.stdout + exposure.stderr


def service(program, deploy, folder):
    """The gateway starts, tells that it is ready and that it stops, and keeps its jobs where it may write."""
    unit = settings(read(f"{deploy}/gateway.service"))
    state, manager = f"{folder}/state", f"{folder}/notify"
    os.makedirs(f"{state}/{unit['StateDirectory'][0]}")
    command = unit["ExecStart"][0].split()
    variables = dict(variable.replace("%S", state).split("=", 1) for variable in unit["Environment"])
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(manager)
        listener.settimeout(60)
        variables |= {"NOTIFY_SOCKET": manager, "GATEWAY_PORT": str(port)}
        process = subprocess.Popen([program, *command[1:]], env=with_variables(variables), cwd="/",
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            assert listener.recv(4096) == b"READY=1"
            assert request(port, "GET", "/readyz")[0] == 200
            assert request(port, "POST", "/generate?wait=true", prompt("?"))[0] == 200
            process.terminate()
            stopping = dict(line.split("=") for line in listener.recv(4096).decode().splitlines())
            assert stopping["STOPPING"] == "1", stopping
            _, log = process.communicate(timeout=60)
            assert process.returncode == 0, log
        finally:
            process.kill()
            process.wait()
    assert "jobs.db" in os.listdir(f"{state}/gateway"), os.listdir(f"{state}/gateway")
    assert " info access method=POST path=/generate status=200 " in log, log
    config = subprocess.run([program, "--print-config"], env=with_variables({}), capture_output=True, text=True,
                            timeout=60, check=True).stdout
    drain = int(re.search(r"^drain-timeout-seconds = (\d+)$", config, re.M)[1])
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > drain * 1_000_000, stopping
    assert int(unit["TimeoutStopSec"][0]) > drain


def no_manager(program, folder):
    """A manager that does not listen is no reason not to serve."""
    environment = with_variables({"NOTIFY_SOCKET": f"{folder}/nobody"})
    process = subprocess.Popen([program, "--port", "0", "--database", ":memory:"], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("listening on ")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
        assert process.returncode == 0, log
        assert "the service manager could not be told state=READY=1" in log.replace('"', ""), log
    finally:
        process.kill()
        process.wait()


def instructions(dockerfile):
    """Of a Dockerfile's last stage: name to arguments."""
    found = {}
    for line in dockerfile.replace("\\\n", " ").splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found = {}
        if line and not line.startswith("#"):
            found.setdefault(name, []).append(arguments)
    return found


def container(program, deploy, folder):
    """The image's variables are the gateway's, its check of health finds it, and its packages have all libraries."""
    image = instructions(read(f"{deploy}/Dockerfile"))
    assert image["ENTRYPOINT"] == ['["/usr/local/bin/gateway"]'], image["ENTRYPOINT"]
    port = free_port()
    variables = dict(variable.split("=", 1) for variable in image["ENV"])
    assert image["EXPOSE"] == [variables["GATEWAY_PORT"]]
    assert variables["GATEWAY_DATABASE"].startswith(image["VOLUME"][0] + "/")
    environment = with_variables(variables | {"GATEWAY_DATABASE": f"{folder}/jobs.db", "GATEWAY_PORT": str(port)})
    check = json.loads(image["HEALTHCHECK"][0].partition(" CMD ")[2])

    def healthy():
        return subprocess.run(check, env=environment, stderr=subprocess.DEVNULL, timeout=60, check=False).returncode == 0

    assert not healthy()
    process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(healthy, "the check of health finds the gateway")
        process.send_signal(getattr(signal, image["STOPSIGNAL"][0]))
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
    libraries_are_installed(program, image)


# What debian:12-slim has, as apt and bash need it.
base_packages = {"libc6", "libgcc-s1", "libstdc++6"}


def libraries_are_installed(program, image):
    if 'VERSION_ID="12"' not in read("/etc/os-release") or not shutil.which("dpkg-query"):
        print("this is not Debian 12: the image's packages are not compared with the gateway's libraries")
        return
    listed = set(re.search(r"--no-install-recommends (.*?) &&", image["RUN"][0])[1].split()) | base_packages
    needed = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, timeout=60, check=True).stdout
    for library in re.findall(r"NEEDED +(\S+)", needed):
        owners = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True, text=True, timeout=60,
                                check=True).stdout
        packages = {line.split(":")[0] for line in owners.splitlines()}
        assert packages & listed, f"{library} is in {packages}, which the image does not have"


def main():
    program, deploy = os.path.abspath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        unit_is_valid(program, deploy, folder)
        service(program, deploy, folder)
        no_manager(program, folder)
        container(program, deploy, folder)


if __name__ == "__main__":
    main()
