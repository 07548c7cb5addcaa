"""Writes the data set in parallel, the same bytes for any number of workers."""

from __future__ import annotations

import functools
import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import joblib
import numpy as np
from numpy.random import SeedSequence, default_rng
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bevfusion.demo.camera import photograph
from bevfusion.demo.labels import annotate
from bevfusion.demo.layouts import LAYOUTS, Layout, Recording
from bevfusion.demo.lidar import scan
from bevfusion.demo.scenery import sample_scene
from bevfusion.demo.sequences import Sequence, plan_sequences
from bevfusion.demo.snapshot import take_snapshot
from bevfusion.demo.world import Scene
from bevfusion.errors import DataError, SpecError

__all__ = ["DEFAULT_LAYOUT", "write_dataset"]

MARKER = "demo.json"
DEFAULT_LAYOUT = "kitti"


@dataclass(frozen=True)
class _Marker:
    """What the data set was made from; equal markers mean equal bytes."""

    frames: int
    seed: int
    generator: str = "bevfusion demo_data"
    version: int = 1
    layout: str = DEFAULT_LAYOUT

    def as_text(self) -> str:
        told = asdict(self)
        if self.layout == DEFAULT_LAYOUT:
            del told["layout"]
        return json.dumps(told, indent=2) + "\n"


def write_dataset(
    out: Path,
    *,
    frames: int = 400,
    seed: int = 0,
    layout: str = DEFAULT_LAYOUT,
    workers: int | None = None,
    progress: bool = True,
) -> None:
    """Make a data set of street scenes, to try the detector on without downloading anything.

    In KITTI's layout ``out`` receives ``training/{velodyne,image_2,calib,label_2}``,
    ``ImageSets/{train,val,test,trainval}.txt`` and ``ImageSets/sequences.txt``
    (frame and sequence per line; sequences never cross splits). The scenes depend on ``frames`` and
    ``seed`` alone, the same in every layout. A data set made with the same values is left as it is.

    Args:
        out: folder to write; it appears only when complete.
        frames: number of frames, 7 or more.
        seed: any natural number.
        layout: key of :data:`bevfusion.demo.layouts.LAYOUTS`.
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
    out, marker = out.resolve(), _Marker(frames, seed, layout=layout)
    if _is_complete(out, marker):
        return
    partial = _fresh_partial(out, marker)
    sequences = plan_sequences(frames)
    write = functools.partial(_write_sequence, root=partial, seed=seed, layout=LAYOUTS[layout])
    with _bar(frames, shown=progress) as advance:
        for sequence in _run(write, sequences, workers or joblib.cpu_count()):
            advance(sequence.frames)
    LAYOUTS[layout].write_lists(partial, sequences)
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
    partial.mkdir(parents=True)
    (partial / MARKER).write_text(marker.as_text())
    return partial


def _run(
    write: Callable[[Sequence], Sequence], sequences: list[Sequence], workers: int
) -> Iterator[Sequence]:
    if workers == 1:
        yield from map(write, sequences)
        return
    # Forking would copy the locks of whatever threads the caller runs.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(sequences)), mp_context=context) as pool:
        yield from pool.map(write, sequences)


def _write_sequence(sequence: Sequence, *, root: Path, seed: int, layout: Layout) -> Sequence:
    rng = default_rng(SeedSequence(seed, spawn_key=(sequence.number,)))
    scene = sample_scene(rng, sequence.frames, has_persons=sequence.has_persons)
    for frame in range(sequence.frames):
        own = default_rng(SeedSequence(seed, spawn_key=(sequence.number, frame)))
        layout.write_frame(root, sequence, frame, _record(scene, frame, own))
    return sequence


def _record(scene: Scene, frame: int, rng: np.random.Generator) -> Recording:
    snapshot = take_snapshot(scene, frame)
    sweep, picture = scan(snapshot, rng), photograph(snapshot, scene, rng)
    labels = annotate(snapshot, scene.calibration, picture.hits, sweep)
    return Recording(sweep.points, picture.pixels, scene.calibration, labels)
