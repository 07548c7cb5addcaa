"""Times each part of the detector beside a plain version of the same part, in turns, with their peak memory.

    python benchmarks/detector.py [--repeat 7] [--threads 1] [--profile]

Everything runs on a batch of four demo scenes with the tiny profile, except where the name says more. Plain
versions: a dense convolution for the sparse encoder, checkpointed activations for Swin, the materialised
frustum for lift-splat, attention that returns its weights (as mmcv calls it), overlap pair by pair with
shapely, heat maps object by object with mmdet3d's functions. Time is the processor's, so that what else the
machine does counts little. The ratios are plain / ours: above 1, ours is faster or smaller.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from bevfusion.actions import dataset_convert
from bevfusion.build import build_model
from bevfusion.data.dataset import FusionDataset, open_split
from bevfusion.demo import write_dataset
from bevfusion.model import decoder, register
from bevfusion.model.view_transform import CameraRig
from bevfusion.ops.bev_pool import pool_to_cells
from bevfusion.ops.voxel import VoxelGrid, voxelize_mean
from bevfusion.spec import ConvertSpec, ExperimentSpec, load_spec

BATCH = 4
TINY = Path(__file__).parents[1] / "references" / "profile_tiny.yaml"


@dataclass(frozen=True)
class Part:
    """Two ways to compute the same: each call does it once, backward pass included where there is one."""

    name: str
    ours: Callable[[], object]
    plain: Callable[[], object] | None = None
    plain_name: str = ""


def tiny_spec(folder: Path) -> ExperimentSpec:
    """The tiny profile on twelve fresh demo scenes."""
    root = folder / "data"
    write_dataset(root, frames=12, seed=3, workers=1, progress=False)
    dataset_convert.run(ConvertSpec(root_dir=str(root), results_dir=str(root)))
    layers = yaml.safe_load(TINY.read_text())
    layers["results_dir"] = str(folder)
    layers["dataset"]["root_dir"] = str(root)
    for part in ("train", "val"):
        layers["dataset"][f"{part}_dataset"]["ann_file"] = str(root / f"kitti_person_infos_{part}.pkl")
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump(layers))
    return load_spec(path)


def make_batch(model: Any, dataset: FusionDataset) -> dict[str, Any]:
    items = [dataset[index] for index in range(BATCH)]
    inputs = {key: [item["inputs"][key] for item in items] for key in items[0]["inputs"]}
    batch = {"inputs": inputs, "data_samples": [item["data_samples"] for item in items]}
    prepared: dict[str, Any] = model.data_preprocessor(batch, training=True)
    return prepared


def parts_of(model: Any, batch: Mapping[str, Any]) -> list[Part]:
    inputs, samples = batch["inputs"], batch["data_samples"]
    clouds = [cloud[:, :4] for cloud in inputs["points"]]
    grid, limit = model.voxel_grid, model.max_voxels[0]
    features, coordinates, _ = voxelize_mean(clouds, grid, max_voxels=limit)
    bev = model.extract_feat(inputs, samples).detach()
    encoder, head = model.pts_middle_encoder, model.bbox_head
    dense = dense_twin(encoder)
    occupied = torch.zeros(BATCH, features.shape[1], *encoder.sparse_shape)
    sample, x, y, z = coordinates.long().unbind(1)
    occupied[sample, :, x, y, z] = features
    images = inputs["imgs"].flatten(0, 1)
    outputs = {name: value.detach() for name, value in head(bev)[-1].items()}
    truths = [head._ground_truth(item, bev.device) for item in samples]
    return [
        Part(
            "voxels",
            lambda: voxelize_mean(clouds, grid, max_voxels=limit),
            lambda: voxelize_plainly(clouds, grid, max_voxels=limit),
            "NumPy, sort and add",
        ),
        Part(
            "sparse encoder",
            lambda: backward(encoder(features, coordinates, BATCH)),
            lambda: backward(dense(occupied)),
            "dense convolutions",
        ),
        Part(
            "Swin",
            lambda: backward(model.img_backbone(images)[-1]),
            lambda: with_checkpoints(model.img_backbone, images),
            "checkpointed activations",
        ),
        lift_splat(model, samples),
        lift_splat_of_defaults(),
        Part(
            "head",
            lambda: backward(head(bev)[-1]["heatmap"]),
            lambda: with_attention_weights(lambda: backward(head(bev)[-1]["heatmap"])),
            "attention weights kept",
        ),
        Part(
            "assignment",
            lambda: head.match(outputs, truths),
            lambda: with_overlap_pair_by_pair(lambda: head.match(outputs, truths)),
            "overlap pair by pair",
        ),
        Part(
            "loss: heat maps",
            lambda: draw_ours(head, truths),
            lambda: draw_plainly(head, truths),
            "object by object",
        ),
        Part("loss, head included", lambda: backward(sum(head.loss(bev, samples).values()))),
        scoring(),
    ]


def backward(value: Any) -> None:
    value.float().square().mean().backward()


def voxelize_plainly(clouds: list[Tensor], grid: VoxelGrid, *, max_voxels: int) -> list[np.ndarray[Any, Any]]:
    """The same voxels by sorting rows of coordinates, without a limit of points in each."""
    means = []
    for cloud in clouds:
        points = cloud.numpy()
        cell = np.floor((points[:, :3] - grid.min_m) / grid.size_m)
        inside = ((cell >= 0) & (cell < grid.shape)).all(axis=1)
        points, cell = points[inside], cell[inside]
        _, first, voxel, counts = np.unique(
            cell, axis=0, return_index=True, return_inverse=True, return_counts=True
        )
        sums = np.zeros((len(counts), points.shape[1]))
        np.add.at(sums, voxel.reshape(-1), points)
        means.append((sums / counts[:, None])[np.argsort(first)][:max_voxels])
    return means


def dense_twin(encoder: nn.Module) -> nn.Sequential:
    """Convolutions of the same sizes on the whole grid, as a framework without sparse tensors has them."""
    layers: list[nn.Module] = []
    for module in encoder.modules():
        if hasattr(module, "indice_key") and hasattr(module, "out_channels"):
            kernel, stride, padding = (
                tuple(getattr(module, name)) for name in ("kernel_size", "stride", "padding")
            )
            conv = nn.Conv3d(module.in_channels, module.out_channels, kernel, stride, padding, bias=False)
            layers += [conv, nn.BatchNorm3d(module.out_channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def with_checkpoints(backbone: Any, images: Tensor) -> None:
    blocks = [module for module in backbone.modules() if hasattr(module, "with_cp")]
    for block in blocks:
        block.with_cp = True
    backward(backbone(images)[-1])
    for block in blocks:
        block.with_cp = False


def scoring() -> Part:
    """All keys of the metric for 100 frames of 200 detections."""
    from average_precision import frames_of, pairs_one_by_one

    from bevfusion.metrics import average_precision, evaluate

    labels, found = frames_of(np.random.default_rng(0), 100, 200)

    def plain() -> object:
        with patch.object(average_precision, "overlapping_pairs", pairs_one_by_one):
            return evaluate(labels, found)

    return Part("AP of 100 frames", lambda: evaluate(labels, found), plain, "overlap pair by pair")


def lift_splat(model: Any, samples: list[Any]) -> Part:
    view = model.view_transform
    rig = CameraRig.from_metas([sample.metainfo for sample in samples])
    cell = view.cell_of_frustum(rig).reshape(-1, view.depth_bins)
    nx, ny, nz = view.cells
    return pooling("lift-splat", cell, channels=view.out_channels, num_cells=BATCH * nx * ny * nz)


def lift_splat_of_defaults() -> Part:
    """Two images of 32 x 88 features, 118 depths, 80 channels; their rays fan out over 360 x 360 cells."""
    pixels, depths, size = 2 * 32 * 88, 118, 360
    angle = torch.linspace(-0.7, 0.7, pixels)[:, None]
    distance = torch.linspace(1, 80, depths)[None] / 80
    x = (size * distance * torch.cos(angle)).long().clamp(max=size - 1)
    y = (size * (0.5 + 0.7 * distance * torch.sin(angle))).long().clamp(0, size - 1)
    return pooling("lift-splat, default spec", x * size + y, channels=80, num_cells=size * size)


def pooling(name: str, cell: Tensor, *, channels: int, num_cells: int) -> Part:
    depth = torch.rand(cell.shape).softmax(dim=1).requires_grad_()
    context = torch.randn(len(cell), channels).requires_grad_()

    def materialised() -> Tensor:
        kept = cell.flatten() >= 0
        lifted = (depth[:, :, None] * context[:, None]).flatten(0, 1)[kept]
        return torch.zeros(num_cells, channels).index_add_(0, cell.flatten()[kept], lifted)

    def ours() -> Tensor:
        return pool_to_cells(depth, context, cell, num_cells=num_cells)

    assert torch.allclose(ours(), materialised(), atol=1e-4)
    gradient = torch.randn(
        num_cells, channels
    )  # made beforehand: a loss on the large map would hide the pooling
    return Part(
        name,
        lambda: ours().backward(gradient),
        lambda: materialised().backward(gradient),
        "materialised frustum",
    )


def with_attention_weights(run: Callable[[], object]) -> object:
    def attend(attention: Any, query: Tensor, key: Tensor) -> Tensor:
        moved = key.transpose(0, 1)
        found: Tensor = attention.attn(query.transpose(0, 1), moved, moved, need_weights=True)[0]
        return found.transpose(0, 1)

    with patch.object(decoder, "_attend", attend):
        return run()


def with_overlap_pair_by_pair(run: Callable[[], object]) -> object:
    from shapely.geometry import Polygon

    def footprint(box: Any) -> Polygon:
        x, y, _, dx, dy, _, yaw = box
        c, s = np.cos(yaw), np.sin(yaw)
        ends = [(dx, dy), (-dx, dy), (-dx, -dy), (dx, -dy)]
        return Polygon([(x + (c * u - s * v) / 2, y + (s * u + c * v) / 2) for u, v in ends])

    def iou(a: Any, b: Any) -> Any:
        table = np.zeros((len(a), len(b)))
        for i, p in enumerate(a):
            for j, q in enumerate(b):
                rise = max(0.0, min(p[2] + p[5], q[2] + q[5]) - max(p[2], q[2]))
                common = footprint(p).intersection(footprint(q)).area * rise
                table[i, j] = common / (np.prod(p[3:6]) + np.prod(q[3:6]) - common)
        return table

    with patch("bevfusion.model.targets.iou_3d", iou):
        return run()


def draw_ours(head: Any, truths: list[Any]) -> Tensor:
    from bevfusion.model.targets import draw_heatmaps

    return draw_heatmaps(truths, head.grid, num_classes=head.num_classes, min_overlap=0.1, min_radius=2)


def draw_plainly(head: Any, truths: list[Any]) -> list[Tensor]:
    from mmdet3d.models.utils import draw_heatmap_gaussian, gaussian_radius

    maps = []
    for truth in truths:
        heat = torch.zeros(head.num_classes, *reversed(head.grid.cells))
        for box, label in zip(truth.boxes, truth.labels, strict=True):
            width, length = box[3:5] / torch.tensor(head.grid.cell_m)
            radius = max(2, int(gaussian_radius((length, width), min_overlap=0.1)))
            centre = (box[:2] - torch.tensor(head.grid.origin_m)) / torch.tensor(head.grid.cell_m)
            draw_heatmap_gaussian(heat[label], centre.int(), radius)
        maps.append(heat)
    return maps


def seconds_in_turns(part: Part, repeat: int) -> list[float]:
    """Median seconds of processor time of ours and, where there is one, of the plain version."""
    runs = [run for run in (part.ours, part.plain) if run]
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(repeat + 1):
        for run, durations in zip(runs, taken, strict=True):
            start = time.process_time()
            run()
            durations.append(time.process_time() - start)
    return [median(durations[1:]) for durations in taken]


def peaks_mib(parts: list[Part]) -> list[list[float]]:
    """How much the process grows at most in each run of each part; the kernel keeps the mark.

    Only right in a process in which malloc maps every large block anew: what was freed before would hide what
    is taken now.
    """
    return [[_peak_mib(run) for run in (part.ours, part.plain) if run] for part in parts]


def _peak_mib(run: Callable[[], object]) -> float:
    run()  # what is made once, such as buffers of the allocator, is not counted
    Path("/proc/self/clear_refs").write_text("5")  # sets the mark back
    before = _memory_kib("VmRSS")
    run()
    return max(0.0, (_memory_kib("VmHWM") - before) / 1024)


def _memory_kib(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def map_every_block_anew() -> None:
    m_trim_threshold, m_mmap_threshold = -1, -3
    libc = ctypes.CDLL(None)
    libc.mallopt(m_mmap_threshold, 1 << 16)
    libc.mallopt(m_trim_threshold, 1 << 16)


def measure_peaks_apart(threads: int) -> list[list[float]]:
    command = [sys.executable, __file__, "--peaks", "--threads", str(threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    peaks: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return peaks


def report(parts: list[Part], peaks: list[list[float]], repeat: int) -> None:
    print(f"{'part':<25} {'ours':>23} | {'plain':>23} | ratio of time, memory")
    for part, memory in zip(parts, peaks, strict=True):
        seconds = seconds_in_turns(part, repeat)
        line = f"{part.name:<25} {seconds[0] * 1e3:9.1f} ms {memory[0]:6.1f} MiB"
        if part.plain:
            smaller = f"{memory[1] / memory[0]:4.1f} x" if min(memory) > 1 else "     -"
            line += f" | {seconds[1] * 1e3:9.1f} ms {memory[1]:6.1f} MiB"
            line += f" | {seconds[1] / seconds[0]:5.1f} x {smaller}  {part.plain_name}"
        print(line)


def training_step(model: Any, batch: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    losses = model(**batch, mode="loss")
    sum(value for name, value in losses.items() if "loss" in name).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 35.0)
    optimizer.step()


def compare_loading(step_s: float, dataset: FusionDataset) -> None:
    start = time.process_time()
    for index in range(BATCH):
        dataset[index]
    loading_s = time.process_time() - start
    print(
        f"a training step takes {step_s * 1e3:.0f} ms, reading its {BATCH} augmented frames"
        f" {loading_s * 1e3:.0f} ms: {loading_s / step_s:.0%} of it, without a worker process"
    )


def print_profile(model: Any, batch: Mapping[str, Any], step: Callable[[], None], repeat: int) -> None:
    """Where a step goes: each part alone, both passes, and the operators that cost most."""
    seen: dict[str, tuple[Any, ...]] = {}
    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs}))
        for name, module in model.named_children()
    ]
    model(**batch, mode="loss")
    for hook in hooks:
        hook.remove()
    for name, inputs in seen.items():
        both = Part(name, partial(_run_both_passes, getattr(model, name), _detached(inputs)))
        print(f"  {name:<20} {seconds_in_turns(both, repeat)[0] * 1e3:6.1f} ms")
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        step()
    print(
        recorded.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=44)
    )


def _detached(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_detached(item) for item in value]
    return value.detach() if isinstance(value, Tensor) else value


def _run_both_passes(module: nn.Module, inputs: list[Any]) -> None:
    outputs = module(*inputs)
    while not isinstance(outputs, Tensor):
        outputs = outputs[-1] if isinstance(outputs, list | tuple) else outputs["heatmap"]
    backward(outputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="also where a training step goes")
    parser.add_argument("--peaks", action="store_true", help="only the peak memories, as JSON")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.peaks:
        map_every_block_anew()
    register()
    with tempfile.TemporaryDirectory() as folder:
        spec = tiny_spec(Path(folder))
        model: Any = build_model(spec).train()
        dataset = open_split(spec, spec.dataset.train_dataset, augment=True)
        batch = make_batch(model, dataset)
        parts = parts_of(model, batch)
        if options.peaks:
            print(json.dumps(peaks_mib(parts)))
            return
        report(parts, measure_peaks_apart(options.threads), options.repeat)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        step = partial(training_step, model, batch, optimizer)
        compare_loading(seconds_in_turns(Part("step", step), options.repeat)[0], dataset)
        if options.profile:
            print_profile(model, batch, step, options.repeat)


if __name__ == "__main__":
    main()
