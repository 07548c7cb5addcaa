"""Starts one process per GPU by torchrun, and brings back why one of them failed.

The environment may describe the cluster: ``WORLD_SIZE`` (number of nodes), ``NODE_RANK``, ``MASTER_ADDR``,
``MASTER_PORT``, ``NUM_GPU_PER_NODE``. It wins over the spec, for whoever sets it knows the machines.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bevfusion.errors import BevfusionError, Fault, SpecError

__all__ = [
    "TERMINATED",
    "Launch",
    "WorkerError",
    "is_worker",
    "leave_failure",
    "plan_launch",
    "replace_failure",
    "visible_devices",
]

DEFAULT_PORT = 29500
TERMINATED = 128 + signal.SIGTERM
"""Exit code of a job that was asked to leave."""

_FAILURE_FILE = "BEVFUSION_FAILURE_FILE"


class WorkerError(BevfusionError):
    """A process of the job failed; carries that process's own exit code."""

    kind = "worker"

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Launch:
    """Processes of one job on this node.

    Attributes:
        nodes: nodes of the job.
        node_rank: which of them this is.
        processes: processes on this node.
        master_addr: address of node 0; None on a single node, where a free port is found by itself.
        master_port: port on node 0.
    """

    nodes: int
    node_rank: int
    processes: int
    master_addr: str | None
    master_port: int

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The argument list of torchrun for ``bevfusion`` with ``arguments``."""
        place = ["--standalone"]
        if self.master_addr is not None:
            place = ["--master-addr", self.master_addr, "--master-port", str(self.master_port)]
            place += ["--node-rank", str(self.node_rank)]
        shape = ["--nnodes", str(self.nodes), "--nproc-per-node", str(self.processes)]
        return [sys.executable, "-m", "bevfusion.torchrun", *shape, *place, "-m", "bevfusion", *arguments]

    def run(self, arguments: Sequence[str]) -> None:
        """Start the processes and wait for them; torchrun hands SIGTERM on to each of them.

        Raises:
            WorkerError: a process failed, or all were stopped. torchrun itself ends with 1 whatever happened,
                so the first process that fails leaves its own exit code and message in a file.
        """
        stops: list[int] = []

        def hand_on(number: int, _: FrameType | None) -> None:
            stops.append(number)
            child.send_signal(number)

        with tempfile.TemporaryDirectory(prefix="bevfusion-") as folder:
            failure_file = Path(folder) / "failure.json"
            environment = {**os.environ, _FAILURE_FILE: str(failure_file)}
            child = subprocess.Popen(self.command(arguments), env=environment)
            before = signal.signal(signal.SIGTERM, hand_on)
            try:
                code = child.wait()
            finally:
                signal.signal(signal.SIGTERM, before)
            failure = json.loads(failure_file.read_text(encoding="utf-8")) if failure_file.exists() else None
        if stops and (failure is None or failure["exit_code"] != TERMINATED):
            raise WorkerError("stopped by SIGTERM", TERMINATED)  # what else failed, failed for that reason
        if failure is not None:
            raise WorkerError(failure["message"], failure["exit_code"])
        if code:
            raise WorkerError(f"torchrun ended with {code}", 128 - code if code < 0 else code)


def plan_launch(num_gpus: int, num_nodes: int, environment: Mapping[str, str]) -> Launch | None:
    """How many processes to start and where they meet.

    Args:
        num_gpus: processes per node by the spec.
        num_nodes: nodes by the spec.
        environment: see the module's description.

    Returns:
        None when this process alone does the work, or is already one of several.

    Raises:
        SpecError: a variable is not a number, or several nodes do not know where to meet.
    """
    if is_worker(environment):
        return None
    processes = _number(environment, "NUM_GPU_PER_NODE", num_gpus)
    nodes = _number(environment, "WORLD_SIZE", num_nodes)
    if processes * nodes == 1:
        return None
    address = environment.get("MASTER_ADDR")
    if nodes > 1 and not address:
        raise SpecError(
            Fault(
                f"{nodes} nodes have no address to meet at", "MASTER_ADDR", "set it to the address of node 0"
            )
        )
    return Launch(
        nodes=nodes,
        node_rank=_number(environment, "NODE_RANK", _number(environment, "RANK", 0)),
        processes=processes,
        master_addr=address,
        master_port=_number(environment, "MASTER_PORT", DEFAULT_PORT),
    )


def is_worker(environment: Mapping[str, str]) -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in environment


def leave_failure(message: str, exit_code: int) -> None:
    """Tell the process that started this worker why it fails; the first worker to do so is heard."""
    if path := os.environ.get(_FAILURE_FILE):
        try:
            with Path(path).open("x", encoding="utf-8") as stream:
                json.dump({"message": message, "exit_code": exit_code}, stream)
        except FileExistsError:
            return


def replace_failure(message: str, exit_code: int) -> None:
    """Tell the same for a worker that cannot, in place of what the others told."""
    if path := os.environ.get(_FAILURE_FILE):
        Path(path).write_text(json.dumps({"message": message, "exit_code": exit_code}), encoding="utf-8")


def visible_devices(gpu_ids: Sequence[int], num_gpus: int, environment: Mapping[str, str]) -> str | None:
    """What ``CUDA_VISIBLE_DEVICES`` should become; None to leave it as it is.

    ``TAO_VISIBLE_DEVICES`` wins; a value that a scheduler has set stays; else the spec's ``gpu_ids`` are used
    when there is one for each process.
    """
    if wanted := environment.get("TAO_VISIBLE_DEVICES"):
        return wanted
    if "CUDA_VISIBLE_DEVICES" in environment or len(gpu_ids) != num_gpus:
        return None
    return ",".join(map(str, gpu_ids))


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if text and not text.isdecimal():
        raise SpecError(Fault(f"{text!r} is not a whole number", name, f"set {name} to a number or unset it"))
    return int(text) if text else default
