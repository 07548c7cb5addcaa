"""The detection head: heat map, proposals, decoder, matching, losses (TransFusion, Bai et al., 2022)."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.layers import ActCfg
from bevfusion.spec.leaf import block, leaf

__all__ = [
    "AssignerSpec",
    "AttentionSpec",
    "BBoxCoderSpec",
    "BBoxHeadSpec",
    "CommonHeadsSpec",
    "CostSpec",
    "DecoderLayerSpec",
    "FfnSpec",
    "FocalCostSpec",
    "FocalLossSpec",
    "HeatmapLossSpec",
    "IouCalculatorSpec",
    "L1LossSpec",
    "LayerNormSpec",
    "PosEncodingSpec",
]


@dataclass(frozen=True)
class BBoxCoderSpec:
    """How a box becomes numbers to regress."""

    type: str = leaf(
        "TAO3DBBoxCoder",
        "TAO3DBBoxCoder has three rotation angles (12 numbers), TransFusionBBoxCoder yaw alone (8 numbers).",
        choices=("TAO3DBBoxCoder", "TransFusionBBoxCoder"),
    )
    score_threshold: float = leaf(0.0, "Detections scored lower are dropped.", low=0.0, high=1.0)
    code_size: int | None = leaf(None, "Numbers per box; null takes those of the type.", choices=(8, 12))


@dataclass(frozen=True)
class AttentionSpec:
    """Multi-head attention."""

    embed_dims: int | None = leaf(None, "Channels; null takes hidden_channel.", low=4, high=1024)
    num_heads: int = leaf(8, "Heads.", low=1, high=64)
    dropout: float = leaf(0.1, "Dropout of attention weights.", low=0.0, high=0.5, automl=True)


@dataclass(frozen=True)
class FfnSpec:
    """Feed-forward part of the decoder."""

    embed_dims: int | None = leaf(None, "Channels; null takes hidden_channel.", low=4, high=1024)
    feedforward_channels: int = leaf(256, "Hidden channels.", low=4, high=4096)
    num_fcs: int = leaf(2, "Layers.", low=2, high=8)
    ffn_drop: float = leaf(0.1, "Dropout.", low=0.0, high=0.5, automl=True)
    act_cfg: ActCfg = block(ActCfg, "Activation.", automl=False)


@dataclass(frozen=True)
class LayerNormSpec:
    """Normalisation of the decoder."""

    type: str = leaf("LN", "Kind of normalisation.", choices=("LN",))


@dataclass(frozen=True)
class PosEncodingSpec:
    """Learned encoding of a place in the bird's-eye view."""

    input_channel: int = leaf(2, "Coordinates of a place.", low=2, high=2)
    num_pos_feats: int | None = leaf(None, "Channels; null takes hidden_channel.", low=4, high=1024)


@dataclass(frozen=True)
class DecoderLayerSpec:
    """One transformer decoder layer: proposals look at each other, then at the map."""

    type: str = leaf("TransformerDecoderLayer", "Layer.", choices=("TransformerDecoderLayer",))
    self_attn_cfg: AttentionSpec = block(AttentionSpec, "Attention among proposals.")
    cross_attn_cfg: AttentionSpec = block(AttentionSpec, "Attention of proposals to the map.")
    ffn_cfg: FfnSpec = block(FfnSpec, "Feed-forward part.")
    norm_cfg: LayerNormSpec = block(LayerNormSpec, "Normalisation.", automl=False)
    pos_encoding_cfg: PosEncodingSpec = block(PosEncodingSpec, "Encoding of places.", automl=False)


@dataclass(frozen=True)
class IouCalculatorSpec:
    """Overlap that the matching uses."""

    type: str = leaf("BboxOverlaps3D", "Calculator.", choices=("BboxOverlaps3D",))
    coordinate: str = leaf("lidar", "Frame of the boxes.", choices=("lidar",))


@dataclass(frozen=True)
class FocalCostSpec:
    """Classification part of the matching cost."""

    type: str = leaf("mmdet.FocalLossCost", "Cost.", choices=("mmdet.FocalLossCost",))
    gamma: float = leaf(2.0, "Focus on hard proposals.", low=0.0, high=5.0)
    alpha: float = leaf(0.25, "Weight of positives.", low=0.0, high=1.0)
    weight: float = leaf(0.15, "Weight of this part.", low=0.0, high=10.0)


@dataclass(frozen=True)
class CostSpec:
    """A geometric part of the matching cost."""

    type: str = leaf("BBoxBEVL1Cost", "Cost.", choices=("BBoxBEVL1Cost", "IoU3DCost"))
    weight: float = leaf(0.25, "Weight of this part.", low=0.0, high=10.0)


@dataclass(frozen=True)
class AssignerSpec:
    """One-to-one matching of proposals and objects."""

    type: str = leaf("HungarianAssigner3D", "Assigner.", choices=("HungarianAssigner3D",))
    iou_calculator: IouCalculatorSpec = block(IouCalculatorSpec, "Overlap.", automl=False)
    cls_cost: FocalCostSpec = block(FocalCostSpec, "Classification cost.")
    reg_cost: CostSpec = block(CostSpec, "Distance cost.", type="BBoxBEVL1Cost")
    iou_cost: CostSpec = block(CostSpec, "Overlap cost.", type="IoU3DCost")


@dataclass(frozen=True)
class CommonHeadsSpec:
    """Outputs per proposal: channels and layers of each."""

    center: tuple[int, ...] = leaf(
        (2, 2), "Offset of the centre (cells).", low=1, high=16, length=2, automl=False
    )
    height: tuple[int, ...] = leaf(
        (1, 2), "Height of the centre (m).", low=1, high=16, length=2, automl=False
    )
    dim: tuple[int, ...] = leaf((3, 2), "Logarithm of the size (m).", low=1, high=16, length=2, automl=False)
    rot: tuple[int, ...] | None = leaf(
        None,
        "Sine and cosine of each angle; null derives it from the coder.",
        low=1,
        high=16,
        length=2,
        automl=False,
    )


@dataclass(frozen=True)
class FocalLossSpec:
    """Loss of the class scores."""

    type: str = leaf("mmdet.FocalLoss", "Loss.", choices=("mmdet.FocalLoss",))
    use_sigmoid: bool = leaf(True, "Whether classes are independent.")
    gamma: float = leaf(2.0, "Focus on hard proposals.", low=0.0, high=5.0)
    alpha: float = leaf(0.25, "Weight of positives.", low=0.0, high=1.0)
    reduction: str = leaf("mean", "How proposals are joined.", choices=("mean",))
    loss_weight: float = leaf(1.0, "Weight of this loss.", low=0.05, high=5.0, automl=True, log=True)


@dataclass(frozen=True)
class HeatmapLossSpec:
    """Loss of the heat map that proposals are drawn from."""

    type: str = leaf("mmdet.GaussianFocalLoss", "Loss.", choices=("mmdet.GaussianFocalLoss",))
    reduction: str = leaf("mean", "How cells are joined.", choices=("mean",))
    loss_weight: float = leaf(1.0, "Weight of this loss.", low=0.05, high=5.0, automl=True, log=True)


@dataclass(frozen=True)
class L1LossSpec:
    """Loss of the box numbers."""

    type: str = leaf("mmdet.L1Loss", "Loss.", choices=("mmdet.L1Loss",))
    reduction: str = leaf("mean", "How numbers are joined.", choices=("mean",))
    loss_weight: float = leaf(0.25, "Weight of this loss.", low=0.05, high=5.0, automl=True, log=True)


@dataclass(frozen=True)
class BBoxHeadSpec:
    """The detection head."""

    type: str = leaf("BEVFusionHead", "Head.", choices=("BEVFusionHead",))
    num_proposals: int = leaf(
        200,
        "Objects a frame can have at most; more raise recall and cost time.",
        low=5,
        high=500,
        automl=True,
        log=True,
    )
    auxiliary: bool = leaf(True, "Whether every decoder layer is supervised.")
    in_channels: int | None = leaf(None, "Channels of the map; null derives them.", low=1, high=8192)
    hidden_channel: int = leaf(128, "Channels within the head.", low=4, high=1024)
    num_classes: int | None = leaf(None, "Classes; null counts dataset.classes.", low=1, high=1000)
    nms_kernel_size: int = leaf(3, "Cells around a peak in which no other peak counts.", choices=(1, 3, 5, 7))
    bn_momentum: float = leaf(0.1, "Weight of the newest batch in the running averages.", low=0.001, high=1.0)
    num_decoder_layers: int = leaf(1, "Decoder layers.", low=1, high=6)
    out_size_factor: int = leaf(8, "Voxels per cell of the map along x and y.", low=1, high=32)
    gaussian_overlap: float = leaf(
        0.1, "Overlap that a peak moved to the rim of its Gaussian still has.", low=0.01, high=0.99
    )
    min_radius: int = leaf(2, "Least radius of a Gaussian (cells).", low=0, high=16)
    nms_type: str | None = leaf(
        None,
        "Suppression after decoding: circle by the distance of centres, rotate by the overlap from above. The"
        " matching is one to one, so null is the rule.",
        choices=("circle", "rotate"),
    )
    nms_thr: float | None = leaf(
        None,
        "A detection goes when a better one of its class is as near as this (circle: m, null takes 0.4) or"
        " overlaps more (rotate: IoU, null takes 0.2).",
        low=0.0,
        high=50.0,
    )
    bbox_coder: BBoxCoderSpec = block(BBoxCoderSpec, "Box coder.", automl=False)
    decoder_layer: DecoderLayerSpec = block(DecoderLayerSpec, "Decoder.")
    code_weights: tuple[float, ...] | None = leaf(
        None, "Weight of each box number in the loss; null means 1 each.", low=0.0, high=10.0, automl=False
    )
    assigner: AssignerSpec = block(AssignerSpec, "Matching.")
    common_heads: CommonHeadsSpec = block(CommonHeadsSpec, "Outputs per proposal.", automl=False)
    loss_cls: FocalLossSpec = block(FocalLossSpec, "Loss of the class scores.")
    loss_heatmap: HeatmapLossSpec = block(HeatmapLossSpec, "Loss of the heat map.")
    loss_bbox: L1LossSpec = block(L1LossSpec, "Loss of the boxes.")
