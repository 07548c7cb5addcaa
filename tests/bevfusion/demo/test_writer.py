import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bevfusion.demo import write_dataset
from bevfusion.demo.sequences import plan_sequences
from bevfusion.errors import DataError, SpecError


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_four_hundred_frames_split_240_60_100_in_whole_sequences():
    plan = plan_sequences(400)
    frames = {split: sum(s.frames for s in plan if s.split == split) for split in ("train", "val", "test")}
    assert frames == {"train": 240, "val": 60, "test": 100}
    assert {s.frames for s in plan} == {4}
    assert [s.first_frame for s in plan] == list(range(0, 400, 4))
    assert {s.split for s in plan if not s.has_persons} == {"train", "val", "test"}


@pytest.mark.parametrize("frames", [7, 8, 33, 101])
def test_every_split_gets_frames_and_none_is_lost(frames):
    plan = plan_sequences(frames)
    assert {s.split for s in plan} == {"train", "val", "test"}
    assert [s.first_frame for s in plan] == np.cumsum([0, *(s.frames for s in plan)])[:-1].tolist()
    assert sum(s.frames for s in plan) == frames


def test_splits_share_no_sequence(dataset):
    sequence = dict(line.split() for line in lines(dataset / "ImageSets/sequences.txt"))
    parts = {part: lines(dataset / f"ImageSets/{part}.txt") for part in ("train", "val", "test", "trainval")}
    found = [{sequence[frame] for frame in parts[part]} for part in ("train", "val", "test")]
    assert len(set.union(*found)) == sum(len(part) for part in found)
    assert parts["trainval"] == sorted(parts["train"] + parts["val"])
    assert sorted(sequence) == sorted(parts["trainval"] + parts["test"])


def test_frame_files_have_kittis_formats(dataset):
    names = [path.stem for path in sorted((dataset / "training/image_2").iterdir())]
    assert names == [f"{index:06d}" for index in range(30)]
    for name in names[::7]:
        assert Image.open(dataset / f"training/image_2/{name}.png").size == (704, 256)
        points = np.fromfile(dataset / f"training/velodyne/{name}.bin", np.float32).reshape(-1, 4)
        assert 8000 < len(points) < 13000
        assert np.isfinite(points).all()
        assert (points[:, 3] >= 0).all()
        assert (points[:, 3] <= 1).all()
        rows = [row.split() for row in lines(dataset / f"training/label_2/{name}.txt")]
        assert {len(row) for row in rows} == {15}
        assert {row[0] for row in rows} <= {"Pedestrian", "Person_sitting", "Cyclist", "Car", "DontCare"}


def test_frames_of_a_sequence_resemble_one_another_and_sequences_do_not(dataset):
    def brightness(frame: int) -> np.ndarray:
        image = Image.open(dataset / f"training/image_2/{frame:06d}.png").resize((22, 8))
        return np.asarray(image, float)

    within = abs(brightness(2) - brightness(3)).mean()
    across = abs(brightness(2) - brightness(25)).mean()
    assert within < 0.6 * across


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path):
    write_dataset(tmp_path / "one", frames=7, seed=3, workers=1, progress=False)
    write_dataset(tmp_path / "two", frames=7, seed=3, workers=2, progress=False)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert not (tmp_path / "two.partial").exists()


def test_another_seed_makes_other_scenes(tmp_path):
    for seed in (0, 1):
        write_dataset(tmp_path / str(seed), frames=7, seed=seed, workers=1, progress=False)
    first, second = (digests(tmp_path / name) for name in ("0", "1"))
    assert first.keys() == second.keys()
    assert not {name for name in first if "velodyne" in name and first[name] == second[name]}


def test_same_data_set_is_left_as_it_is(dataset):
    before = (dataset / "training/velodyne/000000.bin").stat().st_mtime_ns
    write_dataset(dataset, frames=30, seed=1, workers=1, progress=False)
    assert (dataset / "training/velodyne/000000.bin").stat().st_mtime_ns == before


def test_data_set_of_another_seed_is_refused_with_both_seeds(dataset):
    with pytest.raises(DataError, match=r'"seed": 1, .*"seed": 9, .*') as caught:
        write_dataset(dataset, frames=30, seed=9, workers=1, progress=False)
    assert caught.value.faults[0].where == str(dataset)


def test_folder_with_other_files_is_refused_and_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="no data set of this command"):
        write_dataset(tmp_path, frames=7, workers=1, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_rest_of_an_interrupted_run_is_cleared(tmp_path):
    partial = tmp_path / "out.partial"
    (partial / "training/velodyne").mkdir(parents=True)
    (partial / "demo.json").write_text(json.dumps({"frames": 9}))
    (partial / "training/velodyne/000099.bin").write_bytes(b"half")
    write_dataset(tmp_path / "out", frames=7, workers=1, progress=False)
    assert not partial.exists()
    assert not (tmp_path / "out/training/velodyne/000099.bin").exists()


def test_foreign_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "out.partial").mkdir()
    with pytest.raises(DataError, match="not made by this command"):
        write_dataset(tmp_path / "out", frames=7, workers=1, progress=False)


@pytest.mark.parametrize(("frames", "seed"), [(6, 0), (7, -1)])
def test_too_few_frames_or_a_negative_seed_is_refused(tmp_path, frames, seed):
    with pytest.raises(SpecError, match=f"{frames} frames from seed {seed}"):
        write_dataset(tmp_path / "out", frames=frames, seed=seed)
    assert list(tmp_path.iterdir()) == []
