"""Our branch of mmengine's registries: own names first, then those of mmdet3d and mmengine."""

from __future__ import annotations

from mmdet3d.registry import MODELS as PARENT_MODELS
from mmdet3d.registry import TASK_UTILS as PARENT_TASK_UTILS
from mmengine.registry import Registry

__all__ = ["MODELS", "SCOPE", "TASK_UTILS"]

SCOPE = "bevfusion"

MODELS = Registry(
    "model",
    parent=PARENT_MODELS,
    scope=SCOPE,
    locations=[
        f"bevfusion.model.{name}"
        for name in ("camera", "decoder", "detector", "fuser", "head", "lidar", "view_transform")
    ],
)
"""Networks and losses."""

TASK_UTILS = Registry(
    "task util",
    parent=PARENT_TASK_UTILS,
    scope=SCOPE,
    locations=["bevfusion.model.decode", "bevfusion.model.targets"],
)
"""Box coders, assigners and match costs."""
