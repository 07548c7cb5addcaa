"""What a checkpoint becomes when it is carried away; the detector is fresh, so that nothing is trained."""

import importlib.util
import json
import runpy
import shutil
from pathlib import Path

import pytest
import yaml

from bevfusion.errors import SpecError
from tests.bevfusion.conftest import tiny_spec

HAS_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


@pytest.fixture(scope="module")
def exported(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a fresh detector, made from a checkpoint that also holds an optimizer's state."""
    import torch

    from bevfusion import checkpoints
    from bevfusion.actions import export
    from bevfusion.build import build_model

    home = tmp_path_factory.mktemp("export")
    torch.manual_seed(0)
    state = build_model(tiny_spec(street, home)).state_dict()
    ballast = {"exp_avg": torch.zeros(10**6)}
    checkpoints.save({"state_dict": state, "optimizer": ballast}, home / "epoch_1.pth")
    spec = tiny_spec(street, home / "out", f"export.checkpoint={home / 'epoch_1.pth'}")
    export.run(spec)
    return home


@pytest.mark.torch
def test_an_export_holds_weights_spec_classes_and_an_example(exported: Path) -> None:
    out = exported / "out"
    files = {"weights.pth", "spec.yaml", "classes.txt", "infer.py", "export.json", "status.json"}
    assert files <= {path.name for path in out.iterdir()}
    assert (out / "classes.txt").read_text() == "person\n"
    saved = (exported / "epoch_1.pth").stat().st_size - (out / "weights.pth").stat().st_size
    assert saved > 3.9e6  # the optimizer's million floats stayed behind


@pytest.mark.torch
def test_the_exported_spec_names_no_place_of_this_machine(exported: Path, street: Path) -> None:
    text = (exported / "out" / "spec.yaml").read_text()
    assert str(street) not in text
    assert str(exported) not in text
    spec = yaml.safe_load(text)
    assert spec["dataset"]["classes"] == ["person"]
    assert spec["dataset"]["test_dataset"]["ann_file"] is None


@pytest.mark.torch
def test_the_example_detects_in_a_folder_of_frames(
    exported: Path,
    street: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for source, suffix in (("velodyne", ".bin"), ("image_2", ".png"), ("calib", ".txt")):
        (tmp_path / "drive" / source).mkdir(parents=True)
        shutil.copy(street / "training" / source / f"000001{suffix}", tmp_path / "drive" / source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["infer.py"])
    with pytest.raises(SystemExit, match=r"python infer.py FRAMES OUT; FRAMES has velodyne"):
        runpy.run_path(str(exported / "out" / "infer.py"), run_name="__main__")
    monkeypatch.setattr("sys.argv", ["infer.py", str(tmp_path / "drive"), str(tmp_path / "out")])
    runpy.run_path(str(exported / "out" / "infer.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1].startswith("000001 [")
    assert (tmp_path / "out" / "predictions" / "000001.txt").is_file()


@pytest.mark.torch
def test_what_is_not_in_onnx_is_said_with_its_reason(exported: Path) -> None:
    document = json.loads((exported / "out" / "export.json").read_text())
    reasons = {entry["part"]: entry["reason"] for entry in document["not_in_onnx"]}
    assert {"LiDAR branch", "lift to bird's eye view", "decoding"} <= set(reasons)
    if not HAS_ONNX:
        assert document["onnx"] == []
        assert reasons["image branch"].endswith("not installed: pip install 'automl-3d[export]'")


@pytest.mark.torch
@pytest.mark.skipif(not HAS_ONNX, reason="needs the packages of the extra export; review by 2027-06")
def test_onnx_computes_what_the_detector_computes(exported: Path) -> None:
    document = json.loads((exported / "out" / "export.json").read_text())
    assert [entry["part"] for entry in document["onnx"]] == ["image branch", "BEV branch"]
    for entry in document["onnx"]:
        assert (exported / "out" / entry["file"]).is_file()
        assert entry["largest_difference"] < 1e-4 * max(1.0, entry["largest_value"])


@pytest.mark.torch
def test_onnx_can_be_left_out(exported: Path, street: Path, tmp_path: Path) -> None:
    from bevfusion.actions import export

    export.run(
        tiny_spec(street, tmp_path, f"export.checkpoint={exported / 'epoch_1.pth'}", "export.onnx=false")
    )
    document = json.loads((tmp_path / "export.json").read_text())
    assert document["onnx"] == []
    assert {"part": "BEV branch", "reason": "onnx is switched off (export.onnx)"} in document["not_in_onnx"]


def test_an_export_needs_a_checkpoint(street: Path, tmp_path: Path) -> None:
    from bevfusion.actions import export

    with pytest.raises(SpecError, match=r"export\.checkpoint: names no checkpoint"):
        export.run(tiny_spec(street, tmp_path))
