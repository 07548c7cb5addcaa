import subprocess
from pathlib import Path

from automl.provenance import fingerprint_files, installed_versions, source_revision


def test_fingerprint_changes_with_contents_and_order_but_not_with_names(tmp_path: Path) -> None:
    for name, text in (("a", "one"), ("b", "two"), ("c", "one")):
        (tmp_path / name).write_text(text)
    first = fingerprint_files([tmp_path / "a", tmp_path / "b"])
    assert first == fingerprint_files([tmp_path / "c", tmp_path / "missing", tmp_path / "b"])
    assert first != fingerprint_files([tmp_path / "b", tmp_path / "a"])
    assert len(first) == 16


def test_versions_name_python_and_the_samplers_library() -> None:
    assert {"python", "optuna", "automl-3d"} <= set(installed_versions())


def test_revision_of_a_changed_checkout_is_marked(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "file").write_text("one")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    clean = source_revision(tmp_path)
    (tmp_path / "file").write_text("two")
    assert clean is not None
    assert source_revision(tmp_path) == f"{clean}-dirty"


def test_folder_outside_of_a_checkout_has_no_revision(tmp_path: Path) -> None:
    assert source_revision(tmp_path) is None
