"""A study played through without a single training: how long it would take, and what would stand idle."""

from __future__ import annotations

from automl.simulation.cluster import ClusterShape, SimulatedStudy, simulate
from automl.simulation.landscape import Landscape
from automl.simulation.times import TrialTimes, measure_times

__all__ = ["ClusterShape", "Landscape", "SimulatedStudy", "TrialTimes", "measure_times", "simulate"]
