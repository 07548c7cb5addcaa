"""The transformer layer that lets object queries look at the BEV map."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmdet.models import DetrTransformerDecoderLayer
from torch import Tensor, nn

from bevfusion.model.registry import MODELS

__all__ = ["TransformerDecoderLayer"]


class _LearnedPosition(nn.Module):
    """Position embedding by two point-wise layers."""

    def __init__(self, *, input_channel: int, num_pos_feats: int) -> None:
        super().__init__()
        self.position_embedding_head = nn.Sequential(
            nn.Conv1d(input_channel, num_pos_feats, 1),
            nn.BatchNorm1d(num_pos_feats),
            nn.ReLU(inplace=True),
            nn.Conv1d(num_pos_feats, num_pos_feats, 1),
        )

    def forward(self, position: Tensor) -> Tensor:
        """Embed positions (B, n, 2) in cells as (B, n, C)."""
        return self.position_embedding_head(position.transpose(1, 2)).transpose(1, 2)


@MODELS.register_module()
class TransformerDecoderLayer(DetrTransformerDecoderLayer):
    """DETR's decoder layer with learned positions that are added to the values, too (TransFusion).

    Args:
        pos_encoding_cfg: ``input_channel`` and ``num_pos_feats`` of the position embeddings.
        **layer: configs of the attentions, the feed-forward part and the norms, as in mmdet.
    """

    def __init__(self, *, pos_encoding_cfg: Mapping[str, Any], **layer: Any) -> None:
        super().__init__(**deepcopy(layer))  # mmdet writes into the configs it is given
        self.self_posembed = _LearnedPosition(**pos_encoding_cfg)
        self.cross_posembed = _LearnedPosition(**pos_encoding_cfg)

    def forward(self, query: Tensor, key: Tensor, *, query_pos: Tensor, key_pos: Tensor) -> Tensor:
        """Update the queries.

        Args:
            query: (B, P, C) queries.
            key: (B, K, C) cells of the BEV map.
            query_pos: (B, P, 2) place of the queries, cells.
            key_pos: (1, K, 2) centres of the cells, the same for each sample.

        Returns:
            (B, P, C) queries.
        """
        query_embedding = self.self_posembed(query_pos)
        placed = query + query_embedding
        query = self.norms[0](query + _attend(self.self_attn, placed, placed))
        seen = key + self.cross_posembed(key_pos)
        query = self.norms[1](query + _attend(self.cross_attn, query + query_embedding, seen))
        return self.norms[2](self.ffn(query))


def _attend(attention: MultiheadAttention, query: Tensor, key: Tensor) -> Tensor:
    """Attention with key = value, without the weights, which lets torch pick its fused kernels."""
    sequence_first = key.transpose(0, 1)
    out = attention.attn(query.transpose(0, 1), sequence_first, sequence_first, need_weights=False)[0]
    return attention.dropout_layer(attention.proj_drop(out.transpose(0, 1)))
