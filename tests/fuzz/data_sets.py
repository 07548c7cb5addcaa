"""Readers of data sets: lists of frames, calibrations, labels, points, images, and what conversion wrote."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from bevfusion.data.infos import FORMAT, VERSION, read_infos
from bevfusion.data.kitti import KittiLayout, read_calibrations, read_labels, read_plane, read_sequences
from bevfusion.data.layout import FrameFiles
from bevfusion.data.loading import load_image, load_points, read_image_size
from bevfusion.data.tao3d import Tao3dLayout
from bevfusion.geometry.frames import invert_rigid, is_rotation
from bevfusion.metrics import labels as scored
from bevfusion.metrics.score import score_folders
from tests.fakes.info_entry import entry
from tests.fuzz.damage import OPCODES, PLAIN, damaged, text_files, warped
from tests.fuzz.target import Inputs, Target

__all__ = ["DATA_SETS"]

CALIBRATION = """P0: 1 0 0 0 0 1 0 0 0 0 1 0
P2: 100 0 80 0 0 100 30 0 0 0 1 0
P3: 100 0 80 -5 0 100 30 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0
"""
LABEL = """Pedestrian 0.00 0 -0.10 85.37 27.95 94.87 46.41 1.80 0.50 0.90 1.00 1.60 10.00 0.00
DontCare -1 -1 -10 1.00 2.00 9.00 8.00 -1 -1 -1 -1000 -1000 -1000 -10
"""
PREDICTION = "person 0.00 0 -0.10 85.37 27.95 94.87 46.41 1.80 0.50 0.90 1.00 1.60 10.00 0.00 0.75\n"
TAO_CALIBRATION = """extrinsic: 0 -1 0 0 0 0 -1 0 1 0 0 0 0 0 0 1
intrinsic: 100 100 80 30
third: 1
fourth: 1
fifth: 100 100 80 30
"""
TAO_LABEL = "person 0 0 0 85 27 94 46 1.8 0.5 0.9 10 1 -0.5 0 0 0.1\n"
PLANE = "# Plane\nWidth 4\nHeight 1\n-0.007 -0.999 -0.03 1.65\n"


def _read_calibrations(path: Path) -> None:
    for calibration in read_calibrations(path, ("CAM2", "CAM3")).values():
        if is_rotation(calibration.lidar2cam):
            invert_rigid(calibration.lidar2cam)


def _list_frames(path: Path) -> None:
    layout = KittiLayout(path.parents[1])
    layout.list_frames("train")


def _list_sequences(path: Path) -> None:
    layout = Tao3dLayout(path.parents[1])
    layout.list_frames("train")


def _frame_lists(place: Path) -> None:
    (place / "training" / "velodyne").mkdir(parents=True)
    images = place / "training" / "images" / "0001"
    images.mkdir(parents=True)
    (images / "000000.png").touch()


def _read_predictions(path: Path) -> None:
    scored.read_predictions(path)
    score_folders(path.parents[1] / "label_2", path.parent)


def _labels_beside(place: Path) -> None:
    (place / "label_2").mkdir()
    (place / "label_2" / "000001.txt").write_text(LABEL.replace("Pedestrian", "person"))


def _read_scored_labels(path: Path) -> None:
    scored.read_labels(path)
    score_folders(path.parent, path.parents[1] / "pred")


def _predictions_beside(place: Path) -> None:
    (place / "pred").mkdir()
    (place / "pred" / "000001.txt").write_text(PREDICTION)


def _read_tao(path: Path) -> None:
    for is_synthetic in (False, True):
        Tao3dLayout(path.parent, is_synthetic=is_synthetic).read_labels(path)


def _read_tao_calibration(path: Path) -> None:
    nothing = Path("nothing")
    frame = FrameFiles("a/b", 0, "training", "a", nothing, {"CAM0": nothing}, path, None)
    for is_synthetic in (False, True):
        Tao3dLayout(path.parent, is_synthetic=is_synthetic).read_calibrations(frame)


def _infos() -> Inputs:
    meta = {"format": FORMAT, "version": VERSION, "dataset_type": "KittiPersonDataset", "split": "train"}
    content = {"metainfo": {**meta, "classes": ["person"]}, "data_list": [entry(plane=[0.0, -1.0, 0.0, 1.7])]}
    sound, written = pickle.dumps(content), warped(content, PLAIN).map(pickle.dumps)
    return st.one_of(written, written, damaged(sound, OPCODES), damaged(sound), st.binary(max_size=80))


def _npy() -> Inputs:
    stream = io.BytesIO()
    np.save(stream, np.ones((5, 4), dtype=np.float32))
    sound, zipped = stream.getvalue(), io.BytesIO()
    np.savez(zipped, points=np.ones((5, 4)))
    header = st.builds(
        lambda shape, kind: (
            b"\x93NUMPY\x01\x00v\x00"
            + f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117)
            + b"\n"
            + bytes(80)
        ),
        st.sampled_from(
            ("(5, 4)", "(99999999999, 4)", "(-1,)", "()", "(2, 3, 4)", "(5,)", "5", "(1 << 40,)", "(1e9,)")
        ),
        st.sampled_from(
            ("<f4", ">f8", "<i2", "<c8", "|O", "|S4", "<U3", "|V9999999", "<M8[s]", "?", "x", "<f4,<f4")
        ),
    )
    return (
        damaged(sound)
        | header
        | header.flatmap(damaged)
        | damaged(zipped.getvalue())
        | st.binary(max_size=80)
    )


def _images() -> Inputs:
    written = []
    for kind in ("png", "jpeg", "bmp", "gif", "tiff", "webp", "ppm"):
        stream = io.BytesIO()
        Image.new("RGB", (8, 4)).save(stream, kind)
        written.append(stream.getvalue())
    huge = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\xff\xff", b"IHDR", b"IDAT", b"tEXt")
    return st.sampled_from(written).flatmap(lambda data: damaged(data) | damaged(data, huge))


def _read_image(path: Path) -> None:
    read_image_size(path)
    load_image(path)


DATA_SETS: Mapping[str, Target] = {
    "calibration": Target("000001.txt", lambda: text_files(CALIBRATION), _read_calibrations),
    "labels": Target("000001.txt", lambda: text_files(LABEL), read_labels),
    "ground plane": Target("000001.txt", lambda: text_files(PLANE), read_plane),
    "frame list": Target(
        "ImageSets/train.txt", lambda: text_files("000000\n000001\n"), _list_frames, _frame_lists
    ),
    "sequence of frames": Target(
        "sequences.txt", lambda: text_files("000000 0001\n000001 0001\n"), read_sequences
    ),
    "sequence list": Target(
        "ImageSets/train.txt", lambda: text_files("0001\n"), _list_sequences, _frame_lists
    ),
    "labels of sequences": Target("000001.txt", lambda: text_files(TAO_LABEL), _read_tao),
    "calibration of sequences": Target(
        "000001.txt", lambda: text_files(TAO_CALIBRATION), _read_tao_calibration
    ),
    "predictions": Target(
        "pred/000001.txt", lambda: text_files(PREDICTION * 2), _read_predictions, _labels_beside
    ),
    "labels to score": Target(
        "label_2/000001.txt",
        lambda: text_files(LABEL.replace("Pedestrian", "person")),
        _read_scored_labels,
        _predictions_beside,
    ),
    "info file": Target("infos.pkl", _infos, read_infos),
    "points": Target("000001.npy", _npy, load_points),
    "image": Target("000001.png", _images, _read_image),
}
