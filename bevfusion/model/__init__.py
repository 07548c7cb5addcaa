"""BEVFusion: camera and LiDAR merged in bird's eye view, on mmengine and mmdet3d.

Importing this package makes ``mmcv.ops`` importable without a compiled mmcv, which lets its
modules import mmdet3d.
"""

from __future__ import annotations

from bevfusion.ops import register_mmcv_ops

register_mmcv_ops()

__all__ = ["register"]


def register() -> None:
    """Make every part of the detector known to mmengine under the scope ``bevfusion``; safe to call twice.

    Afterwards ``bevfusion.model.registry.MODELS.build(config)`` understands our names, those of mmdet3d, and
    mmdet's with their prefix (``mmdet.SwinTransformer``).
    """
    import bevfusion.model.detector  # noqa: F401, PLC0415 - seconds of imports, wanted only by who builds a model
