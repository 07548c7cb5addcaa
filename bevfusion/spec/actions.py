"""What the actions other than training need to know."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.leaf import leaf

__all__ = ["ConvertSpec", "EvaluateSpec", "ExportSpec", "InferenceSpec"]


@dataclass(frozen=True)
class _TestSpec:
    """Running a checkpoint over ``dataset.test_dataset``."""

    num_gpus: int = leaf(1, "Processes per node.", low=1, high=64)
    gpu_ids: tuple[int, ...] = leaf((0,), "GPUs of this node, one per process.", low=0, high=63, automl=False)
    num_nodes: int = leaf(1, "Nodes.", low=1, high=1024)
    checkpoint: str = leaf("", "Checkpoint to run.")
    results_dir: str = leaf("", "Folder of the results; empty means the top-level results_dir.")


@dataclass(frozen=True)
class EvaluateSpec(_TestSpec):
    """Scoring a checkpoint on ``dataset.test_dataset``."""

    diagnose: bool = leaf(
        False,
        "Whether the diagnosis and its pictures are written beside the figures. On in the template of"
        " evaluate, off in that of train: a study's final check only scores.",
    )
    diagnosis_frames: int = leaf(
        30,
        "Labelled frames that are run one by one for latency, with a sensor off, and with a shifted"
        " calibration: seven passes over each.",
        low=1,
        high=100000,
    )
    pictures: int = leaf(
        2, "Pictures of the best, the median and the worst frames, so many of each.", low=0, high=1000
    )


@dataclass(frozen=True)
class InferenceSpec(_TestSpec):
    """Writing detections of a checkpoint on ``dataset.test_dataset``."""

    conf_threshold: float = leaf(0.5, "Detections scored lower are not written.", low=0.0, high=1.0)
    show: bool = leaf(False, "Whether pictures with boxes are written beside the predictions.")
    pictures: int = leaf(20, "Frames that are pictured if show is set, evenly chosen.", low=1, high=100000)


@dataclass(frozen=True)
class ExportSpec:
    """Making a checkpoint ready to be carried away and used."""

    checkpoint: str = leaf("", "Checkpoint to export.")
    results_dir: str = leaf("", "Folder of the export; empty means the top-level results_dir.")
    onnx: bool = leaf(True, "Whether the parts that ONNX can hold are written so, where it is installed.")


@dataclass(frozen=True)
class ConvertSpec:
    """Turning a data set into info files."""

    dataset: str = leaf(
        "kitti",
        "Layout of the data set; tao3d with is_synthetic tells TAO3DDataset from TAO3DSyntheticDataset.",
        choices=("kitti", "tao3d"),
    )
    root_dir: str = leaf("", "Folder of the data set.")
    results_dir: str = leaf("", "Folder of the info files; empty means root_dir.")
    output_prefix: str | None = leaf(
        None, "Start of the names of the info files; null means kitti_person or tao3d, by the layout."
    )
    mode: str = leaf(
        "training",
        "training converts every split that ImageSets lists, the others only theirs; a sequence_list is one"
        " split.",
        choices=("training", "validation", "testing"),
    )
    with_plane: bool = leaf(False, "Whether ground planes are read from the folder planes (kitti).")
    num_views: int = leaf(1, "Cameras per frame: 1 is CAM2, 2 adds CAM3 in image_3 (kitti).", low=1, high=2)
    per_sequence: bool = leaf(
        False, "Whether every sequence gets an info file of its own as well (tao3d); merge_only joins them."
    )
    is_synthetic: bool = leaf(
        False,
        "Whether the data come from a simulator: boxes in the camera frame, three angles in degrees (tao3d).",
    )
    dimension_order: str = leaf(
        "hwl",
        "What the three sizes of a recorded label are (tao3d); those of synthetic labels are always l, w, h.",
        choices=("hwl", "lwh", "lhw"),
    )
    merge_only: bool = leaf(
        False, "Only join the info files of the sequences, without looking at the data (tao3d)."
    )
    sequence_list: str | None = leaf(
        None, "File that lists the sequences of one split, one a line; null means ImageSets (tao3d)."
    )
