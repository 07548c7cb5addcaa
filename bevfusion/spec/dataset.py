"""What is read from disk, how often, and how it is varied during training."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.conventions import CONVENTIONS
from bevfusion.spec.leaf import block, leaf

__all__ = [
    "AugmentationSpec",
    "DataPrefix",
    "DatasetSpec",
    "ObjectSamplingSpec",
    "SplitSpec",
    "TrainSplitSpec",
]


@dataclass(frozen=True)
class DataPrefix:
    """Folders of the sensor files, relative to the data root."""

    pts: str | None = leaf(None, "Folder of the converted point clouds; null means that of dataset.type.")
    img: str | None = leaf(None, "Folder of the camera images; null means that of dataset.type.")


@dataclass(frozen=True)
class SplitSpec:
    """One part of the data set and how it is loaded."""

    ann_file: str | None = leaf(None, "Info file written by dataset_convert.")
    data_prefix: DataPrefix = block(DataPrefix, "Folders of the sensor files.", automl=False)
    sampler: str = leaf("DefaultSampler", "Order in which frames are drawn.", choices=("DefaultSampler",))
    batch_size: int = leaf(4, "Frames per process and step. Does not change the metric.", low=1, high=256)
    num_workers: int = leaf(2, "Loader processes. Changes speed, not accuracy.", low=0, high=64)
    pin_memory: bool = leaf(True, "Page-locked host memory, for faster copies to a GPU.")
    repeat_time: int | None = leaf(None, "How often an epoch goes through the frames.", low=1, high=1000)


@dataclass(frozen=True)
class TrainSplitSpec(SplitSpec):
    """The training part, whose batch size takes part in learning."""

    batch_size: int = leaf(
        4,
        "Frames per process and step. Fewer make noisier gradients but more steps per epoch; memory grows in"
        " proportion.",
        low=1,
        high=32,
        automl=True,
        log=True,
        popular=True,
    )


@dataclass(frozen=True)
class ObjectSamplingSpec:
    """Objects of other training frames that are put into a frame (Yan et al., 2018), with their pixels."""

    probability: float = leaf(
        0.0, "Probability that a frame receives objects of other frames; 0 is off.", low=0.0, high=1.0
    )
    objects_per_class: int = leaf(
        10,
        "A frame is filled up to so many objects of each class, as far as there is room for them.",
        low=1,
        high=50,
    )
    min_points: int = leaf(10, "Objects with fewer LiDAR points are not pasted.", low=5, high=1000)
    max_difficulty: str = leaf(
        "moderate",
        "Objects that count as harder than this are not pasted (KITTI's levels; any takes them all).",
        choices=("easy", "moderate", "hard", "any"),
    )
    paste_images: bool = leaf(
        True,
        "Whether pixels are pasted with the points, the near over the far, and points that this hides are"
        " removed. Without a camera there is nothing to paste.",
    )
    max_cover: float = leaf(
        0.5,
        "Largest part of an object's image that a pasted one may hide, or have hidden; needs paste_images.",
        low=0.0,
        high=0.9,
    )
    off_fraction: float = leaf(
        0.2,
        "Last part of the training, in whole epochs, that sees frames as they are: pasted scenes are fuller"
        " than real ones (Wang et al., PointAugmenting, 2021).",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class AugmentationSpec:
    """Random variation of training frames; points, boxes and camera matrices move together."""

    flip_probability: float = leaf(
        0.5, "Probability of mirroring the scene left to right (y -> -y).", low=0.0, high=1.0, automl=True
    )
    rotation_rad: float = leaf(
        0.785398,
        "The scene turns about z by an angle uniform in +-this.",
        low=0.0,
        high=1.570796,
        automl=True,
    )
    scale: float = leaf(
        0.1, "The scene is scaled by a factor uniform in 1 +- this.", low=0.0, high=0.3, automl=True
    )
    translation_m: float = leaf(
        0.5, "Standard deviation of a normal shift along each axis.", low=0.0, high=2.0, automl=True
    )
    image_resize: float = leaf(
        0.15, "The image scale of evaluation is multiplied by 1 +- this.", low=0.0, high=0.5, automl=True
    )
    image_rotation_deg: float = leaf(
        5.4, "The image turns by an angle uniform in +-this.", low=0.0, high=15.0, automl=True
    )
    image_flip: bool = leaf(True, "Whether every second image is mirrored left to right.", automl=True)
    object_sampling: ObjectSamplingSpec = block(
        ObjectSamplingSpec, "Objects of other frames, put in before anything else is varied."
    )


@dataclass(frozen=True)
class DatasetSpec:
    """The data set: its convention, its classes and its three parts."""

    type: str = leaf("KittiPersonDataset", "Convention of files and labels.", choices=tuple(CONVENTIONS))
    root_dir: str = leaf("", "Folder that the paths of the info files start from.")
    classes: tuple[str, ...] = leaf(
        ("person",),
        "Classes to detect, in label order; must match the annotated categories. KITTI's Pedestrian is"
        " called person.",
        automl=False,
    )
    box_type_3d: str = leaf("lidar", "Frame of the boxes the model learns.", choices=("lidar", "camera"))
    gt_box_type: str | None = leaf(
        None, "Frame of the annotated boxes; null means that of the type.", choices=("lidar", "camera")
    )
    origin: tuple[float, ...] | None = leaf(
        None,
        "Where the annotated position lies in its box, as fractions along x, y, z; null means as in the"
        " type.",
        low=0.0,
        high=1.0,
        length=3,
        automl=False,
    )
    default_cam_key: str | None = leaf(
        None, "Camera whose image comes first, as named in the info files; null means the type's own."
    )
    per_sequence: bool | None = leaf(
        None, "Whether results are kept apart per recorded sequence; null means as the type names frames."
    )
    num_views: int = leaf(1, "Cameras per frame that the model sees.", low=1, high=16)
    point_cloud_dim: int = leaf(4, "Numbers per point: x, y, z (m) and intensity.", low=3, high=16)
    augmentation: AugmentationSpec = block(AugmentationSpec, "Random variation of training frames.")
    train_dataset: TrainSplitSpec = block(TrainSplitSpec, "The part that weights are fitted to.")
    val_dataset: SplitSpec = block(SplitSpec, "The part that trials are compared on.", automl=False)
    test_dataset: SplitSpec = block(SplitSpec, "The part that nothing was chosen on.", automl=False)
