"""Hosts of a small network on this machine: each has its own link, its own processes and its own Ray node."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RAY = str(Path(sys.executable).with_name("ray"))
PORT = 6379
QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 2000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
_LINK = "link0"
_OWN_PROCESSES = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
_PATIENCE_S = 240.0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def find_obstacle() -> str:
    """Why this machine can have no such network; empty where it can."""
    name = f"automl-probe{os.getpid()}"
    try:
        ip("netns", "add", name)
        try:
            ip("-n", name, "link", "add", _LINK, "type", "bridge")
            subprocess.run(["ip", "netns", "exec", name, *_OWN_PROCESSES, "true"], check=True)
        finally:
            ip("netns", "del", name)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces cannot be made here: {error}"
    return ""


@dataclass
class Host:
    """One machine of the network.

    Attributes:
        name: of its network namespace.
        address: on the network.
    """

    name: str
    address: str
    node: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def ip(self, *words: str) -> None:
        ip("-n", self.name, *words)

    def start(self, *options: str, env: Mapping[str, str], log: Path) -> None:
        """Start its Ray node, the first of processes that see no others."""
        argv = ("ip", "netns", "exec", self.name, *_OWN_PROCESSES, RAY, "start", "--block", *options)
        with log.open("wb") as stream:
            self.node = subprocess.Popen(argv, env=env, stdout=stream, stderr=subprocess.STDOUT)

    def cut_off(self) -> None:
        """Take its link down; what runs there knows nothing of it."""
        self.ip("link", "set", _LINK, "down")

    def inside(self, *argv: str) -> list[str]:
        """The command line that runs a command on it."""
        assert self.node is not None
        children = Path(f"/proc/{self.node.pid}/task/{self.node.pid}/children").read_text().split()
        return ["nsenter", "--target", children[0], "--net", "--pid", "--mount", *argv]

    def power_off(self) -> None:
        """Kill all that runs there, at once."""
        if self.node is not None:
            self.node.kill()
            self.node.wait()

    def close(self) -> None:
        """Power off, and take it out of the network."""
        self.power_off()
        ip("netns", "del", self.name)


class Network:
    """A head with the switch of all links, and hosts that come and go.

    Args:
        folder: logs and Ray's own files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
        }
        self._prefix = f"automl{os.getpid() % 10000}"
        self._hosts = ExitStack()
        self._count = 0
        self.head = self._add()

    def add(self, *, cpus: int, gpus: int) -> Host:
        """A host with logical GPUs joins."""
        host = self._add()
        join = ("--address", f"{self.head.address}:{PORT}", "--num-cpus", str(cpus), "--num-gpus", str(gpus))
        self._start(host, *join)
        return host

    def run(self, *argv: str) -> subprocess.Popen[str]:
        """Run a command on the head."""
        return subprocess.Popen(
            self.head.inside(*argv),
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def up(self) -> Iterator["Network"]:
        """Start the head; at the end all hosts lose their power."""
        options = ("--head", "--port", str(PORT), "--num-cpus", "1", "--num-gpus", "0")
        quiet = ("--include-dashboard", "false", "--temp-dir", str(self.folder / "ray"))
        settings = ("--system-config", json.dumps(QUICK_TO_NOTICE))
        with self._hosts:
            self._start(self.head, *options, *quiet, *settings)
            yield self

    def _add(self) -> Host:
        self._count += 1
        host = Host(f"{self._prefix}{self._count}", f"10.231.77.{self._count}")
        ip("netns", "add", host.name)
        self._hosts.callback(host.close)
        host.ip("link", "set", "lo", "up")
        if self._count == 1:
            host.ip("link", "add", _LINK, "type", "bridge")
        else:
            peer = ("peer", "name", host.name, "netns", self.head.name)
            ip("link", "add", _LINK, "netns", host.name, "type", "veth", *peer)
            self.head.ip("link", "set", host.name, "master", _LINK, "up")
        host.ip("addr", "add", f"{host.address}/24", "dev", _LINK)
        host.ip("link", "set", _LINK, "up")
        return host

    def _start(self, host: Host, *options: str) -> None:
        log, own = self.folder / f"{host.name}.log", ("--node-ip-address", host.address)
        host.start(*options, *own, "--object-store-memory", "100000000", env=self.env, log=log)
        wait_for(lambda: "Ray runtime started" in log.read_text(), f"Ray on {host.name}")


def wait_for(is_there: Any, what: str, patience_s: float = _PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not is_there():
        assert time.monotonic() < deadline, f"{what} did not come within {patience_s:.0f} s"
        time.sleep(0.1)
