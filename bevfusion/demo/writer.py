"""Writes the data set in KITTI's folder layout, in parallel, the same bytes for any number of workers."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.random import SeedSequence, default_rng
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bevfusion.demo.camera import photograph
from bevfusion.demo.labels import annotate
from bevfusion.demo.lidar import scan
from bevfusion.demo.scenery import sample_scene
from bevfusion.demo.snapshot import take_snapshot
from bevfusion.demo.world import Scene
from bevfusion.errors import DataError, SpecError

__all__ = ["Sequence", "plan_sequences", "write_dataset"]

SPLIT_SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}
SEQUENCE_FRAMES = 4
# One street in so many has nobody to detect: frames without ground truth must do no harm.
EMPTY_EVERY = 16
MARKER = "demo.json"
LAYOUT = {"velodyne": "bin", "image_2": "png", "calib": "txt", "label_2": "txt"}


@dataclass(frozen=True)
class Sequence:
    """A run of consecutive frames in one street, all in one split."""

    number: int
    split: str
    first_frame: int
    frames: int

    @property
    def has_persons(self) -> bool:
        """Whether anybody walks in this street."""
        return (self.number + 1) % EMPTY_EVERY != 0


@dataclass(frozen=True)
class _Marker:
    """What the data set was made from; equal markers mean equal bytes."""

    frames: int
    seed: int
    generator: str = "bevfusion demo_data"
    version: int = 1

    def as_text(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def plan_sequences(frames: int) -> list[Sequence]:
    """Share frames out over the splits, about 60/15/25, and cut each split into sequences of about four."""
    ends = np.rint(np.cumsum([0, *SPLIT_SHARES.values()]) * frames).astype(int)
    sequences: list[Sequence] = []
    for split, first, last in zip(SPLIT_SHARES, ends[:-1], ends[1:], strict=True):
        pieces = max(1, round((last - first) / SEQUENCE_FRAMES))
        for piece in np.array_split(np.arange(first, last), pieces):
            sequences.append(Sequence(len(sequences), split, int(piece[0]), len(piece)))
    return sequences


def write_dataset(
    out: Path, *, frames: int = 400, seed: int = 0, workers: int | None = None, progress: bool = True
) -> None:
    """Make a KITTI-layout data set of street scenes, to try the detector on without downloading anything.

    ``out`` receives ``training/{velodyne,image_2,calib,label_2}``,
    ``ImageSets/{train,val,test,trainval}.txt`` and ``ImageSets/sequences.txt``
    (frame and sequence per line; sequences never cross splits). The result depends on ``frames`` and
    ``seed`` alone. A data set made with the same values is left as it is.

    Args:
        out: folder to write; it appears only when complete.
        frames: number of frames, 7 or more.
        seed: any natural number.
        workers: processes; all available cores by default.
        progress: show a progress bar on stderr.

    Raises:
        SpecError: too few frames, or a negative seed.
        DataError: ``out`` holds something else.
    """
    if frames < 7 or seed < 0:
        raise SpecError(
            f"{frames} frames from seed {seed}; at least 7 frames and seed 0 are needed", where="demo_data"
        )
    out, marker = out.resolve(), _Marker(frames, seed)
    if _is_complete(out, marker):
        return
    partial = _fresh_partial(out, marker)
    sequences = plan_sequences(frames)
    with _bar(frames, shown=progress) as advance:
        for sequence in _run(sequences, partial, seed, workers or os.cpu_count() or 1):
            advance(sequence.frames)
    _write_splits(partial, sequences)
    partial.rename(out)


@contextmanager
def _bar(frames: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("street scenes", total=frames)
        yield lambda done: bar.advance(task, done)


def _is_complete(out: Path, marker: _Marker) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    found = out / MARKER
    if found.is_file() and found.read_text() == marker.as_text():
        return True
    what = found.read_text() if found.is_file() else "no data set of this command"
    raise DataError(
        f"holds {' '.join(what.split())}, and {' '.join(marker.as_text().split())} was asked for",
        where=str(out),
        hint="choose another folder with --out, or remove this one",
    )


def _fresh_partial(out: Path, marker: _Marker) -> Path:
    partial = out.with_name(out.name + ".partial")
    if partial.exists():
        if not (partial / MARKER).is_file():
            raise DataError(
                "is in the way and was not made by this command", where=str(partial), hint="remove it"
            )
        shutil.rmtree(partial)
    for folder in LAYOUT:
        (partial / "training" / folder).mkdir(parents=True)
    (partial / "ImageSets").mkdir()
    (partial / MARKER).write_text(marker.as_text())
    return partial


def _run(sequences: list[Sequence], root: Path, seed: int, workers: int) -> Iterator[Sequence]:
    if workers == 1:
        yield from (_write_sequence(sequence, root, seed) for sequence in sequences)
        return
    # Forking would copy the locks of whatever threads the caller runs.
    context = multiprocessing.get_context("spawn")
    count = len(sequences)
    with ProcessPoolExecutor(min(workers, count), mp_context=context) as pool:
        yield from pool.map(_write_sequence, sequences, [root] * count, [seed] * count)


def _write_sequence(sequence: Sequence, root: Path, seed: int) -> Sequence:
    rng = default_rng(SeedSequence(seed, spawn_key=(sequence.number,)))
    scene = sample_scene(rng, sequence.frames, has_persons=sequence.has_persons)
    for frame in range(sequence.frames):
        own = default_rng(SeedSequence(seed, spawn_key=(sequence.number, frame)))
        _write_frame(scene, frame, root / "training", f"{sequence.first_frame + frame:06d}", own)
    return sequence


def _write_frame(scene: Scene, frame: int, folder: Path, name: str, rng: np.random.Generator) -> None:
    snapshot = take_snapshot(scene, frame)
    sweep, picture = scan(snapshot, rng), photograph(snapshot, scene, rng)
    labels = annotate(snapshot, scene.calibration, picture.hits, sweep)
    path = {kind: folder / kind / f"{name}.{suffix}" for kind, suffix in LAYOUT.items()}
    path["velodyne"].write_bytes(sweep.points.tobytes())
    Image.fromarray(picture.pixels).save(path["image_2"], compress_level=1)
    path["calib"].write_text(scene.calibration.as_text())
    path["label_2"].write_text("".join(f"{label.as_text()}\n" for label in labels))


def _write_splits(root: Path, sequences: list[Sequence]) -> None:
    folder = root / "ImageSets"
    parts: dict[str, list[str]] = {split: [] for split in SPLIT_SHARES}
    mapping: list[str] = []
    for sequence in sequences:
        names = [f"{sequence.first_frame + frame:06d}" for frame in range(sequence.frames)]
        parts[sequence.split] += names
        mapping += [f"{name} {sequence.number:04d}" for name in names]
    for split, names in (
        parts | {"trainval": sorted(parts["train"] + parts["val"]), "sequences": mapping}
    ).items():
        _write_lines(folder / f"{split}.txt", names)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
