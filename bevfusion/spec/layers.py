"""Small groups of keys that several parts of the model share."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.leaf import leaf

__all__ = ["ActCfg", "ConvCfg", "DeconvCfg", "InterpolateCfg", "NormCfg"]


@dataclass(frozen=True)
class NormCfg:
    """Batch normalisation of one part."""

    type: str = leaf("BN", "Kind of normalisation.", choices=("BN", "BN1d", "BN2d"))
    eps: float = leaf(1e-3, "Added to the variance.", low=1e-8, high=0.1)
    momentum: float = leaf(0.01, "Weight of the newest batch in the running averages.", low=0.001, high=1.0)
    requires_grad: bool = leaf(True, "Whether scale and shift are learned.")


@dataclass(frozen=True)
class ActCfg:
    """Activation."""

    type: str = leaf("ReLU", "Kind of activation.", choices=("ReLU", "GELU"))
    inplace: bool = leaf(True, "Whether it overwrites its input, to save memory.")


@dataclass(frozen=True)
class ConvCfg:
    """Convolution."""

    type: str = leaf("Conv2d", "Kind of convolution.", choices=("Conv2d",))
    bias: bool = leaf(False, "Whether it has a bias; a batch norm follows anyway.")


@dataclass(frozen=True)
class DeconvCfg:
    """Learned upsampling."""

    type: str = leaf("deconv", "Kind of upsampling.", choices=("deconv",))
    bias: bool = leaf(False, "Whether it has a bias; a batch norm follows anyway.")


@dataclass(frozen=True)
class InterpolateCfg:
    """Interpolating upsampling."""

    mode: str = leaf("bilinear", "Kind of interpolation.", choices=("bilinear", "nearest"))
    align_corners: bool = leaf(False, "Whether corner pixels are mapped to corner pixels.")
