"""Writes parts of the detector as ONNX, and measures that ONNX computes the same."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bevfusion.export.parts import Part

__all__ = ["OnnxFile", "find_missing_packages", "write_part"]

_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_OPSET = 18


@dataclass(frozen=True)
class OnnxFile:
    """A part that was written, and how far it is from the original.

    Attributes:
        inputs: name to shape.
        outputs: name to shape.
        largest_difference: between both on the same input, over all numbers of all outputs.
        largest_value: of the original's outputs, to set the difference against.
    """

    part: str
    file: str
    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]
    largest_difference: float
    largest_value: float


def find_missing_packages() -> list[str]:
    """Packages without which nothing can be written or compared."""
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


def write_part(part: Part, folder: Path) -> OnnxFile:
    """Write one part and run both on the part's own example.

    Args:
        part: dense piece of the detector, in evaluation mode.
        folder: receives the file.
    """
    import onnxruntime  # noqa: PLC0415 - an extra, asked for before

    path = folder / part.file
    values = tuple(part.inputs.values())
    for noisy in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with torch.no_grad():
        wanted = [output.numpy() for output in part.module(*values)]
        torch.onnx.export(
            part.module,
            values,
            path,
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in part.inputs.items()})
    return OnnxFile(
        part=part.name,
        file=part.file,
        inputs={name: list(value.shape) for name, value in part.inputs.items()},
        outputs={name: list(value.shape) for name, value in zip(part.outputs, found, strict=True)},
        largest_difference=max(float(np.abs(a - b).max()) for a, b in zip(found, wanted, strict=True)),
        largest_value=max(float(np.abs(value).max()) for value in wanted),
    )
