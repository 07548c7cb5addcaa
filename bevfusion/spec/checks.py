"""Values that are each allowed and cannot work together, or that this detector does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from bevfusion.encryption import KEY_VARIABLE
from bevfusion.errors import Fault
from bevfusion.spec.conventions import CONVENTIONS
from bevfusion.spec.dataset import DatasetSpec
from bevfusion.spec.experiment import ExperimentSpec, InputModalitySpec
from bevfusion.spec.geometry import count_cells
from bevfusion.spec.model import ModelSpec

__all__ = ["check_experiment", "find_warnings"]

DEPTH_NET_STRIDE_PX = 8


def check_experiment(spec: ExperimentSpec) -> list[Fault]:
    """Everything that is wrong beyond single values and the geometry of the LiDAR's grid."""
    return [
        *_check_key(spec.encryption_key),
        *_check_modality(spec.input_modality),
        *_check_dataset(spec.dataset),
        *_check_lidar(spec.model),
        *_check_camera(spec.model),
        *_check_view(spec.model),
        *_check_head(spec.model),
    ]


def find_warnings(spec: ExperimentSpec) -> list[Fault]:
    """What works and is still worth a second look."""
    found = []
    parts = spec.dataset
    if parts.test_dataset.ann_file and parts.test_dataset.ann_file == parts.val_dataset.ann_file:
        message = "validation and test read the same frames: the test figure is chosen, not measured"
        found.append(Fault(message, "dataset.test_dataset.ann_file", "use a part that nothing was chosen on"))
    train = spec.train
    if train.validation_interval > train.num_epochs:
        message = f"no validation within {train.num_epochs} epochs: the training ends without a figure"
        found.append(Fault(message, "train.validation_interval", f"choose at most {train.num_epochs}"))
    return found


def _check_key(key: str) -> Iterator[Fault]:
    if key:
        hint = f"leave it empty and set the environment variable {KEY_VARIABLE}"
        yield Fault("a key in a spec would lie beside what it shall protect", "encryption_key", hint)


def _check_modality(modality: InputModalitySpec) -> Iterator[Fault]:
    for sensor in fields(modality):
        if sensor.name in ("use_radar", "use_map", "use_external") and getattr(modality, sensor.name):
            name = sensor.name.removeprefix("use_")
            yield Fault(
                f"{name} input is not supported",
                f"input_modality.{sensor.name}",
                "set it to false; LiDAR with or without camera is supported",
            )
    if not modality.use_lidar:
        what = "camera alone is" if modality.use_camera else "no sensor at all is"
        yield Fault(
            f"{what} not supported: the grid that boxes are read from comes from the LiDAR branch",
            "input_modality.use_lidar",
            "set input_modality.use_lidar to true",
        )


def _check_dataset(dataset: DatasetSpec) -> Iterator[Fault]:
    if not dataset.classes:
        yield Fault("the list of classes is empty", "dataset.classes", "name at least one, e.g. [person]")
    if len(set(dataset.classes)) < len(dataset.classes):
        yield Fault(f"{list(dataset.classes)} names a class twice", "dataset.classes")
    if dataset.box_type_3d != "lidar":
        yield Fault("boxes are learned in the LiDAR frame only", "dataset.box_type_3d", "set it to lidar")
    convention = CONVENTIONS[dataset.type]
    for key in ("gt_box_type", "origin", "per_sequence"):
        found, prescribed = getattr(dataset, key), getattr(convention, key)
        if found not in (None, prescribed):
            message = f"{_shown(found)} is not {dataset.type}'s {_shown(prescribed)}"
            yield Fault(message, f"dataset.{key}", "leave it out: the type prescribes it")


def _shown(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _check_lidar(model: ModelSpec) -> Iterator[Fault]:
    backbone, neck, encoder = model.pts_backbone, model.pts_neck, model.pts_middle_encoder
    stages = len(backbone.out_channels)
    for name in ("layer_nums", "layer_strides"):
        if len(getattr(backbone, name)) != stages:
            message = f"{len(getattr(backbone, name))} entries for {stages} stages of out_channels"
            yield Fault(message, f"model.pts_backbone.{name}")
    if len(neck.out_channels) != stages:
        message = f"{len(neck.out_channels)} entries for {stages} stages of model.pts_backbone"
        yield Fault(message, "model.pts_neck.out_channels")
    if sorted(encoder.order) != ["act", "conv", "norm"]:
        message = f"{list(encoder.order)} is not an order of conv, norm and act"
        yield Fault(message, "model.pts_middle_encoder.order")


def _check_camera(model: ModelSpec) -> Iterator[Fault]:
    backbone, key = model.img_backbone, "model.img_backbone"
    if len(backbone.depths) != len(backbone.num_heads):
        yield Fault(
            f"{len(backbone.depths)} depths and {len(backbone.num_heads)} num_heads differ",
            f"{key}.num_heads",
        )
    for stage, heads in enumerate(backbone.num_heads):
        channels = backbone.embed_dims * 2**stage
        if channels % heads:
            message = f"{heads} heads do not divide the {channels} channels of stage {stage}"
            yield Fault(message, f"{key}.num_heads", "choose embed_dims as a multiple of the heads")
    indices = backbone.out_indices
    if list(indices) != sorted(set(indices)) or not all(index < len(backbone.depths) for index in indices):
        message = f"{list(indices)} are not rising stages below {len(backbone.depths)}"
        yield Fault(message, f"{key}.out_indices")
    if len(indices) - model.img_neck.start_level < 2:
        message = f"start_level {model.img_neck.start_level} leaves fewer than two of {len(indices)} stages"
        yield Fault(message, "model.img_neck.start_level")


def _check_view(model: ModelSpec) -> Iterator[Fault]:
    view, key = model.view_transform, "model.view_transform"
    divisor = model.data_preprocessor.pad_size_divisor
    for edge in view.image_size:
        if edge % divisor or edge % DEPTH_NET_STRIDE_PX:
            message = f"{edge} px do not divide by {divisor} (pad_size_divisor) and {DEPTH_NET_STRIDE_PX}"
            yield Fault(message, f"{key}.image_size", "the padded image would not fit its feature map")
    indices, start = model.img_backbone.out_indices, model.img_neck.start_level
    if view.type == "DepthLSSTransform" and start < len(indices) and indices[start] != 1:
        yield Fault(
            f"DepthLSSTransform needs a map of 1/{DEPTH_NET_STRIDE_PX} of the image,"
            f" stage {indices[start]} gives 1/{4 * 2 ** indices[start]}",
            "model.img_backbone.out_indices",
            "begin with stage 1, or use LSSTransform",
        )
    if count_cells(*view.zbound) != 1:
        message = f"{list(view.zbound)} is not one single cell along z"
        yield Fault(message, f"{key}.zbound", "make the step as large as the interval")
    if count_cells(*view.dbound) is None:
        yield Fault(f"{list(view.dbound)} is not a whole number of depth bins", f"{key}.dbound")


def _check_head(model: ModelSpec) -> Iterator[Fault]:
    head = model.bbox_head
    layer = head.decoder_layer
    if head.nms_thr is not None and head.nms_type is None:
        message = f"{head.nms_thr:g} has no meaning without a suppression"
        yield Fault(message, "model.bbox_head.nms_thr", "set model.bbox_head.nms_type, or leave it null")
    for name, attention in (("self_attn_cfg", layer.self_attn_cfg), ("cross_attn_cfg", layer.cross_attn_cfg)):
        if head.hidden_channel % attention.num_heads:
            message = f"{attention.num_heads} heads do not divide hidden_channel {head.hidden_channel}"
            yield Fault(message, f"model.bbox_head.decoder_layer.{name}.num_heads")
