"""Stand-in for the compiled operators of mmcv, so that the detector needs no compiler.

``mmcv-lite`` ships the Python side of ``mmcv.ops`` only; importing it looks up the module ``mmcv._ext`` and
the names in it. The stand-in holds torch versions of the operators that BEVFusion calls and, under each other
name, a function that tells which package is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bevfusion.errors import BevfusionError
from bevfusion.geometry.rotated_iou import iou_bev
from bevfusion.ops.suppression import keep_best

__all__ = ["OpUnavailableError", "register_mmcv_ops"]

_NAME = "mmcv._ext"


class OpUnavailableError(BevfusionError):
    """An operator of mmcv was called that only its compiled build has."""

    exit_code = 3
    kind = "environment"


def sigmoid_focal_loss_forward(
    logits: Tensor, target: Tensor, weight: Tensor, output: Tensor, *, gamma: float, alpha: float
) -> None:
    """Focal loss (Lin et al. 2017) per entry, written to ``output``.

    Args:
        logits: (n, C) float.
        target: (n,) int64 class; C means background.
        weight: (C,) float per class, or empty.
        output: (n, C) float, filled.
        gamma: exponent of the modulating factor.
        alpha: weight of the positive entries.
    """
    output.copy_(_focal_loss(logits, target, weight, gamma=gamma, alpha=alpha))


def sigmoid_focal_loss_backward(
    logits: Tensor, target: Tensor, weight: Tensor, grad: Tensor, *, gamma: float, alpha: float
) -> None:
    """Derivative of :func:`sigmoid_focal_loss_forward` by each logit, written to ``grad`` (n, C)."""
    with torch.enable_grad():
        leaf = logits.detach().requires_grad_()
        loss = _focal_loss(leaf, target, weight, gamma=gamma, alpha=alpha)
        grad.copy_(torch.autograd.grad(loss.sum(), leaf)[0])


def _focal_loss(logits: Tensor, target: Tensor, weight: Tensor, *, gamma: float, alpha: float) -> Tensor:
    classes = torch.arange(logits.shape[1], device=logits.device)
    positive = target[:, None] == classes
    signed = torch.where(positive, logits, -logits)
    balance = torch.where(positive, alpha, 1 - alpha).to(logits.dtype)
    loss = -balance * torch.sigmoid(-signed).pow(gamma) * torch.nn.functional.logsigmoid(signed)
    return loss * weight if weight.numel() else loss


def box_iou_rotated(a: Tensor, b: Tensor, ious: Tensor, *, mode_flag: int, aligned: bool) -> None:
    """Overlap of rotated rectangles, written to ``ious``.

    Args:
        a: (n, 5) float x, y, size along the heading, size across, heading (rad, x towards y).
        b: (m, 5) float, same layout.
        ious: (n * m,) float filled row by row, or (n,) if ``aligned``.
        mode_flag: 0 for intersection over union, 1 for intersection over the area of ``a``.
        aligned: compare only rows of the same index (n == m).
    """
    iou = _iou_bev(a, b)
    if mode_flag == 1:
        area_a, area_b = (_area(boxes) for boxes in (a, b))
        union_share = iou / (1 + iou)
        iou = union_share * (area_a[:, None] + area_b[None]) / np.maximum(area_a[:, None], 1e-12)
    values = np.diagonal(iou) if aligned else iou.reshape(-1)
    ious.copy_(torch.as_tensor(values.copy()))


def nms_rotated(
    dets: Tensor,
    _scores: Tensor,
    order: Tensor,
    _dets_sorted: Tensor,
    labels: Tensor,
    iou_threshold: float,
    multi_label: bool,
) -> Tensor:
    """Greedy suppression of rotated rectangles that overlap a better one.

    Args:
        dets: (n, 5) float rectangles as in :func:`box_iou_rotated` (a sixth column is ignored).
        order: (n,) int64 indices by falling score.
        labels: (n,) int; only used if ``multi_label``: then boxes of other classes never suppress.
        iou_threshold: a box goes if its overlap with a kept one is larger.
        multi_label: see ``labels``.

    Returns:
        (k,) int64 indices of the kept boxes by falling score.
    """
    suppresses = _iou_bev(dets[:, :5], dets[:, :5]) > iou_threshold
    if multi_label:
        names = labels.detach().cpu().numpy()
        suppresses &= names[:, None] == names[None]
    kept = keep_best(suppresses, order.tolist())
    return torch.tensor(kept, dtype=torch.long, device=dets.device)


def _area(boxes: Tensor) -> NDArray[np.float64]:
    sizes: NDArray[np.float64] = boxes[:, 2:4].detach().double().cpu().numpy()
    return sizes.prod(axis=1)


def _iou_bev(a: Tensor, b: Tensor) -> NDArray[np.float64]:
    first, second = (boxes.detach().double().cpu().numpy() for boxes in (a, b))
    return iou_bev(first, second)


class _StandIn(ModuleType):
    """Answers every operator name: with ours where there is one, else with a function that raises."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)

        def unavailable(*_args: object, **_kwargs: object) -> None:
            raise OpUnavailableError(
                f"mmcv operator {name!r} was called, but only mmcv's Python part is installed",
                where=_NAME,
                hint="install the compiled mmcv 2.1.0 in place of mmcv-lite (builds in about 10 minutes)",
            )

        return unavailable


def register_mmcv_ops() -> bool:
    """Make ``mmcv.ops`` importable without its compiled part; call it before mmdet or mmdet3d is imported.

    Returns:
        True if the stand-in serves, False if a compiled mmcv is installed and is left alone.
    """
    if _NAME in sys.modules:
        return isinstance(sys.modules[_NAME], _StandIn)
    if find_spec(_NAME) is not None:
        return False
    module = _StandIn(_NAME, __doc__)
    module.__spec__ = ModuleSpec(_NAME, None)
    for operator in (sigmoid_focal_loss_forward, sigmoid_focal_loss_backward, box_iou_rotated, nms_rotated):
        setattr(module, operator.__name__, operator)
    sys.modules[_NAME] = module
    return True
