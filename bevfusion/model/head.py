"""The detection head: heat map, object queries at its peaks, one transformer layer, boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmdet3d.models.dense_heads.centerpoint_head import SeparateHead
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule, bias_init_with_prob
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.nn import functional

from bevfusion.errors import SpecError
from bevfusion.model.decode import upright_boxes
from bevfusion.model.registry import MODELS, TASK_UTILS
from bevfusion.model.suppression import Suppression
from bevfusion.model.targets import (
    BevGrid,
    GroundTruth,
    Targets,
    draw_heatmaps,
    make_targets,
)

__all__ = ["BEVFusionHead"]

_PRIOR_PROBABILITY = 0.1
_CODE_PARTS = ("center", "height", "dim", "rot", "vel")
_CLASSES_WITHOUT_PEAK_NMS = {"nuScenes": (8, 9), "Waymo": (1, 2)}  # persons and cones stand close together

Outputs = dict[str, Tensor]


@MODELS.register_module(name=["BEVFusionHead", "TransFusionHead"])
class BEVFusionHead(BaseModule):
    """TransFusion's head (Bai et al. 2022) on a fused BEV map.

    Args:
        num_proposals: queries P of a sample.
        in_channels: channels of the BEV map.
        hidden_channel: channels C of queries and keys.
        num_classes: object classes.
        decoder_layer: config of the transformer layer.
        common_heads: regressed parts, name to (numbers, layers).
        bbox_coder: config of the box coder.
        loss_cls: config of the classification loss, on sigmoid logits.
        loss_bbox: config of the regression loss.
        loss_heatmap: config of the heat map loss.
        train_cfg: ``point_cloud_range``, ``grid_size``, ``voxel_size``, ``out_size_factor``, ``assigner``,
            ``gaussian_overlap``, ``min_radius``, ``code_weights``, ``pos_weight``.
        test_cfg: ``dataset``; ``nms_type`` and its settings, see :mod:`bevfusion.model.suppression`.
        auxiliary: train every transformer layer, not the last alone.
        num_decoder_layers: transformer layers.
        nms_kernel_size: a query starts at a cell that is the highest of so many.
        bn_momentum: of every batch norm of the head.
        num_heatmap_convs: layers of the class prediction.
    """

    def __init__(  # noqa: PLR0913 - the keys of the model config
        self,
        *,
        num_proposals: int,
        in_channels: int,
        hidden_channel: int,
        num_classes: int,
        decoder_layer: Mapping[str, Any],
        common_heads: Mapping[str, Sequence[int]],
        bbox_coder: Mapping[str, Any],
        loss_cls: Mapping[str, Any],
        loss_bbox: Mapping[str, Any],
        loss_heatmap: Mapping[str, Any],
        train_cfg: Mapping[str, Any],
        test_cfg: Mapping[str, Any],
        auxiliary: bool = True,
        num_decoder_layers: int = 1,
        nms_kernel_size: int = 3,
        bn_momentum: float = 0.1,
        num_heatmap_convs: int = 2,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_proposals = num_proposals
        self.auxiliary = auxiliary
        self.nms_kernel_size = nms_kernel_size
        self.train_cfg = train_cfg
        self.unsuppressed = _CLASSES_WITHOUT_PEAK_NMS.get(test_cfg["dataset"], ())
        self.suppression = Suppression.from_config(test_cfg)
        self.grid = _grid(train_cfg)
        self.bbox_coder = TASK_UTILS.build(dict(bbox_coder))
        self.assigner = TASK_UTILS.build(dict(train_cfg["assigner"]))
        self.loss_cls = MODELS.build(dict(loss_cls))
        self.loss_bbox = MODELS.build(dict(loss_bbox))
        self.loss_heatmap = MODELS.build(dict(loss_heatmap))
        self.shared_conv = nn.Conv2d(in_channels, hidden_channel, 3, padding=1)
        self.heatmap_head = nn.Sequential(
            ConvModule(hidden_channel, hidden_channel, 3, padding=1, bias=False, norm_cfg={"type": "BN2d"}),
            nn.Conv2d(hidden_channel, num_classes, 3, padding=1),
        )
        self.class_encoding = nn.Conv1d(num_classes, hidden_channel, 1)
        self.decoder = nn.ModuleList(MODELS.build(dict(decoder_layer)) for _ in range(num_decoder_layers))
        parts = {**common_heads, "heatmap": (num_classes, num_heatmap_convs)}
        self.prediction_heads = nn.ModuleList(
            SeparateHead(hidden_channel, parts, conv_cfg={"type": "Conv1d"}, norm_cfg={"type": "BN1d"})
            for _ in range(num_decoder_layers)
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = bn_momentum
        for parameter in self.decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def init_weights(self) -> None:
        """Start with few objects everywhere (Lin et al. 2017), or the heat map's loss drowns all others."""
        super().init_weights()
        nn.init.constant_(self.heatmap_head[-1].bias, bias_init_with_prob(_PRIOR_PROBABILITY))

    def forward(self, bev: Tensor) -> list[Outputs]:
        """Predict from the BEV map.

        Args:
            bev: (B, C_in, X, Y) float.

        Returns:
            for each transformer layer (the last alone without ``auxiliary``) ``center`` (B, 2, P; cells),
            ``height``, ``dim``, ``rot``, perhaps ``vel``, ``heatmap`` (B, classes, P; logits), and shared by
            all ``dense_heatmap`` (B, classes, X, Y; logits), ``query_heatmap_score`` (B, classes, P),
            ``query_labels`` (B, P; int64).
        """
        features = self.shared_conv(bev)
        dense = self.heatmap_head(features)
        peaks = self._peaks(dense.detach().float().sigmoid()).flatten(2)
        best = peaks.flatten(1).topk(self.num_proposals, dim=1).indices
        labels, cells = best // peaks.shape[2], best % peaks.shape[2]
        keys = features.flatten(2).transpose(1, 2)
        shared = {
            "dense_heatmap": dense,
            "query_heatmap_score": peaks.gather(2, cells[:, None].expand(-1, self.num_classes, -1)),
            "query_labels": labels,
        }
        one_hot = functional.one_hot(labels, self.num_classes).transpose(1, 2).to(keys.dtype)
        query = keys.gather(1, cells[..., None].expand(-1, -1, keys.shape[2]))
        query = query + self.class_encoding(one_hot).transpose(1, 2)
        centres = _cell_centres(*dense.shape[2:], device=dense.device)
        position = centres[cells]
        layers = []
        for decoder, predict in zip(self.decoder, self.prediction_heads, strict=True):
            query = decoder(query, keys, query_pos=position, key_pos=centres[None])
            outputs = predict(query.transpose(1, 2))
            outputs["center"] = outputs["center"].float() + position.transpose(1, 2)
            position = outputs["center"].detach().transpose(1, 2)
            layers.append({**outputs, **shared})
        return layers if self.auxiliary else layers[-1:]

    def _peaks(self, heat: Tensor) -> Tensor:
        """Probabilities (B, classes, X, Y) of local maxima, border cells included, and 0 elsewhere."""
        size = self.nms_kernel_size
        highest = functional.max_pool2d(heat, size, stride=1, padding=size // 2)
        for label in self.unsuppressed:
            highest[:, label] = heat[:, label]
        return heat * (heat == highest)

    def predict(self, bev: Tensor) -> list[InstanceData]:
        """Detect objects.

        Args:
            bev: (B, C_in, X, Y) float.

        Returns:
            for each sample ``bboxes_3d`` (LiDAR boxes, bottom centre), ``scores_3d`` (k,), ``labels_3d`` (k,)
            int64; with the twelve-number code also ``boxes_9dof`` (k, 9), the boxes with all Euler angles.
        """
        outputs = _to_float32(self(bev)[-1])
        boxes = self.bbox_coder.decode(outputs)
        label = outputs["query_labels"]
        score = (outputs["heatmap"].sigmoid() * outputs["query_heatmap_score"]).gather(1, label[:, None])
        return [self._detections(*sample) for sample in zip(boxes, score.squeeze(1), label, strict=True)]

    def _detections(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> InstanceData:
        kept = self.bbox_coder.kept(boxes, scores).nonzero().squeeze(1)
        place = upright_boxes(self.bbox_coder.spatial(boxes))
        kept = kept[self.suppression.select(place[kept], scores[kept], labels[kept])]
        instances = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(place[kept]), scores_3d=scores[kept], labels_3d=labels[kept]
        )
        if self.bbox_coder.code_size == 12:
            instances.boxes_9dof = boxes[kept]
        return instances

    def loss(self, bev: Tensor, samples: Sequence[Det3DDataSample]) -> dict[str, Tensor]:
        """Compare predictions with ground truth.

        Args:
            bev: (B, C_in, X, Y) float.
            samples: B samples with ``gt_instances_3d``: ``bboxes_3d`` (LiDAR boxes, or a tensor (G, 7 or 9))
                and ``labels_3d`` (G,); a sample without objects is fine.

        Returns:
            ``loss_heatmap``, and for each layer ``layer_<i>_loss_cls`` and ``layer_<i>_loss_bbox`` (the last
            layer is -1); ``matched_ious`` is for information.

        Raises:
            SpecError: the BEV map is not as large as ``grid_size`` and ``out_size_factor`` say.
        """
        layers = [_to_float32(outputs) for outputs in self(bev)]
        truths = [self._ground_truth(sample, bev.device) for sample in samples]
        targets = [self.match(outputs, truths) for outputs in layers]
        losses = {"loss_heatmap": self._heatmap_loss(layers[-1]["dense_heatmap"], truths)}
        normaliser = _count_for_mean(torch.stack([target.is_positive.sum() for target in targets]).sum())
        names = [*(f"layer_{index}" for index in range(len(layers) - 1)), "layer_-1"]
        for prefix, outputs, target in zip(names, layers, targets, strict=True):
            losses[f"{prefix}_loss_cls"] = self._class_loss(outputs, target, normaliser)
            losses[f"{prefix}_loss_bbox"] = self._box_loss(outputs, target, normaliser)
        losses["matched_ious"] = targets[-1].matched_iou
        return losses

    @torch.no_grad()
    def match(self, outputs: Outputs, truths: Sequence[GroundTruth]) -> Targets:
        """Give each prediction of a layer its target.

        Args:
            outputs: one entry of what :meth:`forward` returns.
            truths: annotated boxes of the B samples.
        """
        boxes = self.bbox_coder.spatial(self.bbox_coder.decode(outputs))
        logits = outputs["heatmap"].transpose(1, 2)
        assignments = [
            self.assigner.assign(box, logit, truth, point_cloud_range=self.train_cfg["point_cloud_range"])
            for box, logit, truth in zip(boxes, logits, truths, strict=True)
        ]
        return make_targets(assignments, truths, self.bbox_coder, num_classes=self.num_classes)

    def _ground_truth(self, sample: Det3DDataSample, device: torch.device) -> GroundTruth:
        boxes = sample.gt_instances_3d.bboxes_3d
        numbers = getattr(boxes, "tensor", boxes).to(device, torch.float32)
        if not len(numbers):
            numbers = numbers.new_zeros(0, 7)
        labels = sample.gt_instances_3d.labels_3d.to(device, torch.long)
        return GroundTruth(self.bbox_coder.ground_truth(numbers), labels)

    def _heatmap_loss(self, logits: Tensor, truths: Sequence[GroundTruth]) -> Tensor:
        if tuple(logits.shape[2:]) != self.grid.cells:
            raise SpecError(
                f"the BEV map has {tuple(logits.shape[2:])} cells, the grid says {self.grid.cells}",
                where="model.bbox_head.train_cfg.grid_size",
                hint="grid_size / out_size_factor must equal what the encoder and the backbone leave of it",
            )
        target = draw_heatmaps(
            truths,
            self.grid,
            num_classes=self.num_classes,
            min_overlap=self.train_cfg["gaussian_overlap"],
            min_radius=self.train_cfg["min_radius"],
        )
        peaks = _count_for_mean(target.eq(1).sum())
        return self.loss_heatmap(logits.sigmoid().clamp(1e-4, 1 - 1e-4), target, avg_factor=peaks)

    def _class_loss(self, outputs: Outputs, target: Targets, normaliser: Tensor) -> Tensor:
        logits = outputs["heatmap"].transpose(1, 2).reshape(-1, self.num_classes)
        pos_weight = self.train_cfg.get("pos_weight", -1)
        weight = torch.ones_like(logits[:, 0])
        if pos_weight > 0:
            weight[target.is_positive.flatten()] = pos_weight
        return self.loss_cls(logits, target.labels.flatten(), weight, avg_factor=normaliser)

    def _box_loss(self, outputs: Outputs, target: Targets, normaliser: Tensor) -> Tensor:
        code = torch.cat([outputs[part] for part in _CODE_PARTS if part in outputs], dim=1).transpose(1, 2)
        weight = target.is_positive[..., None] * code.new_tensor(self.train_cfg["code_weights"])
        return self.loss_bbox(code, target.boxes, weight, avg_factor=normaliser)


def _count_for_mean(count: Tensor) -> Tensor:
    """What a process divides its sum by, so that the mean over the processes is the mean over all frames."""
    total = count.float()
    all_reduce(total)
    return total.clamp(min=1) / get_world_size()


def _grid(config: Mapping[str, Any]) -> BevGrid:
    factor = config["out_size_factor"]
    x0, y0 = config["point_cloud_range"][:2]
    dx, dy = (size * factor for size in config["voxel_size"][:2])
    columns, rows = (cells // factor for cells in config["grid_size"][:2])
    return BevGrid((x0, y0), (dx, dy), (columns, rows))


def _cell_centres(x_cells: int, y_cells: int, *, device: torch.device) -> Tensor:
    """Centres (X · Y, 2) of the cells in cell units, y fastest."""
    x = torch.arange(x_cells, device=device) + 0.5
    y = torch.arange(y_cells, device=device) + 0.5
    return torch.cartesian_prod(x, y)


def _to_float32(outputs: Outputs) -> Outputs:
    return {name: value.float() if value.is_floating_point() else value for name, value in outputs.items()}
