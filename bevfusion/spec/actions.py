"""What the actions other than training need to know."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.leaf import leaf

__all__ = ["ConvertSpec", "EvaluateSpec", "InferenceSpec"]


@dataclass(frozen=True)
class EvaluateSpec:
    """Scoring a checkpoint on ``dataset.test_dataset``."""

    num_gpus: int = leaf(1, "Processes per node.", low=1, high=64)
    gpu_ids: tuple[int, ...] = leaf((0,), "GPUs of this node, one per process.", low=0, high=63, automl=False)
    num_nodes: int = leaf(1, "Nodes.", low=1, high=1024)
    checkpoint: str = leaf("", "Checkpoint to score.")
    results_dir: str = leaf("", "Folder of the results; empty means the top-level results_dir.")


@dataclass(frozen=True)
class InferenceSpec(EvaluateSpec):
    """Writing detections of a checkpoint on ``dataset.test_dataset``."""

    checkpoint: str = leaf("", "Checkpoint to infer with.")
    conf_threshold: float = leaf(0.5, "Detections scored lower are not written.", low=0.0, high=1.0)
    show: bool = leaf(False, "Whether pictures with boxes are written beside the predictions.")


@dataclass(frozen=True)
class ConvertSpec:
    """Turning a data set into info files."""

    dataset: str = leaf("kitti", "Layout of the data set.", choices=("kitti", "tao3d"))
    root_dir: str = leaf("", "Folder of the data set.")
    results_dir: str = leaf("", "Folder of the info files; empty means root_dir.")
    output_prefix: str | None = leaf(None, "Start of the names of the info files; null means kitti_person.")
    mode: str = leaf(
        "training", "Which folder of the layout is read.", choices=("training", "validation", "testing")
    )
    with_plane: bool = leaf(False, "Whether ground planes are read from the folder planes.")
    per_sequence: bool = leaf(False, "Whether one info file per sequence is written.")
    is_synthetic: bool = leaf(False, "Whether the data come from a simulator (three rotation angles).")
    dimension_order: str = leaf("hwl", "Order of the box sizes in the labels.", choices=("hwl", "lwh", "lhw"))
    merge_only: bool = leaf(False, "Only join the info files of the sequences.")
    sequence_list: str | None = leaf(None, "File that lists the sequences to convert, one a line.")
