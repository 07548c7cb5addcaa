"""Trials of several nodes on Ray: one trainer process a node, each in its own bundle of the placement group.

The trainable holds node 0, whose trainer reports. An actor on each further node starts the same command with
its own rank and is watched: a node that fails or goes away ends the whole trial, since the others would wait
for it in vain; the study then begins it anew, from its checkpoint.
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util import get_current_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from automl.errors import TrialError
from automl.ports import JobFactory, Launch, NodePlace, TrialFailedError, TrialJob
from automl.trials.causes import cause_of
from automl.trials.folder import TrialFolder
from automl.types import Cause, Report, Resources

__all__ = ["NodesJob", "announce_gpus", "start_on_nodes"]

_LOOK_S = 0.5
_SETTLE_S = 5.0


def announce_gpus() -> None:
    """Let the trainers of this worker see the GPUs that Ray gave it, and no others.

    TAO's trainers let ``TAO_VISIBLE_DEVICES`` win over ``CUDA_VISIBLE_DEVICES``: one that was set for the
    whole node would put all its trials on the same GPUs.
    """
    if gpus := ray.get_gpu_ids():
        os.environ["TAO_VISIBLE_DEVICES"] = ",".join(map(str, gpus))


def start_on_nodes(make_job: JobFactory, launch: Launch, resources: Resources) -> NodesJob:
    """Start a trial on all nodes of the placement group that this process lives in.

    Raises:
        TrialError: node 0 cannot start its trainer.
    """
    address = ray.util.get_node_ip_address()
    place = NodePlace(
        0, resources.nodes_per_trial, address, _free_port(address), int(resources.gpus_per_trial)
    )
    leader = make_job(replace(launch, place=place))
    group = get_current_placement_group()
    ends = []
    actors = []
    for rank in range(1, resources.nodes_per_trial):
        actor = _Follower.options(  # type: ignore[attr-defined]  # made by ray's decorator
            num_cpus=resources.cpus_per_trial,
            num_gpus=resources.gpus_per_trial,
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank),
        ).remote()
        actors.append(actor)
        ends.append(actor.run.remote(make_job, replace(launch, place=replace(place, rank=rank))))
    return NodesJob(leader, actors, ends)


class NodesJob:
    """Node 0's job, as long as all other nodes are well.

    Args:
        leader: the job that reports.
        actors: Ray actors of the further nodes.
        ends: their exit codes to come.
    """

    def __init__(self, leader: TrialJob, actors: list[Any], ends: list[Any]) -> None:
        self._leader = leader
        self._actors = actors
        self._ends = ends
        self._lost: TrialFailedError | None = None
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._look_after_followers, daemon=True)
        self._watch.start()

    def next_report(self) -> Report | None:
        """Block until the next epoch of node 0; None when it has ended well or was asked to stop.

        Raises:
            TrialFailedError: a node failed; where one went away, that is the cause, whatever the others say.
        """
        try:
            report = self._leader.next_report()
        except TrialFailedError:
            self._watch.join(_SETTLE_S)
            if self._lost is not None:
                raise self._lost from None
            raise
        if report is None and self._lost is not None:
            raise self._lost
        return report

    def stop(self) -> None:
        """End the trainers of all nodes; idempotent."""
        self._is_over.set()
        self._leader.stop()
        ray.wait(self._ends, num_returns=len(self._ends), timeout=_SETTLE_S)
        for actor in self._actors:
            ray.kill(actor)  # its trainer's guard ends with it

    def _look_after_followers(self) -> None:
        waiting = list(self._ends)
        while waiting and not self._is_over.is_set():
            done, waiting = ray.wait(waiting, timeout=_LOOK_S)
            for end in done:
                if (failure := self._failure(end)) is not None and not self._is_over.is_set():
                    self._lost = failure
                    self._leader.stop()
                    return

    def _failure(self, end: Any) -> TrialFailedError | None:
        rank = self._ends.index(end) + 1
        try:
            exit_code, cause, log = ray.get(end)
        except (RayError, TrialError) as error:
            first = str(error).partition("\n")[0]
            return TrialFailedError(Cause.INFRASTRUCTURE, f"node {rank} of the trial was lost: {first}")
        if exit_code == 0:
            return None
        return TrialFailedError(cause, f"node {rank}: exit code {exit_code}, see {log}")


@ray.remote
class _Follower:
    """Holds the trainer of one further node."""

    def run(self, make_job: JobFactory, launch: Launch) -> tuple[int, Cause, str]:
        """Start it and wait; exit code, its cause, log. A stop reaches it through the trial's folder."""
        assert launch.place is not None
        announce_gpus()
        folder = TrialFolder(launch.folder)
        follower = make_job.follow(launch)
        while (exit_code := follower.wait(_LOOK_S)) is None:
            if folder.stop_request.exists():
                follower.stop()
                exit_code = 0
                break
        cause = cause_of(exit_code, "", oom_kills=follower.oom_kills)
        return exit_code, cause, str(folder.follower_log(launch.place.rank))


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return port
