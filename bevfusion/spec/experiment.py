"""The spec that train, evaluate, inference and export share."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.actions import EvaluateSpec, ExportSpec, InferenceSpec
from bevfusion.spec.dataset import DatasetSpec
from bevfusion.spec.leaf import block, leaf
from bevfusion.spec.model import ModelSpec
from bevfusion.spec.train import TrainSpec

__all__ = ["ExperimentSpec", "InputModalitySpec"]


@dataclass(frozen=True)
class InputModalitySpec:
    """Which sensors the model sees."""

    use_lidar: bool = leaf(True, "Point clouds.")
    use_camera: bool = leaf(True, "Camera images; without them the model is LiDAR-only.")
    use_radar: bool = leaf(False, "Radar; not supported.")
    use_map: bool = leaf(False, "Maps; not supported.")
    use_external: bool = leaf(False, "Other inputs; not supported.")


@dataclass(frozen=True)
class ExperimentSpec:
    """All that an experiment depends on, complete: nothing is decided anywhere else."""

    encryption_key: str = leaf(
        "", "Stays empty: the key of encrypted checkpoints is read from BEVFUSION_ENCRYPTION_KEY alone."
    )
    results_dir: str = leaf("", "Folder of everything the action writes.")
    input_modality: InputModalitySpec = block(InputModalitySpec, "Sensors.", automl=False)
    model: ModelSpec = block(ModelSpec, "The detector.")
    dataset: DatasetSpec = block(DatasetSpec, "The data.")
    train: TrainSpec = block(TrainSpec, "The training.")
    evaluate: EvaluateSpec = block(EvaluateSpec, "The evaluation.", automl=False)
    inference: InferenceSpec = block(InferenceSpec, "The inference.", automl=False)
    export: ExportSpec = block(ExportSpec, "The export.", automl=False)
