"""What a study was made with, and the digests of what it made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from automl.report.command_line import without_password
from automl.report.material import Material

__all__ = ["list_provenance"]


def list_provenance(material: Material) -> Iterator[tuple[str, str]]:
    """Tags of the study, and digests of the files that decide about the result."""
    for name, value in material.sheet.tags.items():
        yield name.replace("_", " ").removeprefix("version."), value
    if tracking := material.summary["mlflow"]:
        yield "MLflow run", f"{without_password(tracking['tracking_uri'])} {tracking['run_id']}"
    folder = material.folder
    for path in (
        folder.sheet,
        folder.events,
        folder.best / "spec.yaml",
        *sorted(folder.best.glob("checkpoint.*")),
    ):
        if path.is_file():
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            yield f"sha256 of {path.relative_to(folder.root)}", digest
